/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/engine.h: what the networks of models/ find in frames of the simulator, against its
 * truth. Frames have another size than the networks see, so that places have to be carried over. */
#include "console_kit.h"
#include "worker_kit.h"

#include "base/err.h"
#include "console/core/engine.h"
#include "io/frame.h"
#include "io/picture.h"

#define WIDTH 320
#define HEIGHT 180
#define FPS 25
#define N_FRAMES 3

#ifndef TRO_HAVE_JANSSON
TEST(engines)
{
    SKIP("built without jansson, which records are read with");
}
#else

static const struct tro_frame_form form = {
    .format = TRO_FRAME_NV12, .width = WIDTH, .height = HEIGHT};
static const int64_t frames[N_FRAMES] = {40, 120, 400};

struct scene {
    struct kit_scene kit;
    struct tro_finding_names names;
    struct tro_engine *engine;
    struct tro_findings found;
    struct tro_arena arena;
};

static bool open_scene(struct scene *s, const char *network)
{
    struct tro_err err = {0};
    *s = (struct scene){0};
    kit_begin();
    if (!kit_open(&s->kit, 3, WIDTH, HEIGHT, FPS))
        return false;
    const struct tro_engine_opts opts = {.plan = kit_plan_for(network, &form),
                                         .n_threads = 1,
                                         .form = form,
                                         .focal_length = tro_endoscopy_focal_length(s->kit.e)};
    s->engine = tro_engine_open(&opts, &s->names, &err);
    CHECK_STR(err.text, "");
    return CHECK(s->engine && tro_findings_init(&s->found, &err) == 0);
}

static void close_scene(struct scene *s)
{
    tro_engine_close(s->engine);
    tro_findings_finish(&s->found);
    tro_arena_finish(&s->arena);
    kit_close(&s->kit);
    kit_end();
}

/* Renders frame i and has the engine look at it. */
static bool look_at(struct scene *s, int i)
{
    const struct tro_attrs_camera camera = {.format = tro_camera_format_nv12,
                                            .matrix = tro_camera_matrix_bt709,
                                            .range = tro_camera_range_limited};
    const struct tro_io_info input = {
        .name = "frame", .dtype = TRO_U8, .rank = 3, .shape = {1, HEIGHT * 3 / 2, WIDTH}};
    const char *const path = kit_path("frame.ppm");
    struct tro_err err = {0};
    struct tro_tensor frame;
    if (!kit_draw(&s->kit, frames[i], true, FPS) ||
        tro_picture_write(path, WIDTH, HEIGHT, 3, s->kit.frame.rgb, &err) < 0 ||
        tro_picture_to_frame(path, &input, &camera, &s->arena, &frame, &err) < 0 ||
        tro_engine_run(s->engine, frame.data, &err) < 0)
        return CHECK_STR(err.text, "") && false;
    tro_engine_find(s->engine, &s->found);
    return CHECK_INT(s->found.width, WIDTH) && CHECK_INT(s->found.height, HEIGHT) &&
           CHECK(s->found.engine == tro_engine_hash(s->engine) && s->found.engine != 0);
}

/* ---- masks ---------------------------------------------------------------------------------- */

/* Pixels of the truth, of the map, of both, by label, over the frame. */
static void compare_masks(const struct scene *s, const uint8_t *map, double n[3][64])
{
    const struct tro_findings *const f = &s->found;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const int at = y * f->map_height / HEIGHT * f->map_width + x * f->map_width / WIDTH;
            const int truth = s->kit.frame.label[y * WIDTH + x], is = map[at];
            n[0][truth]++;
            n[1][is]++;
            n[2][truth] += truth == is;
        }
}

TEST(masks_are_where_the_tissue_is)
{
    struct scene s;
    CHECK_OR_RETURN(open_scene(&s, "endoscopy_unet_small"));
    CHECK_INT(s.names.n, TRO_N_ENDOSCOPY_CLASSES);
    for (int i = 0; i < N_FRAMES && look_at(&s, i); i++) {
        double n[3][64] = {{0}}, share = 0;
        uint8_t *const map = malloc((size_t)(s.found.map_width * s.found.map_height));
        tro_findings_unpack(&s.found, map);
        compare_masks(&s, map, n);
        for (int k = 0; k < 64; k++)
            share += n[2][k] / (WIDTH * HEIGHT);
        CHECK(share > 0.9);
        for (int k = 0; k < s.found.n; k++) {
            const struct tro_finding *const m = &s.found.items[k];
            CHECK_INT(m->kind, TRO_FINDING_MASK);
            CHECK_NEAR(m->area_px, n[1][m->label], 0.05 * n[1][m->label] + 40);
            CHECK(m->x0 < m->x && m->x < m->x1 && m->y0 < m->y && m->y < m->y1);
        }
        free(map);
    }
    close_scene(&s);
}

/* ---- boxes and points ----------------------------------------------------------------------- */

static double overlap(const struct tro_finding *a, const struct tro_endoscopy_box *b)
{
    const double w = fmin((double)a->x1, b->x1) - fmax((double)a->x0, b->x0);
    const double h = fmin((double)a->y1, b->y1) - fmax((double)a->y0, b->y0);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double of_a = (double)(a->x1 - a->x0) * (double)(a->y1 - a->y0);
    return both / (of_a + (double)(b->x1 - b->x0) * (b->y1 - b->y0) - both);
}

