/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the importer share: the scopes in which names are looked up. */
#ifndef TRO_ONNX_IMPORT_STATE_H
#define TRO_ONNX_IMPORT_STATE_H

#include "base/bytes.h"
#include "base/map.h"
#include "onnx/import_call.h"

/* Depth of graphs in graphs and functions in functions. */
#define TRO_IMPORT_MAX_DEPTH 32

struct tro_import {
    struct tro_onnx_model *model;
    struct tro_graph *g;
    struct tro_err *err;
    struct tro_map functions;  /* domain, name and overload -> index */
    struct tro_map main_names; /* what nodes of the main graph make */
    struct tro_buf key;
    double size_left; /* what function bodies and repeated bodies may still expand to */
    double fold_elems_left, fold_work_left; /* what may still be computed while importing */
    int depth;
};

/* What a part of the file stands for in size_left: about its elements, weights in 16 bytes. */
double tro_import_node_size(const struct tro_onnx_node *n);
double tro_import_tensor_size(const struct tro_onnx_tensor *t);
double tro_import_model_size(const struct tro_onnx_model *m);
/* Takes from size_left; fails when the model multiplies itself. */
int tro_import_spend(struct tro_import *im, double size);

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
    struct tro_map names; /* -> value id */
    struct tro_map
        initializers;        /* -> index into graph->initializers, made into constants when used */
    struct tro_map captured; /* id of an outer value, as bytes -> index into captures */
    tro_value_id *captures;  /* outer values, in the order of the block's last inputs */
    size_t n_captures, cap_captures;
};

void tro_scope_finish(struct tro_scope *s);

/* Value of a name; none with rc < 0 when it cannot be found. Empty name: none, rc 0. */
int tro_scope_find(struct tro_import *im, struct tro_scope *s, struct tro_str name,
                   tro_value_id *out);
int tro_scope_set(struct tro_import *im, struct tro_scope *s, struct tro_str name, tro_value_id v);

/* Values are named by the main graph; in bodies by the body, as long as the main graph has no such
 * name; inside functions and branches put in place they have no names of their own, so that the
 * results can take those of the node. */
bool tro_scope_gives_name(const struct tro_import *im, const struct tro_scope *s,
                          struct tro_str name);

/* Imports nodes in order. */
int tro_import_nodes(struct tro_import *im, struct tro_scope *s, const struct tro_onnx_node *nodes,
                     size_t n);

/* Fills a scope's maps from a graph's initializers. */
int tro_scope_add_initializers(struct tro_import *im, struct tro_scope *s);

/* Contents of a value when they are known as constants; sizes are written into the graph's arena.
 * */
bool tro_import_known(struct tro_graph *g, tro_value_id id, struct tro_tensor *t);
/* Computes a node of small constants now. False when it is to be added as usual: something is not
 * known, it is too much, or it fails, which is an error only if the node is ever run. */
bool tro_import_fold(struct tro_import_call *c, enum tro_op op, const void *attrs,
                     const tro_value_id *in, int n_in, tro_value_id *out, int n_out);

/* Type and shape a value_info declares; symbols by name. */
int tro_import_declared(struct tro_import *im, const struct tro_onnx_value_info *vi,
                        enum tro_dtype *dtype, struct tro_shape *shape);

#endif
