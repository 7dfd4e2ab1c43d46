/* SPDX-License-Identifier: Apache-2.0 */
/* Work spread over threads with a static partition, so that results do not depend on timing. */
#ifndef TRO_BASE_THREAD_H
#define TRO_BASE_THREAD_H

#include <stdint.h>

/* Calls fn(ctx, i) for 0 <= i < n, contiguous ranges of i per thread, and returns when all are
 * done. Threads: tro_threads_set, else TROCAR_THREADS in the environment, else the processors this
 * process may use. Where threads cannot be had, the caller's thread does the work. fn must not
 * depend on the order of calls. */
void tro_parallel_for(int64_t n, void (*fn)(void *ctx, int64_t i), void *ctx);
void tro_threads_set(int n); /* 0 = default again */
int tro_threads_get(void);   /* how many that are now */

/* Monotonic time. */
int64_t tro_clock_ns(void);

#endif
