/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_PEAKS_H
#define TRO_CUDA_KERNELS_PEAKS_H

#include "boxes.h"

struct tro_peaks_params {
    struct tro_div w;               /* columns of a map */
    uint32_t n, h;                  /* its elements, rows */
    int32_t of_n, of_c, of_y, of_x; /* elements from one to the next */
    int32_t n_peaks, radius;
    float threshold;
    struct tro_positions to;
};

#endif
