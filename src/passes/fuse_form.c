/* SPDX-License-Identifier: Apache-2.0 */
/* A region of nodes becomes one `fused` node. */
#include "base/err.h"
#include "passes/fuse.h"

#include <string.h>

bool tro_region_has(const struct tro_region *r, tro_node_id n)
{
    for (int i = 0; i < r->n; i++)
        if (r->nodes[i].i == n.i)
            return true;
    return false;
}

void tro_region_add(struct tro_region *r, const uint32_t *place, tro_node_id n)
{
    int i = r->n++;
    for (; i > 0 && place[r->nodes[i - 1].i] > place[n.i]; i--)
        r->nodes[i] = r->nodes[i - 1];
    r->nodes[i] = n;
}

void tro_region_remove(struct tro_region *r, tro_node_id n)
{
    int kept = 0;
    for (int i = 0; i < r->n; i++)
        if (r->nodes[i].i != n.i)
            r->nodes[kept++] = r->nodes[i];
    r->n = kept;
}

/* Values outside and what stands for them inside. */
struct former {
    struct tro_pass *p;
    const struct tro_region *r;
    tro_block_id block;
    tro_value_id *outer, *inner;
    size_t n, cap;
    tro_value_id *captures; /* outer values, in the order of the block's inputs */
    uint32_t n_captures;
    tro_value_id old[TRO_REGION_MAX_OUTPUTS], inside[TRO_REGION_MAX_OUTPUTS];
    uint32_t n_out;
};

static void former_map(struct former *f, tro_value_id outer, tro_value_id inner)
{
    f->outer[f->n] = outer;
    f->inner[f->n++] = inner;
}

static tro_value_id inner_of(struct former *f, tro_value_id outer)
{
    struct tro_graph *const g = f->p->g;
    tro_value_id inner = TRO_VALUE_NONE;
    if (outer.i == 0 || tro_is_const(g, outer))
        return outer;
    for (size_t i = 0; i < f->n; i++)
        if (tro_value_eq(f->outer[i], outer))
            return f->inner[i];
    const struct tro_value v = *tro_value_get(g, outer);
    const int rc = tro_graph_add_input(g, f->block, NULL, v.dtype, &v.shape, &inner, f->p->err);
    if (rc < 0) {
        f->p->rc = rc;
        return inner;
    }
    f->captures[f->n_captures++] = outer;
    former_map(f, outer, inner);
    return inner;
}

/* Is v used outside of the region? */
static bool is_output(const struct former *f, tro_value_id v)
{
    uint32_t n_inside = 0;
    for (int i = 0; i < f->r->n; i++) {
        const struct tro_node *const n = tro_node_get(f->p->g, f->r->nodes[i]);
        for (uint32_t k = 0; k < n->n_in; k++)
            n_inside += tro_value_eq(n->in[k], v);
    }
    return tro_pass_n_uses(f->p, v) > n_inside;
}

static int copy_node(struct former *f, tro_node_id id)
{
    struct tro_graph *const g = f->p->g;
    const struct tro_node n = *tro_node_get(g, id);
    tro_value_id in[8], out[4];
    for (uint32_t i = 0; i < n.n_in; i++)
        in[i] = inner_of(f, n.in[i]);
    TRO_TRY(f->p->rc);
    const struct tro_node_spec spec = {
        .op = n.op, .name = n.name, .attrs = n.attrs, .n_in = n.n_in, .n_out = n.n_out, .in = in};
    TRO_TRY(tro_graph_add_node(g, f->block, &spec, out, f->p->err));
    for (uint32_t i = 0; i < n.n_out; i++) {
        if (n.out[i].i == 0) {
            tro_graph_drop_output(g, tro_value_get(g, out[0])->def, i);
            continue;
        }
        tro_graph_refine(g, out[i], &tro_value_get(g, n.out[i])->shape);
        former_map(f, n.out[i], out[i]);
    }
    return 0;
}

/* Outputs of the block; other values of the region keep their names inside. */
static int finish_block(struct former *f)
{
    struct tro_graph *const g = f->p->g;
    for (int i = 0; i < f->r->n; i++) {
        const struct tro_node *const n = tro_node_get(g, f->r->nodes[i]);
        for (uint32_t k = 0; k < n->n_out; k++) {
            if (n->out[k].i == 0)
                continue;
            const tro_value_id inner = inner_of(f, n->out[k]);
            if (!is_output(f, n->out[k])) {
                TRO_TRY(tro_graph_take_name(g, inner, n->out[k], f->p->err));
                continue;
            }
            f->old[f->n_out] = n->out[k];
            f->inside[f->n_out++] = inner;
        }
    }
    for (uint32_t i = 0; i < f->n_out; i++)
        TRO_TRY(tro_block_add_output(g, f->block, f->inside[i], f->p->err));
    return 0;
}

static int form(struct former *f)
{
    struct tro_graph *const g = f->p->g;
    tro_value_id out[TRO_REGION_MAX_OUTPUTS];
    TRO_TRY(tro_graph_add_block(g, &f->block, f->p->err));
    for (int i = 0; i < f->r->n; i++)
        TRO_TRY(copy_node(f, f->r->nodes[i]));
    TRO_TRY(finish_block(f));
    const struct tro_node_spec spec = {.op = TRO_OP_FUSED,
                                       .name = tro_node_get(g, f->r->nodes[0])->name,
                                       .n_in = f->n_captures,
                                       .n_out = f->n_out,
                                       .in = f->captures,
                                       .blocks = {f->block},
                                       .before = f->r->before};
    TRO_TRY(tro_graph_add_node(g, f->r->block, &spec, out, f->p->err));
    for (uint32_t i = 0; i < f->n_out; i++) {
        tro_graph_refine(g, out[i], &tro_value_get(g, f->old[i])->shape);
        tro_graph_replace_uses(g, f->old[i], out[i]);
        TRO_TRY(tro_graph_take_name(g, out[i], f->old[i], f->p->err));
    }
    for (int i = f->r->n - 1; i >= 0; i--)
        tro_graph_remove_node(g, f->r->nodes[i]);
    f->p->is_index_stale = true;
    return 0;
}

void tro_region_form(struct tro_pass *p, const struct tro_region *r)
{
    struct tro_arena scratch = {0};
    size_t n = 0;
    for (int i = 0; i < r->n; i++)
        n += tro_node_get(p->g, r->nodes[i])->n_in + tro_node_get(p->g, r->nodes[i])->n_out;
    struct former f = {.p = p, .r = r};
    f.outer = TRO_NEW_N(&scratch, tro_value_id, n);
    f.inner = TRO_NEW_N(&scratch, tro_value_id, n);
    f.captures = TRO_NEW_N(&scratch, tro_value_id, n);
    if (!f.outer || !f.inner || !f.captures)
        p->rc = tro_fail_nomem(p->err);
    if (p->rc == 0)
        p->rc = form(&f);
    tro_arena_finish(&scratch);
}
