/* SPDX-License-Identifier: Apache-2.0 */
/* The k greatest or least elements of lines: pieces are sorted, the first of each go on to the next
 * step, until one piece is left. */
#include "cuda/kernels/topk.h"
#include "cuda/cuda.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

enum {
    BLOCK = 512, /* as in topk.cu */
    MOST_PIECE = 4096,
    MOST_KEPT = MOST_PIECE / 2, /* of a line of several pieces */
};

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    struct tro_arg x, out[2], keys; /* keys: those left by the step before */
    bool has[2], has_keys, is_smallest;
    int axis, n_out;
    int64_t n_lines, k;
    struct tro_topk_params own;
};

static int64_t piece_of(int64_t n)
{
    int64_t piece = 64;
    while (piece < n && piece < MOST_PIECE)
        piece *= 2;
    return piece;
}

/* A step that keeps the first ones of each piece, or the last one, which writes the results. */
static int emit_step(struct plan *q, bool is_last)
{
    struct tro_cuda_launch *launch;
    struct tro_arg keys = {0};
    char label[64];
    const int64_t piece = piece_of(q->own.n), n_pieces = (q->own.n + piece - 1) / piece;
    const int n_in = q->has_keys ? 2 : 1;
    q->own.n_kept = (uint32_t)q->k;
    if (!is_last)
        TRO_TRY(
            tro_lower_temp(q->l, (size_t)(q->n_lines * n_pieces * q->k) * sizeof(uint64_t), &keys));
    const struct tro_cuda_source source = {
        .name = "topk",
        .defines = tro_cuda_defines(
            q->l,
            "#define PIECE %d\n#define IN_T %s\n#define OUT_T %s\n#define IS_FLOAT %d\n"
            "#define IS_SMALLEST %d\n#define FROM_KEYS %d\n#define TO_KEYS %d\n"
            "#define HAS_VALUES %d\n#define HAS_INDICES %d\n",
            (int)piece, tro_cuda_type(q->x.dtype),
            tro_cuda_type(q->has[0] ? q->out[0].dtype : q->x.dtype), tro_cuda_is_float(q->x.dtype),
            q->is_smallest, q->has_keys, !is_last, q->has[0], q->has[1]),
        .params = &q->own,
        .params_size = sizeof q->own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "topk %s %d", tro_dtype_name(q->x.dtype), (int)piece);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, n_in,
                                             is_last ? q->n_out : 1, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->x;
    if (q->has_keys)
        s->in[1] = q->keys;
    for (int i = 0; is_last && i < q->n_out; i++)
        s->out[i] = q->out[i];
    if (!is_last)
        s->out[0] = keys;
    launch->block[0] = BLOCK;
    launch->grid[0] = (uint32_t)n_pieces;
    launch->grid[1] = (uint32_t)q->n_lines;
    q->keys = keys;
    q->has_keys = true;
    q->own.n = (uint32_t)(n_pieces * q->k);
    return 1;
}

static bool set_paths(struct plan *q)
{
    int axes[TRO_MAX_RANK];
    const uint32_t all = (1U << q->x.rank) - 1;
    const int n = tro_cuda_axes(&q->x, all & ~(1U << q->axis), false, axes);
    const struct tro_arg *const values = &q->out[0], *const indices = &q->out[q->n_out - 1];
    q->own.n = (uint32_t)q->x.shape[q->axis];
    q->own.x_step = (int32_t)q->x.stride[q->axis];
    q->own.value_step = (int32_t)values->stride[q->axis];
    q->own.index_step = (int32_t)indices->stride[q->axis];
    return tro_cuda_path(&q->own.x, &q->x, axes, n) &&
           tro_cuda_path(&q->own.values, values, axes, n) &&
           tro_cuda_path(&q->own.indices, indices, axes, n);
}

int tro_cuda_emit_topk(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_topk *const a = n->attrs;
    struct plan q = {.l = l,
                     .n = n,
                     .has = {n->out[0].i != 0, n->n_out > 1 && n->out[1].i != 0},
                     .is_smallest = a->is_smallest != 0};
    struct tro_tensor t, y;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || t.rank == 0 ||
        !(tro_cuda_is_float(t.dtype) || t.dtype == TRO_I32) || tro_tensor_n_elems(&t) == 0 ||
        tro_tensor_n_elems(&t) >= INT32_MAX || !tro_lower_type(l, n->out[q.has[0] ? 0 : 1], &y))
        return 0;
    q.axis = (int)(a->axis < 0 ? a->axis + t.rank : a->axis);
    q.k = y.shape[q.axis];
    q.n_lines = tro_tensor_n_elems(&t) / t.shape[q.axis];
    if (q.k == 0 || q.n_lines > 65535 || (t.shape[q.axis] > MOST_PIECE && q.k > MOST_KEPT))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x));
    for (int i = 0; i < 2; i++)
        if (q.has[i])
            TRO_TRY(tro_lower_out(l, n, i, TRO_FORM_DENSE, false, &q.out[q.n_out++]));
    if (!set_paths(&q))
        return 0;
    while (q.own.n > MOST_PIECE)
        TRO_TRY(emit_step(&q, false));
    return emit_step(&q, true);
}
