/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classes a segmentation network tells apart, as its metadata names them:
 *   trocar.classes   names by label, separated by commas
 *   trocar.palette   #rrggbb by label; black: what need not be marked
 */
#ifndef DEMO_CLASSES_H
#define DEMO_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "onnx/proto.h"

#define DEMO_MAX_CLASSES 32

struct demo_class {
    char name[32];
    uint8_t rgb[3];
    bool is_marked;     /* not black */
    bool is_instrument; /* the name begins so: outlined strongly */
};

struct demo_classes {
    int n;
    struct demo_class v[DEMO_MAX_CLASSES];
};

int demo_classes_read(const struct tro_onnx_model *model, struct demo_classes *out,
                      struct tro_err *err);

/* The label of that name, -1 if there is none. */
int demo_classes_find(const struct demo_classes *c, const char *name);

#endif
