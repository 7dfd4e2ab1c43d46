/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing on NV12, the blur, colours, and what a board's view looks like. */
#include "console/media/paint.h"

#include <stdlib.h>

#include "base/hash.h"
#include "console/media/brush.h"
#include "console_view_kit.h"
#include "test.h"

#define W 640
#define H 360
#define N_BYTES (W * H * 3 / 2)

static const struct tro_frame_form form = {TRO_FRAME_NV12, W, H, false, false};

static uint64_t hash_of(const uint8_t *bytes, size_t n)
{
    return tro_hash64(bytes, n, 0);
}

/* Something with all values of luma and chroma in it. */
static void ramp(uint8_t *nv12, int width, int height)
{
    for (int y = 0; y < height * 3 / 2; y++)
        for (int x = 0; x < width; x++)
            nv12[y * width + x] = (uint8_t)(x * 3 + y * 5);
}

/* ---- brush ------------------------------------------------------------------------------ */

TEST(fill_mixes_and_is_cut_off)
{
    uint8_t nv12[16 * 8 * 3 / 2];
    memset(nv12, 100, sizeof(nv12));
    struct tro_brush b = tro_brush_of(nv12, 16, 8);
    b.colour = (struct tro_ycc){200, 40, 220};
    b.cover = 128;
    tro_brush_fill(&b, -5, -5, 4, 4);
    CHECK_INT(nv12[0], 150);
    CHECK_INT(nv12[3 * 16 + 3], 150);
    CHECK_INT(nv12[3 * 16 + 4], 100);
    CHECK_INT(nv12[4 * 16], 100);
    CHECK_INT(nv12[8 * 16], 70);
    CHECK_INT(nv12[8 * 16 + 1], 160);
    CHECK_INT(nv12[8 * 16 + 4], 100);
    b.cover = 256;
    tro_brush_fill(&b, 12, 6, 100, 100);
    CHECK_INT(nv12[7 * 16 + 15], 200);
    CHECK_INT(nv12[8 * 16 + 3 * 16 + 15], 220);
}

TEST(lines_cover_what_they_should)
{
    uint8_t *const nv12 = calloc(1, N_BYTES);
    const struct tro_brush b = tro_brush_of(nv12, W, H);
    tro_brush_line(&b, 100, 100, 200, 100, 2);
    CHECK_INT(nv12[100 * W + 150], 235); /* its middle half a pixel off the axis */
    CHECK_INT(nv12[98 * W + 150], 235);
    CHECK_INT(nv12[97 * W + 150], 0);
    CHECK_INT(nv12[102 * W + 150], 0);
    CHECK_INT(nv12[100 * W + 90], 0);
    double sum = 0;
    for (int i = 0; i < W * H; i++)
        sum += nv12[i];
    CHECK_NEAR(sum / 235, 100 * 4 + 3.1416 * 4, 8); /* its area */
    memset(nv12, 0, N_BYTES);
    tro_brush_ring(&b, 300.5f, 200.5f, 20, 24);
    sum = 0;
    for (int i = 0; i < W * H; i++)
        sum += nv12[i];
    CHECK_NEAR(sum / 235, 3.1416 * (24 * 24 - 20 * 20), 12);
    CHECK_INT(nv12[200 * W + 300], 0);
    CHECK_INT(nv12[200 * W + 322], 235);
    free(nv12);
}

/* Whatever the places are, nothing outside of the picture is touched (ASan looks on). */
TEST(shapes_are_cut_off_at_the_picture)
{
    uint8_t *const nv12 = calloc(1, 32 * 16 * 3 / 2);
    const struct tro_brush b = tro_brush_of(nv12, 32, 16);
    static const float places[] = {-1e30f, -1e9f, -40,  -0.5f, 0,       15.5f,
                                   31.9f,  32,    1e9f, NAN,   INFINITY};
    static const uint8_t cover[25] = {255, 255, 255, 255, 255};
    const int n = sizeof(places) / sizeof(places[0]);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            tro_brush_line(&b, places[i], places[k], places[k], places[i], 3);
            tro_brush_arrow(&b, places[i], places[k], 5, 5, 2);
            tro_brush_ring(&b, places[i], places[k], 2, 5);
        }
    for (int y = -8; y < 24; y++)
        for (int x = -8; x < 40; x++)
            tro_brush_stamp(&b, x, y, cover, 5, 5);
    tro_brush_stamp(&b, 1 << 30, 1 << 30, cover, 5, 5);
    CHECK_INT(nv12[0], 235);
    free(nv12);
}

