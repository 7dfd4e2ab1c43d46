/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/copy.h"

#include <immintrin.h>

/* 16 x 16 elements in registers: pairs of rows, pairs of those, then quarters of the registers. */
static inline __attribute__((always_inline)) void transpose_registers(__m512 r[16])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
        for (int k = 0; k < 2; k++) {
            const __m512d a = _mm512_castps_pd(t[i + k]), b = _mm512_castps_pd(t[i + k + 2]);
            r[i + 2 * k] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
            r[i + 2 * k + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
        }
    for (int k = 0; k < 4; k++) {
        t[k] = _mm512_shuffle_f32x4(r[k], r[4 + k], 0x88);
        t[4 + k] = _mm512_shuffle_f32x4(r[k], r[4 + k], 0xdd);
        t[8 + k] = _mm512_shuffle_f32x4(r[8 + k], r[12 + k], 0x88);
        t[12 + k] = _mm512_shuffle_f32x4(r[8 + k], r[12 + k], 0xdd);
    }
    for (int k = 0; k < 4; k++) {
        r[k] = _mm512_shuffle_f32x4(t[k], t[8 + k], 0x88);
        r[8 + k] = _mm512_shuffle_f32x4(t[k], t[8 + k], 0xdd);
        r[4 + k] = _mm512_shuffle_f32x4(t[4 + k], t[12 + k], 0x88);
        r[12 + k] = _mm512_shuffle_f32x4(t[4 + k], t[12 + k], 0xdd);
    }
}

static void block_16x16(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch)
{
    __m512 r[16];
    for (int j = 0; j < 16; j++)
        r[j] = _mm512_loadu_ps((const float *)(const void *)(src + j * src_pitch));
    transpose_registers(r);
    for (int i = 0; i < 16; i++)
        _mm512_storeu_ps((float *)(void *)(dst + i * dst_pitch), r[i]);
}

static void block_part(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                       int64_t n_i, int64_t n_j)
{
    const __mmask16 of_i = (__mmask16)((1U << n_i) - 1), of_j = (__mmask16)((1U << n_j) - 1);
    __m512 r[16];
    for (int j = 0; j < 16; j++)
        r[j] = j < n_j ? _mm512_maskz_loadu_ps(of_i, src + j * src_pitch) : _mm512_setzero_ps();
    transpose_registers(r);
    for (int i = 0; i < 16 && i < n_i; i++)
        _mm512_mask_storeu_ps(dst + i * dst_pitch, of_j, r[i]);
}

void tro_transpose_4__avx512(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                             int64_t n_i, int64_t n_j)
{
    for (int64_t j = 0; j < n_j; j += 16)
        for (int64_t i = 0; i < n_i; i += 16) {
            char *const d = dst + i * dst_pitch + j * 4;
            const char *const s = src + j * src_pitch + i * 4;
            const int64_t a = n_i - i < 16 ? n_i - i : 16, b = n_j - j < 16 ? n_j - j : 16;
            if (a == 16 && b == 16)
                block_16x16(d, dst_pitch, s, src_pitch);
            else
                block_part(d, dst_pitch, s, src_pitch, a, b);
        }
}
