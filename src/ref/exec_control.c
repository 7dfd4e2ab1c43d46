/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes with blocks share, `if` and `fused`. */
#include "ref/exec.h"

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"

#include <inttypes.h>
#include <string.h>

int tro_exec_one_element(struct tro_exec *x, const struct tro_node *n, uint32_t i, const char *what,
                         int64_t *out)
{
    const struct tro_tensor t = tro_exec_value(x, n->in[i]).t;
    const int64_t n_elems = tro_tensor_n_elems(&t);
    if (n_elems != 1)
        return tro_fail(x->err, TRO_E_INPUT, "%s: expected one element, found %" PRId64, what,
                        n_elems);
    *out = tro_load_i64(t.dtype, t.data, 0);
    return 0;
}

int tro_exec_check_count(struct tro_exec *x, size_t found, int64_t expected, const char *what)
{
    if (expected >= 0 && found == (size_t)expected)
        return 0;
    return tro_fail(x->err, TRO_E_INTERNAL, "block: expected %" PRId64 " %s, found %zu", expected,
                    what, found);
}

int tro_exec_envs_init(struct tro_exec *x, struct tro_exec_envs *e)
{
    e->outer = x->env;
    if (tro_dim_env_init(&e->inner, &x->g->dims) < 0)
        return tro_fail_nomem(x->err);
    x->env = &e->inner;
    return 0;
}

void tro_exec_envs_renew(struct tro_exec_envs *e)
{
    if (!e->inner.n)
        return;
    memcpy(e->inner.values, e->outer->values, e->inner.n * sizeof(*e->inner.values));
    memcpy(e->inner.known, e->outer->known, e->inner.n * sizeof(*e->inner.known));
}

void tro_exec_envs_finish(struct tro_exec *x, struct tro_exec_envs *e)
{
    x->env = e->outer;
    tro_dim_env_finish(&e->inner);
}

int tro_exec_alloc_empty(struct tro_exec *x, tro_value_id v, int axis, struct tro_exec_slot *out)
{
    if (!v.i)
        return 0;
    const struct tro_value *const value = tro_value_get(x->g, v);
    struct tro_tensor t = {.dtype = value->dtype, .rank = value->shape.rank};
    if (t.rank < 0)
        t.rank = 1;
    for (int i = 0; i < t.rank; i++) {
        int64_t size = 0;
        if (value->shape.rank >= 0 && i != axis &&
            (!tro_dim_eval(&x->g->dims, x->env, value->shape.dim[i], &size) || size < 0))
            size = 0;
        t.shape[i] = size;
    }
    return tro_exec_slot_alloc(x, out, &t);
}

int tro_exec_check_item(struct tro_exec *x, const struct tro_tensor *first,
                        const struct tro_tensor *now, int i, int64_t iteration)
{
    bool is_same = first->dtype == now->dtype && first->rank == now->rank;
    for (int a = 0; a < now->rank && is_same; a++)
        is_same = first->shape[a] == now->shape[a];
    if (is_same)
        return 0;
    return tro_fail(x->err, TRO_E_INPUT,
                    "stacked output %d: expected one shape in all iterations, found another in "
                    "iteration %" PRId64,
                    i, iteration);
}

int tro_exec_check_stack_rank(struct tro_exec *x, const struct tro_tensor *item, int i)
{
    if (item->rank < TRO_MAX_RANK)
        return 0;
    return tro_fail(x->err, TRO_E_UNSUPPORTED,
                    "stacked output %d: expected slices of rank %d at most, found %d", i,
                    TRO_MAX_RANK - 1, item->rank);
}

/* ---- if, fused --------------------------------------------------------------------------------
 * */

/* Runs a block on the operands from `first` on. */
static int run_block(struct tro_exec *x, const struct tro_node *n, tro_block_id id, uint32_t first,
                     struct tro_exec_slot *out)
{
    const struct tro_block *const b = tro_block_get(x->g, id);
    TRO_TRY(tro_exec_check_count(x, b->n_inputs, (int64_t)n->n_in - first, "inputs"));
    TRO_TRY(tro_exec_check_count(x, b->n_outputs, n->n_out, "outputs"));
    struct tro_exec_slot *const in = tro_calloc((size_t)n->n_in + 1, sizeof(*in));
    if (!in)
        return tro_fail_nomem(x->err);
    for (uint32_t i = first; i < n->n_in; i++) {
        const struct tro_exec_slot s = tro_exec_value(x, n->in[i]);
        in[i - first] = tro_exec_slot_ref(&s);
    }
    const int rc = tro_exec_block(x, id, in, out);
    tro_free(in);
    return rc;
}

int tro_exec_if(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out)
{
    int64_t cond = 0;
    TRO_TRY(tro_exec_one_element(x, n, 0, "condition", &cond));
    return run_block(x, n, n->blocks[cond ? 0 : 1], 1, out);
}

int tro_exec_fused(struct tro_exec *x, const struct tro_node *n, struct tro_exec_slot *out)
{
    return run_block(x, n, n->blocks[0], 0, out);
}
