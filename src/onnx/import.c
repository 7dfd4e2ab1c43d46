/* SPDX-License-Identifier: Apache-2.0 */
/* The importer's frame: inputs, nodes by onnx_map.def, local functions, outputs. */
#include "onnx/import_state.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

struct map_row {
    const char *domain, *name;
    int since, in_min, in_max, out_min, out_max;
    tro_import_fn *fn;
};

static const struct map_row map_rows[] = {
#define ONNX_OP(domain, name, since, in_min, in_max, out_min, out_max, fn) \
    {domain, name, since, in_min, in_max, out_min, out_max, tro_import_##fn},
#include "onnx/onnx_map.def"
#undef ONNX_OP
};
#define N_MAP_ROWS (sizeof map_rows / sizeof *map_rows)

static const struct map_row *find_row(struct tro_str domain, struct tro_str name, int64_t version)
{
    const struct map_row *best = NULL;
    for (size_t i = 0; i < N_MAP_ROWS; i++) {
        const struct map_row *r = &map_rows[i];
        if (r->since <= version && tro_str_eqz(name, r->name) && tro_str_eqz(domain, r->domain) &&
            (!best || r->since > best->since))
            best = r;
    }
    return best;
}

bool tro_onnx_is_supported(struct tro_str domain, struct tro_str op_type, int64_t version)
{
    return find_row(domain, op_type, version) != NULL;
}

static int64_t version_of(const struct tro_scope *s, struct tro_str domain)
{
    for (size_t i = 0; i < s->n_opsets; i++)
        if (tro_str_eq(s->opsets[i].domain, domain))
            return s->opsets[i].version;
    return 0;
}

static const char *domain_text(struct tro_str domain, char *buf, size_t n)
{
    snprintf(buf, n, "%.*s", (int)(domain.n < 60 ? domain.n : 60), domain.p ? domain.p : "");
    return domain.n ? buf : "ai.onnx";
}

static int fail_unsupported(struct tro_import *im, const struct tro_onnx_node *node,
                            int64_t version)
{
    char domain[64];
    const char *d = domain_text(node->domain, domain, sizeof domain);
    int64_t known = 0;
    for (size_t i = 0; i < N_MAP_ROWS && !known; i++)
        if (tro_str_eqz(node->op_type, map_rows[i].name) &&
            tro_str_eqz(node->domain, map_rows[i].domain))
            known = map_rows[i].since;
    const char *what_to_do = known ? "export the model with a newer opset"
                                   : "export without it, or replace it by standard operators";
    return tro_fail(
        im->err, TRO_E_UNSUPPORTED,
        "expected an operator that is supported, found %.*s of domain %s, version %lld: "
        "%s",
        (int)node->op_type.n, node->op_type.p, d, (long long)version, what_to_do);
}

/* ---- one node -------------------------------------------------------------------------- */

static int check_count(struct tro_import *im, const char *what, size_t n, int lo, int hi)
{
    if ((int64_t)n >= lo && (hi == TRO_ANY_NUMBER || (int64_t)n <= hi))
        return 0;
    if (hi == TRO_ANY_NUMBER)
        return tro_fail(im->err, TRO_E_INPUT, "expected at least %d %s, found %zu", lo, what, n);
    return tro_fail(im->err, TRO_E_INPUT, "expected %d to %d %s, found %zu", lo, hi, what, n);
}

static int check_attrs_used(const struct tro_import_call *c)
{
    for (size_t i = 0; i < c->node->n_attrs; i++)
        if (i >= 64 || !(c->attrs_used >> i & 1))
            return tro_fail(c->err, TRO_E_INPUT,
                            "expected only attributes of version %lld, found '%.*s': export again "
                            "with a matching opset",
                            (long long)c->version, (int)c->node->attrs[i].name.n,
                            c->node->attrs[i].name.p);
    return 0;
}

/* Result values take the names the model gives them. */
static int publish(struct tro_import_call *c)
{
    for (int i = 0; i < c->n_out; i++) {
        const struct tro_str name = c->node->outputs[i];
        if (!name.n)
            continue;
        if (!c->out[i].i)
            return tro_fail(
                c->err, TRO_E_UNSUPPORTED,
                "expected outputs that are supported, found a use of output %d ('%.*s')", i,
                (int)name.n, name.p);
        TRO_TRY(tro_scope_set(c->im, c->scope, name, c->out[i]));
        if (tro_scope_gives_name(c->im, c->scope, name))
            TRO_TRY(tro_graph_rename(c->g, c->out[i], name, c->err));
    }
    return 0;
}

static int find_inputs(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *node,
                       tro_value_id *in)
{
    for (size_t i = 0; i < node->n_inputs; i++)
        TRO_TRY(tro_scope_find(im, s, node->inputs[i], &in[i]));
    return 0;
}

static int run_handler(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *node,
                       const struct map_row *row, int64_t version)
{
    TRO_TRY(check_count(im, "inputs", node->n_inputs, row->in_min, row->in_max));
    TRO_TRY(check_count(im, "outputs", node->n_outputs, row->out_min, row->out_max));
    tro_value_id *in = tro_calloc(node->n_inputs + 16, sizeof *in);
    tro_value_id *out = tro_calloc(node->n_outputs + 1, sizeof *out);
    struct tro_err local = {0};
    struct tro_import_call c = {.im = im,
                                .scope = s,
                                .g = im->g,
                                .block = s->block,
                                .node = node,
                                .version = version,
                                .n_in = (int)node->n_inputs,
                                .n_out = (int)node->n_outputs,
                                .in = in,
                                .out = out,
                                .err = im->err ? im->err : &local};
    int rc = in && out ? find_inputs(im, s, node, in) : tro_fail_nomem(im->err);
    for (int i = 0; i < row->in_min && rc >= 0 && row->in_max != TRO_ANY_NUMBER; i++)
        if (!in[i].i)
            rc = tro_fail(c.err, TRO_E_INPUT, "expected input %d to be present, found none", i);
    if (rc >= 0)
        rc = row->fn(&c);
    if (rc >= 0)
        rc = check_attrs_used(&c);
    if (rc >= 0)
        rc = publish(&c);
    tro_free(in);
    tro_free(out);
    return rc;
}

/* ---- local functions ------------------------------------------------------------------- */

/* More domains than any model has: each node looks its own up. */
#define MAX_OPSETS 1000

static int check_opsets(const struct tro_onnx_opset *opsets, size_t n, struct tro_err *err)
{
    if (n > MAX_OPSETS)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d opset imports, found %zu",
                        MAX_OPSETS, n);
    for (size_t i = 0; i < n; i++)
        if (!opsets[i].domain.n && opsets[i].version > TRO_ONNX_MAX_OPSET)
            return tro_fail(err, TRO_E_UNSUPPORTED,
                            "expected opset %d or lower, found %lld: export with opset %d",
                            TRO_ONNX_MAX_OPSET, (long long)opsets[i].version, TRO_ONNX_MAX_OPSET);
    return 0;
}

