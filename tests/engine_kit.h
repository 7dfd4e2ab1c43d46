/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs as text, lowered for the CPU and run, against the reference kernels:
 *
 *     ENGINE(1e-5, "graph \"g\" input %x : f32[2,3] %y = exp(%x) output %y");
 *
 * Inputs are seeded noise. Each CPU level of this machine and one to three threads are run; the
 * bits must not depend on the number of threads. Floats may differ by the tolerance times the
 * greatest value of the output; integers and bool must be equal, or by that many units where the
 * tolerance is 1 or more. Scratch memory is full of NaN before each run. engine_kernels() tells
 * which kernels the last program was made of.
 */
#ifndef TRO_TESTS_ENGINE_KIT_H
#define TRO_TESTS_ENGINE_KIT_H

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/dtype.h"
#include "cpu/cpu.h"
#include "ref/ref.h"
#include "run/exec.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_KIT_MAX 16

static char engine_kit_kernels[8192];

/* "conv_f32_14x32__avx512 copy reference ": of the last program. */
static inline const char *engine_kernels(void)
{
    return engine_kit_kernels;
}

static inline double engine_kit_noise(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (double)(1 << 24) * 2 - 1;
}

static inline void engine_kit_fill(struct tro_tensor *t, uint64_t seed)
{
    uint64_t state = seed * 77 + 5;
    t->data = malloc(tro_tensor_n_bytes(t) + 1);
    for (int64_t i = 0; i < tro_tensor_n_elems(t); i++) {
        const double v = engine_kit_noise(&state);
        if (t->dtype == TRO_BOOL)
            ((uint8_t *)t->data)[i] = v > 0;
        else if (tro_dtype_is_float(t->dtype))
            tro_store_f64(t->dtype, t->data, i, 2 * v);
        else if (tro_dtype_is_signed(t->dtype))
            tro_store_i64(t->dtype, t->data, i, (int64_t)(v * 128));
        else
            tro_store_i64(t->dtype, t->data, i, (int64_t)(v * 127.5 + 128));
    }
}

/* Greatest difference over the greatest value; 1e30 where forms or NaN differ. */
static inline double engine_kit_error(const struct tro_tensor *got, const struct tro_tensor *want)
{
    double error = 0, greatest = 0;
    if (got->dtype != want->dtype || got->rank != want->rank)
        return 1e30;
    for (int i = 0; i < got->rank; i++)
        if (got->shape[i] != want->shape[i])
            return 1e30;
    for (int64_t i = 0; i < tro_tensor_n_elems(want); i++) {
        const double a = tro_load_f64(got->dtype, got->data, i);
        const double b = tro_load_f64(want->dtype, want->data, i);
        if (isnan(a) || isnan(b) || isinf(a) || isinf(b)) {
            if (!(isnan(a) && isnan(b)) && a != b)
                return 1e30;
            continue;
        }
        error = fmax(error, fabs(a - b));
        greatest = fmax(greatest, fabs(b));
    }
    if (!tro_dtype_is_float(want->dtype))
        return error;
    return error == 0 ? 0 : error / greatest;
}

struct engine_kit {
    struct tro_graph *g;
    struct tro_dim_env env;
    struct tro_tensor in[ENGINE_KIT_MAX], want[ENGINE_KIT_MAX];
    size_t n_in, n_out;
    double tolerance;
    const struct tro_choices *choices;
};

static inline bool engine_kit_check(const struct engine_kit *k, struct tro_exec_state *x,
                                    const char *level, int n_threads, uint64_t *bits)
{
    uint64_t sum = 14695981039346656037u;
    for (size_t i = 0; i < k->n_out; i++) {
        const struct tro_tensor got = tro_exec_output(x, (int)i);
        const double error = engine_kit_error(&got, &k->want[i]);
        for (size_t b = 0; error < 1e30 && b < tro_tensor_n_bytes(&got); b++)
            sum = (sum ^ ((const uint8_t *)got.data)[b]) * 1099511628211u;
        if (error <= k->tolerance &&
            (tro_dtype_is_float(got.dtype) || k->tolerance >= 1 || error == 0))
            continue;
        printf("%s, %d threads: output %zu: error %g, at most %g expected; kernels: %s\n", level,
               n_threads, i, error, k->tolerance, engine_kernels());
        return false;
    }
    if (n_threads > 1 && sum != *bits) {
        printf("%s: %d threads give other bits than 1; kernels: %s\n", level, n_threads,
               engine_kernels());
        return false;
    }
    *bits = sum;
    return true;
}

static inline void engine_kit_note(const struct tro_program *p)
{
    size_t n = 0;
    engine_kit_kernels[0] = 0;
    for (int32_t i = 0; i < p->n_steps && n + 200 < sizeof engine_kit_kernels; i++)
        n += (size_t)snprintf(engine_kit_kernels + n, 200, "%s ", p->steps[i].kernel);
}

