/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/graph.h"

#include "base/alloc.h"
#include "base/err.h"
#include "graph/elems.h"
#include "graph/graph_build.h"

#include <stdio.h>
#include <string.h>

/* Ids are 32 bits; this many of a kind are never reached by what fits a machine. */
#define MAX_IDS ((size_t)1 << 30)

/* Index 0 of each list is nobody. */
static int reserve_first(struct tro_graph *g)
{
    if (TRO_GROW(&g->values, g->n_values, &g->cap_values) < 0 ||
        TRO_GROW(&g->nodes, g->n_nodes, &g->cap_nodes) < 0 ||
        TRO_GROW(&g->blocks, g->n_blocks, &g->cap_blocks) < 0)
        return TRO_E_NOMEM;
    g->values[g->n_values++] = (struct tro_value){.name = "", .shape.rank = -1};
    g->nodes[g->n_nodes++] = (struct tro_node){.name = ""};
    g->blocks[g->n_blocks++] = (struct tro_block){0};
    return 0;
}

struct tro_graph *tro_graph_create(const char *name, struct tro_err *err)
{
    struct tro_graph *const g = tro_calloc(1, sizeof(*g));
    if (!g) {
        tro_fail_nomem(err);
        return NULL;
    }
    tro_dims_init(&g->dims, &g->arena);
    g->name = tro_arena_strdup(&g->arena, name ? name : "");
    tro_block_id main_block;
    if (!g->name || reserve_first(g) < 0 || tro_graph_add_block(g, &main_block, NULL) < 0) {
        tro_fail_nomem(err);
        tro_graph_destroy(g);
        return NULL;
    }
    return g;
}

void tro_graph_destroy(struct tro_graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_blocks; i++) {
        tro_free(g->blocks[i].inputs);
        tro_free(g->blocks[i].outputs);
        tro_free(g->blocks[i].nodes);
    }
    tro_free(g->values);
    tro_free(g->nodes);
    tro_free(g->blocks);
    tro_map_finish(&g->names);
    tro_dims_finish(&g->dims);
    tro_arena_finish(&g->arena);
    tro_free(g);
}

struct tro_value *tro_value_get(const struct tro_graph *g, tro_value_id v)
{
    return &g->values[v.i];
}

struct tro_node *tro_node_get(const struct tro_graph *g, tro_node_id n)
{
    return &g->nodes[n.i];
}

struct tro_block *tro_block_get(const struct tro_graph *g, tro_block_id b)
{
    return &g->blocks[b.i];
}

/* ---- values ---------------------------------------------------------------------------- */

/* In place of a suffix: the name is free again. */
#define IS_FREE UINT32_MAX

static bool is_taken(const struct tro_graph *g, const char *name)
{
    uint32_t suffix;
    return tro_map_get(&g->names, (struct tro_str){name, strlen(name)}, &suffix) &&
           suffix != IS_FREE;
}

/* The name itself, or "name_1", "name_2", ...; without a name "v1", "v2", .... The map holds for a
 * taken name the suffix tried last, so that many equal names do not cost many trials each. */
static char *unique_name(struct tro_graph *g, const char *name)
{
    const bool is_made_up = !name || !*name;
    if (!is_made_up && !is_taken(g, name))
        return tro_arena_strdup(&g->arena, name);
    const struct tro_str key = is_made_up ? TRO_STR("") : (struct tro_str){name, strlen(name)};
    uint32_t suffix = 0;
    tro_map_get(&g->names, key, &suffix);
    char *const buffer = tro_arena_alloc(&g->arena, key.n + 12, 1);
    if (!buffer)
        return NULL;
    do {
        suffix++;
        snprintf(buffer, key.n + 12, "%s%s%u", is_made_up ? "v" : name, is_made_up ? "" : "_",
                 suffix);
    } while (is_taken(g, buffer));
    return tro_map_set(&g->names, key, suffix) < 0 ? NULL : buffer;
}

