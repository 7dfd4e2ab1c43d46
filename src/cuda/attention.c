/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention: on tensor cores where rows are multiples of 16 elements and values are stored in 16
 * bits, else in float. q, k and v are read where they lie, as parts of a product for instance; the
 * result lies as [batch, length, heads, size] where that is how it is used.
 */
#include "cuda/cuda.h"
#include "cuda/kernels/attention_mma.h"
#include "cuda/kernels/attention_simt.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { Q, K, V, MASK, PAST_K, PAST_V };
enum {
    MMA_ROWS = 64, /* as in attention_mma.cu */
    MMA_THREADS = 128,
    MMA_PAD = 8,
    MMA_MOST_HEAD = 128,
    SIMT_ROWS = 16, /* as in attention_simt.cu */
    SIMT_THREADS = 128,
    SIMT_MOST_HEAD = 128,
};

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    struct tro_tensor t[4];
    struct tro_arg in[4], out;
    enum tro_dtype dtype; /* q, k and v are read as */
    int n_in;
    struct tro_attention net;
};

/* ---- what comes in ------------------------------------------------------------------------ */

static tro_value_id operand(const struct tro_lower_node *n, int i)
{
    return (uint32_t)i < n->node->n_in ? n->node->in[i] : TRO_VALUE_NONE;
}

static bool takes_outputs(const struct tro_lower_node *n)
{
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i].i)
            return false;
    return n->n_out > 0 && n->out[0].i;
}

static bool read_tensors(struct plan *q)
{
    for (int i = Q; i <= MASK; i++) {
        const tro_value_id v = operand(q->n, i);
        if (!v.i && i == MASK)
            continue;
        if (!tro_lower_type(q->l, v, &q->t[i]) || tro_tensor_n_elems(&q->t[i]) == 0 ||
            tro_tensor_n_elems(&q->t[i]) >= INT32_MAX)
            return false;
        if (!tro_cuda_is_float(q->t[i].dtype) && !(i == MASK && q->t[i].dtype == TRO_BOOL))
            return false;
        if (i == MASK ? q->t[i].rank > 4 : q->t[i].rank != 4)
            return false;
        q->n_in = i + 1;
    }
    return true;
}

static bool takes(struct plan *q)
{
    const struct tro_attrs_attention *const a = q->n->attrs;
    return q->n->n_epilogue == 0 && !operand(q->n, PAST_K).i && !operand(q->n, PAST_V).i &&
           takes_outputs(q->n) &&
           (a->softmax_type == TRO_DTYPE_NONE || a->softmax_type == TRO_F32) && read_tensors(q) &&
           q->t[Q].shape[0] * q->t[Q].shape[1] < 65536;
}

static bool has_stride_1(const struct tro_arg *a)
{
    return a->shape[a->rank - 1] == 1 || a->stride[a->rank - 1] == 1;
}

static int take_inputs(struct plan *q)
{
    for (int i = Q; i < q->n_in; i++) {
        const tro_value_id v = operand(q->n, i);
        if (i == MASK)
            TRO_TRY(tro_lower_in(q->l, v, TRO_FORM_ANY, &q->in[i]));
        else
            TRO_TRY(tro_lower_in_as(q->l, v, TRO_FORM_ROWS, q->dtype, &q->in[i]));
        if (i != MASK && !has_stride_1(&q->in[i]))
            return 0;
    }
    return 1;
}

/* ---- the result --------------------------------------------------------------------------- */

/* Whether the next thing done with v is to bring [batch, heads, length, size] into the order batch,
 * length, heads, size. */
static bool is_turned(const struct plan *q, tro_value_id v)
{
    const struct tro_graph *const g = tro_lower_graph(q->l);
    for (uint32_t i = 1; i < g->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, (tro_node_id){i});
        if (!n->block.i || n->n_in == 0 || !tro_value_eq(n->in[0], v))
            continue;
        const struct tro_attrs_transpose *const a = n->attrs;
        return n->op == TRO_OP_TRANSPOSE && a->perm.n == 4 && a->perm.v[1] == 2 &&
               a->perm.v[2] == 1;
    }
    return false;
}

