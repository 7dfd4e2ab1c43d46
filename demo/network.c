/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "inputs.h"
#include "profile.h"

#define TUNING_SECONDS 5
#define TURNS 4

static const struct {
    const char *name;
    enum tro_record_decode decode;
} tasks[] = {
#define DEMO_TASK_ROW(id, text, decode) {text, decode},
    DEMO_TASKS(DEMO_TASK_ROW)
#undef DEMO_TASK_ROW
};

const char *demo_task_name(enum demo_task task)
{
    return tasks[task].name;
}

/* ---- what it is ------------------------------------------------------------------------ */

/* "DIR/NAME.onnx": its length without the ending. */
static int stem_length(const char *path)
{
    return (int)(strlen(path) - (tro_path_has_ext(path, ".onnx") ? strlen(".onnx") : 0));
}

static int name_files(struct demo_network *n, const char *path, const char *folder,
                      struct tro_err *err)
{
    const char *const base = tro_path_base(path);
    const int n_stem = stem_length(base), room = (int)sizeof n->plan_path;
    n->path = path;
    const int n_plan = snprintf(n->plan_path, sizeof n->plan_path, "%s/%.*s.plan", folder, n_stem,
                                base);
    const int n_page = snprintf(n->page_path, sizeof n->page_path, "%s/%.*s.html", folder, n_stem,
                                base);
    const int n_ort = snprintf(n->ort_text, sizeof n->ort_text, "ort:%s", path);
    if (n_plan >= room || n_page >= room || n_ort >= room)
        return tro_fail(err, TRO_E_INPUT, "expected names of files below %d letters", room);
    return 0;
}

static int read_record(struct demo_network *n, struct tro_err *err)
{
    char path[4096];
    snprintf(path, sizeof path, "%.*s.json", stem_length(n->path), n->path);
    TRO_TRY(tro_record_read(path, &n->record, err));
    if (n->record.n_inputs != 1 || n->record.n_outputs < 1)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected one input and an output that is decoded, found %zu and %zu",
                        path, n->record.n_inputs, n->record.n_outputs);
    n->output = &n->record.outputs[0];
    for (int i = 0; i < DEMO_N_TASKS; i++)
        if (tasks[i].decode == n->output->decode)
            n->task = (enum demo_task)i;
    if (tasks[n->task].decode != n->output->decode)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: outputs.%s: expected classes, boxes, linear or peaks, found scores",
                        path, n->output->name);
    return n->task == DEMO_DEPTH
               ? 0
               : tro_err_prefix(err, demo_names_init(&n->names, n->output, err), "%s: ", path);
}

/* Positions must be in proportion to those of the picture, whatever its size. */
static int check_space(const struct demo_network *n, struct tro_err *err)
{
    const bool has_places = n->task == DEMO_BOXES || n->task == DEMO_POINTS;
    const bool is_frame = n->output->space == TRO_RECORD_SPACE_FRAME ||
                          (n->output->space == TRO_RECORD_SPACE_NETWORK &&
                           n->record.inputs[0].height == 0);
    if (!has_places || is_frame)
        return 0;
    return tro_fail(err, TRO_E_INPUT,
                    "record, outputs.%s.space: expected frame, or network where frames have no "
                    "source of their own",
                    n->output->name);
}

static int find_frame_input(struct demo_network *n, struct tro_err *err)
{
    const int n_inputs = tro_side_n_inputs(&n->engine);
    if ((size_t)n_inputs != 1 + n->record.n_optics)
        return tro_fail(err, TRO_E_INPUT,
                        "expected one input besides the record's %zu optics, found %d inputs",
                        n->record.n_optics, n_inputs);
    while (strcmp(tro_side_input_info(&n->engine, n->frame_input).name, n->record.inputs[0].name) !=
           0)
        n->frame_input++;
    return 0;
}

