/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise regions and copies on CUDA. */
#include "cuda_kit.h"
#include "test.h"

TEST(simple)
{
    CUDA_ENGINE(1e-6, FP32,
                "graph \"g\"\n"
                "input %x : f32[2,3,5]\n"
                "input %y : f32[2,3,5]\n"
                "%z = add(%x, %y)\n"
                "output %z\n");
    CHECK(cuda_has("pointwise"));
}