static int take_output(struct plan *q)
{
    struct tro_tensor t;
    if (!is_turned(q, q->n->out[0]) || !tro_lower_type(q->l, q->n->out[0], &t))
        return tro_lower_out(q->l, q->n, 0, TRO_FORM_ROWS, false, &q->out);
    struct tro_arg a = {.dtype = tro_lower_stored(q->l, t.dtype), .rank = 4}, memory;
    TRO_TRY(
        tro_lower_temp(q->l, (size_t)tro_tensor_n_elems(&t) * tro_dtype_size(a.dtype), &memory));
    a.buffer = memory.buffer;
    a.offset = memory.offset;
    for (int i = 0; i < 4; i++)
        a.shape[i] = t.shape[i];
    a.stride[3] = 1;
    a.stride[1] = t.shape[3];
    a.stride[2] = t.shape[1] * t.shape[3];
    a.stride[0] = t.shape[2] * a.stride[2];
    q->out = a;
    return tro_lower_view(q->l, q->n, 0, &a);
}

/* ---- what kernels are told ---------------------------------------------------------------- */

static bool is_near(const struct tro_arg *a)
{
    int64_t reach = 0;
    for (int i = 0; i < a->rank; i++)
        reach += (a->shape[i] - 1) * llabs(a->stride[i]);
    return reach < INT32_MAX;
}

static struct tro_attention_place place_of(const struct tro_arg *a)
{
    struct tro_attention_place p;
    for (int i = 0; i < 3; i++)
        p.stride[i] = a->shape[i] == 1 ? 0 : (int32_t)a->stride[i];
    return p;
}

static bool describe(struct plan *q)
{
    const struct tro_attrs_attention *const a = q->n->attrs;
    struct tro_attention *const net = &q->net;
    const struct tro_arg *const mask = &q->in[MASK];
    *net = (struct tro_attention){
        .q = place_of(&q->in[Q]),
        .k = place_of(&q->in[K]),
        .v = place_of(&q->in[V]),
        .out = place_of(&q->out),
        .n_heads = tro_div_make(q->t[Q].shape[1]),
        .n_kv_heads = tro_div_make(q->t[K].shape[1]),
        .n_rows = (uint32_t)q->t[Q].shape[2],
        .n_keys = (uint32_t)q->t[K].shape[2],
        .scale = (float)(a->scale != 0 ? a->scale : 1 / sqrt((double)q->t[Q].shape[3])),
        .softcap = (float)a->softcap,
    };
    for (int i = 0, missing = 4 - mask->rank; q->n_in > MASK && i < 4; i++)
        net->mask_stride[i] = i < missing || mask->shape[i - missing] == 1
                                  ? 0
                                  : (int32_t)mask->stride[i - missing];
    return is_near(&q->in[Q]) && is_near(&q->in[K]) && is_near(&q->in[V]) && is_near(&q->out) &&
           (q->n_in <= MASK || is_near(mask));
}

static const char *mask_kind(const struct plan *q)
{
    return q->n_in <= MASK ? "0" : q->in[MASK].dtype == TRO_BOOL ? "'b'" : "'f'";
}

static const char *make_defines(const struct plan *q, int stages)
{
    const struct tro_attrs_attention *const a = q->n->attrs;
    const bool is_float = q->n_in > MASK && q->in[MASK].dtype != TRO_BOOL;
    return tro_cuda_defines(
        q->l,
        "#define HEAD %d\n#define V_HEAD %d\n#define IN_T %s\n#define OUT_T %s\n"
        "#define IS_BF16 %d\n#define STAGES %d\n#define MASK %s\n#define MASK_T %s\n"
        "#define IS_CAUSAL %d\n#define HAS_SOFTCAP %d\n#define IS_FAST %d\n",
        (int)q->t[Q].shape[3], (int)q->t[V].shape[3], tro_cuda_type(q->dtype),
        tro_cuda_type(q->out.dtype), q->dtype == TRO_BF16, stages, mask_kind(q),
        is_float ? tro_cuda_type(q->in[MASK].dtype) : "float", a->is_causal != 0, a->softcap != 0,
        q->dtype != TRO_F32);
}

