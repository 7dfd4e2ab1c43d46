/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.microsoft DynamicQuantizeLSTM: x is quantized by the range of all of it, h by its range over
 * the batch in every step, the weights come quantized. The products are exact in integers; a scan
 * goes over the steps of each direction:
 *
 *     state  h, c [batch, hidden]   and with lengths the last h, c of each sequence
 *     slice  x w [batch, 4 hidden]  and with lengths is_running [batch, 1]
 *     stack  y [batch, hidden]
 */
#include "onnx/import_quant.h"

#include <string.h>
#include <strings.h>

#include "base/dtype.h"
#include "base/err.h"

enum { GATES = 4, MAX_STATES = 4, MAX_CAPTURES = 8 };

struct lstm {
    int64_t hidden;
    enum tro_rnn_direction direction;
    bool couples_forget;
    double clip;
    enum tro_op activation[6]; /* of gates, cell and hidden; then of the other direction */
    struct tro_quantized x;
    tro_value_id is_running; /* [time, batch, 1]; none without lengths */
};

/* One direction, as values outside of the scan. */
struct layer {
    int i; /* 0, or 1 for the second of two */
    bool is_reverse;
    struct tro_quantized r;
    tro_value_id from_x, bias, peephole[3]; /* peepholes of in, out, forget */
    tro_value_id h, c;
};

/* The body being made. */
struct body {
    struct tro_import_call call;
    tro_value_id captures[MAX_CAPTURES];
    int n_captures;
};

/* ---- attributes ------------------------------------------------------------------------ */

