/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vectors of f32 and i32 of the level a file is compiled for: 16 lanes with AVX-512, 8 with AVX2, 4
 * otherwise. + - * / & | ^ work on them as such (vu is vi where sums wrap); the rest is below.
 * Every function gives the same bits at every level (fma is exact everywhere), so what is made of
 * them does too.
 */
#ifndef TRO_CPU_SIMD_H
#define TRO_CPU_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define VF_LANES 16
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef __mmask16 vm;
#elif defined(__AVX2__)
#include <immintrin.h>
#define VF_LANES 8
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));
typedef vi vm;
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define VF_LANES 4
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vu;
typedef vi vm;
#else
#define VF_LANES 4
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
typedef vi vm;
#endif

/* Before a loop over registers with bounds known at compile time: unrolled, or they would lie in
 * memory. Not under a sanitizer, where unrolled kernels take minutes to compile. */
#if defined(TRO_KEEP_LOOPS)
#define VF_UNROLL
#elif defined(__clang__)
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VF_UNROLL _Pragma("GCC unroll 32")
#endif

/* ---- memory ------------------------------------------------------------------------------ */

static inline vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline void vf_store(float *p, vf v)
{
    memcpy(p, &v, sizeof(v));
}

static inline vf vf_set(float x)
{
#if VF_LANES == 16
    return _mm512_set1_ps(x);
#elif VF_LANES == 8
    return _mm256_set1_ps(x);
#else
    return (vf){x, x, x, x};
#endif
}

static inline vi vi_set(int32_t x)
{
#if VF_LANES == 16
    return (vi)_mm512_set1_epi32(x);
#elif VF_LANES == 8
    return (vi)_mm256_set1_epi32(x);
#else
    return (vi){x, x, x, x};
#endif
}

#if VF_LANES == 8
static inline __m256i vi_first(int64_t n)
{
    static const int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones + 8 - n));
}
#endif

/* The first n < VF_LANES elements; the other lanes are 0, or left alone in memory. */
static inline vf vf_load_n(const float *p, int64_t n)
{
#if VF_LANES == 16
    return _mm512_maskz_loadu_ps((__mmask16)((1U << n) - 1), p);
#elif VF_LANES == 8
    return _mm256_maskload_ps(p, vi_first(n));
#else
    float lanes[VF_LANES] = {0};
    for (int64_t i = 0; i < n; i++)
        lanes[i] = p[i];
    return vf_load(lanes);
#endif
}

static inline void vf_store_n(float *p, vf v, int64_t n)
{
#if VF_LANES == 16
    _mm512_mask_storeu_ps(p, (__mmask16)((1U << n) - 1), v);
#elif VF_LANES == 8
    _mm256_maskstore_ps(p, vi_first(n), v);
#else
    float lanes[VF_LANES];
    vf_store(lanes, v);
    for (int64_t i = 0; i < n; i++)
        p[i] = lanes[i];
#endif
}

/* ---- bits -------------------------------------------------------------------------------- */

static inline vi vf_bits(vf x)
{
    return (vi)x;
}

static inline vf vf_of_bits(vi x)
{
    return (vf)x;
}

static inline vf vf_abs(vf x)
{
    return (vf)((vi)x & vi_set(0x7fffffff));
}

/* |x| with the sign of s. */
static inline vf vf_copysign(vf x, vf s)
{
    return (vf)(((vi)x & vi_set(0x7fffffff)) | ((vi)s & vi_set(INT32_MIN)));
}

/* ---- comparisons: false where either is NaN ------------------------------------------------ */

#if VF_LANES == 16
#define VF_COMPARE(name, op, imm)             \
    static inline vm vf_##name(vf a, vf b)    \
    {                                         \
        return _mm512_cmp_ps_mask(a, b, imm); \
    }
#else
#define VF_COMPARE(name, op, imm)          \
    static inline vm vf_##name(vf a, vf b) \
    {                                      \
        return (vm)(a op b);               \
    }
#endif
VF_COMPARE(lt, <, _CMP_LT_OQ)
VF_COMPARE(le, <=, _CMP_LE_OQ)
VF_COMPARE(eq, ==, _CMP_EQ_OQ)
VF_COMPARE(ne, !=, _CMP_NEQ_UQ) /* true where either is NaN */
#undef VF_COMPARE

/* m ? a : b */
static inline vf vf_select(vm m, vf a, vf b)
{
#if VF_LANES == 16
    return _mm512_mask_blend_ps(m, b, a);
#elif VF_LANES == 8
    return _mm256_blendv_ps(b, a, (__m256)m);
#else
    return (vf)((m & (vi)a) | (~m & (vi)b));
#endif
}

/* Bit i is that of lane i. */
static inline uint32_t vm_bits(vm m)
{
#if VF_LANES == 16
    return m;
#elif VF_LANES == 8
    return (uint32_t)_mm256_movemask_ps((__m256)m);
#else
    return (uint32_t)((m[0] & 1) | (m[1] & 2) | (m[2] & 4) | (m[3] & 8));
#endif
}

