/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of operators with blocks. */
#include "graph/infer_util.h"

#include "base/dtype.h"

/*
 * A block seen from its owner. Block input j takes operand j + shift:
 *
 *     | n_skipped | n_state             | n_slices               | captures          |
 *       own values  operands, then what   an operand without one   operands
 *                   the block returns     axis
 */
struct view {
    struct tro_infer_call *c;
    const struct tro_block *block;
    int shift, n_skipped, n_state, n_slices;
    int first_result; /* block output that becomes the first state */
};

static const struct tro_value *block_input(const struct view *v, int j)
{
    return tro_value_get(v->c->graph, v->block->inputs[j]);
}

static const struct tro_value *block_output(const struct view *v, int j)
{
    return tro_value_get(v->c->graph, v->block->outputs[j]);
}

static int want_block(struct tro_infer_call *c, int i, int64_t n_inputs, int64_t n_outputs,
                      struct view *v)
{
    v->c = c;
    if (!c->graph || !c->blocks || !c->blocks[i].i)
        return tro_fail(c->err, TRO_E_INPUT, "block %d is absent: expected one", i);
    v->block = tro_block_get(c->graph, c->blocks[i]);
    if ((int64_t)v->block->n_inputs != n_inputs)
        return tro_fail(c->err, TRO_E_INPUT, "block %d has %zu inputs: expected %" PRId64, i,
                        v->block->n_inputs, n_inputs);
    if ((int64_t)v->block->n_outputs != n_outputs)
        return tro_fail(c->err, TRO_E_INPUT, "block %d has %zu outputs: expected %" PRId64, i,
                        v->block->n_outputs, n_outputs);
    return 0;
}

/* The axis along which scanned operand k is cut; false when its rank is not known. */
static bool slice_axis(const struct view *v, int k, int *axis)
{
    const struct tro_attrs_scan *const a = v->c->attrs;
    const int rank = v->c->in[v->n_state + k].shape.rank;
    const int64_t given = a->input_axes.n ? a->input_axes.v[k] : 0;
    if (rank < 0)
        return false;
    *axis = (int)(given < 0 ? given + rank : given);
    return true;
}

/* Shape that block input j gets at first. */
static struct tro_shape given_shape(const struct view *v, int j)
{
    struct tro_shape s = v->c->in[j + v->shift].shape;
    const int slice = j - v->n_skipped - v->n_state;
    int axis;
    if (slice < 0 || slice >= v->n_slices || !slice_axis(v, slice, &axis))
        return s;
    for (int i = axis; i < s.rank - 1; i++)
        s.dim[i] = s.dim[i + 1];
    s.rank--;
    return s;
}

static bool is_state(const struct view *v, int j)
{
    return j >= v->n_skipped && j < v->n_skipped + v->n_state;
}

/* What the block returns for state j. */
static const struct tro_value *returned(const struct view *v, int j)
{
    return block_output(v, v->first_result + j - v->n_skipped);
}

/* Size i of block input j is the same in every iteration. */
static bool is_stable(const struct view *v, int j, int i)
{
    if (!is_state(v, j))
        return true;
    const struct tro_shape *const in = &block_input(v, j)->shape, *const out =
                                                                      &returned(v, j)->shape;
    return in->rank == out->rank && tro_dim_eq(in->dim[i], out->dim[i]);
}

/* A size inside the block as a size outside: a constant, or that of an operand whose counterpart
 * inside it equals. False for all others, which are left as they are. */
static bool outer_dim(const struct view *v, tro_dim *d)
{
    if (tro_dim_is_const(*d))
        return true;
    for (size_t j = (size_t)v->n_skipped; j < v->block->n_inputs; j++) {
        const struct tro_shape *const in = &block_input(v, (int)j)->shape;
        const struct tro_shape given = given_shape(v, (int)j);
        for (int i = 0; i < in->rank && in->rank == given.rank; i++) {
            if (tro_dim_eq(in->dim[i], *d) && is_stable(v, (int)j, i)) {
                *d = given.dim[i];
                return true;
            }
        }
    }
    return false;
}

static tro_dim either(struct tro_infer_call *c, tro_dim a, tro_dim b)
{
    if (tro_dim_eq(a, b))
        return a;
    const int64_t lo_a = tro_dim_lo(c->dims, a), lo_b = tro_dim_lo(c->dims, b);
    const int64_t hi_a = tro_dim_hi(c->dims, a), hi_b = tro_dim_hi(c->dims, b);
    return tro_dim_within(c, lo_a < lo_b ? lo_a : lo_b, hi_a > hi_b ? hi_a : hi_b);
}

