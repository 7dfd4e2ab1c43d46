/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/exec_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/hazards.h"
#include "lower/dynamic.h"

#include <string.h>

/* ---- life --------------------------------------------------------------------------------- */

static int open_stream(struct tro_cuda_exec *x, int priority, struct tro_err *err)
{
    int least = 0, greatest = 0;
    TRO_CU(x->cu, err, cuCtxGetStreamPriorityRange, &least, &greatest);
    priority = priority < greatest ? greatest : priority > least ? least : priority;
    TRO_CU(x->cu, err, cuStreamCreateWithPriority, &x->stream, TRO_CU_STREAM_NON_BLOCKING,
           priority);
    TRO_CU(x->cu, err, cuEventCreate, &x->begin, 0);
    TRO_CU(x->cu, err, cuEventCreate, &x->end, 0);
    return 0;
}

static int allocate(struct tro_cuda_exec *x, struct tro_err *err)
{
    const size_t n_buffers = x->p->n_buffers + 1, n_steps = (size_t)x->p->n_steps + 1;
    x->at = tro_calloc(n_buffers, sizeof *x->at);
    x->base = tro_calloc(n_buffers, sizeof *x->base);
    x->args = tro_calloc(n_steps, sizeof *x->args);
    x->calls = tro_calloc(n_steps, sizeof *x->calls);
    x->segments = tro_calloc(n_steps, sizeof *x->segments);
    x->segment_at = tro_calloc(n_steps, sizeof *x->segment_at);
    x->inputs = tro_calloc((size_t)x->p->n_inputs + 1, sizeof *x->inputs);
    if (!x->at || !x->base || !x->args || !x->calls || !x->segments || !x->segment_at || !x->inputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < x->p->n_inputs; i++)
        x->inputs[i].tied_from = -1;
    for (int32_t i = 0; i < x->p->n_steps; i++) {
        x->segment_at[i] = -1;
        x->size.n_host_steps += tro_cuda_is_host_step(&x->p->steps[i]);
    }
    return 0;
}

static int init(struct tro_cuda_exec *x, const struct tro_cuda_exec_opts *o, struct tro_err *err)
{
    TRO_TRY(tro_cuda_device_enter(x->d, err));
    TRO_TRY(allocate(x, err));
    TRO_TRY(open_stream(x, o->priority, err));
    TRO_TRY(tro_cuda_store_load(x->store, x->p, err));
    TRO_TRY(tro_cuda_exec_place(x, err));
    TRO_TRY(tro_cuda_exec_make_graphs(x, err));
    TRO_CU(x->cu, err, cuStreamSynchronize, x->stream);
    return 0;
}

struct tro_cuda_exec *tro_cuda_exec_create(const struct tro_cuda_exec_opts *o, struct tro_err *err)
{
    struct tro_cuda_exec *const x = tro_calloc(1, sizeof *x);
    if (!x) {
        tro_fail_nomem(err);
        return NULL;
    }
    x->p = o->program;
    x->store = o->store;
    x->d = tro_cuda_store_device(o->store);
    x->cu = x->d->cu;
    x->has_transfers = x->is_fresh = true;
    if (init(x, o, err) >= 0)
        return x;
    tro_cuda_exec_destroy(x);
    return NULL;
}

void tro_cuda_exec_destroy(struct tro_cuda_exec *x)
{
    if (!x)
        return;
    const struct tro_cu *const cu = x->cu;
    tro_cuda_device_enter(x->d, NULL);
    if (x->stream)
        cu->cuStreamSynchronize(x->stream);
    for (int i = 0; i < x->n_segments; i++)
        if (x->segments[i].graph)
            cu->cuGraphExecDestroy(x->segments[i].graph);
    if (x->begin)
        cu->cuEventDestroy_v2(x->begin);
    if (x->end)
        cu->cuEventDestroy_v2(x->end);
    if (x->stream)
        cu->cuStreamDestroy_v2(x->stream);
    tro_cuda_exec_release(x);
    tro_cuda_exec_trace_destroy(x->trace);
    tro_free(x->segments);
    tro_free(x->segment_at);
    tro_free(x->inputs);
    tro_free(x);
}

struct tro_cuda_exec_size tro_cuda_exec_size(const struct tro_cuda_exec *x)
{
    return x->size;
}

