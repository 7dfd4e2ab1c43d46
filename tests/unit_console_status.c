/* SPDX-License-Identifier: Apache-2.0 */
/* Times and counters of the daemon, and what is made of them: traces, status, Prometheus' text. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "console/core/palette.h"
#include "console/daemon/sentences.h"
#include "console/daemon/status.h"
#include "test.h"

static struct tro_config *make_config(void)
{
    static struct tro_config c;
    c = (struct tro_config){.name = "Theatre \"3\"", .budget_ms = 33, .n_networks = 2};
    c.source.form = (struct tro_frame_form){TRO_FRAME_NV12, 640, 360, false, false};
    c.source.fps = 30;
    c.networks[0] = (struct tro_config_network){.name = "tissue",
                                                .n_tiers = 2,
                                                .plans = {"/a/b/unet.plan", "small.plan"},
                                                .every = 1,
                                                .deadline_ms = 30};
    c.networks[1] = (struct tro_config_network){
        .name = "a\\b\n\"c", .n_tiers = 1, .plans = {"x.plan"}, .every = 2, .deadline_ms = 10};
    c.server.viewers = 16;
    return &c;
}

/* On the heap: a snapshot is large. */
static struct tro_console_status *make_status(struct tro_metrics *m)
{
    struct tro_console_status *const s = calloc(1, sizeof(*s));
    s->config = make_config();
    s->metrics = m;
    s->now_ns = 2500000;
    s->networks[0].age_ms = 12.5;
    s->networks[1].age_ms = -1;
    s->networks[0].tiers[0].engine = 0x5be0c6aa01234567u;
    return s;
}

static char *text_of(struct tro_buf *b)
{
    tro_buf_u8(b, 0);
    return (char *)b->p;
}

TEST(metrics_quantiles_are_of_the_window)
{
    struct tro_metrics *const m = tro_metrics_create(NULL);
    CHECK_OR_RETURN(m != NULL);
    CHECK_INT(tro_metrics_quantiles(m, TRO_SERIES_FRAME).n, 0);
    for (int i = 1; i <= 100; i++)
        tro_metrics_time(m, TRO_SERIES_FRAME, i * 1000000);
    struct tro_quantiles q = tro_metrics_quantiles(m, TRO_SERIES_FRAME);
    CHECK_INT(q.n, 100);
    CHECK_NEAR(q.p50_ms, 50.5, 1e-9);
    CHECK_NEAR(q.p95_ms, 95.05, 1e-9);
    CHECK_NEAR(q.p99_ms, 99.01, 1e-9);
    CHECK_NEAR(q.max_ms, 100, 1e-9);
    for (int i = 0; i < 1024; i++)
        tro_metrics_time(m, TRO_SERIES_FRAME, 2000000);
    q = tro_metrics_quantiles(m, TRO_SERIES_FRAME);
    CHECK_INT(q.n, 1024);
    CHECK_INT(q.n_all, 1124);
    CHECK_NEAR(q.max_ms, 2, 1e-9);
    tro_metrics_destroy(m);
}

TEST(metrics_buckets_end_at_their_bounds)
{
    struct tro_metrics *const m = tro_metrics_create(NULL);
    CHECK_OR_RETURN(m != NULL);
    const int64_t times_us[] = {1000, 1001, 10000, 16700, 33001, 200000, -5};
    for (size_t i = 0; i < sizeof(times_us) / sizeof(times_us[0]); i++)
        tro_metrics_time(m, TRO_SERIES_GLASS, times_us[i] * 1000);
    struct tro_metrics_histogram h;
    tro_metrics_histogram(m, TRO_SERIES_GLASS, &h);
    const uint64_t want[TRO_N_BUCKETS + 1] = {2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7};
    for (int i = 0; i <= TRO_N_BUCKETS; i++)
        CHECK_INT(h.count[i], want[i]);
    CHECK_NEAR(h.sum_s, 0.261702, 1e-9);
    tro_metrics_time(m, TRO_N_SERIES, 1);
    tro_metrics_time(NULL, 0, 1);
    tro_metrics_frame(m, 34000000, 33);
    tro_metrics_frame(m, 33000000, 33);
    CHECK_INT(tro_metrics_frame_misses(m), 1);
    tro_metrics_network_add(m, TRO_BOARD_MAX_NETWORKS, TRO_NETWORK_RAN, 1);
    tro_metrics_network_add(m, -1, TRO_NETWORK_RAN, 1);
    CHECK_INT(tro_metrics_network_get(m, 0, TRO_NETWORK_RAN), 0);
    tro_metrics_destroy(m);
}

struct crowd {
    struct tro_metrics *metrics;
    struct tro_trace *trace;
};

