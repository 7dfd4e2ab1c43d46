/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scene.h"

#include <string.h>

#include "sim/endoscopy.h"
#include "sim/rand.h"

#define HALF_DIAGONAL_MM (0.867f * TRO_GRID_MM) /* of a cube of the grid */
#define REACH_MM 4.0f /* how far from a surface its distance is known exactly */
#define OMENTUM_BLOBS 5
#define BOWEL_POUCHES 9
#define ARTERY_BEADS 12

static void blob_add(struct tro_organ *o, struct vec3 center, struct vec3 radius)
{
    o->blobs[o->n_blobs++] = (struct tro_blob){
        .center = center,
        .inv_radius = v3(1 / radius.x, 1 / radius.y, 1 / radius.z),
    };
}

/* One draw a statement: the order of calls among arguments is the compiler's choice. */
static struct vec3 jitter(struct tro_rand *r, struct vec3 v, float amount)
{
    v.x += tro_rand_range(r, -amount, amount);
    v.y += tro_rand_range(r, -amount, amount);
    v.z += tro_rand_range(r, -amount, amount);
    return v;
}

/* A blob moved by up to `amount` each way, its radii changed by up to +-share. */
static void blob_add_varied(struct tro_organ *o, struct tro_rand *r, struct vec3 center,
                            float amount, struct vec3 radius, float share)
{
    const struct vec3 moved = jitter(r, center, amount);
    radius.x *= tro_rand_range(r, 1 - share, 1 + share);
    radius.y *= tro_rand_range(r, 1 - share, 1 + share);
    radius.z *= tro_rand_range(r, 1 - share, 1 + share);
    blob_add(o, moved, radius);
}

/* The inside of the inflated abdomen. */
static void wall_init(struct tro_organ *o, struct tro_rand *r)
{
    o->label = TRO_ENDOSCOPY_WALL;
    o->is_cavity = true;
    o->melt = 1;
    o->swell_mm = tro_rand_range(r, 3, 6);
    o->swell_per_mm = tro_rand_range(r, 0.025f, 0.045f);
    o->lobe_mm = tro_rand_range(r, 0.5f, 1.6f);
    o->lobe_per_mm = tro_rand_range(r, 0.06f, 0.11f);
    blob_add_varied(o, r, v3(0, 5, 30), 6, v3(105, 78, 98), 0.08f);
}

/* Lobes that hang from above, their lower edge across the picture. */
static void liver_init(struct tro_organ *o, struct tro_rand *r, float side)
{
    o->label = TRO_ENDOSCOPY_LIVER;
    o->melt = 12;
    o->swell_mm = tro_rand_range(r, 1, 2.5f);
    o->swell_per_mm = tro_rand_range(r, 0.03f, 0.06f);
    const float edge = tro_rand_range(r, -4, 6);
    blob_add_varied(o, r, v3(-34 * side, 42 + edge, 100), 5, v3(52, 33, 38), 0.12f);
    blob_add_varied(o, r, v3(28 * side, 45 + edge, 103), 5, v3(58, 31, 36), 0.12f);
    blob_add_varied(o, r, v3(0, 66, 95), 6, v3(82, 34, 46), 0.1f);
    blob_add_varied(o, r, v3(-58 * side, 26 + edge, 112), 7, v3(30, 24, 24), 0.2f);
}

