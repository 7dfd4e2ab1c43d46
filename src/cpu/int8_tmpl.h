/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled once for each level: INT8_FN(kind) names the functions, INT8_TILES is the level's list
 * of tiles.
 *
 * Without an instruction for four products at a time, bytes become 16-bit numbers of even and odd
 * places, whose products are added up in pairs: 2 * 255 * 128 is far from the end of 32 bits.
 */
#include "cpu/int8.h"

#include "cpu/lookup.h"

enum { INT8_MAX_ROWS = 28, INT8_MAX_VECTORS = 4 };

/* ---- dot products: sum += the four bytes of a, with those of each column of b ------------------
 * */

#if defined(__AVX512VNNI__) && VF_LANES == 16
typedef __m512i operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
static inline operand load_b(const int8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline vi dot(vi sum, operand a, operand b)
{
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, a, b);
}
#elif VF_LANES == 16
typedef struct {
    __m512i even, odd;
} operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    const __m512i v = _mm512_set1_epi32(four);
    return (operand){_mm512_and_si512(v, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(v, 8)};
}
static inline operand load_b(const int8_t *p)
{
    const __m512i v = _mm512_loadu_si512(p);
    return (operand){_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
}
static inline vi dot(vi sum, operand a, operand b)
{
    return sum + (vi)_mm512_madd_epi16(a.even, b.even) + (vi)_mm512_madd_epi16(a.odd, b.odd);
}
#elif defined(__AVXVNNI__) && VF_LANES == 8
typedef __m256i operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
static inline operand load_b(const int8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
static inline vi dot(vi sum, operand a, operand b)
{
    return (vi)_mm256_dpbusd_avx_epi32((__m256i)sum, a, b);
}
#elif VF_LANES == 8
typedef struct {
    __m256i even, odd;
} operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    const __m256i v = _mm256_set1_epi32(four);
    return (operand){_mm256_and_si256(v, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(v, 8)};
}
static inline operand load_b(const int8_t *p)
{
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return (operand){_mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8), _mm256_srai_epi16(v, 8)};
}
static inline vi dot(vi sum, operand a, operand b)
{
    return sum + (vi)_mm256_madd_epi16(a.even, b.even) + (vi)_mm256_madd_epi16(a.odd, b.odd);
}
#elif defined(__ARM_FEATURE_DOTPROD)
typedef int8x16_t operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}
static inline operand load_b(const int8_t *p)
{
    return vld1q_s8(p);
}
static inline vi dot(vi sum, operand a, operand b)
{
    return vdotq_s32(sum, a, b);
}
#elif defined(__ARM_NEON)
typedef struct {
    int16x8_t low, high;
} operand;
static inline operand load_a(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, 4);
    const int16x8_t v = vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))));
    return (operand){v, v};
}
static inline operand load_b(const int8_t *p)
{
    const int8x16_t v = vld1q_s8(p);
    return (operand){vmovl_s8(vget_low_s8(v)), vmovl_s8(vget_high_s8(v))};
}
static inline vi dot(vi sum, operand a, operand b)
{
    const int32x4_t p0 = vmull_s16(vget_low_s16(a.low), vget_low_s16(b.low));
    const int32x4_t p1 = vmull_high_s16(a.low, b.low);
    const int32x4_t p2 = vmull_s16(vget_low_s16(a.high), vget_low_s16(b.high));
    const int32x4_t p3 = vmull_high_s16(a.high, b.high);
    return sum + vpaddq_s32(vpaddq_s32(p0, p1), vpaddq_s32(p2, p3));
}
#elif defined(__SSE2__)
#include <emmintrin.h>
typedef struct {
    __m128i even, odd;
} operand;
static inline operand load_a(const uint8_t *p)
{
    int32_t four;
    memcpy(&four, p, 4);
    const __m128i v = _mm_set1_epi32(four);
    return (operand){_mm_and_si128(v, _mm_set1_epi16(0xff)), _mm_srli_epi16(v, 8)};
}
static inline operand load_b(const int8_t *p)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (operand){_mm_srai_epi16(_mm_slli_epi16(v, 8), 8), _mm_srai_epi16(v, 8)};
}
static inline vi dot(vi sum, operand a, operand b)
{
    return sum + (vi)_mm_madd_epi16(a.even, b.even) + (vi)_mm_madd_epi16(a.odd, b.odd);
}
#else
typedef struct {
    int32_t v[4 * VF_LANES];
} operand;
static inline operand load_a(const uint8_t *p)
{
    operand a;
    for (int i = 0; i < 4 * VF_LANES; i++)
        a.v[i] = p[i % 4];
    return a;
}
static inline operand load_b(const int8_t *p)
{
    operand b;
    for (int i = 0; i < 4 * VF_LANES; i++)
        b.v[i] = p[i];
    return b;
}
static inline vi dot(vi sum, operand a, operand b)
{
    for (int i = 0; i < 4 * VF_LANES; i++)
        sum[i / 4] += a.v[i] * b.v[i];
    return sum;
}
#endif

