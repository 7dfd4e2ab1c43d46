/* SPDX-License-Identifier: Apache-2.0 */
#include "console/rules/facts.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

/* ---- life ----------------------------------------------------------------------------------- */

/* Networks that something rests on, and how many places the array of findings needs. */
static uint32_t used_networks(const struct tro_spec *spec, int *n)
{
    uint32_t used = 0;
    for (int i = 0; i < spec->n_facts; i++)
        used |= spec->facts[i].networks;
    for (int i = 0; i < spec->n_places; i++)
        used |= spec->places[i].networks;
    *n = 0;
    while (*n < TRO_BOARD_MAX_NETWORKS && used >> *n)
        ++*n;
    return used;
}

static uint64_t lazy_facts(const struct tro_spec *spec)
{
    uint64_t looked_at = 0;
    for (int i = 0; i < spec->n_conditions; i++)
        looked_at |= spec->conditions[i].facts;
    for (int i = 0; i < spec->n_facts; i++)
        if (spec->facts[i].kind == TRO_FACT_RATE)
            looked_at |= (uint64_t)1 << i | (uint64_t)1 << spec->facts[i].source;
    return ~looked_at;
}

int tro_facts_init(struct tro_facts *f, const struct tro_spec *spec, struct tro_err *err)
{
    int n;
    const uint32_t used = used_networks(spec, &n);
    *f = (struct tro_facts){.spec = spec, .lazy = lazy_facts(spec)};
    f->newest = tro_calloc(n ? (size_t)n : 1, sizeof *f->newest);
    f->paths = tro_calloc(TRO_SPEC_MAX_FACTS, sizeof *f->paths);
    f->rates = tro_calloc(TRO_SPEC_MAX_FACTS, sizeof *f->rates);
    if (!f->newest || !f->paths || !f->rates)
        return tro_fail_nomem(err);
    for (int i = 0; i < n; i++)
        if (used >> i & 1)
            TRO_TRY(tro_findings_init(&f->newest[i], err));
    for (int i = 0; i < spec->n_places; i++)
        f->places[i].basis = (struct tro_basis){
            .status = TRO_FACT_UNKNOWN, .why = TRO_EVIDENCE_OLD, .until_ns = INT64_MIN};
    for (int i = 0; i < spec->n_facts; i++)
        f->facts[i].basis = (struct tro_basis){
            .status = TRO_FACT_UNKNOWN, .why = TRO_EVIDENCE_OLD, .until_ns = INT64_MIN};
    return 0;
}

void tro_facts_finish(struct tro_facts *f)
{
    int n = 0;
    if (f->spec)
        used_networks(f->spec, &n);
    for (int i = 0; f->newest && i < n; i++)
        tro_findings_finish(&f->newest[i]);
    tro_free(f->newest);
    tro_free(f->paths);
    tro_free(f->rates);
    *f = (struct tro_facts){0};
}

/* ---- what things rest on -------------------------------------------------------------------- */

static struct tro_basis basis_known(void)
{
    return (struct tro_basis){.status = TRO_FACT_KNOWN, .until_ns = INT64_MAX};
}

/* Absence is certain, all else that is not enough is not known. */
static void set_evidence(struct tro_basis *b, enum tro_evidence e)
{
    b->why = e;
    b->status = e == TRO_EVIDENCE_ENOUGH                              ? TRO_FACT_KNOWN
                : e == TRO_EVIDENCE_ABSENT || e == TRO_EVIDENCE_SMALL ? TRO_FACT_ABSENT
                                                                      : TRO_FACT_UNKNOWN;
}

static void add_from(struct tro_basis *b, const struct tro_sentence_from *from)
{
    for (int i = 0; i < b->n_from; i++) {
        struct tro_sentence_from *const old = &b->from[i];
        if (old->network == from->network &&
            (!old->track || !from->track || old->track == from->track)) {
            old->track |= from->track;
            return;
        }
    }
    if (b->n_from < TRO_SENTENCE_MAX_FROM)
        b->from[b->n_from++] = *from;
}

static void add_findings(struct tro_basis *b, const struct tro_findings *f, uint32_t track)
{
    const struct tro_sentence_from from = {.network = f->network,
                                           .tier = f->tier,
                                           .frame = f->frame,
                                           .engine = f->engine,
                                           .track = track};
    add_from(b, &from);
}

