/* SPDX-License-Identifier: Apache-2.0 */
/* Signal processing, determinants, encoded pictures. */
#include "onnx/import_call.h"

int tro_import_dft(struct tro_import_call *c)
{
    const struct tro_attrs_dft a = {.is_inverse = tro_attr_int(c, "inverse", 0),
                                    .is_onesided = tro_attr_int(c, "onesided", 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_DFT, &a, c->in, 3));
    return c->rc;
}

/* Before version 20 the axis is an attribute, 1 by default. */
int tro_import_dft_17(struct tro_import_call *c)
{
    const struct tro_attrs_dft a = {.is_inverse = tro_attr_int(c, "inverse", 0),
                                    .is_onesided = tro_attr_int(c, "onesided", 0)};
    const tro_value_id axis = tro_scalar(c, TRO_I64, (double)tro_attr_int(c, "axis", 1));
    const tro_value_id in[3] = {c->in[0], tro_in_has(c, 1) ? c->in[1] : TRO_VALUE_NONE, axis};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_DFT, &a, in, 3));
    return c->rc;
}

int tro_import_stft(struct tro_import_call *c)
{
    const struct tro_attrs_stft a = {.is_onesided = tro_attr_int(c, "onesided", 1)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_STFT, &a, c->in, 4));
    return c->rc;
}

int tro_import_mel_weight_matrix(struct tro_import_call *c)
{
    const struct tro_attrs_dtype a = {.dtype = tro_attr_dtype(c, "output_datatype", TRO_F32)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_MEL_WEIGHTS, &a, c->in, 5));
    return c->rc;
}

int tro_import_det(struct tro_import_call *c)
{
    tro_set_out(c, 0, tro_emit1(c, TRO_OP_DET, c->in[0]));
    return c->rc;
}

int tro_import_image_decoder(struct tro_import_call *c)
{
    static const char *const names[] = {"RGB", "BGR", "Grayscale", NULL};
    const struct tro_attrs_image_decode a = {
        .format = (enum tro_pixel_format)tro_attr_choice(c, "pixel_format", names, 0)};
    tro_set_out(c, 0, tro_emit(c, TRO_OP_IMAGE_DECODE, &a, c->in, 1));
    return c->rc;
}
