/* SPDX-License-Identifier: Apache-2.0 */
/* 64-bit hash for tables and fingerprints of trusted data; not for security. Same value on every
 * machine. */
#ifndef TRO_BASE_HASH_H
#define TRO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t tro_hash64(const void *p, size_t n, uint64_t seed);

/* For much data, at the speed of memory: eight lanes, a word in each by turns. Each step is one to
 * one in the word and in the state before, so two texts of one length that differ in one aligned
 * word of 8 bytes never have the same value: a damaged byte is always seen. */
uint64_t tro_hash64_wide(const void *p, size_t n, uint64_t seed);

#endif