/* The worse of both: not known is worse than absent, which is worse than known. */
static void add_basis(struct tro_basis *b, const struct tro_basis *more)
{
    if (more->status > b->status) {
        b->status = more->status;
        b->why = more->why;
    }
    if (more->until_ns < b->until_ns)
        b->until_ns = more->until_ns;
    for (int i = 0; i < more->n_from; i++)
        add_from(b, &more->from[i]);
}

/* Findings of a network that are young enough; NULL: the basis says that there are none. */
static const struct tro_findings *young(const struct tro_facts *f, int network, int64_t max_age_ns,
                                        struct tro_basis *b)
{
    const struct tro_findings *const newest = &f->newest[network];
    const int64_t until = f->has[network] ? newest->captured_ns + max_age_ns : INT64_MIN;
    if (until < f->now_ns) {
        set_evidence(b, TRO_EVIDENCE_OLD);
        b->until_ns = INT64_MAX; /* until that network is heard from */
        return NULL;
    }
    if (until < b->until_ns)
        b->until_ns = until;
    add_findings(b, newest, 0);
    return newest;
}

/* ---- places --------------------------------------------------------------------------------- */

static const enum tro_finding_kind kind_of_place[] = {
    [TRO_PLACE_TIP] = TRO_FINDING_BOX,           [TRO_PLACE_BOX] = TRO_FINDING_BOX,
    [TRO_PLACE_LANDMARK] = TRO_FINDING_LANDMARK, [TRO_PLACE_MASK] = TRO_FINDING_MASK,
    [TRO_PLACE_SURFACE] = TRO_FINDING_MASK,      [TRO_PLACE_POINT] = TRO_FINDING_MASK};

/* The best item of one label; its age shortens the time it is good for. */
static const struct tro_finding *find_item(const struct tro_facts *f,
                                           const struct tro_findings *newest,
                                           const struct tro_spec_place *p, int label,
                                           struct tro_basis *b)
{
    const struct tro_finding *const item = tro_geometry_find(newest, kind_of_place[p->kind], label,
                                                             0);
    struct tro_geometry g = f->spec->geometry;
    g.max_age_ms = (float)((double)p->max_age_ns / 1e6);
    g.min_score = p->min_score;
    set_evidence(b, tro_geometry_judge(&g, newest, item, f->now_ns));
    if (!item)
        return NULL;
    const int64_t until = newest->captured_ns + p->max_age_ns -
                          (int64_t)((double)item->age_ms * 1e6);
    if (b->status == TRO_FACT_KNOWN && until < b->until_ns)
        b->until_ns = until;
    add_findings(b, newest, item->track);
    return item;
}

static int first_label(uint64_t set)
{
    int label = 0;
    while (label < TRO_FINDINGS_MAX_NAMES - 1 && !(set >> label & 1))
        label++;
    return label;
}

/* There is a surface where there is enough of one of its labels. */
static void find_surface(const struct tro_facts *f, const struct tro_findings *newest,
                         const struct tro_spec_place *p, struct tro_basis *b)
{
    struct tro_basis best = {.status = TRO_FACT_UNKNOWN};
    bool is_first = true;
    for (int label = 0; label < TRO_FINDINGS_MAX_NAMES; label++) {
        if (!(p->of.set >> label & 1))
            continue;
        struct tro_basis one = *b;
        find_item(f, newest, p, label, &one);
        if (is_first || one.status == TRO_FACT_KNOWN ||
            (best.status == TRO_FACT_ABSENT && one.status == TRO_FACT_UNKNOWN))
            best = one;
        is_first = false;
        if (one.status == TRO_FACT_KNOWN)
            break;
    }
    *b = best;
}

static void find_tip(const struct tro_facts *f, const struct tro_spec_place *p,
                     const struct tro_finding *box, struct tro_place_now *out)
{
    const struct tro_findings *const map = young(f, p->map, p->max_age_ns, &out->basis);
    if (!map)
        return;
    const enum tro_evidence e = tro_geometry_tip(&f->spec->geometry, map, p->ends, p->rest, box,
                                                 &out->x, &out->y);
    set_evidence(&out->basis, e);
    if (out->basis.status == TRO_FACT_ABSENT) /* its instrument is there, it is hidden */
        out->basis.status = TRO_FACT_UNKNOWN;
}

