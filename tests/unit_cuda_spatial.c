/* SPDX-License-Identifier: Apache-2.0 */
/* Depthwise convolutions, pools, resizing, conv_transpose and pad on CUDA against the reference. */
#include "cuda/device.h"
#include "cuda_kit.h"
#include "window_kit.h"

#include <stdarg.h>

static struct tro_buf text;

__attribute__((format(printf, 1, 2))) static void put(const char *fmt, ...)
{
    char line[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    tro_buf_str(&text, line);
}

/* The text so far at FP32 and at FP16, for a large GPU, where it is this kernel's, and for a small
 * one, whose threads do more; then it is empty again. */
static void check(const char *kernel)
{
    struct tro_cuda_device *const device = cuda_kit_device();
    const int n_sms = device ? device->n_sms : 0;
    tro_buf_u8(&text, 0);
    CHECK(cuda_check((const char *)text.p, 2e-6, TRO_PRECISION_FP32));
    CHECK(!device || cuda_has(kernel));
    CHECK(cuda_check((const char *)text.p, 4e-3, TRO_PRECISION_FP16));
    CHECK(!device || cuda_has(kernel));
    if (device)
        device->n_sms = 0;
    CHECK(cuda_check((const char *)text.p, 4e-3, TRO_PRECISION_FP16));
    if (device)
        device->n_sms = n_sms;
    tro_buf_finish(&text);
    text = (struct tro_buf){0};
}

/* ---- depthwise ---------------------------------------------------------------------------- */

static void put_depthwise(const int64_t *x, int64_t multiplier, int64_t kernel, const char *attrs)
{
    put("graph \"g\"\ninput %%x : ");
    kit_type(&text, TRO_F32, 4, x);
    put("\n");
    const int64_t m = x[1] * multiplier;
    kit_const(&text, "w", TRO_F32, 4, (const int64_t[]){m, 1, kernel, kernel}, 3);
    kit_const(&text, "b", TRO_F32, 1, &m, 4);
    put("%%y = conv(%%x, %%w, %%b) {%s, group = %d}\n", attrs, (int)x[1]);
}

static void depthwise(const int64_t *x, int64_t multiplier, int64_t kernel, const char *attrs)
{
    put_depthwise(x, multiplier, kernel, attrs);
    put("output %%y");
    check("depthwise");
}
#define DEPTHWISE(n, c, h, w, ...) depthwise((const int64_t[]){n, c, h, w}, __VA_ARGS__)

TEST(depthwise)
{
    DEPTHWISE(1, 16, 9, 11, 1, 3, "strides = [1,1], dilations = [1,1], pads = [1,1,1,1]");
    DEPTHWISE(2, 19, 9, 11, 1, 3, "strides = [2,2], dilations = [1,1], pads = [1,1,1,1]");
    DEPTHWISE(1, 24, 7, 7, 1, 5, "strides = [1,1], dilations = [1,1], pads = [2,2,2,2]");
    DEPTHWISE(1, 12, 13, 13, 1, 5, "strides = [2,1], dilations = [1,2], pads = [2,4,1,3]");
    DEPTHWISE(1, 9, 20, 6, 1, 13, "strides = [1,1], dilations = [1,1], pads = [6,6,6,6]");
    DEPTHWISE(1, 8, 6, 6, 1, 3, "strides = [1,1], dilations = [3,3], pads = [5,-1,5,4]");
    DEPTHWISE(1, 6, 6, 6, 3, 3, "strides = [1,1], dilations = [1,1], pads = [1,1,1,1]");
}

TEST(depthwise_axes)
{
    put("graph \"g\"\ninput %%x : f32[2,10,21]\n");
    kit_const(&text, "w", TRO_F32, 3, (const int64_t[]){10, 1, 4}, 3);
    put("%%y = conv(%%x, %%w) {strides = [2], dilations = [1], pads = [1,2], group = 10}\n"
        "output %%y");
    check("depthwise");
    put("graph \"g\"\ninput %%x : f32[1,8,4,5,6]\n");
    kit_const(&text, "w", TRO_F32, 5, (const int64_t[]){8, 1, 3, 3, 3}, 3);
    put("%%y = conv(%%x, %%w) {strides = [1,2,1], dilations = [1,1,1], pads = [1,1,1,1,1,1], "
        "group = 8}\noutput %%y");
    check("depthwise");
}

TEST(depthwise_tiles)
{
    static const char *const tiles[] = {"8x4", "8x2", "8x1", "4x2", "4x1", "2x1"};
    for (size_t i = 0; cuda_kit_device() && i < sizeof tiles / sizeof tiles[0]; i++) {
        struct tro_choices choices = {0};
        struct tro_err err = {0};
        char problem[128];
        snprintf(problem, sizeof problem, "depthwise f16 1x1x9x11x20 k1x3x3 s1 d1 sm%d",
                 cuda_kit_device()->arch);
        CHECK(tro_choices_set(&choices, problem, tiles[i]) == 0);
        put_depthwise((const int64_t[]){1, 20, 9, 11}, 1, 3,
                      "strides = [1,1], dilations = [1,1], pads = [1,1,1,1]");
        put("%%r = neg(%%y)\n%%z = concat(%%x, %%y) {axis = 1}\noutput %%z\noutput %%r");
        struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)text.p, text.n},
                                                    "test", &err);
        CHECK(g && cuda_check_graph(g, 4e-3, TRO_PRECISION_FP16, &choices));
        CHECK(cuda_has(tiles[i]));
        tro_graph_destroy(g);
        tro_choices_finish(&choices);
        tro_buf_finish(&text);
        text = (struct tro_buf){0};
    }
}

