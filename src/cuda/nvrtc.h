/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVRTC, the compiler of kernels, opened at run time: the newest libnvrtc.so the system finds, or
 * the library that TROCAR_NVRTC names. It needs no GPU.
 */
#ifndef TRO_CUDA_NVRTC_H
#define TRO_CUDA_NVRTC_H

#include "cuda/launch.h"

enum tro_code_kind {
    TRO_CODE_CUBIN, /* machine code: runs on chips of the same generation, minor not less */
    TRO_CODE_PTX    /* runs on every chip that is not older */
};

/* NULL when NVRTC can be had, else why not; the same for every caller. */
const char *tro_nvrtc_missing(void);

/* The kernel for a chip, 90 for sm_90a and so on: bytes of tro_malloc. The compiler's log is in the
 * message when it fails. May be called by several threads. */
int tro_nvrtc_compile(const struct tro_cuda_kernel *k, int arch, enum tro_code_kind kind,
                      void **out, size_t *n_bytes, struct tro_err *err);

/* Machine code and PTX, in one go where PTX for that chip runs on newer ones. */
int tro_nvrtc_compile_both(const struct tro_cuda_kernel *k, int arch, void **cubin,
                           size_t *n_cubin_bytes, void **ptx, size_t *n_ptx_bytes,
                           struct tro_err *err);

#endif
