/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/trace.h"

#include <stddef.h>

#define FAR_MM 260.0f /* no ray goes farther: the wall is nearer everywhere */
#define MAX_STEPS 72
#define MAX_PULLED_STEPS 240 /* where the tissue is pulled, they are shorter */
#define PLANE_ERROR_MM 0.3f
#define LEAST_STEP_MM 0.4f /* where a ray grazes: about what a pixel covers */

static struct vec3 eye_in_tissue(const struct tro_stage *stage)
{
    return v3_sub(stage->view.eye, stage->view.tissue_at);
}

/* Follows a cone of rays from distance t until tissue may be inside it. */
static float tissue_cone(const struct tro_stage *stage, unsigned pulls, struct vec3 dir, float cone,
                         float t)
{
    const struct vec3 from = eye_in_tissue(stage);
    for (int i = 0; i < MAX_STEPS && t < FAR_MM; i++) {
        const struct vec3 p = v3_along(from, dir, t);
        const struct vec3 rest = tro_warp_rest(&stage->warp, pulls, p);
        const struct tro_grid_cell *cell = tro_scene_cell(stage->scene, rest);
        float clear = cell->clearance;
        if (clear < 1 + cone * t)
            clear = 0.8f * tro_scene_at(stage->scene, &cell->parts, rest).distance;
        if (pulls && clear > 0)
            clear = tro_warp_free(&stage->warp, pulls, p, clear);
        const float room = clear - cone * t;
        if (room < 0.3f)
            break;
        t += room;
    }
    return t;
}

/* Sphere tracing from *t. Close to the surface the step follows from how fast the last one came
 * nearer, and ends the search unless the ray only grazes. `slope` is that speed if *t is a guess of
 * the end, which may lie behind the surface (a bad one is given up at once); 0 = it is no guess. */
static struct tro_scene_hit tissue_march(const struct tro_stage *stage, unsigned pulls,
                                         struct vec3 dir, float slope, float *t)
{
    const struct vec3 from = eye_in_tissue(stage);
    const float shrink = tro_warp_shrink(&stage->warp, pulls), steepest = 1.2f / shrink;
    struct tro_scene_hit hit = {0};
    float last_distance = 1e6f, last_step = 1;
    const int max_steps = pulls ? MAX_PULLED_STEPS : MAX_STEPS;
    for (int i = 0; i < max_steps; i++) {
        const struct vec3 p = v3_along(from, dir, *t);
        const struct vec3 rest = tro_warp_rest(&stage->warp, pulls, p);
        const struct tro_grid_cell *cell = tro_scene_cell(stage->scene, rest);
        if (cell->clearance > 1 && slope <= 0) {
            *t += pulls ? tro_warp_free(&stage->warp, pulls, p, cell->clearance) : cell->clearance;
            continue;
        }
        hit = tro_scene_at(stage->scene, &cell->parts, rest);
        if (f_abs(hit.distance) < 0.001f * *t || *t > FAR_MM)
            break;
        if (i == 0 && slope > 0 && f_abs(hit.distance) > PLANE_ERROR_MM)
            break;
        if (last_distance < 1)
            slope = (last_distance - hit.distance) / last_step;
        const bool is_close = f_abs(hit.distance) < 1 && slope > 0;
        if (is_close)
            last_step = hit.distance / f_clamp(slope, 0.2f, steepest);
        else if (pulls && hit.distance > 1)
            last_step = 0.85f * tro_warp_free(&stage->warp, pulls, p, hit.distance);
        else
            last_step = 0.85f * shrink * hit.distance;
        if (last_step > 0)
            last_step = f_max(last_step, LEAST_STEP_MM);
        last_distance = hit.distance;
        *t += last_step;
        if (f_abs(hit.distance) < PLANE_ERROR_MM && slope > 0.4f)
            break;
    }
    return hit;
}

float tro_trace_tissue(const struct tro_stage *stage, struct vec3 dir)
{
    float t = 1;
    const unsigned pulls = tro_warp_met(&stage->warp, eye_in_tissue(stage), dir, 0);
    tissue_march(stage, pulls, dir, 0, &t);
    return t;
}

/* Steps along a ray in an instrument's own coordinates until something is within cone * t, or the
 * ray has gone past `limit`. */
