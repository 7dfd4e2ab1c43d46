/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of 8-bit matrices, exact in int32: what conv_int and matmul_int come down to.
 *
 *     result [m, n] = sum over k of (a[m][k] - zero_a) * (b[k][n] - zero_b[n])
 *
 * Kernels multiply u8 by i8 (or i8 by i8 where the machine has only that): operands of the other
 * sign get their sign bit flipped, which moves their zero point by 128, and zero points are taken
 * off by the sums of rows and columns. No sum of products is kept in fewer than 32 bits.
 *
 *     b, packed:  panels of `cols` columns, each [k / 4][cols][4], zeros where k ends; behind them
 *                 the sum of each column
 *     a:          rows of bytes, zeros up to a multiple of 4
 */
#ifndef TRO_CPU_INT8_H
#define TRO_CPU_INT8_H

#include "cpu/tile.h"
#include "lower/window.h"

/*
 * Rows of a, each of which is n_runs runs of 4 * n_k4 bytes. Runs of a row need not touch each
 * other, and rows may overlap: windows of a convolution lie in its input so.
 *
 *     row 0   at[0 ..]         at[run_step ..]          ..
 *     row 1   at[pitch ..]     at[run_step + pitch ..]  ..
 */
struct tro_int8_rows {
    const uint8_t *at;
    int64_t pitch, n_runs, run_step, n_k4;
};

/* c[i][j] = init[j] + sum over k of a[i][k] * b[k][j], one panel of columns, n_rows of at most the
 * kernel's. */
typedef void tro_int8_gemm_fn(const struct tro_int8_rows *a, const int8_t *b, const int32_t *init,
                              int32_t *c, int64_t c_pitch, int n_rows);
/* n_rows rows: to[i] = from[i] ^ flip */
typedef void tro_int8_copy_fn(uint8_t *to, int64_t to_pitch, const uint8_t *from,
                              int64_t from_pitch, int64_t n_rows, int64_t n, uint8_t flip);
/* to[4 * i + c] = plane[c][i] ^ flip for c < 3, i < n; the fourth byte is anything. */
typedef void tro_int8_weave_fn(uint8_t *to, const uint8_t *const plane[3], int64_t n, uint8_t flip);

/* out = saturate(round_half_even(float(acc) * scale[col]) + zero), then lo .. hi; NaN gives lo;
 * then the entry of its byte, where there is a table. */
struct tro_requant {
    const float *scale;
    const uint8_t *table;
    int32_t zero, lo, hi;
    tro_value_id by_table; /* the table's value, none where there is none */
};
typedef void tro_int8_requant_fn(const struct tro_requant *q, const int32_t *acc, int64_t acc_pitch,
                                 int64_t n_rows, int64_t n_cols, uint8_t *out, int64_t out_pitch);

/*
 * Other ends of layers in one go, each operation rounded as the nodes it stands for:
 *
 *     v = float(acc) * scale[col]
 *     v = round_half_even(v) within code_lo .. code_hi, * code_scale      where is_coded
 *     v = v + term[k][col]                                                for k < n_terms
 *     v = min(max(v, own_lo), own_hi)                                     where there is a skip
 *     v = v + (skip - skip_zero) * skip_scale, or + skip where it is f32  where there is a skip
 *     v = min(max(v, lo), hi)
 *     out = v, or saturate(round_half_even(v / out_scale) + out_zero)
 */
enum { TRO_INT8_MAX_TERMS = 2 };

struct tro_ending {
    const float *scale, *term[TRO_INT8_MAX_TERMS];
    int n_terms;
    bool is_coded;
    float code_lo, code_hi, code_scale;
    enum tro_dtype skip, out; /* TRO_DTYPE_NONE, TRO_F32, TRO_I8, TRO_U8 */
    int32_t skip_zero, out_zero;
    float skip_scale, own_lo, own_hi, out_scale, lo, hi;
    /* As matched: none where there is none. */
    tro_value_id skip_value;
};
/* Bytes from row to row of out and of skip. */
typedef void tro_int8_end_fn(const struct tro_ending *e, const int32_t *acc, int64_t acc_pitch,
                             int64_t n_rows, int64_t n_cols, char *out, int64_t out_pitch,
                             const char *skip, int64_t skip_pitch);

/* Sum of n bytes of a row of a, in the kernel's sign. */
typedef int32_t tro_int8_sum_fn(const uint8_t *a, int64_t n);
/* acc[i][j] -= x[i] * by_x[j] + y[i] * by_y[j], wrapping; either pair may be NULL. Columns are
 * filled up to whole vectors: of tiles of whole vectors alone. */