static void naive_map(uint8_t *nv12, int width, int height, const uint8_t *labels, int mw, int mh,
                      const struct tro_brush_tint *tints)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const struct tro_brush_tint *const t =
                &tints[labels[(y * mh / height) * mw + x * mw / width]];
            uint8_t *const luma = nv12 + y * width + x;
            *luma = (uint8_t)((*luma * (256 - t->area) + t->area * t->colour.y + 128) >> 8);
            if ((x | y) & 1)
                continue;
            uint8_t *const chroma = nv12 + (height + y / 2) * width + x;
            chroma[0] = (uint8_t)((chroma[0] * (256 - t->area) + t->area * t->colour.cb + 128) >>
                                  8);
            chroma[1] = (uint8_t)((chroma[1] * (256 - t->area) + t->area * t->colour.cr + 128) >>
                                  8);
        }
}

/* Areas alone, against plain loops, at sizes that do and do not divide. */
TEST(maps_tint_as_plain_loops_do)
{
    static const int sizes[][4] = {{640, 360, 256, 144},
                                   {642, 362, 100, 70},
                                   {64, 48, 100, 90},
                                   {34, 16, 1, 1},
                                   {1920, 1080, 256, 144}};
    const struct tro_brush_tint tints[4] = {
        {{0}, 0, 0}, {{200, 90, 160}, 72, 0}, {{30, 200, 100}, 256, 0}, {{255, 0, 255}, 128, 0}};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        const int width = sizes[s][0], height = sizes[s][1], mw = sizes[s][2], mh = sizes[s][3];
        const size_t n = (size_t)width * (size_t)height * 3 / 2;
        uint8_t *const a = malloc(n), *const b = malloc(n), *const labels = malloc(mw * mh);
        void *const scratch = malloc(tro_brush_map_bytes(width, mw));
        ramp(a, width, height);
        memcpy(b, a, n);
        for (int i = 0; i < mw * mh; i++)
            labels[i] = (uint8_t)((i / 7 + i / mw / 3 * 5) % 4);
        const struct tro_brush brush = tro_brush_of(a, width, height);
        tro_brush_map(&brush, labels, mw, mh, tints, 0, scratch);
        naive_map(b, width, height, labels, mw, mh, tints);
        CHECK_INT(memcmp(a, b, n), 0);
        free(scratch);
        free(labels);
        free(a);
        free(b);
    }
}

TEST(maps_have_outlines)
{
    uint8_t *const nv12 = calloc(1, N_BYTES);
    uint8_t labels[4] = {0, 1, 0, 1};
    const struct tro_brush_tint tints[2] = {{{0}, 0, 0}, {{200, 128, 128}, 64, 256}};
    void *const scratch = malloc(tro_brush_map_bytes(W, 2));
    const struct tro_brush b = tro_brush_of(nv12, W, H);
    tro_brush_map(&b, labels, 2, 2, tints, 2, scratch);
    CHECK_INT(nv12[10 * W + 318], 0);
    CHECK_INT(nv12[10 * W + 319], 200);
    CHECK_INT(nv12[10 * W + 320], 200);
    CHECK_INT(nv12[10 * W + 321], 50);
    labels[1] = 0;
    memset(nv12, 0, N_BYTES);
    tro_brush_map(&b, labels, 2, 2, tints, 2, scratch);
    CHECK_INT(nv12[179 * W + 500], 0);
    CHECK_INT(nv12[180 * W + 500], 200);
    CHECK_INT(nv12[182 * W + 500], 50);
    free(scratch);
    free(nv12);
}

