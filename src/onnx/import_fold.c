/* SPDX-License-Identifier: Apache-2.0 */
/* Results of constants computed while importing, as far as that costs little: shape arithmetic, not
 * weights. What a small file may make us compute and keep is bounded before anything is done. */
#include "onnx/import_state.h"

#include <math.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "ref/ref.h"

#define MAX_OPERANDS 16
#define MAX_ELEMS 4096
#define MAX_WORK 1e6
/* Results and work so small that a node of the file pays for them. */
#define FREE_ELEMS 64

/* ---- what is known --------------------------------------------------------------------- */

/* Number of elements of a value whose contents are known as sizes; negative when they are not. */
static int64_t n_known_elems(const struct tro_value *v)
{
    int64_t n = 1;
    if (!v->elems)
        return -1;
    for (int i = 0; i < v->shape.rank; i++)
        n *= tro_dim_value(v->shape.dim[i]);
    for (int64_t i = 0; i < n; i++)
        if (!tro_dim_is_const(v->elems[i]))
            return -1;
    return n;
}

bool tro_import_known(struct tro_graph *g, tro_value_id id, struct tro_tensor *t)
{
    if (tro_is_const(g, id)) {
        *t = tro_const_tensor(g, id);
        return true;
    }
    const struct tro_value *v = tro_value_get(g, id);
    const int64_t n = n_known_elems(v);
    if (n < 0)
        return false;
    *t = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
    for (int i = 0; i < t->rank; i++)
        t->shape[i] = tro_dim_value(v->shape.dim[i]);
    t->data = tro_arena_alloc(&g->arena, (size_t)n, tro_dtype_size(v->dtype));
    if (!t->data)
        return false;
    for (int64_t i = 0; i < n; i++)
        tro_store_i64(v->dtype, t->data, i, tro_dim_value(v->elems[i]));
    return true;
}

/* ---- what it would cost ---------------------------------------------------------------- */

/* An axis of size 0 counts as 1: kernels may look at each place of the other ones. */
static double n_elems(const struct tro_tensor *t)
{
    double n = t->dtype ? 1 : 0;
    for (int i = 0; i < t->rank; i++)
        n *= t->shape[i] > 0 ? (double)t->shape[i] : 1;
    return n;
}

/* Elements of t for each step along its first axis. */
static double n_row(const struct tro_tensor *t)
{
    return t->rank > 0 && t->shape[0] > 0 ? n_elems(t) / (double)t->shape[0] : 0;
}

static double n_window(const struct tro_attrs_pool *a)
{
    double n = 1;
    for (int i = 0; i < a->kernel.n; i++)
        n *= (double)a->kernel.v[i];
    return n;
}

double tro_import_work(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                       int n_out, const struct tro_tensor *out)
{
    const enum tro_op_kind kind = tro_op_info(op)->kind;
    double n = 1, product = 1;
    for (int i = 0; i < n_in; i++) {
        n += n_elems(&in[i]);
        product *= n_elems(&in[i]) > 1 ? n_elems(&in[i]) : 1;
    }
    for (int i = 0; i < n_out; i++)
        n += n_elems(&out[i]);
    switch (op) {
    case TRO_OP_MATMUL:
    case TRO_OP_MATMUL_INT:
        return n + n_elems(&out[0]) * (in[0].rank > 0 ? (double)in[0].shape[in[0].rank - 1] : 0);
    case TRO_OP_CONV:
    case TRO_OP_CONV_INT:
        return n + n_elems(&out[0]) * n_row(&in[1]);
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_CONV_TRANSPOSE_INT:
        return n + n_elems(&in[0]) * n_row(&in[1]);
    case TRO_OP_EINSUM:
        return n + product;
    case TRO_OP_POOL:
        return n + n_elems(&out[0]) * n_window(attrs);
    case TRO_OP_ROI_ALIGN: /* samples as often as an attribute says */
        return INFINITY;
    default:
        break;
    }
    if (kind == TRO_KIND_CONTROL)
        return INFINITY;
    const bool is_linear = kind == TRO_KIND_POINTWISE || kind == TRO_KIND_MOVE ||
                           (kind == TRO_KIND_REDUCE && op != TRO_OP_LRN);
    return is_linear ? n : n * n;
}

