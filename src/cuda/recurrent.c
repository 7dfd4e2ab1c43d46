/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU and RNN: one step for what x brings to the gates at all times, one for the rest. */
#include "cuda/kernels/recurrent.h"
#include "cuda/cuda.h"
#include "cuda/kernels/recurrent_project.h"
#include "cuda/rows.h"

#include "base/err.h"
#include "ref/activation.h"

#include <stdio.h>
#include <string.h>

enum { X, W, R, BIAS, LENGTHS, H, C, PEEPHOLE, N_INPUTS };
enum { Y, Y_H, Y_C, N_OUTPUTS };
enum {
    PROJECT_WARPS = 4, /* as in recurrent_project.cu */
    PROJECT_ROWS = 8,
    BLOCK = 512, /* as in recurrent.cu */
    MOST_SHARED = 96 * 1024,
};

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    const struct tro_attrs_recurrent *a;
    struct tro_arg in[N_INPUTS], out[N_OUTPUTS], from_x;
    bool has[N_INPUTS], makes[N_OUTPUTS], is_split;
    int64_t time, batch, features, hidden, n_directions;
    int n_gates;
    struct tro_recurrent_params own;
};

/* ---- what comes in ------------------------------------------------------------------------ */

static tro_value_id operand(const struct tro_lower_node *n, int i)
{
    return (uint32_t)i < n->node->n_in ? n->node->in[i] : TRO_VALUE_NONE;
}

static bool takes_inputs(struct plan *q)
{
    for (int i = 0; i < N_INPUTS; i++) {
        const tro_value_id v = operand(q->n, i);
        struct tro_tensor t;
        q->has[i] = v.i != 0;
        if (v.i && (!tro_lower_type(q->l, v, &t) || tro_tensor_n_elems(&t) == 0 ||
                    t.dtype != (i == LENGTHS ? TRO_I32 : TRO_F32)))
            return false;
    }
    return true;
}

static int read_curves(struct plan *q)
{
    static const char *const names[] = {
        [TRO_CURVE_SIGMOID] = "sigmoid",
        [TRO_CURVE_TANH] = "tanh",
        [TRO_CURVE_RELU] = "relu",
        [TRO_CURVE_LEAKY_RELU] = "leakyrelu",
        [TRO_CURVE_AFFINE] = "affine",
        [TRO_CURVE_HARD_SIGMOID] = "hardsigmoid",
        [TRO_CURVE_SCALED_TANH] = "scaledtanh",
        [TRO_CURVE_SOFTSIGN] = "softsign",
        [TRO_CURVE_ELU] = "elu",
        [TRO_CURVE_SOFTPLUS] = "softplus",
        [TRO_CURVE_THRESHOLDED_RELU] = "thresholdedrelu",
    };
    for (int d = 0; d < q->n_directions; d++) {
        struct tro_activation f[3] = {{0}};
        TRO_TRY(tro_activations_read(q->a, d, f, tro_lower_err(q->l)));
        for (int i = 0; i < 3 && f[i].name; i++) {
            int kind = 0;
            while (strcmp(names[kind], f[i].name) != 0)
                if (++kind == sizeof names / sizeof names[0])
                    return 0;
            q->own.curve[d][i] = (struct tro_curve){kind, (float)f[i].alpha, (float)f[i].beta};
        }
    }
    return 1;
}

static int read_net(struct plan *q)
{
    struct tro_tensor x, w;
    if (!tro_lower_type(q->l, operand(q->n, X), &x) || !tro_lower_type(q->l, operand(q->n, W), &w))
        return 0;
    q->is_split = q->a->kind == tro_recurrent_gru && !q->a->linear_before_reset;
    q->time = x.shape[q->a->batch_first ? 1 : 0];
    q->batch = x.shape[q->a->batch_first ? 0 : 1];
    q->features = x.shape[2];
    q->hidden = q->a->hidden_size;
    q->n_directions = w.shape[0];
    q->n_gates = q->a->kind == tro_recurrent_lstm ? 4 : q->a->kind == tro_recurrent_gru ? 3 : 1;
    q->own.is_reverse[0] = q->a->direction == tro_rnn_direction_reverse;
    q->own.is_reverse[1] = 1;
    q->own.n_times = (uint32_t)q->time;
    q->own.n_batch = (uint32_t)q->batch;
    q->own.clip = (float)q->a->clip;
    if (q->batch > 65535 || tro_tensor_n_elems(&x) >= INT32_MAX ||
        q->time * q->batch * q->n_directions * q->n_gates * q->hidden >= INT32_MAX ||
        (3 + q->n_gates) * q->hidden * (int64_t)sizeof(float) > MOST_SHARED)
        return 0;
    return read_curves(q);
}

