/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "ort/ort.h"
#include "table.h"

#define MAX_COLUMNS 10 /* pictures that have a column of their own */
#define N_LARGEST 2    /* classes named for a picture without exact labels */

static double share_of(int64_t part, int64_t whole)
{
    return whole ? (double)part / (double)whole * 100 : 0;
}

static void print(struct tro_table *t, FILE *to)
{
    fputc('\n', to);
    tro_table_print(t, to);
    tro_table_finish(t);
}

static void add_columns(struct tro_table *t, const char *const *heads)
{
    for (; *heads; heads++)
        tro_table_column(t, *heads);
}

/* "-" where it is not defined. */
static void add_number(struct tro_table *t, double v, int n_decimals, const char *unit)
{
    if (isnan(v))
        tro_table_cell(t, "-");
    else
        tro_table_cell(t, "%.*f%s", n_decimals, v, unit);
}

static void add_file(struct tro_table *t, const char *path)
{
    const char *const base = tro_path_base(path);
    tro_table_text(t, base, strlen(base));
}

void demo_report_pixels(const struct demo_report *r, struct demo_pixels *total)
{
    *total = (struct demo_pixels){0};
    for (int i = 0; i < r->n_results; i++)
        demo_pixels_merge(total, &r->results[i].score.pixels);
}

static struct demo_scores scores_of(const struct demo_report *r)
{
    return (struct demo_scores){&r->results[0].score, sizeof r->results[0], r->n_results};
}

/* ---- the user's pictures --------------------------------------------------------------- */

/* "liver 41 %, fat 22 %" */
static void add_largest(struct tro_table *t, const struct demo_names *classes,
                        const struct demo_pixels *s)
{
    bool is_named[DEMO_MAX_NAMES] = {0};
    char text[256] = "";
    for (int k = 0; k < N_LARGEST; k++) {
        int best = -1;
        for (int i = 0; i < classes->n; i++)
            if (!is_named[i] && s->found[i] && (best < 0 || s->found[i] > s->found[best]))
                best = i;
        if (best < 0)
            break;
        is_named[best] = true;
        const size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s %.0f %%", k ? ", " : "", classes->v[best].text,
                 share_of(s->found[best], s->n));
    }
    tro_table_cell(t, "%s", text);
}

static void print_user_pictures(const struct demo_report *r, FILE *to)
{
    const struct demo_network *const pixels = r->networks[DEMO_PIXELS];
    struct tro_table t = {0};
    tro_table_column(&t, "overlay");
    tro_table_column(&t, "of");
    if (r->networks[DEMO_BOXES])
        tro_table_column(&t, ">instruments");
    if (pixels)
        tro_table_column(&t, "most of it");
    for (int i = 0; i < r->n_results; i++) {
        const struct demo_result *const one = &r->results[i];
        add_file(&t, one->overlay);
        add_file(&t, one->source);
        if (r->networks[DEMO_BOXES])
            tro_table_cell(&t, "%d", one->score.n_shown);
        if (pixels)
            add_largest(&t, &pixels->names, &one->score.pixels);
    }
    print(&t, to);
}

static void print_user_classes(const struct demo_report *r, FILE *to)
{
    const struct demo_names *const classes = &r->networks[DEMO_PIXELS]->names;
    struct tro_table t = {0};
    struct demo_pixels total;
    char heads[MAX_COLUMNS][8];
    const int n = r->n_results < MAX_COLUMNS ? r->n_results : MAX_COLUMNS;
    demo_report_pixels(r, &total);
    tro_table_column(&t, "class");
    tro_table_column(&t, n > 1 ? ">all" : ">found");
    for (int k = 0; k < n && n > 1; k++) {
        snprintf(heads[k], sizeof heads[k], ">%03d", k);
        tro_table_column(&t, heads[k]);
    }
    for (int i = 0; i < classes->n; i++) {
        tro_table_cell(&t, "%s", classes->v[i].text);
        tro_table_cell(&t, "%.2f %%", share_of(total.found[i], total.n));
        for (int k = 0; k < n && n > 1; k++) {
            const struct demo_pixels *const s = &r->results[k].score.pixels;
            tro_table_cell(&t, "%.2f %%", share_of(s->found[i], s->n));
        }
    }
    print(&t, to);
}

/* ---- frames of a procedure ------------------------------------------------------------- */

static void frame_heads(const struct demo_report *r, struct tro_table *t)
{
    static const char *const pixels[] = {">mean IoU", "worst class", ">IoU", NULL};
    static const char *const first[] = {"overlay", ">at", "step", NULL};
    add_columns(t, first);
    if (r->networks[DEMO_PIXELS])
        add_columns(t, pixels);
    if (r->networks[DEMO_BOXES])
        tro_table_column(t, ">instruments");
    if (r->networks[DEMO_DEPTH])
        tro_table_column(t, ">depth");
    if (r->networks[DEMO_POINTS])
        tro_table_column(t, ">landmarks");
}

