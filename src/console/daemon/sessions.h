/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the sessions of viewers are. Any thread. */
#ifndef TRO_CONSOLE_DAEMON_SESSIONS_H
#define TRO_CONSOLE_DAEMON_SESSIONS_H

#include <stdbool.h>
#include <trocar/trocar.h>

#include "console/rules/tokens.h"

#define TRO_SESSION_ID_BYTES 33
#define TRO_SESSION_ETAG_BYTES 19 /* 16 hex digits, quotes, a zero */

struct tro_sessions;

struct tro_sessions *tro_sessions_create(struct tro_err *err);
void tro_sessions_destroy(struct tro_sessions *s);

/* Around an offer, whose viewer may be gone before its id is known here: end adds it, with a new
 * entity tag, unless it was forgotten since begin. NULL ends an offer that failed. */
void tro_sessions_begin(struct tro_sessions *s);
int tro_sessions_end(struct tro_sessions *s, const char *id, const struct tro_token *who,
                     char etag[TRO_SESSION_ETAG_BYTES], struct tro_err *err);

/* False: there is none of this token. */
bool tro_sessions_find(struct tro_sessions *s, const char *id, const struct tro_token *who,
                       char etag[TRO_SESSION_ETAG_BYTES]);
void tro_sessions_forget(struct tro_sessions *s, const char *id);

#endif
