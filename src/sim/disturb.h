/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What spoils pictures of an operation, each with a strength from 0 (not there) to 1 (as bad as it
 * gets while a surgeon would still go on), in any combination.
 *
 *     scene ─► smoke ─► lens (defocus, motion, fouling) ─► sensor (light, noise, cast) ─► codec
 *     bleeding, glare                                     dropped, frozen, black, out of the body
 */
#ifndef TRO_SIM_DISTURB_H
#define TRO_SIM_DISTURB_H

#include <trocar/trocar.h>

/* clang-format off */
/* THE list of disturbances: id, name, what it does. */
#define TRO_DISTURBANCES(X)                                                                       \
    X(BLEEDING, "bleeding", "a wound that blood spreads from, and films of it elsewhere")         \
    X(SMOKE, "smoke", "smoke of the cautery between the lens and the tissue")                     \
    X(FOULING, "lens-fouling", "fog and drops on the lens")                                       \
    X(GLARE, "glare", "wide and many highlights on wet tissue")                                   \
    X(MOTION, "motion-blur", "the endoscope moves while the shutter is open")                     \
    X(DEFOCUS, "defocus", "the lens is focused elsewhere")                                        \
    X(LOW_LIGHT, "low-light", "down to a twentieth of the light, with the noise that brings")     \
    X(OVER_EXPOSURE, "over-exposure", "up to six times too much light")                           \
    X(NOISE, "sensor-noise", "up to ten times the noise of the sensor")                           \
    X(COMPRESSION, "compression", "blocks of a transform codec, down to quality 3 of 100")        \
    X(DROPPED, "dropped-frames", "up to half of the frames show the one before")                  \
    X(FROZEN, "frozen-frames", "the picture stands still for up to two seconds")                  \
    X(BLACK, "black-frames", "this share of the seconds is black")                                \
    X(CAST, "colour-cast", "white balance gone wrong, warm, cold or green by the procedure")      \
    X(OUT_OF_BODY, "out-of-body", "this share of the time the endoscope looks at the room")
/* clang-format on */

enum tro_disturbance {
#define TRO_DISTURBANCE_ENUM(id, name, text) TRO_DISTURB_##id,
    TRO_DISTURBANCES(TRO_DISTURBANCE_ENUM)
#undef TRO_DISTURBANCE_ENUM
        TRO_N_DISTURBANCES
};

struct tro_disturbances {
    float strength[TRO_N_DISTURBANCES]; /* 0..1 */
};

/* A line for each, for help. */
#define TRO_SIM_DISTURBANCE_LISTED(id, name, text) "  " name ": " text "\n"
#define TRO_SIM_DISTURBANCE_NAMES TRO_DISTURBANCES(TRO_SIM_DISTURBANCE_LISTED)

const char *tro_disturbance_name(enum tro_disturbance d);

/* "smoke=0.5,defocus=0.2"; those not named stay as they are. */
int tro_disturbances_parse(const char *text, struct tro_disturbances *out, struct tro_err *err);

#endif
