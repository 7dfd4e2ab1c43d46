/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from strings (views, not copied: the caller keeps them alive) to a 32-bit value. */
#ifndef TRO_BASE_MAP_H
#define TRO_BASE_MAP_H

#include "base/bytes.h"

struct tro_map_slot {
    struct tro_str key;
    uint64_t hash;
    uint32_t value;
    bool used;
};

struct tro_map {
    struct tro_map_slot *slots;
    size_t n, cap;
};

/* An all-zero struct is an empty map. */
void tro_map_finish(struct tro_map *m);
/* Adds or replaces; TRO_E_NOMEM when memory runs out. */
int tro_map_set(struct tro_map *m, struct tro_str key, uint32_t value);
/* False when the key is not there. value may be NULL. */
bool tro_map_get(const struct tro_map *m, struct tro_str key, uint32_t *value);

#endif
