/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products at every level of the machine, against sums in double. */
#include "cpu/gemm.h"

#include "base/alloc.h"
#include "base/cpu.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const levels[] = {"generic", "avx2", "avx512", "neon"};
enum { N_LEVELS = sizeof levels / sizeof levels[0], GUARD = 37 };

/* The kernels of a level; NULL where the machine lacks it. */
static const struct tro_gemm_set *level_set(int i)
{
    uint32_t mask;
    if (!tro_cpu_level_mask(levels[i], &mask))
        return NULL;
    tro_cpu_mask(mask);
    const uint32_t flags = tro_cpu_flags();
    tro_cpu_mask(UINT32_MAX);
    return flags == mask ? tro_gemm_set_pick(flags) : NULL;
}

static uint32_t seed = 1;
static uint32_t draw(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)seed * n >> 32);
}

static float *random_floats(int64_t n)
{
    float *const p = tro_malloc_aligned(sizeof(float) * (size_t)(n + 1));
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)draw(2001) / 1000 - 1;
    return p;
}

struct matrix {
    const struct tro_gemm_plan *p;
    const float *a;
    int64_t pitch;
    bool is_copied;
};

static const float *rows_of(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t n_k,
                            float *room, int64_t *pitch)
{
    const struct matrix *const m = ctx;
    const float *const a = m->a + row * m->pitch + k;
    *pitch = m->is_copied ? n_k : m->pitch;
    if (!m->is_copied)
        return a;
    m->p->set->copy(room, n_k, a, m->pitch, n_rows, n_k);
    return room;
}

struct sink {
    struct matrix m; /* first: the ctx of rows_of */
    float *c;
    int64_t pitch;
};

static void keep_block(const void *ctx, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols,
                       const float *acc, int64_t pitch)
{
    const struct sink *const s = ctx;
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t j = 0; j < n_cols; j++)
            s->c[(row + r) * s->pitch + col + j] = acc[r * pitch + j];
}

struct problem {
    int64_t m, n, k, a_pitch, c_pitch;
    bool has_bias, has_other, has_done, is_copied;
    float lo, hi;
    float *a, *b, *bias, *other;
};

/* The whole product in n_parts parts; NaN around and between the rows of the result. */
static float *multiply(const struct tro_gemm_set *set, const struct problem *q, int n_parts)
{
    struct tro_gemm_plan p;
    tro_gemm_plan_init(&p, set, 1, q->m, q->n, q->k, q->has_done);
    float *const packed = random_floats(tro_gemm_packed_size(set, q->k, q->n));
    float *const room = random_floats((int64_t)tro_gemm_room(&p, q->has_done));
    const int64_t n_all = q->m * q->c_pitch + 2 * GUARD, width = set->lanes * set->vectors;
    float *const all = tro_malloc_aligned(sizeof(float) * (size_t)n_all);
    for (int64_t i = 0; i < n_all; i++)
        all[i] = NAN;
    tro_gemm_pack(set, packed, q->b, q->k, q->n, q->n, 1, 0, (q->n + width - 1) / width);
    const struct sink sink = {{&p, q->a, q->a_pitch, q->is_copied}, all + GUARD, q->c_pitch};
    const struct tro_gemm_call call = {.a = rows_of,
                                       .ctx = &sink,
                                       .b = packed,
                                       .bias = q->has_bias ? q->bias : NULL,
                                       .c = all + GUARD,
                                       .c_pitch = q->c_pitch,
                                       .other = q->has_other ? q->other : NULL,
                                       .other_pitch = q->n,
                                       .lo = q->lo,
                                       .hi = q->hi,
                                       .done = q->has_done ? keep_block : NULL,
                                       .room = room};
    for (int part = 0; part < n_parts; part++) {
        const struct tro_gemm_range range = tro_gemm_split(&p, part, n_parts);
        tro_gemm_run(&p, &call, &range);
    }
    tro_free(packed);
    tro_free(room);
    return all;
}

static double expected(const struct problem *q, int64_t i, int64_t j, double *scale)
{
    double sum = q->has_bias ? (double)q->bias[j] : 0;
    *scale = fabs(sum) + 1;
    for (int64_t k = 0; k < q->k; k++) {
        const double x = (double)q->a[i * q->a_pitch + k] * (double)q->b[k * q->n + j];
        sum += x;
        *scale += fabs(x);
    }
    if (q->has_done)
        return sum;
    sum += q->has_other ? (double)q->other[i * q->n + j] : 0;
    sum = sum < (double)q->lo ? (double)q->lo : sum;
    return sum > (double)q->hi ? (double)q->hi : sum;
}

static bool is_right(const struct problem *q, const float *all)
{
    for (int64_t i = 0; i < q->m; i++)
        for (int64_t j = 0; j < q->c_pitch; j++) {
            const float got = all[GUARD + i * q->c_pitch + j];
            double scale;
            if (j >= q->n ? !isnan(got)
                          : !(fabs((double)got - expected(q, i, j, &scale)) < 2e-6 * scale))
                return false;
        }
    const int64_t end = GUARD + q->m * q->c_pitch;
    for (int i = 0; i < GUARD; i++)
        if (!isnan(all[i]) || !isnan(all[end + i]))
            return false;
    return true;
}

