/* SPDX-License-Identifier: Apache-2.0 */
/* Operands and steps of matrix products; gemm_tiles.c chooses the tiles. */
#include "cuda/gemm.h"

#include "base/dtype.h"
#include "base/err.h"
#include "base/half.h"
#include "base/thread.h"
#include "cuda/gemm_library.h"
#include "cuda/gemm_tiles.h"
#include "cuda/kernels/gemm_pad.h"
#include "cuda/kernels/gemm_sum.h"
#include "cuda/kernels/gemv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *define, *type;
    enum tro_dtype dtype;
} maths[] = {
    [TRO_GEMM_F16] = {"f16", "MATH_F16", "tro_f16", TRO_F16},
    [TRO_GEMM_BF16] = {"bf16", "MATH_BF16", "tro_bf16", TRO_BF16},
    [TRO_GEMM_TF32] = {"tf32", "MATH_TF32", "float", TRO_F32},
    [TRO_GEMM_F32] = {"f32", "MATH_F32", "float", TRO_F32},
};

bool tro_gemm_math_of(const struct tro_lowering *l, enum tro_dtype dtype, enum tro_gemm_math *out)
{
    switch (tro_lower_stored(l, dtype)) {
    case TRO_F16:
        *out = TRO_GEMM_F16;
        return true;
    case TRO_BF16:
        *out = TRO_GEMM_BF16;
        return true;
    case TRO_F32:
        *out = tro_lower_precision(l) == TRO_PRECISION_TF32 ? TRO_GEMM_TF32 : TRO_GEMM_F32;
        return true;
    default:
        return false;
    }
}

enum tro_dtype tro_gemm_dtype(enum tro_gemm_math math)
{
    return maths[math].dtype;
}

int tro_gemm_chunk(enum tro_gemm_math math)
{
    return 16 / (int)tro_dtype_size(maths[math].dtype);
}

int64_t tro_gemm_block(enum tro_gemm_math math, int64_t channels)
{
    const int64_t block = 8 * tro_gemm_chunk(math);
    return channels % block ? channels : block;
}

/* ---- places ------------------------------------------------------------------------------- */

int tro_gemm_merge(struct tro_gemm_axis *axis, int n)
{
    int left = 0;
    for (int i = 0; i < n; i++) {
        if (axis[i].size == 1)
            continue;
        struct tro_gemm_axis *const last = left ? &axis[left - 1] : NULL;
        if (last && last->a == axis[i].a * axis[i].size && last->b == axis[i].b * axis[i].size)
            *last = (struct tro_gemm_axis){last->size * axis[i].size, axis[i].a, axis[i].b};
        else
            axis[left++] = axis[i];
    }
    if (left == 0)
        axis[left++] = (struct tro_gemm_axis){1, 0, 0};
    return left;
}

bool tro_gemm_is_aligned(const struct tro_arg *a, int unit, int chunk)
{
    if (a->offset % 16 || (a->shape[unit] > 1 && a->stride[unit] != 1))
        return false;
    for (int i = 0; i < a->rank; i++)
        if (i != unit && a->shape[i] > 1 && (a->stride[i] % chunk || a->stride[i] < 0))
            return false;
    return true;
}

bool tro_gemm_is_small(const struct tro_arg *a)
{
    int64_t last = 0;
    for (int i = 0; i < a->rank; i++)
        last += (a->shape[i] - 1) * a->stride[i];
    return last < INT32_MAX;
}

static void pad_sizes(struct tro_arg *to, const struct tro_arg *from, const int *axes, int chunk)
{
    int64_t stride = 1;
    to->rank = from->rank;
    for (int i = from->rank - 1; i >= 0; i--) {
        const int a = axes[i];
        to->shape[a] = from->shape[a];
        if (i == from->rank - 1)
            to->shape[a] = (from->shape[a] + chunk - 1) / chunk * chunk;
        to->stride[a] = stride;
        stride *= to->shape[a];
    }
}

