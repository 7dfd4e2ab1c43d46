/* SPDX-License-Identifier: Apache-2.0 */
/* Reference convolutions: values that ONNX Runtime gives too, and larger problems against plain
 * loops. */
#include "ref_kit.h"

#include "base/thread.h"
#include "ref/kernels.h"

#define NONE \
    {        \
        0    \
    }
#define CONV(s, d, p, g, a, in, out)                                                              \
    EVAL(TRO_OP_CONV,                                                                             \
         (&(struct tro_attrs_conv){                                                               \
             .strides = s, .dilations = d, .pads = p, .group = g, .auto_pad = tro_auto_pad_##a}), \
         in, out)
#define CONV_INT(s, d, p, g, a, in, out)                                                          \
    EVAL(TRO_OP_CONV_INT,                                                                         \
         (&(struct tro_attrs_conv){                                                               \
             .strides = s, .dilations = d, .pads = p, .group = g, .auto_pad = tro_auto_pad_##a}), \
         in, out)
#define CONV_TRANSPOSE(s, d, p, g, a, op, os, in, out)                     \
    EVAL(TRO_OP_CONV_TRANSPOSE,                                            \
         (&(struct tro_attrs_conv_transpose){.strides = s,                 \
                                             .dilations = d,               \
                                             .pads = p,                    \
                                             .group = g,                   \
                                             .auto_pad = tro_auto_pad_##a, \
                                             .output_padding = op,         \
                                             .output_shape = os}),         \
         in, out)
#define DEFORM(g, og, in, out)                                      \
    EVAL(TRO_OP_DEFORM_CONV,                                        \
         (&(struct tro_attrs_deform_conv){.strides = INTS(1, 1),    \
                                          .dilations = INTS(1, 1),  \
                                          .pads = INTS(0, 1, 0, 0), \
                                          .group = g,               \
                                          .offset_group = og}),     \
         in, out)

TEST(ref_conv_values)
{
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f32[1,1,4] 0 0 1 2; f32[1,1,3] -2 -1.5 1.25",
         "f32[1,1,2] 1.25 1");
    CONV(INTS(1, 1), INTS(1, 1), INTS(0, 1, 1, 0), 1, explicit,
         "f32[1,2,3,4] 2 -1 -0.75 1.5 -0.25 -1 1.5 -1 -0.5 0.5 0.25 -1.75 -2 1.5 1 1.5 "
         "0.25 1.25 -0.75 -0.25 1.25 -1.5 -0.75 -1.5; f32[2,2,2,2] -0.25 2 -1.5 -0.5 -0.5 "
         "1.75 -1.25 0 -1 -2 1 -1.75 -1 0 0 -1.75; f32[2] 2 1",
         "f32[1,2,3,4] 2.625 3.6875 0.9375 6.5 2.1875 1.0625 4.3125 1 3.1875 -0.125 "
         "1.8125 -3.8125 -3 2.3125 -0.3125 1.4375 0.1875 4.25 -0.875 8.1875 2 -0.75 1.5 5");
    CONV(INTS(1, 1), INTS(1, 1), INTS(0, 0, 0, 0), 2, explicit,
         "f32[1,2,3,3] 2 -1.75 1 -1 0.25 1.75 -1 1 -1.5 -0.75 2 -0.25 0 -1 -1.75 -0.25 "
         "0.5 -0.25; f32[4,1,2,1] 1.25 -0.5 0.5 1.25 1.75 -0.25 -2 1",
         "f32[1,4,2,3] 3 -2.3125 0.375 -0.75 -0.1875 2.9375 -0.25 -0.5625 2.6875 -1.75 "
         "1.375 -1 -1.3125 3.75 0 0.0625 -1.875 -3 1.5 -5 -1.25 -0.25 2.5 3.25");
    CONV(INTS(2, 3), INTS(2, 1), INTS(1, 2, 0, 1), 1, explicit,
         "f32[1,1,5,6] 0 1.5 -0.25 -0.5 -1.75 -0.25 0.5 1.25 1.5 -1.25 0.5 1.25 -1 -0.75 "
         "1.5 0.25 0 0.75 0 2 1 -2 -1.5 0.25 1.25 -1.75 0.75 1 1.25 1.5; f32[1,1,2,3] "
         "-1.25 0.25 1.25 -0.5 -1.25 0",
         "f32[1,1,2,3] 0 -2.5 -1.8125 0.625 -5 0.125");
    CONV(INTS(1, 1, 1), INTS(1, 1, 1), INTS(1, 0, 0, 0, 0, 1), 1, explicit,
         "f32[2,1,2,2,2] -1.75 -1.25 1.5 0.75 1.5 1.5 1.5 -0.75 0 0.5 -1 1.75 -2 1.5 0.5 "
         "-1; f32[1,1,2,1,2] 1 -0.25 1.5 2",
         "f32[2,1,2,2,2] -5.125 -1.875 3.75 1.125 3.8125 1 2.0625 -0.375 1 0.75 2 2.625 "
         "-0.125 2.75 -2.6875 0.25");
    CONV(INTS(2), INTS(1), INTS(0, 0), 1, same_upper,
         "f32[1,1,5] -1 -0.25 -1.25 0.75 0.5; f32[1,1,4] 1.5 1.25 2 2",
         "f32[1,1,3] -4.25 0.5625 1.75");
    CONV(INTS(2), INTS(1), INTS(0, 0), 1, same_lower,
         "f32[1,1,5] 1.75 -1.5 -2 0 -0.75; f32[1,1,4] 1.75 1.25 -0.25 0.25",
         "f32[1,1,3] -0.8125 1.6875 -3.3125");
}

TEST(ref_conv_types)
{
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit,
         "f16[1,1,3] 1 0.5 -2; f16[1,1,2] 3 0.25; f16[1] 1", "f16[1,1,2] 4.125 2");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit,
         "f64[1,1,3] 1 0.5 -2; f64[1,1,2] 3 0.25; f64[1] 1e-9",
         "f64[1,1,2] 3.125000001 1.000000001");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "bf16[1,1,2] 1 0.5; bf16[1,1,2] 3 0.25",
         "bf16[1,1,1] 3.125");
    /* One rounding: each half would vanish in a sum of f16. */
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f16[1,1,3] 2048 0.5 0.5; f16[1,1,3] 1 1 1",
         "f16[1,1,1] 2048");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f32[1,1,4] 16777216 1 1 1; f32[1,1,4] 1 1 1 1",
         "f32[1,1,1] 16777220");
}

