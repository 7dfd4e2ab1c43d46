/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear resizing of dequantized pictures that is quantized again:
 *
 *     Q(resize(D(x)))     Q(D(resize_int(x))), where Q(D()) goes, or is a table
 *
 * What is not quantized behind it, or by less than x's quantum, would lose by it and stays in
 * floating point.
 */
#include "base/dtype.h"
#include "passes/qdq.h"

enum { MOST_MOVED = 2 /* axes: more of them leave few bits to each weight */ };

bool tro_is_int_resize(const struct tro_graph *g, const struct tro_node *n)
{
    const struct tro_attrs_resize *const a = n->attrs;
    if (n->op != TRO_OP_RESIZE || a->mode != tro_resize_mode_linear || a->exclude_outside ||
        a->coord == tro_coord_mode_tf_crop_and_resize ||
        a->coord == tro_coord_mode_tf_half_pixel_for_nn)
        return false;
    const struct tro_shape *const x = &tro_value_get(g, n->in[0])->shape;
    const struct tro_shape *const y = &tro_value_get(g, n->out[0])->shape;
    int n_moved = 0;
    for (int i = 0; i < x->rank; i++)
        n_moved += !tro_dim_eq(x->dim[i], y->dim[i]);
    return x->rank >= 0 && n_moved <= MOST_MOVED;
}

bool tro_make_int_resize(struct tro_pass *p, tro_node_id id)
{
    struct tro_qvalue x, q;
    double from, to;
    const struct tro_node n = *tro_node_get(p->g, id);
    if (!tro_is_int_resize(p->g, &n) || !tro_match_dequantize(p, n.in[0], &x) ||
        !tro_is_per_tensor(p, &x) || tro_is_const(p->g, x.x) ||
        tro_dtype_size(tro_value_get(p->g, x.x)->dtype) != 1 ||
        !tro_match_quantize(p, tro_pass_user(p, n.out[0]), &q) ||
        !tro_pass_splat(p, x.scale, &from) || !tro_pass_splat(p, q.scale, &to) || !(from <= to) ||
        !tro_pass_allows(p, id))
        return false;
    tro_value_id in[4] = {x.x};
    for (uint32_t i = 1; i < n.n_in; i++)
        in[i] = n.in[i];
    const tro_value_id d[3] = {tro_pass_emit(p, id, TRO_OP_RESIZE_INT, n.attrs, in, n.n_in),
                               x.scale, x.zero};
    tro_pass_replace(p, n.out[0],
                     tro_pass_emit(p, id, TRO_OP_DEQUANTIZE, NULL, d, x.zero.i ? 3 : 2));
    return true;
}
