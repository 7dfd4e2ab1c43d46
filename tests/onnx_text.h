/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX models as text, for tests: text in, text out.
 *
 *     in x f32[2,N]; w k f32[2] 1 2;
 *     a = Transpose(x) perm=[1,0]; y, - = Split(a, -, k) axis=0 to=1 alpha=.5 mode='linear';
 *     z = If(c) then_branch={ b = Neg(y); out b } else_branch={ out y };
 *     v = other.domain::Op(z) value={f32[] 1};
 *     out v f32[N,2]; out z
 *
 * "-" is an absent name; sizes may be names, "?" unknown; an output without a type has none.
 * Tensors are as ref_kit.h reads them.
 */
#ifndef TRO_TESTS_ONNX_TEXT_H
#define TRO_TESTS_ONNX_TEXT_H

#include "onnx/proto.h"
#include "ref_kit.h"

/* ---- reading --------------------------------------------------------------------------- */

struct onnx_text {
    struct tro_onnx_model *m;
    const char *p;
};

static inline void onnx_text_graph(struct onnx_text *t, struct tro_onnx_graph *g);

static inline bool onnx_text_is(struct onnx_text *t, char c)
{
    while (*t->p == ' ' || *t->p == '\n')
        t->p++;
    if (*t->p != c)
        return false;
    t->p += c != 0;
    return true;
}

static inline void onnx_text_want(struct onnx_text *t, char c)
{
    if (!onnx_text_is(t, c))
        ref_kit_die(t->p);
}

static inline struct tro_str onnx_text_copy(struct onnx_text *t, const char *p, size_t n)
{
    return (struct tro_str){tro_arena_strndup(&t->m->arena, p, n), n};
}

static inline struct tro_str onnx_text_name(struct onnx_text *t)
{
    onnx_text_is(t, 1);
    const size_t n = strcspn(t->p, " \n,()=;{}[]");
    const char *p = t->p;
    t->p += n;
    if (!n)
        ref_kit_die(p);
    return n == 1 && *p == '-' ? (struct tro_str){"", 0} : onnx_text_copy(t, p, n);
}

/* One more element, zeroed. There is room up to the next power of two. */
static inline void *onnx_text_more(struct onnx_text *t, const void *array, size_t n, size_t size)
{
    if (n & (n - 1))
        return (void *)(uintptr_t)array;
    void *more = tro_arena_alloc(&t->m->arena, n ? 2 * n : 1, size);
    if (n)
        memcpy(more, array, n * size);
    return more;
}

#define ONNX_TEXT_MORE(t, array, n)                                   \
    do {                                                              \
        (array) = onnx_text_more((t), (array), (n), sizeof *(array)); \
        (n)++;                                                        \
    } while (0)

static inline void onnx_text_tensor(struct onnx_text *t, struct tro_str name,
                                    struct tro_onnx_tensor *out)
{
    struct tro_tensor v = {0}, copy;
    onnx_text_is(t, 1);
    const size_t n = strcspn(t->p, ";}\n");
    ref_kit_read(onnx_text_copy(t, t->p, n).p, &v);
    t->p += n;
    copy = v;
    copy.data = tro_arena_alloc64(&t->m->arena, tro_tensor_n_bytes(&v));
    if (tro_tensor_n_bytes(&v))
        memcpy(copy.data, v.data, tro_tensor_n_bytes(&v));
    free(v.data);
    tro_onnx_tensor_encode(&t->m->arena, name, &copy, out, NULL);
}

static inline void onnx_text_info(struct onnx_text *t, struct tro_onnx_value_info *v)
{
    *v = (struct tro_onnx_value_info){.name = onnx_text_name(t), .kind = "none"};
    if (onnx_text_is(t, 0) || *t->p == ';' || *t->p == '}')
        return;
    const struct tro_str type = onnx_text_name(t);
    v->has_type = v->is_tensor = v->has_elem_type = true;
    v->kind = "tensor";
    v->elem_type = tro_onnx_from_dtype(tro_dtype_from_name(type.p));
    v->has_shape = onnx_text_is(t, '[');
    while (v->has_shape && !onnx_text_is(t, ']')) {
        const struct tro_str size = onnx_text_name(t);
        ONNX_TEXT_MORE(t, v->dims, v->n_dims);
        struct tro_onnx_dim *d = &v->dims[v->n_dims - 1];
        d->has_value = isdigit((unsigned char)*size.p) != 0;
        d->value = d->has_value ? strtoll(size.p, NULL, 10) : 0;
        if (!d->has_value && *size.p != '?')
            d->param = size;
        onnx_text_is(t, ',');
    }
}

