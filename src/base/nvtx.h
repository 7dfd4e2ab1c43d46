/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges that profilers such as Nsight Systems show on a thread's time line, by version 3 of NVTX:
 *
 *     tro_range_begin("run", name);
 *     ...
 *     tro_range_end();
 *
 * in the domain "trocar". A tool is there when NVTX_INJECTION64_PATH names its library, which is
 * opened by the first range of the process; otherwise a range is a load and a branch. Ranges of a
 * thread nest. All threads may call.
 */
#ifndef TRO_BASE_NVTX_H
#define TRO_BASE_NVTX_H

#include <stdatomic.h>

/* Why there are no ranges although a tool was named; NULL otherwise. */
const char *tro_nvtx_missing(void);

enum { TRO_NVTX_UNKNOWN, TRO_NVTX_OFF, TRO_NVTX_ON };
extern atomic_int tro_nvtx_state;

void tro_nvtx_push(const char *what, const char *name);
void tro_nvtx_pop(void);

/* The range is called "WHAT NAME". */
static inline void tro_range_begin(const char *what, const char *name)
{
    if (atomic_load_explicit(&tro_nvtx_state, memory_order_acquire) != TRO_NVTX_OFF)
        tro_nvtx_push(what, name);
}

static inline void tro_range_end(void)
{
    if (atomic_load_explicit(&tro_nvtx_state, memory_order_acquire) == TRO_NVTX_ON)
        tro_nvtx_pop();
}

#endif
