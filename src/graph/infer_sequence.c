/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of recurrent layers and attention. */
#include "graph/infer_util.h"

#include "base/dtype.h"

/* Input i is absent, of unknown rank or has this shape. Sizes that are -1 may be anything. */
static int want_shape(const struct tro_infer_call *c, int i, int rank, const tro_dim *want,
                      const char *what)
{
    if (!tro_has(c, i) || c->in[i].shape.rank < 0)
        return 0;
    TRO_TRY(tro_want_rank(c, i, rank, rank));
    tro_dim same;
    for (int d = 0; d < rank; d++)
        if (!tro_dim_is(want[d], -1))
            TRO_TRY(tro_same_dim(c, c->in[i].shape.dim[d], want[d], what, &same));
    return 0;
}

/* ---- recurrent ------------------------------------------------------------------------- */

struct recurrent {
    tro_dim time, batch, features, directions, hidden, gates; /* gates: rows of w, all gates */
    bool batch_first;
};

static int set_recurrent_types(struct tro_infer_call *c)
{
    const struct tro_attrs_recurrent *const a = c->attrs;
    const bool is_lstm = a->kind == tro_recurrent_lstm;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    for (int i = 1; i < 8; i++) {
        if (!tro_has(c, i))
            continue;
        if (i >= 6 && !is_lstm)
            return tro_fail(c->err, TRO_E_INPUT,
                            "input %d is given: expected a cell state and peepholes only of lstm",
                            i);
        TRO_TRY(i == 4 ? tro_want_type(c, i, TRO_T(TRO_I32)) : tro_want_same_type(c, i, 0));
    }
    if (c->n_out > 2 && !is_lstm)
        return tro_fail(c->err, TRO_E_INPUT,
                        "expected at most 2 outputs, found 3: only lstm has a cell state");
    for (int i = 0; i < c->n_out; i++)
        c->out[i].dtype = c->in[0].dtype;
    return 0;
}

/* Without the rank of x, the attributes say most of the result. */
static int read_recurrent(struct tro_infer_call *c, struct recurrent *r)
{
    const struct tro_attrs_recurrent *const a = c->attrs;
    struct tro_shape x = c->in[0].shape;
    if (x.rank < 0)
        x = (struct tro_shape){.dim = {tro_free_dim(c), tro_free_dim(c), tro_dim_const(-1)}};
    else
        TRO_TRY(tro_want_rank(c, 0, 3, 3));
    TRO_TRY(tro_want_attr(c, a->hidden_size, 1, INT32_MAX, "hidden_size"));
    const int n_gates = a->kind == tro_recurrent_lstm ? 4 : a->kind == tro_recurrent_gru ? 3 : 1;
    r->batch_first = a->batch_first != 0;
    r->time = x.dim[r->batch_first ? 1 : 0];
    r->batch = x.dim[r->batch_first ? 0 : 1];
    r->features = x.dim[2];
    r->directions = tro_dim_const(a->direction == tro_rnn_direction_bidirectional ? 2 : 1);
    r->hidden = tro_dim_const(a->hidden_size);
    r->gates = tro_dim_const(n_gates * a->hidden_size);
    return 0;
}

static struct tro_shape state_shape(const struct recurrent *r)
{
    struct tro_shape s = {.rank = 3, .dim = {r->directions, r->batch, r->hidden}};
    if (r->batch_first) {
        s.dim[0] = r->batch;
        s.dim[1] = r->directions;
    }
    return s;
}

static int want_recurrent_shapes(const struct tro_infer_call *c, const struct recurrent *r)
{
    const struct tro_attrs_recurrent *const a = c->attrs;
    const struct tro_shape state = state_shape(r);
    const tro_dim w[3] = {r->directions, r->gates, r->features};
    const tro_dim rec[3] = {r->directions, r->gates, r->hidden};
    const tro_dim bias[2] = {r->directions, tro_dim_mul(c->dims, r->gates, tro_dim_const(2))};
    const tro_dim peephole[2] = {r->directions, tro_dim_const(3 * a->hidden_size)};
    TRO_TRY(want_shape(c, 1, 3, w, "w [directions, gates * hidden_size, features]"));
    TRO_TRY(want_shape(c, 2, 3, rec, "r [directions, gates * hidden_size, hidden_size]"));
    TRO_TRY(want_shape(c, 3, 2, bias, "bias [directions, 2 * gates * hidden_size]"));
    TRO_TRY(want_shape(c, 4, 1, &r->batch, "lengths [batch]"));
    TRO_TRY(want_shape(c, 5, 3, state.dim, "first h"));
    TRO_TRY(want_shape(c, 6, 3, state.dim, "first c"));
    return want_shape(c, 7, 2, peephole, "peephole [directions, 3 * hidden_size]");
}

