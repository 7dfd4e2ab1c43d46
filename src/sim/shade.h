/* SPDX-License-Identifier: Apache-2.0 */
/* What surfaces look like in the light of the endoscope. Colours are linear, 1 = white. */
#ifndef TRO_SIM_SHADE_H
#define TRO_SIM_SHADE_H

#include "sim/instrument.h"
#include "sim/view.h"

#define TRO_N_INSTRUMENTS 2

struct tro_tissue {
    struct vec3 color, color_alt; /* the two that mottling mixes */
    float mottle_per_mm;
    float bump, bump_per_mm;     /* fine relief: slope, frequency */
    float gloss;                 /* strength of wet highlights */
    int gloss_doublings;         /* their sharpness: exponent 2^n */
    float vessel, vessel_per_mm; /* darkness and density of the network of vessels */
    float soak;                  /* how far light spreads under the surface, 0..1 */
};

/* What a procedure fixes. */
struct tro_materials {
    struct tro_tissue tissue[TRO_N_ORGANS];
    float blood_threshold; /* of the noise that places it: low = much blood */
    struct vec3 noise_shift;
};

/* All that shading one frame needs. */
struct tro_stage {
    const struct tro_scene *scene;
    const struct tro_materials *materials;
    struct tro_view view;
    struct tro_warp warp; /* of the tissue, before breathing moves it */
    struct tro_instrument_pose instruments[TRO_N_INSTRUMENTS];
    float light_power;     /* automatic exposure: mm^2 that the light falls off by */
    float bleeding, glare; /* disturbances, 0..1 */
    struct vec3 wound;     /* where it bleeds from, in the tissue at rest */
    float wound_radius;    /* how far blood has come, mm */
    struct vec3 spark;     /* where current flows from a hook into tissue, if it does */
    float spark_power;
};

void tro_materials_init(struct tro_materials *m, uint64_t seed);

/* Where the tissue that is now at p lies at rest. */
struct vec3 tro_stage_rest(const struct tro_stage *stage, struct vec3 p);

/* The colour of tissue at p, where a ray of direction dir meets it. */
struct vec3 tro_shade_tissue(const struct tro_stage *stage, struct tro_scene_hit hit, struct vec3 p,
                             struct vec3 dir);

/* How much of what bleeds from the wound covers tissue at p: 0..1. */
float tro_shade_wound(const struct tro_stage *stage, struct vec3 p);

struct vec3 tro_shade_instrument(const struct tro_stage *stage, int instrument, struct vec3 p,
                                 struct vec3 dir);

#endif
