/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recurrent layers at one level: each level's file includes this once, after it has defined
 * RNN_LEVEL (the level) and RNN_ROWS (sequences that are worked on together).
 *
 * Every sum runs over even and odd k apart and adds the two at the end, whatever the number of
 * rows, so that results do not depend on how sequences are spread over threads.
 */
#include "cpu/math.h"
#include "cpu/recurrent.h"
#include "cpu/simd.h"

#include "base/err.h"

#include <inttypes.h>
#include <string.h>

#define RNN_JOIN_(a, b) a##__##b
#define RNN_JOIN(a, b) RNN_JOIN_(a, b)
#define RNN_INLINE static inline __attribute__((always_inline))

/* fma is a call where the level has no instruction for it. */
#if defined(__FMA__) || defined(__ARM_NEON)
#define RNN_ADD_PRODUCT(a, b, c) vf_fma(a, b, c)
#else
#define RNN_ADD_PRODUCT(a, b, c) ((a) * (b) + (c))
#endif

enum { ROWS = RNN_ROWS, VECTORS = TRO_RNN_VECTORS, LANES = VF_LANES };

/* One direction of some sequences, at all times. */
struct pass {
    const struct tro_rnn *n;
    const struct tro_step *s;
    const struct tro_step_run *r;
    int d;
    int64_t first, n_rows, panel, end; /* sequences and panels */
    int64_t pitch;                     /* of the rows below */
    float *h, *next, *c;               /* [n_rows, pitch] */
    float *update, *reset, *hidden_x;  /* likewise, split gru */
    const int32_t *lengths;            /* NULL: all are full */
};

/* ---- places ---------------------------------------------------------------------------- */

static const void *input(const struct pass *p, int i)
{
    return i < 0 ? NULL : tro_arg_ptr(p->r, &p->s->in[i]);
}

static float *row3(const struct tro_step_run *r, const struct tro_arg *a, int64_t i, int64_t j)
{
    return (float *)tro_arg_ptr(r, a) + i * a->stride[0] + j * a->stride[1];
}

static const float *x_row(const struct tro_rnn *n, const struct tro_step *s,
                          const struct tro_step_run *r, int64_t t, int64_t b)
{
    return row3(r, &s->in[n->in.x], n->is_batch_first ? b : t, n->is_batch_first ? t : b);
}

/* Of a state [directions, batch, hidden], or [batch, directions, hidden]. */
static float *state_row(const struct pass *p, const struct tro_arg *a, int64_t b)
{
    const bool is_batch_first = p->n->is_batch_first;
    return row3(p->r, a, is_batch_first ? b : p->d, is_batch_first ? p->d : b);
}

static float *y_row(const struct pass *p, int64_t t, int64_t b)
{
    const struct tro_arg *const y = &p->s->out[p->n->out.y];
    if (p->n->is_batch_first)
        return row3(p->r, y, b, t) + p->d * y->stride[2];
    return row3(p->r, y, t, p->d) + b * y->stride[2];
}

/* ---- products -------------------------------------------------------------------------- */

RNN_INLINE void product_of(vf *acc, const float *const *a, const float *b, int64_t n_k,
                           const int n_rows, const int n_vectors)
{
    vf even[ROWS][VECTORS], odd[ROWS][VECTORS];
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < n_vectors; v++) {
            even[i][v] = acc[i * VECTORS + v];
            odd[i][v] = vf_set(0);
        }
    int64_t k = 0;
    for (; k + 2 <= n_k; k += 2, b += 2 * n_vectors * LANES)
        for (int i = 0; i < n_rows; i++) {
            const vf x = vf_set(a[i][k]), y = vf_set(a[i][k + 1]);
            for (int v = 0; v < n_vectors; v++) {
                even[i][v] = RNN_ADD_PRODUCT(x, vf_load(b + v * LANES), even[i][v]);
                odd[i][v] = RNN_ADD_PRODUCT(y, vf_load(b + (n_vectors + v) * LANES), odd[i][v]);
            }
        }
    for (int i = 0; i < n_rows && k < n_k; i++)
        for (int v = 0; v < n_vectors; v++)
            even[i][v] = RNN_ADD_PRODUCT(vf_set(a[i][k]), vf_load(b + v * LANES), even[i][v]);
    for (int i = 0; i < n_rows; i++)
        for (int v = 0; v < n_vectors; v++)
            acc[i * VECTORS + v] = even[i][v] + odd[i][v];
}

