/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/procedure.h"

#include "sim/rand.h"

#define LEFT 0
#define RIGHT TRO_CAUTERY_TOOL

#define CHANGE_SECONDS 1.5f /* an instrument leaves or enters, or goes to another place */
#define GRASP_SECONDS 2.5f  /* the grasper takes hold, then draws */
#define BLEED_SECONDS 3.0f  /* it bleeds so long before somebody sees to it */
#define SLOT_SECONDS 3.5    /* current flows once in each of these */
#define SMOKE_SECONDS 3.5f  /* until its smoke has gone */

/* Channels of the motion of one procedure. */
enum { MOVE_DRAW, MOVE_BETWEEN, MOVE_JAWS, MOVE_SPARK, SLOT = 16 };

struct row {
    float least_seconds, most_seconds;
    bool has_left, has_right, is_burning;
    enum tro_tool_kind right;
    struct vec3 sway; /* of the right instrument, mm */
};

/* clang-format off */
static const struct row rows[TRO_N_ENDOSCOPY_STEPS] = {
    /*                              seconds left   right  burns  kind              sway */
    [TRO_STEP_EXPLORATION] =       {7,  11, true,  false, false, TRO_TOOL_HOOK,     {0, 0, 0}},
    [TRO_STEP_DISSECTION] =        {24, 40, true,  true,  true,  TRO_TOOL_HOOK,     {6, 5, 4}},
    [TRO_STEP_CUTTING] =           {11, 17, true,  true,  false, TRO_TOOL_SCISSORS, {4, 3, 4}},
    [TRO_STEP_SEPARATION] =        {24, 40, true,  true,  true,  TRO_TOOL_HOOK,     {5, 4, 4}},
    [TRO_STEP_COAGULATION] =       {9,  15, true,  true,  true,  TRO_TOOL_HOOK,     {3, 3, 3}},
    [TRO_STEP_INSPECTION] =        {9,  14, false, false, false, TRO_TOOL_HOOK,     {0, 0, 0}},
};
/* clang-format on */

/* ---- the course ----------------------------------------------------------------------------- */

static void phase_add(struct tro_procedure *p, struct tro_rand *r, enum tro_endoscopy_step step)
{
    struct tro_phase *const phase = &p->phases[p->n_phases++];
    phase->step = step;
    phase->start = p->length;
    p->length += (double)tro_rand_range(r, rows[step].least_seconds, rows[step].most_seconds);
    phase->end = p->length;
}

/* Each procedure has a bleeding; when is chance. */
static void course_init(struct tro_procedure *p, struct tro_rand *r)
{
    static const enum tro_endoscopy_step inner[3] = {TRO_STEP_DISSECTION, TRO_STEP_CUTTING,
                                                     TRO_STEP_SEPARATION};
    const int sure = tro_rand_below(r, 3);
    phase_add(p, r, TRO_STEP_EXPLORATION);
    for (int i = 0; i < 3; i++) {
        phase_add(p, r, inner[i]);
        const bool bleeds = tro_rand_below(r, 4) == 0;
        if (bleeds || i == sure)
            phase_add(p, r, TRO_STEP_COAGULATION);
    }
    phase_add(p, r, TRO_STEP_INSPECTION);
    p->offset = p->length * (double)tro_rand_range(r, 0, 1);
}

/* ---- places --------------------------------------------------------------------------------- */

/* The first tissue on the way from the endoscope's side. */
static struct vec3 surface_from_front(const struct tro_scene *scene, struct vec3 p)
{
    struct vec3 at = v3(p.x, p.y, p.z - 30);
    for (int i = 0; i < 40; i++)
        at.z += 0.7f * tro_scene_at(scene, &scene->outside.parts, at).distance;
    return at;
}

