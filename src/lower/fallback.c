/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no emitter takes: reference kernels. With all sizes known they write to the program's
 * buffers. Nodes whose sizes only the data tells, and control operators that are not lowered, keep
 * their results in memory of their own ("slots"), which the session's state table holds.
 */
#include "lower/dynamic.h"
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"
#include "ref/ref.h"

#include <string.h>

/* ---- sizes known -------------------------------------------------------------------------- */

struct reference {
    const struct tro_node *node;
    const int *in, *out; /* index of the step's arg for each operand and result, -1: absent */
};

static int run_reference(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct reference *const p = s->params;
    struct tro_tensor *const in = tro_calloc(p->node->n_in + (size_t)p->node->n_out + 1,
                                             sizeof *in);
    if (r->part > 0 || !in) {
        tro_free(in);
        return r->part > 0 ? 0 : tro_fail_nomem(r->err);
    }
    struct tro_tensor *const out = in + p->node->n_in;
    for (uint32_t i = 0; i < p->node->n_in; i++)
        if (p->in[i] >= 0)
            in[i] = tro_arg_tensor(r, &s->in[p->in[i]]);
    for (uint32_t i = 0; i < p->node->n_out; i++)
        if (p->out[i] >= 0)
            out[i] = tro_arg_tensor(r, &s->out[p->out[i]]);
    const int rc = tro_ref_eval_into(p->node->op, p->node->attrs, (int)p->node->n_in, in,
                                     (int)p->node->n_out, out, r->err);
    tro_free(in);
    return tro_err_prefix(r->err, rc, "node '%s' (%s): ", s->name, tro_op_info(p->node->op)->text);
}

int tro_lower_reference(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_node *const node = n->node;
    struct tro_arena *const arena = &l->p->arena;
    int *const in = TRO_NEW_N(arena, int, node->n_in + 1);
    int *const out = TRO_NEW_N(arena, int, node->n_out + 1);
    struct tro_arg *const args = TRO_NEW_N(arena, struct tro_arg,
                                           (size_t)node->n_in + node->n_out + 1);
    int n_in = 0, n_out = 0;
    struct reference *p;
    if (!in || !out || !args)
        return tro_fail_nomem(l->err);
    for (uint32_t i = 0; i < node->n_in; i++) {
        in[i] = node->in[i].i ? n_in++ : -1;
        if (node->in[i].i)
            TRO_TRY(tro_lower_in_as(l, node->in[i], TRO_FORM_DENSE,
                                    tro_value_get(l->g, node->in[i])->dtype, &args[in[i]]));
    }
    for (uint32_t i = 0; i < node->n_out; i++) {
        out[i] = node->out[i].i ? n_out++ : -1;
        if (node->out[i].i)
            TRO_TRY(tro_lower_out_as(l, n, (int)i, TRO_FORM_DENSE, true,
                                     tro_value_get(l->g, node->out[i])->dtype,
                                     &args[n_in + out[i]]));
    }
    struct tro_step *const s = tro_lower_step(l, n, "reference", run_reference, n_in, n_out,
                                              sizeof *p, &p);
    if (!s)
        return l->err->status;
    memcpy(s->in, args, (size_t)n_in * sizeof *args);
    memcpy(s->out, args + n_in, (size_t)n_out * sizeof *args);
    *p = (struct reference){.node = node, .in = in, .out = out};
    l->p->is_growing = true;
    return 0;
}

/* ---- sizes of the run --------------------------------------------------------------------- */

struct dynamic_step {
    const struct tro_program *program;
    tro_node_id node;
    const int *in_arg, *in_slot;   /* for each operand: an arg of the step, or a slot, or -1 */
    const int *out_arg, *out_slot; /* likewise for results */
};

static void drop_slot(struct tro_tensor *t)
{
    tro_free(t->data);
    *t = (struct tro_tensor){0};
}