/* ---- steps -------------------------------------------------------------------------------- */

static int emit(struct plan *q, const char *name, int n_block_rows, int n_threads, int stages,
                uint32_t shared_bytes)
{
    const int64_t *const k = q->t[K].shape, *const v = q->t[V].shape;
    struct tro_cuda_launch *launch;
    char label[64];
    const struct tro_cuda_source source = {.name = name,
                                           .defines = make_defines(q, stages),
                                           .params = &q->net,
                                           .params_size = sizeof q->net};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "%s %s %d", name, tro_dtype_name(q->dtype), (int)k[3]);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, q->n_in, 1, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    for (int i = 0; i < q->n_in; i++)
        s->in[i] = q->in[i];
    s->out[0] = q->out;
    launch->block[0] = (uint32_t)n_threads;
    launch->grid[0] = (q->net.n_rows + (uint32_t)n_block_rows - 1) / (uint32_t)n_block_rows;
    launch->grid[1] = (uint32_t)(q->t[Q].shape[0] * q->t[Q].shape[1]);
    launch->shared_bytes = shared_bytes;
    s->n_flops = 2.0 * launch->grid[1] * q->net.n_rows * (double)k[2] * (double)(k[3] + v[3]);
    return 1;
}

static int prepare(struct plan *q)
{
    const int rc = take_inputs(q);
    if (rc <= 0)
        return rc;
    TRO_TRY(take_output(q));
    return has_stride_1(&q->out) && describe(q);
}

static int64_t bits_of(const struct tro_arg *a)
{
    return a->offset / 2 | a->stride[0] | a->stride[1] | a->stride[2];
}

/* Rows in pieces of 16 bytes, the result's elements in pairs. */
static bool is_aligned(const struct plan *q)
{
    return ((bits_of(&q->in[Q]) | bits_of(&q->in[K]) | bits_of(&q->in[V])) & 7) == 0 &&
           (q->out.offset / (int64_t)tro_dtype_size(q->out.dtype) & 1) == 0 &&
           ((q->out.stride[0] | q->out.stride[1] | q->out.stride[2]) & 1) == 0;
}

int tro_cuda_emit_attention_mma(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const enum tro_precision precision = tro_lower_precision(l);
    struct plan q = {.l = l, .n = n};
    if ((precision != TRO_PRECISION_FP16 && precision != TRO_PRECISION_BF16) || !takes(&q))
        return 0;
    const int64_t head = q.t[Q].shape[3], v_head = q.t[V].shape[3];
    q.dtype = precision == TRO_PRECISION_FP16 ? TRO_F16 : TRO_BF16;
    if (head % 16 || v_head % 16 || head > MMA_MOST_HEAD || v_head > MMA_MOST_HEAD)
        return 0;
    const int rc = prepare(&q);
    if (rc <= 0 || !is_aligned(&q))
        return rc < 0 ? rc : 0;
    const int stages = q.net.n_keys > MMA_ROWS ? 2 : 1;
    const int64_t per_stage = MMA_ROWS * (head + v_head + 2 * MMA_PAD);
    const int64_t n_shared = MMA_ROWS * (head + MMA_PAD) + stages * per_stage;
    return emit(&q, "attention_mma", MMA_ROWS, MMA_THREADS, stages, (uint32_t)n_shared * 2);
}

int tro_cuda_emit_attention_simt(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct plan q = {.l = l, .n = n};
    if (!takes(&q) || q.t[Q].shape[3] > SIMT_MOST_HEAD || q.t[V].shape[3] > SIMT_MOST_HEAD)
        return 0;
    q.dtype = tro_lower_stored(l, TRO_F32);
    const int rc = prepare(&q);
    return rc <= 0 ? rc : emit(&q, "attention_simt", SIMT_ROWS, SIMT_THREADS, 1, 0);
}
