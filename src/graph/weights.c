/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/weights.h"

#include "base/alloc.h"

#include <string.h>

void tro_weights_finish(struct tro_weights *w)
{
    tro_free(w->items);
    tro_map_finish(&w->known);
    *w = (struct tro_weights){0};
}

int tro_weights_add(struct tro_weights *w, const void *data, size_t n_bytes, size_t *offset)
{
    const struct tro_str key = {data, n_bytes};
    uint32_t known;
    if (tro_map_get(&w->known, key, &known)) {
        *offset = w->items[known].offset;
        return 0;
    }
    if (w->n_bytes > SIZE_MAX - TRO_WEIGHTS_ALIGN)
        return TRO_E_NOMEM;
    const size_t begin = (w->n_bytes + TRO_WEIGHTS_ALIGN - 1) / TRO_WEIGHTS_ALIGN *
                         TRO_WEIGHTS_ALIGN;
    if (n_bytes > SIZE_MAX - begin || TRO_GROW(&w->items, w->n, &w->cap) < 0 ||
        tro_map_set(&w->known, key, (uint32_t)w->n) < 0)
        return TRO_E_NOMEM;
    w->items[w->n++] = (struct tro_weight){data, n_bytes, begin};
    w->n_bytes = begin + n_bytes;
    *offset = begin;
    return 0;
}

void tro_weights_copy(const struct tro_weights *w, void *block)
{
    size_t at = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct tro_weight *const item = &w->items[i];
        memset((char *)block + at, 0, item->offset - at);
        memcpy((char *)block + item->offset, item->data, item->n_bytes);
        at = item->offset + item->n_bytes;
    }
}
