/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level, whose name ends that of the functions: POOL_FN(kind). */
#include "cpu/pool.h"

#include "cpu/simd.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DEEP = 4 /* vectors of channels at a time */ };

static inline vf load_part(const float *p, int64_t n)
{
    return n == VF_LANES ? vf_load(p) : vf_load_n(p, n);
}

/* One window, n_v vectors, of which the last has n_last channels. */
static inline __attribute__((always_inline)) void window_f32(const struct tro_pool_row *r,
                                                             const struct tro_span *w,
                                                             const float *x, float *out,
                                                             const int n_v, const int64_t n_last,
                                                             const bool is_max)
{
    vf acc[DEEP];
    vm nan[DEEP];
    for (int v = 0; v < n_v; v++) {
        acc[v] = vf_set(is_max ? -INFINITY : 0);
        nan[v] = vf_lt(acc[v], acc[v]);
    }
    for (int64_t kd = 0; kd < r->d->n; kd++) {
        for (int64_t kh = 0; kh < r->h->n; kh++) {
            const float *p = x + kd * r->step[TRO_D] + kh * r->step[TRO_H];
            for (int64_t kw = 0; kw < w->n; kw++, p += r->step[TRO_W]) {
                for (int v = 0; v < n_v; v++) {
                    const vf t = load_part(p + v * VF_LANES, v == n_v - 1 ? n_last : VF_LANES);
                    if (is_max) {
                        acc[v] = vf_max(t, acc[v]);
                        nan[v] |= vf_ne(t, t);
                    } else {
                        acc[v] += t;
                    }
                }
            }
        }
    }
    const vf lo = vf_set(r->lo), hi = vf_set(r->hi);
    const vf count = vf_set(r->d->count * r->h->count * w->count);
    for (int v = 0; v < n_v; v++) {
        vf y = acc[v];
        if (is_max)
            y = vf_select(nan[v], vf_set(NAN), y);
        else if (r->is_mean)
            y /= count;
        y = vf_min(hi, vf_max(lo, y));
        if (v < n_v - 1 || n_last == VF_LANES)
            vf_store(out + v * VF_LANES, y);
        else
            vf_store_n(out + v * VF_LANES, y, n_last);
    }
}

static inline __attribute__((always_inline)) void row_f32(const struct tro_pool_row *r,
                                                          const bool is_max)
{
    const float *const x = (const float *)r->x + r->d->at * r->pitch[TRO_D] +
                           r->h->at * r->pitch[TRO_H];
    for (int64_t i = 0; i < r->n_w; i++) {
        const struct tro_span *const w = &r->w[i];
        const float *const from = x + w->at * r->pitch[TRO_W];
        float *const out = (float *)r->out + i * r->out_pitch;
        int64_t c = 0;
        for (; c + DEEP * VF_LANES <= r->n_channels; c += DEEP * VF_LANES)
            window_f32(r, w, from + c, out + c, DEEP, VF_LANES, is_max);
        for (; c + VF_LANES <= r->n_channels; c += VF_LANES)
            window_f32(r, w, from + c, out + c, 1, VF_LANES, is_max);
        if (c < r->n_channels)
            window_f32(r, w, from + c, out + c, 1, r->n_channels - c, is_max);
    }
}

void POOL_FN(max_f32)(const struct tro_pool_row *r)
{
    row_f32(r, true);
}

void POOL_FN(sum_f32)(const struct tro_pool_row *r)
{
    row_f32(r, false);
}

/* ---- bytes --------------------------------------------------------------------------------- */

enum { BYTES = 4 * VF_LANES };
typedef uint8_t bytes __attribute__((vector_size(4 * VF_LANES)));

static inline bytes max_bytes(bytes a, bytes b)
{
#if VF_LANES == 16
    return (bytes)_mm512_max_epu8((__m512i)a, (__m512i)b);
#elif VF_LANES == 8
    return (bytes)_mm256_max_epu8((__m256i)a, (__m256i)b);
#elif defined(__ARM_NEON)
    return vmaxq_u8(a, b);
#else
    const bytes is_more = (bytes)(a > b);
    return (a & is_more) | (b & ~is_more);
#endif
}

