/* SPDX-License-Identifier: Apache-2.0 */
/* Places and facts of a file of rules. */
#include "console/rules/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Which one of the keys a map has; the list is for the message. */
static int find_kind(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                     const struct tro_yaml_node *const *given, int n, const char *keys, int *out)
{
    int n_given = 0;
    for (int i = 0; i < n; i++) {
        if (given[i]) {
            *out = i;
            n_given++;
        }
    }
    return n_given == 1 ? 0
                        : tro_yaml_fail(&r->y, map, "expected one of the keys %s, found %d of them",
                                        keys, n_given);
}

static int refuse_option(const struct tro_spec_reading *r, const struct tro_yaml_node *option,
                         bool is_used, const char *kind)
{
    return option && !is_used ? tro_yaml_fail(&r->y, option, "expected no such key with %s", kind)
                              : 0;
}

/* A node that stands at the key of a member, for messages about its name. */
static struct tro_yaml_node at_key(const struct tro_yaml_node *member)
{
    struct tro_yaml_node at = *member;
    at.line = member->key_line;
    at.column = member->key_column;
    return at;
}

/* ---- places --------------------------------------------------------------------------------- */

struct place_nodes {
    const struct tro_yaml_node *kind[TRO_N_PLACES], *ends, *rest, *max_age, *min_score;
};

static const struct tro_yaml_field place_rows[] = {
#define PLACE_ROW(id, key)                                                 \
    {key,                                                                  \
     TRO_YAML_AS_NODE,                                                     \
     offsetof(struct place_nodes, kind) + TRO_PLACE_##id * sizeof(void *), \
     0,                                                                    \
     0,                                                                    \
     NULL,                                                                 \
     false},
    TRO_PLACES(PLACE_ROW)
#undef PLACE_ROW
        {"ends", TRO_YAML_AS_NODE, offsetof(struct place_nodes, ends), 0, 0, NULL, false},
    {"rest", TRO_YAML_AS_NODE, offsetof(struct place_nodes, rest), 0, 0, NULL, false},
    {"max_age", TRO_YAML_AS_NODE, offsetof(struct place_nodes, max_age), 0, 0, NULL, false},
    {"min_score", TRO_YAML_AS_NODE, offsetof(struct place_nodes, min_score), 0, 0, NULL, false},
    {.key = NULL}};

#define PLACE_KEY(id, key) ", " key
static const char place_keys[] = TRO_PLACES(PLACE_KEY);
#undef PLACE_KEY

static int one_label(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     uint32_t kinds, struct tro_spec_labels *out)
{
    if (node->kind == TRO_YAML_LIST)
        return tro_yaml_fail(&r->y, node, "expected one label, found a list of %d", node->n);
    return tro_spec_labels(r, node, kinds, out);
}

static int read_point(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                      struct tro_spec_place *p)
{
    double at[2];
    TRO_TRY(tro_yaml_want_list(&r->y, node, 2, 2));
    TRO_TRY(tro_yaml_number(&r->y, node->first, 0, 1, &at[0]));
    TRO_TRY(tro_yaml_number(&r->y, node->last, 0, 1, &at[1]));
    p->x = (float)at[0];
    p->y = (float)at[1];
    return 0;
}

static int read_tip(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                    const struct place_nodes *in, struct tro_spec_place *p)
{
    struct tro_spec_labels ends, rest = {0};
    TRO_TRY(one_label(r, in->kind[TRO_PLACE_TIP], TRO_KIND(BOX), &p->of));
    if (!in->ends)
        return tro_yaml_fail(&r->y, map, "expected the key ends, which is missing");
    TRO_TRY(tro_spec_labels(r, in->ends, TRO_KIND(MASK), &ends));
    if (in->rest)
        TRO_TRY(tro_spec_labels(r, in->rest, TRO_KIND(MASK), &rest));
    if (in->rest && rest.network != ends.network)
        return tro_yaml_fail(&r->y, in->rest, "expected labels of %s, as ends has",
                             r->opts->networks[ends.network].name);
    p->map = ends.network;
    p->ends = ends.set;
    p->rest = rest.set;
    return 0;
}

static int read_place_kind(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                           const struct place_nodes *in, struct tro_spec_place *p)
{
    const struct tro_yaml_node *const node = in->kind[p->kind];
    switch (p->kind) {
    case TRO_PLACE_TIP:
        return read_tip(r, map, in, p);
    case TRO_PLACE_BOX:
        return one_label(r, node, TRO_KIND(BOX), &p->of);
    case TRO_PLACE_LANDMARK:
        return one_label(r, node, TRO_KIND(LANDMARK), &p->of);
    case TRO_PLACE_MASK:
        return one_label(r, node, TRO_KIND(MASK), &p->of);
    case TRO_PLACE_SURFACE:
        return tro_spec_labels(r, node, TRO_KIND(MASK), &p->of);
    default:
        return read_point(r, node, p);
    }
}

