/* SPDX-License-Identifier: Apache-2.0 */
/* Laparoscopic instruments: a shaft through a trocar, then a clevis with two jaws that open, or a
 * sleeve with the hook of an electrode, which does not. */
#ifndef TRO_SIM_INSTRUMENT_H
#define TRO_SIM_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/scene.h"

enum tro_tool_kind { TRO_TOOL_GRASPER, TRO_TOOL_HOOK, TRO_TOOL_SCISSORS, TRO_N_TOOL_KINDS };

/* The tip: jaws, or the bare part of an electrode. The wrist: what carries it. */
enum tro_instrument_part { TRO_PART_SHAFT, TRO_PART_WRIST, TRO_PART_TIP };

/* What a procedure fixes. */
struct tro_instrument {
    enum tro_tool_kind kind;
    struct vec3 port; /* where the trocar goes through the wall */
    float radius;     /* of the shaft, mm */
    float jaw_length; /* mm; of a hook, from its sleeve to its bend */
    bool has_steel_shaft;
    uint64_t motion_key;
};

/*
 * Where it is in one frame. Local coordinates: z along the axis toward the tip, 0 where the
 * clevis begins; the jaws open in the y-z plane.
 *
 *      z < 0            0 .. clevis          clevis .. clevis + jaw_length
 *      shaft ===========[ clevis ]<========= jaws
 *      shaft ===========[ sleeve ]---------+ electrode of a hook, bent toward y at its end
 *                                          |
 */
struct tro_instrument_pose {
    const struct tro_instrument *tool;
    struct vec3 origin, x, y, z;
    float clevis;             /* its length, mm */
    float sin_open, cos_open; /* of half the angle between the jaws */
    struct tro_pull dent;     /* how it presses the tissue in */
};

/* What it is there for in one moment. */
struct tro_task {
    enum tro_tool_kind kind;
    struct vec3 target; /* where its tip is wanted, in the tissue */
    struct vec3 sway;   /* how far it moves about there, mm */
    float away;         /* 0 at work, 1 drawn out of the picture */
    float open;         /* of its jaws: 0 shut, 1 wide */
};

/* index 0 comes from the left of the picture, 1 from the right; kinds at one place differ in
 * nothing but their ends. */
void tro_instrument_init(struct tro_instrument *tool, enum tro_tool_kind kind, int index,
                         uint64_t seed);

/* The tip stays outside the tissue, which breathing has moved by tissue_at. */
void tro_instrument_place(struct tro_instrument_pose *pose, const struct tro_instrument *tool,
                          const struct tro_task *task, const struct tro_scene *scene,
                          const struct tro_warp *warp, struct vec3 tissue_at, double seconds);

struct vec3 tro_instrument_local(const struct tro_instrument_pose *pose, struct vec3 p);
struct vec3 tro_instrument_local_direction(const struct tro_instrument_pose *pose, struct vec3 d);

/* Between the ends of the jaws, and the joint that they turn about; of a hook its end, and where it
 * leaves the sleeve. mm in the scene. */
struct vec3 tro_instrument_tip(const struct tro_instrument_pose *pose);
struct vec3 tro_instrument_wrist(const struct tro_instrument_pose *pose);

/* Distance in local coordinates; *part says which is nearest (may be NULL). */
float tro_instrument_distance(const struct tro_instrument_pose *pose, struct vec3 local,
                              enum tro_instrument_part *part);

/* Outward direction near a local point, in local coordinates. */
struct vec3 tro_instrument_normal(const struct tro_instrument_pose *pose, struct vec3 local);

/* How much of a point-like light at `light` reaches p past the instrument: 0..1. */
float tro_instrument_shadow(const struct tro_instrument_pose *pose, struct vec3 p,
                            struct vec3 light);

#endif
