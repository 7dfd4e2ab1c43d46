/* SPDX-License-Identifier: Apache-2.0 */
/* The operator `camera`: inference, the reference against numbers and against a formula of its own,
 * the CPU backend against the reference. */
#include "camera_kit.h"
#include "graph/camera.h"
#include "infer_kit.h"
#include "io/frame.h"
#include "ref_kit.h"
#include "window_kit.h"

#include <unistd.h>

/* ---- inference ---------------------------------------------------------------------------- */

#define NUMBERS "; f32[3]; f32[3]"

TEST(camera_infer)
{
    static const struct tro_attrs_camera same,
        nv12 = {.format = tro_camera_format_nv12},
        gray = {.format = tro_camera_format_gray8, .order = tro_camera_order_gray},
        bgra = {.format = tro_camera_format_bgra8},
        stretch = {.resize = tro_camera_resize_stretch, .height = 5, .width = 7};
    INFER(TRO_OP_CAMERA, &same, "u8[N,H,W,3]" NUMBERS, "f32[N,3,H,W]");
    INFER(TRO_OP_CAMERA, &bgra, "u8[2,8,9,4]" NUMBERS, "f32[2,3,8,9]");
    INFER(TRO_OP_CAMERA, &nv12, "u8[N,12,10]" NUMBERS, "f32[N,3,8,10]");
    INFER(TRO_OP_CAMERA, &gray, "u8[N,12,10]; f32[1]; f32[1]", "f32[N,1,12,10]");
    INFER(TRO_OP_CAMERA, &stretch, "u8[N,H,W,3]" NUMBERS, "f32[N,3,5,7]");
    INFER(TRO_OP_CAMERA, &same, "u8[*]" NUMBERS, "f32[*]");
}

TEST(camera_infer_refuses)
{
    static const struct tro_attrs_camera same,
        nv12 = {.format = tro_camera_format_nv12}, yuyv = {.format = tro_camera_format_yuyv},
        sized = {.height = 5, .width = 5}, open = {.resize = tro_camera_resize_crop},
        pad = {.pad = 256};
    INFER(TRO_OP_CAMERA, &same, "f32[1,8,8,3]" NUMBERS, "!input 0: expected type u8, found f32");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,8]" NUMBERS, "!rank");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,8,4]" NUMBERS, "!frame: expected 3 bytes a pixel, found 4");
    INFER(TRO_OP_CAMERA, &same, "u8[1,0,8,3]" NUMBERS,
          "!height of the frame: expected 1 to 32768 pixels, found 0");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,40000,3]" NUMBERS, "!width of the frame: expected 1 to");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,8,3]; f32[1]; f32[3]",
          "!scale: expected 3 elements, one a channel, found 1");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,8,3]; f32[3]; f32[2]", "!bias: expected 3 elements");
    INFER(TRO_OP_CAMERA, &same, "u8[1,8,8,3]; f16[3]; f32[3]", "!f16");
    INFER(TRO_OP_CAMERA, &nv12, "u8[1,13,8]" NUMBERS,
          "!nv12: expected height * 3 / 2 rows and an even width, height even, found 13 rows");
    INFER(TRO_OP_CAMERA, &nv12, "u8[1,12,7]" NUMBERS, "!found 12 rows, width 7");
    INFER(TRO_OP_CAMERA, &yuyv, "u8[1,12,7,2]" NUMBERS, "!yuyv: expected an even width, found 7");
    INFER(TRO_OP_CAMERA, &sized, "u8[1,8,8,3]" NUMBERS, "!height");
    INFER(TRO_OP_CAMERA, &open, "u8[1,8,8,3]" NUMBERS, "!height");
    INFER(TRO_OP_CAMERA, &pad, "u8[1,8,8,3]" NUMBERS, "!pad");
}

/* ---- numbers ------------------------------------------------------------------------------ */

#define ONE "; f32[3] 1 1 1; f32[3] 0 0 0"

