/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/parts.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"

#include <stdatomic.h>

/* Below this much work a thread costs more than it saves. */
#define SERIAL_WORK 2e6
#define MAX_PARTS 64

struct parts {
    int64_t n, n_parts;
    size_t n_bytes;
    tro_parts_fn *fn;
    void *ctx;
    atomic_bool ran_out;
};

static void run_part(void *ctx, int64_t part)
{
    struct parts *const p = ctx;
    void *const memory = tro_malloc_aligned(p->n_bytes);
    if (!memory) {
        atomic_store(&p->ran_out, true);
        return;
    }
    const int64_t each = p->n / p->n_parts, longer = p->n % p->n_parts;
    const int64_t first = part * each + (part < longer ? part : longer);
    const int64_t end = first + each + (part < longer);
    for (int64_t i = first; i < end; i++)
        p->fn(p->ctx, i, memory);
    tro_free(memory);
}

int tro_ref_parts(int64_t n, double work, size_t n_bytes, tro_parts_fn *fn, void *ctx,
                  struct tro_err *err)
{
    if (n < 1)
        return 0;
    struct parts p = {.n = n, .n_bytes = n_bytes, .fn = fn, .ctx = ctx};
    p.n_parts = work < SERIAL_WORK ? 1 : n < MAX_PARTS ? n : MAX_PARTS;
    tro_parallel_for(p.n_parts, run_part, &p);
    return atomic_load(&p.ran_out) ? tro_fail_nomem(err) : 0;
}