/* After the record was applied. */
static int find_size(struct demo_network *n, struct tro_err *err)
{
    const struct tro_io_info info = tro_side_input_info(&n->engine, n->frame_input);
    const struct tro_attrs_camera *const attrs = tro_side_camera(&n->engine, info.name);
    struct tro_tensor frame = {.dtype = info.dtype, .rank = info.rank};
    struct tro_camera camera;
    if (!attrs)
        return tro_fail(err, TRO_E_INPUT, "expected one input, frames of a camera");
    memcpy(frame.shape, info.shape, sizeof frame.shape);
    frame.shape[0] = 1;
    tro_camera_init(attrs, &frame, &camera);
    n->height = (int)camera.height;
    n->width = (int)camera.width;
    return 0;
}

/* ---- opening --------------------------------------------------------------------------- */

static void show_progress(void *ctx, const struct tro_build_progress *p)
{
    struct tro_progress *const bar = ctx;
    if (bar->what != p->what) {
        tro_progress_end(bar);
        tro_progress_start(bar, p->what, p->total);
    }
    bar->n_total = p->total;
    bar->eta_seconds = p->eta_seconds;
    tro_progress_at(bar, p->done);
}

static int build(struct demo_network *n, struct tro_err *err)
{
    struct tro_progress bar = {0};
    const struct tro_build_opts opts = {
        .tune = 1, .time_budget = TUNING_SECONDS, .progress = show_progress, .ctx = &bar};
    struct tro_builder *const b = tro_builder_create(n->model, err);
    if (!b)
        return err->status;
    const int rc = tro_builder_write(b, n->plan_path, &opts, err);
    tro_progress_end(&bar);
    tro_builder_destroy(b);
    return rc;
}

static int open_model(struct demo_network *n, struct tro_err *err)
{
    n->model = tro_model_open(n->path, err);
    if (!n->model)
        return err->status;
    TRO_TRY(tro_err_prefix(err, tro_record_apply(&n->record, n->model, err), "%s: ", n->path));
    n->reference = tro_model_session(n->model, NULL, err);
    if (!n->reference)
        return err->status;
    return tro_err_prefix(err, build(n, err), "%s: ", n->path);
}

static int open_ort(struct demo_network *n, struct tro_err *err)
{
    const struct tro_side_opts opts = {.ort_optimization = 99};
    const char *const given = getenv("TROCAR_ORT_LIBRARY");
    const int rc = tro_side_open(&n->ort, n->ort_text, &opts, err);
    if (rc == TRO_E_DEVICE) {
        snprintf(n->why_no_ort, sizeof n->why_no_ort, "%s",
                 given && *given ? err->text
                                 : "ONNX Runtime is not installed; \"scripts/setup-debian.sh "
                                   "check\" fetches it");
        return 0;
    }
    TRO_TRY(rc);
    n->has_ort = true;
    n->around = tro_around_create(&n->ort, &n->record, err);
    return n->around ? 0 : err->status;
}

static const char *result_name(const struct demo_network *n, enum demo_engine engine, int i)
{
    if (engine == DEMO_ORT)
        return tro_around_result_name(n->around, i);
    return engine == DEMO_ENGINE ? tro_side_output_info(&n->engine, i).name
                                 : tro_session_output_info(n->reference, i).name;
}

/* "NAME_classes" and the like. */
static int find_results(struct demo_network *n, enum demo_engine engine, struct tro_err *err)
{
    static const char *const endings[DEMO_N_TASKS] = {"classes", "count", "linear", "points"};
    const int n_all = engine == DEMO_ORT ? tro_around_n_results(n->around)
                                         : tro_side_n_outputs(&n->engine);
    char name[512];
    snprintf(name, sizeof name, "%s_%s", n->output->name, endings[n->task]);
    n->n_results = n->task == DEMO_BOXES ? 4 : 1;
    for (int i = 0; i < n_all; i++)
        if (strcmp(result_name(n, engine, i), name) == 0) {
            n->first[engine] = i;
            return 0;
        }
    return tro_fail(err, TRO_E_INPUT, "expected an output %s, which the record makes, found none",
                    name);
}

