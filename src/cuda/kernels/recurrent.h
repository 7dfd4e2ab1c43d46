/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_CUDA_KERNELS_RECURRENT_H
#define TRO_CUDA_KERNELS_RECURRENT_H

#include "params.h"

/* As in ONNX: leaky_relu has alpha, affine and hard_sigmoid and scaled_tanh alpha and beta. */
enum {
    TRO_CURVE_SIGMOID,
    TRO_CURVE_TANH,
    TRO_CURVE_RELU,
    TRO_CURVE_LEAKY_RELU,
    TRO_CURVE_AFFINE,
    TRO_CURVE_HARD_SIGMOID,
    TRO_CURVE_SCALED_TANH,
    TRO_CURVE_SOFTSIGN,
    TRO_CURVE_ELU,
    TRO_CURVE_SOFTPLUS,
    TRO_CURVE_THRESHOLDED_RELU
};

struct tro_curve {
    int32_t kind;
    float alpha, beta;
};

/* Strides in elements of a tensor whose rows have stride 1. */
struct tro_recurrent_place {
    int32_t time, direction, batch;
};

struct tro_recurrent_params {
    struct tro_recurrent_place h, c, y, y_h, y_c;
    struct tro_curve curve[2][3]; /* by direction */
    int32_t is_reverse[2];
    uint32_t n_times, n_batch;
    float clip; /* 0: none */
};

#endif
