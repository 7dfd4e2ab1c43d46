/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures that image_decode meets. BMP and PNM are read here; a layer above that has libraries for
 * PNG, JPEG, TIFF, WebP or JPEG 2000 can lend its decoder.
 */
#ifndef TRO_REF_IMAGE_H
#define TRO_REF_IMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <trocar/trocar.h>

/* Fills rgb, height x width x 3, with the picture in n bytes, whose header says that size (the
 * bytes are untrusted: they may hold less). TRO_E_UNSUPPORTED or TRO_E_DEVICE for formats it does
 * not know. */
typedef int tro_image_decoder_fn(const uint8_t *bytes, size_t n, int64_t height, int64_t width,
                                 uint8_t *rgb, struct tro_err *err);

/* The decoder for what is not read here, from now on, in the whole process; NULL: none. */
void tro_ref_set_image_decoder(tro_image_decoder_fn *fn);

/* Those read here, in the same form. */
tro_image_decoder_fn tro_image_decode_bmp, tro_image_decode_pnm;

#endif
