/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes a backend may compute in one step.
 *
 * Behind an anchor: pointwise nodes of the anchor's shape whose other inputs exist before the
 * anchor. The fused node stands at the anchor's place, so any value in it may be an output too.
 *
 *     conv ─► sigmoid ─► mul ─► add ─► relu        residual r exists before the conv
 *        └───────────────┘      r┘
 *
 * What a quantized tensor stands for is computed again by each of its users, which read a byte
 * instead of four: a `dequantize` stands in front of its user and goes with it.
 *
 *     conv_int ─► requantize ─► conv_int ─► dequantize ─► add ─► quantize
 *                      └────── dequantize ───────────────┘
 *
 * Without anchor: from the last pointwise node backwards, those of the same shape. The fused node
 * stands at the last one's place, so what others use must not be used before it.
 */
#include "passes/fuse.h"
#include "base/alloc.h"
#include "base/err.h"

struct fuser {
    struct tro_pass *p;
    tro_block_id block;
    tro_node_id *nodes; /* of the block, in order; the fused node in place of its anchor */
    size_t n;
    uint32_t *place; /* by node: 1 and up in the block; 0: in another block */
    bool *is_taken;  /* by node: in a region */
    size_t n_ids;    /* of these two: a region adds its copies and one node */
};

/* ---- which nodes ----------------------------------------------------------------------- */

static bool is_anchor(const struct tro_node *n)
{
    static const enum tro_op anchors[] = {
        TRO_OP_CONV,       TRO_OP_CONV_TRANSPOSE, TRO_OP_CONV_INT,  TRO_OP_MATMUL,
        TRO_OP_MATMUL_INT, TRO_OP_POOL,           TRO_OP_NORMALIZE, TRO_OP_SOFTMAX,
        TRO_OP_REDUCE,     TRO_OP_RESIZE,         TRO_OP_CAMERA,    TRO_OP_CONV_TRANSPOSE_INT,
    };
    for (size_t i = 0; i < sizeof(anchors) / sizeof(anchors[0]); i++)
        if (n->op == anchors[i])
            return true;
    return false;
}

/* Types that tiles are made of. */
static bool is_tile_type(enum tro_dtype d)
{
    return d == TRO_F32 || d == TRO_F16 || d == TRO_BF16 || d == TRO_I32 || d == TRO_I8 ||
           d == TRO_U8 || d == TRO_I16 || d == TRO_U16 || d == TRO_BOOL;
}

static bool is_pointwise(const struct fuser *f, tro_node_id id)
{
    const struct tro_graph *const g = f->p->g;
    const struct tro_node *const n = tro_node_get(g, id);
    if (tro_op_info(n->op)->kind != TRO_KIND_POINTWISE || n->block.i != f->block.i ||
        f->is_taken[id.i] || n->n_out != 1 || !tro_pass_is_sized(f->p, n->out[0]))
        return false;
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i].i && !is_tile_type(tro_value_get(g, n->in[i])->dtype))
            return false;
    return is_tile_type(tro_value_get(g, n->out[0])->dtype);
}

static uint32_t place_of(const struct fuser *f, tro_value_id v)
{
    const tro_node_id def = v.i ? tro_value_get(f->p->g, v)->def : TRO_NODE_NONE;
    return def.i && def.i < f->n_ids ? f->place[def.i] : 0;
}

/* Outputs the region would have; more than the limit counts as no region. */
static int count_outputs(const struct fuser *f, const struct tro_region *r)
{
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        const struct tro_node *const node = tro_node_get(f->p->g, r->nodes[i]);
        for (uint32_t k = 0; k < node->n_out; k++) {
            if (node->out[k].i == 0)
                continue;
            uint32_t n_inside = 0;
            for (int m = 0; m < r->n; m++) {
                const struct tro_node *const user = tro_node_get(f->p->g, r->nodes[m]);
                for (uint32_t j = 0; j < user->n_in; j++)
                    n_inside += tro_value_eq(user->in[j], node->out[k]);
            }
            n += tro_pass_n_uses(f->p, node->out[k]) > n_inside;
        }
    }
    return n;
}

