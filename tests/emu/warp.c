/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fragments of a matrix product (PTX ISA, "Matrix fragments for mma.m16n8k16" and the like): lane
 * 4 g + t holds, in each register of A, 4 bytes of row g: bytes 4 t of a row of 16. So the 32 words
 * of one register are a matrix of 8 rows of 16 bytes: a[0] rows 0..7 and a[1] rows 8..15 of the
 * first half of k, a[2] and a[3] of the second. The same for B, whose rows are columns n.
 * Of C a lane holds 2 neighbours of row g (c[0]) and of row g + 8 (c[1]).
 */
#include "warp.h"

#include <string.h>
#if defined(__F16C__) && defined(__AVX2__)
#include <immintrin.h>
#define HAS_AVX2 1
#else
#define HAS_AVX2 0
#endif

enum { ROWS = 16, COLS = 8 };

typedef float float8 __attribute__((vector_size(32)));
typedef uint32_t words8 __attribute__((vector_size(32))); /* sums wrap */

/* ---- conversions -------------------------------------------------------------------------- */

static float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = h & 0x7fff;
    uint32_t bits;
    float x;
    if (magnitude >= 0x7c00)
        bits = 0x7f800000 | magnitude << 13;
    else
        bits = (magnitude << 13) + ((uint32_t)(127 - 15) << 23);
    if (magnitude < 0x0400) {
        x = (float)magnitude * 0x1p-24f;
        memcpy(&bits, &x, sizeof bits);
    }
    bits |= sign;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* n is a multiple of 8. */
static void convert_f16(float *to, const uint32_t *words, int n)
{
#if HAS_AVX2
    for (int i = 0; i < n; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(words + i / 2))));
    return;
#endif
    for (int i = 0; i < n; i++)
        to[i] = f16_to_f32((uint16_t)(words[i / 2] >> 16 * (i % 2)));
}

