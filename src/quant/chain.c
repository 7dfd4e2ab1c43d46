/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/chain.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/link.h"

/* A walk from a root to the layers. */
struct walk {
    const struct tro_quant *q;
    struct tro_quant_chain *c;
    int *axis_of; /* of each value: where its scaled channels lie; -1: it has none */
    const struct tro_node *n;
};

/* ---- values --------------------------------------------------------------------------------- */

static const struct tro_shape *shape_of(const struct walk *w, tro_value_id v)
{
    return &tro_value_get(w->q->graph, v)->shape;
}

static int axis_of(const struct walk *w, tro_value_id v)
{
    return v.i ? w->axis_of[v.i] : -1;
}

/* A constant of f32 whose elements are all equal. */
static bool is_splat(const struct tro_graph *g, tro_value_id v, float *value)
{
    if (!tro_is_const(g, v) || tro_value_get(g, v)->dtype != TRO_F32)
        return false;
    const struct tro_tensor t = tro_const_tensor(g, v);
    const float *const x = t.data;
    const int64_t n = tro_tensor_n_elems(&t);
    for (int64_t i = 1; i < n; i++)
        if (x[i] != x[0])
            return false;
    *value = n ? x[0] : 0;
    return n > 0;
}

static bool is_zero(const struct walk *w, tro_value_id v)
{
    float value;
    return is_splat(w->q->graph, v, &value) && value == 0;
}

static bool is_const_f32(const struct walk *w, tro_value_id v)
{
    return tro_is_const(w->q->graph, v) && tro_value_get(w->q->graph, v)->dtype == TRO_F32;
}

/* The axis of a constant that broadcasts along the axis of a result; -1: it has none, or is one
 * element there. */
static int axis_in(const struct walk *w, tro_value_id constant, tro_value_id result, int axis)
{
    const struct tro_shape *const s = shape_of(w, constant);
    const int own = axis - (shape_of(w, result)->rank - s->rank);
    return own >= 0 && tro_dim_is(s->dim[own], w->c->n_channels) ? own : -1;
}

static bool divide(struct walk *w, tro_node_id node, uint32_t input, int axis)
{
    w->c->divided[w->c->n_divided++] = (struct tro_quant_divided){{node, input}, axis};
    return axis >= 0;
}

/* ---- operators that hand channels on -------------------------------------------------------- */

static bool give(struct walk *w, uint32_t output, int axis)
{
    const tro_value_id v = w->n->out[output];
    if (v.i == 0)
        return true;
    if (axis < 0 || axis >= shape_of(w, v)->rank ||
        !tro_dim_is(shape_of(w, v)->dim[axis], w->c->n_channels))
        return false;
    w->axis_of[v.i] = axis;
    return true;
}

/* The axis whose place among the elements is the same behind a reshape: what lies within an index
 * is as much as before. */
static int axis_behind_reshape(const struct walk *w, int axis)
{
    const struct tro_shape *const in = shape_of(w, w->n->in[0]);
    const struct tro_shape *const out = shape_of(w, w->n->out[0]);
    int64_t n_inner = 1, n = 1;
    for (int i = axis + 1; i < in->rank; i++) {
        if (!tro_dim_is_const(in->dim[i]))
            return -1;
        n_inner *= tro_dim_value(in->dim[i]);
    }
    for (int i = out->rank - 1; i >= 0 && tro_dim_is_const(out->dim[i]); i--) {
        if (n == n_inner && tro_dim_is(out->dim[i], w->c->n_channels))
            return i;
        n *= tro_dim_value(out->dim[i]);
    }
    return -1;
}

static int axis_behind_transpose(const struct walk *w, int axis)
{
    const struct tro_attrs_transpose *const a = w->n->attrs;
    for (int i = 0; i < a->perm.n; i++)
        if (a->perm.v[i] == axis)
            return i;
    return -1;
}

