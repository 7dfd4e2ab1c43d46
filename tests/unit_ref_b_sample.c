/* SPDX-License-Identifier: Apache-2.0 */
/* Reference resize, grids and regions: values that ONNX Runtime gives too. */
#include "ref_kit.h"

#define REST(...) __VA_ARGS__
#define RESIZE(fields, in, out) \
    EVAL(TRO_OP_RESIZE, (&(struct tro_attrs_resize){REST fields}), in, out)
#define GRID(m, p, a, in, out)                                                                 \
    EVAL(TRO_OP_GRID_SAMPLE,                                                                   \
         (&(struct tro_attrs_grid_sample){                                                     \
             .mode = tro_grid_mode_##m, .padding = tro_grid_padding_##p, .align_corners = a}), \
         in, out)
#define AFFINE(a, in, out) \
    EVAL(TRO_OP_AFFINE_GRID, (&(struct tro_attrs_affine_grid){.align_corners = a}), in, out)
#define ROI(m, h, w, n, s, half, in, out)                         \
    EVAL(TRO_OP_ROI_ALIGN,                                        \
         (&(struct tro_attrs_roi_align){.mode = tro_roi_mode_##m, \
                                        .output_height = h,       \
                                        .output_width = w,        \
                                        .sampling_ratio = n,      \
                                        .spatial_scale = s,       \
                                        .is_half_pixel = half}),  \
         in, out)

TEST(ref_resize_nearest)
{
    RESIZE((.mode = tro_resize_mode_nearest, .coord = tro_coord_mode_asymmetric,
            .nearest = tro_nearest_mode_floor),
           "f32[1,1,2,3] 1.75 3.75 3.25 0 3.75 4; -; f32[4] 1 1 2 2",
           "f32[1,1,4,6] 1.75 1.75 3.75 3.75 3.25 3.25 1.75 1.75 3.75 3.75 3.25 3.25 0 0 "
           "3.75 3.75 4 4 0 0 3.75 3.75 4 4");
    RESIZE((.mode = tro_resize_mode_nearest),
           "f32[1,1,2,3] 1.75 3.75 3.25 0 3.75 4; -; -; i64[4] 1 1 3 5",
           "f32[1,1,3,5] 1.75 1.75 3.75 3.25 3.25 1.75 1.75 3.75 3.25 3.25 0 0 3.75 4 4");
    RESIZE((.mode = tro_resize_mode_nearest, .nearest = tro_nearest_mode_round_prefer_floor,
            .coord = tro_coord_mode_align_corners),
           "f32[4] 4 -3.5 -0.5 1; -; -; i64[1] 7", "f32[7] 4 4 -3.5 -3.5 -0.5 -0.5 1");
    RESIZE((.mode = tro_resize_mode_nearest, .nearest = tro_nearest_mode_round_prefer_ceil,
            .coord = tro_coord_mode_align_corners),
           "f32[4] -1.75 -1 1 2.5; -; -; i64[1] 7", "f32[7] -1.75 -1 -1 1 1 2.5 2.5");
    RESIZE((.mode = tro_resize_mode_nearest, .nearest = tro_nearest_mode_floor,
            .coord = tro_coord_mode_align_corners),
           "f32[4] 0.75 -2.75 1.5 3; -; -; i64[1] 7", "f32[7] 0.75 0.75 -2.75 -2.75 1.5 1.5 3");
    RESIZE((.mode = tro_resize_mode_nearest, .nearest = tro_nearest_mode_ceil,
            .coord = tro_coord_mode_align_corners),
           "f32[4] -2.25 0.25 -1.25 3.25; -; -; i64[1] 7",
           "f32[7] -2.25 0.25 0.25 -1.25 -1.25 3.25 3.25");
    RESIZE((.mode = tro_resize_mode_nearest, .coord = tro_coord_mode_asymmetric,
            .nearest = tro_nearest_mode_round_prefer_ceil),
           "f32[9] 1 2 3 4 5 6 7 8 9; -; f32[1] 1.3333334", "f32[12] 1 2 3 3 4 5 6 6 7 8 9 9");
    RESIZE((.mode = tro_resize_mode_nearest), "u8[1,4] 12 95 179 86; -; f32[2] 1 0.5",
           "u8[1,2] 12 179");
    RESIZE((.coord = tro_coord_mode_tf_half_pixel_for_nn, .nearest = tro_nearest_mode_floor),
           "i64[2] 9007199254740993 -7; -; f32[1] 1.5", "i64[3] 9007199254740993 -7 -7");
    RESIZE((.axes = INTS(-1)), "bool[2,2] 0 1 1 0; -; f32[1] 2", "bool[2,4] 0 0 1 1 1 1 0 0");
    RESIZE((.mode = tro_resize_mode_nearest), "f16[] 3; -; -; i64[0]", "!scales or sizes");
}

TEST(ref_resize_linear)
{
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_half_pixel),
           "f32[1,1,3,2] -3 2.5 3.75 4 3.5 -1; -; f32[4] 1 1 1.5 2",
           "f32[1,1,4,4] -3 -1.625 1.125 2.5 0.375 1.09375 2.53125 3.25 3.7083333 3.5729167 "
           "3.3020833 3.1666667 3.5416667 2.6145833 0.7604167 -0.16666667");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_align_corners),
           "f32[1,1,3,2] 2 3.75 0.5 3.5 0.75 -2.75; -; f32[4] 1 1 2 2",
           "f32[1,1,6,4] 2 2.5833333 3.1666667 3.75 1.4 2.15 2.9 3.65 0.8 1.7166667 "
           "2.6333334 3.55 0.55 1.1166667 1.6833333 2.25 0.65 0.35 0.05 -0.25 0.75 "
           "-0.41666666 -1.5833334 -2.75");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_asymmetric),
           "f32[1,1,3,2] -0.25 1 -1.5 1.75 -0.75 3.75; -; f32[4] 1 1 1.5 2",
           "f32[1,1,4,4] -0.25 0.375 1 1 -1.0833334 0.20833333 1.5 1.5 -1.25 0.5833333 "
           "2.4166667 2.4166667 -0.75 1.5 3.75 3.75");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_pytorch_half_pixel),
           "f32[1,1,3,2] -2.5 1.25 -3.5 -3 0.25 0; -; f32[4] 1 1 1.5 2",
           "f32[1,1,4,4] -2.5 -1.5625 0.3125 1.25 -3 -2.46875 -1.40625 -0.875 -2.875 "
           "-2.78125 -2.59375 -2.5 -0.375 -0.40625 -0.46875 -0.5");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_half_pixel_symmetric),
           "f32[1,1,3,2] 0 0 3 0 -1 3.75; -; f32[4] 1 1 1.5 2",
           "f32[1,1,4,4] 0 0 0 0 2 1.5 0.5 0 1.6666666 1.5625 1.3541666 1.25 -1 0.1875 "
           "2.5625 3.75");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_pytorch_half_pixel),
           "f32[2,4] 3.25 -1.25 -2.5 -2.25 -2.75 0.25 0.75 1.25; -; -; i64[2] 1 1",
           "f32[1,1] 3.25");
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_align_corners),
           "f32[1,4] 3.25 3.5 0.25 0.75; -; -; i64[2] 1 1", "f32[1,1] 3.25");
    RESIZE((.mode = tro_resize_mode_linear),
           "f32[2,2,2] -3.5 -2 4 3.5 -4 0 0 1.5; -; -; i64[3] 3 3 4",
           "f32[3,3,4] -3.5 -3.125 -2.375 -2 0.25 0.375 0.625 0.75 4 3.875 3.625 3.5 -3.75 "
           "-3.0625 -1.6875 -1 -0.875 -0.46875 0.34375 0.75 2 2.125 2.375 2.5 -4 -3 -1 0 -2 "
           "-1.3125 0.0625 0.75 0 0.375 1.125 1.5");
    RESIZE((.mode = tro_resize_mode_linear, .antialias = 1),
           "f32[1,1,4,4] -3.25 -0.25 -1 -2.25 2.5 1.5 -2.75 2.25 0.25 -2.5 1.25 -0.25 -0.25 "
           "-1.25 4 -2.75; -; -; i64[4] 1 1 2 3",
           "f32[1,1,2,3] -0.4431818 -0.625 -0.60227275 -0.17045455 0.375 -0.2840909");
    RESIZE((.mode = tro_resize_mode_linear, .axes = INTS(2, 3)),
           "f32[1,1,2,2] 4 -2.25 2.5 3.75; -; -; i64[2] 3 1", "f32[1,1,3,1] 0.875 2 3.125");
    RESIZE((.mode = tro_resize_mode_linear), "u8[1,1,2,2] 32 226 8 97; -; -; i64[4] 1 1 3 3",
           "u8[1,1,3,3] 32 129 226 20 90 161 8 52 97");
    RESIZE((.mode = tro_resize_mode_linear), "f16[2] 0 1; -; f32[1] 2", "f16[4] 0 0.25 0.75 1");
    RESIZE((.mode = tro_resize_mode_linear), "f64[2] 0 1; f32[0]; f32[0]; i64[1] 3",
           "f64[3] 0 0.5 1");
    RESIZE((.mode = tro_resize_mode_linear), "i8[2] -128 127; -; f32[1] 2",
           "i8[4] -128 -64 63 127");
    /* The point is cut off, but not of what should be whole. */
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_align_corners),
           "i32[2] 9 12; -; -; i64[1] 7", "i32[7] 9 9 10 10 11 11 12");
    RESIZE((.mode = tro_resize_mode_linear), "f32[3] 1 2 3; -; f32[1] 1", "f32[3] 1 2 3");
    RESIZE((.mode = tro_resize_mode_linear), "f32[2] inf 1; -; f32[1] 1", "f32[2] inf 1");
    RESIZE((.mode = tro_resize_mode_linear), "f32[2,0]; -; -; i64[2] 2 3", "!empty");
    RESIZE((.mode = tro_resize_mode_linear), "f32[0,2]; -; f32[2] 1 2", "f32[0,4]");
}