int tro_graph_add_value(struct tro_graph *g, const char *name, const struct tro_value *value,
                        tro_value_id *out, struct tro_err *err)
{
    if (g->n_values >= MAX_IDS || TRO_GROW(&g->values, g->n_values, &g->cap_values) < 0)
        return tro_fail_nomem(err);
    char *const unique = unique_name(g, name);
    if (!unique || tro_map_set(&g->names, (struct tro_str){unique, strlen(unique)}, 0) < 0)
        return tro_fail_nomem(err);
    *out = (tro_value_id){(uint32_t)g->n_values++};
    g->values[out->i] = *value;
    g->values[out->i].name = unique;
    g->values[out->i].is_name_made_up = !name || !*name;
    return 0;
}

int tro_shape_check(const struct tro_dims *t, enum tro_dtype dtype, const struct tro_shape *shape,
                    struct tro_err *err)
{
    if (dtype <= TRO_DTYPE_NONE || dtype >= TRO_N_DTYPES || shape->rank < -1 ||
        shape->rank > TRO_MAX_RANK)
        return tro_fail(err, TRO_E_INPUT,
                        "expected a type and a rank of at most %d, found %s of "
                        "rank %d",
                        TRO_MAX_RANK, tro_dtype_name(dtype), shape->rank);
    int64_t n_bytes = (int64_t)tro_dtype_size(dtype);
    for (int i = 0; i < shape->rank; i++) {
        if (tro_dim_hi(t, shape->dim[i]) < 0)
            return tro_fail(err, TRO_E_INPUT, "expected sizes of 0 and more, found %lld",
                            (long long)tro_dim_hi(t, shape->dim[i]));
        const int64_t lo = tro_dim_lo(t, shape->dim[i]);
        if (lo > 1 && __builtin_mul_overflow(n_bytes, lo, &n_bytes))
            n_bytes = INT64_MAX;
        if (n_bytes > TRO_DIM_MAX)
            return tro_fail(err, TRO_E_INPUT, "more bytes than memory has addresses");
    }
    return 0;
}

int tro_graph_add_input(struct tro_graph *g, tro_block_id b, const char *name, enum tro_dtype dtype,
                        const struct tro_shape *shape, tro_value_id *out, struct tro_err *err)
{
    struct tro_block *const block = tro_block_get(g, b);
    const int rc = tro_shape_check(&g->dims, dtype, shape, err);
    if (rc < 0)
        return tro_err_prefix(err, rc, "input '%s': ", name ? name : "");
    if (g->dims.failed || TRO_GROW(&block->inputs, block->n_inputs, &block->cap_inputs) < 0)
        return tro_fail_nomem(err);
    const struct tro_value v = {.dtype = dtype, .shape = *shape, .block = b};
    TRO_TRY(tro_graph_add_value(g, name, &v, out, err));
    block->inputs[block->n_inputs++] = *out;
    return 0;
}

int tro_value_set_name(struct tro_graph *g, tro_value_id v, const char *name)
{
    struct tro_value *const value = tro_value_get(g, v);
    const struct tro_str old = {value->name, strlen(value->name)};
    const char *const copy = tro_arena_strdup(&g->arena, name);
    if (!copy || tro_map_set(&g->names, (struct tro_str){copy, strlen(copy)}, 0) < 0)
        return TRO_E_NOMEM;
    if (strcmp(value->name, name) != 0 && tro_map_set(&g->names, old, IS_FREE) < 0)
        return TRO_E_NOMEM;
    value->name = copy;
    value->is_name_made_up = false;
    return 0;
}

int tro_graph_rename(struct tro_graph *g, tro_value_id v, struct tro_str name, struct tro_err *err)
{
    if (!tro_value_get(g, v)->is_name_made_up || name.n == 0 || !name.p[0])
        return 0;
    const char *const wanted = tro_arena_strndup(&g->arena, name.p, name.n);
    const char *const unique = wanted ? unique_name(g, wanted) : NULL;
    return unique && tro_value_set_name(g, v, unique) == 0 ? 0 : tro_fail_nomem(err);
}

