/* SPDX-License-Identifier: Apache-2.0 */
/* The endoscopy simulator: ground truth beside the labels, disturbances, makes of cameras. */
#include "base/alloc.h"
#include "base/hash.h"
#include "base/thread.h"
#include "sim/codec.h"
#include "sim/endoscopy.h"
#include "sim/theatre.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WIDTH 64
#define HEIGHT 48
#define N_PX (WIDTH * HEIGHT)

struct planes {
    uint8_t rgb[N_PX * 3], label[N_PX], instance[N_PX];
    float depth[N_PX];
    struct tro_endoscopy_truth truth;
};

/* One procedure is kept open: another seed opens another. */
static struct {
    struct tro_endoscopy *e;
    uint64_t seed;
} opened;

static bool draw(const struct tro_endoscopy_opts *opts, int64_t index, struct planes *p)
{
    struct tro_err err = {0};
    const struct tro_endoscopy_frame out = {.rgb = p->rgb,
                                            .label = p->label,
                                            .instance = p->instance,
                                            .depth = p->depth,
                                            .truth = &p->truth};
    if (!opened.e || opened.seed != opts->seed) {
        tro_endoscopy_destroy(opened.e);
        opened.e = tro_endoscopy_create(opts, &err);
        opened.seed = opts->seed;
    }
    const bool ok = opened.e &&
                    tro_endoscopy_change(opened.e, opts->make, &opts->disturb, &err) == 0 &&
                    tro_endoscopy_render(opened.e, index, &out, &err) == 0;
    return test_check(ok, __FILE__, __LINE__, "%s", err.text);
}

static struct tro_endoscopy_opts procedure(uint64_t seed)
{
    return (struct tro_endoscopy_opts){.seed = seed, .width = WIDTH, .height = HEIGHT, .fps = 25};
}

static struct tro_endoscopy_opts disturbed(uint64_t seed, enum tro_disturbance d, float strength)
{
    struct tro_endoscopy_opts opts = procedure(seed);
    opts.disturb.strength[d] = strength;
    return opts;
}

/* ---- truth ---------------------------------------------------------------------------------- */

TEST(truth_planes_agree)
{
    static struct planes p;
    CHECK_OR_RETURN(
        draw(&(struct tro_endoscopy_opts){.seed = 40, .width = WIDTH, .height = HEIGHT}, 100, &p));
    int64_t n[TRO_ENDOSCOPY_N_TOOLS + 1] = {0};
    for (int i = 0; i < N_PX; i++) {
        const bool is_tool = p.label[i] >= TRO_ENDOSCOPY_SHAFT;
        CHECK(is_tool == (p.instance[i] > 0));
        CHECK((p.depth[i] > 0) == (p.label[i] != TRO_ENDOSCOPY_OUTSIDE));
        n[p.instance[i]]++;
    }
    for (int i = 0; i < TRO_ENDOSCOPY_N_TOOLS; i++) {
        const struct tro_endoscopy_tool *const t = &p.truth.tools[i];
        CHECK_INT(t->n_px, n[i + 1]);
        CHECK(t->n_px == 0 || (t->box.x0 < t->box.x1 && t->box.y0 < t->box.y1));
    }
    CHECK(n[1] + n[2] > 0);
}

struct scene {
    struct tro_theatre theatre;
    struct tro_stage stage;
};

static bool scene_init(struct scene *s, uint64_t seed, double seconds)
{
    struct tro_err err = {0};
    struct tro_moment moment;
    if (!CHECK_INT(tro_theatre_create(&s->theatre, seed, &err), 0))
        return false;
    tro_theatre_stage(&s->theatre, WIDTH, HEIGHT, seconds, &(struct tro_disturbances){0}, &s->stage,
                      &moment);
    return true;
}

