/* SPDX-License-Identifier: Apache-2.0 */
/* 8-bit convolutions and products on CUDA: the reference's bits. */
#include "cuda_kit.h"
#include "int_kit.h"
#include "int_net_kit.h"

static void check_text(struct tro_buf *b, double tolerance, const char *kernel)
{
    tro_buf_u8(b, 0);
    CHECK(cuda_check((const char *)b->p, tolerance, TRO_PRECISION_FP32));
    CHECK(!cuda_kit_device() || cuda_has(kernel));
    tro_buf_finish(b);
}

static void check(const struct int_shape *s, const char *kernel)
{
    struct tro_buf b = {0};
    kit_put_head(&b, s);
    kit_put_conv(&b, s, "x");
    tro_buf_str(&b, "output %c");
    check_text(&b, 0, kernel);
}

TEST(cuda_conv_int_types_and_zeros)
{
    static const enum tro_dtype types[] = {TRO_U8, TRO_I8};
    static const char *const zeros_x[] = {"", "3", "113"}, *const zeros_w[] = {"", "5", "*"};
    for (int i = 0; i < 36; i++) {
        const struct int_shape s = {
            types[i % 2],       types[i / 2 % 2],   4, 1, 5 + i % 5, {6, 7}, 9, 1, 3, 1, 1, 1,
            zeros_x[i / 4 % 3], zeros_w[i / 12 % 3]};
        check(&s, "conv_int_mma");
    }
}