/* Sixteen, whatever the level. */
typedef uint8_t few_bytes __attribute__((vector_size(16)));
enum { FEW = 16 };

static inline few_bytes max_few(few_bytes a, few_bytes b)
{
#if defined(__SSE2__)
    return (few_bytes)_mm_max_epu8((__m128i)a, (__m128i)b);
#elif defined(__ARM_NEON)
    return vmaxq_u8(a, b);
#else
    const few_bytes is_more = (few_bytes)(a > b);
    return (a & is_more) | (b & ~is_more);
#endif
}

/*
 * window_NAME: one window, n bytes of its pixels, which are a vector of the type unless less says
 * so. The least byte where the window has no tap: 0 once flipped. Windows of two taps each way are
 * the most usual.
 */
#define WINDOW(name, type, max)                                                                 \
    static inline type load_##name(const uint8_t *p, int64_t n)                                 \
    {                                                                                           \
        type v = {0};                                                                           \
        memcpy(&v, p, n == (int64_t)sizeof v ? sizeof v : (size_t)n);                           \
        return v;                                                                               \
    }                                                                                           \
    static inline __attribute__((always_inline)) void window_##name(                            \
        const struct tro_pool_row *r, const struct tro_span *w, const uint8_t *x, uint8_t *out, \
        const int64_t n, const bool is_two)                                                     \
    {                                                                                           \
        const type flip = (type){0} + r->flip;                                                  \
        const int64_t n_d = is_two ? 1 : r->d->n, n_h = is_two ? 2 : r->h->n;                   \
        const int64_t n_w = is_two ? 2 : w->n;                                                  \
        type acc = {0};                                                                         \
        for (int64_t kd = 0; kd < n_d; kd++)                                                    \
            for (int64_t kh = 0; kh < n_h; kh++) {                                              \
                const uint8_t *const p = x + kd * r->step[TRO_D] + kh * r->step[TRO_H];         \
                for (int64_t kw = 0; kw < n_w; kw++)                                            \
                    acc = max(load_##name(p + kw * r->step[TRO_W], n) ^ flip, acc);             \
            }                                                                                   \
        acc ^= flip;                                                                            \
        memcpy(out, &acc, n == (int64_t)sizeof acc ? sizeof acc : (size_t)n);                   \
    }
WINDOW(bytes, bytes, max_bytes)
WINDOW(few, few_bytes, max_few)
#undef WINDOW

/* The channels of a window: whole vectors, then sixteen at a time, the last of which may be done
 * twice. */
static inline __attribute__((always_inline)) void window_8(const struct tro_pool_row *r,
                                                           const struct tro_span *w,
                                                           const uint8_t *x, uint8_t *out,
                                                           const bool is_two)
{
    const int64_t n = r->n_channels;
    int64_t c = 0;
    for (; c + BYTES <= n; c += BYTES)
        window_bytes(r, w, x + c, out + c, BYTES, is_two);
    for (; c + FEW <= n; c += FEW)
        window_few(r, w, x + c, out + c, FEW, is_two);
    if (c < n && n >= FEW)
        window_few(r, w, x + n - FEW, out + n - FEW, FEW, is_two);
    else if (c < n)
        window_few(r, w, x + c, out + c, n - c, is_two);
}

void POOL_FN(max_8)(const struct tro_pool_row *r)
{
    const uint8_t *const x = (const uint8_t *)r->x + r->d->at * r->pitch[TRO_D] +
                             r->h->at * r->pitch[TRO_H];
    const bool is_two = r->d->n == 1 && r->h->n == 2;
    for (int64_t i = 0; i < r->n_w; i++) {
        const struct tro_span *const w = &r->w[i];
        uint8_t *const out = (uint8_t *)r->out + i * r->out_pitch;
        if (is_two && w->n == 2)
            window_8(r, w, x + w->at * r->pitch[TRO_W], out, true);
        else
            window_8(r, w, x + w->at * r->pitch[TRO_W], out, false);
    }
}
