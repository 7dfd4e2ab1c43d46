/* SPDX-License-Identifier: Apache-2.0 */
#include "io/picture_codec.h"

#include "base/err.h"

#ifdef TRO_HAVE_JPEG2000

#include <openjpeg.h>
#include <string.h>

/* Empty code blocks take less than a byte for 64 x 64 samples. */
#define MAX_PER_BYTE (4096 * 64)

struct source {
    struct tro_str file;
    uint64_t at;
};

static OPJ_SIZE_T read_some(void *to, OPJ_SIZE_T n, void *ctx)
{
    struct source *s = ctx;
    const uint64_t left = s->at < s->file.n ? s->file.n - s->at : 0;
    const uint64_t n_taken = n < left ? n : left;
    if (!n_taken)
        return (OPJ_SIZE_T)-1;
    memcpy(to, s->file.p + s->at, n_taken);
    s->at += n_taken;
    return n_taken;
}

static OPJ_OFF_T skip(OPJ_OFF_T n, void *ctx)
{
    struct source *s = ctx;
    if (n < 0 || (uint64_t)n > s->file.n - (s->at < s->file.n ? s->at : s->file.n))
        return -1;
    s->at += (uint64_t)n;
    return n;
}

static OPJ_BOOL seek(OPJ_OFF_T to, void *ctx)
{
    struct source *s = ctx;
    if (to < 0 || (uint64_t)to > s->file.n)
        return OPJ_FALSE;
    s->at = (uint64_t)to;
    return OPJ_TRUE;
}

static int fail_damaged(struct tro_err *err)
{
    return tro_fail(err, TRO_E_INPUT,
                    "JPEG 2000 picture is cut, damaged or of a kind that is not read");
}

/* Grey or RGB of up to 16 bits, every component of the picture's size. */
static int check_image(const opj_image_t *image, size_t n_bytes, struct tro_err *err)
{
    const int64_t width = (int64_t)image->x1 - image->x0, height = (int64_t)image->y1 - image->y0;
    TRO_TRY(tro_picture_check(width, height, image->numcomps, n_bytes, MAX_PER_BYTE, err));
    if (image->numcomps != 1 && image->numcomps < 3)
        return fail_damaged(err);
    for (OPJ_UINT32 i = 0; i < image->numcomps && i < 3; i++)
        if (image->comps[i].w != width || image->comps[i].h != height ||
            image->comps[i].prec > 16 || image->comps[i].prec < 1)
            return fail_damaged(err);
    return 0;
}

static int copy_pixels(const opj_image_t *image, struct tro_arena *arena, struct tro_picture *out,
                       struct tro_err *err)
{
    const int channels = image->numcomps == 1 ? 1 : 3;
    TRO_TRY(tro_picture_alloc(arena, image->comps[0].w, image->comps[0].h, channels, out, err));
    const size_t n = (size_t)out->width * (size_t)out->height;
    for (int c = 0; c < channels; c++) {
        const opj_image_comp_t *comp = &image->comps[c];
        if (!comp->data)
            return fail_damaged(err);
        const int64_t offset = comp->sgnd ? INT64_C(1) << (comp->prec - 1) : 0;
        const int64_t white = (INT64_C(1) << comp->prec) - 1;
        for (size_t i = 0; i < n; i++) {
            const int64_t v = comp->data[i] + offset;
            const int64_t cut = v < 0 ? 0 : v > white ? white : v;
            out->data[i * (size_t)channels + (size_t)c] =
                (uint8_t)(comp->prec == 8 ? cut : (cut * 255 + white / 2) / white);
        }
    }
    return 0;
}

static int decode(opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image, size_t n_bytes,
                  struct tro_err *err)
{
    opj_dparameters_t params;
    opj_set_default_decoder_parameters(&params);
    if (!opj_setup_decoder(codec, &params) || !opj_read_header(stream, codec, image))
        return fail_damaged(err);
    TRO_TRY(check_image(*image, n_bytes, err));
    return opj_decode(codec, stream, *image) ? check_image(*image, n_bytes, err)
                                             : fail_damaged(err);
}

int tro_picture_jpeg2000_decode(struct tro_arena *arena, struct tro_str file,
                                struct tro_picture *out, struct tro_err *err)
{
    struct source s = {.file = file};
    const bool is_stream = file.n >= 2 && memcmp(file.p, "\xff\x4f", 2) == 0;
    opj_codec_t *codec = opj_create_decompress(is_stream ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    opj_image_t *image = NULL;
    int rc = codec && stream ? 0 : tro_fail_nomem(err);
    if (rc >= 0) {
        opj_stream_set_user_data(stream, &s, NULL);
        opj_stream_set_user_data_length(stream, file.n);
        opj_stream_set_read_function(stream, read_some);
        opj_stream_set_skip_function(stream, skip);
        opj_stream_set_seek_function(stream, seek);
        rc = decode(codec, stream, &image, file.n, err);
    }
    if (rc >= 0)
        rc = copy_pixels(image, arena, out, err);
    if (stream)
        opj_stream_destroy(stream);
    if (codec)
        opj_destroy_codec(codec);
    opj_image_destroy(image);
    return rc;
}

#else

int tro_picture_jpeg2000_decode(struct tro_arena *arena, struct tro_str file,
                                struct tro_picture *out, struct tro_err *err)
{
    (void)arena, (void)file, (void)out;
    return tro_fail(err, TRO_E_DEVICE,
                    "JPEG 2000 pictures need libopenjp2, which this program was built without: "
                    "convert the picture, or build where libopenjp2-7-dev is installed");
}

#endif
