/* SPDX-License-Identifier: Apache-2.0 */
/*
 * einsum. Every label, and every axis of the ellipsis, is a loop; those of the result are outer,
 * the others are summed over. Two operands of floating point are a product of matrices.
 */
#include "ref/gemm.h"
#include "ref/kernels.h"
#include "ref/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <string.h>

#define N_LETTERS 128
#define MAX_LOOPS (52 + TRO_MAX_RANK)

/* Loops in order of first use. Strides by operand, that of the result last. */
struct loops {
    int n, n_operands;
    int64_t size[MAX_LOOPS];
    int64_t *stride[MAX_LOOPS]; /* n_operands + 1 of them, 0 where an operand lacks the label */
    bool is_outer[MAX_LOOPS];
    int of_letter[N_LETTERS], of_ellipsis[TRO_MAX_RANK]; /* -1: none yet */
    int n_uses[MAX_LOOPS];
};

/* ---- the equation ---------------------------------------------------------------------- */

/* The loop that the slot names; a new one when it names none yet. */
static int loop_of(struct tro_ref_call *c, struct loops *l, int *slot)
{
    if (*slot >= 0)
        return 0;
    *slot = l->n;
    l->size[l->n] = 1;
    l->stride[l->n] = TRO_NEW_N(c->scratch, int64_t, (size_t)l->n_operands + 1);
    return l->stride[l->n++] ? 0 : tro_fail_nomem(c->err);
}

static bool is_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* Letters of a term, up to a comma, an arrow or the end. */
static int count_letters(const char *p)
{
    int n = 0;
    for (; *p && *p != ',' && *p != '-'; p++)
        n += is_letter(*p);
    return n;
}

/* Adds the axes of tensor `which` to the loops; *text ends behind its term. */
static int read_term(struct tro_ref_call *c, struct loops *l, const char **text, int which,
                     const struct tro_tensor *t)
{
    const int n_ellipsis = t->rank - count_letters(*text);
    int64_t strides[TRO_MAX_RANK];
    int axis = 0;
    tro_ref_strides(t, strides);
    const char *p = *text;
    for (; *p && *p != ',' && *p != '-'; p++) {
        const bool is_dots = *p == '.';
        const int n = is_dots ? n_ellipsis : is_letter(*p);
        for (int k = 0; k < n; k++, axis++) {
            int *const slot = is_dots ? &l->of_ellipsis[TRO_MAX_RANK - n + k]
                                      : &l->of_letter[(int)*p];
            TRO_TRY(loop_of(c, l, slot));
            if (t->shape[axis] != 1) {
                l->size[*slot] = t->shape[axis];
                l->stride[*slot][which] += strides[axis];
            }
            l->n_uses[*slot]++;
            l->is_outer[*slot] = which == l->n_operands;
        }
        p += is_dots ? 2 : 0;
    }
    *text = *p == ',' ? p + 1 : p;
    return 0;
}

/* Without an arrow the result has the ellipsis, then the letters that occur once, sorted. */
static void imply_result(struct loops *l, char *text)
{
    memcpy(text, "...", 3);
    text += 3;
    for (int ch = 0; ch < N_LETTERS; ch++)
        if (l->of_letter[ch] >= 0 && l->n_uses[l->of_letter[ch]] == 1)
            *text++ = (char)ch;
    *text = 0;
}

static int read_equation(struct tro_ref_call *c, struct loops *l)
{
    const struct tro_attrs_einsum *const a = c->attrs;
    const char *p = a->equation ? a->equation : "";
    char implied[N_LETTERS];
    *l = (struct loops){.n_operands = c->n_in};
    memset(l->of_letter, -1, sizeof(l->of_letter));
    memset(l->of_ellipsis, -1, sizeof(l->of_ellipsis));
    for (int i = 0; i < c->n_in; i++)
        TRO_TRY(read_term(c, l, &p, i, &c->in[i]));
    if (*p == '-') {
        p += 2;
    } else {
        imply_result(l, implied);
        p = implied;
    }
    return read_term(c, l, &p, c->n_in, &c->out[0]);
}

/* ---- two operands: a product of matrices --------------------------------------------------- */

