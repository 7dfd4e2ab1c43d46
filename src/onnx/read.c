/* SPDX-License-Identifier: Apache-2.0 */
#include "onnx/read.h"

#include "base/err.h"
#include "base/utf8.h"
#include "onnx/wire.h"

#include <string.h>

/* Levels of messages that error messages name: enough to find the place, and the end of the message
 * still fits. */
#define MAX_NAMED_DEPTH 8

struct reader {
    struct tro_arena *arena;
    const char *base; /* first byte of the file */
    struct tro_err *err;
    int depth;
};

/* What a message holds, by row of its list. */
struct tally {
    size_t n[TRO_MAX_FIELDS]; /* elements; bytes of fields kept packed */
    size_t n_pieces[TRO_MAX_FIELDS];
    struct tro_str unknown; /* the first run of unknown fields */
    size_t n_unknown;       /* bytes of all */
};

static int read_message(struct reader *r, const struct tro_onnx_message *m, struct tro_str bytes,
                        void *out);

static void *member(void *message, size_t at)
{
    return (char *)message + at;
}

static size_t offset_of(const struct reader *r, const char *p)
{
    return (size_t)(p - r->base);
}

/* ---- kinds ----------------------------------------------------------------------------- */

static bool is_packable(enum tro_field_kind k)
{
    return k >= TRO_FIELD_I64S;
}

static bool is_kept_packed(enum tro_field_kind k)
{
    return k >= TRO_FIELD_VARINTS;
}

static bool is_name(enum tro_field_kind k)
{
    return k == TRO_FIELD_NAME || k == TRO_FIELD_NAMES || k == TRO_FIELD_DOMAIN;
}

/* Of one value. */
static enum tro_wire_type wire_type_of(enum tro_field_kind k)
{
    switch (k) {
    case TRO_FIELD_I64:
    case TRO_FIELD_I32:
    case TRO_FIELD_I32_OR_NOT:
    case TRO_FIELD_FLAG:
    case TRO_FIELD_I64S:
    case TRO_FIELD_VARINTS:
        return TRO_WIRE_VARINT;
    case TRO_FIELD_F32:
    case TRO_FIELD_F32S:
    case TRO_FIELD_FIXED32S:
        return TRO_WIRE_FIXED32;
    case TRO_FIELD_FIXED64S:
        return TRO_WIRE_FIXED64;
    default:
        return TRO_WIRE_BYTES;
    }
}

/* In memory, of a repeated field. */
static size_t elem_size(const struct tro_onnx_field *row)
{
    switch (row->kind) {
    case TRO_FIELD_SUB:
    case TRO_FIELD_SUBS:
        return row->child->size;
    case TRO_FIELD_TEXTS:
    case TRO_FIELD_NAMES:
        return sizeof(struct tro_str);
    case TRO_FIELD_I64S:
        return sizeof(int64_t);
    case TRO_FIELD_F32S:
        return sizeof(float);
    default:
        return 1;
    }
}

/* ---- counting -------------------------------------------------------------------------- */

/* TRO_MAX_FIELDS when the list does not have it. */
static size_t find_row(const struct tro_onnx_message *m, uint32_t number)
{
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].number == number)
            return i;
    return TRO_MAX_FIELDS;
}

/* Numbers in a packed field; -1 when they do not fill it exactly. */
static int64_t count_packed(struct tro_str body, enum tro_wire_type type)
{
    if (type != TRO_WIRE_VARINT) {
        const size_t size = type == TRO_WIRE_FIXED32 ? 4 : 8;
        return body.n % size ? -1 : (int64_t)(body.n / size);
    }
    struct tro_bytes b = tro_bytes_of(body.p, body.n);
    int64_t n = 0;
    for (; tro_bytes_left(&b) > 0; n++)
        (void)tro_bytes_varint(&b);
    return b.failed ? -1 : n;
}

static int tally_packable(struct reader *r, const struct tro_onnx_field *row,
                          const struct tro_wire_field *f, size_t *n)
{
    const enum tro_wire_type type = wire_type_of(row->kind);
    const int64_t n_numbers = f->type == type ? 1 : count_packed(f->body, type);
    if (n_numbers < 0)
        return tro_fail(r->err, TRO_E_INPUT,
                        "%s: expected packed %s numbers, found %zu bytes that are not, at byte %zu",
                        row->name, tro_wire_type_name(type), f->body.n, offset_of(r, f->whole.p));
    *n += is_kept_packed(row->kind) ? f->body.n : (size_t)n_numbers;
    return 0;
}