static int take_inputs(struct plan *q)
{
    static const enum tro_form forms[N_INPUTS] = {TRO_FORM_ROWS,  TRO_FORM_DENSE, TRO_FORM_DENSE,
                                                  TRO_FORM_DENSE, TRO_FORM_DENSE, TRO_FORM_ROWS,
                                                  TRO_FORM_ROWS,  TRO_FORM_DENSE};
    for (int i = 0; i < N_INPUTS; i++) {
        const bool is_parameter = i == W || i == R || i == BIAS || i == PEEPHOLE;
        if (!q->has[i])
            continue;
        if (is_parameter)
            TRO_TRY(tro_lower_in_as(q->l, operand(q->n, i), forms[i], TRO_F32, &q->in[i]));
        else
            TRO_TRY(tro_lower_in(q->l, operand(q->n, i), forms[i], &q->in[i]));
    }
    return 0;
}

static int take_outputs(struct plan *q)
{
    for (int i = 0; i < q->n->n_out && i < N_OUTPUTS; i++) {
        q->makes[i] = q->n->out[i].i != 0;
        if (q->makes[i])
            TRO_TRY(tro_lower_out(q->l, q->n, i, TRO_FORM_ROWS, false, &q->out[i]));
    }
    return 0;
}

/* ---- places ------------------------------------------------------------------------------- */

/* Of a state: [directions, batch, hidden], or batch first. */
static struct tro_recurrent_place state_place(const struct plan *q, const struct tro_arg *a)
{
    const int d = q->a->batch_first ? 1 : 0;
    return (struct tro_recurrent_place){.direction = (int32_t)a->stride[d],
                                        .batch = (int32_t)a->stride[1 - d]};
}

/* [time, directions, batch, hidden], or [batch, time, directions, hidden] */
static struct tro_recurrent_place y_place(const struct plan *q)
{
    const struct tro_arg *const a = &q->out[Y];
    const int t = q->a->batch_first ? 1 : 0;
    return (struct tro_recurrent_place){.time = (int32_t)a->stride[t],
                                        .direction = (int32_t)a->stride[t + 1],
                                        .batch = (int32_t)a->stride[t ? 0 : 2]};
}

static void set_places(struct plan *q)
{
    if (q->has[H])
        q->own.h = state_place(q, &q->in[H]);
    if (q->has[C])
        q->own.c = state_place(q, &q->in[C]);
    if (q->makes[Y])
        q->own.y = y_place(q);
    if (q->makes[Y_H])
        q->own.y_h = state_place(q, &q->out[Y_H]);
    if (q->makes[Y_C])
        q->own.y_c = state_place(q, &q->out[Y_C]);
}

/* ---- steps -------------------------------------------------------------------------------- */

