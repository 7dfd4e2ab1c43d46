/* SPDX-License-Identifier: Apache-2.0 */
/* Code of programs: their kernels, each once for a chip, compiled side by side. */
#ifndef TRO_CUDA_CODE_H
#define TRO_CUDA_CODE_H

#include "base/arena.h"
#include "cuda/nvrtc.h"

/* A kernel to compile, and then its code. */
struct tro_cuda_code {
    struct tro_cuda_kernel kernel;
    const char *node, *label; /* of the first step that needs it, for messages */
    int arch;
    bool has_ptx; /* is wanted too */
    void *cubin, *ptx;
    size_t n_cubin_bytes, n_ptx_bytes;
};

/* All-zero is empty. */
struct tro_cuda_codes {
    struct tro_arena arena; /* of texts */
    struct tro_cuda_code *items;
    size_t n, cap;
};
void tro_cuda_codes_finish(struct tro_cuda_codes *c);

/* The kernels of a program for a chip, those that are not there yet; texts are copied. */
int tro_cuda_codes_add(struct tro_cuda_codes *c, const struct tro_program *p, int arch,
                       bool has_ptx, struct tro_err *err);

/* Compiles all, on as many threads as base/thread.h has; then they are by key and architecture.
 * progress may be NULL and is called in the caller's thread. */
typedef void tro_cuda_progress(void *ctx, int64_t done, int64_t total);
int tro_cuda_codes_compile(struct tro_cuda_codes *c, tro_cuda_progress *progress, void *ctx,
                           struct tro_err *err);

#endif
