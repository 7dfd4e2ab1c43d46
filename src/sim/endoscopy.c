/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/endoscopy.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "sim/sensor.h"
#include "sim/trace.h"

#define MAX_SIDE_PX 4096
#define MAX_FRAME 1000000
#define OUTSIDE_PX 2 /* how far beyond the round picture its blur reaches */

const struct tro_endoscopy_class_info tro_endoscopy_classes[TRO_N_ENDOSCOPY_CLASSES] = {
#define TRO_ENDOSCOPY_ROW(id, name, r, g, b) {name, {r, g, b}},
    TRO_ENDOSCOPY_CLASSES(TRO_ENDOSCOPY_ROW)
#undef TRO_ENDOSCOPY_ROW
};

struct tro_endoscopy {
    struct tro_endoscopy_opts opts;
    struct tro_noise *noise;
    struct tro_scene *scene;
    struct tro_materials materials;
    struct tro_optics optics;
    struct tro_sensor sensor;
    struct tro_instrument tools[TRO_N_INSTRUMENTS];
    tro_f4 *linear; /* height x width of red, green, blue, unused */
};

/* One frame in work, shared by the threads that draw its rows of blocks. */
struct frame {
    const struct tro_endoscopy *e;
    struct tro_stage stage;
    uint64_t index;
    uint8_t *rgb, *label;
};

struct sample {
    struct vec3 color;
    uint8_t label;
};

static int check_opts(const struct tro_endoscopy_opts *o, struct tro_err *err)
{
    if (o->width < 16 || o->height < 16 || o->width > MAX_SIDE_PX || o->height > MAX_SIDE_PX)
        return tro_fail(err, TRO_E_INPUT, "picture size must be 16x16 to %dx%d, found %dx%d",
                        MAX_SIDE_PX, MAX_SIDE_PX, o->width, o->height);
    if (!(o->fps == 0 || (o->fps >= 1 && o->fps <= 1000)))
        return tro_fail(err, TRO_E_INPUT, "frames per second must be 1 to 1000, found %g", o->fps);
    return 0;
}

static int buffers_create(struct tro_endoscopy *e, struct tro_err *err)
{
    const size_t n_px = (size_t)e->opts.width * (size_t)e->opts.height;
    e->noise = tro_malloc_aligned(sizeof(*e->noise));
    e->scene = tro_malloc_aligned(sizeof(*e->scene));
    e->linear = tro_malloc_aligned(n_px * sizeof(*e->linear));
    if (!e->noise || !e->scene || !e->linear)
        return tro_fail_nomem(err);
    memset(e->linear, 0, n_px * sizeof(*e->linear));
    return 0;
}

struct tro_endoscopy *tro_endoscopy_create(const struct tro_endoscopy_opts *opts,
                                           struct tro_err *err)
{
    if (check_opts(opts, err) < 0)
        return NULL;
    struct tro_endoscopy *e = tro_calloc(1, sizeof(*e));
    if (!e) {
        tro_fail_nomem(err);
        return NULL;
    }
    e->opts = *opts;
    if (e->opts.fps == 0)
        e->opts.fps = 25;
    if (buffers_create(e, err) < 0) {
        tro_endoscopy_destroy(e);
        return NULL;
    }
    tro_noise_bake(e->noise, opts->seed);
    tro_scene_init(e->scene, e->noise, opts->seed);
    tro_materials_init(&e->materials, opts->seed);
    tro_optics_init(&e->optics, opts->seed);
    tro_sensor_init(&e->sensor, opts->seed);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        tro_instrument_init(&e->tools[i], e->scene, i, opts->seed);
    return e;
}

void tro_endoscopy_destroy(struct tro_endoscopy *e)
{
    if (!e)
        return;
    tro_free(e->noise);
    tro_free(e->scene);
    tro_free(e->linear);
    tro_free(e);
}

static struct sample sample_ray(const struct tro_stage *stage, const struct tro_trace_block *block,
                                float x_px, float y_px)
{
    const struct vec3 dir = tro_view_ray(&stage->view, x_px, y_px);
    const struct tro_trace_hit hit = tro_trace_ray(stage, block, dir);
    const struct vec3 p = v3_along(stage->view.eye, dir, hit.distance);
    if (hit.instrument < 0)
        return (struct sample){tro_shade_tissue(stage, hit.tissue, p, dir),
                               stage->scene->organs[hit.tissue.organ].label};
    const struct tro_instrument_pose *pose = &stage->instruments[hit.instrument];
    bool is_tip;
    tro_instrument_distance(pose, tro_instrument_local(pose, p), &is_tip);
    return (struct sample){tro_shade_instrument(stage, hit.instrument, p, dir),
                           is_tip ? TRO_ENDOSCOPY_TIP : TRO_ENDOSCOPY_SHAFT};
}

