/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluation as a page. */
#include "eval.h"

#include "base/err.h"
#include "base/file.h"
#include "html.h"

static int put(struct tro_buf *out, struct tro_table *t, const double *shares, int rc)
{
    if (rc >= 0)
        tro_html_table(out, t, shares);
    tro_table_finish(t);
    return rc;
}

static int put_engines(const struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    struct tro_table t = {0};
    double shares[EVAL_MAX_ENGINES];
    TRO_TRY(put(out, &t, shares, eval_engines_table(e, &t, shares, err)));
    for (int i = 0; i < e->n_engines; i++) {
        if (!e->engines[i].energy.why_not[0])
            continue;
        tro_buf_str(out, "<p class=\"note\">");
        tro_html_text(out, e->engines[i].text);
        tro_buf_str(out, ": energy was not measured: ");
        tro_html_text(out, e->engines[i].energy.why_not);
        tro_buf_str(out, "</p>\n");
    }
    return 0;
}

static int put_groups(struct eval *e, int engine, const char *kind, struct tro_buf *out,
                      struct tro_err *err)
{
    struct tro_table t = {0};
    int n = 0;
    double *const shares = TRO_NEW_N(&e->arena, double, (size_t)e->data.n_frames + 1);
    const int rc = shares ? eval_groups_table(e, engine, kind, &t, shares, &n, err)
                          : tro_fail_nomem(err);
    if (rc >= 0 && n > 1) {
        tro_html_element(out, "h3", kind);
        tro_html_table(out, &t, shares);
    }
    tro_table_finish(&t);
    return rc;
}

static void put_steps(const struct eval *e, int engine, struct tro_buf *out)
{
    struct tro_table steps = {0}, confusions = {0};
    eval_steps_table(e, engine, &steps);
    put(out, &steps, NULL, 0);
    if (eval_confusions_table(e, engine, &confusions))
        tro_html_table(out, &confusions, NULL);
    tro_table_finish(&confusions);
}

static int put_engine(struct eval *e, int engine, struct tro_buf *out, struct tro_err *err)
{
    struct tro_table flags = {0}, metrics = {0};
    tro_html_element(out, "h2", e->engines[engine].text);
    if (e->flags)
        TRO_TRY(put(out, &flags, NULL, eval_flags_table(e, engine, &flags, err)));
    if (e->steps)
        put_steps(e, engine, out);
    for (int i = 0; i < EVAL_N_KINDS; i++)
        TRO_TRY(put_groups(e, engine, eval_kinds[i], out, err));
    tro_buf_str(out, "<details><summary>All metrics over all frames</summary>\n");
    TRO_TRY(put(out, &metrics, NULL, eval_metrics_table(e, engine, &metrics, err)));
    tro_buf_str(out, "</details>\n");
    return 0;
}

static void put_gates(struct eval *e, struct tro_buf *out)
{
    if (e->is_failed)
        tro_buf_str(out, "<p class=\"bad\">A gate was not passed.</p>\n");
    if (e->gates.n_cells)
        tro_html_table(out, &e->gates, NULL);
}

static int put_page(struct eval *e, struct tro_buf *out, struct tro_err *err)
{
    tro_html_begin(out, "Evaluation");
    tro_buf_printf(out, "<p>%lld frames of %d procedures of ", (long long)e->data.n_frames,
                   e->n_procedures);
    tro_html_text(out, e->data.path);
    tro_buf_str(out, ". Intervals of means are by bootstrap over procedures; differences are "
                     "against the first engine on the same frames; docs/metrics.md defines the "
                     "metrics.</p>\n");
    TRO_TRY(put_engines(e, out, err));
    put_gates(e, out);
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
