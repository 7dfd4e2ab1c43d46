/* SPDX-License-Identifier: Apache-2.0 */
/* What compare found, for people and as JSON. */
#include "compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define LAYERS_SHOWN 20

/* ---- latency --------------------------------------------------------------------------- */

struct latency {
    double min_ms, p50_ms;
};

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the times. */
static struct latency latency_of(const struct tro_compare *c, const struct tro_compare_side *s)
{
    const size_t n = (size_t)c->samples.n;
    qsort(s->run_ns, n, sizeof *s->run_ns, by_value);
    const int64_t p50 = s->run_ns[(n - 1) / 2] + s->run_ns[n / 2];
    return (struct latency){(double)s->run_ns[0] * 1e-6, (double)p50 * 0.5e-6};
}

static bool is_timed(const struct tro_compare_side *s)
{
    return s->side.kind != TRO_SIDE_FOLDER;
}

/* ---- text ------------------------------------------------------------------------------ */

static void side_cells(struct tro_table *t, const struct tro_compare *c, int i, bool is_first_row)
{
    const struct tro_compare_side *s = &c->sides[i];
    const bool is_shown = is_first_row && is_timed(s);
    const struct latency l = is_shown ? latency_of(c, s) : (struct latency){0};
    tro_table_text(t, s->side.text, is_first_row ? strlen(s->side.text) : 0);
    if (is_shown) {
        tro_table_cell(t, "%.3f", l.min_ms);
        tro_table_cell(t, "%.3f", l.p50_ms);
        tro_table_cell(t, "%.1f", l.p50_ms > 0 ? 1000 / l.p50_ms : 0);
    }
    for (int k = is_shown ? 3 : 0; k < 4; k++)
        tro_table_cell(t, "%s", is_first_row ? "-" : "");
}

static void check_cells(struct tro_table *t, const struct tro_compare_check *k)
{
    tro_table_text(t, k->name, strlen(k->name));
    if (k->is_form_different) {
        tro_table_cell(t, "form");
        for (int i = 0; i < 3; i++)
            tro_table_cell(t, "-");
    } else {
        tro_table_cell(t, "%.3g", k->max_abs);
        tro_table_cell(t, "%.3g", tro_check_relative(k));
        tro_table_cell(t, "%.3g", tro_check_rmse(k));
        tro_table_cell(t, "%lld of %lld", (long long)k->n_bad, (long long)k->n);
    }
    tro_table_cell(t, "%s", k->passes ? "pass" : "FAIL");
}

static void print_table(const struct tro_compare *c)
{
    static const char *const heads[] = {
        "side",           ">min ms", ">p50 ms",           ">FPS", ">mJ", "output", ">max |error|",
        ">/ max |value|", ">RMSE",   ">beyond tolerance", ""};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    side_cells(&t, c, 0, true);
    tro_table_cell(&t, "(reference)");
    for (int i = 0; i < 5; i++)
        tro_table_cell(&t, "%s", "");
    for (int i = 0; i < c->n_checks; i++) {
        const bool is_first_row = i == 0 || c->checks[i].side != c->checks[i - 1].side;
        side_cells(&t, c, c->checks[i].side, is_first_row);
        check_cells(&t, &c->checks[i]);
    }
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
}

static void print_worst(const struct tro_compare *c)
{
    const struct tro_compare_check *k = tro_compare_worst(c);
    char sample[256];
    if (!k || k->worst_sample < 0 || (!k->is_form_different && !k->n_nan && k->max_abs == 0))
        return;
    tro_samples_print_name(&c->samples, k->worst_sample, sample, sizeof sample);
    printf("\nworst: output '%s' of %s, %s: ", k->name, c->sides[k->side].side.text, sample);
    if (k->is_form_different)
        printf("expected %s, got %s\n", k->want_form, k->got_form);
    else
        printf("expected %.9g, got %.9g at %s%s\n", k->want, k->got, k->worst_index,
               k->n_nan ? "; NaN on one side alone elsewhere" : "");
}

static void print_gates(const struct tro_compare *c)
{
    struct tro_table t = {0};
    static const char *const heads[] = {"gate", "output", "side", ">limit", ">value", ""};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < c->n_gates; i++)
        for (int k = 0; k < c->n_checks; k++) {
            const struct tro_compare_gate *g = &c->gates[i];
            const struct tro_compare_check *check = &c->checks[k];
            if (!tro_gate_applies(g, check))
                continue;
            const double value = tro_gate_value(g, check);
            const char *side = c->sides[check->side].side.text;
            tro_table_cell(&t, "%s", tro_gate_metric(g));
            tro_table_text(&t, check->name, strlen(check->name));
            tro_table_text(&t, side, strlen(side));
            tro_table_cell(&t, "%.6g", g->limit);
            tro_table_cell(&t, "%.6g", value);
            tro_table_cell(&t, "%s", value <= g->limit ? "pass" : "FAIL");
        }
    printf("\n");
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
}