/* ---- inputs and outputs ------------------------------------------------------------------- */

void tro_cuda_exec_bind(struct tro_cuda_exec *x, int i, const void *data)
{
    struct input *const in = &x->inputs[i];
    if (in->data == data)
        return;
    in->data = data;
    in->is_new = true;
}

int tro_cuda_exec_tie(struct tro_cuda_exec *x, int output, int input, struct tro_err *err)
{
    x->inputs[input].tied_from = output;
    return tro_cuda_exec_reset(x, err);
}

int tro_cuda_exec_reset(struct tro_cuda_exec *x, struct tro_err *err)
{
    TRO_TRY(tro_cuda_device_enter(x->d, err));
    for (int i = 0; i < x->p->n_inputs; i++) {
        const struct tro_arg *const a = &x->p->inputs[i];
        if (x->inputs[i].tied_from >= 0)
            TRO_CU(x->cu, err, cuMemsetD8Async, x->at[a->buffer], 0, tro_arg_n_bytes(a) + 1,
                   x->stream);
    }
    return 0;
}

void tro_cuda_exec_set_transfers(struct tro_cuda_exec *x, bool has_transfers)
{
    x->has_transfers = has_transfers;
}

/* What kind of memory the caller bound; 0 for what the driver does not know. (The function for one
 * attribute calls such memory an error, which tools that watch the driver report.) */
static void look_at(const struct tro_cuda_exec *x, struct input *in)
{
    int attribute = TRO_CU_POINTER_MEMORY_TYPE, type = 0;
    if (x->cu->cuPointerGetAttributes(1, &attribute, (void *[]){&type},
                                      (tro_cu_ptr)(uintptr_t)in->data) != TRO_CU_SUCCESS)
        type = 0;
    in->memory = type;
    in->is_new = false;
}

static int send_input(struct tro_cuda_exec *x, int i, struct tro_err *err)
{
    struct input *const in = &x->inputs[i];
    const struct tro_arg *const a = &x->p->inputs[i];
    const size_t n = tro_arg_n_bytes(a);
    const tro_cu_ptr to = x->at[a->buffer];
    if (n == 0)
        return 0;
    if (in->is_new)
        look_at(x, in);
    if (in->memory == TRO_CU_MEMORY_DEVICE) {
        TRO_CU(x->cu, err, cuMemcpyDtoDAsync_v2, to, (tro_cu_ptr)(uintptr_t)in->data, n, x->stream);
        return 0;
    }
    const bool is_pinned = in->memory == TRO_CU_MEMORY_HOST && !x->d->is_integrated;
    if (!is_pinned)
        memcpy(x->base[a->buffer], in->data, n);
    if (x->d->is_integrated) /* the device reads it there */
        return 0;
    TRO_CU(x->cu, err, cuMemcpyHtoDAsync_v2, to, is_pinned ? in->data : x->base[a->buffer], n,
           x->stream);
    return 0;
}

static int send_inputs(struct tro_cuda_exec *x, struct tro_err *err)
{
    for (int i = 0; i < x->p->n_inputs && (x->has_transfers || x->is_fresh); i++)
        if (x->inputs[i].tied_from < 0)
            TRO_TRY(send_input(x, i, err));
    x->is_fresh = false;
    return 0;
}

static int fetch_outputs(struct tro_cuda_exec *x, struct tro_err *err)
{
    for (int i = 0; i < x->p->n_outputs && x->has_transfers; i++) {
        const struct tro_arg *const a = &x->p->outputs[i];
        if (x->p->output_slots[i] >= 0 || tro_arg_n_bytes(a) == 0 || x->d->is_integrated)
            continue;
        TRO_CU(x->cu, err, cuMemcpyDtoHAsync_v2, x->base[a->buffer], x->at[a->buffer],
               tro_arg_n_bytes(a), x->stream);
    }
    for (int i = 0; i < x->p->n_inputs; i++) {
        const int from = x->inputs[i].tied_from;
        if (from < 0)
            continue;
        const struct tro_arg *const a = &x->p->inputs[i];
        TRO_CU(x->cu, err, cuMemcpyDtoDAsync_v2, x->at[a->buffer],
               x->at[x->p->outputs[from].buffer], tro_arg_n_bytes(a), x->stream);
    }
    return 0;
}

