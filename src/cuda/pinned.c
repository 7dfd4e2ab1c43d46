/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the host that a GPU reads by itself, for callers. */
#include <stdbool.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/device.h"

struct tro_pinned {
    struct tro_cuda_device *device;
    void *data;
    bool is_registered; /* the caller's */
};

static struct tro_pinned *open_device(const char *device, struct tro_err *err)
{
    struct tro_pinned *const p = tro_calloc(1, sizeof *p);
    if (!p) {
        tro_fail_nomem(err);
        return NULL;
    }
    p->device = tro_cuda_device_open(device, err);
    if (p->device && tro_cuda_device_enter(p->device, err) >= 0)
        return p;
    tro_pinned_destroy(p);
    return NULL;
}

struct tro_pinned *tro_pinned_create(const char *device, size_t n_bytes, struct tro_err *err)
{
    struct tro_pinned *const p = open_device(device, err);
    if (!p)
        return NULL;
    if (tro_cu_check(p->device->cu, p->device->cu->cuMemHostAlloc(&p->data, n_bytes + 1, 0),
                     "cuMemHostAlloc", err) < 0) {
        p->data = NULL;
        tro_pinned_destroy(p);
        return NULL;
    }
    return p;
}

/* Drivers that know no pages without write access may still take them as others. */
static int pin(const struct tro_cu *cu, void *data, size_t n_bytes)
{
    const int rc = cu->cuMemHostRegister_v2(data, n_bytes, TRO_CU_REGISTER_READ_ONLY);
    return rc == TRO_CU_SUCCESS ? rc : cu->cuMemHostRegister_v2(data, n_bytes, 0);
}

struct tro_pinned *tro_pinned_register(const char *device, const void *data, size_t n_bytes,
                                       struct tro_err *err)
{
    struct tro_pinned *const p = open_device(device, err);
    if (!p)
        return NULL;
    void *const pages = (void *)data;
    if (tro_cu_check(p->device->cu, pin(p->device->cu, pages, n_bytes), "cuMemHostRegister", err) <
        0) {
        tro_pinned_destroy(p);
        return NULL;
    }
    p->data = pages;
    p->is_registered = true;
    return p;
}

void *tro_pinned_data(const struct tro_pinned *p)
{
    return p->data;
}

void tro_pinned_destroy(struct tro_pinned *p)
{
    if (!p)
        return;
    if (p->data && tro_cuda_device_enter(p->device, NULL) >= 0) {
        if (p->is_registered)
            p->device->cu->cuMemHostUnregister(p->data);
        else
            p->device->cu->cuMemFreeHost(p->data);
    }
    tro_cuda_device_close(p->device);
    tro_free(p);
}
