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
static int column_of(const struct eval *e, const struct tro_gate *g)
{
    int found = -1, n = 0;
    for (int i = 0; i < e->n_columns; i++) {
        const struct tro_eval_column *const c = &e->columns[i];
        if (!tro_eval_is_figure(c->metric) ||
            strcmp(tro_eval_metrics[c->metric].name, g->metric) != 0)
            continue;
        if (strcmp(c->of, g->of) == 0)
            return i;
        found = i;
        n++;
    }
    return n == 1 && !g->of[0] ? found : -1;
}

static double statistic_of(const struct tro_summary *s, enum tro_gate_statistic which)
{
    const double all[TRO_N_GATE_STATISTICS] = {
        [TRO_GATE_MEAN] = s->mean,   [TRO_GATE_MEDIAN] = s->median, [TRO_GATE_TAIL] = s->bad_tail,
        [TRO_GATE_WORST] = s->worst, [TRO_GATE_LOW] = s->lo,        [TRO_GATE_HIGH] = s->hi};
    return all[which];
}

/* 1: the gate is of a flag. */
static int flag_value(const struct eval *e, int engine, const struct tro_gate *g,
                      const struct eval_group *group, double *out, struct tro_err *err)
{
    struct eval_flag_figure figures[EVAL_N_FLAG_FIGURES];
    struct tro_binary b;
    for (int i = 0; e->flags && i < e->flags->n_names; i++) {
        if (strcmp(e->flags->names[i], g->of) != 0)
            continue;
        TRO_TRY(eval_flag(e, engine, group, i, &b, err));
        eval_flag_figures(&b, figures);
        for (int k = 0; k < EVAL_N_FLAG_FIGURES; k++)
            if (strcmp(figures[k].name, g->metric) == 0) {
                *out = figures[k].value;
                return 1;
            }
    }
    return 0;
}

static int group_value(const struct eval *e, int engine, const struct tro_gate *g,
                       const struct eval_group *group, double *out, struct tro_err *err)
{
    struct tro_summary s;
    for (int i = 0; i < EVAL_N_FIGURES; i++)
        if (eval_has_figure(e, (enum eval_figure)i) && strcmp(g->metric, eval_figures[i].name) == 0)
            return eval_figure(e, engine, group, (enum eval_figure)i, out, err);
    if (strcmp(g->metric, "latency-p99-ms") == 0)
        return eval_latency(e, engine, group, 99, out, err);
    const int rc = flag_value(e, engine, g, group, out, err);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    const int column = column_of(e, g);
    if (column < 0)
        return tro_fail(err, TRO_E_INPUT, "%s: expected a metric of this evaluation, found %s %s",
                        e->gate_path, g->metric, g->of);
    TRO_TRY(eval_summary(e, engine, group, column, &s, err));
    *out = statistic_of(&s, g->statistic);
    return 0;
}

/* Of a pattern: the mean over the groups where it is defined. */
static int gate_value(struct eval *e, int engine, const struct tro_gate *g, double *out,
                      struct tro_err *err)
{
    const struct eval_group only = eval_group_of(e, g->kind, g->group);
    const struct eval_group *const groups = e->groups;
    double sum = 0;
    int n_values = 0;
    if (!tro_gate_is_pattern(g))
        return group_value(e, engine, g, &only, out, err);
    for (int i = 0; i < e->n_groups; i++) {
        double value;
        if (strcmp(groups[i].kind, g->kind) != 0 || !tro_gate_covers(g, groups[i].name))
            continue;
        TRO_TRY(group_value(e, engine, g, &groups[i], &value, err));
        if (isnan(value))
            continue;
        sum += value;
        n_values++;
    }
    *out = n_values ? sum / n_values : NAN;
    return 0;
}

/* "gate: net.plan: tail iou of liver, slice clean: expected 0.5 or more, found 0.31" */
static void print_miss(const struct eval *e, int engine, const struct tro_gate *g, double value)
{
    const bool has_statistic = g->statistic != TRO_GATE_MEAN;
    printf("gate: %s: %s%s%s%s%s, ", e->engines[engine].text,
           has_statistic ? tro_gate_statistics[g->statistic] : "", has_statistic ? " " : "",
           g->metric, g->of[0] ? " of " : "", g->of);
    if (g->group[0])
        printf("%s %s: expected ", g->kind, g->group);
    else
        printf("all frames: expected ");
    if (isinf(g->max))
        printf("%g or more", g->min);
    else if (isinf(g->min))
        printf("%g or less", g->max);
    else
        printf("%g to %g", g->min, g->max);
    if (isnan(value))
        printf(", found no value\n");
    else
        printf(", found %g\n", value);
}

static int judge_gate(struct eval *e, int engine, const struct tro_gate *g, struct tro_json *j,
                      struct tro_err *err)
{
    double value;
    TRO_TRY(gate_value(e, engine, g, &value, err));
    const bool is_passed = value >= g->min && value <= g->max; /* NaN does not */
    e->is_failed |= !is_passed;
    if (!is_passed)
        print_miss(e, engine, g, value);
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", e->engines[engine].text);
    tro_json_string(j, "metric", g->metric);
    tro_json_string(j, "of", g->of);
    tro_json_string(j, "group", g->group);
    tro_json_string(j, "statistic", tro_gate_statistics[g->statistic]);
    tro_json_number(j, "min", g->min);
    tro_json_number(j, "max", g->max);
    tro_json_number(j, "value", value);
    tro_json_bool(j, "pass", is_passed);
    tro_json_object_end(j);
    return 0;
}

static bool is_for(const struct tro_gate *g, const char *engine)
{
    return !g->engine || strcmp(g->engine, tro_path_base(engine)) == 0;
}

/* All engines must pass those that are for them. */
int eval_judge_gates(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    struct tro_gates gates = {0};
    int rc = e->gate_path ? tro_gates_read(e->gate_path, &gates, err) : 0;
    tro_json_array_begin(j, "gates");
    for (int i = 0; i < e->n_engines; i++)
        for (int k = 0; k < gates.n && rc >= 0; k++)
            if (is_for(&gates.gates[k], e->engines[i].text))
                rc = judge_gate(e, i, &gates.gates[k], j, err);
    tro_json_array_end(j);
    tro_gates_finish(&gates);
    return rc;
}
