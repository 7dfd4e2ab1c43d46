/* SPDX-License-Identifier: Apache-2.0 */
/* For tests/test_eval.py: metrics of what a file holds (native bytes), a line a case.
 *
 *   masks    int32 n; n times: int32 width, height, label; f64 tolerance; truth, found: bytes
 *   boxes    int32 pictures, labels; a picture: int32 n, n times f32 x0 y0 x1 y1 score, int32
 *            label; the same for what was found. Prints a line for each label: APs at 0.50 .. 0.95
 *   depth    int32 n; n f32 true, n f32 found
 *   binary   int32 n; f64 threshold; n times f32 score, int32 is_true
 *   summary  int32 n, procedures, draws, is_less_better; n times f64 value, int32 procedure, frame
 *   shapes   int32 n; n times: int32 width, height, is_runs, count; count f64. Prints the plane
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "eval/binary.h"
#include "eval/depth.h"
#include "eval/detect.h"
#include "eval/mask.h"
#include "eval/shape.h"
#include "eval/summary.h"

struct reader {
    const uint8_t *p, *end;
};

static void stop(const char *why)
{
    fprintf(stderr, "tool_eval: %s\n", why);
    exit(2);
}

static const void *take(struct reader *r, size_t n)
{
    const void *const at = r->p;
    if ((size_t)(r->end - r->p) < n)
        stop("the file ends too early");
    r->p += n;
    return at;
}

static int32_t take_int(struct reader *r)
{
    int32_t v;
    memcpy(&v, take(r, sizeof v), sizeof v);
    return v;
}

static double take_double(struct reader *r)
{
    double v;
    memcpy(&v, take(r, sizeof v), sizeof v);
    return v;
}

static float take_float(struct reader *r)
{
    float v;
    memcpy(&v, take(r, sizeof v), sizeof v);
    return v;
}

static void *memory(size_t n)
{
    void *const p = tro_malloc(n + 1);
    if (!p)
        stop("no memory");
    return p;
}

static void masks(struct reader *r)
{
    for (int32_t n = take_int(r); n > 0; n--) {
        const int width = take_int(r), height = take_int(r), label = take_int(r);
        const double tolerance = take_double(r);
        const int64_t n_px = (int64_t)width * height;
        const uint8_t *const truth = take(r, (size_t)n_px), *const found = take(r, (size_t)n_px);
        struct tro_areas areas[256];
        struct tro_err err = {0};
        struct tro_outline_work *const w = tro_outline_work_create(width, height, &err);
        if (!w)
            stop(err.text);
        tro_areas_of(truth, found, n_px, 256, areas);
        tro_outlines_begin(w, truth, found);
        const struct tro_outlines o = tro_outlines_of(w, (uint8_t)label, tolerance);
        printf("%.17g %.17g %.17g %.17g\n", tro_iou(areas[label]), tro_dice(areas[label]), o.hd95,
               o.nsd);
        tro_outline_work_destroy(w);
    }
}

static int take_boxes(struct reader *r, struct tro_eval_box **out)
{
    const int n = take_int(r);
    *out = memory((size_t)n * sizeof(**out));
    for (int i = 0; i < n; i++) {
        const float x0 = take_float(r), y0 = take_float(r), x1 = take_float(r), y1 = take_float(r);
        const float score = take_float(r);
        (*out)[i] = (struct tro_eval_box){x0, y0, x1, y1, score, take_int(r)};
    }
    return n;
}

#define MAX_MATCHES 100000

static void boxes(struct reader *r)
{
    const int n_pictures = take_int(r), n_labels = take_int(r);
    struct tro_match *const all = memory(MAX_MATCHES * sizeof(*all));
    struct tro_match *const some = memory(MAX_MATCHES * sizeof(*some));
    int64_t n_truth[64] = {0}, n_all = 0;
    struct tro_err err = {0};
    for (int i = 0; i < n_pictures; i++) {
        struct tro_eval_box *truth, *found;
        const int n = take_boxes(r, &truth), n_found = take_boxes(r, &found);
        if (n_all + n_found > MAX_MATCHES ||
            tro_match_boxes(truth, n, found, n_found, all + n_all, &err) < 0)
            stop("too many boxes");
        n_all += n_found;
        for (int k = 0; k < n; k++)
            n_truth[truth[k].label & 63]++;
        tro_free(truth);
        tro_free(found);
    }
    for (int label = 0; label < n_labels; label++) {
        int64_t n = 0;
        for (int64_t i = 0; i < n_all; i++)
            if (all[i].label == label)
                some[n++] = all[i];
        for (int t = 0; t < TRO_N_IOU_THRESHOLDS; t++) {
            double ap;
            if (tro_average_precision(some, n, n_truth[label & 63], t, &ap, &err) < 0)
                stop(err.text);
            printf("%.17g ", ap);
        }
        putchar('\n');
    }
    tro_free(all);
    tro_free(some);
}

static void depth(struct reader *r)
{
    const int32_t n = take_int(r);
    float *const truth = memory(4 * (size_t)n), *const found = memory(4 * (size_t)n);
    memcpy(truth, take(r, 4 * (size_t)n), 4 * (size_t)n);
    memcpy(found, take(r, 4 * (size_t)n), 4 * (size_t)n);
    const struct tro_depth_errors e = tro_depth_errors_of(truth, found, n);
    printf("%" PRId64 " %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", e.n, e.abs_rel, e.sq_rel,
           e.rms, e.rms_log, e.delta[0], e.delta[1], e.delta[2]);
    tro_free(truth);
    tro_free(found);
}

static void binary(struct reader *r)
{
    const int32_t n = take_int(r);
    const double threshold = take_double(r);
    struct tro_decision *const d = memory((size_t)n * sizeof(*d));
    for (int32_t i = 0; i < n; i++) {
        const float score = take_float(r);
        d[i] = (struct tro_decision){score, take_int(r) != 0};
    }
    struct tro_binary b;
    struct tro_err err = {0};
    if (tro_binary_of(d, n, threshold, &b, &err) < 0)
        stop(err.text);
    printf("%.17g %.17g %.17g %.17g %.17g %.17g\n", b.sensitivity, b.specificity, b.ppv, b.accuracy,
           b.f1, b.auc);
    tro_free(d);
}

static void summary(struct reader *r)
{
    const int32_t n = take_int(r);
    struct tro_summary_opts opts = {.n_procedures = take_int(r), .seed = 7};
    opts.n_draws = take_int(r);
    opts.is_less_better = take_int(r) != 0;
    struct tro_sample *const s = memory((size_t)n * sizeof(*s));
    for (int32_t i = 0; i < n; i++) {
        s[i].value = take_double(r);
        s[i].procedure = take_int(r);
        s[i].frame = take_int(r);
    }
    struct tro_summary out;
    struct tro_err err = {0};
    if (tro_summarize(s, n, &opts, &out, &err) < 0)
        stop(err.text);
    printf("%" PRId64 " %" PRId64 " %.17g %.17g %.17g %.17g %d %.17g %.17g\n", out.n,
           out.n_undefined, out.mean, out.median, out.bad_tail, out.worst, out.worst_frame, out.lo,
           out.hi);
    tro_free(s);
}

static void shapes(struct reader *r)
{
    for (int32_t n = take_int(r); n > 0; n--) {
        const int width = take_int(r), height = take_int(r), is_runs = take_int(r);
        struct tro_truth_shape s = {.label = 1, .is_runs = is_runs != 0, .n = take_int(r)};
        double *const numbers = memory((size_t)s.n * sizeof(*numbers));
        const int64_t n_px = (int64_t)width * height;
        uint8_t *const plane = memory((size_t)n_px);
        struct tro_err err = {0};
        for (int i = 0; i < s.n; i++)
            numbers[i] = take_double(r);
        s.numbers = numbers;
        memset(plane, 0, (size_t)n_px);
        if (tro_shape_draw(&s, width, height, plane, &err) < 0)
            stop(err.text);
        for (int64_t i = 0; i < n_px; i++)
            printf("%d ", plane[i]);
        putchar('\n');
        tro_free(numbers);
        tro_free(plane);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct reader *r);
    } kinds[] = {{"masks", masks},   {"boxes", boxes},     {"depth", depth},
                 {"binary", binary}, {"summary", summary}, {"shapes", shapes}};
    struct tro_file file;
    struct tro_err err = {0};
    if (argc != 3)
        stop("expected KIND FILE");
    if (tro_file_read(&file, argv[2], (size_t)1 << 30, &err) < 0)
        stop(err.text);
    struct reader r = {file.data, (const uint8_t *)file.data + file.n_bytes};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (strcmp(kinds[i].name, argv[1]) == 0)
            kinds[i].run(&r);
    tro_file_finish(&file);
    return 0;
}
