/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attention as ONNX Attention 23 defines it, in double throughout:
 *
 *     softmax(cap(scale * q k^T + mask)) v       cap(s) = softcap * tanh(s / softcap)
 *
 * Three points are as ONNX 1.18, which brought the operator, its function body and its node tests
 * have them; later releases of ONNX changed them without a new version of the operator:
 *   heads_of     head h of q goes with head h % kv_heads of k and v
 *   finish_row   the mask is added before the cap
 *   read_sizes   q, k and v of rank 3 lie in memory as [batch, heads, length, head], though the
 *                result of rank 3 is [batch, length, heads * head]
 */
#include "ref/gemm.h"
#include "ref/kernels.h"
#include "ref/parts.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <string.h>

struct attention {
    struct tro_ref_call *c;
    const struct tro_attrs_attention *a;
    int64_t batch, q_heads, kv_heads, q_length, past, length; /* length: of all keys */
    int64_t head, v_head;
    struct tro_reals q, k, v;
    int64_t mask_stride[TRO_MAX_RANK];
    /* Rows of scores in work: `n_rows` of each head from `first` on. */
    int64_t first, n_rows;
    double *scores; /* [batch, q_heads, n_rows, length] */
};

/* Rows that are in memory at a time have about so many scores. */
#define MAX_SCORES (INT64_C(1) << 22)

static bool has(const struct tro_ref_call *c, int i)
{
    return i < c->n_in && c->in[i].dtype != TRO_DTYPE_NONE;
}

static bool is_wanted(const struct tro_ref_call *c, int i)
{
    return i < c->n_out && c->out[i].data;
}

/* ---- keys and values ------------------------------------------------------------------- */

/* Strides of [batch, heads, length, head]. */
struct strides {
    int64_t batch, head, row;
};

static struct strides dense(int64_t heads, int64_t length, int64_t size)
{
    return (struct strides){heads * length * size, length * size, size};
}

/* Rows of one head of k or v to their place among all. */
static void copy_rows(const struct attention *t, const struct tro_tensor *from, int64_t n,
                      int64_t row_bytes, int64_t first, struct tro_tensor *to)
{
    for (int64_t bh = 0; bh < t->batch * t->kv_heads; bh++)
        memcpy((char *)to->data + (bh * t->length + first) * row_bytes,
               (const char *)from->data + bh * n * row_bytes, (size_t)(n * row_bytes));
}

/* The past ones and those of input i, one after the other, as [batch, kv_heads, length, size]: in
 * output i when that is wanted. */
static int join_past(struct attention *t, int i, int64_t size, struct tro_reals *out)
{
    struct tro_ref_call *const c = t->c;
    struct tro_tensor all = {
        .dtype = c->in[i].dtype, .rank = 4, .shape = {t->batch, t->kv_heads, t->length, size}};
    all.data = is_wanted(c, i) ? c->out[i].data
                               : tro_arena_alloc(c->scratch, (size_t)tro_tensor_n_elems(&all),
                                                 tro_dtype_size(all.dtype));
    if (!all.data)
        return tro_fail_nomem(c->err);
    const int64_t row_bytes = size * (int64_t)tro_dtype_size(all.dtype);
    if (t->past > 0)
        copy_rows(t, &c->in[3 + i], t->past, row_bytes, 0, &all);
    copy_rows(t, &c->in[i], t->length - t->past, row_bytes, t->past, &all);
    return tro_ref_reals(c, &all, out);
}

/* ---- scores ---------------------------------------------------------------------------- */

static double mask_at(const struct attention *t, const int64_t *index)
{
    const struct tro_tensor *const mask = &t->c->in[3];
    int64_t at = 0;
    for (int i = 0; i < 4; i++)
        at += index[i] * t->mask_stride[i];
    if (mask->dtype == TRO_BOOL)
        return tro_load_i64(TRO_BOOL, mask->data, at) ? 0 : -INFINITY;
    return tro_load_f64(mask->dtype, mask->data, at);
}

static void softmax(double *row, int64_t n)
{
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = row[i] > most ? row[i] : most;
    for (int64_t i = 0; i < n; i++) {
        row[i] = exp(row[i] - most);
        sum += row[i];
    }
    for (int64_t i = 0; i < n; i++)
        row[i] /= sum;
}

static void store_scores(const struct attention *t, int mode, int64_t row, const double *scores)
{
    const struct tro_tensor *const out = &t->c->out[3];
    if (is_wanted(t->c, 3) && t->a->qk_output == mode)
        tro_store_row_f64(out->dtype, out->data, row * t->length, t->length, scores);
}

/* From products of q and k to probabilities, for one row of one head. */
static void finish_row(void *ctx, int64_t i, void *memory)
{
    const struct attention *const t = ctx;
    const int64_t bh = i / t->n_rows, r = t->first + i % t->n_rows, row = bh * t->q_length + r;
    const int64_t n = t->length;
    double *const s = t->scores + i * n;
    (void)memory;
    const double scale = t->a->scale != 0 ? t->a->scale : 1 / sqrt((double)t->head);
    for (int64_t k = 0; k < n; k++)
        s[k] *= scale;
    store_scores(t, 0, row, s);
    for (int64_t k = 0; k < n && has(t->c, 3); k++)
        s[k] += mask_at(t, (const int64_t[4]){bh / t->q_heads, bh % t->q_heads, r, k});
    for (int64_t k = t->past + r + 1; k < n && t->a->is_causal; k++)
        s[k] = -INFINITY;
    store_scores(t, 1, row, s);
    for (int64_t k = 0; k < n && t->a->softcap != 0; k++)
        s[k] = t->a->softcap * tanh(s[k] / t->a->softcap);
    store_scores(t, 2, row, s);
    softmax(s, n);
    store_scores(t, 3, row, s);
}