/* A pear: spheres from the neck under the liver to the bottom, along a bent line. */
static void gallbladder_init(struct tro_scene *scene, struct tro_rand *r, float side)
{
    struct tro_organ *const o = &scene->organs[TRO_ORGAN_GALLBLADDER];
    enum { N_SPHERES = 6 };
    o->label = TRO_ENDOSCOPY_GALLBLADDER;
    o->melt = 8;
    o->swell_mm = tro_rand_range(r, 0.6f, 1.6f);
    o->swell_per_mm = tro_rand_range(r, 0.05f, 0.1f);
    const struct vec3 neck = jitter(r, v3(-13 * side, 11, 96), 4);
    const struct vec3 bottom = jitter(r, v3(13 * side, -7, 74), 6);
    const struct vec3 bend = jitter(r, v3(0, -5, 3), 4);
    const float neck_radius = tro_rand_range(r, 5, 7), body_radius = tro_rand_range(r, 11, 14);
    for (int i = 0; i < N_SPHERES; i++) {
        const float t = (float)i / (N_SPHERES - 1);
        const float radius = f_mix(neck_radius, body_radius, f_smoothstep(0, 0.8f, t));
        blob_add(o, v3_along(v3_mix(neck, bottom, t), bend, 4 * t * (1 - t)),
                 v3(radius, radius * 0.95f, radius));
    }
    scene->focus = v3_mix(neck, bottom, 0.6f);
    scene->gallbladder_neck = neck;
    scene->gallbladder_bottom = bottom;
}

/* The omentum below, and what is left of it round the neck of the gallbladder. */
static void fat_init(struct tro_organ *o, struct tro_rand *r, float side)
{
    o->label = TRO_ENDOSCOPY_FAT;
    o->melt = 6;
    o->swell_mm = tro_rand_range(r, 1.5f, 2.5f);
    o->swell_per_mm = tro_rand_range(r, 0.05f, 0.08f);
    o->lobe_per_mm = tro_rand_range(r, 0.1f, 0.16f);
    o->lobe_mm = tro_rand_range(r, 0.4f, 0.55f) / o->lobe_per_mm;
    const float top = tro_rand_range(r, -4, 5);
    for (int i = 0; i < OMENTUM_BLOBS; i++) {
        const float x = (float)(i - 2) * 24;
        blob_add_varied(o, r, v3(x, -35 + top, 80), 5, v3(22, 14, 24), 0.2f);
    }
    blob_add_varied(o, r, v3(-40 * side, -24 + top, 100), 6, v3(28, 17, 18), 0.2f);
    blob_add_varied(o, r, v3(34 * side, -28 + top, 102), 6, v3(32, 15, 18), 0.2f);
    blob_add_varied(o, r, v3(-24 * side, -2, 100), 4, v3(15, 10, 12), 0.2f);
    blob_add_varied(o, r, v3(-4 * side, -10, 102), 5, v3(14, 9, 12), 0.2f);
}

/* A tube that lies on the omentum on one side, its pouches a chain of thick discs. */
static void bowel_init(struct tro_scene *scene, struct tro_rand *r, float side)
{
    struct tro_organ *const o = &scene->organs[TRO_ORGAN_BOWEL];
    float middle_of_fat = 0;
    for (int i = 0; i < OMENTUM_BLOBS; i++)
        middle_of_fat += scene->organs[TRO_ORGAN_FAT].blobs[i].center.y / OMENTUM_BLOBS;
    o->label = TRO_ENDOSCOPY_BOWEL;
    o->melt = 2.2f;
    o->swell_mm = tro_rand_range(r, 0.5f, 1.2f);
    o->swell_per_mm = tro_rand_range(r, 0.06f, 0.1f);
    const struct vec3 far = jitter(r, v3(-66 * side, middle_of_fat + 15, 90), 4);
    const struct vec3 near = jitter(r, v3(0, middle_of_fat + 8, 73), 4);
    const struct vec3 bend = jitter(r, v3(0, -1, -5), 3);
    const float radius = tro_rand_range(r, 9, 12);
    for (int i = 0; i < BOWEL_POUCHES; i++) {
        const float t = (float)i / (BOWEL_POUCHES - 1);
        const struct vec3 at = v3_along(v3_mix(far, near, t), bend, 4 * t * (1 - t));
        blob_add_varied(o, r, at, 0.7f, v3(0.58f * radius, radius, radius), 0.07f);
    }
}

/* First-order distance to an ellipsoid from outside: exact on its surface, too short far from it
 * (half at most), which a march along a ray bears. */
