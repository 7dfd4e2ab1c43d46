/* SPDX-License-Identifier: Apache-2.0 */
/* Control operators as ranges of steps. */
#include "lower/lowering.h"

int tro_lower_control(struct tro_lowering *l, tro_node_id id)
{
    (void)l;
    (void)id;
    return 0;
}
