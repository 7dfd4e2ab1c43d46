/* SPDX-License-Identifier: Apache-2.0 */
#include "eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "build/model.h"

/* ---- the record ----------------------------------------------------------------------------- */

/* Of a plan, from its notes; of a model, from its metadata. */
static int read_notes(struct eval *e, const char *path, struct tro_err *err)
{
    struct tro_plan *const plan = tro_plan_is_file(path) ? tro_plan_open(path, err) : NULL;
    struct tro_onnx_model *onnx = NULL;
    if (!plan && tro_plan_is_file(path))
        return err->status;
    if (!plan && !(onnx = tro_onnx_read(path, err)))
        return err->status;
    const char *text = plan ? tro_plan_note(tro_plan_contents(plan), TRO_RECORD_KEY) : NULL;
    size_t n = text ? strlen(text) : 0;
    if (onnx) {
        const struct tro_str note = tro_onnx_metadata(onnx, TRO_RECORD_KEY);
        text = note.p;
        n = note.n;
    }
    int rc = 0;
    if (n == 0)
        rc = tro_fail(err, TRO_E_INPUT,
                      "%s: expected a record that says what its outputs are, found none: build the "
                      "plan with --record, or give --record here",
                      path);
    else
        rc = tro_record_parse(text, n, path, &e->record, err);
    e->has_record = rc >= 0;
    tro_plan_close(plan);
    tro_onnx_free(onnx);
    return rc;
}

const char *eval_file_of(const char *engine)
{
    const bool has_kind = strncmp(engine, "ref:", 4) == 0 || strncmp(engine, "ort:", 4) == 0;
    return has_kind ? engine + 4 : engine;
}

static int read_record(struct eval *e, struct tro_err *err)
{
    int first = 0;
    while (first < e->n_engines && eval_recorded_folder(e->engines[first].text))
        first++;
    if (!e->record_path && first == e->n_engines)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected --record FILE, which says what outputs are, or an engine "
                        "that brings it",
                        e->engines[0].text);
    if (!e->record_path)
        return read_notes(e, eval_file_of(e->engines[first].text), err);
    TRO_TRY(tro_record_read(e->record_path, &e->record, err));
    e->has_record = true;
    return 0;
}

/* ---- columns -------------------------------------------------------------------------------- */

static int add(struct eval *e, enum tro_eval_metric metric, const char *of)
{
    e->columns[e->n_columns] = (struct tro_eval_column){metric, of};
    return e->n_columns++;
}

/* One for each name; the first one's index. */
static int add_each(struct eval *e, enum tro_eval_metric metric,
                    const struct tro_record_output *output)
{
    const int first = e->n_columns;
    for (int i = 0; i < output->n_names; i++)
        add(e, metric, output->names[i]);
    return first;
}

static void add_classes(struct eval *e, struct tro_eval_layout *l)
{
    l->pixel_accuracy = add(e, TRO_EVAL_PIXEL_ACCURACY, "");
    l->mean_iou = add(e, TRO_EVAL_MEAN_IOU, "");
    l->temporal_iou = add(e, TRO_EVAL_TEMPORAL_IOU, "");
    l->true_temporal_iou = add(e, TRO_EVAL_TRUE_TEMPORAL_IOU, "");
    l->iou = add_each(e, TRO_EVAL_IOU, e->classes);
    l->dice = add_each(e, TRO_EVAL_DICE, e->classes);
    l->hd95 = add_each(e, TRO_EVAL_HD95, e->classes);
    l->nsd = add_each(e, TRO_EVAL_NSD, e->classes);
}

static int want_names(const struct tro_record_output *o, struct tro_err *err)
{
    if (o->n_names == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "record, outputs.%s: expected the key names, which truth is found by",
                        o->name);
    return 0;
}

/* Positions in a network's pixels are those of frames only where it takes frames as they are. */
static int want_space(const struct eval *e, const struct tro_record_output *o, struct tro_err *err)
{
    for (size_t i = 0; o && o->space == TRO_RECORD_SPACE_NETWORK && i < e->record.n_inputs; i++) {
        const struct tro_record_input *const in = &e->record.inputs[i];
        if (in->camera.resize != tro_camera_resize_none &&
            (!o->input || strcmp(o->input, in->name) == 0))
            return tro_fail(err, TRO_E_INPUT,
                            "record, outputs.%s: expected space frame, since inputs.%s are resized",
                            o->name, in->name);
    }
    return 0;
}

