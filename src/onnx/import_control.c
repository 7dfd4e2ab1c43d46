/* SPDX-License-Identifier: Apache-2.0 */
/* If, Loop and Scan: graphs in attributes become blocks. */
#include "onnx/import_state.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

/* ---- bodies ---------------------------------------------------------------------------- */

static int import_graph(struct tro_import *im, struct tro_scope *s)
{
    TRO_TRY(tro_scope_add_initializers(im, s));
    return tro_import_nodes(im, s, s->graph->nodes, s->graph->n_nodes);
}

static int add_body_inputs(struct tro_import *im, struct tro_scope *s,
                           const struct tro_body_input *inputs, int n_inputs)
{
    if (s->graph->n_inputs != (size_t)n_inputs)
        return tro_fail(im->err, TRO_E_INPUT, "body: expected %d inputs, found %zu", n_inputs,
                        s->graph->n_inputs);
    for (int i = 0; i < n_inputs; i++) {
        const struct tro_str name = s->graph->inputs[i].name;
        tro_value_id v;
        const char *text = tro_scope_gives_name(im, s, name)
                               ? tro_arena_strndup(&im->g->arena, name.p, name.n)
                               : "";
        if (!text)
            return tro_fail_nomem(im->err);
        TRO_TRY(tro_graph_add_input(im->g, s->block, text, inputs[i].dtype, &inputs[i].shape, &v,
                                    im->err));
        TRO_TRY(tro_scope_set(im, s, name, v));
    }
    return 0;
}

static int fill_body(struct tro_import *im, struct tro_scope *s,
                     const struct tro_body_input *inputs, int n_inputs, struct tro_body *out)
{
    TRO_TRY(add_body_inputs(im, s, inputs, n_inputs));
    TRO_TRY(import_graph(im, s));
    for (size_t i = 0; i < s->graph->n_outputs; i++) {
        tro_value_id v;
        TRO_TRY(tro_scope_find(im, s, s->graph->outputs[i].name, &v));
        TRO_TRY(tro_block_add_output(im->g, s->block, v, im->err));
    }
    out->n_captures = (int)s->n_captures;
    out->captures = tro_arena_memdup(&im->g->arena, s->captures,
                                     s->n_captures * sizeof *s->captures);
    return out->captures || !s->n_captures ? 0 : tro_fail_nomem(im->err);
}

static int import_body_in(struct tro_import_call *c, struct tro_scope *parent,
                          const struct tro_onnx_graph *graph, const struct tro_body_input *inputs,
                          int n_inputs, struct tro_body *out)
{
    struct tro_import *im = c->im;
    *out = (struct tro_body){0};
    if (c->rc < 0)
        return c->rc;
    if (im->depth >= TRO_IMPORT_MAX_DEPTH)
        return c->rc = tro_fail(im->err, TRO_E_UNSUPPORTED,
                                "expected graphs nested at most %d deep, found more",
                                TRO_IMPORT_MAX_DEPTH);
    struct tro_scope s = {.parent = parent,
                          .frame = parent->frame,
                          .graph = graph,
                          .opsets = parent->opsets,
                          .n_opsets = parent->n_opsets};
    im->depth++;
    c->rc = tro_graph_add_block(im->g, &s.block, im->err);
    out->block = s.block;
    if (c->rc >= 0)
        c->rc = fill_body(im, &s, inputs, n_inputs, out);
    im->depth--;
    tro_scope_finish(&s);
    return c->rc;
}

int tro_import_body(struct tro_import_call *c, const struct tro_onnx_graph *graph,
                    const struct tro_body_input *inputs, int n_inputs, struct tro_body *out)
{
    return import_body_in(c, c->scope, graph, inputs, n_inputs, out);
}

static const struct tro_onnx_graph *graph_attr(struct tro_import_call *c, const char *name)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, name);
    if (a && a->g)
        return a->g;
    tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected a graph, found none", name);
    return NULL;
}

