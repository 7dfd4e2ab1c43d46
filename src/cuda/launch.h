/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels and the steps that launch them, for emitters.
 *
 * A kernel is kernels/NAME.cu with definitions and, where it has an epilogue, the text of a
 * pointwise program (cuda/point.h) before it. The source that is compiled, for each chip once:
 *
 *     #include "base.cuh"
 *     definitions of the emitter            "#define TILE_M 128\n..."
 *     #include "NAME.h"                     struct tro_NAME_params
 *     #define TRO_N_IN, TRO_N_OUT, TRO_POINT_IN, TRO_POINT_OUT
 *     types of the pointwise program        struct tro_point_params
 *     struct tro_params                     kernels/params.h says what it holds
 *     text of the pointwise program         tro_point_row
 *     #include "NAME.cu"                    extern "C" __global__ void tro_kernel(
 *                                               const __grid_constant__ tro_params p)
 *
 * Sizes of tensors are parameters, not definitions, so that layers share kernels: a definition is
 * for what changes the code (tiles, types, whether there is a border).
 */
#ifndef TRO_CUDA_LAUNCH_H
#define TRO_CUDA_LAUNCH_H

#include "cuda/kernels/params.h"
#include "lower/lower.h"

struct tro_point;
struct tro_library_plan;

struct tro_cuda_kernel {
    const char *name;   /* "conv_mma": the file */
    const char *source; /* everything before the file's own text */
    uint64_t key;       /* of source and all files of kernels/ */
};

/* What a step's params are. */
struct tro_cuda_launch {
    const struct tro_cuda_kernel *kernel; /* NULL: a call of a library */
    const struct tro_library_plan *plan;  /* of it, then; outlives the program */
    uint32_t grid[3], block[3];
    uint32_t shared_bytes; /* dynamic shared memory */
    void *params;          /* own and point as in struct tro_params, without ptr */
    size_t params_size;
};

struct tro_cuda_source {
    const char *name;              /* kernels/NAME.cu */
    const char *defines;           /* lines, or NULL */
    const struct tro_point *point; /* or NULL */
    const void *params;            /* struct tro_NAME_params, copied */
    size_t params_size;
};

/*
 * A step with n_in inputs and n_out outputs of the kernel's own; those of the pointwise program
 * follow them and are filled here, as are its flops and what it may overwrite. In the kernel:
 * p.ptr[i] is input i, p.ptr[TRO_N_IN + i] output i (TRO_N_IN counts the program's too);
 * TRO_POINT_IN and TRO_POINT_OUT are the indices in ptr where the program's begin.
 * The caller fills in[0..n_in), out[0..n_out), grid and block of *launch, n_flops.
 * label: what people see, "conv_mma f16 128x128x32".
 */
struct tro_step *tro_cuda_step(struct tro_lowering *l, const struct tro_lower_node *n,
                               const char *label, const struct tro_cuda_source *source, int n_in,
                               int n_out, struct tro_cuda_launch **launch);

/* A step that is a call of a library (cuda/library.h): in[0..n_in) are x, w, then bias and z where
 * the plan has them; out[0] is y, out[1] the workspace where it needs any, with
 * room to align it. */
struct tro_step *tro_cuda_library_step(struct tro_lowering *l, const struct tro_lower_node *n,
                                       const struct tro_library_plan *plan, int n_in, int n_out);

/* NULL for a step that runs on the host. */
const struct tro_cuda_launch *tro_cuda_launch_of(const struct tro_step *s);

/* 0 < d < 2^31. */
struct tro_div tro_div_make(int64_t d);

/* "#define A 1\n" and so on, in the program's arena; NULL when memory ran out (the error is
 * set). */
__attribute__((format(printf, 2, 3))) const char *tro_cuda_defines(struct tro_lowering *l,
                                                                   const char *fmt, ...);

#endif
