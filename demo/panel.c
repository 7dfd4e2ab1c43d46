/* SPDX-License-Identifier: Apache-2.0 */
#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/thread.h"
#include "draw.h"
#include "text.h"

/* How much of a class's colour a line takes. */
#define LINE_TISSUE 0.85f
#define LINE_INSTRUMENT 1.0f
#define MORE_FILL 0.1f /* of instruments */
#define SHADOW 0.55f   /* of black, around instruments */

#define MAX_RADIUS 6

static const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};

/* ---- classes --------------------------------------------------------------------------- */

/* The pixels within a radius, the middle left out. */
struct disc {
    int n;
    int8_t dx[(2 * MAX_RADIUS + 1) * (2 * MAX_RADIUS + 1)];
    int8_t dy[(2 * MAX_RADIUS + 1) * (2 * MAX_RADIUS + 1)];
};

struct painting {
    struct tro_picture *p;
    const struct demo_names *classes;
    const uint8_t *label, *against;
    float fill;
    struct disc thin, thick;
};

static void disc_init(struct disc *d, float radius_px)
{
    const float r = fminf(fmaxf(radius_px, 1), MAX_RADIUS);
    d->n = 0;
    for (int y = -MAX_RADIUS; y <= MAX_RADIUS; y++) {
        for (int x = -MAX_RADIUS; x <= MAX_RADIUS; x++) {
            if ((float)(x * x + y * y) > r * r || (!x && !y))
                continue;
            d->dx[d->n] = (int8_t)x;
            d->dy[d->n++] = (int8_t)y;
        }
    }
}

/* Does another class begin within the disc around (x, y)? Of instruments only, if so asked. */
static bool is_near_other(const struct painting *l, int x, int y, const struct disc *d,
                          bool only_instruments)
{
    const int width = l->p->width, height = l->p->height;
    const uint8_t own = l->label[(size_t)y * (size_t)width + (size_t)x];
    for (int i = 0; i < d->n; i++) {
        const int nx = x + d->dx[i], ny = y + d->dy[i];
        if (nx < 0 || ny < 0 || nx >= width || ny >= height)
            continue;
        const uint8_t other = l->label[(size_t)ny * (size_t)width + (size_t)nx];
        const bool is_instrument = other != DEMO_NO_LABEL && l->classes->v[other].is_instrument;
        if (other != own && (!only_instruments || is_instrument))
            return true;
    }
    return false;
}

static void paint_pixel(const struct painting *l, int x, int y, uint8_t *px)
{
    const size_t at = (size_t)y * (size_t)l->p->width + (size_t)x;
    if (l->label[at] == DEMO_NO_LABEL)
        return;
    const struct demo_name *const c = &l->classes->v[l->label[at]];
    if (l->against && l->against[at] != l->label[at]) {
        demo_draw_blend(px, white, 1);
        return;
    }
    if (c->is_instrument) {
        const bool is_line = is_near_other(l, x, y, &l->thick, false);
        const float fill = l->fill > 0 ? l->fill + MORE_FILL : 0;
        demo_draw_blend(px, c->rgb, is_line ? LINE_INSTRUMENT : fill);
        return;
    }
    if (is_near_other(l, x, y, &l->thick, true)) {
        demo_draw_blend(px, black, SHADOW);
        return;
    }
    if (c->is_marked) {
        const bool is_line = is_near_other(l, x, y, &l->thin, false);
        demo_draw_blend(px, c->rgb, is_line ? LINE_TISSUE : l->fill);
    }
}

static void paint_row(void *ctx, int64_t row)
{
    const struct painting *const l = ctx;
    uint8_t *px = l->p->data + (size_t)row * (size_t)l->p->width * 3;
    for (int x = 0; x < l->p->width; x++, px += 3)
        paint_pixel(l, x, (int)row, px);
}

void demo_panel_classes(struct tro_picture *p, const struct demo_look *look,
                        const struct demo_findings *f, float fill, const uint8_t *against)
{
    struct painting l = {
        .p = p, .classes = look->classes, .label = f->label, .against = against, .fill = fill};
    if (!f->label)
        return;
    disc_init(&l.thin, 0.5f * look->unit);
    disc_init(&l.thick, look->unit);
    tro_parallel_for(p->height, paint_row, &l);
}