static void layer_cells(struct tro_table *t, const struct tro_compare_layer *l, bool has_cause)
{
    tro_table_text(t, l->tensor, strlen(l->tensor));
    tro_table_text(t, l->node, strlen(l->node));
    tro_table_cell(t, "%s", l->op_type);
    if (!l->diff.is_same_form) {
        tro_table_cell(t, "form");
        for (int i = 0; i < 2; i++)
            tro_table_cell(t, "-");
    } else {
        tro_table_cell(t, "%.3g", l->diff.max_abs);
        tro_table_cell(t, "%.3g", tro_diff_relative(&l->diff));
        tro_table_cell(t, "%.3g", l->diff.rmse);
    }
    if (has_cause)
        tro_table_text(t, l->cause, strlen(l->cause));
}

static bool has_causes(const struct tro_compare *c)
{
    for (size_t i = 0; i < c->n_layers; i++)
        if (c->layers[i].cause[0])
            return true;
    return false;
}

/* Inner tensors have scales of their own: small elements of a large tensor carry its rounding. */
static bool is_beyond(const struct tro_compare *c, const struct tro_compare_layer *l)
{
    return !l->diff.is_same_form || l->diff.n_nan_alone ||
           l->diff.max_abs > c->atol + c->rtol * l->diff.max_value;
}

/* In the order of the run: what comes after it may only pass the error on. */
static const struct tro_compare_layer *first_beyond(const struct tro_compare *c)
{
    const struct tro_compare_layer *first = NULL;
    for (size_t i = 0; i < c->n_layers; i++)
        if (is_beyond(c, &c->layers[i]) && (!first || c->layers[i].place < first->place))
            first = &c->layers[i];
    return first;
}

static void print_layers(const struct tro_compare *c)
{
    char sample[256];
    tro_samples_print_name(&c->samples, c->layers_sample, sample, sizeof sample);
    printf("\nlayers, worst first, %s: %zu tensors that both sides know by name%s\n", sample,
           c->n_layers, c->n_layers > LAYERS_SHOWN ? ", of which 20" : "");
    struct tro_table t = {0};
    static const char *const heads[] = {"tensor",         "node",  "type",         ">max |error|",
                                        ">/ max |value|", ">RMSE", "<likely cause"};
    const bool has_cause = has_causes(c);
    for (size_t i = 0; i < sizeof heads / sizeof *heads - !has_cause; i++)
        tro_table_column(&t, heads[i]);
    for (size_t i = 0; i < c->n_layers && i < LAYERS_SHOWN; i++)
        layer_cells(&t, &c->layers[i], has_cause);
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
    const struct tro_compare_layer *first = first_beyond(c);
    if (!first) {
        printf("no tensor has an error beyond %g + %g max |value|\n", c->atol, c->rtol);
        return;
    }
    printf("first with an error beyond %g + %g max |value|: tensor '%s' of node %s%s%s(%s)\n",
           c->atol, c->rtol, first->tensor, first->node[0] ? "'" : "", first->node,
           first->node[0] ? "' " : "", first->op_type);
    if (first->cause[0])
        printf("likely cause: %s\n", first->cause);
}

static void print_inputs(const struct tro_compare *c)
{
    const struct tro_samples *s = &c->samples;
    const long long n = (long long)s->n;
    if (c->leader < 0)
        printf("recorded outputs\n\n");
    else if (s->opts.dir)
        printf("%lld sample%s of %s\n\n", n, n == 1 ? "" : "s", s->opts.dir);
    else if (s->opts.files->n)
        printf("1 sample\n\n");
    else
        printf("%lld random sample%s, seed %llu\n\n", n, n == 1 ? "" : "s",
               (unsigned long long)s->opts.seed);
}

void tro_compare_print(const struct tro_compare *c)
{
    print_inputs(c);
    print_table(c);
    print_worst(c);
    if (c->n_gates)
        print_gates(c);
    if (c->with_layers)
        print_layers(c);
    printf("\n%s\n", c->passes ? "pass" : "FAIL");
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void json_side(const struct tro_compare *c, int i, struct tro_json *j)
{
    const struct tro_compare_side *s = &c->sides[i];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "side", s->side.text);
    tro_json_string(j, "kind", tro_side_kind_name(s->side.kind));
    if (is_timed(s)) {
        const struct latency l = latency_of(c, s);
        tro_json_object_begin(j, "latency_ms");
        tro_json_number(j, "min", l.min_ms);
        tro_json_number(j, "p50", l.p50_ms);
        tro_json_object_end(j);
        tro_json_number(j, "throughput_hz", l.p50_ms > 0 ? 1000 / l.p50_ms : 0);
    } else {
        tro_json_null(j, "latency_ms");
        tro_json_null(j, "throughput_hz");
    }
    tro_json_null(j, "energy_mj");
    tro_json_object_end(j);
}

