/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules (docs/rules.md): findings in, a sentence out. The same findings in the same order give the
 * same sentences; the only time is when frames were captured. Nothing is allocated after load.
 * One thread at a time.
 *
 *     struct tro_rules *r = tro_rules_load("rules.yaml", &opts, &err);
 *     ... for each findings that come, of any network, tracked:
 *     if (tro_rules_feed(r, findings, &sentence) != TRO_RULES_SAME || sentence.id)
 *         tro_board_put_sentence(board, &sentence);
 */
#ifndef TRO_CONSOLE_RULES_RULES_H
#define TRO_CONSOLE_RULES_RULES_H

#include <stdbool.h>

#include "console/core/finding.h"
#include "console/core/geometry.h"
#include "console/core/sentence.h"

/* A network that facts may be made of. */
struct tro_rules_network {
    const char *name;
    const struct tro_finding_names *names;
    bool is_trial; /* not to be used */
};

struct tro_rules_opts {
    int n_networks; /* by place in the configuration; TRO_BOARD_MAX_NETWORKS at most */
    const struct tro_rules_network *networks;
    int width, height;  /* of frames */
    float focal_length; /* widths; 0: not known */
    float max_age_ms;   /* of findings, where the file says nothing */
};

struct tro_rules;

/* NULL: TRO_E_INPUT with "FILE:LINE:COLUMN: ..."; TRO_E_DEVICE: built without libyaml. opts are not
 * needed afterwards. */
struct tro_rules *tro_rules_load(const char *path, const struct tro_rules_opts *opts,
                                 struct tro_err *err);
struct tro_rules *tro_rules_parse(const char *text, size_t n, const char *path,
                                  const struct tro_rules_opts *opts, struct tro_err *err);
void tro_rules_destroy(struct tro_rules *r);

enum tro_rules_event {
    TRO_RULES_SAME,
    TRO_RULES_BEGAN,   /* a sentence that was not there */
    TRO_RULES_CHANGED, /* its numbers */
    TRO_RULES_ENDED    /* nothing is true any more */
};

/* The sentence that holds now; id 0: none. Its seen_ns falls behind while it is not known whether
 * its rule is still true. Findings that are not newer than those that are there,
 * or that no fact rests on, change nothing. */
enum tro_rules_event tro_rules_feed(struct tro_rules *r, const struct tro_findings *f,
                                    struct tro_sentence *out);

/* THE list of states of a rule: id, name. */
#define TRO_RULE_STATES(X)                                             \
    X(FALSE, "false")                                                  \
    X(INSUFFICIENT, "insufficient") /* something is not known */       \
    X(BARRED, "barred")             /* a contra-indication */          \
    X(RESTING, "resting")           /* it spoke not long enough ago */ \
    X(WAITING, "waiting")           /* true, but another one speaks */ \
    X(SPEAKING, "speaking")

enum tro_rule_state {
#define TRO_RULE_STATE_ENUM(id, name) TRO_RULE_##id,
    TRO_RULE_STATES(TRO_RULE_STATE_ENUM)
#undef TRO_RULE_STATE_ENUM
        TRO_N_RULE_STATES
};
const char *tro_rule_state_name(enum tro_rule_state s);

struct tro_rule_info {
    const char *name; /* the rules' */
    enum tro_rule_state state;
    const char *fact;      /* INSUFFICIENT: the first fact that is not known, else NULL */
    enum tro_evidence why; /* and why it is not */
    uint64_t n_begun;
};

int tro_rules_n(const struct tro_rules *r);
struct tro_rule_info tro_rules_info(const struct tro_rules *r, int rule);

#endif
