/* SPDX-License-Identifier: Apache-2.0 */
/* Engines on trial: a plan beside the one at fp32 on the frames of a data set, judged by gates
 * (src/eval/gate.h). The first engine runs once. */
#ifndef TRO_TOOLS_TRIAL_H
#define TRO_TOOLS_TRIAL_H

#include "eval.h"

struct tro_trial {
    /* options */
    const char *data, *gate_path; /* gate_path: NULL for none */
    const char *first, *plan;     /* files: at fp32, and the one on trial */
    const char *device;
    int n_threads;
    /* private */
    struct eval eval;
    bool is_open;
};

/* Runs the first engine. On failure nothing is left open. */
int tro_trial_open(struct tro_trial *t, struct tro_err *err);
void tro_trial_close(struct tro_trial *t);

/* Runs the plan that lies at `plan` now. Prints the gates that were missed. */
int tro_trial_judge(struct tro_trial *t, bool *is_passed, struct tro_err *err);

#endif