TEST(cuda_conv_int_shapes)
{
    const struct int_shape shapes[] = {
        {TRO_U8, TRO_I8, 4, 2, 64, {7, 9}, 70, 1, 1, 1, 1, 0, "128", ""},
        {TRO_U8, TRO_I8, 4, 1, 66, {7, 9}, 33, 1, 1, 1, 1, 0, "1", ""},
        {TRO_I8, TRO_I8, 4, 1, 64, {8, 8}, 31, 1, 1, 2, 1, 0, "", ""},
        {TRO_U8, TRO_U8, 4, 1, 3, {23, 21}, 16, 1, 5, 2, 1, 2, "7", "128"},
        {TRO_U8, TRO_I8, 4, 1, 16, {12, 12}, 24, 4, 3, 1, 1, 1, "100", ""},
        {TRO_I8, TRO_I8, 4, 1, 64, {9, 7}, 80, 2, 3, 1, 1, 1, "-100", "3"},
        {TRO_I8, TRO_U8, 4, 2, 24, {9, 7}, 48, 1, 3, 1, 1, 1, "11", "*"},
        {TRO_I8, TRO_I8, 4, 2, 12, {9, 8}, 12, 3, 3, 2, 2, 2, "-5", "*"},
        {TRO_U8, TRO_I8, 3, 2, 17, {40}, 20, 1, 9, 1, 1, 4, "9", ""},
        {TRO_U8, TRO_I8, 5, 1, 6, {4, 5, 6}, 10, 1, 3, 1, 1, 1, "9", ""},
        {TRO_U8, TRO_I8, 5, 1, 8, {4, 5, 6}, 10, 1, 3, 1, 1, 2, "9", ""},
        {TRO_I8, TRO_U8, 4, 1, 1, {11, 10}, 5, 1, 3, 1, 2, 3, "-128", "255"},
        {TRO_I8, TRO_I8, 4, 1, 320, {3, 3}, 130, 1, 1, 1, 1, 0, "-128", ""},
        {TRO_U8, TRO_I8, 4, 1, 32, {20, 20}, 16, 1, 3, 1, 1, 1, "128", ""},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check(&shapes[i], "conv_int_mma");
}

/* Every tile, whatever is the best guess: few multiprocessors make large ones better. */
static bool runs_with(const struct int_shape *s, const char *problem, const char *tile, int n_sms)
{
    struct tro_choices choices = {0};
    struct tro_buf b = {0};
    struct tro_err err = {0};
    kit_put_head(&b, s);
    kit_put_conv(&b, s, "x");
    tro_buf_str(&b, "output %c");
    struct tro_graph *const g = tro_graph_parse((struct tro_str){(const char *)b.p, b.n}, "test",
                                                &err);
    struct tro_cuda_device *const device = cuda_kit_device();
    const int all_sms = device->n_sms;
    device->n_sms = n_sms;
    CHECK(tro_choices_set(&choices, problem, tile) >= 0);
    CHECK(g && cuda_check_graph(g, 0, TRO_PRECISION_FP32, &choices));
    device->n_sms = all_sms;
    tro_graph_destroy(g);
    tro_choices_finish(&choices);
    tro_buf_finish(&b);
    return strstr(cuda_kernels(), tile) != NULL;
}

TEST(cuda_conv_int_tiles)
{
    static const char *const tiles[] = {
        "128x64x64", "128x64x32", "128x32x64", "128x32x32", "128x16x64", "64x64x64", "64x64x32",
        "64x32x128", "64x32x32",  "32x32x128", "32x16x128", "16x64x128", "16x16x128"};
    static const enum tro_dtype types[] = {TRO_U8, TRO_I8};
    for (size_t i = 0; i < sizeof tiles / sizeof tiles[0] && cuda_kit_device(); i++) {
        const enum tro_dtype x = types[i % 2], w = types[i / 2 % 2];
        const char *const zero = i % 3 ? "*" : "";
        const struct int_shape deep = {x, w, 4, 1, 40, {12, 13}, 64, 1, 3, 1, 1, 1, "7", zero};
        const struct int_shape flat = {x, w, 4, 1, 32, {12, 13}, 32, 1, 1, 1, 1, 0, "7", zero};
        const char *const of_deep = "conv_int 156x64x360 by 1 taps 3x3 chunk 8 epilogue 0+1";
        const char *const of_flat = "conv_int 156x32x32 by 1 taps 1x1 chunk 16 epilogue 0+1";
        if (!runs_with(&deep, of_deep, tiles[i], 132) && !runs_with(&deep, of_deep, tiles[i], 1))
            runs_with(&flat, of_flat, tiles[i], 1);
        CHECK_HAS(cuda_kernels(), tiles[i]);
    }
}

TEST(cuda_conv_int_by_channel)
{
    static const enum tro_dtype types[] = {TRO_U8, TRO_I8};
    static const int64_t channels[] = {3, 16, 20, 64, 67, 130};
    for (int i = 0; i < 24; i++) {
        const int64_t c = channels[i / 4];
        const struct int_shape s = {types[i % 2],
                                    types[i / 2 % 2],
                                    4,
                                    1 + i % 2,
                                    c,
                                    {9, 11},
                                    c,
                                    c,
                                    3 + i / 2 % 2,
                                    1 + i / 4 % 2,
                                    1 + (i == 9),
                                    i % 3,
                                    i % 7 == 0 ? ""
                                    : i % 2    ? "-3"
                                               : "131",
                                    i % 5 == 0   ? "*"
                                    : i % 5 == 1 ? ""
                                                 : "1"};
        check(&s, "depthwise_int");
    }
    const struct int_shape volume = {TRO_I8, TRO_I8, 5, 1, 8, {4, 5, 6}, 8, 8, 3, 1, 1, 1, "9", ""};
    const struct int_shape line = {TRO_U8, TRO_I8, 3, 2, 12, {40}, 12, 12, 9, 1, 1, 4, "9", "2"};
    const struct int_shape large = {TRO_U8, TRO_I8, 4, 2, 96, {90, 90}, 96,
                                    96,     3,      1, 1, 1,  "9",      ""};
    check(&volume, "depthwise_int span 1");
    check(&line, "depthwise_int span 1");
    check(&large, "depthwise_int span 2");
}

/* Sums of pairs would leave 16 bits, and sums of all come near the end of float's integers. */
TEST(cuda_conv_int_of_extremes)
{
    static const char *const ends[] = {"max(%x, %hi)", "min(%x, %lo)"};
    for (int i = 0; i < 8; i++) {
        struct tro_buf b = {0};
        const char *const type = i & 1 ? "u8" : "i8";
        tro_buf_printf(&b,
                       "graph \"g\"\ninput %%x : %s[1,600,3,4]\nconst %%lo : %s[] = %s\n"
                       "const %%hi : %s[] = %s\nconst %%w : i8[20,600,2,2] = splat %s\n"
                       "const %%zx : %s[] = %s\n%%e = %s\n"
                       "%%c = conv_int(%%e, %%w, %%zx) {strides = [1,1], dilations = [1,1], "
                       "pads = [1,1,1,1], group = 1}\noutput %%c",
                       type, type, i & 1 ? "0" : "-128", type, i & 1 ? "255" : "127",
                       i & 4 ? "-128" : "127", type, i & 1 ? "255" : "127", ends[i >> 1 & 1]);
        check_text(&b, 0, "conv_int_mma");
    }
}

static void check_tail(const struct int_shape *s, const char *tail, const char *kernel)
{
    struct tro_buf b = {0};
    kit_put_region(&b, s, tail);
    check_text(&b, strstr(tail, "sigmoid") ? 1e-6 : 0, kernel);
}

TEST(cuda_conv_int_epilogues)
{
    static const char *const tails[] = {
        "%r = requantize(%c, %s, %z)",
        "%t = add(%c, %bias)\n%r = requantize(%t, %s, %zi)",
        "%t = add(%bias, %c)\n%q = requantize(%t, %s1, %z)\n%m = max(%q, %lo)\n%r = min(%m, %hi)",
        "%r = requantize(%c, %big, %zi)",
        "%t = dequantize(%c, %s)\n%u = max(%t, %f)\n%r = quantize(%u, %s1, %z) {to = u8}",
        "%q = requantize(%c, %s, %z)\n%t = dequantize(%q, %s1, %z)\n%r = sigmoid(%t)",
        "%t = add(%c, %bias)\n%q = requantize(%t, %s, %zi)\n%r = table(%q, %table)",
        "%q = requantize(%c, %s, %z)\n%m = min(%q, %hi)\n%r = table(%m, %table)",
        "%q = requantize(%c, %s16, %zw16)\n%r = table(%q, %between) {to = i8}",
        "%d = dequantize(%c, %s)\n%r = add(%d, %term)",
        "%q = requantize(%c, %s, %zi)\n%m = max(%q, %zi)\n%d = dequantize(%m, %s1, %zi)\n"
        "%k = dequantize(%skip, %s1, %zi)\n%e = add(%d, %k)\n%g = max(%e, %f)\n"
        "%r = quantize(%g, %s1, %z) {to = u8}",
        "%t = add(%c, %bias)\n%d = dequantize(%t, %s)\n%u = add(%term, %d)\n"
        "%e = add(%wide, %u)\n%r = quantize(%e, %s1, %zi) {to = i8}",
        "%d = dequantize(%c, %s)\n%e = max(%d, %f)\n%g = add(%e, %d)\n"
        "%r = quantize(%g, %s1, %zi) {to = i8}",
    };
    const struct int_shape shapes[] = {
        {TRO_U8, TRO_I8, 4, 2, 24, {9, 20}, 45, 1, 3, 1, 1, 1, "128", ""},
        {TRO_I8, TRO_I8, 4, 1, 64, {9, 7}, 160, 1, 1, 1, 1, 0, "4", ""},
        {TRO_U8, TRO_I8, 4, 1, 70, {9, 9}, 70, 70, 3, 1, 1, 1, "128", ""},
        {TRO_I8, TRO_I8, 4, 1, 12, {9, 9}, 30, 3, 3, 2, 1, 1, "", "*"},
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++)
            check_tail(&shapes[k], tails[i],
                       shapes[k].group == shapes[k].c ? "depthwise_int" : "conv_int_mma");
}

/* Between integers FP16 rounds nothing. */
TEST(cuda_conv_int_at_fp16)
{
    CUDA_ENGINE(0, FP16,
                "graph \"g\"\ninput %x : i8[1,16,6,6]\nconst %w : i8[16,16,1,1] = splat 3\n"
                "const %s : f32[] = 0.00173\nconst %t : f32[] = 0.00003\nconst %z : i8[] = 2\n"
                "const %v : i16[] = 7\nconst %u : f32[] = 0.02\n"
                "%p, %q = fused(%x) {\ninput %a : i8[1,16,6,6]\n"
                "%c = conv_int(%a, %w, %z) {strides = [1,1], dilations = [1,1], "
                "pads = [0,0,0,0], group = 1}\n%r = requantize(%c, %u, %z)\n"
                "%d = dequantize(%r, %s, %z)\noutput %r, %d\n}\n"
                "%y = fused(%p, %q) {\ninput %k : i8[1,16,6,6]\ninput %b : f32[1,16,6,6]\n"
                "%l = conv_int(%k, %w, %z) {strides = [1,1], dilations = [1,1], "
                "pads = [0,0,0,0], group = 1}\n%m = dequantize(%l, %t)\n%n = add(%m, %b)\n"
                "%o = quantize(%n, %t, %v) {to = i16}\noutput %o\n}\noutput %y");
    CHECK(!cuda_kit_device() || cuda_has("conv_int_mma"));
}

TEST(cuda_conv_transpose_int_into_its_windows)
{
    for (size_t i = 0; i < sizeof kit_up_shapes / sizeof kit_up_shapes[0]; i++)
        for (size_t k = 0; k < sizeof kit_up_tails / sizeof kit_up_tails[0]; k++) {
            struct tro_buf b = {0};
            kit_put_up(&b, &kit_up_shapes[i], kit_up_tails[k]);
            check_text(&b, 0, "conv_transpose_int_mma");
        }
}

/* The bytes of the reference, which unit_int_net knows by heart. */
TEST(cuda_int_net)
{
    struct tro_graph *const g = cuda_kit_device() ? int_net_make() : NULL;
    CHECK(!cuda_kit_device() || (g && cuda_check_graph(g, 0, TRO_PRECISION_FP32, NULL)));
    tro_graph_destroy(g);
}

/* The zero point may come with the picture. */
TEST(cuda_conv_int_of_a_zero_made_at_run_time)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : u8[1,8,6,6]\ninput %z : u8[]\nconst %w : i8[9,8,3,3] = "
                "splat -77\nconst %u : i8[8,1,3,3] = splat 5\nconst %o : u8[] = 1\n"
                "%v = add(%z, %o)\n"
                "%c = conv_int(%x, %w, %v) {strides = [1,1], dilations = [1,1], "
                "pads = [1,1,1,1], group = 1}\n"
                "%d = conv_int(%x, %u, %v) {strides = [1,1], dilations = [1,1], "
                "pads = [1,1,1,1], group = 8}\noutput %c\noutput %d");
    CHECK(!cuda_kit_device() || (cuda_has("conv_int_mma") && cuda_has("depthwise_int")));
}

