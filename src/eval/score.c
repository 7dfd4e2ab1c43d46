/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/score.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "eval/depth.h"

/* ---- masks ---------------------------------------------------------------------------------- */

/* Of the classes that are in either. */
static double mean_iou(const struct tro_areas *areas, int n)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < n; i++) {
        const double iou = tro_iou(areas[i]);
        if (isnan(iou))
            continue;
        sum += iou;
        count++;
    }
    return count ? sum / count : NAN;
}

/* How alike two pictures of labels are. */
static double likeness(const uint8_t *now, const uint8_t *before, int64_t n_px, int n_classes)
{
    struct tro_areas areas[256];
    tro_areas_of(before, now, n_px, n_classes, areas);
    return mean_iou(areas, n_classes);
}

static double share_of_equal(const uint8_t *truth, const uint8_t *found, int64_t n_px)
{
    int64_t n = 0, n_equal = 0;
    for (int64_t i = 0; i < n_px; i++) {
        n += truth[i] != 255;
        n_equal += truth[i] != 255 && truth[i] == found[i];
    }
    return (double)n_equal / (double)n;
}

void tro_score_masks(const struct tro_eval_layout *l, int n_classes, const struct tro_eval_masks *m,
                     struct tro_eval_cell *c)
{
    const int64_t n_px = m->n_px;
    double *const v = c->values;
    tro_areas_of(m->truth, m->found, n_px, n_classes, c->areas);
    v[l->pixel_accuracy] = share_of_equal(m->truth, m->found, n_px);
    v[l->mean_iou] = mean_iou(c->areas, n_classes);
    tro_outlines_begin(m->work, m->truth, m->found);
    for (int i = 0; i < n_classes; i++) {
        const struct tro_outlines o = tro_outlines_of(m->work, (uint8_t)i, m->tolerance_px);
        v[l->iou + i] = tro_iou(c->areas[i]);
        v[l->dice + i] = tro_dice(c->areas[i]);
        v[l->hd95 + i] = o.hd95;
        v[l->nsd + i] = o.nsd;
    }
    if (!m->found_before)
        return;
    v[l->temporal_iou] = likeness(m->found, m->found_before, n_px, n_classes);
    v[l->true_temporal_iou] = likeness(m->truth, m->truth_before, n_px, n_classes);
}

/* ---- depths and points ---------------------------------------------------------------------- */

void tro_score_depth(const struct tro_eval_layout *l, const float *truth, const float *found,
                     int64_t n_px, struct tro_eval_cell *c)
{
    const struct tro_depth_errors e = tro_depth_errors_of(truth, found, n_px);
    c->values[l->abs_rel] = e.abs_rel;
    c->values[l->rms_depth] = e.rms;
    c->values[l->delta1] = e.delta[0];
}

static const struct tro_truth_point *point_of(const struct tro_truth_frame *f, const char *name)
{
    for (int i = 0; i < f->n_points; i++)
        if (strcmp(f->points[i].name, name) == 0)
            return &f->points[i];
    return NULL;
}

void tro_score_points(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                      const char *const *names, int n_points, const float *found,
                      struct tro_eval_cell *c)
{
    for (int i = 0; i < n_points; i++) {
        const struct tro_truth_point *const p = point_of(truth, names[i]);
        const float *const at = found + 3 * i;
        const bool is_found = at[2] > 0;
        if (!p || !p->is_visible)
            continue;
        c->values[l->point_recall + i] = is_found;
        if (is_found)
            c->values[l->point_error + i] = hypot((double)at[0] - p->x, (double)at[1] - p->y);
    }
}

/* ---- flags ---------------------------------------------------------------------------------- */

static double flag_of(const struct tro_truth_frame *f, const char *name)
{
    for (int i = 0; i < f->n_flags; i++)
        if (strcmp(f->flags[i].name, name) == 0)
            return f->flags[i].is_yes;
    return NAN;
}

bool tro_truth_has_flag(const struct tro_truth_frame *truth, const char *name)
{
    return !isnan(flag_of(truth, name));
}

void tro_score_flags(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                     const char *const *names, int n_names, const float *found,
                     struct tro_eval_cell *c)
{
    for (int i = 0; i < n_names; i++) {
        c->values[l->flag_score + i] = (double)found[i];
        c->values[l->flag_truth + i] = flag_of(truth, names[i]);
    }
}

/* ---- steps ---------------------------------------------------------------------------------- */

static int greatest(const float *scores, int n)
{
    int best = -1;
    for (int i = 0; i < n; i++)
        if (!isnan(scores[i]) && (best < 0 || scores[i] > scores[best]))
            best = i;
    return best;
}

void tro_score_steps(const struct tro_eval_layout *l, const struct tro_truth_frame *truth,
                     const char *const *names, int n_names, const float *found,
                     struct tro_eval_cell *c)
{
    const int at = greatest(found, n_names);
    int want = 0;
    while (truth->step && want < n_names && strcmp(names[want], truth->step) != 0)
        want++;
    if (!truth->step || want == n_names)
        return;
    c->values[l->step_found] = at;
    c->values[l->step_truth] = want;
    c->values[l->step_accuracy] = at == want;
    c->values[l->step_recall + want] = at == want;
    if (at >= 0)
        c->values[l->step_precision + at] = at == want;
}

/* ---- boxes ---------------------------------------------------------------------------------- */

int tro_score_boxes(const struct tro_eval_layout *l, struct tro_eval_table *t,
                    const struct tro_eval_box *truth, int n_truth, const struct tro_eval_box *found,
                    int n_found, struct tro_eval_cell *c, struct tro_err *err)
{
    struct tro_match *const matches = tro_malloc(((size_t)n_found + 1) * sizeof(*matches));
    int rc = matches ? tro_match_boxes(truth, n_truth, found, n_found, matches, err)
                     : tro_fail_nomem(err);
    if (rc >= 0)
        rc = tro_eval_cell_set_matches(t, c, matches, n_found, err);
    int n_true = 0;
    for (int i = 0; rc >= 0 && i < n_found; i++)
        n_true += matches[i].is_true & 1;
    for (int i = 0; rc >= 0 && i < n_truth; i++)
        c->n_true_boxes[truth[i].label]++;
    c->values[l->box_recall] = (double)n_true / n_truth;
    c->values[l->box_precision] = (double)n_true / n_found;
    tro_free(matches);
    return rc;
}
