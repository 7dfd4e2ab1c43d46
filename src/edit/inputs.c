/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs: sizes, layout, camera pixels. */
#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "edit/edit.h"
#include "edit/names.h"

/* ---- finding --------------------------------------------------------------------------- */

static bool has_initializer(const struct tro_onnx_graph *g, struct tro_str name)
{
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_str_eq(g->initializers[i].name, name))
            return true;
    return false;
}

static int find_input(struct tro_onnx_graph *g, struct tro_str name,
                      struct tro_onnx_value_info **out, struct tro_err *err)
{
    for (size_t i = 0; i < g->n_inputs; i++) {
        if (!tro_str_eq(g->inputs[i].name, name) || has_initializer(g, name))
            continue;
        *out = &g->inputs[i];
        return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "expected the name of an input, found '%.*s'", (int)name.n,
                    name.p);
}

/* The only input of rank 4. */
static int find_only_picture(struct tro_onnx_graph *g, struct tro_onnx_value_info **out,
                             struct tro_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < g->n_inputs; i++) {
        struct tro_onnx_value_info *v = &g->inputs[i];
        if (!v->is_tensor || v->n_dims != 4 || has_initializer(g, v->name))
            continue;
        if (*out)
            return tro_fail(err, TRO_E_INPUT,
                            "expected one input of rank 4, found '%.*s' and '%.*s': say which one",
                            (int)(*out)->name.n, (*out)->name.p, (int)v->name.n, v->name.p);
        *out = v;
    }
    return *out ? 0 : tro_fail(err, TRO_E_INPUT, "expected an input of rank 4, found none");
}

/* The named input, or the only one of rank 4. Nodes can be put behind it when it is known whose
 * version they are, and nobody outside takes it as it comes. */
static int find_picture(struct tro_onnx_model *m, struct tro_str name,
                        struct tro_onnx_value_info **out, struct tro_err *err)
{
    struct tro_onnx_graph *g = &m->graph;
    const int64_t version = tro_onnx_opset_version(m, TRO_STR(""));
    TRO_TRY(name.n ? find_input(g, name, out, err) : find_only_picture(g, out, err));
    const struct tro_onnx_value_info *v = *out;
    if (!v->has_shape || v->n_dims != 4)
        return tro_fail(err, TRO_E_INPUT, "input '%.*s': expected rank 4, found %zu",
                        (int)v->name.n, v->name.p, v->n_dims);
    for (size_t i = 0; i < g->n_outputs; i++)
        if (tro_str_eq(g->outputs[i].name, v->name))
            return tro_fail(err, TRO_E_INPUT,
                            "input '%.*s': expected an input that is no output, found one that is",
                            (int)v->name.n, v->name.p);
    if (version < 7)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected opset 7 or newer, found %lld: export with a newer opset",
                        (long long)version);
    return 0;
}

/* ---- sizes ----------------------------------------------------------------------------- */

/* In arrays of their own: an output that is an input as well may share its sizes. */
static int forget_outputs(struct tro_onnx_model *m)
{
    for (size_t i = 0; i < m->graph.n_outputs; i++) {
        struct tro_onnx_value_info *v = &m->graph.outputs[i];
        v->dims = TRO_NEW_N(&m->arena, struct tro_onnx_dim, v->n_dims);
        if (!v->dims)
            return TRO_E_NOMEM;
    }
    return 0;
}

int tro_edit_set_shape(struct tro_onnx_model *m, struct tro_str input, const int64_t *shape,
                       int rank, struct tro_err *err)
{
    struct tro_onnx_value_info *v;
    TRO_TRY(find_input(&m->graph, input, &v, err));
    if (!v->is_tensor || (v->has_shape && v->n_dims != (size_t)rank))
        return tro_fail(err, TRO_E_INPUT, "input '%.*s': expected %zu sizes, found %d",
                        (int)input.n, input.p, v->n_dims, rank);
    for (int i = 0; i < rank; i++)
        if (shape[i] < 0)
            return tro_fail(err, TRO_E_INPUT,
                            "input '%.*s': expected sizes of 0 or more, found %lld", (int)input.n,
                            input.p, (long long)shape[i]);
    v->dims = TRO_NEW_N(&m->arena, struct tro_onnx_dim, (size_t)rank);
    if (!v->dims)
        return tro_fail_nomem(err);
    v->n_dims = (size_t)rank;
    v->has_shape = true;
    for (int i = 0; i < rank; i++)
        v->dims[i] = (struct tro_onnx_dim){.has_value = true, .value = shape[i]};
    m->graph.n_value_infos = 0;
    return forget_outputs(m) < 0 ? tro_fail_nomem(err) : tro_edit_refresh_shapes(m, err);
}

