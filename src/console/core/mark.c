/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/mark.h"

#include <math.h>

const char *tro_mark_kind_name(enum tro_mark_kind kind)
{
    static const char *const names[] = {
#define TRO_MARK_NAME(id, name, least, most) name,
        TRO_MARK_KINDS(TRO_MARK_NAME)
#undef TRO_MARK_NAME
    };
    return names[kind];
}

/* To a hundredth of a percent: a fifth of a pixel of the widest picture there is. */
static double share(float at, int of)
{
    return round((double)at / of * 1e5) / 1e5;
}

void tro_mark_json(const struct tro_mark *m, int width, int height, uint64_t frame,
                   struct tro_json *j)
{
    tro_json_string(j, "id", m->id);
    tro_json_string(j, "name", m->name);
    tro_json_string(j, "kind", tro_mark_kind_name(m->kind));
    tro_json_int(j, "frame", (int64_t)frame);
    tro_json_array_begin(j, "points");
    for (int i = 0; i < m->n; i++) {
        tro_json_array_begin(j, NULL);
        tro_json_number(j, NULL, share(m->x[i] + m->moved_x, width));
        tro_json_number(j, NULL, share(m->y[i] + m->moved_y, height));
        tro_json_array_end(j);
    }
    tro_json_array_end(j);
    if (m->text[0])
        tro_json_string(j, "text", m->text);
    tro_json_number(j, "confidence", round((double)m->confidence * 100) / 100);
}
