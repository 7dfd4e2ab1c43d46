/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no JSON. */
#include "eval/gate.h"

const char *const tro_gate_statistics[TRO_N_GATE_STATISTICS + 1] = {
    [TRO_GATE_MEAN] = "mean",   [TRO_GATE_MEDIAN] = "median", [TRO_GATE_TAIL] = "tail",
    [TRO_GATE_WORST] = "worst", [TRO_GATE_LOW] = "low",       [TRO_GATE_HIGH] = "high",
};

void tro_gates_finish(struct tro_gates *g)
{
    tro_arena_finish(&g->arena);
    *g = (struct tro_gates){0};
}
