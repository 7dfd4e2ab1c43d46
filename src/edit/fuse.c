/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of moves, and BatchNormalization behind a convolution. */
#include "edit/steps.h"

#include <math.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"

struct neighbours {
    struct tro_map uses, makers;
};

static int find_neighbours(const struct tro_onnx_graph *g, struct neighbours *n)
{
    const int rc = tro_edit_count_uses(g, &n->uses);
    return rc < 0 ? rc : tro_edit_maker_map(g, &n->makers);
}

static void neighbours_finish(struct neighbours *n)
{
    tro_map_finish(&n->uses);
    tro_map_finish(&n->makers);
}

/* The node that makes a name which is used once, so by the node at hand alone; NULL otherwise. */
static struct tro_onnx_node *only_maker(struct tro_onnx_graph *g, const struct neighbours *around,
                                        struct tro_str name)
{
    uint32_t i;
    if (tro_edit_n_uses(&around->uses, name) != 1 || !tro_map_get(&around->makers, name, &i) ||
        tro_edit_is_dropped(&g->nodes[i]))
        return NULL;
    return &g->nodes[i];
}

/* ---- chains ---------------------------------------------------------------------------- */

static bool join_transposes(struct tro_edit *e, const struct tro_onnx_node *first,
                            struct tro_onnx_node *second)
{
    const struct tro_onnx_attr *a = tro_onnx_find_attr(first, "perm");
    struct tro_onnx_attr *b = (struct tro_onnx_attr *)tro_onnx_find_attr(second, "perm");
    if (!a || !b || a->n_ints != b->n_ints)
        return false;
    int64_t *perm = TRO_NEW_N(&e->m->arena, int64_t, a->n_ints + 1);
    for (size_t i = 0; perm && i < b->n_ints; i++) {
        if (b->ints[i] < 0 || b->ints[i] >= (int64_t)a->n_ints)
            return false;
        perm[i] = a->ints[b->ints[i]];
    }
    if (!perm)
        return false;
    b->ints = perm;
    second->inputs[0] = first->inputs[0];
    return true;
}

/* A Reshape whose target copies no size of its input may take what came before. */
static bool join_reshapes(struct tro_edit *e, const struct tro_edit_scope *s,
                          const struct tro_onnx_node *first, struct tro_onnx_node *second)
{
    static const char *const before[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"};
    struct tro_ints shape;
    bool keeps_elements = false;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        keeps_elements = keeps_elements || tro_edit_is_op(e, first, before[i]);
    if (!keeps_elements || second->n_inputs != 2 ||
        !tro_edit_constant_ints(e, s, second->inputs[1], &shape))
        return false;
    for (int i = 0; i < shape.n; i++)
        if (shape.v[i] == 0)
            return false;
    second->inputs[0] = first->inputs[0];
    return true;
}

static bool join(struct tro_edit *e, const struct tro_edit_scope *s,
                 const struct tro_onnx_node *first, struct tro_onnx_node *second)
{
    if (tro_edit_is_op(e, second, "Transpose"))
        return tro_edit_is_op(e, first, "Transpose") && join_transposes(e, first, second);
    return tro_edit_is_op(e, second, "Reshape") && join_reshapes(e, s, first, second);
}

int tro_edit_join_chains(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct neighbours around = {0};
    struct tro_onnx_graph *g = s->graph;
    const int rc = find_neighbours(g, &around);
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++) {
        struct tro_onnx_node *n = &g->nodes[i];
        struct tro_onnx_node *before = n->n_inputs ? only_maker(g, &around, n->inputs[0]) : NULL;
        if (!before || !before->n_inputs || !join(e, s, before, n))
            continue;
        tro_edit_drop(before);
        e->report->n_chain++;
    }
    neighbours_finish(&around);
    return rc < 0 ? tro_fail_nomem(e->err) : 0;
}

/* ---- BatchNormalization ---------------------------------------------------------------- */

/* y = (w x + b - mean) * k + shift with k = scale / sqrt(variance + epsilon) */
struct folding {
    struct tro_tensor w, bias, scale, shift, mean, variance;
    double epsilon;
    bool has_bias;
};

static bool is_vector_of(const struct tro_tensor *t, int64_t n)
{
    return t->rank == 1 && t->shape[0] == n;
}