TEST(camera_colours)
{
    static const struct tro_attrs_camera rgb,
        bgr = {.order = tro_camera_order_bgr}, bgra = {.format = tro_camera_format_bgra8},
        gray = {.order = tro_camera_order_gray}, from_gray = {.format = tro_camera_format_gray8};
    EVAL(TRO_OP_CAMERA, &rgb, "u8[1,1,2,3] 1 2 3 4 5 6; f32[3] 1 10 100; f32[3] 0 0.5 -1",
         "f32[1,3,1,2] 1 4 20.5 50.5 299 599");
    EVAL(TRO_OP_CAMERA, &bgr, "u8[1,1,2,3] 1 2 3 4 5 6" ONE, "f32[1,3,1,2] 3 6 2 5 1 4");
    EVAL(TRO_OP_CAMERA, &bgra, "u8[1,1,1,4] 1 2 3 4" ONE, "f32[1,3,1,1] 3 2 1");
    EVAL(TRO_OP_CAMERA, &gray, "u8[1,1,2,3] 255 255 255 100 0 10; f32[1] 1; f32[1] 0",
         "f32[1,1,1,2] 255 31.04");
    EVAL(TRO_OP_CAMERA, &from_gray, "u8[1,1,2] 9 8" ONE, "f32[1,3,1,2] 9 8 9 8 9 8");
}

/* Pure colours of BT.601 and BT.709 as bytes: what comes back is rounded within a step. */
static void check_yuv(enum tro_camera_matrix matrix, enum tro_camera_range range, int y, int cb,
                      int cr, double r, double g, double b)
{
    const struct tro_attrs_camera a = {
        .format = tro_camera_format_nv12, .matrix = matrix, .range = range};
    uint8_t frame[6] = {(uint8_t)y, (uint8_t)y, (uint8_t)y, (uint8_t)y, (uint8_t)cb, (uint8_t)cr};
    float one[3] = {1, 1, 1}, zero[3] = {0};
    const struct tro_tensor in[8] = {
        {.dtype = TRO_U8, .rank = 3, .shape = {1, 3, 2}, .data = frame},
        {.dtype = TRO_F32, .rank = 1, .shape = {3}, .data = one},
        {.dtype = TRO_F32, .rank = 1, .shape = {3}, .data = zero}};
    struct tro_tensor out;
    CHECK_OR_RETURN(tro_ref_eval(TRO_OP_CAMERA, &a, 3, in, 1, &out, NULL, NULL, NULL) == 0);
    const double want[3] = {r, g, b};
    for (int i = 0; i < 12; i++)
        CHECK_NEAR(((const float *)out.data)[i], want[i / 4], 1.5);
    tro_free(out.data);
}

TEST(camera_nv12_colours)
{
    const enum tro_camera_matrix bt601 = tro_camera_matrix_bt601, bt709 = tro_camera_matrix_bt709;
    const enum tro_camera_range limited = tro_camera_range_limited, full = tro_camera_range_full;
    check_yuv(bt601, limited, 235, 128, 128, 255, 255, 255);
    check_yuv(bt601, limited, 16, 128, 128, 0, 0, 0);
    check_yuv(bt601, limited, 81, 90, 240, 255, 0, 0);
    check_yuv(bt601, limited, 145, 54, 34, 0, 255, 0);
    check_yuv(bt601, limited, 41, 240, 110, 0, 0, 255);
    check_yuv(bt709, limited, 63, 102, 240, 255, 0, 0);
    check_yuv(bt709, limited, 173, 42, 26, 0, 255, 0);
    check_yuv(bt709, limited, 32, 240, 118, 0, 0, 255);
    check_yuv(bt601, full, 76, 85, 255, 254, 0, 0);
    check_yuv(bt601, full, 150, 44, 21, 0, 255, 0);
    check_yuv(bt709, full, 18, 255, 116, 0, 0, 254);
    check_yuv(bt601, limited, 255, 255, 255, 255, 125.3, 255);
    check_yuv(bt601, limited, 0, 0, 0, 0, 135, 0);
}

