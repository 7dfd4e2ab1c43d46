/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantized networks as exporters write them, in floating point between quantize (Q) and dequantize
 * (D) nodes, become integer ones:
 *
 *     Q(D(x))                        x, where both have the same parameters
 *     move(D(x)), max_pool(D(x))     D(move(x)), as split, so that D meets a Q or an anchor
 *     max(D(x), 0)                   D(max(x, zero))
 *     Q(move(x)), Q(concat(x, y))    move(Q(x)), so that an anchor meets its Q
 *     Q(f(D(x)))                     qdq_table.c
 *     Q(mean(D(x)))                  qdq_mean.c
 *     Q(resize(D(x))), linear        qdq_resize.c
 *     Q(softmax(D(x)))               qdq_rows.c, as normalize(D(x))
 *     conv(D(x), D(w), b) ..         qdq_int.c, as conv_transpose and matmul
 *
 * A tensor that something else needs in floating point is dequantized for that as well.
 */
#include "passes/qdq.h"

#include "base/dtype.h"
#include "passes/pass.h"

#include <string.h>

enum { MAX_PARTS = 64 };

/* ---- what stands in the graph ---------------------------------------------------------- */

static bool is_zero(const struct tro_pass *p, tro_value_id v)
{
    double z;
    return tro_pass_splat(p, v, &z) && z == 0;
}

bool tro_match_dequantize(const struct tro_pass *p, tro_value_id v, struct tro_qvalue *q)
{
    const struct tro_node *const n = tro_pass_def(p, v, TRO_OP_DEQUANTIZE);
    if (!n || !tro_is_const(p->g, n->in[1]) || tro_value_get(p->g, v)->dtype != TRO_F32 ||
        !tro_dtype_is_int(tro_value_get(p->g, n->in[0])->dtype))
        return false;
    *q = (struct tro_qvalue){.x = n->in[0], .scale = n->in[1]};
    if (n->n_in < 3 || is_zero(p, n->in[2]))
        return true;
    q->zero = n->in[2];
    return tro_is_const(p->g, q->zero);
}

static bool is_one(const struct tro_pass *p, tro_value_id v)
{
    return v.i == 0 || tro_value_get(p->g, v)->shape.rank == 0;
}

bool tro_is_per_tensor(const struct tro_pass *p, const struct tro_qvalue *q)
{
    return is_one(p, q->scale) && is_one(p, q->zero);
}

bool tro_match_quantize(const struct tro_pass *p, tro_node_id id, struct tro_qvalue *q)
{
    if (!tro_match_quantize_wide(p, id, q))
        return false;
    const enum tro_dtype to = tro_value_get(p->g, tro_node_get(p->g, id)->out[0])->dtype;
    return to == TRO_I8 || to == TRO_U8;
}

bool tro_match_quantize_wide(const struct tro_pass *p, tro_node_id id, struct tro_qvalue *q)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (id.i == 0 || n->op != TRO_OP_QUANTIZE)
        return false;
    const enum tro_dtype to = tro_value_get(p->g, n->out[0])->dtype;
    *q = (struct tro_qvalue){.x = n->in[0], .scale = n->in[1]};
    if (!tro_is_const(p->g, q->scale) || tro_value_get(p->g, q->scale)->dtype != TRO_F32 ||
        tro_value_get(p->g, q->x)->dtype != TRO_F32 ||
        (to != TRO_I8 && to != TRO_U8 && to != TRO_I16))
        return false;
    if (n->n_in > 2 && !is_zero(p, n->in[2]))
        q->zero = n->in[2];
    return (q->zero.i == 0 || tro_is_const(p->g, q->zero)) && tro_is_per_tensor(p, q);
}

static bool is_equal_const(const struct tro_pass *p, tro_value_id a, tro_value_id b)
{
    if (a.i == b.i)
        return true;
    if (a.i == 0 || b.i == 0)
        return false;
    const struct tro_tensor x = tro_const_tensor(p->g, a), y = tro_const_tensor(p->g, b);
    return x.dtype == y.dtype && x.rank == 0 && y.rank == 0 &&
           memcmp(x.data, y.data, tro_dtype_size(x.dtype)) == 0;
}

