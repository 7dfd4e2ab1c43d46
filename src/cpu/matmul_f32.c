/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul. Products that share B are one product of more rows; others are a batch. B is packed when
 * it is a constant once for the plan, else in each run: by the threads for the products they have,
 * or by a step in front where there are too few products to share out.
 */
#include "cpu/cpu.h"
#include "cpu/gemm.h"
#include "cpu/tile.h"

#include "base/err.h"
#include "base/thread.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum b_source { B_CONST, B_THREAD, B_STEP };

struct matmul_f32 {
    struct tro_gemm_plan plan; /* a batch entry for each product, or one for all */
    enum b_source b_source;
    int rank;                    /* of the result */
    int64_t shape[TRO_MAX_RANK]; /* of the result */
    int64_t m;                   /* of one product: rows that tiles do not cross */
    int64_t a_stride[TRO_MAX_RANK], b_stride[TRO_MAX_RANK]; /* batch axes: 0 where repeated; of b
                                                               packed: in products */
    int64_t b_k_stride, b_n_stride;                         /* of B where it lies */
    bool is_a_even;                                         /* all rows of a product at one pitch */
    int64_t a_pitch;
    bool has_bias;
    struct tro_tile *tile;
    enum tro_tile_kind kind;
    float lo, hi;
    int64_t out_pitch, other_pitch;
    size_t room_bytes, b_bytes; /* scratch: the product's, packed B, the tile's */
};

/* ---- running ------------------------------------------------------------------------------ */

/* Offset of batch index i by strides over the axes before the last two. */
static int64_t batch_offset(const struct matmul_f32 *p, const int64_t *stride, int64_t i)
{
    int64_t offset = 0;
    for (int a = p->rank - 3; a >= 0; a--) {
        offset += i % p->shape[a] * stride[a];
        i /= p->shape[a];
    }
    return offset;
}

struct product {
    const struct matmul_f32 *p;
    const struct tro_step_run *step;
    const float *a;
    int64_t first; /* row of all products that is row 0 of this one */
    void *scratch; /* of the tile */
};

static const float *rows_of_a(const void *ctx, int64_t row, int64_t n_rows, int64_t k, int64_t n_k,
                              float *room, int64_t *pitch)
{
    const struct product *const c = ctx;
    const struct matmul_f32 *const p = c->p;
    if (p->is_a_even) {
        *pitch = p->a_pitch;
        return c->a + row * p->a_pitch + k;
    }
    *pitch = n_k;
    for (int64_t done = 0; done < n_rows;) {
        const int64_t at = c->first + row + done, left = p->m - at % p->m;
        const int64_t n = n_rows - done < left ? n_rows - done : left;
        const float *const src = c->a + batch_offset(p, p->a_stride, at / p->m) +
                                 at % p->m * p->a_pitch + k;
        p->plan.set->copy(room + done * n_k, n_k, src, p->a_pitch, n, n_k);
        done += n;
    }
    return room;
}

static void finish_block(const void *ctx, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols,
                         const float *acc, int64_t pitch)
{
    const struct product *const c = ctx;
    const struct matmul_f32 *const p = c->p;
    int64_t index[TRO_MAX_RANK] = {0};
    index[p->rank - 1] = col;
    for (int64_t done = 0; done < n_rows;) {
        int64_t rest = c->first + row + done;
        for (int a = p->rank - 2; a >= 0; a--) {
            index[a] = rest % p->shape[a];
            rest /= p->shape[a];
        }
        const int64_t left = p->m - index[p->rank - 2];
        const int64_t n = n_rows - done < left ? n_rows - done : left;
        tro_tile_run(p->tile, c->step, index, n, n_cols, acc + done * pitch, pitch, c->scratch);
        done += n;
    }
}

/* Columns of B in this thread's memory. */
static const float *pack_b(const struct matmul_f32 *p, const struct tro_step_run *r, const float *b,
                           const struct tro_gemm_range *range)
{
    const struct tro_gemm_plan *const g = &p->plan;
    const int64_t width = (int64_t)g->set->lanes * g->set->vectors;
    float *const dst = (void *)((char *)r->scratch + p->room_bytes);
    tro_gemm_pack(g->set, dst, b, g->k, g->n, p->b_k_stride, p->b_n_stride, range->col / width,
                  (range->col_end + width - 1) / width);
    return dst;
}

