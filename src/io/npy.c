/* SPDX-License-Identifier: Apache-2.0 */
#include "io/npy.h"

#include "base/dtype.h"
#include "base/err.h"
#include "base/file.h"
#include "onnx/tensor.h"

#include <string.h>

#define MAGIC "\x93NUMPY"
#define N_MAGIC 6
#define ALIGNMENT 64

/* What the dictionary says. */
struct header {
    struct tro_str descr;
    bool is_fortran;
    int64_t dims[TRO_MAX_RANK];
    size_t n_dims;
};

static const struct {
    enum tro_dtype dtype;
    const char *descr;
    bool is_numpy; /* NumPy has this type; raw bits otherwise */
} types[] = {
    {TRO_BOOL, "|b1", true},    {TRO_I8, "|i1", true},          {TRO_I16, "<i2", true},
    {TRO_I32, "<i4", true},     {TRO_I64, "<i8", true},         {TRO_U8, "|u1", true},
    {TRO_U16, "<u2", true},     {TRO_U32, "<u4", true},         {TRO_U64, "<u8", true},
    {TRO_F16, "<f2", true},     {TRO_F32, "<f4", true},         {TRO_F64, "<f8", true},
    {TRO_BF16, "<u2", false},   {TRO_F8E4M3FN, "|u1", false},   {TRO_F8E4M3FNUZ, "|u1", false},
    {TRO_F8E5M2, "|u1", false}, {TRO_F8E5M2FNUZ, "|u1", false}, {TRO_F4E2M1, "|u1", false},
    {TRO_I4, "|i1", false},     {TRO_U4, "|u1", false},
};
#define N_TYPES (sizeof(types) / sizeof(*types))

/* ---- the dictionary -------------------------------------------------------------------- */

static int fail_at(const struct tro_bytes *b, const char *expected, struct tro_err *err)
{
    const size_t n = (size_t)(b->end - b->p);
    return tro_fail(err, TRO_E_INPUT, "expected %s in the header, found '%.*s'", expected,
                    (int)(n < 30 ? n : 30), (const char *)b->p);
}

static void skip_space(struct tro_bytes *b)
{
    while (b->p < b->end && (*b->p == ' ' || *b->p == '\n' || *b->p == '\t' || *b->p == '\r'))
        b->p++;
}

/* Takes the character, with the blanks before it, when it is next. */
static bool take(struct tro_bytes *b, char c)
{
    skip_space(b);
    if (b->p == b->end || *b->p != (uint8_t)c)
        return false;
    b->p++;
    return true;
}

static bool take_word(struct tro_bytes *b, const char *word)
{
    const size_t n = strlen(word);
    skip_space(b);
    if ((size_t)(b->end - b->p) < n || memcmp(b->p, word, n) != 0)
        return false;
    b->p += n;
    return true;
}

static int parse_string(struct tro_bytes *b, struct tro_str *out, struct tro_err *err)
{
    const char quote = take(b, '\'') ? '\'' : '"';
    if (quote == '"' && !take(b, '"'))
        return fail_at(b, "text in quotes", err);
    const uint8_t *const end = b->p < b->end ? memchr(b->p, quote, (size_t)(b->end - b->p)) : NULL;
    if (!end)
        return fail_at(b, "text in quotes", err);
    *out = (struct tro_str){(const char *)b->p, (size_t)(end - b->p)};
    b->p = end + 1;
    return 0;
}

static int parse_dim(struct tro_bytes *b, int64_t *out, struct tro_err *err)
{
    int64_t v = 0;
    skip_space(b);
    const uint8_t *const start = b->p;
    for (; b->p < b->end && *b->p >= '0' && *b->p <= '9'; b->p++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *b->p - '0', &v))
            return tro_fail(err, TRO_E_INPUT,
                            "expected dimensions that fit 64 bits, found one beyond");
    if (b->p == start)
        return fail_at(b, "a dimension of 0 or more", err);
    (void)take(b, 'L'); /* Python 2 */
    *out = v;
    return 0;
}

static int parse_shape(struct tro_bytes *b, struct header *h, struct tro_err *err)
{
    if (!take(b, '('))
        return fail_at(b, "a shape in parentheses", err);
    while (!take(b, ')')) {
        if (h->n_dims == TRO_MAX_RANK)
            return tro_fail(err, TRO_E_UNSUPPORTED, "expected at most %d dimensions, found more",
                            TRO_MAX_RANK);
        TRO_TRY(parse_dim(b, &h->dims[h->n_dims++], err));
        if (take(b, ','))
            continue;
        if (!take(b, ')'))
            return fail_at(b, "',' or ')' after a dimension", err);
        return 0;
    }
    return 0;
}

