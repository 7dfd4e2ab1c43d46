/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, places of values, copies into other forms. */
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "ref/copy.h"

#include <string.h>

/* ---- values ------------------------------------------------------------------------------- */

tro_value_id tro_lower_resolve(const struct tro_lowering *l, tro_value_id v)
{
    while (l->values[v.i].alias.i)
        v = l->values[v.i].alias;
    return v;
}

struct tro_lower_value *tro_lower_value(const struct tro_lowering *l, tro_value_id v)
{
    return &l->values[tro_lower_resolve(l, v).i];
}

bool tro_lower_type(const struct tro_lowering *l, tro_value_id v, struct tro_tensor *t)
{
    const struct tro_value *const value = tro_value_get(l->g, v);
    *t = (struct tro_tensor){.dtype = value->dtype, .rank = value->shape.rank};
    if (t->rank < 0)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (!tro_dim_eval(&l->g->dims, &l->env, value->shape.dim[i], &t->shape[i]) ||
            t->shape[i] < 0)
            return false;
    return true;
}

bool tro_lower_const(const struct tro_lowering *l, tro_value_id v, struct tro_tensor *t)
{
    v = tro_lower_resolve(l, v);
    if (tro_is_const(l->g, v)) {
        *t = tro_const_tensor(l->g, v);
        return true;
    }
    if (!l->values[v.i].data || !tro_lower_type(l, v, t))
        return false;
    t->data = (void *)l->values[v.i].data;
    return true;
}

bool tro_lower_ints(const struct tro_lowering *l, tro_value_id v, struct tro_ints *out)
{
    struct tro_tensor t;
    v = tro_lower_resolve(l, v);
    const tro_dim *const elems = tro_value_get(l->g, v)->elems;
    if (!tro_lower_const(l, v, &t) && (!elems || !tro_lower_type(l, v, &t)))
        return false;
    if (!tro_dtype_is_int(t.dtype) || tro_tensor_n_elems(&t) > TRO_MAX_INTS)
        return false;
    out->n = (int32_t)tro_tensor_n_elems(&t);
    for (int i = 0; i < out->n; i++) {
        if (t.data)
            out->v[i] = tro_load_i64(t.dtype, t.data, i);
        else if (!tro_dim_eval(&l->g->dims, &l->env, elems[i], &out->v[i]))
            return false;
    }
    return true;
}

void tro_lower_set_place(struct tro_lowering *l, tro_value_id v, const struct tro_arg *at)
{
    struct tro_lower_value *const value = tro_lower_value(l, v);
    value->at = *at;
    value->is_placed = true;
}

/* ---- buffers ------------------------------------------------------------------------------ */

int tro_lower_add_buffer(struct tro_lowering *l, const struct tro_buffer *b, uint32_t *out)
{
    struct tro_program *const p = l->p;
    if (TRO_GROW(&p->buffers, p->n_buffers, &l->cap_buffers) < 0)
        return tro_fail_nomem(l->err);
    p->buffers[p->n_buffers] = *b;
    p->buffers[p->n_buffers].first = p->buffers[p->n_buffers].last = -1;
    *out = p->n_buffers++;
    return 0;
}

int tro_lower_alloc(struct tro_lowering *l, const struct tro_tensor *t, enum tro_form form,
                    struct tro_arg *out)
{
    *out = tro_arg_of(t, form);
    const struct tro_buffer b = {.kind = TRO_BUFFER_SCRATCH, .n_bytes = tro_arg_n_bytes(out)};
    return tro_lower_add_buffer(l, &b, &out->buffer);
}

int tro_lower_temp(struct tro_lowering *l, size_t n_bytes, struct tro_arg *out)
{
    const struct tro_tensor t = {.dtype = TRO_U8, .rank = 1, .shape = {(int64_t)n_bytes}};
    return tro_lower_alloc(l, &t, TRO_FORM_DENSE, out);
}

int tro_lower_table(struct tro_lowering *l, const void *data, size_t n_bytes, struct tro_arg *out)
{
    const struct tro_tensor t = {.dtype = TRO_U8, .rank = 1, .shape = {(int64_t)n_bytes}};
    void *const copy = tro_arena_alloc64(&l->p->arena, n_bytes);
    if (!copy)
        return tro_fail_nomem(l->err);
    if (n_bytes)
        memcpy(copy, data, n_bytes);
    *out = tro_arg_of(&t, TRO_FORM_DENSE);
    const struct tro_buffer b = {.kind = TRO_BUFFER_CONST, .data = copy, .n_bytes = n_bytes};
    return tro_lower_add_buffer(l, &b, &out->buffer);
}

