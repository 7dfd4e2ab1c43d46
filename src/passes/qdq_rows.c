/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and layer normalization of dequantized tensors, as arithmetic that every backend does
 * alike: exact integers, then single operations of IEEE f32. Along the axes, n elements each:
 *
 *     Q(softmax(D(x)))   e = table(max - x)        round(exp(-s * d) * 2^k) for d = 0..255
 *                        f32(e) / f32(sum e)       k so that sums stay below 2^30
 *     normalize(D(x))    (n * x - sum x) / sqrt(f32(n * sum x^2 - (sum x)^2) + n^2 * epsilon / s^2)
 *
 * Zero points cancel in both. What quantizes the result stays as it is. A softmax that nothing
 * quantizes stays: of what is small it keeps more digits.
 */
#include "base/dtype.h"
#include "passes/qdq.h"

#include <math.h>

enum {
    SUM_BITS = 30,
    MOST_BITS = 23, /* integers that f32 has */
    MOST_ELEMS = 1 << 14
};

struct rows {
    tro_node_id id;
    struct tro_node n;
    struct tro_qvalue x;
    double scale;
    int64_t n_each;
    tro_value_id axes;
};

/* ---- which nodes ------------------------------------------------------------------------- */

static bool match(struct tro_pass *p, tro_node_id id, const int64_t *axes, int n_axes,
                  struct rows *m)
{
    *m = (struct rows){.id = id, .n = *tro_node_get(p->g, id), .n_each = 1};
    if (m->n.n_out != 1 || !tro_match_dequantize(p, m->n.in[0], &m->x) ||
        !tro_is_per_tensor(p, &m->x) || tro_is_const(p->g, m->x.x) ||
        tro_dtype_size(tro_value_get(p->g, m->x.x)->dtype) != 1 ||
        !tro_pass_splat(p, m->x.scale, &m->scale) || !(m->scale > 0) || !isfinite(m->scale))
        return false;
    const struct tro_shape *const x = &tro_value_get(p->g, m->x.x)->shape;
    for (int i = 0; i < n_axes; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + x->rank : axes[i];
        if (axis < 0 || axis >= x->rank || !tro_dim_is_const(x->dim[axis]))
            return false;
        m->n_each *= tro_dim_value(x->dim[axis]);
        if (m->n_each < 1 || m->n_each > MOST_ELEMS)
            return false;
    }
    return n_axes > 0;
}

/* ---- nodes ------------------------------------------------------------------------------- */

static tro_value_id cast(struct tro_pass *p, const struct rows *m, tro_value_id v,
                         enum tro_dtype to)
{
    const struct tro_attrs_cast a = {.to = to};
    return tro_pass_emit(p, m->id, TRO_OP_CAST, &a, &v, 1);
}

static tro_value_id reduce(struct tro_pass *p, const struct rows *m, tro_value_id v,
                           enum tro_reduction kind, bool widens)
{
    const struct tro_attrs_reduce a = {.kind = kind, .widens = widens};
    return tro_pass_emit(p, m->id, TRO_OP_REDUCE, &a, (const tro_value_id[]){v, m->axes}, 2);
}

static tro_value_id number(struct tro_pass *p, enum tro_dtype d, double v)
{
    return tro_pass_const_f64(p, d, v);
}

/* An entry for each byte. */
static tro_value_id look_up(struct tro_pass *p, const struct rows *m, tro_value_id v,
                            int32_t *entries)
{
    const tro_value_id table = tro_pass_const(
        p, &(struct tro_tensor){.dtype = TRO_I32, .rank = 1, .shape = {256}, .data = entries});
    return tro_pass_emit2(p, m->id, TRO_OP_TABLE, v, table);
}

static int bits_of(int64_t n)
{
    int bits = 0;
    while (((int64_t)1 << bits) < n)
        bits++;
    return bits;
}

