/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conv_transpose in FP32. Outputs o = phase + t * stride of one phase have the same taps, at inputs
 * t + delta, so that each phase is a convolution of stride 1 whose results lie apart:
 *
 *     stride 2    o  0 1 2 3 4 5      phase 0: t 0 1 2
 *                    0 1 0 1 0 1      phase 1: t 0 1 2
 *
 * A block is some lines t of one phase of the outer axes, with all phases of the last axis side by
 * side in memory of the thread: whole lines of the result, handed to the tile program.
 */
#include "cpu/conv.h"
#include "cpu/cpu.h"

#include "base/err.h"
#include "base/thread.h"
#include "ref/conv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { LAST = TRO_CONV_AXES - 1, MOST_PHASES = 64, BLOCK_ROWS = 256, BLOCK_BYTES = 256 << 10 };

/* One phase of one axis: taps first, first + step .. of the kernel, in falling order. */
struct phase_axis {
    int64_t n_taps, first, step, dilation, pad;
};

struct phase {
    struct tro_conv_f32 conv; /* sizes and strides for gathering; its outputs are the t */
    struct phase_axis axis[TRO_CONV_AXES];
    int64_t weights; /* offset of a group's panels */
};

struct transpose {
    int rank;
    int64_t batch, groups, n; /* n: output channels of a group */
    int64_t channels, n_taps; /* of a group; of the kernel */
    int64_t stride[TRO_CONV_AXES], out[TRO_CONV_AXES], count[TRO_CONV_AXES]; /* count: of t */
    int64_t kernel[TRO_CONV_AXES];
    int64_t lines, cols; /* of a block: t of the axis before the last; columns */
    int64_t packed;      /* floats of a group */
    int n_phases;
    struct phase *phase;
    bool has_bias;
    struct tro_tile *tile;
    size_t room_bytes, acc_bytes;
};

/* ---- running ------------------------------------------------------------------------------ */

/* What a block makes: lines [line, line + n_lines) of the t of axis 1, at `outer` of axis 0. */
struct block {
    int64_t group, batch, outer, phase, line, n_lines, col, n_cols;
};

static int64_t count_blocks(const struct transpose *c)
{
    const int64_t per = (c->count[1] + c->lines - 1) / c->lines;
    const int64_t cols = (c->n + c->cols - 1) / c->cols;
    return c->groups * c->batch * c->out[0] * c->stride[1] * per * cols;
}

static struct block find_block(const struct transpose *c, int64_t i)
{
    const int64_t per = (c->count[1] + c->lines - 1) / c->lines;
    const int64_t cols = (c->n + c->cols - 1) / c->cols;
    struct block b = {.col = i % cols * c->cols};
    b.n_cols = c->n - b.col < c->cols ? c->n - b.col : c->cols;
    i /= cols;
    b.line = i % per * c->lines;
    b.n_lines = c->count[1] - b.line < c->lines ? c->count[1] - b.line : c->lines;
    i /= per;
    b.phase = i % c->stride[1];
    i /= c->stride[1];
    b.outer = i % c->out[0];
    i /= c->out[0];
    b.batch = i % c->batch;
    b.group = i / c->batch;
    return b;
}

/* The products of one phase of the last axis, stored `stride` rows apart. */
static void run_phase(const struct tro_step *s, const struct tro_step_run *r,
                      const struct transpose *c, const struct block *b, int64_t last, float *acc)
{
    const int64_t outer = b->outer % c->stride[0], t0 = b->outer / c->stride[0];
    const struct phase *const p =
        &c->phase[(outer * c->stride[1] + b->phase) * c->stride[LAST] + last];
    const struct tro_gemm_plan *const g = &p->conv.plan;
    const int64_t x_group = b->group * c->channels * p->conv.x_channel;
    const struct tro_conv_rows rows = {&p->conv,
                                       (const float *)tro_arg_ptr(r, &s->in[0]) + x_group};
    const int64_t row = ((b->batch * c->count[0] + t0) * c->count[1] + b->line) * c->count[LAST];
    const int64_t pitch = c->stride[LAST] * c->cols;
    const struct tro_gemm_range range = {row, row + b->n_lines * c->count[LAST], b->col,
                                         b->col + b->n_cols};
    const float *const w = tro_arg_ptr(r, &s->in[1]);
    /* c is where row 0, column 0 of the whole product would be */
    const struct tro_gemm_call call = {
        .a = p->conv.source == TRO_CONV_DIRECT ? tro_conv_direct : tro_conv_gather,
        .ctx = &rows,
        .b = w + b->group * c->packed + p->weights,
        .bias = c->has_bias ? (const float *)tro_arg_ptr(r, &s->in[2]) + b->group * c->n : NULL,
        .c = acc + last * c->cols,
        .c_row = row,
        .c_col = b->col,
        .c_pitch = pitch,
        .lo = -INFINITY,
        .hi = INFINITY,
        .room = r->scratch};
    tro_gemm_run(g, &call, &range);
}

