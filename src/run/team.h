/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team: threads that run one function at the same time and meet at barriers. The caller is member
 * 0. Members spin at a barrier, and between two jobs only for a moment; a team that blocks does not
 * spin. Waiting is on atomics and, where the system has it, a futex: no lock, no memory.
 */
#ifndef TRO_RUN_TEAM_H
#define TRO_RUN_TEAM_H

#include <stdbool.h>
#include <trocar/trocar.h>

struct tro_team;

/* n members in all, the caller included (n >= 1; fewer where threads cannot be had). */
struct tro_team *tro_team_create(int n, bool blocks, struct tro_err *err);
void tro_team_destroy(struct tro_team *t);
int tro_team_size(const struct tro_team *t);

/* Runs fn(ctx, member, size) on all members and returns when all have. One caller at a time. */
void tro_team_run(struct tro_team *t, void (*fn)(void *ctx, int member, int size), void *ctx);

/* Inside fn: returns when all members have come here. */
void tro_team_barrier(struct tro_team *t, int member);

/* Threads for a session: n if > 0, else TROCAR_THREADS, else the processors of this process. */
int tro_team_default_size(int n);

#endif