/* All of it at once, bit for bit. */
TEST(golden_drawing)
{
    uint8_t *const nv12 = malloc(N_BYTES);
    uint8_t labels[16 * 9], cover[20 * 20];
    void *const scratch = malloc(tro_brush_map_bytes(W, 16));
    const struct tro_brush_tint tints[3] = {
        {{0}, 0, 0}, {{200, 90, 160}, 72, 200}, {{60, 200, 100}, 100, 220}};
    ramp(nv12, W, H);
    for (int i = 0; i < 16 * 9; i++)
        labels[i] = (uint8_t)((i / 3 + i / 32) % 3);
    for (int i = 0; i < 400; i++)
        cover[i] = (uint8_t)(i * 5);
    struct tro_brush b = tro_brush_of(nv12, W, H);
    tro_brush_map(&b, labels, 16, 9, tints, 2, scratch);
    b.colour = (struct tro_ycc){180, 60, 200};
    b.cover = 200;
    const float x[4] = {20, 300, 310.5f, 620}, y[4] = {350, 20.25f, 300, 10};
    tro_brush_lines(&b, x, y, 4, 2.5f);
    tro_brush_arrow(&b, 100, 100, 250, 160, 3);
    tro_brush_ring(&b, 500, 250, 30, 36);
    tro_brush_fill(&b, 5, 300, 80, 340);
    tro_brush_stamp(&b, 41, 77, cover, 20, 20);
    CHECK_INT(hash_of(nv12, N_BYTES), UINT64_C(7521400635209663936));
    free(scratch);
    free(nv12);
}

/* ---- colours ---------------------------------------------------------------------------- */

TEST(colours_come_back)
{
    for (int k = 0; k < 4; k++) {
        const struct tro_frame_form rgb = {TRO_FRAME_RGB8, 2, 2, k & 1, k & 2};
        int worst = 0;
        for (int c = 0; c < 512; c++) {
            uint8_t in[12], nv12[6], out[12];
            for (int i = 0; i < 12; i++)
                in[i] = (uint8_t)(((c >> (i % 3 * 3)) & 7) * 36);
            tro_nv12_from(&rgb, in, nv12);
            tro_nv12_to_rgb(&rgb, nv12, out);
            for (int i = 0; i < 12; i++)
                worst = abs(in[i] - out[i]) > worst ? abs(in[i] - out[i]) : worst;
        }
        CHECK(worst <= 3);
    }
    /* BT.709, limited: white, black, and pure red (Kr 0.2126). */
    struct tro_ycc c = tro_ycc_of(&form, 255, 255, 255);
    CHECK(c.y == 235 && c.cb == 128 && c.cr == 128);
    c = tro_ycc_of(&form, 0, 0, 0);
    CHECK(c.y == 16 && c.cb == 128 && c.cr == 128);
    c = tro_ycc_of(&form, 255, 0, 0);
    CHECK(c.y == 63 && c.cb == 102 && c.cr == 240);
}

TEST(yuyv_becomes_nv12)
{
    const struct tro_frame_form yuyv = {TRO_FRAME_YUYV, 4, 2, false, false};
    const uint8_t in[16] = {1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 61, 7, 70, 8, 80};
    uint8_t out[12];
    tro_nv12_from(&yuyv, in, out);
    const uint8_t expected[12] = {1, 2, 3, 4, 5, 6, 7, 8, 30, 41, 50, 60};
    CHECK_INT(memcmp(out, expected, 12), 0);
}

/* ---- blur ------------------------------------------------------------------------------- */

/* Means of blocks, then a mean over a block's width and height, of the luma. */
static void naive_blur(const uint8_t *in, int width, int height, int block, double *out)
{
    double *const means = malloc(sizeof(double) * (size_t)width * (size_t)height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const int x0 = x / block * block, y0 = y / block * block;
            double sum = 0, n = 0;
            for (int v = y0; v < y0 + block && v < height; v++)
                for (int u = x0; u < x0 + block && u < width; u++, n++)
                    sum += in[v * width + u];
            means[y * width + x] = sum / n;
        }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            double sum = 0;
            /* Samples at halves of pixels: the window is even. */
            for (int v = 0; v < block; v++)
                for (int u = 0; u < block; u++) {
                    int cx = (2 * x + 1 - block + 2 * u + 1) / 2,
                        cy = (2 * y + 1 - block + 2 * v + 1) / 2;
                    cx = cx < 0 ? 0 : cx >= width ? width - 1 : cx;
                    cy = cy < 0 ? 0 : cy >= height ? height - 1 : cy;
                    sum += means[cy * width + cx];
                }
            out[y * width + x] = sum / (block * block);
        }
    free(means);
}