/* ---- nodes behind an input ------------------------------------------------------------- */

static struct tro_str *names_of(struct tro_onnx_model *m, struct tro_str a, struct tro_str b)
{
    struct tro_str *v = TRO_NEW_N(&m->arena, struct tro_str, 2);
    if (v) {
        v[0] = a;
        v[1] = b;
    }
    return v;
}

static int set_node(struct tro_onnx_model *m, struct tro_onnx_node *n, const char *op_type,
                    struct tro_str a, struct tro_str b, struct tro_str y)
{
    *n = (struct tro_onnx_node){.op_type = {op_type, strlen(op_type)},
                                .name = y,
                                .inputs = names_of(m, a, b),
                                .n_inputs = b.n ? 2 : 1,
                                .outputs = names_of(m, y, (struct tro_str){0}),
                                .n_outputs = 1};
    return n->inputs && n->outputs ? 0 : TRO_E_NOMEM;
}

static int set_int_attr(struct tro_onnx_model *m, struct tro_onnx_node *n, const char *name,
                        int32_t type, const int64_t *ints, size_t n_ints)
{
    struct tro_onnx_attr *a = TRO_NEW(&m->arena, struct tro_onnx_attr);
    if (!a)
        return TRO_E_NOMEM;
    a->name = (struct tro_str){name, strlen(name)};
    a->type = type;
    a->has_i = type == TRO_ONNX_ATTR_INT;
    a->i = a->has_i ? ints[0] : 0;
    if (type == TRO_ONNX_ATTR_INTS) {
        a->ints = tro_arena_memdup(&m->arena, ints, n_ints * sizeof *ints);
        a->n_ints = n_ints;
    }
    n->attrs = a;
    n->n_attrs = 1;
    return type == TRO_ONNX_ATTR_INTS && !a->ints ? TRO_E_NOMEM : 0;
}

/* A new name for what the network takes in place of the input. */
static struct tro_str name_behind(struct tro_onnx_model *m, struct tro_map *names,
                                  struct tro_str input, const char *what)
{
    const char *text = tro_arena_printf(&m->arena, "%.*s_%s", (int)input.n, input.p, what);
    return text ? tro_edit_fresh(m, names, (struct tro_str){text, strlen(text)})
                : (struct tro_str){0};
}

static int put_transpose(struct tro_onnx_model *m, struct tro_str input, struct tro_map *names)
{
    static const int64_t perm[4] = {0, 3, 1, 2};
    const struct tro_str y = name_behind(m, names, input, "nchw");
    if (!y.n)
        return TRO_E_NOMEM;
    struct tro_onnx_node *n = tro_edit_replace_inputs(&m->graph, input, y) < 0
                                  ? NULL
                                  : tro_edit_insert_nodes(m, &m->graph, 0, 1);
    if (!n || set_node(m, n, "Transpose", input, (struct tro_str){0}, y) < 0)
        return TRO_E_NOMEM;
    return set_int_attr(m, n, "perm", TRO_ONNX_ATTR_INTS, perm, 4);
}

int tro_edit_input_nhwc(struct tro_onnx_model *m, struct tro_str input, struct tro_err *err)
{
    struct tro_onnx_value_info *v;
    struct tro_map names = {0};
    TRO_TRY(find_picture(m, input, &v, err));
    const struct tro_onnx_dim nhwc[4] = {v->dims[0], v->dims[2], v->dims[3], v->dims[1]};
    v->dims = tro_arena_memdup(&m->arena, nhwc, sizeof nhwc);
    int rc = v->dims ? tro_edit_all_names(&m->graph, &names) : TRO_E_NOMEM;
    if (rc >= 0)
        rc = put_transpose(m, v->name, &names);
    tro_map_finish(&names);
    return rc < 0 ? tro_fail_nomem(err) : tro_edit_refresh_shapes(m, err);
}

/* ---- pixels ---------------------------------------------------------------------------- */

/* One value a channel, shaped [1, c, 1, 1] or [1, 1, 1, c]; a scalar when there is one. */
static int put_constant(struct tro_onnx_model *m, struct tro_str name, enum tro_dtype dtype,
                        const double *v, int n, bool is_nhwc, struct tro_err *err)
{
    struct tro_tensor t = {.dtype = dtype};
    if (n > 1) {
        t.rank = 4;
        for (int i = 0; i < 4; i++)
            t.shape[i] = i == (is_nhwc ? 3 : 1) ? n : 1;
    }
    t.data = tro_arena_alloc64(&m->arena, (size_t)n * tro_dtype_size(dtype));
    if (!t.data || tro_edit_reserve_initializers(m, &m->graph, 1) < 0)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        tro_store_f64(dtype, t.data, i, v[i]);
    return tro_onnx_tensor_encode(&m->arena, name, &t,
                                  &m->graph.initializers[m->graph.n_initializers++], err);
}

