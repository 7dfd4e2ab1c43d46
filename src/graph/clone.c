/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of graphs: nodes are added again one by one, so that shapes follow from other sizes. */
#include "base/alloc.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/graph_build.h"

#include <string.h>

struct cloner {
    const struct tro_graph *from;
    struct tro_graph *to;
    struct tro_dim_env env; /* symbols with one value */
    int64_t *lo, *hi;       /* bounds of symbols, by entry */
    tro_dim *dims;          /* of the copy, by entry of the source; valid where is_mapped */
    bool *is_mapped;
    tro_value_id *values; /* of the copy, by value of the source */
    bool is_exact;        /* no size was changed: shapes are copied */
    struct tro_err *err;
};

static int clone_block(struct cloner *c, tro_block_id from, tro_block_id to);

/* ---- sizes ----------------------------------------------------------------------------- */

static int fail_shape(struct cloner *c, size_t input, int axis,
                      const struct tro_clone_shape *wanted)
{
    struct tro_buf type = {0};
    const tro_value_id v = tro_block_get(c->from, TRO_MAIN_BLOCK)->inputs[input];
    tro_value_print_type(c->from, v, &type);
    tro_buf_u8(&type, 0);
    const int rc = type.failed
                       ? tro_fail_nomem(c->err)
                       : tro_fail(c->err, TRO_E_INPUT,
                                  "input '%s': expected sizes that fit %s, found %lld to "
                                  "%lld along axis %d",
                                  tro_value_get(c->from, v)->name, (const char *)type.p,
                                  (long long)wanted->lo[axis], (long long)wanted->hi[axis], axis);
    tro_buf_finish(&type);
    return rc;
}

/* One axis of an input: a symbol gets narrower bounds, an expression may bind one. */
static bool narrow(struct cloner *c, tro_dim d, int64_t lo, int64_t hi)
{
    const struct tro_dims *const t = &c->from->dims;
    const char *name;
    if (lo > hi || lo > tro_dim_hi(t, d) || hi < tro_dim_lo(t, d))
        return false;
    if (lo == hi)
        return tro_dim_bind(t, &c->env, d, lo);
    if (!tro_dim_is_symbol(t, d, &name))
        return true;
    const size_t entry = (size_t)(d.bits >> 1);
    c->lo[entry] = lo > c->lo[entry] ? lo : c->lo[entry];
    c->hi[entry] = hi < c->hi[entry] ? hi : c->hi[entry];
    return c->lo[entry] <= c->hi[entry];
}

static int narrow_inputs(struct cloner *c, const struct tro_clone_shape *shapes)
{
    const struct tro_block *const b = tro_block_get(c->from, TRO_MAIN_BLOCK);
    for (size_t i = 0; shapes && i < b->n_inputs; i++) {
        const struct tro_shape *const s = &tro_value_get(c->from, b->inputs[i])->shape;
        if (shapes[i].rank < 0 || s->rank < 0)
            continue;
        if (shapes[i].rank != s->rank)
            return tro_fail(c->err, TRO_E_INPUT, "input '%s': expected rank %d, found %d",
                            tro_value_get(c->from, b->inputs[i])->name, s->rank, shapes[i].rank);
        for (int a = 0; a < s->rank; a++)
            if (!narrow(c, s->dim[a], shapes[i].lo[a], shapes[i].hi[a]))
                return fail_shape(c, i, a, &shapes[i]);
    }
    return 0;
}

static tro_dim map_dim(struct cloner *c, tro_dim d);

/* A bound symbol outside the bounds another input gave it keeps its value: the run refuses it. */
static tro_dim map_entry(struct cloner *c, size_t entry)
{
    typedef tro_dim combine(struct tro_dims *, tro_dim, tro_dim);
    static combine *const combines[] = {
        [TRO_DIM_ADD] = tro_dim_add, [TRO_DIM_MUL] = tro_dim_mul, [TRO_DIM_DIV] = tro_dim_div,
        [TRO_DIM_MOD] = tro_dim_mod, [TRO_DIM_MIN] = tro_dim_min, [TRO_DIM_MAX_OF] = tro_dim_max};
    const struct tro_dim_expr *const e = &c->from->dims.exprs[entry];
    if (e->op != TRO_DIM_SYMBOL)
        return combines[e->op](&c->to->dims, map_dim(c, e->a), map_dim(c, e->b));
    if (c->env.known[entry])
        return tro_dim_const(c->env.values[entry]);
    if (c->lo[entry] == c->hi[entry])
        return tro_dim_const(c->lo[entry]);
    return tro_dim_symbol(&c->to->dims, (struct tro_str){e->name, strlen(e->name)}, c->lo[entry],
                          c->hi[entry]);
}

