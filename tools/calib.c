/* SPDX-License-Identifier: Apache-2.0 */
#include "calib.h"

#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "eval.h"
#include "progress.h"
#include "samples.h"

/* One pass over the data. */
struct pass {
    const struct tro_calib *c;
    tro_calib_look_fn *look;
    void *ctx;
    const char *name, *slice, *camera; /* of the sample at hand */
    int64_t n;                         /* samples so far */
    struct tro_progress progress;
};

static int look(void *ctx, const struct tro_tensor *inputs, struct tro_err *err)
{
    struct pass *const p = ctx;
    const struct tro_calib_sample sample = {p->n++, p->name, p->slice, p->camera, inputs};
    tro_progress_at(&p->progress, p->n);
    return p->look(p->ctx, &sample, err);
}

static bool is_enough(const struct pass *p)
{
    return p->c->n_most > 0 && p->n >= p->c->n_most;
}

/* Frames of a data set with truth, states handed on. */
static int pass_dataset(struct pass *p, const char *path, struct tro_err *err)
{
    static struct eval e; /* large */
    e = (struct eval){.record_path = p->c->record_path, .n_threads = p->c->n_threads};
    e.side.n_threads = p->c->n_threads;
    e.args.v[e.args.n++] = path;
    e.args.v[e.args.n++] = p->c->model_path;
    int rc = eval_prepare(&e, err);
    if (rc >= 0)
        rc = eval_open_engine(&e, 0, err);
    e.engines[0].look = look;
    e.engines[0].look_ctx = p;
    for (int64_t i = 0; i < e.data.n_frames && rc >= 0 && !is_enough(p); i++) {
        struct tro_arena arena = {0};
        p->name = eval_frame_name(&e, i);
        p->slice = e.data.frames[i].slice;
        p->camera = e.data.frames[i].camera;
        rc = eval_run(&e, &e.engines[0], i, &arena, err);
        tro_arena_finish(&arena);
    }
    eval_close_engine(&e, 0);
    eval_finish(&e);
    return rc;
}

/* Tensors and pictures, as `trocar compare --data` takes them. */
static int pass_samples(struct pass *p, const char *path, struct tro_err *err)
{
    const struct tro_side_opts side_opts = {.record = p->c->record_path, .device = "ref"};
    const struct tro_list none = {.n = 0};
    const struct tro_samples_opts opts = {.files = &none, .shapes = &none, .dir = path};
    struct tro_side side;
    struct tro_samples samples;
    TRO_TRY(tro_side_open(&side, p->c->model_path, &side_opts, err));
    int rc = tro_samples_open(&samples, &side, &opts, err);
    for (int64_t i = 0; rc >= 0 && i < samples.n && !is_enough(p); i++) {
        struct tro_arena arena = {0};
        char name[256];
        struct tro_tensor *const in = TRO_NEW_N(&arena, struct tro_tensor,
                                                (size_t)tro_side_n_inputs(&side) + 1);
        tro_samples_print_name(&samples, i, name, sizeof name);
        p->slice = p->camera = "";
        p->name = name;
        rc = in ? tro_samples_read(&samples, i, &arena, in, err) : tro_fail_nomem(err);
        if (rc >= 0)
            rc = look(p, in, err);
        tro_arena_finish(&arena);
    }
    tro_samples_close(&samples);
    tro_side_close(&side);
    return rc;
}

static bool is_dataset(const char *path)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/frames.jsonl", path);
    return tro_path_has_ext(path, ".json") || tro_file_exists(name);
}

int tro_calib_each(const struct tro_calib *c, const char *what, int64_t n_total,
                   tro_calib_look_fn *look_at, void *ctx, struct tro_err *err)
{
    struct pass p = {.c = c, .look = look_at, .ctx = ctx};
    int rc = 0;
    tro_progress_start(&p.progress, what, n_total);
    for (int i = 0; i < c->data->n && rc >= 0 && !is_enough(&p); i++)
        rc = is_dataset(c->data->v[i]) ? pass_dataset(&p, c->data->v[i], err)
                                       : pass_samples(&p, c->data->v[i], err);
    tro_progress_end(&p.progress);
    return rc;
}
