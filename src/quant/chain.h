/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/quant: tensors whose channels can be scaled by constants without a change of what the
 * network computes. A node with constants makes the channels smaller, operators that are
 * homogeneous hand them on, and the weights of all layers that take them make up for it:
 *
 *     conv, w / s, bias / s ──► relu, max pool, .. ──► conv, w * s
 *     normalize ──► * gamma / s ──► + beta / s ──► matmul, w * s
 *     x * (gate / s), one gate a channel ──► conv, w * s
 */
#ifndef TRO_QUANT_CHAIN_H
#define TRO_QUANT_CHAIN_H

#include "quant/quant.h"

/* Input `input` of a node. */
struct tro_quant_place {
    tro_node_id node;
    uint32_t input;
};

/* A constant whose elements along the axis of the node's result are divided. */
struct tro_quant_divided {
    struct tro_quant_place place;
    int axis;
};

struct tro_quant_chain {
    tro_node_id root;
    int root_layer;               /* -1: a product with constants or gates */
    struct tro_quant_place gates; /* of each channel, computed: they are divided; node 0: none */
    int n_channels;
    struct tro_quant_divided *divided;
    struct tro_quant_place *limits; /* of min, reached by no sample: constants of one element */
    int *layers;                    /* that take the channels */
    int n_divided, n_limits, n_layers;
};

/* All chains of the graph, in order of their roots. Statistics tell which limits are reached; of
 * what they say nothing about, none is. */
int tro_quant_chains_find(const struct tro_quant *q, struct tro_arena *arena,
                          struct tro_quant_chain **out, int *n_out, struct tro_err *err);

/* Divides the channels by the factors and multiplies the layers' weights. New constants take the
 * names of the old ones. */
int tro_quant_chain_apply(struct tro_quant *q, const struct tro_quant_chain *c,
                          const float *factors, struct tro_err *err);

/* w: the weights of a layer that takes the channels, whose factors they are multiplied by. */
void tro_quant_multiply_weights(const struct tro_graph *g, tro_node_id layer, struct tro_tensor *w,
                                const float *factors);
/* The greatest magnitude of weights for each channel that a layer takes, where greater than what
 * stands there. */
void tro_quant_taken_peaks(const struct tro_graph *g, tro_node_id layer, float *peaks);
/* The same for the channels that a layer makes. */
void tro_quant_made_peaks(const struct tro_graph *g, tro_node_id layer, float *peaks);

#endif
