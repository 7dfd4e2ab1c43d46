/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/blend.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/resize.h"

/* Leaves out weights of 0, which may stand before an infinity. */
static int add_axis(struct tro_lowering *l, const struct tro_resize_axis *x, double *n_taps,
                    const struct tro_blend **out)
{
    struct tro_arena *const arena = tro_lower_arena(l);
    const size_t n = (size_t)(x->out * x->n);
    struct tro_blend *const b = TRO_NEW_N(arena, struct tro_blend, (size_t)x->out);
    int64_t *index = TRO_NEW_N(arena, int64_t, n);
    float *weight = TRO_NEW_N(arena, float, n);
    if (!b || !index || !weight)
        return tro_fail_nomem(tro_lower_err(l));
    for (int64_t i = 0; i < x->out; i++) {
        b[i] = (struct tro_blend){.index = index, .weight = weight};
        for (int64_t j = i * x->n; j < (i + 1) * x->n; j++) {
            const float w = x->weight ? (float)x->weight[j] : 1;
            if (w != 0) {
                *index++ = x->index[j];
                *weight++ = w;
                b[i].n++;
            }
        }
        *n_taps += (double)b[i].n / (double)x->out;
    }
    *out = b;
    return 0;
}

static int add_whole(struct tro_lowering *l, const struct tro_blend **out)
{
    double n_taps = 0;
    int64_t zero = 0;
    const struct tro_resize_axis x = {.in = 1, .out = 1, .n = 1, .index = &zero};
    return add_axis(l, &x, &n_taps, out);
}

static bool has_no_gap(const struct tro_blend *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (b[i].n == 0)
            return false;
    return true;
}

/* The call as the reference sees it, but for the contents of x. False: parameters are not known. */
static bool make_call(struct tro_lowering *l, const struct tro_lower_node *n,
                      struct tro_ref_call *c, struct tro_tensor in[8], struct tro_tensor *y,
                      struct tro_ints *sizes)
{
    const struct tro_node *const node = n->node;
    *c = (struct tro_ref_call){.op = TRO_OP_RESIZE,
                               .attrs = n->attrs,
                               .n_in = (int)node->n_in,
                               .n_out = 1,
                               .in = in,
                               .out = y,
                               .scratch = tro_lower_arena(l),
                               .err = tro_lower_err(l)};
    if (!tro_lower_type(l, node->in[0], &in[0]) || !tro_lower_type(l, node->out[0], y))
        return false;
    for (uint32_t i = 1; i < node->n_in && i < 3; i++)
        if (node->in[i].i && !tro_lower_const(l, node->in[i], &in[i]))
            return false;
    if (node->n_in < 4 || !node->in[3].i)
        return true;
    if (!tro_lower_ints(l, node->in[3], sizes))
        return false;
    in[3] = (struct tro_tensor){.dtype = TRO_I64, .rank = 1, .shape = {sizes->n}, .data = sizes->v};
    return true;
}

int tro_resize_axes_find(struct tro_lowering *l, const struct tro_lower_node *n,
                         struct tro_resize_axes *to)
{
    struct tro_tensor in[8] = {0}, y;
    struct tro_ref_call c;
    struct tro_ints sizes;
    struct tro_resize_axis x[TRO_MAX_RANK] = {{0}};
    const struct tro_attrs_resize *const a = n->attrs;
    if (a->coord == tro_coord_mode_tf_crop_and_resize || !make_call(l, n, &c, in, &y, &sizes))
        return 0;
    if (in[0].rank < 3 || in[0].rank > 5 || tro_tensor_n_elems(&y) == 0 ||
        tro_tensor_n_elems(&in[0]) == 0)
        return 0;
    TRO_TRY(tro_resize_axes_init(&c, x));
    if (!x[0].is_whole_copy || !x[1].is_whole_copy)
        return 0;
    to->n_bits = n->node->op == TRO_OP_RESIZE_INT ? tro_resize_axes_make_whole(x, in[0].rank) : 0;
    to->n_taps = 1;
    for (int d = 2; d < in[0].rank; d++) {
        const int axis = TRO_N_SPATIAL - in[0].rank + d;
        double n_taps = 0;
        TRO_TRY(add_axis(l, &x[d], &n_taps, &to->blend[axis]));
        if (!has_no_gap(to->blend[axis], x[d].out))
            return 0;
        to->n_taps *= n_taps;
        to->n_out[axis] = x[d].out;
    }
    for (int axis = 0; axis < TRO_N_SPATIAL - (in[0].rank - 2); axis++) {
        TRO_TRY(add_whole(l, &to->blend[axis]));
        to->n_out[axis] = 1;
    }
    to->n = in[0].shape[0];
    to->c = in[0].shape[1];
    to->rank = in[0].rank;
    to->size = (int64_t)tro_dtype_size(in[0].dtype);
    return 1;
}
