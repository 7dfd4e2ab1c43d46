/* SPDX-License-Identifier: Apache-2.0 */
/* Quantization: our scales and zeros broadcast against x, ONNX's are of the tensor, of an axis, or
 * of blocks along one. */
#include "onnx/export_call.h"

#include <string.h>

#include "base/dtype.h"

#define FLOATS_OPSET 19 /* brought types of 8-bit floats, */
#define BLOCKS_OPSET 21 /* blocks, and integers of 4 and 16 bits */
#define MS_OPSET 1

enum { OF_TENSOR = -1, OF_MANY = -2 };

struct scheme {
    int axis;      /* OF_TENSOR, OF_MANY, or the axis that each scale has a place of */
    int64_t n;     /* of an axis: its size, -1 when that is not known */
    const char *x; /* in the type that the operator wants */
    enum tro_dtype scale_type;
};

/* The axis of x, of this rank, along which v has more than one element. */
static int axis_of(const struct tro_value *v, int rank)
{
    int axis = OF_TENSOR;
    if (v->shape.rank < 0)
        return OF_MANY;
    for (int i = 0; i < v->shape.rank; i++) {
        if (tro_dim_is(v->shape.dim[i], 1))
            continue;
        if (axis != OF_TENSOR || rank < 0)
            return OF_MANY;
        axis = i + rank - v->shape.rank;
    }
    return axis;
}

static bool has_in(const struct tro_export *x, uint32_t i)
{
    return i < x->node->n_in && x->node->in[i].i;
}

static struct scheme scheme_of(const struct tro_export *x, uint32_t first)
{
    const int rank = tro_export_in_value(x, 0)->shape.rank;
    struct scheme s = {.axis = OF_TENSOR, .n = -1};
    for (uint32_t i = first; i < 3; i++) {
        if (!has_in(x, i))
            continue;
        const struct tro_value *v = tro_export_in_value(x, i);
        const int axis = axis_of(v, rank);
        if (axis == OF_TENSOR)
            continue;
        s.axis = s.axis == OF_TENSOR || s.axis == axis ? axis : OF_MANY;
        if (axis >= 0)
            s.n = tro_dim_value_or_minus1(v->shape.dim[axis - rank + v->shape.rank]);
    }
    return s;
}

/* ---- parameters ------------------------------------------------------------------------ */

static const char *repeated(struct tro_export *x, const struct tro_tensor *t, int64_t n,
                            const char *suffix)
{
    const size_t size = tro_dtype_size(t->dtype);
    struct tro_tensor all = {.dtype = t->dtype, .rank = 1, .shape = {n}};
    char *p = tro_arena_alloc(&x->m->arena, (size_t)n, size);
    if (!p) {
        tro_export_no_memory(x);
        return "";
    }
    for (int64_t i = 0; i < n; i++)
        memcpy(p + (size_t)i * size, t->data, size);
    all.data = p;
    return tro_export_const(x, &all, suffix);
}

static const char *constant_param(struct tro_export *x, uint32_t i, const struct scheme *s,
                                  const char *suffix)
{
    struct tro_tensor t = tro_const_tensor(x->g, x->node->in[i]);
    const int64_t n = tro_tensor_n_elems(&t);
    if (t.rank == (s->axis >= 0) && (s->axis < 0 || n == s->n))
        return tro_export_in(x, i);
    if (s->axis >= 0 && n == 1 && s->n >= 0)
        return repeated(x, &t, s->n, suffix);
    t.rank = s->axis >= 0;
    t.shape[0] = n;
    return tro_export_const(x, &t, suffix);
}

