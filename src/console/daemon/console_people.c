/* SPDX-License-Identifier: Apache-2.0 */
/* Viewers: who they are, when they come and go. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/daemon/console_state.h"

/* With people_lock held; NULL: there is none. */
static struct tro_person *find(struct tro_console *c, const char *id)
{
    for (int i = 0; i < TRO_STATUS_MAX_VIEWERS; i++)
        if (strcmp(c->people[i].id, id) == 0)
            return &c->people[i];
    return NULL;
}

/* The channel may open before the offer's answer is on its way: whoever comes first makes it. */
static struct tro_person *find_or_add(struct tro_console *c, const char *id)
{
    struct tro_person *const known = find(c, id);
    struct tro_person *const p = known ? known : find(c, "");
    if (p && !known)
        snprintf(p->id, sizeof p->id, "%s", id);
    return p;
}

bool tro_console_person(struct tro_console *c, const char *id, struct tro_person *out)
{
    pthread_mutex_lock(&c->people_lock);
    const struct tro_person *const p = find(c, id);
    const bool is = p && p->is_named;
    if (is)
        *out = *p;
    pthread_mutex_unlock(&c->people_lock);
    return is;
}

static void tell_viewer(struct tro_console *c, const struct tro_person *p, const char *state,
                        const char *why)
{
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_number(&j, "at", tro_console_ms(c, tro_clock_ns()));
    tro_json_string(&j, "name", p->name);
    tro_json_string(&j, "role", p->role);
    tro_json_string(&j, "state", state);
    tro_json_string(&j, "why", why);
    tro_json_object_end(&j);
    tro_console_event(c, "viewer", &j);
}

/* What the page needs to draw, and the sentence as it stands. */
static void greet(struct tro_console *c, const struct tro_person *p)
{
    struct tro_json j = {.is_line = true};
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "t", "hello");
    tro_json_string(&j, "id", p->id);
    tro_json_string(&j, "name", p->name);
    tro_json_string(&j, "role", p->role);
    tro_console_put_status(c, "status", &j);
    tro_json_object_end(&j);
    tro_console_send(c, p->id, TRO_CHANNEL_CONTROL, &j);
    pthread_mutex_lock(&c->see);
    if (c->sentence.id && c->sentence_state != TRO_SENTENCE_NONE)
        tro_console_tell_sentence(c, c->sentence_state);
    pthread_mutex_unlock(&c->see);
    tro_follow_tell(c->follow, p->id);
    tell_viewer(c, p, "joined", "");
}

int tro_console_offer(void *ctx, const struct tro_token *who, const char *sdp, size_t n,
                      bool is_burned_in, char id[TRO_SERVER_ID_BYTES], char **answer,
                      struct tro_err *err)
{
    struct tro_console *const c = ctx;
    struct tro_person copy = {.id = ""};
    TRO_TRY(tro_viewers_offer(c->viewers, sdp, n, is_burned_in, id, answer, err));
    pthread_mutex_lock(&c->people_lock);
    struct tro_person *const p = find_or_add(c, id);
    if (p) {
        snprintf(p->name, sizeof p->name, "%s", who->name);
        p->role = tro_role_name(who->role);
        p->is_named = true;
        copy = *p;
    }
    pthread_mutex_unlock(&c->people_lock);
    if (copy.has_channel)
        greet(c, &copy);
    return 0;
}

void tro_console_joined(void *ctx, const char *id)
{
    struct tro_console *const c = ctx;
    struct tro_person copy = {.id = ""};
    pthread_mutex_lock(&c->people_lock);
    struct tro_person *const p = find_or_add(c, id);
    if (p) {
        p->has_channel = true;
        copy = *p;
    }
    pthread_mutex_unlock(&c->people_lock);
    if (copy.is_named)
        greet(c, &copy);
}

void tro_console_left(void *ctx, const char *id, const char *why)
{
    struct tro_console *const c = ctx;
    struct tro_person copy = {.id = ""};
    pthread_mutex_lock(&c->people_lock);
    struct tro_person *const p = find(c, id);
    if (p) {
        copy = *p;
        *p = (struct tro_person){.id = ""};
    }
    pthread_mutex_unlock(&c->people_lock);
    tro_server_forget(c->server, id);
    if (copy.is_named && copy.has_channel)
        tell_viewer(c, &copy, "left", why);
}
