/* SPDX-License-Identifier: Apache-2.0 */
/* Detections: one pass over the scores keeps the keys of the greatest (ref/boxes.h) in a heap; then
 * they are sorted, and each is held against those that stay before it. */
#include "base/err.h"
#include "cpu/cpu.h"
#include "cpu/heap.h"
#include "ref/boxes.h"

#include <string.h>

enum { CHUNK = 64 }; /* scores that are looked at together */

struct params {
    struct tro_arg boxes, scores;
    int64_t n_anchors, n_classes, n_rows, room; /* room: for keys */
    int64_t skipped, max_per_class;             /* skipped: class, -1 none */
    float least, iou;
    int out[5]; /* index of the step's result, -1: nobody wants it */
    bool is_center, is_agnostic, is_logit;
    struct tro_box_map map;
};

/* Of a thread; behind it lie its arrays. */
struct work {
    uint64_t *keys;        /* room */
    struct tro_box *boxes; /* n_rows, of those that stay */
    uint64_t *kept;        /* n_rows: their keys */
    int32_t *n_of_class;   /* n_classes */
    int64_t n_keys, n_kept;
};

static size_t scratch_bytes(const struct params *p)
{
    return (size_t)p->room * sizeof(uint64_t) + (size_t)p->n_classes * sizeof(int32_t) +
           (size_t)p->n_rows * (sizeof(struct tro_box) + sizeof(uint64_t));
}

static struct work work_in(const struct params *p, void *scratch)
{
    struct work w = {.keys = scratch};
    w.kept = w.keys + p->room;
    w.boxes = (struct tro_box *)(void *)(w.kept + p->n_rows);
    w.n_of_class = (int32_t *)(void *)(w.boxes + p->n_rows);
    return w;
}

/* ---- candidates ---------------------------------------------------------------------------- */

/* Of CHUNK scores; a count that the compiler makes without branches. */
static bool has_any(const float *x, float least)
{
    int n_found = 0;
    for (int i = 0; i < CHUNK; i++)
        n_found += x[i] >= least;
    return n_found > 0;
}

/* Scores as they lie in memory: lines of n, numbered through. */
struct lines {
    int64_t n_lines, n, line_step, step;
    int64_t n_inner;   /* classes of an anchor, or anchors of a class */
    bool is_by_anchor; /* the classes of one lie together */
};

static struct lines lines_of(const struct params *p)
{
    const int64_t of_anchor = p->scores.stride[1], of_class = p->scores.stride[2];
    const bool is_by_anchor = p->n_classes > 1 && (p->n_anchors == 1 || of_anchor > of_class);
    struct lines l = {.n_lines = is_by_anchor ? p->n_anchors : p->n_classes,
                      .n = is_by_anchor ? p->n_classes : p->n_anchors,
                      .line_step = is_by_anchor ? of_anchor : of_class,
                      .step = is_by_anchor ? of_class : of_anchor,
                      .is_by_anchor = is_by_anchor};
    l.n_inner = l.n;
    if (l.line_step == l.n * l.step) {
        l.n *= l.n_lines;
        l.n_lines = 1;
    }
    return l;
}

/* Number `at` of the scores is worth a place in the heap. */
static void add(const struct params *p, struct work *w, const struct lines *l, int64_t at, float v)
{
    const int64_t outer = at / l->n_inner, inner = at % l->n_inner;
    const int64_t class = l->is_by_anchor ? inner : outer;
    const int64_t index = class * p->n_anchors + (l->is_by_anchor ? outer : inner);
    if (class != p->skipped)
        tro_heap_add(w->keys, p->room, w->n_keys++,
                     (uint64_t)tro_score_order(v) << 32 | (uint32_t) ~(uint32_t)index);
}

static void add_line(const struct params *p, struct work *w, const struct lines *l, int64_t line,
                     const float *x)
{
    for (int64_t i = 0; i < l->n; i += CHUNK) {
        const int64_t end = l->n - i < CHUNK ? l->n : i + CHUNK;
        if (l->step == 1 && end - i == CHUNK && !has_any(x + i, p->least))
            continue;
        for (int64_t j = i; j < end; j++)
            if (x[j * l->step] >= p->least)
                add(p, w, l, line * l->n + j, x[j * l->step]);
    }
}

static void find_candidates(const struct params *p, struct work *w, const float *scores)
{
    const struct lines l = lines_of(p);
    w->n_keys = 0;
    for (int64_t i = 0; i < l.n_lines; i++)
        add_line(p, w, &l, i, scores + i * l.line_step);
    w->n_keys = w->n_keys < p->room ? w->n_keys : p->room;
    tro_heap_sort(w->keys, w->n_keys);
}

/* ---- those that stay ------------------------------------------------------------------------ */

static int64_t class_of(const struct params *p, uint64_t key)
{
    return (uint32_t) ~(uint32_t)key / (uint32_t)p->n_anchors;
}

static int64_t anchor_of(const struct params *p, uint64_t key)
{
    return (uint32_t) ~(uint32_t)key % (uint32_t)p->n_anchors;
}

static struct tro_box box_of(const struct params *p, const float *boxes, uint64_t key)
{
    const struct tro_arg *const b = &p->boxes;
    const int64_t coord = b->stride[b->rank - 1];
    const float *const from = boxes + anchor_of(p, key) * b->stride[1] +
                              (b->rank == 4 && b->shape[2] > 1 ? class_of(p, key) * b->stride[2]
                                                               : 0);
    const float v[4] = {from[0], from[coord], from[2 * coord], from[3 * coord]};
    return tro_box_of(v, p->is_center, &p->map);
}