/* A place or fact that is left out, whose name may still be used by what is left out too. */
static int leave_out(struct tro_spec_reading *r, int rc, const struct tro_yaml_node *member)
{
    if (rc != TRO_SPEC_MISSING)
        return rc;
    r->missing[r->n_missing++] = member->key;
    return 0;
}

static int read_max_age(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                        int64_t *out_ns)
{
    *out_ns = r->spec->max_age_ns;
    return node ? tro_spec_duration(&r->y, node, 1, 60000, out_ns) : 0;
}

static int read_min_score(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                          float *out)
{
    double score = (double)r->spec->geometry.min_score;
    if (node)
        TRO_TRY(tro_yaml_number(&r->y, node, 0, 1, &score));
    *out = (float)score;
    return 0;
}

static int read_place(struct tro_spec_reading *r, const struct tro_yaml_node *member)
{
    struct tro_spec_place p = {0};
    struct place_nodes in = {0};
    const struct tro_yaml_node key = at_key(member);
    int kind = 0;
    TRO_TRY(tro_spec_name(r, &key, member->key, &p.name));
    TRO_TRY(tro_yaml_fields(&r->y, member, place_rows, &in));
    TRO_TRY(find_kind(r, member, in.kind, TRO_N_PLACES, place_keys + 2, &kind));
    p.kind = (enum tro_place_kind)kind;
    const bool is_tip = p.kind == TRO_PLACE_TIP;
    TRO_TRY(refuse_option(r, in.ends, is_tip, "another kind than tip"));
    TRO_TRY(refuse_option(r, in.rest, is_tip, "another kind than tip"));
    TRO_TRY(read_max_age(r, in.max_age, &p.max_age_ns));
    TRO_TRY(read_min_score(r, in.min_score, &p.min_score));
    TRO_TRY(read_place_kind(r, member, &in, &p));
    if (p.kind != TRO_PLACE_POINT)
        p.networks = 1u << p.of.network | (is_tip ? 1u << p.map : 0);
    if (!is_tip)
        p.map = p.of.network;
    r->spec->places[r->spec->n_places++] = p;
    return 0;
}

static int want_few(const struct tro_spec_reading *r, const struct tro_yaml_node *map, int most)
{
    TRO_TRY(tro_yaml_want_map(&r->y, map));
    return map->n <= most
               ? 0
               : tro_yaml_fail(&r->y, map, "expected at most %d keys, found %d", most, map->n);
}

int tro_spec_read_places(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    TRO_TRY(want_few(r, node, TRO_SPEC_MAX_PLACES));
    for (const struct tro_yaml_node *m = node->first; m; m = m->next)
        TRO_TRY(leave_out(r, read_place(r, m), m));
    return 0;
}

/* ---- facts ---------------------------------------------------------------------------------- */

struct fact_nodes {
    const struct tro_yaml_node *kind[TRO_N_FACTS], *wanted, *avoid, *over, *round, *max_age;
};

static const struct tro_yaml_field fact_rows[] = {
#define FACT_ROW(id, key, type, unit, places, lo, hi)                    \
    {key,                                                                \
     TRO_YAML_AS_NODE,                                                   \
     offsetof(struct fact_nodes, kind) + TRO_FACT_##id * sizeof(void *), \
     0,                                                                  \
     0,                                                                  \
     NULL,                                                               \
     false},
    TRO_FACTS(FACT_ROW)
#undef FACT_ROW
        {"wanted", TRO_YAML_AS_NODE, offsetof(struct fact_nodes, wanted), 0, 0, NULL, false},
    {"avoid", TRO_YAML_AS_NODE, offsetof(struct fact_nodes, avoid), 0, 0, NULL, false},
    {"over", TRO_YAML_AS_NODE, offsetof(struct fact_nodes, over), 0, 0, NULL, false},
    {"round", TRO_YAML_AS_NODE, offsetof(struct fact_nodes, round), 0, 0, NULL, false},
    {"max_age", TRO_YAML_AS_NODE, offsetof(struct fact_nodes, max_age), 0, 0, NULL, false},
    {.key = NULL}};

#define FACT_KEY(id, key, type, unit, places, lo, hi) ", " key
static const char fact_keys[] = TRO_FACTS(FACT_KEY);
#undef FACT_KEY

