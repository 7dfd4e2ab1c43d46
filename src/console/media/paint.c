/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/paint.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "console/core/palette.h"
#include "console/media/panel.h"
#include "console/media/text.h"

#define MASK_AREA 0.28f
#define MASK_EDGE 0.85f
#define CARRIED_ON 0.5f /* of what the tracker carries on without having seen it */

static const uint8_t mark_rgb[3] = {64, 224, 255};
static const uint8_t age_rgb[3] = {200, 208, 216}, old_rgb[3] = {255, 176, 0};

struct tro_paint {
    struct tro_frame_form form;
    const struct tro_finding_names *names;
    int n_networks;
    enum tro_language language;
    struct tro_text *text;
    uint8_t *labels; /* of a map, and what tro_brush_map works in */
    void *rows;
    size_t n_labels, n_rows;
    float unit;  /* pixels of the picture, 1 at 360 rows */
    int size_px; /* of names */
};

struct tro_paint *tro_paint_create(const struct tro_frame_form *form,
                                   const struct tro_finding_names *names, int n_networks,
                                   enum tro_language language, struct tro_err *err)
{
    struct tro_paint *const p = tro_calloc(1, sizeof(*p));
    if (!p) {
        tro_fail_nomem(err);
        return NULL;
    }
    p->form = *form;
    p->names = names;
    p->n_networks = n_networks;
    p->language = language;
    p->unit = (float)form->height / 360;
    p->size_px = 8 + form->height / 90;
    p->text = tro_text_create(err);
    if (p->text)
        return p;
    tro_paint_destroy(p);
    return NULL;
}

void tro_paint_destroy(struct tro_paint *p)
{
    if (!p)
        return;
    tro_text_destroy(p->text);
    tro_free(p->labels);
    tro_free(p->rows);
    tro_free(p);
}

/* ---- colours and texts ------------------------------------------------------------------ */

static struct tro_brush in_colour(const struct tro_paint *p, const struct tro_brush *b,
                                  const uint8_t rgb[3], float opacity)
{
    struct tro_brush brush = *b;
    brush.colour = tro_ycc_of(&p->form, rgb[0], rgb[1], rgb[2]);
    brush.cover = (int)(256 * opacity);
    return brush;
}

static const char *name_of(const struct tro_paint *p, int network, int label)
{
    const struct tro_finding_names *const names = &p->names[network];
    return label >= 0 && label < names->n ? names->name[label] : "?";
}

/* Beside a place, inside of the picture; brighter than the brush, as letters are thin. */
static void write_at(struct tro_paint *p, const struct tro_brush *b, const char *utf8, float x,
                     float y)
{
    struct tro_brush bright = *b;
    bright.colour = (struct tro_ycc){(uint8_t)((b->colour.y + 2 * 235) / 3),
                                     (uint8_t)((b->colour.cb + 128) / 2),
                                     (uint8_t)((b->colour.cr + 128) / 2)};
    const struct tro_text_image *const image = tro_text_of(p->text, utf8, p->size_px, 0);
    if (!image)
        return;
    int left = (int)x, top = (int)y;
    left = left + image->width > b->width ? b->width - image->width : left;
    top = top + image->height > b->height ? b->height - image->height : top;
    tro_text_draw(&bright, image, left < 0 ? 0 : left, top < 0 ? 0 : top);
}

/* A line of the brush's colour that stands out of bright tissue too. */
static void line(const struct tro_paint *p, const struct tro_brush *b, const float *x,
                 const float *y, int n, float radius)
{
    struct tro_brush dark = *b;
    dark.colour = (struct tro_ycc){16, 128, 128};
    dark.cover = b->cover / 2;
    tro_brush_lines(&dark, x, y, n, radius + p->unit);
    tro_brush_lines(b, x, y, n, radius);
}

static void arrow(const struct tro_paint *p, const struct tro_brush *b, const float *x,
                  const float *y, float radius)
{
    struct tro_brush dark = *b;
    dark.colour = (struct tro_ycc){16, 128, 128};
    dark.cover = b->cover / 2;
    tro_brush_arrow(&dark, x[0], y[0], x[1], y[1], radius + p->unit);
    tro_brush_arrow(b, x[0], y[0], x[1], y[1], radius);
}

/* ---- findings --------------------------------------------------------------------------- */

static bool make_room(void *block_ptr, size_t *n_bytes, size_t n)
{
    void **const block = block_ptr;
    void *const more = n <= *n_bytes ? *block : tro_realloc(*block, n);
    if (!more)
        return false;
    *block = more;
    *n_bytes = n > *n_bytes ? n : *n_bytes;
    return true;
}

