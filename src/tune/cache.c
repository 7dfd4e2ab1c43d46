/* SPDX-License-Identifier: Apache-2.0 */
#include "tune/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"

#define MAX_NS INT64_C(1000000000000) /* a quarter of an hour for a step is no time */

void tro_cache_finish(struct tro_cache *c)
{
    tro_free(c->entries);
    tro_map_finish(&c->map);
    tro_arena_finish(&c->arena);
    *c = (struct tro_cache){0};
}

/* ---- entries ----------------------------------------------------------------------------- */

static struct tro_str str_of(const char *text)
{
    return (struct tro_str){text, strlen(text)};
}

int64_t tro_cache_get(const struct tro_cache *c, const struct tro_cache_key *key)
{
    struct tro_buf line = {0};
    uint32_t at;
    tro_buf_printf(&line, "%s\t%s\t%s\t%s", key->problem, key->chip, key->version, key->candidate);
    const bool is_there = !line.failed &&
                          tro_map_get(&c->map, (struct tro_str){(char *)line.p, line.n}, &at);
    tro_buf_finish(&line);
    return is_there ? c->entries[at].ns : -1;
}

/* The line stays where it is: in the arena. */
static int put_line(struct tro_cache *c, const char *line, int64_t ns)
{
    uint32_t at;
    if (tro_map_get(&c->map, str_of(line), &at)) {
        if (ns < c->entries[at].ns)
            c->entries[at].ns = ns;
        return 0;
    }
    if (TRO_GROW(&c->entries, c->n, &c->cap) < 0 ||
        tro_map_set(&c->map, str_of(line), (uint32_t)c->n) < 0)
        return TRO_E_NOMEM;
    c->entries[c->n++] = (struct tro_cache_entry){line, ns};
    return 0;
}

int tro_cache_put(struct tro_cache *c, const struct tro_cache_key *key, int64_t ns)
{
    const char *const line = tro_arena_printf(&c->arena, "%s\t%s\t%s\t%s", key->problem, key->chip,
                                              key->version, key->candidate);
    return line ? put_line(c, line, ns) : TRO_E_NOMEM;
}

void tro_cache_each(const struct tro_cache *c, const struct tro_cache_key *key,
                    void (*fn)(void *ctx, const char *candidate), void *ctx)
{
    struct tro_buf prefix = {0};
    tro_buf_printf(&prefix, "%s\t%s\t%s\t", key->problem, key->chip, key->version);
    for (size_t i = 0; i < c->n && !prefix.failed; i++)
        if (strncmp(c->entries[i].line, (char *)prefix.p, prefix.n) == 0)
            fn(ctx, c->entries[i].line + prefix.n);
    tro_buf_finish(&prefix);
}

/* ---- the file ------------------------------------------------------------------------------ */

/* Cuts the nanoseconds off a zero-terminated line. False when the line is none. */
static bool cut_line(char *line, int64_t *ns)
{
    char *field = line, *end;
    for (int i = 0; i < 4; i++) {
        char *const tab = strchr(field, '\t');
        if (!tab || tab == field)
            return false;
        field = tab + 1;
    }
    if (*field < '0' || *field > '9')
        return false;
    errno = 0;
    *ns = strtoll(field, &end, 10);
    field[-1] = 0;
    return !*end && errno == 0 && *ns <= MAX_NS;
}

static void warn_line(tro_cache_warn *warn, void *ctx, const char *path, size_t i)
{
    char text[512];
    snprintf(text, sizeof(text),
             "%s:%zu: expected problem, chip, version, candidate, nanoseconds "
             "between tabs: this line and all others like it are left out",
             path, i);
    if (warn)
        warn(ctx, text);
}

static int read_lines(struct tro_cache *c, const char *path, char *text, size_t n,
                      tro_cache_warn *warn, void *ctx)
{
    bool has_warned = false;
    size_t i = 1;
    for (char *line = text; line < text + n; i++) {
        char *const end = memchr(line, '\n', (size_t)(text + n - line));
        char *const next = end ? end + 1 : text + n;
        int64_t ns;
        /* The last line may lack its end; the text has a zero behind it. */
        if (end)
            *end = 0;
        const bool is_whole = strlen(line) == (size_t)((end ? end : text + n) - line);
        if (is_whole && cut_line(line, &ns)) {
            if (put_line(c, line, ns) < 0)
                return TRO_E_NOMEM;
        } else if (!has_warned) {
            warn_line(warn, ctx, path, i);
            has_warned = true;
        }
        line = next;
    }
    return 0;
}

int tro_cache_read(struct tro_cache *c, const char *path, tro_cache_warn *warn, void *ctx,
                   struct tro_err *err)
{
    struct tro_file f;
    if (!tro_file_exists(path))
        return 0;
    TRO_TRY(tro_file_read(&f, path, 0, err));
    char *const copy = tro_arena_alloc(&c->arena, f.n_bytes + 1, 1);
    if (copy && f.n_bytes > 0)
        memcpy(copy, f.data, f.n_bytes);
    const int rc = copy ? read_lines(c, path, copy, f.n_bytes, warn, ctx) : TRO_E_NOMEM;
    tro_file_finish(&f);
    return rc < 0 ? tro_fail_nomem(err) : 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct tro_cache_entry *)a)->line,
                  ((const struct tro_cache_entry *)b)->line);
}

int tro_cache_write(struct tro_cache *c, const char *path, struct tro_err *err)
{
    struct tro_buf text = {0};
    TRO_TRY(tro_cache_read(c, path, NULL, NULL, err));
    struct tro_cache_entry *const sorted = tro_malloc(c->n * sizeof(*sorted) + 1);
    if (!sorted)
        return tro_fail_nomem(err);
    if (c->n > 0)
        memcpy(sorted, c->entries, c->n * sizeof(*sorted));
    qsort(sorted, c->n, sizeof(*sorted), compare);
    for (size_t i = 0; i < c->n; i++)
        tro_buf_printf(&text, "%s\t%lld\n", sorted[i].line, (long long)sorted[i].ns);
    const int rc = text.failed ? tro_fail_nomem(err) : tro_file_write(path, text.p, text.n, err);
    tro_buf_finish(&text);
    tro_free(sorted);
    return rc;
}
