/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "onnx/import.h"

static const struct {
    const char *id, *title, *remedy;
    int (*fn)(struct tro_inspect *x, struct tro_err *err);
} checks[] = {
#define CHECK(id, title, remedy) {#id, title, remedy, tro_check_##id},
#include "inspect_checks.def"
#undef CHECK
};

const char *tro_check_id(enum tro_check check)
{
    return checks[check].id;
}

const char *tro_check_title(enum tro_check check)
{
    return checks[check].title;
}

const char *tro_check_remedy(enum tro_check check)
{
    return checks[check].remedy;
}

int tro_inspect_add(struct tro_inspect *x, enum tro_check check, struct tro_err *err,
                    const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = tro_arena_strdup(&x->arena, text);
    if (!copy || TRO_GROW(&x->findings, x->n_findings, &x->cap_findings) < 0)
        return tro_fail_nomem(err);
    x->findings[x->n_findings++] = (struct tro_finding){check, copy};
    return 0;
}

/* ---- looking up ------------------------------------------------------------------------ */

const char *tro_inspect_node(struct tro_inspect *x, const struct tro_onnx_node *n)
{
    const bool is_named = n->name.n > 0;
    const struct tro_str s = is_named ? n->name : n->n_outputs ? n->outputs[0] : n->op_type;
    const char *text = tro_arena_printf(&x->arena, "node %s'%.*s' (%.*s)",
                                        is_named ? "" : "that makes ", (int)s.n, s.p,
                                        (int)n->op_type.n, n->op_type.p);
    return text ? text : "node";
}

const struct tro_value *tro_inspect_value(const struct tro_inspect *x, struct tro_str name)
{
    uint32_t i;
    if (!x->graph || !tro_map_get(&x->values, name, &i))
        return NULL;
    return tro_value_get(x->graph, (tro_value_id){i});
}

const struct tro_onnx_tensor *tro_inspect_constant(const struct tro_inspect *x, struct tro_str name)
{
    uint32_t i;
    if (tro_map_get(&x->initializers, name, &i))
        return &x->onnx->graph.initializers[i];
    if (!tro_map_get(&x->producers, name, &i))
        return NULL;
    const struct tro_onnx_node *n = &x->onnx->graph.nodes[i];
    const struct tro_onnx_attr *a = tro_inspect_is_op(n, "Constant")
                                        ? tro_onnx_find_attr(n, "value")
                                        : NULL;
    return a ? a->t : NULL;
}

bool tro_inspect_is_op(const struct tro_onnx_node *n, const char *op_type)
{
    return !n->domain.n && tro_str_eqz(n->op_type, op_type);
}

int64_t tro_inspect_attr_int(const struct tro_onnx_node *n, const char *name, int64_t otherwise)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, name);
    return a ? a->i : otherwise;
}

struct scope {
    const struct tro_onnx_opset *opsets;
    size_t n_opsets;
};

static int each_node(struct tro_inspect *x, const struct tro_onnx_node *nodes, size_t n,
                     const struct scope *s, tro_node_fn *fn, struct tro_err *err)
{
    for (size_t i = 0; i < n; i++) {
        TRO_TRY(fn(x, &nodes[i], s->opsets, s->n_opsets, err));
        for (size_t k = 0; k < nodes[i].n_attrs; k++) {
            const struct tro_onnx_attr *a = &nodes[i].attrs[k];
            if (a->g)
                TRO_TRY(each_node(x, a->g->nodes, a->g->n_nodes, s, fn, err));
            for (size_t g = 0; g < a->n_graphs; g++)
                TRO_TRY(each_node(x, a->graphs[g].nodes, a->graphs[g].n_nodes, s, fn, err));
        }
    }
    return 0;
}

int tro_inspect_each_node(struct tro_inspect *x, tro_node_fn *fn, struct tro_err *err)
{
    const struct tro_onnx_model *m = x->onnx;
    const struct scope main_scope = {m->opsets, m->n_opsets};
    TRO_TRY(each_node(x, m->graph.nodes, m->graph.n_nodes, &main_scope, fn, err));
    for (size_t i = 0; i < m->n_functions; i++) {
        const struct tro_onnx_function *f = &m->functions[i];
        const struct scope s = {f->opsets, f->n_opsets};
        TRO_TRY(each_node(x, f->nodes, f->n_nodes, &s, fn, err));
    }
    return 0;
}

/* ---- gathering ------------------------------------------------------------------------- */

static const char *copy_str(struct tro_inspect *x, struct tro_str s)
{
    return tro_arena_strndup(&x->arena, s.p ? s.p : "", s.n);
}

static int count_use(struct tro_map *uses, struct tro_str name)
{
    uint32_t n = 0;
    tro_map_get(uses, name, &n);
    return name.n ? tro_map_set(uses, name, n + 1) : 0;
}

static int count_uses(struct tro_map *uses, const struct tro_onnx_graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tro_onnx_node *n = &g->nodes[i];
        for (size_t k = 0; k < n->n_inputs; k++)
            TRO_TRY(count_use(uses, n->inputs[k]));
        for (size_t k = 0; k < n->n_attrs; k++) {
            if (n->attrs[k].g)
                TRO_TRY(count_uses(uses, n->attrs[k].g));
            for (size_t b = 0; b < n->attrs[k].n_graphs; b++)
                TRO_TRY(count_uses(uses, &n->attrs[k].graphs[b]));
        }
    }
    for (size_t i = 0; i < g->n_outputs; i++)
        TRO_TRY(count_use(uses, g->outputs[i].name));
    return 0;
}

uint32_t tro_inspect_n_uses(const struct tro_inspect *x, struct tro_str name)
{
    uint32_t n = 0;
    tro_map_get(&x->uses, name, &n);
    return n;
}

