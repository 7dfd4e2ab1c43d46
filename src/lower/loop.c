/* SPDX-License-Identifier: Apache-2.0 */
/* Loop and scan as steps. */
#include "lower/control.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"

#include <string.h>

/* ---- steps of a loop ---------------------------------------------------------------------- */

struct at_iteration {
    int64_t stride;   /* between neighbours along the axis, in bytes */
    int64_t n;        /* size of the axis */
    bool is_reversed; /* counted from the end */
    bool is_stack;    /* the moving place is the output's */
};

/* in[0] to out[0], one of which moves with the counter in in[1]. */
static int run_at_iteration(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct at_iteration *const p = s->params;
    const int64_t i = *(const int64_t *)tro_arg_ptr(r, &s->in[1]);
    const int64_t offset = (p->is_reversed ? p->n - 1 - i : i) * p->stride;
    const struct tro_arg *const to = &s->out[0], *const from = &s->in[0];
    struct tro_copy c = {.elem_size = tro_dtype_size(to->dtype),
                         .dst = (char *)tro_arg_ptr(r, to) + (p->is_stack ? offset : 0),
                         .src = (char *)tro_arg_ptr(r, from) + (p->is_stack ? 0 : offset),
                         .rank = to->rank};
    if (r->part > 0 || tro_arg_n_elems(to) == 0)
        return 0;
    if (i >= p->n)
        return tro_fail(r->err, TRO_E_INPUT, "loop: expected %lld iterations, found more",
                        (long long)p->n);
    memcpy(c.shape, to->shape, sizeof to->shape);
    memcpy(c.dst_stride, to->stride, sizeof to->stride);
    memcpy(c.src_stride, from->stride, sizeof from->stride);
    tro_copy_run(&c);
    return 0;
}

static int run_count(const struct tro_step *s, const struct tro_step_run *r)
{
    if (r->part == 0)
        ++*(int64_t *)tro_arg_ptr(r, &s->out[0]);
    return 0;
}

/* One place of `whole` along an axis, which the counter chooses, and the slice at `at`. */
static int step_at_iteration(struct tro_lowering *l, const struct tro_arg *whole, int axis,
                             bool is_reversed, bool is_stack, const struct tro_arg *slice,
                             const struct tro_arg *counter)
{
    const struct tro_lower_node n = {.name = l->name};
    struct at_iteration *p;
    struct tro_step *const s = tro_lower_step(l, &n, is_stack ? "stack" : "unstack",
                                              run_at_iteration, 2, 1, sizeof *p, &p);
    if (!s)
        return l->err->status;
    struct tro_arg one = *whole;
    for (int i = axis; i < whole->rank - 1; i++) {
        one.shape[i] = whole->shape[i + 1];
        one.stride[i] = whole->stride[i + 1];
    }
    one.rank--;
    s->in[0] = is_stack ? *slice : one;
    s->in[1] = *counter;
    s->out[0] = is_stack ? one : *slice;
    *p = (struct at_iteration){.stride = whole->stride[axis] *
                                         (int64_t)tro_dtype_size(whole->dtype),
                               .n = whole->shape[axis],
                               .is_reversed = is_reversed,
                               .is_stack = is_stack};
    return 0;
}

/* ---- loop and scan ------------------------------------------------------------------------ */

struct loop {
    const struct tro_node *node;
    const struct tro_block *block;
    struct tro_block_parts parts;
    struct tro_arg counter, cond, trip;
    bool has_cond;          /* each iteration decides whether there is a next one */
    bool has_trip;          /* the count is in memory: trip */
    int64_t trip_count;     /* else it is this */
    struct tro_arg *state;  /* memory of carried values */
    struct tro_arg *stacks; /* results that are stacked, by output of the node */
};

static int alloc_scalar(struct tro_lowering *l, enum tro_dtype dtype, const void *value,
                        struct tro_arg *out)
{
    const struct tro_tensor t = {.dtype = dtype};
    const struct tro_lower_node n = {.name = l->name};
    struct tro_arg table;
    TRO_TRY(tro_lower_alloc(l, &t, TRO_FORM_DENSE, out));
    TRO_TRY(tro_lower_table(l, value, tro_dtype_size(dtype), &table));
    struct tro_arg from = *out;
    from.buffer = table.buffer;
    from.offset = table.offset;
    return tro_lower_copy(l, &n, out, &from);
}

static bool is_const_true(const struct tro_lowering *l, tro_value_id v)
{
    struct tro_tensor t;
    return tro_lower_const(l, v, &t) && tro_load_i64(t.dtype, t.data, 0) != 0;
}

