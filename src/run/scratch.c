/* SPDX-License-Identifier: Apache-2.0 */
#include "run/session.h"

#include "base/alloc.h"
#include "base/err.h"

struct tro_scratch {
    void *data;
    size_t n_bytes;
};

struct tro_scratch *tro_scratch_create(struct tro_err *err)
{
    struct tro_scratch *const p = tro_calloc(1, sizeof *p);
    if (!p)
        tro_fail_nomem(err);
    return p;
}

void tro_scratch_destroy(struct tro_scratch *p)
{
    if (!p)
        return;
    tro_free(p->data);
    tro_free(p);
}

int tro_scratch_reserve(struct tro_scratch *p, size_t n_bytes, struct tro_err *err)
{
    if (n_bytes <= p->n_bytes && p->data)
        return 0;
    void *const data = tro_malloc_aligned(n_bytes ? n_bytes : 64);
    if (!data)
        return tro_fail_nomem(err);
    tro_free(p->data);
    p->data = data;
    p->n_bytes = n_bytes;
    return 0;
}

void *tro_scratch_data(const struct tro_scratch *p)
{
    return p->data;
}

size_t tro_scratch_size(const struct tro_scratch *p)
{
    return p->n_bytes;
}
