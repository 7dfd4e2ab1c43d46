/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that copy elements to other places. */
#include "onnx/import_call.h"

#include "base/dtype.h"

int tro_import_transpose(struct tro_import_call *c)
{
    struct tro_ints perm;
    const bool has_perm = tro_attr_ints(c, "perm", &perm);
    const int rank = has_perm ? perm.n : tro_rank_needed(c, c->in[0]);
    int axes[TRO_MAX_INTS];
    if (has_perm && tro_rank_of(c, c->in[0]) >= 0 && perm.n != tro_rank_of(c, c->in[0]))
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'perm': expected %d axes, found %d",
                               tro_rank_of(c, c->in[0]), perm.n);
    for (int i = 0; i < rank; i++) {
        if (has_perm && (perm.v[i] < 0 || perm.v[i] >= rank))
            return tro_import_fail(c, TRO_E_INPUT,
                                   "attribute 'perm': expected axes of 0 to %d, found "
                                   "%lld",
                                   rank - 1, (long long)perm.v[i]);
        axes[i] = has_perm ? (int)perm.v[i] : rank - 1 - i;
    }
    tro_set_out(c, 0, tro_emit_transpose(c, c->in[0], axes, rank));
    return c->rc;
}

int tro_import_concat(struct tro_import_call *c)
{
    if (c->version >= 4 && !tro_attr_has(c, "axis"))
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'axis': expected an int, found none");
    const struct tro_attrs_axis a = {.axis = tro_attr_int(c, "axis", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CONCAT, &a, c->in, c->n_in));
    return c->rc;
}

/* ---- Split ----------------------------------------------------------------------------- */

static int emit_split(struct tro_import_call *c, int64_t axis, tro_value_id sizes)
{
    const struct tro_attrs_axis a = {.axis = axis};
    tro_emit_n(c, TRO_OP_SPLIT, &a, (tro_value_id[]){c->in[0], sizes}, 2, c->out, c->n_out);
    return c->rc;
}

/* Equal parts; before version 18 they must divide. */
static int split_evenly(struct tro_import_call *c, int64_t axis)
{
    const int rank = tro_rank_of(c, c->in[0]);
    if (c->version < 18 && rank >= 0) {
        const tro_dim size = tro_dim_of(c, c->in[0], tro_axis_of(c, axis, rank));
        if (c->rc >= 0 && tro_dim_is_const(size) && tro_dim_value(size) % c->n_out != 0)
            return tro_import_fail(c, TRO_E_INPUT,
                                   "expected a size that splits into %d equal parts, found %lld",
                                   c->n_out, (long long)tro_dim_value(size));
    }
    return emit_split(c, axis, TRO_VALUE_NONE);
}

int tro_import_split(struct tro_import_call *c)
{
    const int64_t axis = tro_attr_int(c, "axis", 0);
    const int64_t n = tro_attr_int(c, "num_outputs", c->n_out);
    if (tro_in_has(c, 1))
        return emit_split(c, axis, c->in[1]);
    if (n != c->n_out)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'num_outputs': expected %d, found %lld",
                               c->n_out, (long long)n);
    return split_evenly(c, axis);
}

/* Before version 13 the sizes are an attribute. */
int tro_import_split_2(struct tro_import_call *c)
{
    const int64_t axis = tro_attr_int(c, "axis", 0);
    const struct tro_onnx_attr *a = tro_attr_raw(c, "split");
    if (!a || !a->n_ints)
        return split_evenly(c, axis);
    if (a->n_ints != (size_t)c->n_out)
        return tro_import_fail(c, TRO_E_INPUT, "attribute 'split': expected %d sizes, found %zu",
                               c->n_out, a->n_ints);
    return emit_split(c, axis, tro_const_i64(c, a->ints, c->n_out));
}

/* ---- Slice, Pad ------------------------------------------------------------------------ */

int tro_import_slice(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit(c, TRO_OP_SLICE, NULL, c->in, c->n_in));
    return c->rc;
}

/* Before version 10 the bounds are attributes. */
int tro_import_slice_1(struct tro_import_call *c)
{
    struct tro_ints starts, ends, axes;
    tro_attr_ints(c, "starts", &starts);
    tro_attr_ints(c, "ends", &ends);
    if (!tro_attr_ints(c, "axes", &axes))
        for (axes.n = 0; axes.n < starts.n; axes.n++)
            axes.v[axes.n] = axes.n;
    const tro_value_id in[4] = {c->in[0], tro_const_ints(c, &starts), tro_const_ints(c, &ends),
                                tro_const_ints(c, &axes)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_SLICE, NULL, in, 4));
    return c->rc;
}

static enum tro_pad_mode pad_mode(struct tro_import_call *c)
{
    static const char *const names[] = {"constant", "reflect", "edge", "wrap", NULL};
    return (enum tro_pad_mode)tro_attr_choice(c, "mode", names, tro_pad_mode_constant);
}

int tro_import_pad(struct tro_import_call *c)
{
    const struct tro_attrs_pad a = {.mode = pad_mode(c)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_PAD, &a, c->in, c->n_in));
    return c->rc;
}