bool tro_make_int_softmax(struct tro_pass *p, tro_node_id id)
{
    struct rows m;
    struct tro_qvalue q;
    int32_t entries[256];
    const struct tro_node *const n = tro_node_get(p->g, id);
    const struct tro_attrs_softmax *const a = n->attrs;
    if (n->op != TRO_OP_SOFTMAX || a->is_log || !match(p, id, &a->axis, 1, &m) ||
        !tro_match_quantize(p, tro_pass_user(p, m.n.out[0]), &q) || !tro_pass_allows(p, id))
        return false;
    const int room = SUM_BITS - bits_of(m.n_each);
    for (int d = 0; d < 256; d++)
        entries[d] = (int32_t)rint(ldexp(exp(-m.scale * d), room < MOST_BITS ? room : MOST_BITS));
    m.axes = tro_pass_const_ints(p, &a->axis, 1);
    const tro_value_id max = reduce(p, &m, m.x.x, tro_reduction_max, false);
    const tro_value_id below = tro_pass_emit2(p, id, TRO_OP_SUB, max, m.x.x);
    const tro_value_id e = look_up(p, &m, below, entries);
    const tro_value_id sum = reduce(p, &m, e, tro_reduction_sum, false);
    const tro_value_id part = cast(p, &m, e, TRO_F32), whole = cast(p, &m, sum, TRO_F32);
    tro_pass_replace(p, m.n.out[0], tro_pass_emit2(p, id, TRO_OP_DIV, part, whole));
    return true;
}

/* n * sum x^2 - (sum x)^2, in 64 bits */
static tro_value_id variance(struct tro_pass *p, const struct rows *m, tro_value_id sum)
{
    int32_t squares[256];
    const bool is_signed = tro_value_get(p->g, m->x.x)->dtype == TRO_I8;
    for (int i = 0; i < 256; i++) {
        const int v = is_signed ? (int8_t)i : i;
        squares[i] = v * v;
    }
    const tro_value_id square = look_up(p, m, m->x.x, squares);
    const tro_value_id all = cast(p, m, reduce(p, m, square, tro_reduction_sum, false), TRO_I64);
    const tro_value_id each = number(p, TRO_I64, (double)m->n_each);
    const tro_value_id left = tro_pass_emit2(p, m->id, TRO_OP_MUL, all, each);
    const tro_value_id wide = cast(p, m, sum, TRO_I64);
    const tro_value_id right = tro_pass_emit2(p, m->id, TRO_OP_MUL, wide, wide);
    return tro_pass_emit2(p, m->id, TRO_OP_SUB, left, right);
}

bool tro_make_int_norm(struct tro_pass *p, tro_node_id id)
{
    struct rows m;
    const struct tro_node *const n = tro_node_get(p->g, id);
    const struct tro_attrs_normalize a = n->op == TRO_OP_NORMALIZE
                                             ? *(const struct tro_attrs_normalize *)n->attrs
                                             : (struct tro_attrs_normalize){0};
    if (n->op != TRO_OP_NORMALIZE || a.is_rms || !(a.epsilon > 0) ||
        !match(p, id, a.axes.v, a.axes.n, &m) || !tro_pass_allows(p, id))
        return false;
    m.axes = tro_pass_const_ints(p, a.axes.v, a.axes.n);
    const double each = (double)m.n_each, more = each * each * a.epsilon / (m.scale * m.scale);
    const tro_value_id sum = reduce(p, &m, m.x.x, tro_reduction_sum, true);
    const tro_value_id v = cast(p, &m, variance(p, &m, sum), TRO_F32);
    const tro_value_id epsilon = number(p, TRO_F32, more);
    const tro_value_id square = tro_pass_emit2(p, id, TRO_OP_ADD, v, epsilon);
    const tro_value_id root = tro_pass_emit1(p, id, TRO_OP_SQRT, square);
    const tro_value_id wide = cast(p, &m, m.x.x, TRO_I32), n_each = number(p, TRO_I32, each);
    const tro_value_id x = tro_pass_emit2(p, id, TRO_OP_MUL, wide, n_each);
    const tro_value_id above = cast(p, &m, tro_pass_emit2(p, id, TRO_OP_SUB, x, sum), TRO_F32);
    tro_pass_replace(p, m.n.out[0], tro_pass_emit2(p, id, TRO_OP_DIV, above, root));
    return true;
}
