/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pad, made of copies: the part that comes from the input, then what is around it.
 *
 *     constant    boxes that meet nowhere, filled in the same step      A A A A
 *                                                                       B x x C
 *                                                                       D D D D
 *     edge, reflect, wrap    axis by axis, each from what the axes before have made; a step each,
 *                            since the next one reads it
 */
#include "cpu/copy.h"
#include "cpu/cpu.h"
#include "cpu/walk.h"

#include "base/dtype.h"
#include "lower/pads.h"
#include "lower/view.h"

#define MOST_BOXES (2 * TRO_MAX_RANK)

struct params {
    struct tro_arg from, to; /* what is copied */
    int n_boxes;
    struct tro_arg box[MOST_BOXES]; /* what is filled */
};

/* in[0] x, in[1] the value */
static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    tro_copy_part(&p->to, tro_arg_ptr(r, &p->to), &p->from, tro_arg_ptr(r, &p->from), r->part,
                  r->n_parts);
    for (int i = 0; i < p->n_boxes; i++) {
        struct tro_arg one = p->box[i];
        for (int k = 0; k < one.rank; k++)
            one.stride[k] = 0;
        tro_copy_part(&p->box[i], tro_arg_ptr(r, &p->box[i]), &one, tro_arg_ptr(r, &s->in[1]),
                      r->part, r->n_parts);
    }
    return 0;
}

struct plan {
    int64_t begin[TRO_MAX_RANK], end[TRO_MAX_RANK]; /* elements added; negative: taken away */
    struct tro_arg x, y;
};

/* The input's part of both: without what is taken away, inside what is added. False when nothing of
 * an axis is left. */
static bool cut_inside(const struct plan *q, struct tro_arg *from, struct tro_arg *to)
{
    *from = q->x;
    *to = q->y;
    for (int i = 0; i < q->x.rank; i++) {
        const int64_t skip = q->begin[i] < 0 ? -q->begin[i] : 0;
        const int64_t first = q->begin[i] > 0 ? q->begin[i] : 0;
        const int64_t n = q->x.shape[i] - skip + (q->end[i] < 0 ? q->end[i] : 0);
        if (n <= 0)
            return false;
        tro_view_cut(from, i, skip, 1, n);
        tro_view_cut(to, i, first, 1, n);
    }
    return true;
}

/* ---- constant
 * ------------------------------------------------------------------------------------ */

/* Before and behind the input along each axis; the axes before it are full, those after it not yet.
 * */
static int cut_boxes(const struct plan *q, struct tro_arg *box)
{
    struct tro_arg rest = q->y;
    int n = 0;
    for (int i = 0; i < q->y.rank; i++) {
        const int64_t before = q->begin[i] > 0 ? q->begin[i] : 0;
        const int64_t after = q->end[i] > 0 ? q->end[i] : 0;
        const int64_t size = q->y.shape[i];
        if (before) {
            box[n] = rest;
            tro_view_cut(&box[n++], i, 0, 1, before);
        }
        if (after) {
            box[n] = rest;
            tro_view_cut(&box[n++], i, size - after, 1, after);
        }
        tro_view_cut(&rest, i, before, 1, size - before - after);
    }
    return n;
}

static int emit_constant(struct tro_lowering *l, const struct tro_lower_node *n,
                         const struct plan *q)
{
    static const char zero[8] = {0};
    const bool has_value = n->node->n_in > 2 && n->node->in[2].i;
    struct tro_arg value;
    struct params *p;
    const int rc = has_value ? tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &value)
                             : tro_lower_table(l, zero, sizeof(zero), &value);
    struct tro_step *const s = rc < 0 ? NULL
                                      : tro_lower_step(l, n, "pad", run, 2, 1, sizeof(*p), &p);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = q->x;
    s->in[1] = value;
    s->out[0] = q->y;
    if (!cut_inside(q, &p->from, &p->to))
        p->from.shape[0] = p->to.shape[0] = 0;
    p->n_boxes = cut_boxes(q, p->box);
    s->n_parts = tro_walk_parts(l, tro_arg_n_elems(&q->y), tro_arg_n_elems(&q->y));
    return 1;
}