static tro_dim map_dim(struct cloner *c, tro_dim d)
{
    if (tro_dim_is_const(d))
        return d;
    const size_t entry = (size_t)(d.bits >> 1);
    if (!c->is_mapped[entry]) {
        c->dims[entry] = map_entry(c, entry);
        c->is_mapped[entry] = true;
    }
    return c->dims[entry];
}

static struct tro_shape map_shape(struct cloner *c, const struct tro_shape *s)
{
    struct tro_shape out = {.rank = s->rank};
    for (int i = 0; i < s->rank; i++)
        out.dim[i] = map_dim(c, s->dim[i]);
    return out;
}

/* A symbol that stands for what inference found at run time: the copy's inference found it again,
 * perhaps with closer bounds. */
static void map_unknowns(struct cloner *c, const struct tro_shape *from, const struct tro_shape *to)
{
    const char *name;
    for (int i = 0; i < from->rank && from->rank == to->rank; i++) {
        const size_t entry = (size_t)(from->dim[i].bits >> 1);
        if (!tro_dim_is_symbol(&c->from->dims, from->dim[i], &name) || c->is_mapped[entry])
            continue;
        c->dims[entry] = to->dim[i];
        c->is_mapped[entry] = true;
    }
}

/* What the copy inferred, or what the source says where that is more precise. */
static struct tro_shape merge_shape(struct cloner *c, const struct tro_shape *from,
                                    const struct tro_shape *inferred)
{
    const struct tro_shape mapped = map_shape(c, from);
    if (c->is_exact || inferred->rank < 0)
        return mapped;
    struct tro_shape out = *inferred;
    for (int i = 0; i < out.rank && out.rank == mapped.rank; i++)
        if (!tro_dim_is_const(out.dim[i]) && tro_dim_is_const(mapped.dim[i]))
            out.dim[i] = mapped.dim[i];
    return out;
}

/* ---- values ---------------------------------------------------------------------------- */

static int clone_elems(struct cloner *c, const struct tro_value *from, struct tro_value *to)
{
    const int n = tro_shape_small(&from->shape);
    if (!c->is_exact || !from->elems || n <= 0)
        return 0;
    tro_dim *const elems = TRO_NEW_N(&c->to->arena, tro_dim, (size_t)n);
    if (!elems)
        return tro_fail_nomem(c->err);
    for (int i = 0; i < n; i++)
        elems[i] = map_dim(c, from->elems[i]);
    to->elems = elems;
    return 0;
}

static int clone_output(struct cloner *c, tro_value_id from_id, tro_value_id to_id)
{
    const struct tro_value *const from = tro_value_get(c->from, from_id);
    struct tro_value *const to = tro_value_get(c->to, to_id);
    c->values[from_id.i] = to_id;
    if (tro_value_set_name(c->to, to_id, from->name) < 0)
        return tro_fail_nomem(c->err);
    to->is_name_made_up = from->is_name_made_up;
    if (!c->is_exact)
        map_unknowns(c, &from->shape, &to->shape);
    const struct tro_shape shape = merge_shape(c, &from->shape, &to->shape);
    if (!tro_shape_may_equal(&c->to->dims, &shape, &to->shape))
        return tro_fail(c->err, TRO_E_INPUT, "value '%s' does not fit these sizes", from->name);
    if (tro_shape_small(&to->shape) != tro_shape_small(&shape))
        to->elems = NULL;
    to->shape = shape;
    return clone_elems(c, from, to);
}

static int clone_use(struct cloner *c, tro_value_id from, tro_value_id *to)
{
    *to = TRO_VALUE_NONE;
    if (from.i == 0)
        return 0;
    if (c->values[from.i].i == 0 && tro_is_const(c->from, from)) {
        const struct tro_value *const v = tro_value_get(c->from, from);
        const struct tro_tensor t = tro_const_tensor(c->from, from);
        TRO_TRY(tro_graph_add_const(c->to, v->name, &t, &c->values[from.i], c->err));
        tro_value_get(c->to, c->values[from.i])->is_name_made_up = v->is_name_made_up;
    }
    *to = c->values[from.i];
    return 0;
}

