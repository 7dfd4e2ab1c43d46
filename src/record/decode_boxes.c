/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes and scores of all anchors into detections. */
#include "record/decode.h"

#include "base/err.h"
#include "record/view.h"

#include <inttypes.h>

struct parts {
    tro_value_id boxes, scores; /* [N, A, 4], [N, A, C] */
    int64_t n_classes;
};

/* Columns become rows. */
static int turn(struct tro_decoder *d, tro_value_id *v)
{
    static const struct tro_attrs_transpose last = {.perm = {.n = 3, .v = {0, 2, 1}}};
    if (d->o->is_by_row)
        return 0;
    return tro_decoder_add1(d, TRO_OP_TRANSPOSE, &last, *v, TRO_VALUE_NONE, "", v);
}

static int64_t n_columns(const struct tro_decoder *d, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(d->g, v)->shape;
    return s->rank == 3 ? tro_dim_value_or_minus1(s->dim[d->o->is_by_row ? 2 : 1]) : -1;
}

/* One output: 4 columns, one more with objectness, those of the classes. */
static int split(struct tro_decoder *d, struct parts *p)
{
    const int n_parts = d->o->has_objectness ? 3 : 2;
    const int64_t n = n_columns(d, d->value), n_others = n_parts + 2;
    const struct tro_attrs_axis axis = {.axis = d->o->is_by_row ? 2 : 1};
    static const char *const suffix[3] = {"", "", ""};
    tro_value_id in[2] = {d->value}, out[3];
    if (n <= n_others)
        return tro_decoder_fail_shape(
            d, d->value,
            d->o->is_by_row ? "boxes and scores [N, A, 4 + C], C fixed (layout rows)"
                            : "boxes and scores [N, 4 + C, A], C fixed (layout columns)");
    p->n_classes = n - n_others;
    const int64_t with[3] = {4, 1, p->n_classes}, without[2] = {4, p->n_classes};
    TRO_TRY(tro_decoder_ints(d, n_parts == 3 ? with : without, n_parts, &in[1]));
    TRO_TRY(tro_decoder_add(d, TRO_OP_SPLIT, &axis, in, 2, suffix, out, (uint32_t)n_parts));
    p->boxes = out[0];
    p->scores = out[n_parts - 1];
    if (n_parts == 3)
        TRO_TRY(tro_decoder_add1(d, TRO_OP_MUL, NULL, out[2], out[1], "", &p->scores));
    return 0;
}

/* Two outputs, of which that of the scores goes. */
static int find_both(struct tro_decoder *d, struct parts *p)
{
    size_t index;
    TRO_TRY(
        tro_err_prefix(d->err, tro_decoder_find(d, d->o->scores, &index, &p->scores), "scores: "));
    if (index == d->index)
        return tro_fail(d->err, TRO_E_INPUT, "scores: expected another output than the boxes'");
    p->boxes = d->value;
    p->n_classes = n_columns(d, p->scores);
    if (n_columns(d, p->boxes) != 4)
        return tro_decoder_fail_shape(
            d, p->boxes, d->o->is_by_row ? "boxes [N, A, 4]" : "boxes [N, 4, A] (layout columns)");
    if (p->n_classes < 1)
        return tro_decoder_fail_shape(d, p->scores, "scores with an axis of C classes, C fixed");
    TRO_TRY(tro_block_replace_output(d->g, TRO_MAIN_BLOCK, index, NULL, 0, d->err));
    d->index -= index < d->index;
    return 0;
}

/* To where positions are wanted. */
static int move(struct tro_decoder *d, struct tro_attrs_detect *a)
{
    struct tro_view v;
    if (!d->o->is_fraction && d->o->space != TRO_RECORD_SPACE_FRAME)
        return 0;
    TRO_TRY(tro_view_of(d->g, d->o->input, d->o->space, &v, d->err));
    a->x_scale = (d->o->is_fraction ? v.width : 1) * v.by_x;
    a->y_scale = (d->o->is_fraction ? v.height : 1) * v.by_y;
    a->x_offset = 0 - v.left * v.by_x;
    a->y_offset = 0 - v.top * v.by_y;
    return 0;
}

int tro_decode_boxes(struct tro_decoder *d)
{
    static const char *const suffix[] = {"count", "boxes", "scores", "classes", "anchors"};
    struct tro_attrs_detect a = d->o->detect;
    struct parts p = {0};
    tro_value_id out[5];
    TRO_TRY(d->o->scores ? find_both(d, &p) : split(d, &p));
    TRO_TRY(tro_decoder_want_names(d, p.n_classes));
    if (a.background > p.n_classes)
        return tro_fail(d->err, TRO_E_INPUT,
                        "background: expected a class below %" PRId64 ", found %" PRId64,
                        p.n_classes, a.background - 1);
    TRO_TRY(turn(d, &p.boxes));
    TRO_TRY(turn(d, &p.scores));
    TRO_TRY(move(d, &a));
    const tro_value_id in[2] = {p.boxes, p.scores};
    TRO_TRY(tro_decoder_add(d, TRO_OP_DETECT, &a, in, 2, suffix, out, 5));
    return tro_block_replace_output(d->g, TRO_MAIN_BLOCK, d->index, out, 5, d->err);
}
