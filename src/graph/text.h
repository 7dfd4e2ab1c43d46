/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/graph: pieces of the text form (docs/graph-text.md), printed and read. */
#ifndef TRO_GRAPH_TEXT_H
#define TRO_GRAPH_TEXT_H

#include <trocar/trocar.h>

#include "base/bytes.h"
#include "graph/op.h"

/* Elements that `splat` may stand for in one text, so that a short text cannot ask for much
 * memory. */
#define TRO_TEXT_MAX_SPLAT ((int64_t)1 << 24)

bool tro_text_is_letter(char c); /* a-z A-Z _ */
bool tro_text_is_digit(char c);
bool tro_text_is_space(char c);

/* "name" with \" \\ and \xHH; well-formed UTF-8 stays as it is. */
void tro_text_quote(const char *name, struct tro_buf *out);
/* Reads a quoted text at text[*pos] into out, zero-terminated. False when malformed. */
bool tro_text_unquote(struct tro_str text, size_t *pos, struct tro_buf *out);

/* A double in the fewest digits that read back, nan, inf, or @ and its bits in hexadecimal. */
void tro_text_print_element(enum tro_dtype dtype, const void *data, int64_t i, struct tro_buf *out);
/* Reads a whole word as an element; false when it is none or does not fit the type. */
bool tro_text_read_element(enum tro_dtype dtype, struct tro_str word, void *data, int64_t i);

/* Bytes no element of the type may have, as 2 for bool, are refused. */
bool tro_text_is_valid(enum tro_dtype dtype, const void *data, int64_t n);

void tro_text_print_base64(const void *data, size_t n_bytes, struct tro_buf *out);
/* Exactly n_bytes from the text; false when malformed or of another length. */
bool tro_text_read_base64(struct tro_str text, void *data, size_t n_bytes);

/* " {axis = 1, kind = max}", nothing when all fields have their defaults. */
void tro_text_print_attrs(const struct tro_dims *t, enum tro_op op, const void *attrs,
                          struct tro_buf *out);

#endif
