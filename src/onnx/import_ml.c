/* SPDX-License-Identifier: Apache-2.0 */
/* ai.onnx.ml, and TfIdfVectorizer: what has numbers in and out. */
#include "onnx/import_call.h"

#include <string.h>

#include "base/dtype.h"

/* A list attribute of ints or floats, or a tensor, as a constant vector of its own type; none when
 * it
 * is absent. */
static tro_value_id list_attr(struct tro_import_call *c, const char *name)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, name);
    struct tro_tensor t = {.rank = 1};
    if (!a)
        return TRO_VALUE_NONE;
    if (a->t)
        return tro_attr_tensor(c, a->t);
    const void *from = a->n_ints ? (const void *)a->ints : (const void *)a->floats;
    t.dtype = a->n_ints ? TRO_I64 : TRO_F32;
    t.shape[0] = (int64_t)(a->n_ints ? a->n_ints : a->n_floats);
    t.data = tro_arena_memdup(&c->g->arena, from, tro_tensor_n_bytes(&t));
    if (!t.data)
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
    return tro_const_any(c, &t);
}

/* ---- arrays ---------------------------------------------------------------------------- */

/* Columns of the last axis; a vector counts as one row. */
int tro_import_array_feature_extractor(struct tro_import_call *c)
{
    const struct tro_attrs_axis last = {.axis = -1};
    const tro_dim minus1 = tro_dim_const(-1);
    const tro_value_id shape = tro_dims_vector(c, &minus1, 1);
    const tro_value_id index = tro_emit2(c, TRO_OP_RESHAPE, c->in[1], shape);
    tro_value_id y = tro_emit(c, TRO_OP_GATHER, &last, (tro_value_id[]){c->in[0], index}, 2);
    if (tro_rank_needed(c, c->in[0]) == 1)
        y = tro_emit_unsqueeze(c, y, 0);
    tro_set_out(c, 0, y);
    return c->rc;
}

int tro_import_binarizer(struct tro_import_call *c)
{
    const tro_value_id x = c->in[0];
    const tro_value_id limit = tro_like(c, x, tro_attr_float(c, "threshold", 0));
    tro_set_out(c, 0, tro_emit_cast(c, tro_emit2(c, TRO_OP_LT, limit, x), tro_dtype_of(c, x)));
    return c->rc;
}

static tro_value_id default_value(struct tro_import_call *c, tro_value_id values)
{
    const struct tro_onnx_attr *tensor = tro_attr_raw(c, "default_tensor");
    const double of_int = (double)tro_attr_int(c, "default_int64", -1);
    const double of_float = tro_attr_float(c, "default_float", -0.0);
    tro_attr_ignore(c, "default_string");
    if (tensor && tensor->t) {
        struct tro_tensor t;
        const tro_value_id v = tro_attr_tensor(c, tensor->t);
        if (!tro_known_tensor(c, v, &t) || tro_tensor_n_elems(&t) != 1) {
            tro_import_fail(c, TRO_E_INPUT, "attribute 'default_tensor': expected one element");
            return TRO_VALUE_NONE;
        }
        t.rank = 0;
        return tro_const_any(c, &t);
    }
    return tro_like(c, values, tro_dtype_is_float(tro_dtype_of(c, values)) ? of_float : of_int);
}

static tro_value_id any_of(struct tro_import_call *c, const char *const *names)
{
    for (int i = 0; names[i]; i++) {
        const tro_value_id v = list_attr(c, names[i]);
        if (v.i)
            return v;
    }
    tro_import_fail(c, TRO_E_UNSUPPORTED, "expected numeric keys and values, found strings");
    return TRO_VALUE_NONE;
}

int tro_import_label_encoder(struct tro_import_call *c)
{
    static const char *const key_names[] = {"keys_int64s", "keys_floats", "keys_tensor", NULL};
    static const char *const value_names[] = {"values_int64s", "values_floats", "values_tensor",
                                              NULL};
    const tro_value_id keys = any_of(c, key_names), values = any_of(c, value_names);
    const tro_value_id in[4] = {c->in[0], keys, values,
                                c->rc < 0 ? TRO_VALUE_NONE : default_value(c, values)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_LOOKUP, NULL, in, 4));
    return c->rc;
}

/* ---- TfIdfVectorizer ------------------------------------------------------------------- */

int tro_import_tfidf_vectorizer(struct tro_import_call *c)
{
    static const char *const modes[] = {"TF", "IDF", "TFIDF", NULL};
    struct tro_attrs_tfidf a = {.mode = (enum tro_tfidf_mode)tro_attr_choice(c, "mode", modes, 0),
                                .min_gram = tro_attr_int(c, "min_gram_length", 1),
                                .max_gram = tro_attr_int(c, "max_gram_length", 1),
                                .max_skip = tro_attr_int(c, "max_skip_count", 0)};
    const struct tro_onnx_attr *indexes = tro_attr_raw(c, "ngram_indexes");
    if (tro_attr_has(c, "pool_strings"))
        return tro_import_fail(c, TRO_E_UNSUPPORTED, "expected integer n-grams, found strings");
    for (size_t i = 0; indexes && i < indexes->n_ints; i++)
        if (indexes->ints[i] >= a.n_outputs && indexes->ints[i] < INT32_MAX)
            a.n_outputs = indexes->ints[i] + 1;
    const tro_value_id pool = list_attr(c, "pool_int64s"), counts = list_attr(c, "ngram_counts");
    const tro_value_id places = list_attr(c, "ngram_indexes");
    tro_value_id weights = list_attr(c, "weights");
    if (!weights.i) {
        const tro_value_id size = tro_const_i64_1(c, indexes ? (int64_t)indexes->n_ints : 0);
        weights = tro_emit2(c, TRO_OP_EXPAND, tro_scalar(c, TRO_F32, 1), size);
    }
    if (c->rc >= 0 && (!pool.i || !counts.i || !places.i))
        return tro_import_fail(c, TRO_E_INPUT,
                               "expected attributes pool_int64s, ngram_counts and ngram_indexes");
    const tro_value_id in[5] = {c->in[0], pool, counts, places, weights};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_TFIDF, &a, in, 5));
    return c->rc;
}

