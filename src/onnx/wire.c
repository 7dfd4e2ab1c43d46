/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/wire.h"

#include "base/err.h"

#include <string.h>

#define MAX_FIELD_NUMBER ((UINT64_C(1) << 29) - 1)

const char *tro_wire_type_name(enum tro_wire_type type)
{
    static const char *const names[] = {"varint", "fixed64", "bytes", "group", "group", "fixed32"};
    return (unsigned)type < sizeof(names) / sizeof(*names) ? names[type] : "unknown";
}

/* ---- reading --------------------------------------------------------------------------- */

static struct tro_str span(const uint8_t *from, const struct tro_bytes *b)
{
    return (struct tro_str){(const char *)from, (size_t)(b->p - from)};
}

/* b stands behind the tag. Unknown wire types count as damage. */
static void read_body(struct tro_bytes *b, struct tro_wire_field *f)
{
    const uint8_t *const start = b->p;
    switch (f->type) {
    case TRO_WIRE_VARINT:
        f->value = tro_bytes_varint(b);
        break;
    case TRO_WIRE_FIXED64:
        f->value = tro_bytes_u64(b);
        break;
    case TRO_WIRE_FIXED32:
        f->value = tro_bytes_u32(b);
        break;
    case TRO_WIRE_BYTES:
        f->body = tro_bytes_take(b, tro_bytes_varint(b));
        return;
    default:
        b->failed = true;
    }
    f->body = span(start, b);
}

bool tro_wire_skim(struct tro_bytes *b, struct tro_wire_field *f)
{
    if (tro_bytes_left(b) == 0)
        return false;
    const uint8_t *const start = b->p;
    const uint64_t tag = tro_bytes_varint(b);
    *f = (struct tro_wire_field){.type = (enum tro_wire_type)(tag & 7)};
    f->number = tag >> 3 <= MAX_FIELD_NUMBER ? (uint32_t)(tag >> 3) : 0;
    if (f->number)
        read_body(b, f);
    else
        b->failed = true;
    f->whole = span(start, b);
    return !b->failed;
}

/* Why the field at p could not be read. */
static int fail_field(const uint8_t *p, const uint8_t *end, const char *base, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(p, (size_t)(end - p));
    const size_t at = (size_t)((const char *)p - base);
    const uint64_t tag = tro_bytes_varint(&b), number = tag >> 3;
    const int type = (int)(tag & 7);
    if (b.failed)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a field, found a cut or endless tag at byte %zu", at);
    if (number == 0 || number > MAX_FIELD_NUMBER)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a field number of 1 to %llu, found %llu at byte %zu",
                        (unsigned long long)MAX_FIELD_NUMBER, (unsigned long long)number, at);
    if (type == 3 || type == 4)
        return tro_fail(err, TRO_E_INPUT, "expected no group, found field %llu as one at byte %zu",
                        (unsigned long long)number, at);
    if (type > 5)
        return tro_fail(err, TRO_E_INPUT, "expected wire type 0, 1, 2 or 5, found %d at byte %zu",
                        type, at);
    const uint64_t n = type == TRO_WIRE_BYTES ? tro_bytes_varint(&b) : 0;
    if (n && !b.failed)
        return tro_fail(err, TRO_E_INPUT,
                        "field %llu at byte %zu: expected %llu bytes, found %zu: the file or the "
                        "message around it is cut",
                        (unsigned long long)number, at, (unsigned long long)n, tro_bytes_left(&b));
    return tro_fail(err, TRO_E_INPUT,
                    "field %llu at byte %zu: expected a %s, found it cut or endless",
                    (unsigned long long)number, at, tro_wire_type_name((enum tro_wire_type)type));
}

int tro_wire_next(struct tro_bytes *b, const char *base, struct tro_wire_field *f,
                  struct tro_err *err)
{
    if (tro_bytes_left(b) == 0)
        return 0;
    const uint8_t *const start = b->p;
    return tro_wire_skim(b, f) ? 1 : fail_field(start, b->end, base, err);
}

/* ---- writing --------------------------------------------------------------------------- */

static void put_tag(struct tro_buf *out, uint32_t number, enum tro_wire_type type)
{
    tro_buf_varint(out, (uint64_t)number << 3 | (uint64_t)type);
}

void tro_wire_put_varint(struct tro_buf *out, uint32_t number, uint64_t v)
{
    put_tag(out, number, TRO_WIRE_VARINT);
    tro_buf_varint(out, v);
}

void tro_wire_put_fixed32(struct tro_buf *out, uint32_t number, uint32_t v)
{
    put_tag(out, number, TRO_WIRE_FIXED32);
    tro_buf_u32(out, v);
}

void tro_wire_put_bytes(struct tro_buf *out, uint32_t number, struct tro_str s)
{
    put_tag(out, number, TRO_WIRE_BYTES);
    tro_buf_varint(out, s.n);
    tro_buf_put(out, s.p, s.n);
}

size_t tro_wire_begin(struct tro_buf *out, uint32_t number)
{
    put_tag(out, number, TRO_WIRE_BYTES);
    tro_buf_u8(out, 0);
    return out->n;
}

void tro_wire_end(struct tro_buf *out, size_t mark)
{
    if (out->failed)
        return;
    const size_t n = out->n - mark;
    uint8_t length[10];
    size_t n_length = 0;
    for (uint64_t v = n; n_length == 0 || v; v >>= 7)
        length[n_length++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
    /* One byte is there; the rest of the length is put at the end to make room, then moved. */
    tro_buf_put(out, length + 1, n_length - 1);
    if (out->failed)
        return;
    if (n_length > 1)
        memmove(out->p + mark + n_length - 1, out->p + mark, n);
    memcpy(out->p + mark - 1, length, n_length);
}
