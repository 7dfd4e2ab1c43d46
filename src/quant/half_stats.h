/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tensor of f32 would lose if it were stored in 16 bits, over many samples. What is found
 * does not depend on their order, but for the last bits of sums and which of equal samples is
 * named.
 */
#ifndef TRO_QUANT_HALF_STATS_H
#define TRO_QUANT_HALF_STATS_H

#include <stdbool.h>

#include "base/arena.h"
#include <trocar/trocar.h>

#define TRO_F16_MAX 65504.0f       /* the greatest; beyond is infinity */
#define TRO_F16_NORMAL 0x1p-14f    /* below it fewer bits are left */
#define TRO_F16_VANISHING 0x1p-25f /* from here on what is left is 0 */

struct tro_half_channel {
    int64_t n;
    double sum, square;
};

struct tro_half_stats {
    bool is_bf16;
    int64_t n;              /* finite elements */
    int64_t n_zero;         /* of them */
    int64_t n_nan, n_up;    /* NaN, infinity. Minus infinity is what masks are made of */
    int64_t bad_sample;     /* the first that has one; -1: none */
    float peak, least;      /* greatest magnitude, least that is not 0; infinite: there is none */
    int64_t peak_sample;    /* where the greatest was first found */
    double square;          /* sum of squares */
    double error;           /* of what rounding takes from them, where it makes no infinity */
    double small, vanished; /* of those below TRO_F16_NORMAL, TRO_F16_VANISHING */
    double worst;           /* the greatest part of its squares that a sample loses */
    int64_t worst_sample;
    int n_channels; /* at least 1 */
    struct tro_half_channel *channels;
};

/* n_channels 0: they are not told apart. The memory is the arena's. */
int tro_half_stats_init(struct tro_half_stats *s, bool is_bf16, int n_channels,
                        struct tro_arena *arena, struct tro_err *err);

/* A tensor of f32, channels along the axis; a tensor with other sizes there is of one channel. */
void tro_half_stats_add(struct tro_half_stats *s, const struct tro_tensor *t, int axis,
                        int64_t sample);

/* Sum of squares of what elements are away from their channel's mean. */
double tro_half_stats_deviation(const struct tro_half_stats *s);

/* x as f16 or bf16 holds it. */
float tro_half_round(float x, bool is_bf16);

#endif
