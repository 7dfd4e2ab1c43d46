/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a profile: what each step of a program is. */
#include <string.h>

#include "base/cpu.h"
#include "base/dtype.h"
#include "base/err.h"
#include "profile.h"
#include "run/session.h"
#include "step_text.h"

static enum tro_profile_group group_of_op(enum tro_op op)
{
    switch (op) {
    case TRO_OP_CONV:
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_CONV_TRANSPOSE_INT:
    case TRO_OP_CONV_INT:
    case TRO_OP_DEFORM_CONV:
        return TRO_PROFILE_CONV;
    case TRO_OP_MATMUL:
    case TRO_OP_MATMUL_INT:
    case TRO_OP_EINSUM:
    case TRO_OP_ATTENTION:
    case TRO_OP_RECURRENT:
        return TRO_PROFILE_MATMUL;
    case TRO_OP_POOL:
        return TRO_PROFILE_REDUCE;
    default:
        break;
    }
    const enum tro_op_kind kind = tro_op_info(op)->kind;
    return kind == TRO_KIND_POINTWISE ? TRO_PROFILE_POINTWISE
           : kind == TRO_KIND_REDUCE  ? TRO_PROFILE_REDUCE
           : kind == TRO_KIND_MOVE    ? TRO_PROFILE_MOVE
                                      : TRO_PROFILE_OTHER;
}

/* Of a fused node, what its first node is: the anchor, where there is one. */
static enum tro_profile_group group_of(const struct tro_graph *g, const struct tro_step *s)
{
    if (s->kernel && strncmp(s->kernel, "reference", 9) == 0)
        return TRO_PROFILE_REFERENCE;
    if (s->kernel && strncmp(s->kernel, "copy", 4) == 0)
        return TRO_PROFILE_MOVE;
    if (!s->node.i)
        return s->kind == TRO_STEP_KERNEL ? TRO_PROFILE_MOVE : TRO_PROFILE_OTHER;
    const struct tro_node *n = tro_node_get(g, s->node);
    if (n->op != TRO_OP_FUSED)
        return group_of_op(n->op);
    const struct tro_block *b = tro_block_get(g, n->blocks[0]);
    return b->n_nodes ? group_of_op(tro_node_get(g, b->nodes[0])->op) : TRO_PROFILE_OTHER;
}

static const char *copy_text(struct tro_profile *p, struct tro_buf *text)
{
    const char *copy = text->failed ? NULL
                                    : tro_arena_strndup(&p->arena, (const char *)text->p, text->n);
    tro_buf_finish(text);
    return copy;
}

/* Elements that repeat are read once. */
static double bytes_of(const struct tro_arg *a)
{
    double n = (double)tro_dtype_size(a->dtype);
    for (int i = 0; i < a->rank; i++)
        n *= a->shape[i] > 1 && a->stride[i] == 0 ? 1 : (double)a->shape[i];
    return n;
}

/* 8-bit products: four times as many operations in an instruction where the machine has it. */
static double peak_of(const struct tro_profile *p, const struct tro_step *s)
{
    const uint32_t dot = TRO_CPU_AVXVNNI | TRO_CPU_AVX512VNNI | TRO_CPU_NEONDOT;
    const bool is_int8 = s->n_in && tro_dtype_size(s->in[0].dtype) == 1;
    const bool is_half = s->n_in && tro_dtype_size(s->in[0].dtype) == 2;
    if (p->tensor_gflops > 0)
        return is_int8 ? 2 * p->tensor_gflops : is_half ? p->tensor_gflops : p->peak.gflops;
    return is_int8 && (tro_cpu_flags() & dot) ? 4 * p->peak.gflops : p->peak.gflops;
}

static const char *name_of(const struct tro_graph *g, const struct tro_step *s)
{
    if (s->name && s->name[0])
        return s->name;
    const struct tro_node *n = s->node.i ? tro_node_get(g, s->node) : NULL;
    return n && n->n_out && n->out[0].i ? tro_value_get(g, n->out[0])->name : "";
}

static int describe_row(struct tro_profile *p, const struct tro_program *program,
                        const struct tro_step *s, struct tro_profile_row *row, struct tro_err *err)
{
    struct tro_buf op = {0}, shapes = {0};
    if (s->node.i)
        tro_step_print_ops(program->graph, s->node, &op);
    else
        tro_buf_str(&op, s->kind == TRO_STEP_KERNEL ? "copy" : "control");
    tro_step_print_shapes(program, s, &shapes);
    *row = (struct tro_profile_row){
        .name = tro_arena_strdup(&p->arena, name_of(program->graph, s)),
        .op = copy_text(p, &op),
        .kernel = tro_arena_strdup(&p->arena, s->kernel ? s->kernel : ""),
        .shapes = copy_text(p, &shapes),
        .group = group_of(program->graph, s),
        .n_flops = s->n_flops,
        .peak_gflops = peak_of(p, s),
    };
    for (int i = 0; i < s->n_in; i++)
        row->n_bytes += bytes_of(&s->in[i]);
    for (int i = 0; i < s->n_out; i++)
        row->n_bytes += bytes_of(&s->out[i]);
    return row->name && row->op && row->kernel && row->shapes ? 0 : tro_fail_nomem(err);
}

int tro_profile_describe(struct tro_profile *p, struct tro_session *s, struct tro_err *err)
{
    const struct tro_program *program = tro_session_program(s, err);
    if (!program)
        return err->status;
    p->n_rows = program->n_steps;
    p->n_threads = tro_session_n_threads(s);
    p->rows = TRO_NEW_N(&p->arena, struct tro_profile_row, (size_t)p->n_rows + 1);
    if (!p->rows)
        return tro_fail_nomem(err);
    for (int i = 0; i < p->n_rows; i++)
        TRO_TRY(describe_row(p, program, &program->steps[i], &p->rows[i], err));
    return 0;
}
