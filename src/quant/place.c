/* SPDX-License-Identifier: Apache-2.0 */
/* Q and D nodes around the layers that are to be integers. */
#include "quant/quant.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "quant/link.h"
#include "quant/watch.h"
#include "quant/weights.h"

struct place {
    const struct tro_quant *q;
    struct tro_graph *g; /* a clone of q's */
    bool *is_used;       /* groups: a layer of integers takes it */
    bool *is_link_used;
    tro_value_id *wide; /* of each value: D of it in 16 bits */
    struct tro_err *err;
};

static tro_value_id here(const struct place *p, tro_value_id v)
{
    return tro_quant_find(p->g, tro_value_get(p->q->graph, v)->name);
}

/* ---- which tensors -------------------------------------------------------------------------- */

static void use_groups(struct place *p)
{
    const struct tro_quant *const q = p->q;
    const struct tro_block *const b = tro_block_get(q->graph, TRO_MAIN_BLOCK);
    for (int i = 0; i < q->n_layers; i++)
        p->is_used[q->layers[i].group] |= q->layers[i].is_int;
    for (int i = 0; i < q->n_links; i++)
        p->is_used[q->group_of[q->links[i].to.i]] |= p->is_link_used[i] && !q->links[i].is_curve;
    for (size_t i = b->n_nodes; i-- > 0;) {
        const struct tro_node *const n = tro_node_get(q->graph, b->nodes[i]);
        const int group = q->group_of[n->out[0].i];
        if (n->op != TRO_OP_CONCAT || group < 0 || !p->is_used[group])
            continue;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (q->group_of[n->in[k].i] >= 0)
                p->is_used[q->group_of[n->in[k].i]] = true;
    }
}

/* Takes quantized values as well as those they stand for: what it computes is sent on to layers of
 * integers, or is as coarse as what it adds to. */
