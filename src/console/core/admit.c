/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/admit.h"

#include "base/latency.h"

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* ---- response times ----------------------------------------------------------------------- */

/* The jobs of one lane. */
struct lane {
    struct tro_admit *job[TRO_ADMIT_MAX];
    int n;
};

/* Parts of the lane's time; above 1 there is no longest busy period. At 1 it is as long as the
 * least common multiple of the periods, which may be long: that is refused as well. */
static bool has_spare_time(const struct lane *l)
{
    double sum = 0;
    for (int i = 0; i < l->n; i++)
        sum += (double)l->job[i]->worst_ns / (double)l->job[i]->period_ns;
    return sum < 0.999;
}

/* The longest time that the lane can work without a pause: all released at once, behind the longest
 * job that is not theirs to wait for. */
static int64_t busy_period(const struct lane *l)
{
    int64_t block = 0, t = 0, last;
    for (int i = 0; i < l->n; i++) {
        block = greater(block, l->job[i]->worst_ns);
        t += l->job[i]->worst_ns;
    }
    do {
        last = t;
        t = block;
        for (int i = 0; i < l->n; i++)
            t += (last + l->job[i]->period_ns - 1) / l->job[i]->period_ns * l->job[i]->worst_ns;
    } while (t != last);
    return t;
}

/* When the job of i that is released at a can begin, if those before it were released as soon as
 * they may. */
static int64_t begin_of(const struct lane *l, int i, int64_t a)
{
    const struct tro_admit *const me = l->job[i];
    const int64_t due = a + me->deadline_ns;
    const int64_t own = a / me->period_ns * me->worst_ns;
    int64_t block = 0, t = 0, last;
    for (int j = 0; j < l->n; j++)
        if (l->job[j]->deadline_ns > due)
            block = greater(block, l->job[j]->worst_ns);
    do {
        last = t;
        t = block + own;
        for (int j = 0; j < l->n; j++) {
            const struct tro_admit *const o = l->job[j];
            if (j != i && o->deadline_ns <= due)
                t += (lesser(last / o->period_ns, (due - o->deadline_ns) / o->period_ns) + 1) *
                     o->worst_ns;
        }
    } while (t != last);
    return t;
}

/* Releases that matter are those at which the deadline meets one of another job. */
static int64_t response_of(const struct lane *l, int i, int64_t busy)
{
    const struct tro_admit *const me = l->job[i];
    int64_t worst = 0;
    for (int j = 0; j < l->n; j++) {
        const struct tro_admit *const o = l->job[j];
        for (int64_t k = 0; k * o->period_ns <= busy + me->deadline_ns; k++) {
            const int64_t a = k * o->period_ns + o->deadline_ns - me->deadline_ns;
            if (a < 0 || a > busy)
                continue;
            worst = greater(worst, begin_of(l, i, a) + me->worst_ns - a);
        }
    }
    /* Before the first of them: with nothing to wait for but what has begun. */
    return greater(worst, begin_of(l, i, 0) + me->worst_ns);
}

static bool check_lane(struct lane *l)
{
    bool holds = true;
    const bool is_bounded = has_spare_time(l);
    const int64_t busy = is_bounded ? busy_period(l) : 0;
    for (int i = 0; i < l->n; i++) {
        struct tro_admit *const job = l->job[i];
        job->response_ns = is_bounded ? response_of(l, i, busy) : -1;
        job->holds = is_bounded && job->response_ns <= job->deadline_ns;
        holds = holds && job->holds;
    }
    return holds;
}

bool tro_admit_check(struct tro_admit *set, int n)
{
    bool holds = true;
    for (int first = 0; first < n; first++) {
        struct lane l = {.n = 0};
        bool is_done = false;
        for (int i = 0; i < n; i++) {
            if (set[i].lane != set[first].lane)
                continue;
            is_done = is_done || i < first;
            l.job[l.n++] = &set[i];
        }
        if (!is_done)
            holds = check_lane(&l) && holds;
    }
    return holds;
}

int64_t tro_admit_worst(int64_t *ns, size_t n)
{
    if (n == 0)
        return 0;
    tro_latency_of(ns, n);
    return greater(ns[n - 1], (int64_t)(1.2 * tro_quantile(ns, n, 0.99)));
}

/* ---- the table ---------------------------------------------------------------------------- */

static double ms(int64_t ns)
{
    return (double)ns * 1e-6;
}

static double load_of_lane(const struct tro_admit *set, int n, int lane)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        if (set[i].lane == lane)
            sum += (double)set[i].worst_ns / (double)set[i].period_ns;
    return 100 * sum;
}

static void print_row(const struct tro_admit *a, double load, FILE *out)
{
    fprintf(out, "%-16s %-8s %4d %9.3f %9.3f ", a->name, a->device, a->lane, ms(a->period_ns),
            ms(a->deadline_ns));
    if (a->alone_ns)
        fprintf(out, "%9.3f ", ms(a->alone_ns));
    else
        fprintf(out, "%9s ", "-");
    fprintf(out, "%9.3f ", ms(a->worst_ns));
    if (a->response_ns < 0)
        fprintf(out, "%9s", "no bound");
    else
        fprintf(out, "%9.3f", ms(a->response_ns));
    fprintf(out, " %6.1f %%  %s\n", load, a->holds ? "fits" : "DOES NOT FIT");
}

static void print_advice(const struct tro_admit *a, double load, FILE *out)
{
    if (a->response_ns < 0)
        fprintf(out,
                "%s: its lane would be busy %.1f %% of the time, expected less than 99.9 %%: give "
                "it a larger `every`, a smaller plan or another device\n",
                a->name, load);
    else
        fprintf(out,
                "%s: may be done %.3f ms after its frame, expected at most %.3f ms: give it a "
                "later deadline, a larger `every`, a smaller plan or another device\n",
                a->name, ms(a->response_ns), ms(a->deadline_ns));
}

void tro_admit_print(const struct tro_admit *set, int n, FILE *out)
{
    fprintf(out, "%-16s %-8s %4s %9s %9s %9s %9s %9s %8s\n", "network", "device", "lane",
            "period ms", "due ms", "alone ms", "worst ms", "done ms", "lane");
    for (int i = 0; i < n; i++)
        print_row(&set[i], load_of_lane(set, n, set[i].lane), out);
    for (int i = 0; i < n; i++)
        if (!set[i].holds)
            print_advice(&set[i], load_of_lane(set, n, set[i].lane), out);
}
