/* SPDX-License-Identifier: Apache-2.0 */
#include "step_text.h"

#define OPS_SHOWN 6
#define INPUTS_SHOWN 3

void tro_step_print_ops(const struct tro_graph *g, tro_node_id id, struct tro_buf *out)
{
    const struct tro_node *n = tro_node_get(g, id);
    if (n->op != TRO_OP_FUSED) {
        tro_buf_str(out, tro_op_info(n->op)->text);
        return;
    }
    const struct tro_block *b = tro_block_get(g, n->blocks[0]);
    for (size_t i = 0; i < b->n_nodes && i < OPS_SHOWN; i++)
        tro_buf_printf(out, "%s%s", i ? " + " : "",
                       tro_op_info(tro_node_get(g, b->nodes[i])->op)->text);
    if (b->n_nodes > OPS_SHOWN)
        tro_buf_printf(out, " + %zu more", b->n_nodes - OPS_SHOWN);
}

static void print_shape(const struct tro_arg *a, struct tro_buf *out)
{
    if (a->dtype != TRO_F32)
        tro_buf_printf(out, "%s:", tro_dtype_name(a->dtype));
    for (int i = 0; i < a->rank; i++)
        tro_buf_printf(out, "%s%lld", i ? "x" : "", (long long)a->shape[i]);
    if (!a->rank)
        tro_buf_str(out, "scalar");
}

/* Packed weights are bytes without a shape. */
static bool is_packed(const struct tro_program *p, const struct tro_arg *a)
{
    return p->buffers[a->buffer].kind == TRO_BUFFER_CONST && a->dtype == TRO_U8 && a->rank == 1;
}

void tro_step_print_shapes(const struct tro_program *p, const struct tro_step *s,
                           struct tro_buf *out)
{
    int n_shown = 0;
    for (int i = 0; i < s->n_in && n_shown < INPUTS_SHOWN; i++) {
        if (is_packed(p, &s->in[i]))
            continue;
        tro_buf_str(out, n_shown++ ? " " : "");
        print_shape(&s->in[i], out);
    }
    if (s->n_out) {
        tro_buf_str(out, n_shown ? " -> " : "-> ");
        print_shape(&s->out[0], out);
    }
}
