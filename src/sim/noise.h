/* SPDX-License-Identifier: Apache-2.0 */
/* Noise in space, baked into two periodic volumes, and noise in time for motion. */
#ifndef TRO_SIM_NOISE_H
#define TRO_SIM_NOISE_H

#include <stdint.h>

#include "sim/vec.h"

#define TRO_NOISE_SIDE 64  /* voxels along an edge of a volume */
#define TRO_NOISE_CELLS 16 /* noise cells along it: positions are in cells and wrap there */

/* A value and how it changes with each cell of x, y and z. */
struct tro_noise_sample {
    float value;
    struct vec3 slope;
};

/* A voxel holds value, slope x, slope y, slope z; (x, y, z) is at (z * SIDE + y) * SIDE + x. */
struct tro_noise_volume {
    tro_f4 voxels[TRO_NOISE_SIDE * TRO_NOISE_SIDE * TRO_NOISE_SIDE];
};

struct tro_noise {
    struct tro_noise_volume smooth; /* gradient noise, about -1..1 */
    struct tro_noise_volume lobes;  /* distance to the nearest of one point a cell, 0..about 1 */
};

void tro_noise_bake(struct tro_noise *noise, uint64_t seed);

/* At a position in cells; linear between voxels, slopes too. */
struct tro_noise_sample tro_noise_at(const struct tro_noise_volume *volume, struct vec3 cell);
float tro_noise_value(const struct tro_noise_volume *volume, struct vec3 cell);

/* Smooth motion in [-1, 1]: random values at whole t, continuous in position, speed and
 * acceleration between them; channels are independent. */
float tro_motion(uint64_t key, uint64_t channel, double t);

#endif
