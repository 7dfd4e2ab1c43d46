/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/tokens.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/utf8.h"

#define MAX_FILE_BYTES 262144

static const char *const roles[] = {
#define TRO_ROLE_NAME(id, name) name,
    TRO_ROLES(TRO_ROLE_NAME)
#undef TRO_ROLE_NAME
};

const char *tro_role_name(enum tro_role role)
{
    return roles[role];
}

/* ---- a line --------------------------------------------------------------------------------- */

struct line {
    const char *path;
    int number;
    struct tro_str role, token, name;
    struct tro_err *err;
};

static int fail_line(const struct line *l, const char *what)
{
    return tro_fail(l->err, TRO_E_INPUT, "%s:%d: %s", l->path, l->number, what);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct tro_str trim(struct tro_str s)
{
    for (; s.n && is_space(s.p[0]); s.p++)
        s.n--;
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The first word of s, which is cut off it. */
static struct tro_str take_word(struct tro_str *s)
{
    struct tro_str word = {s->p, 0};
    while (word.n < s->n && !is_space(s->p[word.n]))
        word.n++;
    *s = trim((struct tro_str){s->p + word.n, s->n - word.n});
    return word;
}

static bool is_token_text(struct tro_str s)
{
    static const char more[] = "-._~+/=";
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && !(c && strchr(more, c)))
            return false;
    }
    return true;
}

static bool is_name_text(struct tro_str s)
{
    for (size_t i = 0, step; i < s.n; i += step) {
        step = tro_utf8_char(s.p + i, s.n - i);
        const uint8_t c = (uint8_t)s.p[i];
        if (step == 0 || c < 0x20 || c == 0x7f || (c == 0xc2 && (uint8_t)s.p[i + 1] < 0xa0))
            return false;
    }
    return true;
}

static int check_line(const struct line *l)
{
    if (l->token.n < TRO_TOKEN_MIN_BYTES || l->token.n > TRO_TOKEN_MAX_BYTES)
        return tro_fail(l->err, TRO_E_INPUT,
                        "%s:%d: expected a token of %d to %d characters after the role, found %zu",
                        l->path, l->number, TRO_TOKEN_MIN_BYTES, TRO_TOKEN_MAX_BYTES, l->token.n);
    if (!is_token_text(l->token))
        return fail_line(l, "expected a token of letters, digits and -._~+/=");
    if (l->name.n < 1 || l->name.n >= TRO_MARK_NAME_BYTES)
        return tro_fail(l->err, TRO_E_INPUT,
                        "%s:%d: expected a name of 1 to %d bytes after the token, found %zu",
                        l->path, l->number, TRO_MARK_NAME_BYTES - 1, l->name.n);
    if (!is_name_text(l->name))
        return fail_line(l, "expected a name in UTF-8 without control characters");
    return 0;
}

static int role_of(struct tro_str word)
{
    for (int i = 0; i < TRO_N_ROLES; i++)
        if (tro_str_eqz(word, roles[i]))
            return i;
    return -1;
}

static int add_line(struct tro_tokens *t, const struct line *l)
{
    const int role = role_of(l->role);
    if (role < 0)
        return fail_line(l, "expected one of the roles expert, operator at the line's beginning");
    TRO_TRY(check_line(l));
    if (t->n == TRO_TOKENS_MAX)
        return fail_line(l, "expected at most 256 tokens, found more");
    if (tro_tokens_find(t, l->token.p, l->token.n))
        return fail_line(l, "expected a token of its own, found one that another line has");
    struct tro_token *const to = &t->items[t->n];
    to->role = (enum tro_role)role;
    to->token = tro_arena_strndup(&t->arena, l->token.p, l->token.n);
    to->name = tro_arena_strndup(&t->arena, l->name.p, l->name.n);
    if (!to->token || !to->name)
        return tro_fail_nomem(l->err);
    t->n++;
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

static int parse_lines(const char *text, size_t n, const char *path, struct tro_tokens *out,
                       struct tro_err *err)
{
    struct line l = {.path = path, .err = err};
    for (const char *end = text + n; text < end;) {
        const char *const newline = memchr(text, '\n', (size_t)(end - text));
        struct tro_str rest = {text, (size_t)((newline ? newline : end) - text)};
        text += rest.n + 1;
        rest = trim(rest);
        l.number++;
        if (rest.n == 0 || rest.p[0] == '#')
            continue;
        l.role = take_word(&rest);
        l.token = take_word(&rest);
        l.name = rest;
        TRO_TRY(add_line(out, &l));
    }
    if (out->n == 0)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a line ROLE TOKEN NAME, found none", path);
    return 0;
}

int tro_tokens_parse(const char *text, size_t n, const char *path, struct tro_tokens *out,
                     struct tro_err *err)
{
    *out = (struct tro_tokens){0};
    const int rc = parse_lines(text, n, path, out, err);
    if (rc < 0)
        tro_tokens_finish(out);
    return rc;
}

int tro_tokens_read(const char *path, struct tro_tokens *out, struct tro_err *err)
{
    struct tro_file f;
    *out = (struct tro_tokens){0};
    TRO_TRY(tro_file_read(&f, path, MAX_FILE_BYTES, err));
    const int rc = tro_tokens_parse(f.data, f.n_bytes, path, out, err);
    tro_file_finish(&f);
    return rc;
}

void tro_tokens_finish(struct tro_tokens *t)
{
    tro_arena_finish(&t->arena);
    t->n = 0;
}

/* ---- comparison ----------------------------------------------------------------------------- */

/* No branch and no end depends on what the bytes are. */
static bool is_same(const char *known, const char *given, size_t n)
{
    const size_t n_known = strlen(known);
    volatile size_t difference = n_known ^ n;
    for (size_t i = 0; i < n; i++)
        difference |= (size_t)((uint8_t)known[i % n_known] ^ (uint8_t)given[i]);
    return difference == 0;
}

const struct tro_token *tro_tokens_find(const struct tro_tokens *t, const char *token, size_t n)
{
    const struct tro_token *found = NULL;
    for (int i = 0; n <= TRO_TOKEN_MAX_BYTES && i < t->n; i++)
        if (is_same(t->items[i].token, token, n))
            found = &t->items[i];
    return found;
}