static void find_place(const struct tro_facts *f, const struct tro_spec_place *p,
                       struct tro_place_now *out)
{
    out->basis = basis_known();
    if (p->kind == TRO_PLACE_POINT) {
        out->x = p->x * (float)f->spec->width;
        out->y = p->y * (float)f->spec->height;
        return;
    }
    const struct tro_findings *const newest = young(f, p->of.network, p->max_age_ns, &out->basis);
    if (!newest)
        return;
    if (p->kind == TRO_PLACE_SURFACE) {
        find_surface(f, newest, p, &out->basis);
        return;
    }
    const struct tro_finding *const item = find_item(f, newest, p, first_label(p->of.set),
                                                     &out->basis);
    if (out->basis.status != TRO_FACT_KNOWN)
        return;
    out->x = item->x;
    out->y = item->y;
    if (p->kind == TRO_PLACE_TIP)
        find_tip(f, p, item, out);
}

/* ---- facts of labels ------------------------------------------------------------------------ */

static void find_value(const struct tro_facts *f, const struct tro_spec_fact *fact,
                       struct tro_fact_now *out)
{
    const struct tro_findings *const newest = young(f, fact->of.network, fact->max_age_ns,
                                                    &out->basis);
    if (!newest)
        return;
    const struct tro_finding *const item = tro_geometry_find(newest, TRO_FINDING_SCALAR,
                                                             first_label(fact->of.set), 0);
    set_evidence(&out->basis, item ? TRO_EVIDENCE_ENOUGH : TRO_EVIDENCE_ABSENT);
    out->value = item ? item->value : 0;
}

static void find_score(const struct tro_facts *f, const struct tro_spec_fact *fact,
                       struct tro_fact_now *out)
{
    const struct tro_findings *const newest = young(f, fact->of.network, fact->max_age_ns,
                                                    &out->basis);
    const int label = first_label(fact->of.set);
    if (!newest)
        return;
    set_evidence(&out->basis, TRO_EVIDENCE_ABSENT);
    out->value = 0;
    for (int i = 0; i < newest->n; i++) {
        const struct tro_finding *const item = &newest->items[i];
        if (item->label != label || item->kind == TRO_FINDING_SCALAR ||
            item->kind == TRO_FINDING_DEPTH)
            continue;
        set_evidence(&out->basis, TRO_EVIDENCE_ENOUGH);
        out->value = item->score > out->value ? item->score : out->value;
    }
}

static void find_share(const struct tro_facts *f, const struct tro_spec_fact *fact,
                       struct tro_fact_now *out)
{
    const struct tro_findings *const newest = young(f, fact->of.network, fact->max_age_ns,
                                                    &out->basis);
    float share = 0;
    if (!newest)
        return;
    set_evidence(&out->basis, tro_geometry_share(newest, fact->of.set, &share));
    out->value = share * 100;
}

static void find_age(const struct tro_facts *f, const struct tro_spec_fact *fact,
                     struct tro_fact_now *out)
{
    const struct tro_findings *const newest = &f->newest[fact->of.network];
    if (!f->has[fact->of.network]) {
        set_evidence(&out->basis, TRO_EVIDENCE_OLD);
        return;
    }
    add_findings(&out->basis, newest, 0);
    out->value = (float)((double)(f->now_ns - newest->captured_ns) / 1e6);
}

/* ---- facts of places ------------------------------------------------------------------------ */

static void find_seen(const struct tro_facts *f, const struct tro_spec_fact *fact,
                      struct tro_fact_now *out)
{
    out->basis = f->places[fact->place[0]].basis;
    out->value = out->basis.status == TRO_FACT_KNOWN;
    if (out->basis.status == TRO_FACT_ABSENT)
        set_evidence(&out->basis, TRO_EVIDENCE_ENOUGH);
}

static void find_side(const struct tro_facts *f, const struct tro_spec_fact *fact,
                      struct tro_fact_now *out)
{
    const struct tro_place_now *const p = &f->places[fact->place[0]];
    out->basis = p->basis;
    out->value = (float)tro_geometry_side(f->spec->width, p->x);
}

/* A place of one point in space. */
static enum tro_evidence find_in_space(const struct tro_facts *f, int place,
                                       const struct tro_findings *depth, struct tro_point3 *out)
{
    const struct tro_spec_place *const p = &f->spec->places[place];
    const struct tro_place_now *const at = &f->places[place];
    if (p->kind == TRO_PLACE_TIP)
        return tro_geometry_place_of(&f->spec->geometry, depth, &f->newest[p->map],
                                     p->ends | p->rest, at->x, at->y, out);
    return tro_geometry_place(&f->spec->geometry, depth, at->x, at->y, out);
}

