/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Synthetic laparoscopy with exact ground truth: the view of a gallbladder operation through an
 * endoscope, with two instruments, drawn by ray marching a scene of distance fields.
 *
 * Pictures  A procedure is a seed: it fixes anatomy, materials, optics, instruments, all motion and
 *           the course of the operation (sim/procedure.h). Any frame of it can be rendered alone.
 *           The same options give the same bytes, whatever the number of threads.
 * Labels    The class of the surface that the ray through the middle of the pixel hits first.
 *           Blood, vessels and highlights keep the class of what they lie on.
 * Units     Millimetres in the scene, seconds in time.
 */
#ifndef TRO_SIM_ENDOSCOPY_H
#define TRO_SIM_ENDOSCOPY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/disturb.h"
#include "sim/make.h"

/* clang-format off */
/* THE list of classes: id, name, colour in overlays. The label of a class is its row, from 0. */
#define TRO_ENDOSCOPY_CLASSES(X)                     \
    X(OUTSIDE, "outside", 0, 0, 0)                   \
    X(WALL, "abdominal-wall", 178, 112, 214)         \
    X(LIVER, "liver", 214, 64, 64)                   \
    X(GALLBLADDER, "gallbladder", 64, 200, 96)       \
    X(FAT, "fat", 240, 204, 48)                      \
    X(BOWEL, "bowel", 255, 140, 180)                 \
    X(ARTERY, "artery", 255, 64, 160)                \
    X(SHAFT, "instrument-shaft", 48, 128, 240)       \
    X(WRIST, "instrument-wrist", 120, 120, 250)      \
    X(TIP, "instrument-tip", 64, 232, 240)
/* clang-format on */

enum tro_endoscopy_class {
#define TRO_ENDOSCOPY_ENUM(id, name, r, g, b) TRO_ENDOSCOPY_##id,
    TRO_ENDOSCOPY_CLASSES(TRO_ENDOSCOPY_ENUM)
#undef TRO_ENDOSCOPY_ENUM
        TRO_N_ENDOSCOPY_CLASSES
};

struct tro_endoscopy_class_info {
    const char *name; /* no spaces */
    uint8_t rgb[3];
};

/* One row for each class, by label. */
extern const struct tro_endoscopy_class_info tro_endoscopy_classes[TRO_N_ENDOSCOPY_CLASSES];

struct tro_endoscopy_opts {
    uint64_t seed;     /* the procedure */
    int width, height; /* pixels, 16 to 4096 each */
    double fps;        /* frames per second of its time, 1 to 1000; 0 = 25 */
    enum tro_camera_make make;
    struct tro_disturbances disturb; /* of the picture; labels and truth stay those of the scene */
};

/* clang-format off */
/* THE list of steps of the operation, in the order of its course: id, name. */
#define TRO_ENDOSCOPY_STEPS(X)                                                              \
    X(EXPLORATION, "exploration")  /* the grasper alone */                                  \
    X(DISSECTION, "dissection")    /* the hook lays bare neck and artery */                 \
    X(CUTTING, "cutting")          /* the scissors divide the artery */                     \
    X(SEPARATION, "separation")    /* the hook frees the gallbladder from the liver */      \
    X(COAGULATION, "coagulation")  /* the hook stops what bleeds */                         \
    X(INSPECTION, "inspection")    /* without instruments, from farther off */

/* THE list of events, those of the time since the frame before: id, name. */
#define TRO_ENDOSCOPY_EVENTS(X)                                                             \
    X(CONTACT, "contact")                      /* a tip has come to touch tissue */         \
    X(BLEEDING_STARTS, "bleeding-starts")      /* in the picture or not */                  \
    X(CAUTERY_ON, "cautery-on")                                                             \
    X(INSTRUMENT_LEAVES, "instrument-leaves")  /* a tip has gone out of the picture */
/* clang-format on */

enum tro_endoscopy_step {
#define TRO_ENDOSCOPY_ENUM(id, name) TRO_STEP_##id,
    TRO_ENDOSCOPY_STEPS(TRO_ENDOSCOPY_ENUM)
#undef TRO_ENDOSCOPY_ENUM
        TRO_N_ENDOSCOPY_STEPS
};

