/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes of scratch memory a buffer gets.
 *
 *     step      0   1   2   3   4
 *     A        [=======]                  A and C do not live at the same time: C may lie where A
 *     B            [=======]              lay. A pointwise step that ends A and begins D of the
 *     C                    [=======]      same size works in place: one buffer from then on.
 *
 * Buffers are placed one by one at the lowest offset where they meet none that lives at the same
 * time; the order decides how good that is, so several orders are tried, each a few times more with
 * the buffer that lay on top of all put first.
 */
#include "lower/lowering.h"

#include "base/alloc.h"
#include "base/err.h"

#include <stdlib.h>

#define ALIGN 64
#define PROMOTIONS 32 /* orders tried from each first one; most programs need one */

static size_t aligned(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- lifetimes ---------------------------------------------------------------------------- */

static void touch(struct tro_program *p, const struct tro_arg *a, int32_t step)
{
    struct tro_buffer *const b = &p->buffers[a->buffer];
    if (b->first < 0)
        b->first = step;
    if (b->last < step)
        b->last = step;
}

/* What lives across the beginning or the end of a loop lives through all of it. */
static void stretch_over_loops(struct tro_program *p)
{
    for (int32_t i = p->n_steps - 1; i >= 0; i--) {
        const struct tro_step *const s = &p->steps[i];
        if (s->kind != TRO_STEP_LOOP)
            continue;
        const int32_t begin = i, end = i + s->n_then;
        for (uint32_t k = 0; k < p->n_buffers; k++) {
            struct tro_buffer *const b = &p->buffers[k];
            if (b->first <= begin && b->last > begin && b->last < end)
                b->last = end;
        }
    }
}

static void find_lifetimes(struct tro_lowering *l)
{
    struct tro_program *const p = l->p;
    for (int32_t i = 0; i < p->n_steps; i++) {
        for (int k = 0; k < p->steps[i].n_in; k++)
            touch(p, &p->steps[i].in[k], i);
        for (int k = 0; k < p->steps[i].n_out; k++)
            touch(p, &p->steps[i].out[k], i);
    }
    stretch_over_loops(p);
    for (uint32_t k = 0; k < p->n_buffers && l->opts.keep_all; k++)
        if (p->buffers[k].first >= 0)
            p->buffers[k].last = p->n_steps;
}

/* ---- in place ----------------------------------------------------------------------------- */

/* Buffers in groups of one place: kernels hold buffer numbers, so a buffer that takes over
 * another's memory keeps its number and shares the offset. */
struct group {
    uint32_t leader; /* whose memory buffer k has: itself, or what it took over */
    int32_t first, last;
    size_t n_bytes;
};

static bool can_take_over(const struct tro_program *p, const struct group *g,
                          const struct tro_step *s, int32_t i)
{
    const struct tro_arg *const in = &s->in[s->inplace], *const out = &s->out[0];
    const struct tro_buffer *const a = &p->buffers[in->buffer], *const b = &p->buffers[out->buffer];
    if (a->kind != TRO_BUFFER_SCRATCH || b->kind != TRO_BUFFER_SCRATCH || in->offset ||
        out->offset || g[g[in->buffer].leader].last != i || b->first != i ||
        a->n_bytes != b->n_bytes)
        return false;
    struct tro_arg moved = *in;
    moved.buffer = out->buffer;
    return in->buffer != out->buffer && tro_arg_same_place(&moved, out);
}

static void merge_in_place(const struct tro_program *p, struct group *g)
{
    for (int32_t i = 0; i < p->n_steps; i++) {
        const struct tro_step *const s = &p->steps[i];
        if (s->kind != TRO_STEP_KERNEL || s->inplace < 0 || !can_take_over(p, g, s, i))
            continue;
        const uint32_t leader = g[s->in[s->inplace].buffer].leader, b = s->out[0].buffer;
        g[b].leader = leader;
        if (g[leader].last < g[b].last)
            g[leader].last = g[b].last;
    }
}

/* ---- offsets ------------------------------------------------------------------------------ */

struct planner {
    const struct group *groups;
    uint32_t *order; /* leaders to place */
    uint32_t n;
    size_t *offset;   /* by buffer */
    uint32_t *placed; /* of order, by offset */
};

static bool lives_with(const struct group *a, const struct group *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest place between those that live at the same time; placed ones are in order of offset. */
static size_t lowest_place(const struct planner *w, uint32_t n_placed, const struct group *g)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n_placed; i++) {
        const struct group *const other = &w->groups[w->placed[i]];
        if (!lives_with(g, other))
            continue;
        const size_t begin = w->offset[w->placed[i]], end = begin + aligned(other->n_bytes);
        if (at + aligned(g->n_bytes) <= begin)
            break;
        if (at < end)
            at = end;
    }
    return at;
}