static inline float blob_distance(const struct tro_blob *b, struct vec3 p)
{
    const struct vec3 q = v3_mul(v3_sub(p, b->center), b->inv_radius);
    const struct vec3 g = v3_mul(q, b->inv_radius);
    return 0.5f * (v3_dot(q, q) - 1) / sqrtf(v3_dot(g, g) + 1e-8f);
}

/* The same from inside, positive there. */
static float cavity_distance(const struct tro_blob *b, struct vec3 p)
{
    const struct vec3 q = v3_mul(v3_sub(p, b->center), b->inv_radius);
    const struct vec3 g = v3_mul(q, b->inv_radius);
    const float q2 = v3_dot(q, q);
    return (sqrtf(q2) - q2) / sqrtf(v3_dot(g, g) + 1e-8f);
}

static float displacement(const struct tro_scene *scene, const struct tro_organ *o, struct vec3 p)
{
    const struct vec3 swell_at = v3_along(o->noise_shift, p, o->swell_per_mm);
    float d = o->swell_mm * tro_noise_value(&scene->noise->smooth, swell_at);
    if (o->lobe_mm > 0) {
        const struct vec3 lobe_at = v3_along(o->noise_shift, p, o->lobe_per_mm);
        d += o->lobe_mm * (tro_noise_value(&scene->noise->lobes, lobe_at) - 0.5f);
    }
    return d;
}

/* Displacement left out. */
static float smooth_distance(const struct tro_organ *o, unsigned blobs, struct vec3 p)
{
    if (o->is_cavity)
        return cavity_distance(o->blobs, p);
    float d = 1e6f;
    for (const struct tro_blob *b = o->blobs; blobs; blobs >>= 1, b++)
        if (blobs & 1)
            d = f_smooth_min(d, blob_distance(b, p), o->melt);
    return d;
}

/* How far displacement moves the surface at most. */
static float reach_mm(const struct tro_organ *o)
{
    return o->swell_mm + 0.5f * o->lobe_mm;
}

/* Farther than `enough`, displacement is not looked up and a lower bound given instead. */
static float organ_distance(const struct tro_scene *scene, const struct tro_organ *o,
                            unsigned blobs, struct vec3 p, float enough, float *sunk)
{
    const float d = smooth_distance(o, blobs, p), reach = reach_mm(o);
    if (d - reach > enough)
        return d - reach;
    const float shift = displacement(scene, o, p);
    *sunk = shift / reach;
    return d + shift;
}

struct tro_scene_hit tro_scene_at(const struct tro_scene *scene, const struct tro_parts *parts,
                                  struct vec3 p)
{
    struct tro_scene_hit hit = {.distance = REACH_MM, .next_distance = REACH_MM};
    for (int i = 0; i < TRO_N_ORGANS; i++) {
        if (!parts->blobs[i])
            continue;
        float sunk = 0;
        const float d = organ_distance(scene, &scene->organs[i], parts->blobs[i], p,
                                       hit.next_distance, &sunk);
        if (d < hit.distance) {
            hit.next_distance = hit.distance;
            hit.distance = d;
            hit.organ = i;
            hit.sunk = sunk;
        } else if (d < hit.next_distance) {
            hit.next_distance = d;
        }
    }
    return hit;
}

float tro_organ_distance(const struct tro_scene *scene, int organ, struct vec3 p)
{
    float sunk;
    return organ_distance(scene, &scene->organs[organ], scene->outside.parts.blobs[organ], p, 1e6f,
                          &sunk);
}

/* The outward direction of melted blobs: weighted as f_smooth_min weighs their distances. */
static struct vec3 blobs_normal(const struct tro_organ *o, unsigned blobs, struct vec3 p)
{
    float d = 1e6f;
    struct vec3 n = v3(0, 0, 0);
    for (const struct tro_blob *b = o->blobs; blobs; blobs >>= 1, b++) {
        if (!(blobs & 1))
            continue;
        const float d_blob = blob_distance(b, p);
        const struct vec3 g = v3_mul(v3_sub(p, b->center), v3_mul(b->inv_radius, b->inv_radius));
        const float share = 0.5f * f_max(o->melt - f_abs(d - d_blob), 0) / o->melt;
        n = v3_mix(n, v3_normalize(g), d_blob < d ? 1 - share : share);
        d = f_smooth_min(d, d_blob, o->melt);
    }
    return o->is_cavity ? v3_scale(n, -1) : n;
}

