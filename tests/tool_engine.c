/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One network many times, for tests/test_engine.py:
 *     tool_engine MODEL [NAME=]FILE... <VARIANTS
 * The model runs once on the reference kernels, then once for each line of standard input, which
 * holds settings KEY=VALUE with spaces between:
 *     passes=LIST tune=N cpu=LEVEL threads=N blocks=1    of the builder and the session
 *     device=D precision=P wide=N                        likewise
 *     file=PATH       the plan is written there and opened again; cache=PATH of the tuner
 *     runs=N          of the first session (2); reloads=N: sessions (1), the others run once
 *     against=cpu     compared with the same plan on the CPU, not with the reference
 * Each gives a line on standard output, fields with tabs between: the variant, "ok" and for each
 * output NAME max|error| max|value| unequal; or the variant, "error", message. A result that has
 * other bits than the first one is an error. On a GPU a line follows: "gpu", kernels, graphs, steps
 * on the host.
 *     tool_engine --passes        the names of all passes, a line each
 *     tool_engine --levels        the levels that this machine has, as cpu= takes them
 */
#include "engine_tool.h"

#include "base/cpu.h"
#include "run/session.h"

#include <stdio.h>

struct variant {
    struct tro_build_opts build;
    struct tro_session_opts session;
    const char *file;
    bool is_against_cpu;
    int n_runs, n_reloads;
    bool has_gpu;
    struct tro_session_gpu gpu;
};

struct state {
    struct tro_model *model;
    struct tool_inputs in;
    struct tro_session *reference;
};

static int set(struct variant *v, char *text, struct tro_err *err)
{
    char *const value = strchr(text, '=');
    if (!value)
        return tro_fail(err, TRO_E_INPUT, "expected KEY=VALUE, found '%s'", text);
    *value = 0;
    if (strcmp(text, "passes") == 0)
        v->build.passes = value + 1;
    else if (strcmp(text, "tune") == 0)
        v->build.tune = atoi(value + 1);
    else if (strcmp(text, "cpu") == 0)
        v->build.cpu = v->session.cpu = value + 1;
    else if (strcmp(text, "threads") == 0)
        v->build.n_threads = v->session.n_threads = atoi(value + 1);
    else if (strcmp(text, "blocks") == 0)
        v->session.blocks = atoi(value + 1);
    else if (strcmp(text, "file") == 0)
        v->file = value + 1;
    else if (strcmp(text, "cache") == 0)
        v->build.cache = value + 1;
    else if (strcmp(text, "device") == 0)
        v->build.device = v->session.device = value + 1;
    else if (strcmp(text, "precision") == 0)
        v->build.precision = value + 1;
    else if (strcmp(text, "wide") == 0)
        v->build.n_wide = atoi(value + 1);
    else if (strcmp(text, "runs") == 0)
        v->n_runs = atoi(value + 1);
    else if (strcmp(text, "reloads") == 0)
        v->n_reloads = atoi(value + 1);
    else if (strcmp(text, "against") == 0)
        v->is_against_cpu = strcmp(value + 1, "cpu") == 0;
    else
        return tro_fail(err, TRO_E_INPUT, "expected a setting, found '%s'", text);
    return 0;
}

static struct tro_plan *make_plan(struct state *s, const struct variant *v, struct tro_err *err)
{
    struct tro_builder *const b = tro_builder_create(s->model, err);
    struct tro_plan *plan = NULL;
    if (b && !v->file)
        plan = tro_builder_plan(b, &v->build, err);
    else if (b && tro_builder_write(b, v->file, &v->build, err) >= 0)
        plan = tro_plan_open(v->file, err);
    tro_builder_destroy(b);
    return plan;
}

static int copy_outputs(const struct tro_session *s, int n, struct tro_tensor *out,
                        struct tro_arena *arena, struct tro_err *err)
{
    for (int i = 0; i < n; i++) {
        TRO_TRY(tro_session_output(s, i, &out[i], err));
        const size_t n_bytes = tro_tensor_n_bytes(&out[i]);
        void *const data = tro_arena_alloc(arena, n_bytes + 1, 1);
        if (!data)
            return tro_fail_nomem(err);
        memcpy(data, out[i].data, n_bytes);
        out[i].data = data;
    }
    return 0;
}

static int check_bits(const struct tro_session *session, int n, const struct tro_tensor *first,
                      struct tro_err *err)
{
    for (int i = 0; i < n; i++) {
        struct tro_tensor again;
        TRO_TRY(tro_session_output(session, i, &again, err));
        if (!tool_same_form(&again, &first[i]) ||
            memcmp(again.data, first[i].data, tro_tensor_n_bytes(&again)) != 0)
            return tro_fail(err, TRO_E_INTERNAL, "output '%s' has other bits in a later run",
                            tro_session_output_info(session, i).name);
    }
    return 0;
}

/* Outputs of the first session's first run are copied to out. */
static int run_session(struct state *s, const struct variant *v, struct tro_session *session,
                       bool is_first, struct tro_tensor *out, struct tro_arena *arena,
                       struct tro_err *err)
{
    const int n = tro_session_n_outputs(s->reference);
    if (n != tro_session_n_outputs(session))
        return tro_fail(err, TRO_E_INTERNAL, "%d outputs, %d expected",
                        tro_session_n_outputs(session), n);
    TRO_TRY(tool_run(session, &s->in, err));
    if (is_first)
        TRO_TRY(copy_outputs(session, n, out, arena, err));
    else
        return check_bits(session, n, out, err);
    for (int run = 1; run < v->n_runs; run++) {
        TRO_TRY(tro_session_run(session, err));
        TRO_TRY(check_bits(session, n, out, err));
    }
    return 0;
}

