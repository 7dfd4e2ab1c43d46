/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization over any axes, with what follows: of lines where the axis without gaps is among
 * them, else of columns. */
#include "cuda/cuda.h"
#include "cuda/kernels/normalize_cols.h"
#include "cuda/kernels/normalize_rows.h"
#include "cuda/line.h"

#include "base/dtype.h"
#include "base/err.h"

#include <stdio.h>

enum { BLOCK = 512 }; /* threads for columns */

struct plan {
    struct tro_lowering *l;
    const struct tro_lower_node *n;
    struct tro_arg x;
    uint32_t set;
    int c; /* the axis walked along */
    int64_t n_each;
    float epsilon;
    bool is_rms;
};

static int finish(const struct plan *q, struct tro_step *s)
{
    if (!s)
        return tro_lower_err(q->l)->status;
    s->in[0] = q->x;
    s->n_flops += 6 * (double)tro_arg_n_elems(&q->x);
    return 1;
}

static int emit_rows(const struct plan *q)
{
    struct tro_cuda_line k;
    struct tro_cuda_launch *launch;
    struct tro_point *point;
    char label[48];
    if (!tro_cuda_line_init(&k, &q->x, q->set, q->c))
        return 0;
    const int rc = tro_point_compile(q->l, q->n, TRO_F32, k.axes, k.n_axes, TRO_FORM_GUESS, &point);
    if (rc <= 0)
        return rc;
    const struct tro_normalize_rows_params params = {
        .line = k.line, .n = (float)q->n_each, .epsilon = q->epsilon};
    const struct tro_cuda_source source = {
        .name = "normalize_rows",
        .defines = tro_cuda_line_defines(q->l, &k, q->x.dtype,
                                         q->is_rms ? "#define IS_RMS 1\n" : "#define IS_RMS 0\n"),
        .point = point,
        .params = &params,
        .params_size = sizeof params};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "normalize_rows %s %dx%d", tro_dtype_name(q->x.dtype), k.team,
             k.vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, 0, &launch);
    if (s) {
        launch->block[0] = tro_cuda_team_threads(k.team);
        launch->grid[0] = tro_cuda_team_blocks(k.team, k.line.n_lines);
    }
    return finish(q, s);
}

/* Vectors of columns of a block: two, a sector, and more while threads would have no row. */
static int count_cols(int64_t n_vectors, int64_t n_rows)
{
    int cols = 1;
    while (cols < 32 && cols < n_vectors && (cols < 2 || BLOCK / cols > n_rows))
        cols *= 2;
    return cols;
}

static int emit_cols(const struct plan *q)
{
    struct tro_normalize_cols_params o = {.n = (float)q->n_each, .epsilon = q->epsilon};
    struct tro_cuda_launch *launch;
    struct tro_point *point;
    int axes[TRO_MAX_RANK];
    char label[48];
    const uint32_t all = (1U << q->x.rank) - 1;
    const int vector = tro_cuda_vector(&q->x, q->c);
    int n_axes = tro_cuda_axes(&q->x, all & ~q->set & ~(1U << q->c), false, axes);
    const int n_rows = tro_cuda_axes(&q->x, q->set, true, axes + n_axes);
    const int64_t n_items = tro_arg_n_elems(&q->x) / q->n_each / q->x.shape[q->c];
    if (!tro_cuda_path(&o.kept, &q->x, axes, n_axes) ||
        !tro_cuda_path(&o.rows, &q->x, axes + n_axes, n_rows) || n_items > 65535)
        return 0;
    n_axes += n_rows;
    axes[n_axes++] = q->c;
    const int rc = tro_point_compile(q->l, q->n, TRO_F32, axes, n_axes, TRO_FORM_GUESS, &point);
    if (rc <= 0)
        return rc;
    o.n_rows = (uint32_t)q->n_each;
    o.n_cols = (uint32_t)q->x.shape[q->c];
    const int cols = count_cols(o.n_cols / (uint32_t)vector, o.n_rows);
    const struct tro_cuda_source source = {
        .name = "normalize_cols",
        .defines = tro_cuda_defines(q->l,
                                    "#define BLOCK %d\n#define COLS %d\n#define VECTOR %d\n"
                                    "#define IN_T %s\n#define IS_RMS %d\n#define IS_LINE %d\n",
                                    BLOCK, cols, vector, tro_cuda_type(q->x.dtype), q->is_rms,
                                    o.rows.rank <= 1),
        .point = point,
        .params = &o,
        .params_size = sizeof o};
    if (!source.defines)
        return tro_lower_err(q->l)->status;
    snprintf(label, sizeof label, "normalize_cols %s x%d", tro_dtype_name(q->x.dtype), vector);
    struct tro_step *const s = tro_cuda_step(q->l, q->n, label, &source, 1, 0, &launch);
    if (s) {
        const uint32_t per_block = (uint32_t)(cols * vector);
        launch->block[0] = BLOCK;
        launch->grid[0] = (o.n_cols + per_block - 1) / per_block;
        launch->grid[1] = (uint32_t)n_items;
    }
    return finish(q, s);
}

int tro_cuda_emit_normalize(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_normalize *const a = n->attrs;
    struct plan q = {
        .l = l, .n = n, .n_each = 1, .epsilon = (float)a->epsilon, .is_rms = a->is_rms != 0};
    struct tro_tensor t;
    if (!tro_lower_type(l, n->node->in[0], &t) || !tro_cuda_is_float(t.dtype) || t.rank == 0 ||
        tro_tensor_n_elems(&t) == 0 || tro_tensor_n_elems(&t) >= INT32_MAX || a->axes.n == 0 ||
        n->node->n_out > 1)
        return 0;
    for (int i = 0; i < a->axes.n; i++)
        q.set |= 1U << (a->axes.v[i] < 0 ? a->axes.v[i] + t.rank : a->axes.v[i]);
    for (int i = 0; i < t.rank; i++)
        q.n_each *= q.set >> i & 1 ? t.shape[i] : 1;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &q.x));
    q.c = tro_cuda_inner_axis(&q.x);
    return q.set >> q.c & 1 ? emit_rows(&q) : emit_cols(&q);
}
