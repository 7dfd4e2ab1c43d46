/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/source_frames.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "console/core/raw_form.h"
#include "console/core/realtime.h"
#include "eval/dataset.h"
#include "io/frame.h"

struct tro_source_frames {
    struct tro_source_frames_opts opts;
    struct tro_arena arena; /* of paths */
    const char **paths;
    size_t n_paths, cap_paths;
    bool has_frames; /* pictures are called frame_*: others are something else */
    uint8_t *frames; /* one after the other */
    int64_t n;
    size_t frame_bytes;

    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the monotonic clock */
    bool is_stopped;
};

/* ---- which files ---------------------------------------------------------------------------- */

static int add_path(struct tro_source_frames *s, const char *path, struct tro_err *err)
{
    const char *const copy = tro_arena_strdup(&s->arena, path);
    if (!copy || TRO_GROW(&s->paths, s->n_paths, &s->cap_paths) < 0)
        return tro_fail_nomem(err);
    s->paths[s->n_paths++] = copy;
    return 0;
}

/* What the simulator writes has planes of labels beside its frames. */
static bool is_frame(const char *name)
{
    return strncmp(name, "frame_", 6) == 0 && tro_is_picture_path(name);
}

static int find_frame(void *ctx, const char *name, struct tro_err *err)
{
    struct tro_source_frames *const s = ctx;
    (void)err;
    s->has_frames = s->has_frames || is_frame(name);
    return 0;
}

static int add_name(void *ctx, const char *name, struct tro_err *err)
{
    struct tro_source_frames *const s = ctx;
    struct tro_arena a = {0};
    if (s->has_frames ? !is_frame(name) : !tro_is_picture_path(name))
        return 0;
    const char *const path = tro_arena_printf(&a, "%s/%s", s->opts.location, name);
    const int rc = path ? add_path(s, path, err) : tro_fail_nomem(err);
    tro_arena_finish(&a);
    return rc;
}

static int list_dataset(struct tro_source_frames *s, struct tro_err *err)
{
    struct tro_dataset d;
    TRO_TRY(tro_dataset_read(s->opts.location, NULL, NULL, &d, err));
    int rc = 0;
    for (int64_t i = 0; rc >= 0 && i < d.n_frames; i++)
        rc = add_path(s, d.frames[i].picture, err);
    tro_dataset_finish(&d);
    return rc;
}

static int list(struct tro_source_frames *s, struct tro_err *err)
{
    struct tro_arena a = {0};
    const char *const lines = tro_arena_printf(&a, "%s/frames.jsonl", s->opts.location);
    int rc = lines ? 0 : tro_fail_nomem(err);
    if (rc >= 0 && tro_file_exists(lines))
        rc = list_dataset(s, err);
    else if (rc >= 0 && tro_dir_list(s->opts.location, find_frame, s, err) >= 0)
        rc = tro_dir_list(s->opts.location, add_name, s, err);
    else if (rc >= 0)
        rc = err->status;
    tro_arena_finish(&a);
    TRO_TRY(rc);
    if (s->n_paths == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected pictures (.png, .jpg, .ppm ...) or frames.jsonl, found none",
                        s->opts.location);
    return 0;
}

static int reserve(struct tro_source_frames *s, int64_t n, struct tro_err *err)
{
    if (n > TRO_SOURCE_FRAMES_MAX_BYTES / (int64_t)s->frame_bytes)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected at most %lld frames of %zu bytes, which are 4 GiB, found "
                        "%lld: take fewer or smaller ones",
                        s->opts.location,
                        (long long)(TRO_SOURCE_FRAMES_MAX_BYTES / (int64_t)s->frame_bytes),
                        s->frame_bytes, (long long)n);
    s->n = n;
    s->frames = tro_malloc_aligned((size_t)n * s->frame_bytes);
    return s->frames ? 0 : tro_fail_nomem(err);
}

/* ---- pictures ------------------------------------------------------------------------------- */

struct converting {
    struct tro_source_frames *s;
    struct tro_attrs_camera camera;
    struct tro_io_info input; /* a network's that takes such frames */
    pthread_mutex_t lock;     /* of the first failure */
    atomic_bool has_failed;
    struct tro_err err;
};

