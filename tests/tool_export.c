/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many models once each through the exporter, for tests/test_export.py. A line of standard input is
 * a case, fields with tabs between:
 *     MODEL PASSES KEEP QUANTUM -i [NAME=]FILE ...
 * The model is imported, rewritten by PASSES ("-": TRO_PASSES_FLOAT), exported (kept as KEEP, "-":
 * not at all), and run as it was and as it became in the reference and in ONNX Runtime. One line on
 * standard output (with a QUANTUM above 0, ONNX Runtime's outputs may be off by as much):
 *     = ok same        all agree, and what is imported again has the same operators; or "ok other"
 *     = unread WHY     the model is not imported or does not run
 *     = none WHY       it has no form in ONNX
 *     = half WHY       the reference agrees, ONNX Runtime runs neither model, or has no kernel
 *     = departs WHY    ONNX Runtime differs from the reference, and on the model as it was as much
 *     = bad WHY        anything else
 */
#include "base/file.h"
#include "build/model.h"
#include "engine_tool.h"
#include "io/image_decoder.h"
#include "onnx/export.h"
#include "ort/ort.h"
#include "passes/passes.h"

#include <stdio.h>

enum { MAX_FIELDS = 256 };

/* Outputs of a run, copied. */
struct results {
    int n, rc;
    struct tro_tensor t[TOOL_MAX_IO];
    char why[1024];
};

struct task {
    struct tro_arena arena;
    struct tool_inputs in;
    struct tro_buf bytes; /* of the exported model */
    struct tro_buf ops_before, ops_after;
    double quantum;
    struct results ref_before, ref_after, ort_before, ort_after;
};

static int copy_result(struct task *t, struct results *r, const struct tro_tensor *from)
{
    if (r->n == TOOL_MAX_IO)
        return -1;
    r->t[r->n] = *from;
    const size_t n = tro_tensor_n_bytes(from);
    r->t[r->n].data = tro_arena_memdup(&t->arena, n ? from->data : "", n);
    return r->t[r->n++].data ? 0 : -1;
}

/* ---- the two engines ------------------------------------------------------------------- */

static int run_ref(struct task *t, struct tro_model *m, struct results *r, struct tro_err *err)
{
    struct tro_session *s = tro_model_session(m, &(struct tro_session_opts){.n_threads = 1}, err);
    int rc = s ? tool_run(s, &t->in, err) : err->status;
    for (int i = 0; rc >= 0 && i < tro_session_n_outputs(s); i++) {
        struct tro_tensor out;
        rc = tro_session_output(s, i, &out, err);
        if (rc >= 0)
            rc = copy_result(t, r, &out);
    }
    tro_session_destroy(s);
    return rc;
}

static int run_opened(struct task *t, struct tro_ort *o, struct results *r, struct tro_err *err)
{
    const struct tro_tensor *in[TOOL_MAX_IO] = {0};
    const int n = tro_ort_n_inputs(o);
    for (int i = 0; i < n && i < TOOL_MAX_IO; i++)
        for (int k = 0; k < t->in.n; k++)
            if (strcmp(t->in.name[k], tro_ort_input_info(o, i).name) == 0)
                in[i] = &t->in.t[k];
    for (int i = 0; i < n; i++)
        if (!in[i])
            return tro_fail(err, TRO_E_INPUT, "input '%s' is not among those of the model",
                            tro_ort_input_info(o, i).name);
    TRO_TRY(tro_ort_run(o, in, n, err));
    for (int i = 0; i < tro_ort_n_outputs(o); i++) {
        struct tro_tensor out;
        TRO_TRY(tro_ort_output(o, i, &out, err));
        TRO_TRY(copy_result(t, r, &out));
    }
    return 0;
}

static void run_ort(struct task *t, const char *path, struct results *r)
{
    const struct tro_ort_opts opts = {.graph_optimization = 1, .n_threads = 1};
    struct tro_err err = {0};
    struct tro_ort *o = NULL;
    r->rc = path ? tro_ort_open(&o, path, &opts, &err)
                 : tro_ort_open_memory(&o, t->bytes.p, t->bytes.n, &opts, &err);
    if (r->rc >= 0)
        r->rc = run_opened(t, o, r, &err);
    snprintf(r->why, sizeof r->why, "%s", err.text);
    tro_ort_close(o);
}

/* ---- comparing ------------------------------------------------------------------------- */

/* What an output's error may be, over its greatest value; integers of 8 bits and less may be off by
 * one where they are rounded results. */
static double room(enum tro_dtype dtype, bool is_same_engine)
{
    switch (dtype) {
    case TRO_F16:
        return 2e-3;
    case TRO_BF16:
        return 1.6e-2;
    case TRO_F64:
        return is_same_engine ? 1e-9 : 1e-5;
    default:
        return is_same_engine ? 1e-5 : 1e-4;
    }
}

static bool is_near(const struct tro_tensor *got, const struct tro_tensor *want,
                    bool is_same_engine, double quantum)
{
    if (tro_dtype_is_float(want->dtype) && tro_dtype_size(want->dtype) == 1)
        return tool_same_form(got, want) &&
               memcmp(got->data, want->data, tro_tensor_n_bytes(want)) == 0;
    const struct tool_diff d = tool_diff(got, want, 0, 0);
    if (d.is_form_different)
        return false;
    if (!tro_dtype_is_float(want->dtype))
        return d.max_error <= (tro_dtype_size(want->dtype) == 1 && want->dtype != TRO_BOOL);
    const double limit = room(want->dtype, is_same_engine) * d.max_value + 1e-7;
    return d.max_error <= limit + (is_same_engine ? 0 : quantum);
}

/* NULL, or which output differs. */
static const char *difference(const struct results *got, const struct results *want,
                              bool is_same_engine, double quantum)
{
    static char text[128];
    if (got->n != want->n)
        return "another number of outputs";
    for (int i = 0; i < got->n; i++) {
        if (is_near(&got->t[i], &want->t[i], is_same_engine, quantum))
            continue;
        const struct tool_diff d = tool_diff(&got->t[i], &want->t[i], 0, 0);
        snprintf(text, sizeof text, "output %d: %s %.3g of %.3g", i,
                 d.is_form_different ? "another type or shape" : "max |error|", d.max_error,
                 d.max_value);
        return text;
    }
    return NULL;
}

/* ---- a case ---------------------------------------------------------------------------- */

static void list_ops(const struct tro_graph *g, tro_block_id b, struct tro_buf *out)
{
    const struct tro_block *block = tro_block_get(g, b);
    for (size_t i = 0; i < block->n_nodes; i++) {
        const struct tro_node *n = tro_node_get(g, block->nodes[i]);
        tro_buf_printf(out, "%s ", tro_op_info(n->op)->text);
        for (int k = 0; k < 2; k++)
            if (n->blocks[k].i)
                list_ops(g, n->blocks[k], out);
    }
}

static int rewrite(const struct tro_graph *of, const char *passes, struct tro_buf *ops,
                   struct tro_graph **out, struct tro_err *err)
{
    struct tro_graph *g = *out = tro_graph_clone(of, NULL, err);
    if (!g)
        return err->status;
    const struct tro_passes_opts opts = {.select = passes,
                                         .keeps_quantized = strcmp(passes, TRO_PASSES_FLOAT) == 0};
    TRO_TRY(tro_passes_run(g, &opts, NULL, err));
    list_ops(g, TRO_MAIN_BLOCK, ops);
    return 0;
}

static int export_model(struct task *t, struct tro_model *m, const char *passes,
                        struct tro_err *err)
{
    struct tro_graph *g;
    int rc = rewrite(tro_model_graph(m), passes, &t->ops_before, &g, err);
    if (rc >= 0)
        rc = tro_onnx_export_bytes(g, NULL, &t->bytes, err);
    tro_graph_destroy(g);
    return rc;
}

static int run_exported(struct task *t, const char *passes, struct tro_err *err)
{
    struct tro_graph *g = NULL;
    struct tro_model *m = tro_model_open_memory(t->bytes.p, t->bytes.n, "exported", err);
    int rc = m ? run_ref(t, m, &t->ref_after, err) : err->status;
    if (rc >= 0)
        rc = rewrite(tro_model_graph(m), passes, &t->ops_after, &g, err);
    tro_graph_destroy(g);
    tro_model_close(m);
    return rc;
}

static bool is_same(const struct tro_buf *a, const struct tro_buf *b)
{
    return a->n == b->n && (!a->n || memcmp(a->p, b->p, a->n) == 0);
}

/* The words before the case's verdict is printed. */
static void judge(struct task *t, const char *path, char *out, size_t n_out)
{
    const char *wrong = difference(&t->ref_after, &t->ref_before, true, 0);
    if (wrong) {
        snprintf(out, n_out, "bad reference: %s", wrong);
        return;
    }
    run_ort(t, NULL, &t->ort_after);
    if (t->ort_after.rc >= 0 && !difference(&t->ort_after, &t->ref_before, false, t->quantum)) {
        snprintf(out, n_out, "ok %s", is_same(&t->ops_before, &t->ops_after) ? "same" : "other");
        return;
    }
    run_ort(t, path, &t->ort_before);
    const bool has_no_kernel = strstr(t->ort_after.why, "NOT_IMPLEMENTED") ||
                               strstr(t->ort_after.why, "Could not find an implementation") ||
                               strstr(t->ort_after.why, "is not a registered") ||
                               strstr(t->ort_after.why, "Failed to find kernel");
    if (t->ort_after.rc < 0)
        snprintf(out, n_out, "%s %s%s", has_no_kernel || t->ort_before.rc < 0 ? "half" : "bad",
                 t->ort_before.rc < 0 ? "(the model as it was neither) " : "", t->ort_after.why);
    else if (t->ort_before.rc >= 0 && !difference(&t->ort_after, &t->ort_before, false, t->quantum))
        snprintf(out, n_out, "departs %s",
                 difference(&t->ort_after, &t->ref_before, false, t->quantum));
    else
        snprintf(out, n_out, "bad ONNX Runtime: %s",
                 difference(&t->ort_after, &t->ref_before, false, t->quantum));
}

static void run_case(struct task *t, char **field, int n, char *out, size_t n_out)
{
    struct tro_err err = {0};
    struct tro_model *m = tro_model_open(field[0], &err);
    const char *passes = strcmp(field[1], "-") == 0 ? TRO_PASSES_FLOAT : field[1];
    int rc = m ? 0 : err.status;
    t->quantum = atof(field[3]);
    for (int i = 5; i < n && rc >= 0; i++)
        rc = tool_input_read(&t->in, m, field[i], &t->arena, &err);
    if (rc >= 0)
        rc = run_ref(t, m, &t->ref_before, &err);
    if (rc < 0)
        snprintf(out, n_out, "unread %s", err.text);
    else if (export_model(t, m, passes, &err) < 0)
        snprintf(out, n_out, "none %s", err.text);
    else if ((strcmp(field[2], "-") != 0 &&
              tro_file_write(field[2], t->bytes.p, t->bytes.n, &err) < 0) ||
             run_exported(t, passes, &err) < 0)
        snprintf(out, n_out, "bad %s", err.text);
    else
        judge(t, field[0], out, n_out);
    tro_model_close(m);
}

int main(void)
{
    char *line = NULL, text[2048];
    size_t cap = 0;
    tro_image_decoder_register();
    while (getline(&line, &cap, stdin) > 0) {
        char *field[MAX_FIELDS], *rest = NULL;
        int n = 0;
        struct task *t = calloc(1, sizeof *t);
        for (char *f = strtok_r(line, "\t\n", &rest); f && n < MAX_FIELDS;
             f = strtok_r(NULL, "\t\n", &rest))
            field[n++] = f;
        if (!t || n < 5)
            return 2;
        run_case(t, field, n, text, sizeof text);
        for (char *p = text; *p; p++)
            if (*p == '\n')
                *p = ' ';
        printf("= %s\n", text);
        fflush(stdout);
        tro_arena_finish(&t->arena);
        tro_buf_finish(&t->bytes);
        tro_buf_finish(&t->ops_before);
        tro_buf_finish(&t->ops_after);
        free(t);
    }
    free(line);
    return 0;
}
