/* SPDX-License-Identifier: Apache-2.0 */
/* Which tiles a matrix product is cut into. */
#ifndef TRO_CUDA_GEMM_TILES_H
#define TRO_CUDA_GEMM_TILES_H

#include "cuda/gemm_library.h"

struct tro_gemm_tile {
    int m, n, k_bytes, warps_m, warps_n, stages;
    int blocks;    /* that a multiprocessor has registers for */
    bool is_wgmma; /* Hopper's warpgroups: 16-bit elements, b not turned */
};

struct tro_gemm_choice {
    const struct tro_gemm_tile *tile;    /* NULL: the kernel for few rows, gemv */
    int n_splits;                        /* of k */
    bool is_cached;                      /* a goes through the first-level cache */
    const char *name;                    /* "128x64x32_k2" */
    const struct tro_library_plan *plan; /* a library does it instead */
};

/* Shared memory of a block. */
int tro_gemm_tile_bytes(const struct tro_gemm_tile *t);

/* Rows of a block of gemv. */
int tro_gemv_rows(const struct tro_gemm *g);

/* The tuner's choice, or the best guess. library: NULL where none can do it. 1: done; 0: beyond
 * what the kernels take. */
int tro_gemm_choose(struct tro_lowering *l, const struct tro_gemm *g, const struct tro_point *point,
                    const char *math, int vector, const struct tro_gemm_library *library,
                    struct tro_gemm_choice *out);

#endif
