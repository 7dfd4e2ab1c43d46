/* SPDX-License-Identifier: Apache-2.0 */
/* Quoted texts, numbers and base64. */
#include "base/dtype.h"
#include "base/utf8.h"
#include "graph/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tro_text_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool tro_text_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool tro_text_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* ---- quoted texts ---------------------------------------------------------------------- */

void tro_text_quote(const char *name, struct tro_buf *out)
{
    size_t left = strlen(name);
    tro_buf_u8(out, '"');
    while (left > 0) {
        const size_t n = tro_utf8_char(name, left);
        const bool is_visible = n > 1 || (n == 1 && *name >= ' ' && *name <= '~');
        if (*name == '"' || *name == '\\')
            tro_buf_u8(out, '\\');
        if (is_visible)
            tro_buf_put(out, name, n);
        else
            tro_buf_printf(out, "\\x%02x", (unsigned char)*name);
        name += is_visible ? n : 1;
        left -= is_visible ? n : 1;
    }
    tro_buf_u8(out, '"');
}

static int hex_value(char c)
{
    if (tro_text_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character after a backslash at text[*pos]; 0 when malformed. */
static char read_escape(struct tro_str text, size_t *pos)
{
    const size_t left = text.n - *pos;
    const char *const p = text.p + *pos;
    if (left >= 1 && (*p == '"' || *p == '\\')) {
        *pos += 1;
        return *p;
    }
    if (left < 3 || *p != 'x' || hex_value(p[1]) < 0 || hex_value(p[2]) < 0)
        return 0;
    *pos += 3;
    return (char)(hex_value(p[1]) * 16 + hex_value(p[2]));
}

bool tro_text_unquote(struct tro_str text, size_t *pos, struct tro_buf *out)
{
    if (*pos >= text.n || text.p[*pos] != '"')
        return false;
    size_t at = *pos + 1;
    while (at < text.n && text.p[at] != '"') {
        char c = text.p[at++];
        if (c == '\\')
            c = read_escape(text, &at);
        if (c == 0)
            return false;
        tro_buf_u8(out, (uint8_t)c);
    }
    tro_buf_u8(out, 0);
    *pos = at + 1;
    return at < text.n && !out->failed;
}

/* ---- numbers --------------------------------------------------------------------------- */

static uint64_t bits_of(enum tro_dtype dtype, const void *data, int64_t i)
{
    const size_t size = tro_dtype_size(dtype);
    uint64_t bits = 0;
    memcpy(&bits, (const char *)data + (size_t)i * size, size);
    return bits;
}

static void print_float(enum tro_dtype dtype, uint64_t bits, struct tro_buf *out)
{
    char text[40];
    const double v = tro_load_f64(dtype, &bits, 0);
    for (int n_digits = 1; n_digits <= 17; n_digits++) {
        uint64_t back = 0;
        snprintf(text, sizeof(text), "%.*g", n_digits, v);
        tro_store_f64(dtype, &back, 0, strtod(text, NULL));
        if (back == bits) {
            tro_buf_str(out, text);
            return;
        }
    }
    tro_buf_printf(out, "@%llx", (unsigned long long)bits);
}

void tro_text_print_element(enum tro_dtype dtype, const void *data, int64_t i, struct tro_buf *out)
{
    if (tro_dtype_is_float(dtype))
        print_float(dtype, bits_of(dtype, data, i), out);
    else if (dtype == TRO_U64)
        tro_buf_printf(out, "%llu", (unsigned long long)tro_load_i64(dtype, data, i));
    else
        tro_buf_printf(out, "%lld", (long long)tro_load_i64(dtype, data, i));
}

static bool read_bits(enum tro_dtype dtype, const char *text, void *data, int64_t i)
{
    const size_t size = tro_dtype_size(dtype);
    uint64_t bits = 0;
    size_t n = 0;
    for (; text[n]; n++) {
        if (hex_value(text[n]) < 0 || n >= 2 * size)
            return false;
        bits = bits * 16 + (uint64_t)hex_value(text[n]);
    }
    memcpy((char *)data + (size_t)i * size, &bits, size);
    return n > 0 && tro_text_is_valid(dtype, &bits, 1);
}

static bool read_integer(enum tro_dtype dtype, const char *text, void *data, int64_t i)
{
    char *end;
    errno = 0;
    if (dtype == TRO_U64) {
        const unsigned long long v = strtoull(text, &end, 10);
        tro_store_i64(dtype, data, i, (int64_t)v);
        return !*end && errno == 0 && tro_text_is_digit(text[0]);
    }
    const long long v = strtoll(text, &end, 10);
    if (*end || errno != 0 || v < tro_dtype_min(dtype) || v > tro_dtype_max(dtype))
        return false;
    tro_store_i64(dtype, data, i, v);
    return tro_text_is_digit(text[text[0] == '-']);
}

bool tro_text_read_element(enum tro_dtype dtype, struct tro_str word, void *data, int64_t i)
{
    char text[64], *end;
    if (word.n == 0 || word.n >= sizeof(text) || memchr(word.p, 0, word.n))
        return false;
    memcpy(text, word.p, word.n);
    text[word.n] = 0;
    if (text[0] == '@')
        return tro_dtype_is_float(dtype) && read_bits(dtype, text + 1, data, i);
    if (!tro_dtype_is_float(dtype))
        return read_integer(dtype, text, data, i);
    const double v = strtod(text, &end);
    tro_store_f64(dtype, data, i, v);
    return !*end && !tro_text_is_space(text[0]) && !strchr(text, '(');
}

bool tro_text_is_valid(enum tro_dtype dtype, const void *data, int64_t n)
{
    const uint8_t *const bytes = data;
    if (tro_dtype_bits(dtype) != 4 && dtype != TRO_BOOL)
        return true;
    for (int64_t i = 0; i < n; i++) {
        const int signed_byte = (int8_t)bytes[i];
        if (dtype == TRO_BOOL ? bytes[i] > 1
            : dtype == TRO_I4 ? signed_byte < -8 || signed_byte > 7
                              : bytes[i] > 15)
            return false;
    }
    return true;
}

/* ---- base64 ---------------------------------------------------------------------------- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tro_text_print_base64(const void *data, size_t n_bytes, struct tro_buf *out)
{
    const uint8_t *p = data;
    for (; n_bytes > 0; p += 3) {
        const size_t n = n_bytes < 3 ? n_bytes : 3;
        const uint32_t group = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) |
                               (n > 2 ? (uint32_t)p[2] : 0);
        for (size_t i = 0; i < 4; i++)
            tro_buf_u8(out, i > n ? '=' : (uint8_t)alphabet[group >> (18 - 6 * i) & 63]);
        n_bytes -= n;
    }
}

static void make_values(int8_t values[256])
{
    memset(values, -1, 256);
    for (int i = 0; i < 64; i++)
        values[(uint8_t)alphabet[i]] = (int8_t)i;
}

bool tro_text_read_base64(struct tro_str text, void *data, size_t n_bytes)
{
    uint8_t *out = data;
    int8_t values[256];
    if (text.n != (n_bytes + 2) / 3 * 4)
        return false;
    make_values(values);
    for (const char *p = text.p; n_bytes > 0; p += 4) {
        const size_t n = n_bytes < 3 ? n_bytes : 3;
        uint32_t group = 0;
        for (size_t i = 0; i < 4; i++) {
            const int v = i > n ? (p[i] == '=' ? 0 : -1) : values[(uint8_t)p[i]];
            if (v < 0)
                return false;
            group = group << 6 | (uint32_t)v;
        }
        /* Bits beyond the last byte are 0, so that equal data has one text. */
        if (group & ((UINT32_C(1) << (24 - 8 * n)) - 1))
            return false;
        for (size_t i = 0; i < n; i++)
            *out++ = (uint8_t)(group >> (16 - 8 * i));
        n_bytes -= n;
    }
    return true;
}
