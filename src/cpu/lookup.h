/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a table of 256, looked up with registers of the level a file is compiled for. */
#ifndef TRO_CPU_LOOKUP_H
#define TRO_CPU_LOOKUP_H

#include "cpu/simd.h"

#if VF_LANES == 16

/* The table as 128 pairs of bytes; w: 32 indices in words. */
static inline __m512i lookup_words(const __m512i *table, __m512i w)
{
    const __m512i pair = _mm512_srli_epi16(w, 1);
    const __m512i low = _mm512_permutex2var_epi16(table[0], pair, table[1]);
    const __m512i high = _mm512_permutex2var_epi16(table[2], pair, table[3]);
    const __mmask32 is_high = _mm512_test_epi16_mask(w, _mm512_set1_epi16(0x80));
    const __m512i odd = _mm512_slli_epi16(_mm512_and_si512(w, _mm512_set1_epi16(1)), 3);
    return _mm512_srlv_epi16(_mm512_mask_blend_epi16(is_high, low, high), odd);
}

static inline __m512i lookup_vector(const __m512i *table, __m512i x)
{
    const __m512i byte = _mm512_set1_epi16(0xff);
    const __m512i even = lookup_words(table, _mm512_and_si512(x, byte));
    const __m512i odd = lookup_words(table, _mm512_srli_epi16(x, 8));
    return _mm512_or_si512(_mm512_and_si512(even, byte), _mm512_slli_epi16(odd, 8));
}

/* to[i] = table[from[i]]; to may be from. */
static inline void lookup_bytes(uint8_t *to, const uint8_t *from, int64_t n, const uint8_t *table)
{
    __m512i t[4];
    int64_t i = 0;
    for (int k = 0; k < 4; k++)
        t[k] = _mm512_loadu_si512(table + 64 * k);
    for (; i + 64 <= n; i += 64)
        _mm512_storeu_si512(to + i, lookup_vector(t, _mm512_loadu_si512(from + i)));
    if (i == n)
        return;
    const __mmask64 left = ~(__mmask64)0 >> (64 - (n - i));
    _mm512_mask_storeu_epi8(to + i, left,
                            lookup_vector(t, _mm512_maskz_loadu_epi8(left, from + i)));
}

#else

#if VF_LANES == 8
enum { LOOKUP_LANES = 32 };

/* Sixteen entries at a time: an index beyond them gets its high bit set, which gives 0. */
static inline void lookup_vector(uint8_t *to, const uint8_t *from, const uint8_t *table)
{
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)from);
    __m256i y = _mm256_setzero_si256();
    for (int row = 0; row < 16; row++) {
        const __m128i entries = _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * row));
        const __m256i at = _mm256_adds_epu8(x, _mm256_set1_epi8(0x70));
        y = _mm256_or_si256(y, _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(entries), at));
        x = _mm256_sub_epi8(x, _mm256_set1_epi8(16));
    }
    _mm256_storeu_si256((__m256i *)(void *)to, y);
}
#elif defined(__ARM_NEON) && defined(__aarch64__)
enum { LOOKUP_LANES = 16 };

/* Sixty-four entries at a time: an index beyond them leaves what is there. */
static inline void lookup_vector(uint8_t *to, const uint8_t *from, const uint8_t *table)
{
    uint8x16_t x = vld1q_u8(from), y = vqtbl4q_u8(vld1q_u8_x4(table), x);
    for (int row = 1; row < 4; row++) {
        x = vsubq_u8(x, vdupq_n_u8(64));
        y = vqtbx4q_u8(y, vld1q_u8_x4(table + 64 * row), x);
    }
    vst1q_u8(to, y);
}
#else
enum { LOOKUP_LANES = 1 };

static inline void lookup_vector(uint8_t *to, const uint8_t *from, const uint8_t *table)
{
    *to = table[*from];
}
#endif

/* to[i] = table[from[i]]; to may be from. */
static inline void lookup_bytes(uint8_t *to, const uint8_t *from, int64_t n, const uint8_t *table)
{
    int64_t i = 0;
    for (; i + LOOKUP_LANES <= n; i += LOOKUP_LANES)
        lookup_vector(to + i, from + i, table);
    for (; i < n; i++)
        to[i] = table[from[i]];
}

#endif

/* ---- between entries --------------------------------------------------------------------------
 * Of 16 bits, u counts from the least: (t[i] * (128 - f) + t[i + 1] * f + 2^14) / 2^15, where
 * i = u / 128, f = u % 128. */

static inline int32_t lookup_between(const int32_t *t, int32_t u)
{
    const int32_t i = u >> 7, f = u & 127;
    return (t[i] * (128 - f) + t[i + 1] * f + (1 << 14)) >> 15;
}

#if defined(__AVX512F__)

/* 8 results, in the low halves of 64 bits: an entry and the next one are fetched together. */
static inline __m512i lookup_between_8(const int32_t *t, __m256i u)
{
    const __m512i pair = _mm512_i32gather_epi64(_mm256_srli_epi32(u, 7), t, 4);
    const __m512i f = _mm512_cvtepu32_epi64(_mm256_and_si256(u, _mm256_set1_epi32(127)));
    const __m512i rest = _mm512_sub_epi64(_mm512_set1_epi64(128), f);
    const __m512i both = _mm512_mullo_epi32(pair, _mm512_or_si512(_mm512_slli_epi64(f, 32), rest));
    const __m512i sum = _mm512_add_epi32(both, _mm512_srli_epi64(both, 32));
    return _mm512_srai_epi32(_mm512_add_epi32(sum, _mm512_set1_epi32(1 << 14)), 15);
}

/* Of 16 elements, whose least value is -bias. */
static inline __m512i lookup_between_16(const int32_t *t, __m256i x, int32_t bias)
{
    const __m512i words = bias ? _mm512_cvtepi16_epi32(x) : _mm512_cvtepu16_epi32(x);
    const __m512i u = _mm512_add_epi32(words, _mm512_set1_epi32(bias));
    const __m512i low = lookup_between_8(t, _mm512_castsi512_si256(u));
    const __m512i high = lookup_between_8(t, _mm512_extracti64x4_epi64(u, 1));
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtepi64_epi32(low)),
                              _mm512_cvtepi64_epi32(high), 1);
}

#endif

#endif
