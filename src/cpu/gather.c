/* SPDX-License-Identifier: Apache-2.0 */
/* Slices by index along an axis: a view where the index is one known number, else copies. */
#include "cpu/cpu.h"
#include "cpu/walk.h"

#include <inttypes.h>
#include <string.h>

#include "base/dtype.h"
#include "base/err.h"
#include "lower/view.h"

/* x [outer, size, inner], indices [n]: [outer, n, inner] */
struct params {
    int64_t outer, size, n, inner_bytes;
};

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const char *const x = tro_arg_ptr(r, &s->in[0]);
    const void *const indices = tro_arg_ptr(r, &s->in[1]);
    char *const y = tro_arg_ptr(r, &s->out[0]);
    const size_t n_bytes = (size_t)p->inner_bytes;
    int64_t begin, end;
    tro_part_range(p->outer * p->n, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const int64_t k = i % p->n, v = tro_load_i64(s->in[1].dtype, indices, k);
        if (v < -p->size || v >= p->size)
            return tro_fail(r->err, TRO_E_INPUT,
                            "index %" PRId64 " (element %" PRId64
                            " of the indices): expected one of an axis of size %" PRId64,
                            v, k, p->size);
        const int64_t at = i / p->n * p->size + (v < 0 ? v + p->size : v);
        memcpy(y + i * p->inner_bytes, x + at * p->inner_bytes, n_bytes);
    }
    return 0;
}

/* One slice, known now: the axis goes. */
static int emit_view(struct tro_lowering *l, const struct tro_lower_node *n, int axis,
                     int64_t index)
{
    struct tro_arg x;
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x) < 0)
        return tro_lower_err(l)->status;
    const int64_t size = x.shape[axis];
    if (index < -size || index >= size)
        return 0;
    tro_view_cut(&x, axis, index < 0 ? index + size : index, 1, 1);
    for (int i = axis; i + 1 < x.rank; i++) {
        x.shape[i] = x.shape[i + 1];
        x.stride[i] = x.stride[i + 1];
    }
    x.rank--;
    return tro_lower_view(l, n, 0, &x) < 0 ? tro_lower_err(l)->status : 1;
}

int tro_cpu_emit_gather(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_axis *const a = n->attrs;
    struct tro_tensor x, indices;
    struct tro_ints known;
    struct tro_arg from, index, to;
    struct params *p;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &x) ||
        !tro_lower_type(l, n->node->in[1], &indices))
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + x.rank : a->axis);
    if (indices.rank == 0 && tro_lower_ints(l, n->node->in[1], &known))
        return emit_view(l, n, axis, known.v[0]);
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_DENSE, &from) < 0 ||
        tro_lower_in(l, n->node->in[1], TRO_FORM_DENSE, &index) < 0 ||
        tro_lower_out(l, n, 0, TRO_FORM_DENSE, true, &to) < 0)
        return tro_lower_err(l)->status;
    if (!tro_arg_is_dense(&to))
        return 0;
    struct tro_step *const s = tro_lower_step(l, n, "gather", run, 2, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = from;
    s->in[1] = index;
    s->out[0] = to;
    p->outer = p->n = 1;
    p->inner_bytes = (int64_t)tro_dtype_size(x.dtype);
    for (int i = 0; i < axis; i++)
        p->outer *= x.shape[i];
    for (int i = axis + 1; i < x.rank; i++)
        p->inner_bytes *= x.shape[i];
    p->size = x.shape[axis];
    p->n = tro_arg_n_elems(&index);
    if (p->inner_bytes == 0)
        p->outer = 0;
    s->n_parts = tro_walk_parts(l, p->outer * p->n, tro_arg_n_elems(&to));
    return 1;
}