struct vec3 tro_organ_normal(const struct tro_scene *scene, const struct tro_parts *parts,
                             int organ, struct vec3 p)
{
    const struct tro_organ *o = &scene->organs[organ];
    struct vec3 n = blobs_normal(o, parts->blobs[organ], p);
    const struct vec3 swell_at = v3_along(o->noise_shift, p, o->swell_per_mm);
    n = v3_along(n, tro_noise_at(&scene->noise->smooth, swell_at).slope,
                 o->swell_mm * o->swell_per_mm);
    if (o->lobe_mm > 0) {
        const struct vec3 lobe_at = v3_along(o->noise_shift, p, o->lobe_per_mm);
        n = v3_along(n, tro_noise_at(&scene->noise->lobes, lobe_at).slope,
                     o->lobe_mm * o->lobe_per_mm);
    }
    return v3_normalize(n);
}

static const struct vec3 usual_eye = {0, 5, 5}; /* about where the endoscope is */

/* Where a ray from there meets the tissue there is so far. */
static int seen_organ(const struct tro_scene *scene, struct vec3 dir, float *distance)
{
    struct tro_scene_hit hit = {.distance = 1};
    *distance = 0;
    for (int i = 0; i < 200 && hit.distance > 0.05f; i++) {
        hit = tro_scene_at(scene, &scene->outside.parts, v3_along(usual_eye, dir, *distance));
        *distance += 0.8f * hit.distance;
    }
    return hit.organ;
}

static struct vec3 seen_from_usual_eye(struct vec3 p)
{
    return v3_normalize(v3_sub(p, usual_eye));
}

/* How far below a point the liver is no longer in front. */
static float below_liver(const struct tro_scene *scene, struct vec3 toward)
{
    const float top = toward.y;
    float distance;
    while (top - toward.y < 30 &&
           seen_organ(scene, seen_from_usual_eye(toward), &distance) == TRO_ORGAN_LIVER)
        toward.y -= 2;
    return top - toward.y;
}

/* No value more than `step` above those next to it. */
static void limit_steps(float v[], int n, float step)
{
    for (int i = 1; i < n; i++)
        v[i] = f_min(v[i], v[i - 1] + step);
    for (int i = n - 2; i >= 0; i--)
        v[i] = f_min(v[i], v[i + 1] + step);
}

/* Its beads lie on what the endoscope sees, from beside the neck of the gallbladder on to it, below
 * the liver; where the surface falls back, it spans the gap. Both ends dive in. */
static void artery_place(struct tro_scene *scene, struct tro_rand *r, struct vec3 beads[],
                         float radius, float side)
{
    const struct vec3 neck = scene->gallbladder_neck;
    const struct vec3 from = jitter(r, v3_add(neck, v3(-25 * side, -11, 0)), 3);
    const struct vec3 to = jitter(r, v3_add(neck, v3(3 * side, -6, 0)), 2.5f);
    const float bulge = tro_rand_range(r, -7, 5);
    float y[ARTERY_BEADS], depth[ARTERY_BEADS];
    for (int i = 0; i < ARTERY_BEADS; i++) {
        const float t = (float)i / (ARTERY_BEADS - 1);
        beads[i] = v3_mix(from, to, t);
        beads[i].y += bulge * f_sin_turns(0.5f * t) + 1.5f * f_sin_turns(1.5f * t);
        y[i] = beads[i].y - below_liver(scene, beads[i]);
    }
    limit_steps(y, ARTERY_BEADS, 1.5f);
    for (int i = 0; i < ARTERY_BEADS; i++) {
        beads[i] = seen_from_usual_eye(v3(beads[i].x, y[i], beads[i].z));
        seen_organ(scene, beads[i], &depth[i]);
    }
    limit_steps(depth, ARTERY_BEADS, 1.8f);
    depth[0] += 1.5f * radius;
    depth[ARTERY_BEADS - 1] += 1.5f * radius;
    for (int i = 0; i < ARTERY_BEADS; i++)
        beads[i] = v3_along(usual_eye, beads[i], depth[i]);
}