static int fail_entry(const struct tro_infer_call *c, int i, const char *what, const char *found,
                      const char *expected)
{
    return tro_fail(c->err, TRO_E_INPUT, "input %d has %s %s: expected %s as in the block", i, what,
                    found, expected);
}

/* Block inputs have the types of their operands, and shapes that admit theirs. */
static int want_entries(const struct view *v)
{
    const struct tro_infer_call *const c = v->c;
    for (int j = v->n_skipped; j < (int)v->block->n_inputs; j++) {
        const struct tro_value *const in = block_input(v, j);
        const struct tro_shape given = given_shape(v, j);
        const int operand = j + v->shift;
        if (c->in[operand].dtype != in->dtype)
            return fail_entry(c, operand, "type", tro_dtype_name(c->in[operand].dtype),
                              tro_dtype_name(in->dtype));
        if (given.rank < 0 || in->shape.rank < 0)
            continue;
        if (given.rank != in->shape.rank)
            return tro_fail(c->err, TRO_E_INPUT,
                            "input %d enters the block with rank %d: expected rank %d", operand,
                            given.rank, in->shape.rank);
        for (int i = 0; i < given.rank; i++)
            if (tro_dims_clash(given.dim[i], in->shape.dim[i]))
                return tro_fail(
                    c->err, TRO_E_INPUT,
                    "input %d enters the block with size %" PRId64 " in axis %d: expected %" PRId64,
                    operand, tro_dim_value(given.dim[i]), i, tro_dim_value(in->shape.dim[i]));
    }
    return 0;
}

/* ---- if -------------------------------------------------------------------------------- */

static int merge_branches(struct tro_infer_call *c, const struct view *v, int i)
{
    const struct tro_value *const a = block_output(&v[0], i), *const b = block_output(&v[1], i);
    struct tro_shape *const y = &c->out[i].shape;
    if (a->dtype != b->dtype)
        return tro_fail(c->err, TRO_E_INPUT,
                        "output %d is %s in the first block and %s in the second: expected one "
                        "type",
                        i, tro_dtype_name(a->dtype), tro_dtype_name(b->dtype));
    c->out[i].dtype = a->dtype;
    if (a->shape.rank < 0 || a->shape.rank != b->shape.rank)
        return 0;
    y->rank = a->shape.rank;
    for (int d = 0; d < y->rank; d++) {
        /* A size that neither branch has from an operand, but both have, is from outside both. */
        tro_dim one = a->shape.dim[d], other = b->shape.dim[d];
        outer_dim(&v[0], &one);
        outer_dim(&v[1], &other);
        y->dim[d] = either(c, one, other);
    }
    return 0;
}

int tro_infer_if(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_BOOL));
    TRO_TRY(tro_want_one(c, 0, "condition"));
    struct view v[2] = {{.shift = 1}, {.shift = 1}};
    for (int i = 0; i < 2; i++) {
        TRO_TRY(want_block(c, i, c->n_in - 1, c->n_out, &v[i]));
        TRO_TRY(want_entries(&v[i]));
    }
    for (int i = 0; i < c->n_out; i++)
        TRO_TRY(merge_branches(c, v, i));
    return 0;
}

/* ---- fused ----------------------------------------------------------------------------- */

int tro_infer_fused(struct tro_infer_call *c)
{
    struct view v = {0};
    TRO_TRY(want_block(c, 0, c->n_in, c->n_out, &v));
    TRO_TRY(want_entries(&v));
    for (int i = 0; i < c->n_out; i++) {
        const struct tro_value *const out = block_output(&v, i);
        tro_out_set(c, i, out->dtype, &out->shape);
        for (int d = 0; d < out->shape.rank; d++)
            outer_dim(&v, &c->out[i].shape.dim[d]);
    }
    return 0;
}

/* ---- loop and scan --------------------------------------------------------------------- */

/* State j after the last iteration: as it was given (there may be no iteration) or as the block
 * returned it. */
