/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv_transpose, any attributes: a thread gathers what makes VECTOR channels of one result.
 * Threads of a warp share the pixel, or are neighbours along the width.
 *
 *     x [n, d, h, w, c]    weights [group][tap][channel][w_pitch]    bias [group][w_pitch], f32
 *
 * Defined: IN_T, W_T; VECTOR; CHUNK (channels of x that lie aligned together; divides them),
 * IS_WHOLE (no vector of results is cut).
 */
#include "base.cuh"

/* The element that tap k of result o takes along an axis; negative: none. */
static __device__ __forceinline__ int source_of(const tro_conv_transpose_params &g, int axis, int o,
                                                int k)
{
    const int from = o + g.pad[axis] - k * g.dilation[axis];
    if (from < 0)
        return -1;
    const int i = (int)tro_div((uint32_t)from, g.stride[axis]);
    return i * (int)g.stride[axis].d == from && i < g.in[axis] ? i : -1;
}

/* All channels of one tap. */
static __device__ __forceinline__ void add_tap(float (&acc)[VECTOR],
                                               const tro_conv_transpose_params &g, const IN_T *x,
                                               const W_T *weights)
{
    for (int c = 0; c < g.channels; c += CHUNK) {
        __align__(16) IN_T raw[CHUNK];
        tro_load<CHUNK, CHUNK>(raw, x + c);
#pragma unroll
        for (int k = 0; k < CHUNK; k++) {
            __align__(16) W_T w[VECTOR];
            tro_load<VECTOR, VECTOR>(w, weights + (c + k) * g.w_pitch);
#pragma unroll
            for (int i = 0; i < VECTOR; i++)
                acc[i] = fmaf(tro_float(raw[k]), tro_float(w[i]), acc[i]);
        }
    }
}

static __device__ __forceinline__ void add_taps(float (&acc)[VECTOR],
                                                const tro_conv_transpose_params &g, const IN_T *x,
                                                const W_T *weights, int d, int h, int w)
{
    for (int kd = 0; kd < g.kernel[0]; kd++) {
        const int id = source_of(g, 0, d, kd);
        for (int kh = 0; kh < g.kernel[1] && id >= 0; kh++) {
            const int ih = source_of(g, 1, h, kh);
            for (int kw = 0; kw < g.kernel[2] && ih >= 0; kw++) {
                const int iw = source_of(g, 2, w, kw);
                const int tap = (kd * g.kernel[1] + kh) * g.kernel[2] + kw;
                if (iw >= 0)
                    add_tap(acc, g, x + id * g.pitch[0] + ih * g.pitch[1] + iw * g.pitch[2],
                            weights + tap * g.channels * g.w_pitch);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(128) tro_kernel(const __grid_constant__ tro_params p)
{
    const tro_conv_transpose_params &g = p.own;
    const uint32_t thread = blockIdx.x * 128 + threadIdx.x;
    tro_launch_next();
    tro_wait();
    if (thread >= g.n_threads)
        return;
    uint32_t vector = thread;
    const uint32_t row = tro_div_rest(vector, g.n_vectors);
    uint32_t w = row;
    uint32_t h = tro_div_rest(w, g.out[2]);
    uint32_t d = tro_div_rest(h, g.out[1]);
    const uint32_t batch = tro_div_rest(d, g.out[0]);
    const uint32_t group = tro_div_rest(vector, g.group_vectors);
    const int c = (int)vector * VECTOR, left = g.n_results - c;
    const int n_taps = g.kernel[0] * g.kernel[1] * g.kernel[2];
    float acc[VECTOR];
    tro_load<VECTOR, VECTOR>(acc, (const float *)p.ptr[2] + group * g.w_pitch + c);
    add_taps(acc, g, (const IN_T *)p.ptr[0] + batch * g.batch_pitch + group * g.channels,
             (const W_T *)p.ptr[1] + group * n_taps * g.channels * g.w_pitch + c, (int)d, (int)h,
             (int)w);
    tro_point_row<VECTOR>(p, row, group * g.n_results + c,
                          IS_WHOLE || left > VECTOR ? VECTOR : left, acc);
}
