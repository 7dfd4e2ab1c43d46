/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/trace.h"

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/cupti.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct clone {
    uint64_t id, origin;
};

/* The library is opened once for the process, never closed; callbacks come from its threads too. */
static struct {
    pthread_mutex_t mutex;
    bool is_open;
    atomic_bool is_on;
    tro_cupti_subscriber subscriber;
    struct clone *clones;
    size_t n_clones, cap_clones;
    struct tro_cuda_record *records, *taken;
    size_t n_records, cap_records;
    atomic_bool is_short; /* of memory: some are missing */
#define FN(name, args) int(*name) args;
#include "cuda/cupti.def"
#undef FN
} trace = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* ---- opening ------------------------------------------------------------------------------ */

static void *open_library(void)
{
    static const char *const names[] = {"libcupti.so.13",
                                        "libcupti.so.12",
                                        "libcupti.so",
                                        "/usr/local/cuda/lib64/libcupti.so",
                                        "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so",
                                        "/usr/local/cuda/lib/libcupti.so"};
    const char *const path = getenv("TROCAR_CUPTI");
    void *library = NULL;
    if (path)
        return dlopen(path, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !library; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static int open_cupti(struct tro_err *err)
{
    if (trace.is_open)
        return 0;
    void *const library = open_library();
    if (!library)
        return tro_fail(err, TRO_E_DEVICE, "CUPTI was not found (%s)", dlerror());
#define FN(name, args)                                                                \
    {                                                                                 \
        void *const symbol = dlsym(library, #name);                                   \
        if (!symbol)                                                                  \
            return tro_fail(err, TRO_E_DEVICE, "the library of CUPTI has no " #name); \
        memcpy(&trace.name, &symbol, sizeof symbol);                                  \
    }
#include "cuda/cupti.def"
#undef FN
    trace.is_open = true;
    return 0;
}

static int check(int rc, const char *what, struct tro_err *err)
{
    const char *text = NULL;
    if (rc == 0)
        return 0;
    return tro_fail(err, TRO_E_DEVICE, "CUPTI: %s: %s (%d)", what,
                    trace.cuptiGetResultString(rc, &text) == 0 && text ? text : "unknown error",
                    rc);
}
#define CUPTI(err, fn, ...) TRO_TRY(check(trace.fn(__VA_ARGS__), #fn, (err)))

/* ---- what CUPTI tells --------------------------------------------------------------------- */

static void add_clone(const struct tro_cupti_graph *g)
{
    struct clone c = {0, 0};
    if (trace.cuptiGetGraphNodeId(g->node, &c.id) != 0 ||
        trace.cuptiGetGraphNodeId(g->original_node, &c.origin) != 0)
        return;
    pthread_mutex_lock(&trace.mutex);
    if (TRO_GROW(&trace.clones, trace.n_clones, &trace.cap_clones) < 0)
        trace.is_short = true;
    else
        trace.clones[trace.n_clones++] = c;
    pthread_mutex_unlock(&trace.mutex);
}

static void on_callback(void *ctx, int domain, uint32_t id, const void *data)
{
    (void)ctx;
    if (domain == TRO_CUPTI_DOMAIN_RESOURCE && id == TRO_CUPTI_NODE_CLONED)
        add_clone(((const struct tro_cupti_resource *)data)->descriptor);
}

static void on_request(uint8_t **buffer, size_t *n_bytes, size_t *n_most)
{
    *buffer = tro_malloc_aligned(BUFFER_BYTES);
    *n_bytes = *buffer ? BUFFER_BYTES : 0;
    *n_most = 0;
    if (!*buffer)
        trace.is_short = true;
}

static void add_record(const struct tro_cupti_kernel *k)
{
    if (TRO_GROW(&trace.records, trace.n_records, &trace.cap_records) < 0)
        trace.is_short = true;
    else
        trace.records[trace.n_records++] = (struct tro_cuda_record){
            k->graph_node, k->correlation, (int64_t)k->start, (int64_t)k->end};
}

static void on_complete(tro_cu_context context, uint32_t stream, uint8_t *buffer, size_t n_bytes,
                        size_t n_valid)
{
    const struct tro_cupti_kernel *k = NULL;
    (void)context;
    (void)stream;
    (void)n_bytes;
    pthread_mutex_lock(&trace.mutex);
    while (n_valid > 0 && trace.cuptiActivityGetNextRecord(buffer, n_valid, &k) == 0)
        if (k->kind == TRO_CUPTI_KIND_CONCURRENT_KERNEL)
            add_record(k);
    pthread_mutex_unlock(&trace.mutex);
    tro_free(buffer);
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int listen_to_cupti(struct tro_err *err)
{
    CUPTI(err, cuptiEnableCallback, 1, trace.subscriber, TRO_CUPTI_DOMAIN_RESOURCE,
          TRO_CUPTI_NODE_CLONED);
    CUPTI(err, cuptiActivityRegisterCallbacks, on_request, on_complete);
    CUPTI(err, cuptiActivityEnable, TRO_CUPTI_KIND_CONCURRENT_KERNEL);
    return 0;
}

int tro_cuda_trace_start(struct tro_err *err)
{
    if (trace.is_on)
        return tro_fail(err, TRO_E_DEVICE, "CUPTI traces already");
    TRO_TRY(open_cupti(err));
    CUPTI(err, cuptiSubscribe, &trace.subscriber, on_callback, NULL);
    trace.is_on = true;
    const int rc = listen_to_cupti(err);
    if (rc < 0)
        tro_cuda_trace_stop();
    return rc;
}

void tro_cuda_trace_stop(void)
{
    if (!trace.is_on)
        return;
    trace.cuptiActivityDisable(TRO_CUPTI_KIND_CONCURRENT_KERNEL);
    trace.cuptiActivityFlushAll(TRO_CUPTI_FLUSH_FORCED);
    trace.cuptiUnsubscribe(trace.subscriber);
    tro_free(trace.clones);
    tro_free(trace.records);
    tro_free(trace.taken);
    trace.clones = NULL;
    trace.records = trace.taken = NULL;
    trace.n_clones = trace.cap_clones = trace.n_records = trace.cap_records = 0;
    trace.is_on = trace.is_short = false;
}

bool tro_cuda_trace_is_on(void)
{
    return trace.is_on;
}

/* ---- questions ---------------------------------------------------------------------------- */

uint64_t tro_cuda_trace_node(tro_cu_node node)
{
    uint64_t id = 0;
    return trace.cuptiGetGraphNodeId(node, &id) == 0 ? id : 0;
}

/* Clones come in the order of their ids. */
uint64_t tro_cuda_trace_origin(uint64_t id)
{
    pthread_mutex_lock(&trace.mutex);
    for (size_t i = trace.n_clones; i-- > 0;)
        if (trace.clones[i].id == id)
            id = trace.clones[i].origin;
    pthread_mutex_unlock(&trace.mutex);
    return id;
}

int tro_cuda_trace_take(const struct tro_cuda_record **records, size_t *n, struct tro_err *err)
{
    *n = 0;
    CUPTI(err, cuptiActivityFlushAll, 0);
    pthread_mutex_lock(&trace.mutex);
    tro_free(trace.taken);
    *records = trace.taken = trace.records;
    *n = trace.n_records;
    trace.records = NULL;
    trace.n_records = trace.cap_records = 0;
    const bool is_short = trace.is_short;
    pthread_mutex_unlock(&trace.mutex);
    return is_short ? tro_fail_nomem(err) : 0;
}
