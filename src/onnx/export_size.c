/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes that are known only at run time: Shape of a tensor that has the symbol, and arithmetic. */
#include "onnx/export_call.h"

#include <string.h>

#include "base/bytes.h"

static const char *known_size(const struct tro_export *x, tro_dim d)
{
    for (const struct tro_export_scope *s = x->scope; s; s = s->parent)
        for (size_t i = 0; i < s->n_sizes; i++)
            if (tro_dim_eq(s->sizes[i].dim, d))
                return s->sizes[i].name;
    return NULL;
}

static void remember(struct tro_export *x, tro_dim d, const char *name)
{
    struct tro_export_scope *s = x->scope;
    if (x->rc < 0)
        return;
    if (s->n_sizes == s->cap_sizes) {
        const size_t cap = s->cap_sizes ? 2 * s->cap_sizes : 8;
        struct tro_export_size *all = TRO_NEW_N(&x->m->arena, struct tro_export_size, cap);
        if (!all) {
            tro_export_no_memory(x);
            return;
        }
        if (s->n_sizes)
            memcpy(all, s->sizes, s->n_sizes * sizeof *all);
        s->sizes = all;
        s->cap_sizes = cap;
    }
    s->sizes[s->n_sizes++] = (struct tro_export_size){d, name};
}

static bool has_size(const struct tro_export *x, tro_value_id v, tro_dim d, int *axis)
{
    const struct tro_value *value = tro_value_get(x->g, v);
    if (!x->is_made[v.i] || value->data || !value->block.i || !x->is_open[value->block.i])
        return false;
    for (int i = 0; i < value->shape.rank; i++) {
        if (tro_dim_eq(value->shape.dim[i], d)) {
            *axis = i;
            return true;
        }
    }
    return false;
}

/* A tensor that is there already and has this size; inputs of the network first. */
static tro_value_id find_source(const struct tro_export *x, tro_dim d, int *axis)
{
    const struct tro_block *main = tro_block_get(x->g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < main->n_inputs; i++)
        if (has_size(x, main->inputs[i], d, axis))
            return main->inputs[i];
    for (uint32_t i = 1; i < x->g->n_values; i++)
        if (has_size(x, (tro_value_id){i}, d, axis))
            return (tro_value_id){i};
    return TRO_VALUE_NONE;
}

static const char *size_name(struct tro_export *x, tro_dim d);

/* The quotient rounded down: ONNX's rounds toward 0, so the rest is taken off where a may be
 * negative. */
static const char *quotient(struct tro_export *x, tro_dim a, tro_dim b)
{
    const char *num = size_name(x, a), *den = size_name(x, b);
    if (tro_dim_lo(&x->g->dims, a) < 0)
        num = tro_export_emit2(x, "Sub", num, tro_export_emit2(x, "Mod", num, den, "size"), "size");
    return tro_export_emit2(x, "Div", num, den, "size");
}

static const char *arithmetic(struct tro_export *x, const struct tro_dim_expr *e)
{
    static const char *const ops[] = {[TRO_DIM_ADD] = "Add",
                                      [TRO_DIM_MUL] = "Mul",
                                      [TRO_DIM_MOD] = "Mod",
                                      [TRO_DIM_MIN] = "Min",
                                      [TRO_DIM_MAX_OF] = "Max"};
    if (e->op == TRO_DIM_DIV)
        return quotient(x, e->a, e->b);
    const char *a = size_name(x, e->a), *b = size_name(x, e->b);
    return tro_export_emit2(x, ops[e->op], a, b, "size");
}

static void fail_size(struct tro_export *x, tro_dim d)
{
    struct tro_buf text = {0};
    tro_dim_print(&x->g->dims, d, &text);
    tro_export_fail(x, TRO_E_UNSUPPORTED,
                    "expected a tensor whose shape has the size %.*s, found none: give the model's "
                    "inputs fixed shapes",
                    (int)text.n, (const char *)text.p);
    tro_buf_finish(&text);
}

/* A vector of one element. */
static const char *size_name(struct tro_export *x, tro_dim d)
{
    const char *name = known_size(x, d);
    if (name || x->rc < 0)
        return name ? name : "";
    const struct tro_dim_expr *e = tro_dim_is_const(d) ? NULL : &x->g->dims.exprs[d.bits >> 1];
    int axis = 0;
    const tro_value_id source = !e ? TRO_VALUE_NONE : find_source(x, d, &axis);
    if (!e) {
        const int64_t v = tro_dim_value(d);
        name = tro_export_const_i64(x, &v, 1, "size");
    } else if (source.i) {
        name = tro_export_emit1(x, "Shape", x->names[source.i], "size");
        tro_export_int(x, "start", axis);
        tro_export_int(x, "end", axis + 1);
    } else if (e->op != TRO_DIM_SYMBOL) {
        name = arithmetic(x, e);
    } else {
        fail_size(x, d);
        return "";
    }
    remember(x, d, name);
    return name;
}

static bool is_all_const(const struct tro_dim_list *d)
{
    for (int i = 0; i < d->n; i++)
        if (!tro_dim_is_const(d->v[i]))
            return false;
    return true;
}

/* Known sizes are an initializer, and a Constant where that would be an output. */
static void constant_sizes(struct tro_export *x, tro_value_id v, const struct tro_attrs_dims *a)
{
    int64_t all[TRO_MAX_INTS];
    for (int i = 0; i < a->values.n; i++)
        all[i] = tro_dim_value(a->values.v[i]);
    const struct tro_tensor t = {
        .dtype = TRO_I64,
        .rank = !a->is_scalar,
        .shape = {a->values.n},
        .data = tro_arena_memdup(&x->m->arena, all, (size_t)a->values.n * sizeof *all)};
    if (!t.data) {
        tro_export_no_memory(x);
    } else if (tro_export_is_output(x, v)) {
        tro_export_node(x, "Constant", NULL, 0, &x->names[v.i], 1);
        tro_export_tensor_attr(x, "value", &t);
    } else {
        tro_export_initializer(x, x->names[v.i], &t);
    }
}

void tro_export_dims_value(struct tro_export *x, tro_value_id v)
{
    const struct tro_node *outer = x->node;
    x->node = tro_node_get(x->g, tro_value_get(x->g, v)->def);
    const struct tro_attrs_dims *a = x->node->attrs;
    const char *names[TRO_MAX_INTS];
    if (is_all_const(&a->values)) {
        constant_sizes(x, v, a);
    } else {
        for (int i = 0; i < a->values.n; i++)
            names[i] = size_name(x, a->values.v[i]);
        if (a->is_scalar)
            tro_export_node(x, "Squeeze", names, 1, &x->names[v.i], 1);
        else
            tro_export_node(x, "Concat", names, (size_t)a->values.n, &x->names[v.i], 1);
        if (!a->is_scalar)
            tro_export_int(x, "axis", 0);
    }
    x->node = outer;
}

void tro_export_dims(struct tro_export *x)
{
    (void)x; /* sizes are computed where they are first needed */
}
