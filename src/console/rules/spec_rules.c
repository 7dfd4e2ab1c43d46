/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions and rules of a file of rules. */
#include "console/rules/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- conditions ----------------------------------------------------------------------------- */

struct condition_nodes {
    const struct tro_yaml_node *fact, *unknown, *all, *any, *not, *above, *below, *until, *is;
    const struct tro_yaml_node *for_;
};

#define NODE(key, member)                                                                  \
    {                                                                                      \
        key, TRO_YAML_AS_NODE, offsetof(struct condition_nodes, member), 0, 0, NULL, false \
    }
static const struct tro_yaml_field condition_rows[] = {
    NODE("fact", fact), NODE("unknown", unknown), NODE("all", all),     NODE("any", any),
    NODE("not", not ),  NODE("above", above),     NODE("below", below), NODE("until", until),
    NODE("is", is),     NODE("for", for_),        {.key = NULL}};
#undef NODE

static int read_for(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                    struct tro_spec_condition *c)
{
    int frames = 0, end = 0;
    if (node->kind == TRO_YAML_SCALAR && strlen(node->text) < 32 &&
        sscanf(node->text, "%9d frames%n", &frames, &end) == 1 && end && !node->text[end]) {
        if (frames < 2 || frames > 10000)
            return tro_yaml_fail(&r->y, node, "expected 2 frames to 10000 frames, found '%s'",
                                 node->text);
        c->for_frames = frames;
        return 0;
    }
    return tro_spec_duration(&r->y, node, 1, 600000, &c->for_ns);
}

static int read_limit(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                      const struct tro_spec_fact *f, bool *has, double *out)
{
    *has = node != NULL;
    if (!node)
        return 0;
    if (tro_fact_row(f->kind)->type != TRO_FACT_IS_NUMBER)
        return tro_yaml_fail(&r->y, node, "expected the key is with '%s', which is no number",
                             f->name);
    TRO_TRY(tro_spec_quantity(&r->y, node, f->unit, out));
    *out = (double)(float)*out; /* as values are, so that one that equals it is not beyond it */
    return 0;
}

/* The limit it comes back over must lie on the other side. */
static int check_until(const struct tro_spec_reading *r, const struct condition_nodes *in,
                       const struct tro_spec_condition *c)
{
    if (!c->has_until)
        return 0;
    if (c->has_above == c->has_below)
        return tro_yaml_fail(&r->y, in->until, "expected until with either above or below");
    if (c->has_above ? c->until <= c->above : c->until >= c->below)
        return 0;
    return tro_yaml_fail(&r->y, in->until, "expected at %s '%s', found '%s'",
                         c->has_above ? "most" : "least",
                         c->has_above ? in->above->text : in->below->text, in->until->text);
}

static int read_word(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     const char *const *words, uint8_t *out)
{
    int word = 0;
    TRO_TRY(tro_yaml_choice(&r->y, node, words, &word));
    *out |= (uint8_t)(1u << word);
    return 0;
}

static int read_words(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                      const struct tro_spec_fact *f, struct tro_spec_condition *c)
{
    const char *const *const words = tro_fact_words(tro_fact_row(f->kind)->type);
    if (!words)
        return tro_yaml_fail(&r->y, node, "expected above or below with '%s', which is a number",
                             f->name);
    if (node->kind == TRO_YAML_SCALAR)
        return read_word(r, node, words, &c->words);
    TRO_TRY(tro_yaml_want_list(&r->y, node, 1, 8));
    for (const struct tro_yaml_node *e = node->first; e; e = e->next)
        TRO_TRY(read_word(r, e, words, &c->words));
    return 0;
}

static int read_comparison(const struct tro_spec_reading *r, const struct condition_nodes *in,
                           struct tro_spec_condition *c)
{
    TRO_TRY(tro_spec_find_fact(r, in->fact, &c->fact));
    const struct tro_spec_fact *const f = &r->spec->facts[c->fact];
    TRO_TRY(read_limit(r, in->above, f, &c->has_above, &c->above));
    TRO_TRY(read_limit(r, in->below, f, &c->has_below, &c->below));
    TRO_TRY(read_limit(r, in->until, f, &c->has_until, &c->until));
    TRO_TRY(check_until(r, in, c));
    if (in->is)
        return read_words(r, in->is, f, c);
    if (!in->above && !in->below)
        return tro_yaml_fail(&r->y, c->node, "expected one of the keys above, below, is with '%s'",
                             f->name);
    return 0;
}