TEST(truth_projection_undoes_rays)
{
    struct scene s = {0};
    CHECK_OR_RETURN(scene_init(&s, 3, 2));
    for (int i = 0; i < 200; i++) {
        const float x = (float)(i * 37 % WIDTH) + 0.25f, y = (float)(i * 11 % HEIGHT) + 0.75f;
        const struct vec3 p = v3_along(s.stage.view.eye, tro_view_ray(&s.stage.view, x, y),
                                       20.0f + (float)i);
        float back_x, back_y;
        CHECK(tro_view_project(&s.stage.view, p, &back_x, &back_y));
        CHECK(fabsf(back_x - x) < 0.01f && fabsf(back_y - y) < 0.01f);
    }
    tro_theatre_destroy(&s.theatre);
}

/* A surface point found by marching in any direction is never nearer than the distance given. */
TEST(truth_distances_are_least)
{
    static struct planes p;
    for (uint64_t seed = 5; seed < 8; seed++) {
        struct scene s = {0};
        const struct tro_endoscopy_opts opts = procedure(seed);
        CHECK_OR_RETURN(scene_init(&s, seed, 4) && draw(&opts, 100, &p));
        for (int t = 0; t < TRO_ENDOSCOPY_N_TOOLS; t++) {
            const float *const mm = p.truth.tools[t].tip.mm;
            struct vec3 tip = v3_along(s.stage.view.eye, s.stage.view.right, mm[0]);
            tip = v3_along(v3_along(tip, s.stage.view.up, -mm[1]), s.stage.view.forward, mm[2]);
            float least = 1e6f;
            for (int k = 0; k < 2000; k++) {
                const float z = 1 - ((float)k + 0.5f) / 1000, r = sqrtf(1 - z * z);
                const struct vec3 dir = v3(r * f_cos_turns(0.618034f * (float)k),
                                           r * f_sin_turns(0.618034f * (float)k), z);
                float at = 0, d = 1;
                for (int i = 0; i < 60 && at < least && d > 0.02f; i++) {
                    const struct vec3 rest = tro_stage_rest(&s.stage, v3_along(tip, dir, at));
                    d = tro_organ_distance(s.stage.scene, TRO_ORGAN_GALLBLADDER, rest);
                    at += 0.6f * d;
                }
                if (d <= 0.02f)
                    least = f_min(least, at);
            }
            const float given = p.truth.tools[t].distance_mm[TRO_ORGAN_GALLBLADDER];
            test_check(fabsf(given - least) < 0.15f + 0.02f * least, __FILE__, __LINE__,
                       "seed %d tool %d: %g mm given, %g found", (int)seed, t, (double)given,
                       (double)least);
        }
        tro_theatre_destroy(&s.theatre);
    }
}

/* What is called visible lies at the depth of its pixel, or before it. */
TEST(truth_points_lie_in_the_picture)
{
    static struct planes p;
    int n_visible = 0;
    for (uint64_t seed = 10; seed < 13; seed++) {
        const struct tro_endoscopy_opts opts = procedure(seed);
        CHECK_OR_RETURN(draw(&opts, 50, &p));
        for (int i = 0; i < TRO_N_LANDMARKS; i++) {
            const struct tro_endoscopy_point *const m = &p.truth.landmarks[i];
            if (!m->is_visible)
                continue;
            const int at = (int)m->y_px * WIDTH + (int)m->x_px;
            n_visible++;
            CHECK(p.label[at] != TRO_ENDOSCOPY_OUTSIDE);
            CHECK(p.depth[at] > m->mm[2] - 6);
        }
    }
    CHECK(n_visible > 1);
}

/* ---- disturbances --------------------------------------------------------------------------- */

static double mean_difference(const uint8_t *a, const uint8_t *b)
{
    double sum = 0;
    for (int i = 0; i < 3 * N_PX; i++)
        sum += fabs((double)a[i] - b[i]);
    return sum / (3 * N_PX);
}

static bool same_scene(const struct planes *a, const struct planes *b)
{
    return memcmp(a->label, b->label, sizeof(a->label)) == 0 &&
           memcmp(a->instance, b->instance, sizeof(a->instance)) == 0 &&
           memcmp(a->depth, b->depth, sizeof(a->depth)) == 0;
}