#define RESIZE_INT(fields, in, out) \
    EVAL(TRO_OP_RESIZE_INT,         \
         (&(struct tro_attrs_resize){.mode = tro_resize_mode_linear, REST fields}), in, out)

/* As rint of the exact value, where weights are multiples of 2^-11. */
TEST(ref_resize_int)
{
    /* halves go to the even one: 0.5, 1.5, 2.5; -0.5, -1.5, -2.5 */
    RESIZE_INT((.coord = tro_coord_mode_align_corners), "u8[4] 0 1 2 3; -; -; i64[1] 7",
               "u8[7] 0 0 1 2 2 2 3");
    RESIZE_INT((.coord = tro_coord_mode_align_corners), "i8[4] 0 -1 -2 -3; -; -; i64[1] 7",
               "i8[7] 0 0 -1 -2 -2 -2 -3");
    RESIZE_INT((.axes = {0}), "u8[1,1,2,2] 32 226 8 97; -; -; i64[4] 1 1 3 3",
               "u8[1,1,3,3] 32 129 226 20 91 162 8 52 97");
    RESIZE_INT((.coord = tro_coord_mode_asymmetric), "i8[1,1,1,3] -128 127 -1; -; f32[4] 1 1 1 2",
               "i8[1,1,1,6] -128 0 127 63 -1 -1");
    RESIZE_INT((.coord = tro_coord_mode_pytorch_half_pixel),
               "u8[1,1,3] 9 255 0; -; -; i64[3] 1 1 1", "u8[1,1,1] 9");
    RESIZE_INT((.coord = tro_coord_mode_half_pixel), "u8[1,1,4] 0 255 255 1; -; f32[3] 1 1 0.5",
               "u8[1,1,2] 128 128");
    RESIZE_INT((.antialias = 1), "u8[1,1,8] 200 200 200 200 200 200 200 200; -; -; i64[3] 1 1 3",
               "u8[1,1,3] 200 200 200");
    /* what all elements have stays, whatever the weights: 1/3 is no whole number of 2^-11 */
    RESIZE_INT((.axes = {0}), "i8[1,1,2,2] -128 -128 -128 -128; -; -; i64[4] 1 1 3 5",
               "i8[1,1,3,5] -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 -128 "
               "-128");
    RESIZE_INT((.axes = {0}), "u8[2,2,2] 255 255 255 255 255 255 255 255; -; -; i64[3] 3 3 3",
               "u8[3,3,3] 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 255 "
               "255 255 255 255 255 255 255 255 255");
    RESIZE_INT((.axes = {0}), "u8[1,1,1,1] 77; -; -; i64[4] 1 1 2 3",
               "u8[1,1,2,3] 77 77 77 77 77 77");
    RESIZE_INT((.axes = {0}), "i8[] -3; -; -; i64[0]", "!scales or sizes");
    RESIZE_INT((.axes = {0}), "i8[2,0]; -; -; i64[2] 2 3", "!empty");
    RESIZE_INT((.axes = {0}), "f32[2] 1 2; -; f32[1] 2", "!input 0");
    RESIZE_INT((.exclude_outside = 1), "i8[2] 1 2; -; f32[1] 2", "!exclude_outside");
    RESIZE_INT((.coord = tro_coord_mode_tf_crop_and_resize), "i8[2] 1 2; f32[2] 0 1; f32[1] 2",
               "!tf_crop_and_resize");
    EVAL(TRO_OP_RESIZE_INT, (&(struct tro_attrs_resize){.mode = tro_resize_mode_cubic}),
         "i8[2] 1 2; -; f32[1] 2", "!expected mode linear");
}

