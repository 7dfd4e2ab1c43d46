/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lowering: a device-neutral graph and the values of its symbols become a program (lower/program.h)
 * for a backend.
 *
 * The driver walks the main block once. Each value gets a place: a buffer, an offset, strides.
 * Operators that only look at memory another way (reshape, transpose, slice, split, expand ...)
 * become views without a step. For the rest the backend's list of emitters is asked, best first; an
 * emitter takes the places of the inputs in the form its kernel wants (the driver puts a copy in
 * front where they are in another form), takes a place for the output, and adds steps.
 *
 *     value %x at buffer 3, f32[1,64,56,56], strides [200704,1,3584,64]       channels last
 *     value %t = transpose(%x)  the same buffer, strides permuted             no step
 *     value %c = concat(%a, %b) %a and %b were given places inside %c         no step
 *
 * A `fused` node comes to an emitter as its anchor with the nodes after it; when nobody takes it
 * its nodes are lowered one by one. What no emitter takes runs on the reference kernels.
 */
#ifndef TRO_LOWER_LOWER_H
#define TRO_LOWER_LOWER_H

#include "lower/program.h"

struct tro_lowering;
struct tro_packs;
struct tro_choices;
struct tro_libraries; /* cuda/library.h */

/* What an emitter is asked for. Blocks of `fused` nodes are seen through: inputs of nodes[i] are
 * mapped to values of the main block by the functions below. */
struct tro_lower_node {
    tro_node_id id;              /* in the main block */
    const struct tro_node *node; /* the anchor, or the only node; NULL: pointwise nodes alone */
    const void *attrs;           /* of node, sizes resolved to constants */
    const struct tro_node *const *epilogue; /* pointwise nodes after it, in order */
    int n_epilogue;
    const tro_value_id *out; /* results of the main-block node */
    int n_out;
    const tro_value_id *block_out; /* the same as values of the fused block; equal to out for a
                                      plain node */
    const char *name;
};

/* 1: steps were added and all outputs have places; 0: not for this one, nothing was changed that
 * matters; negative: failure. */
typedef int tro_emit_fn(struct tro_lowering *l, const struct tro_lower_node *n);

/* One row of a backend's list; rows of one operator are asked in their order. TRO_N_OPS stands for
 * pointwise nodes: single ones and regions without an anchor. */
struct tro_emitter {
    enum tro_op op;
    tro_emit_fn *emit;
    bool is_folding; /* asked while the node's first operand may be waiting (tro_lower_defer) */
};

/* A step that makes to = from, which may be stored in another floating-point type. */
typedef int tro_emit_copy_fn(struct tro_lowering *l, const struct tro_lower_node *n,
                             const struct tro_arg *to, const struct tro_arg *from);

struct tro_backend {
    const char *name;
    const struct tro_emitter *emitters;
    size_t n_emitters;
    tro_step_fn *copy;           /* out[0] = in[0], any strides; split by parts */
    tro_emit_copy_fn *emit_copy; /* instead, where a copy is more than a function of the host */
};

/* What values that the graph calls f32 are stored in and multiplied as, by backends that can.
 * TF32: stored as f32, multiplied with 10 bits of mantissa. FP16, BF16: stored as f16 or bf16, sums
 * in f32; inputs, outputs and constants stay f32. */
#define TRO_PRECISIONS(X) \
    X(FP32, "fp32")       \
    X(TF32, "tf32")       \
    X(FP16, "fp16")       \
    X(BF16, "bf16")

enum tro_precision {
#define TRO_PRECISION_ENUM(id, text) TRO_PRECISION_##id,
    TRO_PRECISIONS(TRO_PRECISION_ENUM)
#undef TRO_PRECISION_ENUM
};

const char *tro_precision_name(enum tro_precision precision);
/* False when there is none of that name. */
bool tro_precision_from_name(const char *name, enum tro_precision *out);
/* What a graph is computed at when a precision is asked for: FP32 where it has integer products. */
enum tro_precision tro_precision_for(const struct tro_graph *g, enum tro_precision precision);
/* What results may be off, as a part of the greatest value: 1e-4 for FP32. Where results are
 * choices (the index of the greatest score), as a part of their number. */
double tro_precision_allowance(enum tro_precision precision);

