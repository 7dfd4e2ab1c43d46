/* SPDX-License-Identifier: Apache-2.0 */
#include "record/field.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

/* ---- messages ----------------------------------------------------------------------------- */

int tro_field_fail(const struct tro_field *f, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return tro_fail(f->err, TRO_E_INPUT, "%s%s%s", f->path, *f->path ? ": " : "", text);
}

static const char *type_of(const struct tro_field *f)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",   [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "an integer", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
        [JSON_FALSE] = "false",        [JSON_NULL] = "null"};
    return names[json_typeof((json_t *)f->json)];
}

/* "a, b, c" in text. */
static void print_names(const char *const *names, char *text, size_t n)
{
    size_t at = 0;
    text[0] = 0;
    for (int i = 0; names[i] && at < n; i++)
        at += (size_t)snprintf(text + at, n - at, "%s%s", i ? ", " : "", names[i]);
}

/* ---- the text ----------------------------------------------------------------------------- */

int tro_field_parse(const char *text, size_t n, struct tro_arena *arena, struct tro_field *out,
                    struct tro_err *err)
{
    json_error_t why;
    *out = (struct tro_field){.path = "", .arena = arena, .err = err};
    out->json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
    if (!out->json)
        return json_error_code(&why) == json_error_out_of_memory
                   ? tro_fail_nomem(err)
                   : tro_fail(err, TRO_E_INPUT, "line %d, column %d: expected JSON, found: %s",
                              why.line, why.column, why.text);
    if (json_is_object((json_t *)out->json))
        return 0;
    const int rc = tro_field_fail(out, "expected an object, found %s", type_of(out));
    tro_field_finish(out);
    return rc;
}

void tro_field_finish(struct tro_field *top)
{
    json_decref(top->json);
    top->json = NULL;
}

/* ---- objects ------------------------------------------------------------------------------ */

static int want_object(const struct tro_field *f)
{
    return json_is_object((json_t *)f->json)
               ? 0
               : tro_field_fail(f, "expected an object, found %s", type_of(f));
}

/* The member or element `json` of f; key NULL: element i. */
static int enter(const struct tro_field *f, const char *key, size_t i, json_t *json,
                 struct tro_field *out)
{
    *out = *f;
    out->json = json;
    out->path = key ? tro_arena_printf(f->arena, "%s%s%s", f->path, *f->path ? "." : "", key)
                    : tro_arena_printf(f->arena, "%s[%zu]", f->path, i);
    return out->path ? 1 : tro_fail_nomem(f->err);
}

int tro_field_want_keys(const struct tro_field *f, const char *const *keys)
{
    const char *key;
    json_t *value;
    TRO_TRY(want_object(f));
    json_object_foreach((json_t *)f->json, key, value)
    {
        char names[256];
        bool is_known = false;
        for (int i = 0; keys[i]; i++)
            is_known |= strcmp(keys[i], key) == 0;
        print_names(keys, names, sizeof names);
        if (!is_known)
            return tro_field_fail(f, "expected one of the keys %s, found '%.60s'", names, key);
    }
    return 0;
}

int tro_field_get(const struct tro_field *f, const char *key, struct tro_field *out)
{
    TRO_TRY(want_object(f));
    json_t *const value = json_object_get(f->json, key);
    return value ? enter(f, key, 0, value, out) : 0;
}

int tro_field_each(const struct tro_field *f, tro_field_fn *fn, void *ctx)
{
    const char *key;
    json_t *value;
    TRO_TRY(want_object(f));
    json_object_foreach((json_t *)f->json, key, value)
    {
        struct tro_field member;
        const char *const copy = tro_arena_strdup(f->arena, key);
        if (!copy)
            return tro_fail_nomem(f->err);
        TRO_TRY(enter(f, copy, 0, value, &member));
        TRO_TRY(fn(ctx, copy, &member));
    }
    return 0;
}

int tro_field_each_element(const struct tro_field *f, tro_field_fn *fn, void *ctx)
{
    size_t i;
    json_t *value;
    if (!json_is_array((json_t *)f->json))
        return tro_field_fail(f, "expected a list, found %s", type_of(f));
    json_array_foreach((json_t *)f->json, i, value)
    {
        struct tro_field element;
        TRO_TRY(enter(f, NULL, i, value, &element));
        TRO_TRY(fn(ctx, NULL, &element));
    }
    return 0;
}

int64_t tro_field_n_elements(const struct tro_field *f)
{
    return json_is_array((json_t *)f->json) ? (int64_t)json_array_size(f->json) : -1;
}

int64_t tro_field_n_members(const struct tro_field *f)
{
    return json_is_object((json_t *)f->json) ? (int64_t)json_object_size(f->json) : -1;
}

/* ---- single values ------------------------------------------------------------------------ */

int tro_field_text(const struct tro_field *f, const char *key, const char **out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    if (!json_is_string((json_t *)v.json))
        return tro_field_fail(&v, "expected a text, found %s", type_of(&v));
    *out = tro_arena_strdup(f->arena, json_string_value(v.json));
    return *out ? 1 : tro_fail_nomem(f->err);
}

