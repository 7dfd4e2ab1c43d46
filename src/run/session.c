/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of sessions share: names, bindings, outputs. */
#include "run/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

static const struct tro_block *main_block(const struct tro_session *s)
{
    return tro_block_get(s->g, TRO_MAIN_BLOCK);
}

struct tro_io_info tro_value_io_info(const struct tro_graph *g, tro_value_id id)
{
    const struct tro_value *v = tro_value_get(g, id);
    struct tro_io_info info = {.name = v->name, .dtype = v->dtype, .rank = v->shape.rank};
    for (int i = 0; i < TRO_MAX_RANK; i++) {
        info.dim_name[i] = "";
        if (i >= v->shape.rank)
            continue;
        info.shape[i] = tro_dim_value_or_minus1(v->shape.dim[i]);
        tro_dim_is_symbol(&g->dims, v->shape.dim[i], &info.dim_name[i]);
    }
    return info;
}

/* ---- life --------------------------------------------------------------------------------- */

int tro_session_init(struct tro_session *s, const struct tro_session_ops *ops,
                     const struct tro_graph *g, struct tro_err *err)
{
    s->ops = ops;
    s->g = g;
    const size_t n_in = main_block(s)->n_inputs, n_out = main_block(s)->n_outputs;
    s->inputs = tro_calloc(n_in + 1, sizeof *s->inputs);
    s->outputs = tro_calloc(n_out + 1, sizeof *s->outputs);
    s->input_at = tro_calloc(n_in + 1, sizeof *s->input_at);
    s->output_at = tro_calloc(n_out + 1, sizeof *s->output_at);
    if (!s->inputs || !s->outputs || !s->input_at || !s->output_at) {
        tro_session_finish(s);
        return tro_fail_nomem(err);
    }
    for (size_t i = 0; i < n_in; i++)
        s->input_at[s->n_inputs++] = (int)i;
    for (size_t i = 0; i < n_out; i++)
        s->output_at[s->n_outputs++] = (int)i;
    return 0;
}

static void take_out(int *list, int *n, int value)
{
    int kept = 0;
    for (int i = 0; i < *n; i++)
        if (list[i] != value)
            list[kept++] = list[i];
    *n = kept;
}

void tro_session_hide(struct tro_session *s, int input, int output)
{
    take_out(s->input_at, &s->n_inputs, input);
    take_out(s->output_at, &s->n_outputs, output);
}

void tro_session_finish(struct tro_session *s)
{
    tro_free(s->inputs);
    tro_free(s->outputs);
    tro_free(s->input_at);
    tro_free(s->output_at);
    s->inputs = s->outputs = NULL;
    s->input_at = s->output_at = NULL;
}

void tro_session_destroy(struct tro_session *s)
{
    if (!s)
        return;
    tro_async_destroy(s->async);
    s->ops->destroy(s);
}

/* ---- questions ---------------------------------------------------------------------------- */

int tro_session_n_inputs(const struct tro_session *s)
{
    return s->n_inputs;
}

int tro_session_n_outputs(const struct tro_session *s)
{
    return s->n_outputs;
}

struct tro_io_info tro_session_input_info(const struct tro_session *s, int i)
{
    return tro_value_io_info(s->g, main_block(s)->inputs[s->input_at[i]]);
}

struct tro_io_info tro_session_output_info(const struct tro_session *s, int i)
{
    return tro_value_io_info(s->g, main_block(s)->outputs[s->output_at[i]]);
}

/* ---- binding ------------------------------------------------------------------------------ */

static void shape_text(const struct tro_tensor *t, struct tro_buf *out)
{
    tro_buf_printf(out, "%s[", tro_dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++)
        tro_buf_printf(out, "%s%lld", i ? "," : "", (long long)t->shape[i]);
    tro_buf_printf(out, "]");
}

