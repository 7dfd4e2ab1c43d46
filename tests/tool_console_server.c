/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console's server alone, on a free port of 127.0.0.1, for tests/cli/console_server.py:
 *     tool_console_server CONFIG [no-media|impatient]
 * Prints "port N". Frames, findings and viewers are made up: what is tested is the server, and the
 * texts that status, metrics, sentences and traces become. Impatient: clients have a second for
 * what they do. Lines on standard input:
 *     event NAME JSON      to all who listen
 *     gone ID              a viewer went by itself
 *     slow MS              offers take that long from now on
 * The end of the input ends it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/thread.h"
#include "console/daemon/sentences.h"
#include "console/daemon/server.h"
#include "console/daemon/status.h"
#include "io/picture.h"

struct tool {
    struct tro_config config;
    struct tro_tokens tokens;
    struct tro_metrics *metrics;
    struct tro_trace *trace;
    struct tro_sentences *sentences;
    struct tro_sentence sentence;
    struct tro_finding_names names;
    int64_t started_ns;
    atomic_uint_fast64_t frame;
    atomic_int slow_ms, n_viewers, is_dismissed, is_over;
};

static void sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static int offer(void *ctx, const struct tro_token *who, const char *sdp, size_t n,
                 bool is_burned_in, char id[TRO_SERVER_ID_BYTES], char **answer,
                 struct tro_err *err)
{
    struct tool *const t = ctx;
    const char text[] = "v=0\r\ns=answer\r\n";
    (void)sdp;
    (void)n;
    (void)is_burned_in;
    sleep_ms(t->slow_ms);
    const int number = atomic_fetch_add(&t->n_viewers, 1);
    if (number >= t->config.server.viewers)
        return tro_fail(err, TRO_E_DEVICE, "there are %d viewers already", number);
    snprintf(id, TRO_SERVER_ID_BYTES, "%032x", (unsigned)number + 0xabc);
    *answer = tro_malloc(sizeof(text));
    if (!*answer)
        return tro_fail_nomem(err);
    memcpy(*answer, text, sizeof(text));
    return who->name[0] ? 0 : -1;
}

static int trickle(void *ctx, const char *id, const char *fragment, size_t n, struct tro_err *err)
{
    (void)ctx;
    (void)id;
    if (memmem(fragment, n, "refuse", 6))
        return tro_fail(err, TRO_E_INPUT, "fragment: refused");
    return 0;
}

static bool close_viewer(void *ctx, const char *id)
{
    (void)ctx;
    return id[0] != 0;
}

static void fill_status(struct tool *t, struct tro_console_status *s)
{
    s->config = &t->config;
    s->metrics = t->metrics;
    s->started_ns = t->started_ns;
    s->now_ns = tro_clock_ns();
    s->frame = t->frame;
    s->networks[0].names = &t->names;
    s->networks[0].age_ms = 12.5;
    s->networks[0].tiers[0].engine = 0x5be0c6aa01234567u;
    s->networks[0].tiers[0].worst_ms = 9.5;
    s->networks[1].age_ms = -1;
    s->networks[1].state = TRO_NETWORK_IS_WAITING;
    s->n_workers = 1;
    s->workers[0] = (struct tro_status_worker){
        .device = "cpu", .state = TRO_WORKER_RUNNING, .pid = 4711, .since_ms = 120, .lanes = 1};
    s->n_viewers = 1;
    s->viewers[0] = (struct tro_status_viewer){.name = "Dr. Chen", .role = "expert"};
    s->privacy = TRO_PRIVACY_IS_INSIDE;
    s->sentence = t->sentence;
    s->sentence_state = t->is_dismissed ? TRO_SENTENCE_NONE : TRO_SENTENCE_HELD;
}

static struct tro_console_status *status_of(struct tool *t)
{
    struct tro_console_status *const s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    fill_status(t, s);
    return s;
}

static void write_status(void *ctx, struct tro_json *j)
{
    struct tro_console_status *const s = status_of(ctx);
    tro_status_json(s, NULL, j);
    free(s);
}

static void write_metrics(void *ctx, struct tro_buf *out)
{
    struct tro_console_status *const s = status_of(ctx);
    tro_status_prometheus(s, out);
    free(s);
}

static void write_sentences(void *ctx, struct tro_json *j)
{
    struct tool *const t = ctx;
    tro_sentences_json(t->sentences, tro_clock_ns(), (const char *const[]){"tissue"}, 1, j);
}

static void dismiss(void *ctx, const struct tro_token *who)
{
    struct tool *const t = ctx;
    (void)who;
    t->is_dismissed = 1;
}

static int display(void *ctx, uint8_t **png, size_t *n_bytes, struct tro_err *err)
{
    static const uint8_t grey[64 * 64];
    struct tro_buf out = {0};
    (void)ctx;
    TRO_TRY(tro_picture_to_png(&out, 64, 64, 1, grey, err));
    *png = out.p;
    *n_bytes = out.n;
    return 0;
}

