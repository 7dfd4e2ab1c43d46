/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes of annotations drawn into a plane of labels. A pixel belongs to a shape by its centre:
 * that of the first one is 0.5, 0.5.
 *
 * Polygon   Even-odd: inside where a ray crosses its outline an odd number of times. Centres on a
 *           left or upper edge belong to it, on a right or lower one not, so that polygons side by
 *           side share no pixel. The last corner is joined to the first.
 * Runs      Numbers of pixels without and with the shape in turn, down the columns from the left
 *           (COCO's, not compressed).
 */
#ifndef TRO_EVAL_SHAPE_H
#define TRO_EVAL_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <trocar/trocar.h>

#define TRO_SHAPE_MAX_COORDINATE 1e6
#define TRO_SHAPE_MAX_NUMBERS (1 << 20) /* of a shape */

struct tro_truth_shape {
    uint8_t label;
    bool is_runs;
    int n; /* numbers: of a polygon two a corner */
    const double
        *numbers; /* x0, y0, x1, y1 ..; runs, whole numbers that are width * height together */
};

/* labels: width x height. */
int tro_shape_draw(const struct tro_truth_shape *s, int width, int height, uint8_t *labels,
                   struct tro_err *err);

#endif
