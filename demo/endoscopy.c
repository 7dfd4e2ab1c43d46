/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration: networks look at a synthetic operation, or at pictures of the user. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "overlay.h"
#include "progress.h"
#include "report.h"
#include "stage.h"
#include "view.h"

#define SECONDS_APART 10 /* frames, so that a dozen shows most of the operation */
#define MAX_PICTURES 1000

enum { EXIT_OK = 0, EXIT_GATE = 1, EXIT_INPUT = 2, EXIT_MACHINE = 3 };

struct demo {
    const char *paths[DEMO_N_TASKS]; /* of networks */
    const char *models, *folder;
    int n_paths;
    int64_t seed, n_frames;
    double min_iou;
    double focal_length; /* of the user's pictures, in their widths */
    char **pictures;
    int n_pictures; /* 0: synthetic frames */
    struct demo_network networks[DEMO_N_TASKS];
    struct demo_network *by_task[DEMO_N_TASKS]; /* NULL: none is given */
    struct demo_stage stage;                    /* of synthetic frames */
    struct demo_result *results;
    struct demo_report report;
    struct tro_arena arena;
};

/* In the folder of models. */
static const char *const default_names[] = {"endoscopy_unet", "endoscopy_detector",
                                            "endoscopy_depth", "endoscopy_landmarks"};

static const char usage[] =
    "usage: trocar-demo [--models DIR | --network FILE...] [-o DIR] [--seed S] [--frames N]\n"
    "                   [--min-iou X] [--focal-length X] [PICTURE...]\n"
    "\n"
    "Networks look at frames of a synthetic operation, or at the pictures given: as engines, "
    "which\n"
    "are built first, and beside them on the reference kernels and in ONNX Runtime. Overlays, the\n"
    "engines and a page about the time of each go into DIR, tables to standard output.\n"
    "\n"
    "options\n"
    "  --network FILE    a model with its record beside it, up to one of each kind: classes, "
    "boxes,\n"
    "                    depths, points (those of models/)\n"
    "  -o, --output DIR  where overlays go (build/demo)\n"
    "  --seed S          the procedure: anatomy, instruments, motion (4000003)\n"
    "  --frames N        how many frames of it, 10 seconds apart (12)\n"
    "  --focal-length X  of the camera that gave the pictures, in their widths; depths are in\n"
    "                    proportion to it (0.75)\n"
    "  --min-iou X       exit 1 when the mean IoU is below X (0)\n"
    "  --help            this text\n"
    "\n"
    "exit code: 0 success, 1 below --min-iou, 2 bad use or bad input, 3 the machine cannot\n";

/* ---- one picture ----------------------------------------------------------------------- */

/* Letters of a file's name that are safe in another's. */
static void stem_of(const char *path, char *out, size_t n_out)
{
    const char *base = tro_path_base(path), *dot = strrchr(base, '.');
    const size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    size_t i = 0;
    for (; i < n && i + 1 < n_out; i++) {
        const char c = base[i];
        const bool is_safe = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || c == '-' || c == '.';
        out[i] = is_safe ? c : '_';
    }
    out[i] = 0;
}

/* "segmentation 9.1 ms   depth 6.0 ms   all 15.1 ms, 66 frames/s" */
static void describe_times(const struct demo *d, const struct demo_result *result, char *out,
                           size_t n_out)
{
    double sum = 0;
    size_t n = 0;
    for (int i = 0; i < DEMO_N_TASKS; i++) {
        const double ms = result->ms[i][DEMO_ENGINE];
        if (!d->by_task[i])
            continue;
        const int n_more = snprintf(out + n, n_out - n, "%s %.1f ms    ",
                                    demo_task_name((enum demo_task)i), ms);
        n += (size_t)n_more;
        sum += ms;
    }
    snprintf(out + n, n_out - n, "together %.1f ms, %.0f frames/s", sum, 1000 / sum);
}

static const struct demo_names *names_of(const struct demo *d, enum demo_task task)
{
    return d->by_task[task] ? &d->by_task[task]->names : NULL;
}

static void describe_classes(const struct demo_result *result, char *out, size_t n_out)
{
    const double iou = demo_pixels_mean_iou(&result->score.pixels, NULL);
    if (isnan(iou))
        snprintf(out, n_out, "segmentation");
    else
        snprintf(out, n_out, "segmentation: mean IoU %.3f", iou);
}