int tro_gemm_pad(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_gemm_math math,
                 const struct tro_arg *from, const int *axes, struct tro_arg *to)
{
    const int chunk = tro_gemm_chunk(math), n_rows = from->rank - 1, unit = axes[n_rows];
    enum tro_gemm_math from_math;
    *to = (struct tro_arg){.dtype = maths[math].dtype};
    pad_sizes(to, from, axes, chunk);
    const int64_t n_chunks = tro_arg_n_elems(to) / chunk;
    if (n_rows > TRO_GEMM_PAD_AXES || n_chunks > INT32_MAX / chunk || n_chunks == 0)
        return 0;
    for (from_math = TRO_GEMM_F16; maths[from_math].dtype != from->dtype; from_math++)
        if (from_math == TRO_GEMM_F32)
            return 0;
    struct tro_gemm_pad_params p = {.n_chunks = (uint32_t)n_chunks,
                                    .channels = (uint32_t)from->shape[unit],
                                    .channel_stride = (int32_t)from->stride[unit],
                                    .chunks = tro_div_make(to->shape[unit] / chunk)};
    for (int i = 0; i < TRO_GEMM_PAD_AXES; i++) {
        const int at = i - (TRO_GEMM_PAD_AXES - n_rows);
        p.size[i] = tro_div_make(at < 0 ? 1 : from->shape[axes[at]]);
        p.stride[i] = at < 0 ? 0 : (int32_t)from->stride[axes[at]];
    }
    struct tro_arg room;
    TRO_TRY(tro_lower_temp(l, (size_t)n_chunks * 16, &room));
    to->buffer = room.buffer;
    to->offset = room.offset;
    struct tro_cuda_source source = {.name = "gemm_pad", .params = &p, .params_size = sizeof p};
    source.defines = tro_cuda_defines(l, "#define FROM_T %s\n#define TO_T %s\n",
                                      maths[from_math].type, maths[math].type);
    struct tro_cuda_launch *launch;
    struct tro_step *const s = source.defines
                                   ? tro_cuda_step(l, n, "gemm_pad", &source, 1, 1, &launch)
                                   : NULL;
    if (!s)
        return TRO_E_NOMEM;
    s->in[0] = *from;
    s->out[0] = *to;
    launch->grid[0] = (uint32_t)((n_chunks + 127) / 128);
    launch->block[0] = 128;
    return 1;
}

/* ---- constants ---------------------------------------------------------------------------- */

struct pack_run {
    const struct tro_gemm_pack *pack;
    const struct tro_tensor *w;
    void *dst;
};

static void put(enum tro_gemm_math math, void *dst, int64_t i, double v)
{
    switch (math) {
    case TRO_GEMM_F16:
        ((uint16_t *)dst)[i] = tro_f16_from_f64(v);
        break;
    case TRO_GEMM_BF16:
        ((uint16_t *)dst)[i] = tro_bf16_from_f64(v);
        break;
    default:
        ((float *)dst)[i] = (float)v;
    }
}

static void pack_row(void *ctx, int64_t row)
{
    const struct pack_run *const r = ctx;
    const struct tro_gemm_pack *const p = r->pack;
    const int64_t from = row / p->n_inner * p->row[0] + row % p->n_inner * p->row[1];
    int64_t to = row * p->k;
    for (int64_t block = 0; block < p->channels; block += p->block)
        for (int64_t t = 0; t < p->n_taps; t++)
            for (int64_t c = block; c < block + p->block; c++)
                put(p->math, r->dst, to++,
                    c < p->n_channels
                        ? tro_load_f64(r->w->dtype, r->w->data, from + t * p->tap + c * p->channel)
                        : 0);
    for (; to < (row + 1) * p->k; to++)
        put(p->math, r->dst, to, 0);
}

static void pack_rows(void *dst, const struct tro_tensor *w, const void *ctx)
{
    struct pack_run r = {ctx, w, dst};
    tro_parallel_for(r.pack->n_rows, pack_row, &r);
}

