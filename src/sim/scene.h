/* SPDX-License-Identifier: Apache-2.0 */
/* The tissue of one procedure at rest, as distance fields. x right, y up, z away from the
 * endoscope. */
#ifndef TRO_SIM_SCENE_H
#define TRO_SIM_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/noise.h"
#include "sim/warp.h"

enum {
    TRO_ORGAN_WALL,
    TRO_ORGAN_LIVER,
    TRO_ORGAN_GALLBLADDER,
    TRO_ORGAN_FAT,
    TRO_ORGAN_BOWEL,
    TRO_ORGAN_ARTERY,
    TRO_N_ORGANS
};

#define TRO_ORGAN_MAX_BLOBS 12

/* An ellipsoid with its axes along x, y, z. */
struct tro_blob {
    struct vec3 center, inv_radius;
};

/* Ellipsoids melted into one another, the surface displaced by noise. Amplitude times frequency
 * must stay below 1 in all, else the displaced surface folds over. */
struct tro_organ {
    uint8_t label;
    bool is_cavity; /* solid outside its one ellipsoid instead of inside */
    int n_blobs;
    struct tro_blob blobs[TRO_ORGAN_MAX_BLOBS];
    float melt;                   /* width of the rounded corners between blobs, mm */
    float swell_mm, swell_per_mm; /* slow displacement: amplitude, frequency */
    float lobe_mm, lobe_per_mm;   /* lobules: height, frequency */
    struct vec3 noise_shift;      /* cells */
};

/* A selection of the scene: for each organ a bit mask of its blobs. */
struct tro_parts {
    uint16_t blobs[TRO_N_ORGANS];
};

/* The scene in cubes: what a point in one needs to look at. */
#define TRO_GRID_MM 4.0f
#define TRO_GRID_X 60
#define TRO_GRID_Y 47
#define TRO_GRID_Z 43

struct tro_grid_cell {
    float clearance;        /* no surface is nearer than this to any point of the cube */
    struct tro_parts parts; /* the blobs that shape or shade the surfaces in it */
};

struct tro_scene {
    struct tro_organ organs[TRO_N_ORGANS];
    struct vec3 focus; /* the middle of the gallbladder: where the work is */
    struct vec3 gallbladder_neck, gallbladder_bottom; /* middles of its ends */
    struct vec3 artery_origin, artery_insertion; /* where it comes out of other tissue, goes in */
    struct tro_pull beat; /* what the artery does to the tissue round it, at its strongest */
    float beat_hz;
    const struct tro_noise *noise;
    struct tro_grid_cell outside; /* stands for all space beyond the grid */
    struct tro_grid_cell grid[TRO_GRID_Z][TRO_GRID_Y][TRO_GRID_X];
};

/* What lies around a point. */
struct tro_scene_hit {
    int organ;
    float distance;      /* to that organ; negative inside it */
    float next_distance; /* to the second nearest */
    float sunk;          /* how displacement has moved the surface there: -1 out to 1 in */
};

/* The noise is kept by reference. */
void tro_scene_init(struct tro_scene *scene, const struct tro_noise *noise, uint64_t seed);

/* The beat of the heart at one moment: the share of its strongest, 0..1, and what it does. */
float tro_scene_beat_share(const struct tro_scene *scene, double seconds);
struct tro_pull tro_scene_beat(const struct tro_scene *scene, double seconds);

const struct tro_grid_cell *tro_scene_cell(const struct tro_scene *scene, struct vec3 p);

/* The nearest organ; its distance may be off by a third near strong displacement, and is 4 mm at
 * most, whatever is farther. */
struct tro_scene_hit tro_scene_at(const struct tro_scene *scene, const struct tro_parts *parts,
                                  struct vec3 p);

/* To one organ, negative inside it; as exact as tro_scene_at. */
float tro_organ_distance(const struct tro_scene *scene, int organ, struct vec3 p);

/* Outward direction of an organ's surface near p. */
struct vec3 tro_organ_normal(const struct tro_scene *scene, const struct tro_parts *parts,
                             int organ, struct vec3 p);

#endif
