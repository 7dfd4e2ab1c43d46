/* SPDX-License-Identifier: Apache-2.0 */
/* Tissue that is pulled: the maps between now and rest, and what rays meet. */
#include "base/alloc.h"
#include "sim/rand.h"
#include "sim/theatre.h"
#include "sim/trace.h"
#include "sim/truth.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 64
#define HEIGHT 48
#define N_PX (WIDTH * HEIGHT)

static struct vec3 any_direction(struct tro_rand *r)
{
    struct vec3 d;
    do {
        d.x = tro_rand_range(r, -1, 1);
        d.y = tro_rand_range(r, -1, 1);
        d.z = tro_rand_range(r, -1, 1);
    } while (v3_dot(d, d) > 1 || v3_dot(d, d) < 0.1f);
    return v3_normalize(d);
}

/* As many pulls as there can be, as strong as they can be, near one another. */
static struct tro_warp any_warp(struct tro_rand *r, struct vec3 middle)
{
    struct tro_warp w = {0};
    for (int i = 0; i < TRO_N_PULLS; i++) {
        struct tro_pull pull = {.radius = tro_rand_range(r, 9, 26)};
        pull.by = v3_scale(any_direction(r), TRO_PULL_MOST * pull.radius);
        pull.at = v3_along(middle, any_direction(r), tro_rand_range(r, 0, 25));
        tro_warp_add(&w, pull);
    }
    return w;
}

TEST(warp_moves_what_it_is_told)
{
    const struct tro_pull pull = {.at = {3, 4, 5}, .by = {2, -1, 1}, .radius = 12};
    struct tro_warp w = {0};
    tro_warp_add(&w, (struct tro_pull){.at = {1, 1, 1}, .by = {5, 5, 5}});
    CHECK_INT(w.n, 0);
    tro_warp_add(&w, pull);
    const struct vec3 now = v3_add(pull.at, pull.by);
    CHECK(v3_length(v3_sub(tro_warp_rest(&w, TRO_ALL_PULLS, now), pull.at)) < 1e-5f);
    CHECK(v3_length(v3_sub(tro_warp_moved(&w, pull.at), now)) < 1e-5f);
    const struct vec3 beyond = v3(now.x + 12.01f, now.y, now.z);
    CHECK(v3_length(v3_sub(tro_warp_rest(&w, TRO_ALL_PULLS, beyond), beyond)) == 0);
    CHECK(v3_length(v3_sub(tro_warp_rest(&w, 0, now), now)) == 0);
}

TEST(warp_of_too_strong_a_pull_does_not_fold)
{
    struct tro_warp w = {0};
    tro_warp_add(&w, (struct tro_pull){.by = {0, 0, 100}, .radius = 10});
    float last = -1e6f;
    for (int i = -400; i < 400; i++) {
        const float z = tro_warp_rest(&w, TRO_ALL_PULLS, v3(0, 0, 0.1f * (float)i)).z;
        CHECK(z > last);
        last = z;
    }
}

TEST(warp_there_and_back)
{
    struct tro_rand r = {.key = 1};
    for (int i = 0; i < 2000; i++) {
        const struct tro_warp w = any_warp(&r, v3(0, 0, 0));
        const struct vec3 rest = v3_scale(any_direction(&r), tro_rand_range(&r, 0, 50));
        const struct vec3 back = tro_warp_rest(&w, TRO_ALL_PULLS, tro_warp_moved(&w, rest));
        CHECK(v3_length(v3_sub(back, rest)) < 1e-3f);
    }
}

/* Against differences of a linear field at rest. */
TEST(warp_slopes_are_derivatives)
{
    static const float h = 0.02f;
    struct tro_rand r = {.key = 2};
    for (int i = 0; i < 2000; i++) {
        const struct tro_warp w = any_warp(&r, v3(0, 0, 0));
        const struct vec3 p = v3_scale(any_direction(&r), tro_rand_range(&r, 0, 40));
        const struct vec3 slope = any_direction(&r), along = any_direction(&r);
        const struct vec3 a = tro_warp_rest(&w, TRO_ALL_PULLS, v3_along(p, along, h));
        const struct vec3 b = tro_warp_rest(&w, TRO_ALL_PULLS, v3_along(p, along, -h));
        const float want = v3_dot(v3_sub(a, b), slope) / (2 * h);
        const float found = v3_dot(tro_warp_slope(&w, TRO_ALL_PULLS, p, slope), along);
        test_check(fabsf(want - found) < 4e-3f, __FILE__, __LINE__, "%g and %g", (double)want,
                   (double)found);
    }
}

