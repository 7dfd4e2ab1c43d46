/* SPDX-License-Identifier: Apache-2.0 */
/* conv in FP32: what runs, and how it is lowered. */
#include "cpu/conv.h"
#include "cpu/conv_winograd.h"
#include "cpu/cpu.h"

#include "base/cpu.h"
#include "base/err.h"
#include "base/thread.h"
#include "graph/infer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { LEAST_COPY_CHANNELS = 16, N_ARGS = 3 };

/* ---- running ------------------------------------------------------------------------------ */

struct run {
    const struct tro_conv_f32 *conv;
    const struct tro_step_run *step;
    int64_t channel; /* first output channel of the group */
    void *scratch;   /* of the tile */
};

struct group {
    struct tro_conv_rows rows; /* first: the ctx of the gathering functions */
    struct run run;
};

/* A block of rows is cut where the last axis ends: the tile program's rows lie along it. */
static void finish_block(const void *ctx, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols,
                         const float *acc, int64_t pitch)
{
    const struct run *const r = &((const struct group *)ctx)->run;
    const struct tro_conv_f32 *const c = r->conv;
    const int rank = c->rank;
    int64_t index[TRO_MAX_RANK] = {0};
    index[1] = r->channel + col;
    for (int64_t done = 0; done < n_rows;) {
        int64_t rest = row + done;
        for (int a = TRO_CONV_AXES - 1; a >= 0; a--) {
            if (a >= TRO_CONV_AXES + 2 - rank)
                index[a + rank - TRO_CONV_AXES] = rest % c->axis[a].out;
            rest /= c->axis[a].out;
        }
        index[0] = rest;
        const int64_t left = c->axis[TRO_CONV_AXES - 1].out - index[rank - 1];
        const int64_t n = n_rows - done < left ? n_rows - done : left;
        tro_tile_run(c->tile, r->step, index, n, n_cols, acc + done * pitch, pitch, r->scratch);
        done += n;
    }
}

static void run_group(const struct tro_step *s, const struct tro_step_run *r, int64_t g,
                      const struct tro_gemm_range *range)
{
    const struct tro_conv_f32 *const c = s->params;
    const struct tro_gemm_plan *const p = &c->plan;
    const bool is_general = c->kind == TRO_TILE_GENERAL;
    const struct group group = {
        .rows = {c, (const float *)tro_arg_ptr(r, &s->in[0]) + g * c->channels * c->x_channel},
        .run = {c, r, g * p->n, (char *)r->scratch + c->room_bytes}};
    static tro_gemm_a_fn *const sources[] = {[TRO_CONV_GATHERED] = tro_conv_gather,
                                             [TRO_CONV_DIRECT] = tro_conv_direct,
                                             [TRO_CONV_PLANES] = tro_conv_gather_planes};
    struct tro_gemm_call call = {.a = sources[c->source],
                                 .ctx = &group,
                                 .b = (const float *)tro_arg_ptr(r, &s->in[1]) +
                                      g * tro_gemm_packed_size(p->set, p->k, p->n),
                                 .lo = c->lo,
                                 .hi = c->hi,
                                 .room = r->scratch};
    if (c->has_bias)
        call.bias = (const float *)tro_arg_ptr(r, &s->in[2]) + g * p->n;
    if (is_general) {
        call.done = finish_block;
    } else {
        call.c = (float *)tro_arg_ptr(r, tro_tile_out(c->tile)) + g * p->n;
        call.c_pitch = c->out_pitch;
    }
    if (c->kind == TRO_TILE_ADD_CLAMP) {
        call.other = (const float *)tro_arg_ptr(r, tro_tile_other(c->tile)) + g * p->n;
        call.other_pitch = c->other_pitch;
    }
    tro_gemm_run(p, &call, range);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_gemm_plan *const p = &((const struct tro_conv_f32 *)s->params)->plan;
    const struct tro_gemm_range all = tro_gemm_split(p, r->part, r->n_parts);
    for (int64_t row = all.row; row < all.row_end;) {
        const int64_t g = row / p->m, end = (g + 1) * p->m;
        struct tro_gemm_range part = all;
        part.row = row - g * p->m;
        part.row_end = (end < all.row_end ? end : all.row_end) - g * p->m;
        run_group(s, r, g, &part);
        row = end;
    }
    return 0;
}

/* ---- weights ------------------------------------------------------------------------------ */

