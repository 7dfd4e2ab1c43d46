/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/media.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/media/capture.h"
#include "console/media/display.h"
#include "console/media/parts.h"

struct tro_media {
    struct tro_media_opts opts; /* strings are ours */
    int64_t t0_ns;
    struct tro_encoder *plain, *burned;
    struct tro_display_path *display;
    struct tro_capture *capture;
    atomic_bool is_blurred;
    atomic_uint_fast64_t n_captured;
    /* Held while the caller is told, so that stop can wait for it: of displayed, and of encoded. */
    pthread_mutex_t displaying;
    pthread_mutex_t lock;   /* and of the next */
    uint64_t encoded_frame; /* the last one that was told of */
    bool is_stopped;        /* of both */
};

/* ---- from capture and encoders ---------------------------------------------------------- */

static void on_picture(void *ctx, GstBuffer *nv12)
{
    struct tro_media *const m = ctx;
    struct tro_stamp stamp = tro_pipe_stamp(nv12);
    stamp.is_blurred = atomic_load(&m->is_blurred);
    tro_pipe_set_stamp(nv12, &stamp);
    tro_display_push(m->display, nv12);
    tro_encoder_push(m->plain, nv12);
}

static void on_frame(void *ctx, const struct tro_frame *f)
{
    struct tro_media *const m = ctx;
    atomic_fetch_add(&m->n_captured, 1);
    if (m->opts.frame)
        m->opts.frame(m->opts.ctx, f);
}

static void on_ended(void *ctx, const struct tro_err *err, bool is_final)
{
    struct tro_media *const m = ctx;
    if (m->opts.ended)
        m->opts.ended(m->opts.ctx, err, is_final);
}

static void on_displayed(void *ctx, uint64_t frame, int64_t handed_ns, int64_t done_ns)
{
    struct tro_media *const m = ctx;
    pthread_mutex_lock(&m->displaying);
    if (m->opts.displayed && !m->is_stopped)
        m->opts.displayed(m->opts.ctx, frame, handed_ns, done_ns);
    pthread_mutex_unlock(&m->displaying);
}

/* Both encoders come here; a frame that both encode is told once. */
static void on_coded(void *ctx, const struct tro_coded *c)
{
    struct tro_media *const m = ctx;
    if (!m->opts.encoded || c->frame == 0)
        return;
    pthread_mutex_lock(&m->lock);
    if (c->frame > m->encoded_frame && !m->is_stopped) {
        m->encoded_frame = c->frame;
        m->opts.encoded(m->opts.ctx, c->frame, c->captured_ns, c->rtp);
    }
    pthread_mutex_unlock(&m->lock);
}

/* ---- life ------------------------------------------------------------------------------- */

/* Strings of their own, so that the caller's may go. */
static int copy_opts(struct tro_media *m, const struct tro_media_opts *opts, struct tro_err *err)
{
    m->opts = *opts;
    m->opts.location = g_strdup(opts->location ? opts->location : "");
    for (int i = 0; i < TRO_MAX_DISPLAYS; i++)
        m->opts.displays[i].location = i < opts->n_displays ? g_strdup(opts->displays[i].location)
                                                            : NULL;
    struct tro_frame_form nv12 = opts->form;
    nv12.format = TRO_FRAME_NV12;
    if (opts->n_displays > TRO_MAX_DISPLAYS || tro_frame_n_bytes(&nv12) == 0)
        return tro_fail(err, TRO_E_INPUT,
                        "video of %d x %d: width and height must be even and at most %d",
                        opts->form.width, opts->form.height, TRO_FRAME_MAX_SIDE);
    return 0;
}