/* ---- behind an anchor ------------------------------------------------------------------ */

static bool uses_region(const struct fuser *f, const struct tro_region *r, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_in; i++)
        if (n->in[i].i && tro_region_has(r, tro_value_get(f->p->g, n->in[i])->def))
            return true;
    return false;
}

/* A quantized tensor of bytes as numbers, for one user. */
static bool is_dequantize(const struct fuser *f, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(f->p->g, id);
    return n->op == TRO_OP_DEQUANTIZE &&
           tro_dtype_size(tro_value_get(f->p->g, n->in[0])->dtype) == 1 &&
           tro_pass_user(f->p, n->out[0]).i != 0;
}

/* Stands behind the anchor, but could stand in front of it. */
static bool may_come_along(const struct fuser *f, const struct tro_region *r, tro_node_id id)
{
    const uint32_t first = f->place[r->nodes[0].i];
    if (!id.i || id.i >= f->n_ids || !is_pointwise(f, id) || !is_dequantize(f, id))
        return false;
    const struct tro_node *const n = tro_node_get(f->p->g, id);
    for (uint32_t i = 0; i < n->n_in; i++)
        if (place_of(f, n->in[i]) > first)
            return false;
    return true;
}

static bool follows(const struct fuser *f, const struct tro_region *r, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(f->p->g, id);
    const struct tro_node *const anchor = tro_node_get(f->p->g, r->nodes[0]);
    if (!is_pointwise(f, id) || !uses_region(f, r, n) ||
        !tro_pass_is_same_shape(f->p, anchor->out[0], n->out[0]))
        return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tro_node_id def = n->in[i].i ? tro_value_get(f->p->g, n->in[i])->def : TRO_NODE_NONE;
        if (!tro_region_has(r, def) && place_of(f, n->in[i]) > f->place[r->nodes[0].i] &&
            !may_come_along(f, r, def))
            return false;
    }
    return true;
}

/* The node, and what comes along with it, unless that were too many. */
static void add_following(const struct fuser *f, struct tro_region *r, tro_node_id id)
{
    const struct tro_region before = *r;
    const struct tro_node *const n = tro_node_get(f->p->g, id);
    const uint32_t first = f->place[r->nodes[0].i];
    tro_region_add(r, f->place, id);
    bool fits = true;
    for (uint32_t i = 0; i < n->n_in && fits; i++) {
        const tro_node_id def = n->in[i].i ? tro_value_get(f->p->g, n->in[i])->def : TRO_NODE_NONE;
        if (tro_region_has(r, def) || place_of(f, n->in[i]) <= first)
            continue;
        fits = r->n < TRO_REGION_MAX_NODES;
        if (fits)
            tro_region_add(r, f->place, def);
    }
    if (!fits || count_outputs(f, r) > TRO_REGION_MAX_OUTPUTS)
        *r = before;
}

/* Numbers that another region can make of the integers go with it. */
static void leave_to_users(const struct fuser *f, struct tro_region *r)
{
    for (int i = r->n - 1; i > 0; i--) {
        const tro_node_id id = r->nodes[i];
        if (!is_dequantize(f, id))
            continue;
        const tro_value_id out = tro_node_get(f->p->g, id)->out[0];
        const tro_node_id user = tro_pass_user(f->p, out);
        if (!tro_region_has(r, user) && is_pointwise(f, user) &&
            tro_pass_is_same_shape(f->p, out, tro_node_get(f->p->g, user)->out[0]))
            tro_region_remove(r, id);
    }
}

