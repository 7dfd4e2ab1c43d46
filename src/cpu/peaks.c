/* SPDX-License-Identifier: Apache-2.0 */
/* Peaks of heat maps: the keys (ref/boxes.h) of elements that nothing around them exceeds, the
 * greatest of them in a heap. */
#include "cpu/cpu.h"
#include "cpu/heap.h"
#include "cpu/walk.h"
#include "ref/boxes.h"

#include "base/err.h"

#include <string.h>

struct params {
    int64_t h, w, of_y, of_x, n_peaks, radius, room;
    int64_t n_maps, n_channels, of_n, of_c;
    float threshold;
    enum tro_refine refine;
    struct tro_box_map map;
};

/* 0: none. */
static uint64_t key_at(const struct params *p, const float *map, int64_t y, int64_t x)
{
    const float v = map[y * p->of_y + x * p->of_x];
    const uint32_t at = (uint32_t)(y * p->w + x);
    return v != v ? 0 : (uint64_t)tro_score_order(v) << 32 | (uint32_t)~at;
}

static bool is_peak(const struct params *p, const float *map, int64_t y, int64_t x, uint64_t key)
{
    const int64_t top = y > p->radius ? y - p->radius : 0, left = x > p->radius ? x - p->radius : 0;
    const int64_t bottom = y + p->radius < p->h ? y + p->radius : p->h - 1;
    const int64_t right = x + p->radius < p->w ? x + p->radius : p->w - 1;
    for (int64_t v = top; v <= bottom; v++)
        for (int64_t u = left; u <= right; u++)
            if (key_at(p, map, v, u) > key)
                return false;
    return true;
}

/* Their number; in order. */
static int64_t find(const struct params *p, const float *map, uint64_t *keys)
{
    int64_t n = 0;
    for (int64_t y = 0; y < p->h; y++)
        for (int64_t x = 0; x < p->w; x++) {
            if (!(map[y * p->of_y + x * p->of_x] >= p->threshold))
                continue;
            const uint64_t key = key_at(p, map, y, x);
            if ((n < p->room || key > keys[0]) && is_peak(p, map, y, x, key))
                tro_heap_add(keys, p->room, n++, key);
        }
    n = n < p->room ? n : p->room;
    tro_heap_sort(keys, n);
    return n;
}

static float element(const struct params *p, const float *map, int64_t y, int64_t x)
{
    return x >= 0 && x < p->w && y >= 0 && y < p->h ? map[y * p->of_y + x * p->of_x] : 0;
}

static void write_peak(const struct params *p, const float *map, uint64_t key, float *out)
{
    const int64_t at = (uint32_t) ~(uint32_t)key, x = at % p->w, y = at / p->w;
    const struct tro_peak peak = {.x = x,
                                  .y = y,
                                  .w = p->w,
                                  .h = p->h,
                                  .score = element(p, map, y, x),
                                  .left = element(p, map, y, x - 1),
                                  .right = element(p, map, y, x + 1),
                                  .up = element(p, map, y - 1, x),
                                  .down = element(p, map, y + 1, x)};
    tro_peak_refine(&peak, p->refine, &p->map, out);
}

static int run(const struct tro_step *s, const struct tro_step_run *r)
{
    static const float none[3] = {-1, -1, 0};
    const struct params *const p = s->params;
    uint64_t *const keys = r->scratch;
    int64_t begin, end;
    tro_part_range(p->n_maps, r->part, r->n_parts, &begin, &end);
    for (int64_t i = begin; i < end; i++) {
        const float *const map = (const float *)tro_arg_ptr(r, &s->in[0]) +
                                 i / p->n_channels * p->of_n + i % p->n_channels * p->of_c;
        float *const out = (float *)tro_arg_ptr(r, &s->out[0]) + i * p->n_peaks * 3;
        const int64_t n = find(p, map, keys);
        for (int64_t k = 0; k < n; k++)
            write_peak(p, map, keys[k], out + 3 * k);
        for (int64_t k = n; k < p->n_peaks; k++)
            memcpy(out + 3 * k, none, sizeof none);
    }
    return 0;
}

int tro_cpu_emit_peaks(struct tro_lowering *l, const struct tro_lower_node *n)
{
    const struct tro_attrs_peaks *const a = n->attrs;
    struct tro_tensor t;
    struct tro_arg x, y;
    struct params *p;
    if (n->n_epilogue || !tro_lower_type(l, n->node->in[0], &t) || tro_tensor_n_elems(&t) == 0 ||
        t.shape[2] * t.shape[3] >= INT32_MAX)
        return 0;
    TRO_TRY(tro_lower_in(l, n->node->in[0], TRO_FORM_ANY, &x));
    TRO_TRY(tro_lower_out(l, n, 0, TRO_FORM_DENSE, true, &y));
    struct tro_step *const s = tro_lower_step(l, n, "peaks", run, 1, 1, sizeof *p, &p);
    if (!s)
        return tro_lower_err(l)->status;
    const int64_t n_elems = x.shape[2] * x.shape[3];
    *p = (struct params){.h = x.shape[2],
                         .w = x.shape[3],
                         .of_y = x.stride[2],
                         .of_x = x.stride[3],
                         .n_peaks = a->n_peaks,
                         .radius = a->radius,
                         .room = a->n_peaks < n_elems ? a->n_peaks : n_elems,
                         .n_maps = x.shape[0] * x.shape[1],
                         .n_channels = x.shape[1],
                         .of_n = x.stride[0],
                         .of_c = x.stride[1],
                         .threshold = (float)a->threshold,
                         .refine = a->refine,
                         .map = tro_box_map_of(a->x_scale, a->y_scale, a->x_offset, a->y_offset)};
    s->in[0] = x;
    s->out[0] = y;
    s->scratch_bytes = (size_t)p->room * sizeof(uint64_t);
    s->n_parts = tro_walk_parts(l, p->n_maps, tro_tensor_n_elems(&t));
    return 1;
}
