/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From findings to sentences: tracked, through the rules, onto a record of the procedure
 * (docs/rules.md).
 */
#ifndef TRO_CONSOLE_DAEMON_GUIDE_H
#define TRO_CONSOLE_DAEMON_GUIDE_H

#include <stdio.h>

#include "console/rules/config.h"
#include "console/rules/rules.h"

struct tro_guide;

/* names: of each network of the configuration, as its plan tells; record: the file, NULL: none.
 * Without rules in the configuration findings are recorded alone. The configuration must outlive
 * it. */
struct tro_guide *tro_guide_create(const struct tro_config *c,
                                   const struct tro_finding_names *names, const char *record,
                                   struct tro_err *err);

/* Any thread. tracked: of tro_findings_init; now: the sentence that holds, as tro_rules_feed has
 * it, id 0 without rules. */
enum tro_rules_event tro_guide_take(struct tro_guide *g, const struct tro_findings *f,
                                    struct tro_findings *tracked, struct tro_sentence *now);

/* By which places that the tracker smooths are late. */
float tro_guide_delay_ms(const struct tro_guide *g);

/* Any thread. Sentences that begin, change or end are printed, a line each, to `say` unless it is
 * NULL. */
void tro_guide_put(struct tro_guide *g, const struct tro_findings *f, FILE *say);

/* TRO_E_IO: the record could not be written. g may be NULL. */
int tro_guide_close(struct tro_guide *g, struct tro_err *err);

/* The sentences that the configuration's rules make of a record, as lines of JSON. */
int tro_guide_replay(const struct tro_config *c, const char *record, FILE *out,
                     struct tro_err *err);

#endif