TEST(blur_is_means_of_blocks_smoothed)
{
    enum { BW = 160, BH = 96, BLOCK = 16 };
    uint8_t *const nv12 = malloc(BW * BH * 3 / 2), *const was = malloc(BW * BH * 3 / 2);
    double *const expected = malloc(sizeof(double) * BW * BH);
    void *const scratch = malloc(tro_nv12_blur_bytes(BW, BH));
    for (int i = 0; i < BW * BH * 3 / 2; i++)
        was[i] = (uint8_t)((i * 2654435761u) >> 24);
    for (int i = 0; i < BW * BH / 2; i++)
        was[i] /= 4;
    memcpy(nv12, was, BW * BH * 3 / 2);
    tro_nv12_blur(nv12, BW, BH, scratch);
    naive_blur(was, BW, BH, BLOCK, expected);
    double worst = 0;
    for (int i = 0; i < BW * BH; i++) {
        /* Not by fmax: gcc 12 for aarch64 fails within its vectorizer. */
        const double off = fabs(nv12[i] - expected[i]);
        worst = off > worst ? off : worst;
    }
    /* Half a pixel's shift of the even window, and rounding. */
    CHECK(worst < 8);
    free(scratch);
    free(expected);
    free(was);
    free(nv12);
}

/* Two pictures with equal means of blocks are the same afterwards: nothing finer is left. */
TEST(blur_leaves_nothing_finer_than_blocks)
{
    static const int sizes[][2] = {{640, 360}, {1920, 1080}, {66, 50}, {2, 2}};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        const int width = sizes[s][0], height = sizes[s][1];
        const size_t n = (size_t)width * (size_t)height * 3 / 2;
        uint8_t *const a = malloc(n), *const b = malloc(n);
        void *const scratch = malloc(tro_nv12_blur_bytes(width, height));
        for (int y = 0; y < height * 3 / 2; y++)
            for (int x = 0; x < width; x++) {
                a[y * width + x] = (uint8_t)(128 + ((x / 2 + y) % 2 ? 90 : -90));
                b[y * width + x] = (uint8_t)(128 + ((x / 2 + y) % 2 ? -90 : 90));
            }
        tro_nv12_blur(a, width, height, scratch);
        tro_nv12_blur(b, width, height, scratch);
        int worst = 0;
        for (size_t i = 0; i < n; i++)
            worst = abs(a[i] - b[i]) > worst ? abs(a[i] - b[i]) : worst;
        CHECK(worst <= (width > 100 ? 1 : 180));
        free(scratch);
        free(a);
        free(b);
    }
}

/* ---- views ------------------------------------------------------------------------------ */

struct scene {
    struct tro_finding_names names[3];
    struct tro_paint *paint;
    struct tro_board_view *view;
    uint8_t *nv12, *was;
};

static void open_scene(struct scene *s, enum tro_language language)
{
    kit_view_names(s->names);
    s->paint = tro_paint_create(&form, s->names, 3, language, NULL);
    s->view = kit_view(W, H);
    s->nv12 = malloc(N_BYTES);
    s->was = malloc(N_BYTES);
    memset(s->was, 90, W * H);
    memset(s->was + W * H, 128, N_BYTES - W * H);
}

static void paint(struct scene *s)
{
    memcpy(s->nv12, s->was, N_BYTES);
    tro_paint_picture(s->paint, s->view, 0, 0, s->nv12);
}

static void close_scene(struct scene *s)
{
    tro_paint_destroy(s->paint);
    kit_view_end(s->view);
    free(s->nv12);
    free(s->was);
}

/* How many pixels of luma of a rectangle have changed. */
static int n_changed(const struct scene *s, int x0, int y0, int x1, int y1)
{
    int n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            n += s->nv12[y * W + x] != s->was[y * W + x];
    return n;
}

TEST(findings_are_painted_where_they_are)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_EN);
    paint(&s);
    CHECK(n_changed(&s, 310, 170, 330, 190) == 400); /* gallbladder */
    CHECK(n_changed(&s, 0, 300, 100, 360) == 0);     /* outside */
    CHECK(n_changed(&s, 379, 120, 382, 180) > 100);  /* the box's left side */
    CHECK(n_changed(&s, 470, 120, 490, 180) == 0);   /* its inside */
    CHECK(n_changed(&s, 254, 204, 268, 218) > 60);   /* the landmark */
    uint8_t *const first = malloc(N_BYTES);
    memcpy(first, s.nv12, N_BYTES);
    paint(&s);
    CHECK_INT(memcmp(first, s.nv12, N_BYTES), 0);
    free(first);
    close_scene(&s);
}

