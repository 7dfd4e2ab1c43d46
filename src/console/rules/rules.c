/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/rules.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "console/rules/facts.h"
#include "console/rules/say.h"
#include "console/rules/spec.h"

enum truth { IS_FALSE, IS_TRUE, IS_UNKNOWN };

/* What a condition remembers. */
struct memory {
    bool holds;                   /* of one with `until` */
    bool is_running, is_unknown;  /* for `for`: true without a break; not known just now */
    int n_frames;                 /* in so many frames */
    uint64_t frame;               /* the last of them */
    int64_t since_ns, unknown_ns; /* since when */
};

struct rule_now {
    enum tro_rule_state state;
    enum truth when, unless;
    bool has_begun;
    int64_t began_ns, true_ns; /* when it began last, was true last */
    uint64_t n_begun;
};

struct tro_rules {
    struct tro_spec spec;
    struct tro_facts facts;
    struct memory memory[TRO_SPEC_MAX_CONDITIONS];
    struct rule_now rules[TRO_SPEC_MAX_RULES];
    int speaking; /* rule; -1: none */
    uint32_t last_id;
    int64_t said_ns; /* when its numbers were filled in last */
    struct tro_sentence sentence, next;
};

const char *tro_rule_state_name(enum tro_rule_state s)
{
    static const char *const names[] = {
#define TRO_RULE_STATE_NAME(id, name) name,
        TRO_RULE_STATES(TRO_RULE_STATE_NAME)
#undef TRO_RULE_STATE_NAME
    };
    return names[s];
}

/* ---- life ----------------------------------------------------------------------------------- */

struct tro_rules *tro_rules_parse(const char *text, size_t n, const char *path,
                                  const struct tro_rules_opts *opts, struct tro_err *err)
{
    struct tro_rules *const r = tro_calloc(1, sizeof *r);
    if (!r) {
        tro_fail_nomem(err);
        return NULL;
    }
    r->speaking = -1;
    if (tro_spec_parse(text, n, path, opts, &r->spec, err) < 0 ||
        tro_facts_init(&r->facts, &r->spec, err) < 0) {
        tro_rules_destroy(r);
        return NULL;
    }
    return r;
}

struct tro_rules *tro_rules_load(const char *path, const struct tro_rules_opts *opts,
                                 struct tro_err *err)
{
    struct tro_file f;
    if (tro_file_read(&f, path, TRO_YAML_MAX_BYTES, err) < 0)
        return NULL;
    struct tro_rules *const r = tro_rules_parse(f.data, f.n_bytes, path, opts, err);
    tro_file_finish(&f);
    return r;
}

void tro_rules_destroy(struct tro_rules *r)
{
    if (!r)
        return;
    tro_facts_finish(&r->facts);
    tro_spec_finish(&r->spec);
    tro_free(r);
}

/* ---- conditions ----------------------------------------------------------------------------- */

static bool compare_number(const struct tro_spec_condition *c, struct memory *m, double value)
{
    const bool is_in = (!c->has_above || value > c->above) && (!c->has_below || value < c->below);
    const bool stays = c->has_until && m->holds &&
                       (c->has_above ? value >= c->until : value <= c->until);
    m->holds = is_in || stays;
    return m->holds;
}

static enum truth test_fact(const struct tro_rules *r, const struct tro_spec_condition *c,
                            struct memory *m)
{
    const struct tro_fact_now *const fact = &r->facts.facts[c->fact];
    if (fact->basis.status == TRO_FACT_UNKNOWN)
        return IS_UNKNOWN;
    if (fact->basis.status == TRO_FACT_ABSENT) {
        m->holds = false;
        return IS_FALSE;
    }
    if (c->words)
        return c->words >> (int)fact->value & 1 ? IS_TRUE : IS_FALSE;
    return compare_number(c, m, (double)fact->value) ? IS_TRUE : IS_FALSE;
}

static enum truth test_unknown(const struct tro_rules *r, const struct tro_spec_condition *c)
{
    for (int i = 0; i < r->spec.n_facts; i++)
        if (c->unknown >> i & 1 && r->facts.facts[i].basis.status == TRO_FACT_UNKNOWN)
            return IS_TRUE;
    return IS_FALSE;
}

static enum truth test(struct tro_rules *r, int condition);

/* One child settles it (false of all, true of any), else one that is unknown. All are looked at,
 * since each remembers. */
static enum truth test_children(struct tro_rules *r, const struct tro_spec_condition *c,
                                enum truth settles, enum truth otherwise)
{
    bool is_settled = false, is_unknown = false;
    for (int i = c->child; i >= 0; i = r->spec.conditions[i].next) {
        const enum truth t = test(r, i);
        is_settled |= t == settles;
        is_unknown |= t == IS_UNKNOWN;
    }
    return is_settled ? settles : is_unknown ? IS_UNKNOWN : otherwise;
}