static void frame_row(const struct demo_report *r, const struct demo_result *one,
                      struct tro_table *t)
{
    const struct demo_score *const s = &one->score;
    const struct demo_scores only = {s, sizeof *s, 1};
    add_file(t, one->overlay);
    tro_table_cell(t, "%.1f s", one->seconds);
    tro_table_cell(t, "%s", one->step ? one->step : "-");
    if (r->networks[DEMO_PIXELS]) {
        int worst = 0;
        add_number(t, demo_pixels_mean_iou(&s->pixels, &worst), 4, "");
        tro_table_cell(t, "%s", r->networks[DEMO_PIXELS]->names.v[worst].text);
        add_number(t, demo_pixels_iou(&s->pixels, worst), 4, "");
    }
    if (r->networks[DEMO_BOXES])
        tro_table_cell(t, "%d of %d", s->n_hits, s->n_true_boxes);
    if (r->networks[DEMO_DEPTH])
        add_number(t, s->depth.abs_rel * 100, 1, " %");
    if (r->networks[DEMO_POINTS])
        add_number(t, demo_scores_point_error(&only, -1), 1, " px");
}

static void print_frames(const struct demo_report *r, FILE *to)
{
    struct tro_table t = {0};
    frame_heads(r, &t);
    for (int i = 0; i < r->n_results; i++)
        frame_row(r, &r->results[i], &t);
    print(&t, to);
}

static void print_classes(const struct demo_report *r, FILE *to)
{
    static const char *const heads[] = {"class", ">found", ">exact", ">IoU", NULL};
    const struct demo_names *const classes = &r->networks[DEMO_PIXELS]->names;
    struct tro_table t = {0};
    struct demo_pixels total;
    demo_report_pixels(r, &total);
    add_columns(&t, heads);
    for (int i = 0; i < classes->n; i++) {
        tro_table_cell(&t, "%s", classes->v[i].text);
        tro_table_cell(&t, "%.2f %%", share_of(total.found[i], total.n));
        tro_table_cell(&t, "%.2f %%", share_of(total.exact[i], total.n));
        add_number(&t, demo_pixels_iou(&total, i), 4, "");
    }
    tro_table_cell(&t, "mean");
    tro_table_cell(&t, "%s", "");
    tro_table_cell(&t, "%s", "");
    add_number(&t, demo_pixels_mean_iou(&total, NULL), 4, "");
    print(&t, to);
}

/* ---- the other networks ---------------------------------------------------------------- */

static void name_row(struct tro_table *t, enum demo_task task, const char *what)
{
    tro_table_cell(t, "%s", demo_task_name(task));
    tro_table_cell(t, "%s", what);
}

static int box_rows(const struct demo_report *r, struct tro_table *t, struct tro_err *err)
{
    const struct demo_scores scores = scores_of(r);
    int n_true = 0, n_hits = 0, n_found = 0;
    double map50;
    TRO_TRY(demo_scores_map50(&scores, &map50, err));
    for (int i = 0; i < r->n_results; i++) {
        n_true += r->results[i].score.n_true_boxes;
        n_hits += r->results[i].score.n_hits;
        n_found += r->results[i].score.n_shown;
    }
    name_row(t, DEMO_BOXES, "mAP50");
    add_number(t, map50, 4, "");
    name_row(t, DEMO_BOXES, "found with IoU 0.5, score 0.3");
    tro_table_cell(t, "%d of %d", n_hits, n_true);
    name_row(t, DEMO_BOXES, "found where none is");
    tro_table_cell(t, "%d", n_found - n_hits);
    return 0;
}

static void depth_rows(const struct demo_report *r, struct tro_table *t)
{
    const struct demo_scores scores = scores_of(r);
    double abs_rel, rms;
    demo_scores_depth(&scores, &abs_rel, &rms);
    name_row(t, DEMO_DEPTH, "mean of |depth - true| / true");
    add_number(t, abs_rel * 100, 2, " %");
    name_row(t, DEMO_DEPTH, "root mean square of depth - true");
    add_number(t, rms, 2, " mm");
}