/* No place within the free distance is, at rest, farther from the place at rest than was given. */
TEST(warp_free_way_is_free)
{
    struct tro_rand r = {.key = 3};
    int n_longer = 0;
    for (int i = 0; i < 20000; i++) {
        const struct tro_warp w = any_warp(&r, v3(0, 0, 0));
        const struct vec3 p = v3_scale(any_direction(&r), tro_rand_range(&r, 0, 70));
        const struct vec3 rest = tro_warp_rest(&w, TRO_ALL_PULLS, p);
        const float distance = tro_rand_range(&r, 0.1f, 40);
        const float way = tro_warp_free(&w, TRO_ALL_PULLS, p, distance);
        const struct vec3 there = v3_along(p, any_direction(&r), way);
        const float moved = v3_length(v3_sub(tro_warp_rest(&w, TRO_ALL_PULLS, there), rest));
        CHECK(way > 0 && way <= distance && moved < 1.0001f * distance + 1e-4f);
        n_longer += way > distance * tro_warp_shrink(&w, TRO_ALL_PULLS);
    }
    CHECK(n_longer > 1000);
}

/* A ray in the cone that a pull would move is one that the cone is said to meet. */
TEST(warp_met_leaves_none_out)
{
    struct tro_rand r = {.key = 4};
    int n_left_out = 0, n_moved = 0;
    for (int i = 0; i < 4000; i++) {
        const struct tro_warp w = any_warp(&r, v3(0, 0, 60));
        const struct vec3 axis = v3_normalize(v3_along(v3(0, 0, 1), any_direction(&r), 0.6f));
        const float cone = 0.08f;
        const unsigned which = tro_warp_met(&w, v3(0, 0, 0), axis, cone);
        const struct vec3 aside = v3_normalize(v3_cross(axis, any_direction(&r)));
        const struct vec3 dir = v3_along(axis, aside, cone);
        n_left_out += which != (1u << TRO_N_PULLS) - 1;
        for (float t = 5; t < 120; t += 2) {
            const struct vec3 p = v3_scale(dir, t);
            const struct vec3 rest = tro_warp_rest(&w, TRO_ALL_PULLS, p);
            CHECK(v3_length(v3_sub(tro_warp_rest(&w, which, p), rest)) == 0);
            n_moved += v3_length(v3_sub(rest, p)) > 1;
        }
    }
    CHECK(n_left_out > 500 && n_moved > 500);
}

/* ---- in the scene --------------------------------------------------------------------------- */

/* A stage whose tissue is at rest. */
struct still {
    struct tro_theatre theatre;
    struct tro_stage stage;
};

static bool still_init(struct still *t, uint64_t seed)
{
    struct tro_err err = {0};
    struct tro_moment moment;
    if (!CHECK_INT(tro_theatre_create(&t->theatre, seed, &err), 0))
        return false;
    tro_theatre_stage(&t->theatre, WIDTH, HEIGHT, 3, &(struct tro_disturbances){0}, &t->stage,
                      &moment);
    t->stage.warp.n = 0;
    return true;
}

/* The nearest organ at a place of the tissue as it is now; *distance is one at rest. */
static int organ_at(const struct still *t, struct vec3 p, float *distance)
{
    const struct tro_scene_hit hit = tro_scene_at(t->stage.scene, &t->stage.scene->outside.parts,
                                                  tro_warp_rest(&t->stage.warp, TRO_ALL_PULLS, p));
    *distance = hit.distance;
    return hit.organ;
}

/* By steps so small that nothing is stepped over. */
static float plain_march(const struct still *t, struct vec3 from, struct vec3 dir, int *organ)
{
    float at = 1, d = 1;
    while (at < 260) {
        *organ = organ_at(t, v3_along(from, dir, at), &d);
        if (d < 0.01f)
            break;
        at += 0.15f * d;
    }
    return at;
}

struct tally {
    int n, n_other_organ, n_off, n_pulled;
};

/* Pixels whose ray the tracer ends elsewhere than plain marching does. */
static void compare_rays(const struct still *t, struct tally *tally)
{
    const struct tro_stage *const stage = &t->stage;
    const struct vec3 from = v3_sub(stage->view.eye, stage->view.tissue_at);
    for (int i = 0; i < N_PX; i += 3) {
        const float x = (float)(i % WIDTH) + 0.5f, y = (float)(i / WIDTH) + 0.5f;
        const int px = i % WIDTH, py = i / WIDTH;
        const struct vec3 dir = tro_view_ray(&stage->view, x, y);
        const struct tro_trace_block block = tro_trace_block(stage, (float)(px / 8 * 8) + 4,
                                                             (float)(py / 8 * 8) + 4);
        const struct tro_trace_block part = tro_trace_part(stage, &block, (float)(px / 4 * 4) + 2,
                                                           (float)(py / 4 * 4) + 2);
        const struct tro_trace_hit hit = tro_trace_ray(stage, &part, dir);
        if (hit.instrument >= 0)
            continue;
        int organ;
        float left;
        const float want = plain_march(t, from, dir, &organ);
        const struct vec3 p = v3_along(from, dir, hit.distance);
        organ_at(t, p, &left);
        tally->n++;
        tally->n_other_organ += organ != hit.tissue.organ;
        tally->n_off += fabsf(want - hit.distance) > 0.8f || fabsf(left) > 0.35f;
        tally->n_pulled += v3_length(v3_sub(tro_stage_rest(stage, v3_add(p, stage->view.tissue_at)),
                                            p)) > 0.5f;
    }
}

