/* SPDX-License-Identifier: Apache-2.0 */
/* Four taps of 32 channels are interleaved to the fours of bytes that dot products take. */
#include "cpu/depthwise_int.h"

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

enum { LANES = 32 };

/* The first n bytes, zeros behind them. */
static inline __m256i load(const uint8_t *p, int64_t n, __m256i flip)
{
    uint8_t bytes[LANES] = {0};
    if (n >= LANES)
        return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)p), flip);
    memcpy(bytes, p, (size_t)n);
    return _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)bytes), flip);
}

/* From 4 channels of each 16 to channels in their order. */
static inline void order(__m256i *part, const __m256i *sum)
{
    part[0] = _mm256_permute2x128_si256(sum[0], sum[1], 0x20);
    part[1] = _mm256_permute2x128_si256(sum[2], sum[3], 0x20);
    part[2] = _mm256_permute2x128_si256(sum[0], sum[1], 0x31);
    part[3] = _mm256_permute2x128_si256(sum[2], sum[3], 0x31);
}

static inline __m256i load_i32(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void store_i32(int32_t *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, v);
}

static inline void store(int32_t *to, const int32_t *init, const __m256i *sum)
{
    __m256i part[4];
    order(part, sum);
    for (int i = 0; i < 4; i++)
        store_i32(to + 8 * i, _mm256_add_epi32(part[i], load_i32(init + 8 * i)));
}

static inline void take_off(int32_t *acc, const int32_t *zeros, const __m256i *sum_x)
{
    __m256i part[4];
    order(part, sum_x);
    for (int i = 0; i < 4; i++) {
        const __m256i less = _mm256_mullo_epi32(part[i], load_i32(zeros + 8 * i));
        store_i32(acc + 8 * i, _mm256_sub_epi32(load_i32(acc + 8 * i), less));
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
    const __m256i bits = _mm256_set1_epi8((char)flip);
    for (int64_t c = 0; c < n; c += LANES) {
        const int8_t *weight = (const int8_t *)w + c * 4;
        __m256i sum_x[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                            _mm256_setzero_si256()};
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (int64_t k = 0; k < n_taps; k += 4, weight += w_pitch * 4) {
            const __m256i t0 = load(taps[k] + c, n - c, bits);
            const __m256i t1 = load(taps[k + 1] + c, n - c, bits);
            const __m256i t2 = load(taps[k + 2] + c, n - c, bits);
            const __m256i t3 = load(taps[k + 3] + c, n - c, bits);
            const __m256i lo01 = _mm256_unpacklo_epi8(t0, t1), hi01 = _mm256_unpackhi_epi8(t0, t1);
            const __m256i lo23 = _mm256_unpacklo_epi8(t2, t3), hi23 = _mm256_unpackhi_epi8(t2, t3);
            const __m256i x[4] = {
                _mm256_unpacklo_epi16(lo01, lo23), _mm256_unpackhi_epi16(lo01, lo23),
                _mm256_unpacklo_epi16(hi01, hi23), _mm256_unpackhi_epi16(hi01, hi23)};
            const __m256i ones = _mm256_set1_epi32(ones_of(n_taps - k));
            for (int q = 0; q < 4; q++) {
                sum[q] = _mm256_dpbusd_avx_epi32(
                    sum[q], x[q],
                    _mm256_loadu_si256((const __m256i *)(const void *)(weight + q * LANES)));
                if (zeros)
                    sum_x[q] = _mm256_dpbusd_avx_epi32(sum_x[q], x[q], ones);
            }
        }
        store(acc + c, init + c, sum);
        if (zeros)
            take_off(acc + c, zeros + c, sum_x);
    }
}

void tro_depthwise_int_dot__avxvnni(const uint8_t *const *taps, int64_t n_taps, uint8_t flip,
                                    const void *w, int64_t w_pitch, const int32_t *init,
                                    const int32_t *zeros, int32_t *acc, int64_t n)
{
    if (zeros)
        channels(taps, n_taps, flip, w, w_pitch, init, zeros, acc, n);
    else
        channels(taps, n_taps, flip, w, w_pitch, init, NULL, acc, n);
}