/* ---- inputs ------------------------------------------------------------------------------- */

int tro_lower_at(struct tro_lowering *l, tro_value_id v, struct tro_arg *out)
{
    struct tro_tensor t;
    v = tro_lower_resolve(l, v);
    if (!l->values[v.i].is_placed) {
        if (!tro_lower_const(l, v, &t))
            return tro_fail(l->err, TRO_E_INTERNAL, "value '%s' has no place yet",
                            tro_value_get(l->g, v)->name);
        struct tro_arg at = tro_arg_of(&t, TRO_FORM_DENSE);
        const struct tro_buffer b = {.kind = TRO_BUFFER_CONST,
                                     .data = t.data,
                                     .is_shared = tro_is_const(l->g, v),
                                     .n_bytes = tro_tensor_n_bytes(&t)};
        TRO_TRY(tro_lower_add_buffer(l, &b, &at.buffer));
        tro_lower_set_place(l, v, &at);
    }
    *out = l->values[v.i].at;
    return 0;
}

struct tro_arg tro_lower_place(const struct tro_lowering *l, tro_value_id v)
{
    const struct tro_lower_value *const value = tro_lower_value(l, v);
    struct tro_tensor t;
    if (value->is_placed || !tro_lower_const(l, v, &t))
        return value->at;
    return tro_arg_of(&t, TRO_FORM_DENSE);
}

/* A constant in channels-last order, for tro_lower_pack. */
static void pack_channels_last(void *dst, const struct tro_tensor *w, const void *ctx)
{
    (void)ctx;
    const struct tro_arg to = tro_arg_of(w, TRO_FORM_CHANNELS_LAST);
    const struct tro_arg from = tro_arg_of(w, TRO_FORM_DENSE);
    struct tro_copy c = {.elem_size = tro_dtype_size(w->dtype), .dst = dst, .src = w->data};
    c.rank = w->rank;
    memcpy(c.shape, w->shape, sizeof w->shape);
    memcpy(c.dst_stride, to.stride, sizeof to.stride);
    memcpy(c.src_stride, from.stride, sizeof from.stride);
    tro_copy_run(&c);
}

static int make_copy(struct tro_lowering *l, tro_value_id v, enum tro_form form,
                     enum tro_dtype dtype, const struct tro_arg *from, struct tro_arg *out)
{
    struct tro_tensor t = {.dtype = dtype, .rank = from->rank};
    memcpy(t.shape, from->shape, sizeof t.shape);
    if (tro_is_const(l->g, v) && dtype == from->dtype && form == TRO_FORM_CHANNELS_LAST) {
        struct tro_arg packed;
        TRO_TRY(tro_lower_pack(l, v, "channels_last", tro_tensor_n_bytes(&t), pack_channels_last,
                               NULL, &packed));
        *out = tro_arg_of(&t, form);
        out->buffer = packed.buffer;
        out->offset = packed.offset;
        return 0;
    }
    TRO_TRY(tro_lower_alloc(l, &t, form, out));
    const struct tro_lower_node n = {.name = l->name};
    return tro_lower_copy(l, &n, out, from);
}

static bool suits(const struct tro_arg *a, enum tro_form form, enum tro_dtype dtype)
{
    return tro_arg_has_form(a, form) && a->dtype == dtype;
}

static int take(struct tro_lowering *l, tro_value_id v, enum tro_form form, enum tro_dtype dtype,
                struct tro_arg *out)
{
    if (suits(out, form, dtype))
        return 0;
    v = tro_lower_resolve(l, v);
    struct tro_lower_value *const value = &l->values[v.i];
    for (int i = 0; i < value->n_copies; i++) {
        if (suits(&value->copies[i], form, dtype)) {
            *out = value->copies[i];
            return 0;
        }
    }
    const struct tro_arg from = *out;
    TRO_TRY(make_copy(l, v, form, dtype, &from, out));
    if (value->n_copies < TRO_MAX_COPIES)
        value->copies[value->n_copies++] = *out;
    return 0;
}

int tro_lower_in(struct tro_lowering *l, tro_value_id v, enum tro_form form, struct tro_arg *out)
{
    TRO_TRY(tro_lower_at(l, v, out));
    return take(l, v, form, out->dtype, out);
}

int tro_lower_in_as(struct tro_lowering *l, tro_value_id v, enum tro_form form,
                    enum tro_dtype dtype, struct tro_arg *out)
{
    TRO_TRY(tro_lower_at(l, v, out));
    return take(l, v, form, dtype, out);
}

/* ---- outputs ------------------------------------------------------------------------------ */

enum tro_form tro_lower_guess(const struct tro_lowering *l, tro_value_id v)
{
    return tro_lower_value(l, v)->guess;
}

