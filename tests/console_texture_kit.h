/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of a texture that moves, turns and comes nearer, for tests of anchors and marks. */
#ifndef TRO_TESTS_CONSOLE_TEXTURE_KIT_H
#define TRO_TESTS_CONSOLE_TEXTURE_KIT_H

#include "console/core/anchor.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 320, HEIGHT = 180, STRIDE = 336 };
#define FPS 30

static inline float kit_lattice(int x, int y)
{
    uint32_t h = (uint32_t)x * 374761393u + (uint32_t)y * 668265263u;
    h = (h ^ h >> 13) * 1274126177u;
    return (float)(h >> 16 & 0xff);
}

static inline float smooth_noise(float x, float y)
{
    const int i = (int)floorf(x), k = (int)floorf(y);
    float u = x - floorf(x), v = y - floorf(y);
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    const float above = kit_lattice(i, k) + u * (kit_lattice(i + 1, k) - kit_lattice(i, k));
    const float below = kit_lattice(i, k + 1) +
                        u * (kit_lattice(i + 1, k + 1) - kit_lattice(i, k + 1));
    return above + v * (below - above);
}

/* A view of the texture: turned and scaled about the picture's middle, then shifted. */
struct pose {
    float x, y, turn, zoom, light;
};

static inline void texture_at(const struct pose *p, float px, float py, float *u, float *v)
{
    const float dx = (px - WIDTH / 2.0f - p->x) / p->zoom;
    const float dy = (py - HEIGHT / 2.0f - p->y) / p->zoom;
    *u = cosf(p->turn) * dx + sinf(p->turn) * dy;
    *v = -sinf(p->turn) * dx + cosf(p->turn) * dy;
}

static inline void place_of(const struct pose *p, float u, float v, float *x, float *y)
{
    *x = WIDTH / 2.0f + p->x + p->zoom * (cosf(p->turn) * u - sinf(p->turn) * v);
    *y = HEIGHT / 2.0f + p->y + p->zoom * (sinf(p->turn) * u + cosf(p->turn) * v);
}

static inline void shift(int i, struct pose *p)
{
    p->x = 1.3f * (float)i;
    p->y = 0.7f * (float)i;
}

static inline void draw(const struct pose *p, uint8_t *luma)
{
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            float u, v;
            texture_at(p, (float)x + 0.5f, (float)y + 0.5f, &u, &v);
            const float fine = smooth_noise(u / 7, v / 7), coarse = smooth_noise(u / 31, v / 31);
            luma[y * STRIDE + x] = (uint8_t)fminf(p->light * (40 + 0.25f * fine + 0.35f * coarse),
                                                  255);
        }
    }
}

struct kit {
    struct tro_anchors *anchors;
    uint8_t *luma;
    uint64_t frame;
};

static inline struct kit open_kit(void)
{
    struct tro_err err = {0};
    const struct kit k = {.anchors = tro_anchors_create(WIDTH, HEIGHT, FPS, &err),
                          .luma = calloc(STRIDE, HEIGHT)};
    CHECK(k.anchors != NULL);
    return k;
}

static inline void close_kit(struct kit *k)
{
    tro_anchors_destroy(k->anchors);
    free(k->luma);
}

static inline void show(struct kit *k, const struct pose *p)
{
    draw(p, k->luma);
    tro_anchors_frame(k->anchors, ++k->frame, k->luma, STRIDE);
}

#endif
