/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as text. */
#include "graph/dim_poly.h"
#include "graph/text.h"

#define MAX_NESTING 64

/* ---- printing -------------------------------------------------------------------------- */

static bool is_plain(const char *name)
{
    if (!tro_text_is_letter(name[0]))
        return false;
    for (const char *c = name; *c; c++)
        if (!tro_text_is_letter(*c) && !tro_text_is_digit(*c))
            return false;
    return true;
}

static void print_call(const struct tro_dims *t, const char *name, const struct tro_dim_expr *e,
                       struct tro_buf *out)
{
    tro_buf_printf(out, "%s(", name);
    tro_dim_print(t, e->a, out);
    tro_buf_u8(out, ',');
    tro_dim_print(t, e->b, out);
    tro_buf_u8(out, ')');
}

/* An operand of / or %. */
static void print_operand(const struct tro_dims *t, tro_dim d, struct tro_buf *out)
{
    const enum tro_dim_op op = tro_dim_is_const(d) ? TRO_DIM_SYMBOL : tro_dim_expr_get(t, d)->op;
    const bool is_negative = tro_dim_is_const(d) && tro_dim_value(d) < 0;
    const bool is_bare = (op == TRO_DIM_SYMBOL && !is_negative) || op == TRO_DIM_MIN ||
                         op == TRO_DIM_MAX_OF;
    if (!is_bare)
        tro_buf_u8(out, '(');
    tro_dim_print(t, d, out);
    if (!is_bare)
        tro_buf_u8(out, ')');
}

static void print_atom(const struct tro_dims *t, tro_dim d, struct tro_buf *out)
{
    const struct tro_dim_expr *const e = tro_dim_expr_get(t, d);
    if (e->op == TRO_DIM_SYMBOL) {
        if (is_plain(e->name))
            tro_buf_str(out, e->name);
        else
            tro_text_quote(e->name, out);
    } else if (e->op == TRO_DIM_MIN || e->op == TRO_DIM_MAX_OF) {
        print_call(t, e->op == TRO_DIM_MIN ? "min" : "max", e, out);
    } else {
        print_operand(t, e->a, out);
        tro_buf_u8(out, e->op == TRO_DIM_DIV ? '/' : '%');
        print_operand(t, e->b, out);
    }
}

/* Without its sign. A quotient stands alone, or in parentheses within a product. */
static void print_term(const struct tro_dims *t, const struct tro_term *x, struct tro_buf *out)
{
    const int64_t factor = x->factor < 0 ? -x->factor : x->factor;
    for (int i = 0; i < x->n; i++) {
        if (i > 0)
            tro_buf_u8(out, '*');
        if (x->n > 1 || factor != 1)
            print_operand(t, x->atom[i], out);
        else
            print_atom(t, x->atom[i], out);
    }
    if (x->n > 0 && factor != 1)
        tro_buf_u8(out, '*');
    if (x->n == 0 || factor != 1)
        tro_buf_printf(out, "%lld", (long long)factor);
}

void tro_dim_print(const struct tro_dims *t, tro_dim d, struct tro_buf *out)
{
    if (tro_dim_is_const(d)) {
        tro_buf_printf(out, "%lld", (long long)tro_dim_value(d));
        return;
    }
    struct tro_poly p;
    tro_poly_of(t, d, &p);
    for (int i = 0; i < p.n; i++) {
        if (p.term[i].factor < 0)
            tro_buf_u8(out, '-');
        else if (i > 0)
            tro_buf_u8(out, '+');
        print_term(t, &p.term[i], out);
    }
}

/* ---- parsing --------------------------------------------------------------------------- */

struct reader {
    struct tro_dims *t;
    struct tro_str text;
    size_t pos;
    int depth;
};

static bool read_sum(struct reader *r, tro_dim *out);

static char peek(struct reader *r)
{
    while (r->pos < r->text.n && r->text.p[r->pos] == ' ')
        r->pos++;
    return r->pos < r->text.n ? r->text.p[r->pos] : '\0';
}

