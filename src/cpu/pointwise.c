/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise nodes alone and regions of them: one program over the whole result. */
#include "cpu/cpu.h"
#include "cpu/tile_program.h"

#include <string.h>

#define ITEM_ELEMS 16384 /* most of what a call of the program does */
#define LEAST_ELEMS 2048 /* below, threads cost more than they bring */

/* The space is cut into items: row_step rows by col_step columns at one index of the outer axes. */
struct params {
    const struct tro_tile *tile;
    int64_t row_step, col_step, n_rows, n_cols, n_items;
    int64_t n_row_steps, n_col_steps;
};

/* ---- axes --------------------------------------------------------------------------------------
 * */

static void swap_axes(struct tro_tile *t, int a, int b)
{
    const int64_t size = t->shape[a];
    t->shape[a] = t->shape[b];
    t->shape[b] = size;
    for (size_t i = 0; i < t->n_places; i++) {
        int64_t *const stride = t->places[i].stride;
        const int64_t s = stride[a];
        stride[a] = stride[b];
        stride[b] = s;
    }
}

static const int64_t *out_strides(const struct tro_tile *t)
{
    for (size_t i = 0; i < t->n_places; i++)
        if (t->places[i].kind == TRO_PLACE_OUT)
            return t->places[i].stride;
    return NULL;
}

static void drop_axis(struct tro_tile *t, int axis)
{
    for (int i = axis; i + 1 < t->rank; i++)
        swap_axes(t, i, i + 1);
    t->rank--;
}

/* Axes of size 1 go, the others stand as they lie in the first output. */
static void sort_axes(struct tro_tile *t)
{
    const int64_t *const stride = out_strides(t);
    for (int i = t->rank - 1; i >= 0; i--)
        if (t->shape[i] == 1)
            drop_axis(t, i);
    for (int i = 1; i < t->rank; i++)
        for (int k = i; k > 0 && stride[k - 1] < stride[k]; k--)
            swap_axes(t, k - 1, k);
}

static bool can_merge(const struct tro_tile *t, int outer, int inner)
{
    for (size_t i = 0; i < t->n_places; i++)
        if (t->places[i].stride[outer] != t->places[i].stride[inner] * t->shape[inner])
            return false;
    return true;
}

static void merge_axes(struct tro_tile *t)
{
    for (int i = t->rank - 2; i >= 0; i--) {
        if (!can_merge(t, i, i + 1))
            continue;
        t->shape[i + 1] *= t->shape[i];
        drop_axis(t, i);
    }
    if (t->rank == 0) {
        t->rank = 1;
        t->shape[0] = 1;
        for (size_t i = 0; i < t->n_places; i++)
            t->places[i].stride[0] = 0;
    }
}

/* ---- the step
 * ------------------------------------------------------------------------------------ */

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct params *const p = s->params;
    const struct tro_tile *const t = p->tile;
    int64_t begin, end, index[TRO_MAX_RANK];
    tro_part_range(p->n_items, r->part, r->n_parts, &begin, &end);
    for (int64_t item = begin; item < end; item++) {
        const int64_t col = item % p->n_col_steps * p->col_step;
        int64_t rest = item / p->n_col_steps;
        const int64_t row = rest % p->n_row_steps * p->row_step;
        rest /= p->n_row_steps;
        for (int i = t->rank - 1; i >= 0; i--) {
            if (i == t->row_axis || i == t->col_axis)
                continue;
            index[i] = rest % t->shape[i];
            rest /= t->shape[i];
        }
        if (t->row_axis >= 0)
            index[t->row_axis] = row;
        index[t->col_axis] = col;
        tro_tile_run(t, r, index, p->n_rows - row < p->row_step ? p->n_rows - row : p->row_step,
                     p->n_cols - col < p->col_step ? p->n_cols - col : p->col_step, NULL, 0,
                     r->scratch);
    }
    return 0;
}

static void cut(struct params *p, int64_t n_elems, int n_threads)
{
    int64_t most = n_elems / (4 * (int64_t)n_threads);
    most = most < LEAST_ELEMS ? LEAST_ELEMS : most > ITEM_ELEMS ? ITEM_ELEMS : most;
    p->col_step = p->n_cols < most ? p->n_cols : most;
    p->row_step = p->col_step ? most / p->col_step : 1;
    p->row_step = p->n_rows < p->row_step ? p->n_rows : p->row_step;
    p->n_col_steps = p->col_step ? (p->n_cols + p->col_step - 1) / p->col_step : 0;
    p->n_row_steps = p->row_step ? (p->n_rows + p->row_step - 1) / p->row_step : 0;
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct tro_tile *t)
{
    const int n_threads = tro_lower_n_threads(l);
    struct params *p;
    int64_t n_elems = 1;
    struct tro_step *const s = tro_lower_step(l, n, "pointwise", run, t->n_in, t->n_out, sizeof(*p),
                                              &p);
    if (!s)
        return tro_lower_err(l)->status;
    for (int i = 0; i < t->rank; i++)
        n_elems *= t->shape[i];
    p->tile = t;
    p->n_rows = t->row_axis < 0 ? 1 : t->shape[t->row_axis];
    p->n_cols = t->shape[t->col_axis];
    cut(p, n_elems, n_threads);
    p->n_items = n_elems ? n_elems / p->n_rows / p->n_cols * p->n_row_steps * p->n_col_steps : 0;
    tro_tile_list(t, s->in, s->out);
    s->n_parts = p->n_items < n_threads ? (p->n_items ? (int)p->n_items : 1) : n_threads;
    s->scratch_bytes = tro_tile_scratch(t);
    s->inplace = tro_tile_inplace(t);
    s->n_flops = tro_tile_flops(t) * (double)n_elems;
    return 1;
}

int tro_cpu_emit_pointwise(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_tile *t;
    const int rc = tro_tile_begin_region(l, n, &t);
    if (rc <= 0)
        return rc;
    sort_axes(t);
    merge_axes(t);
    t->col_axis = t->rank - 1;
    t->row_axis = t->rank - 2;
    const int done = tro_tile_finish(t, tro_lower_cpu(l), tro_lower_err(l));
    return done <= 0 ? done : add_step(l, n, t);
}
