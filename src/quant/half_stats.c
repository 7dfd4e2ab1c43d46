/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/half_stats.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

int tro_half_stats_init(struct tro_half_stats *s, bool is_bf16, int n_channels,
                        struct tro_arena *arena, struct tro_err *err)
{
    *s = (struct tro_half_stats){.is_bf16 = is_bf16,
                                 .bad_sample = -1,
                                 .peak_sample = -1,
                                 .least = INFINITY,
                                 .worst_sample = -1,
                                 .n_channels = n_channels > 0 ? n_channels : 1};
    s->channels = TRO_NEW_N(arena, struct tro_half_channel, (size_t)s->n_channels);
    return s->channels ? 0 : tro_fail_nomem(err);
}

/* ---- rounding ------------------------------------------------------------------------------- */

/* Half to even, `drop` bits of mantissa less. */
static inline float cut(float x, int drop)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits += (1U << (drop - 1)) - 1 + (bits >> drop & 1);
    bits &= ~((1U << drop) - 1);
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float round_f16(float x)
{
    const float normal = cut(x, 13);
    const float small = fabsf(x) + 0.5f; /* whose last bit is 2^-24, as that of small f16 */
    return fabsf(x) < TRO_F16_NORMAL     ? copysignf(small - 0.5f, x)
           : fabsf(normal) > TRO_F16_MAX ? copysignf(INFINITY, x)
                                         : normal;
}

static inline float round_bf16(float x)
{
    return cut(x, 16);
}

float tro_half_round(float x, bool is_bf16)
{
    if (!isfinite(x))
        return x;
    return is_bf16 ? round_bf16(x) : round_f16(x);
}

/* ---- counting ------------------------------------------------------------------------------- */

/* Of one sample. */
struct sums {
    int64_t n, n_zero, n_nan, n_up;
    float peak, least;
    double square, error, small, vanished;
};

static inline void look(struct sums *r, float x, float rounded)
{
    const float magnitude = fabsf(x);
    const double square = (double)x * (double)x, error = (double)x - (double)rounded;
    r->n++;
    r->n_zero += x == 0;
    r->peak = magnitude > r->peak ? magnitude : r->peak;
    r->least = x != 0 && magnitude < r->least ? magnitude : r->least;
    r->square += square;
    r->error += isfinite(rounded) ? error * error : 0;
    r->small += magnitude < TRO_F16_NORMAL ? square : 0;
    r->vanished += magnitude <= TRO_F16_VANISHING ? square : 0;
}

static void look_beyond(struct sums *r, float x)
{
    r->n_nan += x != x;
    r->n_up += x > 0;
}

static struct sums sum_f16(const float *x, int64_t n)
{
    struct sums r = {.least = INFINITY};
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(x[i]))
            look(&r, x[i], round_f16(x[i]));
        else
            look_beyond(&r, x[i]);
    }
    return r;
}

static struct sums sum_bf16(const float *x, int64_t n)
{
    struct sums r = {.least = INFINITY};
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(x[i]))
            look(&r, x[i], round_bf16(x[i]));
        else
            look_beyond(&r, x[i]);
    }
    return r;
}

static void add_channel(struct tro_half_channel *c, const float *x, int64_t n)
{
    double sum = 0, square = 0;
    int64_t n_finite = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            continue;
        n_finite++;
        sum += (double)x[i];
        square += (double)x[i] * (double)x[i];
    }
    c->n += n_finite;
    c->sum += sum;
    c->square += square;
}

static void add_channels(struct tro_half_stats *s, const struct tro_tensor *t, int axis)
{
    const float *const x = t->data;
    int64_t inner = 1, outer = 1;
    if (s->n_channels == 1 || axis >= t->rank || t->shape[axis] != s->n_channels) {
        add_channel(&s->channels[0], x, tro_tensor_n_elems(t));
        return;
    }
    for (int i = 0; i < axis; i++)
        outer *= t->shape[i];
    for (int i = axis + 1; i < t->rank; i++)
        inner *= t->shape[i];
    for (int64_t o = 0; o < outer; o++)
        for (int c = 0; c < s->n_channels; c++)
            add_channel(&s->channels[c], x + (o * s->n_channels + c) * inner, inner);
}

void tro_half_stats_add(struct tro_half_stats *s, const struct tro_tensor *t, int axis,
                        int64_t sample)
{
    const int64_t n = tro_tensor_n_elems(t);
    const struct sums r = s->is_bf16 ? sum_bf16(t->data, n) : sum_f16(t->data, n);
    s->n += r.n;
    s->n_zero += r.n_zero;
    s->n_nan += r.n_nan;
    s->n_up += r.n_up;
    if (s->bad_sample < 0 && r.n_nan + r.n_up > 0)
        s->bad_sample = sample;
    if (r.peak > s->peak) {
        s->peak = r.peak;
        s->peak_sample = sample;
    }
    s->least = r.least < s->least ? r.least : s->least;
    s->square += r.square;
    s->error += r.error;
    s->small += r.small;
    s->vanished += r.vanished;
    if (r.square > 0 && r.error / r.square > s->worst) {
        s->worst = r.error / r.square;
        s->worst_sample = sample;
    }
    add_channels(s, t, axis);
}

double tro_half_stats_deviation(const struct tro_half_stats *s)
{
    double sum = 0;
    for (int i = 0; i < s->n_channels; i++) {
        const struct tro_half_channel *const c = &s->channels[i];
        const double deviation = c->n ? c->square - c->sum * c->sum / (double)c->n : 0;
        sum += deviation > 0 ? deviation : 0;
    }
    return sum;
}