static int add_columns(struct eval *e, struct tro_err *err)
{
    struct tro_eval_layout *const l = &e->layout;
    int n = 16;
    for (size_t i = 0; i < e->record.n_outputs; i++)
        n += 4 * e->record.outputs[i].n_names;
    e->columns = TRO_NEW_N(&e->arena, struct tro_eval_column, (size_t)n);
    if (!e->columns)
        return tro_fail_nomem(err);
    if (e->classes) {
        TRO_TRY(want_names(e->classes, err));
        add_classes(e, l);
    }
    if (e->depth) {
        l->abs_rel = add(e, TRO_EVAL_ABS_REL, e->depth->name);
        l->rms_depth = add(e, TRO_EVAL_RMS_DEPTH, e->depth->name);
        l->delta1 = add(e, TRO_EVAL_DELTA1, e->depth->name);
    }
    TRO_TRY(want_space(e, e->points, err));
    TRO_TRY(want_space(e, e->boxes, err));
    if (e->points) {
        TRO_TRY(want_names(e->points, err));
        l->point_error = add_each(e, TRO_EVAL_POINT_ERROR, e->points);
        l->point_recall = add_each(e, TRO_EVAL_POINT_RECALL, e->points);
    }
    if (e->boxes) {
        TRO_TRY(want_names(e->boxes, err));
        l->box_recall = add(e, TRO_EVAL_BOX_RECALL, "");
        l->box_precision = add(e, TRO_EVAL_BOX_PRECISION, "");
    }
    if (e->steps) {
        TRO_TRY(want_names(e->steps, err));
        l->step_accuracy = add(e, TRO_EVAL_STEP_ACCURACY, "");
        l->step_recall = add_each(e, TRO_EVAL_STEP_RECALL, e->steps);
        l->step_precision = add_each(e, TRO_EVAL_STEP_PRECISION, e->steps);
        l->step_found = add(e, TRO_EVAL_STEP_FOUND, "");
        l->step_truth = add(e, TRO_EVAL_STEP_TRUTH, "");
    }
    if (e->flags) {
        TRO_TRY(want_names(e->flags, err));
        l->flag_score = add_each(e, TRO_EVAL_FLAG_SCORE, e->flags);
        l->flag_truth = add_each(e, TRO_EVAL_FLAG_TRUTH, e->flags);
    }
    return e->n_columns ? 0
                        : tro_fail(err, TRO_E_INPUT,
                                   "record: expected outputs that are decoded, found none");
}

static bool is_flag(const struct eval *e, const char *name)
{
    for (int64_t i = 0; i < e->data.n_frames; i++)
        if (tro_truth_has_flag(&e->data.frames[i], name))
            return true;
    return false;
}

static bool is_step(const struct eval *e, const char *name)
{
    for (int64_t i = 0; i < e->data.n_frames; i++)
        if (e->data.frames[i].step && strcmp(e->data.frames[i].step, name) == 0)
            return true;
    return false;
}

/* Scores that say which one of them it is: those of a softmax, or with names of steps; but with
 * the name of no flag. */
static bool are_steps(const struct eval *e, const struct tro_record_output *o)
{
    bool has_step = o->activation == TRO_RECORD_SOFTMAX;
    for (int i = 0; i < o->n_names; i++) {
        if (is_flag(e, o->names[i]))
            return false;
        has_step |= is_step(e, o->names[i]);
    }
    return has_step;
}

/* The first output of each kind is the one that is judged. */
static void find_outputs(struct eval *e)
{
    const struct tro_record_output **const kinds[] = {
        [TRO_RECORD_BOXES] = &e->boxes,     [TRO_RECORD_PEAKS] = &e->points,
        [TRO_RECORD_CLASSES] = &e->classes, [TRO_RECORD_LINEAR] = &e->depth,
        [TRO_RECORD_SCORES] = &e->flags,
    };
    for (size_t i = 0; i < e->record.n_outputs; i++) {
        const struct tro_record_output *const o = &e->record.outputs[i];
        const bool has_steps = o->decode == TRO_RECORD_SCORES && are_steps(e, o);
        const struct tro_record_output **const kind = has_steps ? &e->steps : kinds[o->decode];
        if (!*kind)
            *kind = o;
    }
}