/* Pixels next to the round picture are drawn too: the blur of its edge sees them. */
static void draw_pixel(const struct frame *f, const struct tro_trace_block *block, int x, int y)
{
    const struct tro_endoscopy *e = f->e;
    const int64_t at = (int64_t)y * e->opts.width + x;
    const float x_px = (float)x + 0.5f, y_px = (float)y + 0.5f;
    const float inside = tro_view_inside_px(&f->stage.view, x_px, y_px);
    if (inside < -OUTSIDE_PX)
        return;
    const struct sample s = sample_ray(&f->stage, block, x_px, y_px);
    f->label[at] = inside > 0 ? s.label : TRO_ENDOSCOPY_OUTSIDE;
    e->linear[at] = (tro_f4){s.color.x, s.color.y, s.color.z, 0};
}

static void draw_block(const struct frame *f, int x0, int y0)
{
    const int width = f->e->opts.width, height = f->e->opts.height;
    const float half = 0.5f * TRO_TRACE_BLOCK_PX, half_part = 0.5f * TRO_TRACE_PART_PX;
    const int n_parts = TRO_TRACE_BLOCK_PX / TRO_TRACE_PART_PX;
    const struct tro_trace_block block = tro_trace_block(&f->stage, (float)x0 + half,
                                                         (float)y0 + half);
    for (int i = 0; i < n_parts * n_parts; i++) {
        const int px = x0 + i % n_parts * TRO_TRACE_PART_PX;
        const int py = y0 + i / n_parts * TRO_TRACE_PART_PX;
        const struct tro_trace_block part = tro_trace_part(&f->stage, &block, (float)px + half_part,
                                                           (float)py + half_part);
        for (int y = py; y < py + TRO_TRACE_PART_PX && y < height; y++)
            for (int x = px; x < px + TRO_TRACE_PART_PX && x < width; x++)
                draw_pixel(f, &part, x, y);
    }
}

static void draw_block_row(void *ctx, int64_t row)
{
    const struct frame *f = ctx;
    const float half = 0.5f * TRO_TRACE_BLOCK_PX;
    const int y = (int)row * TRO_TRACE_BLOCK_PX;
    for (int x = 0; x < f->e->opts.width; x += TRO_TRACE_BLOCK_PX) {
        const float inside = tro_view_inside_px(&f->stage.view, (float)x + half, (float)y + half);
        if (inside > -1.5f * half - OUTSIDE_PX)
            draw_block(f, x, y);
    }
}

static void develop_row(void *ctx, int64_t y)
{
    const struct frame *f = ctx;
    const struct tro_endoscopy *e = f->e;
    tro_sensor_row(&e->sensor, &f->stage.view, e->linear, e->opts.width, e->opts.height, (int)y,
                   f->index, f->rgb + y * e->opts.width * 3);
}

/* Automatic exposure: a white surface facing the light at the mean distance of the tissue in the
 * middle of the picture has the brightness 1. */
static float light_power(const struct tro_stage *stage)
{
    enum { N = 5 };
    const struct tro_view *v = &stage->view;
    float sum = 0;
    for (int i = 0; i < N * N; i++) {
        const float x = v->half_width_px * (0.6f + 0.2f * (float)(i % N));
        const float y = v->half_height_px * (0.6f + 0.2f * (float)(i / N));
        sum += tro_trace_tissue(stage, tro_view_ray(v, x, y));
    }
    const float mean = sum / (N * N);
    return 2.2f * mean * mean;
}

int tro_endoscopy_render(struct tro_endoscopy *e, int64_t index, uint8_t *rgb, uint8_t *label,
                         struct tro_err *err)
{
    if (index < 0 || index > MAX_FRAME)
        return tro_fail(err, TRO_E_INPUT, "frame index must be 0 to %d, found %lld", MAX_FRAME,
                        (long long)index);
    const size_t n_px = (size_t)e->opts.width * (size_t)e->opts.height;
    const double seconds = (double)index / e->opts.fps;
    struct frame f = {.e = e, .index = (uint64_t)index, .rgb = rgb, .label = label};
    f.stage.scene = e->scene;
    f.stage.materials = &e->materials;
    tro_view_init(&f.stage.view, &e->optics, e->scene, e->opts.width, e->opts.height, seconds);
    for (int i = 0; i < TRO_N_INSTRUMENTS; i++)
        tro_instrument_place(&f.stage.instruments[i], &e->tools[i], e->scene, seconds);
    f.stage.light_power = light_power(&f.stage);

    memset(label, TRO_ENDOSCOPY_OUTSIDE, n_px);
    tro_parallel_for((e->opts.height + TRO_TRACE_BLOCK_PX - 1) / TRO_TRACE_BLOCK_PX, draw_block_row,
                     &f);
    tro_parallel_for(e->opts.height, develop_row, &f);
    return 0;
}
