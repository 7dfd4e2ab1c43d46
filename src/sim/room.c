/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/room.h"

#include "base/thread.h"
#include "sim/rand.h"

#define BLUR_SHARE 0.006f /* all of it is too far away for the lens */

enum { PAN_X, PAN_Y, TURN };

struct room {
    struct tro_film *f;
    const struct tro_noise *noise;
    struct vec3 place;       /* in the noise, cells */
    struct vec3 drape, skin; /* colours */
    float lamp_x, lamp_y, pan_x, pan_y, sin_turn, cos_turn;
};

static float noise_at(const struct room *r, float x, float y, float scale)
{
    const struct vec3 at = v3_along(r->place, v3(x, y, 0), scale);
    return tro_noise_value(&r->noise->smooth, at);
}

/* x and y in half heights of the picture, of the room. */
static struct vec3 surface(const struct room *r, float x, float y)
{
    const float fold = noise_at(r, x, 0.35f * y, 1.6f), weave = noise_at(r, x, y, 9);
    const float light = 0.7f + 0.45f * fold + 0.08f * weave;
    struct vec3 c = v3_scale(r->drape, f_max(light, 0.08f));
    const float gauze = f_smoothstep(0.25f, 0.32f, noise_at(r, y, x, 0.55f));
    c = v3_mix(c, v3_scale(v3(0.62f, 0.60f, 0.56f), 0.75f + 0.35f * weave), gauze);
    const float skin = f_smoothstep(0.3f, 0.36f, noise_at(r, y + 7, x, 0.4f));
    return v3_mix(c, v3_scale(r->skin, 0.8f + 0.3f * fold), skin);
}

static void room_row(void *ctx, int64_t row)
{
    const struct room *r = ctx;
    const float half = 0.5f * (float)r->f->height;
    tro_f4 *const to = r->f->px + row * r->f->width;
    for (int i = 0; i < r->f->width; i++) {
        const float u = ((float)i - 0.5f * (float)r->f->width) / half + r->pan_x;
        const float v = ((float)row - half) / half + r->pan_y;
        const float x = r->cos_turn * u - r->sin_turn * v, y = r->sin_turn * u + r->cos_turn * v;
        struct vec3 c = surface(r, x, y);
        const float dx = x - r->lamp_x, dy = y - r->lamp_y, d = sqrtf(dx * dx + dy * dy);
        const float glow = 0.25f / (0.2f + d * d) + 6 * f_smoothstep(0.34f, 0.3f, d);
        c = v3_along(c, v3(1, 0.98f, 0.94f), 0.35f * glow);
        to[i] = (tro_f4){c.x, c.y, c.z, 0};
    }
}

void tro_room_draw(struct tro_film *f, const struct tro_noise *noise, uint64_t key, double seconds)
{
    struct tro_rand d = {.key = key};
    struct room r = {.f = f, .noise = noise};
    r.place.x = tro_rand_range(&d, 0, TRO_NOISE_CELLS);
    r.place.y = tro_rand_range(&d, 0, TRO_NOISE_CELLS);
    r.place.z = tro_rand_range(&d, 0, TRO_NOISE_CELLS);
    r.drape = tro_rand_below(&d, 2) ? v3(0.035f, 0.19f, 0.17f) : v3(0.05f, 0.13f, 0.30f);
    r.skin = v3_scale(v3(0.55f, 0.30f, 0.18f), tro_rand_range(&d, 0.35f, 1));
    r.lamp_x = tro_rand_range(&d, -1.6f, 1.6f);
    r.lamp_y = tro_rand_range(&d, -1.4f, 0.2f);
    r.pan_x = 1.1f * tro_motion(key, PAN_X, seconds * 0.5);
    r.pan_y = 0.8f * tro_motion(key, PAN_Y, seconds * 0.5);
    const float turn = 0.12f * tro_motion(key, TURN, seconds * 0.4);
    r.sin_turn = f_sin_turns(turn);
    r.cos_turn = f_cos_turns(turn);
    tro_parallel_for(f->height, room_row, &r);
    tro_film_blur(f, (int)(BLUR_SHARE * (float)f->width) + 1);
}