/* Each Cb, Cr belongs to 2 x 2 pixels. */
TEST(camera_nv12_pairs)
{
    static const struct tro_attrs_camera a = {.format = tro_camera_format_nv12,
                                              .range = tro_camera_range_full};
    EVAL(TRO_OP_CAMERA, &a,
         "u8[1,6,4] 10 20 30 40 50 60 70 80 1 2 3 4 5 6 7 8"
         " 128 128 128 228 128 128 128 128; f32[3] 1 1 1; f32[3] 0 0 0",
         "f32[1,3,4,4] 10 20 170.2 180.2 50 60 210.2 220.2 1 2 3 4 5 6 7 8"
         " 10 20 0 0 50 60 0 8.586372 1 2 3 4 5 6 7 8"
         " 10 20 30 40 50 60 70 80 1 2 3 4 5 6 7 8");
}

/* Each Cb, Cr belongs to 2 pixels of a row. */
TEST(camera_yuyv_pairs)
{
    static const struct tro_attrs_camera a = {.format = tro_camera_format_yuyv,
                                              .range = tro_camera_range_full};
    EVAL(TRO_OP_CAMERA, &a, "u8[1,2,2,2] 10 128 20 228 1 128 2 128; f32[3] 1 1 1; f32[3] 0 0 0",
         "f32[1,3,2,2] 150.2 160.2 1 2 0 0 1 2 10 20 1 2");
}

TEST(camera_sizes)
{
    static const struct tro_attrs_camera twice = {.format = tro_camera_format_gray8,
                                                  .order = tro_camera_order_gray,
                                                  .resize = tro_camera_resize_stretch,
                                                  .height = 1,
                                                  .width = 4},
                                         box = {.format = tro_camera_format_gray8,
                                                .order = tro_camera_order_gray,
                                                .resize = tro_camera_resize_letterbox,
                                                .pad = 9,
                                                .height = 4,
                                                .width = 3},
                                         corner = {.format = tro_camera_format_gray8,
                                                   .order = tro_camera_order_gray,
                                                   .resize = tro_camera_resize_letterbox,
                                                   .anchor = tro_camera_anchor_top_left,
                                                   .filter = tro_camera_filter_nearest,
                                                   .height = 2,
                                                   .width = 3},
                                         crop = {.format = tro_camera_format_gray8,
                                                 .order = tro_camera_order_gray,
                                                 .resize = tro_camera_resize_crop,
                                                 .height = 2,
                                                 .width = 2};
    EVAL(TRO_OP_CAMERA, &twice, "u8[1,1,2] 10 30; f32[1] 1; f32[1] 0", "f32[1,1,1,4] 10 15 25 30");
    EVAL(TRO_OP_CAMERA, &box, "u8[1,1,3] 10 20 30; f32[1] 2; f32[1] 1",
         "f32[1,1,4,3] 19 19 19 21 41 61 19 19 19 19 19 19");
    EVAL(TRO_OP_CAMERA, &corner, "u8[1,2,1] 10 20; f32[1] 1; f32[1] 0",
         "f32[1,1,2,3] 10 0 0 20 0 0");
    EVAL(TRO_OP_CAMERA, &crop, "u8[1,2,5] 1 2 3 4 5 6 7 8 9 10; f32[1] 1; f32[1] 0",
         "f32[1,1,2,2] 2 3 7 8");
}

/* ---- a formula of its own ----------------------------------------------------------------- */