/* acc[row][vector] += a[row][k] * b[k][vector] */
static void multiply(vf *acc, const float *const *a, int n_rows, const float *b, int64_t n_k,
                     int n_vectors)
{
#define RNN_CASE(r, v)                    \
    case (r)*8 + (v):                     \
        product_of(acc, a, b, n_k, r, v); \
        break;
    switch (n_rows * 8 + n_vectors) {
        RNN_CASE(1, 1)
        RNN_CASE(1, 2)
        RNN_CASE(1, 3)
        RNN_CASE(1, 4)
#if RNN_ROWS > 1
        RNN_CASE(2, 1)
        RNN_CASE(2, 2)
        RNN_CASE(2, 3)
        RNN_CASE(2, 4)
#endif
    }
#undef RNN_CASE
}

/* Rows t * batch + b of from_x for one panel: biases + w x. */
static void project_rows(const struct tro_rnn *n, const struct tro_step *s,
                         const struct tro_step_run *r, int64_t panel_at, int64_t row, int n_rows,
                         vf *acc)
{
    const int64_t size = (int64_t)n->n_vectors * LANES;
    const float *const w = tro_arg_ptr(r, &s->in[n->in.w]);
    const float *const bias = (const float *)tro_arg_ptr(r, &s->in[n->in.bias]) + panel_at * size;
    const float *x[ROWS];
    for (int i = 0; i < n_rows; i++) {
        x[i] = x_row(n, s, r, (row + i) / n->batch, (row + i) % n->batch);
        for (int v = 0; v < n->n_vectors; v++)
            acc[i * VECTORS + v] = vf_load(bias + v * LANES);
    }
    multiply(acc, x, n_rows, w + panel_at * n->features * size, n->features, n->n_vectors);
}

static int project(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_rnn *const n = s->params;
    const int64_t size = (int64_t)n->n_vectors * LANES, n_rows = n->time * n->batch;
    float *const out = tro_arg_ptr(r, &s->out[0]);
    int64_t begin, end;
    tro_part_range(n->n_directions * n->n_panels, r->part, r->n_parts, &begin, &end);
    for (int64_t at = begin; at < end; at++)
        for (int64_t row = 0; row < n_rows; row += ROWS) {
            const int n_now = n_rows - row < ROWS ? (int)(n_rows - row) : ROWS;
            const int64_t d = at / n->n_panels, panel = at % n->n_panels;
            vf acc[ROWS * VECTORS];
            project_rows(n, s, r, at, row, n_now, acc);
            for (int i = 0; i < n_now; i++)
                for (int v = 0; v < n->n_vectors; v++)
                    vf_store(out + ((d * n_rows + row + i) * n->n_panels + panel) * size +
                                 v * LANES,
                             acc[i * VECTORS + v]);
        }
    return 0;
}

/* ---- cells ----------------------------------------------------------------------------- */

static vf other_curve(const struct tro_activation *f, vf x)
{
    float v[LANES];
    vf_store(v, x);
    for (int i = 0; i < LANES; i++)
        v[i] = (float)tro_activate(f, v[i]);
    return vf_load(v);
}

static inline vf activate(const struct tro_rnn_activation *f, vf x)
{
    const vf alpha = vf_set(f->alpha), beta = vf_set(f->beta), zero = vf_set(0), one = vf_set(1);
    switch (f->curve) {
    case TRO_RNN_SIGMOID:
        return vf_sigmoid(x);
    case TRO_RNN_TANH:
        return vf_tanh(x);
    case TRO_RNN_RELU:
        return vf_max(zero, x);
    case TRO_RNN_LEAKY_RELU:
        return vf_select(vf_lt(x, zero), alpha * x, x);
    case TRO_RNN_AFFINE:
        return vf_fma(alpha, x, beta);
    case TRO_RNN_HARD_SIGMOID:
        return vf_min(one, vf_max(vf_fma(alpha, x, beta), zero));
    case TRO_RNN_SCALED_TANH:
        return alpha * vf_tanh(beta * x);
    case TRO_RNN_SOFTSIGN:
        return x / (one + vf_abs(x));
    default:
        return other_curve(&f->other, x);
    }
}

