/* SPDX-License-Identifier: Apache-2.0 */
/* What a run takes: multiplications, and memory for activations in the order of the nodes. Free
 * sizes
 * of inputs count as 1; what depends on data is left out and counted. */
#include "inspect.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

/* ---- sizes ----------------------------------------------------------------------------- */

static int bind_free_sizes(struct tro_inspect *x, struct tro_dim_env *env, struct tro_err *err)
{
    struct tro_graph *g = x->graph;
    const struct tro_block *b = tro_block_get(g, TRO_MAIN_BLOCK);
    if (tro_dim_env_init(env, &g->dims) < 0)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < b->n_inputs; i++) {
        const struct tro_shape *s = &tro_value_get(g, b->inputs[i])->shape;
        for (int a = 0; a < s->rank; a++) {
            x->has_free_sizes |= !tro_dim_is_const(s->dim[a]);
            tro_dim_bind(&g->dims, env, s->dim[a], 1);
        }
    }
    return 0;
}

/* -1 when a size is not known. */
static int64_t elems_of(const struct tro_graph *g, const struct tro_dim_env *env, tro_value_id v)
{
    const struct tro_shape *s = &tro_value_get(g, v)->shape;
    int64_t n = 1;
    for (int a = 0; a < s->rank; a++) {
        int64_t size;
        if (!tro_dim_eval(&g->dims, env, s->dim[a], &size) || size < 0 ||
            __builtin_mul_overflow(n, size, &n))
            return -1;
    }
    return s->rank < 0 ? -1 : n;
}

static int64_t size_of(const struct tro_graph *g, const struct tro_dim_env *env, tro_value_id v,
                       int axis)
{
    const struct tro_shape *s = &tro_value_get(g, v)->shape;
    int64_t size;
    if (axis < 0)
        axis += s->rank;
    if (axis < 0 || axis >= s->rank || !tro_dim_eval(&g->dims, env, s->dim[axis], &size))
        return -1;
    return size;
}

/* -1 when a factor is not known, or the product is beyond int64. */
static int64_t product(int64_t a, int64_t b)
{
    int64_t n;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &n) ? -1 : n;
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    return a < 0 || b < 0 || __builtin_add_overflow(a, b, &n) ? -1 : n;
}

static int64_t quotient(int64_t a, int64_t b)
{
    return a < 0 || b <= 0 ? -1 : a / b;
}

/* ---- multiplications ------------------------------------------------------------------- */

struct costing {
    const struct tro_graph *g;
    const struct tro_dim_env *env;
    const struct tro_node *n;
};

static int64_t in_elems(const struct costing *c, int i)
{
    return elems_of(c->g, c->env, c->n->in[i]);
}

static int64_t out_elems(const struct costing *c)
{
    return c->n->out[0].i ? elems_of(c->g, c->env, c->n->out[0]) : -1;
}

static int64_t in_size(const struct costing *c, int i, int axis)
{
    return size_of(c->g, c->env, c->n->in[i], axis);
}

/* The sizes of all letters once; ellipses are not counted. */
static int64_t einsum_macs(const struct costing *c)
{
    const struct tro_attrs_einsum *a = c->n->attrs;
    const char *p = a->equation ? a->equation : "";
    bool is_seen[128] = {false};
    int64_t n = 1;
    uint32_t operand = 0;
    for (int axis = 0; *p && *p != '-'; p++) {
        const unsigned char letter = (unsigned char)*p;
        if (letter == '.' || letter > 127)
            return -1;
        if (letter == ',') {
            operand++;
            axis = 0;
        } else if (letter != ' ' && operand < c->n->n_in) {
            if (!is_seen[letter])
                n = product(n, in_size(c, (int)operand, axis));
            is_seen[letter] = true;
            axis++;
        }
    }
    return n;
}

