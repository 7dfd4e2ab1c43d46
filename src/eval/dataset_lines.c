/* SPDX-License-Identifier: Apache-2.0 */
/* frames.jsonl, a line of JSON for each picture (docs/dataset.md). Keys that are not known are left
 * aside: others may add theirs. */
#include "eval/dataset_kind.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "record/field.h"

#define MAX_BYTES ((size_t)1 << 30)
#define MAX_PARTS 64 /* instruments or landmarks of a frame */

struct line {
    struct tro_dataset_build *b;
    struct tro_truth_frame *frame;
    const char *folder;
    int64_t instance;
};

/* A path in the arena; stays NULL where the key is absent. */
static int read_path(const struct line *l, const struct tro_field *f, const char *key,
                     const char **out)
{
    const char *name = NULL;
    const int rc = tro_field_text(f, key, &name);
    if (rc <= 0)
        return rc;
    *out = tro_dataset_path(l->b, l->folder, name);
    return *out ? 1 : l->b->err->status;
}

static int read_point(const struct line *l, const struct tro_field *f, const char *name)
{
    struct tro_truth_frame *const frame = l->frame;
    struct tro_truth_point *const p = &frame->points[frame->n_points];
    double px[2] = {0, 0};
    *p = (struct tro_truth_point){.name = name};
    TRO_TRY(tro_field_bool(f, "visible", &p->is_visible));
    const int n = tro_field_numbers(f, "px", 2, px);
    TRO_TRY(n);
    if (n != 2)
        return tro_field_fail(f, "expected the key px, a list of x and y");
    p->x = px[0];
    p->y = px[1];
    frame->n_points++;
    return 0;
}

static int read_part(const struct line *l, const struct tro_field *tool, const char *part)
{
    struct tro_field f;
    const int rc = tro_field_get(tool, part, &f);
    if (rc <= 0)
        return rc;
    const char *const name = tro_arena_printf(&l->b->d->arena, "%s-%lld", part,
                                              (long long)l->instance);
    return name ? read_point(l, &f, name) : tro_fail_nomem(l->b->err);
}

static int read_box(const struct line *l, const struct tro_field *f)
{
    struct tro_truth_frame *const frame = l->frame;
    struct tro_truth_box *const box = &frame->boxes[frame->n_boxes];
    double v[4];
    int64_t n_px = 1;
    const int n = tro_field_numbers(f, "box", 4, v);
    TRO_TRY(n);
    TRO_TRY(tro_field_int(f, "pixels", 0, INT32_MAX, &n_px));
    if (n == 0 || n_px == 0)
        return 0;
    if (n != 4)
        return tro_field_fail(f, "box: expected x0, y0, x1, y1");
    *box = (struct tro_truth_box){v[0], v[1], v[2], v[3], "instrument"};
    TRO_TRY(tro_field_text(f, "kind", &box->name));
    frame->n_boxes++;
    return 0;
}

static int read_tool(void *ctx, const char *key, const struct tro_field *f)
{
    struct line *const l = ctx;
    (void)key;
    l->instance++;
    TRO_TRY(tro_field_int(f, "instance", 0, 255, &l->instance));
    TRO_TRY(read_box(l, f));
    TRO_TRY(read_part(l, f, "tip"));
    return read_part(l, f, "wrist");
}

static int read_landmark(void *ctx, const char *key, const struct tro_field *f)
{
    return read_point(ctx, f, key);
}

/* Room for the parts of both lists. */
static int make_room(const struct line *l, const struct tro_field *tools, int has_tools,
                     const struct tro_field *landmarks, int has_landmarks)
{
    const int64_t n_tools = has_tools ? tro_field_n_elements(tools) : 0;
    const int64_t n_landmarks = has_landmarks ? tro_field_n_members(landmarks) : 0;
    if (n_tools > MAX_PARTS || n_landmarks > MAX_PARTS)
        return tro_field_fail(n_tools > MAX_PARTS ? tools : landmarks, "expected at most %d parts",
                              MAX_PARTS);
    const size_t n = (size_t)((n_tools > 0 ? n_tools : 0) + (n_landmarks > 0 ? n_landmarks : 0));
    struct tro_arena *const arena = &l->b->d->arena;
    l->frame->boxes = TRO_NEW_N(arena, struct tro_truth_box, n + 1);
    l->frame->points = TRO_NEW_N(arena, struct tro_truth_point, 2 * n + 1);
    return l->frame->boxes && l->frame->points ? 0 : tro_fail_nomem(l->b->err);
}

/* Whatever is true or false. */
static int read_flag(void *ctx, const char *key, const struct tro_field *f)
{
    const struct line *const l = ctx;
    struct tro_truth_frame *const frame = l->frame;
    bool is_yes;
    if (!tro_field_is_bool(f, &is_yes))
        return 0;
    char *const name = tro_arena_strdup(&l->b->d->arena, key);
    if (!name)
        return tro_fail_nomem(l->b->err);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    frame->flags[frame->n_flags++] = (struct tro_truth_flag){name, is_yes};
    return 0;
}

