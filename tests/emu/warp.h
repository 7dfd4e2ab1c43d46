/* SPDX-License-Identifier: Apache-2.0 */
/* What the lanes of a warp compute together, from w->io to w->io, once all of need are there. */
#ifndef TRO_EMU_WARP_H
#define TRO_EMU_WARP_H

#include "state.h"

/* NULL, or why it cannot be done. */
const char *emu_warp_compute(struct emu_warp *w, enum emu_op op, uint32_t need);

#endif
