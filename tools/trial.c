/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <stdio.h>

#include "base/err.h"
#include "progress.h"

static int run_engine(struct tro_trial *t, int i, struct tro_err *err)
{
    struct eval *const e = &t->eval;
    struct tro_progress progress;
    tro_progress_start(&progress, i ? "trial" : "fp32", e->data.n_frames);
    int rc = eval_open_engine(e, i, err);
    for (int64_t k = 0; k < e->data.n_frames && rc >= 0; k++) {
        rc = eval_frame(e, i, k, err);
        tro_progress_at(&progress, k + 1);
    }
    tro_progress_end(&progress);
    snprintf(e->engines[i].energy.why_not, sizeof e->engines[i].energy.why_not,
             "engines on trial run for their results");
    eval_close_engine(e, i);
    return rc;
}

int tro_trial_open(struct tro_trial *t, struct tro_err *err)
{
    struct eval *const e = &t->eval;
    *e = (struct eval){.tolerance_px = 2, .n_draws = 2000, .seed = 1, .n_threads = t->n_threads};
    e->gate_path = t->gate_path;
    e->side.n_threads = t->n_threads;
    e->side.device = t->device;
    e->args.v[e->args.n++] = t->data;
    e->args.v[e->args.n++] = t->first;
    e->args.v[e->args.n++] = t->plan;
    t->is_open = true;
    int rc = eval_prepare(e, err);
    if (rc >= 0)
        rc = run_engine(t, 0, err);
    if (rc < 0)
        tro_trial_close(t);
    return rc;
}

void tro_trial_close(struct tro_trial *t)
{
    if (t->is_open)
        eval_finish(&t->eval);
    t->is_open = false;
}

int tro_trial_judge(struct tro_trial *t, bool *is_passed, struct tro_err *err)
{
    struct tro_json ignored = {0};
    tro_eval_table_clear(&t->eval.table, 1);
    TRO_TRY(run_engine(t, 1, err));
    const int rc = eval_judge_gates(&t->eval, &ignored, err);
    tro_json_finish(&ignored);
    *is_passed = !t->eval.is_failed;
    return rc;
}
