/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences as pages get them (docs/console.md, "Data channels"), and the last hundred of them for
 * who comes later. Any thread.
 */
#ifndef TRO_CONSOLE_DAEMON_SENTENCES_H
#define TRO_CONSOLE_DAEMON_SENTENCES_H

#include "console/core/board.h"

#define TRO_SENTENCES_KEPT 100

/* "new", "held", "interrupted", "ended" of none. */
const char *tro_sentence_state_name(enum tro_sentence_state state);

/* One object: state, age and all of tro_sentence_json. seq: the message's number, from 1, on the
 * data channels, where it has its key "t" as well; 0: it is no message. */
void tro_sentence_object(const struct tro_sentence *s, enum tro_sentence_state state, float age_ms,
                         const char *const *networks, int n_networks, uint64_t seq,
                         struct tro_json *j);

struct tro_sentences;

struct tro_sentences *tro_sentences_create(struct tro_err *err);
void tro_sentences_destroy(struct tro_sentences *s);

/* A new one by its id, or what became of the last one. */
void tro_sentences_put(struct tro_sentences *s, const struct tro_sentence *sentence,
                       enum tro_sentence_state state);

/* The newest one of that id; false: it is not kept. */
bool tro_sentences_find(struct tro_sentences *s, uint32_t id, struct tro_sentence *out);

/* {"sentences": [...]}, the newest first; ages are of now_ns since the rule was last true. */
void tro_sentences_json(struct tro_sentences *s, int64_t now_ns, const char *const *networks,
                        int n_networks, struct tro_json *j);

#endif