TEST(cuda_conv_int_in_and_into_concatenations)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : u8[2,8,6,6]\nconst %w : i8[12,8,1,1] = splat -77\n"
                "const %v : i8[5,20,1,1] = splat 3\n"
                "const %s : f32[] = 0.003\nconst %z : u8[] = 100\n"
                "%y = fused(%x) {\ninput %a : u8[2,8,6,6]\n%c = conv_int(%a, %w) {strides = [1,1], "
                "dilations = [1,1], pads = [0,0,0,0], group = 1}\n%r = requantize(%c, %s, %z)\n"
                "output %r\n}\n%n = max(%x, %z)\n%t = concat(%n, %y) {axis = 1}\n"
                "%d = conv_int(%t, %v, %z) {strides = [1,1], dilations = [1,1], "
                "pads = [1,1,1,1], group = 1}\noutput %t\noutput %d");
    CHECK(!cuda_kit_device() || cuda_has("conv_int_mma"));
}

/* ---- products ------------------------------------------------------------------------------ */

static void check_matmul(const char *a, const char *b_type, int64_t k, int64_t n, const char *zeros,
                         const char *args)
{
    struct tro_buf b = {0};
    tro_buf_printf(&b, "graph \"g\"\ninput %%a : %s\n%s\n", a, zeros);
    kit_const(&b, "b", tro_dtype_from_name(b_type), 2, (const int64_t[]){k, n}, 17);
    tro_buf_printf(&b, "%%c = matmul_int(%%a, %%b%s)\noutput %%c", args);
    check_text(&b, 0, "matmul_int_mma");
}

