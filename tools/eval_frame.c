/* SPDX-License-Identifier: Apache-2.0 */
/* One frame through one engine. Maps of another size than the truth's are read at the nearest
 * element. */
#include "eval.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "io/picture.h"

/* ---- planes --------------------------------------------------------------------------------- */

void eval_planes_finish(struct eval_planes *p)
{
    tro_free(p->truth);
    tro_free(p->found);
    tro_free(p->truth_before);
    tro_free(p->found_before);
    tro_outline_work_destroy(p->work);
    *p = (struct eval_planes){.frame_before = -1};
}

static int planes_resize(struct eval_planes *p, int width, int height, struct tro_err *err)
{
    const size_t n = (size_t)width * (size_t)height;
    if (p->width == width && p->height == height)
        return 0;
    eval_planes_finish(p);
    p->truth = tro_malloc(n);
    p->found = tro_malloc(n);
    p->truth_before = tro_malloc(n);
    p->found_before = tro_malloc(n);
    if (!p->truth || !p->found || !p->truth_before || !p->found_before)
        return tro_fail_nomem(err);
    p->work = tro_outline_work_create(width, height, err);
    if (!p->work)
        return err->status;
    p->width = width;
    p->height = height;
    return 0;
}

/* This frame becomes the one before. */
static void planes_turn(struct eval_planes *p, int64_t frame)
{
    uint8_t *const truth = p->truth_before, *const found = p->found_before;
    p->truth_before = p->truth;
    p->found_before = p->found;
    p->truth = truth;
    p->found = found;
    p->frame_before = frame;
}

static bool follows(const struct eval *e, int64_t before, int64_t frame)
{
    return before >= 0 && eval_is_same_take(e, before, frame) &&
           e->data.frames[before].index + 1 == e->data.frames[frame].index;
}

/* ---- classes -------------------------------------------------------------------------------- */

/* From labels of the data set to indices of the record's names; 255: not judged. */
static void find_indices(const struct eval *e, uint8_t to[256])
{
    memset(to, 255, 256);
    for (int i = 0; i < e->classes->n_names; i++)
        for (int k = 0; k < e->data.n_classes; k++)
            if (e->data.classes[k] && strcmp(e->data.classes[k], e->classes->names[i]) == 0)
                to[k] = (uint8_t)i;
    for (int k = 1; e->data.is_binary && k < 256; k++)
        to[k] = to[1];
}

static int want_map(const struct eval_task *t, const struct tro_tensor *map, struct tro_err *err)
{
    const int r = map->rank;
    if (r >= 2 && tro_tensor_n_elems(map) == map->shape[r - 1] * map->shape[r - 2])
        return 0;
    return tro_fail(err, TRO_E_INPUT, "output %s: expected one map of one picture",
                    t->output->name);
}

static int64_t nearest(const struct tro_tensor *map, int x, int y, int width, int height)
{
    const int64_t w = map->shape[map->rank - 1], h = map->shape[map->rank - 2];
    return (2 * y + 1) * h / (2 * (int64_t)height) * w + (2 * x + 1) * w / (2 * (int64_t)width);
}

/* From a file, or drawn here. */
static int read_labels(const struct tro_truth_frame *truth, struct tro_arena *arena,
                       struct tro_picture *out, struct tro_err *err)
{
    if (truth->label)
        return tro_picture_read(arena, truth->label, 1, out, err);
    *out = (struct tro_picture){.width = truth->width, .height = truth->height, .channels = 1};
    out->data = TRO_NEW_N(arena, uint8_t, (size_t)truth->width * (size_t)truth->height);
    if (!out->data)
        return tro_fail_nomem(err);
    for (int i = 0; i < truth->n_shapes; i++)
        TRO_TRY(tro_shape_draw(&truth->shapes[i], out->width, out->height, out->data, err));
    return 0;
}