int tro_graph_take_name(struct tro_graph *g, tro_value_id to, tro_value_id from,
                        struct tro_err *err)
{
    const char *const name = tro_value_get(g, from)->name;
    const bool is_made_up = tro_value_get(g, from)->is_name_made_up;
    const char *const other = unique_name(g, NULL);
    if (!other || tro_value_set_name(g, from, other) < 0 || tro_value_set_name(g, to, name) < 0)
        return tro_fail_nomem(err);
    tro_value_get(g, from)->is_name_made_up = true;
    tro_value_get(g, to)->is_name_made_up = is_made_up;
    return 0;
}

void tro_graph_refine(struct tro_graph *g, tro_value_id v, const struct tro_shape *shape)
{
    struct tro_value *const value = tro_value_get(g, v);
    if (tro_shape_small(&value->shape) != tro_shape_small(shape))
        value->elems = NULL;
    value->shape = *shape;
}

void tro_graph_drop_output(struct tro_graph *g, tro_node_id n, uint32_t i)
{
    struct tro_value *const v = tro_value_get(g, g->nodes[n.i].out[i]);
    /* When memory runs out the name stays taken, no more. */
    tro_map_set(&g->names, (struct tro_str){v->name, strlen(v->name)}, IS_FREE);
    *v = (struct tro_value){.name = "", .dtype = v->dtype, .shape = v->shape};
    g->nodes[n.i].out[i] = TRO_VALUE_NONE;
}

bool tro_value_is_usable(const struct tro_graph *g, tro_value_id v, tro_block_id b)
{
    return v.i > 0 && v.i < g->n_values && (tro_is_const(g, v) || g->values[v.i].block.i == b.i);
}

int64_t tro_value_max_elems(const struct tro_graph *g, tro_value_id v)
{
    const struct tro_shape *const s = &tro_value_get(g, v)->shape;
    tro_dim n = tro_dim_const(1);
    for (int i = 0; i < s->rank; i++)
        n = tro_dim_mul(NULL, n, tro_dim_const(tro_dim_hi(&g->dims, s->dim[i])));
    return s->rank < 0 ? TRO_DIM_MAX : tro_dim_value(n);
}

void tro_value_print_type(const struct tro_graph *g, tro_value_id v, struct tro_buf *out)
{
    const struct tro_value *const value = tro_value_get(g, v);
    tro_buf_printf(out, "%s[", tro_dtype_name(value->dtype));
    if (value->shape.rank < 0)
        tro_buf_u8(out, '*');
    for (int i = 0; i < value->shape.rank; i++) {
        if (i > 0)
            tro_buf_u8(out, ',');
        tro_dim_print(&g->dims, value->shape.dim[i], out);
    }
    tro_buf_u8(out, ']');
}

bool tro_shape_may_equal(struct tro_dims *t, const struct tro_shape *a, const struct tro_shape *b)
{
    if (a->rank < 0 || b->rank < 0)
        return true;
    for (int i = 0; i < a->rank && a->rank == b->rank; i++) {
        const tro_dim difference = tro_dim_sub(t, a->dim[i], b->dim[i]);
        if (tro_dim_lo(t, difference) > 0 || tro_dim_hi(t, difference) < 0)
            return false;
    }
    return a->rank == b->rank;
}

/* ---- blocks ---------------------------------------------------------------------------- */

int tro_graph_add_block(struct tro_graph *g, tro_block_id *out, struct tro_err *err)
{
    if (g->n_blocks >= MAX_IDS || TRO_GROW(&g->blocks, g->n_blocks, &g->cap_blocks) < 0)
        return tro_fail_nomem(err);
    *out = (tro_block_id){(uint32_t)g->n_blocks};
    g->blocks[g->n_blocks++] = (struct tro_block){0};
    return 0;
}