static void places_init(struct tro_procedure *p, const struct tro_scene *scene, struct tro_rand *r)
{
    const struct vec3 neck = scene->gallbladder_neck, bottom = scene->gallbladder_bottom;
    const struct vec3 along = v3_sub(bottom, neck);
    const float hold = tro_rand_range(r, 0.7f, 0.95f);
    p->hold = surface_from_front(scene, v3_along(neck, along, hold));
    p->draw.z = tro_rand_range(r, -4, 0); /* a draw a statement: arguments have no order */
    p->draw.y = tro_rand_range(r, 1, 6);
    p->draw.x = tro_rand_range(r, -6, -2);
    p->neck = surface_from_front(scene, v3(neck.x, neck.y - 1, neck.z));
    p->bed_start = surface_from_front(scene, v3(neck.x, neck.y + 6, neck.z));
    p->bed_end = surface_from_front(scene, v3(bottom.x, bottom.y + 11, bottom.z));
    p->artery = surface_from_front(scene, scene->beat.at);
    struct vec3 wound = scene->focus;
    wound.x += tro_rand_range(r, -14, 14);
    wound.y += tro_rand_range(r, -8, 14);
    p->wound = surface_from_front(scene, wound);
}

void tro_procedure_init(struct tro_procedure *p, const struct tro_scene *scene, uint64_t seed)
{
    struct tro_rand r = tro_rand_start(seed, TRO_STREAM_PROCEDURE);
    *p = (struct tro_procedure){.key = tro_rand_key(seed, TRO_STREAM_PROCEDURE)};
    course_init(p, &r);
    places_init(p, scene, &r);
}

/* ---- a moment ------------------------------------------------------------------------------- */

static const struct tro_phase *phase_at(const struct tro_procedure *p, double t)
{
    int i = 0;
    while (i + 1 < p->n_phases && t >= p->phases[i].end)
        i++;
    return &p->phases[i];
}

static const struct tro_phase *phase_beside(const struct tro_procedure *p,
                                            const struct tro_phase *phase, int step)
{
    const int i = (int)(phase - p->phases) + step + p->n_phases;
    return &p->phases[i % p->n_phases];
}

/* 0 for an instrument at work, 1 out of the picture. Another kind enters when one has left. */
static float away(const struct tro_procedure *p, const struct tro_phase *phase, int tool, double t)
{
    const struct row *const row = &rows[phase->step];
    const bool is_there = tool == LEFT ? row->has_left : row->has_right;
    float out = 0;
    for (int side = -1; side <= 1; side += 2) {
        const struct row *const beside = &rows[phase_beside(p, phase, side)->step];
        const bool was_there = tool == LEFT ? beside->has_left : beside->has_right;
        const float gap = (float)(side < 0 ? t - phase->start : phase->end - t);
        if (!was_there || (tool == RIGHT && beside->right != row->right))
            out = f_max(out, f_smoothstep(CHANGE_SECONDS, 0, gap));
    }
    return is_there ? out : 1;
}

static struct vec3 place_of_step(const struct tro_procedure *p, const struct tro_phase *phase,
                                 double t)
{
    const float done = f_clamp((float)((t - phase->start) / (phase->end - phase->start)), 0, 1);
    const float between = f_smoothstep(-0.4f, 0.4f, tro_motion(p->key, MOVE_BETWEEN, t * 0.2));
    switch (phase->step) {
    case TRO_STEP_DISSECTION:
        return v3_mix(p->neck, p->artery, between);
    case TRO_STEP_CUTTING:
        return p->artery;
    case TRO_STEP_SEPARATION:
        return v3_mix(p->bed_start, p->bed_end, done);
    default:
        return p->wound;
    }
}

/* Comes from the place of the step before. */
static void right_task(const struct tro_procedure *p, const struct tro_phase *phase, double t,
                       struct tro_task *task)
{
    const struct row *const row = &rows[phase->step];
    const struct tro_phase *const before = phase_beside(p, phase, -1);
    const float come = f_smoothstep(0, CHANGE_SECONDS, (float)(t - phase->start));
    const float jaws = tro_motion(p->key, MOVE_JAWS, t * 1.3);
    *task = (struct tro_task){
        .kind = row->right,
        .target = v3_mix(place_of_step(p, before, before->end), place_of_step(p, phase, t), come),
        .sway = v3_mix(rows[before->step].sway, row->sway, come),
        .away = away(p, phase, RIGHT, t),
        .open = f_smoothstep(-0.4f, 0.5f, jaws),
    };
}