static int judge_classes(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                         int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                         struct tro_err *err)
{
    const struct tro_truth_frame *const truth = &e->data.frames[frame];
    struct eval_planes *const p = &engine->planes;
    struct tro_picture label;
    struct tro_tensor map;
    uint8_t index_of[256];
    if (!truth->label && !truth->has_shapes)
        return 0;
    TRO_TRY(read_labels(truth, arena, &label, err));
    TRO_TRY(eval_output(engine, t->index, &map, err));
    TRO_TRY(want_map(t, &map, err));
    TRO_TRY(planes_resize(p, label.width, label.height, err));
    find_indices(e, index_of);
    const uint8_t *const found = map.data;
    for (int y = 0; y < p->height; y++)
        for (int x = 0; x < p->width; x++) {
            const int64_t at = (int64_t)y * p->width + x;
            p->truth[at] = index_of[label.data[at]];
            p->found[at] = p->truth[at] == 255 ? 255
                                               : found[nearest(&map, x, y, p->width, p->height)];
        }
    const bool has_before = follows(e, p->frame_before, frame);
    const struct tro_eval_masks masks = {.truth = p->truth,
                                         .found = p->found,
                                         .truth_before = has_before ? p->truth_before : NULL,
                                         .found_before = has_before ? p->found_before : NULL,
                                         .n_px = (int64_t)p->width * p->height,
                                         .work = p->work,
                                         .tolerance_px = e->tolerance_px};
    tro_score_masks(&e->layout, e->classes->n_names, &masks, c);
    planes_turn(p, frame);
    return 0;
}

/* ---- depths, points, boxes ------------------------------------------------------------------ */

static int judge_depth(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                       int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                       struct tro_err *err)
{
    const struct tro_truth_frame *const truth = &e->data.frames[frame];
    struct tro_tensor map;
    uint16_t *hundredths;
    int width, height;
    if (!truth->depth)
        return 0;
    TRO_TRY(tro_picture_read_16(arena, truth->depth, &width, &height, &hundredths, err));
    TRO_TRY(eval_output(engine, t->index, &map, err));
    TRO_TRY(want_map(t, &map, err));
    const int64_t n = (int64_t)width * height;
    float *const mm = TRO_NEW_N(arena, float, (size_t)n), *const found = TRO_NEW_N(arena, float,
                                                                                   (size_t)n);
    if (!mm || !found)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < n; i++) {
        mm[i] = (float)hundredths[i] / 100;
        found[i] = ((const float *)
                        map.data)[nearest(&map, (int)(i % width), (int)(i / width), width, height)];
    }
    tro_score_depth(&e->layout, mm, found, n, c);
    return 0;
}

/* From positions as they were decoded to pixels of the picture. Elements of maps stay: maps are as
 * large as pictures then. */
static int find_scale(const struct eval *e, const struct eval_engine *engine,
                      const struct eval_task *t, int64_t frame, double scale[2],
                      struct tro_err *err)
{
    scale[0] = scale[1] = 1;
    return t->output->space == TRO_RECORD_SPACE_MAP ? 0
                                                    : eval_find_scale(e, engine, frame, scale, err);
}

/* The best point of each map. */
static int judge_points(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                        int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                        struct tro_err *err)
{
    const struct tro_truth_frame *const truth = &e->data.frames[frame];
    const int n = t->output->n_names;
    struct tro_tensor all;
    double scale[2];
    if (!truth->has_points)
        return 0;
    TRO_TRY(eval_output(engine, t->index, &all, err));
    if (all.rank != 4 || all.shape[0] != 1 || all.shape[1] != n)
        return tro_fail(err, TRO_E_INPUT, "output %s: expected points of %d maps of one picture",
                        t->output->name, n);
    float *const best = TRO_NEW_N(arena, float, 3 * (size_t)n);
    if (!best)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        memcpy(best + 3 * i, (const float *)all.data + all.shape[2] * 3 * i, 3 * sizeof(*best));
    TRO_TRY(find_scale(e, engine, t, frame, scale, err));
    for (int i = 0; i < n; i++) /* of pixels: 0 is the centre of the first one */
        for (int k = 0; k < 2; k++)
            best[3 * i + k] = (float)((best[3 * i + k] + 0.5) * scale[k]);
    tro_score_points(&e->layout, truth, t->output->names, n, best, c);
    return 0;
}

/* A record with one name takes boxes of any. */
static int label_of(const struct tro_record_output *o, const char *name)
{
    for (int i = 0; i < o->n_names; i++)
        if (strcmp(o->names[i], name) == 0)
            return i;
    return o->n_names == 1 ? 0 : -1;
}

