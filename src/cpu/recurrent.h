/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTM, GRU and RNN in float32. Units of the hidden state are worked on in panels: as many vectors
 * of each gate as fill the registers, so that all gates of a unit are there when its state changes.
 *
 *     panel    vectors [gates][units of a panel / lanes], lstm 4 x 1, gru 3 x 1, rnn 1 x 4
 *     w        [directions][panels][features][vectors][lanes], as r with hidden for features
 *     from_x   [directions][time][batch][panels][vectors][lanes]: w x + biases, a step of its own
 *              before the recurrence, unless there is one time only
 *
 * gru that resets h ahead of its product ("split") has in each panel of r first z and reset, then
 * the hidden gate. Units beyond the hidden size are zeros in every table.
 */
#ifndef TRO_CPU_RECURRENT_H
#define TRO_CPU_RECURRENT_H

#include "cpu/cpu.h"
#include "ref/activation.h"

enum { TRO_RNN_ACTIVATIONS = 3, TRO_RNN_VECTORS = 4 };

/* Those that kernels do in vectors; OTHER goes through the reference's function. */
enum tro_rnn_curve {
    TRO_RNN_OTHER,
    TRO_RNN_SIGMOID,
    TRO_RNN_TANH,
    TRO_RNN_RELU,
    TRO_RNN_LEAKY_RELU,
    TRO_RNN_AFFINE,
    TRO_RNN_HARD_SIGMOID,
    TRO_RNN_SCALED_TANH,
    TRO_RNN_SOFTSIGN
};

struct tro_rnn_activation {
    enum tro_rnn_curve curve;
    float alpha, beta;
    struct tro_activation other;
};

/* Where a step finds its args: indexes of step->in and step->out, -1 = absent. */
struct tro_rnn_in {
    int x, w, r, bias, bias_h, peephole, lengths, h, c, from_x;
};
struct tro_rnn_out {
    int y, y_h, y_c;
};

struct tro_rnn {
    enum tro_recurrent kind;
    bool is_split, has_input_forget, is_batch_first;
    float clip; /* 0 = none */
    int64_t time, batch, features, hidden, n_directions;
    int n_gates, n_vectors; /* of a panel; vectors / gates of each gate */
    int64_t units;          /* of a panel */
    int64_t n_panels;
    bool is_reverse[2];
    struct tro_rnn_activation f[2][TRO_RNN_ACTIVATIONS];
    struct tro_rnn_in in;
    struct tro_rnn_out out;
};

/* The kernels of one level: the product ahead of the recurrence, and the recurrence. Both take a
 * struct tro_rnn as params; rows of x, from_x and states must have stride 1. */
struct tro_rnn_level {
    const char *name, *project_name; /* "recurrent_f32_2x4__avx512" */
    int lanes;
    tro_step_fn *project, *recur;
};
extern const struct tro_rnn_level tro_rnn__generic, tro_rnn__avx2, tro_rnn__avx512;

static inline int64_t tro_rnn_padded(const struct tro_rnn *n)
{
    return n->n_panels * n->units;
}

#endif
