/* SPDX-License-Identifier: Apache-2.0 */
/* How each output coordinate of resize is made of input elements, one axis at a time. */
#ifndef TRO_REF_RESIZE_H
#define TRO_REF_RESIZE_H

#include "ref/ref.h"

/* Output coordinate i is the sum over j of weight[i * n + j] * in[index[i * n + j]]. */
struct tro_resize_axis {
    int64_t in, out;
    int64_t n; /* elements for one coordinate; 1 for nearest, whose weight is NULL */
    int64_t *index;
    double *weight;
    bool *is_outside;   /* by coordinate: extrapolated (tf_crop_and_resize); NULL when none is */
    bool is_whole_copy; /* every coordinate is the element of the same index */
};

/* Scale as a fraction, so that sizes give exact coordinates: out = in * num / den. roi: begin and
 * end of the crop, in parts of the input. */
struct tro_resize_scale {
    double num, den;
    double length; /* of the output before it was made whole */
    double roi[2];
};

/* One for each axis of x: of c the attributes, the shape of x and the contents of the others. */
void tro_resize_scales(const struct tro_ref_call *c, struct tro_resize_scale *scales);

/* Fills x, whose in and out are set; tables come from c->scratch. */
int tro_resize_axis_init(struct tro_ref_call *c, const struct tro_resize_scale *scale,
                         struct tro_resize_axis *x);

/* Both for all axes of a call, whose output has its shape. An axis without elements is an error. */
int tro_resize_axes_init(struct tro_ref_call *c, struct tro_resize_axis *axes);

/* Weights of resize_int: whole numbers. Results are sums over 2 to the number returned. */
int tro_resize_axes_make_whole(struct tro_resize_axis *axes, int n_axes);

/* v / 2^n_bits, half to even. */
static inline int64_t tro_resize_rounded(int64_t v, int n_bits)
{
    const int64_t one = (int64_t)1 << n_bits;
    return n_bits ? (v + one / 2 - 1 + (v >> n_bits & 1)) >> n_bits : v;
}

#endif
