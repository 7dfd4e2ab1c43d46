/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of heat maps: elements that nothing around them exceeds, sorted. */
#include "ref/boxes.h"
#include "ref/kernels.h"

#include "base/err.h"
#include "ref/order.h"

struct map {
    const float *x;
    int64_t w, h;
};

/* Equal elements in their order; NaN is none. */
static bool is_before(const void *ctx, int64_t a, int64_t b)
{
    const float *const x = ((const struct map *)ctx)->x;
    const bool is_a = x[a] == x[a], is_b = x[b] == x[b];
    if (!is_a || !is_b)
        return is_a != is_b ? is_a : a < b;
    return x[a] == x[b] ? a < b : x[a] > x[b];
}

static bool is_peak(const struct map *m, int64_t at, const struct tro_attrs_peaks *a)
{
    const int64_t x = at % m->w, y = at / m->w;
    if (!(m->x[at] >= (float)a->threshold))
        return false;
    for (int64_t v = y - a->radius; v <= y + a->radius; v++)
        for (int64_t u = x - a->radius; u <= x + a->radius; u++)
            if (u >= 0 && u < m->w && v >= 0 && v < m->h && is_before(m, v * m->w + u, at))
                return false;
    return true;
}

static float element(const struct map *m, int64_t x, int64_t y)
{
    return x >= 0 && x < m->w && y >= 0 && y < m->h ? m->x[y * m->w + x] : 0;
}

static void write_peak(const struct map *m, int64_t at, const struct tro_attrs_peaks *a, float *out)
{
    const struct tro_box_map to = tro_box_map_of(a->x_scale, a->y_scale, a->x_offset, a->y_offset);
    const int64_t x = at % m->w, y = at / m->w;
    const struct tro_peak p = {.x = x,
                               .y = y,
                               .w = m->w,
                               .h = m->h,
                               .score = m->x[at],
                               .left = element(m, x - 1, y),
                               .right = element(m, x + 1, y),
                               .up = element(m, x, y - 1),
                               .down = element(m, x, y + 1)};
    tro_peak_refine(&p, a->refine, &to, out);
}

int tro_ref_peaks(struct tro_ref_call *c)
{
    static const float none[3] = {-1, -1, 0};
    const struct tro_attrs_peaks *const a = c->attrs;
    const struct tro_tensor *const x = &c->in[0];
    const int64_t n = x->shape[2] * x->shape[3];
    int64_t *const order = TRO_NEW_N(c->scratch, int64_t, (size_t)n + 1);
    float *out = c->out[0].data;
    if (!order)
        return tro_fail_nomem(c->err);
    for (int64_t i = 0; i < x->shape[0] * x->shape[1]; i++) {
        const struct map m = {(const float *)x->data + i * n, x->shape[3], x->shape[2]};
        int64_t n_found = 0;
        tro_order_first(order, n, n, is_before, &m);
        for (int64_t k = 0; k < n && n_found < a->n_peaks; k++)
            if (is_peak(&m, order[k], a))
                write_peak(&m, order[k], a, out + 3 * n_found++);
        for (; n_found < a->n_peaks; n_found++)
            memcpy(out + 3 * n_found, none, sizeof none);
        out += 3 * a->n_peaks;
    }
    return 0;
}
