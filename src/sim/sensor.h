/* SPDX-License-Identifier: Apache-2.0 */
/* From light to bytes: round picture, blur of the lens, tone curve, noise of the sensor. */
#ifndef TRO_SIM_SENSOR_H
#define TRO_SIM_SENSOR_H

#include <stdint.h>

#include "sim/make.h"
#include "sim/view.h"

/* What a procedure fixes. */
struct tro_sensor {
    uint64_t noise_key;
    struct vec3 balance; /* white balance: gain of each colour */
    float exposure;
    float blur;    /* weight of a neighbour pixel, 0..0.25 */
    float noise;   /* standard deviation in the middle of the range, of 255 */
    float edge_px; /* softness of the round edge, in 1/256 of the picture's width */
    enum tro_camera_make make;
};

void tro_sensor_init(struct tro_sensor *sensor, uint64_t seed);

/* Row y of the picture from linear colours (width x height of red, green, blue, unused; rows from
 * the top). */
void tro_sensor_row(const struct tro_sensor *sensor, const struct tro_view *view,
                    const tro_f4 *linear, int width, int height, int y, uint64_t frame,
                    uint8_t *rgb);

/* Row y of `from` with the make's sharpening. */
void tro_sensor_sharpen_row(const struct tro_sensor *sensor, const uint8_t *from, int width,
                            int height, int y, uint8_t *to);

#endif
