/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/shade.h"

#include "sim/rand.h"

#define SPARK_MM 2.2f /* half way down to nothing */

/* clang-format off */
/* Starting points that a procedure varies: one row for each organ, in their order. */
static const struct tro_tissue tissue_rows[TRO_N_ORGANS] = {
    /* color             color_alt            mottle bump  /mm   gloss 2^n vessel /mm  soak */
    {{.50f, .17f, .14f}, {.38f, .09f, .075f}, .10f, .10f, .14f, 0.25f, 6, .60f, .055f, .35f},
    {{.19f, .042f, .03f}, {.13f, .026f, .022f}, .45f, .09f, .22f, 0.80f, 6, .00f, .100f, .15f},
    {{.27f, .27f, .15f}, {.30f, .17f, .10f}, .06f, .07f, .20f, 0.90f, 6, .65f, .110f, .40f},
    {{.66f, .38f, .10f}, {.54f, .23f, .06f}, .16f, .13f, .28f, 0.70f, 5, .35f, .080f, .45f},
    {{.60f, .29f, .25f}, {.53f, .19f, .17f}, .12f, .06f, .25f, 1.00f, 6, .75f, .170f, .40f},
    {{.44f, .075f, .06f}, {.33f, .04f, .04f}, .25f, .07f, .35f, 0.80f, 6, .00f, .100f, .25f},
};
/* clang-format on */

static struct vec3 tint(struct tro_rand *r, struct vec3 color)
{
    const float level = tro_rand_range(r, 0.8f, 1.15f);
    const float green = level * tro_rand_range(r, 0.85f, 1.18f);
    const float blue = level * tro_rand_range(r, 0.8f, 1.25f);
    return v3_mul(color, v3(level, green, blue));
}

void tro_materials_init(struct tro_materials *m, uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_MATERIAL);
    for (int i = 0; i < TRO_N_ORGANS; i++) {
        struct tro_tissue *t = &m->tissue[i];
        *t = tissue_rows[i];
        t->color = tint(&r, t->color);
        t->color_alt = tint(&r, t->color_alt);
        t->mottle_per_mm *= tro_rand_range(&r, 0.8f, 1.3f);
        t->bump *= tro_rand_range(&r, 0.7f, 1.3f);
        t->gloss *= tro_rand_range(&r, 0.6f, 1.3f);
        t->vessel *= tro_rand_range(&r, 0.5f, 1.3f);
        t->vessel_per_mm *= tro_rand_range(&r, 0.8f, 1.2f);
    }
    m->blood_threshold = tro_rand_range(&r, 0.3f, 0.75f);
    m->noise_shift.x = tro_rand_range(&r, 0, 16);
    m->noise_shift.y = tro_rand_range(&r, 0, 16);
    m->noise_shift.z = tro_rand_range(&r, 0, 16);
}

static float smooth_at(const struct tro_stage *stage, struct vec3 p, float per_mm)
{
    const struct vec3 cell = v3_along(stage->materials->noise_shift, p, per_mm);
    return tro_noise_value(&stage->scene->noise->smooth, cell);
}

/* A network of thin dark lines: where slow noise crosses zero, broken up by other noise. */
static float vessels(const struct tro_stage *stage, const struct tro_tissue *t, struct vec3 p)
{
    const float there = f_smoothstep(-0.1f, 0.35f, smooth_at(stage, p, 0.6f * t->vessel_per_mm));
    if (there * t->vessel <= 0)
        return 0;
    const float n = smooth_at(stage, v3(p.z, p.x, p.y), t->vessel_per_mm) +
                    0.25f * smooth_at(stage, p, 3.1f * t->vessel_per_mm);
    return t->vessel * there * f_smoothstep(0.085f, 0.02f, f_abs(n));
}

/* Blood runs down: below the wound it has come farther. */
static float wound(const struct tro_stage *stage, struct vec3 p)
{
    struct vec3 d = v3_sub(p, stage->wound);
    d.y *= d.y < 0 ? 0.55f : 1.3f;
    const float ragged = smooth_at(stage, v3(p.x, 0.4f * p.y, p.z), 0.13f);
    const float r = stage->wound_radius * (1 + 0.45f * ragged);
    return f_smoothstep(r, r - 2.5f, v3_length(d));
}

/* 0 = none, 1 = a full film. */
static float blood(const struct tro_stage *stage, struct vec3 p)
{
    const float threshold = stage->materials->blood_threshold - 0.7f * stage->bleeding;
    const float n = smooth_at(stage, v3(p.y, p.z, p.x), 0.045f);
    const float pool = stage->bleeding > 0 ? wound(stage, p) : 0;
    if (n < threshold - 0.4f)
        return pool;
    const float ragged = smooth_at(stage, v3(p.x, 0.6f * p.y, p.z), 0.17f);
    return f_max(pool, f_smoothstep(threshold, threshold + 0.12f, n + 0.35f * ragged));
}