struct pack {
    const struct tro_gemm_set *set;
    int64_t groups, n, channels, n_taps;
    bool has_channels_first; /* in k */
    const float *w;
    float *dst;
};

/* One panel: k = (tap, channel) from w [n, channel, tap], in pieces of channels that keep what is
 * written in the first-level cache. */
static void pack_taps(const struct pack *p, const float *w, float *dst, int64_t n, int64_t width)
{
    const int64_t piece = 128 / p->n_taps + 1, k = p->channels * p->n_taps;
    for (int64_t c0 = 0; c0 < p->channels; c0 += piece) {
        const int64_t c1 = c0 + piece < p->channels ? c0 + piece : p->channels;
        for (int64_t j = 0; j < width; j++)
            for (int64_t c = c0; c < c1; c++)
                for (int64_t t = 0; t < p->n_taps; t++)
                    dst[(t * p->channels + c) * width + j] = j < n ? w[j * k + c * p->n_taps + t]
                                                                   : 0;
    }
}

static void pack_one(void *ctx, int64_t i)
{
    const struct pack *const p = ctx;
    const int64_t width = (int64_t)p->set->lanes * p->set->vectors, k = p->channels * p->n_taps;
    const int64_t panels = (p->n + width - 1) / width, group = i / panels, panel = i % panels;
    const int64_t col = panel * width, left = p->n - col, n = left < width ? left : width;
    const float *const w = p->w + group * p->n * k;
    float *const dst = p->dst + group * tro_gemm_packed_size(p->set, k, p->n);
    if (p->n_taps == 1 || p->has_channels_first)
        tro_gemm_pack(p->set, dst, w, k, p->n, 1, k, panel, panel + 1);
    else
        pack_taps(p, w + col * k, dst + tro_gemm_panel_offset(k, col), n,
                  (n + p->set->lanes - 1) / p->set->lanes * p->set->lanes);
}

static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    struct pack p = *(const struct pack *)ctx;
    p.w = w->data;
    p.dst = dst;
    const int64_t width = (int64_t)p.set->lanes * p.set->vectors;
    tro_parallel_for(p.groups * ((p.n + width - 1) / width), pack_one, &p);
}

static int take_weights(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct tro_conv_f32 *c, struct tro_arg *out)
{
    const struct tro_gemm_plan *const p = &c->plan;
    const struct pack ctx = {
        p->set, p->n_batch, p->n, c->channels, c->n_taps, c->source == TRO_CONV_PLANES, NULL, NULL};
    char form[96];
    snprintf(form, sizeof form, "conv_f32 %s groups %" PRId64 " %dx%d",
             ctx.has_channels_first ? "planes" : "taps", p->n_batch, p->set->lanes,
             p->set->vectors);
    const size_t bytes = sizeof(float) *
                         (size_t)(p->n_batch * tro_gemm_packed_size(p->set, p->k, p->n));
    return tro_lower_pack(l, n->node->in[1], form, bytes, pack, &ctx, out);
}

/* ---- lowering ----------------------------------------------------------------------------- */