static void grow_forward(struct fuser *f, struct tro_region *r)
{
    const uint32_t first = f->place[r->nodes[0].i];
    for (size_t i = first; i < f->n && r->n < TRO_REGION_MAX_NODES; i++)
        if (!tro_region_has(r, f->nodes[i]) && follows(f, r, f->nodes[i]))
            add_following(f, r, f->nodes[i]);
    leave_to_users(f, r);
}

/* ---- without anchor -------------------------------------------------------------------- */

/* Who uses the value outside of the region comes after the region's last node. */
static bool is_late(const struct fuser *f, const struct tro_region *r, tro_value_id v)
{
    const uint32_t last = f->place[r->nodes[r->n - 1].i];
    for (uint32_t i = place_of(f, v); i < last; i++) {
        const struct tro_node *const n = tro_node_get(f->p->g, f->nodes[i]);
        for (uint32_t k = 0; k < n->n_in && n->block.i && !tro_region_has(r, f->nodes[i]); k++)
            if (tro_value_eq(n->in[k], v))
                return false;
    }
    return true;
}

static bool precedes(const struct fuser *f, const struct tro_region *r, tro_node_id id)
{
    const tro_value_id last = tro_node_get(f->p->g, r->nodes[r->n - 1])->out[0];
    const tro_value_id v = tro_node_get(f->p->g, id)->out[0];
    return !tro_region_has(r, id) && is_pointwise(f, id) && tro_pass_is_same_shape(f->p, v, last) &&
           is_late(f, r, v);
}

/* Adds one node that makes an input of the region; false when there is none. */
static bool grow_backward(struct fuser *f, struct tro_region *r)
{
    for (int i = r->n - 1; i >= 0 && r->n < TRO_REGION_MAX_NODES; i--) {
        const struct tro_node *const n = tro_node_get(f->p->g, r->nodes[i]);
        for (uint32_t k = 0; k < n->n_in; k++) {
            const uint32_t place = place_of(f, n->in[k]);
            if (place == 0 || !precedes(f, r, f->nodes[place - 1]))
                continue;
            tro_region_add(r, f->place, f->nodes[place - 1]);
            if (count_outputs(f, r) <= TRO_REGION_MAX_OUTPUTS)
                return true;
            tro_region_remove(r, f->nodes[place - 1]);
        }
    }
    return false;
}

/* ---- one block ------------------------------------------------------------------------- */

static void take(struct fuser *f, const struct tro_region *r)
{
    if (r->n < 2 || !tro_pass_allows(f->p, r->nodes[0]))
        return;
    for (int i = 0; i < r->n; i++)
        f->is_taken[r->nodes[i].i] = true;
    tro_region_form(f->p, r);
    if (f->p->rc < 0)
        return;
    const tro_node_id fused = {(uint32_t)f->p->g->n_nodes - 1};
    f->place[fused.i] = f->place[r->before.i];
    f->nodes[f->place[fused.i] - 1] = fused;
}

static void fuse_anchors(struct fuser *f)
{
    for (size_t i = 0; i < f->n && f->p->rc == 0; i++) {
        const struct tro_node *const n = tro_node_get(f->p->g, f->nodes[i]);
        if (!is_anchor(n) || n->n_in > 8 || n->n_out > 4 || !n->out[0].i ||
            !tro_pass_is_sized(f->p, n->out[0]))
            continue;
        struct tro_region r = {
            .block = f->block, .before = f->nodes[i], .nodes = {f->nodes[i]}, .n = 1};
        grow_forward(f, &r);
        take(f, &r);
    }
}

static void fuse_pointwise(struct fuser *f)
{
    for (size_t i = f->n; i > 0 && f->p->rc == 0; i--) {
        if (!is_pointwise(f, f->nodes[i - 1]))
            continue;
        struct tro_region r = {
            .block = f->block, .before = f->nodes[i - 1], .nodes = {f->nodes[i - 1]}, .n = 1};
        while (grow_backward(f, &r))
            ;
        take(f, &r);
    }
}

