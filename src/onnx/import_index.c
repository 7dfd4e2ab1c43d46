/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that take elements by index, or give indices. */
#include "onnx/import_call.h"

#include "base/dtype.h"

static const char *const scatter_names[] = {"none", "add", "mul", "max", "min", NULL};

static int emit_with_axis(struct tro_import_call *c, enum tro_op op, int64_t otherwise)
{
    const struct tro_attrs_axis a = {.axis = tro_attr_int(c, "axis", otherwise)};
    tro_set_out(c, 0, tro_emit(c, op, &a, c->in, c->n_in));
    return c->rc;
}

int tro_import_gather(struct tro_import_call *c)
{
    return emit_with_axis(c, TRO_OP_GATHER, 0);
}

int tro_import_gather_elements(struct tro_import_call *c)
{
    return emit_with_axis(c, TRO_OP_GATHER_ELEMENTS, 0);
}

int tro_import_gather_nd(struct tro_import_call *c)
{
    const struct tro_attrs_gather_nd a = {.batch_dims = tro_attr_int(c, "batch_dims", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_GATHER_ND, &a, c->in, 2));
    return c->rc;
}

int tro_import_scatter_elements(struct tro_import_call *c)
{
    const struct tro_attrs_scatter_elements a = {
        .axis = tro_attr_int(c, "axis", 0),
        .reduction = (enum tro_scatter)tro_attr_choice(c, "reduction", scatter_names, 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_SCATTER_ELEMENTS, &a, c->in, 3));
    return c->rc;
}

int tro_import_scatter_nd(struct tro_import_call *c)
{
    const struct tro_attrs_scatter_nd a = {
        .reduction = (enum tro_scatter)tro_attr_choice(c, "reduction", scatter_names, 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_SCATTER_ND, &a, c->in, 3));
    return c->rc;
}

int tro_import_one_hot(struct tro_import_call *c)
{
    return emit_with_axis(c, TRO_OP_ONE_HOT, -1);
}

int tro_import_nonzero(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit1(c, TRO_OP_NONZERO, c->in[0]));
    return c->rc;
}

int tro_import_compress(struct tro_import_call *c)
{
    const struct tro_attrs_compress a = {.is_flat = !tro_attr_has(c, "axis"),
                                         .axis = tro_attr_int(c, "axis", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_COMPRESS, &a, c->in, 2));
    return c->rc;
}

int tro_import_unique(struct tro_import_call *c)
{
    const struct tro_attrs_unique a = {.is_flat = !tro_attr_has(c, "axis"),
                                       .axis = tro_attr_int(c, "axis", 0),
                                       .is_unsorted = !tro_attr_int(c, "sorted", 1)};
    tro_emit_n(c, TRO_OP_UNIQUE, &a, c->in, 1, c->out, c->n_out);
    return c->rc;
}

int tro_import_nms(struct tro_import_call *c)
{
    const int64_t center = tro_attr_int(c, "center_point_box", 0);
    if (center != 0 && center != 1)
        return tro_import_fail(c, TRO_E_INPUT,
                               "attribute 'center_point_box': expected 0 or 1, found %lld",
                               (long long)center);
    const struct tro_attrs_nms a = {.is_center = center};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_NMS, &a, c->in, c->n_in));
    return c->rc;
}

/* ---- TopK ------------------------------------------------------------------------------ */

int tro_import_topk(struct tro_import_call *c)
{
    const struct tro_attrs_topk a = {.axis = tro_attr_int(c, "axis", -1),
                                     .is_smallest = !tro_attr_int(c, "largest", 1),
                                     .is_unsorted = !tro_attr_int(c, "sorted", 1)};
    tro_value_id out[2];
    tro_emit_n(c, TRO_OP_TOPK, &a, c->in, 2, out, 2);
    tro_set_out(c, 0, out[0]);
    tro_set_out(c, 1, out[1]);
    return c->rc;
}

/* Before version 10 k is an attribute. */
int tro_import_topk_1(struct tro_import_call *c)
{
    const struct tro_attrs_topk a = {.axis = tro_attr_int(c, "axis", -1)};
    const tro_value_id in[2] = {c->in[0], tro_const_i64_1(c, tro_attr_int(c, "k", -1))};
    tro_value_id out[2];
    tro_emit_n(c, TRO_OP_TOPK, &a, in, 2, out, 2);
    tro_set_out(c, 0, out[0]);
    tro_set_out(c, 1, out[1]);
    return c->rc;
}
