/* SPDX-License-Identifier: Apache-2.0 */
#include <trocar/trocar.h>

int64_t tro_tensor_n_elems(const struct tro_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

size_t tro_tensor_n_bytes(const struct tro_tensor *t)
{
    return (size_t)tro_tensor_n_elems(t) * tro_dtype_size(t->dtype);
}
