/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that the terminal and the page both show. */
#include "eval.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

static const struct eval_group all = {"all", "", -1};

void eval_number(struct tro_table *t, double v)
{
    if (isnan(v))
        tro_table_cell(t, "-");
    else
        tro_table_cell(t, "%.4g", v);
}

static void signed_number(struct tro_table *t, double v)
{
    if (isnan(v))
        tro_table_cell(t, "-");
    else
        tro_table_cell(t, "%+.3g", v);
}

static void text(struct tro_table *t, const char *s)
{
    tro_table_text(t, s, strlen(s));
}

static void columns(struct tro_table *t, const char *const *heads, int n)
{
    for (int i = 0; i < n; i++)
        tro_table_column(t, heads[i]);
}

#define COUNT(list) ((int)(sizeof(list) / sizeof(*(list))))

/* ---- metrics -------------------------------------------------------------------------------- */

static int metric_cells(const struct eval *e, int engine, int column, const struct tro_summary *s,
                        struct tro_table *t, struct tro_err *err)
{
    const double values[] = {s->mean, s->lo, s->hi, s->median, s->bad_tail, s->worst};
    text(t, tro_eval_metrics[e->columns[column].metric].name);
    text(t, e->columns[column].of);
    for (int i = 0; i < COUNT(values); i++)
        eval_number(t, values[i]);
    if (engine > 0) {
        struct tro_summary d;
        TRO_TRY(eval_delta(e, engine, &all, column, &d, err));
        signed_number(t, d.mean);
        signed_number(t, d.lo);
        signed_number(t, d.hi);
    }
    text(t, eval_frame_name(e, s->worst_frame));
    return 0;
}

int eval_metrics_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err)
{
    static const char *const heads[] = {"metric", "of",      ">mean", ">low",
                                        ">high",  ">median", ">tail", ">worst"};
    static const char *const deltas[] = {">delta", ">low", ">high"};
    columns(t, heads, COUNT(heads));
    if (engine > 0)
        columns(t, deltas, COUNT(deltas));
    tro_table_column(t, "<worst frame");
    for (int i = 0; i < e->n_columns; i++) {
        struct tro_summary s;
        if (!tro_eval_is_figure(e->columns[i].metric))
            continue;
        TRO_TRY(eval_summary(e, engine, &all, i, &s, err));
        if (s.n > 0)
            TRO_TRY(metric_cells(e, engine, i, &s, t, err));
    }
    return 0;
}

/* ---- flags and steps ------------------------------------------------------------------------ */

static void flag_cells(const char *name, const struct tro_binary *b, const struct tro_binary *base,
                       struct tro_table *t)
{
    const double values[] = {b->sensitivity, b->specificity, b->ppv, b->f1, b->auc};
    text(t, name);
    tro_table_cell(t, "%lld", (long long)(b->tp + b->fn));
    tro_table_cell(t, "%lld", (long long)(b->fp + b->tn));
    for (int i = 0; i < COUNT(values); i++)
        eval_number(t, values[i]);
    if (!base)
        return;
    signed_number(t, b->f1 - base->f1);
    signed_number(t, b->auc - base->auc);
}

int eval_flags_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err)
{
    static const char *const heads[] = {"flag",         ">yes", ">no", ">sensitivity",
                                        ">specificity", ">PPV", ">F1", ">AUC"};
    static const char *const deltas[] = {">delta F1", ">delta AUC"};
    columns(t, heads, COUNT(heads));
    if (engine > 0)
        columns(t, deltas, COUNT(deltas));
    for (int i = 0; i < e->flags->n_names; i++) {
        struct tro_binary b, base;
        TRO_TRY(eval_flag(e, engine, &all, i, &b, err));
        TRO_TRY(eval_flag(e, 0, &all, i, &base, err));
        flag_cells(e->flags->names[i], &b, engine > 0 ? &base : NULL, t);
    }
    return 0;
}

void eval_steps_table(const struct eval *e, int engine, struct tro_table *t)
{
    static const char *const heads[] = {"step",    ">frames",    ">found",
                                        ">recall", ">precision", ">F1"};
    columns(t, heads, COUNT(heads));
    if (engine > 0)
        tro_table_column(t, ">delta F1");
    for (int i = 0; i < e->steps->n_names; i++) {
        const struct eval_step s = eval_step(e, engine, &all, i);
        text(t, e->steps->names[i]);
        tro_table_cell(t, "%lld", (long long)s.n_true);
        tro_table_cell(t, "%lld", (long long)s.n_found);
        eval_number(t, s.recall);
        eval_number(t, s.precision);
        eval_number(t, s.f1);
        if (engine > 0)
            signed_number(t, s.f1 - eval_step(e, 0, &all, i).f1);
    }
}

