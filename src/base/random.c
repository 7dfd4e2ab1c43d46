/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <math.h>

#include "base/dtype.h"

/* The finalizer of SplitMix64: every input bit reaches every output bit. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static uint64_t bits_at(uint64_t stream, uint64_t i)
{
    return mix(stream + (i + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

/* In (0, 1). */
static double uniform_at(uint64_t stream, uint64_t i)
{
    return ((double)(bits_at(stream, i) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller's transform. */
static double normal_at(uint64_t stream, uint64_t i)
{
    const double radius = sqrt(-2 * log(uniform_at(stream, 2 * i)));
    return radius * cos(2 * 3.14159265358979323846 * uniform_at(stream, 2 * i + 1));
}

static int64_t integer_at(enum tro_dtype dtype, uint64_t stream, uint64_t i)
{
    const uint64_t bits = bits_at(stream, i) >> 8;
    if (dtype == TRO_BOOL || tro_dtype_bits(dtype) > 8)
        return (int64_t)(bits & 1);
    const int64_t lo = tro_dtype_min(dtype), n = tro_dtype_max(dtype) - lo + 1;
    return lo + (int64_t)(bits % (uint64_t)n);
}

void tro_random_fill(const struct tro_random *r, struct tro_tensor *t)
{
    const uint64_t stream = mix(mix(mix(r->seed + 1) + r->run) + r->input);
    const int64_t n = tro_tensor_n_elems(t);
    for (int64_t i = 0; i < n; i++) {
        if (tro_dtype_is_float(t->dtype))
            tro_store_f64(t->dtype, t->data, i, normal_at(stream, (uint64_t)i));
        else
            tro_store_i64(t->dtype, t->data, i, integer_at(t->dtype, stream, (uint64_t)i));
    }
}

uint64_t tro_random_word(uint64_t seed, uint64_t run, uint64_t i)
{
    return bits_at(mix(mix(seed + 1) + run), i);
}
