/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that can never be true, rules that never speak.
 *
 * A set of situations is a list of alternatives; an alternative says of each fact which states and
 * values it may have. Of a condition there are four sets: where it can be true, false, not true
 * (false or unknown) and not false. Each is the widest one: hysteresis and `for` depend on what was
 * before, so that a comparison can be true down to `until`, and one with `for` false although what
 * it asks is so. What is empty at its widest is empty.
 */
#include "console/rules/spec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define MAX_ALTERNATIVES 1024
#define MAX_STEPS 1000000 /* alternatives made, of the whole file */

enum { KNOWN = 1, ABSENT = 2, UNKNOWN = 4, ANY_STATE = 7 };

/* What one fact may be. A known number lies between lo and hi, a known word is one of the mask. */
struct allowed {
    uint8_t states, words;
    bool is_above, is_below; /* beyond the limit itself */
    double lo, hi;
};

struct set {
    int n;
    size_t cap;
    struct allowed *items; /* n times n_facts */
    bool has_conflict;     /* an alternative died of this fact, when no other is left */
    int conflict;
};

enum side { CAN_TRUE, CAN_FALSE, CAN_NOT_TRUE, CAN_NOT_FALSE };

struct search {
    const struct tro_spec_reading *r;
    const struct tro_spec *spec;
    int n_facts, n_steps;
    const struct tro_yaml_node *node; /* that is looked at, for messages */
};

static void set_finish(struct set *s)
{
    tro_free(s->items);
    *s = (struct set){0};
}

/* ---- alternatives --------------------------------------------------------------------------- */

static int set_add(struct search *search, struct set *s, const struct allowed *alternative)
{
    const size_t n = (size_t)search->n_facts;
    if (++search->n_steps > MAX_STEPS || s->n == MAX_ALTERNATIVES)
        return tro_yaml_fail(&search->r->y, search->node,
                             "expected a condition that is less involved: it has too many "
                             "alternatives to check");
    if ((size_t)s->n == s->cap) {
        const size_t cap = s->cap ? s->cap * 2 : 4;
        struct allowed *const items = tro_realloc(s->items, cap * n * sizeof *items);
        if (!items)
            return tro_fail_nomem(search->r->y.err);
        s->items = items;
        s->cap = cap;
    }
    memcpy(s->items + (size_t)s->n++ * n, alternative, n * sizeof *alternative);
    return 0;
}

/* All that facts can be. */
static void fill_any(const struct search *search, struct allowed *out)
{
    for (int i = 0; i < search->n_facts; i++) {
        const struct tro_fact_row *const row = tro_fact_row(search->spec->facts[i].kind);
        out[i] = (struct allowed){.states = ANY_STATE, .words = 0xff, .lo = row->lo, .hi = row->hi};
    }
}

static int set_any(struct search *search, struct set *out)
{
    struct allowed any[TRO_SPEC_MAX_FACTS];
    fill_any(search, any);
    return set_add(search, out, any);
}

static bool is_empty_range(const struct allowed *a)
{
    return a->lo > a->hi || (!(a->lo < a->hi) && (a->is_above || a->is_below)) || !a->words;
}

static struct allowed both(const struct allowed *a, const struct allowed *b)
{
    struct allowed c = *a;
    c.states &= b->states;
    c.words &= b->words;
    if (b->lo > a->lo || (!(b->lo < a->lo) && b->is_above)) {
        c.lo = b->lo;
        c.is_above = b->is_above;
    }
    if (b->hi < a->hi || (!(b->hi > a->hi) && b->is_below)) {
        c.hi = b->hi;
        c.is_below = b->is_below;
    }
    if (is_empty_range(&c))
        c.states &= ABSENT | UNKNOWN;
    return c;
}

