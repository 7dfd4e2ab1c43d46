/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text: columns as wide as their cells need, numbers to the right. */
#ifndef TRO_TOOLS_TABLE_H
#define TRO_TOOLS_TABLE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/bytes.h"

#define TRO_TABLE_MAX_COLUMNS 20

/* An all-zero struct is an empty table. */
struct tro_table {
    struct tro_arena arena;
    int n_columns, n_cells;
    const char *heads[TRO_TABLE_MAX_COLUMNS]; /* ">name": its cells stand to the right; "<name":
                                                 they are never cut */
    const char **cells;                       /* row by row; NULL prints nothing */
    size_t cap;
    int failed; /* memory ran out: printing says so */
};

void tro_table_finish(struct tro_table *t);

/* Columns, before the first cell; the text is not copied. */
void tro_table_column(struct tro_table *t, const char *head);

/* The next cell; rows break by themselves. */
void tro_table_cell(struct tro_table *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Text from a model or a file: control characters are shown as '?'. */
void tro_table_text(struct tro_table *t, const char *p, size_t n);

/* Lines with two spaces between columns and the heads on top; cells that are longer than a column
 * should be are cut in their middle. */

/* Text of a name, cut in its middle where it is longer than n_out - 1 bytes. */
const char *tro_text_cut(const char *text, char *out, size_t n_out);
void tro_table_print(const struct tro_table *t, FILE *to);

#endif
