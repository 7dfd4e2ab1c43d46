/* SPDX-License-Identifier: Apache-2.0 */
/* Types and shapes of products: matmul and einsum. */
#include "graph/infer_util.h"

#include <string.h>

/* ---- matmul ---------------------------------------------------------------------------- */

/* The axes before the matrix. */
static struct tro_shape batch_of(const struct tro_shape *s)
{
    struct tro_shape batch = *s;
    batch.rank = s->rank > 2 ? s->rank - 2 : 0;
    return batch;
}

static int set_product(struct tro_infer_call *c)
{
    const struct tro_shape *const a = &c->in[0].shape, *const b = &c->in[1].shape;
    struct tro_shape *const y = &c->out[0].shape;
    TRO_TRY(tro_want_rank(c, 0, 1, TRO_MAX_RANK));
    TRO_TRY(tro_want_rank(c, 1, 1, TRO_MAX_RANK));
    tro_dim k;
    TRO_TRY(tro_same_dim(c, a->dim[a->rank - 1], b->dim[b->rank > 1 ? b->rank - 2 : 0],
                         "columns of a and rows of b", &k));
    const struct tro_shape batch_a = batch_of(a), batch_b = batch_of(b);
    TRO_TRY(tro_broadcast(c, &batch_a, &batch_b, y));
    if (a->rank > 1)
        y->dim[y->rank++] = a->dim[a->rank - 2];
    if (b->rank > 1)
        y->dim[y->rank++] = b->dim[b->rank - 1];
    return 0;
}

int tro_infer_matmul(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    TRO_TRY(tro_want_same_type(c, 1, 0));
    c->out[0].dtype = c->in[0].dtype;
    return tro_ranks_known(c) ? set_product(c) : 0;
}

/* Zero of matrix m: one element, or one for each row (of a) or column (of b): a vector, or with the
 * other axis of size 1. */
static int want_zero(const struct tro_infer_call *c, int i, int m, const char *what)
{
    const struct tro_shape *const zero = &c->in[i].shape, *const x = &c->in[m].shape;
    const int row = x->rank > 1 ? x->rank - 2 : 0, column = x->rank - 1;
    if (zero->rank == 0)
        return 0;
    if (zero->rank == 1)
        return tro_want_broadcast(c, zero->dim[0], x->dim[m == 0 ? row : column], what);
    TRO_TRY(tro_want_rank(c, i, x->rank, x->rank));
    for (int d = 0; d < x->rank; d++) {
        const bool is_single = d == (m == 0 ? column : row);
        const tro_dim want = is_single ? tro_dim_const(1) : x->dim[d];
        TRO_TRY(tro_want_broadcast(c, zero->dim[d], want, what));
    }
    return 0;
}

int tro_infer_matmul_int(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_8BIT));
    TRO_TRY(tro_want_type(c, 1, TRO_T_8BIT));
    for (int i = 2; i < 4; i++)
        if (tro_has(c, i))
            TRO_TRY(tro_want_same_type(c, i, i - 2));
    c->out[0].dtype = TRO_I32;
    if (!tro_ranks_known(c))
        return 0;
    TRO_TRY(set_product(c));
    if (tro_has(c, 2))
        TRO_TRY(want_zero(c, 2, 0, "zero of a and rows of a"));
    return tro_has(c, 3) ? want_zero(c, 3, 1, "zero of b and columns of b") : 0;
}

/* ---- einsum ---------------------------------------------------------------------------- */

#define N_LABELS ('z' + 1)

/* Subscripts of one operand: labels, n_before of them before the ellipsis. */
struct term {
    int n, n_before;
    bool has_ellipsis;
    unsigned char label[TRO_MAX_RANK];
};

struct einsum {
    int n_uses[N_LABELS];
    tro_dim dim[N_LABELS];
    struct tro_shape ellipsis; /* broadcast over operands */
};

