/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a network fit 16 bits? Values of the optimized graph that a GPU stores or multiplies as f16
 * or bf16 are looked at on data (docs/quantization.md).
 *
 *     create ── observe each sample ── judge, once or for several choices of layers that stay wide
 */
#ifndef TRO_QUANT_HALVES_H
#define TRO_QUANT_HALVES_H

#include "lower/lower.h"
#include "quant/half_stats.h"

enum tro_half_finding {
    TRO_HALF_FITS,
    TRO_HALF_LOSES,    /* rounding takes too much of it */
    TRO_HALF_NEAR,     /* above half of the greatest number */
    TRO_HALF_OVERFLOW, /* above it: infinity */
    TRO_HALF_BAD       /* NaN or infinite as it is */
};

struct tro_half_value {
    const char *name;
    const char *layer; /* that makes it; of weights and inputs of the network one that takes it */
    bool is_weight;
    bool is_stored; /* by its maker, in 16 bits; else only where a product takes it */
    int maker;      /* index in the main block; -1: an input or weights */
    struct tro_half_stats stats;
    /* private */
    tro_value_id id; /* of the optimized graph */
    int shown;       /* among those that are watched; -1: none */
    enum tro_half_finding finding;
    bool is_narrow; /* by the last judgement */
};

struct tro_halves {
    struct tro_half_value *values; /* in the order they are made; weights where they are used */
    int n_values;
    int64_t n_samples;
    const char **samples; /* names */
    int n_unseen;         /* values that were not looked at, in blocks of loops and branches */
    bool is_bf16;
    /* private */
    struct tro_arena arena;
    const struct tro_graph *graph;
    struct tro_half_watches *watches;
    size_t cap_samples, cap_values;
};

/* graph: as it is optimized for a plan; plain: the same but for the pass `fuse`, so that all values
 * can be seen. Both must outlive it. NULL with err filled. */
struct tro_halves *tro_halves_create(const struct tro_graph *graph, const struct tro_graph *plain,
                                     enum tro_precision precision, struct tro_err *err);
void tro_halves_destroy(struct tro_halves *h);

/* Inputs of the graph in its order. A value that is NaN or infinite is an error that names it. */
int tro_halves_observe(struct tro_halves *h, const struct tro_tensor *inputs, const char *sample,
                       struct tro_err *err);

/* What was found, of one value; text is for people. */
typedef void tro_half_report_fn(void *ctx, const struct tro_half_value *v,
                                enum tro_half_finding finding, const char *text);

/* Tells what does not fit where nodes of the main block stay at f32 that wide says (NULL: none).
 * What moves only hand on is told of once. Returns how many values overflow. */
int tro_halves_judge(struct tro_halves *h, const bool *wide, tro_half_report_fn *report, void *ctx);

/* Nodes that have to stay wide so that none of the values that judge found overflows: those that
 * make one, and those that take it. Added to wide. */
void tro_halves_widen(const struct tro_halves *h, bool *wide);

/* Squares of what rounding takes over squares of what a value is there for: what it strays from its
 * channel's mean, or all of weights and constants. */
double tro_half_loss(const struct tro_half_value *v);

/* The greatest of what judge found to be of 16 bits; NULL: there is none. */
const struct tro_half_value *tro_halves_greatest(const struct tro_halves *h);

#endif
