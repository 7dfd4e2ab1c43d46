/* SPDX-License-Identifier: Apache-2.0 */
/* trocar eval: what engines find in a data set against its truth. */
#include <stdio.h>

#include "args.h"
#include "base/err.h"
#include "base/file.h"
#include "base/thread.h"
#include "eval.h"
#include "progress.h"
#include "verbs.h"

/* Shards are of whole procedures: what a frame is compared with in time stays beside it. */
static bool is_mine(const struct eval *e, int64_t frame)
{
    return e->procedure_of[frame] % e->n_shards == e->shard_index;
}

static int run_engine(struct eval *e, int i, struct tro_progress *progress, int64_t *n_done,
                      struct tro_err *err)
{
    int rc = eval_open_engine(e, i, err);
    for (int64_t k = 0; k < e->data.n_frames && rc >= 0; k++) {
        if (is_mine(e, k))
            rc = eval_frame(e, i, k, err);
        tro_progress_at(progress, ++*n_done);
    }
    if (rc >= 0 && e->n_shards == 1)
        rc = eval_measure_energy(e, &e->engines[i], 0, err);
    eval_close_engine(e, i);
    return rc;
}

static int run_engines(struct eval *e, struct tro_err *err)
{
    struct tro_progress progress;
    int64_t n_done = 0;
    int rc = 0;
    tro_threads_set((int)e->n_threads);
    e->side.n_threads = (int)e->n_threads;
    tro_progress_start(&progress, "frames", e->n_engines * e->data.n_frames);
    for (int i = 0; i < e->n_engines && rc >= 0; i++)
        rc = run_engine(e, i, &progress, &n_done, err);
    tro_progress_end(&progress);
    return rc;
}

static int join(struct eval *e, const char *path, struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, 0, err));
    const int rc = tro_eval_table_join(&e->table, e->key, file.data, file.n_bytes, err);
    tro_file_finish(&file);
    return tro_err_prefix(err, rc, "%s: ", path);
}

static int merge(struct eval *e, struct tro_err *err)
{
    for (int i = 0; i < e->merge.n; i++)
        TRO_TRY(join(e, e->merge.v[i], err));
    for (int64_t i = 0; i < e->n_engines * e->data.n_frames; i++)
        if (!e->table.cells[i].is_there)
            return tro_fail(err, TRO_E_INPUT,
                            "--merge: expected the rows of all shards, found none of %s",
                            e->data.frames[i % e->data.n_frames].picture);
    for (int i = 0; i < e->n_engines; i++)
        snprintf(e->engines[i].energy.why_not, sizeof e->engines[i].energy.why_not,
                 "the rows are of other runs");
    return 0;
}

static int write_rows(const struct eval *e, struct tro_err *err)
{
    struct tro_buf rows = {0};
    tro_eval_table_write(&e->table, e->key, &rows);
    const int rc = rows.failed ? tro_fail_nomem(err)
                               : tro_file_write(e->rows_path, rows.p, rows.n, err);
    tro_buf_finish(&rows);
    return rc;
}

static int eval(struct eval *e, struct tro_err *err)
{
    TRO_TRY(eval_prepare(e, err));
    TRO_TRY(e->merge.n ? merge(e, err) : run_engines(e, err));
    if (e->rows_path)
        TRO_TRY(write_rows(e, err));
    if (e->n_shards > 1)
        return 0;
    TRO_TRY(eval_print(e, err));
    TRO_TRY(eval_write_json(e, err));
    return e->html_path ? eval_write_html(e, err) : 0;
}

int tro_verb_eval(int argc, char **argv)
{
    static struct eval e;
    e = (struct eval){.tolerance_px = 2, .n_draws = 2000, .seed = 1};
    struct tro_err err = {0};
    bool is_help;
    const struct tro_opt opts[] = {
        {"--record", TRO_OPT_STRING, &e.record_path, "FILE",
         "what the network's inputs and outputs are, where the engine does not say"},
        {"--split", TRO_OPT_STRING, &e.split, "NAME", "only frames of this split"},
        {"--slice", TRO_OPT_STRING, &e.slice, "NAME", "only frames of this slice"},
        {"--limit", TRO_OPT_INT, &e.limit, "N", "only the first N frames"},
        {"--tolerance", TRO_OPT_DOUBLE, &e.tolerance_px, "PX", "of NSD (2)"},
        {"--draws", TRO_OPT_INT, &e.n_draws, "N", "of the bootstrap (2000)"},
        {"--seed", TRO_OPT_INT, &e.seed, "S", "of the bootstrap (1)"},
        {"--gate", TRO_OPT_STRING, &e.gate_path, "FILE", "what must be reached, else exit 1"},
        {"--rows", TRO_OPT_STRING, &e.rows_path, "FILE", "write the figures of each frame"},
        {"--shard", TRO_OPT_STRING, &e.shard, "I/N", "run only part I of N, into --rows"},
        {"--merge", TRO_OPT_LIST, &e.merge, "FILE", "rows of all shards instead of running"},
        {"--device", TRO_OPT_STRING, &e.side.device, "D",
         "cpu, cuda or cuda:N; or ref: the reference kernels"},
        {"--precision", TRO_OPT_STRING, &e.side.precision, "P",
         "of a model on a GPU: fp32 (the default), tf32, fp16, bf16"},
        {"--threads", TRO_OPT_INT, &e.n_threads, "N", "threads (default: one a processor)"},
        {"--html", TRO_OPT_STRING, &e.html_path, "FILE", "write a page with the worst frames"},
        {"--json", TRO_OPT_STRING, &e.json_path, "FILE", "write the result as JSON"},
        {0}};
    const struct tro_usage usage = {
        .synopsis = "trocar eval DATASET MODEL|PLAN... [--record FILE] [--gate FILE] [--json FILE]",
        .about =
            "Runs engines on the frames of a data set (docs/dataset.md) and measures what they "
            "find\nagainst its truth: classes of pixels, boxes, points, depths, as the record of "
            "the network\n(docs/record.md) decodes them; overall, by slice, camera and "
            "procedure, with the worst\nframe. Metrics are defined in docs/metrics.md.\n\n"
            "recorded:DIR is an engine as well: outputs that another framework wrote, "
            "DIR/clean/11/200.OUT.npy\nof the output OUT for the picture clean/11/200.png.",
        .opts = opts,
        .min_args = 2,
        .max_args = -1};
    int rc = tro_args_parse(&usage, argc, argv, &e.args, &is_help, &err);
    if (rc >= 0 && !is_help)
        rc = eval(&e, &err);
    eval_finish(&e);
    if (rc < 0)
        return tro_exit_with(&err, rc);
    return e.is_failed ? TRO_EXIT_DIFFERENT : TRO_EXIT_OK;
}
