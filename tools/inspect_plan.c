/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "build_report.h"
#include "graph/camera.h"
#include "html.h"
#include "lower/lower.h"
#include "memory_use.h"

/* A part of the report: printed, and put on the page. */
struct part {
    const char *title;
    void (*fill)(const struct tro_plan_report *r, struct tro_table *t);
};

/* ---- parts ----------------------------------------------------------------------------- */

static void fill_summary(const struct tro_plan_report *r, struct tro_table *t)
{
    const struct tro_plan_parts *p = r->parts;
    char bytes[32];
    tro_table_column(t, "");
    tro_table_column(t, "<");
    tro_table_cell(t, "network");
    tro_table_text(t, p->model, strlen(p->model));
    tro_table_cell(t, "written by");
    tro_table_text(t, p->producer, strlen(p->producer));
    tro_table_cell(t, "file");
    tro_table_cell(t, "%s, fingerprint %016llx", tro_print_bytes(r->file_bytes, bytes),
                   (unsigned long long)r->hash);
    tro_table_cell(t, "precision");
    if (p->n_wide && p->n_wides)
        tro_table_cell(t, "%s, the first %d nodes and %zu others fp32", p->precision, p->n_wide,
                       p->n_wides);
    else if (p->n_wide)
        tro_table_cell(t, "%s, the first %d nodes fp32", p->precision, p->n_wide);
    else if (p->n_wides)
        tro_table_cell(t, "%s, %zu nodes fp32", p->precision, p->n_wides);
    else
        tro_table_cell(t, "%s", p->precision);
    for (size_t i = 0; i < p->n_targets; i++) {
        char text[TRO_PLAN_TARGET_TEXT];
        tro_table_cell(t, "%s", i ? "" : "built for");
        tro_table_cell(t, "%s", tro_plan_report_target(r, (int)i, text));
    }
    tro_table_cell(t, "nodes");
    tro_table_cell(t, "%lld, of which %lld fused; %lld inside", (long long)r->n_nodes,
                   (long long)r->n_fused, (long long)r->n_inner);
    tro_table_cell(t, "constants");
    tro_table_cell(t, "%s", tro_print_bytes(r->const_bytes, bytes));
    tro_table_cell(t, "golden samples");
    tro_table_cell(t, "%zu", p->n_samples);
    tro_table_cell(t, "steps here");
    if (r->is_open)
        tro_table_cell(t, "known when inputs are bound: their sizes are free");
    else
        tro_table_cell(t, "%d on %d thread%s, %d on reference kernels", r->n_steps, r->n_threads,
                       r->n_threads == 1 ? "" : "s", r->n_reference);
}

static void io_row(const struct tro_plan_report *r, struct tro_table *t, const char *what,
                   tro_value_id v)
{
    struct tro_buf type = {0};
    const char *name = tro_value_get(r->parts->graph, v)->name;
    tro_value_print_type(r->parts->graph, v, &type);
    tro_table_cell(t, "%s", what);
    tro_table_text(t, name, strlen(name));
    tro_table_text(t, (const char *)type.p, type.n);
    tro_buf_finish(&type);
}

static void fill_io(const struct tro_plan_report *r, struct tro_table *t)
{
    const struct tro_block *b = tro_block_get(r->parts->graph, TRO_MAIN_BLOCK);
    tro_table_column(t, "");
    tro_table_column(t, "name");
    tro_table_column(t, "type");
    for (size_t i = 0; i < b->n_inputs; i++)
        io_row(r, t, "input", b->inputs[i]);
    for (size_t i = 0; i < b->n_outputs; i++)
        io_row(r, t, "output", b->outputs[i]);
}

static const char *input_name(const struct tro_plan_report *r, int i)
{
    const struct tro_graph *g = r->parts->graph;
    return tro_value_get(g, tro_block_get(g, TRO_MAIN_BLOCK)->inputs[i])->name;
}

static void shape_cell(struct tro_table *t, int rank, const int64_t *shape)
{
    char text[256] = "scalar";
    size_t n = 0;
    for (int i = 0; i < rank && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", i ? "x" : "",
                              (long long)shape[i]);
    tro_table_cell(t, "%s", text);
}

