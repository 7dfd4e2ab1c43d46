/* SPDX-License-Identifier: Apache-2.0 */
/* What a codec of blocks of 8x8 pixels leaves of a picture, after JPEG (ITU-T T.81, with the tables
 * of its annex K). */
#ifndef TRO_SIM_CODEC_H
#define TRO_SIM_CODEC_H

#include <stdint.h>

/* In place. quality from 1 to 100 as JPEG's tools count it; rgb is height x width x 3. */
void tro_codec_spoil(uint8_t *rgb, int width, int height, int quality);

#endif
