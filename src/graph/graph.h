/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The graph: values (tensors) and nodes (operators) in blocks.
 *
 *     graph ── blocks[0] (main) ── nodes in order ── inputs, outputs: value ids
 *                  └── an `if` node owns two more blocks, `loop` and `scan` one
 *
 * A value is a constant (data), an input of a block, or an output of one node. Constants belong to
 * the graph and are used from any block; every other value is used only in its own block: what a
 * block needs from outside comes in as inputs at its end ("captures"), which the owning node takes
 * as its last inputs. Nodes stand in an order in which every value is made before it is used.
 *
 * All memory is the arena's; ids stay valid while the graph lives. Removed nodes keep their id and
 * are in no block. Functions that return int or an id may fail only for want of memory or because
 * the arguments contradict each other (err says which).
 */
#ifndef TRO_GRAPH_GRAPH_H
#define TRO_GRAPH_GRAPH_H

#include <trocar/trocar.h>

#include "base/arena.h"
#include "graph/dim.h"
#include "graph/op.h"

typedef struct {
    uint32_t i; /* 0 = none: an absent optional input, an output nobody asked for */
} tro_value_id;
typedef struct {
    uint32_t i; /* 0 = none */
} tro_node_id;
typedef struct {
    uint32_t i; /* 0 = none; the main block is 1 */
} tro_block_id;

#define TRO_VALUE_NONE ((tro_value_id){0})
#define TRO_NODE_NONE ((tro_node_id){0})
#define TRO_BLOCK_NONE ((tro_block_id){0})
#define TRO_MAIN_BLOCK ((tro_block_id){1})

struct tro_shape {
    int32_t rank; /* -1: unknown, dims are then unused */
    tro_dim dim[TRO_MAX_RANK];
};

struct tro_value {
    const char *name; /* unique in the graph, never NULL */
    bool is_name_made_up;
    enum tro_dtype dtype;
    struct tro_shape shape;
    const void *data;     /* constants: dense elements; NULL otherwise. Aligned to the element */
    const tro_dim *elems; /* integer values of at most TRO_MAX_INTS elements whose contents are
                               known as sizes: one for each element; NULL when not known */
    tro_block_id block;   /* where it may be used; none for constants: anywhere */
    tro_node_id def;      /* the node that makes it; none for constants and block inputs */
};

struct tro_node {
    enum tro_op op;
    const char *name;   /* of the model's node it comes from; "" when there is none */
    tro_block_id block; /* none when removed */
    uint32_t n_in, n_out;
    tro_value_id *in; /* trailing absent inputs are cut off */
    tro_value_id *out;
    const void *attrs; /* struct tro_attrs_<set of op>, never NULL */
    tro_block_id blocks[2];
};

struct tro_block {
    tro_node_id owner; /* none for the main block */
    tro_value_id *inputs;
    size_t n_inputs, cap_inputs;
    tro_value_id *outputs;
    size_t n_outputs, cap_outputs;
    tro_node_id *nodes; /* in order */
    size_t n_nodes, cap_nodes;
};

struct tro_graph {
    struct tro_arena arena;
    struct tro_dims dims;
    const char *name;
    struct tro_value *values; /* index 0 unused */
    size_t n_values, cap_values;
    struct tro_node *nodes; /* index 0 unused */
    size_t n_nodes, cap_nodes;
    struct tro_block *blocks; /* index 0 unused */
    size_t n_blocks, cap_blocks;
    struct tro_map names; /* value names in use */
};

struct tro_graph *tro_graph_create(const char *name, struct tro_err *err);
void tro_graph_destroy(struct tro_graph *g);

/* Valid until the next value, node or block is added. */
struct tro_value *tro_value_get(const struct tro_graph *g, tro_value_id v);
struct tro_node *tro_node_get(const struct tro_graph *g, tro_node_id n);
struct tro_block *tro_block_get(const struct tro_graph *g, tro_block_id b);

static inline bool tro_value_eq(tro_value_id a, tro_value_id b)
{
    return a.i == b.i;
}
static inline bool tro_is_const(const struct tro_graph *g, tro_value_id v)
{
    return v.i && tro_value_get(g, v)->data;
}

/* ---- mutators -------------------------------------------------------------------------- */

/* An input at the end of a block's inputs. An empty or taken name gets a suffix. */
int tro_graph_add_input(struct tro_graph *g, tro_block_id b, const char *name, enum tro_dtype dtype,
                        const struct tro_shape *shape, tro_value_id *out, struct tro_err *err);

/* A constant; t->data is kept, not copied: it must live as long as the graph (use
 * tro_graph_add_const_copy otherwise). Small integer constants get their elems. */
int tro_graph_add_const(struct tro_graph *g, const char *name, const struct tro_tensor *t,
                        tro_value_id *out, struct tro_err *err);
int tro_graph_add_const_copy(struct tro_graph *g, const char *name, const struct tro_tensor *t,
                             tro_value_id *out, struct tro_err *err);