int tro_block_add_output(struct tro_graph *g, tro_block_id b, tro_value_id v, struct tro_err *err)
{
    struct tro_block *const block = tro_block_get(g, b);
    if (!tro_value_is_usable(g, v, b))
        return tro_fail(err, TRO_E_INPUT, "output '%s' is no value of this block",
                        v.i < g->n_values ? g->values[v.i].name : "");
    if (TRO_GROW(&block->outputs, block->n_outputs, &block->cap_outputs) < 0)
        return tro_fail_nomem(err);
    block->outputs[block->n_outputs++] = v;
    return 0;
}

int tro_block_replace_output(struct tro_graph *g, tro_block_id b, size_t i, const tro_value_id *v,
                             size_t n, struct tro_err *err)
{
    const size_t n_before = tro_block_get(g, b)->n_outputs;
    for (size_t k = 0; k < n; k++)
        TRO_TRY(tro_block_add_output(g, b, v[k], err));
    struct tro_block *const block = tro_block_get(g, b);
    tro_value_id *const at = block->outputs + i;
    memmove(at + n, at + 1, (n_before - i - 1) * sizeof *at);
    if (n)
        memcpy(at, v, n * sizeof *at);
    block->n_outputs = n_before - 1 + n;
    return 0;
}

/* ---- uses ------------------------------------------------------------------------------ */

void tro_graph_replace_uses(struct tro_graph *g, tro_value_id from, tro_value_id to)
{
    for (size_t n = 1; n < g->n_nodes; n++)
        for (uint32_t i = 0; i < g->nodes[n].n_in && g->nodes[n].block.i; i++)
            if (tro_value_eq(g->nodes[n].in[i], from))
                g->nodes[n].in[i] = to;
    for (size_t b = 1; b < g->n_blocks; b++)
        for (size_t i = 0; i < g->blocks[b].n_outputs; i++)
            if (tro_value_eq(g->blocks[b].outputs[i], from))
                g->blocks[b].outputs[i] = to;
}

void tro_graph_set_input(struct tro_graph *g, tro_node_id n, uint32_t i, tro_value_id v)
{
    tro_node_get(g, n)->in[i] = v;
}

void tro_graph_count_uses(const struct tro_graph *g, uint32_t *uses)
{
    memset(uses, 0, g->n_values * sizeof(*uses));
    for (size_t n = 1; n < g->n_nodes; n++)
        for (uint32_t i = 0; i < g->nodes[n].n_in && g->nodes[n].block.i; i++)
            uses[g->nodes[n].in[i].i]++;
    for (size_t b = 1; b < g->n_blocks; b++)
        for (size_t i = 0; i < g->blocks[b].n_outputs; i++)
            uses[g->blocks[b].outputs[i].i]++;
    uses[0] = 0;
}

/* What stood in the blocks of a removed node must not count as a use any more. Recursion is as deep
 * as blocks are nested. */
static void empty_block(struct tro_graph *g, tro_block_id b)
{
    struct tro_block *const block = tro_block_get(g, b);
    for (size_t i = 0; i < block->n_nodes; i++) {
        struct tro_node *const node = tro_node_get(g, block->nodes[i]);
        node->block = TRO_BLOCK_NONE;
        for (int k = 0; k < 2; k++)
            if (node->blocks[k].i)
                empty_block(g, node->blocks[k]);
    }
    block->n_nodes = block->n_inputs = block->n_outputs = 0;
}

void tro_graph_remove_node(struct tro_graph *g, tro_node_id n)
{
    struct tro_node *const node = tro_node_get(g, n);
    struct tro_block *const b = tro_block_get(g, node->block);
    /* What is removed was mostly added last. */
    size_t at = b->n_nodes;
    while (at > 0 && b->nodes[at - 1].i != n.i)
        at--;
    if (at == 0)
        return;
    at--;
    b->n_nodes--;
    memmove(&b->nodes[at], &b->nodes[at + 1], (b->n_nodes - at) * sizeof(b->nodes[0]));
    node->block = TRO_BLOCK_NONE;
    for (int k = 0; k < 2; k++)
        if (node->blocks[k].i)
            empty_block(g, node->blocks[k]);
}