static inline bool engine_kit_run(const struct engine_kit *k, const char *level, uint32_t mask,
                                  int n_threads, uint64_t *bits)
{
    struct tro_err err = {0};
    tro_cpu_mask(mask);
    struct tro_packs *const packs = tro_packs_create(&err);
    const struct tro_lower_opts opts = {.backend = &tro_cpu_backend,
                                        .cpu_flags = tro_cpu_flags(),
                                        .n_threads = n_threads,
                                        .choices = k->choices,
                                        .packs = packs};
    struct tro_program *const p = tro_lower(k->g, &k->env, &opts, &err);
    struct tro_team *const team = tro_team_create(n_threads, true, &err);
    bool ok = p && team;
    if (ok) {
        engine_kit_note(p);
        const size_t thread_bytes = (p->thread_bytes + 63) / 64 * 64;
        char *const scratch = tro_malloc_aligned(p->scratch_bytes + 64);
        char *const threads = tro_malloc_aligned(thread_bytes * (size_t)n_threads + 64);
        memset(scratch, 0xff, p->scratch_bytes + 64);
        memset(threads, 0xff, thread_bytes * (size_t)n_threads + 64);
        const struct tro_exec_opts o = {p, team, scratch, threads, thread_bytes};
        struct tro_exec_state *const x = tro_exec_create(&o, &err);
        for (size_t i = 0; i < k->n_in; i++)
            tro_exec_bind(x, (int)i, k->in[i].data);
        ok = tro_exec_run(x, NULL, &err) >= 0 && engine_kit_check(k, x, level, n_threads, bits);
        for (size_t b = 0; ok && b < 64; b++)
            ok = (uint8_t)scratch[p->scratch_bytes + b] == 0xff &&
                 (uint8_t)threads[thread_bytes * (size_t)n_threads + b] == 0xff;
        tro_exec_destroy(x);
        tro_free(scratch);
        tro_free(threads);
    }
    if (!ok)
        printf("%s, %d threads: %s\n", level, n_threads,
               err.status ? err.text : "outputs differ, or memory behind scratch was written");
    tro_team_destroy(team);
    tro_program_destroy(p);
    tro_packs_destroy(packs);
    tro_cpu_mask(UINT32_MAX);
    return ok;
}

static inline bool engine_kit_levels(const struct engine_kit *k)
{
    static const char *const levels[] = {"generic",    "avx2", "avxvnni", "avx512",
                                         "avx512vnni", "neon", "neondot"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        uint32_t mask = 0;
        uint64_t bits = 0;
        tro_cpu_level_mask(levels[i], &mask);
        if ((tro_cpu_flags() & mask) != mask)
            continue;
        for (int n = 1; n <= 3; n++)
            if (!engine_kit_run(k, levels[i], mask, n, &bits))
                return false;
    }
    return true;
}

/* Noise for the inputs, the reference's outputs, then `run` on both. */
static inline bool engine_kit_graph(struct tro_graph *g, double tolerance,
                                    const struct tro_choices *choices,
                                    bool (*run)(const struct engine_kit *k))
{
    struct tro_err err = {0};
    struct engine_kit k = {.g = g, .tolerance = tolerance, .choices = choices};
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    k.n_in = b->n_inputs;
    k.n_out = b->n_outputs;
    bool ok = tro_dim_env_init(&k.env, &g->dims) >= 0 && k.n_in <= ENGINE_KIT_MAX &&
              k.n_out <= ENGINE_KIT_MAX;
    for (size_t i = 0; ok && i < k.n_in; i++) {
        const struct tro_value *const v = tro_value_get(g, b->inputs[i]);
        k.in[i] = (struct tro_tensor){.dtype = v->dtype, .rank = v->shape.rank};
        for (int d = 0; d < v->shape.rank; d++)
            k.in[i].shape[d] = tro_dim_value(v->shape.dim[d]);
        engine_kit_fill(&k.in[i], i + 1);
    }
    ok = ok && tro_ref_run(g, k.in, k.want, NULL, NULL, &err) >= 0;
    if (!ok)
        printf("reference: %s\n", err.text);
    ok = ok && run(&k);
    for (size_t i = 0; i < k.n_in && i < ENGINE_KIT_MAX; i++)
        free(k.in[i].data);
    for (size_t i = 0; i < k.n_out && i < ENGINE_KIT_MAX; i++)
        tro_free(k.want[i].data);
    tro_dim_env_finish(&k.env);
    return ok;
}

static inline bool engine_check_graph(struct tro_graph *g, double tolerance,
                                      const struct tro_choices *choices)
{
    return engine_kit_graph(g, tolerance, choices, engine_kit_levels);
}

static inline bool engine_check(const char *text, double tolerance)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", &err);
    if (!g) {
        printf("%s\n", err.text);
        return false;
    }
    const bool ok = engine_check_graph(g, tolerance, NULL);
    if (!ok)
        printf("%s\n", text);
    tro_graph_destroy(g);
    return ok;
}

#define ENGINE(tolerance, text) CHECK(engine_check(text, tolerance))

#endif