TEST(ref_conv_edges)
{
    /* Negative pads crop; pads wider than the input; no picture; no channel. */
    CONV(INTS(1), INTS(1), INTS(-1, -2), 1, explicit, "f32[1,1,6] 1 2 3 4 5 6; f32[1,1,2] 1 10",
         "f32[1,1,2] 32 43");
    CONV(INTS(1), INTS(1), INTS(-1, 2), 1, explicit, "f32[1,1,3] 1 2 3; f32[1,1,2] 1 10",
         "f32[1,1,3] 32 3 0");
    CONV(INTS(2), INTS(1), INTS(5, 5), 1, explicit, "f32[1,1,1] 3; f32[1,1,3] 1 10 100; f32[1] 1",
         "f32[1,1,5] 1 1 31 1 1");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f32[0,1,3]; f32[2,1,2] 1 2 3 4", "f32[0,2,2]");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f32[1,0,3]; f32[2,0,2]; f32[2] 5 -6",
         "f32[1,2,2] 5 5 -6 -6");
    CONV(INTS(1), INTS(2147483647), INTS(2147483647, 2147483647), 1, explicit,
         "f32[1,1,2] 1 2; f32[1,1,3] 10 100 1000", "f32[1,1,2] 100 200");
    CONV(INTS(1), INTS(1), INTS(0, 0), 1, explicit, "f32[1,1,2] nan 1; f32[1,1,1] 2",
         "f32[1,1,2] nan 2");
}