/* Adds a control node in the call's block: values, then captures. */
static int add_control(struct tro_import_call *c, enum tro_op op, const void *attrs,
                       const tro_value_id *in, int n_in, const tro_value_id *captures,
                       int n_captures, const tro_block_id blocks[2], tro_value_id *out, int n_out)
{
    tro_value_id *all = tro_calloc((size_t)(n_in + n_captures) + 1, sizeof *all);
    if (!all)
        return c->rc = tro_fail_nomem(c->err);
    if (n_in)
        memcpy(all, in, (size_t)n_in * sizeof *all);
    if (n_captures)
        memcpy(all + n_in, captures, (size_t)n_captures * sizeof *all);
    const struct tro_node_spec spec = {
        .op = op,
        .name = tro_arena_strndup(&c->g->arena, c->node->name.p, c->node->name.n),
        .attrs = attrs,
        .n_in = (uint32_t)(n_in + n_captures),
        .n_out = (uint32_t)n_out,
        .in = all,
        .blocks = {blocks[0], blocks[1]}};
    c->rc = tro_graph_add_node(c->g, c->block, &spec, out, c->err);
    tro_free(all);
    return c->rc;
}

/* ---- If -------------------------------------------------------------------------------- */

static int inline_branch(struct tro_import_call *c, const struct tro_onnx_graph *graph)
{
    struct tro_scope s = {.parent = c->scope,
                          .frame = c->scope->frame,
                          .graph = graph,
                          .opsets = c->scope->opsets,
                          .n_opsets = c->scope->n_opsets,
                          .block = c->block};
    c->rc = import_graph(c->im, &s);
    for (int i = 0; i < c->n_out && c->rc >= 0; i++) {
        tro_value_id v;
        c->rc = tro_scope_find(c->im, &s, graph->outputs[i].name, &v);
        if (c->rc >= 0)
            tro_set_out(c, i, v);
    }
    tro_scope_finish(&s);
    return c->rc;
}

static struct tro_str id_key(const tro_value_id *id)
{
    return (struct tro_str){(const char *)id, sizeof *id};
}

/* Where each value stands among values, which outlive the map. */
static int map_places(struct tro_import_call *c, const tro_value_id *values, int n,
                      struct tro_map *places)
{
    for (int i = 0; i < n; i++)
        if (tro_map_set(places, id_key(&values[i]), (uint32_t)i) < 0)
            return tro_fail_nomem(c->err);
    return 0;
}

/* Makes a branch's inputs stand for `all` in this order: those it has are moved to their places,
 * the
 * others are added. */
static int order_captures(struct tro_import_call *c, const struct tro_body *body,
                          const struct tro_map *places, const tro_value_id *all, int n_all,
                          tro_value_id *order)
{
    for (int i = 0; i < n_all; i++) {
        uint32_t at;
        if (tro_map_get(places, id_key(&all[i]), &at)) {
            order[i] = tro_block_get(c->g, body->block)->inputs[at];
            continue;
        }
        const struct tro_value outer = *tro_value_get(c->g, all[i]);
        TRO_TRY(tro_graph_add_input(c->g, body->block, outer.name, outer.dtype, &outer.shape,
                                    &order[i], c->err));
    }
    memcpy(tro_block_get(c->g, body->block)->inputs, order, (size_t)n_all * sizeof *order);
    return 0;
}

static int spread_captures(struct tro_import_call *c, const struct tro_body *body,
                           const tro_value_id *all, int n_all)
{
    struct tro_map places = {0};
    tro_value_id *order = TRO_NEW_N(&c->g->arena, tro_value_id, (size_t)n_all + 1);
    if (!order)
        return tro_fail_nomem(c->err);
    int rc = map_places(c, body->captures, body->n_captures, &places);
    if (rc >= 0 && n_all > 0)
        rc = order_captures(c, body, &places, all, n_all, order);
    tro_map_finish(&places);
    return rc;
}

static int unite_branches(struct tro_import_call *c, const struct tro_body bodies[2],
                          tro_value_id *all, int *n_all)
{
    struct tro_map first = {0};
    int rc = map_places(c, bodies[0].captures, bodies[0].n_captures, &first);
    for (int i = 0; i < bodies[0].n_captures; i++)
        all[(*n_all)++] = bodies[0].captures[i];
    for (int i = 0; i < bodies[1].n_captures && rc >= 0; i++)
        if (!tro_map_get(&first, id_key(&bodies[1].captures[i]), NULL))
            all[(*n_all)++] = bodies[1].captures[i];
    tro_map_finish(&first);
    TRO_TRY(rc);
    TRO_TRY(spread_captures(c, &bodies[0], all, *n_all));
    return spread_captures(c, &bodies[1], all, *n_all);
}