static int open_all(struct demo_network *n, const char *path, const char *folder,
                    struct tro_err *err)
{
    static const struct tro_side_opts opts = {0};
    TRO_TRY(name_files(n, path, folder, err));
    TRO_TRY(read_record(n, err));
    TRO_TRY(tro_err_prefix(err, check_space(n, err), "%s: ", path));
    TRO_TRY(open_model(n, err));
    TRO_TRY(tro_side_open(&n->engine, n->plan_path, &opts, err));
    TRO_TRY(tro_err_prefix(err, find_frame_input(n, err), "%s: ", path));
    TRO_TRY(tro_err_prefix(err, find_size(n, err), "%s: ", path));
    TRO_TRY(open_ort(n, err));
    for (int i = 0; i < DEMO_N_ENGINES; i++)
        if (i != DEMO_ORT || n->has_ort)
            TRO_TRY(tro_err_prefix(err, find_results(n, (enum demo_engine)i, err), "%s: ", path));
    return 0;
}

int demo_network_open(struct demo_network *n, const char *path, const char *folder,
                      struct tro_err *err)
{
    *n = (struct demo_network){0};
    const int rc = open_all(n, path, folder, err);
    if (rc < 0)
        demo_network_close(n);
    return rc;
}

void demo_network_close(struct demo_network *n)
{
    tro_around_destroy(n->around);
    tro_side_close(&n->ort);
    tro_side_close(&n->engine);
    tro_session_destroy(n->reference);
    tro_model_close(n->model);
    tro_record_finish(&n->record);
    *n = (struct demo_network){0};
}

/* ---- running --------------------------------------------------------------------------- */

double demo_greater(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double lesser_ms(double a, int64_t ns)
{
    const double b = (double)ns * 1e-6;
    return a == 0 || b < a ? b : a;
}

/* All but that of pictures are facts of the camera, of which there is one kind. */
static int make_inputs(struct demo_network *n, const char *picture_path, float focal_length,
                       struct tro_arena *arena, struct tro_tensor **out, struct tro_err *err)
{
    const int n_inputs = tro_side_n_inputs(&n->engine);
    struct tro_tensor *const t = TRO_NEW_N(arena, struct tro_tensor, (size_t)n_inputs);
    float *const value = TRO_NEW(arena, float);
    if (!t || !value)
        return tro_fail_nomem(err);
    *value = focal_length;
    for (int i = 0; i < n_inputs; i++) {
        const struct tro_io_info info = tro_side_input_info(&n->engine, i);
        t[i] = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank, .data = value};
        memcpy(t[i].shape, info.shape, sizeof info.shape);
        if (i == n->frame_input)
            TRO_TRY(tro_input_read(&n->engine, picture_path, &info, arena, &t[i], err));
    }
    *out = t;
    return 0;
}

static int time_reference(struct demo_network *n, const struct tro_tensor *inputs, double *ms,
                          struct tro_err *err)
{
    for (int i = 0; i < tro_session_n_inputs(n->reference); i++)
        TRO_TRY(tro_session_bind(n->reference, tro_session_input_info(n->reference, i).name,
                                 &inputs[i], err));
    const int64_t start_ns = tro_clock_ns();
    TRO_TRY(tro_session_run(n->reference, err));
    *ms = (double)(tro_clock_ns() - start_ns) * 1e-6;
    return 0;
}

/* The engines take turns, so that what the machine does besides meets both; a first turn is not
 * counted, since it prepares memory and threads. */
