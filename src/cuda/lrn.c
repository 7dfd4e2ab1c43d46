/* SPDX-License-Identifier: Apache-2.0 */
/* Local response normalization over channels. */
#include "cuda/kernels/lrn.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

enum { BLOCK = 256 }; /* as in lrn.cu */

/* The walks go along x as it lies. */
static bool set_paths(struct tro_lrn_params *o, const struct tro_arg *x, const struct tro_arg *y)
{
    struct tro_arg channel = *x;
    int axes[TRO_MAX_RANK];
    const int n = tro_cuda_axes(x, (1U << x->rank) - 1, true, axes);
    for (int i = 0; i < x->rank; i++)
        channel.stride[i] = i == 1;
    return tro_cuda_path(&o->from, x, axes, n) && tro_cuda_path(&o->to, y, axes, n) &&
           tro_cuda_path(&o->channel, &channel, axes, n);
}

int tro_cuda_emit_lrn(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_lrn *const a = n->attrs;
    struct tro_cuda_launch *launch;
    struct tro_arg x, y;
    struct tro_tensor t;
    char label[48];
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || !tro_cuda_is_float(t.dtype) ||
        t.rank < 2 || tro_tensor_n_elems(&t) == 0 || tro_tensor_n_elems(&t) >= INT32_MAX)
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_GUESS, false, &y));
    struct tro_lrn_params o = {.n = (uint32_t)tro_tensor_n_elems(&t),
                               .n_channels = (int32_t)t.shape[1],
                               .step = (int32_t)x.stride[1],
                               .before = (int32_t)((a->size - 1) / 2),
                               .after = (int32_t)(a->size - 1 - (a->size - 1) / 2),
                               .bias = (float)a->bias,
                               .alpha = (float)(a->alpha / (double)a->size),
                               .beta = (float)a->beta};
    if (!set_paths(&o, &x, &y))
        return 0;
    const struct tro_cuda_source source = {
        .name = "lrn",
        .defines = tro_cuda_defines(l, "#define IN_T %s\n#define OUT_T %s\n",
                                    tro_cuda_type(x.dtype), tro_cuda_type(y.dtype)),
        .params = &o,
        .params_size = sizeof o};
    if (!source.defines)
        return tro_lower_err(l)->status;
    snprintf(label, sizeof label, "lrn %s", tro_dtype_name(x.dtype));
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, 1, 1, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    s->n_flops = 2.0 * (double)(a->size + 10) * (double)tro_tensor_n_elems(&t);
    launch->block[0] = BLOCK;
    launch->grid[0] = (o.n + BLOCK - 1) / BLOCK;
    return 1;
}