static void run_block(const struct tro_step *s, const struct tro_step_run *r,
                      const struct transpose *c, const struct block *b)
{
    float *const acc = (void *)((char *)r->scratch + c->room_bytes);
    void *const scratch = (char *)acc + c->acc_bytes;
    for (int64_t last = 0; last < c->stride[LAST]; last++)
        run_phase(s, r, c, b, last, acc);
    for (int64_t i = 0; i < b->n_lines; i++) {
        const int64_t at[TRO_CONV_AXES] = {b->outer, (b->line + i) * c->stride[1] + b->phase};
        if (at[1] >= c->out[1])
            break;
        int64_t index[TRO_MAX_RANK] = {b->batch, b->group * c->n + b->col};
        for (int a = TRO_CONV_AXES + 2 - c->rank; a < TRO_CONV_AXES; a++)
            index[a + c->rank - TRO_CONV_AXES] = at[a];
        tro_tile_run(c->tile, r, index, c->out[LAST], b->n_cols,
                     acc + i * c->count[LAST] * c->stride[LAST] * c->cols, c->cols, scratch);
    }
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct transpose *const c = s->params;
    int64_t first, last;
    tro_part_range(count_blocks(c), r->part, r->n_parts, &first, &last);
    for (int64_t i = first; i < last; i++) {
        const struct block b = find_block(c, i);
        run_block(s, r, c, &b);
    }
    return 0;
}

/* ---- weights ------------------------------------------------------------------------------ */

struct pack {
    const struct transpose *c;
    const float *w;
    float *dst;
};

/* Place in the kernel of tap i of a phase. */
static int64_t find_tap(const struct transpose *c, const struct phase *p, int64_t i)
{
    int64_t tap = 0, unit = 1;
    for (int a = LAST; a >= 0; a--) {
        const struct phase_axis *const x = &p->axis[a];
        const int64_t j = x->n_taps - 1 - i % x->n_taps;
        tap += (x->first + j * x->step) * unit;
        unit *= c->kernel[a];
        i /= x->n_taps;
    }
    return tap;
}

/* All panels of one phase of one group, from w [channel, n, tap]. */
static void pack_phase(void *ctx, int64_t i)
{
    const struct pack *const q = ctx;
    const struct transpose *const c = q->c;
    const struct phase *const p = &c->phase[i % c->n_phases];
    const struct tro_gemm_set *const set = p->conv.plan.set;
    const int64_t group = i / c->n_phases, k = p->conv.plan.k, width = set->lanes * set->vectors;
    float *const dst = q->dst + group * c->packed + p->weights;
    for (int64_t tap = 0; tap < p->conv.n_taps; tap++) {
        const int64_t at = find_tap(c, p, tap);
        for (int64_t col = 0; col < c->n; col += width) {
            const int64_t left = c->n - col, n = left < width ? left : width;
            const int64_t w = (n + set->lanes - 1) / set->lanes * set->lanes;
            float *const panel = dst + tro_gemm_panel_offset(k, col) + tap * c->channels * w;
            for (int64_t ch = 0; ch < c->channels; ch++) {
                const int64_t row = (group * c->channels + ch) * c->n + col;
                for (int64_t j = 0; j < w; j++)
                    panel[ch * w + j] = j < n ? q->w[(row + j) * c->n_taps + at] : 0;
            }
        }
    }
}

static void pack(void *dst, const struct tro_tensor *w, const void *ctx)
{
    const struct transpose *const c = ctx;
    struct pack q = {c, w->data, dst};
    tro_parallel_for(c->groups * c->n_phases, pack_phase, &q);
}