typedef void tro_int8_correct_fn(int32_t *acc, int64_t acc_pitch, int64_t n_rows, int64_t n_cols,
                                 const int32_t *x, const int32_t *by_x, const int32_t *y,
                                 const int32_t *by_y);

/* Registers hold rows x cols sums. */
struct tro_int8_tile {
    const char *conv_name, *matmul_name, *name; /* "14x32" */
    int rows, cols;
    tro_int8_gemm_fn *gemm;
};

enum { TRO_INT8_MAX_TILES = 3 };

struct tro_int8_level {
    uint32_t flag;
    bool is_a_signed;
    struct tro_int8_tile tile[TRO_INT8_MAX_TILES]; /* the widest, of whole vectors, first */
    tro_int8_copy_fn *copy;
    tro_int8_weave_fn *weave;
    tro_int8_requant_fn *requant;
    tro_int8_end_fn *end;
    tro_int8_sum_fn *sum;
    tro_int8_correct_fn *correct;
};
const struct tro_int8_level *tro_int8_pick(uint32_t flags);

/* THE list of tiles: TILE(level, rows, cols). Of a level's the first serves any product. */
#define TRO_INT8_TILES__avx512vnni(TILE) \
    TILE(avx512vnni, 14, 32)             \
    TILE(avx512vnni, 18, 24)             \
    TILE(avx512vnni, 28, 16)
#define TRO_INT8_TILES__avx512(TILE) \
    TILE(avx512, 12, 32)             \
    TILE(avx512, 12, 24)             \
    TILE(avx512, 24, 16)
#define TRO_INT8_TILES__avxvnni(TILE) TILE(avxvnni, 6, 16) TILE(avxvnni, 12, 8)
#define TRO_INT8_TILES__avx2(TILE) TILE(avx2, 4, 16) TILE(avx2, 8, 8)
#define TRO_INT8_TILES__neondot(TILE) TILE(neondot, 6, 16) TILE(neondot, 12, 8)
#define TRO_INT8_TILES__neon(TILE) TILE(neon, 4, 8)
#define TRO_INT8_TILES__generic(TILE) TILE(generic, 4, 8)

#define TRO_INT8_LEVELS(X) X(generic) X(avx2) X(avxvnni) X(avx512) X(avx512vnni) X(neon) X(neondot)
#define TRO_INT8_GEMM(level, rows, cols) tro_int8_gemm_fn tro_int8_gemm_##rows##x##cols##__##level;
#define TRO_INT8_LEVEL(level)                                                       \
    TRO_INT8_TILES__##level(TRO_INT8_GEMM) tro_int8_copy_fn tro_int8_copy__##level; \
    tro_int8_weave_fn tro_int8_weave__##level;                                      \
    tro_int8_requant_fn tro_int8_requant__##level;                                  \
    tro_int8_end_fn tro_int8_end__##level;                                          \
    tro_int8_sum_fn tro_int8_sum__##level;                                          \
    tro_int8_correct_fn tro_int8_correct__##level;
TRO_INT8_LEVELS(TRO_INT8_LEVEL)
#undef TRO_INT8_LEVEL
#undef TRO_INT8_GEMM

/* ---- packed weights ------------------------------------------------------------------------ */

/* Element (k, j) of group g is w[g * group_step + j % n_each * col_step + j / n_each * tap_step +
 * k / inner * outer_step + k % inner * inner_step]. */
struct tro_int8_weights {
    int64_t n_groups, k, n; /* of one group */
    int64_t n_each; /* columns of one tap of the result's windows: n but for conv_transpose */
    int64_t group_step, col_step, tap_step, inner, inner_step, outer_step;
    int64_t room; /* of each `inner` elements of a row of a; behind them anything may stand */
    int cols;
};
int64_t tro_int8_n_k4(const struct tro_int8_weights *w);
int tro_int8_pack(struct tro_lowering *l, tro_value_id v, const struct tro_int8_weights *w,
                  struct tro_arg *out);
/* Panels, and sums of columns, of a group; n_cols: up to a whole number of panels. */
int64_t tro_int8_n_cols(const struct tro_int8_weights *w);
const int8_t *tro_int8_panels(const struct tro_int8_weights *w, const void *packed, int64_t group);
const int32_t *tro_int8_sums(const struct tro_int8_weights *w, const void *packed, int64_t group);

/* ---- products ------------------------------------------------------------------------------- */

struct tro_int8;

/* Rows [first, first + n) of a of a group, as the kernel wants them, to memory of the thread; what
 * is behind k needs no value. */
typedef void tro_int8_gather_fn(const struct tro_int8 *p, const struct tro_step_run *r,
                                int64_t group, int64_t first, int64_t n, uint8_t *to,
                                int64_t to_pitch);

