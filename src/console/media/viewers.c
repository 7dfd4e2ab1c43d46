/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/viewers.h"

#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/media/parts.h"
#include "console/media/viewer.h"

#define MOST_VIEWERS 256
#define LOOK_NS (INT64_C(250) * 1000000)
#define STUCK_S 10                        /* what takes longer to stop never will */
#define TRIM_NS (INT64_C(5) * 1000000000) /* least time between two */

struct tro_viewers {
    struct tro_viewers_opts opts;
    struct tro_media *media;
    uint32_t ssrc;    /* of what they are sent */
    pthread_t keeper; /* ends viewers, which takes time that nobody else has */
    bool is_started;
    bool has_holes;     /* the keeper's: somebody has gone since memory was given back */
    int64_t trimmed_ns; /* likewise: when it was */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    bool is_stopping;
    int n_reserved; /* viewers, and offers that are being answered */
    int n;
    struct tro_viewer *list[MOST_VIEWERS];
};

/* ---- the list --------------------------------------------------------------------------- */

/* References of all viewers, or of the one with that id; returns how many. */
static int hold(struct tro_viewers *vs, const char *id, struct tro_viewer *out[MOST_VIEWERS])
{
    int n = 0;
    pthread_mutex_lock(&vs->lock);
    for (int i = 0; i < vs->n; i++)
        if (!id || strcmp(tro_viewer_id(vs->list[i]), id) == 0)
            out[n++] = tro_viewer_ref(vs->list[i]);
    pthread_mutex_unlock(&vs->lock);
    return n;
}

static void let_go(struct tro_viewer *list[], int n)
{
    for (int i = 0; i < n; i++)
        tro_viewer_unref(list[i]);
}

static void take_out(struct tro_viewers *vs, const struct tro_viewer *v)
{
    pthread_mutex_lock(&vs->lock);
    for (int i = 0; i < vs->n; i++)
        if (vs->list[i] == v) {
            vs->list[i] = vs->list[--vs->n];
            break;
        }
    pthread_mutex_unlock(&vs->lock);
}

static void release_place(struct tro_viewers *vs)
{
    pthread_mutex_lock(&vs->lock);
    vs->n_reserved--;
    pthread_cond_broadcast(&vs->wake);
    pthread_mutex_unlock(&vs->lock);
}

/* ---- from viewers and encoders ---------------------------------------------------------- */

static void on_joined(void *ctx, struct tro_viewer *v)
{
    struct tro_viewers *const vs = ctx;
    if (vs->opts.joined)
        vs->opts.joined(vs->opts.ctx, tro_viewer_id(v));
}

static void on_message(void *ctx, struct tro_viewer *v, const char *text, size_t n)
{
    struct tro_viewers *const vs = ctx;
    if (vs->opts.message)
        vs->opts.message(vs->opts.ctx, tro_viewer_id(v), text, n);
}

static void on_ended(void *ctx, struct tro_viewer *v)
{
    (void)v;
    struct tro_viewers *const vs = ctx;
    pthread_mutex_lock(&vs->lock);
    pthread_cond_broadcast(&vs->wake);
    pthread_mutex_unlock(&vs->lock);
}

static void push_to(struct tro_viewers *vs, const struct tro_coded *c, bool is_burned_in)
{
    struct tro_viewer *list[MOST_VIEWERS];
    const int n = hold(vs, NULL, list);
    for (int i = 0; i < n; i++) {
        struct tro_viewer_info info;
        tro_viewer_info(list[i], &info);
        if (info.is_burned_in == is_burned_in)
            tro_viewer_push(list[i], c);
    }
    let_go(list, n);
}

static void on_plain(void *ctx, const struct tro_coded *c)
{
    push_to(ctx, c, false);
}

static void on_burned(void *ctx, const struct tro_coded *c)
{
    push_to(ctx, c, true);
}

/* ---- the keeper ------------------------------------------------------------------------- */

static void *stop(void *viewer)
{
    pthread_setname_np(pthread_self(), "viewer-end");
    tro_viewer_stop(viewer);
    return NULL;
}

/*
 * In a thread of its own: what malloc caches for it of all that is freed goes with it, and if
 * GStreamer is stuck, that costs a viewer's memory, not the keeper. False: it is, and has v.
 */
static bool stop_apart(struct tro_viewer *v)
{
    pthread_t thread;
    struct timespec at;
    if (pthread_create(&thread, NULL, stop, v) != 0) {
        tro_viewer_stop(v);
        return true;
    }
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += STUCK_S;
    if (pthread_timedjoin_np(thread, NULL, &at) == 0)
        return true;
    pthread_detach(thread);
    return false;
}

