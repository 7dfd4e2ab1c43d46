/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What depends on one quantized tensor alone, element by element, becomes a look-up:
 *
 *     Q(f(D(x)))      table(x)      x of 8 bits: the results for its 256 values, whatever f is
 *                                   x of 16 bits: between 513 of them, if that is within a quantum
 *                                   of 8 bits, or of 11 where the result has 16
 *     exp(f(D(x)))    table(x)      where backends differ in the last bits of a function that is
 *                                   not quantized again; f32
 *
 * The reference kernels compute the entries here, so that every backend has the same ones.
 */
#include "base/dtype.h"
#include "passes/qdq.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_NODES = 32, N_KNOTS = 513, KNOT_STEP = 128, N_WIDE = 65536 };

/* Nodes that make a value of x alone, in order, and what stands for their values elsewhere. */
struct cone {
    tro_value_id x;
    tro_node_id nodes[MAX_NODES];
    tro_value_id again[MAX_NODES];
    int n, depth;
};

static bool is_leaf_type(enum tro_dtype d)
{
    return tro_dtype_is_int(d) && tro_dtype_size(d) <= 2;
}

static int find(const struct tro_pass *p, const struct cone *c, tro_value_id v)
{
    for (int i = 0; i < c->n; i++)
        if (tro_value_eq(tro_node_get(p->g, c->nodes[i])->out[0], v))
            return i;
    return -1;
}

static bool add_node(const struct tro_pass *p, struct cone *c, tro_node_id id);

static bool add_value(const struct tro_pass *p, struct cone *c, tro_value_id v)
{
    if (v.i == 0 || find(p, c, v) >= 0 || tro_value_eq(v, c->x))
        return true;
    if (tro_is_const(p->g, v))
        return tro_value_max_elems(p->g, v) == 1;
    if (is_leaf_type(tro_value_get(p->g, v)->dtype)) {
        const bool is_first = c->x.i == 0;
        c->x = is_first ? v : c->x;
        return is_first;
    }
    return add_node(p, c, tro_value_get(p->g, v)->def);
}

/* A node is added once all that it needs is there. Recursion is at most as deep as there may be
 * nodes. */
static bool add_node(const struct tro_pass *p, struct cone *c, tro_node_id id)
{
    if (id.i == 0)
        return false;
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->n_out != 1 || n->n_in > 3 ||
        c->depth == MAX_NODES)
        return false;
    c->depth++;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const bool is_table = n->op == TRO_OP_TABLE && i == 1;
        if (is_table ? !tro_is_const(p->g, n->in[i]) : !add_value(p, c, n->in[i]))
            return false;
    }
    c->depth--;
    if (c->n == MAX_NODES)
        return false;
    c->nodes[c->n++] = id;
    return true;
}

static bool has_dequantize(const struct tro_pass *p, const struct cone *c)
{
    for (int i = 0; i < c->n; i++)
        if (tro_node_get(p->g, c->nodes[i])->op == TRO_OP_DEQUANTIZE)
            return true;
    return false;
}

/* Everything that makes v, of 8 or 16 bits and dequantized; the result has x's shape. */
static bool match(const struct tro_pass *p, tro_node_id id, struct cone *c)
{
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    *c = (struct cone){.x = TRO_VALUE_NONE};
    return add_node(p, c, id) && c->x.i && has_dequantize(p, c) &&
           tro_pass_is_same_shape(p, c->x, y);
}

/* The nodes again on constants: x becomes `of`, or what D makes of x, where `of` is f32. */
static tro_value_id emit_again(struct tro_pass *p, struct cone *c, tro_node_id before, int n_nodes,
                               tro_value_id of)
{
    const bool is_float = tro_value_get(p->g, of)->dtype == TRO_F32;
    tro_value_id y = of;
    for (int i = 0; i < n_nodes && p->rc == 0; i++) {
        const struct tro_node n = *tro_node_get(p->g, c->nodes[i]);
        tro_value_id in[3];
        for (uint32_t k = 0; k < n.n_in; k++) {
            const int at = find(p, c, n.in[k]);
            in[k] = tro_value_eq(n.in[k], c->x) ? of : at >= 0 ? c->again[at] : n.in[k];
        }
        y = is_float && n.op == TRO_OP_DEQUANTIZE
                ? of
                : tro_pass_emit(p, before, n.op, n.attrs, in, n.n_in);
        c->again[i] = y;
    }
    return y;
}

static tro_value_id flat(struct tro_pass *p, tro_node_id before, tro_value_id v, int64_t n)
{
    const tro_dim dim = tro_dim_const(n);
    return p->rc < 0 ? v : tro_pass_emit_reshape(p, before, v, &dim, 1);
}

/* All bytes in order. */
static tro_value_id all_bytes(struct tro_pass *p, enum tro_dtype d)
{
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    return tro_pass_const(
        p, &(struct tro_tensor){.dtype = d, .rank = 1, .shape = {256}, .data = bytes});
}

static bool make_8bit(struct tro_pass *p, tro_node_id id, struct cone *c)
{
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    if (!tro_pass_allows(p, id))
        return false;
    const tro_value_id codes = all_bytes(p, tro_value_get(p->g, c->x)->dtype);
    const tro_value_id table = flat(p, id, emit_again(p, c, id, c->n, codes), 256);
    tro_pass_replace(p, y, tro_pass_emit2(p, id, TRO_OP_TABLE, c->x, table));
    return true;
}

/* ---- 16 bits ----------------------------------------------------------------------------- */

