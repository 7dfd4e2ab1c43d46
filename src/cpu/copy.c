/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies. Axes are put in the order of the destination and merged; then either
 *
 *     the last axis has no gaps on both sides        rows, by memcpy
 *     the source has no gaps along another axis      blocks of the two axes, transposed
 *     neither                                        element by element
 *
 * The work is cut into items of some kilobytes, of which each part does a share.
 */
#include "cpu/copy.h"

#include <string.h>

#include "base/cpu.h"
#include "base/dtype.h"

#define ITEM_BYTES 32768
/* Sides of a transposed block in elements: along the axis without gaps in the source, and along
 * that of the destination. Measured: larger ones meet too few sets of the cache where pitches are
 * powers of two. */
#define SIDE_I 32
#define SIDE_J 128

/* ---- axes ------------------------------------------------------------------------------------ */

/* Strides in bytes. */
struct axis {
    int64_t size, dst, src;
};

struct plan {
    int rank;
    struct axis axis[TRO_MAX_RANK];
    int64_t elem;
};

static int64_t magnitude(int64_t v)
{
    return v < 0 ? -v : v;
}

static bool goes_before(const struct axis *a, const struct axis *b)
{
    if (magnitude(a->dst) != magnitude(b->dst))
        return magnitude(a->dst) > magnitude(b->dst);
    return magnitude(a->src) > magnitude(b->src);
}

static void insert(struct plan *p, const struct axis *a)
{
    int at = p->rank++;
    for (; at > 0 && goes_before(a, &p->axis[at - 1]); at--)
        p->axis[at] = p->axis[at - 1];
    p->axis[at] = *a;
}

static void merge(struct plan *p)
{
    int n = 0;
    for (int i = 0; i < p->rank; i++) {
        const struct axis a = p->axis[i];
        struct axis *const last = n ? &p->axis[n - 1] : NULL;
        if (last && last->dst == a.dst * a.size && last->src == a.src * a.size) {
            last->size *= a.size;
            last->dst = a.dst;
            last->src = a.src;
        } else {
            p->axis[n++] = a;
        }
    }
    p->rank = n;
}

/* False when there is nothing to copy. */
static bool make_plan(struct plan *p, const struct tro_arg *to, const struct tro_arg *from)
{
    *p = (struct plan){.elem = (int64_t)tro_dtype_size(to->dtype)};
    for (int i = 0; i < to->rank; i++) {
        const struct axis a = {to->shape[i], to->stride[i] * p->elem, from->stride[i] * p->elem};
        if (a.size == 0)
            return false;
        if (a.size != 1)
            insert(p, &a);
    }
    merge(p);
    if (p->rank == 0 || p->axis[p->rank - 1].dst != p->elem) {
        if (p->rank == TRO_MAX_RANK)
            return true;
        p->axis[p->rank++] = (struct axis){1, p->elem, p->elem};
    }
    return true;
}

/* ---- items ----------------------------------------------------------------------------------- */

/* Indices of item n along the axes, each of which is cut into pieces of step[a] elements. */
struct cutting {
    int64_t step[TRO_MAX_RANK], n[TRO_MAX_RANK], n_items;
};

static void count_items(const struct plan *p, struct cutting *c)
{
    c->n_items = 1;
    for (int i = 0; i < p->rank; i++) {
        c->n[i] = (p->axis[i].size + c->step[i] - 1) / c->step[i];
        c->n_items *= c->n[i];
    }
}

static void locate(const struct plan *p, const struct cutting *c, int64_t item, int64_t *first,
                   char **dst, const char **src)
{
    for (int i = p->rank - 1; i >= 0; i--) {
        first[i] = item % c->n[i] * c->step[i];
        item /= c->n[i];
        *dst += first[i] * p->axis[i].dst;
        *src += first[i] * p->axis[i].src;
    }
}

static int64_t piece(const struct plan *p, const struct cutting *c, const int64_t *first, int axis)
{
    const int64_t left = p->axis[axis].size - first[axis];
    return left < c->step[axis] ? left : c->step[axis];
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void copy_rows(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch, int64_t n,
                      size_t n_bytes)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(dst + i * dst_pitch, src + i * src_pitch, n_bytes);
}

/* The same loop thrice: the compiler makes vectors of one element repeated, and of gathered ones.
 * */
#define STRIDED_BY(type, dst_by, src_by) \
    for (int64_t j = 0; j < n; j++)      \
    memcpy(dst + j * (dst_by), src + j * (src_by), sizeof(type))
#define STRIDED(type)                                                   \
    if (dst_step != (int64_t)sizeof(type)) {                            \
        STRIDED_BY(type, dst_step, src_step);                           \
    } else if (src_step == 0) {                                         \
        type one;                                                       \
        memcpy(&one, src, sizeof(one));                                 \
        for (int64_t j = 0; j < n; j++)                                 \
            memcpy(dst + j * (int64_t)sizeof(type), &one, sizeof(one)); \
    } else {                                                            \
        STRIDED_BY(type, (int64_t)sizeof(type), src_step);              \
    }                                                                   \
    break;

static void copy_strided(char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t n,
                         int64_t elem)
{
    switch (elem) {
    case 1:
        STRIDED(uint8_t)
    case 2:
        STRIDED(uint16_t)
    case 4:
        STRIDED(uint32_t)
    default:
        STRIDED(uint64_t)
    }
}

