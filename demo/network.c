/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "base/thread.h"
#include "build/model.h"
#include "progress.h"

#define TUNING_SECONDS 8
#define TURNS 4

/* ---- opening --------------------------------------------------------------------------- */

static int check_model(struct demo_network *n, struct tro_err *err)
{
    const struct tro_onnx_model *onnx = tro_model_onnx(n->model);
    TRO_TRY(demo_classes_read(onnx, &n->classes, err));
    TRO_TRY(tro_preprocess_from_onnx(onnx, &n->preprocess, err));
    const int n_inputs = tro_model_n_inputs(n->model), n_outputs = tro_model_n_outputs(n->model);
    if (n_inputs != 1 || n_outputs != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a network with one input and one output, found %d and %d",
                        n_inputs, n_outputs);
    n->input = tro_model_input_info(n->model, 0);
    return 0;
}

static int open_ort(struct demo_network *n, const char *path, struct tro_err *err)
{
    const char *given = getenv("TROCAR_ORT_LIBRARY");
    const int rc = tro_ort_open(&n->ort, path, NULL, err);
    if (rc != TRO_E_DEVICE)
        return tro_err_prefix(err, rc, "%s: ", path);
    snprintf(n->why_no_ort, sizeof n->why_no_ort, "%s",
             given && *given ? err->text
                             : "ONNX Runtime is not installed; \"scripts/setup-debian.sh check\" "
                               "fetches it");
    return 0;
}

static void show_progress(void *ctx, const struct tro_build_progress *p)
{
    struct tro_progress *bar = ctx;
    if (bar->what != p->what) {
        tro_progress_end(bar);
        tro_progress_start(bar, p->what, p->total);
    }
    bar->n_total = p->total;
    bar->eta_seconds = p->eta_seconds;
    tro_progress_at(bar, p->done);
}

static int build(struct demo_network *n, const char *plan_path, struct tro_err *err)
{
    struct tro_progress bar = {0};
    const struct tro_build_opts opts = {
        .tune = 1, .time_budget = TUNING_SECONDS, .progress = show_progress, .ctx = &bar};
    struct tro_builder *b = tro_builder_create(n->model, err);
    if (!b)
        return err->status;
    const int rc = tro_builder_write(b, plan_path, &opts, err);
    tro_progress_end(&bar);
    tro_builder_destroy(b);
    return rc;
}

static int open_engine(struct demo_network *n, const char *plan_path, struct tro_err *err)
{
    n->plan = tro_plan_open(plan_path, err);
    if (!n->plan)
        return err->status;
    n->engine = tro_session_create(n->plan, NULL, err);
    return tro_err_prefix(err, n->engine ? 0 : err->status, "%s: ", plan_path);
}

static int open_all(struct demo_network *n, const char *path, const char *plan_path,
                    struct tro_err *err)
{
    n->model = tro_model_open(path, err);
    if (!n->model)
        return err->status;
    TRO_TRY(tro_err_prefix(err, check_model(n, err), "%s: ", path));
    n->reference = tro_model_session(n->model, NULL, err);
    if (!n->reference)
        return err->status;
    TRO_TRY(tro_err_prefix(err, build(n, plan_path, err), "%s: ", path));
    TRO_TRY(open_engine(n, plan_path, err));
    return open_ort(n, path, err);
}

int demo_network_open(struct demo_network *n, const char *path, const char *plan_path,
                      struct tro_err *err)
{
    *n = (struct demo_network){0};
    const int rc = open_all(n, path, plan_path, err);
    if (rc < 0)
        demo_network_close(n);
    return rc;
}

void demo_network_close(struct demo_network *n)
{
    tro_session_destroy(n->engine);
    tro_session_destroy(n->reference);
    tro_plan_close(n->plan);
    tro_model_close(n->model);
    tro_ort_close(n->ort);
    *n = (struct demo_network){0};
}

/* ---- running --------------------------------------------------------------------------- */

