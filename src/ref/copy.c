/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/copy.h"

#include <string.h>

/* ---- one row --------------------------------------------------------------------------- */

#define STRIDED(type)                                                   \
    for (int64_t i = 0; i < n; i++) {                                   \
        type v;                                                         \
        memcpy(&v, src + i * src_step * (int64_t)sizeof(v), sizeof(v)); \
        memcpy(dst + i * dst_step * (int64_t)sizeof(v), &v, sizeof(v)); \
    }

static void copy_row(size_t size, int64_t n, char *dst, int64_t dst_step, const char *src,
                     int64_t src_step)
{
    if (dst_step == 1 && src_step == 1) {
        memcpy(dst, src, (size_t)n * size);
        return;
    }
    switch (size) {
    case 1:
        STRIDED(uint8_t)
        break;
    case 2:
        STRIDED(uint16_t)
        break;
    case 4:
        STRIDED(uint32_t)
        break;
    default:
        STRIDED(uint64_t)
    }
}

/* ---- views ----------------------------------------------------------------------------- */

/* Drops axes of size 1 and merges neighbours that both views walk as one; false when the views are
 * empty. */
static bool simplify(const struct tro_copy *c, struct tro_copy *out)
{
    *out = *c;
    out->rank = 0;
    for (int a = 0; a < c->rank; a++) {
        if (c->shape[a] == 0)
            return false;
        if (c->shape[a] == 1)
            continue;
        const int last = out->rank - 1;
        if (last >= 0 && out->dst_stride[last] == c->dst_stride[a] * c->shape[a] &&
            out->src_stride[last] == c->src_stride[a] * c->shape[a]) {
            out->shape[last] *= c->shape[a];
            out->dst_stride[last] = c->dst_stride[a];
            out->src_stride[last] = c->src_stride[a];
            continue;
        }
        out->shape[out->rank] = c->shape[a];
        out->dst_stride[out->rank] = c->dst_stride[a];
        out->src_stride[out->rank] = c->src_stride[a];
        out->rank++;
    }
    if (out->rank == 0) {
        out->rank = 1;
        out->shape[0] = out->dst_stride[0] = out->src_stride[0] = 1;
    }
    return true;
}

/* Rows along the last axis, the others in order. */
static void run_in_order(const struct tro_copy *v)
{
    const int row = v->rank - 1;
    const int64_t size = (int64_t)v->elem_size;
    int64_t index[TRO_COPY_RANK] = {0}, dst = 0, src = 0;
    for (;;) {
        copy_row(v->elem_size, v->shape[row], (char *)v->dst + dst * size, v->dst_stride[row],
                 (const char *)v->src + src * size, v->src_stride[row]);
        int a = row - 1;
        for (; a >= 0; a--) {
            const bool is_inside = ++index[a] < v->shape[a];
            dst += v->dst_stride[a] * (is_inside ? 1 : 1 - v->shape[a]);
            src += v->src_stride[a] * (is_inside ? 1 : 1 - v->shape[a]);
            if (is_inside)
                break;
            index[a] = 0;
        }
        if (a < 0)
            return;
    }
}

static void add_axis(struct tro_copy *v, int64_t size, int64_t dst_stride, int64_t src_stride)
{
    v->shape[v->rank] = size;
    v->dst_stride[v->rank] = dst_stride;
    v->src_stride[v->rank] = src_stride;
    v->rank++;
}

#define BLOCK 16 /* elements: of 4 bytes they fill a cache line */

/* A transposition: the source runs along axis `col`, not along the last one. Blocks of that axis
 * are copied for all of the last one, so that each cache line is read once. */
static void run_in_blocks(const struct tro_copy *v, int col)
{
    const int row = v->rank - 1;
    struct tro_copy outer = *v;
    outer.rank = 0;
    for (int a = 0; a < row; a++)
        if (a != col)
            add_axis(&outer, v->shape[a], v->dst_stride[a], v->src_stride[a]);
    const int64_t n_blocks = v->shape[col] / BLOCK, n_rest = v->shape[col] % BLOCK;
    struct tro_copy blocks = outer, rest = outer;
    add_axis(&blocks, n_blocks, v->dst_stride[col] * BLOCK, BLOCK);
    add_axis(&blocks, v->shape[row], v->dst_stride[row], v->src_stride[row]);
    add_axis(&blocks, BLOCK, v->dst_stride[col], 1);
    run_in_order(&blocks);
    if (n_rest == 0)
        return;
    const int64_t size = (int64_t)v->elem_size, first = n_blocks * BLOCK;
    rest.dst = (char *)v->dst + first * v->dst_stride[col] * size;
    rest.src = (const char *)v->src + first * size;
    add_axis(&rest, v->shape[row], v->dst_stride[row], v->src_stride[row]);
    add_axis(&rest, n_rest, v->dst_stride[col], 1);
    run_in_order(&rest);
}

void tro_copy_run(const struct tro_copy *c)
{
    struct tro_copy v;
    if (!simplify(c, &v))
        return;
    int col = 0;
    while (col < v.rank && (v.src_stride[col] != 1 || v.shape[col] < BLOCK))
        col++;
    if (col < v.rank - 1 && v.src_stride[v.rank - 1] != 0 && v.rank < TRO_COPY_RANK)
        run_in_blocks(&v, col);
    else
        run_in_order(&v);
}

static char *place(const struct tro_tensor *t, const int64_t *at, const int64_t *strides)
{
    int64_t offset = 0;
    for (int i = 0; i < t->rank && at; i++)
        offset += at[i] * strides[i];
    return (char *)t->data + offset * (int64_t)tro_dtype_size(t->dtype);
}

void tro_copy_box(const struct tro_tensor *dst, const int64_t *to, const struct tro_tensor *src,
                  const int64_t *at, const int64_t *shape)
{
    struct tro_copy c = {.elem_size = tro_dtype_size(src->dtype), .rank = src->rank};
    tro_ref_strides(dst, c.dst_stride);
    tro_ref_strides(src, c.src_stride);
    for (int i = 0; i < c.rank; i++) {
        c.shape[i] = shape[i];
        if (shape[i] == 0)
            return;
    }
    c.dst = place(dst, to, c.dst_stride);
    c.src = place(src, at, c.src_stride);
    tro_copy_run(&c);
}

void tro_copy_fill(void *dst, int64_t n, size_t elem_size, const void *value)
{
    if (n == 0)
        return;
    if (!value) {
        memset(dst, 0, (size_t)n * elem_size);
        return;
    }
    copy_row(elem_size, n, dst, 1, value, 0);
}
