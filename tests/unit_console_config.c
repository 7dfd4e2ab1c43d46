/* SPDX-License-Identifier: Apache-2.0 */
/* YAML, and the configuration made of it: what is accepted, and what each wrong input is told. */
#include "console/rules/config.h"
#include "console/rules/yaml.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"

#ifdef TRO_HAVE_YAML
#define NEED_YAML
#else
#define NEED_YAML SKIP("built without libyaml")
#endif

static const char source[] = "source: {kind: frames, location: frames, width: 640, height: 360}\n";
static const char networks[] = "networks:\n"
                               "  - {name: tissue, plan: unet.plan}\n"
                               "  - {name: outside, plan: outside.plan}\n";

/* Of the text after a source in line 1 and networks in lines 2 to 4. */
static int parse_after(const char *text, struct tro_config *c, struct tro_err *err)
{
    char all[4096];
    snprintf(all, sizeof all, "%s%s%s", source, networks, text);
    return tro_config_parse(all, strlen(all), "etc/a.yaml", c, err);
}

static const char full[] =
    "console: {name: \"Theatre 3\", language: zh}\n"
    "source:\n"
    "  kind: gst\n"
    "  location: videotestsrc ! video/x-raw\n"
    "  width: 1920\n"
    "  height: 1080\n"
    "  fps: 59.94\n"
    "  format: yuyv\n"
    "  matrix: bt601\n"
    "  range: full\n"
    "  focal_length: 0.75\n"
    "  mark: false\n"
    "  loop: false\n"
    "budget_ms: 10\n"
    "networks:\n"
    "  - name: tissue\n"
    "    plan: /plans/unet.plan\n"
    "    lower: [unet_small.plan, least.plan]\n"
    "    device: cuda:1\n"
    "    every: 2\n"
    "    deadline_ms: 30\n"
    "    priority: 1\n"
    "    worst_ms: 9.5\n"
    "  - {name: outside, plan: outside.plan}\n"
    "  - {name: new, plan: new.plan, device: cuda:1, trial: true}\n"
    "workers:\n"
    "  cpu: {threads: 2, lanes: 3}\n"
    "  cuda_mps: never\n"
    "findings: {max_age_ms: 120, fade_ms: 0}\n"
    "tracker: {keep_ms: 500, smoothing_ms: 0}\n"
    "rules: rules.yaml\n"
    "privacy: {network: outside, name: out-of-body, above: 0.25}\n"
    "display: [{kind: window}, {kind: file, location: out.mkv},\n"
    "          {kind: rtsp, location: 'rtsp://0.0.0.0:8554/view'}]\n"
    "encoder: {bitrate_kbps: 4000}\n"
    "server: {listen: \"[::]:8443\", certificate: cert.pem, key: /key.pem, tokens: tokens, "
    "viewers: 4}\n";

static void check_full_networks(const struct tro_config *c)
{
    CHECK_INT(c->n_networks, 3);
    CHECK_STR(c->networks[0].name, "tissue");
    CHECK_INT(c->networks[0].n_tiers, 3);
    CHECK_STR(c->networks[0].plans[0], "/plans/unet.plan");
    CHECK_STR(c->networks[0].plans[1], "etc/unet_small.plan");
    CHECK_STR(c->networks[0].plans[2], "etc/least.plan");
    CHECK(c->networks[0].device.is_cuda && c->networks[0].device.index == 1);
    CHECK_INT(c->networks[0].every, 2);
    CHECK_NEAR(c->networks[0].deadline_ms, 30, 0);
    CHECK_INT(c->networks[0].priority, 1);
    CHECK_NEAR(c->networks[0].worst_ms, 9.5, 0);
    CHECK(!c->networks[0].is_trial && c->networks[2].is_trial);
    CHECK_NEAR(c->networks[1].deadline_ms, 10, 0);
    CHECK_NEAR(c->networks[1].worst_ms, 0, 0);
    CHECK_INT(c->networks[1].place.line, 24);
    CHECK_INT(c->networks[1].place.column, 5);
    CHECK_INT(c->n_workers, 2);
    CHECK(c->workers[0].device.is_cuda && !c->workers[1].device.is_cuda);
    CHECK_INT(c->workers[0].lanes, 1);
    CHECK_INT(c->workers[1].threads, 2);
    CHECK_INT(c->workers[1].lanes, 3);
    CHECK(c->ignores_mps);
}

