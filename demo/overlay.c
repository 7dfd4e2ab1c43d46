/* SPDX-License-Identifier: Apache-2.0 */
#include "overlay.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "draw.h"
#include "text.h"

/* Sizes in units of lettering: two pixels, more in a frame that is higher than 400. */
#define UNITS_HIGH 200
#define MIN_UNIT 2.0f
#define STRIP 13 /* height of a line of text */
#define MARGIN 4
#define SWATCH 8
#define CAPITAL 6
#define GUTTER 3 /* between panels */

#define FILL_OUTLINED 0.0f
#define FILL_CLASSES 0.5f

static const uint8_t paper[3] = {20, 23, 28}, ink[3] = {238, 240, 242}, dim[3] = {176, 184, 196};
static const uint8_t bright[3] = {255, 214, 92};

struct layout {
    const struct demo_overlay *o;
    struct demo_look look;
    struct tro_picture *canvas;
    int strip_px, gutter_px;
};

/* ---- panels ---------------------------------------------------------------------------- */

static void draw_panel(const struct layout *l, int which, struct tro_picture *p)
{
    const struct demo_overlay *const o = l->o;
    switch (which) {
    case DEMO_PANEL_MARKS:
        demo_panel_classes(p, &l->look, o->found, FILL_OUTLINED, NULL);
        demo_panel_marks(p, &l->look, o->found, true);
        break;
    case DEMO_PANEL_CLASSES:
        demo_panel_classes(p, &l->look, o->found, FILL_CLASSES, NULL);
        break;
    case DEMO_PANEL_DEPTH:
        demo_panel_depth(p, &l->look, o->found);
        break;
    default:
        if (o->truth) {
            demo_panel_classes(p, &l->look, o->truth, FILL_CLASSES, o->found->label);
            demo_panel_marks(p, &l->look, o->truth, false);
        }
    }
}

static int put_panels(const struct layout *l, struct tro_arena *arena, struct tro_err *err)
{
    const struct tro_picture *const frame = l->o->frame;
    const size_t n_bytes = (size_t)frame->width * (size_t)frame->height * 3;
    struct tro_picture p = *frame;
    p.data = tro_arena_alloc(arena, n_bytes, 1);
    if (!p.data)
        return tro_fail_nomem(err);
    for (int i = 0; i < DEMO_N_PANELS; i++) {
        const int x = i % 2 * (frame->width + l->gutter_px);
        const int y = l->strip_px + i / 2 * (l->strip_px + frame->height);
        memcpy(p.data, frame->data, n_bytes);
        draw_panel(l, i, &p);
        demo_draw_copy(l->canvas, x, y + l->strip_px, &p);
        demo_text_draw(l->canvas, (float)x + MARGIN * l->look.unit,
                       (float)y + 0.5f * (STRIP - CAPITAL) * l->look.unit, l->look.unit,
                       l->o->titles[i], ink);
    }
    return 0;
}

/* ---- lines of text --------------------------------------------------------------------- */

static void put_line(const struct layout *l, float x, float y, const char *text,
                     const uint8_t rgb[3])
{
    demo_text_draw(l->canvas, x, y + 0.5f * (STRIP - CAPITAL) * l->look.unit, l->look.unit, text,
                   rgb);
}

static void put_heading(const struct layout *l)
{
    const float u = l->look.unit, width = demo_text_width(u, l->o->step);
    put_line(l, MARGIN * u, 0, l->o->heading, dim);
    put_line(l, (float)l->canvas->width - width - MARGIN * u, 0, l->o->step, bright);
}

/* Class by class to the right, then in the next row; returns the number of rows. Without a canvas
 * it only counts. */
static int place_legend(const struct layout *l, int width, struct tro_picture *canvas, float top)
{
    const float u = l->look.unit;
    float x = MARGIN * u;
    int n_rows = 1;
    for (int i = 0; l->look.classes && i < l->look.classes->n; i++) {
        const struct demo_name *const c = &l->look.classes->v[i];
        const float entry = (SWATCH + 4) * u + demo_text_width(u, c->text) + 2 * MARGIN * u;
        if (!c->is_marked)
            continue;
        if (x > MARGIN * u && x + entry > (float)width) {
            x = MARGIN * u;
            n_rows++;
        }
        if (canvas) {
            const float y = top + (float)(n_rows - 1) * STRIP * u;
            const float box = y + 0.5f * (STRIP - SWATCH) * u;
            demo_draw_area(canvas, x, box, x + SWATCH * u, box + SWATCH * u, c->rgb, 1);
            put_line(l, x + (SWATCH + 4) * u, y, c->text, ink);
        }
        x += entry;
    }
    return n_rows;
}

/* ---- the whole ------------------------------------------------------------------------- */

int demo_overlay_draw(const struct demo_overlay *o, struct tro_arena *arena,
                      struct tro_picture *out, struct tro_err *err)
{
    const struct tro_picture *const frame = o->frame;
    struct layout l = {.o = o, .look = o->look, .canvas = out};
    const float u = l.look.unit = fmaxf((float)frame->height / UNITS_HIGH, MIN_UNIT);
    l.strip_px = (int)(STRIP * u);
    l.gutter_px = (int)(GUTTER * u);
    const int width = 2 * frame->width + l.gutter_px;
    const int n_lines = place_legend(&l, width, NULL, 0) + 1;
    const int legend = l.strip_px + 2 * (l.strip_px + frame->height);
    const int height = legend + (int)((float)n_lines * STRIP * u);
    const size_t n_px = (size_t)width * (size_t)height;
    *out = (struct tro_picture){width, height, 3, tro_arena_alloc(arena, n_px, 3)};
    if (!out->data)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n_px; i++)
        memcpy(out->data + 3 * i, paper, 3);
    TRO_TRY(put_panels(&l, arena, err));
    put_heading(&l);
    place_legend(&l, width, out, (float)legend);
    put_line(&l, MARGIN * u, (float)height - STRIP * u, o->footer, dim);
    return 0;
}
