/* SPDX-License-Identifier: Apache-2.0 */
#include "console/media/display.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/media/nv12.h"
#include "console/media/paint.h"
#include "console/media/sink.h"
#include "console/media/timemark.h"
#include "io/picture.h"

#define N_WAITING \
    64 /* two seconds: capture catches up in one go after the machine has stood still */
#define SNAPSHOT_NS (INT64_C(2) * 1000000000)

struct handed {
    GstBuffer *picture;
    int64_t at_ns;
};

struct tro_display_path {
    struct tro_display_opts opts;
    struct tro_frame_form form; /* NV12 */
    GstBufferPool *painted;
    struct tro_sink *sinks[TRO_MAX_DISPLAYS];
    int n_sinks;
    void *scratch; /* for the blur */
    struct tro_paint *painter;
    struct tro_board_view *view;       /* NULL, both: there is no board */
    int64_t looked_ns, looked_wall_ns; /* of the view */
    pthread_t thread;
    bool is_started;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake, answered;
    bool is_stopping;
    struct handed waiting[N_WAITING];
    int first, n_waiting;
    GstBuffer *last;   /* as it came */
    GstBuffer *answer; /* painted, for snapshots */
    uint64_t n_asked, n_answered;
    uint64_t n_displayed, n_lost;
};

void tro_display_push(struct tro_display_path *d, GstBuffer *nv12)
{
    GstBuffer *lost = NULL;
    pthread_mutex_lock(&d->lock);
    if (d->n_waiting == N_WAITING) {
        lost = d->waiting[d->first].picture;
        d->first = (d->first + 1) % N_WAITING;
        d->n_waiting--;
        d->n_lost++;
    }
    d->waiting[(d->first + d->n_waiting++) % N_WAITING] = (struct handed){gst_buffer_ref(nv12),
                                                                          tro_clock_ns()};
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (lost)
        gst_buffer_unref(lost);
}

/* ---- the thread ------------------------------------------------------------------------- */

/* A copy that is painted over: the frame itself is the encoder's too. */
static GstBuffer *paint(struct tro_display_path *d, GstBuffer *from, bool is_blurred)
{
    GstBuffer *to = tro_pipe_buffer(d->painted, &d->form);
    GstMapInfo map;
    if (!to || !gst_buffer_map(to, &map, GST_MAP_READWRITE)) {
        gst_clear_buffer(&to);
        return NULL;
    }
    struct tro_stamp stamp = tro_pipe_stamp(from);
    gst_buffer_extract(from, 0, map.data, map.size);
    if (is_blurred)
        tro_nv12_blur(map.data, d->form.width, d->form.height, d->scratch);
    if (d->painter)
        tro_paint_picture(d->painter, d->view, d->looked_ns, d->looked_wall_ns, map.data);
    if (d->opts.media->has_mark)
        tro_timemark_write(&d->form, map.data, (uint32_t)stamp.frame);
    gst_buffer_unmap(to, &map);
    stamp.is_blurred = false;
    tro_pipe_set_stamp(to, &stamp);
    return to;
}

static void burn_in(struct tro_display_path *d, GstBuffer *from, GstBuffer *painted)
{
    if (!tro_encoder_is_used(d->opts.burned))
        return;
    if (!tro_pipe_stamp(from).is_blurred) {
        tro_encoder_push(d->opts.burned, painted);
        return;
    }
    GstBuffer *const blurred = paint(d, from, true);
    if (!blurred)
        return;
    tro_encoder_push(d->opts.burned, blurred);
    gst_buffer_unref(blurred);
}