static int read_two_places(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                           struct tro_spec_fact *f)
{
    const bool takes_surface = f->kind == TRO_FACT_DISTANCE || f->kind == TRO_FACT_DIRECTION;
    TRO_TRY(tro_yaml_want_list(&r->y, node, 2, 2));
    TRO_TRY(tro_spec_find_place(r, node->first, &f->place[0]));
    TRO_TRY(tro_spec_find_place(r, node->last, &f->place[1]));
    for (int i = 0; i < 2; i++) {
        const struct tro_spec_place *const p = &r->spec->places[f->place[i]];
        if (p->kind == TRO_PLACE_SURFACE && (i == 0 || !takes_surface))
            return tro_yaml_fail(&r->y, i ? node->last : node->first,
                                 "expected a place of one point, found the surface '%s'", p->name);
        f->networks |= p->networks;
    }
    return 0;
}

static int read_one_place(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                          struct tro_spec_fact *f)
{
    TRO_TRY(tro_spec_find_place(r, node, &f->place[0]));
    const struct tro_spec_place *const p = &r->spec->places[f->place[0]];
    if (p->kind == TRO_PLACE_SURFACE && f->kind == TRO_FACT_SIDE)
        return tro_yaml_fail(&r->y, node, "expected a place of one point, found the surface '%s'",
                             p->name);
    f->networks |= p->networks;
    return 0;
}

/* Lengths in space need depth and focal length: also the nearest point of a surface. */
static int check_space(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       struct tro_spec_fact *f)
{
    const bool has_surface = r->spec->places[f->place[1]].kind == TRO_PLACE_SURFACE;
    if (f->kind != TRO_FACT_DISTANCE && !(f->kind == TRO_FACT_DIRECTION && has_surface))
        return 0;
    if (r->is_depth_missing)
        return TRO_SPEC_MISSING;
    if (r->spec->depth < 0)
        return tro_yaml_fail(&r->y, node,
                             "expected the key depth at the top, which names the "
                             "network that measures");
    if (r->spec->geometry.focal_length <= 0)
        return tro_yaml_fail(&r->y, node,
                             "expected a configuration with source.focal_length, "
                             "without which nothing is measured in mm");
    f->networks |= 1u << r->spec->depth;
    return 0;
}

static int read_rate(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                     const struct fact_nodes *in, struct tro_spec_fact *f)
{
    TRO_TRY(tro_spec_find_fact(r, in->kind[TRO_FACT_RATE], &f->source));
    const struct tro_spec_fact *const of = &r->spec->facts[f->source];
    if (of->unit != TRO_UNIT_MM && of->unit != TRO_UNIT_PX)
        return tro_yaml_fail(&r->y, in->kind[TRO_FACT_RATE],
                             "expected a fact in mm or px, found '%s', which is not", of->name);
    if (!in->over)
        return tro_yaml_fail(&r->y, map, "expected the key over, which is missing");
    TRO_TRY(tro_spec_duration(&r->y, in->over, 50, 10000, &f->over_ns));
    f->unit = of->unit == TRO_UNIT_MM ? TRO_UNIT_MM_PER_S : TRO_UNIT_PX_PER_S;
    f->networks = of->networks;
    return 0;
}

static int read_labels(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       struct tro_spec_fact *f)
{
    if (f->kind == TRO_FACT_SHARE)
        TRO_TRY(tro_spec_labels(r, node, TRO_KIND(MASK), &f->of));
    else
        TRO_TRY(one_label(r, node,
                          f->kind == TRO_FACT_VALUE
                              ? TRO_KIND(SCALAR)
                              : TRO_KIND(MASK) | TRO_KIND(BOX) | TRO_KIND(LANDMARK),
                          &f->of));
    f->networks = 1u << f->of.network;
    return 0;
}

static int read_path(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     const struct fact_nodes *in, struct tro_spec_fact *f)
{
    TRO_TRY(read_two_places(r, node, f));
    if (!in->avoid)
        return tro_yaml_fail(&r->y, node->parent, "expected the key avoid, which is missing");
    TRO_TRY(tro_spec_labels(r, in->avoid, TRO_KIND(MASK), &f->of));
    f->networks |= 1u << f->of.network;
    return 0;
}

static int read_age(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                    struct tro_spec_fact *f)
{
    const char *name = NULL;
    TRO_TRY(tro_yaml_text(&r->y, node, 31, &name));
    TRO_TRY(tro_spec_find_network(r, node, name, strlen(name), &f->of.network));
    f->networks = 1u << f->of.network;
    return 0;
}

