/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once for each level; RESIZE_FN names the function. */
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