static int expand_body(struct tro_import *im, struct tro_scope *outer, struct tro_scope *inner,
                       const struct tro_onnx_function *f, const struct tro_onnx_node *node)
{
    TRO_TRY(check_opsets(f->opsets, f->n_opsets, im->err));
    TRO_TRY(tro_import_spend(im, (double)f->n_inputs));
    TRO_TRY(check_count(im, "inputs", node->n_inputs, 0, (int)f->n_inputs));
    TRO_TRY(check_count(im, "outputs", node->n_outputs, 0, (int)f->n_outputs));
    for (size_t i = 0; i < f->n_inputs; i++) {
        tro_value_id v = TRO_VALUE_NONE;
        if (i < node->n_inputs)
            TRO_TRY(tro_scope_find(im, outer, node->inputs[i], &v));
        TRO_TRY(tro_scope_set(im, inner, f->inputs[i], v));
    }
    TRO_TRY(tro_import_nodes(im, inner, f->nodes, f->n_nodes));
    for (size_t i = 0; i < node->n_outputs; i++) {
        tro_value_id v;
        if (!node->outputs[i].n)
            continue;
        TRO_TRY(tro_scope_find(im, inner, f->outputs[i], &v));
        TRO_TRY(tro_scope_set(im, outer, node->outputs[i], v));
        if (v.i && tro_scope_gives_name(im, outer, node->outputs[i]))
            TRO_TRY(tro_graph_rename(im->g, v, node->outputs[i], im->err));
    }
    return 0;
}

