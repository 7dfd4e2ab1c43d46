/* SPDX-License-Identifier: Apache-2.0 */
/* What an evaluation says of many frames. */
#include "eval.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* ---- groups --------------------------------------------------------------------------------- */

const char *const eval_kinds[EVAL_N_KINDS] = {"slice", "camera", "procedure"};

/* -1: all. */
static const char **key_of(const struct eval *e, int kind, int64_t frame)
{
    struct tro_truth_frame *const f = &e->data.frames[frame];
    return kind == 0 ? &f->slice : kind == 1 ? &f->camera : &f->procedure;
}

bool eval_is_in(const struct eval *e, const struct eval_group *g, int64_t frame)
{
    return g->kind_index < 0 || *key_of(e, g->kind_index, frame) == g->name;
}

struct eval_group eval_group_of(const struct eval *e, const char *kind, const char *name)
{
    struct eval_group g = {kind, name, -1};
    for (int i = 0; i < EVAL_N_KINDS; i++)
        if (strcmp(eval_kinds[i], kind) == 0)
            g.kind_index = i;
    for (int i = 0; i < e->n_groups; i++)
        if (e->groups[i].kind_index == g.kind_index && strcmp(e->groups[i].name, name) == 0)
            return e->groups[i];
    return g;
}

/* The names that a kind has, each once, in the order of the frames, which then share them. */
static void add_groups(struct eval *e, int kind)
{
    const int first = e->n_groups;
    int at = first;
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const char **const name = key_of(e, kind, i);
        if (at == e->n_groups || strcmp(e->groups[at].name, *name) != 0)
            for (at = first; at < e->n_groups && strcmp(e->groups[at].name, *name) != 0;)
                at++;
        if (at == e->n_groups && (*name)[0])
            e->groups[e->n_groups++] = (struct eval_group){eval_kinds[kind], *name, kind};
        if (at < e->n_groups)
            *name = e->groups[at].name;
    }
}

int eval_find_groups(struct eval *e, struct tro_err *err)
{
    e->groups = TRO_NEW_N(&e->arena, struct eval_group, 3 * (size_t)e->data.n_frames + 1);
    if (!e->groups)
        return tro_fail_nomem(err);
    e->groups[e->n_groups++] = (struct eval_group){"all", "", -1};
    for (int i = 0; i < EVAL_N_KINDS; i++)
        add_groups(e, i);
    return 0;
}

/* ---- figures -------------------------------------------------------------------------------- */

/* base: an engine whose values are taken off; -1: none. */
static int summarize(const struct eval *e, int engine, int base, const struct eval_group *g,
                     int column, struct tro_summary *out, struct tro_err *err)
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
        if (!c->is_there || !eval_is_in(e, g, i))
            continue;
        const double off = base < 0 ? 0 : tro_eval_cell(&e->table, base, i)->values[column];
        samples[n++] = (struct tro_sample){c->values[column] - off, e->procedure_of[i], (int32_t)i};
    }
    const int rc = tro_summarize(samples, n, &opts, out, err);
    tro_free(samples);
    return rc;
}

int eval_summary(const struct eval *e, int engine, const struct eval_group *g, int column,
                 struct tro_summary *out, struct tro_err *err)
{
    return summarize(e, engine, -1, g, column, out, err);
}

int eval_delta(const struct eval *e, int engine, const struct eval_group *g, int column,
               struct tro_summary *out, struct tro_err *err)
{
    return summarize(e, engine, 0, g, column, out, err);
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
        if (c->is_there && c->latency_ns >= 0 && eval_is_in(e, g, i))
            all[n++] = (double)c->latency_ns * 1e-6;
    }
    *ms = tro_percentile(all, n, percent);
    tro_free(all);
    return 0;
}

/* ---- values of columns together ------------------------------------------------------------- */

/* How often, over n columns from the first one, and their sum. */
struct tally {
    int64_t n;
    double sum;
};

static struct tally tally(const struct eval *e, int engine, const struct eval_group *g, int first,
                          int n)
{
    struct tally t = {0};
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (!c->is_there || !eval_is_in(e, g, i))
            continue;
        for (int k = first; k < first + n; k++)
            if (!isnan(c->values[k])) {
                t.n++;
                t.sum += c->values[k];
            }
    }
    return t;
}

static double mean_of(const struct eval *e, int engine, const struct eval_group *g, int first,
                      int n)
{
    const struct tally t = tally(e, engine, g, first, n);
    return t.sum / (double)t.n;
}

struct eval_step eval_step(const struct eval *e, int engine, const struct eval_group *g, int step)
{
    const struct tally of_true = tally(e, engine, g, e->layout.step_recall + step, 1);
    const struct tally of_found = tally(e, engine, g, e->layout.step_precision + step, 1);
    return (struct eval_step){.n_true = of_true.n,
                              .n_found = of_found.n,
                              .recall = of_true.sum / (double)of_true.n,
                              .precision = of_found.sum / (double)of_found.n,
                              .f1 = 2 * of_true.sum / (double)(of_true.n + of_found.n)};
}

