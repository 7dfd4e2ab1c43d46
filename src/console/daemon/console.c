/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/console.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "console/daemon/console_state.h"

#define N_TIMES 4096 /* of each kind; the rest is in histograms */
#define N_HEAPS 2    /* of malloc */
#define POLL_NS INT64_C(50000000)
#define LAST_FINDINGS_NS INT64_C(1000000000) /* are waited for at most, after the last frame */
#define TRACE_NS INT64_C(10000000000)        /* of --trace */

double tro_console_ms(const struct tro_console *c, int64_t ns)
{
    return (double)(ns - c->started_ns) * 1e-6;
}

/* ---- sending ---------------------------------------------------------------------------- */

/* A line without its end. */
static size_t length_of(const struct tro_json *j)
{
    return j->buf.n && j->buf.p[j->buf.n - 1] == '\n' ? j->buf.n - 1 : j->buf.n;
}

static void post(struct tro_console *c, const char *id, enum tro_viewer_channel channel,
                 const struct tro_json *j)
{
    if (c->viewers && !j->buf.failed)
        tro_viewers_send(c->viewers, id, channel, (const char *)j->buf.p, length_of(j));
}

void tro_console_send(struct tro_console *c, const char *id, enum tro_viewer_channel channel,
                      struct tro_json *j)
{
    post(c, id, channel, j);
    tro_json_finish(j);
}

void tro_console_send_twice(struct tro_console *c, struct tro_json *j)
{
    post(c, NULL, TRO_CHANNEL_FRAMES, j);
    post(c, NULL, TRO_CHANNEL_CONTROL, j);
    tro_json_finish(j);
}

void tro_console_event(struct tro_console *c, const char *name, struct tro_json *j)
{
    if (c->server && !j->buf.failed)
        tro_server_event(c->server, name, (const char *)j->buf.p, length_of(j));
    tro_json_finish(j);
}

/* ---- from media ------------------------------------------------------------------------- */

static void take_frame(void *ctx, const struct tro_frame *f)
{
    struct tro_console *const c = ctx;
    tro_console_frame(c, f);
    if (c->opts->n_frames && f->id >= c->opts->n_frames)
        atomic_store(&c->has_ended, true);
}

static void take_displayed(void *ctx, uint64_t frame, int64_t handed_ns, int64_t done_ns)
{
    struct tro_console *const c = ctx;
    tro_metrics_time(c->metrics, TRO_SERIES_STAGE + TRO_STAGE_DISPLAY, done_ns - handed_ns);
    tro_trace_put(c->trace, TRO_STAGE_DISPLAY, frame, -1, handed_ns, done_ns);
}

static void take_encoded(void *ctx, uint64_t frame, int64_t captured_ns, uint32_t rtp)
{
    struct tro_console *const c = ctx;
    const int64_t now_ns = tro_clock_ns();
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "t", "frame");
    tro_json_int(&j, "id", (int64_t)frame);
    tro_json_int(&j, "rtp", rtp);
    tro_json_number(&j, "at", tro_console_ms(c, captured_ns));
    tro_json_number(&j, "now", tro_console_ms(c, now_ns));
    tro_json_object_end(&j);
    tro_console_send(c, NULL, TRO_CHANNEL_FRAMES, &j);
    tro_metrics_time(c->metrics, TRO_SERIES_STAGE + TRO_STAGE_ENCODE, now_ns - captured_ns);
    tro_trace_put(c->trace, TRO_STAGE_ENCODE, frame, -1, captured_ns, now_ns);
}

static void take_end(void *ctx, const struct tro_err *err, bool is_final)
{
    struct tro_console *const c = ctx;
    fprintf(stderr, "trocard: %s\n", err->text);
    atomic_store(&c->source_state, is_final ? TRO_SOURCE_IS_ENDED : TRO_SOURCE_IS_WAITING);
    if (is_final)
        atomic_store(&c->has_ended, true);
}

/* ---- from the server -------------------------------------------------------------------- */

static int trickle(void *ctx, const char *id, const char *fragment, size_t n, struct tro_err *err)
{
    return tro_viewers_trickle(((struct tro_console *)ctx)->viewers, id, fragment, n, err);
}

static bool close_viewer(void *ctx, const char *id)
{
    return tro_viewers_close(((struct tro_console *)ctx)->viewers, id);
}