int tro_gemm_pack_rows(struct tro_lowering *l, tro_value_id w, const struct tro_gemm_pack *pack,
                       struct tro_arg *out)
{
    char form[200];
    snprintf(form, sizeof form,
             "gemm %s %" PRId64 "x%" PRId64 " rows %" PRId64 " %" PRId64 " of %" PRId64
             " channels %" PRId64 " of %" PRId64 " by %" PRId64 " at %" PRId64,
             maths[pack->math].name, pack->n_rows, pack->k, pack->row[0], pack->row[1],
             pack->n_inner, pack->channels, pack->n_channels, pack->block, pack->channel);
    const size_t size = tro_dtype_size(maths[pack->math].dtype);
    return tro_lower_pack(l, w, form, size * (size_t)(pack->n_rows * pack->k), pack_rows, pack,
                          out);
}

static void pack_vector(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const enum tro_gemm_math *const math = ctx;
    for (int64_t i = 0; i < tro_tensor_n_elems(w); i++)
        put(*math, dst, i, tro_load_f64(w->dtype, w->data, i));
}

int tro_gemm_vector(struct tro_lowering *l, tro_value_id v, enum tro_gemm_math math,
                    struct tro_arg *out)
{
    struct tro_tensor t;
    char form[64];
    if (!tro_lower_const(l, v, &t))
        return tro_fail(tro_lower_err(l), TRO_E_INTERNAL, "a vector that is no constant");
    const size_t n = (size_t)tro_tensor_n_elems(&t);
    snprintf(form, sizeof form, "vector %s", maths[math].name);
    return tro_lower_pack(l, v, form, n * tro_dtype_size(maths[math].dtype), pack_vector, &math,
                          out);
}

static void pack_f32(void *dst, const struct tro_tensor *w, const void *ctx)
{
    (void)ctx;
    for (int64_t i = 0; i < tro_tensor_n_elems(w); i++)
        ((float *)dst)[i] = (float)tro_load_f64(w->dtype, w->data, i);
}

int tro_gemm_bias(struct tro_lowering *l, tro_value_id v, struct tro_arg *out)
{
    struct tro_tensor t;
    if (tro_lower_const(l, v, &t) && t.dtype != TRO_F32)
        return tro_lower_pack(l, v, "f32", sizeof(float) * (size_t)tro_tensor_n_elems(&t), pack_f32,
                              NULL, out);
    return tro_lower_in_as(l, v, TRO_FORM_DENSE, TRO_F32, out);
}

/* ---- steps -------------------------------------------------------------------------------- */

/* Columns that the epilogue gets at once: whole vectors of every product. */
static int vector_of(const struct tro_gemm *g)
{
    int vector = 8;
    while (g->p.col_z % (uint32_t)vector)
        vector /= 2;
    return vector;
}

static const char *defines_of(struct tro_lowering *l, const struct tro_gemm *g,
                              const struct tro_gemm_tile *t, bool is_split, bool is_cached)
{
    const int size = (int)tro_dtype_size(maths[g->math].dtype);
    const char *const gather = !g->is_gathered          ? ""
                               : g->frames              ? "#define GATHER\n#define IN_T uint8_t\n"
                                                          "#define FRAME\n"
                               : g->a.dtype == TRO_F16  ? "#define GATHER\n#define IN_T tro_f16\n"
                               : g->a.dtype == TRO_BF16 ? "#define GATHER\n#define IN_T tro_bf16\n"
                                                        : "#define GATHER\n#define IN_T float\n";
    return tro_cuda_defines(
        l,
        "#define %s\n#define TILE_M %d\n#define TILE_N %d\n#define TILE_K %d\n"
        "#define WARPS_M %d\n#define WARPS_N %d\n#define STAGES %d\n#define MIN_BLOCKS %d\n"
        "#define ROW_AXES %d\n#define TAP_AXES %d\n#define VECTOR %d\n%s%s%s%s%s%s%s%s",
        maths[g->math].define, t->m, t->n, t->k_bytes / size, t->warps_m, t->warps_n, t->stages,
        t->blocks, g->row_axes, g->tap_axes, vector_of(g), g->is_b_trans ? "#define B_TRANS\n" : "",
        g->is_b_const ? "#define B_CONST\n" : "", g->has_bias && !is_split ? "#define BIAS\n" : "",
        is_split ? "#define SPLIT\n" : "", t->is_wgmma ? "#define WGMMA\n" : "",
        is_cached ? "#define A_CACHED\n" : "", gather, g->frames ? g->frames->defines : "");
}

