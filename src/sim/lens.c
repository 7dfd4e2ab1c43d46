/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/thread.h"
#include "sim/film.h"
#include "sim/rand.h"

#define DEFOCUS_SHARE 0.009f /* radius of half the blur, of the picture's width */
#define MOTION_SHARE 0.07f
#define FOG_SHARE 0.02f
#define MAX_DROPS 12

void tro_lens_defocus(struct tro_film *f, float strength)
{
    tro_film_blur(f, (int)(strength * DEFOCUS_SHARE * (float)f->width + 0.5f));
}

/* ---- motion --------------------------------------------------------------------------------- */

struct shift {
    struct tro_film *f;
    int dx, dy;
};

static int within(int i, int n)
{
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* The mean of a pixel and the one shifted against it. */
static void shift_row(void *ctx, int64_t y)
{
    const struct shift *s = ctx;
    const int w = s->f->width;
    const tro_f4 *const here = s->f->px + y * w;
    const tro_f4 *const there = s->f->px + (int64_t)within((int)y + s->dy, s->f->height) * w;
    tro_f4 *const to = s->f->spare + y * w;
    for (int x = 0; x < w; x++) {
        const float depth = here[x][3];
        to[x] = (here[x] + there[within(x + s->dx, w)]) * f4_of(0.5f);
        to[x][3] = depth;
    }
}

/* Half the way, then a quarter, and so on: 2^n places of it in n passes. */
void tro_lens_motion(struct tro_film *f, float strength, float turns)
{
    float way = strength * MOTION_SHARE * (float)f->width;
    for (; way >= 1; way *= 0.5f) {
        const float dx = 0.5f * way * f_cos_turns(turns), dy = 0.5f * way * f_sin_turns(turns);
        struct shift s = {f, f_floor(dx + 0.5f), f_floor(dy + 0.5f)};
        tro_parallel_for(f->height, shift_row, &s);
        tro_f4 *const done = f->spare;
        f->spare = f->px;
        f->px = done;
    }
}

/* ---- fouling -------------------------------------------------------------------------------- */

struct drop {
    float x, y, radius; /* pixels */
};

struct fouling {
    struct tro_film *f;
    const struct tro_noise *noise;
    float strength;
    struct vec3 place; /* in the noise, cells */
    int n_drops;
    struct drop drops[MAX_DROPS];
};

/* A drop shows the scene turned round and smaller, with a pale rim. */
static tro_f4 in_drop(const struct fouling *s, const struct drop *d, float dx, float dy, float r)
{
    const struct tro_film *const f = s->f;
    const int x = within((int)(d->x - 2.5f * dx), f->width);
    const int y = within((int)(d->y - 2.5f * dy), f->height);
    const float rim = f_smoothstep(0.75f, 1, r);
    return f4_mix(f->copy[(int64_t)y * f->width + x], (tro_f4){0.25f, 0.24f, 0.23f, 0},
                  0.35f * rim);
}

static void fouling_row(void *ctx, int64_t y)
{
    const struct fouling *s = ctx;
    const struct tro_film *const f = s->f;
    tro_f4 *const row = f->px + y * f->width;
    const float per_px = 2.2f / (float)f->width, least = 0.95f - 1.55f * s->strength;
    for (int x = 0; x < f->width; x++) {
        const float depth = row[x][3];
        const struct vec3 at = v3_along(s->place, v3((float)x, (float)y, 0), per_px);
        const float n = tro_noise_value(&s->noise->smooth, at);
        const float fog = f_smoothstep(least, least + 0.55f, n);
        const tro_f4 veil = f->copy[y * f->width + x] * f4_of(0.8f) +
                            (tro_f4){0.10f, 0.10f, 0.105f, 0};
        row[x] = f4_mix(row[x], veil, fog * (0.5f + 0.45f * s->strength));
        for (int i = 0; i < s->n_drops; i++) {
            const float dx = (float)x - s->drops[i].x, dy = (float)y - s->drops[i].y;
            const float r = sqrtf(dx * dx + dy * dy) / s->drops[i].radius;
            if (r < 1)
                row[x] = f4_mix(in_drop(s, &s->drops[i], dx, dy, r), row[x],
                                f_smoothstep(0.85f, 1, r));
        }
        row[x][3] = depth;
    }
}

void tro_lens_fouling(struct tro_film *f, const struct tro_noise *noise, float strength,
                      uint64_t key)
{
    struct tro_rand r = {.key = key};
    struct fouling s = {.f = f, .noise = noise, .strength = strength};
    if (strength <= 0)
        return;
    s.place.x = tro_rand_range(&r, 0, TRO_NOISE_CELLS);
    s.place.y = tro_rand_range(&r, 0, TRO_NOISE_CELLS);
    s.place.z = tro_rand_range(&r, 0, TRO_NOISE_CELLS);
    s.n_drops = (int)(strength * MAX_DROPS * tro_rand_range(&r, 0.3f, 1));
    for (int i = 0; i < s.n_drops; i++) {
        struct drop *const d = &s.drops[i];
        d->x = tro_rand_range(&r, 0.15f, 0.85f) * (float)f->width;
        d->y = tro_rand_range(&r, 0.1f, 0.9f) * (float)f->height;
        d->radius = tro_rand_range(&r, 0.01f, 0.045f) * (float)f->width;
    }
    const size_t n_bytes = (size_t)tro_film_n_px(f) * sizeof(*f->px);
    tro_f4 *const sharp = f->copy; /* changes places with px, which the blur works in */
    memcpy(sharp, f->px, n_bytes);
    tro_film_blur(f, (int)(FOG_SHARE * (float)f->width * (0.4f + 0.6f * strength)) + 1);
    f->copy = f->px;
    f->px = sharp;
    tro_parallel_for(f->height, fouling_row, &s);
}
