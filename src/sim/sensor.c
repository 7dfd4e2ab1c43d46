/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sensor.h"

#include "sim/rand.h"

const struct tro_camera_make_info tro_camera_makes[TRO_N_CAMERA_MAKES] = {
#define TRO_CAMERA_MAKE_ROW(id, name, text, rr, rg, rb, gr, gg, gb, br, bg, bb, noise, sharp, \
                            dark)                                                             \
    {name, text, {{rr, rg, rb}, {gr, gg, gb}, {br, bg, bb}}, noise, sharp, dark},
    TRO_CAMERA_MAKES(TRO_CAMERA_MAKE_ROW)
#undef TRO_CAMERA_MAKE_ROW
};

void tro_sensor_init(struct tro_sensor *sensor, uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_SENSOR);
    sensor->balance.x = tro_rand_range(&r, 0.94f, 1.10f);
    sensor->balance.y = 1;
    sensor->balance.z = tro_rand_range(&r, 0.88f, 1.12f);
    sensor->exposure = tro_rand_range(&r, 0.85f, 1.3f);
    sensor->blur = tro_rand_range(&r, 0.08f, 0.2f);
    sensor->noise = tro_rand_range(&r, 1.0f, 3.2f);
    sensor->edge_px = tro_rand_range(&r, 0.8f, 4.0f);
    sensor->noise_key = tro_rand_at(r.key, r.counter);
}

static tro_f4 blurred_line(const tro_f4 *line, int left, int x, int right, float blur)
{
    const float rest = 1 - 2 * blur;
    return (line[left] + line[right]) * (tro_f4){blur, blur, blur, blur} +
           line[x] * (tro_f4){rest, rest, rest, rest};
}

/* 3 x 3 with weights (blur, 1 - 2 blur, blur) each way. */
static tro_f4 blurred(const tro_f4 *linear, int width, int height, int x, int y, float blur)
{
    const int left = x > 0 ? x - 1 : x, right = x + 1 < width ? x + 1 : x;
    const tro_f4 *const line = linear + (int64_t)y * width;
    const tro_f4 *const above = y > 0 ? line - width : line;
    const tro_f4 *const below = y + 1 < height ? line + width : line;
    const tro_f4 lines[3] = {blurred_line(above, left, x, right, blur),
                             blurred_line(line, left, x, right, blur),
                             blurred_line(below, left, x, right, blur)};
    return blurred_line(lines, 0, 1, 2, blur);
}

/* Highlights roll off to white instead of cutting; then a square root as gamma, some contrast. */
static float tone(float x)
{
    const float white = 2.2f;
    const float y = x * (1 + x / (white * white)) / (1 + x);
    const float v = sqrtf(f_clamp(y * 1.25f, 0, 1));
    return f_mix(v, v * v * (3 - 2 * v), 0.45f);
}

/* Two 16-bit halves summed: a triangle of standard deviation 1. */
static float bell(uint64_t word, int shift)
{
    const float a = (float)(word >> shift & 0xffff), b = (float)(word >> (shift + 16) & 0xffff);
    return (a + b - 65535) * (2.449f / 65535);
}

static uint8_t to_byte(float x)
{
    return (uint8_t)(f_clamp(x, 0, 255) + 0.5f);
}

static struct vec3 in_colours_of(const struct tro_camera_make_info *make, struct vec3 c)
{
    const float(*const m)[3] = make->matrix;
    return v3(f_max(m[0][0] * c.x + m[0][1] * c.y + m[0][2] * c.z, 0),
              f_max(m[1][0] * c.x + m[1][1] * c.y + m[1][2] * c.z, 0),
              f_max(m[2][0] * c.x + m[2][1] * c.y + m[2][2] * c.z, 0));
}

/* 1 in the middle of the round picture, less toward its edge. */
static float unshaded(const struct tro_camera_make_info *make, const struct tro_view *view,
                      float inside_px)
{
    const float r = f_clamp(1 - inside_px / view->circle_radius_px, 0, 1);
    return 1 - make->vignette * r * r;
}

void tro_sensor_row(const struct tro_sensor *sensor, const struct tro_view *view,
                    const tro_f4 *linear, int width, int height, int y, uint64_t frame,
                    uint8_t *rgb)
{
    const uint64_t key = tro_rand_key(sensor->noise_key, frame);
    const float soft = sensor->edge_px * (float)width / 256;
    const struct tro_camera_make_info *const make = &tro_camera_makes[sensor->make];
    for (int x = 0; x < width; x++) {
        const tro_f4 seen = blurred(linear, width, height, x, y, sensor->blur);
        const struct vec3 balanced = v3_mul(v3(seen[0], seen[1], seen[2]), sensor->balance);
        const struct vec3 c = in_colours_of(make, balanced);
        const float inside = tro_view_inside_px(view, (float)x + 0.5f, (float)y + 0.5f);
        const float lit = sensor->exposure * unshaded(make, view, inside) *
                          f_smoothstep(-0.3f * soft, soft, inside);
        const uint64_t word = tro_rand_at(key, (uint64_t)y * (uint64_t)width + (uint64_t)x);
        const float grey = bell(word, 0), tint = 0.5f * bell(word, 32);
        const float value[3] = {tone(c.x * lit), tone(c.y * lit), tone(c.z * lit)};
        const float noise[3] = {grey + tint, grey, grey - tint};
        for (int i = 0; i < 3; i++) {
            const float strength = sensor->noise * make->noise * (0.5f + value[i]);
            rgb[3 * x + i] = to_byte(255 * value[i] + strength * noise[i]);
        }
    }
}

void tro_sensor_sharpen_row(const struct tro_sensor *sensor, const uint8_t *from, int width,
                            int height, int y, uint8_t *to)
{
    const float amount = tro_camera_makes[sensor->make].sharpen;
    const uint8_t *const line = from + (int64_t)y * width * 3;
    const uint8_t *const above = y > 0 ? line - width * 3 : line;
    const uint8_t *const below = y + 1 < height ? line + width * 3 : line;
    for (int i = 0; i < 3 * width; i++) {
        const int left = i >= 3 ? i - 3 : i, right = i + 3 < 3 * width ? i + 3 : i;
        const float round = 0.25f * (float)(line[left] + line[right] + above[i] + below[i]);
        to[i] = to_byte((float)line[i] + amount * ((float)line[i] - round));
    }
}