/* The side of a blob of the artery that is turned to the endoscope. */
static struct vec3 front_of(const struct tro_blob *b)
{
    const struct vec3 to_eye = v3_normalize(v3_sub(usual_eye, b->center));
    return v3_along(b->center, to_eye, 1 / b->inv_radius.z);
}

static bool is_covered(const struct tro_scene *scene, struct vec3 p)
{
    for (int i = 0; i < TRO_ORGAN_ARTERY; i++)
        if (tro_organ_distance(scene, i, p) <= 0)
            return true;
    return false;
}

/* From the middle of the artery along its front to where other tissue covers it, or to its end. */
static struct vec3 artery_end(const struct tro_scene *scene, int step)
{
    enum { N_PARTS = 16 };
    const struct tro_blob *const beads = scene->organs[TRO_ORGAN_ARTERY].blobs;
    struct vec3 at = front_of(&beads[ARTERY_BEADS / 2]);
    for (int i = ARTERY_BEADS / 2; i + step >= 0 && i + step < ARTERY_BEADS; i += step) {
        const struct vec3 from = front_of(&beads[i]), to = front_of(&beads[i + step]);
        for (int k = 1; k <= N_PARTS; k++) {
            at = v3_mix(from, to, (float)k / N_PARTS);
            if (is_covered(scene, at))
                return at;
        }
    }
    return at;
}

static void artery_init(struct tro_scene *scene, struct tro_rand *r, float side)
{
    struct tro_organ *const o = &scene->organs[TRO_ORGAN_ARTERY];
    struct vec3 beads[ARTERY_BEADS];
    const float radius = tro_rand_range(r, 1.7f, 2.4f);
    o->label = TRO_ENDOSCOPY_ARTERY;
    o->melt = 2;
    o->swell_mm = 0.15f;
    o->swell_per_mm = 0.12f;
    artery_place(scene, r, beads, radius, side);
    for (int i = 0; i < ARTERY_BEADS; i++)
        blob_add(o, beads[i], v3(1.15f * radius, radius, radius));
    scene->artery_origin = artery_end(scene, -1);
    scene->artery_insertion = artery_end(scene, 1);
    scene->beat_hz = tro_rand_range(r, 1, 1.5f);
    scene->beat.at = beads[ARTERY_BEADS / 2];
    scene->beat.by.x = 0;
    scene->beat.by.y = tro_rand_range(r, 0.5f, 0.9f);
    scene->beat.by.z = -0.5f;
    scene->beat.radius = 15;
}

/* A quick rise, a slow fall. */
float tro_scene_beat_share(const struct tro_scene *scene, double seconds)
{
    const double beats = seconds * (double)scene->beat_hz;
    const float t = (float)(beats - (double)(int64_t)beats);
    return f_smoothstep(0, 0.2f, t) * f_smoothstep(0.9f, 0.2f, t);
}

struct tro_pull tro_scene_beat(const struct tro_scene *scene, double seconds)
{
    struct tro_pull pull = scene->beat;
    pull.by = v3_scale(pull.by, tro_scene_beat_share(scene, seconds));
    return pull;
}

static const struct vec3 grid_origin = {-120, -88, -24};

static struct tro_parts all_parts(const struct tro_scene *scene)
{
    struct tro_parts parts;
    for (int i = 0; i < TRO_N_ORGANS; i++)
        parts.blobs[i] = (uint16_t)((1u << scene->organs[i].n_blobs) - 1);
    return parts;
}

/* The blobs of one organ that matter in a cube round `middle`: those that can melt with the nearest
 * one, and none if the surface is too far away to be met or to shade. */
