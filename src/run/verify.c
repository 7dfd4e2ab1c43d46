/* SPDX-License-Identifier: Apache-2.0 */
/* The golden samples of a plan on the machine at hand. */
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "plan/plan.h"
#include "run/session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a value owes to the choice of detections and peaks. Where there is room scores that nearly
 * tie change places, and what follows from the choice may be another; how many there are and how
 * high they score stays as it was but for what is rounded. */
enum chosen { CHOSEN_NOT, CHOSEN_COUNT, CHOSEN_SCORES, CHOSEN_POINTS, CHOSEN_OTHER };

/* Where floats are quantized as a plan runs: 15 quanta of the 255 of a range. Few elements round to
 * the next quantum; what networks made of them is in docs/quantization.md. */
#define QUANTIZED_ROOM 0.06
#define COUNT_ALLOWANCE 0.1 /* share of detections at the threshold that may come or go, and one */

struct verifier {
    const struct tro_plan_parts *parts;
    const struct tro_block *block; /* main one */
    struct tro_session *session;
    struct tro_verify_report *report;
    double room; /* what a narrow precision may change, or quantizing as it runs; 0: neither */
    enum chosen *chosen; /* by value */
    struct tro_err *err;
};

/* What an element may be off by its type: a part of the greatest value, or quanta. */
static double allowance_of(enum tro_dtype dtype)
{
    switch (dtype) {
    case TRO_F32:
    case TRO_F64:
        return 1e-4;
    case TRO_F16:
        return 2e-3;
    case TRO_BF16:
        return 1.6e-2;
    case TRO_I4:
    case TRO_U4:
    case TRO_I8:
    case TRO_U8:
    case TRO_I16:
    case TRO_U16:
        return 1;
    default:
        return tro_dtype_is_float(dtype) ? 0.13 : 0;
    }
}

/* Where there is room floats may be off by it, and so many integers may be others, since they may
 * be choices among floats. */
static double allowance(const struct verifier *v, enum tro_dtype dtype)
{
    const double of_type = allowance_of(dtype);
    if (v->room == 0)
        return of_type;
    return tro_dtype_is_float(dtype) && of_type > v->room ? of_type : v->room;
}

static bool has_same_form(const struct tro_tensor *a, const struct tro_tensor *b)
{
    return a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(a->shape[0])) == 0;
}

/* Greatest difference over the greatest finite value; infinity where NaN or infinities differ. */
static double float_error(const struct tro_tensor *got, const struct tro_tensor *want)
{
    double error = 0, greatest = 0;
    for (int64_t i = 0; i < tro_tensor_n_elems(want); i++) {
        const double a = tro_load_f64(got->dtype, got->data, i);
        const double b = tro_load_f64(want->dtype, want->data, i);
        if (!isfinite(a) || !isfinite(b)) {
            if (!(isnan(a) && isnan(b)) && a != b)
                return INFINITY;
            continue;
        }
        error = fmax(error, fabs(a - b));
        greatest = fmax(greatest, fabs(b));
    }
    return error > 0 ? error / greatest : 0;
}

static double integer_error(const struct tro_tensor *got, const struct tro_tensor *want)
{
    double error = 0;
    for (int64_t i = 0; i < tro_tensor_n_elems(want); i++) {
        const int64_t a = tro_load_i64(got->dtype, got->data, i);
        const int64_t b = tro_load_i64(want->dtype, want->data, i);
        if (a != b)
            error = fmax(error, fmax(1, fabs((double)a - (double)b)));
    }
    return error;
}

/* Share of elements that are others. */
static double share_of_others(const struct tro_tensor *got, const struct tro_tensor *want)
{
    const int64_t n = tro_tensor_n_elems(want);
    int64_t n_others = 0;
    for (int64_t i = 0; i < n; i++)
        n_others += tro_load_i64(got->dtype, got->data, i) !=
                    tro_load_i64(want->dtype, want->data, i);
    return n ? (double)n_others / (double)n : 0;
}

