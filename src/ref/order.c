/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/order.h"

/* A heap of the k items found first so far, the last of them on top. */
static void sift_down(int64_t *heap, int64_t n, int64_t at, tro_before_fn *before, const void *ctx)
{
    const int64_t item = heap[at];
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && before(ctx, heap[child], heap[child + 1]))
            child++;
        if (!before(ctx, item, heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

void tro_order_first(int64_t *out, int64_t k, int64_t n, tro_before_fn *before, const void *ctx)
{
    if (k == 0)
        return;
    for (int64_t i = 0; i < k; i++)
        out[i] = i;
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sift_down(out, k, i, before, ctx);
    for (int64_t i = k; i < n; i++)
        if (before(ctx, i, out[0])) {
            out[0] = i;
            sift_down(out, k, 0, before, ctx);
        }
    for (int64_t left = k - 1; left > 0; left--) {
        const int64_t last = out[0];
        out[0] = out[left];
        out[left] = last;
        sift_down(out, left, 0, before, ctx);
    }
}
