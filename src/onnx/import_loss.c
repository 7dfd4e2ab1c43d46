/* SPDX-License-Identifier: Apache-2.0 */
/* Loss functions, which some exports leave in, and window functions. */
#include "onnx/import_call.h"

#include "base/dtype.h"

/* ---- losses ---------------------------------------------------------------------------- */

struct loss {
    tro_value_id ignored; /* bool, where the target is ignore_index; none without that attribute */
    tro_value_id target;  /* class, 0 where ignored */
    tro_value_id weight;  /* of each target; none when all are 1 */
};

static struct loss loss_of(struct tro_import_call *c, enum tro_dtype dtype)
{
    struct loss l = {.target = c->in[1]};
    const bool has_ignored = tro_attr_has(c, "ignore_index");
    const tro_value_id ignored_class = tro_like(c, l.target,
                                                (double)tro_attr_int(c, "ignore_index", 0));
    if (has_ignored) {
        l.ignored = tro_emit2(c, TRO_OP_EQ, l.target, ignored_class);
        l.target = tro_emit3(c, TRO_OP_SELECT, l.ignored, tro_like(c, l.target, 0), l.target);
    }
    if (tro_in_has(c, 2)) {
        const struct tro_attrs_axis axis = {.axis = 0};
        const tro_value_id weights = tro_emit_cast(c, c->in[2], dtype);
        l.weight = tro_emit(c, TRO_OP_GATHER, &axis, (tro_value_id[]){weights, l.target}, 2);
    }
    if (!has_ignored)
        return l;
    const tro_value_id one = tro_scalar(c, dtype, 1), zero = tro_scalar(c, dtype, 0);
    l.weight = tro_emit3(c, TRO_OP_SELECT, l.ignored, zero, l.weight.i ? l.weight : one);
    return l;
}

/* -log_prob[target], weighted; mean divides by the sum of the weights. */
static tro_value_id nll(struct tro_import_call *c, tro_value_id log_prob)
{
    static const char *const names[] = {"mean", "sum", "none", NULL};
    const struct loss l = loss_of(c, tro_dtype_of(c, log_prob));
    const struct tro_attrs_axis axis = {.axis = 1};
    const tro_value_id index = tro_emit_unsqueeze(c, l.target, 1);
    const tro_value_id picked = tro_emit(c, TRO_OP_GATHER_ELEMENTS, &axis,
                                         (tro_value_id[]){log_prob, index}, 2);
    tro_value_id v = tro_emit1(c, TRO_OP_NEG, tro_emit_squeeze(c, picked, 1));
    if (l.weight.i)
        v = tro_emit2(c, TRO_OP_MUL, v, l.weight);
    const int reduction = tro_attr_choice(c, "reduction", names, 0);
    if (reduction == 2)
        return v;
    if (reduction == 1 || l.weight.i) {
        const tro_value_id sum = tro_emit_reduce(c, v, tro_reduction_sum, NULL, false);
        if (reduction == 1)
            return sum;
        const tro_value_id total = tro_emit_reduce(c, l.weight, tro_reduction_sum, NULL, false);
        return tro_emit2(c, TRO_OP_DIV, sum, total);
    }
    return tro_emit_reduce(c, v, tro_reduction_mean, NULL, false);
}

int tro_import_nll_loss(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_back(c, 0, nll(c, tro_in_f32(c, 0))));
    return c->rc;
}

int tro_import_softmax_cross_entropy_loss(struct tro_import_call *c)
{
    const struct tro_attrs_softmax a = {.axis = 1, .is_log = 1};
    const tro_value_id x = tro_in_f32(c, 0);
    const tro_value_id log_prob = tro_emit(c, TRO_OP_SOFTMAX, &a, &x, 1);
    tro_set_out(c, 0, tro_back(c, 0, nll(c, log_prob)));
    tro_set_out(c, 1, tro_back(c, 0, log_prob));
    return c->rc;
}

/* ---- windows --------------------------------------------------------------------------- */

/* a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N), N = size, or size - 1 when symmetric. */
static int window(struct tro_import_call *c, double a0, double a1, double a2)
{
    const enum tro_dtype dtype = tro_attr_dtype(c, "output_datatype", TRO_F32);
    const bool is_periodic = tro_attr_int(c, "periodic", 1) != 0;
    const double two_pi = 6.283185307179586476925;
    const tro_value_id size = tro_emit_cast(c, c->in[0], TRO_F64);
    const tro_value_id one = tro_scalar(c, TRO_F64, 1);
    const tro_value_id n = tro_emit3(c, TRO_OP_RANGE, tro_scalar(c, TRO_F64, 0), size, one);
    const tro_value_id period = is_periodic ? size : tro_emit2(c, TRO_OP_SUB, size, one);
    const tro_value_id turn = tro_emit2(c, TRO_OP_DIV, n, period);
    tro_value_id v = tro_scalar(c, TRO_F64, a0);
    for (int k = 1; k <= 2; k++) {
        const tro_value_id angle = tro_emit2(c, TRO_OP_MUL, turn,
                                             tro_scalar(c, TRO_F64, two_pi * k));
        const tro_value_id amplitude = tro_scalar(c, TRO_F64, k == 1 ? -a1 : a2);
        v = tro_emit2(c, TRO_OP_ADD, v,
                      tro_emit2(c, TRO_OP_MUL, tro_emit1(c, TRO_OP_COS, angle), amplitude));
    }
    tro_set_out(c, 0, tro_emit_cast(c, v, dtype));
    return c->rc;
}

int tro_import_hann_window(struct tro_import_call *c)
{
    return window(c, 0.5, 0.5, 0);
}

int tro_import_hamming_window(struct tro_import_call *c)
{
    return window(c, 25.0 / 46, 21.0 / 46, 0);
}

int tro_import_blackman_window(struct tro_import_call *c)
{
    return window(c, 0.42, 0.5, 0.08);
}