int tro_field_bool(const struct tro_field *f, const char *key, bool *out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    if (!json_is_boolean((json_t *)v.json))
        return tro_field_fail(&v, "expected true or false, found %s", type_of(&v));
    *out = json_is_true((json_t *)v.json);
    return 1;
}

bool tro_field_is_bool(const struct tro_field *f, bool *out)
{
    *out = json_is_true((json_t *)f->json);
    return json_is_boolean((json_t *)f->json);
}

static int read_int(const struct tro_field *v, int64_t lo, int64_t hi, int64_t *out)
{
    if (!json_is_integer((json_t *)v->json))
        return tro_field_fail(v, "expected an integer, found %s", type_of(v));
    *out = json_integer_value(v->json);
    if (*out < lo || *out > hi)
        return tro_field_fail(v, "expected %" PRId64 " to %" PRId64 ", found %" PRId64, lo, hi,
                              *out);
    return 1;
}

int tro_field_int(const struct tro_field *f, const char *key, int64_t lo, int64_t hi, int64_t *out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    return rc <= 0 ? rc : read_int(&v, lo, hi, out);
}

/* JSON has no NaN and no infinity, and jansson refuses what overflows. */
static int read_number(const struct tro_field *v, double *out)
{
    if (!json_is_number((json_t *)v->json))
        return tro_field_fail(v, "expected a number, found %s", type_of(v));
    *out = json_number_value(v->json);
    return 1;
}

int tro_field_number(const struct tro_field *f, const char *key, double *out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    return rc <= 0 ? rc : read_number(&v, out);
}

int tro_field_choice(const struct tro_field *f, const char *key, const char *const *names, int *out)
{
    struct tro_field v;
    char list[256];
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    print_names(names, list, sizeof list);
    if (!json_is_string((json_t *)v.json))
        return tro_field_fail(&v, "expected one of %s, found %s", list, type_of(&v));
    const char *const text = json_string_value(v.json);
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return 1;
        }
    }
    return tro_field_fail(&v, "expected one of %s, found '%.60s'", list, text);
}

/* ---- lists -------------------------------------------------------------------------------- */

int tro_field_numbers(const struct tro_field *f, const char *key, int max_n, double *out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    if (json_is_number((json_t *)v.json))
        return read_number(&v, out);
    const size_t n = json_array_size(v.json);
    if (!json_is_array((json_t *)v.json) || n < 1 || n > (size_t)max_n)
        return tro_field_fail(&v, "expected a number or a list of 1 to %d, found %s of %zu", max_n,
                              type_of(&v), n);
    for (size_t i = 0; i < n; i++) {
        struct tro_field element;
        TRO_TRY(enter(&v, NULL, i, json_array_get(v.json, i), &element));
        TRO_TRY(read_number(&element, &out[i]));
    }
    return (int)n;
}

int tro_field_all_numbers(const struct tro_field *f, int max_n, double **out)
{
    const size_t n = json_array_size(f->json);
    if (!json_is_array((json_t *)f->json))
        return tro_field_fail(f, "expected a list of numbers, found %s", type_of(f));
    if (n > (size_t)max_n)
        return tro_field_fail(f, "expected at most %d numbers, found %zu", max_n, n);
    *out = TRO_NEW_N(f->arena, double, n + 1);
    if (!*out)
        return tro_fail_nomem(f->err);
    for (size_t i = 0; i < n; i++) {
        struct tro_field element = *f; /* without a path, which many would take room for */
        element.json = json_array_get(f->json, i);
        TRO_TRY(read_number(&element, &(*out)[i]));
    }
    return (int)n;
}

int tro_field_ints(const struct tro_field *f, const char *key, int n, int64_t lo, int64_t hi,
                   int64_t *out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    if (!json_is_array((json_t *)v.json) || json_array_size(v.json) != (size_t)n)
        return tro_field_fail(&v, "expected a list of %d integers, found %s of %zu", n, type_of(&v),
                              json_array_size(v.json));
    for (int i = 0; i < n; i++) {
        struct tro_field element;
        TRO_TRY(enter(&v, NULL, (size_t)i, json_array_get(v.json, (size_t)i), &element));
        TRO_TRY(read_int(&element, lo, hi, &out[i]));
    }
    return 1;
}

int tro_field_texts(const struct tro_field *f, const char *key, int max_n, const char *const **out)
{
    struct tro_field v;
    const int rc = tro_field_get(f, key, &v);
    if (rc <= 0)
        return rc;
    const size_t n = json_array_size(v.json);
    if (!json_is_array((json_t *)v.json) || n < 1 || n > (size_t)max_n)
        return tro_field_fail(&v, "expected a list of 1 to %d texts, found %s of %zu", max_n,
                              type_of(&v), n);
    const char **const list = TRO_NEW_N(f->arena, const char *, n);
    for (size_t i = 0; i < n; i++) {
        struct tro_field element;
        json_t *const text = json_array_get(v.json, i);
        TRO_TRY(enter(&v, NULL, i, text, &element));
        if (!json_is_string(text))
            return tro_field_fail(&element, "expected a text, found %s", type_of(&element));
        if (list)
            list[i] = tro_arena_strdup(f->arena, json_string_value(text));
        if (!list || !list[i])
            return tro_fail_nomem(f->err);
    }
    *out = list;
    return (int)n;
}