/* Axes as a constant input has them; absent ones are none. */
static bool has_axis(const struct walk *w, uint32_t input, int axis, bool *has)
{
    const tro_value_id v = input < w->n->n_in ? w->n->in[input] : TRO_VALUE_NONE;
    if (!tro_is_const(w->q->graph, v) || tro_value_get(w->q->graph, v)->dtype != TRO_I64)
        return false;
    const struct tro_tensor t = tro_const_tensor(w->q->graph, v);
    const int rank = shape_of(w, w->n->in[0])->rank;
    *has = false;
    for (int64_t i = 0; i < tro_tensor_n_elems(&t); i++) {
        const int64_t k = ((const int64_t *)t.data)[i];
        *has |= (k < 0 ? k + rank : k) == axis;
    }
    return true;
}

/* Sums, means and extremes of positively scaled elements are scaled; products are not. */
static bool walk_reduce(struct walk *w, int axis)
{
    const struct tro_attrs_reduce *const a = w->n->attrs;
    bool has;
    return a->kind != tro_reduction_prod && !a->drop_dims && has_axis(w, 1, axis, &has) && !has &&
           give(w, 0, axis);
}

static bool walk_slice(struct walk *w, int axis)
{
    bool has;
    return has_axis(w, 3, axis, &has) && !has && give(w, 0, axis);
}

static bool walk_split(struct walk *w, int axis)
{
    const struct tro_attrs_axis *const a = w->n->attrs;
    const int rank = shape_of(w, w->n->in[0])->rank;
    if ((a->axis < 0 ? a->axis + rank : a->axis) == axis)
        return false;
    for (uint32_t i = 0; i < w->n->n_out; i++)
        if (!give(w, i, axis))
            return false;
    return true;
}

static bool walk_concat(struct walk *w)
{
    const struct tro_attrs_axis *const a = w->n->attrs;
    const int axis = axis_of(w, w->n->in[0]), rank = shape_of(w, w->n->out[0])->rank;
    for (uint32_t i = 0; i < w->n->n_in; i++)
        if (axis_of(w, w->n->in[i]) != axis)
            return false;
    return axis >= 0 && (a->axis < 0 ? a->axis + rank : a->axis) != axis && give(w, 0, axis);
}

static bool walk_pad(struct walk *w, int axis)
{
    const struct tro_attrs_pad *const a = w->n->attrs;
    const bool is_of_zeros = w->n->n_in < 3 || w->n->in[2].i == 0 || is_zero(w, w->n->in[2]);
    return (a->mode != tro_pad_mode_constant || is_of_zeros) && give(w, 0, axis);
}

static bool walk_resize(struct walk *w, int axis)
{
    const struct tro_attrs_resize *const a = w->n->attrs;
    return a->coord != tro_coord_mode_tf_crop_and_resize && axis == 1 && give(w, 0, axis);
}

static bool reaches_limit(const struct walk *w, float limit)
{
    const int group = w->q->group_of[w->n->out[0].i];
    const struct tro_quant_group *const g = group >= 0 ? &w->q->groups[group] : NULL;
    return !g || !g->is_wanted || (g->stats.n > 0 && !(g->stats.max < limit));
}

/* One operand has scaled channels. */
static bool walk_binary(struct walk *w, tro_node_id id, uint32_t input, int axis)
{
    const tro_value_id other = w->n->in[1 - input], out = w->n->out[0];
    float limit;
    if (shape_of(w, w->n->in[input])->rank != shape_of(w, out)->rank)
        return false;
    switch (w->n->op) {
    case TRO_OP_MUL:
        return give(w, 0, axis);
    case TRO_OP_DIV:
        return input == 0 && give(w, 0, axis);
    case TRO_OP_MAX:
        return is_zero(w, other) && give(w, 0, axis);
    case TRO_OP_MIN:
        if (!is_splat(w->q->graph, other, &limit) || reaches_limit(w, limit))
            return false;
        w->c->limits[w->c->n_limits++] = (struct tro_quant_place){id, 1 - input};
        return give(w, 0, axis);
    case TRO_OP_ADD:
    case TRO_OP_SUB:
        return is_const_f32(w, other) && divide(w, id, 1 - input, axis_in(w, other, out, axis)) &&
               give(w, 0, axis);
    default:
        return false;
    }
}

static bool walk_both(struct walk *w, int axis)
{
    const int rank = shape_of(w, w->n->out[0])->rank;
    switch (w->n->op) {
    case TRO_OP_MAX:
    case TRO_OP_MIN:
    case TRO_OP_ADD:
    case TRO_OP_SUB:
        return axis_of(w, w->n->in[0]) == axis_of(w, w->n->in[1]) &&
               shape_of(w, w->n->in[0])->rank == rank && shape_of(w, w->n->in[1])->rank == rank &&
               give(w, 0, axis);
    default:
        return false;
    }
}

