/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTM, GRU and RNN. Every state stays in double until it is stored. For each direction the part of
 * the gates that comes from x is one product ahead of the steps; the part of the former state is
 * another one in each step.
 *
 *     rows of w, r and bias, `hidden` each:  lstm i, o, f, c   gru z, r, h   rnn h
 */
#include "ref/activation.h"
#include "ref/gemm.h"
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_GATES = 4, MAX_ACTIVATIONS = 3 };

struct layer {
    struct tro_ref_call *c;
    const struct tro_attrs_recurrent *a;
    int64_t time, batch, features, hidden, n_directions;
    int n_gates;
    struct tro_reals x, w, r;
    int64_t *lengths; /* by batch */
};

/* One direction of it. */
struct pass {
    const struct layer *l;
    int64_t direction;
    bool is_reverse;
    struct tro_activation f[MAX_ACTIVATIONS];
    double *bias_w, *bias_r; /* [gates * hidden] */
    double *peephole;        /* [3 * hidden]: i, o, f; NULL when absent */
    double *from_x;          /* [time, batch, gates * hidden] */
    double *from_h;          /* [batch, gates * hidden] */
    double *h, *c, *reset_h; /* [batch, hidden] */
};

static bool has(const struct tro_ref_call *c, int i)
{
    return i < c->n_in && c->in[i].dtype != TRO_DTYPE_NONE;
}

/* ---- products -------------------------------------------------------------------------- */

/* from_x = x * w^T over all steps and pictures of the batch. */
static int multiply_x(const struct pass *p)
{
    const struct layer *const l = p->l;
    const int64_t gates = l->n_gates * l->hidden, k = l->features;
    const struct tro_axis time = {l->time, l->a->batch_first ? k : l->batch * k, 0,
                                  l->batch * gates};
    const struct tro_axis batch = {l->batch, l->a->batch_first ? l->time * k : k, 0, gates};
    struct tro_contraction t = {.m = {2, {time, batch}},
                                .n = {1, {{gates, 0, k, 1}}},
                                .k = {1, {{k, 1, 1, 0}}},
                                .a = l->x,
                                .b = l->w,
                                .out_dtype = TRO_F64,
                                .out = p->from_x};
    const int64_t skip = p->direction * gates * k;
    if (t.b.f)
        t.b.f += skip;
    else
        t.b.d += skip;
    return tro_ref_contract(&t, l->c->err);
}

/* from_h, gates first .. first+n = r * h^T: r on the left, where its rows are read as they lie. */
static int multiply_h(const struct pass *p, const double *h, int first, int n)
{
    const struct layer *const l = p->l;
    const int64_t gates = l->n_gates * l->hidden, k = l->hidden;
    struct tro_contraction t = {.m = {1, {{n * k, k, 0, 1}}},
                                .n = {1, {{l->batch, 0, k, gates}}},
                                .k = {1, {{k, 1, 1, 0}}},
                                .a = l->r,
                                .b = {.d = h},
                                .out_dtype = TRO_F64,
                                .out = p->from_h + first * k};
    const int64_t skip = (p->direction * gates + first * k) * k;
    if (t.a.f)
        t.a.f += skip;
    else
        t.a.d += skip;
    return tro_ref_contract(&t, l->c->err);
}

/* ---- cells ----------------------------------------------------------------------------- */

static double clipped(const struct layer *l, double v)
{
    const double clip = l->a->clip;
    return clip > 0 ? (v > clip ? clip : v < -clip ? -clip : v) : v;
}

/* Gate before its activation, from x, h and both biases. */
static double gate(const struct pass *p, const double *from_x, int64_t b, int g, int64_t i)
{
    const int64_t at = g * p->l->hidden + i, gates = p->l->n_gates * p->l->hidden;
    return from_x[at] + p->from_h[b * gates + at] + p->bias_w[at] + p->bias_r[at];
}

static double peephole(const struct pass *p, int which, int64_t i, double c)
{
    return p->peephole ? p->peephole[which * p->l->hidden + i] * c : 0;
}

static void lstm_cell(const struct pass *p, const double *from_x, int64_t b, int64_t n)
{
    const struct layer *const l = p->l;
    const struct tro_activation *const f = p->f;
    for (int64_t i = 0; i < n; i++) {
        double *const c = &p->c[b * n + i];
        const double in = tro_activate(
            &f[0], clipped(l, gate(p, from_x, b, 0, i) + peephole(p, 0, i, *c)));
        double forget = 1 - in;
        if (!l->a->input_forget)
            forget = tro_activate(&f[0],
                                  clipped(l, gate(p, from_x, b, 2, i) + peephole(p, 2, i, *c)));
        const double update = tro_activate(&f[1], clipped(l, gate(p, from_x, b, 3, i)));
        *c = forget * *c + in * update;
        const double out = tro_activate(
            &f[0], clipped(l, gate(p, from_x, b, 1, i) + peephole(p, 1, i, *c)));
        p->h[b * n + i] = out * tro_activate(&f[2], *c);
    }
}

