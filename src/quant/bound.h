/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds: the magnitude that the greatest quantized value stands for. What is greater is cut off.
 *
 *   max          nothing is cut off
 *   percentile   0.01 % of the elements are
 *   mse          the least mean of (x - quantized x)^2
 *   kl           the least relative entropy of the histogram to the one of its quantized values, as
 *                TensorRT's calibrator had it (S. Migacz, 8-bit inference with TensorRT, GTC 2017)
 *   offset       as max, but the quantized values reach from the least element to the greatest and
 *                not as far to both sides, which SiLU and its like do not need
 *   offset-mse   as mse, cut off at the least and the greatest element
 */
#ifndef TRO_QUANT_BOUND_H
#define TRO_QUANT_BOUND_H

#include "quant/stats.h"

#define TRO_BOUNDS(X)           \
    X(MAX, "max")               \
    X(PERCENTILE, "percentile") \
    X(MSE, "mse")               \
    X(KL, "kl")                 \
    X(OFFSET, "offset")         \
    X(OFFSET_MSE, "offset-mse")

enum tro_bound {
#define TRO_BOUND_ENUM(id, name) TRO_BOUND_##id,
    TRO_BOUNDS(TRO_BOUND_ENUM)
#undef TRO_BOUND_ENUM
        TRO_N_BOUNDS
};
extern const char *const tro_bound_names[TRO_N_BOUNDS + 1]; /* ends with NULL */

/* n_levels: quantized magnitudes, 127 or 255. Each is above 0, unless all elements are 0: then they
 * are 1. */
void tro_bounds_find(const struct tro_stats *s, int n_levels, double out[TRO_N_BOUNDS]);

/* Where elements that are cut off at a bound end; 0 lies between. */
struct tro_bound_ends {
    double low, high;
};
struct tro_bound_ends tro_bound_ends(const struct tro_stats *s, double bound);

/* The bounds mse and offset-mse by themselves. */
double tro_bound_least_mse(const struct tro_stats *s, int n_levels);
double tro_bound_offset_mse(const struct tro_stats *s);

/* Mean of (x - quantized x)^2 at a bound, from the histogram. */
double tro_bound_mse(const struct tro_stats *s, int n_levels, double bound);

#endif
