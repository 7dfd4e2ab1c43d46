/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/mark.h"

#include "base/err.h"
#include "base/utf8.h"
#include "record/field.h"

#include <string.h>

static const struct {
    int least, most;
} limits[] = {
#define TRO_MARK_LIMITS(id, name, least, most) {least, most},
    TRO_MARK_KINDS(TRO_MARK_LIMITS)
#undef TRO_MARK_LIMITS
};

/* JSON has no other way to say that a key has to be there. */
static int want(const struct tro_field *f, const char *key, int rc)
{
    return rc == 0 ? tro_field_fail(f, "expected a '%s', found none", key) : rc;
}

static bool is_id(const char *s)
{
    const size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return n > 0 && n < TRO_MARK_ID_BYTES && s[n] == 0;
}

static int read_id(const struct tro_field *f, struct tro_mark *out)
{
    const char *id = NULL;
    TRO_TRY(want(f, "id", tro_field_text(f, "id", &id)));
    if (!is_id(id))
        return tro_field_fail(f, "id: expected 1 to %d letters, digits or '-'",
                              TRO_MARK_ID_BYTES - 1);
    memcpy(out->id, id, strlen(id) + 1);
    return 0;
}

static uint32_t code_point(const char *p, size_t n)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t v = (uint8_t)p[0] & masks[n];
    for (size_t i = 1; i < n; i++)
        v = v << 6 | ((uint8_t)p[i] & 0x3f);
    return v;
}

/* Control characters, ends of lines, and what turns the direction of a text around. */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static int read_text(const struct tro_field *f, struct tro_mark *out)
{
    const char *text = NULL;
    const int rc = tro_field_text(f, "text", &text);
    if (rc <= 0)
        return rc;
    const size_t n = strlen(text);
    if (n >= TRO_MARK_TEXT_BYTES)
        return tro_field_fail(f, "text: expected at most %d bytes, found %zu",
                              TRO_MARK_TEXT_BYTES - 1, n);
    for (size_t i = 0; i < n;) {
        const size_t step = tro_utf8_char(text + i, n - i);
        if (step == 0 || is_control(code_point(text + i, step)))
            return tro_field_fail(f,
                                  "text: expected UTF-8 without control characters, found "
                                  "another at byte %zu",
                                  i);
        i += step;
    }
    memcpy(out->text, text, n + 1);
    return 0;
}

struct points {
    struct tro_mark *out;
    int width, height;
};

static int read_point(void *ctx, const char *key, const struct tro_field *value)
{
    const struct points *const p = ctx;
    double *v = NULL;
    (void)key;
    const int n = tro_field_all_numbers(value, 2, &v);
    if (n < 0)
        return n;
    if (n != 2 || !(v[0] >= 0 && v[0] <= 1 && v[1] >= 0 && v[1] <= 1))
        return tro_field_fail(value, "expected two numbers of 0 to 1");
    p->out->x[p->out->n] = (float)(v[0] * p->width);
    p->out->y[p->out->n++] = (float)(v[1] * p->height);
    return 0;
}

static int read_points(const struct tro_field *f, int width, int height, struct tro_mark *out)
{
    struct tro_field list;
    struct points p = {out, width, height};
    TRO_TRY(want(f, "points", tro_field_get(f, "points", &list)));
    const int64_t n = tro_field_n_elements(&list);
    const int least = limits[out->kind].least, most = limits[out->kind].most;
    if (n < least || n > most)
        return tro_field_fail(&list, "expected a list of %d to %d points, found %lld", least, most,
                              (long long)n);
    return tro_field_each_element(&list, read_point, &p);
}

static int read_mark(const struct tro_field *f, int width, int height, struct tro_mark *out)
{
    static const char *const keys[] = {"t", "id", "kind", "frame", "points", "text", NULL};
    static const char *const types[] = {"mark", NULL};
    static const char *const kinds[] = {
#define TRO_MARK_NAME(id, name, least, most) name,
        TRO_MARK_KINDS(TRO_MARK_NAME)
#undef TRO_MARK_NAME
            NULL};
    int type = 0, kind = 0;
    int64_t frame = 0;
    TRO_TRY(tro_field_want_keys(f, keys));
    TRO_TRY(want(f, "t", tro_field_choice(f, "t", types, &type)));
    TRO_TRY(want(f, "kind", tro_field_choice(f, "kind", kinds, &kind)));
    TRO_TRY(want(f, "frame", tro_field_int(f, "frame", 1, INT64_MAX, &frame)));
    out->kind = (enum tro_mark_kind)kind;
    out->frame = (uint64_t)frame;
    out->confidence = 1;
    TRO_TRY(read_id(f, out));
    TRO_TRY(read_points(f, width, height, out));
    TRO_TRY(read_text(f, out));
    if (out->kind == TRO_MARK_TEXT && !out->text[0])
        return tro_field_fail(f, "text: expected a text, found none");
    return 0;
}

int tro_mark_parse(const char *json, size_t n, int width, int height, struct tro_mark *out,
                   struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_field top;
    *out = (struct tro_mark){0};
    if (n > TRO_MARK_MAX_BYTES)
        return tro_fail(err, TRO_E_INPUT, "mark: expected at most %d bytes, found %zu",
                        TRO_MARK_MAX_BYTES, n);
    int rc = tro_field_parse(json, n, &arena, &top, err);
    if (rc == 0) {
        rc = read_mark(&top, width, height, out);
        tro_field_finish(&top);
    }
    tro_arena_finish(&arena);
    if (rc < 0)
        *out = (struct tro_mark){0};
    return tro_err_prefix(err, rc, "mark: ");
}