struct tro_lower_opts {
    const struct tro_backend *backend; /* NULL: everything on the reference kernels */
    enum tro_precision precision;      /* CPU: FP32 */
    int n_wide;           /* nodes of the main block, from the first, that stay at FP32 */
    const uint32_t *wide; /* indexes of more of them, in their order */
    size_t n_wides;
    int arch;                          /* CUDA: compute capability, 90 for 9.0 */
    int n_sms;                         /* CUDA: multiprocessors */
    uint32_t cpu_flags;                /* base/cpu.h */
    int n_threads;                     /* that will run it */
    const struct tro_choices *choices; /* of the tuner; NULL: first candidates */
    struct tro_libraries *libraries;   /* CUDA: of the device at hand, which outlive the program;
                                          NULL: kernels of our own alone */
    bool is_tuning;                    /* candidates of libraries are listed too */
    struct tro_packs *packs;           /* packed weights of the plan */
    bool keep_all; /* every value keeps its own memory to the end: steps can be run again alone */
};

/* symbols: values of the graph's symbols; sizes that they leave open make the program growing. */
struct tro_program *tro_lower(const struct tro_graph *g, const struct tro_dim_env *symbols,
                              const struct tro_lower_opts *opts, struct tro_err *err);

/* ---- for emitters: questions ------------------------------------------------------------- */

const struct tro_graph *tro_lower_graph(const struct tro_lowering *l);
uint32_t tro_lower_cpu(const struct tro_lowering *l);
int tro_lower_n_threads(const struct tro_lowering *l);
enum tro_precision tro_lower_precision(const struct tro_lowering *l);
int tro_lower_arch(const struct tro_lowering *l);
int tro_lower_n_sms(const struct tro_lowering *l);
struct tro_libraries *tro_lower_libraries(const struct tro_lowering *l); /* NULL: none */
bool tro_lower_is_tuning(const struct tro_lowering *l);
struct tro_err *tro_lower_err(const struct tro_lowering *l);
/* Lives as long as the program. */
struct tro_arena *tro_lower_arena(struct tro_lowering *l);

/* Type and sizes of a value (of the main block or inside a fused block); false when a size is known
 * only at run time. data is NULL. */
bool tro_lower_type(const struct tro_lowering *l, tro_value_id v, struct tro_tensor *t);
/* With its contents when the value is a constant; false otherwise. */
bool tro_lower_const(const struct tro_lowering *l, tro_value_id v, struct tro_tensor *t);
/* Contents of a small integer constant or of a value whose elements are known sizes (shapes, axes,
 * pads); false when not known. */
bool tro_lower_ints(const struct tro_lowering *l, tro_value_id v, struct tro_ints *out);

/* ---- for emitters: places ---------------------------------------------------------------- */

enum tro_form {
    TRO_FORM_ANY,           /* where it lies */
    TRO_FORM_DENSE,         /* row-major without gaps */
    TRO_FORM_ROWS,          /* stride 1 in the last axis, the others free */
    TRO_FORM_CHANNELS_LAST, /* stride 1 in axis 1, the others free (tro_arg_is_channels_last) */
    TRO_FORM_GUESS          /* outputs: as the driver expects it to be used */
};

/* Where input v lies, in this form: a copy step comes first where it lies otherwise (one for all
 * users of that form). Absent values are an error of the caller. */
int tro_lower_in(struct tro_lowering *l, tro_value_id v, enum tro_form form, struct tro_arg *out);

/* The same, stored as dtype: f32, f16 and bf16 are converted into each other where the backend has
 * emit_copy. */
int tro_lower_in_as(struct tro_lowering *l, tro_value_id v, enum tro_form form,
                    enum tro_dtype dtype, struct tro_arg *out);

/* Where a value lies now, without any copy. */
struct tro_arg tro_lower_place(const struct tro_lowering *l, tro_value_id v);

/* v is an output of the graph: its memory is dense and of its own type. */
bool tro_lower_is_output(const struct tro_lowering *l, tro_value_id v);

/* The form the driver expects value v to have (DENSE or CHANNELS_LAST). */
enum tro_form tro_lower_guess(const struct tro_lowering *l, tro_value_id v);

/* A place for output i of the node: part of a concatenation's memory where v is an input of one,
 * else a new buffer. A kernel that must write without gaps gives contiguous = true. */
int tro_lower_out(struct tro_lowering *l, const struct tro_lower_node *n, int i, enum tro_form form,
                  bool contiguous, struct tro_arg *out);