TEST(depthwise_epilogue)
{
    put("graph \"g\"\ninput %%x : f32[1,24,9,10]\n");
    kit_const(&text, "w", TRO_F32, 4, (const int64_t[]){24, 1, 3, 3}, 3);
    put("const %%zero : f32[] = 0\nconst %%six : f32[] = 6\n%%u = neg(%%x)\n"
        "%%y = fused(%%x, %%u) {\ninput %%a : f32[1,24,9,10]\ninput %%r : f32[1,24,9,10]\n"
        "%%c = conv(%%a, %%w) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 24}\n"
        "%%p = add(%%c, %%r)\n%%q = max(%%p, %%zero)\n%%t = min(%%q, %%six)\noutput %%t\n}\n"
        "%%z = fused(%%y) {\ninput %%e : f32[1,24,9,10]\n"
        "%%f = conv(%%e, %%w) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 24}\n"
        "%%h = add(%%f, %%e)\noutput %%h\n}\noutput %%z");
    check("depthwise");
}

/* ---- pools -------------------------------------------------------------------------------- */

static void pool(const char *type, const char *attrs, const char *kernel)
{
    put("graph \"g\"\ninput %%x : %s\n%%y = pool(%%x) {%s}\noutput %%y", type, attrs);
    check(kernel);
}

TEST(pool)
{
    pool("f32[2,19,12,13]",
         "kind = max, kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]",
         "pool");
    pool("f32[1,64,9,8]",
         "kind = max, kernel = [3,3], strides = [2,2], dilations = [1,1], pads = [1,1,1,1]",
         "pool");
    pool("f32[1,6,11,12]",
         "kind = max, kernel = [4,3], strides = [1,2], dilations = [2,3], pads = [3,1,2,4]",
         "pool");
    pool("f32[1,6,11,12]",
         "kind = avg, kernel = [4,3], strides = [1,2], dilations = [2,3], pads = [3,1,2,4]",
         "pool");
    pool("f32[1,6,11,12]",
         "kind = avg, kernel = [4,3], strides = [1,2], dilations = [2,3], pads = [3,1,2,4], "
         "count_include_pad = 1",
         "pool");
    pool("f32[1,17,12,14]",
         "kind = avg, kernel = [5,4], strides = [3,3], dilations = [1,1], pads = [2,0,1,2], "
         "ceil_mode = 1, count_include_pad = 1",
         "pool");
    pool("f32[1,17,12,13]",
         "kind = max, kernel = [3,3], strides = [2,2], dilations = [1,1], pads = [1,1,1,1], "
         "ceil_mode = 1",
         "pool");
    pool("f32[1,8,12,13]",
         "kind = avg, kernel = [4,4], strides = [2,2], dilations = [1,1], pads = [0,0,0,0], "
         "auto_pad = same_lower",
         "pool");
    pool("f32[1,8,9,9]",
         "kind = lp, p = 2, kernel = [3,3], strides = [1,1], dilations = [1,1], pads = [1,1,1,1]",
         "pool");
    pool("f32[1,8,9,9]",
         "kind = lp, p = 3, kernel = [3,2], strides = [1,1], dilations = [1,1], pads = [1,1,1,1]",
         "pool");
    pool("f32[2,20,31]", "kind = avg, kernel = [11], strides = [1], dilations = [1], pads = [5,5]",
         "pool");
    pool("f32[1,20,4,5,6]",
         "kind = max, kernel = [2,3,2], strides = [2,1,2], dilations = [1,1,1], "
         "pads = [0,1,0,0,1,0]",
         "pool");
}

