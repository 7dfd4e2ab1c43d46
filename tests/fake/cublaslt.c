/* SPDX-License-Identifier: Apache-2.0 */
/* A cuBLASLt that offers algorithms for every product and computes none: for what is done about
 * calls that fail. */
#include "cuda/cublaslt.h"

#include <stdlib.h>
#include <string.h>

typedef struct tro_cublaslt_handle_s *tro_cublaslt_handle;
#define FN(type, name, args) __attribute__((visibility("default"))) type name args;
#include "cuda/cublaslt.def"
#undef FN

enum { OK = 0, EXECUTION_FAILED = 13 };

size_t cublasLtGetVersion(void)
{
    return 130000;
}

const char *cublasLtGetStatusString(int rc)
{
    return rc == EXECUTION_FAILED ? "this library computes nothing" : "no error";
}

static int make(void **out)
{
    *out = malloc(1);
    return OK;
}

static int destroy(void *d)
{
    free(d);
    return OK;
}

int cublasLtCreate(tro_cublaslt_handle *handle)
{
    *handle = malloc(1);
    return OK;
}

int cublasLtDestroy(tro_cublaslt_handle handle)
{
    return destroy(handle);
}

int cublasLtMatmulDescCreate(void **d, int compute_type, int scale_type)
{
    (void)compute_type;
    (void)scale_type;
    return make(d);
}

int cublasLtMatmulDescDestroy(void *d)
{
    return destroy(d);
}

int cublasLtMatmulDescSetAttribute(void *d, int name, const void *value, size_t size)
{
    (void)d;
    (void)name;
    (void)value;
    (void)size;
    return OK;
}

int cublasLtMatrixLayoutCreate(void **d, int type, uint64_t rows, uint64_t cols, int64_t pitch)
{
    (void)type;
    (void)rows;
    (void)cols;
    (void)pitch;
    return make(d);
}

int cublasLtMatrixLayoutDestroy(void *d)
{
    return destroy(d);
}

int cublasLtMatmulPreferenceCreate(void **d)
{
    return make(d);
}

int cublasLtMatmulPreferenceDestroy(void *d)
{
    return destroy(d);
}

int cublasLtMatmulPreferenceSetAttribute(void *d, int name, const void *value, size_t size)
{
    return cublasLtMatmulDescSetAttribute(d, name, value, size);
}

int cublasLtMatmulAlgoGetHeuristic(tro_cublaslt_handle handle, void *product, void *a, void *b,
                                   void *c, void *d, void *preference, int most,
                                   struct tro_cublaslt_result *results, int *n)
{
    const void *const unused[] = {handle, product, a, b, c, d, preference};
    (void)unused;
    memset(results, 0, (size_t)most * sizeof *results);
    for (*n = 0; *n < 2 && *n < most; ++*n)
        results[*n].algo.data[0] = (uint64_t)*n + 5;
    return OK;
}

int cublasLtMatmulAlgoCheck(tro_cublaslt_handle handle, void *product, void *a, void *b, void *c,
                            void *d, const struct tro_cublaslt_algo *algo,
                            struct tro_cublaslt_result *result)
{
    const void *const unused[] = {handle, product, a, b, c, d};
    (void)unused;
    *result = (struct tro_cublaslt_result){.algo = *algo, .n_bytes = 256};
    return OK;
}

int cublasLtMatmul(tro_cublaslt_handle handle, void *product, const void *alpha, const void *a_at,
                   void *a, const void *b_at, void *b, const void *beta, const void *c_at, void *c,
                   void *d_at, void *d, const struct tro_cublaslt_algo *algo, void *workspace,
                   size_t n_bytes, tro_cu_stream stream)
{
    const void *const unused[] = {handle, product, alpha, a_at, a,    b_at,      b,     beta,
                                  c_at,   c,       d_at,  d,    algo, workspace, stream};
    (void)unused;
    (void)n_bytes;
    return EXECUTION_FAILED;
}
