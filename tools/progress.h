/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error: only on a terminal, only for work that takes over a second. */
#ifndef TRO_TOOLS_PROGRESS_H
#define TRO_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tro_progress {
    const char *what;
    int64_t n_total, start_ns, shown_ns;
    double eta_seconds; /* shown where it is above 0 */
    bool is_shown;
};

void tro_progress_start(struct tro_progress *p, const char *what, int64_t n_total);
void tro_progress_at(struct tro_progress *p, int64_t n_done);
/* Wipes the bar. */
void tro_progress_end(struct tro_progress *p);

#endif