static int expand_function(struct tro_import *im, struct tro_scope *s,
                           const struct tro_onnx_node *node, const struct tro_onnx_function *f)
{
    if (im->depth >= TRO_IMPORT_MAX_DEPTH)
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected functions nested at most %d deep, found more: they call each "
                        "other in a circle",
                        TRO_IMPORT_MAX_DEPTH);
    const struct tro_import_frame frame = {.function = f, .call = node, .caller = s->frame};
    struct tro_scope inner = {
        .frame = &frame, .opsets = f->opsets, .n_opsets = f->n_opsets, .block = s->block};
    im->depth++;
    const int rc = expand_body(im, s, &inner, f, node);
    im->depth--;
    tro_scope_finish(&inner);
    return rc;
}

/* Domain, name and overload hold no zero bytes. */
static struct tro_str function_key(struct tro_import *im, struct tro_str domain,
                                   struct tro_str name, struct tro_str overload)
{
    im->key.n = 0;
    tro_buf_put(&im->key, domain.p, domain.n);
    tro_buf_u8(&im->key, 0);
    tro_buf_put(&im->key, name.p, name.n);
    tro_buf_u8(&im->key, 0);
    tro_buf_put(&im->key, overload.p, overload.n);
    return (struct tro_str){(const char *)im->key.p, im->key.n};
}

static int index_functions(struct tro_import *im)
{
    for (size_t i = 0; i < im->model->n_functions; i++) {
        const struct tro_onnx_function *f = &im->model->functions[i];
        struct tro_str key = function_key(im, f->domain, f->name, f->overload);
        if (im->key.failed)
            return tro_fail_nomem(im->err);
        if (tro_map_get(&im->functions, key, NULL))
            return tro_fail(im->err, TRO_E_INPUT,
                            "expected each function once, found '%.*s' twice: remove one",
                            (int)f->name.n, f->name.p);
        key.p = tro_arena_memdup(&im->g->arena, key.p, key.n);
        if (!key.p || tro_map_set(&im->functions, key, (uint32_t)i) < 0)
            return tro_fail_nomem(im->err);
    }
    return 0;
}

static int find_function(struct tro_import *im, const struct tro_onnx_node *node,
                         const struct tro_onnx_function **out)
{
    uint32_t i;
    *out = NULL;
    if (!im->model->n_functions)
        return 0;
    const struct tro_str key = function_key(im, node->domain, node->op_type, node->overload);
    if (im->key.failed)
        return tro_fail_nomem(im->err);
    if (tro_map_get(&im->functions, key, &i))
        *out = &im->model->functions[i];
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static int import_node(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *node)
{
    const struct tro_onnx_function *f;
    TRO_TRY(tro_import_spend(im, tro_import_node_size(node)));
    TRO_TRY(find_function(im, node, &f));
    if (f)
        return expand_function(im, s, node, f);
    const int64_t version = version_of(s, node->domain);
    char domain[64];
    if (!version)
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected an opset import for domain %s of %.*s, found none: add it",
                        domain_text(node->domain, domain, sizeof domain), (int)node->op_type.n,
                        node->op_type.p);
    const struct map_row *row = find_row(node->domain, node->op_type, version);
    if (!row)
        return fail_unsupported(im, node, version);
    return run_handler(im, s, node, row, version);
}

int tro_import_nodes(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *nodes,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct tro_onnx_node *node = &nodes[i];
        const struct tro_str label = node->name.n          ? node->name
                                     : node->n_outputs > 0 ? node->outputs[0]
                                                           : node->op_type;
        const int rc = import_node(im, s, node);
        TRO_TRY(tro_err_prefix(im->err, rc, "node '%.*s' (%.*s): ", (int)label.n, label.p,
                               (int)node->op_type.n, node->op_type.p));
    }
    return 0;
}

/* ---- the main graph -------------------------------------------------------------------- */

static int declared_dim(struct tro_import *im, const struct tro_onnx_value_info *vi, size_t i,
                        tro_dim *out)
{
    const struct tro_onnx_dim *d = &vi->dims[i];
    if (d->has_value) {
        if (d->value < 0 || d->value > INT32_MAX)
            return tro_fail(im->err, TRO_E_INPUT,
                            "expected sizes in [0, 2^31), found %lld on axis %zu",
                            (long long)d->value, i);
        *out = tro_dim_const(d->value);
        return 0;
    }
    if (d->param.n) {
        *out = tro_dim_symbol(&im->g->dims, d->param, 0, INT32_MAX);
        return 0;
    }
    *out = tro_dim_fresh(&im->g->dims, 0, INT32_MAX);
    return 0;
}

