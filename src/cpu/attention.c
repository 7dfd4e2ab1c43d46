/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/attention.h"

#include "base/cpu.h"
#include "base/err.h"

#include <math.h>

enum { Q, K, V, MASK, PAST_K, PAST_V };

/* Rows of a head are cut until there are so many pieces for each thread. */
enum { PIECES = 4 };

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

static bool read_tensors(const struct tro_lowering *l, const struct tro_lower_node *n,
                         struct tro_tensor t[4])
{
    for (int i = Q; i <= MASK; i++) {
        const tro_value_id v = operand(n, i);
        t[i] = (struct tro_tensor){0};
        if (!v.i && i == MASK)
            continue;
        if (!tro_lower_type(l, v, &t[i]) || tro_tensor_n_elems(&t[i]) == 0)
            return false;
        if (t[i].dtype != TRO_F32 && !(i == MASK && t[i].dtype == TRO_BOOL))
            return false;
        if (i == MASK ? t[i].rank > 4 : t[i].rank != 4)
            return false;
    }
    return true;
}

static bool takes(const struct tro_lowering *l, const struct tro_lower_node *n,
                  struct tro_tensor t[4])
{
    const struct tro_attrs_attention *const a = n->attrs;
    return n->n_epilogue == 0 && !operand(n, PAST_K).i && !operand(n, PAST_V).i &&
           takes_outputs(n) && (a->softmax_type == TRO_DTYPE_NONE || a->softmax_type == TRO_F32) &&
           read_tensors(l, n, t);
}

/* ---- what the kernel is told ------------------------------------------------------------ */

static int64_t count_chunks(const struct tro_attention *t, int64_t rows, int n_threads)
{
    const int64_t n_heads = t->batch * t->q_heads, n_blocks = (t->q_length + rows - 1) / rows;
    const int64_t wanted = ((int64_t)n_threads * PIECES + n_heads - 1) / n_heads;
    if (n_threads == 1)
        return 1;
    return wanted < n_blocks ? wanted : n_blocks;
}

static struct tro_attention describe(const struct tro_attrs_attention *a,
                                     const struct tro_tensor t[4])
{
    const int64_t head = t[Q].shape[3];
    return (struct tro_attention){
        .batch = t[Q].shape[0],
        .q_heads = t[Q].shape[1],
        .kv_heads = t[K].shape[1],
        .q_length = t[Q].shape[2],
        .length = t[K].shape[2],
        .head = head,
        .v_head = t[V].shape[3],
        .scale = (float)(a->scale != 0 ? a->scale : 1 / sqrt((double)head)),
        .softcap = (float)a->softcap,
        .is_causal = a->is_causal,
    };
}

/* Strides of a mask of fewer axes, or of axes of size 1, in those of the scores. */
static void set_mask_strides(struct tro_attention *t, const struct tro_arg *mask)
{
    const int missing = 4 - mask->rank;
    for (int i = 0; i < 4; i++)
        t->mask_stride[i] = i < missing || mask->shape[i - missing] == 1
                                ? 0
                                : mask->stride[i - missing];
}

static size_t scratch_bytes(const struct tro_attention *t, const struct tro_attention_level *level)
{
    const int64_t pitch = tro_attention_padded(t->length, level->width);
    const int64_t v_pitch = tro_attention_padded(t->v_head, level->lanes);
    const int64_t n_values = t->v_head % level->lanes ? t->length * v_pitch : 0;
    return (size_t)(pitch * (level->rows + 1 + t->head) + n_values) * sizeof(float);
}

static double flops(const struct tro_attention *t)
{
    return 2 * (double)t->batch * (double)t->q_heads * (double)t->q_length * (double)t->length *
           (double)(t->head + t->v_head);
}

static const struct tro_attention_level *choose_level(uint32_t cpu)
{
#if defined(__x86_64__)
    if (cpu & TRO_CPU_AVX512)
        return &tro_attention__avx512;
    if (cpu & TRO_CPU_AVX2)
        return &tro_attention__avx2;
#endif
    (void)cpu;
    return &tro_attention__generic;
}

int tro_cpu_emit_attention_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attention_level *const level = choose_level(tro_lower_cpu(l));
    struct tro_tensor t[4];
    struct tro_arg in[4], out;
    if (!takes(l, n, t))
        return 0;
    struct tro_attention net = describe(n->attrs, t), *params;
    const int n_in = t[MASK].dtype ? 4 : 3;
    for (int i = 0; i < n_in; i++)
        TRO_TRY(tro_lower_in(l, operand(n, i), TRO_FORM_ROWS, &in[i]));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_ROWS, false, &out));
    net.n_chunks = count_chunks(&net, level->rows, tro_lower_n_threads(l));
    if (n_in == 4)
        set_mask_strides(&net, &in[MASK]);
    struct tro_step *const s = tro_lower_step(l, n, level->name, level->run, n_in, 1, sizeof net,
                                              &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = net;
    for (int i = 0; i < n_in; i++)
        s->in[i] = in[i];
    s->out[0] = out;
    s->n_parts = (int)(net.batch * net.q_heads * net.n_chunks);
    s->scratch_bytes = scratch_bytes(&net, level);
    s->n_flops = flops(&net);
    return 1;
}