static bool is_fine(const struct place *p, const struct tro_node *n)
{
    const struct tro_attrs_reduce *const reduce = n->attrs;
    switch (n->op) {
    case TRO_OP_REDUCE:
        return reduce->kind == tro_reduction_mean || reduce->kind == tro_reduction_sum;
    case TRO_OP_ADD:
    case TRO_OP_SUB:
    case TRO_OP_MUL:
    case TRO_OP_MAX:
    case TRO_OP_MIN:
    case TRO_OP_CONCAT:
        return true;
    case TRO_OP_CONV:
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_MATMUL:
        for (int i = 0; i < p->q->n_layers; i++)
            if (strcmp(p->q->layers[i].name, tro_value_get(p->g, n->out[0])->name) == 0)
                return p->q->layers[i].is_int;
        return false;
    default: {
        /* moves within a group that is used */
        const tro_value_id out = tro_quant_find(p->q->graph, tro_value_get(p->g, n->out[0])->name);
        const tro_value_id in = tro_quant_find(p->q->graph, tro_value_get(p->g, n->in[0])->name);
        const int group = out.i ? p->q->group_of[out.i] : -1;
        return group >= 0 && in.i && p->q->group_of[in.i] == group;
    }
    }
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int add_const(struct place *p, const char *of, const char *what, const struct tro_tensor *t,
                     tro_value_id *out)
{
    char name[512];
    snprintf(name, sizeof name, "%.400s_%s", of, what);
    return tro_graph_add_const_copy(p->g, name, t, out, p->err);
}

static int add_node(struct place *p, enum tro_op op, const void *attrs, const tro_value_id *in,
                    uint32_t n_in, const char *of, const char *what, tro_node_id before,
                    tro_value_id *out)
{
    char name[512];
    const char *const names[] = {name};
    snprintf(name, sizeof name, "%.400s_%s", of, what);
    const struct tro_node_spec spec = {.op = op,
                                       .name = name,
                                       .attrs = attrs,
                                       .in = in,
                                       .n_in = n_in,
                                       .n_out = 1,
                                       .out_names = names,
                                       .before = before};
    return tro_graph_add_node(p->g, TRO_MAIN_BLOCK, &spec, out, p->err);
}

/* The node after the one that makes a value; the first one after inputs. */
static tro_node_id after(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    const tro_node_id def = tro_value_get(g, v)->def;
    size_t at = 0;
    while (def.i && at < b->n_nodes && b->nodes[at].i != def.i)
        at++;
    at += def.i ? 1 : 0;
    return at < b->n_nodes ? b->nodes[at] : TRO_NODE_NONE;
}

/* Uses of v by nodes that may take what is quantized. */
static void replace_uses(struct place *p, tro_value_id v, tro_value_id to, tro_node_id except)
{
    const struct tro_block *const b = tro_block_get(p->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(p->g, b->nodes[i]);
        if (b->nodes[i].i == except.i || !is_fine(p, n))
            continue;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (tro_value_eq(n->in[k], v))
                tro_graph_set_input(p->g, b->nodes[i], k, to);
    }
}

/* Moves have Q and D on both sides, as other tools look for them; the pass `qdq` drops what stands
 * between two moves. */
static int place_value(struct place *p, tro_value_id value)
{
    const struct tro_quant_group *const group = &p->q->groups[p->q->group_of[value.i]];
    const struct tro_quant_form *const form = &group->form;
    const struct tro_attrs_cast to = {.to = form->dtype};
    const tro_value_id v = here(p, value);
    const char *const name = tro_value_get(p->g, v)->name;
    const tro_node_id before = after(p->g, v);
    float scale = form->scale;
    uint8_t zero = (uint8_t)form->zero;
    const struct tro_tensor scale_tensor = {.dtype = TRO_F32, .data = &scale};
    const struct tro_tensor zero_tensor = {.dtype = form->dtype, .data = &zero};
    const uint32_t n_in = zero ? 3 : 2;
    tro_value_id in[3] = {v}, d;
    TRO_TRY(add_const(p, name, "scale", &scale_tensor, &in[1]));
    if (zero)
        TRO_TRY(add_const(p, name, "zero", &zero_tensor, &in[2]));
    TRO_TRY(add_node(p, TRO_OP_QUANTIZE, &to, in, n_in, name, "quantized", before, &in[0]));
    const tro_node_id quantize = tro_value_get(p->g, in[0])->def;
    TRO_TRY(add_node(p, TRO_OP_DEQUANTIZE, NULL, in, n_in, name, "dequantized", before, &d));
    replace_uses(p, v, d, quantize);
    return 0;
}

/* ---- curves --------------------------------------------------------------------------------- */

/* Twice as far as any element of the samples: 15 bits are finer than what 8 make of it. */
static float wide_scale(const struct place *p, tro_value_id v)
{
    return (float)(2 * p->q->groups[p->q->group_of[v.i]].bounds[TRO_BOUND_MAX] / 32767);
}

/* D of a value in 16 bits; made once. */
static int wide_value(struct place *p, tro_value_id value, tro_value_id *out)
{
    const tro_value_id v = here(p, value);
    const char *const of = tro_value_get(p->g, v)->name;
    const float scale = wide_scale(p, value);
    const struct tro_tensor t = {.dtype = TRO_F32, .data = (void *)(uintptr_t)&scale};
    const struct tro_attrs_cast to = {.to = TRO_I16};
    const tro_node_id before = after(p->g, v);
    tro_value_id in[2] = {v};
    *out = p->wide[value.i];
    if (out->i)
        return 0;
    TRO_TRY(add_const(p, of, "wide_scale", &t, &in[1]));
    TRO_TRY(add_node(p, TRO_OP_QUANTIZE, &to, in, 2, of, "wide_quantized", before, &in[0]));
    TRO_TRY(add_node(p, TRO_OP_DEQUANTIZE, NULL, in, 2, of, "wide", before, out));
    p->wide[value.i] = *out;
    return 0;
}

/* Of the function's own nodes, or of all others. */
static int widen(struct place *p, tro_value_id v, bool is_argument)
{
    const struct tro_graph *const g = p->q->graph;
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    const tro_value_id root = tro_quant_root(p->q, v);
    tro_value_id d;
    TRO_TRY(wide_value(p, v, &d));
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, b->nodes[i]);
        const bool is_own = n->n_out == 1 && tro_value_eq(tro_quant_root(p->q, n->out[0]), root);
        if (n->n_out == 0 || n->out[0].i == 0 || is_own != is_argument)
            continue;
        const tro_node_id id = tro_value_get(p->g, here(p, n->out[0]))->def;
        for (uint32_t k = 0; k < n->n_in; k++)
            if (tro_value_eq(n->in[k], v))
                tro_graph_set_input(p->g, id, k, d);
    }
    return 0;
}

static int place_curves(struct place *p)
{
    for (int i = 0; i < p->q->n_links; i++) {
        const struct tro_quant_link *const l = &p->q->links[i];
        if (!p->is_link_used[i] || !l->is_curve)
            continue;
        TRO_TRY(widen(p, l->from, true));
        if (!p->is_used[p->q->group_of[l->to.i]])
            TRO_TRY(widen(p, l->to, false));
    }
    return 0;
}

/* ---- layers --------------------------------------------------------------------------------- */

static int place_weights(struct place *p, tro_node_id id, const char *name)
{
    const struct tro_node n = *tro_node_get(p->g, id);
    const struct tro_tensor t = tro_const_tensor(p->g, n.in[1]);
    struct tro_arena arena = {0};
    struct tro_quant_weights w;
    tro_value_id in[2], d = TRO_VALUE_NONE;
    int rc = tro_quant_weights_init(&w, &t, tro_quant_weight_axis(p->g, &n), &arena, p->err);
    if (rc >= 0)
        rc = add_const(p, name, "weights", &w.values, &in[0]);
    if (rc >= 0)
        rc = add_const(p, name, "weights_scale", &w.scales, &in[1]);
    if (rc >= 0)
        rc = add_node(p, TRO_OP_DEQUANTIZE, NULL, in, 2, name, "weights_dequantized", id, &d);
    if (rc >= 0)
        tro_graph_set_input(p->g, id, 1, d);
    tro_arena_finish(&arena);
    return rc;
}