/* Adds what two alternatives have in common, unless that is nothing. */
static int add_common(struct search *search, const struct allowed *a, const struct allowed *b,
                      struct set *out)
{
    struct allowed c[TRO_SPEC_MAX_FACTS];
    for (int i = 0; i < search->n_facts; i++) {
        c[i] = both(&a[i], &b[i]);
        if (!c[i].states) {
            out->has_conflict = true;
            out->conflict = i;
            search->n_steps++;
            return 0;
        }
    }
    return set_add(search, out, c);
}

/* Both; ends a and b. */
static int set_and(struct search *search, struct set *a, struct set *b)
{
    const size_t n = (size_t)search->n_facts;
    struct set out = {.has_conflict = a->has_conflict || b->has_conflict,
                      .conflict = a->has_conflict ? a->conflict : b->conflict};
    int rc = 0;
    for (int i = 0; rc == 0 && i < a->n; i++)
        for (int k = 0; rc == 0 && k < b->n; k++)
            rc = add_common(search, a->items + (size_t)i * n, b->items + (size_t)k * n, &out);
    set_finish(a);
    set_finish(b);
    *a = out;
    return rc;
}

/* Either; ends b. */
static int set_or(struct search *search, struct set *a, struct set *b)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < b->n; i++)
        rc = set_add(search, a, b->items + (size_t)i * (size_t)search->n_facts);
    set_finish(b);
    return rc;
}

/* ---- comparisons ---------------------------------------------------------------------------- */

static int add_fact(struct search *search, struct set *out, int fact, struct allowed is)
{
    struct allowed a[TRO_SPEC_MAX_FACTS];
    fill_any(search, a);
    const struct allowed any = a[fact];
    a[fact] = both(&any, &is);
    if (a[fact].states)
        return set_add(search, out, a);
    out->has_conflict = true;
    out->conflict = fact;
    return 0;
}

/* Where the comparison can hold: from the limit on, or from `until` on while it holds. */
static struct allowed holds(const struct tro_spec_condition *c)
{
    struct allowed a = {.states = KNOWN, .words = 0xff, .lo = -INFINITY, .hi = INFINITY};
    if (c->has_above) {
        a.lo = c->has_until ? c->until : c->above;
        a.is_above = !c->has_until;
    }
    if (c->has_below) {
        a.hi = c->has_until ? c->until : c->below;
        a.is_below = !c->has_until;
    }
    if (c->words)
        a.words = c->words;
    return a;
}

/* Where it can fail: at the limit and before it; an absent fact fails. */
static int add_failures(struct search *search, const struct tro_spec_condition *c, uint8_t states,
                        struct set *out)
{
    const struct allowed all = {
        .states = KNOWN | states, .words = 0xff, .lo = -INFINITY, .hi = INFINITY};
    struct allowed a = all;
    if (c->words) {
        a.words = (uint8_t)~c->words;
        return add_fact(search, out, c->fact, a);
    }
    if (c->has_above) {
        a.hi = c->above;
        TRO_TRY(add_fact(search, out, c->fact, a));
    }
    a = all;
    a.lo = c->below;
    return c->has_below ? add_fact(search, out, c->fact, a) : 0;
}

static int set_of_fact(struct search *search, const struct tro_spec_condition *c, enum side side,
                       struct set *out)
{
    struct allowed a = holds(c);
    switch (side) {
    case CAN_FALSE:
        return add_failures(search, c, ABSENT, out);
    case CAN_NOT_TRUE:
        return add_failures(search, c, ABSENT | UNKNOWN, out);
    case CAN_NOT_FALSE:
        a.states |= UNKNOWN;
        break;
    case CAN_TRUE:
        break;
    }
    return add_fact(search, out, c->fact, a);
}

