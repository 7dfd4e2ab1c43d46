/* SPDX-License-Identifier: Apache-2.0 */
#include "tune/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/nvtx.h"
#include "base/thread.h"
#include "cuda/library.h"
#include "tune/cache.h"

/* Choices change the forms of values, and so the problems of their neighbours: what comes up new is
 * tuned in another sweep, so often. */
#define MAX_SWEEPS 3
/* A candidate that is so many times slower than the best is not timed again. */
#define TOO_SLOW 3
/* A library's kernels do not overlap with ours before and after them; timed alone, a node shows
 * half of that. */
#define LIBRARY_NS 400

enum { UNKNOWN = -1, IMPOSSIBLE = -2 };

/* By the level of tuning. */
static const struct {
    size_t n_candidates;
    int n_times;
} levels[] = {{0, 0}, {3, 3}, {SIZE_MAX, 7}, {SIZE_MAX, 25}};

struct problem {
    const char *text;
    const char **candidates; /* as many as the level looks at */
    int64_t *ns;             /* of each; UNKNOWN, IMPOSSIBLE */
    size_t n;
    tro_node_id node;   /* where it stands in the program at hand; none: nowhere */
    const char *kernel; /* that it has there */
    double n_flops;     /* of all nodes that have it */
};

struct tuner {
    const struct tro_tune_opts *o;
    const struct tro_build_opts *build;
    struct tro_tuned *out;
    char chip[TRO_PLAN_CHIP_SIZE];
    struct problem *problems;
    size_t n, cap;
    struct tro_map map; /* text -> index */
    struct tro_cache cache;
    struct tro_packs *packs;
    int64_t begin_ns;
    int64_t n_done, n_total; /* pairs of problem and candidate to be timed */
    bool has_timed, is_over; /* the budget is spent */
    struct tro_err *err;
};

static void warn(const struct tuner *t, const char *text)
{
    if (t->build->warn)
        t->build->warn(t->build->ctx, text);
}

static struct tro_cache_key key_of(const struct tuner *t, const struct problem *p,
                                   const char *candidate)
{
    return (struct tro_cache_key){p->text, t->chip, tro_version(), candidate};
}

/* The fastest so far; of equal ones the first; the first where none was timed. */
static int64_t cost_of(const struct problem *p, size_t i)
{
    return p->ns[i] + (tro_choice_is_library(p->candidates[i]) ? LIBRARY_NS : 0);
}

static size_t best_among(const struct problem *p, bool has_libraries)
{
    size_t best = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->ns[i] >= 0 && (p->ns[best] < 0 || cost_of(p, i) < cost_of(p, best)) &&
            (has_libraries || !tro_choice_is_library(p->candidates[i])))
            best = i;
    return best;
}

static size_t best_of(const struct problem *p)
{
    return best_among(p, true);
}

/* ---- problems ------------------------------------------------------------------------------ */

struct unknown {
    const struct tuner *t;
    const struct tro_step *step;
};

static void look_for_candidate(void *ctx, const char *candidate)
{
    const struct unknown *const u = ctx;
    char text[512];
    for (const char *const *c = u->step->candidates; *c; c++)
        if (strcmp(*c, candidate) == 0)
            return;
    if (tro_choice_is_library(candidate)) /* of a machine that has it */
        return;
    snprintf(text, sizeof(text), "%s: '%s' is no candidate of '%s': its time is left out",
             u->t->build->cache, candidate, u->step->problem);
    warn(u->t, text);
}

static int init_problem(struct tuner *t, struct problem *p, const struct tro_step *s)
{
    struct tro_arena *const a = &t->out->arena;
    const size_t limit = levels[t->build->tune].n_candidates;
    while (p->n < limit && s->candidates[p->n])
        p->n++;
    p->text = tro_arena_strdup(a, s->problem);
    p->candidates = TRO_NEW_N(a, const char *, p->n);
    p->ns = TRO_NEW_N(a, int64_t, p->n);
    if (!p->text || !p->candidates || !p->ns)
        return TRO_E_NOMEM;
    for (size_t i = 0; i < p->n; i++) {
        p->candidates[i] = tro_arena_strdup(a, s->candidates[i]);
        if (!p->candidates[i])
            return TRO_E_NOMEM;
        const struct tro_cache_key key = key_of(t, p, p->candidates[i]);
        p->ns[i] = p->n > 1 ? tro_cache_get(&t->cache, &key) : IMPOSSIBLE;
        t->n_total += p->ns[i] == UNKNOWN;
    }
    struct unknown u = {t, s};
    const struct tro_cache_key key = key_of(t, p, "");
    tro_cache_each(&t->cache, &key, look_for_candidate, &u);
    return 0;
}