static int trace(void *ctx, int64_t from_ns, int64_t to_ns, struct tro_buf *out,
                 struct tro_err *err)
{
    struct tool *const t = ctx;
    return tro_trace_write(t->trace, from_ns, to_ns, t->started_ns,
                           (const char *const[]){"tissue", "depth"}, 2, out, err);
}

static void *make_frames(void *ctx)
{
    struct tool *const t = ctx;
    while (!t->is_over) {
        const int64_t now_ns = tro_clock_ns();
        const uint64_t frame = atomic_fetch_add(&t->frame, 1) + 1;
        tro_metrics_add(t->metrics, TRO_COUNT_CAPTURED, 1);
        tro_metrics_time(t->metrics, TRO_SERIES_STAGE + TRO_STAGE_RUN, 4000000);
        tro_metrics_time(t->metrics, TRO_SERIES_LATENCY, 9000000);
        tro_metrics_frame(t->metrics, 9000000, t->config.budget_ms);
        tro_trace_put(t->trace, TRO_STAGE_CAPTURE, frame, -1, now_ns - 100000, now_ns);
        tro_trace_put(t->trace, TRO_STAGE_RUN, frame, 0, now_ns, now_ns + 4000000);
        sleep_ms(10);
    }
    return NULL;
}

static void set_up(struct tool *t)
{
    t->started_ns = tro_clock_ns();
    t->names = (struct tro_finding_names){.n = 2, .name = {"outside", "liver"}};
    t->sentence = (struct tro_sentence){.id = 7, .rule = "off-axis", .frame = 812, .n_draw = 1};
    snprintf(t->sentence.text[TRO_LANGUAGE_EN], TRO_SENTENCE_BYTES, "View is off axis.");
    snprintf(t->sentence.text[TRO_LANGUAGE_ZH], TRO_SENTENCE_BYTES, "请抬高操作角度");
    t->sentence.seen_ns = t->started_ns;
    t->sentence.draw[0] = (struct tro_draw){
        .kind = TRO_DRAW_ARROW, .n_points = 2, .x = {1, 2.5f}, .y = {3, 4}};
    tro_sentences_put(t->sentences, &t->sentence, TRO_SENTENCE_HELD);
}

static void obey(struct tool *t, struct tro_server *server, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *const rest = strchr(line, ' ');
    if (!rest)
        return;
    *rest = 0;
    if (strcmp(line, "gone") == 0)
        tro_server_forget(server, rest + 1);
    else if (strcmp(line, "slow") == 0)
        t->slow_ms = atoi(rest + 1);
    else if (strcmp(line, "event") == 0) {
        char *const json = strchr(rest + 1, ' ');
        if (json) {
            *json = 0;
            tro_server_event(server, rest + 1, json + 1, strlen(json + 1));
        }
    }
}

static int serve(struct tool *t, const char *how, struct tro_err *err)
{
    struct tro_server_opts opts = {.host = t->config.server.host,
                                   .port = t->config.server.port,
                                   .certificate = t->config.server.certificate,
                                   .key = t->config.server.key,
                                   .tokens = &t->tokens,
                                   .metrics = t->metrics,
                                   .calls = {offer, trickle, close_viewer, write_status,
                                             write_sentences, dismiss, display, trace,
                                             write_metrics, t}};
    if (strcmp(how, "no-media") == 0)
        opts.calls = (struct tro_server_calls){.ctx = t};
    if (strcmp(how, "impatient") == 0)
        opts.request_ms = opts.answer_ms = opts.listen_ms = 1000;
    struct tro_server *const server = tro_server_create(&opts, err);
    if (!server)
        return err->status;
    printf("port %d\n", tro_server_port(server));
    fflush(stdout);
    char line[70000];
    while (fgets(line, sizeof(line), stdin))
        obey(t, server, line);
    tro_server_destroy(server);
    return 0;
}

int main(int argc, char **argv)
{
    static struct tool t;
    struct tro_err err = {0};
    pthread_t frames;
    if (argc < 2)
        return 2;
    t.metrics = tro_metrics_create(&err);
    t.trace = tro_trace_create(&err);
    t.sentences = tro_sentences_create(&err);
    int rc = t.metrics && t.trace && t.sentences ? 0 : TRO_E_NOMEM;
    if (rc == 0)
        rc = tro_config_read(argv[1], &t.config, &err);
    if (rc == 0 && t.config.server.tokens)
        rc = tro_tokens_read(t.config.server.tokens, &t.tokens, &err);
    if (rc == 0) {
        set_up(&t);
        if (pthread_create(&frames, NULL, make_frames, &t) != 0)
            return 3;
        rc = serve(&t, argc > 2 ? argv[2] : "", &err);
        t.is_over = 1;
        pthread_join(frames, NULL);
    }
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    tro_tokens_finish(&t.tokens);
    tro_config_finish(&t.config);
    tro_sentences_destroy(t.sentences);
    tro_trace_destroy(t.trace);
    tro_metrics_destroy(t.metrics);
    return rc == 0 ? 0 : rc == TRO_E_DEVICE ? 3 : 2;
}