/* Both products of attention: queries with keys, and weights with values. */
static int64_t attention_macs(const struct costing *c)
{
    const int64_t q = in_elems(c, 0), y = out_elems(c), n_keys = in_size(c, 1, -2);
    const bool has_past = c->n->n_in > 4 && c->n->in[4].i;
    const int64_t n_past = has_past ? in_size(c, 4, -2) : 0;
    return product(sum(q, y), sum(n_keys, n_past));
}

static int64_t recurrent_macs(const struct costing *c)
{
    const int64_t w = in_elems(c, 1), r = in_elems(c, 2);
    const int64_t n_steps = product(in_size(c, 0, 0), in_size(c, 0, 1));
    return product(n_steps, sum(w, r));
}

/* 0: the operator does not multiply and accumulate. */
static int64_t macs_of(const struct costing *c)
{
    switch (c->n->op) {
    case TRO_OP_CONV:
    case TRO_OP_CONV_INT:
    case TRO_OP_DEFORM_CONV:
        return product(out_elems(c), quotient(in_elems(c, 1), in_size(c, 1, 0)));
    case TRO_OP_CONV_TRANSPOSE:
    case TRO_OP_CONV_TRANSPOSE_INT:
        return product(in_elems(c, 0), quotient(in_elems(c, 1), in_size(c, 1, 0)));
    case TRO_OP_MATMUL:
    case TRO_OP_MATMUL_INT:
        return product(out_elems(c), in_size(c, 0, -1));
    case TRO_OP_EINSUM:
        return einsum_macs(c);
    case TRO_OP_ATTENTION:
        return attention_macs(c);
    case TRO_OP_RECURRENT:
        return recurrent_macs(c);
    default:
        return 0;
    }
}

static int64_t weights_of(const struct costing *c)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < c->n->n_in; i++)
        if (tro_is_const(c->g, c->n->in[i]))
            n = sum(n, in_elems(c, (int)i));
    return n;
}

static int add_layer(struct tro_inspect *x, const struct costing *c, int64_t n_macs,
                     struct tro_err *err)
{
    struct tro_buf form = {0};
    tro_value_id out = TRO_VALUE_NONE;
    for (uint32_t i = c->n->n_out; i-- > 0;)
        if (c->n->out[i].i)
            out = c->n->out[i];
    if (out.i)
        tro_value_print_type(c->g, out, &form);
    const struct tro_layer layer = {
        .node = c->n->name,
        .tensor = out.i ? tro_value_get(c->g, out)->name : "",
        .op = tro_op_info(c->n->op)->text,
        .form = tro_arena_strndup(&x->arena, form.p ? (const char *)form.p : "", form.n),
        .n_macs = n_macs,
        .n_weights = weights_of(c)};
    const bool failed = form.failed;
    tro_buf_finish(&form);
    if (failed || !layer.form || TRO_GROW(&x->layers, x->n_layers, &x->cap_layers) < 0)
        return tro_fail_nomem(err);
    x->layers[x->n_layers++] = layer;
    const int64_t total = sum(x->n_macs, n_macs);
    if (total < 0)
        return 0;
    x->n_macs = total;
    x->n_layers_known++;
    return 0;
}