static struct vec3 tissue_color(const struct tro_stage *stage, const struct tro_tissue *t,
                                struct vec3 p)
{
    const float fine = smooth_at(stage, v3(p.z, p.x, p.y), 5 * t->mottle_per_mm);
    const float coarse = smooth_at(stage, p, t->mottle_per_mm);
    const float mix = f_smoothstep(-0.55f, 0.55f, coarse + 0.4f * fine);
    const struct vec3 base = v3_mix(t->color, t->color_alt, mix);
    return v3_mix(base, v3(0.30f, 0.035f, 0.04f), vessels(stage, t, p));
}

/* Tilts the normal by the slope of fine noise. */
static struct vec3 bumped(const struct tro_stage *stage, const struct tro_tissue *t, struct vec3 p,
                          struct vec3 n)
{
    const struct vec3 cell = v3_along(stage->materials->noise_shift, p, t->bump_per_mm);
    const struct vec3 slope = tro_noise_at(&stage->scene->noise->smooth, cell).slope;
    return v3_normalize(v3_along(n, slope, -t->bump));
}

/* Light that arrives at p: fall-off with distance and with the angle from the axis. */
static float light_at(const struct tro_stage *stage, struct vec3 p, struct vec3 *to_light)
{
    const struct vec3 d = v3_sub(stage->view.light, p);
    const float d2 = f_max(v3_dot(d, d), 100);
    *to_light = v3_scale(d, 1 / sqrtf(d2));
    const float axis = f_max(-v3_dot(*to_light, stage->view.forward), 0);
    return stage->light_power / d2 * axis * axis * axis;
}

/* Corners between organs and folds are darker: less room for light to come from. */
static float openness(struct tro_scene_hit hit)
{
    const float corner = f_smoothstep(-0.5f, 4, hit.next_distance - hit.distance);
    const float fold = f_smoothstep(1.1f, -0.2f, hit.sunk);
    return (0.3f + 0.7f * corner) * (0.45f + 0.55f * fold);
}

/* Where current flows: small and bluish white. */
static float spark_at(const struct tro_stage *stage, struct vec3 p)
{
    const struct vec3 d = v3_sub(p, stage->spark);
    const float fall = 1 + v3_dot(d, d) * (1 / (SPARK_MM * SPARK_MM));
    return stage->spark_power / (fall * fall);
}

static float highlight(struct vec3 n, struct vec3 to_light, struct vec3 dir, int doublings)
{
    const struct vec3 half = v3_normalize(v3_sub(to_light, dir));
    return f_pow2n(f_max(v3_dot(n, half), 0), doublings);
}

struct vec3 tro_stage_rest(const struct tro_stage *stage, struct vec3 p)
{
    return tro_warp_rest(&stage->warp, TRO_ALL_PULLS, v3_sub(p, stage->view.tissue_at));
}

float tro_shade_wound(const struct tro_stage *stage, struct vec3 p)
{
    return stage->bleeding > 0 ? wound(stage, tro_stage_rest(stage, p)) : 0;
}

struct vec3 tro_shade_tissue(const struct tro_stage *stage, struct tro_scene_hit hit, struct vec3 p,
                             struct vec3 dir)
{
    const struct tro_tissue *t = &stage->materials->tissue[hit.organ];
    const struct vec3 at = tro_stage_rest(stage, p);
    const struct tro_parts *parts = &tro_scene_cell(stage->scene, at)->parts;
    const struct vec3 n = tro_organ_normal(stage->scene, parts, hit.organ, at);
    struct vec3 to_light;
    float light = light_at(stage, p, &to_light) * openness(hit);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        light *= 0.25f +
                 0.75f * tro_instrument_shadow(&stage->instruments[i], p, stage->view.light);

    const struct vec3 relief = v3_normalize(tro_warp_slope(
        &stage->warp, TRO_ALL_PULLS, v3_sub(p, stage->view.tissue_at), bumped(stage, t, at, n)));
    const float film = blood(stage, at);
    const struct vec3 color = v3_mix(tissue_color(stage, t, at), v3(0.20f, 0.012f, 0.012f),
                                     0.88f * film);
    const float soak = t->soak * (1 - film);
    const float facing = f_max((v3_dot(relief, to_light) + soak) / (1 + soak), 0);
    const float gloss = t->gloss * (1 + 0.6f * film) * (1 + 3 * stage->glare);
    const int doublings = t->gloss_doublings - (int)(2.5f * stage->glare);
    const float shine = 0.07f * gloss * highlight(relief, to_light, dir, doublings - 2) +
                        1.7f * gloss * highlight(relief, to_light, dir, doublings + 2);
    const struct vec3 lit = v3_scale(color, light * (0.06f + 0.94f * facing));
    const struct vec3 wet = v3_along(lit, v3(1, 0.96f, 0.92f), light * shine);
    return stage->spark_power > 0 ? v3_along(wet, v3(0.8f, 0.9f, 1), spark_at(stage, p)) : wet;
}

