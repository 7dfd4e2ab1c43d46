/* SPDX-License-Identifier: Apache-2.0 */
/* The course of a synthetic operation: its steps in order, nothing that jumps, events where what
 * they tell of begins. */
#include "sim/theatre.h"
#include "test.h"

#include <math.h>

#define FPS 25

static bool open_operation(struct tro_theatre *t, uint64_t seed)
{
    struct tro_err err = {0};
    return CHECK_INT(tro_theatre_create(t, seed, &err), 0);
}

TEST(procedure_has_all_steps_in_order)
{
    for (uint64_t seed = 1; seed < 6; seed++) {
        struct tro_theatre o = {0};
        CHECK_OR_RETURN(open_operation(&o, seed));
        const struct tro_procedure *const p = &o.procedure;
        bool has[TRO_N_ENDOSCOPY_STEPS] = {false};
        int last = -1;
        double end = 0;
        for (int i = 0; i < p->n_phases; i++) {
            const struct tro_phase *const phase = &p->phases[i];
            CHECK(phase->start == end && phase->end > phase->start + 5);
            end = phase->end;
            has[phase->step] = true;
            if (phase->step == TRO_STEP_COAGULATION)
                continue;
            CHECK((int)phase->step > last);
            last = (int)phase->step;
        }
        for (int i = 0; i < TRO_N_ENDOSCOPY_STEPS; i++)
            test_check(has[i], __FILE__, __LINE__, "seed %d lacks %s", (int)seed,
                       tro_endoscopy_step_name(i));
        CHECK(p->length == end && p->offset >= 0 && p->offset < end);
        tro_theatre_destroy(&o);
    }
}

/* Instruments change places by moving, kinds only where the picture does not show them. */
TEST(procedure_does_not_jump)
{
    struct tro_theatre o = {0};
    CHECK_OR_RETURN(open_operation(&o, 7));
    const int n = (int)(o.procedure.length * FPS);
    struct tro_moment before, now;
    tro_procedure_at(&o.procedure, 0, &before);
    for (int i = 1; i < n; i++) {
        tro_procedure_at(&o.procedure, (double)i / FPS, &now);
        for (int k = 0; k < TRO_ENDOSCOPY_N_TOOLS; k++) {
            const struct tro_task *const a = &before.tasks[k], *const b = &now.tasks[k];
            const float way = v3_length(v3_sub(a->target, b->target));
            test_check(way < 3 || a->away > 0.99f, __FILE__, __LINE__,
                       "instrument %d moves %g mm at %g s", k, (double)way, (double)i / FPS);
            CHECK(f_abs(a->away - b->away) < 0.1f);
            CHECK(a->kind == b->kind || (a->away > 0.9f && b->away > 0.9f));
        }
        CHECK(f_abs(before.bleeding - now.bleeding) < 0.05f);
        CHECK(f_abs(before.smoke - now.smoke) < 0.03f);
        CHECK(v3_length(v3_sub(before.hold.by, now.hold.by)) < 1);
        before = now;
    }
    tro_theatre_destroy(&o);
}

/* Current flows through a hook at work alone; what it burns smokes for a while. */
TEST(procedure_burns_with_the_hook)
{
    struct tro_theatre o = {0};
    CHECK_OR_RETURN(open_operation(&o, 7));
    int n_on = 0, n_smoke = 0;
    const int n = (int)(o.procedure.length * FPS);
    for (int i = 0; i < n; i++) {
        struct tro_moment m;
        tro_procedure_at(&o.procedure, (double)i / FPS, &m);
        n_on += m.is_cautery_on;
        n_smoke += m.smoke > 0;
        if (m.is_cautery_on)
            CHECK(m.tasks[1].kind == TRO_TOOL_HOOK && m.tasks[1].away == 0);
        CHECK(m.smoke >= 0 && m.smoke <= TRO_CAUTERY_SMOKE);
    }
    test_check(n_on > n / 20 && n_on < n / 2 && n_smoke > n_on, __FILE__, __LINE__,
               "%d of %d frames with current, %d with smoke", n_on, n, n_smoke);
    tro_theatre_destroy(&o);
}

TEST(procedure_bleeds_until_coagulation_ends)
{
    struct tro_theatre o = {0};
    CHECK_OR_RETURN(open_operation(&o, 9));
    const struct tro_procedure *const p = &o.procedure;
    for (int i = 0; i < p->n_phases; i++) {
        struct tro_moment before, in, after;
        const double start = p->phases[i].start - p->offset + p->length;
        const double length = p->phases[i].end - p->phases[i].start;
        const bool is_coagulation = p->phases[i].step == TRO_STEP_COAGULATION;
        tro_procedure_at(p, start - 1, &before);
        tro_procedure_at(p, start + 0.4 * length, &in);
        tro_procedure_at(p, start + length - 0.01, &after);
        CHECK(in.step == p->phases[i].step);
        CHECK((before.bleeding > 0.1f && in.bleeding > 0.9f) == is_coagulation);
        CHECK(!is_coagulation || after.bleeding < 0.01f);
    }
    tro_theatre_destroy(&o);
}

/* Events are what begins between a frame and the next one, as a procedure of a minute shows. */
TEST(procedure_events_tell_what_begins)
{
    struct tro_err err = {0};
    struct tro_endoscopy *const e = tro_endoscopy_create(
        &(struct tro_endoscopy_opts){.seed = 7, .width = 16, .height = 16, .fps = 2}, &err);
    CHECK_OR_RETURN(e);
    struct tro_endoscopy_truth before = {0}, now;
    int n[TRO_N_ENDOSCOPY_EVENTS] = {0};
    for (int i = 0; i < 150 * 2; i++) {
        const struct tro_endoscopy_frame out = {.truth = &now};
        if (!CHECK_INT(tro_endoscopy_render(e, i, &out, &err), 0))
            break;
        for (int k = 0; k < TRO_N_ENDOSCOPY_EVENTS; k++)
            n[k] += now.events >> k & 1;
        if (i > 0) {
            const bool is_on = now.is_cautery_on && !before.is_cautery_on;
            const bool starts = now.is_wound_open && !before.is_wound_open;
            CHECK_INT(now.events >> TRO_EVENT_CAUTERY_ON & 1, is_on);
            CHECK_INT(now.events >> TRO_EVENT_BLEEDING_STARTS & 1, starts);
        }
        CHECK(!now.is_bleeding || now.is_wound_open);
        before = now;
    }
    for (int k = 0; k < TRO_N_ENDOSCOPY_EVENTS; k++)
        test_check(n[k] > 0, __FILE__, __LINE__, "no %s in a procedure",
                   tro_endoscopy_event_name(k));
    CHECK(n[TRO_EVENT_CAUTERY_ON] > 5 && n[TRO_EVENT_BLEEDING_STARTS] < 5);
    tro_endoscopy_destroy(e);
}
