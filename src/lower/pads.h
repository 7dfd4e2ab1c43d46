/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRO_LOWER_PADS_H
#define TRO_LOWER_PADS_H

#include "lower/lower.h"

/* What a pad node adds before and behind each of `rank` axes; negative: takes away. False: not
 * known. */
bool tro_pads_read(const struct tro_lowering *l, const struct tro_lower_node *n, int rank,
                   int64_t *begin, int64_t *end);

#endif
