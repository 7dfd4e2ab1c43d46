/* SPDX-License-Identifier: Apache-2.0 */
/* Names, nodes, attributes and constants of the model being written. */
#include "onnx/export_call.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

static struct tro_str text(const char *z)
{
    return (struct tro_str){z, strlen(z)};
}

void tro_export_fail(struct tro_export *x, enum tro_status status, const char *fmt, ...)
{
    if (x->rc < 0)
        return;
    char message[sizeof(((struct tro_err *)0)->text)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    x->rc = tro_fail(x->err, status, "%s", message);
}

void tro_export_no_memory(struct tro_export *x)
{
    if (x->rc >= 0)
        x->rc = tro_fail_nomem(x->err);
}

/* An array with one more entry, moved when its capacity, a power of two, is full. */
static void *grown(struct tro_export *x, void *array, size_t n, size_t size)
{
    if (array && (n & (n - 1)))
        return array;
    void *p = tro_arena_alloc(&x->m->arena, n ? 2 * n : 1, size);
    if (!p)
        tro_export_no_memory(x);
    else if (n)
        memcpy(p, array, n * size);
    return p;
}

/* ---- names ----------------------------------------------------------------------------- */

static bool is_taken(const struct tro_export *x, struct tro_str name)
{
    return tro_map_get(&x->g->names, name, NULL) || tro_map_get(&x->taken, name, NULL);
}

const char *tro_export_new_name(struct tro_export *x, const char *suffix)
{
    const char *base = x->node && x->node->n_out && x->node->out[0].i
                           ? tro_value_get(x->g, x->node->out[0])->name
                           : "value";
    char *name = NULL;
    for (int k = 0; x->rc >= 0; k++) {
        name = k ? tro_arena_printf(&x->m->arena, "%s_%s_%d", base, suffix, k)
                 : tro_arena_printf(&x->m->arena, "%s_%s", base, suffix);
        if (!name)
            tro_export_no_memory(x);
        else if (!is_taken(x, text(name)))
            break;
    }
    if (x->rc >= 0 && tro_map_set(&x->taken, text(name), 0) < 0)
        tro_export_no_memory(x);
    return x->rc < 0 ? "" : name;
}

void tro_export_initializer(struct tro_export *x, const char *name, const struct tro_tensor *t)
{
    struct tro_onnx_graph *g = &x->m->graph;
    if (x->rc < 0)
        return;
    g->initializers = grown(x, g->initializers, g->n_initializers, sizeof *g->initializers);
    if (x->rc < 0)
        return;
    x->rc = tro_onnx_tensor_encode(&x->m->arena, text(name), t, &g->initializers[g->n_initializers],
                                   x->err);
    if (x->rc >= 0)
        g->n_initializers++;
}

const char *tro_export_value(struct tro_export *x, tro_value_id v)
{
    if (!v.i || x->rc < 0)
        return "";
    const struct tro_value *value = tro_value_get(x->g, v);
    if (!x->is_made[v.i] && value->data) {
        const struct tro_tensor t = tro_const_tensor(x->g, v);
        tro_export_initializer(x, value->name, &t);
        x->is_made[v.i] = true;
    } else if (!x->is_made[v.i] && value->def.i &&
               tro_node_get(x->g, value->def)->op == TRO_OP_DIMS) {
        tro_export_dims_value(x, v);
        x->is_made[v.i] = true;
    }
    return x->rc < 0 ? "" : x->names[v.i];
}

const char *tro_export_in(struct tro_export *x, uint32_t i)
{
    return i < x->node->n_in ? tro_export_value(x, x->node->in[i]) : "";
}

const char *tro_export_out(struct tro_export *x, uint32_t i)
{
    return i < x->node->n_out && x->node->out[i].i ? x->names[x->node->out[i].i] : "";
}

const struct tro_value *tro_export_in_value(const struct tro_export *x, uint32_t i)
{
    return tro_value_get(x->g, x->node->in[i]);
}

int tro_export_in_rank(struct tro_export *x, uint32_t i)
{
    const struct tro_value *v = tro_export_in_value(x, i);
    if (v->shape.rank < 0)
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "expected an input of known rank, found '%s' whose rank is known only at "
                        "run time: give the model's inputs fixed shapes",
                        v->name);
    return v->shape.rank < 0 ? 0 : v->shape.rank;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static struct tro_str *names_of(struct tro_export *x, const char *const *v, size_t *n)
{
    while (*n && !v[*n - 1][0])
        (*n)--;
    struct tro_str *out = TRO_NEW_N(&x->m->arena, struct tro_str, *n);
    if (!out)
        tro_export_no_memory(x);
    for (size_t i = 0; out && i < *n; i++)
        out[i] = text(v[i]);
    return out;
}

/* Of our node's name, or of what the node makes; no two nodes have one name. */
static const char *node_name(struct tro_export *x, const char *made)
{
    const char *base = x->node && x->node->name[0] ? x->node->name : made, *name = base;
    for (int k = 1; name && tro_map_get(&x->node_names, text(name), NULL); k++)
        name = tro_arena_printf(&x->m->arena, "%s_%d", base, k);
    if (!name || tro_map_set(&x->node_names, text(name), 0) < 0)
        tro_export_no_memory(x);
    return name ? name : "";
}

void tro_export_node(struct tro_export *x, const char *op, const char *const *in, size_t n_in,
                     const char *const *out, size_t n_out)
{
    if (x->rc < 0)
        return;
    struct tro_onnx_graph *g = x->scope->graph;
    g->nodes = grown(x, g->nodes, g->n_nodes, sizeof *g->nodes);
    const char *name = node_name(x, n_out ? out[0] : op);
    struct tro_str *ins = names_of(x, in, &n_in), *outs = names_of(x, out, &n_out);
    if (x->rc < 0)
        return;
    g->nodes[g->n_nodes++] = (struct tro_onnx_node){.name = text(name),
                                                    .op_type = text(op),
                                                    .inputs = ins,
                                                    .n_inputs = n_in,
                                                    .outputs = outs,
                                                    .n_outputs = n_out};
}

const char *tro_export_emit(struct tro_export *x, const char *op, const char *const *in,
                            size_t n_in, const char *suffix)
{
    const char *out = tro_export_new_name(x, suffix);
    tro_export_node(x, op, in, n_in, &out, 1);
    return out;
}

const char *tro_export_emit1(struct tro_export *x, const char *op, const char *a,
                             const char *suffix)
{
    return tro_export_emit(x, op, &a, 1, suffix);
}

const char *tro_export_emit2(struct tro_export *x, const char *op, const char *a, const char *b,
                             const char *suffix)
{
    return tro_export_emit(x, op, (const char *[]){a, b}, 2, suffix);
}

void tro_export_last(struct tro_export *x, const char *op, const char *const *in, size_t n_in)
{
    const char *out = tro_export_out(x, 0);
    tro_export_node(x, op, in, n_in, &out, 1);
}

void tro_export_as(struct tro_export *x, const char *op)
{
    const size_t n_in = x->node->n_in, n_out = x->node->n_out;
    const char **in = TRO_NEW_N(&x->m->arena, const char *, n_in + n_out);
    if (!in) {
        tro_export_no_memory(x);
        return;
    }
    const char **out = in + n_in;
    for (uint32_t i = 0; i < n_in; i++)
        in[i] = tro_export_in(x, i);
    for (uint32_t i = 0; i < n_out; i++)
        out[i] = tro_export_out(x, i);
    tro_export_node(x, op, in, n_in, out, n_out);
    tro_export_attrs(x);
}

const char *tro_export_cast_to(struct tro_export *x, const char *v, enum tro_dtype dtype)
{
    const char *out = tro_export_emit1(x, "Cast", v, tro_dtype_name(dtype));
    tro_export_int(x, "to", tro_onnx_from_dtype(dtype));
    return out;
}

void tro_export_need(struct tro_export *x, int64_t opset)
{
    if (x->opset < opset)
        x->opset = opset;
}

/* ---- attributes ------------------------------------------------------------------------ */

static struct tro_onnx_node *last_node(const struct tro_export *x)
{
    const struct tro_onnx_graph *g = x->scope->graph;
    return &g->nodes[g->n_nodes - 1];
}

static void add_attr(struct tro_export *x, const char *name, struct tro_onnx_attr a)
{
    if (x->rc < 0)
        return;
    struct tro_onnx_node *n = last_node(x);
    n->attrs = grown(x, n->attrs, n->n_attrs, sizeof a);
    a.name = text(name);
    if (x->rc >= 0)
        n->attrs[n->n_attrs++] = a;
}

static void *copied(struct tro_export *x, const void *p, size_t n_bytes)
{
    void *out = tro_arena_memdup(&x->m->arena, n_bytes ? p : "", n_bytes);
    if (!out)
        tro_export_no_memory(x);
    return out;
}

void tro_export_int(struct tro_export *x, const char *name, int64_t v)
{
    add_attr(x, name, (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_INT, .i = v, .has_i = true});
}

void tro_export_float(struct tro_export *x, const char *name, double v)
{
    add_attr(x, name,
             (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_FLOAT, .f = (float)v, .has_f = true});
}

void tro_export_text(struct tro_export *x, const char *name, const char *v)
{
    add_attr(x, name, (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_STRING, .s = text(v)});
}

void tro_export_ints(struct tro_export *x, const char *name, const int64_t *v, size_t n)
{
    add_attr(x, name,
             (struct tro_onnx_attr){
                 .type = TRO_ONNX_ATTR_INTS, .ints = copied(x, v, n * sizeof *v), .n_ints = n});
}

void tro_export_floats(struct tro_export *x, const char *name, const float *v, size_t n)
{
    add_attr(x, name,
             (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_FLOATS,
                                    .floats = copied(x, v, n * sizeof *v),
                                    .n_floats = n});
}

void tro_export_texts(struct tro_export *x, const char *name, const char *const *v, size_t n)
{
    struct tro_str *all = TRO_NEW_N(&x->m->arena, struct tro_str, n);
    for (size_t i = 0; all && i < n; i++)
        all[i] = text(v[i]);
    if (!all)
        tro_export_no_memory(x);
    add_attr(x, name,
             (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_STRINGS, .strings = all, .n_strings = n});
}

void tro_export_tensor_attr(struct tro_export *x, const char *name, const struct tro_tensor *t)
{
    struct tro_onnx_tensor *out = TRO_NEW(&x->m->arena, struct tro_onnx_tensor);
    if (!out)
        tro_export_no_memory(x);
    if (x->rc >= 0)
        x->rc = tro_onnx_tensor_encode(&x->m->arena, TRO_STR(""), t, out, x->err);
    add_attr(x, name, (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_TENSOR, .t = out});
}

void tro_export_graph(struct tro_export *x, const char *name, struct tro_onnx_graph *g)
{
    add_attr(x, name, (struct tro_onnx_attr){.type = TRO_ONNX_ATTR_GRAPH, .g = g});
}

void tro_export_domain(struct tro_export *x, const char *domain)
{
    if (x->rc >= 0)
        last_node(x)->domain = text(domain);
}

/* ---- attributes by their rows ---------------------------------------------------------- */

enum how { AS_IS, FLIPPED, GIVEN, UPPER };

struct attr_row {
    enum tro_op op;
    size_t offset;
    const char *onnx;
    enum how how;
};

static const struct attr_row attr_rows[] = {
#define EXPORT(id, onnx, since, bf16, types, fn)
#define ATTR(id, set, field, onnx, how) \
    {TRO_OP_##id, offsetof(struct tro_attrs_##set, field), onnx, how},
#include "onnx/export.def"
#undef EXPORT
#undef ATTR
};

static const struct tro_attr_field *field_at(enum tro_op op, size_t offset)
{
    const struct tro_attr_field *f = tro_op_info(op)->fields();
    while (f->name && f->offset != offset)
        f++;
    return f;
}

static const char *upper(struct tro_export *x, const char *s)
{
    char *out = tro_arena_strdup(&x->m->arena, s);
    for (char *p = out; p && *p; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p - 'a' + 'A');
    if (!out)
        tro_export_no_memory(x);
    return out ? out : "";
}

static void write_int(struct tro_export *x, const struct attr_row *row, int64_t v)
{
    if (row->how == FLIPPED)
        tro_export_int(x, row->onnx, !v);
    else if (row->how != GIVEN || v)
        tro_export_int(x, row->onnx, v);
}

static void write_choice(struct tro_export *x, const struct attr_row *row,
                         const struct tro_attr_field *f, const void *at)
{
    unsigned v;
    memcpy(&v, at, sizeof v);
    if (row->how != GIVEN || v)
        tro_export_text(x, row->onnx,
                        row->how == UPPER ? upper(x, f->enum_names[v]) : f->enum_names[v]);
}

static void write_attr(struct tro_export *x, const struct attr_row *row)
{
    const struct tro_attr_field *f = field_at(row->op, row->offset);
    const void *at = (const char *)x->node->attrs + row->offset;
    const struct tro_ints *ints = at;
    switch (f->type) {
    case TRO_ATTR_INT:
        write_int(x, row, *(const int64_t *)at);
        return;
    case TRO_ATTR_FLT:
        if (row->how != GIVEN || *(const double *)at != 0)
            tro_export_float(x, row->onnx, *(const double *)at);
        return;
    case TRO_ATTR_STR:
        tro_export_text(x, row->onnx, *(const char *const *)at ? *(const char *const *)at : "");
        return;
    case TRO_ATTR_DTYPE:
        write_int(x, row, tro_onnx_from_dtype(*(const enum tro_dtype *)at));
        return;
    case TRO_ATTR_INTS:
        if (row->how != GIVEN || ints->n)
            tro_export_ints(x, row->onnx, ints->v, (size_t)ints->n);
        return;
    case TRO_ATTR_ENUM:
        write_choice(x, row, f, at);
        return;
    case TRO_ATTR_DIMS:
        return;
    }
}

void tro_export_attrs(struct tro_export *x)
{
    for (size_t i = 0; i < sizeof attr_rows / sizeof *attr_rows; i++)
        if (attr_rows[i].op == x->node->op)
            write_attr(x, &attr_rows[i]);
}

/* ---- constants ------------------------------------------------------------------------- */

const char *tro_export_const(struct tro_export *x, const struct tro_tensor *t, const char *suffix)
{
    const char *name = tro_export_new_name(x, suffix);
    tro_export_initializer(x, name, t);
    return x->rc < 0 ? "" : name;
}

const char *tro_export_const_i64(struct tro_export *x, const int64_t *v, size_t n,
                                 const char *suffix)
{
    const struct tro_tensor t = {
        .dtype = TRO_I64, .rank = 1, .shape = {(int64_t)n}, .data = copied(x, v, n * sizeof *v)};
    return x->rc < 0 ? "" : tro_export_const(x, &t, suffix);
}

const char *tro_export_const_fill(struct tro_export *x, enum tro_dtype dtype, double v, int64_t n,
                                  const char *suffix)
{
    struct tro_tensor t = {.dtype = dtype, .rank = n >= 0, .shape = {n >= 0 ? n : 1}};
    const int64_t n_elems = n >= 0 ? n : 1;
    t.data = tro_arena_alloc(&x->m->arena, (size_t)n_elems, tro_dtype_size(dtype));
    if (!t.data) {
        tro_export_no_memory(x);
        return "";
    }
    for (int64_t i = 0; i < n_elems && v != 0; i++) {
        if (tro_dtype_is_float(dtype))
            tro_store_f64(dtype, t.data, i, v);
        else
            tro_store_i64(dtype, t.data, i, (int64_t)v);
    }
    return tro_export_const(x, &t, suffix);
}
