/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/codec.h"

#include <stdbool.h>

#include "base/thread.h"
#include "sim/vec.h"

enum { SIDE = 8, N = SIDE * SIDE };

/* clang-format off */
/* ITU-T T.81, tables K.1 (brightness) and K.2 (colour), in rows. */
static const uint8_t steps[2][N] = {
    {16, 11, 10, 16,  24,  40,  51,  61,  12, 12, 14, 19,  26,  58,  60,  55,
     14, 13, 16, 24,  40,  57,  69,  56,  14, 17, 22, 29,  51,  87,  80,  62,
     18, 22, 37, 56,  68, 109, 103,  77,  24, 35, 55, 64,  81, 104, 113,  92,
     49, 64, 78, 87, 103, 121, 120, 101,  72, 92, 95, 98, 112, 100, 103,  99},
    {17, 18, 24, 47,  99,  99,  99,  99,  18, 21, 26, 66,  99,  99,  99,  99,
     24, 26, 56, 99,  99,  99,  99,  99,  47, 66, 99, 99,  99,  99,  99,  99,
     99, 99, 99, 99,  99,  99,  99,  99,  99, 99, 99, 99,  99,  99,  99,  99,
     99, 99, 99, 99,  99,  99,  99,  99,  99, 99, 99, 99,  99,  99,  99,  99},
};
/* clang-format on */

struct codec {
    uint8_t *rgb;
    int width, height;
    float basis[SIDE][SIDE]; /* of the cosine transform: frequency, place; orthonormal */
    float step[2][N];
};

static void init(struct codec *c, int quality)
{
    const int percent = quality < 50 ? 5000 / quality : 200 - 2 * quality;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < N; i++) {
            const int step = (steps[k][i] * percent + 50) / 100;
            c->step[k][i] = (float)(step < 1 ? 1 : step > 255 ? 255 : step);
        }
    for (int u = 0; u < SIDE; u++)
        for (int x = 0; x < SIDE; x++)
            c->basis[u][x] = (u ? 0.5f : 0.35355339f) * f_cos_turns((float)((2 * x + 1) * u) / 32);
}

/* to[i][j] = sum over k of m[i][k] * from[j][k], or of m[k][i]: twice is a transform of both axes,
 * each time turned round. */
static void transform(const float m[SIDE][SIDE], bool is_inverse, const float *from, float *to)
{
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            float sum = 0;
            for (int k = 0; k < SIDE; k++)
                sum += (is_inverse ? m[k][i] : m[i][k]) * from[j * SIDE + k];
            to[i * SIDE + j] = sum;
        }
}

static float rounded(float x)
{
    return (float)f_floor(x + 0.5f);
}

static void spoil(const struct codec *c, float *plane, const float *step)
{
    float turned[N], freq[N];
    transform(c->basis, false, plane, turned);
    transform(c->basis, false, turned, freq);
    for (int i = 0; i < N; i++)
        freq[i] = rounded(freq[i] / step[i]) * step[i];
    transform(c->basis, true, freq, turned);
    transform(c->basis, true, turned, plane);
}

static uint8_t to_byte(float x)
{
    return (uint8_t)f_clamp(rounded(x), 0, 255);
}

static const uint8_t *pixel(const struct codec *c, int x, int y)
{
    const int in_x = x < c->width ? x : c->width - 1, in_y = y < c->height ? y : c->height - 1;
    return c->rgb + 3 * ((int64_t)in_y * c->width + in_x);
}

/* Brightness and two differences of colour, as in JFIF. */
static void block(const struct codec *c, int x0, int y0)
{
    float p[3][N];
    for (int i = 0; i < N; i++) {
        const uint8_t *const v = pixel(c, x0 + i % SIDE, y0 + i / SIDE);
        const float r = v[0], g = v[1], b = v[2];
        p[0][i] = 0.299f * r + 0.587f * g + 0.114f * b - 128;
        p[1][i] = -0.168736f * r - 0.331264f * g + 0.5f * b;
        p[2][i] = 0.5f * r - 0.418688f * g - 0.081312f * b;
    }
    for (int k = 0; k < 3; k++)
        spoil(c, p[k], c->step[k > 0]);
    for (int i = 0; i < N; i++) {
        const int x = x0 + i % SIDE, y = y0 + i / SIDE;
        if (x >= c->width || y >= c->height)
            continue;
        uint8_t *const to = c->rgb + 3 * ((int64_t)y * c->width + x);
        const float grey = p[0][i] + 128;
        to[0] = to_byte(grey + 1.402f * p[2][i]);
        to[1] = to_byte(grey - 0.344136f * p[1][i] - 0.714136f * p[2][i]);
        to[2] = to_byte(grey + 1.772f * p[1][i]);
    }
}

static void block_row(void *ctx, int64_t row)
{
    const struct codec *c = ctx;
    for (int x = 0; x < c->width; x += SIDE)
        block(c, x, (int)row * SIDE);
}

void tro_codec_spoil(uint8_t *rgb, int width, int height, int quality)
{
    struct codec c = {.rgb = rgb, .width = width, .height = height};
    init(&c, quality);
    tro_parallel_for((height + SIDE - 1) / SIDE, block_row, &c);
}
