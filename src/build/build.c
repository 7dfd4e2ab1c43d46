/* SPDX-License-Identifier: Apache-2.0 */
/* A build: the model's graph at the sizes asked for, optimized, with golden samples and what the
 * tuner found, into a plan. */
#include "build/builder.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/err.h"
#include "base/file.h"
#include "build/model.h"
#include "build/target.h"
#include "cpu/cpu.h"
#include "cuda/cuda.h"
#include "passes/passes.h"
#include "run/team.h"
#include "tune/tune.h"

struct build {
    struct tro_builder *b;
    const struct tro_build_opts *o;
    struct tro_graph *graph; /* a clone of the model's */
    struct tro_buf passes;   /* report, zero-terminated */
    struct tro_golden golden;
    struct tro_tuned tuned, gpu_tuned;
    struct tro_plan_sizes *sizes;
    size_t n_sizes;
    struct tro_build_targets targets;
    enum tro_precision precision;
    uint32_t *wide; /* indexes of nodes */
    size_t n_wides;
    struct tro_build_code code;
    struct tro_arena arena; /* of notes */
    struct tro_plan_note *notes;
    size_t n_notes;
    struct tro_err *err;
};

/* ---- messages to the user ------------------------------------------------------------------ */

void tro_build_warn(const struct tro_build_opts *o, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (!o->warn)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    o->warn(o->ctx, text);
}

void tro_build_progress(const struct tro_build_opts *o, const char *what, int64_t done,
                        int64_t total)
{
    if (o->progress)
        o->progress(o->ctx, &(struct tro_build_progress){what, done, total, -1});
}

/* ---- the graph ------------------------------------------------------------------------------ */

static bool is_any_given(const struct tro_builder *b, size_t n_inputs)
{
    for (size_t i = 0; i < n_inputs; i++)
        if (b->sizes[i].rank >= 0)
            return true;
    return false;
}

static int clone_graph(struct build *s)
{
    const struct tro_graph *const g = s->b->graph;
    const size_t n = tro_block_get(g, TRO_MAIN_BLOCK)->n_inputs;
    struct tro_clone_shape *const shapes = tro_calloc(n + 1, sizeof(*shapes));
    if (!shapes)
        return tro_fail_nomem(s->err);
    for (size_t i = 0; i < n; i++) {
        const struct tro_plan_sizes *const from = &s->b->sizes[i];
        shapes[i].rank = from->rank;
        for (int k = 0; k < from->rank; k++) {
            shapes[i].lo[k] = from->min[k];
            shapes[i].hi[k] = from->max[k];
        }
    }
    s->graph = tro_graph_clone(g, is_any_given(s->b, n) ? shapes : NULL, s->err);
    tro_free(shapes);
    return s->graph ? 0 : s->err->status;
}

/* Sizes of inputs that are still free; what is pinned is in the graph itself. */
static int keep_sizes(struct build *s)
{
    const struct tro_block *const block = tro_block_get(s->graph, TRO_MAIN_BLOCK);
    s->sizes = tro_calloc(block->n_inputs + 1, sizeof(*s->sizes));
    if (!s->sizes)
        return tro_fail_nomem(s->err);
    for (size_t i = 0; i < block->n_inputs; i++) {
        const struct tro_shape *const shape = &tro_value_get(s->graph, block->inputs[i])->shape;
        bool is_free = shape->rank < 0;
        for (int k = 0; k < shape->rank; k++)
            is_free |= !tro_dim_is_const(shape->dim[k]);
        if (is_free && s->b->sizes[i].rank >= 0)
            s->sizes[s->n_sizes++] = s->b->sizes[i];
    }
    return 0;
}

