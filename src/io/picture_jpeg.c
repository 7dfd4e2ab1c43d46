/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture_codec.h"

#include "base/err.h"

#ifdef TRO_HAVE_JPEG
#include <turbojpeg.h>

#define QUALITY 92
/* The least that a 64-sample block takes is some two bits; scans that fill in nothing take less. */
#define MAX_PER_BYTE 4096

static int fail_turbo(struct tro_err *err, tjhandle handle)
{
    return tro_fail(err, TRO_E_INPUT, "JPEG picture is cut or damaged: %s", tjGetErrorStr2(handle));
}

static int decode(tjhandle handle, struct tro_arena *arena, struct tro_str file,
                  struct tro_picture *out, struct tro_err *err)
{
    const unsigned char *const bytes = (const unsigned char *)file.p;
    int width, height, sampling, colors;
    if (tjDecompressHeader3(handle, bytes, file.n, &width, &height, &sampling, &colors) < 0)
        return fail_turbo(err, handle);
    if (colors == TJCS_CMYK || colors == TJCS_YCCK)
        return tro_fail(err, TRO_E_UNSUPPORTED,
                        "expected a grey or RGB JPEG picture, found CMYK: convert it to RGB");
    const int channels = colors == TJCS_GRAY ? 1 : 3;
    TRO_TRY(tro_picture_check(width, height, channels, file.n, MAX_PER_BYTE, err));
    TRO_TRY(tro_picture_alloc(arena, width, height, channels, out, err));
    const int format = channels == 1 ? TJPF_GRAY : TJPF_RGB;
    if (tjDecompress2(handle, bytes, file.n, out->data, width, 0, height, format,
                      TJFLAG_ACCURATEDCT | TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) < 0)
        return fail_turbo(err, handle);
    return 0;
}

int tro_picture_jpeg_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    const tjhandle handle = tjInitDecompress();
    if (!handle)
        return tro_fail_nomem(err);
    const int rc = decode(handle, arena, file, out, err);
    tjDestroy(handle);
    return rc;
}

int tro_picture_jpeg_encode(struct tro_buf *buf, const struct tro_picture *p, struct tro_err *err)
{
    const tjhandle handle = tjInitCompress();
    if (!handle)
        return tro_fail_nomem(err);
    unsigned char *bytes = NULL;
    unsigned long n_bytes = 0;
    const bool is_grey = p->channels == 1;
    int rc = tjCompress2(handle, p->data, p->width, 0, p->height, is_grey ? TJPF_GRAY : TJPF_RGB,
                         &bytes, &n_bytes, is_grey ? TJSAMP_GRAY : TJSAMP_444, QUALITY,
                         TJFLAG_ACCURATEDCT);
    if (rc < 0)
        rc = tro_fail(err, TRO_E_DEVICE, "JPEG encoder failed: %s", tjGetErrorStr2(handle));
    else
        tro_buf_put(buf, bytes, n_bytes);
    tjFree(bytes);
    tjDestroy(handle);
    return rc;
}

#else

static int fail_missing(struct tro_err *err)
{
    return tro_fail(err, TRO_E_DEVICE,
                    "JPEG pictures need libturbojpeg, which this build does not "
                    "have: install its development files and build again, or use PPM");
}

int tro_picture_jpeg_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return fail_missing(err);
}

int tro_picture_jpeg_encode(struct tro_buf *buf, const struct tro_picture *p, struct tro_err *err)
{
    (void)buf, (void)p;
    return fail_missing(err);
}

#endif