bool tro_is_same_quant(const struct tro_pass *p, const struct tro_qvalue *a,
                       const struct tro_qvalue *b)
{
    return tro_is_per_tensor(p, a) && tro_is_per_tensor(p, b) &&
           is_equal_const(p, a->scale, b->scale) && is_equal_const(p, a->zero, b->zero);
}

/* ---- pairs ----------------------------------------------------------------------------- */

/* Q of a constant; Q(D(x)). */
static bool drop_quantize(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue q, d;
    if (!tro_match_quantize(p, id, &q))
        return false;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (tro_is_const(p->g, q.x)) {
        if (tro_pass_is_output(p, n.out[0]) || !tro_pass_allows(p, id))
            return false;
        tro_pass_replace(p, n.out[0], tro_pass_emit(p, id, n.op, n.attrs, n.in, n.n_in));
        return true;
    }
    if (!tro_match_dequantize(p, q.x, &d) || !tro_is_same_quant(p, &q, &d) ||
        !tro_pass_may_replace(p, n.out[0], d.x) || !tro_pass_allows(p, id))
        return false;
    tro_pass_replace(p, n.out[0], d.x);
    return true;
}

/* ---- D moves down ---------------------------------------------------------------------- */

static tro_value_id emit_dequantize(struct tro_pass *p, tro_node_id before, tro_value_id x,
                                    const struct tro_qvalue *q)
{
    const tro_value_id in[3] = {x, q->scale, q->zero};
    return tro_pass_emit(p, before, TRO_OP_DEQUANTIZE, NULL, in, q->zero.i ? 3 : 2);
}

/* Backends pool and resize bytes and floats. */
static bool moves_type(const struct tro_pass *p, const struct tro_node *n, tro_value_id x)
{
    return tro_dtype_size(tro_value_get(p->g, x)->dtype) == 1 ||
           (n->op != TRO_OP_POOL && n->op != TRO_OP_RESIZE);
}

static bool move_down(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue q;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (!tro_node_takes_elements(&n) || n.n_in > 8 || !tro_match_dequantize(p, n.in[0], &q) ||
        !tro_is_per_tensor(p, &q) || tro_is_const(p->g, q.x) || !moves_type(p, &n, q.x) ||
        !tro_pass_allows(p, id))
        return false;
    tro_value_id in[8];
    memcpy(in, n.in, n.n_in * sizeof(in[0]));
    in[0] = q.x;
    const tro_value_id x = tro_pass_emit(p, id, n.op, n.attrs, in, n.n_in);
    tro_pass_replace(p, n.out[0], emit_dequantize(p, id, x, &q));
    return true;
}

/* split(D(x)) */
static bool move_split_down(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue q;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (n.op != TRO_OP_SPLIT || n.n_out > MAX_PARTS || n.n_in > 2 ||
        !tro_match_dequantize(p, n.in[0], &q) || !tro_is_per_tensor(p, &q) ||
        tro_is_const(p->g, q.x) || !tro_pass_allows(p, id))
        return false;
    const tro_value_id in[2] = {q.x, n.n_in > 1 ? n.in[1] : TRO_VALUE_NONE};
    tro_value_id parts[MAX_PARTS];
    const struct tro_node_spec spec = {.op = n.op,
                                       .name = n.name,
                                       .attrs = n.attrs,
                                       .n_in = n.n_in,
                                       .n_out = n.n_out,
                                       .in = in,
                                       .before = id};
    p->rc = tro_graph_add_node(p->g, n.block, &spec, parts, p->err);
    p->is_index_stale = true;
    for (uint32_t i = 0; i < n.n_out && p->rc == 0; i++)
        if (n.out[i].i)
            tro_pass_replace(p, n.out[i], emit_dequantize(p, id, parts[i], &q));
    return true;
}

/* max(D(x), 0): D grows with x, and D(zero) is 0. */
static bool move_relu_down(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue q;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (n.op != TRO_OP_MAX)
        return false;
    const int k = is_zero(p, n.in[0]) ? 1 : 0;
    double scale;
    if (!is_zero(p, n.in[1 - k]) || !tro_match_dequantize(p, n.in[k], &q) ||
        !tro_is_per_tensor(p, &q) || !tro_pass_splat(p, q.scale, &scale) || !(scale > 0) ||
        !tro_pass_is_same_shape(p, n.in[k], n.out[0]) || !tro_pass_allows(p, id))
        return false;
    const enum tro_dtype dtype = tro_value_get(p->g, q.x)->dtype;
    const tro_value_id zero = q.zero.i ? q.zero : tro_pass_const_f64(p, dtype, 0);
    const tro_value_id x = tro_pass_emit2(p, id, TRO_OP_MAX, q.x, zero);
    tro_pass_replace(p, n.out[0], emit_dequantize(p, id, x, &q));
    return true;
}

