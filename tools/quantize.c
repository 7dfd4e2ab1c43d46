/* SPDX-License-Identifier: Apache-2.0 */
#include "quantize.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/hash.h"
#include "build/model.h"
#include "table.h"

static int observe(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    const struct tro_block *const b = tro_block_get(z->quant->graph, TRO_MAIN_BLOCK);
    for (size_t k = 0; k < b->n_inputs; k++)
        z->data_hash = tro_hash64_wide(s->inputs[k].data, tro_tensor_n_bytes(&s->inputs[k]),
                                       z->data_hash);
    z->n_samples++;
    return tro_quant_observe(z->quant, s->inputs, err);
}

/* Some of the samples, from all over the data. */
static int probe(void *ctx, const struct tro_calib_sample *s, struct tro_err *err)
{
    struct tro_quantize *const z = ctx;
    const int64_t every = z->n_samples / z->n_probes + 1;
    return s->index % every == 0 ? tro_quant_probe(z->quant, s->inputs, err) : 0;
}

int tro_quantize_calibrate(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    z->quant = tro_quant_create(tro_model_graph(m), err);
    if (!z->quant)
        return err->status;
    TRO_TRY(tro_calib_each(&z->calib, "calibration", 0, observe, z, err));
    TRO_TRY(tro_quant_bound(z->quant, err));
    TRO_TRY(tro_calib_each(&z->calib, "probing", z->n_samples, probe, z, err));
    tro_quant_choose(z->quant);
    return 0;
}

int tro_quantize_apply(struct tro_quantize *z, struct tro_model *m, struct tro_err *err)
{
    struct tro_graph *const g = tro_quant_make(z->quant, err);
    if (!g)
        return err->status;
    tro_model_replace_graph(m, g);
    return 0;
}

void tro_quantize_finish(struct tro_quantize *z)
{
    tro_quant_destroy(z->quant);
    z->quant = NULL;
}

/* ---- report --------------------------------------------------------------------------------- */

void tro_quantize_print(const struct tro_quantize *z)
{
    const struct tro_quant *const q = z->quant;
    double n_macs = 0, n_int = 0;
    static const char *const heads[] = {"layer", ">MACs", "precision", "bound", ">off", "why"};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(&t, heads[i]);
    for (int i = 0; i < q->n_layers; i++) {
        const struct tro_quant_layer *const l = &q->layers[i];
        const struct tro_quant_group *const g = &q->groups[l->group];
        n_macs += l->n_macs;
        n_int += l->is_int ? l->n_macs : 0;
        tro_table_cell(&t, "%s", l->name);
        tro_table_cell(&t, "%.3g M", l->n_macs * 1e-6);
        tro_table_cell(&t, "%s", l->is_int ? "int8" : "float");
        tro_table_cell(&t, "%s %.4g", tro_bound_names[g->chosen], g->bounds[g->chosen]);
        tro_table_cell(&t, "%.2f %%", 100 * sqrt(l->errors[g->chosen]));
        tro_table_cell(&t, "%s", l->why ? l->why : "");
    }
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
    printf("\n%" PRId64 " samples, %" PRId64 " probed; %.1f %% of multiply-accumulates in "
           "integers\n\n",
           z->n_samples, q->n_probed, 100 * n_int / n_macs);
}
