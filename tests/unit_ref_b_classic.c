/* SPDX-License-Identifier: Apache-2.0 */
/* Reference operators of classic machine learning, and pictures. */
#include "ref_kit.h"

#include "ref/image.h"

/* ---- tfidf ----------------------------------------------------------------------------- */

#define TFIDF_OF(m, lo, hi, skip, n, in, out)                   \
    EVAL(TRO_OP_TFIDF,                                          \
         (&(struct tro_attrs_tfidf){.mode = tro_tfidf_mode_##m, \
                                    .min_gram = lo,             \
                                    .max_gram = hi,             \
                                    .max_skip = skip,           \
                                    .n_outputs = n}),           \
         in, out)
/* The example of ONNX: single ones 2 3 5 4, pairs (5 6), (7 8), (6 7). */
#define POOL "i64[10] 2 3 5 4 5 6 7 8 6 7; i64[2] 0 4; i64[7] 0 1 2 3 4 5 6; f32[7] 7*1"
#define ROWS "i32[2,6] 1 1 3 3 3 7 8 6 7 5 6 8; "

TEST(ref_tfidf)
{
    TFIDF_OF(tf, 2, 2, 0, 7, ROWS POOL, "f32[2,7] 0 0 0 0 0 0 0 0 0 0 0 1 0 1");
    TFIDF_OF(tf, 2, 2, 5, 7, ROWS POOL, "f32[2,7] 0 0 0 0 0 0 0 0 0 0 0 1 1 1");
    TFIDF_OF(tf, 1, 2, 5, 7, ROWS POOL, "f32[2,7] 0 3 0 0 0 0 0 0 0 1 0 1 1 1");
    TFIDF_OF(tf, 1, 1, 2147483647, 7, ROWS POOL, "f32[2,7] 0 3 0 0 0 0 0 0 0 1 0 0 0 0");
    TFIDF_OF(tf, 1, 2, 2147483647, 7, "i64[0]; " POOL, "f32[7] 7*0");
    /* Weights by gram; two grams of one column; columns nobody counts. */
    TFIDF_OF(tfidf, 1, 2, 1, 4,
             "i64[4] 1 2 1 3; i64[4] 1 2 1 1; i64[2] 0 2; i64[3] 2 0 2; f32[3] 0.5 2 10",
             "f32[4] 2 0 11 0");
    TFIDF_OF(idf, 1, 1, 0, 3, "i64[3] 1 1 5; i64[2] 1 2; i64[1] 0; i64[2] 0 1; f32[2] 0.5 2",
             "f32[3] 0.5 0 0");
}

TEST(ref_tfidf_bad_tables)
{
    TFIDF_OF(tf, 1, 1, 0, 2, "i64[1] 1; i64[2] 1 2; i64[1] 0; i64[2] 0 2; f32[2] 1 1", "!indexes");
    TFIDF_OF(tf, 1, 1, 0, 2, "i64[1] 1; i64[2] 1 2; i64[1] 3; i64[2] 0 1; f32[2] 1 1", "!counts");
    TFIDF_OF(tf, 1, 1, 0, 2, "i64[1] 1; i64[3] 1 2 3; i64[2] 0 2; i64[3] 0 1 1; f32[3] 1 1 1",
             "!counts");
    TFIDF_OF(tf, 1, 1, 0, 2, "i64[1] 1; i64[2] 1 2; i64[1] 0; i64[1] 0; f32[1] 1", "!one for each");
}

/* ---- lookup ---------------------------------------------------------------------------- */

#define LOOKUP(in, out) EVAL(TRO_OP_LOOKUP, NULL, in, out)

TEST(ref_lookup)
{
    LOOKUP("i64[2,2] 5 7 9 5; i64[3] 9 5 1; f32[3] 0.5 2 3; f32[1] -1", "f32[2,2] 2 -1 0.5 2");
    LOOKUP("f32[4] nan -0 1 2; f32[3] nan 0 2; i64[3] 9007199254740993 1 2; i64[1] 0",
           "i64[4] 9007199254740993 1 0 2");
    /* The first of equal keys; none at all; a table in no order. */
    LOOKUP("i32[2] 3 4; i32[4] 4 3 3 4; u8[4] 1 2 3 4; u8[] 9", "u8[2] 2 1");
    LOOKUP("u64[1] 18446744073709551615; u64[2] 0 18446744073709551615; bool[2] 0 1; bool[] 0",
           "bool[1] 1");
    LOOKUP("i64[2] 1 2; i64[0]; f64[0]; f64[] 7", "f64[2] 7 7");
    LOOKUP("i64[0]; i64[1] 1; f16[1] 2; f16[] 7", "f16[0]");
}

/* ---- trees ----------------------------------------------------------------------------- */

