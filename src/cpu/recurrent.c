/* SPDX-License-Identifier: Apache-2.0 */
#include "cpu/recurrent.h"

#include "base/cpu.h"
#include "base/err.h"

#include <stdio.h>
#include <string.h>

enum { X, W, R, BIAS, LENGTHS, H, C, PEEPHOLE, N_INPUTS };

/* What an emission gathers: args of the step to come. */
struct emission {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    const struct tro_rnn_level *level;
    struct tro_rnn net;
    struct tro_arg in[N_INPUTS + 2], out[3];
    int n_in, n_out;
};

/* ---- what comes in --------------------------------------------------------------------- */

static tro_value_id operand(const struct tro_lower_node *n, int i)
{
    return (uint32_t)i < n->node->n_in ? n->node->in[i] : TRO_VALUE_NONE;
}

/* Present inputs have known sizes, parameters are constants, all but lengths are f32. */
static bool takes_inputs(const struct tro_lowering *l, const struct tro_lower_node *n)
{
    for (int i = 0; i < N_INPUTS; i++) {
        const tro_value_id v = operand(n, i);
        struct tro_tensor t;
        if (!v.i)
            continue;
        if (!tro_lower_type(l, v, &t) || tro_tensor_n_elems(&t) == 0 ||
            t.dtype != (i == LENGTHS ? TRO_I32 : TRO_F32))
            return false;
        const bool is_parameter = i == W || i == R || i == BIAS || i == PEEPHOLE;
        if (is_parameter && !tro_lower_const(l, v, &t))
            return false;
    }
    return true;
}

static enum tro_rnn_curve curve_of(const char *name)
{
    static const struct {
        const char *name;
        enum tro_rnn_curve curve;
    } known[] = {
        {"sigmoid", TRO_RNN_SIGMOID},
        {"tanh", TRO_RNN_TANH},
        {"relu", TRO_RNN_RELU},
        {"leakyrelu", TRO_RNN_LEAKY_RELU},
        {"affine", TRO_RNN_AFFINE},
        {"hardsigmoid", TRO_RNN_HARD_SIGMOID},
        {"scaledtanh", TRO_RNN_SCALED_TANH},
        {"softsign", TRO_RNN_SOFTSIGN},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0)
            return known[i].curve;
    return TRO_RNN_OTHER;
}

static int read_activations(struct emission *e, const struct tro_attrs_recurrent *a)
{
    for (int d = 0; d < e->net.n_directions; d++) {
        struct tro_activation f[TRO_RNN_ACTIVATIONS] = {{0}};
        TRO_TRY(tro_activations_read(a, d, f, tro_lower_err(e->l)));
        for (int i = 0; i < TRO_RNN_ACTIVATIONS && f[i].name; i++)
            e->net.f[d][i] = (struct tro_rnn_activation){.curve = curve_of(f[i].name),
                                                         .alpha = (float)f[i].alpha,
                                                         .beta = (float)f[i].beta,
                                                         .other = f[i]};
    }
    return 0;
}

static int read_net(struct emission *e)
{
    const struct tro_attrs_recurrent *const a = e->n->attrs;
    struct tro_tensor x, w;
    if (!tro_lower_type(e->l, operand(e->n, X), &x) || !tro_lower_type(e->l, operand(e->n, W), &w))
        return tro_fail(tro_lower_err(e->l), TRO_E_INTERNAL, "expected known sizes");
    const bool is_gru = a->kind == tro_recurrent_gru;
    e->net = (struct tro_rnn){
        .kind = a->kind,
        .is_split = is_gru && !a->linear_before_reset,
        .has_input_forget = a->input_forget,
        .is_batch_first = a->batch_first,
        .clip = (float)a->clip,
        .time = x.shape[a->batch_first ? 1 : 0],
        .batch = x.shape[a->batch_first ? 0 : 1],
        .features = x.shape[2],
        .hidden = a->hidden_size,
        .n_directions = w.shape[0],
        .n_gates = a->kind == tro_recurrent_lstm ? 4
                   : is_gru                      ? 3
                                                 : 1,
        .n_vectors = is_gru ? 3 : 4,
        .is_reverse = {a->direction == tro_rnn_direction_reverse, true},
    };
    e->net.units = e->net.n_vectors / e->net.n_gates * e->level->lanes;
    e->net.n_panels = (e->net.hidden + e->net.units - 1) / e->net.units;
    return read_activations(e, a);
}

