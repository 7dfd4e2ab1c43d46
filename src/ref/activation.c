/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/activation.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* alpha and beta are unused by those that have none. */
#define ACTIVATION(name, expression)                        \
    static double name(double v, double alpha, double beta) \
    {                                                       \
        (void)alpha;                                        \
        (void)beta;                                         \
        return expression;                                  \
    }

/* clang-format off */
ACTIVATION(relu,             v > 0 ? v : v <= 0 ? 0 : v)
ACTIVATION(sigmoid,          1 / (1 + exp(-v)))
ACTIVATION(hyperbolic,       tanh(v))
ACTIVATION(affine,           alpha * v + beta)
ACTIVATION(leaky_relu,       v >= 0 ? v : alpha * v)
ACTIVATION(thresholded_relu, v > alpha ? v : 0)
ACTIVATION(scaled_tanh,      alpha * tanh(beta * v))
ACTIVATION(hard_sigmoid,     fmin(fmax(alpha * v + beta, 0), 1))
ACTIVATION(elu,              v >= 0 ? v : alpha * expm1(v))
ACTIVATION(softsign,         v / (1 + fabs(v)))
ACTIVATION(softplus,         fmax(v, 0) + log1p(exp(-fabs(v))))

static const struct tro_activation table[] = {
    {"relu",            relu,             0,    0},
    {"sigmoid",         sigmoid,          0,    0},
    {"tanh",            hyperbolic,       0,    0},
    {"affine",          affine,           1,    0},
    {"leakyrelu",       leaky_relu,       0.01, 0},
    {"thresholdedrelu", thresholded_relu, 1,    0},
    {"scaledtanh",      scaled_tanh,      1,    1},
    {"hardsigmoid",     hard_sigmoid,     0.2,  0.5},
    {"elu",             elu,              1,    0},
    {"softsign",        softsign,         0,    0},
    {"softplus",        softplus,         0,    0},
};
/* clang-format on */

/* Part `i` of a comma-separated list; empty when the list is shorter. */
static struct tro_str part_of(const char *list, int i)
{
    for (; *list && i > 0; list++)
        i -= *list == ',';
    return (struct tro_str){list, i > 0 ? 0 : strcspn(list, ",")};
}

static int find(struct tro_str name, struct tro_activation *out, struct tro_err *err)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strlen(table[i].name) == name.n && memcmp(table[i].name, name.p, name.n) == 0) {
            *out = table[i];
            return 0;
        }
    return tro_fail(err, TRO_E_UNSUPPORTED,
                    "activation '%.*s': expected relu, sigmoid, tanh, affine, leakyrelu, "
                    "thresholdedrelu, scaledtanh, hardsigmoid, elu, softsign or softplus",
                    name.n < 40 ? (int)name.n : 40, name.p);
}

/* A number in text[0 .. n), which changes *v unless it is empty. */
static void read_number(const char *text, size_t n, double *v)
{
    char copy[48];
    if (n == 0 || n >= sizeof(copy))
        return;
    memcpy(copy, text, n);
    copy[n] = 0;
    *v = strtod(copy, NULL);
}

int tro_activations_read(const struct tro_attrs_recurrent *a, int direction,
                         struct tro_activation *out, struct tro_err *err)
{
    static const char *const own[] = {
        [tro_recurrent_lstm] = "sigmoid,tanh,tanh",
        [tro_recurrent_gru] = "sigmoid,tanh",
        [tro_recurrent_rnn] = "tanh",
    };
    const int n = a->kind == tro_recurrent_lstm ? 3 : a->kind == tro_recurrent_gru ? 2 : 1;
    const bool is_given = a->activations && *a->activations;
    const char *const params = a->activation_params ? a->activation_params : "";
    for (int i = 0; i < n; i++) {
        const int at = direction * n + i;
        TRO_TRY(
            find(is_given ? part_of(a->activations, at) : part_of(own[a->kind], i), &out[i], err));
        const struct tro_str pair = part_of(params, at);
        const char *const colon = pair.n ? memchr(pair.p, ':', pair.n) : NULL;
        const size_t n_alpha = colon ? (size_t)(colon - pair.p) : pair.n;
        read_number(pair.p, n_alpha, &out[i].alpha);
        if (colon)
            read_number(colon + 1, pair.n - n_alpha - 1, &out[i].beta);
    }
    return 0;
}
