/* SPDX-License-Identifier: Apache-2.0 */
/* Engines of an evaluation: frames in, decoded results out, states handed on from frame to frame of
 * a procedure. */
#include "eval.h"

#include <stdio.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "inputs.h"
#include "io/frame.h"
#include "io/picture.h"

/* ---- inputs and results --------------------------------------------------------------------- */

static int n_results(const struct eval_engine *x)
{
    return x->around ? tro_around_n_results(x->around) : tro_side_n_outputs(&x->side);
}

static const char *result_name(const struct eval_engine *x, int i)
{
    return x->around ? tro_around_result_name(x->around, i)
                     : tro_side_output_info(&x->side, i).name;
}

static struct tro_io_info input_info(const struct eval_engine *x, int i)
{
    return x->around ? tro_around_input_info(x->around, i) : tro_side_input_info(&x->side, i);
}

struct tro_tensor *eval_side_inputs(const struct eval_engine *x)
{
    return x->around ? tro_around_side_inputs(x->around) : x->inputs;
}

int eval_output(struct eval_engine *x, int i, struct tro_tensor *out, struct tro_err *err)
{
    if (!x->around)
        return tro_side_output(&x->side, i, out, err);
    *out = tro_around_result(x->around, i);
    return 0;
}

static int find_result(const struct eval_engine *x, const char *name, int *index,
                       struct tro_err *err)
{
    for (int i = 0; i < n_results(x); i++)
        if (strcmp(result_name(x, i), name) == 0) {
            *index = i;
            return 0;
        }
    return tro_fail(err, TRO_E_INPUT,
                    "%s: expected an output %s, which the record speaks of, found none", x->text,
                    name);
}

/* ---- tasks ---------------------------------------------------------------------------------- */

static int find_task(const struct eval_engine *x, struct eval_task *t, struct tro_err *err)
{
    static const char *const endings[] = {
        [TRO_RECORD_BOXES] = "count",     [TRO_RECORD_PEAKS] = "points",
        [TRO_RECORD_CLASSES] = "classes", [TRO_RECORD_LINEAR] = "linear",
        [TRO_RECORD_SCORES] = "scores",
    };
    char name[512];
    snprintf(name, sizeof name, "%s_%s", t->output->name, endings[t->output->decode]);
    return find_result(x, name, &t->index, err);
}

const struct tro_record_output *eval_judged(const struct eval *e, int i)
{
    const struct tro_record_output *const all[EVAL_N_JUDGED] = {e->classes, e->depth, e->points,
                                                                e->boxes,   e->flags, e->steps};
    return all[i];
}

int eval_find_tasks(struct eval *e, struct eval_engine *x, struct tro_err *err)
{
    x->n_tasks = 0;
    for (int k = 0; k < EVAL_N_JUDGED; k++) {
        struct eval_task *const t = &x->tasks[x->n_tasks];
        t->output = eval_judged(e, k);
        if (!t->output)
            continue;
        TRO_TRY(find_task(x, t, err));
        x->n_tasks++;
    }
    return 0;
}

/* ---- states --------------------------------------------------------------------------------- */

bool eval_is_same_take(const struct eval *e, int64_t a, int64_t b)
{
    const struct tro_truth_frame *const x = &e->data.frames[a], *const y = &e->data.frames[b];
    return strcmp(x->procedure, y->procedure) == 0 && strcmp(x->slice, y->slice) == 0;
}

static int find_input(const struct eval_engine *x, const char *name, const char *part, int *index,
                      struct tro_err *err)
{
    const int n = tro_side_n_inputs(&x->side);
    for (*index = 0; *index < n; ++*index)
        if (strcmp(input_info(x, *index).name, name) == 0)
            return 0;
    return tro_fail(err, TRO_E_INPUT,
                    "%s: expected an input %s, which the record's %s speak of, found none", x->text,
                    name, part);
}

/* Sizes that the engine leaves open are 1. */
static int make_value(struct eval_engine *x, int input, struct tro_tensor *t, struct tro_err *err)
{
    const struct tro_io_info info = input_info(x, input);
    *t = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank};
    for (int i = 0; i < t->rank; i++)
        t->shape[i] = info.shape[i] < 0 ? 1 : info.shape[i];
    t->data = tro_arena_alloc64(&x->arena, tro_tensor_n_bytes(t) + 1);
    return t->data ? 0 : tro_fail_nomem(err);
}

static int find_state(struct eval_engine *x, const struct tro_record_state *from,
                      struct tro_err *err)
{
    struct eval_state *const to = &x->states[x->n_states++];
    TRO_TRY(find_input(x, from->input, "states", &to->input, err));
    TRO_TRY(find_result(x, from->output, &to->output, err));
    return make_value(x, to->input, &to->value, err);
}

static void clear_states(struct eval_engine *x)
{
    for (int i = 0; i < x->n_states; i++)
        memset(x->states[i].value.data, 0, tro_tensor_n_bytes(&x->states[i].value));
    x->state_frame = -1;
}