static int take_weights(struct tro_lowering *l, const struct tro_lower_node *n,
                        const struct transpose *c, struct tro_arg *out)
{
    const struct tro_attrs_conv_transpose *const a = n->attrs;
    const struct tro_gemm_set *const set = c->phase[0].conv.plan.set;
    char form[256];
    int at = snprintf(form, sizeof form, "conv_transpose_f32 groups %" PRId64 " %dx%d", c->groups,
                      set->lanes, set->vectors);
    for (int i = 0; i < a->strides.n; i++)
        at += snprintf(form + at, sizeof form - (size_t)at, " s%" PRId64 "d%" PRId64 "p%" PRId64,
                       a->strides.v[i], a->dilations.v[i],
                       c->phase[0].axis[i + TRO_CONV_AXES - a->strides.n].pad);
    return tro_lower_pack(l, n->node->in[1], form, sizeof(float) * (size_t)(c->groups * c->packed),
                          pack, c, out);
}

/* ---- lowering ----------------------------------------------------------------------------- */

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* Taps k with (phase + pad - k * dilation) divisible by the stride. */
static struct phase_axis find_phase(int64_t phase, int64_t pad, int64_t stride, int64_t dilation,
                                    int64_t kernel)
{
    const int64_t common = gcd(stride, dilation);
    struct phase_axis p = {.step = stride / common, .dilation = dilation / common};
    while (p.first < p.step && (phase + pad - p.first * dilation) % stride)
        p.first++;
    if (p.first < p.step && p.first < kernel)
        p.n_taps = (kernel - 1 - p.first) / p.step + 1;
    const int64_t k = p.first + (p.n_taps - 1) * p.step;
    p.pad = p.n_taps ? -(phase + pad - k * dilation) / stride : 0;
    return p;
}

