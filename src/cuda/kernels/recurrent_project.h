/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_RECURRENT_PROJECT_H
#define TRO_CUDA_KERNELS_RECURRENT_PROJECT_H

#include "params.h"

/* Rows of x by time and batch, of w by direction, gate and unit. */
struct tro_recurrent_project_params {
    struct tro_div n_batch, n_gate_rows; /* gate rows: of one direction */
    int32_t time_stride, batch_stride;   /* of x */
    uint32_t n_x_rows, n_w_rows, n_features;
};

#endif