static inline vf clipped(const struct tro_rnn *n, vf x)
{
    if (n->clip <= 0)
        return x;
    return vf_min(vf_set(n->clip), vf_max(vf_set(-n->clip), x));
}

/* peephole: [3][pitch] at this unit, i o f; NULL when absent. */
static void lstm_cell(const struct pass *p, const vf *sum, const float *peephole, float *c,
                      float *next)
{
    const struct tro_rnn *const n = p->n;
    const struct tro_rnn_activation *const f = n->f[p->d];
    vf cell = vf_load(c), in = sum[0], out = sum[1], forget = sum[2];
    if (peephole) {
        in = vf_fma(vf_load(peephole), cell, in);
        forget = vf_fma(vf_load(peephole + 2 * p->pitch), cell, forget);
    }
    in = activate(&f[0], clipped(n, in));
    if (n->has_input_forget)
        forget = vf_set(1) - in;
    else
        forget = activate(&f[0], clipped(n, forget));
    cell = vf_fma(forget, cell, in * activate(&f[1], clipped(n, sum[3])));
    if (peephole)
        out = vf_fma(vf_load(peephole + p->pitch), cell, out);
    out = activate(&f[0], clipped(n, out));
    vf_store(c, cell);
    vf_store(next, out * activate(&f[2], cell));
}

/* hidden: its gate before clipping. */
static void gru_cell(const struct pass *p, vf update, vf hidden, const float *h, float *next)
{
    const vf now = activate(&p->n->f[p->d][1], clipped(p->n, hidden));
    vf_store(next, vf_fma(update, vf_load(h) - now, now));
}

static void rnn_cells(const struct pass *p, const vf *sum, float *next)
{
    for (int v = 0; v < p->n->n_vectors; v++)
        vf_store(next + v * LANES, activate(&p->n->f[p->d][0], clipped(p->n, sum[v])));
}

/* From the sums of one sequence to its next state; at: its first unit in the rows of the pass. */
static void finish_cell(const struct pass *p, int64_t panel, int64_t at, const vf *x, vf *sum)
{
    const struct tro_rnn *const n = p->n;
    const struct tro_rnn_activation *const f = n->f[p->d];
    const float *const peepholes = input(p, n->in.peephole);
    if (n->kind == tro_recurrent_lstm) {
        lstm_cell(p, sum, peepholes ? peepholes + 3 * p->d * p->pitch + panel * LANES : NULL,
                  p->c + at, p->next + at);
    } else if (n->kind == tro_recurrent_rnn) {
        rnn_cells(p, sum, p->next + at);
    } else if (n->is_split) {
        const vf reset = activate(&f[0], clipped(n, sum[1]));
        vf_store(p->update + at, activate(&f[0], clipped(n, sum[0])));
        vf_store(p->reset + at, vf_load(p->h + at) * reset);
        vf_store(p->hidden_x + at, x[2]);
    } else {
        const vf update = activate(&f[0], clipped(n, sum[0]));
        const vf reset = activate(&f[0], clipped(n, sum[1]));
        gru_cell(p, update, vf_fma(reset, sum[2], x[2]), p->h + at, p->next + at);
    }
}

/* ---- steps ----------------------------------------------------------------------------- */

static int64_t length_of(const struct pass *p, int64_t row)
{
    return p->lengths ? p->lengths[p->first + row] : p->n->time;
}

/* Step t of a sequence reads and writes this time, a reverse one from its own end. */
static int64_t time_of(const struct pass *p, int64_t t, int64_t row)
{
    return p->n->is_reverse[p->d] ? length_of(p, row) - 1 - t : t;
}

