/* SPDX-License-Identifier: Apache-2.0 */
/* What eval shows on a terminal: each engine over all frames, then slice by slice; the engines side
 * by side at the end. */
#include "eval.h"

#include <stdio.h>

#include "base/err.h"

static int print(struct tro_table *t, int rc)
{
    if (rc >= 0)
        tro_table_print(t, stdout);
    tro_table_finish(t);
    return rc;
}

static int print_groups(struct eval *e, int engine, struct tro_err *err)
{
    double *const shares = TRO_NEW_N(&e->arena, double, (size_t)e->data.n_frames + 1);
    if (!shares)
        return tro_fail_nomem(err);
    for (int i = 0; i < EVAL_N_KINDS; i++) {
        struct tro_table t = {0};
        int n;
        const int rc = eval_groups_table(e, engine, eval_kinds[i], &t, shares, &n, err);
        if (rc >= 0 && n > 1) {
            putchar('\n');
            tro_table_print(&t, stdout);
        }
        tro_table_finish(&t);
        TRO_TRY(rc);
    }
    return 0;
}

static int print_engine(struct eval *e, int engine, struct tro_err *err)
{
    struct tro_table metrics = {0}, flags = {0}, steps = {0};
    printf("%s on %lld frames of %d procedures\n\n", e->engines[engine].text,
           (long long)e->data.n_frames, e->n_procedures);
    TRO_TRY(print(&metrics, eval_metrics_table(e, engine, &metrics, err)));
    if (e->flags)
        TRO_TRY(print(&flags, eval_flags_table(e, engine, &flags, err)));
    if (e->steps) {
        putchar('\n');
        eval_steps_table(e, engine, &steps);
        print(&steps, 0);
    }
    TRO_TRY(print_groups(e, engine, err));
    putchar('\n');
    return 0;
}

static int print_engines(const struct eval *e, struct tro_err *err)
{
    struct tro_table t = {0};
    double shares[EVAL_MAX_ENGINES];
    TRO_TRY(print(&t, eval_engines_table(e, &t, shares, err)));
    for (int i = 0; i < e->n_engines; i++)
        if (e->engines[i].energy.why_not[0])
            printf("%s: energy was not measured: %s\n", e->engines[i].text,
                   e->engines[i].energy.why_not);
    return 0;
}

int eval_print(struct eval *e, struct tro_err *err)
{
    for (int i = 0; i < e->n_engines; i++)
        TRO_TRY(print_engine(e, i, err));
    return print_engines(e, err);
}