/* What this frame gave is what the next one takes. */
static int keep_states(struct eval_engine *x, int64_t frame, struct tro_err *err)
{
    for (int i = 0; i < x->n_states; i++) {
        const struct tro_tensor *const to = &x->states[i].value;
        struct tro_tensor from;
        TRO_TRY(eval_output(x, x->states[i].output, &from, err));
        if (from.dtype != to->dtype || tro_tensor_n_bytes(&from) != tro_tensor_n_bytes(to))
            return tro_fail(err, TRO_E_INPUT, "expected the output %s of its input's size",
                            result_name(x, x->states[i].output));
        memcpy(to->data, from.data, tro_tensor_n_bytes(to));
    }
    x->state_frame = frame;
    return 0;
}

/* ---- optics --------------------------------------------------------------------------------- */

static int find_optics(struct eval_engine *x, const struct tro_record_optics *of,
                       struct tro_err *err)
{
    struct eval_optics *const o = &x->optics[x->n_optics++];
    struct tro_tensor t;
    o->of = of;
    TRO_TRY(find_input(x, of->input, "optics", &o->input, err));
    TRO_TRY(make_value(x, o->input, &t, err));
    if (t.dtype != TRO_F32 || tro_tensor_n_elems(&t) != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected an input %s of one number, f32[1], found %lld of type %s",
                        x->text, of->input, (long long)tro_tensor_n_elems(&t),
                        tro_dtype_name(t.dtype));
    x->inputs[o->input] = t;
    return 0;
}

static int take_optics(const struct eval *e, struct eval_engine *x, int64_t frame,
                       struct tro_err *err)
{
    const struct tro_truth_frame *const f = &e->data.frames[frame];
    for (int i = 0; i < x->n_optics; i++) {
        if (!f->focal_length)
            return tro_fail(err, TRO_E_INPUT,
                            "%s: expected the camera's focal length, which the input %s of %s "
                            "takes, found none: add the key focal_length, in widths of the "
                            "picture, to the frame's line in frames.jsonl",
                            eval_frame_name(e, frame), x->optics[i].of->input, x->text);
        memcpy(x->inputs[x->optics[i].input].data, &f->focal_length, sizeof f->focal_length);
    }
    return 0;
}

/* ---- inputs --------------------------------------------------------------------------------- */

static int make_lists(const struct eval *e, struct eval_engine *x, struct tro_err *err)
{
    const size_t n = (size_t)tro_side_n_inputs(&x->side);
    x->inputs = TRO_NEW_N(&x->arena, struct tro_tensor, n + 1);
    x->states = TRO_NEW_N(&x->arena, struct eval_state, e->record.n_states + 1);
    x->optics = TRO_NEW_N(&x->arena, struct eval_optics, e->record.n_optics + 1);
    x->n_states = x->n_optics = 0;
    x->state_frame = -1;
    return x->inputs && x->states && x->optics ? 0 : tro_fail_nomem(err);
}

static bool takes_frames(const struct eval_engine *x, int input)
{
    for (int i = 0; i < x->n_states; i++)
        if (x->states[i].input == input)
            return false;
    for (int i = 0; i < x->n_optics; i++)
        if (x->optics[i].input == input)
            return false;
    return true;
}

static int find_inputs(const struct eval *e, struct eval_engine *x, struct tro_err *err)
{
    const int n = tro_side_n_inputs(&x->side);
    TRO_TRY(make_lists(e, x, err));
    for (size_t i = 0; i < e->record.n_states; i++)
        TRO_TRY(find_state(x, &e->record.states[i], err));
    for (size_t i = 0; i < e->record.n_optics; i++)
        TRO_TRY(find_optics(x, &e->record.optics[i], err));
    if (n != 1 + x->n_states + x->n_optics)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "%s: expected one input besides the record's %d states and %d optics, "
                        "found %d inputs",
                        x->text, x->n_states, x->n_optics, n);
    for (x->frame_input = 0; !takes_frames(x, x->frame_input);)
        x->frame_input++;
    return 0;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* What the record says of the input that takes frames; NULL: nothing. */
static const struct tro_record_input *recorded_input(const struct eval *e,
                                                     const struct eval_engine *x)
{
    for (size_t i = 0; i < e->record.n_inputs; i++)
        if (x->recorded ||
            strcmp(e->record.inputs[i].name, input_info(x, x->frame_input).name) == 0)
            return &e->record.inputs[i];
    return NULL;
}

/* Frames, or a picture of floats as the network takes it. */
static void set_size(struct eval_engine *x, const struct tro_record_input *in,
                     const struct tro_tensor *t)
{
    const bool is_frame = in && t->rank >= 3 && t->dtype == TRO_U8;
    const bool is_nhwc = t->rank == 4 && tro_preprocess_is_nhwc(&x->side.preprocess, t->shape);
    const int row = is_frame || is_nhwc ? 1 : 2;
    if (t->rank < row + 2)
        return;
    x->frame_height = (int)t->shape[row];
    x->frame_width = (int)t->shape[row + 1];
    if (is_frame && in->camera.format == tro_camera_format_nv12)
        x->frame_height = x->frame_height / 3 * 2;
}

