/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/graph_build.h"

#include <string.h>

struct verifier {
    const struct tro_graph *g;
    struct tro_dims dims;   /* a copy, so that inference leaves the graph's table alone */
    struct tro_arena arena; /* of that copy */
    bool *is_made;          /* each value: defined at this point of the walk */
    bool *is_seen;          /* each node: met in a block */
    bool *is_block_seen;
    struct tro_map names;
    struct tro_err *err;
};

/* ---- the copy of the table of sizes ---------------------------------------------------- */

static void *copy_bytes(const void *p, size_t n_bytes)
{
    void *const copy = tro_malloc(n_bytes);
    if (copy && n_bytes)
        memcpy(copy, p, n_bytes);
    return copy;
}

static int copy_map(struct tro_map *m)
{
    if (m->cap > 0)
        m->slots = copy_bytes(m->slots, m->cap * sizeof(*m->slots));
    return m->slots || m->cap == 0 ? 0 : TRO_E_NOMEM;
}

static int copy_dims(struct verifier *v)
{
    const struct tro_dims *const from = &v->g->dims;
    tro_dims_init(&v->dims, &v->arena);
    v->dims.n_fresh = from->n_fresh;
    v->dims.exprs = copy_bytes(from->exprs, from->n * sizeof(*from->exprs));
    if (!v->dims.exprs)
        return TRO_E_NOMEM;
    v->dims.n = v->dims.cap = from->n;
    v->dims.symbols = from->symbols;
    if (copy_map(&v->dims.symbols) < 0)
        return TRO_E_NOMEM;
    v->dims.known = from->known;
    return copy_map(&v->dims.known);
}

/* ---- values ---------------------------------------------------------------------------- */

static int check_const(struct verifier *v, const struct tro_value *value)
{
    struct tro_err *const err = v->err;
    if (value->block.i || value->def.i)
        return tro_fail(err, TRO_E_INTERNAL, "a constant belongs to no block and no node");
    if (value->shape.rank < 0)
        return tro_fail(err, TRO_E_INTERNAL, "a constant has a rank");
    for (int i = 0; i < value->shape.rank; i++)
        if (!tro_dim_is_const(value->shape.dim[i]))
            return tro_fail(err, TRO_E_INTERNAL, "a constant has constant sizes");
    return 0;
}

static bool is_dim_valid(const struct tro_dims *t, tro_dim d)
{
    return tro_dim_is_const(d) || (d.bits > 0 && (size_t)(d.bits >> 1) < t->n);
}

static int check_value(struct verifier *v, const struct tro_value *value)
{
    const struct tro_shape *const s = &value->shape;
    struct tro_err *const err = v->err;
    if (tro_map_get(&v->names, (struct tro_str){value->name, strlen(value->name)}, NULL))
        return tro_fail(err, TRO_E_INTERNAL, "another value has this name");
    if (tro_map_set(&v->names, (struct tro_str){value->name, strlen(value->name)}, 0) < 0)
        return tro_fail_nomem(err);
    for (int i = 0; i < s->rank && s->rank <= TRO_MAX_RANK; i++)
        if (!is_dim_valid(&v->g->dims, s->dim[i]))
            return tro_fail(err, TRO_E_INTERNAL, "size %d is not in the table", i);
    TRO_TRY(tro_shape_check(&v->g->dims, value->dtype, s, err));
    if (value->data)
        TRO_TRY(check_const(v, value));
    const int n = tro_shape_small(s);
    if (value->elems && n < 0)
        return tro_fail(err, TRO_E_INTERNAL, "contents are known of small integer values only");
    for (int i = 0; value->elems && i < n; i++)
        if (!is_dim_valid(&v->g->dims, value->elems[i]))
            return tro_fail(err, TRO_E_INTERNAL, "element %d is not in the table", i);
    return 0;
}

static int check_values(struct verifier *v)
{
    for (size_t i = 1; i < v->g->n_values; i++) {
        const struct tro_value *const value = &v->g->values[i];
        if (!value->name)
            return tro_fail(v->err, TRO_E_INTERNAL, "value %zu has no name", i);
        /* What was dropped has neither data nor place. */
        if (!value->data && value->block.i == 0)
            continue;
        TRO_TRY(tro_err_prefix(v->err, check_value(v, value), "value '%s': ", value->name));
    }
    return 0;
}