static void json_worst(const struct tro_compare *c, const struct tro_compare_check *k,
                       bool is_whole, struct tro_json *j)
{
    char sample[256];
    tro_json_object_begin(j, "worst");
    if (is_whole) {
        tro_json_string(j, "output", k->name);
        tro_json_string(j, "side", c->sides[k->side].side.text);
    }
    if (k->worst_sample >= 0) {
        tro_samples_print_name(&c->samples, k->worst_sample, sample, sizeof sample);
        tro_json_string(j, "sample", sample);
    }
    if (k->is_form_different) {
        tro_json_string(j, "expected_form", k->want_form);
        tro_json_string(j, "got_form", k->got_form);
    } else if (k->worst_sample >= 0) {
        tro_json_string(j, "index", k->worst_index);
        tro_json_number(j, "expected", k->want);
        tro_json_number(j, "got", k->got);
    }
    tro_json_object_end(j);
}

static void json_check(const struct tro_compare *c, const struct tro_compare_check *k,
                       struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "output", k->name);
    tro_json_string(j, "side", c->sides[k->side].side.text);
    tro_json_bool(j, "pass", k->passes);
    tro_json_bool(j, "same_form", !k->is_form_different);
    tro_json_int(j, "elements", k->n);
    tro_json_int(j, "elements_beyond_tolerance", k->n_bad);
    tro_json_int(j, "elements_unequal", k->n_unequal);
    tro_json_int(j, "nan_on_one_side", k->n_nan);
    tro_json_number(j, "max_abs_error", k->max_abs);
    tro_json_number(j, "max_relative_error", tro_check_relative(k));
    tro_json_number(j, "rmse", tro_check_rmse(k));
    json_worst(c, k, false, j);
    tro_json_object_end(j);
}

static void json_gates(const struct tro_compare *c, struct tro_json *j)
{
    tro_json_array_begin(j, "gates");
    for (int i = 0; i < c->n_gates; i++)
        for (int k = 0; k < c->n_checks; k++) {
            const struct tro_compare_gate *g = &c->gates[i];
            const struct tro_compare_check *check = &c->checks[k];
            if (!tro_gate_applies(g, check))
                continue;
            const double value = tro_gate_value(g, check);
            tro_json_object_begin(j, NULL);
            tro_json_int(j, "line", g->line);
            tro_json_string(j, "metric", tro_gate_metric(g));
            tro_json_string(j, "output", check->name);
            tro_json_string(j, "side", c->sides[check->side].side.text);
            tro_json_number(j, "limit", g->limit);
            tro_json_number(j, "value", value);
            tro_json_bool(j, "pass", value <= g->limit);
            tro_json_object_end(j);
        }
    tro_json_array_end(j);
}

static void json_layers(const struct tro_compare *c, struct tro_json *j)
{
    tro_json_array_begin(j, "layers");
    for (size_t i = 0; i < c->n_layers; i++) {
        const struct tro_compare_layer *l = &c->layers[i];
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "tensor", l->tensor);
        tro_json_string(j, "node", l->node);
        tro_json_string(j, "type", l->op_type);
        tro_json_int(j, "place", l->place);
        tro_json_bool(j, "same_form", l->diff.is_same_form);
        tro_json_int(j, "elements", l->diff.n);
        tro_json_int(j, "elements_beyond_tolerance", l->diff.n_bad);
        tro_json_number(j, "max_abs_error", l->diff.max_abs);
        tro_json_number(j, "max_relative_error", tro_diff_relative(&l->diff));
        tro_json_number(j, "rmse", l->diff.rmse);
        tro_json_string(j, "cause", l->cause);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

void tro_compare_json(const struct tro_compare *c, struct tro_json *j)
{
    const struct tro_compare_check *worst = tro_compare_worst(c);
    tro_json_object_begin(j, NULL);
    tro_json_bool(j, "pass", c->passes);
    tro_json_int(j, "samples", c->samples.n);
    tro_json_array_begin(j, "sides");
    for (int i = 0; i < c->n_sides; i++)
        json_side(c, i, j);
    tro_json_array_end(j);
    tro_json_array_begin(j, "checks");
    for (int i = 0; i < c->n_checks; i++)
        json_check(c, &c->checks[i], j);
    tro_json_array_end(j);
    if (worst)
        json_worst(c, worst, true, j);
    if (c->n_gates)
        json_gates(c, j);
    if (c->with_layers)
        json_layers(c, j);
    tro_json_object_end(j);
}
