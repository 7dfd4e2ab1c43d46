/* SPDX-License-Identifier: Apache-2.0 */
/* Whole graphs, node by node in their order. */
#include "ref/exec.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

/* ---- slots ----------------------------------------------------------------------------- */

int tro_exec_slot_own(struct tro_exec *x, struct tro_exec_slot *s, const struct tro_tensor *t)
{
    struct tro_exec_buffer *const buffer = tro_malloc(sizeof(*buffer));
    if (!buffer) {
        tro_free(t->data);
        return tro_fail_nomem(x->err);
    }
    *buffer = (struct tro_exec_buffer){.n_refs = 1, .data = t->data};
    *s = (struct tro_exec_slot){.t = *t, .buffer = buffer};
    return 0;
}

int tro_exec_slot_alloc(struct tro_exec *x, struct tro_exec_slot *s, const struct tro_tensor *t)
{
    struct tro_tensor own = *t;
    own.data = tro_malloc_aligned(tro_tensor_n_bytes(t));
    return own.data ? tro_exec_slot_own(x, s, &own) : tro_fail_nomem(x->err);
}

struct tro_exec_slot tro_exec_slot_ref(const struct tro_exec_slot *s)
{
    if (s->buffer)
        s->buffer->n_refs++;
    return (struct tro_exec_slot){.t = s->t, .buffer = s->buffer};
}

void tro_exec_slot_drop(struct tro_exec_slot *s)
{
    if (s->buffer && --s->buffer->n_refs == 0) {
        tro_free(s->buffer->data);
        tro_free(s->buffer);
    }
    *s = (struct tro_exec_slot){0};
}

void tro_exec_slots_drop(struct tro_exec_slot *s, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        tro_exec_slot_drop(&s[i]);
}

struct tro_exec_slot tro_exec_value(const struct tro_exec *x, tro_value_id v)
{
    if (!v.i)
        return (struct tro_exec_slot){0};
    if (tro_is_const(x->g, v))
        return (struct tro_exec_slot){.t = tro_const_tensor(x->g, v)};
    return x->slots[v.i];
}

/* Moves what *from shows into the value's slot. */
static void set_value(struct tro_exec *x, tro_value_id v, struct tro_exec_slot *from)
{
    x->slots[v.i] = *from;
    x->slots[v.i].n_left = x->uses[v.i];
    *from = (struct tro_exec_slot){0};
    if (x->uses[v.i] == 0)
        tro_exec_slot_drop(&x->slots[v.i]);
}

/* ---- sizes ----------------------------------------------------------------------------- */

bool tro_exec_fits(struct tro_exec *x, tro_value_id v, const struct tro_tensor *t)
{
    const struct tro_value *const value = tro_value_get(x->g, v);
    const bool is_ranked = value->shape.rank >= 0;
    if (value->dtype != t->dtype || (is_ranked && value->shape.rank != t->rank))
        return false;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] < 0 ||
            (is_ranked && !tro_dim_bind(&x->g->dims, x->env, value->shape.dim[i], t->shape[i])))
            return false;
    return true;
}

