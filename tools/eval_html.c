/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluation as a page. */
#include "eval.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "html.h"

static void text(struct tro_table *t, const char *s)
{
    tro_table_text(t, s, strlen(s));
}

int eval_main_figure(const struct eval *e, int engine, const struct eval_group *g, double *out,
                     struct tro_err *err)
{
    struct tro_summary s;
    if (e->classes) {
        *out = eval_pooled_miou(e, engine, g);
        return 0;
    }
    if (e->boxes)
        return eval_map(e, engine, g, 0, out, err);
    TRO_TRY(
        eval_summary(e, engine, g, e->depth ? e->layout.delta1 : e->layout.point_recall, &s, err));
    *out = s.mean;
    return 0;
}

const char *eval_main_name(const struct eval *e)
{
    return e->classes  ? "pooled mIoU"
           : e->boxes  ? "mAP50"
           : e->depth  ? "share of depths within a factor of 1.25"
           : e->points ? "share of the first point's frames where it was found"
                       : "accuracy of the first flag";
}

static int put_engines(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    const struct eval_group all = {"all", ""};
    struct tro_table t = {0};
    double shares[EVAL_MAX_ENGINES];
    int rc = 0;
    tro_table_column(&t, "<engine");
    tro_table_column(&t, eval_main_name(e));
    tro_table_column(&t, ">p50, ms");
    tro_table_column(&t, ">p99, ms");
    for (int i = 0; i < e->n_engines && rc >= 0; i++) {
        double figure, p50, p99 = NAN;
        rc = eval_main_figure(e, i, &all, &figure, err);
        if (rc >= 0)
            rc = eval_latency(e, i, &all, 50, &p50, err);
        if (rc >= 0)
            rc = eval_latency(e, i, &all, 99, &p99, err);
        if (rc < 0)
            break;
        text(&t, e->engines[i].text);
        eval_number(&t, figure);
        eval_number(&t, p50);
        eval_number(&t, p99);
        shares[i] = figure > 0 ? figure : 0;
    }
    if (rc >= 0)
        tro_html_table(out, &t, shares);
    tro_table_finish(&t);
    return rc;
}

static int put_groups(struct eval *e, int engine, const char *kind, struct tro_buf *out,
                      struct tro_err *err)
{
    struct eval_group *groups;
    struct tro_table t = {0};
    int n, n_rows = 0, rc;
    TRO_TRY(eval_groups(e, &groups, &n, err));
    double *const shares = TRO_NEW_N(&e->arena, double, (size_t)n);
    rc = shares ? 0 : tro_fail_nomem(err);
    tro_table_column(&t, kind);
    tro_table_column(&t, eval_main_name(e));
    for (int i = 0; i < n && rc >= 0; i++) {
        double figure;
        if (strcmp(groups[i].kind, kind) != 0)
            continue;
        rc = eval_main_figure(e, engine, &groups[i], &figure, err);
        text(&t, groups[i].name);
        eval_number(&t, figure);
        shares[n_rows++] = figure > 0 ? figure : 0;
    }
    if (rc >= 0 && n_rows > 1) {
        tro_html_element(out, "h3", kind);
        tro_html_table(out, &t, shares);
    }
    tro_table_finish(&t);
    return rc;
}

static int put_metrics(struct eval *e, int engine, struct tro_buf *out, struct tro_err *err)
{
    struct tro_table t = {0};
    const int rc = eval_metrics_table(e, engine, &t, err);
    if (rc >= 0)
        tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
    return rc;
}

static int put_flags(struct eval *e, int engine, struct tro_buf *out, struct tro_err *err)
{
    struct tro_table t = {0};
    const int rc = eval_flags_table(e, engine, &t, err);
    if (rc >= 0)
        tro_html_table(out, &t, NULL);
    tro_table_finish(&t);
    return rc;
}

static int put_engine(struct eval *e, int engine, struct tro_buf *out, struct tro_err *err)
{
    static const char *const kinds[] = {"slice", "camera", "procedure"};
    tro_html_element(out, "h2", e->engines[engine].text);
    if (e->flags)
        TRO_TRY(put_flags(e, engine, out, err));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        TRO_TRY(put_groups(e, engine, kinds[i], out, err));
    tro_buf_str(out, "<details><summary>All metrics over all frames</summary>\n");
    TRO_TRY(put_metrics(e, engine, out, err));
    tro_buf_str(out, "</details>\n");
    return 0;
}

static int put_page(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    tro_html_begin(out, "Evaluation");
    tro_buf_printf(out, "<p>%lld frames of %d procedures of ", (long long)e->data.n_frames,
                   e->n_procedures);
    tro_html_text(out, e->data.path);
    tro_buf_str(out, ". Intervals of means are by bootstrap over procedures; docs/metrics.md "
                     "defines the metrics.</p>\n");
    if (e->is_failed)
        tro_buf_str(out, "<p class=\"bad\">A gate was not passed.</p>\n");
    TRO_TRY(put_engines(e, out, err));
    TRO_TRY(eval_put_curves(e, out, err));
    TRO_TRY(eval_put_worst(e, out, err));
    for (int i = 0; i < e->n_engines; i++)
        TRO_TRY(put_engine(e, i, out, err));
    tro_html_end(out);
    return 0;
}

int eval_write_html(struct eval *e, struct tro_err *err)
{
    struct tro_buf page = {0};
    int rc = put_page(e, &page, err);
    if (rc >= 0)
        rc = page.failed ? tro_fail_nomem(err) : tro_file_write(e->html_path, page.p, page.n, err);
    tro_buf_finish(&page);
    return rc;
}