static void paint_map(struct tro_paint *p, const struct tro_brush *b, const struct tro_findings *f,
                      int network, float opacity)
{
    struct tro_brush_tint tints[256] = {0};
    const size_t n = (size_t)f->map_width * (size_t)f->map_height;
    if (f->n_runs == 0 || !make_room(&p->labels, &p->n_labels, n) ||
        !make_room(&p->rows, &p->n_rows, tro_brush_map_bytes(p->form.width, f->map_width)))
        return;
    const struct tro_finding_names *const names = &p->names[network];
    for (int i = 0; i < names->n; i++) {
        uint8_t rgb[3];
        if (!tro_palette_colour(names->name[i], i, rgb))
            continue;
        tints[i].colour = tro_ycc_of(&p->form, rgb[0], rgb[1], rgb[2]);
        tints[i].area = (uint16_t)(256 * MASK_AREA * opacity);
        tints[i].edge = (uint16_t)(256 * MASK_EDGE * opacity);
    }
    tro_findings_unpack(f, p->labels);
    const int edge_px = p->unit < 1.5f ? 1 : (int)(p->unit + 0.5f);
    tro_brush_map(b, p->labels, f->map_width, f->map_height, tints, edge_px, p->rows);
}

static void write_name(struct tro_paint *p, const struct tro_brush *b, int network,
                       const struct tro_finding *f, float x, float y)
{
    char line_of[TRO_FINDINGS_NAME_BYTES + 16];
    const char *const name = name_of(p, network, f->label);
    if (f->track)
        snprintf(line_of, sizeof(line_of), "%s #%u", name, f->track);
    else
        snprintf(line_of, sizeof(line_of), "%s", name);
    write_at(p, b, line_of, x, y);
}

static void paint_box(struct tro_paint *p, const struct tro_brush *b, int network,
                      const struct tro_finding *f)
{
    const float x[5] = {f->x0, f->x1, f->x1, f->x0, f->x0};
    const float y[5] = {f->y0, f->y0, f->y1, f->y1, f->y0};
    line(p, b, x, y, 5, 0.8f * p->unit);
    const float above = f->y0 - (float)p->size_px * 1.5f;
    write_name(p, b, network, f, f->x0, above > 0 ? above : f->y0 + 2 * p->unit);
}

static void paint_landmark(struct tro_paint *p, const struct tro_brush *b, int network,
                           const struct tro_finding *f)
{
    struct tro_brush dark = *b;
    dark.colour = (struct tro_ycc){16, 128, 128};
    dark.cover = b->cover / 2;
    tro_brush_ring(&dark, f->x, f->y, 3 * p->unit, 6.5f * p->unit);
    tro_brush_ring(b, f->x, f->y, 4 * p->unit, 5.5f * p->unit);
    tro_brush_ring(b, f->x, f->y, 0, 1.2f * p->unit);
    write_name(p, b, network, f, f->x + 8 * p->unit, f->y - (float)p->size_px * 0.7f);
}

static void paint_items(struct tro_paint *p, const struct tro_brush *b,
                        const struct tro_findings *f, int network, float opacity)
{
    for (int i = 0; i < f->n; i++) {
        const struct tro_finding *const item = &f->items[i];
        uint8_t rgb[3];
        if (!tro_palette_colour(name_of(p, network, item->label), item->label, rgb))
            continue;
        const struct tro_brush brush = in_colour(p, b, rgb,
                                                 item->age_ms > 0 ? opacity * CARRIED_ON : opacity);
        if (item->kind == TRO_FINDING_BOX)
            paint_box(p, &brush, network, item);
        else if (item->kind == TRO_FINDING_LANDMARK)
            paint_landmark(p, &brush, network, item);
    }
}

static int n_networks(const struct tro_paint *p, const struct tro_board_view *view)
{
    return view->n_networks < p->n_networks ? view->n_networks : p->n_networks;
}

/* Of the network that lags most, in steps that keep the text calm. */
static void paint_age(struct tro_paint *p, const struct tro_brush *b,
                      const struct tro_board_view *view)
{
    static const char *const young[TRO_N_LANGUAGES] = {"findings %d ms", "识别 %d 毫秒前"};
    static const char *const old[TRO_N_LANGUAGES] = {"no findings for %d s", "%d 秒无识别结果"};
    float age_ms = -1, opacity = 1;
    for (int i = 0; i < n_networks(p, view); i++)
        if (view->findings[i].frame > 0 && view->age_ms[i] > age_ms) {
            age_ms = view->age_ms[i];
            opacity = view->opacity[i];
        }
    if (age_ms < 0)
        return;
    char text[64];
    const bool is_old = age_ms >= 1000;
    snprintf(text, sizeof(text), (is_old ? old : young)[p->language],
             is_old ? (int)(age_ms / 1000) : (int)(age_ms / 5 + 0.5f) * 5);
    const struct tro_brush brush = in_colour(p, b, opacity < 1 ? old_rgb : age_rgb, 1);
    write_at(p, &brush, text, (float)b->width, 2 * p->unit);
}

/* ---- the sentence's drawings, marks ----------------------------------------------------- */

static float least_opacity(const struct tro_board_view *view, const struct tro_sentence_why *why,
                           float opacity)
{
    for (int i = 0; i < why->n_from; i++) {
        const int network = why->from[i].network;
        if (network >= 0 && network < view->n_networks && view->opacity[network] < opacity)
            opacity = view->opacity[network];
    }
    return opacity;
}

