/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/code.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"

static void free_code(struct tro_cuda_code *c)
{
    tro_free(c->cubin);
    tro_free(c->ptx);
}

void tro_cuda_codes_finish(struct tro_cuda_codes *c)
{
    for (size_t i = 0; i < c->n; i++)
        free_code(&c->items[i]);
    tro_free(c->items);
    tro_arena_finish(&c->arena);
    *c = (struct tro_cuda_codes){0};
}

/* ---- collecting --------------------------------------------------------------------------- */

static bool has(const struct tro_cuda_codes *c, uint64_t key, int arch)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->items[i].kernel.key == key && c->items[i].arch == arch)
            return true;
    return false;
}

static int add(struct tro_cuda_codes *c, const struct tro_step *s, const struct tro_cuda_kernel *k,
               int arch, bool has_ptx)
{
    const struct tro_cuda_code code = {.kernel = {.name = tro_arena_strdup(&c->arena, k->name),
                                                  .source = tro_arena_strdup(&c->arena, k->source),
                                                  .key = k->key},
                                       .node = tro_arena_strdup(&c->arena, s->name ? s->name : ""),
                                       .label = tro_arena_strdup(&c->arena, s->kernel),
                                       .arch = arch,
                                       .has_ptx = has_ptx};
    if (!code.kernel.name || !code.kernel.source || !code.node || !code.label ||
        TRO_GROW(&c->items, c->n, &c->cap) < 0)
        return TRO_E_NOMEM;
    c->items[c->n++] = code;
    return 0;
}

int tro_cuda_codes_add(struct tro_cuda_codes *c, const struct tro_program *p, int arch,
                       bool has_ptx, struct tro_err *err)
{
    for (int32_t i = 0; i < p->n_steps; i++) {
        const struct tro_cuda_launch *const launch = tro_cuda_launch_of(&p->steps[i]);
        if (!launch || !launch->kernel || has(c, launch->kernel->key, arch))
            continue;
        if (add(c, &p->steps[i], launch->kernel, arch, has_ptx) < 0)
            return tro_fail_nomem(err);
    }
    return 0;
}

/* ---- compiling ---------------------------------------------------------------------------- */

struct compiling {
    struct tro_cuda_codes *codes;
    atomic_size_t next, n_done;
    atomic_int has_failed;
    tro_cuda_progress *progress;
    void *ctx;
    struct tro_err *err; /* of the first failure */
};

static int compile(struct tro_cuda_code *c, struct tro_err *err)
{
    const int rc = c->has_ptx
                       ? tro_nvrtc_compile_both(&c->kernel, c->arch, &c->cubin, &c->n_cubin_bytes,
                                                &c->ptx, &c->n_ptx_bytes, err)
                       : tro_nvrtc_compile(&c->kernel, c->arch, TRO_CODE_CUBIN, &c->cubin,
                                           &c->n_cubin_bytes, err);
    return tro_err_prefix(err, rc, "node '%s' (%s): ", c->node, c->label);
}

/* Takes the next kernel until none is left: how long one takes is not known before. */
static void work(void *ctx, int64_t thread)
{
    struct compiling *const w = ctx;
    while (!atomic_load(&w->has_failed)) {
        struct tro_err err = {0};
        const size_t i = atomic_fetch_add(&w->next, 1);
        if (i >= w->codes->n)
            break;
        if (compile(&w->codes->items[i], &err) < 0 && !atomic_exchange(&w->has_failed, 1))
            *w->err = err;
        const size_t n_done = atomic_fetch_add(&w->n_done, 1) + 1;
        if (thread == 0 && w->progress)
            w->progress(w->ctx, (int64_t)n_done, (int64_t)w->codes->n);
    }
}

static int compare(const void *a, const void *b)
{
    const struct tro_cuda_code *const x = a, *const y = b;
    if (x->kernel.key != y->kernel.key)
        return x->kernel.key < y->kernel.key ? -1 : 1;
    return x->arch - y->arch;
}

int tro_cuda_codes_compile(struct tro_cuda_codes *c, tro_cuda_progress *progress, void *ctx,
                           struct tro_err *err)
{
    struct tro_err own = {0};
    struct compiling w = {.codes = c, .progress = progress, .ctx = ctx, .err = err ? err : &own};
    if (c->n == 0)
        return 0;
    if (progress)
        progress(ctx, 0, (int64_t)c->n);
    tro_parallel_for(tro_threads_get(), work, &w);
    if (atomic_load(&w.has_failed))
        return w.err->status;
    if (progress)
        progress(ctx, (int64_t)c->n, (int64_t)c->n);
    qsort(c->items, c->n, sizeof c->items[0], compare);
    return 0;
}