static void print_tensor_type(const struct tro_tensor *t, struct tro_buf *out)
{
    tro_buf_printf(out, "%s[", tro_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        tro_buf_printf(out, i ? ",%" PRId64 : "%" PRId64, t->shape[i]);
    tro_buf_printf(out, "]");
}

int tro_exec_fail_type(struct tro_exec *x, enum tro_status status, const char *what, tro_value_id v,
                       const struct tro_tensor *t)
{
    struct tro_buf expected = {0}, found = {0};
    tro_value_print_type(x->g, v, &expected);
    print_tensor_type(t, &found);
    tro_buf_u8(&expected, 0);
    tro_buf_u8(&found, 0);
    const int rc = expected.failed || found.failed
                       ? tro_fail_nomem(x->err)
                       : tro_fail(x->err, status, "%s '%s': expected %s, found %s", what,
                                  tro_value_get(x->g, v)->name, (const char *)expected.p,
                                  (const char *)found.p);
    tro_buf_finish(&expected);
    tro_buf_finish(&found);
    return rc;
}

/* ---- nodes ----------------------------------------------------------------------------- */

/* Inputs and outputs of a node while it runs. */
struct frame {
    struct tro_tensor *in, *out;
    struct tro_exec_slot *made; /* outputs as slots */
};

static int frame_init(struct tro_exec *x, struct frame *f, const struct tro_node *n)
{
    f->in = tro_calloc((size_t)n->n_in + 1, sizeof(*f->in));
    f->out = tro_calloc(n->n_out, sizeof(*f->out));
    f->made = tro_calloc(n->n_out, sizeof(*f->made));
    return f->in && f->out && f->made ? 0 : tro_fail_nomem(x->err);
}

static void frame_finish(struct frame *f, const struct tro_node *n)
{
    if (f->made)
        tro_exec_slots_drop(f->made, n->n_out);
    tro_free(f->in);
    tro_free(f->out);
    tro_free(f->made);
}

static int eval_node(struct tro_exec *x, const struct tro_node *n, struct frame *f)
{
    for (uint32_t i = 0; i < n->n_in; i++)
        f->in[i] = tro_exec_value(x, n->in[i]).t;
    TRO_TRY(tro_ref_eval(n->op, n->attrs, (int)n->n_in, f->in, (int)n->n_out, f->out, x->env,
                         &x->g->dims, x->err));
    int rc = 0;
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (rc < 0)
            tro_free(f->out[i].data);
        else
            rc = tro_exec_slot_own(x, &f->made[i], &f->out[i]);
    }
    return rc;
}

static int compute(struct tro_exec *x, const struct tro_node *n, struct frame *f)
{
    switch (n->op) {
    case TRO_OP_IF:
        return tro_exec_if(x, n, f->made);
    case TRO_OP_LOOP:
        return tro_exec_loop(x, n, f->made);
    case TRO_OP_SCAN:
        return tro_exec_scan(x, n, f->made);
    case TRO_OP_FUSED:
        return tro_exec_fused(x, n, f->made);
    default:
        return eval_node(x, n, f);
    }
}

/* Symbols that the outputs' shapes and known contents make known. */
static int bind_outputs(struct tro_exec *x, const struct tro_node *n, const struct frame *f)
{
    for (uint32_t i = 0; i < n->n_out; i++) {
        const struct tro_tensor *const t = &f->made[i].t;
        if (!n->out[i].i)
            continue;
        if (!tro_exec_fits(x, n->out[i], t))
            return tro_exec_fail_type(x, TRO_E_INPUT, "result", n->out[i], t);
        const tro_dim *const elems = tro_value_get(x->g, n->out[i])->elems;
        const int64_t n_elems = elems ? tro_tensor_n_elems(t) : 0;
        /* Contents beyond +-2^62 are cut in elems, so that a difference is no contradiction. */
        for (int64_t k = 0; k < n_elems && n_elems <= TRO_MAX_INTS; k++)
            tro_dim_bind(&x->g->dims, x->env, elems[k], tro_load_i64(t->dtype, t->data, k));
    }
    return 0;
}

static int call_tap(struct tro_exec *x, tro_node_id id, const struct tro_node *n, struct frame *f)
{
    if (!x->tap)
        return 0;
    for (uint32_t i = 0; i < n->n_out; i++)
        f->out[i] = n->out[i].i ? f->made[i].t : (struct tro_tensor){0};
    const int rc = x->tap(x->tap_ctx, x->g, id, f->out, x->err);
    x->is_ended_by_tap = rc < 0;
    return rc < 0 ? rc : 0;
}

static void drop_used(struct tro_exec *x, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!n->in[i].i || tro_is_const(x->g, n->in[i]))
            continue;
        struct tro_exec_slot *const s = &x->slots[n->in[i].i];
        if (s->n_left > 0 && --s->n_left == 0)
            tro_exec_slot_drop(s);
    }
}

/* A node without a name goes by that of its first result. */
static const char *name_of(const struct tro_exec *x, const struct tro_node *n)
{
    if (n->name[0])
        return n->name;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            return tro_value_get(x->g, n->out[i])->name;
    return "";
}

