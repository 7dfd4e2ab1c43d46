/* SPDX-License-Identifier: Apache-2.0 */
/* Real pipelines without a window: capture to display, counters, snapshot. */
#include "console/media/media.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/thread.h"
#include "console/media/timemark.h"
#include "console_view_kit.h"
#include "io/picture.h"
#include "test.h"

#define SECOND INT64_C(1000000000)

struct seen {
    atomic_uint_fast64_t n, n_wrong, last_mark;
    atomic_int n_ended;
    atomic_uint_fast64_t n_displayed; /* that were told of, in order */
    atomic_bool has_ended;
};

static void on_frame(void *ctx, const struct tro_frame *f)
{
    struct seen *const s = ctx;
    uint32_t mark = 0;
    const bool has_mark = tro_timemark_read(f->bytes, f->form.width, f->form.width, f->form.height,
                                            &mark);
    if (!has_mark || mark != (uint32_t)f->id || f->id != atomic_load(&s->n) + 1)
        atomic_fetch_add(&s->n_wrong, 1);
    atomic_store(&s->last_mark, mark);
    atomic_fetch_add(&s->n, 1);
}

static void on_displayed(void *ctx, uint64_t frame, int64_t handed_ns, int64_t done_ns)
{
    struct seen *const s = ctx;
    if (done_ns < handed_ns || frame != atomic_load(&s->n_displayed) + 1)
        atomic_fetch_add(&s->n_wrong, 1);
    atomic_fetch_add(&s->n_displayed, 1);
}

static void on_ended(void *ctx, const struct tro_err *err, bool is_final)
{
    (void)err;
    struct seen *const s = ctx;
    atomic_fetch_add(&s->n_ended, 1);
    if (is_final)
        atomic_store(&s->has_ended, true);
}

static bool wait_for(const atomic_bool *flag, int64_t limit_ns)
{
    const int64_t until = tro_clock_ns() + limit_ns;
    while (!atomic_load(flag) && tro_clock_ns() < until)
        usleep(2000);
    return atomic_load(flag);
}

static struct tro_media_opts options(const char *location, struct seen *s)
{
    return (struct tro_media_opts){.source = TRO_SOURCE_GST,
                                   .location = location,
                                   .form = {TRO_FRAME_NV12, 640, 360, false, false},
                                   .fps = 30,
                                   .has_mark = true,
                                   .bitrate_kbps = 2500,
                                   .frame = on_frame,
                                   .displayed = on_displayed,
                                   .ended = on_ended,
                                   .ctx = s};
}

static struct tro_media *create(const struct tro_media_opts *o)
{
    struct tro_err err = {0};
    struct tro_media *const m = tro_media_create(o, &err);
    if (!m && err.status == TRO_E_DEVICE)
        test_skip(err.text);
    else if (m)
        CHECK_INT(tro_media_start(m, &err), 0);
    else
        CHECK_STR(err.text, "");
    return m;
}

struct picture {
    struct tro_arena arena;
    struct tro_picture p; /* grey */
};

static bool snapshot(struct tro_media *m, struct picture *out)
{
    uint8_t *png = NULL;
    size_t n_bytes = 0;
    struct tro_err err = {0};
    memset(out, 0, sizeof(*out));
    CHECK_INT(tro_media_snapshot(m, &png, &n_bytes, &err), 0);
    CHECK_STR(err.text, "");
    const bool is_read = png &&
                         CHECK_INT(tro_picture_decode(&out->arena, png, n_bytes, 1, &out->p, &err),
                                   0);
    tro_free(png);
    return is_read;
}

/* All that were captured are displayed, a moment later. */
static struct tro_media_counters settled(struct tro_media *m)
{
    struct tro_media_counters n;
    for (int i = 0; i < 300; i++) {
        tro_media_count(m, &n);
        if (n.displayed + n.display_lost == n.captured)
            break;
        usleep(10000);
    }
    return n;
}

TEST(frames_reach_callback_and_display)
{
    struct seen s = {0};
    const struct tro_media_opts o = options("videotestsrc num-buffers=30", &s);
    struct tro_media *const m = create(&o);
    if (!m)
        return;
    CHECK(wait_for(&s.has_ended, 10 * SECOND));
    const struct tro_media_counters n = settled(m);
    CHECK(n.captured > 10 && n.captured <= 30); /* what comes while the machine is busy may go */
    CHECK_INT(atomic_load(&s.n), n.captured);
    CHECK_INT(atomic_load(&s.n_wrong), 0);
    CHECK_INT(n.displayed, n.captured);
    usleep(50000);
    CHECK_INT(atomic_load(&s.n_displayed), n.displayed);
    CHECK_INT(n.display_lost, 0);
    CHECK_INT(n.encoded, 0); /* nobody watches */
    struct picture shot;
    if (snapshot(m, &shot)) {
        uint32_t mark = 0;
        CHECK_INT(shot.p.width, 640);
        CHECK_INT(shot.p.height, 360);
        CHECK(tro_timemark_read(shot.p.data, 640, 640, 360, &mark));
        CHECK_INT(mark, n.captured);
    }
    tro_arena_finish(&shot.arena);
    tro_media_destroy(m);
}

