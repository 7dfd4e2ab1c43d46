/* SPDX-License-Identifier: Apache-2.0 */
/* Inside src/quant: what lies between layers. */
#ifndef TRO_QUANT_LINK_H
#define TRO_QUANT_LINK_H

#include "quant/quant.h"

/* Fills q's links, of its layers and group_of. */
int tro_quant_links_find(struct tro_quant *q, struct tro_err *err);

/* For each link: it lies behind a layer and in front of one that say that they are integers. */
int tro_quant_links_use(const struct tro_quant *q, bool *is_used, struct tro_err *err);

/* What a value is a function of, element by element; itself where of more than one tensor. */
tro_value_id tro_quant_root(const struct tro_quant *q, tro_value_id v);

#endif
