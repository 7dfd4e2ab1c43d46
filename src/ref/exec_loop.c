/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/exec.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

/* A stacked output while it grows. */
struct stack {
    char *data;
    size_t n_bytes, cap;
    struct tro_tensor item;
};

struct loop {
    const struct tro_node *n;
    const struct tro_block *body;
    int64_t n_carried, n_captures, n_stacks;
    int64_t n_trips; /* INT64_MAX: no limit */
    bool condition;
    int64_t iteration;
    struct tro_exec_slot *carried; /* n_carried */
    struct tro_exec_slot *in;      /* of the body */
    struct tro_exec_slot *made;    /* by the body */
    struct stack *stacks;
    struct tro_exec_envs envs;
};

static int stack_grow(struct tro_exec *x, struct stack *s, size_t n_bytes)
{
    size_t need, cap;
    if (__builtin_add_overflow(s->n_bytes, n_bytes, &need) ||
        __builtin_mul_overflow(s->cap, (size_t)2, &cap))
        return tro_fail_nomem(x->err);
    if (need <= s->cap && s->data)
        return 0;
    cap = cap < need ? need : cap;
    char *const data = tro_malloc_aligned(cap);
    if (!data)
        return tro_fail_nomem(x->err);
    if (s->n_bytes)
        memcpy(data, s->data, s->n_bytes);
    tro_free(s->data);
    s->data = data;
    s->cap = cap;
    return 0;
}

static int stack_push(struct tro_exec *x, struct stack *s, const struct tro_tensor *t, int i,
                      int64_t iteration)
{
    if (iteration == 0) {
        s->item = *t;
        TRO_TRY(tro_exec_check_stack_rank(x, t, i));
    }
    TRO_TRY(tro_exec_check_item(x, &s->item, t, i, iteration));
    const size_t n_bytes = tro_tensor_n_bytes(t);
    TRO_TRY(stack_grow(x, s, n_bytes));
    if (n_bytes)
        memcpy(s->data + s->n_bytes, t->data, n_bytes);
    s->n_bytes += n_bytes;
    return 0;
}

static int stack_move(struct tro_exec *x, struct stack *s, int64_t n, struct tro_exec_slot *out)
{
    struct tro_tensor t = {.dtype = s->item.dtype, .rank = s->item.rank + 1, .data = s->data};
    t.shape[0] = n;
    for (int a = 1; a < t.rank; a++)
        t.shape[a] = s->item.shape[a - 1];
    s->data = NULL;
    return tro_exec_slot_own(x, out, &t);
}

static int loop_init(struct tro_exec *x, struct loop *l, const struct tro_node *n)
{
    const struct tro_attrs_loop *const a = n->attrs;
    *l = (struct loop){.n = n,
                       .body = tro_block_get(x->g, n->blocks[0]),
                       .n_carried = a->n_carried,
                       .n_captures = a->n_captures,
                       .n_stacks = (int64_t)n->n_out - a->n_carried,
                       .n_trips = INT64_MAX,
                       .condition = true};
    const int64_t n_entries = l->n_carried + l->n_captures;
    if (n_entries > 0) /* absent trip count and condition may be cut off */
        TRO_TRY(tro_exec_check_count(x, n->n_in, 2 + n_entries, "inputs of the node"));
    TRO_TRY(tro_exec_check_count(x, l->body->n_inputs, 2 + n_entries, "inputs"));
    TRO_TRY(tro_exec_check_count(x, l->body->n_outputs, 1 + (int64_t)n->n_out, "outputs"));
    if (n->n_in > 0 && n->in[0].i)
        TRO_TRY(tro_exec_one_element(x, n, 0, "trip count", &l->n_trips));
    int64_t condition = 1;
    if (n->n_in > 1 && n->in[1].i)
        TRO_TRY(tro_exec_one_element(x, n, 1, "condition", &condition));
    l->condition = condition != 0;
    l->carried = tro_calloc((size_t)l->n_carried + 1, sizeof(*l->carried));
    l->in = tro_calloc(l->body->n_inputs + 1, sizeof(*l->in));
    l->made = tro_calloc(l->body->n_outputs + 1, sizeof(*l->made));
    l->stacks = tro_calloc((size_t)l->n_stacks + 1, sizeof(*l->stacks));
    if (!l->carried || !l->in || !l->made || !l->stacks)
        return tro_fail_nomem(x->err);
    for (int64_t i = 0; i < l->n_carried; i++) {
        const struct tro_exec_slot s = tro_exec_value(x, n->in[2 + i]);
        l->carried[i] = tro_exec_slot_ref(&s);
    }
    return tro_exec_envs_init(x, &l->envs);
}

