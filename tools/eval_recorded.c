/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs that another framework gave, as .npy files, decoded like those of an engine:
 *
 *     data set   clean/000011/000200.png
 *     DIR        clean/000011/000200.logits.npy     of the output `logits`, / in its name is _
 *
 * Positions are decoded by the size of the network's input: that of the first engine beside it,
 * else that of the frames. What is there tells the type and shape of each output, the first frame's
 * files those of all.
 */
#include "eval.h"

#include <stdio.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "build/model.h"
#include "diff.h"
#include "io/npy.h"
#include "io/picture.h"

#define MAX_OUTPUTS 32
#define MAX_INPUTS 16

struct eval_recorded {
    const char *folder;
    int n;
    const char *names[MAX_OUTPUTS]; /* of the network's outputs */
    struct tro_tensor forms[MAX_OUTPUTS];
    struct tro_tensor values[MAX_OUTPUTS];
};

const char *eval_recorded_folder(const char *engine)
{
    return strncmp(engine, "recorded:", 9) == 0 ? engine + 9 : NULL;
}

int eval_recorded_open(struct eval_engine *x, struct tro_err *err)
{
    x->recorded = TRO_NEW(&x->arena, struct eval_recorded);
    if (!x->recorded)
        return tro_fail_nomem(err);
    x->recorded->folder = eval_recorded_folder(x->text);
    x->n_states = x->n_optics = 0;
    x->n_tasks = 0;
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *path_of(const struct eval *e, const struct eval_recorded *r, int output,
                           int64_t frame, struct tro_arena *arena)
{
    const char *const name = eval_frame_name(e, frame), *const dot = strrchr(name, '.');
    const bool has_ending = dot && !strchr(dot, '/');
    const int n = (int)(has_ending ? (size_t)(dot - name) : strlen(name));
    char *const plain = tro_arena_strdup(arena, r->names[output]);
    for (char *c = plain; c && *c; c++)
        *c = *c == '/' ? '_' : *c;
    return plain ? tro_arena_printf(arena, "%s/%.*s.%s.npy", r->folder, n, name, plain) : NULL;
}

static bool is_same_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(*a->shape)) == 0;
}

static int read_outputs(const struct eval *e, struct eval_recorded *r, int64_t frame,
                        struct tro_arena *arena, struct tro_err *err)
{
    for (int i = 0; i < r->n; i++) {
        const char *const path = path_of(e, r, i, frame, arena);
        const struct tro_tensor *const want = &r->forms[i];
        if (!path)
            return tro_fail_nomem(err);
        TRO_TRY(tro_npy_read(path, arena, &r->values[i], err));
        if (want->dtype && !is_same_form(want, &r->values[i])) {
            char a[256], b[256];
            tro_tensor_print_form(want, a, sizeof a);
            tro_tensor_print_form(&r->values[i], b, sizeof b);
            return tro_fail(err, TRO_E_INPUT, "%s: expected %s as in the frame before, found %s",
                            path, a, b);
        }
    }
    return 0;
}

/* ---- the network's inputs ------------------------------------------------------------------- */

struct inputs {
    int n;
    struct tro_io_info infos[MAX_INPUTS];
};

static const struct tro_record_input *record_input(const struct eval *e, const char *name)
{
    for (size_t i = 0; i < e->record.n_inputs; i++)
        if (strcmp(e->record.inputs[i].name, name) == 0)
            return &e->record.inputs[i];
    return NULL;
}

static void add_picture(struct inputs *to, const struct tro_record_input *in, int64_t channels,
                        int64_t height, int64_t width)
{
    const bool is_nhwc = in->has_layout && in->layout == TRO_RECORD_LAYOUT_NHWC;
    if (to->n == MAX_INPUTS)
        return;
    to->infos[to->n++] = (struct tro_io_info){.name = in->name,
                                              .dtype = TRO_F32,
                                              .rank = 4,
                                              .shape = {1, is_nhwc ? height : channels,
                                                        is_nhwc ? width : height,
                                                        is_nhwc ? channels : width}};
}

/* A plan's input takes frames: the network's is behind the camera. */
static void add_behind_camera(struct inputs *to, const struct tro_record_input *in,
                              const struct tro_attrs_camera *camera, const struct tro_value *v)
{
    struct tro_tensor frame = {.dtype = TRO_U8, .rank = v->shape.rank, .shape = {1}};
    struct tro_camera c;
    for (int i = 1; i < v->shape.rank; i++)
        frame.shape[i] = tro_dim_value(v->shape.dim[i]);
    tro_camera_init(camera, &frame, &c);
    add_picture(to, in, tro_camera_n_channels(camera), c.out_height, c.out_width);
}

/* Names live as long as the record, or in the arena. */
static int add_inputs(const struct eval *e, const struct tro_graph *g, struct inputs *to,
                      struct tro_arena *arena, struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs && to->n < MAX_INPUTS; i++) {
        const struct tro_value *const v = tro_value_get(g, b->inputs[i]);
        const struct tro_record_input *const in = record_input(e, v->name);
        const struct tro_attrs_camera *const camera = tro_camera_of_input(g, v->name);
        if (camera && in) {
            add_behind_camera(to, in, camera, v);
            continue;
        }
        struct tro_io_info *const info = &to->infos[to->n++];
        *info = (struct tro_io_info){.name = tro_arena_strdup(arena, v->name),
                                     .dtype = v->dtype,
                                     .rank = v->shape.rank < 0 ? 0 : v->shape.rank};
        if (!info->name)
            return tro_fail_nomem(err);
        for (int k = 0; k < info->rank; k++)
            info->shape[k] = tro_dim_value_or_minus1(v->shape.dim[k]);
    }
    return 0;
}

