/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/exec.h"

#include "base/alloc.h"
#include "base/err.h"
#include "ref/copy.h"

#include <inttypes.h>

struct scan {
    const struct tro_node *n;
    const struct tro_attrs_scan *a;
    const struct tro_block *body;
    int64_t n_states, n_captures;
    int n_scans, n_stacks;
    int64_t n_trips;
    struct tro_exec_slot *states;
    struct tro_exec_slot *in, *made; /* of the body */
    struct tro_exec_envs envs;
};

/* Entry i of a list in which missing entries are 0. */
static int64_t entry(const struct tro_ints *list, int i)
{
    return i < list->n ? list->v[i] : 0;
}

static int scan_axis(struct tro_exec *x, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return tro_fail(x->err, TRO_E_INPUT,
                        "scan axis: expected one of %d axes, found axis %" PRId64, rank, axis);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

/* All scanned inputs have the same number of slices. */
static int scan_length(struct tro_exec *x, struct scan *s)
{
    for (int i = 0; i < s->n_scans; i++) {
        const struct tro_tensor t = tro_exec_value(x, s->n->in[s->n_states + i]).t;
        int axis = 0;
        TRO_TRY(scan_axis(x, entry(&s->a->input_axes, i), t.rank, &axis));
        if (i > 0 && t.shape[axis] != s->n_trips)
            return tro_fail(x->err, TRO_E_INPUT,
                            "scanned input %d: expected %" PRId64 " slices as input 0, found "
                            "%" PRId64,
                            i, s->n_trips, t.shape[axis]);
        s->n_trips = t.shape[axis];
    }
    return 0;
}

static int scan_init(struct tro_exec *x, struct scan *s, const struct tro_node *n)
{
    const struct tro_attrs_scan *const a = n->attrs;
    *s = (struct scan){.n = n, .a = a, .body = tro_block_get(x->g, n->blocks[0])};
    if (a->n_scan_inputs < 1 || a->n_scan_inputs > TRO_MAX_INTS || a->n_scan_outputs < 0 ||
        a->n_scan_outputs > TRO_MAX_INTS)
        return tro_fail(x->err, TRO_E_INTERNAL, "numbers of scanned inputs and outputs are wrong");
    s->n_scans = (int)a->n_scan_inputs;
    s->n_stacks = (int)a->n_scan_outputs;
    s->n_captures = a->n_captures;
    s->n_states = (int64_t)n->n_out - s->n_stacks;
    TRO_TRY(tro_exec_check_count(x, n->n_in, s->n_states + s->n_scans + s->n_captures,
                                 "inputs of the node"));
    TRO_TRY(tro_exec_check_count(x, s->body->n_inputs, n->n_in, "inputs"));
    TRO_TRY(tro_exec_check_count(x, s->body->n_outputs, n->n_out, "outputs"));
    TRO_TRY(scan_length(x, s));
    s->states = tro_calloc((size_t)s->n_states + 1, sizeof(*s->states));
    s->in = tro_calloc(n->n_in + 1, sizeof(*s->in));
    s->made = tro_calloc(n->n_out + 1, sizeof(*s->made));
    if (!s->states || !s->in || !s->made)
        return tro_fail_nomem(x->err);
    for (int64_t i = 0; i < s->n_states; i++) {
        const struct tro_exec_slot state = tro_exec_value(x, n->in[i]);
        s->states[i] = tro_exec_slot_ref(&state);
    }
    return tro_exec_envs_init(x, &s->envs);
}

static void scan_finish(struct tro_exec *x, struct scan *s)
{
    if (s->states)
        tro_exec_slots_drop(s->states, s->n_states);
    if (s->made)
        tro_exec_slots_drop(s->made, s->n->n_out);
    tro_free(s->states);
    tro_free(s->in);
    tro_free(s->made);
    if (s->envs.outer)
        tro_exec_envs_finish(x, &s->envs);
}

/* Slice number `at` of a tensor along an axis, which the slice has no more. */
static int take_slice(struct tro_exec *x, const struct tro_tensor *t, int axis, int64_t at,
                      struct tro_exec_slot *out)
{
    struct tro_tensor item = {.dtype = t->dtype, .rank = t->rank - 1};
    struct tro_tensor thin = *t;
    int64_t from[TRO_MAX_RANK] = {0};
    for (int a = 0; a < item.rank; a++)
        item.shape[a] = t->shape[a < axis ? a : a + 1];
    thin.shape[axis] = 1;
    from[axis] = at;
    TRO_TRY(tro_exec_slot_alloc(x, out, &item));
    thin.data = out->t.data;
    tro_copy_box(&thin, NULL, t, from, thin.shape);
    return 0;
}

/* The reverse: puts a slice into the stacked output, which the first slice makes. */
static int put_slice(struct tro_exec *x, struct scan *s, int i, int64_t iteration,
                     const struct tro_tensor *item, struct tro_exec_slot *out)
{
    int axis = 0;
    TRO_TRY(tro_exec_check_stack_rank(x, item, i));
    TRO_TRY(scan_axis(x, entry(&s->a->output_axes, i), item->rank + 1, &axis));
    struct tro_tensor whole = {.dtype = item->dtype, .rank = item->rank + 1};
    for (int a = 0; a < whole.rank; a++)
        whole.shape[a] = a == axis ? s->n_trips : item->shape[a < axis ? a : a - 1];
    if (iteration == 0)
        TRO_TRY(tro_exec_slot_alloc(x, out, &whole));
    TRO_TRY(tro_exec_check_item(x, &out->t, &whole, i, iteration));
    struct tro_tensor thin = whole;
    int64_t to[TRO_MAX_RANK] = {0};
    thin.shape[axis] = 1;
    thin.data = item->data;
    to[axis] = entry(&s->a->output_reversed, i) ? s->n_trips - 1 - iteration : iteration;
    tro_copy_box(&out->t, to, &thin, NULL, thin.shape);
    return 0;
}

static int scan_inputs(struct tro_exec *x, struct scan *s, int64_t iteration)
{
    for (int64_t i = 0; i < s->n_states; i++) {
        s->in[i] = s->states[i];
        s->states[i] = (struct tro_exec_slot){0};
    }
    for (int i = 0; i < s->n_scans; i++) {
        const struct tro_tensor t = tro_exec_value(x, s->n->in[s->n_states + i]).t;
        const int64_t at = entry(&s->a->input_reversed, i) ? s->n_trips - 1 - iteration : iteration;
        int axis = 0;
        TRO_TRY(scan_axis(x, entry(&s->a->input_axes, i), t.rank, &axis));
        TRO_TRY(take_slice(x, &t, axis, at, &s->in[s->n_states + i]));
    }
    for (int64_t i = s->n_states + s->n_scans; i < (int64_t)s->n->n_in; i++) {
        const struct tro_exec_slot capture = tro_exec_value(x, s->n->in[i]);
        s->in[i] = tro_exec_slot_ref(&capture);
    }
    return 0;
}

static int scan_step(struct tro_exec *x, struct scan *s, int64_t iteration,
                     struct tro_exec_slot *out)
{
    tro_exec_envs_renew(&s->envs);
    const int rc = scan_inputs(x, s, iteration);
    if (rc < 0) {
        tro_exec_slots_drop(s->in, (int64_t)s->body->n_inputs);
        return rc;
    }
    TRO_TRY(tro_exec_block(x, s->n->blocks[0], s->in, s->made));
    for (int64_t i = 0; i < s->n_states; i++) {
        s->states[i] = s->made[i];
        s->made[i] = (struct tro_exec_slot){0};
    }
    for (int i = 0; i < s->n_stacks; i++) {
        struct tro_exec_slot *const item = &s->made[s->n_states + i];
        TRO_TRY(put_slice(x, s, i, iteration, &item->t, &out[s->n_states + i]));
        tro_exec_slot_drop(item);
    }
    return 0;
}

static int scan_outputs(struct tro_exec *x, struct scan *s, struct tro_exec_slot *out)
{
    for (int64_t i = 0; i < s->n_states; i++) {
        out[i] = s->states[i];
        s->states[i] = (struct tro_exec_slot){0};
    }
    for (int i = 0; i < s->n_stacks && s->n_trips == 0; i++) {
        const tro_value_id v = s->n->out[s->n_states + i];
        const int rank = v.i ? tro_value_get(x->g, v)->shape.rank : 1;
        int axis = 0;
        TRO_TRY(scan_axis(x, entry(&s->a->output_axes, i), rank < 1 ? 1 : rank, &axis));
        TRO_TRY(tro_exec_alloc_empty(x, v, axis, &out[s->n_states + i]));
    }
    return 0;
}

int tro_exec_scan(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out)
{
    struct scan s;
    int rc = scan_init(x, &s, n);
    for (int64_t i = 0; i < s.n_trips && rc >= 0; i++)
        rc = scan_step(x, &s, i, out);
    if (s.envs.outer)
        x->env = s.envs.outer;
    if (rc >= 0)
        rc = scan_outputs(x, &s, out);
    scan_finish(x, &s);
    return rc;
}