TEST(ref_conv_int)
{
    CONV_INT(INTS(1, 1), INTS(1, 1), INTS(1, 0, 0, 0), 1, explicit,
             "u8[1,2,3,3] 150 228 6 125 172 115 235 243 211 118 226 18 169 68 62 173 196 227; "
             "i8[2,2,2,2] -74 95 84 -48 -112 69 83 -11 -86 -91 -32 65 -47 -120 48 62; u8[] "
             "131",
             "i32[1,2,3,2] -5184 23276 17195 -37748 1867 7648 10963 -13675 -20475 2474 12557 "
             "19859");
    CONV_INT(INTS(1, 1), INTS(1, 1), INTS(1, 0, 0, 0), 1, explicit,
             "u8[1,2,3,3] 45 143 101 128 1 162 67 141 107 156 27 93 162 196 97 6 185 129; "
             "u8[2,2,2,2] 167 40 110 226 222 80 161 21 207 68 87 247 139 223 50 194; u8[] "
             "131; u8[2] 7 250",
             "i32[1,2,3,2] -3836 -21882 -38676 -21271 -16256 -4222 14806 21062 -7414 27515 "
             "50971 -18595");
    CONV_INT(INTS(1, 1), INTS(1, 1), INTS(1, 0, 0, 0), 1, explicit,
             "i8[1,2,3,3] 127 -109 -66 -91 -63 -49 -110 101 -63 107 67 -84 50 70 -96 -95 -32 "
             "-111; i8[2,2,2,2] -21 -6 42 18 -12 -72 22 -12 86 50 57 18 -35 -56 -14 18",
             "i32[1,2,3,2] 4922 -3284 -12817 7093 -7859 11425 4985 -9851 -7786 -17496 -20344 "
             "-1869");
    /* Padding is the zero of x. */
    CONV_INT(INTS(1), INTS(1), INTS(1, 1), 1, explicit,
             "u8[1,1,1] 255; i8[1,1,3] -128 127 1; u8[] 255", "i32[1,1,1] 0");
}

TEST(ref_conv_transpose_int)
{
    const struct tro_attrs_conv_transpose two = {.strides = INTS(2),
                                                 .dilations = INTS(1),
                                                 .pads = INTS(0, 0),
                                                 .group = 1,
                                                 .output_padding = INTS(0)};
    EVAL(TRO_OP_CONV_TRANSPOSE_INT, &two, "u8[1,1,2] 3 255; i8[1,2,2] 2 -1 127 -128; u8[] 1",
         "i32[1,2,4] 4 -2 508 -254 254 -256 32258 -32512");
    EVAL(TRO_OP_CONV_TRANSPOSE_INT, &two,
         "i8[1,1,2] -128 5; u8[1,2,2] 255 0 3 200; i8[] -3; u8[2] 1 255",
         "i32[1,2,4] -31750 125 2032 -8 31500 6875 -2016 -440");
    EVAL(TRO_OP_CONV_TRANSPOSE_INT, &two, "i8[1,1,2] 10 5; i8[1,1,3] 1 2 3",
         "i32[1,1,5] 10 20 35 10 15");
}

