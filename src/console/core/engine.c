/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/engine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "console/core/decode.h"
#include "plan/plan.h"
#include "record/record.h"

/* An output of one run that is an input of the next one. */
struct state {
    const char *input;
    int output;
    struct tro_tensor value;
};

struct tro_engine {
    struct tro_engine_opts opts;
    struct tro_arena arena;
    struct tro_plan *plan;
    struct tro_session *session;
    struct tro_record record;
    bool has_record;
    const char *input; /* that takes frames */
    struct tro_tensor frame;
    struct tro_camera camera;
    struct state *states;
    int n_states;
    struct tro_decode decode;
};

/* ---- inputs --------------------------------------------------------------------------------- */

static bool find_input(const struct tro_session *s, const char *name, struct tro_io_info *info)
{
    for (int i = 0; i < tro_session_n_inputs(s); i++) {
        *info = tro_session_input_info(s, i);
        if (strcmp(info->name, name) == 0)
            return true;
    }
    return false;
}

/* Zeros of an input's type and size. */
static int make_value(struct tro_engine *e, const char *input, struct tro_tensor *t,
                      struct tro_err *err)
{
    struct tro_io_info info;
    if (!find_input(e->session, input, &info))
        return tro_fail(err, TRO_E_INPUT,
                        "expected an input %s, which the record speaks of, found none", input);
    *t = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank};
    for (int i = 0; i < info.rank; i++) {
        t->shape[i] = info.shape[i];
        if (t->shape[i] < 0)
            return tro_fail(err, TRO_E_INPUT, "input %s: expected a fixed size, found none", input);
    }
    const size_t n = tro_tensor_n_bytes(t);
    t->data = tro_arena_alloc64(&e->arena, n + 1);
    if (!t->data)
        return tro_fail_nomem(err);
    memset(t->data, 0, n);
    return tro_session_bind(e->session, input, t, err);
}

static int open_optics(struct tro_engine *e, const struct tro_record_optics *o, struct tro_err *err)
{
    struct tro_tensor t;
    if (!(e->opts.focal_length > 0))
        return tro_fail(err, TRO_E_INPUT,
                        "expected the camera's focal length, which the input %s takes, found none: "
                        "give the source focal_length in widths of the picture",
                        o->input);
    TRO_TRY(make_value(e, o->input, &t, err));
    if (t.dtype != TRO_F32 || tro_tensor_n_elems(&t) != 1)
        return tro_fail(err, TRO_E_INPUT,
                        "input %s: expected one number, f32[1], found %lld of type %s", o->input,
                        (long long)tro_tensor_n_elems(&t), tro_dtype_name(t.dtype));
    memcpy(t.data, &e->opts.focal_length, sizeof e->opts.focal_length);
    return 0;
}

static int open_state(struct tro_engine *e, const struct tro_record_state *from,
                      struct tro_err *err)
{
    struct state *const s = &e->states[e->n_states++];
    s->input = from->input;
    TRO_TRY(make_value(e, s->input, &s->value, err));
    for (s->output = 0; s->output < tro_session_n_outputs(e->session); s->output++)
        if (strcmp(tro_session_output_info(e->session, s->output).name, from->output) == 0)
            return 0;
    return tro_fail(err, TRO_E_INPUT, "expected an output %s, which a state takes, found none",
                    from->output);
}

static bool is_taken(const struct tro_record *r, const char *input)
{
    for (size_t i = 0; i < r->n_states; i++)
        if (strcmp(r->states[i].input, input) == 0)
            return true;
    for (size_t i = 0; i < r->n_optics; i++)
        if (strcmp(r->optics[i].input, input) == 0)
            return true;
    return false;
}

/* ---- frames --------------------------------------------------------------------------------- */

static bool is_yuv(enum tro_frame_format format)
{
    return format != TRO_FRAME_RGB8;
}

/* What the plan was built for and what there is. */
static int fail_form(const struct tro_engine *e, const struct tro_attrs_camera *a,
                     struct tro_err *err)
{
    const struct tro_frame_form *const f = &e->opts.form;
    const char *const format = tro_frame_format_name(f->format);
    const char *const matrix = !is_yuv(f->format) ? "" : f->is_bt601 ? ":bt601" : ":bt709";
    const char *const range = !is_yuv(f->format) ? "" : f->is_full_range ? ":full" : ":limited";
    return tro_fail(err, TRO_E_INPUT,
                    "expected a plan for frames of %s:%dx%d%s%s, found one for %s:%lldx%lld%s%s: "
                    "build it with trocar build --frames %s:%dx%d%s%s",
                    format, f->width, f->height, matrix, range, tro_camera_format_name(a->format),
                    (long long)e->camera.width, (long long)e->camera.height,
                    a->matrix == tro_camera_matrix_bt601 ? ":bt601" : ":bt709",
                    a->range == tro_camera_range_full ? ":full" : ":limited", format, f->width,
                    f->height, matrix, range);
}

static int check_form(const struct tro_engine *e, const struct tro_attrs_camera *a,
                      struct tro_err *err)
{
    const struct tro_frame_form *const f = &e->opts.form;
    const bool is_bt601 = a->matrix == tro_camera_matrix_bt601;
    const bool is_full = a->range == tro_camera_range_full;
    if (strcmp(tro_camera_format_name(a->format), tro_frame_format_name(f->format)) != 0 ||
        e->camera.width != f->width || e->camera.height != f->height ||
        (is_yuv(f->format) && (is_bt601 != f->is_bt601 || is_full != f->is_full_range)))
        return fail_form(e, a, err);
    return 0;
}