static void check_full_rest(const struct tro_config *c)
{
    CHECK_NEAR(c->budget_ms, 10, 0);
    CHECK_NEAR(c->max_age_ms, 120, 0);
    CHECK_NEAR(c->fade_ms, 0, 0);
    CHECK_NEAR(c->keep_ms, 500, 0);
    CHECK_NEAR(c->smoothing_ms, 0, 0);
    CHECK_STR(c->rules, "etc/rules.yaml");
    CHECK_INT(c->privacy.network, 1);
    CHECK_STR(c->privacy.name, "out-of-body");
    CHECK_NEAR(c->privacy.above, 0.25, 0);
    CHECK_INT(c->n_displays, 3);
    CHECK_INT(c->displays[0].kind, TRO_DISPLAY_WINDOW);
    CHECK(!c->displays[0].location);
    CHECK_STR(c->displays[1].location, "etc/out.mkv");
    CHECK_STR(c->displays[2].location, "rtsp://0.0.0.0:8554/view");
    CHECK_INT(c->bitrate_kbps, 4000);
    CHECK(c->server.is_there && !c->server.is_loopback);
    CHECK_STR(c->server.host, "::");
    CHECK_INT(c->server.port, 8443);
    CHECK_STR(c->server.certificate, "etc/cert.pem");
    CHECK_STR(c->server.key, "/key.pem");
    CHECK_STR(c->server.tokens, "etc/tokens");
    CHECK_INT(c->server.viewers, 4);
}

