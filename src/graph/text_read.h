/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/graph: the reader of the text form, in three files: words (text_read.c), constants and
 * attributes (text_data.c), statements (text_parse.c). */
#ifndef TRO_GRAPH_TEXT_READ_H
#define TRO_GRAPH_TEXT_READ_H

#include "graph/graph.h"
#include "graph/graph_build.h"

struct tro_reader {
    const char *name; /* of the text, for messages */
    struct tro_str text;
    size_t pos;
    struct tro_graph *g;
    struct tro_map values; /* name -> value id */
    int depth;             /* of blocks */
    int64_t n_splat;       /* elements that `splat` stood for so far */
    struct tro_str block;  /* what `data` stands for; p is NULL when there is none */
    uint64_t n_checked;    /* bytes of the block that were looked at, again and again counted */
    struct tro_err *err;
};

/* "NAME:LINE: expected WHAT, found ..." */
int tro_read_fail(struct tro_reader *r, const char *what);
/* Puts "NAME:LINE: " of that place before a message made elsewhere. */
int tro_read_prefix(struct tro_reader *r, size_t pos, int rc);

/* The next character that is neither blank nor comment; 0 at the end. */
char tro_read_peek(struct tro_reader *r);
bool tro_read_accept(struct tro_reader *r, char c);
int tro_read_expect(struct tro_reader *r, char c);
/* The longest run of letters, digits and the characters . _ + - @; may be empty. */
struct tro_str tro_read_word(struct tro_reader *r);
int tro_read_int(struct tro_reader *r, int64_t *out);
/* A quoted text, in the graph's arena. */
int tro_read_quoted(struct tro_reader *r, const char **out);

/* %name or %"name": the name, in the graph's arena. */
int tro_read_name(struct tro_reader *r, const char **out);
/* The same; the name must be new and not empty. */
int tro_read_new_name(struct tro_reader *r, const char **out);
/* A value defined before, or none for _. */
int tro_read_value(struct tro_reader *r, tro_value_id *out);
/* Makes a value known by its name. */
int tro_read_define(struct tro_reader *r, tro_value_id v);

int tro_read_dim(struct tro_reader *r, tro_dim *out);
/* f32[1,N] */
int tro_read_type(struct tro_reader *r, enum tro_dtype *dtype, struct tro_shape *shape);

/* const %name : type = elements */
int tro_read_const(struct tro_reader *r);
/* {name = value, ...} into a zeroed struct of the operator. */
int tro_read_attrs(struct tro_reader *r, enum tro_op op, void *attrs);

#endif
