/* SPDX-License-Identifier: Apache-2.0 */
#include "console/core/lane.h"

/* The newest frame of (after, id] that releases it; 0: none. n: how many do. */
static uint64_t find_release(const struct tro_lane_network *w, uint64_t after, uint64_t id,
                             uint64_t *n)
{
    const uint64_t every = (uint64_t)w->every;
    *n = id / every - after / every;
    return *n ? id / every * every : 0;
}

void tro_lane_offer(struct tro_lane *l, uint64_t id, int64_t captured_ns,
                    struct tro_lane_skip busy[TRO_HOSTED_MAX_NETWORKS])
{
    for (int i = 0; i < l->n; i++) {
        struct tro_lane_network *const w = &l->networks[i];
        uint64_t n;
        const uint64_t newest = w->is_there ? find_release(w, l->seen, id, &n) : 0;
        busy[i] = (struct tro_lane_skip){0};
        if (newest == 0)
            continue;
        if (w->is_waiting)
            busy[i] = (struct tro_lane_skip){(uint32_t)n, newest - (uint64_t)w->every};
        else if (n > 1)
            busy[i] = (struct tro_lane_skip){(uint32_t)(n - 1), newest - (uint64_t)w->every};
        if (!w->is_waiting)
            w->released_ns = captured_ns;
        w->released = newest;
        w->is_waiting = true;
    }
    l->seen = id;
    l->seen_ns = captured_ns;
}

bool tro_lane_is_waiting(const struct tro_lane *l)
{
    for (int i = 0; i < l->n; i++)
        if (l->networks[i].is_there && l->networks[i].is_waiting)
            return true;
    return false;
}

static bool goes_first(const struct tro_lane_network *a, const struct tro_lane_network *b)
{
    const int64_t of_a = a->released_ns + a->deadline_ns, of_b = b->released_ns + b->deadline_ns;
    return of_a != of_b ? of_a < of_b : a->priority < b->priority;
}

struct tro_lane_choice tro_lane_pick(struct tro_lane *l, int64_t now_ns)
{
    struct tro_lane_choice c = {-1, -1};
    for (int i = 0; i < l->n; i++) {
        const struct tro_lane_network *const w = &l->networks[i];
        if (w->is_there && w->is_waiting &&
            (c.network < 0 || goes_first(w, &l->networks[c.network])))
            c.network = i;
    }
    if (c.network < 0)
        return c;
    struct tro_lane_network *const w = &l->networks[c.network];
    w->is_waiting = false;
    for (int i = 0; i < w->n_tiers && c.tier < 0; i++)
        if (now_ns + w->worst_ns[i] <= l->seen_ns + w->deadline_ns)
            c.tier = i;
    return c;
}
