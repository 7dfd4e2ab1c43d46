/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"

void tro_print_scaled(double v, const char *unit, char *out, size_t n)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P"};
    int p = 0;
    for (; v >= 999.5 && p < 5; p++)
        v /= 1000;
    const int n_digits = p == 0 || v >= 99.95 ? 0 : v >= 9.995 ? 1 : 2;
    const char *space = p || unit[0] ? " " : "";
    snprintf(out, n, "%.*f%s%s%s", n_digits, v, space, prefixes[p], unit);
}

/* ---- summary --------------------------------------------------------------------------- */

static struct tro_summary_line *add_line(struct tro_summary_line *lines, int *n, const char *name)
{
    lines[*n].name = name;
    lines[*n].text[0] = 0;
    return &lines[(*n)++];
}

static void summarize_file(const struct tro_inspect *x, struct tro_summary_line *l)
{
    const struct tro_onnx_model *m = x->onnx;
    char size[32];
    tro_print_scaled((double)m->file.n_bytes, "B", size, sizeof size);
    int at = snprintf(l->text, sizeof l->text, "%s, IR version %lld", size,
                      (long long)m->ir_version);
    for (size_t i = 0; i < m->n_opsets && at < (int)sizeof l->text; i++) {
        const struct tro_str d = m->opsets[i].domain;
        at += snprintf(l->text + at, sizeof l->text - (size_t)at, ", %.*s %lld", d.n ? (int)d.n : 5,
                       d.n ? d.p : "opset", (long long)m->opsets[i].version);
    }
}

static void summarize_costs(const struct tro_inspect *x, struct tro_summary_line *lines, int *n)
{
    char a[32], b[80];
    const char *free_text = x->has_free_sizes ? "; free sizes count as 1" : "";
    struct tro_summary_line *l = add_line(lines, n, "MACs");
    tro_print_scaled((double)x->n_macs, "", a, sizeof a);
    if (x->n_layers_known < (int64_t)x->n_layers)
        snprintf(b, sizeof b, " (%lld of unknown size)",
                 (long long)((int64_t)x->n_layers - x->n_layers_known));
    else
        b[0] = 0;
    if (x->n_layers)
        snprintf(l->text, sizeof l->text, "%s in %zu layers%s%s", a, x->n_layers, b, free_text);
    else
        snprintf(l->text, sizeof l->text, "none");
    l = add_line(lines, n, "activations");
    tro_print_scaled((double)x->peak_bytes, "B", a, sizeof a);
    if (x->n_unsized)
        snprintf(b, sizeof b, ", %lld tensors of unknown size left out", (long long)x->n_unsized);
    else
        b[0] = 0;
    snprintf(l->text, sizeof l->text, "%s alive at most, at %s'%s'%s%s", a,
             x->peak_node[0] ? "node " : "", x->peak_node, b, free_text);
}

int tro_inspect_summary(const struct tro_inspect *x, struct tro_summary_line *lines)
{
    const struct tro_onnx_model *m = x->onnx;
    char a[32], b[32];
    int n = 0;
    summarize_file(x, add_line(lines, &n, "file"));
    if (m->producer_name.n) {
        struct tro_summary_line *l = add_line(lines, &n, "producer");
        snprintf(l->text, sizeof l->text, "%.*s%s%.*s", (int)m->producer_name.n, m->producer_name.p,
                 m->producer_version.n ? " " : "", (int)m->producer_version.n,
                 m->producer_version.p ? m->producer_version.p : "");
    }
    struct tro_summary_line *l = add_line(lines, &n, "weights");
    tro_print_scaled((double)x->n_weights, "", a, sizeof a);
    tro_print_scaled((double)x->n_weight_bytes, "B", b, sizeof b);
    snprintf(l->text, sizeof l->text, "%s in %s, %zu tensors", a, b, m->graph.n_initializers);
    l = add_line(lines, &n, "nodes");
    int64_t n_own = 0;
    for (int i = 0; i < TRO_N_OPS; i++)
        n_own += x->own_ops[i];
    const int at = snprintf(l->text, sizeof l->text, "%lld of %zu operators", (long long)x->n_nodes,
                            x->n_ops);
    if (x->graph) {
        snprintf(l->text + at, sizeof l->text - (size_t)at, "; %lld after import",
                 (long long)n_own);
        summarize_costs(x, lines, &n);
    }
    return n;
}

/* ---- tables ---------------------------------------------------------------------------- */

static void shape_cell(struct tro_table *t, const struct tro_onnx_value_info *v)
{
    char text[512];
    int at = snprintf(text, sizeof text, "%s", v->has_shape ? v->n_dims ? "" : "scalar" : "any");
    for (size_t i = 0; i < v->n_dims && at < (int)sizeof text; i++) {
        const struct tro_onnx_dim *d = &v->dims[i];
        const char *x = i ? "x" : "";
        if (d->has_value)
            at += snprintf(text + at, sizeof text - (size_t)at, "%s%lld", x, (long long)d->value);
        else
            at += snprintf(text + at, sizeof text - (size_t)at, "%s%.*s", x,
                           d->param.n ? (int)d->param.n : 1, d->param.n ? d->param.p : "?");
    }
    tro_table_text(t, text, strlen(text));
}

