/* SPDX-License-Identifier: Apache-2.0 */
#include <arm_neon.h>
#include <stdint.h>

static inline float32x4_t load_some(const float *p, int n)
{
    float x[4] = {0};
    for (int i = 0; i < n && i < 4; i++)
        x[i] = p[i];
    return vld1q_f32(x);
}

static inline void store_some(float *p, int n, float32x4_t v)
{
    float x[4];
    vst1q_f32(x, v);
    for (int i = 0; i < n && i < 4; i++)
        p[i] = x[i];
}

/* The second operand when one is NaN, unlike fmin and fmax. */
#define vec_min(a, b) vbslq_f32(vcltq_f32(a, b), a, b)
#define vec_max(a, b) vbslq_f32(vcgtq_f32(a, b), a, b)
#define VEC float32x4_t
#define LANES 4
#define MASK int
#define vec_mask(n) (n)
#define vec_load(p) vld1q_f32(p)
#define vec_store(p, x) vst1q_f32(p, x)
#define vec_load_n(p, mask) ((mask) >= LANES ? vld1q_f32(p) : load_some(p, mask))
#define vec_store_n(p, mask, x) store_some(p, mask, x)
#define vec_zero() vdupq_n_f32(0)
#define vec_set(f) vdupq_n_f32(f)
#define vec_fma(a, b, c) vfmaq_f32(c, a, b)

#define MR 8
#define NV 2
#define ROWS(X, nv) X(1, nv) X(2, nv) X(3, nv) X(4, nv) X(5, nv) X(6, nv) X(7, nv) X(8, nv)
#define VECTORS(X) ROWS(X, 1) ROWS(X, 2)
#define SET tro_gemm_f32__neon
#define SET_NAME "gemm_f32_8x8__neon"
#define WINOGRAD_NAME "winograd_f32_4x4__neon"
#include "cpu/gemm_f32_tmpl.h"