static void point_rows(const struct demo_report *r, struct tro_table *t)
{
    const struct demo_scores scores = scores_of(r);
    const struct demo_names *const names = &r->networks[DEMO_POINTS]->names;
    int n_true = 0, n_found = 0;
    for (int i = 0; i < names->n; i++) {
        tro_table_cell(t, "%s", demo_task_name(DEMO_POINTS));
        tro_table_cell(t, "distance of %s", names->v[i].text);
        add_number(t, demo_scores_point_error(&scores, i), 2, " px");
    }
    for (int i = 0; i < r->n_results; i++) {
        n_true += r->results[i].score.n_true_points;
        n_found += r->results[i].score.n_found_points;
    }
    name_row(t, DEMO_POINTS, "found of those in sight");
    tro_table_cell(t, "%d of %d", n_found, n_true);
}

static int print_figures(const struct demo_report *r, FILE *to, struct tro_err *err)
{
    static const char *const heads[] = {"network", "against the truth", ">figure", NULL};
    const bool has_any = r->networks[DEMO_BOXES] || r->networks[DEMO_DEPTH] ||
                         r->networks[DEMO_POINTS];
    struct tro_table t = {0};
    int rc = 0;
    if (!has_any)
        return 0;
    add_columns(&t, heads);
    if (r->networks[DEMO_BOXES])
        rc = box_rows(r, &t, err);
    if (r->networks[DEMO_DEPTH])
        depth_rows(r, &t);
    if (r->networks[DEMO_POINTS])
        point_rows(r, &t);
    print(&t, to);
    return rc;
}

/* ---- engines --------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ms(const struct demo_report *r, int task, int engine)
{
    double *const ms = tro_calloc((size_t)r->n_results, sizeof *ms);
    if (!ms)
        return NAN;
    for (int i = 0; i < r->n_results; i++)
        ms[i] = r->results[i].ms[task][engine];
    qsort(ms, (size_t)r->n_results, sizeof *ms, compare_doubles);
    const double median = ms[r->n_results / 2];
    tro_free(ms);
    return median;
}

static void add_ms(struct tro_table *t, double ms)
{
    add_number(t, ms, ms < 10 ? 2 : 1, "");
}

/* In what its results are in. */
static void add_difference(struct tro_table *t, int task, double v)
{
    if (task == DEMO_PIXELS)
        tro_table_cell(t, "%.4f %% of pixels", 100 * v);
    else
        tro_table_cell(t, "%.1g %s", v, task == DEMO_DEPTH ? "mm" : "px");
}

static const struct demo_network *one_network(const struct demo_report *r)
{
    int i = 0;
    while (!r->networks[i])
        i++;
    return r->networks[i];
}

static void engine_row(const struct demo_report *r, int task, struct tro_table *t)
{
    const double ms = median_ms(r, task, DEMO_ENGINE), ort = median_ms(r, task, DEMO_ORT);
    tro_table_cell(t, "%s", demo_task_name((enum demo_task)task));
    add_ms(t, ms);
    tro_table_cell(t, "%.0f", 1000 / ms);
    if (r->networks[task]->has_ort) {
        add_ms(t, ort);
        tro_table_cell(t, "%.2fx", ort / ms);
    }
    add_ms(t, median_ms(r, task, DEMO_REFERENCE));
    add_difference(t, task, r->difference[task][DEMO_ENGINE]);
    if (r->networks[task]->has_ort)
        add_difference(t, task, r->difference[task][DEMO_ORT]);
}

static void print_engines(const struct demo_report *r, FILE *to)
{
    static const char *const alone[] = {"network",        ">ms a picture",        ">pictures/s",
                                        ">reference, ms", ">greatest difference", NULL};
    static const char *const beside[] = {
        "network",   ">ms a picture",  ">pictures/s",          ">ONNX Runtime, ms",
        ">speed-up", ">reference, ms", ">greatest difference", ">ONNX Runtime's",
        NULL};
    const struct demo_network *const one = one_network(r);
    struct tro_table t = {0};
    add_columns(&t, one->has_ort ? beside : alone);
    for (int i = 0; i < DEMO_N_TASKS; i++)
        if (r->networks[i])
            engine_row(r, i, &t);
    print(&t, to);
    if (one->has_ort)
        fprintf(to, "\nTrocar %s, ONNX Runtime %s; differences are from the reference kernels\n",
                tro_version(), tro_ort_version(one->ort.ort));
    else
        fprintf(to,
                "\nTrocar %s; differences are from the reference kernels; no other engine: %s\n",
                tro_version(), one->why_no_ort);
}

int demo_report_print(const struct demo_report *r, FILE *to, struct tro_err *err)
{
    if (r->results[0].source) {
        print_user_pictures(r, to);
        if (r->networks[DEMO_PIXELS])
            print_user_classes(r, to);
    } else {
        print_frames(r, to);
        if (r->networks[DEMO_PIXELS])
            print_classes(r, to);
        TRO_TRY(print_figures(r, to, err));
    }
    print_engines(r, to);
    return 0;
}