/* ---- products ----------------------------------------------------------------------------------
 * */

static inline vi load_sums(const int32_t *p)
{
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* `cols` as vectors, and a half one behind them (AVX-512 alone) that two rows share. */
struct sums {
    vi whole[INT8_MAX_ROWS][INT8_MAX_VECTORS];
    vi half[INT8_MAX_ROWS / 2 + 1];
};

#if VF_LANES == 16
/* Eight columns, for two rows. */
static inline vi twice(const void *p)
{
    return (vi)_mm512_broadcast_i64x4(_mm256_loadu_si256(p));
}
#ifdef __AVX512VNNI__
static inline operand load_half_b(const int8_t *p)
{
    return (operand)twice(p);
}
static inline operand rows_of_half(operand a, operand b)
{
    return _mm512_mask_blend_epi32(0xff00, a, b);
}
#else
static inline operand load_half_b(const int8_t *p)
{
    const __m512i v = (__m512i)twice(p);
    return (operand){_mm512_srai_epi16(_mm512_slli_epi16(v, 8), 8), _mm512_srai_epi16(v, 8)};
}
static inline operand rows_of_half(operand a, operand b)
{
    return (operand){_mm512_mask_blend_epi32(0xff00, a.even, b.even),
                     _mm512_mask_blend_epi32(0xff00, a.odd, b.odd)};
}
#endif
static inline void store_half(int32_t *p, vi v, bool is_second)
{
    const __m512i all = (__m512i)v;
    _mm256_storeu_si256((__m256i *)(void *)p, is_second ? _mm512_extracti64x4_epi64(all, 1)
                                                        : _mm512_castsi512_si256(all));
}
#else
static inline vi twice(const void *p)
{
    return load_sums(p);
}
static inline operand load_half_b(const int8_t *p)
{
    return load_b(p);
}
static inline operand rows_of_half(operand a, operand b)
{
    (void)b;
    return a;
}
static inline void store_half(int32_t *p, vi v, bool is_second)
{
    (void)p, (void)v, (void)is_second;
}
#endif

/* Four places of k of all rows, which stand in sevens: an address is one of few pointers with a
 * multiple of the pitch that addressing knows. */
static inline __attribute__((always_inline)) void step(struct sums *s, const uint8_t *const *seven,
                                                       int64_t pitch, const int8_t *b,
                                                       const int n_rows, const int vectors,
                                                       const bool has_half)
{
    const int64_t times[7] = {0, pitch, 2 * pitch, 3 * pitch, 4 * pitch, 5 * pitch, 6 * pitch};
    operand column[INT8_MAX_VECTORS], half, other;
    VF_UNROLL
    for (int v = 0; v < vectors; v++)
        column[v] = load_b(b + 4 * v * VF_LANES);
    if (has_half)
        half = load_half_b(b + 4 * vectors * VF_LANES);
    VF_UNROLL
    for (int i = 0; i < n_rows; i++) {
        const operand row = load_a(seven[i / 7] + times[i % 7]);
        VF_UNROLL
        for (int v = 0; v < vectors; v++)
            s->whole[i][v] = dot(s->whole[i][v], row, column[v]);
        if (has_half && i % 2)
            s->half[i / 2] = dot(s->half[i / 2], rows_of_half(other, row), half);
        else if (has_half && i == n_rows - 1)
            s->half[i / 2] = dot(s->half[i / 2], row, half);
        other = row;
    }
}

static inline __attribute__((always_inline)) void tile(const struct tro_int8_rows *a,
                                                       const int8_t *b, const int32_t *init,
                                                       int32_t *c, int64_t c_pitch,
                                                       const int n_rows, const int vectors,
                                                       const bool has_half)
{
    struct sums s;
    const int64_t pitch = a->pitch;
    VF_UNROLL
    for (int i = 0; i < n_rows; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++)
            s.whole[i][v] = load_sums(init + v * VF_LANES);
        if (has_half && i % 2 == 0)
            s.half[i / 2] = twice(init + vectors * VF_LANES);
    }
    for (int64_t run = 0; run < a->n_runs; run++) {
        const uint8_t *seven[(INT8_MAX_ROWS + 6) / 7];
        VF_UNROLL
        for (int i = 0; i < (n_rows + 6) / 7; i++)
            seven[i] = a->at + run * a->run_step + 7 * i * pitch;
        for (int64_t k = 0; k < a->n_k4; k++) {
            step(&s, seven, pitch, b, n_rows, vectors, has_half);
            b += 4 * vectors * VF_LANES + (has_half ? 2 * VF_LANES : 0);
            VF_UNROLL
            for (int i = 0; i < (n_rows + 6) / 7; i++)
                seven[i] += 4;
        }
    }
    VF_UNROLL
    for (int i = 0; i < n_rows; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++)
            memcpy(c + i * c_pitch + v * VF_LANES, &s.whole[i][v], sizeof s.whole[i][v]);
        if (has_half)
            store_half(c + i * c_pitch + vectors * VF_LANES, s.half[i / 2], i % 2);
    }
}

