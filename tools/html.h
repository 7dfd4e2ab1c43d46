/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that stand alone: one file, no script, nothing fetched. */
#ifndef TRO_TOOLS_HTML_H
#define TRO_TOOLS_HTML_H

#include "base/bytes.h"
#include "table.h"

void tro_html_begin(struct tro_buf *out, const char *title);
/* A picture in the page: <img> with a PNG as its address. */
void tro_html_png(struct tro_buf *out, const void *png, size_t n, const char *alt);

void tro_html_end(struct tro_buf *out);

/* As text: what has a meaning in HTML is escaped, bytes that are not UTF-8 become U+FFFD. */
void tro_html_text(struct tro_buf *out, const char *text);
/* <tag>text</tag> */
void tro_html_element(struct tro_buf *out, const char *tag, const char *text);

/* A table of text cells. shares, when not NULL, has a number from 0 to 1 for each row, drawn as a
 * bar
 * in a last column. */
void tro_html_table(struct tro_buf *out, const struct tro_table *t, const double *shares);

#endif