TEST(ref_conv_transpose)
{
    CONV_TRANSPOSE(INTS(2), INTS(1), INTS(1, 1), 1, explicit, INTS(1), NONE,
                   "f32[1,1,3] -0.5 -1.5 -1.75; f32[1,1,3] -2 -1.25 -0.5",
                   "f32[1,1,6] 0.625 3.25 1.875 4.25 2.1875 0.875");
    CONV_TRANSPOSE(INTS(2, 1), INTS(1, 2), INTS(0, 1, 1, 0), 1, explicit, INTS(0, 0), NONE,
                   "f32[1,2,2,2] -1 -1.25 -0.75 1 -0.75 1.75 0.25 -1.5; f32[2,1,2,3] 2 1.5 1.25 "
                   "-1.5 1.25 0.75 1 1 0.5 -0.75 1.75 2; f32[1] 0.75",
                   "f32[1,1,3,5] 0 -1.5 0.625 -0.875 0.0625 1.3125 -1.8125 2.25 -1.5 3.3125 1.25 "
                   "-0.125 0.75 -0.0625 1.25");
    CONV_TRANSPOSE(
        INTS(3, 2), INTS(1, 1), INTS(0, 0, 0, 0), 1, explicit, INTS(0, 0), INTS(7, 5),
        "f32[1,1,2,2] -0.5 0 0.25 -1.75; f32[1,1,3,3] -1.75 0 0.25 -1.25 -1 -1.5 1.75 0 "
        "-1",
        "f32[1,1,7,5] 0.875 0 -0.125 0 0 0.625 0.5 0.75 0 0 -0.875 0 0.5 0 0 -0.4375 0 "
        "3.125 0 -0.4375 -0.3125 -0.25 1.8125 1.75 2.625 0.4375 0 -3.3125 0 1.75 0 0 0 0 "
        "0");
    CONV_TRANSPOSE(
        INTS(2, 2), INTS(1, 1), INTS(0, 0, 0, 0), 2, explicit, INTS(0, 0), NONE,
        "f32[1,4,3,2] 1.25 2 -0.75 1.75 1.25 1.25 0 1.75 -1.5 -1.75 2 0 -0.5 1 -0.75 0.5 "
        "1.5 1.25 -1.5 2 1 0.75 -1.25 1.75; f32[4,1,2,2] -0.5 2 -1.25 -1.75 1.5 0.25 "
        "-0.5 2 2 -2 0.5 1.25 0.75 0.5 0 0.25",
        "f32[1,2,6,4] -0.625 2.5 1.625 4.4375 -1.5625 -2.1875 -3.375 0 -1.875 -1.875 "
        "-3.5 3.0625 1.6875 -1.6875 -1.3125 -6.5625 2.375 3 -0.625 2.5 -2.5625 1.8125 "
        "-1.5625 -2.1875 -2.125 0.25 3.5 -1 -0.25 -1 0.5 1.75 -0.75 2 1.5625 -0.625 "
        "-0.375 -0.6875 0.25 0.8125 2.0625 -3.625 3.8125 -1.625 0.75 1.5625 0.625 2");
    CONV_TRANSPOSE(INTS(3), INTS(1), INTS(0, 0), 1, same_lower, INTS(0), NONE,
                   "f32[1,1,3] -0.75 -1.5 -0.5; f32[1,1,4] 0.75 1.75 2 -1.25",
                   "f32[1,1,9] -1.3125 -1.5 -0.1875 -2.625 -3 1.5 -0.875 -1 0.625");
    CONV_TRANSPOSE(INTS(3), INTS(1), INTS(0, 0), 1, same_upper, INTS(0), NONE,
                   "f32[1,1,3] -2 2 0.75; f32[1,1,4] 1 1.25 -0.5 1.5",
                   "f32[1,1,9] -2 -2.5 1 -1 2.5 -1 3.75 0.9375 -0.375");
    /* A stride beyond the result, and taps that fall outside. */
    CONV_TRANSPOSE(INTS(9), INTS(1), INTS(4, 3), 1, explicit, INTS(0), NONE,
                   "f32[1,1,2] 1 2; f32[1,1,2] 10 100; f32[1] 1", "f32[1,1,4] 1 1 1 1");
    CONV_TRANSPOSE(INTS(2), INTS(3), INTS(-1, -2), 1, explicit, INTS(0), NONE,
                   "f16[1,1,2] 1 2; f16[1,1,2] 10 100", "f16[1,1,9] 0 10 0 20 100 0 200 0 0");
    CONV_TRANSPOSE(INTS(1), INTS(1), INTS(0, 0), 1, explicit, INTS(0), NONE,
                   "f32[1,0,2]; f32[0,1,2]; f32[1] 7", "f32[1,1,3] 7 7 7");
}

