/* SPDX-License-Identifier: Apache-2.0 */
/* Resizing by the CPU backend against the reference, on every level. */
#include "window_kit.h"

static void check_one(const char *type, const char *params, const char *attrs, const char *kernel,
                      const char *tail)
{
    struct tro_buf b = {0};
    tro_buf_printf(&b, "graph \"g\"\ninput %%x : %s\n%s\n%%y = resize(%%x, %s) {%s}\n%s", type,
                   params, strstr(params, "%sizes") ? "_, _, %sizes" : "_, %scales", attrs, tail);
    CHECK(kit_run(&b, 2e-6));
    /* Half a place off, it moves axes that are not resized too. */
    if (!strstr(attrs, "tf_half_pixel_for_nn"))
        CHECK_HAS(engine_kernels(), kernel);
}

/* Inside of the graph channels last, as an output of it by planes. */
static void check(const char *type, const char *params, const char *attrs, const char *kernel)
{
    const bool has_planes = strcmp(kernel, "resize_f32") == 0;
    check_one(type, params, attrs, has_planes ? "resize_f32__" : kernel, "%z = abs(%y)\noutput %z");
    check_one(type, params, attrs, has_planes ? "resize_f32_planes__" : kernel, "output %y");
}

#define SCALES(text) "const %scales : f32[4] = 1 1 " text
#define SIZES(text) "const %sizes : i64[4] = 1 " text

static const char *const coords[] = {"half_pixel",         "half_pixel_symmetric",
                                     "pytorch_half_pixel", "align_corners",
                                     "asymmetric",         "tf_half_pixel_for_nn"};

TEST(resize_nearest)
{
    static const char *const modes[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    for (size_t c = 0; c < sizeof coords / sizeof coords[0]; c++) {
        for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
            char attrs[128];
            snprintf(attrs, sizeof attrs, "mode = nearest, coord = %s, nearest = %s", coords[c],
                     modes[m]);
            check("f32[1,17,7,9]", SCALES("2 2"), attrs, "resize_nearest");
            check("f32[1,3,7,9]", SIZES("3 5 17"), attrs, "resize_nearest");
        }
    }
    check("i8[1,64,5,6]", SCALES("2 2"), "mode = nearest, coord = asymmetric, nearest = floor",
          "resize_nearest");
    check("u8[1,3,5,6]", SCALES("2.5 0.7"), "mode = nearest", "resize_nearest");
    check("f16[1,6,5,6]", SCALES("3 3"), "mode = nearest", "resize_nearest");
    check("i64[1,6,5,6]", SCALES("3 3"), "mode = nearest", "resize_nearest");
}

TEST(resize_linear)
{
    for (size_t c = 0; c < sizeof coords / sizeof coords[0]; c++) {
        char attrs[128];
        snprintf(attrs, sizeof attrs, "mode = linear, coord = %s", coords[c]);
        check("f32[1,70,7,9]", SCALES("2 2"), attrs, "resize_f32");
        check("f32[1,3,7,9]", SIZES("3 5 17"), attrs, "resize_f32");
        check("f32[1,21,8,8]", SIZES("21 31 64"), attrs, "resize_f32");
        check("f32[1,16,33,8]", SIZES("16 7 1"), attrs, "resize_f32");
        check("f32[2,2,1,5]", "const %sizes : i64[4] = 2 2 3 133", attrs, "resize_f32");
    }
}

TEST(resize_cubic_and_antialias)
{
    check("f32[1,20,7,9]", SCALES("2 2"), "mode = cubic, cubic_a = -0.75", "resize_f32");
    check("f32[1,20,7,9]", SIZES("20 3 15"), "mode = cubic, cubic_a = -0.5, exclude_outside = 1",
          "resize_f32");
    check("f32[1,20,17,19]", SIZES("20 5 6"), "mode = linear, antialias = 1", "resize_f32");
    check("f32[1,20,17,19]", SIZES("20 5 31"), "mode = cubic, cubic_a = -0.75, antialias = 1",
          "resize_f32");
}

TEST(resize_axes)
{
    check("f32[2,17,9]", "const %scales : f32[3] = 1 1 2", "mode = linear", "resize_f32");
    check("f32[1,17,3,4,5]", "const %scales : f32[5] = 1 1 2 2 2", "mode = linear", "resize_f32");
    check("f32[1,17,3,4,5]", "const %scales : f32[5] = 1 1 2 2 2", "mode = nearest",
          "resize_nearest");
    check("f32[1,5,6,7]", "const %sizes : i64[2] = 12 9", "mode = linear, axes = [2,3]",
          "resize_f32");
    check("f32[1,5,6,7]", "const %sizes : i64[2] = 12 9",
          "mode = linear, axes = [2,3], policy = not_larger", "resize_f32");
}

TEST(resize_left_to_the_reference)
{
    check("f32[1,6,5,6]", "const %scales : f32[4] = 1 2 2 2", "mode = linear", "reference");
    check("u8[1,6,5,6]", SCALES("2 2"), "mode = linear", "reference");
}

/* In whole numbers: the same bytes at every level, in any form. */
static void check_int(const char *type, const char *params, const char *attrs)
{
    const char *const operands = strstr(params, "%sizes") ? "_, _, %sizes" : "_, %scales";
    struct tro_buf b = {0};
    tro_buf_printf(
        &b,
        "graph \"g\"\ninput %%x : %s\n%s\n%%y = resize_int(%%x, %s) {mode = linear%s}\n"
        "%%z = max(%%y, %%y)\n%%t = transpose(%%x) {perm = [0,1,3,2]}\n"
        "%%u = resize_int(%%t, %s) {mode = linear%s}\noutput %%y\noutput %%z\noutput %%u",
        type, params, operands, attrs, operands, attrs);
    CHECK(kit_run(&b, 0));
    CHECK_HAS(engine_kernels(), "resize_int__");
    CHECK(strstr(engine_kernels(), "reference") == NULL);
}

