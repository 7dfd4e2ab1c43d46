/* SPDX-License-Identifier: Apache-2.0 */
#include "side.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "build/model.h"
#include "build_opts.h"
#include "io/npy.h"
#include "ort/ort.h"
#include "plan/plan.h"
#include "record/record.h"
#include "run/session.h"
#include "tiled.h"

const char *tro_side_kind_name(enum tro_side_kind kind)
{
    static const char *const names[] = {
#define TRO_SIDE_KIND_NAME(id, text) text,
        TRO_SIDE_KINDS(TRO_SIDE_KIND_NAME)
#undef TRO_SIDE_KIND_NAME
    };
    return names[kind];
}

/* ---- folders of outputs ---------------------------------------------------------------- */

/* Types that .npy lacks lie there as raw bits: the type is taken from outputs.tsv. */
static int retype(struct tro_tensor *t, const char *type, struct tro_err *err)
{
    const enum tro_dtype want = tro_dtype_from_name(type);
    if (!want || tro_dtype_size(want) != tro_dtype_size(t->dtype))
        return tro_fail(err, TRO_E_INPUT,
                        "expected elements of type %s as outputs.tsv says, found %s", type,
                        tro_dtype_name(t->dtype));
    t->dtype = want;
    return 0;
}

static int read_folder_output(struct tro_side *s, char *line, struct tro_err *err)
{
    char *save = NULL;
    const char *index = strtok_r(line, "\t", &save), *name = strtok_r(NULL, "\t", &save);
    const char *type = strtok_r(NULL, "\t", &save);
    char path[4096];
    if (!index || !name || !type)
        return tro_fail(err, TRO_E_INPUT,
                        "expected lines of index, name, type, shape with tabs, found '%s'", line);
    snprintf(path, sizeof path, "%s/output_%s.npy", s->path, index);
    struct tro_tensor *t = &s->folder_outputs[s->n_folder];
    struct tro_io_info *info = &s->folder_info[s->n_folder];
    TRO_TRY(tro_npy_read(path, &s->arena, t, err));
    TRO_TRY(tro_err_prefix(err, retype(t, type, err), "%s: ", path));
    *info = (struct tro_io_info){.dtype = t->dtype, .rank = t->rank};
    info->name = tro_arena_strdup(&s->arena, name);
    memcpy(info->shape, t->shape, sizeof info->shape);
    if (!info->name)
        return tro_fail_nomem(err);
    s->n_folder++;
    return 0;
}

static int read_folder_lines(struct tro_side *s, char *text, const char *path, struct tro_err *err)
{
    size_t n_lines = 1;
    for (const char *p = text; *p; p++)
        n_lines += *p == '\n';
    s->folder_info = TRO_NEW_N(&s->arena, struct tro_io_info, n_lines);
    s->folder_outputs = TRO_NEW_N(&s->arena, struct tro_tensor, n_lines);
    if (!s->folder_info || !s->folder_outputs)
        return tro_fail_nomem(err);
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        TRO_TRY(tro_err_prefix(err, read_folder_output(s, line, err), "%s: ", path));
    return 0;
}

static int open_folder(struct tro_side *s, struct tro_err *err)
{
    char path[4096];
    struct tro_file f;
    snprintf(path, sizeof path, "%s/outputs.tsv", s->path);
    TRO_TRY(tro_file_read(&f, path, 0, err));
    char *text = tro_arena_strndup(&s->arena, f.data, f.n_bytes);
    tro_file_finish(&f);
    return text ? read_folder_lines(s, text, path, err) : tro_fail_nomem(err);
}

/* ---- models ---------------------------------------------------------------------------- */

static int tap_progress(void *ctx, const struct tro_graph *g, tro_node_id node,
                        const struct tro_tensor *out, struct tro_err *err)
{
    struct tro_side *s = ctx;
    (void)g;
    (void)node;
    (void)out;
    (void)err;
    tro_progress_at(&s->progress, ++s->n_nodes_done);
    return 0;
}

static int apply_record(struct tro_side *s, const char *path, struct tro_err *err)
{
    struct tro_record record;
    if (!path)
        return 0;
    TRO_TRY(tro_record_read(path, &record, err));
    const int rc = tro_record_apply(&record, s->model, err);
    tro_record_finish(&record);
    return tro_err_prefix(err, rc, "%s: ", s->path);
}