/* ---- parameters in the form of the kernels ---------------------------------------------- */

struct pack {
    const struct tro_rnn *net;
    int64_t lanes, n_k;
    bool is_split;
};

/* Row of w for a lane of a vector of a panel: direction, gate, unit; -1 beyond the hidden size. */
static int64_t row_of(const struct tro_rnn *n, int64_t lanes, int64_t d, int64_t panel, int64_t v,
                      int64_t lane)
{
    const int64_t per_gate = n->n_vectors / n->n_gates;
    const int64_t unit = panel * n->units + v % per_gate * lanes + lane;
    return unit < n->hidden ? (d * n->n_gates + v / per_gate) * n->hidden + unit : -1;
}

static void pack_panel(const struct pack *p, const float *w, int64_t d, int64_t panel, float *dst)
{
    const struct tro_rnn *const n = p->net;
    for (int64_t v = 0; v < n->n_vectors; v++) {
        const bool is_last = p->is_split && v == 2;
        const int64_t together = is_last ? 1 : p->is_split ? 2 : n->n_vectors;
        float *const to = dst + (is_last ? 2 * p->n_k : v) * p->lanes;
        for (int64_t lane = 0; lane < p->lanes; lane++) {
            const int64_t row = row_of(n, p->lanes, d, panel, v, lane);
            for (int64_t k = 0; k < p->n_k; k++)
                to[k * together * p->lanes + lane] = row < 0 ? 0 : w[row * p->n_k + k];
        }
    }
}

static void pack_weights(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const struct pack *const p = ctx;
    const int64_t size = p->n_k * p->net->n_vectors * p->lanes;
    for (int64_t d = 0; d < p->net->n_directions; d++)
        for (int64_t panel = 0; panel < p->net->n_panels; panel++)
            pack_panel(p, w->data, d, panel, (float *)dst + (d * p->net->n_panels + panel) * size);
}

static int add_input(struct emission *e, const struct tro_arg *arg)
{
    e->in[e->n_in] = *arg;
    return e->n_in++;
}

static int add_weights(struct emission *e, int i, int64_t n_k, bool is_split, int *at)
{
    const struct tro_rnn *const n = &e->net;
    const struct pack pack = {n, e->level->lanes, n_k, is_split};
    const int64_t n_elems = n->n_directions * n->n_panels * n_k * n->n_vectors * pack.lanes;
    char form[48];
    struct tro_arg arg;
    snprintf(form, sizeof form, "recurrent_f32_%dx%dx%d%s", n->n_gates, n->n_vectors / n->n_gates,
             e->level->lanes, is_split ? "_split" : "");
    TRO_TRY(tro_lower_pack(e->l, operand(e->n, i), form, (size_t)n_elems * sizeof(float),
                           pack_weights, &pack, &arg));
    *at = add_input(e, &arg);
    return 0;
}

/* Biases [directions, 2, gates * hidden], of w and of r; zeros when absent. */
static float bias_at(const struct tro_rnn *n, const float *bias, int64_t row, int of_r)
{
    const int64_t gates = n->n_gates * n->hidden;
    return bias && row >= 0 ? bias[(row / gates * 2 + of_r) * gates + row % gates] : 0;
}

