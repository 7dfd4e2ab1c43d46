/* SPDX-License-Identifier: Apache-2.0 */
#include "base/dtype.h"

#include <string.h>

static const struct {
    const char *name;
    int bits;
} dtypes[TRO_N_DTYPES] = {[TRO_DTYPE_NONE] = {"none", 0},
#define ROW(id, text, bits) [TRO_##id] = {text, bits},
                          TRO_DTYPES(ROW)
#undef ROW
};

static bool is_known(enum tro_dtype d)
{
    return (unsigned)d < TRO_N_DTYPES;
}

const char *tro_dtype_name(enum tro_dtype dtype)
{
    return dtypes[is_known(dtype) ? dtype : TRO_DTYPE_NONE].name;
}

enum tro_dtype tro_dtype_from_name(const char *name)
{
    for (int d = TRO_DTYPE_NONE + 1; d < TRO_N_DTYPES; d++)
        if (strcmp(dtypes[d].name, name) == 0)
            return (enum tro_dtype)d;
    return TRO_DTYPE_NONE;
}

int tro_dtype_bits(enum tro_dtype d)
{
    return is_known(d) ? dtypes[d].bits : 0;
}

size_t tro_dtype_size(enum tro_dtype dtype)
{
    return (size_t)(tro_dtype_bits(dtype) + 7) / 8;
}

bool tro_dtype_is_float(enum tro_dtype d)
{
    return d >= TRO_F32 && d <= TRO_F4E2M1;
}

bool tro_dtype_is_signed(enum tro_dtype d)
{
    return d >= TRO_I8 && d <= TRO_I4;
}

bool tro_dtype_is_unsigned(enum tro_dtype d)
{
    return d >= TRO_U8 && d <= TRO_U4;
}

bool tro_dtype_is_int(enum tro_dtype d)
{
    return tro_dtype_is_signed(d) || tro_dtype_is_unsigned(d);
}

int64_t tro_dtype_min(enum tro_dtype d)
{
    return tro_dtype_is_signed(d) ? -tro_dtype_max(d) - 1 : 0;
}

int64_t tro_dtype_max(enum tro_dtype d)
{
    if (d == TRO_BOOL)
        return 1;
    const int n_value_bits = tro_dtype_bits(d) - tro_dtype_is_signed(d);
    if (!tro_dtype_is_int(d))
        return 0;
    return n_value_bits >= 63 ? INT64_MAX : (INT64_C(1) << n_value_bits) - 1;
}