/* Scale or zero as ONNX wants it: a scalar, or a vector. */
static const char *param(struct tro_export *x, uint32_t i, const struct scheme *s,
                         const char *suffix)
{
    static const int64_t flat = -1;
    if (!has_in(x, i))
        return "";
    const struct tro_value *v = tro_export_in_value(x, i);
    if (v->data)
        return constant_param(x, i, s, suffix);
    const char *name = tro_export_in(x, i);
    if (s->axis == OF_TENSOR)
        return v->shape.rank == 0 ? name : tro_export_emit1(x, "Squeeze", name, suffix);
    const int rank = tro_export_in_value(x, 0)->shape.rank;
    if (v->shape.rank != 1)
        name = tro_export_emit2(x, "Reshape", name, tro_export_const_i64(x, &flat, 1, "shape"),
                                suffix);
    if (axis_of(v, rank) == s->axis)
        return name;
    return tro_export_emit2(x, "Expand", name, tro_export_const_i64(x, &s->n, 1, "shape"), suffix);
}

/* How many zeros there are is known. */
static bool has_fixed_size(const struct scheme *s)
{
    return s->axis < 0 || s->n >= 0;
}

/* Written where it is 0 as well: tools that look for pairs of quantize and dequantize want both to
 * have one, of the same type. */
static const char *zero_param(struct tro_export *x, const struct scheme *s, enum tro_dtype dtype)
{
    if (has_in(x, 2))
        return param(x, 2, s, "zero");
    if (!has_fixed_size(s) && dtype == TRO_U8) /* as ONNX has it where there is none */
        return "";
    if (!has_fixed_size(s))
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "expected a known number of scales, or zero points of type %s",
                        tro_dtype_name(dtype));
    return tro_export_const_fill(x, dtype, 0, s->axis >= 0 ? s->n : -1, "zero");
}

/* ---- blocks ---------------------------------------------------------------------------- */

