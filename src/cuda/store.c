/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/store.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "cuda/library.h"
#include "cuda/nvrtc.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

struct loaded {
    uint64_t key;
    tro_cu_module module;
    tro_cu_function function;
    uint32_t shared_bytes; /* that it may have */
};

struct constant {
    const void *data; /* on the host */
    size_t n_bytes;
    tro_cu_ptr at;
};

/* Constants are put one after the other into large blocks. */
struct room {
    tro_cu_ptr at;
    size_t n_used, n_bytes;
};

struct tro_cuda_store {
    pthread_mutex_t mutex;
    struct tro_cuda_device *device;
    struct tro_libraries *libraries;
    tro_cuda_find_code *find;
    const void *ctx;
    struct loaded *kernels;
    size_t n_kernels, cap_kernels, n_compiled;
    struct constant *constants;
    size_t n_constants, cap_constants, constant_bytes;
    struct room *rooms;
    size_t n_rooms, cap_rooms;
};

#define ROOM_BYTES ((size_t)32 << 20)

/* ---- life --------------------------------------------------------------------------------- */

struct tro_cuda_store *tro_cuda_store_create(struct tro_cuda_device *d, tro_cuda_find_code *find,
                                             const void *ctx, struct tro_err *err)
{
    struct tro_cuda_store *const s = tro_calloc(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->mutex, NULL) != 0) {
        tro_free(s);
        tro_cuda_device_close(d);
        tro_fail_nomem(err);
        return NULL;
    }
    s->device = d;
    s->find = find;
    s->ctx = ctx;
    s->libraries = tro_libraries_create(d, err);
    if (s->libraries)
        return s;
    tro_cuda_store_destroy(s);
    return NULL;
}

void tro_cuda_store_destroy(struct tro_cuda_store *s)
{
    if (!s)
        return;
    tro_cuda_device_enter(s->device, NULL);
    tro_libraries_destroy(s->libraries);
    for (size_t i = 0; i < s->n_kernels; i++)
        s->device->cu->cuModuleUnload(s->kernels[i].module);
    for (size_t i = 0; i < s->n_rooms; i++)
        tro_cuda_free(s->device, s->rooms[i].at);
    tro_free(s->kernels);
    tro_free(s->constants);
    tro_free(s->rooms);
    tro_cuda_device_close(s->device);
    pthread_mutex_destroy(&s->mutex);
    tro_free(s);
}

struct tro_cuda_device *tro_cuda_store_device(const struct tro_cuda_store *s)
{
    return s->device;
}

struct tro_libraries *tro_cuda_store_libraries(const struct tro_cuda_store *s)
{
    return s->libraries;
}

/* ---- kernels ------------------------------------------------------------------------------ */

static struct loaded *find_kernel(const struct tro_cuda_store *s, uint64_t key)
{
    for (size_t i = 0; i < s->n_kernels; i++)
        if (s->kernels[i].key == key)
            return &s->kernels[i];
    return NULL;
}

/* Beyond this a kernel must ask for shared memory. */
#define SHARED_FREE 49152u

static int find_function(struct tro_cuda_store *s, const struct tro_cuda_launch *launch,
                         tro_cu_function *out, struct tro_err *err)
{
    struct loaded *const l = find_kernel(s, launch->kernel->key);
    if (!l)
        return tro_fail(err, TRO_E_INTERNAL, "kernel %s was not loaded", launch->kernel->name);
    *out = l->function;
    if (launch->shared_bytes <= SHARED_FREE || launch->shared_bytes <= l->shared_bytes)
        return 0;
    l->shared_bytes = launch->shared_bytes;
    return tro_cu_check(s->device->cu,
                        s->device->cu->cuFuncSetAttribute(l->function, TRO_CU_FUNC_MAX_SHARED,
                                                          (int)launch->shared_bytes),
                        "cuFuncSetAttribute", err);
}