static int merge_state(const struct view *v, int j)
{
    struct tro_infer_call *const c = v->c;
    const struct tro_value *const in = block_input(v, j), *const out = returned(v, j);
    const struct tro_shape given = given_shape(v, j);
    const int i = j - v->n_skipped;
    struct tro_shape *const y = &c->out[i].shape;
    c->out[i].dtype = out->dtype;
    if (in->dtype != out->dtype)
        return tro_fail(c->err, TRO_E_INPUT,
                        "carried value %d enters the block as %s and leaves it as %s: expected one "
                        "type",
                        i, tro_dtype_name(in->dtype), tro_dtype_name(out->dtype));
    if (in->shape.rank >= 0 && out->shape.rank >= 0 && in->shape.rank != out->shape.rank)
        return tro_fail(c->err, TRO_E_INPUT,
                        "carried value %d enters the block with rank %d and leaves it with rank "
                        "%d: expected an unknown rank at the entry",
                        i, in->shape.rank, out->shape.rank);
    if (given.rank < 0 || out->shape.rank != given.rank)
        return 0;
    y->rank = given.rank;
    for (int d = 0; d < y->rank; d++) {
        tro_dim left = out->shape.dim[d];
        if (in->shape.rank >= 0 && tro_dims_clash(in->shape.dim[d], left))
            return tro_fail(c->err, TRO_E_INPUT,
                            "carried value %d enters the block with size %" PRId64
                            " in axis %d and leaves it with %" PRId64
                            ": expected a free size at the entry",
                            i, tro_dim_value(in->shape.dim[d]), d, tro_dim_value(left));
        outer_dim(v, &left);
        y->dim[d] = either(c, given.dim[d], left);
    }
    return 0;
}

/* Output i collects block output j of each iteration along a new axis. */
static int stack_output(const struct view *v, int i, int j, int64_t axis, tro_dim n)
{
    struct tro_infer_call *const c = v->c;
    const struct tro_value *const out = block_output(v, j);
    struct tro_shape *const y = &c->out[i].shape;
    c->out[i].dtype = out->dtype;
    if (out->shape.rank < 0)
        return 0;
    int at;
    TRO_TRY(tro_norm_axis(c, axis, out->shape.rank + 1, &at));
    TRO_TRY(tro_out_rank(c, i, out->shape.rank + 1));
    for (int d = 0; d < out->shape.rank; d++) {
        tro_dim size = out->shape.dim[d];
        if (!outer_dim(v, &size))
            size = tro_dim_within(c, tro_dim_lo(c->dims, size), tro_dim_hi(c->dims, size));
        y->dim[d < at ? d : d + 1] = size;
    }
    y->dim[at] = n;
    return 0;
}

/* The condition stays as it is given: the block returns it, or true. */
static bool is_condition_kept(const struct view *v)
{
    const tro_value_id out = v->block->outputs[0];
    const uint8_t *const data = tro_value_get(v->c->graph, out)->data;
    return tro_value_eq(out, v->block->inputs[1]) || (data && *data);
}

static tro_dim count_iterations(const struct view *v)
{
    struct tro_infer_call *const c = v->c;
    struct tro_ints condition;
    struct tro_dim_list trip;
    const bool is_open = tro_has(c, 1) && !tro_known_ints(c, 1, &condition);
    if (tro_has(c, 1) && !is_open && condition.n == 1 && !condition.v[0])
        return tro_dim_const(0);
    if (!tro_known_dims(c, 0, &trip) || trip.n != 1 || tro_dim_is(trip.v[0], TRO_DIM_MAX))
        return tro_free_dim(c);
    const tro_dim n = tro_dim_max(c->dims, trip.v[0], tro_dim_const(0));
    return is_open || !is_condition_kept(v) ? tro_dim_part_of(c, n) : n;
}

static int want_loop_types(const struct tro_infer_call *c, const struct view *v)
{
    if (tro_has(c, 0)) {
        TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_I64)));
        TRO_TRY(tro_want_one(c, 0, "trip count"));
    }
    if (tro_has(c, 1)) {
        TRO_TRY(tro_want_type(c, 1, TRO_T_BOOL));
        TRO_TRY(tro_want_one(c, 1, "condition"));
    }
    const enum tro_dtype found[3] = {block_input(v, 0)->dtype, block_input(v, 1)->dtype,
                                     block_output(v, 0)->dtype};
    if (found[0] == TRO_I64 && found[1] == TRO_BOOL && found[2] == TRO_BOOL)
        return 0;
    return tro_fail(c->err, TRO_E_INPUT,
                    "the block takes (%s, %s) and returns %s first: expected an iteration (i64) "
                    "and a condition (bool), and a condition",
                    tro_dtype_name(found[0]), tro_dtype_name(found[1]), tro_dtype_name(found[2]));
}

/* A count in an attribute; n bounds it. */
static int want_count(const struct tro_infer_call *c, int64_t v, int n, const char *name)
{
    return tro_want_attr(c, v, 0, n < 0 ? 0 : n, name);
}

