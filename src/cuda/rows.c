/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/rows.h"

#include "base/dtype.h"
#include "cuda/launch.h"

#include <stdlib.h>

const char *tro_cuda_type(enum tro_dtype dtype)
{
    static const struct {
        enum tro_dtype dtype;
        const char *name;
    } names[] = {
        {TRO_F32, "float"},    {TRO_F16, "tro_f16"}, {TRO_BF16, "tro_bf16"}, {TRO_I8, "int8_t"},
        {TRO_U8, "uint8_t"},   {TRO_I16, "int16_t"}, {TRO_U16, "uint16_t"},  {TRO_I32, "int32_t"},
        {TRO_U32, "uint32_t"}, {TRO_I64, "int64_t"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].dtype == dtype)
            return names[i].name;
    return NULL;
}

/* ---- walks -------------------------------------------------------------------------------- */

bool tro_cuda_is_near(const struct tro_arg *a)
{
    int64_t reach = 0;
    for (int i = 0; i < a->rank; i++)
        reach += a->shape[i] > 1 ? (a->shape[i] - 1) * llabs(a->stride[i]) : 0;
    return reach < INT32_MAX;
}

bool tro_cuda_path(struct tro_path *path, const struct tro_arg *a, const int *axes, int n_axes)
{
    int64_t sizes[TRO_MAX_RANK], n = 1;
    *path = (struct tro_path){0};
    for (int i = 0; i < n_axes; i++) {
        const int64_t size = a->shape[axes[i]], stride = a->stride[axes[i]];
        int at = path->rank - 1;
        if (size == 1)
            continue;
        if (at >= 0 && path->stride[at] == stride * size) {
            sizes[at] *= size;
        } else {
            at = path->rank++;
            sizes[at] = size;
        }
        path->stride[at] = (int32_t)stride;
        n *= size;
    }
    if (n >= INT32_MAX || !tro_cuda_is_near(a))
        return false;
    for (int i = 0; i < path->rank; i++)
        path->size[i] = tro_div_make(sizes[i]);
    return true;
}

int tro_cuda_axes(const struct tro_arg *a, uint32_t set, bool by_stride, int axes[TRO_MAX_RANK])
{
    int n = 0;
    for (int i = 0; i < a->rank; i++) {
        if (!(set >> i & 1))
            continue;
        int at = n++;
        for (; by_stride && at > 0 && llabs(a->stride[axes[at - 1]]) < llabs(a->stride[i]); at--)
            axes[at] = axes[at - 1];
        axes[at] = i;
    }
    return n;
}

int tro_cuda_inner_axis(const struct tro_arg *a)
{
    int best = -1;
    for (int i = a->rank - 1; i >= 0; i--)
        if (a->shape[i] != 1 && (best < 0 || llabs(a->stride[i]) < llabs(a->stride[best])))
            best = i;
    return best < 0 ? a->rank - 1 : best;
}

/* ---- sizes -------------------------------------------------------------------------------- */

int tro_cuda_vector(const struct tro_arg *a, int axis)
{
    const int64_t size = (int64_t)tro_dtype_size(a->dtype);
    int64_t all = a->shape[axis] | 16 / size;
    if (a->stride[axis] != 1 || a->offset % size)
        return 1;
    all |= a->offset / size;
    for (int i = 0; i < a->rank; i++)
        all |= i != axis && a->shape[i] != 1 ? a->stride[i] : 0;
    return (int)(all & -all);
}

int tro_cuda_team(int64_t n_vectors)
{
    if (n_vectors > 512)
        return 256;
    int best = 32;
    int64_t least = (n_vectors + 31) / 32 * 32;
    for (int team = 16; team >= 4; team /= 2) {
        const int64_t padded = (n_vectors + team - 1) / team * team;
        if (padded * 8 < least * 7 && padded / team <= 4) {
            best = team;
            least = padded;
        }
    }
    return best;
}

uint32_t tro_cuda_team_blocks(int team, int64_t n_lines)
{
    const int64_t per_block = (int64_t)tro_cuda_team_threads(team) / team;
    return (uint32_t)((n_lines + per_block - 1) / per_block);
}
