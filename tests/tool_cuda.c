/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can go wrong with a GPU, for tests/check_gpu.py:
 *     tool_cuda cycles PLAN N     sessions that are opened, run and closed leave memory as it was
 *     tool_cuda starve PLAN       hardly any memory of the device is free
 *     tool_cuda fault PLAN        a kernel of this process writes to address 0
 * Prints "ok" with figures, or what was expected and found. Exit status: 0, 1.
 */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "cuda/device.h"
#include "cuda/nvrtc.h"

#include <trocar/trocar.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IO = 16, N_WARM_UP = 5, MAX_BLOCKS = 64 };

static const struct tro_session_opts on_gpu = {.device = "cuda", .n_threads = 1};
static const struct tro_session_opts on_cpu = {.n_threads = 1};

/* ---- sessions ----------------------------------------------------------------------------- */

struct inputs {
    struct tro_tensor t[MAX_IO];
    int n;
};

static int make_inputs(struct inputs *in, const struct tro_session *s, struct tro_err *err)
{
    if (tro_session_n_inputs(s) > MAX_IO)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d inputs", MAX_IO);
    for (; in->n < tro_session_n_inputs(s); in->n++) {
        const struct tro_io_info info = tro_session_input_info(s, in->n);
        struct tro_tensor *const t = &in->t[in->n];
        *t = (struct tro_tensor){.dtype = info.dtype, .rank = info.rank};
        for (int i = 0; i < t->rank; i++)
            t->shape[i] = info.shape[i] > 0 ? info.shape[i] : 1;
        t->data = tro_calloc(tro_tensor_n_bytes(t) + 64, 1);
        if (!t->data)
            return tro_fail_nomem(err);
        for (int64_t i = 0; i < tro_tensor_n_elems(t); i++)
            tro_store_f64(t->dtype, t->data, i, (double)(i * 37 % 101) / 101);
    }
    return 0;
}

static void free_inputs(struct inputs *in)
{
    for (int i = 0; i < in->n; i++)
        tro_free(in->t[i].data);
}

static int run(struct tro_session *s, const struct inputs *in, struct tro_err *err)
{
    for (int i = 0; i < in->n; i++)
        TRO_TRY(tro_session_bind(s, tro_session_input_info(s, i).name, &in->t[i], err));
    return tro_session_run(s, err);
}

/* A session from the file to its end; *hash of the outputs. */
static int whole_life(const char *path, const struct tro_session_opts *opts, uint64_t *hash,
                      struct tro_err *err)
{
    struct inputs in = {.n = 0};
    struct tro_plan *const p = tro_plan_open(path, err);
    struct tro_session *const s = p ? tro_session_create(p, opts, err) : NULL;
    int rc = s ? make_inputs(&in, s, err) : err->status;
    if (rc >= 0)
        rc = run(s, &in, err);
    *hash = 14695981039346656037u;
    for (int i = 0; rc >= 0 && i < tro_session_n_outputs(s); i++) {
        struct tro_tensor t;
        rc = tro_session_output(s, i, &t, err);
        for (size_t b = 0; rc >= 0 && b < tro_tensor_n_bytes(&t); b++)
            *hash = (*hash ^ ((const uint8_t *)t.data)[b]) * 1099511628211u;
    }
    tro_session_destroy(s);
    tro_plan_close(p);
    free_inputs(&in);
    return rc;
}

static int expect(int rc, int want, const char *when, struct tro_err *err)
{
    if (rc == want) {
        *err = (struct tro_err){0};
        return 0;
    }
    char text[sizeof err->text];
    snprintf(text, sizeof text, "%s", rc < 0 ? err->text : "no failure");
    return tro_fail(err, TRO_E_INTERNAL, "%s: expected status %d, found %d: %s", when, want, rc,
                    text);
}

/* ---- cycles ------------------------------------------------------------------------------- */

static int free_bytes(const struct tro_cuda_device *d, size_t *n, struct tro_err *err)
{
    size_t total;
    TRO_TRY(tro_cuda_device_enter(d, err));
    return tro_cu_check(d->cu, d->cu->cuMemGetInfo_v2(n, &total), "cuMemGetInfo", err);
}

static size_t resident_pages(void)
{
    size_t size = 0, resident = 0;
    FILE *const f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%zu %zu", &size, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident;
}

static int cycles_with(const struct tro_cuda_device *d, const char *path, int n,
                       struct tro_err *err)
{
    uint64_t first = 0, hash = 0;
    size_t before = 0, after = 0, pages = 0;
    for (int i = 0; i < n + N_WARM_UP; i++) {
        if (i == N_WARM_UP) {
            TRO_TRY(free_bytes(d, &before, err));
            pages = resident_pages();
        }
        TRO_TRY(whole_life(path, &on_gpu, &hash, err));
        first = i ? first : hash;
        if (hash != first)
            return tro_fail(err, TRO_E_INTERNAL, "session %d gives other bits than the first", i);
    }
    TRO_TRY(free_bytes(d, &after, err));
    if (after < before)
        return tro_fail(err, TRO_E_INTERNAL,
                        "%d cycles: %zu bytes of the device were free, then %zu", n, before, after);
    printf("ok %d cycles, %zu MB of the device free before and %zu after, process grew by %ld "
           "pages\n",
           n, before >> 20, after >> 20, (long)resident_pages() - (long)pages);
    return 0;
}

