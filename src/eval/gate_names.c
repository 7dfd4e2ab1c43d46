/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no JSON. */
#include "eval/gate.h"

#include <string.h>

const char *const tro_gate_statistics[TRO_N_GATE_STATISTICS + 1] = {
    [TRO_GATE_MEAN] = "mean",   [TRO_GATE_MEDIAN] = "median", [TRO_GATE_TAIL] = "tail",
    [TRO_GATE_WORST] = "worst", [TRO_GATE_LOW] = "low",       [TRO_GATE_HIGH] = "high",
};

void tro_gates_finish(struct tro_gates *g)
{
    tro_arena_finish(&g->arena);
    *g = (struct tro_gates){0};
}

bool tro_gate_is_pattern(const char *text)
{
    return text[0] == '*';
}

bool tro_gate_covers(const char *pattern, const char *name)
{
    if (!tro_gate_is_pattern(pattern))
        return strcmp(pattern, name) == 0;
    const size_t n = strlen(name), n_end = strlen(pattern + 1);
    return n >= n_end && strcmp(name + n - n_end, pattern + 1) == 0;
}
