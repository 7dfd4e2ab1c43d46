/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the things that networks find are instruments, and where those lie. */
#ifndef TRO_CONSOLE_CORE_INSTRUMENT_H
#define TRO_CONSOLE_CORE_INSTRUMENT_H

#include "console/core/finding.h"

/* THE list of names, and of first words of names ("instrument-shaft", "needle driver"). */
#define TRO_INSTRUMENT_NAMES(X) \
    X("instrument")             \
    X("tool")                   \
    X("grasper")                \
    X("forceps")                \
    X("hook")                   \
    X("scissors")               \
    X("clipper")                \
    X("stapler")                \
    X("bipolar")                \
    X("irrigator")              \
    X("suction")                \
    X("needle")

struct tro_instrument_box {
    float x0, y0, x1, y1; /* pixels of the frame */
};

bool tro_is_instrument(const char *name);

/* Does a network know any, in its map or as boxes? */
bool tro_instruments_in_map(const struct tro_finding_names *names);
bool tro_instruments_in_boxes(const struct tro_finding_names *names);

/* 1 where the map of f has one of them, 0 elsewhere; map_width x map_height. False: it has no map,
 * or knows no instruments. */
bool tro_instruments_mask(const struct tro_findings *f, const struct tro_finding_names *names,
                          uint8_t *mask);

/* Boxes of instruments; returns how many, at most n. */
int tro_instruments_boxes(const struct tro_findings *f, const struct tro_finding_names *names,
                          struct tro_instrument_box *out, int n);

#endif
