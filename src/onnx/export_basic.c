/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise operators, reductions and moves whose form in ONNX differs a little from ours. */
#include "onnx/export_call.h"

#include <string.h>

#include "base/dtype.h"

/* ---- pointwise ------------------------------------------------------------------------- */

void tro_export_fmod(struct tro_export *x)
{
    tro_export_direct(x);
    tro_export_int(x, "fmod", 1);
}

/* Of truth values, or of bits. */
void tro_export_logical(struct tro_export *x)
{
    static const char *const bits[] = {[TRO_OP_AND - TRO_OP_AND] = "BitwiseAnd",
                                       [TRO_OP_OR - TRO_OP_AND] = "BitwiseOr",
                                       [TRO_OP_XOR - TRO_OP_AND] = "BitwiseXor"};
    if (tro_export_in_value(x, 0)->dtype == TRO_BOOL)
        tro_export_direct(x);
    else
        tro_export_as(x, x->node->op == TRO_OP_NOT ? "BitwiseNot" : bits[x->node->op - TRO_OP_AND]);
}

void tro_export_shift(struct tro_export *x)
{
    tro_export_direct(x);
    tro_export_text(x, "direction", x->node->op == TRO_OP_SHL ? "LEFT" : "RIGHT");
}

/* Integers are whole already. */
void tro_export_rounding(struct tro_export *x)
{
    if (tro_dtype_is_float(tro_export_in_value(x, 0)->dtype))
        tro_export_direct(x);
    else
        tro_export_as(x, "Identity");
}

void tro_export_cast(struct tro_export *x)
{
    const struct tro_attrs_cast *a = x->node->attrs;
    tro_export_direct(x);
    if (a->wraps)
        tro_export_int(x, "saturate", 0);
}

/* The entry of each byte, whose integers below 0 stand behind the others. */
void tro_export_table(struct tro_export *x)
{
    const char *at = tro_export_cast_to(x, tro_export_in(x, 0), TRO_I32);
    if (tro_export_in_value(x, 0)->dtype == TRO_I8)
        at = tro_export_emit2(x, "Mod", at, tro_export_const_fill(x, TRO_I32, 256, -1, "bytes"),
                              "byte");
    tro_export_last(x, "Gather", (const char *[]){tro_export_in(x, 1), at}, 2);
}

/* ---- reductions ------------------------------------------------------------------------ */

void tro_export_reduce(struct tro_export *x)
{
    static const char *const ops[] = {[tro_reduction_sum] = "ReduceSum",
                                      [tro_reduction_mean] = "ReduceMean",
                                      [tro_reduction_max] = "ReduceMax",
                                      [tro_reduction_min] = "ReduceMin",
                                      [tro_reduction_prod] = "ReduceProd"};
    const struct tro_attrs_reduce *a = x->node->attrs;
    const enum tro_dtype dtype = tro_export_in_value(x, 0)->dtype;
    const bool is_order = a->kind == tro_reduction_max || a->kind == tro_reduction_min;
    if (a->widens) {
        const char *in[2] = {tro_export_cast_to(x, tro_export_in(x, 0), TRO_I32),
                             tro_export_in(x, 1)};
        tro_export_last(x, ops[a->kind], in, 2);
        tro_export_attrs(x);
        return;
    }
    if (!is_order && (dtype == TRO_I8 || dtype == TRO_U8 || dtype == TRO_BOOL))
        tro_export_fail(x, TRO_E_UNSUPPORTED, "ONNX has no %s of %s: put a cast in front of it",
                        ops[a->kind], tro_dtype_name(dtype));
    tro_export_as(x, ops[a->kind]);
}

void tro_export_arg_reduce(struct tro_export *x)
{
    const struct tro_attrs_arg_reduce *a = x->node->attrs;
    tro_export_as(x, a->is_min ? "ArgMin" : "ArgMax");
}

void tro_export_softmax(struct tro_export *x)
{
    const struct tro_attrs_softmax *a = x->node->attrs;
    tro_export_as(x, a->is_log ? "LogSoftmax" : "Softmax");
}

/* k is a vector there. */
void tro_export_topk(struct tro_export *x)
{
    static const int64_t one = 1;
    const char *k = tro_export_in(x, 1);
    if (tro_export_in_value(x, 1)->shape.rank != 1)
        k = tro_export_emit2(x, "Reshape", k, tro_export_const_i64(x, &one, 1, "shape"), "k");
    tro_export_node(x, "TopK", (const char *[]){tro_export_in(x, 0), k}, 2,
                    (const char *[]){tro_export_out(x, 0), tro_export_out(x, 1)}, 2);
    tro_export_attrs(x);
}

