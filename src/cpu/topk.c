/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The k greatest or least elements of lines of f32. An element becomes one integer that is greater
 * the earlier it stands in the result: its order, and below that how near it is to the beginning.
 *
 *     63        32 31         0
 *     [ order     ][ ~index    ]
 */
#include "cpu/cpu.h"
#include "cpu/heap.h"
#include "cpu/walk.h"

#include <string.h>

struct params {
    struct tro_walk walk; /* x, values, indices */
    int64_t n, k, x_step, value_step, index_step;
    bool is_smallest, has_values, has_indices;
};

/* Integers in the order of the numbers; -0 equals 0, NaN is the greatest. */
static uint32_t order_of(float v)
{
    uint32_t bits;
    if (v != v)
        return UINT32_MAX;
    v += 0.0F;
    memcpy(&bits, &v, sizeof(bits));
    return bits >> 31 ? ~bits : bits | 0x80000000U;
}

static void find(const struct params *p, const float *x, uint64_t *heap)
{
    const uint32_t flip = p->is_smallest ? UINT32_MAX : 0;
    for (int64_t i = 0; i < p->n; i++) {
        const uint64_t key = (uint64_t)(order_of(x[i * p->x_step]) ^ flip) << 32 |
                             (uint32_t) ~(uint32_t)i;
        tro_heap_add(heap, p->k, i, key);
    }
    tro_heap_sort(heap, p->k);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const x = tro_arg_ptr(r, &s->in[0]);
    float *const values = p->has_values ? tro_arg_ptr(r, &s->out[0]) : NULL;
    int64_t *const indices = p->has_indices ? tro_arg_ptr(r, &s->out[p->has_values]) : NULL;
    uint64_t *const heap = r->scratch;
    int64_t begin, end, at[TRO_WALK_OPERANDS];
    tro_part_range(p->walk.n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        tro_walk_at(&p->walk, i, at);
        find(p, x + at[0], heap);
        for (int64_t j = 0; j < p->k; j++) {
            const int64_t from = (uint32_t) ~(uint32_t)heap[j];
            if (values)
                values[at[1] + j * p->value_step] = x[at[0] + from * p->x_step];
            if (indices)
                indices[at[2] + j * p->index_step] = from;
        }
    }
    return 0;
}

int tro_cpu_emit_topk(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_topk *const a = n->attrs;
    struct tro_tensor t, y;
    struct tro_arg x, out[2];
    struct params *p;
    const bool has[2] = {n->out[0].i != 0, n->n_out > 1 && n->out[1].i != 0};
    if (!tro_lower_type(l, n->node->in[0], &t) || t.dtype != TRO_F32 || t.rank == 0 ||
        n->n_epilogue || !tro_lower_type(l, n->out[has[0] ? 0 : 1], &y))
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    if (y.shape[axis] == 0 || t.shape[axis] > INT32_MAX || tro_tensor_n_elems(&t) == 0)
        return 0;
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x) < 0)
        return tro_lower_err(l)->status;
    int n_out = 0;
    for (int i = 0; i < 2; i++)
        if (has[i] && tro_lower_out(l, n, i, TRO_FORM_DENSE, false, &out[n_out++]) < 0)
            return tro_lower_err(l)->status;
    struct tro_step *const s = tro_lower_step(l, n, "topk", run, 1, n_out, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    memcpy(s->out, out, (size_t)n_out * sizeof(*out));
    p->n = x.shape[axis];
    p->k = y.shape[axis];
    p->x_step = x.stride[axis];
    p->value_step = out[0].stride[axis];
    p->index_step = out[n_out - 1].stride[axis];
    p->is_smallest = a->is_smallest != 0;
    p->has_values = has[0];
    p->has_indices = has[1];
    tro_walk_init(&p->walk, 1U << axis, true,
                  (const struct tro_arg *[TRO_WALK_OPERANDS]){&x, &out[0], &out[n_out - 1]});
    s->scratch_bytes = (size_t)p->k * sizeof(uint64_t);
    s->n_parts = tro_walk_parts(l, p->walk.n, tro_arg_n_elems(&x));
    return 1;
}