TEST(other_forms_of_the_ring)
{
    static const enum tro_frame_format formats[] = {TRO_FRAME_YUYV, TRO_FRAME_RGB8};
    for (int i = 0; i < 2; i++) {
        struct seen s = {0};
        struct tro_media_opts o = options("videotestsrc num-buffers=5 pattern=white", &s);
        o.form = (struct tro_frame_form){formats[i], 322, 180, i == 0, i == 1};
        struct tro_media *const m = create(&o);
        if (!m)
            return;
        CHECK(wait_for(&s.has_ended, 10 * SECOND));
        const struct tro_media_counters n = settled(m);
        CHECK(n.captured > 0);
        CHECK_INT(n.displayed, n.captured);
        struct picture shot;
        if (snapshot(m, &shot)) {
            uint32_t mark = 0;
            CHECK_INT(shot.p.data[100 * 322 + 200], 255);
            CHECK(tro_timemark_read(shot.p.data, 322, 322, 180, &mark));
            CHECK_INT(mark, n.captured);
        }
        tro_arena_finish(&shot.arena);
        tro_media_destroy(m);
    }
}

/* What the board knows is on the display, and not in the frames. */
TEST(display_shows_the_board)
{
    struct tro_err err = {0};
    struct seen s = {0};
    struct tro_finding_names names[3];
    kit_view_names(names);
    const struct tro_board_opts board = {.n_networks = 3, .max_age_ms = 1e6f, .fade_ms = 10};
    struct tro_board *const b = tro_board_create(&board, &err);
    struct tro_board_view *const view = kit_view(640, 360);
    struct tro_media_opts o = options("videotestsrc num-buffers=3 pattern=black", &s);
    o.board = b;
    o.names = names;
    struct tro_media *const m = b ? create(&o) : NULL;
    if (m) {
        for (int i = 0; i < 3; i++) {
            view->findings[i].captured_ns = tro_clock_ns();
            CHECK(tro_board_put_findings(b, &view->findings[i]));
        }
        CHECK(wait_for(&s.has_ended, 10 * SECOND));
        CHECK(settled(m).displayed > 0);
        struct picture shot;
        if (snapshot(m, &shot)) {
            CHECK(shot.p.data[180 * 640 + 320] > 20);  /* the gallbladder's tint */
            CHECK(shot.p.data[150 * 640 + 380] > 100); /* the box */
            CHECK_INT(shot.p.data[340 * 640 + 20], 0);
        }
        tro_arena_finish(&shot.arena);
        CHECK_INT(atomic_load(&s.n_wrong), 0);
    }
    tro_media_destroy(m);
    kit_view_end(view);
    tro_board_destroy(b);
}

/* Of a folder's pictures none is lost, at four times the usual rate. */
TEST(files_lose_no_frame)
{
    char folder[] = "/tmp/console_mediaXXXXXX", path[64];
    uint8_t *const grey = calloc(64 * 48, 1);
    struct tro_err err = {0};
    if (!CHECK(mkdtemp(folder) != NULL))
        return;
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%d.pgm", folder, i);
        CHECK_INT(tro_picture_write(path, 64, 48, 1, grey, &err), 0);
    }
    struct seen s = {0};
    struct tro_media_opts o = options(folder, &s);
    o.source = TRO_SOURCE_FRAMES;
    o.fps = 120;
    o.loops = true;
    struct tro_media *const m = create(&o);
    if (m) {
        for (int i = 0; i < 1000 && atomic_load(&s.n) < 240; i++)
            usleep(10000);
        tro_media_stop(m);
        const struct tro_media_counters n = settled(m);
        CHECK(n.captured >= 240);
        CHECK_INT(n.displayed, n.captured);
        CHECK_INT(n.display_lost, 0);
        CHECK_INT(atomic_load(&s.n_wrong), 0);
        tro_media_destroy(m);
    }
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%d.pgm", folder, i);
        unlink(path);
    }
    rmdir(folder);
    free(grey);
}

TEST(bad_sources_say_why)
{
    struct seen s = {0};
    struct tro_err err = {0};
    struct tro_media_opts o = options("/nowhere", &s);
    o.source = TRO_SOURCE_FRAMES;
    CHECK(tro_media_create(&o, &err) == NULL);
    if (err.status == TRO_E_DEVICE)
        SKIP(err.text);
    CHECK_HAS(err.text, "/nowhere");
    o = options("videotestsrc", &s);
    o.form.width = 641;
    CHECK(tro_media_create(&o, &err) == NULL);
    CHECK_HAS(err.text, "width and height must be even");
}