/* ---- moves ----------------------------------------------------------------------------- */

/* The contents of the shape, where they are known and none is 0, which would stand for the size of
 * x: their number, or -1. */
static int known_shape(const struct tro_export *x, const tro_dim **out)
{
    const struct tro_value *shape = tro_export_in_value(x, 1);
    if (!shape->elems || shape->shape.rank != 1 || !tro_dim_is_const(shape->shape.dim[0]))
        return -1;
    const int n = (int)tro_dim_value(shape->shape.dim[0]);
    for (int i = 0; i < n; i++)
        if (tro_dim_is(shape->elems[i], 0))
            return -1;
    *out = shape->elems;
    return n;
}

/* The shape as constants: sizes of x as 0, one that follows from the rest as -1. False when more
 * than one would have to follow. */
static bool plain_shape(const struct tro_export *x, const tro_dim *d, int n, int64_t *out)
{
    const struct tro_shape *of = &tro_export_in_value(x, 0)->shape;
    int n_open = 0;
    for (int i = 0; i < n; i++) {
        const bool is_copied = i < of->rank && tro_dim_eq(d[i], of->dim[i]);
        out[i] = tro_dim_is_const(d[i]) ? tro_dim_value(d[i]) : is_copied ? 0 : -1;
        n_open += out[i] == -1;
    }
    return n_open <= 1;
}

void tro_export_reshape(struct tro_export *x)
{
    const struct tro_attrs_reshape *a = x->node->attrs;
    int64_t shape[TRO_MAX_INTS];
    const tro_dim *d = NULL;
    const int n = known_shape(x, &d);
    const char *in[2] = {tro_export_in(x, 0), ""};
    const bool is_plain = n >= 0 && !tro_export_in_value(x, 1)->data && plain_shape(x, d, n, shape);
    in[1] = is_plain ? tro_export_const_i64(x, shape, (size_t)n, "shape") : tro_export_in(x, 1);
    tro_export_last(x, "Reshape", in, 2);
    if (a->allow_zero && n < 0)
        tro_export_int(x, "allowzero", 1);
}

/* To the shape of a scalar: a copy. */
void tro_export_expand(struct tro_export *x)
{
    const struct tro_shape *s = &tro_export_in_value(x, 1)->shape;
    const char *from = tro_export_in(x, 0);
    if (s->rank == 1 && tro_dim_is(s->dim[0], 0))
        tro_export_last(x, "Identity", &from, 1);
    else
        tro_export_direct(x);
}

/* Parts that nobody asked for have names all the same, since parts have no other way to be left
 * out. */