/* Each pointwise user of a `dequantize` gets one of its own, right in front of it. */
static void part_dequantize(struct tro_pass *p, tro_node_id user, uint32_t k)
{
    const tro_value_id v = tro_node_get(p->g, user)->in[k];
    const struct tro_node *const n = v.i ? tro_pass_def(p, v, TRO_OP_DEQUANTIZE) : NULL;
    if (!n || n->n_in > 3 || n->block.i != tro_node_get(p->g, user)->block.i ||
        tro_is_const(p->g, n->in[0]) || tro_dtype_size(tro_value_get(p->g, n->in[0])->dtype) != 1)
        return;
    const tro_node_id id = tro_value_get(p->g, v)->def;
    const tro_value_id in[3] = {n->in[0], n->n_in > 1 ? n->in[1] : TRO_VALUE_NONE,
                                n->n_in > 2 ? n->in[2] : TRO_VALUE_NONE};
    const tro_value_id own = tro_pass_emit(p, user, TRO_OP_DEQUANTIZE, n->attrs, in, n->n_in);
    tro_pass_set_input(p, user, k, own);
    if (p->rc == 0 && tro_pass_may_remove(p, id))
        tro_pass_sweep(p, id);
}

static void part_dequantizes(struct tro_pass *p, tro_block_id b)
{
    const size_t n = tro_block_get(p->g, b)->n_nodes;
    tro_node_id *const nodes = tro_calloc(n + 1, sizeof(*nodes));
    if (!nodes) {
        p->rc = tro_fail_nomem(p->err);
        return;
    }
    for (size_t i = 0; i < n; i++)
        nodes[i] = tro_block_get(p->g, b)->nodes[i];
    for (size_t i = 0; i < n; i++) {
        const struct tro_node *const user = tro_node_get(p->g, nodes[i]);
        const bool is_there = user->block.i && p->rc == 0;
        const uint32_t n_in = is_there && tro_op_info(user->op)->kind == TRO_KIND_POINTWISE
                                  ? user->n_in
                                  : 0;
        for (uint32_t k = 0; k < n_in; k++)
            part_dequantize(p, nodes[i], k);
    }
    tro_free(nodes);
}

static int fuse_block(struct tro_pass *p, tro_block_id b)
{
    part_dequantizes(p, b);
    struct fuser f = {.p = p, .block = b, .n = tro_block_get(p->g, b)->n_nodes};
    f.n_ids = p->g->n_nodes + 2 * f.n;
    f.nodes = tro_calloc(f.n + 1, sizeof(*f.nodes));
    f.place = tro_calloc(f.n_ids, sizeof(*f.place));
    f.is_taken = tro_calloc(f.n_ids, sizeof(*f.is_taken));
    if (!f.nodes || !f.place || !f.is_taken)
        p->rc = tro_fail_nomem(p->err);
    for (size_t i = 0; i < f.n && p->rc == 0; i++) {
        f.nodes[i] = tro_block_get(p->g, b)->nodes[i];
        f.place[f.nodes[i].i] = (uint32_t)i + 1;
    }
    if (p->rc == 0)
        fuse_anchors(&f);
    if (p->rc == 0)
        fuse_pointwise(&f);
    tro_free(f.nodes);
    tro_free(f.place);
    tro_free(f.is_taken);
    return p->rc;
}

int tro_pass_fuse(struct tro_pass *p)
{
    const size_t n_blocks = p->g->n_blocks;
    for (uint32_t b = TRO_MAIN_BLOCK.i; b < n_blocks && p->rc == 0; b++) {
        const tro_node_id owner = tro_block_get(p->g, (tro_block_id){b})->owner;
        const struct tro_node *const n = tro_node_get(p->g, owner);
        if (b == TRO_MAIN_BLOCK.i || (owner.i && n->block.i && n->op != TRO_OP_FUSED))
            fuse_block(p, (tro_block_id){b});
    }
    return p->rc;
}
