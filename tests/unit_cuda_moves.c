/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that choose elements by index or order, on CUDA. */
#include "cuda_kit.h"
#include "test.h"

#define G "graph \"g\"\n"

TEST(arg_reduce)
{
    CUDA_ENGINE(0, FP32, G "input %x : f32[3,700,5]\n%y = arg_reduce(%x) {axis = 1}\noutput %y\n");
    CHECK(cuda_has("arg_reduce f32 256"));
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[4,37]\n%y = arg_reduce(%x) {axis = -1, is_min = 1, "
                  "drop_dims = 1}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : i8[9,200]\n%y = arg_reduce(%x) {axis = 1, select_last = 1}\n"
                  "output %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : u8[200,6]\n%y = arg_reduce(%x) {axis = 0, is_min = 1, "
                  "select_last = 1}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[1,5,160,130]\n%s = sign(%x)\n"
                  "%y = arg_reduce(%s) {axis = 1, drop_dims = 1}\noutput %y\n");
    CHECK(cuda_has("arg_reduce f32 1"));
}

TEST(topk)
{
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[3,50]\nconst %k : i64[1] = 7\n"
                  "%v, %i = topk(%x, %k) {axis = 1}\noutput %v\noutput %i\n");
    CHECK(cuda_has("topk f32 64"));
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[2,90,3]\nconst %k : i64[1] = 90\n%s = floor(%x)\n"
                  "%v, %i = topk(%s, %k) {axis = 1, is_smallest = 1}\noutput %v\noutput %i\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[1,20000]\nconst %k : i64[1] = 300\n"
                  "%v, %i = topk(%x, %k) {axis = 1}\noutput %v\noutput %i\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : i32[2,9000]\nconst %k : i64[1] = 5\n"
                  "%v, %i = topk(%x, %k) {axis = 1, is_smallest = 1}\noutput %i\noutput %v\n");
}

TEST(cumsum)
{
    CUDA_ENGINE(1e-5, FP32,
                G "input %x : f32[3,100,4]\nconst %a : i64[] = 1\n%y = cumsum(%x, %a)\n"
                  "output %y\n");
    CHECK(cuda_has("cumsum f32"));
    CUDA_ENGINE(1e-5, FP32,
                G "input %x : f32[7,33]\nconst %a : i64[] = -1\n"
                  "%y = cumsum(%x, %a) {is_exclusive = 1, is_reverse = 1}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : i32[40,3]\nconst %a : i64[] = 0\n"
                  "%y = cumsum(%x, %a) {is_reverse = 1}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : i64[2,65]\nconst %a : i64[] = 1\n"
                  "%y = cumsum(%x, %a) {is_exclusive = 1}\noutput %y\n");
}

TEST(gather)
{
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[4,6,5]\nconst %i : i64[2,3] = 0 5 -1 2 2 -6\n"
                  "%y = gather(%x, %i) {axis = 1}\noutput %y\n");
    CHECK(cuda_has("gather f32"));
    CUDA_ENGINE(0, FP32,
                G "input %x : i64[9,3]\nconst %i : i32[4] = 8 0 -1 1\n"
                  "%y = gather(%x, %i) {axis = 0}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[4,6,5]\nconst %i : i64[] = -2\n"
                  "%y = gather(%x, %i) {axis = 1}\n%z = neg(%y)\noutput %z\n");
    CHECK(!strstr(cuda_kernels(), "gather"));
    CUDA_ENGINE(2e-3, FP16,
                G "input %x : f32[2,6,5]\ninput %b : f32[2,6,2]\nconst %i : i64[2] = 1 3\n"
                  "%e = exp(%x)\n%t = transpose(%e) {perm = [0,2,1]}\n"
                  "%y = gather(%t, %i) {axis = 1}\n%u = transpose(%y) {perm = [0,2,1]}\n"
                  "%n = neg(%b)\n%c = concat(%u, %n) {axis = 2}\noutput %c\n");
}

