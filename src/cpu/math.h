/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of f32 vectors, made of IEEE arithmetic, explicit fma and bit operations: the same bits
 * at every level. Within 3 units in the last place of the exact value where that is a normal
 * number; right at infinities and NaN. Results below the least normal number may become 0.
 */
#ifndef TRO_CPU_MATH_H
#define TRO_CPU_MATH_H

#include "cpu/simd.h"

/* x = k ln 2 + r, |r| <= ln 2 / 2: e^x = 2^k (1 + r + r^2 p(r)). x in [-105, 89] or NaN. */
static inline vf vf_exp_reduced(vf x, vf *k)
{
    *k = vf_round(x * vf_set(1.44269504F));
    vf r = vf_fma(*k, vf_set(-0.693145752F), x);
    r = vf_fma(*k, vf_set(-1.42860677e-6F), r);
    vf p = vf_set(1.9875691500e-4F);
    p = vf_fma(p, r, vf_set(1.3981999507e-3F));
    p = vf_fma(p, r, vf_set(8.3334519073e-3F));
    p = vf_fma(p, r, vf_set(4.1665795894e-2F));
    p = vf_fma(p, r, vf_set(1.6666665459e-1F));
    p = vf_fma(p, r, vf_set(5.0000001201e-1F));
    return vf_fma(r * r, p, r) + vf_set(1);
}

/* x 2^k for k in [-252, 254], in two steps since 2^k alone may not be a number. */
static inline vf vf_scale(vf x, vf k)
{
    const vi n = vf_to_vi(k), half = n >> 1;
    const vf a = vf_of_bits((half + 127) << 23), b = vf_of_bits((n - half + 127) << 23);
    return x * a * b;
}

static inline vf vf_exp(vf x)
{
    vf k;
    const vf within = vf_max(vf_set(-105), vf_min(vf_set(89), x));
    const vf y = vf_exp_reduced(within, &k);
    return vf_scale(y, vf_select(vf_eq(x, x), k, vf_set(0)));
}

/* e^x for x <= 0: one step less. */
static inline vf vf_exp_negative(vf x)
{
    vf k;
    const vf y = vf_exp_reduced(vf_max(vf_set(-87), x), &k);
    const vi n = vf_to_vi(vf_select(vf_eq(x, x), k, vf_set(0)));
    const vf e = vf_of_bits((vi)((vu)vf_bits(y) + ((vu)n << 23)));
    return vf_select(vf_lt(x, vf_set(-87)), vf_set(0), e);
}

/* ln(1 + f) for 1 + f in [1/sqrt 2, sqrt 2], to which k ln 2 is added. */
static inline vf vf_log_near_one(vf f, vf k)
{
    const vf z = f * f;
    vf p = vf_set(7.0376836292e-2F);
    p = vf_fma(p, f, vf_set(-1.1514610310e-1F));
    p = vf_fma(p, f, vf_set(1.1676998740e-1F));
    p = vf_fma(p, f, vf_set(-1.2420140846e-1F));
    p = vf_fma(p, f, vf_set(1.4249322787e-1F));
    p = vf_fma(p, f, vf_set(-1.6668057665e-1F));
    p = vf_fma(p, f, vf_set(2.0000714765e-1F));
    p = vf_fma(p, f, vf_set(-2.4999993993e-1F));
    p = vf_fma(p, f, vf_set(3.3333331174e-1F));
    vf y = f * z * p;
    y = vf_fma(k, vf_set(-2.12194440e-4F), y);
    y = vf_fma(z, vf_set(-0.5F), y);
    return vf_fma(k, vf_set(0.693359375F), f + y);
}

/* x = (1 + f) 2^k with 1 + f in [1/sqrt 2, sqrt 2], for normal positive x. */
static inline vf vf_split(vf x, vf *k)
{
    const vi from = (vi)((vu)vf_bits(x) - (vu)vi_set(0x3f3504f3));
    *k = vi_to_vf(from >> 23);
    return vf_of_bits((from & 0x007fffff) + vi_set(0x3f3504f3)) - vf_set(1);
}

static inline vf vf_log(vf x)
{
    const vm is_small = vf_lt(x, vf_set(0x1p-126F));
    vf k;
    const vf f = vf_split(vf_select(is_small, x * vf_set(0x1p23F), x), &k);
    vf y = vf_log_near_one(f, k - vf_select(is_small, vf_set(23), vf_set(0)));
    y = vf_select(vf_eq(x, vf_set(INFINITY)), x, y);
    y = vf_select(vf_eq(x, vf_set(0)), vf_set(-INFINITY), y);
    y = vf_select(vf_lt(x, vf_set(0)), vf_set(NAN), y);
    return vf_select(vf_eq(x, x), y, x);
}

/* ln(1 + u) for u in [0, 1]; the rounding of 1 + u is put back. */
static inline vf vf_log1p_unit(vf u)
{
    const vf t = u + vf_set(1), lost = u - (t - vf_set(1));
    vf k;
    const vf f = vf_split(t, &k);
    return vf_log_near_one(f, k) + lost / t;
}