static int read_unknown(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                        struct tro_spec_condition *c)
{
    int fact = 0;
    if (node->kind == TRO_YAML_SCALAR) {
        TRO_TRY(tro_spec_find_fact(r, node, &fact));
        c->unknown = (uint64_t)1 << fact;
        return 0;
    }
    TRO_TRY(tro_yaml_want_list(&r->y, node, 1, TRO_SPEC_MAX_FACTS));
    for (const struct tro_yaml_node *e = node->first; e; e = e->next) {
        TRO_TRY(tro_spec_find_fact(r, e, &fact));
        c->unknown |= (uint64_t)1 << fact;
    }
    return 0;
}

static int read_children(struct tro_spec_reading *r, const struct tro_yaml_node *list, int parent)
{
    int last = -1, child = -1;
    TRO_TRY(tro_yaml_want_list(&r->y, list, 1, 64));
    for (const struct tro_yaml_node *e = list->first; e; e = e->next) {
        TRO_TRY(tro_spec_read_condition(r, e, &child));
        if (last < 0)
            r->spec->conditions[parent].child = child;
        else
            r->spec->conditions[last].next = child;
        r->spec->conditions[parent].facts |= r->spec->conditions[child].facts;
        last = child;
    }
    return 0;
}

static int read_not(struct tro_spec_reading *r, const struct tro_yaml_node *node, int parent)
{
    int child = -1;
    TRO_TRY(tro_spec_read_condition(r, node, &child));
    r->spec->conditions[parent].child = child;
    r->spec->conditions[parent].facts = r->spec->conditions[child].facts;
    return 0;
}

/* Which of the five forms it is; comparisons have keys of their own. */
static int find_form(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     const struct condition_nodes *in, enum tro_condition_kind *out)
{
    const struct tro_yaml_node *const forms[] = {[TRO_IF_FACT] = in->fact,
                                                 [TRO_IF_UNKNOWN] = in->unknown,
                                                 [TRO_IF_ALL] = in->all,
                                                 [TRO_IF_ANY] = in->any,
                                                 [TRO_IF_NOT] = in->not };
    const struct tro_yaml_node *const own[] = {in->above, in->below, in->until, in->is};
    int n = 0;
    for (int i = TRO_IF_FACT; i <= TRO_IF_NOT; i++) {
        if (forms[i]) {
            *out = (enum tro_condition_kind)i;
            n++;
        }
    }
    if (n != 1)
        return tro_yaml_fail(&r->y, node,
                             "expected one of the keys fact, unknown, all, any, not, found %d of "
                             "them",
                             n);
    for (int i = 0; i < 4 && *out != TRO_IF_FACT; i++)
        if (own[i])
            return tro_yaml_fail(&r->y, own[i], "expected no such key without fact");
    if (in->is && (in->above || in->below || in->until))
        return tro_yaml_fail(&r->y, in->is, "expected no such key with above, below or until");
    return 0;
}

int tro_spec_read_condition(struct tro_spec_reading *r, const struct tro_yaml_node *node, int *out)
{
    struct condition_nodes in = {0};
    struct tro_spec_condition c = {.fact = -1, .child = -1, .next = -1, .node = node};
    TRO_TRY(tro_yaml_fields(&r->y, node, condition_rows, &in));
    TRO_TRY(find_form(r, node, &in, &c.kind));
    if (r->spec->n_conditions == TRO_SPEC_MAX_CONDITIONS)
        return tro_yaml_fail(&r->y, node, "expected at most %d conditions, found more",
                             TRO_SPEC_MAX_CONDITIONS);
    if (in.for_)
        TRO_TRY(read_for(r, in.for_, &c));
    if (in.fact)
        TRO_TRY(read_comparison(r, &in, &c));
    if (in.unknown)
        TRO_TRY(read_unknown(r, in.unknown, &c));
    c.facts = c.unknown | (c.fact >= 0 ? (uint64_t)1 << c.fact : 0);
    const int at = *out = r->spec->n_conditions++;
    r->spec->conditions[at] = c;
    if (in.all || in.any)
        return read_children(r, in.all ? in.all : in.any, at);
    return in.not ? read_not(r, in.not, at) : 0;
}

/* ---- drawings ------------------------------------------------------------------------------- */

struct colour {
    const char *name;
    uint8_t rgb[3];
};

