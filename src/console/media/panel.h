/* SPDX-License-Identifier: Apache-2.0 */
/* The panel at the lower edge of the picture: the sentence, and whether it still holds. */
#ifndef TRO_CONSOLE_MEDIA_PANEL_H
#define TRO_CONSOLE_MEDIA_PANEL_H

#include "console/core/board.h"
#include "console/media/text.h"

/* Nothing where there is no sentence. form: matrix and range of colours. */
void tro_panel_draw(const struct tro_brush *b, const struct tro_frame_form *form,
                    struct tro_text *text, const struct tro_board_view *view,
                    enum tro_language language);

#endif
