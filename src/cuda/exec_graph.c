/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of an exec, and kernels timed alone. */
#include "cuda/exec_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "cuda/hazards.h"
#include "cuda/library.h"

#include <string.h>

/* ---- calls of libraries ------------------------------------------------------------------- */

/* The step's memory, in the order of tro_cuda_library_step. */
static struct tro_library_pointers pointers_of(const struct tro_cuda_exec *x, int32_t step)
{
    const struct tro_step *const s = &x->p->steps[step];
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(s);
    const tro_cu_ptr *const ptr = (const tro_cu_ptr *)(const void *)x->args[step];
    const tro_cu_ptr *const out = ptr + s->n_in;
    struct tro_library_pointers at = {.x = ptr[0], .w = ptr[1], .y = out[0]};
    int n = 2;
    if (l->plan->has_bias)
        at.bias = ptr[n++];
    if (l->plan->has_z)
        at.z = ptr[n];
    if (s->n_out > 1)
        at.workspace = (out[1] + TRO_LIBRARY_ALIGN - 1) / TRO_LIBRARY_ALIGN * TRO_LIBRARY_ALIGN;
    return at;
}

static int call_library(struct tro_cuda_exec *x, int32_t step, struct tro_err *err)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    const struct tro_library_pointers at = pointers_of(x, step);
    return tro_libraries_call(tro_cuda_store_libraries(x->store), l->plan, x->stream, &at, err);
}

/* What the library launches, as a graph, once for the exec: a run calls nothing of it. */
static int capture(struct tro_cuda_exec *x, int32_t step, struct tro_err *err)
{
    tro_cu_graph graph = NULL;
    if (x->calls[step])
        return 0;
    TRO_CU(x->cu, err, cuStreamBeginCapture_v2, x->stream, TRO_CU_CAPTURE_RELAXED);
    const int called = call_library(x, step, err);
    const int rc = x->cu->cuStreamEndCapture(x->stream, &graph);
    x->calls[step] = graph;
    return called < 0 ? called : tro_cu_check(x->cu, rc, "cuStreamEndCapture", err);
}

int tro_cuda_exec_issue(struct tro_cuda_exec *x, int32_t step, struct tro_err *err)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    void *args[] = {x->args[step]};
    tro_cu_function f;
    if (l->plan)
        return call_library(x, step, err);
    TRO_TRY(tro_cuda_store_function(x->store, l, &f, err));
    TRO_CU(x->cu, err, cuLaunchKernel, f, l->grid[0], l->grid[1], l->grid[2], l->block[0],
           l->block[1], l->block[2], l->shared_bytes, x->stream, args, NULL);
    return 0;
}

/* ---- graphs ------------------------------------------------------------------------------- */

static bool is_kernel(const struct tro_cuda_exec *x, int32_t step)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    return l->kernel && !tro_cuda_is_empty(l);
}

/* A kernel of ours that waits for one other, and waits by itself (tro_wait), may be brought onto
 * the chip before that one has ended. */
static bool can_overlap(const struct tro_cuda_exec *x, int32_t step, int32_t dep, int n_deps)
{
    return x->d->arch >= 90 && n_deps == 1 && is_kernel(x, step) && is_kernel(x, dep);
}

/* args live as long as *node is used. */
static int describe_node(struct tro_cuda_exec *x, int32_t step, void **args,
                         struct tro_cu_node_params *node, struct tro_err *err)
{
    const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
    struct tro_cu_kernel_node *const k = &node->u.kernel;
    if (l->plan) {
        TRO_TRY(capture(x, step, err));
        node->type = TRO_CU_NODE_GRAPH;
        node->u.child.graph = x->calls[step];
        return 0;
    }
    node->type = tro_cuda_is_empty(l) ? TRO_CU_NODE_EMPTY : TRO_CU_NODE_KERNEL;
    if (tro_cuda_is_empty(l))
        return 0;
    TRO_TRY(tro_cuda_store_function(x->store, l, &k->function, err));
    memcpy(k->grid, l->grid, sizeof k->grid);
    memcpy(k->block, l->block, sizeof k->block);
    k->shared_bytes = l->shared_bytes;
    k->params = args;
    return 0;
}

static int add_node(struct tro_cuda_exec *x, tro_cu_graph graph, int32_t first, int32_t step,
                    const int32_t *deps, int n_deps, tro_cu_node *nodes, tro_cu_node *wait,
                    struct tro_cu_edge *edges, struct tro_err *err)
{
    void *args[] = {x->args[step]};
    struct tro_cu_node_params node = {.type = TRO_CU_NODE_EMPTY};
    TRO_TRY(describe_node(x, step, args, &node, err));
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
    const size_t n = (size_t)(g->end - g->first), n_steps = (size_t)x->p->n_steps;
    /* By step, then room for those that one waits for. */
    tro_cu_node *const nodes = tro_calloc(n_steps + n + 1, sizeof *nodes);
    struct tro_cu_edge *const edges = tro_calloc(n + 1, sizeof *edges);
    int rc = nodes && edges ? 0 : tro_fail_nomem(err);
    for (int32_t i = 0; i < (int32_t)n && rc >= 0; i++)
        rc = tro_err_prefix(err,
                            add_node(x, graph, g->first, g->first + i, &h->deps[h->offset[i]],
                                     h->offset[i + 1] - h->offset[i], nodes, nodes + n_steps, edges,
                                     err),
                            "node '%s': ", x->p->steps[g->first + i].name);
    if (rc >= 0)
        rc = tro_cuda_exec_note_graph(x, g, nodes, h, err);
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
        if (tro_cuda_is_host_step(s)) {
            i++;
            continue;
        }
        struct segment *const g = &x->segments[x->n_segments];
        *g = (struct segment){.first = i};
        while (i < end && !tro_cuda_is_host_step(&x->p->steps[i]))
            i++;
        g->end = i;
        x->segment_at[g->first] = x->n_segments++;
        TRO_TRY(make_graph(x, g, err));
    }
    return 0;
}

int tro_cuda_exec_make_graphs(struct tro_cuda_exec *x, struct tro_err *err)
{
    TRO_TRY(find_segments(x, 0, x->p->n_steps, err));
    x->size.n_graphs = x->n_segments;
    return 0;
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
        if (tro_cuda_is_host_step(s))
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
    if (x->p->steps[step].kind != TRO_STEP_KERNEL || (l && tro_cuda_is_empty(l)))
        return 0;
    if (l)
        return time_list(x, &step, 1, n_times, ns, err);
    const int64_t begin = tro_clock_ns();
    TRO_TRY(tro_cuda_exec_host_step(x, step, err));
    *ns = tro_clock_ns() - begin;
    return 0;
}
