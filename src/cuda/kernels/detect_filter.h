/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_DETECT_FILTER_H
#define TRO_CUDA_KERNELS_DETECT_FILTER_H

#include "boxes.h"

/* Scores of a picture, counted as they lie: item i is element i % inner of line i / inner. */
struct tro_detect_filter_params {
    struct tro_detect_pieces pieces;
    struct tro_div inner;
    uint32_t n;                            /* of a picture */
    int32_t of_picture, of_line, of_inner; /* elements from one to the next */
    uint32_t line_weight, inner_weight;    /* in the index of the key */
    uint32_t first_skipped, n_skipped;     /* indices of the class that is left out */
    float least;
};

#endif
