/* SPDX-License-Identifier: Apache-2.0 */
/* Repairs, on some of the first samples. */
#include "quantize.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define N_REPAIR 4 /* samples that repairs are tried on, */
#define AMONG 32   /* some of so many of the first */

struct some {
    const struct tro_quant *quant;
    struct tro_arena arena;
    struct tro_tensor *tensors; /* of N_REPAIR samples */
    int n;
};

/* Frames that follow each other are much alike: some that lie apart will do. Until they come any
 * sample is better than none. */
static int keep(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct some *const k = ctx;
    const size_t n_inputs = tro_block_get(k->quant->graph, TRO_MAIN_BLOCK)->n_inputs;
    const int64_t every = AMONG / N_REPAIR;
    if (s->index >= N_REPAIR && s->index % every != 0)
        return 0;
    const int at = (int)(s->index < N_REPAIR ? s->index : s->index / every);
    for (size_t i = 0; i < n_inputs; i++) {
        struct tro_tensor *const t = &k->tensors[(size_t)at * n_inputs + i];
        *t = s->inputs[i];
        t->data = tro_arena_alloc64(&k->arena, tro_tensor_n_bytes(t) + 1);
        if (!t->data)
            return tro_fail_nomem(err);
        memcpy(t->data, s->inputs[i].data, tro_tensor_n_bytes(t));
    }
    k->n = at < k->n ? k->n : at + 1;
    return 0;
}

int tro_quantize_repair(struct tro_quantize *z, struct tro_err *err)
{
    struct some k = {.quant = z->quant};
    struct tro_calib some = z->calib;
    const size_t n_inputs = tro_block_get(z->quant->graph, TRO_MAIN_BLOCK)->n_inputs;
    some.n_most = AMONG;
    k.tensors = TRO_NEW_N(&k.arena, struct tro_tensor, N_REPAIR * n_inputs + 1);
    int rc = k.tensors ? 0 : tro_fail_nomem(err);
    if (rc >= 0)
        rc = tro_calib_each(&some, "repairs", 0, keep, &k, err);
    if (rc >= 0)
        rc = tro_quant_repair(z->quant, k.tensors, k.n, err);
    tro_arena_finish(&k.arena);
    return rc;
}

void tro_quantize_repairs_table(const struct tro_quantize *z, struct tro_table *t)
{
    static const char *const heads[] = {"channels of", "taken by", "repair", ">off before",
                                        ">after"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(t, heads[i]);
    for (int i = 0; i < z->quant->n_repairs; i++) {
        const struct tro_quant_repair *const r = &z->quant->repairs[i];
        tro_table_cell(t, "%s", r->from);
        if (r->n_layers > 1)
            tro_table_cell(t, "%s and %d more", r->to, r->n_layers - 1);
        else
            tro_table_cell(t, "%s", r->to);
        tro_table_cell(t, "%s", tro_quant_repair_names[r->kind]);
        tro_table_cell(t, "%.2f %%", 100 * sqrt(r->before));
        tro_table_cell(t, "%.2f %%", 100 * sqrt(r->after));
    }
}