TEST(resize_int)
{
    for (size_t c = 0; c < sizeof coords / sizeof coords[0] - 1; c++) {
        char attrs[64];
        snprintf(attrs, sizeof attrs, ", coord = %s", coords[c]);
        check_int("u8[1,70,7,9]", SCALES("2 2"), attrs);
        check_int("i8[1,3,7,9]", SIZES("3 5 17"), attrs);
        check_int("i8[1,64,8,8]", SIZES("64 31 64"), attrs);
        check_int("u8[1,16,33,8]", SIZES("16 7 1"), attrs);
        check_int("i8[2,2,1,5]", "const %sizes : i64[4] = 2 2 3 133", attrs);
        check_int("u8[1,5,1,1]", SIZES("5 4 6"), attrs);
    }
    check_int("u8[1,20,17,19]", SIZES("20 5 6"), ", antialias = 1");
    check_int("i8[1,130,17,19]", SIZES("130 5 31"), ", antialias = 1");
    check_int("i8[1,9,6,7]", "const %sizes : i64[2] = 12 9", ", axes = [2,3]");
    check_int("u8[1,9,6,7]", SIZES("9 6 7"), "");
}

TEST(resize_int_axes)
{
    ENGINE(0, "graph \"g\"\ninput %x : u8[2,17,9]\nconst %s : f32[3] = 1 1 2\n"
              "%y = resize_int(%x, _, %s) {mode = linear}\noutput %y");
    CHECK_HAS(engine_kernels(), "resize_int__");
    ENGINE(0, "graph \"g\"\ninput %x : i8[1,17,3,4,5]\nconst %s : f32[5] = 1 1 2 2.3 2\n"
              "%y = resize_int(%x, _, %s) {mode = linear}\noutput %y");
    CHECK_HAS(engine_kernels(), "resize_int__");
    ENGINE(0, "graph \"g\"\ninput %x : i8[1,6,5,6]\nconst %s : f32[4] = 1 2 2 2\n"
              "%y = resize_int(%x, _, %s) {mode = linear}\noutput %y");
    CHECK_HAS(engine_kernels(), "reference");
    /* gaps between the channels of what it reads and writes */
    ENGINE(0, "graph \"g\"\ninput %x : i8[1,40,5,6]\ninput %z : i8[1,9,10,12]\n"
              "const %s : f32[4] = 1 1 2 2\n%p, %q = split(%x) {axis = 1}\n"
              "%y = resize_int(%p, _, %s) {mode = linear}\n%u = max(%z, %z)\n"
              "%c = concat(%y, %u) {axis = 1}\n%d = max(%c, %c)\noutput %d\noutput %q");
}

/* A weight of 0 keeps infinities out, as does that of a row with fewer elements than others. */
TEST(resize_of_infinity)
{
#define HEAD(coord)                                                  \
    "graph \"g\"\ninput %x : f32[1,17,5,6]\nconst %z : f32[1] = 0\n" \
    "const %t : f32[1] = 1.8\n%d = div(%x, %z)\n%h = lt(%t, %x)\n"   \
    "%v = select(%h, %d, %x)\nconst %s : i64[4] = 1 17 9 11\n"       \
    "%y = resize(%v, _, _, %s) {mode = linear, coord = " coord "}\n"
    ENGINE(1e-6, HEAD("align_corners") "%n = neg(%y)\noutput %n");
    ENGINE(1e-6, HEAD("align_corners") "output %y");
    ENGINE(1e-6, HEAD("half_pixel") "output %y");
#undef HEAD
}

TEST(resize_epilogues)
{
    static const char *const modes[] = {"nearest", "linear"};
    static const char *const tails[] = {"%z = max(%c, %half)", "%p = neg(%c)\n%z = add(%p, %r)"};
    for (int i = 0; i < 4; i++) {
        struct tro_buf b = {0};
        tro_buf_printf(&b,
                       "graph \"g\"\ninput %%x : f32[2,37,5,35]\ninput %%o : f32[2,37,10,70]\n"
                       "const %%half : f32[] = 0.5\nconst %%s : f32[4] = 1 1 2 2\n"
                       "%%u = neg(%%o)\n%%y = fused(%%x, %%u) {\ninput %%a : f32[2,37,5,35]\n"
                       "input %%r : f32[2,37,10,70]\n%%c = resize(%%a, _, %%s) {mode = %s}\n"
                       "%s\noutput %%z\n}\noutput %%y",
                       modes[i % 2], tails[i / 2]);
        CHECK(kit_run(&b, 1e-5));
        CHECK_HAS(engine_kernels(), "resize_f32");
    }
}

TEST(resize_into_a_concatenation)
{
    ENGINE(1e-6, "graph \"g\"\ninput %x : f32[1,17,5,6]\ninput %z : f32[1,9,10,12]\n"
                 "const %s : f32[4] = 1 1 2 2\n"
                 "%y = resize(%x, _, %s) {mode = nearest, coord = asymmetric, nearest = floor}\n"
                 "%w = resize(%x, _, %s) {mode = linear}\n%u = neg(%z)\n"
                 "%c = concat(%y, %u, %w) {axis = 1}\noutput %c");
}
