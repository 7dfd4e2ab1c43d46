/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/endoscopy.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "sim/codec.h"
#include "sim/film.h"
#include "sim/rand.h"
#include "sim/room.h"
#include "sim/sensor.h"
#include "sim/stream.h"
#include "sim/theatre.h"
#include "sim/trace.h"
#include "sim/truth.h"

#define MAX_SIDE_PX 4096
#define MAX_FRAME 1000000
#define OUTSIDE_PX 2 /* how far beyond the round picture its blur reaches */

_Static_assert(TRO_ENDOSCOPY_N_TOOLS == TRO_N_INSTRUMENTS, "one row of truth each");
_Static_assert(TRO_ENDOSCOPY_N_ORGANS == (int)TRO_N_ORGANS, "one distance each");
_Static_assert(TRO_ENDOSCOPY_TIP - TRO_ENDOSCOPY_SHAFT == (int)TRO_PART_TIP &&
                   TRO_ENDOSCOPY_WRIST - TRO_ENDOSCOPY_SHAFT == (int)TRO_PART_WRIST,
               "classes of an instrument in the order of its parts");

const struct tro_endoscopy_class_info tro_endoscopy_classes[TRO_N_ENDOSCOPY_CLASSES] = {
#define TRO_ENDOSCOPY_ROW(id, name, r, g, b) {name, {r, g, b}},
    TRO_ENDOSCOPY_CLASSES(TRO_ENDOSCOPY_ROW)
#undef TRO_ENDOSCOPY_ROW
};

const uint8_t tro_endoscopy_organs[TRO_ENDOSCOPY_N_ORGANS] = {
    [TRO_ORGAN_WALL] = TRO_ENDOSCOPY_WALL,
    [TRO_ORGAN_LIVER] = TRO_ENDOSCOPY_LIVER,
    [TRO_ORGAN_GALLBLADDER] = TRO_ENDOSCOPY_GALLBLADDER,
    [TRO_ORGAN_FAT] = TRO_ENDOSCOPY_FAT,
    [TRO_ORGAN_BOWEL] = TRO_ENDOSCOPY_BOWEL,
    [TRO_ORGAN_ARTERY] = TRO_ENDOSCOPY_ARTERY,
};

const char *tro_endoscopy_tool_name(int kind)
{
    static const char *const names[TRO_N_TOOL_KINDS] = {
        [TRO_TOOL_GRASPER] = "grasper",
        [TRO_TOOL_HOOK] = "hook",
        [TRO_TOOL_SCISSORS] = "scissors",
    };
    return names[kind];
}

const char *tro_endoscopy_step_name(int step)
{
    static const char *const names[TRO_N_ENDOSCOPY_STEPS] = {
#define TRO_ENDOSCOPY_ROW(id, name) [TRO_STEP_##id] = name,
        TRO_ENDOSCOPY_STEPS(TRO_ENDOSCOPY_ROW)
#undef TRO_ENDOSCOPY_ROW
    };
    return names[step];
}

const char *tro_endoscopy_event_name(int event)
{
    static const char *const names[TRO_N_ENDOSCOPY_EVENTS] = {
#define TRO_ENDOSCOPY_ROW(id, name) [TRO_EVENT_##id] = name,
        TRO_ENDOSCOPY_EVENTS(TRO_ENDOSCOPY_ROW)
#undef TRO_ENDOSCOPY_ROW
    };
    return names[event];
}

const char *tro_endoscopy_landmark_name(enum tro_endoscopy_landmark landmark)
{
    static const char *const names[TRO_N_LANDMARKS] = {
        [TRO_LANDMARK_FUNDUS] = "gallbladder-fundus",
        [TRO_LANDMARK_NECK] = "gallbladder-neck",
        [TRO_LANDMARK_ARTERY_ORIGIN] = "artery-origin",
        [TRO_LANDMARK_ARTERY_INSERTION] = "artery-insertion",
    };
    return names[landmark];
}

struct tro_endoscopy {
    struct tro_endoscopy_opts opts;
    struct tro_theatre theatre;
    struct tro_sensor sensor;
    struct tro_stream stream;
    uint64_t disturb_key;
    struct tro_film film;
    uint8_t *bytes; /* a picture before sharpening */
};

/* One frame in work, shared by the threads that draw its rows of blocks. */
struct frame {
    const struct tro_endoscopy *e;
    struct tro_stage stage;
    struct tro_sensor sensor;
    uint64_t index;
    bool is_black;
    const struct tro_endoscopy_frame *out;
    const struct tro_film *film; /* NULL: only what out asks for */
    uint8_t *rgb;
};

