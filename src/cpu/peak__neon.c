/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/peak.h"

#include <arm_neon.h>

double tro_peak_f32__neon(int64_t n, volatile float *sink)
{
    const float32x4_t half = vdupq_n_f32(0.5F), quarter = vdupq_n_f32(0.25F);
    float32x4_t acc[TRO_PEAK_CHAINS];
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        acc[i] = vdupq_n_f32((float)i);
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < TRO_PEAK_CHAINS; i++)
            acc[i] = vfmaq_f32(quarter, acc[i], half);
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        *sink = vgetq_lane_f32(acc[i], 0);
    return (double)n * TRO_PEAK_CHAINS * 2 * 4;
}