static void *add_many(void *ctx)
{
    struct crowd *const c = ctx;
    for (int i = 0; i < 20000; i++) {
        tro_metrics_add(c->metrics, TRO_COUNT_CAPTURED, 1);
        tro_metrics_time(c->metrics, TRO_SERIES_STAGE, 1000000);
        tro_trace_put(c->trace, TRO_STAGE_RUN, (uint64_t)i, 0, i * 1000, i * 1000 + 500);
    }
    return NULL;
}

TEST(threads_lose_no_count)
{
    struct crowd c = {tro_metrics_create(NULL), tro_trace_create(NULL)};
    pthread_t threads[4];
    CHECK_OR_RETURN(c.metrics && c.trace);
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, add_many, &c), 0);
    struct tro_buf out = {0};
    for (int i = 0; i < 3; i++) {
        tro_metrics_quantiles(c.metrics, TRO_SERIES_STAGE);
        CHECK_INT(tro_trace_write(c.trace, 0, 5000000, 0, NULL, 0, &out, NULL), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(tro_metrics_get(c.metrics, TRO_COUNT_CAPTURED), 80000);
    CHECK_INT(tro_metrics_quantiles(c.metrics, TRO_SERIES_STAGE).n_all, 80000);
    tro_buf_finish(&out);
    tro_metrics_destroy(c.metrics);
    tro_trace_destroy(c.trace);
}

TEST(trace_lays_spans_that_overlap_on_two_lines)
{
    struct tro_trace *const t = tro_trace_create(NULL);
    CHECK_OR_RETURN(t != NULL);
    tro_trace_put(t, TRO_STAGE_ENCODE, 1, -1, 1000000, 3000000);
    tro_trace_put(t, TRO_STAGE_ENCODE, 2, -1, 2000000, 4000000);
    tro_trace_put(t, TRO_STAGE_ENCODE, 3, -1, 3000000, 5000000);
    tro_trace_put(t, TRO_STAGE_RUN, 3, 1, 3100000, 3200000);
    tro_trace_put(t, TRO_STAGE_RUN, 9, 1, 7000000, 9000000);
    tro_trace_put(NULL, TRO_STAGE_RUN, 9, 1, 7000000, 9000000);
    struct tro_buf out = {0};
    const char *const names[] = {"tissue", "depth"};
    CHECK_INT(tro_trace_write(t, 0, 5000000, 500000, names, 2, &out, NULL), 0);
    const char *const text = text_of(&out);
    CHECK_HAS(text, "\"args\": {\"name\": \"run depth\"}");
    CHECK_HAS(text,
              "{\"name\": \"encode\",\"cat\": \"frame\",\"ph\": \"X\",\"ts\": 500,\"dur\": 2000,"
              "\"pid\": 1,\"tid\": 3641,\"args\": {\"frame\": 1}}");
    CHECK_HAS(text, "\"ts\": 1500,\"dur\": 2000,\"pid\": 1,\"tid\": 3642,\"args\": {\"frame\": 2}");
    CHECK_HAS(text, "\"ts\": 2500,\"dur\": 2000,\"pid\": 1,\"tid\": 3641,\"args\": {\"frame\": 3}");
    CHECK(strstr(text, "\"frame\": 9") == NULL);
    tro_buf_finish(&out);
    tro_trace_destroy(t);
}

TEST(status_says_what_is_known_and_null_else)
{
    struct tro_metrics *const m = tro_metrics_create(NULL);
    struct tro_console_status *const s = make_status(m);
    struct tro_finding_names names = {.n = 2, .name = {"outside", "liver"}};
    s->networks[0].names = &names;
    tro_metrics_time(m, TRO_SERIES_RUN, 4000000);
    tro_metrics_add(m, TRO_COUNT_MARKS, 3);
    tro_metrics_network_add(m, 0, TRO_NETWORK_SKIPPED_LATE, 2);
    struct tro_json j = {.is_line = true};
    tro_status_json(s, NULL, &j);
    const char *const text = text_of(&j.buf);
    CHECK_HAS(text, "{\"name\": \"Theatre \\\"3\\\"\",\"language\": \"en\"");
    CHECK_HAS(text, "\"now_ms\": 2.5,");
    CHECK_HAS(text, "\"tiers\": [{\"plan\": \"unet.plan\",\"engine\": \"5be0c6aa01234567\","
                    "\"worst_ms\": null},{\"plan\": \"small.plan\",\"engine\": null,");
    CHECK_HAS(text, "{\"name\": \"outside\",\"colour\": \"#000000\",\"shown\": false},"
                    "{\"name\": \"liver\",\"colour\": \"#d64040\",\"shown\": true}");
    CHECK_HAS(text, "\"skipped\": {\"late\": 2,\"busy\": 0}");
    CHECK_HAS(text, "\"run\": {\"n\": 1,\"p50_ms\": 4,\"p95_ms\": 4,\"p99_ms\": 4,\"max_ms\": 4}");
    CHECK_HAS(text, "\"glass\": {\"n\": 0,\"p50_ms\": null,");
    CHECK_HAS(text, "\"sentence\": null,\"encoder\": null,");
    CHECK_HAS(text, "\"marks\": 3,");
    tro_json_finish(&j);
    free(s);
    tro_metrics_destroy(m);
}

/* promtool, which Prometheus brings, is the judge of its text. */
static int promtool(const char *text)
{
    FILE *const f = popen("promtool check metrics", "w");
    if (!f)
        return -1;
    fputs(text, f);
    const int rc = pclose(f);
    return WIFEXITED(rc) ? WEXITSTATUS(rc) : -1;
}

TEST(prometheus_text_is_what_prometheus_reads)
{
    struct tro_metrics *const m = tro_metrics_create(NULL);
    struct tro_console_status *const s = make_status(m);
    s->n_workers = 2;
    for (int i = 0; i < 2; i++)
        snprintf(s->workers[i].device, sizeof(s->workers[i].device), "cpu");
    s->workers[1].is_for_trials = true;
    tro_metrics_time(m, TRO_SERIES_LATENCY + 1, 4000001);
    struct tro_buf out = {0};
    tro_status_prometheus(s, &out);
    const char *const text = text_of(&out);
    CHECK_HAS(text, "trocar_network_skipped_total{network=\"tissue\",why=\"late\"} 0\n");
    CHECK_HAS(text, "trocar_worker_up{device=\"cpu\",process=\"main\"} 0\n");
    CHECK_HAS(text, "trocar_worker_restarts_total{device=\"cpu\",process=\"trials\"} 0\n");
    CHECK_HAS(text, "{network=\"a\\\\b\\n\\\"c\",le=\"0.004\"} 0\n");
    CHECK_HAS(text, "{network=\"a\\\\b\\n\\\"c\",le=\"0.006\"} 1\n");
    CHECK_HAS(text, "trocar_findings_age_seconds{network=\"tissue\"} 0.0125\n");
    CHECK_HAS(text, "trocar_glass_latency_seconds_sum 0\n");
    const bool has_promtool = system("command -v promtool >/dev/null 2>&1") == 0;
    if (has_promtool)
        CHECK_INT(promtool(text), 0);
    tro_buf_finish(&out);
    free(s);
    tro_metrics_destroy(m);
    if (!has_promtool)
        SKIP("promtool is not there (Debian package prometheus)");
}

TEST(sentences_keep_the_last_hundred)
{
    struct tro_sentences *const all = tro_sentences_create(NULL);
    CHECK_OR_RETURN(all != NULL);
    struct tro_sentence s = {.rule = "off-axis", .frame = 812};
    for (s.id = 1; s.id <= 105; s.id++)
        tro_sentences_put(all, &s, TRO_SENTENCE_TRUE);
    s.id = 105;
    tro_sentences_put(all, &s, TRO_SENTENCE_HELD);
    struct tro_json j = {.is_line = true};
    const char *const networks[] = {"tissue", "depth"};
    tro_sentences_json(all, 5000000, networks, 2, &j);
    const char *const text = text_of(&j.buf);
    CHECK_HAS(text, "{\"sentences\": [{\"state\": \"held\",\"age_ms\": 5,\"id\": 105,"
                    "\"rule\": \"off-axis\"");
    CHECK_HAS(text, "{\"state\": \"ended\",\"age_ms\": 5,\"id\": 104,");
    CHECK_HAS(text, "\"id\": 6,");
    CHECK(strstr(text, "\"id\": 5,") == NULL);
    tro_json_finish(&j);
    struct tro_json message = {.is_line = true};
    tro_sentence_object(&s, TRO_SENTENCE_INTERRUPTED, 2.5f, networks, 2, 9, &message);
    CHECK_HAS(text_of(&message.buf), "{\"t\": \"sentence\",\"seq\": 9,"
                                     "\"state\": \"interrupted\",\"age_ms\": 2.5,\"id\": 105,");
    tro_json_finish(&message);
    tro_sentences_destroy(all);
}

TEST(palette_has_the_simulators_colours_and_hues)
{
    uint8_t rgb[3], other[3];
    CHECK(tro_palette_colour("bowel", 7, rgb));
    CHECK_INT(rgb[0] * 65536 + rgb[1] * 256 + rgb[2], 0xff8cb4);
    CHECK(!tro_palette_colour("outside", 0, rgb));
    CHECK(tro_palette_colour("hook", 0, rgb) && tro_palette_colour("hook", 1, other));
    CHECK(memcmp(rgb, other, 3) != 0);
}