static struct tro_operand operand_of(const struct tro_tensor *t)
{
    struct tro_operand o = {.dtype = t->dtype, .shape.rank = t->rank, .data = t->data};
    for (int i = 0; i < t->rank; i++)
        o.shape.dim[i] = tro_dim_const(t->shape[i]);
    return o;
}

/* Types and sizes of the results; sizes that depend on contents are the greatest there can be. */
static bool infer_sizes(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                        int n_out, struct tro_tensor *out)
{
    const struct tro_dim_env env = {0};
    struct tro_arena scratch = {0};
    struct tro_dims dims;
    struct tro_operand t_in[MAX_OPERANDS] = {0}, t_out[MAX_OPERANDS] = {0};
    for (int i = 0; i < n_in; i++)
        if (in[i].dtype)
            t_in[i] = operand_of(&in[i]);
    tro_dims_init(&dims, &scratch);
    const void *defaults = tro_arena_alloc(&scratch, 1, tro_op_info(op)->attrs_size);
    struct tro_infer_call call = {.dims = &dims,
                                  .env = &env,
                                  .op = op,
                                  .attrs = attrs ? attrs : defaults,
                                  .n_in = n_in,
                                  .n_out = n_out,
                                  .in = t_in,
                                  .out = t_out};
    const bool is_done = call.attrs && tro_infer(&call) >= 0;
    for (int i = 0; i < n_out && is_done; i++) {
        out[i] = (struct tro_tensor){.dtype = t_out[i].dtype, .rank = t_out[i].shape.rank};
        for (int a = 0; a < out[i].rank; a++)
            out[i].shape[a] = tro_dim_value(t_out[i].shape.dim[a]);
    }
    tro_dims_finish(&dims);
    tro_arena_finish(&scratch);
    return is_done;
}

static bool is_affordable(struct tro_import *im, enum tro_op op, const void *attrs, int n_in,
                          const struct tro_tensor *in, int n_out)
{
    struct tro_tensor out[MAX_OPERANDS] = {0};
    double n = 0;
    if (!infer_sizes(op, attrs, n_in, in, n_out, out))
        return false;
    for (int i = 0; i < n_out; i++)
        n += n_elems(&out[i]);
    const double work = tro_import_work(op, attrs ? attrs : &(struct tro_attrs_pool){0}, n_in, in,
                                        n_out, out);
    if (n > MAX_ELEMS || work > MAX_WORK)
        return false;
    const double n_paid = n > FREE_ELEMS ? n : 0, work_paid = work > FREE_ELEMS ? work : 0;
    if (n_paid > im->fold_elems_left || work_paid > im->fold_work_left)
        return false;
    im->fold_elems_left -= n_paid;
    im->fold_work_left -= work_paid;
    return true;
}

/* ---- computing ------------------------------------------------------------------------- */

static bool gather_known(struct tro_import_call *c, const tro_value_id *in, int n_in,
                         struct tro_tensor *t)
{
    for (int i = 0; i < n_in; i++)
        if (in[i].i &&
            (!tro_import_known(c->g, in[i], &t[i]) || tro_tensor_n_elems(&t[i]) > MAX_ELEMS))
            return false;
    return true;
}

/* Quantized weights stay what they are: passes give them to integer kernels. */
static bool is_weights(enum tro_op op, const struct tro_tensor *in)
{
    return op == TRO_OP_DEQUANTIZE && tro_tensor_n_elems(&in[0]) > 1;
}

bool tro_import_fold(struct tro_import_call *c, enum tro_op op, const void *attrs,
                     const tro_value_id *in, int n_in, tro_value_id *out, int n_out)
{
    struct tro_tensor t_in[MAX_OPERANDS] = {0}, t_out[MAX_OPERANDS] = {0};
    if (n_in > MAX_OPERANDS || n_out > MAX_OPERANDS || op == TRO_OP_DIMS ||
        tro_op_info(op)->kind == TRO_KIND_CONTROL || !gather_known(c, in, n_in, t_in) ||
        is_weights(op, t_in) || !is_affordable(c->im, op, attrs, n_in, t_in, n_out) ||
        tro_ref_eval(op, attrs, n_in, t_in, n_out, t_out, NULL, &c->g->dims, NULL) < 0)
        return false;
    for (int i = 0; i < n_out; i++) {
        out[i] = tro_const_any(c, &t_out[i]);
        tro_free(t_out[i].data);
    }
    return true;
}