/* Each alters the picture, more with more strength, and never the truth of what is there. */
TEST(disturbances_spoil_pictures_only)
{
    static struct planes clean, half, full;
    const struct tro_endoscopy_opts opts = procedure(11);
    CHECK_OR_RETURN(draw(&opts, 190, &clean));
    for (int i = 0; i < TRO_N_DISTURBANCES; i++) {
        const enum tro_disturbance d = (enum tro_disturbance)i;
        const struct tro_endoscopy_opts a = disturbed(11, d, 0.5f), b = disturbed(11, d, 1);
        CHECK_OR_RETURN(draw(&a, 190, &half) && draw(&b, 190, &full));
        const double by_half = mean_difference(clean.rgb, half.rgb);
        const double by_full = mean_difference(clean.rgb, full.rgb);
        const bool is_chance = d == TRO_DISTURB_DROPPED;
        test_check(is_chance || (by_full > 1 && by_full >= by_half), __FILE__, __LINE__,
                   "%s: %g at half strength, %g at full", tro_disturbance_name(d), by_half,
                   by_full);
        CHECK(full.truth.is_out_of_body == (d == TRO_DISTURB_OUT_OF_BODY));
        CHECK(full.truth.is_bleeding == (d == TRO_DISTURB_BLEEDING));
        CHECK(d == TRO_DISTURB_OUT_OF_BODY || same_scene(&clean, &full));
    }
}

TEST(disturbances_do_not_depend_on_threads)
{
    static struct planes one, many;
    struct tro_endoscopy_opts opts = procedure(11);
    opts.make = TRO_CAMERA_A;
    for (int i = 0; i < TRO_DISTURB_DROPPED; i++)
        opts.disturb.strength[i] = 0.4f;
    tro_threads_set(1);
    CHECK(draw(&opts, 40, &one));
    tro_threads_set(5);
    CHECK(draw(&opts, 40, &many));
    tro_threads_set(0);
    CHECK(memcmp(&one, &many, sizeof(one)) == 0);
}

/* The same bytes on every machine. */
TEST(disturbed_pictures_as_recorded)
{
    static struct planes p;
    struct tro_endoscopy_opts opts = procedure(2024);
    opts.make = TRO_CAMERA_D;
    for (int i = 0; i < TRO_DISTURB_DROPPED; i++)
        opts.disturb.strength[i] = 0.3f;
    opts.disturb.strength[TRO_DISTURB_CAST] = 0.5f;
    CHECK_OR_RETURN(draw(&opts, 250, &p));
    const uint64_t rgb = tro_hash64(p.rgb, sizeof(p.rgb), 0);
    const uint64_t depth = tro_hash64(p.depth, sizeof(p.depth), 0);
    const uint64_t truth = tro_hash64(p.truth.tools[0].tip.mm, sizeof(p.truth.tools[0].tip.mm), 0);
    test_check(rgb == 0xb77e218fcd44c9a3 && depth == 0xde13c5b8a25cd2e4 &&
                   truth == 0x73e1e8ef1d161fe1,
               __FILE__, __LINE__,
               "hashes of the picture 0x%016llx, of the depths 0x%016llx, of a tip 0x%016llx",
               (unsigned long long)rgb, (unsigned long long)depth, (unsigned long long)truth);

    opts = disturbed(2024, TRO_DISTURB_OUT_OF_BODY, 1);
    CHECK_OR_RETURN(draw(&opts, 250, &p));
    const uint64_t room = tro_hash64(p.rgb, sizeof(p.rgb), 0);
    test_check(room == 0x2c7f4cf49afa8045, __FILE__, __LINE__, "hash of the room 0x%016llx",
               (unsigned long long)room);
}

