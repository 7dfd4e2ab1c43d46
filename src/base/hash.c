/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <string.h>

#define MULTIPLIER 0x9e3779b97f4a7c15ull /* 2^64 over the golden ratio, odd */

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * MULTIPLIER;
    return h ^ (h >> 32);
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
