/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of graphs with constants of noise, for the tests of CUDA products. */
#ifndef TRO_TESTS_GEMM_KIT_H
#define TRO_TESTS_GEMM_KIT_H

#include "cuda_kit.h"

#include <stdarg.h>

static char *gemm_text;
static size_t gemm_n_text, gemm_cap_text;

__attribute__((format(printf, 1, 2))) static inline void put(const char *fmt, ...)
{
    va_list args;
    if (gemm_n_text + 4096 > gemm_cap_text) {
        gemm_cap_text = 2 * gemm_cap_text + 8192;
        gemm_text = realloc(gemm_text, gemm_cap_text);
    }
    va_start(args, fmt);
    gemm_n_text += (size_t)vsnprintf(gemm_text + gemm_n_text, gemm_cap_text - gemm_n_text, fmt,
                                     args);
    va_end(args);
}

static inline void begin(void)
{
    gemm_n_text = 0;
    put("graph \"g\"\n");
}

/* A constant of noise; shape "3,4" has n elements. */
static inline void put_const(const char *name, const char *shape, int64_t n)
{
    static uint64_t state = 3;
    put("const %%%s : f32[%s] =", name, shape);
    for (int64_t i = 0; i < n; i++)
        put(" %.4f", engine_kit_noise(&state));
    put("\n");
}

/* In every precision, each within its tolerance. */
static inline bool check_precisions(const char *kernel)
{
    static const struct {
        enum tro_precision precision;
        double tolerance;
    } all[] = {{TRO_PRECISION_FP32, 2e-6},
               {TRO_PRECISION_TF32, 3e-3},
               {TRO_PRECISION_FP16, 4e-3},
               {TRO_PRECISION_BF16, 3e-2}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!cuda_check(gemm_text, all[i].tolerance, all[i].precision) || !cuda_has(kernel))
            return false;
    return true;
}

/* Names of what the tuner may choose from for the last problem of the text, in arena; NULL: none.
 */
static inline const char *const *list_candidates(struct tro_graph *g, struct tro_arena *arena,
                                                 enum tro_precision precision,
                                                 struct tro_libraries *libraries,
                                                 const char **problem)
{
    struct tro_err err = {0};
    struct tro_dim_env env;
    const char *const *names = NULL;
    struct tro_packs *const packs = tro_packs_create(&err);
    const struct tro_lower_opts opts = {.backend = &tro_cuda_backend,
                                        .precision = precision,
                                        .arch = cuda_kit_device()->arch,
                                        .n_sms = cuda_kit_n_sms,
                                        .n_threads = 1,
                                        .libraries = libraries,
                                        .is_tuning = libraries != NULL,
                                        .packs = packs};
    if (tro_dim_env_init(&env, &g->dims) < 0)
        return NULL;
    struct tro_program *const p = tro_lower(g, &env, &opts, &err);
    for (int i = 0; p && i < p->n_steps; i++) {
        size_t n = 0;
        while (p->steps[i].candidates && p->steps[i].candidates[n])
            n++;
        if (n == 0)
            continue;
        const char **const copy = TRO_NEW_N(arena, const char *, n + 1);
        for (size_t c = 0; c < n; c++)
            copy[c] = tro_arena_strdup(arena, p->steps[i].candidates[c]);
        *problem = tro_arena_strdup(arena, p->steps[i].problem);
        names = copy;
    }
    tro_program_destroy(p);
    tro_packs_destroy(packs);
    tro_dim_env_finish(&env);
    return names;
}

/* Every candidate on a chip of n_sms multiprocessors: few of them want large tiles. */
static inline bool check_candidates(int n_sms, enum tro_precision precision, double tolerance)
{
    struct tro_err err = {0};
    struct tro_arena arena = {0};
    const char *problem = NULL;
    struct tro_graph *const g = tro_graph_parse((struct tro_str){gemm_text, strlen(gemm_text)},
                                                "test", &err);
    if (!cuda_kit_device())
        return true;
    cuda_kit_n_sms = n_sms;
    const char *const *const names = list_candidates(g, &arena, precision, NULL, &problem);
    bool ok = names != NULL;
    for (size_t i = 0; ok && names[i]; i++) {
        struct tro_choices choices = {0};
        ok = tro_choices_set(&choices, problem, names[i]) >= 0 &&
             cuda_check_graph(g, tolerance, precision, &choices) && cuda_has(names[i]);
        tro_choices_finish(&choices);
    }
    cuda_kit_n_sms = 0;
    tro_arena_finish(&arena);
    tro_graph_destroy(g);
    return ok;
}

#endif
