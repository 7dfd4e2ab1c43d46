/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of weights: what they hold, and what is there for nothing. */
#include "inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/hash.h"

#define CHUNK 1024
/* Copies of what is smaller cost nothing worth a word. */
#define DUPLICATE_MIN_BYTES 256
#define HALF_MAX 65504.0
/* What is not above half the least positive number rounds to 0. */
#define HALF_ZERO 0x1p-25

/* ---- reading --------------------------------------------------------------------------- */

static void scan(const struct tro_tensor *t, struct tro_weight *w)
{
    double row[CHUNK];
    const int64_t n = tro_tensor_n_elems(t);
    for (int64_t i = 0; i < n; i += CHUNK) {
        const int64_t n_row = n - i < CHUNK ? n - i : CHUNK;
        tro_load_row_f64(t->dtype, t->data, i, n_row, row);
        for (int64_t k = 0; k < n_row; k++) {
            const double v = fabs(row[k]);
            w->n_nan += isnan(v);
            w->n_infinite += isinf(v);
            if (isfinite(v) && v > w->max_abs)
                w->max_abs = v;
        }
    }
}

static int read_weight(struct tro_inspect *x, size_t i, struct tro_err *err)
{
    const struct tro_onnx_tensor *message = &x->onnx->graph.initializers[i];
    struct tro_weight *w = &x->weights[i];
    struct tro_arena arena = {0};
    struct tro_tensor t;
    const int rc = tro_onnx_tensor_decode(x->onnx, &arena, message, &t, NULL);
    if (rc >= 0) {
        w->is_read = true;
        w->n_bytes = tro_tensor_n_bytes(&t);
        w->hash = tro_hash64(t.shape, (size_t)t.rank * sizeof *t.shape, (uint64_t)t.dtype);
        w->hash = tro_hash64(t.data, w->n_bytes, w->hash);
        if (tro_dtype_is_float(t.dtype))
            scan(&t, w);
    }
    tro_arena_finish(&arena);
    /* What cannot be read is told by the import's error. */
    return rc == TRO_E_NOMEM ? tro_fail_nomem(err) : 0;
}

static bool has_half(const struct tro_onnx_value_info *infos, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (infos[i].elem_type == TRO_ONNX_FLOAT16)
            return true;
    return false;
}

int tro_inspect_weights(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    x->weights = TRO_NEW_N(&x->arena, struct tro_weight, g->n_initializers);
    if (!x->weights)
        return tro_fail_nomem(err);
    x->is_half = has_half(g->inputs, g->n_inputs) || has_half(g->outputs, g->n_outputs);
    for (size_t i = 0; i < g->n_initializers; i++) {
        x->is_half |= g->initializers[i].data_type == TRO_ONNX_FLOAT16;
        TRO_TRY(read_weight(x, i, err));
    }
    return 0;
}

/* ---- for nothing ----------------------------------------------------------------------- */

int tro_check_replaceable(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_inputs; i++)
        if (tro_map_get(&x->initializers, g->inputs[i].name, NULL))
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_replaceable, err, "'%.*s'",
                                    (int)g->inputs[i].name.n, g->inputs[i].name.p));
    return 0;
}

int tro_check_unused(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (!tro_inspect_n_uses(x, g->initializers[i].name))
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_unused, err, "'%.*s', %zu bytes",
                                    (int)g->initializers[i].name.n, g->initializers[i].name.p,
                                    x->weights[i].n_bytes));
    return 0;
}

struct hashed {
    uint64_t hash;
    size_t index;
};

