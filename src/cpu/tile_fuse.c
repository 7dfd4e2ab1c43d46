/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of instructions that one instruction does as well. Rules are tried on each instruction
 * in order, so that what they look at has been through them; a rule may only swallow values that
 * nothing else uses. Instructions whose value nobody needs any more are dropped at the end.
 */
#include "cpu/tile_program.h"

#include <math.h>

/* ---- looking around ---------------------------------------------------------------------------
 * */

static struct tro_tile_instr *def_of(const struct tro_tile *t, int place)
{
    if (t->places[place].kind != TRO_PLACE_VALUE)
        return NULL;
    for (size_t i = 0; i < t->n_instrs; i++)
        if (t->instrs[i].dst == place)
            return &t->instrs[i];
    return NULL;
}

static int n_uses(const struct tro_tile *t, int place)
{
    int n = 0;
    for (size_t i = 0; i < t->n_instrs; i++)
        for (int k = 0; k < t->instrs[i].n_src; k++)
            n += t->instrs[i].src[k] == place;
    for (int i = 0; i < t->n_out; i++)
        n += t->result[i] == place;
    return n;
}

/* What makes the place, if it is of this code and nothing else uses it. */
static struct tro_tile_instr *inner(const struct tro_tile *t, int place, enum tro_tile_code code)
{
    struct tro_tile_instr *const d = def_of(t, place);
    return d && d->code == code && n_uses(t, place) == 1 ? d : NULL;
}

static bool is_const(const struct tro_tile *t, int place, float *v)
{
    const struct tro_tile_place *const p = &t->places[place];
    if (p->kind != TRO_PLACE_CONST || p->dtype != TRO_F32)
        return false;
    *v = p->value.f32;
    return true;
}

/* x and a constant in either order. */
static bool with_const(const struct tro_tile *t, const struct tro_tile_instr *i, int *x, float *v)
{
    for (int k = 0; k < 2; k++)
        if (is_const(t, i->src[k], v)) {
            *x = i->src[1 - k];
            return true;
        }
    return false;
}

static bool is_near(float a, double b)
{
    return fabs((double)a - b) < 1e-5 * fabs(b);
}

static void become(struct tro_tile_instr *i, enum tro_tile_code code, int x, float a, float b,
                   float lo, float hi)
{
    const int dst = i->dst;
    *i = (struct tro_tile_instr){
        .code = code, .n_src = 1, .dst = dst, .src = {x, dst, dst}, .imm = {a, b, lo, hi}};
}

/* ---- rules: true when the instruction changed
 * ---------------------------------------------------- */

static bool fuse_bound(struct tro_tile *t, struct tro_tile_instr *i)
{
    float v;
    int x;
    if ((i->code != TRO_TILE_F32_MIN && i->code != TRO_TILE_F32_MAX) || !with_const(t, i, &x, &v) ||
        v != v)
        return false;
    if (i->code == TRO_TILE_F32_MIN)
        become(i, TRO_TILE_F32_CLAMP, x, -INFINITY, v, 0, 0);
    else
        become(i, TRO_TILE_F32_CLAMP, x, v, INFINITY, 0, 0);
    return true;
}

static float within(float v, float lo, float hi)
{
    return fminf(fmaxf(v, lo), hi);
}

static bool fuse_clamps(struct tro_tile *t, struct tro_tile_instr *i)
{
    const struct tro_tile_instr *d;
    if (i->code != TRO_TILE_F32_CLAMP || !(d = inner(t, i->src[0], TRO_TILE_F32_CLAMP)))
        return false;
    const float lo = within(d->imm[0], i->imm[0], i->imm[1]);
    const float hi = within(d->imm[1], i->imm[0], i->imm[1]);
    become(i, TRO_TILE_F32_CLAMP, d->src[0], lo, hi, 0, 0);
    return true;
}

