/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>
#include <stdint.h>

/* Loads of mask words at 8 - n give n ones, then zeros. */
static const int32_t mask_words[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

#define VEC __m256
#define LANES 8
#define MASK __m256i
#define vec_mask(n) _mm256_loadu_si256((const void *)(mask_words + 8 - mask_clip(n)))
#define vec_load(p) _mm256_loadu_ps(p)
#define vec_store(p, x) _mm256_storeu_ps(p, x)
#define vec_load_n(p, mask) _mm256_maskload_ps(p, mask)
#define vec_store_n(p, mask, x) _mm256_maskstore_ps(p, mask, x)
#define vec_zero() _mm256_setzero_ps()
#define vec_set(f) _mm256_set1_ps(f)
#define vec_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define vec_min(a, b) _mm256_min_ps(a, b)
#define vec_max(a, b) _mm256_max_ps(a, b)

static inline int mask_clip(int n)
{
    return n < 0 ? 0 : n > LANES ? LANES : n;
}

#define MR 6
#define NV 2
#define ROWS(X, nv) X(1, nv) X(2, nv) X(3, nv) X(4, nv) X(5, nv) X(6, nv)
#define VECTORS(X) ROWS(X, 1) ROWS(X, 2)
#define SET tro_gemm_f32__avx2
#define SET_NAME "gemm_f32_6x16__avx2"
#define WINOGRAD_NAME "winograd_f32_4x4__avx2"
#include "cpu/gemm_f32_tmpl.h"
