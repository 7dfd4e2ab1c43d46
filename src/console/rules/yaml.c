/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/yaml.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tro_yaml_finish(struct tro_yaml *y)
{
    tro_arena_finish(&y->arena);
    y->top = NULL;
}

/* ---- messages ------------------------------------------------------------------------------- */

/* Writes the path of a node, "networks[0].plan", and returns where it ends; parents first. */
static size_t print_path(const struct tro_yaml_node *node, char *text, size_t n)
{
    if (!node->parent)
        return 0;
    const size_t at = print_path(node->parent, text, n);
    if (at >= n)
        return n;
    const int wrote = node->key ? snprintf(text + at, n - at, "%s%.40s", at ? "." : "", node->key)
                                : snprintf(text + at, n - at, "[%d]", node->index);
    return at + (size_t)wrote;
}

int tro_yaml_fail(const struct tro_yaml *y, const struct tro_yaml_node *node, const char *fmt, ...)
{
    char text[640], path[200] = "";
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    print_path(node, path, sizeof path);
    return tro_fail(y->err, TRO_E_INPUT, "%s:%d:%d: %s%s%s", y->file, node->line, node->column,
                    path, *path ? ": " : "", text);
}

bool tro_yaml_is_nothing(const struct tro_yaml_node *node)
{
    const char *const t = node->text;
    return node->kind == TRO_YAML_SCALAR && !node->is_quoted &&
           (!*t || strcmp(t, "~") == 0 || strcmp(t, "null") == 0);
}

const char *tro_yaml_found(const struct tro_yaml_node *node, char *text, size_t n)
{
    if (node->kind == TRO_YAML_SCALAR && !tro_yaml_is_nothing(node))
        snprintf(text, n, "'%.60s'", node->text);
    else if (node->kind == TRO_YAML_SCALAR)
        snprintf(text, n, "nothing");
    else
        snprintf(text, n, "%s of %d", node->kind == TRO_YAML_LIST ? "a list" : "a map", node->n);
    return text;
}

static int fail_value(const struct tro_yaml *y, const struct tro_yaml_node *node,
                      const char *expected)
{
    char found[80];
    return tro_yaml_fail(y, node, "expected %s, found %s", expected,
                         tro_yaml_found(node, found, sizeof found));
}

/* ---- plain scalars -------------------------------------------------------------------------- */

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [+-] digits [. digits] [e [+-] digits], or . digits: what a person calls a number. */
static bool is_decimal(const char *p)
{
    p += *p == '-' || *p == '+';
    const char *const whole = skip_digits(p);
    const char *end = whole;
    if (*end == '.') {
        end = skip_digits(whole + 1);
        if (end == whole + 1)
            return false;
    }
    if (end == p)
        return false;
    if (*end == 'e' || *end == 'E') {
        const char *const digits = end + 1 + (end[1] == '-' || end[1] == '+');
        end = skip_digits(digits);
        if (end == digits)
            return false;
    }
    return *end == 0;
}

/* The decimal point that strtod takes is the locale's. */
bool tro_yaml_is_number(const struct tro_yaml_node *node, double *out)
{
    char text[64];
    if (node->kind != TRO_YAML_SCALAR || node->is_quoted || !is_decimal(node->text) ||
        strlen(node->text) >= sizeof text)
        return false;
    strcpy(text, node->text);
    char *const point = strchr(text, '.');
    if (point)
        *point = *localeconv()->decimal_point;
    *out = strtod(text, NULL);
    return isfinite(*out);
}

static bool is_bool(const struct tro_yaml_node *node, bool *out)
{
    if (node->kind != TRO_YAML_SCALAR || node->is_quoted)
        return false;
    *out = strcmp(node->text, "true") == 0;
    return *out || strcmp(node->text, "false") == 0;
}

/* ---- maps and lists ------------------------------------------------------------------------- */

const struct tro_yaml_node *tro_yaml_get(const struct tro_yaml_node *map, const char *key)
{
    if (map->kind != TRO_YAML_MAP)
        return NULL;
    for (const struct tro_yaml_node *m = map->first; m; m = m->next)
        if (strcmp(m->key, key) == 0)
            return m;
    return NULL;
}

int tro_yaml_want_map(const struct tro_yaml *y, const struct tro_yaml_node *node)
{
    return node->kind == TRO_YAML_MAP ? 0 : fail_value(y, node, "a map of keys");
}

int tro_yaml_want_list(const struct tro_yaml *y, const struct tro_yaml_node *node, int lo, int hi)
{
    char expected[64];
    snprintf(expected, sizeof expected, lo < hi ? "a list of %d to %d" : "a list of %d", lo, hi);
    if (node->kind == TRO_YAML_LIST && node->n >= lo && node->n <= hi)
        return 0;
    return fail_value(y, node, expected);
}

/* ---- values --------------------------------------------------------------------------------- */

