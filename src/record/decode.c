/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"

#include "base/bytes.h"
#include "base/dtype.h"
#include "base/err.h"
#include "record/view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- nodes -------------------------------------------------------------------------------- */

int tro_decoder_add(struct tro_decoder *d, enum tro_op op, const void *attrs,
                    const tro_value_id *in, uint32_t n_in, const char *const *suffix,
                    tro_value_id *out, uint32_t n_out)
{
    char text[8][256];
    const char *names[8] = {0};
    for (uint32_t i = 0; i < n_out; i++) {
        snprintf(text[i], sizeof text[i], "%.200s_%s", d->o->name, suffix[i]);
        names[i] = suffix[i][0] ? text[i] : NULL;
    }
    const struct tro_node_spec spec = {.op = op,
                                       .name = names[0],
                                       .attrs = attrs,
                                       .in = in,
                                       .n_in = n_in,
                                       .n_out = n_out,
                                       .out_names = names};
    return tro_graph_add_node(d->g, TRO_MAIN_BLOCK, &spec, out, d->err);
}

int tro_decoder_add1(struct tro_decoder *d, enum tro_op op, const void *attrs, tro_value_id x,
                     tro_value_id y, const char *suffix, tro_value_id *out)
{
    const tro_value_id in[2] = {x, y};
    return tro_decoder_add(d, op, attrs, in, y.i ? 2 : 1, &suffix, out, 1);
}

static int add_const(struct tro_decoder *d, enum tro_dtype dtype, const void *v, int64_t n,
                     tro_value_id *out)
{
    const struct tro_tensor t = {
        .dtype = dtype, .rank = n > 0, .shape = {n}, .data = (void *)(uintptr_t)v};
    return tro_graph_add_const_copy(d->g, "", &t, out, d->err);
}

int tro_decoder_const(struct tro_decoder *d, const float *v, tro_value_id *out)
{
    return add_const(d, TRO_F32, v, 0, out);
}

int tro_decoder_ints(struct tro_decoder *d, const int64_t *v, int64_t n, tro_value_id *out)
{
    return add_const(d, TRO_I64, v, n, out);
}

/* ---- outputs ------------------------------------------------------------------------------ */

int tro_decoder_fail_shape(const struct tro_decoder *d, tro_value_id v, const char *expected)
{
    struct tro_buf type = {0};
    tro_value_print_type(d->g, v, &type);
    tro_buf_u8(&type, 0);
    const int rc = type.failed ? tro_fail_nomem(d->err)
                               : tro_fail(d->err, TRO_E_INPUT, "expected %s, found %s", expected,
                                          (const char *)type.p);
    tro_buf_finish(&type);
    return rc;
}

int tro_decoder_want_names(const struct tro_decoder *d, int64_t n)
{
    if (!d->o->n_names || d->o->n_names == n)
        return 0;
    return tro_fail(d->err, TRO_E_INPUT, "names: expected %" PRId64 " texts, found %d", n,
                    d->o->n_names);
}

int tro_decoder_find(struct tro_decoder *d, const char *name, size_t *index, tro_value_id *value)
{
    static const struct tro_attrs_cast wide = {.to = TRO_F32};
    const struct tro_block *const b = tro_block_get(d->g, TRO_MAIN_BLOCK);
    for (*index = 0; *index < b->n_outputs; ++*index)
        if (strcmp(tro_value_get(d->g, b->outputs[*index])->name, name) == 0)
            break;
    if (*index == b->n_outputs)
        return tro_fail(d->err, TRO_E_INPUT, "expected the name of an output, found '%s'", name);
    *value = b->outputs[*index];
    const enum tro_dtype dtype = tro_value_get(d->g, *value)->dtype;
    if (!tro_dtype_is_float(dtype))
        return tro_decoder_fail_shape(d, *value, "an output of floats");
    if (dtype == TRO_F32)
        return 0;
    return tro_decoder_add1(d, TRO_OP_CAST, &wide, *value, TRO_VALUE_NONE, "", value);
}

static int replace(struct tro_decoder *d, tro_value_id v)
{
    return tro_block_replace_output(d->g, TRO_MAIN_BLOCK, d->index, &v, 1, d->err);
}

/* ---- kinds -------------------------------------------------------------------------------- */

static int64_t size_of(const struct tro_decoder *d, int axis)
{
    return tro_dim_value_or_minus1(tro_value_get(d->g, d->value)->shape.dim[axis]);
}

/* Element (x, y) of the map has its centre at x + 1/2, y + 1/2; so have pixels. */
static int move_peaks(struct tro_decoder *d, struct tro_attrs_peaks *a)
{
    struct tro_view v;
    TRO_TRY(tro_view_of(d->g, d->o->input, d->o->space, &v, d->err));
    const double x = v.width / (double)size_of(d, 3), y = v.height / (double)size_of(d, 2);
    a->x_scale = x * v.by_x;
    a->y_scale = y * v.by_y;
    a->x_offset = (x / 2 - v.left) * v.by_x - 0.5;
    a->y_offset = (y / 2 - v.top) * v.by_y - 0.5;
    return 0;
}

