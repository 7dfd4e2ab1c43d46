/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/truth.h"

#include <string.h>

#define TOUCH_MM 1.6f
#define N_CLOSER 24

/* The nearest place of an organ's surface: fall onto it, slide toward p along it, fall again. */
static struct vec3 nearest_place(const struct tro_stage *stage, int organ, struct vec3 p)
{
    const struct tro_scene *const scene = stage->scene;
    struct vec3 at = p;
    for (int i = 0; i < N_CLOSER; i++) {
        const struct vec3 rest = tro_warp_rest(&stage->warp, TRO_ALL_PULLS, at);
        const struct vec3 slope = tro_warp_slope(
            &stage->warp, TRO_ALL_PULLS, at,
            tro_organ_normal(scene, &scene->outside.parts, organ, rest));
        const float inv_slope2 = 1 / v3_dot(slope, slope);
        at = v3_along(at, slope, -tro_organ_distance(scene, organ, rest) * inv_slope2);
        if (i + 1 == N_CLOSER)
            break;
        const struct vec3 to_p = v3_sub(p, at);
        const struct vec3 slide = v3_along(to_p, slope, -v3_dot(to_p, slope) * inv_slope2);
        at = v3_along(at, slide, 0.5f);
    }
    return at;
}

static float distance_to(const struct tro_stage *stage, int organ, struct vec3 p)
{
    const struct vec3 in_tissue = v3_sub(p, stage->view.tissue_at);
    const struct vec3 at = nearest_place(stage, organ, in_tissue);
    const float d = v3_length(v3_sub(in_tissue, at));
    return tro_organ_distance(stage->scene, organ, tro_stage_rest(stage, p)) < 0 ? -d : d;
}

/* The first thing on the way to the point is not clearly in front of it. */
static bool is_in_sight(const struct tro_stage *stage, const struct tro_endoscopy_point *point,
                        struct vec3 p, float slack_mm)
{
    if (tro_view_inside_px(&stage->view, point->x_px, point->y_px) <= 0 || point->x_px < 0 ||
        point->y_px < 0 || point->x_px >= 2 * stage->view.half_width_px ||
        point->y_px >= 2 * stage->view.half_height_px)
        return false;
    const struct vec3 way = v3_sub(p, stage->view.eye);
    const struct tro_trace_block block = tro_trace_block(stage, point->x_px, point->y_px);
    const struct tro_trace_hit hit = tro_trace_ray(stage, &block, v3_normalize(way));
    return hit.distance > v3_length(way) - slack_mm;
}

static struct tro_endoscopy_point point_at(const struct tro_stage *stage, struct vec3 p,
                                           float slack_mm)
{
    const struct tro_view *const v = &stage->view;
    const struct vec3 d = v3_sub(p, v->eye);
    struct tro_endoscopy_point point = {
        .mm = {v3_dot(d, v->right), -v3_dot(d, v->up), v3_dot(d, v->forward)}};
    if (tro_view_project(v, p, &point.x_px, &point.y_px))
        point.is_visible = is_in_sight(stage, &point, p, slack_mm);
    return point;
}

/* From the middle of an end of the gallbladder out through its surface. */
static struct vec3 end_of_gallbladder(const struct tro_stage *stage, struct vec3 middle,
                                      struct vec3 other)
{
    const struct vec3 out = v3_normalize(v3_sub(middle, other));
    struct vec3 at = middle;
    for (int i = 0; i < 32; i++)
        at = v3_along(at, out, -0.8f * tro_organ_distance(stage->scene, TRO_ORGAN_GALLBLADDER, at));
    return v3_add(tro_warp_moved(&stage->warp, at), stage->view.tissue_at);
}

static void tool_truth(const struct tro_stage *stage, int i, struct tro_endoscopy_tool *t)
{
    const struct tro_instrument_pose *const pose = &stage->instruments[i];
    const struct vec3 tip = tro_instrument_tip(pose);
    t->kind = pose->tool->kind;
    t->tip = point_at(stage, tip, 2);
    t->wrist = point_at(stage, tro_instrument_wrist(pose), 2 * pose->tool->radius);
    for (int organ = 0; organ < TRO_N_ORGANS; organ++) {
        t->distance_mm[organ] = distance_to(stage, organ, tip);
        t->is_touching |= t->distance_mm[organ] < TOUCH_MM;
    }
}

void tro_truth_of_stage(const struct tro_stage *stage, struct tro_endoscopy_truth *truth)
{
    const struct vec3 neck = stage->scene->gallbladder_neck;
    const struct vec3 bottom = stage->scene->gallbladder_bottom;
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        tool_truth(stage, i, &truth->tools[i]);
    truth->landmarks[TRO_LANDMARK_FUNDUS] = point_at(stage, end_of_gallbladder(stage, bottom, neck),
                                                     1);
    truth->landmarks[TRO_LANDMARK_NECK] = point_at(stage, end_of_gallbladder(stage, neck, bottom),
                                                   1);
}

void tro_truth_of_instances(const uint8_t *instance, int width, int height,
                            struct tro_endoscopy_truth *truth)
{
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++) {
        struct tro_endoscopy_tool *const t = &truth->tools[i];
        t->n_px = 0;
        t->box = (struct tro_endoscopy_box){width, height, 0, 0};
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int i = instance[(int64_t)y * width + x] - 1;
            if (i < 0)
                continue;
            struct tro_endoscopy_box *const b = &truth->tools[i].box;
            truth->tools[i].n_px++;
            b->x0 = x < b->x0 ? x : b->x0;
            b->y0 = y < b->y0 ? y : b->y0;
            b->x1 = x + 1 > b->x1 ? x + 1 : b->x1;
            b->y1 = y + 1 > b->y1 ? y + 1 : b->y1;
        }
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++)
        if (truth->tools[i].n_px == 0)
            truth->tools[i].box = (struct tro_endoscopy_box){0};
}
