/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions on CUDA against the reference. */
#include "gemm_kit.h"

/* Sizes of a picture with two spatial axes and of its kernel. */
struct shape {
    int n, c, h, w, m, kh, kw, group;
    const char *attrs;
};

static void put_conv(const struct shape *s)
{
    char shape[64];
    begin();
    put("input %%x : f32[%d,%d,%d,%d]\n", s->n, s->c, s->h, s->w);
    snprintf(shape, sizeof shape, "%d,%d,%d,%d", s->m, s->c / s->group, s->kh, s->kw);
    put_const("w", shape, (int64_t)s->m * (s->c / s->group) * s->kh * s->kw);
    snprintf(shape, sizeof shape, "%d", s->m);
    put_const("b", shape, s->m);
}

#define ATTRS(s, d, p) "strides = [" s "], dilations = [" d "], pads = [" p "]"

#define POINT ATTRS("1,1", "1,1", "0,0,0,0")
#define BORDER ATTRS("1,1", "1,1", "1,1,1,1")

static void check_conv(const struct shape *s)
{
    put_conv(s);
    put("%%y = conv(%%x, %%w, %%b) {%s, group = %d}\noutput %%y\n", s->attrs, s->group);
    CHECK(check_precisions("gem"));
}

TEST(sizes_and_windows)
{
    static const struct shape shapes[] = {
        {1, 8, 9, 11, 16, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {2, 24, 7, 7, 33, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {1, 3, 23, 31, 20, 7, 7, 1, ATTRS("2,2", "1,1", "3,3,3,3")},
        {1, 5, 12, 10, 7, 3, 2, 1, ATTRS("2,3", "1,2", "0,2,1,-1")},
        {1, 16, 12, 10, 40, 2, 3, 1, ATTRS("1,2", "2,3", "2,0,3,4")},
        {3, 33, 5, 6, 65, 1, 1, 1, ATTRS("1,1", "1,1", "0,0,0,0")},
        {2, 40, 6, 6, 35, 1, 1, 1, ATTRS("2,2", "1,1", "0,0,0,0")},
        {1, 32, 4, 4, 24, 1, 1, 1, ATTRS("1,1", "1,1", "-1,-1,-2,0")},
        {1, 16, 4, 4, 8, 5, 5, 1, ATTRS("1,1", "1,1", "2,2,2,2")},
        {1, 1, 30, 30, 4, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")},
        {1, 16, 8, 8, 16, 3, 3, 1, ATTRS("1,1", "1,1", "-1,-2,-1,0")},
        {1, 64, 3, 2, 5, 3, 3, 1, ATTRS("1,1", "4,4", "4,4,4,4")},
        {1, 96, 13, 12, 24, 3, 3, 1, ATTRS("1,1", "12,12", "12,12,12,12")},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_conv(&shapes[i]);
}

TEST(groups)
{
    static const struct shape shapes[] = {
        {1, 16, 9, 7, 16, 3, 3, 2, ATTRS("1,1", "1,1", "1,1,1,1")},
        {2, 36, 5, 6, 72, 1, 1, 4, ATTRS("1,1", "1,1", "0,0,0,0")},
        {1, 40, 6, 6, 20, 3, 3, 2, ATTRS("2,2", "1,1", "1,1,1,1")},
        {1, 24, 6, 6, 9, 3, 3, 3, ATTRS("1,1", "1,1", "1,1,1,1")},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_conv(&shapes[i]);
}

TEST(one_and_three_spatial_axes)
{
    begin();
    put("input %%x : f32[2,16,19]\n");
    put_const("w", "24,16,5", (int64_t)24 * 16 * 5);
    put("%%y = conv(%%x, %%w) {strides = [2], dilations = [1], pads = [2,1], group = 1}\n"
        "output %%y\n");
    CHECK(check_precisions("gemm"));
    begin();
    put("input %%x : f32[2,8,4,5,6]\n");
    put_const("w", "16,8,3,2,3", (int64_t)16 * 8 * 3 * 2 * 3);
    put("%%y = conv(%%x, %%w) {strides = [1,2,1], dilations = [1,1,2], pads = [1,0,2,1,1,2], "
        "group = 1}\noutput %%y\n");
    CHECK(check_precisions("gemm"));
}

TEST(one_pixel)
{
    check_conv(&(struct shape){1, 72, 1, 1, 20, 1, 1, 1, ATTRS("1,1", "1,1", "0,0,0,0")});
    CHECK(cuda_has("gemv"));
    check_conv(&(struct shape){3, 520, 1, 1, 33, 1, 1, 1, ATTRS("1,1", "1,1", "0,0,0,0")});
}

TEST(few_pixels_and_many_channels_are_split)
{
    check_conv(&(struct shape){1, 256, 5, 5, 24, 3, 3, 1, ATTRS("1,1", "1,1", "1,1,1,1")});
    CHECK(cuda_has("gemm_sum"));
}

TEST(epilogue_with_residual)
{
    put_conv(&(struct shape){2, 16, 6, 7, 24, 3, 3, 1, ""});
    put_const("v", "24,24,3,3", (int64_t)24 * 24 * 9);
    put("const %%zero : f32[] = 0\n");
    put("%%r = conv(%%x, %%w, %%b) {%s, group = 1}\n", BORDER);
    put("%%y = fused(%%r, %%v, %%zero) {\n  input %%r0 : f32[2,24,6,7]\n"
        "  input %%v0 : f32[24,24,3,3]\n  input %%zero0 : f32[]\n"
        "  %%c = conv(%%r0, %%v0) {%s, group = 1}\n  %%s = add(%%c, %%r0)\n"
        "  %%z = max(%%s, %%zero0)\n  output %%z\n}\noutput %%y\n",
        BORDER);
    CHECK(check_precisions("gemm"));
    CHECK(strstr(cuda_kernels(), "pointwise") == NULL);
}

/* Parts of a concatenation have pixels further apart than their channels. */
TEST(inside_concatenations)
{
    put_conv(&(struct shape){1, 16, 6, 7, 24, 1, 1, 1, ""});
    put_const("v", "40,24,3,3", (int64_t)40 * 24 * 9);
    put_const("u", "8,64,3,3", (int64_t)8 * 64 * 9);
    put("%%a = conv(%%x, %%w, %%b) {%s, group = 1}\n%%c = conv(%%a, %%v) {%s, group = 1}\n"
        "%%d = concat(%%a, %%c) {axis = 1}\n%%y = conv(%%d, %%u) {%s, group = 1}\n"
        "output %%y\n",
        POINT, BORDER, BORDER);
    CHECK(check_precisions("gemm"));
    put_conv(&(struct shape){1, 16, 6, 7, 13, 1, 1, 1, ""});
    put_const("v", "11,13,3,3", (int64_t)11 * 13 * 9);
    put_const("u", "8,24,3,3", (int64_t)8 * 24 * 9);
    put("%%a = conv(%%x, %%w, %%b) {%s, group = 1}\n%%c = conv(%%a, %%v) {%s, group = 1}\n"
        "%%d = concat(%%a, %%c) {axis = 1}\n%%y = conv(%%d, %%u) {%s, group = 1}\n"
        "output %%y\n",
        POINT, BORDER, BORDER);
    CHECK(check_precisions("gemm"));
}

static void check_all(int n_sms, const struct shape *s, enum tro_precision precision,
                      double tolerance)
{
    put_conv(s);
    put("%%y = conv(%%x, %%w, %%b) {%s, group = %d}\noutput %%y\n", s->attrs, s->group);
    CHECK(check_candidates(n_sms, precision, tolerance));
}

TEST(candidates)
{
    check_all(1, &(struct shape){2, 64, 11, 12, 260, 3, 3, 1, BORDER}, TRO_PRECISION_FP16, 4e-3);
    check_all(20, &(struct shape){1, 80, 7, 7, 40, 3, 3, 1, BORDER}, TRO_PRECISION_FP16, 4e-3);
    check_all(2, &(struct shape){1, 136, 17, 19, 70, 1, 1, 1, POINT}, TRO_PRECISION_TF32, 3e-3);
    check_all(2, &(struct shape){1, 24, 17, 19, 70, 3, 3, 1, BORDER}, TRO_PRECISION_FP32, 2e-6);
    check_all(8, &(struct shape){1, 3, 33, 31, 40, 3, 3, 1, BORDER}, TRO_PRECISION_FP16, 4e-3);
}