static inline void onnx_text_number(struct onnx_text *t, struct tro_onnx_attr *a)
{
    char *end_int, *end_float;
    a->i = strtoll(t->p, &end_int, 10);
    a->f = strtof(t->p, &end_float);
    a->type = end_int == end_float ? TRO_ONNX_ATTR_INT : TRO_ONNX_ATTR_FLOAT;
    a->has_i = a->type == TRO_ONNX_ATTR_INT;
    a->has_f = !a->has_i;
    if (a->has_f)
        a->i = 0;
    else
        a->f = 0;
    if (end_float == t->p)
        ref_kit_die(t->p);
    t->p = end_float;
}

static inline void onnx_text_list(struct onnx_text *t, struct tro_onnx_attr *a)
{
    a->type = TRO_ONNX_ATTR_INTS;
    while (!onnx_text_is(t, ']')) {
        struct tro_onnx_attr one = {0};
        onnx_text_number(t, &one);
        if (one.has_f || a->n_floats) {
            a->type = TRO_ONNX_ATTR_FLOATS;
            ONNX_TEXT_MORE(t, a->floats, a->n_floats);
            a->floats[a->n_floats - 1] = one.has_f ? one.f : (float)one.i;
        } else {
            ONNX_TEXT_MORE(t, a->ints, a->n_ints);
            a->ints[a->n_ints - 1] = one.i;
        }
        onnx_text_is(t, ',');
    }
}

/* Begins with a type: a tensor, not a graph. */
static inline bool onnx_text_is_tensor(struct onnx_text *t)
{
    onnx_text_is(t, 1);
    char type[16];
    snprintf(type, sizeof type, "%.*s", (int)strcspn(t->p, "[ ="), t->p);
    return tro_dtype_from_name(type) != TRO_DTYPE_NONE;
}

static inline void onnx_text_braces(struct onnx_text *t, struct tro_onnx_attr *a)
{
    if (onnx_text_is_tensor(t)) {
        a->type = TRO_ONNX_ATTR_TENSOR;
        a->t = TRO_NEW(&t->m->arena, struct tro_onnx_tensor);
        onnx_text_tensor(t, (struct tro_str){0}, a->t);
    } else {
        a->type = TRO_ONNX_ATTR_GRAPH;
        a->g = TRO_NEW(&t->m->arena, struct tro_onnx_graph);
        a->g->name = TRO_STR("inner");
        onnx_text_graph(t, a->g);
    }
    onnx_text_want(t, '}');
}

static inline void onnx_text_attr(struct onnx_text *t, struct tro_onnx_attr *a)
{
    *a = (struct tro_onnx_attr){.name = onnx_text_name(t)};
    onnx_text_want(t, '=');
    if (onnx_text_is(t, '[')) {
        onnx_text_list(t, a);
    } else if (onnx_text_is(t, '\'')) {
        const size_t n = strcspn(t->p, "'");
        a->type = TRO_ONNX_ATTR_STRING;
        a->s = onnx_text_copy(t, t->p, n);
        t->p += n + 1;
    } else if (onnx_text_is(t, '{')) {
        onnx_text_braces(t, a);
    } else {
        onnx_text_number(t, a);
    }
}

static inline void onnx_text_node(struct onnx_text *t, struct tro_onnx_node *n)
{
    *n = (struct tro_onnx_node){0};
    do {
        const struct tro_str name = onnx_text_name(t);
        ONNX_TEXT_MORE(t, n->outputs, n->n_outputs);
        n->outputs[n->n_outputs - 1] = name;
    } while (onnx_text_is(t, ','));
    onnx_text_want(t, '=');
    n->op_type = onnx_text_name(t);
    const char *colon = strstr(n->op_type.p, "::");
    if (colon) {
        n->domain = onnx_text_copy(t, n->op_type.p, (size_t)(colon - n->op_type.p));
        n->op_type = onnx_text_copy(t, colon + 2, strlen(colon + 2));
    }
    onnx_text_want(t, '(');
    while (!onnx_text_is(t, ')')) {
        const struct tro_str name = onnx_text_name(t);
        ONNX_TEXT_MORE(t, n->inputs, n->n_inputs);
        n->inputs[n->n_inputs - 1] = name;
        onnx_text_is(t, ',');
    }
    while (!onnx_text_is(t, 0) && *t->p != ';' && *t->p != '}') {
        ONNX_TEXT_MORE(t, n->attrs, n->n_attrs);
        onnx_text_attr(t, &n->attrs[n->n_attrs - 1]);
    }
}