int tro_import_if(struct tro_import_call *c)
{
    const struct tro_onnx_graph *graphs[2] = {graph_attr(c, "then_branch"),
                                              graph_attr(c, "else_branch")};
    if (c->rc < 0)
        return c->rc;
    for (int b = 0; b < 2; b++)
        if (graphs[b]->n_outputs != (size_t)c->n_out || graphs[b]->n_inputs)
            return tro_import_fail(
                c, TRO_E_INPUT,
                "expected branches without inputs and with %d outputs, found %zu "
                "inputs and %zu outputs",
                c->n_out, graphs[b]->n_inputs, graphs[b]->n_outputs);
    double cond;
    if (tro_known_const_f64(c, c->in[0], &cond))
        return inline_branch(c, graphs[cond == 0]);
    struct tro_body bodies[2];
    for (int b = 0; b < 2; b++)
        TRO_TRY(tro_import_body(c, graphs[b], NULL, 0, &bodies[b]));
    const size_t most = (size_t)bodies[0].n_captures + (size_t)bodies[1].n_captures;
    tro_value_id *all = TRO_NEW_N(&c->g->arena, tro_value_id, most + 1);
    int n_all = 0;
    if (!all)
        return c->rc = tro_fail_nomem(c->err);
    c->rc = unite_branches(c, bodies, all, &n_all);
    if (c->rc < 0)
        return c->rc;
    const tro_block_id blocks[2] = {bodies[0].block, bodies[1].block};
    return add_control(c, TRO_OP_IF, NULL, c->in, 1, all, n_all, blocks, c->out, c->n_out);
}

/* ---- Loop ------------------------------------------------------------------------------ */

static struct tro_body_input scalar_input(enum tro_dtype dtype)
{
    return (struct tro_body_input){.dtype = dtype};
}

static struct tro_body_input input_like(struct tro_import_call *c, tro_value_id v)
{
    const struct tro_value *value = tro_value_get(c->g, v);
    return (struct tro_body_input){.dtype = value->dtype, .shape = value->shape};
}

/* Loosens the sizes of carried values that the body changes; true when something had to be. */
static bool loosen(struct tro_import_call *c, tro_block_id body, int first_out,
                   struct tro_body_input *inputs, int n)
{
    bool changed = false;
    for (int i = 0; i < n; i++) {
        const tro_value_id out = tro_block_get(c->g, body)->outputs[first_out + i];
        const struct tro_shape *now = &tro_value_get(c->g, out)->shape;
        struct tro_shape *in = &inputs[i].shape;
        if (in->rank < 0)
            continue;
        if (now->rank != in->rank) {
            in->rank = -1;
            changed = true;
            continue;
        }
        for (int a = 0; a < in->rank; a++) {
            if (tro_dim_eq(in->dim[a], now->dim[a]) || inputs[i].is_loose[a])
                continue;
            inputs[i].is_loose[a] = true;
            in->dim[a] = tro_dim_fresh(&c->g->dims, 0, INT32_MAX);
            changed = true;
        }
    }
    return changed;
}

static int check_body(struct tro_import_call *c, const struct tro_onnx_graph *body, int n_in,
                      int n_out)
{
    if (body->n_inputs == (size_t)n_in && body->n_outputs == (size_t)n_out)
        return 0;
    return tro_import_fail(c, TRO_E_INPUT,
                           "body: expected %d inputs and %d outputs, found %zu and %zu", n_in,
                           n_out, body->n_inputs, body->n_outputs);
}

/* A body that was imported with sizes too narrow is dropped whole. */
static void drop_block(struct tro_graph *g, tro_block_id b)
{
    struct tro_block *block = tro_block_get(g, b);
    for (size_t i = 0; i < block->n_nodes; i++) {
        struct tro_node *n = tro_node_get(g, block->nodes[i]);
        for (int k = 0; k < 2; k++)
            if (n->blocks[k].i)
                drop_block(g, n->blocks[k]);
        n->block = TRO_BLOCK_NONE;
    }
    block->n_nodes = block->n_inputs = block->n_outputs = 0;
}