static void describe_depth(const struct demo_result *result, char *out, size_t n_out)
{
    if (result->score.depth.n)
        snprintf(out, n_out, "depth: %.1f %% off in the mean", result->score.depth.abs_rel * 100);
    else
        snprintf(out, n_out, "depth");
}

static void describe_frame(const struct demo *d, const struct demo_result *result, char *out,
                           size_t n_out)
{
    if (result->source)
        snprintf(out, n_out, "%s", tro_path_base(result->source));
    else
        snprintf(out, n_out, "synthetic procedure %" PRId64 ", %.1f s", d->seed, result->seconds);
}

static int write_overlay(const struct demo *d, const struct tro_picture *frame,
                         const struct demo_findings *found, const struct demo_findings *truth,
                         const struct demo_result *result, struct tro_err *err)
{
    char heading[4096], times[512], classes[128], depth[128];
    const struct demo_overlay o = {
        .frame = frame,
        .look = {names_of(d, DEMO_PIXELS), names_of(d, DEMO_BOXES), names_of(d, DEMO_POINTS), 0},
        .found = found,
        .truth = truth,
        .heading = heading,
        .step = truth ? d->stage.moment : "",
        .titles = {"instruments and landmarks", classes, depth,
                   truth ? "truth: white where the segmentation differs" : "picture"},
        .footer = times};
    struct tro_arena arena = {0};
    struct tro_picture canvas;
    describe_frame(d, result, heading, sizeof heading);
    describe_times(d, result, times, sizeof times);
    describe_classes(result, classes, sizeof classes);
    describe_depth(result, depth, sizeof depth);
    int rc = demo_overlay_draw(&o, &arena, &canvas, err);
    if (rc >= 0)
        rc = tro_picture_write(result->overlay, canvas.width, canvas.height, 3, canvas.data, err);
    tro_arena_finish(&arena);
    return rc;
}

static float focal_length_of(const struct demo *d)
{
    return d->n_pictures ? (float)d->focal_length : d->stage.focal_length;
}

static int run_networks(struct demo *d, const char *path, struct demo_findings *found,
                        struct demo_result *result, struct tro_err *err)
{
    for (int i = 0; i < DEMO_N_TASKS; i++) {
        struct demo_run run;
        if (!d->by_task[i])
            continue;
        TRO_TRY(demo_network_run(d->by_task[i], path, focal_length_of(d), &run, err));
        TRO_TRY(demo_findings_add(found, d->by_task[i], &run, err));
        memcpy(result->ms[i], run.ms, sizeof run.ms);
        for (int k = 0; k < DEMO_N_ENGINES; k++) {
            double *const most = &d->report.difference[i][k];
            *most = demo_greater(run.difference[k], *most);
        }
    }
    return 0;
}

/* The frame is what path holds, as it is to be shown; truth is NULL where nobody knows. */
static int look_at(struct demo *d, const char *path, const struct tro_picture *frame,
                   const struct demo_findings *truth, struct demo_result *result,
                   struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct demo_findings found;
    int rc = demo_findings_init(&found, frame->width, frame->height, d->by_task, &arena, err);
    if (rc >= 0)
        rc = run_networks(d, path, &found, result, err);
    if (rc >= 0)
        rc = demo_score_frame(&result->score, &found, truth, err);
    if (rc >= 0)
        rc = write_overlay(d, frame, &found, truth, result, err);
    tro_arena_finish(&arena);
    return rc;
}

static int look_at_picture(struct demo *d, int i, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_picture frame;
    struct demo_result *const result = &d->results[i];
    char stem[28]; /* so short that a table shows the overlay's name in full */
    result->source = d->pictures[i];
    stem_of(result->source, stem, sizeof stem);
    snprintf(result->overlay, sizeof result->overlay, "%s/overlay_%03d_%s.png", d->folder, i, stem);
    int rc = tro_picture_read(&arena, result->source, 3, &frame, err);
    if (rc >= 0)
        rc = demo_view_fit(&arena, &frame, err);
    if (rc >= 0)
        rc = look_at(d, result->source, &frame, NULL, result, err);
    tro_arena_finish(&arena);
    return rc;
}

