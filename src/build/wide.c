/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that stay at fp32 in a plan of 16 bits. */
#include "build/builder.h"

#include <string.h>

#include "base/err.h"

static bool has_name(const struct tro_graph *g, const struct tro_node *n, const char *name)
{
    if (n->name[0] && strcmp(n->name, name) == 0)
        return true;
    for (uint32_t i = 0; i < n->n_out; i++)
        if (n->out[i].i && strcmp(tro_value_get(g, n->out[i])->name, name) == 0)
            return true;
    if (n->op != TRO_OP_FUSED)
        return false;
    const struct tro_block *const b = tro_block_get(g, n->blocks[0]);
    for (size_t i = 0; i < b->n_nodes; i++)
        if (has_name(g, tro_node_get(g, b->nodes[i]), name))
            return true;
    return false;
}

int tro_wide_mark(const struct tro_graph *g, const struct tro_build_opts *o, bool *wide,
                  struct tro_err *err)
{
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    for (size_t i = 0; i < b->n_nodes; i++)
        wide[i] = i < (size_t)o->n_wide;
    for (int k = 0; k < o->n_fp32_layers; k++) {
        int n_found = 0;
        for (size_t i = 0; i < b->n_nodes; i++) {
            const bool is_it = has_name(g, tro_node_get(g, b->nodes[i]), o->fp32_layers[k]);
            wide[i] |= is_it;
            n_found += is_it;
        }
        if (n_found == 0)
            return tro_fail(err, TRO_E_INPUT,
                            "layers at fp32: expected the name of a node of the optimized graph, "
                            "or of a value that one makes, found '%s': trocar build --dump-after "
                            "all prints it",
                            o->fp32_layers[k]);
    }
    return 0;
}