static void end_viewer(struct tro_viewers *vs, struct tro_viewer *v, const char *why)
{
    take_out(vs, v);
    const bool is_stopped = stop_apart(v);
    if (vs->opts.left)
        vs->opts.left(vs->opts.ctx, tro_viewer_id(v), why);
    if (is_stopped)
        tro_viewer_unref(v); /* the list's */
    release_place(vs);
}

static void look_at_all(struct tro_viewers *vs)
{
    struct tro_viewer *list[MOST_VIEWERS];
    const int n = hold(vs, NULL, list);
    const int64_t now_ns = tro_clock_ns();
    for (int i = 0; i < n; i++) {
        const char *const why = tro_viewer_is_ended(list[i], now_ns);
        if (why)
            end_viewer(vs, list[i], why);
        vs->has_holes |= why != NULL;
    }
    let_go(list, n);
}

/* A session leaves holes between what the next one keeps, which malloc does not give back. */
static void give_back(struct tro_viewers *vs)
{
    const int64_t now_ns = tro_clock_ns();
    if (!vs->has_holes || now_ns - vs->trimmed_ns < TRIM_NS)
        return;
    vs->has_holes = false;
    vs->trimmed_ns = now_ns;
#ifdef M_TRIM_THRESHOLD
    malloc_trim(0);
#endif
}

/* Up to LOOK_NS, or until somebody has ended; false: all is to end. */
static bool wait_a_while(struct tro_viewers *vs)
{
    const int64_t until = tro_clock_ns() + LOOK_NS;
    const struct timespec at = {until / 1000000000, until % 1000000000};
    pthread_mutex_lock(&vs->lock);
    if (!vs->is_stopping)
        pthread_cond_timedwait(&vs->wake, &vs->lock, &at);
    const bool is_stopping = vs->is_stopping;
    pthread_mutex_unlock(&vs->lock);
    return !is_stopping;
}

static void *keep(void *ctx)
{
    pthread_setname_np(pthread_self(), "viewers");
    while (wait_a_while(ctx)) {
        look_at_all(ctx);
        give_back(ctx);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------- */

/* The first viewer would wait half a second for plugins to be loaded and a key to be made. */
static void warm_up(void)
{
    static const char *const elements[] = {"webrtcbin", "rtph264pay", "nicesrc", "nicesink",
                                           "srtpenc",   "srtpdec",    "sctpenc", "sctpdec",
                                           "dtlsenc",   "dtlsdec"};
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
        GstElement *const element = gst_element_factory_make(elements[i], NULL);
        gchar *pem = NULL;
        if (!element)
            continue;
        gst_object_ref_sink(element);
        if (strcmp(elements[i], "dtlsdec") == 0)
            g_object_get(element, "pem", &pem, NULL);
        g_free(pem);
        gst_object_unref(element);
    }
}

static int make_ssrc(uint32_t *ssrc, struct tro_err *err)
{
    for (*ssrc = 0; *ssrc == 0;)
        if (getrandom(ssrc, sizeof(*ssrc), 0) != sizeof(*ssrc))
            return tro_fail(err, TRO_E_DEVICE, "the system gives no random numbers");
    return 0;
}

struct tro_viewers *tro_viewers_create(struct tro_media *m, const struct tro_viewers_opts *opts,
                                       struct tro_err *err)
{
    if (opts->max_viewers < 1 || opts->max_viewers > MOST_VIEWERS) {
        tro_fail(err, TRO_E_INPUT, "1 to %d viewers, not %d", MOST_VIEWERS, opts->max_viewers);
        return NULL;
    }
    struct tro_viewers *const vs = tro_calloc(1, sizeof(*vs));
    if (!vs) {
        tro_fail_nomem(err);
        return NULL;
    }
    vs->opts = *opts;
    vs->media = m;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&vs->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&vs->lock, NULL);
    warm_up();
    if (make_ssrc(&vs->ssrc, err) < 0) {
        tro_viewers_destroy(vs);
        return NULL;
    }
    if (pthread_create(&vs->keeper, NULL, keep, vs) != 0) {
        tro_fail(err, TRO_E_NOMEM, "no thread for viewers");
        tro_viewers_destroy(vs);
        return NULL;
    }
    vs->is_started = true;
    tro_encoder_listen(tro_media_encoder(m, false), on_plain, vs);
    tro_encoder_listen(tro_media_encoder(m, true), on_burned, vs);
    return vs;
}

