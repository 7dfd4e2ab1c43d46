/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of procedures (docs/rules.md): lines of JSON with all that rules saw, and what they said.
 *
 *     {"recording": 1, "width": ..., "networks": [...], ...}
 *     {"findings": {...}}                        as they came to the rules
 *     {"sentence": {"event": "began", ...}}      behind the findings that made it so
 *
 * From a record the same rules make the same sentences, byte for byte.
 */
#ifndef TRO_CONSOLE_RULES_RECORDING_H
#define TRO_CONSOLE_RULES_RECORDING_H

#include "base/json.h"
#include "console/rules/rules.h"

#include <stdio.h>

#define TRO_RECORDING_MAX_LINE 1048576

/* ---- writing -------------------------------------------------------------------------------- */

struct tro_recorder;

/* Writes the first line. opts are copied as far as they are needed. NULL: the file cannot be
 * written, or memory ran out. */
struct tro_recorder *tro_recorder_create(const char *path, const struct tro_rules_opts *opts,
                                         struct tro_err *err);

/* The same into an open file, which it closes; name is for messages. */
struct tro_recorder *tro_recorder_of(FILE *file, const char *name,
                                     const struct tro_rules_opts *opts, struct tro_err *err);

/* What went into tro_rules_feed, and what came out. One thread at a time. What cannot be written is
 * told by close. */
void tro_recorder_put(struct tro_recorder *r, const struct tro_findings *f,
                      enum tro_rules_event event, const struct tro_sentence *s);

/* TRO_E_IO: something could not be written. r may be NULL. */
int tro_recorder_close(struct tro_recorder *r, struct tro_err *err);

/* ---- reading -------------------------------------------------------------------------------- */

struct tro_recording;

/* Messages begin with "FILE:LINE: ". TRO_E_DEVICE: built without jansson. */
struct tro_recording *tro_recording_open(const char *path, struct tro_err *err);
/* The same of an open file, which it closes; name is for messages. */
struct tro_recording *tro_recording_of(FILE *file, const char *name, struct tro_err *err);
void tro_recording_close(struct tro_recording *r);

/* Networks, sizes: what rules need; the recording's. */
const struct tro_rules_opts *tro_recording_opts(const struct tro_recording *r);

/* The next findings; sentences are passed over. 1: there are some, 0: the end. */
int tro_recording_next(struct tro_recording *r, struct tro_findings *out, struct tro_err *err);

/* Feeds a recording to rules and hands each line of a sentence on, as a recorder writes it, with
 * its newline. */
typedef int tro_recording_line_fn(void *ctx, const char *line, size_t n, struct tro_err *err);
int tro_recording_replay(const char *recording, const char *rules, tro_recording_line_fn *fn,
                         void *ctx, struct tro_err *err);

/* One line about a sentence that came of findings f. */
void tro_recording_sentence(struct tro_json *j, const struct tro_rules_opts *opts,
                            const struct tro_findings *f, enum tro_rules_event event,
                            const struct tro_sentence *s);

#endif