int tro_cuda_store_function(struct tro_cuda_store *s, const struct tro_cuda_launch *launch,
                            tro_cu_function *out, struct tro_err *err)
{
    pthread_mutex_lock(&s->mutex);
    const int rc = find_function(s, launch, out, err);
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

/* A kernel to load, with the first step that needs it. */
struct wanted {
    const struct tro_cuda_store *store;
    const struct tro_step *step;
    const struct tro_cuda_launch *launch;
    const void *code;
    void *own; /* compiled here */
    size_t n_bytes;
    struct tro_err err;
};

static void compile_one(void *ctx, int64_t i)
{
    struct wanted *const w = (struct wanted *)ctx + i;
    if (w->code)
        return;
    if (tro_nvrtc_compile(w->launch->kernel, w->store->device->arch, TRO_CODE_CUBIN, &w->own,
                          &w->n_bytes, &w->err) >= 0)
        w->code = w->own;
}

static int load_one(struct tro_cuda_store *s, const struct wanted *w, struct tro_err *err)
{
    const struct tro_cu *const cu = s->device->cu;
    struct loaded l = {.key = w->launch->kernel->key};
    if (!w->code)
        return tro_fail(err, (enum tro_status)w->err.status, "%s", w->err.text);
    if (TRO_GROW(&s->kernels, s->n_kernels, &s->cap_kernels) < 0)
        return tro_fail_nomem(err);
    TRO_CU(cu, err, cuModuleLoadDataEx, &l.module, w->code, 0, NULL, NULL);
    s->kernels[s->n_kernels++] = l;
    struct loaded *const k = &s->kernels[s->n_kernels - 1];
    s->n_compiled += w->own != NULL;
    TRO_CU(cu, err, cuModuleGetFunction, &k->function, k->module, "tro_kernel");
    return 0;
}

static size_t list_wanted(struct tro_cuda_store *s, const struct tro_program *p, struct wanted *w)
{
    size_t n = 0;
    for (int32_t i = 0; i < p->n_steps; i++) {
        const struct tro_cuda_launch *const launch = tro_cuda_launch_of(&p->steps[i]);
        bool is_there = !launch || !launch->kernel || find_kernel(s, launch->kernel->key);
        for (size_t k = 0; k < n && !is_there; k++)
            is_there = w[k].launch->kernel->key == launch->kernel->key;
        if (is_there)
            continue;
        w[n] = (struct wanted){.store = s, .step = &p->steps[i], .launch = launch};
        if (s->find)
            s->find(s->ctx, launch->kernel->key, s->device->arch, &w[n].code, &w[n].n_bytes);
        n++;
    }
    return n;
}

int tro_cuda_store_load(struct tro_cuda_store *s, const struct tro_program *p, struct tro_err *err)
{
    struct wanted *const w = tro_calloc((size_t)p->n_steps + 1, sizeof *w);
    int rc = w ? 0 : tro_fail_nomem(err);
    pthread_mutex_lock(&s->mutex);
    const size_t n = w ? list_wanted(s, p, w) : 0;
    tro_parallel_for((int64_t)n, compile_one, w);
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = tro_err_prefix(err, load_one(s, &w[i], err), "node '%s': kernel %s: ", w[i].step->name,
                            w[i].step->kernel);
    pthread_mutex_unlock(&s->mutex);
    for (size_t i = 0; i < n; i++)
        tro_free(w[i].own);
    tro_free(w);
    return rc;
}

/* ---- constants ---------------------------------------------------------------------------- */

static int take_room(struct tro_cuda_store *s, size_t n_bytes, tro_cu_ptr *out, struct tro_err *err)
{
    const size_t need = (n_bytes + 255) / 256 * 256;
    struct room *r = s->n_rooms ? &s->rooms[s->n_rooms - 1] : NULL;
    if (!r || r->n_bytes - r->n_used < need) {
        if (TRO_GROW(&s->rooms, s->n_rooms, &s->cap_rooms) < 0)
            return tro_fail_nomem(err);
        r = &s->rooms[s->n_rooms];
        *r = (struct room){.n_bytes = need > ROOM_BYTES ? need : ROOM_BYTES};
        TRO_TRY(tro_cuda_alloc(s->device, r->n_bytes, &r->at, err));
        s->n_rooms++;
    }
    *out = r->at + r->n_used;
    r->n_used += need;
    return 0;
}

static int upload(struct tro_cuda_store *s, const struct tro_buffer *b, tro_cu_ptr *out,
                  struct tro_err *err)
{
    for (size_t i = 0; i < s->n_constants; i++)
        if (s->constants[i].data == b->data && s->constants[i].n_bytes == b->n_bytes) {
            *out = s->constants[i].at;
            return 0;
        }
    if (TRO_GROW(&s->constants, s->n_constants, &s->cap_constants) < 0)
        return tro_fail_nomem(err);
    TRO_TRY(take_room(s, b->n_bytes + 16, out, err));
    if (b->n_bytes)
        TRO_CU(s->device->cu, err, cuMemcpyHtoD_v2, *out, b->data, b->n_bytes);
    s->constants[s->n_constants++] = (struct constant){b->data, b->n_bytes, *out};
    s->constant_bytes += b->n_bytes;
    return 0;
}

int tro_cuda_store_constant(struct tro_cuda_store *s, const struct tro_buffer *b, tro_cu_ptr *out,
                            struct tro_err *err)
{
    pthread_mutex_lock(&s->mutex);
    const int rc = upload(s, b, out, err);
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

struct tro_cuda_store_size tro_cuda_store_size(struct tro_cuda_store *s)
{
    pthread_mutex_lock(&s->mutex);
    const struct tro_cuda_store_size size = {s->n_kernels, s->n_compiled, s->constant_bytes};
    pthread_mutex_unlock(&s->mutex);
    return size;
}
