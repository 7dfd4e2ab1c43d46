/* SPDX-License-Identifier: Apache-2.0 */
/* Adding nodes. */
#include "base/alloc.h"
#include "base/err.h"
#include "graph/graph_build.h"

#include <string.h>

struct tro_operand tro_operand_of(const struct tro_graph *g, tro_value_id v)
{
    if (v.i == 0)
        return (struct tro_operand){0};
    const struct tro_value *const value = tro_value_get(g, v);
    return (struct tro_operand){value->dtype, value->shape, value->data, value->elems};
}

static int check_inputs(const struct tro_graph *g, tro_block_id b, const struct tro_node_spec *spec,
                        struct tro_err *err)
{
    for (uint32_t i = 0; i < spec->n_in; i++) {
        const tro_value_id v = spec->in[i];
        if (v.i == 0)
            continue;
        if (v.i >= g->n_values)
            return tro_fail(err, TRO_E_INPUT, "input %u is no value of the graph", i);
        if (!tro_value_is_usable(g, v, b))
            return tro_fail(err, TRO_E_INPUT, "input %u: value '%s' belongs to another block", i,
                            g->values[v.i].name);
    }
    return 0;
}

static int check_blocks(const struct tro_graph *g, const struct tro_node_spec *spec,
                        struct tro_err *err)
{
    const int n_expected = spec->op == TRO_OP_IF      ? 2
                           : spec->op == TRO_OP_LOOP  ? 1
                           : spec->op == TRO_OP_SCAN  ? 1
                           : spec->op == TRO_OP_FUSED ? 1
                                                      : 0;
    for (int i = 0; i < 2; i++) {
        const tro_block_id b = spec->blocks[i];
        if (i >= n_expected ? b.i != 0 : b.i <= TRO_MAIN_BLOCK.i || b.i >= g->n_blocks)
            return tro_fail(err, TRO_E_INPUT, "expected %d blocks", n_expected);
        if (b.i && g->blocks[b.i].owner.i)
            return tro_fail(err, TRO_E_INPUT, "block %d has another owner", i);
    }
    if (n_expected == 2 && spec->blocks[0].i == spec->blocks[1].i)
        return tro_fail(err, TRO_E_INPUT, "expected two blocks, found one given twice");
    return 0;
}

/* A struct of its own, texts included. */
static void *copy_attrs(struct tro_graph *g, const struct tro_node_spec *spec)
{
    const struct tro_op_info *const info = tro_op_info(spec->op);
    char *const copy = tro_arena_alloc(&g->arena, 1, info->attrs_size);
    if (!copy || !spec->attrs)
        return copy;
    memcpy(copy, spec->attrs, info->attrs_size);
    for (const struct tro_attr_field *f = info->fields(); f->name; f++) {
        if (f->type != TRO_ATTR_STR)
            continue;
        const char *text;
        memcpy(&text, copy + f->offset, sizeof(text));
        if (!text)
            continue;
        text = tro_arena_strdup(&g->arena, text);
        if (!text)
            return NULL;
        memcpy(copy + f->offset, &text, sizeof(text));
    }
    return copy;
}

static int infer(struct tro_graph *g, const struct tro_node *node, struct tro_operand *out,
                 struct tro_err *err)
{
    struct tro_operand *const in = tro_calloc(node->n_in + 1, sizeof(*in));
    if (!in)
        return tro_fail_nomem(err);
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = tro_operand_of(g, node->in[i]);
    struct tro_infer_call call = {.dims = &g->dims,
                                  .graph = g,
                                  .op = node->op,
                                  .attrs = node->attrs,
                                  .blocks = node->blocks,
                                  .n_in = (int)node->n_in,
                                  .n_out = (int)node->n_out,
                                  .in = in,
                                  .out = out,
                                  .err = err};
    const int rc = tro_infer(&call);
    tro_free(in);
    return rc;
}

/* Makes room for one node more in the block, and finds its place. */
static int find_place(struct tro_graph *g, tro_block_id b, tro_node_id before, size_t *place,
                      struct tro_err *err)
{
    struct tro_block *const block = tro_block_get(g, b);
    if (TRO_GROW(&block->nodes, block->n_nodes, &block->cap_nodes) < 0)
        return tro_fail_nomem(err);
    *place = block->n_nodes;
    if (before.i == 0)
        return 0;
    while (*place > 0 && block->nodes[*place - 1].i != before.i)
        --*place;
    if (*place == 0)
        return tro_fail(err, TRO_E_INPUT, "the node to stand before is not in the block");
    --*place;
    return 0;
}

