/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FP32 matrix products, shared by convolution, matmul and transposed convolution.
 *
 *     C [m x n] = start + A [m x k] B [k x n]
 *
 * B is packed into panels of `width` columns, the last one narrower (a whole number of vectors):
 *
 *     panel 0          panel 1          last panel
 *     k0: b00 .. b31   k0: b0,32 ..     k0: b0,64 .. b0,79, zeros
 *     k1: b10 .. b31   ...              ...
 *
 * A is read row by row where it lies, or from a block of rows that was gathered into memory of the
 * thread. Sums run over k in one order whatever the number of threads, block sizes or tile heights.
 */
#ifndef TRO_CPU_GEMM_H
#define TRO_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One tile: rows and vectors of columns are fixed by the kernel. Pitches are in elements. */
struct tro_gemm_tile {
    const float *a; /* row r, element i: a[r * a_pitch + i] */
    int64_t a_pitch;
    const float *b;     /* a panel at its first k of this run */
    const float *ahead; /* as much memory as b, brought nearer for what comes next */
    int64_t k;
    const float *start; /* NULL: zero; pitch 0: the same for each row (a bias) */
    int64_t start_pitch;
    float *c;
    int64_t c_pitch;
    const float *other; /* added at the end; NULL: nothing */
    int64_t other_pitch;
    float lo, hi; /* clamp at the end; NaN stays NaN */
    int n;        /* columns that count: start, c and other are not touched beyond */
};
typedef void tro_gemm_tile_fn(const struct tro_gemm_tile *t);

/* n_rows rows of n floats. */
typedef void tro_gemm_copy_fn(float *dst, int64_t dst_pitch, const float *src, int64_t src_pitch,
                              int64_t n_rows, int64_t n);

/* Points of the transforms of cpu/conv_winograd.h beside 0 and infinity, each with both signs.
 * Their powers are exact, and errors are smaller than those of the usual 1 and 2. */
#define TRO_WINOGRAD_A 0.625f
#define TRO_WINOGRAD_B 1.5f
/* One tile and n channels: pixels to v[i * v_pitch + channel],
 * and m likewise, with a bias or NULL, to 4 x 4 pixels. */
typedef void tro_winograd_in_fn(const float *const pixel[36], int64_t n, float *v, int64_t v_pitch);
typedef void tro_winograd_out_fn(const float *m, int64_t m_pitch, const float *bias, int64_t n,
                                 float *dst, int64_t line_pitch, int64_t pixel_pitch);

/* The kernels of one level. */
struct tro_gemm_set {
    const char *kernel, *winograd; /* "gemm_f32_14x32__avx512", "winograd_f32_4x4__avx512" */
    int rows, lanes, vectors;
    tro_gemm_tile_fn *const *tile; /* [(vectors - 1) * set->rows + rows - 1], all sizes up to the
                                      set's */
    tro_gemm_copy_fn *copy;
    tro_winograd_in_fn *winograd_in;
    tro_winograd_out_fn *winograd_out;
};

/* One for each file gemm_f32__LEVEL.c. */
extern const struct tro_gemm_set tro_gemm_f32__generic, tro_gemm_f32__avx2, tro_gemm_f32__avx512,
    tro_gemm_f32__neon;

/* The best for the bits of base/cpu.h. */
const struct tro_gemm_set *tro_gemm_set_pick(uint32_t cpu_flags);

/* ---- B ----------------------------------------------------------------------------------- */

/* Floats of one packed B. */
int64_t tro_gemm_packed_size(const struct tro_gemm_set *s, int64_t k, int64_t n);
/* Where the panel of column `col` (a multiple of the width) begins. */
static inline int64_t tro_gemm_panel_offset(int64_t k, int64_t col)
{
    return col * k;
}

/* Packs panels [first, last) of B, element (i, j) at b[i * k_stride + j * n_stride]. */
void tro_gemm_pack(const struct tro_gemm_set *s, float *dst, const float *b, int64_t k, int64_t n,
                   int64_t k_stride, int64_t n_stride, int64_t first, int64_t last);

/* ---- blocks ------------------------------------------------------------------------------ */

/* Sizes of a product and how it is cut. n_batch products of the same sizes follow each other; the
 * rows of all of them are what threads share out. */
struct tro_gemm_plan {
    const struct tro_gemm_set *set;
    int64_t n_batch, m, n, k;
    int64_t m_block, n_block, k_block;
};

/* has_done: results go through `done`. */
void tro_gemm_plan_init(struct tro_gemm_plan *p, const struct tro_gemm_set *s, int64_t n_batch,
                        int64_t m, int64_t n, int64_t k, bool has_done);

/* Most parts that help. */
int tro_gemm_n_parts(const struct tro_gemm_plan *p, int n_threads);

/* What a part does: rows [row, row_end) of n_batch * m, columns [col, col_end). */
struct tro_gemm_range {
    int64_t row, row_end, col, col_end;
};
struct tro_gemm_range tro_gemm_split(const struct tro_gemm_plan *p, int part, int n_parts);

/* Rows [row, row + n_rows) of A, columns [k, k + n_k): a pointer to the first, either into A or to
 * `room`, which holds m_block * k_block floats. NULL: all of them are zero. */
typedef const float *tro_gemm_a_fn(const void *ctx, int64_t row, int64_t n_rows, int64_t k,
                                   int64_t n_k, float *room, int64_t *pitch);
/* A block of the result is complete and hot. */
typedef void tro_gemm_done_fn(const void *ctx, int64_t row, int64_t n_rows, int64_t col,
                              int64_t n_cols, const float *acc, int64_t pitch);

/* One product of the batch. */
struct tro_gemm_call {
    tro_gemm_a_fn *a;
    const void *ctx; /* of a and done */
    const float *b;  /* packed */
    const float *bias;
    float *c; /* done is NULL: the result at row c_row, column c_col, and what is done to it */
    int64_t c_row, c_col, c_pitch;
    const float *other;
    int64_t other_pitch;
    float lo, hi;
    tro_gemm_done_fn *done;
    float *room; /* tro_gemm_room floats, aligned to 64 */
};

/* Floats of memory that a run needs in each thread. */
size_t tro_gemm_room(const struct tro_gemm_plan *p, bool has_done);

/* Rows [row, row_end) of one product, columns [col, col_end); col is a multiple of the width. */
void tro_gemm_run(const struct tro_gemm_plan *p, const struct tro_gemm_call *c,
                  const struct tro_gemm_range *r);

#endif