/* True: one of them is unknown. False: none is. It is never unknown itself. */
static int set_of_unknown(struct search *search, const struct tro_spec_condition *c, bool is_true,
                          struct set *out)
{
    struct allowed all[TRO_SPEC_MAX_FACTS];
    const struct allowed unknown = {
        .states = UNKNOWN, .words = 0xff, .lo = -INFINITY, .hi = INFINITY};
    fill_any(search, all);
    for (int i = 0; i < search->n_facts; i++) {
        if (!(c->unknown >> i & 1))
            continue;
        if (is_true)
            TRO_TRY(add_fact(search, out, i, unknown));
        all[i].states = KNOWN | ABSENT;
    }
    return is_true ? 0 : set_add(search, out, all);
}

/* ---- trees ---------------------------------------------------------------------------------- */

static int set_of(struct search *search, int condition, enum side side, struct set *out);

static int set_of_children(struct search *search, const struct tro_spec_condition *c,
                           enum side side, bool is_and, struct set *out)
{
    TRO_TRY(set_of(search, c->child, side, out));
    for (int i = search->spec->conditions[c->child].next; i >= 0;
         i = search->spec->conditions[i].next) {
        struct set next = {0};
        int rc = set_of(search, i, side, &next);
        if (rc == 0)
            rc = is_and ? set_and(search, out, &next) : set_or(search, out, &next);
        set_finish(&next);
        TRO_TRY(rc);
    }
    return 0;
}

static int set_of_now(struct search *search, const struct tro_spec_condition *c, enum side side,
                      struct set *out)
{
    static const enum side other[] = {[CAN_TRUE] = CAN_FALSE,
                                      [CAN_FALSE] = CAN_TRUE,
                                      [CAN_NOT_TRUE] = CAN_NOT_FALSE,
                                      [CAN_NOT_FALSE] = CAN_NOT_TRUE};
    const bool is_yes = side == CAN_TRUE || side == CAN_NOT_FALSE;
    switch (c->kind) {
    case TRO_IF_FACT:
        return set_of_fact(search, c, side, out);
    case TRO_IF_UNKNOWN:
        return set_of_unknown(search, c, is_yes, out);
    case TRO_IF_NOT:
        return set_of(search, c->child, other[side], out);
    default:
        return set_of_children(search, c, side, is_yes == (c->kind == TRO_IF_ALL), out);
    }
}

/* While it waits for its time a condition is false whatever it asks. */
static int set_of(struct search *search, int condition, enum side side, struct set *out)
{
    const struct tro_spec_condition *const c = &search->spec->conditions[condition];
    const bool waits = c->for_frames || c->for_ns;
    if (waits && (side == CAN_FALSE || side == CAN_NOT_TRUE))
        return set_any(search, out);
    return set_of_now(search, c, side, out);
}

/* ---- contradictions ------------------------------------------------------------------------- */

static int fail_contradiction(const struct search *search, const struct tro_yaml_node *node,
                              const struct set *s)
{
    return tro_yaml_fail(&search->r->y, node,
                         "expected a condition that can be true: what is asked of %s excludes "
                         "itself",
                         search->spec->facts[s->has_conflict ? s->conflict : 0].name);
}

static int check_condition(struct search *search, int condition)
{
    const struct tro_spec_condition *const c = &search->spec->conditions[condition];
    struct set s = {0};
    for (int i = c->kind == TRO_IF_NOT ? -1 : c->child; i >= 0;
         i = search->spec->conditions[i].next)
        TRO_TRY(check_condition(search, i));
    search->node = c->node;
    int rc = set_of(search, condition, CAN_TRUE, &s);
    if (rc == 0 && s.n == 0)
        rc = fail_contradiction(search, c->node, &s);
    set_finish(&s);
    return rc;
}

/* ---- rules ---------------------------------------------------------------------------------- */

/* What a sentence and its drawings show must be known. */
static int set_of_shown(struct search *search, const struct tro_spec_rule *rule, struct set *out)
{
    struct allowed a[TRO_SPEC_MAX_FACTS];
    fill_any(search, a);
    for (int i = 0; i < search->n_facts; i++)
        if (rule->shown_facts >> i & 1)
            a[i].states = KNOWN;
    return set_add(search, out, a);
}

