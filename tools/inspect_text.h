/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that the terminal and the page share: tables, and lines of a summary. */
#ifndef TRO_TOOLS_INSPECT_TEXT_H
#define TRO_TOOLS_INSPECT_TEXT_H

#include "inspect.h"
#include "table.h"

/* Name and value, e.g. "weights", "905.6 k in 3.62 MB". */
struct tro_summary_line {
    const char *name;
    char text[512];
};
#define TRO_SUMMARY_MAX 8
int tro_inspect_summary(const struct tro_inspect *x, struct tro_summary_line *lines);

void tro_inspect_io_table(const struct tro_inspect *x, struct tro_table *t);
void tro_inspect_unsupported_table(const struct tro_inspect *x, struct tro_table *t);
/* The operators of the file. */
void tro_inspect_ops_table(const struct tro_inspect *x, struct tro_table *t);

/* All layers, those with most MACs first. NULL when memory ran out; to be freed with tro_free. */
const struct tro_layer **tro_inspect_sorted_layers(const struct tro_inspect *x);
void tro_inspect_layers_table(const struct tro_inspect *x, const struct tro_layer **layers,
                              size_t n, struct tro_table *t);

/* Findings of a check: where they begin, and how many. */
size_t tro_inspect_findings(const struct tro_inspect *x, enum tro_check check, size_t *first);

#endif