/* y = x * factor + offset with factor = scale / std, offset = -mean / std */
static int put_normalization(struct tro_onnx_model *m, struct tro_str input, enum tro_dtype dtype,
                             const struct tro_edit_normalize *p, struct tro_map *names,
                             struct tro_err *err)
{
    const int n = p->n_mean > p->n_std ? p->n_mean : p->n_std;
    double factor[4], offset[4];
    for (int i = 0; i < n; i++) {
        const double std = p->std[p->n_std > 1 ? i : 0];
        factor[i] = p->scale / std;
        offset[i] = -p->mean[p->n_mean > 1 ? i : 0] / std;
    }
    const struct tro_str x = name_behind(m, names, input, "float");
    const struct tro_str scaled = name_behind(m, names, input, "scaled");
    const struct tro_str y = name_behind(m, names, input, "normalized");
    const struct tro_str f = name_behind(m, names, input, "factor");
    const struct tro_str o = name_behind(m, names, input, "offset");
    if (!x.n || !scaled.n || !y.n || !f.n || !o.n)
        return tro_fail_nomem(err);
    TRO_TRY(put_constant(m, f, dtype, factor, n, p->is_nhwc, err));
    TRO_TRY(put_constant(m, o, dtype, offset, n, p->is_nhwc, err));
    const int64_t to = tro_onnx_from_dtype(dtype);
    struct tro_onnx_node *nodes = tro_edit_replace_inputs(&m->graph, input, y) < 0
                                      ? NULL
                                      : tro_edit_insert_nodes(m, &m->graph, 0, 3);
    if (!nodes || set_node(m, &nodes[0], "Cast", input, (struct tro_str){0}, x) < 0 ||
        set_int_attr(m, &nodes[0], "to", TRO_ONNX_ATTR_INT, &to, 1) < 0 ||
        set_node(m, &nodes[1], "Mul", x, f, scaled) < 0 ||
        set_node(m, &nodes[2], "Add", scaled, o, y) < 0)
        return tro_fail_nomem(err);
    return 0;
}

static bool is_usable(const double *v, int n, bool may_be_zero)
{
    for (int i = 0; i < n; i++)
        if (!isfinite(v[i]) || (!may_be_zero && v[i] == 0))
            return false;
    return n >= 1 && n <= 4;
}

static int check_normalize(const struct tro_onnx_value_info *v, const struct tro_edit_normalize *p,
                           struct tro_err *err)
{
    const struct tro_onnx_dim *c = &v->dims[p->is_nhwc ? 3 : 1];
    const int n = p->n_mean > p->n_std ? p->n_mean : p->n_std;
    if (!is_usable(p->mean, p->n_mean, true) || !is_usable(p->std, p->n_std, false) ||
        !isfinite(p->scale))
        return tro_fail(err, TRO_E_INPUT,
                        "expected 1 to 4 finite means and stds, and no std of 0, found others");
    if ((p->n_mean > 1 && p->n_std > 1 && p->n_mean != p->n_std) ||
        (n > 1 && c->has_value && c->value != n))
        return tro_fail(
            err, TRO_E_INPUT,
            "input '%.*s': expected 1 mean and std, or one for each of its channels (%lld "
            "on axis %d), found %d and %d",
            (int)v->name.n, v->name.p, c->has_value ? (long long)c->value : -1LL,
            p->is_nhwc ? 3 : 1, p->n_mean, p->n_std);
    return 0;
}

int tro_edit_normalize(struct tro_onnx_model *m, struct tro_str input,
                       const struct tro_edit_normalize *p, struct tro_err *err)
{
    struct tro_onnx_value_info *v;
    struct tro_map names = {0};
    TRO_TRY(find_picture(m, input, &v, err));
    const enum tro_dtype dtype = v->is_tensor ? tro_onnx_to_dtype(v->elem_type) : TRO_DTYPE_NONE;
    if (dtype != TRO_F32 && dtype != TRO_F16)
        return tro_fail(err, TRO_E_INPUT, "input '%.*s': expected float or float16, found %s",
                        (int)v->name.n, v->name.p, tro_onnx_type_name(v->elem_type));
    TRO_TRY(check_normalize(v, p, err));
    v->elem_type = TRO_ONNX_UINT8;
    int rc = tro_edit_all_names(&m->graph, &names) < 0 ? tro_fail_nomem(err) : 0;
    if (rc >= 0)
        rc = put_normalization(m, v->name, dtype, p, &names, err);
    tro_map_finish(&names);
    return rc < 0 ? rc : tro_edit_refresh_shapes(m, err);
}
