/* SPDX-License-Identifier: Apache-2.0 */
/* What the demonstration says at its end, as tables of text. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include <stdio.h>

#include "score.h"

/* One picture. */
struct demo_result {
    char overlay[4096]; /* path; the name alone is short enough for a table */
    const char *source; /* the user's picture; NULL: synthetic */
    double seconds;     /* of the synthetic procedure */
    const char *step;   /* likewise; NULL: not told */
    struct demo_score score;
    double ms[DEMO_N_TASKS][DEMO_N_ENGINES];
};

struct demo_report {
    struct demo_network *const *networks; /* by task; NULL: none */
    const struct demo_result *results;
    int n_results;
    double difference[DEMO_N_TASKS][DEMO_N_ENGINES]; /* over all pictures, as in struct demo_run */
};

/* Over all pictures. */
void demo_report_pixels(const struct demo_report *r, struct demo_pixels *total);

int demo_report_print(const struct demo_report *r, FILE *to, struct tro_err *err);

#endif
