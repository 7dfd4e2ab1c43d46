/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows that slide over the spatial axes of [n, c, spatial] tensors: where each of their places
 * (taps) lies. Window o along an axis reads in[o * stride - pad + k * dilation] for tap k.
 */
#ifndef TRO_REF_WINDOWS_H
#define TRO_REF_WINDOWS_H

#include "ref/gemm.h"

#define TRO_MAX_SPATIAL (TRO_MAX_RANK - 2)

struct tro_windows {
    int n_axes;
    int64_t in[TRO_MAX_SPATIAL], out[TRO_MAX_SPATIAL]; /* sizes of input and of windows */
    int64_t kernel[TRO_MAX_SPATIAL], stride[TRO_MAX_SPATIAL], dilation[TRO_MAX_SPATIAL];
    int64_t pad[TRO_MAX_SPATIAL], pad_end[TRO_MAX_SPATIAL];
    int64_t n_in, n_out, n_taps; /* products over the axes; n_taps ends at INT64_MAX */
};

/* Of an operator whose input and result have these shapes; pads that auto_pad stands for are worked
 * out. dilations NULL: all 1. kernel holds a size for each axis. */
void tro_windows_init(struct tro_windows *w, const int64_t *in, const int64_t *out,
                      const int64_t *kernel, const struct tro_ints *strides,
                      const struct tro_ints *dilations, const struct tro_ints *pads,
                      enum tro_auto_pad auto_pad);

/* One tap of n windows from number `first` on, 0 where it lies outside of the input, which begins
 * at
 * x[base]. offset: of the tap along each axis, from o * stride. */
void tro_windows_load(const struct tro_windows *w, const struct tro_reals *x, int64_t base,
                      const int64_t *offset, int64_t first, int64_t n, double *out);

/* Parts of a flat row-major index. */
static inline void tro_windows_split(int n_axes, const int64_t *sizes, int64_t flat, int64_t *index)
{
    for (int i = n_axes - 1; i >= 0; i--) {
        index[i] = flat % sizes[i];
        flat /= sizes[i];
    }
}

/* The next index in row-major order; after the last one the first again. */
static inline void tro_windows_step(int n_axes, const int64_t *sizes, int64_t *index)
{
    for (int i = n_axes - 1; i >= 0; i--) {
        if (++index[i] < sizes[i])
            return;
        index[i] = 0;
    }
}

/* Windows `first` .. `last` - 1 along one axis whose tap at `offset` lies inside of the input:
 * 0 <= o * stride + offset < in. */
static inline void tro_windows_range(int64_t in, int64_t out, int64_t stride, int64_t offset,
                                     int64_t *first, int64_t *last)
{
    const int64_t lo = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    const int64_t hi = offset >= in ? 0 : (in - 1 - offset) / stride + 1;
    *first = lo < out ? lo : out;
    *last = hi < *first ? *first : hi < out ? hi : out;
}

#endif
