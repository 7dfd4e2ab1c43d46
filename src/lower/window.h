/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows that slide over channels-last memory, as convolutions and pools see it: always three
 * spatial axes (depth, height, width; those in front that the operator lacks have size 1).
 * Window o along an axis reads in[o * stride - pad + k * dilation] for tap k.
 */
#ifndef TRO_LOWER_WINDOW_H
#define TRO_LOWER_WINDOW_H

#include "lower/program.h"

enum { TRO_D, TRO_H, TRO_W, TRO_N_SPATIAL };

struct tro_win {
    int64_t n, c; /* pictures, channels of x */
    int64_t in[TRO_N_SPATIAL], out[TRO_N_SPATIAL], kernel[TRO_N_SPATIAL];
    int64_t stride[TRO_N_SPATIAL], dilation[TRO_N_SPATIAL];
    int64_t pad[TRO_N_SPATIAL], pad_end[TRO_N_SPATIAL];
    int64_t n_taps;
};

/* Where something [n, c, spatial..] lies, channels last: strides in elements. */
struct tro_pitch {
    int64_t n, at[TRO_N_SPATIAL];
};

/* Of an operator whose input has shape x and whose result has shape y, both [n, c, spatial..];
 * dilations NULL: all 1. False: more than three spatial axes, or none. */
bool tro_win_init(struct tro_win *w, const struct tro_tensor *x, const struct tro_tensor *y,
                  const int64_t *kernel, const struct tro_ints *strides,
                  const struct tro_ints *dilations, const struct tro_ints *pads,
                  enum tro_auto_pad auto_pad);

/* Windows of single elements of x, each of which makes a window of y: of a conv_transpose whose
 * windows meet and do not overlap (one group, kernel as large as stride, no padding), with weights
 * of shape w. False for any other. */
bool tro_win_init_tiles(struct tro_win *w, const struct tro_attrs_conv_transpose *a,
                        const struct tro_tensor *x, const struct tro_tensor *weights,
                        const struct tro_tensor *y);

struct tro_pitch tro_pitch_of(const struct tro_arg *a);

/* Taps [*first, *last) of window o along an axis that lie inside of the input. */
static inline void tro_win_taps(const struct tro_win *w, int axis, int64_t o, int64_t *first,
                                int64_t *last)
{
    const int64_t at = o * w->stride[axis] - w->pad[axis], d = w->dilation[axis];
    const int64_t in = w->in[axis], kernel = w->kernel[axis];
    const int64_t lo = at >= 0 ? 0 : (d - 1 - at) / d;
    const int64_t hi = at >= in ? 0 : (in - 1 - at) / d + 1;
    *last = hi < kernel ? hi : kernel;
    *first = lo < *last ? lo : *last;
}

/* The input of the step that its output may take over: what the epilogue allows (numbered from
 * `first` of the step's inputs on), unless in[0] lies there too, which windows read again. */
int tro_win_inplace(const struct tro_step *s, int first, int inplace);

/* Windows [*first, *last) along an axis whose taps all lie inside of the input. */
void tro_win_interior(const struct tro_win *w, int axis, int64_t *first, int64_t *last);

#endif
