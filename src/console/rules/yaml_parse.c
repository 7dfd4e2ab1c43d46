/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml's events into a tree. */
#include "console/rules/yaml.h"

#include <string.h>
#include <yaml.h>

#include "base/utf8.h"

struct reader {
    struct tro_yaml *y;
    yaml_parser_t parser;
    struct tro_yaml_node *open; /* map or list that events go into; NULL at the top */
    int depth;
    const char *key; /* of the member that comes next */
    int key_line, key_column;
    bool is_done;
};

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark)
{
    return (int)mark.column + 1;
}

static int fail_at(const struct reader *r, yaml_mark_t mark, const char *what)
{
    return tro_fail(r->y->err, TRO_E_INPUT, "%s:%d:%d: %s", r->y->file, line_of(mark),
                    column_of(mark), what);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

/* A node in its place: member of the open map under the key that came before, element of the open
 * list, or the top. */
static struct tro_yaml_node *add_node(struct reader *r, enum tro_yaml_kind kind, yaml_mark_t mark)
{
    struct tro_yaml_node *const node = TRO_NEW(&r->y->arena, struct tro_yaml_node);
    struct tro_yaml_node *const parent = r->open;
    if (!node)
        return NULL;
    *node = (struct tro_yaml_node){.kind = kind,
                                   .line = line_of(mark),
                                   .column = column_of(mark),
                                   .parent = parent,
                                   .key = r->key,
                                   .key_line = r->key_line,
                                   .key_column = r->key_column};
    r->key = NULL;
    if (!parent) {
        r->y->top = node;
        return node;
    }
    node->index = parent->n++;
    *(parent->last ? &parent->last->next : &parent->first) = node;
    parent->last = node;
    return node;
}

static int check_room(const struct reader *r, yaml_mark_t mark)
{
    if (r->y->n_nodes >= TRO_YAML_MAX_NODES)
        return fail_at(r, mark, "expected at most 100000 values, found more");
    r->y->n_nodes++;
    return 0;
}

static bool has_controls(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = (uint8_t)p[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && i + 1 < n && (uint8_t)p[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static int copy_scalar(const struct reader *r, const yaml_event_t *e, const char **out)
{
    const char *const p = (const char *)e->data.scalar.value;
    const size_t n = e->data.scalar.length;
    if (n > TRO_YAML_MAX_TEXT)
        return fail_at(r, e->start_mark,
                       "expected a text of at most 4096 bytes, found a longer one");
    if (has_controls(p, n))
        return fail_at(r, e->start_mark,
                       "expected a text of one line without control characters; end a block with "
                       ">- so that it has no line break");
    *out = tro_arena_strndup(&r->y->arena, p, n);
    return *out ? 0 : tro_fail_nomem(r->y->err);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int check_new_key(const struct reader *r, yaml_mark_t mark, const char *key)
{
    if (strcmp(key, "<<") == 0)
        return fail_at(r, mark, "expected no merge key: write out what it stands for");
    if (r->open->n >= TRO_YAML_MAX_MEMBERS)
        return fail_at(r, mark, "expected a map of at most 1024 keys, found more");
    for (const struct tro_yaml_node *m = r->open->first; m; m = m->next)
        if (strcmp(m->key, key) == 0)
            return tro_fail(r->y->err, TRO_E_INPUT,
                            "%s:%d:%d: %.60s: expected each key once, found it again: the first "
                            "one is in line %d",
                            r->y->file, line_of(mark), column_of(mark), key, m->key_line);
    return 0;
}

static int take_key(struct reader *r, const yaml_event_t *e)
{
    const char *key = NULL;
    TRO_TRY(copy_scalar(r, e, &key));
    TRO_TRY(check_new_key(r, e->start_mark, key));
    r->key = key;
    r->key_line = line_of(e->start_mark);
    r->key_column = column_of(e->start_mark);
    return 0;
}

/* ---- events --------------------------------------------------------------------------------- */

static int take_scalar(struct reader *r, const yaml_event_t *e)
{
    const bool is_key = r->open && r->open->kind == TRO_YAML_MAP && !r->key;
    if (e->data.scalar.anchor || e->data.scalar.tag)
        return fail_at(r, e->start_mark, "expected a value without anchor and tag");
    TRO_TRY(check_room(r, e->start_mark));
    if (is_key)
        return take_key(r, e);
    struct tro_yaml_node *const node = add_node(r, TRO_YAML_SCALAR, e->start_mark);
    if (!node)
        return tro_fail_nomem(r->y->err);
    node->is_quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return copy_scalar(r, e, &node->text);
}

static int open_node(struct reader *r, enum tro_yaml_kind kind, yaml_mark_t mark, bool is_marked)
{
    if (is_marked)
        return fail_at(r, mark, "expected a value without anchor and tag");
    if (r->open && r->open->kind == TRO_YAML_MAP && !r->key)
        return fail_at(r, mark, "expected a word as the key, found a map or a list");
    if (r->depth >= TRO_YAML_MAX_DEPTH)
        return fail_at(r, mark, "expected at most 32 levels, found more");
    TRO_TRY(check_room(r, mark));
    struct tro_yaml_node *const node = add_node(r, kind, mark);
    if (!node)
        return tro_fail_nomem(r->y->err);
    r->open = node;
    r->depth++;
    return 0;
}

static void close_node(struct reader *r)
{
    r->open = r->open->parent;
    r->depth--;
}

static int take_document(const struct reader *r, const yaml_event_t *e)
{
    if (r->y->top)
        return fail_at(r, e->start_mark, "expected one document, found another");
    if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
        return fail_at(r, e->start_mark, "expected no %TAG: tags are not used here");
    return 0;
}

static int take_event(struct reader *r, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return take_document(r, e);
    case YAML_ALIAS_EVENT:
        return fail_at(r, e->start_mark,
                       "expected a value, found an alias; write a text that "
                       "begins with * in quotes");
    case YAML_SCALAR_EVENT:
        return take_scalar(r, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(r, TRO_YAML_LIST, e->start_mark,
                         e->data.sequence_start.anchor || e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return open_node(r, TRO_YAML_MAP, e->start_mark,
                         e->data.mapping_start.anchor || e->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_node(r);
        return 0;
    case YAML_STREAM_END_EVENT:
        r->is_done = true;
        return 0;
    default:
        return 0;
    }
}

/* ---- the text ------------------------------------------------------------------------------- */

/* libyaml gives the offset alone of bytes that are no text. */
static int fail_bytes(const struct tro_yaml *y, const char *text, size_t offset)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        const bool is_break = text[i] == '\n';
        line += is_break;
        column = is_break ? 1 : column + (((uint8_t)text[i] & 0xc0) != 0x80);
    }
    return tro_fail(y->err, TRO_E_INPUT,
                    "%s:%d:%d: expected text in UTF-8, found byte 0x%02x: save the file as UTF-8",
                    y->file, line, column, (uint8_t)text[offset]);
}

static int fail_parse(const struct reader *r)
{
    const yaml_parser_t *const p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR)
        return tro_fail_nomem(r->y->err);
    return tro_fail(r->y->err, TRO_E_INPUT, "%s:%d:%d: expected YAML, found: %s%s%s", r->y->file,
                    line_of(p->problem_mark), column_of(p->problem_mark),
                    p->problem ? p->problem : "what cannot be read", p->context ? " " : "",
                    p->context ? p->context : "");
}

static int read_events(struct reader *r)
{
    while (!r->is_done) {
        yaml_event_t event;
        if (!yaml_parser_parse(&r->parser, &event))
            return fail_parse(r);
        const int rc = take_event(r, &event);
        yaml_event_delete(&event);
        TRO_TRY(rc);
    }
    return 0;
}

/* Control characters but tab and line breaks are no YAML; libyaml says so without a place. */
static int check_bytes(const struct tro_yaml *y, const char *text, size_t n)
{
    for (size_t i = 0, step; i < n; i += step) {
        const uint8_t c = (uint8_t)text[i];
        step = tro_utf8_char(text + i, n - i);
        if (step == 0 || c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
            return fail_bytes(y, text, i);
    }
    return 0;
}

int tro_yaml_parse(struct tro_yaml *y, const char *text, size_t n, const char *file,
                   struct tro_err *err)
{
    struct reader r = {.y = y};
    *y = (struct tro_yaml){.file = file, .err = err};
    if (n > TRO_YAML_MAX_BYTES)
        return tro_fail(err, TRO_E_INPUT, "%s: expected at most %d bytes, found %zu", file,
                        TRO_YAML_MAX_BYTES, n);
    TRO_TRY(check_bytes(y, text, n));
    if (!yaml_parser_initialize(&r.parser))
        return tro_fail_nomem(err);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
    int rc = read_events(&r);
    yaml_parser_delete(&r.parser);
    if (rc == 0 && !y->top)
        rc = tro_fail(err, TRO_E_INPUT, "%s:1:1: expected a map of keys, found nothing", file);
    return rc;
}
