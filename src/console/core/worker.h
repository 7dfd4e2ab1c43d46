/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's side: all plans of one device in one process. Lanes are threads; each takes the
 * newest frame from the ring, runs a network on it and sends what it found. The first message of
 * the daemon says what to host (docs/console.md, "Messages of workers").
 */
#ifndef TRO_CONSOLE_CORE_WORKER_H
#define TRO_CONSOLE_CORE_WORKER_H

#include <trocar/trocar.h>

#define TRO_WORKER_MAX_TRIALS 2 /* lanes besides those of the configuration */

/* Until the daemon says quit or is gone, which is success. What else ends it is told to the daemon
 * too. After TRO_E_FAULT nothing is freed, since the device does not answer any more. */
int tro_worker_run(int control_fd, int pixels_fd, int socket_fd, struct tro_err *err);

#endif
