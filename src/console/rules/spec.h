/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside console/rules: a file of rules (docs/rules.md) as it was read: places, facts, conditions,
 * rules, with numbers in place of names. Nothing in it changes while rules run.
 */
#ifndef TRO_CONSOLE_RULES_SPEC_H
#define TRO_CONSOLE_RULES_SPEC_H

#include "base/arena.h"
#include "console/core/board.h"
#include "console/core/finding.h"
#include "console/core/geometry.h"
#include "console/core/sentence.h"
#include "console/rules/rules.h"
#include "console/rules/yaml.h"

#define TRO_SPEC_MAX_PLACES 32
#define TRO_SPEC_MAX_FACTS 64
#define TRO_SPEC_MAX_CONDITIONS 256
#define TRO_SPEC_MAX_RULES 64
#define TRO_SPEC_MAX_PARTS 17 /* of a text: 8 facts and what stands around them */
#define TRO_SPEC_MAX_TEXT 350 /* bytes; with 8 facts of at most 20 it fits a sentence */
#define TRO_SPEC_NAME_BYTES 64

#define TRO_KIND(id) (1u << TRO_FINDING_##id)

/* THE list of places: id, key. */
#define TRO_PLACES(X)       \
    X(TIP, "tip")           \
    X(BOX, "box")           \
    X(LANDMARK, "landmark") \
    X(MASK, "mask")         \
    X(SURFACE, "surface")   \
    X(POINT, "point")

enum tro_place_kind {
#define TRO_PLACE_ENUM(id, key) TRO_PLACE_##id,
    TRO_PLACES(TRO_PLACE_ENUM)
#undef TRO_PLACE_ENUM
        TRO_N_PLACES
};

enum tro_fact_type {
    TRO_FACT_IS_NUMBER,
    TRO_FACT_IS_FLAG,
    TRO_FACT_IS_DIRECTION,
    TRO_FACT_IS_SIDE
};

/* clang-format off */
/* THE list of facts: id, key, type, unit, places, least value, greatest value. */
#define TRO_FACTS(X)                                                         \
    X(VALUE,     "value",     NUMBER,    NONE,    0, -INFINITY, INFINITY)    \
    X(SCORE,     "score",     NUMBER,    NONE,    0, 0,         1)           \
    X(SEEN,      "seen",      FLAG,      NONE,    1, 0,         1)           \
    X(SHARE,     "share",     NUMBER,    PERCENT, 0, 0,         100)         \
    X(DISTANCE,  "distance",  NUMBER,    MM,      2, 0,         INFINITY)    \
    X(ANGLE,     "angle",     NUMBER,    DEG,     2, -180,      180)         \
    X(ROLL,      "roll",      NUMBER,    DEG,     2, -180,      180)         \
    X(DIRECTION, "direction", DIRECTION, NONE,    2, 0,         7)           \
    X(SIDE,      "side",      SIDE,      NONE,    1, 0,         2)           \
    X(PATH,      "path",      NUMBER,    PX,      2, 0,         INFINITY)    \
    X(AGE,       "age",       NUMBER,    MS,      0, 0,         INFINITY)    \
    X(RATE,      "rate",      NUMBER,    NONE,    0, -INFINITY, INFINITY)
/* clang-format on */

enum tro_fact_kind {
#define TRO_FACT_ENUM(id, key, type, unit, places, lo, hi) TRO_FACT_##id,
    TRO_FACTS(TRO_FACT_ENUM)
#undef TRO_FACT_ENUM
        TRO_N_FACTS
};

struct tro_fact_row {
    const char *key;
    enum tro_fact_type type;
    enum tro_unit unit; /* of VALUE and RATE: their own */
    int n_places;
    double lo, hi;
};
const struct tro_fact_row *tro_fact_row(enum tro_fact_kind kind);

/* Words of facts that are none of numbers, as files have them, by value; end with NULL. NULL: the
 * fact is a number. */
const char *const *tro_fact_words(enum tro_fact_type type);

/* Labels of one network; bit i is label i. */
struct tro_spec_labels {
    int network;
    uint64_t set;
};

struct tro_spec_place {
    const char *name;
    enum tro_place_kind kind;
    struct tro_spec_labels of;
    uint64_t ends, rest; /* of a tip, labels of map */
    int map;             /* network of the labels of tips and surfaces */
    float x, y;          /* of a point, widths and heights */
    float min_score;
    int64_t max_age_ns;
    uint32_t networks; /* bits of all that it is made of */
};

struct tro_spec_fact {
    const char *name;
    enum tro_fact_kind kind;
    enum tro_unit unit;
    int place[2];
    struct tro_spec_labels of; /* VALUE, SCORE, SHARE; AGE: the network alone; PATH: to avoid */
    float wanted_deg;          /* ROLL */
    int source;                /* RATE: the fact */
    int64_t over_ns;           /* RATE */
    int64_t max_age_ns;
    double step; /* in which it is shown */
    int digits;  /* behind the point, when shown */
    uint32_t networks;
    int line;
};

