/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and pooling. */
#include "onnx/import_conv.h"

/* ---- windows --------------------------------------------------------------------------- */

static void fill(struct tro_ints *v, int n, int64_t value)
{
    while (v->n < n && v->n < TRO_MAX_INTS)
        v->v[v->n++] = value;
}

/* A list of n ints, or n times the default. */
static void list_or(struct tro_import_call *c, const char *name, int n, int64_t otherwise,
                    struct tro_ints *out)
{
    if (tro_attr_ints(c, name, out) && out->n != n)
        tro_import_fail(c, TRO_E_INPUT, "attribute '%s': expected %d ints, found %d", name, n,
                        out->n);
    fill(out, n, otherwise);
}

static enum tro_auto_pad auto_pad_of(struct tro_import_call *c, struct tro_ints *pads)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};
    static const enum tro_auto_pad ours[] = {tro_auto_pad_explicit, tro_auto_pad_same_upper,
                                             tro_auto_pad_same_lower, tro_auto_pad_explicit};
    const int i = tro_attr_choice(c, "auto_pad", names, 0);
    for (int k = 0; i > 0 && k < pads->n; k++)
        pads->v[k] = 0;
    return ours[i];
}

void tro_window_attrs(struct tro_import_call *c, int n_spatial, struct tro_window_attrs *w)
{
    if (n_spatial < 1 || n_spatial > TRO_MAX_RANK - 2)
        tro_import_fail(c, TRO_E_INPUT, "expected 1 to %d spatial axes, found %d", TRO_MAX_RANK - 2,
                        n_spatial);
    list_or(c, "strides", n_spatial, 1, &w->strides);
    list_or(c, "dilations", n_spatial, 1, &w->dilations);
    list_or(c, "pads", 2 * n_spatial, 0, &w->pads);
    w->auto_pad = auto_pad_of(c, &w->pads);
}

/* kernel_shape repeats what the weights say; where both are there they must agree. */
static void check_kernel_shape(struct tro_import_call *c, tro_value_id w, int n_spatial)
{
    struct tro_ints kernel;
    if (!tro_attr_ints(c, "kernel_shape", &kernel) || tro_rank_of(c, w) != n_spatial + 2)
        return;
    if (kernel.n != n_spatial) {
        tro_import_fail(c, TRO_E_INPUT, "attribute 'kernel_shape': expected %d ints, found %d",
                        n_spatial, kernel.n);
        return;
    }
    for (int i = 0; i < n_spatial; i++) {
        const tro_dim d = tro_dim_of(c, w, 2 + i);
        if (c->rc >= 0 && tro_dim_is_const(d) && tro_dim_value(d) != kernel.v[i])
            tro_import_fail(c, TRO_E_INPUT,
                            "attribute 'kernel_shape': expected %lld on axis %d as w has it, found "
                            "%lld",
                            (long long)tro_dim_value(d), i, (long long)kernel.v[i]);
    }
}

/* Spatial axes of a convolution: of x, or of w where the rank of x is known only at run time. */
static int n_spatial_of(struct tro_import_call *c, tro_value_id x, tro_value_id w)
{
    return (tro_rank_of(c, x) >= 0 ? tro_rank_of(c, x) : tro_rank_needed(c, w)) - 2;
}

/* ---- convolution ----------------------------------------------------------------------- */

struct tro_attrs_conv tro_conv_attrs(struct tro_import_call *c, tro_value_id x, tro_value_id w)
{
    struct tro_window_attrs win = {0};
    const int n_spatial = n_spatial_of(c, x, w);
    tro_window_attrs(c, n_spatial, &win);
    check_kernel_shape(c, w, n_spatial);
    return (struct tro_attrs_conv){.strides = win.strides,
                                   .dilations = win.dilations,
                                   .pads = win.pads,
                                   .auto_pad = win.auto_pad,
                                   .group = tro_attr_int(c, "group", 1)};
}

int tro_import_conv(struct tro_import_call *c)
{
    const struct tro_attrs_conv a = tro_conv_attrs(c, c->in[0], c->in[1]);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CONV, &a, c->in, 3));
    return c->rc;
}

int tro_import_conv_integer(struct tro_import_call *c)
{
    const struct tro_attrs_conv a = tro_conv_attrs(c, c->in[0], c->in[1]);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CONV_INT, &a, c->in, 4));
    return c->rc;
}

