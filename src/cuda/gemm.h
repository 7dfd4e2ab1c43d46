/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products for emitters (kernels/gemm.h has their form): the emitter brings a and b into
 * memory that the kernels can read, describes them, and gets the steps; tiles and the number of
 * parts that k is split into are chosen here.
 */
#ifndef TRO_CUDA_GEMM_H
#define TRO_CUDA_GEMM_H

#include "cuda/frame.h"
#include "cuda/kernels/gemm.h"
#include "cuda/launch.h"
#include "cuda/point.h"
#include "lower/window.h"

enum tro_gemm_math { TRO_GEMM_F16, TRO_GEMM_BF16, TRO_GEMM_TF32, TRO_GEMM_F32 };

struct tro_gemm {
    enum tro_gemm_math math;
    /* The emitter fills all but n_tiles, split_steps and what belongs to partial sums. */
    struct tro_gemm_params p;
    int row_axes, tap_axes;
    int64_t n_z; /* products */
    bool is_b_trans, is_b_const, has_bias;
    bool is_gathered; /* a is of any type and form, taps tells where its elements are */
    const struct tro_frames *frames;  /* gathered from them, which are a; NULL: a has the values */
    struct tro_arg a, b, bias, taps;  /* bias: f32 */
    tro_value_id bias_value;          /* of has_bias */
    const struct tro_gemm_conv *conv; /* NULL: it is none */
};

/* A convolution as it was, for libraries; a of the product is then [n, c, h, w]. */
struct tro_gemm_conv {
    struct tro_win win;
    tro_value_id weights;
    int64_t groups, channels, padded, out_channels; /* channels: of a group */
};

/* How values that the graph calls `dtype` are multiplied; false: not here. */
bool tro_gemm_math_of(const struct tro_lowering *l, enum tro_dtype dtype, enum tro_gemm_math *out);
enum tro_dtype tro_gemm_dtype(enum tro_gemm_math math);
/* Elements in 16 bytes. */
int tro_gemm_chunk(enum tro_gemm_math math);
/* Channels of a block: as many as a step of k has, where that divides them. */
int64_t tro_gemm_block(enum tro_gemm_math math, int64_t channels);

/* An axis with a stride in each of two operands. */
struct tro_gemm_axis {
    int64_t size, a, b;
};
/* Axes of size 1 go, neighbours that one stride serves are made one; returns how many are left, at
 * least one. */
int tro_gemm_merge(struct tro_gemm_axis *axis, int n);

/* Whether every stride of an axis longer than 1 but `unit` is a multiple of `chunk` elements, that
 * of `unit` is 1, and the first element lies at a multiple of 16 bytes. */
bool tro_gemm_is_aligned(const struct tro_arg *a, int unit, int chunk);
/* Less than 2^31 elements between the first and the last one. */
bool tro_gemm_is_small(const struct tro_arg *a);

/* A step that copies `from` to rows of whole chunks: axes in the order of `axes`, the last one is
 * padded with zeros and is the only one whose length changes. *to: the copy, dense in that order;
 * its axes are those of `from`. 1: done; 0: too many axes. */
int tro_gemm_pad(struct tro_lowering *l, const struct tro_lower_node *n, enum tro_gemm_math math,
                 const struct tro_arg *from, const int *axes, struct tro_arg *to);

/* Rows of a constant as b: fills dst with row `row` of k elements, from w. */
struct tro_gemm_pack {
    enum tro_gemm_math math;
    int64_t n_rows, k;            /* k padded */
    int64_t n_inner;              /* rows to one step of the outer stride */
    int64_t row[2];               /* strides of w: outer, inner */
    int64_t n_channels, channels; /* channels: padded */
    int64_t n_taps, block;        /* k = (block of channels, tap, channel) */
    int64_t tap, channel;         /* strides of w */
};
int tro_gemm_pack_rows(struct tro_lowering *l, tro_value_id w, const struct tro_gemm_pack *pack,
                       struct tro_arg *out);

/* A constant as a vector of the type that math names. */
int tro_gemm_vector(struct tro_lowering *l, tro_value_id v, enum tro_gemm_math math,
                    struct tro_arg *out);

/* bias as f32, dense. */
int tro_gemm_bias(struct tro_lowering *l, tro_value_id v, struct tro_arg *out);

/* Adds the steps; 1: done, 0: beyond this, negative: failure. */
int tro_gemm_emit(struct tro_lowering *l, const struct tro_lower_node *n, struct tro_gemm *g,
                  const struct tro_point *point, double n_flops);

#endif
