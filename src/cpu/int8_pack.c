/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as 8-bit kernels want them, with the sums of their columns. */
#include "cpu/int8.h"

#include <stdio.h>
#include <string.h>

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

int64_t tro_int8_n_cols(const struct tro_int8_weights *w)
{
    return round_up(w->n, w->cols);
}

int64_t tro_int8_n_k4(const struct tro_int8_weights *w)
{
    return (w->k / w->inner * w->room + 3) / 4;
}

static int64_t panel_bytes(const struct tro_int8_weights *w)
{
    return 4 * tro_int8_n_k4(w) * w->cols;
}

static int64_t group_bytes(const struct tro_int8_weights *w)
{
    return panel_bytes(w) * (tro_int8_n_cols(w) / w->cols);
}

const int8_t *tro_int8_panels(const struct tro_int8_weights *w, const void *packed, int64_t group)
{
    return (const int8_t *)packed + group * group_bytes(w);
}

const int32_t *tro_int8_sums(const struct tro_int8_weights *w, const void *packed, int64_t group)
{
    const char *const behind = (const char *)packed + round_up(w->n_groups * group_bytes(w), 64);
    return (const int32_t *)(const void *)behind + group * tro_int8_n_cols(w);
}

static void pack_column(const struct tro_int8_weights *w, const uint8_t *from, uint8_t flip,
                        int8_t *to, int32_t *sum)
{
    *sum = 0;
    for (int64_t k = 0; k < w->k; k++) {
        const int64_t at = k / w->inner * w->outer_step + k % w->inner * w->inner_step;
        const int8_t v = (int8_t)(from[at] ^ flip);
        const int64_t place = k / w->inner * w->room + k % w->inner;
        to[place / 4 * 4 * w->cols + place % 4] = v;
        *sum += v;
    }
}

static void pack(void *dst, const struct tro_tensor *t, const void *ctx)
{
    const struct tro_int8_weights *const w = ctx;
    const uint8_t flip = t->dtype == TRO_U8 ? 0x80 : 0;
    int8_t *const panels = dst;
    int32_t *const sums = (int32_t *)(uintptr_t)tro_int8_sums(w, dst, 0);
    const int64_t n_cols = tro_int8_n_cols(w);
    memset(panels, 0, (size_t)(w->n_groups * group_bytes(w)));
    memset(sums, 0, (size_t)(w->n_groups * n_cols) * sizeof(*sums));
    for (int64_t g = 0; g < w->n_groups; g++) {
        for (int64_t j = 0; j < w->n; j++) {
            const uint8_t *const from = (const uint8_t *)t->data + g * w->group_step +
                                        j % w->n_each * w->col_step + j / w->n_each * w->tap_step;
            int8_t *const to = panels + g * group_bytes(w) + j / w->cols * panel_bytes(w) +
                               j % w->cols * 4;
            pack_column(w, from, flip, to, &sums[g * n_cols + j]);
        }
    }
}

int tro_int8_pack(struct tro_lowering *l, tro_value_id v, const struct tro_int8_weights *w,
                  struct tro_arg *out)
{
    char form[96];
    snprintf(form, sizeof form, "int8_g%lld_k%lld_i%lld_r%lld_t%lld_n%d", (long long)w->n_groups,
             (long long)w->k, (long long)w->inner, (long long)w->room,
             (long long)(w->n / w->n_each), w->cols);
    const size_t n_bytes = (size_t)round_up(w->n_groups * group_bytes(w), 64) +
                           (size_t)(w->n_groups * tro_int8_n_cols(w)) * sizeof(int32_t);
    return tro_lower_pack(l, v, form, n_bytes, pack, w, out);
}