/* The kernel for tiles of up to `rows` x `cols`. */
#define INT8_CASE(n, rows, cols)                                                     \
    case n:                                                                          \
        if ((n) <= (rows))                                                           \
            tile(a, b, init, c, c_pitch, (n) <= (rows) ? (n) : 1, (cols) / VF_LANES, \
                 (cols) % VF_LANES != 0);                                            \
        return;
#define INT8_CASES(n, rows, cols) \
    INT8_CASE(n, rows, cols)      \
    INT8_CASE(n + 1, rows, cols) INT8_CASE(n + 2, rows, cols) INT8_CASE(n + 3, rows, cols)
#define INT8_GEMM(level, rows, cols)                                                     \
    void INT8_FN(gemm_##rows##x##cols)(const struct tro_int8_rows *a, const int8_t *b,   \
                                       const int32_t *init, int32_t *c, int64_t c_pitch, \
                                       int n_rows)                                       \
    {                                                                                    \
        switch (n_rows) {                                                                \
            INT8_CASES(1, rows, cols)                                                    \
            INT8_CASES(5, rows, cols)                                                    \
            INT8_CASES(9, rows, cols)                                                    \
            INT8_CASES(13, rows, cols)                                                   \
            INT8_CASES(17, rows, cols)                                                   \
            INT8_CASES(21, rows, cols)                                                   \
            INT8_CASES(25, rows, cols)                                                   \
        default:                                                                         \
            return;                                                                      \
        }                                                                                \
    }
INT8_TILES(INT8_GEMM)

/* ---- bytes
 * --------------------------------------------------------------------------------------- */

