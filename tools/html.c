/* SPDX-License-Identifier: Apache-2.0 */
#include "html.h"

#include <string.h>

#include "base/utf8.h"
#include "graph/text.h"

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2em auto;padding:0 1em;"
    "color:#1c2330;background:#fff}\n"
    "h1{font-size:1.5em;margin-bottom:.2em;overflow-wrap:anywhere}\n"
    "h2{font-size:1.15em;margin:2em 0 .5em;border-bottom:1px solid #d5dae3;padding-bottom:.2em}\n"
    "h3{font-size:1em;margin:1.4em 0 .2em}\n"
    "p{margin:.3em 0}\n"
    ".note{color:#5a6475}\n"
    ".bad{color:#a4161a}\n"
    ".remedy{color:#1f6f43}\n"
    "table{border-collapse:collapse;font-size:.93em}\n"
    "th,td{text-align:left;padding:.2em .9em .2em 0;border-bottom:1px solid #eceff4;"
    "vertical-align:top;overflow-wrap:anywhere}\n"
    "th{color:#5a6475;font-weight:600}\n"
    ".r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".bar{width:10em}\n"
    ".bar i{display:block;height:.7em;margin-top:.4em;background:#4a7dbd;border-radius:2px}\n"
    "ul{margin:.2em 0;padding-left:1.4em}\n"
    "li{overflow-wrap:anywhere}\n"
    "figure{display:inline-block;margin:0 .4em .7em 0;vertical-align:top}\n"
    "figure img{display:block;width:172px}\n"
    "figcaption{color:#5a6475;font-size:.85em;max-width:172px;overflow-wrap:anywhere}\n"
    "figure.curve figcaption{max-width:240px;text-align:center}\n"
    "details summary{cursor:pointer;color:#5a6475}\n";

void tro_html_begin(struct tro_buf *out, const char *title)
{
    tro_buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    tro_html_text(out, title);
    tro_buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
    tro_html_element(out, "h1", title);
}

void tro_html_end(struct tro_buf *out)
{
    tro_buf_str(out, "</body>\n</html>\n");
}

void tro_html_png(struct tro_buf *out, const void *png, size_t n, const char *alt)
{
    tro_buf_str(out, "<img alt=\"");
    tro_html_text(out, alt);
    tro_buf_str(out, "\" src=\"data:image/png;base64,");
    tro_text_print_base64(png, n, out);
    tro_buf_str(out, "\">");
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

void tro_html_text(struct tro_buf *out, const char *text)
{
    for (size_t left = strlen(text); left;) {
        const size_t n = tro_utf8_char(text, left);
        const char *escape = escape_of(*text);
        if (escape)
            tro_buf_str(out, escape);
        else if (n)
            tro_buf_put(out, text, n);
        else
            tro_buf_str(out, "\xef\xbf\xbd");
        text += n ? n : 1;
        left -= n ? n : 1;
    }
}

void tro_html_element(struct tro_buf *out, const char *tag, const char *text)
{
    tro_buf_printf(out, "<%s>", tag);
    tro_html_text(out, text);
    tro_buf_printf(out, "</%s>\n", tag);
}

static void put_cell(struct tro_buf *out, const char *tag, bool is_right, const char *text)
{
    tro_buf_printf(out, is_right ? "<%s class=\"r\">" : "<%s>", tag);
    tro_html_text(out, text);
    tro_buf_printf(out, "</%s>", tag);
}

void tro_html_table(struct tro_buf *out, const struct tro_table *t, const double *shares)
{
    tro_buf_str(out, "<table>\n<tr>");
    for (int i = 0; i < t->n_columns; i++) {
        const bool is_right = t->heads[i][0] == '>';
        put_cell(out, "th", is_right, t->heads[i] + (is_right || t->heads[i][0] == '<'));
    }
    tro_buf_str(out, shares ? "<th></th></tr>\n" : "</tr>\n");
    for (int row = 0; (row + 1) * t->n_columns <= t->n_cells; row++) {
        tro_buf_str(out, "<tr>");
        for (int i = 0; i < t->n_columns; i++)
            put_cell(out, "td", t->heads[i][0] == '>', t->cells[row * t->n_columns + i]);
        if (shares)
            tro_buf_printf(out, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i></td>",
                           shares[row] * 100);
        tro_buf_str(out, "</tr>\n");
    }
    tro_buf_str(out, "</table>\n");
}
