/* SPDX-License-Identifier: Apache-2.0 */
#include "quant/equalize.h"

#include <math.h>
#include <string.h>

#define LEAST_FACTOR 0x1p-12f /* of the greatest one: channels that hardly ever speak stay small */
#define LEAST_SPREAD 1.1f     /* of factors that are worth a try */

/* How much of the range of what a layer takes moves to its weights. All of it is for depthwise
 * layers, whose channels have scales of their own. */
static const double alphas[TRO_QUANT_N_RECIPES] = {NAN, 0.3, 0.5, 0.7, 1};

enum tro_quant_repair_kind tro_quant_recipe_kind(int recipe)
{
    return isnan(alphas[recipe]) ? TRO_QUANT_EQUALIZATION : TRO_QUANT_MIGRATION;
}

/* 0 where a channel has no range. */
static float factor(int recipe, float peak, float made, float taken)
{
    if (!(peak > 0) || !(taken > 0) || !(made > 0))
        return 0;
    if (tro_quant_recipe_kind(recipe) == TRO_QUANT_EQUALIZATION)
        return sqrtf(made / taken);
    return (float)(pow((double)peak, alphas[recipe]) / pow((double)taken, 1 - alphas[recipe]));
}

/* So that the greatest magnitude stays. False: they are near 1. */
static bool make_even(const struct tro_quant_chain *c, const float *peaks, float *factors)
{
    float before = 0, after = 0, greatest = 0, least = INFINITY;
    for (int i = 0; i < c->n_channels; i++) {
        if (factors[i] == 0)
            continue;
        before = fmaxf(before, peaks[i]);
        after = fmaxf(after, peaks[i] / factors[i]);
        greatest = fmaxf(greatest, factors[i]);
        least = fminf(least, factors[i]);
    }
    if (!(greatest > LEAST_SPREAD * least))
        return false;
    for (int i = 0; i < c->n_channels; i++)
        factors[i] = factors[i] == 0
                         ? 1
                         : fmaxf(factors[i], LEAST_FACTOR * greatest) * (after / before);
    return true;
}

bool tro_quant_recipe(const struct tro_quant *q, const struct tro_quant_chain *c, int recipe,
                      const float *peaks, float *weights_peaks, float *factors)
{
    float *const made = weights_peaks, *const taken = weights_peaks + c->n_channels;
    if (tro_quant_recipe_kind(recipe) == TRO_QUANT_EQUALIZATION && c->root_layer < 0)
        return false;
    memset(weights_peaks, 0, 2 * (size_t)c->n_channels * sizeof(*weights_peaks));
    if (c->root_layer >= 0)
        tro_quant_made_peaks(q->graph, c->root, made);
    for (int i = 0; i < c->n_layers; i++)
        tro_quant_taken_peaks(q->graph, q->layers[c->layers[i]].node, taken);
    for (int i = 0; i < c->n_channels; i++)
        factors[i] = factor(recipe, peaks[i], c->root_layer >= 0 ? made[i] : 1, taken[i]);
    return make_even(c, peaks, factors);
}
