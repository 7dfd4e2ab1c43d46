/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---------------------------------------------------------------------------------- */

const struct tro_fact_row *tro_fact_row(enum tro_fact_kind kind)
{
    static const struct tro_fact_row rows[] = {
#define TRO_FACT_ROW(id, key, type, unit, places, lo, hi) \
    {key, TRO_FACT_IS_##type, TRO_UNIT_##unit, places, lo, hi},
        TRO_FACTS(TRO_FACT_ROW)
#undef TRO_FACT_ROW
    };
    return &rows[kind];
}

const char *const *tro_fact_words(enum tro_fact_type type)
{
    static const char *const flags[] = {"false", "true", NULL};
    static const char *const directions[] = {"right",      "upper-right", "up",
                                             "upper-left", "left",        "lower-left",
                                             "down",       "lower-right", NULL};
    static const char *const sides[] = {"left", "middle", "right", NULL};
    static const char *const *const words[] = {[TRO_FACT_IS_NUMBER] = NULL,
                                               [TRO_FACT_IS_FLAG] = flags,
                                               [TRO_FACT_IS_DIRECTION] = directions,
                                               [TRO_FACT_IS_SIDE] = sides};
    return words[type];
}

/* ---- quantities ----------------------------------------------------------------------------- */

static int fail_quantity(const struct tro_yaml *y, const struct tro_yaml_node *node,
                         const char *unit)
{
    char found[80];
    tro_yaml_found(node, found, sizeof found);
    if (!*unit)
        return tro_yaml_fail(y, node, "expected a number without a unit, such as 0.5, found %s",
                             found);
    return tro_yaml_fail(y, node, "expected a quantity in %s, such as 5 %s, found %s", unit, unit,
                         found);
}

/* The number in front of the unit, which begins at *unit. */
static bool split_quantity(const struct tro_yaml_node *node, double *out, const char **unit)
{
    char number[64];
    if (node->kind != TRO_YAML_SCALAR)
        return false;
    const size_t n = strcspn(node->text, " ");
    if (n == 0 || n >= sizeof number)
        return false;
    memcpy(number, node->text, n);
    number[n] = 0;
    *unit = node->text + n + strspn(node->text + n, " ");
    const struct tro_yaml_node plain = {.kind = TRO_YAML_SCALAR, .text = number};
    return tro_yaml_is_number(&plain, out);
}

int tro_spec_quantity(const struct tro_yaml *y, const struct tro_yaml_node *node,
                      enum tro_unit unit, double *out)
{
    const char *found = NULL;
    const bool is_number = split_quantity(node, out, &found);
    if (is_number && strcmp(found, tro_unit_name(unit)) == 0)
        return 0;
    if (is_number && unit == TRO_UNIT_MS && strcmp(found, "s") == 0) {
        *out *= 1000;
        return 0;
    }
    return fail_quantity(y, node, tro_unit_name(unit));
}

int tro_spec_duration(const struct tro_yaml *y, const struct tro_yaml_node *node, double lo_ms,
                      double hi_ms, int64_t *out_ns)
{
    double ms;
    char found[80];
    TRO_TRY(tro_spec_quantity(y, node, TRO_UNIT_MS, &ms));
    if (!(ms >= lo_ms && ms <= hi_ms))
        return tro_yaml_fail(y, node, "expected a time of %.9g ms to %.9g ms, found %s", lo_ms,
                             hi_ms, tro_yaml_found(node, found, sizeof found));
    *out_ns = llround(ms * 1e6);
    return 0;
}

/* ---- names ---------------------------------------------------------------------------------- */

int tro_spec_name(struct tro_spec_reading *r, const struct tro_yaml_node *at, const char *name,
                  const char **out)
{
    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] || !*name ||
        strlen(name) >= TRO_SPEC_NAME_BYTES)
        return tro_yaml_fail(&r->y, at,
                             "expected a name of small letters, digits and '-', at most %d, found "
                             "'%.80s'",
                             TRO_SPEC_NAME_BYTES - 1, name);
    *out = tro_arena_strdup(&r->spec->arena, name);
    return *out ? 0 : tro_fail_nomem(r->y.err);
}

