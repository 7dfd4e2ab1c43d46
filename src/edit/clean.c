/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that pass their input on, duplicates, dead code. */
#include "edit/steps.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/hash.h"

/* ---- what passes its input on ---------------------------------------------------------- */

static const struct tro_value *imported(const struct tro_edit *e, struct tro_str name)
{
    uint32_t i;
    if (!e->ir || !tro_map_get(&e->values, name, &i))
        return NULL;
    return tro_value_get(e->ir, (tro_value_id){i});
}

/* Type and shape known to be the same before and after. */
static bool keeps_form(const struct tro_edit *e, const struct tro_onnx_node *n)
{
    const struct tro_value *x = imported(e, n->inputs[0]), *y = imported(e, n->outputs[0]);
    if (!x || !y || x->dtype != y->dtype || x->shape.rank < 0 || x->shape.rank != y->shape.rank)
        return false;
    for (int i = 0; i < x->shape.rank; i++)
        if (!tro_dim_eq(x->shape.dim[i], y->shape.dim[i]))
            return false;
    return true;
}

static bool is_identity_perm(const struct tro_onnx_node *n)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, "perm");
    for (size_t i = 0; a && i < a->n_ints; i++)
        if (a->ints[i] != (int64_t)i)
            return false;
    return a != NULL;
}

static bool is_inference_dropout(const struct tro_edit *e, const struct tro_edit_scope *s,
                                 const struct tro_onnx_node *n)
{
    struct tro_ints mode;
    if (!tro_edit_is_op(n, "Dropout") || (n->n_outputs > 1 && n->outputs[1].n))
        return false;
    return n->n_inputs < 3 || !n->inputs[2].n ||
           (tro_edit_constant_ints(e, s, n->inputs[2], &mode) && mode.n == 1 && !mode.v[0]);
}

/* Steps of a Slice are all 1, or the default. */
static bool has_unit_steps(const struct tro_edit *e, const struct tro_edit_scope *s,
                           const struct tro_onnx_node *n)
{
    struct tro_ints steps;
    if (n->n_inputs < 5 || !n->inputs[4].n)
        return true;
    if (!tro_edit_constant_ints(e, s, n->inputs[4], &steps))
        return false;
    for (int i = 0; i < steps.n; i++)
        if (steps.v[i] != 1)
            return false;
    return true;
}

static bool has_no_pads(const struct tro_edit *e, const struct tro_edit_scope *s,
                        const struct tro_onnx_node *n)
{
    struct tro_ints pads = {0};
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, "pads");
    if (a) {
        for (size_t i = 0; i < a->n_ints; i++)
            if (a->ints[i])
                return false;
        return true;
    }
    if (n->n_inputs < 2 || !tro_edit_constant_ints(e, s, n->inputs[1], &pads))
        return false;
    for (int i = 0; i < pads.n; i++)
        if (pads.v[i])
            return false;
    return true;
}

static bool passes_on(const struct tro_edit *e, const struct tro_edit_scope *s,
                      const struct tro_onnx_node *n)
{
    static const char *const by_form[] = {"Cast",   "Reshape", "Flatten", "Squeeze", "Unsqueeze",
                                          "Expand", "Tile",    "CastLike"};
    static const char *const of_one[] = {"Concat", "Sum", "Max", "Min", "Mean"};
    if (n->domain.n || n->n_inputs == 0 || n->n_outputs == 0 || !n->inputs[0].n)
        return false;
    if (tro_edit_is_op(n, "Identity") || is_inference_dropout(e, s, n))
        return true;
    if (tro_edit_is_op(n, "Transpose"))
        return is_identity_perm(n);
    if (tro_edit_is_op(n, "Pad"))
        return has_no_pads(e, s, n);
    if (tro_edit_is_op(n, "Slice"))
        return keeps_form(e, n) && has_unit_steps(e, s, n);
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        if (n->n_inputs == 1 && tro_edit_is_op(n, of_one[i]))
            return true;
    for (size_t i = 0; i < sizeof by_form / sizeof *by_form; i++)
        if (tro_edit_is_op(n, by_form[i]))
            return keeps_form(e, n);
    return false;
}

/* The node of this graph that makes a name, or NULL. */
static struct tro_onnx_node *maker_of(struct tro_onnx_graph *g, struct tro_str name)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t k = 0; k < g->nodes[i].n_outputs; k++)
            if (tro_str_eq(g->nodes[i].outputs[k], name))
                return &g->nodes[i];
    return NULL;
}

