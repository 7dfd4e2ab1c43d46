/* SPDX-License-Identifier: Apache-2.0 */
/* A sentence of guidance with where it comes from: what rules make and board, page and panel show.
 */
#ifndef TRO_CONSOLE_CORE_SENTENCE_H
#define TRO_CONSOLE_CORE_SENTENCE_H

#include <stdint.h>

#include "console/core/finding.h"

#define TRO_SENTENCE_BYTES 512 /* of a text, UTF-8, with the zero */
#define TRO_SENTENCE_MAX_WHY 16
#define TRO_SENTENCE_MAX_FROM 6
#define TRO_SENTENCE_MAX_DRAW 8
#define TRO_SENTENCE_MAX_POINTS 32

/* THE list of languages: id, code. */
#define TRO_LANGUAGES(X) \
    X(EN, "en")          \
    X(ZH, "zh")

enum tro_language {
#define TRO_LANGUAGE_ENUM(id, code) TRO_LANGUAGE_##id,
    TRO_LANGUAGES(TRO_LANGUAGE_ENUM)
#undef TRO_LANGUAGE_ENUM
        TRO_N_LANGUAGES
};

/* What a fact was made of. */
struct tro_sentence_from {
    int network, tier;
    uint64_t frame, engine;
    uint32_t track; /* 0: none */
};

/* A fact that made the rule true. */
struct tro_sentence_why {
    char fact[64];
    float value; /* 0 or 1 of a fact that is true or false, 0 to 7 of a direction
                    (enum tro_direction); NaN: it is not known */
    enum tro_unit unit;
    int n_from;
    struct tro_sentence_from from[TRO_SENTENCE_MAX_FROM];
};

/* THE list of what is drawn: id, name. */
#define TRO_DRAWS(X)                                                     \
    X(PATH, "path")     /* through its points */                         \
    X(ARROW, "arrow")   /* from the first of two points to the second */ \
    X(CIRCLE, "circle") /* its middle, and a point of its rim */

enum tro_draw_kind {
#define TRO_DRAW_ENUM(id, name) TRO_DRAW_##id,
    TRO_DRAWS(TRO_DRAW_ENUM)
#undef TRO_DRAW_ENUM
        TRO_N_DRAWS
};

/* Points in pixels of the frame. */
struct tro_draw {
    enum tro_draw_kind kind;
    uint8_t rgb[3];
    int n_points;
    float x[TRO_SENTENCE_MAX_POINTS], y[TRO_SENTENCE_MAX_POINTS];
};

struct tro_sentence {
    uint32_t id; /* counts from 1; 0: there is none */
    char rule[64];
    char text[TRO_N_LANGUAGES][TRO_SENTENCE_BYTES];
    int priority; /* 0 is the most urgent */
    uint64_t frame;
    int64_t made_ns, seen_ns; /* when it began, when its rule was last true */
    int n_why, n_draw;
    struct tro_sentence_why why[TRO_SENTENCE_MAX_WHY];
    struct tro_draw draw[TRO_SENTENCE_MAX_DRAW];
};

/* As the page has it (docs/console.md, "Data channels"): members of an object that the caller has
 * begun and ends; id, rule, frame, text, priority, why, draw. network: their names by place in the
 * configuration, n of them. */
void tro_sentence_json(const struct tro_sentence *s, const char *const *network, int n,
                       struct tro_json *j);

#endif