static void look(struct tro_display_path *d)
{
    struct timespec wall;
    if (!d->painter)
        return;
    clock_gettime(CLOCK_REALTIME, &wall);
    d->looked_wall_ns = (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
    d->looked_ns = tro_clock_ns();
    tro_board_look(d->opts.media->board, d->looked_ns, d->view);
}

static void show(struct tro_display_path *d, GstBuffer *from, uint64_t n_asked, bool is_new)
{
    const bool is_asked = n_asked > 0;
    if (d->n_sinks == 0 && !tro_encoder_is_used(d->opts.burned) && !is_asked)
        return;
    look(d);
    GstBuffer *const painted = paint(d, from, false);
    if (!painted)
        return;
    for (int i = 0; is_new && i < d->n_sinks; i++)
        tro_sink_push(d->sinks[i], painted);
    if (is_new)
        burn_in(d, from, painted);
    if (is_asked) {
        pthread_mutex_lock(&d->lock);
        gst_buffer_replace(&d->answer, painted);
        d->n_answered = n_asked;
        pthread_cond_broadcast(&d->answered);
        pthread_mutex_unlock(&d->lock);
    }
    gst_buffer_unref(painted);
}

/* The next one that waits, or the last one again (at_ns 0) for who asked; no picture: stop. */
static struct handed next_picture(struct tro_display_path *d, uint64_t *n_asked)
{
    struct handed next = {NULL, 0};
    pthread_mutex_lock(&d->lock);
    while (!d->is_stopping && d->n_waiting == 0 && !(d->n_asked > d->n_answered && d->last))
        pthread_cond_wait(&d->wake, &d->lock);
    *n_asked = d->n_asked > d->n_answered ? d->n_asked : 0;
    if (d->n_waiting > 0) {
        next = d->waiting[d->first];
        d->first = (d->first + 1) % N_WAITING;
        d->n_waiting--;
        d->n_displayed++;
        gst_buffer_replace(&d->last, next.picture);
    } else if (!d->is_stopping) {
        next.picture = gst_buffer_ref(d->last);
    }
    pthread_mutex_unlock(&d->lock);
    return next;
}

static void *run(void *ctx)
{
    struct tro_display_path *const d = ctx;
    tro_pipe_raise_thread("display");
    for (;;) {
        uint64_t n_asked;
        const struct handed next = next_picture(d, &n_asked);
        if (!next.picture)
            return NULL;
        show(d, next.picture, n_asked, next.at_ns != 0);
        if (next.at_ns != 0)
            d->opts.displayed(d->opts.ctx, tro_pipe_stamp(next.picture).frame, next.at_ns,
                              tro_clock_ns());
        gst_buffer_unref(next.picture);
    }
}

/* ---- life ------------------------------------------------------------------------------- */

static int make_painter(struct tro_display_path *d, struct tro_err *err)
{
    const struct tro_media_opts *const o = d->opts.media;
    if (!o->board)
        return 0;
    d->view = tro_board_view_create(o->board, err);
    if (!d->view)
        return TRO_E_NOMEM;
    d->painter = tro_paint_create(&d->form, o->names, d->view->n_networks,
                                  (enum tro_language)o->language, err);
    return d->painter ? 0 : TRO_E_NOMEM;
}

static int make_sinks(struct tro_display_path *d, struct tro_err *err)
{
    const struct tro_media_opts *const o = d->opts.media;
    for (int i = 0; i < o->n_displays; i++) {
        if (o->displays[i].kind == TRO_DISPLAY_NONE)
            continue;
        const struct tro_sink_opts sink = {.kind = o->displays[i].kind,
                                           .location = o->displays[i].location,
                                           .form = d->form,
                                           .fps = o->fps,
                                           .bitrate_kbps = o->bitrate_kbps,
                                           .t0_ns = d->opts.t0_ns,
                                           .burned = d->opts.burned};
        d->sinks[d->n_sinks] = tro_sink_create(&sink, err);
        if (!d->sinks[d->n_sinks])
            return tro_err_prefix(err, TRO_E_DEVICE, "display %d: ", i + 1);
        d->n_sinks++;
    }
    return 0;
}

struct tro_display_path *tro_display_create(const struct tro_display_opts *opts,
                                            struct tro_err *err)
{
    struct tro_display_path *const d = tro_calloc(1, sizeof(*d));
    if (!d) {
        tro_fail_nomem(err);
        return NULL;
    }
    d->opts = *opts;
    d->form = opts->media->form;
    d->form.format = TRO_FRAME_NV12;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&d->wake, NULL);
    pthread_mutex_init(&d->lock, NULL);
    d->scratch = tro_malloc(tro_nv12_blur_bytes(d->form.width, d->form.height));
    d->painted = tro_pipe_pool(tro_frame_n_bytes(&d->form), err);
    if (d->scratch && d->painted && make_painter(d, err) == 0 && make_sinks(d, err) == 0)
        return d;
    if (!d->scratch)
        tro_fail_nomem(err);
    tro_display_destroy(d);
    return NULL;
}