double demo_greater(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double ms_since(int64_t start_ns)
{
    return (double)(tro_clock_ns() - start_ns) * 1e-6;
}

static double lesser_ms(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static int run_session(struct tro_session *session, double *ms, struct tro_tensor *out,
                       struct tro_err *err)
{
    const int64_t start_ns = tro_clock_ns();
    TRO_TRY(tro_session_run(session, err));
    *ms = lesser_ms(*ms, ms_since(start_ns));
    return tro_session_output(session, 0, out, err);
}

static int run_ort(struct demo_network *n, const struct tro_tensor *picture, double *ms,
                   struct tro_tensor *out, struct tro_err *err)
{
    const int64_t start_ns = tro_clock_ns();
    TRO_TRY(tro_ort_run(n->ort, &picture, 1, err));
    *ms = lesser_ms(*ms, ms_since(start_ns));
    return tro_ort_output(n->ort, 0, out, err);
}

static int check_map(const struct demo_network *n, const struct tro_tensor *t, struct tro_err *err)
{
    const bool is_map = t->dtype == TRO_F32 && t->rank == 4 && t->shape[0] == 1;
    if (!is_map || t->shape[1] != n->classes.n || t->shape[2] < 1 || t->shape[3] < 1 ||
        t->shape[2] > TRO_PICTURE_MAX_SIDE || t->shape[3] > TRO_PICTURE_MAX_SIDE)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an output of f32 1x%dxHEIGHTxWIDTH, one layer for each class, "
                        "found %s of rank %d",
                        n->classes.n, tro_dtype_name(t->dtype), t->rank);
    return 0;
}

static int compare(const struct tro_tensor *want, const struct tro_tensor *got, double *error,
                   struct tro_err *err)
{
    const int64_t n = tro_tensor_n_elems(want);
    const float *a = want->data, *b = got->data;
    if (got->dtype != TRO_F32 || tro_tensor_n_elems(got) != n)
        return tro_fail(
            err, TRO_E_DEVICE, "expected %lld values as of the reference, found %lld of type %s",
            (long long)n, (long long)tro_tensor_n_elems(got), tro_dtype_name(got->dtype));
    for (int64_t i = 0; i < n; i++)
        *error = demo_greater(fabs((double)b[i] - (double)a[i]), *error);
    return 0;
}

/* The engines take turns, so that what the machine does besides meets both; a first turn is not
 * counted, since it prepares memory and threads. */
static int time_engines(struct demo_network *n, const struct tro_tensor *picture,
                        struct demo_logits *out, struct tro_tensor outputs[DEMO_N_ENGINES],
                        struct tro_err *err)
{
    for (int turn = n->is_warm ? 1 : 0; turn <= TURNS; turn++) {
        TRO_TRY(run_session(n->engine, &out->ms[DEMO_ENGINE], &outputs[DEMO_ENGINE], err));
        if (n->ort)
            TRO_TRY(run_ort(n, picture, &out->ms[DEMO_ORT], &outputs[DEMO_ORT], err));
        if (turn == 0)
            out->ms[DEMO_ENGINE] = out->ms[DEMO_ORT] = 0;
    }
    n->is_warm = true;
    return run_session(n->reference, &out->ms[DEMO_REFERENCE], &outputs[DEMO_REFERENCE], err);
}

static int run_all(struct demo_network *n, const struct tro_tensor *picture,
                   struct demo_logits *out, struct tro_err *err)
{
    struct tro_tensor t[DEMO_N_ENGINES];
    TRO_TRY(tro_session_bind(n->engine, n->input.name, picture, err));
    TRO_TRY(tro_session_bind(n->reference, n->input.name, picture, err));
    TRO_TRY(time_engines(n, picture, out, t, err));
    TRO_TRY(check_map(n, &t[DEMO_REFERENCE], err));
    for (int i = 0; i < DEMO_REFERENCE; i++)
        if (i != DEMO_ORT || n->ort)
            TRO_TRY(compare(&t[DEMO_REFERENCE], &t[i], &out->error[i], err));
    const float *want = t[DEMO_REFERENCE].data;
    for (int64_t i = 0; i < tro_tensor_n_elems(&t[DEMO_REFERENCE]); i++)
        out->magnitude = fmax(out->magnitude, fabs((double)want[i]));
    out->height = (int)t[DEMO_ENGINE].shape[2];
    out->width = (int)t[DEMO_ENGINE].shape[3];
    out->data = t[DEMO_ENGINE].data;
    return 0;
}

int demo_network_run(struct demo_network *n, const char *picture_path, struct demo_logits *out,
                     struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_tensor picture;
    *out = (struct demo_logits){0};
    int rc = tro_picture_to_tensor(picture_path, &n->input, &n->preprocess, &arena, &picture, err);
    if (rc >= 0)
        rc = run_all(n, &picture, out, err);
    tro_arena_finish(&arena);
    return rc;
}

/* ---- labels ---------------------------------------------------------------------------- */

struct labelling {
    const struct demo_logits *logits;
    int n_classes, width, height;
    uint8_t *label;
};

/* Two neighbours on an axis and the weight of the second; pixel middles lie at halves, as in
 * io/preprocess.h. */
struct tap {
    int a, b;
    float t;
};

static struct tap tap_at(int i, int n_out, int n_in)
{
    const double x = (i + 0.5) * n_in / n_out - 0.5, whole = floor(x);
    const int a = (int)whole;
    return (struct tap){a < 0 ? 0 : a, a + 1 >= n_in ? n_in - 1 : a + 1, (float)(x - whole)};
}

static float value_at(const float *layer, int width, struct tap y, struct tap x)
{
    const float *top = layer + (size_t)y.a * (size_t)width;
    const float *bottom = layer + (size_t)y.b * (size_t)width;
    const float left = top[x.a] + (bottom[x.a] - top[x.a]) * y.t;
    const float right = top[x.b] + (bottom[x.b] - top[x.b]) * y.t;
    return left + (right - left) * x.t;
}

static void label_row(void *ctx, int64_t row)
{
    const struct labelling *l = ctx;
    const struct demo_logits *in = l->logits;
    const size_t n_layer = (size_t)in->width * (size_t)in->height;
    const struct tap y = tap_at((int)row, l->height, in->height);
    for (int i = 0; i < l->width; i++) {
        const struct tap x = tap_at(i, l->width, in->width);
        int best = 0;
        float best_value = value_at(in->data, in->width, y, x);
        for (int c = 1; c < l->n_classes; c++) {
            const float v = value_at(in->data + (size_t)c * n_layer, in->width, y, x);
            if (v > best_value) {
                best = c;
                best_value = v;
            }
        }
        l->label[row * l->width + i] = (uint8_t)best;
    }
}

void demo_logits_label(const struct demo_logits *logits, int n_classes, int width, int height,
                       uint8_t *label)
{
    struct labelling l = {logits, n_classes, width, height, label};
    tro_parallel_for(height, label_row, &l);
}
