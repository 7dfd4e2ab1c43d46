/* SPDX-License-Identifier: Apache-2.0 */
/* What `trocar compare` works on: sides, of which the first is the reference, and what was found of
 * each output of each other side. */
#ifndef TRO_TOOLS_COMPARE_H
#define TRO_TOOLS_COMPARE_H

#include "base/json.h"
#include "diff.h"
#include "samples.h"
#include "side.h"

struct tro_compare_side {
    struct tro_side side;
    int *inputs;     /* of each of its inputs: which input of the leading side it takes */
    int *outputs;    /* of each output of the reference: which output of this side it is */
    int64_t *run_ns; /* of each sample */
};

/* An output over all samples, as if they were one tensor. */
struct tro_compare_check {
    int side, output;
    const char *name;
    bool is_form_different, is_float;
    char want_form[128], got_form[128]; /* where forms differ */
    int64_t n, n_bad, n_unequal, n_nan;
    double max_abs, max_value, sum_squares;
    int64_t worst_sample; /* of the greatest error, as are the following; -1: no elements */
    char worst_index[128];
    double want, got;
    bool passes; /* forms, NaN and tolerance, or the gates */
};

struct tro_compare_gate {
    int line;
    int metric;         /* index of the table of metrics */
    const char *output; /* NULL: each one */
    double limit;
};

/* A tensor inside both models. */
struct tro_compare_layer {
    const char *tensor, *node, *op_type; /* node and op_type as ONNX has them, "" when unknown */
    const char *cause;                   /* of the error, as far as can be told; "" */
    int64_t place;                       /* in the order of the run */
    struct tro_diff diff;
};

struct tro_compare {
    struct tro_arena arena;
    struct tro_side_opts side_opts;
    struct tro_compare_side *sides;
    int n_sides;
    int leader; /* the side whose inputs samples are made for; -1: all are folders */
    double rtol, atol;
    double quality; /* floats also pass when no error is above this part of the largest value */
    struct tro_samples samples;
    struct tro_compare_check *checks;
    int n_checks;
    struct tro_compare_gate *gates;
    int n_gates;
    bool with_layers;
    struct tro_compare_layer *layers; /* worst first */
    size_t n_layers, cap_layers;
    int64_t layers_sample;
    bool passes;
};

/* ---- compare_match.c ------------------------------------------------------------------- */

/* Fills inputs and outputs of each side: by name where all names are found, else by order where
 * numbers and types agree. */
int tro_compare_match(struct tro_compare *c, struct tro_err *err);

/* Tensors of the leading side as side s takes them: in its order, floats in its types. */
int tro_compare_inputs(const struct tro_compare *c, int s, const struct tro_tensor *leading,
                       struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err);

/* ---- compare_check.c ------------------------------------------------------------------- */

/* As tro_diff; tensors of different float types are compared by value. */
int tro_compare_diff(const struct tro_compare *c, const struct tro_tensor *got,
                     const struct tro_tensor *want, struct tro_diff *out, struct tro_err *err);

/* Adds what one sample shows. */
int tro_compare_add(const struct tro_compare *c, struct tro_compare_check *k, int64_t sample,
                    const struct tro_tensor *got, const struct tro_tensor *want,
                    struct tro_err *err);

double tro_check_relative(const struct tro_compare_check *k);
double tro_check_rmse(const struct tro_compare_check *k);

/* The one with the greatest error relative to its values; NULL: there is none. */
const struct tro_compare_check *tro_compare_worst(const struct tro_compare *c);

/* ---- compare_gate.c -------------------------------------------------------------------- */

/*
 * A gate file has a line for each gate, METRIC [OUTPUT] <= NUMBER, and # begins a comment. Metrics:
 *   max_abs   greatest |error|                   rmse      root of the mean squared error
 *   max_rel   greatest |error| / max |value|     unequal   share of elements that are not equal
 * Without an output the gate is for each one.
 */
int tro_compare_read_gates(struct tro_compare *c, const char *path, struct tro_err *err);

/* Is the gate for this check, and what does it measure? */
bool tro_gate_applies(const struct tro_compare_gate *g, const struct tro_compare_check *k);
double tro_gate_value(const struct tro_compare_gate *g, const struct tro_compare_check *k);
const char *tro_gate_metric(const struct tro_compare_gate *g);

/* Sets `passes` of the checks and of the comparison. */
void tro_compare_judge(struct tro_compare *c);

/* ---- compare_layers.c ------------------------------------------------------------------ */

/* Compares every tensor that both models know by name, on one sample, one run each. */
int tro_compare_layers(struct tro_compare *c, int64_t sample, struct tro_err *err);

/* ---- compare_cause.c -------------------------------------------------------------------- */

/* Fills `cause` of each layer where a side is an engine: what made the tensor, whether its inputs
 * had the error already, values that are too large or too small to tell. */
int tro_compare_causes(struct tro_compare *c, struct tro_err *err);

/* ---- compare_report.c ------------------------------------------------------------------ */

void tro_compare_print(const struct tro_compare *c);
void tro_compare_json(const struct tro_compare *c, struct tro_json *j);

#endif
