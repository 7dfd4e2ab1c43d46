/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointwise programs: what stands after an anchor (its epilogue), or a region of pointwise nodes
 * alone, interpreted tile by tile so that intermediate values stay in the first-level cache.
 *
 * A tile is a block of rows x cols elements of the result: rows along one of its axes, cols along
 * another, at one index of the rest. An anchor computes its block into memory of the thread ("acc")
 * and hands it over while it is hot; the program reads what else it needs (residuals, scales) where
 * it lies, broadcasting as the graph does, and writes the outputs where they lie.
 *
 *          col_axis ─►
 *     row  a a a a        index[row_axis], index[col_axis]: the first element
 *     axis a a a a        acc + i * acc_pitch + j holds element (i, j)
 *      ▼   a a a a
 */
#ifndef TRO_CPU_TILE_H
#define TRO_CPU_TILE_H

#include "lower/lower.h"

struct tro_tile; /* lives as long as the program */

/* What a program comes to; kernels may do the simple ones in registers. */
enum tro_tile_kind {
    TRO_TILE_CLAMP,     /* out = min(max(acc, lo), hi), lo = -inf and hi = inf where there is none;
                           NaN stays NaN */
    TRO_TILE_ADD_CLAMP, /* out = min(max(acc + other, lo), hi); other: f32, the result's shape */
    TRO_TILE_GENERAL
};

/*
 * Compiles the epilogue of n (which may have no node: then out = acc), whose anchor gives elements
 * of acc_dtype (f32 or i32) in the result's shape. Takes places of the inputs (any form) and of all
 * outputs of n (out_form). 1: done; 0: an operator or type in it is beyond this; negative: failure.
 * With n->node NULL it is a region without anchor and acc_dtype is TRO_DTYPE_NONE.
 */
int tro_tile_compile(struct tro_lowering *l, const struct tro_lower_node *n,
                     enum tro_dtype acc_dtype, int row_axis, int col_axis, enum tro_form out_form,
                     struct tro_tile **out);

/* Rows of a block stand `every` elements apart along the row axis (1 at first). */
void tro_tile_spread_rows(struct tro_tile *t, int64_t every);

enum tro_tile_kind tro_tile_kind(const struct tro_tile *t);
/* lo and hi of the first two kinds. */
void tro_tile_clamp(const struct tro_tile *t, float *lo, float *hi);
/* The one output of the first two kinds, and `other` of ADD_CLAMP (NULL for the rest). */
const struct tro_arg *tro_tile_out(const struct tro_tile *t);
const struct tro_arg *tro_tile_other(const struct tro_tile *t);

/* What the step that runs it must list as its args, after its own. */
int tro_tile_n_in(const struct tro_tile *t);
int tro_tile_n_out(const struct tro_tile *t);
void tro_tile_list(const struct tro_tile *t, struct tro_arg *in, struct tro_arg *out);
/* Memory of a thread that a run needs, for tiles of any size: the program cuts them itself. */
size_t tro_tile_scratch(const struct tro_tile *t);
/* The input (of tro_tile_list) whose memory the first output may take over, -1 = none: of the same
 * type, shape and strides, and not read after the output is written. */
int tro_tile_inplace(const struct tro_tile *t);
double tro_tile_flops(const struct tro_tile *t); /* for one element of the result */

/* scratch: tro_tile_scratch bytes, aligned to 64. acc is read only. */
void tro_tile_run(const struct tro_tile *t, const struct tro_step_run *r, const int64_t *index,
                  int64_t n_rows, int64_t n_cols, const void *acc, int64_t acc_pitch,
                  void *scratch);

#endif