/* From dissection until shortly before inspection the grasper holds the gallbladder. */
static void left_task(const struct tro_procedure *p, const struct tro_phase *phase, double t,
                      struct tro_task *task, struct tro_pull *hold)
{
    const float since = (float)(t - p->phases[1].start);
    const float until = (float)(p->phases[p->n_phases - 1].start - t) - CHANGE_SECONDS;
    const float grasp = f_smoothstep(0, GRASP_SECONDS, since) * f_smoothstep(0, 1, until);
    const float drawn = f_smoothstep(GRASP_SECONDS, 2 * GRASP_SECONDS, since) *
                        f_smoothstep(0.5f, 2.5f, until);
    const float strength = 0.8f + 0.2f * tro_motion(p->key, MOVE_DRAW, t * 0.3);
    const struct vec3 roam = v3(p->hold.x - 5, p->hold.y - 3, p->hold.z - 6);
    const float jaws = tro_motion(p->key, MOVE_JAWS, t * 0.6 + 100);
    *hold = (struct tro_pull){p->hold, v3_scale(p->draw, drawn * strength), TRO_HOLD_RADIUS_MM};
    *task = (struct tro_task){
        .kind = TRO_TOOL_GRASPER,
        .target = v3_add(v3_mix(roam, v3(p->hold.x, p->hold.y, p->hold.z + 3), grasp), hold->by),
        .sway = v3_scale(v3(13, 11, 8), 1 - grasp),
        .away = away(p, phase, LEFT, t),
        .open = f_mix(f_smoothstep(-0.5f, 0.6f, jaws), 0.12f, grasp),
    };
}

/* It starts before coagulation does, and stops in it. */
static float bleeding(const struct tro_procedure *p, double t)
{
    float level = 0;
    for (int i = 0; i < p->n_phases; i++) {
        const struct tro_phase *const phase = &p->phases[i];
        if (phase->step != TRO_STEP_COAGULATION)
            continue;
        const float since = (float)(t - phase->start) + BLEED_SECONDS;
        const float left = (float)(phase->end - t);
        level = f_max(level, f_smoothstep(0, 5, since) * f_smoothstep(0, 3.5f, left));
    }
    return level;
}

/* Current flows once in a slot, if all of that is in one step with the instrument in its place. */
static float smoke_of_slot(const struct tro_procedure *p, int64_t slot, double t, bool *is_on)
{
    struct tro_rand r = {.key = tro_rand_key(p->key, SLOT), .counter = (uint64_t)slot * 2};
    const float on = tro_rand_range(&r, 0.2f, 1.2f), off = on + tro_rand_range(&r, 0.8f, 2);
    const double start = (double)slot * SLOT_SECONDS;
    const struct tro_phase *const phase = phase_at(p, start);
    const double margin = (double)CHANGE_SECONDS;
    if (slot < 0 || !rows[phase->step].is_burning || start < phase->start + margin ||
        start + SLOT_SECONDS > phase->end - margin)
        return 0;
    const float since = (float)(t - start);
    *is_on = since >= on && since < off;
    return f_smoothstep(on, on + 2, since) * f_smoothstep(off + SMOKE_SECONDS, off, since);
}

static void burn(const struct tro_procedure *p, double t, struct tro_moment *m)
{
    const int64_t slot = (int64_t)(t / SLOT_SECONDS);
    bool was_on = false;
    const float old = smoke_of_slot(p, slot - 1, t, &was_on);
    m->smoke = TRO_CAUTERY_SMOKE * f_max(old, smoke_of_slot(p, slot, t, &m->is_cautery_on));
    if (m->is_cautery_on)
        m->spark = 0.9f + 0.5f * tro_motion(p->key, MOVE_SPARK, t * 17);
}

void tro_procedure_at(const struct tro_procedure *p, double seconds, struct tro_moment *moment)
{
    const double at = seconds + p->offset;
    const double t = at - p->length * (double)(int64_t)(at / p->length);
    const struct tro_phase *const phase = phase_at(p, t);
    *moment = (struct tro_moment){.step = phase->step, .bleeding = bleeding(p, t)};
    left_task(p, phase, t, &moment->tasks[LEFT], &moment->hold);
    right_task(p, phase, t, &moment->tasks[RIGHT]);
    burn(p, t, moment);
    if (phase->step == TRO_STEP_INSPECTION)
        moment->stand_back_mm = 14 * f_smoothstep(0, 3, (float)(t - phase->start)) *
                                f_smoothstep(0, 2, (float)(phase->end - t));
}
