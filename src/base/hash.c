/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

#define MULTIPLIER 0x9e3779b97f4a7c15ull /* 2^64 over the golden ratio, odd */

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * MULTIPLIER;
    return h ^ (h >> 32);
}

#define N_LANES 8

static uint64_t load_little(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint64_t tro_hash64_wide(const void *p, size_t n, uint64_t seed)
{
    const uint8_t *bytes = p;
    uint64_t lane[N_LANES], h = mix(seed, n);
    for (size_t i = 0; i < N_LANES; i++)
        lane[i] = mix(h, i);
    for (; n >= 8 * N_LANES; n -= 8 * N_LANES, bytes += 8 * N_LANES)
#pragma GCC unroll 8 /* N_LANES: keeps them in registers */
        for (size_t i = 0; i < N_LANES; i++)
            lane[i] = mix(lane[i], load_little(bytes + 8 * i));
    for (size_t i = 0; n > 0; i++) {
        uint8_t rest[8] = {0};
        const size_t n_bytes = n < 8 ? n : 8;
        memcpy(rest, bytes, n_bytes);
        lane[i] = mix(lane[i], load_little(rest));
        bytes += n_bytes;
        n -= n_bytes;
    }
    for (size_t i = 0; i < N_LANES; i++)
        h = mix(h, lane[i]);
    return mix(h, 1);
}

uint64_t tro_hash64(const void *p, size_t n, uint64_t seed)
{
    const uint8_t *bytes = p;
    uint64_t h = mix(seed, n), word;
    for (; n >= 8; n -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        h = mix(h, word);
    }
    word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    /* Twice more: a change in the last bytes must reach the low bits too, which tables use. */
    return mix(mix(mix(h, word), 1), 2);
}
