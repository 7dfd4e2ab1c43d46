/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known now: newest findings of each network, the sentence, marks. Joined to a frame while
 * they are young. May be used by all threads; nobody holds it longer than a copy takes.
 */
#ifndef TRO_CONSOLE_CORE_BOARD_H
#define TRO_CONSOLE_CORE_BOARD_H

#include "console/core/finding.h"
#include "console/core/mark.h"
#include "console/core/sentence.h"

#define TRO_BOARD_MAX_NETWORKS 16

struct tro_board;

struct tro_board_opts {
    int n_networks;
    float max_age_ms, fade_ms;
};

struct tro_board *tro_board_create(const struct tro_board_opts *opts, struct tro_err *err);
void tro_board_destroy(struct tro_board *b);

/* Findings of an older frame than those that are there, or of no network of the board's, are
 * dropped: false. */
bool tro_board_put_findings(struct tro_board *b, const struct tro_findings *f);
/* A sentence whose rule is true, again and again while it is (by its id). id 0: the rule is no
 * longer true; the last sentence stays until another one or a dismissal. One that was dismissed
 * does not come again under the same id. */
void tro_board_put_sentence(struct tro_board *b, const struct tro_sentence *s);
/* Nothing that a sentence rests on comes any more (a worker is gone, findings are too old). */
void tro_board_interrupt(struct tro_board *b, bool is_interrupted, int64_t since_ns);
void tro_board_dismiss(struct tro_board *b);
void tro_board_put_mark(struct tro_board *b, const struct tro_mark *m); /* new, or by its id */
bool tro_board_erase_mark(struct tro_board *b, const char *id);         /* "": all */

enum tro_sentence_state {
    TRO_SENTENCE_NONE,
    TRO_SENTENCE_TRUE,       /* its rule holds now */
    TRO_SENTENCE_HELD,       /* its rule held last */
    TRO_SENTENCE_INTERRUPTED /* "signal interrupted", with its age */
};

/* What belongs onto a frame at a time. */
struct tro_board_view {
    int n_networks;
    /* Planes and items only where the opacity is above 0, and no item that the tracker has carried
     * on for longer than max_age_ms and fade_ms together. frame 0: there are none yet. */
    struct tro_findings findings[TRO_BOARD_MAX_NETWORKS];
    float opacity[TRO_BOARD_MAX_NETWORKS]; /* 1 young, falling while fading, 0: not to be shown */
    float age_ms[TRO_BOARD_MAX_NETWORKS];  /* since their frame was captured */
    struct tro_sentence sentence;
    enum tro_sentence_state state;
    float sentence_age_ms; /* since its rule was last true */
    bool is_interrupted;   /* also where there is no sentence */
    float interrupted_ms;  /* for how long */
    int n_marks;
    struct tro_mark marks[TRO_MARKS_MAX];
};

/* Room for all; a view is reused. */
struct tro_board_view *tro_board_view_create(const struct tro_board *b, struct tro_err *err);
void tro_board_view_destroy(struct tro_board_view *v);
void tro_board_look(struct tro_board *b, int64_t now_ns, struct tro_board_view *out);

#endif