static int add_sum(struct tro_lowering *l, const struct tro_lower_node *n, const struct tro_gemm *g,
                   int n_splits, const struct tro_point *point, const struct tro_arg *partial)
{
    const int n_in = g->has_bias ? 2 : 1;
    const int64_t chunks = (point->n_cols + 7) / 8;
    const struct tro_gemm_sum_params p = {.rows = g->p.partial_rows,
                                          .cols = (uint32_t)point->n_cols,
                                          .pitch = g->p.partial_pitch,
                                          .n_splits = (uint32_t)n_splits,
                                          .chunks = tro_div_make(chunks)};
    const struct tro_cuda_source source = {.name = "gemm_sum",
                                           .defines = g->has_bias ? "#define BIAS\n" : NULL,
                                           .point = point,
                                           .params = &p,
                                           .params_size = sizeof p};
    struct tro_cuda_launch *launch;
    struct tro_step *const s = tro_cuda_step(l, n, "gemm_sum", &source, n_in, 0, &launch);
    if (!s)
        return TRO_E_NOMEM;
    s->in[0] = *partial;
    if (g->has_bias)
        s->in[1] = g->bias;
    launch->grid[0] = (uint32_t)((p.rows * chunks + 127) / 128);
    launch->block[0] = 128;
    return 1;
}

/* What the epilogue may overwrite, unless other blocks may still read it as an operand. */
static void set_inplace(struct tro_step *s, int n_in, const struct tro_point *point)
{
    const int i = n_in + point->inplace;
    if (point->inplace >= 0 && s->in[i].buffer != s->in[0].buffer &&
        s->in[i].buffer != s->in[1].buffer)
        s->inplace = i;
}

static int add_product(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_gemm *g,
                       const struct tro_gemm_choice *c, const struct tro_point *point,
                       double n_flops)
{
    const struct tro_gemm_tile *const t = c->tile;
    const bool is_split = c->n_splits > 1;
    const int size = (int)tro_dtype_size(maths[g->math].dtype), k = t->k_bytes / size;
    const uint32_t m_tiles = (g->p.m + (uint32_t)t->m - 1) / (uint32_t)t->m;
    const uint32_t n_tiles = (g->p.n + (uint32_t)t->n - 1) / (uint32_t)t->n;
    const int n_steps = ((int)g->p.k + k - 1) / k;
    const bool has_frame_taps = g->frames && g->frames->n_taps;
    const int n_in = 2 + g->is_gathered + has_frame_taps + (g->has_bias && !is_split);
    struct tro_arg partial;
    char label[64];
    g->p.n_tiles = tro_div_make(n_tiles);
    g->p.split_steps = (uint32_t)((n_steps + c->n_splits - 1) / c->n_splits);
    g->p.partial_rows = (uint32_t)point->n_rows;
    g->p.partial_pitch = (uint32_t)((point->n_cols + 7) / 8 * 8);
    if (is_split)
        TRO_TRY(tro_lower_temp(
            l, sizeof(float) * (size_t)c->n_splits * g->p.partial_rows * g->p.partial_pitch,
            &partial));
    struct tro_cuda_source source = {.name = "gemm",
                                     .defines = defines_of(l, g, t, is_split, c->is_cached),
                                     .point = is_split ? NULL : point,
                                     .params = &g->p,
                                     .params_size = sizeof g->p};
    snprintf(label, sizeof label, "gemm_%s_%s", maths[g->math].name, c->name);
    struct tro_cuda_launch *launch;
    struct tro_step *const s = source.defines ? tro_cuda_step(l, n, label, &source, n_in,
                                                              is_split ? 1 : 0, &launch)
                                              : NULL;
    if (!s)
        return TRO_E_NOMEM;
    s->in[0] = g->a;
    s->in[1] = g->b;
    if (g->is_gathered)
        s->in[2] = g->taps;
    if (has_frame_taps)
        s->in[3] = g->frames->taps;
    if (g->has_bias && !is_split)
        s->in[n_in - 1] = g->bias;
    if (is_split)
        s->out[0] = partial;
    s->n_flops = n_flops + (is_split ? 0 : point->n_flops);
    if (!is_split)
        set_inplace(s, n_in, point);
    launch->grid[0] = m_tiles * n_tiles;
    launch->grid[1] = (uint32_t)c->n_splits;
    launch->grid[2] = (uint32_t)g->n_z;
    launch->block[0] = (uint32_t)(32 * t->warps_m * t->warps_n);
    launch->shared_bytes = (uint32_t)tro_gemm_tile_bytes(t);
    return is_split ? add_sum(l, n, g, c->n_splits, point, &partial) : 1;
}