TEST(pool_integers)
{
    pool("i8[2,19,12,13]",
         "kind = max, kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [1,0,1,0]",
         "pool");
    pool("u8[1,16,9,9]",
         "kind = max, kernel = [3,3], strides = [1,1], dilations = [1,1], pads = [1,1,1,1]",
         "pool");
}

TEST(pool_split)
{
    pool("f32[1,40,7,7]",
         "kind = avg, kernel = [7,7], strides = [1,1], dilations = [1,1], pads = [0,0,0,0]",
         "pool_split avg");
    pool("f32[2,19,17,18]",
         "kind = max, kernel = [17,18], strides = [1,1], dilations = [1,1], pads = [0,0,0,0]",
         "pool_split max");
    pool("f32[1,8,14,14]",
         "kind = avg, kernel = [8,7], strides = [6,7], dilations = [1,1], pads = [2,1,2,1]",
         "pool_split avg");
    pool("f32[1,5,30,31]",
         "kind = lp, p = 2, kernel = [30,31], strides = [1,1], dilations = [1,1], "
         "pads = [0,0,0,0]",
         "pool_split lp");
}

TEST(pool_into_a_concatenation)
{
    put("graph \"g\"\ninput %%x : f32[2,12,8,9]\n%%n = neg(%%x)\n"
        "%%p = pool(%%n) {kind = max, kernel = [3,3], strides = [1,1], dilations = [1,1], "
        "pads = [1,1,1,1]}\n"
        "%%q = pool(%%p) {kind = avg, kernel = [3,3], strides = [1,1], dilations = [1,1], "
        "pads = [1,1,1,1]}\n"
        "%%y = concat(%%n, %%p, %%q) {axis = 1}\noutput %%y");
    check("pool max");
}

/* ---- resize ------------------------------------------------------------------------------- */

static void resize(const char *type, const char *params, const char *attrs)
{
    const char *const operands = strstr(params, "sizes") ? "_, _, %sizes" : "_, %scales";
    put("graph \"g\"\ninput %%x : %s\nconst %%%s\n%%r = resize(%%x, %s) {%s}\n%%y = max(%%r, %%r)\n"
        "%%z = resize(%%x, %s) {%s}\noutput %%y\noutput %%z",
        type, params, operands, attrs, operands, attrs);
    check("resize ");
    CHECK(!cuda_kit_device() || cuda_has("resize_planes"));
}

TEST(resize)
{
    resize("f32[1,17,7,9]", "scales : f32[4] = 1 1 2 2", "mode = nearest");
    resize("f32[1,3,7,9]", "sizes : i64[4] = 1 3 5 17", "mode = nearest, coord = align_corners");
    resize("f32[1,24,7,9]", "scales : f32[4] = 1 1 2 2", "mode = linear");
    resize("f32[2,3,7,9]", "sizes : i64[4] = 2 3 5 17", "mode = linear, coord = align_corners");
    resize("f32[1,16,33,8]", "sizes : i64[4] = 1 16 7 1", "mode = linear, antialias = 1");
    resize("f32[1,9,7,6]", "scales : f32[4] = 1 1 1.5 3", "mode = cubic, cubic_a = -0.75");
    resize("f32[1,9,7]", "sizes : i64[3] = 1 9 12", "mode = linear");
    resize("f32[1,9,3,4,5]", "sizes : i64[5] = 1 9 6 7 5", "mode = linear");
    resize("u8[1,3,5,6]", "scales : f32[4] = 1 1 2.5 0.7", "mode = nearest");
    resize("i32[1,8,5,6]", "scales : f32[4] = 1 1 2 3", "mode = nearest");
}

/* Bytes, the same as those of the reference. */
static void resize_int(const char *type, const char *params, const char *attrs)
{
    const char *const operands = strstr(params, "sizes") ? "_, _, %sizes" : "_, %scales";
    put("graph \"g\"\ninput %%x : %s\nconst %%%s\n%%r = resize_int(%%x, %s) {mode = linear%s}\n"
        "%%y = max(%%r, %%r)\n%%z = resize_int(%%x, %s) {mode = linear%s}\noutput %%y\noutput %%z",
        type, params, operands, attrs, operands, attrs);
    tro_buf_u8(&text, 0);
    CHECK(cuda_check((const char *)text.p, 0, TRO_PRECISION_FP32));
    CHECK(!cuda_kit_device() || (cuda_has("resize_int ") && cuda_has("resize_int_planes")));
    tro_buf_finish(&text);
    text = (struct tro_buf){0};
}

