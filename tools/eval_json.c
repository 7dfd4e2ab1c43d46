/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluation as JSON. */
#include "eval.h"

#include "base/err.h"
#include "base/file.h"

/* Against the first engine, on the frames where both are defined. */
static int put_delta(const struct eval *e, struct tro_json *j, int engine,
                     const struct eval_group *g, int column, struct tro_err *err)
{
    struct tro_summary s;
    if (engine == 0)
        return 0;
    TRO_TRY(eval_delta(e, engine, g, column, &s, err));
    tro_json_number(j, "delta", s.mean);
    tro_json_number(j, "delta_low", s.lo);
    tro_json_number(j, "delta_high", s.hi);
    return 0;
}

static int put_metric(const struct eval *e, struct tro_json *j, int engine,
                      const struct eval_group *g, int column, struct tro_err *err)
{
    struct tro_summary summary;
    TRO_TRY(eval_summary(e, engine, g, column, &summary, err));
    const struct tro_summary *const s = &summary;
    const struct tro_eval_metric_info *const m = &tro_eval_metrics[e->columns[column].metric];
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "metric", m->name);
    tro_json_string(j, "of", e->columns[column].of);
    tro_json_int(j, "frames", s->n);
    tro_json_int(j, "undefined", s->n_undefined);
    tro_json_number(j, "mean", s->mean);
    tro_json_number(j, "low", s->lo);
    tro_json_number(j, "high", s->hi);
    tro_json_number(j, "median", s->median);
    tro_json_number(j, "tail", s->bad_tail);
    tro_json_number(j, "worst", s->worst);
    if (s->worst_frame >= 0)
        tro_json_string(j, "worst_frame", eval_frame_name(e, s->worst_frame));
    TRO_TRY(put_delta(e, j, engine, g, column, err));
    tro_json_object_end(j);
    return 0;
}

static int put_flags(const struct eval *e, struct tro_json *j, int engine,
                     const struct eval_group *g, struct tro_err *err)
{
    tro_json_array_begin(j, "flags");
    for (int i = 0; e->flags && i < e->flags->n_names; i++) {
        struct eval_flag_figure figures[EVAL_N_FLAG_FIGURES], first[EVAL_N_FLAG_FIGURES];
        struct tro_binary b, base;
        TRO_TRY(eval_flag(e, engine, g, i, &b, err));
        TRO_TRY(eval_flag(e, 0, g, i, &base, err));
        eval_flag_figures(&b, figures);
        eval_flag_figures(&base, first);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "of", e->flags->names[i]);
        tro_json_int(j, "yes", b.tp + b.fn);
        tro_json_int(j, "no", b.fp + b.tn);
        for (int k = 0; k < EVAL_N_FLAG_FIGURES; k++)
            tro_json_number(j, figures[k].name, figures[k].value);
        tro_json_object_begin(j, "delta");
        for (int k = 0; engine > 0 && k < EVAL_N_FLAG_FIGURES; k++)
            tro_json_number(j, figures[k].name, figures[k].value - first[k].value);
        tro_json_object_end(j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
    return 0;
}

static void put_steps(const struct eval *e, struct tro_json *j, int engine,
                      const struct eval_group *g)
{
    tro_json_array_begin(j, "steps");
    for (int i = 0; e->steps && i < e->steps->n_names; i++) {
        const struct eval_step s = eval_step(e, engine, g, i);
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "of", e->steps->names[i]);
        tro_json_int(j, "frames", s.n_true);
        tro_json_int(j, "found", s.n_found);
        tro_json_number(j, "recall", s.recall);
        tro_json_number(j, "precision", s.precision);
        tro_json_number(j, "f1", s.f1);
        if (engine > 0)
            tro_json_number(j, "delta_f1", s.f1 - eval_step(e, 0, g, i).f1);
        tro_json_array_begin(j, "found_as");
        for (int k = 0; k < e->steps->n_names; k++)
            tro_json_int(j, NULL, eval_confusion(e, engine, g, i, k));
        tro_json_array_end(j);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

/* Those of many frames; base: what the first engine has is taken off. */
static int put_figures(const struct eval *e, struct tro_json *j, int engine,
                       const struct eval_group *g, bool is_delta, struct tro_err *err)
{
    for (int i = 0; i < EVAL_N_FIGURES; i++) {
        double value, base = 0;
        if (!eval_has_figure(e, (enum eval_figure)i))
            continue;
        TRO_TRY(eval_figure(e, engine, g, (enum eval_figure)i, &value, err));
        if (is_delta)
            TRO_TRY(eval_figure(e, 0, g, (enum eval_figure)i, &base, err));
        tro_json_number(j, eval_figures[i].name, value - base);
    }
    return 0;
}

static int put_times(const struct eval *e, struct tro_json *j, int engine,
                     const struct eval_group *g, struct tro_err *err)
{
    double p50, p99;
    TRO_TRY(eval_latency(e, engine, g, 50, &p50, err));
    TRO_TRY(eval_latency(e, engine, g, 99, &p99, err));
    tro_json_number(j, "latency_p50_ms", p50);
    tro_json_number(j, "latency_p99_ms", p99);
    tro_json_number(j, "fps", 1000 / p50);
    return 0;
}

static int put_group(struct eval *e, struct tro_json *j, int engine, const struct eval_group *g,
                     struct tro_err *err)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "engine", e->engines[engine].text);
    tro_json_string(j, "kind", g->kind);
    tro_json_string(j, "group", g->name);
    TRO_TRY(put_figures(e, j, engine, g, false, err));
    tro_json_object_begin(j, "delta");
    if (engine > 0)
        TRO_TRY(put_figures(e, j, engine, g, true, err));
    tro_json_object_end(j);
    TRO_TRY(put_times(e, j, engine, g, err));
    TRO_TRY(put_flags(e, j, engine, g, err));
    put_steps(e, j, engine, g);
    tro_json_array_begin(j, "metrics");
    for (int i = 0; i < e->n_columns; i++)
        if (tro_eval_is_figure(e->columns[i].metric))
            TRO_TRY(put_metric(e, j, engine, g, i, err));
    tro_json_array_end(j);
    tro_json_object_end(j);
    return 0;
}

