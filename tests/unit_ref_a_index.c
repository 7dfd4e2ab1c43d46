/* SPDX-License-Identifier: Apache-2.0 */
/* Operators by index and by value, on values worked out by hand. */
#include "ref_kit.h"

/* ---- gather ---------------------------------------------------------------------------- */

TEST(ref_gather)
{
    const struct tro_attrs_axis first = {.axis = 0}, last = {.axis = -1};
    EVAL(TRO_OP_GATHER, &first, "f32[3,2] 1 2 3 4 5 6; i64[2,2] 0 1 -1 1",
         "f32[2,2,2] 1 2 3 4 5 6 3 4");
    EVAL(TRO_OP_GATHER, &last, "u8[2,3] 1 2 3 4 5 6; i32[] -3", "u8[2] 1 4");
    EVAL(TRO_OP_GATHER, &last, "u64[2,3] 1 2 3 4 5 6; i32[2] 2 0", "u64[2,2] 3 1 6 4");
    EVAL(TRO_OP_GATHER, &first, "f32[3,0]; i64[2] 0 2", "f32[2,0]");
    EVAL(TRO_OP_GATHER, &first, "f32[3] 1 2 3; i64[0]", "f32[0]");
    EVAL(TRO_OP_GATHER, &first, "f32[3] 1 2 3; i64[2] 0 3", "!index 3");
    EVAL(TRO_OP_GATHER, &first, "f32[3] 1 2 3; i64[1] -4", "!index -4");
    EVAL(TRO_OP_GATHER, &first, "f32[0]; i64[1] 0", "!index 0");
}

TEST(ref_gather_elements)
{
    const struct tro_attrs_axis first = {.axis = 0}, last = {.axis = 1};
    EVAL(TRO_OP_GATHER_ELEMENTS, &last, "f32[2,2] 1 2 3 4; i64[2,2] 0 0 1 0", "f32[2,2] 1 1 4 3");
    EVAL(TRO_OP_GATHER_ELEMENTS, &first, "f16[3,3] 1 2 3 4 5 6 7 8 9; i32[2,3] 1 2 0 2 0 -3",
         "f16[2,3] 4 8 3 7 2 3");
    EVAL(TRO_OP_GATHER_ELEMENTS, &first, "f16[2,2] 1 2 3 4; i32[0,2]", "f16[0,2]");
    EVAL(TRO_OP_GATHER_ELEMENTS, &first, "f16[2,2] 1 2 3 4; i32[1,2] 0 2", "!index 2");
    EVAL(TRO_OP_GATHER_ELEMENTS, &first, "f16[2,1] 1 2; i32[1,2] 0 1", "!2");
}

TEST(ref_gather_nd)
{
    const struct tro_attrs_gather_nd batched = {.batch_dims = 1};
    EVAL(TRO_OP_GATHER_ND, NULL, "i32[2,2] 0 1 2 3; i64[2,2] 0 0 1 1", "i32[2] 0 3");
    EVAL(TRO_OP_GATHER_ND, NULL, "i32[2,2] 0 1 2 3; i64[2,1] 1 -2", "i32[2,2] 2 3 0 1");
    EVAL(TRO_OP_GATHER_ND, &batched, "u8[2,2,2] 0 1 2 3 4 5 6 7; i64[2,1] 1 0", "u8[2,2] 2 3 4 5");
    EVAL(TRO_OP_GATHER_ND, &batched, "f64[2,3] 0 1 2 3 4 5; i64[2,2,1] 1 -1 0 2",
         "f64[2,2] 1 2 3 5");
    EVAL(TRO_OP_GATHER_ND, NULL, "i32[2,2] 0 1 2 3; i64[0,2]", "i32[0]");
    EVAL(TRO_OP_GATHER_ND, NULL, "i32[2,2] 0 1 2 3; i64[1,2] 0 2", "!index 2");
}

/* ---- scatter --------------------------------------------------------------------------- */

