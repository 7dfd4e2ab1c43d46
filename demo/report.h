/* SPDX-License-Identifier: Apache-2.0 */
/* What the demonstration says at its end, as tables of text. */
#ifndef DEMO_REPORT_H
#define DEMO_REPORT_H

#include <stdio.h>

#include "network.h"
#include "score.h"

/* One picture. */
struct demo_result {
    char overlay[4096]; /* path; the name alone is short enough for a table */
    const char *source; /* the user's picture; NULL: synthetic */
    double seconds;     /* of the synthetic procedure */
    struct demo_score score;
    double ms[DEMO_N_ENGINES];
};

struct demo_report {
    const struct demo_network *network;
    const struct demo_result *results;
    int n_results;
    double error[DEMO_N_ENGINES], magnitude; /* over all pictures, as in struct demo_logits */
};

/* Over all pictures. */
void demo_report_total(const struct demo_report *r, struct demo_score *total);

void demo_report_print(const struct demo_report *r, FILE *to);

#endif
