/* SPDX-License-Identifier: Apache-2.0 */
/* What depends on constants and known sizes alone. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "graph/elems.h"
#include "passes/pass.h"
#include "ref/ref.h"

#include <string.h>

/* Results of more bytes may be so many times larger than what they come from: a model must not grow
 * without bound. */
#define MAX_BYTES ((int64_t)64 << 10)
#define MAX_GROWTH 8
#define MAX_WEIGHT_BYTES ((int64_t)1 << 30)

/* ---- known contents -------------------------------------------------------------------- */

/* Shape arithmetic: a constant, or one `dims` node. */
static bool fold_elems(struct tro_pass *p, tro_node_id id, tro_value_id v)
{
    const struct tro_value *const value = tro_value_get(p->g, v);
    const int n = tro_shape_small(&value->shape);
    struct tro_attrs_dims attrs = {.values.n = n, .is_scalar = value->shape.rank == 0};
    int64_t data[TRO_MAX_INTS];
    struct tro_tensor t = {.dtype = value->dtype, .rank = value->shape.rank, .data = data};
    bool is_const = true;
    if (!value->elems || n < 0)
        return false;
    for (int i = 0; i < t.rank; i++)
        t.shape[i] = tro_dim_value(value->shape.dim[i]);
    for (int i = 0; i < n; i++) {
        const tro_dim d = attrs.values.v[i] = value->elems[i];
        is_const = is_const && tro_dim_is_const(d);
        if (tro_dim_is_const(d))
            tro_store_i64(value->dtype, data, i, tro_dim_value(d));
    }
    const bool is_dims = tro_node_get(p->g, id)->op == TRO_OP_DIMS || value->dtype != TRO_I64 ||
                         t.rank > 1;
    if ((!is_const && is_dims) || tro_pass_is_output(p, v) || !tro_pass_allows(p, id))
        return false;
    tro_pass_replace(p, v,
                     is_const ? tro_pass_const(p, &t)
                              : tro_pass_emit(p, id, TRO_OP_DIMS, &attrs, NULL, 0));
    return true;
}

/* ---- constants ------------------------------------------------------------------------- */

/* Weights that a model writes as an expanded scalar: kernels pack constants alone. */
static bool is_weights(struct tro_pass *p, const struct tro_node *n)
{
    const tro_node_id user = tro_pass_user(p, n->out[0]);
    return n->op == TRO_OP_EXPAND && user.i &&
           tro_op_info(tro_node_get(p->g, user)->op)->kind == TRO_KIND_ANCHOR;
}

static bool is_foldable(struct tro_pass *p, const struct tro_node *n)
{
    int64_t n_in_bytes = 0, n_out_bytes = 0;
    if (tro_op_info(n->op)->kind == TRO_KIND_CONTROL || n->n_in == 0 ||
        (p->keeps_quantized && n->op == TRO_OP_DEQUANTIZE))
        return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (n->in[i].i && !tro_is_const(p->g, n->in[i]))
            return false;
        if (n->in[i].i)
            n_in_bytes += tro_value_max_elems(p->g, n->in[i]) *
                          (int64_t)tro_dtype_size(tro_value_get(p->g, n->in[i])->dtype);
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        const tro_value_id v = n->out[i];
        const int64_t n_elems = v.i ? tro_value_max_elems(p->g, v) : 0;
        if (n_elems > TRO_DIM_MAX / 16 || !tro_pass_is_sized(p, v))
            return false;
        n_out_bytes += n_elems * (int64_t)tro_dtype_size(tro_value_get(p->g, v)->dtype);
    }
    if (is_weights(p, n))
        return n_out_bytes <= MAX_WEIGHT_BYTES;
    return n_out_bytes <= MAX_BYTES || n_out_bytes / MAX_GROWTH <= n_in_bytes;
}

static bool may_replace_all(const struct tro_pass *p, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && tro_pass_is_output(p, n->out[i]))
            return false;
    return true;
}

static void replace_outputs(struct tro_pass *p, const struct tro_node *n,
                            const struct tro_tensor *out)
{
    for (uint32_t i = 0; i < n->n_out && p->rc == 0; i++)
        if (n->out[i].i)
            tro_pass_replace(p, n->out[i], tro_pass_const(p, &out[i]));
}

static void fold_consts(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    struct tro_arena scratch = {0};
    struct tro_tensor *const in = TRO_NEW_N(&scratch, struct tro_tensor, n->n_in);
    struct tro_tensor *const out = TRO_NEW_N(&scratch, struct tro_tensor, n->n_out);
    struct tro_err ignored;
    if (!in || !out) {
        p->rc = tro_fail_nomem(p->err);
        tro_arena_finish(&scratch);
        return;
    }
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i].i)
            in[i] = tro_const_tensor(p->g, n->in[i]);
    /* What fails here (an index out of range) fails at run time as it should. */
    if (tro_ref_eval(n->op, n->attrs, (int)n->n_in, in, (int)n->n_out, out, NULL, NULL, &ignored) ==
        0) {
        if (tro_pass_allows(p, id))
            replace_outputs(p, n, out);
        for (uint32_t i = 0; i < n->n_out; i++)
            tro_free(out[i].data);
    }
    tro_arena_finish(&scratch);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (n->n_out == 1 && n->out[0].i && fold_elems(p, id, n->out[0]))
        return;
    if (is_foldable(p, n) && may_replace_all(p, n))
        fold_consts(p, id);
}

int tro_pass_fold(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