static int run_node(struct tro_exec *x, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(x->g, id);
    struct frame f = {0};
    int rc = frame_init(x, &f, n);
    if (rc >= 0)
        rc = compute(x, n, &f);
    if (rc >= 0)
        rc = bind_outputs(x, n, &f);
    if (rc >= 0)
        rc = call_tap(x, id, n, &f);
    for (uint32_t i = 0; i < n->n_out && rc >= 0; i++)
        if (n->out[i].i)
            set_value(x, n->out[i], &f.made[i]);
    drop_used(x, n);
    frame_finish(&f, n);
    if (x->is_ended_by_tap)
        return rc;
    return tro_err_prefix(x->err, rc, "node '%s' (%s): ", name_of(x, n), tro_op_info(n->op)->text);
}

/* ---- blocks ---------------------------------------------------------------------------- */

static void clear_block(struct tro_exec *x, const struct tro_block *b)
{
    for (size_t i = 0; i < b->n_inputs; i++)
        tro_exec_slot_drop(&x->slots[b->inputs[i].i]);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(x->g, b->nodes[i]);
        for (uint32_t k = 0; k < n->n_out; k++)
            tro_exec_slot_drop(&x->slots[n->out[k].i]);
    }
}

static int run_nodes(struct tro_exec *x, const struct tro_block *b, struct tro_exec_slot *out)
{
    for (size_t i = 0; i < b->n_nodes; i++)
        TRO_TRY(run_node(x, b->nodes[i]));
    for (size_t i = 0; i < b->n_outputs; i++) {
        const struct tro_exec_slot s = tro_exec_value(x, b->outputs[i]);
        out[i] = tro_exec_slot_ref(&s);
    }
    return 0;
}

int tro_exec_block(struct tro_exec *x, tro_block_id block, struct tro_exec_slot *in,
                   struct tro_exec_slot *out)
{
    const struct tro_block *const b = tro_block_get(x->g, block);
    int rc = 0;
    for (size_t i = 0; i < b->n_inputs && rc >= 0; i++) {
        if (!tro_exec_fits(x, b->inputs[i], &in[i].t))
            rc = tro_exec_fail_type(x, TRO_E_INPUT, "input", b->inputs[i], &in[i].t);
        else
            set_value(x, b->inputs[i], &in[i]);
    }
    tro_exec_slots_drop(in, (int64_t)b->n_inputs);
    if (rc >= 0)
        rc = run_nodes(x, b, out);
    clear_block(x, b);
    return rc;
}

/* ---- the main block -------------------------------------------------------------------- */

/* Inputs are checked twice: an expression of symbols may come before the symbols themselves. */
static int check_inputs(struct tro_exec *x, const struct tro_block *b, const struct tro_tensor *in)
{
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < b->n_inputs; i++)
            if (!tro_exec_fits(x, b->inputs[i], &in[i]))
                return tro_exec_fail_type(x, TRO_E_INPUT, "input", b->inputs[i], &in[i]);
    return 0;
}

/* Memory that only this output shows is handed over, other memory is copied. */
static int give_output(struct tro_exec *x, struct tro_exec_slot *s, struct tro_tensor *out)
{
    struct tro_tensor t = s->t;
    if (s->buffer && s->buffer->n_refs == 1) {
        s->buffer->data = NULL;
    } else {
        const size_t n_bytes = tro_tensor_n_bytes(&t);
        t.data = tro_malloc_aligned(n_bytes);
        if (!t.data)
            return tro_fail_nomem(x->err);
        if (n_bytes)
            memcpy(t.data, s->t.data, n_bytes);
    }
    tro_exec_slot_drop(s);
    *out = t;
    return 0;
}

