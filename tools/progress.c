/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/thread.h"

#define SHOW_AFTER_NS INT64_C(1000000000)
#define SHOW_EVERY_NS INT64_C(100000000)
#define WIDTH 40

void tro_progress_start(struct tro_progress *p, const char *what, int64_t n_total)
{
    *p = (struct tro_progress){.what = what, .n_total = n_total, .start_ns = tro_clock_ns()};
}

void tro_progress_at(struct tro_progress *p, int64_t n_done)
{
    const int64_t now = tro_clock_ns();
    if (now - p->start_ns < SHOW_AFTER_NS || now - p->shown_ns < SHOW_EVERY_NS || p->n_total <= 0 ||
        !isatty(STDERR_FILENO))
        return;
    char bar[WIDTH + 1];
    const int64_t n_full = n_done * WIDTH / p->n_total;
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < n_full ? '=' : ' ';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r%s [%s] %3lld %%", p->what, bar, (long long)(n_done * 100 / p->n_total));
    if (p->eta_seconds > 0)
        fprintf(stderr, ", %.0f s left\033[K", p->eta_seconds);
    fflush(stderr);
    p->shown_ns = now;
    p->is_shown = true;
}

void tro_progress_end(struct tro_progress *p)
{
    if (p->is_shown)
        fprintf(stderr, "\r\033[K");
    p->is_shown = false;
}
