/* SPDX-License-Identifier: Apache-2.0 */
/* 64-bit hash for tables and fingerprints of trusted data; not for security. Same value on every
 * machine. */
#ifndef TRO_BASE_HASH_H
#define TRO_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t tro_hash64(const void *p, size_t n, uint64_t seed);

#endif
