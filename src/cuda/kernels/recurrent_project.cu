/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What x brings to the gates of a recurrent layer at all times: w x + biases, in float, as
 * [directions][times][batch][gates hidden]. A warp takes a row of w and X_ROWS rows of x.
 *
 *     X_T        of x; ptr: x, w [directions, gates hidden, features] and, where HAS_BIAS, biases
 *                [directions, 2, gates hidden]
 *     N_SUMMED   rows of a direction to which the bias of r is added as well
 */

#define N_WARPS 4
#define X_ROWS 8

static __device__ __forceinline__ float bias_of(const tro_params &p, uint32_t row)
{
#if HAS_BIAS
    uint32_t at = row;
    const uint32_t direction = tro_div_rest(at, p.own.n_gate_rows), n = p.own.n_gate_rows.d;
    const float *const bias = (const float *)p.ptr[2] + direction * 2 * n + at;
    return at < N_SUMMED ? bias[0] + bias[n] : bias[0];
#else
    return 0;
#endif
}

extern "C" __global__ void __launch_bounds__(N_WARPS * 32)
    tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_recurrent_project_params &o = p.own;
    const uint32_t lane = threadIdx.x % 32, row = blockIdx.x * N_WARPS + threadIdx.x / 32;
    const uint32_t first = blockIdx.y * X_ROWS;
    tro_wait();
    tro_launch_next();
    if (row >= o.n_w_rows)
        return;
    const float *const w = (const float *)p.ptr[1] + (int64_t)row * o.n_features;
    const X_T *x[X_ROWS];
    float acc[X_ROWS];
#pragma unroll
    for (int i = 0; i < X_ROWS; i++) {
        uint32_t batch = first + i < o.n_x_rows ? first + i : o.n_x_rows - 1;
        const uint32_t time = tro_div_rest(batch, o.n_batch);
        x[i] = (const X_T *)p.ptr[0] + (int32_t)time * o.time_stride +
               (int32_t)batch * o.batch_stride;
        acc[i] = 0;
    }
#pragma unroll 2
    for (uint32_t k = lane; k < o.n_features; k += 32) {
        const float v = w[k];
#pragma unroll
        for (int i = 0; i < X_ROWS; i++)
            acc[i] = fmaf(v, tro_float(x[i][k]), acc[i]);
    }
    uint32_t at = row;
    const uint32_t direction = tro_div_rest(at, o.n_gate_rows);
    float *const to = (float *)p.ptr[TRO_N_IN] + at;
    const float bias = bias_of(p, row);
#pragma unroll
    for (int i = 0; i < X_ROWS; i++) {
#pragma unroll
        for (int offset = 16; offset > 0; offset /= 2)
            acc[i] += __shfl_xor_sync(0xffffffffU, acc[i], offset);
        if (lane == 0 && first + i < o.n_x_rows)
            to[(direction * o.n_x_rows + first + i) * o.n_gate_rows.d] = acc[i] + bias;
    }
}
