/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of sampling, signal processing and classic machine learning. */
#include "infer_kit.h"

TEST(infer_resize_by_scales)
{
    const struct tro_attrs_resize hw = {.axes = INTS(2, 3)};
    INFER(TRO_OP_RESIZE, NULL, "f32[N,3,H,8]; -; f32[4]={1,1,2,0.5}", "f32[N,3,H*2,4]");
    INFER(TRO_OP_RESIZE, &hw, "f32[N,3,H,9]; -; f32[2]={0.5,1.5}", "f32[N,3,H/2,13]");
    INFER(TRO_OP_RESIZE, &hw, "H:1..10 | f32[N,3,H,9]; -; f32[2]={0.6,0.6}", "f32[N,3,?0..6,5]");
    INFER(TRO_OP_RESIZE, &hw, "u8[1,3,7,9]; -; f32[2]", "u8[1,3,?,?]");
    INFER(TRO_OP_RESIZE, &hw, "f32[*]; -; f32[2]", "f32[*]");
    INFER(TRO_OP_RESIZE, &hw, "f32[1,3,7,9]; f32[0]; f32[2]={2,2}; i64[0]", "f32[1,3,14,18]");
    /* 0.6 is a little more in float, and the product rounds to 3. */
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={0.6}", "f32[3]");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={0.59999}", "f32[2]");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={0}", "!scale 0 is 0");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={-1}", "!scale 0 is -1");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={nan}", "!scale 0 is");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={inf}", "!scale 0 is inf");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[1]={1e38}", "!bytes");
    INFER(TRO_OP_RESIZE, NULL, "f32[5]; -; f32[2]={1,1}", "!scales has 2 elements");
}

TEST(infer_resize_int)
{
    const struct tro_attrs_resize hw = {.mode = tro_resize_mode_linear, .axes = INTS(2, 3)};
    INFER(TRO_OP_RESIZE_INT, &hw, "u8[N,3,H,8]; -; f32[2]={2,0.5}", "u8[N,3,H*2,4]");
    INFER(TRO_OP_RESIZE_INT, &hw, "i8[*]; -; f32[2]", "i8[*]");
    INFER(TRO_OP_RESIZE_INT, &hw, "i16[N,3,H,8]; -; f32[2]={2,0.5}", "!input 0");
    INFER(TRO_OP_RESIZE_INT, NULL, "i8[1,3,7,9]; -; f32[4]={1,1,2,2}", "!expected mode linear");
}

TEST(infer_resize_by_sizes)
{
    const struct tro_attrs_resize least = {.policy = tro_aspect_policy_not_larger,
                                           .axes = INTS(0, 1)};
    const struct tro_attrs_resize most = {.policy = tro_aspect_policy_not_smaller,
                                          .axes = INTS(0, 1)};
    INFER(TRO_OP_RESIZE, NULL, "f32[1,3,H,W]; -; -; i64[4]={1,3,224,K}", "f32[1,3,224,K]");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; -; -; i64[1]", "f32[?]");
    INFER(TRO_OP_RESIZE, &least, "f32[20,40,3]; -; -; i64[2]={7,8}", "f32[4,8,3]");
    INFER(TRO_OP_RESIZE, &most, "f32[20,40,3]; -; -; i64[2]={7,8}", "f32[7,14,3]");
    INFER(TRO_OP_RESIZE, &least, "H:1..99 | f32[H,40,3]; -; -; i64[2]={7,8}", "f32[?0..7,?0..8,3]");
    INFER(TRO_OP_RESIZE, &most, "H:1..99 | f32[H,40,3]; -; -; i64[2]={7,8}", "f32[?,?,3]");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; -; -; i64[1]={0}", "!size 0 is 0");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; -; -; i64[1]={3000000000}", "!size 0 is 3000000000");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; -; f32[1]; i64[1]", "!found both");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]", "!found none");
    INFER(TRO_OP_RESIZE, &(struct tro_attrs_resize){.coord = tro_coord_mode_tf_crop_and_resize},
          "f32[7]; -; -; i64[1]={5}", "!roi is absent");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; f32[3]; -; i64[1]={5}", "!roi has 3 elements");
    INFER(TRO_OP_RESIZE, &(struct tro_attrs_resize){.axes = INTS(1)}, "f32[7]; -; -; i64[1]={5}",
          "!axis 1");
    INFER(TRO_OP_RESIZE, NULL, "f32[7]; -; -; i32[1]={5}", "!expected type i64");
}

