/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions of f32, and some of integers, over any axes. Kept elements are independent: columns
 * where the axis without gaps is kept, single ones where it is reduced. Few columns over many rows
 * (the mean of a picture) are cut into parts of the rows, whose results a second step puts
 * together: how many depends on the sizes alone, so that the bits do not depend on the number of
 * threads.
 */
#include "cpu/cpu.h"
#include "cpu/line_kernels.h"
#include "cpu/walk.h"

#include <math.h>
#include <stdlib.h>

#define MOST_SPLITS 16
#define SPLIT_ROWS 256 /* of a part at least */

struct params {
    const struct tro_line_kernels *k;
    enum tro_reduction kind;
    struct tro_walk kept;    /* x, y: kept axes but the column axis */
    struct tro_walk reduced; /* x: reduced axes but the line's */
    int64_t n, x_step;       /* the line: reduced axis inside all others */
    int64_t n_cols, y_step;  /* n_cols 0: the line has no gaps */
    int64_t n_each;          /* elements that make one */
    int64_t n_splits;        /* parts of the line, of which each has its own result */
    uint8_t flip;            /* of bytes: 128, the sign bit, where they have one */
};

static double start(enum tro_reduction kind)
{
    switch (kind) {
    case tro_reduction_max:
        return -INFINITY;
    case tro_reduction_min:
        return INFINITY;
    case tro_reduction_prod:
        return 1;
    default:
        return 0;
    }
}

static float result(const struct params *p, double acc)
{
    return (float)(p->kind == tro_reduction_mean ? acc / (double)p->n_each : acc);
}

/* ---- single elements
 * ------------------------------------------------------------------------------ */

static int run_rows(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end, at[TRO_WALK_OPERANDS], inner[TRO_WALK_OPERANDS];
    tro_part_range(p->kept.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        double acc = start(p->kind);
        tro_walk_at(&p->kept, i, at);
        for (int64_t k = 0; k < p->reduced.n; k++) {
            tro_walk_at(&p->reduced, k, inner);
            p->k->fold_row(p->kind, &acc, x + at[0] + inner[0], p->n);
        }
        y[at[1]] = result(p, acc);
    }
    return 0;
}

/* ---- columns
 * -------------------------------------------------------------------------------------- */

static int64_t n_groups(const struct params *p)
{
    return (p->n_cols + TRO_LINE_COLS - 1) / TRO_LINE_COLS;
}

/* Rows [from, to) of the line, of each line. */
static void fold_cols(const struct params *p, const float *x, int64_t from, int64_t to,
                      int64_t n_cols, double *acc)
{
    int64_t inner[TRO_WALK_OPERANDS];
    for (int64_t j = 0; j < n_cols; j++)
        acc[j] = start(p->kind);
    for (int64_t k = 0; k < p->reduced.n; k++) {
        tro_walk_at(&p->reduced, k, inner);
        p->k->fold_cols(p->kind, acc, x + inner[0] + from * p->x_step, p->x_step, to - from,
                        n_cols);
    }
}

static int run_cols(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    double acc[TRO_LINE_COLS];
    tro_part_range(p->kept.n * n_groups(p), r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t col = i % n_groups(p) * TRO_LINE_COLS, left = p->n_cols - col;
        const int64_t n_cols = left < TRO_LINE_COLS ? left : TRO_LINE_COLS;
        tro_walk_at(&p->kept, i / n_groups(p), at);
        fold_cols(p, x + at[0] + col, 0, p->n, n_cols, acc);
        for (int64_t j = 0; j < n_cols; j++)
            y[at[1] + (col + j) * p->y_step] = result(p, acc[j]);
    }
    return 0;
}

/* Group i, part k: acc goes to partial[(i * n_splits + k) * TRO_LINE_COLS]. */
static int run_split(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    double *const partial = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end, from, to, at[TRO_WALK_OPERANDS];
    tro_part_range(p->kept.n * n_groups(p) * p->n_splits, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t group = i / p->n_splits;
        const int64_t col = group % n_groups(p) * TRO_LINE_COLS, left = p->n_cols - col;
        tro_walk_at(&p->kept, group / n_groups(p), at);
        tro_part_range(p->n, (int)(i % p->n_splits), (int)p->n_splits, &from, &to);
        fold_cols(p, x + at[0] + col, from, to, left < TRO_LINE_COLS ? left : TRO_LINE_COLS,
                  partial + i * TRO_LINE_COLS);
    }
    return 0;
}