int tro_yaml_text(const struct tro_yaml *y, const struct tro_yaml_node *node, int max,
                  const char **out)
{
    double number;
    bool flag;
    char expected[64];
    snprintf(expected, sizeof expected, "a text of 1 to %d bytes", max);
    if (node->kind != TRO_YAML_SCALAR || tro_yaml_is_nothing(node) || !*node->text)
        return fail_value(y, node, expected);
    if (tro_yaml_is_number(node, &number) || is_bool(node, &flag))
        return tro_yaml_fail(y, node, "expected a text, found %s: put it in quotes if it is one",
                             node->text);
    if (strlen(node->text) > (size_t)max)
        return tro_yaml_fail(y, node, "expected %s, found %zu", expected, strlen(node->text));
    *out = node->text;
    return 0;
}

int tro_yaml_number(const struct tro_yaml *y, const struct tro_yaml_node *node, double lo,
                    double hi, double *out)
{
    char expected[80];
    snprintf(expected, sizeof expected, "a number of %.9g to %.9g", lo, hi);
    if (!tro_yaml_is_number(node, out) || !(*out >= lo && *out <= hi))
        return fail_value(y, node, expected);
    return 0;
}

int tro_yaml_int(const struct tro_yaml *y, const struct tro_yaml_node *node, int64_t lo, int64_t hi,
                 int *out)
{
    double value;
    char expected[80];
    snprintf(expected, sizeof expected, "an integer of %" PRId64 " to %" PRId64, lo, hi);
    if (!tro_yaml_is_number(node, &value) || floor(value) != value || value < (double)lo ||
        value > (double)hi)
        return fail_value(y, node, expected);
    *out = (int)value;
    return 0;
}

int tro_yaml_bool(const struct tro_yaml *y, const struct tro_yaml_node *node, bool *out)
{
    return is_bool(node, out) ? 0 : fail_value(y, node, "true or false");
}

int tro_yaml_choice(const struct tro_yaml *y, const struct tro_yaml_node *node,
                    const char *const *names, int *out)
{
    char list[256] = "one of ";
    size_t at = strlen(list);
    for (int i = 0; names[i]; i++) {
        if (node->kind == TRO_YAML_SCALAR && strcmp(names[i], node->text) == 0) {
            *out = i;
            return 0;
        }
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", names[i]);
    }
    return fail_value(y, node, list);
}

/* ---- maps by table -------------------------------------------------------------------------- */

static int read_field(const struct tro_yaml *y, const struct tro_yaml_node *value,
                      const struct tro_yaml_field *row, void *to)
{
    double number = 0;
    switch (row->type) {
    case TRO_YAML_AS_TEXT:
        return tro_yaml_text(y, value, (int)row->hi, to);
    case TRO_YAML_AS_NUMBER:
        return tro_yaml_number(y, value, row->lo, row->hi, to);
    case TRO_YAML_AS_FLOAT:
        TRO_TRY(tro_yaml_number(y, value, row->lo, row->hi, &number));
        *(float *)to = (float)number;
        return 0;
    case TRO_YAML_AS_INT:
        return tro_yaml_int(y, value, (int64_t)row->lo, (int64_t)row->hi, to);
    case TRO_YAML_AS_BOOL:
        return tro_yaml_bool(y, value, to);
    case TRO_YAML_AS_CHOICE:
        return tro_yaml_choice(y, value, row->names, to);
    case TRO_YAML_AS_NODE:
        *(const struct tro_yaml_node **)to = value;
        return 0;
    }
    return 0;
}

static const struct tro_yaml_field *find_row(const struct tro_yaml_field *rows, const char *key)
{
    for (; rows->key; rows++)
        if (strcmp(rows->key, key) == 0)
            return rows;
    return NULL;
}

static int fail_key(const struct tro_yaml *y, const struct tro_yaml_node *member,
                    const struct tro_yaml_field *rows)
{
    char list[400] = "";
    size_t at = 0;
    struct tro_yaml_node place = *member->parent; /* the map, where the key stands */
    for (int i = 0; rows[i].key && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "", rows[i].key);
    place.line = member->key_line;
    place.column = member->key_column;
    return tro_yaml_fail(y, &place, "expected one of the keys %s, found '%.60s'", list,
                         member->key);
}

int tro_yaml_fields(const struct tro_yaml *y, const struct tro_yaml_node *map,
                    const struct tro_yaml_field *rows, void *out)
{
    TRO_TRY(tro_yaml_want_map(y, map));
    for (const struct tro_yaml_node *m = map->first; m; m = m->next) {
        const struct tro_yaml_field *const row = find_row(rows, m->key);
        if (!row)
            return fail_key(y, m, rows);
        TRO_TRY(read_field(y, m, row, (char *)out + row->offset));
    }
    for (; rows->key; rows++)
        if (rows->is_needed && !tro_yaml_get(map, rows->key))
            return tro_yaml_fail(y, map, "expected the key %s, which is missing", rows->key);
    return 0;
}
