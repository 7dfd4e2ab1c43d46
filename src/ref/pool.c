/* SPDX-License-Identifier: Apache-2.0 */
/* pool: max, average and Lp over windows. */
#include "ref/kernels.h"
#include "ref/parts.h"
#include "ref/rows.h"
#include "ref/windows.h"

#include "base/dtype.h"

#include <math.h>
#include <string.h>

struct pool {
    const struct tro_attrs_pool *a;
    struct tro_windows windows;
    const struct tro_tensor *x;
    struct tro_tensor *y, *indices; /* indices: NULL when not wanted */
};

/* The taps of one window that lie inside of the input: n along each axis, from `at` on. */
struct inside {
    int64_t at[TRO_MAX_SPATIAL], n[TRO_MAX_SPATIAL];
    int64_t n_taps;
    double n_padded; /* taps that lie in the input or its padding */
};

/* Taps k >= 0 with start + k * dilation < end. */
static int64_t taps_before(int64_t start, int64_t dilation, int64_t end, int64_t kernel)
{
    if (start >= end)
        return 0;
    const int64_t n = (end - 1 - start) / dilation + 1;
    return n < kernel ? n : kernel;
}

static void clip(const struct tro_windows *w, const int64_t *o, struct inside *s)
{
    s->n_taps = 1;
    s->n_padded = 1;
    for (int i = 0; i < w->n_axes; i++) {
        const int64_t start = o[i] * w->stride[i] - w->pad[i], d = w->dilation[i];
        const int64_t skipped = start < 0 ? (d - 1 - start) / d : 0;
        const int64_t before = taps_before(start, d, w->in[i], w->kernel[i]);
        s->at[i] = start + skipped * d;
        s->n[i] = before > skipped ? before - skipped : 0;
        s->n_taps *= s->n[i];
        s->n_padded *= (double)taps_before(start, d, w->in[i] + w->pad_end[i], w->kernel[i]);
    }
}

/* Place of a tap in its plane. */
static int64_t place(const struct tro_windows *w, const struct inside *s, const int64_t *k)
{
    int64_t at = 0;
    for (int i = 0; i < w->n_axes; i++)
        at = at * w->in[i] + s->at[i] + k[i] * w->dilation[i];
    return at;
}

/* ---- max ------------------------------------------------------------------------------- */

/* Place of the first of the greatest elements, by their order as integers; -1: there is none. */
static int64_t greatest(const struct tro_windows *w, const struct inside *s, const int64_t *keys)
{
    const int last = w->n_axes - 1;
    int64_t k[TRO_MAX_SPATIAL] = {0}, best = -1;
    for (int64_t i = 0; i < s->n_taps; i += s->n[last]) {
        const int64_t row = place(w, s, k);
        for (int64_t j = 0; j < s->n[last]; j++) {
            const int64_t at = row + j * w->dilation[last];
            if (best < 0 || keys[at] > keys[best])
                best = at;
        }
        tro_windows_step(last, s->n, k);
    }
    return best;
}

/* Index of a place when the first spatial axis varies fastest. */
static int64_t column_major(const struct tro_windows *w, int64_t at)
{
    int64_t index[TRO_MAX_SPATIAL], flat = 0;
    tro_windows_split(w->n_axes, w->in, at, index);
    for (int i = w->n_axes - 1; i >= 0; i--)
        flat = flat * w->in[i] + index[i];
    return flat;
}

/* Of nothing the maximum is the least value, and its index -1. */
static void store_max(const struct pool *p, int64_t plane, int64_t o, int64_t best)
{
    const struct tro_windows *const w = &p->windows;
    const int64_t to = plane * w->n_out + o;
    const size_t size = tro_dtype_size(p->x->dtype);
    if (best >= 0)
        memcpy((char *)p->y->data + (size_t)to * size,
               (const char *)p->x->data + (size_t)(plane * w->n_in + best) * size, size);
    else if (tro_dtype_is_float(p->x->dtype))
        tro_store_f64(p->y->dtype, p->y->data, to, -INFINITY);
    else
        tro_store_i64(p->y->dtype, p->y->data, to, tro_dtype_min(p->y->dtype));
    if (!p->indices)
        return;
    const int64_t index = p->a->column_major && best >= 0 ? column_major(w, best) : best;
    tro_store_i64(TRO_I64, p->indices->data, to, best < 0 ? -1 : plane * w->n_in + index);
}

