/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: groups of tensors. */
#ifndef TRO_QUANT_GROUPS_H
#define TRO_QUANT_GROUPS_H

struct tro_quant;

/* Tensors of `from` become ones of `to`, statistics and all; `from` is empty then. */
void tro_quant_join(struct tro_quant *q, int to, int from);

#endif