static const struct colour colours[] = {{"yellow", {255, 210, 60}}, {"red", {255, 80, 70}},
                                        {"green", {90, 220, 120}},  {"blue", {90, 160, 255}},
                                        {"orange", {255, 160, 50}}, {"cyan", {80, 220, 230}},
                                        {"white", {255, 255, 255}}};
static const char *const colour_names[] = {"yellow", "red",  "green", "blue",
                                           "orange", "cyan", "white", NULL};

struct draw_nodes {
    const struct tro_yaml_node *kind[TRO_N_DRAWS], *radius;
    int colour;
};

static const struct tro_yaml_field draw_rows[] = {
#define DRAW_ROW(id, key)                                                \
    {key,                                                                \
     TRO_YAML_AS_NODE,                                                   \
     offsetof(struct draw_nodes, kind) + TRO_DRAW_##id * sizeof(void *), \
     0,                                                                  \
     0,                                                                  \
     NULL,                                                               \
     false},
    TRO_DRAWS(DRAW_ROW)
#undef DRAW_ROW
        {"radius", TRO_YAML_AS_NODE, offsetof(struct draw_nodes, radius), 0, 0, NULL, false},
    {"colour", TRO_YAML_AS_CHOICE, offsetof(struct draw_nodes, colour), 0, 0, colour_names, false},
    {.key = NULL}};

static int read_circle(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                       const struct draw_nodes *in, struct tro_spec_draw *d)
{
    double radius = 0;
    TRO_TRY(tro_spec_find_place(r, in->kind[TRO_DRAW_CIRCLE], &d->place));
    if (r->spec->places[d->place].kind == TRO_PLACE_SURFACE)
        return tro_yaml_fail(&r->y, in->kind[TRO_DRAW_CIRCLE],
                             "expected a place of one point, found the surface '%s'",
                             r->spec->places[d->place].name);
    if (!in->radius)
        return tro_yaml_fail(&r->y, map, "expected the key radius, which is missing");
    TRO_TRY(tro_spec_quantity(&r->y, in->radius, TRO_UNIT_PX, &radius));
    if (!(radius >= 1 && radius <= TRO_FINDINGS_MAX_PLACE))
        return tro_yaml_fail(&r->y, in->radius, "expected 1 px or more, found '%.60s'",
                             in->radius->text);
    d->radius_px = (float)radius;
    return 0;
}

static int read_drawn_fact(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                           struct tro_spec_draw *d)
{
    TRO_TRY(tro_spec_find_fact(r, node, &d->fact));
    const struct tro_spec_fact *const f = &r->spec->facts[d->fact];
    const bool is_path = f->kind == TRO_FACT_PATH;
    const bool has_two = tro_fact_row(f->kind)->n_places == 2;
    if (d->kind == TRO_DRAW_PATH ? is_path : has_two && !is_path)
        return 0;
    return tro_yaml_fail(
        &r->y, node,
        d->kind == TRO_DRAW_PATH
            ? "expected a path, found '%s', which is none"
            : "expected a distance, direction, angle or roll, found '%s', which is "
              "none",
        f->name);
}

static int read_draw(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     struct tro_spec_rule *rule)
{
    struct draw_nodes in = {0};
    struct tro_spec_draw d = {.fact = -1, .place = -1};
    int n = 0;
    TRO_TRY(tro_yaml_fields(&r->y, node, draw_rows, &in));
    for (int i = 0; i < TRO_N_DRAWS; i++) {
        if (in.kind[i]) {
            d.kind = (enum tro_draw_kind)i;
            n++;
        }
    }
    if (n != 1)
        return tro_yaml_fail(&r->y, node,
                             "expected one of the keys path, arrow, circle, found %d "
                             "of them",
                             n);
    if (in.radius && d.kind != TRO_DRAW_CIRCLE)
        return tro_yaml_fail(&r->y, in.radius, "expected no such key without circle");
    TRO_TRY(d.kind == TRO_DRAW_CIRCLE ? read_circle(r, node, &in, &d)
                                      : read_drawn_fact(r, in.kind[d.kind], &d));
    memcpy(d.rgb, colours[in.colour].rgb, sizeof d.rgb);
    rule->draw[rule->n_draw++] = d;
    if (d.fact >= 0)
        rule->shown_facts |= (uint64_t)1 << d.fact;
    else
        rule->shown_places |= 1u << d.place;
    return 0;
}

/* ---- rules ---------------------------------------------------------------------------------- */

struct rule_nodes {
    const char *name;
    int priority;
    const struct tro_yaml_node *when, *unless, *every, *say, *draw;
};

