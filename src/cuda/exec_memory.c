/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of an exec. */
#include "cuda/exec_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "lower/dynamic.h"

#include <string.h>

static size_t aligned(size_t n)
{
    return (n + 255) / 256 * 256;
}

/* ---- memory ------------------------------------------------------------------------------- */

static bool is_io(const struct tro_buffer *b)
{
    return b->kind == TRO_BUFFER_INPUT || b->kind == TRO_BUFFER_OUTPUT;
}

/* An integrated GPU works in the host's memory: inputs and outputs are there alone. */
static bool is_in_block(const struct tro_cuda_exec *x, const struct tro_buffer *b)
{
    return (is_io(b) && !x->d->is_integrated) ||
           (b->kind == TRO_BUFFER_CONST && b->data && !b->is_shared);
}

static int place_on_device(struct tro_cuda_exec *x, struct tro_err *err)
{
    const struct tro_program *const p = x->p;
    size_t n = aligned(p->scratch_bytes);
    for (uint32_t i = 0; i < p->n_buffers; i++)
        n += is_in_block(x, &p->buffers[i]) ? aligned(p->buffers[i].n_bytes + 16) : 0;
    TRO_TRY(tro_cuda_alloc(x->d, n, &x->block, err));
    x->size.device_bytes = n;
    tro_cu_ptr next = x->block + aligned(p->scratch_bytes);
    for (uint32_t i = 1; i < p->n_buffers; i++) {
        const struct tro_buffer *const b = &p->buffers[i];
        if (b->kind == TRO_BUFFER_SCRATCH)
            x->at[i] = x->block + b->offset;
        if (is_io(b) && x->d->is_integrated)
            x->at[i] = (tro_cu_ptr)(uintptr_t)x->base[i];
        if (b->kind == TRO_BUFFER_CONST && b->data && b->is_shared)
            TRO_TRY(tro_cuda_store_constant(x->store, b, &x->at[i], err));
        if (!is_in_block(x, b))
            continue;
        x->at[i] = next;
        next += aligned(b->n_bytes + 16);
        if (b->kind == TRO_BUFFER_CONST && b->n_bytes)
            TRO_CU(x->cu, err, cuMemcpyHtoD_v2, x->at[i], b->data, b->n_bytes);
    }
    return 0;
}

/* Inputs and outputs, pinned. */
static int place_pinned(struct tro_cuda_exec *x, struct tro_err *err)
{
    const struct tro_program *const p = x->p;
    size_t n = 0;
    for (uint32_t i = 0; i < p->n_buffers; i++)
        if (is_io(&p->buffers[i]))
            n += aligned(p->buffers[i].n_bytes);
    void *pinned;
    TRO_CU(x->cu, err, cuMemHostAlloc, &pinned, n + 64, 0);
    x->pinned = pinned;
    x->size.pinned_bytes = n;
    memset(x->pinned, 0, n + 64);
    size_t at = 0;
    for (uint32_t i = 0; i < p->n_buffers; i++) {
        const struct tro_buffer *const b = &p->buffers[i];
        if (b->kind == TRO_BUFFER_CONST)
            x->base[i] = (void *)b->data;
        if (!is_io(b))
            continue;
        x->base[i] = x->pinned + at;
        at += aligned(b->n_bytes);
    }
    return 0;
}

int tro_cuda_exec_place_mirror(struct tro_cuda_exec *x, struct tro_err *err)
{
    if (x->mirror)
        return 0;
    x->mirror = tro_malloc_aligned(x->p->scratch_bytes + 64);
    if (!x->mirror)
        return tro_fail_nomem(err);
    memset(x->mirror, 0, x->p->scratch_bytes + 64);
    for (uint32_t i = 0; i < x->p->n_buffers; i++)
        if (x->p->buffers[i].kind == TRO_BUFFER_SCRATCH)
            x->base[i] = x->mirror + x->p->buffers[i].offset;
    return 0;
}

/* What only the host touches: the table of values whose sizes a run tells. */
static int place_keep(struct tro_cuda_exec *x, struct tro_err *err)
{
    size_t n = 0, at = 0;
    for (uint32_t i = 0; i < x->p->n_buffers; i++)
        n += x->p->buffers[i].kind == TRO_BUFFER_KEEP ? aligned(x->p->buffers[i].n_bytes) : 0;
    x->keep = tro_calloc(n + 64, 1);
    x->thread_scratch = tro_malloc_aligned(x->p->thread_bytes + 64);
    if (!x->keep || !x->thread_scratch)
        return tro_fail_nomem(err);
    for (uint32_t i = 0; i < x->p->n_buffers; i++) {
        if (x->p->buffers[i].kind != TRO_BUFFER_KEEP)
            continue;
        x->base[i] = x->keep + at;
        at += aligned(x->p->buffers[i].n_bytes);
    }
    return 0;
}

/* ---- kernels' arguments ------------------------------------------------------------------- */

static int fill_args(struct tro_cuda_exec *x, int32_t i, struct tro_err *err)
{
    const struct tro_step *const s = &x->p->steps[i];
    const struct tro_cuda_launch *const launch = tro_cuda_launch_of(s);
    const int n = s->n_in + s->n_out;
    if (!launch)
        return 0;
    x->args[i] = tro_malloc_aligned((size_t)n * sizeof(tro_cu_ptr) + launch->params_size + 64);
    if (!x->args[i])
        return tro_fail_nomem(err);
    tro_cu_ptr *const ptr = (tro_cu_ptr *)(void *)x->args[i];
    for (int k = 0; k < n; k++) {
        const struct tro_arg *const a = k < s->n_in ? &s->in[k] : &s->out[k - s->n_in];
        ptr[k] = a->buffer ? x->at[a->buffer] + (tro_cu_ptr)a->offset : 0;
    }
    if (launch->params_size) /* a library's call has none */
        memcpy(ptr + n, launch->params, launch->params_size);
    return 0;
}

int tro_cuda_exec_place(struct tro_cuda_exec *x, struct tro_err *err)
{
    TRO_TRY(place_pinned(x, err));
    TRO_TRY(place_on_device(x, err));
    TRO_TRY(place_keep(x, err));
    if (x->size.n_host_steps)
        TRO_TRY(tro_cuda_exec_place_mirror(x, err));
    for (int32_t i = 0; i < x->p->n_steps; i++)
        TRO_TRY(fill_args(x, i, err));
    return 0;
}

void tro_cuda_exec_release(struct tro_cuda_exec *x)
{
    if (x->pinned)
        x->cu->cuMemFreeHost(x->pinned);
    tro_cuda_free(x->d, x->block);
    if (x->keep && x->p->dynamic_buffer)
        tro_dynamic_finish(x->base[x->p->dynamic_buffer]);
    for (int32_t i = 0; x->args && i < x->p->n_steps; i++)
        tro_free(x->args[i]);
    for (int32_t i = 0; x->calls && i < x->p->n_steps; i++)
        if (x->calls[i])
            x->cu->cuGraphDestroy(x->calls[i]);
    tro_free(x->calls);
    tro_free(x->args);
    tro_free(x->at);
    tro_free(x->base);
    tro_free(x->mirror);
    tro_free(x->keep);
    tro_free(x->thread_scratch);
}