static bool is_product(const struct tro_ref_call *c, const struct loops *l)
{
    int n[4] = {0};
    for (int i = 0; i < l->n; i++)
        n[(l->stride[i][0] != 0) + 2 * (l->stride[i][1] != 0)] += l->size[i] != 1;
    return tro_dtype_is_float(c->in[0].dtype) && n[0] == 0;
}

static int multiply(struct tro_ref_call *c, const struct loops *l)
{
    struct tro_contraction p = {.out_dtype = c->out[0].dtype, .out = c->out[0].data};
    for (int i = 0; i < l->n; i++) {
        const int64_t *const s = l->stride[i];
        struct tro_axes *const to = !l->is_outer[i] ? &p.k
                                    : s[0] && s[1]  ? &p.batch
                                    : s[0]          ? &p.m
                                                    : &p.n;
        if (l->size[i] != 1)
            to->v[to->n++] = (struct tro_axis){l->size[i], s[0], s[1], s[2]};
    }
    TRO_TRY(tro_ref_reals(c, &c->in[0], &p.a));
    TRO_TRY(tro_ref_reals(c, &c->in[1], &p.b));
    return tro_ref_contract(&p, c->err);
}

/* ---- any number of operands ---------------------------------------------------------------- */

struct odometer {
    int n, loop[MAX_LOOPS]; /* the loops it counts, the last one fastest */
    int64_t index[MAX_LOOPS];
};

/* Steps, with the operands' places; false when all loops are back at 0. */
static bool step(const struct loops *l, struct odometer *o, int64_t *at)
{
    for (int i = o->n - 1; i >= 0; i--) {
        const int loop = o->loop[i];
        const bool is_inside = ++o->index[i] < l->size[loop];
        for (int k = 0; k <= l->n_operands; k++)
            at[k] += l->stride[loop][k] * (is_inside ? 1 : 1 - l->size[loop]);
        if (is_inside)
            return true;
        o->index[i] = 0;
    }
    return false;
}

static double term_f64(const struct tro_ref_call *c, const int64_t *at)
{
    double product = 1;
    for (int k = 0; k < c->n_in; k++)
        product *= tro_load_f64(c->in[k].dtype, c->in[k].data, at[k]);
    return product;
}

static uint64_t term_u64(const struct tro_ref_call *c, const int64_t *at)
{
    uint64_t product = 1;
    for (int k = 0; k < c->n_in; k++)
        product *= (uint64_t)tro_load_i64(c->in[k].dtype, c->in[k].data, at[k]);
    return product;
}

static int sum_terms(struct tro_ref_call *c, const struct loops *l)
{
    const struct tro_tensor *const y = &c->out[0];
    struct odometer outer = {0}, inner = {0};
    int64_t *const at = TRO_NEW_N(c->scratch, int64_t, (size_t)l->n_operands + 1);
    if (!at)
        return tro_fail_nomem(c->err);
    bool is_nothing = false;
    for (int i = 0; i < l->n; i++) {
        struct odometer *const o = l->is_outer[i] ? &outer : &inner;
        o->loop[o->n++] = i;
        is_nothing = is_nothing || (!l->is_outer[i] && l->size[i] == 0);
    }
    const bool is_float = tro_dtype_is_float(y->dtype);
    do {
        double sum = 0;
        uint64_t int_sum = 0;
        const int64_t to = at[l->n_operands];
        if (!is_nothing)
            do {
                if (is_float)
                    sum += term_f64(c, at);
                else
                    int_sum += term_u64(c, at);
            } while (step(l, &inner, at));
        if (is_float)
            tro_store_f64(y->dtype, y->data, to, sum);
        else
            tro_store_i64(y->dtype, y->data, to, (int64_t)int_sum);
    } while (step(l, &outer, at));
    return 0;
}

int tro_ref_einsum(struct tro_ref_call *c)
{
    struct loops l;
    TRO_TRY(read_equation(c, &l));
    if (tro_tensor_n_elems(&c->out[0]) == 0)
        return 0;
    return c->n_in == 2 && is_product(c, &l) ? multiply(c, &l) : sum_terms(c, &l);
}
