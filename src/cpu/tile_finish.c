/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and kernels of a pointwise program, once its axes are chosen. */
#include "cpu/tile_program.h"

#include <string.h>

#include "base/cpu.h"
#include "base/err.h"

#define SLOT_BYTES 12288 /* of all slots: they stay in the first-level cache beside the operands */
#define MOST_ELEMS 2048
#define LEAST_ELEMS 256

/* ---- loads and stores ------------------------------------------------------------------------ */

static int64_t size_of(const struct tro_tile_place *p)
{
    return (int64_t)tro_dtype_size(p->dtype);
}

/* From column to column, in bytes; with one column any will do, and the element's size is what
 * kernels like. */
static int64_t col_step(const struct tro_tile *t, const struct tro_tile_place *p)
{
    if (p->kind == TRO_PLACE_CONST)
        return 0;
    if (p->kind != TRO_PLACE_IN && p->kind != TRO_PLACE_OUT)
        return size_of(p);
    return t->shape[t->col_axis] == 1 ? size_of(p) : p->stride[t->col_axis];
}

static enum tro_tile_code move_code(int64_t size, bool is_store)
{
    if (size == 1)
        return is_store ? TRO_TILE_STORE_1 : TRO_TILE_LOAD_1;
    if (size == 2)
        return is_store ? TRO_TILE_STORE_2 : TRO_TILE_LOAD_2;
    if (size == 4)
        return is_store ? TRO_TILE_STORE_4 : TRO_TILE_LOAD_4;
    return is_store ? TRO_TILE_STORE_8 : TRO_TILE_LOAD_8;
}

static int add_move(struct tro_tile *t, int from, int to, bool is_store)
{
    const struct tro_tile_instr i = {.code = move_code(size_of(&t->places[from]), is_store),
                                     .n_src = 1,
                                     .dst = to,
                                     .src = {from, to, to}};
    return tro_tile_add_instr(t, &i);
}

/* The place that an instruction can read instead of p; loaded[p] is the copy that is there. */
static int dense_copy(struct tro_tile *t, int p, int *loaded)
{
    if (loaded[p] >= 0)
        return loaded[p];
    const struct tro_tile_place copy = {.kind = TRO_PLACE_VALUE, .dtype = t->places[p].dtype};
    const int place = tro_tile_add_place(t, &copy);
    TRO_TRY(place);
    TRO_TRY(add_move(t, p, place, false));
    loaded[p] = place;
    return place;
}

/* Operands of i that its kernel cannot read where they lie are loaded first. */
static int add_loads(struct tro_tile *t, struct tro_tile_instr *i, int *loaded)
{
    int may_splat = tro_tile_splat(i->code);
    for (int k = i->n_src - 1; k >= 0; k--) {
        const struct tro_tile_place *const p = &t->places[i->src[k]];
        const int64_t step = col_step(t, p);
        if (step == size_of(p))
            continue;
        if (step == 0 && (may_splat >> k & 1)) {
            may_splat &= i->n_src == 2 ? 0 : ~0;
            continue;
        }
        const int copy = dense_copy(t, i->src[k], loaded);
        TRO_TRY(copy);
        i->src[k] = copy;
    }
    return 0;
}

/* Instructions with loads in between, and moves to the outputs at the end. */
static int place_operands(struct tro_tile *t)
{
    const size_t n_instrs = t->n_instrs, n_places = t->n_places;
    struct tro_tile_instr *const instrs = t->instrs;
    int *const loaded = TRO_NEW_N(t->arena, int, n_places);
    if (!loaded)
        return TRO_E_NOMEM;
    for (size_t i = 0; i < n_places; i++)
        loaded[i] = -1;
    t->instrs = NULL;
    t->n_instrs = t->cap_instrs = 0;
    for (size_t i = 0; i < n_instrs; i++) {
        struct tro_tile_instr copy = instrs[i];
        TRO_TRY(add_loads(t, &copy, loaded));
        TRO_TRY(tro_tile_add_instr(t, &copy));
    }
    return 0;
}

static int find_def(const struct tro_tile *t, int place)
{
    for (size_t i = 0; i < t->n_instrs; i++)
        if (t->instrs[i].dst == place)
            return (int)i;
    return -1;
}

static void rename_place(struct tro_tile *t, int from, int to)
{
    for (size_t i = 0; i < t->n_instrs; i++) {
        struct tro_tile_instr *const in = &t->instrs[i];
        in->dst = in->dst == from ? to : in->dst;
        for (int k = 0; k < 3; k++)
            in->src[k] = in->src[k] == from ? to : in->src[k];
    }
    for (int i = 0; i < t->n_out; i++)
        t->result[i] = t->result[i] == from ? to : t->result[i];
}

/* An output whose columns are neighbours is computed where it lies; others are stored there. */
static int place_results(struct tro_tile *t)
{
    for (int p = 0; p < (int)t->n_places; p++) {
        if (t->places[p].kind != TRO_PLACE_OUT)
            continue;
        const int value = t->result[t->places[p].index];
        const bool is_dense = col_step(t, &t->places[p]) == size_of(&t->places[p]);
        if (is_dense && t->places[value].kind == TRO_PLACE_VALUE)
            rename_place(t, value, p);
        else
            TRO_TRY(add_move(t, value, p, !is_dense));
    }
    return 0;
}

/* ---- slots ------------------------------------------------------------------------------------
 * */