/* Imports the body until the sizes of carried values, inputs[first..], no longer need loosening. */
static int import_until_stable(struct tro_import_call *c, struct tro_scope *parent,
                               const struct tro_onnx_graph *graph, struct tro_body_input *inputs,
                               int n_inputs, int first, int first_out, int n_carried,
                               struct tro_body *body)
{
    for (;;) {
        TRO_TRY(import_body_in(c, parent, graph, inputs, n_inputs, body));
        if (!loosen(c, body->block, first_out, inputs + first, n_carried))
            return 0;
        drop_block(c->g, body->block);
    }
}

int tro_import_loop(struct tro_import_call *c)
{
    const struct tro_onnx_graph *graph = graph_attr(c, "body");
    const int n_carried = c->n_in - 2;
    if (c->rc < 0 || check_body(c, graph, 2 + n_carried, 1 + c->n_out) < 0)
        return c->rc;
    if (c->n_out < n_carried)
        return tro_import_fail(c, TRO_E_INPUT, "expected at least %d outputs, found %d", n_carried,
                               c->n_out);
    struct tro_body_input *inputs = TRO_NEW_N(&c->g->arena, struct tro_body_input,
                                              (size_t)n_carried + 2);
    if (!inputs)
        return c->rc = tro_fail_nomem(c->err);
    inputs[0] = scalar_input(TRO_I64);
    inputs[1] = scalar_input(TRO_BOOL);
    for (int i = 0; i < n_carried; i++) {
        if (!c->in[2 + i].i)
            return tro_import_fail(c, TRO_E_INPUT, "expected input %d to be present, found none",
                                   2 + i);
        inputs[2 + i] = input_like(c, c->in[2 + i]);
    }
    struct tro_body body;
    TRO_TRY(import_until_stable(c, c->scope, graph, inputs, 2 + n_carried, 2, 1, n_carried, &body));
    const struct tro_attrs_loop a = {.n_carried = n_carried, .n_captures = body.n_captures};
    return add_control(c, TRO_OP_LOOP, &a, c->in, c->n_in, body.captures, body.n_captures,
                       (tro_block_id[2]){body.block}, c->out, c->n_out);
}

/* ---- Scan ------------------------------------------------------------------------------ */

static void scan_list(struct tro_import_call *c, const char *name, int n, struct tro_ints *out)
{
    if (tro_attr_ints(c, name, out) && out->n != n)
        tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected %d ints, found %d", name, n,
                        out->n);
    for (int i = out->n; i < n && i < TRO_MAX_INTS; i++)
        out->v[i] = 0;
    out->n = n < TRO_MAX_INTS ? n : TRO_MAX_INTS;
}

static int check_scan_counts(struct tro_import_call *c, const struct tro_attrs_scan *a, int n_state)
{
    if (a->n_scan_inputs > 0 && n_state >= 0 && a->n_scan_outputs >= 0 &&
        a->n_scan_inputs <= TRO_MAX_INTS && a->n_scan_outputs <= TRO_MAX_INTS)
        return 0;
    return tro_import_fail(
        c, TRO_E_INPUT,
        "expected 1 to %d scanned inputs and 0 to %d stacked outputs, found %lld "
        "and %lld",
        TRO_MAX_INTS, TRO_MAX_INTS, (long long)a->n_scan_inputs, (long long)a->n_scan_outputs);
}

static void drop_axis(struct tro_shape *s, int axis)
{
    for (int i = axis; i + 1 < s->rank; i++)
        s->dim[i] = s->dim[i + 1];
    s->rank--;
}

/* A Scan in the block of `parent`, over inputs in[0..n_in). */
static int emit_scan(struct tro_import_call *c, struct tro_scope *parent,
                     const struct tro_onnx_graph *graph, struct tro_attrs_scan *a,
                     const tro_value_id *in, int n_in, tro_value_id *out, int n_out)
{
    const int n_state = n_in - (int)a->n_scan_inputs;
    struct tro_body_input *inputs = TRO_NEW_N(&c->g->arena, struct tro_body_input,
                                              (size_t)n_in + 1);
    if (!inputs)
        return c->rc = tro_fail_nomem(c->err);
    for (int i = 0; i < n_in; i++) {
        inputs[i] = input_like(c, in[i]);
        if (i < n_state)
            continue;
        const int axis = tro_axis_of(c, a->input_axes.v[i - n_state], tro_rank_needed(c, in[i]));
        if (c->rc < 0)
            return c->rc;
        drop_axis(&inputs[i].shape, axis);
    }
    struct tro_body body;
    TRO_TRY(import_until_stable(c, parent, graph, inputs, n_in, 0, 0, n_state, &body));
    a->n_captures = body.n_captures;
    const tro_block_id outer = c->block;
    c->block = parent->block;
    add_control(c, TRO_OP_SCAN, a, in, n_in, body.captures, body.n_captures,
                (tro_block_id[2]){body.block}, out, n_out);
    c->block = outer;
    return c->rc;
}