void INT8_FN(copy)(uint8_t *to, int64_t to_pitch, const uint8_t *from, int64_t from_pitch,
                   int64_t n_rows, int64_t n, uint8_t flip)
{
#if VF_LANES == 16
    const __m512i bits = _mm512_set1_epi8((char)flip);
    const __mmask64 left = n % 64 ? ~(__mmask64)0 >> (64 - n % 64) : 0;
    for (int64_t r = 0; r < n_rows; r++, to += to_pitch, from += from_pitch) {
        int64_t i = 0;
        for (; i + 64 <= n; i += 64)
            _mm512_storeu_si512(to + i, _mm512_xor_si512(_mm512_loadu_si512(from + i), bits));
        if (left)
            _mm512_mask_storeu_epi8(
                to + i, left, _mm512_xor_si512(_mm512_maskz_loadu_epi8(left, from + i), bits));
    }
#else
    const uint64_t bits = flip * 0x0101010101010101U;
    for (int64_t r = 0; r < n_rows; r++, to += to_pitch, from += from_pitch) {
        uint64_t eight;
        int64_t i = 0;
        for (; i + 8 <= n; i += 8) {
            memcpy(&eight, from + i, 8);
            eight ^= bits;
            memcpy(to + i, &eight, 8);
        }
        for (; i < n; i++)
            to[i] = from[i] ^ flip;
    }
#endif
}

void INT8_FN(weave)(uint8_t *to, const uint8_t *const plane[3], int64_t n, uint8_t flip)
{
    const uint8_t *const a = plane[0], *const b = plane[1], *const c = plane[2];
    const uint32_t bits = flip * 0x01010101U;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t four = ((uint32_t)a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16) ^ bits;
        memcpy(to + 4 * i, &four, 4);
    }
}

int32_t INT8_FN(sum)(const uint8_t *a, int64_t n)
{
    int32_t sum = 0;
    for (int64_t i = 0; i < n; i++)
#ifdef __ARM_FEATURE_DOTPROD
        sum += (int8_t)a[i];
#else
        sum += a[i];
#endif
    return sum;
}

void INT8_FN(correct)(int32_t *acc, int64_t acc_pitch, int64_t n_rows, int64_t n_cols,
                      const int32_t *x, const int32_t *by_x, const int32_t *y, const int32_t *by_y)
{
    for (int64_t i = 0; i < n_rows; i++, acc += acc_pitch) {
        const vi a = vi_set(x ? x[i] : 0), b = vi_set(y ? y[i] : 0);
        for (int64_t j = 0; j < n_cols; j += VF_LANES) {
            vi v = load_sums(acc + j);
            if (x)
                v -= a * load_sums(by_x + j);
            if (y)
                v -= b * load_sums(by_y + j);
            memcpy(acc + j, &v, sizeof v);
        }
    }
}

