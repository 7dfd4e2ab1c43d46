/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/exec.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "cuda/hazards.h"
#include "lower/dynamic.h"

#include <string.h>

/* Kernels in a row, as one graph. */
struct segment {
    int32_t first, end;
    tro_cu_graph_exec graph;
};

struct input {
    const void *data;
    bool is_on_device;
    bool is_new;   /* bound since its memory was looked at */
    int tied_from; /* output that it is, -1: none */
};

struct tro_cuda_exec {
    const struct tro_program *p;
    struct tro_cuda_store *store;
    struct tro_cuda_device *d;
    const struct tro_cu *cu;
    tro_cu_stream stream;
    tro_cu_event begin, end;
    tro_cu_ptr block;     /* scratch, inputs, outputs, tables */
    tro_cu_ptr *at;       /* by buffer, on the device */
    void **base;          /* by buffer, on the host */
    char *pinned;         /* inputs and outputs */
    char *mirror;         /* scratch on the host, where steps of the host need it */
    char *keep;           /* memory of the host from run to run */
    char *thread_scratch; /* of steps of the host */
    char **args;          /* by step: what its kernel gets */
    struct segment *segments;
    int32_t *segment_at; /* by step: the segment that begins there, -1 */
    int n_segments;
    struct input *inputs;
    bool has_transfers, is_fresh; /* fresh: no run has filled the inputs yet */
    bool is_dead;                 /* after a fault */
    struct tro_cuda_exec_size size;
};

static size_t aligned(size_t n)
{
    return (n + 255) / 256 * 256;
}

static bool is_host_step(const struct tro_step *s)
{
    return s->kind != TRO_STEP_KERNEL || !tro_cuda_launch_of(s);
}

/* ---- memory ------------------------------------------------------------------------------- */

static bool is_in_block(const struct tro_buffer *b)
{
    return b->kind == TRO_BUFFER_INPUT || b->kind == TRO_BUFFER_OUTPUT ||
           (b->kind == TRO_BUFFER_CONST && b->data && !b->is_shared);
}

static int place_on_device(struct tro_cuda_exec *x, struct tro_err *err)
{
    const struct tro_program *const p = x->p;
    size_t n = aligned(p->scratch_bytes);
    for (uint32_t i = 0; i < p->n_buffers; i++)
        n += is_in_block(&p->buffers[i]) ? aligned(p->buffers[i].n_bytes + 16) : 0;
    TRO_TRY(tro_cuda_alloc(x->d, n, &x->block, err));
    x->size.device_bytes = n;
    tro_cu_ptr next = x->block + aligned(p->scratch_bytes);
    for (uint32_t i = 1; i < p->n_buffers; i++) {
        const struct tro_buffer *const b = &p->buffers[i];
        if (b->kind == TRO_BUFFER_SCRATCH)
            x->at[i] = x->block + b->offset;
        if (b->kind == TRO_BUFFER_CONST && b->data && b->is_shared)
            TRO_TRY(tro_cuda_store_constant(x->store, b, &x->at[i], err));
        if (!is_in_block(b))
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
        if (p->buffers[i].kind == TRO_BUFFER_INPUT || p->buffers[i].kind == TRO_BUFFER_OUTPUT)
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
        if (b->kind != TRO_BUFFER_INPUT && b->kind != TRO_BUFFER_OUTPUT)
            continue;
        x->base[i] = x->pinned + at;
        at += aligned(b->n_bytes);
    }
    return 0;
}

/* Scratch on the host, for those who look at it. */
static int place_mirror(struct tro_cuda_exec *x, struct tro_err *err)
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
    memcpy(ptr + n, launch->params, launch->params_size);
    return 0;
}

static bool is_empty(const struct tro_cuda_launch *l)
{
    return l->grid[0] == 0 || l->grid[1] == 0 || l->grid[2] == 0;
}

/* ---- graphs ------------------------------------------------------------------------------- */

/* A kernel that waits for one other, and waits by itself (tro_wait), may be brought onto the chip
 * before that one has ended. */
static bool can_overlap(const struct tro_cuda_exec *x, int32_t step, int32_t dep, int n_deps)
{
    return x->d->arch >= 90 && n_deps == 1 && !is_empty(tro_cuda_launch_of(&x->p->steps[step])) &&
           !is_empty(tro_cuda_launch_of(&x->p->steps[dep]));
}

