/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the pointwise generator (cuda/point.h).
 *
 *     point.c         a region's nodes become values, operands and lines of C++
 *     point_op.c      one operator as an expression; what it means is in kernels/point.cuh
 *     point_space.c   axes: order, merging, strides and vectors of operands
 *     point_text.c    the text: addresses, loads, lines, stores
 */
#ifndef TRO_CUDA_POINT_PROGRAM_H
#define TRO_CUDA_POINT_PROGRAM_H

#include "base/bytes.h"
#include "cuda/launch.h"
#include "cuda/point.h"

enum { TRO_POINT_MAX_IN = 24, TRO_POINT_MAX_OUT = 8 };
enum { TRO_POINT_BEYOND = -1000 }; /* a status of ours: not for this generator */

/* Values are named in the text: "v3", "0x1.8p+1f", "p.point.f2". */
struct tro_point_value {
    tro_value_id id;
    enum tro_dtype dtype; /* of the graph */
    char name[48];
    bool is_number; /* a constant of one element */
    double number;
};

/* How an operand lies along columns. */
enum tro_point_class { TRO_POINT_VECTOR, TRO_POINT_SAME, TRO_POINT_STRIDED };

struct tro_point_operand {
    struct tro_arg arg;
    enum tro_dtype dtype;         /* of the value; arg.dtype is how it is stored */
    bool is_const;                /* memory that no kernel writes */
    int value;                    /* that it is loaded as, or that is stored */
    int64_t stride[TRO_MAX_RANK]; /* along the axes of the space, in elements */
    enum tro_point_class class;
    int align; /* elements that a load may take at once */
};

struct tro_point_build {
    struct tro_lowering *l;
    int rank;
    int64_t shape[TRO_MAX_RANK];
    struct tro_point_value *values;
    int n_values, cap_values;
    struct tro_point_operand in[TRO_POINT_MAX_IN], out[TRO_POINT_MAX_OUT];
    int n_in, n_out;
    enum tro_dtype acc_dtype;
    bool is_fast;          /* functions may be approximations */
    struct tro_buf lines;  /* that compute the values of one element */
    struct tro_buf fields; /* members of struct tro_point_params: f0, f1 .. */
    struct tro_buf params; /* their values */
    int n_fields;
    double flops; /* of one element */
};

/* ---- point.c ------------------------------------------------------------------------------- */

/* A new value, its index; negative when there are too many. name as for printf. */
__attribute__((format(printf, 4, 5))) int tro_point_add_value(struct tro_point_build *b,
                                                              tro_value_id id, enum tro_dtype dtype,
                                                              const char *name, ...);
/* A member of the parameters with this C++ type: its number. */
int tro_point_add_field(struct tro_point_build *b, const char *type, const void *data, size_t size);

/* to = from, stored types converted: the axes are in order. TRO_POINT_BEYOND where types differ
 * otherwise. tro_point_finish makes it a program. */
int tro_point_begin_copy(struct tro_lowering *l, const struct tro_arg *to,
                         const struct tro_arg *from, struct tro_point_build *b);

/* ---- point_op.c ---------------------------------------------------------------------------- */

/* The type of a value in registers and of an element in memory: "float", "tro_f16"; NULL for types
 * that are not known here. */
const char *tro_point_register(enum tro_dtype d);
const char *tro_point_memory(enum tro_dtype d);

/* Writes the line that computes node n of values in[] (-1: absent) as a value of type `to`: its
 * index in *out. 1: done; 0: beyond this. */
int tro_point_node(struct tro_point_build *b, const struct tro_node *n, const void *attrs,
                   const int *in, enum tro_dtype to, int *out);

/* ---- point_space.c ------------------------------------------------------------------------- */

/* Strides of arg along the result's axes; false when it does not broadcast. */
bool tro_point_set_strides(const struct tro_point_build *b, struct tro_point_operand *o);

/* The space in walking order, merged; columns are not merged with rows when keep_cols. axes NULL:
 * as the first output lies. */
void tro_point_order(struct tro_point_build *b, const int *axes, bool keep_cols);

/* The greatest power of two up to most that divides v. */
int tro_point_common(int64_t v, int most);

/* Offsets have at most 31 bits. */
bool tro_point_is_small(const struct tro_point_build *b, const struct tro_point_operand *o);

/* Classes and vectors; false where an offset has more than 31 bits. */
bool tro_point_classify(struct tro_point_build *b, int *vector);

/* ---- point_text.c -------------------------------------------------------------------------- */

/* The program in the lowering's arena. */
int tro_point_finish(struct tro_point_build *b, struct tro_point **out);

/* Frees what the build holds outside of the arena. */
void tro_point_drop(struct tro_point_build *b);

#endif
