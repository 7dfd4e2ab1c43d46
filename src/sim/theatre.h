/* SPDX-License-Identifier: Apache-2.0 */
/* One operation: all that its seed fixes of the scene, and the stage that a frame is drawn from. */
#ifndef TRO_SIM_THEATRE_H
#define TRO_SIM_THEATRE_H

#include "base/err.h"
#include "sim/procedure.h"
#include "sim/shade.h"

struct tro_theatre {
    struct tro_noise *noise;
    struct tro_scene *scene;
    struct tro_materials materials;
    struct tro_optics optics;
    struct tro_instrument tools[TRO_N_INSTRUMENTS][TRO_N_TOOL_KINDS];
    struct tro_procedure procedure;
};

/* On failure as on success it can be destroyed. */
int tro_theatre_create(struct tro_theatre *t, uint64_t seed, struct tro_err *err);
void tro_theatre_destroy(struct tro_theatre *t);

/* What is there at one time, for a picture of width x height pixels; of the disturbances those that
 * change the scene are looked at. */
void tro_theatre_stage(const struct tro_theatre *t, int width, int height, double seconds,
                       const struct tro_disturbances *disturb, struct tro_stage *stage,
                       struct tro_moment *moment);

#endif
