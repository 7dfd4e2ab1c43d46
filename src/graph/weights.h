/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants apart from the text of their graph. In such a text `data OFFSET` stands for the bytes
 * at that offset of one block of memory, in which each constant begins at a multiple of 64 and
 * equal ones are there once:
 *
 *     const %w : f32[64,3,7,7] = data 0          │ 37632 bytes of %w │ 0.. │ %b │ ...
 *     const %b : f32[64] = data 37632            0                   37632 (a multiple of 64)
 */
#ifndef TRO_GRAPH_WEIGHTS_H
#define TRO_GRAPH_WEIGHTS_H

#include "graph/graph.h"

#define TRO_WEIGHTS_ALIGN 64

struct tro_weight {
    const void *data; /* of a constant of the graph */
    size_t n_bytes, offset;
};

/* What the block is to hold. An all-zero struct is an empty one. */
struct tro_weights {
    struct tro_weight *items; /* by offset */
    size_t n, cap;
    size_t n_bytes; /* of the block: the end of the last item */
    struct tro_map known;
};
void tro_weights_finish(struct tro_weights *w);

/* Where these bytes are in the block; they are kept by address, as long as w. */
int tro_weights_add(struct tro_weights *w, const void *data, size_t n_bytes, size_t *offset);

/* Copies all items into memory of w->n_bytes; the gaps between them become zeros. */
void tro_weights_copy(const struct tro_weights *w, void *block);

/* As tro_graph_print without a limit, with the constants of more than max_listed elements in w. */
void tro_graph_print_apart(const struct tro_graph *g, int64_t max_listed, struct tro_weights *w,
                           struct tro_buf *out);

/* As tro_graph_parse, with the block that `data` stands for: aligned to 64, elements in the
 * machine's byte order. Constants view it, so that it must outlive the graph. */
struct tro_graph *tro_graph_parse_apart(struct tro_str text, const char *name, struct tro_str block,
                                        struct tro_err *err);

#endif