/* To nearest, half to even, whatever the thread's rounding mode. */
static inline vi round_to_vi(vf x)
{
#if VF_LANES == 16
    return (vi)_mm512_cvt_roundps_epi32(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    return vf_to_vi(vf_round(x));
#endif
}

static inline void store_bytes(uint8_t *to, vi v, int64_t n)
{
#if VF_LANES == 16
    const __m128i b = _mm512_cvtepi32_epi8((__m512i)v);
    if (n == VF_LANES)
        _mm_storeu_si128((__m128i *)(void *)to, b);
    else if (n == 8)
        _mm_storel_epi64((__m128i *)(void *)to, b);
    else
        _mm_mask_storeu_epi8(to, (__mmask16)((1U << n) - 1), b);
#else
    typedef uint8_t narrow __attribute__((vector_size(VF_LANES)));
    const narrow b = __builtin_convertvector(v, narrow);
    memcpy(to, &b, n == VF_LANES ? VF_LANES : (size_t)n);
#endif
}

/* Limits are whole numbers, so a value may be brought between them before it is rounded. */
struct limits {
    vf lo, hi;
    vi zero;
};

static inline vi requant_vector(const struct limits *l, const int32_t *acc, vf scale)
{
    const vf v = vi_to_vf(load_sums(acc)) * scale;
    return round_to_vi(vf_min(vf_max(v, l->lo), l->hi)) + l->zero;
}

#if VF_LANES == 16
/* The bytes of four vectors, one behind the other. */
static inline __m512i join_bytes(vi a, vi b, vi c, vi d)
{
    const __m512i low = _mm512_set1_epi32(255);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i ab = _mm512_packus_epi32(_mm512_and_si512((__m512i)a, low),
                                           _mm512_and_si512((__m512i)b, low));
    const __m512i cd = _mm512_packus_epi32(_mm512_and_si512((__m512i)c, low),
                                           _mm512_and_si512((__m512i)d, low));
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
}

/* Rows of sixteen columns, four at a time. Returns how many were done. */
static inline int64_t requant_narrow(const struct limits *l, const struct tro_requant *q,
                                     const int32_t *acc, int64_t acc_pitch, int64_t n_rows,
                                     uint8_t *out, int64_t out_pitch)
{
    const vf scale = vf_load(q->scale);
    int64_t i = 0;
    for (; i + 4 <= n_rows; i += 4, acc += 4 * acc_pitch, out += 4 * out_pitch) {
        const __m512i all = join_bytes(requant_vector(l, acc, scale),
                                       requant_vector(l, acc + acc_pitch, scale),
                                       requant_vector(l, acc + 2 * acc_pitch, scale),
                                       requant_vector(l, acc + 3 * acc_pitch, scale));
        if (out_pitch == VF_LANES) {
            _mm512_storeu_si512(out, all);
            continue;
        }
        _mm_storeu_si128((__m128i *)(void *)out, _mm512_castsi512_si128(all));
        _mm_storeu_si128((__m128i *)(void *)(out + out_pitch), _mm512_extracti32x4_epi32(all, 1));
        _mm_storeu_si128((__m128i *)(void *)(out + 2 * out_pitch),
                         _mm512_extracti32x4_epi32(all, 2));
        _mm_storeu_si128((__m128i *)(void *)(out + 3 * out_pitch),
                         _mm512_extracti32x4_epi32(all, 3));
    }
    return i;
}

/* Columns of a row by sixty-four. Returns how many were done. */
static inline int64_t requant_wide(const struct limits *l, const struct tro_requant *q,
                                   const int32_t *acc, int64_t n_cols, uint8_t *out)
{
    int64_t j = 0;
    for (; j + 4 * VF_LANES <= n_cols; j += 4 * VF_LANES) {
        vi v[4];
        for (int k = 0; k < 4; k++)
            v[k] = requant_vector(l, acc + j + k * VF_LANES, vf_load(q->scale + j + k * VF_LANES));
        _mm512_storeu_si512(out + j, join_bytes(v[0], v[1], v[2], v[3]));
    }
    return j;
}
#else
static inline int64_t requant_narrow(const struct limits *l, const struct tro_requant *q,
                                     const int32_t *acc, int64_t acc_pitch, int64_t n_rows,
                                     uint8_t *out, int64_t out_pitch)
{
    (void)l, (void)q, (void)acc, (void)acc_pitch, (void)n_rows, (void)out, (void)out_pitch;
    return 0;
}
static inline int64_t requant_wide(const struct limits *l, const struct tro_requant *q,
                                   const int32_t *acc, int64_t n_cols, uint8_t *out)
{
    (void)l, (void)q, (void)acc, (void)n_cols, (void)out;
    return 0;
}
#endif

void INT8_FN(requant)(const struct tro_requant *q, const int32_t *acc, int64_t acc_pitch,
                      int64_t n_rows, int64_t n_cols, uint8_t *out, int64_t out_pitch)
{
    const struct limits l = {vf_set((float)(q->lo - q->zero)), vf_set((float)(q->hi - q->zero)),
                             vi_set(q->zero)};
    int64_t i = 0;
    if (n_cols == 16)
        i = requant_narrow(&l, q, acc, acc_pitch, n_rows, out, out_pitch);
    for (; i < n_rows; i++) {
        const int32_t *const from = acc + i * acc_pitch;
        uint8_t *const to = out + i * out_pitch;
        for (int64_t j = requant_wide(&l, q, from, n_cols, to); j < n_cols; j += VF_LANES)
            store_bytes(to + j, requant_vector(&l, from + j, vf_load(q->scale + j)),
                        n_cols - j < VF_LANES ? n_cols - j : VF_LANES);
    }
    for (i = 0; q->table && i < n_rows; i++)
        lookup_bytes(out + i * out_pitch, out + i * out_pitch, n_cols, q->table);
}

/* ---- other ends ------------------------------------------------------------------------------ */

static inline vf load_codes(const char *p, int64_t n, bool is_signed, vi zero)
{
#if VF_LANES == 16
    const __m128i u = n == VF_LANES ? _mm_loadu_si128((const __m128i *)(const void *)p)
                                    : _mm_maskz_loadu_epi8((__mmask16)((1U << n) - 1), p);
    const vi v = (vi)(is_signed ? _mm512_cvtepi8_epi32(u) : _mm512_cvtepu8_epi32(u));
#else
    typedef uint8_t narrow_u __attribute__((vector_size(VF_LANES)));
    typedef int8_t narrow_i __attribute__((vector_size(VF_LANES)));
    narrow_u u = {0};
    memcpy(&u, p, n == VF_LANES ? VF_LANES : (size_t)n);
    const vi v = is_signed ? __builtin_convertvector((narrow_i)u, vi)
                           : __builtin_convertvector(u, vi);
#endif
    return vi_to_vf(v - zero);
}

static inline vf load_part(const float *p, int64_t n)
{
    return n == VF_LANES ? vf_load(p) : vf_load_n(p, n);
}

static inline __attribute__((always_inline)) vf end_vector(const struct tro_ending *e,
                                                           const int32_t *acc, int64_t j, int64_t n,
                                                           const char *skip)
{
    vf v = vi_to_vf(load_sums(acc + j)) * vf_load(e->scale + j);
    if (e->is_coded)
        v = vf_round(vf_min(vf_max(v, vf_set(e->code_lo)), vf_set(e->code_hi))) *
            vf_set(e->code_scale);
    for (int k = 0; k < e->n_terms; k++)
        v = v + vf_load(e->term[k] + j);
    if (e->skip != TRO_DTYPE_NONE)
        v = vf_min(vf_set(e->own_hi), vf_max(vf_set(e->own_lo), v));
    if (e->skip == TRO_F32)
        v = v + load_part((const float *)(const void *)skip + j, n);
    else if (e->skip != TRO_DTYPE_NONE)
        v = v + load_codes(skip + j, n, e->skip == TRO_I8, vi_set(e->skip_zero)) *
                    vf_set(e->skip_scale);
    return vf_min(vf_set(e->hi), vf_max(vf_set(e->lo), v));
}

/* What is stored may lie anywhere for the compiler: it must not look at a copy of its own again. */
void INT8_FN(end)(const struct tro_ending *given, const int32_t *acc, int64_t acc_pitch,
                  int64_t n_rows, int64_t n_cols, char *out, int64_t out_pitch, const char *skip,
                  int64_t skip_pitch)
{
    const struct tro_ending own = *given, *const e = &own;
    const int32_t least = e->out == TRO_U8 ? 0 : -128;
    const vf lo = vf_set((float)(least - e->out_zero));
    const vf hi = vf_set((float)(least + 255 - e->out_zero));
    const vf scale = vf_set(e->out_scale);
    const vi zero = vi_set(e->out_zero);
    for (int64_t i = 0; i < n_rows; i++, acc += acc_pitch, out += out_pitch, skip += skip_pitch) {
        for (int64_t j = 0; j < n_cols; j += VF_LANES) {
            const int64_t n = n_cols - j < VF_LANES ? n_cols - j : VF_LANES;
            const vf v = end_vector(e, acc, j, n, skip);
            float *const to = (float *)(void *)out + j;
            if (e->out != TRO_F32)
                store_bytes((uint8_t *)out + j,
                            round_to_vi(vf_min(vf_max(v / scale, lo), hi)) + zero, n);
            else if (n == VF_LANES)
                vf_store(to, v);
            else
                vf_store_n(to, v, n);
        }
    }
}
