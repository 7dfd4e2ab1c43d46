/* SPDX-License-Identifier: Apache-2.0 */
/* trocar eval: engines against the truth of a data set. */
#ifndef TROCAR_EVAL_H
#define TROCAR_EVAL_H

#include "around.h"
#include "base/json.h"
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

/* An input that takes a fact of the camera. */
struct eval_optics {
    const struct tro_record_optics *of;
    int input; /* of the engine's inputs */
};

/* Of a frame. */
struct eval_energy {
    double mj;
    char why_not[256]; /* why it was not measured; empty: it was */
};

struct eval_engine {
    struct tro_side side;
    struct tro_around *around;      /* of engines that do not know records; NULL: of the others */
    struct eval_recorded *recorded; /* NULL: it runs here */
    const char *text;
    struct tro_arena arena;        /* while it is open */
    int frame_input;               /* the one that takes frames */
    int frame_width, frame_height; /* of those, in pixels; 0: not known */
    struct tro_tensor *inputs;
    struct eval_state *states;
    int n_states;
    struct eval_optics *optics;
    int n_optics;
    int64_t state_frame; /* whose states those are; -1: none */
    int n_tasks;
    struct eval_task tasks[16];
    struct eval_planes planes;
    struct eval_energy energy;
    /* Sees what a run will take, before it; NULL: nobody. */
    int (*look)(void *ctx, const struct tro_tensor *inputs, struct tro_err *err);
    void *look_ctx;
};

/* One group of frames: all, of a slice, a camera or a procedure. */
struct eval_group {
    const char *kind, *name; /* "slice", "smoke-0.5"; "all", "" */
    int kind_index;          /* among eval_kinds; -1: all. Names are those that the frames share */
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
    const struct tro_record_output *classes, *depth, *points, *boxes, *flags,
        *steps; /* NULL: none */
    struct tro_eval_layout layout;
    struct tro_eval_column *columns;
    int n_columns;
    struct tro_eval_table table;
    const char **procedures; /* distinct */
    int32_t *procedure_of;   /* of each frame */
    int n_procedures;
    struct eval_group *groups;
    int n_groups;
    uint64_t key; /* of the data set, the columns and the engines */
    int64_t shard_index, n_shards;
    bool is_failed;         /* a gate */
    struct tro_table gates; /* once they were judged */
};

/* ---- eval_setup.c --------------------------------------------------------------------------- */

/* The data set, the record, the columns; no engine is opened. */
int eval_prepare(struct eval *e, struct tro_err *err);
/* After prepare, whether it failed or not. */
void eval_finish(struct eval *e);

/* ---- eval_engine.c -------------------------------------------------------------------------- */

int eval_open_engine(struct eval *e, int i, struct tro_err *err);
void eval_close_engine(struct eval *e, int i);

/* Frames of one procedure in one slice, which a network with states sees one after the other. */
bool eval_is_same_take(const struct eval *e, int64_t a, int64_t b);
/* One frame, its picture in the arena. States are those after all frames of the take before it:
 * those that were not run just now are run first. */
int eval_run(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
             struct tro_err *err);
/* What its side took at the last run. */
struct tro_tensor *eval_side_inputs(const struct eval_engine *x);
/* Of the frames that it takes, once it is open. */
void eval_find_size(const struct eval *e, struct eval_engine *x);
/* How large a pixel of the engine's frames is in the picture's pixels, along x and y. */
int eval_find_scale(const struct eval *e, const struct eval_engine *x, int64_t frame,
                    double scale[2], struct tro_err *err);
/* A result, valid until the next run. */
int eval_output(struct eval_engine *x, int i, struct tro_tensor *out, struct tro_err *err);

/* Of a model's or plan's path: "ref:" and "ort:" taken off. */
const char *eval_file_of(const char *engine);
/* Outputs of the record that are judged, one of each kind; NULL: there is none of this kind. */
enum { EVAL_N_JUDGED = 6 };
const struct tro_record_output *eval_judged(const struct eval *e, int i);
/* The index of each output that is judged, among an engine's results. */
int eval_find_tasks(struct eval *e, struct eval_engine *x, struct tro_err *err);

/* ---- eval_recorded.c ------------------------------------------------------------------------ */

/* "recorded:DIR": DIR, else NULL. */
const char *eval_recorded_folder(const char *engine);
int eval_recorded_open(struct eval_engine *x, struct tro_err *err);
/* Reads and decodes the outputs of a frame. */
int eval_recorded_run(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_arena *arena,
                      struct tro_err *err);

/* ---- eval_energy.c -------------------------------------------------------------------------- */

/* Runs the frame for a while, the first of its take. */
int eval_measure_energy(struct eval *e, struct eval_engine *x, int64_t frame, struct tro_err *err);

/* ---- eval_frame.c --------------------------------------------------------------------------- */

/* Runs the engine on a frame and fills its cell. */
int eval_frame(struct eval *e, int engine, int64_t frame, struct tro_err *err);
void eval_planes_finish(struct eval_planes *p);

/* The picture's path within the data set. */
const char *eval_frame_name(const struct eval *e, int64_t frame);

/* ---- eval_figures.c ------------------------------------------------------------------------- */

