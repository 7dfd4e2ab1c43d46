/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that compute what another one does, initializers that hold what another one does. */
#include "edit/steps.h"

#include <string.h>

#include "base/err.h"
#include "base/hash.h"

/* ---- nodes ----------------------------------------------------------------------------- */

static void key_str(struct tro_buf *key, struct tro_str s)
{
    tro_buf_varint(key, s.n);
    tro_buf_put(key, s.p, s.n);
}

static void key_strs(struct tro_buf *key, const struct tro_str *s, size_t n)
{
    tro_buf_varint(key, n);
    for (size_t i = 0; i < n; i++)
        key_str(key, s[i]);
}

static void key_attr(struct tro_buf *key, const struct tro_onnx_attr *a)
{
    key_str(key, a->name);
    key_str(key, a->ref_attr_name);
    tro_buf_u32(key, (uint32_t)a->type);
    tro_buf_put(key, &a->f, sizeof a->f);
    tro_buf_u64(key, (uint64_t)a->i);
    key_str(key, a->s);
    tro_buf_varint(key, a->n_floats);
    tro_buf_put(key, a->floats, a->n_floats * sizeof *a->floats);
    tro_buf_varint(key, a->n_ints);
    tro_buf_put(key, a->ints, a->n_ints * sizeof *a->ints);
    key_strs(key, a->strings, a->n_strings);
    tro_buf_u8(key, a->t != NULL);
    if (a->t)
        tro_onnx_write_tensor(a->t, key);
}

/* Everything the node's results depend on; false for nodes that are not compared. */
static bool node_key(const struct tro_edit *e, const struct tro_onnx_node *n, struct tro_buf *key)
{
    key->n = 0;
    if (tro_edit_is_dropped(n) || tro_edit_is_random(n) ||
        (n->domain.n && !tro_str_eqz(n->domain, "com.microsoft")) ||
        tro_map_get(&e->functions, n->op_type, NULL))
        return false;
    key_str(key, n->domain);
    key_str(key, n->op_type);
    key_str(key, n->overload);
    key_strs(key, n->inputs, n->n_inputs);
    tro_buf_varint(key, n->n_outputs);
    tro_buf_varint(key, n->n_attrs);
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct tro_onnx_attr *a = &n->attrs[i];
        if (a->g || a->n_graphs || a->n_tensors || a->unknown.n)
            return false;
        key_attr(key, a);
    }
    return true;
}

/* Every output has a name on both sides, and none is the graph's. */
static bool can_replace(const struct tro_edit_scope *s, const struct tro_onnx_node *n,
                        const struct tro_onnx_node *by)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (!n->outputs[i].n || !by->outputs[i].n || tro_edit_is_output(s, n->outputs[i]))
            return false;
    return true;
}

struct duplicates {
    struct tro_map seen; /* key -> index of the first node or initializer */
    struct tro_buf key;
    struct tro_edit_renames renames;
};

/* The index of the first one of that key; i itself when there was none. */
static int first_of(struct tro_edit *e, struct duplicates *d, struct tro_str key, size_t i,
                    uint32_t *first)
{
    if (tro_map_get(&d->seen, key, first))
        return 0;
    const struct tro_str kept = {tro_arena_memdup(&e->scratch, key.p, key.n), key.n};
    *first = (uint32_t)i;
    return kept.p && tro_map_set(&d->seen, kept, (uint32_t)i) >= 0 ? 0 : TRO_E_NOMEM;
}

static int drop_duplicate_node(struct tro_edit *e, const struct tro_edit_scope *s,
                               struct duplicates *d, size_t i)
{
    struct tro_onnx_node *n = &s->graph->nodes[i];
    uint32_t first;
    if (!node_key(e, n, &d->key))
        return 0;
    if (d->key.failed)
        return TRO_E_NOMEM;
    const struct tro_str key = {(const char *)d->key.p, d->key.n};
    TRO_TRY(first_of(e, d, key, i, &first));
    const struct tro_onnx_node *same = &s->graph->nodes[first];
    if (first == i || !can_replace(s, n, same))
        return 0;
    for (size_t o = 0; o < n->n_outputs; o++)
        TRO_TRY(tro_edit_renames_add(&d->renames, n->outputs[o], same->outputs[o]));
    tro_edit_drop(n);
    e->report->n_duplicate++;
    return 0;
}

/* In order: inputs of a node have their last names before it is compared. */
static int drop_duplicate_nodes(struct tro_edit *e, const struct tro_edit_scope *s,
                                struct duplicates *d)
{
    for (size_t i = 0; i < s->graph->n_nodes; i++) {
        tro_edit_rename_uses(&s->graph->nodes[i], &d->renames);
        TRO_TRY(drop_duplicate_node(e, s, d, i));
    }
    return 0;
}

/* ---- initializers ---------------------------------------------------------------------- */

static bool same_tensor(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0 &&
           memcmp(a->data, b->data, tro_tensor_n_bytes(a)) == 0;
}

static int drop_duplicate_weight(struct tro_edit *e, const struct tro_edit_scope *s,
                                 struct duplicates *d, const struct tro_map *uses, size_t i)
{
    const struct tro_str name = s->graph->initializers[i].name;
    struct tro_tensor t, other;
    uint32_t first;
    if (!tro_edit_n_uses(uses, name) || tro_edit_is_output(s, name) ||
        !tro_edit_constant_value(e, s, name, &t))
        return 0;
    const uint64_t hash = tro_hash64(t.data, tro_tensor_n_bytes(&t),
                                     tro_hash64(t.shape, (size_t)t.rank * 8, t.dtype));
    const struct tro_str key = {(const char *)&hash, sizeof hash};
    TRO_TRY(first_of(e, d, key, i, &first));
    const struct tro_str kept = s->graph->initializers[first].name;
    if (first == i || !tro_edit_constant_value(e, s, kept, &other) || !same_tensor(&t, &other))
        return 0;
    TRO_TRY(tro_edit_renames_add(&d->renames, name, kept));
    e->report->n_same_weight++;
    return 0;
}

static int drop_duplicate_weights(struct tro_edit *e, const struct tro_edit_scope *s,
                                  struct duplicates *d)
{
    struct tro_map uses = {0};
    int rc = tro_edit_count_uses(s->graph, &uses);
    for (size_t i = 0; i < s->graph->n_initializers && rc >= 0; i++)
        rc = drop_duplicate_weight(e, s, d, &uses, i);
    tro_map_finish(&uses);
    return rc;
}

int tro_edit_drop_duplicates(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct duplicates d = {0};
    int rc = drop_duplicate_weights(e, s, &d);
    tro_map_finish(&d.seen);
    if (rc >= 0)
        rc = drop_duplicate_nodes(e, s, &d);
    tro_map_finish(&d.seen);
    tro_buf_finish(&d.key);
    tro_edit_renames_finish(&d.renames);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}