static bool is_missing(const struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    for (int i = 0; node->kind == TRO_YAML_SCALAR && i < r->n_missing; i++)
        if (strcmp(r->missing[i], node->text) == 0)
            return true;
    return false;
}

int tro_spec_find_fact(const struct tro_spec_reading *r, const struct tro_yaml_node *node, int *out)
{
    char found[80];
    for (int i = 0; node->kind == TRO_YAML_SCALAR && i < r->spec->n_facts; i++) {
        if (strcmp(r->spec->facts[i].name, node->text) == 0) {
            *out = i;
            return 0;
        }
    }
    if (is_missing(r, node))
        return TRO_SPEC_MISSING;
    return tro_yaml_fail(&r->y, node, "expected one of the facts, found %s",
                         tro_yaml_found(node, found, sizeof found));
}

int tro_spec_find_place(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                        int *out)
{
    char found[80];
    for (int i = 0; node->kind == TRO_YAML_SCALAR && i < r->spec->n_places; i++) {
        if (strcmp(r->spec->places[i].name, node->text) == 0) {
            *out = i;
            return 0;
        }
    }
    if (is_missing(r, node))
        return TRO_SPEC_MISSING;
    return tro_yaml_fail(&r->y, node, "expected one of the places, found %s",
                         tro_yaml_found(node, found, sizeof found));
}

static bool is_optional(const struct tro_spec_reading *r, const char *name, size_t n)
{
    for (const struct tro_yaml_node *e = r->optional ? r->optional->first : NULL; e; e = e->next)
        if (strlen(e->text) == n && memcmp(e->text, name, n) == 0)
            return true;
    return false;
}

int tro_spec_find_network(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                          const char *name, size_t n, int *out)
{
    char list[256] = "";
    size_t at = 0;
    for (int i = 0; i < r->opts->n_networks; i++) {
        const struct tro_rules_network *const network = &r->opts->networks[i];
        if (strlen(network->name) == n && memcmp(network->name, name, n) == 0) {
            if (network->is_trial)
                return tro_yaml_fail(&r->y, node,
                                     "expected a network that is shown, found '%s', "
                                     "which is on trial",
                                     network->name);
            *out = i;
            return 0;
        }
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                                   network->name);
    }
    if (is_optional(r, name, n))
        return TRO_SPEC_MISSING;
    return tro_yaml_fail(&r->y, node, "expected one of the networks %s, found '%.*s'", list,
                         n > 60 ? 60 : (int)n, name);
}

