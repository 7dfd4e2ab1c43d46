/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_DETECT_H
#define TRO_CUDA_KERNELS_DETECT_H

#include "boxes.h"

struct tro_detect_params {
    struct tro_detect_pieces pieces;
    struct tro_div anchors;                            /* index of a key -> class, anchor */
    uint32_t n_classes, n_rows, n_candidates;          /* n_candidates: most that are looked at */
    uint32_t max_per_class;                            /* 0: any number */
    int32_t of_picture, of_anchor, of_class, of_coord; /* elements between boxes */
    float iou;
    struct tro_positions to;
    uint32_t is_center, is_agnostic, is_logit;
};

#endif