int tro_edit_drop_identities(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct tro_onnx_graph *g = s->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct tro_onnx_node *n = &g->nodes[i];
        if (tro_edit_is_dropped(n) || !passes_on(e, s, n))
            continue;
        const struct tro_str x = n->inputs[0], y = n->outputs[0];
        if (!tro_edit_is_output(g, y)) {
            tro_edit_drop(n);
            tro_edit_replace_inputs(g, y, x);
        } else if (maker_of(g, x) && !tro_edit_is_output(g, x)) {
            tro_edit_drop(n);
            tro_edit_rename_all(g, x, y);
        } else {
            continue;
        }
        e->report->n_identity++;
    }
    return 0;
}

/* ---- duplicates ------------------------------------------------------------------------ */

static void key_str(struct tro_buf *key, struct tro_str s)
{
    tro_buf_varint(key, s.n);
    tro_buf_put(key, s.p, s.n);
}

static void key_attr(struct tro_buf *key, const struct tro_onnx_attr *a)
{
    key_str(key, a->name);
    tro_buf_u32(key, (uint32_t)a->type);
    tro_buf_put(key, &a->f, sizeof a->f);
    tro_buf_u64(key, (uint64_t)a->i);
    key_str(key, a->s);
    key_str(key, a->ref_attr_name);
    tro_buf_varint(key, a->n_floats);
    tro_buf_put(key, a->floats, a->n_floats * sizeof *a->floats);
    tro_buf_varint(key, a->n_ints);
    tro_buf_put(key, a->ints, a->n_ints * sizeof *a->ints);
    for (size_t i = 0; i < a->n_strings; i++)
        key_str(key, a->strings[i]);
    if (a->t)
        tro_onnx_write_tensor(a->t, key);
}

/* Everything the node's results depend on; false for nodes that are not compared. */
static bool node_key(const struct tro_onnx_node *n, struct tro_buf *key)
{
    static const char *const never[] = {"RandomNormal", "RandomNormalLike", "RandomUniform",
                                        "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout"};
    key->n = 0;
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (tro_str_eqz(n->op_type, never[i]))
            return false;
    if (n->domain.n && !tro_str_eqz(n->domain, "com.microsoft"))
        return false;
    key_str(key, n->domain);
    key_str(key, n->op_type);
    tro_buf_varint(key, n->n_outputs);
    for (size_t i = 0; i < n->n_inputs; i++)
        key_str(key, n->inputs[i]);
    for (size_t i = 0; i < n->n_attrs; i++) {
        const struct tro_onnx_attr *a = &n->attrs[i];
        if (a->g || a->n_graphs || a->n_tensors || a->unknown.n)
            return false;
        key_attr(key, a);
    }
    return !key->failed;
}

static bool any_output_of(const struct tro_onnx_graph *g, const struct tro_onnx_node *n)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (!n->outputs[i].n || tro_edit_is_output(g, n->outputs[i]))
            return true;
    return false;
}

static int drop_duplicate_nodes(struct tro_edit *e, struct tro_onnx_graph *g, struct tro_map *seen,
                                struct tro_buf *key)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        struct tro_onnx_node *n = &g->nodes[i];
        uint32_t first;
        if (!node_key(n, key))
            continue;
        const struct tro_str k = {(const char *)key->p, key->n};
        if (!tro_map_get(seen, k, &first)) {
            const struct tro_str kept = {tro_arena_memdup(&e->m->arena, k.p, k.n), k.n};
            if (!kept.p || tro_map_set(seen, kept, (uint32_t)i) < 0)
                return tro_fail_nomem(e->err);
            continue;
        }
        const struct tro_onnx_node *same = &g->nodes[first];
        bool can = !any_output_of(g, n);
        for (size_t o = 0; o < n->n_outputs; o++)
            can = can && same->outputs[o].n;
        if (!can)
            continue;
        const struct tro_onnx_node was = *n;
        tro_edit_drop(n);
        for (size_t o = 0; o < was.n_outputs; o++)
            tro_edit_replace_inputs(g, was.outputs[o], same->outputs[o]);
        e->report->n_duplicate++;
    }
    return 0;
}