bool eval_confusions_table(const struct eval *e, int engine, struct tro_table *t)
{
    const int n = e->steps->n_names;
    if (n + 1 > TRO_TABLE_MAX_COLUMNS)
        return false;
    tro_table_column(t, "<step, taken as");
    for (int i = 0; i < n; i++)
        tro_table_column(t, e->steps->names[i]);
    for (int i = 0; i < n; i++) {
        text(t, e->steps->names[i]);
        for (int k = 0; k < n; k++)
            tro_table_cell(t, "%lld", (long long)eval_confusion(e, engine, &all, i, k));
    }
    return true;
}

/* ---- engines and groups --------------------------------------------------------------------- */

static int engine_cells(const struct eval *e, int engine, struct tro_table *t, double *share,
                        struct tro_err *err)
{
    const struct eval_energy *const energy = &e->engines[engine].energy;
    const enum eval_figure figure = eval_main_figure(e);
    double value, base, p50, p99;
    TRO_TRY(eval_figure(e, engine, &all, figure, &value, err));
    TRO_TRY(eval_figure(e, 0, &all, figure, &base, err));
    TRO_TRY(eval_latency(e, engine, &all, 50, &p50, err));
    TRO_TRY(eval_latency(e, engine, &all, 99, &p99, err));
    text(t, e->engines[engine].text);
    eval_number(t, value);
    if (e->n_engines > 1)
        signed_number(t, engine > 0 ? value - base : NAN);
    eval_number(t, p50);
    eval_number(t, p99);
    eval_number(t, 1000 / p50);
    if (energy->why_not[0])
        text(t, "not measured");
    else
        tro_table_cell(t, "%.4g", energy->mj);
    *share = value > 0 ? value : 0;
    return 0;
}

int eval_engines_table(const struct eval *e, struct tro_table *t, double *shares,
                       struct tro_err *err)
{
    static const char *const heads[] = {">p50, ms", ">p99, ms", ">FPS", ">mJ a frame"};
    tro_table_column(t, "<engine");
    tro_table_column(t, eval_figures[eval_main_figure(e)].title);
    if (e->n_engines > 1)
        tro_table_column(t, ">delta");
    columns(t, heads, COUNT(heads));
    for (int i = 0; i < e->n_engines; i++)
        TRO_TRY(engine_cells(e, i, t, &shares[i], err));
    return 0;
}

static int head_cells(const struct eval *e, int engine, const struct eval_group *g,
                      struct tro_table *t, struct tro_err *err)
{
    for (int i = 0; i < EVAL_N_FIGURES; i++) {
        const enum eval_figure figure = (enum eval_figure)i;
        double value, base;
        if (!eval_figures[i].is_head || !eval_has_figure(e, figure))
            continue;
        TRO_TRY(eval_figure(e, engine, g, figure, &value, err));
        TRO_TRY(eval_figure(e, 0, g, figure, &base, err));
        eval_number(t, value);
        if (engine > 0)
            signed_number(t, value - base);
    }
    return 0;
}

static void head_columns(const struct eval *e, int engine, struct tro_table *t)
{
    for (int i = 0; i < EVAL_N_FIGURES; i++) {
        if (!eval_figures[i].is_head || !eval_has_figure(e, (enum eval_figure)i))
            continue;
        tro_table_column(t, eval_figures[i].title);
        if (engine > 0)
            tro_table_column(t, ">delta");
    }
}

int eval_groups_table(struct eval *e, int engine, const char *kind, struct tro_table *t,
                      double *shares, int *n_rows, struct tro_err *err)
{
    const struct eval_group *const groups = e->groups;
    *n_rows = 0;
    tro_table_column(t, kind);
    head_columns(e, engine, t);
    for (int i = 0; i < e->n_groups; i++) {
        double share;
        if (strcmp(groups[i].kind, kind) != 0)
            continue;
        text(t, groups[i].name);
        TRO_TRY(head_cells(e, engine, &groups[i], t, err));
        TRO_TRY(eval_figure(e, engine, &groups[i], eval_main_figure(e), &share, err));
        shares[(*n_rows)++] = share > 0 ? share : 0;
    }
    return 0;
}