static void fill_shapes(const struct tro_plan_report *r, struct tro_table *t)
{
    static const char *const heads[] = {"input", "least", "optimal", "greatest"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(t, heads[i]);
    for (size_t i = 0; i < r->parts->n_sizes; i++) {
        const struct tro_plan_sizes *s = &r->parts->sizes[i];
        const char *name = input_name(r, s->input);
        tro_table_text(t, name, strlen(name));
        shape_cell(t, s->rank, s->min);
        shape_cell(t, s->rank, s->opt);
        shape_cell(t, s->rank, s->max);
    }
    for (size_t i = 0; i < r->parts->n_buckets; i++) {
        const struct tro_plan_bucket *b = &r->parts->buckets[i];
        const char *name = input_name(r, b->input);
        tro_table_text(t, name, strlen(name));
        tro_table_cell(t, "bucket");
        shape_cell(t, b->rank, b->shape);
        tro_table_cell(t, "%s", "");
    }
}

static void fill_states(const struct tro_plan_report *r, struct tro_table *t)
{
    const struct tro_graph *g = r->parts->graph;
    const struct tro_block *b = tro_block_get(g, TRO_MAIN_BLOCK);
    tro_table_column(t, "output");
    tro_table_column(t, "becomes input");
    for (size_t i = 0; i < r->parts->n_states; i++) {
        const char *out = tro_value_get(g, b->outputs[r->parts->states[i].output])->name;
        const char *in = input_name(r, r->parts->states[i].input);
        tro_table_text(t, out, strlen(out));
        tro_table_text(t, in, strlen(in));
    }
}

/* Choices that are cuDNN's or cuBLASLt's; each has one of our own beside it. */
static size_t count_libraries(const struct tro_plan_tuned *tuned)
{
    size_t n = 0;
    for (size_t i = 0; i < tuned->n_choices; i++)
        n += tro_choice_is_library(tuned->choices[i].candidate);
    return n;
}

static void fill_tuned(const struct tro_plan_report *r, struct tro_table *t)
{
    tro_table_column(t, "<chip");
    tro_table_column(t, ">choices");
    tro_table_column(t, ">of libraries");
    for (size_t i = 0; i < r->parts->n_tuned; i++) {
        const struct tro_plan_tuned *tuned = &r->parts->tuned[i];
        tro_table_text(t, tuned->chip, strlen(tuned->chip));
        const size_t n = count_libraries(tuned);
        tro_table_cell(t, "%zu%s", tuned->n_choices - n, tuned == r->tuned ? " (used here)" : "");
        tro_table_cell(t, "%zu", n);
    }
}

static void fill_code(const struct tro_plan_report *r, struct tro_table *t)
{
    struct tro_plan_code_size sizes[TRO_PLAN_CODE_SIZES];
    const int n = tro_plan_report_code(r, sizes);
    char bytes[32];
    tro_table_column(t, "code");
    tro_table_column(t, ">kernels");
    tro_table_column(t, ">bytes");
    tro_table_column(t, ">");
    for (int i = 0; i < n; i++) {
        tro_table_cell(t, "%s_%d", sizes[i].is_ptx ? "compute" : "sm", sizes[i].arch);
        tro_table_cell(t, "%lld", (long long)sizes[i].n_kernels);
        tro_table_cell(t, "%lld", (long long)sizes[i].n_bytes);
        tro_table_cell(t, "%s", tro_print_bytes((size_t)sizes[i].n_bytes, bytes));
    }
}

static void fill_frames(const struct tro_plan_report *r, struct tro_table *t)
{
    static const char *const columns[] = {"input",  "frames", "matrix", "range",
                                          "resize", "filter", "order"};
    const struct tro_graph *const g = r->parts->graph;
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        tro_table_column(t, columns[i]);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const char *const name = tro_value_get(g, b->inputs[i])->name;
        const struct tro_attrs_camera *const a = tro_camera_of_input(g, name);
        if (!a)
            continue;
        const bool is_yuv = tro_camera_is_yuv(a->format);
        const bool is_same = a->resize == tro_camera_resize_none;
        tro_table_text(t, name, strlen(name));
        tro_table_cell(t, "%s", tro_camera_names("format")[a->format]);
        tro_table_cell(t, "%s", is_yuv ? tro_camera_names("matrix")[a->matrix] : "");
        tro_table_cell(t, "%s", is_yuv ? tro_camera_names("range")[a->range] : "");
        tro_table_cell(t, "%s", tro_camera_names("resize")[a->resize]);
        tro_table_cell(t, "%s", is_same ? "" : tro_camera_names("filter")[a->filter]);
        tro_table_cell(t, "%s", tro_camera_names("order")[a->order]);
    }
}

struct op_count {
    enum tro_op op;
    int64_t n;
};

static int by_count(const void *a, const void *b)
{
    const struct op_count *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n ? -1 : 1) : (int)x->op - (int)y->op;
}

