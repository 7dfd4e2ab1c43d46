/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool tro_str_eq(struct tro_str a, struct tro_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool tro_str_eqz(struct tro_str a, const char *z)
{
    return tro_str_eq(a, (struct tro_str){z, strlen(z)});
}

/* ---- reading --------------------------------------------------------------------------- */

struct tro_bytes tro_bytes_of(const void *p, size_t n)
{
    const uint8_t *const start = p && n ? p : (const uint8_t *)"";
    return (struct tro_bytes){.p = start, .end = start + (p ? n : 0), .start = start};
}

size_t tro_bytes_left(const struct tro_bytes *b)
{
    return b->failed ? 0 : (size_t)(b->end - b->p);
}

size_t tro_bytes_pos(const struct tro_bytes *b)
{
    return (size_t)(b->p - b->start);
}

static uint64_t read_le(struct tro_bytes *b, size_t n)
{
    if (tro_bytes_left(b) < n) {
        b->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)b->p[i] << (8 * i);
    b->p += n;
    return v;
}

uint8_t tro_bytes_u8(struct tro_bytes *b)
{
    return (uint8_t)read_le(b, 1);
}

uint16_t tro_bytes_u16(struct tro_bytes *b)
{
    return (uint16_t)read_le(b, 2);
}

uint32_t tro_bytes_u32(struct tro_bytes *b)
{
    return (uint32_t)read_le(b, 4);
}

uint64_t tro_bytes_u64(struct tro_bytes *b)
{
    return read_le(b, 8);
}

uint64_t tro_bytes_varint(struct tro_bytes *b)
{
    const size_t left = tro_bytes_left(b), max = left < 10 ? left : 10;
    uint64_t v = 0;
    for (size_t i = 0; i < max; i++) {
        const uint8_t byte = b->p[i];
        if (i == 9 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            b->p += i + 1;
            return v;
        }
    }
    b->failed = true;
    return 0;
}

struct tro_str tro_bytes_take(struct tro_bytes *b, uint64_t n)
{
    if (tro_bytes_left(b) < n || b->failed) {
        b->failed = true;
        return TRO_STR("");
    }
    const struct tro_str s = {(const char *)b->p, (size_t)n};
    b->p += n;
    return s;
}

/* ---- writing --------------------------------------------------------------------------- */

void tro_buf_finish(struct tro_buf *b)
{
    tro_free(b->p);
    *b = (struct tro_buf){0};
}

/* Room for n more bytes, or failed. */
static bool reserve(struct tro_buf *b, size_t n)
{
    size_t end;
    if (b->failed)
        return false;
    if (__builtin_add_overflow(b->n, n, &end) || (end && tro_grow(&b->p, end - 1, &b->cap, 1) < 0))
        b->failed = true;
    return !b->failed;
}

void tro_buf_put(struct tro_buf *b, const void *p, size_t n)
{
    if (n == 0 || !reserve(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void write_le(struct tro_buf *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    tro_buf_put(b, bytes, n);
}

void tro_buf_u8(struct tro_buf *b, uint8_t v)
{
    tro_buf_put(b, &v, 1);
}

void tro_buf_u16(struct tro_buf *b, uint16_t v)
{
    write_le(b, v, 2);
}

void tro_buf_u32(struct tro_buf *b, uint32_t v)
{
    write_le(b, v, 4);
}

void tro_buf_u64(struct tro_buf *b, uint64_t v)
{
    write_le(b, v, 8);
}

void tro_buf_varint(struct tro_buf *b, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    tro_buf_put(b, bytes, n);
}

void tro_buf_str(struct tro_buf *b, const char *s)
{
    tro_buf_put(b, s, strlen(s));
}

/* vsnprintf ends with a zero, so one byte more is reserved than is kept. */
void tro_buf_printf(struct tro_buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, fmt, args);
    if (n < 0) {
        b->failed = true;
    } else if (reserve(b, (size_t)n + 1)) {
        vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}
