/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/truth.h"

#include <string.h>

#define TOUCH_MM 1.6f
#define LEAST_BLEEDING 0.04f
#define BLOOD_RAYS_X 32
#define BLOOD_RAYS_Y 18
#define LEAST_BLOOD_RAYS 4 /* 0.7 % of the picture */
#define LANDMARK_SLACK_MM 1.6f
#define TIP_SLACK_MM 5.0f /* a jaw may be before what lies between the jaws */
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

static bool is_in_picture(const struct tro_view *view, const struct tro_endoscopy_point *point)
{
    return tro_view_inside_px(view, point->x_px, point->y_px) > 0 && point->x_px >= 0 &&
           point->y_px >= 0 && point->x_px < 2 * view->half_width_px &&
           point->y_px < 2 * view->half_height_px;
}

/* The first thing on the way to the point is not clearly in front of it. */
static bool is_in_sight(const struct tro_stage *stage, const struct tro_endoscopy_point *point,
                        struct vec3 p, float slack_mm)
{
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
        point.is_in_picture = is_in_picture(v, &point);
    if (point.is_in_picture)
        point.is_visible = is_in_sight(stage, &point, p, slack_mm);
    return point;
}

/* Of a place in the tissue at rest. */
static struct tro_endoscopy_point landmark_at(const struct tro_stage *stage, struct vec3 rest)
{
    const struct vec3 now = tro_warp_moved(&stage->warp, rest);
    return point_at(stage, v3_add(now, stage->view.tissue_at), LANDMARK_SLACK_MM);
}

/* From a place in the gallbladder out through its surface. */
static struct tro_endoscopy_point on_gallbladder(const struct tro_stage *stage, struct vec3 inside,
                                                 struct vec3 out)
{
    struct vec3 at = inside;
    for (int i = 0; i < 32; i++)
        at = v3_along(at, out, -0.8f * tro_organ_distance(stage->scene, TRO_ORGAN_GALLBLADDER, at));
    return landmark_at(stage, at);
}

static void tool_truth(const struct tro_stage *stage, int i, struct tro_endoscopy_tool *t)
{
    const struct tro_instrument_pose *const pose = &stage->instruments[i];
    const struct vec3 tip = tro_instrument_tip(pose);
    t->kind = pose->tool->kind;
    t->tip = point_at(stage, tip, TIP_SLACK_MM);
    t->wrist = point_at(stage, tro_instrument_wrist(pose), 2 * pose->tool->radius);
    for (int organ = 0; organ < TRO_N_ORGANS; organ++) {
        t->distance_mm[organ] = distance_to(stage, organ, tip);
        t->is_touching |= t->distance_mm[organ] < TOUCH_MM;
    }
}

/* Rays over the picture that meet blood of the wound. */
static bool is_blood_in_picture(const struct tro_stage *stage)
{
    const struct tro_view *const v = &stage->view;
    int n = 0;
    for (int i = 0; i < BLOOD_RAYS_X * BLOOD_RAYS_Y; i++) {
        const float x = v->half_width_px * ((float)(i % BLOOD_RAYS_X) + 0.5f) * 2 / BLOOD_RAYS_X;
        const float y = v->half_height_px * ((float)(i / BLOOD_RAYS_X) + 0.5f) * 2 / BLOOD_RAYS_Y;
        if (tro_view_inside_px(v, x, y) <= 0)
            continue;
        const struct vec3 dir = tro_view_ray(v, x, y);
        const struct tro_trace_block block = tro_trace_block(stage, x, y);
        const struct tro_trace_hit hit = tro_trace_ray(stage, &block, dir);
        const struct vec3 p = v3_along(v->eye, dir, hit.distance);
        n += hit.instrument < 0 && tro_shade_wound(stage, p) > 0.5f;
    }
    return n >= LEAST_BLOOD_RAYS;
}

unsigned tro_truth_events(const struct tro_endoscopy_truth *before,
                          const struct tro_endoscopy_truth *now)
{
    bool happens[TRO_N_ENDOSCOPY_EVENTS] = {
        [TRO_EVENT_BLEEDING_STARTS] = now->is_wound_open && !before->is_wound_open,
        [TRO_EVENT_CAUTERY_ON] = now->is_cautery_on && !before->is_cautery_on,
    };
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++) {
        const struct tro_endoscopy_tool *const a = &before->tools[i], *const b = &now->tools[i];
        happens[TRO_EVENT_CONTACT] |= b->is_touching && !a->is_touching;
        happens[TRO_EVENT_INSTRUMENT_LEAVES] |= a->tip.is_in_picture && !b->tip.is_in_picture;
    }
    unsigned events = 0;
    for (int i = 0; i < TRO_N_ENDOSCOPY_EVENTS; i++)
        events |= happens[i] ? 1u << i : 0;
    return events;
}

void tro_truth_of_stage(const struct tro_stage *stage, struct tro_endoscopy_truth *truth)
{
    const struct vec3 neck = stage->scene->gallbladder_neck;
    const struct vec3 bottom = stage->scene->gallbladder_bottom;
    truth->is_wound_open = stage->bleeding > LEAST_BLEEDING;
    truth->is_bleeding = truth->is_wound_open && is_blood_in_picture(stage);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        tool_truth(stage, i, &truth->tools[i]);
    truth->landmarks[TRO_LANDMARK_FUNDUS] = on_gallbladder(stage, bottom,
                                                           v3_normalize(v3_sub(bottom, neck)));
    truth->landmarks[TRO_LANDMARK_NECK] = on_gallbladder(stage, neck, v3(0, 0, -1));
    truth->landmarks[TRO_LANDMARK_ARTERY_ORIGIN] = landmark_at(stage, stage->scene->artery_origin);
    truth->landmarks[TRO_LANDMARK_ARTERY_INSERTION] = landmark_at(stage,
                                                                  stage->scene->artery_insertion);
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
