/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions over any axes. Where the axis without gaps is reduced, a team of threads makes each
 * element (reduce_rows); where it is kept, a block some columns (reduce_cols). Few results of much
 * are made in parts that a second step puts together: how many depends on the sizes and the chip
 * alone, so that the bits do not change from run to run.
 */
#include "cuda/cuda.h"
#include "cuda/kernels/reduce_cols.h"
#include "cuda/kernels/reduce_rows.h"
#include "cuda/rows.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 256, /* threads of reduce_cols, */
    GREAT_BLOCK = 1024,
    MANY_LOADS = 16, /* where each would have so many loads */
    PART_LOADS = 32, /* loads of a thread from which on parts are made, */
    LEAST_LOADS = 8, /* and of a part at least */
    MOST_PARTS = 64,
};

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    enum tro_reduction kind;
    struct tro_arg x;
    uint32_t axes; /* reduced */
    int c;         /* the axis walked along */
    bool drops;
    int64_t n_each;
    struct tro_point *point;
};

static const char *kind_of(enum tro_reduction kind)
{
    static const char *const kinds[] = {[tro_reduction_sum] = "'s'",
                                        [tro_reduction_mean] = "'s'",
                                        [tro_reduction_max] = "'x'",
                                        [tro_reduction_min] = "'n'",
                                        [tro_reduction_prod] = "'p'"};
    return kinds[kind];
}

static uint32_t all_axes(const struct plan *q)
{
    return (1U << q->x.rank) - 1;
}

/* ---- the result ---------------------------------------------------------------------------- */

/* The result's axes in walking order: those of size 1 that stand for reduced ones, then kept ones
 * in their order, `last` at the end (-1: none). */
static int result_axes(const struct plan *q, int last, int axes[TRO_MAX_RANK])
{
    int n = 0, at_last = -1;
    for (int i = 0; !q->drops && i < q->x.rank; i++)
        if (q->axes >> i & 1)
            axes[n++] = i;
    for (int i = 0, at = 0; i < q->x.rank; i++) {
        const bool is_reduced = q->axes >> i & 1;
        const int axis = q->drops ? at : i;
        at += !is_reduced;
        if (i == last)
            at_last = axis;
        else if (!is_reduced)
            axes[n++] = axis;
    }
    if (at_last >= 0)
        axes[n++] = at_last;
    return n;
}

static int compile_point(struct plan *q, int last)
{
    int axes[TRO_MAX_RANK];
    const int n_axes = result_axes(q, last, axes);
    return tro_point_compile(q->l, q->n, TRO_F32, axes, n_axes, TRO_FORM_GUESS, &q->point);
}

/* The result's place with the axes of x: those reduced have stride 0. */
static struct tro_arg spread(const struct plan *q, const struct tro_arg *y)
{
    struct tro_arg a = *y;
    a.rank = q->x.rank;
    for (int i = 0, from = 0; i < q->x.rank; i++) {
        const bool is_reduced = q->axes >> i & 1;
        a.shape[i] = is_reduced ? 1 : q->x.shape[i];
        a.stride[i] = is_reduced ? 0 : y->stride[from];
        from += !is_reduced || !q->drops;
    }
    return a;
}

static struct tro_cuda_source source_of(const char *name, const char *defines, const void *params,
                                        size_t params_size)
{
    return (struct tro_cuda_source){
        .name = name, .defines = defines, .params = params, .params_size = params_size};
}

/* ---- columns ------------------------------------------------------------------------------ */

/* As many vectors side by side as leave no thread without a row, at least 2: a sector. */
static int count_cols(int64_t n_vectors, int64_t n_rows)
{
    int cols = 1;
    while (cols < 32 && cols < n_vectors && (cols < 2 || BLOCK / cols > n_rows))
        cols *= 2;
    return cols;
}

static int64_t count_parts(const struct plan *q, int64_t n_loads, int64_t n_blocks)
{
    const int64_t wanted = 2 * (int64_t)tro_lower_n_sms(q->l) / n_blocks;
    int64_t n = n_loads / LEAST_LOADS;
    if (n_loads < PART_LOADS || wanted < 2)
        return 1;
    n = n < wanted ? n : wanted;
    return n < MOST_PARTS ? n : MOST_PARTS;
}

struct cols {
    struct tro_reduce_cols_params params;
    enum tro_dtype dtype; /* of x */
    int vector, n_cols, block;
    int64_t n_parts;
    bool is_line, is_mean;
};

