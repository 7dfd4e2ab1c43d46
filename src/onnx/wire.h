/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol Buffers wire format: a message is a sequence of fields, each with a number and one of
 * four encodings. Nothing here knows what the fields mean.
 */
#ifndef TRO_ONNX_WIRE_H
#define TRO_ONNX_WIRE_H

#include <trocar/trocar.h>

#include "base/bytes.h"

enum tro_wire_type {
    TRO_WIRE_VARINT = 0,
    TRO_WIRE_FIXED64 = 1,
    TRO_WIRE_BYTES = 2, /* text, bytes, a message, or packed numbers */
    TRO_WIRE_FIXED32 = 5
};
/* "varint", "bytes", ... for messages. */
const char *tro_wire_type_name(enum tro_wire_type type);

struct tro_wire_field {
    uint32_t number; /* 1 to 2^29 - 1 */
    enum tro_wire_type type;
    uint64_t value;       /* varint and fixed; 0 for bytes */
    struct tro_str body;  /* the value's own bytes, without tag and length */
    struct tro_str whole; /* with them */
};

/* Reads the next field of a message. 1 and a field, 0 at the end, < 0 on damage: cut, a group, a
 * field number or wire type that does not exist. base is where the file starts, for the byte offset
 * in the message. */
int tro_wire_next(struct tro_bytes *b, const char *base, struct tro_wire_field *f,
                  struct tro_err *err);

/* For bytes that were checked as a whole already: false at the end and on damage. */
bool tro_wire_skim(struct tro_bytes *b, struct tro_wire_field *f);

void tro_wire_put_varint(struct tro_buf *out, uint32_t number, uint64_t v);
void tro_wire_put_fixed32(struct tro_buf *out, uint32_t number, uint32_t v);
void tro_wire_put_bytes(struct tro_buf *out, uint32_t number, struct tro_str s);

/* What is written between the two is the message's content:
 *     size_t mark = tro_wire_begin(out, 7); ...; tro_wire_end(out, mark);
 * The content is moved once when its length takes more than one byte. */
size_t tro_wire_begin(struct tro_buf *out, uint32_t number);
void tro_wire_end(struct tro_buf *out, size_t mark);

#endif