/* Both choices are scaled or 0; the condition is of others, or of signs. */
static bool walk_select(struct walk *w)
{
    const int x = axis_of(w, w->n->in[1]), y = axis_of(w, w->n->in[2]);
    const int rank = shape_of(w, w->n->out[0])->rank;
    for (int i = 1; i < 3; i++)
        if (!is_zero(w, w->n->in[i]) &&
            (axis_of(w, w->n->in[i]) != (x > y ? x : y) || shape_of(w, w->n->in[i])->rank != rank))
            return false;
    return axis_of(w, w->n->in[0]) < 0 && give(w, 0, x > y ? x : y);
}

/* A comparison with 0 stays as it is. */
static bool walk_compare(const struct walk *w)
{
    return is_zero(w, w->n->in[0]) || is_zero(w, w->n->in[1]);
}

static int layer_of(const struct tro_quant *q, tro_node_id id)
{
    for (int i = 0; i < q->n_layers; i++)
        if (q->layers[i].node.i == id.i)
            return i;
    return -1;
}

static bool walk_layer(struct walk *w, tro_node_id id, int axis)
{
    const int layer = layer_of(w->q, id);
    if (layer < 0 || axis != tro_quant_input_axis(w->q->graph, w->n) ||
        (w->n->n_in > 2 && axis_of(w, w->n->in[2]) >= 0))
        return false;
    w->c->layers[w->c->n_layers++] = layer;
    return true;
}

/* A node that takes scaled channels; false: it would compute something else. */
static bool visit(struct walk *w, tro_node_id id)
{
    uint32_t n_scaled = 0, input = 0;
    for (uint32_t i = w->n->n_in; i-- > 0;)
        if (axis_of(w, w->n->in[i]) >= 0) {
            n_scaled++;
            input = i;
        }
    const int axis = n_scaled ? axis_of(w, w->n->in[input]) : -1;
    if (n_scaled == 0)
        return true;
    switch (w->n->op) {
    case TRO_OP_CONV:
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_MATMUL:
        return walk_layer(w, id, axis);
    case TRO_OP_ADD:
    case TRO_OP_SUB:
    case TRO_OP_MUL:
    case TRO_OP_DIV:
    case TRO_OP_MAX:
    case TRO_OP_MIN:
        return n_scaled == 2 ? walk_both(w, axis) : walk_binary(w, id, input, axis);
    case TRO_OP_SELECT:
        return walk_select(w);
    case TRO_OP_LT:
    case TRO_OP_LE:
    case TRO_OP_EQ:
        return walk_compare(w);
    case TRO_OP_NEG:
    case TRO_OP_ABS:
        return give(w, 0, axis);
    case TRO_OP_POOL:
        return axis == 1 && w->n->n_out == 1 && give(w, 0, axis);
    case TRO_OP_RESIZE:
        return walk_resize(w, axis);
    case TRO_OP_REDUCE:
        return walk_reduce(w, axis);
    case TRO_OP_RESHAPE:
    case TRO_OP_SQUEEZE:
    case TRO_OP_UNSQUEEZE:
        return give(w, 0, axis_behind_reshape(w, axis));
    case TRO_OP_TRANSPOSE:
        return give(w, 0, axis_behind_transpose(w, axis));
    case TRO_OP_SLICE:
        return walk_slice(w, axis);
    case TRO_OP_SPLIT:
        return walk_split(w, axis);
    case TRO_OP_CONCAT:
        return walk_concat(w);
    case TRO_OP_PAD:
        return walk_pad(w, axis);
    case TRO_OP_SHAPE_OF:
        return true;
    default:
        return false;
    }
}

/* ---- chains --------------------------------------------------------------------------------- */

/* From the root on; false: no chain. */
static bool follow(struct walk *w, size_t at)
{
    const struct tro_graph *const g = w->q->graph;
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = at + 1; i < b->n_nodes; i++) {
        w->n = tro_node_get(g, b->nodes[i]);
        if (!visit(w, b->nodes[i]))
            return false;
    }
    for (size_t i = 0; i < b->n_outputs; i++)
        if (axis_of(w, b->outputs[i]) >= 0)
            return false;
    return w->c->n_layers > 0;
}