int tro_infer_recurrent(struct tro_infer_call *c)
{
    struct recurrent r;
    TRO_TRY(set_recurrent_types(c));
    TRO_TRY(read_recurrent(c, &r));
    TRO_TRY(want_recurrent_shapes(c, &r));
    c->out[0].shape = (struct tro_shape){.rank = 4,
                                         .dim = {r.time, r.directions, r.batch, r.hidden}};
    if (r.batch_first)
        c->out[0].shape = (struct tro_shape){.rank = 4,
                                             .dim = {r.batch, r.time, r.directions, r.hidden}};
    for (int i = 1; i < c->n_out; i++)
        c->out[i].shape = state_shape(&r);
    return 0;
}

/* ---- attention ------------------------------------------------------------------------- */

/* An operand as [batch, heads, length, head]. */
struct heads {
    tro_dim batch, n, length, size;
};

struct attention {
    struct heads q, k, v;
    tro_dim past, total; /* lengths of keys */
};

static int read_heads(const struct tro_infer_call *c, int i, int64_t n, struct heads *h)
{
    const struct tro_shape *const s = &c->in[i].shape;
    if (s->rank == 4) {
        *h = (struct heads){s->dim[0], s->dim[1], s->dim[2], s->dim[3]};
        if (n && tro_dims_clash(h->n, tro_dim_const(n)))
            return tro_fail(c->err, TRO_E_INPUT,
                            "input %d has %" PRId64 " heads: expected %" PRId64
                            " as the attribute says",
                            i, tro_dim_value(h->n), n);
        return 0;
    }
    TRO_TRY(tro_want_rank(c, i, 3, 4));
    TRO_TRY(tro_want_attr(c, n, 1, INT32_MAX, i == 0 ? "q_heads" : "kv_heads"));
    if (tro_dim_is_const(s->dim[2]) && tro_dim_value(s->dim[2]) % n != 0)
        return tro_fail(c->err, TRO_E_INPUT,
                        "input %d has rows of %" PRId64 ": expected a multiple of its %" PRId64
                        " heads",
                        i, tro_dim_value(s->dim[2]), n);
    *h = (struct heads){s->dim[0], tro_dim_const(n), s->dim[1],
                        tro_dim_div(c->dims, s->dim[2], tro_dim_const(n))};
    return 0;
}

static int want_past(const struct tro_infer_call *c, int i, const struct heads *h, tro_dim *past)
{
    const tro_dim want[4] = {h->batch, h->n, *past, h->size};
    TRO_TRY(want_shape(c, i, 4, want, i == 4 ? "past k" : "past v"));
    if (tro_dim_is(*past, -1))
        *past = c->in[i].shape.dim[2];
    return 0;
}

static int read_past(struct tro_infer_call *c, struct attention *t)
{
    if (tro_has(c, 4) != tro_has(c, 5))
        return tro_fail(c->err, TRO_E_INPUT, "expected past k and past v, found one of them");
    t->past = tro_dim_const(tro_has(c, 4) ? -1 : 0);
    if (tro_has(c, 4)) {
        TRO_TRY(want_past(c, 4, &t->k, &t->past));
        TRO_TRY(want_past(c, 5, &t->v, &t->past));
    }
    t->total = tro_dim_add(c->dims, t->past, t->k.length);
    return 0;
}