/* ---- TreeEnsemble ---------------------------------------------------------------------- */

struct trees {
    const struct tro_onnx_attr *feature, *true_child, *false_child, *true_leaf, *false_leaf,
        *missing;
    struct tro_tensor modes, members;
    size_t n;
};

static const struct tro_onnx_attr *ints_attr(struct tro_import_call *c, const char *name, size_t n)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, name);
    if (c->rc >= 0 && (!a || a->n_ints != n))
        tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected %zu ints, found %zu", name, n,
                        a ? a->n_ints : 0);
    return a;
}

static void read_trees(struct tro_import_call *c, struct trees *t)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, "nodes_featureids");
    t->n = a ? a->n_ints : 0;
    t->feature = ints_attr(c, "nodes_featureids", t->n);
    t->true_child = ints_attr(c, "nodes_truenodeids", t->n);
    t->false_child = ints_attr(c, "nodes_falsenodeids", t->n);
    t->true_leaf = ints_attr(c, "nodes_trueleafs", t->n);
    t->false_leaf = ints_attr(c, "nodes_falseleafs", t->n);
    t->missing = tro_attr_raw(c, "nodes_missing_value_tracks_true");
    if (t->missing)
        t->missing = ints_attr(c, "nodes_missing_value_tracks_true", t->n);
    tro_attr_ignore(c, "nodes_hitrates");
    const struct tro_onnx_attr *modes = tro_attr_raw(c, "nodes_modes");
    const tro_value_id v = modes && modes->t ? tro_attr_tensor(c, modes->t) : TRO_VALUE_NONE;
    if (!tro_known_tensor(c, v, &t->modes) || (size_t)tro_tensor_n_elems(&t->modes) != t->n)
        tro_import_fail(c, TRO_E_INPUT, "attribute 'nodes_modes': expected %zu modes", t->n);
}

enum { NODE_FIELDS = 8, MODE_MEMBER = 6 };

/* Begin of each membership node's set in members, in order; sets end at a NaN. */
static int64_t next_set(const struct tro_tensor *members, int64_t at)
{
    const int64_t n = members->dtype ? tro_tensor_n_elems(members) : 0;
    while (at < n) {
        const double v = tro_load_f64(members->dtype, members->data, at++);
        if (v != v)
            break;
    }
    return at;
}

static tro_value_id tree_nodes(struct tro_import_call *c, const struct trees *t)
{
    struct tro_tensor out = {.dtype = TRO_I64, .rank = 2, .shape = {(int64_t)t->n, NODE_FIELDS}};
    int64_t *v = c->rc < 0 ? NULL : TRO_NEW_N(&c->g->arena, int64_t, t->n * NODE_FIELDS + 1);
    int64_t set = 0;
    if (!v)
        return TRO_VALUE_NONE;
    out.data = v;
    for (size_t i = 0; i < t->n; i++, v += NODE_FIELDS) {
        const int64_t mode = tro_load_i64(t->modes.dtype, t->modes.data, (int64_t)i);
        const int64_t row[NODE_FIELDS] = {t->feature->ints[i],
                                          mode,
                                          t->true_child->ints[i],
                                          t->true_leaf->ints[i],
                                          t->false_child->ints[i],
                                          t->false_leaf->ints[i],
                                          t->missing ? t->missing->ints[i] : 0,
                                          set};
        memcpy(v, row, sizeof row);
        if (mode == MODE_MEMBER)
            set = next_set(&t->members, set);
    }
    return tro_const_any(c, &out);
}

int tro_import_tree_ensemble(struct tro_import_call *c)
{
    struct trees t = {0};
    const struct tro_attrs_tree_ensemble a = {
        .n_targets = tro_attr_int(c, "n_targets", 1),
        .aggregate = (enum tro_tree_aggregate)tro_attr_int(c, "aggregate_function", 1),
        .post = (enum tro_tree_post)tro_attr_int(c, "post_transform", 0)};
    if (a.aggregate > tro_tree_aggregate_max || a.post > tro_tree_post_probit)
        return tro_import_fail(
            c, TRO_E_INPUT, "expected aggregate_function of 0 to 3 and post_transform of 0 to 4");
    read_trees(c, &t);
    const tro_value_id members = list_attr(c, "membership_values");
    if (members.i)
        tro_known_tensor(c, members, &t.members);
    const tro_value_id in[7] = {c->in[0],
                                tree_nodes(c, &t),
                                list_attr(c, "nodes_splits"),
                                list_attr(c, "leaf_targetids"),
                                list_attr(c, "leaf_weights"),
                                list_attr(c, "tree_roots"),
                                members};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_TREE_ENSEMBLE, &a, in, 7));
    return c->rc;
}