static int open_model(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    s->model = tro_model_open(s->path, err);
    if (!s->model)
        return err->status;
    const int rc = tro_preprocess_from_onnx(tro_model_onnx(s->model), &s->preprocess, err);
    TRO_TRY(tro_err_prefix(err, rc, "%s: ", s->path));
    return apply_record(s, opts->record, err);
}

static int start_ref(struct tro_side *s, struct tro_err *err)
{
    s->session = tro_model_session(s->model, NULL, err);
    if (!s->session)
        return err->status;
    tro_session_set_tap(s->session, tap_progress, s);
    return 0;
}

static int open_ref(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    TRO_TRY(open_model(s, opts, err));
    return start_ref(s, err);
}

/* ---- engines --------------------------------------------------------------------------- */

/* Without tuning and golden samples: what a plan needs to last. */
static int build(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    const struct tro_build_opts build = {.precision = opts->precision,
                                         .passes = opts->passes,
                                         .cpu = opts->cpu,
                                         .n_threads = opts->n_threads,
                                         .n_golden = -1};
    struct tro_builder *b = tro_builder_create(s->model, err);
    int rc = b ? 0 : err->status;
    if (rc >= 0 && opts->shapes && !opts->tile) /* those are the sizes of whole inputs */
        rc = tro_build_set_shapes(b, s->model, opts->shapes, err);
    if (rc >= 0)
        s->plan = tro_builder_plan(b, &build, err);
    if (rc >= 0 && !s->plan)
        rc = err->status;
    tro_builder_destroy(b);
    return tro_err_prefix(err, rc, "%s: ", s->path);
}

static int start_engine(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    const struct tro_session_opts session = {
        .device = opts->device, .n_threads = opts->n_threads, .cpu = opts->cpu};
    s->session = tro_session_create(s->plan, &session, err);
    const char *notice = s->session ? tro_session_notice(s->session) : NULL;
    if (notice && !s->is_shared)
        fprintf(stderr, "trocar: warning: %s: %s\n", s->path, notice);
    return tro_err_prefix(err, s->session ? 0 : err->status, "%s: ", s->path);
}

static int open_engine(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    if (s->is_plan) {
        s->plan = tro_plan_open(s->path, err);
        if (!s->plan)
            return err->status;
        const int rc = tro_preprocess_from_plan(tro_plan_contents(s->plan), &s->preprocess, err);
        TRO_TRY(tro_err_prefix(err, rc, "%s: ", s->path));
    } else {
        TRO_TRY(open_model(s, opts, err));
        TRO_TRY(build(s, opts, err));
    }
    return start_engine(s, opts, err);
}

/* ---- ONNX Runtime ---------------------------------------------------------------------- */

static int open_ort(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    const struct tro_ort_opts ort = {.graph_optimization = opts->ort_optimization,
                                     .n_threads = opts->n_threads};
    struct tro_onnx_model *onnx = tro_onnx_read(s->path, err);
    if (!onnx)
        return err->status;
    const int rc = tro_preprocess_from_onnx(onnx, &s->preprocess, err);
    tro_onnx_free(onnx);
    TRO_TRY(tro_err_prefix(err, rc, "%s: ", s->path));
    return tro_err_prefix(err, tro_ort_open(&s->ort, s->path, &ort, err), "%s: ", s->path);
}

static int classify(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    const char *device = opts->device ? opts->device : "cpu";
    const bool is_ref = strcmp(device, "ref") == 0;
    s->path = s->text;
    s->kind = TRO_SIDE_ENGINE;
    s->device = device;
    if (!is_ref && strcmp(device, "cpu") != 0 && strncmp(device, "cuda", 4) != 0)
        return tro_fail(err, TRO_E_INPUT, "expected device cpu, cuda, cuda:N or ref, found '%s'",
                        device);
    if (strncmp(s->text, "ref:", 4) == 0) {
        s->kind = TRO_SIDE_REF;
        s->path = s->text + 4;
    } else if (strncmp(s->text, "ort:", 4) == 0) {
        s->kind = TRO_SIDE_ORT;
        s->path = s->text + 4;
    } else if (tro_dir_exists(s->text)) {
        s->kind = TRO_SIDE_FOLDER;
        return 0;
    }
    s->is_plan = tro_plan_is_file(s->path);
    if (s->is_plan && s->kind != TRO_SIDE_ENGINE)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a model after %.4s, found a plan", s->path,
                        s->text);
    if (s->kind == TRO_SIDE_ENGINE && is_ref && !s->is_plan)
        s->kind = TRO_SIDE_REF;
    return 0;
}

