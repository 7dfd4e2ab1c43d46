/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/lane.h: whose turn it is, what is skipped and why. */
#include "console/core/lane.h"
#include "test.h"

#define MS INT64_C(1000000)

static struct tro_lane lane_of(int n)
{
    struct tro_lane l = {.n = n};
    for (int i = 0; i < n; i++)
        l.networks[i] = (struct tro_lane_network){.is_there = true,
                                                  .n_tiers = 1,
                                                  .every = 1,
                                                  .deadline_ns = 30 * MS,
                                                  .worst_ns = {5 * MS}};
    return l;
}

static struct tro_lane_skip busy[TRO_HOSTED_MAX_NETWORKS];

static void offer(struct tro_lane *l, uint64_t id)
{
    tro_lane_offer(l, id, (int64_t)id * 33 * MS, busy);
}

TEST(earliest_deadline_first)
{
    struct tro_lane l = lane_of(3);
    l.networks[0].deadline_ns = 30 * MS;
    l.networks[1].deadline_ns = 10 * MS;
    l.networks[2].deadline_ns = 20 * MS;
    CHECK_INT(tro_lane_pick(&l, 0).network, -1);
    offer(&l, 1);
    CHECK(tro_lane_is_waiting(&l));
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 1);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 2);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 0);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, -1);
    CHECK(!tro_lane_is_waiting(&l));
}

TEST(equal_deadlines_go_by_priority_then_order)
{
    struct tro_lane l = lane_of(3);
    l.networks[0].priority = l.networks[1].priority = 1;
    offer(&l, 1);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 2);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 0);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 1);
}

/* Under overload the one that has waited since an older frame goes first: none starves. */
TEST(who_waits_longer_goes_first)
{
    struct tro_lane l = lane_of(2);
    l.networks[1].deadline_ns = 50 * MS;
    offer(&l, 1);
    CHECK_INT(tro_lane_pick(&l, 33 * MS).network, 0);
    offer(&l, 2);
    CHECK_INT(tro_lane_pick(&l, 66 * MS).network, 1);
    CHECK_INT(tro_lane_pick(&l, 66 * MS).network, 0);
}

TEST(what_cannot_end_in_time_is_left_out)
{
    struct tro_lane l = lane_of(1);
    offer(&l, 1);
    struct tro_lane_choice c = tro_lane_pick(&l, 33 * MS + 25 * MS);
    CHECK_INT(c.network, 0);
    CHECK_INT(c.tier, 0);
    offer(&l, 2);
    c = tro_lane_pick(&l, 66 * MS + 25 * MS + 1);
    CHECK_INT(c.network, 0);
    CHECK_INT(c.tier, -1);
    CHECK(!tro_lane_is_waiting(&l));
}

TEST(a_lower_tier_takes_its_place)
{
    struct tro_lane l = lane_of(1);
    l.networks[0].n_tiers = 3;
    l.networks[0].worst_ns[0] = 20 * MS;
    l.networks[0].worst_ns[1] = 10 * MS;
    l.networks[0].worst_ns[2] = 2 * MS;
    static const struct {
        int64_t late_ns;
        int tier;
    } cases[] = {{0, 0}, {10 * MS, 0}, {11 * MS, 1}, {21 * MS, 2}, {28 * MS, 2}, {29 * MS, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        offer(&l, i + 1);
        CHECK_INT(tro_lane_pick(&l, l.seen_ns + cases[i].late_ns).tier, cases[i].tier);
    }
}

/* Frames 1 .. 12: those of every third are 3, 6, 9, 12. */
TEST(every_nth_frame)
{
    struct tro_lane l = lane_of(2);
    l.networks[1].every = 3;
    int n[2] = {0, 0};
    for (uint64_t id = 1; id <= 12; id++) {
        offer(&l, id);
        CHECK_INT(busy[0].n + busy[1].n, 0);
        for (struct tro_lane_choice c = tro_lane_pick(&l, l.seen_ns); c.network >= 0;
             c = tro_lane_pick(&l, l.seen_ns)) {
            n[c.network]++;
            CHECK(c.network == 0 || id % 3 == 0);
        }
    }
    CHECK_INT(n[0], 12);
    CHECK_INT(n[1], 4);
}

TEST(frames_that_were_not_seen_are_counted)
{
    struct tro_lane l = lane_of(2);
    l.networks[1].every = 2;
    l.seen = 4;
    offer(&l, 5);
    CHECK_INT(busy[0].n, 0);
    while (tro_lane_pick(&l, l.seen_ns).network >= 0)
        continue;
    offer(&l, 9);
    CHECK_INT(busy[0].n, 3);
    CHECK_INT(busy[0].last, 8);
    CHECK_INT(busy[1].n, 1);
    CHECK_INT(busy[1].last, 6);
    CHECK_INT(l.networks[1].released, 8);
    /* Both wait still: what they were released by before is gone as well. */
    offer(&l, 12);
    CHECK_INT(busy[0].n, 3);
    CHECK_INT(busy[0].last, 11);
    CHECK_INT(busy[1].n, 2);
    CHECK_INT(busy[1].last, 10);
}

/* Each frame that releases a network is either begun or told of as skipped. */
TEST(nothing_is_lost_from_the_counts)
{
    struct tro_lane l = lane_of(3);
    l.networks[1].every = 2;
    l.networks[2].every = 5;
    uint64_t n_begun[3] = {0}, n_skipped[3] = {0}, id = 0;
    uint32_t x = 7;
    l.seen = id = 1000;
    for (int i = 0; i < 2000; i++) {
        x = x * 1664525u + 1013904223u;
        id += 1 + (x >> 28) % 4;
        offer(&l, id);
        for (int k = 0; k < 3; k++)
            n_skipped[k] += busy[k].n;
        for (uint32_t turns = (x >> 20) % 3; turns > 0; turns--) {
            const struct tro_lane_choice c = tro_lane_pick(&l, l.seen_ns);
            if (c.network >= 0)
                n_begun[c.network]++;
        }
    }
    for (int k = 0; k < 3; k++) {
        const uint64_t every = (uint64_t)l.networks[k].every;
        const uint64_t n = id / every - 1000 / every;
        CHECK_INT(n_begun[k] + n_skipped[k] + l.networks[k].is_waiting, n);
    }
}

TEST(an_empty_place_has_no_turns)
{
    struct tro_lane l = lane_of(2);
    l.networks[0].is_there = false;
    offer(&l, 1);
    CHECK_INT(tro_lane_pick(&l, l.seen_ns).network, 1);
    CHECK(!tro_lane_is_waiting(&l));
}