TEST(warp_rays_end_on_the_surface)
{
    struct tally still = {0}, pulled = {0};
    struct tro_rand r = {.key = 5};
    for (uint64_t seed = 50; seed < 52; seed++) {
        struct still t = {0};
        CHECK_OR_RETURN(still_init(&t, seed));
        compare_rays(&t, &still);
        for (int i = 0; i < 4; i++) {
            t.stage.warp = any_warp(&r, t.stage.scene->focus);
            compare_rays(&t, &pulled);
        }
        tro_theatre_destroy(&t.theatre);
    }
    CHECK(pulled.n > 5000 && pulled.n_pulled * 10 > pulled.n && still.n_pulled == 0);
    test_check(
        pulled.n_other_organ * 200 <= pulled.n && pulled.n_off * 80 <= pulled.n, __FILE__, __LINE__,
        "of %d rays %d end on another organ, %d off the surface (at rest of %d: %d, %d)", pulled.n,
        pulled.n_other_organ, pulled.n_off, still.n, still.n_other_organ, still.n_off);
}

/* From p by any way to an organ's surface: the shortest of many. */
static float shortest_way(const struct still *t, int organ, struct vec3 p)
{
    float least = 1e6f;
    for (int k = 0; k < 4000; k++) {
        const float z = 1 - ((float)k + 0.5f) / 2000, r = sqrtf(1 - z * z);
        const struct vec3 dir = v3(r * f_cos_turns(0.618034f * (float)k),
                                   r * f_sin_turns(0.618034f * (float)k), z);
        float at = 0, d = 1;
        for (int i = 0; i < 200 && at < least && d > 0.02f; i++) {
            d = tro_organ_distance(
                t->stage.scene, organ,
                tro_warp_rest(&t->stage.warp, TRO_ALL_PULLS, v3_along(p, dir, at)));
            at += 0.5f * d;
        }
        if (d <= 0.02f)
            least = f_min(least, at);
    }
    return least;
}

TEST(warp_truth_is_of_tissue_as_it_is_now)
{
    for (uint64_t seed = 5; seed < 8; seed++) {
        struct still t = {0};
        CHECK_OR_RETURN(still_init(&t, seed));
        const struct tro_view *const v = &t.stage.view;
        struct tro_endoscopy_truth before = {0}, truth = {0};
        tro_truth_of_stage(&t.stage, &before);
        const float *const mm = before.landmarks[TRO_LANDMARK_FUNDUS].mm;
        struct vec3 fundus = v3_along(v->eye, v->right, mm[0]);
        fundus = v3_along(v3_along(fundus, v->up, -mm[1]), v->forward, mm[2]);
        const struct vec3 by = v3(3, 2, -4);
        tro_warp_add(&t.stage.warp,
                     (struct tro_pull){v3_sub(fundus, v->tissue_at), by, .radius = 25});
        tro_truth_of_stage(&t.stage, &truth);
        const float *const now = truth.landmarks[TRO_LANDMARK_FUNDUS].mm;
        CHECK_NEAR(now[0] - mm[0], v3_dot(by, v->right), 1e-3);
        CHECK_NEAR(now[1] - mm[1], -v3_dot(by, v->up), 1e-3);
        CHECK_NEAR(now[2] - mm[2], v3_dot(by, v->forward), 1e-3);
        for (int i = 0; i < TRO_N_INSTRUMENTS; i++) {
            const struct vec3 tip = v3_sub(tro_instrument_tip(&t.stage.instruments[i]),
                                           v->tissue_at);
            const float want = shortest_way(&t, TRO_ORGAN_GALLBLADDER, tip);
            const float given = truth.tools[i].distance_mm[TRO_ORGAN_GALLBLADDER];
            test_check(given < 0 || fabsf(given - want) < 0.15f + 0.02f * want, __FILE__, __LINE__,
                       "seed %d tool %d: %g mm given, %g found", (int)seed, i, (double)given,
                       (double)want);
        }
        tro_theatre_destroy(&t.theatre);
    }
}
