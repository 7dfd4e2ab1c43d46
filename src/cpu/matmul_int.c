/* SPDX-License-Identifier: Apache-2.0 */
/* Emitter of matmul_int with a constant right side. */
#include "cpu/cpu.h"
#include "cpu/int8.h"

#include "base/dtype.h"
#include "base/err.h"

/* Offset of row `row`, counted over all axes but the last. */
static int64_t row_offset(const struct tro_arg *a, int64_t row)
{
    int64_t at = 0;
    for (int i = a->rank - 2; i >= 0; i--) {
        at += row % a->shape[i] * a->stride[i];
        row /= a->shape[i];
    }
    return at;
}

static void gather(const struct tro_int8 *p, const struct tro_step_run *r, int64_t group,
                   int64_t first, int64_t n, uint8_t *to, int64_t to_pitch)
{
    const uint8_t *const a = tro_arg_ptr(r, &p->a);
    const int64_t n_each = p->a.shape[p->a.rank - 2], pitch = p->a.stride[p->a.rank - 2];
    (void)group;
    for (int64_t i = 0, some; i < n; i += some) {
        const int64_t left = n_each - (first + i) % n_each;
        some = n - i < left ? n - i : left;
        p->level->copy(to + i * to_pitch, to_pitch, a + row_offset(&p->a, first + i), pitch, some,
                       p->s.w.k, p->flip_a);
    }
}

static bool describe(struct tro_lowering *l, const struct tro_lower_node *n,
                     struct tro_int8_shape *s)
{
    const struct tro_node *const node = n->node;
    struct tro_tensor a, b;
    if (!tro_lower_type(l, node->in[0], &a) || !tro_lower_const(l, node->in[1], &b) ||
        !tro_lower_type(l, node->out[0], &s->y) || a.rank < 2 || b.rank < 2)
        return false;
    const int64_t n_cols = b.shape[b.rank - 1], k = b.shape[b.rank - 2];
    if (tro_tensor_n_elems(&b) != n_cols * k || s->y.rank != a.rank)
        return false;
    s->a = node->in[0];
    s->a_form = TRO_FORM_ROWS;
    s->a_dtype = a.dtype;
    s->b = node->in[1];
    s->zero_a = node->n_in > 2 ? node->in[2] : TRO_VALUE_NONE;
    s->zero_b = node->n_in > 3 ? node->in[3] : TRO_VALUE_NONE;
    s->w = (struct tro_int8_weights){.n_groups = 1,
                                     .k = k,
                                     .n = n_cols,
                                     .n_each = n_cols,
                                     .col_step = 1,
                                     .inner = k,
                                     .inner_step = n_cols};
    s->m = 1;
    for (int i = 0; i < a.rank - 1; i++) {
        s->m *= a.shape[i];
        s->row_axes[s->n_row_axes++] = i;
        s->each[i] = 1;
    }
    s->col_axis = a.rank - 1;
    s->out_form = TRO_FORM_ROWS;
    return true;
}

/* A zero for each row of one matrix is not one for each row of several. */
static bool is_zero_clear(struct tro_lowering *l, const struct tro_int8_shape *s)
{
    struct tro_tensor zero;
    if (!s->zero_a.i)
        return true;
    return tro_lower_type(l, s->zero_a, &zero) &&
           (tro_tensor_n_elems(&zero) == 1 || s->m == s->y.shape[s->y.rank - 2]);
}

int tro_cpu_emit_matmul_int(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_int8 at;
    struct tro_int8_shape s = {0};
    if (!describe(l, n, &s) || !is_zero_clear(l, &s))
        return 0;
    const int rc = tro_int8_begin(l, n, &s, &at);
    if (rc <= 0)
        return rc;
    at.gather = gather;
    const int64_t pitch = at.a.stride[at.a.rank - 2];
    if (tro_arg_is_dense(&at.a) && !at.flip_a && s.w.k % 4 == 0 && pitch % 1024 && s.m > 1)
        at.direct_pitch = pitch;
    return tro_int8_emit(l, n, &at);
}
