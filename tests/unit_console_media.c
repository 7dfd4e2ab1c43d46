/* SPDX-License-Identifier: Apache-2.0 */
/* Real pipelines without a window: capture to display, counters, snapshot. */
#include "console/media/media.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/thread.h"
#include "console/media/timemark.h"
#include "io/picture.h"
#include "test.h"

#define SECOND INT64_C(1000000000)

struct seen {
    atomic_uint_fast64_t n, n_wrong, last_mark;
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

static void on_ended(void *ctx, const struct tro_err *err, bool is_final)
{
    (void)err;
    struct seen *const s = ctx;
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

TEST(frames_reach_callback_and_display)
{
    struct seen s = {0};
    const struct tro_media_opts o = options("videotestsrc num-buffers=30", &s);
    struct tro_media *const m = create(&o);
    if (!m)
        return;
    CHECK(wait_for(&s.has_ended, 10 * SECOND));
    struct tro_media_counters n;
    for (int i = 0; i < 100; i++) {
        tro_media_count(m, &n);
        if (n.displayed == n.captured)
            break;
        usleep(10000);
    }
    CHECK_INT(atomic_load(&s.n), 30);
    CHECK_INT(atomic_load(&s.n_wrong), 0);
    CHECK_INT(n.captured, 30);
    CHECK_INT(n.displayed, 30);
    CHECK_INT(n.display_lost, 0);
    CHECK_INT(n.encoded, 0); /* nobody watches */
    uint8_t *png = NULL;
    size_t n_bytes = 0;
    struct tro_err err = {0};
    CHECK_INT(tro_media_snapshot(m, &png, &n_bytes, &err), 0);
    CHECK_STR(err.text, "");
    struct tro_arena arena = {0};
    struct tro_picture picture = {0};
    uint32_t mark = 0;
    CHECK_INT(tro_picture_decode(&arena, png, n_bytes, 1, &picture, &err), 0);
    CHECK_INT(picture.width, 640);
    CHECK_INT(picture.height, 360);
    CHECK(picture.data && tro_timemark_read(picture.data, 640, 640, 360, &mark));
    CHECK_INT(mark, 30);
    tro_arena_finish(&arena);
    tro_free(png);
    tro_media_destroy(m);
}