/* Before version 11 pads and value are attributes. */
int tro_import_pad_1(struct tro_import_call *c)
{
    const struct tro_attrs_pad a = {.mode = pad_mode(c)};
    struct tro_ints pads;
    if (!tro_attr_ints(c, "pads", &pads))
        tro_attr_ints(c, "paddings", &pads);
    const double value = tro_attr_float(c, "value", 0);
    const tro_value_id in[3] = {c->in[0], tro_const_ints(c, &pads), tro_like(c, c->in[0], value)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_PAD, &a, in, 3));
    return c->rc;
}

int tro_import_center_crop_pad(struct tro_import_call *c)
{
    struct tro_attrs_axes a = {0};
    if (!tro_attr_ints(c, "axes", &a.axes))
        for (int rank = tro_rank_needed(c, c->in[0]); a.axes.n < rank; a.axes.n++)
            a.axes.v[a.axes.n] = a.axes.n;
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CENTER_CROP_PAD, &a, c->in, 2));
    return c->rc;
}

/* ---- blocks of pixels ------------------------------------------------------------------ */

/* n, c, h, w of a picture and the block size; zero sizes, and blocks of 1, after an error. */
static void pixel_sizes(struct tro_import_call *c, tro_dim d[4], int64_t *block)
{
    *block = tro_attr_int(c, "blocksize", 0);
    if (*block <= 0 || *block > 65536) {
        tro_import_fail(c, TRO_E_INPUT, "attribute 'blocksize': expected [1, 65536], found %lld",
                        (long long)*block);
        *block = 1;
    }
    if (tro_rank_needed(c, c->in[0]) != 4)
        tro_import_fail(c, TRO_E_INPUT, "expected rank 4, found %d", tro_rank_of(c, c->in[0]));
    for (int i = 0; i < 4; i++)
        d[i] = c->rc < 0 ? tro_dim_const(0) : tro_dim_of(c, c->in[0], i);
}

static void check_divides(struct tro_import_call *c, const char *what, tro_dim size, int64_t by)
{
    if (c->rc >= 0 && tro_dim_is_const(size) && tro_dim_value(size) % by != 0)
        tro_import_fail(c, TRO_E_INPUT, "expected %s that divide by %lld, found %lld", what,
                        (long long)by, (long long)tro_dim_value(size));
}

int tro_import_depth_to_space(struct tro_import_call *c)
{
    static const char *const modes[] = {"DCR", "CRD", NULL};
    struct tro_dims *t = &c->g->dims;
    const bool is_crd = tro_attr_choice(c, "mode", modes, 0) == 1;
    tro_dim d[4];
    int64_t block;
    pixel_sizes(c, d, &block);
    check_divides(c, "channels", d[1], block * block);
    if (c->rc < 0)
        return c->rc;
    const tro_dim b = tro_dim_const(block);
    const tro_dim depth = tro_dim_div(t, d[1], tro_dim_const(block * block));
    const tro_dim split_dcr[6] = {d[0], b, b, depth, d[2], d[3]};
    const tro_dim split_crd[6] = {d[0], depth, b, b, d[2], d[3]};
    static const int perm_dcr[6] = {0, 3, 4, 1, 5, 2}, perm_crd[6] = {0, 1, 4, 2, 5, 3};
    const tro_dim joined[4] = {d[0], depth, tro_dim_mul(t, d[2], b), tro_dim_mul(t, d[3], b)};
    const tro_value_id split = tro_emit_reshape(c, c->in[0], is_crd ? split_crd : split_dcr, 6);
    const tro_value_id moved = tro_emit_transpose(c, split, is_crd ? perm_crd : perm_dcr, 6);
    tro_set_out(c, 0, tro_emit_reshape(c, moved, joined, 4));
    return c->rc;
}

int tro_import_space_to_depth(struct tro_import_call *c)
{
    struct tro_dims *t = &c->g->dims;
    tro_dim d[4];
    int64_t block;
    pixel_sizes(c, d, &block);
    check_divides(c, "rows", d[2], block);
    check_divides(c, "columns", d[3], block);
    if (c->rc < 0)
        return c->rc;
    const tro_dim b = tro_dim_const(block);
    const tro_dim h = tro_dim_div(t, d[2], b), w = tro_dim_div(t, d[3], b);
    const tro_dim split[6] = {d[0], d[1], h, b, w, b};
    static const int perm[6] = {0, 3, 5, 1, 2, 4};
    const tro_dim joined[4] = {d[0], tro_dim_mul(t, d[1], tro_dim_const(block * block)), h, w};
    const tro_value_id moved = tro_emit_transpose(c, tro_emit_reshape(c, c->in[0], split, 6), perm,
                                                  6);
    tro_set_out(c, 0, tro_emit_reshape(c, moved, joined, 4));
    return c->rc;
}

/* ---- others ---------------------------------------------------------------------------- */

int tro_import_trilu(struct tro_import_call *c)
{
    const struct tro_attrs_trilu a = {.is_lower = !tro_attr_int(c, "upper", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_TRILU, &a, c->in, 2));
    return c->rc;
}

int tro_import_reverse_sequence(struct tro_import_call *c)
{
    const struct tro_attrs_reverse_sequence a = {.time_axis = tro_attr_int(c, "time_axis", 0),
                                                 .batch_axis = tro_attr_int(c, "batch_axis", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_REVERSE_SEQUENCE, &a, c->in, 2));
    return c->rc;
}