static int parse_bool(struct tro_bytes *b, bool *out, struct tro_err *err)
{
    *out = take_word(b, "True");
    return *out || take_word(b, "False") ? 0 : fail_at(b, "True or False", err);
}

enum { KEY_DESCR = 1, KEY_ORDER = 2, KEY_SHAPE = 4, ALL_KEYS = 7 };

/* One "key: value"; *seen gathers the keys. */
static int parse_entry(struct tro_bytes *b, struct header *h, int *seen, struct tro_err *err)
{
    struct tro_str key;
    TRO_TRY(parse_string(b, &key, err));
    const int bit = tro_str_eqz(key, "descr")           ? KEY_DESCR
                    : tro_str_eqz(key, "fortran_order") ? KEY_ORDER
                    : tro_str_eqz(key, "shape")         ? KEY_SHAPE
                                                        : 0;
    if (!bit || *seen & bit)
        return tro_fail(
            err, TRO_E_INPUT,
            "expected descr, fortran_order and shape once each in the header, found '%.*s'",
            (int)(key.n < 30 ? key.n : 30), key.p);
    *seen |= bit;
    if (!take(b, ':'))
        return fail_at(b, "':' after a key", err);
    if (bit == KEY_DESCR)
        return parse_string(b, &h->descr, err);
    return bit == KEY_ORDER ? parse_bool(b, &h->is_fortran, err) : parse_shape(b, h, err);
}

static int parse_header(struct tro_str text, struct header *h, struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(text.p, text.n);
    int seen = 0;
    *h = (struct header){0};
    if (!take(&b, '{'))
        return fail_at(&b, "a dictionary", err);
    while (!take(&b, '}')) {
        TRO_TRY(parse_entry(&b, h, &seen, err));
        skip_space(&b);
        if (!take(&b, ',') && (b.p == b.end || *b.p != '}'))
            return fail_at(&b, "',' or '}' after a value", err);
    }
    skip_space(&b);
    if (b.p != b.end)
        return fail_at(&b, "nothing after the dictionary", err);
    if (seen != ALL_KEYS)
        return tro_fail(err, TRO_E_INPUT,
                        "expected descr, fortran_order and shape in the header, found not all");
    return 0;
}

/* ---- reading --------------------------------------------------------------------------- */

/* descr is an order and a type, as in "<f4"; one byte has no order. */
static int parse_type(struct tro_str descr, enum tro_dtype *dtype, bool *is_big,
                      struct tro_err *err)
{
    *is_big = descr.n == 3 && descr.p[0] == '>';
    for (size_t i = 0; descr.n == 3 && i < N_TYPES; i++) {
        if (!types[i].is_numpy || memcmp(descr.p + 1, types[i].descr + 1, 2) != 0)
            continue;
        *dtype = types[i].dtype;
        if (memchr(types[i].descr[0] == '|' ? "|<>=" : "<>=", descr.p[0],
                   types[i].descr[0] == '|' ? 4 : 3))
            return 0;
    }
    return tro_fail(err, TRO_E_UNSUPPORTED,
                    "expected a descr like '<f4' of b1, i1 to i8, u1 to u8, f2 to f8, found '%.*s'",
                    (int)(descr.n < 60 ? descr.n : 60), descr.p);
}

static void swap_bytes(uint8_t *p, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++, p += size)
        for (size_t j = 0; j < size / 2; j++) {
            const uint8_t b = p[j];
            p[j] = p[size - 1 - j];
            p[size - 1 - j] = b;
        }
}

/* to in C order, from in Fortran order: the first index varies fastest. */
static void transpose(uint8_t *to, const uint8_t *from, const struct tro_tensor *t, size_t n,
                      size_t size)
{
    int64_t index[TRO_MAX_RANK] = {0}, stride[TRO_MAX_RANK];
    int64_t at = 0, step = 1;
    for (int d = 0; d < t->rank; d++) {
        stride[d] = step;
        step *= t->shape[d];
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(to + i * size, from + (size_t)at * size, size);
        for (int d = t->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < t->shape[d])
                break;
            at -= stride[d] * index[d];
            index[d] = 0;
        }
    }
}

