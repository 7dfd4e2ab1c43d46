/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of outputs: output_<i>.npy in the model's order, and outputs.tsv with a line for each:
 * index, name, type, shape (1x3x224x224 or scalar), separated by tabs. */
#ifndef TRO_TOOLS_OUTPUTS_H
#define TRO_TOOLS_OUTPUTS_H

#include "side.h"

int tro_outputs_write(const char *dir, const struct tro_side *s, struct tro_err *err);

/* "1x3x224x224", "scalar" */
void tro_shape_print(const struct tro_tensor *t, char *out, size_t n);

#endif