static struct tro_step *emit_cols_step(struct plan *q, const struct cols *k, char store)
{
    struct tro_cuda_launch *launch;
    char label[48];
    const char *const defines = tro_cuda_defines(
        q->l,
        "#define BLOCK %d\n#define COLS %d\n#define VECTOR %d\n#define IN_T %s\n#define KIND %s\n"
        "#define IS_MEAN %d\n#define IS_LINE %d\n#define STORE '%c'\n",
        k->block, k->n_cols, k->vector, tro_cuda_type(k->dtype), kind_of(q->kind), k->is_mean,
        k->is_line, store);
    if (!defines)
        return NULL;
    struct tro_cuda_source source = source_of("reduce_cols", defines, &k->params, sizeof k->params);
    source.point = store == 'p' ? q->point : NULL;
    snprintf(label, sizeof label, "reduce_cols %s x%d", tro_dtype_name(k->dtype), k->vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, store == 't', &launch);
    if (!s)
        return NULL;
    const uint32_t per_block = (uint32_t)(k->n_cols * k->vector);
    launch->block[0] = (uint32_t)k->block;
    launch->grid[0] = (k->params.n_cols + per_block - 1) / per_block;
    launch->grid[1] = k->params.n_items;
    launch->grid[2] = (uint32_t)k->n_parts;
    s->n_flops += (double)k->params.n_items * k->params.n_rows * k->params.n_cols;
    return s;
}

static bool set_cols(const struct plan *q, struct cols *k)
{
    int axes[TRO_MAX_RANK];
    const struct tro_arg *const x = &q->x;
    int n = tro_cuda_axes(x, all_axes(q) & ~q->axes & ~(1U << q->c), false, axes);
    if (!tro_cuda_path(&k->params.kept, x, axes, n))
        return false;
    n = tro_cuda_axes(x, q->axes, true, axes);
    if (!tro_cuda_path(&k->params.rows, x, axes, n))
        return false;
    k->dtype = x->dtype;
    k->vector = tro_cuda_vector(x, q->c);
    k->params.n_each = (float)q->n_each;
    k->params.n_rows = (uint32_t)q->n_each;
    k->params.n_cols = (uint32_t)x->shape[q->c];
    k->params.n_items = (uint32_t)(tro_arg_n_elems(x) / q->n_each / x->shape[q->c]);
    k->n_cols = count_cols(k->params.n_cols / k->vector, q->n_each);
    k->is_line = k->params.rows.rank <= 1;
    k->is_mean = q->kind == tro_reduction_mean;
    k->block = q->n_each * k->n_cols >= MANY_LOADS * BLOCK ? GREAT_BLOCK : BLOCK;
    const int64_t n_lanes = k->block / k->n_cols;
    const int64_t per_block = k->n_cols * k->vector;
    k->n_parts = count_parts(q, (q->n_each + n_lanes - 1) / n_lanes,
                             (k->params.n_cols + per_block - 1) / per_block * k->params.n_items);
    k->params.n_part_rows = (uint32_t)((q->n_each + k->n_parts - 1) / k->n_parts);
    return k->params.n_items < 65536;
}

/* The second step: parts are the rows, [parts, items, columns] in f32. */
static void set_join(const struct cols *k, struct cols *join)
{
    const int64_t n_cols = k->params.n_cols, n_items = k->params.n_items;
    *join = *k;
    join->dtype = TRO_F32;
    join->vector = n_cols % 4 == 0 ? 4 : 1;
    join->n_cols = count_cols(n_cols / join->vector, k->n_parts);
    join->block = BLOCK;
    join->n_parts = 1;
    join->is_line = true;
    join->params.n_rows = join->params.n_part_rows = (uint32_t)k->n_parts;
    join->params.kept = (struct tro_path){
        .rank = 1, .size = {tro_div_make(n_items)}, .stride = {(int32_t)n_cols}};
    join->params.rows = (struct tro_path){
        .rank = 1, .size = {tro_div_make(k->n_parts)}, .stride = {(int32_t)(n_items * n_cols)}};
}

