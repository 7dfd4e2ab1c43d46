/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and its logarithm along any axis. */
#include "cpu/cpu.h"
#include "cpu/line_kernels.h"
#include "cpu/walk.h"

struct params {
    const struct tro_line_kernels *k;
    struct tro_walk walk; /* lines, or groups of columns */
    int64_t n, n_cols;    /* of a line; of a group of columns, 0: the line has no gaps */
    int64_t x_step, y_step;
    bool is_log;
};

static int run_rows(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin, n; i < end; i += n) {
        n = tro_walk_run(&p->walk, i, end - i);
        tro_walk_at(&p->walk, i, at);
        p->k->softmax_rows(y + at[1], tro_walk_pitch(&p->walk, 1), x + at[0],
                           tro_walk_pitch(&p->walk, 0), n, p->n, p->is_log);
    }
    return 0;
}

static int run_cols(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const y = tro_arg_ptr(r, &s->out[0]);
    const int64_t n_groups = (p->n_cols + TRO_LINE_COLS - 1) / TRO_LINE_COLS;
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n * n_groups, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t col = i % n_groups * TRO_LINE_COLS, left = p->n_cols - col;
        tro_walk_at(&p->walk, i / n_groups, at);
        p->k->softmax_cols(y + at[1] + col, p->y_step, x + at[0] + col, p->x_step, p->n,
                           left < TRO_LINE_COLS ? left : TRO_LINE_COLS, p->is_log, r->scratch);
    }
    return 0;
}

int tro_cpu_emit_softmax(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_softmax *const a = n->attrs;
    enum tro_form form;
    struct tro_arg x, y;
    struct params *p;
    const int c = tro_walk_form(l, n->node->in[0], &form);
    struct tro_tensor t;
    if (n->n_epilogue || !tro_lower_type(l, n->out[0], &t) || t.dtype != TRO_F32 || t.rank == 0)
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    if (tro_lower_in(l, n->node->in[0], form, &x) < 0 ||
        tro_lower_out(l, n, 0, form, false, &y) < 0)
        return tro_lower_err(l)->status;
    struct tro_step *const s = tro_lower_step(l, n, "softmax", axis == c ? run_rows : run_cols, 1,
                                              1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    p->k = tro_line_kernels_for(tro_lower_cpu(l));
    p->n = x.shape[axis];
    p->n_cols = axis == c ? 0 : x.shape[c];
    p->x_step = x.stride[axis];
    p->y_step = y.stride[axis];
    p->is_log = a->is_log != 0;
    tro_walk_init(&p->walk, 1U << axis | 1U << c, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&x, &y, NULL});
    const int64_t n_elems = tro_arg_n_elems(&x);
    s->n_parts = tro_walk_parts(l, n_elems / (p->n ? p->n : 1), n_elems);
    s->scratch_bytes = axis == c || p->n > TRO_LINE_BUFFER
                           ? 0
                           : (size_t)(p->n * TRO_LINE_COLS) * sizeof(float);
    s->inplace = 0;
    s->n_flops = 20.0 * (double)n_elems;
    return 1;
}
