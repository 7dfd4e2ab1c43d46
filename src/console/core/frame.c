/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/frame.h"

const char *tro_frame_format_name(enum tro_frame_format format)
{
    static const char *const names[] = {
#define TRO_FRAME_NAME(id, name) name,
        TRO_FRAME_FORMATS(TRO_FRAME_NAME)
#undef TRO_FRAME_NAME
    };
    return names[format];
}

size_t tro_frame_n_bytes(const struct tro_frame_form *form)
{
    const size_t w = (size_t)form->width, h = (size_t)form->height;
    if (form->width < 2 || form->height < 2 || form->width > TRO_FRAME_MAX_SIDE ||
        form->height > TRO_FRAME_MAX_SIDE)
        return 0;
    switch (form->format) {
    case TRO_FRAME_NV12:
        return w % 2 || h % 2 ? 0 : w * h * 3 / 2;
    case TRO_FRAME_YUYV:
        return w % 2 ? 0 : w * h * 2;
    case TRO_FRAME_RGB8:
        return w * h * 3;
    default:
        return 0;
    }
}