TEST(ref_resize_policy)
{
    /* One scale for both: the lesser one, then the greater one. */
    RESIZE((.policy = tro_aspect_policy_not_larger, .nearest = tro_nearest_mode_floor,
            .coord = tro_coord_mode_asymmetric),
           "f32[2,2] 1 2 3 4; -; -; i64[2] 5 3", "f32[3,3] 1 1 2 1 1 2 3 3 4");
    RESIZE((.policy = tro_aspect_policy_not_smaller, .nearest = tro_nearest_mode_floor,
            .coord = tro_coord_mode_asymmetric),
           "f32[1,2] 1 2; -; -; i64[2] 2 5", "f32[3,5] 1 1 1 2 2 1 1 1 2 2 1 1 1 2 2");
    RESIZE(
        (.policy = tro_aspect_policy_not_larger, .mode = tro_resize_mode_linear, .axes = INTS(1)),
        "f32[1,2] 0 4; -; -; i64[1] 4", "f32[1,4] 0 1 3 4");
}

TEST(ref_resize_cubic)
{
    RESIZE((.mode = tro_resize_mode_cubic, .cubic_a = -0.75),
           "f32[1,1,1,4] 0.25 2 -2.75 -3.75; -; -; i64[4] 1 1 1 6",
           "f32[1,1,1,6] 0.098090276 1.5703125 1.4875579 -1.9510995 -3.6953125 -3.8368056");
    RESIZE((.mode = tro_resize_mode_cubic, .cubic_a = -0.5, .exclude_outside = 1),
           "f32[1,1,3,3] -1.75 3.5 -1.5 0.25 -3.5 2.75 3.75 -1.75 3; -; -; i64[4] 1 1 2 5",
           "f32[1,1,2,5] -1.717291 -0.06449504 2.1332116 0.45476088 -0.91264975 3.5344648 "
           "1.0113574 -2.2354014 0.9530995 3.444188");
    RESIZE((.mode = tro_resize_mode_cubic, .antialias = 1, .cubic_a = -0.75),
           "f32[1,1,1,6] -1 -1.5 -1.25 -2.75 4 -3.25; -; -; i64[4] 1 1 1 2",
           "f32[1,1,1,2] -1.324074 -0.5787037");
    RESIZE((.mode = tro_resize_mode_cubic, .cubic_a = -0.75), "u8[1,4] 0 0 255 255; -; f32[2] 1 2",
           "u8[1,8] 0 0 0 57 197 255 255 255");
}

