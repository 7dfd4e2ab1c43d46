/* SPDX-License-Identifier: Apache-2.0 */
/* A picture file of any kind: read as grey and as RGB, and as the operator image_decode reads it.
 * */
#include "io/picture.h"

#include <stdlib.h>

#include "graph/picture_size.h"
#include "ref/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pictures above this are only looked at, so that a run stays short. */
#define MAX_PIXELS 65536

static void check_filled(const struct tro_picture *p, int channels)
{
    if (p->channels != channels || p->width < 1 || p->height < 1)
        abort();
    unsigned sum = 0;
    for (size_t i = 0; i < (size_t)p->width * (size_t)p->height * (size_t)channels; i++)
        sum += p->data[i];
    if (sum > 255U * (unsigned)p->width * (unsigned)p->height * (unsigned)channels)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t width, height;
    struct tro_err err;
    if (!tro_picture_size(data, size, &width, &height) || width < 1 || height < 1 ||
        width > MAX_PIXELS || height > MAX_PIXELS || width * height > MAX_PIXELS)
        return 0;
    for (int channels = 1; channels <= 3; channels += 2) {
        struct tro_arena arena = {0};
        struct tro_picture p;
        if (tro_picture_decode(&arena, data, size, channels, &p, &err) >= 0)
            check_filled(&p, channels);
        tro_arena_finish(&arena);
    }
    uint8_t *rgb = calloc((size_t)(width * height), 3);
    if (rgb && data[0] == 'B')
        tro_image_decode_bmp(data, size, height, width, rgb, &err);
    else if (rgb && data[0] == 'P')
        tro_image_decode_pnm(data, size, height, width, rgb, &err);
    free(rgb);
    return 0;
}
