/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the functions of onnx_map.def: each turns one ONNX node into nodes of ours.
 *
 * Errors are sticky: once c->rc is negative every helper does nothing and returns no value, so a
 * handler reads straight down and ends with `return c->rc;`. Every attribute the operator may have
 * must be asked for: one that nobody asked for is an error of the model.
 *
 *     int tro_import_hard_swish(struct tro_import_call *c)      // x * clamp(x / 6 + 1/2, 0, 1)
 *     {
 *         const tro_value_id x = tro_in_f32(c, 0);
 *         const tro_value_id t = tro_emit2(c, TRO_OP_ADD, tro_emit2(c, TRO_OP_MUL, x,
 *                                          tro_like(c, x, 1.0 / 6)), tro_like(c, x, 0.5));
 *         tro_set_out(c, 0, tro_emit2(c, TRO_OP_MUL, x, tro_emit_clamp(c, t, 0, 1)));
 *         return c->rc;
 *     }
 */
#ifndef TRO_ONNX_IMPORT_CALL_H
#define TRO_ONNX_IMPORT_CALL_H

#include "onnx/import.h"

struct tro_import; /* the whole import, import.c */
struct tro_scope;

struct tro_import_call {
    struct tro_import *im;
    struct tro_scope *scope;
    struct tro_graph *g;
    tro_block_id block;
    const struct tro_onnx_node *node;
    int64_t version;        /* of the node's domain, as the model imports it */
    int n_in, n_out;        /* as the node has them, trailing empty names included */
    const tro_value_id *in; /* TRO_VALUE_NONE where absent; at least 16 entries */
    tro_value_id *out;      /* to be filled where wanted */
    uint64_t attrs_used;
    int rc;
    struct tro_err *err;
};
typedef int tro_import_fn(struct tro_import_call *c);

#define ONNX_OP(domain, name, since, in_min, in_max, out_min, out_max, fn) \
    tro_import_fn tro_import_##fn;
#include "onnx/onnx_map.def"
#undef ONNX_OP

/* ---- failing --------------------------------------------------------------------------- */

