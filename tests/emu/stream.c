/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams hold what they are given until somebody waits for it, so that who forgets to wait sees
 * old values. Memory of the host that is not pinned is read at once, and waited for when it is
 * written, as the real driver does.
 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct tro_cu_stream_s {
    struct tro_cu_stream_s *next;
    bool is_blocking; /* in order with the default stream */
    struct emu_work *first, **last;
};

struct tro_cu_event_s {
    tro_cu_stream stream; /* of the last record */
    uint64_t n_recorded, n_reached;
    bool is_asked; /* since it was recorded */
    double ms;
};

static struct tro_cu_stream_s default_stream = {.is_blocking = true};
static tro_cu_stream streams = &default_stream;

/* ---- work --------------------------------------------------------------------------------- */

static void finish_work(struct emu_work *w)
{
    emu_launch_finish(&w->launch);
    free(w->owned);
}

static void reach_event(tro_cu_event e, uint64_t number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    e->n_reached = number;
    e->ms = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int run_work(const struct emu_work *w)
{
    switch (w->kind) {
    case EMU_COPY:
        memmove(w->to, w->from, w->n_bytes);
        return OK;
    case EMU_FILL:
        memset(w->to, w->value, w->n_bytes);
        return OK;
    case EMU_LAUNCH:
        return emu_launch_run(&w->launch);
    case EMU_GRAPH:
        return emu_graph_run(w->exec);
    case EMU_EVENT:
        reach_event(w->event, w->number);
        return OK;
    }
    return UNKNOWN;
}

/* What stands behind a failure is dropped, but for its events, which nobody shall wait for. */
static void run_first(tro_cu_stream s)
{
    struct emu_work *const w = s->first;
    s->first = w->next;
    if (!s->first)
        s->last = &s->first;
    if (!emu_failure || w->kind == EMU_EVENT)
        run_work(w);
    finish_work(w);
    free(w);
}

int emu_stream_drain(tro_cu_stream s)
{
    while (s->first)
        run_first(s);
    return emu_failure;
}

int emu_drain(void)
{
    for (tro_cu_stream s = streams; s; s = s->next)
        emu_stream_drain(s);
    return emu_failure;
}

int emu_drain_blocking(void)
{
    for (tro_cu_stream s = streams; s; s = s->next)
        if (s->is_blocking)
            emu_stream_drain(s);
    return emu_failure;
}

static bool is_stream(const struct tro_cu_stream_s *stream)
{
    const struct tro_cu_stream_s *s = streams;
    while (s && s != stream)
        s = s->next;
    return s;
}

int emu_stream_add(tro_cu_stream stream, const struct emu_work *w)
{
    const tro_cu_stream s = stream ? stream : &default_stream;
    struct emu_work *const copy = is_stream(s) ? malloc(sizeof *copy) : NULL;
    if (!copy) {
        struct emu_work dropped = *w;
        finish_work(&dropped);
        return is_stream(s) ? OUT_OF_MEMORY : INVALID_HANDLE;
    }
    *copy = *w;
    copy->next = NULL;
    if (s == &default_stream)
        emu_drain_blocking();
    else if (s->is_blocking)
        emu_stream_drain(&default_stream);
    if (!s->first)
        s->last = &s->first;
    *s->last = copy;
    s->last = &copy->next;
    return emu_setting("TRO_EMU_SYNC", 0) ? emu_stream_drain(s) : OK;
}

/* ---- streams ------------------------------------------------------------------------------ */

int cuStreamCreateWithPriority(tro_cu_stream *stream, unsigned flags, int priority)
{
    (void)priority;
    ENTER(true);
    struct tro_cu_stream_s *const s = calloc(1, sizeof *s);
    if (!s)
        return emu_leave(OUT_OF_MEMORY);
    s->is_blocking = !(flags & TRO_CU_STREAM_NON_BLOCKING);
    s->next = default_stream.next;
    default_stream.next = s;
    *stream = s;
    return emu_leave(OK);
}

int cuStreamDestroy_v2(tro_cu_stream stream)
{
    emu_enter_release();
    for (tro_cu_stream *at = &default_stream.next; *at; at = &(*at)->next)
        if (*at == stream) {
            emu_stream_drain(stream);
            *at = stream->next;
            free(stream);
            return emu_leave(emu_failure);
        }
    return emu_leave(INVALID_HANDLE);
}

int cuStreamSynchronize(tro_cu_stream stream)
{
    ENTER(true);
    if (!stream)
        return emu_leave(emu_drain_blocking());
    return emu_leave(is_stream(stream) ? emu_stream_drain(stream) : INVALID_HANDLE);
}

/* Captures nothing: libraries of NVIDIA do not run here. */
int cuStreamBeginCapture_v2(tro_cu_stream stream, int mode)
{
    (void)mode;
    ENTER(true);
    return emu_leave(is_stream(stream) ? OK : INVALID_HANDLE);
}

int cuStreamEndCapture(tro_cu_stream stream, tro_cu_graph *graph)
{
    (void)stream;
    return cuGraphCreate(graph, 0);
}

/* ---- events ------------------------------------------------------------------------------- */

static bool is_pending(const struct tro_cu_event_s *e)
{
    return e->n_reached != e->n_recorded;
}

static int wait_event(const struct tro_cu_event_s *e)
{
    while (is_pending(e) && e->stream->first)
        run_first(e->stream);
    return emu_failure;
}

int cuEventCreate(tro_cu_event *event, unsigned flags)
{
    (void)flags;
    ENTER(true);
    *event = calloc(1, sizeof **event);
    return emu_leave(*event ? OK : OUT_OF_MEMORY);
}

int cuEventDestroy_v2(tro_cu_event event)
{
    emu_enter_release();
    if (is_pending(event))
        wait_event(event);
    free(event);
    return emu_leave(emu_failure);
}

int cuEventRecord(tro_cu_event event, tro_cu_stream stream)
{
    ENTER(true);
    if (is_pending(event))
        wait_event(event);
    event->stream = stream ? stream : &default_stream;
    event->is_asked = false;
    event->n_recorded++;
    return emu_leave(emu_stream_add(
        stream,
        &(struct emu_work){.kind = EMU_EVENT, .event = event, .number = event->n_recorded}));
}

/* "Not yet" once, so that who polls does. */
int cuEventQuery(tro_cu_event event)
{
    ENTER(true);
    if (!is_pending(event))
        return emu_leave(OK);
    if (event->is_asked)
        return emu_leave(wait_event(event));
    event->is_asked = true;
    return emu_leave(NOT_READY);
}

int cuEventElapsedTime_v2(float *ms, tro_cu_event begin, tro_cu_event end)
{
    ENTER(true);
    if (!begin->n_recorded || !end->n_recorded)
        return emu_leave(INVALID_HANDLE);
    if (is_pending(begin) || is_pending(end))
        return emu_leave(NOT_READY);
    *ms = (float)(end->ms - begin->ms);
    return emu_leave(OK);
}

/* ---- copies ------------------------------------------------------------------------------- */

/* from: memory that the caller may change at once. */
static int add_copy_of(tro_cu_stream stream, void *to, const void *from, size_t n_bytes)
{
    void *const copy = malloc(n_bytes + 1);
    if (!copy)
        return OUT_OF_MEMORY;
    memcpy(copy, from, n_bytes);
    return emu_stream_add(
        stream, &(struct emu_work){
                    .kind = EMU_COPY, .to = to, .from = copy, .n_bytes = n_bytes, .owned = copy});
}

static int add_copy(tro_cu_stream stream, void *to, const void *from, size_t n_bytes)
{
    return emu_stream_add(
        stream, &(struct emu_work){.kind = EMU_COPY, .to = to, .from = from, .n_bytes = n_bytes});
}

int cuMemcpyHtoD_v2(tro_cu_ptr to, const void *from, size_t n_bytes)
{
    ENTER(true);
    if (!emu_check_device((uintptr_t)to, n_bytes, "copy to the device"))
        return emu_leave(INVALID_VALUE);
    const int rc = emu_drain_blocking();
    if (!rc)
        memcpy((void *)(uintptr_t)to, from, n_bytes);
    return emu_leave(rc);
}

int cuMemcpyDtoH_v2(void *to, tro_cu_ptr from, size_t n_bytes)
{
    ENTER(true);
    if (!emu_check_device((uintptr_t)from, n_bytes, "copy from the device"))
        return emu_leave(INVALID_VALUE);
    const int rc = emu_drain_blocking();
    if (!rc)
        memcpy(to, (const void *)(uintptr_t)from, n_bytes);
    return emu_leave(rc);
}

int cuMemcpyHtoDAsync_v2(tro_cu_ptr to, const void *from, size_t n_bytes, tro_cu_stream stream)
{
    ENTER(true);
    void *const at = (void *)(uintptr_t)to;
    if (!emu_check_device((uintptr_t)to, n_bytes, "copy to the device"))
        return emu_leave(INVALID_VALUE);
    return emu_leave(emu_is_pinned((uintptr_t)from, n_bytes)
                         ? add_copy(stream, at, from, n_bytes)
                         : add_copy_of(stream, at, from, n_bytes));
}

int cuMemcpyDtoHAsync_v2(void *to, tro_cu_ptr from, size_t n_bytes, tro_cu_stream stream)
{
    ENTER(true);
    if (!emu_check_device((uintptr_t)from, n_bytes, "copy from the device"))
        return emu_leave(INVALID_VALUE);
    const int rc = add_copy(stream, to, (const void *)(uintptr_t)from, n_bytes);
    if (rc || emu_is_pinned((uintptr_t)to, n_bytes))
        return emu_leave(rc);
    return emu_leave(emu_stream_drain(stream ? stream : &default_stream));
}

int cuMemcpyDtoDAsync_v2(tro_cu_ptr to, tro_cu_ptr from, size_t n_bytes, tro_cu_stream stream)
{
    ENTER(true);
    if (!emu_check_device((uintptr_t)from, n_bytes, "copy on the device") ||
        !emu_check_device((uintptr_t)to, n_bytes, "copy on the device"))
        return emu_leave(INVALID_VALUE);
    return emu_leave(
        add_copy(stream, (void *)(uintptr_t)to, (const void *)(uintptr_t)from, n_bytes));
}

int cuMemsetD8Async(tro_cu_ptr to, unsigned char value, size_t n_bytes, tro_cu_stream stream)
{
    ENTER(true);
    if (!emu_check_device((uintptr_t)to, n_bytes, "fill"))
        return emu_leave(INVALID_VALUE);
    return emu_leave(emu_stream_add(stream, &(struct emu_work){.kind = EMU_FILL,
                                                               .to = (void *)(uintptr_t)to,
                                                               .n_bytes = n_bytes,
                                                               .value = value}));
}
