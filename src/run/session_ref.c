/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions on the reference kernels: the golden truth. */
#include "run/session.h"

#include "base/alloc.h"
#include "base/err.h"

struct ref_session {
    struct tro_session s;
    tro_ref_tap *tap; /* or NULL */
    void *tap_ctx;
};

static void drop_outputs(struct tro_session *s)
{
    const size_t n = tro_block_get(s->g, TRO_MAIN_BLOCK)->n_outputs;
    for (size_t i = 0; s->outputs && i < n; i++) {
        tro_free(s->outputs[i].data);
        s->outputs[i] = (struct tro_tensor){0};
    }
}

static int run_ref(struct tro_session *s, struct tro_err *err)
{
    struct ref_session *const r = (struct ref_session *)s;
    drop_outputs(s);
    return tro_ref_run(s->g, s->inputs, s->outputs, r->tap, r->tap_ctx, err);
}

static void destroy_ref(struct tro_session *s)
{
    drop_outputs(s);
    tro_session_finish(s);
    tro_free(s);
}

static const struct tro_session_ops ref_ops = {run_ref, destroy_ref};

struct tro_session *tro_session_create_ref(const struct tro_graph *g, struct tro_err *err)
{
    struct ref_session *const r = tro_calloc(1, sizeof *r);
    if (!r) {
        tro_fail_nomem(err);
        return NULL;
    }
    if (tro_session_init(&r->s, &ref_ops, g, err) < 0) {
        tro_free(r);
        return NULL;
    }
    return &r->s;
}

void tro_session_set_tap(struct tro_session *s, tro_ref_tap *tap, void *ctx)
{
    if (s->ops != &ref_ops)
        return;
    struct ref_session *const r = (struct ref_session *)s;
    r->tap = tap;
    r->tap_ctx = ctx;
}
