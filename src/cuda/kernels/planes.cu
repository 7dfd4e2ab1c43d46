/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few planes into pixels (TO_PIXELS) or pixels into planes: a thread moves VECTOR pixels with all
 * their CHANNELS, by whole vectors of each plane. IS_DENSE: pixels have no gap between them, so
 * that a thread's are vectors as well. IN_T and OUT_T are converted where CONVERTS.
 */
#define BLOCK 128

#if CONVERTS
#define CONVERT(x) tro_from_float<OUT_T>(tro_float(x))
#else
#define CONVERT(x) (x)
#endif

static __device__ __forceinline__ void to_pixels(OUT_T *pixels, const IN_T *planes, int pitch,
                                                 int plane)
{
    alignas(16) OUT_T y[VECTOR * CHANNELS];
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
        alignas(16) IN_T x[VECTOR];
        tro_load<VECTOR, VECTOR>(x, planes + c * plane);
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
            y[v * CHANNELS + c] = CONVERT(x[v]);
    }
    if (IS_DENSE) {
        tro_store<VECTOR * CHANNELS, VECTOR>(pixels, y);
        return;
    }
#pragma unroll
    for (int v = 0; v < VECTOR; v++)
#pragma unroll
        for (int c = 0; c < CHANNELS; c++)
            pixels[v * pitch + c] = y[v * CHANNELS + c];
}

static __device__ __forceinline__ void to_planes(OUT_T *planes, const IN_T *pixels, int pitch,
                                                 int plane)
{
    alignas(16) IN_T x[VECTOR * CHANNELS];
    if (IS_DENSE) {
        tro_load<VECTOR * CHANNELS, VECTOR>(x, pixels);
    } else {
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++)
                x[v * CHANNELS + c] = pixels[v * pitch + c];
    }
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
        alignas(16) OUT_T y[VECTOR];
#pragma unroll
        for (int v = 0; v < VECTOR; v++)
            y[v] = CONVERT(x[v * CHANNELS + c]);
        tro_store<VECTOR, VECTOR>(planes + c * plane, y);
    }
}

extern "C" __global__ void __launch_bounds__(BLOCK) tro_kernel(const __grid_constant__ tro_params p)
{
    tro_launch_next();
    uint32_t vector = blockIdx.x * BLOCK + threadIdx.x;
    const bool is_inside = vector < p.own.n_vectors;
    uint32_t outer1 = tro_div_rest(vector, p.own.per_picture);
    const int outer0 = (int)tro_div_rest(outer1, p.own.outer);
    const int pixel = (int)vector * VECTOR;
    const int planes = outer0 * p.own.planes_outer[0] + (int)outer1 * p.own.planes_outer[1] + pixel;
    const int pixels = outer0 * p.own.pixels_outer[0] + (int)outer1 * p.own.pixels_outer[1] +
                       pixel * p.own.pitch;
    tro_wait();
    if (!is_inside)
        return;
    if (TO_PIXELS)
        to_pixels((OUT_T *)p.ptr[1] + pixels, (const IN_T *)p.ptr[0] + planes, p.own.pitch,
                  p.own.plane);
    else
        to_planes((OUT_T *)p.ptr[1] + planes, (const IN_T *)p.ptr[0] + pixels, p.own.pitch,
                  p.own.plane);
}