static int convert(struct converting *c, int64_t i, struct tro_err *err)
{
    struct tro_source_frames *const s = c->s;
    struct tro_arena arena = {0};
    struct tro_tensor t;
    const int rc = tro_picture_to_frame(s->paths[i], &c->input, &c->camera, &arena, &t, err);
    if (rc >= 0)
        memcpy(s->frames + (size_t)i * s->frame_bytes, t.data, s->frame_bytes);
    tro_arena_finish(&arena);
    return rc;
}

static void convert_one(void *ctx, int64_t i)
{
    struct converting *const c = ctx;
    struct tro_err err = {0};
    if (atomic_load(&c->has_failed) || convert(c, i, &err) >= 0)
        return;
    pthread_mutex_lock(&c->lock);
    if (!atomic_exchange(&c->has_failed, true))
        c->err = err;
    pthread_mutex_unlock(&c->lock);
}

static struct tro_io_info input_of(const struct tro_frame_form *form)
{
    struct tro_io_info in = {.name = "frame", .dtype = TRO_U8, .rank = 4, .shape = {1}};
    in.shape[1] = form->height;
    in.shape[2] = form->width;
    if (form->format == TRO_FRAME_NV12) {
        in.rank = 3;
        in.shape[1] = form->height / 2 * 3;
    } else {
        in.shape[3] = form->format == TRO_FRAME_YUYV ? 2 : 3;
    }
    return in;
}

/* Formats of frames have the names of those that networks take. */
static int camera_of(const struct tro_frame_form *form, struct tro_attrs_camera *out,
                     struct tro_err *err)
{
    const char *const name = tro_frame_format_name(form->format);
    const char *const *const names = tro_camera_names("format");
    int i = 0;
    while (names[i] && strcmp(names[i], name) != 0)
        i++;
    if (!names[i])
        return tro_fail(err, TRO_E_UNSUPPORTED, "pictures are not turned into frames of %s", name);
    *out = (struct tro_attrs_camera){
        .format = (enum tro_camera_format)i,
        .matrix = form->is_bt601 ? tro_camera_matrix_bt601 : tro_camera_matrix_bt709,
        .range = form->is_full_range ? tro_camera_range_full : tro_camera_range_limited,
    };
    return 0;
}

static int read_pictures(struct tro_source_frames *s, struct tro_err *err)
{
    struct converting c = {.s = s, .lock = PTHREAD_MUTEX_INITIALIZER};
    TRO_TRY(camera_of(&s->opts.form, &c.camera, err));
    TRO_TRY(list(s, err));
    TRO_TRY(reserve(s, (int64_t)s->n_paths, err));
    c.input = input_of(&s->opts.form);
    tro_parallel_for(s->n, convert_one, &c);
    if (!atomic_load(&c.has_failed))
        return 0;
    return tro_fail(err, (enum tro_status)c.err.status, "%s", c.err.text);
}

/* ---- raw frames ----------------------------------------------------------------------------- */

static bool is_raw(const char *path)
{
    char ending[16];
    for (int i = 0; i < TRO_N_FRAME_FORMATS; i++) {
        snprintf(ending, sizeof ending, ".%s", tro_frame_format_name((enum tro_frame_format)i));
        if (tro_path_has_ext(path, ending))
            return true;
    }
    return false;
}

