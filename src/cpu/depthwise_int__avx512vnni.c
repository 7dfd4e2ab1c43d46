/* SPDX-License-Identifier: Apache-2.0 */
/* Four taps of 64 channels are interleaved to the fours of bytes that dot products take. */
#include "cpu/depthwise_int.h"

#include <immintrin.h>
#include <stddef.h>

enum { LANES = 64 };

static inline __m512i load(const uint8_t *p, __mmask64 mask, __m512i flip)
{
    return _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, p), flip);
}

/* From 4 channels of each 16 to channels in their order. */
static inline void order(__m512i *part, const __m512i *sum)
{
    const __m512i a = _mm512_shuffle_i32x4(sum[0], sum[1], 0x44);
    const __m512i b = _mm512_shuffle_i32x4(sum[2], sum[3], 0x44);
    const __m512i c = _mm512_shuffle_i32x4(sum[0], sum[1], 0xee);
    const __m512i d = _mm512_shuffle_i32x4(sum[2], sum[3], 0xee);
    part[0] = _mm512_shuffle_i32x4(a, b, 0x88);
    part[1] = _mm512_shuffle_i32x4(a, b, 0xdd);
    part[2] = _mm512_shuffle_i32x4(c, d, 0x88);
    part[3] = _mm512_shuffle_i32x4(c, d, 0xdd);
}

static inline __m512i load_i32(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void store_i32(int32_t *p, __m512i v)
{
    _mm512_storeu_si512(p, v);
}

static inline void store(int32_t *to, const int32_t *init, const __m512i *sum)
{
    __m512i part[4];
    order(part, sum);
    for (int i = 0; i < 4; i++)
        store_i32(to + 16 * i, _mm512_add_epi32(part[i], load_i32(init + 16 * i)));
}

static inline void take_off(int32_t *acc, const int32_t *zeros, const __m512i *sum_x)
{
    __m512i part[4];
    order(part, sum_x);
    for (int i = 0; i < 4; i++) {
        const __m512i less = _mm512_mullo_epi32(part[i], load_i32(zeros + 16 * i));
        store_i32(acc + 16 * i, _mm512_sub_epi32(load_i32(acc + 16 * i), less));
    }
}

/* A one for each tap of four that is there. */
static inline int32_t ones_of(int64_t n)
{
    return n >= 4 ? 0x01010101 : 0x010101 >> (8 * (3 - n));
}

/* With zeros of the weights the sums of x are needed too. */
static inline __attribute__((always_inline)) void channels(
    const uint8_t *const *taps, int64_t n_taps, uint8_t flip, const void *w, int64_t w_pitch,
    const int32_t *init, const int32_t *zeros, int32_t *acc, int64_t n)
{
    const __m512i bits = _mm512_set1_epi8((char)flip);
    for (int64_t c = 0; c < n; c += LANES) {
        const __mmask64 mask = n - c < LANES ? ~(__mmask64)0 >> (LANES - (n - c)) : ~(__mmask64)0;
        const int8_t *weight = (const int8_t *)w + c * 4;
        __m512i sum_x[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                            _mm512_setzero_si512()};
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
            const __m512i ones = _mm512_set1_epi32(ones_of(n_taps - k));
            for (int q = 0; q < 4; q++) {
                sum[q] = _mm512_dpbusd_epi32(sum[q], x[q], _mm512_loadu_si512(weight + q * LANES));
                if (zeros)
                    sum_x[q] = _mm512_dpbusd_epi32(sum_x[q], x[q], ones);
            }
        }
        store(acc + c, init + c, sum);
        if (zeros)
            take_off(acc + c, zeros + c, sum_x);
    }
}

void tro_depthwise_int_dot__avx512vnni(const uint8_t *const *taps, int64_t n_taps, uint8_t flip,
                                       const void *w, int64_t w_pitch, const int32_t *init,
                                       const int32_t *zeros, int32_t *acc, int64_t n)
{
    if (zeros)
        channels(taps, n_taps, flip, w, w_pitch, init, zeros, acc, n);
    else
        channels(taps, n_taps, flip, w, w_pitch, init, NULL, acc, n);
}
