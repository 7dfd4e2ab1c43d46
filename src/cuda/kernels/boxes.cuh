/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src/ref/boxes.h for kernels: the same operations in the same order, so that the same boxes stay.
 *
 *     63        32 31                           0
 *     [ order     ][ ~(class * n_anchors + anchor) ]     the greatest key first; 0: none
 */
#ifndef TRO_CUDA_KERNELS_BOXES_CUH
#define TRO_CUDA_KERNELS_BOXES_CUH

#include "boxes.h"

static __device__ __forceinline__ uint64_t tro_score_key(float v, uint32_t index)
{
    const uint32_t bits = __float_as_uint(v + 0.0F);
    const uint32_t order = bits >> 31 ? ~bits : bits | 0x80000000U;
    return (uint64_t)order << 32 | (uint32_t)~index;
}

static __device__ __forceinline__ float tro_score_of(uint64_t key)
{
    const uint32_t order = (uint32_t)(key >> 32);
    return __uint_as_float(order >> 31 ? order & 0x7fffffffU : ~order);
}

static __device__ __forceinline__ float tro_score_sigmoid(float x)
{
    float t = -x;
    t = t < -87.0F ? -87.0F : t > 88.0F ? 88.0F : t;
    const float n = (t * 1.44269504F + 12582912.0F) - 12582912.0F;
    const float r = (t - n * 0.693359375F) - n * -2.12194440e-4F;
    float e = 1.0F / 5040;
    e = e * r + 1.0F / 720;
    e = e * r + 1.0F / 120;
    e = e * r + 1.0F / 24;
    e = e * r + 1.0F / 6;
    e = e * r + 0.5F;
    e = e * r + 1.0F;
    e = e * r + 1.0F;
    return 1.0F / (1.0F + e * __uint_as_float((uint32_t)((int32_t)n + 127) << 23));
}

/* x1, y1, x2, y2 in order unless one is NaN. */
static __device__ __forceinline__ float4 tro_box_of(float4 v, bool is_center,
                                                    const tro_positions &to)
{
    const float x = v.x * to.x_scale + to.x_offset, y = v.y * to.y_scale + to.y_offset;
    float4 b = make_float4(x, y, v.z * to.x_scale + to.x_offset, v.w * to.y_scale + to.y_offset);
    if (is_center) {
        const float w = v.z * to.x_scale * 0.5F, h = v.w * to.y_scale * 0.5F;
        b = make_float4(x - w, y - h, x + w, y + h);
    }
    return make_float4(b.z < b.x ? b.z : b.x, b.w < b.y ? b.w : b.y, b.z < b.x ? b.x : b.z,
                       b.w < b.y ? b.y : b.w);
}

/* a: the one of the greater score. */
static __device__ __forceinline__ bool tro_boxes_overlap(const float4 &a, const float4 &b,
                                                         float threshold)
{
    const float x1 = a.x > b.x ? a.x : b.x, x2 = a.z < b.z ? a.z : b.z;
    const float y1 = a.y > b.y ? a.y : b.y, y2 = a.w < b.w ? a.w : b.w;
    const float w = x2 - x1, h = y2 - y1;
    if (!(w > 0) || !(h > 0))
        return threshold <= 0;
    const float common = w * h;
    const float area_a = (a.z - a.x) * (a.w - a.y);
    const float area_b = (b.z - b.x) * (b.w - b.y);
    return common >= threshold * (area_a + area_b - common);
}

#endif
