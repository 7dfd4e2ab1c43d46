/* SPDX-License-Identifier: Apache-2.0 */
/* A segmentation network at work on pictures: as an engine, and beside it on the reference kernels
 * and in ONNX Runtime where that is installed. */
#ifndef DEMO_NETWORK_H
#define DEMO_NETWORK_H

#include <trocar/build.h>

#include "classes.h"
#include "io/preprocess.h"
#include "ort/ort.h"

struct demo_network {
    struct demo_classes classes;
    struct tro_io_info input; /* the one picture it takes */
    struct tro_ort *ort;      /* NULL: not installed */
    char why_no_ort[1024];    /* and what to do about it */
    /* private */
    struct tro_preprocess preprocess;
    struct tro_model *model;
    struct tro_plan *plan;
    struct tro_session *engine, *reference;
    bool is_warm;
};

/* Engines that are timed. */
enum demo_engine { DEMO_ENGINE, DEMO_ORT, DEMO_REFERENCE, DEMO_N_ENGINES };

/* What the network says of one picture: a value for each class at each of its pixels. */
struct demo_logits {
    int height, width; /* the network's, not the picture's */
    const float *data; /* the engine's: classes x height x width; valid until the next run */
    double ms[DEMO_N_ENGINES];    /* of a run; 0 where there is none, like the next */
    double error[DEMO_N_ENGINES]; /* greatest |difference| from the reference */
    double magnitude;             /* greatest |value| of the reference */
};

/* Refuses models that do not take one picture and give a value for each class that their metadata
 * names. Builds an engine, which is written to plan_path. On failure nothing is left open. */
int demo_network_open(struct demo_network *n, const char *path, const char *plan_path,
                      struct tro_err *err);
void demo_network_close(struct demo_network *n);

int demo_network_run(struct demo_network *n, const char *picture_path, struct demo_logits *out,
                     struct tro_err *err);

/* The greater of two errors; NaN when one is. */
double demo_greater(double a, double b);

/* The class of each pixel of a width x height picture: the largest value there, values being
 * interpolated linearly between the network's pixels. */
void demo_logits_label(const struct demo_logits *logits, int n_classes, int width, int height,
                       uint8_t *label);

#endif