int tro_infer_loop(struct tro_infer_call *c)
{
    const struct tro_attrs_loop *const a = c->attrs;
    TRO_TRY(want_count(c, a->n_carried, c->n_out, "n_carried"));
    TRO_TRY(want_count(c, a->n_captures, c->n_in, "n_captures"));
    const int n_carried = (int)a->n_carried, n_entries = n_carried + (int)a->n_captures;
    if (c->n_in != n_entries + 2 && (n_entries || c->n_in > 2))
        return tro_fail(c->err, TRO_E_INPUT,
                        "expected %d inputs: trip count, condition, %d carried values and %d "
                        "captures, found %d",
                        n_entries + 2, n_carried, (int)a->n_captures, c->n_in);
    struct view v = {.n_skipped = 2, .n_state = n_carried, .first_result = 1};
    TRO_TRY(want_block(c, 0, n_entries + 2, c->n_out + 1, &v));
    TRO_TRY(want_loop_types(c, &v));
    TRO_TRY(want_entries(&v));
    for (int i = 0; i < n_carried; i++)
        TRO_TRY(merge_state(&v, 2 + i));
    const tro_dim n = count_iterations(&v);
    for (int i = n_carried; i < c->n_out; i++)
        TRO_TRY(stack_output(&v, i, i + 1, 0, n));
    return 0;
}

static int want_scan_lists(const struct tro_infer_call *c)
{
    const struct tro_attrs_scan *const a = c->attrs;
    const struct tro_ints *const lists[4] = {&a->input_axes, &a->input_reversed, &a->output_axes,
                                             &a->output_reversed};
    static const char *const names[4] = {"input_axes", "input_reversed", "output_axes",
                                         "output_reversed"};
    for (int i = 0; i < 4; i++) {
        const int64_t n = i < 2 ? a->n_scan_inputs : a->n_scan_outputs;
        if (lists[i]->n != 0 && lists[i]->n != n)
            return tro_fail(c->err, TRO_E_INPUT, "%s has %d entries: expected %" PRId64 " or none",
                            names[i], lists[i]->n, n);
    }
    return 0;
}

/* The size that all scanned operands have along their axis. */
static int count_slices(const struct view *v, tro_dim *n)
{
    struct tro_infer_call *const c = v->c;
    const struct tro_attrs_scan *const a = c->attrs;
    bool is_found = false;
    for (int k = 0; k < v->n_slices; k++) {
        const struct tro_shape *const s = &c->in[v->n_state + k].shape;
        if (s->rank < 0)
            continue;
        int axis;
        TRO_TRY(tro_norm_axis(c, a->input_axes.n ? a->input_axes.v[k] : 0, s->rank, &axis));
        if (!is_found)
            *n = s->dim[axis];
        TRO_TRY(tro_same_dim(c, *n, s->dim[axis], "scanned axes", n));
        is_found = true;
    }
    if (!is_found)
        *n = tro_free_dim(c);
    return 0;
}

int tro_infer_scan(struct tro_infer_call *c)
{
    const struct tro_attrs_scan *const a = c->attrs;
    TRO_TRY(tro_want_attr(c, a->n_scan_inputs, 1, c->n_in, "n_scan_inputs"));
    TRO_TRY(want_count(c, a->n_captures, c->n_in - (int)a->n_scan_inputs, "n_captures"));
    TRO_TRY(want_count(c, a->n_scan_outputs, c->n_out, "n_scan_outputs"));
    TRO_TRY(want_scan_lists(c));
    const int n_slices = (int)a->n_scan_inputs;
    const int n_state = c->n_in - n_slices - (int)a->n_captures;
    if (c->n_out - (int)a->n_scan_outputs != n_state)
        return tro_fail(c->err, TRO_E_INPUT,
                        "%d outputs are left for state values: expected %d as there are inputs",
                        c->n_out - (int)a->n_scan_outputs, n_state);
    struct view v = {.n_state = n_state, .n_slices = n_slices};
    TRO_TRY(want_block(c, 0, c->n_in, c->n_out, &v));
    tro_dim n;
    TRO_TRY(count_slices(&v, &n));
    TRO_TRY(want_entries(&v));
    for (int i = 0; i < n_state; i++)
        TRO_TRY(merge_state(&v, i));
    for (int i = n_state; i < c->n_out; i++)
        TRO_TRY(stack_output(&v, i, i, a->output_axes.n ? a->output_axes.v[i - n_state] : 0, n));
    return 0;
}
