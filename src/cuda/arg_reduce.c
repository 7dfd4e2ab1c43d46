/* SPDX-License-Identifier: Apache-2.0 */
/* Indices of the greatest or least elements along an axis. */
#include "cuda/kernels/arg_reduce.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

/* One thread for a line where there are many or they are short. */
static int choose_team(const struct tro_arg *x, int axis, int64_t n_items)
{
    const int64_t n = x->shape[axis];
    if (n <= 8 || (n <= 256 && n_items >= 16384) || (x->stride[axis] != 1 && n_items >= 16384))
        return 1;
    return n <= 512 ? 32 : 256;
}

/* The result's place with the axes of x. */
static struct tro_arg spread(const struct tro_arg *x, const struct tro_arg *y, int axis, bool drops)
{
    struct tro_arg a = *x;
    for (int i = 0; i < x->rank; i++)
        a.stride[i] = i == axis ? 0 : y->stride[i > axis && drops ? i - 1 : i];
    a.shape[axis] = 1;
    return a;
}

int tro_cuda_emit_arg_reduce(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_arg_reduce *const a = n->attrs;
    struct tro_arg_reduce_params o = {0};
    struct tro_cuda_launch *launch;
    struct tro_arg x, y;
    struct tro_tensor t;
    int axes[TRO_MAX_RANK];
    char label[64];
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || t.rank == 0 ||
        !tro_cuda_type(t.dtype) || tro_tensor_n_elems(&t) == 0 ||
        tro_tensor_n_elems(&t) >= INT32_MAX)
        return 0;
    const int axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y));
    const struct tro_arg to = spread(&x, &y, axis, a->drop_dims != 0);
    const uint32_t all = (1U << t.rank) - 1;
    const int n_axes = tro_cuda_axes(&x, all & ~(1U << axis), true, axes);
    if (!tro_cuda_path(&o.from, &x, axes, n_axes) || !tro_cuda_path(&o.to, &to, axes, n_axes))
        return 0;
    o.n = (uint32_t)x.shape[axis];
    o.n_items = (uint32_t)(tro_tensor_n_elems(&t) / o.n);
    o.step = o.n == 1 ? 0 : (int32_t)x.stride[axis];
    const int team = choose_team(&x, axis, o.n_items);
    const struct tro_cuda_source source = {
        .name = "arg_reduce",
        .defines = tro_cuda_defines(l,
                                    "#define TEAM %d\n#define IN_T %s\n#define IS_FLOAT %d\n"
                                    "#define IS_MIN %d\n#define IS_LAST %d\n",
                                    team, tro_cuda_type(x.dtype), tro_cuda_is_float(x.dtype),
                                    a->is_min != 0, a->select_last != 0),
        .params = &o,
        .params_size = sizeof o};
    if (!source.defines)
        return tro_lower_err(l)->status;
    snprintf(label, sizeof label, "arg_reduce %s %d", tro_dtype_name(x.dtype), team);
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, 1, 1, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    s->n_flops = (double)tro_tensor_n_elems(&t);
    launch->block[0] = tro_cuda_team_threads(team);
    launch->grid[0] = tro_cuda_team_blocks(team, o.n_items);
    return 1;
}
