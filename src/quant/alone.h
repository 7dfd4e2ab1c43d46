/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: a layer by itself, on elements as integers stand for them. */
#ifndef TRO_QUANT_ALONE_H
#define TRO_QUANT_ALONE_H

#include "quant/engine.h"
#include "quant/quant.h"

struct tro_quant_alone {
    struct tro_quant_engine engine;
    bool is_quantized;
};

/* Of a layer of g, for x of this shape. weights: f32 of the shape of its own. is_quantized: what it
 * takes is quantized in each run. On failure nothing is left to finish. */
int tro_quant_alone_init(struct tro_quant_alone *a, const struct tro_graph *g, tro_node_id layer,
                         const struct tro_tensor *x, const struct tro_tensor *weights,
                         bool is_quantized, struct tro_err *err);
void tro_quant_alone_finish(struct tro_quant_alone *a);

/* y is valid until the next run. form: NULL where it is not quantized. */
int tro_quant_alone_run(struct tro_quant_alone *a, const struct tro_tensor *x,
                        const struct tro_quant_form *form, struct tro_tensor *y,
                        struct tro_err *err);

/* Sums of y - found over samples. */
struct tro_quant_offs {
    int n_channels;
    double *sums; /* of each channel */
    double squares;
    int64_t n; /* elements of a channel */
};

void tro_quant_offs_add(struct tro_quant_offs *o, const struct tro_tensor *y,
                        const struct tro_tensor *found, int axis);

/* Squares that are left when the mean of each channel is made right, as a bias can. */
double tro_quant_offs_left(const struct tro_quant_offs *o);

#endif