static void run_product(const struct tro_step *s, const struct tro_step_run *r, int64_t i,
                        const struct tro_gemm_range *range)
{
    const struct matmul_f32 *const p = s->params;
    const struct tro_gemm_plan *const g = &p->plan;
    const float *const b = tro_arg_ptr(r, &s->in[1]);
    const int64_t b_at = batch_offset(p, p->b_stride, i);
    struct product c = {.p = p, .step = r, .a = tro_arg_ptr(r, &s->in[0]), .first = i * g->m};
    if (p->is_a_even && g->n_batch > 1)
        c.a += batch_offset(p, p->a_stride, i);
    c.scratch = (char *)r->scratch + p->room_bytes + p->b_bytes;
    struct tro_gemm_call call = {.a = rows_of_a,
                                 .ctx = &c,
                                 .lo = p->lo,
                                 .hi = p->hi,
                                 .room = r->scratch,
                                 .c_pitch = p->out_pitch,
                                 .other_pitch = p->other_pitch};
    call.bias = p->has_bias ? tro_arg_ptr(r, &s->in[2]) : NULL;
    call.b = p->b_source == B_THREAD ? pack_b(p, r, b + b_at, range)
                                     : b + b_at * tro_gemm_packed_size(g->set, g->k, g->n);
    if (p->kind == TRO_TILE_GENERAL) {
        call.done = finish_block;
    } else {
        const struct tro_arg *const out = tro_tile_out(p->tile), *other = tro_tile_other(p->tile);
        const bool is_one = g->n_batch == 1;
        call.c = (float *)tro_arg_ptr(r, out) + (is_one ? 0 : batch_offset(p, out->stride, i));
        if (p->kind == TRO_TILE_ADD_CLAMP)
            call.other = (const float *)tro_arg_ptr(r, other) +
                         (is_one ? 0 : batch_offset(p, other->stride, i));
    }
    tro_gemm_run(g, &call, range);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct tro_gemm_plan *const g = &((const struct matmul_f32 *)s->params)->plan;
    const struct tro_gemm_range all = tro_gemm_split(g, r->part, r->n_parts);
    for (int64_t row = all.row; row < all.row_end;) {
        const int64_t i = row / g->m, end = (i + 1) * g->m;
        struct tro_gemm_range part = all;
        part.row = row - i * g->m;
        part.row_end = (end < all.row_end ? end : all.row_end) - i * g->m;
        if (part.col < part.col_end)
            run_product(s, r, i, &part);
        row = end;
    }
    return 0;
}

/* ---- B ------------------------------------------------------------------------------------ */

/* Several B of one size, each with its own place. */
struct pack_step {
    const struct tro_gemm_set *set;
    int64_t n_products, k, n, k_stride, n_stride;
    int rank;
    int64_t shape[TRO_MAX_RANK], stride[TRO_MAX_RANK]; /* of all axes */
};

static void pack_one(const struct pack_step *p, const float *b, float *dst, int64_t i)
{
    const int64_t width = (int64_t)p->set->lanes * p->set->vectors;
    const int64_t panels = (p->n + width - 1) / width, panel = i % panels;
    int64_t rest = i / panels, offset = 0;
    dst += rest * tro_gemm_packed_size(p->set, p->k, p->n);
    for (int a = p->rank - 3; a >= 0; a--) {
        offset += rest % p->shape[a] * p->stride[a];
        rest /= p->shape[a];
    }
    tro_gemm_pack(p->set, dst, b + offset, p->k, p->n, p->k_stride, p->n_stride, panel, panel + 1);
}

static int64_t count_panels(const struct pack_step *p)
{
    const int64_t width = (int64_t)p->set->lanes * p->set->vectors;
    return p->n_products * ((p->n + width - 1) / width);
}

static int run_pack(const struct tro_step *s, const struct tro_step_run *r)
{
    const struct pack_step *const p = s->params;
    int64_t first, last;
    tro_part_range(count_panels(p), r->part, r->n_parts, &first, &last);
    for (int64_t i = first; i < last; i++)
        pack_one(p, tro_arg_ptr(r, &s->in[0]), tro_arg_ptr(r, &s->out[0]), i);
    return 0;
}

