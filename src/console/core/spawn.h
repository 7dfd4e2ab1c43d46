/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a worker's process (tools/trocar_worker.c). */
#ifndef TRO_CONSOLE_CORE_SPAWN_H
#define TRO_CONSOLE_CORE_SPAWN_H

#include <sys/types.h>
#include <trocar/trocar.h>

/* The ring's control and pixels and a socket: it inherits these and the standard ones, no others.
 * more: "NAME=VALUE", one more of its environment; NULL: none. It dies with the thread that starts
 * it. */
int tro_spawn_worker(const char *program, const int fds[3], const char *more, pid_t *pid,
                     struct tro_err *err);

/* "NAME" beside the program that runs. */
int tro_spawn_path(const char *name, char *out, size_t n_out, struct tro_err *err);

/* How it ended, as waitpid tells: "exit 3", "signal 9 (Killed)". */
void tro_spawn_why(int status, char *out, size_t n_out);

#endif