struct tro_tensor tro_cuda_exec_output(const struct tro_cuda_exec *x, int i)
{
    const struct tro_step_run r = {.base = x->base};
    const int32_t slot = x->p->output_slots[i];
    if (slot < 0)
        return tro_arg_tensor(&r, &x->p->outputs[i]);
    const struct tro_dynamic *const d = x->base[x->p->dynamic_buffer];
    return d->slots[slot];
}

/* ---- steps of the host -------------------------------------------------------------------- */

static bool has_two_copies(const struct tro_cuda_exec *x, const struct tro_arg *a)
{
    const enum tro_buffer_kind kind = x->p->buffers[a->buffer].kind;
    return a->buffer && kind != TRO_BUFFER_CONST && kind != TRO_BUFFER_KEEP &&
           x->at[a->buffer] != (tro_cu_ptr)(uintptr_t)x->base[a->buffer];
}

static int fetch_arg(struct tro_cuda_exec *x, const struct tro_arg *a, struct tro_err *err)
{
    int64_t begin, end;
    tro_hazards_extent(a, &begin, &end);
    if (!has_two_copies(x, a) || begin == end)
        return 0;
    TRO_CU(x->cu, err, cuMemcpyDtoHAsync_v2, (char *)x->base[a->buffer] + begin,
           x->at[a->buffer] + (tro_cu_ptr)begin, (size_t)(end - begin), x->stream);
    return 0;
}

static int send_arg(struct tro_cuda_exec *x, const struct tro_arg *a, struct tro_err *err)
{
    int64_t begin, end;
    tro_hazards_extent(a, &begin, &end);
    if (!has_two_copies(x, a) || begin == end)
        return 0;
    TRO_CU(x->cu, err, cuMemcpyHtoDAsync_v2, x->at[a->buffer] + (tro_cu_ptr)begin,
           (char *)x->base[a->buffer] + begin, (size_t)(end - begin), x->stream);
    return 0;
}

int tro_cuda_exec_host_step(struct tro_cuda_exec *x, int32_t i, struct tro_err *err)
{
    const struct tro_step *const s = &x->p->steps[i];
    for (int k = 0; k < s->n_in; k++)
        TRO_TRY(fetch_arg(x, &s->in[k], err));
    for (int k = 0; k < s->n_out; k++)
        if (!tro_arg_is_dense(&s->out[k])) /* what lies between its elements must stay */
            TRO_TRY(fetch_arg(x, &s->out[k], err));
    TRO_CU(x->cu, err, cuStreamSynchronize, x->stream);
    for (int part = 0; part < s->n_parts; part++) {
        const struct tro_step_run r = {.base = x->base,
                                       .part = part,
                                       .n_parts = s->n_parts,
                                       .scratch = x->thread_scratch,
                                       .err = err};
        TRO_TRY(s->run(s, &r));
    }
    for (int k = 0; k < s->n_out; k++)
        TRO_TRY(send_arg(x, &s->out[k], err));
    return 0;
}

/* ---- the walk ----------------------------------------------------------------------------- */

struct walk {
    struct tro_cuda_exec *x;
    struct tro_cuda_exec_run *run;
    struct tro_err *err;
};

static int walk_range(const struct walk *w, int32_t first, int32_t end);

static int read_arg(const struct walk *w, const struct tro_arg *a, void *out, size_t n)
{
    struct tro_cuda_exec *const x = w->x;
    TRO_TRY(fetch_arg(x, a, w->err));
    TRO_CU(x->cu, w->err, cuStreamSynchronize, x->stream);
    memcpy(out, (char *)x->base[a->buffer] + a->offset, n);
    return 0;
}

static int walk_loop(const struct walk *w, int32_t i, const struct tro_step *s)
{
    int64_t n = s->trip_count;
    if (n < 0)
        TRO_TRY(read_arg(w, &s->in[0], &n, sizeof n));
    for (int64_t k = 0; k < n; k++) {
        uint8_t is_true = 1;
        if (s->has_cond)
            TRO_TRY(read_arg(w, &s->in[1], &is_true, 1));
        if (!is_true)
            break;
        TRO_TRY(walk_range(w, i + 1, i + 1 + s->n_then));
    }
    return 0;
}

