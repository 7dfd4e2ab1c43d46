/* SPDX-License-Identifier: Apache-2.0 */
/* The demonstration: a network segments frames of a synthetic operation, or the user's pictures. */
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "overlay.h"
#include "profile.h"
#include "progress.h"
#include "report.h"
#include "sim/endoscopy.h"
#include "view.h"

#define WIDTH 640
#define HEIGHT 480
#define N_PX (WIDTH * HEIGHT)
#define FPS 25
#define STEP_SECONDS 3 /* between two frames, so that they differ */
#define MAX_PICTURES 1000

enum { EXIT_OK = 0, EXIT_GATE = 1, EXIT_INPUT = 2, EXIT_MACHINE = 3 };

/* A procedure at work. */
struct stage {
    struct tro_endoscopy *procedure;
    uint8_t *rgb, *label;
    uint8_t label_of[TRO_N_ENDOSCOPY_CLASSES]; /* the network's label for the simulator's */
};

struct demo {
    const char *model_path, *folder;
    char plan_path[4096];
    int64_t seed, n_frames;
    double min_iou;
    char **pictures;
    int n_pictures; /* 0: synthetic frames */
    struct demo_network network;
    struct stage stage; /* of synthetic frames */
    struct demo_result *results;
    struct demo_report report;
};

static const char usage[] =
    "usage: trocar-demo [--model FILE] [-o DIR] [--seed S] [--frames N] [--min-iou X] "
    "[PICTURE...]\n"
    "\n"
    "A network segments frames of a synthetic operation, or the pictures given: as an engine, "
    "which\n"
    "is built first, and beside it on the reference kernels and in ONNX Runtime. Overlays, the\n"
    "engine and a page about its time go into DIR, tables to standard output.\n"
    "\n"
    "options\n"
    "  --model FILE      the network (models/endoscopy_unet.onnx)\n"
    "  -o, --output DIR  where overlays go (build/demo)\n"
    "  --seed S          the procedure: anatomy, instruments, motion (4000003)\n"
    "  --frames N        how many frames of it, 3 seconds apart (8)\n"
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

static int write_overlay(const struct demo *d, const struct tro_picture *frame,
                         const uint8_t *found, const uint8_t *exact, struct demo_result *result,
                         struct tro_err *err)
{
    char title[128] = "network";
    const double iou = demo_score_mean_iou(&result->score, NULL);
    if (!isnan(iou))
        snprintf(title, sizeof title, "network: mean IoU %.3f", iou);
    const struct demo_panel user[2] = {{"picture", NULL, NULL}, {"network", found, NULL}};
    const struct demo_panel synthetic[2] = {
        {title, found, NULL}, {"exact labels, white where the network differs", exact, found}};
    const struct demo_overlay o = {frame, &d->network.classes, exact ? synthetic : user, 2};
    struct tro_arena arena = {0};
    struct tro_picture canvas;
    int rc = demo_overlay_draw(&o, &arena, &canvas, err);
    if (rc >= 0)
        rc = tro_picture_write(result->overlay, canvas.width, canvas.height, 3, canvas.data, err);
    tro_arena_finish(&arena);
    return rc;
}

/* The frame is what path holds, as it is to be shown; exact is NULL where nobody knows. */
static int segment(struct demo *d, const char *path, const struct tro_picture *frame,
                   const uint8_t *exact, struct demo_result *result, struct tro_err *err)
{
    struct demo_logits logits;
    struct demo_report *r = &d->report;
    const int64_t n_px = (int64_t)frame->width * frame->height;
    TRO_TRY(demo_network_run(&d->network, path, &logits, err));
    uint8_t *found = tro_malloc((size_t)n_px);
    if (!found)
        return tro_fail_nomem(err);
    demo_logits_label(&logits, d->network.classes.n, frame->width, frame->height, found);
    demo_score_add(&result->score, found, exact, n_px);
    for (int i = 0; i < DEMO_N_ENGINES; i++) {
        result->ms[i] = logits.ms[i];
        r->error[i] = demo_greater(logits.error[i], r->error[i]);
    }
    r->magnitude = fmax(r->magnitude, logits.magnitude);
    const int rc = write_overlay(d, frame, found, exact, result, err);
    tro_free(found);
    return rc;
}

