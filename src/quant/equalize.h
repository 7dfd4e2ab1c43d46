/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: by what the channels of a chain are divided. */
#ifndef TRO_QUANT_EQUALIZE_H
#define TRO_QUANT_EQUALIZE_H

#include "quant/chain.h"

/* What is tried, of which the one with the least error is taken: equalization of the weights'
 * ranges on both sides (Nagel et al., arXiv 1906.04721), then migration of a part of the range of
 * what layers take to their weights (SmoothQuant, arXiv 2211.10438). */
#define TRO_QUANT_N_RECIPES 5

/* factors: of each channel of the chain, the greatest magnitudes of which are in peaks. The
 * greatest of these stays as it is. weights_peaks: room for two numbers a channel. False: factors
 * are near 1, or the recipe is not for this chain. */
bool tro_quant_recipe(const struct tro_quant *q, const struct tro_quant_chain *c, int recipe,
                      const float *peaks, float *weights_peaks, float *factors);

enum tro_quant_repair_kind tro_quant_recipe_kind(int recipe);

#endif