/* ---- from the neighbours ------------------------------------------------------------------------
 * */

static int add_copy(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct tro_arg *to, const struct tro_arg *from)
{
    struct tro_step *const s = tro_lower_step(l, n, "pad_copy", tro_cpu_copy, 1, 1, 0, NULL);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = *from;
    s->out[0] = *to;
    s->n_parts = tro_walk_parts(l, tro_arg_n_elems(to), tro_arg_n_elems(to));
    return 0;
}

/* n elements along an axis from `at` on, out of those from `from` on, `step` apart. */
static int add_slab(struct tro_lowering *l, const struct tro_lower_node *n, const struct tro_arg *y,
                    int axis, int64_t at, int64_t size, int64_t from, int64_t step)
{
    struct tro_arg to = *y, src = *y;
    if (size == 0)
        return 0;
    tro_view_cut(&to, axis, at, 1, size);
    tro_view_cut(&src, axis, from, step, size);
    return add_copy(l, n, &to, &src);
}

static int add_axis(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_pad_mode mode,
                    const struct tro_arg *y, int axis, int64_t before, int64_t inside,
                    int64_t after)
{
    const int64_t last = before + inside - 1;
    int64_t from_before = before, from_after = last, step = 0;
    if (mode == tro_pad_mode_reflect) {
        from_before = 2 * before;
        from_after = last - 1;
        step = -1;
    } else if (mode == tro_pad_mode_wrap) {
        from_before = inside;
        from_after = before;
        step = 1;
    }
    const int rc = add_slab(l, n, y, axis, 0, before, from_before, step);
    return rc < 0 ? rc : add_slab(l, n, y, axis, last + 1, after, from_after, step);
}

static bool can_mirror(const struct plan *q, enum tro_pad_mode mode)
{
    const int64_t less = mode == tro_pad_mode_reflect ? 1 : 0;
    for (int i = 0; i < q->x.rank; i++) {
        if (q->begin[i] < 0 || q->end[i] < 0)
            return false;
        if (mode != tro_pad_mode_edge &&
            (q->begin[i] > q->x.shape[i] - less || q->end[i] > q->x.shape[i] - less))
            return false;
    }
    return true;
}

static int emit_mirrored(struct tro_lowering *l, const struct tro_lower_node *n,
                         enum tro_pad_mode mode, const struct plan *q)
{
    struct tro_arg from, to, done = q->y;
    if (!can_mirror(q, mode) || !cut_inside(q, &from, &to))
        return 0;
    int rc = add_copy(l, n, &to, &from);
    for (int i = 0; i < q->x.rank; i++)
        tro_view_cut(&done, i, q->begin[i], 1, q->x.shape[i]);
    for (int i = 0; i < q->x.rank && rc >= 0; i++) {
        /* From here on the axis has its full size. */
        done.offset -= q->begin[i] * done.stride[i] * (int64_t)tro_dtype_size(done.dtype);
        done.shape[i] = q->y.shape[i];
        done.stride[i] = q->y.stride[i];
        rc = add_axis(l, n, mode, &done, i, q->begin[i], q->x.shape[i], q->end[i]);
    }
    return rc < 0 ? rc : 1;
}

int tro_cpu_emit_pad(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_pad *const a = n->attrs;
    struct tro_tensor t;
    struct plan q = {0};
    if (n->n_epilogue || !tro_lower_type(l, n->out[0], &t) || t.rank == 0 ||
        tro_tensor_n_elems(&t) == 0 || !tro_pads_read(l, n, t.rank, q.begin, q.end))
        return 0;
    enum tro_form form;
    tro_walk_form(l, n->node->in[0], &form);
    if (tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x) < 0 ||
        tro_lower_out(l, n, 0, form == TRO_FORM_ROWS ? TRO_FORM_GUESS : form, false, &q.y) < 0)
        return tro_lower_err(l)->status;
    if (tro_arg_n_elems(&q.x) == 0 && a->mode != tro_pad_mode_constant)
        return 0;
    return a->mode == tro_pad_mode_constant ? emit_constant(l, n, &q)
                                            : emit_mirrored(l, n, a->mode, &q);
}
