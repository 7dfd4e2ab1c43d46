/* SPDX-License-Identifier: Apache-2.0 */
/* What eval shows on a terminal: engines over all frames, then slice by slice. */
#include "eval.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "table.h"

static void number(struct tro_table *t, double v)
{
    if (isnan(v))
        tro_table_cell(t, "-");
    else
        tro_table_cell(t, "%.4g", v);
}

static void head(struct tro_table *t, const char *const *heads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tro_table_column(t, heads[i]);
}

static int print_metrics(const struct eval *e, int engine, struct tro_err *err)
{
    static const char *const heads[] = {"metric",  "of",    ">mean",  ">low",       ">high",
                                        ">median", ">tail", ">worst", "worst frame"};
    const struct eval_group all = {"all", ""};
    struct tro_table t = {0};
    int rc = 0;
    head(&t, heads, sizeof(heads) / sizeof(*heads));
    for (int i = 0; i < e->n_columns && rc >= 0; i++) {
        struct tro_summary s;
        rc = eval_summary(e, engine, &all, i, &s, err);
        if (rc < 0 || s.n == 0 || !tro_eval_is_figure(e->columns[i].metric))
            continue;
        const char *const frame = eval_frame_name(e, s.worst_frame);
        const double values[] = {s.mean, s.lo, s.hi, s.median, s.bad_tail, s.worst};
        tro_table_cell(&t, "%s", tro_eval_metrics[e->columns[i].metric].name);
        tro_table_text(&t, e->columns[i].of, strlen(e->columns[i].of));
        for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++)
            number(&t, values[k]);
        tro_table_text(&t, frame, strlen(frame));
    }
    if (rc >= 0)
        tro_table_print(&t, stdout);
    tro_table_finish(&t);
    return rc;
}

static int print_flags(const struct eval *e, int engine, struct tro_err *err)
{
    static const char *const heads[] = {"flag",         ">yes", ">no", ">sensitivity",
                                        ">specificity", ">PPV", ">F1", ">AUC"};
    const struct eval_group all = {"all", ""};
    struct tro_table t = {0};
    int rc = 0;
    head(&t, heads, sizeof(heads) / sizeof(*heads));
    for (int i = 0; i < e->flags->n_names && rc >= 0; i++) {
        struct tro_binary b;
        rc = eval_flag(e, engine, &all, i, &b, err);
        if (rc < 0)
            break;
        const double values[] = {b.sensitivity, b.specificity, b.ppv, b.f1, b.auc};
        tro_table_text(&t, e->flags->names[i], strlen(e->flags->names[i]));
        tro_table_cell(&t, "%lld", (long long)(b.tp + b.fn));
        tro_table_cell(&t, "%lld", (long long)(b.fp + b.tn));
        for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++)
            number(&t, values[k]);
    }
    if (rc >= 0)
        tro_table_print(&t, stdout);
    tro_table_finish(&t);
    return rc;
}

/* The figures that stand for a kind of output. */
static int group_cells(const struct eval *e, struct tro_table *t, int engine,
                       const struct eval_group *g, struct tro_err *err)
{
    const int columns[] = {e->depth ? e->layout.abs_rel : -1};
    double map50;
    if (e->classes)
        number(t, eval_pooled_miou(e, engine, g));
    if (e->boxes) {
        TRO_TRY(eval_map(e, engine, g, 0, &map50, err));
        number(t, map50);
    }
    if (columns[0] >= 0) {
        struct tro_summary s;
        TRO_TRY(eval_summary(e, engine, g, columns[0], &s, err));
        number(t, s.mean);
    }
    return 0;
}

static int print_groups(struct eval *e, struct tro_err *err)
{
    struct eval_group *groups;
    struct tro_table t = {0};
    int n, rc = 0;
    TRO_TRY(eval_groups(e, &groups, &n, err));
    tro_table_column(&t, "engine");
    tro_table_column(&t, "kind");
    tro_table_column(&t, "group");
    if (e->classes)
        tro_table_column(&t, ">pooled mIoU");
    if (e->boxes)
        tro_table_column(&t, ">mAP50");
    if (e->depth)
        tro_table_column(&t, ">abs-rel");
    for (int engine = 0; engine < e->n_engines; engine++)
        for (int i = 0; i < n && rc >= 0; i++) {
            tro_table_text(&t, e->engines[engine].text, strlen(e->engines[engine].text));
            tro_table_cell(&t, "%s", groups[i].kind);
            tro_table_text(&t, groups[i].name, strlen(groups[i].name));
            rc = group_cells(e, &t, engine, &groups[i], err);
        }
    if (rc >= 0 && (e->classes || e->boxes || e->depth))
        tro_table_print(&t, stdout);
    tro_table_finish(&t);
    return rc;
}

int eval_print(struct eval *e, struct tro_err *err)
{
    for (int i = 0; i < e->n_engines; i++) {
        printf("%s on %lld frames of %d procedures\n\n", e->engines[i].text,
               (long long)e->data.n_frames, e->n_procedures);
        TRO_TRY(print_metrics(e, i, err));
        if (e->flags)
            TRO_TRY(print_flags(e, i, err));
        putchar('\n');
    }
    return print_groups(e, err);
}