/* How often, as far as it is known. False where that cannot be said in steps. */
static bool read_count(struct tro_lowering *l, struct loop *p)
{
    const struct tro_node *const n = p->node;
    struct tro_tensor t;
    struct tro_ints ints;
    if (n->op == TRO_OP_SCAN) {
        const struct tro_attrs_scan *const a = n->attrs;
        if (!tro_lower_type(l, n->in[p->parts.n_state], &t))
            return false;
        p->trip_count = t.shape[tro_lower_scan_axis(&a->input_axes, 0, t.rank)];
        return true;
    }
    const tro_value_id kept = p->block->outputs[0];
    const bool is_kept = tro_value_eq(kept, p->block->inputs[1]) || is_const_true(l, kept);
    p->has_cond = !is_kept || (n->n_in > 1 && n->in[1].i && !is_const_true(l, n->in[1]));
    p->trip_count = INT64_MAX;
    if (n->n_in > 0 && n->in[0].i) {
        if (tro_lower_ints(l, n->in[0], &ints))
            p->trip_count = ints.v[0];
        else
            p->has_trip = true;
    }
    return p->has_trip || p->has_cond || p->trip_count < INT64_MAX;
}

static int init_counter_and_cond(struct tro_lowering *l, struct loop *p)
{
    const int64_t zero = 0;
    const uint8_t yes = 1;
    TRO_TRY(alloc_scalar(l, TRO_I64, &zero, &p->counter));
    if (p->node->op != TRO_OP_LOOP)
        return 0;
    TRO_TRY(alloc_scalar(l, TRO_BOOL, &yes, &p->cond));
    if (p->node->n_in > 1 && p->node->in[1].i) {
        const struct tro_lower_node n = {.name = l->name};
        struct tro_arg from;
        TRO_TRY(tro_lower_at(l, p->node->in[1], &from));
        struct tro_arg to = p->cond;
        to.rank = from.rank;
        memcpy(to.shape, from.shape, sizeof to.shape);
        memcpy(to.stride, from.stride, sizeof to.stride);
        TRO_TRY(tro_lower_copy(l, &n, &to, &from));
    }
    tro_lower_set_place(l, p->block->inputs[0], &p->counter);
    tro_lower_set_place(l, p->block->inputs[1], &p->cond);
    return 0;
}

/* Memory of carried values, which become the node's results, and of stacked results. */
static int init_state(struct tro_lowering *l, struct loop *p)
{
    const struct tro_node *const node = p->node;
    const struct tro_lower_node n = {.name = l->name};
    p->state = TRO_NEW_N(&l->p->arena, struct tro_arg, (size_t)p->parts.n_state + 1);
    p->stacks = TRO_NEW_N(&l->p->arena, struct tro_arg, node->n_out + 1);
    if (!p->state || !p->stacks)
        return tro_fail_nomem(l->err);
    for (int i = 0; i < p->parts.n_state; i++) {
        struct tro_tensor t;
        struct tro_arg from;
        TRO_TRY(tro_lower_at(l, node->in[p->parts.first_operand + i], &from));
        tro_lower_type(l, node->in[p->parts.first_operand + i], &t);
        TRO_TRY(tro_lower_alloc(l, &t, TRO_FORM_DENSE, &p->state[i]));
        TRO_TRY(tro_lower_copy(l, &n, &p->state[i], &from));
        tro_lower_set_place(l, p->block->inputs[p->parts.n_own + i], &p->state[i]);
        if (node->out[i].i)
            tro_lower_set_place(l, node->out[i], &p->state[i]);
    }
    for (uint32_t i = (uint32_t)p->parts.n_state; i < node->n_out; i++) {
        if (!node->out[i].i)
            continue;
        TRO_TRY(tro_lower_place_value(l, node->out[i], TRO_FORM_DENSE, false, TRO_DTYPE_NONE,
                                      &p->stacks[i]));
        tro_lower_set_place(l, node->out[i], &p->stacks[i]);
    }
    return 0;
}

/* The control step lists what lives through all iterations. */
static int begin_loop(struct tro_lowering *l, struct loop *p, int32_t *at)
{
    const int n_state = p->parts.n_state;
    const int n_stacks = (int)p->node->n_out - n_state;
    struct tro_arg trip = p->counter;
    if (p->has_trip)
        TRO_TRY(tro_lower_at(l, p->node->in[0], &trip));
    struct tro_step *const s = tro_lower_control_step(l, TRO_STEP_LOOP, "loop",
                                                      3 + n_state + n_stacks);
    if (!s)
        return l->err->status;
    s->in[0] = trip;
    s->in[1] = p->has_cond ? p->cond : p->counter;
    s->in[2] = p->counter;
    memcpy(s->in + 3, p->state, (size_t)n_state * sizeof *s->in);
    for (int i = 0; i < n_stacks; i++) {
        const uint32_t k = (uint32_t)(n_state + i);
        s->in[3 + n_state + i] = p->node->out[k].i ? p->stacks[k] : p->counter;
    }
    s->trip_count = p->has_trip ? -1 : p->trip_count;
    s->has_cond = p->has_cond;
    *at = l->p->n_steps - 1;
    return 0;
}

static int cut_slices(struct tro_lowering *l, const struct loop *p)
{
    for (int i = 0; i < p->parts.n_slices; i++) {
        const struct tro_attrs_scan *const a = p->node->attrs;
        const tro_value_id inner = p->block->inputs[p->parts.n_state + i];
        struct tro_tensor t;
        struct tro_arg whole, slice;
        TRO_TRY(tro_lower_at(l, p->node->in[p->parts.n_state + i], &whole));
        tro_lower_type(l, inner, &t);
        TRO_TRY(tro_lower_alloc(l, &t, TRO_FORM_DENSE, &slice));
        TRO_TRY(step_at_iteration(l, &whole, tro_lower_scan_axis(&a->input_axes, i, whole.rank),
                                  a->input_reversed.n && a->input_reversed.v[i], false, &slice,
                                  &p->counter));
        tro_lower_set_place(l, inner, &slice);
    }
    return 0;
}