/* In double, pixel by pixel, from the definitions rather than from the code. */
static double plain_pixel(const struct tro_attrs_camera *a, const uint8_t *f, int h, int w, int y,
                          int x, int channel)
{
    const int n_bytes = a->format <= tro_camera_format_bgr8    ? 3
                        : a->format <= tro_camera_format_bgra8 ? 4
                        : a->format == tro_camera_format_yuyv  ? 2
                                                               : 1;
    const bool is_bgr = a->format == tro_camera_format_bgr8 || a->format == tro_camera_format_bgra8;
    double rgb[3];
    y = y < 0 ? 0 : y >= h ? h - 1 : y;
    x = x < 0 ? 0 : x >= w ? w - 1 : x;
    for (int i = 0; i < 3; i++)
        rgb[i] = f[(y * w + x) * n_bytes + (n_bytes < 3 ? 0 : is_bgr ? 2 - i : i)];
    if (a->format == tro_camera_format_nv12 || a->format == tro_camera_format_yuyv) {
        const bool is_nv12 = a->format == tro_camera_format_nv12;
        const bool is_full = a->range == tro_camera_range_full;
        const double kr = a->matrix == tro_camera_matrix_bt709 ? 0.2126 : 0.299;
        const double kb = a->matrix == tro_camera_matrix_bt709 ? 0.0722 : 0.114;
        const uint8_t *const two = f + (y * w + x / 2 * 2) * 2;
        const uint8_t *const pair = is_nv12 ? f + h * w + y / 2 * w + x / 2 * 2 : two + 1;
        const int level = is_nv12 ? f[y * w + x] : two[x % 2 * 2];
        const double luma = is_full ? level / 255.0 : (level - 16) / 219.0;
        const double cb = (pair[0] - 128) / (is_full ? 255.0 : 224.0);
        const double cr = (pair[is_nv12 ? 1 : 2] - 128) / (is_full ? 255.0 : 224.0);
        const double r = luma + cr * 2 * (1 - kr), b = luma + cb * 2 * (1 - kb);
        const double g = (luma - kr * r - kb * b) / (1 - kr - kb), all[3] = {r, g, b};
        for (int i = 0; i < 3; i++)
            rgb[i] = fmin(fmax(all[i], 0), 1) * 255;
        if (a->order == tro_camera_order_gray)
            return fmin(fmax(luma, 0), 1) * 255;
    }
    if (a->order == tro_camera_order_gray)
        return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    return rgb[a->order == tro_camera_order_bgr ? 2 - channel : channel];
}

static double plain(const struct tro_attrs_camera *a, const uint8_t *f, int h, int w, int oh,
                    int ow, int y, int x, int channel)
{
    double sy = (double)oh / h, sx = (double)ow / w, top = 0, left = 0, nh = oh, nw = ow;
    if (a->resize == tro_camera_resize_letterbox || a->resize == tro_camera_resize_crop) {
        sy = sx = a->resize == tro_camera_resize_letterbox ? fmin(sy, sx) : fmax(sy, sx);
        nh = floor(h * sy + 0.5);
        nw = floor(w * sx + 0.5);
        if (a->anchor == tro_camera_anchor_center) {
            top = trunc((oh - nh) / 2);
            left = trunc((ow - nw) / 2);
        }
    }
    if (y < top || x < left || y >= top + nh || x >= left + nw)
        return (double)a->pad;
    const double fy = (y - top + 0.5) * h / nh, fx = (x - left + 0.5) * w / nw;
    if (a->filter == tro_camera_filter_nearest)
        return plain_pixel(a, f, h, w, (int)fy, (int)fx, channel);
    const int y0 = (int)floor(fy - 0.5), x0 = (int)floor(fx - 0.5);
    const double ty = fy - 0.5 - y0, tx = fx - 0.5 - x0;
    return (1 - ty) * ((1 - tx) * plain_pixel(a, f, h, w, y0, x0, channel) +
                       tx * plain_pixel(a, f, h, w, y0, x0 + 1, channel)) +
           ty * ((1 - tx) * plain_pixel(a, f, h, w, y0 + 1, x0, channel) +
                 tx * plain_pixel(a, f, h, w, y0 + 1, x0 + 1, channel));
}