static bool fuse_scale_add(struct tro_tile *t, struct tro_tile_instr *i)
{
    const struct tro_tile_instr *d;
    float a, b;
    int product, x;
    if (i->code != TRO_TILE_F32_ADD || !with_const(t, i, &product, &b))
        return false;
    d = inner(t, product, TRO_TILE_F32_MUL);
    if (!d || !with_const(t, d, &x, &a))
        return false;
    become(i, TRO_TILE_F32_SCALE_ADD, x, a, b, 0, 0);
    return true;
}

static bool fuse_ramp(struct tro_tile *t, struct tro_tile_instr *i)
{
    const struct tro_tile_instr *d;
    float b;
    int x;
    if (i->code != TRO_TILE_F32_CLAMP)
        return false;
    if ((d = inner(t, i->src[0], TRO_TILE_F32_SCALE_ADD)))
        become(i, TRO_TILE_F32_RAMP, d->src[0], d->imm[0], d->imm[1], i->imm[0], i->imm[1]);
    else if ((d = inner(t, i->src[0], TRO_TILE_F32_ADD)) && with_const(t, d, &x, &b))
        become(i, TRO_TILE_F32_RAMP, x, 1, b, i->imm[0], i->imm[1]);
    else
        return false;
    return true;
}

/* x * f(x) */
static bool fuse_product(struct tro_tile *t, struct tro_tile_instr *i)
{
    if (i->code != TRO_TILE_F32_MUL)
        return false;
    for (int k = 0; k < 2; k++) {
        const int x = i->src[1 - k];
        const struct tro_tile_instr *d;
        if ((d = inner(t, i->src[k], TRO_TILE_F32_SIGMOID)) && d->src[0] == x) {
            become(i, TRO_TILE_F32_SILU, x, 0, 0, 0, 0);
            return true;
        }
        if ((d = inner(t, i->src[k], TRO_TILE_F32_RAMP)) && d->src[0] == x) {
            become(i, TRO_TILE_F32_RAMP_MUL, x, d->imm[0], d->imm[1], d->imm[2], d->imm[3]);
            return true;
        }
    }
    return false;
}

/* Factors of a product whose inner products nothing else uses: at most n places, the constants
 * among them multiplied into *scale. */
static int factors(const struct tro_tile *t, const struct tro_tile_instr *i, int *places, int n,
                   float *scale)
{
    int found = 0;
    for (int k = 0; k < 2; k++) {
        const struct tro_tile_instr *const d = inner(t, i->src[k], TRO_TILE_F32_MUL);
        float v;
        if (is_const(t, i->src[k], &v)) {
            *scale *= v;
        } else if (d && (is_const(t, d->src[0], &v) || is_const(t, d->src[1], &v))) {
            *scale *= v;
            if (found < n)
                places[found] = is_const(t, d->src[0], &v) ? d->src[1] : d->src[0];
            found++;
        } else {
            if (found < n)
                places[found] = i->src[k];
            found++;
        }
    }
    return found;
}

/* 1 + erf(x / sqrt 2): its x, or -1. */
static int gelu_argument(const struct tro_tile *t, int place)
{
    const struct tro_tile_instr *d = inner(t, place, TRO_TILE_F32_ADD);
    float v;
    int x;
    if (!d || !with_const(t, d, &x, &v) || v != 1 || !(d = inner(t, x, TRO_TILE_F32_ERF)))
        return -1;
    const int scaled = d->src[0];
    if ((d = inner(t, scaled, TRO_TILE_F32_MUL)) && with_const(t, d, &x, &v))
        return is_near(v, 0.70710678118654752) ? x : -1;
    if ((d = inner(t, scaled, TRO_TILE_F32_DIV)) && is_const(t, d->src[1], &v))
        return is_near(v, 1.41421356237309505) ? d->src[0] : -1;
    return -1;
}

