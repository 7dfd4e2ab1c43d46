/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of heat maps. */
#include "cuda/kernels/peaks.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/boxes.h"

#include <stdio.h>

/* With the list of what was found, within what a block has without asking for more: 48 KB. */
#define SHARED_ELEMENTS 9216

static struct tro_peaks_params params_of(const struct tro_attrs_peaks *a, const struct tro_arg *x)
{
    const struct tro_box_map map = tro_box_map_of(a->x_scale, a->y_scale, a->x_offset, a->y_offset);
    return (struct tro_peaks_params){.w = tro_div_make(x->shape[3]),
                                     .n = (uint32_t)(x->shape[2] * x->shape[3]),
                                     .h = (uint32_t)x->shape[2],
                                     .of_n = (int32_t)x->stride[0],
                                     .of_c = (int32_t)x->stride[1],
                                     .of_y = (int32_t)x->stride[2],
                                     .of_x = (int32_t)x->stride[3],
                                     .n_peaks = (int32_t)a->n_peaks,
                                     .radius = (int32_t)a->radius,
                                     .threshold = (float)a->threshold,
                                     .to = {map.x_scale, map.y_scale, map.x_offset, map.y_offset}};
}

int tro_cuda_emit_peaks(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_peaks *const a = n->attrs;
    struct tro_cuda_launch *launch;
    struct tro_arg x, y;
    struct tro_tensor t;
    char label[64];
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || tro_tensor_n_elems(&t) == 0 ||
        t.shape[2] * t.shape[3] >= INT32_MAX / 2 || t.shape[0] > 65535)
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x));
    if (!tro_cuda_is_near(&x))
        return 0;
    TRO_TRY(tro_lower_out_as(l, n, 0, TRO_FORM_DENSE, true, TRO_F32, &y));
    const struct tro_peaks_params own = params_of(a, &x);
    const int block = own.n > 2048 ? 1024 : 256;
    const bool is_one = a->n_peaks == 1, in_shared = !is_one && own.n <= SHARED_ELEMENTS;
    const struct tro_cuda_source source = {
        .name = "peaks",
        .defines = tro_cuda_defines(l,
                                    "#define IN_T %s\n#define BLOCK %d\n#define IS_ONE %d\n"
                                    "#define IN_SHARED %d\n#define REFINE %d\n",
                                    tro_cuda_type(x.dtype), block, is_one, in_shared,
                                    (int)a->refine),
        .params = &own,
        .params_size = sizeof own};
    if (!source.defines)
        return tro_lower_err(l)->status;
    snprintf(label, sizeof label, "peaks %s %d", tro_dtype_name(x.dtype), block);
    struct tro_step *const s = tro_cuda_step(l, n, label, &source, 1, 1, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = x;
    s->out[0] = y;
    s->n_flops = (double)tro_tensor_n_elems(&t);
    launch->block[0] = (uint32_t)block;
    launch->shared_bytes = in_shared ? own.n * (uint32_t)sizeof(float) : 0;
    launch->grid[0] = (uint32_t)t.shape[1];
    launch->grid[1] = (uint32_t)t.shape[0];
    return 1;
}
