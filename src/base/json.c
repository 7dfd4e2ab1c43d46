/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/utf8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_LEVELS ((int)(sizeof(((struct tro_json *)0)->first) / sizeof(bool)))

void tro_json_finish(struct tro_json *j)
{
    tro_buf_finish(&j->buf);
    *j = (struct tro_json){0};
}

static void newline(struct tro_json *j)
{
    if (j->is_line && j->depth > 0)
        return;
    tro_buf_u8(&j->buf, '\n');
    for (int i = 0; i < j->depth; i++)
        tro_buf_str(&j->buf, "  ");
}

static void put_escaped(struct tro_buf *b, const char *s)
{
    size_t left = strlen(s);
    tro_buf_u8(b, '"');
    while (left > 0) {
        const size_t n = tro_utf8_char(s, left);
        if (n == 0)
            tro_buf_str(b, "\xef\xbf\xbd");
        else if (*s == '"' || *s == '\\')
            tro_buf_put(b, (const char[]){'\\', *s}, 2);
        else if (*s == '\n')
            tro_buf_str(b, "\\n");
        else if (*s == '\t')
            tro_buf_str(b, "\\t");
        else if ((unsigned char)*s < 0x20)
            tro_buf_printf(b, "\\u%04x", (unsigned)*s);
        else
            tro_buf_put(b, s, n);
        s += n ? n : 1;
        left -= n ? n : 1;
    }
    tro_buf_u8(b, '"');
}

/* Comma, line and key before a value. */
static void value_begin(struct tro_json *j, const char *key)
{
    if (j->depth == 0)
        return;
    if (!j->first[j->depth])
        tro_buf_u8(&j->buf, ',');
    j->first[j->depth] = false;
    newline(j);
    if (!key)
        return;
    put_escaped(&j->buf, key);
    tro_buf_str(&j->buf, ": ");
}

static void value_end(struct tro_json *j)
{
    if (j->depth == 0)
        newline(j);
}

static void level_begin(struct tro_json *j, const char *key, char open)
{
    value_begin(j, key);
    tro_buf_u8(&j->buf, (uint8_t)open);
    if (j->depth + 1 >= N_LEVELS) {
        j->buf.failed = true;
        return;
    }
    j->depth++;
    j->first[j->depth] = true;
}

static void level_end(struct tro_json *j, char close)
{
    if (j->depth == 0) {
        j->buf.failed = true;
        return;
    }
    const bool is_empty = j->first[j->depth];
    j->depth--;
    if (!is_empty && !j->is_line)
        newline(j);
    tro_buf_u8(&j->buf, (uint8_t)close);
    value_end(j);
}

void tro_json_object_begin(struct tro_json *j, const char *key)
{
    level_begin(j, key, '{');
}

void tro_json_object_end(struct tro_json *j)
{
    level_end(j, '}');
}

void tro_json_array_begin(struct tro_json *j, const char *key)
{
    level_begin(j, key, '[');
}

void tro_json_array_end(struct tro_json *j)
{
    level_end(j, ']');
}

void tro_json_string(struct tro_json *j, const char *key, const char *value)
{
    value_begin(j, key);
    put_escaped(&j->buf, value);
    value_end(j);
}

void tro_json_int(struct tro_json *j, const char *key, int64_t value)
{
    value_begin(j, key);
    tro_buf_printf(&j->buf, "%lld", (long long)value);
    value_end(j);
}

/* Any decimal of up to 15 digits comes back from %.15g without its trailing zeros; only subnormal
 * numbers, which hold fewer digits, need the search from one digit up. */
static void shortest(char *text, size_t n, double v)
{
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, n, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

/* The decimal point is the locale's, which the program around the library may have set. */
static void put_number(struct tro_buf *b, const char *text)
{
    bool has_point = false;
    for (; *text; text++) {
        if (strchr("0123456789+-e", *text)) {
            tro_buf_u8(b, (uint8_t)*text);
        } else if (!has_point) {
            tro_buf_u8(b, '.');
            has_point = true;
        }
    }
}

void tro_json_number(struct tro_json *j, const char *key, double value)
{
    if (!isfinite(value)) {
        tro_json_null(j, key);
        return;
    }
    char text[64];
    shortest(text, sizeof(text), value);
    value_begin(j, key);
    put_number(&j->buf, text);
    value_end(j);
}

void tro_json_float(struct tro_json *j, const char *key, float value)
{
    char text[64];
    double number = value;
    for (int digits = 6; isfinite(value) && digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        number = strtod(text, NULL);
        if ((float)number == value)
            break;
    }
    tro_json_number(j, key, number);
}

void tro_json_bool(struct tro_json *j, const char *key, bool value)
{
    value_begin(j, key);
    tro_buf_str(&j->buf, value ? "true" : "false");
    value_end(j);
}

void tro_json_null(struct tro_json *j, const char *key)
{
    value_begin(j, key);
    tro_buf_str(&j->buf, "null");
    value_end(j);
}
