/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/copy.h"

#include <immintrin.h>

static inline __attribute__((always_inline)) void transpose_registers(__m256 r[8])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            const __m256d a = _mm256_castps_pd(t[i + k]), b = _mm256_castps_pd(t[i + k + 2]);
            r[i + 2 * k] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
            r[i + 2 * k + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        }
    for (int k = 0; k < 4; k++) {
        t[k] = _mm256_permute2f128_ps(r[k], r[4 + k], 0x20);
        t[4 + k] = _mm256_permute2f128_ps(r[k], r[4 + k], 0x31);
    }
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

static void block_8x8(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch)
{
    __m256 r[8];
    for (int j = 0; j < 8; j++)
        r[j] = _mm256_loadu_ps((const float *)(const void *)(src + j * src_pitch));
    transpose_registers(r);
    for (int i = 0; i < 8; i++)
        _mm256_storeu_ps((float *)(void *)(dst + i * dst_pitch), r[i]);
}

static __m256i first_lanes(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static void block_part(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                       int64_t n_i, int64_t n_j)
{
    const __m256i of_i = first_lanes(n_i), of_j = first_lanes(n_j);
    __m256 r[8];
    for (int j = 0; j < 8; j++)
        r[j] = j < n_j
                   ? _mm256_maskload_ps((const float *)(const void *)(src + j * src_pitch), of_i)
                   : _mm256_setzero_ps();
    transpose_registers(r);
    for (int i = 0; i < 8 && i < n_i; i++)
        _mm256_maskstore_ps((float *)(void *)(dst + i * dst_pitch), of_j, r[i]);
}

void tro_transpose_4__avx2(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                           int64_t n_i, int64_t n_j)
{
    for (int64_t j = 0; j < n_j; j += 8)
        for (int64_t i = 0; i < n_i; i += 8) {
            char *const d = dst + i * dst_pitch + j * 4;
            const char *const s = src + j * src_pitch + i * 4;
            const int64_t a = n_i - i < 8 ? n_i - i : 8, b = n_j - j < 8 ? n_j - j : 8;
            if (a == 8 && b == 8)
                block_8x8(d, dst_pitch, s, src_pitch);
            else
                block_part(d, dst_pitch, s, src_pitch, a, b);
        }
}
