/* SPDX-License-Identifier: Apache-2.0 */
/* Marks go with the tissue under them: a thread of its own looks at frames for that, as one more
 * reader of the ring. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/core/instrument.h"
#include "console/core/marks.h"
#include "console/daemon/console_state.h"
#include "console/media/nv12.h"

#define WAIT_NS INT64_C(100000000)
#define TELL_EVERY 3 /* frames: pages are told where marks are now */

struct tro_follow {
    struct tro_console *console;
    struct tro_ring *ring;
    struct tro_marks *marks;
    uint8_t *picture;                           /* of frames that are not nv12 */
    struct tro_findings findings;               /* what is looked at, outside of the lock */
    uint64_t looked_at[TRO_BOARD_MAX_NETWORKS]; /* frame of the last findings of each */
    pthread_t thread;
    bool has_thread;
    atomic_bool is_ending;
};

struct tro_marks *tro_follow_marks(struct tro_follow *f)
{
    return f->marks;
}

/* Those that are there, to one viewer or to all. */
void tro_follow_tell(struct tro_follow *f, const char *id)
{
    const struct tro_frame_form *const form = &f->console->config->source.form;
    struct tro_mark *const list = tro_calloc(TRO_MARKS_MAX, sizeof *list);
    uint64_t frame = 0;
    const int n = list ? tro_marks_list(f->marks, list, &frame) : 0;
    for (int i = 0; i < n; i++) {
        struct tro_json j = {.is_line = true};
        tro_json_object_begin(&j, NULL);
        tro_json_string(&j, "t", "mark");
        tro_mark_json(&list[i], form->width, form->height, frame, &j);
        tro_json_object_end(&j);
        tro_console_send(f->console, id, TRO_CHANNEL_CONTROL, &j);
    }
    tro_free(list);
}

static const uint8_t *luma_of(struct tro_follow *f, const struct tro_frame *frame)
{
    if (frame->form.format == TRO_FRAME_NV12)
        return frame->bytes;
    tro_nv12_from(&frame->form, frame->bytes, f->picture);
    return f->picture;
}

/* A copy of a network's newest findings, if there are any that were not looked at yet. */
static bool take_findings(struct tro_follow *f, int network)
{
    struct tro_console *const c = f->console;
    pthread_mutex_lock(&c->see);
    const struct tro_findings *const newest = &c->seen[network];
    const bool is_new = newest->frame > f->looked_at[network];
    if (is_new)
        tro_findings_copy(&f->findings, newest);
    pthread_mutex_unlock(&c->see);
    if (is_new)
        f->looked_at[network] = f->findings.frame;
    return is_new;
}

/* What networks say of instruments, for the frames from theirs on. */
static void look_for_instruments(struct tro_follow *f)
{
    const struct tro_console *const c = f->console;
    if (!atomic_load(&c->is_seeing))
        return;
    for (int i = 0; i < c->config->n_networks; i++) {
        const struct tro_finding_names *const names = &c->names[i];
        const bool knows_any = tro_instruments_in_map(names) || tro_instruments_in_boxes(names);
        if (!c->config->networks[i].is_trial && knows_any && take_findings(f, i))
            tro_marks_see(f->marks, &f->findings, names);
    }
}

static void *follow(void *ctx)
{
    struct tro_follow *const f = ctx;
    uint64_t last = 0;
    pthread_setname_np(pthread_self(), "marks");
    while (!atomic_load(&f->is_ending)) {
        struct tro_frame frame;
        if (!tro_ring_take(f->ring, last, WAIT_NS, &frame))
            continue;
        last = frame.id;
        look_for_instruments(f);
        tro_marks_frame(f->marks, frame.id, luma_of(f, &frame), frame.form.width);
        tro_ring_release(f->ring, &frame);
        if (last % TELL_EVERY == 0)
            tro_follow_tell(f, NULL);
    }
    return NULL;
}

static int open_parts(struct tro_follow *f, struct tro_err *err)
{
    struct tro_console *const c = f->console;
    const struct tro_frame_form *const form = &c->config->source.form;
    struct tro_frame_form nv12 = *form;
    nv12.format = TRO_FRAME_NV12;
    f->picture = tro_malloc(tro_frame_n_bytes(&nv12));
    if (!f->picture)
        return tro_fail_nomem(err);
    TRO_TRY(tro_findings_init(&f->findings, err));
    f->marks = tro_marks_create(form->width, form->height, (float)c->config->source.fps, c->board,
                                err);
    f->ring = f->marks
                  ? tro_ring_open(tro_ring_control_fd(c->setup.ring),
                                  tro_ring_pixels_fd(c->setup.ring), c->setup.first_reader, err)
                  : NULL;
    if (!f->ring)
        return err->status;
    if (pthread_create(&f->thread, NULL, follow, f) != 0)
        return tro_fail(err, TRO_E_NOMEM, "no thread for marks: %s", strerror(errno));
    f->has_thread = true;
    return 0;
}

int tro_follow_open(struct tro_console *c, struct tro_err *err)
{
    c->follow = tro_calloc(1, sizeof *c->follow);
    if (!c->follow)
        return tro_fail_nomem(err);
    c->follow->console = c;
    return open_parts(c->follow, err);
}

void tro_follow_close(struct tro_console *c)
{
    struct tro_follow *const f = c->follow;
    if (!f)
        return;
    atomic_store(&f->is_ending, true);
    if (f->has_thread)
        pthread_join(f->thread, NULL);
    tro_ring_destroy(f->ring);
    tro_marks_destroy(f->marks);
    tro_findings_finish(&f->findings);
    tro_free(f->picture);
    tro_free(f);
    c->follow = NULL;
}
