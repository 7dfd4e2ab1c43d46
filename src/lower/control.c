/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control operators as ranges of steps, where all sizes inside are known:
 *
 *     if      IF ─ steps of the first block ─ copies to the results ─ the same of the second
 *     loop    carried := initial ─ LOOP ─ steps of the block ─ carried := what it returned
 *     scan    a loop that first cuts its slices out of the scanned inputs
 *
 * What a block returns to be stacked is copied to its place of the iteration, which a counter in
 * memory tells. Blocks of unknown sizes are left to the reference executor.
 */
#include "lower/control.h"

#include "base/err.h"

/* ---- can it be done ----------------------------------------------------------------------- */

static bool is_block_static(struct tro_lowering *l, tro_block_id id);

static bool same_type(const struct tro_tensor *a, const struct tro_tensor *b)
{
    bool is_same = a->dtype == b->dtype && a->rank == b->rank;
    for (int i = 0; i < a->rank && is_same; i++)
        is_same = a->shape[i] == b->shape[i];
    return is_same;
}

/* Sizes of a block's input from what enters it. */
static bool bind_input(struct tro_lowering *l, tro_value_id v, const struct tro_tensor *t)
{
    const struct tro_value *const in = tro_value_get(l->g, v);
    struct tro_tensor found;
    if (in->shape.rank != t->rank)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (!tro_dim_bind(&l->g->dims, &l->env, in->shape.dim[i], t->shape[i]))
            return false;
    return tro_lower_type(l, v, &found) && same_type(&found, t);
}

static struct tro_tensor without_axis(struct tro_tensor t, int axis)
{
    for (int i = axis; i < t.rank - 1; i++)
        t.shape[i] = t.shape[i + 1];
    t.rank--;
    return t;
}

struct tro_block_parts tro_lower_parts_of(const struct tro_node *n)
{
    if (n->op == TRO_OP_LOOP) {
        const struct tro_attrs_loop *const a = n->attrs;
        return (struct tro_block_parts){2, (int)a->n_carried, 0, (int)a->n_captures, 2, 1};
    }
    if (n->op == TRO_OP_SCAN) {
        const struct tro_attrs_scan *const a = n->attrs;
        const int n_state = (int)(n->n_in - a->n_scan_inputs - a->n_captures);
        return (struct tro_block_parts){0, n_state, (int)a->n_scan_inputs, (int)a->n_captures,
                                        0, 0};
    }
    const int first = n->op == TRO_OP_IF;
    return (struct tro_block_parts){0, 0, 0, (int)n->n_in - first, first, 0};
}

int tro_lower_scan_axis(const struct tro_ints *axes, int i, int rank)
{
    const int64_t a = axes->n ? axes->v[i] : 0;
    return (int)(a < 0 ? a + rank : a);
}

static bool bind_block(struct tro_lowering *l, const struct tro_node *n,
                       const struct tro_block_parts *p, const struct tro_block *b)
{
    for (int i = p->n_own; i < (int)b->n_inputs; i++) {
        const int slice = i - p->n_own - p->n_state;
        const tro_value_id operand = n->in[p->first_operand + i - p->n_own];
        struct tro_tensor t;
        if (!operand.i || tro_lower_value(l, operand)->is_dynamic ||
            !tro_lower_type(l, operand, &t))
            return false;
        if (slice >= 0 && slice < p->n_slices) {
            const struct tro_attrs_scan *const a = n->attrs;
            t = without_axis(t, tro_lower_scan_axis(&a->input_axes, slice, t.rank));
        }
        if (!bind_input(l, b->inputs[i], &t))
            return false;
    }
    return true;
}

/* A state leaves the block as it came. */
static bool is_state_stable(const struct tro_lowering *l, const struct tro_block_parts *p,
                            const struct tro_block *b)
{
    for (int i = 0; i < p->n_state; i++) {
        struct tro_tensor in, out;
        if (!tro_lower_type(l, b->inputs[p->n_own + i], &in) ||
            !tro_lower_type(l, b->outputs[p->first_result + i], &out) || !same_type(&in, &out))
            return false;
    }
    return true;
}

static bool is_node_static(struct tro_lowering *l, const struct tro_node *n)
{
    const struct tro_block_parts p = tro_lower_parts_of(n);
    struct tro_tensor t;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && !tro_lower_type(l, n->out[i], &t))
            return false;
    if (tro_op_info(n->op)->kind != TRO_KIND_CONTROL)
        return tro_op_info(n->op)->kind != TRO_KIND_EXTENT;
    for (int i = 0; i < 2; i++) {
        if (!n->blocks[i].i)
            continue;
        const struct tro_block *const b = tro_block_get(l->g, n->blocks[i]);
        if (!bind_block(l, n, &p, b) || !is_block_static(l, n->blocks[i]) ||
            !is_state_stable(l, &p, b))
            return false;
    }
    return true;
}

