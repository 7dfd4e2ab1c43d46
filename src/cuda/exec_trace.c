/* SPDX-License-Identifier: Apache-2.0 */
/* Which step a kernel belongs to that CUPTI saw. */
#include "cuda/exec_state.h"

#include "base/alloc.h"
#include "base/err.h"
#include "cuda/hazards.h"
#include "cuda/trace.h"

#include <stdlib.h>
#include <string.h>

struct traced_node {
    uint64_t id;
    int32_t step;
};

struct tro_cuda_exec_trace {
    struct traced_node *nodes; /* a kernel's, or those of a library's call */
    size_t n_nodes, cap_nodes;
    int32_t *waits; /* steps that one waits for, those of step i from offset[i] on */
    size_t *offset, *n_waits;
    size_t n, cap; /* of waits */
};

static struct tro_cuda_exec_trace *create(size_t n_steps)
{
    struct tro_cuda_exec_trace *const t = tro_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->offset = tro_calloc(n_steps + 1, sizeof *t->offset);
    t->n_waits = tro_calloc(n_steps + 1, sizeof *t->n_waits);
    if (t->offset && t->n_waits)
        return t;
    tro_cuda_exec_trace_destroy(t);
    return NULL;
}

void tro_cuda_exec_trace_destroy(struct tro_cuda_exec_trace *t)
{
    if (!t)
        return;
    tro_free(t->nodes);
    tro_free(t->waits);
    tro_free(t->offset);
    tro_free(t->n_waits);
    tro_free(t);
}

static int note_node(struct tro_cuda_exec_trace *t, int32_t step, tro_cu_node node,
                     struct tro_err *err)
{
    if (TRO_GROW(&t->nodes, t->n_nodes, &t->cap_nodes) < 0)
        return tro_fail_nomem(err);
    t->nodes[t->n_nodes++] = (struct traced_node){tro_cuda_trace_node(node), step};
    return 0;
}

/* Nodes of what was captured, of which the graph has copies. */
static int note_call(struct tro_cuda_exec *x, int32_t step, struct tro_err *err)
{
    enum { MOST = 16 };
    tro_cu_node nodes[MOST];
    size_t n = MOST;
    TRO_CU(x->cu, err, cuGraphGetNodes, x->calls[step], nodes, &n);
    for (size_t i = 0; i < n && i < MOST; i++)
        TRO_TRY(note_node(x->trace, step, nodes[i], err));
    return 0;
}

int tro_cuda_exec_note_graph(struct tro_cuda_exec *x, const struct segment *g,
                             const tro_cu_node *nodes, const struct tro_hazards *h,
                             struct tro_err *err)
{
    if (!tro_cuda_trace_is_on())
        return 0;
    if (!x->trace)
        x->trace = create((size_t)x->p->n_steps);
    struct tro_cuda_exec_trace *const t = x->trace;
    if (!t)
        return tro_fail_nomem(err);
    for (int32_t i = 0; i < g->end - g->first; i++) {
        const int32_t step = g->first + i;
        const struct tro_cuda_launch *const l = tro_cuda_launch_of(&x->p->steps[step]);
        if (l->plan)
            TRO_TRY(note_call(x, step, err));
        else if (!tro_cuda_is_empty(l))
            TRO_TRY(note_node(t, step, nodes[step], err));
        t->offset[step] = t->n;
        t->n_waits[step] = (size_t)(h->offset[i + 1] - h->offset[i]);
        for (int32_t k = h->offset[i]; k < h->offset[i + 1]; k++) {
            if (TRO_GROW(&t->waits, t->n, &t->cap) < 0)
                return tro_fail_nomem(err);
            t->waits[t->n++] = g->first + h->deps[k];
        }
    }
    return 0;
}

const int32_t *tro_cuda_exec_waits(const struct tro_cuda_exec *x, int32_t step, int *n)
{
    const struct tro_cuda_exec_trace *const t = x->trace;
    *n = t ? (int)t->n_waits[step] : 0;
    return *n > 0 ? t->waits + t->offset[step] : NULL;
}

static int32_t step_of(const struct tro_cuda_exec *x, uint64_t node)
{
    const struct tro_cuda_exec_trace *const t = x->trace;
    const uint64_t id = tro_cuda_trace_origin(node);
    for (size_t i = 0; i < t->n_nodes && id; i++)
        if (t->nodes[i].id == id)
            return t->nodes[i].step;
    return -1;
}

static int by_begin(const void *a, const void *b)
{
    const struct tro_cuda_event *x = a, *y = b;
    if (x->begin_ns != y->begin_ns)
        return x->begin_ns < y->begin_ns ? -1 : 1;
    return (x->step > y->step) - (x->step < y->step);
}

int tro_cuda_exec_events(struct tro_cuda_exec *x, struct tro_cuda_event **events, size_t *n,
                         struct tro_err *err)
{
    const struct tro_cuda_record *r;
    size_t n_records;
    *events = NULL;
    *n = 0;
    if (!x->trace)
        return tro_fail(err, TRO_E_DEVICE, "the kernels were not traced");
    TRO_TRY(tro_cuda_trace_take(&r, &n_records, err));
    *events = tro_calloc(n_records + 1, sizeof **events);
    if (!*events)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n_records; i++) {
        const int32_t step = step_of(x, r[i].node);
        if (step >= 0)
            (*events)[(*n)++] = (struct tro_cuda_event){step, r[i].launch, r[i].begin_ns,
                                                        r[i].end_ns};
    }
    qsort(*events, *n, sizeof **events, by_begin);
    return 0;
}
