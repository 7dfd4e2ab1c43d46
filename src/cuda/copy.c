/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies: where both sides have neighbours along the same axis, a pointwise program; where they
 * have them along two axes, tiles, or all of a pixel's channels where those are few.
 */
#include "base/dtype.h"
#include "base/err.h"
#include "cuda/cuda.h"
#include "cuda/kernels/planes.h"
#include "cuda/kernels/transpose.h"
#include "cuda/point_program.h"
#include "cuda/pointwise.h"

#define BLOCK 256
#define PLANES_BLOCK 128
#define MOST_PLANES 8
#define LEAST_PIXELS 64
#define LEAST_SIDE 8 /* of a tile that is worth it */
#define TILE_ELEMS 4096

static int64_t ceil_div(int64_t n, int64_t d)
{
    return (n + d - 1) / d;
}

/* ---- crossed axes --------------------------------------------------------------------------- */

/* in has neighbours along a, out along b; the other axes are outer ones. */
struct crossing {
    const struct tro_point_operand *in, *out;
    int a, b;
    int outer[2]; /* axes, or -1 */
    int64_t n_a, n_b, n_outer[2];
};

static int64_t stride_of(const struct tro_point_operand *o, int axis)
{
    return axis < 0 ? 0 : o->stride[axis];
}

static bool find_crossing(const struct tro_point_build *b, struct crossing *c)
{
    *c = (struct crossing){.in = &b->in[0],
                           .out = &b->out[0],
                           .a = -1,
                           .b = b->rank - 1,
                           .outer = {-1, -1},
                           .n_outer = {1, 1}};
    if (b->rank > 4 || c->out->stride[c->b] != 1 || c->in->stride[c->b] == 1)
        return false;
    int n_outer = 2;
    for (int i = c->b - 1; i >= 0; i--) {
        if (c->a < 0 && c->in->stride[i] == 1 && b->shape[i] > 1) {
            c->a = i;
            continue;
        }
        if (n_outer == 0)
            return false;
        c->outer[--n_outer] = i;
        c->n_outer[n_outer] = b->shape[i];
    }
    if (c->a < 0)
        return false;
    c->n_a = b->shape[c->a];
    c->n_b = b->shape[c->b];
    return tro_point_is_small(b, c->in) && tro_point_is_small(b, c->out) &&
           c->n_a * c->n_b * c->n_outer[0] * c->n_outer[1] <= INT32_MAX;
}

/* Elements that are a whole vector of o wherever the outer axes stand. */
static int outer_align(const struct crossing *c, const struct tro_point_operand *o, int most)
{
    int v = tro_point_common(o->arg.offset / (int64_t)tro_dtype_size(o->arg.dtype), most);
    for (int i = 0; i < 2; i++)
        v = tro_point_common(stride_of(o, c->outer[i]), v);
    return v;
}

/* The same for vectors along an axis of n elements whose rows are those of axis `other`. */
static int vector_along(const struct crossing *c, const struct tro_point_operand *o, int64_t n,
                        int other, int most)
{
    return tro_point_common(n, tro_point_common(o->stride[other], outer_align(c, o, most)));
}

static const char *types_of(struct tro_lowering *l, const struct crossing *c, const char *more)
{
    return tro_cuda_defines(l, "#define IN_T %s\n#define OUT_T %s\n#define CONVERTS %d\n%s",
                            tro_point_memory(c->in->arg.dtype), tro_point_memory(c->out->arg.dtype),
                            c->in->arg.dtype != c->out->arg.dtype, more);
}

static int add_step(struct tro_lowering *l, const struct tro_lower_node *n, const char *label,
                    const struct crossing *c, const struct tro_cuda_source *source, int64_t grid,
                    int block)
{
    struct tro_cuda_launch *launch;
    if (!source->defines)
        return tro_lower_err(l)->status;
    struct tro_step *const s = tro_cuda_step(l, n, label, source, 1, 1, &launch);
    if (!s)
        return tro_lower_err(l)->status;
    s->in[0] = c->in->arg;
    s->out[0] = c->out->arg;
    launch->grid[0] = (uint32_t)(grid ? grid : 1);
    launch->block[0] = (uint32_t)block;
    return 1;
}

/* ---- tiles ---------------------------------------------------------------------------------- */

static int side_of(int64_t n)
{
    return n <= 16 ? 16 : n <= 32 ? 32 : 64;
}

/* Sides of a tile of TILE_ELEMS: no longer than an axis needs, where the other one is longer. */
static void find_tile(const struct crossing *c, int *tile_a, int *tile_b)
{
    *tile_a = side_of(c->n_a);
    *tile_b = side_of(c->n_b);
    while (*tile_a * *tile_b < TILE_ELEMS) {
        int *const longer = c->n_b - *tile_b >= c->n_a - *tile_a ? tile_b : tile_a;
        *longer *= 2;
    }
}