static int segment_user_picture(struct demo *d, int i, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_picture frame;
    struct demo_result *result = &d->results[i];
    char stem[28]; /* so short that a table shows the overlay's name in full */
    result->source = d->pictures[i];
    stem_of(result->source, stem, sizeof stem);
    snprintf(result->overlay, sizeof result->overlay, "%s/overlay_%03d_%s.png", d->folder, i, stem);
    int rc = tro_picture_read(&arena, result->source, 3, &frame, err);
    if (rc >= 0)
        rc = demo_view_fit(&arena, &frame, err);
    if (rc >= 0)
        rc = segment(d, result->source, &frame, NULL, result, err);
    tro_arena_finish(&arena);
    return rc;
}

/* ---- a procedure ----------------------------------------------------------------------- */

static void stage_finish(struct stage *s)
{
    tro_endoscopy_destroy(s->procedure);
    tro_free(s->rgb);
    tro_free(s->label);
}

static int stage_init(struct stage *s, const struct demo *d, struct tro_err *err)
{
    const struct tro_endoscopy_opts opts = {
        .seed = (uint64_t)d->seed, .width = WIDTH, .height = HEIGHT, .fps = FPS};
    for (int i = 0; i < TRO_N_ENDOSCOPY_CLASSES; i++) {
        const char *name = tro_endoscopy_classes[i].name;
        const int label = demo_classes_find(&d->network.classes, name);
        if (label < 0)
            return tro_fail(err, TRO_E_INPUT,
                            "%s: expected a network that knows the class '%s' of the synthetic "
                            "procedure, found none: give pictures",
                            d->model_path, name);
        s->label_of[i] = (uint8_t)label;
    }
    s->rgb = tro_malloc(N_PX * 3);
    s->label = tro_malloc(N_PX);
    if (!s->rgb || !s->label)
        return tro_fail_nomem(err);
    s->procedure = tro_endoscopy_create(&opts, err);
    return s->procedure ? 0 : err->status;
}

static int segment_frame(struct demo *d, int i, struct tro_err *err)
{
    struct stage *s = &d->stage;
    struct demo_result *result = &d->results[i];
    const struct tro_picture frame = {WIDTH, HEIGHT, 3, s->rgb};
    char path[4096];
    result->seconds = (double)i * STEP_SECONDS;
    snprintf(path, sizeof path, "%s/frame_%03d.png", d->folder, i);
    snprintf(result->overlay, sizeof result->overlay, "%s/overlay_%03d.png", d->folder, i);
    const struct tro_endoscopy_frame drawn = {.rgb = s->rgb, .label = s->label};
    TRO_TRY(tro_endoscopy_render(s->procedure, (int64_t)i * STEP_SECONDS * FPS, &drawn, err));
    for (int k = 0; k < N_PX; k++)
        s->label[k] = s->label_of[s->label[k]];
    TRO_TRY(tro_picture_write(path, WIDTH, HEIGHT, 3, s->rgb, err));
    return segment(d, path, &frame, s->label, result, err);
}

static int segment_all(struct demo *d, struct tro_err *err)
{
    struct tro_progress progress;
    int rc = 0;
    tro_progress_start(&progress, "pictures", d->report.n_results);
    for (int i = 0; i < d->report.n_results && rc >= 0; i++) {
        rc = d->n_pictures ? segment_user_picture(d, i, err) : segment_frame(d, i, err);
        tro_progress_at(&progress, i + 1);
    }
    tro_progress_end(&progress);
    return rc;
}

/* ---- the program ----------------------------------------------------------------------- */

