/* SPDX-License-Identifier: Apache-2.0 */
/* Running pointwise programs: a tile is cut into blocks, on each of which all instructions run. */
#include "cpu/tile_program.h"

#include <string.h>

/* ---- questions --------------------------------------------------------------------------------
 * */

void tro_tile_spread_rows(struct tro_tile *t, int64_t every)
{
    t->row_every = every;
}

enum tro_tile_kind tro_tile_kind(const struct tro_tile *t)
{
    return t->kind;
}

void tro_tile_clamp(const struct tro_tile *t, float *lo, float *hi)
{
    *lo = t->lo;
    *hi = t->hi;
}

const struct tro_arg *tro_tile_out(const struct tro_tile *t)
{
    return &t->out[0];
}

const struct tro_arg *tro_tile_other(const struct tro_tile *t)
{
    return t->other >= 0 ? &t->in[t->other] : NULL;
}

int tro_tile_n_in(const struct tro_tile *t)
{
    return t->n_in;
}

int tro_tile_n_out(const struct tro_tile *t)
{
    return t->n_out;
}

void tro_tile_list(const struct tro_tile *t, struct tro_arg *in, struct tro_arg *out)
{
    if (t->n_in)
        memcpy(in, t->in, (size_t)t->n_in * sizeof(*in));
    memcpy(out, t->out, (size_t)t->n_out * sizeof(*out));
}

int tro_tile_inplace(const struct tro_tile *t)
{
    return t->inplace;
}

double tro_tile_flops(const struct tro_tile *t)
{
    return t->flops;
}

/* ---- blocks -----------------------------------------------------------------------------------
 * */

/* A place on the current block. */
struct view {
    char *origin; /* of the tile: element (0, 0); slots and constants: the block's own */
    int64_t row_step, col_step;
    char *at;
    int64_t pitch, step;
    bool is_dense; /* rows follow each other without gaps, or all is one element */
};

static size_t round_up(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static size_t slot_bytes(const struct tro_tile *t)
{
    return round_up((size_t)t->block * (size_t)t->slot_elem);
}

size_t tro_tile_scratch(const struct tro_tile *t)
{
    return round_up(t->n_places * sizeof(struct view)) + (size_t)t->n_slots * slot_bytes(t);
}

static void set_memory(const struct tro_tile *t, const struct tro_tile_place *p, char *base,
                       const int64_t *index, struct view *v)
{
    const int64_t size = (int64_t)tro_dtype_size(p->dtype);
    for (int i = 0; i < t->rank; i++)
        base += index[i] * p->stride[i];
    v->origin = base;
    v->row_step = t->row_axis < 0 ? 0 : p->stride[t->row_axis] * (t->row_every ? t->row_every : 1);
    v->col_step = t->shape[t->col_axis] == 1 ? size : p->stride[t->col_axis];
}

static void set_views(const struct tro_tile *t, const struct tro_step_run *r, const int64_t *index,
                      const void *acc, int64_t acc_pitch, char *slots, struct view *views)
{
    for (size_t i = 0; i < t->n_places; i++) {
        const struct tro_tile_place *const p = &t->places[i];
        const int64_t size = (int64_t)tro_dtype_size(p->dtype);
        struct view *const v = &views[i];
        switch (p->kind) {
        case TRO_PLACE_IN:
            set_memory(t, p, tro_arg_ptr(r, &t->in[p->index]), index, v);
            break;
        case TRO_PLACE_OUT:
            set_memory(t, p, tro_arg_ptr(r, &t->out[p->index]), index, v);
            break;
        case TRO_PLACE_ACC:
            *v = (struct view){
                .origin = (char *)(uintptr_t)acc, .row_step = acc_pitch * size, .col_step = size};
            break;
        case TRO_PLACE_CONST:
            *v = (struct view){.origin = (char *)(uintptr_t)p->value.bytes};
            break;
        case TRO_PLACE_VALUE:
            *v = (struct view){.origin = slots + (size_t)p->index * slot_bytes(t)};
            break;
        }
    }
}

/* Blocks of n_cols columns from now on: values lie in their slots without gaps between rows. */
static void set_width(const struct tro_tile *t, struct view *views, int64_t n_cols)
{
    for (size_t i = 0; i < t->n_places; i++) {
        const int64_t size = (int64_t)tro_dtype_size(t->places[i].dtype);
        const bool is_value = t->places[i].kind == TRO_PLACE_VALUE;
        struct view *const v = &views[i];
        v->at = v->origin;
        v->step = is_value ? size : v->col_step;
        v->pitch = is_value ? n_cols * size : v->row_step;
        v->is_dense = v->step ? v->step == size && v->pitch == n_cols * size : v->pitch == 0;
    }
}

static void move_views(const struct tro_tile *t, struct view *views, int64_t row, int64_t col)
{
    for (int i = 0; i < t->n_moving; i++) {
        struct view *const v = &views[t->moving[i]];
        v->at = v->origin + row * v->row_step + col * v->col_step;
    }
}

static void run_block(const struct tro_tile *t, const struct view *views, int64_t n_rows,
                      int64_t n_cols)
{
    for (size_t i = 0; i < t->n_instrs; i++) {
        const struct tro_tile_instr *const in = &t->instrs[i];
        const struct view *const d = &views[in->dst];
        struct tro_tile_call c;
        bool is_dense = d->is_dense;
        c.dst = d->at;
        c.dst_pitch = d->pitch;
        c.dst_step = d->step;
        for (int k = 0; k < in->n_src; k++) {
            const struct view *const s = &views[in->src[k]];
            c.src[k] = s->at;
            c.pitch[k] = s->pitch;
            c.step[k] = s->step;
            is_dense &= s->is_dense;
        }
        c.n_rows = is_dense ? 1 : n_rows;
        c.n_cols = is_dense ? n_rows * n_cols : n_cols;
        c.imm = in->imm;
        in->fn(&c);
    }
}

void tro_tile_run(const struct tro_tile *t, const struct tro_step_run *r, const int64_t *index,
                  int64_t n_rows, int64_t n_cols, const void *acc, int64_t acc_pitch, void *scratch)
{
    struct view *const views = scratch;
    char *const slots = (char *)scratch + round_up(t->n_places * sizeof(struct view));
    if (n_rows <= 0 || n_cols <= 0)
        return;
    set_views(t, r, index, acc, acc_pitch, slots, views);
    const int64_t most_cols = n_cols < t->block ? n_cols : t->block;
    const int64_t most_rows = t->block / most_cols;
    for (int64_t col = 0; col < n_cols; col += most_cols) {
        const int64_t cols = n_cols - col < most_cols ? n_cols - col : most_cols;
        if (col == 0 || cols < most_cols)
            set_width(t, views, cols);
        for (int64_t row = 0; row < n_rows; row += most_rows) {
            move_views(t, views, row, col);
            run_block(t, views, n_rows - row < most_rows ? n_rows - row : most_rows, cols);
        }
    }
}