enum tro_endoscopy_event {
#define TRO_ENDOSCOPY_ENUM(id, name) TRO_EVENT_##id,
    TRO_ENDOSCOPY_EVENTS(TRO_ENDOSCOPY_ENUM)
#undef TRO_ENDOSCOPY_ENUM
        TRO_N_ENDOSCOPY_EVENTS
};

const char *tro_endoscopy_step_name(int step);
const char *tro_endoscopy_event_name(int event);

#define TRO_ENDOSCOPY_N_TOOLS 2
#define TRO_ENDOSCOPY_N_ORGANS 6

/* The tissues that distances are given to, in their order; classes of theirs. */
extern const uint8_t tro_endoscopy_organs[TRO_ENDOSCOPY_N_ORGANS];
/* By kind: grasper, hook, scissors. */
const char *tro_endoscopy_tool_name(int kind);

enum tro_endoscopy_landmark {
    TRO_LANDMARK_FUNDUS,           /* of the gallbladder: its bottom */
    TRO_LANDMARK_NECK,             /* the side of its narrow end that is turned to the endoscope */
    TRO_LANDMARK_ARTERY_ORIGIN,    /* where the artery comes out of other tissue */
    TRO_LANDMARK_ARTERY_INSERTION, /* where it goes in, at the gallbladder */
    TRO_N_LANDMARKS
};
const char *tro_endoscopy_landmark_name(enum tro_endoscopy_landmark landmark);

struct tro_endoscopy_point {
    bool is_in_picture; /* within the round picture */
    bool is_visible;    /* and nothing is in front of it */
    float x_px, y_px;   /* from the upper left corner; the middle of the first pixel is 0.5, 0.5 */
    float mm[3];        /* from the eye: right, down, along the optical axis */
};

/* Pixels x0 <= x < x1, y0 <= y < y1; all 0 where there is none. */
struct tro_endoscopy_box {
    int x0, y0, x1, y1;
};

struct tro_endoscopy_tool {
    int kind;
    int64_t n_px; /* of it in the picture */
    struct tro_endoscopy_box box;
    struct tro_endoscopy_point tip, wrist;     /* between the ends of the jaws; their joint */
    float distance_mm[TRO_ENDOSCOPY_N_ORGANS]; /* from the tip to the surface; negative inside */
    bool is_touching;
};

struct tro_endoscopy_truth {
    bool is_out_of_body; /* then all else is empty */
    bool is_wound_open;  /* something bleeds */
    bool is_bleeding;    /* and its blood covers some 0.7 % of the picture or more */
    bool is_cautery_on;  /* current flows through the hook */
    int step;            /* enum tro_endoscopy_step */
    unsigned events;     /* bit e: enum tro_endoscopy_event e */
    struct tro_endoscopy_tool tools[TRO_ENDOSCOPY_N_TOOLS]; /* from the left, from the right */
    struct tro_endoscopy_point landmarks[TRO_N_LANDMARKS];
};

/* What a frame is written to: height x width each, rows from the top. Those that are NULL are left
 * out. */
struct tro_endoscopy_frame {
    uint8_t *rgb;      /* times 3 */
    uint8_t *label;    /* class */
    uint8_t *instance; /* 1 + index of the instrument, else 0 */
    float *depth;      /* mm along the optical axis from the eye, 0 outside */
    struct tro_endoscopy_truth *truth;
};

struct tro_endoscopy;

/* NULL on failure, with err filled. */
struct tro_endoscopy *tro_endoscopy_create(const struct tro_endoscopy_opts *opts,
                                           struct tro_err *err);
void tro_endoscopy_destroy(struct tro_endoscopy *e);

/* Of the endoscope, in widths of the picture: in the middle of it, a thing of size s at distance z
 * along the optical axis takes s / z times that. */
float tro_endoscopy_focal_length(const struct tro_endoscopy *e);

/* The same procedure through another camera or with other disturbances. */
int tro_endoscopy_change(struct tro_endoscopy *e, enum tro_camera_make make,
                         const struct tro_disturbances *disturb, struct tro_err *err);

/* Frame `index` from 0 to 1,000,000. */
int tro_endoscopy_render(struct tro_endoscopy *e, int64_t index,
                         const struct tro_endoscopy_frame *out, struct tro_err *err);

#endif