static void load_x(const struct pass *p, int64_t t, int64_t panel, int64_t row, int n_rows, vf *x)
{
    const struct tro_rnn *const n = p->n;
    const int64_t size = (int64_t)n->n_vectors * LANES;
    if (n->in.from_x < 0) {
        project_rows(n, p->s, p->r, p->d * n->n_panels + panel, p->first + row, n_rows, x);
        return;
    }
    const float *const from_x = input(p, n->in.from_x);
    for (int i = 0; i < n_rows; i++) {
        const int64_t time = t < length_of(p, row + i) ? time_of(p, t, row + i) : 0;
        const int64_t at = (p->d * n->time + time) * n->batch + p->first + row + i;
        for (int v = 0; v < n->n_vectors; v++)
            x[i * VECTORS + v] = vf_load(from_x + (at * n->n_panels + panel) * size + v * LANES);
    }
}

/* The parameters of r for the gates of a panel. */
static const float *r_panel(const struct pass *p, int64_t panel)
{
    const struct tro_rnn *const n = p->n;
    return (const float *)input(p, n->in.r) +
           (p->d * n->n_panels + panel) * n->hidden * n->n_vectors * LANES;
}

static vf hidden_bias(const struct pass *p, int64_t panel)
{
    return vf_load((const float *)input(p, p->n->in.bias_h) + p->d * p->pitch + panel * LANES);
}

static void run_gates(const struct pass *p, int64_t t, int64_t panel, int64_t row, int n_rows)
{
    const struct tro_rnn *const n = p->n;
    vf x[ROWS * VECTORS], sum[ROWS * VECTORS];
    const float *h[ROWS];
    load_x(p, t, panel, row, n_rows, x);
    for (int i = 0; i < n_rows; i++) {
        h[i] = p->h + (row + i) * p->pitch;
        for (int v = 0; v < n->n_vectors; v++)
            sum[i * VECTORS + v] = x[i * VECTORS + v];
        if (n->kind == tro_recurrent_gru)
            sum[i * VECTORS + 2] = hidden_bias(p, panel);
    }
    multiply(sum, h, n_rows, r_panel(p, panel), n->hidden, n->is_split ? 2 : n->n_vectors);
    for (int i = 0; i < n_rows; i++) {
        const int64_t at = (row + i) * p->pitch + panel * n->units;
        if (t < length_of(p, row + i))
            finish_cell(p, panel, at, x + i * VECTORS, sum + i * VECTORS);
        else
            memcpy(p->next + at, p->h + at, (size_t)n->units * sizeof(float));
    }
}

/* The second half of split gru, when all of the reset h is there. */
static void run_hidden(const struct pass *p, int64_t t, int64_t panel, int64_t row, int n_rows)
{
    const struct tro_rnn *const n = p->n;
    vf sum[ROWS * VECTORS];
    const float *h[ROWS];
    for (int i = 0; i < n_rows; i++) {
        h[i] = p->reset + (row + i) * p->pitch;
        sum[i * VECTORS] = hidden_bias(p, panel);
    }
    multiply(sum, h, n_rows, r_panel(p, panel) + 2 * LANES * n->hidden, n->hidden, 1);
    for (int i = 0; i < n_rows; i++) {
        const int64_t at = (row + i) * p->pitch + panel * n->units;
        if (t < length_of(p, row + i))
            gru_cell(p, vf_load(p->update + at), vf_load(p->hidden_x + at) + sum[i * VECTORS],
                     p->h + at, p->next + at);
    }
}

static void for_blocks(const struct pass *p, int64_t t,
                       void (*run)(const struct pass *, int64_t, int64_t, int64_t, int))
{
    for (int64_t panel = p->panel; panel < p->end; panel++)
        for (int64_t row = 0; row < p->n_rows; row += ROWS)
            run(p, t, panel, row, p->n_rows - row < ROWS ? (int)(p->n_rows - row) : ROWS);
}

/* Columns of the pass's panels that exist. */
static void columns(const struct pass *p, int64_t *begin, size_t *n_bytes)
{
    const int64_t end = p->end * p->n->units;
    *begin = p->panel * p->n->units;
    *n_bytes = (size_t)((end < p->n->hidden ? end : p->n->hidden) - *begin) * sizeof(float);
}