static int add_gemv(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct tro_gemm *g, const struct tro_point *point, double n_flops)
{
    const struct tro_gemv_params p = {.m = g->p.m,
                                      .n = g->p.n,
                                      .k = g->p.k,
                                      .a_pitch = g->p.row_stride[TRO_GEMM_ROW_AXES - 1],
                                      .b_pitch = (int32_t)g->p.b_pitch};
    const int n_in = g->has_bias ? 3 : 2, rows = tro_gemv_rows(g);
    struct tro_cuda_source source = {
        .name = "gemv", .point = point, .params = &p, .params_size = sizeof p};
    source.defines = tro_cuda_defines(
        l, "typedef %s T;\n#define ROWS %d\n%s%s", maths[g->math].type, rows,
        g->has_bias ? "#define BIAS\n" : "", g->is_b_const ? "#define B_CONST\n" : "");
    char label[64];
    snprintf(label, sizeof label, "gemv_%s_%d", maths[g->math].name, rows);
    struct tro_cuda_launch *launch;
    struct tro_step *const s = source.defines
                                   ? tro_cuda_step(l, n, label, &source, n_in, 0, &launch)
                                   : NULL;
    if (!s)
        return TRO_E_NOMEM;
    s->in[0] = g->a;
    s->in[0].offset += g->p.a_origin * (int64_t)tro_dtype_size(g->a.dtype);
    s->in[1] = g->b;
    if (g->has_bias)
        s->in[2] = g->bias;
    s->n_flops = n_flops + point->n_flops;
    set_inplace(s, n_in, point);
    launch->grid[0] = (p.n + 7) / 8;
    launch->grid[1] = (p.m + (uint32_t)rows - 1) / (uint32_t)rows;
    launch->block[0] = 256;
    return 1;
}

int tro_gemm_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_gemm *g,
                  const struct tro_point *point, double n_flops)
{
    struct tro_gemm_choice choice;
    struct tro_gemm_library library;
    const bool has_library = tro_gemm_library_init(l, n, g, point, &library);
    const int rc = tro_gemm_choose(l, g, point, maths[g->math].name, vector_of(g),
                                   has_library ? &library : NULL, &choice);
    if (rc <= 0)
        return rc;
    if (choice.plan)
        return tro_gemm_library_step(l, n, g, &library, choice.plan, point, n_flops);
    if (!choice.tile)
        return add_gemv(l, n, g, point, n_flops);
    return add_product(l, n, g, &choice, point, n_flops);
}
