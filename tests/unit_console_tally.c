/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/tally.h: what is counted, and of which frames. */
#include "console/core/tally.h"

#include <string.h>

#include "test.h"

#define MS INT64_C(1000000)

static struct tro_tally *make(size_t n_times)
{
    struct tro_tally *const t = tro_tally_create(30 * MS, n_times, NULL);
    CHECK(t != NULL);
    tro_tally_add(t, 0, "tissue", 1, 20 * MS, false);
    tro_tally_add(t, 1, "depth", 2, 40 * MS, false);
    tro_tally_add(t, 2, "trial", 1, 20 * MS, true);
    return t;
}

/* Frame id was captured at id * 100 ms; received: ms after that. */
static int64_t find(struct tro_tally *t, int network, int tier, uint64_t id, int64_t received_ms)
{
    const int64_t at_ns = (int64_t)id * 100 * MS;
    const struct tro_stage s = {.network = network,
                                .tier = tier,
                                .frame = id,
                                .captured_ns = at_ns,
                                .taken_ns = at_ns + MS,
                                .started_ns = at_ns + 2 * MS,
                                .ran_ns = at_ns + 5 * MS,
                                .decoded_ns = at_ns + 6 * MS};
    return tro_tally_findings(t, &s, at_ns + received_ms * MS);
}

static void put(struct tro_tally *t, uint64_t id)
{
    tro_tally_frame(t, id, (int64_t)id * 100 * MS);
}

TEST(a_frame_is_complete_with_its_last_findings)
{
    struct tro_tally *const t = make(100);
    struct tro_tally_all all;
    put(t, 1);
    put(t, 2);
    CHECK_INT(find(t, 2, 0, 1, 5), 0); /* on trial: no part of it */
    CHECK_INT(find(t, 0, 0, 1, 10), 10 * MS);
    CHECK_INT(find(t, 0, 0, 2, 10), 0);
    CHECK_INT(find(t, 1, 0, 2, 35), 35 * MS);
    put(t, 3);
    tro_tally_all(t, &all);
    CHECK_INT(all.frames, 3);
    CHECK_INT(all.complete, 2);
    CHECK_INT(all.incomplete, 1);
    CHECK_INT(all.over_budget, 1);
    CHECK_NEAR(all.latency.max, 35, 1e-9);
    CHECK_NEAR(all.latency.min, 10, 1e-9);
    tro_tally_destroy(t);
}

/* Findings that came late, of a frame that is long gone, complete nothing. */
TEST(frames_that_never_were_complete)
{
    struct tro_tally *const t = make(100);
    struct tro_tally_all all;
    for (uint64_t id = 1; id <= 1000; id++) {
        put(t, id);
        if (id % 2)
            find(t, 0, 0, id, 10);
    }
    CHECK_INT(find(t, 0, 0, 2, 10), 0);
    tro_tally_all(t, &all);
    CHECK_INT(all.frames, 1000);
    CHECK_INT(all.complete, 500);
    CHECK_INT(all.incomplete, 500);
    tro_tally_destroy(t);
}

/* What is on its way is known: nothing that a network was not to look at is waited for. */
TEST(frames_that_are_on_their_way)
{
    struct tro_tally *const t = make(100);
    const struct tro_skipped given_up = {
        .network = 0, .why = TRO_SKIP_BUSY, .frame = 2, .n_frames = 1};
    CHECK(tro_tally_is_settled(t));
    put(t, 1);
    CHECK(!tro_tally_is_settled(t));
    find(t, 0, 0, 1, 10);
    CHECK(tro_tally_is_settled(t));
    put(t, 2);
    tro_tally_skipped(t, &given_up);
    CHECK(!tro_tally_is_settled(t));
    find(t, 1, 0, 2, 10);
    CHECK(tro_tally_is_settled(t));
    put(t, 3);
    find(t, 0, 0, 3, 10);
    CHECK(tro_tally_is_settled(t));
    tro_tally_destroy(t);
}