static enum truth test_not(struct tro_rules *r, const struct tro_spec_condition *c)
{
    const enum truth t = test(r, c->child);
    return t == IS_UNKNOWN ? IS_UNKNOWN : t == IS_TRUE ? IS_FALSE : IS_TRUE;
}

/* What is not known for a moment does not break it and does not count. */
static enum truth wait_unknown(const struct tro_rules *r, struct memory *m)
{
    if (!m->is_unknown)
        m->unknown_ns = r->facts.now_ns;
    m->is_unknown = true;
    if (r->facts.now_ns - m->unknown_ns > r->spec.patience_ns)
        m->is_running = false;
    return IS_UNKNOWN;
}

/* The newest frame that what it looks at was found in: networks that run seldom count seldom. */
static uint64_t frame_of(const struct tro_rules *r, uint64_t facts)
{
    uint64_t frame = 0;
    for (int i = 0; i < r->spec.n_facts; i++) {
        const struct tro_basis *const b = &r->facts.facts[i].basis;
        for (int k = 0; facts >> i & 1 && k < b->n_from; k++)
            frame = b->from[k].frame > frame ? b->from[k].frame : frame;
    }
    return frame;
}

/* True only when it has been so for long enough, or in enough frames, without a break. */
static enum truth wait(const struct tro_rules *r, const struct tro_spec_condition *c,
                       struct memory *m, enum truth t)
{
    if (t == IS_UNKNOWN)
        return wait_unknown(r, m);
    if (t == IS_FALSE || !m->is_running)
        *m = (struct memory){
            .holds = m->holds, .is_running = t == IS_TRUE, .since_ns = r->facts.now_ns};
    if (t == IS_FALSE)
        return IS_FALSE;
    if (m->is_unknown)
        m->since_ns += r->facts.now_ns - m->unknown_ns;
    m->is_unknown = false;
    const uint64_t frame = frame_of(r, c->facts);
    if (frame > m->frame) {
        m->frame = frame;
        m->n_frames++;
    }
    const bool is_over = c->for_frames ? m->n_frames >= c->for_frames
                                       : r->facts.now_ns - m->since_ns >= c->for_ns;
    return is_over ? IS_TRUE : IS_FALSE;
}