/* The same, stored as dtype whatever the precision says. */
int tro_lower_out_as(struct tro_lowering *l, const struct tro_lower_node *n, int i,
                     enum tro_form form, bool contiguous, enum tro_dtype dtype,
                     struct tro_arg *out);

/* What new memory of values of this type is stored as: f16 for f32 at FP16, else the type. */
enum tro_dtype tro_lower_stored(const struct tro_lowering *l, enum tro_dtype dtype);

/* Output i is a view of other memory. */
int tro_lower_view(struct tro_lowering *l, const struct tro_lower_node *n, int i,
                   const struct tro_arg *view);

/* Memory for the steps of this node alone: a vector of bytes. */
int tro_lower_temp(struct tro_lowering *l, size_t n_bytes, struct tro_arg *out);

/* Memory whose contents are fixed now; copied into the program. */
int tro_lower_table(struct tro_lowering *l, const void *data, size_t n_bytes, struct tro_arg *out);

/* Constant w in a kernel's own form, made once for a plan: `form` names it with all its parameters
 * ("conv_f32_n32"). fill is called when it is not there yet. dst is aligned to 64. */
typedef void tro_pack_fn(void *dst, const struct tro_tensor *w, const void *ctx);
int tro_lower_pack(struct tro_lowering *l, tro_value_id w, const char *form, size_t n_bytes,
                   tro_pack_fn *fill, const void *ctx, struct tro_arg *out);

/* ---- for emitters: nodes that wait ---------------------------------------------------------- */

/* n waits, and its value has no place yet: its only user, of the main block, has an emitter that is
 * folding, which may take n's operands instead. Where that one says no, n's emitters are asked
 * again, in front of the user. 1: it waits; 0: it cannot, or was asked again: the emitter goes
 * on. */
int tro_lower_defer(struct tro_lowering *l, const struct tro_lower_node *n);

/* For emitters that are folding: the node that makes v and waits; NULL: v has a place. */
const struct tro_node *tro_lower_deferred(const struct tro_lowering *l, tro_value_id v);

/* ---- for emitters: steps ----------------------------------------------------------------- */

/* A step with room for n_in + n_out args and params_size bytes of zeroed parameters at *params (may
 * be NULL with size 0). Fields the caller fills: in, out, n_parts, scratch_bytes, n_flops, inplace
 * (-1 until then). NULL when memory ran out (the error is set). */
struct tro_step *tro_lower_step(struct tro_lowering *l, const struct tro_lower_node *n,
                                const char *kernel, tro_step_fn *run, int n_in, int n_out,
                                size_t params_size, void *params);

/* Which of the named candidates to take (index): what the tuner found for the problem, else the
 * first. `problem` is a key of everything the time depends on: "conv f32 1x64x56x56 k3x3 s1x1 ...";
 * names end with NULL. The next step added for n carries both for the tuner. */
int tro_lower_pick(struct tro_lowering *l, const char *problem, const char *const *names);
/* What the tuner found for the problem; NULL: nothing. */
const char *tro_lower_choice(const struct tro_lowering *l, const char *problem);

/* ---- what the tuner found ----------------------------------------------------------------- */

/* problem -> candidate. All-zero is empty; texts are copied. */
struct tro_choices {
    struct tro_arena arena;
    struct tro_map map; /* problem -> index */
    const char **names;
    size_t n, cap;
};
void tro_choices_finish(struct tro_choices *c);
int tro_choices_set(struct tro_choices *c, const char *problem, const char *name);
const char *tro_choices_get(const struct tro_choices *c, const char *problem); /* NULL: none */

/* Candidates that are a library's have a blank in their name, ours have none. A problem whose
 * choice is a library's has a second one, of ours, under its text after TRO_CHOICE_OWN: where the
 * library is missing. */
bool tro_choice_is_library(const char *name);
#define TRO_CHOICE_OWN "own kernels: "

/* ---- packed weights ------------------------------------------------------------------------ */

/* Shared by the programs of one plan; locked inside, since sessions may lower at the same time. */
struct tro_packs *tro_packs_create(struct tro_err *err);
void tro_packs_destroy(struct tro_packs *p);
/* In all forms made so far. */
size_t tro_packs_n_bytes(struct tro_packs *p);

#endif
