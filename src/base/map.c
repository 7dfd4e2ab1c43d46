/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <trocar/trocar.h>

/* Open addressing, linear probing, at most three quarters full, capacity a power of two. */

void tro_map_finish(struct tro_map *m)
{
    tro_free(m->slots);
    *m = (struct tro_map){0};
}

/* The key's slot, or the free one where it would go. */
static struct tro_map_slot *slot_of(struct tro_map_slot *slots, size_t cap, struct tro_str key,
                                    uint64_t hash)
{
    size_t i = hash & (cap - 1);
    while (slots[i].used && !(slots[i].hash == hash && tro_str_eq(slots[i].key, key)))
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int grow(struct tro_map *m)
{
    if (m->cap > SIZE_MAX / 2)
        return TRO_E_NOMEM;
    const size_t cap = m->cap ? m->cap * 2 : 16;
    struct tro_map_slot *const slots = tro_calloc(cap, sizeof(*slots));
    if (!slots)
        return TRO_E_NOMEM;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].used)
            *slot_of(slots, cap, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    tro_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return 0;
}

int tro_map_set(struct tro_map *m, struct tro_str key, uint32_t value)
{
    if (m->n >= m->cap - m->cap / 4 && grow(m) < 0)
        return TRO_E_NOMEM;
    const uint64_t hash = tro_hash64(key.p, key.n, 0);
    struct tro_map_slot *const slot = slot_of(m->slots, m->cap, key, hash);
    if (slot->used) {
        slot->value = value;
        return 0;
    }
    *slot = (struct tro_map_slot){.key = key, .hash = hash, .value = value, .used = true};
    m->n++;
    return 0;
}

bool tro_map_get(const struct tro_map *m, struct tro_str key, uint32_t *value)
{
    if (m->cap == 0)
        return false;
    const struct tro_map_slot *const slot = slot_of(m->slots, m->cap, key,
                                                    tro_hash64(key.p, key.n, 0));
    if (slot->used && value)
        *value = slot->value;
    return slot->used;
}
