/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What host and kernels share. This file and the NAME.h beside each NAME.cu are read by the C
 * compiler and by the CUDA compiler: fixed-width types only.
 *
 * A kernel has one parameter, struct tro_params:
 *
 *     ptr[n]   addresses of the step's args: inputs, then outputs, offsets included
 *     own      struct tro_NAME_params of kernels/NAME.h, aligned to 8
 *     point    sizes and strides of the pointwise program (cuda/point.h), aligned to 8
 */
#ifndef TRO_CUDA_KERNELS_PARAMS_H
#define TRO_CUDA_KERNELS_PARAMS_H

#ifndef __CUDACC_RTC__
#include <stdint.h>
#endif

/* n / d = (umulhi(n, mul) + n) >> shift, for 0 <= n < 2^31 and 0 < d < 2^31 (Granlund, Montgomery:
 * Division by invariant integers using multiplication, 1994). */
struct tro_div {
    uint32_t d, mul, shift;
};

#endif
