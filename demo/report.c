/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
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

void demo_report_total(const struct demo_report *r, struct demo_score *total)
{
    *total = (struct demo_score){0};
    for (int i = 0; i < r->n_results; i++)
        demo_score_merge(total, &r->results[i].score);
}

/* ---- pictures -------------------------------------------------------------------------- */

static void add_file(struct tro_table *t, const char *path)
{
    const char *base = tro_path_base(path);
    tro_table_text(t, base, strlen(base));
}

/* "liver 41 %, fat 22 %" */
static void add_largest(struct tro_table *t, const struct demo_classes *classes,
                        const struct demo_score *s)
{
    bool is_named[DEMO_MAX_CLASSES] = {0};
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
        snprintf(text + n, sizeof text - n, "%s%s %.0f %%", k ? ", " : "", classes->v[best].name,
                 share_of(s->found[best], s->n_px));
    }
    tro_table_cell(t, "%s", text);
}

static void print_user_pictures(const struct demo_report *r, FILE *to)
{
    struct tro_table t = {0};
    tro_table_column(&t, "overlay");
    tro_table_column(&t, "of");
    tro_table_column(&t, "most of it");
    for (int i = 0; i < r->n_results; i++) {
        const struct demo_result *one = &r->results[i];
        add_file(&t, one->overlay);
        add_file(&t, one->source);
        add_largest(&t, &r->network->classes, &one->score);
    }
    print(&t, to);
}

static void print_frames(const struct demo_report *r, FILE *to)
{
    struct tro_table t = {0};
    tro_table_column(&t, "overlay");
    tro_table_column(&t, ">at");
    tro_table_column(&t, ">mean IoU");
    tro_table_column(&t, "worst class");
    tro_table_column(&t, ">IoU");
    for (int i = 0; i < r->n_results; i++) {
        const struct demo_result *one = &r->results[i];
        int worst = 0;
        const double mean = demo_score_mean_iou(&one->score, &worst);
        add_file(&t, one->overlay);
        tro_table_cell(&t, "%.1f s", one->seconds);
        tro_table_cell(&t, "%.4f", mean);
        tro_table_cell(&t, "%s", r->network->classes.v[worst].name);
        tro_table_cell(&t, "%.4f", demo_score_iou(&one->score, worst));
    }
    print(&t, to);
}

/* ---- classes --------------------------------------------------------------------------- */

static void print_user_classes(const struct demo_report *r, FILE *to)
{
    struct tro_table t = {0};
    struct demo_score total;
    char heads[MAX_COLUMNS][8];
    const int n = r->n_results < MAX_COLUMNS ? r->n_results : MAX_COLUMNS;
    demo_report_total(r, &total);
    tro_table_column(&t, "class");
    tro_table_column(&t, n > 1 ? ">all" : ">found");
    for (int k = 0; k < n && n > 1; k++) {
        snprintf(heads[k], sizeof heads[k], ">%03d", k);
        tro_table_column(&t, heads[k]);
    }
    for (int i = 0; i < r->network->classes.n; i++) {
        tro_table_cell(&t, "%s", r->network->classes.v[i].name);
        tro_table_cell(&t, "%.2f %%", share_of(total.found[i], total.n_px));
        for (int k = 0; k < n && n > 1; k++) {
            const struct demo_score *s = &r->results[k].score;
            tro_table_cell(&t, "%.2f %%", share_of(s->found[i], s->n_px));
        }
    }
    print(&t, to);
}

static void print_classes(const struct demo_report *r, FILE *to)
{
    struct tro_table t = {0};
    struct demo_score total;
    demo_report_total(r, &total);
    tro_table_column(&t, "class");
    tro_table_column(&t, ">found");
    tro_table_column(&t, ">exact");
    tro_table_column(&t, ">IoU");
    for (int i = 0; i < r->network->classes.n; i++) {
        const double iou = demo_score_iou(&total, i);
        tro_table_cell(&t, "%s", r->network->classes.v[i].name);
        tro_table_cell(&t, "%.2f %%", share_of(total.found[i], total.n_px));
        tro_table_cell(&t, "%.2f %%", share_of(total.exact[i], total.n_px));
        if (isnan(iou))
            tro_table_cell(&t, "-");
        else
            tro_table_cell(&t, "%.4f", iou);
    }
    tro_table_cell(&t, "mean");
    tro_table_cell(&t, "%s", "");
    tro_table_cell(&t, "%s", "");
    tro_table_cell(&t, "%.4f", demo_score_mean_iou(&total, NULL));
    print(&t, to);
}

/* ---- engines --------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_ms(const struct demo_report *r, int engine)
{
    double *ms = tro_calloc((size_t)r->n_results, sizeof *ms);
    if (!ms)
        return NAN;
    for (int i = 0; i < r->n_results; i++)
        ms[i] = r->results[i].ms[engine];
    qsort(ms, (size_t)r->n_results, sizeof *ms, compare_doubles);
    const double median = ms[r->n_results / 2];
    tro_free(ms);
    return median;
}

static void engine_row(const struct demo_report *r, struct tro_table *t, int engine)
{
    const double ms = median_ms(r, engine);
    tro_table_cell(t, "%.*f", ms < 10 ? 2 : 1, ms);
    tro_table_cell(t, "%.*f", ms > 100 ? 1 : 0, 1000 / ms);
    tro_table_cell(t, "%.*fx", 1, median_ms(r, DEMO_REFERENCE) / ms);
    if (engine == DEMO_REFERENCE)
        tro_table_cell(t, "values up to %.3g", r->magnitude);
    else
        tro_table_cell(t, "%.2g", r->error[engine]);
}

static void print_engines(const struct demo_report *r, FILE *to)
{
    static const char *const heads[] = {"engine", ">ms a picture", ">pictures/s", ">speed",
                                        "greatest |difference|"};
    struct tro_table t = {0};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        tro_table_column(&t, heads[i]);
    tro_table_cell(&t, "Trocar %s", tro_version());
    engine_row(r, &t, DEMO_ENGINE);
    if (r->network->ort) {
        tro_table_cell(&t, "ONNX Runtime %s", tro_ort_version(r->network->ort));
        engine_row(r, &t, DEMO_ORT);
    }
    tro_table_cell(&t, "reference");
    engine_row(r, &t, DEMO_REFERENCE);
    print(&t, to);
    if (!r->network->ort)
        fprintf(to, "\nno other engine: %s\n", r->network->why_no_ort);
}

void demo_report_print(const struct demo_report *r, FILE *to)
{
    if (r->results[0].source) {
        print_user_pictures(r, to);
        print_user_classes(r, to);
    } else {
        print_frames(r, to);
        print_classes(r, to);
    }
    print_engines(r, to);
}
