/* SPDX-License-Identifier: Apache-2.0 */
/* A network at work on pictures: as an engine, and beside it on the reference kernels and in ONNX
 * Runtime where that is installed. Its record says what it finds and decodes that in the engine. */
#ifndef DEMO_NETWORK_H
#define DEMO_NETWORK_H

#include "around.h"
#include "names.h"
#include "side.h"

/* What networks are for: id, how it is called, what decodes their output. */
#define DEMO_TASKS(X)                             \
    X(PIXELS, "segmentation", TRO_RECORD_CLASSES) \
    X(BOXES, "instruments", TRO_RECORD_BOXES)     \
    X(DEPTH, "depth", TRO_RECORD_LINEAR)          \
    X(POINTS, "landmarks", TRO_RECORD_PEAKS)

enum demo_task {
#define DEMO_TASK_ENUM(id, text, decode) DEMO_##id,
    DEMO_TASKS(DEMO_TASK_ENUM)
#undef DEMO_TASK_ENUM
        DEMO_N_TASKS
};
const char *demo_task_name(enum demo_task task);

/* Engines that are timed. */
enum demo_engine { DEMO_ENGINE, DEMO_ORT, DEMO_REFERENCE, DEMO_N_ENGINES };

#define DEMO_MAX_RESULTS 4 /* of an output: boxes have their number, places, scores, classes */

struct demo_network {
    const char *path;
    enum demo_task task;
    struct tro_record record;
    const struct tro_record_output *output; /* the one that it is for, the record's first */
    struct demo_names names;                /* none of depths */
    int width, height;                      /* of the pictures it takes */
    char plan_path[4096], page_path[4096];  /* the engine, and where its time goes */
    bool has_ort;
    char why_no_ort[1024]; /* and what to do about it */
    /* private */
    struct tro_model *model;
    struct tro_session *reference;
    struct tro_side engine, ort;
    struct tro_around *around; /* the record, for ONNX Runtime */
    int frame_input; /* the one that takes pictures; the others take facts of the camera */
    char ort_text[4096];
    int n_results, first[DEMO_N_ENGINES]; /* of the output; where they begin in an engine's list */
    bool is_warm;
};

/* What it says of one picture. */
struct demo_run {
    struct tro_tensor results[DEMO_MAX_RESULTS]; /* the engine's, valid until the next run */
    double ms[DEMO_N_ENGINES];                   /* of a run; 0 where there is none */
    double difference[DEMO_N_ENGINES]; /* from the reference: share of classes that are others, or
                                          greatest |difference| of places or depths */
};

/* The record stands beside the model, NAME.json. Builds an engine, which is written to the folder.
 * On failure nothing is left open. */
int demo_network_open(struct demo_network *n, const char *path, const char *folder,
                      struct tro_err *err);
void demo_network_close(struct demo_network *n);

/* The picture in the file is resampled to the network's size; focal_length: of the camera that gave
 * it, in widths of the picture. */
int demo_network_run(struct demo_network *n, const char *picture_path, float focal_length,
                     struct demo_run *out, struct tro_err *err);

/* The page about where the engine's time goes, of a run on noise. */
int demo_network_profile(const struct demo_network *n, struct tro_err *err);

/* The greater of two differences; NaN when one is. */
double demo_greater(double a, double b);

#endif
