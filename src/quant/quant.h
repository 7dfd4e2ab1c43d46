/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantization of a graph to 8 bits (docs/quantization.md): what the builder asks for, one call for
 * each stage.
 *
 *     create ── repair ── observe each sample ── bound ── probe some samples ── choose ── make
 *
 * Samples are inputs of the graph in their order, dense. All names are those of the graph.
 */
#ifndef TRO_QUANT_QUANT_H
#define TRO_QUANT_QUANT_H

#include "graph/graph.h"
#include "quant/bound.h"

/* Integers that stand for a tensor: saturate(round(x / scale) + zero). */
struct tro_quant_form {
    enum tro_dtype dtype; /* u8, or i8 whose zero is 0 */
    float scale;
    int zero;
};

/* Tensors that share scale and zero. */
struct tro_quant_group {
    const char *name; /* of its first source */
    bool
        is_wanted; /* a layer takes one of them, or one is between layers (struct tro_quant_link) */
    struct tro_stats stats;
    bool is_unsigned; /* never negative: u8 from 0, else i8 around 0 */
    double bounds[TRO_N_BOUNDS];
    double errors[TRO_N_BOUNDS]; /* of the layers that take it, summed; NaN: not probed */
    enum tro_bound chosen;
    struct tro_quant_form form;
};

/* A value that is not a move of others of its group: quantize stands behind it. */
struct tro_quant_source {
    tro_value_id value;
    int group;
};

/* A convolution or matrix product with constant weights. */
struct tro_quant_layer {
    tro_node_id node;
    const char *name;            /* of its result */
    int group;                   /* of what it takes */
    double n_macs;               /* of a sample */
    bool is_int;                 /* the caller may change it before make */
    const char *why;             /* it is not; NULL: it is */
    double errors[TRO_N_BOUNDS]; /* |y - y of integers|^2 / |y|^2 over the probed samples */
    double *shift; /* for each bound and channel: mean of y - y of integers. NULL: no bias */
    int n_channels;
};

/* What lies between layers and would be computed in floating point of which backends have last bits
 * of their own: a function of one tensor (SiLU, GELU, sigmoid), whose argument is quantized to 16
 * bits and its result too, or to the 8 that a layer takes; or linear resizing, both of whose sides
 * are of one group. */
struct tro_quant_link {
    tro_value_id from, to;
    bool is_curve;
};

/* Channels that were scaled, so that integers lose less. */
enum tro_quant_repair_kind { TRO_QUANT_EQUALIZATION, TRO_QUANT_MIGRATION };
extern const char *const tro_quant_repair_names[]; /* "equalization", "migration", NULL */
struct tro_quant_repair {
    enum tro_quant_repair_kind kind;
    const char *from, *to; /* results of the node that makes them and of the first layer that takes
                              them */
    int n_layers;          /* that take them */
    double before, after;  /* |y - y of integers|^2 / |y|^2 of these, their mean */
    const float *factors;  /* that the channels were divided by */
    int n_channels;
};

struct tro_quant {
    struct tro_arena arena;
    struct tro_graph *graph; /* prepared: floats, not fused */
    struct tro_quant_group *groups;
    struct tro_quant_source *sources;
    struct tro_quant_layer *layers;
    struct tro_quant_link *links;
    struct tro_quant_repair *repairs; /* in their order */
    size_t cap_repairs;
    int n_groups, n_sources, n_layers, n_links, n_repairs;
    int *group_of;     /* of each value of the graph; -1: none */
    size_t n_grouped;  /* values that it tells of */
    uint32_t *root_of; /* of each of n_rooted values: tro_quant_root */
    size_t n_rooted;
    int64_t n_observed, n_probed;
    /* private */
    struct tro_quant_watch *watch; /* of sources that are wanted */
    struct tro_quant_probes *probes;
};

/* The graph must outlive it. NULL with err filled. */
struct tro_quant *tro_quant_create(const struct tro_graph *g, struct tro_err *err);
void tro_quant_destroy(struct tro_quant *q);

/* Scales channels of tensors between layers where that lessens the error on these samples, which
 * lie one after the other with all their inputs. What the graph computes stays what it is but for
 * rounding, and where a clamp is reached that no sample reaches. Before anything is observed; may
 * be left out. */
int tro_quant_repair(struct tro_quant *q, const struct tro_tensor *samples, int n_samples,
                     struct tro_err *err);

/* A repair that was found before of the same graph, in the order they were found; `to` and n_layers
 * are not looked at. Factors are those of the arena, or live as long. */
int tro_quant_repair_again(struct tro_quant *q, const struct tro_quant_repair *r,
                           struct tro_err *err);

/* Adds a sample to the statistics. A value that is not finite is an error that names it. */
int tro_quant_observe(struct tro_quant *q, const struct tro_tensor *inputs, struct tro_err *err);

/* The bounds of each group. Concatenations whose parts reach about as far become one group. */
int tro_quant_bound(struct tro_quant *q, struct tro_err *err);

/* Computes each layer of a sample with each bound of its group. */
int tro_quant_probe(struct tro_quant *q, const struct tro_tensor *inputs, struct tro_err *err);

/* The bound with the least error of each group; the one of least squared error, with an
 * offset where that errs less, where none was probed. */
void tro_quant_choose(struct tro_quant *q);

/* How far outputs of the samples are off when this layer alone is in integers: of floats
 * |y - y of integers| / |y|, of others the share that differs, summed over the outputs, mean over
 * the samples. samples: inputs of each. */
int tro_quant_damage(const struct tro_quant *q, int layer, const struct tro_tensor *const *samples,
                     int n_samples, double *out, struct tro_err *err);

/* The same of the layers that say that they are in integers, all together: the greatest of an
 * output and a sample. */
int tro_quant_error(const struct tro_quant *q, const struct tro_tensor *const *samples,
                    int n_samples, double *out, struct tro_err *err);

/* The graph with its layers in integers, those that say so: a new one, whose constants are its own
 * and the graph's of create. */
struct tro_graph *tro_quant_make(const struct tro_quant *q, struct tro_err *err);

/* Greatest quantized magnitude of a group: 127, or 255 where it is unsigned. */
int tro_quant_levels(const struct tro_quant_group *g);

/* A group's integers at one of its bounds. Of a group without a tail (tro_stats_has_tail) the
 * offset ones are as max and mse. */
struct tro_quant_form tro_quant_form(const struct tro_quant_group *g, enum tro_bound bound);

/* The integers of least squared error. */
struct tro_quant_form tro_quant_form_find(const struct tro_stats *s);

/* Axis of the channels of weights, of what a layer takes, of its result. */
int tro_quant_weight_axis(const struct tro_graph *g, const struct tro_node *n);
int tro_quant_input_axis(const struct tro_graph *g, const struct tro_node *n);
int tro_quant_result_axis(const struct tro_graph *g, const struct tro_node *n);

#endif
