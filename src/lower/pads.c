/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/pads.h"

bool tro_pads_read(const struct tro_lowering *l, const struct tro_lower_node *n, int rank,
                   int64_t *begin, int64_t *end)
{
    struct tro_ints pads, axes = {0};
    if (!tro_lower_ints(l, n->node->in[1], &pads))
        return false;
    if (n->node->n_in > 3 && n->node->in[3].i && !tro_lower_ints(l, n->node->in[3], &axes))
        return false;
    for (int i = 0; i < rank; i++)
        begin[i] = end[i] = 0;
    for (int i = 0; i < pads.n / 2; i++) {
        const int64_t axis = axes.n ? axes.v[i] : i;
        const int at = (int)(axis < 0 ? axis + rank : axis);
        begin[at] = pads.v[i];
        end[at] = pads.v[pads.n / 2 + i];
    }
    return true;
}