static double error_of(const struct verifier *v, const struct tro_tensor *got,
                       const struct tro_tensor *want)
{
    if (!has_same_form(got, want))
        return INFINITY;
    if (tro_dtype_is_float(want->dtype))
        return float_error(got, want);
    return v->room > 0 ? share_of_others(got, want) : integer_error(got, want);
}

/* Mean difference of every step-th element from the first one on, over the greatest. */
static double mean_error(const struct tro_tensor *got, const struct tro_tensor *want, int64_t first,
                         int64_t step)
{
    double sum = 0, greatest = 0;
    int64_t n = 0;
    for (int64_t i = first; i < tro_tensor_n_elems(want); i += step) {
        const double b = tro_load_f64(want->dtype, want->data, i);
        sum += fabs(tro_load_f64(got->dtype, got->data, i) - b);
        greatest = fmax(greatest, fabs(b));
        n++;
    }
    return sum > 0 ? sum / (double)n / (greatest > 0 ? greatest : 1) : 0;
}

static double count_error(const struct tro_tensor *got, const struct tro_tensor *want)
{
    double error = 0;
    for (int64_t i = 0; i < tro_tensor_n_elems(want); i++) {
        const double a = (double)tro_load_i64(got->dtype, got->data, i);
        const double b = (double)tro_load_i64(want->dtype, want->data, i);
        error = fmax(error, (fabs(a - b) - 1) / fmax(b, 1));
    }
    return error;
}

/* The error of a chosen value where there is room over what is allowed; negative: free. */
static double chosen_ratio(const struct verifier *v, enum chosen chosen,
                           const struct tro_tensor *got, const struct tro_tensor *want)
{
    switch (chosen) {
    case CHOSEN_COUNT:
        return count_error(got, want) / COUNT_ALLOWANCE;
    case CHOSEN_SCORES:
        return mean_error(got, want, 0, 1) / v->room;
    case CHOSEN_POINTS: /* x, y, score */
        return mean_error(got, want, 2, 3) / v->room;
    default:
        return -1;
    }
}

static void compare(struct verifier *v, int sample, size_t output, const struct tro_tensor *got)
{
    const struct tro_tensor *const want = &v->parts->samples[sample].out[output];
    struct tro_verify_report *const r = v->report;
    const double error = error_of(v, got, want), allowed = allowance(v, want->dtype);
    const enum chosen chosen = v->chosen[v->block->outputs[output].i];
    double ratio = error == 0 ? 0 : allowed > 0 ? error / allowed : INFINITY;
    if (chosen && v->room > 0 && ratio > 1 && isfinite(error)) {
        r->n_chosen++;
        ratio = chosen_ratio(v, chosen, got, want);
        if (ratio < 0)
            return;
    }
    const bool is_first = r->n_outputs++ == 0;
    r->n_different += ratio > 1;
    if (!is_first && ratio <= r->worst)
        return;
    r->worst = ratio;
    r->worst_error = error;
    r->worst_sample = sample;
    snprintf(r->worst_output, sizeof(r->worst_output), "%s",
             tro_value_get(v->parts->graph, v->block->outputs[output])->name);
}

static enum chosen chosen_by(const struct tro_node *n, uint32_t output)
{
    if (n->op == TRO_OP_PEAKS)
        return CHOSEN_POINTS;
    return output == 0 ? CHOSEN_COUNT : output == 2 ? CHOSEN_SCORES : CHOSEN_OTHER;
}

static int mark_chosen(struct verifier *v)
{
    const struct tro_graph *const g = v->parts->graph;
    v->chosen = tro_calloc(g->n_values, sizeof *v->chosen);
    if (!v->chosen)
        return tro_fail_nomem(v->err);
    for (size_t i = 0; i < v->block->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(g, v->block->nodes[i]);
        const bool chooses = n->op == TRO_OP_DETECT || n->op == TRO_OP_PEAKS;
        bool follows = false;
        for (uint32_t k = 0; k < n->n_in; k++)
            follows = follows || (n->in[k].i && v->chosen[n->in[k].i]);
        for (uint32_t k = 0; k < n->n_out && (chooses || follows); k++)
            v->chosen[n->out[k].i] = chooses ? chosen_by(n, k) : CHOSEN_OTHER;
    }
    return 0;
}