static inline bool onnx_text_word(struct onnx_text *t, const char *word)
{
    const size_t n = strlen(word);
    onnx_text_is(t, 1);
    if (strncmp(t->p, word, n) != 0 || t->p[n] != ' ')
        return false;
    t->p += n;
    return true;
}

static inline void onnx_text_graph(struct onnx_text *t, struct tro_onnx_graph *g)
{
    while (!onnx_text_is(t, 0) && *t->p != '}') {
        if (onnx_text_is(t, ';'))
            continue;
        if (onnx_text_word(t, "in")) {
            ONNX_TEXT_MORE(t, g->inputs, g->n_inputs);
            onnx_text_info(t, &g->inputs[g->n_inputs - 1]);
        } else if (onnx_text_word(t, "out")) {
            ONNX_TEXT_MORE(t, g->outputs, g->n_outputs);
            onnx_text_info(t, &g->outputs[g->n_outputs - 1]);
        } else if (onnx_text_word(t, "info")) {
            ONNX_TEXT_MORE(t, g->value_infos, g->n_value_infos);
            onnx_text_info(t, &g->value_infos[g->n_value_infos - 1]);
        } else if (onnx_text_word(t, "w")) {
            const struct tro_str name = onnx_text_name(t);
            ONNX_TEXT_MORE(t, g->initializers, g->n_initializers);
            onnx_text_tensor(t, name, &g->initializers[g->n_initializers - 1]);
        } else {
            ONNX_TEXT_MORE(t, g->nodes, g->n_nodes);
            onnx_text_node(t, &g->nodes[g->n_nodes - 1]);
        }
    }
}

static inline void onnx_text_opset(struct tro_onnx_model *m, const char *domain, int64_t version)
{
    struct onnx_text t = {.m = m};
    ONNX_TEXT_MORE(&t, m->opsets, m->n_opsets);
    m->opsets[m->n_opsets - 1] = (struct tro_onnx_opset){
        .domain = {domain, strlen(domain)}, .version = version, .has_version = true};
}

/* Ended with tro_onnx_free. Domains of other operators are added with onnx_text_opset. */
static inline struct tro_onnx_model *onnx_text_read(const char *text, int64_t opset)
{
    struct tro_onnx_model *m = tro_calloc(1, sizeof *m);
    struct onnx_text t = {.m = m, .p = text};
    m->ir_version = 8;
    m->graph.name = TRO_STR("main");
    onnx_text_opset(m, "", opset);
    onnx_text_graph(&t, &m->graph);
    if (*t.p)
        ref_kit_die(t.p);
    return m;
}

/* ---- printing -------------------------------------------------------------------------- */

static inline void onnx_text_put_names(struct tro_buf *out, const struct tro_str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tro_buf_printf(out, "%s%.*s", i ? ", " : "", names[i].n ? (int)names[i].n : 1,
                       names[i].n ? names[i].p : "-");
}

static inline void onnx_text_put_tensor(struct tro_buf *out, const struct tro_onnx_tensor *t)
{
    struct tro_arena arena = {0};
    struct tro_tensor v;
    if (tro_onnx_tensor_decode(NULL, &arena, t, &v, NULL) < 0) {
        tro_buf_str(out, "?");
        return;
    }
    tro_buf_printf(out, "%s[", tro_dtype_name(v.dtype));
    for (int i = 0; i < v.rank; i++)
        tro_buf_printf(out, "%s%lld", i ? "," : "", (long long)v.shape[i]);
    tro_buf_str(out, "]");
    for (int64_t i = 0; i < tro_tensor_n_elems(&v); i++)
        tro_buf_printf(out, " %.7g", tro_load_f64(v.dtype, v.data, i));
    tro_arena_finish(&arena);
}

static inline void onnx_text_put_graph(struct tro_buf *out, const struct tro_onnx_graph *g,
                                       bool is_inner);

