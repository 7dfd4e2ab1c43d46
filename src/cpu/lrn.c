/* SPDX-License-Identifier: Apache-2.0 */
/* Local response normalization: y = x / (bias + alpha / size * sum of squares around it) ^ beta. */
#include "cpu/cpu.h"
#include "cpu/line_kernels.h"
#include "cpu/walk.h"

struct params {
    struct tro_walk walk; /* x, y: all but channels and columns */
    const struct tro_line_kernels *k;
    struct tro_line_lrn lrn;
    int64_t n, n_cols, x_step, y_step;
};

static int run(const struct tro_step *s, const struct tro_step_run *r)
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
        p->k->lrn_cols(y + at[1] + col, p->y_step, x + at[0] + col, p->x_step, p->n,
                       left < TRO_LINE_COLS ? left : TRO_LINE_COLS, &p->lrn);
    }
    return 0;
}

int tro_cpu_emit_lrn(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_lrn *const a = n->attrs;
    struct tro_tensor t;
    struct tro_arg x, y;
    struct params *p;
    if (n->n_epilogue || !tro_lower_type(l, n->out[0], &t) || t.dtype != TRO_F32 || t.rank < 3)
        return 0;
    const int c = t.rank - 1;
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_ROWS, &x) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_ROWS, false, &y) < 0)
        return tro_lower_err(l)->status;
    struct tro_step *const s = tro_lower_step(l, n, "lrn", run, 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    p->k = tro_line_kernels_for(tro_lower_cpu(l));
    p->lrn = (struct tro_line_lrn){.before = (a->size - 1) / 2,
                                   .after = a->size - 1 - (a->size - 1) / 2,
                                   .bias = (float)a->bias,
                                   .alpha = (float)(a->alpha / (double)a->size),
                                   .beta = (float)a->beta};
    p->n = x.shape[1];
    p->n_cols = x.shape[c];
    p->x_step = x.stride[1];
    p->y_step = y.stride[1];
    tro_walk_init(&p->walk, 2U | 1U << c, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&x, &y, NULL});
    s->n_parts = tro_walk_parts(l, tro_arg_n_elems(&x), tro_arg_n_elems(&x));
    s->n_flops = 30.0 * (double)tro_arg_n_elems(&x);
    return 1;
}