int64_t eval_confusion(const struct eval *e, int engine, const struct eval_group *g, int is, int as)
{
    int64_t n = 0;
    for (int64_t i = 0; i < e->data.n_frames; i++) {
        const struct tro_eval_cell *const c = tro_eval_cell(&e->table, engine, i);
        if (c->is_there && eval_is_in(e, g, i))
            n += c->values[e->layout.step_truth] == is && c->values[e->layout.step_found] == as;
    }
    return n;
}

/* Over the steps that are there or found. */
static double macro_f1(const struct eval *e, int engine, const struct eval_group *g)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < e->steps->n_names; i++) {
        const struct eval_step s = eval_step(e, engine, g, i);
        if (isnan(s.f1))
            continue;
        sum += s.f1;
        n++;
    }
    return n ? sum / n : NAN;
}

/* Right decisions of all flags. */
static int flag_accuracy(const struct eval *e, int engine, const struct eval_group *g, double *out,
                         struct tro_err *err)
{
    int64_t n = 0, n_right = 0;
    for (int i = 0; i < e->flags->n_names; i++) {
        struct tro_binary b;
        TRO_TRY(eval_flag(e, engine, g, i, &b, err));
        n += b.tp + b.fp + b.fn + b.tn;
        n_right += b.tp + b.tn;
    }
    *out = n ? (double)n_right / (double)n : NAN;
    return 0;
}

/* ---- figures of many frames ----------------------------------------------------------------- */

const struct eval_figure_info eval_figures[EVAL_N_FIGURES] = {
#define EVAL_FIGURE_ROW(id, name, title, is_head) {name, title, is_head},
    EVAL_FIGURES(EVAL_FIGURE_ROW)
#undef EVAL_FIGURE_ROW
};

bool eval_has_figure(const struct eval *e, enum eval_figure figure)
{
    const struct tro_record_output *const of[EVAL_N_FIGURES] = {
        [EVAL_POOLED_MIOU] = e->classes,
        [EVAL_MAP50] = e->boxes,
        [EVAL_MAP] = e->boxes,
        [EVAL_MEAN_ABS_REL] = e->depth,
        [EVAL_MEAN_DELTA1] = e->depth,
        [EVAL_MEAN_POINT_ERROR] = e->points,
        [EVAL_MEAN_POINT_RECALL] = e->points,
        [EVAL_MEAN_STEP_ACCURACY] = e->steps,
        [EVAL_MACRO_F1] = e->steps,
        [EVAL_FLAG_ACCURACY] = e->flags};
    return of[figure];
}

int eval_figure(const struct eval *e, int engine, const struct eval_group *g,
                enum eval_figure figure, double *out, struct tro_err *err)
{
    const struct tro_eval_layout *const l = &e->layout;
    *out = NAN;
    if (!eval_has_figure(e, figure))
        return 0;
    switch (figure) {
    case EVAL_MAP50:
        return eval_map(e, engine, g, 0, out, err);
    case EVAL_MAP:
        return eval_map(e, engine, g, -1, out, err);
    case EVAL_MEAN_ABS_REL:
        *out = mean_of(e, engine, g, l->abs_rel, 1);
        return 0;
    case EVAL_MEAN_DELTA1:
        *out = mean_of(e, engine, g, l->delta1, 1);
        return 0;
    case EVAL_MEAN_POINT_ERROR:
        *out = mean_of(e, engine, g, l->point_error, e->points->n_names);
        return 0;
    case EVAL_MEAN_POINT_RECALL:
        *out = mean_of(e, engine, g, l->point_recall, e->points->n_names);
        return 0;
    case EVAL_MEAN_STEP_ACCURACY:
        *out = mean_of(e, engine, g, l->step_accuracy, 1);
        return 0;
    case EVAL_MACRO_F1:
        *out = macro_f1(e, engine, g);
        return 0;
    case EVAL_FLAG_ACCURACY:
        return flag_accuracy(e, engine, g, out, err);
    default:
        *out = eval_pooled_miou(e, engine, g);
        return 0;
    }
}

enum eval_figure eval_main_figure(const struct eval *e)
{
    return e->classes  ? EVAL_POOLED_MIOU
           : e->boxes  ? EVAL_MAP50
           : e->depth  ? EVAL_MEAN_DELTA1
           : e->points ? EVAL_MEAN_POINT_RECALL
           : e->steps  ? EVAL_MEAN_STEP_ACCURACY
                       : EVAL_FLAG_ACCURACY;
}

void eval_flag_figures(const struct tro_binary *b, struct eval_flag_figure out[EVAL_N_FLAG_FIGURES])
{
    out[0] = (struct eval_flag_figure){"sensitivity", b->sensitivity};
    out[1] = (struct eval_flag_figure){"specificity", b->specificity};
    out[2] = (struct eval_flag_figure){"ppv", b->ppv};
    out[3] = (struct eval_flag_figure){"accuracy", b->accuracy};
    out[4] = (struct eval_flag_figure){"f1", b->f1};
    out[5] = (struct eval_flag_figure){"auc", b->auc};
}