TEST(ref_resize_crop)
{
    RESIZE((.mode = tro_resize_mode_linear, .coord = tro_coord_mode_tf_crop_and_resize,
            .extrapolation = 9.0),
           "f32[1,1,4,3] -0.5 1 0 -3.25 3.75 3 3.25 -3 -0.75 -0.75 -1.5 -4; f32[8] 0 0 0.25 "
           "-0.1 1 1 0.75 1.2; -; i64[4] 1 1 3 4",
           "f32[1,1,3,4] 9 1.1875001 2.6291666 9 9 0.25 0.77500004 9 9 -1.0000001 "
           "-2.0583332 9");
    RESIZE((.mode = tro_resize_mode_nearest, .coord = tro_coord_mode_tf_crop_and_resize,
            .extrapolation = -1.5),
           "f32[1,1,4,3] 2.5 2 -3.25 -2.75 -1 3.5 3 -3 3.5 -1.75 -2.25 4; f32[8] 0 0 0.25 "
           "-0.1 1 1 0.75 1.2; -; i64[4] 1 1 2 5",
           "f32[1,1,2,5] -1.5 -2.75 -1 3.5 -1.5 -1.5 3 -3 3.5 -1.5");
    RESIZE((.coord = tro_coord_mode_tf_crop_and_resize, .extrapolation = 7),
           "f32[3] 1 2 3; f32[2] nan 1; -; i64[1] 2", "f32[2] 7 7");
    RESIZE((.coord = tro_coord_mode_tf_crop_and_resize, .mode = tro_resize_mode_linear),
           "f32[3] 1 2 3; f64[2] 0.25 0.5; -; i64[1] 1", "f32[1] 1.75");
}