static const char *skip_blanks(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

static bool is_label(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static const char *equation_of(const struct tro_infer_call *c)
{
    const struct tro_attrs_einsum *const a = c->attrs;
    return a->equation ? a->equation : "";
}

static int fail_equation(const struct tro_infer_call *c, const char *expected)
{
    return tro_fail(c->err, TRO_E_INPUT, "equation '%.200s': expected %s", equation_of(c),
                    expected);
}

/* Reads up to a comma, an arrow or the end. */
static int read_term(const struct tro_infer_call *c, const char **text, struct term *t)
{
    *t = (struct term){0};
    const char *p = skip_blanks(*text);
    for (; *p && *p != ',' && *p != '-'; p = skip_blanks(p)) {
        if (is_label(*p) && t->n < TRO_MAX_RANK) {
            t->label[t->n++] = (unsigned char)*p++;
        } else if (p[0] == '.' && p[1] == '.' && p[2] == '.' && !t->has_ellipsis) {
            t->has_ellipsis = true;
            t->n_before = t->n;
            p += 3;
        } else {
            return fail_equation(c, "letters and at most one ellipsis for each operand, no more "
                                    "than 8 letters");
        }
    }
    *text = p;
    return 0;
}

/* Axis d of an operand has that label: sizes of one label broadcast between operands, and are equal
 * (a diagonal) within one. */
static int merge_label(const struct tro_infer_call *c, struct einsum *e, const struct term *t,
                       int at, tro_dim d)
{
    const unsigned char label = t->label[at];
    const bool is_diagonal = memchr(t->label, label, (size_t)at) != NULL;
    const struct tro_shape a = {.rank = 1, .dim[0] = e->n_uses[label]++ ? e->dim[label] : d};
    const struct tro_shape b = {.rank = 1, .dim[0] = d};
    struct tro_shape both = a;
    const int rc = is_diagonal ? tro_same_dim(c, a.dim[0], d, "diagonal", &both.dim[0])
                               : tro_broadcast(c, &a, &b, &both);
    e->dim[label] = both.dim[0];
    return tro_err_prefix(c->err, rc, "label %c: ", label);
}

static int read_operand(const struct tro_infer_call *c, int i, const struct term *t,
                        struct einsum *e)
{
    const struct tro_shape *const x = &c->in[i].shape;
    const int n_ellipsis = x->rank - t->n;
    if (n_ellipsis < 0 || (n_ellipsis > 0 && !t->has_ellipsis))
        return tro_fail(c->err, TRO_E_INPUT,
                        "input %d has rank %d, but the equation names %d of its axes: expected "
                        "equal numbers, or an ellipsis",
                        i, x->rank, t->n);
    struct tro_shape ellipsis = {.rank = n_ellipsis};
    for (int d = 0, label = 0; d < x->rank; d++) {
        const int in_ellipsis = t->has_ellipsis ? d - t->n_before : -1;
        if (in_ellipsis >= 0 && in_ellipsis < n_ellipsis)
            ellipsis.dim[in_ellipsis] = x->dim[d];
        else
            TRO_TRY(merge_label(c, e, t, label++, x->dim[d]));
    }
    const struct tro_shape before = e->ellipsis;
    return tro_broadcast(c, &before, &ellipsis, &e->ellipsis);
}

/* Without an arrow: the ellipsis, then labels that occur once in alphabetical order. */
static int implied_output(const struct tro_infer_call *c, const struct einsum *e, struct term *t)
{
    *t = (struct term){.has_ellipsis = true};
    for (int label = 0; label < N_LABELS; label++) {
        if (e->n_uses[label] != 1)
            continue;
        if (t->n == TRO_MAX_RANK)
            return fail_equation(c, "a result of at most 8 axes");
        t->label[t->n++] = (unsigned char)label;
    }
    return 0;
}

static int set_einsum(struct tro_infer_call *c, const struct term *t, const struct einsum *e)
{
    struct tro_shape *const y = &c->out[0].shape;
    bool is_used[N_LABELS] = {false};
    if (!t->has_ellipsis && e->ellipsis.rank > 0)
        return fail_equation(c, "an ellipsis in the result as in the operands");
    TRO_TRY(tro_out_rank(c, 0, t->n + e->ellipsis.rank));
    y->rank = 0;
    for (int i = 0; i <= t->n; i++) {
        for (int d = 0; t->has_ellipsis && i == t->n_before && d < e->ellipsis.rank; d++)
            y->dim[y->rank++] = e->ellipsis.dim[d];
        if (i == t->n)
            break;
        const unsigned char label = t->label[i];
        if (!e->n_uses[label] || is_used[label])
            return fail_equation(c, "each letter of the result in an operand, and once only");
        is_used[label] = true;
        y->dim[y->rank++] = e->dim[label];
    }
    return 0;
}

int tro_infer_einsum(struct tro_infer_call *c)
{
    TRO_TRY(tro_want_type(c, 0, TRO_T_NUMBER));
    for (int i = 1; i < c->n_in; i++)
        TRO_TRY(tro_want_same_type(c, i, 0));
    c->out[0].dtype = c->in[0].dtype;
    if (!tro_ranks_known(c))
        return 0;
    struct einsum e = {.ellipsis = {.rank = 0}};
    struct term term;
    const char *p = equation_of(c);
    for (int i = 0; i < c->n_in; i++) {
        TRO_TRY(read_term(c, &p, &term));
        TRO_TRY(read_operand(c, i, &term, &e));
        const bool is_last = i == c->n_in - 1;
        if (is_last != (*p != ','))
            return tro_fail(c->err, TRO_E_INPUT,
                            "equation '%.200s' does not have as many operands as there are inputs "
                            "(%d)",
                            equation_of(c), c->n_in);
        p += !is_last;
    }
    if (p[0] == '-' && p[1] == '>') {
        p += 2;
        TRO_TRY(read_term(c, &p, &term));
    } else if (!*p) {
        TRO_TRY(implied_output(c, &e, &term));
    }
    if (*p)
        return fail_equation(c, "operands, then at most one arrow '->' and the result");
    return set_einsum(c, &term, &e);
}
