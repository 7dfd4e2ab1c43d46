/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference kernels: plain loops, the golden truth, no speed. Sums of floating point are in double
 * and rounded once; integers are exact. One function for each `ref` column of ops.def.
 */
#ifndef TRO_REF_REF_H
#define TRO_REF_REF_H

#include "graph/graph.h"
#include "graph/infer.h"

struct tro_ref_call {
    enum tro_op op;
    const void *attrs;
    int n_in, n_out;
    const struct tro_tensor *in; /* absent inputs have TRO_DTYPE_NONE; padded to 8 entries */
    /* Outputs: type and shape from inference, data allocated for that shape. EXTENT kernels make
     * shape smaller; a kernel that must grow fails. Outputs nobody wants have data NULL. */
    struct tro_tensor *out;
    struct tro_arena *scratch; /* emptied after the call */
    struct tro_err *err;
};
typedef int tro_ref_fn(struct tro_ref_call *c);

/* Runs one node that is not CONTROL: inference with these inputs, allocation of the outputs with
 * tro_malloc_aligned (the caller frees out[i].data), the kernel. env may be NULL when attributes
 * hold no symbols. On failure no output is allocated. */
int tro_ref_eval(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                 int n_out, struct tro_tensor *out, const struct tro_dim_env *env,
                 const struct tro_dims *env_dims, struct tro_err *err);

/* The same without inference and allocation: types, shapes and memory of the outputs are given
 * (data NULL for those nobody wants). The node is neither CONTROL nor EXTENT and has no sizes among
 * its attributes. */
int tro_ref_eval_into(enum tro_op op, const void *attrs, int n_in, const struct tro_tensor *in,
                      int n_out, struct tro_tensor *out, struct tro_err *err);

/* Runs one node of any kind, with its blocks, on operands in its order (type none: absent). env
 * gives symbols their values and learns those that the results show. out is allocated with
 * tro_malloc_aligned (the caller frees each data). Messages name the node. */
int tro_ref_run_node(const struct tro_graph *g, tro_node_id id, struct tro_dim_env *env,
                     const struct tro_tensor *in, struct tro_tensor *out, struct tro_err *err);

/* ---- whole graphs ---------------------------------------------------------------------- */

/* Called after each node with its outputs; may be NULL. A negative return ends the run with it. */
typedef int tro_ref_tap(void *ctx, const struct tro_graph *g, tro_node_id node,
                        const struct tro_tensor *out, struct tro_err *err);

/* Runs the main block: inputs in its order, outputs allocated with tro_malloc_aligned (the caller
 * frees each data). Checks inputs against types and shapes, binds symbols. Intermediate tensors are
 * freed after their last use. Messages name the node. */
int tro_ref_run(const struct tro_graph *g, const struct tro_tensor *in, struct tro_tensor *out,
                tro_ref_tap *tap, void *tap_ctx, struct tro_err *err);

/* ---- for kernels ----------------------------------------------------------------------- */

/* Row-major strides in elements; 0 for axes of size 1 when broadcasting to `to` (right-aligned). */
void tro_ref_strides(const struct tro_tensor *t, int64_t strides[TRO_MAX_RANK]);
void tro_ref_bcast_strides(const struct tro_tensor *t, const struct tro_tensor *to,
                           int64_t strides[TRO_MAX_RANK]);
/* Advances a multi-index in row-major order; false after the last. */
bool tro_ref_next(const struct tro_tensor *shape, int64_t index[TRO_MAX_RANK]);
/* All elements as double in scratch; NULL when memory ran out. */
double *tro_ref_load_f64(struct tro_ref_call *c, const struct tro_tensor *t);
/* Integer contents of a parameter tensor (i32 or i64, at most TRO_MAX_INTS). */
int tro_ref_ints(struct tro_ref_call *c, int i, struct tro_ints *out);

#endif
