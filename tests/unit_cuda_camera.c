/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of cameras on the GPU: the same bits as the reference, alone and within a convolution that
 * gathers from them. */
#include "camera_kit.h"
#include "cuda_kit.h"
#include "window_kit.h"

static const char *text_of(struct tro_buf *b)
{
    tro_buf_u8(b, 0);
    return (const char *)b->p;
}

/* Every format, half of the ways each. */
TEST(cuda_camera_formats)
{
    for (size_t f = 0; f < CAMERA_N(camera_formats); f++)
        for (size_t r = f % 2; r < CAMERA_N(camera_resizes); r += 2) {
            struct tro_buf b = {0};
            tro_buf_str(&b, "graph \"g\"\n");
            camera_text(&b, camera_formats[f], camera_orders[(f + r / 2) % 3],
                        f >= FIRST_YUV && r % 4 == 1 ? "matrix = bt709, range = full, " : "",
                        &camera_resizes[r], 3);
            tro_buf_str(&b, "output %y\n");
            CUDA_ENGINE(0, FP32, text_of(&b));
            CHECK(cuda_has("camera"));
            tro_buf_finish(&b);
        }
}

/* ---- within a convolution ----------------------------------------------------------------- */

struct window {
    int kernel, stride, pad, dilation;
};

static void conv_text(struct tro_buf *b, const char *to, const char *from, const struct window *w)
{
    tro_buf_printf(b,
                   "%%%s = conv(%%%s, %%w, %%b) {strides = [%d,%d], dilations = [%d,%d],"
                   " pads = [%d,%d,%d,%d], group = 1}\n",
                   to, from, w->stride, w->stride, w->dilation, w->dilation, w->pad, w->pad,
                   w->pad + 1, w->pad);
}

/* The camera's value %y has one user and is folded; its twin %u has two and is not. What comes out
 * of both convolutions differs by %d. */
static void twins_text(struct tro_buf *b, int format, int order, int resize, int n,
                       const struct window *w)
{
    const bool is_gray = strcmp(camera_orders[order], "gray") == 0;
    tro_buf_str(b, "graph \"g\"\n");
    camera_text(b, camera_formats[format], camera_orders[order], "", &camera_resizes[resize], n);
    char *const camera = strstr((char *)b->p, "%y = ");
    char twin[512];
    snprintf(twin, sizeof twin, "%.*s", (int)((char *)b->p + b->n - camera), camera);
    twin[1] = 'u';
    tro_buf_str(b, twin);
    kit_const(b, "w", TRO_F32, 4, (const int64_t[]){20, is_gray ? 1 : 3, w->kernel, w->kernel}, 5);
    kit_const(b, "b", TRO_F32, 1, (const int64_t[]){20}, 6);
    conv_text(b, "z", "y", w);
    conv_text(b, "v", "u", w);
    tro_buf_str(b, "%other = abs(%u)\n%d = sub(%z, %v)\n");
}

static void check_twins(enum tro_precision precision, double tolerance, int format, int order,
                        int resize, int n, const struct window *w)
{
    struct tro_buf exact = {0}, near = {0};
    twins_text(&exact, format, order, resize, n, w);
    tro_buf_str(&exact, "output %d\noutput %d\n");
    CHECK(cuda_check(text_of(&exact), 0, precision));
    const char *const kernels = cuda_kernels();
    const char *const first = cuda_kit_device() ? strstr(kernels, "camera") : NULL;
    CHECK(!cuda_kit_device() || (first && !strstr(first + 1, "camera")));
    twins_text(&near, format, order, resize, n, w);
    tro_buf_str(&near, "output %z\noutput %other\n");
    CHECK(cuda_check(text_of(&near), tolerance, precision));
    tro_buf_finish(&exact);
    tro_buf_finish(&near);
}

static const struct window windows[] = {{3, 2, 1, 1}, {7, 2, 3, 1}, {1, 1, 0, 1}, {3, 1, 2, 2}};