static int read_raw(struct tro_source_frames *s, struct tro_err *err)
{
    const char *const path = s->opts.location;
    struct tro_file f;
    TRO_TRY(tro_raw_form_check(path, &s->opts.form, err));
    TRO_TRY(tro_file_read(&f, path, (size_t)TRO_SOURCE_FRAMES_MAX_BYTES, err));
    if (f.n_bytes == 0 || f.n_bytes % s->frame_bytes) {
        const size_t n_bytes = f.n_bytes;
        tro_file_finish(&f);
        return tro_fail(err, TRO_E_INPUT, "%s: expected frames of %zu bytes, found %zu bytes", path,
                        s->frame_bytes, n_bytes);
    }
    s->frames = f.data;
    s->n = (int64_t)(f.n_bytes / s->frame_bytes);
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

static int check(const struct tro_source_frames_opts *o, struct tro_err *err)
{
    if (tro_frame_n_bytes(&o->form) == 0)
        return tro_fail(err, TRO_E_INPUT, "expected frames of even sides up to %d, found %d x %d",
                        TRO_FRAME_MAX_SIDE, o->form.width, o->form.height);
    if (!(o->fps >= 0.1 && o->fps <= 1000))
        return tro_fail(err, TRO_E_INPUT, "expected 0.1 to 1000 frames a second, found %g", o->fps);
    return 0;
}

static struct tro_source_frames *source_new(const struct tro_source_frames_opts *opts,
                                            struct tro_err *err)
{
    struct tro_source_frames *const s = tro_calloc(1, sizeof *s);
    pthread_condattr_t monotonic;
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    s->opts = *opts;
    s->frame_bytes = tro_frame_n_bytes(&opts->form);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->opts.location = tro_arena_strdup(&s->arena, opts->location);
    if (!s->opts.location) {
        tro_fail_nomem(err);
        tro_source_frames_destroy(s);
        return NULL;
    }
    return s;
}

struct tro_source_frames *tro_source_frames_create(const struct tro_source_frames_opts *opts,
                                                   struct tro_err *err)
{
    if (check(opts, err) < 0)
        return NULL;
    struct tro_source_frames *const s = source_new(opts, err);
    if (!s)
        return NULL;
    const int rc = is_raw(opts->location) ? read_raw(s, err) : read_pictures(s, err);
    if (rc < 0) {
        tro_source_frames_destroy(s);
        return NULL;
    }
    return s;
}

void tro_source_frames_destroy(struct tro_source_frames *s)
{
    if (!s)
        return;
    tro_source_frames_stop(s);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    tro_free(s->frames);
    tro_free(s->paths);
    tro_arena_finish(&s->arena);
    tro_free(s);
}

int64_t tro_source_frames_count(const struct tro_source_frames *s)
{
    return s->n;
}

const uint8_t *tro_source_frames_bytes(const struct tro_source_frames *s, int64_t i)
{
    return s->frames + (size_t)i * s->frame_bytes;
}

int64_t tro_source_frames_at(const struct tro_source_frames *s, uint64_t id)
{
    const uint64_t n = (uint64_t)s->n, period = n > 1 ? 2 * n - 2 : 1;
    const uint64_t at = (id - 1) % period;
    return (int64_t)(at < n ? at : period - at);
}

/* ---- pace ----------------------------------------------------------------------------------- */

/* False: stopped. */
static bool wait_until(struct tro_source_frames *s, int64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000),
                                .tv_nsec = (long)(at_ns % 1000000000)};
    pthread_mutex_lock(&s->lock);
    while (!s->is_stopped && pthread_cond_timedwait(&s->wake, &s->lock, &at) != ETIMEDOUT)
        continue;
    const bool is_stopped = s->is_stopped;
    pthread_mutex_unlock(&s->lock);
    return !is_stopped;
}

static void *pace(void *ctx)
{
    struct tro_source_frames *const s = ctx;
    tro_realtime_enter(TRO_REALTIME_CAPTURE);
    const int64_t begin_ns = tro_clock_ns();
    uint64_t last = s->opts.loops ? UINT64_MAX : (uint64_t)s->n;
    if (s->opts.n_frames && s->opts.n_frames < last)
        last = s->opts.n_frames;
    for (uint64_t id = 1; id <= last; id++) {
        if (!wait_until(s, begin_ns + (int64_t)((double)(id - 1) * 1e9 / s->opts.fps)))
            return NULL;
        const struct tro_frame f = {
            .id = id,
            .captured_ns = tro_clock_ns(),
            .form = s->opts.form,
            .bytes = tro_source_frames_bytes(s, tro_source_frames_at(s, id)),
        };
        s->opts.frame(s->opts.ctx, &f);
    }
    if (s->opts.ended)
        s->opts.ended(s->opts.ctx);
    return NULL;
}

int tro_source_frames_start(struct tro_source_frames *s, struct tro_err *err)
{
    if (pthread_create(&s->thread, NULL, pace, s) != 0)
        return tro_fail(err, TRO_E_NOMEM, "the source of frames: no thread could be had");
    s->has_thread = true;
    return 0;
}

void tro_source_frames_stop(struct tro_source_frames *s)
{
    pthread_mutex_lock(&s->lock);
    s->is_stopped = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread)
        pthread_join(s->thread, NULL);
    s->has_thread = false;
}
