/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/table.h"

#include <math.h>
#include <string.h>

#include "base/err.h"

#define MAGIC UINT64_C(0x31535752454f5254) /* "TROEWRS1" */
#define MATCH_BYTES 10

const struct tro_eval_metric_info tro_eval_metrics[TRO_N_EVAL_METRICS] = {
#define TRO_EVAL_METRIC_ROW(id, name, is_less_better, unit, text) \
    {name, unit, text, is_less_better},
    TRO_EVAL_METRICS(TRO_EVAL_METRIC_ROW)
#undef TRO_EVAL_METRIC_ROW
};

/* ---- cells ---------------------------------------------------------------------------------- */

int tro_eval_table_init(struct tro_eval_table *t, const struct tro_eval_column *columns,
                        int n_columns, int n_classes, int n_labels, int n_engines, int64_t n_frames,
                        struct tro_err *err)
{
    *t = (struct tro_eval_table){.columns = columns,
                                 .n_columns = n_columns,
                                 .n_classes = n_classes,
                                 .n_labels = n_labels,
                                 .n_engines = n_engines,
                                 .n_frames = n_frames};
    t->cells = TRO_NEW_N(&t->arena, struct tro_eval_cell, (size_t)n_engines * (size_t)n_frames + 1);
    if (t->cells)
        return 0;
    tro_eval_table_finish(t);
    return tro_fail_nomem(err);
}

void tro_eval_table_finish(struct tro_eval_table *t)
{
    tro_arena_finish(&t->arena);
    *t = (struct tro_eval_table){0};
}

struct tro_eval_cell *tro_eval_cell(const struct tro_eval_table *t, int engine, int64_t frame)
{
    return &t->cells[(int64_t)engine * t->n_frames + frame];
}

void tro_eval_table_clear(struct tro_eval_table *t, int engine)
{
    for (int64_t i = 0; i < t->n_frames; i++)
        *tro_eval_cell(t, engine, i) = (struct tro_eval_cell){0};
}

int tro_eval_cell_make(struct tro_eval_table *t, struct tro_eval_cell *c, struct tro_err *err)
{
    c->values = TRO_NEW_N(&t->arena, double, (size_t)t->n_columns + 1);
    c->areas = TRO_NEW_N(&t->arena, struct tro_areas, (size_t)t->n_classes + 1);
    c->n_true_boxes = TRO_NEW_N(&t->arena, int32_t, (size_t)t->n_labels + 1);
    if (!c->values || !c->areas || !c->n_true_boxes)
        return tro_fail_nomem(err);
    for (int i = 0; i < t->n_columns; i++)
        c->values[i] = NAN;
    c->is_there = true;
    return 0;
}

int tro_eval_cell_set_matches(struct tro_eval_table *t, struct tro_eval_cell *c,
                              const struct tro_match *matches, int n, struct tro_err *err)
{
    c->matches = TRO_NEW_N(&t->arena, struct tro_match, (size_t)n + 1);
    if (!c->matches)
        return tro_fail_nomem(err);
    if (n)
        memcpy(c->matches, matches, (size_t)n * sizeof(*matches));
    c->n_matches = n;
    return 0;
}

/* ---- as bytes ------------------------------------------------------------------------------- */

static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void write_cell(const struct tro_eval_table *t, const struct tro_eval_cell *c,
                       struct tro_buf *out)
{
    tro_buf_u64(out, (uint64_t)c->latency_ns);
    for (int i = 0; i < t->n_columns; i++)
        tro_buf_u64(out, bits_of(c->values[i]));
    for (int i = 0; i < t->n_classes; i++) {
        tro_buf_u64(out, (uint64_t)c->areas[i].tp);
        tro_buf_u64(out, (uint64_t)c->areas[i].fp);
        tro_buf_u64(out, (uint64_t)c->areas[i].fn);
    }
    for (int i = 0; i < t->n_labels; i++)
        tro_buf_u32(out, (uint32_t)c->n_true_boxes[i]);
    tro_buf_u32(out, (uint32_t)c->n_matches);
    for (int i = 0; i < c->n_matches; i++) {
        uint32_t score;
        memcpy(&score, &c->matches[i].score, sizeof score);
        tro_buf_u32(out, score);
        tro_buf_u32(out, (uint32_t)c->matches[i].label);
        tro_buf_u16(out, c->matches[i].is_true);
    }
}