static enum tro_op activation_of(struct tro_import_call *c, struct tro_str name)
{
    static const struct {
        const char *name;
        enum tro_op op;
    } rows[] = {{"sigmoid", TRO_OP_SIGMOID}, {"tanh", TRO_OP_TANH}, {"softplus", TRO_OP_SOFTPLUS}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (name.n == strlen(rows[i].name) && !strncasecmp(name.p, rows[i].name, name.n))
            return rows[i].op;
    tro_import_fail(
        c, TRO_E_UNSUPPORTED,
        "attribute 'activations': expected Sigmoid, Tanh or Softplus, found '%.*s': leave "
        "this LSTM in floating point",
        (int)name.n, name.p);
    return TRO_OP_TANH;
}

static void read_activations(struct tro_import_call *c, struct lstm *l)
{
    static const enum tro_op usual[3] = {TRO_OP_SIGMOID, TRO_OP_TANH, TRO_OP_TANH};
    const struct tro_onnx_attr *a = tro_attr_raw(c, "activations");
    const size_t n = l->direction == tro_rnn_direction_bidirectional ? 6 : 3;
    tro_attr_ignore(c, "activation_alpha"); /* of no activation that is supported */
    tro_attr_ignore(c, "activation_beta");
    for (int i = 0; i < 6; i++)
        l->activation[i] = usual[i % 3];
    if (a && a->n_strings != n)
        tro_import_fail(c, TRO_E_INPUT, "attribute 'activations': expected %zu names, found %zu", n,
                        a->n_strings);
    for (size_t i = 0; a && i < n && c->rc >= 0; i++)
        l->activation[i] = activation_of(c, a->strings[i]);
}

/* x, w and r of rank 3, and hidden_size as r [directions, hidden, 4 hidden] has it. */
static void check_shapes(struct tro_import_call *c, const struct lstm *l)
{
    for (int i = 0; i < 3; i++)
        if (tro_rank_needed(c, c->in[i]) != 3)
            tro_import_fail(c, TRO_E_INPUT, "input %d: expected rank 3, found rank %d", i,
                            tro_rank_of(c, c->in[i]));
    const tro_dim hidden = tro_dim_of(c, c->in[2], 1), gates = tro_dim_of(c, c->in[2], 2);
    if (c->rc >= 0 &&
        (l->hidden <= 0 || !tro_dim_is(hidden, l->hidden) || l->hidden > INT32_MAX / (2 * GATES) ||
         !tro_dim_is(gates, GATES * l->hidden)))
        tro_import_fail(
            c, TRO_E_INPUT,
            "attribute 'hidden_size': expected the size that r has, [directions, hidden, "
            "4 hidden], found %lld",
            (long long)l->hidden);
}

static void read_lstm(struct tro_import_call *c, struct lstm *l)
{
    static const char *const directions[] = {"forward", "reverse", "bidirectional", NULL};
    *l = (struct lstm){
        .hidden = tro_attr_int(c, "hidden_size", 0),
        .direction = (enum tro_rnn_direction)tro_attr_choice(c, "direction", directions, 0),
        .couples_forget = tro_attr_int(c, "input_forget", 0) != 0,
        .clip = tro_attr_float(c, "clip", 0)};
    read_activations(c, l);
    check_shapes(c, l);
    for (int i = 8; i < 12; i++)
        tro_in_needed(c, i);
}

/* ---- the body -------------------------------------------------------------------------- */

/* A value like `outer`, without its first axis when that is what the scan goes over. */
static tro_value_id body_input(struct body *b, tro_value_id outer, bool is_slice)
{
    struct tro_import_call *const c = &b->call;
    tro_value_id v = TRO_VALUE_NONE;
    if (c->rc < 0)
        return v;
    const struct tro_value *o = tro_value_get(c->g, outer);
    struct tro_shape shape = o->shape;
    if (is_slice)
        for (int i = 1; i < shape.rank; i++)
            shape.dim[i - 1] = shape.dim[i];
    shape.rank -= is_slice;
    c->rc = tro_graph_add_input(c->g, c->block, "", o->dtype, &shape, &v, c->err);
    return v;
}

/* A value from outside: a constant as it is, anything else comes in at the end of the inputs. */
static tro_value_id captured(struct body *b, tro_value_id outer)
{
    if (b->call.rc < 0 || !outer.i || tro_value_get(b->call.g, outer)->data)
        return outer;
    b->captures[b->n_captures++] = outer;
    return body_input(b, outer, false);
}

static tro_value_id gate_of(struct tro_import_call *c, const struct lstm *l, tro_value_id gates,
                            int which)
{
    return tro_emit_slice(c, gates, 1, which * l->hidden, (which + 1) * l->hidden);
}

/* Activation of the gate, of which `cell` looks through the peephole. */
static tro_value_id activated(struct tro_import_call *c, const struct lstm *l, enum tro_op op,
                              tro_value_id gate, tro_value_id peephole, tro_value_id cell)
{
    if (peephole.i)
        gate = tro_emit2(c, TRO_OP_ADD, gate, tro_emit2(c, TRO_OP_MUL, peephole, cell));
    if (l->clip > 0)
        gate = tro_emit_clamp(c, gate, -l->clip, l->clip);
    return tro_emit1(c, op, gate);
}

struct cell {
    tro_value_id h, c;
};

/* One step: gates in the order in, out, forget, cell. */
static struct cell step(struct body *b, const struct lstm *l, const struct layer *y,
                        struct cell before, tro_value_id from_x)
{
    struct tro_import_call *const c = &b->call;
    const enum tro_op *f = &l->activation[3 * y->i];
    const struct tro_quantized h = tro_quantized_by_range(c, before.h);
    const struct tro_quantized r = {captured(b, y->r.x), captured(b, y->r.scale),
                                    captured(b, y->r.zero)};
    const tro_value_id bias = captured(b, y->bias);
    tro_value_id p[3];
    for (int i = 0; i < 3; i++)
        p[i] = captured(b, y->peephole[i]);
    const tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL,
                                      (tro_value_id[]){h.x, r.x, h.zero, r.zero}, 4);
    tro_value_id gates = tro_emit2(c, TRO_OP_ADD, from_x, tro_scaled_sum(c, acc, h.scale, r.scale));
    if (bias.i)
        gates = tro_emit2(c, TRO_OP_ADD, gates, bias);
    const tro_value_id in = activated(c, l, f[0], gate_of(c, l, gates, 0), p[0], before.c);
    const tro_value_id forget = l->couples_forget ? tro_emit2(c, TRO_OP_SUB, tro_like(c, in, 1), in)
                                                  : activated(c, l, f[0], gate_of(c, l, gates, 2),
                                                              p[2], before.c);
    const tro_value_id update = activated(c, l, f[1], gate_of(c, l, gates, 3), TRO_VALUE_NONE,
                                          before.c);
    struct cell now;
    now.c = tro_emit2(c, TRO_OP_ADD, tro_emit2(c, TRO_OP_MUL, forget, before.c),
                      tro_emit2(c, TRO_OP_MUL, in, update));
    const tro_value_id out = activated(c, l, f[0], gate_of(c, l, gates, 1), p[1], now.c);
    now.h = tro_emit2(c, TRO_OP_MUL, out, tro_emit1(c, f[2], now.c));
    return now;
}

