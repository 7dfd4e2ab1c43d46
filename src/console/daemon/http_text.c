/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/http_text.h"

#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/utf8.h"

#define MAX_LINES 2000
#define MAX_LINE_BYTES 4096

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~+/=", c));
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

bool tro_http_bearer(const char *header, struct tro_str *token)
{
    if (!header || strncasecmp(header, "Bearer ", 7) != 0)
        return false;
    const char *const begin = skip_spaces(header + 7);
    const char *end = begin;
    while (is_token_char(*end))
        end++;
    *token = (struct tro_str){begin, (size_t)(end - begin)};
    return token->n > 0 && token->n <= TRO_HTTP_MAX_TOKEN && *skip_spaces(end) == 0;
}

bool tro_http_is_type(const char *header, const char *type)
{
    const size_t n = strlen(type);
    if (!header || strncasecmp(header, type, n) != 0)
        return false;
    const char after = *skip_spaces(header + n);
    return after == 0 || after == ';';
}

/* One entity tag at p; NULL: there is none. */
static const char *read_tag(const char *p, bool *is_weak, struct tro_str *tag)
{
    *is_weak = strncmp(p, "W/", 2) == 0;
    if (*is_weak)
        p += 2;
    if (*p != '"')
        return NULL;
    const char *const end = strchr(p + 1, '"');
    if (!end)
        return NULL;
    *tag = (struct tro_str){p, (size_t)(end + 1 - p)};
    return end + 1;
}

enum tro_http_match tro_http_if_match(const char *header, const char *etag, bool is_weak)
{
    if (!header)
        return TRO_HTTP_ABSENT;
    const char *p = skip_spaces(header);
    if (*p == '*' && *skip_spaces(p + 1) == 0)
        return TRO_HTTP_ANY;
    bool is_found = false;
    for (;;) {
        bool is_tag_weak;
        struct tro_str tag;
        p = read_tag(p, &is_tag_weak, &tag);
        if (!p)
            return TRO_HTTP_MISMATCH;
        is_found = is_found || (tro_str_eqz(tag, etag) && (is_weak || !is_tag_weak));
        p = skip_spaces(p);
        if (*p == 0)
            return is_found ? TRO_HTTP_MATCH : TRO_HTTP_MISMATCH;
        if (*p != ',')
            return TRO_HTTP_MISMATCH;
        p = skip_spaces(p + 1);
    }
}

bool tro_http_number(const char *text, int64_t lo, int64_t hi, int64_t *out)
{
    if (!text || !*text || strlen(text) > 18)
        return false;
    int64_t value = 0;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        value = value * 10 + (*p - '0');
    }
    *out = value;
    return value >= lo && value <= hi;
}

bool tro_http_session(const char *path, char id[33])
{
    if (strncmp(path, "/whep/", 6) != 0 || strlen(path) != 6 + 32)
        return false;
    if (strspn(path + 6, "0123456789abcdef") != 32)
        return false;
    memcpy(id, path + 6, 33);
    return true;
}

bool tro_http_is_same_origin(const char *origin, const char *host, bool is_tls)
{
    const char *const scheme = is_tls ? "https://" : "http://";
    const size_t n = strlen(scheme);
    return origin && host && *host && strncasecmp(origin, scheme, n) == 0 &&
           strcasecmp(origin + n, host) == 0;
}

/* The next line without its end; false: there is none. */
static bool next_line(struct tro_str *text, struct tro_str *line)
{
    if (text->n == 0)
        return false;
    const char *const end = memchr(text->p, '\n', text->n);
    line->p = text->p;
    line->n = end ? (size_t)(end - text->p) : text->n;
    const size_t n_taken = end ? line->n + 1 : line->n;
    text->p += n_taken;
    text->n -= n_taken;
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return true;
}

static bool is_printable(struct tro_str s)
{
    while (s.n > 0) {
        const size_t n = tro_utf8_char(s.p, s.n);
        if (n == 0 || (unsigned char)*s.p < 0x20 || *s.p == 0x7f)
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

static bool begins(struct tro_str s, const char *with)
{
    const size_t n = strlen(with);
    return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Lines "x=..." alone, empty ones left out. Returns how many begin with one of the two words. */
static int check_lines(struct tro_str text, const char *what, const char *word, const char *other,
                       struct tro_err *err)
{
    struct tro_str line;
    int n_found = 0;
    for (int number = 1; next_line(&text, &line); number++) {
        if (number > MAX_LINES || line.n > MAX_LINE_BYTES)
            return tro_fail(err, TRO_E_INPUT,
                            "%s, line %d: expected at most %d lines of at most %d bytes", what,
                            number, MAX_LINES, MAX_LINE_BYTES);
        if (line.n == 0)
            continue;
        if (line.n < 2 || line.p[0] < 'a' || line.p[0] > 'z' || line.p[1] != '=' ||
            !is_printable(line))
            return tro_fail(err, TRO_E_INPUT,
                            "%s, line %d: expected a letter, '=' and printable text", what, number);
        n_found += begins(line, word) || begins(line, other);
    }
    return n_found;
}

int tro_http_check_offer(const char *text, size_t n, struct tro_err *err)
{
    const struct tro_str offer = {text, n};
    if (!begins(offer, "v=0\n") && !begins(offer, "v=0\r\n"))
        return tro_fail(err, TRO_E_INPUT, "offer: expected SDP, which begins with the line v=0");
    const int n_media = check_lines(offer, "offer", "m=video ", "m=video ", err);
    if (n_media == 0)
        return tro_fail(err, TRO_E_INPUT, "offer: expected a line m=video, found none");
    return n_media < 0 ? n_media : 0;
}

int tro_http_check_fragment(const char *text, size_t n, struct tro_err *err)
{
    const int n_candidates = check_lines((struct tro_str){text, n}, "fragment",
                                         "a=candidate:", "a=end-of-candidates", err);
    if (n_candidates == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "fragment: expected lines a=candidate: or a=end-of-candidates, found none");
    return n_candidates < 0 ? n_candidates : 0;
}