#define TREES(n, agg, post_, in, out)                                              \
    EVAL(TRO_OP_TREE_ENSEMBLE,                                                     \
         (&(struct tro_attrs_tree_ensemble){.n_targets = n,                        \
                                            .aggregate = tro_tree_aggregate_##agg, \
                                            .post = tro_tree_post_##post_}),       \
         in, out)

/* x0 <= 0.5 ? (x1 > 1 ? 1 to target 0 : 2 to target 1) : 4 to target 0 */
#define TREE "i64[2,8] 0 0 1 0 2 1 0 0 1 3 0 1 1 1 0 0; f32[2] 0.5 1; i64[3] 0 1 0; f32[3] 1 2 4; "

TEST(ref_tree)
{
    TREES(2, sum, none, "f32[4,2] 0 2 0.5 1 nan 0 1 0; " TREE "i64[1] 0",
          "f32[4,2] 1 0 0 2 4 0 4 0");
    TREES(2, sum, none, "f32[1,2] 0 2; " TREE "i64[3] 0 1 0", "f32[1,2] 3 0");
    TREES(2, sum, none, "f32[0,2]; " TREE "i64[1] 0", "f32[0,2]");
    TREES(1, average, none,
          "f64[1,1] 3; i64[1,8] 0 0 0 1 1 1 1 0; f64[1] 5; i64[2] 0 0; f64[2] 6 9; i64[2] 0 0",
          "f64[1,1] 6");
}

/* One tree for each way to compare with 1 (or with the set 1, 3): way m adds 10 ^ m. */
#define WAY(m) "0 " #m " " #m " 1 7 1 0 1 "
TEST(ref_tree_modes)
{
    TREES(1, sum, none,
          "f64[5,1] 0 1 2 3 nan; i64[7,8] " WAY(0) WAY(1) WAY(2) WAY(3) WAY(4) WAY(5)
              WAY(6) "; f64[7] 7*1; i64[8] 8*0; f64[8] 1 10 100 1000 10000 100000 1000000 0; "
                     "i64[7] 0 1 2 3 4 5 6; f64[5] nan 1 3 nan 2",
          "f64[5,1] 100011 1010101 101100 1101100 100000");
    /* NaN goes true where the node says so; a set that ends with the table. */
    TREES(1, sum, none,
          "f32[2,1] nan 2; i64[1,8] 0 0 0 1 1 1 1 0; f32[1] 1; i64[2] 0 0; f32[2] 3 5; i64[1] 0",
          "f32[2,1] 3 5");
    TREES(1, sum, none,
          "f32[2,1] 2 1; i64[1,8] 0 6 0 1 1 1 0 1; f32[1] 0; i64[2] 0 0; f32[2] 3 5; i64[1] 0; "
          "f32[2] 1 2",
          "f32[2,1] 3 5");
}

/* Single nodes that go to leaf 0 and leaf 1. */
#define TWO "i64[2,8] 0 0 0 1 0 1 0 0 0 0 1 1 1 1 0 0; f32[2] 0 0; "

TEST(ref_tree_results)
{
    TREES(1, min, none, "f32[1,1] 0; " TWO "i64[2] 0 0; f32[2] 3 5; i64[2] 1 0", "f32[1,1] 3");
    TREES(2, max, none, "f32[1,1] 0; " TWO "i64[2] 0 0; f32[2] -3 -5; i64[2] 0 1", "f32[1,2] -3 0");
    TREES(1, average, none, "f32[1,1] 0; " TWO "i64[2] 0 0; f32[2] 3 5; i64[2] 0 1", "f32[1,1] 4");
    TREES(2, sum, softmax, "f32[1,1] 0; " TWO "i64[2] 0 1; f32[2] 1 3; i64[2] 0 1",
          "f32[1,2] 0.1192029 0.8807971");
    TREES(3, sum, softmax_zero, "f32[1,1] 0; " TWO "i64[2] 0 2; f32[2] 1 3; i64[2] 0 1",
          "f32[1,3] 0.1192029 0 0.8807971");
    TREES(2, sum, softmax_zero, "f32[1,1] 0; " TWO "i64[2] 0 0; f32[2] 0 0; i64[2] 0 1",
          "f32[1,2] 0 0");
    TREES(2, sum, logistic, "f32[1,1] 0; " TWO "i64[2] 0 1; f32[2] 0 2; i64[2] 0 1",
          "f32[1,2] 0.5 0.8807971");
    TREES(3, sum, probit, "f32[1,1] 0; " TWO "i64[2] 0 1; f32[2] 0.975 0.5; i64[2] 0 1",
          "f32[1,3] 1.959964 0 -inf");
}

TEST(ref_tree_bad_tables)
{
#define ONE(node, targets, roots) \
    "f32[1,1] 0; i64[1,8] " node "; f32[1] 0; i64[1] " targets "; f32[1] 3; i64[1] " roots
    TREES(1, sum, none, ONE("1 0 0 1 0 1 0 0", "0", "0"), "!feature of node 0 is 1");
    TREES(1, sum, none, ONE("0 7 0 1 0 1 0 0", "0", "0"), "!mode of node 0");
    TREES(1, sum, none, ONE("0 0 1 1 0 1 0 0", "0", "0"), "!true child");
    TREES(1, sum, none, ONE("0 0 0 1 1 0 0 0", "0", "0"), "!false child");
    TREES(1, sum, none, ONE("0 6 0 1 0 1 0 1", "0", "0"), "!set of node");
    TREES(1, sum, none, ONE("0 0 0 1 0 1 0 0", "1", "0"), "!target of leaf");
    TREES(1, sum, none, ONE("0 0 0 1 0 1 0 0", "0", "-1"), "!root 0");
    TREES(1, sum, none, ONE("0 0 0 0 0 1 0 0", "0", "0"), "!circle");
}

/* ---- pictures -------------------------------------------------------------------------- */

#define DECODE(f, in, out)                                                                        \
    EVAL(TRO_OP_IMAGE_DECODE, (&(struct tro_attrs_image_decode){.format = tro_pixel_format_##f}), \
         in, out)

/* Values that Pillow gives too. */
TEST(ref_image_bmp)
{
    DECODE(rgb,
           "u8[70] 66 77 70 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 2 0 0 0 2 0 0 0 1 0 24 0 0 0 0 "
           "0 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3 4 5 6 0 0 250 128 7 9 200 33 0 "
           "0",
           "u8[2,2,3] 7 128 250 33 200 9 3 2 1 6 5 4");
    DECODE(bgr,
           "u8[70] 66 77 70 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 2 0 0 0 2 0 0 0 1 0 24 0 0 0 0 "
           "0 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3 4 5 6 0 0 250 128 7 9 200 33 0 "
           "0",
           "u8[2,2,3] 250 128 7 9 200 33 1 2 3 4 5 6");
    DECODE(grayscale,
           "u8[70] 66 77 70 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 2 0 0 0 2 0 0 0 1 0 24 0 0 0 0 "
           "0 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3 4 5 6 0 0 250 128 7 9 200 33 0 "
           "0",
           "u8[2,2,1] 106 128 2 5");
    DECODE(rgb,
           "u8[70] 66 77 70 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 2 0 0 0 254 255 255 255 1 0 24 "
           "0 0 0 0 0 16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3 4 5 6 0 0 250 128 7 9 "
           "200 33 0 0",
           "u8[2,2,3] 3 2 1 6 5 4 7 128 250 33 200 9");
    DECODE(rgb,
           "u8[74] 66 77 74 0 0 0 0 0 0 0 70 0 0 0 40 0 0 0 3 0 0 0 1 0 0 0 1 0 8 0 0 0 0 0 "
           "4 0 0 0 0 0 0 0 0 0 0 0 4 0 0 0 0 0 0 0 0 0 0 0 10 20 30 0 255 0 128 0 9 8 7 0 "
           "2 0 3 0",
           "u8[1,3,3] 128 0 255 0 0 0 7 8 9");
    DECODE(rgb,
           "u8[74] 66 77 74 0 0 0 0 0 0 0 70 0 0 0 40 0 0 0 3 0 0 0 1 0 0 0 1 0 4 0 0 0 0 0 "
           "4 0 0 0 0 0 0 0 0 0 0 0 4 0 0 0 0 0 0 0 0 0 0 0 10 20 30 0 255 0 128 0 9 8 7 0 "
           "18 48 0 0",
           "u8[1,3,3] 30 20 10 128 0 255 7 8 9");
    DECODE(rgb,
           "u8[66] 66 77 66 0 0 0 0 0 0 0 62 0 0 0 40 0 0 0 10 0 0 0 1 0 0 0 1 0 1 0 0 0 0 "
           "0 4 0 0 0 0 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0 0 0 0 0 10 20 30 0 178 64 0 0",
           "u8[1,10,3] 30 20 10 0 0 0 30 20 10 30 20 10 0 0 0 0 0 0 30 20 10 0 0 0 0 0 0 30 "
           "20 10");
    DECODE(rgb, "u8[30] 66 77 30 0 0 0 0 0 0 0 26 0 0 0 12 0 0 0 1 0 1 0 1 0 24 0 1 2 3 0",
           "u8[1,1,3] 3 2 1");
    DECODE(rgb,
           "u8[58] 66 77 58 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 2 0 0 0 1 0 0 0 1 0 16 0 0 0 0 "
           "0 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 255 127 52 18",
           "u8[1,2,3] 255 255 255 33 140 165");
    DECODE(rgb,
           "u8[70] 66 77 70 0 0 0 0 0 0 0 66 0 0 0 40 0 0 0 1 0 0 0 1 0 0 0 1 0 32 0 3 0 0 "
           "0 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 255 0 0 255 0 0 255 0 0 68 51 "
           "34 17",
           "u8[1,1,3] 17 34 51");
    DECODE(rgb,
           "u8[58] 66 77 58 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 1 0 0 0 1 0 0 0 1 0 32 0 0 0 0 "
           "0 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3 99",
           "u8[1,1,3] 3 2 1");
    DECODE(rgb,
           "u8[57] 66 77 57 0 0 0 0 0 0 0 54 0 0 0 40 0 0 0 1 0 0 0 2 0 0 0 1 0 24 0 0 0 0 0 8 0 0 "
           "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 3",
           "!cut short");
    DECODE(rgb, "u8[30] 66 77 30 0 0 0 0 0 0 0 26 0 0 0 12 0 0 0 1 0 1 0 1 0 23 0 1 2 3 0",
           "!23 bits");
    DECODE(rgb, "u8[20] 66 77 30 0 0 0 0 0 0 0 26 0 0 0 12 0 0 0 1 0", "!picture");
}

TEST(ref_image_pnm)
{
    DECODE(rgb, "u8[23] 80 54 10 35 32 116 119 111 10 50 32 49 10 50 53 53 10 1 2 3 250 251 252",
           "u8[1,2,3] 1 2 3 250 251 252");
    DECODE(bgr, "u8[14] 80 53 32 51 32 49 32 50 53 53 32 0 7 255",
           "u8[1,3,3] 0 0 0 7 7 7 255 255 255");
    DECODE(rgb, "u8[13] 80 53 32 50 32 49 32 49 48 48 32 50 100",
           "u8[1,2,3] 128 128 128 255 255 255");
    DECODE(grayscale, "u8[15] 80 53 32 49 32 49 32 54 53 53 51 53 10 128 0", "u8[1,1,1] 128");
    DECODE(grayscale, "u8[12] 80 52 10 49 48 32 50 10 160 64 255 0",
           "u8[2,10,1] 0 255 0 255 255 255 255 255 255 0 0 0 0 0 0 0 0 0 255 255");
    DECODE(rgb, "u8[23] 80 51 32 49 32 50 32 49 53 32 48 32 49 53 32 51 10 49 32 50 32 49 53",
           "u8[2,1,3] 0 255 51 17 34 255");
    DECODE(rgb, "u8[20] 80 50 32 50 32 49 32 50 53 53 32 35 32 99 10 55 10 50 48 48",
           "u8[1,2,3] 7 7 7 200 200 200");
    DECODE(grayscale, "u8[11] 80 49 32 52 32 49 32 49 48 48 49", "u8[1,4,1] 0 255 255 0");
    DECODE(rgb, "u8[14] 80 54 32 50 32 49 32 50 53 53 10 1 2 3", "!cut short");
    DECODE(rgb, "u8[13] 80 53 32 49 32 49 32 48 48 48 10 1 2", "!damaged");
}

static int paint(const uint8_t *bytes, size_t n, int64_t height, int64_t width, uint8_t *rgb,
                 struct tro_err *err)
{
    (void)err;
    for (int64_t i = 0; i < height * width * 3; i++)
        rgb[i] = (uint8_t)(i * 10 + bytes[n - 1]);
    return 0;
}

/* The head of a PNG of 2 x 1 pixels and a byte for paint(). */
#define PNG \
    "u8[34] 137 80 78 71 13 10 26 10 0 0 0 13 73 72 68 82 0 0 0 2 0 0 0 1 8 2 0 0 0 0 0 0 0 7"

TEST(ref_image_lent_decoder)
{
    tro_ref_set_image_decoder(paint);
    DECODE(rgb, PNG, "u8[1,2,3] 7 17 27 37 47 57");
    DECODE(bgr, PNG, "u8[1,2,3] 27 17 7 57 47 37");
    tro_ref_set_image_decoder(NULL);
    uint8_t png[34] = {137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
    png[19] = png[23] = 1;
    const struct tro_attrs_image_decode a = {0};
    const struct tro_tensor in = {TRO_U8, 1, {34}, png};
    struct tro_tensor y;
    struct tro_err err = {0};
    CHECK_INT(tro_ref_eval(TRO_OP_IMAGE_DECODE, &a, 1, &in, 1, &y, NULL, NULL, &err),
              TRO_E_UNSUPPORTED);
    CHECK_HAS(err.text, "neither BMP nor PNM");
}
