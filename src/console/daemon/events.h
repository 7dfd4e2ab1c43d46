/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the server: events for those who listen (server-sent events). The last 256 are kept; a
 * listener that lags behind them is dropped. Any thread. */
#ifndef TRO_CONSOLE_DAEMON_EVENTS_H
#define TRO_CONSOLE_DAEMON_EVENTS_H

#include <stdbool.h>
#include <sys/types.h>
#include <trocar/trocar.h>

#define TRO_EVENTS_KEPT 256
#define TRO_EVENT_MAX_BYTES 65536

struct tro_events;
struct tro_listener;

struct tro_events *tro_events_create(struct tro_err *err);
/* All listeners must have gone. */
void tro_events_destroy(struct tro_events *e);
/* Whoever waits returns at once, and all streams end. */
void tro_events_stop(struct tro_events *e);

void tro_events_put(struct tro_events *e, const char *name, const char *json, size_t n);
int tro_events_n_listeners(struct tro_events *e);

/* From behind the event last_id on, where it is kept; 0: from now on. NULL where there are
 * max_listeners, or no memory. */
struct tro_listener *tro_listener_create(struct tro_events *e, int max_listeners, uint64_t last_id);
void tro_listener_destroy(struct tro_listener *l);

/* The next bytes of the stream: waits up to a second for them; 0: none came. -1: the stream ends:
 * the server stops, or the listener was too slow (*is_slow). */
ssize_t tro_listener_read(struct tro_listener *l, char *out, size_t n_out, bool *is_slow);

#endif