TEST(a_network_is_counted)
{
    struct tro_tally *const t = make(100);
    struct tro_tally_network n;
    put(t, 1);
    find(t, 0, 0, 1, 10);
    put(t, 2);
    find(t, 0, 1, 2, 25);
    put(t, 5);
    find(t, 0, 0, 5, 31);
    tro_tally_skipped(t, &(struct tro_skipped){.why = TRO_SKIP_BUSY, .frame = 4, .n_frames = 2});
    tro_tally_skipped(t, &(struct tro_skipped){.why = TRO_SKIP_LATE, .frame = 6, .n_frames = 1});
    CHECK(tro_tally_network(t, 0, &n));
    CHECK_INT(n.count.ran, 3);
    CHECK_INT(n.count.lower, 1);
    CHECK_INT(n.count.late, 2);
    CHECK_INT(n.count.over_budget, 1);
    CHECK_INT(n.count.skipped[TRO_SKIP_BUSY], 2);
    CHECK_INT(n.count.skipped[TRO_SKIP_LATE], 1);
    CHECK_INT(n.count.longest_gap_ns, 306 * MS); /* 531 - 225 */
    static const double want[TRO_N_TALLY_STAGES] = {1, 1, 3, 1, (4 + 19 + 25) / 3.0};
    for (int i = 0; i < TRO_N_TALLY_STAGES; i++)
        CHECK_NEAR(n.stages[i].mean, want[i], 1e-9);
    CHECK(!tro_tally_network(t, 3, &n));
    /* The same number again is another network. */
    tro_tally_add(t, 0, "other", 1, 20 * MS, false);
    CHECK(tro_tally_network(t, 0, &n));
    CHECK_INT(n.count.ran, 0);
    CHECK_NEAR(n.latency.max, 0, 0);
    tro_tally_destroy(t);
}

TEST(the_oldest_times_go)
{
    struct tro_tally *const t = make(10);
    struct tro_tally_network n;
    for (uint64_t id = 1; id <= 25; id++) {
        put(t, id);
        find(t, 0, 0, id, id <= 15 ? 1000 : 7 + (int64_t)id % 2);
    }
    CHECK(tro_tally_network(t, 0, &n));
    CHECK_INT(n.count.ran, 25);
    CHECK_NEAR(n.latency.max, 8, 1e-9);
    CHECK_NEAR(n.latency.min, 7, 1e-9);
    tro_tally_destroy(t);
}

/* What took longest is kept with its stages; trials are not looked at. */
TEST(the_slowest)
{
    struct tro_tally *const t = make(10);
    struct tro_json j = {.is_line = true};
    for (uint64_t id = 1; id <= 40; id++) {
        put(t, id);
        find(t, 0, 0, id, 10 + (int64_t)id);
        find(t, 2, 0, id, 500);
    }
    tro_tally_skipped(t, &(struct tro_skipped){.network = 1,
                                               .why = TRO_SKIP_LATE,
                                               .frame = 41,
                                               .n_frames = 1,
                                               .captured_ns = 4100 * MS,
                                               .taken_ns = 4160 * MS,
                                               .at_ns = 4162 * MS});
    tro_json_object_begin(&j, NULL);
    tro_tally_json(t, &j);
    tro_json_object_end(&j);
    tro_buf_u8(&j.buf, 0);
    const char *const text = strstr((const char *)j.buf.p, "\"slowest\"");
    CHECK_HAS(text,
              "[{\"network\": \"depth\",\"frame\": 41,\"at_s\": 4,\"skipped\": true,\"ms\": 62,"
              "\"wake\": 60,\"wait\": 2,\"run\": 0,\"decode\": 0,\"send\": 0},"
              "{\"network\": \"tissue\",\"frame\": 40,\"at_s\": 3.9,\"skipped\": false,\"ms\": 50,"
              "\"wake\": 1,\"wait\": 1,\"run\": 3,\"decode\": 1,\"send\": 44}");
    CHECK_HAS(text, "\"frame\": 26,");
    CHECK(!strstr(text, "\"frame\": 25,"));
    CHECK(!strstr(text, "trial"));
    tro_json_finish(&j);
    tro_tally_destroy(t);
}

TEST(as_json)
{
    struct tro_tally *const t = make(10);
    struct tro_json j = {0};
    put(t, 1);
    find(t, 0, 0, 1, 10);
    tro_json_object_begin(&j, NULL);
    tro_tally_json(t, &j);
    tro_json_object_end(&j);
    tro_buf_u8(&j.buf, 0);
    const char *const text = (const char *)j.buf.p;
    CHECK_HAS(text, "\"frames\": 1");
    CHECK_HAS(text, "\"budget_ms\": 30");
    CHECK_HAS(text, "\"name\": \"depth\"");
    CHECK_HAS(text, "\"decode\": {");
    CHECK_HAS(text, "\"p999\": 10");
    CHECK_HAS(text, "\"slowest\": [");
    tro_json_finish(&j);
    tro_tally_destroy(t);
}