enum { EVAL_N_KINDS = 3 }; /* but for all */
extern const char *const eval_kinds[EVAL_N_KINDS];
bool eval_is_in(const struct eval *e, const struct eval_group *g, int64_t frame);
/* Of a kind and name; no frame is in one that there is not. */
struct eval_group eval_group_of(const struct eval *e, const char *kind, const char *name);
/* Fills the evaluation's groups, in the order of reports. */
int eval_find_groups(struct eval *e, struct tro_err *err);

int eval_summary(const struct eval *e, int engine, const struct eval_group *g, int column,
                 struct tro_summary *out, struct tro_err *err);
/* What the engine has more than the first one, on the frames where both are defined. */
int eval_delta(const struct eval *e, int engine, const struct eval_group *g, int column,
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

struct eval_flag_figure {
    const char *name;
    double value;
};
enum { EVAL_N_FLAG_FIGURES = 6 };
void eval_flag_figures(const struct tro_binary *b,
                       struct eval_flag_figure out[EVAL_N_FLAG_FIGURES]);

struct eval_step {
    int64_t n_true, n_found;
    double recall, precision, f1;
};
struct eval_step eval_step(const struct eval *e, int engine, const struct eval_group *g, int step);
/* Frames of one step that were taken as another. */
int64_t eval_confusion(const struct eval *e, int engine, const struct eval_group *g, int is,
                       int as);

/* clang-format off */
/* THE list of figures of many frames together: id, name, as tables have it, is it one of groups. */
#define EVAL_FIGURES(X)                                                   \
    X(POOLED_MIOU,        "pooled-miou",        ">pooled mIoU",   true)    \
    X(MAP50,              "map50",              ">mAP50",         true)    \
    X(MAP,                "map",                ">mAP",           false)   \
    X(MEAN_ABS_REL,       "mean-abs-rel",       ">abs-rel",       true)    \
    X(MEAN_DELTA1,        "mean-delta1",        ">delta1",        false)   \
    X(MEAN_POINT_ERROR,   "mean-point-error",   ">point error",   true)    \
    X(MEAN_POINT_RECALL,  "mean-point-recall",  ">points found",  true)    \
    X(MEAN_STEP_ACCURACY, "mean-step-accuracy", ">right steps",   true)    \
    X(MACRO_F1,           "macro-f1",           ">macro F1",      true)    \
    X(FLAG_ACCURACY,      "flag-accuracy",      ">right flags",   true)
/* clang-format on */

enum eval_figure {
#define EVAL_FIGURE_ENUM(id, ...) EVAL_##id,
    EVAL_FIGURES(EVAL_FIGURE_ENUM)
#undef EVAL_FIGURE_ENUM
        EVAL_N_FIGURES
};

struct eval_figure_info {
    const char *name, *title;
    bool is_head;
};
extern const struct eval_figure_info eval_figures[EVAL_N_FIGURES];

bool eval_has_figure(const struct eval *e, enum eval_figure figure);
/* NaN where it is not defined. */
int eval_figure(const struct eval *e, int engine, const struct eval_group *g,
                enum eval_figure figure, double *out, struct tro_err *err);
/* The one that a page is about, from 0 to 1, the higher the better. */
enum eval_figure eval_main_figure(const struct eval *e);

/* Milliseconds of the runs in a group; NaN where they were not measured. */
int eval_latency(const struct eval *e, int engine, const struct eval_group *g, double percent,
                 double *ms, struct tro_err *err);

/* ---- eval_tables.c, eval_print.c ------------------------------------------------------------ */

/* A number, or "-" where it is not defined. */
void eval_number(struct tro_table *t, double v);
/* All metrics over all frames, a row each. */
int eval_metrics_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err);
/* Each flag's decisions over all frames. */
int eval_flags_table(const struct eval *e, int engine, struct tro_table *t, struct tro_err *err);

/* Each step over all frames. */
void eval_steps_table(const struct eval *e, int engine, struct tro_table *t);
/* Frames of each step as what they were taken, over all frames. False: too many for a table. */
bool eval_confusions_table(const struct eval *e, int engine, struct tro_table *t);
/* The engines side by side over all frames. shares: the main figure of each row. */
int eval_engines_table(const struct eval *e, struct tro_table *t, double *shares,
                       struct tro_err *err);
/* The groups of a kind with the figures that stand for the kinds of outputs. */
int eval_groups_table(struct eval *e, int engine, const char *kind, struct tro_table *t,
                      double *shares, int *n_rows, struct tro_err *err);

int eval_print(struct eval *e, struct tro_err *err);

/* ---- eval_json.c, eval_gates.c -------------------------------------------------------------- */

int eval_write_json(struct eval *e, struct tro_err *err);
/* Prints those that were not reached, writes all, and keeps them in the evaluation. */
int eval_judge_gates(struct eval *e, struct tro_json *j, struct tro_err *err);

/* ---- eval_html.c, eval_curves.c, eval_pictures.c -------------------------------------------- */

int eval_put_curves(struct eval *e, struct tro_buf *out, struct tro_err *err);

int eval_write_html(struct eval *e, struct tro_err *err);

/* The frames that the last engine did worst on, as rows of pictures: frame, truth, each engine and
 * where it differs from the truth. Runs the engines on them again. */
int eval_put_worst(struct eval *e, struct tro_buf *out, struct tro_err *err);
/* The same frames by name, with what each engine has on them; an empty list without classes. */
int eval_json_worst(struct eval *e, struct tro_json *j, struct tro_err *err);

#endif
