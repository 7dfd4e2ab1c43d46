/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that go before all others of the machine, and memory that is never written out: for a
 * console that asks for it (`realtime: true`). What computes on the processors stays out of it, so
 * that it cannot hold up the picture; threads of a GPU's lanes wait most of the time.
 */
#ifndef TRO_CONSOLE_CORE_REALTIME_H
#define TRO_CONSOLE_CORE_REALTIME_H

#include <trocar/trocar.h>

/* Priorities of SCHED_FIFO: who goes first of those that could. Interrupts have 50. */
#define TRO_REALTIME_LANE 10    /* of a GPU */
#define TRO_REALTIME_REPORTS 12 /* reads what workers found */
#define TRO_REALTIME_CAPTURE 20

/* From now on tro_realtime_enter does what it says, and pages that the process has touched stay in
 * memory. TRO_E_DEVICE: the system does not permit one of both, what it does permit holds. */
int tro_realtime_allow(struct tro_err *err);

/* The calling thread, once it is allowed. Threads and processes that it starts are ordinary. */
void tro_realtime_enter(int priority);

#endif