TEST(what_is_old_fades_and_goes)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_EN);
    paint(&s);
    const int young = s.nv12[180 * W + 320] - 90;
    for (int i = 0; i < 3; i++)
        s.view->opacity[i] = 0.5f;
    paint(&s);
    const int fading = s.nv12[180 * W + 320] - 90;
    CHECK(abs(young) > 8 && abs(2 * fading - young) <= 2);
    for (int i = 0; i < 3; i++)
        s.view->opacity[i] = 0;
    paint(&s);
    CHECK_INT(n_changed(&s, 0, 30, W, H), 0); /* but the age in the corner */
    close_scene(&s);
}

TEST(panel_says_what_holds)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_EN);
    paint(&s);
    CHECK_INT(n_changed(&s, 0, 340, W, H), 0); /* no sentence, no panel */
    for (int i = 0; i < 3; i++)
        s.view->opacity[i] = 0;
    kit_view_sentence(s.view, W, H);
    paint(&s);
    if (n_changed(&s, 0, 340, W, H) == 0) {
        close_scene(&s);
        SKIP("built without pango, or there are no fonts");
    }
    CHECK(n_changed(&s, 0, 340, W, H) > W * 20 - 200);
    CHECK(n_changed(&s, 298, 214, 304, 224) > 20); /* the path */
    const struct tro_ycc green = tro_ycc_of(&form, 64, 200, 120);
    CHECK_INT(s.nv12[350 * W + 1], green.y);
    s.view->state = TRO_SENTENCE_INTERRUPTED;
    s.view->sentence_age_ms = 3400;
    paint(&s);
    const struct tro_ycc amber = tro_ycc_of(&form, 255, 176, 0);
    CHECK_INT(s.nv12[350 * W + 1], amber.y);
    CHECK_INT(n_changed(&s, 330, 240, 340, 270), 0); /* the path is not repeated */
    const uint64_t at_3 = hash_of(s.nv12, N_BYTES);
    s.view->sentence_age_ms = 3900;
    paint(&s);
    CHECK(hash_of(s.nv12, N_BYTES) == at_3);
    s.view->sentence_age_ms = 4000;
    paint(&s);
    CHECK(hash_of(s.nv12, N_BYTES) != at_3);
    close_scene(&s);
}

TEST(chinese_has_glyphs)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_ZH);
    kit_view_sentence(s.view, W, H);
    char *const text = s.view->sentence.text[TRO_LANGUAGE_ZH];
    snprintf(text, TRO_SENTENCE_BYTES, "%s", "电");
    paint(&s);
    const uint64_t one = hash_of(s.nv12 + 330 * W, 30 * W);
    snprintf(text, TRO_SENTENCE_BYTES, "%s", "钩");
    paint(&s);
    const uint64_t other = hash_of(s.nv12 + 330 * W, 30 * W);
    const bool has_panel = n_changed(&s, 0, 345, W, H) > 0;
    close_scene(&s);
    if (!has_panel)
        SKIP("built without pango, or there are no fonts");
    CHECK(one != other); /* boxes in place of glyphs would hold other numbers, but look alike */
}

TEST(marks_move_with_their_tissue)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_EN);
    for (int i = 0; i < 3; i++)
        s.view->opacity[i] = 0;
    kit_view_marks(s.view, W, H);
    s.view->n_marks = 1; /* the point */
    paint(&s);
    CHECK(n_changed(&s, 113, 113, 127, 127) > 60);
    CHECK_INT(n_changed(&s, 113, 213, 127, 227), 0);
    s.view->marks[0].moved_y = 100;
    paint(&s);
    CHECK_INT(n_changed(&s, 113, 113, 127, 127), 0);
    CHECK(n_changed(&s, 113, 213, 127, 227) > 60);
    close_scene(&s);
}

TEST(marks_that_are_unsure_are_faint)
{
    struct scene s;
    open_scene(&s, TRO_LANGUAGE_EN);
    for (int i = 0; i < 3; i++)
        s.view->opacity[i] = 0;
    kit_view_marks(s.view, W, H);
    s.view->n_marks = 1;
    paint(&s);
    const uint64_t usual = hash_of(s.nv12, N_BYTES);
    s.view->marks[0].confidence = TRO_MARK_SURE;
    paint(&s);
    CHECK(hash_of(s.nv12, N_BYTES) == usual);
    s.view->marks[0].confidence = TRO_MARK_SURE - 0.01f;
    paint(&s);
    CHECK(hash_of(s.nv12, N_BYTES) != usual);
    CHECK(n_changed(&s, 113, 113, 127, 127) > 60);
    close_scene(&s);
}
