/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and its logarithm along any axis, with what follows. */
#include "cuda/cuda.h"
#include "cuda/kernels/softmax_cols.h"
#include "cuda/kernels/softmax_rows.h"
#include "cuda/line.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

enum { BLOCK = 128 };

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    struct tro_arg x;
    int axis, c; /* softmax over the one, the other is walked along */
};

static const char *options(const struct plan *q)
{
    const struct tro_attrs_softmax *const a = q->n->attrs;
    const enum tro_precision precision = tro_lower_precision(q->l);
    const bool is_fast = precision == TRO_PRECISION_FP16 || precision == TRO_PRECISION_BF16;
    return tro_cuda_defines(q->l, "#define IS_LOG %d\n#define IS_FAST %d\n", a->is_log != 0,
                            is_fast);
}

static int finish(const struct plan *q, struct tro_step *s)
{
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->x;
    s->n_flops += 5 * (double)tro_arg_n_elems(&q->x);
    return 1;
}

static int emit_rows(const struct plan *q)
{
    struct tro_cuda_line k;
    struct tro_cuda_launch *launch;
    struct tro_point *point;
    char label[48];
    if (!tro_cuda_line_init(&k, &q->x, 1U << q->axis, q->axis))
        return 0;
    const int rc = tro_point_compile(q->l, q->n, TRO_F32, k.axes, k.n_axes, TRO_FORM_GUESS, &point);
    if (rc <= 0)
        return rc;
    const struct tro_softmax_rows_params params = {.line = k.line};
    const char *const more = options(q);
    const struct tro_cuda_source source = {
        .name = "softmax_rows",
        .defines = more ? tro_cuda_line_defines(q->l, &k, q->x.dtype, more) : NULL,
        .point = point,
        .params = &params,
        .params_size = sizeof params};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "softmax_rows %s %dx%d", tro_dtype_name(q->x.dtype), k.team,
             k.vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, 0, &launch);
    if (s) {
        launch->block[0] = tro_cuda_team_threads(k.team);
        launch->grid[0] = tro_cuda_team_blocks(k.team, k.line.n_lines);
    }
    return finish(q, s);
}

/* Other axes in their order, then the softmax's, then the one walked along. */
static int walking_axes(const struct plan *q, int axes[TRO_MAX_RANK])
{
    const uint32_t all = (1U << q->x.rank) - 1;
    int n = tro_cuda_axes(&q->x, all & ~(1U << q->axis) & ~(1U << q->c), false, axes);
    axes[n++] = q->axis;
    axes[n++] = q->c;
    return n;
}

static int emit_cols(const struct plan *q)
{
    struct tro_softmax_cols_params o = {0};
    struct tro_cuda_launch *launch;
    struct tro_point *point;
    int axes[TRO_MAX_RANK];
    char label[48];
    const int n_axes = walking_axes(q, axes), vector = tro_cuda_vector(&q->x, q->c);
    if (!tro_cuda_path(&o.kept, &q->x, axes, n_axes - 2))
        return 0;
    const int rc = tro_point_compile(q->l, q->n, TRO_F32, axes, n_axes, TRO_FORM_GUESS, &point);
    if (rc <= 0)
        return rc;
    o.n_vectors = tro_div_make(q->x.shape[q->c] / vector);
    o.n = (uint32_t)q->x.shape[q->axis];
    o.step = (int32_t)q->x.stride[q->axis];
    o.n_threads = (uint32_t)(tro_arg_n_elems(&q->x) / vector / o.n);
    const char *const more = options(q);
    const struct tro_cuda_source source = {
        .name = "softmax_cols",
        .defines = more ? tro_cuda_defines(q->l,
                                           "#define BLOCK %d\n#define VECTOR %d\n"
                                           "#define IN_T %s\n%s",
                                           BLOCK, vector, tro_cuda_type(q->x.dtype), more)
                        : NULL,
        .point = point,
        .params = &o,
        .params_size = sizeof o};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "softmax_cols %s x%d", tro_dtype_name(q->x.dtype), vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, 0, &launch);
    if (s) {
        launch->block[0] = BLOCK;
        launch->grid[0] = (o.n_threads + BLOCK - 1) / BLOCK;
    }
    return finish(q, s);
}

int tro_cuda_emit_softmax(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_softmax *const a = n->attrs;
    struct plan q = {.l = l, .n = n};
    struct tro_tensor t;
    if (!tro_lower_type(l, n->node->in[0], &t) || !tro_cuda_is_float(t.dtype) || t.rank == 0 ||
        tro_tensor_n_elems(&t) == 0 || tro_tensor_n_elems(&t) >= INT32_MAX)
        return 0;
    q.axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x));
    q.c = tro_cuda_inner_axis(&q.x);
    return q.axis == q.c || t.shape[q.axis] == 1 ? emit_rows(&q) : emit_cols(&q);
}