static int add_problem(struct tuner *t, const struct tro_step *s, uint32_t *at)
{
    struct problem p = {0};
    if (init_problem(t, &p, s) < 0 || TRO_GROW(&t->problems, t->n, &t->cap) < 0 ||
        tro_map_set(&t->map, (struct tro_str){p.text, strlen(p.text)}, (uint32_t)t->n) < 0)
        return tro_fail_nomem(t->err);
    *at = (uint32_t)t->n;
    t->problems[t->n++] = p;
    return 0;
}

/* New ones are added; where each stands is noted. */
static int meet_problems(struct tuner *t, const struct tro_program *p)
{
    for (size_t i = 0; i < t->n; i++) {
        t->problems[i].node = TRO_NODE_NONE;
        t->problems[i].n_flops = 0;
    }
    for (int32_t i = 0; i < p->n_steps; i++) {
        const struct tro_step *const s = &p->steps[i];
        uint32_t at;
        if (!s->problem)
            continue;
        if (!tro_map_get(&t->map, (struct tro_str){s->problem, strlen(s->problem)}, &at))
            TRO_TRY(add_problem(t, s, &at));
        t->problems[at].node = s->node;
        t->problems[at].kernel = s->kernel;
        t->problems[at].n_flops += s->n_flops;
    }
    return 0;
}

/* ---- rounds -------------------------------------------------------------------------------- */

static double elapsed(const struct tuner *t)
{
    return (double)(tro_clock_ns() - t->begin_ns) * 1e-9;
}

static void report(const struct tuner *t)
{
    const double eta = t->n_done > 0
                           ? elapsed(t) / (double)t->n_done * (double)(t->n_total - t->n_done)
                           : -1;
    if (t->build->progress)
        t->build->progress(t->build->ctx,
                           &(struct tro_build_progress){"tuning", t->n_done, t->n_total, eta});
}

static int64_t time_candidate(const struct tuner *t, struct tro_bench *bench,
                              const struct problem *p, size_t candidate)
{
    if (t->o->clock)
        return t->o->clock(t->o->clock_ctx, p->text, p->candidates[candidate]);
    const int64_t best = p->ns[best_of(p)];
    int64_t least = INT64_MAX;
    for (int i = 0; i < levels[t->build->tune].n_times; i++) {
        const int64_t ns = tro_bench_time_node(bench, p->node);
        if (ns < 0)
            return IMPOSSIBLE;
        least = ns < least ? ns : least;
        if (i > 0 && best >= 0 && least / TOO_SLOW > best)
            break;
    }
    return least;
}

/* Whether the program at hand has the candidate; a plan of a library may not be had for it. */
static bool has_candidate(const struct problem *p, const char *candidate)
{
    return p->node.i && (!tro_choice_is_library(candidate) || !strcmp(p->kernel, candidate));
}

static int measure(struct tuner *t, struct tro_bench *bench, struct problem *p, size_t candidate)
{
    const char *const name = p->candidates[candidate];
    const struct tro_cache_key key = key_of(t, p, name);
    p->ns[candidate] = has_candidate(p, name) ? time_candidate(t, bench, p, candidate) : IMPOSSIBLE;
    t->n_done++;
    report(t);
    if (p->ns[candidate] < 0)
        return 0;
    t->has_timed = true;
    return tro_cache_put(&t->cache, &key, p->ns[candidate]) < 0 ? tro_fail_nomem(t->err) : 0;
}

/* The most expensive first, so that a budget is spent where it counts. */
static int compare_flops(const void *a, const void *b)
{
    const struct problem *const p = *(struct problem *const *)a, *const q = *(
                                                                     struct problem *const *)b;
    if (p->n_flops != q->n_flops)
        return p->n_flops < q->n_flops ? 1 : -1;
    return strcmp(p->text, q->text);
}

