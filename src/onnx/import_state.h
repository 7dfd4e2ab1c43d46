/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the importer share: the scopes in which names are looked up. */
#ifndef TRO_ONNX_IMPORT_STATE_H
#define TRO_ONNX_IMPORT_STATE_H

#include "onnx/import_call.h"

/* Depth of graphs in graphs and functions in functions. */
#define TRO_IMPORT_MAX_DEPTH 32

struct tro_import {
    struct tro_onnx_model *model;
    struct tro_graph *g;
    struct tro_err *err;
    size_t n_expanded;        /* nodes imported, function bodies counted each time */
    size_t max_expanded;
    int depth;
};

/* A function being expanded: attributes its nodes refer to. */
struct tro_import_frame {
    const struct tro_onnx_function *function;
    const struct tro_onnx_node *call;
    const struct tro_import_frame *caller; /* in whose terms the call's own references are */
};

/* Names of one graph or function body. A name that is not here is looked for in the parent, and
 * comes in as a capture where the parent's block is another one. */
struct tro_scope {
    struct tro_scope *parent; /* NULL for the main graph and for functions */
    const struct tro_import_frame *frame;
    const struct tro_onnx_graph *graph; /* initializers; NULL in functions */
    const struct tro_onnx_opset *opsets;
    size_t n_opsets;
    tro_block_id block;
    struct tro_map names;        /* -> value id */
    struct tro_map initializers; /* -> index into graph->initializers, made into constants when used */
    tro_value_id *captures;      /* outer values, in the order of the block's last inputs */
    size_t n_captures, cap_captures;
};

void tro_scope_finish(struct tro_scope *s);

/* Value of a name; none with rc < 0 when it cannot be found. Empty name: none, rc 0. */
int tro_scope_find(struct tro_import *im, struct tro_scope *s, struct tro_str name,
                   tro_value_id *out);
int tro_scope_set(struct tro_import *im, struct tro_scope *s, struct tro_str name, tro_value_id v);

/* Imports nodes in order. */
int tro_import_nodes(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *nodes,
                     size_t n);

/* Fills a scope's maps from a graph's initializers. */
int tro_scope_add_initializers(struct tro_import *im, struct tro_scope *s);

/* Type and shape a value_info declares; symbols by name. */
int tro_import_declared(struct tro_import *im, const struct tro_onnx_value_info *vi,
                        enum tro_dtype *dtype, struct tro_shape *shape);

#endif
