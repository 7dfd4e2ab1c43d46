/* SPDX-License-Identifier: Apache-2.0 */
/* What the sessions of a plan share: packed weights, and on each GPU its kernels and constants. */
#include "run/session_plan.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"

struct store {
    struct tro_cuda_device *device;
    struct tro_cuda_store *store;
};

struct tro_plan_shared {
    struct tro_packs *packs;
    pthread_mutex_t mutex;
    struct store *stores;
    size_t n_stores, cap_stores;
};

static void destroy(void *shared)
{
    struct tro_plan_shared *const s = shared;
    for (size_t i = 0; i < s->n_stores; i++)
        tro_cuda_store_destroy(s->stores[i].store);
    tro_free(s->stores);
    tro_packs_destroy(s->packs);
    pthread_mutex_destroy(&s->mutex);
    tro_free(s);
}

static void *make(struct tro_err *err)
{
    struct tro_plan_shared *const s = tro_calloc(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->mutex, NULL) != 0) {
        tro_free(s);
        tro_fail_nomem(err);
        return NULL;
    }
    s->packs = tro_packs_create(err);
    if (s->packs)
        return s;
    destroy(s);
    return NULL;
}

struct tro_plan_shared *tro_plan_shared_of(struct tro_plan *p, struct tro_err *err)
{
    return tro_plan_shared(p, make, destroy, err);
}

struct tro_packs *tro_plan_shared_packs(struct tro_plan_shared *s)
{
    return s->packs;
}

/* ---- GPUs --------------------------------------------------------------------------------- */

static struct tro_cuda_store *find(struct tro_plan_shared *s, struct tro_cuda_device *d)
{
    for (size_t i = 0; i < s->n_stores; i++)
        if (s->stores[i].device == d)
            return s->stores[i].store;
    return NULL;
}

static int find_code(const void *ctx, uint64_t key, int arch, const void **code, size_t *n_bytes)
{
    const struct tro_plan_code *const c = tro_plan_code_find(ctx, key, arch);
    *code = c ? c->data : NULL;
    *n_bytes = c ? c->n_bytes : 0;
    return c != NULL;
}

/* Takes the device over. */
static struct tro_cuda_store *find_or_add(struct tro_plan_shared *s, struct tro_cuda_device *d,
                                          const struct tro_plan_parts *parts, struct tro_err *err)
{
    struct tro_cuda_store *store = find(s, d);
    if (store || TRO_GROW(&s->stores, s->n_stores, &s->cap_stores) < 0) {
        tro_cuda_device_close(d);
        if (!store)
            tro_fail_nomem(err);
        return store;
    }
    store = tro_cuda_store_create(d, find_code, parts, err);
    if (store)
        s->stores[s->n_stores++] = (struct store){d, store};
    return store;
}

struct tro_cuda_store *tro_plan_shared_store(struct tro_plan_shared *s, struct tro_plan *p,
                                             const char *device, struct tro_err *err)
{
    struct tro_cuda_device *const d = tro_cuda_device_open(device, err);
    if (!d)
        return NULL;
    pthread_mutex_lock(&s->mutex);
    struct tro_cuda_store *const store = find_or_add(s, d, tro_plan_contents(p), err);
    pthread_mutex_unlock(&s->mutex);
    return store;
}