/* A layer divides its weights and its bias. */
static bool begin_layer(struct walk *w, tro_node_id id)
{
    const struct tro_graph *const g = w->q->graph;
    const struct tro_quant_layer *const l = &w->q->layers[w->c->root_layer];
    const struct tro_attrs_conv_transpose *const a = w->n->attrs;
    w->c->n_channels = l->n_channels;
    if (l->n_channels == 0 || (w->n->op == TRO_OP_CONV_TRANSPOSE && a->group != 1))
        return false;
    if (w->n->n_in > 2 && w->n->in[2].i && (!is_const_f32(w, w->n->in[2]) || !divide(w, id, 2, 0)))
        return false;
    return divide(w, id, 1, tro_quant_weight_axis(g, w->n)) &&
           give(w, 0, tro_quant_result_axis(g, w->n));
}

/* A product with a constant that has channels along one axis divides it. */
static bool begin_product(struct walk *w, tro_node_id id)
{
    if (w->n->op != TRO_OP_MUL || tro_value_get(w->q->graph, w->n->out[0])->dtype != TRO_F32)
        return false;
    const uint32_t input = is_const_f32(w, w->n->in[1]) ? 1 : 0;
    const struct tro_shape *const s = shape_of(w, w->n->in[input]);
    int axis = -1, n_long = 0;
    for (int i = 0; i < s->rank; i++)
        if (!tro_dim_is(s->dim[i], 1)) {
            axis = i;
            n_long++;
        }
    if (!is_const_f32(w, w->n->in[input]) || n_long != 1)
        return false;
    w->c->n_channels = (int)tro_dim_value_or_minus1(s->dim[axis]);
    return w->c->n_channels > 0 && divide(w, id, input, axis) &&
           give(w, 0, axis + shape_of(w, w->n->out[0])->rank - s->rank);
}

/* Both are of one tensor, as those of SiLU: the product is a function that becomes a table. */
static bool is_function(const struct walk *w)
{
    return tro_value_eq(tro_quant_root(w->q, w->n->in[0]), tro_quant_root(w->q, w->n->in[1]));
}

/* Elements by the gate of their channel, as squeeze-and-excitation has it. */
static bool begin_gated(struct walk *w, tro_node_id id)
{
    const struct tro_shape *const out = shape_of(w, w->n->out[0]);
    if (w->n->op != TRO_OP_MUL || is_function(w) || out->rank < 3 ||
        !tro_dim_is_const(out->dim[1]) ||
        tro_value_get(w->q->graph, w->n->out[0])->dtype != TRO_F32)
        return false;
    w->c->n_channels = (int)tro_dim_value(out->dim[1]);
    for (uint32_t i = 0; i < 2; i++) {
        const struct tro_shape *const s = shape_of(w, w->n->in[i]);
        int n_long = s->rank == out->rank && tro_dim_is(s->dim[1], w->c->n_channels) ? 0 : 1;
        for (int k = 2; k < s->rank; k++)
            n_long += !tro_dim_is(s->dim[k], 1);
        if (n_long == 0 && !tro_is_const(w->q->graph, w->n->in[i])) {
            w->c->gates = (struct tro_quant_place){id, i};
            return give(w, 0, 1);
        }
    }
    return false;
}

static bool begin(struct walk *w, tro_node_id id)
{
    if (w->c->root_layer >= 0)
        return begin_layer(w, id);
    return begin_product(w, id) || (w->c->n_divided == 0 && begin_gated(w, id));
}

/* The chain in a walk's own memory as one that stays. */
static int keep(struct tro_quant_chain *c, struct tro_arena *arena, struct tro_err *err)
{
    c->divided = tro_arena_memdup(arena, c->divided, (size_t)c->n_divided * sizeof(*c->divided));
    c->limits = tro_arena_memdup(arena, c->limits, (size_t)c->n_limits * sizeof(*c->limits));
    c->layers = tro_arena_memdup(arena, c->layers, (size_t)c->n_layers * sizeof(*c->layers));
    return c->divided && c->limits && c->layers ? 0 : tro_fail_nomem(err);
}