static int read_roll(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     const struct fact_nodes *in, struct tro_spec_fact *f)
{
    double deg = 0;
    TRO_TRY(read_two_places(r, node, f));
    if (!in->wanted)
        return tro_yaml_fail(&r->y, node->parent, "expected the key wanted, which is missing");
    TRO_TRY(tro_spec_quantity(&r->y, in->wanted, TRO_UNIT_DEG, &deg));
    if (!(deg >= -180 && deg <= 180))
        return tro_yaml_fail(&r->y, in->wanted, "expected -180 deg to 180 deg, found '%.60s'",
                             in->wanted->text);
    f->wanted_deg = (float)deg;
    return 0;
}

static int read_fact_kind(const struct tro_spec_reading *r, const struct tro_yaml_node *map,
                          const struct fact_nodes *in, struct tro_spec_fact *f)
{
    const struct tro_yaml_node *const node = in->kind[f->kind];
    switch (f->kind) {
    case TRO_FACT_VALUE:
    case TRO_FACT_SCORE:
    case TRO_FACT_SHARE:
        return read_labels(r, node, f);
    case TRO_FACT_SEEN:
    case TRO_FACT_SIDE:
        return read_one_place(r, node, f);
    case TRO_FACT_ROLL:
        return read_roll(r, node, in, f);
    case TRO_FACT_PATH:
        return read_path(r, node, in, f);
    case TRO_FACT_AGE:
        return read_age(r, node, f);
    case TRO_FACT_RATE:
        return read_rate(r, map, in, f);
    default:
        TRO_TRY(read_two_places(r, node, f));
        return check_space(r, node, f);
    }
}

/* Digits behind the point that a step needs, three at most. */
static int digits_of(double step)
{
    int digits = 0;
    for (double scaled = step; digits < 3 && fabs(scaled - round(scaled)) > 1e-6; digits++)
        scaled *= 10;
    return digits;
}

static int read_rounding(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                         struct tro_spec_fact *f)
{
    f->step = f->unit == TRO_UNIT_NONE ? 0.01 : 1;
    if (node && tro_fact_row(f->kind)->type != TRO_FACT_IS_NUMBER)
        return tro_yaml_fail(&r->y, node, "expected no such key with a fact that is no number");
    if (node)
        TRO_TRY(tro_spec_quantity(&r->y, node, f->unit, &f->step));
    if (!(f->step >= 0.001 && f->step <= 1e6))
        return tro_yaml_fail(&r->y, node, "expected a step of 0.001 to 1000000, found '%.60s'",
                             node->text);
    f->digits = digits_of(f->step);
    return 0;
}

static int read_fact(struct tro_spec_reading *r, const struct tro_yaml_node *member)
{
    struct tro_spec_fact f = {.line = member->key_line, .source = -1};
    struct fact_nodes in = {0};
    const struct tro_yaml_node key = at_key(member);
    int kind = 0;
    TRO_TRY(tro_spec_name(r, &key, member->key, &f.name));
    TRO_TRY(tro_yaml_fields(&r->y, member, fact_rows, &in));
    TRO_TRY(find_kind(r, member, in.kind, TRO_N_FACTS, fact_keys + 2, &kind));
    f.kind = (enum tro_fact_kind)kind;
    f.unit = tro_fact_row(f.kind)->unit;
    TRO_TRY(refuse_option(r, in.wanted, f.kind == TRO_FACT_ROLL, "another kind than roll"));
    TRO_TRY(refuse_option(r, in.avoid, f.kind == TRO_FACT_PATH, "another kind than path"));
    TRO_TRY(refuse_option(r, in.over, f.kind == TRO_FACT_RATE, "another kind than rate"));
    TRO_TRY(refuse_option(r, in.max_age,
                          tro_fact_row(f.kind)->n_places != 1 && f.kind != TRO_FACT_AGE &&
                              f.kind != TRO_FACT_RATE,
                          "seen, side, age or rate"));
    TRO_TRY(read_max_age(r, in.max_age, &f.max_age_ns));
    TRO_TRY(read_fact_kind(r, member, &in, &f));
    TRO_TRY(read_rounding(r, in.round, &f));
    r->spec->facts[r->spec->n_facts++] = f;
    return 0;
}

int tro_spec_read_facts(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    TRO_TRY(want_few(r, node, TRO_SPEC_MAX_FACTS));
    for (const struct tro_yaml_node *m = node->first; m; m = m->next)
        TRO_TRY(leave_out(r, read_fact(r, m), m));
    return 0;
}
