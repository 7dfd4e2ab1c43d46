/* SPDX-License-Identifier: Apache-2.0 */
/* The greatest and least elements of lines. NaN is greater than every number in topk; in arg_reduce
 * it is the greatest and the least, so that it is always found. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/order.h"
#include "ref/rows.h"

#include <string.h>

/* ---- one ------------------------------------------------------------------------------- */

/* Turns keys around so that the least becomes the greatest; NaN, which INT64_MAX stands for, stays
 * where it is. */
static void reverse_keys(int64_t *keys, int64_t n, bool is_float)
{
    for (int64_t i = 0; i < n; i++)
        if (!is_float || keys[i] != INT64_MAX)
            keys[i] = ~keys[i];
}

static int64_t find_greatest(const int64_t *keys, int64_t n, int64_t step, bool is_last)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        const int64_t now = keys[i * step], so_far = keys[best * step];
        if (now > so_far || (is_last && now == so_far))
            best = i;
    }
    return best;
}

int tro_ref_arg_reduce(struct tro_ref_call *c)
{
    const struct tro_attrs_arg_reduce *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0];
    int64_t *const out = c->out[0].data;
    struct tro_lines l;
    tro_lines_begin(&l, x, tro_ref_axis(a->axis, x->rank));
    int64_t *const keys = TRO_NEW_N(c->scratch, int64_t, (size_t)(l.n * l.max_width));
    if (!keys)
        return tro_fail_nomem(c->err);
    while (tro_lines_next(&l)) {
        tro_lines_load_keys(&l, x, keys);
        if (a->is_min)
            reverse_keys(keys, l.n * l.width, tro_dtype_is_float(x->dtype));
        for (int64_t j = 0; j < l.width; j++)
            out[l.line + j] = find_greatest(keys + j, l.n, l.width, a->select_last != 0);
    }
    return 0;
}

/* ---- several --------------------------------------------------------------------------- */

struct line {
    const int64_t *keys;
    int64_t step;
    bool is_smallest;
};

static bool is_before(const void *ctx, int64_t a, int64_t b)
{
    const struct line *const line = ctx;
    const int64_t x = line->keys[a * line->step], y = line->keys[b * line->step];
    if (x == y)
        return a < b;
    return line->is_smallest ? x < y : x > y;
}

/* Writes values and indices of one line: elements from x_first and y_first, l->stride apart. */
static void write_line(struct tro_ref_call *c, const struct tro_lines *l, int64_t x_first,
                       int64_t y_first, const int64_t *found, int64_t k)
{
    const struct tro_tensor *const x = &c->in[0];
    const size_t size = tro_dtype_size(x->dtype);
    char *const values = c->out[0].data;
    int64_t *const indices = c->n_out > 1 ? c->out[1].data : NULL;
    for (int64_t i = 0; i < k; i++) {
        const int64_t to = y_first + i * l->stride, from = x_first + found[i] * l->stride;
        if (values)
            memcpy(values + to * (int64_t)size, (const char *)x->data + from * (int64_t)size, size);
        if (indices)
            indices[to] = found[i];
    }
}

int tro_ref_topk(struct tro_ref_call *c)
{
    const struct tro_attrs_topk *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0];
    const int axis = tro_ref_axis(a->axis, x->rank);
    const int64_t k = c->out[0].shape[axis];
    struct tro_lines l;
    tro_lines_begin(&l, x, axis);
    int64_t *const keys = TRO_NEW_N(c->scratch, int64_t, (size_t)(l.n * l.max_width));
    int64_t *const found = TRO_NEW_N(c->scratch, int64_t, (size_t)k);
    if (!keys || !found)
        return tro_fail_nomem(c->err);
    while (tro_lines_next(&l)) {
        tro_lines_load_keys(&l, x, keys);
        for (int64_t j = 0; j < l.width; j++) {
            const struct line line = {keys + j, l.width, a->is_smallest != 0};
            const int64_t outer = (l.line + j) / l.stride, inner = (l.line + j) % l.stride;
            tro_order_first(found, k, l.n, is_before, &line);
            write_line(c, &l, l.first + j, outer * k * l.stride + inner, found, k);
        }
    }
    return 0;
}
