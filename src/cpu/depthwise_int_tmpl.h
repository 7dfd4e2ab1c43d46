/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level: bytes are widened to 32 bits. DEPTHWISE_INT_FN names the function.
 * */
#include "cpu/depthwise_int.h"

#include "cpu/simd.h"

enum { DEEP = 4 /* vectors of channels at a time */ };

static inline vi load_wide(const uint8_t *p, uint8_t flip, int64_t n)
{
    typedef uint8_t narrow __attribute__((vector_size(VF_LANES)));
    narrow v = {0};
    memcpy(&v, p, n ? (size_t)n : VF_LANES);
    return __builtin_convertvector(v ^ flip, vi);
}

static inline vi load_i32(const int32_t *p)
{
    vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* n_v vectors, or the first n_part channels of one. */
static inline __attribute__((always_inline)) void channels(
    const uint8_t *const *taps, int64_t n_taps, uint8_t flip, const int32_t *w, int64_t w_pitch,
    const int32_t *init, int32_t *acc, int64_t c, const int n_v, const int64_t n_part)
{
    vi sum[DEEP];
    VF_UNROLL
    for (int v = 0; v < n_v; v++)
        sum[v] = load_i32(init + c + v * VF_LANES);
    for (int64_t k = 0; k < n_taps; k++) {
        const uint8_t *const x = taps[k] + c;
        const int32_t *const weight = w + k * w_pitch + c;
        VF_UNROLL
        for (int v = 0; v < n_v; v++)
            sum[v] += load_wide(x + v * VF_LANES, flip, n_part) * load_i32(weight + v * VF_LANES);
    }
    VF_UNROLL
    for (int v = 0; v < n_v; v++)
        memcpy(acc + c + v * VF_LANES, &sum[v], sizeof sum[v]);
}

void DEPTHWISE_INT_FN(const uint8_t *const *taps, int64_t n_taps, uint8_t flip, const void *w,
                      int64_t w_pitch, const int32_t *init, const int32_t *zeros, int32_t *acc,
                      int64_t n)
{
    (void)zeros;
    int64_t c = 0;
    for (; c + DEEP * VF_LANES <= n; c += DEEP * VF_LANES)
        channels(taps, n_taps, flip, w, w_pitch, init, acc, c, DEEP, 0);
    for (; c + VF_LANES <= n; c += VF_LANES)
        channels(taps, n_taps, flip, w, w_pitch, init, acc, c, 1, 0);
    if (c < n)
        channels(taps, n_taps, flip, w, w_pitch, init, acc, c, 1, n - c);
}
