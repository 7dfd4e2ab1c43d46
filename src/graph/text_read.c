/* SPDX-License-Identifier: Apache-2.0 */
/* Words, names and types of the text form. */
#include "graph/text_read.h"

#include "base/err.h"
#include "graph/text.h"

#include <string.h>

/* ---- messages -------------------------------------------------------------------------- */

int tro_read_prefix(struct tro_reader *r, size_t pos, int rc)
{
    size_t line = 1;
    for (size_t i = 0; rc < 0 && i < pos && i < r->text.n; i++)
        line += r->text.p[i] == '\n';
    return tro_err_prefix(r->err, rc, "%s:%zu: ", r->name, line);
}

int tro_read_fail(struct tro_reader *r, const char *what)
{
    char found[32] = "the end";
    size_t n = 0;
    if (tro_read_peek(r)) {
        const char *const p = r->text.p + r->pos;
        found[n++] = '\'';
        for (; n < 24 && r->pos + n - 1 < r->text.n && !tro_text_is_space(p[n - 1]); n++)
            found[n] = p[n - 1] >= ' ' && p[n - 1] <= '~' ? p[n - 1] : '?';
        found[n++] = '\'';
        found[n] = 0;
    }
    return tro_read_prefix(r, r->pos,
                           tro_fail(r->err, TRO_E_INPUT, "expected %s, found %s", what, found));
}

/* ---- words ----------------------------------------------------------------------------- */

char tro_read_peek(struct tro_reader *r)
{
    while (r->pos < r->text.n) {
        if (r->text.p[r->pos] == '#') {
            const char *const end = memchr(r->text.p + r->pos, '\n', r->text.n - r->pos);
            r->pos = end ? (size_t)(end - r->text.p) : r->text.n;
        } else if (tro_text_is_space(r->text.p[r->pos])) {
            r->pos++;
        } else {
            /* A zero byte is no character of the text form; it must not look like the end. */
            return r->text.p[r->pos] ? r->text.p[r->pos] : '\1';
        }
    }
    return 0;
}

bool tro_read_accept(struct tro_reader *r, char c)
{
    if (tro_read_peek(r) != c)
        return false;
    r->pos++;
    return true;
}

int tro_read_expect(struct tro_reader *r, char c)
{
    const char what[4] = {'\'', c, '\'', 0};
    return tro_read_accept(r, c) ? 0 : tro_read_fail(r, what);
}

static bool is_word(char c)
{
    return tro_text_is_letter(c) || tro_text_is_digit(c) || c == '.' || c == '+' || c == '-' ||
           c == '@';
}

struct tro_str tro_read_word(struct tro_reader *r)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    while (r->pos < r->text.n && is_word(r->text.p[r->pos]))
        r->pos++;
    return (struct tro_str){r->text.p + start, r->pos - start};
}

int tro_read_int(struct tro_reader *r, int64_t *out)
{
    const size_t start = r->pos;
    if (tro_text_read_element(TRO_I64, tro_read_word(r), out, 0))
        return 0;
    r->pos = start;
    return tro_read_fail(r, "an integer");
}

int tro_read_quoted(struct tro_reader *r, const char **out)
{
    struct tro_buf text = {0};
    int rc = 0;
    tro_read_peek(r);
    if (tro_text_unquote(r->text, &r->pos, &text)) {
        *out = tro_arena_strdup(&r->g->arena, (const char *)text.p);
        rc = *out ? 0 : tro_fail_nomem(r->err);
    } else if (text.failed) {
        rc = tro_fail_nomem(r->err);
    } else {
        rc = tro_read_fail(r, "a quoted text");
    }
    tro_buf_finish(&text);
    return rc;
}

/* ---- values ---------------------------------------------------------------------------- */

int tro_read_name(struct tro_reader *r, const char **out)
{
    TRO_TRY(tro_read_expect(r, '%'));
    if (r->pos < r->text.n && r->text.p[r->pos] == '"')
        return tro_read_quoted(r, out);
    const size_t start = r->pos;
    while (r->pos < r->text.n && (tro_text_is_letter(r->text.p[r->pos]) ||
                                  tro_text_is_digit(r->text.p[r->pos]) || r->text.p[r->pos] == '.'))
        r->pos++;
    if (r->pos == start)
        return tro_read_fail(r, "a name after %");
    *out = tro_arena_strndup(&r->g->arena, r->text.p + start, r->pos - start);
    return *out ? 0 : tro_fail_nomem(r->err);
}

int tro_read_value(struct tro_reader *r, tro_value_id *out)
{
    const char *name;
    *out = TRO_VALUE_NONE;
    if (tro_read_accept(r, '_'))
        return 0;
    const size_t start = r->pos;
    TRO_TRY(tro_read_name(r, &name));
    if (tro_map_get(&r->values, (struct tro_str){name, strlen(name)}, &out->i) && out->i)
        return 0;
    r->pos = start;
    return tro_read_fail(r, "a value that is defined before");
}

int tro_read_define(struct tro_reader *r, tro_value_id v)
{
    const char *const name = tro_value_get(r->g, v)->name;
    if (tro_map_set(&r->values, (struct tro_str){name, strlen(name)}, v.i) < 0)
        return tro_fail_nomem(r->err);
    return 0;
}

/* ---- types ----------------------------------------------------------------------------- */

int tro_read_dim(struct tro_reader *r, tro_dim *out)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    if (tro_dim_parse(&r->g->dims, r->text, &r->pos, out) && !r->g->dims.failed)
        return 0;
    if (r->g->dims.failed)
        return tro_fail_nomem(r->err);
    r->pos = start;
    return tro_read_fail(r, "a size");
}

static int read_sizes(struct tro_reader *r, struct tro_shape *shape)
{
    if (tro_read_accept(r, '*')) {
        shape->rank = -1;
        return tro_read_expect(r, ']');
    }
    if (tro_read_accept(r, ']'))
        return 0;
    do {
        if (shape->rank == TRO_MAX_RANK)
            return tro_read_fail(r, "at most 8 sizes");
        TRO_TRY(tro_read_dim(r, &shape->dim[shape->rank]));
        shape->rank++;
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, ']');
}

int tro_read_type(struct tro_reader *r, enum tro_dtype *dtype, struct tro_shape *shape)
{
    *shape = (struct tro_shape){0};
    tro_read_peek(r);
    const size_t start = r->pos;
    const struct tro_str word = tro_read_word(r);
    char text[16] = "";
    if (word.n < sizeof(text))
        memcpy(text, word.p, word.n);
    *dtype = tro_dtype_from_name(text);
    if (*dtype == TRO_DTYPE_NONE) {
        r->pos = start;
        return tro_read_fail(r, "an element type");
    }
    TRO_TRY(tro_read_expect(r, '['));
    TRO_TRY(read_sizes(r, shape));
    return tro_read_prefix(r, start, tro_shape_check(&r->g->dims, *dtype, shape, r->err));
}