/* Times are left out of the report: equal builds give equal bytes. */
static int report_passes(struct build *s, const struct tro_passes_report *report)
{
    for (size_t i = 0; i < sizeof(report->rows) / sizeof(report->rows[0]); i++)
        if (report->rows[i].name && report->rows[i].n_changes > 0)
            tro_buf_printf(&s->passes, "%s\t%lld\n", report->rows[i].name,
                           (long long)report->rows[i].n_changes);
    tro_buf_u8(&s->passes, 0);
    if (s->o->bisect > 0 && report->last_pass)
        tro_build_warn(s->o, "bisect: change %lld is one of pass %s at node '%s'",
                       (long long)s->o->bisect, report->last_pass, report->last_node);
    return s->passes.failed ? tro_fail_nomem(s->err) : 0;
}

static int run_passes(struct build *s)
{
    struct tro_passes_report report = {0};
    tro_build_progress(s->o, "passes", 0, 1);
    TRO_TRY(tro_passes_run(s->graph,
                           &(struct tro_passes_opts){.select = s->o->passes,
                                                     .dump_after = s->o->dump_after,
                                                     .bisect = s->o->bisect},
                           &report, s->err));
    tro_build_progress(s->o, "passes", 1, 1);
    return report_passes(s, &report);
}

/* ---- tuning ------------------------------------------------------------------------------- */

/* Shapes of inputs at their optimum. */
static int optimal_shapes(struct build *s, struct tro_tensor *shapes)
{
    struct tro_dim_env env;
    const size_t n = tro_block_get(s->b->graph, TRO_MAIN_BLOCK)->n_inputs;
    if (tro_dim_env_init(&env, &s->b->graph->dims) < 0)
        return tro_fail_nomem(s->err);
    for (size_t i = 0; i < n; i++)
        tro_builder_shape(s->b, &env, i, &shapes[i]);
    tro_dim_env_finish(&env);
    return 0;
}

static int tune_for(struct build *s, const struct tro_tensor *shapes)
{
    uint32_t mask = UINT32_MAX;
    if (s->o->cpu && !tro_cpu_level_mask(s->o->cpu, &mask))
        return tro_fail(s->err, TRO_E_INPUT, "expected a CPU level, found '%s'", s->o->cpu);
    const struct tro_tune_opts opts = {.graph = s->graph,
                                       .inputs = shapes,
                                       .backend = &tro_cpu_backend,
                                       .cpu_flags = tro_cpu_flags() & mask,
                                       .n_threads = tro_team_default_size(s->o->n_threads),
                                       .build = s->o};
    return tro_err_prefix(s->err, tro_tune(&opts, &s->tuned, s->err), "tuning: ");
}

static int tune_gpu_for(struct build *s, const struct tro_tensor *shapes)
{
    struct tro_cuda_device *const d = tro_cuda_device_open(s->targets.here, s->err);
    struct tro_cuda_store *const store = d ? tro_cuda_store_create(d, NULL, NULL, s->err) : NULL;
    if (!store)
        return s->err->status;
    const struct tro_tune_opts opts = {.graph = s->graph,
                                       .inputs = shapes,
                                       .backend = &tro_cuda_backend,
                                       .n_threads = 1,
                                       .store = store,
                                       .precision = s->precision,
                                       .n_wide = s->o->n_wide,
                                       .wide = s->wide,
                                       .n_wides = s->n_wides,
                                       .build = s->o};
    const int rc = tro_tune(&opts, &s->gpu_tuned, s->err);
    tro_cuda_store_destroy(store);
    return tro_err_prefix(s->err, rc, "tuning for %s: ", s->targets.here);
}

static int tune(struct build *s)
{
    if (s->o->tune == 0 || (!s->targets.has_cpu && !s->targets.here[0]))
        return 0;
    const size_t n = tro_block_get(s->b->graph, TRO_MAIN_BLOCK)->n_inputs;
    struct tro_tensor *const shapes = tro_calloc(n + 1, sizeof(*shapes));
    int rc = shapes ? optimal_shapes(s, shapes) : tro_fail_nomem(s->err);
    if (rc == 0 && s->targets.has_cpu)
        rc = tune_for(s, shapes);
    if (rc == 0 && s->targets.here[0])
        rc = tune_gpu_for(s, shapes);
    tro_free(shapes);
    return rc;
}

