/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of camera frames (graph/camera.h has the arithmetic), compiled once for each level. */
#ifndef TRO_CPU_CAMERA_H
#define TRO_CPU_CAMERA_H

#include "graph/camera.h"

/* A row of a frame as floats, [channels][pitch]. */
struct tro_camera_decode {
    const struct tro_camera_colour *colour;
    const uint8_t *row;   /* packed pixels, or Y */
    const uint8_t *pairs; /* nv12: Cb, Cr of the row */
    int64_t width;
    float *out;
    float *room; /* [3][pitch] */
    int64_t pitch;
};

/* Columns [begin, end) of a row of results, the others are outside of the picture. */
struct tro_camera_finish {
    const float *row;
    const int32_t *first, *second; /* NULL: one pixel each */
    const float *t;
    int64_t begin, end, n;
    float pad, scale, bias;
    float *out;
    int64_t step; /* of out, in elements */
};

struct tro_camera_kernels {
    void (*decode)(const struct tro_camera_decode *d);
    /* out = a + (b - a) * t */
    void (*blend)(const float *a, const float *b, float t, int64_t n, float *out);
    void (*finish)(const struct tro_camera_finish *f);
};
extern const struct tro_camera_kernels tro_camera__generic, tro_camera__avx2, tro_camera__neon;

#endif
