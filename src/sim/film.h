/* SPDX-License-Identifier: Apache-2.0 */
/* A picture in linear light on its way through air and lens. */
#ifndef TRO_SIM_FILM_H
#define TRO_SIM_FILM_H

#include <stdint.h>

#include "sim/noise.h"

/* A pixel: red, green, blue, and the distance of what it shows along the optical axis in mm, 0
 * outside of the round picture. Rows from the top. */
struct tro_film {
    int width, height;
    tro_f4 *px, *spare, *copy; /* width x height each; px and spare change places */
};

static inline int64_t tro_film_n_px(const struct tro_film *f)
{
    return (int64_t)f->width * f->height;
}

/* Means over squares of 2 * radius + 1 pixels, twice; edges are continued. */
void tro_film_blur(struct tro_film *f, int radius);

/* ---- what lies between (air.c, lens.c) ------------------------------------------------------ */

/* Smoke that the endoscope's light fills: density 0..1. */
void tro_air_smoke(struct tro_film *f, const struct tro_noise *noise, float density,
                   double seconds);

void tro_lens_defocus(struct tro_film *f, float strength);
/* Along a direction in turns. */
void tro_lens_motion(struct tro_film *f, float strength, float turns);
/* Fog and drops, which the key places. */
void tro_lens_fouling(struct tro_film *f, const struct tro_noise *noise, float strength,
                      uint64_t key);

#endif
