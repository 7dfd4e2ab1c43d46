/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "graph/graph.h"
#include "graph/text.h"
#include "graph/weights.h"

#include <locale.h>
#include <string.h>

/* Constants of more elements are one word of base64. */
#define MAX_LISTED 64
/* Lists of fewer equal elements are written out. */
#define MIN_SPLAT 4

struct printer {
    const struct tro_graph *g;
    struct tro_buf *out;
    int64_t max_const;
    struct tro_weights *weights; /* where constants of more than max_listed elements go, or NULL */
    int64_t max_listed;
    int64_t n_splat; /* elements that stand behind `splat` so far */
    uint32_t *uses;  /* of each value */
    bool *is_used;   /* of each entry of the table of sizes */
};

static void indent(struct printer *p, int depth)
{
    for (int i = 0; i < depth; i++)
        tro_buf_str(p->out, "  ");
}

static bool is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if (!tro_text_is_letter(*c) && !tro_text_is_digit(*c) && *c != '.')
            return false;
    return *name && strcmp(name, "_") != 0;
}

static void print_value(struct printer *p, tro_value_id v)
{
    if (v.i == 0) {
        tro_buf_u8(p->out, '_');
        return;
    }
    const char *const name = tro_value_get(p->g, v)->name;
    tro_buf_u8(p->out, '%');
    if (is_plain(name))
        tro_buf_str(p->out, name);
    else
        tro_text_quote(name, p->out);
}

static void print_values(struct printer *p, const tro_value_id *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            tro_buf_str(p->out, ", ");
        print_value(p, v[i]);
    }
}

/* ---- symbols --------------------------------------------------------------------------- */

static void mark_dim(struct printer *p, tro_dim d)
{
    if (tro_dim_is_const(d) || p->is_used[d.bits >> 1])
        return;
    p->is_used[d.bits >> 1] = true;
    const struct tro_dim_expr *const e = &p->g->dims.exprs[d.bits >> 1];
    if (e->op == TRO_DIM_SYMBOL)
        return;
    mark_dim(p, e->a);
    mark_dim(p, e->b);
}

static void mark_shape(struct printer *p, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(p->g, v)->shape;
    for (int i = 0; i < s->rank; i++)
        mark_dim(p, s->dim[i]);
}

static void mark_attrs(struct printer *p, const struct tro_node *node)
{
    for (const struct tro_attr_field *f = tro_op_info(node->op)->fields(); f->name; f++) {
        if (f->type != TRO_ATTR_DIMS)
            continue;
        const struct tro_dim_list *const list = (const void *)((const char *)node->attrs +
                                                               f->offset);
        for (int i = 0; i < list->n; i++)
            mark_dim(p, list->v[i]);
    }
}

static void mark_symbols(struct printer *p)
{
    const struct tro_graph *const g = p->g;
    for (size_t b = 1; b < g->n_blocks; b++)
        for (size_t i = 0; i < g->blocks[b].n_inputs; i++)
            mark_shape(p, g->blocks[b].inputs[i]);
    for (size_t n = 1; n < g->n_nodes; n++) {
        const struct tro_node *const node = &g->nodes[n];
        if (node->block.i == 0)
            continue;
        mark_attrs(p, node);
        for (uint32_t i = 0; i < node->n_out; i++)
            mark_shape(p, node->out[i]);
    }
}

/* "u7": what inference may choose for a name of its own. */
static bool is_made_up(const char *name)
{
    const size_t n = strlen(name);
    return n > 1 && name[0] == 'u' && strspn(name + 1, "0123456789") == n - 1;
}

static void print_symbols(struct printer *p)
{
    const struct tro_dims *const t = &p->g->dims;
    for (size_t i = 0; i < t->n; i++) {
        const struct tro_dim_expr *const e = &t->exprs[i];
        if (!p->is_used[i] || e->op != TRO_DIM_SYMBOL)
            continue;
        if (e->lo == 0 && e->hi == TRO_DIM_MAX && !is_made_up(e->name))
            continue;
        tro_buf_str(p->out, "symbol ");
        tro_dim_print(t, (tro_dim){(int64_t)i * 2 + 1}, p->out);
        tro_buf_u8(p->out, ' ');
        if (e->lo > -TRO_DIM_MAX)
            tro_buf_printf(p->out, "%lld", (long long)e->lo);
        tro_buf_str(p->out, "..");
        if (e->hi < TRO_DIM_MAX)
            tro_buf_printf(p->out, "%lld", (long long)e->hi);
        tro_buf_u8(p->out, '\n');
    }
}

/* ---- constants ------------------------------------------------------------------------- */

static bool is_splat(const struct tro_tensor *t, int64_t n)
{
    const size_t size = tro_dtype_size(t->dtype);
    const char *const data = t->data;
    return n >= MIN_SPLAT && memcmp(data, data + size, (size_t)(n - 1) * size) == 0;
}

static void print_apart(struct printer *p, const struct tro_tensor *t)
{
    size_t offset = 0;
    if (tro_weights_add(p->weights, t->data, tro_tensor_n_bytes(t), &offset) < 0)
        p->out->failed = true;
    tro_buf_printf(p->out, " data %zu", offset);
}