/* ---- labels --------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
#define KIND_NAME(id, name) name,
    TRO_FINDING_KINDS(KIND_NAME)
#undef KIND_NAME
};

static int find_label(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                      const struct tro_rules_network *network, const char *label, int *out)
{
    char list[400] = "";
    size_t at = 0;
    for (int i = 0; i < network->names->n; i++) {
        if (strcmp(network->names->name[i], label) == 0) {
            *out = i;
            return 0;
        }
        if (at < sizeof list)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? ", " : "",
                                   network->names->name[i]);
    }
    return tro_yaml_fail(&r->y, node,
                         "expected one of the labels of %s, which are %s, found "
                         "'%.60s'",
                         network->name, list, label);
}

static int check_kinds(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                       uint8_t found, uint32_t kinds)
{
    char list[80] = "";
    size_t at = 0;
    if (!found || found & kinds)
        return 0;
    for (int i = 0; i < TRO_N_FINDING_KINDS; i++)
        if (kinds >> i & 1)
            at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at ? " or " : "",
                                   kind_names[i]);
    return tro_yaml_fail(&r->y, node, "expected a label of kind %s, found '%s', which is another",
                         list, node->text);
}

static int add_label(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                     uint32_t kinds, struct tro_spec_labels *to)
{
    const char *text = NULL;
    int network = 0, label = 0;
    TRO_TRY(tro_yaml_text(&r->y, node, 100, &text));
    const char *const dot = strchr(text, '.');
    if (!dot)
        return tro_yaml_fail(&r->y, node, "expected NETWORK.LABEL, found '%.60s'", text);
    TRO_TRY(tro_spec_find_network(r, node, text, (size_t)(dot - text), &network));
    if (to->set && to->network != network)
        return tro_yaml_fail(&r->y, node,
                             "expected labels of one network, found '%.60s' after one "
                             "of %s",
                             text, r->opts->networks[to->network].name);
    const struct tro_rules_network *const of = &r->opts->networks[network];
    TRO_TRY(find_label(r, node, of, dot + 1, &label));
    TRO_TRY(check_kinds(r, node, of->names->kinds[label], kinds));
    to->network = network;
    to->set |= (uint64_t)1 << label;
    return 0;
}

int tro_spec_labels(const struct tro_spec_reading *r, const struct tro_yaml_node *node,
                    uint32_t kinds, struct tro_spec_labels *out)
{
    *out = (struct tro_spec_labels){0};
    if (node->kind == TRO_YAML_SCALAR)
        return add_label(r, node, kinds, out);
    TRO_TRY(tro_yaml_want_list(&r->y, node, 1, TRO_FINDINGS_MAX_NAMES));
    for (const struct tro_yaml_node *e = node->first; e; e = e->next)
        TRO_TRY(add_label(r, e, kinds, out));
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

struct top {
    const char *depth;
    const struct tro_yaml_node *optional, *evidence, *refresh, *patience;
    const struct tro_yaml_node *places, *facts, *rules;
};

static const struct tro_yaml_field top_rows[] = {
    {"depth", TRO_YAML_AS_TEXT, offsetof(struct top, depth), 1, 31, NULL, false},
    {"optional", TRO_YAML_AS_NODE, offsetof(struct top, optional), 0, 0, NULL, false},
    {"evidence", TRO_YAML_AS_NODE, offsetof(struct top, evidence), 0, 0, NULL, false},
    {"refresh", TRO_YAML_AS_NODE, offsetof(struct top, refresh), 0, 0, NULL, false},
    {"patience", TRO_YAML_AS_NODE, offsetof(struct top, patience), 0, 0, NULL, false},
    {"places", TRO_YAML_AS_NODE, offsetof(struct top, places), 0, 0, NULL, false},
    {"facts", TRO_YAML_AS_NODE, offsetof(struct top, facts), 0, 0, NULL, true},
    {"rules", TRO_YAML_AS_NODE, offsetof(struct top, rules), 0, 0, NULL, true},
    {.key = NULL}};

struct evidence {
    float min_score;
    const struct tro_yaml_node *min_area, *max_age;
};

static const struct tro_yaml_field evidence_rows[] = {
    {"min_score", TRO_YAML_AS_FLOAT, offsetof(struct evidence, min_score), 0, 1, NULL, false},
    {"min_area", TRO_YAML_AS_NODE, offsetof(struct evidence, min_area), 0, 0, NULL, false},
    {"max_age", TRO_YAML_AS_NODE, offsetof(struct evidence, max_age), 0, 0, NULL, false},
    {.key = NULL}};

static int read_evidence(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    struct tro_geometry *const g = &r->spec->geometry;
    struct evidence e = {.min_score = g->min_score};
    double percent = 0;
    if (!node)
        return 0;
    TRO_TRY(tro_yaml_fields(&r->y, node, evidence_rows, &e));
    g->min_score = e.min_score;
    if (e.min_area) {
        TRO_TRY(tro_spec_quantity(&r->y, e.min_area, TRO_UNIT_PERCENT, &percent));
        if (!(percent >= 0 && percent <= 100))
            return tro_yaml_fail(&r->y, e.min_area, "expected 0 %% to 100 %%, found '%.60s'",
                                 e.min_area->text);
        g->min_area_px = (float)(percent / 100 * (double)r->spec->width * (double)r->spec->height);
    }
    if (e.max_age) {
        TRO_TRY(tro_spec_duration(&r->y, e.max_age, 1, 10000, &r->spec->max_age_ns));
        g->max_age_ms = (float)((double)r->spec->max_age_ns / 1e6);
    }
    return 0;
}

static int read_depth(struct tro_spec_reading *r, const struct top *top)
{
    const struct tro_yaml_node *const node = tro_yaml_get(r->y.top, "depth");
    if (!node)
        return 0;
    const int rc = tro_spec_find_network(r, node, top->depth, strlen(top->depth), &r->spec->depth);
    r->is_depth_missing = rc == TRO_SPEC_MISSING;
    if (rc < 0)
        return r->is_depth_missing ? 0 : rc;
    const struct tro_finding_names *const names = r->opts->networks[r->spec->depth].names;
    bool may_measure = false;
    for (int i = 0; i < names->n; i++)
        may_measure |= !names->kinds[i] || names->kinds[i] & TRO_KIND(DEPTH);
    if (!may_measure)
        return tro_yaml_fail(&r->y, node,
                             "expected a network that measures depth, found '%s', "
                             "which does not",
                             top->depth);
    return 0;
}

static int read_optional(struct tro_spec_reading *r, const struct tro_yaml_node *node)
{
    const char *name = NULL;
    if (!node)
        return 0;
    TRO_TRY(tro_yaml_want_list(&r->y, node, 1, TRO_BOARD_MAX_NETWORKS));
    for (const struct tro_yaml_node *e = node->first; e; e = e->next)
        TRO_TRY(tro_yaml_text(&r->y, e, 31, &name));
    r->optional = node;
    return 0;
}

static int read_all(struct tro_spec_reading *r)
{
    struct top top = {0};
    TRO_TRY(tro_yaml_fields(&r->y, r->y.top, top_rows, &top));
    TRO_TRY(read_optional(r, top.optional));
    TRO_TRY(read_evidence(r, top.evidence));
    if (top.refresh)
        TRO_TRY(tro_spec_duration(&r->y, top.refresh, 0, 60000, &r->spec->refresh_ns));
    if (top.patience)
        TRO_TRY(tro_spec_duration(&r->y, top.patience, 0, 5000, &r->spec->patience_ns));
    TRO_TRY(read_depth(r, &top));
    if (top.places)
        TRO_TRY(tro_spec_read_places(r, top.places));
    TRO_TRY(tro_spec_read_facts(r, top.facts));
    TRO_TRY(tro_spec_read_rules(r, top.rules));
    return tro_spec_check(r);
}

int tro_spec_parse(const char *text, size_t n, const char *path, const struct tro_rules_opts *opts,
                   struct tro_spec *out, struct tro_err *err)
{
    struct tro_spec_reading r = {.opts = opts, .spec = out};
    *out = (struct tro_spec){
        .depth = -1,
        .refresh_ns = 500000000,
        .patience_ns = 300000000,
        .width = opts->width,
        .height = opts->height,
        .geometry = tro_geometry_default(opts->width, opts->height, opts->focal_length),
        .max_age_ns = llround((double)opts->max_age_ms * 1e6)};
    out->geometry.max_age_ms = opts->max_age_ms;
    int rc = tro_yaml_parse(&r.y, text, n, path, err);
    if (rc == 0)
        rc = read_all(&r);
    tro_yaml_finish(&r.y);
    return rc;
}

void tro_spec_finish(struct tro_spec *s)
{
    tro_arena_finish(&s->arena);
    s->n_places = s->n_facts = s->n_conditions = s->n_rules = 0;
}