static int make_maps(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    if (count_uses(&x->uses, g) < 0)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_map_set(&x->initializers, g->initializers[i].name, (uint32_t)i) < 0)
            return tro_fail_nomem(err);
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (g->nodes[i].outputs[k].n &&
                tro_map_set(&x->producers, g->nodes[i].outputs[k], (uint32_t)i) < 0)
                return tro_fail_nomem(err);
    return 0;
}

static bool is_function(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < x->onnx->n_functions; i++)
        if (tro_str_eq(x->onnx->functions[i].name, n->op_type) &&
            tro_str_eq(x->onnx->functions[i].domain, n->domain))
            return true;
    return false;
}

static int64_t version_in(const struct tro_onnx_opset *opsets, size_t n, struct tro_str domain)
{
    int64_t version = 0;
    for (size_t i = 0; i < n; i++)
        if (tro_str_eq(opsets[i].domain, domain))
            version = opsets[i].version;
    return version;
}

static int add_op(struct tro_inspect *x, const struct tro_onnx_node *n, int64_t version,
                  const char *key, struct tro_err *err)
{
    const struct tro_op_count op = {
        .domain = copy_str(x, n->domain),
        .op_type = copy_str(x, n->op_type),
        .version = version,
        .n = 1,
        .is_supported = is_function(x, n) || tro_onnx_is_supported(n->domain, n->op_type, version),
        .node = tro_inspect_node(x, n)};
    const char *own_key = tro_arena_strdup(&x->arena, key);
    if (!op.domain || !op.op_type || !own_key || TRO_GROW(&x->ops, x->n_ops, &x->cap_ops) < 0 ||
        tro_map_set(&x->op_index, (struct tro_str){own_key, strlen(own_key)}, (uint32_t)x->n_ops) <
            0)
        return tro_fail_nomem(err);
    x->n_unsupported += !op.is_supported;
    x->ops[x->n_ops++] = op;
    return 0;
}

static int count_node(struct tro_inspect *x, const struct tro_onnx_node *n,
                      const struct tro_onnx_opset *opsets, size_t n_opsets, struct tro_err *err)
{
    const int64_t version = version_in(opsets, n_opsets, n->domain);
    char key[1024];
    uint32_t i;
    snprintf(key, sizeof key, "%.*s %.*s %lld", (int)n->domain.n, n->domain.p, (int)n->op_type.n,
             n->op_type.p, (long long)version);
    x->n_nodes++;
    if (!tro_map_get(&x->op_index, (struct tro_str){key, strlen(key)}, &i))
        return add_op(x, n, version, key, err);
    x->ops[i].n++;
    return 0;
}

static int by_count(const void *a, const void *b)
{
    const struct tro_op_count *x = a, *y = b;
    if (x->n != y->n)
        return x->n > y->n ? -1 : 1;
    return strcmp(x->op_type, y->op_type);
}

static int count_ops(struct tro_inspect *x, struct tro_err *err)
{
    TRO_TRY(tro_inspect_each_node(x, count_node, err));
    for (uint32_t i = 1; x->graph && i < x->graph->n_nodes; i++)
        if (x->graph->nodes[i].block.i)
            x->own_ops[x->graph->nodes[i].op]++;
    if (x->n_ops)
        qsort(x->ops, x->n_ops, sizeof *x->ops, by_count);
    return 0;
}

#define WEIGHT_ELEMS_MAX (INT64_C(1) << 40)

/* As files hold them: 4-bit types in half a byte. */
static void count_weights(struct tro_inspect *x)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_initializers; i++) {
        const struct tro_onnx_tensor *t = &g->initializers[i];
        const int64_t bits = tro_dtype_bits(tro_onnx_to_dtype(t->data_type));
        int64_t n = 1;
        for (size_t k = 0; k < t->n_dims; k++)
            if (t->dims[k] < 0 || __builtin_mul_overflow(n, t->dims[k], &n))
                n = 0;
        /* What is larger than any file is a defect that the import tells of. */
        if (n > WEIGHT_ELEMS_MAX)
            continue;
        x->n_weights += n;
        x->n_weight_bytes += (n * bits + 7) / 8;
    }
}

static int gather(struct tro_inspect *x, struct tro_err *err)
{
    if (tro_onnx_import_named(x->onnx, &x->graph, &x->values, &x->import_err) == TRO_E_NOMEM)
        return tro_fail_nomem(err);
    TRO_TRY(make_maps(x, err));
    TRO_TRY(count_ops(x, err));
    count_weights(x);
    TRO_TRY(tro_inspect_weights(x, err));
    if (x->graph)
        TRO_TRY(tro_inspect_costs(x, err));
    for (size_t i = 0; i < TRO_N_CHECKS; i++)
        TRO_TRY(checks[i].fn(x, err));
    return 0;
}

int tro_inspect_open(struct tro_inspect *x, const char *path, struct tro_err *err)
{
    *x = (struct tro_inspect){.path = path};
    x->onnx = tro_onnx_read(path, err);
    if (!x->onnx)
        return err->status;
    return tro_err_prefix(err, gather(x, err), "%s: ", path);
}

void tro_inspect_close(struct tro_inspect *x)
{
    tro_graph_destroy(x->graph);
    tro_onnx_free(x->onnx);
    tro_map_finish(&x->values);
    tro_map_finish(&x->initializers);
    tro_map_finish(&x->producers);
    tro_map_finish(&x->uses);
    tro_map_finish(&x->op_index);
    tro_free(x->ops);
    tro_free(x->layers);
    tro_free(x->findings);
    tro_arena_finish(&x->arena);
    *x = (struct tro_inspect){0};
}
