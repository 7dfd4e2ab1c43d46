/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local response normalization: y = x / (bias + alpha * sum of squares around it) ^ beta. A thread
 * for each element.
 *
 *     IN_T, OUT_T   of x, of the result
 */
#include "path.cuh"

#define BLOCK 256

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_lrn_params &o = p.own;
    const uint32_t i = blockIdx.x * BLOCK + threadIdx.x;
    tro_wait();
    tro_launch_next();
    if (i >= o.n)
        return;
    const IN_T *const x = (const IN_T *)p.ptr[0] + tro_path_at(o.from, i);
    const int32_t c = tro_path_at(o.channel, i), left = o.n_channels - 1 - c;
    const int32_t first = c < o.before ? -c : -o.before, last = left < o.after ? left : o.after;
    float sum = 0;
    for (int32_t k = first; k <= last; k++) {
        const float v = tro_float(x[k * o.step]);
        sum = fmaf(v, v, sum);
    }
    ((OUT_T *)p.ptr[TRO_N_IN])[tro_path_at(o.to, i)] = tro_from_float<OUT_T>(
        tro_float(x[0]) * powf(fmaf(o.alpha, sum, o.bias), -o.beta));
}
