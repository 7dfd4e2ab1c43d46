/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/sentences.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"

struct entry {
    struct tro_sentence sentence;
    enum tro_sentence_state state;
};

struct tro_sentences {
    pthread_mutex_t lock;
    int n, newest;
    struct entry entries[TRO_SENTENCES_KEPT];
};

const char *tro_sentence_state_name(enum tro_sentence_state state)
{
    switch (state) {
    case TRO_SENTENCE_TRUE:
        return "new";
    case TRO_SENTENCE_HELD:
        return "held";
    case TRO_SENTENCE_INTERRUPTED:
        return "interrupted";
    default:
        return "ended";
    }
}

void tro_sentence_object(const struct tro_sentence *s, enum tro_sentence_state state, float age_ms,
                         const char *const *networks, int n_networks, uint64_t seq,
                         struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    if (seq) {
        tro_json_string(j, "t", "sentence");
        tro_json_int(j, "seq", (int64_t)seq);
    }
    tro_json_string(j, "state", tro_sentence_state_name(state));
    tro_json_float(j, "age_ms", age_ms);
    tro_sentence_json(s, networks, n_networks, j);
    tro_json_object_end(j);
}

struct tro_sentences *tro_sentences_create(struct tro_err *err)
{
    struct tro_sentences *const s = tro_calloc(1, sizeof(*s));
    if (!s) {
        tro_fail_nomem(err);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void tro_sentences_destroy(struct tro_sentences *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    tro_free(s);
}

void tro_sentences_put(struct tro_sentences *s, const struct tro_sentence *sentence,
                       enum tro_sentence_state state)
{
    pthread_mutex_lock(&s->lock);
    struct entry *e = &s->entries[s->newest];
    if (s->n == 0 || e->sentence.id != sentence->id) {
        if (s->n && e->state != TRO_SENTENCE_NONE)
            e->state = TRO_SENTENCE_NONE;
        s->newest = s->n ? (s->newest + 1) % TRO_SENTENCES_KEPT : 0;
        s->n += s->n < TRO_SENTENCES_KEPT;
        e = &s->entries[s->newest];
    }
    e->sentence = *sentence;
    e->state = state;
    pthread_mutex_unlock(&s->lock);
}

/* Places count back from the newest. */
static const struct entry *entry_at(const struct tro_sentences *s, int back)
{
    return &s->entries[(s->newest + TRO_SENTENCES_KEPT - back) % TRO_SENTENCES_KEPT];
}

bool tro_sentences_find(struct tro_sentences *s, uint32_t id, struct tro_sentence *out)
{
    bool is_found = false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n && !is_found; i++) {
        is_found = entry_at(s, i)->sentence.id == id;
        if (is_found)
            *out = entry_at(s, i)->sentence;
    }
    pthread_mutex_unlock(&s->lock);
    return is_found;
}

void tro_sentences_json(struct tro_sentences *s, int64_t now_ns, const char *const *networks,
                        int n_networks, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_array_begin(j, "sentences");
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n; i++) {
        const struct entry *const e = entry_at(s, i);
        tro_sentence_object(&e->sentence, e->state, (float)(now_ns - e->sentence.seen_ns) / 1e6f,
                            networks, n_networks, 0, j);
    }
    pthread_mutex_unlock(&s->lock);
    tro_json_array_end(j);
    tro_json_object_end(j);
}