/* v is computed in floats: it is not an input of the network, from inside a fused node neither, nor
 * made of frames, which all devices decode to the same numbers. */
static bool is_computed(const struct tro_graph *g, tro_value_id v)
{
    while (true) {
        const struct tro_value *const x = tro_value_get(g, v);
        const tro_node_id owner = x->block.i ? tro_block_get(g, x->block)->owner : TRO_NODE_NONE;
        if (x->def.i || x->data)
            return x->def.i && tro_node_get(g, x->def)->op != TRO_OP_CAMERA;
        if (owner.i == 0)
            return false;
        const struct tro_block *const b = tro_block_get(g, x->block);
        const struct tro_node *const n = tro_node_get(g, owner);
        uint32_t i = 0;
        while (i < b->n_inputs && !tro_value_eq(b->inputs[i], v))
            i++;
        if (n->op != TRO_OP_FUSED || i >= n->n_in || n->in[i].i == 0)
            return true;
        v = n->in[i];
    }
}

/* Floats near the middle of two quanta may become either, as an engine happened to round them. */
static bool quantizes_floats(const struct tro_graph *g)
{
    for (uint32_t i = 1; i < g->n_nodes; i++) {
        const struct tro_node *const n = &g->nodes[i];
        if (n->block.i && n->op == TRO_OP_QUANTIZE &&
            tro_dtype_is_float(tro_value_get(g, n->in[0])->dtype) && is_computed(g, n->in[0]))
            return true;
    }
    return false;
}

static double room_of(const struct verifier *v)
{
    const enum tro_precision precision = tro_session_precision(v->session);
    const double narrow = precision == TRO_PRECISION_FP32 ? 0 : tro_precision_allowance(precision);
    return quantizes_floats(v->parts->graph) ? fmax(narrow, QUANTIZED_ROOM) : narrow;
}

static bool is_state_input(const struct verifier *v, size_t input)
{
    for (size_t i = 0; i < v->parts->n_states; i++)
        if ((size_t)v->parts->states[i].input == input)
            return true;
    return false;
}

static bool is_state_output(const struct verifier *v, size_t output)
{
    for (size_t i = 0; i < v->parts->n_states; i++)
        if ((size_t)v->parts->states[i].output == output)
            return true;
    return false;
}

static int run_sample(struct verifier *v, int sample)
{
    int at = 0;
    for (size_t i = 0; i < v->block->n_inputs; i++)
        if (!is_state_input(v, i))
            TRO_TRY(tro_session_bind(v->session,
                                     tro_value_get(v->parts->graph, v->block->inputs[i])->name,
                                     &v->parts->samples[sample].in[i], v->err));
    TRO_TRY(tro_session_run(v->session, v->err));
    for (size_t i = 0; i < v->block->n_outputs; i++) {
        struct tro_tensor got;
        if (is_state_output(v, i))
            continue;
        TRO_TRY(tro_session_output(v->session, at++, &got, v->err));
        compare(v, sample, i, &got);
    }
    return 0;
}

int tro_plan_verify(struct tro_plan *p, const struct tro_session_opts *opts,
                    struct tro_verify_report *report, struct tro_err *err)
{
    struct tro_verify_report own;
    struct tro_err own_err = {0};
    struct verifier v = {.parts = tro_plan_contents(p),
                         .report = report ? report : &own,
                         .err = err ? err : &own_err};
    *v.report = (struct tro_verify_report){.n_samples = (int)v.parts->n_samples};
    v.block = tro_block_get(v.parts->graph, TRO_MAIN_BLOCK);
    v.session = tro_session_create(p, opts, v.err);
    if (!v.session)
        return v.err->status;
    v.room = room_of(&v);
    int rc = mark_chosen(&v);
    for (int s = 0; s < v.report->n_samples && rc == 0; s++)
        rc = tro_err_prefix(v.err, run_sample(&v, s), "golden sample %d: ", s);
    tro_session_destroy(v.session);
    tro_free(v.chosen);
    return rc < 0 ? rc : v.report->n_different;
}