static bool same_tensor(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof *a->shape) == 0 &&
           memcmp(a->data, b->data, tro_tensor_n_bytes(a)) == 0;
}

/* Initializers by the hash of their contents, as text: "hash-of-all". */
static int drop_duplicate_weights(struct tro_edit *e, struct tro_edit_scope *s, struct tro_map *seen)
{
    struct tro_onnx_graph *g = s->graph;
    for (size_t i = 0; i < g->n_initializers; i++) {
        const struct tro_str name = g->initializers[i].name;
        struct tro_tensor t, other;
        uint32_t first;
        if (tro_edit_is_output(g, name) || !tro_edit_constant_value(e, s, name, &t))
            continue;
        const uint64_t hash = tro_hash64(t.data, tro_tensor_n_bytes(&t),
                                         tro_hash64(t.shape, (size_t)t.rank * 8, t.dtype));
        const struct tro_str key = {tro_arena_memdup(&e->m->arena, &hash, sizeof hash), sizeof hash};
        if (!key.p)
            return tro_fail_nomem(e->err);
        if (!tro_map_get(seen, key, &first)) {
            if (tro_map_set(seen, key, (uint32_t)i) < 0)
                return tro_fail_nomem(e->err);
            continue;
        }
        const struct tro_str kept = g->initializers[first].name;
        if (!tro_edit_constant_value(e, s, kept, &other) || !same_tensor(&t, &other))
            continue;
        struct tro_map uses = {0};
        const int rc = tro_edit_count_uses(g, &uses);
        const bool is_used = tro_edit_n_uses(&uses, name) > 0;
        tro_map_finish(&uses);
        if (rc < 0)
            return tro_fail_nomem(e->err);
        tro_edit_replace_inputs(g, name, kept);
        e->report->n_same_weight += is_used;
    }
    return 0;
}

int tro_edit_drop_duplicates(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct tro_map weights = {0}, nodes = {0};
    struct tro_buf key = {0};
    int rc = drop_duplicate_weights(e, s, &weights);
    if (rc >= 0)
        rc = drop_duplicate_nodes(e, s->graph, &nodes, &key);
    tro_map_finish(&weights);
    tro_map_finish(&nodes);
    tro_buf_finish(&key);
    return rc;
}

/* ---- dead ------------------------------------------------------------------------------ */

static bool is_dead(const struct tro_onnx_node *n, const struct tro_map *uses)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (tro_edit_n_uses(uses, n->outputs[i]))
            return false;
    return true;
}

/* One sweep from the end; inputs of what goes are used once less. */
static int sweep_dead(struct tro_edit *e, struct tro_onnx_graph *g, int64_t *n_dropped)
{
    struct tro_map uses = {0};
    int rc = tro_edit_count_uses(g, &uses);
    *n_dropped = 0;
    for (size_t i = g->n_nodes; i-- > 0 && rc >= 0;) {
        struct tro_onnx_node *n = &g->nodes[i];
        if (tro_edit_is_dropped(n) || !is_dead(n, &uses))
            continue;
        for (size_t k = 0; k < n->n_inputs && rc >= 0; k++)
            if (n->inputs[k].n)
                rc = tro_map_set(&uses, n->inputs[k], tro_edit_n_uses(&uses, n->inputs[k]) - 1);
        tro_edit_drop(n);
        ++*n_dropped;
    }
    tro_map_finish(&uses);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}

static int drop_unused_weights(struct tro_edit *e, struct tro_onnx_graph *g)
{
    struct tro_map uses = {0};
    size_t n = 0;
    if (tro_edit_count_uses(g, &uses) < 0) {
        tro_map_finish(&uses);
        return tro_fail_nomem(e->err);
    }
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_edit_n_uses(&uses, g->initializers[i].name))
            g->initializers[n++] = g->initializers[i];
    e->report->n_unused_weight += (int64_t)(g->n_initializers - n);
    g->n_initializers = n;
    tro_map_finish(&uses);
    return 0;
}

int tro_edit_drop_dead(struct tro_edit *e, struct tro_edit_scope *s)
{
    int64_t n_dropped;
    do {
        TRO_TRY(sweep_dead(e, s->graph, &n_dropped));
        tro_edit_compact(s->graph);
        e->report->n_dead += n_dropped;
    } while (n_dropped);
    return drop_unused_weights(e, s->graph);
}