void tro_export_split(struct tro_export *x)
{
    const size_t n = x->node->n_out;
    const char **out = TRO_NEW_N(&x->m->arena, const char *, n);
    const char *in[2] = {tro_export_in(x, 0), tro_export_in(x, 1)};
    if (!out) {
        tro_export_no_memory(x);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        out[i] = x->node->out[i].i ? tro_export_out(x, i) : tro_export_new_name(x, "part");
    tro_export_node(x, "Split", in, 2, out, n);
    tro_export_attrs(x);
    if (!in[1][0])
        tro_export_int(x, "num_outputs", (int64_t)n);
}

void tro_export_compress(struct tro_export *x)
{
    const struct tro_attrs_compress *a = x->node->attrs;
    tro_export_direct(x);
    if (!a->is_flat)
        tro_export_int(x, "axis", a->axis);
}

void tro_export_unique(struct tro_export *x)
{
    const struct tro_attrs_unique *a = x->node->attrs;
    tro_export_direct(x);
    if (!a->is_flat)
        tro_export_int(x, "axis", a->axis);
}

void tro_export_roi_align(struct tro_export *x)
{
    const struct tro_attrs_roi_align *a = x->node->attrs;
    tro_export_direct(x);
    tro_export_text(x, "coordinate_transformation_mode",
                    a->is_half_pixel ? "half_pixel" : "output_half_pixel");
}

void tro_export_image_decode(struct tro_export *x)
{
    static const char *const names[] = {[tro_pixel_format_rgb] = "RGB",
                                        [tro_pixel_format_bgr] = "BGR",
                                        [tro_pixel_format_grayscale] = "Grayscale"};
    const struct tro_attrs_image_decode *a = x->node->attrs;
    tro_export_direct(x);
    tro_export_text(x, "pixel_format", names[a->format]);
}

/* ---- normalization --------------------------------------------------------------------- */

/* The last axes of x, all of known size: their number of elements; -1 otherwise. */
static int64_t n_trailing(const struct tro_export *x, const struct tro_ints *axes, int rank)
{
    const struct tro_shape *s = &tro_export_in_value(x, 0)->shape;
    int64_t n = 1;
    for (int i = 0; i < axes->n; i++) {
        const int64_t axis = axes->v[i] < 0 ? axes->v[i] + rank : axes->v[i];
        if (axis != rank - axes->n + i || !tro_dim_is_const(s->dim[axis]))
            return -1;
        n *= tro_dim_value(s->dim[axis]);
    }
    return n;
}

/* Above this a tensor of ones is more than the nodes that do without it. */
enum { MAX_ONES = 4096 };

static void write_layer_norm(struct tro_export *x, const struct tro_attrs_normalize *a, int rank,
                             int64_t n)
{
    const struct tro_value *in = tro_export_in_value(x, 0);
    struct tro_tensor ones = {.dtype = in->dtype, .rank = a->axes.n};
    for (int i = 0; i < a->axes.n; i++)
        ones.shape[i] = tro_dim_value(in->shape.dim[rank - a->axes.n + i]);
    ones.data = tro_arena_alloc(&x->m->arena, (size_t)n, tro_dtype_size(in->dtype));
    for (int64_t i = 0; ones.data && i < n; i++)
        tro_store_f64(ones.dtype, ones.data, i, 1);
    if (!ones.data) {
        tro_export_no_memory(x);
        return;
    }
    const char *out[3] = {tro_export_out(x, 0), tro_export_out(x, 1), tro_export_out(x, 2)};
    tro_export_node(x, "LayerNormalization",
                    (const char *[]){tro_export_in(x, 0), tro_export_const(x, &ones, "ones")}, 2,
                    out, 3);
    tro_export_int(x, "axis", rank - a->axes.n);
    tro_export_float(x, "epsilon", a->epsilon);
}

static const char *mean_of(struct tro_export *x, const char *v, const char *axes, const char *out)
{
    const char *made = out[0] ? out : tro_export_new_name(x, "mean");
    tro_export_node(x, "ReduceMean", (const char *[]){v, axes}, 2, &made, 1);
    return made;
}

/* d / sqrt(mean(d * d) + epsilon) of d = x - mean(x), or of x itself. */
static void write_norm_parts(struct tro_export *x, const struct tro_attrs_normalize *a)
{
    const enum tro_dtype dtype = tro_export_in_value(x, 0)->dtype;
    const bool has_stats = tro_export_out(x, 1)[0] || tro_export_out(x, 2)[0];
    if (has_stats && dtype != TRO_F32 && dtype != TRO_F64)
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "expected its mean and deviation of f32 or f64, found %s",
                        tro_dtype_name(dtype));
    const char *d = tro_export_in(x, 0);
    const char *axes = tro_export_const_i64(x, a->axes.v, (size_t)a->axes.n, "axes");
    if (!a->is_rms || tro_export_out(x, 1)[0]) {
        const char *mean = mean_of(x, d, axes, tro_export_out(x, 1));
        if (!a->is_rms)
            d = tro_export_emit2(x, "Sub", d, mean, "centered");
    }
    const char *variance = mean_of(x, tro_export_emit2(x, "Mul", d, d, "square"), axes, "");
    const char *moved = tro_export_emit2(
        x, "Add", variance, tro_export_const_fill(x, dtype, a->epsilon, -1, "epsilon"), "variance");
    const char *root = tro_export_emit1(x, "Sqrt", moved, "deviation");
    tro_export_last(x, "Div", (const char *[]){d, root}, 2);
    const char *inverse = tro_export_out(x, 2);
    if (inverse[0])
        tro_export_node(x, "Reciprocal", &root, 1, &inverse, 1);
}

void tro_export_normalize(struct tro_export *x)
{
    const struct tro_attrs_normalize *a = x->node->attrs;
    const int rank = tro_export_in_rank(x, 0);
    const int64_t n = n_trailing(x, &a->axes, rank);
    const bool is_narrow = tro_export_in_value(x, 0)->dtype != TRO_F64;
    if (!a->is_rms && is_narrow && n > 0 && n <= MAX_ONES)
        write_layer_norm(x, a, rank, n);
    else
        write_norm_parts(x, a);
}
