/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that make sizes and indices. */
#include "ref/kernels.h"

#include "base/dtype.h"

int tro_ref_dims(struct tro_ref_call *c)
{
    const struct tro_attrs_dims *const a = c->attrs;
    for (int i = 0; i < a->values.n; i++)
        tro_store_i64(TRO_I64, c->out[0].data, i, tro_dim_value(a->values.v[i]));
    return 0;
}

int tro_ref_shape_of(struct tro_ref_call *c)
{
    for (int i = 0; i < c->in[0].rank; i++)
        tro_store_i64(TRO_I64, c->out[0].data, i, c->in[0].shape[i]);
    return 0;
}

int tro_ref_range(struct tro_ref_call *c)
{
    const struct tro_tensor *const start = &c->in[0], *const delta = &c->in[2];
    const enum tro_dtype d = start->dtype;
    const int64_t n = c->out[0].shape[0];
    if (tro_dtype_is_float(d)) {
        const double from = tro_load_f64(d, start->data, 0), by = tro_load_f64(d, delta->data, 0);
        for (int64_t i = 0; i < n; i++)
            tro_store_f64(d, c->out[0].data, i, from + (double)i * by);
        return 0;
    }
    const uint64_t from = (uint64_t)tro_load_i64(d, start->data, 0);
    const uint64_t by = (uint64_t)tro_load_i64(d, delta->data, 0);
    for (int64_t i = 0; i < n; i++)
        tro_store_i64(d, c->out[0].data, i, (int64_t)(from + (uint64_t)i * by));
    return 0;
}
