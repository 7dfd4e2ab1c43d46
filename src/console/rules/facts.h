/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside console/rules: places and facts, made of the newest findings of each network. What rests
 * on no network that was heard from stays as it was, until it is too old. Time is that of the
 * newest frame that anything was found in. Nothing is allocated after init.
 */
#ifndef TRO_CONSOLE_RULES_FACTS_H
#define TRO_CONSOLE_RULES_FACTS_H

#include "console/rules/spec.h"

enum tro_fact_status { TRO_FACT_KNOWN, TRO_FACT_ABSENT, TRO_FACT_UNKNOWN };

/* What something was made of, and until when that is young enough. */
struct tro_basis {
    enum tro_fact_status status;
    enum tro_evidence why; /* of what is not known */
    int64_t until_ns;
    int n_from;
    struct tro_sentence_from from[TRO_SENTENCE_MAX_FROM];
};

struct tro_place_now {
    struct tro_basis basis;
    float x, y; /* pixels of the frame; of a surface none */
};

struct tro_fact_now {
    struct tro_basis basis;
    float value;          /* of a word its place in the list */
    float ax, ay, bx, by; /* ends of what has two places */
};

#define TRO_RATE_SAMPLES 40

struct tro_rate {
    int n, at; /* samples, place of the next one */
    int64_t ns[TRO_RATE_SAMPLES];
    float value[TRO_RATE_SAMPLES];
};

struct tro_facts {
    const struct tro_spec *spec;
    uint64_t lazy; /* bits of facts that no condition looks at: made when they are needed */
    uint64_t due;  /* bits of those that are not what they were made of any more */
    struct tro_findings *newest; /* by network */
    bool has[TRO_BOARD_MAX_NETWORKS];
    uint64_t frame; /* the newest one */
    int64_t now_ns;
    struct tro_place_now places[TRO_SPEC_MAX_PLACES];
    struct tro_fact_now facts[TRO_SPEC_MAX_FACTS];
    struct tro_path *paths; /* by fact, of paths */
    struct tro_rate *rates; /* by fact, of rates */
};

/* finish must follow, whatever is returned. */
int tro_facts_init(struct tro_facts *f, const struct tro_spec *spec, struct tro_err *err);
void tro_facts_finish(struct tro_facts *f);

/* Makes those of these facts (bits) that are due. */
void tro_facts_need(struct tro_facts *f, uint64_t facts);

/* False: of a network that no fact rests on, or not newer than what is there. */
bool tro_facts_put(struct tro_facts *f, const struct tro_findings *findings);

#endif
