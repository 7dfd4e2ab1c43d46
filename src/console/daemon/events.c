/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/events.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/thread.h"

#define QUIET_NS 10000000000

struct text {
    int n_refs;
    size_t n;
    char bytes[];
};

struct tro_events {
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool is_stopping;
    int n_listeners;
    uint64_t newest; /* id; 0: none yet */
    struct text *kept[TRO_EVENTS_KEPT];
};

struct tro_listener {
    struct tro_events *events;
    uint64_t next;        /* id */
    struct text *current; /* partly sent; NULL: none */
    size_t n_sent;
    int64_t sent_ns; /* when something was sent last */
};

static const char hello[] = "retry: 2000\n\n";
static const char quiet[] = ": quiet\n\n";

struct tro_events *tro_events_create(struct tro_err *err)
{
    struct tro_events *const e = tro_calloc(1, sizeof(*e));
    if (!e) {
        tro_fail_nomem(err);
        return NULL;
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->more, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&e->lock, NULL);
    return e;
}

static void unref(struct text *t)
{
    if (t && --t->n_refs == 0)
        tro_free(t);
}

void tro_events_destroy(struct tro_events *e)
{
    if (!e)
        return;
    for (int i = 0; i < TRO_EVENTS_KEPT; i++)
        unref(e->kept[i]);
    pthread_cond_destroy(&e->more);
    pthread_mutex_destroy(&e->lock);
    tro_free(e);
}

void tro_events_stop(struct tro_events *e)
{
    pthread_mutex_lock(&e->lock);
    e->is_stopping = true;
    pthread_cond_broadcast(&e->more);
    pthread_mutex_unlock(&e->lock);
}

static struct text *text_create(const void *bytes, size_t n)
{
    struct text *const t = tro_malloc(sizeof(*t) + n);
    if (!t)
        return NULL;
    t->n_refs = 1;
    t->n = n;
    memcpy(t->bytes, bytes, n);
    return t;
}

/* A line of JSON has no newline inside; the one the writer ends with is left out. */
static size_t line_length(const char *json, size_t n)
{
    while (n > 0 && json[n - 1] == '\n')
        n--;
    return memchr(json, '\n', n) ? 0 : n;
}

void tro_events_put(struct tro_events *e, const char *name, const char *json, size_t n)
{
    const size_t n_line = n <= TRO_EVENT_MAX_BYTES ? line_length(json, n) : 0;
    if (n_line == 0)
        return;
    pthread_mutex_lock(&e->lock);
    struct tro_buf line = {0};
    tro_buf_printf(&line, "id: %llu\nevent: %s\ndata: ", (unsigned long long)e->newest + 1, name);
    tro_buf_put(&line, json, n_line);
    tro_buf_str(&line, "\n\n");
    struct text *const t = line.failed ? NULL : text_create(line.p, line.n);
    tro_buf_finish(&line);
    if (t) {
        struct text **const place = &e->kept[++e->newest % TRO_EVENTS_KEPT];
        unref(*place);
        *place = t;
        pthread_cond_broadcast(&e->more);
    }
    pthread_mutex_unlock(&e->lock);
}

int tro_events_n_listeners(struct tro_events *e)
{
    pthread_mutex_lock(&e->lock);
    const int n = e->n_listeners;
    pthread_mutex_unlock(&e->lock);
    return n;
}

static bool is_kept(const struct tro_events *e, uint64_t id)
{
    return id >= 1 && id <= e->newest && e->newest - id < TRO_EVENTS_KEPT;
}

struct tro_listener *tro_listener_create(struct tro_events *e, int max_listeners, uint64_t last_id)
{
    struct tro_listener *const l = tro_calloc(1, sizeof(*l));
    struct text *const first = text_create(hello, sizeof(hello) - 1);
    pthread_mutex_lock(&e->lock);
    const bool has_room = l && first && e->n_listeners < max_listeners;
    if (has_room) {
        e->n_listeners++;
        l->events = e;
        l->next = last_id && is_kept(e, last_id + 1) ? last_id + 1 : e->newest + 1;
        l->current = first;
        l->sent_ns = tro_clock_ns();
    }
    pthread_mutex_unlock(&e->lock);
    if (has_room)
        return l;
    tro_free(first);
    tro_free(l);
    return NULL;
}

void tro_listener_destroy(struct tro_listener *l)
{
    struct tro_events *const e = l->events;
    pthread_mutex_lock(&e->lock);
    e->n_listeners--;
    unref(l->current);
    pthread_mutex_unlock(&e->lock);
    tro_free(l);
}

static void wait_a_second(struct tro_events *e)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec++;
    pthread_cond_timedwait(&e->more, &e->lock, &until);
}

/* The text to go on with; NULL: none. */
static struct text *take_next(struct tro_listener *l)
{
    struct tro_events *const e = l->events;
    if (l->current)
        return l->current;
    if (l->next > e->newest)
        wait_a_second(e);
    if (is_kept(e, l->next)) {
        l->current = e->kept[l->next % TRO_EVENTS_KEPT];
        l->current->n_refs++;
        l->next++;
    } else if (tro_clock_ns() - l->sent_ns > QUIET_NS) {
        l->current = text_create(quiet, sizeof(quiet) - 1);
    }
    l->n_sent = 0;
    return l->current;
}

ssize_t tro_listener_read(struct tro_listener *l, char *out, size_t n_out, bool *is_slow)
{
    struct tro_events *const e = l->events;
    pthread_mutex_lock(&e->lock);
    struct text *const t = e->is_stopping ? NULL : take_next(l);
    *is_slow = l->next <= e->newest && !is_kept(e, l->next);
    if (e->is_stopping || *is_slow || !t) {
        const bool is_over = e->is_stopping || *is_slow;
        pthread_mutex_unlock(&e->lock);
        return is_over ? -1 : 0;
    }
    const size_t left = t->n - l->n_sent, n = left < n_out ? left : n_out;
    memcpy(out, t->bytes + l->n_sent, n);
    l->n_sent += n;
    l->sent_ns = tro_clock_ns();
    if (l->n_sent == t->n) {
        unref(t);
        l->current = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    return (ssize_t)n;
}