/* Ended sequences: h is 0 from then on, the last h and c stay. */
static void freeze(struct tro_import_call *c, tro_value_id is_running, struct cell *now,
                   struct cell *last)
{
    now->h = tro_emit3(c, TRO_OP_SELECT, is_running, now->h, tro_like(c, now->h, 0));
    last->h = tro_emit3(c, TRO_OP_SELECT, is_running, now->h, last->h);
    last->c = tro_emit3(c, TRO_OP_SELECT, is_running, now->c, last->c);
}

static void fill_body(struct body *b, const struct lstm *l, const struct layer *y)
{
    struct tro_import_call *const c = &b->call;
    const bool has_lengths = l->is_running.i != 0;
    struct cell now = {body_input(b, y->h, false), body_input(b, y->c, false)}, last = {{0}, {0}};
    if (has_lengths)
        last = (struct cell){body_input(b, y->h, false), body_input(b, y->c, false)};
    const tro_value_id from_x = body_input(b, y->from_x, true);
    const tro_value_id is_running = has_lengths ? body_input(b, l->is_running, true)
                                                : TRO_VALUE_NONE;
    now = step(b, l, y, now, from_x);
    if (has_lengths)
        freeze(c, is_running, &now, &last);
    const tro_value_id out[MAX_STATES + 1] = {now.h, now.c, last.h, last.c, now.h};
    for (int i = 0; i < MAX_STATES + 1 && c->rc >= 0; i++)
        if (out[i].i)
            c->rc = tro_block_add_output(c->g, c->block, out[i], c->err);
}

/* ---- one direction --------------------------------------------------------------------- */

static tro_value_id part(struct tro_import_call *c, tro_value_id v, int i)
{
    return tro_emit_squeeze(c, tro_emit_slice(c, v, 0, i, i + 1), 0);
}

/* [batch, hidden] of an initial state, zeros without it. */
static tro_value_id initial(struct tro_import_call *c, const struct lstm *l, int input, int i)
{
    const tro_dim d[2] = {tro_dim_of(c, c->in[0], 1), tro_dim_const(l->hidden)};
    if (tro_in_has(c, input))
        return part(c, c->in[input], i);
    return tro_emit2(c, TRO_OP_EXPAND, tro_scalar(c, TRO_F32, 0), tro_dims_vector(c, d, 2));
}

/* Both halves of the bias are added. */
static tro_value_id bias_of(struct tro_import_call *c, const struct lstm *l, int i)
{
    if (!tro_in_has(c, 3))
        return TRO_VALUE_NONE;
    const tro_value_id both = part(c, c->in[3], i);
    const int64_t n = GATES * l->hidden;
    return tro_emit2(c, TRO_OP_ADD, tro_emit_slice(c, both, 0, 0, n),
                     tro_emit_slice(c, both, 0, n, 2 * n));
}

static tro_value_id reversed(struct tro_import_call *c, tro_value_id x)
{
    const struct tro_attrs_reverse_sequence a = {.time_axis = 0, .batch_axis = 1};
    const tro_value_id lengths = tro_emit_cast(c, c->in[4], TRO_I64);
    return tro_emit(c, TRO_OP_REVERSE_SEQUENCE, &a, (tro_value_id[]){x, lengths}, 2);
}

static struct layer make_layer(struct tro_import_call *c, const struct lstm *l, int i)
{
    struct layer y = {.i = i,
                      .is_reverse = l->direction == tro_rnn_direction_reverse || i == 1,
                      .r = {part(c, c->in[2], i), part(c, c->in[10], i), part(c, c->in[11], i)},
                      .bias = bias_of(c, l, i),
                      .h = initial(c, l, 5, i),
                      .c = initial(c, l, 6, i)};
    const struct tro_quantized w = {part(c, c->in[1], i), part(c, c->in[8], i),
                                    part(c, c->in[9], i)};
    const tro_value_id in[4] = {l->x.x, w.x, l->x.zero, w.zero};
    const tro_value_id acc = tro_emit(c, TRO_OP_MATMUL_INT, NULL, in, 4);
    y.from_x = tro_scaled_sum(c, acc, l->x.scale, w.scale);
    if (y.is_reverse && l->is_running.i)
        y.from_x = reversed(c, y.from_x);
    for (int k = 0; k < 3 && tro_in_has(c, 7); k++)
        y.peephole[k] = tro_emit_slice(c, part(c, c->in[7], i), 0, k * l->hidden,
                                       (k + 1) * l->hidden);
    return y;
}