static int time_engines(struct demo_network *n, const struct tro_tensor *inputs,
                        struct demo_run *out, struct tro_err *err)
{
    for (int turn = n->is_warm ? 1 : 0; turn <= TURNS; turn++) {
        TRO_TRY(tro_side_run(&n->engine, inputs, tro_side_n_inputs(&n->engine), err));
        if (n->has_ort)
            TRO_TRY(tro_around_run(n->around, inputs, err));
        if (turn == 0)
            continue;
        out->ms[DEMO_ENGINE] = lesser_ms(out->ms[DEMO_ENGINE], n->engine.run_ns);
        if (n->has_ort)
            out->ms[DEMO_ORT] = lesser_ms(out->ms[DEMO_ORT], n->ort.run_ns);
    }
    n->is_warm = true;
    return time_reference(n, inputs, &out->ms[DEMO_REFERENCE], err);
}

static int result_of(const struct demo_network *n, enum demo_engine engine, int i,
                     struct tro_tensor *out, struct tro_err *err)
{
    const int at = n->first[engine] + i;
    if (engine == DEMO_ENGINE)
        return tro_side_output(&n->engine, at, out, err);
    if (engine == DEMO_REFERENCE)
        return tro_session_output(n->reference, at, out, err);
    *out = tro_around_result(n->around, at);
    return 0;
}

/* Of classes the share that are others, of numbers the greatest difference. */
static double difference_of(const struct tro_tensor *want, const struct tro_tensor *got)
{
    const int64_t n = tro_tensor_n_elems(want);
    double greatest = 0;
    int64_t n_others = 0;
    for (int64_t i = 0; i < n; i++) {
        if (want->dtype == TRO_U8) {
            n_others += ((const uint8_t *)want->data)[i] != ((const uint8_t *)got->data)[i];
            continue;
        }
        const double a = ((const float *)want->data)[i], b = ((const float *)got->data)[i];
        greatest = demo_greater(fabs(b - a), greatest);
    }
    return want->dtype == TRO_U8 ? (double)n_others / (double)n : greatest;
}

/* Of boxes their places. */
static int compare(const struct demo_network *n, struct demo_run *out, struct tro_err *err)
{
    const int at = n->task == DEMO_BOXES ? 1 : 0;
    struct tro_tensor want, got;
    TRO_TRY(result_of(n, DEMO_REFERENCE, at, &want, err));
    for (int i = 0; i < DEMO_REFERENCE; i++) {
        if (i == DEMO_ORT && !n->has_ort)
            continue;
        TRO_TRY(result_of(n, (enum demo_engine)i, at, &got, err));
        if (got.dtype != want.dtype || tro_tensor_n_elems(&got) != tro_tensor_n_elems(&want))
            return tro_fail(err, TRO_E_DEVICE,
                            "%s: expected %lld results as of the reference, found %lld of type %s",
                            n->path, (long long)tro_tensor_n_elems(&want),
                            (long long)tro_tensor_n_elems(&got), tro_dtype_name(got.dtype));
        out->difference[i] = difference_of(&want, &got);
    }
    return 0;
}

int demo_network_run(struct demo_network *n, const char *picture_path, float focal_length,
                     struct demo_run *out, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_tensor *inputs = NULL;
    *out = (struct demo_run){0};
    int rc = make_inputs(n, picture_path, focal_length, &arena, &inputs, err);
    if (rc >= 0)
        rc = time_engines(n, inputs, out, err);
    if (rc >= 0)
        rc = compare(n, out, err);
    for (int i = 0; i < n->n_results && rc >= 0; i++)
        rc = result_of(n, DEMO_ENGINE, i, &out->results[i], err);
    tro_arena_finish(&arena);
    return rc;
}

int demo_network_profile(const struct demo_network *n, struct tro_err *err)
{
    static const struct tro_profile_opts opts = {.seed = 1};
    struct tro_profile p;
    struct tro_buf page = {0};
    int rc = tro_profile_open(&p, n->plan_path, &opts, err);
    if (rc >= 0) {
        tro_profile_html(&p, &page);
        rc = page.failed ? tro_fail_nomem(err) : tro_file_write(n->page_path, page.p, page.n, err);
    }
    tro_buf_finish(&page);
    tro_profile_close(&p);
    return rc;
}
