/* SPDX-License-Identifier: Apache-2.0 */
#include "lower/window.h"

#include "ref/windows.h"

bool tro_win_init(struct tro_win *w, const struct tro_tensor *x, const struct tro_tensor *y,
                  const int64_t *kernel, const struct tro_ints *strides,
                  const struct tro_ints *dilations, const struct tro_ints *pads,
                  enum tro_auto_pad auto_pad)
{
    struct tro_windows r;
    const int n = x->rank - 2, skip = TRO_N_SPATIAL - n;
    if (n < 1 || n > TRO_N_SPATIAL || strides->n != n)
        return false;
    tro_windows_init(&r, x->shape + 2, y->shape + 2, kernel, strides, dilations, pads, auto_pad);
    *w = (struct tro_win){.n = x->shape[0],
                          .c = x->shape[1],
                          .in = {1, 1, 1},
                          .out = {1, 1, 1},
                          .kernel = {1, 1, 1},
                          .stride = {1, 1, 1},
                          .dilation = {1, 1, 1},
                          .n_taps = r.n_taps};
    for (int i = 0; i < n; i++) {
        w->in[skip + i] = r.in[i];
        w->out[skip + i] = r.out[i];
        w->kernel[skip + i] = r.kernel[i];
        w->stride[skip + i] = r.stride[i];
        w->dilation[skip + i] = r.dilation[i];
        w->pad[skip + i] = r.pad[i];
        w->pad_end[skip + i] = r.pad_end[i];
    }
    return true;
}

bool tro_win_init_tiles(struct tro_win *w, const struct tro_attrs_conv_transpose *a,
                        const struct tro_tensor *x, const struct tro_tensor *weights,
                        const struct tro_tensor *y)
{
    struct tro_ints ones = {.n = x->rank - 2}, zeros = {.n = 2 * (x->rank - 2)};
    if (a->group != 1 || x->rank < 3)
        return false;
    for (int i = 0; i < ones.n; i++) {
        const int64_t size = weights->shape[i + 2];
        ones.v[i] = 1;
        if (a->strides.v[i] != size || y->shape[i + 2] != x->shape[i + 2] * size ||
            (a->dilations.v[i] != 1 && size != 1) || a->pads.v[i] != 0)
            return false;
    }
    return tro_win_init(w, x, x, ones.v, &ones, &ones, &zeros, tro_auto_pad_explicit);
}

struct tro_pitch tro_pitch_of(const struct tro_arg *a)
{
    struct tro_pitch p = {.n = a->stride[0]};
    for (int i = 2; i < a->rank; i++)
        p.at[TRO_N_SPATIAL - a->rank + i] = a->stride[i];
    return p;
}

int tro_win_inplace(const struct tro_step *s, int first, int inplace)
{
    if (inplace < 0 || s->in[first + inplace].buffer == s->in[0].buffer)
        return -1;
    return first + inplace;
}

void tro_win_interior(const struct tro_win *w, int axis, int64_t *first, int64_t *last)
{
    const int64_t s = w->stride[axis], pad = w->pad[axis];
    const int64_t reach = (w->kernel[axis] - 1) * w->dilation[axis];
    const int64_t room = w->in[axis] - 1 - reach + pad; /* o * s <= room */
    const int64_t lo = pad > 0 ? (pad + s - 1) / s : 0, hi = room < 0 ? 0 : room / s + 1;
    *first = lo < w->out[axis] ? lo : w->out[axis];
    *last = hi < *first ? *first : hi < w->out[axis] ? hi : w->out[axis];
}