/* out: last h, last c, y of all steps */
static void run_layer(struct tro_import_call *c, const struct lstm *l, const struct layer *y,
                      tro_value_id out[3])
{
    const bool has_lengths = l->is_running.i != 0;
    const tro_value_id zero = tro_emit2(c, TRO_OP_SUB, y->h, y->h);
    const int n_states = has_lengths ? 4 : 2;
    tro_value_id in[MAX_STATES + 2 + MAX_CAPTURES] = {y->h, y->c, zero, zero}, made[5] = {{0}};
    struct body b = {.call = *c};
    int n_in = n_states;
    in[n_in++] = y->from_x;
    if (has_lengths)
        in[n_in++] = l->is_running;
    if (b.call.rc >= 0)
        b.call.rc = tro_graph_add_block(c->g, &b.call.block, c->err);
    fill_body(&b, l, y);
    c->rc = b.call.rc;
    struct tro_attrs_scan a = {
        .n_scan_inputs = has_lengths ? 2 : 1, .n_scan_outputs = 1, .n_captures = b.n_captures};
    if (y->is_reverse && !has_lengths)
        a.input_reversed = a.output_reversed = (struct tro_ints){.n = 1, .v = {1}};
    for (int i = 0; i < b.n_captures; i++)
        in[n_in++] = b.captures[i];
    const struct tro_node_spec spec = {
        .op = TRO_OP_SCAN,
        .name = tro_arena_strndup(&c->g->arena, c->node->name.p, c->node->name.n),
        .attrs = &a,
        .n_in = (uint32_t)n_in,
        .n_out = (uint32_t)n_states + 1,
        .in = in,
        .blocks = {b.call.block}};
    if (c->rc >= 0)
        c->rc = tro_graph_add_node(c->g, c->block, &spec, made, c->err);
    out[0] = made[n_states - 2];
    out[1] = made[n_states - 1];
    out[2] = y->is_reverse && has_lengths ? reversed(c, made[n_states]) : made[n_states];
}

/* ---- all of it ------------------------------------------------------------------------- */

/* [time, batch, 1]: the step is before the sequence's length. */
static tro_value_id running(struct tro_import_call *c)
{
    struct tro_attrs_dims a = {.values.n = 1, .is_scalar = 1};
    a.values.v[0] = tro_dim_of(c, c->in[0], 0);
    const tro_value_id n = tro_emit(c, TRO_OP_DIMS, &a, NULL, 0);
    const tro_value_id at = tro_emit3(c, TRO_OP_RANGE, tro_scalar(c, TRO_I64, 0), n,
                                      tro_scalar(c, TRO_I64, 1));
    const tro_value_id lengths = tro_emit_unsqueeze(c, tro_emit_cast(c, c->in[4], TRO_I64), 1);
    const int64_t axes[2] = {1, 2};
    return tro_emit2(c, TRO_OP_LT, tro_emit2(c, TRO_OP_UNSQUEEZE, at, tro_const_i64(c, axes, 2)),
                     lengths);
}

/* Steps that no sequence has are 0 in the range of x. */
static tro_value_id used_x(struct tro_import_call *c, const struct lstm *l)
{
    static const struct tro_ints batch = {.n = 1, .v = {1}};
    const tro_value_id x = c->in[0];
    if (!l->is_running.i)
        return x;
    const tro_value_id any = tro_emit_reduce(c, tro_emit_cast(c, l->is_running, TRO_I32),
                                             tro_reduction_max, &batch, true);
    return tro_emit3(c, TRO_OP_SELECT, tro_emit_cast(c, any, TRO_BOOL), x, tro_like(c, x, 0));
}

/* x, w, r, bias, lengths, h, c, peepholes, scale and zero of w, scale and zero of r */
int tro_import_dynamic_quantize_lstm(struct tro_import_call *c)
{
    struct lstm l;
    read_lstm(c, &l);
    if (c->rc < 0)
        return c->rc;
    if (tro_in_has(c, 4))
        l.is_running = running(c);
    l.x = tro_quantized_by_range(c, used_x(c, &l));
    const int n = l.direction == tro_rnn_direction_bidirectional ? 2 : 1;
    tro_value_id out[3][2] = {{{0}}};
    for (int i = 0; i < n; i++) {
        const struct layer y = make_layer(c, &l, i);
        tro_value_id made[3];
        run_layer(c, &l, &y, made);
        for (int k = 0; k < 3; k++)
            out[k][i] = tro_emit_unsqueeze(c, made[k], k == 2);
    }
    tro_set_out(c, 0, tro_emit_concat(c, out[2], n, 1));
    tro_set_out(c, 1, tro_emit_concat(c, out[0], n, 0));
    tro_set_out(c, 2, tro_emit_concat(c, out[1], n, 0));
    return c->rc;
}