struct pack_const {
    const struct pack_step *p;
    const float *b;
    float *dst;
};

static void pack_const_one(void *ctx, int64_t i)
{
    const struct pack_const *const c = ctx;
    pack_one(c->p, c->b, c->dst, i);
}

static void pack_const(void *dst, const struct tro_tensor *w, const void *ctx)
{
    struct pack_const c = {ctx, w->data, dst};
    tro_parallel_for(count_panels(c.p), pack_const_one, &c);
}

static void describe_b(struct pack_step *p, const struct matmul_f32 *m, const struct tro_arg *b)
{
    *p = (struct pack_step){.set = m->plan.set,
                            .n_products = 1,
                            .k = m->plan.k,
                            .n = m->plan.n,
                            .k_stride = b->stride[b->rank - 2],
                            .n_stride = b->stride[b->rank - 1],
                            .rank = b->rank};
    for (int a = 0; a < b->rank; a++) {
        p->shape[a] = b->shape[a];
        p->stride[a] = b->stride[a];
        if (a < b->rank - 2)
            p->n_products *= b->shape[a];
    }
}

/* Row-major strides of a tensor in elements, as an arg. */
static struct tro_arg dense_arg(const struct tro_tensor *t)
{
    struct tro_arg a = {.rank = t->rank, .dtype = t->dtype};
    int64_t stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        a.shape[i] = t->shape[i];
        a.stride[i] = stride;
        stride *= t->shape[i];
    }
    return a;
}

static int take_const_b(struct tro_lowering *l, const struct tro_lower_node *n,
                        struct matmul_f32 *m, const struct tro_tensor *w, struct tro_arg *b)
{
    const struct tro_arg where = dense_arg(w);
    struct pack_step p;
    describe_b(&p, m, &where);
    char form[64];
    snprintf(form, sizeof form, "matmul_f32 %dx%d", p.set->lanes, p.set->vectors);
    const int64_t size = p.n_products * tro_gemm_packed_size(p.set, p.k, p.n);
    return tro_lower_pack(l, n->node->in[1], form, sizeof(float) * (size_t)size, pack_const, &p, b);
}

static int add_pack_step(struct tro_lowering *l, const struct tro_lower_node *n,
                         struct matmul_f32 *m, const struct tro_arg *in, struct tro_arg *b)
{
    struct pack_step *p;
    struct tro_step *const s = tro_lower_step(l, n, "matmul_f32_pack", run_pack, 1, 1, sizeof *p,
                                              &p);
    if (!s)
        return TRO_E_NOMEM;
    describe_b(p, m, in);
    const int64_t size = p->n_products * tro_gemm_packed_size(p->set, p->k, p->n);
    TRO_TRY(tro_lower_temp(l, sizeof(float) * (size_t)size, b));
    s->in[0] = *in;
    s->out[0] = *b;
    const int64_t parts = size / 16384 + 1, panels = count_panels(p);
    s->n_parts = (int)(parts < tro_lower_n_threads(l) ? parts : tro_lower_n_threads(l));
    if (s->n_parts > panels)
        s->n_parts = panels > 0 ? (int)panels : 1;
    return 0;
}

/* Strides of the batch axes of `b` for the axes of the result; in products when it is packed. */
static void stride_b(struct matmul_f32 *m, const int64_t *shape, const int64_t *stride, int rank)
{
    int64_t n = 1;
    for (int a = rank - 3; a >= 0; a--) {
        const int to = a + m->rank - rank;
        m->b_stride[to] = shape[a] == 1 ? 0 : stride && m->b_source == B_THREAD ? stride[a] : n;
        n *= shape[a];
    }
}

