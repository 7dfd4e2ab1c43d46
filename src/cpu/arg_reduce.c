/* SPDX-License-Identifier: Apache-2.0 */
/* Indices of the greatest or least elements along an axis of f32. */
#include "cpu/cpu.h"
#include "cpu/line_kernels.h"
#include "cpu/walk.h"

struct params {
    const struct tro_line_kernels *k;
    struct tro_walk walk; /* x, y */
    int64_t n, x_step;
    int64_t n_cols, y_step; /* n_cols 0: the line has no gaps */
    bool is_min, is_last;
};

static int run_rows(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    int64_t *const y = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin, n; i < end; i += n) {
        n = tro_walk_run(&p->walk, i, end - i);
        tro_walk_at(&p->walk, i, at);
        p->k->arg_rows(y + at[1], tro_walk_pitch(&p->walk, 1), x + at[0],
                       tro_walk_pitch(&p->walk, 0), n, p->n, p->is_min, p->is_last);
    }
    return 0;
}

static int run_cols(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    int64_t *const y = tro_arg_ptr(r, &s->out[0]);
    const int64_t n_groups = (p->n_cols + TRO_LINE_COLS - 1) / TRO_LINE_COLS;
    int64_t begin, end, at[TRO_WALK_OPERANDS], found[TRO_LINE_COLS];
    tro_part_range(p->walk.n * n_groups, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t col = i % n_groups * TRO_LINE_COLS, left = p->n_cols - col;
        const int64_t n_cols = left < TRO_LINE_COLS ? left : TRO_LINE_COLS;
        tro_walk_at(&p->walk, i / n_groups, at);
        p->k->arg_cols(found, x + at[0] + col, p->x_step, p->n, n_cols, p->is_min, p->is_last);
        for (int64_t j = 0; j < n_cols; j++)
            y[at[1] + (col + j) * p->y_step] = found[j];
    }
    return 0;
}

/* Where the output's elements lie, along the axes of the input. */
static struct tro_arg spread(const struct tro_arg *x, const struct tro_arg *y, int axis, bool drops)
{
    struct tro_arg a = *x;
    for (int i = 0; i < x->rank; i++)
        a.stride[i] = i == axis ? 0 : y->stride[i > axis && drops ? i - 1 : i];
    return a;
}

int tro_cpu_emit_arg_reduce(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_arg_reduce *const a = n->attrs;
    struct tro_tensor t;
    struct tro_arg x, y;
    struct params *p;
    enum tro_form form;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || t.dtype != TRO_F32 ||
        t.rank == 0 || tro_tensor_n_elems(&t) == 0)
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    const int c = tro_walk_form(l, n->node->in[0], &form);
    if (tro_lower_in(l, n->node->in[0], form, &x) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y) < 0)
        return tro_lower_err(l)->status;
    const struct tro_arg to = spread(&x, &y, axis, a->drop_dims != 0);
    struct tro_step *const s = tro_lower_step(l, n, "arg_reduce", axis == c ? run_rows : run_cols,
                                              1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    p->k = tro_line_kernels_for(tro_lower_cpu(l));
    p->n = x.shape[axis];
    p->x_step = x.stride[axis];
    p->n_cols = axis == c ? 0 : x.shape[c];
    p->y_step = to.stride[c];
    p->is_min = a->is_min != 0;
    p->is_last = a->select_last != 0;
    tro_walk_init(&p->walk, 1U << axis | 1U << c, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&x, &to, NULL});
    const int64_t n_elems = tro_arg_n_elems(&x);
    s->n_parts = tro_walk_parts(l, n_elems / p->n, n_elems);
    s->n_flops = (double)n_elems;
    return 1;
}
