/* SPDX-License-Identifier: Apache-2.0 */
/* Worst frames: side by side on the page, by name in JSON. */
#include "eval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "html.h"
#include "io/picture.h"

#define N_WORST 8

struct worst {
    double value; /* of mean IoU */
    int64_t frame;
};

static int by_value(const void *a, const void *b)
{
    const struct worst *const x = a, *const y = b;
    return x->value != y->value ? (x->value > y->value) - (x->value < y->value)
                                : (x->frame > y->frame) - (x->frame < y->frame);
}

/* The worst frame of each slice, the worst of those; how many they are. */
static int find_worst(struct eval *e, int engine, struct worst **out, struct tro_err *err)
{
    struct worst *const all = TRO_NEW_N(&e->arena, struct worst, (size_t)e->data.n_frames);
    int n = 0;
    if (!all)
        return tro_fail_nomem(err);
    *out = all;
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        const double value = c->is_there ? c->values[e->layout.mean_iou] : NAN;
        if (isnan(value))
            continue;
        int at = 0;
        while (at < n && strcmp(e->data.frames[all[at].frame].slice, e->data.frames[i].slice) != 0)
            at++;
        if (at == n)
            all[n++] = (struct worst){value, i};
        else if (value < all[at].value)
            all[at] = (struct worst){value, i};
    }
    qsort(all, (size_t)n, sizeof(*all), by_value);
    return n < N_WORST ? n : N_WORST;
}

/* ---- colours -------------------------------------------------------------------------------- */

/* That of the data set's label of this name, else hues far apart, by the golden angle. */
static void colour_of(const struct eval *e, int index, uint8_t rgb[3])
{
    static const uint8_t none[3] = {90, 90, 90};
    memcpy(rgb, none, 3);
    if (index >= e->classes->n_names)
        return;
    for (int i = 0; i < e->data.n_classes; i++)
        if (e->data.classes[i] && e->data.colours[i] >= 0 &&
            strcmp(e->data.classes[i], e->classes->names[index]) == 0) {
            for (int k = 0; k < 3; k++)
                rgb[k] = (uint8_t)(e->data.colours[i] >> (16 - 8 * k));
            return;
        }
    const double hue = fmod(0.13 + 0.618034 * index, 1) * 6, up = hue - floor(hue), down = 1 - up;
    const double sectors[6][3] = {{1, up, 0},   {down, 1, 0}, {0, 1, up},
                                  {0, down, 1}, {up, 0, 1},   {1, 0, down}};
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)(60 + 180 * sectors[(int)hue][i]);
}

static int put_picture(struct tro_buf *out, const uint8_t *rgb, int width, int height,
                       const char *caption, struct tro_err *err)
{
    struct tro_buf png = {0};
    int rc = tro_picture_to_png(&png, width, height, 3, rgb, err);
    if (rc >= 0 && png.failed)
        rc = tro_fail_nomem(err);
    if (rc >= 0) {
        tro_buf_str(out, "<figure>");
        tro_html_png(out, png.p, png.n, caption);
        tro_html_element(out, "figcaption", caption);
        tro_buf_str(out, "</figure>\n");
    }
    tro_buf_finish(&png);
    return rc;
}

static int put_labels(const struct eval *e, struct tro_buf *out, const uint8_t *labels,
                      const struct eval_planes *p, uint8_t *rgb, const char *caption,
                      struct tro_err *err)
{
    uint8_t colours[256][3];
    for (int i = 0; i < 256; i++)
        colour_of(e, i, colours[i]);
    for (int64_t i = 0; i < (int64_t)p->width * p->height; i++)
        memcpy(rgb + 3 * i, colours[labels[i]], 3);
    return put_picture(out, rgb, p->width, p->height, caption, err);
}

static int put_difference(struct tro_buf *out, const struct eval_planes *p, uint8_t *rgb,
                          struct tro_err *err)
{
    for (int64_t i = 0; i < (int64_t)p->width * p->height; i++) {
        const bool is_wrong = p->found_before[i] != p->truth_before[i];
        const uint8_t wrong[3] = {230, 40, 40}, right[3] = {235, 238, 242};
        memcpy(rgb + 3 * i, is_wrong ? wrong : right, 3);
    }
    return put_picture(out, rgb, p->width, p->height, "wrong pixels", err);
}

