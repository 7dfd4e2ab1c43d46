/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcupti that sees what the emulated device of tests/emu runs. TRO_FAKE_CUPTI holds words:
 *   busy      another tool listens already
 *   blind     kernels come without the ids of their nodes
 *   overlap   each kernel ends half a millisecond late, so that it lies over the next
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda/cupti.h"
#include "emu/device.h"

#define EXPORT __attribute__((visibility("default")))
enum { NOT_DONE = 2, MAX_LIMIT_REACHED = 12, MULTIPLE_SUBSCRIBERS = 39 };

#define FN(name, args) EXPORT int name args;
#include "cuda/cupti.def"
#undef FN

static tro_cupti_callback *callback;
static tro_cupti_request *request;
static tro_cupti_complete *complete;
static uint8_t *buffer;
static size_t n_bytes, n_valid;
static void (*set_hooks)(const struct emu_graph_hooks *h);
static uint64_t (*node_id)(tro_cu_node node);
static int64_t begin_ns;

static bool is_set(const char *word)
{
    const char *const text = getenv("TRO_FAKE_CUPTI");
    return text && strstr(text, word);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- what the device does ----------------------------------------------------------------- */

static void flush(void)
{
    uint8_t *const full = buffer;
    buffer = NULL;
    if (full)
        complete(NULL, 0, full, n_bytes, n_valid);
}

static void on_clone(tro_cu_node node, tro_cu_node original)
{
    const struct tro_cupti_graph graph = {.node = node, .original_node = original};
    const struct tro_cupti_resource resource = {.descriptor = &graph};
    if (callback)
        callback(NULL, TRO_CUPTI_DOMAIN_RESOURCE, TRO_CUPTI_NODE_CLONED, &resource);
}

static void on_begin(tro_cu_node node, uint32_t launch)
{
    (void)node;
    (void)launch;
    begin_ns = now_ns();
}

static void on_end(tro_cu_node node, uint32_t launch)
{
    const struct tro_cupti_kernel k = {.kind = TRO_CUPTI_KIND_CONCURRENT_KERNEL,
                                       .start = (uint64_t)begin_ns,
                                       .end = (uint64_t)now_ns() + (is_set("overlap") ? 500000 : 0),
                                       .correlation = launch,
                                       .graph_node = is_set("blind") ? 0 : node_id(node)};
    size_t n_most = 0;
    if (buffer && n_bytes - n_valid < sizeof k)
        flush();
    if (!buffer) {
        n_valid = 0;
        request(&buffer, &n_bytes, &n_most);
    }
    memcpy(buffer + n_valid, &k, sizeof k);
    n_valid += sizeof k;
}

/* ---- the functions ------------------------------------------------------------------------ */

static bool find_device(void)
{
    const char *const path = getenv("TROCAR_CUDA_DRIVER");
    void *const driver = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : NULL;
    void *const hooks = driver ? dlsym(driver, "emu_set_graph_hooks") : NULL;
    void *const id = driver ? dlsym(driver, "emu_node_id") : NULL;
    memcpy(&set_hooks, &hooks, sizeof set_hooks);
    memcpy(&node_id, &id, sizeof node_id);
    return set_hooks && node_id;
}

int cuptiGetResultString(int rc, const char **text)
{
    *text = rc == MULTIPLE_SUBSCRIBERS ? "CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED"
                                       : "CUPTI_ERROR_UNKNOWN";
    return 0;
}

int cuptiSubscribe(tro_cupti_subscriber *subscriber, tro_cupti_callback *fn, void *ctx)
{
    (void)ctx;
    if (callback || is_set("busy"))
        return MULTIPLE_SUBSCRIBERS;
    if (!find_device())
        return NOT_DONE;
    callback = fn;
    *subscriber = (tro_cupti_subscriber)&callback;
    return 0;
}

int cuptiUnsubscribe(tro_cupti_subscriber subscriber)
{
    (void)subscriber;
    callback = NULL;
    return 0;
}

int cuptiEnableCallback(uint32_t is_on, tro_cupti_subscriber subscriber, int domain, uint32_t id)
{
    return is_on && subscriber && domain == TRO_CUPTI_DOMAIN_RESOURCE && id == TRO_CUPTI_NODE_CLONED
               ? 0
               : NOT_DONE;
}

int cuptiActivityRegisterCallbacks(tro_cupti_request *r, tro_cupti_complete *c)
{
    request = r;
    complete = c;
    return 0;
}

int cuptiActivityEnable(int kind)
{
    static const struct emu_graph_hooks hooks = {on_clone, on_begin, on_end};
    if (kind != TRO_CUPTI_KIND_CONCURRENT_KERNEL || !request)
        return NOT_DONE;
    set_hooks(&hooks);
    return 0;
}

int cuptiActivityDisable(int kind)
{
    (void)kind;
    set_hooks(NULL);
    return 0;
}

int cuptiActivityFlushAll(uint32_t flags)
{
    (void)flags;
    flush();
    return 0;
}

int cuptiActivityGetNextRecord(uint8_t *from, size_t n, const struct tro_cupti_kernel **record)
{
    const struct tro_cupti_kernel *const first = (const void *)from;
    const struct tro_cupti_kernel *const next = *record ? *record + 1 : first;
    if ((size_t)(next - first) * sizeof *first >= n)
        return MAX_LIMIT_REACHED;
    *record = next;
    return 0;
}

int cuptiGetGraphNodeId(tro_cu_node node, uint64_t *id)
{
    *id = node_id(node);
    return 0;
}
