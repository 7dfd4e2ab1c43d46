/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the host that a GPU reads by itself, for callers. */
#include "base/alloc.h"
#include "base/err.h"
#include "cuda/device.h"

struct tro_pinned {
    struct tro_cuda_device *device;
    void *data;
};

struct tro_pinned *tro_pinned_create(const char *device, size_t n_bytes, struct tro_err *err)
{
    struct tro_pinned *const p = tro_calloc(1, sizeof *p);
    if (!p) {
        tro_fail_nomem(err);
        return NULL;
    }
    p->device = tro_cuda_device_open(device, err);
    if (!p->device || tro_cuda_device_enter(p->device, err) < 0 ||
        tro_cu_check(p->device->cu, p->device->cu->cuMemHostAlloc(&p->data, n_bytes + 1, 0),
                     "cuMemHostAlloc", err) < 0) {
        p->data = NULL;
        tro_pinned_destroy(p);
        return NULL;
    }
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
    if (p->data && tro_cuda_device_enter(p->device, NULL) >= 0)
        p->device->cu->cuMemFreeHost(p->data);
    tro_cuda_device_close(p->device);
    tro_free(p);
}