void tro_viewers_destroy(struct tro_viewers *vs)
{
    if (!vs)
        return;
    pthread_mutex_lock(&vs->lock);
    vs->is_stopping = true;
    pthread_cond_broadcast(&vs->wake);
    pthread_mutex_unlock(&vs->lock);
    if (vs->is_started) {
        pthread_join(vs->keeper, NULL);
        tro_encoder_unlisten(tro_media_encoder(vs->media, false), vs);
        tro_encoder_unlisten(tro_media_encoder(vs->media, true), vs);
    }
    while (vs->n > 0)
        end_viewer(vs, vs->list[0], "the console stops");
    pthread_cond_destroy(&vs->wake);
    pthread_mutex_destroy(&vs->lock);
    tro_free(vs);
}

/* ---- for HTTP --------------------------------------------------------------------------- */

static int make_id(char id[TRO_VIEWER_ID_BYTES], struct tro_err *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[(TRO_VIEWER_ID_BYTES - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return tro_fail(err, TRO_E_DEVICE, "the system gives no random numbers");
    for (size_t i = 0; i < sizeof(bytes); i++) {
        id[i * 2] = digits[bytes[i] >> 4];
        id[i * 2 + 1] = digits[bytes[i] & 15];
    }
    id[TRO_VIEWER_ID_BYTES - 1] = '\0';
    return 0;
}

static int reserve_place(struct tro_viewers *vs, struct tro_err *err)
{
    pthread_mutex_lock(&vs->lock);
    const bool has_place = !vs->is_stopping && vs->n_reserved < vs->opts.max_viewers;
    vs->n_reserved += has_place;
    pthread_mutex_unlock(&vs->lock);
    return has_place
               ? 0
               : tro_fail(err, TRO_E_DEVICE, "there are %d viewers, which is all there may be",
                          vs->opts.max_viewers);
}

int tro_viewers_offer(struct tro_viewers *vs, const char *sdp, size_t n, bool is_burned_in,
                      char id[TRO_VIEWER_ID_BYTES], char **answer, struct tro_err *err)
{
    struct tro_offer offer;
    int rc = tro_offer_read(sdp, n, &offer, err);
    if (rc == 0)
        rc = make_id(id, err);
    if (rc == 0)
        rc = reserve_place(vs, err);
    if (rc < 0) {
        tro_offer_finish(&offer);
        return rc;
    }
    const struct tro_viewer_opts opts = {.id = id,
                                         .is_burned_in = is_burned_in,
                                         .t0_ns = tro_media_t0_ns(vs->media),
                                         .ssrc = vs->ssrc,
                                         .encoder = tro_media_encoder(vs->media, is_burned_in),
                                         .joined = on_joined,
                                         .message = on_message,
                                         .ended = on_ended,
                                         .ctx = vs};
    struct tro_err failure = {0};
    struct tro_viewer *const v = tro_viewer_create(&opts, &offer, answer, &failure);
    if (!v) {
        release_place(vs);
        return tro_fail(err, failure.status, "%s", failure.text);
    }
    pthread_mutex_lock(&vs->lock);
    vs->list[vs->n++] = v;
    pthread_mutex_unlock(&vs->lock);
    return 0;
}

int tro_viewers_trickle(struct tro_viewers *vs, const char *id, const char *fragment, size_t n,
                        struct tro_err *err)
{
    struct tro_viewer *list[MOST_VIEWERS];
    if (hold(vs, id, list) == 0)
        return tro_fail(err, TRO_E_INPUT, "there is no viewer '%.32s'", id);
    const int rc = tro_viewer_trickle(list[0], fragment, n, err);
    tro_viewer_unref(list[0]);
    return rc;
}

bool tro_viewers_close(struct tro_viewers *vs, const char *id)
{
    struct tro_viewer *list[MOST_VIEWERS];
    if (hold(vs, id, list) == 0)
        return false;
    tro_viewer_end(list[0], "the page has closed it");
    tro_viewer_unref(list[0]);
    return true;
}

void tro_viewers_send(struct tro_viewers *vs, const char *id, enum tro_viewer_channel channel,
                      const char *text, size_t n)
{
    struct tro_viewer *list[MOST_VIEWERS];
    const int n_found = hold(vs, id, list);
    for (int i = 0; i < n_found; i++)
        tro_viewer_send(list[i], channel, text, n);
    let_go(list, n_found);
}

int tro_viewers_list(struct tro_viewers *vs, struct tro_viewer_info *out, int n)
{
    struct tro_viewer *list[MOST_VIEWERS];
    const int n_found = hold(vs, NULL, list);
    for (int i = 0; i < n_found && i < n; i++)
        tro_viewer_info(list[i], &out[i]);
    let_go(list, n_found);
    return n_found;
}