struct sample {
    struct vec3 color;
    uint8_t label, instance;
    float depth;
};

static float strength(const struct tro_endoscopy *e, enum tro_disturbance d)
{
    return e->opts.disturb.strength[d];
}

/* ---- a procedure ---------------------------------------------------------------------------- */

static int check_disturbances(const struct tro_disturbances *d, struct tro_err *err)
{
    for (int i = 0; i < TRO_N_DISTURBANCES; i++)
        if (!(d->strength[i] >= 0 && d->strength[i] <= 1))
            return tro_fail(err, TRO_E_INPUT, "%s: strength must be 0 to 1, found %g",
                            tro_disturbance_name((enum tro_disturbance)i), (double)d->strength[i]);
    return 0;
}

static int check_opts(const struct tro_endoscopy_opts *o, struct tro_err *err)
{
    if (o->width < 16 || o->height < 16 || o->width > MAX_SIDE_PX || o->height > MAX_SIDE_PX)
        return tro_fail(err, TRO_E_INPUT, "picture size must be 16x16 to %dx%d, found %dx%d",
                        MAX_SIDE_PX, MAX_SIDE_PX, o->width, o->height);
    if (!(o->fps == 0 || (o->fps >= 1 && o->fps <= 1000)))
        return tro_fail(err, TRO_E_INPUT, "frames per second must be 1 to 1000, found %g", o->fps);
    return check_disturbances(&o->disturb, err);
}

static int film_create(struct tro_film *f, int width, int height, struct tro_err *err)
{
    const size_t n_bytes = (size_t)width * (size_t)height * sizeof(*f->px);
    *f = (struct tro_film){.width = width, .height = height};
    f->px = tro_malloc_aligned(n_bytes);
    f->spare = tro_malloc_aligned(n_bytes);
    f->copy = tro_malloc_aligned(n_bytes);
    return f->px && f->spare && f->copy ? 0 : tro_fail_nomem(err);
}

static int buffers_create(struct tro_endoscopy *e, struct tro_err *err)
{
    e->bytes = tro_malloc((size_t)e->opts.width * (size_t)e->opts.height * 3);
    if (!e->bytes)
        return tro_fail_nomem(err);
    return film_create(&e->film, e->opts.width, e->opts.height, err);
}

static void disturbances_init(struct tro_endoscopy *e)
{
    e->disturb_key = tro_rand_key(e->opts.seed, TRO_STREAM_DISTURB);
    e->stream = (struct tro_stream){e->disturb_key + 1, e->opts.fps, e->opts.disturb};
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
    if (tro_theatre_create(&e->theatre, opts->seed, err) < 0 || buffers_create(e, err) < 0) {
        tro_endoscopy_destroy(e);
        return NULL;
    }
    tro_sensor_init(&e->sensor, opts->seed);
    e->sensor.make = opts->make;
    disturbances_init(e);
    return e;
}

int tro_endoscopy_change(struct tro_endoscopy *e, enum tro_camera_make make,
                         const struct tro_disturbances *disturb, struct tro_err *err)
{
    TRO_TRY(check_disturbances(disturb, err));
    e->opts.make = e->sensor.make = make;
    e->opts.disturb = e->stream.disturb = *disturb;
    return 0;
}

void tro_endoscopy_destroy(struct tro_endoscopy *e)
{
    if (!e)
        return;
    tro_theatre_destroy(&e->theatre);
    tro_free(e->bytes);
    tro_free(e->film.px);
    tro_free(e->film.spare);
    tro_free(e->film.copy);
    tro_free(e);
}

float tro_endoscopy_focal_length(const struct tro_endoscopy *e)
{
    return tro_optics_focal_length(&e->theatre.optics, e->opts.width, e->opts.height);
}

/* ---- what a ray finds ----------------------------------------------------------------------- */

static struct sample sample_ray(const struct frame *f, const struct tro_trace_block *block,
                                float x_px, float y_px)
{
    const struct tro_stage *const stage = &f->stage;
    const struct vec3 dir = tro_view_ray(&stage->view, x_px, y_px);
    const struct tro_trace_hit hit = tro_trace_ray(stage, block, dir);
    const struct vec3 p = v3_along(stage->view.eye, dir, hit.distance);
    struct sample s = {.depth = hit.distance * v3_dot(dir, stage->view.forward)};
    if (hit.instrument < 0) {
        s.label = stage->scene->organs[hit.tissue.organ].label;
        if (f->film)
            s.color = tro_shade_tissue(stage, hit.tissue, p, dir);
        return s;
    }
    const struct tro_instrument_pose *const pose = &stage->instruments[hit.instrument];
    enum tro_instrument_part part;
    tro_instrument_distance(pose, tro_instrument_local(pose, p), &part);
    s.label = (uint8_t)(TRO_ENDOSCOPY_SHAFT + (int)part);
    s.instance = (uint8_t)(hit.instrument + 1);
    if (f->film)
        s.color = tro_shade_instrument(stage, hit.instrument, p, dir);
    return s;
}