static int report(const struct tro_session *reference, const struct tro_tensor *out,
                  struct tro_err *err)
{
    const int n = tro_session_n_outputs(reference);
    struct tro_tensor want[TOOL_MAX_IO];
    for (int i = 0; i < n; i++) {
        TRO_TRY(tro_session_output(reference, i, &want[i], err));
        if (!tool_same_form(&out[i], &want[i]))
            return tro_fail(err, TRO_E_INTERNAL, "output %d has another type or shape", i);
    }
    printf("ok");
    for (int i = 0; i < n; i++) {
        const struct tool_diff d = tool_diff(&out[i], &want[i], 0, 0);
        printf("\t%s\t%.9g\t%.9g\t%lld", tro_session_output_info(reference, i).name, d.max_error,
               d.max_value, (long long)d.n_unequal);
    }
    printf("\n");
    return 0;
}

static int report_against_cpu(struct state *s, struct tro_plan *plan, const struct tro_tensor *out,
                              struct tro_err *err)
{
    const struct tro_session_opts opts = {.n_threads = 1};
    struct tro_session *const session = tro_session_create(plan, &opts, err);
    int rc = session ? tool_run(session, &s->in, err) : err->status;
    if (rc >= 0)
        rc = report(session, out, err);
    tro_session_destroy(session);
    return rc;
}

static int run_plan(struct state *s, struct variant *v, struct tro_plan *plan, bool is_first,
                    struct tro_tensor *out, struct tro_arena *arena, struct tro_err *err)
{
    struct tro_session *const session = tro_session_create(plan, &v->session, err);
    int rc = session ? run_session(s, v, session, is_first, out, arena, err) : err->status;
    if (rc >= 0)
        v->has_gpu = tro_session_gpu(session, &v->gpu);
    tro_session_destroy(session);
    return rc;
}

/* Plans that were written are opened again for each session. */
static int run_plans(struct state *s, struct variant *v, struct tro_plan *plan,
                     struct tro_tensor *out, struct tro_arena *arena, struct tro_err *err)
{
    TRO_TRY(run_plan(s, v, plan, true, out, arena, err));
    for (int i = 1; i < v->n_reloads; i++) {
        struct tro_plan *const again = v->file ? tro_plan_open(v->file, err) : plan;
        const int rc = again ? run_plan(s, v, again, false, out, arena, err) : err->status;
        if (v->file)
            tro_plan_close(again);
        TRO_TRY(rc);
    }
    return 0;
}

static int run_variant(struct state *s, char *line, struct tro_err *err)
{
    struct variant v = {.build = {.n_golden = -1, .n_threads = 1},
                        .session = {.n_threads = 1},
                        .n_runs = 2,
                        .n_reloads = 1};
    struct tro_tensor out[TOOL_MAX_IO];
    struct tro_arena arena = {0};
    char *rest = NULL;
    for (char *part = strtok_r(line, " ", &rest); part; part = strtok_r(NULL, " ", &rest))
        TRO_TRY(set(&v, part, err));
    struct tro_plan *const plan = make_plan(s, &v, err);
    int rc = plan ? run_plans(s, &v, plan, out, &arena, err) : err->status;
    if (rc >= 0 && v.is_against_cpu)
        rc = report_against_cpu(s, plan, out, err);
    else if (rc >= 0)
        rc = report(s->reference, out, err);
    if (rc >= 0 && v.has_gpu)
        printf("gpu\t%d\t%d\t%d\n", v.gpu.exec.n_kernels, v.gpu.exec.n_graphs,
               v.gpu.exec.n_host_steps);
    tro_plan_close(plan);
    tro_arena_finish(&arena);
    return rc;
}

static int prepare(struct state *s, int argc, char **argv, struct tro_arena *arena,
                   struct tro_err *err)
{
    s->model = tro_model_open(argv[1], err);
    if (!s->model)
        return err->status;
    for (int i = 2; i < argc; i++)
        TRO_TRY(tool_input_read(&s->in, s->model, argv[i], arena, err));
    s->reference = tro_model_session(s->model, NULL, err);
    return s->reference ? tool_run(s->reference, &s->in, err) : err->status;
}

static void run_lines(struct state *s)
{
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        struct tro_err err = {0};
        line[strcspn(line, "\n")] = 0;
        printf("%s\t", line);
        fflush(stdout);
        if (run_variant(s, line, &err) < 0)
            printf("error\t%s\n", err.text);
        fflush(stdout);
    }
}

static int print_passes(void)
{
#define PASS(name, ...) puts(#name);
#include "passes/passes.def"
#undef PASS
    return 0;
}

static int print_levels(void)
{
    puts("generic");
#define LEVEL(id, text, needs)          \
    if (tro_cpu_flags() & TRO_CPU_##id) \
        puts(text);
    TRO_CPU_LEVELS(LEVEL)
#undef LEVEL
    return 0;
}

int main(int argc, char **argv)
{
    struct state s = {0};
    struct tro_arena arena = {0};
    struct tro_err err = {0};
    if (argc < 2) {
        fprintf(stderr, "usage: tool_engine MODEL [NAME=]FILE... | --passes | --levels\n");
        return 2;
    }
    if (strcmp(argv[1], "--passes") == 0)
        return print_passes();
    if (strcmp(argv[1], "--levels") == 0)
        return print_levels();
    const int rc = prepare(&s, argc, argv, &arena, &err);
    if (rc >= 0)
        run_lines(&s);
    else
        printf("error\t%s\n", err.text);
    tro_session_destroy(s.reference);
    tro_model_close(s.model);
    tro_arena_finish(&arena);
    return rc < 0;
}