static void rnn_cell(const struct pass *p, const double *from_x, int64_t b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p->h[b * n + i] = tro_activate(&p->f[0], clipped(p->l, gate(p, from_x, b, 0, i)));
}

/* The hidden gate of gru. Its part of h is in from_h: of the reset h, or of h itself, which the
 * reset gate then scales together with its bias. */
static void gru_cell(const struct pass *p, const double *from_x, int64_t b, int64_t n)
{
    const struct layer *const l = p->l;
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = 2 * n + i;
        double *const h = &p->h[b * n + i];
        const double update = tro_activate(&p->f[0], clipped(l, gate(p, from_x, b, 0, i)));
        double recurrent = p->from_h[b * 3 * n + at] + p->bias_r[at];
        if (l->a->linear_before_reset)
            recurrent *= tro_activate(&p->f[0], clipped(l, gate(p, from_x, b, 1, i)));
        const double hidden = tro_activate(&p->f[1],
                                           clipped(l, from_x[at] + p->bias_w[at] + recurrent));
        *h = (1 - update) * hidden + update * *h;
    }
}

/* h scaled by the reset gate, of which only `batch` elements that still run are used. */
static void reset_h(const struct pass *p, const double *from_x, int64_t b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        p->reset_h[b * n + i] = p->h[b * n + i] *
                                tro_activate(&p->f[0], clipped(p->l, gate(p, from_x, b, 1, i)));
}

/* ---- steps ----------------------------------------------------------------------------- */

/* Step s of sequence b reads and writes this time, a reverse one from its own end. */
static int64_t time_of(const struct pass *p, int64_t s, int64_t b)
{
    return p->is_reverse ? p->l->lengths[b] - 1 - s : s;
}

static const double *from_x_at(const struct pass *p, int64_t s, int64_t b)
{
    const int64_t gates = p->l->n_gates * p->l->hidden;
    return p->from_x + (time_of(p, s, b) * p->l->batch + b) * gates;
}

static void store_y(const struct pass *p, int64_t time, int64_t b, const double *h)
{
    const struct layer *const l = p->l;
    struct tro_tensor *const y = &l->c->out[0];
    const int64_t row = l->a->batch_first ? (b * l->time + time) * l->n_directions + p->direction
                                          : (time * l->n_directions + p->direction) * l->batch + b;
    if (y->data)
        tro_store_row_f64(y->dtype, y->data, row * l->hidden, l->hidden, h);
}

static int run_step(const struct pass *p, int64_t s)
{
    const struct layer *const l = p->l;
    const int64_t n = l->hidden;
    const bool is_gru = l->a->kind == tro_recurrent_gru;
    const bool is_reset_first = is_gru && !l->a->linear_before_reset;
    TRO_TRY(multiply_h(p, p->h, 0, is_reset_first ? 2 : l->n_gates));
    for (int64_t b = 0; b < l->batch && is_reset_first; b++)
        if (s < l->lengths[b])
            reset_h(p, from_x_at(p, s, b), b, n);
    if (is_reset_first)
        TRO_TRY(multiply_h(p, p->reset_h, 2, 1));
    for (int64_t b = 0; b < l->batch; b++) {
        if (s >= l->lengths[b])
            continue;
        const double *const from_x = from_x_at(p, s, b);
        if (l->a->kind == tro_recurrent_lstm)
            lstm_cell(p, from_x, b, n);
        else if (is_gru)
            gru_cell(p, from_x, b, n);
        else
            rnn_cell(p, from_x, b, n);
        store_y(p, time_of(p, s, b), b, p->h + b * n);
    }
    return 0;
}

/* ---- states ---------------------------------------------------------------------------- */

/* First element of a state [directions, batch, hidden], or [batch, directions, hidden]. */
static int64_t state_at(const struct pass *p, int64_t b)
{
    const struct layer *const l = p->l;
    const int64_t row = l->a->batch_first ? b * l->n_directions + p->direction
                                          : p->direction * l->batch + b;
    return row * l->hidden;
}

static void load_state(const struct pass *p, int i, double *state)
{
    const struct layer *const l = p->l;
    for (int64_t b = 0; b < l->batch && has(l->c, i); b++)
        tro_load_row_f64(l->c->in[i].dtype, l->c->in[i].data, state_at(p, b), l->hidden,
                         state + b * l->hidden);
}

