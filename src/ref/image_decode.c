/* SPDX-License-Identifier: Apache-2.0 */
#include "ref/image.h"
#include "ref/kernels.h"

#include "base/err.h"

#include <stdatomic.h>

static _Atomic(tro_image_decoder_fn *) decoder;

void tro_ref_set_image_decoder(tro_image_decoder_fn *fn)
{
    atomic_store(&decoder, fn);
}

static int no_decoder(const uint8_t *bytes, size_t n, int64_t height, int64_t width, uint8_t *rgb,
                      struct tro_err *err)
{
    (void)bytes, (void)n, (void)height, (void)width, (void)rgb;
    return tro_fail(err, TRO_E_UNSUPPORTED,
                    "the picture is neither BMP nor PNM, and no decoder for other formats is part "
                    "of this program: decode it before the network");
}

static tro_image_decoder_fn *choose(const uint8_t *bytes, size_t n)
{
    if (n >= 2 && bytes[0] == 'B' && bytes[1] == 'M')
        return tro_image_decode_bmp;
    if (n >= 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6')
        return tro_image_decode_pnm;
    tro_image_decoder_fn *const lent = atomic_load(&decoder);
    return lent ? lent : no_decoder;
}

/* From RGB, where it lies, to the format. Grey is ITU-R 601 luma in 16 bits of fraction, as the
 * pictures of the node tests were made. */
static void convert(enum tro_pixel_format format, const uint8_t *rgb, int64_t n, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        const uint32_t r = rgb[3 * i], g = rgb[3 * i + 1], b = rgb[3 * i + 2];
        if (format == tro_pixel_format_grayscale) {
            out[i] = (uint8_t)((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16);
            continue;
        }
        out[3 * i] = (uint8_t)b;
        out[3 * i + 1] = (uint8_t)g;
        out[3 * i + 2] = (uint8_t)r;
    }
}

int tro_ref_image_decode(struct tro_ref_call *c)
{
    const struct tro_attrs_image_decode *const a = c->attrs;
    const size_t n = tro_tensor_n_bytes(&c->in[0]);
    struct tro_tensor *const y = &c->out[0];
    const int64_t height = y->shape[0], width = y->shape[1];
    uint8_t *rgb = y->data;
    if (a->format == tro_pixel_format_grayscale)
        rgb = tro_arena_alloc(c->scratch, (size_t)(width * height), 3);
    if (!rgb)
        return tro_fail_nomem(c->err);
    TRO_TRY(choose(c->in[0].data, n)(c->in[0].data, n, height, width, rgb, c->err));
    if (a->format != tro_pixel_format_rgb)
        convert(a->format, rgb, width * height, y->data);
    return 0;
}
