/* SPDX-License-Identifier: Apache-2.0 */
/* TfIdfVectorizer and ai.onnx.ml: our constant inputs are attributes there. */
#include "onnx/export_call.h"

#include "base/dtype.h"

/* Version of the domain whose forms are written. */
enum { ML_OPSET = 5 };

/* The constant that input i is; false, with a failure, when it is something else. */
static bool constant(struct tro_export *x, uint32_t i, struct tro_tensor *t)
{
    if (i < x->node->n_in && tro_is_const(x->g, x->node->in[i]) && x->rc >= 0) {
        *t = tro_const_tensor(x->g, x->node->in[i]);
        return true;
    }
    tro_export_fail(x, TRO_E_UNSUPPORTED, "expected a constant as input %u, found none", i);
    return false;
}

static void put_ml(struct tro_export *x, const char *op)
{
    const char *in = tro_export_in(x, 0);
    tro_export_last(x, op, &in, 1);
    tro_export_domain(x, "ai.onnx.ml");
    x->ml_opset = ML_OPSET;
}

static void put_list(struct tro_export *x, const char *name, uint32_t i)
{
    struct tro_tensor t;
    if (!constant(x, i, &t))
        return;
    const int64_t n = tro_tensor_n_elems(&t);
    if (t.dtype == TRO_I64)
        tro_export_ints(x, name, t.data, (size_t)n);
    else if (t.dtype == TRO_F32)
        tro_export_floats(x, name, t.data, (size_t)n);
    else
        tro_export_fail(x, TRO_E_UNSUPPORTED, "expected '%s' as i64 or f32, found %s", name,
                        tro_dtype_name(t.dtype));
}

static void put_tensor(struct tro_export *x, const char *name, uint32_t i)
{
    struct tro_tensor t;
    if (constant(x, i, &t))
        tro_export_tensor_attr(x, name, &t);
}

void tro_export_tfidf(struct tro_export *x)
{
    const char *in = tro_export_in(x, 0);
    tro_export_last(x, "TfIdfVectorizer", &in, 1);
    tro_export_attrs(x);
    put_list(x, "pool_int64s", 1);
    put_list(x, "ngram_counts", 2);
    put_list(x, "ngram_indexes", 3);
    put_list(x, "weights", 4);
}

void tro_export_lookup(struct tro_export *x)
{
    struct tro_tensor otherwise;
    put_ml(x, "LabelEncoder");
    put_tensor(x, "keys_tensor", 1);
    put_tensor(x, "values_tensor", 2);
    if (!constant(x, 3, &otherwise))
        return;
    otherwise.rank = 1;
    otherwise.shape[0] = 1;
    tro_export_tensor_attr(x, "default_tensor", &otherwise);
}

/* ---- trees ----------------------------------------------------------------------------- */

enum { NODE_FIELDS = 8 };

static void put_field(struct tro_export *x, const char *name, const struct tro_tensor *nodes,
                      int field)
{
    const int64_t n = nodes->shape[0], *from = nodes->data;
    int64_t *v = TRO_NEW_N(&x->m->arena, int64_t, (size_t)n);
    if (!v) {
        tro_export_no_memory(x);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = from[i * NODE_FIELDS + field];
    tro_export_ints(x, name, v, (size_t)n);
}

static void put_modes(struct tro_export *x, const struct tro_tensor *nodes)
{
    const int64_t n = nodes->shape[0], *from = nodes->data;
    uint8_t *v = TRO_NEW_N(&x->m->arena, uint8_t, (size_t)n);
    const struct tro_tensor t = {.dtype = TRO_U8, .rank = 1, .shape = {n}, .data = v};
    if (!v) {
        tro_export_no_memory(x);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = (uint8_t)from[i * NODE_FIELDS + 1];
    tro_export_tensor_attr(x, "nodes_modes", &t);
}

void tro_export_tree_ensemble(struct tro_export *x)
{
    const struct tro_attrs_tree_ensemble *a = x->node->attrs;
    struct tro_tensor nodes;
    put_ml(x, "TreeEnsemble");
    tro_export_attrs(x);
    tro_export_int(x, "aggregate_function", a->aggregate);
    tro_export_int(x, "post_transform", a->post);
    if (!constant(x, 1, &nodes))
        return;
    put_field(x, "nodes_featureids", &nodes, 0);
    put_modes(x, &nodes);
    put_field(x, "nodes_truenodeids", &nodes, 2);
    put_field(x, "nodes_trueleafs", &nodes, 3);
    put_field(x, "nodes_falsenodeids", &nodes, 4);
    put_field(x, "nodes_falseleafs", &nodes, 5);
    put_field(x, "nodes_missing_value_tracks_true", &nodes, 6);
    put_tensor(x, "nodes_splits", 2);
    put_list(x, "leaf_targetids", 3);
    put_tensor(x, "leaf_weights", 4);
    put_list(x, "tree_roots", 5);
    if (x->node->n_in > 6)
        put_tensor(x, "membership_values", 6);
}