static int look_at_frame(struct demo *d, int i, struct tro_err *err)
{
    struct demo_stage *const s = &d->stage;
    struct demo_result *const result = &d->results[i];
    char path[4096];
    result->seconds = (double)i * SECONDS_APART;
    snprintf(path, sizeof path, "%s/frame_%03d.png", d->folder, i);
    snprintf(result->overlay, sizeof result->overlay, "%s/overlay_%03d.png", d->folder, i);
    TRO_TRY(demo_stage_render(s, (int64_t)i * SECONDS_APART * DEMO_STAGE_FPS, err));
    result->step = s->step;
    TRO_TRY(tro_picture_write(path, s->frame.width, s->frame.height, 3, s->frame.data, err));
    return look_at(d, path, &s->frame, &s->truth, result, err);
}

static int look_at_all(struct demo *d, struct tro_err *err)
{
    struct tro_progress progress;
    int rc = 0;
    tro_progress_start(&progress, "pictures", d->report.n_results);
    for (int i = 0; i < d->report.n_results && rc >= 0; i++) {
        rc = d->n_pictures ? look_at_picture(d, i, err) : look_at_frame(d, i, err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

/* ---- the program ----------------------------------------------------------------------- */

static int open_networks(struct demo *d, struct tro_err *err)
{
    for (int i = 0; i < d->n_paths; i++) {
        struct demo_network *const n = &d->networks[i];
        TRO_TRY(demo_network_open(n, d->paths[i], d->folder, err));
        if (d->by_task[n->task])
            return tro_fail(err, TRO_E_INPUT,
                            "%s: expected one network of each kind, found %s before it", n->path,
                            d->by_task[n->task]->path);
        d->by_task[n->task] = n;
    }
    return 0;
}

static void print_network(const struct demo_network *n, bool is_synthetic)
{
    char unknown[1024];
    demo_stage_unknown(n, unknown, sizeof unknown);
    printf("%s: %s, pictures of %dx%d", n->path, demo_task_name(n->task), n->width, n->height);
    if (is_synthetic && unknown[0])
        printf("; left out, since it does not know them: %s", unknown);
    printf("\n");
}

static void print_subject(const struct demo *d)
{
    for (int i = 0; i < DEMO_N_TASKS; i++)
        if (d->by_task[i])
            print_network(d->by_task[i], d->n_pictures == 0);
    if (!d->n_pictures)
        printf("synthetic procedure %" PRId64 ": %" PRId64 " frame%s of %dx%d, %d s apart\n",
               d->seed, d->n_frames, d->n_frames == 1 ? "" : "s", DEMO_STAGE_WIDTH,
               DEMO_STAGE_HEIGHT, SECONDS_APART);
    fflush(stdout);
}

static int write_profiles(const struct demo *d, struct tro_err *err)
{
    printf("\noverlays are in %s; where the engines' time goes is in", d->folder);
    for (int i = 0; i < DEMO_N_TASKS; i++) {
        if (!d->by_task[i])
            continue;
        TRO_TRY(demo_network_profile(d->by_task[i], err));
        printf(" %s", tro_path_base(d->by_task[i]->page_path));
    }
    printf("\n");
    return 0;
}

static int run(struct demo *d, struct tro_err *err)
{
    const int n = d->n_pictures ? d->n_pictures : (int)d->n_frames;
    TRO_TRY(tro_dir_create(d->folder, err));
    TRO_TRY(open_networks(d, err));
    d->results = tro_calloc((size_t)n, sizeof *d->results);
    if (!d->results)
        return tro_fail_nomem(err);
    d->report = (struct demo_report){.networks = d->by_task, .results = d->results, .n_results = n};
    print_subject(d);
    if (!d->n_pictures)
        TRO_TRY(demo_stage_open(&d->stage, (uint64_t)d->seed, d->by_task, err));
    TRO_TRY(look_at_all(d, err));
    TRO_TRY(demo_report_print(&d->report, stdout, err));
    return write_profiles(d, err);
}

static int parse_int(const char *option, const char *text, int64_t max, int64_t *out,
                     struct tro_err *err)
{
    char *end;
    const long long v = strtoll(text, &end, 10);
    if (end == text || *end || v < 0 || v > max)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected a whole number up to %" PRId64 ", found '%s'", option, max,
                        text);
    *out = v;
    return 0;
}

static int parse_share(const char *option, const char *text, double *out, struct tro_err *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= 0 && *out <= 1))
        return tro_fail(err, TRO_E_INPUT, "%s: expected a number from 0 to 1, found '%s'", option,
                        text);
    return 0;
}

