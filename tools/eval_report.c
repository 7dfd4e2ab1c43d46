/* SPDX-License-Identifier: Apache-2.0 */
#include "eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/gate.h"

/* ---- groups --------------------------------------------------------------------------------- */

static const char *key_of(const struct eval *e, const char *kind, int64_t frame)
{
    const struct tro_truth_frame *const f = &e->data.frames[frame];
    return strcmp(kind, "slice") == 0    ? f->slice
           : strcmp(kind, "camera") == 0 ? f->camera
                                         : f->procedure;
}

bool eval_is_in(const struct eval *e, const struct eval_group *g, int64_t frame)
{
    return strcmp(g->kind, "all") == 0 || strcmp(key_of(e, g->kind, frame), g->name) == 0;
}

/* The names that a kind has, each once, in the order of the frames. */
static void add_groups(const struct eval *e, const char *kind, struct eval_group *groups, int *n)
{
    const int first = *n;
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const char *const name = key_of(e, kind, i);
        int at = first;
        while (at < *n && strcmp(groups[at].name, name) != 0)
            at++;
        if (at == *n && name[0])
            groups[(*n)++] = (struct eval_group){kind, name};
    }
}

int eval_groups(struct eval *e, struct eval_group **out, int *n, struct tro_err *err)
{
    static const char *const kinds[] = {"slice", "camera", "procedure"};
    *out = TRO_NEW_N(&e->arena, struct eval_group, 3 * (size_t)e->data.n_frames + 1);
    *n = 0;
    if (!*out)
        return tro_fail_nomem(err);
    (*out)[(*n)++] = (struct eval_group){"all", ""};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        add_groups(e, kinds[i], *out, n);
    return 0;
}

/* ---- figures -------------------------------------------------------------------------------- */

int eval_summary(const struct eval *e, int engine, const struct eval_group *g, int column,
                 struct tro_summary *out, struct tro_err *err)
{
    const struct tro_summary_opts opts = {
        .is_less_better = tro_eval_metrics[e->columns[column].metric].is_less_better,
        .n_procedures = e->n_procedures,
        .n_draws = (int)e->n_draws,
        .seed = (uint64_t)e->seed};
    struct tro_sample *const samples = tro_malloc(((size_t)e->data.n_frames + 1) *
                                                  sizeof(*samples));
    int64_t n = 0;
    if (!samples)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (c->is_there && eval_is_in(e, g, i))
            samples[n++] = (struct tro_sample){c->values[column], e->procedure_of[i], (int32_t)i};
    }
    const int rc = tro_summarize(samples, n, &opts, out, err);
    tro_free(samples);
    return rc;
}

struct tro_areas eval_pooled(const struct eval *e, int engine, const struct eval_group *g,
                             int class_index)
{
    struct tro_areas sum = {0};
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (!c->is_there || !eval_is_in(e, g, i))
            continue;
        sum.tp += c->areas[class_index].tp;
        sum.fp += c->areas[class_index].fp;
        sum.fn += c->areas[class_index].fn;
    }
    return sum;
}

double eval_pooled_miou(const struct eval *e, int engine, const struct eval_group *g)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < e->table.n_classes; i++) {
        const double iou = tro_iou(eval_pooled(e, engine, g, i));
        if (isnan(iou))
            continue;
        sum += iou;
        n++;
    }
    return n ? sum / n : NAN;
}

/* The matches of one label in the order of the frames. */
static int64_t gather(const struct eval *e, int engine, const struct eval_group *g, int label,
                      struct tro_match *to, int64_t *n_truth)
{
    int64_t n = 0;
    *n_truth = 0;
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (!c->is_there || !eval_is_in(e, g, i))
            continue;
        *n_truth += c->n_true_boxes[label];
        for (int k = 0; k < c->n_matches; k++)
            if (c->matches[k].label == label)
                to[n++] = c->matches[k];
    }
    return n;
}

int eval_map(const struct eval *e, int engine, const struct eval_group *g, int threshold,
             double *out, struct tro_err *err)
{
    const int first = threshold < 0 ? 0 : threshold;
    const int end = threshold < 0 ? TRO_N_IOU_THRESHOLDS : threshold + 1;
    int64_t n_all = 0, n_truth;
    for (int64_t i = 0; i < e->data.n_frames; i++)
        n_all += tro_eval_cell(&e->table, engine, i)->n_matches;
    struct tro_match *const matches = tro_malloc(((size_t)n_all + 1) * sizeof(*matches));
    int rc = matches ? 0 : tro_fail_nomem(err), n = 0;
    double sum = 0;
    for (int label = 0; rc >= 0 && label < e->table.n_labels; label++) {
        const int64_t n_matches = gather(e, engine, g, label, matches, &n_truth);
        for (int t = first; rc >= 0 && n_truth && t < end; t++) {
            double ap;
            rc = tro_average_precision(matches, n_matches, n_truth, t, &ap, err);
            sum += ap;
            n++;
        }
    }
    tro_free(matches);
    *out = n ? sum / n : NAN;
    return rc;
}

