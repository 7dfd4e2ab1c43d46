/* SPDX-License-Identifier: Apache-2.0 */
/* What engines must reach. */
#include "eval.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "eval/gate.h"

/* ---- values --------------------------------------------------------------------------------- */

/* Without "of" it is the only one of its metric. */
static int column_of(const struct eval *e, const char *metric, const char *of)
{
    int found = -1, n = 0;
    for (int i = 0; i < e->n_columns; i++) {
        const struct tro_eval_column *const c = &e->columns[i];
        if (!tro_eval_is_figure(c->metric) || strcmp(tro_eval_metrics[c->metric].name, metric) != 0)
            continue;
        if (strcmp(c->of, of) == 0)
            return i;
        found = i;
        n++;
    }
    return n == 1 && !of[0] ? found : -1;
}

static double statistic_of(const struct tro_summary *s, enum tro_gate_statistic which)
{
    const double all[TRO_N_GATE_STATISTICS] = {
        [TRO_GATE_MEAN] = s->mean,   [TRO_GATE_MEDIAN] = s->median, [TRO_GATE_TAIL] = s->bad_tail,
        [TRO_GATE_WORST] = s->worst, [TRO_GATE_LOW] = s->lo,        [TRO_GATE_HIGH] = s->hi};
    return all[which];
}

/* What a gate is judged by: one of those that its patterns cover. */
struct of_gate {
    const struct tro_gate *gate;
    struct eval_group group;
    const char *of;
};

/* 1: the metric is one of flags. */
static int flag_value(const struct eval *e, int engine, const struct of_gate *g, double *out,
                      struct tro_err *err)
{
    struct eval_flag_figure figures[EVAL_N_FLAG_FIGURES];
    struct tro_binary b;
    for (int i = 0; e->flags && i < e->flags->n_names; i++) {
        if (strcmp(e->flags->names[i], g->of) != 0)
            continue;
        TRO_TRY(eval_flag(e, engine, &g->group, i, &b, err));
        eval_flag_figures(&b, figures);
        for (int k = 0; k < EVAL_N_FLAG_FIGURES; k++)
            if (strcmp(figures[k].name, g->gate->metric) == 0) {
                *out = figures[k].value;
                return 1;
            }
    }
    return 0;
}

static bool is_pooled(const char *metric)
{
    return strcmp(metric, "pooled-iou") == 0 || strcmp(metric, "pooled-dice") == 0;
}

/* 1: the metric is one of areas added up. */
static int pooled_value(const struct eval *e, int engine, const struct of_gate *g, double *out)
{
    if (!is_pooled(g->gate->metric))
        return 0;
    for (int i = 0; e->classes && i < e->classes->n_names; i++) {
        if (strcmp(e->classes->names[i], g->of) != 0)
            continue;
        const struct tro_areas a = eval_pooled(e, engine, &g->group, i);
        *out = strcmp(g->gate->metric, "pooled-iou") == 0 ? tro_iou(a) : tro_dice(a);
        return 1;
    }
    return 0;
}

static int value_of(const struct eval *e, int engine, const struct of_gate *g, double *out,
                    struct tro_err *err)
{
    const char *const metric = g->gate->metric;
    struct tro_summary s;
    for (int i = 0; i < EVAL_N_FIGURES; i++)
        if (eval_has_figure(e, (enum eval_figure)i) && strcmp(metric, eval_figures[i].name) == 0)
            return eval_figure(e, engine, &g->group, (enum eval_figure)i, out, err);
    if (strcmp(metric, "latency-p99-ms") == 0)
        return eval_latency(e, engine, &g->group, 99, out, err);
    int rc = flag_value(e, engine, g, out, err);
    if (rc == 0)
        rc = pooled_value(e, engine, g, out);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    const int column = column_of(e, metric, g->of);
    if (column < 0)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a metric of this evaluation, found %s %s",
                        e->gate_path, metric, g->of);
    TRO_TRY(eval_summary(e, engine, &g->group, column, &s, err));
    *out = statistic_of(&s, g->gate->statistic);
    return 0;
}