/* ---- marks ----------------------------------------------------------------------------- */

static void name_mark(char *text, size_t n, const char *name, float score, bool has_score)
{
    if (has_score)
        snprintf(text, n, "%s %.2f", name, (double)score);
    else
        snprintf(text, n, "%s", name);
}

/* Moved into the picture. */
static void put_plate(struct tro_picture *p, float x, float y, const struct demo_plate *plate,
                      const char *text)
{
    const float most_x = (float)p->width - demo_plate_width(plate, text);
    const float most_y = (float)p->height - demo_plate_height(plate);
    demo_draw_plate(p, fmaxf(fminf(x, most_x), 0), fmaxf(fminf(y, most_y), 0), plate, text);
}

/* To the right of a mark, to the left of it where there is no room. */
static void put_plate_beside(struct tro_picture *p, float x, float y, float radius,
                             const struct demo_plate *plate, const char *text)
{
    const float width = demo_plate_width(plate, text);
    const float top = y - 0.5f * demo_plate_height(plate);
    const bool has_room = x + radius + width <= (float)p->width;
    put_plate(p, has_room ? x + radius : x - radius - width, top, plate, text);
}

/* The greatest score on top. */
static void draw_boxes(struct tro_picture *p, const struct demo_look *look,
                       const struct demo_findings *f, bool has_scores)
{
    char text[96];
    for (int i = f->n_boxes - 1; i >= 0; i--) {
        const struct tro_eval_box *const b = &f->boxes[i];
        const struct demo_name *const kind = &look->kinds->v[b->label];
        const struct demo_plate plate = {0.8f * look->unit, kind->rgb, true};
        const float above = b->y0 - demo_plate_height(&plate);
        if (b->score < DEMO_SHOWN_SCORE)
            continue;
        demo_draw_box(p, b->x0, b->y0, b->x1, b->y1, 0.8f * look->unit, kind->rgb);
        name_mark(text, sizeof text, kind->text, b->score, has_scores);
        put_plate(p, b->x0, above >= 0 ? above : b->y0, &plate, text);
    }
}

static void draw_points(struct tro_picture *p, const struct demo_look *look,
                        const struct demo_findings *f, bool has_scores)
{
    const float radius = 4.5f * look->unit;
    char text[96];
    for (int i = 0; i < f->n_points; i++) {
        const struct demo_point *const at = &f->points[i];
        const struct demo_plate plate = {0.8f * look->unit, look->points->v[i].rgb, false};
        if (!at->is_there)
            continue;
        demo_draw_target(p, at->x, at->y, radius, 0.9f * look->unit, look->points->v[i].rgb);
        name_mark(text, sizeof text, look->points->v[i].text, at->score, has_scores);
        put_plate_beside(p, at->x, at->y, radius + look->unit, &plate, text);
    }
}

void demo_panel_marks(struct tro_picture *p, const struct demo_look *look,
                      const struct demo_findings *f, bool has_scores)
{
    draw_boxes(p, look, f, has_scores);
    draw_points(p, look, f, has_scores);
}

/* ---- depths ---------------------------------------------------------------------------- */

#define MOST_MM 1000
#define LINE_MM 10
#define LINE_SHARE 0.28f
#define MOST_TICKS 6

struct relief {
    struct tro_picture *p;
    const struct demo_names *classes;
    const struct demo_findings *f;
    float near_mm, far_mm;
};

/* Near is warm, far is cold; after Turbo (A. Mikhailov, 2019). */
static void depth_colour(float share, uint8_t rgb[3])
{
    static const uint8_t stops[][3] = {{150, 14, 4},   {220, 60, 8},   {252, 135, 36},
                                       {236, 208, 58}, {164, 252, 60}, {50, 241, 152},
                                       {40, 188, 235}, {70, 104, 224}, {58, 38, 110}};
    const int n = (int)(sizeof stops / sizeof *stops) - 1;
    const float x = fminf(fmaxf(share, 0), 1) * (float)n;
    const int at = x < (float)n ? (int)x : n - 1;
    for (int k = 0; k < 3; k++) {
        const float from = stops[at][k], to = stops[at + 1][k];
        rgb[k] = (uint8_t)lrintf(from + (to - from) * (x - (float)at));
    }
}

