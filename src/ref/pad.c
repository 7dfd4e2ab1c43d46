/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"
#include "ref/pad.h"
#include "ref/rows.h"

#include <inttypes.h>
#include <string.h>

/* For each place of the result along an axis the place in x, or TRO_PAD_OUTSIDE. */
struct axis_map {
    int64_t *from;
    int64_t first, n; /* the run that comes from neighbours in x */
};

/* Place p, counted in what negative pads leave of the axis (n elements), as the mode folds it. */
static int64_t fold(enum tro_pad_mode mode, int64_t p, int64_t n)
{
    const int64_t period = mode == tro_pad_mode_reflect ? 2 * (n - 1) : n;
    if (p >= 0 && p < n)
        return p;
    if (mode == tro_pad_mode_constant)
        return TRO_PAD_OUTSIDE;
    if (mode == tro_pad_mode_edge)
        return p < 0 ? 0 : n - 1;
    if (period == 0)
        return 0;
    const int64_t rest = p % period, place = rest < 0 ? rest + period : rest;
    return place < n ? place : period - place;
}

/* Elements before those that are left, and how many are left. */
static int64_t skipped(int64_t n_in, int64_t begin)
{
    return begin < -n_in ? n_in : begin < 0 ? -begin : 0;
}
static int64_t kept(int64_t n_in, int64_t begin, int64_t end)
{
    return n_in - skipped(n_in, begin) + (end < 0 ? end : 0);
}

bool tro_pad_map(enum tro_pad_mode mode, int64_t n_in, int64_t n_out, int64_t begin, int64_t end,
                 int64_t *from)
{
    const int64_t left = kept(n_in, begin, end), front = begin > 0 ? begin : 0;
    if (left <= 0 && n_out > 0 && mode != tro_pad_mode_constant)
        return false;
    for (int64_t i = 0; i < n_out; i++) {
        const int64_t place = fold(mode, i - front, left);
        from[i] = place == TRO_PAD_OUTSIDE ? TRO_PAD_OUTSIDE : skipped(n_in, begin) + place;
    }
    return true;
}

static int map_axis(struct tro_ref_call *c, enum tro_pad_mode mode, int axis, int64_t begin,
                    int64_t end, struct axis_map *m)
{
    const int64_t n_out = c->out[0].shape[axis], n_in = c->in[0].shape[axis];
    const int64_t left = kept(n_in, begin, end), front = begin > 0 ? begin : 0;
    m->from = TRO_NEW_N(c->scratch, int64_t, (size_t)n_out);
    if (!m->from)
        return tro_fail_nomem(c->err);
    if (!tro_pad_map(mode, n_in, n_out, begin, end, m->from))
        return tro_fail(c->err, TRO_E_INPUT,
                        "axis %d: expected elements to pad with, found none; use mode constant",
                        axis);
    m->first = front < n_out ? front : n_out;
    m->n = n_out - m->first < left ? n_out - m->first : left;
    if (m->n < 0)
        m->n = 0;
    return 0;
}

static void pad_row(const struct axis_map *m, int64_t n, int64_t size, char *dst, const char *src,
                    const char *value)
{
    for (int64_t i = 0; i < n; i++) {
        if (i == m->first && m->n) {
            memcpy(dst + i * size, src + m->from[i] * size, (size_t)(m->n * size));
            i += m->n - 1;
            continue;
        }
        memcpy(dst + i * size, m->from[i] == TRO_PAD_OUTSIDE ? value : src + m->from[i] * size,
               (size_t)size);
    }
}

static void pad_rows(struct tro_ref_call *c, const struct axis_map *maps, const char *value)
{
    const struct tro_tensor *const x = &c->in[0], *const y = &c->out[0];
    const int last = y->rank - 1;
    const int64_t size = (int64_t)tro_dtype_size(x->dtype), n = y->shape[last];
    struct tro_tensor outer = *y;
    outer.rank = last;
    int64_t index[TRO_MAX_RANK] = {0}, strides[TRO_MAX_RANK];
    char *dst = y->data;
    tro_ref_strides(x, strides);
    do {
        int64_t at = 0;
        bool is_outside = false;
        for (int a = 0; a < last; a++) {
            is_outside = is_outside || maps[a].from[index[a]] == TRO_PAD_OUTSIDE;
            at += maps[a].from[index[a]] * strides[a];
        }
        if (is_outside)
            tro_copy_fill(dst, n, (size_t)size, value);
        else
            pad_row(&maps[last], n, size, dst, (const char *)x->data + at * size, value);
        dst += n * size;
    } while (tro_ref_next(&outer, index));
}

int tro_ref_pad(struct tro_ref_call *c)
{
    const struct tro_attrs_pad *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0], *const value = &c->in[2];
    static const char zero[8] = {0};
    int64_t begin[TRO_MAX_RANK] = {0}, end[TRO_MAX_RANK] = {0};
    struct axis_map maps[TRO_MAX_RANK] = {{0}};
    struct tro_ints pads, axes;
    TRO_TRY(tro_ref_ints(c, 1, &pads));
    TRO_TRY(tro_ref_ints(c, 3, &axes));
    const int n_axes = pads.n / 2;
    for (int i = 0; i < n_axes; i++) {
        const int axis = axes.n ? tro_ref_axis(axes.v[i], x->rank) : i;
        begin[axis] = pads.v[i];
        end[axis] = pads.v[n_axes + i];
    }
    if (x->rank == 0)
        return tro_ref_copy(c);
    for (int i = 0; i < x->rank; i++)
        TRO_TRY(map_axis(c, a->mode, i, begin[i], end[i], &maps[i]));
    if (tro_tensor_n_elems(&c->out[0]) > 0)
        pad_rows(c, maps, value->dtype == TRO_DTYPE_NONE ? zero : value->data);
    return 0;
}
