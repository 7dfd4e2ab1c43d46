/* SPDX-License-Identifier: Apache-2.0 */
#include "console/daemon/sentences.h"

#include <pthread.h>
#include <stdio.h>

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

static void put_why(const struct tro_sentence_why *w, const char *const *networks, int n_networks,
                    struct tro_json *j)
{
    char engine[17];
    snprintf(engine, sizeof(engine), "%016llx", (unsigned long long)w->engine);
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "fact", w->fact);
    tro_json_number(j, "value", (double)w->value);
    tro_json_string(j, "unit", tro_unit_name(w->unit));
    tro_json_int(j, "frame", (int64_t)w->frame);
    tro_json_string(j, "engine", engine);
    tro_json_string(j, "network",
                    w->network >= 0 && w->network < n_networks ? networks[w->network] : "");
    tro_json_int(j, "tier", w->tier);
    tro_json_int(j, "track", w->track);
    tro_json_object_end(j);
}

static void put_draw(const struct tro_draw *d, struct tro_json *j)
{
    static const char *const kinds[] = {"path", "arrow", "circle"};
    char colour[8];
    snprintf(colour, sizeof(colour), "#%02x%02x%02x", d->rgb[0], d->rgb[1], d->rgb[2]);
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "kind", kinds[d->kind]);
    tro_json_string(j, "colour", colour);
    tro_json_array_begin(j, "points");
    for (int i = 0; i < d->n_points; i++) {
        tro_json_array_begin(j, NULL);
        tro_json_number(j, NULL, (double)d->x[i]);
        tro_json_number(j, NULL, (double)d->y[i]);
        tro_json_array_end(j);
    }
    tro_json_array_end(j);
    tro_json_object_end(j);
}

void tro_sentence_json(const struct tro_sentence *s, enum tro_sentence_state state, double age_ms,
                       const char *const *networks, int n_networks, bool is_message,
                       struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    if (is_message)
        tro_json_string(j, "t", "sentence");
    tro_json_int(j, "id", s->id);
    tro_json_object_begin(j, "text");
#define TRO_TEXT(id, code) tro_json_string(j, code, s->text[TRO_LANGUAGE_##id]);
    TRO_LANGUAGES(TRO_TEXT)
#undef TRO_TEXT
    tro_json_object_end(j);
    tro_json_string(j, "rule", s->rule);
    tro_json_int(j, "priority", s->priority);
    tro_json_int(j, "frame", (int64_t)s->frame);
    tro_json_number(j, "age_ms", age_ms);
    tro_json_string(j, "state", tro_sentence_state_name(state));
    tro_json_array_begin(j, "why");
    for (int i = 0; i < s->n_why; i++)
        put_why(&s->why[i], networks, n_networks, j);
    tro_json_array_end(j);
    tro_json_array_begin(j, "draw");
    for (int i = 0; i < s->n_draw; i++)
        put_draw(&s->draw[i], j);
    tro_json_array_end(j);
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

void tro_sentences_json(struct tro_sentences *s, int64_t now_ns, const char *const *networks,
                        int n_networks, struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_array_begin(j, "sentences");
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->n; i++) {
        const int place = (s->newest + TRO_SENTENCES_KEPT - i) % TRO_SENTENCES_KEPT;
        const struct entry *const e = &s->entries[place];
        tro_sentence_json(&e->sentence, e->state, (double)(now_ns - e->sentence.seen_ns) / 1e6,
                          networks, n_networks, false, j);
    }
    pthread_mutex_unlock(&s->lock);
    tro_json_array_end(j);
    tro_json_object_end(j);
}