static int inputs_of_engine(const struct eval *e, const char *text, struct inputs *to,
                            struct tro_arena *arena, struct tro_err *err)
{
    const char *const path = eval_file_of(text);
    const bool is_plan = tro_plan_is_file(path);
    struct tro_plan *const plan = is_plan ? tro_plan_open(path, err) : NULL;
    struct tro_model *const model = is_plan ? NULL : tro_model_open(path, err);
    int rc = plan || model ? 0 : err->status;
    if (rc >= 0)
        rc = add_inputs(e, plan ? tro_plan_contents(plan)->graph : tro_model_graph(model), to,
                        arena, err);
    tro_plan_close(plan);
    tro_model_close(model);
    return rc;
}

/* Of frames as they are. */
static int inputs_of_frames(const struct eval *e, const char *text, int64_t frame,
                            struct inputs *to, struct tro_arena *arena, struct tro_err *err)
{
    struct tro_picture picture;
    TRO_TRY(tro_picture_read(arena, e->data.frames[frame].picture, 3, &picture, err));
    for (size_t i = 0; i < e->record.n_inputs; i++) {
        const struct tro_record_input *const in = &e->record.inputs[i];
        const bool is_gray = in->has_order && in->camera.order == tro_camera_order_gray;
        if (in->camera.resize != tro_camera_resize_none)
            return tro_fail(err, TRO_E_INPUT,
                            "%s: expected an engine beside it, whose input's size is not known "
                            "otherwise: the record resizes frames",
                            text);
        add_picture(to, in, is_gray ? 1 : 3, in->height ? in->height : picture.height,
                    in->width ? in->width : picture.width);
    }
    return 0;
}

static int find_inputs(const struct eval *e, const char *text, int64_t frame, struct inputs *to,
                       struct tro_arena *arena, struct tro_err *err)
{
    for (int i = 0; i < e->n_engines; i++)
        if (!eval_recorded_folder(e->engines[i].text))
            return inputs_of_engine(e, e->engines[i].text, to, arena, err);
    return inputs_of_frames(e, text, frame, to, arena, err);
}

/* ---- the first frame ------------------------------------------------------------------------ */

static void add_name(struct eval_recorded *r, const char *name)
{
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->names[i], name) == 0)
            return;
    if (r->n < MAX_OUTPUTS)
        r->names[r->n++] = name;
}

static void find_names(const struct eval *e, struct eval_recorded *r)
{
    for (int i = 0; i < EVAL_N_JUDGED; i++) {
        const struct tro_record_output *const o = eval_judged(e, i);
        if (o)
            add_name(r, o->name);
        if (o && o->scores)
            add_name(r, o->scores);
    }
}

/* Numbers of classes, which need no decoding. */
static bool is_decoded(const struct eval *e, const struct eval_recorded *r, int i)
{
    return e->classes && strcmp(r->names[i], e->classes->name) == 0 &&
           r->forms[i].dtype == TRO_U8 && r->forms[i].rank <= 3;
}

static int make_outputs(const struct eval *e, const struct eval_recorded *r,
                        struct tro_io_info *infos, struct tro_arena *arena, struct tro_err *err)
{
    for (int i = 0; i < r->n; i++) {
        infos[i] = (struct tro_io_info){.dtype = r->forms[i].dtype, .rank = r->forms[i].rank};
        memcpy(infos[i].shape, r->forms[i].shape, sizeof infos[i].shape);
        infos[i].name = is_decoded(e, r, i) ? tro_arena_printf(arena, "%s_classes", r->names[i])
                                            : r->names[i];
        if (!infos[i].name)
            return tro_fail_nomem(err);
    }
    return 0;
}

/* The outputs of the record that are in the files and not decoded yet. */
static int find_parts(const struct eval *e, const struct eval_recorded *r, struct tro_record *part,
                      struct tro_arena *arena, struct tro_err *err)
{
    *part = e->record;
    part->n_outputs = 0;
    part->outputs = TRO_NEW_N(arena, struct tro_record_output, EVAL_N_JUDGED);
    if (!part->outputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < EVAL_N_JUDGED; i++) {
        const struct tro_record_output *const o = eval_judged(e, i);
        int at = 0;
        while (o && strcmp(r->names[at], o->name) != 0)
            at++;
        if (o && !is_decoded(e, r, at))
            part->outputs[part->n_outputs++] = *o;
    }
    return 0;
}

static int begin(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
                 struct tro_err *err)
{
    struct eval_recorded *const r = x->recorded;
    struct tro_io_info outputs[MAX_OUTPUTS];
    struct inputs inputs = {0};
    struct tro_record part;
    find_names(e, r);
    TRO_TRY(read_outputs(e, r, frame, arena, err));
    memcpy(r->forms, r->values, sizeof r->forms);
    TRO_TRY(make_outputs(e, r, outputs, &x->arena, err));
    TRO_TRY(find_parts(e, r, &part, arena, err));
    TRO_TRY(find_inputs(e, x->text, frame, &inputs, &x->arena, err));
    const struct tro_around_form form = {inputs.infos, outputs, inputs.n, r->n};
    x->around = tro_around_create_behind(&form, &part, err);
    if (!x->around)
        return err->status;
    eval_find_size(e, x);
    return eval_find_tasks(e, x, err);
}

int eval_recorded_run(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
                      struct tro_err *err)
{
    struct eval_recorded *const r = x->recorded;
    if (!x->around)
        TRO_TRY(tro_err_prefix(err, begin(e, x, frame, arena, err), "%s: ", x->text));
    else
        TRO_TRY(read_outputs(e, r, frame, arena, err));
    return tro_around_decode(x->around, r->values, err);
}