static int take_b(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul_f32 *m,
                  struct tro_arg *b)
{
    struct tro_tensor w;
    if (tro_lower_const(l, n->node->in[1], &w)) {
        m->b_source = B_CONST;
        stride_b(m, w.shape, NULL, w.rank);
        return take_const_b(l, n, m, &w, b);
    }
    struct tro_arg in;
    TRO_TRY(tro_lower_in(l, n->node->in[1], TRO_FORM_ANY, &in));
    m->b_source = m->plan.n_batch >= 2 * tro_lower_n_threads(l) ? B_THREAD : B_STEP;
    m->b_k_stride = in.stride[in.rank - 2];
    m->b_n_stride = in.stride[in.rank - 1];
    stride_b(m, in.shape, in.stride, in.rank);
    *b = in;
    if (m->b_source == B_STEP)
        return add_pack_step(l, n, m, &in, b);
    const int64_t size = tro_gemm_packed_size(m->plan.set, m->plan.k, m->plan.n);
    m->b_bytes = (sizeof(float) * (size_t)size + 63) / 64 * 64;
    return 0;
}

/* ---- lowering ----------------------------------------------------------------------------- */

static bool is_one_b(const struct tro_tensor *b)
{
    for (int a = 0; a < b->rank - 2; a++)
        if (b->shape[a] != 1)
            return false;
    return true;
}

static bool find_sizes(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul_f32 *m,
                       const struct tro_gemm_set *set)
{
    struct tro_tensor a, b, y;
    if (!tro_lower_type(l, n->node->in[0], &a) || !tro_lower_type(l, n->node->in[1], &b) ||
        !tro_lower_type(l, n->node->out[0], &y))
        return false;
    if (a.dtype != TRO_F32 || a.rank < 2 || b.rank < 2)
        return false;
    m->rank = y.rank;
    int64_t n_batch = 1;
    for (int i = 0; i < y.rank; i++) {
        m->shape[i] = y.shape[i];
        n_batch *= i < y.rank - 2 ? y.shape[i] : 1;
    }
    m->m = y.shape[y.rank - 2];
    const int64_t cols = y.shape[y.rank - 1], k = a.shape[a.rank - 1];
    const bool is_one = is_one_b(&b);
    tro_gemm_plan_init(&m->plan, set, is_one ? 1 : n_batch, is_one ? n_batch * m->m : m->m, cols, k,
                       true);
    return true;
}

/* Strides of rows over the axes from `axis` to the last but one are those of one pitch. */
static bool has_pitch(const int64_t *shape, const int64_t *stride, int axis, int last,
                      int64_t *pitch)
{
    int64_t n = 1;
    *pitch = 0;
    for (int i = last; i >= axis; i--) {
        if (shape[i] == 1)
            continue;
        if (n == 1)
            *pitch = stride[i];
        else if (stride[i] != *pitch * n)
            return false;
        n *= shape[i];
    }
    return true;
}

static int take_a(struct tro_lowering *l, const struct tro_lower_node *n, struct matmul_f32 *m,
                  struct tro_arg *a)
{
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ROWS, a));
    const int skip = m->rank - a->rank;
    int64_t stride[TRO_MAX_RANK] = {0};
    for (int i = 0; i < a->rank - 1; i++)
        stride[i + skip] = a->shape[i] == 1 ? 0 : a->stride[i];
    for (int i = 0; i < m->rank - 2; i++)
        m->a_stride[i] = stride[i];
    const int first = m->plan.n_batch == 1 ? 0 : m->rank - 2;
    m->is_a_even = has_pitch(m->shape, stride, first, m->rank - 2, &m->a_pitch);
    if (!m->is_a_even)
        m->a_pitch = stride[m->rank - 2];
    return 0;
}

static void find_epilogue(struct matmul_f32 *m)
{
    m->kind = tro_tile_kind(m->tile);
    m->lo = -INFINITY;
    m->hi = INFINITY;
    if (m->kind == TRO_TILE_GENERAL)
        return;
    const int first = m->plan.n_batch == 1 ? 0 : m->rank - 2;
    const struct tro_arg *const arg[] = {
        tro_tile_out(m->tile), m->kind == TRO_TILE_ADD_CLAMP ? tro_tile_other(m->tile) : NULL};
    int64_t *const pitch[] = {&m->out_pitch, &m->other_pitch};
    for (int i = 0; i < 2 && arg[i]; i++)
        if (!tro_arg_is_rows(arg[i]) ||
            !has_pitch(arg[i]->shape, arg[i]->stride, first, m->rank - 2, pitch[i])) {
            m->kind = TRO_TILE_GENERAL;
            return;
        }
    tro_tile_clamp(m->tile, &m->lo, &m->hi);
}

