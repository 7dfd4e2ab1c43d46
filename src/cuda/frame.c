/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/frame.h"

#include "base/err.h"

#include <string.h>

static bool take_numbers(const struct tro_lowering *l, const struct tro_node *node,
                         struct tro_frame *f)
{
    struct tro_tensor scale, bias;
    if (!tro_lower_const(l, node->in[1], &scale) || !tro_lower_const(l, node->in[2], &bias))
        return false;
    memcpy(f->scale, scale.data, tro_tensor_n_bytes(&scale));
    memcpy(f->bias, bias.data, tro_tensor_n_bytes(&bias));
    return true;
}

static void set_params(struct tro_frames *f)
{
    const struct tro_camera *const c = &f->camera;
    struct tro_frame *const p = &f->params;
    p->height = (int32_t)c->height;
    p->width = (int32_t)c->width;
    p->out_height = (int32_t)c->out_height;
    p->y_zero = c->colour.y_zero;
    p->y_scale = c->colour.y_scale;
    p->pad = c->pad;
    memcpy(p->cb, c->colour.cb, sizeof p->cb);
    memcpy(p->cr, c->colour.cr, sizeof p->cr);
    const bool is_same = c->out_height == c->height && c->out_width == c->width && c->top == 0 &&
                         c->left == 0 && c->fit_height == c->height && c->fit_width == c->width;
    f->n_taps = is_same ? 0 : c->is_nearest ? 1 : 2;
}

static int make_taps(struct tro_lowering *l, struct tro_frames *f)
{
    const struct tro_camera *const c = &f->camera;
    const size_t n_rows = (size_t)c->out_height, n = n_rows + (size_t)c->out_width;
    struct tro_camera_tap *const from = TRO_NEW_N(tro_lower_arena(l), struct tro_camera_tap, n);
    struct tro_frame_tap *const to = TRO_NEW_N(tro_lower_arena(l), struct tro_frame_tap, n);
    if (!from || !to)
        return tro_fail_nomem(tro_lower_err(l));
    tro_camera_rows(c, from);
    tro_camera_columns(c, from + n_rows);
    for (size_t i = 0; i < n; i++)
        to[i] = (struct tro_frame_tap){from[i].first, from[i].second, from[i].t};
    return tro_lower_table(l, to, n * sizeof *to, &f->taps);
}

static const char *defines_of(struct tro_lowering *l, const struct tro_frames *f)
{
    const struct tro_camera_colour *const c = &f->camera.colour;
    return tro_cuda_defines(l,
                            "#define FRAME_CHANNELS %d\n#define FRAME_BYTES %d\n"
                            "#define FRAME_BYTE_0 %d\n#define FRAME_BYTE_1 %d\n"
                            "#define FRAME_BYTE_2 %d\n#define FRAME_IS_SUM %d\n"
                            "#define FRAME_TAPS %d\n",
                            c->n_channels, c->pixel_bytes, c->byte[0], c->byte[1], c->byte[2],
                            c->is_sum, f->n_taps);
}

int tro_frames_init(struct tro_lowering *l, const struct tro_node *node, struct tro_frames *out)
{
    struct tro_tensor x;
    *out = (struct tro_frames){0};
    if (!tro_lower_type(l, node->in[0], &x) || tro_tensor_n_bytes(&x) >= INT32_MAX ||
        !take_numbers(l, node, &out->params))
        return 0;
    tro_camera_init(node->attrs, &x, &out->camera);
    set_params(out);
    TRO_TRY(tro_lower_in(l, node->in[0], TRO_FORM_DENSE, &out->x));
    if (out->n_taps)
        TRO_TRY(make_taps(l, out));
    out->defines = defines_of(l, out);
    return out->defines ? 1 : TRO_E_NOMEM;
}