static int open_kind(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    switch (s->kind) {
    case TRO_SIDE_FOLDER:
        return open_folder(s, err);
    case TRO_SIDE_ORT:
        return open_ort(s, opts, err);
    case TRO_SIDE_REF:
        return open_ref(s, opts, err);
    case TRO_SIDE_ENGINE:
    default:
        return open_engine(s, opts, err);
    }
}

static int start_tiles(struct tro_side *s, const struct tro_side_opts *opts, struct tro_err *err)
{
    if (!opts->tile || s->kind == TRO_SIDE_FOLDER)
        return 0;
    s->tiled = tro_tiled_create(s, opts->tile, err);
    return tro_err_prefix(err, s->tiled ? 0 : err->status, "%s: ", s->path);
}

int tro_side_open(struct tro_side *s, const char *text, const struct tro_side_opts *opts,
                  struct tro_err *err)
{
    *s = (struct tro_side){.text = text};
    int rc = classify(s, opts, err);
    if (rc >= 0)
        rc = open_kind(s, opts, err);
    if (rc >= 0)
        rc = start_tiles(s, opts, err);
    if (rc < 0)
        tro_side_close(s);
    return rc;
}

int tro_side_open_again(struct tro_side *s, const struct tro_side *first,
                        const struct tro_side_opts *opts, struct tro_err *err)
{
    if (first->kind == TRO_SIDE_ORT || first->kind == TRO_SIDE_FOLDER)
        return tro_side_open(s, first->text, opts, err);
    *s = (struct tro_side){.text = first->text,
                           .path = first->path,
                           .kind = first->kind,
                           .is_plan = first->is_plan,
                           .device = first->device,
                           .preprocess = first->preprocess,
                           .model = first->model,
                           .plan = first->plan,
                           .is_shared = true};
    int rc = s->plan ? start_engine(s, opts, err) : start_ref(s, err);
    if (rc >= 0)
        rc = start_tiles(s, opts, err);
    if (rc < 0)
        tro_side_close(s);
    return rc;
}

void tro_side_close(struct tro_side *s)
{
    tro_session_destroy(s->session);
    if (!s->is_shared) {
        tro_plan_close(s->plan);
        tro_model_close(s->model);
    }
    tro_ort_close(s->ort);
    tro_tiled_destroy(s->tiled);
    tro_arena_finish(&s->arena);
    *s = (struct tro_side){0};
}

/* ---- questions ------------------------------------------------------------------------- */

int tro_side_n_inputs(const struct tro_side *s)
{
    return s->session ? tro_session_n_inputs(s->session) : s->ort ? tro_ort_n_inputs(s->ort) : 0;
}

int tro_side_n_outputs(const struct tro_side *s)
{
    return s->session ? tro_session_n_outputs(s->session)
           : s->ort   ? tro_ort_n_outputs(s->ort)
                      : s->n_folder;
}

struct tro_io_info tro_side_input_info(const struct tro_side *s, int i)
{
    struct tro_io_info info = s->session ? tro_session_input_info(s->session, i)
                                         : tro_ort_input_info(s->ort, i);
    if (s->tiled)
        tro_tiled_input_info(s->tiled, i, &info);
    return info;
}

struct tro_io_info tro_side_output_info(const struct tro_side *s, int i)
{
    return s->session ? tro_session_output_info(s->session, i)
           : s->ort   ? tro_ort_output_info(s->ort, i)
                      : s->folder_info[i];
}