TEST(cuda_camera_folded_fp16)
{
    check_twins(TRO_PRECISION_FP16, 3e-3, 0, 0, 0, 3, &windows[0]);
    check_twins(TRO_PRECISION_FP16, 3e-3, 5, 0, 0, 2, &windows[1]);
    check_twins(TRO_PRECISION_FP16, 3e-3, 5, 1, 5, 3, &windows[0]);
    check_twins(TRO_PRECISION_FP16, 3e-3, 6, 0, 0, 2, &windows[1]);
    check_twins(TRO_PRECISION_FP16, 3e-3, 3, 2, 2, 1, &windows[3]);
    check_twins(TRO_PRECISION_FP16, 3e-3, 4, 2, 0, 3, &windows[1]);
}

TEST(cuda_camera_folded_fp32)
{
    check_twins(TRO_PRECISION_FP32, 1e-5, 1, 1, 0, 3, &windows[1]);
    check_twins(TRO_PRECISION_FP32, 1e-5, 5, 0, 0, 1, &windows[2]);
    check_twins(TRO_PRECISION_FP32, 1e-5, 5, 2, 5, 3, &windows[3]);
    check_twins(TRO_PRECISION_FP32, 1e-5, 2, 0, 7, 2, &windows[0]);
}

TEST(cuda_camera_folded_others)
{
    check_twins(TRO_PRECISION_TF32, 3e-3, 5, 0, 0, 3, &windows[0]);
    check_twins(TRO_PRECISION_BF16, 3e-2, 0, 1, 7, 2, &windows[0]);
}

/* ---- who does not fold -------------------------------------------------------------------- */

static void check_camera(const char *what, const char *tail, double tolerance, bool is_folded)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\n");
    camera_text(&b, "rgb8", "rgb", "", &camera_resizes[strcmp(what, "bilinear") == 0], 2);
    kit_const(&b, "w", TRO_F32, 4, (const int64_t[]){6, 3, 3, 3}, 5);
    kit_const(&b, "g", TRO_F32, 4, (const int64_t[]){3, 1, 3, 3}, 6);
    tro_buf_str(&b, tail);
    CHECK(cuda_check(text_of(&b), tolerance, TRO_PRECISION_FP16));
    if (cuda_kit_device())
        test_check(is_folded == !strstr(cuda_kernels(), "camera"), __FILE__, __LINE__, "%s: %s",
                   what, cuda_kernels());
    tro_buf_finish(&b);
}

#define CONV_ATTRS(group) \
    " {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = " group "}\n"
#define FUSED(type)                                        \
    "%o = fused(%y) {\ninput %a : " type                   \
    "\n%c = conv(%a, %w)" CONV_ATTRS("1") "%r = abs(%c)\n" \
                                          "output %r\n}\noutput %o\n"

TEST(cuda_camera_waits_for_whom)
{
    check_camera("fused", FUSED("f32[2,3,18,26]"), 3e-3, true);
    check_camera("bilinear", FUSED("f32[2,3,7,11]"), 3e-3, false);
    check_camera("pointwise", "%o = abs(%y)\noutput %o\n", 1e-3, false);
    check_camera("output", "%o = conv(%y, %w)" CONV_ATTRS("1") "output %o\noutput %y\n", 3e-3,
                 false);
    check_camera("grouped", "%o = conv(%y, %g)" CONV_ATTRS("3") "output %o\n", 3e-3, false);
    check_camera("also added",
                 "const %v : f32[3,3,1,1] = 1 2 3 4 5 6 7 8 9\n"
                 "%o = fused(%y) {\ninput %a : f32[2,3,18,26]\n"
                 "%c = conv(%a, %v) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0],"
                 " group = 1}\n%r = add(%c, %a)\noutput %r\n}\noutput %o\n",
                 3e-3, false);
    check_camera("part of a concatenation",
                 "%k = concat(%y, %y) {axis = 1}\n%o = abs(%k)\noutput %o\n", 1e-3, false);
}
