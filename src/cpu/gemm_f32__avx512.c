/* SPDX-License-Identifier: Apache-2.0 */
#include <immintrin.h>
#include <stdint.h>

#define VEC __m512
#define LANES 16
#define MASK __mmask16
#define vec_mask(n) ((__mmask16)((n) >= LANES ? 0xffff : (n) <= 0 ? 0 : (1u << (n)) - 1))
#define vec_load(p) _mm512_loadu_ps(p)
#define vec_store(p, x) _mm512_storeu_ps(p, x)
#define vec_load_n(p, mask) _mm512_maskz_loadu_ps(mask, p)
#define vec_store_n(p, mask, x) _mm512_mask_storeu_ps(p, mask, x)
#define vec_zero() _mm512_setzero_ps()
#define vec_set(f) _mm512_set1_ps(f)
#define vec_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define vec_min(a, b) _mm512_min_ps(a, b)
#define vec_max(a, b) _mm512_max_ps(a, b)

#define MR 14
#define NV 2
#define ROWS(X, nv) \
    X(1, nv)        \
    X(2, nv)        \
    X(3, nv)        \
    X(4, nv)        \
    X(5, nv) X(6, nv) X(7, nv) X(8, nv) X(9, nv) X(10, nv) X(11, nv) X(12, nv) X(13, nv) X(14, nv)
#define VECTORS(X) ROWS(X, 1) ROWS(X, 2)
#define SET tro_gemm_f32__avx512
#define SET_NAME "gemm_f32_14x32__avx512"
#define WINOGRAD_NAME "winograd_f32_4x4__avx512"
#include "cpu/gemm_f32_tmpl.h"