static int emit_cols(struct plan *q)
{
    struct cols k = {0}, join;
    struct tro_arg partial;
    if (!set_cols(q, &k))
        return 0;
    const int rc = compile_point(q, q->c);
    if (rc <= 0)
        return rc;
    if (k.n_parts == 1) {
        struct tro_step *const s = emit_cols_step(q, &k, 'p');
        if (!s)
            return tro_lower_err(q->l)->status;
        s->in[0] = q->x;
        return 1;
    }
    set_join(&k, &join);
    const int64_t n_partial = k.n_parts * k.params.n_items * k.params.n_cols;
    TRO_TRY(tro_lower_temp(q->l, (size_t)n_partial * sizeof(float), &partial));
    struct tro_step *const first = emit_cols_step(q, &k, 't');
    if (!first)
        return tro_lower_err(q->l)->status;
    first->in[0] = q->x;
    first->out[0] = partial;
    struct tro_step *const second = emit_cols_step(q, &join, 'p');
    if (!second)
        return tro_lower_err(q->l)->status;
    second->in[0] = partial;
    return 1;
}

/* ---- rows --------------------------------------------------------------------------------- */

struct rows {
    struct tro_reduce_rows_params params;
    enum tro_dtype dtype; /* of x */
    int vector, team;
    bool is_mean;
};

static struct tro_step *emit_rows_step(struct plan *q, const struct rows *k, char store,
                                       enum tro_dtype to)
{
    struct tro_cuda_launch *launch;
    char label[48];
    const bool is_float = tro_cuda_is_float(k->dtype);
    const char *const defines = tro_cuda_defines(
        q->l,
        "#define TEAM %d\n#define VECTOR %d\n#define IN_T %s\n#define OUT_T %s\n"
        "#define IS_FLOAT %d\n#define KIND %s\n#define IS_MEAN %d\n#define IS_LINE %d\n"
        "#define STORE '%c'\n",
        k->team, k->vector, tro_cuda_type(k->dtype), tro_cuda_type(to), is_float, kind_of(q->kind),
        k->is_mean, k->params.runs.rank == 0, store);
    if (!defines)
        return NULL;
    struct tro_cuda_source source = source_of("reduce_rows", defines, &k->params, sizeof k->params);
    source.point = store == 'p' ? q->point : NULL;
    snprintf(label, sizeof label, "reduce_rows %s %dx%d", tro_dtype_name(k->dtype), k->team,
             k->vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, store != 'p', &launch);
    if (!s)
        return NULL;
    launch->block[0] = tro_cuda_team_threads(k->team);
    launch->grid[0] = tro_cuda_team_blocks(k->team, k->params.n_items);
    launch->grid[1] = store == 't' ? k->params.n_parts : 1;
    s->n_flops += (double)k->params.n_items * k->params.n_all * k->vector;
    return s;
}

/* Whether all runs and the elements of each are one line. */
static void merge_runs(struct plan *q, const int *axes, int *n, int64_t *size)
{
    *size = q->x.shape[q->c];
    while (*n > 0) {
        const int i = axes[*n - 1];
        if (q->x.shape[i] != 1 && q->x.stride[i] != q->x.stride[q->c] * *size)
            return;
        *size *= q->x.shape[i];
        --*n;
    }
}

static bool set_rows(struct plan *q, struct rows *k)
{
    int axes[TRO_MAX_RANK];
    int64_t size;
    const struct tro_arg *const x = &q->x;
    int n = tro_cuda_axes(x, all_axes(q) & ~q->axes, false, axes);
    const int64_t n_items = tro_arg_n_elems(x) / q->n_each;
    if (!tro_cuda_path(&k->params.kept, x, axes, n))
        return false;
    k->params.n_result_cols = tro_div_make(n ? x->shape[axes[n - 1]] : 1);
    n = tro_cuda_axes(x, q->axes & ~(1U << q->c), true, axes);
    merge_runs(q, axes, &n, &size);
    if (!tro_cuda_path(&k->params.runs, x, axes, n))
        return false;
    k->dtype = x->dtype;
    k->vector = tro_cuda_vector(x, q->c);
    k->params.step = x->shape[q->c] == 1 ? 1 : (int32_t)x->stride[q->c];
    k->params.n_vectors = tro_div_make(size / k->vector);
    k->params.n_items = (uint32_t)n_items;
    k->params.n_all = (uint32_t)(q->n_each / k->vector);
    k->params.n_each = q->n_each;
    k->is_mean = q->kind == tro_reduction_mean;
    k->team = tro_cuda_team(k->params.n_all);
    k->params.n_parts = (uint32_t)count_parts(q, (k->params.n_all + k->team - 1) / k->team,
                                              (int64_t)tro_cuda_team_blocks(k->team, n_items));
    return true;
}

