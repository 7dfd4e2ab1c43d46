/* SPDX-License-Identifier: Apache-2.0 */
/* Smoke takes light that comes from the tissue, exp(-density * way), and adds what it scatters of
 * the endoscope's own. */
#include "base/thread.h"
#include "sim/film.h"

#define DENSEST_PER_MM 0.018f

struct smoke {
    struct tro_film *f;
    const struct tro_noise *noise;
    float density, drift;
};

/* exp(-x) for x >= 0 but for 2 %: what remains after eight thin layers. */
static float through(float x)
{
    const float layer = 1 / (1 + x * (0.125f + 0.0078f * x));
    const float two = layer * layer, four = two * two;
    return four * four;
}

static void smoke_row(void *ctx, int64_t y)
{
    const struct smoke *s = ctx;
    tro_f4 *const row = s->f->px + y * s->f->width;
    const float per_px = 3.0f / (float)s->f->width;
    for (int x = 0; x < s->f->width; x++) {
        if (row[x][3] <= 0)
            continue;
        const struct vec3 at = v3((float)x * per_px, (float)y * per_px - s->drift, 0.5f * s->drift);
        const float wisp = tro_noise_value(&s->noise->smooth, at) +
                           0.5f * tro_noise_value(&s->noise->smooth, v3_scale(at, 2.3f));
        const float local = s->density * f_clamp(0.75f + 0.8f * wisp, 0.1f, 2);
        const float left = through(local * DENSEST_PER_MM * row[x][3]);
        const float depth = row[x][3];
        row[x] = f4_mix((tro_f4){0.46f, 0.45f, 0.43f, 0}, row[x], left);
        row[x][3] = depth;
    }
}

void tro_air_smoke(struct tro_film *f, const struct tro_noise *noise, float density, double seconds)
{
    struct smoke s = {f, noise, density, (float)(seconds * 0.35)};
    if (density > 0)
        tro_parallel_for(f->height, smoke_row, &s);
}