TEST(gather_of_rows)
{
    CUDA_ENGINE(2e-3, FP16,
                G "input %x : f32[9,24]\nconst %i : i32[5] = 8 0 -1 1 1\n%e = exp(%x)\n"
                  "%y = gather(%e, %i) {axis = 0}\n%z = neg(%y)\noutput %z\n");
    CHECK(cuda_has("gather f16"));
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[2,7,12]\nconst %i : i64[2,2,1] = 3 -1 0 6\n%n = neg(%x)\n"
                  "%y = gather_nd(%n, %i) {batch_dims = 1}\noutput %y\n");
}

TEST(gather_elements)
{
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[3,5]\nconst %i : i64[3,2] = 0 4 -1 2 1 -5\n"
                  "%y = gather_elements(%x, %i) {axis = 1}\noutput %y\n");
    CHECK(cuda_has("gather_elements f32"));
    CUDA_ENGINE(0, FP32,
                G "input %x : bool[3,4]\nconst %i : i64[1,2] = 2 -3\n"
                  "%y = gather_elements(%x, %i) {axis = 0}\noutput %y\n");
}

TEST(gather_nd)
{
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[3,4,5]\nconst %i : i64[2,2] = 0 3 -1 1\n"
                  "%y = gather_nd(%x, %i)\noutput %y\n");
    CHECK(cuda_has("gather_nd f32"));
    CUDA_ENGINE(0, FP32,
                G "input %x : i32[2,4,5]\nconst %i : i64[2,3,1] = 0 3 -1 1 2 2\n"
                  "%y = gather_nd(%x, %i) {batch_dims = 1}\noutput %y\n");
}

TEST(scatter)
{
    CUDA_ENGINE(0, FP32,
                G "input %x : f32[3,6]\ninput %u : f32[3,4]\n"
                  "const %i : i64[3,4] = 0 5 5 -1 2 2 2 -6 1 3 -2 0\n"
                  "%y = scatter_elements(%x, %i, %u) {axis = 1}\noutput %y\n");
    CHECK(cuda_has("scatter_elements f32"));
    CUDA_ENGINE(1e-6, FP32,
                G "input %x : f32[5,2]\ninput %u : f32[3,2]\nconst %i : i64[3,2] = 0 4 -1 4 0 4\n"
                  "%y = scatter_elements(%x, %i, %u) {axis = 0, reduction = add}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : i64[4,3,2]\ninput %u : i64[3,2]\nconst %i : i64[3,2] = 0 2 -1 1 0 2\n"
                  "%y = scatter_nd(%x, %i, %u)\noutput %y\n");
    CHECK(cuda_has("scatter_nd i64"));
    CUDA_ENGINE(0, FP32,
                G "input %x : i32[4,3]\ninput %u : i32[3,3]\nconst %i : i64[3,1] = 1 1 -1\n"
                  "%y = scatter_nd(%x, %i, %u) {reduction = max}\noutput %y\n");
    CUDA_ENGINE(2e-3, FP16,
                G "input %x : f32[4,3]\ninput %u : f32[2,3]\nconst %i : i64[2,1] = 1 3\n"
                  "%e = exp(%x)\n%y = scatter_nd(%e, %i, %u)\n%z = neg(%y)\noutput %z\n");
}

TEST(one_hot)
{
    CUDA_ENGINE(0, FP32,
                G "const %i : i64[2,3] = 0 4 -1 2 9 -7\nconst %d : i64[] = 5\n"
                  "input %v : f32[2]\n%y = one_hot(%i, %d, %v) {axis = 1}\noutput %y\n");
    CHECK(cuda_has("one_hot f32"));
    CUDA_ENGINE(0, FP32,
                G "input %i : i32[7]\nconst %d : i64[] = 3\ninput %v : i64[2]\n"
                  "%y = one_hot(%i, %d, %v) {axis = -1}\noutput %y\n");
}

TEST(trilu)
{
    CUDA_ENGINE(0, FP32, G "input %x : f32[2,5,4]\n%y = trilu(%x)\noutput %y\n");
    CHECK(cuda_has("trilu f32"));
    CUDA_ENGINE(0, FP32,
                G "input %x : i64[4,6]\nconst %k : i64[] = -1\n"
                  "%y = trilu(%x, %k) {is_lower = 1}\noutput %y\n");
    CUDA_ENGINE(0, FP32,
                G "input %x : bool[4,6]\nconst %k : i64[] = 2\n%y = trilu(%x, %k)\noutput %y\n");
}
