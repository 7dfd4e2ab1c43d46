/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda/cublaslt.h"

#include "base/alloc.h"
#include "base/err.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of what a product reads and writes. */
#define ALIGNMENT 16
/* An address for where only its alignment is looked at. */
#define SOME_ADDRESS ((const void *)(uintptr_t)ALIGNMENT)

typedef struct tro_cublaslt_handle_s *tro_cublaslt_handle;

struct api {
#define FN(type, name, args) type(*name) args;
#include "cuda/cublaslt.def"
#undef FN
};

struct cublaslt {
    const struct api *api;
    tro_cublaslt_handle handle;
};

struct plan {
    void *product, *w, *x, *z, *y; /* descriptors; z is y's where there is none */
    bool has_z, has_bias;
    struct tro_cublaslt_algo algo;
    size_t n_bytes;
};

/* ---- opening ------------------------------------------------------------------------------ */

static struct api library;

static int open_library(struct tro_err *err)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12",
                                        "/usr/local/cuda/lib64/libcublasLt.so",
                                        "/usr/local/cuda/lib/libcublasLt.so", NULL};
    void *const from = tro_library_open("TROCAR_CUBLASLT", names, "cuBLASLt", err);
    if (!from)
        return err->status;
#define FN(type, name, args)                                                                    \
    {                                                                                           \
        void *const symbol = tro_library_symbol(from, #name);                                   \
        if (!symbol)                                                                            \
            return tro_fail(err, TRO_E_DEVICE, "cuBLASLt: the library has no function " #name); \
        memcpy(&library.name, &symbol, sizeof symbol);                                          \
    }
#include "cuda/cublaslt.def"
#undef FN
    return 0;
}

static const struct api *open_api(struct tro_err *err)
{
    static struct tro_library_once once = TRO_LIBRARY_ONCE;
    return tro_library_once(&once, open_library, err) < 0 ? NULL : &library;
}

static int check(const struct api *api, int rc, const char *what, struct tro_err *err)
{
    if (rc == 0)
        return 0;
    return tro_fail(err, TRO_E_DEVICE, "cuBLASLt: %s: %s", what, api->cublasLtGetStatusString(rc));
}
#define LT(c, err, fn, ...) TRO_TRY(check((c)->api, (c)->api->fn(__VA_ARGS__), #fn, (err)))

static void close_cublaslt(void *own)
{
    struct cublaslt *const c = own;
    if (c->handle)
        c->api->cublasLtDestroy(c->handle);
    tro_free(c);
}

static void *open_here(struct tro_err *err)
{
    const struct api *const api = open_api(err);
    struct cublaslt *const c = api ? tro_calloc(1, sizeof *c) : NULL;
    if (!c) {
        if (api)
            tro_fail_nomem(err);
        return NULL;
    }
    c->api = api;
    if (check(api, api->cublasLtCreate(&c->handle), "cublasLtCreate", err) >= 0)
        return c;
    close_cublaslt(c);
    return NULL;
}

/* ---- descriptors -------------------------------------------------------------------------- */

static int type_of(enum tro_gemm_math math)
{
    return math == TRO_GEMM_F16    ? TRO_CUBLAS_R_16F
           : math == TRO_GEMM_BF16 ? TRO_CUBLAS_R_16BF
                                   : TRO_CUBLAS_R_32F;
}

static int set(const struct cublaslt *c, const struct plan *p, int name, const void *value,
               size_t size, struct tro_err *err)
{
    LT(c, err, cublasLtMatmulDescSetAttribute, p->product, name, value, size);
    return 0;
}

static int describe_product(const struct cublaslt *c, const struct tro_library_product *q,
                            struct plan *p, struct tro_err *err)
{
    const int turned = q->is_w_turned ? TRO_CUBLAS_OP_N : TRO_CUBLAS_OP_T;
    const int plain = TRO_CUBLAS_OP_N;
    const int parts = (q->has_bias ? TRO_CUBLASLT_EPILOGUE_BIAS : 0) |
                      (q->has_relu ? TRO_CUBLASLT_EPILOGUE_RELU : 0);
    const int epilogue = parts ? parts : TRO_CUBLASLT_EPILOGUE_DEFAULT;
    const void *const bias = SOME_ADDRESS;
    LT(c, err, cublasLtMatmulDescCreate, &p->product,
       q->math == TRO_GEMM_TF32 ? TRO_CUBLAS_COMPUTE_32F_FAST_TF32 : TRO_CUBLAS_COMPUTE_32F,
       TRO_CUBLAS_R_32F);
    TRO_TRY(set(c, p, TRO_CUBLASLT_DESC_TRANSA, &turned, sizeof turned, err));
    TRO_TRY(set(c, p, TRO_CUBLASLT_DESC_TRANSB, &plain, sizeof plain, err));
    TRO_TRY(set(c, p, TRO_CUBLASLT_DESC_EPILOGUE, &epilogue, sizeof epilogue, err));
    return q->has_bias ? set(c, p, TRO_CUBLASLT_DESC_BIAS_POINTER, &bias, sizeof bias, err) : 0;
}

/* Rows of ours are columns of theirs. */
static int describe(const struct cublaslt *c, const struct tro_library_product *q, struct plan *p,
                    struct tro_err *err)
{
    const int type = type_of(q->math);
    const uint64_t m = (uint64_t)q->m, n = (uint64_t)q->n, k = (uint64_t)q->k;
    p->has_z = q->has_z;
    p->has_bias = q->has_bias;
    TRO_TRY(describe_product(c, q, p, err));
    LT(c, err, cublasLtMatrixLayoutCreate, &p->w, type, q->is_w_turned ? n : k,
       q->is_w_turned ? k : n, q->w_pitch);
    LT(c, err, cublasLtMatrixLayoutCreate, &p->x, type, k, m, q->x_pitch);
    LT(c, err, cublasLtMatrixLayoutCreate, &p->z, type, n, m, q->has_z ? q->z_pitch : q->y_pitch);
    LT(c, err, cublasLtMatrixLayoutCreate, &p->y, type, n, m, q->y_pitch);
    return 0;
}

static void release(const struct cublaslt *c, struct plan *p)
{
    void *const layouts[] = {p->w, p->x, p->z, p->y};
    for (int i = 0; i < 4; i++)
        if (layouts[i])
            c->api->cublasLtMatrixLayoutDestroy(layouts[i]);
    if (p->product)
        c->api->cublasLtMatmulDescDestroy(p->product);
}

static bool takes(const struct tro_library_product *q)
{
    return q->is_matrix;
}

/* ---- names -------------------------------------------------------------------------------- */

/* The words of the algorithm, but for zeros at the end. */
static void print_name(const struct cublaslt *c, const struct tro_cublaslt_algo *a,
                       char text[TRO_LIBRARY_NAME_SIZE])
{
    int last = 7;
    int n = snprintf(text, TRO_LIBRARY_NAME_SIZE, "cublaslt %zu algo",
                     c->api->cublasLtGetVersion());
    while (last > 0 && !a->data[last])
        last--;
    for (int i = 0; i <= last; i++)
        n += snprintf(text + n, TRO_LIBRARY_NAME_SIZE - (size_t)n, " %" PRIx64, a->data[i]);
}

/* False: another version's, or no name that print_name makes. */
static bool parse_name(const struct cublaslt *c, const char *name, struct tro_cublaslt_algo *a)
{
    size_t version;
    int at = 0, n = 0;
    char again[TRO_LIBRARY_NAME_SIZE];
    *a = (struct tro_cublaslt_algo){{0}};
    if (sscanf(name, "cublaslt %zu algo%n", &version, &at) != 1 || at == 0)
        return false;
    for (int i = 0; i < 8 && sscanf(name + at, " %" SCNx64 "%n", &a->data[i], &n) == 1; i++)
        at += n;
    print_name(c, a, again);
    return !strcmp(again, name);
}

/* ---- plans -------------------------------------------------------------------------------- */

/* The algorithm is checked before it is used: a name may come from a file. */
static int fill_plan(const struct cublaslt *c, const struct tro_library_product *q,
                     const char *name, struct plan *p, struct tro_err *err)
{
    struct tro_cublaslt_result result = {.n_bytes = 0};
    if (!parse_name(c, name, &p->algo))
        return tro_fail(err, TRO_E_UNSUPPORTED, "cuBLASLt %zu has no '%s'",
                        c->api->cublasLtGetVersion(), name);
    TRO_TRY(describe(c, q, p, err));
    LT(c, err, cublasLtMatmulAlgoCheck, c->handle, p->product, p->w, p->x, p->z, p->y, &p->algo,
       &result);
    p->n_bytes = result.n_bytes;
    if (p->n_bytes > TRO_LIBRARY_MAX_BYTES)
        return tro_fail(err, TRO_E_UNSUPPORTED, "cuBLASLt: the workspace would be %zu bytes",
                        p->n_bytes);
    return 0;
}

static int make(void *own, const struct tro_library_product *q, const char *name,
                struct tro_library_plan *out, struct tro_err *err)
{
    struct plan *const p = tro_calloc(1, sizeof *p);
    if (!p)
        return tro_fail_nomem(err);
    const int rc = fill_plan(own, q, name, p, err);
    out->own = p;
    out->n_bytes = p->n_bytes;
    if (rc >= 0)
        return 0;
    release(own, p);
    tro_free(p);
    return rc;
}

static void destroy(struct tro_library_plan *p)
{
    release(p->library, p->own);
    tro_free(p->own);
}

/* ---- suggestions -------------------------------------------------------------------------- */

/* Partial sums are kept apart and added in order, or there are none. */
static int ask(const struct cublaslt *c, const struct plan *p, void *preference,
               struct tro_cublaslt_result *results, int *n, struct tro_err *err)
{
    const size_t n_bytes = TRO_LIBRARY_MAX_BYTES;
    const uint32_t reductions = TRO_CUBLASLT_REDUCTION_COMPUTE_TYPE, alignment = ALIGNMENT;
    LT(c, err, cublasLtMatmulPreferenceSetAttribute, preference, TRO_CUBLASLT_PREF_MAX_BYTES,
       &n_bytes, sizeof n_bytes);
    LT(c, err, cublasLtMatmulPreferenceSetAttribute, preference, TRO_CUBLASLT_PREF_REDUCTION_MASK,
       &reductions, sizeof reductions);
    for (int i = TRO_CUBLASLT_PREF_ALIGNMENT_A; i <= TRO_CUBLASLT_PREF_ALIGNMENT_D; i++)
        LT(c, err, cublasLtMatmulPreferenceSetAttribute, preference, i, &alignment,
           sizeof alignment);
    LT(c, err, cublasLtMatmulAlgoGetHeuristic, c->handle, p->product, p->w, p->x, p->z, p->y,
       preference, TRO_LIBRARY_MOST, results, n);
    return 0;
}

static int list_for(const struct cublaslt *c, const struct tro_library_product *q, struct plan *p,
                    struct tro_library_names *out, struct tro_err *err)
{
    struct tro_cublaslt_result results[TRO_LIBRARY_MOST];
    void *preference;
    int n = 0;
    TRO_TRY(describe(c, q, p, err));
    LT(c, err, cublasLtMatmulPreferenceCreate, &preference);
    const int rc = ask(c, p, preference, results, &n, err);
    c->api->cublasLtMatmulPreferenceDestroy(preference);
    for (int i = 0; i < n && rc >= 0; i++)
        if (results[i].state == 0)
            print_name(c, &results[i].algo, out->text[out->n++]);
    return rc;
}

static int list(void *own, const struct tro_library_product *q, struct tro_library_names *out,
                struct tro_err *err)
{
    struct plan p = {.n_bytes = 0};
    out->n = 0;
    const int rc = list_for(own, q, &p, out, err);
    release(own, &p);
    return rc;
}

/* ---- calls -------------------------------------------------------------------------------- */

static const void *address(tro_cu_ptr p)
{
    return (const void *)(uintptr_t)p;
}

static int call(const struct tro_library_plan *plan, tro_cu_stream stream,
                const struct tro_library_pointers *at, struct tro_err *err)
{
    const struct cublaslt *const c = plan->library;
    const struct plan *const p = plan->own;
    const float one = 1, beta = p->has_z ? 1 : 0;
    const void *const bias = address(at->bias);
    if (p->has_bias)
        TRO_TRY(set(c, p, TRO_CUBLASLT_DESC_BIAS_POINTER, &bias, sizeof bias, err));
    LT(c, err, cublasLtMatmul, c->handle, p->product, &one, address(at->w), p->w, address(at->x),
       p->x, &beta, address(p->has_z ? at->z : at->y), p->z, (void *)(uintptr_t)at->y, p->y,
       &p->algo, (void *)(uintptr_t)at->workspace, p->n_bytes, stream);
    return 0;
}

const struct tro_library_ops tro_cublaslt_ops = {
    .name = "cublaslt",
    .open = open_here,
    .close = close_cublaslt,
    .takes = takes,
    .list = list,
    .make = make,
    .destroy = destroy,
    .call = call,
};