TEST(frames_are_dropped_and_frozen)
{
    static struct planes before, p;
    struct tro_endoscopy_opts opts = disturbed(11, TRO_DISTURB_DROPPED, 1);
    int n_same = 0;
    for (int i = 0; i < 24; i++) {
        before = p;
        CHECK_OR_RETURN(draw(&opts, i, &p));
        n_same += i > 0 && memcmp(before.rgb, p.rgb, sizeof(p.rgb)) == 0;
    }
    test_check(n_same > 5 && n_same < 19, __FILE__, __LINE__, "%d of 23 frames dropped", n_same);

    opts = disturbed(11, TRO_DISTURB_FROZEN, 0.5f); /* a second: 25 frames and one */
    CHECK(draw(&opts, 26, &before) && draw(&opts, 50, &p));
    CHECK(memcmp(before.rgb, p.rgb, sizeof(p.rgb)) == 0);
    CHECK(memcmp(before.depth, p.depth, sizeof(p.depth)) != 0);
    CHECK(draw(&opts, 52, &p) && memcmp(before.rgb, p.rgb, sizeof(p.rgb)) != 0);
}

TEST(makes_of_cameras_differ)
{
    static struct planes p[TRO_N_CAMERA_MAKES];
    struct tro_endoscopy_opts opts = procedure(11);
    for (int i = 0; i < TRO_N_CAMERA_MAKES; i++) {
        opts.make = (enum tro_camera_make)i;
        CHECK_OR_RETURN(draw(&opts, 10, &p[i]));
        CHECK(same_scene(&p[i], &p[0]));
        for (int k = 0; k < i; k++)
            CHECK(mean_difference(p[i].rgb, p[k].rgb) > 1);
    }
}

/* ---- codec ---------------------------------------------------------------------------------- */

TEST(codec_loses_more_at_lower_quality)
{
    static struct planes p;
    static uint8_t rgb[3 * N_PX];
    const struct tro_endoscopy_opts opts = procedure(11);
    CHECK_OR_RETURN(draw(&opts, 10, &p));
    double last = 0;
    for (int quality = 100; quality > 0; quality -= 33) {
        memcpy(rgb, p.rgb, sizeof rgb);
        tro_codec_spoil(rgb, WIDTH, HEIGHT, quality);
        const double lost = mean_difference(rgb, p.rgb);
        test_check(lost > last && lost < 25, __FILE__, __LINE__, "quality %d: %g lost", quality,
                   lost);
        last = lost;
    }
    memcpy(rgb, p.rgb, sizeof rgb);
    tro_codec_spoil(rgb, WIDTH, HEIGHT, 100);
    CHECK(mean_difference(rgb, p.rgb) < 1);
}

/* Grey of one value has no frequencies; sizes need not be multiples of a block. */
TEST(codec_keeps_what_is_even)
{
    static uint8_t rgb[3 * 13 * 11];
    memset(rgb, 128, sizeof rgb);
    tro_codec_spoil(rgb, 13, 11, 3);
    for (size_t i = 0; i < sizeof rgb; i++)
        CHECK_INT(rgb[i], 128);
}

/* ---- contract ------------------------------------------------------------------------------- */

TEST(disturbances_from_text)
{
    struct tro_disturbances d = {0};
    struct tro_err err = {0};
    CHECK_INT(tro_disturbances_parse("smoke=0.5,defocus=1", &d, &err), 0);
    CHECK(d.strength[TRO_DISTURB_SMOKE] == 0.5f && d.strength[TRO_DISTURB_DEFOCUS] == 1);
    CHECK(d.strength[TRO_DISTURB_GLARE] == 0);
    CHECK_INT(tro_disturbances_parse("", &d, &err), 0);
    static const char *const bad[] = {"smok=0.5", "smoke",       "smoke=",    "smoke=1.5",
                                      "smoke=-1", "smoke=0.5;x", "smoke=nan", "=1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct tro_err e = {0};
        CHECK_INT(tro_disturbances_parse(bad[i], &d, &e), TRO_E_INPUT);
        CHECK_HAS(e.text, "expected");
    }
}

TEST(strengths_are_checked)
{
    struct tro_endoscopy_opts opts = disturbed(1, TRO_DISTURB_SMOKE, 1.5f);
    struct tro_err err = {0};
    CHECK(tro_endoscopy_create(&opts, &err) == NULL);
    CHECK_INT(err.status, TRO_E_INPUT);
    CHECK_HAS(err.text, "smoke");
}

/* The last test. */
TEST(procedure_is_closed)
{
    tro_endoscopy_destroy(opened.e);
    opened.e = NULL;
}