/* Pixels next to the round picture are drawn too: the blur of its edge sees them. */
static void draw_pixel(const struct frame *f, const struct tro_trace_block *block, int x, int y)
{
    const int64_t at = (int64_t)y * f->e->opts.width + x;
    const float x_px = (float)x + 0.5f, y_px = (float)y + 0.5f;
    const float inside = tro_view_inside_px(&f->stage.view, x_px, y_px);
    if (inside < -OUTSIDE_PX)
        return;
    const struct sample s = sample_ray(f, block, x_px, y_px);
    if (f->film)
        f->film->px[at] = (tro_f4){s.color.x, s.color.y, s.color.z, s.depth};
    if (inside <= 0)
        return;
    if (f->out->label)
        f->out->label[at] = s.label;
    if (f->out->instance)
        f->out->instance[at] = s.instance;
    if (f->out->depth)
        f->out->depth[at] = s.depth;
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

static void draw(struct frame *f)
{
    tro_parallel_for((f->e->opts.height + TRO_TRACE_BLOCK_PX - 1) / TRO_TRACE_BLOCK_PX,
                     draw_block_row, f);
}

/* ---- a frame's stage ------------------------------------------------------------------------ */

static double seconds_of(const struct tro_endoscopy *e, int64_t index)
{
    return (double)index / e->opts.fps;
}

static void stage_init(struct tro_stage *stage, const struct tro_endoscopy *e, int64_t index,
                       struct tro_moment *moment)
{
    tro_theatre_stage(&e->theatre, e->opts.width, e->opts.height, seconds_of(e, index),
                      &e->opts.disturb, stage, moment);
}

/* ---- from the scene to the picture ---------------------------------------------------------- */

static void through_air_and_lens(struct tro_endoscopy *e, float smoke, double seconds)
{
    struct tro_film *const f = &e->film;
    tro_air_smoke(f, e->theatre.noise, f_max(strength(e, TRO_DISTURB_SMOKE), smoke), seconds);
    tro_lens_defocus(f, strength(e, TRO_DISTURB_DEFOCUS));
    const float turns = 0.5f * tro_motion(e->disturb_key, 0, seconds * 0.7);
    tro_lens_motion(f, strength(e, TRO_DISTURB_MOTION), turns);
    tro_lens_fouling(f, e->theatre.noise, strength(e, TRO_DISTURB_FOULING), e->disturb_key + 1);
}

static struct tro_sensor disturbed_sensor(const struct tro_endoscopy *e)
{
    struct tro_sensor s = e->sensor;
    const float dark = strength(e, TRO_DISTURB_LOW_LIGHT), cast = strength(e, TRO_DISTURB_CAST);
    const float bright = strength(e, TRO_DISTURB_OVER_EXPOSURE);
    const float left = 1 - dark;
    s.exposure *= (0.05f + 0.95f * left * left) * (1 + 5 * bright * bright);
    s.noise *= (1 + 9 * strength(e, TRO_DISTURB_NOISE)) * (1 + 4 * dark);
    const uint64_t which = tro_rand_at(e->disturb_key, 7) % 3;
    const struct vec3 casts[3] = {{1.9f, 1, 0.5f}, {0.6f, 1, 1.8f}, {0.75f, 1.5f, 0.8f}};
    s.balance = v3_mul(s.balance, v3_mix(v3(1, 1, 1), casts[which], cast));
    return s;
}

static void develop_row(void *ctx, int64_t y)
{
    const struct frame *f = ctx;
    const struct tro_endoscopy *e = f->e;
    tro_sensor_row(&f->sensor, &f->stage.view, e->film.px, e->opts.width, e->opts.height, (int)y,
                   f->index, f->rgb + y * e->opts.width * 3);
}

static void sharpen_row(void *ctx, int64_t y)
{
    const struct frame *f = ctx;
    const struct tro_endoscopy *e = f->e;
    tro_sensor_sharpen_row(&f->sensor, e->bytes, e->opts.width, e->opts.height, (int)y,
                           f->out->rgb + y * e->opts.width * 3);
}

static void develop(struct tro_endoscopy *e, struct frame *f)
{
    const float spoiled = strength(e, TRO_DISTURB_COMPRESSION);
    const bool is_sharpened = tro_camera_makes[e->sensor.make].sharpen > 0;
    f->rgb = is_sharpened ? e->bytes : f->out->rgb;
    f->sensor = disturbed_sensor(e);
    if (f->is_black)
        f->sensor.exposure = 0;
    tro_parallel_for(e->opts.height, develop_row, f);
    if (is_sharpened)
        tro_parallel_for(e->opts.height, sharpen_row, f);
    if (spoiled > 0)
        tro_codec_spoil(f->out->rgb, e->opts.width, e->opts.height, (int)(60 - 57 * spoiled));
}

static void clear_film(struct tro_film *f)
{
    memset(f->px, 0, (size_t)tro_film_n_px(f) * sizeof(*f->px));
}

/* Planes are filled on the way where the picture is of the same moment. */
static void take_picture(struct tro_endoscopy *e, int64_t index,
                         const struct tro_endoscopy_frame *out, bool has_planes)
{
    const bool is_out = tro_stream_is_out_of_body(&e->stream, index);
    struct tro_endoscopy_frame only_rgb = {.rgb = out->rgb};
    struct frame f = {.e = e, .index = (uint64_t)index, .film = &e->film};
    struct tro_moment moment;
    f.out = has_planes ? out : &only_rgb;
    f.is_black = tro_stream_is_black(&e->stream, index);
    stage_init(&f.stage, e, index, &moment);
    clear_film(&e->film);
    if (is_out)
        tro_room_draw(&e->film, e->theatre.noise, e->disturb_key, seconds_of(e, index));
    else
        draw(&f);
    through_air_and_lens(e, is_out ? 0 : moment.smoke, seconds_of(e, index));
    develop(e, &f);
}

static void clear_planes(const struct tro_endoscopy *e, const struct tro_endoscopy_frame *out)
{
    const size_t n = (size_t)e->opts.width * (size_t)e->opts.height;
    if (out->label)
        memset(out->label, TRO_ENDOSCOPY_OUTSIDE, n);
    if (out->instance)
        memset(out->instance, 0, n);
    if (out->depth)
        memset(out->depth, 0, n * sizeof(*out->depth));
    if (out->truth)
        memset(out->truth, 0, sizeof(*out->truth));
}

static void scene_truth(const struct tro_endoscopy *e, int64_t index,
                        struct tro_endoscopy_truth *truth)
{
    struct tro_stage stage;
    struct tro_moment moment;
    stage_init(&stage, e, index, &moment);
    truth->step = (int)moment.step;
    truth->is_cautery_on = moment.is_cautery_on;
    tro_truth_of_stage(&stage, truth);
}

static void fill_truth(const struct tro_endoscopy *e, int64_t index,
                       const struct tro_endoscopy_frame *out)
{
    struct tro_endoscopy_truth *const t = out->truth;
    struct tro_endoscopy_truth before = {0};
    t->is_out_of_body = tro_stream_is_out_of_body(&e->stream, index);
    if (t->is_out_of_body)
        return;
    scene_truth(e, index, t);
    if (index > 0) {
        scene_truth(e, index - 1, &before);
        t->events = tro_truth_events(&before, t);
    }
    if (out->instance)
        tro_truth_of_instances(out->instance, e->opts.width, e->opts.height, t);
}

int tro_endoscopy_render(struct tro_endoscopy *e, int64_t index,
                         const struct tro_endoscopy_frame *out, struct tro_err *err)
{
    if (index < 0 || index > MAX_FRAME)
        return tro_fail(err, TRO_E_INPUT, "frame index must be 0 to %d, found %lld", MAX_FRAME,
                        (long long)index);
    const bool has_planes = out->label || out->instance || out->depth;
    const int64_t shown = tro_stream_shown(&e->stream, index);
    clear_planes(e, out);
    if (out->rgb)
        take_picture(e, shown, out, shown == index);
    if (has_planes && (!out->rgb || shown != index) &&
        !tro_stream_is_out_of_body(&e->stream, index)) {
        struct frame f = {.e = e, .out = out};
        struct tro_moment moment;
        stage_init(&f.stage, e, index, &moment);
        draw(&f);
    }
    if (out->truth)
        fill_truth(e, index, out);
    return 0;
}
