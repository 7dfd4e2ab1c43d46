/* SPDX-License-Identifier: Apache-2.0 */
/* The greatest of many keys: a heap with the least of those that are kept on top. */
#ifndef TRO_CPU_HEAP_H
#define TRO_CPU_HEAP_H

#include <stdint.h>

static inline void tro_heap_sift_down(uint64_t *heap, int64_t n, int64_t at)
{
    const uint64_t key = heap[at];
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n)
            break;
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (key <= heap[child])
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

/* Key number i of a row of them, of which the greatest `room` are kept. */
static inline void tro_heap_add(uint64_t *heap, int64_t room, int64_t i, uint64_t key)
{
    if (i < room) {
        heap[i] = key;
        for (int64_t at = room / 2 - 1; i == room - 1 && at >= 0; at--)
            tro_heap_sift_down(heap, room, at);
    } else if (key > heap[0]) {
        heap[0] = key;
        tro_heap_sift_down(heap, room, 0);
    }
}

/* n keys, a heap or in any order when there were fewer than there is room for: greatest first. */
static inline void tro_heap_sort(uint64_t *heap, int64_t n)
{
    for (int64_t at = n / 2 - 1; at >= 0; at--)
        tro_heap_sift_down(heap, n, at);
    for (int64_t left = n - 1; left > 0; left--) {
        const uint64_t least = heap[0];
        heap[0] = heap[left];
        heap[left] = least;
        tro_heap_sift_down(heap, left, 0);
    }
}

#endif