static bool is_less_better(const struct eval *e, const char *metric)
{
    if (strcmp(metric, eval_figures[EVAL_MEAN_ABS_REL].name) == 0 ||
        strcmp(metric, eval_figures[EVAL_MEAN_POINT_ERROR].name) == 0 ||
        strcmp(metric, "latency-p99-ms") == 0)
        return true;
    for (int i = 0; i < e->n_columns; i++) {
        const struct tro_eval_metric_info *const m = &tro_eval_metrics[e->columns[i].metric];
        if (strcmp(m->name, metric) == 0)
            return m->is_less_better;
    }
    return false;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

/* Means over all that is covered, or the worst of it. */
struct verdict {
    double value, first, loss; /* first: the first engine's value */
    double margin;             /* to the nearest limit; below 0 or NaN: missed */
    const char *group, *of;
    int n;
};

static double loss_of(const struct eval *e, const struct tro_gate *g, double first, double value)
{
    if (isnan(first) && isnan(value))
        return 0;
    return is_less_better(e, g->metric) ? value - first : first - value;
}

static double lesser(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}

static double margin_of(const struct tro_gate *g, const struct verdict *v)
{
    double margin = INFINITY;
    if (!isinf(g->min))
        margin = lesser(v->value - g->min, margin);
    if (!isinf(g->max))
        margin = isnan(margin) ? margin : lesser(g->max - v->value, margin);
    if (!isinf(g->max_loss))
        margin = isnan(margin) ? margin : lesser(g->max_loss - v->loss, margin);
    return margin;
}

static int add_case(const struct eval *e, int engine, const struct of_gate *g, struct verdict *v,
                    struct tro_err *err)
{
    struct verdict one = {.group = g->group.name, .of = g->of, .n = 1};
    TRO_TRY(value_of(e, engine, g, &one.value, err));
    TRO_TRY(value_of(e, 0, g, &one.first, err));
    one.loss = loss_of(e, g->gate, one.first, one.value);
    one.margin = margin_of(g->gate, &one);
    if (isnan(one.value) && (isnan(one.first) || engine == 0))
        return 0;
    if (!g->gate->is_each) {
        v->value += one.value;
        v->first += one.first;
        v->n++;
    } else if (v->n == 0 || isnan(one.margin) || one.margin < v->margin) {
        one.n += v->n;
        *v = one;
    } else {
        v->n++;
    }
    return 0;
}

/* All names that the metric has; without a pattern the gate's own. */
static int add_names(const struct eval *e, int engine, struct of_gate *g, struct verdict *v,
                     struct tro_err *err)
{
    const struct tro_gate *const gate = g->gate;
    const struct tro_record_output *const outputs[] = {e->flags, e->classes};
    g->of = gate->of;
    if (!tro_gate_is_pattern(gate->of))
        return add_case(e, engine, g, v, err);
    for (int i = 0; i < e->n_columns; i++) {
        g->of = e->columns[i].of;
        if (strcmp(tro_eval_metrics[e->columns[i].metric].name, gate->metric) == 0 &&
            tro_gate_covers(gate->of, g->of))
            TRO_TRY(add_case(e, engine, g, v, err));
    }
    const int which = is_pooled(gate->metric);
    for (int i = 0; v->n == 0 && outputs[which] && i < outputs[which]->n_names; i++) {
        g->of = outputs[which]->names[i];
        if (tro_gate_covers(gate->of, g->of))
            TRO_TRY(add_case(e, engine, g, v, err));
    }
    return 0;
}

static int find_verdict(const struct eval *e, int engine, const struct tro_gate *gate,
                        struct verdict *v, struct tro_err *err)
{
    struct of_gate g = {.gate = gate, .group = eval_group_of(e, gate->kind, gate->group)};
    *v = (struct verdict){.group = gate->group, .of = gate->of, .margin = NAN};
    if (!tro_gate_is_pattern(gate->group))
        TRO_TRY(add_names(e, engine, &g, v, err));
    for (int i = 0; tro_gate_is_pattern(gate->group) && i < e->n_groups; i++) {
        g.group = e->groups[i];
        if (strcmp(g.group.kind, gate->kind) == 0 && tro_gate_covers(gate->group, g.group.name))
            TRO_TRY(add_names(e, engine, &g, v, err));
    }
    if (gate->is_each)
        return 0;
    v->value = v->n ? v->value / v->n : NAN;
    v->first = v->n ? v->first / v->n : NAN;
    v->loss = loss_of(e, gate, v->first, v->value);
    v->margin = margin_of(gate, v);
    return 0;
}

/* ---- words ---------------------------------------------------------------------------------- */

static void put_limits(const struct tro_gate *g, char *out, size_t n)
{
    const char *const loss = isinf(g->max_loss) ? "" : ", a loss of at most ";
    char limits[80] = "";
    if (!isinf(g->min) && !isinf(g->max))
        snprintf(limits, sizeof limits, "%g to %g", g->min, g->max);
    else if (!isinf(g->min))
        snprintf(limits, sizeof limits, "%g or more", g->min);
    else if (!isinf(g->max))
        snprintf(limits, sizeof limits, "%g or less", g->max);
    const char *const joined = limits[0] || !loss[0] ? loss : loss + 2;
    if (loss[0])
        snprintf(out, n, "%s%s%g", limits, joined, g->max_loss);
    else
        snprintf(out, n, "%s", limits);
}

/* "gate: net.plan: tail iou of liver, slice clean: expected 0.5 or more, found 0.31" */
static void print_miss(const struct eval *e, int engine, const struct tro_gate *g,
                       const struct verdict *v)
{
    const bool has_statistic = g->statistic != TRO_GATE_MEAN;
    char limits[160];
    put_limits(g, limits, sizeof limits);
    printf("gate: %s: %s%s%s%s%s, ", e->engines[engine].text,
           has_statistic ? tro_gate_statistics[g->statistic] : "", has_statistic ? " " : "",
           g->metric, v->of[0] ? " of " : "", v->of);
    if (v->group[0])
        printf("%s %s: expected %s", g->kind, v->group, limits);
    else
        printf("all frames: expected %s", limits);
    if (isnan(v->value))
        printf(", found no value\n");
    else if (isinf(g->max_loss))
        printf(", found %g\n", v->value);
    else
        printf(", found %g, of the first engine %g\n", v->value, v->first);
}

static void put_verdict(const struct eval *e, int engine, const struct tro_gate *g,
                        const struct verdict *v, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", e->engines[engine].text);
    tro_json_string(j, "metric", g->metric);
    tro_json_string(j, "of", v->of);
    tro_json_string(j, "kind", g->kind);
    tro_json_string(j, "group", v->group);
    tro_json_string(j, "statistic", tro_gate_statistics[g->statistic]);
    tro_json_bool(j, "each", g->is_each);
    tro_json_number(j, "min", g->min);
    tro_json_number(j, "max", g->max);
    tro_json_number(j, "max_loss", g->max_loss);
    tro_json_number(j, "value", v->value);
    tro_json_number(j, "first", v->first);
    tro_json_number(j, "loss", v->loss);
    tro_json_bool(j, "pass", v->margin >= 0);
    tro_json_object_end(j);
}

/* ---- all ------------------------------------------------------------------------------------ */

static int judge_gate(struct eval *e, int engine, const struct tro_gate *g, struct tro_json *j,
                      struct tro_err *err)
{
    struct tro_table *const t = &e->gates;
    struct verdict v;
    char limits[160];
    TRO_TRY(find_verdict(e, engine, g, &v, err));
    if (!(v.margin >= 0)) {
        e->is_failed = true;
        print_miss(e, engine, g, &v);
    }
    put_verdict(e, engine, g, &v, j);
    put_limits(g, limits, sizeof limits);
    tro_table_cell(t, "%s", v.margin >= 0 ? "passed" : "missed");
    tro_table_cell(t, "%s", tro_path_base(e->engines[engine].text));
    tro_table_cell(t, "%s%s%s", g->metric, v.of[0] ? " of " : "", v.of);
    tro_table_cell(t, "%s%s%s", g->is_each ? "worst: " : "", g->kind, v.group[0] ? " " : "");
    tro_table_cell(t, "%s", v.group);
    tro_table_cell(t, "%s", tro_gate_statistics[g->statistic]);
    tro_table_cell(t, "%s", limits);
    eval_number(t, v.value);
    eval_number(t, v.first);
    eval_number(t, v.loss);
    return 0;
}

static bool is_for(const struct tro_gate *g, int engine, const char *text)
{
    return (!g->engine || strcmp(g->engine, tro_path_base(text)) == 0) &&
           (engine > 0 || !isinf(g->min) || !isinf(g->max));
}

/* All engines must pass those that are for them. */
int eval_judge_gates(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    static const char *const heads[] = {"gate",          "engine",    "metric",   "frames",
                                        "<of",           "statistic", "expected", ">found",
                                        ">first engine", ">loss"};
    struct tro_gates gates = {0};
    int rc = e->gate_path ? tro_gates_read(e->gate_path, &gates, err) : 0;
    tro_table_finish(&e->gates);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(&e->gates, heads[i]);
    e->is_failed = false;
    tro_json_array_begin(j, "gates");
    for (int i = 0; i < e->n_engines; i++)
        for (int k = 0; k < gates.n && rc >= 0; k++)
            if (is_for(&gates.gates[k], i, e->engines[i].text))
                rc = judge_gate(e, i, &gates.gates[k], j, err);
    tro_json_array_end(j);
    tro_gates_finish(&gates);
    return rc;
}