int tro_import_conv_transpose(struct tro_import_call *c)
{
    struct tro_window_attrs win = {0};
    const int n_spatial = n_spatial_of(c, c->in[0], c->in[1]);
    tro_window_attrs(c, n_spatial, &win);
    check_kernel_shape(c, c->in[1], n_spatial);
    struct tro_attrs_conv_transpose a = {.strides = win.strides,
                                         .dilations = win.dilations,
                                         .pads = win.pads,
                                         .auto_pad = win.auto_pad,
                                         .group = tro_attr_int(c, "group", 1)};
    list_or(c, "output_padding", n_spatial, 0, &a.output_padding);
    if (tro_attr_ints(c, "output_shape", &a.output_shape) && a.output_shape.n == n_spatial + 2)
        for (int i = 0; i < n_spatial; i++) /* some exporters give batch and channels too */
            a.output_shape.v[i] = a.output_shape.v[i + 2];
    if (a.output_shape.n)
        a.output_shape.n = n_spatial;
    tro_set_out(c, 0, tro_emit(c, TRO_OP_CONV_TRANSPOSE, &a, c->in, 3));
    return c->rc;
}

int tro_import_deform_conv(struct tro_import_call *c)
{
    struct tro_window_attrs win = {0};
    const int n_spatial = n_spatial_of(c, c->in[0], c->in[1]);
    tro_window_attrs(c, n_spatial, &win);
    check_kernel_shape(c, c->in[1], n_spatial);
    const struct tro_attrs_deform_conv a = {.strides = win.strides,
                                            .dilations = win.dilations,
                                            .pads = win.pads,
                                            .group = tro_attr_int(c, "group", 1),
                                            .offset_group = tro_attr_int(c, "offset_group", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_DEFORM_CONV, &a, c->in, 5));
    return c->rc;
}

/* ---- pooling --------------------------------------------------------------------------- */

struct tro_attrs_pool tro_pool_attrs(struct tro_import_call *c, enum tro_pool kind, tro_value_id x)
{
    struct tro_window_attrs win = {0};
    const int n_spatial = tro_rank_needed(c, x) - 2;
    tro_window_attrs(c, n_spatial, &win);
    struct tro_attrs_pool a = {.kind = kind,
                               .strides = win.strides,
                               .dilations = win.dilations,
                               .pads = win.pads,
                               .auto_pad = win.auto_pad,
                               .ceil_mode = tro_attr_int(c, "ceil_mode", 0)};
    if (!tro_attr_ints(c, "kernel_shape", &a.kernel) || a.kernel.n != n_spatial)
        tro_import_fail(c, TRO_E_INPUT, "attribute 'kernel_shape': expected %d ints, found %d",
                        n_spatial, a.kernel.n);
    return a;
}

int tro_import_max_pool(struct tro_import_call *c)
{
    struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_max, c->in[0]);
    a.column_major = tro_attr_int(c, "storage_order", 0);
    tro_value_id out[2] = {{0}};
    tro_emit_n(c, TRO_OP_POOL, &a, c->in, 1, out, tro_out_wanted(c, 1) ? 2 : 1);
    tro_set_out(c, 0, out[0]);
    tro_set_out(c, 1, out[1]);
    return c->rc;
}

int tro_import_average_pool(struct tro_import_call *c)
{
    struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_avg, c->in[0]);
    a.count_include_pad = tro_attr_int(c, "count_include_pad", 0);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_POOL, &a, c->in, 1));
    return c->rc;
}

int tro_import_lp_pool(struct tro_import_call *c)
{
    struct tro_attrs_pool a = tro_pool_attrs(c, tro_pool_lp, c->in[0]);
    a.p = tro_attr_int(c, "p", 2);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_POOL, &a, c->in, 1));
    return c->rc;
}

int tro_import_max_unpool(struct tro_import_call *c)
{
    struct tro_attrs_max_unpool a = {0};
    const int n_spatial = tro_rank_needed(c, c->in[0]) - 2;
    if (!tro_attr_ints(c, "kernel_shape", &a.kernel) || a.kernel.n != n_spatial)
        tro_import_fail(c, TRO_E_INPUT, "attribute 'kernel_shape': expected %d ints, found %d",
                        n_spatial, a.kernel.n);
    list_or(c, "strides", n_spatial, 1, &a.strides);
    list_or(c, "pads", 2 * n_spatial, 0, &a.pads);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_MAX_UNPOOL, &a, c->in, 3));
    return c->rc;
}

int tro_import_col2im(struct tro_import_call *c)
{
    struct tro_attrs_col2im a = {0};
    const struct tro_value *block = c->rc < 0 ? NULL : tro_value_get(c->g, c->in[2]);
    if (!block || block->shape.rank != 1 || !tro_dim_is_const(block->shape.dim[0]) ||
        tro_dim_value(block->shape.dim[0]) > TRO_MAX_RANK - 2)
        return tro_import_fail(c, TRO_E_INPUT, "expected a block shape of 1 to %d sizes",
                               TRO_MAX_RANK - 2);
    const int n_spatial = (int)tro_dim_value(block->shape.dim[0]);
    list_or(c, "strides", n_spatial, 1, &a.strides);
    list_or(c, "dilations", n_spatial, 1, &a.dilations);
    list_or(c, "pads", 2 * n_spatial, 0, &a.pads);
    tro_set_out(c, 0, tro_emit(c, TRO_OP_COL2IM, &a, c->in, 3));
    return c->rc;
}
