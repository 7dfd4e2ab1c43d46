/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A team: the caller and threads that help it. A job has parts with numbers; whoever is free claims
 * the next one, and the caller goes on when all are done. What a part computes depends on its
 * number alone, so results do not depend on who did it, and a thread that the system gave no
 * processor to is not waited for, unless it is in the middle of a part.
 *
 * Members spin between jobs, for a moment; a team that blocks does not spin. Waiting is on atomics
 * and, where the system has it, a futex: no lock, no memory.
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

/* fn(ctx, part, member) for 0 <= part < n_parts, n_parts < 65536; returns when all are done. The
 * caller is member 0. One caller at a time; fn must not call it. */
typedef void tro_team_fn(void *ctx, int part, int member);
void tro_team_run(struct tro_team *t, int n_parts, tro_team_fn *fn, void *ctx);

/* Threads for a session: n if > 0, else TROCAR_THREADS, else the processors of this process. */
int tro_team_default_size(int n);

#endif