static void fill_biases(const struct emission *e, const float *bias, float *out, float *out_h)
{
    const struct tro_rnn *const n = &e->net;
    const int64_t lanes = e->level->lanes;
    for (int64_t at = 0; at < n->n_directions * n->n_panels; at++)
        for (int64_t v = 0; v < n->n_vectors; v++)
            for (int64_t i = 0; i < lanes; i++) {
                const int64_t row = row_of(n, lanes, at / n->n_panels, at % n->n_panels, v, i);
                const bool is_apart = n->kind == tro_recurrent_gru && v == 2;
                const float of_w = bias_at(n, bias, row, 0), of_r = bias_at(n, bias, row, 1);
                out[(at * n->n_vectors + v) * lanes + i] = is_apart ? of_w : of_w + of_r;
                if (is_apart)
                    out_h[at * lanes + i] = of_r;
            }
}

static int add_table(struct emission *e, const float *data, int64_t n, int *at)
{
    struct tro_arg arg;
    TRO_TRY(tro_lower_table(e->l, data, (size_t)n * sizeof(float), &arg));
    *at = add_input(e, &arg);
    return 0;
}

/* Those that from_x holds, or those of the hidden gate of gru that belong to r. */
static int add_biases(struct emission *e, bool of_hidden)
{
    struct tro_rnn *const n = &e->net;
    const int64_t pitch = n->n_directions * tro_rnn_padded(n), size = pitch * n->n_gates;
    struct tro_tensor bias = {0};
    float *const all = TRO_NEW_N(tro_lower_arena(e->l), float, (size_t)(size + pitch));
    if (!all)
        return tro_fail_nomem(tro_lower_err(e->l));
    if (operand(e->n, BIAS).i)
        tro_lower_const(e->l, operand(e->n, BIAS), &bias);
    fill_biases(e, bias.data, all, all + size);
    return of_hidden ? add_table(e, all + size, pitch, &n->in.bias_h)
                     : add_table(e, all, size, &n->in.bias);
}

static int add_peepholes(struct emission *e)
{
    struct tro_rnn *const n = &e->net;
    const int64_t pitch = tro_rnn_padded(n), n_rows = 3 * n->n_directions;
    struct tro_tensor t;
    if (n->kind != tro_recurrent_lstm || !operand(e->n, PEEPHOLE).i ||
        !tro_lower_const(e->l, operand(e->n, PEEPHOLE), &t))
        return 0;
    float *const all = TRO_NEW_N(tro_lower_arena(e->l), float, (size_t)(n_rows * pitch));
    if (!all)
        return tro_fail_nomem(tro_lower_err(e->l));
    for (int64_t i = 0; i < n_rows; i++)
        memcpy(all + i * pitch, (const float *)t.data + i * n->hidden,
               (size_t)n->hidden * sizeof(float));
    return add_table(e, all, n_rows * pitch, &n->in.peephole);
}

/* ---- steps ----------------------------------------------------------------------------- */

static int add_optional(struct emission *e, int i, enum tro_form form, int *at)
{
    const tro_value_id v = operand(e->n, i);
    struct tro_arg arg;
    if (!v.i)
        return 0;
    TRO_TRY(tro_lower_in(e->l, v, form, &arg));
    *at = add_input(e, &arg);
    return 0;
}

static int add_outputs(struct emission *e)
{
    struct tro_rnn_out *const out = &e->net.out;
    int *const at[] = {&out->y, &out->y_h, &out->y_c};
    for (int i = 0; i < e->n->n_out; i++) {
        if (!e->n->out[i].i)
            continue;
        TRO_TRY(tro_lower_out(e->l, e->n, i, TRO_FORM_ROWS, false, &e->out[e->n_out]));
        *at[i] = e->n_out++;
    }
    return 0;
}

static double flops(const struct tro_rnn *n, int64_t n_k)
{
    return 2 * (double)n->n_directions * (double)n->time * (double)n->batch * n->n_gates *
           (double)n->hidden * (double)n_k;
}