/* Where a rule can be true: its condition, no contra-indication, all that it shows. */
static int set_of_rule(struct search *search, const struct tro_spec_rule *rule, struct set *out)
{
    struct set more = {0};
    TRO_TRY(set_of_shown(search, rule, out));
    int rc = set_of(search, rule->when, CAN_TRUE, &more);
    if (rc == 0)
        rc = set_and(search, out, &more);
    if (rc == 0 && rule->unless >= 0)
        rc = set_of(search, rule->unless, CAN_FALSE, &more);
    if (rc == 0 && rule->unless >= 0)
        rc = set_and(search, out, &more);
    set_finish(&more);
    return rc;
}

/* Where it can be other than true. */
static int set_of_no_rule(struct search *search, const struct tro_spec_rule *rule, struct set *out)
{
    const struct allowed not_shown = {
        .states = ABSENT | UNKNOWN, .words = 0xff, .lo = -INFINITY, .hi = INFINITY};
    struct set more = {0};
    TRO_TRY(set_of(search, rule->when, CAN_NOT_TRUE, out));
    for (int i = 0; i < search->n_facts; i++)
        if (rule->shown_facts >> i & 1)
            TRO_TRY(add_fact(search, out, i, not_shown));
    if (rule->shown_places || rule->every_ns)
        TRO_TRY(set_any(search, out));
    if (rule->unless < 0)
        return 0;
    int rc = set_of(search, rule->unless, CAN_NOT_FALSE, &more);
    if (rc == 0)
        rc = set_or(search, out, &more);
    set_finish(&more);
    return rc;
}

static int check_rule(struct search *search, const struct tro_spec_rule *rule)
{
    struct set s = {0};
    TRO_TRY(check_condition(search, rule->when));
    if (rule->unless >= 0)
        TRO_TRY(check_condition(search, rule->unless));
    search->node = rule->node;
    int rc = set_of_rule(search, rule, &s);
    if (rc == 0 && s.n == 0)
        rc = tro_yaml_fail(&search->r->y, rule->node,
                           "expected a rule that can speak: when, unless and what it shows ask of "
                           "%s what excludes itself",
                           search->spec->facts[s.has_conflict ? s.conflict : 0].name);
    set_finish(&s);
    return rc;
}

/* Is `first` true whenever `rule` is? */
static int check_covered(struct search *search, const struct tro_spec_rule *rule,
                         const struct tro_spec_rule *first)
{
    struct set s = {0}, without = {0};
    search->node = rule->node;
    int rc = set_of_rule(search, rule, &s);
    if (rc == 0)
        rc = set_of_no_rule(search, first, &without);
    if (rc == 0)
        rc = set_and(search, &s, &without);
    if (rc == 0 && s.n == 0)
        rc = tro_yaml_fail(&search->r->y, rule->node,
                           "expected a rule that can speak: whenever it is true, so is '%s' of "
                           "line %d, which goes first",
                           first->name, first->line);
    set_finish(&s);
    set_finish(&without);
    return rc;
}

static bool goes_first(const struct tro_spec_rule *a, const struct tro_spec_rule *b)
{
    return a->priority != b->priority ? a->priority < b->priority : a < b;
}

int tro_spec_check(const struct tro_spec_reading *r)
{
    struct search search = {.r = r, .spec = r->spec, .n_facts = r->spec->n_facts};
    for (int i = 0; i < r->spec->n_rules; i++)
        TRO_TRY(check_rule(&search, &r->spec->rules[i]));
    for (int i = 0; i < r->spec->n_rules; i++)
        for (int k = 0; k < r->spec->n_rules; k++)
            if (i != k && goes_first(&r->spec->rules[k], &r->spec->rules[i]))
                TRO_TRY(check_covered(&search, &r->spec->rules[i], &r->spec->rules[k]));
    return 0;
}
