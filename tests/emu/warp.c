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

enum { ROWS = 16, COLS = 8, MAX_K = 32 };

typedef float float8 __attribute__((vector_size(32), aligned(4)));

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

static void convert_f16(float *to, const uint32_t *words, int n)
{
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

static void load_c(float8 (*c)[1], const struct emu_io *io)
{
    memcpy(c, io->c, sizeof(float8) * ROWS);
}

/* c += a b, in the order of k, each product and sum rounded. half: k of one register of 4 bytes
 * a lane. */
static void mma_float(struct emu_io *io, int half,
                      void (*convert)(float *to, const uint32_t *words, int n))
{
    float a[4][8][8], b[2][8][8], b_rows[16][COLS];
    float8 c[ROWS][1];
    for (int i = 0; i < 4; i++)
        convert(&a[i][0][0], io->a[i], 8 * half);
    for (int i = 0; i < 2; i++)
        convert(&b[i][0][0], io->b[i], 8 * half);
    for (int k = 0; k < 2 * half; k++)
        for (int n = 0; n < COLS; n++)
            b_rows[k][n] = (&b[k / half][0][0])[n * half + k % half];
    load_c(c, io);
    for (int row = 0; row < ROWS; row++) {
        float8 sum = c[row][0];
        for (int k = 0; k < 2 * half; k++) {
            const float x = (&a[2 * (k / half) + row / 8][0][0])[row % 8 * half + k % half];
            float8 column;
            memcpy(&column, b_rows[k], sizeof column);
            sum += x * column;
        }
        c[row][0] = sum;
    }
    memcpy(io->c, c, sizeof c);
}

static void mma_int(struct emu_io *io, int is_a_unsigned)
{
    int8_t a[4][8][16], b[2][8][16];
    int32_t c[ROWS][COLS];
    memcpy(a, io->a, sizeof a);
    memcpy(b, io->b, sizeof b);
    memcpy(c, io->c, sizeof c);
    for (int row = 0; row < ROWS; row++)
        for (int n = 0; n < COLS; n++) {
            uint32_t sum = (uint32_t)c[row][n];
            for (int k = 0; k < 32; k++) {
                const int8_t x = a[2 * (k / 16) + row / 8][row % 8][k % 16];
                const int8_t y = b[k / 16][n][k % 16];
                sum += (uint32_t)((is_a_unsigned ? (int)(uint8_t)x : (int)x) * y);
            }
            c[row][n] = (int32_t)sum;
        }
    memcpy(io->c, c, sizeof c);
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

static const char *ldmatrix(struct emu_io *io, int n, int is_transposed)
{
    for (int m = 0; m < n; m++)
        for (int r = 0; r < 8; r++)
            if ((uintptr_t)io->row[m * 8 + r] % 16)
                return "ldmatrix: a row is not at a multiple of 16";
    for (int m = 0; m < n; m++) {
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
    if (op >= EMU_LDMATRIX1 && need != 0xffffffff)
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
    case EMU_LDMATRIX1:
        return ldmatrix(io, 1, 0);
    case EMU_LDMATRIX2:
        return ldmatrix(io, 2, 0);
    case EMU_LDMATRIX4:
        return ldmatrix(io, 4, 0);
    case EMU_LDMATRIX2_TRANS:
        return ldmatrix(io, 2, 1);
    case EMU_LDMATRIX4_TRANS:
        return ldmatrix(io, 4, 1);
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
    }
    return "no such operation";
}
