/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of the text form. */
#include "base/alloc.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/text.h"
#include "graph/text_read.h"
#include "graph/weights.h"

#include <locale.h>
#include <string.h>

#define MAX_DEPTH 32

static int read_statements(struct tro_reader *r, tro_block_id b);

/* ---- symbols, inputs, outputs ---------------------------------------------------------- */

static int read_bound(struct tro_reader *r, int64_t *out)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    if (r->pos < r->text.n && r->text.p[r->pos] == '-')
        r->pos++;
    while (r->pos < r->text.n && tro_text_is_digit(r->text.p[r->pos]))
        r->pos++;
    const struct tro_str word = {r->text.p + start, r->pos - start};
    if (word.n == 0 || tro_text_read_element(TRO_I64, word, out, 0))
        return 0;
    r->pos = start;
    return tro_read_fail(r, "a bound");
}

/* symbol N 1..8 */
static int read_symbol(struct tro_reader *r)
{
    const char *name;
    int64_t lo = -TRO_DIM_MAX, hi = TRO_DIM_MAX;
    if (tro_read_peek(r) == '"') {
        TRO_TRY(tro_read_quoted(r, &name));
    } else {
        const struct tro_str word = tro_read_word(r);
        name = tro_arena_strndup(&r->g->arena, word.p, word.n);
        if (!name)
            return tro_fail_nomem(r->err);
    }
    const struct tro_str key = {name, strlen(name)};
    if (tro_map_get(&r->g->dims.symbols, key, NULL))
        return tro_read_fail(r, "each symbol to be declared once, before its first use");
    TRO_TRY(read_bound(r, &lo));
    TRO_TRY(tro_read_expect(r, '.'));
    TRO_TRY(tro_read_expect(r, '.'));
    TRO_TRY(read_bound(r, &hi));
    if (lo > hi)
        return tro_read_fail(r, "bounds in order, before this");
    tro_dim_symbol(&r->g->dims, key, lo, hi);
    return r->g->dims.failed ? tro_fail_nomem(r->err) : 0;
}

int tro_read_new_name(struct tro_reader *r, const char **out)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    TRO_TRY(tro_read_name(r, out));
    if (**out && !tro_map_get(&r->values, (struct tro_str){*out, strlen(*out)}, NULL))
        return 0;
    r->pos = start;
    return tro_read_fail(r, "a name that is not taken");
}

/* input %x : f32[N,3] */
static int read_input(struct tro_reader *r, tro_block_id b)
{
    const char *name;
    enum tro_dtype dtype;
    struct tro_shape shape;
    tro_value_id v;
    TRO_TRY(tro_read_new_name(r, &name));
    TRO_TRY(tro_read_expect(r, ':'));
    TRO_TRY(tro_read_type(r, &dtype, &shape));
    TRO_TRY(tro_graph_add_input(r->g, b, name, dtype, &shape, &v, r->err));
    return tro_read_define(r, v);
}

