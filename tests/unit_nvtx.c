/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges for profilers, as the tool of tests/fake/nvtx_tool.c sees them. */
#include "base/nvtx.h"

#include "builder_kit.h"

#if TRO_HAVE_CUDA_HEADERS
#include <nvtx3/nvToolsExt.h>
#endif
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_THREADS = 8, N_RANGES = 25 };

/* The library that NVTX opened. */
static void *tool_symbol(const char *name)
{
    static void *library;
    if (!library)
        library = dlopen(TRO_FAKE_NVTX_TOOL, RTLD_NOW | RTLD_LOCAL);
    return library ? dlsym(library, name) : NULL;
}

static const char *tool_text(void)
{
    const char *(*fn)(void) = NULL;
    void *const symbol = tool_symbol("nvtx_tool_text");
    memcpy(&fn, &symbol, sizeof fn);
    return fn ? fn() : "no tool";
}

static int count(const char *text, const char *line)
{
    int n = 0;
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        n++;
    return n;
}

static void *make_ranges(void *arg)
{
    (void)arg;
    for (int i = 0; i < N_RANGES; i++) {
        tro_range_begin("outer", "a");
        tro_range_begin("inner", "b");
        tro_range_end();
        tro_range_end();
    }
    return NULL;
}

/* The first ranges of the process, by several threads at once. */
TEST(nvtx_threads)
{
    pthread_t threads[N_THREADS];
    int n = 0;
    setenv("NVTX_INJECTION64_PATH", TRO_FAKE_NVTX_TOOL, 1);
    CHECK_INT(atomic_load(&tro_nvtx_state), TRO_NVTX_UNKNOWN);
    while (n < N_THREADS && pthread_create(&threads[n], NULL, make_ranges, NULL) == 0)
        n++;
    CHECK_INT(n, N_THREADS);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(atomic_load(&tro_nvtx_state), TRO_NVTX_ON);
    CHECK(tro_nvtx_missing() == NULL);
    CHECK_INT(count(tool_text(), "trocar 0 outer a\n"), n * N_RANGES);
    CHECK_INT(count(tool_text(), "trocar 1 inner b\n"), n * N_RANGES);
    CHECK_INT(count(tool_text(), "\n"), 2 * n * N_RANGES);
    int (*starts)(void) = NULL;
    void *const symbol = tool_symbol("nvtx_tool_starts");
    memcpy(&starts, &symbol, sizeof starts);
    CHECK_INT(starts ? starts() : 0, 1);
}

#if TRO_HAVE_CUDA_HEADERS
/* NVIDIA's own side of the program finds the same tool, so that the tool is one of the protocol. */
TEST(nvtx_of_nvidia)
{
    const size_t n_before = strlen(tool_text());
    const nvtxDomainHandle_t domain = nvtxDomainCreateA("nvidia");
    const nvtxEventAttributes_t e = {.version = NVTX_VERSION,
                                     .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                     .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                     .message.ascii = "theirs"};
    tro_range_begin("ours", "around");
    CHECK_INT(nvtxDomainRangePushEx(domain, &e), 1);
    CHECK_INT(nvtxDomainRangePop(domain), 1);
    tro_range_end();
    CHECK_STR(tool_text() + n_before, "nvidia 1 theirs\ntrocar 0 ours around\n");
}
#else
TEST(nvtx_of_nvidia)
{
    SKIP("NVIDIA's header of NVTX is not there");
}
#endif

static void run(struct tro_plan *p)
{
    struct tro_err err = {0};
    float x[64] = {1};
    const struct tro_tensor t = {.dtype = TRO_F32, .rank = 2, .shape = {8, 8}, .data = x};
    struct tro_session *const s = tro_session_create(p, NULL, &err);
    CHECK_OR_RETURN(s != NULL);
    CHECK_INT(tro_session_bind(s, "x", &t, &err), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tro_session_run(s, &err), 0);
    tro_session_destroy(s);
}

TEST(nvtx_engine)
{
    struct tro_err err = {0};
    const struct tro_build_opts opts = {.tune = 1};
    const size_t n_before = strlen(tool_text());
    struct tro_model *const m = kit_model(
        "in x f32[8,8]; w m f32[8,1] 1 2 3 4 5 6 7 8; y = MatMul(x, m); out y f32[8,1]");
    struct tro_builder *const b = m ? tro_builder_create(m, &err) : NULL;
    struct tro_plan *const p = b ? tro_builder_plan(b, &opts, &err) : NULL;
    if (CHECK(p != NULL))
        run(p);
    const char *const text = tool_text() + n_before;
    printf("%s", text);
    CHECK_INT(count(text, "trocar 0 tune "), 1);
    CHECK_INT(count(text, "trocar 0 load "), 1);
    CHECK_INT(count(text, "trocar 0 session "), 1);
    CHECK_INT(count(text, "trocar 0 run "), 3);
    CHECK_INT(count(text, "wrong"), 0);
    CHECK(strstr(text, " load ") < strstr(text, " session "));
    CHECK(strstr(text, " session ") < strstr(text, " run "));
    tro_plan_close(p);
    tro_builder_destroy(b);
    tro_model_close(m);
}
