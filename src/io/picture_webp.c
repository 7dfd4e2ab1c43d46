/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture_codec.h"

#include "base/err.h"

#ifdef TRO_HAVE_WEBP

#include <webp/decode.h>

/* A lossless picture of one colour takes next to nothing; 16384 is the format's greatest side. */
#define MAX_PER_BYTE (16384 * 64)

int tro_picture_webp_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    int width, height;
    const uint8_t *bytes = (const uint8_t *)file.p;
    if (!WebPGetInfo(bytes, file.n, &width, &height))
        return tro_fail(err, TRO_E_INPUT,
                        "WebP picture is cut or damaged: its header cannot be read");
    TRO_TRY(tro_picture_check(width, height, 3, file.n, MAX_PER_BYTE, err));
    TRO_TRY(tro_picture_alloc(arena, width, height, 3, out, err));
    const size_t n = (size_t)width * (size_t)height * 3;
    if (!WebPDecodeRGBInto(bytes, file.n, out->data, n, width * 3))
        return tro_fail(err, TRO_E_INPUT, "WebP picture is cut or damaged");
    return 0;
}

#else

int tro_picture_webp_decode(struct tro_arena *arena, struct tro_str file, struct tro_picture *out,
                            struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return tro_fail(err, TRO_E_DEVICE,
                    "WebP pictures need libwebp, which this program was built without: convert the "
                    "picture, or build where libwebp-dev is installed");
}

#endif