/* A result whose sizes are those of the program goes where its readers expect it. */
static int store_result(const struct tro_step_run *r, const struct tro_arg *to,
                        const struct tro_tensor *t)
{
    bool is_same = to->dtype == t->dtype && to->rank == t->rank;
    for (int i = 0; i < t->rank && is_same; i++)
        is_same = to->shape[i] == t->shape[i];
    if (!is_same)
        return tro_fail(r->err, TRO_E_INPUT,
                        "expected a result of the sizes that were planned, found others");
    struct tro_copy c = {.elem_size = tro_dtype_size(t->dtype),
                         .dst = tro_arg_ptr(r, to),
                         .src = t->data,
                         .rank = t->rank};
    const struct tro_arg dense = tro_arg_of(t, TRO_FORM_DENSE);
    memcpy(c.shape, t->shape, sizeof t->shape);
    memcpy(c.dst_stride, to->stride, sizeof to->stride);
    memcpy(c.src_stride, dense.stride, sizeof dense.stride);
    if (tro_tensor_n_elems(t) > 0)
        tro_copy_run(&c);
    return 0;
}

static int keep_results(const struct tro_step *s, const struct tro_step_run *r,
                        struct tro_dynamic *d, const struct tro_node *node, struct tro_tensor *out)
{
    const struct dynamic_step *const p = s->params;
    int rc = 0;
    for (uint32_t i = 0; i < node->n_out; i++) {
        if (rc >= 0 && p->out_arg[i] >= 0)
            rc = store_result(r, &s->out[p->out_arg[i]], &out[i]);
        if (p->out_slot[i] < 0 || rc < 0) {
            tro_free(out[i].data);
            continue;
        }
        drop_slot(&d->slots[p->out_slot[i]]);
        d->slots[p->out_slot[i]] = out[i];
    }
    return rc;
}

static int run_dynamic(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct dynamic_step *const p = s->params;
    const struct tro_graph *const g = p->program->graph;
    const struct tro_node *const node = tro_node_get(g, p->node);
    struct tro_dynamic *const d = tro_arg_ptr(r, &s->out[s->n_out - 1]);
    struct tro_tensor *const in = tro_calloc((size_t)node->n_in + node->n_out + 1, sizeof *in);
    if (r->part > 0 || !in) {
        tro_free(in);
        return r->part > 0 ? 0 : tro_fail_nomem(r->err);
    }
    struct tro_tensor *const out = in + node->n_in;
    for (uint32_t i = 0; i < node->n_in; i++) {
        if (p->in_arg[i] >= 0)
            in[i] = tro_arg_tensor(r, &s->in[p->in_arg[i]]);
        else if (p->in_slot[i] >= 0)
            in[i] = d->slots[p->in_slot[i]];
    }
    int rc = tro_ref_run_node(g, p->node, &d->env, in, out, r->err);
    if (rc >= 0)
        rc = keep_results(s, r, d, node, out);
    tro_free(in);
    return rc;
}

/* Sizes known at the beginning of a run, and nothing in the slots. */
static int run_begin(const struct tro_step *s, const struct tro_step_run *r)
{
    struct tro_dynamic *const d = tro_arg_ptr(r, &s->out[0]);
    const struct tro_program *const *const p = s->params;
    return r->part > 0 ? 0 : tro_dynamic_begin(d, *p, r->err);
}

static int add_state(struct tro_lowering *l)
{
    const struct tro_tensor t = {
        .dtype = TRO_U8, .rank = 1, .shape = {(int64_t)sizeof(struct tro_dynamic)}};
    const struct tro_buffer b = {.kind = TRO_BUFFER_KEEP, .n_bytes = sizeof(struct tro_dynamic)};
    const struct tro_lower_node n = {.name = "begin"};
    const struct tro_program **p;
    TRO_TRY(tro_lower_add_buffer(l, &b, &l->dynamic_buffer));
    struct tro_step *const s = tro_lower_step(l, &n, "begin", run_begin, 0, 1, sizeof *p, &p);
    if (!s)
        return l->err->status;
    s->out[0] = tro_arg_of(&t, TRO_FORM_DENSE);
    s->out[0].buffer = l->dynamic_buffer;
    *p = l->p;
    l->p->dynamic_buffer = l->dynamic_buffer;
    l->p->is_growing = true;
    return 0;
}

static int place_operands(struct tro_lowering *l, const struct tro_node *node, int *arg, int *slot,
                          struct tro_arg *args)
{
    int n = 0;
    for (uint32_t i = 0; i < node->n_in; i++) {
        arg[i] = slot[i] = -1;
        if (!node->in[i].i)
            continue;
        const struct tro_lower_value *const v = tro_lower_value(l, node->in[i]);
        if (v->is_dynamic) {
            slot[i] = v->slot;
            continue;
        }
        TRO_TRY(tro_lower_in_as(l, node->in[i], TRO_FORM_DENSE,
                                tro_value_get(l->g, node->in[i])->dtype, &args[n]));
        arg[i] = n++;
    }
    return n;
}