TEST(cuda_matmul_int_shapes_and_zeros)
{
    check_matmul("u8[1,64]", "i8", 64, 10, "", "");
    check_matmul("i8[1,63]", "i8", 63, 100, "", "");
    check_matmul("u8[37,64]", "i8", 64, 10, "const %z : u8[] = 9", ", %z");
    check_matmul("u8[37,65]", "u8", 65, 40, "const %z : u8[] = 9\nconst %y : u8[] = 3", ", %z, %y");
    check_matmul("i8[3,5,40]", "i8", 40, 33, "const %z : i8[1] = 9\nconst %y : i8[33] = splat -7",
                 ", %z, %y");
    check_matmul("u8[5,40]", "i8", 40, 33, "const %z : u8[5] = 1 200 3 40 255", ", %z");
    check_matmul("u8[2,5,40]", "i8", 40, 33, "const %z : u8[5] = 1 200 3 40 255", ", %z");
    check_matmul("i8[5,40]", "u8", 40, 33,
                 "const %z : i8[5,1] = 1 -100 3 40 -128\nconst %y : u8[1,33] = splat 200",
                 ", %z, %y");
    check_matmul("u8[70,300]", "i8", 300, 97, "const %z : u8[] = 9", ", %z");
    check_matmul("u8[1,2,1,2,3,8]", "i8", 8, 9, "const %z : u8[] = 9", ", %z");
}

