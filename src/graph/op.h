/* SPDX-License-Identifier: Apache-2.0 */
/* Operators and their attributes, expanded from ops.def and attrs.def. */
#ifndef TRO_GRAPH_OP_H
#define TRO_GRAPH_OP_H

#include <trocar/trocar.h>

#include "graph/dim.h"

#define TRO_MAX_INTS 16

struct tro_ints {
    int32_t n;
    int64_t v[TRO_MAX_INTS];
};

struct tro_dim_list {
    int32_t n;
    tro_dim v[TRO_MAX_INTS];
};

enum tro_op {
#define OP(id, text, in_min, in_max, out_min, out_max, kind, attrs, infer, ref, doc) TRO_OP_##id,
#include "graph/ops.def"
#undef OP
    TRO_N_OPS
};

enum tro_op_kind {
    TRO_KIND_POINTWISE,
    TRO_KIND_REDUCE,
    TRO_KIND_MOVE,
    TRO_KIND_ANCHOR,
    TRO_KIND_EXTENT,
    TRO_KIND_OTHER,
    TRO_KIND_CONTROL
};

/* Enumerations of attributes: enum tro_auto_pad { TRO_AUTO_PAD_... } would need upper case from the
 * list, so the constants keep the list's case: tro_auto_pad_same_upper. */
#define TRO_ENUM_1(s, a) tro_##s##_##a
#define TRO_ENUM_2(s, a, ...) tro_##s##_##a, TRO_ENUM_1(s, __VA_ARGS__)
#define TRO_ENUM_3(s, a, ...) tro_##s##_##a, TRO_ENUM_2(s, __VA_ARGS__)
#define TRO_ENUM_4(s, a, ...) tro_##s##_##a, TRO_ENUM_3(s, __VA_ARGS__)
#define TRO_ENUM_5(s, a, ...) tro_##s##_##a, TRO_ENUM_4(s, __VA_ARGS__)
#define TRO_ENUM_6(s, a, ...) tro_##s##_##a, TRO_ENUM_5(s, __VA_ARGS__)
#define TRO_ENUM_7(s, a, ...) tro_##s##_##a, TRO_ENUM_6(s, __VA_ARGS__)
#define TRO_ENUM_PICK(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define TRO_ENUM_LIST(s, ...)                                                              \
    TRO_ENUM_PICK(__VA_ARGS__, TRO_ENUM_7, TRO_ENUM_6, TRO_ENUM_5, TRO_ENUM_4, TRO_ENUM_3, \
                  TRO_ENUM_2, TRO_ENUM_1, )                                                \
    (s, __VA_ARGS__)

#define ENUM_SET(set, ...) enum tro_##set{TRO_ENUM_LIST(set, __VA_ARGS__)};
#define ATTRS_BEGIN(set)
#define ATTRS_END(set)
#define A_INT(field)
#define A_FLT(field)
#define A_STR(field)
#define A_DTYPE(field)
#define A_INTS(field)
#define A_DIMS(field)
#define A_ENUM(field, set)
#include "graph/attrs.def"
#undef ENUM_SET
#undef ATTRS_BEGIN
#undef ATTRS_END
#undef A_INT
#undef A_FLT
#undef A_STR
#undef A_DTYPE
#undef A_INTS
#undef A_DIMS
#undef A_ENUM

/* struct tro_attrs_conv { struct tro_ints strides; ... }; an empty set has one unused byte. */
#define ENUM_SET(set, ...)
#define ATTRS_BEGIN(set)     \
    struct tro_attrs_##set { \
        char set_has_begun;
#define ATTRS_END(set) \
    }                  \
    ;
#define A_INT(field) int64_t field;
#define A_FLT(field) double field;
#define A_STR(field) const char *field; /* NULL = empty */
#define A_DTYPE(field) enum tro_dtype field;
#define A_INTS(field) struct tro_ints field;
#define A_DIMS(field) struct tro_dim_list field;
#define A_ENUM(field, set) enum tro_##set field;
#include "graph/attrs.def"
#undef ENUM_SET
#undef ATTRS_BEGIN
#undef ATTRS_END
#undef A_INT
#undef A_FLT
#undef A_STR
#undef A_DTYPE
#undef A_INTS
#undef A_DIMS
#undef A_ENUM

enum tro_attr_type {
    TRO_ATTR_INT,
    TRO_ATTR_FLT,
    TRO_ATTR_STR,
    TRO_ATTR_DTYPE,
    TRO_ATTR_INTS,
    TRO_ATTR_DIMS,
    TRO_ATTR_ENUM
};

struct tro_attr_field {
    const char *name;
    enum tro_attr_type type;
    size_t offset;
    const char *const *enum_names; /* TRO_ATTR_ENUM: ends with NULL */
};

#define TRO_ANY_NUMBER 255

struct tro_op_info {
    const char *text;
    int in_min, in_max, out_min, out_max; /* TRO_ANY_NUMBER = no limit */
    enum tro_op_kind kind;
    const char *kind_name;
    const struct tro_attr_field *(*fields)(void); /* a list that ends with name NULL */
    size_t attrs_size;
    const char *doc;
};

/* Of a valid op. */
const struct tro_op_info *tro_op_info(enum tro_op op);
/* False when there is none of that name. */
bool tro_op_from_text(struct tro_str text, enum tro_op *op);
/* Compares all fields of two attribute structs of one op (strings by content). */
bool tro_attrs_equal(enum tro_op op, const void *a, const void *b);

#endif