static int decode_peaks(struct tro_decoder *d)
{
    struct tro_attrs_peaks a = d->o->peaks;
    tro_value_id found;
    if (tro_value_get(d->g, d->value)->shape.rank != 4 || size_of(d, 2) < 1 || size_of(d, 3) < 1)
        return tro_decoder_fail_shape(d, d->value, "maps [N, K, H, W] of fixed height and width");
    TRO_TRY(tro_decoder_want_names(d, size_of(d, 1)));
    if (d->o->space != TRO_RECORD_SPACE_MAP)
        TRO_TRY(move_peaks(d, &a));
    TRO_TRY(tro_decoder_add1(d, TRO_OP_PEAKS, &a, d->value, TRO_VALUE_NONE, "points", &found));
    return replace(d, found);
}

/* One channel: 1 from the threshold on. */
static int compare(struct tro_decoder *d, int axis, tro_value_id *out)
{
    const double t = d->o->threshold;
    const float least = !d->o->is_logit ? (float)t
                        : t <= 0        ? -INFINITY
                        : t >= 1        ? INFINITY
                                        : (float)log(t / (1 - t));
    const int64_t axes = axis;
    tro_value_id limit, is_in, at;
    TRO_TRY(tro_decoder_const(d, &least, &limit));
    TRO_TRY(tro_decoder_add1(d, TRO_OP_LE, NULL, limit, d->value, "", &is_in));
    TRO_TRY(tro_decoder_ints(d, &axes, 1, &at));
    return tro_decoder_add1(d, TRO_OP_SQUEEZE, NULL, is_in, at, "", out);
}

static int decode_classes(struct tro_decoder *d)
{
    static const struct tro_attrs_cast narrow = {.to = TRO_U8};
    const int axis = d->o->is_nhwc ? 3 : 1;
    const struct tro_attrs_arg_reduce greatest = {.axis = axis, .drop_dims = 1};
    tro_value_id v;
    if (tro_value_get(d->g, d->value)->shape.rank != 4 || size_of(d, axis) < 1 ||
        size_of(d, axis) > 256)
        return tro_decoder_fail_shape(d, d->value,
                                      d->o->is_nhwc ? "scores [N, H, W, C], C 1 to 256"
                                                    : "scores [N, C, H, W], C 1 to 256");
    TRO_TRY(tro_decoder_want_names(d, size_of(d, axis) == 1 ? 2 : size_of(d, axis)));
    if (size_of(d, axis) == 1)
        TRO_TRY(compare(d, axis, &v));
    else
        TRO_TRY(
            tro_decoder_add1(d, TRO_OP_ARG_REDUCE, &greatest, d->value, TRO_VALUE_NONE, "", &v));
    TRO_TRY(tro_decoder_add1(d, TRO_OP_CAST, &narrow, v, TRO_VALUE_NONE, "classes", &v));
    return replace(d, v);
}

static int decode_linear(struct tro_decoder *d)
{
    const float scale = (float)d->o->scale, offset = (float)d->o->offset;
    tro_value_id factor, term, v;
    TRO_TRY(tro_decoder_const(d, &scale, &factor));
    TRO_TRY(tro_decoder_add1(d, TRO_OP_MUL, NULL, d->value, factor, "", &v));
    TRO_TRY(tro_decoder_const(d, &offset, &term));
    TRO_TRY(tro_decoder_add1(d, TRO_OP_ADD, NULL, v, term, "linear", &v));
    return replace(d, v);
}

static int decode_scores(struct tro_decoder *d)
{
    static const struct tro_attrs_softmax along = {.axis = 1};
    static const float one = 1;
    tro_value_id v, factor;
    if (tro_value_get(d->g, d->value)->shape.rank != 2 || size_of(d, 1) < 1)
        return tro_decoder_fail_shape(d, d->value, "scores [N, C]");
    TRO_TRY(tro_decoder_want_names(d, size_of(d, 1)));
    switch (d->o->activation) {
    case TRO_RECORD_SIGMOID:
        TRO_TRY(tro_decoder_add1(d, TRO_OP_SIGMOID, NULL, d->value, TRO_VALUE_NONE, "scores", &v));
        break;
    case TRO_RECORD_SOFTMAX:
        TRO_TRY(
            tro_decoder_add1(d, TRO_OP_SOFTMAX, &along, d->value, TRO_VALUE_NONE, "scores", &v));
        break;
    default:
        TRO_TRY(tro_decoder_const(d, &one, &factor));
        TRO_TRY(tro_decoder_add1(d, TRO_OP_MUL, NULL, d->value, factor, "scores", &v));
        break;
    }
    return replace(d, v);
}

int tro_record_decode_output(struct tro_graph *g, const struct tro_record_output *o,
                             struct tro_err *err)
{
    struct tro_decoder d = {.g = g, .o = o, .err = err};
    TRO_TRY(tro_decoder_find(&d, o->name, &d.index, &d.value));
    switch (o->decode) {
    case TRO_RECORD_BOXES:
        return tro_decode_boxes(&d);
    case TRO_RECORD_PEAKS:
        return decode_peaks(&d);
    case TRO_RECORD_CLASSES:
        return decode_classes(&d);
    case TRO_RECORD_SCORES:
        return decode_scores(&d);
    case TRO_RECORD_LINEAR:
    default:
        return decode_linear(&d);
    }
}
