/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda_kit.h"
#include "test.h"

/* ---- reduce -------------------------------------------------------------------------------- */

TEST(cuda_reduce_bytes)
{
    static const char *const types[] = {"i8", "u8"};
    static const char *const sizes[] = {"[2,20,9,11]", "[1,5,80,70]", "[3,64,4,4]"};
    char text[512];
    for (int i = 0; i < 6; i++) {
        snprintf(text, sizeof text,
                 "graph \"g\"\ninput %%x : %s%s\nconst %%a : i64[2] = 2 3\n"
                 "%%y = reduce(%%x, %%a) {widens = 1}\noutput %%y",
                 types[i % 2], sizes[i / 2]);
        CUDA_ENGINE(0, FP32, text);
        CHECK(cuda_has("reduce_rows"));
    }
}

TEST(rows)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[3,5,37]\nconst %a : i64[1] = 2\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CHECK(cuda_has("reduce_rows f32"));
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[4,6,8,16]\nconst %a : i64[2] = 3 1\n"
                "%y = reduce(%x, %a) {kind = sum, drop_dims = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,3000]\nconst %a : i64[1] = -1\n"
                "%y = reduce(%x, %a) {kind = max}\noutput %y");
    CHECK(cuda_has("reduce_rows f32 256x4"));
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[7,11]\nconst %a : i64[2] = 0 1\n"
                "%y = reduce(%x, %a) {kind = min, drop_dims = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[5,3,2,2]\nconst %a : i64[2] = 1 3\n"
                "%y = reduce(%x, %a) {kind = prod}\noutput %y");
}

TEST(parts_of_rows)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,40000]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CHECK(cuda_has("reduce_rows f32 256x4 reduce_rows f32 32x1"));
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : i32[1,70000]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
}

TEST(columns)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,70,33]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CHECK(cuda_has("reduce_cols f32 x1"));
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,7,9,24]\nconst %a : i64[2] = 1 2\n"
                "%y = reduce(%x, %a) {kind = max, drop_dims = 1}\noutput %y");
    CHECK(cuda_has("reduce_cols f32 x4"));
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[5,2,6,8]\nconst %a : i64[2] = 0 2\n"
                "%y = reduce(%x, %a) {kind = sum}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[1,20000,20]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CHECK(cuda_has("reduce_cols f32 x4 reduce_cols f32 x4"));
}

/* A picture turned to channels last, as convolutions leave it, and what follows its mean. */
#define PICTURE(n, h, w, c)                                      \
    "graph \"g\"\ninput %p : f32[" #n "," #h "," #w "," #c "]\n" \
    "%e = exp(%p)\n%x = transpose(%e) {perm = [0,3,1,2]}\n"

TEST(global_mean)
{
    CUDA_ENGINE(1e-5, FP32,
                PICTURE(2, 14, 14, 40) "const %a : i64[2] = 2 3\n"
                                       "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CHECK(cuda_has("reduce_cols f32 x4"));
    CUDA_ENGINE(
        5e-3, FP16,
        PICTURE(1, 7, 7,
                96) "const %a : i64[2] = 2 3\n"
                    "%z = fused(%x) {\n  input %v : f32[1,96,7,7]\n"
                    "%m = reduce(%v, %a) {kind = mean}\n%r = sigmoid(%m)\noutput %r\n}\noutput %z");
    CHECK(cuda_has("reduce_cols f16 x8"));
    CUDA_ENGINE(5e-3, FP16,
                PICTURE(1, 70, 90, 16) "const %a : i64[2] = 2 3\n"
                                       "%y = reduce(%x, %a) {kind = mean}\noutput %y");
}

TEST(inside_concat)
{
    CUDA_ENGINE(
        1e-5, FP32,
        "graph \"g\"\ninput %x : f32[3,4,10]\ninput %b : f32[3,4,2]\nconst %a : i64[1] = 2\n"
        "%s = exp(%x)\n%y = reduce(%s, %a) {kind = sum}\n%c = exp(%b)\n"
        "%z = concat(%y, %c) {axis = 2}\noutput %z");
}

TEST(integers)
{
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : i32[4,9,6]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = mean}\noutput %y");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : i64[4,9,6]\nconst %a : i64[2] = 0 2\n"
                "%y = reduce(%x, %a) {kind = prod, drop_dims = 1}\noutput %y");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : u8[4,90]\nconst %a : i64[1] = 1\n"
                "%y = reduce(%x, %a) {kind = max}\noutput %y");
    CUDA_ENGINE(0, FP32,
                "graph \"g\"\ninput %x : i8[4,90]\nconst %a : i64[1] = 0\n"
                "%y = reduce(%x, %a) {kind = min}\noutput %y");
}

