/* SPDX-License-Identifier: Apache-2.0 */
/* Equal things once: small constants with equal contents, nodes with equal inputs and attributes.
 * */
#include "base/alloc.h"
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>

/* Constants of more bytes are weights: two equal ones would surprise. */
#define MAX_CONST_BYTES 4096

struct known {
    struct tro_arena arena; /* of the keys */
    struct tro_map map;
};

static void known_finish(struct known *k)
{
    tro_map_finish(&k->map);
    tro_arena_finish(&k->arena);
}

/* The first one with this key, which is copied; `mine` when there was none. */
static uint32_t first_of(struct tro_pass *p, struct known *k, const struct tro_buf *key,
                         uint32_t mine)
{
    uint32_t found = mine;
    const char *const bytes = tro_arena_memdup(&k->arena, key->p, key->n);
    if (key->failed || !bytes) {
        p->rc = tro_fail_nomem(p->err);
        return mine;
    }
    const struct tro_str str = {bytes, key->n};
    if (!tro_map_get(&k->map, str, &found) && tro_map_set(&k->map, str, mine) < 0)
        p->rc = tro_fail_nomem(p->err);
    return found;
}

/* ---- constants ------------------------------------------------------------------------- */

static void merge_const(struct tro_pass *p, struct known *k, tro_node_id n, uint32_t i)
{
    const tro_value_id v = tro_node_get(p->g, n)->in[i];
    struct tro_tensor t = tro_const_tensor(p->g, v);
    struct tro_buf key = {0};
    if (tro_tensor_n_bytes(&t) > MAX_CONST_BYTES)
        return;
    tro_buf_u32(&key, t.dtype);
    tro_buf_u32(&key, (uint32_t)t.rank);
    tro_buf_put(&key, t.shape, (size_t)t.rank * sizeof(t.shape[0]));
    tro_buf_put(&key, t.data, tro_tensor_n_bytes(&t));
    const uint32_t first = first_of(p, k, &key, v.i);
    tro_buf_finish(&key);
    if (first != v.i && tro_pass_allows(p, n))
        tro_pass_set_input(p, n, i, (tro_value_id){first});
}

/* ---- nodes ----------------------------------------------------------------------------- */

static bool is_same_node(const struct tro_node *a, const struct tro_node *b)
{
    return a->n_out == b->n_out && tro_attrs_equal(a->op, a->attrs, b->attrs);
}

/* Nodes with equal operator and inputs that differ in attributes have the next number. */
static const struct tro_node *first_node(struct tro_pass *p, struct known *k, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    for (uint32_t number = 0; p->rc == 0; number++) {
        struct tro_buf key = {0};
        tro_buf_u32(&key, n->op);
        tro_buf_u32(&key, n->block.i);
        tro_buf_u32(&key, number);
        tro_buf_put(&key, n->in, n->n_in * sizeof(n->in[0]));
        const uint32_t first = first_of(p, k, &key, id.i);
        tro_buf_finish(&key);
        const struct tro_node *const found = tro_node_get(p->g, (tro_node_id){first});
        if (first == id.i || (found->block.i && is_same_node(found, n)))
            return found;
    }
    return n;
}

static bool may_merge(const struct tro_pass *p, const struct tro_node *n,
                      const struct tro_node *first)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && !tro_pass_may_replace(p, n->out[i], first->out[i]))
            return false;
    return true;
}

static void merge_node(struct tro_pass *p, struct known *k, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (tro_op_info(n->op)->kind == TRO_KIND_CONTROL)
        return;
    const struct tro_node *const first = first_node(p, k, id);
    if (first == n || !may_merge(p, n, first) || !tro_pass_allows(p, id))
        return;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i)
            tro_pass_replace(p, n->out[i], first->out[i]);
}

static int merge_block(struct tro_pass *p, struct known *consts, struct known *nodes,
                       tro_block_id b)
{
    for (size_t i = 0; i < tro_block_get(p->g, b)->n_nodes && p->rc == 0;) {
        const tro_node_id id = tro_block_get(p->g, b)->nodes[i];
        const struct tro_node *const n = tro_node_get(p->g, id);
        for (int k = 0; k < 2 && n->op != TRO_OP_FUSED; k++)
            if (n->blocks[k].i)
                merge_block(p, consts, nodes, n->blocks[k]);
        for (uint32_t k = 0; k < n->n_in; k++)
            if (tro_is_const(p->g, n->in[k]))
                merge_const(p, consts, id, k);
        merge_node(p, nodes, id);
        i += n->block.i != 0;
    }
    return p->rc;
}

int tro_pass_cse(struct tro_pass *p)
{
    struct known consts = {0}, nodes = {0};
    const int rc = merge_block(p, &consts, &nodes, TRO_MAIN_BLOCK);
    known_finish(&consts);
    known_finish(&nodes);
    return rc;
}