static int count_macs(struct tro_inspect *x, const struct tro_dim_env *env, struct tro_err *err)
{
    for (size_t b = 1; b < x->graph->n_blocks; b++) {
        const struct tro_block *block = &x->graph->blocks[b];
        for (size_t i = 0; i < block->n_nodes; i++) {
            const struct costing c = {x->graph, env, tro_node_get(x->graph, block->nodes[i])};
            const int64_t n = macs_of(&c);
            if (n)
                TRO_TRY(add_layer(x, &c, n, err));
        }
    }
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------- */

/* Of one tensor; so that sums stay far from int64's end. */
#define ELEMS_MAX (INT64_C(1) << 36)

struct memory {
    const struct tro_graph *g;
    const struct tro_dim_env *env;
    uint32_t *n_left; /* uses to come of the buffer whose first value this is */
    uint32_t *buffer; /* of each value: the first value in its memory */
    int64_t *n_bytes; /* of each buffer */
    int64_t n_live, n_unsized;
};

/* The result shows the same bytes under another shape. */
static bool is_view(const struct tro_graph *g, const struct tro_node *n)
{
    const bool is_reshaping = n->op == TRO_OP_RESHAPE || n->op == TRO_OP_SQUEEZE ||
                              n->op == TRO_OP_UNSQUEEZE;
    return is_reshaping && !tro_is_const(g, n->in[0]);
}

static void begin_value(struct memory *m, tro_value_id v, uint32_t n_uses)
{
    const int64_t n = elems_of(m->g, m->env, v);
    const int64_t size = (int64_t)tro_dtype_size(tro_value_get(m->g, v)->dtype);
    m->buffer[v.i] = v.i;
    m->n_left[v.i] = n_uses;
    const bool is_sized = n >= 0 && n <= ELEMS_MAX;
    m->n_bytes[v.i] = is_sized ? n * size : 0;
    m->n_unsized += !is_sized;
    m->n_live += m->n_bytes[v.i];
}

static void end_use(struct memory *m, tro_value_id v)
{
    const uint32_t b = m->buffer[v.i];
    if (v.i && b && m->n_left[b] && --m->n_left[b] == 0)
        m->n_live -= m->n_bytes[b];
}

static void run_node(struct memory *m, const struct tro_node *n, const uint32_t *uses,
                     struct tro_inspect *x)
{
    for (uint32_t i = 0; i < n->n_out; i++) {
        const tro_value_id v = n->out[i];
        if (v.i && is_view(m->g, n)) {
            m->buffer[v.i] = m->buffer[n->in[0].i];
            m->n_left[m->buffer[v.i]] += uses[v.i] + 1;
        } else if (v.i) {
            begin_value(m, v, uses[v.i] + 1);
        }
    }
    if (m->n_live > x->peak_bytes) {
        x->peak_bytes = m->n_live;
        x->peak_node = n->name[0] || !n->out[0].i ? n->name : tro_value_get(m->g, n->out[0])->name;
    }
    for (uint32_t i = 0; i < n->n_in; i++)
        end_use(m, n->in[i]);
    for (uint32_t i = 0; i < n->n_out; i++)
        end_use(m, n->out[i]);
}

/* Inputs live until their last use, outputs to the end. Uses within If and Loop count as the node's
 * captures. */
static int find_peak(struct tro_inspect *x, const struct tro_dim_env *env, struct tro_err *err)
{
    const struct tro_graph *g = x->graph;
    const struct tro_block *block = tro_block_get(g, TRO_MAIN_BLOCK);
    struct tro_arena arena = {0};
    struct memory m = {.g = g,
                       .env = env,
                       .n_left = TRO_NEW_N(&arena, uint32_t, g->n_values),
                       .buffer = TRO_NEW_N(&arena, uint32_t, g->n_values),
                       .n_bytes = TRO_NEW_N(&arena, int64_t, g->n_values)};
    uint32_t *uses = TRO_NEW_N(&arena, uint32_t, g->n_values);
    const int rc = m.n_left && m.buffer && m.n_bytes && uses ? 0 : tro_fail_nomem(err);
    if (rc >= 0) {
        tro_graph_count_uses(g, uses);
        for (size_t i = 0; i < block->n_inputs; i++)
            begin_value(&m, block->inputs[i], uses[block->inputs[i].i]);
        x->peak_bytes = m.n_live;
        x->peak_node = "";
        for (size_t i = 0; i < block->n_nodes; i++)
            run_node(&m, tro_node_get(g, block->nodes[i]), uses, x);
        x->n_unsized = m.n_unsized;
    }
    tro_arena_finish(&arena);
    return rc;
}

int tro_inspect_costs(struct tro_inspect *x, struct tro_err *err)
{
    struct tro_dim_env env;
    TRO_TRY(bind_free_sizes(x, &env, err));
    int rc = count_macs(x, &env, err);
    if (rc >= 0)
        rc = find_peak(x, &env, err);
    tro_dim_env_finish(&env);
    return rc;
}
