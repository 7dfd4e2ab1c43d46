/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU, RNN. */
#include "onnx/import_call.h"

#include <ctype.h>
#include <stdio.h>

#include "base/bytes.h"

/* The strings of a list attribute in lower case, joined by commas; NULL when absent. */
static const char *joined_lower(struct tro_import_call *c, const char *name)
{
    const struct tro_onnx_attr *a = tro_attr_raw(c, name);
    size_t n = 0;
    if (!a || !a->n_strings)
        return NULL;
    for (size_t i = 0; i < a->n_strings; i++)
        n += a->strings[i].n + 1;
    char *text = TRO_NEW_N(&c->g->arena, char, n);
    if (!text) {
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
        return NULL;
    }
    size_t at = 0;
    for (size_t i = 0; i < a->n_strings; i++) {
        for (size_t k = 0; k < a->strings[i].n; k++)
            text[at++] = (char)tolower((unsigned char)a->strings[i].p[k]);
        text[at++] = i + 1 < a->n_strings ? ',' : '\0';
    }
    return text;
}

/* Names of activations that take alpha, and beta. */
static int n_params_of(const char *name, size_t n)
{
    static const struct {
        const char *name;
        int n;
    } rows[] = {{"affine", 2},     {"leakyrelu", 1},   {"thresholdedrelu", 1},
                {"scaledtanh", 2}, {"hardsigmoid", 2}, {"elu", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (tro_str_eqz((struct tro_str){name, n}, rows[i].name))
            return rows[i].n;
    return 0;
}

/* Alphas and betas are listed for the activations that take them, in order: "alpha:beta" for each
 * activation, empty where the model gives none. */
static const char *joined_params(struct tro_import_call *c, const char *activations)
{
    const struct tro_onnx_attr *alpha = tro_attr_raw(c, "activation_alpha");
    const struct tro_onnx_attr *beta = tro_attr_raw(c, "activation_beta");
    const size_t n_alpha = alpha ? alpha->n_floats : 0, n_beta = beta ? beta->n_floats : 0;
    if (!activations || (!n_alpha && !n_beta))
        return NULL;
    struct tro_buf text = {0};
    size_t i_alpha = 0, i_beta = 0;
    for (const char *p = activations; *p;) {
        size_t n = 0;
        while (p[n] && p[n] != ',')
            n++;
        const int n_params = n_params_of(p, n);
        if (n_params > 0 && i_alpha < n_alpha)
            tro_buf_printf(&text, "%.9g", (double)alpha->floats[i_alpha++]);
        tro_buf_str(&text, ":");
        if (n_params > 1 && i_beta < n_beta)
            tro_buf_printf(&text, "%.9g", (double)beta->floats[i_beta++]);
        p += n;
        if (*p) {
            tro_buf_str(&text, ",");
            p++;
        }
    }
    const char *out = text.failed ? NULL
                                  : tro_arena_strndup(&c->g->arena, (const char *)text.p, text.n);
    tro_buf_finish(&text);
    if (!out)
        tro_import_fail(c, TRO_E_NOMEM, "out of memory");
    return out;
}

static int import_recurrent(struct tro_import_call *c, enum tro_recurrent kind)
{
    static const char *const directions[] = {"forward", "reverse", "bidirectional", NULL};
    struct tro_attrs_recurrent a = {
        .kind = kind,
        .direction = (enum tro_rnn_direction)tro_attr_choice(c, "direction", directions, 0),
        .hidden_size = tro_attr_int(c, "hidden_size", 0),
        .activations = joined_lower(c, "activations"),
        .clip = tro_attr_float(c, "clip", 0),
        .input_forget = kind == tro_recurrent_lstm ? tro_attr_int(c, "input_forget", 0) : 0,
        .linear_before_reset = kind == tro_recurrent_gru ? tro_attr_int(c, "linear_before_reset", 0)
                                                         : 0,
        .batch_first = tro_attr_int(c, "layout", 0)};
    a.activation_params = joined_params(c, a.activations);
    if (c->version < 7)
        tro_attr_ignore(c, "output_sequence");
    if (a.hidden_size <= 0 && c->rc >= 0 && tro_rank_of(c, c->in[2]) == 3) {
        const tro_dim hidden = tro_dim_of(c, c->in[2], 2);
        a.hidden_size = tro_dim_is_const(hidden) ? tro_dim_value(hidden) : 0;
    }
    const int n_out = kind == tro_recurrent_lstm ? 3 : 2;
    tro_value_id out[3] = {{0}};
    tro_emit_n(c, TRO_OP_RECURRENT, &a, c->in, 8, out, n_out);
    for (int i = 0; i < c->n_out && i < n_out; i++)
        tro_set_out(c, i, out[i]);
    return c->rc;
}

int tro_import_lstm(struct tro_import_call *c)
{
    return import_recurrent(c, tro_recurrent_lstm);
}

int tro_import_gru(struct tro_import_call *c)
{
    return import_recurrent(c, tro_recurrent_gru);
}

int tro_import_rnn(struct tro_import_call *c)
{
    return import_recurrent(c, tro_recurrent_rnn);
}
