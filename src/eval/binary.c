/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/binary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

static double score_of(const struct tro_decision *d)
{
    return isnan(d->score) ? -INFINITY : (double)d->score;
}

static int by_score(const void *a, const void *b)
{
    const double x = score_of(a), y = score_of(b);
    return (x > y) - (x < y);
}

/* From ranks, those of equal scores shared. */
static double area_under(struct tro_decision *sorted, int64_t n, int64_t n_true)
{
    double ranks = 0;
    for (int64_t first = 0, end; first < n; first = end) {
        int64_t n_true_here = 0;
        for (end = first; end < n && score_of(&sorted[end]) == score_of(&sorted[first]); end++)
            n_true_here += sorted[end].is_true;
        ranks += (double)n_true_here * (double)(first + end + 1) / 2;
    }
    const double yes = (double)n_true, no = (double)(n - n_true);
    return (ranks - yes * (yes + 1) / 2) / (yes * no);
}

int tro_binary_of(const struct tro_decision *decisions, int64_t n, double threshold,
                  struct tro_binary *out, struct tro_err *err)
{
    struct tro_decision *const sorted = tro_malloc(((size_t)n + 1) * sizeof(*sorted));
    struct tro_binary b = {0};
    if (!sorted)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < n; i++) {
        const bool is_yes = (double)decisions[i].score >= threshold;
        b.tp += is_yes && decisions[i].is_true;
        b.fp += is_yes && !decisions[i].is_true;
        b.fn += !is_yes && decisions[i].is_true;
        b.tn += !is_yes && !decisions[i].is_true;
    }
    b.sensitivity = (double)b.tp / (double)(b.tp + b.fn);
    b.specificity = (double)b.tn / (double)(b.tn + b.fp);
    b.ppv = (double)b.tp / (double)(b.tp + b.fp);
    b.accuracy = (double)(b.tp + b.tn) / (double)n;
    b.f1 = 2 * (double)b.tp / (double)(2 * b.tp + b.fp + b.fn);
    if (n)
        memcpy(sorted, decisions, (size_t)n * sizeof(*sorted));
    qsort(sorted, (size_t)n, sizeof(*sorted), by_score);
    b.auc = area_under(sorted, n, b.tp + b.fn);
    tro_free(sorted);
    *out = b;
    return 0;
}