static bool read_folding(struct tro_edit *e, const struct tro_edit_scope *s,
                         const struct tro_onnx_node *conv, const struct tro_onnx_node *norm,
                         struct folding *f)
{
    const struct tro_onnx_attr *epsilon = tro_onnx_find_attr(norm, "epsilon");
    const struct tro_onnx_attr *training = tro_onnx_find_attr(norm, "training_mode");
    struct tro_tensor *const params[4] = {&f->scale, &f->shift, &f->mean, &f->variance};
    f->epsilon = epsilon ? (double)epsilon->f : (double)1e-5F;
    f->has_bias = conv->n_inputs > 2 && conv->inputs[2].n;
    if ((training && training->i) || norm->n_inputs != 5 || conv->n_inputs < 2 ||
        !tro_edit_constant_value(e, s, conv->inputs[1], &f->w) || f->w.rank < 3 ||
        (f->w.dtype != TRO_F32 && f->w.dtype != TRO_F64))
        return false;
    for (int i = 0; i < 4; i++)
        if (!tro_edit_constant_value(e, s, norm->inputs[1 + i], params[i]) ||
            !is_vector_of(params[i], f->w.shape[0]) || !tro_dtype_is_float(params[i]->dtype))
            return false;
    return !f->has_bias || (tro_edit_constant_value(e, s, conv->inputs[2], &f->bias) &&
                            is_vector_of(&f->bias, f->w.shape[0]) && f->bias.dtype == f->w.dtype);
}

static double at(const struct tro_tensor *t, int64_t i)
{
    return tro_load_f64(t->dtype, t->data, i);
}

/* New weights and bias, each element rounded once. */
static void compute_folding(const struct folding *f, struct tro_tensor *w, struct tro_tensor *bias)
{
    const int64_t n_out = f->w.shape[0], n_row = n_out ? tro_tensor_n_elems(&f->w) / n_out : 0;
    for (int64_t m = 0; m < n_out; m++) {
        const double k = at(&f->scale, m) / sqrt(at(&f->variance, m) + f->epsilon);
        const double b = f->has_bias ? at(&f->bias, m) : 0;
        for (int64_t i = m * n_row; i < (m + 1) * n_row; i++)
            tro_store_f64(w->dtype, w->data, i, at(&f->w, i) * k);
        tro_store_f64(bias->dtype, bias->data, m, (b - at(&f->mean, m)) * k + at(&f->shift, m));
    }
}

static struct tro_str suffixed(struct tro_edit *e, struct tro_str stem, const char *suffix)
{
    const char *text = tro_arena_printf(&e->m->arena, "%.*s%s", (int)stem.n, stem.p, suffix);
    if (!text)
        return (struct tro_str){0};
    return tro_edit_fresh(e->m, &e->names, (struct tro_str){text, stem.n + strlen(suffix)});
}

static int fold_one(struct tro_edit *e, struct tro_edit_scope *s, struct tro_onnx_node *conv,
                    struct tro_onnx_node *norm, const struct folding *f)
{
    struct tro_tensor w = f->w;
    struct tro_tensor bias = {.dtype = w.dtype, .rank = 1, .shape = {w.shape[0]}};
    w.data = tro_arena_alloc64(&e->scratch, tro_tensor_n_bytes(&w));
    bias.data = tro_arena_alloc64(&e->scratch, tro_tensor_n_bytes(&bias));
    const struct tro_str w_name = suffixed(e, conv->inputs[1], "_folded");
    const struct tro_str b_name = suffixed(e, norm->inputs[2], "_folded");
    struct tro_str *inputs = TRO_NEW_N(&e->m->arena, struct tro_str, 3);
    if (!w.data || !bias.data || !w_name.n || !b_name.n || !inputs)
        return tro_fail_nomem(e->err);
    compute_folding(f, &w, &bias);
    TRO_TRY(tro_edit_add_tensor(e, s, w_name, &w));
    TRO_TRY(tro_edit_add_tensor(e, s, b_name, &bias));
    inputs[0] = conv->inputs[0];
    inputs[1] = w_name;
    inputs[2] = b_name;
    conv->inputs = inputs;
    conv->n_inputs = 3;
    conv->outputs[0] = norm->outputs[0];
    tro_edit_drop(norm);
    e->report->n_normalization++;
    return 0;
}

int tro_edit_fold_normalization(struct tro_edit *e, struct tro_edit_scope *s)
{
    struct neighbours around = {0};
    struct tro_onnx_graph *g = s->graph;
    int rc = find_neighbours(g, &around) < 0 ? tro_fail_nomem(e->err) : 0;
    for (size_t i = 0; i < g->n_nodes && rc >= 0; i++) {
        struct tro_onnx_node *norm = &g->nodes[i];
        struct folding f = {0};
        if (!tro_edit_is_op(e, norm, "BatchNormalization") || norm->n_outputs != 1 ||
            !norm->n_inputs)
            continue;
        struct tro_onnx_node *conv = only_maker(g, &around, norm->inputs[0]);
        if (conv && tro_edit_is_op(e, conv, "Conv") && conv->n_outputs == 1 &&
            read_folding(e, s, conv, norm, &f) &&
            tro_edit_afford(e, (double)tro_tensor_n_bytes(&f.w), 0))
            rc = fold_one(e, s, conv, norm, &f);
    }
    neighbours_finish(&around);
    return rc;
}