/* The distance, and where the second place is nearest. */
static void measure(const struct tro_facts *f, const struct tro_spec_fact *fact,
                    struct tro_fact_now *out, float *mm)
{
    const struct tro_spec_place *const to = &f->spec->places[fact->place[1]];
    const struct tro_findings *const depth = young(f, f->spec->depth, fact->max_age_ns,
                                                   &out->basis);
    struct tro_point3 a, b;
    if (!depth || out->basis.status != TRO_FACT_KNOWN)
        return;
    enum tro_evidence e = find_in_space(f, fact->place[0], depth, &a);
    if (e == TRO_EVIDENCE_ENOUGH && to->kind == TRO_PLACE_SURFACE) {
        e = tro_geometry_surface_mm(&f->spec->geometry, depth, &f->newest[to->of.network],
                                    to->of.set, &a, mm, &out->bx, &out->by);
    } else if (e == TRO_EVIDENCE_ENOUGH) {
        e = find_in_space(f, fact->place[1], depth, &b);
        if (e == TRO_EVIDENCE_ENOUGH)
            *mm = tro_geometry_distance_mm(&a, &b);
    }
    set_evidence(&out->basis, e);
}

/* Both places, as far as they are known. */
static bool find_ends(const struct tro_facts *f, const struct tro_spec_fact *fact,
                      struct tro_fact_now *out)
{
    const struct tro_place_now *const a = &f->places[fact->place[0]];
    const struct tro_place_now *const b = &f->places[fact->place[1]];
    add_basis(&out->basis, &a->basis);
    add_basis(&out->basis, &b->basis);
    out->ax = a->x;
    out->ay = a->y;
    out->bx = b->x;
    out->by = b->y;
    return out->basis.status == TRO_FACT_KNOWN;
}

static void find_direction(const struct tro_facts *f, const struct tro_spec_fact *fact,
                           struct tro_fact_now *out)
{
    float mm = 0, deg = 0;
    if (!find_ends(f, fact, out))
        return;
    if (f->spec->places[fact->place[1]].kind == TRO_PLACE_SURFACE)
        measure(f, fact, out, &mm);
    if (out->basis.status != TRO_FACT_KNOWN)
        return;
    set_evidence(&out->basis,
                 tro_geometry_angle(&f->spec->geometry, out->ax, out->ay, out->bx, out->by, &deg));
    if (out->basis.status == TRO_FACT_KNOWN)
        out->value = (float)tro_geometry_direction(deg);
}

static void find_path(const struct tro_facts *f, const struct tro_spec_fact *fact,
                      struct tro_fact_now *out, struct tro_path *path)
{
    const bool has_ends = find_ends(f, fact, out);
    const struct tro_findings *const map = young(f, fact->of.network, fact->max_age_ns,
                                                 &out->basis);
    if (!has_ends || !map)
        return;
    set_evidence(&out->basis,
                 tro_geometry_path(map, fact->of.set, out->ax, out->ay, out->bx, out->by, path));
    if (out->basis.status == TRO_FACT_KNOWN)
        out->value = path->length_px;
}

/* ---- rates ---------------------------------------------------------------------------------- */

/* Samples are an eighth of the time apart at least, so that twice the time has room. */
static void add_sample(struct tro_rate *r, int64_t over_ns, int64_t now_ns, float value)
{
    const int last = (r->at + TRO_RATE_SAMPLES - 1) % TRO_RATE_SAMPLES;
    if (r->n && now_ns - r->ns[last] < over_ns / 8)
        return;
    r->ns[r->at] = now_ns;
    r->value[r->at] = value;
    r->at = (r->at + 1) % TRO_RATE_SAMPLES;
    if (r->n < TRO_RATE_SAMPLES)
        r->n++;
}

/* The newest sample that is old enough; -1: there is none that is not too old either. */
static int find_sample(const struct tro_rate *r, int64_t over_ns, int64_t now_ns)
{
    for (int i = 1; i <= r->n; i++) {
        const int at = (r->at + TRO_RATE_SAMPLES - i) % TRO_RATE_SAMPLES;
        if (now_ns - r->ns[at] >= over_ns)
            return now_ns - r->ns[at] <= 2 * over_ns ? at : -1;
    }
    return -1;
}