/* Geometry from the node's types; false when this is not for us. */
static bool find_sizes(struct tro_lowering *l, const struct tro_lower_node *n,
                       struct tro_conv_f32 *c, const struct tro_gemm_set *set)
{
    const struct tro_attrs_conv *const attrs = n->attrs;
    struct tro_tensor x, w, y;
    if (!tro_lower_type(l, n->node->in[0], &x) || !tro_lower_const(l, n->node->in[1], &w) ||
        !tro_lower_type(l, n->node->out[0], &y))
        return false;
    const int n_axes = x.rank - 2;
    if (x.dtype != TRO_F32 || w.dtype != TRO_F32 || n_axes > TRO_CONV_AXES)
        return false;
    int64_t pixels = x.shape[0];
    c->rank = x.rank;
    c->n_taps = 1;
    for (int a = 0; a < TRO_CONV_AXES; a++) {
        const int i = a - (TRO_CONV_AXES - n_axes);
        struct tro_conv_axis *const to = &c->axis[a];
        *to = (struct tro_conv_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (i < 0)
            continue;
        struct tro_window window = {.kernel = w.shape[2 + i],
                                    .stride = attrs->strides.v[i],
                                    .dilation = attrs->dilations.v[i],
                                    .pad_begin = attrs->pads.v[i],
                                    .pad_end = attrs->pads.v[n_axes + i],
                                    .auto_pad = attrs->auto_pad};
        tro_window_resolve(&window, x.shape[2 + i]);
        *to = (struct tro_conv_axis){.in = x.shape[2 + i],
                                     .out = y.shape[2 + i],
                                     .kernel = window.kernel,
                                     .stride = window.stride,
                                     .dilation = window.dilation,
                                     .pad = window.pad_begin};
        pixels *= to->out;
        c->n_taps *= to->kernel;
    }
    c->channels = w.shape[1];
    const int64_t group = attrs->group;
    tro_gemm_plan_init(&c->plan, set, group, pixels, w.shape[0] / group, c->channels * c->n_taps,
                       true);
    return true;
}

bool tro_conv_has_pitch(const struct tro_arg *a, int64_t *pitch)
{
    int64_t n = 1;
    *pitch = 0;
    if (!tro_arg_is_channels_last(a))
        return false;
    for (int i = a->rank - 1; i >= 0; i--) {
        if (i == 1 || a->shape[i] == 1)
            continue;
        if (n == 1)
            *pitch = a->stride[i];
        else if (a->stride[i] != *pitch * n)
            return false;
        n *= a->shape[i];
    }
    return true;
}

static bool is_pointwise(const struct tro_conv_f32 *c)
{
    bool is = c->n_taps == 1;
    for (int a = 0; a < TRO_CONV_AXES; a++)
        is = is && c->axis[a].stride == 1 && c->axis[a].pad == 0 && c->axis[a].in == c->axis[a].out;
    return is;
}

/* Takes x in the form that suits, and its strides. */
static int take_x(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_conv_f32 *c,
                  struct tro_arg *x)
{
    const struct tro_arg place = tro_lower_place(l, n->node->in[0]);
    const bool is_small = c->plan.k <= c->plan.k_block && c->channels < LEAST_COPY_CHANNELS;
    const bool has_planes = is_small && !tro_arg_is_channels_last(&place) &&
                            tro_arg_is_rows(&place);
    TRO_TRY(
        tro_lower_in(l, n->node->in[0], has_planes ? TRO_FORM_ROWS : TRO_FORM_CHANNELS_LAST, x));
    c->source = has_planes ? TRO_CONV_PLANES : TRO_CONV_GATHERED;
    c->x_batch = x->stride[0];
    c->x_channel = x->shape[1] == 1 ? 1 : x->stride[1];
    for (int i = 2; i < x->rank; i++)
        c->axis[i + TRO_CONV_AXES - x->rank].x_stride = x->stride[i];
    return 0;
}

/* Whether rows of a 1 x 1 kernel are read where they lie. Pitches of whole pages put the rows of a
 * tile into the same few lines of the first-level cache: then a copy is the better guess. */
static void pick_source(struct tro_lowering *l, struct tro_conv_f32 *c, const struct tro_arg *x,
                        int kind)
{
    int64_t pitch;
    if (c->source != TRO_CONV_GATHERED || !is_pointwise(c) || !tro_conv_has_pitch(x, &pitch))
        return;
    static const char *const direct_first[] = {"direct", "gathered", NULL};
    static const char *const gathered_first[] = {"gathered", "direct", NULL};
    char problem[160];
    snprintf(problem, sizeof problem,
             "conv f32 1x1 %" PRId64 "x%" PRId64 "x%" PRId64 " groups %" PRId64 " pitch %" PRId64
             " to %" PRId64 " epilogue %d threads %d %s",
             c->plan.m, c->plan.n, c->plan.k, c->plan.n_batch, pitch, c->out_pitch, kind,
             tro_lower_n_threads(l), c->plan.set->kernel);
    const bool is_bad = pitch % 1024 == 0 && c->plan.m > 1;
    const int pick = tro_lower_pick(l, problem, is_bad ? gathered_first : direct_first);
    if ((pick == 0) != is_bad) {
        c->source = TRO_CONV_DIRECT;
        c->axis[TRO_CONV_AXES - 1].x_stride = pitch;
    }
}

/* Runs of k end where taps end, so that taps which are outside for a block of rows are left out. */
static void align_blocks(struct tro_conv_f32 *c)
{
    const int64_t most = c->plan.k_block, pieces = (c->channels + most - 1) / most;
    if (c->source == TRO_CONV_GATHERED && c->n_taps > 1 && pieces > 0 && c->channels >= most &&
        c->channels % pieces == 0)
        c->plan.k_block = c->channels / pieces;
}

static bool pick_winograd(struct tro_lowering *l, const struct tro_conv_f32 *c)
{
    static const char *const winograd_first[] = {"winograd", "gathered", NULL};
    static const char *const gathered_first[] = {"gathered", "winograd", NULL};
    const struct tro_conv_axis *const a = &c->axis[1], *const b = &c->axis[2];
    char problem[200];
    snprintf(problem, sizeof problem,
             "conv f32 3x3 %" PRId64 "x%" PRId64 "x%" PRId64 " of %" PRId64 "x%" PRId64
             " pads %" PRId64 "x%" PRId64 " pitch %" PRId64 " to %" PRId64
             " epilogue %d threads %d %s",
             c->plan.m, c->plan.n, c->plan.k, a->out, b->out, a->pad, b->pad, b->x_stride,
             c->out_pitch, (int)c->kind, tro_lower_n_threads(l), c->plan.set->kernel);
    const bool is_better = tro_winograd_is_better(c, tro_lower_n_threads(l));
    const int pick = tro_lower_pick(l, problem, is_better ? winograd_first : gathered_first);
    return (pick == 0) == is_better;
}

/* What of the epilogue is done in registers. */
static void find_epilogue(struct tro_conv_f32 *c)
{
    c->kind = tro_tile_kind(c->tile);
    c->lo = -INFINITY;
    c->hi = INFINITY;
    if (c->kind == TRO_TILE_GENERAL)
        return;
    if (!tro_conv_has_pitch(tro_tile_out(c->tile), &c->out_pitch) ||
        (c->kind == TRO_TILE_ADD_CLAMP &&
         !tro_conv_has_pitch(tro_tile_other(c->tile), &c->other_pitch)))
        c->kind = TRO_TILE_GENERAL;
    else
        tro_tile_clamp(c->tile, &c->lo, &c->hi);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct tro_conv_f32 *c, const struct tro_arg arg[N_ARGS])
{
    const struct tro_gemm_plan *const p = &c->plan;
    const int n_in = c->has_bias ? 3 : 2;
    struct tro_conv_f32 *params;
    struct tro_step *const s = tro_lower_step(l, n, p->set->kernel, run,
                                              n_in + tro_tile_n_in(c->tile),
                                              tro_tile_n_out(c->tile), sizeof *params, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = *c;
    for (int i = 0; i < n_in; i++)
        s->in[i] = arg[i];
    tro_tile_list(c->tile, s->in + n_in, s->out);
    s->n_parts = tro_gemm_n_parts(p, tro_lower_n_threads(l));
    s->scratch_bytes = c->room_bytes + tro_tile_scratch(c->tile);
    const double results = (double)p->n_batch * (double)p->m * (double)p->n;
    s->n_flops = results * (2 * (double)p->k + tro_tile_flops(c->tile));
    return 1;
}

int tro_cpu_emit_conv_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_conv_f32 c = {0};
    struct tro_arg arg[N_ARGS];
    const struct tro_gemm_set *const set = tro_gemm_set_pick(tro_lower_cpu(l));
    if (!find_sizes(l, n, &c, set))
        return 0;
    TRO_TRY(take_x(l, n, &c, &arg[0]));
    const int rank = c.rank;
    const int rc = tro_tile_compile(l, n, TRO_F32, rank - 1, 1, TRO_FORM_CHANNELS_LAST, &c.tile);
    if (rc <= 0)
        return rc;
    find_epilogue(&c);
    const bool is_general = c.kind == TRO_TILE_GENERAL;
    tro_gemm_plan_init(&c.plan, set, c.plan.n_batch, c.plan.m, c.plan.n, c.plan.k, is_general);
    c.has_bias = n->node->n_in > 2 && n->node->in[2].i;
    pick_source(l, &c, &arg[0], (int)c.kind);
    if (tro_winograd_takes(&c) && pick_winograd(l, &c))
        return tro_winograd_emit(l, n, &c, &arg[0]);
    align_blocks(&c);
    TRO_TRY(take_weights(l, n, &c, &arg[1]));
    if (c.has_bias)
        TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &arg[2]));
    c.room_bytes = (tro_gemm_room(&c.plan, is_general) * sizeof(float) + 63) / 64 * 64;
    return add_step(l, n, &c, arg);
}