/* ---- procedures, shards, the key ------------------------------------------------------------ */

static int find_procedures(struct eval *e, struct tro_err *err)
{
    const struct tro_dataset *const d = &e->data;
    e->procedures = TRO_NEW_N(&e->arena, const char *, (size_t)d->n_frames);
    e->procedure_of = TRO_NEW_N(&e->arena, int32_t, (size_t)d->n_frames);
    if (!e->procedures || !e->procedure_of)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < d->n_frames; i++) {
        int at = 0;
        while (at < e->n_procedures && strcmp(e->procedures[at], d->frames[i].procedure) != 0)
            at++;
        if (at == e->n_procedures)
            e->procedures[e->n_procedures++] = d->frames[i].procedure;
        e->procedure_of[i] = at;
    }
    return 0;
}

static int read_shard(struct eval *e, struct tro_err *err)
{
    char *end = NULL;
    e->n_shards = 1;
    if (!e->shard)
        return 0;
    e->shard_index = strtol(e->shard, &end, 10);
    if (end != e->shard && *end == '/')
        e->n_shards = strtol(end + 1, &end, 10);
    else
        end = NULL;
    if (!end || *end || e->n_shards < 1 || e->shard_index < 0 || e->shard_index >= e->n_shards)
        return tro_fail(err, TRO_E_INPUT, "--shard: expected I/N with 0 <= I < N, found '%s'",
                        e->shard);
    if (!e->rows_path)
        return tro_fail(err, TRO_E_INPUT, "--shard: expected --rows FILE with it, to be merged");
    return 0;
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return tro_hash64(text, strlen(text) + 1, seed);
}

const char *eval_frame_name(const struct eval *e, int64_t frame)
{
    const char *const picture = e->data.frames[frame].picture, *const path = e->data.path;
    const size_t n_file = (size_t)(tro_path_base(path) - path); /* with the slash */
    const bool is_file = tro_path_has_ext(path, ".json");
    const size_t n = !is_file ? strlen(path) : n_file ? n_file - 1 : 0;
    if (is_file && n_file == 0 && strncmp(picture, "./", 2) == 0)
        return picture + 2;
    return strncmp(picture, e->data.path, n) == 0 && picture[n] == '/' ? picture + n + 1 : picture;
}

/* The data set may lie elsewhere on another machine. */
static void find_key(struct eval *e)
{
    uint64_t key = (uint64_t)e->data.n_frames;
    for (int64_t i = 0; i < e->data.n_frames; i++)
        key = hash_text(eval_frame_name(e, i), key);
    for (int i = 0; i < e->n_columns; i++)
        key = hash_text(e->columns[i].of, key + e->columns[i].metric);
    for (int i = 0; i < e->n_engines; i++)
        key = hash_text(tro_path_base(e->engines[i].text), key);
    e->key = tro_hash64(&e->tolerance_px, sizeof e->tolerance_px, key);
}

int eval_prepare(struct eval *e, struct tro_err *err)
{
    e->n_engines = e->args.n - 1;
    if (e->n_engines > EVAL_MAX_ENGINES)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d engines, found %d", EVAL_MAX_ENGINES,
                        e->n_engines);
    for (int i = 0; i < e->n_engines; i++)
        e->engines[i].text = e->args.v[i + 1];
    TRO_TRY(read_shard(e, err));
    TRO_TRY(tro_dataset_read(e->args.v[0], e->split, e->slice, &e->data, err));
    if (e->limit && e->limit < e->data.n_frames)
        e->data.n_frames = e->limit;
    TRO_TRY(read_record(e, err));
    find_outputs(e);
    TRO_TRY(add_columns(e, err));
    TRO_TRY(find_procedures(e, err));
    TRO_TRY(eval_find_groups(e, err));
    find_key(e);
    return tro_eval_table_init(
        &e->table, e->columns, e->n_columns, e->classes ? e->classes->n_names : 0,
        e->boxes ? e->boxes->n_names : 0, e->n_engines, e->data.n_frames, err);
}

void eval_finish(struct eval *e)
{
    tro_table_finish(&e->gates);
    tro_eval_table_finish(&e->table);
    tro_dataset_finish(&e->data);
    if (e->has_record)
        tro_record_finish(&e->record);
    tro_arena_finish(&e->arena);
}
