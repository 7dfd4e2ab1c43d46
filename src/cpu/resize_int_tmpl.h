/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level and type: RESIZE_FN names the function, T the type. The loops are
 * plain: compilers make vectors of them. */
#include "cpu/resize_int.h"

#ifndef TRO_CPU_RESIZE_INT_TMPL_ONCE
#define TRO_CPU_RESIZE_INT_TMPL_ONCE
enum { CHUNK = 64 /* channels whose sums are kept */ };

/* Over 2^n_bits, half to even. */
struct rounding {
    int n_bits;
    int32_t odd, half; /* mask; the greatest part that is less than a half */
};

static inline struct rounding rounding_of(int n_bits)
{
    const int32_t one = 1 << n_bits;
    return (struct rounding){n_bits, n_bits ? 1 : 0, n_bits ? one / 2 - 1 : 0};
}

static inline int32_t rounded(int32_t v, const struct rounding r)
{
    return (v + r.half + (v >> r.n_bits & r.odd)) >> r.n_bits;
}

/* More sums, where columns are made of more than two elements. */
static void add_taps(const struct tro_blend *w, const int32_t *sums, int64_t pitch, int64_t n,
                     int32_t *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = 0;
    for (int64_t k = 0; k < w->n; k++) {
        const int32_t *const from = sums + w->index[k] * pitch;
        const int32_t weight = (int32_t)w->weight[k];
        for (int64_t i = 0; i < n; i++)
            to[i] += from[i] * weight;
    }
}
#endif

#define NAMED_(a, b) a##b
#define NAMED(a, b) NAMED_(a, b)
#define SUM_TWO NAMED(sum_two_, T)
#define SUM_ROWS NAMED(sum_rows_, T)
#define FINISH NAMED(finish_, T)
#define FINISH_MANY NAMED(finish_many_, T)

/* to = a * wa + b * wb, or more by that. */
static inline void SUM_TWO(int32_t *restrict to, const T *a, int32_t wa, const T *b, int32_t wb,
                           int64_t n, bool is_first)
{
    if (is_first)
        for (int64_t i = 0; i < n; i++)
            to[i] = a[i] * wa + b[i] * wb;
    else
        for (int64_t i = 0; i < n; i++)
            to[i] += a[i] * wa + b[i] * wb;
}

/* The rows that results are made of, two at a time. */
static void SUM_ROWS(const struct tro_resize_int_row *r)
{
    const bool is_whole = r->pitch[TRO_W] == r->n_channels;
    const int64_t n_runs = is_whole ? 1 : r->n_in;
    const int64_t n_each = is_whole ? r->n_in * r->n_channels : r->n_channels;
    const int64_t n = r->d->n * r->h->n;
    for (int64_t k = 0; k < n; k += 2) {
        const T *from[2] = {0};
        int32_t weight[2] = {0};
        for (int64_t i = 0; i < 2; i++) {
            const int64_t at = k + i < n ? k + i : k, d = at / r->h->n, h = at % r->h->n;
            from[i] = (const T *)r->x + r->d->index[d] * r->pitch[TRO_D] +
                      r->h->index[h] * r->pitch[TRO_H];
            if (at == k + i)
                weight[i] = (int32_t)r->d->weight[d] * (int32_t)r->h->weight[h];
        }
        for (int64_t i = 0; i < n_runs; i++)
            SUM_TWO(r->sums + i * n_each, from[0] + i * r->pitch[TRO_W], weight[0],
                    from[1] + i * r->pitch[TRO_W], weight[1], n_each, k == 0);
    }
}

static inline void FINISH(T *restrict out, const int32_t *a, int32_t wa, const int32_t *b,
                          int32_t wb, int64_t n, const struct rounding r)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (T)rounded(a[i] * wa + b[i] * wb, r);
}

static void FINISH_MANY(T *out, const struct tro_resize_int_row *r, const struct tro_blend *w,
                        const struct rounding rounding)
{
    int32_t acc[CHUNK];
    for (int64_t c = 0; c < r->n_channels; c += CHUNK) {
        const int64_t left = r->n_channels - c, n = left < CHUNK ? left : CHUNK;
        add_taps(w, r->sums + c, r->n_channels, n, acc);
        for (int64_t i = 0; i < n; i++)
            out[c + i] = (T)rounded(acc[i], rounding);
    }
}

void RESIZE_FN(const struct tro_resize_int_row *r)
{
    const struct rounding rounding = rounding_of(r->n_bits);
    SUM_ROWS(r);
    for (int64_t i = 0; i < r->n_out; i++) {
        const struct tro_blend *const w = &r->w[i];
        T *const out = (T *)r->out + i * r->out_pitch;
        if (w->n > 2) {
            FINISH_MANY(out, r, w, rounding);
            continue;
        }
        const int64_t second = w->n - 1;
        FINISH(out, r->sums + w->index[0] * r->n_channels, (int32_t)w->weight[0],
               r->sums + w->index[second] * r->n_channels, second ? (int32_t)w->weight[second] : 0,
               r->n_channels, rounding);
    }
}

#undef NAMED_
#undef NAMED
#undef SUM_TWO
#undef SUM_ROWS
#undef FINISH
#undef FINISH_MANY
#undef RESIZE_FN
#undef T
