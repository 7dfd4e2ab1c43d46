/* SPDX-License-Identifier: Apache-2.0 */
/* Four taps of 64 channels are interleaved to the fours of bytes that dot products take. */
#include "cpu/depthwise_int.h"

#include <immintrin.h>

enum { LANES = 64 };

static inline __m512i load(const uint8_t *p, __mmask64 mask, __m512i flip)
{
    return _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, p), flip);
}

/* From 4 channels of each 16 to channels in their order. */
static inline void store(int32_t *to, const int32_t *init, const __m512i *sum)
{
    const __m512i a = _mm512_shuffle_i32x4(sum[0], sum[1], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(sum[2], sum[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(sum[0], sum[1], 0xee);
    const __m512i d = _mm512_shuffle_i32x4(sum[2], sum[3], 0xee);
    const __m512i part[4] = {_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd),
                             _mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd)};
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512(to + 16 * i,
                            _mm512_add_epi32(part[i], _mm512_loadu_si512(init + 16 * i)));
}

void tro_depthwise_int_dot__avx512vnni(const uint8_t *const *taps, int64_t n_taps, uint8_t flip,
                                       const void *w, int64_t w_pitch, const int32_t *init,
                                       int32_t *acc, int64_t n)
{
    const __m512i bits = _mm512_set1_epi8((char)flip);
    for (int64_t c = 0; c < n; c += LANES) {
        const __mmask64 mask = n - c < LANES ? ~(__mmask64)0 >> (LANES - (n - c)) : ~(__mmask64)0;
        const int8_t *weight = (const int8_t *)w + c * 4;
        __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512()};
        for (int64_t k = 0; k < n_taps; k += 4, weight += w_pitch * 4) {
            const __m512i t0 = load(taps[k] + c, mask, bits);
            const __m512i t1 = load(taps[k + 1] + c, mask, bits);
            const __m512i t2 = load(taps[k + 2] + c, mask, bits);
            const __m512i t3 = load(taps[k + 3] + c, mask, bits);
            const __m512i lo01 = _mm512_unpacklo_epi8(t0, t1), hi01 = _mm512_unpackhi_epi8(t0, t1);
            const __m512i lo23 = _mm512_unpacklo_epi8(t2, t3), hi23 = _mm512_unpackhi_epi8(t2, t3);
            const __m512i x[4] = {
                _mm512_unpacklo_epi16(lo01, lo23), _mm512_unpackhi_epi16(lo01, lo23),
                _mm512_unpacklo_epi16(hi01, hi23), _mm512_unpackhi_epi16(hi01, hi23)};
            for (int q = 0; q < 4; q++)
                sum[q] = _mm512_dpbusd_epi32(sum[q], x[q], _mm512_loadu_si512(weight + q * LANES));
        }
        store(acc + c, init + c, sum);
    }
}