TEST(config_all_keys)
{
    NEED_YAML;
    struct tro_config c;
    struct tro_err err = {0};
    const int rc = tro_config_parse(full, sizeof full - 1, "etc/a.yaml", &c, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(rc == 0);
    CHECK_STR(c.path, "etc/a.yaml");
    CHECK_STR(c.name, "Theatre 3");
    CHECK_INT(c.language, TRO_LANGUAGE_ZH);
    CHECK_INT(c.source.kind, TRO_SOURCE_GST);
    CHECK_STR(c.source.location, "videotestsrc ! video/x-raw");
    CHECK_INT(c.source.form.width, 1920);
    CHECK_INT(c.source.form.height, 1080);
    CHECK_INT(c.source.form.format, TRO_FRAME_YUYV);
    CHECK(c.source.form.is_bt601 && c.source.form.is_full_range);
    CHECK_NEAR(c.source.fps, 59.94, 0);
    CHECK_NEAR(c.source.focal_length, 0.75, 0);
    CHECK(!c.source.has_mark && !c.source.loops);
    check_full_networks(&c);
    check_full_rest(&c);
    tro_config_finish(&c);
}

TEST(config_defaults)
{
    NEED_YAML;
    struct tro_config c;
    struct tro_err err = {0};
    const int rc = tro_config_parse(source, sizeof source - 1, "a.yaml", &c, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(rc == 0);
    CHECK_STR(c.source.location, "frames");
    CHECK_INT(c.source.form.format, TRO_FRAME_NV12);
    CHECK_NEAR(c.source.fps, 30, 0);
    CHECK(c.source.has_mark && c.source.loops);
    CHECK_INT(c.language, TRO_LANGUAGE_EN);
    CHECK_NEAR(c.budget_ms, 33, 0);
    CHECK_NEAR(c.max_age_ms, 100, 0);
    CHECK_NEAR(c.fade_ms, 200, 0);
    CHECK_INT(c.privacy.network, -1);
    CHECK_INT(c.n_networks, 0);
    CHECK_INT(c.n_workers, 0);
    CHECK_INT(c.n_displays, 0);
    CHECK(!c.rules && !c.server.is_there);
    CHECK_INT(c.bitrate_kbps, 2500);
    tro_config_finish(&c);
}

TEST(config_source_of_command_line)
{
    NEED_YAML;
    struct tro_config c;
    struct tro_err err = {0};
    CHECK_OR_RETURN(parse_after("", &c, &err) == 0);
    CHECK_STR(c.source.location, "etc/frames");
    CHECK_INT(tro_config_set_source(&c, "rtsp:rtsp://camera/1", &err), 0);
    CHECK_INT(c.source.kind, TRO_SOURCE_RTSP);
    CHECK_STR(c.source.location, "rtsp://camera/1");
    CHECK_INT(tro_config_set_source(&c, "frames:here", &err), 0);
    CHECK_STR(c.source.location, "here");
    CHECK_INT(tro_config_set_source(&c, "tape:here", &err), TRO_E_INPUT);
    CHECK_STR(err.text, "--source: expected KIND:LOCATION with one of frames, file, rtsp, v4l2, "
                        "gst, found 'tape:here'");
    CHECK_INT(tro_config_set_source(&c, "file:", &err), TRO_E_INPUT);
    CHECK_STR(err.text, "--source: expected a place after 'file:', found ''");
    CHECK_STR(c.source.location, "here");
    CHECK_INT(tro_config_fail(&c, c.networks[1].place, &err, "no %s", "plan"), TRO_E_INPUT);
    CHECK_STR(err.text, "etc/a.yaml:4:5: no plan");
    tro_config_finish(&c);
}

/* ---- what is refused ------------------------------------------------------------------------ */

struct bad {
    const char *text, *message;
};

/* After a source in line 1 and networks in lines 2 to 4. */
static const struct bad bad_rest[] = {
    {"budget_ms: x", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found 'x'"},
    {"budget_ms: 0x10", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found '0x10'"},
    {"budget_ms: .inf", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found '.inf'"},
    {"budget_ms: 1_0", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found '1_0'"},
    {"budget_ms: '10'", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found '10'"},
    {"budget_ms: 1001", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found '1001'"},
    {"budget_ms: 1e999", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found "
                         "'1e999'"},
    {"budget_ms:", "etc/a.yaml:5:11: budget_ms: expected a number of 1 to 1000, found nothing"},
    {"budget_ms: [1, 2]", "etc/a.yaml:5:12: budget_ms: expected a number of 1 to 1000, found a "
                          "list of 2"},
    {"budget: 3", "etc/a.yaml:5:1: expected one of the keys console, source, budget_ms, realtime, "
                  "networks, workers, findings, tracker, rules, privacy, display, encoder, server, "
                  "found 'budget'"},
    {"rules: a.yaml\nrules: b.yaml", "etc/a.yaml:6:1: rules: expected each key once, found it "
                                     "again: the first one is in line 5"},
    {"rules: 12", "etc/a.yaml:5:8: rules: expected a text, found 12: put it in quotes if it is "
                  "one"},
    {"rules: ''", "etc/a.yaml:5:8: rules: expected a text of 1 to 1024 bytes, found ''"},
    {"console: {name: 3}", "etc/a.yaml:5:17: console.name: expected a text, found 3: put it in "
                           "quotes if it is one"},
    {"console: {language: de}", "etc/a.yaml:5:21: console.language: expected one of en, zh, found "
                                "'de'"},
    {"console: here", "etc/a.yaml:5:10: console: expected a map of keys, found 'here'"},
    {"workers: {gpu: {lanes: 2}}",
     "etc/a.yaml:5:11: workers: expected one of the keys cpu, cuda_mps, found "
     "'gpu'"},
    {"workers: {cpu: {lanes: 1.5}}", "etc/a.yaml:5:24: workers.cpu.lanes: expected an integer of 1 "
                                     "to 16, found '1.5'"},
    {"workers: {cuda_mps: yes}", "etc/a.yaml:5:21: workers.cuda_mps: expected one of auto, never, "
                                 "found 'yes'"},
    {"findings: {max_age_ms: 0}", "etc/a.yaml:5:24: findings.max_age_ms: expected a number of 1 to "
                                  "10000, found '0'"},
    {"tracker: {keep_ms: -1}", "etc/a.yaml:5:20: tracker.keep_ms: expected a number of 0 to 60000, "
                               "found '-1'"},
    {"privacy: {network: outside}", "etc/a.yaml:5:10: privacy: expected the key name, which is "
                                    "missing"},
    {"privacy: {network: inside, name: a}", "etc/a.yaml:5:20: privacy.network: expected the name "
                                            "of one of the networks, found 'inside'"},
    {"privacy: {network: outside, name: a, above: 2}", "etc/a.yaml:5:45: privacy.above: expected a "
                                                       "number of 0 to 1, found '2'"},
    {"display: []", "etc/a.yaml:5:10: display: expected a list of 1 to 4, found a list of 0"},
    {"display: [{kind: wall}]", "etc/a.yaml:5:18: display[0].kind: expected one of window, file, "
                                "rtsp, none, found 'wall'"},
    {"display: [{kind: none}, {kind: file}]", "etc/a.yaml:5:25: display[1]: expected the key "
                                              "location, which is missing"},
    {"display: [{kind: window, location: a}]", "etc/a.yaml:5:36: display[0].location: expected no "
                                               "location of a window, found 'a'"},
    {"display: [{kind: rtsp, location: a}]", "etc/a.yaml:5:34: display[0].location: expected "
                                             "rtsp://HOST:PORT/NAME, found 'a'"},
    {"encoder: {bitrate_kbps: 99}", "etc/a.yaml:5:25: encoder.bitrate_kbps: expected an integer of "
                                    "100 to 100000, found '99'"},
    {"server: {listen: \"127.0.0.1:8443\"}", "etc/a.yaml:5:9: server: expected the key tokens, "
                                             "which is missing"},
    {"server: {listen: here, tokens: t}", "etc/a.yaml:5:18: server.listen: expected HOST:PORT, "
                                          "such as 127.0.0.1:8443 or [::1]:8443, found 'here'"},
    {"server: {listen: \"a:70000\", tokens: t}", "etc/a.yaml:5:18: server.listen: expected "
                                                 "HOST:PORT, such as 127.0.0.1:8443 or "
                                                 "[::1]:8443, found 'a:70000'"},
    {"server: {listen: \"::1:80\", tokens: t}", "etc/a.yaml:5:18: server.listen: expected "
                                                "HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443, "
                                                "found '::1:80'"},
    {"server: {listen: \"0.0.0.0:80\", tokens: t}",
     "etc/a.yaml:5:18: server.listen: expected certificate and key, without which only a loopback "
     "address such as 127.0.0.1 is served, found '0.0.0.0:80'"},
    {"server: {listen: \"127.evil.example:80\", tokens: t}",
     "etc/a.yaml:5:18: server.listen: expected certificate and key, without which only a loopback "
     "address such as 127.0.0.1 is served, found '127.evil.example:80'"},
    {"server: {listen: \"127.0.0.1:80\", tokens: t, key: k}",
     "etc/a.yaml:5:9: server: expected certificate and key together, found key alone"},
    {"server: {listen: \"127.0.0.1:80\", tokens: t, viewers: 0}",
     "etc/a.yaml:5:54: server.viewers: expected an integer of 1 to 256, found '0'"},
};

/* After a source in line 1. */
static const struct bad bad_networks[] = {
    {"networks: {name: a}", "a.yaml:2:11: networks: expected a list of 1 to 16, found a map of 1"},
    {"networks: [{name: a}]", "a.yaml:2:12: networks[0]: expected the key plan, which is missing"},
    {"networks: [{plan: a}]", "a.yaml:2:12: networks[0]: expected the key name, which is missing"},
    {"networks: [{name: a b, plan: p}]", "a.yaml:2:19: networks[0].name: expected small letters, "
                                         "digits, '-' and '_', found 'a b'"},
    {"networks: [{name: a, plan: p}, {name: a, plan: p}]",
     "a.yaml:2:39: networks[1].name: expected a name of its own, found 'a', which is the network "
     "of line 2"},
    {"networks: [{name: a, plan: p, device: gpu}]",
     "a.yaml:2:39: networks[0].device: expected cpu, "
     "cuda or cuda:0 to cuda:7, found 'gpu'"},
    {"networks: [{name: a, plan: p, device: 'cuda:8'}]",
     "a.yaml:2:39: networks[0].device: expected cpu, cuda or cuda:0 to cuda:7, found 'cuda:8'"},
    {"networks: [{name: a, plan: p, deadline_ms: 0}]", "a.yaml:2:44: networks[0].deadline_ms: "
                                                       "expected a number of 0.1 to 10000, found "
                                                       "'0'"},
    {"networks: [{name: a, plan: p, trial: yes}]", "a.yaml:2:38: networks[0].trial: expected true "
                                                   "or false, found 'yes'"},
    {"networks: [{name: a, plan: p, lower: q}]", "a.yaml:2:38: networks[0].lower: expected a list "
                                                 "of 1 to 3, found 'q'"},
    {"networks: [{name: a, plan: p, lower: [q, p]}]", "a.yaml:2:42: networks[0].lower[1]: expected "
                                                      "another plan than those before it, found "
                                                      "'p' again"},
    {"networks: [{name: a, plan: p, every: 0}]", "a.yaml:2:38: networks[0].every: expected an "
                                                 "integer of 1 to 1000, found '0'"},
    {"networks: [{name: a, plan: p, trial: true}]\nprivacy: {network: a, name: b}",
     "a.yaml:3:20: privacy.network: expected a network that is shown, found 'a', which is on "
     "trial"},
};

static const struct bad bad_texts[] = {
    {"", "a.yaml:1:1: expected a map of keys, found nothing"},
    {"# only a comment\n", "a.yaml:1:1: expected a map of keys, found nothing"},
    {"just words", "a.yaml:1:1: expected a map of keys, found 'just words'"},
    {"budget_ms: 3", "a.yaml:1:1: expected the key source, which is missing"},
    {"source: {kind: frames, location: a, width: 641, height: 360}",
     "a.yaml:1:44: source.width: expected an even number, as frames of nv12 have, found '641'"},
    {"source: {kind: frames, location: a, width: 640, height: 361}",
     "a.yaml:1:57: source.height: expected an even number, as frames of nv12 have, found '361'"},
    {"source: {kind: tape, location: a, width: 640, height: 360}",
     "a.yaml:1:16: source.kind: expected one of frames, file, rtsp, v4l2, gst, found 'tape'"},
    {"source: {kind: rtsp, location: a, width: 640, height: 360}",
     "a.yaml:1:32: source.location: expected a URL that begins with rtsp:// or rtsps://, found "
     "'a'"},
    {"source: {kind: v4l2, location: video0, width: 640, height: 360}",
     "a.yaml:1:32: source.location: expected a device, such as /dev/video0, found 'video0'"},
    {"source: {kind: frames, location: a, width: 640, height: 360, mark: 1}",
     "a.yaml:1:68: source.mark: expected true or false, found '1'"},
    {"a: &x 1", "a.yaml:1:4: expected a value without anchor and tag"},
    {"a: &x [1]", "a.yaml:1:4: expected a value without anchor and tag"},
    {"a: !!str 1", "a.yaml:1:4: expected a value without anchor and tag"},
    {"a: *x", "a.yaml:1:4: expected a value, found an alias; write a text that begins with * in "
              "quotes"},
    {"<<: {a: 1}", "a.yaml:1:1: expected no merge key: write out what it stands for"},
    {"? [1, 2]\n: 3", "a.yaml:1:3: expected a word as the key, found a map or a list"},
    {"a: 1\n---\nb: 2", "a.yaml:2:1: expected one document, found another"},
    {"%TAG ! tag:example,2000:\n---\na: 1", "a.yaml:1:1: expected no %TAG: tags are not used here"},
    {"a: [1, 2\nb: 3", "a.yaml:2:2: expected YAML, found: did not find expected ',' or ']' while "
                       "parsing a flow sequence"},
    {"a: b: c", "a.yaml:1:5: expected YAML, found: mapping values are not allowed in this context"},
    {"a: |\n  two\n  lines\n", "a.yaml:1:4: expected a text of one line without control "
                               "characters; end a block with >- so that it has no line break"},
    {"a: \"\\0\"", "a.yaml:1:4: expected a text of one line without control characters; end a "
                   "block with >- so that it has no line break"},
    {"a: \"\\u0085\"", "a.yaml:1:4: expected a text of one line without control characters; end a "
                       "block with >- so that it has no line break"},
    {"a: b\n\xc3\xa4\xff", "a.yaml:2:2: expected text in UTF-8, found byte 0xff: save the file as "
                           "UTF-8"},
    {"a: \x01", "a.yaml:1:4: expected text in UTF-8, found byte 0x01: save the file as UTF-8"},
};

static void check_bad(const struct bad *bad, const char *before, const char *path)
{
    struct tro_config c;
    struct tro_err err = {0};
    char all[4096];
    snprintf(all, sizeof all, "%s%s", before, bad->text);
    CHECK_INT(tro_config_parse(all, strlen(all), path, &c, &err), TRO_E_INPUT);
    CHECK_STR(err.text, bad->message);
    tro_config_finish(&c);
}

TEST(config_bad)
{
    NEED_YAML;
    char before[1024];
    snprintf(before, sizeof before, "%s%s", source, networks);
    for (size_t i = 0; i < sizeof bad_rest / sizeof *bad_rest; i++)
        check_bad(&bad_rest[i], before, "etc/a.yaml");
    for (size_t i = 0; i < sizeof bad_networks / sizeof *bad_networks; i++)
        check_bad(&bad_networks[i], source, "a.yaml");
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++)
        check_bad(&bad_texts[i], "", "a.yaml");
}

TEST(config_of_a_file)
{
    struct tro_config c;
    struct tro_err err = {0};
    CHECK_INT(tro_config_read("no/such.yaml", &c, &err), TRO_E_IO);
    CHECK_STR(err.text, "no/such.yaml: cannot read: No such file or directory");
    tro_config_finish(&c);
}

/* ---- bounds --------------------------------------------------------------------------------- */

static void check_bound(const char *start, const char *part, int times, const char *message)
{
    struct tro_yaml y;
    struct tro_err err = {0};
    const size_t n_start = strlen(start), n_part = strlen(part);
    const size_t n = n_start + n_part * (size_t)times;
    char *const text = malloc(n + 1);
    CHECK_OR_RETURN(text != NULL);
    memcpy(text, start, n_start + 1);
    for (int i = 0; i < times; i++)
        memcpy(text + n_start + n_part * (size_t)i, part, n_part);
    CHECK_INT(tro_yaml_parse(&y, text, n, "a.yaml", &err), message ? TRO_E_INPUT : 0);
    CHECK_STR(err.text, message ? message : "");
    tro_yaml_finish(&y);
    free(text);
}

static void check_members(int n, const char *message)
{
    struct tro_yaml y;
    struct tro_err err = {0};
    char text[20000];
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "k%d: 1\n", i);
    CHECK_INT(tro_yaml_parse(&y, text, at, "a.yaml", &err), message ? TRO_E_INPUT : 0);
    CHECK_STR(err.text, message ? message : "");
    tro_yaml_finish(&y);
}

TEST(yaml_bounds)
{
    NEED_YAML;
    check_bound("a: ", "[", 31,
                "a.yaml:2:1: expected YAML, found: did not find expected node "
                "content while parsing a flow node");
    check_bound("a: ", "[", 32, "a.yaml:1:35: expected at most 32 levels, found more");
    check_bound("a: ", "x", 4096, NULL);
    check_bound("a: ", "x", 4097,
                "a.yaml:1:4: expected a text of at most 4096 bytes, found a longer one");
    check_bound("", "- 1\n", 99999, NULL);
    check_bound("", "- 1\n", 100000, "a.yaml:100000:3: expected at most 100000 values, found more");
    check_bound("", "#\n", 524289, "a.yaml: expected at most 1048576 bytes, found 1048578");
    check_members(1024, NULL);
    check_members(1025, "a.yaml:1025:1: expected a map of at most 1024 keys, found more");
}

TEST(yaml_plain_and_quoted)
{
    NEED_YAML;
    static const char text[] = "{a: null, b: 'null', c: '', d: ~, e: -1.5e2, f: '7', g: +3, h: "
                               "1., i: .5}";
    struct tro_yaml y;
    double number = 0;
    CHECK_OR_RETURN(tro_yaml_parse(&y, text, sizeof text - 1, "a", NULL) == 0);
    CHECK(tro_yaml_is_nothing(tro_yaml_get(y.top, "a")));
    CHECK(!tro_yaml_is_nothing(tro_yaml_get(y.top, "b")));
    CHECK(!tro_yaml_is_nothing(tro_yaml_get(y.top, "c")));
    CHECK(tro_yaml_is_nothing(tro_yaml_get(y.top, "d")));
    CHECK(tro_yaml_is_number(tro_yaml_get(y.top, "e"), &number));
    CHECK_NEAR(number, -150, 0);
    CHECK(!tro_yaml_is_number(tro_yaml_get(y.top, "f"), &number));
    CHECK(tro_yaml_is_number(tro_yaml_get(y.top, "g"), &number));
    CHECK(!tro_yaml_is_number(tro_yaml_get(y.top, "h"), &number));
    CHECK(tro_yaml_is_number(tro_yaml_get(y.top, "i"), &number));
    CHECK(!tro_yaml_get(y.top, "j"));
    tro_yaml_finish(&y);
}

TEST(config_without_memory)
{
    NEED_YAML;
    struct tro_config c;
    struct tro_err err;
    int rc = TRO_E_NOMEM;
    for (int n = 0; n < 1000 && rc < 0; n++) {
        tro_alloc_fail_after(n);
        rc = tro_config_parse(full, sizeof full - 1, "a.yaml", &c, &err);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        tro_config_finish(&c);
    }
    CHECK_INT(rc, 0);
}
