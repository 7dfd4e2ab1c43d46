/* SPDX-License-Identifier: Apache-2.0 */
/* One node: inference, memory for the outputs, the kernel. */
#include "ref/kernels.h"

#include "base/alloc.h"
#include "base/err.h"

#include <string.h>

#define MIN_INPUTS 8 /* entries of tro_ref_call.in */

#define KERNEL_POINTWISE(f) tro_ref_##f
#define KERNEL_REDUCE(f) tro_ref_##f
#define KERNEL_MOVE(f) tro_ref_##f
#define KERNEL_ANCHOR(f) tro_ref_##f
#define KERNEL_EXTENT(f) tro_ref_##f
#define KERNEL_OTHER(f) tro_ref_##f
#define KERNEL_CONTROL(f) NULL

static tro_ref_fn *const kernels[TRO_N_OPS] = {
#define OP(id, text, in_min, in_max, out_min, out_max, kind, attrs, infer, ref, doc) \
    [TRO_OP_##id] = KERNEL_##kind(ref),
#include "graph/ops.def"
#undef OP
};

/* Puts the values of symbols into a list of sizes. */
static int resolve_dims(struct tro_ref_call *c, struct tro_dim_list *list,
                        const struct tro_dim_env *env, const struct tro_dims *env_dims)
{
    for (int i = 0; i < list->n; i++) {
        int64_t v;
        if (tro_dim_is_const(list->v[i]))
            continue;
        if (!env || !tro_dim_eval(env_dims, env, list->v[i], &v))
            return tro_fail(c->err, TRO_E_INTERNAL, "size %d of the attributes has no value yet",
                            i);
        list->v[i] = tro_dim_const(v);
    }
    return 0;
}

/* Replaces attributes that hold sizes by a copy with constants. */
static int resolve_attrs(struct tro_ref_call *c, const struct tro_dim_env *env,
                         const struct tro_dims *env_dims)
{
    const struct tro_op_info *const info = tro_op_info(c->op);
    bool has_dims = false;
    for (const struct tro_attr_field *f = info->fields(); f->name; f++)
        has_dims = has_dims || f->type == TRO_ATTR_DIMS;
    if (c->attrs && !has_dims)
        return 0;
    char *const copy = tro_arena_alloc(c->scratch, 1, info->attrs_size);
    if (!copy)
        return tro_fail_nomem(c->err);
    if (c->attrs)
        memcpy(copy, c->attrs, info->attrs_size);
    c->attrs = copy;
    for (const struct tro_attr_field *f = info->fields(); f->name; f++)
        if (f->type == TRO_ATTR_DIMS)
            TRO_TRY(resolve_dims(c, (void *)(copy + f->offset), env, env_dims));
    return 0;
}

static struct tro_operand operand_of(const struct tro_tensor *t)
{
    struct tro_operand o = {.dtype = t->dtype};
    if (t->dtype == TRO_DTYPE_NONE)
        return o;
    o.shape.rank = t->rank;
    for (int i = 0; i < t->rank; i++)
        o.shape.dim[i] = tro_dim_const(t->shape[i]);
    o.data = t->data;
    return o;
}

static int infer(struct tro_ref_call *c)
{
    struct tro_dims dims;
    const struct tro_dim_env env = {0};
    struct tro_infer_call call = {.dims = &dims,
                                  .env = &env,
                                  .op = c->op,
                                  .attrs = c->attrs,
                                  .n_in = c->n_in,
                                  .n_out = c->n_out,
                                  .err = c->err};
    struct tro_operand *const in = TRO_NEW_N(c->scratch, struct tro_operand,
                                             (size_t)c->n_in + MIN_INPUTS);
    call.out = TRO_NEW_N(c->scratch, struct tro_operand, (size_t)c->n_out + 1);
    if (!in || !call.out)
        return tro_fail_nomem(c->err);
    for (int i = 0; i < c->n_in; i++)
        in[i] = operand_of(&c->in[i]);
    call.in = in;
    tro_dims_init(&dims, c->scratch);
    const int rc = tro_infer(&call);
    tro_dims_finish(&dims);
    TRO_TRY(rc);
    for (int i = 0; i < c->n_out; i++) {
        c->out[i] = (struct tro_tensor){.dtype = call.out[i].dtype, .rank = call.out[i].shape.rank};
        for (int a = 0; a < c->out[i].rank; a++)
            c->out[i].shape[a] = tro_dim_value(call.out[i].shape.dim[a]);
    }
    return 0;
}

static int allocate(struct tro_ref_call *c)
{
    for (int i = 0; i < c->n_out; i++) {
        size_t n_bytes = tro_dtype_size(c->out[i].dtype);
        bool is_empty = false, is_over = false;
        for (int a = 0; a < c->out[i].rank; a++) {
            const size_t size = (size_t)c->out[i].shape[a];
            is_empty = is_empty || size == 0;
            is_over = is_over || __builtin_mul_overflow(n_bytes, size ? size : 1, &n_bytes);
        }
        if (is_over && !is_empty)
            return tro_fail_nomem(c->err);
        c->out[i].data = tro_malloc_aligned(is_empty ? 0 : n_bytes);
        if (!c->out[i].data)
            return tro_fail_nomem(c->err);
    }
    return 0;
}

/* Attributes without symbols, inputs padded to what kernels may look at. */
static int prepare(struct tro_ref_call *c, const struct tro_dim_env *env,
                   const struct tro_dims *env_dims)
{
    if (!kernels[c->op])
        return tro_fail(c->err, TRO_E_INTERNAL, "%s has blocks and is no single node's work",
                        tro_op_info(c->op)->text);
    TRO_TRY(resolve_attrs(c, env, env_dims));
    struct tro_tensor *const in = TRO_NEW_N(c->scratch, struct tro_tensor,
                                            (size_t)c->n_in + MIN_INPUTS);
    if (!in)
        return tro_fail_nomem(c->err);
    if (c->n_in)
        memcpy(in, c->in, (size_t)c->n_in * sizeof(*in));
    c->in = in;
    return 0;
}

static int eval(struct tro_ref_call *c, const struct tro_dim_env *env,
                const struct tro_dims *env_dims)
{
    TRO_TRY(prepare(c, env, env_dims));
    TRO_TRY(infer(c));
    TRO_TRY(allocate(c));
    return kernels[c->op](c);
}

int tro_ref_eval(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                 int n_out, struct tro_tensor *out, const struct tro_dim_env *env,
                 const struct tro_dims *env_dims, struct tro_err *err)
{
    struct tro_arena scratch = {0};
    struct tro_ref_call c = {.op = op,
                             .attrs = attrs,
                             .n_in = n_in,
                             .n_out = n_out,
                             .in = in,
                             .out = out,
                             .scratch = &scratch,
                             .err = err};
    for (int i = 0; i < n_out; i++)
        out[i] = (struct tro_tensor){0};
    const int rc = eval(&c, env, env_dims);
    for (int i = 0; i < n_out && rc < 0; i++) {
        tro_free(out[i].data);
        out[i].data = NULL;
    }
    tro_arena_finish(&scratch);
    return rc;
}

int tro_ref_eval_into(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                      int n_out, struct tro_tensor *out, struct tro_err *err)
{
    struct tro_arena scratch = {0};
    struct tro_ref_call c = {.op = op,
                             .attrs = attrs,
                             .n_in = n_in,
                             .n_out = n_out,
                             .in = in,
                             .out = out,
                             .scratch = &scratch,
                             .err = err};
    int rc = prepare(&c, NULL, NULL);
    if (rc >= 0)
        rc = kernels[op](&c);
    tro_arena_finish(&scratch);
    return rc;
}
