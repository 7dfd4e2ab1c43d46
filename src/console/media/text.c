/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

#ifdef TRO_HAVE_PANGO
#include <pango/pangocairo.h>
#endif

#define N_KEPT 256
#define MAX_SIDE 4096
#define HALO_COVER 176

struct kept {
    char *utf8; /* NULL: free */
    int size_px, wrap_px;
    uint64_t used; /* when it was wanted last */
    struct tro_text_image image;
    uint8_t *bytes; /* letters, then halo */
};

struct tro_text {
    uint64_t n_used;
    struct kept kept[N_KEPT];
#ifdef TRO_HAVE_PANGO
    PangoFontMap *fonts;
    PangoContext *context;
#endif
};

static void forget(struct kept *k)
{
    tro_free(k->utf8);
    tro_free(k->bytes);
    *k = (struct kept){0};
}

#ifdef TRO_HAVE_PANGO
/* The greatest cover nearby, so that letters stand out of whatever is behind them. */
static void make_halo(const uint8_t *letters, int width, int height, int reach, uint8_t *halo)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t most = 0;
            for (int v = y - reach; v <= y + reach; v++)
                for (int u = x - reach; u <= x + reach; u++)
                    if (v >= 0 && v < height && u >= 0 && u < width &&
                        letters[v * width + u] > most)
                        most = letters[v * width + u];
            halo[y * width + x] = most;
        }
}

static PangoLayout *lay_out(struct tro_text *t, const char *utf8, int size_px, int wrap_px)
{
    PangoLayout *const layout = pango_layout_new(t->context);
    PangoFontDescription *const font = pango_font_description_from_string(
        "DejaVu Sans, Noto Sans, WenQuanYi Micro Hei, sans");
    pango_font_description_set_absolute_size(font, (double)size_px * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_text(layout, utf8, -1);
    if (wrap_px > 0) {
        pango_layout_set_width(layout, wrap_px * PANGO_SCALE);
        pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    } else {
        pango_layout_set_single_paragraph_mode(layout, TRUE);
    }
    return layout;
}

static void draw_letters(PangoLayout *layout, int x, int y, struct kept *k)
{
    const int width = k->image.width, height = k->image.height;
    cairo_surface_t *const surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
    cairo_t *const cairo = cairo_create(surface);
    cairo_move_to(cairo, x, y);
    pango_cairo_show_layout(cairo, layout);
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    const uint8_t *const from = cairo_image_surface_get_data(surface);
    const int stride = cairo_image_surface_get_stride(surface);
    for (int i = 0; from && i < height; i++)
        memcpy(k->bytes + i * width, from + i * stride, (size_t)width);
    cairo_surface_destroy(surface);
}

static bool render(struct tro_text *t, struct kept *k)
{
    PangoLayout *const layout = lay_out(t, k->utf8, k->size_px, k->wrap_px);
    const int rim = 1 + k->size_px / 16;
    PangoRectangle ink, logical;
    pango_layout_get_pixel_extents(layout, &ink, &logical);
    const int width = logical.width + 2 * rim, height = logical.height + 2 * rim;
    const bool fits = width > 0 && height > 0 && width < MAX_SIDE && height < MAX_SIDE;
    k->bytes = fits ? tro_calloc(2, (size_t)width * (size_t)height) : NULL;
    if (k->bytes) {
        uint8_t *const halo = k->bytes + (size_t)width * (size_t)height;
        k->image = (struct tro_text_image){width, height, k->bytes, halo};
        draw_letters(layout, rim - logical.x, rim - logical.y, k);
        make_halo(k->bytes, width, height, rim, halo);
    }
    g_object_unref(layout);
    return k->bytes != NULL;
}

static bool start(struct tro_text *t)
{
    t->fonts = pango_cairo_font_map_new();
    t->context = t->fonts ? pango_font_map_create_context(t->fonts) : NULL;
    if (!t->context)
        return false;
    cairo_font_options_t *const options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    pango_cairo_context_set_font_options(t->context, options);
    cairo_font_options_destroy(options);
    return true;
}

static void end(struct tro_text *t)
{
    if (t->context)
        g_object_unref(t->context);
    if (t->fonts)
        g_object_unref(t->fonts);
}
#else
static bool render(struct tro_text *t, struct kept *k)
{
    (void)t, (void)k;
    return false;
}

static bool start(struct tro_text *t)
{
    (void)t;
    return true;
}

static void end(struct tro_text *t)
{
    (void)t;
}
#endif

struct tro_text *tro_text_create(struct tro_err *err)
{
    struct tro_text *const t = tro_calloc(1, sizeof(*t));
    if (t && start(t))
        return t;
    tro_text_destroy(t);
    tro_fail_nomem(err);
    return NULL;
}

void tro_text_destroy(struct tro_text *t)
{
    if (!t)
        return;
    for (int i = 0; i < N_KEPT; i++)
        forget(&t->kept[i]);
    end(t);
    tro_free(t);
}

static bool is_that(const struct kept *k, const char *utf8, int size_px, int wrap_px)
{
    return k->utf8 && k->size_px == size_px && k->wrap_px == wrap_px && strcmp(k->utf8, utf8) == 0;
}

const struct tro_text_image *tro_text_of(struct tro_text *t, const char *utf8, int size_px,
                                         int wrap_px)
{
    struct kept *oldest = &t->kept[0];
    for (int i = 0; i < N_KEPT; i++) {
        struct kept *const k = &t->kept[i];
        if (is_that(k, utf8, size_px, wrap_px)) {
            k->used = ++t->n_used;
            return &k->image;
        }
        if (k->used < oldest->used)
            oldest = k;
    }
    forget(oldest);
    const size_t n = strlen(utf8) + 1;
    oldest->utf8 = tro_malloc(n);
    if (!oldest->utf8)
        return NULL;
    memcpy(oldest->utf8, utf8, n);
    oldest->size_px = size_px;
    oldest->wrap_px = wrap_px;
    oldest->used = ++t->n_used;
    if (render(t, oldest))
        return &oldest->image;
    forget(oldest);
    return NULL;
}

void tro_text_draw(const struct tro_brush *b, const struct tro_text_image *image, int x, int y)
{
    if (!image)
        return;
    struct tro_brush dark = *b;
    dark.colour = (struct tro_ycc){16, 128, 128};
    dark.cover = b->cover * HALO_COVER >> 8;
    tro_brush_stamp(&dark, x, y, image->halo, image->width, image->height);
    tro_brush_stamp(b, x, y, image->letters, image->width, image->height);
}
