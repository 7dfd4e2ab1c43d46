/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of matmul_int of two tensors that are made at run time, as attention has them: a unit of
 * work packs its matrix of b and multiplies rows of a by it. Sums are those of cpu/int8.h:
 *
 *     sum (a - za) (b - zb) = sum a b - za * sum b - zb * sum a + k * za * zb
 */
#include "cpu/cpu.h"
#include "cpu/int8.h"

#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

enum { ROWS = 56, MOST_BYTES = 1 << 20 };

struct params {
    const struct tro_int8_level *level;
    int64_t m, n, k, k4, n_cols, a_pitch;
    int rank;
    int64_t shape[TRO_MAX_RANK]; /* of the result */
    int64_t a_step[TRO_MAX_RANK], b_step[TRO_MAX_RANK], y_step[TRO_MAX_RANK];
    uint8_t flip_a, flip_b;
    bool has_zero_a, has_zero_b;
    struct tro_arg zero_a, zero_b;
    size_t packed_bytes, a_bytes, acc_bytes;
};

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* Strides along the axes of the result; 0 where the operand repeats. */
static void set_steps(const struct tro_arg *a, const struct params *p, int64_t *step)
{
    const int skip = p->rank - a->rank;
    for (int i = 0; i < p->rank; i++)
        step[i] = i < skip || a->shape[i - skip] == 1 ? 0 : a->stride[i - skip];
}

/* ---- running --------------------------------------------------------------------------------- */

/* Memory of the thread. */
struct room {
    int8_t *packed;
    int32_t *init;
    uint8_t *a;
    int32_t *acc;
};

static struct room room_of(const struct params *p, void *scratch)
{
    char *const base = scratch;
    return (struct room){
        (int8_t *)base, (int32_t *)(void *)(base + p->packed_bytes),
        (uint8_t *)base + p->packed_bytes + (size_t)p->n_cols * 4,
        (int32_t *)(void *)(base + p->packed_bytes + (size_t)p->n_cols * 4 + p->a_bytes)};
}

/* A zero as kernels see it. */
static int32_t zero_of(const struct tro_step_run *r, bool has, const struct tro_arg *a,
                       uint8_t flip, bool is_signed)
{
    const uint8_t raw = (uint8_t)((has ? *(const uint8_t *)tro_arg_ptr(r, a) : 0) ^ flip);
    return is_signed ? (int8_t)raw : raw;
}

/* Panels of b, and where sums begin. */
static void pack(const struct params *p, const uint8_t *b, int32_t zero_a, int32_t zero_b,
                 const struct room *m)
{
    const int cols = p->level->tile[0].cols;
    const int64_t k_step = p->b_step[p->rank - 2], n_step = p->b_step[p->rank - 1];
    memset(m->packed, 0, p->packed_bytes);
    for (int64_t j = 0; j < p->n_cols; j++) {
        int8_t *const to = m->packed + j / cols * (4 * p->k4 * cols) + j % cols * 4;
        int32_t sum = 0;
        for (int64_t k = 0; k < p->k && j < p->n; k++) {
            const int8_t v = (int8_t)(b[k * k_step + j * n_step] ^ p->flip_b);
            to[k / 4 * 4 * cols + k % 4] = v;
            sum += v;
        }
        m->init[j] = zero_a * ((int32_t)p->k * zero_b - sum);
    }
}

/* Rows [row, row + n_rows) of a, filled up. */
static void load(const struct params *p, const uint8_t *a, int64_t n_rows, const struct room *m)
{
    const int64_t step = p->a_step[p->rank - 2];
    p->level->copy(m->a, p->a_pitch, a, step, n_rows, p->k, p->flip_a);
    for (int64_t i = 0; i < n_rows && p->k < 4 * p->k4; i++)
        memset(m->a + i * p->a_pitch + p->k, 0, (size_t)(4 * p->k4 - p->k));
}

static void multiply(const struct params *p, int64_t n_rows, const struct room *m)
{
    const struct tro_int8_tile *const tile = &p->level->tile[0];
    for (int64_t j = 0; j < p->n_cols; j += tile->cols)
        for (int64_t i = 0; i < n_rows; i += tile->rows) {
            const struct tro_int8_rows rows = {m->a + i * p->a_pitch, p->a_pitch, 1, 0, p->k4};
            tile->gemm(&rows, m->packed + j * 4 * p->k4, m->init + j, m->acc + i * p->n_cols + j,
                       p->n_cols, (int)(n_rows - i < tile->rows ? n_rows - i : tile->rows));
        }
}

