/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda_kit.h"
#include "detect_kit.h"
#include "test.h"

static void check_on(const char *kernel, const char *graph)
{
    test_check(cuda_check(graph, 0, TRO_PRECISION_FP32), __FILE__, __LINE__, "%s", graph);
    CHECK(cuda_has(kernel));
}

TEST(detect)
{
    for (size_t i = 0; i < N_OF(detect_graphs); i++)
        check_on("detect_filter f32", detect_graphs[i]);
}

TEST(peaks)
{
    for (size_t i = 0; i < N_OF(peak_graphs); i++)
        check_on("peaks f32", peak_graphs[i]);
}

/* Values between that are stored as f16: numbers that it holds exactly. */
TEST(narrow)
{
    CUDA_ENGINE(0, FP16,
                ONE_BOX(1, 200, 8)
                    WHOLE DETECT("score_threshold = 0.5, iou_threshold = 0.5, max_output = 30"));
    CHECK(cuda_has("detect_filter f16 x8"));
    CUDA_ENGINE(0, BF16,
                ONE_BOX(1, 200, 3)
                    WHOLE DETECT("score_threshold = 0.5, iou_threshold = 0.5, max_output = 30"));
    CHECK(cuda_has("detect bf16"));
    CUDA_ENGINE(0, FP16,
                "graph \"g\"\ninput %x : f32[1,2,20,20]\n%e = round(%x)\n" PEAKS(
                    "n_peaks = 40, radius = 1, refine = quarter"));
    CHECK(cuda_has("peaks f16"));
}

/* What the kernels do not take is done on the host. */
TEST(too_much)
{
    cuda_kit_host = true;
    CUDA_ENGINE(0, FP32,
                ONE_BOX(1, 3000, 2) AS_IS DETECT("max_output = 20, max_candidates = 5000"));
    CHECK(cuda_has("reference"));
    CUDA_ENGINE(0, FP32, ONE_BOX(1, 100, 2) AS_IS DETECT("max_output = 5000"));
    CHECK(cuda_has("reference"));
    cuda_kit_host = false;
}