/* Puts the message in front of the error: "node 17: ". */
static int name_place(struct reader *r, const struct tro_onnx_field *row, size_t i, int rc)
{
    if (rc >= 0 || r->depth > MAX_NAMED_DEPTH)
        return rc;
    return row->kind == TRO_FIELD_SUBS ? tro_err_prefix(r->err, rc, "%s %zu: ", row->name, i)
                                       : tro_err_prefix(r->err, rc, "%s: ", row->name);
}

static int check_name(struct reader *r, const char *what, struct tro_str s)
{
    for (size_t i = 0; i < s.n;) {
        const size_t n = s.p[i] ? tro_utf8_char(s.p + i, s.n - i) : 0;
        if (n == 0)
            return tro_fail(r->err, TRO_E_INPUT,
                            "%s: expected UTF-8 text without NUL, found 0x%02x at byte %zu", what,
                            (unsigned char)s.p[i], offset_of(r, s.p + i));
        i += n;
    }
    return 0;
}

/* 1 when the field is there and, where it counts, not empty; 0 when not. */
static int has_field(struct reader *r, struct tro_str message, uint32_t number)
{
    struct tro_bytes b = tro_bytes_of(message.p, message.n);
    struct tro_wire_field f;
    int rc, found = 0;
    while ((rc = tro_wire_next(&b, r->base, &f, r->err)) > 0)
        if (f.number == number)
            found = f.body.n > 0;
    return rc < 0 ? rc : found;
}

static const char *name_of_field(const struct tro_onnx_message *m, uint32_t number)
{
    const size_t i = find_row(m, number);
    return i < TRO_MAX_FIELDS ? m->fields[i].name : "content";
}

/* body is the i-th message of the row. */
static int check_needs(struct reader *r, const struct tro_onnx_field *row, struct tro_str body,
                       size_t i)
{
    if (row->needs == 0 || (row->needs == TRO_NEEDS_ANY && body.n > 0))
        return 0;
    const int rc = has_field(r, body, row->needs);
    if (rc != 0)
        return name_place(r, row, i, rc);
    (void)tro_fail(r->err, TRO_E_INPUT, "has no %s, at byte %zu",
                   name_of_field(row->child, row->needs), offset_of(r, body.p));
    return name_place(r, row, i, TRO_E_INPUT);
}

static int tally_field(struct reader *r, const struct tro_onnx_field *row,
                       const struct tro_wire_field *f, size_t *n, size_t *n_pieces)
{
    const enum tro_field_kind k = row->kind;
    const bool is_packed = is_packable(k) && f->type == TRO_WIRE_BYTES;
    if (f->type != wire_type_of(k) && !is_packed)
        return tro_fail(r->err, TRO_E_INPUT,
                        "%s: expected a field of type %s, found %s at byte %zu", row->name,
                        tro_wire_type_name(wire_type_of(k)), tro_wire_type_name(f->type),
                        offset_of(r, f->whole.p));
    *n_pieces += f->body.n > 0;
    if (is_packable(k))
        return tally_packable(r, row, f, n);
    if (is_name(k))
        TRO_TRY(check_name(r, row->name, f->body));
    if ((k == TRO_FIELD_SUB || k == TRO_FIELD_INLINE) && *n > 0)
        return tro_fail(r->err, TRO_E_INPUT, "expected one %s, found a second one at byte %zu",
                        row->name, offset_of(r, f->whole.p));
    TRO_TRY(check_needs(r, row, f->body, *n));
    *n += 1;
    return 0;
}

static void tally_unknown(struct tally *t, const struct tro_wire_field *f)
{
    if (t->n_unknown == 0)
        t->unknown = f->whole;
    else if (t->unknown.p + t->unknown.n == f->whole.p)
        t->unknown.n += f->whole.n;
    t->n_unknown += f->whole.n;
}

static int tally_message(struct reader *r, const struct tro_onnx_message *m, struct tro_str bytes,
                         struct tally *t)
{
    struct tro_bytes b = tro_bytes_of(bytes.p, bytes.n);
    struct tro_wire_field f;
    int rc;
    while ((rc = tro_wire_next(&b, r->base, &f, r->err)) > 0) {
        const size_t i = find_row(m, f.number);
        if (i == TRO_MAX_FIELDS)
            tally_unknown(t, &f);
        else
            TRO_TRY(tally_field(r, &m->fields[i], &f, &t->n[i], &t->n_pieces[i]));
    }
    TRO_TRY(rc);
    for (size_t i = 0; i < m->n_fields; i++)
        if (m->fields[i].kind == TRO_FIELD_INLINE && m->fields[i].needs && t->n[i] == 0)
            return tro_fail(r->err, TRO_E_INPUT, "expected a %s with a %s, found none", m->name,
                            m->fields[i].name);
    return 0;
}

