/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/op.h"

#include <string.h>

/* ---- names of enumerations ------------------------------------------------------------- */

#define NAMES_1(a) #a
#define NAMES_2(a, ...) #a, NAMES_1(__VA_ARGS__)
#define NAMES_3(a, ...) #a, NAMES_2(__VA_ARGS__)
#define NAMES_4(a, ...) #a, NAMES_3(__VA_ARGS__)
#define NAMES_5(a, ...) #a, NAMES_4(__VA_ARGS__)
#define NAMES_6(a, ...) #a, NAMES_5(__VA_ARGS__)
#define NAMES_7(a, ...) #a, NAMES_6(__VA_ARGS__)
#define NAMES(...)                                                                              \
    TRO_ENUM_PICK(__VA_ARGS__, NAMES_7, NAMES_6, NAMES_5, NAMES_4, NAMES_3, NAMES_2, NAMES_1, ) \
    (__VA_ARGS__)

#define ENUM_SET(set, ...) static const char *const names_##set[] = {NAMES(__VA_ARGS__), NULL};
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

/* ---- fields of attribute sets ---------------------------------------------------------- */

/* One function for each set: only inside one can all rows say "self" for the set's struct. */
#define ENUM_SET(set, ...)
#define ATTRS_BEGIN(set)                                   \
    static const struct tro_attr_field *fields_##set(void) \
    {                                                      \
        typedef struct tro_attrs_##set self;               \
        static const struct tro_attr_field list[] = {
#define ATTRS_END(set)                         \
    {                                          \
        NULL, TRO_ATTR_INT, sizeof(self), NULL \
    }                                          \
    }                                          \
    ;                                          \
    return list;                               \
    }
#define A_INT(field) {#field, TRO_ATTR_INT, offsetof(self, field), NULL},
#define A_FLT(field) {#field, TRO_ATTR_FLT, offsetof(self, field), NULL},
#define A_STR(field) {#field, TRO_ATTR_STR, offsetof(self, field), NULL},
#define A_DTYPE(field) {#field, TRO_ATTR_DTYPE, offsetof(self, field), NULL},
#define A_INTS(field) {#field, TRO_ATTR_INTS, offsetof(self, field), NULL},
#define A_DIMS(field) {#field, TRO_ATTR_DIMS, offsetof(self, field), NULL},
#define A_ENUM(field, set) {#field, TRO_ATTR_ENUM, offsetof(self, field), names_##set},
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

/* ---- operators ------------------------------------------------------------------------- */

static const struct tro_op_info infos[] = {
#define OP(id, name, i0, i1, o0, o1, k, set, infer, ref, line) \
    {.text = name,                                             \
     .in_min = i0,                                             \
     .in_max = i1,                                             \
     .out_min = o0,                                            \
     .out_max = o1,                                            \
     .kind = TRO_KIND_##k,                                     \
     .kind_name = #k,                                          \
     .fields = fields_##set,                                   \
     .attrs_size = sizeof(struct tro_attrs_##set),             \
     .doc = line},
#include "graph/ops.def"
#undef OP
};

const struct tro_op_info *tro_op_info(enum tro_op op)
{
    return &infos[op];
}

bool tro_op_from_text(struct tro_str text, enum tro_op *op)
{
    for (int i = 0; i < TRO_N_OPS; i++) {
        if (tro_str_eqz(text, infos[i].text)) {
            *op = (enum tro_op)i;
            return true;
        }
    }
    return false;
}

/* ---- comparison ------------------------------------------------------------------------ */

static bool is_text_equal(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool is_ints_equal(const struct tro_ints *a, const struct tro_ints *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->v[i] != b->v[i])
            return false;
    return true;
}

static bool is_dims_equal(const struct tro_dim_list *a, const struct tro_dim_list *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (!tro_dim_eq(a->v[i], b->v[i]))
            return false;
    return true;
}

static bool is_field_equal(const struct tro_attr_field *f, const void *a, const void *b)
{
    const void *const x = (const char *)a + f->offset, *const y = (const char *)b + f->offset;
    switch (f->type) {
    case TRO_ATTR_INT:
        return *(const int64_t *)x == *(const int64_t *)y;
    case TRO_ATTR_FLT:
        return memcmp(x, y, sizeof(double)) == 0;
    case TRO_ATTR_STR:
        return is_text_equal(*(const char *const *)x, *(const char *const *)y);
    case TRO_ATTR_DTYPE:
    case TRO_ATTR_ENUM:
        return memcmp(x, y, sizeof(enum tro_dtype)) == 0;
    case TRO_ATTR_INTS:
        return is_ints_equal(x, y);
    case TRO_ATTR_DIMS:
        return is_dims_equal(x, y);
    }
    return false;
}

bool tro_attrs_equal(enum tro_op op, const void *a, const void *b)
{
    for (const struct tro_attr_field *f = infos[op].fields(); f->name; f++)
        if (!is_field_equal(f, a, b))
            return false;
    return true;
}
