/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "onnx/schema.h"
#include "onnx/wire.h"

#include <string.h>

/* What protobuf's own readers take. */
#define MAX_BYTES ((size_t)INT32_MAX)

static void write_message(struct tro_buf *out, const struct tro_onnx_message *m, const void *in);

static const void *member(const void *message, size_t at)
{
    return (const char *)message + at;
}

static void write_text(struct tro_buf *out, uint32_t number, struct tro_str s)
{
    if (s.p)
        tro_wire_put_bytes(out, number, s);
}

static void write_varint(struct tro_buf *out, uint32_t number, int64_t v, bool is_there)
{
    if (v != 0 || is_there)
        tro_wire_put_varint(out, number, (uint64_t)v);
}

static void write_f32(struct tro_buf *out, uint32_t number, float v, bool is_there)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    if (bits != 0 || is_there)
        tro_wire_put_fixed32(out, number, bits);
}

static void write_sub(struct tro_buf *out, const struct tro_onnx_field *row, const void *in)
{
    const size_t mark = tro_wire_begin(out, row->number);
    write_message(out, row->child, in);
    tro_wire_end(out, mark);
}

/* Attributes' numbers and dims are not packed in onnx.proto. */
static void write_many(struct tro_buf *out, const struct tro_onnx_field *row, const void *array,
                       size_t n)
{
    const char *elem = array;
    for (size_t i = 0; i < n; i++) {
        if (row->kind == TRO_FIELD_SUBS)
            write_sub(out, row, elem + i * row->child->size);
        else if (row->kind == TRO_FIELD_I64S)
            write_varint(out, row->number, ((const int64_t *)array)[i], true);
        else if (row->kind == TRO_FIELD_F32S)
            write_f32(out, row->number, ((const float *)array)[i], true);
        else
            tro_wire_put_bytes(out, row->number, ((const struct tro_str *)array)[i]);
    }
}

static void write_field(struct tro_buf *out, const struct tro_onnx_field *row, const void *in)
{
    const void *const at = member(in, row->at);
    const void *const aux = row->aux == TRO_NO_AUX ? NULL : member(in, row->aux);
    const void *pointer;
    switch ((enum tro_field_kind)row->kind) {
    case TRO_FIELD_TEXT:
        write_text(out, row->number, *(const struct tro_str *)at);
        return;
    case TRO_FIELD_NAME:
        if (!aux || !*(const bool *)aux)
            write_text(out, row->number, *(const struct tro_str *)at);
        return;
    case TRO_FIELD_DOMAIN:
        write_text(out, row->number,
                   *(const bool *)aux ? TRO_STR("ai.onnx") : *(const struct tro_str *)at);
        return;
    case TRO_FIELD_I64:
        write_varint(out, row->number, *(const int64_t *)at, *(const bool *)aux);
        return;
    case TRO_FIELD_I32:
        write_varint(out, row->number, *(const int32_t *)at, *(const bool *)aux);
        return;
    case TRO_FIELD_I32_OR_NOT:
        if (!*(const bool *)aux)
            write_varint(out, row->number, *(const int32_t *)at, true);
        return;
    case TRO_FIELD_F32:
        write_f32(out, row->number, *(const float *)at, *(const bool *)aux);
        return;
    case TRO_FIELD_FLAG:
        write_varint(out, row->number, *(const bool *)at, *(const bool *)aux);
        return;
    case TRO_FIELD_INLINE:
        if (!aux || *(const bool *)aux)
            write_sub(out, row, at);
        return;
    case TRO_FIELD_SUB:
        memcpy(&pointer, at, sizeof(pointer));
        if (pointer)
            write_sub(out, row, pointer);
        return;
    case TRO_FIELD_VARINTS:
    case TRO_FIELD_FIXED32S:
    case TRO_FIELD_FIXED64S:
        if (*(const int32_t *)aux == row->number)
            write_text(out, row->number, *(const struct tro_str *)at);
        return;
    default:
        memcpy(&pointer, at, sizeof(pointer));
        write_many(out, row, pointer, *(const size_t *)aux);
    }
}

static void write_message(struct tro_buf *out, const struct tro_onnx_message *m, const void *in)
{
    for (size_t i = 0; i < m->n_fields; i++)
        write_field(out, &m->fields[i], in);
    const struct tro_str *const unknown = member(in, m->unknown_at);
    tro_buf_put(out, unknown->p, unknown->n);
}

int tro_onnx_write(const struct tro_onnx_model *m, struct tro_buf *out, struct tro_err *err)
{
    const size_t start = out->n;
    write_message(out, tro_onnx_model_message, m);
    if (out->failed)
        return tro_fail_nomem(err);
    if (out->n - start > MAX_BYTES)
        return tro_fail(
            err, TRO_E_UNSUPPORTED,
            "expected a model of at most %zu bytes, found %zu: keep weights in external "
            "data",
            MAX_BYTES, out->n - start);
    return 0;
}

void tro_onnx_write_tensor(const struct tro_onnx_tensor *t, struct tro_buf *out)
{
    write_message(out, tro_onnx_tensor_message, t);
}