/* What the model says to whoever runs it. */
static int keep_notes(struct build *s)
{
    static const char prefix[] = "trocar.";
    const struct tro_onnx_model *const m = tro_model_onnx(s->b->model);
    s->notes = TRO_NEW_N(&s->arena, struct tro_plan_note, m->n_metadata + 1);
    if (!s->notes)
        return tro_fail_nomem(s->err);
    for (size_t i = 0; i < m->n_metadata; i++) {
        const struct tro_str key = m->metadata[i].key, value = m->metadata[i].value;
        if (key.n < sizeof prefix || memcmp(key.p, prefix, sizeof prefix - 1) != 0 ||
            memchr(key.p, 0, key.n) || (value.n && memchr(value.p, 0, value.n)))
            continue;
        struct tro_plan_note *const note = &s->notes[s->n_notes++];
        note->key = tro_arena_strndup(&s->arena, key.p, key.n);
        note->value = tro_arena_strndup(&s->arena, value.n ? value.p : "", value.n);
        if (!note->key || !note->value)
            return tro_fail_nomem(s->err);
    }
    return 0;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static int check_opts(struct build *s)
{
    const struct tro_build_opts *const o = s->o;
    const char *const precision = o->precision ? o->precision : "fp32";
    if (o->tune < 0 || o->tune > 3)
        return tro_fail(s->err, TRO_E_INPUT, "expected a tuning level of 0 to 3, found %d",
                        o->tune);
    if (o->n_wide < 0)
        return tro_fail(s->err, TRO_E_INPUT, "expected a number of nodes at fp32, found %d",
                        o->n_wide);
    if (!tro_precision_from_name(precision, &s->precision))
        return tro_fail(s->err, TRO_E_INPUT,
                        "precision: expected fp32, tf32, fp16 or bf16 (integer operators of a "
                        "model stay integers), found '%s'",
                        precision);
    TRO_TRY(tro_build_targets_parse(o->device, &s->targets, s->err));
    return tro_build_code_check(&s->targets, s->err);
}

static int make_bytes(struct build *s, struct tro_buf *out)
{
    struct tro_plan_tuned tuned[2];
    size_t n_tuned = 0;
    if (s->tuned.plan.n_choices > 0)
        tuned[n_tuned++] = s->tuned.plan;
    if (s->gpu_tuned.plan.n_choices > 0)
        tuned[n_tuned++] = s->gpu_tuned.plan;
    struct tro_plan_parts parts = {
        .graph = s->graph,
        .model = s->graph->name,
        .notes = s->notes,
        .n_notes = s->n_notes,
        .passes = s->passes.p ? (const char *)s->passes.p : "",
        .sizes = s->sizes,
        .n_sizes = s->n_sizes,
        .buckets = s->b->buckets,
        .n_buckets = s->b->n_buckets,
        .states = s->b->states,
        .n_states = s->b->n_states,
        .samples = s->golden.samples,
        .n_samples = s->golden.n_samples,
        .tuned = tuned,
        .n_tuned = n_tuned,
        .precision = tro_precision_name(s->precision),
        .n_wide = s->o->n_wide,
        .wide = s->wide,
        .n_wides = s->n_wides,
    };
    TRO_TRY(tro_build_code_make(s->o, &s->targets, &parts, &s->code, s->err));
    return tro_plan_write(&parts, out, s->err);
}

static void settle_precision(struct build *s)
{
    const enum tro_precision asked = s->precision;
    s->precision = tro_precision_for(s->graph, asked);
    if (s->precision != asked)
        tro_build_warn(s->o, "%s: the model brings its own integers, and its floats stay at fp32",
                       tro_precision_name(asked));
}

/* Layers that stay at fp32, by their names. */
static int find_wide(struct build *s)
{
    const struct tro_block *const b = tro_block_get(s->graph, TRO_MAIN_BLOCK);
    bool *const wide = TRO_NEW_N(&s->arena, bool, b->n_nodes + 1);
    s->wide = TRO_NEW_N(&s->arena, uint32_t, b->n_nodes + 1);
    if (!wide || !s->wide)
        return tro_fail_nomem(s->err);
    TRO_TRY(tro_wide_mark(s->graph, s->o, wide, s->err));
    for (size_t i = 0; i < b->n_nodes; i++)
        if (wide[i] && i >= (size_t)s->o->n_wide)
            s->wide[s->n_wides++] = (uint32_t)i;
    return 0;
}

static int build(struct build *s, struct tro_buf *out)
{
    TRO_TRY(check_opts(s));
    TRO_TRY(clone_graph(s));
    TRO_TRY(keep_sizes(s));
    TRO_TRY(keep_notes(s));
    TRO_TRY(run_passes(s));
    settle_precision(s);
    TRO_TRY(find_wide(s));
    TRO_TRY(tro_golden_record(s->b, s->o, &s->golden, s->err));
    TRO_TRY(tro_range_check(&(struct tro_range){.graph = s->graph,
                                                .golden = &s->golden,
                                                .opts = s->o,
                                                .precision = s->precision,
                                                .wide = s->wide,
                                                .n_wides = s->n_wides},
                            s->err));
    TRO_TRY(tune(s));
    return make_bytes(s, out);
}

struct tro_graph *tro_builder_graph(const struct tro_builder *b, const char *passes,
                                    struct tro_err *err)
{
    static const struct tro_build_opts defaults;
    struct tro_passes_report report = {0};
    struct tro_err own = {0};
    struct build s = {
        .b = (struct tro_builder *)(uintptr_t)b, .o = &defaults, .err = err ? err : &own};
    if (clone_graph(&s) >= 0 &&
        tro_passes_run(s.graph, &(struct tro_passes_opts){.select = passes}, &report, s.err) >= 0)
        return s.graph;
    tro_graph_destroy(s.graph);
    return NULL;
}

/* The bytes of a plan file. */
static int build_bytes(struct tro_builder *b, const struct tro_build_opts *opts,
                       struct tro_buf *out, struct tro_err *err)
{
    static const struct tro_build_opts defaults;
    struct tro_err own = {0};
    struct build s = {.b = b, .o = opts ? opts : &defaults, .err = err ? err : &own};
    *out = (struct tro_buf){0};
    const int rc = build(&s, out);
    tro_golden_finish(&s.golden);
    tro_tuned_finish(&s.tuned);
    tro_tuned_finish(&s.gpu_tuned);
    tro_build_code_finish(&s.code);
    tro_buf_finish(&s.passes);
    tro_free(s.sizes);
    tro_arena_finish(&s.arena);
    tro_graph_destroy(s.graph);
    return rc;
}

static const char *name_of(const struct tro_builder *b)
{
    return *b->graph->name ? b->graph->name : "plan";
}

struct tro_plan *tro_builder_plan(struct tro_builder *b, const struct tro_build_opts *opts,
                                  struct tro_err *err)
{
    struct tro_buf bytes;
    if (build_bytes(b, opts, &bytes, err) < 0)
        return NULL;
    return tro_plan_open_owned(bytes.p, bytes.n, name_of(b), err);
}

/* A plan that cannot be opened must not replace one that can. */
static int check_opens(const struct tro_builder *b, const struct tro_buf *bytes,
                       struct tro_err *err)
{
    struct tro_err own = {0};
    err = err ? err : &own;
    struct tro_plan *const p = tro_plan_open_memory(bytes->p, bytes->n, name_of(b), err);
    tro_plan_close(p);
    return p ? 0 : err->status;
}

int tro_builder_write(struct tro_builder *b, const char *path, const struct tro_build_opts *opts,
                      struct tro_err *err)
{
    struct tro_buf bytes;
    TRO_TRY(build_bytes(b, opts, &bytes, err));
    int rc = check_opens(b, &bytes, err);
    if (rc == 0)
        rc = tro_file_write(path, bytes.p, bytes.n, err);
    tro_buf_finish(&bytes);
    return rc;
}