static void print_data(struct printer *p, const struct tro_tensor *t)
{
    const int64_t n = tro_tensor_n_elems(t);
    if (p->weights && n > p->max_listed) {
        print_apart(p, t);
    } else if (p->max_const >= 0 && n > p->max_const) {
        tro_buf_str(p->out, " ...");
    } else if (is_splat(t, n) && n <= TRO_TEXT_MAX_SPLAT - p->n_splat) {
        p->n_splat += n;
        tro_buf_str(p->out, " splat ");
        tro_text_print_element(t->dtype, t->data, 0, p->out);
    } else if (n > MAX_LISTED) {
        tro_buf_str(p->out, " base64 \"");
        tro_text_print_base64(t->data, tro_tensor_n_bytes(t), p->out);
        tro_buf_u8(p->out, '"');
    } else {
        for (int64_t i = 0; i < n; i++) {
            tro_buf_u8(p->out, ' ');
            tro_text_print_element(t->dtype, t->data, i, p->out);
        }
    }
}

static void print_constants(struct printer *p)
{
    for (uint32_t i = 1; i < p->g->n_values; i++) {
        const tro_value_id v = {i};
        if (!tro_is_const(p->g, v) || p->uses[i] == 0)
            continue;
        tro_buf_str(p->out, "const ");
        print_value(p, v);
        tro_buf_str(p->out, " : ");
        tro_value_print_type(p->g, v, p->out);
        tro_buf_str(p->out, " =");
        const struct tro_tensor t = tro_const_tensor(p->g, v);
        print_data(p, &t);
        tro_buf_u8(p->out, '\n');
    }
}

/* ---- nodes ----------------------------------------------------------------------------- */

static void print_block(struct printer *p, tro_block_id b, int depth);

static void print_types(struct printer *p, const struct tro_node *node)
{
    for (uint32_t i = 0; i < node->n_out; i++) {
        tro_buf_str(p->out, i == 0 ? " : " : ", ");
        if (node->out[i].i)
            tro_value_print_type(p->g, node->out[i], p->out);
        else
            tro_buf_u8(p->out, '_');
    }
}

static void print_node(struct printer *p, const struct tro_node *node, int depth)
{
    indent(p, depth);
    print_values(p, node->out, node->n_out);
    tro_buf_printf(p->out, " = %s(", tro_op_info(node->op)->text);
    print_values(p, node->in, node->n_in);
    tro_buf_u8(p->out, ')');
    tro_text_print_attrs(&p->g->dims, node->op, node->attrs, p->out);
    for (int i = 0; i < 2; i++) {
        if (node->blocks[i].i == 0)
            continue;
        tro_buf_str(p->out, " {\n");
        print_block(p, node->blocks[i], depth + 1);
        indent(p, depth);
        tro_buf_u8(p->out, '}');
    }
    print_types(p, node);
    if (*node->name) {
        tro_buf_u8(p->out, ' ');
        tro_text_quote(node->name, p->out);
    }
    tro_buf_u8(p->out, '\n');
}

static void print_inputs(struct printer *p, const struct tro_block *block, int depth)
{
    for (size_t i = 0; i < block->n_inputs; i++) {
        indent(p, depth);
        tro_buf_str(p->out, "input ");
        print_value(p, block->inputs[i]);
        tro_buf_str(p->out, " : ");
        tro_value_print_type(p->g, block->inputs[i], p->out);
        tro_buf_u8(p->out, '\n');
    }
}

static void print_block(struct printer *p, tro_block_id b, int depth)
{
    const struct tro_block *const block = tro_block_get(p->g, b);
    print_inputs(p, block, depth);
    if (b.i == TRO_MAIN_BLOCK.i)
        print_constants(p);
    for (size_t i = 0; i < block->n_nodes; i++)
        print_node(p, tro_node_get(p->g, block->nodes[i]), depth);
    if (block->n_outputs == 0)
        return;
    indent(p, depth);
    tro_buf_str(p->out, "output ");
    print_values(p, block->outputs, block->n_outputs);
    tro_buf_u8(p->out, '\n');
}

static void print_graph(struct printer *p)
{
    const struct tro_graph *const g = p->g;
    p->uses = tro_calloc(g->n_values, sizeof(*p->uses));
    p->is_used = tro_calloc(g->dims.n, sizeof(*p->is_used));
    /* Numbers have a point, whatever the program's language. "C" needs no memory. */
    const locale_t before = uselocale(newlocale(LC_NUMERIC_MASK, "C", (locale_t)0));
    if (p->uses && p->is_used) {
        tro_graph_count_uses(g, p->uses);
        tro_buf_str(p->out, "graph ");
        tro_text_quote(g->name, p->out);
        tro_buf_u8(p->out, '\n');
        mark_symbols(p);
        print_symbols(p);
        print_block(p, TRO_MAIN_BLOCK, 0);
    } else {
        p->out->failed = true;
    }
    uselocale(before);
    tro_free(p->uses);
    tro_free(p->is_used);
}

void tro_graph_print(const struct tro_graph *g, int64_t max_const, struct tro_buf *out)
{
    struct printer p = {.g = g, .out = out, .max_const = max_const};
    print_graph(&p);
}

void tro_graph_print_apart(const struct tro_graph *g, int64_t max_listed, struct tro_weights *w,
                           struct tro_buf *out)
{
    struct printer p = {
        .g = g, .out = out, .max_const = -1, .weights = w, .max_listed = max_listed};
    print_graph(&p);
}
