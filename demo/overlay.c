/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/thread.h"
#include "text.h"

/* Sizes in units of lettering: two pixels, more in a frame that is higher than 480. */
#define UNITS_HIGH 240
#define MIN_UNIT 2.0f
#define STRIP 13 /* height of the titles and of a row of the legend */
#define MARGIN 4
#define SWATCH 8
#define CAPITAL 6
#define GUTTER 3 /* between panels */

/* How much of a class's colour a pixel takes. */
#define FILL_TISSUE 0.26f
#define FILL_INSTRUMENT 0.36f
#define LINE_TISSUE 0.85f
#define LINE_INSTRUMENT 1.0f
#define SHADOW 0.55f /* of black, around instruments */

#define MAX_RADIUS 6

static const uint8_t paper[3] = {20, 23, 28}, ink[3] = {238, 240, 242};

/* The pixels within a radius, the middle left out. */
struct disc {
    int n;
    int8_t dx[(2 * MAX_RADIUS + 1) * (2 * MAX_RADIUS + 1)];
    int8_t dy[(2 * MAX_RADIUS + 1) * (2 * MAX_RADIUS + 1)];
};

struct layout {
    const struct demo_overlay *o;
    struct tro_picture *canvas;
    float unit;
    int strip_px;  /* height of the title */
    int gutter_px; /* width between panels */
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

/* ---- panels ---------------------------------------------------------------------------- */

static void blend(uint8_t *px, const uint8_t rgb[3], float share)
{
    for (int k = 0; k < 3; k++)
        px[k] = (uint8_t)lrintf((float)px[k] + share * (float)(rgb[k] - px[k]));
}

/* Does another class begin within the disc around (x, y)? Of instruments only, if so asked. */
static bool is_near_other(const struct layout *l, const uint8_t *label, int x, int y,
                          const struct disc *d, bool only_instruments)
{
    const int width = l->o->frame->width, height = l->o->frame->height;
    const uint8_t own = label[(size_t)y * (size_t)width + (size_t)x];
    for (int i = 0; i < d->n; i++) {
        const int nx = x + d->dx[i], ny = y + d->dy[i];
        if (nx < 0 || ny < 0 || nx >= width || ny >= height)
            continue;
        const uint8_t other = label[(size_t)ny * (size_t)width + (size_t)nx];
        if (other != own && (!only_instruments || l->o->classes->v[other].is_instrument))
            return true;
    }
    return false;
}

static void mark_pixel(const struct layout *l, const struct demo_panel *panel, int x, int y,
                       uint8_t *px)
{
    static const uint8_t black[3] = {0, 0, 0}, white[3] = {255, 255, 255};
    const uint8_t *label = panel->label;
    const size_t at = (size_t)y * (size_t)l->o->frame->width + (size_t)x;
    const struct demo_class *c = &l->o->classes->v[label[at]];
    if (panel->against && panel->against[at] != label[at]) {
        blend(px, white, 1);
        return;
    }
    if (c->is_instrument) {
        const bool is_line = is_near_other(l, label, x, y, &l->thick, false);
        blend(px, c->rgb, is_line ? LINE_INSTRUMENT : FILL_INSTRUMENT);
        return;
    }
    if (is_near_other(l, label, x, y, &l->thick, true)) {
        blend(px, black, SHADOW);
        return;
    }
    if (!c->is_marked)
        return;
    const bool is_line = is_near_other(l, label, x, y, &l->thin, false);
    blend(px, c->rgb, is_line ? LINE_TISSUE : FILL_TISSUE);
}

static void draw_frame_row(void *ctx, int64_t row)
{
    const struct layout *l = ctx;
    const struct tro_picture *frame = l->o->frame;
    const size_t n_row = (size_t)frame->width * 3;
    uint8_t *px = l->canvas->data + (size_t)(l->strip_px + row) * (size_t)l->canvas->width * 3;
    for (int i = 0; i < l->o->n_panels; i++, px += 3 * l->gutter_px) {
        const struct demo_panel *panel = &l->o->panels[i];
        memcpy(px, frame->data + (size_t)row * n_row, n_row);
        for (int x = 0; x < frame->width; x++, px += 3)
            if (panel->label)
                mark_pixel(l, panel, x, (int)row, px);
    }
}

static void draw_titles(const struct layout *l)
{
    for (int i = 0; i < l->o->n_panels; i++) {
        const int left = i * (l->o->frame->width + l->gutter_px);
        const float x = (float)left + MARGIN * l->unit;
        const float y = 0.5f * (STRIP - CAPITAL) * l->unit;
        demo_text_draw(l->canvas, x, y, l->unit, l->o->panels[i].title, ink);
    }
}

/* ---- legend ---------------------------------------------------------------------------- */

static void fill_box(struct tro_picture *canvas, float x, float y, float size, const uint8_t rgb[3])
{
    const int x1 = (int)fminf(x + size, (float)canvas->width);
    const int y1 = (int)fminf(y + size, (float)canvas->height);
    for (int py = (int)y; py < y1; py++)
        for (int px = (int)x; px < x1; px++)
            memcpy(canvas->data + ((size_t)py * (size_t)canvas->width + (size_t)px) * 3, rgb, 3);
}

/* Class by class to the right, then in the next row; returns the number of rows. Without a canvas
 * it only counts. */
static int place_legend(const struct layout *l, int width, struct tro_picture *canvas, float top)
{
    const float u = l->unit;
    float x = MARGIN * u;
    int n_rows = 1;
    for (int i = 0; i < l->o->classes->n; i++) {
        const struct demo_class *c = &l->o->classes->v[i];
        const float entry = (SWATCH + 4) * u + demo_text_width(u, c->name) + 2 * MARGIN * u;
        if (!c->is_marked)
            continue;
        if (x > MARGIN * u && x + entry > (float)width) {
            x = MARGIN * u;
            n_rows++;
        }
        if (canvas) {
            const float y = top + (float)(n_rows - 1) * STRIP * u;
            fill_box(canvas, x, y + 0.5f * (STRIP - SWATCH) * u, SWATCH * u, c->rgb);
            demo_text_draw(canvas, x + (SWATCH + 4) * u, y + 0.5f * (STRIP - CAPITAL) * u, u,
                           c->name, ink);
        }
        x += entry;
    }
    return n_rows;
}

/* ---- the whole ------------------------------------------------------------------------- */

int demo_overlay_draw(const struct demo_overlay *o, struct tro_arena *arena,
                      struct tro_picture *out, struct tro_err *err)
{
    const struct tro_picture *frame = o->frame;
    struct layout l = {.o = o, .canvas = out};
    l.unit = fmaxf((float)frame->height / UNITS_HIGH, MIN_UNIT);
    l.strip_px = (int)(STRIP * l.unit);
    l.gutter_px = (int)(GUTTER * l.unit);
    const int width = frame->width * o->n_panels + l.gutter_px * (o->n_panels - 1);
    disc_init(&l.thin, 0.5f * l.unit);
    disc_init(&l.thick, l.unit);
    const int legend_px = (int)((float)place_legend(&l, width, NULL, 0) * STRIP * l.unit);
    const int height = l.strip_px + frame->height + legend_px;
    const size_t n_px = (size_t)width * (size_t)height;
    *out = (struct tro_picture){width, height, 3, tro_arena_alloc(arena, n_px, 3)};
    if (!out->data)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n_px; i++)
        memcpy(out->data + 3 * i, paper, 3);
    tro_parallel_for(frame->height, draw_frame_row, &l);
    draw_titles(&l);
    place_legend(&l, width, out, (float)(l.strip_px + frame->height));
    return 0;
}
