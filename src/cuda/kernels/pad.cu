/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad: a thread for VECTOR elements of the result. The table has, for each place along each axis,
 * where its element of x lies (in elements), or OUTSIDE.
 *
 * Defined: IN_T, OUT_T; IS_SAME_TYPE (else both are floats); RANK, VECTOR.
 */
#include "base.cuh"

#define OUTSIDE (-2147483647 - 1)

static __device__ __forceinline__ OUT_T convert(IN_T x)
{
#if IS_SAME_TYPE
    return x;
#else
    return tro_from_float<OUT_T>(tro_float(x));
#endif
}

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const int32_t *const table = (const int32_t *)p.ptr[1];
    uint32_t rest = blockIdx.x * 128 + threadIdx.x;
    const bool is_idle = rest >= p.own.n_threads;
    int from = 0, to = 0;
    bool is_inside = true;
    tro_launch_next();
#pragma unroll
    for (int k = RANK - 1; k >= 0; k--) {
        const tro_pad_axis &axis = p.own.axis[k];
        const uint32_t next = is_idle ? 0 : tro_div(rest, axis.size);
        const int i = is_idle ? 0 : (int)(rest - next * axis.size.d);
        const int32_t offset = table[axis.first + i];
        is_inside = is_inside && offset != OUTSIDE;
        from += is_inside ? offset : 0;
        to += i * axis.to_stride;
        rest = next;
    }
    tro_wait();
    if (is_idle)
        return;
    const OUT_T value = *(const OUT_T *)p.ptr[2];
    __align__(16) IN_T raw[VECTOR];
    __align__(16) OUT_T result[VECTOR];
    if (is_inside)
        tro_load<VECTOR, VECTOR>(raw, (const IN_T *)p.ptr[0] + from);
#pragma unroll
    for (int i = 0; i < VECTOR; i++)
        result[i] = is_inside ? convert(raw[i]) : value;
    tro_store<VECTOR, VECTOR>((OUT_T *)p.ptr[TRO_N_IN] + to, result);
}