static int64_t gcd(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t stride_of(const struct tro_tensor *t, int axis)
{
    int64_t n = 1;
    for (int i = axis + 1; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

/* The greatest number of equal neighbours along the axis that all of t is made of. */
static int64_t block_along(const struct tro_tensor *t, int axis)
{
    const int64_t stride = stride_of(t, axis), size = t->shape[axis], n = tro_tensor_n_elems(t);
    const size_t bytes = tro_dtype_size(t->dtype);
    const char *p = t->data;
    int64_t block = 0;
    for (int64_t i = 0; i < n && block != 1; i++) {
        const int64_t at = i / stride % size;
        if (at && memcmp(p + (size_t)i * bytes, p + (size_t)(i - stride) * bytes, bytes) != 0)
            block = gcd(at, block);
    }
    return block ? block : size;
}

/* One element of each block. */
static const char *thinned(struct tro_export *x, uint32_t i, int axis, int64_t block,
                           const char *suffix)
{
    const struct tro_tensor t = tro_const_tensor(x->g, x->node->in[i]);
    const size_t bytes = tro_dtype_size(t.dtype);
    const int64_t stride = stride_of(&t, axis), n = tro_tensor_n_elems(&t);
    struct tro_tensor few = t;
    few.shape[axis] = (t.shape[axis] + block - 1) / block;
    char *to = tro_arena_alloc(&x->m->arena, (size_t)tro_tensor_n_elems(&few), bytes);
    few.data = to;
    if (!to) {
        tro_export_no_memory(x);
        return "";
    }
    for (int64_t k = 0; k < n; k++) {
        if (k / stride % t.shape[axis] % block)
            continue;
        memcpy(to, (const char *)t.data + (size_t)k * bytes, bytes);
        to += bytes;
    }
    return tro_export_const(x, &few, suffix);
}

/* A constant with an element for each of x. */
static bool is_full(const struct tro_export *x, uint32_t i)
{
    const struct tro_value *v = tro_export_in_value(x, i), *of = tro_export_in_value(x, 0);
    bool same = v->data && v->shape.rank == of->shape.rank && v->shape.rank > 0;
    for (int a = 0; same && a < v->shape.rank; a++)
        same = tro_dim_eq(v->shape.dim[a], of->shape.dim[a]) && !tro_dim_is(v->shape.dim[a], 0);
    return same;
}

/* Scales of blocks: false when they are no such. */
static bool write_blocks(struct tro_export *x, const char *op)
{
    const char *in[3] = {"", "", ""};
    int64_t best = 0;
    int axis = 0;
    if (!is_full(x, 1) || (has_in(x, 2) && !is_full(x, 2)))
        return false;
    const struct tro_tensor scale = tro_const_tensor(x->g, x->node->in[1]);
    for (int a = 0; a < scale.rank; a++) {
        int64_t block = block_along(&scale, a);
        if (has_in(x, 2)) {
            const struct tro_tensor zero = tro_const_tensor(x->g, x->node->in[2]);
            block = gcd(block, block_along(&zero, a));
        }
        if (block > best) {
            best = block;
            axis = a;
        }
    }
    in[0] = tro_export_in(x, 0);
    in[1] = thinned(x, 1, axis, best, "scale");
    if (has_in(x, 2))
        in[2] = thinned(x, 2, axis, best, "zero");
    tro_export_last(x, op, in, 3);
    tro_export_int(x, "axis", axis);
    tro_export_int(x, "block_size", best);
    tro_export_need(x, BLOCKS_OPSET);
    return true;
}

/* ---- quantize, dequantize -------------------------------------------------------------- */

static bool is_8bit(enum tro_dtype d)
{
    return d == TRO_I8 || d == TRO_U8 || d == TRO_I32; /* i32: of biases */
}

static bool is_16bit(enum tro_dtype d)
{
    return d == TRO_I16 || d == TRO_U16;
}

/* dtype: of what is quantized. ONNX Runtime has the pair for 16 bits in a domain of its own since
 * before ONNX had it, and there its optimizer does not contradict itself (onnx/export.h). */
static void write_linear(struct tro_export *x, const char *op, const struct scheme *s,
                         const char *const in[3], enum tro_dtype dtype)
{
    const bool is_microsoft = is_16bit(dtype) && x->opset < BLOCKS_OPSET;
    if (!is_8bit(dtype) && !is_microsoft)
        tro_export_need(x, tro_dtype_is_float(dtype) ? FLOATS_OPSET : BLOCKS_OPSET);
    tro_export_last(x, op, in, 3);
    if (is_microsoft) {
        tro_export_domain(x, "com.microsoft");
        x->ms_opset = MS_OPSET;
    }
    if (s->axis >= 0)
        tro_export_int(x, "axis", s->axis);
}

/* clip(round(x / scale) + zero), for scales that QuantizeLinear has no form for. */
static void write_quantize_parts(struct tro_export *x, enum tro_dtype to)
{
    const enum tro_dtype f = TRO_F32;
    const char *num = tro_export_cast_to(x, tro_export_in(x, 0), f);
    const char *den = tro_export_cast_to(x, tro_export_in(x, 1), f);
    const char *y = tro_export_emit1(x, "Round", tro_export_emit2(x, "Div", num, den, "ratio"),
                                     "round");
    if (has_in(x, 2))
        y = tro_export_emit2(x, "Add", y, tro_export_cast_to(x, tro_export_in(x, 2), f), "moved");
    const char *lo = tro_export_const_fill(x, f, (double)tro_dtype_min(to), -1, "least");
    const char *hi = tro_export_const_fill(x, f, (double)tro_dtype_max(to), -1, "greatest");
    y = tro_export_emit(x, "Clip", (const char *[]){y, lo, hi}, 3, "clip");
    tro_export_last(x, "Cast", &y, 1);
    tro_export_int(x, "to", tro_onnx_from_dtype(to));
}

void tro_export_quantize(struct tro_export *x)
{
    const struct tro_attrs_cast *a = x->node->attrs;
    const struct scheme s = scheme_of(x, 1);
    const enum tro_dtype from = tro_export_in_value(x, 0)->dtype;
    const enum tro_dtype scale = tro_export_in_value(x, 1)->dtype;
    const enum tro_dtype work = from == TRO_I32 ? TRO_F32 : from; /* of x and scale alike */
    if (s.axis == OF_MANY && from == scale && write_blocks(x, "QuantizeLinear"))
        return;
    if (s.axis == OF_MANY && tro_dtype_is_float(a->to))
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "expected one scale, or one for each place of an "
                        "axis, for a result of type %s",
                        tro_dtype_name(a->to));
    if (s.axis == OF_MANY) {
        write_quantize_parts(x, a->to);
        return;
    }
    const char *in[3] = {tro_export_in(x, 0), param(x, 1, &s, "scale"), zero_param(x, &s, a->to)};
    if (from != work)
        in[0] = tro_export_cast_to(x, in[0], work);
    if (scale != work)
        in[1] = tro_export_cast_to(x, in[1], work);
    write_linear(x, "QuantizeLinear", &s, in, a->to);
    if (a->wraps)
        tro_export_int(x, "saturate", 0);
}

static bool is_all_zero(const struct tro_export *x, uint32_t i)
{
    if (!tro_is_const(x->g, x->node->in[i]))
        return false;
    const struct tro_tensor t = tro_const_tensor(x->g, x->node->in[i]);
    const char *p = t.data;
    for (size_t k = 0; k < tro_tensor_n_bytes(&t); k++)
        if (p[k])
            return false;
    return true;
}

/* (x - zero) * scale */
static void write_dequantize_parts(struct tro_export *x, enum tro_dtype type)
{
    const char *y = tro_export_cast_to(x, tro_export_in(x, 0), type);
    if (has_in(x, 2))
        y = tro_export_emit2(x, "Sub", y, tro_export_cast_to(x, tro_export_in(x, 2), type),
                             "centered");
    tro_export_last(x, "Mul", (const char *[]){y, tro_export_in(x, 1)}, 2);
}

void tro_export_dequantize(struct tro_export *x)
{
    const enum tro_dtype from = tro_export_in_value(x, 0)->dtype;
    const enum tro_dtype type = tro_export_in_value(x, 1)->dtype;
    const struct scheme s = scheme_of(x, 1);
    /* ONNX has no zero point of 32 bits. */
    const bool drops_zero = from == TRO_I32 && has_in(x, 2) && is_all_zero(x, 2);
    if (type != TRO_F64 && s.axis == OF_MANY && write_blocks(x, "DequantizeLinear"))
        return;
    if (s.axis == OF_MANY || type == TRO_F64 || (from == TRO_I32 && has_in(x, 2) && !drops_zero)) {
        write_dequantize_parts(x, type);
        return;
    }
    const bool has_zero = has_in(x, 2) ? !drops_zero : from != TRO_I32 && has_fixed_size(&s);
    const char *in[3] = {tro_export_in(x, 0), param(x, 1, &s, "scale"),
                         has_zero ? zero_param(x, &s, from) : ""};
    write_linear(x, "DequantizeLinear", &s, in, from);
}

/* QuantizeLinear of the scaled sum, with a scale of 1. */
void tro_export_requantize(struct tro_export *x)
{
    const struct scheme s = scheme_of(x, 2);
    const enum tro_dtype to = tro_export_in_value(x, 2)->dtype;
    const char *sum = tro_export_cast_to(x, tro_export_in(x, 0), TRO_F32);
    if (s.axis == OF_MANY || (s.axis >= 0 && s.n < 0))
        tro_export_fail(x, TRO_E_UNSUPPORTED,
                        "expected one zero point, or one for each place of an axis");
    const char *in[3] = {tro_export_emit2(x, "Mul", sum, tro_export_in(x, 1), "scaled"),
                         tro_export_const_fill(x, TRO_F32, 1, s.axis >= 0 ? s.n : -1, "one"),
                         zero_param(x, &s, to)};
    write_linear(x, "QuantizeLinear", &s, in, to);
}
