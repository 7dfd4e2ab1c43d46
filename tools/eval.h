/* SPDX-License-Identifier: Apache-2.0 */
/* trocar eval: engines against the truth of a data set. */
#ifndef TROCAR_EVAL_H
#define TROCAR_EVAL_H

#include "around.h"
#include "eval/binary.h"
#include "eval/dataset.h"
#include "eval/score.h"
#include "eval/summary.h"
#include "record/record.h"
#include "side.h"
#include "table.h"

#define EVAL_MAX_ENGINES 16

/* An output that the record decodes. */
struct eval_task {
    const struct tro_record_output *output;
    int index; /* of its first result in the engine's outputs */
};

/* What engines keep of the frame before, and of this one. */
struct eval_planes {
    int width, height;
    uint8_t *truth, *found, *truth_before, *found_before;
    int64_t frame_before; /* -1: none */
    struct tro_outline_work *work;
};

/* An input that takes what an output gave at the frame before. */
struct eval_state {
    int input, output; /* of the engine's inputs, of its results */
    struct tro_tensor value;
};

struct eval_engine {
    struct tro_side side;
    struct tro_around *around; /* of engines that do not know records; NULL: of the others */
    const char *text;
    struct tro_arena arena; /* while it is open */
    int frame_input;        /* the one that takes frames */
    struct tro_tensor *inputs;
    struct eval_state *states;
    int n_states;
    int64_t state_frame; /* whose states those are; -1: none */
    int n_tasks;
    struct eval_task tasks[16];
    struct eval_planes planes;
};

struct eval {
    /* options */
    const char *record_path, *split, *slice, *gate_path, *json_path, *html_path, *rows_path, *shard;
    struct tro_list args, merge;
    struct tro_side_opts side;
    double tolerance_px;
    int64_t limit, n_threads, n_draws, seed;
    /* what follows from them */
    struct tro_arena arena;
    struct tro_dataset data;
    struct tro_record record;
    bool has_record;
    int n_engines;
    struct eval_engine engines[EVAL_MAX_ENGINES];
    const struct tro_record_output *classes, *depth, *points, *boxes, *flags; /* NULL: none */
    struct tro_eval_layout layout;
    struct tro_eval_column *columns;
    int n_columns;
    struct tro_eval_table table;
    const char **procedures; /* distinct */
    int32_t *procedure_of;   /* of each frame */
    int n_procedures;
    uint64_t key; /* of the data set, the columns and the engines */
    int64_t shard_index, n_shards;
    bool is_failed; /* a gate */
};

/* ---- eval_setup.c --------------------------------------------------------------------------- */

/* The data set, the record, the columns; no engine is opened. */
int eval_prepare(struct eval *e, struct tro_err *err);

/* ---- eval_engine.c -------------------------------------------------------------------------- */

int eval_open_engine(struct eval *e, int i, struct tro_err *err);
void eval_close_engine(struct eval *e, int i);

/* Frames of one procedure in one slice, which a network with states sees one after the other. */
bool eval_is_same_take(const struct eval *e, int64_t a, int64_t b);
/* One frame, its picture in the arena. States are those after all frames of the take before it:
 * those that were not run just now are run first. */
int eval_run(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
             struct tro_err *err);
/* A result, valid until the next run. */
int eval_output(struct eval_engine *x, int i, struct tro_tensor *out, struct tro_err *err);

/* ---- eval_frame.c --------------------------------------------------------------------------- */

/* Runs the engine on a frame and fills its cell. */
int eval_frame(struct eval *e, int engine, int64_t frame, struct tro_err *err);
void eval_planes_finish(struct eval_planes *p);

/* The picture's path within the data set. */
const char *eval_frame_name(const struct eval *e, int64_t frame);

/* ---- eval_report.c -------------------------------------------------------------------------- */

/* One group of frames: all, of a slice, a camera or a procedure. */
struct eval_group {
    const char *kind, *name; /* "slice", "smoke-0.5"; "all", "" */
};
bool eval_is_in(const struct eval *e, const struct eval_group *g, int64_t frame);
/* Groups in the order of reports, in the arena. */
int eval_groups(struct eval *e, struct eval_group **out, int *n, struct tro_err *err);

int eval_summary(const struct eval *e, int engine, const struct eval_group *g, int column,
                 struct tro_summary *out, struct tro_err *err);
/* Of areas added up over the frames: IoU and Dice of a class. */
struct tro_areas eval_pooled(const struct eval *e, int engine, const struct eval_group *g,
                             int class_index);
/* Mean over classes that have truth; threshold -1: over all ten. NaN where there are no boxes. */
int eval_map(const struct eval *e, int engine, const struct eval_group *g, int threshold,
             double *out, struct tro_err *err);
/* Decisions of a flag, by its place among the names. */
int eval_flag(const struct eval *e, int engine, const struct eval_group *g, int flag,
              struct tro_binary *out, struct tro_err *err);
double eval_pooled_miou(const struct eval *e, int engine, const struct eval_group *g);

/* Milliseconds of the runs in a group. */
int eval_latency(const struct eval *e, int engine, const struct eval_group *g, double percent,
                 double *ms, struct tro_err *err);

/* ---- eval_tables.c, eval_print.c ------------------------------------------------------------ */

/* A number, or "-" where it is not defined. */
void eval_number(struct tro_table *t, double v);
/* All metrics over all frames, a row each. */
int eval_metrics_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err);
/* Each flag's decisions over all frames. */
int eval_flags_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err);

int eval_print(struct eval *e, struct tro_err *err);
int eval_write_json(struct eval *e, struct tro_err *err);

/* ---- eval_html.c, eval_curves.c, eval_pictures.c -------------------------------------------- */

/* The figure that a page is about, from 0 to 1, the higher the better; NaN: there is none. */
int eval_main_figure(const struct eval *e, int engine, const struct eval_group *g, double *out,
                     struct tro_err *err);
const char *eval_main_name(const struct eval *e);

int eval_put_curves(struct eval *e, struct tro_buf *out, struct tro_err *err);

int eval_write_html(struct eval *e, struct tro_err *err);

/* The frames that the last engine did worst on, as rows of pictures: frame, truth, each engine and
 * where it differs from the truth. Runs the engines on them again. */
int eval_put_worst(struct eval *e, struct tro_buf *out, struct tro_err *err);

#endif