/* A file that was written is a source like others, and holds each frame. */
TEST(a_file_is_written_and_read)
{
    char path[] = "/tmp/console_mediaXXXXXX.mkv";
    const int fd = mkstemps(path, 4);
    struct seen s = {0};
    struct tro_media_opts o = options("videotestsrc num-buffers=20 pattern=ball", &s);
    if (!CHECK(fd >= 0))
        return;
    close(fd);
    o.n_displays = 1;
    o.displays[0].kind = TRO_DISPLAY_FILE;
    o.displays[0].location = path;
    struct tro_media *m = create(&o);
    if (m) {
        CHECK(wait_for(&s.has_ended, 10 * SECOND));
        const struct tro_media_counters n = settled(m);
        CHECK(n.captured > 5);
        tro_media_destroy(m);
        struct seen again = {0};
        o = options(path, &again);
        o.source = TRO_SOURCE_FILE;
        o.has_mark = false;
        m = create(&o);
        CHECK(wait_for(&again.has_ended, 20 * SECOND));
        CHECK_INT(atomic_load(&again.n), n.captured);
        CHECK_INT(atomic_load(&again.last_mark), n.captured);
        tro_media_destroy(m);
    }
    unlink(path);
}

/* The burned-in stream by RTSP, read by another console: pictures with the first one's marks. */
TEST(rtsp_is_served_and_read)
{
    char url[64];
    struct seen s = {0}, other = {0};
    struct tro_media_opts o = options("videotestsrc is-live=true pattern=ball", &s);
    snprintf(url, sizeof(url), "rtsp://127.0.0.1:%d/console", 20000 + (int)getpid() % 20000);
    o.n_displays = 1;
    o.displays[0].kind = TRO_DISPLAY_RTSP;
    o.displays[0].location = url;
    struct tro_media *const m = create(&o);
    if (!m)
        return;
    tro_media_blur(m, false);
    struct tro_media_counters n;
    usleep(300000);
    tro_media_count(m, &n);
    CHECK_INT(n.encoded, 0); /* nobody plays */
    o = options(url, &other);
    o.source = TRO_SOURCE_RTSP;
    o.has_mark = false;
    struct tro_media *const reader = create(&o);
    for (int i = 0; i < 1500 && atomic_load(&other.n) < 15; i++)
        usleep(10000);
    CHECK(atomic_load(&other.n) >= 15);
    CHECK(atomic_load(&other.last_mark) > 0);
    tro_media_destroy(reader);
    tro_media_count(m, &n);
    CHECK(n.encoded >= 15);
    CHECK_INT(n.display_lost, 0);
    tro_media_destroy(m);
}

/* What is not there now may be there in a second. */
TEST(sources_are_tried_again)
{
    struct seen s = {0};
    struct tro_media_opts o = options("rtsp://127.0.0.1:1/none", &s);
    o.source = TRO_SOURCE_RTSP;
    struct tro_media *const m = create(&o);
    if (!m)
        return;
    for (int i = 0; i < 1000 && atomic_load(&s.n_ended) < 2; i++)
        usleep(10000);
    CHECK(atomic_load(&s.n_ended) >= 2);
    CHECK(!atomic_load(&s.has_ended));
    tro_media_destroy(m);
}

TEST(displays_that_cannot_be_say_why)
{
    static const struct {
        enum tro_display kind;
        const char *location, *reason;
    } cases[] = {
        {TRO_DISPLAY_FILE, "/nowhere/out.mkv", "display 1: "},
        {TRO_DISPLAY_RTSP, "http://127.0.0.1/x", "is not rtsp://HOST:PORT/NAME"},
        {TRO_DISPLAY_RTSP, "rtsp://127.0.0.1:8554", "is not rtsp://HOST:PORT/NAME"},
        {TRO_DISPLAY_RTSP, "rtsp://192.0.2.77:1/x", "cannot be listened at"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct seen s = {0};
        struct tro_err err = {0};
        struct tro_media_opts o = options("videotestsrc", &s);
        o.n_displays = 1;
        o.displays[0].kind = cases[i].kind;
        o.displays[0].location = cases[i].location;
        CHECK(tro_media_create(&o, &err) == NULL);
        if (strstr(err.text, "needs GStreamer"))
            SKIP(err.text);
        CHECK_HAS(err.text, cases[i].reason);
    }
}

TEST(no_window_without_a_screen)
{
    struct seen s = {0};
    struct tro_err err = {0};
    struct tro_media_opts o = options("videotestsrc", &s);
    if (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"))
        SKIP("there is a screen");
    o.n_displays = 1;
    o.displays[0].kind = TRO_DISPLAY_WINDOW;
    CHECK(tro_media_create(&o, &err) == NULL);
    if (strstr(err.text, "needs GStreamer"))
        SKIP(err.text);
    CHECK_HAS(err.text, "display 1: there is no window to show video in");
}