/* What polished steel mirrors: the light, the pale haze round it, and red tissue elsewhere. */
static struct vec3 mirrored(const struct tro_stage *stage, struct vec3 p, struct vec3 r)
{
    const struct vec3 from_light = v3_normalize(v3_sub(stage->view.light, p));
    const float toward = f_max(v3_dot(r, from_light), 0);
    const float haze = f_smoothstep(-0.2f, 1, v3_dot(r, stage->view.up));
    struct vec3 c = v3_mix(v3(0.045f, 0.014f, 0.012f), v3(0.12f, 0.085f, 0.08f), haze);
    c = v3_along(c, v3(0.22f, 0.22f, 0.23f), f_pow2n(toward, 2));
    return v3_along(c, v3(1, 1, 1), 2.5f * f_pow2n(toward, 6));
}

struct surface {
    struct vec3 p, local, n, to_light, dir;
    float light, facing, grain;
};

/* Plastics and ceramics: a colour and a soft highlight. */
static struct vec3 coated(const struct surface *s, struct vec3 color, float ambient)
{
    const float shine = 0.16f * highlight(s->n, s->to_light, s->dir, 4) +
                        0.5f * highlight(s->n, s->to_light, s->dir, 7);
    const struct vec3 body = v3_scale(color, (1 + 0.27f * s->grain) * (ambient + s->facing));
    return v3_scale(v3_add(body, v3_scale(v3(1, 0.98f, 1.02f), shine)), s->light);
}

static struct vec3 steel(const struct tro_stage *stage, const struct surface *s, struct vec3 axis,
                         float soiled)
{
    const struct vec3 n = v3_normalize(v3_along(s->n, axis, 0.10f * s->grain));
    const struct vec3 r = v3_along(s->dir, n, -2 * v3_dot(s->dir, n));
    struct vec3 c = v3_scale(mirrored(stage, s->p, r), f_min(s->light, 3));
    c = v3_along(c, v3(0.07f, 0.07f, 0.075f), s->light * s->facing * (1 + 0.3f * s->grain));
    const float smear = tro_noise_value(&stage->scene->noise->smooth, v3_scale(s->local, 0.17f));
    const struct vec3 blood_film = v3(0.22f * s->light * s->facing, 0.02f * s->light,
                                      0.02f * s->light);
    return v3_mix(c, blood_film, soiled * f_smoothstep(0.35f, 0.6f, smear));
}

/* The end of an electrode is charred. */
static struct vec3 electrode(const struct tro_stage *stage, const struct surface *s,
                             const struct tro_instrument_pose *pose)
{
    const float from_sleeve = s->local.z - pose->clevis;
    const float char_share = f_smoothstep(0.45f, 1,
                                          from_sleeve / pose->tool->jaw_length + 0.25f * s->grain);
    const struct vec3 bright = steel(stage, s, pose->z, 0);
    return v3_mix(bright, coated(s, v3(0.035f, 0.027f, 0.024f), 0.3f), 0.8f * char_share);
}

static struct surface surface_at(const struct tro_stage *stage, int instrument, struct vec3 p,
                                 struct vec3 dir)
{
    const struct tro_instrument_pose *const pose = &stage->instruments[instrument];
    struct surface s = {.p = p, .dir = dir, .local = tro_instrument_local(pose, p)};
    const struct vec3 n = tro_instrument_normal(pose, s.local);
    s.n = v3_along(v3_along(v3_scale(pose->x, n.x), pose->y, n.y), pose->z, n.z);
    const int other = 1 - instrument;
    const float lit = tro_instrument_shadow(&stage->instruments[other], p, stage->view.light);
    s.light = light_at(stage, p, &s.to_light);
    s.light *= 0.3f + 0.7f * lit;
    s.facing = f_max(v3_dot(s.n, s.to_light), 0);
    s.grain = tro_noise_value(&stage->scene->noise->smooth,
                              v3(s.local.x * 1.1f, s.local.y * 1.1f, s.local.z * 0.25f));
    return s;
}

struct vec3 tro_shade_instrument(const struct tro_stage *stage, int instrument, struct vec3 p,
                                 struct vec3 dir)
{
    const struct tro_instrument_pose *const pose = &stage->instruments[instrument];
    const struct surface s = surface_at(stage, instrument, p, dir);
    const bool is_hook = pose->tool->kind == TRO_TOOL_HOOK;
    enum tro_instrument_part part;
    tro_instrument_distance(pose, s.local, &part);
    if (part == TRO_PART_SHAFT && (is_hook || !pose->tool->has_steel_shaft))
        return coated(&s, v3(0.022f, 0.0216f, 0.0224f), 0.3f);
    if (is_hook)
        return part == TRO_PART_WRIST ? coated(&s, v3(0.26f, 0.25f, 0.23f), 0.1f)
                                      : electrode(stage, &s, pose);
    return steel(stage, &s, pose->z, part == TRO_PART_SHAFT ? 0 : 0.7f);
}
