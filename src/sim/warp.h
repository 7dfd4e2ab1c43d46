/* SPDX-License-Identifier: Apache-2.0 */
/* Soft tissue in one frame: pulled by instruments, pushed by the beat of the heart. Only where a
 * place of the present lies at rest is ever asked, so that fields of the tissue at rest serve. */
#ifndef TRO_SIM_WARP_H
#define TRO_SIM_WARP_H

#include "sim/vec.h"

#define TRO_N_PULLS 4 /* one of the heart, the others for instruments */

/* Tissue that rests at `at` is moved by `by`; within `radius` of where it comes to, the tissue
 * round it follows, less and less. Lengths in mm; radius 0 = no pull. */
struct tro_pull {
    struct vec3 at, by;
    float radius;
};

/* |by| at most this share of the radius: the tissue folds at 0.65. */
#define TRO_PULL_MOST 0.4f

/* Pulls one after another: a later one moves what the earlier ones have moved. */
struct tro_warp {
    int n;
    struct {
        struct vec3 center, by;
        float radius, inv_radius2;
        float shrink; /* a length at rest is at least this times as long now */
    } pulls[TRO_N_PULLS];
};

#define TRO_ALL_PULLS (~0u) /* `which` below is a bit for each pull */

/* From nothing, a pull at a time; a larger `by` is cut to what its radius bears. */
void tro_warp_add(struct tro_warp *w, struct tro_pull pull);

/* Where the tissue that is now at p lies at rest, and the other way round. */
struct vec3 tro_warp_rest(const struct tro_warp *w, unsigned which, struct vec3 p);
struct vec3 tro_warp_moved(const struct tro_warp *w, struct vec3 rest);

/* The gradient now, at p, of a field whose gradient at rest is `slope`: a normal follows so, but
 * for its length. */
struct vec3 tro_warp_slope(const struct tro_warp *w, unsigned which, struct vec3 p,
                           struct vec3 slope);

/* No surface is nearer to p than this, if none is nearer than `distance` to its place at rest. */
float tro_warp_free(const struct tro_warp *w, unsigned which, struct vec3 p, float distance);

/* How much shorter than at rest lengths can be, 0..1. */
float tro_warp_shrink(const struct tro_warp *w, unsigned which);

/* The pulls that a cone of rays can meet: apex, unit direction, tangent of half its angle. */
unsigned tro_warp_met(const struct tro_warp *w, struct vec3 from, struct vec3 dir, float cone);

#endif
