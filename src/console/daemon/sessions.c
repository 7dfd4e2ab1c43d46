/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/sessions.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/err.h"

struct session {
    char id[TRO_SESSION_ID_BYTES];
    char etag[TRO_SESSION_ETAG_BYTES];
    const struct tro_token *who; /* NULL: gone, kept while an offer is under way */
};

struct tro_sessions {
    pthread_mutex_t lock;
    struct session *items;
    size_t n, cap;
    int n_offers; /* under way */
};

struct tro_sessions *tro_sessions_create(struct tro_err *err)
{
    struct tro_sessions *const s = tro_calloc(1, sizeof(*s));
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void tro_sessions_destroy(struct tro_sessions *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    tro_free(s->items);
    tro_free(s);
}

static struct session *find(struct tro_sessions *s, const char *id)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->items[i].id, id) == 0)
            return &s->items[i];
    return NULL;
}

static void remove_at(struct tro_sessions *s, struct session *item)
{
    *item = s->items[--s->n];
}

void tro_sessions_begin(struct tro_sessions *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_offers++;
    pthread_mutex_unlock(&s->lock);
}

/* No offer is under way that could still name one of those that are gone. */
static void drop_gone(struct tro_sessions *s)
{
    for (size_t i = s->n; i-- > 0;)
        if (!s->items[i].who)
            remove_at(s, &s->items[i]);
}

static int add(struct tro_sessions *s, const char *id, const struct tro_token *who,
               struct tro_err *err)
{
    if (TRO_GROW(&s->items, s->n, &s->cap) < 0)
        return tro_fail_nomem(err);
    struct session *const item = &s->items[s->n];
    *item = (struct session){.who = who};
    snprintf(item->id, sizeof(item->id), "%s", id);
    uint64_t tag;
    if (getrandom(&tag, sizeof(tag), 0) != sizeof(tag))
        return tro_fail(err, TRO_E_DEVICE, "getrandom: %s", strerror(errno));
    snprintf(item->etag, sizeof(item->etag), "\"%016llx\"", (unsigned long long)tag);
    s->n++;
    return 0;
}

int tro_sessions_end(struct tro_sessions *s, const char *id, const struct tro_token *who,
                     char etag[TRO_SESSION_ETAG_BYTES], struct tro_err *err)
{
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    struct session *gone = id ? find(s, id) : NULL;
    if (gone)
        rc = tro_fail(err, TRO_E_DEVICE, "the viewer went away");
    else if (id)
        rc = add(s, id, who, err);
    if (id && rc == 0)
        memcpy(etag, s->items[s->n - 1].etag, TRO_SESSION_ETAG_BYTES);
    if (--s->n_offers == 0)
        drop_gone(s);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

bool tro_sessions_find(struct tro_sessions *s, const char *id, const struct tro_token *who,
                       char etag[TRO_SESSION_ETAG_BYTES])
{
    pthread_mutex_lock(&s->lock);
    const struct session *const item = find(s, id);
    const bool is_theirs = item && who && item->who == who;
    if (is_theirs)
        memcpy(etag, item->etag, TRO_SESSION_ETAG_BYTES);
    pthread_mutex_unlock(&s->lock);
    return is_theirs;
}

void tro_sessions_forget(struct tro_sessions *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    struct session *const item = find(s, id);
    if (item)
        remove_at(s, item);
    else if (s->n_offers > 0 && TRO_GROW(&s->items, s->n, &s->cap) == 0) {
        s->items[s->n] = (struct session){0};
        snprintf(s->items[s->n++].id, TRO_SESSION_ID_BYTES, "%s", id);
    }
    pthread_mutex_unlock(&s->lock);
}
