/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes as text. */
#include "graph/text.h"

#include <string.h>

static void print_ints(const struct tro_ints *list, struct tro_buf *out)
{
    tro_buf_u8(out, '[');
    for (int i = 0; i < list->n; i++)
        tro_buf_printf(out, "%s%lld", i ? "," : "", (long long)list->v[i]);
    tro_buf_u8(out, ']');
}

static void print_dims(const struct tro_dims *t, const struct tro_dim_list *list,
                       struct tro_buf *out)
{
    tro_buf_u8(out, '[');
    for (int i = 0; i < list->n; i++) {
        if (i > 0)
            tro_buf_u8(out, ',');
        tro_dim_print(t, list->v[i], out);
    }
    tro_buf_u8(out, ']');
}

static void print_field(const struct tro_dims *t, const struct tro_attr_field *f, const void *field,
                        struct tro_buf *out)
{
    switch (f->type) {
    case TRO_ATTR_INT:
        tro_text_print_element(TRO_I64, field, 0, out);
        break;
    case TRO_ATTR_FLT:
        tro_text_print_element(TRO_F64, field, 0, out);
        break;
    case TRO_ATTR_STR:
        tro_text_quote(*(const char *const *)field, out);
        break;
    case TRO_ATTR_DTYPE:
        tro_buf_str(out, tro_dtype_name(*(const enum tro_dtype *)field));
        break;
    case TRO_ATTR_INTS:
        print_ints(field, out);
        break;
    case TRO_ATTR_DIMS:
        print_dims(t, field, out);
        break;
    case TRO_ATTR_ENUM:
        tro_buf_str(out, f->enum_names[*(const int *)field]);
        break;
    }
}

static bool is_default(const struct tro_attr_field *f, const void *field)
{
    static const double zero;
    switch (f->type) {
    case TRO_ATTR_INT:
        return *(const int64_t *)field == 0;
    case TRO_ATTR_FLT:
        return memcmp(field, &zero, sizeof(zero)) == 0;
    case TRO_ATTR_STR: {
        const char *const text = *(const char *const *)field;
        return !text || !*text;
    }
    case TRO_ATTR_DTYPE:
    case TRO_ATTR_ENUM:
        return *(const int *)field == 0;
    case TRO_ATTR_INTS:
        return ((const struct tro_ints *)field)->n == 0;
    case TRO_ATTR_DIMS:
        return ((const struct tro_dim_list *)field)->n == 0;
    }
    return true;
}

void tro_text_print_attrs(const struct tro_dims *t, enum tro_op op, const void *attrs,
                          struct tro_buf *out)
{
    bool is_first = true;
    for (const struct tro_attr_field *f = tro_op_info(op)->fields(); f->name; f++) {
        const void *const field = (const char *)attrs + f->offset;
        if (is_default(f, field))
            continue;
        tro_buf_printf(out, "%s%s = ", is_first ? " {" : ", ", f->name);
        print_field(t, f, field, out);
        is_first = false;
    }
    if (!is_first)
        tro_buf_u8(out, '}');
}