TEST(ref_grid_sample)
{
    GRID(linear, zeros, 0,
         "f32[1,1,3,3] -3.5 -3.75 2.25 -2 1 -1.25 -2.25 -0.75 0; f32[1,2,2,2] -1 -1.2 1.4 "
         "0.6 -0.4 0.1 1.4 0.6",
         "f32[1,1,2,2] -0.34999987 0 -0.92750007 0");
    GRID(linear, border, 1,
         "f32[1,1,3,3] 0.75 -3.5 -3.75 1.25 1.25 -1 0.5 0 2.75; f32[1,2,2,2] -0.5 0.1 0.4 "
         "0.7 0.2 0.2 0.3 -1.3",
         "f32[1,1,2,2] 1.15 0.875 0.74999994 -3.575");
    GRID(linear, reflection, 0,
         "f32[1,1,3,3] -3.5 -1.5 -2.25 3.75 -3.5 0.75 -1 3 -0.25; f32[1,2,2,2] -1.1 -1.1 "
         "0.8 0.5 0.8 0 0.1 0",
         "f32[1,1,2,2] -3.5 0 0.75 -2.8625002");
    GRID(nearest, zeros, 0,
         "f32[1,1,3,3] 0.75 0.75 -4 3.5 0.5 0.75 2.25 -3.25 1; f32[1,2,2,2] -1 0.1 0.6 "
         "-0.9 -0.5 0.3 0.7 -1.4",
         "f32[1,1,2,2] 3.5 -4 3.5 0");
    GRID(nearest, border, 1,
         "f32[1,1,3,3] 0 1.25 -1 -3.75 2 2.25 -2.5 2.75 -1.75; f32[1,2,2,2] -0.5 -0.6 "
         "-0.8 -0.2 0.1 1.2 -0.1 0.9",
         "f32[1,1,2,2] 0 -3.75 2.75 2.75");
    GRID(nearest, reflection, 0,
         "f32[1,1,3,3] -0.75 2.75 1.75 1 1.75 -4 1.75 -1.75 1.75; f32[1,2,2,2] 0 -1.3 1.2 "
         "0.7 -0.4 -0.3 0.1 1.3",
         "f32[1,1,2,2] 2.75 1.75 1 -1.75");
    GRID(cubic, zeros, 0,
         "f32[1,1,3,3] 3 -3.75 -1.25 -2.75 2 2 0.75 3 0.25; f32[1,2,2,2] 0.4 0.4 0.4 0 "
         "-0.4 -1.1 0.3 1.2",
         "f32[1,1,2,2] 2.4655519 2.558 0.27804595 0.3423733");
    GRID(cubic, border, 1,
         "f32[1,1,3,3] -1.25 4 1 2.75 2.75 -1.25 -3.75 1 3.5; f32[1,2,2,2] 0.8 0.5 -1.3 "
         "-0.9 0.8 -0.4 -1.2 0.6",
         "f32[1,1,2,2] 1.10775 -1.4059398 -0.09415985 -1.1827842");
    GRID(cubic, reflection, 0,
         "f32[1,1,3,3] 3.75 3.5 -2.25 3.75 3.75 1.75 -2.25 -2 0.25; f32[1,2,2,2] 0.7 1 -1 "
         "1.4 -1.3 0.6 -0.5 1",
         "f32[1,1,2,2] 0.07729483 -1.8013482 -1.7662365 -3.414856");
    GRID(linear, reflection, 1,
         "f32[1,2,2,2,3] 2 -1 -3.75 2 3.75 -1 -1.75 3.5 -1.25 2.25 -2 -1 -0.5 2.25 -4 "
         "-3.5 -1.25 3.5 -4 1.5 2.75 -1.5 4 1.25; f32[1,1,2,2,3] -0.1 0.8 -0.6 0.4 0.7 "
         "1.1 -0.8 -0.2 -0.2 -0.5 0.1 -0.4",
         "f32[1,2,1,2,2] 2.294 -1.0011252 1.124 1.403125 -0.26400006 2.6525002 -1.4740001 "
         "-0.60125");
    GRID(nearest, zeros, 0,
         "f32[1,1,2,3,2] 0.5 -1.75 1 -0.25 -4 2 -1.75 3 1.5 1 -2.5 2.25; f32[1,2,1,2,3] "
         "0.1 1.4 -1.4 0.5 -0.6 -1.2 0.9 0.4 0.9 -1.4 -1.1 0.5",
         "f32[1,1,2,1,2] 0 0 2.25 0");
}