static int copy_elements(const struct header *h, bool is_big, const uint8_t *from,
                         struct tro_arena *arena, struct tro_tensor *out, struct tro_err *err)
{
    const size_t size = tro_dtype_size(out->dtype), n_bytes = tro_tensor_n_bytes(out);
    uint8_t *const to = tro_arena_alloc64(arena, n_bytes);
    if (!to)
        return tro_fail_nomem(err);
    if (h->is_fortran)
        transpose(to, from, out, n_bytes / size, size);
    else if (n_bytes)
        memcpy(to, from, n_bytes);
    if (is_big)
        swap_bytes(to, n_bytes / size, size);
    if (out->dtype == TRO_BOOL)
        tro_bool_normalize(to, n_bytes);
    out->data = to;
    return 0;
}

/* The header's text; b then stands at the elements. */
static int split_header(struct tro_bytes *b, struct tro_str *text, struct tro_err *err)
{
    const struct tro_str magic = tro_bytes_take(b, N_MAGIC);
    if (magic.n != N_MAGIC || memcmp(magic.p, MAGIC, N_MAGIC) != 0)
        return tro_fail(err, TRO_E_INPUT, "expected a .npy file, found no \"NUMPY\" at its start");
    const int major = tro_bytes_u8(b), minor = tro_bytes_u8(b);
    if (!b->failed && (major < 1 || major > 3))
        return tro_fail(err, TRO_E_UNSUPPORTED, "expected .npy version 1 to 3, found %d.%d", major,
                        minor);
    const uint32_t n = major == 1 ? tro_bytes_u16(b) : tro_bytes_u32(b);
    const size_t n_left = tro_bytes_left(b);
    *text = tro_bytes_take(b, n);
    if (b->failed)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a header of %lu bytes, found %zu: the file is cut",
                        (unsigned long)n, n_left);
    return 0;
}

int tro_npy_parse(struct tro_str bytes, struct tro_arena *arena, struct tro_tensor *out,
                  struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes.p, bytes.n);
    struct tro_str text;
    struct header h;
    enum tro_dtype dtype = TRO_DTYPE_NONE;
    bool is_big;
    TRO_TRY(split_header(&b, &text, err));
    TRO_TRY(parse_header(text, &h, err));
    TRO_TRY(parse_type(h.descr, &dtype, &is_big, err));
    TRO_TRY(tro_tensor_set_shape(out, dtype, h.dims, h.n_dims, err));
    char shape[TRO_TENSOR_TEXT];
    if (tro_bytes_left(&b) != tro_tensor_n_bytes(out))
        return tro_fail(err, TRO_E_INPUT, "expected %zu bytes of data for %s, found %zu",
                        tro_tensor_n_bytes(out), tro_tensor_text(out, shape), tro_bytes_left(&b));
    return copy_elements(&h, is_big, b.p, arena, out, err);
}

int tro_npy_read(const char *path, struct tro_arena *arena, struct tro_tensor *out,
                 struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, 0, err));
    const struct tro_str bytes = {file.data, file.n_bytes};
    const int rc = tro_err_prefix(err, tro_npy_parse(bytes, arena, out, err), "%s: ", path);
    tro_file_finish(&file);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------- */

static const char *descr_of(enum tro_dtype dtype)
{
    size_t i = 0;
    while (i + 1 < N_TYPES && types[i].dtype != dtype)
        i++;
    return types[i].descr;
}

static void format_dictionary(const struct tro_tensor *t, struct tro_buf *out)
{
    tro_buf_printf(out, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(t->dtype));
    for (int i = 0; i < t->rank; i++)
        tro_buf_printf(out, "%s%lld", i ? ", " : "", (long long)t->shape[i]);
    tro_buf_str(out, t->rank == 1 ? ",), }" : "), }");
}

void tro_npy_format(const struct tro_tensor *t, struct tro_buf *out)
{
    const size_t start = out->n;
    tro_buf_put(out, MAGIC "\x01\x00\x00\x00", N_MAGIC + 4);
    format_dictionary(t, out);
    while (!out->failed && (out->n - start + 1) % ALIGNMENT != 0)
        tro_buf_u8(out, ' ');
    tro_buf_u8(out, '\n');
    if (out->failed)
        return;
    const size_t n_header = out->n - start - N_MAGIC - 4;
    out->p[start + N_MAGIC + 2] = (uint8_t)n_header;
    out->p[start + N_MAGIC + 3] = (uint8_t)(n_header >> 8);
    tro_buf_put(out, t->data, tro_tensor_n_bytes(t));
}

int tro_npy_write(const char *path, const struct tro_tensor *t, struct tro_err *err)
{
    struct tro_buf buf = {0};
    tro_npy_format(t, &buf);
    const int rc = buf.failed ? tro_fail_nomem(err) : tro_file_write(path, buf.p, buf.n, err);
    tro_buf_finish(&buf);
    return rc;
}
