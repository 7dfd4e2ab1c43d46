/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of pointwise programs and their kernels. */
#ifndef TRO_CPU_TILE_CODE_H
#define TRO_CPU_TILE_CODE_H

#include <stdint.h>

enum tro_tile_code {
#define FLOAT_CODE(id, n_src, splat) TRO_TILE_##id,
#define INT_CODE(id, n_src, splat) TRO_TILE_##id,
#include "cpu/tile_codes.def"
#undef FLOAT_CODE
#undef INT_CODE
    TRO_N_TILE_CODES
};

/* One instruction on a block. Rows lie pitch bytes apart. step is that from column to column in
 * bytes: of dst the element's size, of a source that or 0 where it repeats over the columns;
 * anything for what load reads and store writes. dst may be the memory of a source where both have
 * the same pitch. */
struct tro_tile_call {
    int64_t n_rows, n_cols;
    char *dst;
    const char *src[3];
    int64_t dst_pitch, pitch[3];
    int64_t dst_step, step[3];
    const float *imm;
};
typedef void tro_tile_fn(const struct tro_tile_call *c);

/* By code; NULL where another level's table has it. */
extern tro_tile_fn *const tro_tile_float_fns[TRO_N_TILE_CODES];
extern tro_tile_fn *const tro_tile_float_fns__avx2[TRO_N_TILE_CODES];
extern tro_tile_fn *const tro_tile_float_fns__avx512[TRO_N_TILE_CODES];
extern tro_tile_fn *const tro_tile_int_fns[TRO_N_TILE_CODES];
extern tro_tile_fn *const tro_tile_int_fns__avx2[TRO_N_TILE_CODES];

#endif