TEST(ref_grid_sample_edges)
{
    /* 1-D; exact copies of any type; what no place is. */
    GRID(linear, zeros, 1, "f32[1,1,3] 1 2 4; f32[1,4,1] -1 0.5 1 2", "f32[1,1,4] 1 3 4 0");
    GRID(nearest, border, 0, "i64[1,1,2] 9007199254740993 5; f32[1,2,1] -9 9",
         "i64[1,1,2] 9007199254740993 5");
    GRID(nearest, zeros, 0, "u8[1,1,2] 7 5; f64[1,3,1] -0.5 nan inf", "u8[1,1,3] 7 0 0");
    GRID(linear, border, 0, "f32[1,1,2] 7 5; f32[1,3,1] nan inf -1e30", "f32[1,1,3] nan 5 7");
    GRID(linear, reflection, 1, "f32[1,1,1] 7; f32[1,2,1] 0.5 -8", "f32[1,1,2] 7 7");
    GRID(cubic, reflection, 0, "f32[1,1,2,1] 7 5; f32[1,1,1,2] inf nan", "f32[1,1,1,1] nan");
    GRID(linear, zeros, 0, "f32[1,1,0]; f32[1,2,1] 0 1", "f32[1,1,2] 0 0");
    GRID(linear, zeros, 0, "f32[0,1,2]; f32[0,2,1]", "f32[0,1,2]");
    /* Half-way in the grid's type, which is float: to even. */
    GRID(nearest, zeros, 0, "f32[1,1,5] 1 2 3 4 5; f32[1,2,1] -0.2 0.2", "f32[1,1,2] 3 3");
}