/* The keys that the simulator writes are nothing else. */
static int read_flags(struct line *l, const struct tro_field *truth, bool *is_out_of_body)
{
    bool is_yes;
    const int64_t n = tro_field_n_members(truth);
    if (n > MAX_PARTS)
        return tro_field_fail(truth, "expected at most %d keys", MAX_PARTS);
    TRO_TRY(tro_field_bool(truth, "out_of_body", is_out_of_body));
    TRO_TRY(tro_field_bool(truth, "bleeding", &is_yes));
    TRO_TRY(tro_field_bool(truth, "cautery", &is_yes));
    TRO_TRY(tro_field_text(truth, "step", &l->frame->step));
    l->frame->flags = TRO_NEW_N(&l->b->d->arena, struct tro_truth_flag, n < 0 ? 1 : (size_t)n + 1);
    return l->frame->flags ? tro_field_each(truth, read_flag, l) : tro_fail_nomem(l->b->err);
}

static int read_truth(struct line *l, const struct tro_field *truth)
{
    struct tro_field tools, landmarks;
    bool is_out_of_body = false;
    TRO_TRY(read_flags(l, truth, &is_out_of_body));
    const int has_tools = tro_field_get(truth, "instruments", &tools);
    TRO_TRY(has_tools);
    const int has_landmarks = tro_field_get(truth, "landmarks", &landmarks);
    TRO_TRY(has_landmarks);
    TRO_TRY(make_room(l, &tools, has_tools, &landmarks, has_landmarks));
    if (has_tools)
        TRO_TRY(tro_field_each_element(&tools, read_tool, l));
    if (has_landmarks)
        TRO_TRY(tro_field_each(&landmarks, read_landmark, l));
    l->frame->has_boxes = has_tools || is_out_of_body;
    l->frame->has_points = has_tools || has_landmarks || is_out_of_body;
    return 0;
}

/* "procedure" is a text or a number. */
static int read_procedure(const struct line *l, const struct tro_field *f)
{
    struct tro_field value;
    struct tro_err ignored = {0};
    int64_t number;
    const int rc = tro_field_get(f, "procedure", &value);
    if (rc <= 0)
        return rc;
    struct tro_field quiet = *f;
    quiet.err = &ignored;
    if (tro_field_int(&quiet, "procedure", INT64_MIN / 2, INT64_MAX / 2, &number) < 0)
        return tro_field_text(f, "procedure", &l->frame->procedure);
    l->frame->procedure = tro_arena_printf(&l->b->d->arena, "%06lld", (long long)number);
    return l->frame->procedure ? 1 : tro_fail_nomem(l->b->err);
}

static int read_focal_length(const struct line *l, const struct tro_field *f)
{
    double widths = 0;
    const int rc = tro_field_number(f, "focal_length", &widths);
    if (rc <= 0)
        return rc;
    l->frame->focal_length = (float)widths;
    if (!(l->frame->focal_length > 0) || !isfinite(l->frame->focal_length))
        return tro_field_fail(f, "focal_length: expected widths of the picture, above 0, found %g",
                              widths);
    return 1;
}

static int read_frame(struct line *l, const struct tro_field *f)
{
    struct tro_field truth;
    struct tro_truth_frame *const frame = l->frame;
    TRO_TRY(read_path(l, f, "picture", &frame->picture));
    if (!frame->picture)
        return tro_field_fail(f, "expected the key picture, found none");
    TRO_TRY(read_path(l, f, "label", &frame->label));
    TRO_TRY(read_path(l, f, "depth", &frame->depth));
    TRO_TRY(tro_field_text(f, "split", &frame->split));
    TRO_TRY(tro_field_text(f, "slice", &frame->slice));
    TRO_TRY(tro_field_text(f, "camera", &frame->camera));
    TRO_TRY(read_focal_length(l, f));
    TRO_TRY(tro_field_int(f, "frame", 0, INT64_MAX / 2, &frame->index));
    TRO_TRY(read_procedure(l, f));
    const int rc = tro_field_get(f, "truth", &truth);
    return rc <= 0 ? rc : read_truth(l, &truth);
}

static int read_line(struct tro_dataset_build *b, const char *folder, const char *text, size_t n)
{
    struct tro_field f;
    struct line l = {.b = b, .frame = tro_dataset_add(b), .folder = folder};
    if (!l.frame)
        return b->err->status;
    TRO_TRY(tro_field_parse(text, n, &b->d->arena, &f, b->err));
    const int rc = read_frame(&l, &f);
    tro_field_finish(&f);
    return rc;
}

int tro_dataset_parse_lines(struct tro_dataset_build *b, const char *folder, const char *text,
                            size_t n)
{
    const char *at = text, *const end = at + n;
    for (int64_t number = 1; at < end; number++) {
        const char *const stop = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((stop ? stop : end) - at);
        if (length > 0)
            TRO_TRY(tro_err_prefix(b->err, read_line(b, folder, at, length),
                                   "frames.jsonl, line %lld: ", (long long)number));
        at += length + (stop ? 1 : 0);
    }
    return 0;
}

int tro_dataset_read_lines(struct tro_dataset_build *b, const char *folder)
{
    const char *const path = tro_dataset_path(b, folder, "frames.jsonl");
    struct tro_file file;
    if (!path)
        return b->err->status;
    TRO_TRY(tro_file_read(&file, path, MAX_BYTES, b->err));
    const int rc = tro_dataset_parse_lines(b, folder, file.data, file.n_bytes);
    tro_file_finish(&file);
    return rc;
}
