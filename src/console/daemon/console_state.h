/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the daemon: what its parts share. Locks are taken in the order see, people. */
#ifndef TRO_CONSOLE_DAEMON_CONSOLE_STATE_H
#define TRO_CONSOLE_DAEMON_CONSOLE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/json.h"
#include "console/core/trace.h"
#include "console/daemon/console.h"
#include "console/daemon/guide.h"
#include "console/daemon/metrics.h"
#include "console/daemon/sentences.h"
#include "console/daemon/server.h"
#include "console/daemon/setup.h"
#include "console/daemon/status.h"
#include "console/media/viewers.h"
#include "console/rules/tokens.h"

#define TRO_CONSOLE_FRAMES 256 /* whose times are remembered */

/* When a frame came. */
struct tro_console_frame {
    uint64_t id;
    int64_t captured_ns;
};

/* Who is behind a viewer's session. */
struct tro_person {
    char id[TRO_VIEWER_ID_BYTES]; /* "": a free place */
    char name[TRO_MARK_NAME_BYTES];
    const char *role;
    bool is_named, has_channel;
};

struct tro_console {
    const struct tro_config *config;
    const struct tro_console_opts *opts;
    int64_t started_ns;
    struct tro_setup setup;
    struct tro_board *board;
    struct tro_metrics *metrics;
    struct tro_trace *trace;
    struct tro_sentences *sentences;
    struct tro_tokens tokens;
    struct tro_server *server;
    struct tro_media *media;
    struct tro_viewers *viewers;
    struct tro_follow *follow; /* marks on tissue */
    struct tro_guide *guide;   /* tracker, rules, record */
    const char *network_names[TRO_BOARD_MAX_NETWORKS];
    struct tro_finding_names names[TRO_BOARD_MAX_NETWORKS];

    pthread_mutex_t see;                              /* of the next */
    struct tro_findings seen[TRO_BOARD_MAX_NETWORKS]; /* the newest ones, tracked */
    struct tro_sentence sentence;                     /* the last one that began */
    enum tro_sentence_state sentence_state;           /* as it was told last */
    uint64_t sentence_seq;                            /* how often one was told */
    struct tro_console_frame frames[TRO_CONSOLE_FRAMES];
    int tiers[TRO_BOARD_MAX_NETWORKS];

    pthread_mutex_t people_lock; /* of the next */
    struct tro_person people[TRO_STATUS_MAX_VIEWERS];

    atomic_int privacy; /* enum tro_privacy_state */
    atomic_int source_state;
    atomic_uint_fast64_t newest; /* frame */
    atomic_bool has_ended;       /* the source, for good */
    atomic_bool is_seeing;       /* plans are open: guide and names are there, and stay */
    _Atomic int64_t worker_since_ns[TRO_SUPERVISOR_MAX_WORKERS];
};

/* Milliseconds on the wire: since the daemon started. */
double tro_console_ms(const struct tro_console *c, int64_t ns);

/* ---- console_see.c: frames and findings; any thread ----------------------------------------- */

void tro_console_frame(struct tro_console *c, const struct tro_frame *f);
/* As the supervisor calls. */
void tro_console_findings(void *ctx, const struct tro_findings *f, const struct tro_stage *s);
void tro_console_completed(void *ctx, uint64_t frame, int64_t ns);
void tro_console_worker_changed(void *ctx, int worker, enum tro_worker_state state,
                                const char *why);
/* Has the sentence lost what it rests on, or got it back, and is what guards privacy heard from?
 * Some times a second. */
void tro_console_watch(struct tro_console *c);
void tro_console_dismiss(struct tro_console *c);
/* Tells pages of a sentence as it stands. With `see` held. */
void tro_console_tell_sentence(struct tro_console *c, enum tro_sentence_state state);
/* When a frame was captured; 0: not remembered. */
int64_t tro_console_captured_ns(struct tro_console *c, uint64_t frame);

/* ---- console_begin.c: from the picture to findings ------------------------------------------ */

/* Is the picture to wait for the workers? A source that ends would be over before they have looked
 * at all of it; a camera is not to wait. */
bool tro_console_waits(const struct tro_console *c);
/* Prints why, if not. */
bool tro_console_admits(struct tro_console *c);
/* Once all plans are open: what they find counts from now on. 0: they are, or not yet; 1: the set
 * is refused. */
int tro_console_begin_to_see(struct tro_console *c, struct tro_err *err);

/* ---- console_people.c: viewers -------------------------------------------------------------- */

int tro_console_offer(void *ctx, const struct tro_token *who, const char *sdp, size_t n,
                      bool is_burned_in, char id[TRO_SERVER_ID_BYTES], char **answer,
                      struct tro_err *err);
void tro_console_joined(void *ctx, const char *id);
void tro_console_left(void *ctx, const char *id, const char *why);
/* False: nobody. */
bool tro_console_person(struct tro_console *c, const char *id, struct tro_person *out);

/* ---- console_talk.c: what experts say ------------------------------------------------------- */

void tro_console_message(void *ctx, const char *id, const char *text, size_t n);

/* ---- console_follow.c: marks on tissue ------------------------------------------------------ */

#define TRO_FOLLOW_READERS 1 /* of the ring */
int tro_follow_open(struct tro_console *c, struct tro_err *err);
void tro_follow_close(struct tro_console *c);
struct tro_marks *tro_follow_marks(struct tro_follow *f);
/* All marks as they are now, to one viewer, or all with id NULL. */
void tro_follow_tell(struct tro_follow *f, const char *id);

/* ---- console_status.c ----------------------------------------------------------------------- */

void tro_console_status(struct tro_console *c, struct tro_console_status *out);
void tro_console_put_status(struct tro_console *c, const char *key, struct tro_json *j);
void tro_console_status_json(void *ctx, struct tro_json *j);
void tro_console_metrics_text(void *ctx, struct tro_buf *out);

/* ---- sending -------------------------------------------------------------------------------- */

/* What was written goes to one viewer, or all with id NULL, and the writer ends. */
void tro_console_send(struct tro_console *c, const char *id, enum tro_viewer_channel channel,
                      struct tro_json *j);
/* To all on both channels, at once and surely; whoever reads takes the first to arrive. The writer
 * ends. */
void tro_console_send_twice(struct tro_console *c, struct tro_json *j);
/* To who listens for events; the writer ends. */
void tro_console_event(struct tro_console *c, const char *name, struct tro_json *j);

#endif
