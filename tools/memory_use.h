/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that engines take. */
#ifndef TRO_TOOLS_MEMORY_USE_H
#define TRO_TOOLS_MEMORY_USE_H

#include "side.h"

/* Bytes of this process that lie in memory now; 0 where the system does not say. */
size_t tro_memory_resident(void);

/* What n streams of a side hold: of an engine by its plan of memory, on a GPU that of the GPU; of
 * others what the process has grown by since `before` bytes were resident. 0: not known. */
size_t tro_memory_of_side(const struct tro_side *s, int n_streams, size_t before);

/* Everything of one session; what its plan holds counted once. */
size_t tro_memory_sum(const struct tro_session_memory *m);

/* "1.25 MB", "512 bytes": decimal, three digits. */
const char *tro_print_bytes(size_t n_bytes, char out[32]);

#endif
