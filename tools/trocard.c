/* SPDX-License-Identifier: Apache-2.0 */
/* trocard: the console (docs/console.md). */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "console/core/realtime.h"
#include "console/daemon/console.h"
#include "console/daemon/guide.h"
#include "console/daemon/headless.h"
#include "console/rules/config.h"

struct trocard {
    const char *config, *source, *json, *trial, *trace, *record, *replay;
    double trial_after_s;
    long long n_frames;
    bool checks, has_no_media, helps;
};

/* THE list of options: name, letter of getopt_long, argument ("" for none), what it does. */
#define OPTIONS(X)                                                                              \
    X("config", 'c', "FILE", "the console's configuration (docs/console.md)")                   \
    X("check", 'k', "", "open and measure all plans, print whether they hold their deadlines")  \
    X("source", 's', "KIND:LOCATION", "in place of the configuration's source")                 \
    X("no-media", 'm', "", "without capture, display and encoder: source of kind frames alone") \
    X("frames", 'n', "N", "end after so many frames")                                           \
    X("json", 'j', "FILE", "write what was measured")                                           \
    X("trace", 'r', "FILE", "at the end, stages of the last 10 seconds (Perfetto)")             \
    X("trial", 't', "PLAN[@S]",                                                                 \
      "with --no-media: load one more plan after S (5) seconds, to run "                        \
      "at the lowest priority beside the others")                                               \
    X("record", 'o', "FILE", "write findings and sentences, lines of JSON (docs/rules.md)")     \
    X("replay", 'i', "FILE", "print the sentences that the rules make of such a file")          \
    X("help", 'h', "", "this text")

static const struct option options[] = {
#define OPTION_ROW(name, letter, argument, text) \
    {name, sizeof(argument) > 1 ? required_argument : no_argument, NULL, letter},
    OPTIONS(OPTION_ROW)
#undef OPTION_ROW
        {NULL, 0, NULL, 0}};

static void print_help(void)
{
    printf("trocard --config FILE [OPTION...]: video in, findings, guidance, a remote expert\n\n");
#define OPTION_HELP(name, letter, argument, text) \
    printf("  --%-26s %s\n", *argument ? name " " argument : name, text);
    OPTIONS(OPTION_HELP)
#undef OPTION_HELP
}

static int parse_frames(struct trocard *t, const char *text, struct tro_err *err)
{
    char *end;
    t->n_frames = strtoll(text, &end, 10);
    if (*end || end == text || t->n_frames < 1)
        return tro_fail(err, TRO_E_INPUT, "--frames: expected a number of 1 or more, found '%s'",
                        text);
    return 0;
}

static int parse_trial(struct trocard *t, char *text, struct tro_err *err)
{
    char *const at = strrchr(text, '@');
    char *end = NULL;
    t->trial = text;
    t->trial_after_s = 5;
    if (!at)
        return 0;
    *at = 0;
    t->trial_after_s = strtod(at + 1, &end);
    if (*end || end == at + 1 || !(t->trial_after_s >= 0))
        return tro_fail(err, TRO_E_INPUT, "--trial: expected seconds behind @, found '%s'", at + 1);
    return 0;
}

static int take_option(struct trocard *t, int letter, char *argument, struct tro_err *err)
{
    switch (letter) {
    case 'c':
        t->config = argument;
        return 0;
    case 'k':
        t->checks = true;
        return 0;
    case 's':
        t->source = argument;
        return 0;
    case 'm':
        t->has_no_media = true;
        return 0;
    case 'n':
        return parse_frames(t, argument, err);
    case 'j':
        t->json = argument;
        return 0;
    case 'r':
        t->trace = argument;
        return 0;
    case 't':
        return parse_trial(t, argument, err);
    case 'o':
        t->record = argument;
        return 0;
    case 'i':
        t->replay = argument;
        return 0;
    case 'h':
        t->helps = true;
        return 0;
    default:
        return tro_fail(err, TRO_E_INPUT, "see trocard --help");
    }
}

static int parse(struct trocard *t, int argc, char **argv, struct tro_err *err)
{
    int letter;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) >= 0)
        TRO_TRY(take_option(t, letter, optarg, err));
    if (optind < argc)
        return tro_fail(err, TRO_E_INPUT, "expected options alone, found '%s'", argv[optind]);
    if (!t->config && !t->helps)
        return tro_fail(err, TRO_E_INPUT, "expected --config FILE, found none");
    return 0;
}

/* It goes on without, at the mercy of what else the machine does. */
static void allow_realtime(const struct tro_config *c)
{
    struct tro_err err = {0};
    if (c->is_realtime && tro_realtime_allow(&err) < 0)
        fprintf(stderr, "trocard: realtime: %s\n", err.text);
}

static int run(const struct trocard *t, const struct tro_config *c, struct tro_err *err)
{
    const struct tro_headless_opts opts = {.n_frames = (uint64_t)t->n_frames,
                                           .json = t->json,
                                           .record = t->record,
                                           .trial = t->trial,
                                           .trial_after_s = t->trial_after_s};
    if (t->replay)
        return tro_guide_replay(c, t->replay, stdout, err);
    if (t->checks)
        return tro_headless_check(c, err);
    allow_realtime(c);
    if (t->has_no_media)
        return tro_headless_run(c, &opts, err);
    const struct tro_console_opts console = {
        .n_frames = (uint64_t)t->n_frames, .json = t->json, .record = t->record, .trace = t->trace};
    return tro_console_run(c, &console, err);
}

static int open_and_run(const struct trocard *t, struct tro_err *err)
{
    struct tro_config c;
    TRO_TRY(tro_config_read(t->config, &c, err));
    int rc = t->source ? tro_config_set_source(&c, t->source, err) : 0;
    if (rc >= 0)
        rc = run(t, &c, err);
    tro_config_finish(&c);
    return rc;
}

static int exit_code(int rc)
{
    switch (rc) {
    case TRO_E_INPUT:
    case TRO_E_UNSUPPORTED:
    case TRO_E_IO:
        return 2;
    default:
        return rc < 0 ? 3 : rc;
    }
}

int main(int argc, char **argv)
{
    struct trocard t = {0};
    struct tro_err err = {0};
    int rc = parse(&t, argc, argv, &err);
    if (rc >= 0 && t.helps) {
        print_help();
        return 0;
    }
    if (rc >= 0)
        rc = open_and_run(&t, &err);
    if (rc < 0)
        fprintf(stderr, "trocard: %s\n", err.text);
    return exit_code(rc);
}