int tro_import_declared(struct tro_import *im, const struct tro_onnx_value_info *vi,
                        enum tro_dtype *dtype, struct tro_shape *shape)
{
    if (!vi->is_tensor)
        return tro_fail(im->err, TRO_E_UNSUPPORTED,
                        "expected a tensor, found type %s: convert the model to plain tensors",
                        vi->kind);
    *dtype = tro_onnx_to_dtype(vi->elem_type);
    if (!*dtype)
        return tro_fail(im->err, TRO_E_UNSUPPORTED,
                        "expected a numeric or boolean element type, found %s",
                        tro_onnx_type_name(vi->elem_type));
    *shape = (struct tro_shape){.rank = -1};
    if (!vi->has_shape)
        return 0;
    if (vi->n_dims > TRO_MAX_RANK)
        return tro_fail(im->err, TRO_E_UNSUPPORTED, "expected rank %d or lower, found %zu",
                        TRO_MAX_RANK, vi->n_dims);
    shape->rank = (int32_t)vi->n_dims;
    for (size_t i = 0; i < vi->n_dims; i++)
        TRO_TRY(declared_dim(im, vi, i, &shape->dim[i]));
    return 0;
}

static int import_input(struct tro_import *im, struct tro_scope *s,
                        const struct tro_onnx_value_info *vi)
{
    enum tro_dtype dtype;
    struct tro_shape shape;
    tro_value_id v;
    if (tro_map_get(&s->initializers, vi->name, NULL))
        return 0;
    TRO_TRY(tro_import_declared(im, vi, &dtype, &shape));
    char *name = tro_arena_strndup(&im->g->arena, vi->name.p, vi->name.n);
    if (!name)
        return tro_fail_nomem(im->err);
    TRO_TRY(tro_graph_add_input(im->g, TRO_MAIN_BLOCK, name, dtype, &shape, &v, im->err));
    return tro_scope_set(im, s, vi->name, v);
}

/* What the model says of an output must not contradict what follows from its nodes. */
static int check_output(struct tro_import *im, const struct tro_onnx_value_info *vi,
                        tro_value_id id)
{
    enum tro_dtype dtype;
    struct tro_shape shape;
    const struct tro_value *v = tro_value_get(im->g, id);
    if (vi->is_tensor ? vi->elem_type == TRO_ONNX_UNDEFINED : !vi->has_type)
        return 0;
    TRO_TRY(tro_import_declared(im, vi, &dtype, &shape));
    if (dtype != v->dtype)
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected %s as the model declares, found %s: correct the declaration",
                        tro_dtype_name(dtype), tro_dtype_name(v->dtype));
    if (shape.rank < 0 || v->shape.rank < 0)
        return 0;
    if (shape.rank != v->shape.rank)
        return tro_fail(im->err, TRO_E_INPUT,
                        "expected rank %d as the model declares, found %d: correct the declaration",
                        shape.rank, v->shape.rank);
    for (int i = 0; i < shape.rank; i++)
        if (tro_dim_is_const(shape.dim[i]) && tro_dim_is_const(v->shape.dim[i]) &&
            !tro_dim_eq(shape.dim[i], v->shape.dim[i]))
            return tro_fail(im->err, TRO_E_INPUT,
                            "expected size %lld on axis %d as the model declares, found %lld: "
                            "correct the declaration",
                            (long long)tro_dim_value(shape.dim[i]), i,
                            (long long)tro_dim_value(v->shape.dim[i]));
    return 0;
}

/* A value has one name, and an output keeps its own: what is an input or another output as well is
 * copied, by broadcasting it to the shape of a scalar. */
static int name_output(struct tro_import *im, struct tro_str name, tro_value_id *v)
{
    if (tro_str_eqz(name, tro_value_get(im->g, *v)->name))
        return 0;
    const char *own_name = tro_arena_strndup(&im->g->arena, name.p, name.n);
    const struct tro_tensor scalar_shape = {.dtype = TRO_I64, .rank = 1, .data = (void *)""};
    tro_value_id in[2] = {*v};
    if (!own_name)
        return tro_fail_nomem(im->err);
    TRO_TRY(tro_graph_add_const_copy(im->g, "", &scalar_shape, &in[1], im->err));
    const struct tro_node_spec copy = {
        .op = TRO_OP_EXPAND, .n_in = 2, .n_out = 1, .in = in, .out_names = &own_name};
    return tro_graph_add_node(im->g, TRO_MAIN_BLOCK, &copy, v, im->err);
}

