/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lengths and directions from findings, for facts of rules. Nothing is guessed: each function says
 * when there is not enough evidence, and then writes nothing.
 *
 * Space is as in data sets (docs/dataset.md): mm from the eye, right, down, along the optical axis.
 * Angles are in degrees as seen in the picture: 0 points to the right, 90 up, 180 to the left, -90
 * down. Labels come as sets: bit i stands for label i. Depth and map may be of different networks
 * and sizes. No function allocates; the same input gives the same output.
 */
#ifndef TRO_CONSOLE_CORE_GEOMETRY_H
#define TRO_CONSOLE_CORE_GEOMETRY_H

#include "console/core/finding.h"

/* THE list of verdicts: id, text. */
#define TRO_EVIDENCES(X)                                                                     \
    X(ENOUGH, "enough")                                                                      \
    X(ABSENT, "not found")                                                                   \
    X(OLD, "too old")                                                                        \
    X(UNSURE, "score too low")                                                               \
    X(SMALL, "mask too small")                                                               \
    X(NO_DEPTH, "no depth there")                                                            \
    X(NO_OPTICS, "focal length not known")                                                   \
    X(TOO_CLOSE, "points too close to tell a direction") /* less than min_length_px apart */ \
    X(BLOCKED, "no way around")

enum tro_evidence {
#define TRO_EVIDENCE_ENUM(id, text) TRO_EVIDENCE_##id,
    TRO_EVIDENCES(TRO_EVIDENCE_ENUM)
#undef TRO_EVIDENCE_ENUM
        TRO_N_EVIDENCES
};
const char *tro_evidence_text(enum tro_evidence e);

/* THE list of directions, counter-clockwise in steps of 45 degrees from 0: id, name. */
#define TRO_DIRECTIONS(X)         \
    X(RIGHT, "right")             \
    X(UPPER_RIGHT, "upper right") \
    X(UP, "up")                   \
    X(UPPER_LEFT, "upper left")   \
    X(LEFT, "left")               \
    X(LOWER_LEFT, "lower left")   \
    X(DOWN, "down")               \
    X(LOWER_RIGHT, "lower right")

enum tro_direction {
#define TRO_DIRECTION_ENUM(id, name) TRO_DIRECTION_##id,
    TRO_DIRECTIONS(TRO_DIRECTION_ENUM)
#undef TRO_DIRECTION_ENUM
        TRO_N_DIRECTIONS
};
const char *tro_direction_name(enum tro_direction d);

enum tro_side { TRO_SIDE_LEFT, TRO_SIDE_MIDDLE, TRO_SIDE_RIGHT };

/* What counts as evidence. */
struct tro_geometry {
    float focal_length;  /* widths of the picture; 0: not known */
    float min_score;     /* of an item */
    float min_area_px;   /* of a mask, pixels of the frame */
    float max_age_ms;    /* of an item, with what the tracker has carried it on */
    float min_length_px; /* between two points that tell a direction */
    int n_near;          /* pixels of a map that make a surface near: fewer are noise; 1 or more */
};
/* Score 0.5, 0.05 % of the frame and 24 pixels, 100 ms, 2 % of the width, 4 pixels. */
struct tro_geometry tro_geometry_default(int width, int height, float focal_length);

/* The best item of a kind and label: the highest score, the first of equals; NULL: there is none.
 * track: of that one alone unless 0. */
const struct tro_finding *tro_geometry_find(const struct tro_findings *f,
                                            enum tro_finding_kind kind, int label, uint32_t track);

/* Is an item evidence at a time? NULL: it is absent. Area counts of masks alone. */
enum tro_evidence tro_geometry_judge(const struct tro_geometry *g, const struct tro_findings *f,
                                     const struct tro_finding *item, int64_t now_ns);
/* The same of a whole map or grid: there, and young enough. */
enum tro_evidence tro_geometry_judge_plane(const struct tro_geometry *g,
                                           const struct tro_findings *f, int64_t now_ns);

/* ---- in space -------------------------------------------------------------------------- */

struct tro_point3 {
    float x, y, z; /* mm */
};

/* What is seen at a place of the frame. */
enum tro_evidence tro_geometry_place(const struct tro_geometry *g, const struct tro_findings *depth,
                                     float x, float y, struct tro_point3 *out);

/* A place of an instrument: its depth is that of the nearest pixel of these labels, at most 3 % of
 * the width away, since what is seen between the jaws or beside the end lies behind it. */
enum tro_evidence tro_geometry_place_of(const struct tro_geometry *g,
                                        const struct tro_findings *depth,
                                        const struct tro_findings *map, uint64_t labels, float x,
                                        float y, struct tro_point3 *out);

float tro_geometry_distance_mm(const struct tro_point3 *a, const struct tro_point3 *b);

/* From a point to the surface that is seen with these labels: the n_near-th nearest pixel's
 * distance, and that pixel's middle in the frame (NULL: not asked for). The part of a surface that
 * something else hides does not count. */
enum tro_evidence tro_geometry_surface_mm(const struct tro_geometry *g,
                                          const struct tro_findings *depth,
                                          const struct tro_findings *map, uint64_t labels,
                                          const struct tro_point3 *from, float *mm, float *x,
                                          float *y);

/* ---- in the picture -------------------------------------------------------------------- */

/* The end of an instrument: within its box, of the largest patch of `ends` and `rest` (wrist,
 * shaft), the middle of those pixels of `ends` that are the farthest from `rest` along the patch:
 * the end of a hook, the place between the ends of two jaws. Where none of `rest` is seen it is
 * reckoned from the corner of the box that is the farthest from the middle of the frame. */
enum tro_evidence tro_geometry_tip(const struct tro_geometry *g, const struct tro_findings *map,
                                   uint64_t ends, uint64_t rest, const struct tro_finding *box,
                                   float *x, float *y);

/* Share of the frame that these labels take, 0 to 1. */
enum tro_evidence tro_geometry_share(const struct tro_findings *map, uint64_t labels, float *share);

enum tro_evidence tro_geometry_angle(const struct tro_geometry *g, float ax, float ay, float bx,
                                     float by, float *deg);
enum tro_direction tro_geometry_direction(float deg);
/* Left or right of the middle by more than a tenth of the width. */
enum tro_side tro_geometry_side(int width, float x);

/* By how many degrees the scope is to be turned clockwise, seen from behind it, so that the line
 * from a to b points to wanted_deg; -180 < roll <= 180. Turning the scope clockwise turns the
 * picture's content counter-clockwise. */
enum tro_evidence tro_geometry_roll(const struct tro_geometry *g, float ax, float ay, float bx,
                                    float by, float wanted_deg, float *deg);

#define TRO_PATH_POINTS 32

struct tro_path {
    int n; /* 2 or more */
    float x[TRO_PATH_POINTS], y[TRO_PATH_POINTS];
    float length_px;
};

/* A short way in the picture from a to b that keeps off the labels of `avoid` by a hundredth of
 * the width and goes over them where its ends lie in them. */
enum tro_evidence tro_geometry_path(const struct tro_findings *map, uint64_t avoid, float ax,
                                    float ay, float bx, float by, struct tro_path *out);

/* Length of a path over what is seen; points without depth make it unknown. */
enum tro_evidence tro_geometry_path_mm(const struct tro_geometry *g,
                                       const struct tro_findings *depth,
                                       const struct tro_path *path, float *mm);

#endif