/* Items are pieces of the last axis and of the one before. */
static void run_rows(const struct plan *p, char *dst, const char *src, int part, int n_parts)
{
    const int last = p->rank - 1, before = last - 1;
    const struct axis *const a = &p->axis[last];
    const bool is_dense = a->dst == p->elem && a->src == p->elem;
    struct cutting c;
    int64_t begin, end, first[TRO_MAX_RANK];
    for (int i = 0; i < p->rank; i++)
        c.step[i] = 1;
    c.step[last] = a->size < ITEM_BYTES / p->elem ? a->size : ITEM_BYTES / p->elem;
    if (before >= 0)
        c.step[before] = ITEM_BYTES / p->elem / c.step[last];
    count_items(p, &c);
    tro_part_range(c.n_items, part, n_parts, &begin, &end);
    for (int64_t item = begin; item < end; item++) {
        char *d = dst;
        const char *s = src;
        locate(p, &c, item, first, &d, &s);
        const int64_t n = piece(p, &c, first, last);
        const int64_t n_rows = before >= 0 ? piece(p, &c, first, before) : 1;
        const int64_t dst_pitch = before >= 0 ? p->axis[before].dst : 0;
        const int64_t src_pitch = before >= 0 ? p->axis[before].src : 0;
        if (is_dense) {
            copy_rows(d, dst_pitch, s, src_pitch, n_rows, (size_t)(n * p->elem));
            continue;
        }
        for (int64_t i = 0; i < n_rows; i++)
            copy_strided(d + i * dst_pitch, a->dst, s + i * src_pitch, a->src, n, p->elem);
    }
}

/* ---- transposed blocks -------------------------------------------------------------------------
 * */

#define TRANSPOSE(type)                                                            \
    for (int64_t i = 0; i < n_i; i++)                                              \
        for (int64_t j = 0; j < n_j; j++)                                          \
            memcpy(dst + i * dst_pitch + j * (int64_t)sizeof(type),                \
                   src + j * src_pitch + i * (int64_t)sizeof(type), sizeof(type)); \
    break;

static void transpose_any(char *dst, int64_t dst_pitch, const char *src, int64_t src_pitch,
                          int64_t n_i, int64_t n_j, int64_t elem)
{
    switch (elem) {
    case 1:
        TRANSPOSE(uint8_t)
    case 2:
        TRANSPOSE(uint16_t)
    case 4:
        TRANSPOSE(uint32_t)
    default:
        TRANSPOSE(uint64_t)
    }
}

static tro_transpose_fn *pick_transpose(int64_t elem, int64_t n_i, int64_t n_j)
{
#if defined(__x86_64__)
    const uint32_t flags = tro_cpu_flags();
    if (elem == 4 && n_i >= 4 && n_j >= 4 && (flags & TRO_CPU_AVX512))
        return tro_transpose_4__avx512;
    if (elem == 4 && n_i >= 4 && n_j >= 4 && (flags & TRO_CPU_AVX2))
        return tro_transpose_4__avx2;
#endif
    (void)elem;
    (void)n_i;
    (void)n_j;
    return NULL;
}

/* Axis i has no gaps in the source, the last one none in the destination. */
static void run_transposed(const struct plan *p, int i_axis, char *dst, const char *src, int part,
                           int n_parts)
{
    const int j_axis = p->rank - 1;
    const int64_t n_i = p->axis[i_axis].size, n_j = p->axis[j_axis].size;
    tro_transpose_fn *const fn = pick_transpose(p->elem, n_i, n_j);
    struct cutting c;
    int64_t begin, end, first[TRO_MAX_RANK];
    for (int i = 0; i < p->rank; i++)
        c.step[i] = 1;
    /* A short side makes the other one longer. */
    c.step[i_axis] = n_i < SIDE_I ? n_i : n_j < SIDE_J ? SIDE_I * SIDE_J / n_j : SIDE_I;
    c.step[j_axis] = n_j < SIDE_J ? n_j : n_i < SIDE_I ? SIDE_I * SIDE_J / n_i : SIDE_J;
    count_items(p, &c);
    tro_part_range(c.n_items, part, n_parts, &begin, &end);
    for (int64_t item = begin; item < end; item++) {
        char *d = dst;
        const char *s = src;
        locate(p, &c, item, first, &d, &s);
        const int64_t a = piece(p, &c, first, i_axis), b = piece(p, &c, first, j_axis);
        if (fn)
            fn(d, p->axis[i_axis].dst, s, p->axis[j_axis].src, a, b);
        else
            transpose_any(d, p->axis[i_axis].dst, s, p->axis[j_axis].src, a, b, p->elem);
    }
}

void tro_copy_part(const struct tro_arg *to, char *dst, const struct tro_arg *from, const char *src,
                   int part, int n_parts)
{
    struct plan p;
    if (!make_plan(&p, to, from))
        return;
    const struct axis *const last = &p.axis[p.rank - 1];
    if (last->dst == p.elem && last->src != p.elem)
        for (int i = p.rank - 2; i >= 0; i--)
            if (p.axis[i].src == p.elem) {
                run_transposed(&p, i, dst, src, part, n_parts);
                return;
            }
    run_rows(&p, dst, src, part, n_parts);
}

/* ---- steps -------------------------------------------------------------------------------------
 * */

int tro_cpu_copy(const struct tro_step *s, const struct tro_step_run *r)
{
    tro_copy_part(&s->out[0], tro_arg_ptr(r, &s->out[0]), &s->in[0], tro_arg_ptr(r, &s->in[0]),
                  r->part, r->n_parts);
    return 0;
}
