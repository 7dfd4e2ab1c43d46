/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs as text, lowered for CUDA and run, against the reference kernels:
 *
 *     CUDA_ENGINE(1e-2, FP16, "graph \"g\" input %x : f32[2,3] %y = exp(%x) output %y");
 *     CHECK(cuda_has("pointwise"));
 *
 * On the emulated device of tests/emu, or on a GPU where TROCAR_TEST_GPU is set. Errors are
 * measured as in engine_kit.h. Each graph runs twice, and the bits must be the same. cuda_kernels()
 * tells which kernels the last program was made of; no step may run on the host unless
 * cuda_kit_host is set.
 */
#ifndef TRO_TESTS_CUDA_KIT_H
#define TRO_TESTS_CUDA_KIT_H

#include "cuda/cuda.h"
#include "cuda/exec.h"
#include "emu/emu.h"
#include "engine_kit.h"

static enum tro_precision cuda_kit_precision; /* of the graph at hand */
static bool cuda_kit_host;                    /* steps of the host are fine */
static bool cuda_kit_libraries;               /* choices may be a library's */
static int cuda_kit_n_sms; /* lowered for so many multiprocessors; 0: those of the device */

/* Opened once. NULL where none can be had and the test is skipped, or where one should be there and
 * is not, which is a failure. */
static inline struct tro_cuda_device *cuda_kit_device(void)
{
    static struct tro_cuda_device *device;
    static bool is_tried, is_missing;
    static struct tro_err err;
    if (!is_tried) {
        is_tried = true;
        is_missing = !getenv("TROCAR_TEST_GPU") && !emu_use();
        device = is_missing ? NULL : tro_cuda_device_open("cuda", &err);
    }
    if (is_missing)
        test_skip("the emulated GPU needs g++ and no cross build");
    else if (!device)
        test_check(false, __FILE__, __LINE__, "no device: %s", err.text);
    return device;
}

static inline const char *cuda_kernels(void)
{
    return engine_kit_kernels;
}

static inline bool cuda_has(const char *kernel)
{
    const bool has = !cuda_kit_device() || strstr(cuda_kernels(), kernel) != NULL;
    if (!has)
        printf("expected kernel %s, found: %s\n", kernel, cuda_kernels());
    return has;
}

/* Both runs of one program; false with a message. */
static inline bool cuda_kit_run(const struct engine_kit *k, const struct tro_program *p,
                                struct tro_cuda_store *store, struct tro_err *err)
{
    static const char *const runs[] = {"first run", "second run"};
    const struct tro_cuda_exec_opts opts = {.program = p, .store = store};
    struct tro_cuda_exec *const x = tro_cuda_exec_create(&opts, err);
    bool ok = x != NULL;
    uint64_t bits[2] = {0};
    for (size_t i = 0; ok && i < k->n_in; i++)
        tro_cuda_exec_bind(x, (int)i, k->in[i].data);
    for (int run = 0; ok && run < 2; run++) {
        ok = tro_cuda_exec_run(x, NULL, err) >= 0;
        for (size_t i = 0; ok && i < k->n_out; i++) {
            const struct tro_tensor got = tro_cuda_exec_output(x, (int)i);
            const double error = engine_kit_error(&got, &k->want[i]);
            ok = error <= k->tolerance &&
                 (tro_dtype_is_float(got.dtype) || k->tolerance >= 1 || error == 0);
            for (size_t b = 0; ok && b < tro_tensor_n_bytes(&got); b++)
                bits[run] = (bits[run] ^ ((const uint8_t *)got.data)[b]) * 1099511628211u;
            if (!ok)
                printf("%s: output %zu: error %g, at most %g expected; kernels: %s\n", runs[run], i,
                       error, k->tolerance, cuda_kernels());
        }
    }
    if (ok && bits[0] != bits[1])
        printf("two runs give different bits; kernels: %s\n", cuda_kernels());
    const struct tro_cuda_exec_size size = x ? tro_cuda_exec_size(x)
                                             : (struct tro_cuda_exec_size){0};
    if (ok && size.n_host_steps && !cuda_kit_host)
        printf("%d steps run on the host: %s\n", size.n_host_steps, cuda_kernels());
    ok = ok && bits[0] == bits[1] && (!size.n_host_steps || cuda_kit_host);
    tro_cuda_exec_destroy(x);
    return ok;
}

static inline bool cuda_kit_lower(const struct engine_kit *k)
{
    struct tro_cuda_device *const d = cuda_kit_device();
    struct tro_err err = {0};
    struct tro_packs *const packs = tro_packs_create(&err);
    struct tro_cuda_store *const store = tro_cuda_store_create(tro_cuda_device_open("cuda", &err),
                                                               NULL, NULL, &err);
    struct tro_libraries *const libraries = cuda_kit_libraries ? tro_cuda_store_libraries(store)
                                                               : NULL;
    const struct tro_lower_opts opts = {.backend = &tro_cuda_backend,
                                        .libraries = libraries,
                                        .precision = cuda_kit_precision,
                                        .arch = d->arch,
                                        .n_sms = cuda_kit_n_sms ? cuda_kit_n_sms : d->n_sms,
                                        .n_threads = 1,
                                        .choices = k->choices,
                                        .packs = packs};
    struct tro_program *const p = tro_lower(k->g, &k->env, &opts, &err);
    if (p)
        engine_kit_note(p);
    const bool ok = p && cuda_kit_run(k, p, store, &err);
    if (!ok && err.status)
        printf("%s\n", err.text);
    tro_program_destroy(p);
    tro_cuda_store_destroy(store);
    tro_packs_destroy(packs);
    return ok;
}

static inline bool cuda_check_graph(struct tro_graph *g, double tolerance,
                                    enum tro_precision precision, const struct tro_choices *choices)
{
    cuda_kit_precision = precision;
    return engine_kit_graph(g, tolerance, choices, cuda_kit_lower);
}

static inline bool cuda_check(const char *text, double tolerance, enum tro_precision precision)
{
    struct tro_err err = {0};
    if (!cuda_kit_device())
        return true; /* skipped, or failed already */
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", &err);
    if (!g) {
        printf("%s\n", err.text);
        return false;
    }
    const bool ok = cuda_check_graph(g, tolerance, precision, NULL);
    if (!ok)
        printf("%s\n", text);
    tro_graph_destroy(g);
    return ok;
}

#define CUDA_ENGINE(tolerance, precision, text) \
    CHECK(cuda_check(text, tolerance, TRO_PRECISION_##precision))

#endif
