/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over tensors in rows and lines, for kernels that load, compute and store whole runs.
 */
#ifndef TRO_REF_ROWS_H
#define TRO_REF_ROWS_H

#include "ref/ref.h"

/* Elements that a kernel handles at a time, in buffers on its stack. */
#define TRO_CHUNK 256

/* ---- elements -------------------------------------------------------------------------- */

/* As tro_load_i64 and tro_store_i64, for n elements from index first. */
void tro_load_row_i64(enum tro_dtype d, const void *data, int64_t first, int64_t n, int64_t *out);
void tro_store_row_i64(enum tro_dtype d, void *data, int64_t first, int64_t n, const int64_t *in);

/* Integers that are ordered as the elements are: -0 equals 0, NaN equals NaN and comes last as
 * INT64_MAX. */
void tro_load_row_keys(enum tro_dtype d, const void *data, int64_t first, int64_t n, int64_t *out);

/* ---- rows of several operands that broadcast ---------------------------------------------- */

#define TRO_ROWS_OPERANDS 4

struct tro_rows {
    int64_t n;                        /* elements of a row */
    int64_t first[TRO_ROWS_OPERANDS]; /* of the current row: its first element in each operand */
    int64_t step[TRO_ROWS_OPERANDS];  /* from one element of a row to the next */
    /* the rest is private */
    int n_operands, rank; /* axes outside of the row */
    int64_t size[TRO_MAX_RANK], index[TRO_MAX_RANK];
    int64_t stride[TRO_ROWS_OPERANDS][TRO_MAX_RANK];
    bool has_begun, is_empty;
};

/* Rows of `shape`; strides in elements along its axes. Axes that can be walked as one are merged,
 * the last of those is the row. */
void tro_rows_begin(struct tro_rows *r, const struct tro_tensor *shape, int n_operands,
                    int64_t strides[][TRO_MAX_RANK]);
/* The same for tensors that broadcast to `shape`. */
void tro_rows_begin_bcast(struct tro_rows *r, const struct tro_tensor *shape, int n_operands,
                          const struct tro_tensor *const *operands);
/* The first row, or the next one; false after the last. */
bool tro_rows_next(struct tro_rows *r);

/* Elements i .. i+n of the current row of operand k, whose step is 0 or 1. */
void tro_rows_load_f64(const struct tro_rows *r, int k, const struct tro_tensor *t, int64_t i,
                       int64_t n, double *out);
void tro_rows_load_i64(const struct tro_rows *r, int k, const struct tro_tensor *t, int64_t i,
                       int64_t n, int64_t *out);

/* ---- lines along one axis -------------------------------------------------------------- */

/* Tiles of neighbouring lines: element k of line j of a tile lies at buffer[k * width + j]. */
struct tro_lines {
    int64_t n;         /* elements of a line */
    int64_t stride;    /* between them */
    int64_t line;      /* number of the tile's first line, counted in row-major order */
    int64_t first;     /* its first element */
    int64_t width;     /* lines of the tile */
    int64_t n_lines;   /* in all */
    int64_t max_width; /* a buffer holds n * max_width elements */
};

void tro_lines_begin(struct tro_lines *l, const struct tro_tensor *t, int axis);
bool tro_lines_next(struct tro_lines *l);
void tro_lines_load_f64(const struct tro_lines *l, const struct tro_tensor *t, double *buf);
void tro_lines_load_i64(const struct tro_lines *l, const struct tro_tensor *t, int64_t *buf);
void tro_lines_load_keys(const struct tro_lines *l, const struct tro_tensor *t, int64_t *buf);
void tro_lines_store_f64(const struct tro_lines *l, const struct tro_tensor *t, const double *buf);
void tro_lines_store_i64(const struct tro_lines *l, const struct tro_tensor *t, const int64_t *buf);

/* Axis in [-rank, rank) to [0, rank). */
static inline int tro_ref_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 ? axis + rank : axis);
}

#endif