/* Runs a graph of camera_kit.h on the reference. */
static double worst_error(const char *text)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "g", &err);
    struct tro_tensor x = {0}, y;
    double worst = 0;
    if (!test_check(g != NULL, __FILE__, __LINE__, "%s", err.text))
        return 1e9;
    const struct tro_node *const n = tro_node_get(g, tro_block_get(g, TRO_MAIN_BLOCK)->nodes[0]);
    const struct tro_attrs_camera *const a = n->attrs;
    const struct tro_value *const v = tro_value_get(g, n->in[0]);
    x = (struct tro_tensor){.dtype = TRO_U8, .rank = v->shape.rank};
    for (int i = 0; i < x.rank; i++)
        x.shape[i] = tro_dim_value(v->shape.dim[i]);
    engine_kit_fill(&x, 3);
    if (!test_check(tro_ref_run(g, &x, &y, NULL, NULL, &err) == 0, __FILE__, __LINE__, "%s",
                    err.text))
        return 1e9;
    const float *const scale = tro_const_tensor(g, n->in[1]).data;
    const float *const bias = tro_const_tensor(g, n->in[2]).data;
    const int h = 18, w = 26, oh = (int)y.shape[2], ow = (int)y.shape[3], n_c = (int)y.shape[1];
    const int64_t frame_bytes = tro_tensor_n_elems(&x) / x.shape[0];
    for (int64_t i = 0; i < tro_tensor_n_elems(&y); i++) {
        const int px = (int)(i % ow), py = (int)(i / ow % oh), c = (int)(i / ow / oh % n_c);
        const double v0 = plain(a, (const uint8_t *)x.data + i / ow / oh / n_c * frame_bytes, h, w,
                                oh, ow, py, px, c);
        worst = fmax(worst, fabs((double)((const float *)y.data)[i] - (v0 * scale[c] + bias[c])));
    }
    free(x.data);
    tro_free(y.data);
    tro_graph_destroy(g);
    return worst;
}

static void each_text(void (*check)(const char *text))
{
    static const char *const more[] = {"", "matrix = bt709, ", "range = full, ",
                                       "matrix = bt709, range = full, "};
    for (size_t f = 0; f < CAMERA_N(camera_formats); f++)
        for (size_t o = 0; o < CAMERA_N(camera_orders); o++)
            for (size_t r = 0; r < CAMERA_N(camera_resizes); r++) {
                struct tro_buf b = {0};
                tro_buf_str(&b, "graph \"g\"\n");
                camera_text(&b, camera_formats[f], camera_orders[o],
                            f >= FIRST_YUV ? more[(o + r) % 4] : "", &camera_resizes[r], 3);
                tro_buf_str(&b, "output %y\n");
                tro_buf_u8(&b, 0);
                check((const char *)b.p);
                tro_buf_finish(&b);
            }
}

static void check_formula(const char *text)
{
    const double worst = worst_error(text);
    test_check(worst < 1e-3, __FILE__, __LINE__, "%g off in %s", worst, text);
}

TEST(camera_against_a_formula)
{
    each_text(check_formula);
}

/* ---- the CPU backend ---------------------------------------------------------------------- */

static void check_engine(const char *text)
{
    ENGINE(0, text);
    CHECK_HAS(engine_kernels(), "camera__");
}

TEST(camera_on_the_cpu)
{
    each_text(check_engine);
}

/* In front of a convolution it is written channels last. */
TEST(camera_and_a_convolution)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\n");
    camera_text(&b, "nv12", "rgb", "", &camera_resizes[3], 2);
    kit_const(&b, "w", TRO_F32, 4, (const int64_t[]){8, 3, 1, 1}, 1);
    tro_buf_str(&b, "%z = conv(%y, %w) {strides = [1,1], dilations = [1,1], pads = [0,0,0,0],"
                    " group = 1}\noutput %z\n");
    CHECK(kit_run(&b, 1e-5));
    CHECK_HAS(engine_kernels(), "camera__");
}

/* ---- pictures as frames ------------------------------------------------------------------- */

static const char *ppm_path(void)
{
    static char path[256];
    const char *const tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/trocar_camera_%d.ppm", tmp && strlen(tmp) < 150 ? tmp : "/tmp",
             (int)getpid());
    return path;
}

/* 4 x 3 pixels, in 2 x 2 of one colour. */
static bool write_picture(void)
{
    uint8_t rgb[36];
    for (int i = 0; i < 36; i++)
        rgb[i] = (uint8_t)(i / 3 % 4 < 2 ? 200 - 60 * (i % 3) : 40 + 50 * (i % 3));
    return tro_picture_write(ppm_path(), 4, 3, 3, rgb, NULL) == 0;
}