/* All values of x, least first. */
static tro_value_id all_words(struct tro_pass *p, enum tro_dtype d)
{
    uint16_t *const words = TRO_NEW_N(&p->g->arena, uint16_t, N_WIDE);
    if (!words)
        return TRO_VALUE_NONE;
    for (int i = 0; i < N_WIDE; i++)
        words[i] = (uint16_t)(i + (int)tro_dtype_min(d));
    return tro_pass_const_kept(
        p, &(struct tro_tensor){.dtype = d, .rank = 1, .shape = {N_WIDE}, .data = words});
}

/* The parameters that all D of the cone have; false where they differ. */
static bool find_scale(const struct tro_pass *p, const struct cone *c, struct tro_qvalue *q)
{
    bool is_found = false;
    for (int i = 0; i < c->n; i++) {
        struct tro_qvalue d;
        if (tro_node_get(p->g, c->nodes[i])->op != TRO_OP_DEQUANTIZE)
            continue;
        if (!tro_match_dequantize(p, tro_node_get(p->g, c->nodes[i])->out[0], &d) ||
            !tro_is_per_tensor(p, &d) || (is_found && !tro_is_same_quant(p, q, &d)))
            return false;
        *q = d;
        is_found = true;
    }
    return is_found;
}

static double one_of(const struct tro_pass *p, tro_value_id v)
{
    double x = 0;
    return v.i && tro_pass_splat(p, v, &x) ? x : 0;
}

/* Every 128th value of D(x), and the one behind the last. */
static tro_value_id all_knots(struct tro_pass *p, const struct tro_qvalue *q)
{
    float knots[N_KNOTS];
    const double least = (double)tro_dtype_min(tro_value_get(p->g, q->x)->dtype);
    for (int i = 0; i < N_KNOTS; i++)
        knots[i] = (float)((least + KNOT_STEP * i - one_of(p, q->zero)) * one_of(p, q->scale));
    return tro_pass_const(
        p, &(struct tro_tensor){.dtype = TRO_F32, .rank = 1, .shape = {N_KNOTS}, .data = knots});
}

/* In 256ths of the result, cut where sums could leave 32 bits: far beyond its greatest value, where
 * a function comes to it between two entries. */
static tro_value_id entries(struct tro_pass *p, tro_value_id at_knots, const struct tro_qvalue *q)
{
    const double most = (1 << 24) - 256;
    int32_t entry[N_KNOTS];
    const struct tro_tensor t = tro_const_tensor(p->g, at_knots);
    for (int i = 0; i < N_KNOTS; i++) {
        const double v = rint(
            256 * (tro_load_f64(t.dtype, t.data, i) / one_of(p, q->scale) + one_of(p, q->zero)));
        entry[i] = (int32_t)(v > most ? most : v > -most ? v : -most);
    }
    return tro_pass_const(
        p, &(struct tro_tensor){.dtype = TRO_I32, .rank = 1, .shape = {N_KNOTS}, .data = entry});
}

/* Is nowhere more than a quantum off? Of 16 bits 32, which are one of 11 bits. */
static bool is_close(const struct tro_pass *p, tro_value_id a, tro_value_id b)
{
    const struct tro_tensor x = tro_const_tensor(p->g, a), y = tro_const_tensor(p->g, b);
    const int64_t most = tro_dtype_size(x.dtype) == 1 ? 1 : 32;
    for (int i = 0; i < N_WIDE; i++)
        if (llabs(tro_load_i64(x.dtype, x.data, i) - tro_load_i64(y.dtype, y.data, i)) > most)
            return false;
    return true;
}

static bool make_16bit(struct tro_pass *p, tro_node_id id, struct cone *c)
{
    struct tro_qvalue q, d;
    const tro_value_id y = tro_node_get(p->g, id)->out[0];
    const struct tro_attrs_cast to = {.to = tro_value_get(p->g, y)->dtype};
    if (!tro_match_quantize_wide(p, id, &q) || !find_scale(p, c, &d) || find(p, c, q.x) != c->n - 2)
        return false;
    const tro_value_id words = all_words(p, tro_value_get(p->g, c->x)->dtype);
    if (words.i == 0)
        return false;
    const tro_value_id exact = flat(p, id, emit_again(p, c, id, c->n, words), N_WIDE);
    const tro_value_id knots = emit_again(p, c, id, c->n - 1, all_knots(p, &d));
    if (p->rc < 0 || !tro_is_const(p->g, exact) || !tro_is_const(p->g, knots) ||
        tro_value_max_elems(p->g, knots) != N_KNOTS)
        return false;
    tro_value_id in[2] = {words, entries(p, knots, &q)};
    const tro_value_id near = tro_pass_emit(p, id, TRO_OP_TABLE, &to, in, 2);
    if (p->rc < 0 || !tro_is_const(p->g, near) || !is_close(p, exact, near) ||
        !tro_pass_allows(p, id))
        return false;
    in[0] = c->x;
    tro_pass_replace(p, y, tro_pass_emit(p, id, TRO_OP_TABLE, &to, in, 2));
    return true;
}

/* ---- which nodes ------------------------------------------------------------------------- */

bool tro_op_is_curved(enum tro_op op)
{
    return (op >= TRO_OP_EXP && op <= TRO_OP_SOFTPLUS) || op == TRO_OP_POW;
}

bool tro_make_table(struct tro_pass *p, tro_node_id id)
{
    struct cone c;
    struct tro_qvalue q;
    const struct tro_node *const n = tro_node_get(p->g, id);
    const bool is_end = tro_match_quantize_wide(p, id, &q);
    if ((!is_end && !tro_op_is_curved(n->op)) || tro_is_const(p->g, n->in[0]) || !match(p, id, &c))
        return false;
    if (tro_dtype_size(tro_value_get(p->g, c.x)->dtype) == 1)
        return (!is_end || tro_match_quantize(p, id, &q)) && make_8bit(p, id, &c);
    return is_end && make_16bit(p, id, &c);
}