enum tro_condition_kind { TRO_IF_FACT, TRO_IF_UNKNOWN, TRO_IF_ALL, TRO_IF_ANY, TRO_IF_NOT };

struct tro_spec_condition {
    enum tro_condition_kind kind;
    int fact;         /* FACT */
    uint64_t unknown; /* UNKNOWN: bits of facts */
    bool has_above, has_below, has_until;
    double above, below, until;
    uint8_t words;                    /* FACT of words: bits of those it may be */
    int for_frames;                   /* 0: at once */
    int64_t for_ns;                   /* 0: at once */
    uint64_t facts;                   /* bits: of all that it looks at */
    int child, next;                  /* places among the conditions; -1: none */
    const struct tro_yaml_node *node; /* while the file is being read */
};

enum tro_text_form { TRO_TEXT_PLAIN, TRO_TEXT_ABS, TRO_TEXT_TURN };

struct tro_spec_text {
    int n;
    struct {
        const char *literal; /* NULL: a fact */
        int fact;
        enum tro_text_form form;
    } parts[TRO_SPEC_MAX_PARTS];
};

struct tro_spec_draw {
    enum tro_draw_kind kind;
    int fact, place; /* one of them, the other is -1 */
    float radius_px;
    uint8_t rgb[3];
};

struct tro_spec_rule {
    const char *name;
    int priority, line;
    int when, unless; /* conditions; unless -1: none */
    int64_t every_ns;
    struct tro_spec_text say[TRO_N_LANGUAGES];
    int n_draw;
    struct tro_spec_draw draw[TRO_SENTENCE_MAX_DRAW];
    uint64_t shown_facts;  /* bits: needed by texts and drawings */
    uint32_t shown_places; /* bits: needed by drawings */
    uint64_t reason_facts; /* bits: in `when` */
    uint64_t bar_facts;    /* bits: in `unless` */
    const struct tro_yaml_node *node;
};

struct tro_spec {
    struct tro_arena arena;
    int depth; /* network; -1: none */
    struct tro_geometry geometry;
    int64_t max_age_ns, refresh_ns, patience_ns;
    int width, height;
    int n_places, n_facts, n_conditions, n_rules;
    struct tro_spec_place places[TRO_SPEC_MAX_PLACES];
    struct tro_spec_fact facts[TRO_SPEC_MAX_FACTS];
    struct tro_spec_condition conditions[TRO_SPEC_MAX_CONDITIONS];
    struct tro_spec_rule rules[TRO_SPEC_MAX_RULES];
};

/* What a reader of parts needs. */
struct tro_spec_reading {
    struct tro_yaml y;
    const struct tro_rules_opts *opts;
    struct tro_spec *spec;
    const struct tro_yaml_node *optional; /* networks that may be missing; NULL: none */
    bool is_depth_missing;
    int n_missing; /* places and facts that are left out with them */
    const char *missing[TRO_SPEC_MAX_PLACES + TRO_SPEC_MAX_FACTS];
};

/* Beside errors: what is read needs an optional network that is not there. It is no message; who
 * reads places, facts and rules leaves this one out. */
#define TRO_SPEC_MISSING (-100)

/* Reads and checks; out is the caller's, finish follows whatever is returned. */
int tro_spec_parse(const char *text, size_t n, const char *path, const struct tro_rules_opts *opts,
                   struct tro_spec *out, struct tro_err *err);
void tro_spec_finish(struct tro_spec *s);

/* ---- parts of the reader -------------------------------------------------------------------- */

/* "5 mm": a number and its unit; times may be in s or ms and come in ms. */
int tro_spec_quantity(const struct tro_yaml *y, const struct tro_yaml_node *node,
                      enum tro_unit unit, double *out);
int tro_spec_duration(const struct tro_yaml *y, const struct tro_yaml_node *node, double lo_ms,
                      double hi_ms, int64_t *out_ns);
/* Small letters, digits and '-'; a copy in the spec's arena. */
int tro_spec_name(struct tro_spec_reading *r, const struct tro_yaml_node *at, const char *name,
                  const char **out);
/* Index of a fact or place by its name. */
int tro_spec_find_fact(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       int *out);
int tro_spec_find_place(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                        int *out);
int tro_spec_find_network(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                          const char *name, size_t n, int *out);

int tro_spec_read_places(struct tro_spec_reading *r, const struct tro_yaml_node *node);
int tro_spec_read_facts(struct tro_spec_reading *r, const struct tro_yaml_node *node);
int tro_spec_read_rules(struct tro_spec_reading *r, const struct tro_yaml_node *node);
/* A tree of conditions; its place among the spec's. */
int tro_spec_read_condition(struct tro_spec_reading *r, const struct tro_yaml_node *node, int *out);
int tro_spec_read_text(struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       struct tro_spec_text *out, uint64_t *facts);

/* NETWORK.LABEL, or a list of such of one network, which finds some of these kinds (bits). */
int tro_spec_labels(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                    uint32_t kinds, struct tro_spec_labels *out);

/* Contradictions and rules that never speak (check.c). */
int tro_spec_check(const struct tro_spec_reading *r);

#endif
