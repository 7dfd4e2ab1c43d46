/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/tensor.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor data is viewed as the file has it");

/* ---- types ----------------------------------------------------------------------------- */

/* Fields of TensorProto that hold elements. */
enum {
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    STRING_DATA = 6,
    INT64_DATA = 7,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11
};

struct type_row {
    const char *name;
    enum tro_dtype dtype;
    int field; /* for elements that are not in raw_data */
};

static const struct type_row types[] = {
    [TRO_ONNX_UNDEFINED] = {"undefined", TRO_DTYPE_NONE, 0},
    [TRO_ONNX_FLOAT] = {"float", TRO_F32, FLOAT_DATA},
    [TRO_ONNX_UINT8] = {"uint8", TRO_U8, INT32_DATA},
    [TRO_ONNX_INT8] = {"int8", TRO_I8, INT32_DATA},
    [TRO_ONNX_UINT16] = {"uint16", TRO_U16, INT32_DATA},
    [TRO_ONNX_INT16] = {"int16", TRO_I16, INT32_DATA},
    [TRO_ONNX_INT32] = {"int32", TRO_I32, INT32_DATA},
    [TRO_ONNX_INT64] = {"int64", TRO_I64, INT64_DATA},
    [TRO_ONNX_STRING] = {"string", TRO_DTYPE_NONE, STRING_DATA},
    [TRO_ONNX_BOOL] = {"bool", TRO_BOOL, INT32_DATA},
    [TRO_ONNX_FLOAT16] = {"float16", TRO_F16, INT32_DATA},
    [TRO_ONNX_DOUBLE] = {"double", TRO_F64, DOUBLE_DATA},
    [TRO_ONNX_UINT32] = {"uint32", TRO_U32, UINT64_DATA},
    [TRO_ONNX_UINT64] = {"uint64", TRO_U64, UINT64_DATA},
    [TRO_ONNX_COMPLEX64] = {"complex64", TRO_DTYPE_NONE, FLOAT_DATA},
    [TRO_ONNX_COMPLEX128] = {"complex128", TRO_DTYPE_NONE, DOUBLE_DATA},
    [TRO_ONNX_BFLOAT16] = {"bfloat16", TRO_BF16, INT32_DATA},
    [TRO_ONNX_FLOAT8E4M3FN] = {"float8e4m3fn", TRO_F8E4M3FN, INT32_DATA},
    [TRO_ONNX_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", TRO_F8E4M3FNUZ, INT32_DATA},
    [TRO_ONNX_FLOAT8E5M2] = {"float8e5m2", TRO_F8E5M2, INT32_DATA},
    [TRO_ONNX_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", TRO_F8E5M2FNUZ, INT32_DATA},
    [TRO_ONNX_UINT4] = {"uint4", TRO_U4, INT32_DATA},
    [TRO_ONNX_INT4] = {"int4", TRO_I4, INT32_DATA},
    [TRO_ONNX_FLOAT4E2M1] = {"float4e2m1", TRO_F4E2M1, INT32_DATA},
};
#define N_TYPES ((int)(sizeof(types) / sizeof(*types)))

enum tro_dtype tro_onnx_to_dtype(int onnx_type)
{
    return onnx_type >= 0 && onnx_type < N_TYPES ? types[onnx_type].dtype : TRO_DTYPE_NONE;
}

int tro_onnx_from_dtype(enum tro_dtype dtype)
{
    for (int i = 0; dtype != TRO_DTYPE_NONE && i < N_TYPES; i++)
        if (types[i].dtype == dtype)
            return i;
    return TRO_ONNX_UNDEFINED;
}

const char *tro_onnx_type_name(int onnx_type)
{
    static _Thread_local char unknown[24];
    if (onnx_type >= 0 && onnx_type < N_TYPES)
        return types[onnx_type].name;
    snprintf(unknown, sizeof(unknown), "type %d", onnx_type);
    return unknown;
}

static const char *field_name(int field)
{
    switch (field) {
    case FLOAT_DATA:
        return "float_data";
    case INT32_DATA:
        return "int32_data";
    case INT64_DATA:
        return "int64_data";
    case DOUBLE_DATA:
        return "double_data";
    default:
        return "uint64_data";
    }
}

/* ---- shapes ---------------------------------------------------------------------------- */

int tro_tensor_set_shape(struct tro_tensor *out, enum tro_dtype dtype, const int64_t *dims,
                         size_t n_dims, struct tro_err *err)
{
    if (n_dims > TRO_MAX_RANK)
        return tro_fail(err, TRO_E_UNSUPPORTED, "expected at most %d dimensions, found %zu",
                        TRO_MAX_RANK, n_dims);
    *out = (struct tro_tensor){.dtype = dtype, .rank = (int)n_dims};
    int64_t n_bytes = (int64_t)tro_dtype_size(dtype);
    for (size_t i = 0; i < n_dims; i++) {
        if (dims[i] < 0)
            return tro_fail(err, TRO_E_INPUT, "expected dimensions of 0 or more, found %lld",
                            (long long)dims[i]);
        if (dims[i] > 0 && __builtin_mul_overflow(n_bytes, dims[i], &n_bytes))
            return tro_fail(err, TRO_E_INPUT,
                            "expected a size that fits 64 bits, found one beyond");
        out->shape[i] = dims[i];
    }
    if (n_bytes > PTRDIFF_MAX)
        return tro_fail(err, TRO_E_INPUT, "expected a size that fits memory, found %lld bytes",
                        (long long)n_bytes);
    return 0;
}

const char *tro_tensor_text(const struct tro_tensor *t, char buf[TRO_TENSOR_TEXT])
{
    int n = snprintf(buf, TRO_TENSOR_TEXT, "%s %s", tro_dtype_name(t->dtype),
                     t->rank ? "" : "scalar");
    for (int i = 0; i < t->rank; i++)
        n += snprintf(buf + n, TRO_TENSOR_TEXT - (size_t)n, "%s%lld", i ? "x" : "",
                      (long long)t->shape[i]);
    return buf;
}

/* ---- elements in their places ---------------------------------------------------------- */

void tro_bool_normalize(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] != 0;
}

bool tro_bool_is_normal(const uint8_t *p, size_t n)
{
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++)
        all |= p[i];
    return all <= 1;
}

