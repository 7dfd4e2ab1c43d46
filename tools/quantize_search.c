/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers stay in integers. */
#include "quantize.h"

#include <math.h>

#include "base/err.h"
#include "progress.h"

/* ---- damage --------------------------------------------------------------------------------- */

/* Where there are no samples, since a calibration was read without its data, what the layer itself
 * is off by stands for it. */
static int measure_damage(struct tro_quantize *z, struct tro_err *err)
{
    const struct tro_quant *const q = z->quant;
    struct tro_progress progress;
    int rc = 0;
    z->damage = TRO_NEW_N(&z->kept, double, (size_t)q->n_layers + 1);
    if (!z->damage)
        return tro_fail_nomem(err);
    for (int i = 0; i < q->n_layers; i++)
        z->damage[i] = sqrt(q->layers[i].errors[q->groups[q->layers[i].group].chosen]);
    if (z->n_kept == 0)
        return 0;
    tro_progress_start(&progress, "damage", q->n_layers);
    for (int i = 0; i < q->n_layers && rc >= 0; i++) {
        rc = tro_quant_damage(q, i, z->kept_samples, z->n_kept, &z->damage[i], err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

/* Layers by damage for each multiplication saved, the greatest first; the first of equals. */
static int rank_layers(struct tro_quantize *z, int **out, struct tro_err *err)
{
    const struct tro_quant *const q = z->quant;
    int *const order = TRO_NEW_N(&z->kept, int, (size_t)q->n_layers + 1);
    if (!order)
        return tro_fail_nomem(err);
    TRO_TRY(measure_damage(z, err));
    for (int i = 0; i < q->n_layers; i++) {
        int at = i;
        for (; at > 0; at--) {
            const int other = order[at - 1];
            if (z->damage[other] * q->layers[i].n_macs >= z->damage[i] * q->layers[other].n_macs)
                break;
            order[at] = other;
        }
        order[at] = i;
    }
    *out = order;
    return 0;
}

/* ---- trials --------------------------------------------------------------------------------- */

struct search {
    struct tro_quantize *z;
    struct tro_model *model;
    tro_quantize_judge_fn *judge;
    void *ctx;
    const int *order;
};

/* With the first n layers of the order in floats. */
static int try(struct search *s, int n_floats, bool *is_passed, struct tro_err *err)
{
    const struct tro_quant *const q = s->z->quant;
    for (int i = 0; i < q->n_layers && s->order; i++) {
        struct tro_quant_layer *const l = &q->layers[s->order[i]];
        l->is_int = i >= n_floats;
        l->why = l->is_int ? NULL : "for the gates: much damage for what it saves";
    }
    s->z->n_trials++;
    TRO_TRY(tro_quantize_apply(s->z, s->model, err));
    return s->judge(s->ctx, is_passed, err);
}

/* The least number of layers in floats that passes, as far as halving finds it. */
static int narrow(struct search *s, int missed, int passed, struct tro_err *err)
{
    bool is_passed = true;
    int last = passed;
    while (passed - missed > 1) {
        const int middle = missed + (passed - missed) / 2;
        TRO_TRY(try(s, middle, &is_passed, err));
        last = middle;
        if (is_passed)
            passed = middle;
        else
            missed = middle;
    }
    return last == passed ? 0 : try(s, passed, &is_passed, err);
}

static int revert(struct search *s, bool *is_passed, struct tro_err *err)
{
    const int n_layers = s->z->quant->n_layers;
    int *order = NULL, missed = 0;
    TRO_TRY(rank_layers(s->z, &order, err));
    s->order = order;
    for (int n = 1; missed < n_layers; n *= 2) {
        const int n_floats = n < n_layers ? n : n_layers;
        TRO_TRY(try(s, n_floats, is_passed, err));
        if (*is_passed)
            return narrow(s, missed, n_floats, err);
        missed = n_floats;
    }
    return 0;
}

int tro_quantize_search(struct tro_quantize *z, struct tro_model *m, tro_quantize_judge_fn *judge,
                        void *ctx, bool *is_passed, struct tro_err *err)
{
    struct search s = {.z = z, .model = m, .judge = judge, .ctx = ctx};
    TRO_TRY(try(&s, 0, is_passed, err));
    return *is_passed ? 0 : revert(&s, is_passed, err);
}