int eval_flag(const struct eval *e, int engine, const struct eval_group *g, int flag,
              struct tro_binary *out, struct tro_err *err)
{
    struct tro_decision *const all = tro_malloc(((size_t)e->data.n_frames + 1) * sizeof(*all));
    int64_t n = 0;
    if (!all)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        const double truth = c->is_there ? c->values[e->layout.flag_truth + flag] : NAN;
        if (!isnan(truth) && eval_is_in(e, g, i))
            all[n++] = (struct tro_decision){(float)c->values[e->layout.flag_score + flag],
                                             truth != 0};
    }
    const int rc = tro_binary_of(all, n, e->flags->threshold, out, err);
    tro_free(all);
    return rc;
}

int eval_latency(const struct eval *e, int engine, const struct eval_group *g, double percent,
                 double *ms, struct tro_err *err)
{
    double *const all = tro_malloc(((size_t)e->data.n_frames + 1) * sizeof(*all));
    int64_t n = 0;
    if (!all)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (c->is_there && eval_is_in(e, g, i))
            all[n++] = (double)c->latency_ns * 1e-6;
    }
    *ms = tro_percentile(all, n, percent);
    tro_free(all);
    return 0;
}

/* ---- gates ---------------------------------------------------------------------------------- */

static int column_of(const struct eval *e, const struct tro_gate *g)
{
    for (int i = 0; i < e->n_columns; i++)
        if (strcmp(tro_eval_metrics[e->columns[i].metric].name, g->metric) == 0 &&
            (!g->of[0] || strcmp(e->columns[i].of, g->of) == 0))
            return i;
    return -1;
}

static double statistic_of(const struct tro_summary *s, enum tro_gate_statistic which)
{
    const double all[TRO_N_GATE_STATISTICS] = {
        [TRO_GATE_MEAN] = s->mean,   [TRO_GATE_MEDIAN] = s->median, [TRO_GATE_TAIL] = s->bad_tail,
        [TRO_GATE_WORST] = s->worst, [TRO_GATE_LOW] = s->lo,        [TRO_GATE_HIGH] = s->hi};
    return all[which];
}

struct flag_figure {
    const char *name;
    double value;
};

enum { N_FLAG_FIGURES = 6 };

static void flag_figures(const struct tro_binary *b, struct flag_figure out[N_FLAG_FIGURES])
{
    out[0] = (struct flag_figure){"sensitivity", b->sensitivity};
    out[1] = (struct flag_figure){"specificity", b->specificity};
    out[2] = (struct flag_figure){"ppv", b->ppv};
    out[3] = (struct flag_figure){"accuracy", b->accuracy};
    out[4] = (struct flag_figure){"f1", b->f1};
    out[5] = (struct flag_figure){"auc", b->auc};
}

