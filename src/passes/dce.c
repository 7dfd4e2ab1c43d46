/* SPDX-License-Identifier: Apache-2.0 */
/* What no output needs. Nodes are visited from the last to the first, so one sweep is enough. */
#include "base/alloc.h"
#include "base/err.h"
#include "passes/pass.h"

#include <string.h>

static bool is_used(struct tro_pass *p, const struct tro_node *n)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && tro_pass_n_uses(p, n->out[i]) > 0)
            return true;
    return false;
}

/* An output beside ones that are needed; those of nodes with blocks belong to the blocks' too. */
static void drop_outputs(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    /* How many outputs a split has says how large they are. */
    if (tro_op_info(n->op)->kind == TRO_KIND_CONTROL || n->op == TRO_OP_SPLIT)
        return;
    for (uint32_t i = 1; i < n->n_out; i++)
        if (n->out[i].i && tro_pass_n_uses(p, n->out[i]) == 0 && tro_pass_is_sized(p, n->out[i]) &&
            tro_pass_allows(p, id))
            tro_graph_drop_output(p->g, id, i);
}

static void visit(struct tro_pass *p, tro_node_id id)
{
    const struct tro_node *const n = tro_node_get(p->g, id);
    if (is_used(p, n)) {
        drop_outputs(p, id);
        return;
    }
    if (tro_pass_may_remove(p, id) && tro_pass_allows(p, id))
        tro_pass_sweep(p, id);
}

int tro_pass_dce(struct tro_pass *p)
{
    return tro_pass_each(p, visit);
}
