/* SPDX-License-Identifier: Apache-2.0 */
/* Attention at one level: each level's file includes this once, after it has defined
 * ATTENTION_LEVEL, ATTENTION_NAME, ATTENTION_ROWS and ATTENTION_VECTORS (the tile in registers). */
#include "cpu/attention.h"
#include "cpu/math.h"
#include "cpu/simd.h"

#include <string.h>

#define ATTENTION_JOIN_(a, b) a##__##b
#define ATTENTION_JOIN(a, b) ATTENTION_JOIN_(a, b)

/* fma is a call where the level has no instruction for it. */
#if defined(__FMA__) || defined(__ARM_NEON)
#define ATTENTION_ADD_PRODUCT(a, b, c) vf_fma(a, b, c)
#else
#define ATTENTION_ADD_PRODUCT(a, b, c) ((a) * (b) + (c))
#endif

enum { ROWS = ATTENTION_ROWS, VECTORS = ATTENTION_VECTORS, LANES = VF_LANES };
enum { WIDTH = VECTORS * LANES };

/* Some rows of one head. */
struct head {
    const struct tro_attention *t;
    const struct tro_step *s;
    const struct tro_step_run *r;
    int64_t batch, q_head, kv_head;
    float *keys, *values, *scores, *mask; /* memory of the thread */
    int64_t pitch;                        /* of scores */
    const float *v;                       /* rows of values and what lies between two */
    int64_t v_pitch;
};

static const float *row_of(const struct tro_step_run *r, const struct tro_arg *a, int64_t b,
                           int64_t h, int64_t row)
{
    return (const float *)tro_arg_ptr(r, a) + b * a->stride[0] + h * a->stride[1] +
           row * a->stride[2];
}

/* ---- keys and values ------------------------------------------------------------------- */

typedef float quad __attribute__((vector_size(16)));

