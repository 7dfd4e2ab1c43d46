/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that pass their input on, dead code. */
#include "edit/steps.h"

#include "base/err.h"

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

static bool is_inference_dropout(struct tro_edit *e, const struct tro_edit_scope *s,
                                 const struct tro_onnx_node *n)
{
    struct tro_ints mode;
    if (!tro_edit_is_op(e, n, "Dropout") || (n->n_outputs > 1 && n->outputs[1].n))
        return false;
    return n->n_inputs < 3 || !n->inputs[2].n ||
           (tro_edit_constant_ints(e, s, n->inputs[2], &mode) && mode.n == 1 && !mode.v[0]);
}

/* Steps of a Slice are all 1, or the default. */
static bool has_unit_steps(struct tro_edit *e, const struct tro_edit_scope *s,
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

static bool has_no_pads(struct tro_edit *e, const struct tro_edit_scope *s,
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

static bool passes_on(struct tro_edit *e, const struct tro_edit_scope *s,
                      const struct tro_onnx_node *n)
{
    static const char *const by_form[] = {"Cast",      "Reshape", "Flatten", "Squeeze",
                                          "Unsqueeze", "Expand",  "Tile",    "CastLike"};
    static const char *const of_one[] = {"Concat", "Sum", "Max", "Min", "Mean"};
    if (n->domain.n || !n->n_inputs || !n->n_outputs || !n->inputs[0].n || !n->outputs[0].n)
        return false;
    if (tro_edit_is_op(e, n, "Identity") || is_inference_dropout(e, s, n))
        return true;
    if (tro_edit_is_op(e, n, "Transpose"))
        return is_identity_perm(n);
    if (tro_edit_is_op(e, n, "Pad"))
        return has_no_pads(e, s, n);
    if (tro_edit_is_op(e, n, "Slice"))
        return keeps_form(e, n) && has_unit_steps(e, s, n);
    for (size_t i = 0; i < sizeof of_one / sizeof *of_one; i++)
        if (n->n_inputs == 1 && tro_edit_is_op(e, n, of_one[i]))
            return true;
    for (size_t i = 0; i < sizeof by_form / sizeof *by_form; i++)
        if (tro_edit_is_op(e, n, by_form[i]))
            return keeps_form(e, n);
    return false;
}

/* ---- identities ------------------------------------------------------------------------ */

struct identities {
    struct tro_map makers;           /* nodes of this graph by what they make */
    struct tro_edit_renames forward; /* the result is its input: in what comes behind */
    struct tro_edit_renames back;    /* the input is the graph's output: everywhere */
};

static int drop_identity(struct tro_edit *e, struct tro_edit_scope *s, struct identities *d,
                         struct tro_onnx_node *n)
{
    const struct tro_str x = n->inputs[0], y = n->outputs[0];
    int rc;
    if (!tro_edit_is_output(s, y))
        rc = tro_edit_renames_add(&d->forward, y, x);
    else if (tro_map_get(&d->makers, x, NULL) && !tro_edit_is_output(s, x) &&
             !tro_map_get(&d->back.map, x, NULL))
        rc = tro_edit_renames_add(&d->back, x, y);
    else
        return 0;
    tro_edit_drop(n);
    e->report->n_identity++;
    return rc;
}

int tro_edit_drop_identities(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct identities d = {0};
    struct tro_onnx_graph *g = s->graph;
    int rc = tro_edit_maker_map(g, &d.makers);
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++) {
        tro_edit_rename_uses(&g->nodes[i], &d.forward);
        if (!tro_edit_is_dropped(&g->nodes[i]) && passes_on(e, s, &g->nodes[i]))
            rc = drop_identity(e, s, &d, &g->nodes[i]);
    }
    if (rc >= 0)
        tro_edit_rename_all(g, &d.back);
    tro_map_finish(&d.makers);
    tro_edit_renames_finish(&d.forward);
    tro_edit_renames_finish(&d.back);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}

/* ---- dead ------------------------------------------------------------------------------ */

/* An operator of another domain without results may be there for what it does. */
static bool is_dead(const struct tro_onnx_node *n, const struct tro_map *uses)
{
    for (size_t i = 0; i < n->n_outputs; i++)
        if (tro_edit_n_uses(uses, n->outputs[i]))
            return false;
    return n->n_outputs || !n->domain.n;
}

/* From the end, so that what only dead nodes use is found dead in the same sweep. */
static int drop_dead_nodes(struct tro_edit *e, struct tro_onnx_graph *g, struct tro_map *uses)
{
    for (size_t i = g->n_nodes; i-- > 0;) {
        struct tro_onnx_node *n = &g->nodes[i];
        if (tro_edit_is_dropped(n) || !is_dead(n, uses))
            continue;
        TRO_TRY(tro_edit_uncount_uses(n, uses));
        tro_edit_drop(n);
        e->report->n_dead++;
    }
    tro_edit_compact(g);
    return 0;
}

static void drop_unused_weights(struct tro_edit *e, struct tro_onnx_graph *g,
                                const struct tro_map *uses)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (tro_edit_n_uses(uses, g->initializers[i].name))
            g->initializers[n++] = g->initializers[i];
    e->report->n_unused_weight += (int64_t)(g->n_initializers - n);
    g->n_initializers = n;
}

int tro_edit_drop_dead(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct tro_map uses = {0};
    int rc = tro_edit_count_uses(s->graph, &uses);
    if (rc >= 0)
        rc = drop_dead_nodes(e, s->graph, &uses);
    if (rc >= 0)
        drop_unused_weights(e, s->graph, &uses);
    tro_map_finish(&uses);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}
