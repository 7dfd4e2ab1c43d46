/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitter of camera, to planes: what reads few channels takes them in any form. In front of a
 * convolution it waits, which may gather from the frames (conv.c); not where each pixel is blended
 * of four, which the taps of the convolution would do again and again.
 */
#include "cuda/kernels/camera.h"
#include "cuda/cuda.h"
#include "cuda/frame.h"
#include "cuda/spatial.h"

#include "base/err.h"

#include <stdio.h>

enum { COLUMNS = 4 };

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n,
                    const struct tro_frames *f, const struct tro_point *point)
{
    static const char *const ways[] = {"", " nearest", " bilinear"};
    const struct tro_camera *const c = &f->camera;
    const int64_t spans = (c->out_width + COLUMNS - 1) / COLUMNS;
    const int64_t n_threads = c->n * c->out_height * spans;
    const struct tro_camera_params params = {.frame = f->params,
                                             .frame_bytes = (int32_t)c->frame_bytes,
                                             .n_threads = (uint32_t)n_threads,
                                             .out_width = (int32_t)c->out_width,
                                             .out_height = tro_div_make(c->out_height),
                                             .spans = tro_div_make(spans)};
    const struct tro_cuda_source source = {
        .name = "camera",
        .defines = tro_cuda_defines(l, "%s#define COLUMNS %d\n", f->defines, COLUMNS),
        .point = point,
        .params = &params,
        .params_size = sizeof params};
    const int n_in = f->n_taps ? 2 : 1;
    struct tro_cuda_launch *launch;
    char label[64];
    const struct tro_attrs_camera *const a = n->attrs;
    snprintf(label, sizeof label, "camera %s%s", tro_camera_format_name(a->format),
             ways[f->n_taps]);
    struct tro_step *const s = source.defines
                                   ? tro_cuda_step(l, n, label, &source, n_in, 0, &launch)
                                   : NULL;
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = f->x;
    if (f->n_taps)
        s->in[1] = f->taps;
    tro_spatial_threads(launch, n_threads);
    tro_spatial_set_inplace(s, point, n_in);
    s->n_flops = (double)point->n_rows * (double)point->n_cols * (f->n_taps == 2 ? 11 : 2) +
                 point->n_flops;
    return 1;
}

static bool is_blended(const struct tro_lowering *l, const struct tro_lower_node *n)
{
    struct tro_camera c;
    struct tro_tensor x;
    if (!tro_lower_type(l, n->node->in[0], &x))
        return true;
    tro_camera_init(n->attrs, &x, &c);
    return !c.is_nearest;
}

int tro_cuda_emit_camera(struct tro_lowering *l, const struct tro_lower_node *n)
{
    static const int axes[] = {0, 1, 2, 3};
    struct tro_frames f;
    struct tro_point *point;
    struct tro_tensor y;
    if (!tro_lower_type(l, n->node->out[0], &y) || tro_tensor_n_elems(&y) >= INT32_MAX ||
        tro_tensor_n_elems(&y) == 0)
        return 0;
    if (n->n_epilogue == 0 && !is_blended(l, n) && tro_lower_defer(l, n))
        return 1;
    int rc = tro_frames_init(l, n->node, &f);
    if (rc > 0)
        rc = tro_point_compile(l, n, TRO_F32, axes, 4, TRO_FORM_DENSE, &point);
    return rc <= 0 ? rc : add_step(l, n, &f, point);
}
