/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that passes make. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "graph/graph_build.h"
#include "passes/pass.h"
#include "ref/ref.h"

#include <string.h>

static tro_value_id fail(struct tro_pass *p, int rc)
{
    if (p->rc == 0)
        p->rc = rc;
    return TRO_VALUE_NONE;
}

/* ---- constants ------------------------------------------------------------------------- */

tro_value_id tro_pass_const(struct tro_pass *p, const struct tro_tensor *t)
{
    tro_value_id v = TRO_VALUE_NONE;
    const int rc = p->rc < 0 ? p->rc : tro_graph_add_const_copy(p->g, NULL, t, &v, p->err);
    p->is_index_stale = true;
    return rc < 0 ? fail(p, rc) : v;
}

tro_value_id tro_pass_const_kept(struct tro_pass *p, const struct tro_tensor *t)
{
    tro_value_id v = TRO_VALUE_NONE;
    const int rc = p->rc < 0 ? p->rc : tro_graph_add_const(p->g, NULL, t, &v, p->err);
    p->is_index_stale = true;
    return rc < 0 ? fail(p, rc) : v;
}

tro_value_id tro_pass_const_f64(struct tro_pass *p, enum tro_dtype dtype, double v)
{
    uint64_t data[2] = {0};
    tro_store_f64(dtype, data, 0, v);
    const struct tro_tensor t = {.dtype = dtype, .data = data};
    return tro_pass_const(p, &t);
}

tro_value_id tro_pass_const_ints(struct tro_pass *p, const int64_t *v, int n)
{
    int64_t data[TRO_MAX_INTS] = {0};
    if (n > 0)
        memcpy(data, v, (size_t)n * sizeof(*v));
    const struct tro_tensor t = {.dtype = TRO_I64, .rank = 1, .shape = {n}, .data = data};
    return tro_pass_const(p, &t);
}

/* ---- nodes ----------------------------------------------------------------------------- */

static bool are_const(const struct tro_pass *p, const tro_value_id *in, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (in[i].i && !tro_is_const(p->g, in[i]))
            return false;
    return n > 0;
}

static tro_value_id compute(struct tro_pass *p, enum tro_op op, const void *attrs,
                            const tro_value_id *in, uint32_t n_in)
{
    struct tro_tensor t[8] = {{0}}, out;
    for (uint32_t i = 0; i < n_in; i++)
        if (in[i].i)
            t[i] = tro_const_tensor(p->g, in[i]);
    const int rc = tro_ref_eval(op, attrs, (int)n_in, t, 1, &out, NULL, NULL, p->err);
    if (rc < 0)
        return fail(p, rc);
    const tro_value_id v = tro_pass_const(p, &out);
    tro_free(out.data);
    return v;
}

tro_value_id tro_pass_emit(struct tro_pass *p, tro_node_id before, enum tro_op op,
                           const void *attrs, const tro_value_id *in, uint32_t n_in)
{
    tro_value_id out = TRO_VALUE_NONE;
    if (p->rc < 0)
        return TRO_VALUE_NONE;
    if (n_in <= 8 && are_const(p, in, n_in))
        return compute(p, op, attrs, in, n_in);
    const struct tro_node *const at = tro_node_get(p->g, before);
    const struct tro_node_spec spec = {.op = op,
                                       .name = at->name,
                                       .attrs = attrs,
                                       .n_in = n_in,
                                       .n_out = 1,
                                       .in = in,
                                       .before = before};
    const int rc = tro_graph_add_node(p->g, at->block, &spec, &out, p->err);
    p->is_index_stale = true;
    return rc < 0 ? fail(p, rc) : out;
}

tro_value_id tro_pass_emit1(struct tro_pass *p, tro_node_id before, enum tro_op op, tro_value_id x)
{
    return tro_pass_emit(p, before, op, NULL, &x, 1);
}

tro_value_id tro_pass_emit2(struct tro_pass *p, tro_node_id before, enum tro_op op, tro_value_id x,
                            tro_value_id y)
{
    return tro_pass_emit(p, before, op, NULL, (const tro_value_id[]){x, y}, 2);
}

