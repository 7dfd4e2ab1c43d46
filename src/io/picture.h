/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of 8 bits a channel, grey or RGB, from and to files.
 *
 *   PNG        any kind: palette, 16-bit and 1- to 4-bit samples become 8-bit, transparency is
 *              left out, gamma is not applied
 *   JPEG       grey and colour; orientation tags are not followed
 *   TIFF, WebP, JPEG 2000   read only
 *   PGM, PPM   binary (P5, P6), 8-bit
 *
 * PNG needs libpng, JPEG libturbojpeg, TIFF libtiff, WebP libwebp and JPEG 2000 libopenjp2 at
 * build time; without one, its pictures end in
 * TRO_E_DEVICE and a message that names the library. Pictures are untrusted: a file that is cut,
 * damaged or larger than it can be when unpacked ends in TRO_E_INPUT.
 */
#ifndef TRO_IO_PICTURE_H
#define TRO_IO_PICTURE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include <trocar/trocar.h>

#define TRO_PICTURE_MAX_SIDE 32768
#define TRO_PICTURE_MAX_PIXELS (INT64_C(64) << 20)

struct tro_picture {
    int width, height, channels;
    uint8_t *data; /* height x width x channels, rows from the top */
};

/* Reads the file, whose kind its first bytes tell, as `channels` 1 (grey) or 3 (RGB). The data lies
 * in the arena. */
int tro_picture_read(struct tro_arena *arena, const char *path, int channels,
                     struct tro_picture *out, struct tro_err *err);

/* The same from memory; messages do not name a file. */
int tro_picture_decode(struct tro_arena *arena, const void *bytes, size_t n_bytes, int channels,
                       struct tro_picture *out, struct tro_err *err);

/* Width and height alone; of a PNG without its pixels. */
int tro_picture_measure(const char *path, int *width, int *height, struct tro_err *err);

/* Writes the kind that the ending names: .png, .jpg, .jpeg, .pgm (1 channel), .ppm (3 channels). */
int tro_picture_write(const char *path, int width, int height, int channels, const uint8_t *data,
                      struct tro_err *err);

/* A PNG in memory, for pages that hold their pictures. */
int tro_picture_to_png(struct tro_buf *out, int width, int height, int channels,
                       const uint8_t *data, struct tro_err *err);

/* Grey pictures of 16 bits, PNG only, for depths and the like: height x width. */
int tro_picture_read_16(struct tro_arena *arena, const char *path, int *width, int *height,
                        uint16_t **data, struct tro_err *err);
int tro_picture_write_16(const char *path, int width, int height, const uint16_t *data,
                         struct tro_err *err);

#endif
