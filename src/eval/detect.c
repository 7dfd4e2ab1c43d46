/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/detect.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"

#define N_RECALLS 101

static double area(const struct tro_eval_box *b)
{
    return ((double)b->x1 - (double)b->x0) * ((double)b->y1 - (double)b->y0);
}

double tro_box_iou(const struct tro_eval_box *a, const struct tro_eval_box *b)
{
    const double width = fmin((double)a->x1, (double)b->x1) - fmax((double)a->x0, (double)b->x0);
    const double height = fmin((double)a->y1, (double)b->y1) - fmax((double)a->y0, (double)b->y0);
    if (!(width > 0) || !(height > 0))
        return 0;
    const double common = width * height;
    return common / (area(a) + area(b) - common);
}

struct ranked {
    float score;
    int64_t i;
};

/* Greater scores first, NaN last, equal ones as they came. */
static int by_score(const void *a, const void *b)
{
    const struct ranked *const x = a, *const y = b;
    const float sx = isnan(x->score) ? -INFINITY : x->score;
    const float sy = isnan(y->score) ? -INFINITY : y->score;
    return sx != sy ? (sx < sy) - (sx > sy) : (x->i > y->i) - (x->i < y->i);
}

static struct ranked *rank_create(int64_t n)
{
    return tro_malloc(((size_t)n + 1) * sizeof(struct ranked));
}

/* The free true box that fits best, -1: none fits. */
static int best_of(const struct tro_eval_box *truth, int n_truth, const uint16_t *taken,
                   const struct tro_eval_box *found, int threshold)
{
    double least = 0.5 + 0.05 * threshold;
    int best = -1;
    for (int i = 0; i < n_truth; i++) {
        if (truth[i].label != found->label || taken[i] >> threshold & 1)
            continue;
        const double iou = tro_box_iou(&truth[i], found);
        if (iou < least || (best >= 0 && iou <= least))
            continue;
        least = iou;
        best = i;
    }
    return best;
}

int tro_match_boxes(const struct tro_eval_box *truth, int n_truth, const struct tro_eval_box *found,
                    int n_found, struct tro_match *matches, struct tro_err *err)
{
    struct ranked *const order = rank_create(n_found);
    uint16_t *const taken = tro_calloc((size_t)n_truth + 1, sizeof(*taken));
    const int rc = order && taken ? 0 : tro_fail_nomem(err);
    for (int i = 0; rc == 0 && i < n_found; i++)
        order[i] = (struct ranked){found[i].score, i};
    if (rc == 0)
        qsort(order, (size_t)n_found, sizeof(*order), by_score);
    for (int i = 0; rc == 0 && i < n_found; i++) {
        const struct tro_eval_box *const box = &found[order[i].i];
        matches[i] = (struct tro_match){.score = box->score, .label = box->label};
        for (int t = 0; t < TRO_N_IOU_THRESHOLDS; t++) {
            const int k = best_of(truth, n_truth, taken, box, t);
            if (k < 0)
                continue;
            taken[k] |= (uint16_t)(1u << t);
            matches[i].is_true |= (uint16_t)(1u << t);
        }
    }
    tro_free(order);
    tro_free(taken);
    return rc;
}

/* Precision at each recall that is reached, made to fall, read at 101 places. */
static double area_under(const struct tro_match *matches, const struct ranked *order, int64_t n,
                         int64_t n_truth, int threshold, double *precision)
{
    int64_t n_true = 0, n_steps = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(matches[order[i].i].is_true >> threshold & 1))
            continue;
        n_true++;
        precision[n_steps++] = (double)n_true / (double)(i + 1);
    }
    for (int64_t i = n_steps - 2; i >= 0; i--)
        precision[i] = fmax(precision[i], precision[i + 1]);
    double sum = 0;
    int64_t step = 0;
    for (int i = 0; i < N_RECALLS; i++) {
        const double recall = i / (double)(N_RECALLS - 1);
        while (step < n_steps && (double)(step + 1) / (double)n_truth < recall)
            step++;
        if (step < n_steps)
            sum += precision[step];
    }
    return sum / N_RECALLS;
}

int tro_average_precision(const struct tro_match *matches, int64_t n, int64_t n_truth,
                          int threshold, double *out, struct tro_err *err)
{
    *out = NAN;
    if (n_truth == 0)
        return 0;
    struct ranked *const order = rank_create(n);
    double *const precision = tro_malloc(((size_t)n + 1) * sizeof(*precision));
    if (order && precision) {
        for (int64_t i = 0; i < n; i++)
            order[i] = (struct ranked){matches[i].score, i};
        qsort(order, (size_t)n, sizeof(*order), by_score);
        *out = area_under(matches, order, n, n_truth, threshold, precision);
    }
    const bool ok = order && precision;
    tro_free(order);
    tro_free(precision);
    return ok ? 0 : tro_fail_nomem(err);
}