static double fold_two(enum tro_reduction kind, double a, double b)
{
    switch (kind) {
    case tro_reduction_max:
        return b > a || b != b ? b : a;
    case tro_reduction_min:
        return b < a || b != b ? b : a;
    case tro_reduction_prod:
        return a * b;
    default:
        return a + b;
    }
}

static int run_join(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const double *const partial = tro_arg_ptr(r, &s->in[0]);
    float *const y = tro_arg_ptr(r, &s->out[0]);
    int64_t at[TRO_WALK_OPERANDS];
    if (r->part > 0)
        return 0;
    for (int64_t i = 0; i < p->kept.n * p->n_cols; i++) {
        const int64_t outer = i / p->n_cols, col = i % p->n_cols;
        const int64_t group = outer * n_groups(p) + col / TRO_LINE_COLS;
        const double *const first = partial + group * p->n_splits * TRO_LINE_COLS +
                                    col % TRO_LINE_COLS;
        double acc = first[0];
        for (int64_t k = 1; k < p->n_splits; k++)
            acc = fold_two(p->kind, acc, first[k * TRO_LINE_COLS]);
        tro_walk_at(&p->kept, outer, at);
        y[at[1] + col * p->y_step] = result(p, acc);
    }
    return 0;
}

/* ---- integers ----------------------------------------------------------------------------- */

/*
 * Bytes are taken as unsigned ones: those with a sign are 128 too great then. Sums wrap.
 *   TX, x      type of an element, and what is folded of it
 *   TA, fold   type and next value of acc, which starts as 0
 *   TY, y      type of the result, and what it is of acc
 */
#define INT_KERNELS(id, TX, x, TA, fold, TY, y)                                             \
    static int run_##id##_rows(const struct tro_step *s, const struct tro_step_run *r)      \
    {                                                                                       \
        const struct params *const p = s->params;                                           \
        const TX *const from = tro_arg_ptr(r, &s->in[0]);                                   \
        TY *const to = tro_arg_ptr(r, &s->out[0]);                                          \
        int64_t begin, end, at[TRO_WALK_OPERANDS], inner[TRO_WALK_OPERANDS];                \
        tro_part_range(p->kept.n, r->part, r->n_parts, &begin, &end);                       \
        for (int64_t i = begin; i < end; i++) {                                             \
            TA acc = 0;                                                                     \
            tro_walk_at(&p->kept, i, at);                                                   \
            for (int64_t k = 0; k < p->reduced.n; k++) {                                    \
                tro_walk_at(&p->reduced, k, inner);                                         \
                const TX *const row = from + at[0] + inner[0];                              \
                for (int64_t j = 0; j < p->n; j++) {                                        \
                    const TA v = (TA)(x(row[j]));                                           \
                    acc = fold(acc, v);                                                     \
                }                                                                           \
            }                                                                               \
            to[at[1]] = (TY)(y(acc));                                                       \
        }                                                                                   \
        return 0;                                                                           \
    }                                                                                       \
    static int run_##id##_cols(const struct tro_step *s, const struct tro_step_run *r)      \
    {                                                                                       \
        const struct params *const p = s->params;                                           \
        const TX *const from = tro_arg_ptr(r, &s->in[0]);                                   \
        TY *const to = tro_arg_ptr(r, &s->out[0]);                                          \
        int64_t begin, end, at[TRO_WALK_OPERANDS], inner[TRO_WALK_OPERANDS];                \
        tro_part_range(p->kept.n *n_groups(p), r->part, r->n_parts, &begin, &end);          \
        for (int64_t i = begin; i < end; i++) {                                             \
            const int64_t col = i % n_groups(p) * TRO_LINE_COLS, left = p->n_cols - col;    \
            const int64_t n_cols = left < TRO_LINE_COLS ? left : TRO_LINE_COLS;             \
            TA acc[TRO_LINE_COLS] = {0};                                                    \
            tro_walk_at(&p->kept, i / n_groups(p), at);                                     \
            for (int64_t k = 0; k < p->reduced.n * p->n; k++) {                             \
                tro_walk_at(&p->reduced, k / p->n, inner);                                  \
                const TX *const row = from + at[0] + col + inner[0] + k % p->n * p->x_step; \
                for (int64_t j = 0; j < n_cols; j++) {                                      \
                    const TA v = (TA)(x(row[j]));                                           \
                    acc[j] = fold(acc[j], v);                                               \
                }                                                                           \
            }                                                                               \
            for (int64_t j = 0; j < n_cols; j++)                                            \
                to[at[1] + (col + j) * p->y_step] = (TY)(y(acc[j]));                        \
        }                                                                                   \
        return 0;                                                                           \
    }
