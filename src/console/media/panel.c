/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/panel.h"

#include <stdio.h>

/* What a state says above the sentence; %d: whole seconds since its rule was last true. */
static const struct {
    uint8_t rgb[3];
    const char *text[TRO_N_LANGUAGES];
} states[] = {
    [TRO_SENTENCE_TRUE] = {{64, 200, 120}, {"", ""}},
    [TRO_SENTENCE_HELD] = {{150, 160, 170}, {"last seen %d s ago", "%d 秒前"}},
    [TRO_SENTENCE_INTERRUPTED] = {{255, 176, 0}, {"signal interrupted, %d s", "信号中断，%d 秒"}},
};

static const struct tro_text_image *state_text(struct tro_text *text,
                                               const struct tro_board_view *view,
                                               enum tro_language language, int size_px)
{
    char line[64];
    const int seconds = (int)(view->sentence_age_ms / 1000);
    /* A sentence that was true a moment ago needs no word about it. */
    if (view->state == TRO_SENTENCE_TRUE || (view->state == TRO_SENTENCE_HELD && seconds < 1))
        return NULL;
    snprintf(line, sizeof(line), states[view->state].text[language], seconds);
    return tro_text_of(text, line, size_px, 0);
}

static struct tro_brush in_colour(const struct tro_brush *b, const struct tro_frame_form *form,
                                  const uint8_t rgb[3], int cover)
{
    struct tro_brush brush = *b;
    brush.colour = tro_ycc_of(form, rgb[0], rgb[1], rgb[2]);
    brush.cover = cover;
    return brush;
}

void tro_panel_draw(const struct tro_brush *b, const struct tro_frame_form *form,
                    struct tro_text *text, const struct tro_board_view *view,
                    enum tro_language language)
{
    static const uint8_t dark[3] = {12, 16, 20}, bright[3] = {244, 246, 248};
    if (view->state == TRO_SENTENCE_NONE || view->sentence.id == 0)
        return;
    const int size_px = 10 + b->height / 60, pad = size_px / 2, bar = 2 + size_px / 4;
    const struct tro_text_image *const state = state_text(text, view, language, size_px * 3 / 4);
    const struct tro_text_image *const sentence = tro_text_of(text, view->sentence.text[language],
                                                              size_px, b->width - 3 * pad - bar);
    if (!sentence)
        return;
    const int state_height = state ? state->height : 0;
    const int top = b->height - sentence->height - state_height - pad;
    const struct tro_brush back = in_colour(b, form, dark, 176);
    const struct tro_brush front = in_colour(b, form, states[view->state].rgb, 256);
    const struct tro_brush letters = in_colour(b, form, bright, 256);
    tro_brush_fill(&back, 0, top, b->width, b->height);
    tro_brush_fill(&front, 0, top, bar, b->height);
    tro_text_draw(&front, state, bar + pad, top + pad / 2);
    tro_text_draw(&letters, sentence, bar + pad, top + pad / 2 + state_height);
}