void eval_find_size(const struct eval *e, struct eval_engine *x)
{
    const struct tro_record_input *const in = recorded_input(e, x);
    struct tro_tensor t = {0};
    x->frame_width = x->frame_height = 0;
    if (x->recorded) {
        if (in && tro_around_frames(x->around, in->name, &t))
            set_size(x, in, &t);
        return;
    }
    const struct tro_io_info info = input_info(x, x->frame_input);
    t = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank};
    memcpy(t.shape, info.shape, sizeof t.shape);
    set_size(x, in, &t);
}

int eval_find_scale(const struct eval *e, const struct eval_engine *x, int64_t frame,
                    double scale[2], struct tro_err *err)
{
    const struct tro_truth_frame *const f = &e->data.frames[frame];
    int width = f->width, height = f->height;
    scale[0] = scale[1] = 1;
    if (x->frame_width <= 0 || x->frame_height <= 0)
        return 0;
    if (!width)
        TRO_TRY(tro_picture_measure(f->picture, &width, &height, err));
    scale[0] = (double)width / x->frame_width;
    scale[1] = (double)height / x->frame_height;
    return 0;
}

/* ---- running -------------------------------------------------------------------------------- */

static int read_picture(struct eval_engine *x, const char *path, struct tro_arena *arena,
                        struct tro_tensor *out, struct tro_err *err)
{
    const struct tro_io_info info = input_info(x, x->frame_input);
    if (!x->around)
        return tro_input_read(&x->side, path, &info, arena, out, err);
    const struct tro_attrs_camera *const camera = tro_camera_of_input(tro_around_graph(x->around),
                                                                      info.name);
    return camera ? tro_picture_to_frame(path, &info, camera, arena, out, err)
                  : tro_picture_to_tensor(path, &info, &x->side.preprocess, arena, out, err);
}

static int run_frame(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
                     struct tro_err *err)
{
    const int n = tro_side_n_inputs(&x->side);
    TRO_TRY(read_picture(x, e->data.frames[frame].picture, arena, &x->inputs[x->frame_input], err));
    for (int i = 0; i < x->n_states; i++)
        x->inputs[x->states[i].input] = x->states[i].value;
    TRO_TRY(take_optics(e, x, frame, err));
    if (x->look)
        TRO_TRY(x->look(x->look_ctx, x->inputs, err));
    TRO_TRY(x->around ? tro_around_run(x->around, x->inputs, err)
                      : tro_side_run(&x->side, x->inputs, n, err));
    return keep_states(x, frame, err);
}

/* The states that the frame before leaves. */
static int run_up_to(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_err *err)
{
    int64_t first = frame;
    while (first > 0 && eval_is_same_take(e, first - 1, frame))
        first--;
    if (x->state_frame >= first && x->state_frame < frame)
        first = x->state_frame + 1;
    else
        clear_states(x);
    for (; first < frame; first++) {
        struct tro_arena arena = {0};
        const int rc = run_frame(e, x, first, &arena, err);
        tro_arena_finish(&arena);
        TRO_TRY(rc);
    }
    return 0;
}

int eval_run(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
             struct tro_err *err)
{
    if (x->recorded)
        return eval_recorded_run(e, x, frame, arena, err);
    if (x->n_states)
        TRO_TRY(run_up_to(e, x, frame, err));
    return run_frame(e, x, frame, arena, err);
}

/* ---- opening -------------------------------------------------------------------------------- */

int eval_open_engine(struct eval *e, int i, struct tro_err *err)
{
    struct eval_engine *const x = &e->engines[i];
    const bool is_ort = strncmp(x->text, "ort:", 4) == 0;
    struct tro_side_opts opts = e->side;
    opts.record = is_ort || tro_plan_is_file(x->text) ? NULL : e->record_path;
    x->planes.frame_before = -1;
    if (eval_recorded_folder(x->text))
        return eval_recorded_open(x, err);
    TRO_TRY(tro_side_open(&x->side, x->text, &opts, err));
    if (is_ort) {
        x->around = tro_around_create(&x->side, &e->record, err);
        if (!x->around)
            return err->status;
    }
    TRO_TRY(find_inputs(e, x, err));
    eval_find_size(e, x);
    return eval_find_tasks(e, x, err);
}

void eval_close_engine(struct eval *e, int i)
{
    struct eval_engine *const x = &e->engines[i];
    tro_around_destroy(x->around);
    x->around = NULL;
    x->recorded = NULL;
    tro_side_close(&x->side);
    eval_planes_finish(&x->planes);
    tro_arena_finish(&x->arena);
}