static enum truth test(struct tro_rules *r, int condition)
{
    const struct tro_spec_condition *const c = &r->spec.conditions[condition];
    struct memory *const m = &r->memory[condition];
    enum truth t = IS_FALSE;
    switch (c->kind) {
    case TRO_IF_FACT:
        t = test_fact(r, c, m);
        break;
    case TRO_IF_UNKNOWN:
        t = test_unknown(r, c);
        break;
    case TRO_IF_ALL:
        t = test_children(r, c, IS_FALSE, IS_TRUE);
        break;
    case TRO_IF_ANY:
        t = test_children(r, c, IS_TRUE, IS_FALSE);
        break;
    case TRO_IF_NOT:
        t = test_not(r, c);
        break;
    }
    return c->for_frames || c->for_ns ? wait(r, c, m, t) : t;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static bool is_shown_known(struct tro_rules *r, const struct tro_spec_rule *rule)
{
    tro_facts_need(&r->facts, rule->shown_facts);
    for (int i = 0; i < r->spec.n_facts; i++)
        if (rule->shown_facts >> i & 1 && r->facts.facts[i].basis.status != TRO_FACT_KNOWN)
            return false;
    for (int i = 0; i < r->spec.n_places; i++)
        if (rule->shown_places >> i & 1 && r->facts.places[i].basis.status != TRO_FACT_KNOWN)
            return false;
    return true;
}

static enum tro_rule_state judge(struct tro_rules *r, int i)
{
    const struct tro_spec_rule *const rule = &r->spec.rules[i];
    const struct rule_now *const now = &r->rules[i];
    if (now->when == IS_FALSE)
        return TRO_RULE_FALSE;
    if (now->when == IS_TRUE && now->unless == IS_TRUE)
        return TRO_RULE_BARRED;
    if (now->when == IS_UNKNOWN || now->unless == IS_UNKNOWN || !is_shown_known(r, rule))
        return TRO_RULE_INSUFFICIENT;
    if (i != r->speaking && now->has_begun && r->facts.now_ns - now->began_ns < rule->every_ns)
        return TRO_RULE_RESTING;
    return TRO_RULE_WAITING;
}

/* One that speaks may go on for a moment when it is not known whether it is true. */
static bool may_speak(const struct tro_rules *r, int i)
{
    const struct rule_now *const now = &r->rules[i];
    return now->state == TRO_RULE_WAITING ||
           (now->state == TRO_RULE_INSUFFICIENT && i == r->speaking &&
            r->facts.now_ns - now->true_ns <= r->spec.patience_ns);
}

/* The most urgent one; of equals who speaks already, then who stands first. */
static int choose(const struct tro_rules *r)
{
    int best = -1;
    for (int i = 0; i < r->spec.n_rules; i++) {
        const int priority = r->spec.rules[i].priority;
        if (!may_speak(r, i))
            continue;
        if (best < 0 || priority < r->spec.rules[best].priority ||
            (priority == r->spec.rules[best].priority && i == r->speaking))
            best = i;
    }
    return best;
}

static int test_rules(struct tro_rules *r)
{
    for (int i = 0; i < r->spec.n_rules; i++) {
        const struct tro_spec_rule *const rule = &r->spec.rules[i];
        r->rules[i].when = test(r, rule->when);
        r->rules[i].unless = rule->unless >= 0 ? test(r, rule->unless) : IS_FALSE;
        r->rules[i].state = judge(r, i);
        if (r->rules[i].state == TRO_RULE_WAITING)
            r->rules[i].true_ns = r->facts.now_ns;
    }
    return choose(r);
}

/* ---- the sentence --------------------------------------------------------------------------- */

static void begin(struct tro_rules *r, int rule)
{
    r->rules[rule].has_begun = true;
    r->rules[rule].began_ns = r->facts.now_ns;
    r->rules[rule].n_begun++;
    r->speaking = rule;
    memset(&r->sentence, 0, sizeof r->sentence);
    r->sentence.id = ++r->last_id;
    r->sentence.made_ns = r->said_ns = r->facts.now_ns;
    tro_say(&r->facts, &r->spec.rules[rule], &r->sentence);
}

/* New numbers, unless they changed a moment ago. */
static bool refresh(struct tro_rules *r)
{
    if (r->facts.now_ns - r->said_ns < r->spec.refresh_ns)
        return false;
    r->next = r->sentence;
    tro_say(&r->facts, &r->spec.rules[r->speaking], &r->next);
    const bool has_changed = memcmp(r->next.text, r->sentence.text, sizeof r->next.text) != 0;
    r->sentence = r->next;
    r->said_ns = r->facts.now_ns;
    return has_changed;
}

static enum tro_rules_event speak(struct tro_rules *r, int rule)
{
    enum tro_rules_event event = TRO_RULES_SAME;
    if (rule < 0) {
        event = r->speaking < 0 ? TRO_RULES_SAME : TRO_RULES_ENDED;
        r->speaking = -1;
        memset(&r->sentence, 0, sizeof r->sentence);
        return event;
    }
    if (r->rules[rule].state == TRO_RULE_INSUFFICIENT)
        return TRO_RULES_SAME; /* for a moment, as it was */
    if (rule != r->speaking) {
        begin(r, rule);
        event = TRO_RULES_BEGAN;
    } else if (refresh(r)) {
        event = TRO_RULES_CHANGED;
    }
    r->rules[rule].state = TRO_RULE_SPEAKING;
    r->sentence.seen_ns = r->facts.now_ns;
    tro_say_draw(&r->facts, &r->spec.rules[rule], &r->sentence);
    return event;
}

enum tro_rules_event tro_rules_feed(struct tro_rules *r, const struct tro_findings *f,
                                    struct tro_sentence *out)
{
    enum tro_rules_event event = TRO_RULES_SAME;
    if (tro_facts_put(&r->facts, f))
        event = speak(r, test_rules(r));
    *out = r->sentence;
    return event;
}

/* ---- what is known of them ------------------------------------------------------------------ */

int tro_rules_n(const struct tro_rules *r)
{
    return r->spec.n_rules;
}

struct tro_rule_info tro_rules_info(const struct tro_rules *r, int rule)
{
    const struct tro_spec_rule *const spec = &r->spec.rules[rule];
    const uint64_t facts = (spec->reason_facts | spec->bar_facts | spec->shown_facts) &
                           ~r->facts.due;
    struct tro_rule_info info = {
        .name = spec->name, .state = r->rules[rule].state, .n_begun = r->rules[rule].n_begun};
    for (int i = 0; i < r->spec.n_facts && info.state == TRO_RULE_INSUFFICIENT; i++) {
        const struct tro_basis *const b = &r->facts.facts[i].basis;
        if (facts >> i & 1 && b->status == TRO_FACT_UNKNOWN) {
            info.fact = r->spec.facts[i].name;
            info.why = b->why;
            break;
        }
    }
    return info;
}
