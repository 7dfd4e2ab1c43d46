/* SPDX-License-Identifier: Apache-2.0 */
#include "run/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

struct tro_session {
    const struct tro_graph *g;
    struct tro_tensor *inputs;  /* bound by the caller; type none until then */
    struct tro_tensor *outputs; /* of the last run; data is the session's */
    bool has_run;
    tro_ref_tap *tap; /* or NULL */
    void *tap_ctx;
};

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

struct tro_session *tro_session_create_ref(const struct tro_graph *g, struct tro_err *err)
{
    struct tro_session *s = tro_calloc(1, sizeof *s);
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    s->g = g;
    s->inputs = tro_calloc(main_block(s)->n_inputs + 1, sizeof *s->inputs);
    s->outputs = tro_calloc(main_block(s)->n_outputs + 1, sizeof *s->outputs);
    if (!s->inputs || !s->outputs) {
        tro_session_destroy(s);
        tro_fail_nomem(err);
        return NULL;
    }
    return s;
}

void tro_session_set_tap(struct tro_session *s, tro_ref_tap *tap, void *ctx)
{
    s->tap = tap;
    s->tap_ctx = ctx;
}

static void drop_outputs(struct tro_session *s)
{
    for (size_t i = 0; s->outputs && i < main_block(s)->n_outputs; i++) {
        tro_free(s->outputs[i].data);
        s->outputs[i] = (struct tro_tensor){0};
    }
    s->has_run = false;
}

void tro_session_destroy(struct tro_session *s)
{
    if (!s)
        return;
    drop_outputs(s);
    tro_free(s->inputs);
    tro_free(s->outputs);
    tro_free(s);
}

int tro_session_n_inputs(const struct tro_session *s)
{
    return (int)main_block(s)->n_inputs;
}

int tro_session_n_outputs(const struct tro_session *s)
{
    return (int)main_block(s)->n_outputs;
}

struct tro_io_info tro_session_input_info(const struct tro_session *s, int i)
{
    return tro_value_io_info(s->g, main_block(s)->inputs[i]);
}

struct tro_io_info tro_session_output_info(const struct tro_session *s, int i)
{
    return tro_value_io_info(s->g, main_block(s)->outputs[i]);
}

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
        if (v->shape.rank >= 0 && tro_dim_is_const(v->shape.dim[i]) &&
            tro_dim_value(v->shape.dim[i]) != t->shape[i])
            return false;
    }
    return true;
}

static int fail_misfit(const struct tro_session *s, tro_value_id id, const struct tro_tensor *t,
                       struct tro_err *err)
{
    struct tro_buf want = {0}, got = {0};
    tro_value_print_type(s->g, id, &want);
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
    for (size_t i = 0; i < b->n_inputs; i++) {
        if (strcmp(tro_value_get(s->g, b->inputs[i])->name, input) != 0)
            continue;
        if (!fits(s, b->inputs[i], t))
            return fail_misfit(s, b->inputs[i], t, err);
        s->inputs[i] = *t;
        return 0;
    }
    return tro_fail(err, TRO_E_INPUT, "expected the name of an input, found '%s'%s%s", input,
                    b->n_inputs ? ": the first input is " : "",
                    b->n_inputs ? tro_value_get(s->g, b->inputs[0])->name : "");
}

int tro_session_run(struct tro_session *s, struct tro_err *err)
{
    const struct tro_block *b = main_block(s);
    for (size_t i = 0; i < b->n_inputs; i++)
        if (!s->inputs[i].dtype)
            return tro_fail(err, TRO_E_INPUT,
                            "input '%s': expected a tensor to be bound, found none",
                            tro_value_get(s->g, b->inputs[i])->name);
    drop_outputs(s);
    TRO_TRY(tro_ref_run(s->g, s->inputs, s->outputs, s->tap, s->tap_ctx, err));
    s->has_run = true;
    return 0;
}

int tro_session_output(const struct tro_session *s, int i, struct tro_tensor *out,
                       struct tro_err *err)
{
    if (!s->has_run)
        return tro_fail(err, TRO_E_INPUT, "expected a successful run before outputs are asked for");
    if (i < 0 || i >= tro_session_n_outputs(s))
        return tro_fail(err, TRO_E_INPUT, "expected an output index below %d, found %d",
                        tro_session_n_outputs(s), i);
    *out = s->outputs[i];
    return 0;
}
