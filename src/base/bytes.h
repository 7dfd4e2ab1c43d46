/* SPDX-License-Identifier: Apache-2.0 */
/* Reading untrusted bytes through a cursor with a sticky error, and writing into a growing
 * buffer with a sticky error. Little-endian throughout. */
#ifndef TRO_BASE_BYTES_H
#define TRO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of bytes or text, not zero-terminated. */
struct tro_str {
    const char *p;
    size_t n;
};
#define TRO_STR(literal) ((struct tro_str){(literal), sizeof(literal) - 1})
bool tro_str_eq(struct tro_str a, struct tro_str b);
bool tro_str_eqz(struct tro_str a, const char *z);

struct tro_bytes {
    const uint8_t *p; /* next byte */
    const uint8_t *end;
    const uint8_t *start;
    bool failed; /* a read went past the end or was malformed; all further reads give 0 */
};
struct tro_bytes tro_bytes_of(const void *p, size_t n);
size_t tro_bytes_left(const struct tro_bytes *b);
size_t tro_bytes_pos(const struct tro_bytes *b);
uint8_t tro_bytes_u8(struct tro_bytes *b);
uint16_t tro_bytes_u16(struct tro_bytes *b);
uint32_t tro_bytes_u32(struct tro_bytes *b);
uint64_t tro_bytes_u64(struct tro_bytes *b);
/* Protocol Buffers varint, at most 10 bytes. */
uint64_t tro_bytes_varint(struct tro_bytes *b);
/* A view of the next n bytes; an empty one on failure. */
struct tro_str tro_bytes_take(struct tro_bytes *b, uint64_t n);

struct tro_buf {
    uint8_t *p;
    size_t n, cap;
    bool failed; /* memory ran out; further writes do nothing */
};
/* An all-zero struct is an empty buffer. */
void tro_buf_finish(struct tro_buf *b);
void tro_buf_put(struct tro_buf *b, const void *p, size_t n);
void tro_buf_u8(struct tro_buf *b, uint8_t v);
void tro_buf_u16(struct tro_buf *b, uint16_t v);
void tro_buf_u32(struct tro_buf *b, uint32_t v);
void tro_buf_u64(struct tro_buf *b, uint64_t v);
void tro_buf_varint(struct tro_buf *b, uint64_t v);
void tro_buf_str(struct tro_buf *b, const char *s);
void tro_buf_printf(struct tro_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
