/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many models once each through the engine, for tests/test_onnx_engine.py. A line of standard input
 * is a case, fields with tabs between:
 *     MODEL RTOL ATOL THREADS -i [NAME=]FILE ... -o FILE ...
 * and gives a line on standard output: "= ok", or "= " and what is wrong.
 */
#include "engine_tool.h"
#include "io/image_decoder.h"

#include <stdio.h>

enum { MAX_FIELDS = 256 };

struct task {
    char *field[MAX_FIELDS];
    int n;
};

static struct task split(char *line)
{
    struct task t = {.n = 0};
    char *rest = NULL;
    for (char *f = strtok_r(line, "\t\n", &rest); f && t.n < MAX_FIELDS;
         f = strtok_r(NULL, "\t\n", &rest))
        t.field[t.n++] = f;
    return t;
}

static struct tro_plan *make_plan(struct tro_model *m, int n_threads, struct tro_err *err)
{
    struct tro_builder *const b = tro_builder_create(m, err);
    const struct tro_build_opts opts = {.n_golden = -1, .n_threads = n_threads};
    struct tro_plan *const plan = b ? tro_builder_plan(b, &opts, err) : NULL;
    tro_builder_destroy(b);
    return plan;
}

static int compare(struct tro_session *s, int i, const char *file, double rtol, double atol,
                   struct tro_arena *arena, struct tro_err *err)
{
    struct tro_tensor want, got;
    TRO_TRY(tro_tensor_file_read(file, arena, NULL, &want, err));
    TRO_TRY(tro_session_output(s, i, &got, err));
    tool_read_as(&want, got.dtype);
    const struct tool_diff d = tool_diff(&got, &want, rtol, atol);
    if (d.is_form_different)
        return tro_fail(err, TRO_E_INPUT, "output %d has another type or shape", i);
    if (d.n_bad > 0)
        return tro_fail(err, TRO_E_INPUT,
                        "output %d: %lld elements beyond tolerance, max |error| %.4g", i,
                        (long long)d.n_bad, d.max_error);
    return 0;
}

static int run_session(struct tro_session *s, const struct task *t, const struct tool_inputs *in,
                       int first, struct tro_arena *arena, struct tro_err *err)
{
    TRO_TRY(tool_run(s, in, err));
    for (int i = first; i < t->n; i++)
        TRO_TRY(
            compare(s, i - first, t->field[i], atof(t->field[1]), atof(t->field[2]), arena, err));
    return 0;
}

static int run_model(struct tro_model *m, const struct task *t, struct tro_arena *arena,
                     struct tro_err *err)
{
    struct tool_inputs in = {.n = 0};
    int i = 5;
    for (; i < t->n && strcmp(t->field[i], "-o") != 0; i++)
        TRO_TRY(tool_input_read(&in, m, t->field[i], arena, err));
    const int n_threads = atoi(t->field[3]);
    struct tro_plan *const plan = make_plan(m, n_threads, err);
    if (!plan)
        return err->status;
    struct tro_session *const s = tro_session_create(
        plan, &(struct tro_session_opts){.n_threads = n_threads, .blocks = 1}, err);
    const int rc = s ? run_session(s, t, &in, i + 1, arena, err) : err->status;
    tro_session_destroy(s);
    tro_plan_close(plan);
    return rc;
}

static int run_case(char *line, struct tro_err *err)
{
    const struct task t = split(line);
    if (t.n < 6)
        return tro_fail(err, TRO_E_INPUT, "expected MODEL RTOL ATOL THREADS -i .. -o ..");
    struct tro_model *const m = tro_model_open(t.field[0], err);
    if (!m)
        return err->status;
    struct tro_arena arena = {0};
    const int rc = run_model(m, &t, &arena, err);
    tro_arena_finish(&arena);
    tro_model_close(m);
    return rc;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    tro_image_decoder_register();
    while (getline(&line, &cap, stdin) > 0) {
        struct tro_err err = {0};
        printf("= %s\n", run_case(line, &err) < 0 ? err.text : "ok");
        fflush(stdout);
    }
    free(line);
    return 0;
}