static int add_node(struct tro_cuda_exec *x, tro_cu_graph graph, int32_t first, int32_t step,
                    const int32_t *deps, int n_deps, tro_cu_node *nodes, tro_cu_node *wait,
                    struct tro_cu_edge *edges, struct tro_err *err)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    void *args[] = {x->args[step]};
    struct tro_cu_node_params node = {.type = is_empty(l) ? TRO_CU_NODE_EMPTY : TRO_CU_NODE_KERNEL};
    struct tro_cu_kernel_node *const k = &node.u.kernel;
    TRO_TRY(tro_cuda_store_function(x->store, l, &k->function, err));
    if (is_empty(l)) {
        memset(&node.u, 0, sizeof node.u);
    } else {
        memcpy(k->grid, l->grid, sizeof k->grid);
        memcpy(k->block, l->block, sizeof k->block);
        k->shared_bytes = l->shared_bytes;
        k->params = args;
    }
    for (int i = 0; i < n_deps; i++) {
        wait[i] = nodes[first + deps[i]];
        edges[i] = (struct tro_cu_edge){0};
        if (can_overlap(x, step, first + deps[i], n_deps))
            edges[i] = (struct tro_cu_edge){.from_port = TRO_CU_PORT_PROGRAMMATIC,
                                            .type = TRO_CU_EDGE_PROGRAMMATIC};
    }
    TRO_CU(x->cu, err, cuGraphAddNode_v2, &nodes[step], graph, wait, edges, (size_t)n_deps, &node);
    x->size.n_kernels++;
    return 0;
}

static int fill_graph(struct tro_cuda_exec *x, const struct segment *g, tro_cu_graph graph,
                      const struct tro_hazards *h, struct tro_err *err)
{
    const size_t n = (size_t)(g->end - g->first);
    tro_cu_node *const nodes = tro_calloc(2 * n + 1, sizeof *nodes);
    struct tro_cu_edge *const edges = tro_calloc(n + 1, sizeof *edges);
    int rc = nodes && edges ? 0 : tro_fail_nomem(err);
    for (int32_t i = 0; i < (int32_t)n && rc >= 0; i++)
        rc = tro_err_prefix(err,
                            add_node(x, graph, g->first, g->first + i, h->deps + h->offset[i],
                                     h->offset[i + 1] - h->offset[i], nodes - g->first, nodes + n,
                                     edges, err),
                            "node '%s': ", x->p->steps[g->first + i].name);
    tro_free(nodes);
    tro_free(edges);
    return rc;
}

static int make_graph(struct tro_cuda_exec *x, struct segment *g, struct tro_err *err)
{
    tro_cu_graph graph;
    struct tro_hazards h;
    TRO_CU(x->cu, err, cuGraphCreate, &graph, 0);
    int rc = tro_hazards_find(x->p, g->first, g->end, &h, err);
    if (rc >= 0) {
        rc = fill_graph(x, g, graph, &h, err);
        tro_hazards_finish(&h);
    }
    if (rc >= 0)
        rc = tro_cu_check(x->cu, x->cu->cuGraphInstantiateWithFlags(&g->graph, graph, 0),
                          "cuGraphInstantiate", err);
    x->cu->cuGraphDestroy(graph);
    if (rc >= 0)
        rc = tro_cu_check(x->cu, x->cu->cuGraphUpload(g->graph, x->stream), "cuGraphUpload", err);
    return rc;
}