int tro_display_start(struct tro_display_path *d, struct tro_err *err)
{
    if (pthread_create(&d->thread, NULL, run, d) != 0)
        return tro_fail(err, TRO_E_NOMEM, "no thread for the display");
    d->is_started = true;
    return 0;
}

void tro_display_destroy(struct tro_display_path *d)
{
    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->is_stopping = true;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    if (d->is_started)
        pthread_join(d->thread, NULL);
    for (int i = 0; i < d->n_sinks; i++)
        tro_sink_destroy(d->sinks[i]);
    gst_buffer_replace(&d->last, NULL);
    gst_buffer_replace(&d->answer, NULL);
    for (int i = 0; i < d->n_waiting; i++)
        gst_buffer_unref(d->waiting[(d->first + i) % N_WAITING].picture);
    if (d->painted) {
        gst_buffer_pool_set_active(d->painted, FALSE);
        gst_object_unref(d->painted);
    }
    tro_paint_destroy(d->painter);
    if (d->view)
        tro_board_view_destroy(d->view);
    tro_free(d->scratch);
    pthread_cond_destroy(&d->answered);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    tro_free(d);
}

/* ---- for others ------------------------------------------------------------------------- */

void tro_display_count(struct tro_display_path *d, uint64_t *n_displayed, uint64_t *n_lost)
{
    pthread_mutex_lock(&d->lock);
    *n_displayed = d->n_displayed;
    *n_lost = d->n_lost;
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < d->n_sinks; i++)
        *n_lost += tro_sink_n_lost(d->sinks[i]);
}

/* The picture as the thread paints it now, or NULL. */
static GstBuffer *ask(struct tro_display_path *d)
{
    const int64_t until = tro_clock_ns() + SNAPSHOT_NS;
    const struct timespec at = {until / 1000000000, until % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&d->lock);
    const uint64_t mine = ++d->n_asked;
    pthread_cond_signal(&d->wake);
    while (rc == 0 && d->n_answered < mine)
        rc = pthread_cond_timedwait(&d->answered, &d->lock, &at);
    GstBuffer *const answer = rc == 0 ? gst_buffer_ref(d->answer) : NULL;
    pthread_mutex_unlock(&d->lock);
    return answer;
}

static int to_png(const struct tro_display_path *d, const uint8_t *nv12, struct tro_buf *out,
                  struct tro_err *err)
{
    uint8_t *const rgb = tro_malloc((size_t)d->form.width * (size_t)d->form.height * 3);
    if (!rgb)
        return tro_fail_nomem(err);
    tro_nv12_to_rgb(&d->form, nv12, rgb);
    const int rc = tro_picture_to_png(out, d->form.width, d->form.height, 3, rgb, err);
    tro_free(rgb);
    return rc;
}

int tro_display_snapshot(struct tro_display_path *d, uint8_t **png, size_t *n_bytes,
                         struct tro_err *err)
{
    GstBuffer *const picture = ask(d);
    if (!picture)
        return tro_fail(err, TRO_E_DEVICE, "no picture has come yet from the source");
    struct tro_buf out = {0};
    GstMapInfo map;
    int rc = TRO_E_NOMEM;
    if (gst_buffer_map(picture, &map, GST_MAP_READ)) {
        rc = to_png(d, map.data, &out, err);
        gst_buffer_unmap(picture, &map);
    } else {
        tro_fail_nomem(err);
    }
    gst_buffer_unref(picture);
    if (rc < 0) {
        tro_buf_finish(&out);
        return rc;
    }
    *png = out.p;
    *n_bytes = out.n;
    return 0;
}
