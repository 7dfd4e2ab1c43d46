/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/sentence.h"

#include <stdio.h>

static void put_from(struct tro_json *j, const struct tro_sentence_from *f,
                     const char *const *network, int n)
{
    char engine[24];
    snprintf(engine, sizeof engine, "%016llx", (unsigned long long)f->engine);
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "network", f->network >= 0 && f->network < n ? network[f->network] : "");
    tro_json_int(j, "tier", f->tier);
    tro_json_string(j, "engine", engine);
    tro_json_int(j, "frame", (int64_t)f->frame);
    if (f->track)
        tro_json_int(j, "track", f->track);
    tro_json_object_end(j);
}

static void put_why(struct tro_json *j, const struct tro_sentence_why *w,
                    const char *const *network, int n)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "fact", w->fact);
    tro_json_float(j, "value", w->value);
    tro_json_string(j, "unit", tro_unit_name(w->unit));
    tro_json_array_begin(j, "from");
    for (int i = 0; i < w->n_from; i++)
        put_from(j, &w->from[i], network, n);
    tro_json_array_end(j);
    tro_json_object_end(j);
}

static void put_draw(struct tro_json *j, const struct tro_draw *d)
{
    static const char *const kinds[] = {
#define TRO_DRAW_NAME(id, name) name,
        TRO_DRAWS(TRO_DRAW_NAME)
#undef TRO_DRAW_NAME
    };
    char colour[8];
    snprintf(colour, sizeof colour, "#%02x%02x%02x", d->rgb[0], d->rgb[1], d->rgb[2]);
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "kind", kinds[d->kind]);
    tro_json_string(j, "colour", colour);
    tro_json_array_begin(j, "points");
    for (int i = 0; i < d->n_points; i++) {
        tro_json_array_begin(j, NULL);
        tro_json_float(j, NULL, d->x[i]);
        tro_json_float(j, NULL, d->y[i]);
        tro_json_array_end(j);
    }
    tro_json_array_end(j);
    tro_json_object_end(j);
}

void tro_sentence_json(const struct tro_sentence *s, const char *const *network, int n,
                       struct tro_json *j)
{
    static const char *const languages[] = {
#define TRO_LANGUAGE_CODE(id, code) code,
        TRO_LANGUAGES(TRO_LANGUAGE_CODE)
#undef TRO_LANGUAGE_CODE
    };
    tro_json_int(j, "id", s->id);
    tro_json_string(j, "rule", s->rule);
    tro_json_int(j, "frame", (int64_t)s->frame);
    tro_json_int(j, "priority", s->priority);
    tro_json_object_begin(j, "text");
    for (int i = 0; i < TRO_N_LANGUAGES; i++)
        tro_json_string(j, languages[i], s->text[i]);
    tro_json_object_end(j);
    tro_json_array_begin(j, "why");
    for (int i = 0; i < s->n_why; i++)
        put_why(j, &s->why[i], network, n);
    tro_json_array_end(j);
    tro_json_array_begin(j, "draw");
    for (int i = 0; i < s->n_draw; i++)
        put_draw(j, &s->draw[i]);
    tro_json_array_end(j);
}
