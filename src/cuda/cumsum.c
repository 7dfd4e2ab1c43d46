/* SPDX-License-Identifier: Apache-2.0 */
/* Running sums along an axis. */
#include "cuda/kernels/cumsum.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

enum { N_WARPS = 4 }; /* as in cumsum.cu */

/* The walk over lines, from their last elements where sums run backwards. */
static bool set_path(struct tro_path *path, int32_t *step, struct tro_arg *a, int axis,
                     bool is_reverse)
{
    int axes[TRO_MAX_RANK];
    const uint32_t all = (1U << a->rank) - 1;
    const int n = tro_cuda_axes(a, all & ~(1U << axis), false, axes);
    const bool is_fine = tro_cuda_path(path, a, axes, n);
    if (is_reverse) {
        a->offset += (a->shape[axis] - 1) * a->stride[axis] * (int64_t)tro_dtype_size(a->dtype);
        a->stride[axis] = -a->stride[axis];
    }
    *step = (int32_t)a->stride[axis];
    return is_fine;
}

int tro_cuda_emit_cumsum(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_cumsum *const a = n->attrs;
    struct tro_cumsum_params o = {0};
    struct tro_cuda_launch *launch;
    struct tro_arg x, y;
    struct tro_tensor t;
    struct tro_ints axes;
    char label[64];
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || t.rank == 0 ||
        !(tro_cuda_is_float(t.dtype) || t.dtype == TRO_I32 || t.dtype == TRO_I64) ||
        tro_tensor_n_elems(&t) == 0 || tro_tensor_n_elems(&t) >= INT32_MAX ||
        !tro_lower_ints(l, n->node->in[1], &axes) || axes.n != 1 || axes.v[0] < -t.rank ||
        axes.v[0] >= t.rank)
        return 0;
    const int axis = (int)(axes.v[0] < 0 ? axes.v[0] + t.rank : axes.v[0]);
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y));
    if (!set_path(&o.from, &o.from_step, &x, axis, a->is_reverse != 0) ||
        !set_path(&o.to, &o.to_step, &y, axis, a->is_reverse != 0))
        return 0;
    o.n = (uint32_t)t.shape[axis];
    o.n_lines = (uint32_t)(tro_tensor_n_elems(&t) / t.shape[axis]);
    const struct tro_cuda_source source = {
        .name = "cumsum",
        .defines = tro_cuda_defines(l,
                                    "#define IN_T %s\n#define OUT_T %s\n#define IS_FLOAT %d\n"
                                    "#define IS_EXCLUSIVE %d\n",
                                    tro_cuda_type(x.dtype), tro_cuda_type(y.dtype),
                                    tro_cuda_is_float(x.dtype), a->is_exclusive != 0),
        .params = &o,
        .params_size = sizeof o};
    if (!source.defines)
        return tro_lower_err(l)->status;
    snprintf(label, sizeof label, "cumsum %s", tro_dtype_name(x.dtype));
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, 1, 1, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    launch->block[0] = N_WARPS * 32;
    launch->grid[0] = (o.n_lines + N_WARPS - 1) / N_WARPS;
    return 1;
}