/* ---- products -------------------------------------------------------------------------- */

/* Loops over batch, groups and heads of k and v, as q, k (or v) and scores lie. */
static struct tro_axes heads_of(const struct attention *t, struct strides a, int64_t size_b,
                                struct strides out)
{
    const int64_t head_b = t->length * size_b, n_groups = t->q_heads / t->kv_heads;
    return (struct tro_axes){3,
                             {{t->batch, a.batch, t->kv_heads * head_b, out.batch},
                              {n_groups, a.head * t->kv_heads, 0, out.head * t->kv_heads},
                              {t->kv_heads, a.head, head_b, out.head}}};
}

static struct strides result_strides(const struct attention *t)
{
    if (t->c->out[0].rank == 4)
        return dense(t->q_heads, t->q_length, t->v_head);
    return (struct strides){t->q_length * t->q_heads * t->v_head, t->v_head,
                            t->q_heads * t->v_head};
}

static int multiply_keys(const struct attention *t)
{
    const struct strides q = dense(t->q_heads, t->q_length, t->head);
    const struct strides s = dense(t->q_heads, t->n_rows, t->length);
    struct tro_contraction p = {.batch = heads_of(t, q, t->head, s),
                                .m = {1, {{t->n_rows, q.row, 0, s.row}}},
                                .n = {1, {{t->length, 0, t->head, 1}}},
                                .k = {1, {{t->head, 1, 1, 0}}},
                                .a = t->q,
                                .b = t->k,
                                .out_dtype = TRO_F64,
                                .out = t->scores};
    if (p.a.f)
        p.a.f += t->first * q.row;
    else
        p.a.d += t->first * q.row;
    return tro_ref_contract(&p, t->c->err);
}

static int multiply_values(const struct attention *t)
{
    struct tro_tensor *const y = &t->c->out[0];
    const struct strides o = result_strides(t), s = dense(t->q_heads, t->n_rows, t->length);
    const size_t skip = (size_t)(t->first * o.row) * tro_dtype_size(y->dtype);
    const struct tro_contraction p = {.batch = heads_of(t, s, t->v_head, o),
                                      .m = {1, {{t->n_rows, s.row, 0, o.row}}},
                                      .n = {1, {{t->v_head, 0, 1, 1}}},
                                      .k = {1, {{t->length, 1, t->v_head, 0}}},
                                      .a = {.d = t->scores},
                                      .b = t->v,
                                      .out_dtype = y->dtype,
                                      .out = (char *)y->data + skip};
    return tro_ref_contract(&p, t->c->err);
}

/* ---- the whole ------------------------------------------------------------------------- */

static void read_sizes(struct attention *t)
{
    const struct tro_ref_call *const c = t->c;
    const struct tro_tensor *const q = &c->in[0], *const k = &c->in[1], *const v = &c->in[2];
    const bool is_split = q->rank == 4;
    t->batch = q->shape[0];
    t->q_heads = is_split ? q->shape[1] : t->a->q_heads;
    t->kv_heads = is_split ? k->shape[1] : t->a->kv_heads;
    t->q_length = q->shape[is_split ? 2 : 1];
    t->past = has(c, 4) ? c->in[4].shape[2] : 0;
    t->length = t->past + k->shape[is_split ? 2 : 1];
    t->head = is_split ? q->shape[3] : q->shape[2] / t->q_heads;
    t->v_head = is_split ? v->shape[3] : v->shape[2] / t->kv_heads;
    const struct tro_tensor scores = {.rank = 4,
                                      .shape = {t->batch, t->q_heads, t->q_length, t->length}};
    if (has(c, 3))
        tro_ref_bcast_strides(&c->in[3], &scores, t->mask_stride);
}

static int run_rows(struct attention *t, int64_t first, int64_t n_rows)
{
    const int64_t n = t->batch * t->q_heads * n_rows;
    t->first = first;
    t->n_rows = n_rows;
    TRO_TRY(multiply_keys(t));
    TRO_TRY(tro_ref_parts(n, 30 * (double)n * (double)t->length, 0, finish_row, t, t->c->err));
    return is_wanted(t->c, 0) ? multiply_values(t) : 0;
}

int tro_ref_attention(struct tro_ref_call *c)
{
    struct attention t = {.c = c, .a = c->attrs};
    read_sizes(&t);
    TRO_TRY(tro_ref_reals(c, &c->in[0], &t.q));
    TRO_TRY(join_past(&t, 1, t.head, &t.k));
    TRO_TRY(join_past(&t, 2, t.v_head, &t.v));
    const int64_t each = t.batch * t.q_heads * t.length;
    if (tro_tensor_n_elems(&c->out[0]) == 0 && (t.q_length == 0 || each == 0))
        return 0;
    int64_t n_rows = each > 0 ? MAX_SCORES / each : t.q_length;
    n_rows = n_rows < 1 ? 1 : n_rows > t.q_length ? t.q_length : n_rows;
    t.scores = tro_arena_alloc(c->scratch, (size_t)each, (size_t)n_rows * sizeof(double));
    if (!t.scores)
        return tro_fail_nomem(c->err);
    for (int64_t first = 0; first < t.q_length; first += n_rows) {
        const int64_t left = t.q_length - first;
        TRO_TRY(run_rows(&t, first, left < n_rows ? left : n_rows));
    }
    return 0;
}
