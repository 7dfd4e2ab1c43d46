/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/engine.h"

#include "base/err.h"
#include "plan/plan.h"

int tro_quant_engine_init(struct tro_quant_engine *e, const struct tro_graph *g,
                          struct tro_err *err)
{
    const struct tro_plan_parts parts = {.graph = g, .model = g->name, .passes = ""};
    struct tro_buf bytes = {0};
    *e = (struct tro_quant_engine){0};
    TRO_TRY(tro_plan_write(&parts, &bytes, err));
    e->plan = tro_plan_open_owned(bytes.p, bytes.n, g->name, err);
    e->session = e->plan ? tro_session_create(e->plan, NULL, err) : NULL;
    if (e->session)
        return 0;
    tro_quant_engine_finish(e);
    return err->status;
}

void tro_quant_engine_finish(struct tro_quant_engine *e)
{
    tro_session_destroy(e->session);
    tro_plan_close(e->plan);
    *e = (struct tro_quant_engine){0};
}

int tro_quant_engine_run(struct tro_quant_engine *e, const struct tro_tensor *inputs,
                         struct tro_err *err)
{
    for (int i = 0; i < tro_session_n_inputs(e->session); i++)
        TRO_TRY(tro_session_bind(e->session, tro_session_input_info(e->session, i).name, &inputs[i],
                                 err));
    return tro_session_run(e->session, err);
}

int tro_quant_engine_output(const struct tro_quant_engine *e, int i, struct tro_tensor *out,
                            struct tro_err *err)
{
    return tro_session_output(e->session, i, out, err);
}