/* ---- attributes ------------------------------------------------------------------------ */

static bool is_field_valid(const struct tro_dims *t, const struct tro_attr_field *f,
                           const void *field)
{
    if (f->type == TRO_ATTR_INTS)
        return (uint32_t)((const struct tro_ints *)field)->n <= TRO_MAX_INTS;
    if (f->type == TRO_ATTR_DTYPE)
        return *(const unsigned *)field < TRO_N_DTYPES;
    if (f->type == TRO_ATTR_ENUM) {
        unsigned n = 0;
        while (f->enum_names[n])
            n++;
        return *(const unsigned *)field < n;
    }
    if (f->type != TRO_ATTR_DIMS)
        return true;
    const struct tro_dim_list *const list = field;
    if ((uint32_t)list->n > TRO_MAX_INTS)
        return false;
    for (int i = 0; i < list->n; i++)
        if (!is_dim_valid(t, list->v[i]))
            return false;
    return true;
}

static int check_attrs(struct verifier *v, const struct tro_node *node)
{
    if (!node->attrs)
        return tro_fail(v->err, TRO_E_INTERNAL, "no attributes");
    for (const struct tro_attr_field *f = tro_op_info(node->op)->fields(); f->name; f++)
        if (!is_field_valid(&v->g->dims, f, (const char *)node->attrs + f->offset))
            return tro_fail(v->err, TRO_E_INTERNAL, "attribute %s is out of its range", f->name);
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static int check_block(struct verifier *v, tro_block_id b, tro_node_id owner);

static int check_use(struct verifier *v, tro_value_id x, tro_block_id b)
{
    if (!tro_value_is_usable(v->g, x, b))
        return tro_fail(v->err, TRO_E_INTERNAL, "value %u ('%s') cannot be used in this block", x.i,
                        x.i < v->g->n_values ? tro_value_get(v->g, x)->name : "");
    if (!tro_is_const(v->g, x) && !v->is_made[x.i])
        return tro_fail(v->err, TRO_E_INTERNAL, "value '%s' is used before it is made",
                        tro_value_get(v->g, x)->name);
    return 0;
}

/* A value that comes into being here: a block's input or a node's output. */
static int check_made(struct verifier *v, tro_value_id x, tro_block_id b, tro_node_id def)
{
    if (x.i == 0 || x.i >= v->g->n_values)
        return tro_fail(v->err, TRO_E_INTERNAL, "value %u does not exist", x.i);
    const struct tro_value *const value = tro_value_get(v->g, x);
    if (value->data || value->block.i != b.i || value->def.i != def.i)
        return tro_fail(v->err, TRO_E_INTERNAL, "value '%s' says it is made elsewhere",
                        value->name);
    if (v->is_made[x.i])
        return tro_fail(v->err, TRO_E_INTERNAL, "value '%s' is made twice", value->name);
    v->is_made[x.i] = true;
    return 0;
}

static int compare(struct verifier *v, const struct tro_node *node, const struct tro_operand *out)
{
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (node->out[i].i == 0)
            continue;
        const struct tro_value *const value = tro_value_get(v->g, node->out[i]);
        if (value->dtype != out[i].dtype ||
            !tro_shape_may_equal(&v->dims, &value->shape, &out[i].shape))
            return tro_fail(v->err, TRO_E_INTERNAL,
                            "output '%s' does not have the type and shape of inference",
                            value->name);
    }
    return 0;
}

static int infer_again(struct verifier *v, const struct tro_node *node)
{
    const size_t n = (size_t)node->n_in + node->n_out;
    struct tro_operand *const operands = tro_calloc(n + 1, sizeof(*operands));
    if (!operands)
        return tro_fail_nomem(v->err);
    for (uint32_t i = 0; i < node->n_in; i++)
        operands[i] = tro_operand_of(v->g, node->in[i]);
    struct tro_infer_call call = {.dims = &v->dims,
                                  .graph = v->g,
                                  .op = node->op,
                                  .attrs = node->attrs,
                                  .blocks = node->blocks,
                                  .n_in = (int)node->n_in,
                                  .n_out = (int)node->n_out,
                                  .in = operands,
                                  .out = operands + node->n_in,
                                  .err = v->err};
    int rc = tro_infer(&call);
    if (rc == 0)
        rc = compare(v, node, call.out);
    tro_free(operands);
    return rc;
}

