/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the functions of export.def: each writes one node of ours as one or some of ONNX.
 *
 * Errors are sticky: once x->rc is negative every helper does nothing and gives "" as a name, so
 * that a function reads straight down. Tensors are spoken of by their names in the model; "" is an
 * absent one. Attributes go to the node that was added last.
 *
 *     void tro_export_fmod(struct tro_export *x)
 *     {
 *         tro_export_direct(x);
 *         tro_export_int(x, "fmod", 1);
 *     }
 */
#ifndef TRO_ONNX_EXPORT_CALL_H
#define TRO_ONNX_EXPORT_CALL_H

#include "base/map.h"
#include "graph/graph.h"
#include "onnx/proto.h"

enum { TRO_EXPORT_MAX_INPUTS = 16 };

/* A size that has a name: a tensor of one element. */
struct tro_export_size {
    tro_dim dim;
    const char *name;
};

/* A graph of the model being filled. */
struct tro_export_scope {
    struct tro_export_scope *parent;
    struct tro_onnx_graph *graph;
    struct tro_export_size *sizes;
    size_t n_sizes, cap_sizes;
};

struct tro_export {
    const struct tro_graph *g;
    struct tro_onnx_model *m;
    struct tro_export_scope *scope;
    const struct tro_node *node;       /* being written */
    int64_t opset, ml_opset, ms_opset; /* the last two 0: their domain is not used */
    const char **names;                /* by value: its name in the model */
    bool *is_made;                     /* by value: something in the model has that name by now */
    bool *is_open;                     /* by block: its values may be used */
    bool *is_clipped;                  /* by node: a max that becomes part of a Clip */
    struct tro_map taken;              /* names of tensors that the graph does not have */
    struct tro_map node_names;
    int rc;
    struct tro_err *err;
};
typedef void tro_export_fn(struct tro_export *x);

struct tro_export_row {
    const char *onnx;
    int since, bf16;
    uint32_t types;
    tro_export_fn *fn;
};
/* NULL where the operator has no form in ONNX. */
const struct tro_export_row *tro_export_row(enum tro_op op);

#define EXPORT(id, onnx, since, bf16, types, fn) tro_export_fn tro_export_##fn;
#define ATTR(id, set, field, onnx, how)
#include "onnx/export.def"
#undef EXPORT
#undef ATTR

/* ---- failing --------------------------------------------------------------------------- */

/* Sets rc and the message once; the node is named in front. */
void tro_export_fail(struct tro_export *x, enum tro_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void tro_export_no_memory(struct tro_export *x);

/* ---- names ----------------------------------------------------------------------------- */

/* The name of a value that is about to be used: a constant becomes an initializer, and sizes are
 * computed, when they are first asked for. */
const char *tro_export_value(struct tro_export *x, tro_value_id v);
/* Input i of the node; "" when it is absent or beyond the last. */
const char *tro_export_in(struct tro_export *x, uint32_t i);
const char *tro_export_out(struct tro_export *x, uint32_t i);
/* A new name for what belongs to the node being written: "<its first output>_<suffix>". */
const char *tro_export_new_name(struct tro_export *x, const char *suffix);
/* The value behind input i, which is there. */
const struct tro_value *tro_export_in_value(const struct tro_export *x, uint32_t i);
/* Rank of input i; fails where it is not known. */
int tro_export_in_rank(struct tro_export *x, uint32_t i);

/* ---- nodes ----------------------------------------------------------------------------- */

/* Absent names at the end are left out. */
void tro_export_node(struct tro_export *x, const char *op, const char *const *in, size_t n_in,
                     const char *const *out, size_t n_out);
/* A node with one output of a new name, which is returned. */
const char *tro_export_emit(struct tro_export *x, const char *op, const char *const *in,
                            size_t n_in, const char *suffix);
const char *tro_export_emit1(struct tro_export *x, const char *op, const char *a,
                             const char *suffix);
const char *tro_export_emit2(struct tro_export *x, const char *op, const char *a, const char *b,
                             const char *suffix);
/* A node of this operator that makes the first output of ours. */
void tro_export_last(struct tro_export *x, const char *op, const char *const *in, size_t n_in);
/* A node of this operator with all inputs and outputs of ours, and the ATTR rows. */
void tro_export_as(struct tro_export *x, const char *op);
/* The ATTR rows of our node. */
void tro_export_attrs(struct tro_export *x);
const char *tro_export_cast_to(struct tro_export *x, const char *v, enum tro_dtype dtype);
/* The form needs this version of the default domain. */
void tro_export_need(struct tro_export *x, int64_t opset);

void tro_export_int(struct tro_export *x, const char *name, int64_t v);
void tro_export_float(struct tro_export *x, const char *name, double v);
void tro_export_text(struct tro_export *x, const char *name, const char *v);
void tro_export_ints(struct tro_export *x, const char *name, const int64_t *v, size_t n);
void tro_export_floats(struct tro_export *x, const char *name, const float *v, size_t n);
void tro_export_texts(struct tro_export *x, const char *name, const char *const *v, size_t n);
void tro_export_tensor_attr(struct tro_export *x, const char *name, const struct tro_tensor *t);
void tro_export_graph(struct tro_export *x, const char *name, struct tro_onnx_graph *g);
void tro_export_domain(struct tro_export *x, const char *domain);

/* ---- constants ------------------------------------------------------------------------- */

/* The elements must outlive the model. */
void tro_export_initializer(struct tro_export *x, const char *name, const struct tro_tensor *t);
/* The same of a new name. */
const char *tro_export_const(struct tro_export *x, const struct tro_tensor *t, const char *suffix);
const char *tro_export_const_i64(struct tro_export *x, const int64_t *v, size_t n,
                                 const char *suffix);
/* n times one number, as a vector; n = -1: a scalar. */
const char *tro_export_const_fill(struct tro_export *x, enum tro_dtype dtype, double v, int64_t n,
                                  const char *suffix);

/* ---- sizes ----------------------------------------------------------------------------- */

/* The value of a `dims` node. */
void tro_export_dims_value(struct tro_export *x, tro_value_id v);

/* ---- activations ----------------------------------------------------------------------- */

/* Fills is_clipped. */
void tro_export_find_clips(struct tro_export *x);

/* ---- graphs ---------------------------------------------------------------------------- */

/* Nodes of a block, into the graph at hand. */
void tro_export_block(struct tro_export *x, tro_block_id b);
/* Type and shape of a value. Symbols are told in the main graph alone. */
void tro_export_info(struct tro_export *x, tro_value_id v, const char *name, bool is_main,
                     struct tro_onnx_value_info *out);
bool tro_export_is_output(const struct tro_export *x, tro_value_id v);

#endif
