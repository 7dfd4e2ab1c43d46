/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random numbers: a value is a pure function of a key and a counter, so any frame
 * and any pixel can be made alone, in any order, on any thread. */
#ifndef TRO_SIM_RAND_H
#define TRO_SIM_RAND_H

#include <stdint.h>

/* Each subject draws from its own stream: a new draw in one leaves the others as they were. */
enum tro_sim_stream {
    TRO_STREAM_NOISE = 1,
    TRO_STREAM_ANATOMY,
    TRO_STREAM_MATERIAL,
    TRO_STREAM_CAMERA,
    TRO_STREAM_SENSOR,
    TRO_STREAM_INSTRUMENT, /* + index of the instrument */
    TRO_STREAM_DISTURB = 16,
    TRO_STREAM_PROCEDURE,
};

struct tro_rand {
    uint64_t key, counter;
};

/* The finalizer of splitmix64: a bijection that spreads every input bit over the word. */
static inline uint64_t tro_mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint64_t tro_rand_at(uint64_t key, uint64_t counter)
{
    return tro_mix64(key + (counter + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t tro_rand_key(uint64_t seed, uint64_t stream)
{
    return tro_mix64(tro_rand_at(seed, stream) ^ UINT64_C(0xd1b54a32d192ed03));
}

static inline struct tro_rand tro_rand_start(uint64_t seed, uint64_t stream)
{
    return (struct tro_rand){.key = tro_rand_key(seed, stream)};
}

/* In [0, 1), 24 bits. */
static inline float tro_rand_unit(uint64_t word)
{
    return (float)(word >> 40) * (1.0f / 16777216);
}

/* The next number of the stream, in [lo, hi). */
static inline float tro_rand_range(struct tro_rand *r, float lo, float hi)
{
    return lo + (hi - lo) * tro_rand_unit(tro_rand_at(r->key, r->counter++));
}

/* The next number of the stream, 0 <= n < limit. */
static inline int tro_rand_below(struct tro_rand *r, int limit)
{
    return (int)((tro_rand_at(r->key, r->counter++) >> 33) % (uint64_t)limit);
}

#endif
