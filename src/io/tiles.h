/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows over a large picture or volume: where they lie, and how what a network says of each
 * becomes one result.
 *
 *     +-----------+                 windows share `overlap` and a quarter of it more, at least;
 *     |        +--+--------+        the last one ends with the picture
 *     |        |  |        |
 *     +--------+--+        |        weight of a window across a seam, from left to right:
 *              +-----------+          1 1 1 1 \ 0 0     of the left one
 *                                     0 0 / 1 1 1 1     of the right one
 *
 * Near the edge of a window a network sees less than in the whole picture. There, for half of the
 * overlap, the window has no weight; between, weights change linearly. So a network whose result
 * depends on no more than `overlap` elements around (its receptive field) gives in windows what it
 * gives on the whole picture, and others have no hard seams. Where windows agree the result is
 * theirs bit by bit: it is a running mean, whose change is 0 there.
 */
#ifndef TRO_IO_TILES_H
#define TRO_IO_TILES_H

#include <trocar/trocar.h>

#include "base/arena.h"

#define TRO_TILES_MAX_AXES 3

/* What the user asks for: the same overlap on each axis. */
struct tro_tile_spec {
    int n_axes; /* 1: the one size holds for all axes */
    int64_t size[TRO_TILES_MAX_AXES];
    int64_t overlap;
};

/* "256:32", "256x192:32", "96x96x64:16". */
int tro_tile_spec_parse(const char *text, struct tro_tile_spec *out, struct tro_err *err);

/* Windows of one axis. Starts are multiples of the largest power of two (at most 32) that the
 * window is a multiple of, so that networks which halve the picture see it in phase; only the last
 * one is where the picture ends. */
struct tro_tile_axis {
    int64_t length, size, overlap; /* a size above the length: one window that reaches beyond */
    int64_t step, n;
};

int tro_tile_axis_init(struct tro_tile_axis *a, int64_t length, int64_t size, int64_t overlap,
                       struct tro_err *err);
int64_t tro_tile_start(const struct tro_tile_axis *a, int64_t i);

/* Weight of window i for elements [begin, end) of it: what the least trusted one of them has.
 * 0 to 1; for each element of the axis some window has more than 0. */
float tro_tile_weight(const struct tro_tile_axis *a, int64_t i, int64_t begin, int64_t end);

/* ---- whole tensors --------------------------------------------------------------------- */

struct tro_tiles {
    int n_axes, first_axis;
    struct tro_tile_axis axis[TRO_TILES_MAX_AXES];
    int64_t n; /* windows */
};

/* Windows over `whole`, whose tiled axes begin at first_axis. */
int tro_tiles_init(struct tro_tiles *t, const struct tro_tensor *whole, int first_axis, int n_axes,
                   const struct tro_tile_spec *spec, struct tro_err *err);

/* The shape of a window. */
void tro_tiles_form(const struct tro_tiles *t, const struct tro_tensor *whole,
                    struct tro_tensor *window);

/* Copies window i of whole into window, which has its form and memory. Beyond the edge of whole its
 * last elements are repeated. */
void tro_tiles_cut(const struct tro_tiles *t, int64_t i, const struct tro_tensor *whole,
                   struct tro_tensor *window);

/* A result that grows window by window. */
struct tro_tile_result {
    struct tro_tensor whole; /* memory is the arena's */
    float *weight;           /* so far, of each place on the tiled axes */
    int first_axis;          /* of the tiled axes in whole */
};

/* The result for windows whose outputs have this form: its tiled axes must be those of the window
 * times or divided by a whole number, the same for all. Found are they from the end of the shape
 * or, for channels last, before its last axis. */
int tro_tile_result_init(struct tro_tile_result *r, const struct tro_tiles *t,
                         const struct tro_tensor *output, struct tro_arena *arena,
                         struct tro_err *err);

/* Adds the output of window i: floats are blended, of other types the window with the greater
 * weight counts. */
int tro_tile_result_add(struct tro_tile_result *r, const struct tro_tiles *t, int64_t i,
                        const struct tro_tensor *output, struct tro_err *err);

#endif
