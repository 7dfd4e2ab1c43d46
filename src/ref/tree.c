/* SPDX-License-Identifier: Apache-2.0 */
/* tree_ensemble: the tables are as the operator's line in ops.def says. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum column {
    FEATURE,
    MODE,
    TRUE_CHILD,
    TRUE_IS_LEAF,
    FALSE_CHILD,
    FALSE_IS_LEAF,
    NAN_IS_TRUE,
    SET
};
enum { N_COLUMNS = 8, MODE_MEMBER = 6 };

struct trees {
    const struct tro_attrs_tree_ensemble *a;
    int64_t n_nodes, n_leaves, n_roots, n_members, n_features;
    const int64_t *nodes, *targets, *roots;
    const double *splits, *weights, *members;
    /* Of the current row, by target. */
    double *sums;
    bool *is_hit;
};

/* ---- tables ---------------------------------------------------------------------------- */

static int want_index(const struct tro_ref_call *c, int64_t v, int64_t n, const char *what,
                      int64_t at)
{
    if (v >= 0 && v < n)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "%s %" PRId64 " is %" PRId64 ": expected 0 to %" PRId64,
                    what, at, v, n - 1);
}

static int check(const struct tro_ref_call *c, const struct trees *t)
{
    for (int64_t i = 0; i < t->n_nodes; i++) {
        const int64_t *const node = t->nodes + i * N_COLUMNS;
        TRO_TRY(want_index(c, node[FEATURE], t->n_features, "feature of node", i));
        TRO_TRY(want_index(c, node[MODE], MODE_MEMBER + 1, "mode of node", i));
        TRO_TRY(want_index(c, node[TRUE_CHILD], node[TRUE_IS_LEAF] ? t->n_leaves : t->n_nodes,
                           "true child of node", i));
        TRO_TRY(want_index(c, node[FALSE_CHILD], node[FALSE_IS_LEAF] ? t->n_leaves : t->n_nodes,
                           "false child of node", i));
        if (node[MODE] == MODE_MEMBER)
            TRO_TRY(want_index(c, node[SET], t->n_members + 1, "set of node", i));
    }
    for (int64_t i = 0; i < t->n_leaves; i++)
        TRO_TRY(want_index(c, t->targets[i], t->a->n_targets, "target of leaf", i));
    for (int64_t i = 0; i < t->n_roots; i++)
        TRO_TRY(want_index(c, t->roots[i], t->n_nodes, "root", i));
    return 0;
}

/* ---- one row --------------------------------------------------------------------------- */

static bool is_member(const struct trees *t, int64_t begin, double x)
{
    for (int64_t i = begin; i < t->n_members && !isnan(t->members[i]); i++)
        if (t->members[i] == x)
            return true;
    return false;
}

static bool goes_true(const struct trees *t, int64_t i, double x)
{
    const int64_t *const node = t->nodes + i * N_COLUMNS;
    const double split = t->splits[i];
    if (isnan(x) && node[NAN_IS_TRUE])
        return true;
    switch (node[MODE]) {
    case 0:
        return x <= split;
    case 1:
        return x < split;
    case 2:
        return x >= split;
    case 3:
        return x > split;
    case 4:
        return x == split;
    case 5:
        return x != split;
    default:
        return is_member(t, node[SET], x);
    }
}

/* The leaf that a row ends at; -1 when the nodes go in a circle. */
static int64_t leaf_of(const struct trees *t, int64_t root, const double *row)
{
    int64_t i = root;
    for (int64_t n = 0; n <= t->n_nodes; n++) {
        const int64_t *const node = t->nodes + i * N_COLUMNS;
        const bool is_true = goes_true(t, i, row[node[FEATURE]]);
        i = node[is_true ? TRUE_CHILD : FALSE_CHILD];
        if (node[is_true ? TRUE_IS_LEAF : FALSE_IS_LEAF])
            return i;
    }
    return -1;
}

static void add_leaf(const struct trees *t, int64_t leaf)
{
    double *const sum = &t->sums[t->targets[leaf]];
    bool *const is_hit = &t->is_hit[t->targets[leaf]];
    const double w = t->weights[leaf];
    if (t->a->aggregate == tro_tree_aggregate_min || t->a->aggregate == tro_tree_aggregate_max) {
        const bool is_better = t->a->aggregate == tro_tree_aggregate_min ? w < *sum : w > *sum;
        *sum = !*is_hit || is_better ? w : *sum;
    } else {
        *sum += w;
    }
    *is_hit = true;
}