#define AS_IS(v) (v)
#define UNSIGNED(v) ((v) ^ p->flip)
#define SUM(a, v) ((a) + (v))
#define GREATER(a, v) ((a) < (v) ? (v) : (a))
#define LESS_FLIPS(v) ((v)-p->flip * (uint32_t)p->n_each)
INT_KERNELS(bytes, uint8_t, UNSIGNED, uint32_t, SUM, int32_t, LESS_FLIPS)
INT_KERNELS(words, int16_t, AS_IS, uint32_t, SUM, int32_t, AS_IS)
INT_KERNELS(i32, int32_t, AS_IS, uint32_t, SUM, int32_t, AS_IS)
INT_KERNELS(max_bytes, uint8_t, UNSIGNED, uint8_t, GREATER, uint8_t, UNSIGNED)

/* ---- lowering
 * ------------------------------------------------------------------------------------- */

/* Where the output's elements lie, along the axes of the input. */
static struct tro_arg spread(const struct tro_arg *x, const struct tro_arg *y, uint32_t axes,
                             bool drops)
{
    struct tro_arg a = *x;
    int from = 0;
    for (int i = 0; i < x->rank; i++) {
        const bool is_reduced = axes >> i & 1;
        a.stride[i] = is_reduced ? 0 : y->stride[from];
        from += !is_reduced || !drops;
    }
    return a;
}

/* The reduced axis with the least stride is the line: the rest is walked. */
static int line_axis(const struct tro_arg *x, uint32_t axes)
{
    int best = -1;
    for (int i = 0; i < x->rank; i++)
        if ((axes >> i & 1) && x->shape[i] != 1 &&
            (best < 0 || llabs(x->stride[i]) < llabs(x->stride[best])))
            best = i;
    return best;
}

static void set_params(struct tro_lowering *l, struct params *p, const struct tro_arg *x,
                       const struct tro_arg *y, uint32_t axes, int c)
{
    const int line = line_axis(x, axes);
    const bool is_rows = line == c;
    const uint32_t all = (1U << x->rank) - 1;
    uint32_t merged = line >= 0 ? 1U << line : 0;
    p->k = tro_line_kernels_for(tro_lower_cpu(l));
    p->n = line >= 0 ? x->shape[line] : 1;
    p->x_step = line >= 0 ? x->stride[line] : 1;
    p->n_each = 1;
    for (int i = 0; i < x->rank; i++)
        p->n_each *= axes >> i & 1 ? x->shape[i] : 1;
    /* The whole set as one line where it has no gaps between its axes. */
    int64_t n, step, unused;
    if (tro_walk_merge(x, x, axes, &n, &step, &unused) && line >= 0) {
        p->n = n;
        p->x_step = step;
        merged = axes;
    }
    tro_walk_init(&p->reduced, ~axes | merged, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){x, NULL, NULL});
    const bool has_col = !is_rows && !(axes >> c & 1);
    p->n_cols = is_rows ? 0 : has_col ? x->shape[c] : 1;
    p->y_step = has_col && x->shape[c] != 1 ? y->stride[c] : 0;
    tro_walk_init(&p->kept, (axes & all) | (has_col ? 1U << c : 0), true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){x, y, NULL});
    p->n_splits = 1;
}

static int64_t count_splits(const struct params *p)
{
    const int64_t n = p->n / SPLIT_ROWS;
    if (p->n_cols == 0 || p->reduced.n != 1 || p->kept.n * n_groups(p) >= 8)
        return 1;
    return n < 2 ? 1 : n < MOST_SPLITS ? n : MOST_SPLITS;
}