static int add_tiles(struct tro_lowering *l, const struct tro_lower_node *n,
                     const struct crossing *c)
{
    int tile_a, tile_b;
    find_tile(c, &tile_a, &tile_b);
    const int64_t tiles_a = ceil_div(c->n_a, tile_a), tiles_b = ceil_div(c->n_b, tile_b);
    struct tro_transpose_params p = {
        .n_a = (uint32_t)c->n_a,
        .n_b = (uint32_t)c->n_b,
        .tiles_a = tro_div_make(tiles_a),
        .tiles_b = tro_div_make(tiles_b),
        .outer = tro_div_make(c->n_outer[1]),
        .in_b = (int32_t)c->in->stride[c->b],
        .out_a = (int32_t)c->out->stride[c->a],
    };
    for (int i = 0; i < 2; i++) {
        p.in_outer[i] = (int32_t)stride_of(c->in, c->outer[i]);
        p.out_outer[i] = (int32_t)stride_of(c->out, c->outer[i]);
    }
    const char *const more = tro_cuda_defines(
        l, "#define TILE_A %d\n#define TILE_B %d\n#define IN_VECTOR %d\n#define OUT_VECTOR %d\n",
        tile_a, tile_b, vector_along(c, c->in, c->n_a, c->b, 4),
        vector_along(c, c->out, c->n_b, c->a, 4));
    const struct tro_cuda_source source = {.name = "transpose",
                                           .defines = more ? types_of(l, c, more) : NULL,
                                           .params = &p,
                                           .params_size = sizeof p};
    return add_step(l, n, "copy transpose", c, &source,
                    tiles_a * tiles_b * c->n_outer[0] * c->n_outer[1], BLOCK);
}

/* ---- planes --------------------------------------------------------------------------------- */

/* The side with planes has neighbours along pixels, the other one along channels. */
static int add_planes(struct tro_lowering *l, const struct tro_lower_node *n,
                      const struct crossing *c, bool to_pixels)
{
    const int channel_axis = to_pixels ? c->b : c->a, pixel_axis = to_pixels ? c->a : c->b;
    const int64_t n_channels = to_pixels ? c->n_b : c->n_a, n_pixels = to_pixels ? c->n_a : c->n_b;
    const struct tro_point_operand *const planes = to_pixels ? c->in : c->out;
    const struct tro_point_operand *const pixels = to_pixels ? c->out : c->in;
    const int64_t pitch = pixels->stride[pixel_axis], n_outer = c->n_outer[0] * c->n_outer[1];
    const bool is_big = n_pixels * n_outer >= (int64_t)8 * PLANES_BLOCK * tro_lower_n_sms(l);
    const bool is_dense = pitch == n_channels;
    int vector = vector_along(c, planes, n_pixels, channel_axis, is_big && n_channels <= 4 ? 8 : 4);
    vector = is_dense ? outer_align(c, pixels, vector) : vector;
    const int64_t per_picture = n_pixels / vector;
    struct tro_planes_params p = {
        .n_vectors = (uint32_t)(per_picture * n_outer),
        .per_picture = tro_div_make(per_picture),
        .outer = tro_div_make(c->n_outer[1]),
        .plane = (int32_t)planes->stride[channel_axis],
        .pitch = (int32_t)pitch,
    };
    for (int i = 0; i < 2; i++) {
        p.planes_outer[i] = (int32_t)stride_of(planes, c->outer[i]);
        p.pixels_outer[i] = (int32_t)stride_of(pixels, c->outer[i]);
    }
    const char *const more = tro_cuda_defines(
        l, "#define VECTOR %d\n#define CHANNELS %d\n#define IS_DENSE %d\n#define TO_PIXELS %d\n",
        vector, (int)n_channels, is_dense, to_pixels);
    const struct tro_cuda_source source = {.name = "planes",
                                           .defines = more ? types_of(l, c, more) : NULL,
                                           .params = &p,
                                           .params_size = sizeof p};
    return add_step(l, n, "copy planes", c, &source, ceil_div(per_picture * n_outer, PLANES_BLOCK),
                    PLANES_BLOCK);
}

/* ---- any ------------------------------------------------------------------------------------ */

/* 1: done; 0: neither is worth it. */
static int add_crossed(struct tro_lowering *l, const struct tro_lower_node *n,
                       const struct tro_point_build *b)
{
    struct crossing c;
    if (!find_crossing(b, &c))
        return 0;
    if (c.n_b <= MOST_PLANES && c.n_a >= LEAST_PIXELS)
        return add_planes(l, n, &c, true);
    if (c.n_a <= MOST_PLANES && c.n_b >= LEAST_PIXELS)
        return add_planes(l, n, &c, false);
    return c.n_a >= LEAST_SIDE && c.n_b >= LEAST_SIDE ? add_tiles(l, n, &c) : 0;
}

static int add_copy(struct tro_lowering *l, const struct tro_lower_node *n,
                    struct tro_point_build *b)
{
    struct tro_point *point;
    const int rc = add_crossed(l, n, b);
    if (rc != 0)
        return rc;
    TRO_TRY(tro_point_finish(b, &point));
    return tro_cuda_point_step(l, n, point, "copy");
}

int tro_cuda_emit_copy(struct tro_lowering *l, const struct tro_lower_node *n,
                       const struct tro_arg *to, const struct tro_arg *from)
{
    struct tro_point_build b;
    int rc = tro_point_begin_copy(l, to, from, &b);
    if (rc >= 0)
        rc = add_copy(l, n, &b);
    tro_point_drop(&b);
    if (rc == TRO_POINT_BEYOND)
        return tro_fail(tro_lower_err(l), TRO_E_UNSUPPORTED,
                        "copy from %s to %s on the GPU: expected equal types or floating-point "
                        "ones, and less than 2^31 elements",
                        tro_dtype_name(from->dtype), tro_dtype_name(to->dtype));
    return rc < 0 ? rc : 0;
}