static int make_parts(struct tro_media *m, struct tro_err *err)
{
    const struct tro_encoder_opts encoder = {.form = m->opts.form,
                                             .fps = m->opts.fps,
                                             .bitrate_kbps = m->opts.bitrate_kbps,
                                             .t0_ns = m->t0_ns,
                                             .has_mark = m->opts.has_mark};
    m->plain = tro_encoder_create(&encoder, err);
    m->burned = m->plain ? tro_encoder_create(&encoder, err) : NULL;
    if (!m->burned)
        return TRO_E_DEVICE;
    tro_encoder_listen(m->plain, on_coded, m);
    tro_encoder_listen(m->burned, on_coded, m);
    const struct tro_display_opts display = {&m->opts, m->t0_ns, m->burned, on_displayed, m};
    m->display = tro_display_create(&display, err);
    const struct tro_capture_opts capture = {.source = m->opts.source,
                                             .location = m->opts.location,
                                             .form = m->opts.form,
                                             .fps = m->opts.fps,
                                             .has_mark = m->opts.has_mark,
                                             .loops = m->opts.loops,
                                             .t0_ns = m->t0_ns,
                                             .picture = on_picture,
                                             .frame = on_frame,
                                             .ended = on_ended,
                                             .ctx = m};
    m->capture = m->display ? tro_capture_create(&capture, err) : NULL;
    return m->capture ? 0 : TRO_E_DEVICE;
}

struct tro_media *tro_media_create(const struct tro_media_opts *opts, struct tro_err *err)
{
    if (tro_pipe_init(err) < 0)
        return NULL;
    struct tro_media *const m = tro_calloc(1, sizeof(*m));
    if (!m) {
        tro_fail_nomem(err);
        return NULL;
    }
    pthread_mutex_init(&m->displaying, NULL);
    pthread_mutex_init(&m->lock, NULL);
    atomic_init(&m->is_blurred, true);
    m->t0_ns = tro_clock_ns();
    if (copy_opts(m, opts, err) == 0 && make_parts(m, err) == 0)
        return m;
    tro_media_destroy(m);
    return NULL;
}

int tro_media_start(struct tro_media *m, struct tro_err *err)
{
    TRO_TRY(tro_display_start(m->display, err));
    return tro_capture_start(m->capture, err);
}

void tro_media_stop(struct tro_media *m)
{
    tro_capture_destroy(m->capture);
    m->capture = NULL;
    pthread_mutex_lock(&m->displaying);
    pthread_mutex_lock(&m->lock);
    m->is_stopped = true;
    pthread_mutex_unlock(&m->lock);
    pthread_mutex_unlock(&m->displaying);
}

void tro_media_destroy(struct tro_media *m)
{
    if (!m)
        return;
    tro_media_stop(m);
    tro_display_destroy(m->display);
    tro_encoder_destroy(m->burned);
    tro_encoder_destroy(m->plain);
    g_free((char *)m->opts.location);
    for (int i = 0; i < TRO_MAX_DISPLAYS; i++)
        g_free((char *)m->opts.displays[i].location);
    pthread_mutex_destroy(&m->lock);
    pthread_mutex_destroy(&m->displaying);
    tro_free(m);
}

/* ---- the rest --------------------------------------------------------------------------- */

void tro_media_blur(struct tro_media *m, bool is_blurred)
{
    atomic_store(&m->is_blurred, is_blurred);
}

void tro_media_count(struct tro_media *m, struct tro_media_counters *out)
{
    uint64_t n_burned, n_burned_lost;
    *out = (struct tro_media_counters){.captured = atomic_load(&m->n_captured)};
    tro_display_count(m->display, &out->displayed, &out->display_lost);
    tro_encoder_count(m->plain, &out->encoded, &out->encoder_lost);
    tro_encoder_count(m->burned, &n_burned, &n_burned_lost);
    out->encoded += n_burned;
    out->encoder_lost += n_burned_lost;
    g_strlcpy(out->encoder, tro_encoder_name(m->plain), sizeof(out->encoder));
}

int tro_media_snapshot(struct tro_media *m, uint8_t **png, size_t *n_bytes, struct tro_err *err)
{
    return tro_display_snapshot(m->display, png, n_bytes, err);
}

struct tro_encoder *tro_media_encoder(struct tro_media *m, bool is_burned_in)
{
    return is_burned_in ? m->burned : m->plain;
}

int64_t tro_media_t0_ns(const struct tro_media *m)
{
    return m->t0_ns;
}