static void io_rows(struct tro_table *t, const char *what, const struct tro_onnx_value_info *v,
                    size_t n, const struct tro_map *left_out)
{
    for (size_t i = 0; i < n; i++) {
        if (left_out && tro_map_get(left_out, v[i].name, NULL))
            continue;
        tro_table_cell(t, "%s", what);
        tro_table_text(t, v[i].name.p, v[i].name.n);
        if (v[i].is_tensor)
            tro_table_cell(t, "%s", tro_onnx_type_name(v[i].elem_type));
        else
            tro_table_cell(t, "%s", v[i].kind);
        shape_cell(t, &v[i]);
    }
}

void tro_inspect_io_table(const struct tro_inspect *x, struct tro_table *t)
{
    const struct tro_onnx_graph *g = &x->onnx->graph;
    static const char *const heads[] = {"", "name", "type", "shape"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(t, heads[i]);
    io_rows(t, "input", g->inputs, g->n_inputs, &x->initializers);
    io_rows(t, "output", g->outputs, g->n_outputs, NULL);
}

static void op_cells(struct tro_table *t, const struct tro_op_count *op)
{
    tro_table_text(t, op->op_type, strlen(op->op_type));
    tro_table_text(t, op->domain[0] ? op->domain : "ai.onnx",
                   op->domain[0] ? strlen(op->domain) : 7);
    tro_table_cell(t, "%lld", (long long)op->version);
    tro_table_cell(t, "%lld", (long long)op->n);
}

void tro_inspect_unsupported_table(const struct tro_inspect *x, struct tro_table *t)
{
    static const char *const heads[] = {"operator", "domain", ">version", ">nodes", "first"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(t, heads[i]);
    for (size_t i = 0; i < x->n_ops; i++)
        if (!x->ops[i].is_supported) {
            op_cells(t, &x->ops[i]);
            tro_table_text(t, x->ops[i].node, strlen(x->ops[i].node));
        }
}

void tro_inspect_ops_table(const struct tro_inspect *x, struct tro_table *t)
{
    static const char *const heads[] = {"operator", "domain", ">version", ">nodes"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(t, heads[i]);
    for (size_t i = 0; i < x->n_ops; i++)
        op_cells(t, &x->ops[i]);
}

static int by_macs(const void *a, const void *b)
{
    const struct tro_layer *x = *(const struct tro_layer *const *)a;
    const struct tro_layer *y = *(const struct tro_layer *const *)b;
    if (x->n_macs != y->n_macs)
        return x->n_macs > y->n_macs ? -1 : 1;
    return (x > y) - (x < y);
}

const struct tro_layer **tro_inspect_sorted_layers(const struct tro_inspect *x)
{
    const struct tro_layer **list = tro_calloc(x->n_layers + 1, sizeof *list);
    for (size_t i = 0; list && i < x->n_layers; i++)
        list[i] = &x->layers[i];
    if (list && x->n_layers)
        qsort(list, x->n_layers, sizeof *list, by_macs);
    return list;
}

void tro_inspect_layers_table(const struct tro_inspect *x, const struct tro_layer **layers,
                              size_t n, struct tro_table *t)
{
    static const char *const heads[] = {"node",     "operator", "tensor", "result",
                                        ">weights", ">MACs",    ">of all"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(t, heads[i]);
    for (size_t i = 0; i < n; i++) {
        const struct tro_layer *l = layers[i];
        char text[32];
        tro_table_text(t, l->node, strlen(l->node));
        tro_table_cell(t, "%s", l->op);
        tro_table_text(t, l->tensor, strlen(l->tensor));
        tro_table_text(t, l->form, strlen(l->form));
        tro_print_scaled((double)l->n_weights, "", text, sizeof text);
        tro_table_cell(t, "%s", text);
        tro_print_scaled((double)l->n_macs, "", text, sizeof text);
        tro_table_cell(t, "%s", l->n_macs < 0 ? "?" : text);
        if (l->n_macs < 0 || x->n_macs <= 0)
            tro_table_cell(t, "?");
        else
            tro_table_cell(t, "%.1f %%", 100.0 * (double)l->n_macs / (double)x->n_macs);
    }
}

size_t tro_inspect_findings(const struct tro_inspect *x, enum tro_check check, size_t *first)
{
    size_t n = 0;
    for (size_t i = 0; i < x->n_findings; i++)
        if (x->findings[i].check == check && n++ == 0)
            *first = i;
    return n;
}
