/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of picture file, one coder each; picture.c chooses among them. */
#ifndef TRO_IO_PICTURE_CODEC_H
#define TRO_IO_PICTURE_CODEC_H

#include "base/bytes.h"
#include "io/picture.h"

/* Decoders take the whole file and give the channels it has: 1 or 3. */
int tro_picture_png_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                           struct tro_err *err);
int tro_picture_jpeg_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err);
int tro_picture_tiff_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err);
int tro_picture_webp_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err);
int tro_picture_jpeg2000_decode(struct tro_arena *arena, struct tro_str file,
                                struct tro_picture *out, struct tro_err *err);

int tro_picture_png_decode_16(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                              struct tro_err *err);
int tro_picture_png_encode(struct tro_buf *buf, const struct tro_picture *picture,
                           struct tro_err *err);
int tro_picture_png_encode_16(struct tro_buf *buf, int width, int height, const uint16_t *data,
                              struct tro_err *err);
int tro_picture_jpeg_encode(struct tro_buf *buf, const struct tro_picture *picture,
                            struct tro_err *err);

/* Checks what a header claims before anything of that size is allocated: the limits of picture.h,
 * and that n_bytes of file can hold it at `max_per_byte` bytes of picture a byte. */
int tro_picture_check(int64_t width, int64_t height, int64_t bytes_per_pixel, size_t n_bytes,
                      int64_t max_per_byte, struct tro_err *err);

/* out gets that size and memory for it. */
int tro_picture_alloc(struct tro_arena *arena, int64_t width, int64_t height, int channels,
                      struct tro_picture *out, struct tro_err *err);

#endif