static void list_sentences(void *ctx, struct tro_json *j)
{
    struct tro_console *const c = ctx;
    tro_sentences_json(c->sentences, tro_clock_ns(), c->network_names, c->config->n_networks, j);
}

static void dismiss(void *ctx, const struct tro_token *who)
{
    (void)who;
    tro_console_dismiss(ctx);
}

static int show_display(void *ctx, uint8_t **png, size_t *n_bytes, struct tro_err *err)
{
    return tro_media_snapshot(((struct tro_console *)ctx)->media, png, n_bytes, err);
}

static int write_trace(void *ctx, int64_t from_ns, int64_t to_ns, struct tro_buf *out,
                       struct tro_err *err)
{
    struct tro_console *const c = ctx;
    return tro_trace_write(c->trace, from_ns, to_ns, c->started_ns, c->network_names,
                           c->config->n_networks, out, err);
}

/* ---- opening ---------------------------------------------------------------------------- */

static int open_setup(struct tro_console *c, struct tro_err *err)
{
    const struct tro_setup_calls calls = {.findings = tro_console_findings,
                                          .completed = tro_console_completed,
                                          .changed = tro_console_worker_changed,
                                          .n_times = N_TIMES,
                                          .n_more_readers = TRO_FOLLOW_READERS,
                                          .ctx = c};
    return tro_setup_open(&c->setup, c->config, &calls, err);
}

static int open_board(struct tro_console *c, struct tro_err *err)
{
    const struct tro_board_opts board = {c->config->n_networks, c->config->max_age_ms,
                                         c->config->fade_ms};
    c->board = tro_board_create(&board, err);
    c->metrics = c->board ? tro_metrics_create(err) : NULL;
    c->trace = c->metrics ? tro_trace_create(err) : NULL;
    c->sentences = c->trace ? tro_sentences_create(err) : NULL;
    if (!c->sentences)
        return err->status;
    for (int i = 0; i < c->config->n_networks; i++) {
        c->network_names[i] = c->config->networks[i].name;
        TRO_TRY(tro_findings_init(&c->seen[i], err));
    }
    return 0;
}

static int open_media(struct tro_console *c, struct tro_err *err)
{
    const struct tro_config *const f = c->config;
    struct tro_media_opts opts = {.source = f->source.kind,
                                  .location = f->source.location,
                                  .form = f->source.form,
                                  .fps = f->source.fps,
                                  .has_mark = f->source.has_mark,
                                  .loops = f->source.loops,
                                  .n_displays = f->n_displays,
                                  .bitrate_kbps = f->bitrate_kbps,
                                  .board = c->board,
                                  .names = c->names,
                                  .language = (int)f->language,
                                  .frame = take_frame,
                                  .displayed = take_displayed,
                                  .encoded = take_encoded,
                                  .ended = take_end,
                                  .ctx = c};
    for (int i = 0; i < f->n_displays; i++) {
        opts.displays[i].kind = f->displays[i].kind;
        opts.displays[i].location = f->displays[i].location;
    }
    c->media = tro_media_create(&opts, err);
    if (!c->media)
        return err->status;
    tro_media_blur(c->media, f->privacy.network >= 0);
    atomic_store(&c->privacy, f->privacy.network >= 0 ? TRO_PRIVACY_IS_UNSURE : TRO_PRIVACY_IS_OFF);
    const struct tro_viewers_opts viewers = {.max_viewers = f->server.is_there ? f->server.viewers
                                                                               : 0,
                                             .joined = tro_console_joined,
                                             .message = tro_console_message,
                                             .left = tro_console_left,
                                             .ctx = c};
    c->viewers = tro_viewers_create(c->media, &viewers, err);
    return c->viewers ? 0 : err->status;
}

static int open_server(struct tro_console *c, struct tro_err *err)
{
    const struct tro_config *const f = c->config;
    if (!f->server.is_there)
        return 0;
    TRO_TRY(tro_tokens_read(f->server.tokens, &c->tokens, err));
    const struct tro_server_opts opts = {.host = f->server.host,
                                         .port = f->server.port,
                                         .certificate = f->server.certificate,
                                         .key = f->server.key,
                                         .tokens = &c->tokens,
                                         .metrics = c->metrics,
                                         .calls = {.offer = tro_console_offer,
                                                   .trickle = trickle,
                                                   .close = close_viewer,
                                                   .status = tro_console_status_json,
                                                   .sentences = list_sentences,
                                                   .dismiss = dismiss,
                                                   .display = show_display,
                                                   .trace = write_trace,
                                                   .metrics = tro_console_metrics_text,
                                                   .ctx = c}};
    c->server = tro_server_create(&opts, err);
    if (!c->server)
        return err->status;
    fprintf(stderr, "trocard: %s://%s:%d/\n", f->server.certificate ? "https" : "http",
            f->server.host, tro_server_port(c->server));
    return 0;
}