static int clone_input(struct cloner *c, tro_value_id from, tro_block_id b,
                       const struct tro_shape *outer, const struct tro_clone_shape *wanted)
{
    const struct tro_value *const v = tro_value_get(c->from, from);
    struct tro_shape shape = map_shape(c, &v->shape);
    if (outer && !c->is_exact)
        shape = *outer;
    if (v->shape.rank < 0 && wanted && wanted->rank >= 0) {
        shape.rank = wanted->rank;
        for (int i = 0; i < wanted->rank; i++)
            shape.dim[i] = tro_dim_fresh(&c->to->dims, wanted->lo[i], wanted->hi[i]);
    }
    TRO_TRY(tro_graph_add_input(c->to, b, v->name, v->dtype, &shape, &c->values[from.i], c->err));
    tro_value_get(c->to, c->values[from.i])->is_name_made_up = v->is_name_made_up;
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static void *clone_attrs(struct cloner *c, const struct tro_node *n)
{
    const struct tro_op_info *const info = tro_op_info(n->op);
    char *const copy = tro_arena_memdup(&c->to->arena, n->attrs, info->attrs_size);
    for (const struct tro_attr_field *f = info->fields(); copy && f->name; f++) {
        if (f->type != TRO_ATTR_DIMS)
            continue;
        struct tro_dim_list *const list = (void *)(copy + f->offset);
        for (int i = 0; i < list->n; i++)
            list->v[i] = map_dim(c, list->v[i]);
    }
    return copy;
}

/* Captures are the last inputs of the node and of its block. */
static uint32_t n_captures(const struct tro_node *n, const struct tro_block *b)
{
    if (n->op == TRO_OP_LOOP)
        return (uint32_t)((const struct tro_attrs_loop *)n->attrs)->n_captures;
    if (n->op == TRO_OP_SCAN)
        return (uint32_t)((const struct tro_attrs_scan *)n->attrs)->n_captures;
    return (uint32_t)b->n_inputs;
}

static int clone_node_block(struct cloner *c, const struct tro_node *n, const tro_value_id *in,
                            tro_block_id from, tro_block_id *out)
{
    const struct tro_block *const b = tro_block_get(c->from, from);
    const uint32_t n_first = (uint32_t)b->n_inputs - n_captures(n, b);
    TRO_TRY(tro_graph_add_block(c->to, out, c->err));
    for (uint32_t i = 0; i < b->n_inputs; i++) {
        struct tro_shape outer;
        if (i >= n_first)
            outer = tro_value_get(c->to, in[n->n_in - (b->n_inputs - i)])->shape;
        TRO_TRY(clone_input(c, b->inputs[i], *out, i >= n_first ? &outer : NULL, NULL));
    }
    return clone_block(c, from, *out);
}

static int clone_outputs(struct cloner *c, const struct tro_node *n, const tro_value_id *out)
{
    const tro_node_id id = tro_value_get(c->to, out[0])->def;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i == 0)
            tro_graph_drop_output(c->to, id, i);
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            TRO_TRY(clone_output(c, n->out[i], out[i]));
    return 0;
}

static int clone_node(struct cloner *c, const struct tro_node *n, tro_block_id b)
{
    tro_value_id *const in = TRO_NEW_N(&c->to->arena, tro_value_id, n->n_in);
    tro_value_id *const out = TRO_NEW_N(&c->to->arena, tro_value_id, n->n_out);
    struct tro_node_spec spec = {.op = n->op,
                                 .name = n->name,
                                 .attrs = clone_attrs(c, n),
                                 .n_in = n->n_in,
                                 .n_out = n->n_out,
                                 .in = in};
    if (!in || !out || !spec.attrs)
        return tro_fail_nomem(c->err);
    for (uint32_t i = 0; i < n->n_in; i++)
        TRO_TRY(clone_use(c, n->in[i], &in[i]));
    for (int i = 0; i < 2; i++)
        if (n->blocks[i].i)
            TRO_TRY(clone_node_block(c, n, in, n->blocks[i], &spec.blocks[i]));
    TRO_TRY(tro_graph_add_node(c->to, b, &spec, out, c->err));
    return n->n_out > 0 ? clone_outputs(c, n, out) : 0;
}

