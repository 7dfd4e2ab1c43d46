/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that the terminal and the page both show. */
#include "eval.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

void eval_number(struct tro_table *t, double v)
{
    if (isnan(v))
        tro_table_cell(t, "-");
    else
        tro_table_cell(t, "%.4g", v);
}

static void metric_cells(const struct eval *e, int column, const struct tro_summary *s,
                         struct tro_table *t)
{
    const char *const of = e->columns[column].of;
    const char *const frame = eval_frame_name(e, s->worst_frame);
    const double values[] = {s->mean, s->lo, s->hi, s->median, s->bad_tail, s->worst};
    tro_table_cell(t, "%s", tro_eval_metrics[e->columns[column].metric].name);
    tro_table_text(t, of, strlen(of));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        eval_number(t, values[i]);
    tro_table_text(t, frame, strlen(frame));
}

int eval_metrics_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err)
{
    static const char *const heads[] = {"metric",  "of",    ">mean",  ">low",        ">high",
                                        ">median", ">tail", ">worst", "<worst frame"};
    const struct eval_group all = {"all", ""};
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        tro_table_column(t, heads[i]);
    for (int i = 0; i < e->n_columns; i++) {
        struct tro_summary s;
        TRO_TRY(eval_summary(e, engine, &all, i, &s, err));
        if (s.n > 0 && tro_eval_is_figure(e->columns[i].metric))
            metric_cells(e, i, &s, t);
    }
    return 0;
}

static void flag_cells(const char *name, const struct tro_binary *b, struct tro_table *t)
{
    const double values[] = {b->sensitivity, b->specificity, b->ppv, b->f1, b->auc};
    tro_table_text(t, name, strlen(name));
    tro_table_cell(t, "%lld", (long long)(b->tp + b->fn));
    tro_table_cell(t, "%lld", (long long)(b->fp + b->tn));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        eval_number(t, values[i]);
}

int eval_flags_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err)
{
    static const char *const heads[] = {"flag",         ">yes", ">no", ">sensitivity",
                                        ">specificity", ">PPV", ">F1", ">AUC"};
    const struct eval_group all = {"all", ""};
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        tro_table_column(t, heads[i]);
    for (int i = 0; i < e->flags->n_names; i++) {
        struct tro_binary b;
        TRO_TRY(eval_flag(e, engine, &all, i, &b, err));
        flag_cells(e->flags->names[i], &b, t);
    }
    return 0;
}