static void print_subject(const struct demo *d)
{
    const struct tro_io_info *in = &d->network.input;
    printf("%s: '%s' of", d->model_path, in->name);
    for (int i = 0; i < in->rank; i++) {
        if (in->shape[i] < 0)
            printf("%cN", i ? 'x' : ' ');
        else
            printf("%c%" PRId64, i ? 'x' : ' ', in->shape[i]);
    }
    printf(", %d classes\n", d->network.classes.n);
    if (!d->n_pictures)
        printf("synthetic procedure %" PRId64 ": %" PRId64 " frame%s of %dx%d, %d s apart\n",
               d->seed, d->n_frames, d->n_frames == 1 ? "" : "s", WIDTH, HEIGHT, STEP_SECONDS);
    fflush(stdout);
}

/* Of a run on noise: how long steps take does not depend on what they are given. */
static int write_profile(const struct demo *d, struct tro_err *err)
{
    static const struct tro_profile_opts opts = {.seed = 1};
    struct tro_profile p;
    struct tro_buf page = {0};
    char path[4096];
    snprintf(path, sizeof path, "%s/profile.html", d->folder);
    int rc = tro_profile_open(&p, d->plan_path, &opts, err);
    if (rc >= 0) {
        tro_profile_html(&p, &page);
        rc = page.failed ? tro_fail_nomem(err) : tro_file_write(path, page.p, page.n, err);
    }
    tro_buf_finish(&page);
    tro_profile_close(&p);
    return rc;
}

static int run(struct demo *d, struct tro_err *err)
{
    const int n = d->n_pictures ? d->n_pictures : (int)d->n_frames;
    TRO_TRY(tro_dir_create(d->folder, err));
    snprintf(d->plan_path, sizeof d->plan_path, "%s/engine.plan", d->folder);
    TRO_TRY(demo_network_open(&d->network, d->model_path, d->plan_path, err));
    d->results = tro_calloc((size_t)n, sizeof *d->results);
    if (!d->results)
        return tro_fail_nomem(err);
    d->report = (struct demo_report){.network = &d->network, .results = d->results, .n_results = n};
    print_subject(d);
    if (!d->n_pictures)
        TRO_TRY(stage_init(&d->stage, d, err));
    TRO_TRY(segment_all(d, err));
    demo_report_print(&d->report, stdout);
    TRO_TRY(write_profile(d, err));
    printf("\noverlays are in %s; where the engine's time goes is in %s/profile.html\n", d->folder,
           d->folder);
    return 0;
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

static int parse_option(struct demo *d, int option, char **argv, struct tro_err *err)
{
    switch (option) {
    case 'm':
        d->model_path = optarg;
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
    default:
        return tro_fail(err, TRO_E_INPUT,
                        "expected a known option with its value, found '%s': see --help",
                        argv[optind - 1]);
    }
}

static int parse(struct demo *d, int argc, char **argv, bool *is_help, struct tro_err *err)
{
    static const struct option options[] = {
        {"model", required_argument, NULL, 'm'},
        {"output", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'},
        {"frames", required_argument, NULL, 'n'},
        {"min-iou", required_argument, NULL, 'i'},
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
    return 0;
}

static int exit_code(const struct demo *d, int rc, const struct tro_err *err)
{
    if (rc < 0) {
        fprintf(stderr, "trocar-demo: %s\n", err->text);
        const bool is_input = rc == TRO_E_INPUT || rc == TRO_E_UNSUPPORTED || rc == TRO_E_IO;
        return is_input ? EXIT_INPUT : EXIT_MACHINE;
    }
    struct demo_score total;
    demo_report_total(&d->report, &total);
    const double iou = demo_score_mean_iou(&total, NULL);
    if (!d->n_pictures && iou < d->min_iou) {
        fprintf(stderr, "trocar-demo: expected a mean IoU of %g or more, found %.4f\n", d->min_iou,
                iou);
        return EXIT_GATE;
    }
    return EXIT_OK;
}

int main(int argc, char **argv)
{
    struct demo d = {.model_path = "models/endoscopy_unet.onnx",
                     .folder = "build/demo",
                     .seed = 4000003,
                     .n_frames = 8};
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
    stage_finish(&d.stage);
    demo_network_close(&d.network);
    tro_free(d.results);
    return code;
}