/* Bytes that n elements take in a file. */
static size_t n_packed_bytes(enum tro_dtype d, size_t n)
{
    return tro_dtype_bits(d) == 4 ? n / 2 + n % 2 : n * tro_dtype_size(d);
}

/* Two elements a byte, the low half first. */
static void unpack_4bit(uint8_t *to, const uint8_t *from, size_t n, bool is_signed)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t v = (uint8_t)(from[i / 2] >> (i % 2 * 4) & 15);
        to[i] = is_signed ? (uint8_t)((v ^ 8) - 8) : v;
    }
}

static void pack_4bit(uint8_t *to, const uint8_t *from, size_t n)
{
    memset(to, 0, n / 2 + n % 2);
    for (size_t i = 0; i < n; i++)
        to[i / 2] |= (uint8_t)((from[i] & 15) << (i % 2 * 4));
}

/* out->data from bytes in the file's form, of the right number: a view where that will do. */
static int place(struct tro_arena *arena, struct tro_str bytes, struct tro_tensor *out,
                 struct tro_err *err)
{
    const size_t n_bytes = tro_tensor_n_bytes(out);
    const uint8_t *const from = (const uint8_t *)bytes.p;
    const bool is_4bit = tro_dtype_bits(out->dtype) == 4;
    const bool is_aligned = (uintptr_t)from % tro_dtype_size(out->dtype) == 0;
    const bool is_normal = out->dtype != TRO_BOOL || tro_bool_is_normal(from, n_bytes);
    if (n_bytes > 0 && !is_4bit && is_aligned && is_normal) {
        out->data = (void *)(uintptr_t)from;
        return 0;
    }
    out->data = tro_arena_alloc64(arena, n_bytes);
    if (!out->data)
        return tro_fail_nomem(err);
    if (is_4bit)
        unpack_4bit(out->data, from, n_bytes, tro_dtype_is_signed(out->dtype));
    else if (n_bytes > 0)
        memcpy(out->data, from, n_bytes);
    if (out->dtype == TRO_BOOL)
        tro_bool_normalize(out->data, n_bytes);
    return 0;
}

/* ---- decoding -------------------------------------------------------------------------- */

static int fail_count(const struct tro_tensor *t, size_t expected, const char *what, size_t found,
                      struct tro_err *err)
{
    char text[TRO_TENSOR_TEXT];
    return tro_fail(err, TRO_E_INPUT, "expected %zu %s for %s, found %zu", expected, what,
                    tro_tensor_text(t, text), found);
}

static size_t count_varints(struct tro_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (uint8_t)s.p[i] < 0x80;
    return n;
}

/* Varints to integers of the size given, little-endian, low bits kept as ONNX's own reader does. */
static int narrow(struct tro_arena *arena, struct tro_str varints, size_t n, size_t size,
                  bool is_bool, struct tro_str *out, struct tro_err *err)
{
    uint8_t *const to = tro_arena_alloc64(arena, n * size);
    if (!to)
        return tro_fail_nomem(err);
    struct tro_bytes b = tro_bytes_of(varints.p, varints.n);
    for (size_t i = 0; i < n; i++) {
        const uint64_t v = tro_bytes_varint(&b), kept = is_bool ? v != 0 : v;
        memcpy(to + i * size, &kept, size);
    }
    *out = (struct tro_str){(char *)to, n * size};
    return b.failed ? tro_fail(err, TRO_E_INPUT, "expected whole varints, found a cut one") : 0;
}