/* ---- rows of pictures ----------------------------------------------------------------------- */

/* After eval_frame the planes of the frame are those "before". */
static int put_findings(struct eval *e, int engine, int64_t frame, bool has_truth,
                        struct tro_buf *out, struct tro_err *err)
{
    struct eval_engine *const x = &e->engines[engine];
    struct tro_eval_cell *const cell = tro_eval_cell(&e->table, engine, frame);
    const struct tro_eval_cell kept = *cell; /* figures are those of the frames in order */
    *cell = (struct tro_eval_cell){0};
    const int judged = eval_frame(e, engine, frame, err);
    *cell = kept;
    TRO_TRY(judged);
    const struct eval_planes *const p = &x->planes;
    uint8_t *const rgb = tro_malloc((size_t)p->width * (size_t)p->height * 3);
    int rc = rgb ? 0 : tro_fail_nomem(err);
    if (rc >= 0 && has_truth)
        rc = put_labels(e, out, p->truth_before, p, rgb, "truth", err);
    if (rc >= 0)
        rc = put_labels(e, out, p->found_before, p, rgb, x->text, err);
    if (rc >= 0)
        rc = put_difference(out, p, rgb, err);
    tro_free(rgb);
    return rc;
}

static int put_row(struct eval *e, const struct worst *w, struct tro_buf *out, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_picture picture;
    int rc = tro_picture_read(&arena, e->data.frames[w->frame].picture, 3, &picture, err);
    tro_buf_str(out, "<div>\n<h3>");
    tro_html_text(out, eval_frame_name(e, w->frame));
    tro_buf_printf(out, ": mean IoU %.3f</h3>\n", w->value);
    if (rc >= 0)
        rc = put_picture(out, picture.data, picture.width, picture.height, "frame", err);
    for (int i = 0; i < e->n_engines && rc >= 0; i++)
        rc = put_findings(e, i, w->frame, i == 0, out, err);
    tro_buf_str(out, "</div>\n");
    tro_arena_finish(&arena);
    return rc;
}

static void put_legend(const struct eval *e, struct tro_buf *out)
{
    tro_buf_str(out, "<p>");
    for (int i = 0; i < e->classes->n_names; i++) {
        uint8_t c[3];
        colour_of(e, i, c);
        tro_buf_printf(out, "<span style=\"background:#%02x%02x%02x\">&emsp;</span> ", c[0], c[1],
                       c[2]);
        tro_html_text(out, e->classes->names[i]);
        tro_buf_str(out, "&emsp;");
    }
    tro_buf_str(out, "</p>\n");
}

static int put_rows(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    struct worst *all;
    const int n = find_worst(e, e->n_engines - 1, &all, err);
    int rc = n;
    for (int i = 0; i < e->n_engines && rc >= 0; i++)
        rc = eval_open_engine(e, i, err);
    for (int i = 0; i < n && rc >= 0; i++)
        rc = put_row(e, &all[i], out, err);
    for (int i = 0; i < e->n_engines; i++)
        eval_close_engine(e, i);
    return rc;
}

int eval_put_worst(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    if (!e->classes)
        return 0;
    tro_html_element(out, "h2", "Worst frames");
    tro_buf_str(out, "<p class=\"note\">The worst frame of each slice by mean IoU of the last "
                     "engine, the worst of those first.</p>\n");
    put_legend(e, out);
    return put_rows(e, out, err);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_worst(const struct eval *e, int64_t frame, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "picture", eval_frame_name(e, frame));
    tro_json_string(j, "slice", e->data.frames[frame].slice);
    tro_json_array_begin(j, "engines");
    for (int i = 0; i < e->n_engines; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, i, frame);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "engine", e->engines[i].text);
        tro_json_number(j, "mean-iou", c->is_there ? c->values[e->layout.mean_iou] : NAN);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    tro_json_object_end(j);
}

int eval_json_worst(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    struct worst *all = NULL;
    const int n = e->classes ? find_worst(e, e->n_engines - 1, &all, err) : 0;
    TRO_TRY(n);
    tro_json_array_begin(j, "worst_frames");
    for (int i = 0; i < n; i++)
        put_worst(e, all[i].frame, j);
    tro_json_array_end(j);
    return 0;
}