static int measure_round(struct tuner *t, struct tro_bench *bench, struct problem **order, size_t n,
                         size_t round)
{
    for (size_t i = 0; i < n; i++)
        order[i] = &t->problems[i];
    qsort(order, n, sizeof(order[0]), compare_flops);
    for (size_t i = 0; i < n && !t->is_over; i++) {
        if (round >= order[i]->n || order[i]->ns[round] != UNKNOWN)
            continue;
        TRO_TRY(measure(t, bench, order[i], round));
        t->is_over = t->build->time_budget > 0 && elapsed(t) > t->build->time_budget;
    }
    return 0;
}

static int choose(const struct tuner *t, size_t round, struct tro_choices *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct problem *const p = &t->problems[i];
        const bool is_next = round < p->n && p->ns[round] == UNKNOWN;
        if (p->n > 0 &&
            tro_choices_set(out, p->text, p->candidates[is_next ? round : best_of(p)]) < 0)
            return tro_fail_nomem(t->err);
    }
    return 0;
}

static int count_failed(const struct tuner *t)
{
    struct tro_libraries *const libraries = tro_tune_libraries(t->o);
    return libraries ? tro_libraries_n_failed(libraries) : 0;
}

/* Libraries that were asked for and cannot be had. */
static void warn_of_missing(const struct tuner *t)
{
    static const char *const names[] = {"cudnn ", "cublaslt "};
    struct tro_libraries *const libraries = tro_tune_libraries(t->o);
    char text[640];
    for (size_t i = 0; libraries && i < sizeof(names) / sizeof(names[0]); i++) {
        const char *const why = tro_libraries_missing(libraries, names[i]);
        if (!why[0])
            continue;
        snprintf(text, sizeof(text), "%s: kernels of our own are the only candidates in its place",
                 why);
        warn(t, text);
    }
}

/* A call of a library that fails must not end the build: without it our own kernel is chosen. */
static struct tro_bench *make_bench(struct tuner *t, const struct tro_choices *choices)
{
    for (;;) {
        const int n_failed = count_failed(t);
        struct tro_bench *const bench = tro_bench_create(t->o, choices, t->packs, t->err);
        if (bench || t->err->status != TRO_E_DEVICE || count_failed(t) == n_failed)
            return bench;
        tro_err_prefix(t->err, t->err->status, "a candidate is left out: ");
        warn(t, t->err->text);
        *t->err = (struct tro_err){0};
    }
}

/* Candidate `round` of each problem that the cache does not know, in one program. Problems that
 * only this program has are left to the next sweep. */
static int run_round(struct tuner *t, size_t round)
{
    const size_t n = t->n;
    struct tro_choices choices = {0};
    struct problem **const order = tro_calloc(n + 1, sizeof(*order));
    struct tro_bench *bench = NULL;
    int rc = order ? choose(t, round, &choices) : tro_fail_nomem(t->err);
    if (rc == 0) {
        bench = make_bench(t, &choices);
        rc = bench ? meet_problems(t, tro_bench_program(bench)) : t->err->status;
    }
    if (rc == 0)
        rc = measure_round(t, bench, order, n, round);
    tro_bench_destroy(bench);
    tro_choices_finish(&choices);
    tro_free(order);
    return rc;
}

static bool has_unknown(const struct tuner *t, size_t round)
{
    for (size_t i = 0; i < t->n; i++)
        if (round < t->problems[i].n && t->problems[i].ns[round] == UNKNOWN)
            return true;
    return false;
}

static size_t count_rounds(const struct tuner *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n = t->problems[i].n > n ? t->problems[i].n : n;
    return n;
}

/* The program with the best choices so far, for its problems. */
static int look(struct tuner *t)
{
    struct tro_choices choices = {0};
    int rc = choose(t, SIZE_MAX, &choices);
    if (rc == 0) {
        struct tro_program *const p = tro_bench_lower(t->o, &choices, t->packs, t->err);
        rc = p ? meet_problems(t, p) : t->err->status;
        tro_program_destroy(p);
    }
    tro_choices_finish(&choices);
    return rc;
}

