/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of pointwise operators, and of others with a result as large as the input. */
#include "graph/infer_util.h"

#include "base/dtype.h"

#define T_NIBBLE (TRO_T(TRO_I4) | TRO_T(TRO_U4))
#define T_FP8 \
    (TRO_T(TRO_F8E4M3FN) | TRO_T(TRO_F8E4M3FNUZ) | TRO_T(TRO_F8E5M2) | TRO_T(TRO_F8E5M2FNUZ))
#define T_QUANTIZED \
    (TRO_T_8BIT | TRO_T(TRO_I16) | TRO_T(TRO_U16) | T_NIBBLE | T_FP8 | TRO_T(TRO_F4E2M1))

static uint32_t types_of(enum tro_op op)
{
    switch (op) {
    case TRO_OP_AND:
    case TRO_OP_OR:
    case TRO_OP_XOR:
    case TRO_OP_NOT:
        return TRO_T_BOOL | TRO_T_INT;
    case TRO_OP_SHL:
    case TRO_OP_SHR:
        return TRO_T_INT;
    case TRO_OP_EQ:
        return TRO_T_BOOL | TRO_T_NUMBER;
    case TRO_OP_NEG:
        return TRO_T_FLOAT | TRO_T_SINT;
    case TRO_OP_ADD:
    case TRO_OP_SUB:
    case TRO_OP_MUL:
    case TRO_OP_DIV:
    case TRO_OP_MOD:
    case TRO_OP_FMOD:
    case TRO_OP_POW:
    case TRO_OP_MIN:
    case TRO_OP_MAX:
    case TRO_OP_LT:
    case TRO_OP_LE:
    case TRO_OP_ABS:
    case TRO_OP_SIGN:
    case TRO_OP_ERF:
    case TRO_OP_CUMSUM:
        return TRO_T_NUMBER;
    case TRO_OP_TRILU:
    case TRO_OP_REVERSE_SEQUENCE:
        return TRO_T_ANY;
    case TRO_OP_ISNAN:
    case TRO_OP_ISINF:
        return TRO_T_FLOAT | TRO_T_NARROW;
    default:
        return TRO_T_FLOAT;
    }
}

/* Output 0, of that type, has the shape that the inputs broadcast to. */
static int set_broadcast(struct tro_infer_call *c, enum tro_dtype dtype)
{
    c->out[0].dtype = dtype;
    if (!tro_ranks_known(c))
        return 0;
    struct tro_shape shape = c->in[0].shape;
    for (int i = 1; i < c->n_in; i++) {
        const struct tro_shape before = shape;
        TRO_TRY(tro_broadcast(c, &before, &c->in[i].shape, &shape));
    }
    c->out[0].shape = shape;
    return 0;
}

int tro_infer_bcast(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, types_of(c->op)));
    TRO_TRY(tro_want_same_type(c, 0, 1));
    return set_broadcast(c, c->in[0].dtype);
}

int tro_infer_pow(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_type(c, 1, TRO_T_NUMBER));
    return set_broadcast(c, c->in[0].dtype);
}

int tro_infer_compare(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, types_of(c->op)));
    TRO_TRY(tro_want_same_type(c, 0, 1));
    return set_broadcast(c, TRO_BOOL);
}

int tro_infer_select(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_BOOL));
    TRO_TRY(tro_want_same_type(c, 1, 2));
    return set_broadcast(c, c->in[1].dtype);
}

int tro_infer_predicate(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, types_of(c->op)));
    tro_out_set(c, 0, TRO_BOOL, &c->in[0].shape);
    return 0;
}

/* ---- same type, same shape ------------------------------------------------------------- */

static int check_softmax(const struct tro_infer_call *c)
{
    const struct tro_attrs_softmax *const a = c->attrs;
    int axis;
    return tro_norm_axis(c, a->axis, c->in[0].shape.rank, &axis);
}

static int check_cumsum(const struct tro_infer_call *c)
{
    TRO_TRY(tro_want_one(c, 1, "axis"));
    struct tro_ints axis;
    if (!tro_known_ints(c, 1, &axis) || axis.n != 1)
        return 0;
    int normal;
    return tro_norm_axis(c, axis.v[0], c->in[0].shape.rank, &normal);
}

static int check_lrn(const struct tro_infer_call *c)
{
    const struct tro_attrs_lrn *const a = c->attrs;
    TRO_TRY(tro_want_attr(c, a->size, 1, INT32_MAX, "size"));
    return tro_want_rank(c, 0, 2, TRO_MAX_RANK);
}

static int check_trilu(const struct tro_infer_call *c)
{
    TRO_TRY(tro_want_rank(c, 0, 2, TRO_MAX_RANK));
    return tro_has(c, 1) ? tro_want_one(c, 1, "k") : 0;
}

static int check_reverse_sequence(const struct tro_infer_call *c)
{
    const struct tro_attrs_reverse_sequence *const a = c->attrs;
    const struct tro_shape *const x = &c->in[0].shape;
    TRO_TRY(tro_want_rank(c, 0, 2, TRO_MAX_RANK));
    TRO_TRY(tro_want_rank(c, 1, 1, 1));
    int time, batch;
    TRO_TRY(tro_norm_axis(c, a->time_axis, x->rank, &time));
    TRO_TRY(tro_norm_axis(c, a->batch_axis, x->rank, &batch));
    if (time == batch)
        return tro_fail(c->err, TRO_E_INPUT,
                        "time_axis and batch_axis are both %d: expected two axes", time);
    tro_dim n;
    return tro_same_dim(c, x->dim[batch], c->in[1].shape.dim[0], "number of lengths", &n);
}

