/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/passes: regions that become `fused` nodes. */
#ifndef TRO_PASSES_FUSE_H
#define TRO_PASSES_FUSE_H

#include "passes/pass.h"

#define TRO_REGION_MAX_NODES 32
#define TRO_REGION_MAX_OUTPUTS 4

/* Nodes of one block, in their order; the fused node will stand in front of `before`. */
struct tro_region {
    tro_block_id block;
    tro_node_id before;
    tro_node_id nodes[TRO_REGION_MAX_NODES];
    int n;
};

/* The node becomes one of the region's, at its place in the order. */
void tro_region_add(struct tro_region *r, const uint32_t *place, tro_node_id n);
bool tro_region_has(const struct tro_region *r, tro_node_id n);
void tro_region_remove(struct tro_region *r, tro_node_id n);

/* Replaces the nodes by one fused node with the outputs that others use. */
void tro_region_form(struct tro_pass *p, const struct tro_region *r);

#endif