static void find_rate(const struct tro_facts *f, const struct tro_spec_fact *fact,
                      struct tro_fact_now *out, struct tro_rate *rate)
{
    const struct tro_fact_now *const of = &f->facts[fact->source];
    out->basis = of->basis;
    if (of->basis.status != TRO_FACT_KNOWN) {
        rate->n = 0;
        return;
    }
    const int at = find_sample(rate, fact->over_ns, f->now_ns);
    add_sample(rate, fact->over_ns, f->now_ns, of->value);
    if (at < 0) {
        set_evidence(&out->basis, TRO_EVIDENCE_OLD);
        return;
    }
    out->value = (float)(((double)of->value - (double)rate->value[at]) * 1e9 /
                         (double)(f->now_ns - rate->ns[at]));
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void find_fact(struct tro_facts *f, int i)
{
    const struct tro_spec_fact *const fact = &f->spec->facts[i];
    const struct tro_geometry *const g = &f->spec->geometry;
    struct tro_fact_now *const out = &f->facts[i];
    *out = (struct tro_fact_now){.basis = basis_known()};
    switch (fact->kind) {
    case TRO_FACT_VALUE:
        find_value(f, fact, out);
        break;
    case TRO_FACT_SCORE:
        find_score(f, fact, out);
        break;
    case TRO_FACT_SEEN:
        find_seen(f, fact, out);
        break;
    case TRO_FACT_SHARE:
        find_share(f, fact, out);
        break;
    case TRO_FACT_DISTANCE:
        if (find_ends(f, fact, out))
            measure(f, fact, out, &out->value);
        break;
    case TRO_FACT_ANGLE:
        if (find_ends(f, fact, out))
            set_evidence(&out->basis,
                         tro_geometry_angle(g, out->ax, out->ay, out->bx, out->by, &out->value));
        break;
    case TRO_FACT_ROLL:
        if (find_ends(f, fact, out))
            set_evidence(&out->basis, tro_geometry_roll(g, out->ax, out->ay, out->bx, out->by,
                                                        fact->wanted_deg, &out->value));
        break;
    case TRO_FACT_DIRECTION:
        find_direction(f, fact, out);
        break;
    case TRO_FACT_SIDE:
        find_side(f, fact, out);
        break;
    case TRO_FACT_PATH:
        find_path(f, fact, out, &f->paths[i]);
        break;
    case TRO_FACT_AGE:
        find_age(f, fact, out);
        break;
    default:
        find_rate(f, fact, out, &f->rates[i]);
    }
}

static bool is_due(const struct tro_facts *f, const struct tro_basis *b, uint32_t networks,
                   int network)
{
    return networks >> network & 1 || f->now_ns > b->until_ns;
}

static void find_all(struct tro_facts *f, int network)
{
    const struct tro_spec *const spec = f->spec;
    for (int i = 0; i < spec->n_places; i++)
        if (is_due(f, &f->places[i].basis, spec->places[i].networks, network))
            find_place(f, &spec->places[i], &f->places[i]);
    for (int i = 0; i < spec->n_facts; i++) {
        if (spec->facts[i].kind != TRO_FACT_AGE &&
            !is_due(f, &f->facts[i].basis, spec->facts[i].networks, network))
            continue;
        if (f->lazy >> i & 1)
            f->due |= (uint64_t)1 << i;
        else
            find_fact(f, i);
    }
}

void tro_facts_need(struct tro_facts *f, uint64_t facts)
{
    for (int i = 0; i < f->spec->n_facts; i++)
        if (facts & f->due & (uint64_t)1 << i)
            find_fact(f, i);
    f->due &= ~facts;
}

bool tro_facts_put(struct tro_facts *f, const struct tro_findings *findings)
{
    const int network = findings->network;
    int n = 0;
    const uint32_t used = used_networks(f->spec, &n);
    if (network < 0 || network >= n || !(used >> network & 1))
        return false;
    struct tro_findings *const newest = &f->newest[network];
    if (f->has[network] &&
        (findings->frame <= newest->frame || findings->captured_ns < newest->captured_ns))
        return false;
    tro_findings_copy(newest, findings);
    f->has[network] = true;
    if (findings->captured_ns > f->now_ns || f->frame == 0) {
        f->now_ns = findings->captured_ns;
        f->frame = findings->frame;
    }
    find_all(f, network);
    return true;
}
