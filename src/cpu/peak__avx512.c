/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/peak.h"

#include <immintrin.h>

double tro_peak_f32__avx512(int64_t n, volatile float *sink)
{
    const __m512 half = _mm512_set1_ps(0.5F), quarter = _mm512_set1_ps(0.25F);
    __m512 acc[TRO_PEAK_CHAINS];
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        acc[i] = _mm512_set1_ps((float)i);
    for (int64_t k = 0; k < n; k++)
        for (int i = 0; i < TRO_PEAK_CHAINS; i++)
            acc[i] = _mm512_fmadd_ps(acc[i], half, quarter);
    for (int i = 0; i < TRO_PEAK_CHAINS; i++)
        *sink = _mm512_cvtss_f32(acc[i]);
    return (double)n * TRO_PEAK_CHAINS * 2 * 16;
}