/* a < b ? a : b, and a > b ? a : b: b where either is NaN or both are zero. */
static inline vf vf_min(vf a, vf b)
{
#if VF_LANES == 16
    return _mm512_min_ps(a, b);
#elif VF_LANES == 8
    return _mm256_min_ps(a, b);
#else
    return vf_select(vf_lt(a, b), a, b);
#endif
}

static inline vf vf_max(vf a, vf b)
{
#if VF_LANES == 16
    return _mm512_max_ps(a, b);
#elif VF_LANES == 8
    return _mm256_max_ps(a, b);
#else
    return vf_select(vf_lt(b, a), a, b);
#endif
}

/* ---- arithmetic -------------------------------------------------------------------------- */

/* a * b + c, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c)
{
#if VF_LANES == 16
    return _mm512_fmadd_ps(a, b, c);
#elif VF_LANES == 8
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON)
    return vfmaq_f32(c, a, b);
#else
    return (vf){fmaf(a[0], b[0], c[0]), fmaf(a[1], b[1], c[1]), fmaf(a[2], b[2], c[2]),
                fmaf(a[3], b[3], c[3])};
#endif
}

static inline vf vf_sqrt(vf x)
{
#if VF_LANES == 16
    return _mm512_sqrt_ps(x);
#elif VF_LANES == 8
    return _mm256_sqrt_ps(x);
#elif defined(__ARM_NEON)
    return vsqrtq_f32(x);
#else
    return (vf){sqrtf(x[0]), sqrtf(x[1]), sqrtf(x[2]), sqrtf(x[3])};
#endif
}

/* To nearest, half to even. */
static inline vf vf_round(vf x)
{
#if VF_LANES == 16
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif VF_LANES == 8
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__ARM_NEON)
    return vrndnq_f32(x);
#else
    const vf big = vf_copysign(vf_set(0x1p23F), x), r = (x + big) - big;
    return vf_select(vf_lt(vf_abs(x), vf_set(0x1p23F)), vf_copysign(r, x), x);
#endif
}

static inline vf vf_floor(vf x)
{
    const vf r = vf_round(x);
    return vf_select(vf_lt(x, r), r - vf_set(1), r);
}

static inline vf vf_ceil(vf x)
{
    const vf r = vf_round(x);
    return vf_copysign(vf_select(vf_lt(r, x), r + vf_set(1), r), x);
}

/* Toward zero; x must be in the range of i32. */
static inline vi vf_to_vi(vf x)
{
#if VF_LANES == 16
    return (vi)_mm512_cvttps_epi32(x);
#elif VF_LANES == 8
    return (vi)_mm256_cvttps_epi32(x);
#else
    return __builtin_convertvector(x, vi);
#endif
}

static inline vf vi_to_vf(vi x)
{
#if VF_LANES == 16
    return _mm512_cvtepi32_ps((__m512i)x);
#elif VF_LANES == 8
    return _mm256_cvtepi32_ps((__m256i)x);
#else
    return __builtin_convertvector(x, vf);
#endif
}

/* ---- over the lanes ------------------------------------------------------------------------ */

#if VF_LANES == 8
#define VF_FOLD_HALVES(x, op)                                              \
    __m128 h = op(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)); \
    h = op(h, _mm_movehl_ps(h, h));                                        \
    return _mm_cvtss_f32(op(h, _mm_movehdup_ps(h)))
#endif

/* In an order that depends on VF_LANES. */
static inline float vf_sum(vf x)
{
#if VF_LANES == 16
    return _mm512_reduce_add_ps(x);
#elif VF_LANES == 8
    VF_FOLD_HALVES(x, _mm_add_ps);
#else
    return (x[0] + x[2]) + (x[1] + x[3]);
#endif
}

/* The greatest lane; anything where one is NaN. */
static inline float vf_peak(vf x)
{
#if VF_LANES == 16
    return _mm512_reduce_max_ps(x);
#elif VF_LANES == 8
    VF_FOLD_HALVES(x, _mm_max_ps);
#else
    const float a = x[0] > x[2] ? x[0] : x[2], b = x[1] > x[3] ? x[1] : x[3];
    return a > b ? a : b;
#endif
}

/* NaN where a lane is. */
static inline float vf_greatest(vf x)
{
    float lanes[VF_LANES];
    vf_store(lanes, x);
    float best = lanes[0];
    for (int i = 1; i < VF_LANES; i++)
        best = lanes[i] > best || lanes[i] != lanes[i] ? lanes[i] : best;
    return best;
}

static inline float vf_least(vf x)
{
    float lanes[VF_LANES];
    vf_store(lanes, x);
    float best = lanes[0];
    for (int i = 1; i < VF_LANES; i++)
        best = lanes[i] < best || lanes[i] != lanes[i] ? lanes[i] : best;
    return best;
}

#endif
