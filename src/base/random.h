/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs for golden samples, comparisons and benchmarks. Each number follows from seed, run, input
 * and index alone, so that nothing depends on order, shape or machine. */
#ifndef TRO_BASE_RANDOM_H
#define TRO_BASE_RANDOM_H

#include <stdint.h>
#include <trocar/trocar.h>

struct tro_random {
    uint64_t seed, run, input;
};

/* Fills t->data by type: floats from the standard normal distribution, bool either, 8- and 4-bit
 * integers their whole range, wider integers 0 or 1, since they may be indices. */
void tro_random_fill(const struct tro_random *r, struct tro_tensor *t);

/* Word i of a run's stream, all bits even. */
uint64_t tro_random_word(uint64_t seed, uint64_t run, uint64_t i);

#endif