/* The second step: one line of parts for each item. */
static void set_join_rows(const struct plan *q, const struct rows *k, struct rows *join)
{
    const int64_t n = k->params.n_parts;
    *join = *k;
    join->dtype = tro_cuda_is_float(q->x.dtype) ? TRO_F32 : TRO_I64;
    join->vector = 1;
    join->team = 32;
    join->params.step = 1;
    join->params.n_parts = 1;
    join->params.n_all = k->params.n_parts;
    join->params.n_vectors = tro_div_make(n);
    join->params.runs = (struct tro_path){0};
    join->params.kept = (struct tro_path){
        .rank = 1, .size = {tro_div_make(k->params.n_items)}, .stride = {(int32_t)n}};
}

static int emit_parts(struct plan *q, struct rows *k, struct tro_arg *from)
{
    struct rows join;
    struct tro_arg partial;
    const int64_t n_partial = (int64_t)k->params.n_parts * k->params.n_items;
    set_join_rows(q, k, &join);
    TRO_TRY(tro_lower_temp(q->l, (size_t)n_partial * tro_dtype_size(join.dtype), &partial));
    struct tro_step *const s = emit_rows_step(q, k, 't', TRO_F32);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->x;
    s->out[0] = partial;
    *k = join;
    *from = partial;
    return 0;
}

static int emit_rows(struct plan *q)
{
    const bool is_float = tro_cuda_is_float(q->x.dtype);
    struct rows k = {0};
    struct tro_arg from = q->x, y = q->x;
    int axes[TRO_MAX_RANK];
    if (!set_rows(q, &k))
        return 0;
    if (is_float) {
        const int rc = compile_point(q, -1);
        if (rc <= 0)
            return rc;
    } else {
        TRO_TRY(tro_lower_out(q->l, q->n, 0, TRO_FORM_GUESS, false, &y));
        const struct tro_arg to = spread(q, &y);
        const int n = tro_cuda_axes(&to, all_axes(q) & ~q->axes, false, axes);
        if (!tro_cuda_path(&k.params.to, &to, axes, n))
            return 0;
    }
    if (k.params.n_parts > 1)
        TRO_TRY(emit_parts(q, &k, &from));
    const enum tro_dtype to = is_float ? q->x.dtype : y.dtype;
    struct tro_step *const s = emit_rows_step(q, &k, is_float ? 'p' : 'd', to);
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = from;
    if (!is_float)
        s->out[0] = y;
    return 1;
}

/* ---- lowering ----------------------------------------------------------------------------- */

/* The axis to walk along: for integers always a reduced one. */
static int choose_axis(const struct plan *q)
{
    int axes[TRO_MAX_RANK];
    const int c = tro_cuda_inner_axis(&q->x);
    const int n = tro_cuda_axes(&q->x, q->axes, true, axes);
    return tro_cuda_is_float(q->x.dtype) || (q->axes >> c & 1) ? c : axes[n - 1];
}

static bool read_axes(struct plan *q, int rank)
{
    const struct tro_attrs_reduce *const a = q->n->attrs;
    const struct tro_node *const node = q->n->node;
    struct tro_ints axes = {0};
    if (node->n_in > 1 && node->in[1].i && !tro_lower_ints(q->l, node->in[1], &axes))
        return false;
    for (int i = 0; i < axes.n; i++)
        q->axes |= 1U << (axes.v[i] < 0 ? axes.v[i] + rank : axes.v[i]);
    if (axes.n == 0 && !a->noop_if_empty)
        q->axes = (1U << rank) - 1;
    return q->axes != 0;
}

static bool takes_type(const struct tro_lower_node *n, enum tro_dtype dtype)
{
    return tro_cuda_is_float(dtype) || (tro_cuda_type(dtype) && n->n_epilogue == 0);
}

int tro_cuda_emit_reduce(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_reduce *const a = n->attrs;
    struct plan q = {.l = l, .n = n, .kind = a->kind, .drops = a->drop_dims != 0, .n_each = 1};
    struct tro_tensor t;
    if (!tro_lower_type(l, n->node->in[0], &t) || t.rank == 0 || tro_tensor_n_elems(&t) == 0 ||
        tro_tensor_n_elems(&t) >= INT32_MAX || !takes_type(n, t.dtype) || !read_axes(&q, t.rank))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x));
    q.c = choose_axis(&q);
    for (int i = 0; i < t.rank; i++)
        q.n_each *= q.axes >> i & 1 ? t.shape[i] : 1;
    return q.axes >> q.c & 1 ? emit_rows(&q) : emit_cols(&q);
}
