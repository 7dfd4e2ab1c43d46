/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture_codec.h"

#include "base/err.h"

#ifdef TRO_HAVE_TIFF

#include <string.h>
#include <tiffio.h>

#include "base/alloc.h"

/* Compression gains at most this much: a run-length strip of one colour. */
#define MAX_PER_BYTE 4096

struct source {
    struct tro_str file;
    uint64_t at;
};

static tmsize_t read_some(thandle_t handle, void *to, tmsize_t n)
{
    struct source *s = (struct source *)handle;
    const uint64_t left = s->at < s->file.n ? s->file.n - s->at : 0;
    const uint64_t n_taken = (uint64_t)n < left ? (uint64_t)n : left;
    if (n_taken)
        memcpy(to, s->file.p + s->at, n_taken);
    s->at += n_taken;
    return (tmsize_t)n_taken;
}

static tmsize_t write_none(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    struct source *s = (struct source *)handle;
    const uint64_t base = whence == SEEK_CUR ? s->at : whence == SEEK_END ? s->file.n : 0;
    s->at = base + offset;
    return s->at;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle)
{
    return ((struct source *)handle)->file.n;
}

static int read_pixels(TIFF *tiff, size_t n_bytes, struct tro_arena *arena, struct tro_picture *out,
                       struct tro_err *err)
{
    uint32_t width = 0, height = 0;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TRO_TRY(tro_picture_check(width, height, 3, n_bytes, MAX_PER_BYTE, err));
    uint32_t *raster = tro_calloc((size_t)width * height, sizeof *raster);
    if (!raster)
        return tro_fail_nomem(err);
    int rc = tro_picture_alloc(arena, width, height, 3, out, err);
    if (rc >= 0 && !TIFFReadRGBAImageOriented(tiff, width, height, raster, ORIENTATION_TOPLEFT, 1))
        rc = tro_fail(err, TRO_E_INPUT,
                      "TIFF picture is cut, damaged or of a kind that is not read");
    for (size_t i = 0; i < (size_t)width * height && rc >= 0; i++) {
        out->data[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->data[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->data[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    tro_free(raster);
    return rc;
}

int tro_picture_tiff_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    struct source s = {.file = file};
    TIFFSetErrorHandler(NULL);
    TIFFSetWarningHandler(NULL);
    TIFF *tiff = TIFFClientOpen("picture", "rm", (thandle_t)&s, read_some, write_none, seek,
                                close_nothing, size_of, NULL, NULL);
    if (!tiff)
        return tro_fail(err, TRO_E_INPUT,
                        "TIFF picture is cut or damaged: its header cannot be read");
    const int rc = read_pixels(tiff, file.n, arena, out, err);
    TIFFClose(tiff);
    return rc;
}

#else

int tro_picture_tiff_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return tro_fail(err, TRO_E_DEVICE,
                    "TIFF pictures need libtiff, which this program was built without: convert the "
                    "picture, or build where libtiff-dev is installed");
}

#endif
