/* SPDX-License-Identifier: Apache-2.0 */
/* Inside console/rules: a rule's sentence, filled in. */
#ifndef TRO_CONSOLE_RULES_SAY_H
#define TRO_CONSOLE_RULES_SAY_H

#include "console/rules/facts.h"

/* All that it shows is known. text, why, frame; id, times and drawings stay as they are. */
void tro_say(const struct tro_facts *f, const struct tro_spec_rule *rule, struct tro_sentence *out);

/* Drawings alone. */
void tro_say_draw(const struct tro_facts *f, const struct tro_spec_rule *rule,
                  struct tro_sentence *out);

#endif