TEST(ref_affine_grid)
{
    AFFINE(0, "f32[2,2,3] -2.5 4 -1 0 2.25 3.5 -0.75 -4 1.25 3.75 -3.75 -2.75; i64[4] 2 1 2 3",
           "f32[2,2,3,2] -1.3333334 2.375 -3 2.375 -4.6666665 2.375 2.6666667 4.625 1 4.625 "
           "-0.6666667 4.625 3.75 -3.375 3.25 -0.875 2.75 1.625 -0.25 -7.125 -0.75 -4.625 "
           "-1.25 -2.125");
    AFFINE(1, "f32[1,2,3] -1.25 2.75 0 -1.75 -2.75 -1; i64[4] 1 1 2 2",
           "f32[1,2,2,2] -1.5 3.5 -4 0 4 -2 1.5 -5.5");
    AFFINE(1, "f32[1,3,4] 3.75 -3 -2.25 -3.75 -3.25 2 2.75 2 0.5 -3 4 1; i64[5] 1 1 2 2 3",
           "f32[1,2,2,3,3] -2.25 0.5 -0.5 1.5 -2.75 0 5.25 -6 0.5 -8.25 4.5 -6.5 -4.5 1.25 "
           "-6 -0.75 -2 -5.5 -6.75 6 7.5 -3 2.75 8 0.75 -0.5 8.5 -12.75 1e+01 1.5 -9 6.75 2 "
           "-5.25 3.5 2.5");
    AFFINE(1, "f16[1,2,3] 1 0 0 0 1 0; i64[4] 1 1 1 3", "f16[1,1,3,2] -1 -1 0 -1 1 -1");
}

TEST(ref_roi_align)
{
    ROI(avg, 2, 2, 2, 1.0, 1,
        "f32[1,1,4,4] 2.25 -2 1.5 3.25 1 -3 -3.25 0.75 -1 3.25 -3 0.25 3.75 1.5 -1.5 "
        "2.5; f32[1,4] 0.5 1 3 3.5; i64[1] 0",
        "f32[1,1,2,2] -0.70703125 -2.1452637 1.9140625 -1.0058594");
    ROI(avg, 1, 2, 0, 0.5, 0,
        "f32[2,2,3,4] 2 1.75 2 2.75 -2 -2.25 -1.25 3.5 2.5 0 2.25 3.5 -2.75 1.75 -2.25 2 "
        "-3.5 3.75 2.25 -3.25 3 3 -2.75 -1.75 -2.75 2.75 -3.25 -2.25 -3.75 -0.25 -3.5 -3 "
        "-1.25 2.5 1.5 -1.75 0.5 -0.25 -1.25 2.5 2.25 -1 -0.25 3.25 -2 0 4 3.75; "
        "f32[2,4] 1 1 5 5 -4 2 6 9; i64[2] 1 0",
        "f32[2,2,1,2] 1.125 -1 -0.5 1.875 0.38552517 0.48046875 0.4189453 0.16818577");
    ROI(max, 2, 1, 1, 1.0, 1,
        "f32[1,1,3,3] 0.25 2.25 0 4 0.25 1.75 -3.75 -1.5 -1.5; f32[2,4] 0 0 2 2 -3 -3 2 "
        "2; i64[2] 0 0",
        "f32[2,1,2,1] 1.125 2 0 1");
    ROI(avg, 1, 1, 0, 1, 1, "f32[1,1,2,2] 1 2 3 4; f32[1,4] 2 2 1 1; i64[1] 0", "f32[1,1,1,1] 0");
    ROI(avg, 1, 1, 1, 1, 0, "f32[1,1,0,2]; f32[1,4] 0 0 1 1; i64[1] 0", "f32[1,1,1,1] 0");
    ROI(avg, 1, 1, 2, 1, 1, "f32[1,1,1,1] 3; f32[2,4] nan 0 1 1 0 0 inf 1; i64[2] 0 0",
        "f32[2,1,1,1] 0 0");
    ROI(avg, 1, 1, 0, 1, 1, "f32[1,1,1,1] 3; f32[1,4] 0 0 1e30 1; i64[1] 0", "!samples");
    ROI(avg, 1, 1, 0, 1, 1, "f32[1,1,1,1] 3; f32[1,4] 0 0 1 1; i64[1] 1", "!batch index 1");
    ROI(avg, 1, 1, 0, 1, 1, "f32[1,1,1,1] 3; f32[0,4]; i64[0]", "f32[0,1,1,1]");
}