static int judge_boxes(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                       int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                       struct tro_err *err)
{
    const struct tro_truth_frame *const truth = &e->data.frames[frame];
    struct tro_tensor count, boxes, scores, classes;
    double scale[2];
    if (!truth->has_boxes)
        return 0;
    TRO_TRY(find_scale(e, engine, t, frame, scale, err));
    TRO_TRY(eval_output(engine, t->index, &count, err));
    TRO_TRY(eval_output(engine, t->index + 1, &boxes, err));
    TRO_TRY(eval_output(engine, t->index + 2, &scores, err));
    TRO_TRY(eval_output(engine, t->index + 3, &classes, err));
    const int n_found = ((const int32_t *)count.data)[0];
    struct tro_eval_box *const want = TRO_NEW_N(arena, struct tro_eval_box,
                                                (size_t)truth->n_boxes + 1);
    struct tro_eval_box *const found = TRO_NEW_N(arena, struct tro_eval_box, (size_t)n_found + 1);
    if (!want || !found)
        return tro_fail_nomem(err);
    int n_want = 0;
    for (int i = 0; i < truth->n_boxes; i++) {
        const struct tro_truth_box *const b = &truth->boxes[i];
        const int label = label_of(t->output, b->name);
        if (label >= 0)
            want[n_want++] = (struct tro_eval_box){
                (float)b->x0, (float)b->y0, (float)b->x1, (float)b->y1, 1, label};
    }
    for (int i = 0; i < n_found; i++) {
        const float *const v = (const float *)boxes.data + 4 * i;
        found[i] = (struct tro_eval_box){
            (float)(v[0] * scale[0]),        (float)(v[1] * scale[1]),
            (float)(v[2] * scale[0]),        (float)(v[3] * scale[1]),
            ((const float *)scores.data)[i], ((const int32_t *)classes.data)[i]};
    }
    return tro_score_boxes(&e->layout, &e->table, want, n_want, found, n_found, c, err);
}

static int judge_scores(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                        int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                        struct tro_err *err)
{
    struct tro_tensor scores;
    (void)arena;
    TRO_TRY(eval_output(engine, t->index, &scores, err));
    if (tro_tensor_n_elems(&scores) != t->output->n_names)
        return tro_fail(err, TRO_E_INPUT, "output %s: expected scores of one picture",
                        t->output->name);
    void (*const score)(const struct tro_eval_layout *, const struct tro_truth_frame *,
                        const char *const *, int, const float *,
                        struct tro_eval_cell *) = t->output == e->steps ? tro_score_steps
                                                                        : tro_score_flags;
    score(&e->layout, &e->data.frames[frame], t->output->names, t->output->n_names, scores.data, c);
    return 0;
}

/* ---- a frame -------------------------------------------------------------------------------- */

typedef int judge_fn(struct eval *e, struct eval_engine *engine, const struct eval_task *t,
                     int64_t frame, struct tro_arena *arena, struct tro_eval_cell *c,
                     struct tro_err *err);

static judge_fn *const judges[] = {
    [TRO_RECORD_BOXES] = judge_boxes,     [TRO_RECORD_PEAKS] = judge_points,
    [TRO_RECORD_CLASSES] = judge_classes, [TRO_RECORD_LINEAR] = judge_depth,
    [TRO_RECORD_SCORES] = judge_scores,
};

static int run_and_judge(struct eval *e, struct eval_engine *engine, int64_t frame,
                         struct tro_arena *arena, struct tro_eval_cell *c, struct tro_err *err)
{
    TRO_TRY(eval_run(e, engine, frame, arena, err));
    TRO_TRY(tro_eval_cell_make(&e->table, c, err));
    c->latency_ns = engine->recorded ? -1 : engine->side.run_ns;
    for (int i = 0; i < engine->n_tasks; i++) {
        const struct eval_task *const t = &engine->tasks[i];
        TRO_TRY(judges[t->output->decode](e, engine, t, frame, arena, c, err));
    }
    return 0;
}

int eval_frame(struct eval *e, int engine, int64_t frame, struct tro_err *err)
{
    struct tro_arena arena = {0};
    const int rc = run_and_judge(e, &e->engines[engine], frame, &arena,
                                 tro_eval_cell(&e->table, engine, frame), err);
    tro_arena_finish(&arena);
    return tro_err_prefix(err, rc, "%s: ", e->data.frames[frame].picture);
}