TEST(resize_int)
{
    resize_int("u8[1,70,7,9]", "scales : f32[4] = 1 1 2 2", "");
    resize_int("i8[1,24,7,9]", "scales : f32[4] = 1 1 2 2", ", coord = asymmetric");
    resize_int("i8[2,3,7,9]", "sizes : i64[4] = 2 3 5 17", ", coord = align_corners");
    resize_int("u8[1,16,33,8]", "sizes : i64[4] = 1 16 7 1", ", antialias = 1");
    resize_int("u8[1,9,1,1]", "sizes : i64[4] = 1 9 3 4", "");
    resize_int("i8[1,9,7]", "sizes : i64[3] = 1 9 12", ", coord = pytorch_half_pixel");
    resize_int("i8[1,9,3,4,5]", "sizes : i64[5] = 1 9 6 7 5", "");
    resize_int("u8[1,33,8,8]", "sizes : i64[4] = 1 33 8 8", "");
}

/* ---- conv_transpose ----------------------------------------------------------------------- */

static void transpose(const char *type, int rank, const int64_t *w, int group, const char *attrs,
                      const char *kernel)
{
    const int64_t m = w[1] * group;
    put("graph \"g\"\ninput %%x : %s\n", type);
    kit_const(&text, "w", TRO_F32, rank, w, 3);
    kit_const(&text, "b", TRO_F32, 1, &m, 4);
    put("%%y = conv_transpose(%%x, %%w, %%b) {%s, group = %d}\n%%z = neg(%%y)\noutput %%z", attrs,
        group);
    check(kernel);
}
#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

TEST(conv_transpose)
{
    transpose("f32[1,16,5,6]", 4, SHAPE(16, 24, 3, 3), 1,
              "strides = [2,2], dilations = [1,1], pads = [1,1,1,1], output_padding = [1,1]",
              "conv_transpose");
    transpose("f32[2,6,5,6]", 4, SHAPE(6, 5, 4, 3), 1,
              "strides = [3,1], dilations = [2,1], pads = [0,2,1,0], output_padding = [0,0]",
              "conv_transpose");
    transpose("f32[1,12,4,5]", 4, SHAPE(12, 4, 2, 2), 3,
              "strides = [2,2], dilations = [1,1], pads = [0,0,0,0], output_padding = [0,0]",
              "conv_transpose");
    transpose("f32[1,12,4,5]", 4, SHAPE(12, 3, 3, 3), 2,
              "strides = [2,2], dilations = [1,1], pads = [0,0,0,0], output_padding = [0,1], "
              "output_shape = [8,9], auto_pad = same_upper",
              "conv_transpose");
    transpose("f32[1,8,9]", 3, SHAPE(8, 5, 4), 1,
              "strides = [2], dilations = [1], pads = [1,1], output_padding = [0]",
              "conv_transpose");
    transpose("f32[1,4,3,4,5]", 5, SHAPE(4, 5, 2, 3, 2), 1,
              "strides = [2,2,1], dilations = [1,1,1], pads = [0,1,0,0,1,0], "
              "output_padding = [0,0,0]",
              "conv_transpose");
}

/* At FP16 on tensor cores. */
static void up(const char *type, int rank, const int64_t *w, const char *attrs)
{
    transpose(type, rank, w, 1, attrs, "conv_transpose");
    CHECK(!cuda_kit_device() || cuda_has("conv_transpose_mma"));
}

TEST(conv_transpose_mma)
{
    up("f32[1,40,5,6]", 4, SHAPE(40, 24, 2, 2),
       "strides = [2,2], dilations = [1,1], pads = [0,0,0,0], output_padding = [0,0]");
    up("f32[2,72,7,11]", 4, SHAPE(72, 40, 2, 2),
       "strides = [2,2], dilations = [1,1], pads = [0,0,0,0], output_padding = [0,0]");
    up("f32[1,136,9]", 3, SHAPE(136, 8, 3),
       "strides = [3], dilations = [1], pads = [0,0], output_padding = [0]");
    up("f32[1,8,2,3,4]", 5, SHAPE(8, 16, 2, 1, 4),
       "strides = [2,1,4], dilations = [1,1,1], pads = [0,0,0,0,0,0], output_padding = [0,0,0]");
}