/* ---- allocating ------------------------------------------------------------------------ */

/* Several rows share the member: one of them may have content. */
static int reserve_packed(struct reader *r, const struct tro_onnx_message *m, size_t row,
                          const struct tally *t, void *out)
{
    const struct tro_onnx_field *const f = &m->fields[row];
    int32_t *const number = member(out, f->aux);
    struct tro_str *const s = member(out, f->at);
    if (*number)
        return tro_fail(r->err, TRO_E_INPUT, "expected data in one field, found %s and %s",
                        name_of_field(m, (uint32_t)*number), f->name);
    *number = f->number;
    if (t->n_pieces[row] == 1)
        return 0;
    s->p = tro_arena_alloc(r->arena, t->n[row], 1);
    return s->p ? 0 : tro_fail_nomem(r->err);
}

static int reserve_array(struct reader *r, const struct tro_onnx_field *row, size_t n, void *out)
{
    void *const p = tro_arena_alloc(r->arena, n, elem_size(row));
    if (!p)
        return tro_fail_nomem(r->err);
    memcpy(member(out, row->at), &p, sizeof(p));
    return 0;
}

static int reserve(struct reader *r, const struct tro_onnx_message *m, const struct tally *t,
                   void *out)
{
    for (size_t i = 0; i < m->n_fields; i++) {
        const struct tro_onnx_field *const row = &m->fields[i];
        if (row->kind == TRO_FIELD_I32_OR_NOT)
            *(bool *)member(out, row->aux) = t->n[i] == 0;
        if (t->n[i] == 0)
            continue;
        if (is_kept_packed(row->kind))
            TRO_TRY(reserve_packed(r, m, i, t, out));
        else if (row->kind >= TRO_FIELD_SUB)
            TRO_TRY(reserve_array(r, row, t->n[i], out));
    }
    struct tro_str *const unknown = member(out, m->unknown_at);
    *unknown = t->unknown;
    if (t->n_unknown == t->unknown.n)
        return 0;
    *unknown = (struct tro_str){tro_arena_alloc(r->arena, t->n_unknown, 1), 0};
    return unknown->p ? 0 : tro_fail_nomem(r->err);
}

/* ---- filling --------------------------------------------------------------------------- */

/* Behind what is there, in room that reserve made. */
static void append(struct tro_str *s, struct tro_str piece)
{
    if (piece.n)
        memcpy((char *)(uintptr_t)s->p + s->n, piece.p, piece.n);
    s->n += piece.n;
}

static void fill_packed(struct tro_str *s, struct tro_str body)
{
    if (body.n == 0)
        return;
    if (s->p)
        append(s, body);
    else
        *s = body;
}

static void fill_i64s(int64_t *to, size_t *n, const struct tro_wire_field *f)
{
    if (f->type == TRO_WIRE_VARINT) {
        to[(*n)++] = (int64_t)f->value;
        return;
    }
    struct tro_bytes b = tro_bytes_of(f->body.p, f->body.n);
    while (tro_bytes_left(&b) > 0)
        to[(*n)++] = (int64_t)tro_bytes_varint(&b);
}

static void fill_f32s(float *to, size_t *n, const struct tro_wire_field *f)
{
    if (f->body.n)
        memcpy(to + *n, f->body.p, f->body.n);
    *n += f->body.n / sizeof(float);
}

static void fill_domain(struct tro_str *s, bool *is_spelled, struct tro_str body)
{
    *is_spelled = tro_str_eqz(body, "ai.onnx");
    *s = (struct tro_str){body.p, *is_spelled ? 0 : body.n};
}

static int fill_flag(struct reader *r, const struct tro_onnx_field *row,
                     const struct tro_wire_field *f, bool *to)
{
    if (f->value > 1)
        return tro_fail(r->err, TRO_E_INPUT, "%s: expected 0 or 1, found %llu at byte %zu",
                        row->name, (unsigned long long)f->value, offset_of(r, f->whole.p));
    *to = f->value != 0;
    return 0;
}

