/* SPDX-License-Identifier: Apache-2.0 */
/* Lends the picture libraries to the operator image_decode (ref/image.h). */
#ifndef TRO_IO_IMAGE_DECODER_H
#define TRO_IO_IMAGE_DECODER_H

/* For the whole process, from now on. */
void tro_image_decoder_register(void);

#endif
