/* SPDX-License-Identifier: Apache-2.0 */
/* From nodes to instructions: names and places. */
#include "cpu/tile_program.h"

#include <string.h>

#include "base/err.h"

/* ---- growing arrays ---------------------------------------------------------------------- */

static int grow(struct tro_tile *t, void *array_ptr, size_t n, size_t *cap, size_t size)
{
    void *old, *bigger;
    if (n < *cap)
        return 0;
    const size_t want = *cap ? 2 * *cap : 16;
    memcpy(&old, array_ptr, sizeof(old));
    bigger = tro_arena_alloc(t->arena, want, size);
    if (!bigger)
        return TRO_E_NOMEM;
    if (n)
        memcpy(bigger, old, n * size);
    memcpy(array_ptr, &bigger, sizeof(bigger));
    *cap = want;
    return 0;
}

int tro_tile_add_place(struct tro_tile *t, const struct tro_tile_place *p)
{
    TRO_TRY(grow(t, &t->places, t->n_places, &t->cap_places, sizeof(*t->places)));
    t->places[t->n_places] = *p;
    return (int)t->n_places++;
}

int tro_tile_add_instr(struct tro_tile *t, const struct tro_tile_instr *i)
{
    TRO_TRY(grow(t, &t->instrs, t->n_instrs, &t->cap_instrs, sizeof(*t->instrs)));
    t->instrs[t->n_instrs] = *i;
    return (int)t->n_instrs++;
}

/* ---- names ------------------------------------------------------------------------------- */

/* Values of the block met so far and their places. */
struct scope {
    struct tro_lowering *l;
    struct tro_tile *t;
    tro_value_id *values;
    int *places;
    size_t n, cap_values, cap_places;
};

static int bind(struct scope *s, tro_value_id v, int place)
{
    TRO_TRY(grow(s->t, &s->values, s->n, &s->cap_values, sizeof(*s->values)));
    TRO_TRY(grow(s->t, &s->places, s->n, &s->cap_places, sizeof(*s->places)));
    s->values[s->n] = v;
    s->places[s->n++] = place;
    return place;
}

static int find(const struct scope *s, tro_value_id v)
{
    for (size_t i = 0; i < s->n; i++)
        if (tro_value_eq(s->values[i], v))
            return s->places[i];
    return -1;
}

static bool is_known_type(enum tro_dtype d)
{
    return d == TRO_F32 || d == TRO_I32 || d == TRO_I64 || d == TRO_I8 || d == TRO_U8 ||
           d == TRO_I16 || d == TRO_U16 || d == TRO_BOOL;
}

/* Strides of a tensor, in bytes, that broadcasts to the space; false when it does not. */
static bool set_strides(const struct tro_tile *t, const struct tro_arg *a, struct tro_tile_place *p)
{
    const int skip = t->rank - a->rank;
    const int64_t size = (int64_t)tro_dtype_size(a->dtype);
    if (skip < 0)
        return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->shape[i] != 1 && a->shape[i] != t->shape[skip + i])
            return false;
        p->stride[skip + i] = a->shape[i] == 1 ? 0 : a->stride[i] * size;
    }
    return true;
}

static bool fits(const struct tro_tile *t, const struct tro_tensor *x)
{
    const int skip = t->rank - x->rank;
    if (skip < 0)
        return false;
    for (int i = 0; i < x->rank; i++)
        if (x->shape[i] != 1 && x->shape[i] != t->shape[skip + i])
            return false;
    return true;
}

/* The place of a node's input: a value met before, a constant of one element, or memory. 0 or
 * more: the place; -1: beyond this; else a failure. */