static int open_console(struct tro_console *c, struct tro_err *err)
{
    c->started_ns = tro_clock_ns();
    TRO_TRY(open_setup(c, err));
    TRO_TRY(open_board(c, err));
    TRO_TRY(open_media(c, err));
    TRO_TRY(tro_follow_open(c, err));
    return open_server(c, err);
}

/* What calls goes before what is called. */
static int close_console(struct tro_console *c, struct tro_err *err)
{
    if (c->media)
        tro_media_stop(c->media);
    tro_setup_stop(&c->setup);
    tro_server_destroy(c->server);
    c->server = NULL;
    tro_viewers_destroy(c->viewers);
    c->viewers = NULL;
    tro_follow_close(c);
    tro_setup_close(&c->setup);
    tro_media_destroy(c->media);
    for (int i = 0; i < c->config->n_networks; i++)
        tro_findings_finish(&c->seen[i]);
    tro_tokens_finish(&c->tokens);
    tro_sentences_destroy(c->sentences);
    tro_trace_destroy(c->trace);
    tro_metrics_destroy(c->metrics);
    tro_board_destroy(c->board);
    return tro_guide_close(c->guide, err);
}

/* ---- running ---------------------------------------------------------------------------- */

static int wait_for_end(struct tro_console *c, const sigset_t *set, struct tro_err *err)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    int rc = 0;
    while (rc == 0 && !atomic_load(&c->has_ended) && sigtimedwait(set, NULL, &pause) < 0) {
        if (!atomic_load(&c->is_seeing))
            rc = tro_console_begin_to_see(c, err);
        tro_console_watch(c);
    }
    return rc;
}

static int write_results(struct tro_console *c, struct tro_err *err)
{
    struct tro_json j = {0};
    struct tro_buf trace = {0};
    int rc = 0;
    if (c->opts->trace) {
        const int64_t now_ns = tro_clock_ns();
        rc = write_trace(c, now_ns - TRACE_NS, now_ns, &trace, err);
        if (rc >= 0)
            rc = tro_file_write(c->opts->trace, trace.p, trace.n, err);
        tro_buf_finish(&trace);
    }
    if (rc >= 0 && c->opts->json) {
        tro_console_status_json(c, &j);
        rc = j.buf.failed ? tro_fail_nomem(err)
                          : tro_file_write(c->opts->json, j.buf.p, j.buf.n, err);
        tro_json_finish(&j);
    }
    return rc;
}

static int run(struct tro_console *c, const sigset_t *set, struct tro_err *err)
{
    if (tro_setup_is_given(&c->setup) && !tro_console_admits(c))
        return 1;
    TRO_TRY(tro_setup_start(&c->setup, err));
    if (!tro_console_waits(c))
        TRO_TRY(tro_media_start(c->media, err));
    const int rc = wait_for_end(c, set, err);
    if (rc != 0)
        return rc;
    tro_media_stop(c->media);
    tro_setup_settle(&c->setup, LAST_FINDINGS_NS);
    return write_results(c, err);
}

/* Each viewer brings threads, which come and go: heaps of their own would keep what they freed. */
static void share_heaps(void)
{
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, N_HEAPS);
#endif
}

int tro_console_run(const struct tro_config *config, const struct tro_console_opts *opts,
                    struct tro_err *err)
{
    struct tro_console *const c = tro_calloc(1, sizeof *c);
    if (!c)
        return tro_fail_nomem(err);
    c->config = config;
    c->opts = opts;
    pthread_mutex_init(&c->see, NULL);
    pthread_mutex_init(&c->people_lock, NULL);
    const sigset_t set = tro_setup_block_signals();
    share_heaps();
    int rc = open_console(c, err);
    if (rc >= 0)
        rc = run(c, &set, err);
    const int closed = close_console(c, rc >= 0 ? err : NULL);
    rc = rc >= 0 && closed < 0 ? closed : rc;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_mutex_destroy(&c->people_lock);
    pthread_mutex_destroy(&c->see);
    tro_free(c);
    return rc;
}