static void convert_bf16(float *to, const uint32_t *words, int n)
{
    for (int i = 0; i < n; i++) {
        const uint32_t bits = words[i / 2] >> 16 * (i % 2) << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* The unit reads the upper 19 bits. */
static void convert_tf32(float *to, const uint32_t *words, int n)
{
    for (int i = 0; i < n; i++) {
        const uint32_t bits = words[i] & 0xffffe000;
        memcpy(&to[i], &bits, sizeof bits);
    }
}

/* ---- products ----------------------------------------------------------------------------- */

/* c[row] += a[row][k] b[k] in the order of k, each product and sum rounded. a[i] is register i. */
static inline void multiply(float8 c[ROWS], const float *a, float8 *b, int n_k, int half)
{
    for (int row = 0; row < ROWS; row++) {
        const float *const low = a + row / 8 * 8 * half + row % 8 * half;
        const float *const high = low + 2 * 8 * half;
        float8 sum = c[row];
        for (int k = 0; k < half; k++)
            sum += low[k] * b[k];
        for (int k = half; k < n_k; k++)
            sum += high[k - half] * b[k];
        c[row] = sum;
    }
}

/* half: k of one register. */
static inline void mma_float(struct emu_io *io, int half,
                             void (*convert)(float *to, const uint32_t *words, int n))
{
    float a[4 * 8 * 8], b[2 * 8 * 8];
    float8 c[ROWS], b_rows[16];
    for (int i = 0; i < 4; i++)
        convert(a + i * 8 * half, io->a[i], 8 * half);
    for (int i = 0; i < 2; i++)
        convert(b + i * 8 * half, io->b[i], 8 * half);
    for (int k = 0; k < 2 * half; k++)
        for (int n = 0; n < COLS; n++)
            b_rows[k][n] = b[k / half * 8 * half + n * half + k % half];
    memcpy(c, io->c, sizeof c);
    multiply(c, a, b_rows, 2 * half, half);
    memcpy(io->c, c, sizeof c);
}

/* For each n, x[0] b[n][0] + x[1] b[n][1]. */
static inline words8 pair_product(const int16_t x[2], int16_t b[COLS][2])
{
    words8 sum;
#if HAS_AVX2
    uint32_t both;
    memcpy(&both, x, sizeof both);
    const __m256i product = _mm256_madd_epi16(_mm256_set1_epi32((int)both),
                                              _mm256_loadu_si256((const void *)b));
    memcpy(&sum, &product, sizeof sum);
#else
    for (int n = 0; n < COLS; n++)
        sum[n] = (uint32_t)(x[0] * b[n][0] + x[1] * b[n][1]);
#endif
    return sum;
}

/* 8-bit integers as 16-bit ones, in pairs along k, whose products with a pair of B are summed. */
static inline void mma_int(struct emu_io *io, int is_a_unsigned)
{
    int16_t a[4 * 8 * 16], b[16][COLS][2];
    const uint8_t *const a_bytes = (const uint8_t *)io->a, *const b_bytes = (const uint8_t *)io->b;
    words8 c[ROWS];
    for (int i = 0; i < 4 * 8 * 16; i++)
        a[i] = is_a_unsigned ? (int16_t)a_bytes[i] : (int16_t)(int8_t)a_bytes[i];
    for (int pair = 0; pair < 16; pair++)
        for (int n = 0; n < COLS; n++)
            for (int j = 0; j < 2; j++)
                b[pair][n][j] = (int8_t)b_bytes[pair / 8 * 128 + n * 16 + pair % 8 * 2 + j];
    memcpy(c, io->c, sizeof c);
    for (int row = 0; row < ROWS; row++)
        for (int pair = 0; pair < 16; pair++) {
            const int16_t *const x = a + pair / 8 * 256 + row / 8 * 128 + row % 8 * 16 +
                                     pair % 8 * 2;
            c[row] += pair_product(x, b[pair]);
        }
    memcpy(io->c, c, sizeof c);
}

/* ---- products of warpgroups --------------------------------------------------------------- */

/* 8 elements of k of a row, which lie where the swizzle of 128 bytes puts them. */
static inline void load_chunk(float *to, uint64_t tile, unsigned row, unsigned chunk, int is_bf16)
{
    uintptr_t at = (uintptr_t)tile + 128 * row + 16 * chunk;
    uint32_t words[4];
    at ^= (at >> 7 & 7) << 4;
    memcpy(words, (const void *)at, sizeof words);
    (is_bf16 ? convert_bf16 : convert_f16)(to, words, 8);
}

static void run_product(const struct emu_warp *w, const struct emu_product *p)
{
    float a[4 * 8 * 8], b[8];
    float8 c[ROWS], b_rows[16];
    for (unsigned i = 0; i < 32; i++)
        load_chunk(a + 8 * i, p->tile[0], 16 * (w->index % 4) + i / 8 % 2 * 8 + i % 8, i / 16,
                   (int)p->is_bf16);
    for (unsigned j = 0; j < p->n; j++) {
        for (unsigned i = 0; i < 16; i++) {
            load_chunk(b, p->tile[1], 8 * j + i / 2, i % 2, (int)p->is_bf16);
            for (unsigned k = 0; k < 8; k++)
                b_rows[i % 2 * 8 + k][i / 2] = b[k];
        }
        for (unsigned i = 0; i < 4 * EMU_LANES; i++)
            c[i / 16 + i % 4 / 2 * 8][i / 4 % 4 * 2 + i % 2] = p->is_sum
                                                                   ? p->sum[i / 4][4 * j + i % 4]
                                                                   : 0;
        multiply(c, a, b_rows, 16, 8);
        for (unsigned i = 0; i < 4 * EMU_LANES; i++)
            p->sum[i / 4][4 * j + i % 4] = c[i / 16 + i % 4 / 2 * 8][i / 4 % 4 * 2 + i % 2];
    }
}

static const char *begin_product(struct emu_warp *w, int is_bf16)
{
    const struct emu_io *const io = &w->io;
    if (w->n_products == EMU_MAX_PRODUCTS)
        return "too many products of a warpgroup are under way";
    struct emu_product *const p = &w->products[w->n_products++];
    memcpy(p->sum, io->sum, sizeof p->sum);
    p->n = io->n[0];
    p->is_sum = io->is_sum[0];
    p->group = io->group[0];
    p->is_bf16 = (uint32_t)is_bf16;
    for (int i = 0; i < 2; i++) {
        p->tile[i] = io->tile[i][0];
        if (p->tile[i] % 32 || p->tile[i] % 1024 / 128)
            return "a tile of wgmma is not where its swizzle needs it";
    }
    for (int i = 1; i < EMU_LANES; i++)
        if (io->tile[0][i] != p->tile[0] || io->tile[1][i] != p->tile[1] || io->n[i] != p->n ||
            io->is_sum[i] != p->is_sum || io->group[i] != p->group)
            return "lanes begin different products of a warpgroup";
    return NULL;
}

/* They were begun in the order of their groups. */
static void end_products(struct emu_warp *w)
{
    uint32_t n = 0;
    while (n < w->n_products && w->products[n].group < w->io.group[0])
        run_product(w, &w->products[n++]);
    w->n_products -= n;
    memmove(w->products, w->products + n, w->n_products * sizeof *w->products);
}

/* ---- others ------------------------------------------------------------------------------- */

static void shuffle(struct emu_io *io, uint32_t need)
{
    uint64_t out[EMU_LANES];
    for (int i = 0; i < EMU_LANES; i++) {
        const uint32_t s = io->source[i] & 31;
        out[i] = need >> s & 1 ? io->value[s] : ~(uint64_t)0;
    }
    for (int i = 0; i < EMU_LANES; i++)
        if (need >> i & 1)
            io->value[i] = out[i];
}

static void ballot(struct emu_io *io, uint32_t need)
{
    uint32_t bits = 0;
    for (int i = 0; i < EMU_LANES; i++)
        if (need >> i & 1 && io->value[i])
            bits |= (uint32_t)1 << i;
    for (int i = 0; i < EMU_LANES; i++)
        if (need >> i & 1)
            io->value[i] = bits;
}

static const char *ldmatrix(struct emu_io *io, int is_transposed)
{
    for (int m = 0; m < 4; m++)
        for (int r = 0; r < 8; r++)
            if ((uintptr_t)io->row[m * 8 + r] % 16)
                return "ldmatrix: a row is not at a multiple of 16";
    for (int m = 0; m < 4; m++) {
        uint16_t rows[8][8], turned[8][8];
        for (int r = 0; r < 8; r++)
            memcpy(rows[r], io->row[m * 8 + r], 16);
        for (int i = 0; is_transposed && i < 64; i++)
            turned[i / 8][i % 8] = rows[i % 8][i / 8];
        memcpy(io->d[m], is_transposed ? turned : rows, sizeof rows);
    }
    return NULL;
}

const char *emu_warp_compute(struct emu_warp *w, enum emu_op op, uint32_t need)
{
    struct emu_io *const io = &w->io;
    if (op >= EMU_LDMATRIX4 && need != 0xffffffff)
        return "ldmatrix and mma need all 32 lanes";
    switch (op) {
    case EMU_SYNC:
        return NULL;
    case EMU_SHUFFLE:
        shuffle(io, need);
        return NULL;
    case EMU_BALLOT:
        ballot(io, need);
        return NULL;
    case EMU_LDMATRIX4:
        return ldmatrix(io, 0);
    case EMU_LDMATRIX4_TRANS:
        return ldmatrix(io, 1);
    case EMU_MMA_F16:
        mma_float(io, 8, convert_f16);
        return NULL;
    case EMU_MMA_BF16:
        mma_float(io, 8, convert_bf16);
        return NULL;
    case EMU_MMA_TF32:
        mma_float(io, 4, convert_tf32);
        return NULL;
    case EMU_MMA_S8:
        mma_int(io, 0);
        return NULL;
    case EMU_MMA_U8S8:
        mma_int(io, 1);
        return NULL;
    case EMU_WGMMA_F16:
        return begin_product(w, 0);
    case EMU_WGMMA_BF16:
        return begin_product(w, 1);
    case EMU_WGMMA_WAIT:
        end_products(w);
        return NULL;
    }
    return "no such operation";
}