/* 0 where there is none, as on what the segmentation leaves unmarked: beyond the round picture. */
static float depth_of(const struct relief *r, int x, int y)
{
    const size_t at = (size_t)y * (size_t)r->p->width + (size_t)x;
    const bool is_out = r->f->label && !r->classes->v[r->f->label[at]].is_marked;
    const float mm = r->f->depth[at];
    return is_out || !(mm > 0) || mm > MOST_MM ? 0 : mm;
}

/* From the nearest but 1 % of the pixels to the farthest but 1 %, in whole tens. */
static void find_range(struct relief *r)
{
    int64_t count[MOST_MM / LINE_MM + 1] = {0}, n = 0, sum = 0;
    for (int y = 0; y < r->p->height; y++) {
        for (int x = 0; x < r->p->width; x++) {
            const float mm = depth_of(r, x, y);
            count[(int)(mm / LINE_MM)] += mm > 0;
            n += mm > 0;
        }
    }
    int first = 0, last = MOST_MM / LINE_MM;
    for (; first < last && sum + count[first] <= n / 100; first++)
        sum += count[first];
    for (sum = 0; last > first && sum + count[last] <= n / 100; last--)
        sum += count[last];
    r->near_mm = (float)first * LINE_MM;
    r->far_mm = (float)(last + 1) * LINE_MM;
}

static bool is_on_line(const struct relief *r, int x, int y, float mm)
{
    const float right = x + 1 < r->p->width ? depth_of(r, x + 1, y) : mm;
    const float below = y + 1 < r->p->height ? depth_of(r, x, y + 1) : mm;
    const int own = (int)(mm / LINE_MM);
    return (int)(right / LINE_MM) != own || (int)(below / LINE_MM) != own;
}

static void relief_row(void *ctx, int64_t row)
{
    static const uint8_t nothing[3] = {12, 13, 16};
    const struct relief *const r = ctx;
    uint8_t *px = r->p->data + (size_t)row * (size_t)r->p->width * 3;
    for (int x = 0; x < r->p->width; x++, px += 3) {
        const float mm = depth_of(r, x, (int)row);
        if (mm > 0)
            depth_colour((mm - r->near_mm) / (r->far_mm - r->near_mm), px);
        else
            memcpy(px, nothing, 3);
        if (mm > 0 && is_on_line(r, x, (int)row, mm))
            demo_draw_blend(px, black, LINE_SHARE);
    }
}

/* Distances between ticks in mm, so that there are few of them. */
static float tick_step(float range)
{
    static const float steps[] = {10, 20, 50, 100, 200};
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof *steps && range / steps[i] > MOST_TICKS)
        i++;
    return steps[i];
}

/* A bar at the right border, near above. */
static void draw_scale(const struct relief *r, const struct demo_look *look)
{
    const float u = 0.8f * look->unit, range = r->far_mm - r->near_mm, step = tick_step(range);
    const float right = (float)r->p->width - 4 * u;
    const float left = right - demo_text_width(u, "000 mm") - 11 * u;
    const float top = 0.14f * (float)r->p->height, bottom = 0.86f * (float)r->p->height;
    demo_draw_area(r->p, left - 5 * u, top - 8 * u, right, bottom + 8 * u, black, 0.72f);
    for (float y = top; y < bottom; y++) {
        uint8_t rgb[3];
        depth_colour((y - top) / (bottom - top), rgb);
        demo_draw_area(r->p, left, y, left + 7 * u, y + 1, rgb, 1);
    }
    for (float mm = ceilf(r->near_mm / step) * step; mm <= r->far_mm; mm += step) {
        const float y = top + (mm - r->near_mm) / range * (bottom - top);
        char text[32];
        snprintf(text, sizeof text, "%.0f mm", (double)mm);
        demo_draw_area(r->p, left + 7 * u, y - 0.5f * u, left + 9 * u, y + 0.5f * u, white, 1);
        demo_text_draw(r->p, left + 11 * u, y - 3 * u, u, text, white);
    }
}

void demo_panel_depth(struct tro_picture *p, const struct demo_look *look,
                      const struct demo_findings *f)
{
    struct relief r = {.p = p, .classes = look->classes, .f = f};
    if (!f->depth)
        return;
    find_range(&r);
    tro_parallel_for(p->height, relief_row, &r);
    draw_scale(&r, look);
}