/* Version 8: every input and output has a batch axis in front, which becomes an outer scan. */
static int import_scan_batched(struct tro_import_call *c, const struct tro_onnx_graph *graph,
                               struct tro_attrs_scan *inner)
{
    const int n_in = c->n_in - 1;
    const tro_value_id *in = c->in + 1;
    if (c->in[0].i)
        return tro_import_fail(c, TRO_E_UNSUPPORTED,
                               "expected Scan without sequence lengths, found some: export with "
                               "opset 9 or newer");
    if (n_in > TRO_MAX_INTS || c->n_out > TRO_MAX_INTS)
        return tro_import_fail(c, TRO_E_UNSUPPORTED, "expected at most %d inputs and outputs",
                               TRO_MAX_INTS);
    struct tro_scope s = {.parent = c->scope,
                          .frame = c->scope->frame,
                          .opsets = c->scope->opsets,
                          .n_opsets = c->scope->n_opsets};
    tro_value_id slice[TRO_MAX_INTS], made[TRO_MAX_INTS];
    c->rc = tro_graph_add_block(c->g, &s.block, c->err);
    for (int i = 0; i < n_in && c->rc >= 0; i++) {
        struct tro_body_input t = input_like(c, in[i]);
        if (tro_rank_needed(c, in[i]) < 1)
            return tro_import_fail(c, TRO_E_INPUT, "expected a batch axis, found a scalar");
        drop_axis(&t.shape, 0);
        c->rc = tro_graph_add_input(c->g, s.block, "", t.dtype, &t.shape, &slice[i], c->err);
    }
    if (c->rc >= 0)
        emit_scan(c, &s, graph, inner, slice, n_in, made, c->n_out);
    for (int i = 0; i < c->n_out && c->rc >= 0; i++)
        c->rc = tro_block_add_output(c->g, s.block, made[i], c->err);
    if (c->rc >= 0) {
        const struct tro_attrs_scan outer = {.n_scan_inputs = n_in,
                                             .n_scan_outputs = c->n_out,
                                             .n_captures = (int64_t)s.n_captures,
                                             .input_axes.n = n_in,
                                             .output_axes.n = c->n_out,
                                             .input_reversed.n = n_in,
                                             .output_reversed.n = c->n_out};
        add_control(c, TRO_OP_SCAN, &outer, in, n_in, s.captures, (int)s.n_captures,
                    (tro_block_id[2]){s.block}, c->out, c->n_out);
    }
    tro_scope_finish(&s);
    return c->rc;
}

int tro_import_scan(struct tro_import_call *c)
{
    const struct tro_onnx_graph *graph = graph_attr(c, "body");
    const bool is_batched = c->version < 9;
    const int n_in = is_batched ? c->n_in - 1 : c->n_in;
    struct tro_attrs_scan a = {.n_scan_inputs = tro_attr_int(c, "num_scan_inputs", 0)};
    const bool is_known = a.n_scan_inputs > 0 && a.n_scan_inputs <= n_in;
    const int n_state = is_known ? n_in - (int)a.n_scan_inputs : -1;
    a.n_scan_outputs = c->n_out - n_state;
    if (c->rc < 0 || check_scan_counts(c, &a, n_state) < 0)
        return c->rc;
    const int n_scan = (int)a.n_scan_inputs, n_stack = (int)a.n_scan_outputs;
    scan_list(c, is_batched ? "directions" : "scan_input_directions", n_scan, &a.input_reversed);
    scan_list(c, "scan_input_axes", n_scan, &a.input_axes);
    scan_list(c, "scan_output_axes", n_stack, &a.output_axes);
    scan_list(c, "scan_output_directions", n_stack, &a.output_reversed);
    if (c->rc < 0 || check_body(c, graph, n_in, c->n_out) < 0)
        return c->rc;
    if (is_batched)
        return import_scan_batched(c, graph, &a);
    return emit_scan(c, c->scope, graph, &a, c->in, c->n_in, c->out, c->n_out);
}