int tro_infer_same(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, types_of(c->op)));
    if (c->op == TRO_OP_CUMSUM)
        TRO_TRY(tro_want_type(c, 1, TRO_T_INDEX));
    if (tro_has(c, 1) && (c->op == TRO_OP_TRILU || c->op == TRO_OP_REVERSE_SEQUENCE))
        TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I64)));
    tro_out_like(c, 0, 0);
    if (!tro_ranks_known(c))
        return 0;
    switch (c->op) {
    case TRO_OP_SOFTMAX:
        return check_softmax(c);
    case TRO_OP_CUMSUM:
        return check_cumsum(c);
    case TRO_OP_LRN:
        return check_lrn(c);
    case TRO_OP_TRILU:
        return check_trilu(c);
    case TRO_OP_REVERSE_SEQUENCE:
        return check_reverse_sequence(c);
    default:
        return 0;
    }
}

/* ---- casts and quantization ------------------------------------------------------------ */

static int want_dtype(const struct tro_infer_call *c, enum tro_dtype d, uint32_t set,
                      const char *expected)
{
    if (d > TRO_DTYPE_NONE && d < TRO_N_DTYPES && (TRO_T(d) & set))
        return 0;
    return tro_fail(c->err, TRO_E_INPUT, "to is %s: expected %s", tro_dtype_name(d), expected);
}

int tro_infer_cast(struct tro_infer_call *c)
{
    const struct tro_attrs_cast *const a = c->attrs;
    TRO_TRY(want_dtype(c, a->to, TRO_T_ANY, "an element type"));
    tro_out_set(c, 0, a->to, &c->in[0].shape);
    return 0;
}

/* Input i (absent is fine) broadcasts to the shape of input 0, which stays as it is. */
static int want_fits(const struct tro_infer_call *c, int i, const char *what)
{
    if (!tro_has(c, i))
        return 0;
    const struct tro_shape *const x = &c->in[0].shape, *const s = &c->in[i].shape;
    if (s->rank > x->rank)
        return tro_fail(c->err, TRO_E_INPUT, "%s has rank %d: expected at most %d, the rank of x",
                        what, s->rank, x->rank);
    for (int d = 0; d < s->rank; d++) {
        const tro_dim have = s->dim[d], want = x->dim[x->rank - s->rank + d];
        if (!tro_dim_is(have, 1) && tro_dims_clash(have, want))
            return tro_fail(c->err, TRO_E_INPUT,
                            "size %d of %s is %" PRId64 ", which does not broadcast to %" PRId64
                            " of x",
                            d, what, tro_dim_value(have), tro_dim_value(want));
    }
    return 0;
}

static int set_scaled(struct tro_infer_call *c, enum tro_dtype dtype)
{
    tro_out_set(c, 0, dtype, &c->in[0].shape);
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(want_fits(c, 1, "scale"));
    return want_fits(c, 2, "zero");
}

int tro_infer_quantize(struct tro_infer_call *c)
{
    const struct tro_attrs_cast *const a = c->attrs;
    TRO_TRY(tro_want_type(c, 0, TRO_T_FLOAT | TRO_T(TRO_I32)));
    TRO_TRY(tro_want_type(c, 1, TRO_T_FLOAT | TRO_T(TRO_I32)));
    TRO_TRY(want_dtype(c, a->to, T_QUANTIZED, "an integer of 4, 8 or 16 bits, FP8 or FP4"));
    if (tro_has(c, 2) && c->in[2].dtype != a->to)
        return tro_fail(c->err, TRO_E_INPUT, "zero is %s: expected %s, the type of the result",
                        tro_dtype_name(c->in[2].dtype), tro_dtype_name(a->to));
    return set_scaled(c, a->to);
}

int tro_infer_dequantize(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, T_QUANTIZED | TRO_T(TRO_I32)));
    TRO_TRY(tro_want_type(c, 1, TRO_T_FLOAT));
    if (tro_has(c, 2))
        TRO_TRY(tro_want_same_type(c, 0, 2));
    return set_scaled(c, c->in[1].dtype);
}

/* A constant-sized vector. */
static int want_entries(const struct tro_infer_call *c, int64_t n)
{
    TRO_TRY(tro_want_rank(c, 1, 1, 1));
    if (tro_dims_clash(c->in[1].shape.dim[0], tro_dim_const(n)))
        return tro_fail(c->err, TRO_E_INPUT,
                        "table has %" PRId64 " entries: expected %" PRId64 " for x of this type",
                        tro_dim_value(c->in[1].shape.dim[0]), n);
    return 0;
}

int tro_infer_table(struct tro_infer_call *c)
{
    const struct tro_attrs_cast *const a = c->attrs;
    const bool is_8bit = tro_dtype_size(c->in[0].dtype) == 1;
    TRO_TRY(tro_want_type(c, 0, TRO_T_8BIT | TRO_T(TRO_I16) | TRO_T(TRO_U16)));
    if (!is_8bit) {
        TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_I32)));
        TRO_TRY(want_dtype(c, a->to, TRO_T_8BIT | TRO_T(TRO_I16), "an integer of 8 bits, or i16"));
    }
    tro_out_set(c, 0, is_8bit ? c->in[1].dtype : a->to, &c->in[0].shape);
    return c->in[1].shape.rank < 0 ? 0 : want_entries(c, is_8bit ? 256 : 513);
}

int tro_infer_requantize(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T(TRO_I32)));
    TRO_TRY(tro_want_type(c, 1, TRO_T(TRO_F32)));
    TRO_TRY(tro_want_type(c, 2, TRO_T_8BIT | TRO_T(TRO_I16) | TRO_T(TRO_U16) | T_NIBBLE));
    return set_scaled(c, c->in[2].dtype);
}