/* ---- softmax -------------------------------------------------------------------------------- */

TEST(softmax)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[3,5,49]\n%y = softmax(%x) {axis = 2}\noutput %y");
    CHECK(cuda_has("softmax_rows f32"));
    CUDA_ENGINE(
        1e-5, FP32,
        "graph \"g\"\ninput %x : f32[9,64]\n%y = softmax(%x) {axis = -1, is_log = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,1000]\n%y = softmax(%x) {axis = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[1,9001]\n%y = softmax(%x) {axis = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[3,40000]\n%y = softmax(%x) {axis = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,21,6,8]\n%y = softmax(%x) {axis = 1}\noutput %y");
    CHECK(cuda_has("softmax_cols f32 x4"));
    CUDA_ENGINE(
        1e-5, FP32,
        "graph \"g\"\ninput %x : f32[2,3,5]\n%y = softmax(%x) {axis = 0, is_log = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[1,7]\n%y = softmax(%x) {axis = 0}\noutput %y");
    CUDA_ENGINE(1e-2, FP16,
                PICTURE(1, 5, 6, 24) "%y = softmax(%x) {axis = 1}\n%z = exp(%y)\noutput %z");
    CHECK(cuda_has("softmax_rows f16"));
    CUDA_ENGINE(1e-2, FP16,
                "graph \"g\"\ninput %x : f32[2,3,16]\ninput %b : f32[16]\n"
                "%e = exp(%x)\n%z = fused(%e, %b) {\n  input %v : f32[2,3,16]\ninput %w : f32[16]\n"
                "%s = softmax(%v) {axis = 2}\n%m = mul(%s, %w)\noutput %m\n}\noutput %z");
}

/* ---- normalize ------------------------------------------------------------------------------ */

TEST(normalize)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[3,5,96]\ninput %w : f32[96]\ninput %b : f32[96]\n"
                "%z = fused(%x, %w, %b) {\n  input %v : f32[3,5,96]\ninput %c : f32[96]\n"
                "input %d : f32[96]\n%n = normalize(%v) {axes = [2], epsilon = 1e-5}\n"
                "%m = mul(%n, %c)\n%a = add(%m, %d)\noutput %a\n}\noutput %z");
    CHECK(cuda_has("normalize_rows f32 8x4"));
    CUDA_ENGINE(
        1e-5, FP32,
        "graph \"g\"\ninput %x : f32[4,77]\n%y = normalize(%x) {axes = [-1], epsilon = 1e-5,\n"
        "is_rms = 1}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,3,12,20]\n%y = normalize(%x) {axes = [2,3],\n"
                "epsilon = 1e-5}\noutput %y");
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,33000]\n%y = normalize(%x) {axes = [1],\n"
                "epsilon = 1e-5}\noutput %y");
    CUDA_ENGINE(1e-2, FP16,
                PICTURE(2, 9, 5, 24) "%y = normalize(%x) {axes = [1], epsilon = 1e-5}\noutput %y");
    CHECK(cuda_has("normalize_rows f16"));
}

TEST(normalize_columns)
{
    CUDA_ENGINE(
        1e-2, FP16,
        PICTURE(2, 9, 5, 24) "%y = normalize(%x) {axes = [2,3], epsilon = 1e-5}\noutput %y");
    CHECK(cuda_has("normalize_cols f16 x8"));
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[3,50,7]\n%y = normalize(%x) {axes = [1],\n"
                "epsilon = 1e-5, is_rms = 1}\noutput %y");
    CUDA_ENGINE(1e-2, FP16,
                PICTURE(1, 6, 4, 8) "input %q : f32[1,8,6,4]\n%f = exp(%q)\n"
                                    "%y = normalize(%x) {axes = [1,2,3], epsilon = 1e-5}\n"
                                    "%c = concat(%y, %f) {axis = 1}\noutput %c");
}

/* ---- lrn ------------------------------------------------------------------------------------ */

TEST(lrn)
{
    CUDA_ENGINE(1e-5, FP32,
                "graph \"g\"\ninput %x : f32[2,9,4,5]\n"
                "%y = lrn(%x) {size = 5, alpha = 0.1, beta = 0.75, bias = 1}\noutput %y");
    CHECK(cuda_has("lrn f32"));
    CUDA_ENGINE(2e-3, FP16,
                PICTURE(1, 4, 5, 16) "%y = lrn(%x) {size = 4, alpha = 0.2, beta = 0.5, bias = 2}\n"
                                     "%z = neg(%y)\noutput %z");
    CHECK(cuda_has("lrn f16"));
}
