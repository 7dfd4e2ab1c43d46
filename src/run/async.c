/* SPDX-License-Identifier: Apache-2.0 */
/* Start and wait: a thread of the session that runs it when asked. */
#include "run/session.h"

#include <pthread.h>
#include <semaphore.h>

#include "base/alloc.h"
#include "base/err.h"

struct tro_async {
    struct tro_session *session;
    pthread_t thread;
    sem_t asked, done;
    bool is_running; /* between start and wait */
    bool is_ending;
    int rc;
    struct tro_err err;
};

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0) { /* interrupted by a signal */
    }
}

static void *async_main(void *arg)
{
    struct tro_async *const a = arg;
    for (;;) {
        wait_for(&a->asked);
        if (a->is_ending)
            return NULL;
        a->rc = tro_session_run(a->session, &a->err);
        sem_post(&a->done);
    }
}

static struct tro_async *create(struct tro_session *s, struct tro_err *err)
{
    struct tro_async *const a = tro_calloc(1, sizeof *a);
    if (!a) {
        tro_fail_nomem(err);
        return NULL;
    }
    a->session = s;
    sem_init(&a->asked, 0, 0);
    sem_init(&a->done, 0, 0);
    if (pthread_create(&a->thread, NULL, async_main, a) == 0)
        return a;
    sem_destroy(&a->asked);
    sem_destroy(&a->done);
    tro_free(a);
    tro_fail(err, TRO_E_NOMEM, "expected one more thread, the system has none");
    return NULL;
}

void tro_async_destroy(struct tro_async *a)
{
    if (!a)
        return;
    if (a->is_running)
        wait_for(&a->done);
    a->is_ending = true;
    sem_post(&a->asked);
    pthread_join(a->thread, NULL);
    sem_destroy(&a->asked);
    sem_destroy(&a->done);
    tro_free(a);
}

int tro_session_start(struct tro_session *s, struct tro_err *err)
{
    if (!s->async)
        s->async = create(s, err);
    if (!s->async)
        return TRO_E_NOMEM;
    if (s->async->is_running)
        return tro_fail(err, TRO_E_INPUT,
                        "expected tro_session_wait before the next start, found a run under way");
    atomic_store(&s->is_cancelled, 0);
    s->async->is_running = true;
    sem_post(&s->async->asked);
    return 0;
}

int tro_session_wait(struct tro_session *s, struct tro_err *err)
{
    struct tro_async *const a = s->async;
    if (!a || !a->is_running)
        return tro_fail(err, TRO_E_INPUT, "expected tro_session_start before wait, found no run");
    wait_for(&a->done);
    a->is_running = false;
    atomic_store(&s->is_cancelled, 0);
    if (a->rc < 0 && err)
        *err = a->err;
    return a->rc;
}

void tro_session_cancel(struct tro_session *s)
{
    atomic_store(&s->is_cancelled, 1);
}
