/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of convolution and pooling, for the float and the quantized operators. */
#ifndef TRO_ONNX_IMPORT_CONV_H
#define TRO_ONNX_IMPORT_CONV_H

#include "onnx/import_call.h"

struct tro_window_attrs {
    struct tro_ints strides, dilations, pads;
    enum tro_auto_pad auto_pad;
};

/* Reads strides, dilations, pads and auto_pad of n_spatial axes, filled with their defaults. */
void tro_window_attrs(struct tro_import_call *c, int n_spatial, struct tro_window_attrs *w);

struct tro_attrs_conv tro_conv_attrs(struct tro_import_call *c, tro_value_id x, tro_value_id w);
struct tro_attrs_pool tro_pool_attrs(struct tro_import_call *c, enum tro_pool kind, tro_value_id x);

#endif
