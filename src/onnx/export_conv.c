/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution, pooling, recurrent layers. */
#include "onnx/export_call.h"

#include <stdlib.h>
#include <string.h>

/* ---- windows --------------------------------------------------------------------------- */

static void write_pads(struct tro_export *x, enum tro_auto_pad auto_pad,
                       const struct tro_ints *pads)
{
    if (auto_pad == tro_auto_pad_explicit)
        tro_export_ints(x, "pads", pads->v, (size_t)pads->n);
    else
        tro_export_text(x, "auto_pad",
                        auto_pad == tro_auto_pad_same_upper ? "SAME_UPPER" : "SAME_LOWER");
}

/* What the weights say as well; some readers want it. */
static void write_kernel_shape(struct tro_export *x)
{
    const struct tro_shape *w = &tro_export_in_value(x, 1)->shape;
    int64_t kernel[TRO_MAX_RANK];
    for (int i = 2; i < w->rank; i++) {
        if (!tro_dim_is_const(w->dim[i]))
            return;
        kernel[i - 2] = tro_dim_value(w->dim[i]);
    }
    if (w->rank > 2)
        tro_export_ints(x, "kernel_shape", kernel, (size_t)w->rank - 2);
}

static bool is_negative(const struct tro_ints *v)
{
    for (int i = 0; i < v->n; i++)
        if (v->v[i] < 0)
            return true;
    return false;
}

/* Pads that crop are a Pad of their own: ONNX's convolutions have none below 0. */
static const char *padded(struct tro_export *x, struct tro_ints *pads)
{
    const int n = pads->n / 2;
    int64_t all[2 * TRO_MAX_RANK] = {0};
    for (int i = 0; i < n; i++) {
        all[2 + i] = pads->v[i];
        all[n + 4 + i] = pads->v[n + i];
        pads->v[i] = pads->v[n + i] = 0;
    }
    const char *shape = tro_export_const_i64(x, all, 2 * (size_t)n + 4, "pads");
    return tro_export_emit2(x, "Pad", tro_export_in(x, 0), shape, "padded");
}

void tro_export_conv(struct tro_export *x)
{
    const struct tro_attrs_conv *a = x->node->attrs;
    struct tro_ints pads = a->pads;
    const bool is_cropped = a->auto_pad == tro_auto_pad_explicit && is_negative(&pads);
    if (is_cropped && x->node->op == TRO_OP_CONV_INT)
        tro_export_fail(x, TRO_E_UNSUPPORTED, "expected pads of 0 or more");
    const char *in[4] = {is_cropped ? padded(x, &pads) : tro_export_in(x, 0), tro_export_in(x, 1),
                         tro_export_in(x, 2), tro_export_in(x, 3)};
    tro_export_last(x, tro_export_row(x->node->op)->onnx, in, 4);
    tro_export_attrs(x);
    write_kernel_shape(x);
    write_pads(x, a->auto_pad, &pads);
}

void tro_export_conv_transpose(struct tro_export *x)
{
    const struct tro_attrs_conv_transpose *a = x->node->attrs;
    if (is_negative(&a->pads))
        tro_export_fail(x, TRO_E_UNSUPPORTED, "expected pads of 0 or more");
    tro_export_direct(x);
    write_kernel_shape(x);
    if (!a->output_shape.n || a->auto_pad != tro_auto_pad_explicit)
        write_pads(x, a->auto_pad, &a->pads);
}

void tro_export_deform_conv(struct tro_export *x)
{
    tro_export_direct(x);
    write_kernel_shape(x);
}

void tro_export_pool(struct tro_export *x)
{
    static const char *const ops[] = {
        [tro_pool_max] = "MaxPool", [tro_pool_avg] = "AveragePool", [tro_pool_lp] = "LpPool"};
    const struct tro_attrs_pool *a = x->node->attrs;
    bool is_dilated = false;
    for (int i = 0; i < a->dilations.n; i++)
        is_dilated = is_dilated || a->dilations.v[i] != 1;
    if (a->kind != tro_pool_max &&
        !(tro_export_in_value(x, 0)->dtype <= TRO_F64)) /* floating point comes first */
        tro_export_fail(x, TRO_E_UNSUPPORTED, "ONNX has no %s of %s: put a cast in front of it",
                        ops[a->kind], tro_dtype_name(tro_export_in_value(x, 0)->dtype));
    tro_export_as(x, ops[a->kind]);
    if (is_dilated)
        tro_export_ints(x, "dilations", a->dilations.v, (size_t)a->dilations.n);
    write_pads(x, a->auto_pad, &a->pads);
}

