/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of matmul_int: rows of a are windows of one element. */
#include "cuda/int_mma.h"

#include "base/dtype.h"
#include "base/err.h"

enum { N_ROW_AXES = 4, N_BATCH_AXES = 3, MOST_BATCHES = 65535 };

struct product {
    struct tro_tensor a, b, y;
    int64_t m, n, k;  /* of a matrix */
    int64_t n_rows_a; /* of all matrices of a */
};

static bool is_constant(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct product *q)
{
    struct tro_tensor b;
    return tro_lower_const(l, n->node->in[1], &b) && tro_tensor_n_elems(&b) == q->k * q->n &&
           q->y.rank == q->a.rank;
}

static bool describe(struct tro_lowering *l, const struct tro_lower_node *n, struct product *q,
                     struct tro_int_mma *d)
{
    const struct tro_node *const node = n->node;
    if (!tro_lower_type(l, node->in[0], &q->a) || !tro_lower_type(l, node->in[1], &q->b) ||
        !tro_lower_type(l, node->out[0], &q->y) || q->a.rank < 2 || q->b.rank < 2)
        return false;
    q->m = q->a.shape[q->a.rank - 2];
    q->k = q->a.shape[q->a.rank - 1];
    q->n = q->b.shape[q->b.rank - 1];
    if (tro_tensor_n_elems(&q->y) == 0 || q->k == 0 || tro_tensor_n_elems(&q->y) > INT32_MAX ||
        tro_tensor_n_elems(&q->a) > INT32_MAX || tro_tensor_n_elems(&q->b) > INT32_MAX)
        return false;
    q->n_rows_a = tro_tensor_n_elems(&q->a) / q->k;
    d->name = "matmul_int";
    d->is_b_live = !is_constant(l, n, q);
    d->a_dtype = q->a.dtype;
    d->b_dtype = q->b.dtype;
    d->b_value = node->in[1];
    d->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    d->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    d->n_batches = d->is_b_live ? tro_tensor_n_elems(&q->y) / (q->m * q->n) : 1;
    d->p.m = (uint32_t)(d->is_b_live ? q->m : q->n_rows_a);
    d->p.n = (uint32_t)q->n;
    d->p.k = (uint32_t)q->k;
    d->p.n_groups = 1;
    d->p.channels = tro_div_make(q->k);
    d->p.kernel_h = d->p.kernel_w = tro_div_make(1);
    d->weights = (struct tro_int_weights){.n_cols = q->n,
                                          .k = q->k,
                                          .n_each = q->n,
                                          .col_step = 1,
                                          .inner = q->k,
                                          .inner_step = q->n};
    for (int i = 0; i < 3; i++) {
        d->p.out[i] = tro_div_make(1);
        d->p.in[i] = d->p.stride[i] = d->p.dilation[i] = 1;
    }
    return d->n_batches <= MOST_BATCHES;
}

/* Zeros for rows in turn: all matrices have the same, or each its own and a is not repeated. */
static bool can_zeros(struct tro_lowering *l, const struct product *q, const struct tro_int_mma *d)
{
    const int64_t n_rows = tro_tensor_n_elems(&q->y) / q->n;
    return tro_int_mma_can_zeros(l, d, q->m) ||
           (q->n_rows_a == n_rows && tro_int_mma_can_zeros(l, d, n_rows));
}

/* Sums of distances from the first element, however they are added. */
static bool is_small(const struct tro_arg *a)
{
    int64_t reach = 0;
    for (int i = 0; i < a->rank; i++)
        reach += (a->shape[i] - 1) * (a->stride[i] < 0 ? -a->stride[i] : a->stride[i]);
    return reach < INT32_MAX;
}

static int place_a(struct tro_lowering *l, tro_value_id v, const struct product *q,
                   struct tro_int_mma *d)
{
    const bool is_deep = q->a.rank - 1 > N_ROW_AXES && !d->is_b_live;
    const enum tro_form form = q->k % 4 == 0 ? TRO_FORM_ROWS : TRO_FORM_ANY;
    TRO_TRY(tro_lower_in(l, v, is_deep ? TRO_FORM_DENSE : form, &d->a));
    const struct tro_arg *const a = &d->a;
    if (!is_small(a))
        return 0;
    const int n_row_axes = d->is_b_live || is_deep ? 1 : a->rank - 1;
    d->p.a_channel = q->k == 1 ? 1 : (int32_t)a->stride[a->rank - 1];
    for (int i = 0; i < n_row_axes; i++) {
        const int axis = a->rank - 2 - i, to = 2 - i;
        const int64_t size = is_deep ? q->n_rows_a : a->shape[axis];
        const int32_t stride = size == 1 ? 0 : is_deep ? (int32_t)q->k : (int32_t)a->stride[axis];
        if (to < 0) {
            d->p.a_n = stride;
            continue;
        }
        d->p.out[to] = tro_div_make(size);
        d->p.in[to] = (int32_t)size;
        d->p.a_at[to] = stride;
    }
    return 1;
}

static int32_t stride_at(const struct tro_arg *a, int axis)
{
    return axis < 0 || a->shape[axis] == 1 ? 0 : (int32_t)a->stride[axis];
}

/* Matrices of a live b; those of a beside them. */
static int place_b(struct tro_lowering *l, tro_value_id v, const struct product *q,
                   struct tro_int_mma *d)
{
    const int n_axes = q->y.rank - 2;
    TRO_TRY(tro_lower_in(l, v, TRO_FORM_ANY, &d->b));
    if (!is_small(&d->b))
        return 0;
    d->p.b_k = (int32_t)d->b.stride[d->b.rank - 2];
    d->p.b_n = (int32_t)d->b.stride[d->b.rank - 1];
    d->p.batch[0] = d->p.batch[1] = tro_div_make(1);
    for (int i = 0; i < n_axes; i++) {
        const int to = N_BATCH_AXES - 1 - i;
        if (to > 0)
            d->p.batch[to - 1] = tro_div_make(q->y.shape[n_axes - 1 - i]);
        d->p.a_batch[to] = stride_at(&d->a, d->a.rank - 3 - i);
        d->p.b_batch[to] = stride_at(&d->b, d->b.rank - 3 - i);
    }
    return 1;
}

int tro_cuda_emit_matmul_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_int_mma d = {0};
    struct product q;
    struct tro_point *point;
    if (!describe(l, n, &q, &d) || !can_zeros(l, &q, &d) ||
        (d.is_b_live && q.y.rank - 2 > N_BATCH_AXES))
        return 0;
    int rc = place_a(l, n->node->in[0], &q, &d);
    if (rc > 0 && d.is_b_live)
        rc = place_b(l, n->node->in[1], &q, &d);
    if (rc <= 0)
        return rc;
    int axes[TRO_MAX_RANK];
    for (int i = 0; i < q.y.rank; i++)
        axes[i] = i;
    rc = tro_point_compile(l, n, TRO_I32, axes, q.y.rank, TRO_FORM_ROWS, &point);
    if (rc <= 0)
        return rc;
    d.point = point;
    return tro_int_mma_emit(l, n, &d);
}
