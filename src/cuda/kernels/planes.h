/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_PLANES_H
#define TRO_CUDA_KERNELS_PLANES_H

#include "params.h"

/* Between CHANNELS planes of n_pixels each and pixels of that many channels, for n pictures.
 * Strides in elements. */
struct tro_planes_params {
    uint32_t n_vectors;         /* in all */
    struct tro_div per_picture; /* vectors of a picture */
    struct tro_div outer;       /* pictures along the second outer axis */
    int32_t plane, pitch;       /* from plane to plane, from pixel to pixel */
    int32_t planes_outer[2], pixels_outer[2];
};

#endif
