/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of sizes: frozen ones, ones without a name, unknown ranks. */
#include "inspect.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"

static bool is_weight(const struct tro_inspect *x, struct tro_str name)
{
    return tro_map_get(&x->initializers, name, NULL);
}

/* ---- frozen ---------------------------------------------------------------------------- */

static bool has_free_size(const struct tro_shape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (!tro_dim_is_const(s->dim[i]))
            return true;
    return false;
}

/* Sizes of x are free, those of the result are not: the target was recorded from one example. */
static bool freezes(const struct tro_graph *g, const struct tro_node *n)
{
    if ((n->op != TRO_OP_RESHAPE && n->op != TRO_OP_EXPAND) || !tro_is_const(g, n->in[1]))
        return false;
    const struct tro_shape *out = &tro_value_get(g, n->out[0])->shape;
    return has_free_size(&tro_value_get(g, n->in[0])->shape) && out->rank >= 0 &&
           !has_free_size(out);
}

static int add_frozen_node(struct tro_inspect *x, const struct tro_node *n, struct tro_err *err)
{
    struct tro_buf from = {0}, to = {0};
    tro_value_print_type(x->graph, n->in[0], &from);
    tro_value_print_type(x->graph, n->out[0], &to);
    const int rc = from.failed || to.failed
                       ? tro_fail_nomem(err)
                       : tro_inspect_add(x, TRO_CHECK_frozen, err,
                                         "node '%s' (%s) makes tensor '%s': %.*s becomes %.*s",
                                         n->name, tro_op_info(n->op)->text,
                                         tro_value_get(x->graph, n->out[0])->name, (int)from.n,
                                         (const char *)from.p, (int)to.n, (const char *)to.p);
    tro_buf_finish(&from);
    tro_buf_finish(&to);
    return rc;
}

static bool sounds_like_batch(struct tro_str symbol)
{
    static const char *const names[] = {"n", "b", "bs", "batch"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (symbol.n == strlen(names[i]) && strncasecmp(symbol.p, names[i], symbol.n) == 0)
            return true;
    for (size_t i = 0; i + 5 <= symbol.n; i++)
        if (strncasecmp(symbol.p + i, "batch", 5) == 0)
            return true;
    return false;
}

static bool has_free_input(const struct tro_inspect *x)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        for (size_t k = 0; k < g->inputs[i].n_dims; k++)
            if (!g->inputs[i].dims[k].has_value && !is_weight(x, g->inputs[i].name))
                return true;
    return false;
}

static int add_batch_names(struct tro_inspect *x, const struct tro_onnx_value_info *infos, size_t n,
                           struct tro_err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < infos[i].n_dims; k++) {
            const struct tro_onnx_dim *d = &infos[i].dims[k];
            if (d->has_value || !sounds_like_batch(d->param))
                continue;
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_frozen, err,
                                    "tensor '%.*s' has the size '%.*s' on axis %zu, and every size "
                                    "of the inputs is fixed",
                                    (int)infos[i].name.n, infos[i].name.p, (int)d->param.n,
                                    d->param.p, k));
        }
    return 0;
}

int tro_check_frozen(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    if (!has_free_input(x)) {
        TRO_TRY(add_batch_names(x, g->outputs, g->n_outputs, err));
        return add_batch_names(x, g->value_infos, g->n_value_infos, err);
    }
    const struct tro_block *b = x->graph ? tro_block_get(x->graph, TRO_MAIN_BLOCK) : NULL;
    for (size_t i = 0; b && i < b->n_nodes; i++) {
        const struct tro_node *n = tro_node_get(x->graph, b->nodes[i]);
        if (freezes(x->graph, n))
            TRO_TRY(add_frozen_node(x, n, err));
    }
    return 0;
}

/* ---- nameless, unranked ---------------------------------------------------------------- */

int tro_check_nameless(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        for (size_t k = 0; k < g->inputs[i].n_dims; k++) {
            const struct tro_onnx_dim *d = &g->inputs[i].dims[k];
            if (d->has_value || d->param.n || is_weight(x, g->inputs[i].name))
                continue;
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_nameless, err, "input '%.*s', axis %zu",
                                    (int)g->inputs[i].name.n, g->inputs[i].name.p, k));
        }
    return 0;
}

int tro_check_unranked(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        if (g->inputs[i].is_tensor && !g->inputs[i].has_shape && !is_weight(x, g->inputs[i].name))
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_unranked, err, "input '%.*s'",
                                    (int)g->inputs[i].name.n, g->inputs[i].name.p));
    const struct tro_block *b = x->graph ? tro_block_get(x->graph, TRO_MAIN_BLOCK) : NULL;
    for (size_t i = 0; b && i < b->n_nodes; i++) {
        const struct tro_node *n = tro_node_get(x->graph, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_out; k++) {
            const struct tro_value *v = tro_value_get(x->graph, n->out[k]);
            if (n->out[k].i && v->shape.rank < 0 && !v->is_name_made_up)
                TRO_TRY(tro_inspect_add(x, TRO_CHECK_unranked, err, "tensor '%s' of node '%s' (%s)",
                                        v->name, n->name, tro_op_info(n->op)->text));
        }
    }
    return 0;
}
