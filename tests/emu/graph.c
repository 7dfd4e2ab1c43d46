/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs of kernels. An executable graph has copies of the nodes. */
#include "device.h"

#include <stdlib.h>
#include <string.h>

struct tro_cu_node_s {
    struct tro_cu_node_s *next;
    uint64_t id; /* no two nodes of the process have the same */
    int index;
    struct emu_launch launch;
    int *deps, n_deps; /* indices, all smaller than the node's own */
};
struct tro_cu_graph_s {
    struct tro_cu_node_s *first, **last;
    int n_nodes;
};
struct tro_cu_graph_exec_s {
    struct tro_cu_node_s *nodes;
    int n_nodes;
    bool *is_done;
};

static uint64_t n_nodes_ever;
static struct emu_graph_hooks hooks;
static uint32_t n_launches;

void emu_set_graph_hooks(const struct emu_graph_hooks *h)
{
    hooks = h ? *h : (struct emu_graph_hooks){0};
}

uint64_t emu_node_id(tro_cu_node node)
{
    return node->id;
}

static void finish_node(struct tro_cu_node_s *n)
{
    emu_launch_finish(&n->launch);
    free(n->deps);
}

/* ---- building ----------------------------------------------------------------------------- */

int cuGraphCreate(tro_cu_graph *graph, unsigned flags)
{
    ENTER(true);
    struct tro_cu_graph_s *const g = calloc(1, sizeof *g);
    if (!g || flags) {
        free(g);
        return emu_leave(g ? INVALID_VALUE : OUT_OF_MEMORY);
    }
    g->last = &g->first;
    *graph = g;
    return emu_leave(OK);
}

int cuGraphDestroy(tro_cu_graph graph)
{
    emu_enter_release();
    for (struct tro_cu_node_s *n = graph->first, *next; n; n = next) {
        next = n->next;
        finish_node(n);
        free(n);
    }
    free(graph);
    return emu_leave(emu_failure);
}

static bool is_in_graph(const struct tro_cu_graph_s *g, const struct tro_cu_node_s *node)
{
    const struct tro_cu_node_s *n = g->first;
    while (n && n != node)
        n = n->next;
    return n;
}

/* Nodes of the graph, each once. */
static int take_deps(const struct tro_cu_graph_s *g, struct tro_cu_node_s *n,
                     const tro_cu_node *deps, size_t n_deps)
{
    n->deps = malloc((n_deps + 1) * sizeof *n->deps);
    if (!n->deps)
        return OUT_OF_MEMORY;
    for (size_t i = 0; i < n_deps; i++) {
        if (!is_in_graph(g, deps[i]))
            return INVALID_VALUE;
        for (int k = 0; k < n->n_deps; k++)
            if (n->deps[k] == deps[i]->index)
                return INVALID_VALUE;
        n->deps[n->n_deps++] = deps[i]->index;
    }
    return OK;
}

static int init_node(struct tro_cu_graph_s *g, struct tro_cu_node_s *n, const tro_cu_node *deps,
                     size_t n_deps, const struct tro_cu_kernel_node *k)
{
    n->index = g->n_nodes;
    n->id = ++n_nodes_ever;
    const int rc = take_deps(g, n, deps, n_deps);
    return rc ? rc
              : emu_launch_init(&n->launch, k->function, k->grid, k->block, k->shared_bytes,
                                k->params[0]);
}

int cuGraphAddNode_v2(tro_cu_node *node, tro_cu_graph graph, const tro_cu_node *deps,
                      const struct tro_cu_edge *edges, size_t n_deps,
                      struct tro_cu_node_params *params)
{
    (void)edges;
    ENTER(true);
    if (params->type != 0)
        return emu_leave(NOT_SUPPORTED);
    struct tro_cu_node_s *const n = calloc(1, sizeof *n);
    if (!n)
        return emu_leave(OUT_OF_MEMORY);
    const int rc = init_node(graph, n, deps, n_deps, &params->u.kernel);
    if (rc) {
        finish_node(n);
        free(n);
        return emu_leave(rc);
    }
    *graph->last = n;
    graph->last = &n->next;
    graph->n_nodes++;
    *node = n;
    return emu_leave(OK);
}

