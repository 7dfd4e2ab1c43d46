/* SPDX-License-Identifier: Apache-2.0 */
/* What experts say on the channel `control`. Untrusted: bounded by media, read strictly here. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/core/marks.h"
#include "console/daemon/console_state.h"
#include "record/field.h"

struct said {
    struct tro_console *c;
    const struct tro_person *who;
    const char *text;
    size_t n;
    struct tro_err *err;
};

/* ---- marks ------------------------------------------------------------------------------ */

static void mark_event(const struct tro_console *c, const struct tro_mark *m, bool is_erased,
                       struct tro_json *j)
{
    tro_json_object_begin(j, NULL);
    tro_json_number(j, "at", tro_console_ms(c, tro_clock_ns()));
    tro_json_string(j, "id", m->id);
    tro_json_string(j, "kind", tro_mark_kind_name(m->kind));
    tro_json_string(j, "name", m->name);
    tro_json_int(j, "frame", (int64_t)m->frame);
    tro_json_bool(j, "erased", is_erased);
    tro_json_object_end(j);
}

static int on_mark(struct said *s, const struct tro_field *top)
{
    struct tro_console *const c = s->c;
    struct tro_json j = {.is_line = true};
    struct tro_mark m;
    (void)top;
    TRO_TRY(tro_mark_parse(s->text, s->n, c->config->source.form.width,
                           c->config->source.form.height, &m, s->err));
    snprintf(m.name, sizeof m.name, "%s", s->who->name);
    m.made_ns = tro_clock_ns();
    TRO_TRY(tro_marks_add(tro_follow_marks(c->follow), &m, s->err));
    tro_metrics_add(c->metrics, TRO_COUNT_MARKS, 1);
    mark_event(c, &m, false, &j);
    tro_console_event(c, "mark", &j);
    return 0;
}

static void erase(struct said *s, const struct tro_mark *m)
{
    struct tro_json message = {.is_line = true}, event = {.is_line = true};
    if (!tro_marks_erase(tro_follow_marks(s->c->follow), m->id))
        return;
    tro_json_object_begin(&message, NULL);
    tro_json_string(&message, "t", "erase");
    tro_json_string(&message, "id", m->id);
    tro_json_object_end(&message);
    tro_console_send(s->c, NULL, TRO_CHANNEL_CONTROL, &message);
    mark_event(s->c, m, true, &event);
    tro_console_event(s->c, "mark", &event);
}

/* "" erases all that this expert drew; those of others stay. */
static int on_erase(struct said *s, const struct tro_field *top)
{
    const char *id;
    uint64_t frame;
    TRO_TRY(tro_field_text(top, "id", &id));
    struct tro_mark *const list = tro_calloc(TRO_MARKS_MAX, sizeof *list);
    const int n = list ? tro_marks_list(tro_follow_marks(s->c->follow), list, &frame) : 0;
    for (int i = 0; i < n; i++)
        if (strcmp(list[i].name, s->who->name) == 0 && (!*id || strcmp(list[i].id, id) == 0))
            erase(s, &list[i]);
    tro_free(list);
    return list ? 0 : tro_fail_nomem(s->err);
}

/* ---- sentences -------------------------------------------------------------------------- */

/* The expert's word for what the rules suggested: it stands on the panel with the expert's name,
 * until another one takes its place. */
static int on_pick(struct said *s, const struct tro_field *top)
{
    struct tro_console *const c = s->c;
    struct tro_sentence picked;
    double id;
    TRO_TRY(tro_field_number(top, "sentence", &id));
    if (!tro_sentences_find(c->sentences, (uint32_t)id, &picked))
        return tro_field_fail(top, "expected the id of a sentence, found %g", id);
    snprintf(picked.rule, sizeof picked.rule, "picked by %.50s", s->who->name);
    picked.seen_ns = tro_clock_ns();
    pthread_mutex_lock(&c->see);
    c->sentence = picked;
    tro_board_put_sentence(c->board, &picked);
    tro_console_tell_sentence(c, TRO_SENTENCE_TRUE);
    pthread_mutex_unlock(&c->see);
    return 0;
}

/* ---- times ------------------------------------------------------------------------------ */

static int on_ping(struct said *s, const struct tro_field *top)
{
    struct tro_json j = {.is_line = true};
    double at;
    TRO_TRY(tro_field_number(top, "at", &at));
    tro_json_object_begin(&j, NULL);
    tro_json_string(&j, "t", "pong");
    tro_json_number(&j, "at", at);
    tro_json_number(&j, "now", tro_console_ms(s->c, tro_clock_ns()));
    tro_json_object_end(&j);
    tro_console_send(s->c, s->who->id, TRO_CHANNEL_CONTROL, &j);
    return 0;
}

/* `at` is in the daemon's time as the page reckons it; what cannot be is not counted. */
static int on_seen(struct said *s, const struct tro_field *top)
{
    double at, frame;
    TRO_TRY(tro_field_number(top, "at", &at));
    TRO_TRY(tro_field_number(top, "frame", &frame));
    if (!(frame >= 1 && frame < 1e15))
        return tro_field_fail(top, "expected the id of a frame, found %g", frame);
    const int64_t captured_ns = tro_console_captured_ns(s->c, (uint64_t)frame);
    const double ms = at - tro_console_ms(s->c, captured_ns);
    if (captured_ns && ms >= 0 && ms < 10000)
        tro_metrics_time(s->c->metrics, TRO_SERIES_GLASS, (int64_t)(ms * 1e6));
    return 0;
}

/* THE list of what a page may say: its word, what it does. */
#define WORDS(X)         \
    X("mark", on_mark)   \
    X("erase", on_erase) \
    X("pick", on_pick)   \
    X("ping", on_ping)   \
    X("seen", on_seen)

static int obey(struct said *s, const struct tro_field *top)
{
    static const struct {
        const char *word;
        int (*obey)(struct said *s, const struct tro_field *top);
    } words[] = {
#define WORD_ROW(word, function) {word, function},
        WORDS(WORD_ROW)
#undef WORD_ROW
    };
    const char *word;
    TRO_TRY(tro_field_text(top, "t", &word));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].obey(s, top);
    return tro_field_fail(top, "t: expected mark, erase, pick, ping or seen, found '%s'", word);
}

void tro_console_message(void *ctx, const char *id, const char *text, size_t n)
{
    struct tro_console *const c = ctx;
    struct tro_arena arena = {0};
    struct tro_field top;
    struct tro_person who;
    struct tro_err err = {0};
    struct said s = {c, &who, text, n, &err};
    tro_metrics_add(c->metrics, TRO_COUNT_MESSAGES, 1);
    if (!tro_console_person(c, id, &who))
        return;
    int rc = tro_field_parse(text, n, &arena, &top, &err);
    if (rc >= 0) {
        rc = obey(&s, &top);
        tro_field_finish(&top);
    }
    if (rc < 0)
        tro_metrics_add(c->metrics, TRO_COUNT_MESSAGES_REFUSED, 1);
    tro_arena_finish(&arena);
}