TEST(infer_grids)
{
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f16[N,C,H,W]; f32[N,5,K,2]", "f16[N,C,5,K]");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C,9]; f32[1,5,1]", "f32[1,C,5]");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C,D,H,W]; f32[1,5,6,7,3]", "f32[1,C,5,6,7]");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[*]; f32[1,5,6,7,3]", "f32[*]");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C,H,W]; f32[1,5,6,3]", "!coordinates");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C,H,W]; f32[2,5,6,2]", "!batch of x and grid");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C,H,W]; f32[1,5,2]", "!rank 4");
    INFER(TRO_OP_GRID_SAMPLE, NULL, "f32[1,C]; f32[1,5]", "!rank");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,2,3]; i64[4]={N,3,H,W}", "f32[N,H,W,2]");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,3,4]; i64[5]={N,3,D,H,9}", "f32[N,D,H,9,3]");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,2,3]; i64[4]", "f32[N,?,?,2]");
    INFER(TRO_OP_AFFINE_GRID, NULL, "R:4..4 | f32[N,2,3]; i64[R]", "f32[N,?,?,2]");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,R,C]; i64[K]", "f32[*]");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,2,3]; i64[5]={N,3,4,5,6}", "!size has 5");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,2,4]; i64[4]={N,3,4,5}", "!columns of theta");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[N,4,5]; i64[6]", "!number of sizes is 6");
    INFER(TRO_OP_AFFINE_GRID, NULL, "f32[2,2,3]; i64[4]={3,3,4,5}", "!batch of theta");
}

TEST(infer_roi_align)
{
    struct tro_attrs_roi_align a = {.output_height = 5, .output_width = 7};
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f32[R,4]; i64[R]", "f32[R,C,5,7]");
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f32[3,4]; i64[2]", "!number of regions");
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f32[3,5]; i64[3]", "!coordinates");
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f16[3,4]; i64[3]", "!expected type f32");
    a.sampling_ratio = -1;
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f32[3,4]; i64[3]", "!sampling_ratio is -1");
    a.output_width = 0;
    INFER(TRO_OP_ROI_ALIGN, &a, "f32[N,C,H,W]; f32[3,4]; i64[3]", "!output_width is 0");
}

/* ---- signal ---------------------------------------------------------------------------- */

TEST(infer_dft)
{
    const struct tro_attrs_dft half = {.is_onesided = 1};
    const struct tro_attrs_dft both = {.is_onesided = 1, .is_inverse = 1};
    INFER(TRO_OP_DFT, NULL, "f32[N,10,1]", "f32[N,10,2]");
    INFER(TRO_OP_DFT, &half, "f32[N,10,1]", "f32[N,6,2]");
    INFER(TRO_OP_DFT, &half, "f32[N,L,1]; -; i64[]={1}", "f32[N,L/2+1,2]");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; i64[]={16}; i64[]={0}", "f32[16,10,2]");
    INFER(TRO_OP_DFT, &half, "f32[N,10,1]; i32[1]={15}; i64[]={-2}", "f32[N,8,2]");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; i64[]", "f32[N,?,2]");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; i64[]={16}; i64[]", "f32[?,?,2]");
    INFER(TRO_OP_DFT, NULL, "f32[*]", "f32[*]");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,3]", "!last axis of x has size 3");
    INFER(TRO_OP_DFT, &half, "f32[N,10,2]", "!x is complex");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; -; i64[]={2}", "!axis 2 holds");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; -; i64[]={3}", "!axis 3");
    INFER(TRO_OP_DFT, NULL, "f32[N,10,2]; i64[]={0}", "!length of the transform is 0");
    INFER(TRO_OP_DFT, NULL, "f32[2]", "!rank");
    INFER(TRO_OP_DFT, &both, "f32[N,10,1]", "!both set");
}

TEST(infer_stft)
{
    const struct tro_attrs_stft half = {.is_onesided = 1};
    INFER(TRO_OP_STFT, &half, "f32[N,128,1]; i64[]={8}; f32[16]", "f32[N,15,9,2]");
    INFER(TRO_OP_STFT, NULL, "L:16..999 | f32[1,L,2]; i64[]={8}; -; i64[]={16}",
          "f32[1,L/8-1,16,2]");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,2]; i64[]={8}; f32[16]; i64[]={16}", "f32[1,15,16,2]");
    INFER(TRO_OP_STFT, &half, "f32[1,128,1]; i64[]; f32[16]", "f32[1,?,9,2]");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={8}; -; i64[]", "f32[1,?,?,2]");
    INFER(TRO_OP_STFT, NULL, "f32[*]; i64[]={8}; f32[16]", "f32[*]");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={8}", "!expected one of them");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={0}; f32[16]", "!frame step is 0");
    INFER(TRO_OP_STFT, NULL, "f32[1,8,1]; i64[]={8}; f32[16]", "!at most 8 samples");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={8}; f32[16]; i64[]={15}", "!window and frame");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={8}; -; i64[]={0}", "!frame length is 0");
    INFER(TRO_OP_STFT, &half, "f32[1,128,2]; i64[]={8}; f32[16]", "!x is complex");
    INFER(TRO_OP_STFT, NULL, "f32[1,128]; i64[]={8}; f32[16]", "!rank 3");
    INFER(TRO_OP_STFT, NULL, "f32[1,128,1]; i64[]={8}; f64[16]", "!expected type f32");
}