static bool instrument_march(const struct tro_instrument_pose *pose, struct vec3 from,
                             struct vec3 dir, float cone, float limit, float *t)
{
    for (int i = 0; i < MAX_STEPS && *t < limit; i++) {
        const float d = tro_instrument_distance(pose, v3_along(from, dir, *t), NULL);
        const float near = f_max(cone * *t, 0.02f);
        if (d < near)
            return true;
        *t += f_max(d - cone * *t, 0.02f);
    }
    return false;
}

/* The instrument that a ray meets before t, which then becomes its distance; -1 = none. */
static int nearest_instrument(const struct tro_stage *stage, const struct tro_trace_block *b,
                              struct vec3 dir, float *t)
{
    int nearest = -1;
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++) {
        if (!b->has_instrument[i])
            continue;
        const struct tro_instrument_pose *pose = &stage->instruments[i];
        float at = b->instrument_start[i];
        if (instrument_march(pose, tro_instrument_local(pose, stage->view.eye),
                             tro_instrument_local_direction(pose, dir), 0, *t, &at)) {
            *t = at;
            nearest = i;
        }
    }
    return nearest;
}

/* Tangent of half the angle of a cone round a square of n pixels. */
static float cone_of_px(const struct tro_stage *stage, int n)
{
    return stage->view.px_size * 0.75f * (float)n * (1 + stage->view.distortion);
}

struct tro_trace_block tro_trace_block(const struct tro_stage *stage, float x_px, float y_px)
{
    const struct vec3 dir = tro_view_ray(&stage->view, x_px, y_px);
    const float cone = cone_of_px(stage, TRO_TRACE_BLOCK_PX);
    struct tro_trace_block b = {
        .pulls = tro_warp_met(&stage->warp, eye_in_tissue(stage), dir, cone)};
    b.tissue_start = tissue_cone(stage, b.pulls, dir, cone, 1);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++) {
        const struct tro_instrument_pose *pose = &stage->instruments[i];
        b.instrument_start[i] = 1;
        b.has_instrument[i] = instrument_march(pose, tro_instrument_local(pose, stage->view.eye),
                                               tro_instrument_local_direction(pose, dir), cone,
                                               FAR_MM, &b.instrument_start[i]);
    }
    return b;
}

/* Where the ray through the middle ends hardly behind the place up to which all of them are free,
 * no edge is between, and the surface there is about a plane. */
struct tro_trace_block tro_trace_part(const struct tro_stage *stage,
                                      const struct tro_trace_block *block, float x_px, float y_px)
{
    struct tro_trace_block b = *block;
    const struct vec3 dir = tro_view_ray(&stage->view, x_px, y_px);
    const float cone = cone_of_px(stage, TRO_TRACE_PART_PX);
    b.tissue_start = tissue_cone(stage, b.pulls, dir, cone, b.tissue_start);
    float end = b.tissue_start;
    const struct tro_scene_hit hit = tissue_march(stage, b.pulls, dir, 0, &end);
    b.plane_at = v3_scale(dir, end);
    b.has_plane = end - b.tissue_start < 6;
    if (b.has_plane) {
        const struct vec3 p = v3_add(eye_in_tissue(stage), b.plane_at);
        const struct vec3 rest = tro_warp_rest(&stage->warp, b.pulls, p);
        const struct tro_parts *parts = &tro_scene_cell(stage->scene, rest)->parts;
        b.plane_normal = tro_warp_slope(&stage->warp, b.pulls, p,
                                        tro_organ_normal(stage->scene, parts, hit.organ, rest));
    }
    return b;
}

struct tro_trace_hit tro_trace_ray(const struct tro_stage *stage,
                                   const struct tro_trace_block *block, struct vec3 dir)
{
    struct tro_trace_hit hit = {0};
    const float slope = block->has_plane ? -v3_dot(dir, block->plane_normal) : 0;
    if (slope > 0.2f) {
        const float at_plane = -v3_dot(block->plane_at, block->plane_normal) / slope;
        hit.distance = f_clamp(at_plane, block->tissue_start, block->tissue_start + 10);
        hit.tissue = tissue_march(stage, block->pulls, dir, slope, &hit.distance);
    }
    if (slope <= 0.2f || f_abs(hit.tissue.distance) > PLANE_ERROR_MM) {
        hit.distance = block->tissue_start;
        hit.tissue = tissue_march(stage, block->pulls, dir, 0, &hit.distance);
    }
    hit.instrument = nearest_instrument(stage, block, dir, &hit.distance);
    return hit;
}