/* Results of known sizes go to the program's memory; the main block's outputs are kept in slots as
 * well, where their sizes are not known. */
static int place_results(struct tro_lowering *l, const struct tro_node *node, int *arg, int *slot,
                         struct tro_arg *args)
{
    int n = 0;
    struct tro_tensor t;
    for (uint32_t i = 0; i < node->n_out; i++) {
        arg[i] = slot[i] = -1;
        if (!node->out[i].i)
            continue;
        if (tro_lower_type(l, node->out[i], &t) && tro_op_info(node->op)->kind != TRO_KIND_EXTENT) {
            TRO_TRY(
                tro_lower_place_value(l, node->out[i], TRO_FORM_GUESS, false, t.dtype, &args[n]));
            tro_lower_set_place(l, node->out[i], &args[n]);
            arg[i] = n++;
            continue;
        }
        struct tro_lower_value *const v = &l->values[node->out[i].i];
        v->is_dynamic = true;
        v->slot = slot[i] = l->n_slots++;
    }
    return n;
}

int tro_lower_dynamic(struct tro_lowering *l, tro_node_id id)
{
    const struct tro_node *const node = tro_node_get(l->g, id);
    struct tro_arena *const arena = &l->p->arena;
    int *const index = TRO_NEW_N(arena, int, 2 * ((size_t)node->n_in + node->n_out) + 1);
    struct tro_arg *const in = TRO_NEW_N(arena, struct tro_arg, node->n_in + 1);
    struct tro_arg *const out = TRO_NEW_N(arena, struct tro_arg, node->n_out + 1);
    const struct tro_lower_node n = {.id = id, .name = l->name};
    struct dynamic_step *p;
    if (!index || !in || !out)
        return tro_fail_nomem(l->err);
    if (!l->dynamic_buffer)
        TRO_TRY(add_state(l));
    int *const in_slot = index + node->n_in, *const out_arg = in_slot + node->n_in;
    int *const out_slot = out_arg + node->n_out;
    const int n_in = place_operands(l, node, index, in_slot, in);
    TRO_TRY(n_in);
    const int n_out = place_results(l, node, out_arg, out_slot, out);
    TRO_TRY(n_out);
    struct tro_step *const s = tro_lower_step(l, &n, "reference, sizes of the run", run_dynamic,
                                              n_in, n_out + 1, sizeof *p, &p);
    if (!s)
        return l->err->status;
    memcpy(s->in, in, (size_t)n_in * sizeof *in);
    memcpy(s->out, out, (size_t)n_out * sizeof *out);
    s->out[n_out].buffer = l->dynamic_buffer;
    *p = (struct dynamic_step){l->p, id, index, in_slot, out_arg, out_slot};
    return 0;
}

/* ---- the state table ---------------------------------------------------------------------- */

int tro_dynamic_begin(struct tro_dynamic *d, const struct tro_program *p, struct tro_err *err)
{
    if (!d->slots) {
        d->slots = tro_calloc((size_t)p->n_slots + 1, sizeof *d->slots);
        d->n_slots = p->n_slots;
        if (!d->slots || tro_dim_env_init(&d->env, &p->graph->dims) < 0)
            return tro_fail_nomem(err);
    }
    for (int i = 0; i < d->n_slots; i++)
        drop_slot(&d->slots[i]);
    const size_t n = d->env.n < p->symbols.n ? d->env.n : p->symbols.n;
    for (size_t i = 0; i < d->env.n; i++) {
        d->env.known[i] = i < n && p->symbols.known[i];
        d->env.values[i] = d->env.known[i] ? p->symbols.values[i] : 0;
    }
    return 0;
}

void tro_dynamic_finish(struct tro_dynamic *d)
{
    for (int i = 0; i < d->n_slots && d->slots; i++)
        drop_slot(&d->slots[i]);
    tro_free(d->slots);
    tro_dim_env_finish(&d->env);
    *d = (struct tro_dynamic){0};
}
