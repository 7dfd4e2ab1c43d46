/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of cameras for emitters: what kernels that read them (kernels/frame.cuh) are given. */
#ifndef TRO_CUDA_FRAME_H
#define TRO_CUDA_FRAME_H

#include "cuda/kernels/frame.h"
#include "cuda/launch.h"
#include "graph/camera.h"

struct tro_frames {
    struct tro_camera camera;
    struct tro_frame params;
    struct tro_arg x; /* the frames, dense */
    int n_taps;       /* FRAME_TAPS */
    struct tro_arg taps;
    const char *defines;
};

/* Of a node `camera`. 1: done; 0: beyond this (numbers that are no constants, 2^31 bytes);
 * negative: failure. */
int tro_frames_init(struct tro_lowering *l, const struct tro_node *node, struct tro_frames *out);

#endif