static int by_hash(const void *a, const void *b)
{
    const struct hashed *p = a, *q = b;
    if (p->hash != q->hash)
        return p->hash < q->hash ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static bool is_equal(const struct tro_inspect *x, size_t a, size_t b)
{
    const struct tro_onnx_tensor *list = x->onnx->graph.initializers;
    struct tro_arena arena = {0};
    struct tro_tensor s, t;
    const bool equal = tro_onnx_tensor_decode(x->onnx, &arena, &list[a], &s, NULL) >= 0 &&
                       tro_onnx_tensor_decode(x->onnx, &arena, &list[b], &t, NULL) >= 0 &&
                       s.dtype == t.dtype && s.rank == t.rank &&
                       memcmp(s.shape, t.shape, (size_t)s.rank * sizeof *s.shape) == 0 &&
                       memcmp(s.data, t.data, tro_tensor_n_bytes(&s)) == 0;
    tro_arena_finish(&arena);
    return equal;
}

static int add_duplicates(struct tro_inspect *x, struct hashed *list, size_t n, struct tro_err *err)
{
    const struct tro_onnx_tensor *names = x->onnx->graph.initializers;
    for (size_t i = 1, first = 0; i < n; i++) {
        if (list[i].hash != list[first].hash || !is_equal(x, list[first].index, list[i].index)) {
            first = i;
            continue;
        }
        const struct tro_str a = names[list[i].index].name, b = names[list[first].index].name;
        TRO_TRY(tro_inspect_add(x, TRO_CHECK_duplicate, err, "'%.*s' is '%.*s', %zu bytes",
                                (int)a.n, a.p, (int)b.n, b.p, x->weights[list[i].index].n_bytes));
    }
    return 0;
}

int tro_check_duplicate(struct tro_inspect *x, struct tro_err *err)
{
    const size_t n_all = x->onnx->graph.n_initializers;
    struct hashed *list = tro_calloc(n_all + 1, sizeof *list);
    if (!list)
        return tro_fail_nomem(err);
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (x->weights[i].is_read && x->weights[i].n_bytes >= DUPLICATE_MIN_BYTES)
            list[n++] = (struct hashed){x->weights[i].hash, i};
    if (n)
        qsort(list, n, sizeof *list, by_hash);
    const int rc = add_duplicates(x, list, n, err);
    tro_free(list);
    return rc;
}

static struct tro_str location_of(const struct tro_onnx_tensor *t)
{
    for (size_t i = 0; i < t->n_external; i++)
        if (tro_str_eqz(t->external[i].key, "location"))
            return t->external[i].value;
    return TRO_STR("");
}

int tro_check_external(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    struct tro_str last = {0};
    for (size_t i = 0; i < g->n_initializers; i++) {
        const struct tro_str file = location_of(&g->initializers[i]);
        if (!g->initializers[i].is_external || (last.p && tro_str_eq(file, last)))
            continue;
        last = file;
        TRO_TRY(tro_inspect_add(x, TRO_CHECK_external, err, "'%.*s', from '%.*s' on", (int)file.n,
                                file.p, (int)g->initializers[i].name.n, g->initializers[i].name.p));
    }
    return 0;
}

/* ---- what they hold -------------------------------------------------------------------- */

int tro_check_nonfinite(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_initializers; i++) {
        const struct tro_weight *w = &x->weights[i];
        if (w->n_nan || w->n_infinite)
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_nonfinite, err,
                                    "'%.*s': %lld NaN, %lld infinite elements",
                                    (int)g->initializers[i].name.n, g->initializers[i].name.p,
                                    (long long)w->n_nan, (long long)w->n_infinite));
    }
    return 0;
}

int tro_check_half_range(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_initializers; i++)
        if (x->weights[i].max_abs > HALF_MAX)
            TRO_TRY(tro_inspect_add(x, TRO_CHECK_half_range, err, "'%.*s': up to %.4g",
                                    (int)g->initializers[i].name.n, g->initializers[i].name.p,
                                    x->weights[i].max_abs));
    return 0;
}

static int add_epsilon(struct tro_inspect *x, const struct tro_onnx_node *n,
                       const struct tro_onnx_opset *opsets, size_t n_opsets, struct tro_err *err)
{
    (void)opsets;
    (void)n_opsets;
    const struct tro_onnx_attr *a = tro_onnx_find_attr(n, "epsilon");
    if (!a || !(fabsf(a->f) <= (float)HALF_ZERO))
        return 0;
    return tro_inspect_add(x, TRO_CHECK_half_epsilon, err, "%s: %.3g", tro_inspect_node(x, n),
                           (double)a->f);
}

int tro_check_half_epsilon(struct tro_inspect *x, struct tro_err *err)
{
    return x->is_half ? tro_inspect_each_node(x, add_epsilon, err) : 0;
}

static bool is_zero(const struct tro_inspect *x, struct tro_str name)
{
    const struct tro_onnx_tensor *message = tro_inspect_constant(x, name);
    struct tro_arena arena = {0};
    struct tro_tensor t;
    bool zero = true;
    if (message && tro_onnx_tensor_decode(x->onnx, &arena, message, &t, NULL) >= 0)
        for (int64_t i = 0; i < tro_tensor_n_elems(&t); i++)
            zero &= tro_load_f64(t.dtype, t.data, i) == 0;
    tro_arena_finish(&arena);
    return zero;
}

/* A pair of Quantize and Dequantize is told once, by its first node; weights are none of it. */
static bool is_told_elsewhere(const struct tro_inspect *x, const struct tro_onnx_node *n)
{
    uint32_t before;
    if (tro_inspect_constant(x, n->inputs[0]))
        return true;
    return tro_map_get(&x->producers, n->inputs[0], &before) &&
           tro_str_eqz(x->onnx->graph.nodes[before].op_type, "QuantizeLinear");
}

int tro_check_zero_point(struct tro_inspect *x, struct tro_err *err)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct tro_onnx_node *n = &g->nodes[i];
        const bool is_quantizing = tro_str_eqz(n->op_type, "QuantizeLinear") ||
                                   tro_str_eqz(n->op_type, "DequantizeLinear");
        if (!is_quantizing || n->n_inputs < 3 || is_told_elsewhere(x, n) ||
            is_zero(x, n->inputs[2]))
            continue;
        TRO_TRY(tro_inspect_add(x, TRO_CHECK_zero_point, err, "%s", tro_inspect_node(x, n)));
    }
    return 0;
}
