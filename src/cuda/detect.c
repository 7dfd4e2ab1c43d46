/* SPDX-License-Identifier: Apache-2.0 */
/* Detections: scores are filtered by all of the chip, what is left of a picture is sorted and
 * suppressed by one block. */
#include "cuda/kernels/detect.h"
#include "cuda/cuda.h"
#include "cuda/kernels/detect_filter.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"
#include "ref/boxes.h"

#include <stdio.h>

enum {
    FILTER_BLOCK = 256, /* as in detect_filter.cu */
    BLOCK = 1024,       /* as in detect.cu */
    LEAST_PIECE = 2048, /* scores of a block */
    LEAST_ROOM = 64,
    MOST_ROOM = 4096,
    MOST_SHARED = 90 * 1024, /* of the 99 KB that every chip has */
};

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    const struct tro_attrs_detect *a;
    struct tro_arg boxes, scores, keys, counts, out[5];
    int64_t n_pictures, n_anchors, n_classes, room;
    struct tro_detect_pieces pieces;
};

/* ---- the filter ---------------------------------------------------------------------------- */

static void set_pieces(struct plan *q)
{
    const int64_t n = q->n_anchors * q->n_classes;
    const int64_t each = (n + TRO_DETECT_MAX_BLOCKS - 1) / TRO_DETECT_MAX_BLOCKS;
    q->pieces.piece = (uint32_t)((each + LEAST_PIECE - 1) / LEAST_PIECE * LEAST_PIECE);
    q->pieces.n_blocks = (uint32_t)((n + q->pieces.piece - 1) / q->pieces.piece);
}

/* The axis that is walked first is the one along which scores are neighbours. */
static struct tro_detect_filter_params filter_params(const struct plan *q, int inner)
{
    const int line = 3 - inner;
    const uint32_t weight[3] = {0, 1, (uint32_t)q->n_anchors};
    const bool has_background = q->a->background > 0 && q->a->background <= q->n_classes;
    return (struct tro_detect_filter_params){
        .pieces = q->pieces,
        .inner = tro_div_make(q->scores.shape[inner]),
        .n = (uint32_t)(q->n_anchors * q->n_classes),
        .of_picture = (int32_t)q->scores.stride[0],
        .of_line = (int32_t)q->scores.stride[line],
        .of_inner = (int32_t)q->scores.stride[inner],
        .line_weight = weight[line],
        .inner_weight = weight[inner],
        .first_skipped = has_background ? (uint32_t)((q->a->background - 1) * q->n_anchors) : 0,
        .n_skipped = has_background ? (uint32_t)q->n_anchors : 0,
        .least = tro_detect_threshold(q->a)};
}

static int inner_axis(const struct plan *q)
{
    const int64_t of_anchor = q->scores.stride[1], of_class = q->scores.stride[2];
    return q->n_classes == 1 || (q->n_anchors > 1 && of_anchor < of_class) ? 1 : 2;
}