static int parse_focal_length(const char *option, const char *text, double *out,
                              struct tro_err *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out > 0 && *out <= 1000))
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected widths of a picture, above 0, such as 0.75, found '%s'",
                        option, text);
    return 0;
}

static int parse_option(struct demo *d, int option, char **argv, struct tro_err *err)
{
    switch (option) {
    case 'w':
        if (d->n_paths == DEMO_N_TASKS)
            return tro_fail(err, TRO_E_INPUT, "--network: expected at most %d, found more",
                            DEMO_N_TASKS);
        d->paths[d->n_paths++] = optarg;
        return 0;
    case 'm':
        d->models = optarg;
        return 0;
    case 'o':
        d->folder = optarg;
        return 0;
    case 's':
        return parse_int("--seed", optarg, INT64_MAX, &d->seed, err);
    case 'n':
        return parse_int("--frames", optarg, MAX_PICTURES, &d->n_frames, err);
    case 'i':
        return parse_share("--min-iou", optarg, &d->min_iou, err);
    case 'f':
        return parse_focal_length("--focal-length", optarg, &d->focal_length, err);
    default:
        return tro_fail(err, TRO_E_INPUT,
                        "expected a known option with its value, found '%s': see --help",
                        argv[optind - 1]);
    }
}

static int take_defaults(struct demo *d, struct tro_err *err)
{
    const size_t n = sizeof default_names / sizeof *default_names;
    for (size_t i = 0; i < n; i++) {
        d->paths[d->n_paths++] = tro_arena_printf(&d->arena, "%s/%s.onnx", d->models,
                                                  default_names[i]);
        if (!d->paths[i])
            return tro_fail_nomem(err);
    }
    return 0;
}

static int parse(struct demo *d, int argc, char **argv, bool *is_help, struct tro_err *err)
{
    static const struct option options[] = {
        {"network", required_argument, NULL, 'w'},
        {"models", required_argument, NULL, 'm'},
        {"output", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"frames", required_argument, NULL, 'n'},
        {"min-iou", required_argument, NULL, 'i'},
        {"focal-length", required_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "o:", options, NULL)) != -1;) {
        if (option == 'h') {
            *is_help = true;
            return 0;
        }
        TRO_TRY(parse_option(d, option, argv, err));
    }
    d->pictures = argv + optind;
    d->n_pictures = argc - optind;
    if (d->n_pictures > MAX_PICTURES)
        return tro_fail(err, TRO_E_INPUT, "expected at most %d pictures, found %d", MAX_PICTURES,
                        d->n_pictures);
    if (!d->n_frames)
        return tro_fail(err, TRO_E_INPUT, "--frames: expected 1 or more, found 0");
    return d->n_paths ? 0 : take_defaults(d, err);
}

static int exit_code(const struct demo *d, int rc, const struct tro_err *err)
{
    if (rc < 0) {
        fprintf(stderr, "trocar-demo: %s\n", err->text);
        const bool is_input = rc == TRO_E_INPUT || rc == TRO_E_UNSUPPORTED || rc == TRO_E_IO;
        return is_input ? EXIT_INPUT : EXIT_MACHINE;
    }
    struct demo_pixels total;
    demo_report_pixels(&d->report, &total);
    const double iou = demo_pixels_mean_iou(&total, NULL);
    if (!d->n_pictures && d->min_iou > 0 && !(iou >= d->min_iou)) {
        fprintf(stderr, "trocar-demo: expected a mean IoU of %g or more, found %.4f\n", d->min_iou,
                iou);
        return EXIT_GATE;
    }
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    static struct demo d;
    d = (struct demo){.models = "models",
                      .folder = "build/demo",
                      .seed = 4000003,
                      .n_frames = 12,
                      .focal_length = 0.75};
    struct tro_err err = {0};
    bool is_help = false;
    int rc = parse(&d, argc, argv, &is_help, &err);
    if (is_help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (rc >= 0)
        rc = run(&d, &err);
    const int code = exit_code(&d, rc, &err);
    demo_stage_close(&d.stage);
    for (int i = 0; i < DEMO_N_TASKS; i++)
        demo_network_close(&d.networks[i]);
    tro_free(d.results);
    tro_arena_finish(&d.arena);
    return code;
}
