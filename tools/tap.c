/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/err.h"
#include "build/model.h"
#include "plan/plan.h"
#include "run/session.h"

bool tro_side_has_taps(const struct tro_side *s)
{
    return s->kind == TRO_SIDE_REF || s->kind == TRO_SIDE_ENGINE;
}

const struct tro_graph *tro_side_graph(const struct tro_side *s)
{
    return s->plan ? tro_plan_contents(s->plan)->graph : tro_model_graph(s->model);
}

/* ---- reference ------------------------------------------------------------------------- */

static int tap_node(void *ctx, const struct tro_graph *g, tro_node_id node,
                    const struct tro_tensor *out, struct tro_err *err)
{
    const struct tro_tap *tap = ctx;
    const struct tro_node *n = tro_node_get(g, node);
    if (n->block.i != TRO_MAIN_BLOCK.i)
        return 0;
    if (tap->pass)
        tap->pass(tap->ctx);
    for (uint32_t k = 0; k < n->n_out; k++) {
        const char *name = n->out[k].i && out[k].data ? tro_value_get(g, n->out[k])->name : NULL;
        if (name && tap->wants(tap->ctx, name))
            TRO_TRY(tap->take(tap->ctx, name, &out[k], err));
    }
    return 0;
}

/* ---- engines --------------------------------------------------------------------------- */

/* Elements in row-major order from wherever they lie. */
static void gather(const char *from, const struct tro_arg *a, int axis, size_t size, char **to)
{
    if (axis == a->rank) {
        memcpy(*to, from, size);
        *to += size;
        return;
    }
    const int64_t step = a->stride[axis] * (int64_t)size;
    if (axis == a->rank - 1 && a->stride[axis] == 1) {
        memcpy(*to, from, (size_t)a->shape[axis] * size);
        *to += (size_t)a->shape[axis] * size;
        return;
    }
    for (int64_t i = 0; i < a->shape[axis]; i++)
        gather(from + i * step, a, axis + 1, size, to);
}

/* Values that the graph calls f32 may be stored in a narrower type. */
static int widen(struct tro_tensor *t, enum tro_dtype dtype, struct tro_err *err)
{
    struct tro_tensor wide = *t;
    if (t->dtype == dtype)
        return 0;
    wide.dtype = dtype;
    wide.data = tro_malloc_aligned(tro_tensor_n_bytes(&wide) + 1);
    if (!wide.data)
        return tro_fail_nomem(err);
    for (int64_t i = 0; i < tro_tensor_n_elems(t); i++)
        tro_store_f64(dtype, wide.data, i, tro_load_f64(t->dtype, t->data, i));
    tro_free(t->data);
    *t = wide;
    return 0;
}

static int take_value(const struct tro_tap *tap, const char *name, enum tro_dtype dtype,
                      const struct tro_arg *a, const struct tro_step_run *r)
{
    struct tro_tensor dense = {.dtype = a->dtype, .rank = a->rank};
    memcpy(dense.shape, a->shape, sizeof dense.shape);
    const size_t n_bytes = tro_tensor_n_bytes(&dense);
    char *to = tro_malloc_aligned(n_bytes + 1);
    if (!to)
        return tro_fail_nomem(r->err);
    dense.data = to;
    if (n_bytes)
        gather(tro_arg_ptr(r, a), a, 0, tro_dtype_size(a->dtype), &to);
    int rc = widen(&dense, dtype, r->err);
    if (rc >= 0)
        rc = tap->take(tap->ctx, name, &dense, r->err);
    tro_free(dense.data);
    return rc;
}

static int tap_step(void *ctx, const struct tro_program *p, int32_t step,
                    const struct tro_step_run *r)
{
    const struct tro_tap *tap = ctx;
    if (tap->pass)
        tap->pass(tap->ctx);
    for (int32_t i = 0; i < p->n_values; i++) {
        const struct tro_program_value *v = &p->values[i];
        if (v->step != step)
            continue;
        const struct tro_value *value = tro_value_get(p->graph, v->value);
        if (tap->wants(tap->ctx, value->name))
            TRO_TRY(take_value(tap, value->name, value->dtype, &v->at, r));
    }
    return 0;
}

int tro_side_run_tapped(struct tro_side *s, const struct tro_tensor *inputs, int n,
                        const struct tro_tap *tap, struct tro_err *err)
{
    if (s->kind == TRO_SIDE_REF)
        tro_session_set_tap(s->session, tap_node, (void *)tap);
    else
        tro_session_set_step_tap(s->session, tap_step, (void *)tap);
    const int rc = tro_side_run(s, inputs, n, err);
    if (s->kind == TRO_SIDE_REF)
        tro_session_set_tap(s->session, NULL, NULL);
    else
        tro_session_set_step_tap(s->session, NULL, NULL);
    return rc;
}