/* Segments end at steps of the host and where a range of a control step ends. */
static int find_segments(struct tro_cuda_exec *x, int32_t first, int32_t end, struct tro_err *err)
{
    for (int32_t i = first; i < end;) {
        const struct tro_step *const s = &x->p->steps[i];
        if (s->kind != TRO_STEP_KERNEL) {
            const int32_t other = i + 1 + s->n_then;
            TRO_TRY(find_segments(x, i + 1, other, err));
            TRO_TRY(find_segments(x, other, other + s->n_else, err));
            i = other + s->n_else;
            continue;
        }
        if (is_host_step(s)) {
            i++;
            continue;
        }
        struct segment *const g = &x->segments[x->n_segments];
        *g = (struct segment){.first = i};
        while (i < end && !is_host_step(&x->p->steps[i]))
            i++;
        g->end = i;
        x->segment_at[g->first] = x->n_segments++;
        TRO_TRY(make_graph(x, g, err));
    }
    return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

static int open_stream(struct tro_cuda_exec *x, int priority, struct tro_err *err)
{
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
    x->segments = tro_calloc(n_steps, sizeof *x->segments);
    x->segment_at = tro_calloc(n_steps, sizeof *x->segment_at);
    x->inputs = tro_calloc((size_t)x->p->n_inputs + 1, sizeof *x->inputs);
    if (!x->at || !x->base || !x->args || !x->segments || !x->segment_at || !x->inputs)
        return tro_fail_nomem(err);
    for (int i = 0; i < x->p->n_inputs; i++)
        x->inputs[i].tied_from = -1;
    for (int32_t i = 0; i < x->p->n_steps; i++) {
        x->segment_at[i] = -1;
        x->size.n_host_steps += is_host_step(&x->p->steps[i]);
    }
    return 0;
}

static int init(struct tro_cuda_exec *x, const struct tro_cuda_exec_opts *o, struct tro_err *err)
{
    TRO_TRY(tro_cuda_device_enter(x->d, err));
    TRO_TRY(allocate(x, err));
    TRO_TRY(open_stream(x, o->priority, err));
    TRO_TRY(tro_cuda_store_load(x->store, x->p, err));
    TRO_TRY(place_on_device(x, err));
    TRO_TRY(place_pinned(x, err));
    TRO_TRY(place_keep(x, err));
    if (x->size.n_host_steps)
        TRO_TRY(place_mirror(x, err));
    for (int32_t i = 0; i < x->p->n_steps; i++)
        TRO_TRY(fill_args(x, i, err));
    TRO_TRY(find_segments(x, 0, x->p->n_steps, err));
    x->size.n_graphs = x->n_segments;
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
    if (x->pinned)
        cu->cuMemFreeHost(x->pinned);
    tro_cuda_free(x->d, x->block);
    if (x->keep && x->p->dynamic_buffer)
        tro_dynamic_finish(x->base[x->p->dynamic_buffer]);
    for (int32_t i = 0; x->args && i < x->p->n_steps; i++)
        tro_free(x->args[i]);
    tro_free(x->args);
    tro_free(x->at);
    tro_free(x->base);
    tro_free(x->mirror);
    tro_free(x->keep);
    tro_free(x->thread_scratch);
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

static int send_input(struct tro_cuda_exec *x, int i, struct tro_err *err)
{
    struct input *const in = &x->inputs[i];
    const struct tro_arg *const a = &x->p->inputs[i];
    const size_t n = tro_arg_n_bytes(a);
    const tro_cu_ptr to = x->at[a->buffer];
    if (n == 0)
        return 0;
    if (in->is_new) {
        int type = 0;
        in->is_on_device = x->cu->cuPointerGetAttribute(&type, TRO_CU_POINTER_MEMORY_TYPE,
                                                        (tro_cu_ptr)(uintptr_t)in->data) ==
                               TRO_CU_SUCCESS &&
                           type == TRO_CU_MEMORY_DEVICE;
        in->is_new = false;
    }
    if (in->is_on_device) {
        TRO_CU(x->cu, err, cuMemcpyDtoDAsync_v2, to, (tro_cu_ptr)(uintptr_t)in->data, n, x->stream);
        return 0;
    }
    memcpy(x->base[a->buffer], in->data, n);
    TRO_CU(x->cu, err, cuMemcpyHtoDAsync_v2, to, x->base[a->buffer], n, x->stream);
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
        if (x->p->output_slots[i] >= 0 || tro_arg_n_bytes(a) == 0)
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
    return a->buffer && kind != TRO_BUFFER_CONST && kind != TRO_BUFFER_KEEP;
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

static int run_host_step(struct tro_cuda_exec *x, int32_t i, struct tro_err *err)
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
        TRO_TRY(run_host_step(x, i, w->err));
    } else if (!is_empty(l)) {
        void *args[] = {x->args[i]};
        tro_cu_function f;
        TRO_TRY(tro_cuda_store_function(x->store, l, &f, w->err));
        TRO_CU(x->cu, w->err, cuLaunchKernel, f, l->grid[0], l->grid[1], l->grid[2], l->block[0],
               l->block[1], l->block[2], l->shared_bytes, x->stream, args, NULL);
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
            TRO_TRY(run_host_step(w->x, i, w->err));
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
        TRO_TRY(place_mirror(x, w->err));
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

/* ---- the tuner's clock -------------------------------------------------------------------- */

/* Steps of the node into list; -1 where one is not a kernel. */
static int list_node(const struct tro_cuda_exec *x, tro_node_id node, int32_t *list)
{
    int n = 0;
    for (int32_t i = 0; i < x->p->n_steps; i++) {
        const struct tro_step *const s = &x->p->steps[i];
        if (s->node.i != node.i || !strncmp(s->kernel ? s->kernel : "", "copy", 4))
            continue;
        if (is_host_step(s))
            return -1;
        list[n++] = i;
    }
    return n;
}

static int fill_rounds(struct tro_cuda_exec *x, tro_cu_graph graph, const int32_t *list, int n,
                       int n_times, struct tro_err *err)
{
    struct tro_cu_edge edge;
    tro_cu_node wait, *const nodes = tro_calloc((size_t)x->p->n_steps + 1, sizeof *nodes);
    int rc = nodes ? 0 : tro_fail_nomem(err);
    for (int i = 0; i < n * n_times && rc >= 0; i++) {
        const int32_t before = list[(i + n - 1) % n];
        rc = add_node(x, graph, 0, list[i % n], &before, i > 0, nodes, &wait, &edge, err);
        x->size.n_kernels--;
    }
    tro_free(nodes);
    return rc;
}

static int time_graph(struct tro_cuda_exec *x, tro_cu_graph_exec graph, float *ms,
                      struct tro_err *err)
{
    for (int i = 0; i < 2; i++) { /* the first brings it onto the chip */
        TRO_CU(x->cu, err, cuEventRecord, x->begin, x->stream);
        TRO_CU(x->cu, err, cuGraphLaunch, graph, x->stream);
        TRO_CU(x->cu, err, cuEventRecord, x->end, x->stream);
        TRO_CU(x->cu, err, cuStreamSynchronize, x->stream);
    }
    TRO_CU(x->cu, err, cuEventElapsedTime_v2, ms, x->begin, x->end);
    return 0;
}

static int time_list(struct tro_cuda_exec *x, const int32_t *list, int n, int n_times, int64_t *ns,
                     struct tro_err *err)
{
    tro_cu_graph graph = NULL;
    tro_cu_graph_exec exec = NULL;
    float ms = 0;
    TRO_CU(x->cu, err, cuGraphCreate, &graph, 0);
    int rc = fill_rounds(x, graph, list, n, n_times, err);
    if (rc >= 0)
        rc = tro_cu_check(x->cu, x->cu->cuGraphInstantiateWithFlags(&exec, graph, 0),
                          "cuGraphInstantiate", err);
    if (exec) {
        rc = time_graph(x, exec, &ms, err);
        x->cu->cuGraphExecDestroy(exec);
        *ns = (int64_t)((double)ms * 1e6 / n_times);
    }
    x->cu->cuGraphDestroy(graph);
    return rc;
}

int tro_cuda_exec_time_node(struct tro_cuda_exec *x, tro_node_id node, int n_times, int64_t *ns,
                            struct tro_err *err)
{
    int32_t *const list = tro_calloc((size_t)x->p->n_steps + 1, sizeof *list);
    int rc = list ? tro_cuda_device_enter(x->d, err) : tro_fail_nomem(err);
    const int n = rc >= 0 ? list_node(x, node, list) : 0;
    *ns = -1;
    if (n > 0)
        rc = time_list(x, list, n, n_times, ns, err);
    tro_free(list);
    return rc;
}

int tro_cuda_exec_time_step(struct tro_cuda_exec *x, int32_t step, int n_times, int64_t *ns,
                            struct tro_err *err)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    *ns = 0;
    TRO_TRY(tro_cuda_device_enter(x->d, err));
    if (x->p->steps[step].kind != TRO_STEP_KERNEL || (l && is_empty(l)))
        return 0;
    if (l)
        return time_list(x, &step, 1, n_times, ns, err);
    const int64_t begin = tro_clock_ns();
    TRO_TRY(run_host_step(x, step, err));
    *ns = tro_clock_ns() - begin;
    return 0;
}
