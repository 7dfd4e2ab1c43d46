/* SPDX-License-Identifier: Apache-2.0 */
/* What an expert draws: anchored to a frame and, from then on, to the tissue under its points. */
#ifndef TRO_CONSOLE_CORE_MARK_H
#define TRO_CONSOLE_CORE_MARK_H

#include <trocar/trocar.h>

#include "base/json.h"

#define TRO_MARKS_MAX 32        /* at a time; the oldest goes */
#define TRO_MARK_MAX_BYTES 8192 /* of a message */
#define TRO_MARK_MAX_POINTS 256
#define TRO_MARK_SURE 0.65f /* confidence below which it is drawn as unsure */
#define TRO_MARK_TEXT_BYTES 256
#define TRO_MARK_ID_BYTES 40
#define TRO_MARK_NAME_BYTES 64

/* THE list of kinds: id, name, least points, most points. */
#define TRO_MARK_KINDS(X)                       \
    X(POINT, "point", 1, 1)                     \
    X(STROKE, "stroke", 2, TRO_MARK_MAX_POINTS) \
    X(ARROW, "arrow", 2, 2)                     \
    X(TEXT, "text", 1, 1)

enum tro_mark_kind {
#define TRO_MARK_ENUM(id, name, least, most) TRO_MARK_##id,
    TRO_MARK_KINDS(TRO_MARK_ENUM)
#undef TRO_MARK_ENUM
        TRO_N_MARK_KINDS
};

struct tro_mark {
    char id[TRO_MARK_ID_BYTES];     /* the page's: letters, digits, '-' */
    char name[TRO_MARK_NAME_BYTES]; /* who drew it: of the token, never of the message */
    enum tro_mark_kind kind;
    uint64_t frame; /* that it was drawn on */
    int64_t made_ns;
    char text[TRO_MARK_TEXT_BYTES]; /* UTF-8; "" of all but texts unless a label was given */
    int n;
    float x[TRO_MARK_MAX_POINTS], y[TRO_MARK_MAX_POINTS]; /* pixels of the frame */
    float moved_x, moved_y; /* how far its tissue has gone since, pixels */
    float confidence;       /* 0..1 that it still lies on its tissue; 0: lost */
};

/* From a message of the page (docs/console.md, "Data channels"): bounded, checked, finite, within
 * the picture; texts are UTF-8 without control characters and marks of direction. The name and the
 * size of the frame are the caller's, so is made_ns. TRO_E_INPUT with the place in the message;
 * TRO_E_DEVICE: built without jansson. */
int tro_mark_parse(const char *json, size_t n, int width, int height, struct tro_mark *out,
                   struct tro_err *err);

/* The members of an object that the caller has begun and ends: id, name, kind, frame (the one whose
 * tissue the points lie on now), points, text, confidence. */
void tro_mark_json(const struct tro_mark *m, int width, int height, uint64_t frame,
                   struct tro_json *j);
const char *tro_mark_kind_name(enum tro_mark_kind kind);

#endif