TEST(ref_deform_conv)
{
    DEFORM(1, 1,
           "f32[1,1,3,3] 0.5 0.5 -0.5 -0.75 -0.5 1 0 -2 -2; f32[1,1,2,2] -1.25 0 0.5 2; "
           "f32[1,8,2,3] 1.25 -1 0 1 1.75 -0.25 1 -1.25 -0.25 1.75 -0.5 -2 1.25 -0.75 -0.25 "
           "2 -0.5 -1 -1.25 1.5 -1.25 0.5 -1 1.25 1 0.5 -0.25 -0.5 2 1 -0.5 -2 -1.5 -0.25 "
           "-0.25 -0.5 2 0 1.25 -1.5 -0.5 -1.25 -1.5 0.25 -1.5 -0.5 0.75 1.25",
           "f32[1,1,2,3] 0.703125 -0.25 -2.234375 1.75 -1.375 0");
    DEFORM(2, 2,
           "f32[1,2,2,3] 0.25 0.5 -0.75 1.5 -1.25 1 -1.75 0.5 -1 -1 -0.75 1.25; "
           "f32[2,1,1,2] 1.25 -1 0.25 -1.75; f32[1,8,2,3] 1.75 2 -0.5 0.25 0.25 1.25 -1.75 "
           "0 1.5 0.5 0.25 -2 1.75 -1.25 -0.75 0.75 -0.25 0.25 0.5 -1.5 -2 2 1.25 -1.5 0.75 "
           "0 1 -1.5 0.75 1 2 -1 -0.25 -1.5 -2 -2 -0.25 -1.5 1 -1.25 0.5 0.25 -0.75 -0.25 2 "
           "2 -1 2; f32[2] -1.25 1.25; f32[1,4,2,3] -0.75 0.75 0.75 1.5 -0.5 1.75 1.5 -2 "
           "-1.75 -1.5 0.5 -0.5 -1.5 -1.75 1.75 0.5 -2 -1 0.75 -1 1 -1 0.5 -1.75",
           "f32[1,2,2,3] -1.296875 -1.25 -1.3164062 0.1796875 -1.8417969 -1.203125 "
           "1.8447266 1.25 0.89453125 -0.0625 1.6875 1.25");
    DEFORM(
        1, 1,
        "f32[1,1,2,2] 1 2 3 4; f32[1,1,1,1] 1; f32[1,2,2,3] nan inf -inf 0 0 0 0 0 0 nan 1e30 0.5",
        "f32[1,1,2,3] nan nan nan nan 0 2");
}

/* ---- problems of many blocks ------------------------------------------------------------- */

struct problem {
    int64_t n, c, h, w, m, kh, kw, stride, dilation, pad, group;
};

static float *random_floats(int64_t n, uint32_t seed)
{
    float *const p = malloc((size_t)(n + 1) * sizeof(*p));
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        p[i] = (float)(int32_t)seed / 2147483648.0f;
    }
    return p;
}

/* The sum in the order that the kernel has too, so that results are equal to the bit. */
static float at_output(const struct problem *p, const float *x, const float *w, int64_t n,
                       int64_t m, int64_t oy, int64_t ox)
{
    const int64_t channels = p->c / p->group, first = m / (p->m / p->group) * channels;
    double sum = 0;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t ky = 0; ky < p->kh; ky++)
            for (int64_t kx = 0; kx < p->kw; kx++) {
                const int64_t y = oy * p->stride - p->pad + ky * p->dilation;
                const int64_t at = ox * p->stride - p->pad + kx * p->dilation;
                if (y < 0 || y >= p->h || at < 0 || at >= p->w)
                    continue;
                sum += (double)x[((n * p->c + first + c) * p->h + y) * p->w + at] *
                       (double)w[((m * channels + c) * p->kh + ky) * p->kw + kx];
            }
    return (float)sum;
}