static void store_state(const struct pass *p, int i, const double *state)
{
    const struct layer *const l = p->l;
    if (i >= l->c->n_out || !l->c->out[i].data)
        return;
    for (int64_t b = 0; b < l->batch; b++)
        tro_store_row_f64(l->c->out[i].dtype, l->c->out[i].data, state_at(p, b), l->hidden,
                          state + b * l->hidden);
}

/* `n` parameters of the direction; 0 when input i is absent. */
static double *load_params(const struct pass *p, int i, int64_t skip, int64_t per_direction,
                           int64_t n)
{
    struct tro_ref_call *const c = p->l->c;
    double *const v = TRO_NEW_N(c->scratch, double, (size_t)n);
    if (v && has(c, i))
        tro_load_row_f64(c->in[i].dtype, c->in[i].data, p->direction * per_direction + skip, n, v);
    return v;
}

static int pass_init(struct pass *p)
{
    const struct layer *const l = p->l;
    struct tro_arena *const scratch = l->c->scratch;
    const int64_t gates = l->n_gates * l->hidden;
    const size_t state = (size_t)(l->batch * l->hidden), batch_gates = (size_t)(l->batch * gates);
    p->bias_w = load_params(p, 3, 0, 2 * gates, gates);
    p->bias_r = load_params(p, 3, gates, 2 * gates, gates);
    p->peephole = has(l->c, 7) ? load_params(p, 7, 0, 3 * l->hidden, 3 * l->hidden) : NULL;
    p->from_x = tro_arena_alloc(scratch, (size_t)l->time, batch_gates * sizeof(double));
    p->from_h = TRO_NEW_N(scratch, double, batch_gates);
    p->h = TRO_NEW_N(scratch, double, state);
    p->c = TRO_NEW_N(scratch, double, state);
    p->reset_h = TRO_NEW_N(scratch, double, state);
    if (!p->bias_w || !p->bias_r || (has(l->c, 7) && !p->peephole) || !p->from_x || !p->from_h ||
        !p->h || !p->c || !p->reset_h)
        return tro_fail_nomem(l->c->err);
    load_state(p, 5, p->h);
    load_state(p, 6, p->c);
    return 0;
}

static int run_direction(const struct layer *l, int64_t direction)
{
    struct pass p = {.l = l, .direction = direction};
    p.is_reverse = l->a->direction == tro_rnn_direction_reverse || direction == 1;
    TRO_TRY(tro_activations_read(l->a, (int)direction, p.f, l->c->err));
    TRO_TRY(pass_init(&p));
    TRO_TRY(multiply_x(&p));
    for (int64_t s = 0; s < l->time; s++)
        TRO_TRY(run_step(&p, s));
    store_state(&p, 1, p.h);
    store_state(&p, 2, p.c);
    return 0;
}

static int read_lengths(struct layer *l)
{
    struct tro_ref_call *const c = l->c;
    l->lengths = TRO_NEW_N(c->scratch, int64_t, (size_t)l->batch);
    if (!l->lengths)
        return tro_fail_nomem(c->err);
    for (int64_t b = 0; b < l->batch; b++) {
        l->lengths[b] = has(c, 4) ? tro_load_i64(c->in[4].dtype, c->in[4].data, b) : l->time;
        if (l->lengths[b] < 0 || l->lengths[b] > l->time)
            return tro_fail(c->err, TRO_E_INPUT,
                            "length %" PRId64 " of sequence %" PRId64 ": expected 0 to %" PRId64,
                            l->lengths[b], b, l->time);
    }
    return 0;
}

int tro_ref_recurrent(struct tro_ref_call *c)
{
    const struct tro_attrs_recurrent *const a = c->attrs;
    const int64_t *const x = c->in[0].shape;
    struct layer l = {.c = c,
                      .a = a,
                      .time = x[a->batch_first ? 1 : 0],
                      .batch = x[a->batch_first ? 0 : 1],
                      .features = x[2],
                      .hidden = a->hidden_size,
                      .n_directions = c->in[1].shape[0]};
    l.n_gates = a->kind == tro_recurrent_lstm ? MAX_GATES : a->kind == tro_recurrent_gru ? 3 : 1;
    TRO_TRY(read_lengths(&l));
    TRO_TRY(tro_ref_reals(c, &c->in[0], &l.x));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &l.w));
    TRO_TRY(tro_ref_reals(c, &c->in[2], &l.r));
    if (c->out[0].data)
        memset(c->out[0].data, 0, tro_tensor_n_bytes(&c->out[0]));
    for (int64_t d = 0; d < l.n_directions; d++)
        TRO_TRY(run_direction(&l, d));
    return 0;
}
