/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuBLASLt, opened at run time: libcublasLt.so.13 or .12, or the library that TROCAR_CUBLASLT
 * names. Matrices are by columns there: what it computes is our product turned, y'[n][m] = w x'.
 * Values of its ABI are declared here as its header has them.
 */
#ifndef TRO_CUDA_CUBLASLT_H
#define TRO_CUDA_CUBLASLT_H

#include "cuda/library.h"

/* cublasLtMatmulAlgo_t: may be kept and restored with the same version of the library. */
struct tro_cublaslt_algo {
    uint64_t data[8];
};

/* cublasLtMatmulHeuristicResult_t */
struct tro_cublaslt_result {
    struct tro_cublaslt_algo algo;
    size_t n_bytes;
    int state;
    float n_waves;
    int reserved[4];
};

/* cudaDataType, cublasComputeType_t, cublasOperation_t */
enum { TRO_CUBLAS_R_32F = 0, TRO_CUBLAS_R_16F = 2, TRO_CUBLAS_R_16BF = 14 };
enum { TRO_CUBLAS_COMPUTE_32F = 68, TRO_CUBLAS_COMPUTE_32F_FAST_TF32 = 77 };
enum { TRO_CUBLAS_OP_N = 0, TRO_CUBLAS_OP_T = 1 };

/* cublasLtMatmulDescAttributes_t */
enum {
    TRO_CUBLASLT_DESC_TRANSA = 3,
    TRO_CUBLASLT_DESC_TRANSB = 4,
    TRO_CUBLASLT_DESC_EPILOGUE = 7,
    TRO_CUBLASLT_DESC_BIAS_POINTER = 8
};

/* cublasLtEpilogue_t */
enum {
    TRO_CUBLASLT_EPILOGUE_DEFAULT = 1,
    TRO_CUBLASLT_EPILOGUE_RELU = 2,
    TRO_CUBLASLT_EPILOGUE_BIAS = 4
};

/* cublasLtMatmulPreferenceAttributes_t, cublasLtReductionScheme_t */
enum {
    TRO_CUBLASLT_PREF_MAX_BYTES = 1,
    TRO_CUBLASLT_PREF_REDUCTION_MASK = 3,
    TRO_CUBLASLT_PREF_ALIGNMENT_A = 5, /* then of B, C, D */
    TRO_CUBLASLT_PREF_ALIGNMENT_D = 8
};
enum { TRO_CUBLASLT_REDUCTION_COMPUTE_TYPE = 2 };

#endif