static int open_frames(struct tro_engine *e, struct tro_err *err)
{
    const struct tro_graph *const g = tro_plan_contents(e->plan)->graph;
    struct tro_io_info info;
    for (int i = 0; i < tro_session_n_inputs(e->session); i++) {
        info = tro_session_input_info(e->session, i);
        if (is_taken(&e->record, info.name))
            continue;
        if (e->input)
            return tro_fail(err, TRO_E_UNSUPPORTED,
                            "expected one input besides states and optics, found %s and %s",
                            e->input, info.name);
        e->input = info.name;
    }
    const struct tro_attrs_camera *const a = e->input ? tro_camera_of_input(g, e->input) : NULL;
    if (!a)
        return tro_fail(err, TRO_E_INPUT,
                        "expected an input that takes frames of a camera, found none: build the "
                        "plan with a record that has inputs");
    find_input(e->session, e->input, &info);
    e->frame = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank};
    memcpy(e->frame.shape, info.shape, sizeof info.shape);
    for (int i = 0; i < info.rank; i++)
        if (e->frame.shape[i] < 0)
            e->frame.shape[i] = i == 0 ? 1 : 0;
    if (tro_tensor_n_elems(&e->frame) < 1 || e->frame.shape[0] != 1)
        return tro_fail(err, TRO_E_INPUT, "input %s: expected one frame of fixed size", e->input);
    tro_camera_init(a, &e->frame, &e->camera);
    return check_form(e, a, err);
}

/* ---- life ----------------------------------------------------------------------------------- */

static int read_record(struct tro_engine *e, struct tro_err *err)
{
    const char *const text = tro_plan_note(tro_plan_contents(e->plan), TRO_RECORD_KEY);
    if (!text)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a plan with a record, which says what it takes and finds, found "
                        "none: build it with trocar build --record FILE --frames FORM");
    TRO_TRY(tro_record_parse(text, strlen(text), "its record", &e->record, err));
    e->has_record = true;
    return 0;
}

static int open_inputs(struct tro_engine *e, struct tro_err *err)
{
    TRO_TRY(open_frames(e, err));
    for (size_t i = 0; i < e->record.n_optics; i++)
        TRO_TRY(open_optics(e, &e->record.optics[i], err));
    e->states = TRO_NEW_N(&e->arena, struct state, e->record.n_states + 1);
    if (!e->states)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < e->record.n_states; i++)
        TRO_TRY(open_state(e, &e->record.states[i], err));
    return 0;
}

static int open_all(struct tro_engine *e, struct tro_finding_names *names, struct tro_err *err)
{
    const struct tro_session_opts opts = {.device = e->opts.device,
                                          .n_threads = e->opts.n_threads,
                                          .blocks = 1,
                                          .priority = e->opts.priority};
    TRO_TRY(read_record(e, err));
    e->session = tro_session_create(e->plan, &opts, err);
    if (!e->session)
        return err->status;
    if (tro_session_is_growing(e->session))
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected a network that allocates nothing as it runs, found one whose "
                        "sizes its data tell: it cannot have a deadline");
    TRO_TRY(open_inputs(e, err));
    return tro_decode_init(&e->decode, &e->record, e->session, &e->camera, &e->opts.form, names,
                           err);
}

struct tro_engine *tro_engine_open(const struct tro_engine_opts *opts,
                                   struct tro_finding_names *names, struct tro_err *err)
{
    struct tro_err own = {0};
    struct tro_engine *const e = tro_calloc(1, sizeof *e);
    err = err ? err : &own;
    if (!e) {
        tro_fail_nomem(err);
        return NULL;
    }
    e->opts = *opts;
    e->plan = tro_plan_open(opts->plan, err);
    const int rc = e->plan ? tro_err_prefix(err, open_all(e, names, err), "%s: ", opts->plan) : -1;
    if (rc < 0) {
        tro_engine_close(e);
        return NULL;
    }
    return e;
}

void tro_engine_close(struct tro_engine *e)
{
    if (!e)
        return;
    tro_decode_finish(&e->decode);
    tro_session_destroy(e->session);
    if (e->has_record)
        tro_record_finish(&e->record);
    tro_plan_close(e->plan);
    tro_arena_finish(&e->arena);
    tro_free(e);
}

uint64_t tro_engine_hash(const struct tro_engine *e)
{
    return tro_plan_hash(e->plan);
}

/* ---- running -------------------------------------------------------------------------------- */

static int keep_states(struct tro_engine *e, struct tro_err *err)
{
    for (int i = 0; i < e->n_states; i++) {
        struct state *const s = &e->states[i];
        struct tro_tensor t;
        TRO_TRY(tro_session_output(e->session, s->output, &t, err));
        if (t.dtype != s->value.dtype || tro_tensor_n_bytes(&t) != tro_tensor_n_bytes(&s->value))
            return tro_fail(err, TRO_E_INPUT, "state %s: expected an output of its size", s->input);
        memcpy(s->value.data, t.data, tro_tensor_n_bytes(&t));
    }
    return 0;
}

int tro_engine_run(struct tro_engine *e, const uint8_t *frame, struct tro_err *err)
{
    e->frame.data = (void *)frame;
    TRO_TRY(tro_session_bind(e->session, e->input, &e->frame, err));
    TRO_TRY(tro_session_run(e->session, err));
    return keep_states(e, err);
}

void tro_engine_find(struct tro_engine *e, struct tro_findings *out)
{
    tro_decode_run(&e->decode, out);
    out->engine = tro_engine_hash(e);
}