bool tro_side_optimal_shape(const struct tro_side *s, int i, int64_t shape[TRO_MAX_RANK])
{
    const struct tro_plan_parts *parts = s->plan ? tro_plan_contents(s->plan) : NULL;
    const char *name = parts ? tro_side_input_info(s, i).name : NULL;
    const struct tro_block *b = parts ? tro_block_get(parts->graph, TRO_MAIN_BLOCK) : NULL;
    for (size_t k = 0; parts && k < parts->n_sizes; k++) {
        const struct tro_plan_sizes *sizes = &parts->sizes[k];
        if (strcmp(tro_value_get(parts->graph, b->inputs[sizes->input])->name, name) != 0)
            continue;
        memcpy(shape, sizes->opt, sizeof sizes->opt);
        return true;
    }
    return false;
}

const struct tro_attrs_camera *tro_side_camera(const struct tro_side *s, const char *input)
{
    const struct tro_graph *const g = s->plan    ? tro_plan_contents(s->plan)->graph
                                      : s->model ? tro_model_graph(s->model)
                                                 : NULL;
    return g ? tro_camera_of_input(g, input) : NULL;
}

const char *tro_side_device(const struct tro_side *s)
{
    return s->kind == TRO_SIDE_ENGINE ? s->device : s->kind == TRO_SIDE_REF ? "ref" : "cpu";
}

const char *tro_side_precision(const struct tro_side *s)
{
    return s->session ? tro_precision_name(tro_session_precision(s->session)) : "fp32";
}

bool tro_side_hash(const struct tro_side *s, char out[32])
{
    if (!s->plan)
        return false;
    snprintf(out, 32, "%016llx", (unsigned long long)tro_plan_hash(s->plan));
    return true;
}

/* ---- running --------------------------------------------------------------------------- */

static int bind(struct tro_side *s, const struct tro_tensor *inputs, int n, struct tro_err *err)
{
    for (int i = 0; i < n; i++)
        TRO_TRY(tro_session_bind(s->session, tro_session_input_info(s->session, i).name, &inputs[i],
                                 err));
    return 0;
}

static int run_ref(struct tro_side *s, struct tro_err *err)
{
    const struct tro_graph *g = tro_model_graph(s->model);
    s->n_nodes_done = 0;
    tro_progress_start(&s->progress, s->text, (int64_t)tro_block_get(g, TRO_MAIN_BLOCK)->n_nodes);
    const int rc = tro_session_run(s->session, err);
    tro_progress_end(&s->progress);
    return rc;
}

static int run_ort(struct tro_side *s, const struct tro_tensor *inputs, int n, struct tro_err *err)
{
    const struct tro_tensor **list = tro_calloc((size_t)n + 1, sizeof *list);
    if (!list)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        list[i] = &inputs[i];
    const int rc = tro_ort_run(s->ort, list, n, err);
    tro_free(list);
    return rc;
}

/* Without the time that binding takes. */
static int run_whole(struct tro_side *s, const struct tro_tensor *inputs, int n,
                     struct tro_err *err)
{
    int rc = s->session ? bind(s, inputs, n, err) : 0;
    const int64_t begin = tro_clock_ns();
    if (rc >= 0 && s->session)
        rc = s->kind == TRO_SIDE_REF ? run_ref(s, err) : tro_session_run(s->session, err);
    else if (rc >= 0 && s->ort)
        rc = run_ort(s, inputs, n, err);
    s->run_ns = tro_clock_ns() - begin;
    return rc;
}

int tro_side_run(struct tro_side *s, const struct tro_tensor *inputs, int n, struct tro_err *err)
{
    if (!s->tiled)
        return tro_err_prefix(err, run_whole(s, inputs, n, err), "%s: ", s->path);
    const int64_t begin = tro_clock_ns();
    const int rc = tro_tiled_run(s->tiled, s, run_whole, inputs, n, err);
    s->run_ns = tro_clock_ns() - begin;
    return tro_err_prefix(err, rc, "%s: ", s->path);
}

int tro_side_output(const struct tro_side *s, int i, struct tro_tensor *out, struct tro_err *err)
{
    if (s->tiled && s->tiled->is_done) {
        *out = s->tiled->results[i].whole;
        return 0;
    }
    if (s->session)
        return tro_session_output(s->session, i, out, err);
    if (s->ort)
        return tro_ort_output(s->ort, i, out, err);
    *out = s->folder_outputs[i];
    return 0;
}