static void store(const struct params *p, int64_t n_rows, int32_t zero_b, const struct room *m,
                  int32_t *y)
{
    for (int64_t i = 0; i < n_rows; i++, y += p->y_step[p->rank - 2]) {
        const int32_t *const sums = m->acc + i * p->n_cols;
        const int32_t less = zero_b ? zero_b * p->level->sum(m->a + i * p->a_pitch, p->k) : 0;
        for (int64_t j = 0; j < p->n; j++)
            y[j] = sums[j] - less;
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const struct room m = room_of(p, r->scratch);
    const int32_t zero_a = zero_of(r, p->has_zero_a, &p->zero_a, p->flip_a, p->level->is_a_signed);
    const int32_t zero_b = zero_of(r, p->has_zero_b, &p->zero_b, p->flip_b, true);
    int64_t begin, end, n_batches = 1;
    for (int i = 0; i < p->rank - 2; i++)
        n_batches *= p->shape[i];
    tro_part_range(n_batches, r->part, r->n_parts, &begin, &end);
    for (int64_t batch = begin; batch < end; batch++) {
        const uint8_t *a = tro_arg_ptr(r, &s->in[0]), *b = tro_arg_ptr(r, &s->in[1]);
        int32_t *y = tro_arg_ptr(r, &s->out[0]);
        int64_t rest = batch;
        for (int i = p->rank - 3; i >= 0; i--) {
            const int64_t index = rest % p->shape[i];
            rest /= p->shape[i];
            a += index * p->a_step[i];
            b += index * p->b_step[i];
            y += index * p->y_step[i];
        }
        pack(p, b, zero_a, zero_b, &m);
        for (int64_t row = 0; row < p->m; row += ROWS) {
            const int64_t n_rows = p->m - row < ROWS ? p->m - row : ROWS;
            load(p, a + row * p->a_step[p->rank - 2], n_rows, &m);
            multiply(p, n_rows, &m);
            store(p, n_rows, zero_b, &m, y + row * p->y_step[p->rank - 2]);
        }
    }
    return 0;
}

/* ---- emitter --------------------------------------------------------------------------------- */

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8;
}

static bool is_one_zero(struct tro_lowering *l, const struct tro_node *n, uint32_t i, bool *has)
{
    struct tro_tensor t;
    *has = n->n_in > i && n->in[i].i;
    return !*has ||
           (tro_lower_type(l, n->in[i], &t) && is_8bit(t.dtype) && tro_tensor_n_elems(&t) == 1);
}

static bool describe(struct tro_lowering *l, const struct tro_lower_node *n, struct params *p)
{
    const struct tro_node *const node = n->node;
    struct tro_tensor a, b, y;
    if (n->n_epilogue || !tro_lower_type(l, node->in[0], &a) ||
        !tro_lower_type(l, node->in[1], &b) || !tro_lower_type(l, node->out[0], &y) || a.rank < 2 ||
        b.rank < 2 || !is_8bit(a.dtype) || !is_8bit(b.dtype) || tro_tensor_n_elems(&y) == 0 ||
        a.shape[a.rank - 1] == 0 || !is_one_zero(l, node, 2, &p->has_zero_a) ||
        !is_one_zero(l, node, 3, &p->has_zero_b))
        return false;
    p->level = tro_int8_pick(tro_lower_cpu(l));
    p->rank = y.rank;
    memcpy(p->shape, y.shape, sizeof(int64_t) * (size_t)y.rank);
    p->m = y.shape[y.rank - 2];
    p->n = y.shape[y.rank - 1];
    p->k = a.shape[a.rank - 1];
    p->k4 = (p->k + 3) / 4;
    p->n_cols = round_up(p->n, p->level->tile[0].cols);
    p->a_pitch = round_up(4 * p->k4, 64);
    p->flip_a = (a.dtype == TRO_I8) == p->level->is_a_signed ? 0 : 0x80;
    p->flip_b = b.dtype == TRO_U8 ? 0x80 : 0;
    p->packed_bytes = (size_t)round_up(4 * p->k4 * p->n_cols, 64);
    p->a_bytes = (size_t)(ROWS * p->a_pitch);
    p->acc_bytes = (size_t)(ROWS * p->n_cols) * sizeof(int32_t);
    return 4 * p->k4 * p->n_cols <= MOST_BYTES && p->acc_bytes + p->a_bytes <= MOST_BYTES;
}

int tro_cpu_emit_matmul_int_live(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct params own = {0}, *p;
    struct tro_arg a, b, y;
    int64_t n_batches = 1;
    if (!describe(l, n, &own))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ROWS, &a));
    TRO_TRY(tro_lower_in(l, n->node->in[1], TRO_FORM_ANY, &b));
    if (own.has_zero_a)
        TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &own.zero_a));
    if (own.has_zero_b)
        TRO_TRY(tro_lower_in(l, n->node->in[3], TRO_FORM_DENSE, &own.zero_b));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_ROWS, false, &y));
    set_steps(&a, &own, own.a_step);
    set_steps(&b, &own, own.b_step);
    set_steps(&y, &own, own.y_step);
    own.b_step[own.rank - 2] = own.k == 1 ? 0 : b.stride[b.rank - 2];
    own.a_step[own.rank - 1] = 1;
    const int n_in = 2 + own.has_zero_a + own.has_zero_b;
    struct tro_step *const s = tro_lower_step(l, n, own.level->tile[0].matmul_name, run, n_in, 1,
                                              sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = own;
    s->in[0] = a;
    s->in[1] = b;
    if (own.has_zero_a)
        s->in[2] = own.zero_a;
    if (own.has_zero_b)
        s->in[2 + own.has_zero_a] = own.zero_b;
    s->out[0] = y;
    for (int i = 0; i < own.rank - 2; i++)
        n_batches *= own.shape[i];
    s->n_parts = (int)(n_batches < 4096 ? n_batches : 4096);
    s->scratch_bytes = own.packed_bytes + (size_t)own.n_cols * 4 + own.a_bytes + own.acc_bytes;
    s->n_flops = 2.0 * (double)n_batches * (double)(own.m * own.n) * (double)own.k;
    return 1;
}