int tro_quant_chains_find(const struct tro_quant *q, struct tro_arena *arena,
                          struct tro_quant_chain **out, int *n_out, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    const size_t n_values = q->graph->n_values;
    struct tro_arena own = {0};
    struct walk w = {.q = q, .axis_of = TRO_NEW_N(&own, int, n_values)};
    const struct tro_quant_chain empty = {
        .divided = TRO_NEW_N(&own, struct tro_quant_divided, b->n_nodes + 2),
        .limits = TRO_NEW_N(&own, struct tro_quant_place, b->n_nodes + 1),
        .layers = TRO_NEW_N(&own, int, b->n_nodes + 1)};
    struct tro_quant_chain *const chains = TRO_NEW_N(arena, struct tro_quant_chain, b->n_nodes + 1);
    int rc = w.axis_of && empty.divided && empty.limits && empty.layers && chains
                 ? 0
                 : tro_fail_nomem(err);
    *out = chains;
    *n_out = 0;
    for (size_t i = 0; i < b->n_nodes && rc >= 0; i++) {
        struct tro_quant_chain *const c = &chains[*n_out];
        const tro_node_id id = b->nodes[i];
        *c = empty;
        c->root = id;
        c->root_layer = layer_of(q, id);
        w.c = c;
        w.n = tro_node_get(q->graph, id);
        for (size_t k = 0; k < n_values; k++)
            w.axis_of[k] = -1;
        if (!begin(&w, id) || !follow(&w, i))
            continue;
        rc = keep(c, arena, err);
        (*n_out)++;
    }
    tro_arena_finish(&own);
    return rc;
}

/* ---- constants ------------------------------------------------------------------------------ */

/* Channels that a layer takes, as they lie in its weights: element (o, k, i) is of channel
 * (o / n_group) * n + k. */
struct taken {
    int64_t n_outer, n, n_inner, n_group;
};

static struct taken taken_of(const struct tro_graph *g, tro_node_id layer,
                             const struct tro_tensor *w)
{
    const struct tro_node *const n = tro_node_get(g, layer);
    const struct tro_attrs_conv *const a = n->attrs;
    const int axis = n->op == TRO_OP_CONV ? 1 : n->op == TRO_OP_MATMUL ? w->rank - 2 : 0;
    struct taken t = {1, w->shape[axis], 1, 0};
    for (int i = 0; i < axis; i++)
        t.n_outer *= w->shape[i];
    for (int i = axis + 1; i < w->rank; i++)
        t.n_inner *= w->shape[i];
    /* all are of the first group but in convolutions */
    t.n_group = n->op == TRO_OP_CONV ? t.n_outer / a->group : t.n_outer;
    return t;
}

void tro_quant_multiply_weights(const struct tro_graph *g, tro_node_id layer, struct tro_tensor *w,
                                const float *factors)
{
    const struct taken t = taken_of(g, layer, w);
    float *x = w->data;
    for (int64_t o = 0; o < t.n_outer; o++)
        for (int64_t k = 0; k < t.n; k++)
            for (int64_t i = 0; i < t.n_inner; i++)
                *x++ *= factors[o / t.n_group * t.n + k];
}

void tro_quant_taken_peaks(const struct tro_graph *g, tro_node_id layer, float *peaks)
{
    const struct tro_tensor w = tro_const_tensor(g, tro_node_get(g, layer)->in[1]);
    const struct taken t = taken_of(g, layer, &w);
    const float *x = w.data;
    for (int64_t o = 0; o < t.n_outer; o++)
        for (int64_t k = 0; k < t.n; k++)
            for (int64_t i = 0; i < t.n_inner; i++) {
                float *const peak = &peaks[o / t.n_group * t.n + k];
                *peak = fmaxf(*peak, fabsf(*x++));
            }
}

