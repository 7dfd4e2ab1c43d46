/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalization over axes (layer, instance, group, root mean square). What follows a layer norm
 * pointwise (scale and bias) is done on blocks of rows while they are in the first-level cache.
 */
#include "cpu/cpu.h"
#include "cpu/line_kernels.h"
#include "cpu/tile.h"
#include "cpu/walk.h"

#include <string.h>

#define BLOCK_ELEMS 2048 /* of normalized rows that wait for what follows */

/* Operands of walks: x, y, statistics. */
struct params {
    const struct tro_line_kernels *k;
    const struct tro_tile *tile;
    struct tro_walk walk;
    int64_t n, n_cols; /* n_cols 0: the line has no gaps */
    int64_t x_step, y_step;
    int64_t stat_step; /* from column to column */
    int64_t block_rows;
    double epsilon;
    bool is_rms, has_y;
    int mean, scale; /* outputs of the step, -1 = none */
};

/* ---- running
 * ------------------------------------------------------------------------------------- */

static float *output(const struct tro_step *s, const struct tro_step_run *r, int i, int64_t at)
{
    return i < 0 ? NULL : (float *)tro_arg_ptr(r, &s->out[i]) + at;
}

static struct tro_line_stats stats_at(const struct tro_step *s, const struct tro_step_run *r,
                                      int64_t at, int64_t step)
{
    const struct params *const p = s->params;
    return (struct tro_line_stats){.mean = output(s, r, p->mean, at),
                                   .scale = output(s, r, p->scale, at),
                                   .mean_step = step,
                                   .scale_step = step};
}

static int run_rows(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = output(s, r, p->has_y ? 0 : -1, 0);
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin, n; i < end; i += n) {
        n = tro_walk_run(&p->walk, i, end - i);
        tro_walk_at(&p->walk, i, at);
        const struct tro_line_stats stats = stats_at(s, r, at[2], tro_walk_pitch(&p->walk, 2));
        p->k->normalize_rows(y ? y + at[1] : NULL, tro_walk_pitch(&p->walk, 1), x + at[0],
                             tro_walk_pitch(&p->walk, 0), n, p->n, p->epsilon, p->is_rms, &stats);
    }
    return 0;
}

static int run_cols(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = output(s, r, p->has_y ? 0 : -1, 0);
    const int64_t n_groups = (p->n_cols + TRO_LINE_COLS - 1) / TRO_LINE_COLS;
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n * n_groups, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t col = i % n_groups * TRO_LINE_COLS, left = p->n_cols - col;
        tro_walk_at(&p->walk, i / n_groups, at);
        const struct tro_line_stats stats = stats_at(s, r, at[2] + col * p->stat_step,
                                                     p->stat_step);
        p->k->normalize_cols(y ? y + at[1] + col : NULL, p->y_step, x + at[0] + col, p->x_step,
                             p->n, left < TRO_LINE_COLS ? left : TRO_LINE_COLS, p->epsilon,
                             p->is_rms, &stats);
    }
    return 0;
}

/* Rows to the thread's memory, from there through the program. */
static int run_tile(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const acc = r->scratch;
    char *const rest = (char *)r->scratch + (size_t)(p->block_rows * p->n) * sizeof(float);
    void *const scratch = rest + (-(uintptr_t)rest & 63);
    const struct tro_line_stats none = {0};
    int64_t begin, end, at[TRO_WALK_OPERANDS], index[TRO_MAX_RANK] = {0};
    tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin, n; i < end; i += n) {
        n = tro_walk_run(&p->walk, i, end - i < p->block_rows ? end - i : p->block_rows);
        tro_walk_at(&p->walk, i, at);
        tro_walk_index(&p->walk, i, index);
        p->k->normalize_rows(acc, p->n, x + at[0], tro_walk_pitch(&p->walk, 0), n, p->n, p->epsilon,
                             p->is_rms, &none);
        tro_tile_run(p->tile, r, index, n, p->n, acc, p->n, scratch);
    }
    return 0;
}

/* ---- lowering
 * ------------------------------------------------------------------------------------ */

struct plan {
    struct tro_arg x, y, stats; /* y like x where it is not wanted */
    uint32_t axes;
    int c; /* the axis without gaps */
    int64_t n, x_step, y_step;
    enum tro_form form;
    bool is_rows;
};

/* Whether the axes are one line in this form: rows where c is among them, else columns. */
static bool fits(struct plan *q)
{
    q->is_rows = q->axes >> q->c & 1;
    return tro_walk_merge(&q->x, &q->x, q->axes, &q->n, &q->x_step, &q->y_step) &&
           (!q->is_rows || q->x_step == 1);
}

/* Takes x where it lies if its axes are one line there, else without gaps. */
static int take_input(struct tro_lowering *l, const struct tro_lower_node *n, struct plan *q)
{
    q->c = tro_walk_form(l, n->node->in[0], &q->form);
    q->x = tro_lower_place(l, n->node->in[0]);
    if (!fits(q) || (q->form == TRO_FORM_ROWS && !tro_arg_is_rows(&q->x))) {
        q->form = TRO_FORM_DENSE;
        q->c = q->x.rank - 1;
    }
    if (tro_lower_in(l, n->node->in[0], q->form, &q->x) < 0)
        return tro_lower_err(l)->status;
    return fits(q);
}

