/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs of run and compare: "[NAME=]FILE", or numbers in place of a file: "[NAME=]0.75,1". */
#ifndef TRO_TOOLS_INPUTS_H
#define TRO_TOOLS_INPUTS_H

#include "args.h"
#include "side.h"

/* Which of n names the specification means: by its name, else the next one in order that no earlier
 * specification took. taken has n entries. TRO_E_INPUT when there is none. what: "input". */
int tro_match_name(const char *spec, const char *const *names, bool *taken, int n, const char *what,
                   const char **file, int *index, struct tro_err *err);

/* Reads a tensor or a picture for an input of the side; a picture becomes a frame where the input
 * is that of a camera. .npy files of raw bits stand for types NumPy lacks. A path that is a row of
 * numbers with commas, and no file, stands for all elements. */
int tro_input_read(const struct tro_side *s, const char *path, const struct tro_io_info *info,
                   struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err);

/* The same elements under the type `want` when the file's type is its raw bits: bf16 as u16 or f8
 * as
 * u8, 4-bit types as i8 or u8. */
void tro_reinterpret_raw(struct tro_tensor *t, enum tro_dtype want);

/* Reads files for all inputs of a side; every input must get one. out has n_inputs entries. */
int tro_inputs_read(const struct tro_side *s, const struct tro_list *specs, struct tro_arena *arena,
                    struct tro_tensor *out, struct tro_err *err);

#endif