static int run_main(struct tro_exec *x, const struct tro_tensor *in, struct tro_tensor *out)
{
    const struct tro_block *const b = tro_block_get(x->g, TRO_MAIN_BLOCK);
    TRO_TRY(check_inputs(x, b, in));
    struct tro_exec_slot *const inputs = tro_calloc(b->n_inputs + 1, sizeof(*inputs));
    struct tro_exec_slot *const made = tro_calloc(b->n_outputs + 1, sizeof(*made));
    int rc = inputs && made ? 0 : tro_fail_nomem(x->err);
    for (size_t i = 0; i < b->n_inputs && rc >= 0; i++)
        inputs[i].t = in[i];
    if (rc >= 0)
        rc = tro_exec_block(x, TRO_MAIN_BLOCK, inputs, made);
    for (size_t i = 0; i < b->n_outputs && rc >= 0; i++)
        rc = give_output(x, &made[i], &out[i]);
    if (made)
        tro_exec_slots_drop(made, (int64_t)b->n_outputs);
    for (size_t i = 0; i < b->n_outputs && rc < 0; i++) {
        tro_free(out[i].data);
        out[i].data = NULL;
    }
    tro_free(inputs);
    tro_free(made);
    return rc;
}

int tro_ref_run(const struct tro_graph *g, const struct tro_tensor *in, struct tro_tensor *out,
                tro_ref_tap *tap, void *tap_ctx, struct tro_err *err)
{
    struct tro_dim_env env = {0};
    struct tro_exec x = {.g = g, .env = &env, .tap = tap, .tap_ctx = tap_ctx, .err = err};
    const size_t n_outputs = tro_block_get(g, TRO_MAIN_BLOCK)->n_outputs;
    for (size_t i = 0; i < n_outputs; i++)
        out[i] = (struct tro_tensor){0};
    x.slots = tro_calloc(g->n_values + 1, sizeof(*x.slots));
    x.uses = tro_calloc(g->n_values + 1, sizeof(*x.uses));
    int rc = tro_dim_env_init(&env, &g->dims);
    if (!x.slots || !x.uses || rc < 0) {
        rc = tro_fail_nomem(err);
    } else {
        tro_graph_count_uses(g, x.uses);
        rc = run_main(&x, in, out);
    }
    tro_dim_env_finish(&env);
    tro_free(x.slots);
    tro_free(x.uses);
    return rc;
}

/* ---- one node ----------------------------------------------------------------------------- */

static int run_alone(struct tro_exec *x, tro_node_id id, const struct tro_tensor *in,
                     struct tro_tensor *out)
{
    const struct tro_node *const n = tro_node_get(x->g, id);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i].i && !tro_is_const(x->g, n->in[i]))
            x->slots[n->in[i].i] = (struct tro_exec_slot){.t = in[i]};
    struct frame f = {0};
    int rc = frame_init(x, &f, n);
    if (rc >= 0)
        rc = compute(x, n, &f);
    if (rc >= 0)
        rc = bind_outputs(x, n, &f);
    for (uint32_t i = 0; i < n->n_out && rc >= 0; i++)
        rc = give_output(x, &f.made[i], &out[i]);
    frame_finish(&f, n);
    return tro_err_prefix(x->err, rc, "node '%s' (%s): ", name_of(x, n), tro_op_info(n->op)->text);
}

int tro_ref_run_node(const struct tro_graph *g, tro_node_id id, struct tro_dim_env *env,
                     const struct tro_tensor *in, struct tro_tensor *out, struct tro_err *err)
{
    const uint32_t n_out = tro_node_get(g, id)->n_out;
    struct tro_exec x = {.g = g, .env = env, .err = err};
    x.slots = tro_calloc(g->n_values + 1, sizeof(*x.slots));
    x.uses = tro_calloc(g->n_values + 1, sizeof(*x.uses));
    for (uint32_t i = 0; i < n_out; i++)
        out[i] = (struct tro_tensor){0};
    int rc = x.slots && x.uses ? 0 : tro_fail_nomem(err);
    if (rc >= 0) {
        tro_graph_count_uses(g, x.uses);
        rc = run_alone(&x, id, in, out);
    }
    for (uint32_t i = 0; i < n_out && rc < 0; i++) {
        tro_free(out[i].data);
        out[i].data = NULL;
    }
    tro_free(x.slots);
    tro_free(x.uses);
    return rc;
}