void tro_quant_made_peaks(const struct tro_graph *g, tro_node_id layer, float *peaks)
{
    const struct tro_node *const n = tro_node_get(g, layer);
    const struct tro_tensor w = tro_const_tensor(g, n->in[1]);
    const int axis = tro_quant_weight_axis(g, n);
    const float *const x = w.data;
    int64_t n_inner = 1;
    for (int i = axis + 1; i < w.rank; i++)
        n_inner *= w.shape[i];
    for (int64_t i = 0; i < tro_tensor_n_elems(&w); i++) {
        float *const peak = &peaks[i / n_inner % w.shape[axis]];
        *peak = fmaxf(*peak, fabsf(x[i]));
    }
}

static void divide_channels(struct tro_tensor *t, int axis, const float *factors)
{
    float *const x = t->data;
    int64_t n_inner = 1;
    for (int i = axis + 1; i < t->rank; i++)
        n_inner *= t->shape[i];
    for (int64_t i = 0; i < tro_tensor_n_elems(t); i++)
        x[i] /= factors[i / n_inner % t->shape[axis]];
}

/* A constant of its own for this place, with the elements of the one that is there. */
static int renew(struct tro_quant *q, struct tro_quant_place at, struct tro_tensor *t,
                 struct tro_err *err)
{
    struct tro_graph *const g = q->graph;
    const tro_value_id old = tro_node_get(g, at.node)->in[at.input];
    tro_value_id v;
    *t = tro_const_tensor(g, old);
    const size_t n_bytes = tro_tensor_n_bytes(t);
    void *const data = tro_arena_alloc64(&g->arena, n_bytes + 1);
    if (!data)
        return tro_fail_nomem(err);
    t->data = memcpy(data, t->data, n_bytes);
    TRO_TRY(tro_graph_add_const(g, "", t, &v, err));
    TRO_TRY(tro_graph_take_name(g, v, old, err));
    tro_graph_set_input(g, at.node, at.input, v);
    return 0;
}

/* One multiplication more for each channel of a sample. */
static int divide_gates(struct tro_quant *q, const struct tro_quant_chain *c, const float *factors,
                        struct tro_err *err)
{
    struct tro_graph *const g = q->graph;
    const struct tro_node *const root = tro_node_get(g, c->gates.node);
    const int rank = tro_value_get(g, root->out[0])->shape.rank;
    float *const v = tro_arena_alloc64(&g->arena, (size_t)c->n_channels * sizeof(*v));
    struct tro_tensor t = {.dtype = TRO_F32, .rank = rank - 1, .shape = {c->n_channels}, .data = v};
    tro_value_id in[2] = {root->in[c->gates.input]}, scaled;
    if (!v)
        return tro_fail_nomem(err);
    for (int i = 1; i < t.rank; i++)
        t.shape[i] = 1;
    for (int i = 0; i < c->n_channels; i++)
        v[i] = 1 / factors[i];
    TRO_TRY(tro_graph_add_const(g, "", &t, &in[1], err));
    const struct tro_node_spec spec = {
        .op = TRO_OP_MUL, .in = in, .n_in = 2, .n_out = 1, .before = c->gates.node};
    TRO_TRY(tro_graph_add_node(g, TRO_MAIN_BLOCK, &spec, &scaled, err));
    tro_graph_set_input(g, c->gates.node, c->gates.input, scaled);
    return 0;
}

int tro_quant_chain_apply(struct tro_quant *q, const struct tro_quant_chain *c,
                          const float *factors, struct tro_err *err)
{
    struct tro_tensor t;
    float least = factors[0];
    for (int i = 1; i < c->n_channels; i++)
        least = fminf(least, factors[i]);
    if (c->gates.node.i)
        TRO_TRY(divide_gates(q, c, factors, err));
    for (int i = 0; i < c->n_divided; i++) {
        TRO_TRY(renew(q, c->divided[i].place, &t, err));
        divide_channels(&t, c->divided[i].axis, factors);
    }
    for (int i = 0; i < c->n_limits; i++) {
        TRO_TRY(renew(q, c->limits[i], &t, err));
        for (int64_t k = 0; k < tro_tensor_n_elems(&t); k++)
            ((float *)t.data)[k] /= least;
    }
    for (int i = 0; i < c->n_layers; i++) {
        const tro_node_id layer = q->layers[c->layers[i]].node;
        TRO_TRY(renew(q, (struct tro_quant_place){layer, 1}, &t, err));
        tro_quant_multiply_weights(q->graph, layer, &t, factors);
    }
    return 0;
}
