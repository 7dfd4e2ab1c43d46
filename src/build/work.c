/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes of a run, and what it takes. */
#include "build/builder.h"

void tro_builder_shape(const struct tro_builder *b, struct tro_dim_env *env, size_t i,
                       struct tro_tensor *out)
{
    const struct tro_dims *const dims = &b->graph->dims;
    const tro_value_id id = tro_block_get(b->graph, TRO_MAIN_BLOCK)->inputs[i];
    const struct tro_value *const v = tro_value_get(b->graph, id);
    const struct tro_plan_sizes *const s = &b->sizes[i];
    *out = (struct tro_tensor){.dtype = v->dtype,
                               .rank = v->shape.rank >= 0 ? v->shape.rank
                                       : s->rank >= 0     ? s->rank
                                                          : 0};
    for (int k = 0; k < out->rank; k++) {
        if (s->rank >= 0) {
            out->shape[k] = s->opt[k];
        } else if (!tro_dim_eval(dims, env, v->shape.dim[k], &out->shape[k])) {
            const int64_t lo = tro_dim_lo(dims, v->shape.dim[k]);
            out->shape[k] = lo > 1 ? lo : 1;
        }
        if (v->shape.rank >= 0)
            tro_dim_bind(dims, env, v->shape.dim[k], out->shape[k]);
    }
}

/* ---- multiplications --------------------------------------------------------------------- */

struct costing {
    const struct tro_graph *g;
    const struct tro_dim_env *env;
    const struct tro_node *node;
};

static double size_of(const struct costing *c, tro_value_id v, int axis)
{
    const struct tro_shape *const s = &tro_value_get(c->g, v)->shape;
    int64_t size;
    axis += axis < 0 ? s->rank : 0;
    if (axis < 0 || axis >= s->rank || !tro_dim_eval(&c->g->dims, c->env, s->dim[axis], &size))
        return 1;
    return size > 0 ? (double)size : 1;
}

static double elems_of(const struct costing *c, tro_value_id v)
{
    double n = v.i ? 1 : 0;
    for (int i = 0; v.i && i < tro_value_get(c->g, v)->shape.rank; i++)
        n *= size_of(c, v, i);
    return n;
}

static double in_elems(const struct costing *c, uint32_t i)
{
    return i < c->node->n_in ? elems_of(c, c->node->in[i]) : 0;
}

static double window_of(const struct costing *c)
{
    const struct tro_attrs_pool *const a = c->node->attrs;
    double n = 1;
    for (int i = 0; i < a->kernel.n; i++)
        n *= (double)a->kernel.v[i];
    return n;
}

static double product_of_inputs(const struct costing *c)
{
    double n = 1;
    for (uint32_t i = 0; i < c->node->n_in; i++)
        n *= in_elems(c, i) > 1 ? in_elems(c, i) : 1;
    return n;
}

static double block_work(const struct costing *c, tro_block_id b);

/* Beyond touching each element once. */
static double node_work(const struct costing *c)
{
    const struct tro_node *const n = c->node;
    const double n_out = n->n_out > 0 ? elems_of(c, n->out[0]) : 0;
    switch (n->op) {
    case TRO_OP_MATMUL:
    case TRO_OP_MATMUL_INT:
        return n_out * size_of(c, n->in[0], -1);
    case TRO_OP_CONV:
    case TRO_OP_CONV_INT:
        return n_out * in_elems(c, 1) / size_of(c, n->in[1], 0);
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_CONV_TRANSPOSE_INT:
        return in_elems(c, 0) * in_elems(c, 1) / size_of(c, n->in[1], 0);
    case TRO_OP_EINSUM:
        return product_of_inputs(c);
    case TRO_OP_ATTENTION:
        return 2 * in_elems(c, 0) * size_of(c, n->in[1], -2);
    case TRO_OP_RECURRENT:
        return (in_elems(c, 1) + in_elems(c, 2)) * size_of(c, n->in[0], 0) *
               size_of(c, n->in[0], 1);
    case TRO_OP_POOL:
        return n_out * window_of(c);
    default:
        return (n->blocks[0].i ? block_work(c, n->blocks[0]) : 0) +
               (n->blocks[1].i ? block_work(c, n->blocks[1]) : 0);
    }
}

/* Recursion is as deep as blocks are nested. */
static double block_work(const struct costing *c, tro_block_id b)
{
    const struct tro_block *const block = tro_block_get(c->g, b);
    double work = 0;
    for (size_t i = 0; i < block->n_nodes; i++) {
        const struct costing inner = {c->g, c->env, tro_node_get(c->g, block->nodes[i])};
        for (uint32_t k = 0; k < inner.node->n_out; k++)
            work += elems_of(&inner, inner.node->out[k]);
        work += node_work(&inner);
    }
    return work;
}

double tro_graph_work(const struct tro_graph *g, const struct tro_dim_env *env)
{
    const struct costing c = {g, env, NULL};
    return block_work(&c, TRO_MAIN_BLOCK);
}
