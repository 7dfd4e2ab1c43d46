/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside src/console/core/anchor.c: patches of one picture found in another. Places are in pixels
 * of the picture at hand, continuous: the middle of the first pixel is 0.5, 0.5.
 */
#ifndef TRO_CONSOLE_CORE_ANCHOR_MATCH_H
#define TRO_CONSOLE_CORE_ANCHOR_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#define TRO_PATCH_RADIUS 8
#define TRO_PATCH_SIDE (2 * TRO_PATCH_RADIUS + 1)
#define TRO_PATCH_PIXELS (TRO_PATCH_SIDE * TRO_PATCH_SIDE)

#define TRO_COVER_LEVEL 1 /* whose pixels are the cells of a cover */

struct tro_plane {
    const uint8_t *p; /* rows without gaps */
    int width, height;
    const uint8_t *cover; /* cells but 0 count for nothing: instruments; NULL: none is known */
    int cover_width, cover_height;
    int level; /* halvings from the finest one on */
};

/* Zero mean; slopes in grey levels a pixel. Highlights, which go with the light, the black round
 * the picture and what is covered have no weight; the latter two neither in the picture it is found
 * in. */
struct tro_patch {
    float value[TRO_PATCH_PIXELS], slope_x[TRO_PATCH_PIXELS], slope_y[TRO_PATCH_PIXELS];
    float weight[TRO_PATCH_PIXELS]; /* 0 or 1 */
    float n;                        /* sum of the weights */
    float energy;                   /* sum of squares of the values */
    float inverse[3];               /* of the sums of xx, xy, yy of slopes */
    float edge;                     /* direction along which it changes least, radians */
    float inverse6[6][6];           /* of the same for an affine map; only where has_affine */
    bool has_texture, has_affine;
};

/* Affine map from the patch to a picture: middle, then how far one pixel of the patch goes. */
struct tro_patch_map {
    float x, y, xx, xy, yx, yy;
};

void tro_patch_take(struct tro_patch *patch, const struct tro_plane *plane, float x, float y,
                    bool wants_affine);

/* Moves x, y to where the patch lies (Lucas and Kanade, means taken out). False: it has no texture,
 * or the way led more than 2 radii off or out of the picture; x, y stay. */
bool tro_patch_follow(const struct tro_patch *patch, const struct tro_plane *plane, float *x,
                      float *y);

/* The same with turn, scale and shear (Baker and Matthews' inverse compositional form). */
bool tro_patch_fit(const struct tro_patch *patch, const struct tro_plane *plane,
                   struct tro_patch_map *map);

/* Normalized correlation with what lies there, -1 to 1; 0 where either is flat, or too little of it
 * is to be seen. */
float tro_patch_compare(const struct tro_patch *patch, const struct tro_plane *plane,
                        const struct tro_patch_map *map);

bool tro_plane_is_covered(const struct tro_plane *plane, float x, float y);

/* The place of the greatest correlation, pixel by pixel, within reach. */
float tro_patch_search(const struct tro_patch *patch, const struct tro_plane *plane, int reach,
                       float *x, float *y);

#endif
