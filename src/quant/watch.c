/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/watch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

struct tro_quant_watch {
    struct tro_quant_engine engine;
    const struct tro_tensor *inputs; /* of the last run */
    int n, n_shown;
    int *at; /* of each value: output, or -1 - index of the input that it is */
};

tro_value_id tro_quant_find(const struct tro_graph *g, const char *name)
{
    for (uint32_t i = 1; i < g->n_values; i++)
        if (strcmp(g->values[i].name, name) == 0)
            return (tro_value_id){i};
    return TRO_VALUE_NONE;
}

static int input_index(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_inputs; i++)
        if (tro_value_eq(b->inputs[i], v))
            return (int)i;
    return -1;
}

/* An output each, once. */
static int show(struct tro_quant_watch *w, struct tro_graph *g, const struct tro_graph *from,
                const tro_value_id *values, struct tro_err *err)
{
    for (int i = 0; i < w->n; i++) {
        const int input = input_index(from, values[i]);
        w->at[i] = input >= 0 ? -1 - input : w->n_shown;
        for (int k = 0; k < i && input < 0; k++)
            if (tro_value_eq(values[k], values[i]))
                w->at[i] = w->at[k];
        if (w->at[i] != w->n_shown)
            continue;
        const tro_value_id v = tro_quant_find(g, tro_value_get(from, values[i])->name);
        TRO_TRY(tro_block_add_output(g, TRO_MAIN_BLOCK, v, err));
        w->n_shown++;
    }
    return 0;
}

static int create(struct tro_quant_watch *w, const struct tro_graph *from,
                  const tro_value_id *values, struct tro_err *err)
{
    struct tro_graph *const g = tro_graph_clone(from, NULL, err);
    if (!g)
        return err->status;
    int rc = 0;
    for (size_t i = tro_block_get(g, TRO_MAIN_BLOCK)->n_outputs; i-- > 0 && rc >= 0;)
        rc = tro_block_replace_output(g, TRO_MAIN_BLOCK, i, NULL, 0, err);
    if (rc >= 0)
        rc = show(w, g, from, values, err);
    if (rc >= 0)
        rc = tro_quant_engine_init(&w->engine, g, err);
    tro_graph_destroy(g);
    return rc;
}

struct tro_quant_watch *tro_quant_watch_create(const struct tro_graph *g,
                                               const tro_value_id *values, int n,
                                               struct tro_err *err)
{
    struct tro_quant_watch *const w = tro_calloc(1, sizeof(*w));
    int *const at = tro_calloc((size_t)n + 1, sizeof(*at));
    if (!w || !at) {
        tro_free(w);
        tro_free(at);
        tro_fail_nomem(err);
        return NULL;
    }
    w->n = n;
    w->at = at;
    if (create(w, g, values, err) >= 0)
        return w;
    tro_quant_watch_destroy(w);
    return NULL;
}

void tro_quant_watch_destroy(struct tro_quant_watch *w)
{
    if (!w)
        return;
    tro_quant_engine_finish(&w->engine);
    tro_free(w->at);
    tro_free(w);
}

int tro_quant_watch_run(struct tro_quant_watch *w, const struct tro_tensor *inputs,
                        struct tro_err *err)
{
    w->inputs = inputs;
    return w->n_shown ? tro_quant_engine_run(&w->engine, inputs, err) : 0;
}

int tro_quant_watch_value(const struct tro_quant_watch *w, int i, struct tro_tensor *out,
                          struct tro_err *err)
{
    if (w->at[i] >= 0)
        return tro_quant_engine_output(&w->engine, w->at[i], out, err);
    *out = w->inputs[-1 - w->at[i]];
    return 0;
}
