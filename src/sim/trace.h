/* SPDX-License-Identifier: Apache-2.0 */
/* What a ray from the eye meets first. Rays of one square of pixels share the way up to where
 * something may begin to differ between them. */
#ifndef TRO_SIM_TRACE_H
#define TRO_SIM_TRACE_H

#include "sim/shade.h"

#define TRO_TRACE_BLOCK_PX 8
#define TRO_TRACE_PART_PX 4

struct tro_trace_block {
    unsigned pulls;     /* of the stage's warp: those that its rays can meet */
    float tissue_start; /* nothing of the tissue is nearer to the eye */
    bool has_instrument[TRO_N_INSTRUMENTS];
    float instrument_start[TRO_N_INSTRUMENTS];
    /* Where most of its rays end, if there is no edge in it: a plane, relative to the eye. */
    bool has_plane;
    struct vec3 plane_at, plane_normal; /* the normal is as long as distance grows along it */
};

struct tro_trace_hit {
    float distance;              /* along the ray */
    int instrument;              /* -1 = tissue */
    struct tro_scene_hit tissue; /* where it is tissue */
};

/* The square of TRO_TRACE_BLOCK_PX pixels round a place in the picture, and one of
 * TRO_TRACE_PART_PX inside it. */
struct tro_trace_block tro_trace_block(const struct tro_stage *stage, float x_px, float y_px);
struct tro_trace_block tro_trace_part(const struct tro_stage *stage,
                                      const struct tro_trace_block *block, float x_px, float y_px);

/* The ray of direction dir, which must go through the block. */
struct tro_trace_hit tro_trace_ray(const struct tro_stage *stage,
                                   const struct tro_trace_block *block, struct vec3 dir);

/* Distance to the tissue along one ray alone. */
float tro_trace_tissue(const struct tro_stage *stage, struct vec3 dir);

#endif