static int clone_block(struct cloner *c, tro_block_id from, tro_block_id to)
{
    const struct tro_block *const b = tro_block_get(c->from, from);
    for (size_t i = 0; i < b->n_nodes; i++) {
        const struct tro_node *const n = tro_node_get(c->from, b->nodes[i]);
        TRO_TRY(tro_err_prefix(c->err, clone_node(c, n, to), "node '%s': ", n->name));
    }
    for (size_t i = 0; i < b->n_outputs; i++) {
        tro_value_id v;
        TRO_TRY(clone_use(c, b->outputs[i], &v));
        TRO_TRY(tro_block_add_output(c->to, to, v, c->err));
    }
    return c->to->dims.failed ? tro_fail_nomem(c->err) : 0;
}

/* ---- the graph ------------------------------------------------------------------------- */

static int cloner_init(struct cloner *c)
{
    const struct tro_dims *const t = &c->from->dims;
    c->lo = tro_calloc(t->n + 1, sizeof(*c->lo));
    c->hi = tro_calloc(t->n + 1, sizeof(*c->hi));
    c->dims = tro_calloc(t->n + 1, sizeof(*c->dims));
    c->is_mapped = tro_calloc(t->n + 1, sizeof(*c->is_mapped));
    c->values = tro_calloc(c->from->n_values, sizeof(*c->values));
    if (tro_dim_env_init(&c->env, t) < 0 || !c->lo || !c->hi || !c->dims || !c->is_mapped ||
        !c->values)
        return tro_fail_nomem(c->err);
    for (size_t i = 0; i < t->n; i++) {
        c->lo[i] = t->exprs[i].lo;
        c->hi[i] = t->exprs[i].hi;
    }
    /* New unknowns must not take the names of the source's. */
    c->to->dims.n_fresh = t->n_fresh;
    return 0;
}

static void cloner_finish(struct cloner *c)
{
    tro_dim_env_finish(&c->env);
    tro_free(c->lo);
    tro_free(c->hi);
    tro_free(c->dims);
    tro_free(c->is_mapped);
    tro_free(c->values);
}

static int clone_graph(struct cloner *c, const struct tro_clone_shape *inputs)
{
    const struct tro_block *const b = tro_block_get(c->from, TRO_MAIN_BLOCK);
    TRO_TRY(cloner_init(c));
    TRO_TRY(narrow_inputs(c, inputs));
    for (size_t i = 0; i < b->n_inputs; i++)
        TRO_TRY(clone_input(c, b->inputs[i], TRO_MAIN_BLOCK, NULL, inputs ? &inputs[i] : NULL));
    return clone_block(c, TRO_MAIN_BLOCK, TRO_MAIN_BLOCK);
}

struct tro_graph *tro_graph_clone(const struct tro_graph *g, const struct tro_clone_shape *inputs,
                                  struct tro_err *err)
{
    struct cloner c = {.from = g, .is_exact = !inputs, .err = err};
    c.to = tro_graph_create(g->name, err);
    if (!c.to)
        return NULL;
    const int rc = clone_graph(&c, inputs);
    cloner_finish(&c);
    if (rc == 0)
        return c.to;
    tro_graph_destroy(c.to);
    return NULL;
}

/* Constants stay where they are: the memory of the graph as it was is kept. */
int tro_graph_infer_again(struct tro_graph *g, struct tro_err *err)
{
    const size_t n = tro_block_get(g, TRO_MAIN_BLOCK)->n_inputs;
    struct tro_clone_shape *const shapes = tro_calloc(n + 1, sizeof(*shapes));
    if (!shapes)
        return tro_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        shapes[i].rank = -1;
    struct tro_graph *const copy = tro_graph_clone(g, shapes, err);
    tro_free(shapes);
    if (!copy)
        return err ? (int)err->status : TRO_E_NOMEM;
    const struct tro_graph old = *g;
    *g = *copy;
    *copy = old;
    tro_arena_join(&g->arena, &copy->arena);
    tro_graph_destroy(copy);
    return 0;
}
