/* SPDX-License-Identifier: Apache-2.0 */
/* The endoscope: optics of a procedure, and its pose in one frame. */
#ifndef TRO_SIM_VIEW_H
#define TRO_SIM_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/scene.h"

/* What a procedure fixes. */
struct tro_optics {
    uint64_t motion_key;
    struct vec3 port;           /* the trocar, mm */
    float half_diagonal_turns;  /* half the angle of view across the diagonal */
    float distortion;           /* barrel, per squared tangent */
    float circle;               /* radius of the round picture, in half diagonals */
    float circle_x, circle_y;   /* its middle, in half diagonals */
    float light_angle_turns;    /* where the light leaves the tip, round the lens */
    float breath_mm, breath_hz; /* tissue moves with the patient */
};

/* One frame of width x height pixels. */
struct tro_view {
    struct vec3 eye, right, up, forward;
    struct vec3 light;     /* the light's place */
    struct vec3 tissue_at; /* how far breathing has moved the tissue */
    float half_width_px, half_height_px;
    float px_size; /* tangent of the angle of one pixel, in the middle */
    float distortion;
    float circle_x_px, circle_y_px, circle_radius_px;
};

void tro_optics_init(struct tro_optics *optics, uint64_t seed);

/* stand_back: mm that the endoscope is drawn back. */
void tro_view_init(struct tro_view *view, const struct tro_optics *optics,
                   const struct tro_scene *scene, int width, int height, float stand_back,
                   double seconds);

/* Of pictures of width x height, in their widths. */
float tro_optics_focal_length(const struct tro_optics *optics, int width, int height);

/* Unit direction of the ray through a place in the picture, pixels from the upper left corner. */
struct vec3 tro_view_ray(const struct tro_view *view, float x_px, float y_px);

/* Where a point of the scene is in the picture, pixels from the upper left corner; false behind the
 * eye. */
bool tro_view_project(const struct tro_view *view, struct vec3 p, float *x_px, float *y_px);

/* Distance from the edge of the round picture in pixels, positive inside. */
float tro_view_inside_px(const struct tro_view *view, float x_px, float y_px);

#endif