/* ---- transforms of the result ------------------------------------------------------------ */

/* Of values that are not 0 only, which stay 0, when skips_zeros. */
static void softmax(double *v, int64_t n, bool skips_zeros)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = v[i] > most ? v[i] : most;
    for (int64_t i = 0; i < n; i++) {
        if (skips_zeros && v[i] == 0)
            continue;
        v[i] = exp(v[i] - most);
        sum += v[i];
    }
    for (int64_t i = 0; i < n && sum != 0; i++)
        v[i] /= sum;
}

/* Inverse of the normal distribution, by halving. */
static double probit(double p)
{
    if (!(p > 0 && p < 1))
        return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    if (p >= 0.5)
        return p > 0.5 ? -probit(1 - p) : 0;
    double lo = -40, hi = 0;
    for (int i = 0; i < 64; i++) {
        const double mid = lo + (hi - lo) / 2;
        if (0.5 * erfc(-mid / sqrt(2)) < p)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static void transform(const struct trees *t)
{
    const int64_t n = t->a->n_targets;
    for (int64_t i = 0; i < n && t->a->aggregate == tro_tree_aggregate_average; i++)
        t->sums[i] /= (double)t->n_roots;
    switch (t->a->post) {
    case tro_tree_post_softmax:
    case tro_tree_post_softmax_zero:
        softmax(t->sums, n, t->a->post == tro_tree_post_softmax_zero);
        break;
    case tro_tree_post_logistic:
        for (int64_t i = 0; i < n; i++)
            t->sums[i] = 1 / (1 + exp(-t->sums[i]));
        break;
    case tro_tree_post_probit:
        for (int64_t i = 0; i < n; i++)
            t->sums[i] = probit(t->sums[i]);
        break;
    default:
        break;
    }
}

static int run_row(const struct tro_ref_call *c, const struct trees *t, const double *row)
{
    memset(t->sums, 0, (size_t)t->a->n_targets * sizeof(*t->sums));
    memset(t->is_hit, 0, (size_t)t->a->n_targets * sizeof(*t->is_hit));
    for (int64_t i = 0; i < t->n_roots; i++) {
        const int64_t leaf = leaf_of(t, t->roots[i], row);
        if (leaf < 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "the nodes of tree %" PRId64 " go in a circle: expected each path to "
                            "end at a leaf",
                            i);
        add_leaf(t, leaf);
    }
    transform(t);
    return 0;
}

/* All elements as double; n receives their number. */
static int load(struct tro_ref_call *c, int i, const double **out, int64_t *n)
{
    *n = 0;
    if (i >= c->n_in || c->in[i].dtype == TRO_DTYPE_NONE)
        return 0;
    *n = tro_tensor_n_elems(&c->in[i]);
    *out = tro_ref_load_f64(c, &c->in[i]);
    return *out ? 0 : tro_fail_nomem(c->err);
}

int tro_ref_tree_ensemble(struct tro_ref_call *c)
{
    struct tro_tensor *const y = &c->out[0];
    struct trees t = {.a = c->attrs,
                      .nodes = c->in[1].data,
                      .targets = c->in[3].data,
                      .roots = c->in[5].data,
                      .n_roots = c->in[5].shape[0],
                      .n_features = c->in[0].shape[1]};
    const double *x = NULL;
    int64_t n_x;
    TRO_TRY(load(c, 0, &x, &n_x));
    TRO_TRY(load(c, 2, &t.splits, &t.n_nodes));
    TRO_TRY(load(c, 4, &t.weights, &t.n_leaves));
    TRO_TRY(load(c, 6, &t.members, &t.n_members));
    t.sums = TRO_NEW_N(c->scratch, double, (size_t)t.a->n_targets);
    t.is_hit = TRO_NEW_N(c->scratch, bool, (size_t)t.a->n_targets);
    if (!t.sums || !t.is_hit)
        return tro_fail_nomem(c->err);
    TRO_TRY(check(c, &t));
    for (int64_t r = 0; r < y->shape[0]; r++) {
        TRO_TRY(run_row(c, &t, x + r * t.n_features));
        tro_store_row_f64(y->dtype, y->data, r * t.a->n_targets, t.a->n_targets, t.sums);
    }
    return 0;
}