/* output %a, %b */
static int read_outputs(struct tro_reader *r, tro_block_id b)
{
    do {
        tro_value_id v;
        tro_read_peek(r);
        const size_t start = r->pos;
        TRO_TRY(tro_read_value(r, &v));
        TRO_TRY(tro_read_prefix(r, start, tro_block_add_output(r->g, b, v, r->err)));
    } while (tro_read_accept(r, ','));
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

struct output_text {
    const char *name; /* NULL for _ */
    bool has_type;
    enum tro_dtype dtype;
    struct tro_shape shape;
};

struct node_text {
    size_t start;
    const char **names;
    struct output_text *out;
    size_t n_out, cap_out, cap_names;
    tro_value_id *in;
    size_t n_in, cap_in;
    struct tro_node_spec spec;
};

static void finish_node(struct node_text *n)
{
    tro_free(n->names);
    tro_free(n->out);
    tro_free(n->in);
}

static int read_node_outputs(struct tro_reader *r, struct node_text *n)
{
    do {
        const char *name = NULL;
        if (!tro_read_accept(r, '_')) {
            TRO_TRY(tro_read_new_name(r, &name));
            /* Taken from here on, but no value yet. */
            if (tro_map_set(&r->values, (struct tro_str){name, strlen(name)}, 0) < 0)
                return tro_fail_nomem(r->err);
        }
        if (TRO_GROW(&n->out, n->n_out, &n->cap_out) < 0 ||
            TRO_GROW(&n->names, n->n_out, &n->cap_names) < 0)
            return tro_fail_nomem(r->err);
        n->out[n->n_out] = (struct output_text){.name = name};
        n->names[n->n_out++] = name;
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, '=');
}

static int read_op(struct tro_reader *r, struct node_text *n)
{
    tro_read_peek(r);
    const size_t start = r->pos;
    if (tro_op_from_text(tro_read_word(r), &n->spec.op))
        return 0;
    r->pos = start;
    return tro_read_fail(r, "an operator");
}

static int read_node_inputs(struct tro_reader *r, struct node_text *n)
{
    TRO_TRY(tro_read_expect(r, '('));
    if (tro_read_accept(r, ')'))
        return 0;
    do {
        if (TRO_GROW(&n->in, n->n_in, &n->cap_in) < 0)
            return tro_fail_nomem(r->err);
        TRO_TRY(tro_read_value(r, &n->in[n->n_in]));
        n->n_in++;
    } while (tro_read_accept(r, ','));
    return tro_read_expect(r, ')');
}

/* After the brace of attributes stands "name =", after that of a block a statement. */
static bool is_attrs_ahead(struct tro_reader *r)
{
    const size_t start = r->pos;
    const bool is_attrs = tro_read_accept(r, '{') && tro_read_word(r).n > 0 &&
                          tro_read_peek(r) == '=';
    r->pos = start;
    return is_attrs;
}

static int read_blocks(struct tro_reader *r, struct node_text *n)
{
    for (int i = 0; i < 2 && tro_read_peek(r) == '{'; i++) {
        if (r->depth >= MAX_DEPTH)
            return tro_read_fail(r, "at most 32 nested blocks");
        TRO_TRY(tro_read_expect(r, '{'));
        TRO_TRY(tro_graph_add_block(r->g, &n->spec.blocks[i], r->err));
        r->depth++;
        TRO_TRY(read_statements(r, n->spec.blocks[i]));
        r->depth--;
        TRO_TRY(tro_read_expect(r, '}'));
    }
    return 0;
}

static int read_types(struct tro_reader *r, struct node_text *n)
{
    if (!tro_read_accept(r, ':'))
        return 0;
    for (size_t i = 0; i < n->n_out; i++) {
        if (i > 0)
            TRO_TRY(tro_read_expect(r, ','));
        if (!n->out[i].name && tro_read_accept(r, '_'))
            continue;
        TRO_TRY(tro_read_type(r, &n->out[i].dtype, &n->out[i].shape));
        n->out[i].has_type = true;
    }
    return 0;
}

static int read_node_text(struct tro_reader *r, struct node_text *n)
{
    TRO_TRY(read_node_outputs(r, n));
    TRO_TRY(read_op(r, n));
    TRO_TRY(read_node_inputs(r, n));
    const struct tro_op_info *const info = tro_op_info(n->spec.op);
    void *const attrs = tro_arena_alloc(&r->g->arena, 1, info->attrs_size);
    if (!attrs)
        return tro_fail_nomem(r->err);
    if (is_attrs_ahead(r))
        TRO_TRY(tro_read_attrs(r, n->spec.op, attrs));
    n->spec.attrs = attrs;
    TRO_TRY(read_blocks(r, n));
    TRO_TRY(read_types(r, n));
    if (tro_read_peek(r) == '"')
        TRO_TRY(tro_read_quoted(r, &n->spec.name));
    return 0;
}

static int fail_type(struct tro_reader *r, tro_value_id v, const struct output_text *written)
{
    struct tro_buf inferred = {0};
    tro_value_print_type(r->g, v, &inferred);
    tro_buf_u8(&inferred, 0);
    const int rc = inferred.failed
                       ? tro_fail_nomem(r->err)
                       : tro_fail(
                             r->err, TRO_E_INPUT,
                             "value '%s': expected a type that agrees with %s, found another %s",
                             written->name ? written->name : "_", (const char *)inferred.p,
                             tro_value_get(r->g, v)->dtype == written->dtype ? "shape" : "type");
    tro_buf_finish(&inferred);
    return rc;
}

/* What is written stands, when it does not contradict what inference found. */
static int apply_type(struct tro_reader *r, tro_value_id v, const struct output_text *written)
{
    struct tro_value *const value = tro_value_get(r->g, v);
    if (!written->has_type)
        return 0;
    if (value->dtype != written->dtype ||
        !tro_shape_may_equal(&r->g->dims, &value->shape, &written->shape))
        return fail_type(r, v, written);
    if (tro_shape_small(&value->shape) != tro_shape_small(&written->shape))
        value->elems = NULL;
    value->shape = written->shape;
    return 0;
}

static int make_node(struct tro_reader *r, tro_block_id b, struct node_text *n)
{
    n->spec.n_in = (uint32_t)n->n_in;
    n->spec.in = n->in;
    n->spec.n_out = (uint32_t)n->n_out;
    n->spec.out_names = n->names;
    tro_value_id *const out = TRO_NEW_N(&r->g->arena, tro_value_id, n->n_out);
    if (!out)
        return tro_fail_nomem(r->err);
    TRO_TRY(tro_graph_add_node(r->g, b, &n->spec, out, r->err));
    const tro_node_id id = tro_value_get(r->g, out[0])->def;
    for (size_t i = 0; i < n->n_out; i++) {
        TRO_TRY(apply_type(r, out[i], &n->out[i]));
        if (!n->out[i].name)
            tro_graph_drop_output(r->g, id, (uint32_t)i);
    }
    /* A name made up for a dropped output may have stood in the way of a written one. */
    for (size_t i = 0; i < n->n_out; i++) {
        if (!n->out[i].name)
            continue;
        if (tro_value_set_name(r->g, out[i], n->out[i].name) < 0)
            return tro_fail_nomem(r->err);
        TRO_TRY(tro_read_define(r, out[i]));
    }
    return 0;
}

/* %y = conv(%x, %w, _) {group = 1} : f32[1,8] "name" */
static int read_node(struct tro_reader *r, tro_block_id b)
{
    struct node_text n = {.start = r->pos};
    int rc = read_node_text(r, &n);
    if (rc == 0)
        rc = tro_read_prefix(r, n.start, make_node(r, b, &n));
    finish_node(&n);
    return rc;
}

/* ---- the text -------------------------------------------------------------------------- */

static int read_statement(struct tro_reader *r, tro_block_id b)
{
    const char next = tro_read_peek(r);
    if (next == '%' || next == '_')
        return read_node(r, b);
    const size_t start = r->pos;
    const struct tro_str word = tro_read_word(r);
    if (tro_str_eqz(word, "input"))
        return read_input(r, b);
    if (tro_str_eqz(word, "output"))
        return read_outputs(r, b);
    if (tro_str_eqz(word, "const"))
        return tro_read_const(r);
    if (tro_str_eqz(word, "symbol"))
        return read_symbol(r);
    r->pos = start;
    return tro_read_fail(r, "a statement (symbol, input, const, %value = ..., output)");
}

static int read_statements(struct tro_reader *r, tro_block_id b)
{
    while (tro_read_peek(r) && tro_read_peek(r) != '}')
        TRO_TRY(read_statement(r, b));
    return 0;
}

static int read_graph(struct tro_reader *r)
{
    if (!tro_str_eqz(tro_read_word(r), "graph")) {
        r->pos = 0;
        return tro_read_fail(r, "'graph' and a quoted name");
    }
    TRO_TRY(tro_read_quoted(r, &r->g->name));
    TRO_TRY(read_statements(r, TRO_MAIN_BLOCK));
    return tro_read_peek(r) ? tro_read_fail(r, "a statement") : 0;
}

struct tro_graph *tro_graph_parse_apart(struct tro_str text, const char *name, struct tro_str block,
                                        struct tro_err *err)
{
    struct tro_reader r = {.name = name, .text = text, .block = block, .err = err};
    r.g = tro_graph_create("", err);
    if (!r.g)
        return NULL;
    const locale_t before = uselocale(newlocale(LC_NUMERIC_MASK, "C", (locale_t)0));
    const int rc = read_graph(&r);
    uselocale(before);
    tro_map_finish(&r.values);
    if (rc == 0)
        return r.g;
    tro_graph_destroy(r.g);
    return NULL;
}

struct tro_graph *tro_graph_parse(struct tro_str text, const char *name, struct tro_err *err)
{
    return tro_graph_parse_apart(text, name, (struct tro_str){0}, err);
}