/* 1: the gate is of a flag. */
static int flag_value(const struct eval *e, int engine, const struct tro_gate *g,
                      const struct eval_group *group, double *out, struct tro_err *err)
{
    struct flag_figure figures[N_FLAG_FIGURES];
    struct tro_binary b;
    for (int i = 0; e->flags && i < e->flags->n_names; i++) {
        if (strcmp(e->flags->names[i], g->of) != 0)
            continue;
        TRO_TRY(eval_flag(e, engine, group, i, &b, err));
        flag_figures(&b, figures);
        for (int k = 0; k < N_FLAG_FIGURES; k++)
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
    if (strcmp(g->metric, "pooled-miou") == 0) {
        *out = eval_pooled_miou(e, engine, group);
        return 0;
    }
    if (strcmp(g->metric, "map50") == 0)
        return eval_map(e, engine, group, 0, out, err);
    if (strcmp(g->metric, "map") == 0)
        return eval_map(e, engine, group, -1, out, err);
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
    const struct eval_group only = {g->kind, g->group};
    struct eval_group *groups;
    double sum = 0;
    int n, n_values = 0;
    if (!tro_gate_is_pattern(g))
        return group_value(e, engine, g, &only, out, err);
    TRO_TRY(eval_groups(e, &groups, &n, err));
    for (int i = 0; i < n; i++) {
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

static int judge_gate(struct eval *e, int engine, const struct tro_gate *g, struct tro_json *j,
                      struct tro_err *err)
{
    double value;
    TRO_TRY(gate_value(e, engine, g, &value, err));
    const bool is_passed = value >= g->min && value <= g->max; /* NaN does not */
    e->is_failed |= !is_passed;
    if (!is_passed)
        printf("gate: %s: %s %s of %s %s: expected %g to %g, found %g\n", e->engines[engine].text,
               tro_gate_statistics[g->statistic], g->metric, g->of,
               g->group[0] ? g->group : "all frames", g->min, g->max, value);
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

/* All engines must pass. */
static int judge_gates(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    struct tro_gates gates = {0};
    int rc = e->gate_path ? tro_gates_read(e->gate_path, &gates, err) : 0;
    tro_json_array_begin(j, "gates");
    for (int i = 0; i < e->n_engines; i++)
        for (int k = 0; k < gates.n && rc >= 0; k++)
            rc = judge_gate(e, i, &gates.gates[k], j, err);
    tro_json_array_end(j);
    tro_gates_finish(&gates);
    return rc;
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_summary(const struct eval *e, struct tro_json *j, int column,
                        const struct tro_summary *s)
{
    const struct tro_eval_metric_info *const m = &tro_eval_metrics[e->columns[column].metric];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "metric", m->name);
    tro_json_string(j, "of", e->columns[column].of);
    tro_json_int(j, "frames", s->n);
    tro_json_int(j, "undefined", s->n_undefined);
    tro_json_number(j, "mean", s->mean);
    tro_json_number(j, "low", s->lo);
    tro_json_number(j, "high", s->hi);
    tro_json_number(j, "median", s->median);
    tro_json_number(j, "tail", s->bad_tail);
    tro_json_number(j, "worst", s->worst);
    if (s->worst_frame >= 0)
        tro_json_string(j, "worst_frame", eval_frame_name(e, s->worst_frame));
    tro_json_object_end(j);
}

static int put_flags(const struct eval *e, struct tro_json *j, int engine,
                     const struct eval_group *g, struct tro_err *err)
{
    tro_json_array_begin(j, "flags");
    for (int i = 0; e->flags && i < e->flags->n_names; i++) {
        struct flag_figure figures[N_FLAG_FIGURES];
        struct tro_binary b;
        TRO_TRY(eval_flag(e, engine, g, i, &b, err));
        flag_figures(&b, figures);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "of", e->flags->names[i]);
        tro_json_int(j, "yes", b.tp + b.fn);
        tro_json_int(j, "no", b.fp + b.tn);
        for (int k = 0; k < N_FLAG_FIGURES; k++)
            tro_json_number(j, figures[k].name, figures[k].value);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    return 0;
}

static int put_group(struct eval *e, struct tro_json *j, int engine, const struct eval_group *g,
                     struct tro_err *err)
{
    double map50, map, p50, p99;
    TRO_TRY(eval_map(e, engine, g, 0, &map50, err));
    TRO_TRY(eval_map(e, engine, g, -1, &map, err));
    TRO_TRY(eval_latency(e, engine, g, 50, &p50, err));
    TRO_TRY(eval_latency(e, engine, g, 99, &p99, err));
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", e->engines[engine].text);
    tro_json_string(j, "kind", g->kind);
    tro_json_string(j, "group", g->name);
    if (e->classes)
        tro_json_number(j, "pooled-miou", eval_pooled_miou(e, engine, g));
    if (e->boxes) {
        tro_json_number(j, "map50", map50);
        tro_json_number(j, "map", map);
    }
    tro_json_number(j, "latency_p50_ms", p50);
    tro_json_number(j, "latency_p99_ms", p99);
    TRO_TRY(put_flags(e, j, engine, g, err));
    tro_json_array_begin(j, "metrics");
    for (int i = 0; i < e->n_columns; i++) {
        struct tro_summary s;
        if (!tro_eval_is_figure(e->columns[i].metric))
            continue;
        TRO_TRY(eval_summary(e, engine, g, i, &s, err));
        put_summary(e, j, i, &s);
    }
    tro_json_array_end(j);
    tro_json_object_end(j);
    return 0;
}

static int put_all(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    struct eval_group *groups;
    int n;
    TRO_TRY(eval_groups(e, &groups, &n, err));
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "dataset", e->data.path);
    tro_json_int(j, "frames", e->data.n_frames);
    tro_json_int(j, "procedures", e->n_procedures);
    tro_json_number(j, "tolerance_px", e->tolerance_px);
    tro_json_array_begin(j, "groups");
    for (int engine = 0; engine < e->n_engines; engine++)
        for (int i = 0; i < n; i++)
            TRO_TRY(put_group(e, j, engine, &groups[i], err));
    tro_json_array_end(j);
    TRO_TRY(judge_gates(e, j, err));
    tro_json_bool(j, "pass", !e->is_failed);
    tro_json_object_end(j);
    return 0;
}

int eval_write_json(struct eval *e, struct tro_err *err)
{
    struct tro_json j = {0};
    int rc = put_all(e, &j, err);
    if (rc >= 0 && j.buf.failed)
        rc = tro_fail_nomem(err);
    if (rc >= 0 && e->json_path)
        rc = tro_file_write(e->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}