enum { BEYOND = -1000 };
static int operand(struct scope *s, tro_value_id v)
{
    struct tro_tile *const t = s->t;
    struct tro_tensor x;
    struct tro_arg a;
    const int known = find(s, v);
    if (known >= 0)
        return known;
    if (!tro_lower_type(s->l, v, &x) || !is_known_type(x.dtype) || !fits(t, &x))
        return BEYOND;
    struct tro_tile_place p = {.kind = TRO_PLACE_CONST, .dtype = x.dtype};
    if (tro_lower_const(s->l, v, &x) && tro_tensor_n_elems(&x) == 1) {
        memcpy(p.value.bytes, x.data, tro_dtype_size(x.dtype));
    } else {
        TRO_TRY(tro_lower_in(s->l, v, TRO_FORM_ANY, &a));
        p.kind = TRO_PLACE_IN;
        p.index = t->n_in;
        if (!set_strides(t, &a, &p))
            return BEYOND;
        TRO_TRY(grow(t, &t->in, (size_t)t->n_in, &t->cap_in, sizeof(*t->in)));
        t->in[t->n_in++] = a;
    }
    const int place = tro_tile_add_place(t, &p);
    return place < 0 ? place : bind(s, v, place);
}

/* The table of a node lies as a whole where every element of the space reads it. */
static int table_operand(struct scope *s, tro_value_id v)
{
    struct tro_tile *const t = s->t;
    struct tro_tile_place p = {.kind = TRO_PLACE_IN, .index = t->n_in};
    struct tro_arg a;
    TRO_TRY(tro_lower_in(s->l, v, TRO_FORM_DENSE, &a));
    p.dtype = a.dtype;
    TRO_TRY(grow(t, &t->in, (size_t)t->n_in, &t->cap_in, sizeof(*t->in)));
    t->in[t->n_in++] = a;
    return tro_tile_add_place(t, &p);
}

/* ---- nodes ------------------------------------------------------------------------------- */

static int add_node(struct scope *s, const struct tro_node *n, const void *attrs)
{
    int in[3] = {-1, -1, -1}, out;
    struct tro_tensor y;
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->n_in > 3 ||
        !tro_lower_type(s->l, n->out[0], &y) || !is_known_type(y.dtype) || !fits(s->t, &y))
        return 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (!n->in[i].i)
            continue;
        in[i] = n->op == TRO_OP_TABLE && i == 1 ? table_operand(s, n->in[i]) : operand(s, n->in[i]);
        if (in[i] < 0)
            return in[i] == BEYOND ? 0 : in[i];
    }
    const int rc = tro_tile_node(s->t, n, attrs, in, y.dtype, &out);
    if (rc <= 0)
        return rc;
    const int place = bind(s, n->out[0], out);
    return place < 0 ? place : 1;
}

/* The space is the shape that all outputs have. */
static bool set_space(struct tro_tile *t, const struct tro_lowering *l,
                      const struct tro_lower_node *n)
{
    struct tro_tensor x;
    t->rank = -1;
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        if (!tro_lower_type(l, n->out[i], &x))
            return false;
        if (t->rank >= 0 &&
            (t->rank != x.rank || memcmp(t->shape, x.shape, sizeof(int64_t) * (size_t)x.rank) != 0))
            return false;
        t->rank = x.rank;
        memcpy(t->shape, x.shape, sizeof(int64_t) * (size_t)x.rank);
    }
    return t->rank >= 0;
}

static int add_nodes(struct scope *s, const struct tro_lower_node *n, bool has_anchor)
{
    if (n->node && !has_anchor) {
        const int rc = add_node(s, n->node, n->attrs);
        if (rc <= 0)
            return rc;
    }
    for (int i = 0; i < n->n_epilogue; i++) {
        const int rc = add_node(s, n->epilogue[i], n->epilogue[i]->attrs);
        if (rc <= 0)
            return rc;
    }
    return 1;
}

/* Outputs stand after everything that is read, since their places may be new memory. */
static int add_outputs(struct scope *s, const struct tro_lower_node *n, enum tro_form form)
{
    struct tro_tile *const t = s->t;
    for (int i = 0; i < n->n_out; i++) {
        struct tro_tile_place p = {.kind = TRO_PLACE_OUT, .index = t->n_out};
        struct tro_arg a;
        if (!n->out[i].i)
            continue;
        TRO_TRY(tro_lower_out(s->l, n, i, form, false, &a));
        p.dtype = a.dtype;
        if (!set_strides(t, &a, &p))
            return 0;
        TRO_TRY(grow(t, &t->out, (size_t)t->n_out, &t->cap_out, sizeof(*t->out)));
        TRO_TRY(grow(t, &t->result, (size_t)t->n_out, &t->cap_result, sizeof(*t->result)));
        t->result[t->n_out] = find(s, n->block_out[i]);
        t->out[t->n_out++] = a;
        TRO_TRY(tro_tile_add_place(t, &p));
    }
    return 1;
}