/* What the integers' results are too small by on average. */
static const double *shift_of(const struct place *p, const struct tro_quant_layer *l)
{
    return l->shift + (size_t)p->q->groups[l->group].chosen * (size_t)l->n_channels;
}

static int shift_bias(struct place *p, const struct tro_quant_layer *l, tro_node_id id)
{
    struct tro_tensor t = tro_const_tensor(p->g, tro_node_get(p->g, id)->in[2]);
    const float *const from = t.data;
    float *const v = tro_calloc((size_t)l->n_channels + 1, sizeof(*v));
    tro_value_id bias;
    if (!v)
        return tro_fail_nomem(p->err);
    for (int c = 0; c < l->n_channels; c++)
        v[c] = (float)((double)from[c] + shift_of(p, l)[c]);
    t.data = v;
    const int rc = add_const(p, l->name, "bias", &t, &bias);
    if (rc >= 0)
        tro_graph_set_input(p->g, id, 2, bias);
    tro_free(v);
    return rc;
}

/* A layer without a bias gets a term behind it. */
static int add_shift(struct place *p, const struct tro_quant_layer *l, tro_node_id id)
{
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    const int axis = tro_quant_result_axis(p->g, tro_node_get(p->g, id));
    const int rank = tro_value_get(p->g, y)->shape.rank;
    struct tro_tensor t = {.dtype = TRO_F32, .rank = rank - axis, .shape = {l->n_channels}};
    float *const v = tro_calloc((size_t)l->n_channels + 1, sizeof(*v));
    tro_value_id in[2] = {y}, sum = TRO_VALUE_NONE;
    if (!v)
        return tro_fail_nomem(p->err);
    for (int i = 1; i < t.rank; i++)
        t.shape[i] = 1;
    for (int c = 0; c < l->n_channels; c++)
        v[c] = (float)shift_of(p, l)[c];
    t.data = v;
    const tro_node_id before = after(p->g, y);
    int rc = add_const(p, l->name, "shift", &t, &in[1]);
    if (rc >= 0)
        rc = add_node(p, TRO_OP_ADD, NULL, in, 2, l->name, "shifted", before, &sum);
    if (rc >= 0) {
        tro_graph_replace_uses(p->g, y, sum);
        tro_graph_set_input(p->g, tro_value_get(p->g, sum)->def, 0, y);
        rc = tro_graph_take_name(p->g, sum, y, p->err);
    }
    tro_free(v);
    return rc;
}

static bool has_bias(const struct place *p, const struct tro_quant_layer *l, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    return n->n_in > 2 && tro_is_const(p->g, n->in[2]) &&
           tro_value_max_elems(p->g, n->in[2]) == l->n_channels;
}

static int place_layer(struct place *p, const struct tro_quant_layer *l)
{
    const tro_value_id out = tro_quant_find(p->g, l->name);
    const tro_node_id id = tro_value_get(p->g, out)->def;
    TRO_TRY(place_weights(p, id, l->name));
    if (p->q->n_probed == 0 || l->n_channels == 0)
        return 0;
    return has_bias(p, l, id) ? shift_bias(p, l, id) : add_shift(p, l, id);
}

static int place(struct place *p)
{
    TRO_TRY(tro_quant_links_use(p->q, p->is_link_used, p->err));
    use_groups(p);
    TRO_TRY(place_curves(p));
    for (uint32_t i = 1; i < p->q->graph->n_values; i++)
        if (p->q->group_of[i] >= 0 && p->is_used[p->q->group_of[i]])
            TRO_TRY(place_value(p, (tro_value_id){i}));
    for (int i = 0; i < p->q->n_layers; i++)
        if (p->q->layers[i].is_int)
            TRO_TRY(place_layer(p, &p->q->layers[i]));
    return tro_graph_verify(p->g, p->err);
}

struct tro_graph *tro_quant_make(const struct tro_quant *q, struct tro_err *err)
{
    struct place p = {.q = q, .err = err};
    p.is_used = tro_calloc((size_t)q->n_groups + 1, sizeof(*p.is_used));
    p.is_link_used = tro_calloc((size_t)q->n_links + 1, sizeof(*p.is_link_used));
    p.wide = tro_calloc(q->graph->n_values, sizeof(*p.wide));
    const bool is_full = p.is_used && p.is_link_used && p.wide;
    p.g = is_full ? tro_graph_clone(q->graph, NULL, err) : NULL;
    if (!is_full)
        tro_fail_nomem(err);
    if (p.g && tro_err_prefix(err, place(&p), "quantization: ") < 0) {
        tro_graph_destroy(p.g);
        p.g = NULL;
    }
    tro_free(p.is_used);
    tro_free(p.is_link_used);
    tro_free(p.wide);
    return p.g;
}