tro_value_id tro_pass_emit_reshape(struct tro_pass *p, tro_node_id before, tro_value_id x,
                                   const tro_dim *dims, int rank)
{
    struct tro_attrs_dims sizes = {.values.n = rank};
    const struct tro_attrs_reshape attrs = {.allow_zero = 1};
    int64_t known[TRO_MAX_RANK];
    int n_known = 0;
    for (int i = 0; i < rank; i++) {
        sizes.values.v[i] = dims[i];
        if (tro_dim_is_const(dims[i]))
            known[n_known++] = tro_dim_value(dims[i]);
    }
    const tro_value_id shape = n_known == rank
                                   ? tro_pass_const_ints(p, known, rank)
                                   : tro_pass_emit(p, before, TRO_OP_DIMS, &sizes, NULL, 0);
    return tro_pass_emit(p, before, TRO_OP_RESHAPE, &attrs, (const tro_value_id[]){x, shape}, 2);
}

/* ---- replacing ------------------------------------------------------------------------- */

/* Sizes of `to` become those of `from` where that knows more, or is an output of the graph. */
static void take_sizes(struct tro_pass *p, const struct tro_value *from, struct tro_value *to,
                       bool is_output)
{
    struct tro_shape shape = to->shape;
    if (from->shape.rank < 0 || to->data)
        return;
    for (int i = 0; i < shape.rank && shape.rank == from->shape.rank; i++)
        if (tro_dim_is_const(from->shape.dim[i]) || is_output)
            shape.dim[i] = from->shape.dim[i];
    tro_graph_refine(p->g, (tro_value_id){(uint32_t)(to - p->g->values)},
                     shape.rank < 0 ? &from->shape : &shape);
    if (!to->elems)
        to->elems = from->elems;
}

void tro_pass_replace(struct tro_pass *p, tro_value_id from, tro_value_id to)
{
    if (p->rc < 0 || to.i == 0)
        return;
    struct tro_value *const a = tro_value_get(p->g, from), *const b = tro_value_get(p->g, to);
    const bool is_output = tro_pass_is_output(p, from);
    take_sizes(p, a, b, is_output);
    tro_graph_replace_uses(p->g, from, to);
    if ((b->is_name_made_up || is_output) && b->def.i + (b->data != NULL) > 0)
        p->rc = tro_graph_take_name(p->g, to, from, p->err);
    p->is_index_stale = true;
    tro_pass_sweep(p, a->def);
}

void tro_pass_set_input(struct tro_pass *p, tro_node_id n, uint32_t i, tro_value_id v)
{
    if (p->rc < 0)
        return;
    const tro_value_id old = tro_node_get(p->g, n)->in[i];
    tro_graph_set_input(p->g, n, i, v);
    p->is_index_stale = true;
    if (old.i)
        tro_pass_sweep(p, tro_value_get(p->g, old)->def);
}

/* ---- removing -------------------------------------------------------------------------- */

static bool has_symbols(const struct tro_pass *p, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && !tro_pass_is_sized(p, n->out[i]))
            return true;
    return false;
}

static bool asks_for_symbols(const struct tro_pass *p)
{
    const struct tro_graph *const g = p->g;
    for (size_t n = 1; n < g->n_nodes; n++) {
        if (g->nodes[n].op != TRO_OP_DIMS || !g->nodes[n].block.i)
            continue;
        const struct tro_attrs_dims *const attrs = g->nodes[n].attrs;
        for (int i = 0; i < attrs->values.n; i++)
            if (!tro_pass_is_sized_dim(p, attrs->values.v[i]))
                return true;
    }
    return false;
}

static bool is_needed(struct tro_pass *p, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && tro_pass_n_uses(p, n->out[i]) > 0)
            return true;
    /* A size that is known by this value alone may be asked for in attributes. */
    return has_symbols(p, n) && asks_for_symbols(p);
}

bool tro_pass_may_remove(struct tro_pass *p, tro_node_id n)
{
    return !is_needed(p, tro_node_get(p->g, n));
}

void tro_pass_sweep(struct tro_pass *p, tro_node_id n)
{
    tro_node_id *stack = NULL;
    size_t n_stack = 0, cap = 0;
    while (p->rc == 0) {
        const struct tro_node *const node = tro_node_get(p->g, n);
        if (n.i && node->block.i && !is_needed(p, node)) {
            tro_graph_remove_node(p->g, n);
            p->is_index_stale = true;
            for (uint32_t i = 0; i < node->n_in; i++) {
                if (TRO_GROW(&stack, n_stack, &cap) < 0) {
                    p->rc = tro_fail_nomem(p->err);
                    break;
                }
                stack[n_stack++] = tro_value_get(p->g, node->in[i])->def;
            }
        }
        if (n_stack == 0)
            break;
        n = stack[--n_stack];
    }
    tro_free(stack);
}