static void max_plane(void *ctx, int64_t plane, void *memory)
{
    const struct pool *const p = ctx;
    const struct tro_windows *const w = &p->windows;
    int64_t *const keys = memory;
    int64_t o[TRO_MAX_SPATIAL] = {0};
    struct inside s;
    tro_load_row_keys(p->x->dtype, p->x->data, plane * w->n_in, w->n_in, keys);
    for (int64_t i = 0; i < w->n_out; i++) {
        clip(w, o, &s);
        store_max(p, plane, i, greatest(w, &s, keys));
        tro_windows_step(w->n_axes, w->out, o);
    }
}

/* ---- average and Lp ---------------------------------------------------------------------- */

static double power(double v, int64_t p)
{
    return p == 1 ? fabs(v) : p == 2 ? v * v : pow(fabs(v), (double)p);
}

/* Sum over a window; p = 0: of the elements, else of their absolute values to the power of p. */
static double sum(const struct tro_windows *w, const struct inside *s, const double *x, int64_t p)
{
    const int last = w->n_axes - 1;
    int64_t k[TRO_MAX_SPATIAL] = {0};
    double total = 0;
    for (int64_t i = 0; i < s->n_taps; i += s->n[last]) {
        const double *const row = x + place(w, s, k);
        for (int64_t j = 0; j < s->n[last]; j++) {
            const double v = row[j * w->dilation[last]];
            total += p == 0 ? v : power(v, p);
        }
        tro_windows_step(last, s->n, k);
    }
    return total;
}

static void sum_plane(void *ctx, int64_t plane, void *memory)
{
    const struct pool *const p = ctx;
    const struct tro_windows *const w = &p->windows;
    const int64_t power_of = p->a->kind == tro_pool_lp ? p->a->p : 0;
    double *const x = memory;
    int64_t o[TRO_MAX_SPATIAL] = {0};
    struct inside s;
    tro_load_row_f64(p->x->dtype, p->x->data, plane * w->n_in, w->n_in, x);
    for (int64_t i = 0; i < w->n_out; i++) {
        clip(w, o, &s);
        double v = sum(w, &s, x, power_of);
        if (power_of == 0)
            v /= p->a->count_include_pad ? s.n_padded : (double)s.n_taps;
        else if (power_of > 1)
            v = power_of == 2 ? sqrt(v) : pow(v, 1 / (double)power_of);
        tro_store_f64(p->y->dtype, p->y->data, plane * w->n_out + i, v);
        tro_windows_step(w->n_axes, w->out, o);
    }
}

int tro_ref_pool(struct tro_ref_call *c)
{
    const struct tro_attrs_pool *const a = c->attrs;
    struct pool p = {.a = a, .x = &c->in[0], .y = &c->out[0]};
    struct tro_windows *const w = &p.windows;
    if (c->n_out > 1 && c->out[1].data)
        p.indices = &c->out[1];
    tro_windows_init(w, p.x->shape + 2, p.y->shape + 2, a->kernel.v, &a->strides, &a->dilations,
                     &a->pads, a->auto_pad);
    const int64_t n_planes = p.x->shape[0] * p.x->shape[1];
    const double work = 4 * (double)n_planes * ((double)w->n_in + 8 * (double)w->n_out);
    return tro_ref_parts(n_planes, work, (size_t)w->n_in * sizeof(double),
                         a->kind == tro_pool_max ? max_plane : sum_plane, &p, c->err);
}