static void put_engines(const struct eval *e, struct tro_json *j)
{
    tro_json_array_begin(j, "engines");
    for (int i = 0; i < e->n_engines; i++) {
        const struct eval_energy *const energy = &e->engines[i].energy;
        tro_json_object_begin(j, NULL);
        tro_json_string(j, "engine", e->engines[i].text);
        if (energy->why_not[0])
            tro_json_null(j, "energy_mj");
        else
            tro_json_number(j, "energy_mj", energy->mj);
        tro_json_string(j, "energy_missing", energy->why_not);
        tro_json_object_end(j);
    }
    tro_json_array_end(j);
}

static int put_all(struct eval *e, struct tro_json *j, struct tro_err *err)
{
    tro_json_object_begin(j, NULL);
    tro_json_string(j, "dataset", e->data.path);
    tro_json_int(j, "frames", e->data.n_frames);
    tro_json_int(j, "procedures", e->n_procedures);
    tro_json_number(j, "tolerance_px", e->tolerance_px);
    put_engines(e, j);
    tro_json_array_begin(j, "groups");
    for (int engine = 0; engine < e->n_engines; engine++)
        for (int i = 0; i < e->n_groups; i++)
            TRO_TRY(put_group(e, j, engine, &e->groups[i], err));
    tro_json_array_end(j);
    TRO_TRY(eval_judge_gates(e, j, err));
    tro_json_bool(j, "pass", !e->is_failed);
    tro_json_object_end(j);
    return 0;
}

int eval_write_json(struct eval *e, struct tro_err *err)
{
    struct tro_json j = {0};
    int rc = put_all(e, &j, err);
    if (rc >= 0 && j.buf.failed)
        rc = tro_fail_nomem(err);
    if (rc >= 0 && e->json_path)
        rc = tro_file_write(e->json_path, j.buf.p, j.buf.n, err);
    tro_json_finish(&j);
    return rc;
}
