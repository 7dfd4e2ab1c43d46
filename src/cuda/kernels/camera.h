/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_CAMERA_H
#define TRO_CUDA_KERNELS_CAMERA_H

#include "frame.h"

struct tro_camera_params {
    struct tro_frame frame;
    int32_t frame_bytes; /* of one */
    uint32_t n_threads;
    int32_t out_width;
    struct tro_div out_height, spans; /* spans: of a row, of COLUMNS pixels */
};

#endif