static uint16_t blobs_near(const struct tro_organ *o, struct vec3 middle)
{
    const float reach = reach_mm(o) + HALF_DIAGONAL_MM + REACH_MM;
    if (o->is_cavity)
        return cavity_distance(o->blobs, middle) < reach;
    float nearest = 1e6f;
    for (int k = 0; k < o->n_blobs; k++)
        nearest = f_min(nearest, blob_distance(&o->blobs[k], middle));
    unsigned mask = 0;
    for (int k = 0; k < o->n_blobs && nearest < o->melt * 0.25f + reach; k++)
        if (blob_distance(&o->blobs[k], middle) < nearest + o->melt + 2 * HALF_DIAGONAL_MM)
            mask |= 1u << k;
    return (uint16_t)mask;
}

/* Never too long, and short by less than smooth_distance far from blobs that are about round. */
static float clear_distance(const struct tro_organ *o, struct vec3 p)
{
    if (o->is_cavity)
        return cavity_distance(o->blobs, p);
    float d = 1e6f;
    for (int k = 0; k < o->n_blobs; k++) {
        const struct tro_blob *b = &o->blobs[k];
        const float thinnest = f_min(f_min(b->inv_radius.x, b->inv_radius.y), b->inv_radius.z);
        const float round = v3_length(v3_sub(p, b->center)) - 1 / thinnest;
        d = f_smooth_min(d, f_max(blob_distance(b, p), round), o->melt);
    }
    return d;
}

static void cell_init(const struct tro_scene *scene, struct tro_grid_cell *cell, struct vec3 middle)
{
    cell->clearance = 1e6f;
    for (int i = 0; i < TRO_N_ORGANS; i++) {
        const struct tro_organ *o = &scene->organs[i];
        const float room = clear_distance(o, middle) - reach_mm(o) - HALF_DIAGONAL_MM;
        cell->clearance = f_min(cell->clearance, room);
        cell->parts.blobs[i] = blobs_near(o, middle);
    }
}

static void grid_init(struct tro_scene *scene)
{
    for (int z = 0; z < TRO_GRID_Z; z++)
        for (int y = 0; y < TRO_GRID_Y; y++)
            for (int x = 0; x < TRO_GRID_X; x++) {
                const struct vec3 at = v3((float)x + 0.5f, (float)y + 0.5f, (float)z + 0.5f);
                cell_init(scene, &scene->grid[z][y][x], v3_along(grid_origin, at, TRO_GRID_MM));
            }
}

const struct tro_grid_cell *tro_scene_cell(const struct tro_scene *scene, struct vec3 p)
{
    const struct vec3 at = v3_scale(v3_sub(p, grid_origin), 1 / TRO_GRID_MM);
    const int x = f_floor(at.x), y = f_floor(at.y), z = f_floor(at.z);
    const bool inside = x >= 0 && x < TRO_GRID_X && y >= 0 && y < TRO_GRID_Y && z >= 0 &&
                        z < TRO_GRID_Z;
    return inside ? &scene->grid[z][y][x] : &scene->outside;
}

void tro_scene_init(struct tro_scene *scene, const struct tro_noise *noise, uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_ANATOMY);
    memset(scene, 0, sizeof(*scene));
    scene->noise = noise;
    const float side = tro_rand_below(&r, 4) == 0 ? -1 : 1;
    wall_init(&scene->organs[TRO_ORGAN_WALL], &r);
    liver_init(&scene->organs[TRO_ORGAN_LIVER], &r, side);
    gallbladder_init(scene, &r, side);
    fat_init(&scene->organs[TRO_ORGAN_FAT], &r, side);
    for (int i = 0; i < TRO_N_ORGANS; i++)
        scene->organs[i].noise_shift = jitter(&r, v3(0, 0, 0), 8);
    const float bowel_side = tro_rand_below(&r, 4) == 0 ? -side : side;
    bowel_init(scene, &r, bowel_side);
    scene->outside.parts = all_parts(scene); /* the artery is laid on the others */
    artery_init(scene, &r, side);
    scene->outside.parts = all_parts(scene);
    grid_init(scene);
}