TEST(conv_transpose_mma_tiles)
{
    static const char *const tiles[] = {"128x128", "128x64", "64x64"};
    for (size_t i = 0; cuda_kit_device() && i < sizeof tiles / sizeof tiles[0]; i++) {
        struct tro_choices choices = {0};
        struct tro_err err = {0};
        char problem[128];
        snprintf(problem, sizeof problem, "conv_transpose f16 130x160x168 taps 4 sm%d",
                 cuda_kit_device()->arch);
        CHECK(tro_choices_set(&choices, problem, tiles[i]) == 0);
        put("graph \"g\"\ninput %%x : f32[1,168,10,13]\ninput %%s : f32[1,16,20,26]\n");
        kit_const(&text, "w", TRO_F32, 4, SHAPE(168, 40, 2, 2), 3);
        put("%%t = neg(%%s)\n%%y = conv_transpose(%%x, %%w) {strides = [2,2], dilations = [1,1], "
            "pads = [0,0,0,0], output_padding = [0,0], group = 1}\n"
            "%%z = concat(%%t, %%y) {axis = 1}\n%%u = abs(%%z)\noutput %%u");
        struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)text.p, text.n},
                                                    "test", &err);
        CHECK(g && cuda_check_graph(g, 4e-3, TRO_PRECISION_FP16, &choices));
        CHECK(cuda_has(tiles[i]));
        tro_graph_destroy(g);
        tro_choices_finish(&choices);
        tro_buf_finish(&text);
        text = (struct tro_buf){0};
    }
}

/* ---- pad ---------------------------------------------------------------------------------- */

static void pad(const char *type, const char *pads, const char *mode)
{
    put("graph \"g\"\ninput %%x : %s\nconst %%p : %s\n%%y = pad(%%x, %%p) {mode = %s}\noutput %%y",
        type, pads, mode);
    check("pad");
}

TEST(pad)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        pad("f32[2,3,5,6]", "i64[8] = 0 0 2 3 0 0 1 4", modes[i]);
        pad("f32[7,9]", "i64[4] = 3 -2 -1 5", modes[i]);
        pad("i64[2,5]", "i64[4] = 0 9 0 13", modes[i]);
    }
    pad("bool[70]", "i64[2] = 60 0", "reflect");
    put("graph \"g\"\ninput %%x : f32[1,16,5,6]\nconst %%p : i64[8] = 0 0 1 1 0 0 1 1\n"
        "const %%v : f32[] = -3\n"
        "%%m = pool(%%x) {kind = max, kernel = [2,2], strides = [1,1], dilations = [1,1], "
        "pads = [0,0,0,0]}\n%%y = pad(%%m, %%p, %%v)\n%%z = pool(%%y) {kind = avg, "
        "kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]}\noutput %%z");
    check("pad");
}

/* ---- other precisions --------------------------------------------------------------------- */

/* All of it in one graph; the type of x and of the weights. */
static void put_network(enum tro_dtype type)
{
    put("graph \"g\"\ninput %%x : %s[1,24,8,9]\n", tro_dtype_name(type));
    kit_const(&text, "w", type, 4, SHAPE(24, 1, 3, 3), 3);
    kit_const(&text, "u", type, 4, SHAPE(24, 40, 2, 2), 4);
    put("const %%s : f32[4] = 1 1 2 2\n%%a = conv(%%x, %%w) {strides = [1,1], "
        "dilations = [1,1], pads = [1,1,1,1], group = 24}\n"
        "%%b = pool(%%a) {kind = max, kernel = [2,2], strides = [2,2], dilations = [1,1], "
        "pads = [0,0,0,0]}\n%%c = resize(%%b, _, %%s) {mode = linear}\n"
        "%%d = conv_transpose(%%c, %%u) {strides = [2,2], dilations = [1,1], pads = [0,0,0,0], "
        "output_padding = [0,0], group = 1}\noutput %%d");
    tro_buf_u8(&text, 0);
}

TEST(bf16)
{
    put_network(TRO_F32);
    CUDA_ENGINE(2e-2, BF16, (const char *)text.p);
    CHECK(!cuda_kit_device() || cuda_has("conv_transpose_mma bf16"));
    tro_buf_finish(&text);
    text = (struct tro_buf){0};
}

TEST(f16_of_the_graph)
{
    put_network(TRO_F16);
    CUDA_ENGINE(4e-3, FP32, (const char *)text.p);
    CHECK(!cuda_kit_device() || cuda_has("conv_transpose_mma f16"));
    tro_buf_finish(&text);
    text = (struct tro_buf){0};
}