static bool accept(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->pos++;
    return true;
}

static bool read_number(struct reader *r, tro_dim *out)
{
    int64_t v = 0;
    while (r->pos < r->text.n && tro_text_is_digit(r->text.p[r->pos])) {
        const int digit = r->text.p[r->pos++] - '0';
        if (v > (TRO_DIM_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *out = tro_dim_const(v);
    return true;
}

static bool read_quoted(struct reader *r, tro_dim *out)
{
    struct tro_buf name = {0};
    const bool is_read = tro_text_unquote(r->text, &r->pos, &name);
    if (is_read)
        *out = tro_dim_symbol(r->t, (struct tro_str){(const char *)name.p, name.n - 1}, 0,
                              TRO_DIM_MAX);
    r->t->failed |= name.failed;
    tro_buf_finish(&name);
    return is_read;
}

static bool read_call(struct reader *r, struct tro_str name, tro_dim *out)
{
    tro_dim a, b;
    const bool is_min = tro_str_eqz(name, "min");
    if ((!is_min && !tro_str_eqz(name, "max")) || !read_sum(r, &a) || !accept(r, ',') ||
        !read_sum(r, &b) || !accept(r, ')'))
        return false;
    *out = is_min ? tro_dim_min(r->t, a, b) : tro_dim_max(r->t, a, b);
    return true;
}

static bool read_name(struct reader *r, tro_dim *out)
{
    const size_t start = r->pos;
    while (r->pos < r->text.n &&
           (tro_text_is_letter(r->text.p[r->pos]) || tro_text_is_digit(r->text.p[r->pos])))
        r->pos++;
    const struct tro_str name = {r->text.p + start, r->pos - start};
    if (accept(r, '('))
        return read_call(r, name, out);
    *out = tro_dim_symbol(r->t, name, 0, TRO_DIM_MAX);
    return true;
}

static bool read_factor(struct reader *r, tro_dim *out)
{
    const char c = peek(r);
    if (tro_text_is_digit(c))
        return read_number(r, out);
    if (tro_text_is_letter(c))
        return read_name(r, out);
    if (c == '"')
        return read_quoted(r, out);
    return accept(r, '(') && read_sum(r, out) && accept(r, ')');
}

static bool read_product(struct reader *r, tro_dim *out)
{
    if (!read_factor(r, out))
        return false;
    for (;;) {
        tro_dim b;
        const char op = peek(r);
        if (op != '*' && op != '/' && op != '%')
            return true;
        r->pos++;
        if (!read_factor(r, &b))
            return false;
        *out = op == '*'   ? tro_dim_mul(r->t, *out, b)
               : op == '/' ? tro_dim_div(r->t, *out, b)
                           : tro_dim_mod(r->t, *out, b);
    }
}

/* A sign belongs to a whole product: -a/b is -(a/b), as print writes it. */
static bool read_sum(struct reader *r, tro_dim *out)
{
    if (++r->depth > MAX_NESTING)
        return false;
    const bool is_negative = accept(r, '-');
    if (!read_product(r, out))
        return false;
    if (is_negative)
        *out = tro_dim_sub(r->t, tro_dim_const(0), *out);
    for (;;) {
        tro_dim b;
        const bool is_minus = accept(r, '-');
        if (!is_minus && !accept(r, '+'))
            break;
        if (!read_product(r, &b))
            return false;
        *out = is_minus ? tro_dim_sub(r->t, *out, b) : tro_dim_add(r->t, *out, b);
    }
    r->depth--;
    return true;
}

bool tro_dim_parse(struct tro_dims *t, struct tro_str text, size_t *pos, tro_dim *out)
{
    struct reader r = {.t = t, .text = text, .pos = *pos};
    const bool is_read = read_sum(&r, out);
    *pos = r.pos;
    return is_read;
}
