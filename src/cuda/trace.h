/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels as they ran, by CUPTI, opened at run time: libcupti.so.13 or .12, or the library that
 * TROCAR_CUPTI names. One trace a process at a time; it slows what runs meanwhile.
 *
 *     start ─► execs are created: their graphs' nodes get ids ─► run, take, run, take ... ─► stop
 *
 * Kernels of graphs that were instantiated before the start are not told apart.
 */
#ifndef TRO_CUDA_TRACE_H
#define TRO_CUDA_TRACE_H

#include <stdbool.h>

#include "cuda/driver.h"

/* TRO_E_DEVICE with the reason: no library, another tool that listens, no permission. */
int tro_cuda_trace_start(struct tro_err *err);
void tro_cuda_trace_stop(void);
bool tro_cuda_trace_is_on(void);

/* Id of a node of a graph; 0: there is none. */
uint64_t tro_cuda_trace_node(tro_cu_node node);
/* The id of the node that was cloned, by one or several instantiations, into the node of this id;
 * the same id where it is nobody's clone. */
uint64_t tro_cuda_trace_origin(uint64_t id);

struct tro_cuda_record {
    uint64_t node;   /* id, of an instantiated graph's node */
    uint32_t launch; /* differs between launches of graphs */
    int64_t begin_ns, end_ns;
};
/* Those since the last call, when nothing runs any more. They live until the next call or stop. */
int tro_cuda_trace_take(const struct tro_cuda_record **records, size_t *n, struct tro_err *err);

#endif