static bool stays(const struct params *p, const struct work *w, int64_t class,
                  const struct tro_box *box)
{
    if (p->max_per_class && w->n_of_class[class] >= p->max_per_class)
        return false;
    for (int64_t i = 0; i < w->n_kept; i++)
        if ((p->is_agnostic || class_of(p, w->kept[i]) == class) &&
            tro_boxes_overlap(&w->boxes[i], box, p->iou))
            return false;
    return true;
}

static void suppress(const struct params *p, struct work *w, const float *boxes)
{
    w->n_kept = 0;
    memset(w->n_of_class, 0, (size_t)p->n_classes * sizeof *w->n_of_class);
    for (int64_t i = 0; i < w->n_keys && w->n_kept < p->n_rows; i++) {
        const int64_t class = class_of(p, w->keys[i]);
        const struct tro_box box = box_of(p, boxes, w->keys[i]);
        if (!stays(p, w, class, &box))
            continue;
        w->n_of_class[class]++;
        w->boxes[w->n_kept] = box;
        w->kept[w->n_kept++] = w->keys[i];
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static void *result(const struct tro_step *s, const struct tro_step_run *r, int i)
{
    const struct params *const p = s->params;
    return p->out[i] < 0 ? NULL : tro_arg_ptr(r, &s->out[p->out[i]]);
}

static float score_of(const struct params *p, uint64_t key)
{
    const float v = tro_score_of_order((uint32_t)(key >> 32));
    return p->is_logit ? tro_score_sigmoid(v) : v;
}

static void write_rows(const struct tro_step *s, const struct tro_step_run *r, const struct work *w,
                       int64_t picture)
{
    const struct params *const p = s->params;
    const int64_t first = picture * p->n_rows;
    int32_t *const count = result(s, r, 0), *const classes = result(s, r, 3);
    int32_t *const anchors = result(s, r, 4);
    struct tro_box *const boxes = result(s, r, 1);
    float *const scores = result(s, r, 2);
    if (count)
        count[picture] = (int32_t)w->n_kept;
    for (int64_t i = 0; i < p->n_rows; i++) {
        const bool is_kept = i < w->n_kept;
        if (boxes)
            boxes[first + i] = is_kept ? w->boxes[i] : (struct tro_box){0};
        if (scores)
            scores[first + i] = is_kept ? score_of(p, w->kept[i]) : 0;
        if (classes)
            classes[first + i] = is_kept ? (int32_t)class_of(p, w->kept[i]) : -1;
        if (anchors)
            anchors[first + i] = is_kept ? (int32_t)anchor_of(p, w->kept[i]) : -1;
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const float *const boxes = tro_arg_ptr(r, &p->boxes), *const scores = tro_arg_ptr(r,
                                                                                      &p->scores);
    struct work w = work_in(p, r->scratch);
    int64_t begin, end;
    tro_part_range(p->scores.shape[0], r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        find_candidates(p, &w, scores + i * p->scores.stride[0]);
        suppress(p, &w, boxes + i * p->boxes.stride[0]);
        write_rows(s, r, &w, i);
    }
    return 0;
}

/* ---- emitter -------------------------------------------------------------------------------- */

static struct params params_of(const struct tro_attrs_detect *a, const struct tro_arg *boxes,
                               const struct tro_arg *scores)
{
    const int64_t n = scores->shape[1] * scores->shape[2], room = tro_detect_candidates(a);
    return (struct params){.boxes = *boxes,
                           .scores = *scores,
                           .n_anchors = scores->shape[1],
                           .n_classes = scores->shape[2],
                           .n_rows = a->max_output,
                           .room = room < n ? room : n,
                           .skipped = a->background - 1,
                           .max_per_class = a->max_per_class,
                           .least = tro_detect_threshold(a),
                           .iou = (float)a->iou_threshold,
                           .is_center = a->boxes == tro_box_code_center,
                           .is_agnostic = a->is_class_agnostic != 0,
                           .is_logit = a->is_logit != 0,
                           .map = tro_box_map_of(a->x_scale, a->y_scale, a->x_offset, a->y_offset)};
}

int tro_cpu_emit_detect(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tensor t;
    struct tro_arg boxes, scores, out[5];
    int index[5] = {-1, -1, -1, -1, -1}, n_out = 0;
    struct params *p;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[1], &t) || tro_tensor_n_elems(&t) == 0 ||
        t.shape[1] * t.shape[2] >= INT32_MAX)
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &boxes));
    TRO_TRY(tro_lower_in(l, n->node->in[1], TRO_FORM_ANY, &scores));
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        TRO_TRY(tro_lower_out(l, n, i, TRO_FORM_DENSE, true, &out[n_out]));
        index[i] = n_out++;
    }
    struct tro_step *const s = tro_lower_step(l, n, "detect", run, 2, n_out, sizeof *p, &p);
    if (!s)
        return tro_lower_err(l)->status;
    *p = params_of(n->attrs, &boxes, &scores);
    memcpy(p->out, index, sizeof index);
    s->in[0] = boxes;
    s->in[1] = scores;
    memcpy(s->out, out, (size_t)n_out * sizeof *out);
    s->scratch_bytes = scratch_bytes(p);
    s->n_parts = (int)(t.shape[0] < 1024 ? t.shape[0] : 1024);
    return 1;
}
