/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of cameras on the GPU: the same bits as the reference, alone and within a convolution that
 * gathers from them. */
#include "camera_kit.h"
#include "cuda_kit.h"
#include "window_kit.h"

static const char *text_of(struct tro_buf *b)
{
    tro_buf_u8(b, 0);
    return (const char *)b->p;
}

/* FP32 in every way of every format, half of the orders each. */
TEST(cuda_camera_formats)
{
    for (size_t f = 0; f < CAMERA_N(camera_formats); f++)
        for (size_t r = 0; r < CAMERA_N(camera_resizes); r++) {
            struct tro_buf b = {0};
            tro_buf_str(&b, "graph \"g\"\n");
            camera_text(&b, camera_formats[f], camera_orders[(f + r) % 3],
                        f == 5 && r % 2 ? "matrix = bt709, range = full, " : "", &camera_resizes[r],
                        3);
            tro_buf_str(&b, "output %y\n");
            CUDA_ENGINE(0, FP32, text_of(&b));
            CHECK(cuda_has("camera"));
            tro_buf_finish(&b);
        }
}