/* The factors x, 1/2 and 1 + erf(x / sqrt 2) in any order. */
static bool fuse_gelu(struct tro_tile *t, struct tro_tile_instr *i)
{
    float scale = 1;
    int f[2];
    if (i->code != TRO_TILE_F32_MUL)
        return false;
    int n = factors(t, i, f, 2, &scale);
    if (n == 1) {
        /* (x * (1 + erf)) * 0.5 */
        const struct tro_tile_instr *const d = inner(t, f[0], TRO_TILE_F32_MUL);
        n = d ? factors(t, d, f, 2, &scale) : 0;
    }
    if (n != 2 || scale != 0.5F)
        return false;
    for (int k = 0; k < 2; k++)
        if (gelu_argument(t, f[k]) == f[1 - k]) {
            become(i, TRO_TILE_F32_GELU, f[1 - k], 0, 0, 0, 0);
            return true;
        }
    return false;
}

/* x < 0 ? x * a : x */
static bool fuse_leaky(struct tro_tile *t, struct tro_tile_instr *i)
{
    float zero, a;
    int x;
    if (i->code != TRO_TILE_SELECT_4)
        return false;
    const struct tro_tile_instr *const less = inner(t, i->src[0], TRO_TILE_F32_LT);
    const struct tro_tile_instr *const scaled = inner(t, i->src[1], TRO_TILE_F32_MUL);
    if (!less || !scaled || !is_const(t, less->src[1], &zero) || zero != 0 ||
        !with_const(t, scaled, &x, &a) || x != i->src[2] || less->src[0] != x)
        return false;
    become(i, TRO_TILE_F32_LEAKY, x, a, 0, 0, 0);
    return true;
}

/* ---- the pass -----------------------------------------------------------------------------------
 * */

static void drop_unused(struct tro_tile *t)
{
    for (size_t i = t->n_instrs; i-- > 0;) {
        if (n_uses(t, t->instrs[i].dst) > 0)
            continue;
        for (size_t k = i + 1; k < t->n_instrs; k++)
            t->instrs[k - 1] = t->instrs[k];
        t->n_instrs--;
    }
}

void tro_tile_fuse(struct tro_tile *t)
{
    static bool (*const rules[])(struct tro_tile *, struct tro_tile_instr *) = {
        fuse_bound, fuse_clamps, fuse_gelu, fuse_scale_add, fuse_ramp, fuse_product, fuse_leaky};
    for (size_t i = 0; i < t->n_instrs; i++)
        for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++)
            rules[k](t, &t->instrs[i]);
    drop_unused(t);
}

/* ---- simple programs
 * ------------------------------------------------------------------------------ */

/* Memory that every element of the space has its own element of. */
static bool is_full_f32(const struct tro_tile *t, int place)
{
    const struct tro_tile_place *const p = &t->places[place];
    const struct tro_arg *const a = p->kind == TRO_PLACE_IN ? &t->in[p->index] : NULL;
    if (!a || p->dtype != TRO_F32 || a->rank != t->rank)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (a->shape[i] != t->shape[i])
            return false;
    return true;
}

void tro_tile_classify(struct tro_tile *t)
{
    size_t n = t->n_instrs;
    t->kind = TRO_TILE_GENERAL;
    t->lo = -INFINITY;
    t->hi = INFINITY;
    t->other = -1;
    if (t->n_out != 1 || t->places[0].kind != TRO_PLACE_ACC || t->places[0].dtype != TRO_F32)
        return;
    int value = t->result[0];
    if (n && t->instrs[n - 1].code == TRO_TILE_F32_CLAMP && t->instrs[n - 1].dst == value) {
        t->lo = t->instrs[n - 1].imm[0];
        t->hi = t->instrs[n - 1].imm[1];
        value = t->instrs[--n].src[0];
    }
    if (n == 0 && value == 0) {
        t->kind = TRO_TILE_CLAMP;
    } else if (n == 1 && t->instrs[0].code == TRO_TILE_F32_ADD && t->instrs[0].dst == value) {
        const int acc = t->instrs[0].src[0] == 0 ? 0 : 1, other = t->instrs[0].src[1 - acc];
        if (t->instrs[0].src[acc] != 0 || !is_full_f32(t, other))
            return;
        t->kind = TRO_TILE_ADD_CLAMP;
        t->other = t->places[other].index;
    }
}
