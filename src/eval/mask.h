/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well a mask of pixels agrees with another one: areas and outlines.
 *
 * Areas     With tp, fp, fn the pixels in both, in the found one alone, in the true one alone:
 *           IoU = tp / (tp + fp + fn), Dice = 2 tp / (2 tp + fp + fn). Undefined (NaN) where both
 *           masks are empty, 0 where one is.
 * Outline   The pixels of a mask with one of their four neighbours outside of it; what lies beyond
 *           the picture is outside. Distances are Euclidean, in pixels, from the middle of each
 *           outline pixel to that of the nearest one of the other mask.
 * HD95      The greater of the two directed 95th percentiles (linear between ranks), as MONAI and
 *           surface-distance compute it; medpy pools the two directions instead and gives other
 *           numbers. NaN where both are empty; where one is, the diagonal of the picture.
 * NSD       Normalized surface Dice at a tolerance: outline pixels of both within it of the other,
 *           over all outline pixels of both (Nikolov et al., arXiv 1809.04430, on pixels instead of
 *           lengths of outline). NaN where both are empty, 0 where one is.
 */
#ifndef TRO_EVAL_MASK_H
#define TRO_EVAL_MASK_H

#include <stdint.h>
#include <trocar/trocar.h>

struct tro_areas {
    int64_t tp, fp, fn;
};

/* counts: n_classes rows. Labels of n_classes or more are of no class. */
void tro_areas_of(const uint8_t *truth, const uint8_t *found, int64_t n_px, int n_classes,
                  struct tro_areas *counts);

double tro_iou(struct tro_areas a);
double tro_dice(struct tro_areas a);

struct tro_outlines {
    double hd95, nsd; /* pixels; 0..1 */
};

/* Memory for pictures of one size. */
struct tro_outline_work;
struct tro_outline_work *tro_outline_work_create(int width, int height, struct tro_err *err);
void tro_outline_work_destroy(struct tro_outline_work *w);

/* Two pictures of labels, height x width each, which stay as they are while their outlines are
 * asked for. */
void tro_outlines_begin(struct tro_outline_work *w, const uint8_t *truth, const uint8_t *found);
/* Of the class `label` in both. */
struct tro_outlines tro_outlines_of(struct tro_outline_work *w, uint8_t label, double tolerance_px);

#endif