/* Which input of the first node after the product is added to each row of it; -1: none. */
static int find_bias(struct tro_lowering *l, const struct tro_lower_node *n, int64_t cols)
{
    const tro_value_id product = n->node->out[0];
    int uses = 0;
    for (int i = 0; i < n->n_epilogue; i++)
        for (uint32_t k = 0; k < n->epilogue[i]->n_in; k++)
            uses += tro_value_eq(n->epilogue[i]->in[k], product);
    for (int i = 0; i < n->n_out; i++)
        uses += tro_value_eq(n->block_out[i], product);
    if (n->n_epilogue == 0 || uses != 1 || n->epilogue[0]->op != TRO_OP_ADD)
        return -1;
    const int at = tro_value_eq(n->epilogue[0]->in[0], product) ? 1 : 0;
    struct tro_tensor t;
    if (!tro_value_eq(n->epilogue[0]->in[1 - at], product) ||
        !tro_lower_type(l, n->epilogue[0]->in[at], &t) || t.rank < 1 ||
        t.shape[t.rank - 1] != cols || tro_tensor_n_elems(&t) != cols)
        return -1;
    return at;
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct matmul_f32 *m, const struct tro_arg arg[3])
{
    const struct tro_gemm_plan *const g = &m->plan;
    const int n_in = m->has_bias ? 3 : 2;
    struct matmul_f32 *params;
    struct tro_step *const s = tro_lower_step(l, n, g->set->kernel, run,
                                              n_in + tro_tile_n_in(m->tile),
                                              tro_tile_n_out(m->tile), sizeof *params, &params);
    if (!s)
        return TRO_E_NOMEM;
    *params = *m;
    for (int i = 0; i < n_in; i++)
        s->in[i] = arg[i];
    tro_tile_list(m->tile, s->in + n_in, s->out);
    s->n_parts = tro_gemm_n_parts(g, tro_lower_n_threads(l));
    s->scratch_bytes = m->room_bytes + m->b_bytes + tro_tile_scratch(m->tile);
    const double results = (double)g->n_batch * (double)g->m * (double)g->n;
    s->n_flops = results * (2 * (double)g->k + tro_tile_flops(m->tile));
    return 1;
}

/* `after` is what remains to be done after the product and its bias. */
static int emit(struct tro_lowering *l, const struct tro_lower_node *n,
                const struct tro_lower_node *after, tro_value_id bias, struct matmul_f32 *m)
{
    struct tro_arg arg[3];
    const struct tro_gemm_plan g = m->plan;
    const int rc = tro_tile_compile(l, after, TRO_F32, m->rank - 2, m->rank - 1, TRO_FORM_ROWS,
                                    &m->tile);
    if (rc <= 0)
        return rc;
    find_epilogue(m);
    const bool is_general = m->kind == TRO_TILE_GENERAL;
    tro_gemm_plan_init(&m->plan, g.set, g.n_batch, g.m, g.n, g.k, is_general);
    m->room_bytes = (tro_gemm_room(&m->plan, is_general) * sizeof(float) + 63) / 64 * 64;
    TRO_TRY(take_a(l, n, m, &arg[0]));
    TRO_TRY(take_b(l, n, m, &arg[1]));
    m->has_bias = bias.i != 0;
    if (m->has_bias)
        TRO_TRY(tro_lower_in(l, bias, TRO_FORM_DENSE, &arg[2]));
    return add_step(l, n, m, arg);
}

int tro_cpu_emit_matmul_f32(struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct matmul_f32 m = {0};
    if (!find_sizes(l, n, &m, tro_gemm_set_pick(tro_lower_cpu(l))))
        return 0;
    const int bias = find_bias(l, n, m.plan.n);
    if (bias < 0)
        return emit(l, n, n, TRO_VALUE_NONE, &m);
    struct tro_node with_bias = *n->node;
    with_bias.out = n->epilogue[0]->out;
    struct tro_lower_node after = *n;
    after.node = &with_bias;
    after.epilogue++;
    after.n_epilogue--;
    return emit(l, n, &after, n->epilogue[0]->in[bias], &m);
}
