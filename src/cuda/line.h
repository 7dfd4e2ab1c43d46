/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/cuda: kernels in which a team of threads works on a line (kernels/line.cuh). */
#ifndef TRO_CUDA_LINE_H
#define TRO_CUDA_LINE_H

#include "cuda/kernels/line.h"
#include "cuda/rows.h"

struct tro_cuda_line {
    struct tro_line line;
    int team, vector, kept;
    int axes[TRO_MAX_RANK], n_axes; /* of the result in walking order: kept ones, lines', c */
};

/* Lines of x over the axes of the set, along c, which is one of them. False when beyond 31 bits. */
bool tro_cuda_line_init(struct tro_cuda_line *k, const struct tro_arg *x, uint32_t set, int c);

/* What kernels/line.cuh wants to be told, then `more`; NULL when memory ran out. */
const char *tro_cuda_line_defines(struct tro_lowering *l, const struct tro_cuda_line *k,
                                  enum tro_dtype x, const char *more);

#endif
