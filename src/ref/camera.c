/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of cameras; graph/camera.h says what is computed. */
#include "graph/camera.h"
#include "ref/kernels.h"
#include "ref/parts.h"

#include "base/err.h"

struct frames {
    struct tro_camera c;
    const uint8_t *x;
    const float *scale, *bias;
    float *y;
    const struct tro_camera_tap *rows, *columns;
};

static float clamp(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

static float of_yuv(const struct tro_camera_colour *k, uint8_t y, uint8_t cb, uint8_t cr,
                    int channel)
{
    const float luma = ((float)y - k->y_zero) * k->y_scale;
    return clamp((luma + k->cb[channel] * (float)(cb - 128)) + k->cr[channel] * (float)(cr - 128));
}

static float pixel(const struct tro_camera *c, const uint8_t *frame, int64_t y, int64_t x,
                   int channel)
{
    const struct tro_camera_colour *const k = &c->colour;
    if (k->pixel_bytes == 0) {
        const uint8_t *const pair = frame + (c->height + y / 2) * c->width + x / 2 * 2;
        return of_yuv(k, frame[y * c->width + x], pair[0], pair[1], channel);
    }
    if (k->pixel_bytes == 2) {
        const uint8_t *const two = frame + (y * c->width + x / 2 * 2) * 2;
        return of_yuv(k, two[x % 2 * 2], two[1], two[3], channel);
    }
    const uint8_t *const p = frame + (y * c->width + x) * k->pixel_bytes;
    if (!k->is_sum)
        return (float)p[k->byte[channel]];
    return (k->weight[0] * (float)p[k->byte[0]] + k->weight[1] * (float)p[k->byte[1]]) +
           k->weight[2] * (float)p[k->byte[2]];
}

static float blend(float a, float b, float t)
{
    return a + (b - a) * t;
}

static float sample(const struct tro_camera *c, const uint8_t *frame, struct tro_camera_tap row,
                    struct tro_camera_tap column, int channel)
{
    if (row.first < 0 || column.first < 0)
        return c->pad;
    if (c->is_nearest)
        return pixel(c, frame, row.first, column.first, channel);
    const float left = blend(pixel(c, frame, row.first, column.first, channel),
                             pixel(c, frame, row.second, column.first, channel), row.t);
    const float right = blend(pixel(c, frame, row.first, column.second, channel),
                              pixel(c, frame, row.second, column.second, channel), row.t);
    return blend(left, right, column.t);
}

/* A row of a channel. */
static void make_row(void *ctx, int64_t i, void *memory)
{
    const struct frames *const f = ctx;
    const struct tro_camera *const c = &f->c;
    const int64_t plane = i / c->out_height, row = i % c->out_height;
    const int channel = (int)(plane % c->colour.n_channels);
    const uint8_t *const frame = f->x + plane / c->colour.n_channels * c->frame_bytes;
    float *const to = f->y + i * c->out_width;
    (void)memory;
    for (int64_t x = 0; x < c->out_width; x++)
        to[x] = sample(c, frame, f->rows[row], f->columns[x], channel) * f->scale[channel] +
                f->bias[channel];
}

int tro_ref_camera(struct tro_ref_call *c)
{
    struct frames f = {
        .x = c->in[0].data, .scale = c->in[1].data, .bias = c->in[2].data, .y = c->out[0].data};
    tro_camera_init(c->attrs, &c->in[0], &f.c);
    struct tro_camera_tap *const taps = tro_arena_alloc(
        c->scratch, (size_t)(f.c.out_height + f.c.out_width), sizeof *taps);
    if (!taps)
        return tro_fail_nomem(c->err);
    tro_camera_rows(&f.c, taps);
    tro_camera_columns(&f.c, taps + f.c.out_height);
    f.rows = taps;
    f.columns = taps + f.c.out_height;
    const int64_t n_rows = f.c.n * f.c.colour.n_channels * f.c.out_height;
    return tro_ref_parts(n_rows, 40 * (double)(n_rows * f.c.out_width), 0, make_row, &f, c->err);
}