/* The device stays open, so that its context is not made anew each time. */
static int cycles(const char *path, int n, struct tro_err *err)
{
    struct tro_cuda_device *const d = tro_cuda_device_open("cuda", err);
    if (!d)
        return err->status;
    const int rc = cycles_with(d, path, n, err);
    tro_cuda_device_close(d);
    return rc;
}

/* ---- starve ------------------------------------------------------------------------------- */

static int starve_with(struct tro_cuda_device *d, const char *path, struct tro_err *err)
{
    tro_cu_ptr block[MAX_BLOCKS];
    size_t n_bytes, n_taken = 0;
    uint64_t hash;
    int n = 0;
    TRO_TRY(free_bytes(d, &n_bytes, err));
    for (; n < MAX_BLOCKS && n_bytes >= 4096; n_bytes /= 2)
        if (d->cu->cuMemAlloc_v2(&block[n], n_bytes) == TRO_CU_SUCCESS) {
            n_taken += n_bytes;
            n++;
        }
    int rc = whole_life(path, &on_gpu, &hash, err);
    char text[sizeof err->text];
    snprintf(text, sizeof text, "%s", err->text);
    rc = expect(rc, TRO_E_NOMEM, "no memory", err);
    while (n > 0)
        d->cu->cuMemFree_v2(block[--n]);
    TRO_TRY(rc);
    TRO_TRY(expect(whole_life(path, &on_gpu, &hash, err), 0, "memory again", err));
    printf("ok with %zu MB taken: %s\n", n_taken >> 20, text);
    return 0;
}

static int starve(const char *path, struct tro_err *err)
{
    struct tro_cuda_device *const d = tro_cuda_device_open("cuda", err);
    if (!d)
        return err->status;
    const int rc = starve_with(d, path, err);
    tro_cuda_device_close(d);
    return rc;
}

/* ---- fault -------------------------------------------------------------------------------- */

static const char planted[] =
    "#include \"base.cuh\"\n"
    "struct tro_params { float *p; };\n"
    "extern \"C\" __global__ void tro_kernel(const __grid_constant__ tro_params p)\n"
    "{ tro_wait(); *p.p = 1.0f; }\n";

static int launch_planted(const struct tro_cuda_device *d, struct tro_err *err)
{
    const struct tro_cuda_kernel kernel = {.name = "planted", .source = planted};
    tro_cu_ptr address = 0;
    void *params[] = {&address}, *code = NULL;
    size_t n_bytes = 0;
    tro_cu_module module;
    tro_cu_function f;
    TRO_TRY(tro_cuda_device_enter(d, err));
    TRO_TRY(tro_nvrtc_compile(&kernel, d->arch, TRO_CODE_CUBIN, &code, &n_bytes, err));
    int rc = d->cu->cuModuleLoadDataEx(&module, code, 0, NULL, NULL);
    tro_free(code);
    TRO_TRY(tro_cu_check(d->cu, rc, "cuModuleLoadDataEx", err));
    TRO_CU(d->cu, err, cuModuleGetFunction, &f, module, "tro_kernel");
    d->cu->cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, params, NULL);
    d->cu->cuCtxSynchronize();
    return 0;
}

static int fault_with(const struct tro_cuda_device *d, struct tro_session *s,
                      const struct inputs *in, char *text, struct tro_err *err)
{
    TRO_TRY(expect(run(s, in, err), 0, "before", err));
    TRO_TRY(launch_planted(d, err));
    const int rc = run(s, in, err);
    snprintf(text, sizeof err->text, "%s", err->text);
    TRO_TRY(expect(rc, TRO_E_FAULT, "first run after the fault", err));
    return expect(run(s, in, err), TRO_E_FAULT, "second run after the fault", err);
}

static int fault(const char *path, struct tro_err *err)
{
    char text[sizeof err->text] = "";
    uint64_t hash;
    struct inputs in = {.n = 0};
    struct tro_cuda_device *const d = tro_cuda_device_open("cuda", err);
    struct tro_plan *const p = d ? tro_plan_open(path, err) : NULL;
    struct tro_session *const s = p ? tro_session_create(p, &on_gpu, err) : NULL;
    int rc = s ? make_inputs(&in, s, err) : err->status;
    if (rc >= 0)
        rc = fault_with(d, s, &in, text, err);
    tro_session_destroy(s);
    tro_plan_close(p);
    free_inputs(&in);
    if (rc >= 0)
        rc = expect(whole_life(path, &on_cpu, &hash, err), 0, "on the CPU afterwards", err);
    tro_cuda_device_close(d);
    if (rc >= 0)
        printf("ok %s\n", text);
    return rc;
}

int main(int argc, char **argv)
{
    struct tro_err err = {0};
    int rc = -1;
    if (argc == 4 && strcmp(argv[1], "cycles") == 0)
        rc = cycles(argv[2], atoi(argv[3]), &err);
    else if (argc == 3 && strcmp(argv[1], "starve") == 0)
        rc = starve(argv[2], &err);
    else if (argc == 3 && strcmp(argv[1], "fault") == 0)
        rc = fault(argv[2], &err);
    else
        fprintf(stderr, "usage: tool_cuda cycles PLAN N | starve PLAN | fault PLAN\n");
    if (rc < 0)
        printf("%s\n", err.text);
    return rc < 0;
}