static int sweep(struct tuner *t)
{
    for (size_t round = 0; round < count_rounds(t) && !t->is_over; round++)
        if (has_unknown(t, round))
            TRO_TRY(run_round(t, round));
    return 0;
}

static int run_sweeps(struct tuner *t)
{
    TRO_TRY(look(t));
    report(t);
    for (int i = 0; i < MAX_SWEEPS && t->n_done < t->n_total && !t->is_over; i++) {
        TRO_TRY(sweep(t));
        TRO_TRY(look(t));
    }
    if (t->is_over && t->n_done < t->n_total)
        warn(t, "the time for tuning is over: some candidates were not timed");
    return 0;
}

/* ---- the result ---------------------------------------------------------------------------- */

static int compare_choices(const void *a, const void *b)
{
    return strcmp(((const struct tro_plan_choice *)a)->problem,
                  ((const struct tro_plan_choice *)b)->problem);
}

/* What the problem is solved by, and by our own kernels where that is a library. */
static int keep_problem(struct tuner *t, const struct problem *p, struct tro_plan_choice *choices,
                        size_t *n)
{
    const char *const best = p->candidates[best_of(p)];
    choices[(*n)++] = (struct tro_plan_choice){p->text, best};
    if (!tro_choice_is_library(best))
        return 0;
    const char *const text = tro_arena_printf(&t->out->arena, "%s%s", TRO_CHOICE_OWN, p->text);
    choices[(*n)++] = (struct tro_plan_choice){text, p->candidates[best_among(p, false)]};
    return text ? 0 : tro_fail_nomem(t->err);
}

static int keep(struct tuner *t)
{
    struct tro_arena *const a = &t->out->arena;
    struct tro_plan_choice *const choices = TRO_NEW_N(a, struct tro_plan_choice, 2 * t->n);
    size_t n = 0;
    t->out->plan.chip = tro_arena_strdup(a, t->chip);
    if (!choices || !t->out->plan.chip)
        return tro_fail_nomem(t->err);
    for (size_t i = 0; i < t->n; i++)
        if (t->problems[i].n > 0)
            TRO_TRY(keep_problem(t, &t->problems[i], choices, &n));
    if (n > 0)
        qsort(choices, n, sizeof(choices[0]), compare_choices);
    t->out->plan.choices = choices;
    t->out->plan.n_choices = n;
    return 0;
}

/* A time that is not kept costs time, no more. */
static void save(struct tuner *t)
{
    struct tro_err err = {0};
    if (t->build->cache && t->has_timed && tro_cache_write(&t->cache, t->build->cache, &err) < 0)
        warn(t, err.text);
}

static int tune(struct tuner *t)
{
    t->begin_ns = tro_clock_ns();
    if (t->o->store) {
        const struct tro_cuda_device *const d = tro_cuda_store_device(t->o->store);
        tro_plan_gpu_chip(d->name, d->arch, d->n_sms, t->chip);
    } else {
        tro_plan_chip(t->o->cpu_flags, t->o->n_threads, t->chip);
    }
    if (t->build->cache)
        TRO_TRY(tro_cache_read(&t->cache, t->build->cache, t->build->warn, t->build->ctx, t->err));
    t->packs = tro_packs_create(t->err);
    if (!t->packs)
        return t->err->status;
    const int rc = run_sweeps(t);
    warn_of_missing(t);
    save(t);
    return rc < 0 ? rc : keep(t);
}

void tro_tuned_finish(struct tro_tuned *t)
{
    tro_arena_finish(&t->arena);
    *t = (struct tro_tuned){0};
}

int tro_tune(const struct tro_tune_opts *opts, struct tro_tuned *out, struct tro_err *err)
{
    struct tro_err own = {0};
    struct tuner t = {.o = opts, .build = opts->build, .out = out, .err = err ? err : &own};
    *out = (struct tro_tuned){0};
    tro_range_begin("tune", opts->graph->name);
    const int rc = tune(&t);
    tro_range_end();
    tro_free(t.problems);
    tro_map_finish(&t.map);
    tro_cache_finish(&t.cache);
    tro_packs_destroy(t.packs);
    if (rc < 0)
        tro_tuned_finish(out);
    return rc;
}