static int check_node(struct verifier *v, tro_node_id id, tro_block_id b)
{
    const struct tro_node *const node = tro_node_get(v->g, id);
    if (node->block.i != b.i)
        return tro_fail(v->err, TRO_E_INTERNAL, "the node says it is in another block");
    if (node->n_in > 0 && node->in[node->n_in - 1].i == 0)
        return tro_fail(v->err, TRO_E_INTERNAL, "the last input is absent");
    for (uint32_t i = 0; i < node->n_in; i++)
        if (node->in[i].i)
            TRO_TRY(check_use(v, node->in[i], b));
    TRO_TRY(check_attrs(v, node));
    for (int i = 0; i < 2; i++)
        if (node->blocks[i].i)
            TRO_TRY(check_block(v, node->blocks[i], id));
    for (uint32_t i = 0; i < node->n_out; i++)
        if (node->out[i].i)
            TRO_TRY(check_made(v, node->out[i], b, id));
    return infer_again(v, node);
}

static int check_block_node(struct verifier *v, tro_node_id id, tro_block_id b)
{
    if (id.i == 0 || id.i >= v->g->n_nodes || v->is_seen[id.i])
        return tro_fail(v->err, TRO_E_INTERNAL, "node %u does not exist or stands twice", id.i);
    v->is_seen[id.i] = true;
    const struct tro_node *const node = tro_node_get(v->g, id);
    return tro_err_prefix(v->err, check_node(v, id, b), "node '%s' (%s): ", node->name,
                          tro_op_info(node->op)->text);
}

static int check_block(struct verifier *v, tro_block_id b, tro_node_id owner)
{
    if (b.i >= v->g->n_blocks || tro_block_get(v->g, b)->owner.i != owner.i ||
        v->is_block_seen[b.i])
        return tro_fail(v->err, TRO_E_INTERNAL, "block %u has another owner or stands twice", b.i);
    v->is_block_seen[b.i] = true;
    const struct tro_block *const block = tro_block_get(v->g, b);
    for (size_t i = 0; i < block->n_inputs; i++)
        TRO_TRY(check_made(v, block->inputs[i], b, TRO_NODE_NONE));
    for (size_t i = 0; i < block->n_nodes; i++)
        TRO_TRY(check_block_node(v, block->nodes[i], b));
    for (size_t i = 0; i < block->n_outputs; i++)
        TRO_TRY(tro_err_prefix(v->err, check_use(v, block->outputs[i], b), "output %zu: ", i));
    return 0;
}

static int verify(struct verifier *v)
{
    v->is_made = tro_calloc(v->g->n_values, sizeof(bool));
    v->is_seen = tro_calloc(v->g->n_nodes, sizeof(bool));
    v->is_block_seen = tro_calloc(v->g->n_blocks, sizeof(bool));
    if (!v->is_made || !v->is_seen || !v->is_block_seen || copy_dims(v) < 0)
        return tro_fail_nomem(v->err);
    TRO_TRY(check_values(v));
    TRO_TRY(check_block(v, TRO_MAIN_BLOCK, TRO_NODE_NONE));
    for (size_t i = 1; i < v->g->n_nodes; i++)
        if (v->g->nodes[i].block.i && !v->is_seen[i])
            return tro_fail(v->err, TRO_E_INTERNAL, "node '%s' is in no block's list",
                            v->g->nodes[i].name);
    return 0;
}

int tro_graph_verify(const struct tro_graph *g, struct tro_err *err)
{
    struct tro_err own;
    struct verifier v = {.g = g, .err = err ? err : &own};
    int rc = verify(&v);
    tro_free(v.is_made);
    tro_free(v.is_seen);
    tro_free(v.is_block_seen);
    tro_map_finish(&v.names);
    tro_dims_finish(&v.dims);
    tro_arena_finish(&v.arena);
    if (rc < 0 && rc != TRO_E_NOMEM)
        rc = v.err->status = TRO_E_INTERNAL;
    return tro_err_prefix(v.err, rc, "graph '%s': ", g->name);
}
