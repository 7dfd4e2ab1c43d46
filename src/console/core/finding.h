/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a network found in a frame: one typed record, whatever the network.
 *
 * Places are in pixels of the frame, continuous: 0, 0 is the upper left corner of the picture, the
 * middle of the first pixel is 0.5, 0.5. Lengths are in mm, depths along the optical axis.
 *
 * Masks are one map of labels of the network's own size, as runs row by row: label and length, a
 * run may go on over the end of a row. The map lies over the whole frame; one that has too many
 * runs or pixels is halved until it fits. A finding of kind mask says of one label of it how large
 * it is and where.
 */
#ifndef TRO_CONSOLE_CORE_FINDING_H
#define TRO_CONSOLE_CORE_FINDING_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

#include "base/json.h"

/* THE list of kinds: id, name. */
#define TRO_FINDING_KINDS(X)                                          \
    X(MASK, "mask")         /* box, x, y: the centre of mass, area */ \
    X(BOX, "box")           /* box, x, y: its middle */               \
    X(LANDMARK, "landmark") /* x, y */                                \
    X(DEPTH, "depth")       /* value: the median of the grid, mm */   \
    X(SCALAR, "scalar")     /* value, in `unit` */

enum tro_finding_kind {
#define TRO_FINDING_ENUM(id, name) TRO_FINDING_##id,
    TRO_FINDING_KINDS(TRO_FINDING_ENUM)
#undef TRO_FINDING_ENUM
        TRO_N_FINDING_KINDS
};

/* THE list of units: id, text. */
#define TRO_UNITS(X)    \
    X(NONE, "")         \
    X(PX, "px")         \
    X(MM, "mm")         \
    X(DEG, "deg")       \
    X(S, "s")           \
    X(MS, "ms")         \
    X(MM_PER_S, "mm/s") \
    X(PX_PER_S, "px/s") \
    X(PERCENT, "%")

enum tro_unit {
#define TRO_UNIT_ENUM(id, text) TRO_UNIT_##id,
    TRO_UNITS(TRO_UNIT_ENUM)
#undef TRO_UNIT_ENUM
        TRO_N_UNITS
};
const char *tro_unit_name(enum tro_unit unit);

#define TRO_FINDINGS_MAX 128          /* of one network in one frame */
#define TRO_FINDINGS_MAX_RUNS 32768   /* of its map */
#define TRO_FINDINGS_MAX_MAP 4194304  /* pixels of it */
#define TRO_FINDINGS_MAX_GRID 65536   /* elements of depth */
#define TRO_FINDINGS_MAX_PLACE 131072 /* pixels, either way: outside of any frame */
#define TRO_FINDINGS_MAX_NAMES 64
#define TRO_FINDINGS_MAX_NETWORKS 256 /* and tiers of one */
#define TRO_FINDINGS_NAME_BYTES 32    /* with the zero */

struct tro_finding {
    enum tro_finding_kind kind;
    int label;      /* index into the network's names */
    float score;    /* 0..1 */
    uint32_t track; /* from the tracker; 0: none */
    float x, y;
    float x0, y0, x1, y1; /* box; x0 <= x1, y0 <= y1 */
    float area_px;        /* of a mask, pixels of the frame */
    float value;
    enum tro_unit unit;
    float age_ms; /* of what the tracker carries on without having seen it; else 0 */
};

struct tro_run {
    uint8_t label;
    uint16_t length; /* pixels of the map, 1 or more */
};

struct tro_findings {
    uint64_t frame;      /* id */
    int64_t captured_ns; /* of the frame */
    int64_t started_ns, ready_ns;
    uint64_t engine;   /* hash of the plan */
    int network;       /* its place in the configuration */
    int tier;          /* 0: the first plan of the network, 1: the first lower one ... */
    int width, height; /* of the frame */
    int n;
    struct tro_finding items[TRO_FINDINGS_MAX];
    int map_width, map_height, n_runs; /* 0: no masks */
    struct tro_run *runs;
    int grid_width, grid_height; /* 0: no depth */
    uint16_t *grid;              /* hundredths of a mm, 0: none; lies over the whole frame */
    bool is_cut;                 /* more was found than has place here */
};

/* What a network's labels are called: classes of masks and boxes, points, scalars. */
struct tro_finding_names {
    int n;
    char name[TRO_FINDINGS_MAX_NAMES][TRO_FINDINGS_NAME_BYTES];
    uint8_t kinds[TRO_FINDINGS_MAX_NAMES]; /* bits 1 << TRO_FINDING_...; 0: not known, then any */
};

/* Room for the greatest number of runs and grid elements. */
int tro_findings_init(struct tro_findings *f, struct tro_err *err);
void tro_findings_finish(struct tro_findings *f);
void tro_findings_clear(struct tro_findings *f);
void tro_findings_copy(struct tro_findings *to, const struct tro_findings *from);

/* One more item, as the reader takes it: corners in order, places within TRO_FINDINGS_MAX_PLACE,
 * the score within 0..1. False where a number is not finite, the area or age below 0 or the label
 * out of range, which drops the item, or where there is no room, which sets is_cut. */
bool tro_findings_add(struct tro_findings *f, const struct tro_finding *item);

/* Labels of the map, map_width x map_height; all of it is written. */
void tro_findings_unpack(const struct tro_findings *f, uint8_t *labels);
/* The other way: map_width, map_height, runs; is_cut where it had to be halved. Labels are below
 * TRO_FINDINGS_MAX_NAMES, greater ones become 0. */
void tro_findings_pack(struct tro_findings *f, const uint8_t *labels, int width, int height);
/* Depth at a place of the frame, mm, linear between what is known; 0: none there. */
float tro_findings_depth_at(const struct tro_findings *f, float x, float y);

/* Bytes between processes, versioned and bounded (docs/console.md, "Messages of workers"); the
 * reader trusts nothing. write returns the number of bytes, or 0 where n_out is too small. */
size_t tro_findings_write(const struct tro_findings *f, uint8_t *out, size_t n_out);
int tro_findings_read(struct tro_findings *f, const uint8_t *bytes, size_t n, struct tro_err *err);

/* The middle one of `step` neighbours; the last of n where there are fewer. */
int tro_findings_sample(int i, int step, int n);

/* Map and grid in JSON. */
enum tro_findings_planes {
    TRO_PLANES_NONE,
    TRO_PLANES_SMALL, /* for the page: the map coded, shrunk to at most 128 columns and 20 kB,
                         without the items of its masks; the grid too, at most 32 columns;
                         places to a tenth of a pixel, scores to a thousandth */
    TRO_PLANES_EXACT  /* for records: as they are; times in ns and the frame's size as well */
};

/* As the page and records of procedures have them (docs/console.md, "Findings as JSON"): the
 * members of an object that the caller has begun and ends. now_ns: the age is of then; 0: none is
 * written. Numbers read back to the same floats, if not for the page. names may be NULL. */
void tro_findings_json(const struct tro_findings *f, const struct tro_finding_names *names,
                       const char *network, int64_t now_ns, enum tro_findings_planes planes,
                       struct tro_json *j);

#endif