static inline vf vf_sigmoid(vf x)
{
    return vf_set(1) / (vf_set(1) + vf_exp(-x));
}

static inline vf vf_silu(vf x)
{
    return x / (vf_set(1) + vf_exp(-x));
}

static inline vf vf_softplus(vf x)
{
    const vf u = vf_exp_negative(-vf_abs(x));
    return vf_max(vf_set(0), x) + vf_log1p_unit(u);
}

static inline vf vf_tanh(vf x)
{
    const vf t = vf_abs(x), z = x * x;
    vf p = vf_set(-5.70498872745e-3F);
    p = vf_fma(p, z, vf_set(2.06390887954e-2F));
    p = vf_fma(p, z, vf_set(-5.37397155531e-2F));
    p = vf_fma(p, z, vf_set(1.33314422036e-1F));
    p = vf_fma(p, z, vf_set(-3.33332819422e-1F));
    const vf near = vf_fma(p * z, x, x);
    const vf e = vf_exp_negative(t * vf_set(-2));
    const vf far = vf_copysign((vf_set(1) - e) / (vf_set(1) + e), x);
    return vf_select(vf_lt(t, vf_set(0.625F)), near, far);
}

static inline vf vf_erf(vf x)
{
    const vf t = vf_abs(x), s = x * x;
    vf p = vf_set(-5.96761703e-4F);
    p = vf_fma(p, s, vf_set(4.99119423e-3F));
    p = vf_fma(p, s, vf_set(-2.67681349e-2F));
    p = vf_fma(p, s, vf_set(1.12819925e-1F));
    p = vf_fma(p, s, vf_set(-3.76125336e-1F));
    p = vf_fma(p, s, vf_set(1.28379166e-1F));
    const vf near = vf_fma(p, x, x);
    const vf b = vf_min(vf_set(4), t), b2 = b * b;
    vf q = vf_fma(vf_set(-1.72853470e-5F), b, vf_set(3.83197126e-4F));
    const vf u = vf_fma(vf_set(-3.88396438e-3F), b, vf_set(2.42546219e-2F));
    q = vf_fma(q, b2, u);
    q = vf_fma(q, b, vf_set(-1.06777877e-1F));
    q = vf_fma(q, b, vf_set(-6.34846687e-1F));
    q = vf_fma(q, b, vf_set(-1.28717512e-1F));
    q = vf_fma(q, b, -b);
    const vf far = vf_copysign(vf_set(1) - vf_exp_negative(q), x);
    const vf y = vf_select(vf_lt(vf_set(0.927734375F), t), far, near);
    return vf_select(vf_eq(x, x), y, x);
}

/* x / 2 * (1 + erf(x / sqrt 2)) */
static inline vf vf_gelu(vf x)
{
    return x * vf_set(0.5F) * (vf_set(1) + vf_erf(x * vf_set(0.707106781F)));
}

/* Sine of x (quarter = 0) or cosine (quarter = 1) for |x| < 1e5. */
static inline vf vf_sin_quarter(vf x, int32_t quarter)
{
    const vf k = vf_round(x * vf_set(0.636619772F));
    vf r = vf_fma(k, vf_set(-1.57079601F), x);
    r = vf_fma(k, vf_set(-3.13916473e-7F), r);
    r = vf_fma(k, vf_set(-5.39030253e-15F), r);
    const vi q = vf_to_vi(k) + quarter;
    const vf s = r * r;
    vf c = vf_set(2.44677067e-5F);
    c = vf_fma(c, s, vf_set(-1.38877297e-3F));
    c = vf_fma(c, s, vf_set(4.16666567e-2F));
    c = vf_fma(c, s, vf_set(-0.5F));
    c = vf_fma(c, s, vf_set(1));
    vf n = vf_set(2.86567956e-6F);
    n = vf_fma(n, s, vf_set(-1.98559923e-4F));
    n = vf_fma(n, s, vf_set(8.33338592e-3F));
    n = vf_fma(n, s, vf_set(-1.66666672e-1F));
    n = vf_fma(n * s, r, r);
    const vf is_even = vi_to_vf(q & 1);
    const vf y = vf_select(vf_eq(is_even, vf_set(0)), n, c);
    return vf_of_bits((vi)((vu)vf_bits(y) ^ ((vu)(q & 2) << 30)));
}

/* Arguments beyond what the reduction above takes go to the C library. */
static inline vf vf_sin_or_cos(vf x, int32_t quarter)
{
    const vf limit = vf_set(1e5F);
    if (vm_bits(vf_lt(vf_abs(x), limit)) == (1U << VF_LANES) - 1)
        return vf_sin_quarter(x, quarter);
    float lanes[VF_LANES], in[VF_LANES];
    vf_store(in, x);
    vf_store(lanes, vf_sin_quarter(vf_select(vf_lt(vf_abs(x), limit), x, vf_set(0)), quarter));
    for (int i = 0; i < VF_LANES; i++)
        if (!(fabsf(in[i]) < 1e5F))
            lanes[i] = (float)(quarter ? cos((double)in[i]) : sin((double)in[i]));
    return vf_load(lanes);
}

#endif
