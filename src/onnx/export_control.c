/* SPDX-License-Identifier: Apache-2.0 */
/* If, Loop, Scan: blocks become graphs in attributes. What a block gets as a capture is there under
 * the name it has outside. */
#include "onnx/export_call.h"

/* Block inputs from `first` on are called as the node's inputs from `from` on. */
static void name_captures(struct tro_export *x, const struct tro_block *block, size_t first,
                          uint32_t from)
{
    for (size_t i = first; i < block->n_inputs; i++) {
        x->names[block->inputs[i].i] = tro_export_in(x, from + (uint32_t)(i - first));
        x->is_made[block->inputs[i].i] = true;
    }
}

static struct tro_onnx_value_info *own_inputs(struct tro_export *x, const struct tro_block *block,
                                              size_t n)
{
    struct tro_onnx_value_info *out = TRO_NEW_N(&x->m->arena, struct tro_onnx_value_info, n);
    if (!out)
        tro_export_no_memory(x);
    for (size_t i = 0; i < n && x->rc >= 0; i++) {
        const tro_value_id v = block->inputs[i];
        x->is_made[v.i] = true;
        tro_export_info(x, v, x->names[v.i], false, &out[i]);
    }
    return out;
}

/* Made by a node of this block, and not given out before: others are copied. */
static bool is_own(const struct tro_export *x, const struct tro_block *block, size_t i)
{
    const tro_value_id v = block->outputs[i];
    const struct tro_value *value = tro_value_get(x->g, v);
    for (size_t k = 0; k < i; k++)
        if (tro_value_eq(block->outputs[k], v))
            return false;
    return value->def.i && tro_node_get(x->g, value->def)->op != TRO_OP_DIMS;
}

static struct tro_onnx_value_info *graph_outputs(struct tro_export *x,
                                                 const struct tro_block *block)
{
    const size_t n = block->n_outputs;
    struct tro_onnx_value_info *out = TRO_NEW_N(&x->m->arena, struct tro_onnx_value_info, n);
    if (!out)
        tro_export_no_memory(x);
    for (size_t i = 0; i < n && x->rc >= 0; i++) {
        const char *name = tro_export_value(x, block->outputs[i]);
        if (!is_own(x, block, i))
            name = tro_export_emit1(x, "Identity", name, "result");
        tro_export_info(x, block->outputs[i], name, false, &out[i]);
    }
    return out;
}

/* A block as a graph: its first n_own inputs are the graph's, the rest captures. */
static struct tro_onnx_graph *write_graph(struct tro_export *x, tro_block_id b, const char *name,
                                          size_t n_own, uint32_t first_capture)
{
    const struct tro_block *block = tro_block_get(x->g, b);
    struct tro_onnx_graph *g = TRO_NEW(&x->m->arena, struct tro_onnx_graph);
    struct tro_export_scope *scope = TRO_NEW(&x->m->arena, struct tro_export_scope);
    if (!g || !scope) {
        tro_export_no_memory(x);
        return NULL;
    }
    name_captures(x, block, n_own, first_capture);
    *scope = (struct tro_export_scope){.parent = x->scope, .graph = g};
    x->scope = scope;
    g->name = (struct tro_str){name, 4};
    g->n_inputs = n_own;
    g->inputs = own_inputs(x, block, n_own);
    tro_export_block(x, b);
    g->n_outputs = block->n_outputs;
    if (x->rc >= 0)
        g->outputs = graph_outputs(x, block);
    x->is_open[b.i] = false;
    x->scope = scope->parent;
    return g;
}

/* The control node itself, with its first n_in inputs. */
static void write_control(struct tro_export *x, uint32_t n_in)
{
    const char **in = TRO_NEW_N(&x->m->arena, const char *, n_in + x->node->n_out);
    if (!in) {
        tro_export_no_memory(x);
        return;
    }
    const char **out = in + n_in;
    for (uint32_t i = 0; i < n_in; i++)
        in[i] = tro_export_in(x, i);
    /* Outputs that nobody asked for keep their places. */
    for (uint32_t i = 0; i < x->node->n_out; i++)
        out[i] = x->node->out[i].i ? tro_export_out(x, i) : tro_export_new_name(x, "unused");
    tro_export_node(x, tro_export_row(x->node->op)->onnx, in, n_in, out, x->node->n_out);
}

void tro_export_if(struct tro_export *x)
{
    struct tro_onnx_graph *then_graph = write_graph(x, x->node->blocks[0], "then", 0, 1);
    struct tro_onnx_graph *else_graph = write_graph(x, x->node->blocks[1], "else", 0, 1);
    write_control(x, 1);
    tro_export_graph(x, "then_branch", then_graph);
    tro_export_graph(x, "else_branch", else_graph);
}

void tro_export_loop(struct tro_export *x)
{
    const struct tro_attrs_loop *a = x->node->attrs;
    const uint32_t n = 2 + (uint32_t)a->n_carried;
    struct tro_onnx_graph *body = write_graph(x, x->node->blocks[0], "body", n, n);
    write_control(x, n);
    tro_export_graph(x, "body", body);
}

static void scan_list(struct tro_export *x, const char *name, const struct tro_ints *v)
{
    for (int i = 0; i < v->n; i++) {
        if (!v->v[i])
            continue;
        tro_export_ints(x, name, v->v, (size_t)v->n);
        return;
    }
}

void tro_export_scan(struct tro_export *x)
{
    const struct tro_attrs_scan *a = x->node->attrs;
    const uint32_t n = x->node->n_in - (uint32_t)a->n_captures;
    struct tro_onnx_graph *body = write_graph(x, x->node->blocks[0], "body", n, n);
    write_control(x, n);
    tro_export_int(x, "num_scan_inputs", a->n_scan_inputs);
    scan_list(x, "scan_input_axes", &a->input_axes);
    scan_list(x, "scan_output_axes", &a->output_axes);
    scan_list(x, "scan_input_directions", &a->input_reversed);
    scan_list(x, "scan_output_directions", &a->output_reversed);
    tro_export_graph(x, "body", body);
}

/* Its nodes stand for themselves; results take the names of the fused node's outputs. */
void tro_export_fused(struct tro_export *x)
{
    const tro_block_id b = x->node->blocks[0];
    const struct tro_block *block = tro_block_get(x->g, b);
    name_captures(x, block, 0, 0);
    for (size_t i = 0; i < block->n_outputs; i++)
        if (is_own(x, block, i) && x->node->out[i].i)
            x->names[block->outputs[i].i] = tro_export_out(x, (uint32_t)i);
    tro_export_block(x, b);
    for (size_t i = 0; i < block->n_outputs && x->rc >= 0; i++) {
        const char *name = tro_export_value(x, block->outputs[i]);
        const char *out = tro_export_out(x, (uint32_t)i);
        if (!is_own(x, block, i) && out[0])
            tro_export_node(x, "Identity", &name, 1, &out, 1);
    }
    x->is_open[b.i] = false;
}
