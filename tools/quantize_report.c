/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a network in integers, for people. */
#include "quantize.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "base/file.h"
#include "html.h"

double tro_quantize_int_share(const struct tro_quantize *z)
{
    const struct tro_quant *const q = z->quant;
    double n_macs = 0, n_int = 0;
    for (int i = 0; i < q->n_layers; i++) {
        n_macs += q->layers[i].n_macs;
        n_int += q->layers[i].is_int ? q->layers[i].n_macs : 0;
    }
    return n_macs > 0 ? n_int / n_macs : 0;
}

void tro_quantize_table(const struct tro_quantize *z, struct tro_table *t)
{
    static const char *const heads[] = {"layer", ">MACs", "precision", "bound", ">off", "why"};
    const struct tro_quant *const q = z->quant;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        tro_table_column(t, heads[i]);
    if (z->damage)
        tro_table_column(t, ">damage");
    for (int i = 0; i < q->n_layers; i++) {
        const struct tro_quant_layer *const l = &q->layers[i];
        const struct tro_quant_group *const g = &q->groups[l->group];
        tro_table_cell(t, "%s", l->name);
        tro_table_cell(t, "%.3g M", l->n_macs * 1e-6);
        tro_table_cell(t, "%s", l->is_int ? "int8" : "float");
        tro_table_cell(t, "%s %.4g", tro_bound_names[g->chosen], g->bounds[g->chosen]);
        tro_table_cell(t, "%.2f %%", 100 * sqrt(l->errors[g->chosen]));
        tro_table_cell(t, "%s", l->why ? l->why : "");
        if (z->damage)
            tro_table_cell(t, "%.2f %%", 100 * z->damage[i]);
    }
}

void tro_quantize_print(const struct tro_quantize *z)
{
    struct tro_table t = {0};
    tro_quantize_table(z, &t);
    tro_table_print(&t, stdout);
    tro_table_finish(&t);
    if (z->quant->n_repairs > 0) {
        struct tro_table repairs = {0};
        tro_quantize_repairs_table(z, &repairs);
        printf("\n");
        tro_table_print(&repairs, stdout);
        tro_table_finish(&repairs);
    }
    printf("\n%" PRId64 " samples, %" PRId64 " probed; %.1f %% of multiply-accumulates in "
           "integers\n\n",
           z->n_samples, z->quant->n_probed, 100 * tro_quantize_int_share(z));
}
