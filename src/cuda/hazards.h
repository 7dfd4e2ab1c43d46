/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps of a program must wait for which: they touch the same bytes, and one of them
 * writes. */
#ifndef TRO_CUDA_HAZARDS_H
#define TRO_CUDA_HAZARDS_H

#include "lower/program.h"

/* For step first + i of the range [first, end), deps[offset[i] .. offset[i + 1]) are the steps,
 * counted from first, that it waits for. What follows from other waits is left out. */
struct tro_hazards {
    int32_t *deps;
    int32_t *offset; /* end - first + 1 of them */
};

int tro_hazards_find(const struct tro_program *p, int32_t first, int32_t end,
                     struct tro_hazards *out, struct tro_err *err);
void tro_hazards_finish(struct tro_hazards *h);

/* Bytes of a buffer from the first to the last that an arg touches. */
void tro_hazards_extent(const struct tro_arg *a, int64_t *begin, int64_t *end);

#endif