static void insert(struct tro_graph *g, tro_block_id b, size_t place, tro_node_id n)
{
    struct tro_block *const block = tro_block_get(g, b);
    memmove(&block->nodes[place + 1], &block->nodes[place],
            (block->n_nodes - place) * sizeof(block->nodes[0]));
    block->nodes[place] = n;
    block->n_nodes++;
}

/* Everything of the node but its outputs and its place. */
static int make_node(struct tro_graph *g, const struct tro_node_spec *spec, struct tro_node *node)
{
    *node = (struct tro_node){.op = spec->op,
                              .name = tro_arena_strdup(&g->arena, spec->name ? spec->name : ""),
                              .n_in = spec->n_in,
                              .n_out = spec->n_out,
                              .attrs = copy_attrs(g, spec),
                              .blocks = {spec->blocks[0], spec->blocks[1]}};
    while (node->n_in > 0 && spec->in[node->n_in - 1].i == 0)
        node->n_in--;
    node->in = TRO_NEW_N(&g->arena, tro_value_id, node->n_in);
    node->out = TRO_NEW_N(&g->arena, tro_value_id, node->n_out);
    if (!node->name || !node->attrs || !node->in || !node->out)
        return TRO_E_NOMEM;
    if (node->n_in > 0)
        memcpy(node->in, spec->in, node->n_in * sizeof(node->in[0]));
    return 0;
}

static int add_outputs(struct tro_graph *g, tro_block_id b, const struct tro_node_spec *spec,
                       struct tro_node *node, tro_node_id id, const struct tro_operand *out,
                       struct tro_err *err)
{
    for (uint32_t i = 0; i < node->n_out; i++) {
        const struct tro_value v = {.dtype = out[i].dtype,
                                    .shape = out[i].shape,
                                    .elems = out[i].elems,
                                    .block = b,
                                    .def = id};
        const char *const name = spec->out_names ? spec->out_names[i] : NULL;
        TRO_TRY(tro_graph_add_value(g, name, &v, &node->out[i], err));
    }
    return 0;
}

static int add_node(struct tro_graph *g, tro_block_id b, const struct tro_node_spec *spec,
                    struct tro_operand *operands, tro_value_id *out, struct tro_err *err)
{
    struct tro_node node;
    TRO_TRY(check_inputs(g, b, spec, err));
    TRO_TRY(check_blocks(g, spec, err));
    if (make_node(g, spec, &node) < 0 || TRO_GROW(&g->nodes, g->n_nodes, &g->cap_nodes) < 0)
        return tro_fail_nomem(err);
    size_t place;
    TRO_TRY(find_place(g, b, spec->before, &place, err));
    TRO_TRY(infer(g, &node, operands, err));
    const tro_node_id id = {(uint32_t)g->n_nodes};
    const size_t n_values = g->n_values;
    const int rc = add_outputs(g, b, spec, &node, id, operands, err);
    if (rc < 0) {
        g->n_values = n_values;
        return rc;
    }
    insert(g, b, place, id);
    node.block = b;
    g->nodes[g->n_nodes++] = node;
    for (int i = 0; i < 2; i++)
        if (node.blocks[i].i)
            g->blocks[node.blocks[i].i].owner = id;
    if (out && node.n_out > 0)
        memcpy(out, node.out, node.n_out * sizeof(out[0]));
    return 0;
}

int tro_graph_add_node(struct tro_graph *g, tro_block_id b, const struct tro_node_spec *spec,
                       tro_value_id *out, struct tro_err *err)
{
    struct tro_operand *const operands = tro_calloc(spec->n_out + (size_t)1, sizeof(*operands));
    if (!operands)
        return tro_fail_nomem(err);
    const int rc = add_node(g, b, spec, operands, out, err);
    tro_free(operands);
    return tro_err_prefix(err, rc, "%s: ", tro_op_info(spec->op)->text);
}