static bool fits(const struct tro_session *s, tro_value_id id, const struct tro_tensor *t)
{
    const struct tro_value *v = tro_value_get(s->g, id);
    if (t->dtype != v->dtype || t->rank < 0 || t->rank > TRO_MAX_RANK ||
        (v->shape.rank >= 0 && v->shape.rank != t->rank))
        return false;
    for (int i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0)
            return false;
        if (v->shape.rank >= 0 && (t->shape[i] < tro_dim_lo(&s->g->dims, v->shape.dim[i]) ||
                                   t->shape[i] > tro_dim_hi(&s->g->dims, v->shape.dim[i])))
            return false;
    }
    return true;
}

static void bounds_text(const struct tro_session *s, tro_value_id id, struct tro_buf *out)
{
    const struct tro_value *const v = tro_value_get(s->g, id);
    bool has_any = false;
    for (int i = 0; i < v->shape.rank; i++) {
        const tro_dim d = v->shape.dim[i];
        const int64_t lo = tro_dim_lo(&s->g->dims, d), hi = tro_dim_hi(&s->g->dims, d);
        if (tro_dim_is_const(d) || (lo <= 0 && hi >= TRO_DIM_MAX))
            continue;
        tro_buf_str(out, has_any ? ", " : " with ");
        tro_dim_print(&s->g->dims, d, out);
        if (hi >= TRO_DIM_MAX)
            tro_buf_printf(out, " from %lld", (long long)lo);
        else
            tro_buf_printf(out, " in %lld..%lld", (long long)lo, (long long)hi);
        has_any = true;
    }
}

static int fail_misfit(const struct tro_session *s, tro_value_id id, const struct tro_tensor *t,
                       struct tro_err *err)
{
    struct tro_buf want = {0}, got = {0};
    tro_value_print_type(s->g, id, &want);
    bounds_text(s, id, &want);
    shape_text(t, &got);
    const int rc = tro_fail(
        err, TRO_E_INPUT, "input '%s': expected %.*s, found %.*s: bring the tensor into this form",
        tro_value_get(s->g, id)->name, (int)want.n, (const char *)want.p, (int)got.n,
        (const char *)got.p);
    tro_buf_finish(&want);
    tro_buf_finish(&got);
    return rc;
}

int tro_session_bind(struct tro_session *s, const char *input, const struct tro_tensor *t,
                     struct tro_err *err)
{
    const struct tro_block *b = main_block(s);
    for (int i = 0; i < s->n_inputs; i++) {
        const tro_value_id v = b->inputs[s->input_at[i]];
        if (strcmp(tro_value_get(s->g, v)->name, input) != 0)
            continue;
        if (!fits(s, v, t))
            return fail_misfit(s, v, t, err);
        s->inputs[s->input_at[i]] = *t;
        return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "expected the name of an input, found '%s'%s%s", input,
                    s->n_inputs ? ": the first input is " : "",
                    s->n_inputs ? tro_session_input_info(s, 0).name : "");
}

/* ---- running ------------------------------------------------------------------------------ */

int tro_session_run(struct tro_session *s, struct tro_err *err)
{
    for (int i = 0; i < s->n_inputs; i++)
        if (!s->inputs[s->input_at[i]].dtype)
            return tro_fail(err, TRO_E_INPUT,
                            "input '%s': expected a tensor to be bound, found none",
                            tro_session_input_info(s, i).name);
    s->has_run = false;
    TRO_TRY(s->ops->run(s, err));
    s->has_run = true;
    return 0;
}

int tro_session_output(const struct tro_session *s, int i, struct tro_tensor *out,
                       struct tro_err *err)
{
    if (!s->has_run)
        return tro_fail(err, TRO_E_INPUT, "expected a successful run before outputs are asked for");
    if (i < 0 || i >= s->n_outputs)
        return tro_fail(err, TRO_E_INPUT, "expected an output index below %d, found %d",
                        s->n_outputs, i);
    *out = s->outputs[s->output_at[i]];
    return 0;
}
