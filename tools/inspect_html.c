/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect found, as a page. */
#include "base/alloc.h"
#include "html.h"
#include "inspect_text.h"

#define LAYERS_OPEN 20
#define FINDINGS_OPEN 10

static void put_summary(const struct tro_inspect *x, struct tro_buf *out)
{
    struct tro_summary_line lines[TRO_SUMMARY_MAX];
    const int n = tro_inspect_summary(x, lines);
    tro_buf_str(out, "<table>\n");
    for (int i = 0; i < n; i++) {
        tro_buf_str(out, "<tr>");
        tro_html_element(out, "th", lines[i].name);
        tro_html_element(out, "td", lines[i].text);
        tro_buf_str(out, "</tr>\n");
    }
    tro_buf_str(out, "</table>\n");
    if (!x->graph) {
        tro_buf_str(out, "<p class=\"bad\">It cannot be imported: ");
        tro_html_text(out, x->import_err.text);
        tro_buf_str(out, "</p>\n");
    }
}

static void put_io(const struct tro_inspect *x, struct tro_buf *out)
{
    struct tro_table t = {0};
    tro_html_element(out, "h2", "Inputs and outputs");
    tro_inspect_io_table(x, &t);
    tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
}

static void put_items(const struct tro_inspect *x, size_t first, size_t n, struct tro_buf *out)
{
    tro_buf_str(out, "<ul>\n");
    for (size_t i = first; i < first + n; i++)
        tro_html_element(out, "li", x->findings[i].text);
    tro_buf_str(out, "</ul>\n");
}

static void put_findings(const struct tro_inspect *x, struct tro_buf *out)
{
    tro_html_element(out, "h2", "Warnings");
    if (!x->n_findings)
        tro_buf_str(out, "<p>None.</p>\n");
    for (int c = 0; c < TRO_N_CHECKS; c++) {
        size_t first = 0;
        const size_t n = tro_inspect_findings(x, (enum tro_check)c, &first);
        const size_t n_open = n < FINDINGS_OPEN ? n : FINDINGS_OPEN;
        if (!n)
            continue;
        tro_buf_str(out, "<h3>");
        tro_html_text(out, tro_check_title((enum tro_check)c));
        tro_buf_printf(out, ": %zu</h3>\n<p class=\"remedy\">", n);
        tro_html_text(out, tro_check_remedy((enum tro_check)c));
        tro_buf_str(out, "</p>\n");
        put_items(x, first, n_open, out);
        if (n == n_open)
            continue;
        tro_buf_printf(out, "<details><summary>and %zu more</summary>\n", n - n_open);
        put_items(x, first + n_open, n - n_open, out);
        tro_buf_str(out, "</details>\n");
    }
}

static void put_unsupported(const struct tro_inspect *x, struct tro_buf *out)
{
    struct tro_table t = {0};
    if (!x->n_unsupported)
        return;
    tro_html_element(out, "h2", "Operators that are not supported");
    tro_inspect_unsupported_table(x, &t);
    tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
}

static void put_operators(const struct tro_inspect *x, struct tro_buf *out)
{
    struct tro_table t = {0};
    double *shares = tro_calloc(x->n_ops + 1, sizeof *shares);
    for (size_t i = 0; shares && i < x->n_ops; i++)
        shares[i] = (double)x->ops[i].n / (double)x->ops[0].n;
    tro_html_element(out, "h2", "Operators");
    tro_inspect_ops_table(x, &t);
    tro_html_table(out, &t, shares);
    tro_table_finish(&t);
    tro_free(shares);
}

static void put_layer_rows(const struct tro_inspect *x, const struct tro_layer **layers, size_t n,
                           int64_t most, struct tro_buf *out)
{
    struct tro_table t = {0};
    double *shares = tro_calloc(n + 1, sizeof *shares);
    for (size_t i = 0; shares && i < n; i++)
        shares[i] = layers[i]->n_macs > 0 ? (double)layers[i]->n_macs / (double)most : 0;
    tro_inspect_layers_table(x, layers, n, &t);
    tro_html_table(out, &t, shares);
    tro_table_finish(&t);
    tro_free(shares);
}

static void put_layers(const struct tro_inspect *x, struct tro_buf *out)
{
    const struct tro_layer **layers = tro_inspect_sorted_layers(x);
    const size_t n = x->n_layers < LAYERS_OPEN ? x->n_layers : LAYERS_OPEN;
    if (!layers)
        out->failed = true;
    if (!layers || !n) {
        tro_free(layers);
        return;
    }
    const int64_t most = layers[0]->n_macs;
    tro_html_element(out, "h2", "Layers by multiplications");
    put_layer_rows(x, layers, n, most, out);
    if (x->n_layers > n) {
        tro_buf_printf(out, "<details><summary>and %zu more</summary>\n", x->n_layers - n);
        put_layer_rows(x, layers + n, x->n_layers - n, most, out);
        tro_buf_str(out, "</details>\n");
    }
    tro_free(layers);
}

void tro_inspect_html(const struct tro_inspect *x, struct tro_buf *out)
{
    tro_html_begin(out, x->path);
    put_summary(x, out);
    put_io(x, out);
    put_unsupported(x, out);
    put_findings(x, out);
    put_layers(x, out);
    put_operators(x, out);
    tro_html_end(out);
}