/* Sets rc and the message once; the node is named in front by the caller. Returns rc. */
int tro_import_fail(struct tro_import_call *c, enum tro_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- inputs and outputs ---------------------------------------------------------------- */

bool tro_in_has(const struct tro_import_call *c, int i);
bool tro_out_wanted(const struct tro_import_call *c, int i);
/* Gives the node's output i its value; ignored where nobody wants it. The value takes the output's
 * ONNX name. */
void tro_set_out(struct tro_import_call *c, int i, tro_value_id v);

enum tro_dtype tro_dtype_of(const struct tro_import_call *c, tro_value_id v);
/* Rank, -1 when unknown (or after an error). */
int tro_rank_of(const struct tro_import_call *c, tro_value_id v);
/* The same, but an unknown rank is an error that names the input and the operator. */
int tro_rank_needed(struct tro_import_call *c, tro_value_id v);
tro_dim tro_dim_of(struct tro_import_call *c, tro_value_id v, int axis);
/* Normalizes an axis of a rank; error when outside [-rank, rank). */
int tro_axis_of(struct tro_import_call *c, int64_t axis, int rank);

/* Contents, when the value is a constant or its contents are known as constants; false otherwise
 * (no error). */
bool tro_known_const_f64(struct tro_import_call *c, tro_value_id v, double *out);
/* Any constant's tensor; false when it is none. */
bool tro_known_tensor(struct tro_import_call *c, tro_value_id v, struct tro_tensor *out);

/* ---- attributes ------------------------------------------------------------------------ */

bool tro_attr_has(struct tro_import_call *c, const char *name);
int64_t tro_attr_int(struct tro_import_call *c, const char *name, int64_t otherwise);
double tro_attr_float(struct tro_import_call *c, const char *name, double otherwise);
/* False and n = 0 when absent; more than TRO_MAX_INTS is an error. */
bool tro_attr_ints(struct tro_import_call *c, const char *name, struct tro_ints *out);
/* Zero-terminated, in the graph's arena. */
const char *tro_attr_str(struct tro_import_call *c, const char *name, const char *otherwise);
/* Position of the attribute's text among names (a NULL-terminated list, ONNX spelling); otherwise
 * when absent; an error that lists the names when it is none of them. */
int tro_attr_choice(struct tro_import_call *c, const char *name, const char *const *names,
                    int otherwise);
/* The raw attribute, marked as used; NULL when absent. For tensors, graphs and long lists. */
const struct tro_onnx_attr *tro_attr_raw(struct tro_import_call *c, const char *name);
/* Says that an attribute means nothing here. */
void tro_attr_ignore(struct tro_import_call *c, const char *name);
/* Element type attribute (TensorProto.DataType); an error for types we do not have. */
enum tro_dtype tro_attr_dtype(struct tro_import_call *c, const char *name,
                              enum tro_dtype otherwise);
/* A tensor attribute as a constant. */
tro_value_id tro_attr_tensor(struct tro_import_call *c, const struct tro_onnx_tensor *t);

/* ---- making values ---------------------------------------------------------------------- */

/* Adds a node with n_out outputs; attrs NULL = all default. Small results of constants are computed
 * at once. */
void tro_emit_n(struct tro_import_call *c, enum tro_op op, const void *attrs,
                const tro_value_id *in, int n_in, tro_value_id *out, int n_out);
/* One output. */
tro_value_id tro_emit(struct tro_import_call *c, enum tro_op op, const void *attrs,
                      const tro_value_id *in, int n_in);
tro_value_id tro_emit1(struct tro_import_call *c, enum tro_op op, tro_value_id x);
tro_value_id tro_emit2(struct tro_import_call *c, enum tro_op op, tro_value_id a, tro_value_id b);
tro_value_id tro_emit3(struct tro_import_call *c, enum tro_op op, tro_value_id a, tro_value_id b,
                       tro_value_id d);

/* Constants: a scalar of a type or of x's type, a vector of i64, any tensor (copied). */
tro_value_id tro_scalar(struct tro_import_call *c, enum tro_dtype dtype, double v);
tro_value_id tro_like(struct tro_import_call *c, tro_value_id x, double v);
tro_value_id tro_const_i64(struct tro_import_call *c, const int64_t *v, int n);
tro_value_id tro_const_i64_1(struct tro_import_call *c, int64_t v); /* vector of one */
tro_value_id tro_const_ints(struct tro_import_call *c, const struct tro_ints *v);
tro_value_id tro_const_any(struct tro_import_call *c, const struct tro_tensor *t);

/* Sizes as an i64 vector: a constant, or a `dims` node. */
tro_value_id tro_dims_vector(struct tro_import_call *c, const tro_dim *d, int n);

/* Frequent combinations. */
tro_value_id tro_emit_cast(struct tro_import_call *c, tro_value_id x, enum tro_dtype to);
tro_value_id tro_emit_clamp(struct tro_import_call *c, tro_value_id x, double lo, double hi);
tro_value_id tro_emit_reshape(struct tro_import_call *c, tro_value_id x, const tro_dim *d, int n);
tro_value_id tro_emit_transpose(struct tro_import_call *c, tro_value_id x, const int *perm,
                                int rank);
tro_value_id tro_emit_reduce(struct tro_import_call *c, tro_value_id x, enum tro_reduction kind,
                             const struct tro_ints *axes, bool keep_dims);
tro_value_id tro_emit_unsqueeze(struct tro_import_call *c, tro_value_id x, int64_t axis);
tro_value_id tro_emit_squeeze(struct tro_import_call *c, tro_value_id x, int64_t axis);
/* Rows [start, end) of one axis, constant bounds (end INT64_MAX = to the end). */
tro_value_id tro_emit_slice(struct tro_import_call *c, tro_value_id x, int axis, int64_t start,
                            int64_t end);
tro_value_id tro_emit_concat(struct tro_import_call *c, const tro_value_id *v, int n, int axis);
tro_value_id tro_emit_not(struct tro_import_call *c, tro_value_id x);

/* Composite operators on f16, bf16 work in f32: input i cast to f32 when it is narrower (f32 and
 * f64
 * stay), and the result back to the type of input i. */
tro_value_id tro_in_f32(struct tro_import_call *c, int i);
tro_value_id tro_back(struct tro_import_call *c, int i, tro_value_id v);

/* ---- blocks: Loop, Scan, If ------------------------------------------------------------- */

/* Imports a graph attribute into a new block whose first inputs have the given types, one for each
 * graph input. captures receives the values of the outer scope that it uses, which are its last
 * inputs. Memory is the graph's arena. */
struct tro_body {
    tro_block_id block;
    tro_value_id *captures;
    int n_captures;
};
struct tro_body_input {
    enum tro_dtype dtype;
    struct tro_shape shape;
    bool is_loose[TRO_MAX_RANK]; /* this size may change from iteration to iteration */
};
int tro_import_body(struct tro_import_call *c, const struct tro_onnx_graph *graph,
                    const struct tro_body_input *inputs, int n_inputs, struct tro_body *out);

#endif