bool tro_lower_is_output(const struct tro_lowering *l, tro_value_id v)
{
    return tro_lower_value(l, v)->output >= 0;
}

static bool is_packed(const struct tro_arg *a)
{
    struct tro_arg dense = *a;
    tro_arg_set_strides(&dense, TRO_FORM_CHANNELS_LAST);
    dense.buffer = a->buffer;
    dense.offset = a->offset;
    return tro_arg_is_dense(a) || tro_arg_same_place(&dense, a);
}

/* The part of the parent's memory that belongs to v. */
static int place_in_parent(struct tro_lowering *l, tro_value_id v, const struct tro_tensor *t,
                           struct tro_arg *out)
{
    const tro_value_id parent = l->values[v.i].parent;
    const struct tro_node *const concat = tro_node_get(l->g, tro_value_get(l->g, parent)->def);
    const struct tro_attrs_axis *const a = concat->attrs;
    if (!tro_lower_value(l, parent)->is_placed) {
        const enum tro_precision own = l->opts.precision;
        struct tro_arg at;
        l->opts.precision = tro_lower_node_precision(l, tro_value_get(l->g, parent)->def, own);
        const int rc = tro_lower_place_value(l, parent, TRO_FORM_GUESS, false, TRO_DTYPE_NONE, &at);
        l->opts.precision = own;
        TRO_TRY(rc);
        tro_lower_set_place(l, parent, &at);
    }
    *out = tro_lower_value(l, parent)->at;
    const int axis = (int)(a->axis < 0 ? a->axis + t->rank : a->axis);
    tro_view_cut(out, axis, l->values[v.i].parent_first, 1, t->shape[axis]);
    return 0;
}

enum tro_dtype tro_lower_stored(const struct tro_lowering *l, enum tro_dtype dtype)
{
    if (dtype != TRO_F32)
        return dtype;
    switch (l->opts.precision) {
    case TRO_PRECISION_FP16:
        return TRO_F16;
    case TRO_PRECISION_BF16:
        return TRO_BF16;
    default:
        return dtype;
    }
}

static int place_new(struct tro_lowering *l, const struct tro_lower_value *value,
                     const struct tro_tensor *t, enum tro_form form, enum tro_dtype dtype,
                     struct tro_arg *out)
{
    struct tro_tensor stored = *t;
    stored.dtype = dtype ? dtype : tro_lower_stored(l, t->dtype);
    if (value->output < 0)
        return tro_lower_alloc(l, &stored, form, out);
    *out = tro_arg_of(t, form);
    if (!tro_arg_is_dense(out) || (dtype && dtype != t->dtype))
        return tro_lower_alloc(l, &stored, form, out);
    *out = l->p->outputs[value->output];
    return 0;
}

int tro_lower_place_value(struct tro_lowering *l, tro_value_id v, enum tro_form form,
                          bool contiguous, enum tro_dtype dtype, struct tro_arg *out)
{
    struct tro_tensor t;
    v = tro_lower_resolve(l, v);
    struct tro_lower_value *const value = &l->values[v.i];
    if (!tro_lower_type(l, v, &t))
        return tro_fail(l->err, TRO_E_INTERNAL, "value '%s' has no sizes",
                        tro_value_get(l->g, v)->name);
    if (value->is_placed) { /* a concatenation whose parts came first */
        *out = value->at;
        return 0;
    }
    if (value->parent.i) {
        TRO_TRY(place_in_parent(l, v, &t, out));
        if (tro_arg_has_form(out, form) && (!contiguous || is_packed(out)) &&
            (!dtype || dtype == out->dtype))
            return 0;
    }
    return place_new(l, value, &t, form == TRO_FORM_GUESS ? value->guess : form, dtype, out);
}

int tro_lower_out_as(struct tro_lowering *l, const struct tro_lower_node *n, int i,
                     enum tro_form form, bool contiguous, enum tro_dtype dtype, struct tro_arg *out)
{
    TRO_TRY(tro_lower_place_value(l, n->out[i], form, contiguous, dtype, out));
    tro_lower_set_place(l, n->out[i], out);
    return 0;
}

int tro_lower_out(struct tro_lowering *l, const struct tro_lower_node *n, int i, enum tro_form form,
                  bool contiguous, struct tro_arg *out)
{
    return tro_lower_out_as(l, n, i, form, contiguous, TRO_DTYPE_NONE, out);
}

int tro_lower_view(struct tro_lowering *l, const struct tro_lower_node *n, int i,
                   const struct tro_arg *view)
{
    tro_lower_set_place(l, n->out[i], view);
    return 0;
}