static int last_use(const struct tro_tile *t, int place)
{
    int last = find_def(t, place);
    for (size_t i = 0; i < t->n_instrs; i++)
        for (int k = 0; k < t->instrs[i].n_src; k++)
            if (t->instrs[i].src[k] == place)
                last = (int)i;
    return last;
}

/* A value may take the slot of an operand that ends with its instruction, if the elements are of
 * one size. */
static int place_slots(struct tro_tile *t)
{
    int *const free_after = TRO_NEW_N(t->arena, int, t->n_places + 1);
    int *const elem = TRO_NEW_N(t->arena, int, t->n_places + 1);
    if (!free_after || !elem)
        return TRO_E_NOMEM;
    t->slot_elem = 1;
    for (size_t i = 0; i < t->n_instrs; i++) {
        struct tro_tile_place *const p = &t->places[t->instrs[i].dst];
        const int size = (int)size_of(p);
        int slot = 0;
        if (p->kind != TRO_PLACE_VALUE)
            continue;
        while (slot < t->n_slots &&
               !(free_after[slot] < (int)i || (free_after[slot] == (int)i && elem[slot] == size)))
            slot++;
        t->n_slots += slot == t->n_slots;
        free_after[slot] = last_use(t, t->instrs[i].dst);
        elem[slot] = size;
        p->index = slot;
        t->slot_elem = size > t->slot_elem ? size : t->slot_elem;
    }
    t->block = MOST_ELEMS;
    while (t->block > LEAST_ELEMS && t->block * t->slot_elem * t->n_slots > SLOT_BYTES)
        t->block /= 2;
    return 0;
}

/* ---- the rest ---------------------------------------------------------------------------------
 * */

static tro_tile_fn *kernel(enum tro_tile_code code, uint32_t flags)
{
    tro_tile_fn *fn = NULL;
    (void)flags;
#if defined(__x86_64__)
    if (flags & TRO_CPU_AVX512)
        fn = tro_tile_float_fns__avx512[code];
    if (!fn && (flags & TRO_CPU_AVX2))
        fn = tro_tile_float_fns__avx2[code] ? tro_tile_float_fns__avx2[code]
                                            : tro_tile_int_fns__avx2[code];
#endif
    if (!fn)
        fn = tro_tile_float_fns[code] ? tro_tile_float_fns[code] : tro_tile_int_fns[code];
    return fn;
}

static bool has_same_memory(const struct tro_arg *a, const struct tro_arg *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i] || (a->shape[i] != 1 && a->stride[i] != b->stride[i]))
            return false;
    return true;
}

/* No other input lies in the same buffer. */
static bool is_only_view(const struct tro_tile *t, int index)
{
    for (int i = 0; i < t->n_in; i++)
        if (i != index && t->in[i].buffer == t->in[index].buffer)
            return false;
    return true;
}

/* Inputs that are read for the last time where the first output is written, or before. */
static int find_inplace(const struct tro_tile *t)
{
    int first_write = (int)t->n_instrs;
    for (size_t i = 0; i < t->n_instrs; i++) {
        const struct tro_tile_place *const d = &t->places[t->instrs[i].dst];
        if (d->kind == TRO_PLACE_OUT && d->index == 0 && first_write == (int)t->n_instrs)
            first_write = (int)i;
    }
    for (int p = 0; p < (int)t->n_places; p++) {
        const struct tro_tile_place *const in = &t->places[p];
        if (in->kind == TRO_PLACE_IN && has_same_memory(&t->in[in->index], &t->out[0]) &&
            last_use(t, p) <= first_write && is_only_view(t, in->index))
            return in->index;
    }
    return -1;
}

/* Operations for an element: functions count as their arithmetic. */
static double flops_of(enum tro_tile_code code)
{
    switch (code) {
    case TRO_TILE_LOAD_1:
    case TRO_TILE_LOAD_2:
    case TRO_TILE_LOAD_4:
    case TRO_TILE_LOAD_8:
    case TRO_TILE_STORE_1:
    case TRO_TILE_STORE_2:
    case TRO_TILE_STORE_4:
    case TRO_TILE_STORE_8:
        return 0;
    case TRO_TILE_F32_EXP:
    case TRO_TILE_F32_LOG:
    case TRO_TILE_F32_ERF:
    case TRO_TILE_F32_SIN:
    case TRO_TILE_F32_COS:
    case TRO_TILE_F32_TANH:
    case TRO_TILE_F32_SIGMOID:
    case TRO_TILE_F32_SOFTPLUS:
    case TRO_TILE_F32_SILU:
    case TRO_TILE_F32_GELU:
        return 20;
    default:
        return 1;
    }
}

int tro_tile_finish(struct tro_tile *t, uint32_t cpu_flags, struct tro_err *err)
{
    TRO_TRY(place_operands(t));
    TRO_TRY(place_results(t));
    TRO_TRY(place_slots(t));
    for (size_t i = 0; i < t->n_instrs; i++) {
        struct tro_tile_instr *const in = &t->instrs[i];
        in->fn = kernel(in->code, cpu_flags);
        if (!in->fn)
            return tro_fail(err, TRO_E_INTERNAL, "pointwise instruction %d has no kernel",
                            in->code);
        t->flops += flops_of(in->code);
    }
    t->inplace = find_inplace(t);
    t->moving = TRO_NEW_N(t->arena, int, t->n_places);
    if (!t->moving)
        return TRO_E_NOMEM;
    for (int i = 0; i < (int)t->n_places; i++)
        if (t->places[i].kind != TRO_PLACE_VALUE && t->places[i].kind != TRO_PLACE_CONST)
            t->moving[t->n_moving++] = i;
    return 1;
}