static size_t place_all(struct planner *w)
{
    size_t total = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        const uint32_t k = w->order[i];
        const size_t at = lowest_place(w, i, &w->groups[k]);
        uint32_t to = i;
        w->offset[k] = at;
        for (; to > 0 && w->offset[w->placed[to - 1]] > at; to--)
            w->placed[to] = w->placed[to - 1];
        w->placed[to] = k;
        if (total < at + aligned(w->groups[k].n_bytes))
            total = at + aligned(w->groups[k].n_bytes);
    }
    return total;
}

/* ---- orders ------------------------------------------------------------------------------- */

/* Key by which buffers are placed, greatest first; equal ones in their own order. */
typedef double order_key(const struct group *g);

static double by_size(const struct group *g)
{
    return (double)g->n_bytes;
}

static double by_area(const struct group *g)
{
    return (double)g->n_bytes * (g->last - g->first + 1);
}

static double by_time(const struct group *g)
{
    return -g->first;
}

static double by_life(const struct group *g)
{
    return g->last - g->first;
}

static order_key *const orders[] = {by_size, by_area, by_time, by_life};

struct keyed {
    double key;
    uint32_t k;
};

static int compare_keys(const void *a, const void *b)
{
    const struct keyed *const x = a, *const y = b;
    if (x->key != y->key)
        return x->key < y->key ? 1 : -1;
    return x->k < y->k ? -1 : x->k > y->k;
}

static void sort_by(struct planner *w, order_key *key, struct keyed *list)
{
    for (uint32_t i = 0; i < w->n; i++)
        list[i] = (struct keyed){key(&w->groups[w->order[i]]), w->order[i]};
    qsort(list, w->n, sizeof *list, compare_keys);
    for (uint32_t i = 0; i < w->n; i++)
        w->order[i] = list[i].k;
}

/* The peak of what lives at one time: no plan needs less. */
static size_t peak_of_live(const struct tro_program *p, const struct planner *w)
{
    size_t peak = 0;
    for (int32_t i = 0; i < p->n_steps; i++) {
        size_t live = 0;
        for (uint32_t k = 0; k < w->n; k++) {
            const struct group *const g = &w->groups[w->order[k]];
            live += g->first <= i && g->last >= i ? aligned(g->n_bytes) : 0;
        }
        peak = live > peak ? live : peak;
    }
    return peak;
}

/* Places all in their order; the offsets are kept where that is better than before. */
static size_t try_order(struct tro_program *p, struct planner *w)
{
    const size_t total = place_all(w);
    if (total >= p->scratch_bytes)
        return total;
    p->scratch_bytes = total;
    for (uint32_t k = 0; k < p->n_buffers; k++)
        p->buffers[k].offset = w->offset[w->groups[k].leader];
    return total;
}

/* What lies on top of all in this placement comes first in the next order. */
static void promote_top(struct planner *w, size_t total)
{
    uint32_t at = 0;
    while (at + 1 < w->n &&
           w->offset[w->order[at]] + aligned(w->groups[w->order[at]].n_bytes) < total)
        at++;
    const uint32_t top = w->order[at];
    for (; at > 0; at--)
        w->order[at] = w->order[at - 1];
    w->order[0] = top;
}

static void choose_order(struct tro_program *p, struct planner *w, struct keyed *list)
{
    p->live_bytes = peak_of_live(p, w);
    p->scratch_bytes = w->n ? SIZE_MAX : 0;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        sort_by(w, orders[i], list);
        for (int round = 0; round < PROMOTIONS && p->scratch_bytes > p->live_bytes; round++)
            promote_top(w, try_order(p, w));
    }
}

static void init_groups(const struct tro_program *p, struct group *g, struct planner *w)
{
    for (uint32_t k = 0; k < p->n_buffers; k++) {
        const struct tro_buffer *const b = &p->buffers[k];
        g[k] = (struct group){k, b->first, b->last, b->n_bytes};
    }
    merge_in_place(p, g);
    for (uint32_t k = 0; k < p->n_buffers; k++)
        if (p->buffers[k].kind == TRO_BUFFER_SCRATCH && g[k].leader == k && g[k].first >= 0)
            w->order[w->n++] = k;
}

int tro_lower_plan_memory(struct tro_lowering *l)
{
    struct tro_program *const p = l->p;
    struct tro_arena scratch = {0};
    struct group *const g = TRO_NEW_N(&scratch, struct group, p->n_buffers + 1);
    struct keyed *const list = TRO_NEW_N(&scratch, struct keyed, p->n_buffers + 1);
    struct planner w = {.groups = g,
                        .order = TRO_NEW_N(&scratch, uint32_t, p->n_buffers + 1),
                        .offset = TRO_NEW_N(&scratch, size_t, p->n_buffers + 1),
                        .placed = TRO_NEW_N(&scratch, uint32_t, p->n_buffers + 1)};
    int rc = 0;
    if (g && list && w.order && w.offset && w.placed) {
        find_lifetimes(l);
        init_groups(p, g, &w);
        choose_order(p, &w, list);
    } else {
        rc = tro_fail_nomem(l->err);
    }
    tro_arena_finish(&scratch);
    return rc;
}