TEST(ref_scatter_elements)
{
#define SCATTER(how, along, in, out)                                                            \
    EVAL(TRO_OP_SCATTER_ELEMENTS,                                                               \
         (&(struct tro_attrs_scatter_elements){.axis = along, .reduction = tro_scatter_##how}), \
         in, out)
    SCATTER(none, 0, "f32[3,2] 6*0; i64[2,2] 1 0 -1 2; f32[2,2] 1 2 3 4", "f32[3,2] 0 2 1 0 3 4");
    SCATTER(none, 1, "u8[1,5] 1 2 3 4 5; i64[1,2] 1 -2; u8[1,2] 9 8", "u8[1,5] 1 9 3 8 5");
    SCATTER(none, 0, "i64[2] 1 2; i32[3] 0 0 1; i64[3] 7 8 9", "i64[2] 8 9");
    SCATTER(add, 0, "f32[2] 1 2; i64[3] 0 0 1; f32[3] 7 8 9", "f32[2] 16 11");
    SCATTER(add, 0, "f16[1] 2048; i64[2] 0 0; f16[2] 1 1", "f16[1] 2050");
    SCATTER(mul, 0, "i8[2] 100 2; i64[2] 0 1; i8[2] 3 -1", "i8[2] 44 -2");
    SCATTER(max, 0, "f32[3] 1 5 nan; i64[3] 0 1 2; f32[3] 2 nan 1", "f32[3] 2 nan nan");
    SCATTER(min, 0, "u64[2] 18446744073709551615 1; i64[2] 0 1; u64[2] 5 18446744073709551615",
            "u64[2] 5 1");
    SCATTER(add, 0, "f32[2] 1 2; i64[0]; f32[0]", "f32[2] 1 2");
    SCATTER(add, 0, "f32[2] 1 2; i64[1] 2; f32[1] 1", "!index 2");
}

TEST(ref_scatter_nd)
{
#define SCATTER_ND(how, in, out)                                                                  \
    EVAL(TRO_OP_SCATTER_ND, (&(struct tro_attrs_scatter_nd){.reduction = tro_scatter_##how}), in, \
         out)
    SCATTER_ND(none, "f32[4] 1 2 3 4; i64[2,1] 3 -4; f32[2] 9 8", "f32[4] 8 2 3 9");
    SCATTER_ND(none, "i8[2,2] 1 2 3 4; i64[1,1] 1; i8[1,2] 9 8", "i8[2,2] 1 2 9 8");
    SCATTER_ND(add, "f16[2,2] 1 2 3 4; i64[2,1] 1 1; f16[2,2] 1 2 3 4", "f16[2,2] 1 2 7 10");
    SCATTER_ND(mul, "i64[2,2] 1 2 3 4; i64[1,2] 0 1; i64[1] -5", "i64[2,2] 1 -10 3 4");
    SCATTER_ND(min, "f32[1] 3; i64[2,1] 0 0; f32[2] 1 2", "f32[1] 1");
    SCATTER_ND(max, "bool[2] 0 1; i64[2,1] 0 1; bool[2] 1 0", "bool[2] 1 1");
    SCATTER_ND(none, "f32[2] 1 2; i64[0,1]; f32[0]", "f32[2] 1 2");
    SCATTER_ND(none, "f32[2] 1 2; i64[1,1] -3; f32[1] 1", "!index -3");
}

TEST(ref_one_hot)
{
    const struct tro_attrs_axis last = {.axis = -1}, first = {.axis = 0};
    EVAL(TRO_OP_ONE_HOT, &last, "i64[3] 0 -1 3; i64[] 3; f32[2] 2 5", "f32[3,3] 5 2 2 2 2 5 2 2 2");
    EVAL(TRO_OP_ONE_HOT, &first, "f32[2] 1 0; i64[1] 2; i8[2] 0 1", "i8[2,2] 0 1 1 0");
    EVAL(TRO_OP_ONE_HOT, &(struct tro_attrs_axis){.axis = 1}, "u8[1,2] 1 0; f32[] 2; u64[2] 0 9",
         "u64[1,2,2] 0 9 9 0");
    EVAL(TRO_OP_ONE_HOT, &last, "i64[0]; i64[] 3; f32[2] 0 1", "f32[0,3]");
    EVAL(TRO_OP_ONE_HOT, &last, "i64[2] 0 0; i64[] 0; f32[2] 0 1", "f32[2,0]");
}

/* ---- by value -------------------------------------------------------------------------- */

TEST(ref_nonzero)
{
    EVAL(TRO_OP_NONZERO, NULL, "f32[2,2] 1 0 nan -0", "i64[2,2] 0 1 0 0");
    EVAL(TRO_OP_NONZERO, NULL, "bool[3] 0 1 1", "i64[1,2] 1 2");
    EVAL(TRO_OP_NONZERO, NULL, "i64[2,1,2] 0 9223372036854775807 -1 0", "i64[3,2] 0 1 0 0 1 0");
    EVAL(TRO_OP_NONZERO, NULL, "i64[2] 0 0", "i64[1,0]");
    EVAL(TRO_OP_NONZERO, NULL, "i64[] 3", "i64[0,1]");
    EVAL(TRO_OP_NONZERO, NULL, "f32[0,2]", "i64[2,0]");
}

TEST(ref_compress)
{
    const struct tro_attrs_compress first = {.axis = 0}, last = {.axis = -1}, flat = {.is_flat = 1};
    EVAL(TRO_OP_COMPRESS, &first, "f32[3,2] 1 2 3 4 5 6; bool[3] 0 1 1", "f32[2,2] 3 4 5 6");
    EVAL(TRO_OP_COMPRESS, &last, "i8[3,2] 1 2 3 4 5 6; bool[2] 0 1", "i8[3,1] 2 4 6");
    EVAL(TRO_OP_COMPRESS, &flat, "u64[3,2] 1 2 3 4 5 6; bool[5] 0 1 0 0 1", "u64[2] 2 5");
    EVAL(TRO_OP_COMPRESS, &first, "f32[3] 1 2 3; bool[1] 1", "f32[1] 1");
    EVAL(TRO_OP_COMPRESS, &first, "f32[3,0]; bool[2] 1 0", "f32[1,0]");
    EVAL(TRO_OP_COMPRESS, &first, "f32[2] 1 2; bool[2] 0 0", "f32[0]");
}

TEST(ref_unique_flat)
{
    const struct tro_attrs_unique sorted = {.is_flat = 1}, found = {.is_flat = 1, .is_unsorted = 1};
    EVAL(TRO_OP_UNIQUE, &sorted, "f32[6] 2 1 1 3 4 3",
         "f32[4] 1 2 3 4; i64[4] 1 0 3 4; i64[6] 1 0 0 2 3 2; i64[4] 2 1 2 1");
    EVAL(TRO_OP_UNIQUE, &found, "f32[6] 2 1 1 3 4 3",
         "f32[4] 2 1 3 4; i64[4] 0 1 3 4; i64[6] 0 1 1 2 3 2; i64[4] 1 2 2 1");
    EVAL(TRO_OP_UNIQUE, &sorted, "f64[5] nan -0 0 nan -1",
         "f64[3] -1 -0 nan; i64[3] 4 1 0; i64[5] 2 1 1 2 0; i64[3] 1 2 2");
    EVAL(TRO_OP_UNIQUE, &sorted, "u64[2,2] 18446744073709551615 1 1 0",
         "u64[3] 0 1 18446744073709551615");
    EVAL(TRO_OP_UNIQUE, &sorted, "i8[0]", "i8[0]; i64[0]; i64[0]; i64[0]");
}

TEST(ref_unique_slices)
{
    const struct tro_attrs_unique rows = {.axis = 0}, columns = {.axis = 1},
                                  found = {.axis = 0, .is_unsorted = 1};
    EVAL(TRO_OP_UNIQUE, &rows, "f32[3,3] 1 0 0 1 0 0 2 3 4",
         "f32[2,3] 1 0 0 2 3 4; i64[2] 0 2; i64[3] 0 0 1; i64[2] 2 1");
    EVAL(TRO_OP_UNIQUE, &columns, "f32[2,4,2] 1 1 0 1 2 1 0 1 1 1 0 1 2 1 0 1",
         "f32[2,3,2] 0 1 1 1 2 1 0 1 1 1 2 1; i64[3] 1 0 2; i64[4] 1 0 2 0; i64[3] 2 1 1");
    EVAL(TRO_OP_UNIQUE, &found, "i8[3,2] 5 1 -3 4 5 1", "i8[2,2] 5 1 -3 4; i64[2] 0 1");
    EVAL(TRO_OP_UNIQUE, &rows, "i8[2,0]", "i8[1,0]; i64[1] 0; i64[2] 0 0; i64[1] 2");
}

/* ---- boxes ----------------------------------------------------------------------------- */

#define SIX_BOXES                                                                            \
    "f32[1,6,4] 0 0 1 1  0 0.1 1 1.1  0 -0.1 1 0.9  0 10 1 11  0 10.1 1 11.1  0 100 1 101; " \
    "f32[1,1,6] 0.9 0.75 0.6 0.95 0.5 0.3"

TEST(ref_nms)
{
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[1] 3; f32[1] 0.5; f32[1] 0",
         "i64[3,3] 0 0 3 0 0 0 0 0 5");
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[] 30; f32[] 0.5; f32[] 0.4", "i64[2,3] 0 0 3 0 0 0");
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[] 1; f32[] 0.5", "i64[1,3] 0 0 3");
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[] 9; f32[] 1",
         "i64[6,3] 0 0 3 0 0 0 0 0 1 0 0 2 0 0 4 0 0 5");
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES, "i64[0,3]");
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[] 0; f32[] 0.5", "i64[0,3]");
    /* The score threshold and the overlap's are exceeded only by greater values. */
    EVAL(TRO_OP_NMS, NULL, SIX_BOXES "; i64[] 9; f32[] 0.5; f32[] 0.9", "i64[1,3] 0 0 3");
    EVAL(TRO_OP_NMS, NULL, "f32[1,2,4] 0 0 2 2  0 0 2 4; f32[1,1,2] 1 2; i64[] 9; f32[] 0.5",
         "i64[2,3] 0 0 1 0 0 0");
}

TEST(ref_nms_formats)
{
    const struct tro_attrs_nms center = {.is_center = 1};
    EVAL(TRO_OP_NMS, NULL,
         "f32[1,2,4] 1 1 0 0  0 0.1 1 1.1; f32[1,1,2] 0.5 0.5; i64[] 9; f32[] 0.5",
         "i64[1,3] 0 0 0");
    EVAL(TRO_OP_NMS, &center,
         "f32[1,3,4] 0.5 0.5 1 1  0.5 0.6 1 1  0.5 10.5 1 1; f32[1,1,3] 0.2 0.3 0.1; i64[] 9; "
         "f32[] 0.5",
         "i64[2,3] 0 0 1 0 0 2");
    EVAL(TRO_OP_NMS, NULL,
         "f32[2,1,4] 0 0 1 1  0 0 1 1; f32[2,2,1] 0.1 nan 0.3 0.4; i64[] 2; f32[] 0.5; f32[] 0",
         "i64[3,3] 0 0 0 1 0 0 1 1 0");
    EVAL(TRO_OP_NMS, NULL, "f32[1,0,4]; f32[1,2,0]; i64[] 5", "i64[0,3]");
    /* Boxes without area overlap nothing. */
    EVAL(TRO_OP_NMS, NULL, "f32[1,2,4] 0 0 0 0  0 0 0 0; f32[1,1,2] 1 2; i64[] 5",
         "i64[2,3] 0 0 1 0 0 0");
}

TEST(ref_detect)
{
    const struct tro_attrs_detect a = {
        .score_threshold = 0.25, .iou_threshold = 0.5, .max_output = 3};
    const struct tro_attrs_detect center = {
        .boxes = tro_box_code_center, .iou_threshold = 0.5, .max_output = 2, .is_logit = 1};
    /* Anchor 1 overlaps anchor 0 by a half, which is enough; not so in the other class. */
    EVAL(TRO_OP_DETECT, &a,
         "f32[1,3,4] 0 0 2 2  0 0 2 4  5 5 4 4; f32[1,3,2] 0.5 0.1 0.4 0.4 0.2 0.25",
         "i32[1,1] 3; f32[1,3,4] 0 0 2 2 0 0 2 4 4 4 5 5; f32[1,3] 0.5 0.4 0.25; i32[1,3] 0 1 1; "
         "i32[1,3] 0 1 2");
    EVAL(TRO_OP_DETECT, &center, "f32[1,2,4] 1 1 2 2  9 9 2 4; f32[1,2,1] 0 -1",
         "i32[1,1] 2; f32[1,2,4] 0 0 2 2 8 7 10 11; f32[1,2] 0.5 0.2689414; i32[1,2] 0 0; "
         "i32[1,2] 0 1");
    EVAL(TRO_OP_DETECT, &a, "f32[1,1,4] 0 0 2 2; f32[1,1,1] 0.2",
         "i32[1,1] 0; f32[1,3,4] 12*0; f32[1,3] 3*0; i32[1,3] 3*-1; i32[1,3] 3*-1");
}

TEST(ref_peaks)
{
    const struct tro_attrs_peaks a = {.n_peaks = 2, .radius = 1, .threshold = 1};
    const struct tro_attrs_peaks fine = {.n_peaks = 1, .refine = tro_refine_parabola};
    const struct tro_attrs_peaks quarter = {.n_peaks = 1, .refine = tro_refine_quarter};
    EVAL(TRO_OP_PEAKS, &a, "f32[1,2,2,4] 1 3 1 2  0 0 3 0  0 0 0 nan 0 0 0 0",
         "f32[1,2,2,3] 1 0 3 -1 -1 0  -1 -1 0 -1 -1 0");
    /* The parabola through 1, 3, 2 has its vertex 1/6 to the right; none at the border. */
    EVAL(TRO_OP_PEAKS, &fine, "f32[1,1,1,4] 0 1 3 2", "f32[1,1,1,3] 2.166667 0 3");
    EVAL(TRO_OP_PEAKS, &fine, "f32[1,1,4,1] 9 1 3 2", "f32[1,1,1,3] 0 0 9");
    EVAL(TRO_OP_PEAKS, &quarter, "f32[1,1,4,4] 0 0 0 0  0 0 2 0  0 1 9 3  0 0 1 0",
         "f32[1,1,1,3] 2.25 1.75 9");
    EVAL(TRO_OP_PEAKS, &quarter, "f32[1,1,4,4] 0 0 0 0  0 0 2 0  1 9 3 0  0 0 1 0",
         "f32[1,1,1,3] 1 2 9");
}
