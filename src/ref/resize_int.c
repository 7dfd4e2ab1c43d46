/* SPDX-License-Identifier: Apache-2.0 */
/* resize_int: sums of whole numbers, exact in any order. */
#include "ref/kernels.h"
#include "ref/parts.h"
#include "ref/resize.h"

#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

struct resize {
    const struct tro_tensor *x, *y;
    struct tro_resize_axis axis[TRO_MAX_RANK];
    int n_bits;
};

/* The result at these coordinates along axis d and those behind it; `from` counts places along the
 * axes before it. */
static int64_t sum_of(const struct resize *r, int d, int64_t from, const int64_t *at)
{
    if (d == r->x->rank)
        return tro_load_i64(r->x->dtype, r->x->data, from);
    const struct tro_resize_axis *const axis = &r->axis[d];
    int64_t sum = 0;
    for (int64_t j = at[d] * axis->n; j < (at[d] + 1) * axis->n; j++)
        if (axis->weight[j] != 0)
            sum += (int64_t)axis->weight[j] *
                   sum_of(r, d + 1, from * axis->in + axis->index[j], at);
    return sum;
}

static void resize_row(void *ctx, int64_t row, void *memory)
{
    const struct resize *const r = ctx;
    const int last = r->x->rank - 1;
    const int64_t n = r->axis[last].out;
    int64_t at[TRO_MAX_RANK] = {0}, left = row;
    (void)memory;
    for (int d = last - 1; d >= 0; d--) {
        at[d] = left % r->axis[d].out;
        left /= r->axis[d].out;
    }
    for (; at[last] < n; at[last]++)
        tro_store_i64(r->y->dtype, r->y->data, row * n + at[last],
                      tro_resize_rounded(sum_of(r, 0, 0, at), r->n_bits));
}

int tro_ref_resize_int(struct tro_ref_call *c)
{
    struct resize r = {.x = &c->in[0], .y = &c->out[0]};
    const int64_t n = tro_tensor_n_elems(r.y);
    if (n == 0)
        return 0;
    if (r.x->rank == 0) {
        memcpy(r.y->data, r.x->data, 1);
        return 0;
    }
    TRO_TRY(tro_resize_axes_init(c, r.axis));
    r.n_bits = tro_resize_axes_make_whole(r.axis, r.x->rank);
    return tro_ref_parts(n / r.axis[r.x->rank - 1].out, 16 * (double)n, 0, resize_row, &r, c->err);
}