/* concat of tensors with equal parameters */
static bool move_concat_down(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue first, q;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (n.op != TRO_OP_CONCAT || !tro_match_dequantize(p, n.in[0], &first))
        return false;
    for (uint32_t i = 0; i < n.n_in; i++)
        if (!tro_match_dequantize(p, n.in[i], &q) || !tro_is_same_quant(p, &first, &q) ||
            tro_value_get(p->g, q.x)->dtype != tro_value_get(p->g, first.x)->dtype)
            return false;
    tro_value_id *const in = TRO_NEW_N(&p->g->arena, tro_value_id, n.n_in);
    if (!in || !tro_pass_allows(p, id))
        return false;
    for (uint32_t i = 0; i < n.n_in; i++)
        in[i] = tro_node_get(p->g, tro_value_get(p->g, n.in[i])->def)->in[0];
    const tro_value_id x = tro_pass_emit(p, id, n.op, n.attrs, in, n.n_in);
    tro_pass_replace(p, n.out[0], emit_dequantize(p, id, x, &first));
    return true;
}

/* ---- Q moves up ------------------------------------------------------------------------ */

static bool is_free_move(enum tro_op op)
{
    return op == TRO_OP_RESHAPE || op == TRO_OP_SQUEEZE || op == TRO_OP_UNSQUEEZE ||
           op == TRO_OP_TRANSPOSE || op == TRO_OP_CONCAT;
}

/* Inputs of the node in front of Q that it would quantize; others are parameters. */
static uint32_t n_moved(const struct tro_node *n)
{
    return n->op == TRO_OP_CONCAT ? n->n_in : 1;
}

static bool may_move_up(struct tro_pass *p, const struct tro_qvalue *q)
{
    const tro_node_id def = tro_value_get(p->g, q->x)->def;
    const struct tro_node *const n = tro_node_get(p->g, def);
    if (def.i == 0 || !is_free_move(n->op) || tro_pass_n_uses(p, q->x) != 1 || n->n_in > 255)
        return false;
    for (uint32_t i = 0; i < n_moved(n); i++)
        if (tro_pass_n_uses(p, n->in[i]) != 1 || tro_value_get(p->g, n->in[i])->def.i == 0)
            return false;
    return true;
}

static bool move_up(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue q;
    if (!tro_match_quantize(p, id, &q) || !may_move_up(p, &q) || !tro_pass_allows(p, id))
        return false;
    const struct tro_node quantize = *tro_node_get(p->g, id);
    const tro_node_id move = tro_value_get(p->g, q.x)->def;
    const struct tro_node n = *tro_node_get(p->g, move);
    tro_value_id *const in = TRO_NEW_N(&p->g->arena, tro_value_id, n.n_in);
    if (!in)
        return false;
    memcpy(in, n.in, n.n_in * sizeof(in[0]));
    for (uint32_t i = 0; i < n_moved(&n); i++) {
        const tro_value_id from[3] = {n.in[i], quantize.in[1],
                                      quantize.n_in > 2 ? quantize.in[2] : TRO_VALUE_NONE};
        in[i] = tro_pass_emit(p, move, TRO_OP_QUANTIZE, quantize.attrs, from, quantize.n_in);
    }
    tro_pass_replace(p, quantize.out[0], tro_pass_emit(p, move, n.op, n.attrs, in, n.n_in));
    return true;
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    if (tro_node_get(p->g, id)->n_out != 1) {
        move_split_down(p, id);
        return;
    }
    if (!drop_quantize(p, id) && !move_down(p, id) && !move_relu_down(p, id) &&
        !move_concat_down(p, id) && !move_up(p, id) && !tro_make_table(p, id) &&
        !tro_make_int_mean(p, id) && !tro_make_int_resize(p, id) && !tro_make_int_softmax(p, id) &&
        !tro_make_int_norm(p, id))
        tro_make_int_anchor(p, id);
}

/* Q moves up before the anchors look for it. */
int tro_pass_qdq(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