static void check_frame(enum tro_camera_format format, enum tro_camera_range range, int tolerance)
{
    const struct tro_attrs_camera a = {
        .format = format, .matrix = tro_camera_matrix_bt709, .range = range};
    const bool is_nv12 = format == tro_camera_format_nv12;
    const struct tro_io_info info = {
        .name = "x", .dtype = TRO_U8, .rank = is_nv12 ? 3 : 4, .shape = {-1, -1, -1, -1}};
    float one[3] = {1, 1, 1}, zero[3] = {0};
    struct tro_tensor in[8] = {{0},
                               {.dtype = TRO_F32, .rank = 1, .shape = {3}, .data = one},
                               {.dtype = TRO_F32, .rank = 1, .shape = {3}, .data = zero}};
    struct tro_arena arena = {0};
    struct tro_tensor y;
    struct tro_err err = {0};
    CHECK_INT(tro_picture_to_frame(ppm_path(), &info, &a, &arena, &in[0], &err), 0);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(tro_ref_eval(TRO_OP_CAMERA, &a, 3, in, 1, &y, NULL, NULL, &err) == 0);
    CHECK_INT(y.shape[2], is_nv12 ? 2 : 3);
    CHECK_INT(y.shape[3], 4);
    const int64_t n = y.shape[2] * y.shape[3];
    for (int64_t i = 0; i < 3 * n; i++)
        CHECK_NEAR(((const float *)y.data)[i],
                   (double)(i % 4 < 2 ? 200 - 60 * (i / n) : 40 + 50 * (i / n)), tolerance);
    tro_free(y.data);
    tro_arena_finish(&arena);
}

TEST(camera_frames_of_pictures)
{
    CHECK_OR_RETURN(write_picture());
    check_frame(tro_camera_format_rgb8, 0, 0);
    check_frame(tro_camera_format_bgr8, 0, 0);
    check_frame(tro_camera_format_rgba8, 0, 0);
    check_frame(tro_camera_format_bgra8, 0, 0);
    check_frame(tro_camera_format_nv12, tro_camera_range_limited, 2);
    check_frame(tro_camera_format_nv12, tro_camera_range_full, 2);
    check_frame(tro_camera_format_yuyv, tro_camera_range_limited, 2);
    check_frame(tro_camera_format_yuyv, tro_camera_range_full, 2);
    unlink(ppm_path());
}

TEST(camera_frame_refused)
{
    const struct tro_attrs_camera a = {.format = tro_camera_format_rgb8};
    const struct tro_io_info pair = {
        .name = "x", .dtype = TRO_U8, .rank = 4, .shape = {2, 4, 4, 3}};
    struct tro_arena arena = {0};
    struct tro_tensor out;
    struct tro_err err = {0};
    CHECK_INT(tro_picture_to_frame("a.ppm", &pair, &a, &arena, &out, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "a.ppm: expected an input 'x' of one frame, found 2");
    tro_arena_finish(&arena);
}

/* Also within a fused node; not where frames are something else's. */
TEST(camera_of_an_input)
{
    static const char text[] = "graph \"g\"\ninput %x : u8[1,4,4,3]\ninput %y : u8[1,4,4,3]\n"
                               "const %s : f32[3] = 1 1 1\n"
                               "%a = fused(%x) {\ninput %i : u8[1,4,4,3]\n"
                               "%c = camera(%i, %s, %s) {order = bgr}\n%d = abs(%c)\noutput %d\n}\n"
                               "%b = cast(%y) {to = f32}\noutput %a\noutput %b\n";
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "g", &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(g != NULL);
    const struct tro_attrs_camera *const a = tro_camera_of_input(g, "x");
    CHECK(a && a->order == tro_camera_order_bgr);
    CHECK(!tro_camera_of_input(g, "y"));
    CHECK(!tro_camera_of_input(g, "z"));
    tro_graph_destroy(g);
}