static const struct tro_yaml_field rule_rows[] = {
    {"name", TRO_YAML_AS_TEXT, offsetof(struct rule_nodes, name), 1, 63, NULL, true},
    {"priority", TRO_YAML_AS_INT, offsetof(struct rule_nodes, priority), 0, 100, NULL, true},
    {"when", TRO_YAML_AS_NODE, offsetof(struct rule_nodes, when), 0, 0, NULL, true},
    {"unless", TRO_YAML_AS_NODE, offsetof(struct rule_nodes, unless), 0, 0, NULL, false},
    {"every", TRO_YAML_AS_NODE, offsetof(struct rule_nodes, every), 0, 0, NULL, false},
    {"say", TRO_YAML_AS_NODE, offsetof(struct rule_nodes, say), 0, 0, NULL, true},
    {"draw", TRO_YAML_AS_NODE, offsetof(struct rule_nodes, draw), 0, 0, NULL, false},
    {.key = NULL}};

struct say_nodes {
    const struct tro_yaml_node *text[TRO_N_LANGUAGES];
};

static const struct tro_yaml_field say_rows[] = {
#define SAY_ROW(id, code)                                                   \
    {code,                                                                  \
     TRO_YAML_AS_NODE,                                                      \
     offsetof(struct say_nodes, text) + TRO_LANGUAGE_##id * sizeof(void *), \
     0,                                                                     \
     0,                                                                     \
     NULL,                                                                  \
     true},
    TRO_LANGUAGES(SAY_ROW)
#undef SAY_ROW
        {.key = NULL}};

static int read_say(struct tro_spec_reading *r, const struct tro_yaml_node *node,
                    struct tro_spec_rule *rule)
{
    struct say_nodes say = {0};
    TRO_TRY(tro_yaml_fields(&r->y, node, say_rows, &say));
    for (int i = 0; i < TRO_N_LANGUAGES; i++)
        TRO_TRY(tro_spec_read_text(r, say.text[i], &rule->say[i], &rule->shown_facts));
    return 0;
}

static int check_rule_name(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                           const char *name)
{
    for (int i = 0; i < r->spec->n_rules; i++)
        if (strcmp(r->spec->rules[i].name, name) == 0)
            return tro_yaml_fail(
                &r->y, node,
                "expected a name of its own, found '%s', which is the rule of line "
                "%d",
                name, r->spec->rules[i].line);
    return 0;
}

static int read_rule(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    struct rule_nodes in = {0};
    struct tro_spec_rule *const rule = &r->spec->rules[r->spec->n_rules];
    TRO_TRY(tro_yaml_fields(&r->y, node, rule_rows, &in));
    *rule = (struct tro_spec_rule){
        .priority = in.priority, .line = node->line, .unless = -1, .node = node};
    const struct tro_yaml_node *const name = tro_yaml_get(node, "name");
    TRO_TRY(tro_spec_name(r, name, in.name, &rule->name));
    TRO_TRY(check_rule_name(r, name, in.name));
    TRO_TRY(tro_spec_read_condition(r, in.when, &rule->when));
    rule->reason_facts = r->spec->conditions[rule->when].facts;
    if (in.unless)
        TRO_TRY(tro_spec_read_condition(r, in.unless, &rule->unless));
    rule->bar_facts = in.unless ? r->spec->conditions[rule->unless].facts : 0;
    if (in.every)
        TRO_TRY(tro_spec_duration(&r->y, in.every, 1, 3600000, &rule->every_ns));
    TRO_TRY(read_say(r, in.say, rule));
    if (in.draw) {
        TRO_TRY(tro_yaml_want_list(&r->y, in.draw, 1, TRO_SENTENCE_MAX_DRAW));
        for (const struct tro_yaml_node *e = in.draw->first; e; e = e->next)
            TRO_TRY(read_draw(r, e, rule));
    }
    r->spec->n_rules++;
    return 0;
}

int tro_spec_read_rules(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    TRO_TRY(tro_yaml_want_list(&r->y, node, 1, TRO_SPEC_MAX_RULES));
    for (const struct tro_yaml_node *e = node->first; e; e = e->next) {
        const int n_conditions = r->spec->n_conditions;
        const int rc = read_rule(r, e);
        if (rc == TRO_SPEC_MISSING)
            r->spec->n_conditions = n_conditions;
        else
            TRO_TRY(rc);
    }
    return 0;
}