TEST(infer_mel_weights)
{
    const struct tro_attrs_dtype f16 = {.dtype = TRO_F16};
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[]={8}; i64[]={16}; i64[]; f32[]; f32[]", "f16[9,8]");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i32[]; i32[]; i32[]; f32[]; f32[]", "f16[?,?]");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[*]; i64[]; i64[]; f32[]; f32[]", "f16[*]");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[]={0}; i64[]; i64[]; f32[]; f32[]", "!bins is 0");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[]; i64[]={-4}; i64[]; f32[]; f32[]", "!dft length is -4");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[]; i64[2]; i64[]; f32[]; f32[]", "!dft length has 2");
    INFER(TRO_OP_MEL_WEIGHTS, NULL, "i64[]; i64[]; i64[]; f32[]; f32[]", "!dtype is none");
    INFER(TRO_OP_MEL_WEIGHTS, &f16, "i64[]; i64[]; f32[]; f32[]; f32[]", "!expected type");
}

TEST(infer_det)
{
    INFER(TRO_OP_DET, NULL, "f32[N,3,3]", "f32[N]");
    INFER(TRO_OP_DET, NULL, "f64[K,K]", "f64[]");
    INFER(TRO_OP_DET, NULL, "f64[*]", "f64[*]");
    INFER(TRO_OP_DET, NULL, "f32[2,3]", "!rows and columns");
    INFER(TRO_OP_DET, NULL, "f32[2]", "!rank");
}

/* ---- classic machine learning ---------------------------------------------------------- */

TEST(infer_tfidf)
{
    struct tro_attrs_tfidf a = {.min_gram = 1, .max_gram = 2, .n_outputs = 7};
    INFER(TRO_OP_TFIDF, &a, "i32[N,12]; i64[9]; i64[2]; i64[6]; f32[6]", "f32[N,7]");
    INFER(TRO_OP_TFIDF, &a, "i64[12]; i64[9]; i64[2]; i64[6]; f32[6]", "f32[7]");
    INFER(TRO_OP_TFIDF, &a, "i64[*]; i64[9]; i64[2]; i64[6]; f32[6]", "f32[*]");
    INFER(TRO_OP_TFIDF, &a, "i64[12]; i64[9]; i64[2]; i64[6]; f32[5]", "!weights and indexes");
    INFER(TRO_OP_TFIDF, &a, "i64[]; i64[9]; i64[2]; i64[6]; f32[6]", "!rank");
    INFER(TRO_OP_TFIDF, &a, "f32[12]; i64[9]; i64[2]; i64[6]; f32[6]", "!expected type");
    a.max_gram = 0;
    INFER(TRO_OP_TFIDF, &a, "i64[12]; i64[9]; i64[2]; i64[6]; f32[6]", "!max_gram is 0");
    a.n_outputs = 0;
    INFER(TRO_OP_TFIDF, &a, "i64[12]; i64[9]; i64[2]; i64[6]; f32[6]", "!n_outputs is 0");
}

TEST(infer_lookup)
{
    INFER(TRO_OP_LOOKUP, NULL, "i64[N,2]; i64[5]; f32[5]; f32[]", "f32[N,2]");
    INFER(TRO_OP_LOOKUP, NULL, "f32[*]; f32[5]; i64[5]; i64[1]", "i64[*]");
    INFER(TRO_OP_LOOKUP, NULL, "i64[N]; i64[5]; f32[4]; f32[]", "!values and keys");
    INFER(TRO_OP_LOOKUP, NULL, "i64[N]; i32[5]; f32[5]; f32[]", "!expected type i64");
    INFER(TRO_OP_LOOKUP, NULL, "i64[N]; i64[5]; f32[5]; f16[]", "!expected type f32");
    INFER(TRO_OP_LOOKUP, NULL, "i64[N]; i64[5]; f32[5]; f32[2]", "!default has 2");
}

TEST(infer_tree_ensemble)
{
    const struct tro_attrs_tree_ensemble two = {.n_targets = 2};
    const char *const tables = "f64[N,3]; i64[5,8]; f64[5]; i64[6]; f64[6]; i64[1]; f64[4]";
    INFER(TRO_OP_TREE_ENSEMBLE, &two, tables, "f64[N,2]");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[N,3]; i64[5,8]; f32[5]; i64[6]; f32[6]; i64[1]",
          "f32[N,2]");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[*]; i64[5,8]; f32[5]; i64[6]; f32[6]; i64[1]", "f32[*]");
    INFER(TRO_OP_TREE_ENSEMBLE, NULL, tables, "!n_targets is 0");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[N,3]; i64[5,7]; f32[5]; i64[6]; f32[6]; i64[1]",
          "!columns of nodes");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[N,3]; i64[5,8]; f32[4]; i64[6]; f32[6]; i64[1]",
          "!splits and nodes");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[N,3]; i64[5,8]; f32[5]; i64[6]; f32[5]; i64[1]",
          "!leaf weights");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[N,3]; i64[5,8]; f64[5]; i64[6]; f32[6]; i64[1]",
          "!expected type f32");
    INFER(TRO_OP_TREE_ENSEMBLE, &two, "f32[3]; i64[5,8]; f32[5]; i64[6]; f32[6]; i64[1]", "!rank");
}
