/* SPDX-License-Identifier: Apache-2.0 */
/* Constants and attributes, read. */
#include "base/dtype.h"
#include "base/err.h"
#include "graph/text.h"
#include "graph/text_read.h"
#include "graph/weights.h"

#include <string.h>

/* ---- constants ------------------------------------------------------------------------- */

static int fail_element(struct tro_reader *r, size_t pos, enum tro_dtype dtype)
{
    char what[48] = "an element of type ";
    r->pos = pos;
    return tro_read_fail(r, strcat(what, tro_dtype_name(dtype)));
}

static int make_data(struct tro_reader *r, struct tro_tensor *t)
{
    t->data = tro_arena_alloc64(&r->g->arena, tro_tensor_n_bytes(t));
    return t->data ? 0 : tro_fail_nomem(r->err);
}

static int read_element(struct tro_reader *r, struct tro_tensor *t, int64_t i)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    if (tro_text_read_element(t->dtype, tro_read_word(r), t->data, i))
        return 0;
    return fail_element(r, start, t->dtype);
}

static int read_splat(struct tro_reader *r, struct tro_tensor *t)
{
    const int64_t n = tro_tensor_n_elems(t);
    const size_t size = tro_dtype_size(t->dtype);
    if (n < 1 || n > TRO_TEXT_MAX_SPLAT - r->n_splat)
        return tro_read_fail(r, "at most 16777216 elements written as 'splat', and not none");
    r->n_splat += n;
    TRO_TRY(make_data(r, t));
    TRO_TRY(read_element(r, t, 0));
    for (int64_t i = 1; i < n; i++)
        memcpy((char *)t->data + (size_t)i * size, t->data, size);
    return 0;
}

static int read_base64(struct tro_reader *r, struct tro_tensor *t)
{
    const size_t n_bytes = tro_tensor_n_bytes(t);
    TRO_TRY(tro_read_expect(r, '"'));
    const char *const start = r->text.p + r->pos;
    const char *const end = memchr(start, '"', r->text.n - r->pos);
    const struct tro_str word = {start, end ? (size_t)(end - start) : 0};
    if (!end || word.n / 4 != n_bytes / 3 + (n_bytes % 3 != 0))
        return tro_read_fail(r, "base64 of the constant's size");
    TRO_TRY(make_data(r, t));
    if (!tro_text_read_base64(word, t->data, n_bytes) ||
        !tro_text_is_valid(t->dtype, t->data, tro_tensor_n_elems(t)))
        return tro_read_fail(r, "base64 of valid elements");
    r->pos += word.n + 1;
    return 0;
}

/* Constants may share bytes, and each is looked at: a short text must not ask for endless work. */
#define MAX_CHECKS 1024

static int check_elements(struct tro_reader *r, const struct tro_tensor *t)
{
    if (t->dtype != TRO_BOOL && tro_dtype_bits(t->dtype) != 4)
        return 0;
    const size_t n_bytes = tro_tensor_n_bytes(t);
    r->n_checked += n_bytes;
    if (r->n_checked / MAX_CHECKS > r->block.n)
        return tro_read_fail(r, "constants that share the same data less often, before this");
    if (!tro_text_is_valid(t->dtype, t->data, tro_tensor_n_elems(t)))
        return tro_read_fail(r, "data of valid elements, before this");
    return 0;
}

/* data 128 */
static int read_apart(struct tro_reader *r, struct tro_tensor *t)
{
    int64_t offset;
    const size_t n_bytes = tro_tensor_n_bytes(t);
    tro_read_peek(r);
    const size_t start = r->pos;
    TRO_TRY(tro_read_int(r, &offset));
    if (r->block.p && offset >= 0 && offset % TRO_WEIGHTS_ALIGN == 0 &&
        (uint64_t)offset <= r->block.n && n_bytes <= r->block.n - (size_t)offset) {
        t->data = (void *)(uintptr_t)(r->block.p + offset);
        return check_elements(r, t);
    }
    r->pos = start;
    return tro_read_fail(r, r->block.p ? "a multiple of 64 with the constant's bytes behind it"
                                       : "elements, since there are no weights beside this text");
}

static int read_list(struct tro_reader *r, struct tro_tensor *t)
{
    const int64_t n = tro_tensor_n_elems(t);
    if ((uint64_t)n > r->text.n - r->pos)
        return tro_read_fail(r, "an element for each place of the constant");
    TRO_TRY(make_data(r, t));
    for (int64_t i = 0; i < n; i++)
        TRO_TRY(read_element(r, t, i));
    return 0;
}

