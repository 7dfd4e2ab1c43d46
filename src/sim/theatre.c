/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/theatre.h"

#include "base/alloc.h"
#include "sim/trace.h"

#define BLEEDING_STRENGTH 0.35f /* of the course's bleeding, as a disturbance */

int tro_theatre_create(struct tro_theatre *t, uint64_t seed, struct tro_err *err)
{
    t->noise = tro_malloc_aligned(sizeof(*t->noise));
    t->scene = tro_malloc_aligned(sizeof(*t->scene));
    if (!t->noise || !t->scene)
        return tro_fail_nomem(err);
    tro_noise_bake(t->noise, seed);
    tro_scene_init(t->scene, t->noise, seed);
    tro_materials_init(&t->materials, seed);
    tro_optics_init(&t->optics, seed);
    tro_procedure_init(&t->procedure, t->scene, seed);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        for (int kind = 0; kind < TRO_N_TOOL_KINDS; kind++)
            tro_instrument_init(&t->tools[i][kind], (enum tro_tool_kind)kind, i, seed);
    return 0;
}

void tro_theatre_destroy(struct tro_theatre *t)
{
    tro_free(t->noise);
    tro_free(t->scene);
}

/* Automatic exposure: a white surface facing the light at the mean distance of the tissue in the
 * middle of the picture has the brightness 1. */
static float light_power(const struct tro_stage *stage)
{
    enum { N = 5 };
    const struct tro_view *v = &stage->view;
    float sum = 0;
    for (int i = 0; i < N * N; i++) {
        const float x = v->half_width_px * (0.6f + 0.2f * (float)(i % N));
        const float y = v->half_height_px * (0.6f + 0.2f * (float)(i / N));
        sum += tro_trace_tissue(stage, tro_view_ray(v, x, y));
    }
    const float mean = sum / (N * N);
    return 2.2f * mean * mean;
}

/* All are kept out of the tissue as the grasper holds it; then each dents it. */
static void place_tools(const struct tro_theatre *t, const struct tro_moment *moment,
                        double seconds, struct tro_stage *stage)
{
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++) {
        const struct tro_task *const task = &moment->tasks[i];
        tro_instrument_place(&stage->instruments[i], &t->tools[i][task->kind], task, t->scene,
                             &stage->warp, stage->view.tissue_at, seconds);
    }
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        tro_warp_add(&stage->warp, stage->instruments[i].dent);
}

/* What bleeds in the course of the operation, and as a disturbance. */
static void open_wound(const struct tro_theatre *t, const struct tro_moment *moment, double seconds,
                       float disturbed, struct tro_stage *stage)
{
    const float spread = (float)(seconds / (seconds + 6));
    stage->wound = t->procedure.wound;
    stage->bleeding = f_max(disturbed, BLEEDING_STRENGTH * moment->bleeding);
    stage->wound_radius = f_max(disturbed * (9 + 21 * spread),
                                TRO_WOUND_RADIUS_MM * moment->bleeding);
}

void tro_theatre_stage(const struct tro_theatre *t, int width, int height, double seconds,
                       const struct tro_disturbances *disturb, struct tro_stage *stage,
                       struct tro_moment *moment)
{
    tro_procedure_at(&t->procedure, seconds, moment);
    *stage = (struct tro_stage){.scene = t->scene, .materials = &t->materials};
    tro_view_init(&stage->view, &t->optics, t->scene, width, height, moment->stand_back_mm,
                  seconds);
    tro_warp_add(&stage->warp, tro_scene_beat(t->scene, seconds));
    tro_warp_add(&stage->warp, moment->hold);
    place_tools(t, moment, seconds, stage);
    stage->light_power = light_power(stage);
    stage->glare = disturb->strength[TRO_DISTURB_GLARE];
    stage->spark = tro_instrument_tip(&stage->instruments[TRO_CAUTERY_TOOL]);
    stage->spark_power = moment->spark;
    open_wound(t, moment, seconds, disturb->strength[TRO_DISTURB_BLEEDING], stage);
}