static void run_step(struct pass *p, int64_t t)
{
    for_blocks(p, t, run_gates);
    if (p->n->is_split)
        for_blocks(p, t, run_hidden);
    float *const former = p->h;
    p->h = p->next;
    p->next = former;
    int64_t begin;
    size_t n_bytes;
    columns(p, &begin, &n_bytes);
    for (int64_t row = 0; row < p->n_rows && p->n->out.y >= 0; row++)
        if (t < length_of(p, row))
            memcpy(y_row(p, time_of(p, t, row), p->first + row) + begin,
                   p->h + row * p->pitch + begin, n_bytes);
}

/* ---- the recurrence -------------------------------------------------------------------- */

static void load_state(const struct pass *p, int i, float *state)
{
    memset(state, 0, (size_t)(p->n_rows * p->pitch) * sizeof(float));
    for (int64_t row = 0; row < p->n_rows && i >= 0; row++)
        memcpy(state + row * p->pitch, state_row(p, &p->s->in[i], p->first + row),
               (size_t)p->n->hidden * sizeof(float));
}

static void store_state(const struct pass *p, int i, const float *state)
{
    int64_t begin;
    size_t n_bytes;
    columns(p, &begin, &n_bytes);
    for (int64_t row = 0; row < p->n_rows && i >= 0; row++)
        memcpy(state_row(p, &p->s->out[i], p->first + row) + begin, state + row * p->pitch + begin,
               n_bytes);
}

/* Times after the end of a sequence. */
static void clear_rest(const struct pass *p)
{
    int64_t begin;
    size_t n_bytes;
    columns(p, &begin, &n_bytes);
    for (int64_t row = 0; row < p->n_rows && p->n->out.y >= 0; row++)
        for (int64_t t = length_of(p, row); t < p->n->time; t++)
            memset(y_row(p, t, p->first + row) + begin, 0, n_bytes);
}

static void run_pass(struct pass *p)
{
    const int64_t size = p->n_rows * p->pitch;
    float *const memory = p->r->scratch;
    p->h = memory;
    p->next = memory + size;
    p->c = memory + 2 * size;
    p->update = memory + 3 * size;
    p->reset = memory + 4 * size;
    p->hidden_x = memory + 5 * size;
    load_state(p, p->n->in.h, p->h);
    if (p->n->kind == tro_recurrent_lstm)
        load_state(p, p->n->in.c, p->c);
    clear_rest(p);
    for (int64_t t = 0; t < p->n->time; t++)
        run_step(p, t);
    store_state(p, p->n->out.y_h, p->h);
    store_state(p, p->n->out.y_c, p->c);
}

static int check_lengths(const struct pass *p)
{
    for (int64_t b = 0; p->lengths && b < p->n->batch; b++)
        if (p->lengths[b] < 0 || p->lengths[b] > p->n->time)
            return tro_fail(p->r->err, TRO_E_INPUT,
                            "length %" PRId32 " of sequence %" PRId64 ": expected 0 to %" PRId64,
                            p->lengths[b], b, p->n->time);
    return 0;
}

/* Parts are ranges of sequences, of one direction after the other; of panels where there is one
 * time only and no second half that needs all of them. */
static int recur(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_rnn *const n = s->params;
    const bool by_panels = n->in.from_x < 0 && !n->is_split;
    const int64_t each = by_panels ? n->n_panels : n->batch;
    struct pass p = {.n = n, .s = s, .r = r, .pitch = tro_rnn_padded(n)};
    p.lengths = input(&p, n->in.lengths);
    TRO_TRY(check_lengths(&p));
    int64_t begin, end;
    tro_part_range(n->n_directions * each, r->part, r->n_parts, &begin, &end);
    while (begin < end) {
        const int64_t in = begin % each, stop = end - begin < each - in ? in + end - begin : each;
        p.d = (int)(begin / each);
        p.first = by_panels ? 0 : in;
        p.n_rows = by_panels ? n->batch : stop - in;
        p.panel = by_panels ? in : 0;
        p.end = by_panels ? stop : n->n_panels;
        run_pass(&p);
        begin += stop - in;
    }
    return 0;
}

const struct tro_rnn_level RNN_JOIN(tro_rnn, RNN_LEVEL) = {
    .name = "recurrent_f32_" RNN_NAME,
    .project_name = "recurrent_input_f32_" RNN_NAME,
    .lanes = LANES,
    .project = project,
    .recur = recur,
};