static int read_data(struct tro_reader *r, struct tro_tensor *t)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    const struct tro_str word = tro_read_word(r);
    if (tro_str_eqz(word, "splat"))
        return read_splat(r, t);
    if (tro_str_eqz(word, "base64"))
        return read_base64(r, t);
    if (tro_str_eqz(word, "data"))
        return read_apart(r, t);
    r->pos = start;
    return read_list(r, t);
}

int tro_read_const(struct tro_reader *r)
{
    const char *name;
    struct tro_shape shape;
    struct tro_tensor t;
    tro_value_id v;
    TRO_TRY(tro_read_new_name(r, &name));
    TRO_TRY(tro_read_expect(r, ':'));
    TRO_TRY(tro_read_type(r, &t.dtype, &shape));
    t.rank = shape.rank;
    for (int i = 0; i < t.rank; i++) {
        if (!tro_dim_is_const(shape.dim[i]))
            return tro_read_fail(r, "a constant with sizes that are numbers, before this");
        t.shape[i] = tro_dim_value(shape.dim[i]);
    }
    if (t.rank < 0)
        return tro_read_fail(r, "a constant with a rank, before this");
    TRO_TRY(tro_read_expect(r, '='));
    TRO_TRY(read_data(r, &t));
    TRO_TRY(tro_graph_add_const(r->g, name, &t, &v, r->err));
    return tro_read_define(r, v);
}

/* ---- attributes ------------------------------------------------------------------------ */

static int read_ints(struct tro_reader *r, struct tro_ints *list)
{
    TRO_TRY(tro_read_expect(r, '['));
    if (tro_read_accept(r, ']'))
        return 0;
    do {
        if (list->n == TRO_MAX_INTS)
            return tro_read_fail(r, "at most 16 integers");
        TRO_TRY(tro_read_int(r, &list->v[list->n]));
        list->n++;
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, ']');
}

static int read_dims(struct tro_reader *r, struct tro_dim_list *list)
{
    TRO_TRY(tro_read_expect(r, '['));
    if (tro_read_accept(r, ']'))
        return 0;
    do {
        if (list->n == TRO_MAX_INTS)
            return tro_read_fail(r, "at most 16 sizes");
        TRO_TRY(tro_read_dim(r, &list->v[list->n]));
        list->n++;
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, ']');
}

static int read_enum(struct tro_reader *r, const struct tro_attr_field *f, int *out)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    const struct tro_str word = tro_read_word(r);
    for (*out = 0; f->enum_names[*out]; ++*out)
        if (tro_str_eqz(word, f->enum_names[*out]))
            return 0;
    r->pos = start;
    return tro_read_fail(r, "a name this attribute knows");
}

static int read_dtype(struct tro_reader *r, enum tro_dtype *out)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    const struct tro_str word = tro_read_word(r);
    for (int d = 1; d < TRO_N_DTYPES; d++) {
        if (tro_str_eqz(word, tro_dtype_name((enum tro_dtype)d))) {
            *out = (enum tro_dtype)d;
            return 0;
        }
    }
    r->pos = start;
    return tro_read_fail(r, "an element type");
}

static int read_flt(struct tro_reader *r, double *out)
{
    struct tro_tensor t = {.dtype = TRO_F64, .data = out};
    return read_element(r, &t, 0);
}

static int read_field(struct tro_reader *r, const struct tro_attr_field *f, void *field)
{
    switch (f->type) {
    case TRO_ATTR_INT:
        return tro_read_int(r, field);
    case TRO_ATTR_FLT:
        return read_flt(r, field);
    case TRO_ATTR_STR:
        return tro_read_quoted(r, field);
    case TRO_ATTR_DTYPE:
        return read_dtype(r, field);
    case TRO_ATTR_INTS:
        return read_ints(r, field);
    case TRO_ATTR_DIMS:
        return read_dims(r, field);
    case TRO_ATTR_ENUM:
        return read_enum(r, f, field);
    }
    return 0;
}

int tro_read_attrs(struct tro_reader *r, enum tro_op op, void *attrs)
{
    uint64_t seen = 0;
    TRO_TRY(tro_read_expect(r, '{'));
    do {
        tro_read_peek(r);
        const size_t start = r->pos;
        const struct tro_str word = tro_read_word(r);
        const struct tro_attr_field *const fields = tro_op_info(op)->fields();
        int i = 0;
        while (fields[i].name && !tro_str_eqz(word, fields[i].name))
            i++;
        if (!fields[i].name || (seen >> i & 1)) {
            r->pos = start;
            return tro_read_fail(r, "an attribute of this operator, each once");
        }
        seen |= UINT64_C(1) << i;
        TRO_TRY(tro_read_expect(r, '='));
        TRO_TRY(read_field(r, &fields[i], (char *)attrs + fields[i].offset));
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, '}');
}
