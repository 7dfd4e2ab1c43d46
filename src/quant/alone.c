/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/alone.h"

#include <math.h>

#include "base/err.h"

/* i8 is u8 moved up: one graph serves all forms. */
#define I8_ZERO 128

static int add_node(struct tro_graph *g, enum tro_op op, const void *attrs, const tro_value_id *in,
                    uint32_t n_in, tro_value_id *out, struct tro_err *err)
{
    const struct tro_node_spec spec = {
        .op = op, .attrs = attrs, .in = in, .n_in = n_in, .n_out = 1};
    return tro_graph_add_node(g, TRO_MAIN_BLOCK, &spec, out, err);
}

/* D(Q(x)) in the place of x */
static int add_quantize(struct tro_graph *g, tro_value_id *x, struct tro_err *err)
{
    const struct tro_shape one = {.rank = 0};
    const struct tro_attrs_cast to = {.to = TRO_U8};
    tro_value_id in[3] = {*x};
    TRO_TRY(tro_graph_add_input(g, TRO_MAIN_BLOCK, "scale", TRO_F32, &one, &in[1], err));
    TRO_TRY(tro_graph_add_input(g, TRO_MAIN_BLOCK, "zero", TRO_U8, &one, &in[2], err));
    TRO_TRY(add_node(g, TRO_OP_QUANTIZE, &to, in, 3, x, err));
    in[0] = *x;
    return add_node(g, TRO_OP_DEQUANTIZE, NULL, in, 3, x, err);
}

static int fill(const struct tro_quant_alone *a, const struct tro_graph *from,
                const struct tro_node *n, const struct tro_tensor *x,
                const struct tro_tensor *weights, struct tro_graph *g, struct tro_err *err)
{
    struct tro_shape shape = {.rank = x->rank};
    tro_value_id args[3] = {{0}}, y;
    uint32_t n_args = 2;
    for (int i = 0; i < x->rank; i++)
        shape.dim[i] = tro_dim_const(x->shape[i]);
    TRO_TRY(tro_graph_add_input(g, TRO_MAIN_BLOCK, "x", TRO_F32, &shape, &args[0], err));
    if (a->is_quantized)
        TRO_TRY(add_quantize(g, &args[0], err));
    TRO_TRY(tro_graph_add_const_copy(g, "w", weights, &args[1], err));
    if (n->n_in > 2 && tro_is_const(from, n->in[2])) {
        const struct tro_tensor bias = tro_const_tensor(from, n->in[2]);
        TRO_TRY(tro_graph_add_const_copy(g, "bias", &bias, &args[n_args++], err));
    }
    TRO_TRY(add_node(g, n->op, n->attrs, args, n_args, &y, err));
    return tro_block_add_output(g, TRO_MAIN_BLOCK, y, err);
}

int tro_quant_alone_init(struct tro_quant_alone *a, const struct tro_graph *from, tro_node_id layer,
                         const struct tro_tensor *x, const struct tro_tensor *weights,
                         bool is_quantized, struct tro_err *err)
{
    *a = (struct tro_quant_alone){.is_quantized = is_quantized};
    struct tro_graph *const g = tro_graph_create("layer", err);
    if (!g)
        return err->status;
    int rc = fill(a, from, tro_node_get(from, layer), x, weights, g, err);
    if (rc >= 0)
        rc = tro_quant_engine_init(&a->engine, g, err);
    tro_graph_destroy(g);
    return rc;
}

void tro_quant_alone_finish(struct tro_quant_alone *a)
{
    tro_quant_engine_finish(&a->engine);
}

int tro_quant_alone_run(struct tro_quant_alone *a, const struct tro_tensor *x,
                        const struct tro_quant_form *form, struct tro_tensor *y,
                        struct tro_err *err)
{
    float scale = form ? form->scale : 1;
    uint8_t zero = form ? (uint8_t)(form->dtype == TRO_I8 ? I8_ZERO : form->zero) : 0;
    const struct tro_tensor in[3] = {
        *x, {.dtype = TRO_F32, .data = &scale}, {.dtype = TRO_U8, .data = &zero}};
    TRO_TRY(tro_quant_engine_run(&a->engine, in, err));
    return tro_quant_engine_output(&a->engine, 0, y, err);
}

/* ---- how far it is off ---------------------------------------------------------------------- */

void tro_quant_offs_add(struct tro_quant_offs *o, const struct tro_tensor *y,
                        const struct tro_tensor *found, int axis)
{
    const float *a = y->data, *b = found->data;
    int64_t n_outer = 1, n_inner = 1;
    for (int i = 0; i < axis; i++)
        n_outer *= y->shape[i];
    for (int i = axis + 1; i < y->rank; i++)
        n_inner *= y->shape[i];
    for (int64_t k = 0; k < n_outer; k++)
        for (int c = 0; c < o->n_channels; c++) {
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < n_inner; i++) {
                const double off = (double)*a++ - (double)*b++;
                sum += off;
                squares += off * off;
            }
            o->sums[c] += sum;
            o->squares += squares;
        }
    o->n += n_outer * n_inner;
}

double tro_quant_offs_left(const struct tro_quant_offs *o)
{
    double left = o->squares;
    for (int c = 0; c < o->n_channels && o->n > 0; c++)
        left -= o->sums[c] * o->sums[c] / (double)o->n;
    return fmax(left, 0);
}
