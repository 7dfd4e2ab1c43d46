/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level; CAMERA_KERNELS names the table. Plain loops, which compilers make
 * vectors of. */
#include "cpu/camera.h"

static inline __attribute__((always_inline)) void decode_bytes(const struct tro_camera_decode *d,
                                                               const int pixel_bytes)
{
    for (int c = 0; c < d->colour->n_channels; c++) {
        const uint8_t *restrict const x = d->row + d->colour->byte[c];
        float *restrict const out = d->out + c * d->pitch;
        for (int64_t i = 0; i < d->width; i++)
            out[i] = (float)x[i * pixel_bytes];
    }
}

static inline __attribute__((always_inline)) void decode_sum(const struct tro_camera_decode *d,
                                                             const int pixel_bytes)
{
    const struct tro_camera_colour *const k = d->colour;
    const uint8_t *restrict const r = d->row + k->byte[0];
    const uint8_t *restrict const g = d->row + k->byte[1];
    const uint8_t *restrict const b = d->row + k->byte[2];
    const float wr = k->weight[0], wg = k->weight[1], wb = k->weight[2];
    float *restrict const out = d->out;
    for (int64_t i = 0; i < d->width; i++)
        out[i] = (wr * (float)r[i * pixel_bytes] + wg * (float)g[i * pixel_bytes]) +
                 wb * (float)b[i * pixel_bytes];
}

static inline float clamp(float v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

/* Y, Cb and Cr of each pixel are floats by themselves first, so that channels are loops without
 * steps. A pair of pixels lies y_step * 2 bytes from the next one in Y, c_step in Cb and Cr. */
static inline __attribute__((always_inline)) void decode_yuv(const struct tro_camera_decode *d,
                                                             const uint8_t *cb, const uint8_t *cr,
                                                             const int y_step, const int c_step)
{
    const struct tro_camera_colour *const k = d->colour;
    const uint8_t *restrict const y = d->row;
    const uint8_t *restrict const first = cb, *restrict const second = cr;
    float *restrict const luma = d->room, *restrict const u = d->room + d->pitch;
    float *restrict const v = d->room + 2 * d->pitch;
    const float zero = k->y_zero, scale = k->y_scale;
    for (int64_t i = 0; i < d->width; i++)
        luma[i] = ((float)y[i * y_step] - zero) * scale;
    for (int64_t i = 0; i < d->width / 2; i++) {
        u[2 * i] = u[2 * i + 1] = (float)(first[i * c_step] - 128);
        v[2 * i] = v[2 * i + 1] = (float)(second[i * c_step] - 128);
    }
    for (int c = 0; c < k->n_channels; c++) {
        const float of_cb = k->cb[c], of_cr = k->cr[c];
        float *restrict const out = d->out + c * d->pitch;
        for (int64_t i = 0; i < d->width; i++)
            out[i] = clamp((luma[i] + of_cb * u[i]) + of_cr * v[i]);
    }
}

static void decode(const struct tro_camera_decode *d)
{
    const bool is_sum = d->colour->is_sum;
    switch (d->colour->pixel_bytes) {
    case 0:
        decode_yuv(d, d->pairs, d->pairs + 1, 1, 2);
        break;
    case 1:
        decode_bytes(d, 1);
        break;
    case 2:
        decode_yuv(d, d->row + 1, d->row + 3, 2, 4);
        break;
    case 3:
        is_sum ? decode_sum(d, 3) : decode_bytes(d, 3);
        break;
    default:
        is_sum ? decode_sum(d, 4) : decode_bytes(d, 4);
    }
}

static void blend(const float *a, const float *b, float t, int64_t n, float *out)
{
    const float *restrict const p = a, *restrict const q = b;
    float *restrict const to = out;
    for (int64_t i = 0; i < n; i++)
        to[i] = p[i] + (q[i] - p[i]) * t;
}

static inline __attribute__((always_inline)) void finish_columns(const struct tro_camera_finish *f,
                                                                 const int64_t step)
{
    const float *restrict const row = f->row;
    const int32_t *restrict const first = f->first, *restrict const second = f->second;
    const float *restrict const t = f->t;
    float *restrict const out = f->out;
    const float scale = f->scale, bias = f->bias;
    if (!second) {
        for (int64_t i = f->begin; i < f->end; i++)
            out[i * step] = row[first[i]] * scale + bias;
        return;
    }
    for (int64_t i = f->begin; i < f->end; i++) {
        const float a = row[first[i]], b = row[second[i]];
        out[i * step] = (a + (b - a) * t[i]) * scale + bias;
    }
}

static void finish(const struct tro_camera_finish *f)
{
    const float pad = f->pad * f->scale + f->bias;
    for (int64_t i = 0; i < f->begin; i++)
        f->out[i * f->step] = pad;
    for (int64_t i = f->end; i < f->n; i++)
        f->out[i * f->step] = pad;
    if (f->step == 1)
        finish_columns(f, 1);
    else
        finish_columns(f, f->step);
}

const struct tro_camera_kernels CAMERA_KERNELS = {decode, blend, finish};