static int emit_filter(struct plan *q)
{
    const int inner = inner_axis(q), vector = tro_cuda_vector(&q->scores, inner);
    const struct tro_detect_filter_params own = filter_params(q, inner);
    const int64_t n_blocks = q->n_pictures * q->pieces.n_blocks;
    struct tro_cuda_launch *launch;
    char label[64];
    const struct tro_cuda_source source = {
        .name = "detect_filter",
        .defines = tro_cuda_defines(q->l, "#define IN_T %s\n#define VECTOR %d\n",
                                    tro_cuda_type(q->scores.dtype), vector),
        .params = &own,
        .params_size = sizeof own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    TRO_TRY(tro_lower_temp(q->l, (size_t)n_blocks * q->pieces.piece * sizeof(uint64_t), &q->keys));
    TRO_TRY(tro_lower_temp(q->l, (size_t)n_blocks * sizeof(uint32_t), &q->counts));
    snprintf(label, sizeof label, "detect_filter %s x%d", tro_dtype_name(q->scores.dtype), vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, 2, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->scores;
    s->out[0] = q->keys;
    s->out[1] = q->counts;
    launch->block[0] = FILTER_BLOCK;
    launch->grid[0] = q->pieces.n_blocks;
    launch->grid[1] = (uint32_t)q->n_pictures;
    return 0;
}

/* ---- suppression --------------------------------------------------------------------------- */

static size_t shared_bytes(const struct plan *q)
{
    const int64_t near = q->room < BLOCK ? q->room : BLOCK;
    const int64_t n_counters = q->a->max_per_class ? q->n_classes : 0;
    return (size_t)(q->room * 8 + near * 20 + q->a->max_output * 28 + n_counters * 4);
}

static struct tro_detect_params detect_params(const struct plan *q)
{
    const struct tro_arg *const b = &q->boxes;
    const int64_t candidates = tro_detect_candidates(q->a);
    const struct tro_box_map map = tro_box_map_of(q->a->x_scale, q->a->y_scale, q->a->x_offset,
                                                  q->a->y_offset);
    return (struct tro_detect_params){
        .pieces = q->pieces,
        .anchors = tro_div_make(q->n_anchors),
        .n_classes = (uint32_t)q->n_classes,
        .n_rows = (uint32_t)q->a->max_output,
        .n_candidates = (uint32_t)(candidates < q->room ? candidates : q->room),
        .max_per_class = (uint32_t)q->a->max_per_class,
        .of_picture = (int32_t)b->stride[0],
        .of_anchor = (int32_t)b->stride[1],
        .of_class = b->rank == 4 && b->shape[2] > 1 ? (int32_t)b->stride[2] : 0,
        .of_coord = (int32_t)b->stride[b->rank - 1],
        .iou = (float)q->a->iou_threshold,
        .to = {map.x_scale, map.y_scale, map.x_offset, map.y_offset},
        .is_center = q->a->boxes == tro_box_code_center,
        .is_agnostic = q->a->is_class_agnostic != 0,
        .is_logit = q->a->is_logit != 0};
}

static int emit_suppression(struct plan *q)
{
    const struct tro_detect_params own = detect_params(q);
    struct tro_cuda_launch *launch;
    char label[64];
    const struct tro_cuda_source source = {
        .name = "detect",
        .defines = tro_cuda_defines(q->l, "#define BOX_T %s\n#define ROOM %d\n",
                                    tro_cuda_type(q->boxes.dtype), (int)q->room),
        .params = &own,
        .params_size = sizeof own};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "detect %s %d", tro_dtype_name(q->boxes.dtype), (int)q->room);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 3, 5, &launch);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->boxes;
    s->in[1] = q->keys;
    s->in[2] = q->counts;
    for (int i = 0; i < 5; i++)
        s->out[i] = q->out[i];
    launch->block[0] = BLOCK;
    launch->grid[0] = (uint32_t)q->n_pictures;
    launch->shared_bytes = (uint32_t)shared_bytes(q);
    return 1;
}

/* ---- the node ------------------------------------------------------------------------------ */

static bool fits(const struct plan *q)
{
    return q->n_pictures < 65536 && q->n_anchors * q->n_classes < INT32_MAX &&
           q->room <= MOST_ROOM && shared_bytes(q) <= MOST_SHARED;
}

/* Results that nobody wants are written as well. */
static int place(struct plan *q)
{
    TRO_TRY(tro_lower_in(q->l, q->n->node->in[0], TRO_FORM_ANY, &q->boxes));
    TRO_TRY(tro_lower_in(q->l, q->n->node->in[1], TRO_FORM_ANY, &q->scores));
    const size_t row_bytes[5] = {4, 16, 4, 4, 4};
    for (int i = 0; i < 5; i++) {
        const int64_t n_rows = q->n_pictures * (i == 0 ? 1 : q->a->max_output);
        const enum tro_dtype dtype = i == 1 || i == 2 ? TRO_F32 : TRO_I32;
        if (i >= q->n->n_out || !q->n->out[i].i)
            TRO_TRY(tro_lower_temp(q->l, (size_t)n_rows * row_bytes[i], &q->out[i]));
        else
            TRO_TRY(tro_lower_out_as(q->l, q->n, i, TRO_FORM_DENSE, true, dtype, &q->out[i]));
    }
    return 0;
}

int tro_cuda_emit_detect(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct plan q = {.l = l, .n = n, .a = n->attrs, .room = LEAST_ROOM};
    struct tro_tensor t;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[1], &t) || tro_tensor_n_elems(&t) == 0)
        return 0;
    q.n_pictures = t.shape[0];
    q.n_anchors = t.shape[1];
    q.n_classes = t.shape[2];
    while (q.room < tro_detect_candidates(q.a) && q.room < q.n_anchors * q.n_classes)
        q.room *= 2;
    if (!fits(&q))
        return 0;
    set_pieces(&q);
    TRO_TRY(place(&q));
    if (!tro_cuda_is_near(&q.boxes) || !tro_cuda_is_near(&q.scores))
        return 0;
    TRO_TRY(emit_filter(&q));
    return emit_suppression(&q);
}