static inline quad quad_load(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

/* 4 keys of 4 elements each to 4 rows of keys. */
static inline void transpose_4x4(const float *const *keys, int64_t d, float *dst)
{
    const quad a = quad_load(keys[0] + d), b = quad_load(keys[1] + d);
    const quad c = quad_load(keys[2] + d), e = quad_load(keys[3] + d);
    const quad ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const quad ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad ce_lo = __builtin_shufflevector(c, e, 0, 4, 1, 5);
    const quad ce_hi = __builtin_shufflevector(c, e, 2, 6, 3, 7);
    const quad rows[4] = {__builtin_shufflevector(ab_lo, ce_lo, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_lo, ce_lo, 2, 3, 6, 7),
                          __builtin_shufflevector(ab_hi, ce_hi, 0, 1, 4, 5),
                          __builtin_shufflevector(ab_hi, ce_hi, 2, 3, 6, 7)};
    for (int i = 0; i < 4; i++)
        memcpy(dst + (d + i) * WIDTH, &rows[i], sizeof rows[i]);
}

/* Keys beyond the last are copies of it, whose scores nobody looks at. */
static void pack_keys(const struct head *h)
{
    const struct tro_attention *const t = h->t;
    for (int64_t key = 0; key < h->pitch; key += 4) {
        const float *keys[4];
        float *const dst = h->keys + key / WIDTH * WIDTH * t->head + key % WIDTH;
        for (int i = 0; i < 4; i++) {
            const int64_t at = key + i < t->length ? key + i : t->length - 1;
            keys[i] = row_of(h->r, &h->s->in[1], h->batch, h->kv_head, at);
        }
        int64_t d = 0;
        for (; d + 4 <= t->head; d += 4)
            transpose_4x4(keys, d, dst);
        for (; d < t->head; d++)
            for (int i = 0; i < 4; i++)
                dst[d * WIDTH + i] = keys[i][d];
    }
}

static void find_values(struct head *h)
{
    const struct tro_attention *const t = h->t;
    const struct tro_arg *const v = &h->s->in[2];
    h->v = row_of(h->r, v, h->batch, h->kv_head, 0);
    h->v_pitch = v->stride[2];
    if (t->v_head % LANES == 0)
        return;
    const int64_t pitch = tro_attention_padded(t->v_head, LANES);
    for (int64_t key = 0; key < t->length; key++) {
        memcpy(h->values + key * pitch, h->v + key * h->v_pitch, (size_t)t->v_head * sizeof(float));
        memset(h->values + key * pitch + t->v_head, 0, (size_t)(pitch - t->v_head) * sizeof(float));
    }
    h->v = h->values;
    h->v_pitch = pitch;
}

/* ---- products -------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void product_of(const float *const *a, const float *b,
                                                             int64_t b_pitch, int64_t n_k,
                                                             vf out[ROWS][VECTORS],
                                                             const int n_vectors)
{
    vf acc[ROWS][VECTORS];
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < n_vectors; v++)
            acc[i][v] = vf_set(0);
    for (int64_t k = 0; k < n_k; k++, b += b_pitch) {
        vf right[VECTORS];
        for (int v = 0; v < n_vectors; v++)
            right[v] = vf_load(b + v * LANES);
        for (int i = 0; i < ROWS; i++) {
            const vf left = vf_set(a[i][k]);
            for (int v = 0; v < n_vectors; v++)
                acc[i][v] = ATTENTION_ADD_PRODUCT(left, right[v], acc[i][v]);
        }
    }
    for (int i = 0; i < ROWS; i++)
        for (int v = 0; v < n_vectors; v++)
            out[i][v] = acc[i][v];
}

/* out[row][vector] = sum of a[row][k] * b[k][vector] */
static void multiply(const float *const *a, const float *b, int64_t b_pitch, int64_t n_k,
                     vf out[ROWS][VECTORS], int n_vectors)
{
    if (n_vectors == 1)
        product_of(a, b, b_pitch, n_k, out, 1);
    else if (n_vectors == 2)
        product_of(a, b, b_pitch, n_k, out, 2);
#if ATTENTION_VECTORS > 2
    else if (n_vectors == 3)
        product_of(a, b, b_pitch, n_k, out, 3);
    else
        product_of(a, b, b_pitch, n_k, out, 4);
#endif
}

static void multiply_keys(const struct head *h, const float *const *q)
{
    for (int64_t key = 0; key < h->pitch; key += WIDTH) {
        vf sum[ROWS][VECTORS];
        multiply(q, h->keys + key * h->t->head, WIDTH, h->t->head, sum, VECTORS);
        for (int i = 0; i < ROWS; i++)
            for (int v = 0; v < VECTORS; v++)
                vf_store(h->scores + i * h->pitch + key + v * LANES, sum[i][v]);
    }
}

/* ---- softmax --------------------------------------------------------------------------- */

/* The row of the mask, NULL where there is none; bool and what repeats is spread into memory. */
static const float *mask_row(const struct head *h, int64_t row)
{
    const struct tro_attention *const t = h->t;
    if (h->s->n_in < 4)
        return NULL;
    const struct tro_arg *const mask = &h->s->in[3];
    const int64_t *const stride = t->mask_stride;
    const int64_t at = h->batch * stride[0] + h->q_head * stride[1] + row * stride[2];
    if (mask->dtype == TRO_BOOL) {
        const uint8_t *const m = (const uint8_t *)tro_arg_ptr(h->r, mask) + at;
        for (int64_t k = 0; k < t->length; k++)
            h->mask[k] = m[k * stride[3]] ? 0 : -INFINITY;
        return h->mask;
    }
    const float *const m = (const float *)tro_arg_ptr(h->r, mask) + at;
    if (stride[3] == 1)
        return m;
    for (int64_t k = 0; k < t->length; k++)
        h->mask[k] = m[0];
    return h->mask;
}

/* -infinity from lane n on. */
static vf cut(vf x, int64_t n)
{
    float lanes[LANES];
    for (int i = 0; i < LANES; i++)
        lanes[i] = (float)i;
    return vf_select(vf_lt(vf_load(lanes), vf_set((float)n)), x, vf_set(-INFINITY));
}

/* Scores of one row to what the softmax is of, -infinity behind the last; the greatest of each
 * lane. NaN is not the greatest. */
static vf finish_scores(const struct head *h, int64_t row, float *s)
{
    const struct tro_attention *const t = h->t;
    const float *const mask = mask_row(h, row);
    const vf scale = vf_set(t->scale), cap = vf_set(t->softcap);
    const int64_t n = t->is_causal && row + 1 < t->length ? row + 1 : t->length;
    vf most = vf_set(-INFINITY);
    for (int64_t k = 0; k < t->length; k += LANES) {
        const int64_t left = t->length - k;
        vf x = vf_load(s + k) * scale;
        if (mask)
            x = x + (left < LANES ? vf_load_n(mask + k, left) : vf_load(mask + k));
        if (k + LANES > n)
            x = cut(x, n - k);
        if (t->softcap != 0)
            x = cap * vf_tanh(x / cap);
        if (left < LANES && t->softcap != 0)
            x = cut(x, left);
        vf_store(s + k, x);
        most = vf_max(x, most);
    }
    return most;
}

/* Halves against each other until one lane is left. */
static float greatest(vf x)
{
    float lanes[LANES];
#if VF_LANES == 16
    x = vf_max(x, _mm512_shuffle_f32x4(x, x, 0x4e));
    x = vf_max(x, _mm512_shuffle_f32x4(x, x, 0xb1));
#endif
    vf_store(lanes, x);
    const int n = LANES == 16 ? 4 : LANES;
    float best = lanes[0];
    for (int i = 1; i < n; i++)
        best = lanes[i] > best ? lanes[i] : best;
    return best;
}

/* Weights before they are divided by their sum, which is returned. */
static float exponentiate(float *s, int64_t n, float top)
{
    vf sum = vf_set(0);
    for (int64_t k = 0; k < n; k += LANES) {
        const vf e = vf_exp_negative(vf_load(s + k) - vf_set(top));
        vf_store(s + k, e);
        sum = sum + e;
    }
    return vf_sum(sum);
}

/* ---- rows ------------------------------------------------------------------------------ */

static void store_row(const struct head *h, int64_t row, int64_t column, int n_vectors,
                      const vf *values, float scale)
{
    const struct tro_arg *const y = &h->s->out[0];
    float *const to = (float *)tro_arg_ptr(h->r, y) + h->batch * y->stride[0] +
                      h->q_head * y->stride[1] + row * y->stride[2] + column;
    for (int v = 0; v < n_vectors; v++) {
        const int64_t left = h->t->v_head - column - v * LANES;
        if (left >= LANES)
            vf_store(to + v * LANES, values[v] * vf_set(scale));
        else
            vf_store_n(to + v * LANES, values[v] * vf_set(scale), left);
    }
}

static void run_rows(const struct head *h, int64_t first, int64_t n_rows)
{
    const struct tro_attention *const t = h->t;
    const float *q[ROWS], *weights[ROWS];
    float scale[ROWS];
    for (int i = 0; i < ROWS; i++) {
        const int64_t row = first + (i < n_rows ? i : n_rows - 1);
        q[i] = row_of(h->r, &h->s->in[0], h->batch, h->q_head, row);
        weights[i] = h->scores + i * h->pitch;
    }
    multiply_keys(h, q);
    for (int i = 0; i < n_rows; i++) {
        float *const s = h->scores + i * h->pitch;
        const float top = greatest(finish_scores(h, first + i, s));
        scale[i] = 1 / exponentiate(s, t->length, top);
    }
    for (int64_t column = 0; column < t->v_head; column += WIDTH) {
        const int64_t left = (t->v_head - column + LANES - 1) / LANES;
        const int n_vectors = left < VECTORS ? (int)left : VECTORS;
        vf sum[ROWS][VECTORS];
        multiply(weights, h->v + column, h->v_pitch, t->length, sum, n_vectors);
        for (int i = 0; i < n_rows; i++)
            store_row(h, first + i, column, n_vectors, sum[i], scale[i]);
    }
}

/* Item i is a chunk of rows of a head; heads that share keys follow each other. */
static void run_item(struct head *h, int64_t i, bool is_first)
{
    const struct tro_attention *const t = h->t;
    const int64_t n_groups = t->q_heads / t->kv_heads, chunk = i % t->n_chunks;
    const int64_t group = i / t->n_chunks % n_groups, former = h->kv_head, before = h->batch;
    h->kv_head = i / t->n_chunks / n_groups % t->kv_heads;
    h->batch = i / t->n_chunks / t->q_heads;
    h->q_head = group * t->kv_heads + h->kv_head;
    if (is_first || former != h->kv_head || before != h->batch) {
        pack_keys(h);
        find_values(h);
    }
    int64_t begin, end;
    const int64_t n_blocks = (t->q_length + ROWS - 1) / ROWS;
    tro_part_range(n_blocks, (int)chunk, (int)t->n_chunks, &begin, &end);
    for (int64_t block = begin; block < end; block++) {
        const int64_t left = t->q_length - block * ROWS;
        run_rows(h, block * ROWS, left < ROWS ? left : ROWS);
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_attention *const t = s->params;
    struct head h = {.t = t, .s = s, .r = r, .pitch = tro_attention_padded(t->length, WIDTH)};
    h.scores = r->scratch;
    h.mask = h.scores + ROWS * h.pitch;
    h.keys = h.mask + h.pitch;
    h.values = h.keys + t->head * h.pitch;
    int64_t begin, end;
    tro_part_range(t->batch * t->q_heads * t->n_chunks, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++)
        run_item(&h, i, i == begin);
    return 0;
}

const struct tro_attention_level ATTENTION_JOIN(tro_attention, ATTENTION_LEVEL) = {
    .name = "attention_f32_" ATTENTION_NAME,
    .lanes = LANES,
    .rows = ROWS,
    .width = WIDTH,
    .run = run,
};
