/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/nvrtc.h"

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/texts.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_SIZE 64

typedef struct tro_nvrtc_program_s *tro_nvrtc_program;

struct nvrtc {
#define FN(name, args) int(*name) args;
#include "cuda/nvrtc.def"
#undef FN
};

static struct {
    pthread_mutex_t mutex;
    bool is_tried, is_open;
    struct nvrtc fn;
    char why_not[512];
} compiler = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- opening ------------------------------------------------------------------------------ */

static void *open_library(void)
{
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so",
                                        "/usr/local/cuda/lib64/libnvrtc.so",
                                        "/usr/local/cuda/lib/libnvrtc.so"};
    const char *const path = getenv("TROCAR_NVRTC");
    if (path)
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        void *const library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (library)
            return library;
    }
    return NULL;
}

static bool open_compiler(void)
{
    void *const library = open_library();
    if (!library) {
        snprintf(compiler.why_not, sizeof compiler.why_not, "NVRTC was not found (%s)", dlerror());
        return false;
    }
#define FN(name, args)                                                                  \
    {                                                                                   \
        void *const symbol = dlsym(library, #name);                                     \
        if (!symbol) {                                                                  \
            snprintf(compiler.why_not, sizeof compiler.why_not, "NVRTC has no " #name); \
            return false;                                                               \
        }                                                                               \
        memcpy(&compiler.fn.name, &symbol, sizeof symbol);                              \
    }
#include "cuda/nvrtc.def"
#undef FN
    return true;
}

const char *tro_nvrtc_missing(void)
{
    pthread_mutex_lock(&compiler.mutex);
    if (!compiler.is_tried) {
        compiler.is_tried = true;
        compiler.is_open = open_compiler();
    }
    pthread_mutex_unlock(&compiler.mutex);
    return compiler.is_open ? NULL : compiler.why_not;
}

/* ---- compiling ---------------------------------------------------------------------------- */

/* The end of the log, where the first error is short enough to be there too. */
static int fail_with_log(tro_nvrtc_program program, const struct tro_cuda_kernel *k, int arch,
                         struct tro_err *err)
{
    size_t n = 0;
    char *log = NULL;
    if (compiler.fn.nvrtcGetProgramLogSize(program, &n) == 0 && n > 0)
        log = tro_calloc(n + 1, 1);
    if (log)
        compiler.fn.nvrtcGetProgramLog(program, log);
    for (char *p = log; p && *p; p++)
        *p = *p == '\n' || *p == '\t' ? ' ' : *p;
    const int rc = tro_fail(err, TRO_E_INTERNAL, "kernel %s for sm_%d: NVRTC: %.800s", k->name,
                            arch, log ? log : "no log");
    tro_free(log);
    return rc;
}

static int take_code(tro_nvrtc_program program, enum tro_code_kind kind, void **out,
                     size_t *n_bytes, struct tro_err *err)
{
    const bool is_ptx = kind == TRO_CODE_PTX;
    *n_bytes = 0;
    *out = NULL;
    int rc = is_ptx ? compiler.fn.nvrtcGetPTXSize(program, n_bytes)
                    : compiler.fn.nvrtcGetCUBINSize(program, n_bytes);
    if (rc == 0 && *n_bytes > 0)
        *out = tro_malloc(*n_bytes);
    if (!*out)
        return tro_fail_nomem(err);
    rc = is_ptx ? compiler.fn.nvrtcGetPTX(program, *out) : compiler.fn.nvrtcGetCUBIN(program, *out);
    if (rc == 0)
        return 0;
    tro_free(*out);
    *out = NULL;
    return tro_fail(err, TRO_E_INTERNAL, "NVRTC gave no code (%d)", rc);
}

static void print_target(int arch, enum tro_code_kind kind, char out[TARGET_SIZE])
{
    snprintf(out, TARGET_SIZE, "--gpu-architecture=%s_%d%s",
             kind == TRO_CODE_PTX ? "compute" : "sm", arch,
             kind == TRO_CODE_CUBIN && arch == 90 ? "a" : "");
}

/* A program that was compiled for a target such as sm_90a; the caller destroys it. */
static int compile_for(const struct tro_cuda_kernel *k, int arch, const char *target,
                       tro_nvrtc_program *out, struct tro_err *err)
{
    enum { MAX_HEADERS = 128 };
    const char *names[MAX_HEADERS], *texts[MAX_HEADERS];
    const char *const missing = tro_nvrtc_missing();
    *out = NULL;
    if (missing)
        return tro_fail(err, TRO_E_DEVICE, "kernel %s for sm_%d is not in the plan, and %s",
                        k->name, arch, missing);
    for (int i = 0; i < tro_cuda_n_texts && i < MAX_HEADERS; i++) {
        names[i] = tro_cuda_texts[i].name;
        texts[i] = tro_cuda_texts[i].text;
    }
    const char *const options[] = {target, "--std=c++17", "--fmad=false", "-default-device",
                                   "--extra-device-vectorization"};
    if (compiler.fn.nvrtcCreateProgram(out, k->source, k->name, tro_cuda_n_texts, texts, names) !=
        0)
        return tro_fail(err, TRO_E_INTERNAL, "NVRTC could not create a program");
    if (compiler.fn.nvrtcCompileProgram(*out, sizeof options / sizeof options[0], options) == 0)
        return 0;
    const int rc = fail_with_log(*out, k, arch, err);
    compiler.fn.nvrtcDestroyProgram(out);
    return rc;
}

int tro_nvrtc_compile(const struct tro_cuda_kernel *k, int arch, enum tro_code_kind kind,
                      void **out, size_t *n_bytes, struct tro_err *err)
{
    char target[TARGET_SIZE];
    tro_nvrtc_program program;
    print_target(arch, kind, target);
    TRO_TRY(compile_for(k, arch, target, &program, err));
    const int rc = take_code(program, kind, out, n_bytes, err);
    compiler.fn.nvrtcDestroyProgram(&program);
    return rc;
}

/* PTX of a program that was compiled into machine code; of sm_90a it would run nowhere else. */
static bool has_ptx(tro_nvrtc_program program, int arch)
{
    size_t n = 0;
    return arch != 90 && compiler.fn.nvrtcGetPTXSize(program, &n) == 0 && n > 0;
}

int tro_nvrtc_compile_both(const struct tro_cuda_kernel *k, int arch, void **cubin,
                           size_t *n_cubin_bytes, void **ptx, size_t *n_ptx_bytes,
                           struct tro_err *err)
{
    char target[TARGET_SIZE];
    tro_nvrtc_program program;
    print_target(arch, TRO_CODE_CUBIN, target);
    TRO_TRY(compile_for(k, arch, target, &program, err));
    const bool is_both = has_ptx(program, arch);
    int rc = take_code(program, TRO_CODE_CUBIN, cubin, n_cubin_bytes, err);
    if (rc >= 0 && is_both)
        rc = take_code(program, TRO_CODE_PTX, ptx, n_ptx_bytes, err);
    compiler.fn.nvrtcDestroyProgram(&program);
    if (rc < 0 || is_both)
        return rc;
    return tro_nvrtc_compile(k, arch, TRO_CODE_PTX, ptx, n_ptx_bytes, err);
}
