/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/infer.h"

#include "base/dtype.h"
#include "base/err.h"
#include "graph/elems.h"

#include <string.h>

static tro_infer_fn *const functions[] = {
#define OP(id, text, in_min, in_max, out_min, out_max, kind, attrs, infer, ref, doc) \
    tro_infer_##infer,
#include "graph/ops.def"
#undef OP
};

/* ---- the driver ------------------------------------------------------------------------ */

static int check_count(const struct tro_infer_call *c, int n, int lo, int hi, const char *what)
{
    if (n >= lo && (n <= hi || hi == TRO_ANY_NUMBER))
        return 0;
    if (lo == hi)
        return tro_fail(c->err, TRO_E_INPUT, "expected %d %s%s, found %d", lo, what,
                        lo == 1 ? "" : "s", n);
    if (hi == TRO_ANY_NUMBER)
        return tro_fail(c->err, TRO_E_INPUT, "expected at least %d %s%s, found %d", lo, what,
                        lo == 1 ? "" : "s", n);
    return tro_fail(c->err, TRO_E_INPUT, "expected %d to %d %ss, found %d", lo, hi, what, n);
}

static int check_arity(const struct tro_infer_call *c)
{
    const struct tro_op_info *const info = tro_op_info(c->op);
    TRO_TRY(check_count(c, c->n_in, info->in_min, info->in_max, "input"));
    TRO_TRY(check_count(c, c->n_out, info->out_min, info->out_max, "output"));
    for (int i = 0; i < info->in_min; i++)
        if (!tro_has(c, i))
            return tro_fail(c->err, TRO_E_INPUT, "input %d is absent, but %s needs it", i,
                            info->text);
    return 0;
}

/* No negative size, no more bytes than there are addresses, whatever the unknown sizes are. */
static int check_output(const struct tro_infer_call *c, int i)
{
    const struct tro_shape *const s = &c->out[i].shape;
    if (c->out[i].dtype <= TRO_DTYPE_NONE || c->out[i].dtype >= TRO_N_DTYPES || s->rank < -1 ||
        s->rank > TRO_MAX_RANK)
        return tro_fail(c->err, TRO_E_INTERNAL, "inference left the type of output %d open", i);
    if (c->env && s->rank < 0)
        return tro_fail(c->err, TRO_E_INTERNAL, "rank of output %d is open at run time", i);
    int64_t n_bytes = (int64_t)tro_dtype_size(c->out[i].dtype);
    for (int a = 0; a < s->rank; a++) {
        const int64_t lo = tro_dim_lo(c->dims, s->dim[a]), hi = tro_dim_hi(c->dims, s->dim[a]);
        if (c->env && (!tro_dim_is_const(s->dim[a]) || lo == -TRO_DIM_MAX))
            return tro_fail(c->err, TRO_E_INTERNAL, "size %d of output %d is open at run time", a,
                            i);
        if (hi < 0)
            return tro_fail(c->err, TRO_E_INPUT,
                            "size %d of output %d would be negative (%lld): the inputs are too "
                            "small for these parameters",
                            a, i, (long long)hi);
        if (lo > 1 && __builtin_mul_overflow(n_bytes, lo, &n_bytes))
            n_bytes = INT64_MAX;
        if (n_bytes > TRO_DIM_MAX)
            return tro_fail(c->err, TRO_E_INPUT,
                            "output %d would take more bytes than memory has addresses", i);
    }
    return 0;
}

static int infer_padded(struct tro_infer_call *c)
{
    TRO_TRY(check_arity(c));
    for (int i = 0; i < c->n_out; i++)
        c->out[i] = (struct tro_operand){.shape.rank = -1};
    TRO_TRY(functions[c->op](c));
    if (c->dims->failed)
        return tro_fail_nomem(c->err);
    for (int i = 0; i < c->n_out; i++)
        TRO_TRY(check_output(c, i));
    if (!c->env)
        tro_infer_elems(c);
    return c->dims->failed ? tro_fail_nomem(c->err) : 0;
}

int tro_infer(struct tro_infer_call *c)
{
    if (c->n_in >= TRO_MAX_INTS)
        return infer_padded(c);
    struct tro_operand in[TRO_MAX_INTS] = {0};
    const struct tro_operand *const given = c->in;
    if (c->n_in > 0)
        memcpy(in, given, (size_t)c->n_in * sizeof(in[0]));
    c->in = in;
    const int rc = infer_padded(c);
    c->in = given;
    return rc;
}

/* ---- what is known --------------------------------------------------------------------- */

bool tro_ranks_known(const struct tro_infer_call *c)
{
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i].dtype != TRO_DTYPE_NONE && c->in[i].shape.rank < 0)
            return false;
    return true;
}

bool tro_has(const struct tro_infer_call *c, int i)
{
    return i >= 0 && i < c->n_in && c->in[i].dtype != TRO_DTYPE_NONE;
}

bool tro_known_dims(const struct tro_infer_call *c, int i, struct tro_dim_list *out)
{
    return tro_has(c, i) && tro_operand_elems(&c->in[i], out);
}

bool tro_known_ints(const struct tro_infer_call *c, int i, struct tro_ints *out)
{
    struct tro_dim_list dims;
    if (!tro_known_dims(c, i, &dims))
        return false;
    out->n = dims.n;
    for (int k = 0; k < dims.n; k++) {
        if (!tro_dim_is_const(dims.v[k]))
            return false;
        out->v[k] = tro_dim_value(dims.v[k]);
    }
    return true;
}

bool tro_known_f64(const struct tro_infer_call *c, int i, double *out)
{
    if (!tro_has(c, i) || tro_shape_small(&c->in[i].shape) != 1)
        return false;
    const struct tro_operand *const o = &c->in[i];
    if (o->data)
        *out = tro_load_f64(o->dtype, o->data, 0);
    else if (o->elems && tro_dim_is_const(o->elems[0]))
        *out = (double)tro_dim_value(o->elems[0]);
    else
        return false;
    return true;
}

tro_dim tro_attr_dim(const struct tro_infer_call *c, tro_dim d)
{
    int64_t v;
    return c->env && tro_dim_eval(c->dims, c->env, d, &v) ? tro_dim_const(v) : d;
}

tro_dim tro_unknown_dim(struct tro_infer_call *c, tro_dim hi)
{
    return c->env ? hi : tro_dim_fresh(c->dims, 0, tro_dim_hi(c->dims, hi));
}

tro_dim tro_free_dim(struct tro_infer_call *c)
{
    return c->env ? tro_dim_const(-TRO_DIM_MAX) : tro_dim_fresh(c->dims, 0, TRO_DIM_MAX);
}
