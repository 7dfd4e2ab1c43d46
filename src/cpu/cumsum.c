/* SPDX-License-Identifier: Apache-2.0 */
/* Running sums along an axis, in double or exact. */
#include "cpu/cpu.h"
#include "cpu/walk.h"

struct params {
    struct tro_walk walk; /* x, y */
    int64_t n, x_step, y_step;
    bool is_exclusive, is_reverse;
};

/* One line; `type` is what sums are kept in. */
#define DEFINE_LINE(name, elem, type)                                  \
    static void name(const struct params *p, elem *y, const elem *x)   \
    {                                                                  \
        type sum = 0;                                                  \
        for (int64_t i = 0; i < p->n; i++) {                           \
            const int64_t k = p->is_reverse ? p->n - 1 - i : i;        \
            const type before = sum;                                   \
            sum += (type)x[k * p->x_step];                             \
            y[k * p->y_step] = (elem)(p->is_exclusive ? before : sum); \
        }                                                              \
    }
DEFINE_LINE(line_f32, float, double)
DEFINE_LINE(line_i32, int32_t, uint32_t)
DEFINE_LINE(line_i64, int64_t, uint64_t)

#define RUN_LINES(name, line, elem)                                         \
    static int name(const struct tro_step *s, const struct tro_step_run *r) \
    {                                                                       \
        const struct params *const p = s->params;                           \
        const elem *const x = tro_arg_ptr(r, &s->in[0]);                    \
        elem *const y = tro_arg_ptr(r, &s->out[0]);                         \
        int64_t begin, end, at[TRO_WALK_OPERANDS];                          \
        tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);       \
        for (int64_t i = begin; i < end; i++) {                             \
            tro_walk_at(&p->walk, i, at);                                   \
            line(p, y + at[1], x + at[0]);                                  \
        }                                                                   \
        return 0;                                                           \
    }
RUN_LINES(run_f32, line_f32, float)
RUN_LINES(run_i32, line_i32, int32_t)
RUN_LINES(run_i64, line_i64, int64_t)

static tro_step_fn *pick(enum tro_dtype d)
{
    return d == TRO_F32 ? run_f32 : d == TRO_I32 ? run_i32 : d == TRO_I64 ? run_i64 : NULL;
}

int tro_cpu_emit_cumsum(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_cumsum *const a = n->attrs;
    struct tro_tensor t;
    struct tro_ints axes;
    struct tro_arg x, y;
    struct params *p;
    if (n->n_epilogue || !tro_lower_type(l, n->out[0], &t) || !pick(t.dtype) || t.rank == 0 ||
        !tro_lower_ints(l, n->node->in[1], &axes) || axes.n != 1 || axes.v[0] < -t.rank ||
        axes.v[0] >= t.rank)
        return 0;
    const int axis = (int)(axes.v[0] < 0 ? axes.v[0] + t.rank : axes.v[0]);
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y) < 0)
        return tro_lower_err(l)->status;
    struct tro_step *const s = tro_lower_step(l, n, "cumsum", pick(t.dtype), 1, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    p->n = x.shape[axis];
    p->x_step = x.stride[axis];
    p->y_step = y.stride[axis];
    p->is_exclusive = a->is_exclusive != 0;
    p->is_reverse = a->is_reverse != 0;
    tro_walk_init(&p->walk, 1U << axis, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&x, &y, NULL});
    s->n_parts = tro_walk_parts(l, p->walk.n, tro_arg_n_elems(&x));
    return 1;
}
