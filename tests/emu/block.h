/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a grid of thread blocks; one launch at a time. */
#ifndef TRO_EMU_BLOCK_H
#define TRO_EMU_BLOCK_H

#include "state.h"

#include <stdbool.h>
#include <stddef.h>

struct emu_kernel {
    const char *name; /* for messages */
    void (*entry)(const void *params);
    struct emu_state *state;
    uint8_t *static_shared, *static_shared_end;
};

/* grid and block are x, y, z. is_reverse: blocks and threads run in the opposite order.
 * Returns CUresult; what went wrong was printed. */
int emu_run(const struct emu_kernel *k, const unsigned grid[3], const unsigned block[3],
            unsigned shared_bytes, const void *params, bool is_reverse);

#endif