static void loop_finish(struct tro_exec *x, struct loop *l)
{
    if (l->carried)
        tro_exec_slots_drop(l->carried, l->n_carried);
    if (l->made)
        tro_exec_slots_drop(l->made, (int64_t)l->body->n_outputs);
    for (int64_t i = 0; i < l->n_stacks && l->stacks; i++)
        tro_free(l->stacks[i].data);
    tro_free(l->carried);
    tro_free(l->in);
    tro_free(l->made);
    tro_free(l->stacks);
    if (l->envs.outer)
        tro_exec_envs_finish(x, &l->envs);
}

/* An input of the body that holds one number: a scalar, or a vector of one if the body says so. */
static int alloc_number(struct tro_exec *x, tro_value_id v, int64_t number,
                        struct tro_exec_slot *out)
{
    const struct tro_value *const value = tro_value_get(x->g, v);
    struct tro_tensor t = {.dtype = value->dtype, .rank = value->shape.rank == 1};
    t.shape[0] = 1;
    TRO_TRY(tro_exec_slot_alloc(x, out, &t));
    tro_store_i64(t.dtype, out->t.data, 0, number);
    return 0;
}

static int loop_inputs(struct tro_exec *x, struct loop *l)
{
    TRO_TRY(alloc_number(x, l->body->inputs[0], l->iteration, &l->in[0]));
    TRO_TRY(alloc_number(x, l->body->inputs[1], l->condition, &l->in[1]));
    for (int64_t i = 0; i < l->n_carried; i++) {
        l->in[2 + i] = l->carried[i];
        l->carried[i] = (struct tro_exec_slot){0};
    }
    for (int64_t i = 2 + l->n_carried; i < (int64_t)l->n->n_in; i++) {
        const struct tro_exec_slot s = tro_exec_value(x, l->n->in[i]);
        l->in[i] = tro_exec_slot_ref(&s);
    }
    return 0;
}

static int loop_step(struct tro_exec *x, struct loop *l)
{
    tro_exec_envs_renew(&l->envs);
    const int rc = loop_inputs(x, l);
    if (rc < 0) {
        tro_exec_slots_drop(l->in, (int64_t)l->body->n_inputs);
        return rc;
    }
    TRO_TRY(tro_exec_block(x, l->n->blocks[0], l->in, l->made));
    const struct tro_tensor *const condition = &l->made[0].t;
    if (tro_tensor_n_elems(condition) != 1)
        return tro_fail(x->err, TRO_E_INPUT, "condition: expected one element, found %" PRId64,
                        tro_tensor_n_elems(condition));
    l->condition = tro_load_i64(condition->dtype, condition->data, 0) != 0;
    tro_exec_slot_drop(&l->made[0]);
    for (int64_t i = 0; i < l->n_carried; i++) {
        l->carried[i] = l->made[1 + i];
        l->made[1 + i] = (struct tro_exec_slot){0};
    }
    for (int64_t i = 0; i < l->n_stacks; i++) {
        struct tro_exec_slot *const s = &l->made[1 + l->n_carried + i];
        TRO_TRY(stack_push(x, &l->stacks[i], &s->t, (int)i, l->iteration));
        tro_exec_slot_drop(s);
    }
    return 0;
}

static int loop_run(struct tro_exec *x, struct loop *l)
{
    for (; l->condition && l->iteration < l->n_trips; l->iteration++)
        TRO_TRY(loop_step(x, l));
    return 0;
}

static int loop_outputs(struct tro_exec *x, struct loop *l, struct tro_exec_slot *out)
{
    for (int64_t i = 0; i < l->n_carried; i++) {
        out[i] = l->carried[i];
        l->carried[i] = (struct tro_exec_slot){0};
    }
    for (int64_t i = 0; i < l->n_stacks; i++) {
        struct tro_exec_slot *const s = &out[l->n_carried + i];
        if (l->iteration > 0)
            TRO_TRY(stack_move(x, &l->stacks[i], l->iteration, s));
        else
            TRO_TRY(tro_exec_alloc_empty(x, l->n->out[l->n_carried + i], 0, s));
    }
    return 0;
}

int tro_exec_loop(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out)
{
    struct loop l;
    int rc = loop_init(x, &l, n);
    if (rc >= 0)
        rc = loop_run(x, &l);
    if (l.envs.outer)
        x->env = l.envs.outer;
    if (rc >= 0)
        rc = loop_outputs(x, &l, out);
    loop_finish(x, &l);
    return rc;
}
