/* SPDX-License-Identifier: Apache-2.0 */
/* Detections: every score is looked at, the candidates are sorted, and each is held against those
 * that stay before it. */
#include "ref/boxes.h"
#include "ref/kernels.h"

#include "base/err.h"
#include "ref/order.h"

struct candidate {
    float score;
    int64_t class, anchor;
};

struct detect {
    const struct tro_attrs_detect *a;
    const struct tro_tensor *boxes, *scores;
    int64_t n_anchors, n_classes;
    struct candidate *found; /* of a picture, by class, then anchor */
    int64_t n_found;
    int64_t *order, *kept, n_kept;
    struct tro_box *kept_boxes;
    struct tro_box_map map;
};

static void find_candidates(struct detect *d, int64_t picture)
{
    const float *const scores = d->scores->data, least = tro_detect_threshold(d->a);
    d->n_found = 0;
    for (int64_t k = 0; k < d->n_classes; k++)
        for (int64_t i = 0; i < d->n_anchors && k != d->a->background - 1; i++) {
            const float v = scores[(picture * d->n_anchors + i) * d->n_classes + k];
            if (v >= least)
                d->found[d->n_found++] = (struct candidate){v, k, i};
        }
}

static bool is_before(const void *ctx, int64_t a, int64_t b)
{
    const struct candidate *const found = ctx;
    return found[a].score == found[b].score ? a < b : found[a].score > found[b].score;
}

static struct tro_box box_of(const struct detect *d, int64_t picture, const struct candidate *c)
{
    const int64_t n_own = d->boxes->rank == 4 ? d->boxes->shape[2] : 1;
    const int64_t row = (picture * d->n_anchors + c->anchor) * n_own + (n_own > 1 ? c->class : 0);
    return tro_box_of((const float *)d->boxes->data + row * 4, d->a->boxes == tro_box_code_center,
                      &d->map);
}

static bool stays(const struct detect *d, const struct candidate *c, const struct tro_box *box)
{
    int64_t n_of_class = 0;
    for (int64_t i = 0; i < d->n_kept; i++) {
        const bool is_same = d->found[d->kept[i]].class == c->class;
        n_of_class += is_same;
        if ((is_same || d->a->is_class_agnostic) &&
            tro_boxes_overlap(&d->kept_boxes[i], box, (float)d->a->iou_threshold))
            return false;
    }
    return !d->a->max_per_class || n_of_class < d->a->max_per_class;
}

static void suppress(struct detect *d, int64_t picture)
{
    const int64_t limit = tro_detect_candidates(d->a);
    const int64_t n = d->n_found < limit ? d->n_found : limit;
    tro_order_first(d->order, n, d->n_found, is_before, d->found);
    d->n_kept = 0;
    for (int64_t i = 0; i < n && d->n_kept < d->a->max_output; i++) {
        const struct candidate *const c = &d->found[d->order[i]];
        const struct tro_box box = box_of(d, picture, c);
        if (!stays(d, c, &box))
            continue;
        d->kept_boxes[d->n_kept] = box;
        d->kept[d->n_kept++] = d->order[i];
    }
}

static void write_rows(const struct tro_ref_call *c, const struct detect *d, int64_t picture)
{
    static const struct candidate none = {0, -1, -1};
    static const struct tro_box no_box;
    void *out[5] = {0};
    for (int i = 0; i < c->n_out; i++)
        out[i] = c->out[i].data;
    if (out[0])
        ((int32_t *)out[0])[picture] = (int32_t)d->n_kept;
    for (int64_t i = 0; i < d->a->max_output; i++) {
        const int64_t row = picture * d->a->max_output + i;
        const struct candidate *const k = i < d->n_kept ? &d->found[d->kept[i]] : &none;
        if (out[1])
            memcpy((struct tro_box *)out[1] + row, i < d->n_kept ? &d->kept_boxes[i] : &no_box,
                   sizeof no_box);
        if (out[2])
            ((float *)out[2])[row] = i < d->n_kept && d->a->is_logit ? tro_score_sigmoid(k->score)
                                                                     : k->score + 0.0F;
        if (out[3])
            ((int32_t *)out[3])[row] = (int32_t)k->class;
        if (out[4])
            ((int32_t *)out[4])[row] = (int32_t)k->anchor;
    }
}

int tro_ref_detect(struct tro_ref_call *c)
{
    const struct tro_attrs_detect *const a = c->attrs;
    struct detect d = {.a = a,
                       .boxes = &c->in[0],
                       .scores = &c->in[1],
                       .n_anchors = c->in[1].shape[1],
                       .n_classes = c->in[1].shape[2],
                       .map = tro_box_map_of(a->x_scale, a->y_scale, a->x_offset, a->y_offset)};
    const size_t n = (size_t)(d.n_anchors * d.n_classes), n_rows = (size_t)a->max_output;
    d.found = TRO_NEW_N(c->scratch, struct candidate, n + 1);
    d.order = TRO_NEW_N(c->scratch, int64_t, n + 1);
    d.kept = TRO_NEW_N(c->scratch, int64_t, n_rows);
    d.kept_boxes = TRO_NEW_N(c->scratch, struct tro_box, n_rows);
    if (!d.found || !d.order || !d.kept || !d.kept_boxes)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < c->in[1].shape[0]; i++) {
        find_candidates(&d, i);
        suppress(&d, i);
        write_rows(c, &d, i);
    }
    return 0;
}