static int take_outputs(struct tro_lowering *l, const struct tro_lower_node *n, struct plan *q,
                        struct tro_arg out[3], int index[3])
{
    int n_out = 0;
    q->y = q->x;
    q->stats = q->x;
    for (int i = 0; i < 3; i++) {
        index[i] = -1;
        if (i >= n->n_out || !n->out[i].i)
            continue;
        if (tro_lower_out(l, n, i, i ? TRO_FORM_DENSE : q->form, i > 0, &out[n_out]) < 0)
            return tro_lower_err(l)->status;
        *(i ? &q->stats : &q->y) = out[n_out];
        index[i] = n_out++;
    }
    /* One walk serves both statistics: they lie alike. A part of a concatenation may have gaps that
     * keep its axes apart. */
    if (!tro_walk_merge(&q->x, &q->y, q->axes, &q->n, &q->x_step, &q->y_step))
        return 0;
    return index[0] < 0 && n_out == 0 ? 0 : n_out;
}

static bool have_equal_strides(const struct tro_arg *a, const struct tro_arg *b)
{
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != 1 && a->stride[i] != b->stride[i])
            return false;
    return true;
}

static void set_common(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p,
                       const struct plan *q)
{
    const struct tro_attrs_normalize *const a = n->attrs;
    p->k = tro_line_kernels_for(tro_lower_cpu(l));
    p->n = q->n;
    p->n_cols = q->is_rows ? 0 : q->x.shape[q->c];
    p->x_step = q->x_step;
    p->y_step = q->y_step;
    p->epsilon = a->epsilon;
    p->is_rms = a->is_rms != 0;
}

static void set_step(struct tro_lowering *l, struct tro_step *s, const struct params *p,
                     const struct plan *q)
{
    const int64_t n_elems = tro_arg_n_elems(&q->x);
    const int64_t n_items = q->is_rows
                                ? p->walk.n
                                : p->walk.n * ((p->n_cols + TRO_LINE_COLS - 1) / TRO_LINE_COLS);
    s->in[0] = q->x;
    s->n_parts = tro_walk_parts(l, n_items, n_elems);
    s->n_flops = 6.0 * (double)n_elems;
}

static int emit_plain(struct tro_lowering *l, const struct tro_lower_node *n, struct plan *q)
{
    struct tro_arg out[3];
    struct params *p;
    int index[3];
    const int n_out = take_outputs(l, n, q, out, index);
    if (n_out <= 0)
        return n_out;
    if (index[1] >= 0 && index[2] >= 0 && !have_equal_strides(&out[index[1]], &out[index[2]]))
        return 0;
    struct tro_step *const s = tro_lower_step(l, n, "normalize", q->is_rows ? run_rows : run_cols,
                                              1, n_out, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    set_common(l, n, p, q);
    p->has_y = index[0] >= 0;
    p->mean = index[1];
    p->scale = index[2];
    const bool has_stats = index[1] >= 0 || index[2] >= 0;
    p->stat_step = has_stats && q->x.shape[q->c] != 1 ? q->stats.stride[q->c] : 0;
    const uint32_t lines = q->axes | (q->is_rows ? 0 : 1U << q->c);
    tro_walk_init(
        &p->walk, lines, true,
        (const struct tro_arg *[TRO_WALK_OPERANDS]){&q->x, &q->y, has_stats ? &q->stats : NULL});
    memcpy(s->out, out, (size_t)n_out * sizeof(*out));
    set_step(l, s, p, q);
    s->inplace = index[0] == 0 ? 0 : -1;
    return 1;
}

/* With what follows it, where lines are along one axis. */
static int emit_with_epilogue(struct tro_lowering *l, const struct tro_lower_node *n,
                              const struct plan *q)
{
    struct tro_tile *t;
    struct params *p, own = {0};
    if (!q->is_rows || q->axes != 1U << q->c || n->node->n_out > 1)
        return 0;
    tro_walk_init(&own.walk, q->axes, false,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&q->x, NULL, NULL});
    const int row_axis = own.walk.rank ? own.walk.axis[own.walk.rank - 1] : -1;
    const int rc = tro_tile_compile(l, n, TRO_F32, row_axis, q->c, q->form, &t);
    if (rc <= 0)
        return rc;
    struct tro_step *const s = tro_lower_step(l, n, "normalize", run_tile, 1 + tro_tile_n_in(t),
                                              tro_tile_n_out(t), sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = own;
    set_common(l, n, p, q);
    p->tile = t;
    p->block_rows = p->n < BLOCK_ELEMS ? BLOCK_ELEMS / (p->n ? p->n : 1) : 1;
    tro_tile_list(t, s->in + 1, s->out);
    set_step(l, s, p, q);
    s->scratch_bytes = (size_t)(p->block_rows * p->n) * sizeof(float) + 64 + tro_tile_scratch(t);
    s->n_flops += tro_tile_flops(t) * (double)tro_arg_n_elems(&q->x);
    return 1;
}

int tro_cpu_emit_normalize(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_normalize *const a = n->attrs;
    struct tro_tensor x;
    struct plan q = {0};
    if (!tro_lower_type(l, n->node->in[0], &x) || x.dtype != TRO_F32 || x.rank == 0 ||
        tro_tensor_n_elems(&x) == 0 || a->axes.n == 0)
        return 0;
    for (int i = 0; i < a->axes.n; i++)
        q.axes |= 1U << (a->axes.v[i] < 0 ? a->axes.v[i] + x.rank : a->axes.v[i]);
    const int rc = take_input(l, n, &q);
    if (rc <= 0)
        return rc;
    return n->n_epilogue ? emit_with_epilogue(l, n, &q) : emit_plain(l, n, &q);
}
