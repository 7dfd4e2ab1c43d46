/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The course of one operation: which step it is at, what each instrument is there for, when it
 * bleeds and when current flows.
 *
 *      exploration > dissection > cutting > separation > inspection,   after each of the inner
 *      three perhaps coagulation of what bleeds
 *
 * A recording begins anywhere in that course, and the course begins anew after its end. All of it
 * is a pure function of the seed and the time.
 */
#ifndef TRO_SIM_PROCEDURE_H
#define TRO_SIM_PROCEDURE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/endoscopy.h"
#include "sim/instrument.h"

#define TRO_MAX_PHASES 8
#define TRO_CAUTERY_TOOL 1        /* the instrument from the right */
#define TRO_HOLD_RADIUS_MM 26.0f  /* of the tissue that moves with the grasper */
#define TRO_CAUTERY_SMOKE 0.16f   /* at most, as strength of the disturbance */
#define TRO_WOUND_RADIUS_MM 13.0f /* of the blood, at most */

struct tro_phase {
    enum tro_endoscopy_step step;
    double start, end; /* seconds of the course */
};

/* What a procedure fixes. Places are in the tissue at rest. */
struct tro_procedure {
    uint64_t key;
    int n_phases;
    struct tro_phase phases[TRO_MAX_PHASES];
    double length, offset;                /* of the course; of the recording in it; seconds */
    struct vec3 hold;                     /* where the grasper holds the gallbladder */
    struct vec3 draw;                     /* how far it draws it, mm */
    struct vec3 neck, bed_start, bed_end; /* where it is cut loose */
    struct vec3 artery;
    struct vec3 wound; /* where it bleeds from */
};

/* One moment of it. */
struct tro_moment {
    enum tro_endoscopy_step step;
    struct tro_task tasks[TRO_ENDOSCOPY_N_TOOLS];
    struct tro_pull hold; /* the tissue drawn by the grasper */
    float bleeding;       /* of the wound: 0..1 */
    float smoke;          /* of tissue that current burns: density as of the disturbance */
    bool is_cautery_on;
    float spark;         /* its light, flickering */
    float stand_back_mm; /* of the endoscope */
};

/* The scene must be complete. */
void tro_procedure_init(struct tro_procedure *p, const struct tro_scene *scene, uint64_t seed);

void tro_procedure_at(const struct tro_procedure *p, double seconds, struct tro_moment *moment);

#endif