static int emit_split(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct params *own, const struct tro_arg *x, const struct tro_arg *y)
{
    const int64_t n_items = own->kept.n * n_groups(own) * own->n_splits;
    struct params *p;
    struct tro_arg partial;
    if (tro_lower_temp(l, (size_t)(n_items * TRO_LINE_COLS) * sizeof(double), &partial) < 0)
        return tro_lower_err(l)->status;
    struct tro_step *s = tro_lower_step(l, n, "reduce_split", run_split, 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = *own;
    s->in[0] = *x;
    s->out[0] = partial;
    s->n_parts = tro_walk_parts(l, n_items, tro_arg_n_elems(x));
    s->n_flops = (double)tro_arg_n_elems(x);
    s = tro_lower_step(l, n, "reduce_join", run_join, 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = *own;
    s->in[0] = partial;
    s->out[0] = *y;
    return 1;
}

static uint32_t reduced_axes(const struct tro_lowering *l, const struct tro_lower_node *n, int rank,
                             bool *is_known)
{
    const struct tro_attrs_reduce *const a = n->attrs;
    struct tro_ints axes = {0};
    uint32_t set = 0;
    *is_known = n->node->n_in < 2 || !n->node->in[1].i || tro_lower_ints(l, n->node->in[1], &axes);
    for (int i = 0; i < axes.n; i++)
        set |= 1U << (axes.v[i] < 0 ? axes.v[i] + rank : axes.v[i]);
    return axes.n == 0 && !a->noop_if_empty ? (1U << rank) - 1 : set;
}

struct kernel {
    const char *name;
    tro_step_fn *rows, *cols;
};

static const struct kernel *kernel_for(const struct tro_attrs_reduce *a, enum tro_dtype d)
{
    static const struct kernel f32 = {"reduce", run_rows, run_cols};
    static const struct kernel bytes = {"reduce_bytes", run_bytes_rows, run_bytes_cols};
    static const struct kernel words = {"reduce_words", run_words_rows, run_words_cols};
    static const struct kernel i32 = {"reduce_i32", run_i32_rows, run_i32_cols};
    static const struct kernel max = {"reduce_max_bytes", run_max_bytes_rows, run_max_bytes_cols};
    return d == TRO_F32   ? &f32
           : d == TRO_I32 ? &i32
           : d == TRO_I16 ? &words
           : a->widens    ? &bytes
                          : &max;
}

static bool takes(const struct tro_attrs_reduce *a, enum tro_dtype d)
{
    const bool is_byte = d == TRO_I8 || d == TRO_U8;
    return d == TRO_F32 || (a->widens && (is_byte || d == TRO_I16)) ||
           (a->kind == tro_reduction_max && is_byte) ||
           (a->kind == tro_reduction_sum && d == TRO_I32);
}

int tro_cpu_emit_reduce(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_reduce *const a = n->attrs;
    struct params own = {.kind = a->kind}, *p;
    struct tro_tensor t;
    struct tro_arg x, y;
    enum tro_form form;
    bool is_known;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || !takes(a, t.dtype) ||
        t.rank == 0 || tro_tensor_n_elems(&t) == 0)
        return 0;
    const uint32_t axes = reduced_axes(l, n, t.rank, &is_known);
    if (!is_known || axes == 0)
        return 0;
    const int c = tro_walk_form(l, n->node->in[0], &form);
    if (tro_lower_in(l, n->node->in[0], form, &x) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y) < 0)
        return tro_lower_err(l)->status;
    const struct tro_arg spread_y = spread(&x, &y, axes, a->drop_dims != 0);
    set_params(l, &own, &x, &spread_y, axes, c);
    own.flip = t.dtype == TRO_I8 ? 0x80 : 0;
    own.n_splits = t.dtype == TRO_F32 ? count_splits(&own) : 1;
    if (own.n_splits > 1)
        return emit_split(l, n, &own, &x, &y);
    const struct kernel *const k = kernel_for(a, t.dtype);
    struct tro_step *const s = tro_lower_step(l, n, k->name, own.n_cols ? k->cols : k->rows, 1, 1,
                                              sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = own;
    s->in[0] = x;
    s->out[0] = y;
    s->n_parts = tro_walk_parts(l, own.n_cols ? own.kept.n * n_groups(&own) : own.kept.n,
                                tro_arg_n_elems(&x));
    s->n_flops = (double)tro_arg_n_elems(&x);
    return 1;
}