/* As visible as what the sentence rests on. */
static float opacity_of(const struct tro_board_view *view)
{
    float opacity = view->state == TRO_SENTENCE_TRUE ? 1 : 0;
    for (int i = 0; i < view->sentence.n_why; i++)
        opacity = least_opacity(view, &view->sentence.why[i], opacity);
    return opacity;
}

static void paint_drawing(struct tro_paint *p, const struct tro_brush *b, const struct tro_draw *d)
{
    if (d->kind == TRO_DRAW_PATH) {
        line(p, b, d->x, d->y, d->n_points, 1.6f * p->unit);
    } else if (d->n_points == 2 && d->kind == TRO_DRAW_ARROW) {
        arrow(p, b, d->x, d->y, 1.6f * p->unit);
    } else if (d->n_points == 2) {
        const float dx = d->x[1] - d->x[0], dy = d->y[1] - d->y[0];
        const float radius = __builtin_sqrtf(dx * dx + dy * dy);
        tro_brush_ring(b, d->x[0], d->y[0], radius - 1.5f * p->unit, radius + 1.5f * p->unit);
    }
}

static void paint_drawings(struct tro_paint *p, const struct tro_brush *b,
                           const struct tro_board_view *view)
{
    const float opacity = opacity_of(view);
    for (int i = 0; opacity > 0 && i < view->sentence.n_draw; i++) {
        const struct tro_draw *const d = &view->sentence.draw[i];
        const struct tro_brush brush = in_colour(p, b, d->rgb, opacity);
        paint_drawing(p, &brush, d);
    }
}

/* "Dr. Chen 14:03", and a label in front of it. */
static void write_mark(struct tro_paint *p, const struct tro_brush *b, const struct tro_mark *m,
                       int64_t made_wall_ns, float x, float y)
{
    char text[TRO_MARK_TEXT_BYTES + TRO_MARK_NAME_BYTES + 16];
    const time_t seconds = (time_t)(made_wall_ns / 1000000000);
    struct tm at;
    localtime_r(&seconds, &at);
    snprintf(text, sizeof(text), "%s%s%s %02d:%02d", m->text, m->text[0] ? "  " : "", m->name,
             at.tm_hour, at.tm_min);
    write_at(p, b, text, x + 6 * p->unit, y - (float)p->size_px * 1.6f);
}

static void paint_mark(struct tro_paint *p, const struct tro_brush *b, const struct tro_mark *m,
                       int64_t made_wall_ns)
{
    float x[TRO_MARK_MAX_POINTS], y[TRO_MARK_MAX_POINTS];
    const int n = m->n < TRO_MARK_MAX_POINTS ? m->n : TRO_MARK_MAX_POINTS;
    if (n < 1)
        return;
    for (int i = 0; i < n; i++) {
        x[i] = m->x[i] + m->moved_x;
        y[i] = m->y[i] + m->moved_y;
    }
    if (m->kind == TRO_MARK_STROKE)
        line(p, b, x, y, n, 1.4f * p->unit);
    else if (m->kind == TRO_MARK_ARROW && n >= 2)
        arrow(p, b, x, y, 1.4f * p->unit);
    else if (m->kind == TRO_MARK_POINT)
        tro_brush_ring(b, x[0], y[0], 5 * p->unit, 7 * p->unit);
    if (m->kind == TRO_MARK_POINT || m->kind == TRO_MARK_TEXT)
        tro_brush_ring(b, x[0], y[0], 0, 2 * p->unit);
    write_mark(p, b, m, made_wall_ns, x[0], y[0]);
}

static void paint_marks(struct tro_paint *p, const struct tro_brush *b,
                        const struct tro_board_view *view, int64_t now_ns, int64_t wall_ns)
{
    for (int i = 0; i < view->n_marks; i++) {
        const struct tro_mark *const m = &view->marks[i];
        /* What may have lost its tissue is still to be seen, but less. */
        const float opacity = m->confidence < TRO_MARK_SURE ? 0.45f : 1;
        const struct tro_brush brush = in_colour(p, b, mark_rgb, opacity);
        paint_mark(p, &brush, m, wall_ns - (now_ns - m->made_ns));
    }
}

/* ---- all -------------------------------------------------------------------------------- */

void tro_paint_picture(struct tro_paint *p, const struct tro_board_view *view, int64_t now_ns,
                       int64_t wall_ns, uint8_t *nv12)
{
    const struct tro_brush b = tro_brush_of(nv12, p->form.width, p->form.height);
    for (int i = 0; i < n_networks(p, view); i++)
        if (view->opacity[i] > 0)
            paint_map(p, &b, &view->findings[i], i, view->opacity[i]);
    for (int i = 0; i < n_networks(p, view); i++)
        if (view->opacity[i] > 0)
            paint_items(p, &b, &view->findings[i], i, view->opacity[i]);
    paint_drawings(p, &b, view);
    paint_marks(p, &b, view, now_ns, wall_ns);
    paint_age(p, &b, view);
    tro_panel_draw(&b, &p->form, p->text, view, p->language);
}
