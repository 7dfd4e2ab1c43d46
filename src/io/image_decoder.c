/* SPDX-License-Identifier: Apache-2.0 */
#include "io/image_decoder.h"

#include <string.h>

#include "base/err.h"
#include "io/picture.h"
#include "ref/image.h"

static int decode(const uint8_t *bytes, size_t n, int64_t height, int64_t width, uint8_t *rgb,
                  struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_picture p;
    int rc = tro_picture_decode(&arena, bytes, n, 3, &p, err);
    if (rc >= 0 && (p.width != width || p.height != height))
        rc = tro_fail(err, TRO_E_INPUT, "expected a picture of %lld x %lld, found %d x %d",
                      (long long)width, (long long)height, p.width, p.height);
    if (rc >= 0)
        memcpy(rgb, p.data, (size_t)width * (size_t)height * 3);
    tro_arena_finish(&arena);
    return rc;
}

void tro_image_decoder_register(void)
{
    tro_ref_set_image_decoder(decode);
}
