/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/board.h"

#include "base/alloc.h"
#include "base/err.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

struct tro_board {
    struct tro_board_opts opts;
    pthread_mutex_t lock; /* of all that follows */
    struct tro_findings findings[TRO_BOARD_MAX_NETWORKS];
    struct tro_sentence sentence; /* id 0: there is none */
    bool is_true;
    uint32_t dismissed; /* id of the sentence that was dismissed last */
    bool is_interrupted;
    int64_t interrupted_ns;
    int n_marks; /* the oldest first */
    struct tro_mark marks[TRO_MARKS_MAX];
};

struct tro_board *tro_board_create(const struct tro_board_opts *opts, struct tro_err *err)
{
    struct tro_board *const b = tro_calloc(1, sizeof(*b));
    if (!b) {
        tro_fail_nomem(err);
        return NULL;
    }
    b->opts = *opts;
    pthread_mutex_init(&b->lock, NULL);
    for (int i = 0; i < opts->n_networks; i++) {
        if (tro_findings_init(&b->findings[i], err) < 0) {
            tro_board_destroy(b);
            return NULL;
        }
    }
    return b;
}

void tro_board_destroy(struct tro_board *b)
{
    if (!b)
        return;
    for (int i = 0; i < b->opts.n_networks; i++)
        tro_findings_finish(&b->findings[i]);
    pthread_mutex_destroy(&b->lock);
    tro_free(b);
}

/* ---- what comes in --------------------------------------------------------------------- */

bool tro_board_put_findings(struct tro_board *b, const struct tro_findings *f)
{
    if (f->network < 0 || f->network >= b->opts.n_networks)
        return false;
    pthread_mutex_lock(&b->lock);
    struct tro_findings *const last = &b->findings[f->network];
    const bool is_newer = f->frame >= last->frame;
    if (is_newer)
        tro_findings_copy(last, f);
    pthread_mutex_unlock(&b->lock);
    return is_newer;
}

void tro_board_put_sentence(struct tro_board *b, const struct tro_sentence *s)
{
    pthread_mutex_lock(&b->lock);
    b->is_true = s->id != 0;
    if (s->id != 0 && s->id != b->dismissed)
        b->sentence = *s;
    pthread_mutex_unlock(&b->lock);
}

void tro_board_interrupt(struct tro_board *b, bool is_interrupted, int64_t since_ns)
{
    pthread_mutex_lock(&b->lock);
    b->is_interrupted = is_interrupted;
    b->interrupted_ns = since_ns;
    pthread_mutex_unlock(&b->lock);
}

void tro_board_dismiss(struct tro_board *b)
{
    pthread_mutex_lock(&b->lock);
    if (b->sentence.id)
        b->dismissed = b->sentence.id;
    b->sentence.id = 0;
    pthread_mutex_unlock(&b->lock);
}

/* Place of a mark, or n_marks. */
static int find(const struct tro_board *b, const char *id)
{
    int i = 0;
    while (i < b->n_marks && strcmp(b->marks[i].id, id) != 0)
        i++;
    return i;
}

static void take_out(struct tro_board *b, int i)
{
    b->n_marks--;
    memmove(&b->marks[i], &b->marks[i + 1], (size_t)(b->n_marks - i) * sizeof(*b->marks));
}

void tro_board_put_mark(struct tro_board *b, const struct tro_mark *m)
{
    pthread_mutex_lock(&b->lock);
    const int i = find(b, m->id);
    if (i == TRO_MARKS_MAX) {
        take_out(b, 0);
        b->marks[b->n_marks++] = *m;
    } else {
        b->marks[i] = *m;
        b->n_marks += i == b->n_marks;
    }
    pthread_mutex_unlock(&b->lock);
}

bool tro_board_erase_mark(struct tro_board *b, const char *id)
{
    pthread_mutex_lock(&b->lock);
    const int i = find(b, id);
    const bool is_there = id[0] ? i < b->n_marks : b->n_marks > 0;
    if (!id[0])
        b->n_marks = 0;
    else if (is_there)
        take_out(b, i);
    pthread_mutex_unlock(&b->lock);
    return is_there;
}

/* ---- what goes out --------------------------------------------------------------------- */

struct tro_board_view *tro_board_view_create(const struct tro_board *b, struct tro_err *err)
{
    struct tro_board_view *const v = tro_calloc(1, sizeof(*v));
    if (!v) {
        tro_fail_nomem(err);
        return NULL;
    }
    v->n_networks = b->opts.n_networks;
    for (int i = 0; i < v->n_networks; i++) {
        if (tro_findings_init(&v->findings[i], err) < 0) {
            tro_board_view_destroy(v);
            return NULL;
        }
    }
    return v;
}

void tro_board_view_destroy(struct tro_board_view *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->n_networks; i++)
        tro_findings_finish(&v->findings[i]);
    tro_free(v);
}

static float ms_since(int64_t now_ns, int64_t then_ns)
{
    return (float)((double)(now_ns - then_ns) * 1e-6);
}

static float opacity_at(const struct tro_board_opts *o, float age_ms)
{
    if (age_ms <= o->max_age_ms)
        return 1;
    const float past = age_ms - o->max_age_ms;
    return past < o->fade_ms ? 1 - past / o->fade_ms : 0;
}

static void drop_old_items(struct tro_findings *f, const struct tro_board_opts *o, float age_ms)
{
    int n = 0;
    for (int i = 0; i < f->n; i++)
        if (f->items[i].age_ms == 0 || opacity_at(o, age_ms + f->items[i].age_ms) > 0)
            f->items[n++] = f->items[i];
    f->n = n;
}

static void look_at_findings(const struct tro_board *b, int i, int64_t now_ns,
                             struct tro_board_view *out)
{
    const struct tro_findings *const from = &b->findings[i];
    struct tro_findings *const to = &out->findings[i];
    out->age_ms[i] = from->frame ? ms_since(now_ns, from->captured_ns) : 0;
    out->opacity[i] = from->frame ? opacity_at(&b->opts, out->age_ms[i]) : 0;
    if (out->opacity[i] > 0) {
        tro_findings_copy(to, from);
        drop_old_items(to, &b->opts, out->age_ms[i]);
        return;
    }
    tro_findings_clear(to);
    to->frame = from->frame;
    to->captured_ns = from->captured_ns;
    to->started_ns = from->started_ns;
    to->ready_ns = from->ready_ns;
    to->engine = from->engine;
    to->network = i;
    to->tier = from->tier;
    to->width = from->width;
    to->height = from->height;
}

static enum tro_sentence_state state_of(const struct tro_board *b)
{
    if (!b->sentence.id)
        return TRO_SENTENCE_NONE;
    if (b->is_interrupted)
        return TRO_SENTENCE_INTERRUPTED;
    return b->is_true ? TRO_SENTENCE_TRUE : TRO_SENTENCE_HELD;
}

void tro_board_look(struct tro_board *b, int64_t now_ns, struct tro_board_view *out)
{
    pthread_mutex_lock(&b->lock);
    for (int i = 0; i < b->opts.n_networks; i++)
        look_at_findings(b, i, now_ns, out);
    out->sentence = b->sentence;
    out->state = state_of(b);
    out->sentence_age_ms = b->sentence.id ? ms_since(now_ns, b->sentence.seen_ns) : 0;
    out->is_interrupted = b->is_interrupted;
    out->interrupted_ms = b->is_interrupted ? ms_since(now_ns, b->interrupted_ns) : 0;
    out->n_marks = b->n_marks;
    memcpy(out->marks, b->marks, (size_t)b->n_marks * sizeof(*b->marks));
    pthread_mutex_unlock(&b->lock);
}