static int64_t count_differences(const struct problem *p, const float *x, const float *w,
                                 const struct tro_tensor *y)
{
    int64_t n_bad = 0, i = 0;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t m = 0; m < p->m; m++)
            for (int64_t oy = 0; oy < y->shape[2]; oy++)
                for (int64_t ox = 0; ox < y->shape[3]; ox++, i++)
                    n_bad += ((const float *)y->data)[i] != at_output(p, x, w, n, m, oy, ox);
    return n_bad;
}

TEST(ref_conv_blocks)
{
    static const struct problem problems[] = {
        {1, 3, 9, 70, 67, 3, 3, 1, 1, 1, 1},    {2, 70, 7, 20, 5, 2, 2, 1, 1, 0, 1},
        {1, 66, 12, 13, 130, 1, 1, 1, 1, 0, 1}, {1, 8, 30, 31, 8, 5, 3, 2, 1, 2, 8},
        {1, 30, 16, 17, 65, 3, 3, 1, 3, 3, 5},  {3, 4, 33, 9, 4, 3, 4, 3, 2, 1, 2},
    };
    for (size_t i = 0; i < sizeof(problems) / sizeof(problems[0]); i++) {
        const struct problem *const p = &problems[i];
        float *const x = random_floats(p->n * p->c * p->h * p->w, 1);
        float *const w = random_floats(p->m * p->c / p->group * p->kh * p->kw, 2);
        const struct tro_tensor in[2] = {
            {.dtype = TRO_F32, .rank = 4, .shape = {p->n, p->c, p->h, p->w}, .data = x},
            {.dtype = TRO_F32,
             .rank = 4,
             .shape = {p->m, p->c / p->group, p->kh, p->kw},
             .data = w}};
        const struct tro_attrs_conv a = {.strides = INTS(p->stride, p->stride),
                                         .dilations = INTS(p->dilation, p->dilation),
                                         .pads = INTS(p->pad, p->pad, p->pad, p->pad),
                                         .group = p->group};
        for (int threads = 1; threads <= 3; threads += 2) {
            struct tro_tensor y;
            struct tro_err err = {0};
            tro_threads_set(threads);
            CHECK_INT(tro_ref_eval(TRO_OP_CONV, &a, 2, in, 1, &y, NULL, NULL, &err), 0);
            CHECK_STR(err.text, "");
            CHECK_INT(y.data ? count_differences(p, x, w, &y) : -1, 0);
            tro_free(y.data);
        }
        free(x);
        free(w);
    }
    tro_threads_set(0);
}

/* Every allocation of a convolution on several threads fails once. */
TEST(ref_conv_nomem)
{
    float *const x = random_floats(16 * 40 * 40, 3), *const w = random_floats(80 * 16 * 9, 4);
    const struct tro_tensor in[2] = {
        {.dtype = TRO_F32, .rank = 4, .shape = {1, 16, 40, 40}, .data = x},
        {.dtype = TRO_F32, .rank = 4, .shape = {80, 16, 3, 3}, .data = w}};
    const struct tro_attrs_conv a = {
        .strides = INTS(1, 1), .dilations = INTS(1, 1), .pads = INTS(0, 0, 0, 0), .group = 1};
    int rc = TRO_E_NOMEM, n = 0;
    tro_threads_set(2);
    for (; rc < 0 && n < 1000; n++) {
        struct tro_tensor y;
        struct tro_err err = {0};
        tro_alloc_fail_after(n);
        rc = tro_ref_eval(TRO_OP_CONV, &a, 2, in, 1, &y, NULL, NULL, &err);
        tro_alloc_fail_after(-1);
        CHECK_INT(rc, rc < 0 ? TRO_E_NOMEM : 0);
        CHECK(rc == 0 || !y.data);
        if (rc == 0)
            tro_free(y.data);
    }
    tro_threads_set(0);
    CHECK(n > 3 && rc == 0);
    free(x);
    free(w);
}
