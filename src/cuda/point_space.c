/* SPDX-License-Identifier: Apache-2.0 */
/* The axes of a pointwise program: order, merging, how operands lie along them. */
#include "cuda/point_program.h"

#include "base/dtype.h"

#include <string.h>

#define BUFFER_ALIGN 64          /* bytes, of every buffer */
#define MOST_VECTOR 16           /* elements */
#define LEAST_TO_SPLIT (1 << 20) /* elements of a row */

bool tro_point_set_strides(const struct tro_point_build *b, struct tro_point_operand *o)
{
    const struct tro_arg *const a = &o->arg;
    const int skip = b->rank - a->rank;
    if (skip < 0)
        return false;
    memset(o->stride, 0, sizeof o->stride);
    for (int i = 0; i < a->rank; i++) {
        if (a->shape[i] != 1 && a->shape[i] != b->shape[skip + i])
            return false;
        o->stride[skip + i] = a->shape[i] == 1 ? 0 : a->stride[i];
    }
    return true;
}

/* ---- operands, one after the other ---------------------------------------------------------- */

static int n_operands(const struct tro_point_build *b)
{
    return b->n_in + b->n_out;
}

static struct tro_point_operand *operand(struct tro_point_build *b, int i)
{
    return i < b->n_in ? &b->in[i] : &b->out[i - b->n_in];
}

/* ---- order ---------------------------------------------------------------------------------- */

static void permute(struct tro_point_build *b, const int *axes)
{
    int64_t shape[TRO_MAX_RANK], stride[TRO_MAX_RANK];
    for (int i = 0; i < b->rank; i++)
        shape[i] = b->shape[axes[i]];
    memcpy(b->shape, shape, sizeof(int64_t) * (size_t)b->rank);
    for (int k = 0; k < n_operands(b); k++) {
        struct tro_point_operand *const o = operand(b, k);
        for (int i = 0; i < b->rank; i++)
            stride[i] = o->stride[axes[i]];
        memcpy(o->stride, stride, sizeof(int64_t) * (size_t)b->rank);
    }
}

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

/* As the first output lies; axes of size 1 first. */
static void sort_axes(struct tro_point_build *b)
{
    int axes[TRO_MAX_RANK];
    int64_t key[TRO_MAX_RANK];
    for (int i = 0; i < b->rank; i++) {
        const int64_t k = b->shape[i] == 1 ? INT64_MAX : magnitude(b->out[0].stride[i]);
        int at = i;
        for (; at > 0 && key[at - 1] < k; at--) {
            key[at] = key[at - 1];
            axes[at] = axes[at - 1];
        }
        key[at] = k;
        axes[at] = i;
    }
    permute(b, axes);
}

/* ---- merging -------------------------------------------------------------------------------- */

static void drop_axis(struct tro_point_build *b, int axis)
{
    const size_t n = sizeof(int64_t) * (size_t)(b->rank - axis - 1);
    memmove(&b->shape[axis], &b->shape[axis + 1], n);
    for (int k = 0; k < n_operands(b); k++) {
        int64_t *const stride = operand(b, k)->stride;
        memmove(&stride[axis], &stride[axis + 1], n);
    }
    b->rank--;
}

static void insert_axis(struct tro_point_build *b)
{
    memmove(&b->shape[1], &b->shape[0], sizeof(int64_t) * (size_t)b->rank);
    b->shape[0] = 1;
    for (int k = 0; k < n_operands(b); k++) {
        int64_t *const stride = operand(b, k)->stride;
        memmove(&stride[1], &stride[0], sizeof(int64_t) * (size_t)b->rank);
        stride[0] = 0;
    }
    b->rank++;
}

static bool can_merge(struct tro_point_build *b, int outer, int inner)
{
    for (int k = 0; k < n_operands(b); k++) {
        const int64_t *const stride = operand(b, k)->stride;
        if (stride[outer] != stride[inner] * b->shape[inner])
            return false;
    }
    return true;
}

static void merge(struct tro_point_build *b, bool keep_cols)
{
    for (int i = b->rank - 1 - keep_cols; i >= 0; i--)
        if (b->shape[i] == 1)
            drop_axis(b, i);
    for (int i = b->rank - 2 - keep_cols; i >= 0; i--) {
        if (!can_merge(b, i, i + 1))
            continue;
        b->shape[i + 1] *= b->shape[i];
        drop_axis(b, i);
    }
    while (b->rank < 2)
        insert_axis(b);
}

/* Elements in one row become two rows where they are many, so that a thread can have several loads
 * under way. */
static void split_row(struct tro_point_build *b)
{
    if (b->rank != 2 || b->shape[0] != 1 || b->shape[1] < LEAST_TO_SPLIT ||
        b->shape[1] % (2 * MOST_VECTOR))
        return;
    b->shape[0] = 2;
    b->shape[1] /= 2;
    for (int k = 0; k < n_operands(b); k++) {
        int64_t *const stride = operand(b, k)->stride;
        stride[0] = stride[1] * b->shape[1];
    }
}

void tro_point_order(struct tro_point_build *b, const int *axes, bool keep_cols)
{
    if (axes)
        permute(b, axes);
    else
        sort_axes(b);
    merge(b, keep_cols && b->rank > 0);
    if (!keep_cols)
        split_row(b);
}

/* ---- vectors -------------------------------------------------------------------------------- */

int tro_point_common(int64_t v, int most)
{
    while (most > 1 && v % most)
        most /= 2;
    return most;
}

static int align_of(const struct tro_point_build *b, const struct tro_point_operand *o)
{
    const int64_t size = (int64_t)tro_dtype_size(o->arg.dtype);
    int align = BUFFER_ALIGN / (int)size;
    align = align < MOST_VECTOR ? align : MOST_VECTOR;
    align = tro_point_common(o->arg.offset / size, align);
    for (int i = 0; i + 1 < b->rank; i++)
        if (b->shape[i] > 1)
            align = tro_point_common(o->stride[i], align);
    return align;
}

bool tro_point_is_small(const struct tro_point_build *b, const struct tro_point_operand *o)
{
    int64_t reach = 0;
    for (int i = 0; i < b->rank; i++) {
        if (magnitude(o->stride[i]) > INT32_MAX)
            return false;
        reach += magnitude(o->stride[i]) * (b->shape[i] > 0 ? b->shape[i] - 1 : 0);
        if (reach > INT32_MAX)
            return false;
    }
    return true;
}

static void classify(const struct tro_point_build *b, struct tro_point_operand *o)
{
    const int64_t step = o->stride[b->rank - 1];
    const bool is_one = b->shape[b->rank - 1] == 1;
    o->class = step == 1   ? TRO_POINT_VECTOR
               : is_one    ? TRO_POINT_VECTOR
               : step == 0 ? TRO_POINT_SAME
                           : TRO_POINT_STRIDED;
    o->align = is_one ? 1 : align_of(b, o);
}

bool tro_point_classify(struct tro_point_build *b, int *vector)
{
    int64_t n = 1;
    *vector = MOST_VECTOR;
    for (int i = 0; i < b->rank; i++) {
        n *= b->shape[i];
        if (n > INT32_MAX)
            return false;
    }
    for (int k = 0; k < n_operands(b); k++) {
        struct tro_point_operand *const o = operand(b, k);
        if (!tro_point_is_small(b, o))
            return false;
        classify(b, o);
        if (o->class == TRO_POINT_VECTOR && o->align < *vector)
            *vector = o->align;
    }
    return true;
}