static struct problem make_problem(int64_t m, int64_t n, int64_t k)
{
    struct problem q = {.m = m, .n = n, .k = k, .a_pitch = k + draw(5), .c_pitch = n + draw(20)};
    const uint32_t bits = draw(16);
    q.has_bias = bits & 1;
    q.has_other = bits & 2;
    q.has_done = bits & 4;
    q.is_copied = bits & 8;
    q.lo = draw(2) ? -INFINITY : 0;
    q.hi = draw(2) ? INFINITY : 6;
    q.a = random_floats(m * q.a_pitch);
    q.b = random_floats(k * n);
    q.bias = random_floats(n);
    q.other = random_floats(m * n);
    return q;
}

static void finish_problem(struct problem *q)
{
    tro_free(q->a);
    tro_free(q->b);
    tro_free(q->bias);
    tro_free(q->other);
}

static void check_size(const struct tro_gemm_set *set, int64_t m, int64_t n, int64_t k)
{
    struct problem q = make_problem(m, n, k);
    float *const one = multiply(set, &q, 1);
    if (!CHECK(is_right(&q, one)))
        printf("%s: %d x %d x %d\n", set->kernel, (int)m, (int)n, (int)k);
    for (int n_parts = 2; n_parts <= 6; n_parts += 2) {
        float *const some = multiply(set, &q, n_parts);
        CHECK(!memcmp(one + GUARD, some + GUARD, sizeof(float) * (size_t)(m * q.c_pitch)));
        tro_free(some);
    }
    tro_free(one);
    finish_problem(&q);
}

TEST(random_sizes)
{
    for (int i = 0; i < N_LEVELS; i++) {
        const struct tro_gemm_set *const set = level_set(i);
        for (int t = 0; set && t < 60; t++)
            check_size(set, 1 + draw(t % 3 ? 40 : 300), 1 + draw(t % 4 ? 70 : 300), draw(70));
    }
}

TEST(every_tile)
{
    for (int i = 0; i < N_LEVELS; i++) {
        const struct tro_gemm_set *const set = level_set(i);
        for (int m = 1; set && m <= set->rows + 1; m++)
            for (int n = 1; n <= set->lanes * set->vectors; n += n % set->lanes < 2 ? 1 : 5)
                check_size(set, m, n, 9);
    }
}

TEST(sums_over_several_blocks)
{
    for (int i = 0; i < N_LEVELS; i++) {
        const struct tro_gemm_set *const set = level_set(i);
        if (set) {
            check_size(set, 33, 70, 1031);
            check_size(set, 1, 130, 515);
            check_size(set, 600, 17, 300);
        }
    }
}

TEST(nan_and_infinity_pass)
{
    for (int i = 0; i < N_LEVELS; i++) {
        const struct tro_gemm_set *const set = level_set(i);
        if (!set)
            continue;
        struct problem q = make_problem(9, 21, 12);
        q.has_done = q.has_other = false;
        q.lo = 0;
        q.hi = 6;
        q.a[2 * q.a_pitch + 5] = NAN;
        q.a[4 * q.a_pitch + 1] = INFINITY;
        float *const all = multiply(set, &q, 1);
        for (int64_t j = 0; j < q.n; j++) {
            const float b = q.b[q.n + j];
            CHECK(isnan(all[GUARD + 2 * q.c_pitch + j]));
            if (b != 0)
                CHECK_NEAR(all[GUARD + 4 * q.c_pitch + j], b > 0 ? 6 : 0, 0);
        }
        tro_free(all);
        finish_problem(&q);
    }
}

TEST(packing_takes_any_strides)
{
    const struct tro_gemm_set *const set = tro_gemm_set_pick(tro_cpu_flags());
    const int64_t k = 301, n = 83, size = tro_gemm_packed_size(set, k, n);
    const int64_t panels = (n + set->lanes * set->vectors - 1) / (set->lanes * set->vectors);
    float *const b = random_floats(k * n), *const turned = random_floats(k * n);
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j < n; j++)
            turned[j * k + i] = b[i * n + j];
    float *const one = random_floats(size), *const two = random_floats(size);
    tro_gemm_pack(set, one, b, k, n, n, 1, 0, panels);
    tro_gemm_pack(set, two, turned, k, n, 1, k, 0, panels);
    CHECK(!memcmp(one, two, sizeof(float) * (size_t)size));
    tro_free(b);
    tro_free(turned);
    tro_free(one);
    tro_free(two);
}

TEST(parts_cover_each_element_once)
{
    const struct tro_gemm_set *const set = tro_gemm_set_pick(tro_cpu_flags());
    for (int t = 0; t < 200; t++) {
        struct tro_gemm_plan p;
        tro_gemm_plan_init(&p, set, 1 + draw(4), 1 + draw(50), 1 + draw(300), 1 + draw(40), false);
        const int n_parts = 1 + (int)draw(9);
        int64_t sum = 0;
        for (int i = 0; i < n_parts; i++) {
            const struct tro_gemm_range r = tro_gemm_split(&p, i, n_parts);
            CHECK(r.row <= r.row_end && r.col <= r.col_end && r.col_end <= p.n);
            sum += (r.row_end - r.row) * (r.col_end - r.col);
        }
        CHECK_INT(sum, p.n_batch * p.m * p.n);
    }
}