/* Instead: the lines that windows of output lines [first, first + n) see, counted over all planes,
 * one behind the other with everything around the picture filled in. */
typedef void tro_int8_lines_fn(const struct tro_int8 *p, const struct tro_step_run *r,
                               int64_t group, int64_t first, int64_t n, uint8_t *to);

/* Where the windows of a block of output lines lie in memory that the above has filled. */
struct tro_int8_lines {
    int64_t out_w, out_h; /* windows of a line, lines of a plane; 0: not in lines */
    int64_t span, stride,
        line_step; /* lines that a line of windows sees, down to the next; bytes */
    int64_t pitch, n_runs, run_step; /* as of tro_int8_rows */
    int64_t n;                       /* lines of windows of a block */
};

/*
 * A product as the emitter describes it. Rows of the result are counted over row_axes, outermost
 * first; its columns, over all groups, are those of col_axis. Where each row makes a window of the
 * result (conv_transpose), `each` is its size along the axes of y and columns are counted over the
 * taps of the window, then along col_axis:
 *
 *     row (h, w), column (kh, kw, c)  ->  y at h * each + kh, w * each + kw, c
 */
struct tro_int8_shape {
    struct tro_int8_weights w;
    int64_t m;
    int n_row_axes, row_axes[TRO_MAX_RANK], col_axis;
    int64_t each[TRO_MAX_RANK]; /* 1 but for conv_transpose */
    struct tro_tensor y;
    tro_value_id a, b, zero_a, zero_b; /* zeros: none when absent */
    enum tro_dtype a_dtype;
    enum tro_form a_form, out_form;
    struct tro_int8_lines lines; /* if it can be done so, n left open */
    bool needs_lines;            /* a lies as fill_lines alone can read it */
};

struct tro_int8 {
    struct tro_int8_shape s;
    const struct tro_int8_level *level;
    const struct tro_int8_tile *kernel;
    tro_int8_gather_fn *gather;
    tro_int8_lines_fn *fill_lines;
    struct tro_arg a;
    const void *ctx;      /* of gather */
    int64_t direct_pitch; /* not 0: rows of a lie so that the kernel can read them in place */
    bool is_in_lines;     /* fill_lines instead of gather */

    uint8_t flip_a; /* sign bit, where the kernel wants the other sign */
    struct tro_arg packed, zero_a, zero_b, bias, scale, table, skip, out;
    struct tro_arg term[TRO_INT8_MAX_TERMS];
    bool has_zero_a, has_zero_b, has_bias, is_zero_a_by_row;
    struct tro_tile *tile; /* NULL: requantized here, or with has_ending ended so */
    bool is_turned;        /* the tile's rows are columns of the product */
    size_t turned_at;      /* in memory of the thread: sums for such a tile */
    struct tro_requant requant;
    struct tro_ending ending;
    bool has_ending;
    int64_t k4, a_pitch;                              /* multiples of 4 */
    int64_t m_block, n_m_blocks, n_block, n_n_blocks; /* rows and columns of a unit of work */
    int64_t n_acc;                                    /* columns kept before the epilogue */
    size_t tile_bytes, a_bytes, acc_bytes, init_bytes, rows_bytes; /* of the thread, in order */
};

/* The zero of row `row` of a, as the kernel sees it. */
int32_t tro_int8_zero_a(const struct tro_int8 *p, const struct tro_step_run *r, int64_t row);

/* 1: at is filled in but for gather, fill_lines, ctx and direct_pitch; the epilogue and the
 * inputs have their places. 0: not for these kernels. */
int tro_int8_begin(struct tro_lowering *l, const struct tro_lower_node *n,
                   const struct tro_int8_shape *s, struct tro_int8 *at);
/* Adds the step: as a tro_emit_fn returns. */
int tro_int8_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_int8 *at);

/* ---- requantize ------------------------------------------------------------------------------ */

/* An epilogue of a bias, requantize, limits and a table, in this order, with constants that are one
 * or one for each of n_cols columns; of one result. bias and scale get n_cols elements each. */
bool tro_requant_match(struct tro_lowering *l, const struct tro_lower_node *n, int cols_behind,
                       int64_t n_cols, int32_t *bias, float *scale, struct tro_requant *q);
/* An epilogue of what struct tro_ending says, for a result of shape y. bias, scale and term get
 * n_cols elements each. */
bool tro_ending_match(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct tro_tensor *y, int cols_behind, int64_t n_cols, int32_t *bias,
                      float *scale, float *const *term, struct tro_ending *e);

#endif