/* ---- recurrent layers ------------------------------------------------------------------ */

enum { MAX_ACTIVATIONS = 6 };

struct activation {
    const char *ours, *onnx;
    int n_params;
    float alpha, beta; /* what ONNX takes where the model gives none */
};

static const struct activation activations[] = {
    {"affine", "Affine", 2, 1, 0},
    {"relu", "Relu", 0, 0, 0},
    {"leakyrelu", "LeakyRelu", 1, 0.01F, 0},
    {"thresholdedrelu", "ThresholdedRelu", 1, 1, 0},
    {"tanh", "Tanh", 0, 0, 0},
    {"scaledtanh", "ScaledTanh", 2, 1, 1},
    {"sigmoid", "Sigmoid", 0, 0, 0},
    {"hardsigmoid", "HardSigmoid", 2, 0.2F, 0.5F},
    {"elu", "Elu", 1, 1, 0},
    {"softsign", "Softsign", 0, 0, 0},
    {"softplus", "Softplus", 0, 0, 0},
};

static const struct activation *find_activation(struct tro_str name)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (tro_str_eqz(name, activations[i].ours))
            return &activations[i];
    return NULL;
}

/* The next part of text up to a comma; false at the end. */
static bool next_part(const char **p, struct tro_str *part)
{
    if (!*p)
        return false;
    const size_t n = strcspn(*p, ",");
    *part = (struct tro_str){*p, n};
    *p = (*p)[n] ? *p + n + 1 : NULL;
    return true;
}

/* "alpha:beta", each of which may be absent. */
static void read_params(struct tro_str part, float *alpha, float *beta)
{
    char text[64], *colon;
    if (!part.n || part.n >= sizeof text)
        return;
    memcpy(text, part.p, part.n);
    text[part.n] = 0;
    colon = strchr(text, ':');
    if (text[0] && text[0] != ':')
        *alpha = strtof(text, NULL);
    if (colon && colon[1])
        *beta = strtof(colon + 1, NULL);
}

static void write_activations(struct tro_export *x, const struct tro_attrs_recurrent *a)
{
    const char *names[MAX_ACTIVATIONS],
        *p = a->activations && a->activations[0] ? a->activations : NULL;
    const char *q = a->activation_params && a->activation_params[0] ? a->activation_params : NULL;
    const bool has_params = q;
    float alpha[MAX_ACTIVATIONS], beta[MAX_ACTIVATIONS];
    size_t n = 0, n_alpha = 0, n_beta = 0;
    struct tro_str name;
    while (n < MAX_ACTIVATIONS && next_part(&p, &name)) {
        const struct activation *row = find_activation(name);
        struct tro_str params = {"", 0};
        if (!row) {
            tro_export_fail(x, TRO_E_UNSUPPORTED, "activation '%.*s' is not known to ONNX",
                            (int)name.n, name.p);
            return;
        }
        float va = row->alpha, vb = row->beta;
        next_part(&q, &params);
        read_params(params, &va, &vb);
        names[n++] = row->onnx;
        if (row->n_params > 0)
            alpha[n_alpha++] = va;
        if (row->n_params > 1)
            beta[n_beta++] = vb;
    }
    if (n)
        tro_export_texts(x, "activations", names, n);
    if (has_params && n_alpha)
        tro_export_floats(x, "activation_alpha", alpha, n_alpha);
    if (has_params && n_beta)
        tro_export_floats(x, "activation_beta", beta, n_beta);
}

void tro_export_recurrent(struct tro_export *x)
{
    static const char *const ops[] = {
        [tro_recurrent_lstm] = "LSTM", [tro_recurrent_gru] = "GRU", [tro_recurrent_rnn] = "RNN"};
    const struct tro_attrs_recurrent *a = x->node->attrs;
    tro_export_as(x, ops[a->kind]);
    write_activations(x, a);
}
