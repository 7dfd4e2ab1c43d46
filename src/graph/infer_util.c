/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/infer_util.h"

tro_dim tro_dim_within(struct tro_infer_call *c, int64_t lo, int64_t hi)
{
    return c->env ? tro_free_dim(c) : tro_dim_fresh(c->dims, lo, hi);
}

tro_dim tro_dim_part_of(struct tro_infer_call *c, tro_dim d)
{
    const int64_t hi = tro_dim_hi(c->dims, d);
    return tro_dim_within(c, 0, hi < 0 ? 0 : hi);
}

bool tro_dims_clash(tro_dim a, tro_dim b)
{
    return tro_dim_is_const(a) && tro_dim_is_const(b) && !tro_dim_eq(a, b);
}

int tro_want_broadcast(const struct tro_infer_call *c, tro_dim have, tro_dim want, const char *what)
{
    tro_dim same;
    if (tro_dim_lo(c->dims, have) <= 1 && tro_dim_hi(c->dims, have) >= 1)
        return 0;
    return tro_same_dim(c, have, want, what, &same);
}

tro_dim tro_dims_product(struct tro_infer_call *c, const struct tro_shape *s, int first, int end)
{
    tro_dim product = tro_dim_const(1);
    for (int i = first; i < end; i++)
        product = tro_dim_mul(c->dims, product, s->dim[i]);
    return product;
}

int tro_out_rank(struct tro_infer_call *c, int i, int64_t rank)
{
    if (rank > TRO_MAX_RANK)
        return tro_fail(c->err, TRO_E_UNSUPPORTED,
                        "the result has rank %" PRId64 ": expected at most %d", rank, TRO_MAX_RANK);
    c->out[i].shape.rank = (int32_t)rank;
    return 0;
}

void tro_out_set(struct tro_infer_call *c, int i, enum tro_dtype dtype,
                 const struct tro_shape *shape)
{
    c->out[i].dtype = dtype;
    c->out[i].shape = *shape;
}

int tro_want_one(const struct tro_infer_call *c, int i, const char *what)
{
    const struct tro_shape *const s = &c->in[i].shape;
    if (s->rank > 1)
        return tro_fail(c->err, TRO_E_INPUT, "%s has rank %d: expected one element", what, s->rank);
    if (s->rank == 1 && tro_dims_clash(s->dim[0], tro_dim_const(1)))
        return tro_fail(c->err, TRO_E_INPUT, "%s has %" PRId64 " elements: expected one", what,
                        tro_dim_value(s->dim[0]));
    return 0;
}

int tro_want_params(const struct tro_infer_call *c, int i, int64_t n, const char *what,
                    int64_t *n_found)
{
    const struct tro_shape *const s = &c->in[i].shape;
    if (s->rank > 1)
        return tro_fail(c->err, TRO_E_INPUT, "%s has rank %d: expected a vector", what, s->rank);
    *n_found = s->rank == 0 ? 1 : tro_dim_value_or_minus1(s->dim[0]);
    if (n >= 0 && *n_found >= 0 && *n_found != n)
        return tro_fail(c->err, TRO_E_INPUT, "%s has %" PRId64 " elements: expected %" PRId64, what,
                        *n_found, n);
    if (*n_found > TRO_MAX_INTS)
        return tro_fail(c->err, TRO_E_INPUT, "%s has %" PRId64 " elements: expected at most %d",
                        what, *n_found, TRO_MAX_INTS);
    if (n >= 0)
        *n_found = n;
    return 0;
}

int tro_want_list(const struct tro_infer_call *c, const struct tro_ints *list, int n, int64_t lo,
                  int64_t hi, const char *name)
{
    if (list->n != n || n > TRO_MAX_INTS)
        return tro_fail(c->err, TRO_E_INPUT, "%s has %d entries: expected %d", name, list->n, n);
    for (int i = 0; i < n; i++)
        TRO_TRY(tro_want_attr(c, list->v[i], lo, hi, name));
    return 0;
}

int tro_want_attr(const struct tro_infer_call *c, int64_t v, int64_t lo, int64_t hi,
                  const char *name)
{
    if (v >= lo && v <= hi)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT,
                    "%s is %" PRId64 ": expected a value from %" PRId64 " to %" PRId64, name, v, lo,
                    hi);
}