/* The member is the struct, a pointer to it, or a pointer to an array of them. */
static int fill_message(struct reader *r, const struct tro_onnx_field *row, struct tro_str body,
                        void *at, void *aux)
{
    char *to = at;
    size_t i = 0;
    if (row->kind != TRO_FIELD_INLINE)
        memcpy(&to, at, sizeof(to));
    if (row->kind == TRO_FIELD_SUBS) {
        i = (*(size_t *)aux)++;
        to += i * row->child->size;
    }
    return name_place(r, row, i, read_message(r, row->child, body, to));
}

/* Fields with one value that counts: the last. aux is NULL where there is none. */
static int fill_one(struct reader *r, const struct tro_onnx_field *row,
                    const struct tro_wire_field *f, void *at, bool *aux)
{
    const bool is_there = row->kind != TRO_FIELD_NAME && row->kind != TRO_FIELD_I32_OR_NOT;
    if (aux)
        *aux = is_there;
    switch ((enum tro_field_kind)row->kind) {
    case TRO_FIELD_TEXT:
    case TRO_FIELD_NAME:
        *(struct tro_str *)at = f->body;
        return 0;
    case TRO_FIELD_DOMAIN:
        fill_domain(at, aux, f->body);
        return 0;
    case TRO_FIELD_I64:
        *(int64_t *)at = (int64_t)f->value;
        return 0;
    case TRO_FIELD_I32:
    case TRO_FIELD_I32_OR_NOT:
        *(int32_t *)at = (int32_t)f->value;
        return 0;
    case TRO_FIELD_F32:
        memcpy(at, f->body.p, sizeof(float));
        return 0;
    case TRO_FIELD_FLAG:
        return fill_flag(r, row, f, at);
    default:
        return fill_message(r, row, f->body, at, NULL);
    }
}

static int fill_field(struct reader *r, const struct tro_onnx_field *row,
                      const struct tro_wire_field *f, void *out)
{
    void *const at = member(out, row->at);
    void *const aux = row->aux == TRO_NO_AUX ? NULL : member(out, row->aux);
    void *array = NULL;
    switch ((enum tro_field_kind)row->kind) {
    case TRO_FIELD_SUBS:
        return fill_message(r, row, f->body, at, aux);
    case TRO_FIELD_TEXTS:
    case TRO_FIELD_NAMES:
        memcpy(&array, at, sizeof(array));
        ((struct tro_str *)array)[(*(size_t *)aux)++] = f->body;
        return 0;
    case TRO_FIELD_I64S:
        memcpy(&array, at, sizeof(array));
        fill_i64s(array, aux, f);
        return 0;
    case TRO_FIELD_F32S:
        memcpy(&array, at, sizeof(array));
        fill_f32s(array, aux, f);
        return 0;
    case TRO_FIELD_VARINTS:
    case TRO_FIELD_FIXED32S:
    case TRO_FIELD_FIXED64S:
        fill_packed(at, f->body);
        return 0;
    default:
        return fill_one(r, row, f, at, aux);
    }
}

static int fill_fields(struct reader *r, const struct tro_onnx_message *m, struct tro_str bytes,
                       const struct tally *t, void *out)
{
    const bool is_unknown_split = t->n_unknown != t->unknown.n;
    struct tro_bytes b = tro_bytes_of(bytes.p, bytes.n);
    struct tro_wire_field f;
    while (tro_wire_skim(&b, &f)) {
        const size_t i = find_row(m, f.number);
        if (i < TRO_MAX_FIELDS)
            TRO_TRY(fill_field(r, &m->fields[i], &f, out));
        else if (is_unknown_split)
            append(member(out, m->unknown_at), f.whole);
    }
    return 0;
}

static int read_message(struct reader *r, const struct tro_onnx_message *m, struct tro_str bytes,
                        void *out)
{
    if (r->depth >= TRO_ONNX_MAX_DEPTH)
        return tro_fail(r->err, TRO_E_INPUT,
                        "expected messages nested at most %d deep, found more at byte %zu",
                        TRO_ONNX_MAX_DEPTH, offset_of(r, bytes.p));
    struct tally t = {0};
    TRO_TRY(tally_message(r, m, bytes, &t));
    TRO_TRY(reserve(r, m, &t, out));
    r->depth++;
    const int rc = fill_fields(r, m, bytes, &t, out);
    r->depth--;
    TRO_TRY(rc);
    return m->finish ? m->finish(out, r->err) : 0;
}

int tro_onnx_read_message(const struct tro_onnx_message *m, struct tro_str bytes,
                          struct tro_arena *arena, void *out, struct tro_err *err)
{
    struct reader r = {arena, bytes.p, err, 0};
    return read_message(&r, m, bytes, out);
}