static int read_attention(struct tro_infer_call *c, struct attention *t)
{
    const struct tro_attrs_attention *const a = c->attrs;
    const int rank = c->in[0].shape.rank;
    TRO_TRY(tro_want_rank(c, 1, rank, rank));
    TRO_TRY(tro_want_rank(c, 2, rank, rank));
    TRO_TRY(read_heads(c, 0, a->q_heads, &t->q));
    TRO_TRY(read_heads(c, 1, a->kv_heads, &t->k));
    TRO_TRY(read_heads(c, 2, a->kv_heads, &t->v));
    TRO_TRY(tro_same_dim(c, t->q.batch, t->k.batch, "batch of q and k", &t->k.batch));
    TRO_TRY(tro_same_dim(c, t->k.batch, t->v.batch, "batch of k and v", &t->v.batch));
    TRO_TRY(tro_same_dim(c, t->k.n, t->v.n, "heads of k and v", &t->v.n));
    TRO_TRY(tro_same_dim(c, t->q.size, t->k.size, "head size of q and k", &t->k.size));
    TRO_TRY(tro_same_dim(c, t->k.length, t->v.length, "length of k and v", &t->v.length));
    if (tro_dim_is_const(t->q.n) && tro_dim_is_const(t->k.n) &&
        (tro_dim_value(t->k.n) < 1 || tro_dim_value(t->q.n) % tro_dim_value(t->k.n) != 0))
        return tro_fail(c->err, TRO_E_INPUT,
                        "q has %" PRId64 " heads, k has %" PRId64 ": expected a multiple",
                        tro_dim_value(t->q.n), tro_dim_value(t->k.n));
    return read_past(c, t);
}

/* The mask broadcasts to the scores. */
static int want_mask(const struct tro_infer_call *c, const struct tro_shape *scores)
{
    if (!tro_has(c, 3))
        return 0;
    const struct tro_shape *const mask = &c->in[3].shape;
    TRO_TRY(tro_want_rank(c, 3, 0, 4));
    for (int d = 0; d < mask->rank; d++)
        TRO_TRY(tro_want_broadcast(c, mask->dim[d], scores->dim[4 - mask->rank + d],
                                   "mask and scores"));
    return 0;
}

static int set_attention_types(struct tro_infer_call *c)
{
    const struct tro_attrs_attention *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    TRO_TRY(tro_want_type(c, 2, TRO_T_FLOAT));
    if (tro_has(c, 3))
        TRO_TRY(tro_want_type(c, 3, TRO_T_NUMBER | TRO_T_BOOL));
    if (tro_has(c, 4))
        TRO_TRY(tro_want_same_type(c, 4, 1));
    if (tro_has(c, 5))
        TRO_TRY(tro_want_same_type(c, 5, 2));
    if (a->softmax_type >= TRO_N_DTYPES ||
        (a->softmax_type != TRO_DTYPE_NONE && !(TRO_T(a->softmax_type) & TRO_T_FLOAT)))
        return tro_fail(c->err, TRO_E_INPUT, "softmax_type is %s: expected f32, f16, bf16 or f64",
                        tro_dtype_name(a->softmax_type));
    TRO_TRY(tro_want_attr(c, a->qk_output, 0, 3, "qk_output"));
    for (int i = 0; i < c->n_out; i++)
        c->out[i].dtype = c->in[i == 2 ? 2 : 0].dtype;
    return 0;
}

int tro_infer_attention(struct tro_infer_call *c)
{
    TRO_TRY(set_attention_types(c));
    if (!tro_ranks_known(c))
        return 0;
    struct attention t;
    TRO_TRY(read_attention(c, &t));
    const struct tro_shape shapes[4] = {
        {.rank = 4, .dim = {t.q.batch, t.q.n, t.q.length, t.v.size}},
        {.rank = 4, .dim = {t.k.batch, t.k.n, t.total, t.k.size}},
        {.rank = 4, .dim = {t.v.batch, t.v.n, t.total, t.v.size}},
        {.rank = 4, .dim = {t.q.batch, t.q.n, t.q.length, t.total}},
    };
    TRO_TRY(want_mask(c, &shapes[3]));
    for (int i = 0; i < c->n_out; i++)
        c->out[i].shape = shapes[i];
    if (c->in[0].shape.rank == 3)
        c->out[0].shape = (struct tro_shape){
            .rank = 3, .dim = {t.q.batch, t.q.length, tro_dim_mul(c->dims, t.q.n, t.v.size)}};
    return 0;
}
