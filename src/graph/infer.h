/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types and shapes of results. One function for each `infer` column of ops.def serves twice: when a
 * node is added (sizes may be expressions, few contents are known) and at run time (all sizes and
 * contents are known), so that the two cannot disagree.
 *
 * A function checks types and shapes of its inputs, and fills dtype and shape of each output
 * (call->out[i].is_wanted or not). Messages say what was expected and found, without the node's
 * name: the caller puts it in front.
 */
#ifndef TRO_GRAPH_INFER_H
#define TRO_GRAPH_INFER_H

#include "graph/graph.h"

struct tro_operand {
    enum tro_dtype dtype; /* TRO_DTYPE_NONE: absent */
    struct tro_shape shape;
    const void *data;     /* contents, when known as constants */
    const tro_dim *elems; /* contents of small integer tensors, when known as sizes */
};

struct tro_infer_call {
    struct tro_dims *dims;
    const struct tro_graph *graph; /* for control operators */
    const struct tro_dim_env *env; /* run time: values of symbols in attributes; NULL before */
    enum tro_op op;
    const void *attrs;
    const tro_block_id *blocks;
    int n_in, n_out;
    const struct tro_operand *in; /* at least in_max of the op or n_in entries, absent ones zero */
    struct tro_operand *out;      /* n_out entries, zeroed */
    struct tro_err *err;
};

typedef int tro_infer_fn(struct tro_infer_call *c);

/* Runs the op's function after arity checks, then fills out[].elems where contents follow
 * (graph/elems.c); elems memory comes from dims->arena. Outputs come to the function with rank -1,
 * and sizes that cannot be (negative, or more bytes than memory has addresses) are refused after
 * it. At run time (env is set) no elems are made and every size must be a constant. */
int tro_infer(struct tro_infer_call *c);

/* tro_infer_<infer>: one for each name in the infer column. */
#define OP(id, text, in_min, in_max, out_min, out_max, kind, attrs, infer, ref, doc) \
    tro_infer_fn tro_infer_##infer;
#include "graph/ops.def"
#undef OP

/* ---- for infer functions --------------------------------------------------------------- */

/* True when every present input has a known rank, as at run time. A function sets the types of its
 * outputs, returns 0 when this is false (the outputs' ranks stay unknown), then looks at shapes. */
bool tro_ranks_known(const struct tro_infer_call *c);

/* Present? (index may be beyond n_in) */
bool tro_has(const struct tro_infer_call *c, int i);

/* Contents of integer input i (at most TRO_MAX_INTS elements) as sizes, or as constants, cut to
 * +-TRO_DIM_MAX. False when not known. */
bool tro_known_dims(const struct tro_infer_call *c, int i, struct tro_dim_list *out);
bool tro_known_ints(const struct tro_infer_call *c, int i, struct tro_ints *out);
/* One-element input i as a number. */
bool tro_known_f64(const struct tro_infer_call *c, int i, double *out);

/* A size in an attribute: itself, or its value at run time. */
tro_dim tro_attr_dim(const struct tro_infer_call *c, tro_dim d);

/* A size that depends on data, at most hi: a fresh symbol; at run time hi itself (the kernel then
 * says the extent). */
tro_dim tro_unknown_dim(struct tro_infer_call *c, tro_dim hi);
/* A fresh symbol without bound. At run time an error of ours: contents are known then. */
tro_dim tro_free_dim(struct tro_infer_call *c);

/* Axis in [-rank, rank) to [0, rank); fails with a message. */
int tro_norm_axis(const struct tro_infer_call *c, int64_t axis, int rank, int *out);
/* The same for a list; duplicates fail. */
int tro_norm_axes(const struct tro_infer_call *c, const struct tro_ints *axes, int rank, int *out);

/* Output i := type and shape of input j. */
void tro_out_like(struct tro_infer_call *c, int i, int j);

/* Sizes that must be equal: fails when both are constants that differ; otherwise gives the more
 * precise one. what: "channels of w". */
int tro_same_dim(const struct tro_infer_call *c, tro_dim a, tro_dim b, const char *what,
                 tro_dim *out);
/* numpy broadcasting of two shapes. */
int tro_broadcast(const struct tro_infer_call *c, const struct tro_shape *a,
                  const struct tro_shape *b, struct tro_shape *out);

/* Fails unless the type is in the set: a mask of TRO_T_FLOAT.. below or 1 << dtype. */
#define TRO_T(d) (UINT32_C(1) << (d))
#define TRO_T_FLOAT (TRO_T(TRO_F32) | TRO_T(TRO_F16) | TRO_T(TRO_BF16) | TRO_T(TRO_F64))
#define TRO_T_SINT (TRO_T(TRO_I8) | TRO_T(TRO_I16) | TRO_T(TRO_I32) | TRO_T(TRO_I64))
#define TRO_T_UINT (TRO_T(TRO_U8) | TRO_T(TRO_U16) | TRO_T(TRO_U32) | TRO_T(TRO_U64))
#define TRO_T_INT (TRO_T_SINT | TRO_T_UINT)
#define TRO_T_BOOL TRO_T(TRO_BOOL)
#define TRO_T_NUMBER (TRO_T_FLOAT | TRO_T_INT)
#define TRO_T_INDEX (TRO_T(TRO_I32) | TRO_T(TRO_I64))
#define TRO_T_8BIT (TRO_T(TRO_I8) | TRO_T(TRO_U8))
#define TRO_T_NARROW                                                                           \
    (TRO_T(TRO_F8E4M3FN) | TRO_T(TRO_F8E4M3FNUZ) | TRO_T(TRO_F8E5M2) | TRO_T(TRO_F8E5M2FNUZ) | \
     TRO_T(TRO_F4E2M1))
#define TRO_T_ANY ((UINT32_C(1) << TRO_N_DTYPES) - 2)
int tro_want_type(const struct tro_infer_call *c, int i, uint32_t set);
int tro_want_same_type(const struct tro_infer_call *c, int i, int j);
int tro_want_rank(const struct tro_infer_call *c, int i, int lo, int hi);

/* ---- windows: shared by infer functions and kernels ------------------------------------- */

/* Output size of a convolution or pooling axis, and the resolved pads. kernel is the undilated
 * size. ceil_mode as in ONNX AveragePool and MaxPool: windows that start in the end padding are
 * dropped. */
struct tro_window {
    int64_t kernel, stride, dilation, pad_begin, pad_end;
    enum tro_auto_pad auto_pad;
    bool ceil_mode;
};
tro_dim tro_window_out(struct tro_dims *t, tro_dim in, const struct tro_window *w);
/* Resolves auto_pad for a known input size into pad_begin and pad_end. */
void tro_window_resolve(struct tro_window *w, int64_t in);

#endif