TEST(boxes_are_where_the_instruments_are)
{
    struct scene s;
    int n_tools = 0;
    CHECK_OR_RETURN(open_scene(&s, "endoscopy_detector_small"));
    for (int i = 0; i < N_FRAMES && look_at(&s, i); i++)
        for (int k = 0; k < TRO_ENDOSCOPY_N_TOOLS; k++) {
            const struct tro_endoscopy_tool *const tool = &s.kit.frame.truth.tools[k];
            double best = 0;
            if (tool->n_px < 1000)
                continue;
            n_tools++;
            for (int b = 0; b < s.found.n; b++)
                if (strcmp(s.names.name[s.found.items[b].label],
                           tro_endoscopy_tool_name(tool->kind)) == 0)
                    best = fmax(best, overlap(&s.found.items[b], &tool->box));
            CHECK(best > 0.7);
        }
    CHECK(n_tools >= 2);
    close_scene(&s);
}

TEST(landmarks_are_where_they_are)
{
    struct scene s;
    int n_near = 0, n_visible = 0;
    CHECK_OR_RETURN(open_scene(&s, "endoscopy_landmarks_small"));
    for (int i = 0; i < N_FRAMES && look_at(&s, i); i++)
        for (int k = 0; k < TRO_N_LANDMARKS; k++) {
            const struct tro_endoscopy_point *const p = &s.kit.frame.truth.landmarks[k];
            n_visible += p->is_visible;
            for (int m = 0; p->is_visible && m < s.found.n; m++)
                n_near += strcmp(s.names.name[s.found.items[m].label],
                                 tro_endoscopy_landmark_name((enum tro_endoscopy_landmark)k)) ==
                              0 &&
                          hypot((double)(s.found.items[m].x - p->x_px),
                                (double)(s.found.items[m].y - p->y_px)) < 5;
        }
    CHECK(n_visible >= 3);
    CHECK(n_near * 4 >= n_visible * 3);
    close_scene(&s);
}

/* ---- depth and scores ----------------------------------------------------------------------- */

TEST(depths_are_as_far_as_things_are)
{
    struct scene s;
    CHECK_OR_RETURN(open_scene(&s, "endoscopy_depth_small"));
    for (int i = 0; i < N_FRAMES && look_at(&s, i); i++) {
        double error = 0;
        int n = 0;
        for (int y = 4; y < HEIGHT; y += 8)
            for (int x = 4; x < WIDTH; x += 8) {
                const int at = y * WIDTH + x;
                const float mm = tro_findings_depth_at(&s.found, (float)x + 0.5f, (float)y + 0.5f);
                if (s.kit.frame.label[at] == TRO_ENDOSCOPY_OUTSIDE || !(mm > 0))
                    continue;
                error += fabs((double)mm / (double)s.kit.frame.depth[at] - 1);
                n++;
            }
        CHECK(n > 300);
        CHECK(error / n < 0.12);
        CHECK_INT(s.found.n, 1);
        CHECK_INT(s.found.items[0].unit, TRO_UNIT_MM);
        CHECK(s.found.items[0].value > 20 && s.found.items[0].value < 300);
    }
    close_scene(&s);
}

TEST(scores_are_scalars)
{
    struct scene s;
    CHECK_OR_RETURN(open_scene(&s, "endoscopy_outside_small"));
    for (int i = 0; i < N_FRAMES && look_at(&s, i); i++) {
        CHECK_INT(s.found.n, 1);
        CHECK_INT(s.found.items[0].kind, TRO_FINDING_SCALAR);
        CHECK(s.found.items[0].value < 0.3f);
    }
    close_scene(&s);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void expect_refused(const struct tro_engine_opts *opts, const char *why)
{
    struct tro_finding_names names = {0};
    struct tro_err err = {0};
    struct tro_engine *const e = tro_engine_open(opts, &names, &err);
    CHECK(!e);
    CHECK_HAS(err.text, opts->plan);
    CHECK_HAS(err.text, why);
    tro_engine_close(e);
}

TEST(plans_that_do_not_fit)
{
    kit_begin();
    struct tro_engine_opts o = {.plan = kit_plan("endoscopy_depth_small"), .form = kit_form};
    expect_refused(&o, "focal_length");
    o.focal_length = 0.75f;
    o.form.width = 256;
    expect_refused(&o, "build it with trocar build --frames nv12:256x72:bt709:limited");
    o.form = kit_form;
    o.form.is_bt601 = true;
    expect_refused(&o, "nv12:128x72:bt601");
    o.plan = kit_path("none.plan");
    expect_refused(&o, "cannot");
    kit_end();
}

TEST(names_are_shared_by_tiers)
{
    kit_begin();
    const struct tro_engine_opts o = {.plan = kit_plan("endoscopy_outside_small"),
                                      .form = kit_form};
    struct tro_finding_names names = {.n = 2, .name = {"first", "out-of-body"}};
    struct tro_err err = {0};
    struct tro_engine *const e = tro_engine_open(&o, &names, &err);
    CHECK_STR(err.text, "");
    CHECK_INT(names.n, 2);
    tro_engine_close(e);
    kit_end();
}

#endif
