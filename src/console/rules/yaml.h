/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML as configurations and rules need it: a tree whose nodes know their line and column, and
 * strict readers of fields, so that each message names the place:
 *
 *     console.yaml:14:12: budget_ms: expected a number of 1 to 1000, found 'x'
 *
 * One document of maps, lists and scalars in UTF-8. Anchors, aliases, tags, merge keys, keys that
 * are no plain words, keys that come twice and control characters in texts are refused. A scalar in
 * quotes is a text and nothing else; a plain one is a number, true or false, nothing (empty, ~,
 * null) or a text. Numbers are decimal.
 */
#ifndef TRO_CONSOLE_RULES_YAML_H
#define TRO_CONSOLE_RULES_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define TRO_YAML_MAX_BYTES 1048576
#define TRO_YAML_MAX_DEPTH 32
#define TRO_YAML_MAX_NODES 100000
#define TRO_YAML_MAX_MEMBERS 1024 /* of one map */
#define TRO_YAML_MAX_TEXT 4096    /* bytes of a scalar */

enum tro_yaml_kind { TRO_YAML_SCALAR, TRO_YAML_LIST, TRO_YAML_MAP };

struct tro_yaml_node {
    enum tro_yaml_kind kind;
    int line, column;         /* from 1; of the value */
    int key_line, key_column; /* of a member's key */
    const char *key;          /* of a member of a map; NULL: an element, or the top */
    int index;                /* among its brothers */
    const char *text;         /* of a scalar */
    bool is_quoted;
    int n; /* members or elements */
    struct tro_yaml_node *parent, *first, *last, *next;
};

struct tro_yaml {
    const char *file; /* for messages; the caller's */
    struct tro_arena arena;
    struct tro_yaml_node *top;
    struct tro_err *err; /* where messages go */
    int n_nodes;
};

/* finish must follow, whatever is returned. TRO_E_DEVICE: built without libyaml. */
int tro_yaml_parse(struct tro_yaml *y, const char *text, size_t n, const char *file,
                   struct tro_err *err);
void tro_yaml_finish(struct tro_yaml *y);

/* TRO_E_INPUT with "FILE:LINE:COLUMN: KEY: " in front; KEY is networks[0].plan, say. */
int tro_yaml_fail(const struct tro_yaml *y, const struct tro_yaml_node *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "'x'", "a list", "nothing": what was found, for messages; in `text`, cut at n. */
const char *tro_yaml_found(const struct tro_yaml_node *node, char *text, size_t n);

/* The value of a key of a map; NULL: absent, or no map. */
const struct tro_yaml_node *tro_yaml_get(const struct tro_yaml_node *map, const char *key);

bool tro_yaml_is_nothing(const struct tro_yaml_node *node);
/* Does a plain scalar say a number? */
bool tro_yaml_is_number(const struct tro_yaml_node *node, double *out);

int tro_yaml_want_map(const struct tro_yaml *y, const struct tro_yaml_node *node);
/* A list of lo to hi elements. */
int tro_yaml_want_list(const struct tro_yaml *y, const struct tro_yaml_node *node, int lo, int hi);

/* Values. Texts have 1 to max bytes; names of a choice end with NULL. */
int tro_yaml_text(const struct tro_yaml *y, const struct tro_yaml_node *node, int max,
                  const char **out);
int tro_yaml_number(const struct tro_yaml *y, const struct tro_yaml_node *node, double lo,
                    double hi, double *out);
int tro_yaml_int(const struct tro_yaml *y, const struct tro_yaml_node *node, int64_t lo, int64_t hi,
                 int *out);
int tro_yaml_bool(const struct tro_yaml *y, const struct tro_yaml_node *node, bool *out);
int tro_yaml_choice(const struct tro_yaml *y, const struct tro_yaml_node *node,
                    const char *const *names, int *out);

/* ---- maps by table -------------------------------------------------------------------------- */

enum tro_yaml_type {
    TRO_YAML_AS_TEXT,   /* const char *; hi: most bytes */
    TRO_YAML_AS_NUMBER, /* double, lo to hi */
    TRO_YAML_AS_FLOAT,  /* float, lo to hi */
    TRO_YAML_AS_INT,    /* int, lo to hi */
    TRO_YAML_AS_BOOL,   /* bool */
    TRO_YAML_AS_CHOICE, /* int, index of names */
    TRO_YAML_AS_NODE    /* const struct tro_yaml_node *, of any kind */
};

/* A row for each key that a map may have. */
struct tro_yaml_field {
    const char *key;
    enum tro_yaml_type type;
    size_t offset; /* in the struct that is read into */
    double lo, hi;
    const char *const *names;
    bool is_needed;
};

/* Reads a map with these keys and no others; what is absent stays as it was. rows end with a key
 * NULL. */
int tro_yaml_fields(const struct tro_yaml *y, const struct tro_yaml_node *map,
                    const struct tro_yaml_field *rows, void *out);

#endif