static void fill_ops(const struct tro_plan_report *r, struct tro_table *t)
{
    const struct tro_graph *g = r->parts->graph;
    struct op_count ops[TRO_N_OPS];
    for (int i = 0; i < TRO_N_OPS; i++)
        ops[i] = (struct op_count){(enum tro_op)i, 0};
    for (size_t i = 1; i < g->n_nodes; i++)
        ops[g->nodes[i].op].n += g->nodes[i].block.i != 0;
    qsort(ops, TRO_N_OPS, sizeof *ops, by_count);
    tro_table_column(t, "operator");
    tro_table_column(t, ">nodes");
    for (int i = 0; i < TRO_N_OPS && ops[i].n; i++) {
        tro_table_cell(t, "%s", tro_op_info(ops[i].op)->text);
        tro_table_cell(t, "%lld", (long long)ops[i].n);
    }
}

static const struct part parts[] = {
    {"Plan", fill_summary},  {"Inputs and outputs", fill_io}, {"Frames", fill_frames},
    {"Shapes", fill_shapes}, {"States", fill_states},         {"Passes", tro_plan_report_passes},
    {"Tuned", fill_tuned},   {"Machine code", fill_code},     {"Memory", tro_plan_report_memory},
    {"Operators", fill_ops},
};
#define N_PARTS (sizeof parts / sizeof *parts)

/* ---- the three reports ----------------------------------------------------------------- */

static void print_all(struct tro_plan_report *r)
{
    const char *growing = tro_plan_report_growing(r);
    for (size_t i = 0; i < N_PARTS; i++) {
        struct tro_table t = {0};
        parts[i].fill(r, &t);
        if (t.n_cells) {
            printf("%s%s\n", i ? "\n" : "", parts[i].title);
            tro_table_print(&t, stdout);
        }
        tro_table_finish(&t);
    }
    if (growing)
        printf("\n%s\n", growing);
}

static void json_chips(const struct tro_plan_report *r, struct tro_json *j)
{
    tro_json_array_begin(j, "tuned");
    for (size_t i = 0; i < r->parts->n_tuned; i++) {
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "chip", r->parts->tuned[i].chip);
        const size_t n = count_libraries(&r->parts->tuned[i]);
        tro_json_int(j, "choices", (int64_t)(r->parts->tuned[i].n_choices - n));
        tro_json_int(j, "library_choices", (int64_t)n);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static void json_io(const struct tro_plan_report *r, const char *key, const tro_value_id *v,
                    size_t n, struct tro_json *j)
{
    tro_json_array_begin(j, key);
    for (size_t i = 0; i < n; i++) {
        struct tro_buf type = {0};
        tro_value_print_type(r->parts->graph, v[i], &type);
        tro_buf_u8(&type, 0);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "name", tro_value_get(r->parts->graph, v[i])->name);
        tro_json_string(j, "type", type.failed ? "" : (const char *)type.p);
        tro_json_object_end(j);
        tro_buf_finish(&type);
    }
    tro_json_array_end(j);
}

static int write_json(const struct tro_plan_report *r, const char *path, struct tro_err *err)
{
    const struct tro_block *b = tro_block_get(r->parts->graph, TRO_MAIN_BLOCK);
    struct tro_json j = {0};
    tro_json_object_begin(&j, NULL);
    tro_plan_report_json(r, &j);
    tro_json_string(&j, "network", r->parts->model);
    tro_json_string(&j, "producer", r->parts->producer);
    json_io(r, "inputs", b->inputs, b->n_inputs, &j);
    json_io(r, "outputs", b->outputs, b->n_outputs, &j);
    json_chips(r, &j);
    tro_json_object_end(&j);
    const int rc = j.buf.failed ? tro_fail_nomem(err) : tro_file_write(path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}

static int write_html(struct tro_plan_report *r, const char *path, struct tro_err *err)
{
    struct tro_buf page = {0};
    const char *growing = tro_plan_report_growing(r);
    tro_html_begin(&page, r->path);
    for (size_t i = 0; i < N_PARTS; i++) {
        struct tro_table t = {0};
        parts[i].fill(r, &t);
        if (t.n_cells) {
            tro_html_element(&page, "h2", parts[i].title);
            tro_html_table(&page, &t, NULL);
        }
        tro_table_finish(&t);
    }
    if (growing)
        tro_html_element(&page, "p", growing);
    tro_html_end(&page);
    const int rc = page.failed ? tro_fail_nomem(err) : tro_file_write(path, page.p, page.n, err);
    tro_buf_finish(&page);
    return rc;
}

int tro_inspect_plan(const char *path, const char *json_path, const char *html_path,
                     struct tro_err *err)
{
    struct tro_plan *plan = tro_plan_open(path, err);
    if (!plan)
        return err->status;
    struct tro_plan_report r;
    int rc = tro_plan_report_open(&r, path, plan, NULL, err);
    if (rc >= 0)
        print_all(&r);
    if (rc >= 0 && json_path)
        rc = write_json(&r, json_path, err);
    if (rc >= 0 && html_path)
        rc = write_html(&r, html_path, err);
    tro_plan_report_close(&r);
    tro_plan_close(plan);
    return rc;
}