static int emit_projection(struct plan *q)
{
    const int64_t n_gate_rows = q->n_gates * q->hidden, n_x_rows = q->time * q->batch;
    const int batch = q->a->batch_first ? 0 : 1;
    struct tro_cuda_launch *launch;
    const struct tro_recurrent_project_params own = {
        .n_batch = tro_div_make(q->batch),
        .n_gate_rows = tro_div_make(n_gate_rows),
        .time_stride = (int32_t)q->in[X].stride[1 - batch],
        .batch_stride = (int32_t)q->in[X].stride[batch],
        .n_x_rows = (uint32_t)n_x_rows,
        .n_w_rows = (uint32_t)(q->n_directions * n_gate_rows),
        .n_features = (uint32_t)q->features};
    const struct tro_cuda_source source = {
        .name = "recurrent_project",
        .defines = tro_cuda_defines(
            q->l, "#define X_T %s\n#define HAS_BIAS %d\n#define N_SUMMED %d\n",
            tro_cuda_type(q->in[X].dtype), q->has[BIAS],
            (int)(q->a->kind == tro_recurrent_gru ? 2 * q->hidden : n_gate_rows)),
        .params = &own,
        .params_size = sizeof own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    TRO_TRY(tro_lower_temp(q->l, (size_t)(own.n_w_rows * n_x_rows) * sizeof(float), &q->from_x));
    struct tro_step *const s = tro_cuda_step(q->l, q->n, "recurrent_project", &source,
                                             2 + q->has[BIAS], 1, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->in[X];
    s->in[1] = q->in[W];
    if (q->has[BIAS])
        s->in[2] = q->in[BIAS];
    s->out[0] = q->from_x;
    s->n_flops = 2.0 * own.n_w_rows * (double)n_x_rows * (double)q->features;
    launch->block[0] = PROJECT_WARPS * 32;
    launch->grid[0] = (own.n_w_rows + PROJECT_WARPS - 1) / PROJECT_WARPS;
    launch->grid[1] = (own.n_x_rows + PROJECT_ROWS - 1) / PROJECT_ROWS;
    return 0;
}

static const char *type_if(bool is_there, const struct tro_arg *a)
{
    return is_there ? tro_cuda_type(a->dtype) : "float";
}

static const char *make_defines(const struct plan *q)
{
    static const char kinds[] = {
        [tro_recurrent_lstm] = 'l', [tro_recurrent_gru] = 'g', [tro_recurrent_rnn] = 'r'};
    return tro_cuda_defines(
        q->l,
        "#define KIND '%c'\n#define HIDDEN %d\n#define N_GATES %d\n#define IS_SPLIT %d\n"
        "#define INPUT_FORGET %d\n#define HAS_BIAS %d\n#define HAS_PEEPHOLE %d\n"
        "#define HAS_LENGTHS %d\n#define HAS_H %d\n#define HAS_C %d\n#define HAS_Y %d\n"
        "#define HAS_Y_H %d\n#define HAS_Y_C %d\n#define H_T %s\n#define C_T %s\n#define Y_T %s\n"
        "#define Y_H_T %s\n#define Y_C_T %s\n",
        kinds[q->a->kind], (int)q->hidden, q->n_gates, q->is_split, q->a->input_forget != 0,
        q->has[BIAS], q->has[PEEPHOLE], q->has[LENGTHS], q->has[H], q->has[C], q->makes[Y],
        q->makes[Y_H], q->makes[Y_C], type_if(q->has[H], &q->in[H]), type_if(q->has[C], &q->in[C]),
        type_if(q->makes[Y], &q->out[Y]), type_if(q->makes[Y_H], &q->out[Y_H]),
        type_if(q->makes[Y_C], &q->out[Y_C]));
}

static int emit_recurrence(struct plan *q)
{
    static const int order[] = {R, BIAS, PEEPHOLE, LENGTHS, H, C};
    struct tro_arg in[N_INPUTS];
    struct tro_cuda_launch *launch;
    char label[48];
    int n_in = 0, n_out = 0;
    in[n_in++] = q->from_x;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (q->has[order[i]])
            in[n_in++] = q->in[order[i]];
    for (int i = 0; i < N_OUTPUTS; i++)
        n_out += q->makes[i];
    set_places(q);
    const struct tro_cuda_source source = {.name = "recurrent",
                                           .defines = make_defines(q),
                                           .params = &q->own,
                                           .params_size = sizeof q->own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "recurrent %d", (int)q->hidden);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, n_in, n_out, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    memcpy(s->in, in, (size_t)n_in * sizeof *in);
    for (int i = 0, at = 0; i < N_OUTPUTS; i++)
        if (q->makes[i])
            s->out[at++] = q->out[i];
    launch->block[0] = BLOCK;
    launch->grid[0] = (uint32_t)q->n_directions;
    launch->grid[1] = (uint32_t)q->batch;
    launch->shared_bytes = (uint32_t)((3 + q->n_gates) * q->hidden) * sizeof(float);
    s->n_flops = 2.0 * (double)(q->n_directions * q->batch * q->time * q->n_gates) *
                 (double)(q->hidden * q->hidden);
    return 1;
}

int tro_cuda_emit_recurrent(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct plan q = {.l = l, .n = n, .a = n->attrs};
    if (n->n_epilogue > 0 || !takes_inputs(&q))
        return 0;
    const int rc = read_net(&q);
    if (rc <= 0)
        return rc;
    /* States and peepholes that other kinds do not have are not looked at. */
    q.has[C] = q.has[C] && q.a->kind == tro_recurrent_lstm;
    q.has[PEEPHOLE] = q.has[PEEPHOLE] && q.a->kind == tro_recurrent_lstm;
    TRO_TRY(take_inputs(&q));
    TRO_TRY(take_outputs(&q));
    TRO_TRY(emit_projection(&q));
    return emit_recurrence(&q);
}