static bool find_sizes(struct tro_lowering *l, const struct tro_lower_node *n, struct transpose *c,
                       struct tro_conv_axis axis[TRO_CONV_AXES])
{
    const struct tro_attrs_conv_transpose *const attrs = n->attrs;
    struct tro_tensor x, w, y;
    if (!tro_lower_type(l, n->node->in[0], &x) || !tro_lower_const(l, n->node->in[1], &w) ||
        !tro_lower_type(l, n->node->out[0], &y))
        return false;
    const int n_axes = x.rank - 2, skip = TRO_CONV_AXES - n_axes;
    if (x.dtype != TRO_F32 || w.dtype != TRO_F32 || n_axes > TRO_CONV_AXES)
        return false;
    *c = (struct transpose){.rank = x.rank, .batch = x.shape[0], .groups = attrs->group};
    c->n = w.shape[1];
    c->channels = x.shape[1] / attrs->group;
    c->n_taps = c->n_phases = 1;
    for (int a = 0; a < TRO_CONV_AXES; a++) {
        const int i = a - skip;
        axis[a] = (struct tro_conv_axis){
            .in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (i >= 0)
            axis[a] = (struct tro_conv_axis){.in = x.shape[2 + i],
                                             .out = y.shape[2 + i],
                                             .kernel = w.shape[2 + i],
                                             .stride = attrs->strides.v[i],
                                             .dilation = attrs->dilations.v[i],
                                             .pad = tro_conv_transpose_pad(attrs, i, x.shape[2 + i],
                                                                           y.shape[2 + i],
                                                                           w.shape[2 + i])};
        c->stride[a] = axis[a].stride;
        c->kernel[a] = axis[a].kernel;
        c->out[a] = axis[a].out;
        c->count[a] = (axis[a].out + axis[a].stride - 1) / axis[a].stride;
        c->n_taps *= c->kernel[a];
        if (axis[a].stride > MOST_PHASES)
            return false;
        c->n_phases *= (int)axis[a].stride;
    }
    return c->n_phases <= MOST_PHASES && tro_tensor_n_elems(&y) > 0;
}

/* The convolution that a phase is: axes with strides of x, and the product's cut. */
static void init_phase(struct transpose *c, struct phase *p, const struct tro_conv_axis *axis,
                       const struct tro_arg *x, int index)
{
    struct tro_conv_f32 *const v = &p->conv;
    v->rank = c->rank;
    v->channels = c->channels;
    v->n_taps = 1;
    v->x_batch = x->stride[0];
    v->x_channel = x->shape[1] == 1 ? 1 : x->stride[1];
    bool is_direct = tro_conv_has_pitch(x, &v->axis[LAST].x_stride);
    for (int a = LAST; a >= 0; a--) {
        const int64_t stride = c->stride[a];
        p->axis[a] = find_phase(index % stride, axis[a].pad, stride, axis[a].dilation,
                                axis[a].kernel);
        index /= (int)stride;
        const int64_t pitch = v->axis[a].x_stride;
        v->axis[a] = (struct tro_conv_axis){.in = axis[a].in,
                                            .out = c->count[a],
                                            .kernel = p->axis[a].n_taps,
                                            .stride = 1,
                                            .dilation = p->axis[a].dilation,
                                            .pad = p->axis[a].pad};
        const int i = a - (TRO_CONV_AXES - c->rank);
        if (i >= 2)
            v->axis[a].x_stride = x->stride[i];
        if (is_direct && a == LAST)
            v->axis[a].x_stride = pitch;
        v->n_taps *= p->axis[a].n_taps;
        is_direct = is_direct && p->axis[a].n_taps == 1 && p->axis[a].pad == 0 &&
                    axis[a].in == c->count[a];
    }
    v->source = is_direct ? TRO_CONV_DIRECT : TRO_CONV_GATHERED;
}

static int init_phases(struct tro_lowering *l, struct transpose *c,
                       const struct tro_conv_axis *axis, const struct tro_arg *x)
{
    const struct tro_gemm_set *const set = tro_gemm_set_pick(tro_lower_cpu(l));
    const int64_t width = set->lanes * set->vectors;
    const int64_t lines = BLOCK_ROWS / (c->count[LAST] * c->stride[LAST]);
    c->lines = lines < 1 ? 1 : lines < c->count[1] ? lines : c->count[1];
    const int64_t rows = c->lines * c->count[LAST];
    const int64_t most = BLOCK_BYTES / 4 / (rows * c->stride[LAST]) / width * width;
    const int64_t whole = (c->n + width - 1) / width * width;
    c->cols = most < width ? width : most < whole ? most : whole;
    c->acc_bytes = sizeof(float) * (size_t)(rows * c->stride[LAST] * c->cols);
    c->phase = TRO_NEW_N(tro_lower_arena(l), struct phase, (size_t)c->n_phases);
    if (!c->phase)
        return tro_fail_nomem(tro_lower_err(l));
    for (int i = 0; i < c->n_phases; i++) {
        struct phase *const p = &c->phase[i];
        *p = (struct phase){.weights = c->packed};
        init_phase(c, p, axis, x, i);
        const int64_t k = c->channels * p->conv.n_taps;
        tro_gemm_plan_init(&p->conv.plan, set, 1, rows, c->n, k, false);
        c->packed += tro_gemm_packed_size(set, k, c->n);
        const size_t room = (tro_gemm_room(&p->conv.plan, false) * sizeof(float) + 63) / 64 * 64;
        c->room_bytes = room > c->room_bytes ? room : c->room_bytes;
    }
    return 0;
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct transpose *c, const struct tro_arg arg[3])
{
    const int n_in = c->has_bias ? 3 : 2;
    struct transpose *params;
    struct tro_step *const s = tro_lower_step(l, n, c->phase[0].conv.plan.set->kernel, run,
                                              n_in + tro_tile_n_in(c->tile),
                                              tro_tile_n_out(c->tile), sizeof *params, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = *c;
    for (int i = 0; i < n_in; i++)
        s->in[i] = arg[i];
    tro_tile_list(c->tile, s->in + n_in, s->out);
    const int64_t blocks = count_blocks(c);
    s->n_parts = (int)(blocks < tro_lower_n_threads(l) ? blocks : tro_lower_n_threads(l));
    s->scratch_bytes = c->room_bytes + c->acc_bytes + tro_tile_scratch(c->tile);
    double pixels = (double)(c->batch * c->groups * c->n);
    for (int a = 0; a < TRO_CONV_AXES; a++)
        pixels *= (double)c->out[a] / (double)c->stride[a];
    s->n_flops = pixels * 2 * (double)(c->channels * c->n_taps);
    return 1;
}

int tro_cpu_emit_conv_transpose_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct transpose c;
    struct tro_conv_axis axis[TRO_CONV_AXES];
    struct tro_arg arg[3];
    if (!find_sizes(l, n, &c, axis))
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_CHANNELS_LAST, &arg[0]));
    const int rc = tro_tile_compile(l, n, TRO_F32, c.rank - 1, 1, TRO_FORM_CHANNELS_LAST, &c.tile);
    if (rc <= 0)
        return rc;
    TRO_TRY(init_phases(l, &c, axis, &arg[0]));
    TRO_TRY(take_weights(l, n, &c, &arg[1]));
    c.has_bias = n->node->n_in > 2 && n->node->in[2].i;
    if (c.has_bias)
        TRO_TRY(tro_lower_in(l, n->node->in[2], TRO_FORM_DENSE, &arg[2]));
    return add_step(l, n, &c, arg);
}
