/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/ref.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>

void tro_ref_strides(const struct tro_tensor *t, int64_t strides[TRO_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= t->shape[i] ? t->shape[i] : 1;
    }
}

void tro_ref_bcast_strides(const struct tro_tensor *t, const struct tro_tensor *to,
                           int64_t strides[TRO_MAX_RANK])
{
    int64_t own[TRO_MAX_RANK];
    const int missing = to->rank - t->rank;
    tro_ref_strides(t, own);
    for (int i = 0; i < to->rank; i++)
        strides[i] = i < missing || t->shape[i - missing] == 1 ? 0 : own[i - missing];
}

bool tro_ref_next(const struct tro_tensor *shape, int64_t index[TRO_MAX_RANK])
{
    for (int i = shape->rank - 1; i >= 0; i--) {
        if (++index[i] < shape->shape[i])
            return true;
        index[i] = 0;
    }
    return false;
}

double *tro_ref_load_f64(struct tro_ref_call *c, const struct tro_tensor *t)
{
    const int64_t n = tro_tensor_n_elems(t);
    double *const all = TRO_NEW_N(c->scratch, double, (size_t)n);
    if (all)
        tro_load_row_f64(t->dtype, t->data, 0, n, all);
    return all;
}

int tro_ref_ints(struct tro_ref_call *c, int i, struct tro_ints *out)
{
    *out = (struct tro_ints){0};
    if (i >= c->n_in || c->in[i].dtype == TRO_DTYPE_NONE)
        return 0;
    const struct tro_tensor *const t = &c->in[i];
    const int64_t n = tro_tensor_n_elems(t);
    if (!tro_dtype_is_int(t->dtype) || n > TRO_MAX_INTS)
        return tro_fail(c->err, TRO_E_INPUT,
                        "input %d: expected at most %d integers, found %" PRId64 " of type %s", i,
                        TRO_MAX_INTS, n, tro_dtype_name(t->dtype));
    out->n = (int32_t)n;
    for (int64_t k = 0; k < n; k++)
        out->v[k] = tro_load_i64(t->dtype, t->data, k);
    return 0;
}