int cuGraphGetNodes(tro_cu_graph graph, tro_cu_node *nodes, size_t *n)
{
    ENTER(true);
    size_t i = 0;
    for (struct tro_cu_node_s *at = graph->first; at && i < *n; at = at->next)
        nodes[i++] = at;
    *n = i;
    return emu_leave(OK);
}

/* ---- running ------------------------------------------------------------------------------ */

static bool copy_node(struct tro_cu_node_s *to, const struct tro_cu_node_s *from)
{
    const size_t size = (size_t)from->n_deps * sizeof *from->deps;
    *to = (struct tro_cu_node_s){
        .index = from->index, .id = ++n_nodes_ever, .n_deps = from->n_deps};
    to->deps = malloc(size + 1);
    if (!to->deps || emu_launch_copy(&to->launch, &from->launch) != OK) {
        finish_node(to);
        return false;
    }
    memcpy(to->deps, from->deps, size);
    return true;
}

static void destroy_exec(struct tro_cu_graph_exec_s *e)
{
    for (int i = 0; i < e->n_nodes; i++)
        finish_node(&e->nodes[i]);
    free(e->nodes);
    free(e->is_done);
    free(e);
}

int cuGraphInstantiateWithFlags(tro_cu_graph_exec *exec, tro_cu_graph graph,
                                unsigned long long flags)
{
    (void)flags;
    ENTER(true);
    struct tro_cu_graph_exec_s *const e = calloc(1, sizeof *e);
    if (!e)
        return emu_leave(OUT_OF_MEMORY);
    e->nodes = calloc((size_t)graph->n_nodes + 1, sizeof *e->nodes);
    e->is_done = calloc((size_t)graph->n_nodes + 1, sizeof *e->is_done);
    bool is_copied = e->nodes && e->is_done;
    for (const struct tro_cu_node_s *n = graph->first; n && is_copied; n = n->next) {
        is_copied = copy_node(&e->nodes[n->index], n);
        e->n_nodes += is_copied;
        if (is_copied && hooks.cloned)
            hooks.cloned(&e->nodes[n->index], (tro_cu_node)n);
    }
    if (!is_copied) {
        destroy_exec(e);
        return emu_leave(OUT_OF_MEMORY);
    }
    *exec = e;
    return emu_leave(OK);
}

int cuGraphExecDestroy(tro_cu_graph_exec exec)
{
    emu_enter_release();
    emu_drain();
    destroy_exec(exec);
    return emu_leave(emu_failure);
}

int cuGraphUpload(tro_cu_graph_exec exec, tro_cu_stream stream)
{
    (void)exec;
    (void)stream;
    ENTER(true);
    return emu_leave(OK);
}

int cuGraphLaunch(tro_cu_graph_exec exec, tro_cu_stream stream)
{
    ENTER(true);
    return emu_leave(emu_stream_add(stream, &(struct emu_work){.kind = EMU_GRAPH, .exec = exec}));
}

static bool is_ready(const struct tro_cu_graph_exec_s *e, int i)
{
    const struct tro_cu_node_s *const n = &e->nodes[i];
    bool is_all = !e->is_done[i];
    for (int k = 0; k < n->n_deps; k++)
        is_all &= e->is_done[n->deps[k]];
    return is_all;
}

/* The ready node that was added first, or last; there is always one. */
static int next_node(const struct tro_cu_graph_exec_s *e, bool is_last_first)
{
    int found = -1;
    for (int i = 0; i < e->n_nodes && (found < 0 || is_last_first); i++)
        if (is_ready(e, i))
            found = i;
    return found;
}

int emu_graph_run(tro_cu_graph_exec e)
{
    int rc = OK;
    n_launches++;
    memset(e->is_done, 0, (size_t)e->n_nodes * sizeof *e->is_done);
    for (int k = 0; k < e->n_nodes && !rc; k++) {
        const int i = next_node(e, emu_is_reverse());
        if (hooks.begins)
            hooks.begins(&e->nodes[i], n_launches);
        rc = emu_launch_run(&e->nodes[i].launch);
        if (hooks.ended)
            hooks.ended(&e->nodes[i], n_launches);
        e->is_done[i] = true;
    }
    return rc;
}
