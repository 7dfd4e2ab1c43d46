/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/weights.h"

#include <math.h>

#include "base/err.h"

#define N_LEVELS 127
#define N_CUTS 11 /* bounds that are looked at: the range, then each 4 % less */
#define CUT 0.04f

/* Weights of channel c: n_outer runs of n_inner that lie n_channels * n_inner apart. */
struct channels {
    int64_t n_outer, n, n_inner;
};

static struct channels channels_of(const struct tro_tensor *w, int axis)
{
    struct channels c = {1, w->shape[axis], 1};
    for (int i = 0; i < axis; i++)
        c.n_outer *= w->shape[i];
    for (int i = axis + 1; i < w->rank; i++)
        c.n_inner *= w->shape[i];
    return c;
}

static float quantize(float v, float scale)
{
    return fminf(fmaxf(nearbyintf(v / scale), -N_LEVELS), N_LEVELS);
}

static double squared_error(const float *w, const struct channels *c, int64_t channel, float scale)
{
    double sum = 0;
    for (int64_t o = 0; o < c->n_outer; o++) {
        const float *const x = w + (o * c->n + channel) * c->n_inner;
        for (int64_t i = 0; i < c->n_inner; i++) {
            const double off = (double)x[i] - (double)(quantize(x[i], scale) * scale);
            sum += off * off;
        }
    }
    return sum;
}

static float peak_of(const float *w, const struct channels *c, int64_t channel)
{
    float peak = 0;
    for (int64_t o = 0; o < c->n_outer; o++) {
        const float *const x = w + (o * c->n + channel) * c->n_inner;
        for (int64_t i = 0; i < c->n_inner; i++)
            peak = fmaxf(peak, fabsf(x[i]));
    }
    return peak;
}

static float scale_of(const float *w, const struct channels *c, int64_t channel)
{
    const float peak = peak_of(w, c, channel);
    float best = peak / N_LEVELS;
    double least = INFINITY;
    if (!(best > 0))
        return 1;
    for (int i = 0; i < N_CUTS; i++) {
        const float scale = peak * (1 - CUT * (float)i) / N_LEVELS;
        const double found = squared_error(w, c, channel, scale);
        if (found < least) {
            least = found;
            best = scale;
        }
    }
    return best;
}

int tro_quant_weights_init(struct tro_quant_weights *q, const struct tro_tensor *w, int axis,
                           struct tro_arena *arena, struct tro_err *err)
{
    const struct channels c = channels_of(w, axis);
    const float *const from = w->data;
    q->values = *w;
    q->values.dtype = TRO_I8;
    q->values.data = tro_arena_alloc64(arena, (size_t)tro_tensor_n_elems(w) + 1);
    q->scales = (struct tro_tensor){.dtype = TRO_F32, .rank = w->rank};
    for (int i = 0; i < w->rank; i++)
        q->scales.shape[i] = i == axis ? c.n : 1;
    q->scales.data = tro_arena_alloc64(arena, (size_t)c.n * sizeof(float) + 1);
    if (!q->values.data || !q->scales.data)
        return tro_fail_nomem(err);
    for (int64_t k = 0; k < c.n; k++) {
        const float scale = scale_of(from, &c, k);
        ((float *)q->scales.data)[k] = scale;
        for (int64_t o = 0; o < c.n_outer; o++)
            for (int64_t i = 0; i < c.n_inner; i++) {
                const int64_t at = (o * c.n + k) * c.n_inner + i;
                ((int8_t *)q->values.data)[at] = (int8_t)quantize(from[at], scale);
            }
    }
    return 0;
}

int tro_quant_weights_round(struct tro_tensor *w, int axis, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_quant_weights q;
    const struct channels c = channels_of(w, axis);
    const int rc = tro_quant_weights_init(&q, w, axis, &arena, err);
    for (int64_t at = 0; at < c.n_outer * c.n * c.n_inner && rc >= 0; at++)
        ((float *)w->data)[at] = (float)((const int8_t *)q.values.data)[at] *
                                 ((const float *)q.scales.data)[at / c.n_inner % c.n];
    tro_arena_finish(&arena);
    return rc;
}