/* The product of w and x for all times, ahead of the recurrence. */
static int emit_projection(struct emission *e)
{
    struct tro_rnn *const n = &e->net;
    const int64_t n_elems = n->n_directions * n->time * n->batch * n->n_panels * n->n_vectors *
                            e->level->lanes;
    struct tro_arg from_x;
    struct tro_rnn *params;
    TRO_TRY(tro_lower_temp(e->l, (size_t)n_elems * sizeof(float), &from_x));
    struct tro_step *const s = tro_lower_step(e->l, e->n, e->level->project_name, e->level->project,
                                              e->n_in, 1, sizeof *n, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = *n;
    memcpy(s->in, e->in, (size_t)e->n_in * sizeof e->in[0]);
    s->out[0] = from_x;
    s->n_parts = (int)(n->n_directions * n->n_panels);
    s->n_flops = flops(n, n->features);
    e->n_in = 0;
    n->in.x = n->in.w = n->in.bias = -1;
    n->in.from_x = add_input(e, &from_x);
    return 0;
}

static int emit_recurrence(struct emission *e)
{
    struct tro_rnn *const n = &e->net;
    const bool is_one = n->in.from_x < 0, by_panels = is_one && !n->is_split;
    const int64_t n_rows = n->kind == tro_recurrent_gru ? 6 : 3;
    struct tro_rnn *params;
    struct tro_step *const s = tro_lower_step(e->l, e->n, e->level->name, e->level->recur, e->n_in,
                                              e->n_out, sizeof *n, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = *n;
    memcpy(s->in, e->in, (size_t)e->n_in * sizeof e->in[0]);
    memcpy(s->out, e->out, (size_t)e->n_out * sizeof e->out[0]);
    s->n_parts = (int)(n->n_directions * (by_panels ? n->n_panels : n->batch));
    s->scratch_bytes = (size_t)(n_rows * n->batch * tro_rnn_padded(n)) * sizeof(float);
    s->n_flops = flops(n, n->hidden + (is_one ? n->features : 0));
    return 0;
}

static const struct tro_rnn_level *choose_level(uint32_t cpu)
{
#if defined(__x86_64__)
    if (cpu & TRO_CPU_AVX512)
        return &tro_rnn__avx512;
    if (cpu & TRO_CPU_AVX2)
        return &tro_rnn__avx2;
#endif
    (void)cpu;
    return &tro_rnn__generic;
}

int tro_cpu_emit_recurrent_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct emission e = {.l = l, .n = n, .level = choose_level(tro_lower_cpu(l))};
    if (n->n_epilogue > 0 || !takes_inputs(l, n))
        return 0;
    TRO_TRY(read_net(&e));
    struct tro_rnn_in *const in = &e.net.in;
    *in = (struct tro_rnn_in){-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    e.net.out = (struct tro_rnn_out){-1, -1, -1};
    TRO_TRY(add_optional(&e, X, TRO_FORM_ROWS, &in->x));
    TRO_TRY(add_weights(&e, W, e.net.features, false, &in->w));
    TRO_TRY(add_biases(&e, false));
    if (e.net.time > 1)
        TRO_TRY(emit_projection(&e));
    if (e.net.kind == tro_recurrent_gru)
        TRO_TRY(add_biases(&e, true));
    TRO_TRY(add_weights(&e, R, e.net.hidden, e.net.is_split, &in->r));
    TRO_TRY(add_peepholes(&e));
    TRO_TRY(add_optional(&e, LENGTHS, TRO_FORM_DENSE, &in->lengths));
    TRO_TRY(add_optional(&e, H, TRO_FORM_ROWS, &in->h));
    if (e.net.kind == tro_recurrent_lstm)
        TRO_TRY(add_optional(&e, C, TRO_FORM_ROWS, &in->c));
    TRO_TRY(add_outputs(&e));
    TRO_TRY(emit_recurrence(&e));
    return 1;
}