TEST(cuda_matmul_int_of_strided_rows)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\ninput %x : u8[4,3,2,20]\n");
    kit_const(&b, "b", TRO_I8, 2, (const int64_t[]){20, 30}, 17);
    tro_buf_str(&b, "%t = transpose(%x) {perm = [1,2,0,3]}\n%c = matmul_int(%t, %b)\noutput %c");
    check_text(&b, 0, "matmul_int_mma");
}

TEST(cuda_matmul_int_of_two_activations)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %a : u8[17,40]\ninput %b : i8[40,23]\nconst %z : u8[] = 7\n"
                "%c = matmul_int(%a, %b, %z)\noutput %c");
    CHECK(!cuda_kit_device() || cuda_has("matmul_int_mma"));
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %a : i8[2,3,17,21]\ninput %b : u8[3,21,5]\ninput %z : i8[17]\n"
                "input %y : u8[5]\n%c = matmul_int(%a, %b, %z, %y)\noutput %c");
    CHECK(!cuda_kit_device() || cuda_has("matmul_int_mma"));
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %a : i8[1,6,16]\ninput %b : u8[4,9,16]\n"
                "%t = transpose(%b) {perm = [0,2,1]}\n%c = matmul_int(%a, %t)\noutput %c");
    CHECK(!cuda_kit_device() || cuda_has("matmul_int_mma"));
}

TEST(cuda_matmul_int_requantized)
{
    struct tro_buf b = {0};
    tro_buf_str(&b, "graph \"g\"\ninput %x : u8[2,9,40]\nconst %zx : u8[] = 77\n");
    kit_const(&b, "w", TRO_I8, 2, (const int64_t[]){40, 70}, 17);
    kit_const(&b, "bias", TRO_I32, 1, (const int64_t[]){70}, 18);
    tro_buf_str(&b, "const %s : f32[70] = splat 0.0017\nconst %z : i8[] = 5\n%y = fused(%x) {\n"
                    "input %a : u8[2,9,40]\n%c = matmul_int(%a, %w, %zx)\n%d = add(%c, %bias)\n"
                    "%r = requantize(%d, %s, %z)\noutput %r\n}\noutput %y");
    check_text(&b, 0, "matmul_int_mma");
}