static int typed_bytes(struct tro_arena *arena, const struct tro_onnx_tensor *t, int field,
                       const struct tro_tensor *shape, struct tro_str *out, struct tro_err *err)
{
    const size_t n = (size_t)tro_tensor_n_elems(shape), size = tro_dtype_size(shape->dtype);
    const size_t n_numbers = tro_dtype_bits(shape->dtype) == 4 ? n_packed_bytes(shape->dtype, n)
                                                               : n;
    const bool is_float = field == FLOAT_DATA || field == DOUBLE_DATA;
    if (n_numbers == 0 && t->typed.n == 0) {
        *out = (struct tro_str){"", 0};
        return 0;
    }
    if (t->typed.n && t->typed_field != field)
        return tro_fail(err, TRO_E_INPUT, "expected %s in raw_data or %s, found %s",
                        tro_dtype_name(shape->dtype), field_name(field),
                        field_name(t->typed_field));
    const size_t n_found = is_float ? t->typed.n / size : count_varints(t->typed);
    if (n_found != n_numbers)
        return fail_count(shape, n_numbers,
                          t->typed.n ? "numbers" : "numbers, or raw_data or external_data,",
                          n_found, err);
    *out = t->typed;
    return is_float ? 0
                    : narrow(arena, t->typed, n_numbers, size, shape->dtype == TRO_BOOL, out, err);
}

/* The elements in the form raw_data has them. */
static int file_bytes(const struct tro_onnx_model *model, struct tro_arena *arena,
                      const struct tro_onnx_tensor *t, int field, const struct tro_tensor *shape,
                      struct tro_str *out, struct tro_err *err)
{
    const size_t n_bytes = n_packed_bytes(shape->dtype, (size_t)tro_tensor_n_elems(shape));
    if (t->has_raw && t->raw.n && t->typed.n)
        return tro_fail(err, TRO_E_INPUT, "expected data in one field, found raw_data and %s",
                        field_name(t->typed_field));
    if (t->is_external && (!model || !model->dir))
        return tro_fail(err, TRO_E_INPUT,
                        "expected the data in the file itself, found external data");
    if (t->is_external)
        return tro_onnx_external_read(model->dir, t, n_bytes, arena, out, err);
    if (!t->has_raw || t->typed.n)
        return typed_bytes(arena, t, field, shape, out, err);
    if (t->raw.n != n_bytes)
        return fail_count(shape, n_bytes, "bytes of raw_data", t->raw.n, err);
    *out = t->raw;
    return 0;
}

static int decode(const struct tro_onnx_model *model, struct tro_arena *arena,
                  const struct tro_onnx_tensor *t, struct tro_tensor *out, struct tro_err *err)
{
    const enum tro_dtype dtype = tro_onnx_to_dtype(t->data_type);
    if (dtype == TRO_DTYPE_NONE)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected elements of a real number type or bool, found %s",
                        tro_onnx_type_name(t->data_type));
    if (t->has_segment)
        return tro_fail(err, TRO_E_UNSUPPORTED, "expected a whole tensor, found a segment of one");
    TRO_TRY(tro_tensor_set_shape(out, dtype, t->dims, t->n_dims, err));
    struct tro_str bytes;
    TRO_TRY(file_bytes(model, arena, t, types[t->data_type].field, out, &bytes, err));
    return place(arena, bytes, out, err);
}

int tro_onnx_tensor_decode(struct tro_onnx_model *model, struct tro_arena *arena,
                           const struct tro_onnx_tensor *t, struct tro_tensor *out,
                           struct tro_err *err)
{
    const int n = (int)(t->name.n < 200 ? t->name.n : 200);
    return tro_err_prefix(err, decode(model, arena, t, out, err), "tensor '%.*s': ", n,
                          n ? t->name.p : "");
}

/* ---- encoding -------------------------------------------------------------------------- */

int tro_onnx_tensor_encode(struct tro_arena *arena, struct tro_str name, const struct tro_tensor *t,
                           struct tro_onnx_tensor *out, struct tro_err *err)
{
    const size_t n = (size_t)tro_tensor_n_elems(t), n_bytes = n_packed_bytes(t->dtype, n);
    *out = (struct tro_onnx_tensor){
        .name = name,
        .dims = tro_arena_memdup(arena, t->shape, (size_t)t->rank * sizeof(*t->shape)),
        .n_dims = (size_t)t->rank,
        .data_type = tro_onnx_from_dtype(t->dtype),
        .has_raw = true,
        .raw = {n_bytes ? t->data : "", n_bytes},
    };
    if (!out->dims)
        return tro_fail_nomem(err);
    if (tro_dtype_bits(t->dtype) != 4 || n == 0)
        return 0;
    uint8_t *const packed = tro_arena_alloc(arena, n_bytes, 1);
    if (!packed)
        return tro_fail_nomem(err);
    pack_4bit(packed, t->data, n);
    out->raw.p = (const char *)packed;
    return 0;
}