static int import_output(struct tro_import *im, struct tro_scope *s,
                         const struct tro_onnx_value_info *vi)
{
    tro_value_id v;
    TRO_TRY(tro_scope_find(im, s, vi->name, &v));
    TRO_TRY(check_output(im, vi, v));
    TRO_TRY(name_output(im, vi->name, &v));
    return tro_block_add_output(im->g, TRO_MAIN_BLOCK, v, im->err);
}

static int check_model(const struct tro_onnx_model *m, struct tro_err *err)
{
    TRO_TRY(check_opsets(m->opsets, m->n_opsets, err));
    if (m->graph.n_sparse_initializers)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected dense initializers, found %zu sparse ones: export them dense",
                        m->graph.n_sparse_initializers);
    if (!m->graph.n_outputs)
        return tro_fail(err, TRO_E_INPUT, "expected a graph with outputs, found none");
    return 0;
}

static int reserve_names(struct tro_import *im)
{
    const struct tro_onnx_graph *g = &im->model->graph;
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (tro_map_set(&im->main_names, g->nodes[i].outputs[k], 0) < 0)
                return tro_fail_nomem(im->err);
    return 0;
}

static int import_main(struct tro_import *im, struct tro_scope *s)
{
    const struct tro_onnx_graph *graph = s->graph;
    TRO_TRY(index_functions(im));
    TRO_TRY(reserve_names(im));
    TRO_TRY(tro_scope_add_initializers(im, s));
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const struct tro_str name = graph->inputs[i].name;
        const int rc = import_input(im, s, &graph->inputs[i]);
        TRO_TRY(tro_err_prefix(im->err, rc, "input '%.*s': ", (int)name.n, name.p));
    }
    TRO_TRY(tro_import_nodes(im, s, graph->nodes, graph->n_nodes));
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const struct tro_str name = graph->outputs[i].name;
        const int rc = import_output(im, s, &graph->outputs[i]);
        TRO_TRY(tro_err_prefix(im->err, rc, "output '%.*s': ", (int)name.n, name.p));
    }
    return 0;
}

/* What may be computed for a node at once is small; these are for the whole model. */
#define FOLD_MAX_ELEMS (1 << 20)
#define FOLD_MAX_WORK 2e8

static int import_into(struct tro_onnx_model *m, struct tro_graph *g, struct tro_map *names,
                       struct tro_err *err)
{
    struct tro_import im = {.model = m,
                            .g = g,
                            .err = err,
                            .size_left = tro_import_model_size(m),
                            .fold_elems_left = FOLD_MAX_ELEMS,
                            .fold_work_left = FOLD_MAX_WORK};
    struct tro_scope s = {
        .graph = &m->graph, .opsets = m->opsets, .n_opsets = m->n_opsets, .block = TRO_MAIN_BLOCK};
    int rc = import_main(&im, &s);
    if (rc >= 0 && g->dims.failed)
        rc = tro_fail_nomem(err);
    if (names && rc >= 0) {
        *names = s.names;
        s.names = (struct tro_map){0};
    }
    tro_scope_finish(&s);
    tro_map_finish(&im.functions);
    tro_map_finish(&im.main_names);
    tro_buf_finish(&im.key);
    return rc;
}

int tro_onnx_import_named(struct tro_onnx_model *m, struct tro_graph **out, struct tro_map *names,
                          struct tro_err *err)
{
    *out = NULL;
    TRO_TRY(check_model(m, err));
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(m->graph.name.n < 255 ? m->graph.name.n : 255),
             m->graph.name.p ? m->graph.name.p : "");
    struct tro_graph *g = tro_graph_create(name, err);
    if (!g)
        return err ? err->status : TRO_E_NOMEM;
    const int rc = import_into(m, g, names, err);
    if (rc < 0)
        tro_graph_destroy(g);
    else
        *out = g;
    return rc;
}

int tro_onnx_import(struct tro_onnx_model *m, struct tro_graph **out, struct tro_err *err)
{
    return tro_onnx_import_named(m, out, NULL, err);
}