void tro_eval_table_write(const struct tro_eval_table *t, uint64_t key, struct tro_buf *out)
{
    const int64_t n_cells = t->n_engines * t->n_frames;
    tro_buf_u64(out, MAGIC);
    tro_buf_u64(out, key);
    tro_buf_u32(out, (uint32_t)t->n_columns);
    tro_buf_u32(out, (uint32_t)t->n_classes);
    tro_buf_u32(out, (uint32_t)t->n_labels);
    tro_buf_u32(out, (uint32_t)t->n_engines);
    tro_buf_u64(out, (uint64_t)t->n_frames);
    for (int64_t i = 0; i < n_cells; i++) {
        if (!t->cells[i].is_there)
            continue;
        tro_buf_u64(out, (uint64_t)i);
        write_cell(t, &t->cells[i], out);
    }
}

static int read_matches(struct tro_eval_table *t, struct tro_eval_cell *c, struct tro_bytes *b,
                        struct tro_err *err)
{
    const uint32_t n = tro_bytes_u32(b);
    if (n > tro_bytes_left(b) / MATCH_BYTES)
        b->failed = true;
    if (b->failed)
        return 0;
    c->matches = TRO_NEW_N(&t->arena, struct tro_match, (size_t)n + 1);
    if (!c->matches)
        return tro_fail_nomem(err);
    c->n_matches = (int)n;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t score = tro_bytes_u32(b);
        memcpy(&c->matches[i].score, &score, sizeof score);
        c->matches[i].label = (int32_t)tro_bytes_u32(b);
        c->matches[i].is_true = tro_bytes_u16(b);
    }
    return 0;
}

static int read_cell(struct tro_eval_table *t, struct tro_bytes *b, struct tro_err *err)
{
    const uint64_t at = tro_bytes_u64(b);
    if (b->failed || at >= (uint64_t)(t->n_engines * t->n_frames))
        return tro_fail(err, TRO_E_INPUT, "expected the rows of an evaluation, found damaged ones");
    struct tro_eval_cell *const c = &t->cells[at];
    if (c->is_there)
        return tro_fail(
            err, TRO_E_INPUT, "expected each frame once, found frame %lld of engine %lld again",
            (long long)((int64_t)at % t->n_frames), (long long)((int64_t)at / t->n_frames));
    TRO_TRY(tro_eval_cell_make(t, c, err));
    c->latency_ns = (int64_t)tro_bytes_u64(b);
    for (int i = 0; i < t->n_columns; i++)
        c->values[i] = double_of(tro_bytes_u64(b));
    for (int i = 0; i < t->n_classes; i++) {
        c->areas[i].tp = (int64_t)tro_bytes_u64(b);
        c->areas[i].fp = (int64_t)tro_bytes_u64(b);
        c->areas[i].fn = (int64_t)tro_bytes_u64(b);
    }
    for (int i = 0; i < t->n_labels; i++)
        c->n_true_boxes[i] = (int32_t)tro_bytes_u32(b);
    TRO_TRY(read_matches(t, c, b, err));
    return b->failed ? tro_fail(err, TRO_E_INPUT, "expected more rows, the file ends too early")
                     : 0;
}

int tro_eval_table_join(struct tro_eval_table *t, uint64_t key, const void *bytes, size_t n,
                        struct tro_err *err)
{
    struct tro_bytes b = tro_bytes_of(bytes, n);
    if (tro_bytes_u64(&b) != MAGIC)
        return tro_fail(err, TRO_E_INPUT, "expected rows that 'trocar eval --rows' wrote");
    bool is_same = tro_bytes_u64(&b) == key;
    is_same &= tro_bytes_u32(&b) == (uint32_t)t->n_columns;
    is_same &= tro_bytes_u32(&b) == (uint32_t)t->n_classes;
    is_same &= tro_bytes_u32(&b) == (uint32_t)t->n_labels;
    is_same &= tro_bytes_u32(&b) == (uint32_t)t->n_engines;
    is_same &= tro_bytes_u64(&b) == (uint64_t)t->n_frames;
    if (b.failed || !is_same)
        return tro_fail(err, TRO_E_INPUT,
                        "expected rows of the same data set and engines, found others");
    while (tro_bytes_left(&b) > 0)
        TRO_TRY(read_cell(t, &b, err));
    return 0;
}
