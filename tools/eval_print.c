/* SPDX-License-Identifier: Apache-2.0 */
/* What eval shows on a terminal: engines over all frames, then slice by slice. */
#include "eval.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "table.h"

static int print_metrics(const struct eval *e, int engine, struct tro_err *err)
{
    struct tro_table t = {0};
    const int rc = eval_metrics_table(e, engine, &t, err);
    if (rc >= 0)
        tro_table_print(&t, stdout);
    tro_table_finish(&t);
    return rc;
}

static int print_flags(const struct eval *e, int engine, struct tro_err *err)
{
    struct tro_table t = {0};
    const int rc = eval_flags_table(e, engine, &t, err);
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
        eval_number(t, eval_pooled_miou(e, engine, g));
    if (e->boxes) {
        TRO_TRY(eval_map(e, engine, g, 0, &map50, err));
        eval_number(t, map50);
    }
    if (columns[0] >= 0) {
        struct tro_summary s;
        TRO_TRY(eval_summary(e, engine, g, columns[0], &s, err));
        eval_number(t, s.mean);
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