static int stack_results(struct tro_lowering *l, const struct loop *p)
{
    const struct tro_attrs_scan *const a = p->node->op == TRO_OP_SCAN ? p->node->attrs : NULL;
    for (int i = 0; i < (int)p->node->n_out - p->parts.n_state; i++) {
        const int k = p->parts.n_state + i;
        struct tro_arg from;
        if (!p->node->out[k].i)
            continue;
        TRO_TRY(tro_lower_at(l, p->block->outputs[p->parts.first_result + k], &from));
        const int axis = a ? tro_lower_scan_axis(&a->output_axes, i, p->stacks[k].rank) : 0;
        const bool is_reversed = a && a->output_reversed.n && a->output_reversed.v[i];
        TRO_TRY(step_at_iteration(l, &p->stacks[k], axis, is_reversed, true, &from, &p->counter));
    }
    return 0;
}

static bool is_state_memory(const struct loop *p, uint32_t buffer)
{
    bool is_state = buffer == p->cond.buffer;
    for (int i = 0; i < p->parts.n_state; i++)
        is_state = is_state || buffer == p->state[i].buffer;
    return is_state;
}

/* All new values are read before the first is written: a block may return its inputs swapped. */
static int carry(struct tro_lowering *l, const struct loop *p)
{
    const struct tro_lower_node n = {.name = l->name};
    const int first = p->has_cond ? -1 : 0;
    struct tro_arg *const from = TRO_NEW_N(&l->p->arena, struct tro_arg,
                                           (size_t)p->parts.n_state + 2);
    if (!from)
        return tro_fail_nomem(l->err);
    for (int i = first; i < p->parts.n_state; i++) {
        struct tro_arg *const f = &from[i + 1];
        TRO_TRY(tro_lower_at(l, p->block->outputs[p->parts.first_result + i], f));
        if (!is_state_memory(p, f->buffer))
            continue;
        struct tro_tensor t;
        const struct tro_arg old = *f;
        tro_lower_type(l, p->block->outputs[p->parts.first_result + i], &t);
        TRO_TRY(tro_lower_alloc(l, &t, TRO_FORM_DENSE, f));
        TRO_TRY(tro_lower_copy(l, &n, f, &old));
    }
    for (int i = first; i < p->parts.n_state; i++) {
        struct tro_arg to = i < 0 ? p->cond : p->state[i];
        to.rank = from[i + 1].rank;
        memcpy(to.shape, from[i + 1].shape, sizeof to.shape);
        if (i < 0)
            memcpy(to.stride, from[i + 1].stride, sizeof to.stride);
        TRO_TRY(tro_lower_copy(l, &n, &to, &from[i + 1]));
    }
    return 0;
}

static int count_up(struct tro_lowering *l, const struct loop *p)
{
    const struct tro_lower_node n = {.name = l->name};
    struct tro_step *const s = tro_lower_step(l, &n, "count", run_count, 0, 1, 0, NULL);
    if (!s)
        return l->err->status;
    s->out[0] = p->counter;
    return 0;
}

static int lower_body(struct tro_lowering *l, struct loop *p)
{
    const struct tro_node *const node = p->node;
    const int n_before = p->parts.n_own + p->parts.n_state + p->parts.n_slices;
    const uint32_t n_buffers = l->p->n_buffers;
    for (int i = n_before; i < (int)p->block->n_inputs; i++)
        l->values[p->block->inputs[i].i].alias =
            node->in[p->parts.first_operand + i - p->parts.n_own];
    TRO_TRY(cut_slices(l, p));
    TRO_TRY(tro_lower_block(l, p->block, node->blocks[0]));
    TRO_TRY(stack_results(l, p));
    TRO_TRY(carry(l, p));
    TRO_TRY(count_up(l, p));
    tro_lower_drop_copies(l, n_buffers);
    return 0;
}

static bool is_reachable(const struct tro_lowering *l, const struct tro_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].i && tro_lower_value(l, node->in[i])->is_dynamic)
            return false;
    return true;
}

int tro_lower_loop(struct tro_lowering *l, const struct tro_node *node)
{
    struct loop p = {.node = node,
                     .block = tro_block_get(l->g, node->blocks[0]),
                     .parts = tro_lower_parts_of(node)};
    int32_t at = 0;
    if (!is_reachable(l, node) || !read_count(l, &p))
        return 0;
    TRO_TRY(init_counter_and_cond(l, &p));
    TRO_TRY(init_state(l, &p));
    TRO_TRY(begin_loop(l, &p, &at));
    TRO_TRY(lower_body(l, &p));
    l->p->steps[at].n_then = l->p->n_steps - 1 - at;
    return 1;
}
