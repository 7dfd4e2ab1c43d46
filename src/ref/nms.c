/* SPDX-License-Identifier: Apache-2.0 */
/* Non-maximum suppression, greedily in the order of the scores; equal scores by lower index, NaN
 * last. */
#include "ref/kernels.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/order.h"
#include "ref/rows.h"

struct box {
    double y1, x1, y2, x2, area;
};

struct nms {
    int64_t n_boxes, max_output;
    double iou_threshold, score_threshold;
    bool has_score_threshold;
    struct box *boxes;     /* of one batch */
    int64_t *keys;         /* scores of one class as keys */
    int64_t *order, *kept; /* n_boxes each */
};

static struct box box_of(const double *v, bool is_center)
{
    struct box b;
    if (is_center) {
        b = (struct box){.y1 = v[1] - v[3] / 2,
                         .x1 = v[0] - v[2] / 2,
                         .y2 = v[1] + v[3] / 2,
                         .x2 = v[0] + v[2] / 2};
    } else {
        b = (struct box){.y1 = v[0] < v[2] ? v[0] : v[2],
                         .x1 = v[1] < v[3] ? v[1] : v[3],
                         .y2 = v[0] < v[2] ? v[2] : v[0],
                         .x2 = v[1] < v[3] ? v[3] : v[1]};
    }
    b.area = (b.y2 - b.y1) * (b.x2 - b.x1);
    return b;
}

static bool is_overlapping(const struct box *a, const struct box *b, double threshold)
{
    const double y1 = a->y1 > b->y1 ? a->y1 : b->y1, y2 = a->y2 < b->y2 ? a->y2 : b->y2;
    const double x1 = a->x1 > b->x1 ? a->x1 : b->x1, x2 = a->x2 < b->x2 ? a->x2 : b->x2;
    if (!(y2 > y1) || !(x2 > x1) || !(a->area > 0) || !(b->area > 0))
        return false;
    const double common = (y2 - y1) * (x2 - x1);
    return common / (a->area + b->area - common) > threshold;
}

static bool is_before(const void *ctx, int64_t a, int64_t b)
{
    const int64_t *const keys = ctx;
    return keys[a] == keys[b] ? a < b : keys[a] > keys[b];
}

/* Boxes of one class that stay, in order, in m->kept; their number. */
static int64_t suppress(struct nms *m, const struct tro_tensor *scores, int64_t first)
{
    int64_t n_candidates = 0, n_kept = 0;
    tro_load_row_keys(scores->dtype, scores->data, first, m->n_boxes, m->keys);
    for (int64_t i = 0; i < m->n_boxes; i++) {
        const double score = tro_load_f64(scores->dtype, scores->data, first + i);
        const bool is_out = m->has_score_threshold && !(score > m->score_threshold);
        if (is_out || score != score)
            m->keys[i] = INT64_MIN;
        n_candidates += !is_out;
    }
    tro_order_first(m->order, n_candidates, m->n_boxes, is_before, m->keys);
    for (int64_t i = 0; i < n_candidates && n_kept < m->max_output; i++) {
        const struct box *const b = &m->boxes[m->order[i]];
        bool is_kept = true;
        for (int64_t k = 0; k < n_kept && is_kept; k++)
            is_kept = !is_overlapping(b, &m->boxes[m->kept[k]], m->iou_threshold);
        if (is_kept)
            m->kept[n_kept++] = m->order[i];
    }
    return n_kept;
}

static void load_boxes(struct nms *m, const struct tro_tensor *boxes, int64_t batch, bool is_center)
{
    for (int64_t i = 0; i < m->n_boxes; i++) {
        double v[4];
        tro_load_row_f64(boxes->dtype, boxes->data, (batch * m->n_boxes + i) * 4, 4, v);
        m->boxes[i] = box_of(v, is_center);
    }
}

static double number(const struct tro_tensor *t)
{
    return t->dtype == TRO_DTYPE_NONE ? 0 : tro_load_f64(t->dtype, t->data, 0);
}

static int nms_init(struct tro_ref_call *c, struct nms *m)
{
    const size_t n = (size_t)c->in[0].shape[1];
    struct tro_ints max_output;
    TRO_TRY(tro_ref_ints(c, 2, &max_output));
    *m = (struct nms){.n_boxes = (int64_t)n,
                      .max_output = max_output.n ? max_output.v[0] : 0,
                      .iou_threshold = number(&c->in[3]),
                      .score_threshold = number(&c->in[4]),
                      .has_score_threshold = c->in[4].dtype != TRO_DTYPE_NONE,
                      .boxes = TRO_NEW_N(c->scratch, struct box, n),
                      .keys = TRO_NEW_N(c->scratch, int64_t, n),
                      .order = TRO_NEW_N(c->scratch, int64_t, n),
                      .kept = TRO_NEW_N(c->scratch, int64_t, n)};
    return m->boxes && m->keys && m->order && m->kept ? 0 : tro_fail_nomem(c->err);
}

int tro_ref_nms(struct tro_ref_call *c)
{
    const struct tro_attrs_nms *const a = c->attrs;
    const struct tro_tensor *const boxes = &c->in[0], *const scores = &c->in[1];
    const int64_t n_classes = scores->shape[1], n_room = c->out[0].shape[0];
    int64_t *const out = c->out[0].data;
    int64_t n = 0;
    struct nms m;
    TRO_TRY(nms_init(c, &m));
    for (int64_t b = 0; b < boxes->shape[0]; b++) {
        load_boxes(&m, boxes, b, a->is_center != 0);
        for (int64_t k = 0; k < n_classes; k++) {
            const int64_t n_kept = suppress(&m, scores, (b * n_classes + k) * m.n_boxes);
            for (int64_t i = 0; i < n_kept; i++, n++) {
                if (n >= n_room)
                    return tro_fail(c->err, TRO_E_INTERNAL, "more boxes stay than there is room");
                out[3 * n] = b;
                out[3 * n + 1] = k;
                out[3 * n + 2] = m.kept[i];
            }
        }
    }
    c->out[0].shape[0] = n;
    return 0;
}