static inline void onnx_text_put_attr(struct tro_buf *out, const struct tro_onnx_attr *a)
{
    tro_buf_printf(out, " %.*s=", (int)a->name.n, a->name.p);
    if (a->type == TRO_ONNX_ATTR_INT)
        tro_buf_printf(out, "%lld", (long long)a->i);
    else if (a->type == TRO_ONNX_ATTR_FLOAT)
        tro_buf_printf(out, "%.7g", (double)a->f);
    else if (a->type == TRO_ONNX_ATTR_STRING)
        tro_buf_printf(out, "'%.*s'", (int)a->s.n, a->s.p);
    else if (a->type == TRO_ONNX_ATTR_INTS)
        for (size_t i = 0; i < a->n_ints; i++)
            tro_buf_printf(out, "%s%lld%s", i ? "," : "[", (long long)a->ints[i],
                           i + 1 == a->n_ints ? "]" : "");
    else if (a->t)
        onnx_text_put_tensor(out, a->t);
    if (a->g) {
        tro_buf_str(out, "{");
        onnx_text_put_graph(out, a->g, true);
        tro_buf_str(out, "}");
    }
}

/* Nodes, then weights; of inner graphs the outputs too. */
static inline void onnx_text_put_graph(struct tro_buf *out, const struct tro_onnx_graph *g,
                                       bool is_inner)
{
    const size_t begin = out->n;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tro_onnx_node *n = &g->nodes[i];
        tro_buf_str(out, out->n > begin ? "; " : "");
        onnx_text_put_names(out, n->outputs, n->n_outputs);
        tro_buf_printf(out, " = %.*s%s%.*s(", (int)n->domain.n, n->domain.n ? n->domain.p : "",
                       n->domain.n ? "::" : "", (int)n->op_type.n, n->op_type.p);
        onnx_text_put_names(out, n->inputs, n->n_inputs);
        tro_buf_str(out, ")");
        for (size_t k = 0; k < n->n_attrs; k++)
            onnx_text_put_attr(out, &n->attrs[k]);
    }
    for (size_t i = 0; i < g->n_initializers; i++) {
        const struct tro_onnx_tensor *t = &g->initializers[i];
        tro_buf_printf(out, "%sw %.*s ", out->n > begin ? "; " : "", (int)t->name.n, t->name.p);
        onnx_text_put_tensor(out, t);
    }
    for (size_t i = 0; i < g->n_outputs && is_inner; i++)
        tro_buf_printf(out, "%sout %.*s", out->n > begin ? "; " : "", (int)g->outputs[i].name.n,
                       g->outputs[i].name.p);
}

static inline void onnx_text_put_info(struct tro_buf *out, const struct tro_onnx_value_info *v)
{
    tro_buf_printf(out, "%.*s", (int)v->name.n, v->name.p);
    if (!v->has_type)
        return;
    tro_buf_printf(out, " %s", tro_onnx_type_name(v->elem_type));
    if (!v->has_shape)
        return;
    tro_buf_str(out, "[");
    for (size_t i = 0; i < v->n_dims; i++) {
        const struct tro_onnx_dim *d = &v->dims[i];
        tro_buf_str(out, i ? "," : "");
        if (d->has_value)
            tro_buf_printf(out, "%lld", (long long)d->value);
        else
            tro_buf_printf(out, "%.*s", d->param.n ? (int)d->param.n : 1,
                           d->param.n ? d->param.p : "?");
    }
    tro_buf_str(out, "]");
}

/* Nodes and weights of the main graph; good until the next call. */
static inline const char *onnx_text_of(const struct tro_onnx_model *m)
{
    static char text[16384];
    struct tro_buf out = {0};
    onnx_text_put_graph(&out, &m->graph, false);
    snprintf(text, sizeof text, "%.*s", (int)out.n, out.n ? (const char *)out.p : "");
    tro_buf_finish(&out);
    return text;
}

/* "x float[2,N] -> y float[N]": inputs and outputs; good until the next call. */
static inline const char *onnx_text_ends(const struct tro_onnx_model *m)
{
    static char text[4096];
    struct tro_buf out = {0};
    for (size_t i = 0; i < m->graph.n_inputs; i++) {
        tro_buf_str(&out, i ? ", " : "");
        onnx_text_put_info(&out, &m->graph.inputs[i]);
    }
    tro_buf_str(&out, " ->");
    for (size_t i = 0; i < m->graph.n_outputs; i++) {
        tro_buf_str(&out, i ? ", " : " ");
        onnx_text_put_info(&out, &m->graph.outputs[i]);
    }
    snprintf(text, sizeof text, "%.*s", (int)out.n, (const char *)out.p);
    tro_buf_finish(&out);
    return text;
}

#endif