static bool is_block_static(struct tro_lowering *l, tro_block_id id)
{
    const struct tro_block *const b = tro_block_get(l->g, id);
    struct tro_tensor t;
    for (size_t i = 0; i < b->n_nodes; i++)
        if (!is_node_static(l, tro_node_get(l->g, b->nodes[i])))
            return false;
    for (size_t i = 0; i < b->n_outputs; i++)
        if (!tro_lower_type(l, b->outputs[i], &t))
            return false;
    return true;
}

/* ---- blocks ------------------------------------------------------------------------------- */

void tro_lower_drop_copies(struct tro_lowering *l, uint32_t n_buffers)
{
    for (size_t i = 1; i < l->g->n_values; i++) {
        struct tro_lower_value *const v = &l->values[i];
        while (v->n_copies > 0 && v->copies[v->n_copies - 1].buffer >= n_buffers)
            v->n_copies--;
    }
}

int tro_lower_block(struct tro_lowering *l, const struct tro_block *b, tro_block_id id)
{
    TRO_TRY(tro_lower_guess_block(l, id));
    for (size_t i = 0; i < b->n_nodes; i++)
        TRO_TRY(tro_lower_node(l, b->nodes[i]));
    return 0;
}

struct tro_step *tro_lower_control_step(struct tro_lowering *l, enum tro_step_kind kind,
                                        const char *kernel, int n_in)
{
    const struct tro_lower_node n = {.name = l->name};
    struct tro_step *const s = tro_lower_step(l, &n, kernel, NULL, n_in, 0, 0, NULL);
    if (s)
        s->kind = kind;
    return s;
}

/* ---- if ----------------------------------------------------------------------------------- */

static int lower_branch(struct tro_lowering *l, const struct tro_node *node, int which,
                        const struct tro_arg *out)
{
    const struct tro_block *const b = tro_block_get(l->g, node->blocks[which]);
    const struct tro_lower_node n = {.name = l->name};
    const uint32_t n_buffers = l->p->n_buffers;
    for (size_t i = 0; i < b->n_inputs; i++)
        l->values[b->inputs[i].i].alias = node->in[1 + i];
    TRO_TRY(tro_lower_block(l, b, node->blocks[which]));
    for (uint32_t i = 0; i < node->n_out; i++) {
        struct tro_arg from;
        if (!node->out[i].i)
            continue;
        TRO_TRY(tro_lower_at(l, b->outputs[i], &from));
        TRO_TRY(tro_lower_copy(l, &n, &out[i], &from));
    }
    tro_lower_drop_copies(l, n_buffers);
    return 0;
}

/* Both branches give results of the sizes that the node's have. */
static bool are_results_equal(const struct tro_lowering *l, const struct tro_node *node)
{
    for (uint32_t i = 0; i < node->n_out; i++)
        for (int k = 0; k < 2 && node->out[i].i; k++) {
            struct tro_tensor a, b;
            if (!tro_lower_type(l, node->out[i], &a) ||
                !tro_lower_type(l, tro_block_get(l->g, node->blocks[k])->outputs[i], &b) ||
                !same_type(&a, &b))
                return false;
        }
    return true;
}

static int lower_if(struct tro_lowering *l, const struct tro_node *node)
{
    struct tro_arg cond;
    struct tro_arg *const out = TRO_NEW_N(&l->p->arena, struct tro_arg, node->n_out + 1);
    if (!out)
        return tro_fail_nomem(l->err);
    if (!are_results_equal(l, node) || tro_lower_value(l, node->in[0])->is_dynamic)
        return 0;
    TRO_TRY(tro_lower_at(l, node->in[0], &cond));
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (!node->out[i].i)
            continue;
        TRO_TRY(
            tro_lower_place_value(l, node->out[i], TRO_FORM_GUESS, false, TRO_DTYPE_NONE, &out[i]));
        tro_lower_set_place(l, node->out[i], &out[i]);
    }
    struct tro_step *s = tro_lower_control_step(l, TRO_STEP_IF, "if", 1);
    if (!s)
        return l->err->status;
    s->in[0] = cond;
    const int32_t at = l->p->n_steps - 1;
    TRO_TRY(lower_branch(l, node, 0, out));
    l->p->steps[at].n_then = l->p->n_steps - 1 - at;
    TRO_TRY(lower_branch(l, node, 1, out));
    l->p->steps[at].n_else = l->p->n_steps - 1 - at - l->p->steps[at].n_then;
    return 1;
}

int tro_lower_control(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    if (!is_node_static(l, node))
        return 0;
    return node->op == TRO_OP_IF ? lower_if(l, node) : tro_lower_loop(l, node);
}