/* A block without owner yet; the node made with it becomes its owner. */
int tro_graph_add_block(struct tro_graph *g, tro_block_id *out, struct tro_err *err);
int tro_block_add_output(struct tro_graph *g, tro_block_id b, tro_value_id v, struct tro_err *err);
/* n outputs where output i was; n may be 0. */
int tro_block_replace_output(struct tro_graph *g, tro_block_id b, size_t i, const tro_value_id *v,
                             size_t n, struct tro_err *err);

struct tro_node_spec {
    enum tro_op op;
    const char *name;  /* NULL = "" */
    const void *attrs; /* copied; NULL = all default */
    uint32_t n_in, n_out;
    const tro_value_id *in;       /* copied */
    const char *const *out_names; /* NULL, or n_out names, NULL entries are made up */
    tro_block_id blocks[2];       /* control only */
    tro_node_id before;           /* none = at the end of the block */
};

/* Adds a node and its outputs: arity is checked and shapes are inferred (graph/infer.h), so a node
 * that exists is consistent. out receives n_out ids. */
int tro_graph_add_node(struct tro_graph *g, tro_block_id b, const struct tro_node_spec *spec,
                       tro_value_id *out, struct tro_err *err);

/* Every use of `from` in the graph becomes `to`, block outputs included. */
void tro_graph_replace_uses(struct tro_graph *g, tro_value_id from, tro_value_id to);

/* Gives a value that has a made-up name ("" when it was added, or a node's output without name)
 * this one, with a suffix when it is taken; a value that was named before keeps its name. */
int tro_graph_rename(struct tro_graph *g, tro_value_id v, struct tro_str name, struct tro_err *err);

/* `to` gets the name of `from`, whose name becomes a made-up one: for a value that is replaced by
 * an equal one. */
int tro_graph_take_name(struct tro_graph *g, tro_value_id to, tro_value_id from,
                        struct tro_err *err);

/* The value's shape becomes this one, which must be true of it. No constants. */
void tro_graph_refine(struct tro_graph *g, tro_value_id v, const struct tro_shape *shape);

/* Input i of a node, which it has, becomes v: usable in its block, made before it, and of a type
 * and shape that leave the outputs' as they are. */
void tro_graph_set_input(struct tro_graph *g, tro_node_id n, uint32_t i, tro_value_id v);

/* Takes a node out of its block; its outputs must have no use left. */
void tro_graph_remove_node(struct tro_graph *g, tro_node_id n);

/* Makes output i of a node one that nobody asked for; its value must have no use. */
void tro_graph_drop_output(struct tro_graph *g, tro_node_id n, uint32_t i);

/* ---- questions ------------------------------------------------------------------------- */

/* Counts uses of each value: uses[v.i], block outputs counted; array of g->n_values. */
void tro_graph_count_uses(const struct tro_graph *g, uint32_t *uses);

/* Elements of the value, TRO_DIM_MAX bound where unknown; bytes likewise. */
int64_t tro_value_max_elems(const struct tro_graph *g, tro_value_id v);

/* A constant's tensor view; the value must be a constant. */
struct tro_tensor tro_const_tensor(const struct tro_graph *g, tro_value_id v);

/* "f32[1,3,H,W]", "i64[]" for a scalar, "f32[*]" where the rank is unknown. */
void tro_value_print_type(const struct tro_graph *g, tro_value_id v, struct tro_buf *out);

/* Results hold elements of input 0 as they are and no others: moves, pooling by maximum, nearest
 * resizing. Not concatenations, which have several such inputs, nor padding. */
bool tro_node_takes_elements(const struct tro_node *n);

/* ---- whole-graph ----------------------------------------------------------------------- */

/* Every rule of this header, and inference again for each node: TRO_E_INTERNAL with the place. */
int tro_graph_verify(const struct tro_graph *g, struct tro_err *err);

/* Sizes of an input that a clone shall have, inclusive bounds of each axis: lo = hi pins it. */
struct tro_clone_shape {
    int rank; /* -1: as it is */
    int64_t lo[TRO_MAX_RANK], hi[TRO_MAX_RANK];
};

/* A copy of the graph with the same names. Data of constants is shared: the source must live as
 * long as the clone. inputs: NULL, or one for each input of the main block; then the symbols in
 * their sizes get these bounds or values everywhere, and all shapes are inferred again. A shape
 * that contradicts the input's fails with TRO_E_INPUT. NULL on failure. */
struct tro_graph *tro_graph_clone(const struct tro_graph *g, const struct tro_clone_shape *inputs,
                                  struct tro_err *err);

/* Infers all shapes again from those of the inputs, so that what became known of one value reaches
 * those that follow from it. All ids change; after a failure the graph is as it was. */
int tro_graph_infer_again(struct tro_graph *g, struct tro_err *err);

/*
 * Text form: see docs/graph-text.md. print gives text that parse reads back to an equal graph.
 * max_const: constants of more elements print as `...` and cannot be parsed; negative = no limit.
 */
void tro_graph_print(const struct tro_graph *g, int64_t max_const, struct tro_buf *out);
/* name stands in messages ("file:line: ..."). */
struct tro_graph *tro_graph_parse(struct tro_str text, const char *name, struct tro_err *err);
/* With constants apart from the text: graph/weights.h. */

#endif