/* False when an output is not made here, as one that is an input of the block as well. */
static bool has_results(const struct scope *s, const struct tro_lower_node *n)
{
    int n_made = 0;
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        if (find(s, n->block_out[i]) < 0)
            return false;
        n_made++;
    }
    return n_made > 0;
}

static int begin(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_dtype acc_dtype,
                 struct tro_tile **out, struct scope *s)
{
    struct tro_tile *const t = TRO_NEW(tro_lower_arena(l), struct tro_tile);
    if (!t)
        return tro_fail_nomem(tro_lower_err(l));
    *out = t;
    *s = (struct scope){.l = l, .t = t};
    t->arena = tro_lower_arena(l);
    t->inplace = -1;
    if (!set_space(t, l, n))
        return 0;
    if (acc_dtype == TRO_DTYPE_NONE)
        return add_nodes(s, n, false);
    struct tro_tensor x;
    if (!tro_lower_type(l, n->node->out[0], &x) || x.rank != t->rank ||
        memcmp(x.shape, t->shape, sizeof(int64_t) * (size_t)x.rank) != 0)
        return 0;
    const struct tro_tile_place acc = {.kind = TRO_PLACE_ACC, .dtype = acc_dtype};
    const int place = tro_tile_add_place(t, &acc);
    if (place < 0 || bind(s, n->node->out[0], place) < 0)
        return TRO_E_NOMEM;
    return add_nodes(s, n, true);
}

/* As the largest input lies that has the shape of the outputs, so that all is read in order. */
static enum tro_form form_of_inputs(const struct tro_tile *t)
{
    enum tro_form form = TRO_FORM_GUESS;
    size_t most = 0;
    for (int i = 0; i < t->n_in; i++) {
        const struct tro_arg *const a = &t->in[i];
        if (a->rank != t->rank || tro_arg_n_bytes(a) <= most ||
            memcmp(a->shape, t->shape, sizeof(int64_t) * (size_t)a->rank) != 0)
            continue;
        if (tro_arg_is_dense(a))
            form = TRO_FORM_DENSE;
        else if (tro_arg_is_channels_last(a))
            form = TRO_FORM_CHANNELS_LAST;
        else
            continue;
        most = tro_arg_n_bytes(a);
    }
    return form;
}

static int compile(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_dtype acc_dtype,
                   enum tro_form out_form, struct tro_tile **out)
{
    struct scope s;
    int rc = begin(l, n, acc_dtype, out, &s);
    if (rc > 0 && out_form == TRO_FORM_ANY)
        out_form = form_of_inputs(*out);
    if (rc > 0)
        rc = has_results(&s, n) ? add_outputs(&s, n, out_form) : 0;
    if (rc > 0) {
        tro_tile_fuse(*out);
        tro_tile_classify(*out);
    }
    return rc;
}

static int no_memory(struct tro_lowering *l, int rc)
{
    return rc == TRO_E_NOMEM ? tro_fail_nomem(tro_lower_err(l)) : rc;
}

int tro_tile_begin_region(struct tro_lowering *l, const struct tro_lower_node *n,
                          struct tro_tile **out)
{
    return no_memory(l, compile(l, n, TRO_DTYPE_NONE, TRO_FORM_ANY, out));
}

int tro_tile_compile(struct tro_lowering *l, const struct tro_lower_node *n,
                     enum tro_dtype acc_dtype, int row_axis, int col_axis, enum tro_form out_form,
                     struct tro_tile **out)
{
    const int rc = compile(l, n, acc_dtype, out_form, out);
    if (rc <= 0)
        return no_memory(l, rc);
    (*out)->row_axis = row_axis;
    (*out)->col_axis = col_axis;
    return no_memory(l, tro_tile_finish(*out, tro_lower_cpu(l), tro_lower_err(l)));
}