static int walk_control(const struct walk *w, int32_t i)
{
    const struct tro_step *const s = &w->x->p->steps[i];
    const int32_t other = i + 1 + s->n_then;
    uint8_t is_true = 0;
    if (s->kind == TRO_STEP_LOOP)
        return walk_loop(w, i, s);
    TRO_TRY(read_arg(w, &s->in[0], &is_true, 1));
    return is_true ? walk_range(w, i + 1, other) : walk_range(w, other, other + s->n_else);
}

/* The step alone, with what it wrote on the host. */
static int run_tapped(const struct walk *w, int32_t i)
{
    struct tro_cuda_exec *const x = w->x;
    const struct tro_step *const s = &x->p->steps[i];
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(s);
    if (!l) {
        TRO_TRY(tro_cuda_exec_host_step(x, i, w->err));
    } else if (!tro_cuda_is_empty(l)) {
        TRO_TRY(tro_cuda_exec_issue(x, i, w->err));
        for (int k = 0; k < s->n_out; k++)
            TRO_TRY(fetch_arg(x, &s->out[k], w->err));
        TRO_CU(x->cu, w->err, cuStreamSynchronize, x->stream);
    }
    return w->run->tap(w->run->tap_ctx, x->p, i, x->base, w->err);
}

static int run_segment(const struct walk *w, int32_t i, int32_t *next)
{
    struct tro_cuda_exec *const x = w->x;
    const struct segment *const g = &x->segments[x->segment_at[i]];
    *next = g->end;
    if (w->run && w->run->tap) {
        for (; i < g->end; i++)
            TRO_TRY(run_tapped(w, i));
        return 0;
    }
    TRO_CU(x->cu, w->err, cuGraphLaunch, g->graph, x->stream);
    return 0;
}

static int walk_range(const struct walk *w, int32_t first, int32_t end)
{
    for (int32_t i = first; i < end;) {
        const struct tro_step *const s = &w->x->p->steps[i];
        int32_t next = i + 1 + s->n_then + s->n_else;
        if (w->run && w->run->is_cancelled &&
            atomic_load_explicit(w->run->is_cancelled, memory_order_relaxed))
            return tro_fail(w->err, TRO_E_CANCELLED, "the run was cancelled");
        if (s->kind != TRO_STEP_KERNEL)
            TRO_TRY(walk_control(w, i));
        else if (w->x->segment_at[i] >= 0)
            TRO_TRY(run_segment(w, i, &next));
        else if (w->run && w->run->tap)
            TRO_TRY(run_tapped(w, i));
        else
            TRO_TRY(tro_cuda_exec_host_step(w->x, i, w->err));
        i = next;
    }
    return 0;
}

static int run_all(const struct walk *w)
{
    struct tro_cuda_exec *const x = w->x;
    const bool is_timed = w->run && w->run->is_timed && !w->run->tap;
    TRO_TRY(tro_cuda_device_enter(x->d, w->err));
    if (w->run && w->run->tap)
        TRO_TRY(tro_cuda_exec_place_mirror(x, w->err));
    TRO_TRY(send_inputs(x, w->err));
    if (is_timed)
        TRO_CU(x->cu, w->err, cuEventRecord, x->begin, x->stream);
    TRO_TRY(walk_range(w, 0, x->p->n_steps));
    if (is_timed)
        TRO_CU(x->cu, w->err, cuEventRecord, x->end, x->stream);
    TRO_TRY(fetch_outputs(x, w->err));
    TRO_CU(x->cu, w->err, cuStreamSynchronize, x->stream);
    if (is_timed) {
        float ms = 0;
        TRO_CU(x->cu, w->err, cuEventElapsedTime_v2, &ms, x->begin, x->end);
        w->run->device_ns = (int64_t)((double)ms * 1e6);
    }
    return 0;
}

int tro_cuda_exec_run(struct tro_cuda_exec *x, struct tro_cuda_exec_run *run, struct tro_err *err)
{
    const struct walk w = {x, run, err};
    if (x->is_dead)
        return tro_fail(err, TRO_E_FAULT,
                        "the device faulted in an earlier run; close the session and go on with "
                        "--device cpu");
    const int rc = run_all(&w);
    x->is_dead = rc == TRO_E_FAULT;
    return rc;
}
