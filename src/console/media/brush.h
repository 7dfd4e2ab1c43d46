/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drawing on NV12, in place. Places are continuous pixels as findings have them; what lies outside
 * of the picture is cut off. Cover is 0 (nothing) to 256 (all of the colour).
 */
#ifndef TRO_CONSOLE_MEDIA_BRUSH_H
#define TRO_CONSOLE_MEDIA_BRUSH_H

#include "console/media/nv12.h"

struct tro_brush {
    int width, height; /* even */
    uint8_t *luma, *chroma;
    struct tro_ycc colour;
    int cover;
};

struct tro_brush tro_brush_of(uint8_t *nv12, int width, int height);

/* Pixels x0 <= x < x1, y0 <= y < y1. */
void tro_brush_fill(const struct tro_brush *b, int x0, int y0, int x1, int y1);
/* Edges smoothed. radius: half the width of the line. */
void tro_brush_line(const struct tro_brush *b, float x0, float y0, float x1, float y1,
                    float radius);
void tro_brush_lines(const struct tro_brush *b, const float *x, const float *y, int n,
                     float radius);
/* Between two radii around a middle; inner 0: a disc. */
void tro_brush_ring(const struct tro_brush *b, float x, float y, float inner, float outer);
/* From the first place to the second, with a head there. */
void tro_brush_arrow(const struct tro_brush *b, float x0, float y0, float x1, float y1,
                     float radius);

/* Cover of each pixel (0..255, times the brush's), as text has it: width x height at x, y. */
void tro_brush_stamp(const struct tro_brush *b, int x, int y, const uint8_t *cover, int width,
                     int height);

/* A map of labels over the whole picture. Of each label: colour, cover of its area and of its edge
 * (cover 0: it is left alone, and has no edge with others that are). */
struct tro_brush_tint {
    struct tro_ycc colour;
    uint16_t area, edge;
};
/* scratch: tro_brush_map_bytes. labels are below n_tints. */
size_t tro_brush_map_bytes(int width, int map_width);
void tro_brush_map(const struct tro_brush *b, const uint8_t *labels, int map_width, int map_height,
                   const struct tro_brush_tint *tints, int edge_px, void *scratch);

#endif
