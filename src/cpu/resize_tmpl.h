/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level; RESIZE_FN and RESIZE_PLANE_FN name the functions. */
#include "cpu/resize.h"

#include "cpu/simd.h"

enum { DEEP = 4 /* vectors of channels at a time */ };

/* n = 0: a whole vector. */
static inline vf load_part(const float *p, int64_t n)
{
    return n ? vf_load_n(p, n) : vf_load(p);
}

static inline vf mul_add(vf a, vf b, vf c)
{
#if defined(__FMA__) || defined(__ARM_NEON)
    return vf_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* One result: n_v vectors, or n_part channels. Sums begin at -0, which leaves the first product as
 * it is. */
static inline __attribute__((always_inline)) void blend(const struct tro_resize_row *r,
                                                        const struct tro_blend *w, const float *x,
                                                        float *out, const int n_v,
                                                        const int64_t n_part)
{
    const vf lo = vf_set(r->lo), hi = vf_set(r->hi);
    vf acc[DEEP];
    for (int v = 0; v < n_v; v++)
        acc[v] = vf_set(-0.0F);
    for (int64_t i = 0; i < r->d->n; i++) {
        const float *const plane = x + r->d->index[i] * r->pitch[TRO_D];
        for (int64_t j = 0; j < r->h->n; j++) {
            const float *const row = plane + r->h->index[j] * r->pitch[TRO_H];
            const float rest = r->d->weight[i] * r->h->weight[j];
            for (int64_t k = 0; k < w->n; k++) {
                const float *const from = row + w->index[k] * r->pitch[TRO_W];
                const vf weight = vf_set(rest * w->weight[k]);
                for (int v = 0; v < n_v; v++)
                    acc[v] = mul_add(load_part(from + v * VF_LANES, n_part), weight, acc[v]);
            }
        }
    }
    for (int v = 0; v < n_v; v++) {
        const vf y = vf_min(hi, vf_max(lo, acc[v]));
        if (n_part)
            vf_store_n(out, y, n_part);
        else
            vf_store(out + v * VF_LANES, y);
    }
}

void RESIZE_FN(const struct tro_resize_row *r)
{
    for (int64_t i = 0; i < r->n_w; i++) {
        const struct tro_blend *const w = &r->w[i];
        float *const out = r->out + i * r->out_pitch;
        int64_t c = 0;
        for (; c + DEEP * VF_LANES <= r->n_channels; c += DEEP * VF_LANES)
            blend(r, w, r->x + c, out + c, DEEP, 0);
        for (; c + VF_LANES <= r->n_channels; c += VF_LANES)
            blend(r, w, r->x + c, out + c, 1, 0);
        if (c < r->n_channels)
            blend(r, w, r->x + c, out + c, 1, r->n_channels - c);
    }
}

/* ---- planes -------------------------------------------------------------------------------- */

static void resize_width(const struct tro_resize_width *w, const float *restrict x,
                         float *restrict out)
{
    for (int64_t i = 0; i < w->n_w; i++)
        out[i] = x[w->index[i]] * w->weight[i];
    for (int64_t k = 1; k < w->n_taps; k++) {
        const int32_t *const index = w->index + k * w->n_w;
        const float *const weight = w->weight + k * w->n_w;
        for (int64_t i = 0; i < w->n_w; i++) {
            const float more = out[i] + x[index[i]] * weight[i];
            out[i] = weight[i] != 0 ? more : out[i];
        }
    }
}

static const float *cached_row(const struct tro_resize_plane *r, int64_t d, int64_t h)
{
    const struct tro_resize_cache *const c = r->cache;
    const int64_t place = d % c->n_d * c->n_h + h % c->n_h;
    const int64_t tag = d * r->pitch[TRO_D] + h * r->pitch[TRO_H];
    float *const row = c->row + place * c->pitch;
    if (c->tag[place] != tag) {
        resize_width(r->w, r->x + tag, row);
        c->tag[place] = tag;
    }
    return row;
}

/* n_v vectors, or n_part floats, from column `at` on. */
static inline __attribute__((always_inline)) void blend_rows(const struct tro_resize_cache *c,
                                                             int64_t n, int64_t at, float *out,
                                                             const int n_v, const int64_t n_part)
{
    vf acc[DEEP];
    for (int v = 0; v < n_v; v++)
        acc[v] = vf_set(-0.0F);
    for (int64_t i = 0; i < n; i++) {
        const vf weight = vf_set(c->weight[i]);
        for (int v = 0; v < n_v; v++)
            acc[v] = mul_add(load_part(c->tap[i] + at + v * VF_LANES, n_part), weight, acc[v]);
    }
    for (int v = 0; v < n_v; v++) {
        if (n_part)
            vf_store_n(out + at, acc[v], n_part);
        else
            vf_store(out + at + v * VF_LANES, acc[v]);
    }
}

void RESIZE_PLANE_FN(const struct tro_resize_plane *r)
{
    const struct tro_resize_cache *const c = r->cache;
    for (int64_t y = r->first; y < r->last; y++) {
        const struct tro_blend *const h = &r->h[y - r->first];
        float *const out = r->out + (y - r->first) * r->out_pitch;
        int64_t n = 0, at = 0;
        for (int64_t i = 0; i < r->d->n; i++) {
            for (int64_t j = 0; j < h->n; j++, n++) {
                c->tap[n] = cached_row(r, r->d->index[i], h->index[j]);
                c->weight[n] = r->d->weight[i] * h->weight[j];
            }
        }
        for (; at + DEEP * VF_LANES <= r->w->n_w; at += DEEP * VF_LANES)
            blend_rows(c, n, at, out, DEEP, 0);
        for (; at + VF_LANES <= r->w->n_w; at += VF_LANES)
            blend_rows(c, n, at, out, 1, 0);
        if (at < r->w->n_w)
            blend_rows(c, n, at, out, 1, r->w->n_w - at);
    }
}
