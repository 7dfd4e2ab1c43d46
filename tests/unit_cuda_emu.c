/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated GPU itself: threads, barriers, warps, matrix products, copies, graphs, faults. */
#include "base/half.h"
#include "cuda/cuda.h"
#include "cuda/driver.h"
#include "cuda/nvrtc.h"
#include "emu/emu.h"
#include "test.h"

#include <stdlib.h>

struct kernel {
    void *image;
    size_t n_bytes;
    tro_cu_module module;
    tro_cu_function function;
};

static const struct tro_cu *cu;
static tro_cu_context context;

static bool open_device(void)
{
    struct tro_err err = {0};
    if (!emu_use())
        return false;
    cu = tro_cu_open(&err);
    if (!CHECK(cu))
        return false;
    return CHECK_INT(cu->cuDevicePrimaryCtxRetain(&context, 0), 0) &&
           CHECK_INT(cu->cuCtxSetCurrent(context), 0);
}

static void close_device(void)
{
    unsetenv("TRO_EMU_FAULT");
    unsetenv("TRO_EMU_ORDER");
    unsetenv("TRO_EMU_MEMORY");
    cu->cuDevicePrimaryCtxRelease_v2(0);
}

#define OPEN_OR_SKIP()  \
    if (!open_device()) \
    SKIP("no emulated GPU")

/* body: of the kernel, whose parameters are int n, float *a, *b, *c. */
static bool compile(struct kernel *k, const char *body, int arch, enum tro_code_kind kind,
                    struct tro_err *err)
{
    static const char head[] = "#include \"base.cuh\"\n"
                               "struct tro_params { void *ptr[3]; int n; };\n";
    const size_t size = sizeof head + strlen(body);
    char *const source = malloc(size);
    snprintf(source, size, "%s%s", head, body);
    const struct tro_cuda_kernel kernel = {.name = "test", .source = source};
    *k = (struct kernel){0};
    const int rc = tro_nvrtc_compile(&kernel, arch, kind, &k->image, &k->n_bytes, err);
    free(source);
    return rc >= 0;
}

static bool load(struct kernel *k, const char *body)
{
    struct tro_err err = {0};
    if (!compile(k, body, 90, TRO_CODE_CUBIN, &err)) {
        CHECK_STR(err.text, "");
        return false;
    }
    return CHECK_INT(cu->cuModuleLoadDataEx(&k->module, k->image, 0, NULL, NULL), 0) &&
           CHECK_INT(cu->cuModuleGetFunction(&k->function, k->module, "tro_kernel"), 0);
}

static void unload(struct kernel *k)
{
    if (k->module)
        cu->cuModuleUnload(k->module);
    free(k->image);
}

struct params {
    tro_cu_ptr ptr[3];
    int n;
};

static int launch(const struct kernel *k, unsigned grid, unsigned block, unsigned shared,
                  struct params *p)
{
    void *params[] = {p};
    return cu->cuLaunchKernel(k->function, grid, 1, 1, block, 1, 1, shared, NULL, params, NULL);
}

static tro_cu_ptr put(const void *bytes, size_t n)
{
    tro_cu_ptr p = 0;
    CHECK_INT(cu->cuMemAlloc_v2(&p, n), 0);
    if (bytes)
        CHECK_INT(cu->cuMemcpyHtoD_v2(p, bytes, n), 0);
    return p;
}

static uint32_t seed = 1;

/* Small integers, whose products and sums are exact. */
static int random_int(void)
{
    seed = seed * 1664525 + 1013904223;
    return (int)(seed >> 28) - 8;
}

/* ---- threads ------------------------------------------------------------------------------ */

#define KERNEL "extern \"C\" __global__ void tro_kernel(const __grid_constant__ tro_params p)\n"

TEST(vector_sum)
{
    enum { N = 1000 };
    struct kernel k;
    float a[N], b[N], c[N];
    OPEN_OR_SKIP();
    for (int i = 0; i < N; i++) {
        a[i] = (float)i;
        b[i] = 0.5f * (float)i;
    }
    if (load(&k, KERNEL "{ tro_wait(); const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
                        "if (i < p.n) ((float *)p.ptr[2])[i] = ((const float *)p.ptr[0])[i] +\n"
                        "((const float *)p.ptr[1])[i]; }\n")) {
        struct params p = {{put(a, sizeof a), put(b, sizeof b), put(NULL, sizeof c)}, N};
        CHECK_INT(launch(&k, (N + 127) / 128, 128, 0, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(c, p.ptr[2], sizeof c), 0);
        for (int i = 0; i < N; i++)
            CHECK_NEAR(c[i], 1.5f * (float)i, 0);
        for (int i = 0; i < 3; i++)
            CHECK_INT(cu->cuMemFree_v2(p.ptr[i]), 0);
    }
    unload(&k);
    close_device();
}

/* All halves to floats; to halves: all floats whose lower bits are among some near the middle. */
TEST(halves)
{
    enum { N = 65536, LOWS = 8 };
    static const uint32_t lows[LOWS] = {0, 1, 0xfff, 0x1000, 0x1001, 0x1fff, 0x7fff, 0x8000};
    static uint16_t in[N], half[2][N * LOWS];
    static uint32_t out[N], all[N * LOWS];
    struct kernel k;
    OPEN_OR_SKIP();
    for (int i = 0; i < N; i++) {
        in[i] = (uint16_t)i;
        for (int j = 0; j < LOWS; j++)
            all[i * LOWS + j] = (uint32_t)i << 16 ^ lows[j] ^ (uint32_t)(i * 0x2000 & 0xffff);
    }
    if (load(&k, KERNEL "{ tro_wait(); const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
                        "if (p.n == 0) ((float *)p.ptr[1])[i] =\n"
                        "    tro_f16_to_f32(((const uint16_t *)p.ptr[0])[i]);\n"
                        "else ((uint16_t *)p.ptr[1])[i] = p.n == 1 ?\n"
                        "    tro_f32_to_f16(((const float *)p.ptr[0])[i]) :\n"
                        "    tro_f32_to_bf16(((const float *)p.ptr[0])[i]); }\n")) {
        struct params p = {{put(in, sizeof in), put(NULL, sizeof out)}, 0};
        struct params q = {{put(all, sizeof all), put(NULL, sizeof half[0])}, 1};
        CHECK_INT(launch(&k, N / 256, 256, 0, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(out, p.ptr[1], sizeof out), 0);
        for (q.n = 1; q.n <= 2; q.n++) {
            CHECK_INT(launch(&k, N * LOWS / 256, 256, 0, &q), 0);
            CHECK_INT(cu->cuMemcpyDtoH_v2(half[q.n - 1], q.ptr[1], sizeof half[0]), 0);
        }
        int n_wrong = 0;
        for (int i = 0; i < N; i++) {
            const float expected = tro_f16_to_f32((uint16_t)i);
            n_wrong += !isnan(expected) && memcmp(&expected, &out[i], 4) != 0;
        }
        CHECK_INT(n_wrong, 0);
        for (int i = 0; i < N * LOWS; i++) {
            float x;
            memcpy(&x, &all[i], sizeof x);
            n_wrong += half[0][i] != (isnan(x) ? 0x7fff : tro_f16_from_f64(x));
            n_wrong += half[1][i] != (isnan(x) ? 0x7fff : tro_bf16_from_f64(x));
        }
        CHECK_INT(n_wrong, 0);
        for (int i = 0; i < 2; i++) {
            cu->cuMemFree_v2(p.ptr[i]);
            cu->cuMemFree_v2(q.ptr[i]);
        }
    }
    unload(&k);
    close_device();
}

/* A sum by shuffles, then by shared memory. */
static const char reduction[] = KERNEL
    "{ tro_wait();\n"
    "__shared__ float sums[32];\n"
    "const int i = threadIdx.x, lane = i % 32;\n"
    "float x = ((const float *)p.ptr[0])[blockIdx.x * blockDim.x + i];\n"
    "for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(0xffffffff, x, d);\n"
    "if (lane == 0) sums[i / 32] = x;\n"
    "__syncthreads();\n"
    "if (i < 32) {\n"
    "    x = i < (int)blockDim.x / 32 ? sums[i] : 0.0f;\n"
    "    for (int d = 16; d > 0; d /= 2) x += __shfl_down_sync(0xffffffff, x, d);\n"
    "    if (i == 0) ((float *)p.ptr[1])[blockIdx.x] = x;\n"
    "}\n"
    "const int n = __syncthreads_count(i % 3 == 0);\n"
    "const unsigned ballot = __ballot_sync(0xffffffff, lane % 2);\n"
    "const int low = lane < 16 ? __shfl_sync(0xffff, i, 3) :\n"
    "                            __shfl_up_sync(0xffff0000, i, 1, 16);\n"
    "int expected = i / 32 * 32 + (lane < 16 ? 3 : lane == 16 ? 16 : lane - 1);\n"
    "if (n != ((int)blockDim.x + 2) / 3 || ballot != 0xaaaaaaaa || low != expected)\n"
    "    __trap();\n"
    "}\n";

static void check_reduction(void)
{
    enum { BLOCKS = 3, N = 256 };
    struct kernel k;
    float a[BLOCKS * N], c[BLOCKS];
    for (int i = 0; i < BLOCKS * N; i++)
        a[i] = (float)random_int();
    if (load(&k, reduction)) {
        struct params p = {{put(a, sizeof a), put(NULL, sizeof c)}, 0};
        CHECK_INT(launch(&k, BLOCKS, N, 0, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(c, p.ptr[1], sizeof c), 0);
        for (int b = 0; b < BLOCKS; b++) {
            float sum = 0;
            for (int i = 0; i < N; i++)
                sum += a[b * N + i];
            CHECK_NEAR(c[b], sum, 0);
        }
        cu->cuMemFree_v2(p.ptr[0]);
        cu->cuMemFree_v2(p.ptr[1]);
    }
    unload(&k);
}

TEST(block_sum)
{
    OPEN_OR_SKIP();
    check_reduction();
    setenv("TRO_EMU_ORDER", "reverse", 1);
    check_reduction();
    close_device();
}

/* ---- matrix products ---------------------------------------------------------------------- */

/* A [16][32 bytes] and B^T [8][32 bytes] go through shared memory and ldmatrix; C is 16 x 8. */
static const char product[] = KERNEL
    "{ tro_wait();\n"
    "TRO_SHARED(bytes);\n"
    "const int lane = threadIdx.x;\n"
    "for (int i = lane; i < 24 * 8; i += 32)\n"
    "    ((uint32_t *)bytes)[i] = ((const uint32_t *)p.ptr[0])[i];\n"
    "__syncthreads();\n"
    "uint32_t a[4], b4[4];\n"
    "TYPE c[4];\n"
    "tro_ldmatrix4(a, bytes + lane % 16 * 32 + lane / 16 * 16);\n"
    "tro_ldmatrix4(b4, bytes + 512 + lane % 8 * 32 + lane / 8 % 2 * 16);\n"
    "const uint32_t b[2] = {b4[0], b4[1]};\n"
    "TYPE *const to = (TYPE *)p.ptr[1] + lane / 4 * 8 + lane % 4 * 2;\n"
    "for (int i = 0; i < 4; i++) c[i] = to[i / 2 * 64 + i % 2];\n"
    "MMA(c, a, b);\n"
    "for (int i = 0; i < 4; i++) to[i / 2 * 64 + i % 2] = c[i];\n"
    "}\n";

enum element { F16, BF16, TF32, S8, U8 };

static size_t put_element(unsigned char *to, enum element e, int x)
{
    const float f = (float)x;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (e == TF32) {
        memcpy(to, &bits, 4);
        return 4;
    }
    if (e == S8 || e == U8) {
        *to = (unsigned char)x;
        return 1;
    }
    uint16_t half = (uint16_t)(bits >> 16);
    if (e == F16) /* whole numbers below 16: no rounding */
        half = (uint16_t)(x == 0 ? 0
                                 : (bits >> 16 & 0x8000) |
                                       (((bits & 0x7fffffff) >> 13) - (112u << 10)));
    memcpy(to, &half, 2);
    return 2;
}

static void check_product(enum element e, const char *mma)
{
    enum { M = 16, N = 8 };
    static const int n_k[] = {16, 16, 8, 32, 32};
    char source[2048];
    int a[M][32], b[N][32], c[M][N];
    union {
        float f[M][N];
        int32_t i[M][N];
    } out;
    unsigned char bytes[24 * 32], *to = bytes;
    struct kernel k;
    const bool is_int = e == S8 || e == U8;
    for (int i = 0; i < M + N; i++)
        for (int j = 0; j < n_k[e]; j++) {
            const int x = random_int();
            int *const at = i < M ? &a[i][j] : &b[i - M][j];
            *at = e == U8 && i < M ? 240 + x : x;
            to += put_element(to, e, *at);
        }
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            c[i][j] = random_int();
            if (is_int)
                out.i[i][j] = c[i][j];
            else
                out.f[i][j] = (float)c[i][j];
            for (int l = 0; l < n_k[e]; l++)
                c[i][j] += a[i][l] * b[j][l];
        }
    snprintf(source, sizeof source, "#define TYPE %s\n#define MMA tro_mma_%s\n%s",
             is_int ? "int32_t" : "float", mma, product);
    if (load(&k, source)) {
        struct params p = {{put(bytes, sizeof bytes), put(&out, sizeof out)}, 0};
        CHECK_INT(launch(&k, 1, 32, sizeof bytes, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(&out, p.ptr[1], sizeof out), 0);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++)
                CHECK_INT(is_int ? out.i[i][j] : (int)out.f[i][j], c[i][j]);
        cu->cuMemFree_v2(p.ptr[0]);
        cu->cuMemFree_v2(p.ptr[1]);
    }
    unload(&k);
}

TEST(products)
{
    OPEN_OR_SKIP();
    check_product(F16, "f16_16816");
    check_product(BF16, "bf16_16816");
    check_product(TF32, "tf32_1688");
    check_product(S8, "s8_16832");
    check_product(U8, "u8s8_16832");
    close_device();
}

/* A [64][16] and B [64][16] as rows of 128 bytes, swizzled; C = A B^T where it was waited for. */
static const char group_product[] = KERNEL
    "{ tro_wait();\n"
    "TRO_SHARED(bytes);\n"
    "uint8_t *const tiles = bytes + (1024 - (uint64_t)bytes % 1024) % 1024;\n"
    "const int i = threadIdx.x, warp = i / 32, lane = i % 32;\n"
    "for (int c = 0; c < 2; c++)\n"
    "    tro_copy_bytes<16>(tiles + i * 128 + (c ^ i % 8) * 16,\n"
    "                       (const char *)p.ptr[0] + i * 32 + c * 16);\n"
    "tro_wgmma_publish();\n"
    "__syncthreads();\n"
    "float d[8][4] = {};\n"
    "BEGIN;\n"
    "tro_wgmma_f16(d, tro_wgmma_tile(tiles), tro_wgmma_tile(tiles + 8192), true);\n"
    "tro_wgmma_commit();\n"
    "tro_wgmma_wait<UNDER_WAY>();\n"
    "for (int j = 0; j < 8; j++)\n"
    "    for (int c = 0; c < 4; c++)\n"
    "        ((float *)p.ptr[1])[(16 * warp + lane / 4 + c / 2 * 8) * 64 + 8 * j +\n"
    "                            lane % 4 * 2 + c % 2] = d[j][c];\n"
    "tro_wgmma_wait<0>(); }\n";

static void check_group_product(const char *begin, int n_under_way, int rc)
{
    enum { N = 64, K = 16 };
    static float c[N][N];
    static int ab[2 * N][K];
    unsigned char bytes[2 * N * K * 2], *to = bytes;
    char source[4096];
    struct kernel k;
    for (int i = 0; i < 2 * N * K; i++) {
        ab[i / K][i % K] = random_int();
        to += put_element(to, F16, ab[i / K][i % K]);
    }
    snprintf(source, sizeof source, "#define BEGIN %s\n#define UNDER_WAY %d\n%s", begin,
             n_under_way, group_product);
    if (load(&k, source)) {
        struct params p = {{put(bytes, sizeof bytes), put(NULL, sizeof c)}, 0};
        CHECK_INT(launch(&k, 1, 128, 17 * 1024, &p), 0);
        CHECK_INT(cu->cuCtxSynchronize(), rc);
        CHECK_INT(cu->cuMemcpyDtoH_v2(c, p.ptr[1], sizeof c), rc);
        for (int i = 0; i < N * N && rc == 0; i++) {
            int sum = 0;
            for (int j = 0; j < K; j++)
                sum += ab[i / N][j] * ab[N + i % N][j];
            CHECK_INT(c[i / N][i % N], n_under_way ? 0 : sum);
        }
        cu->cuMemFree_v2(p.ptr[0]);
        cu->cuMemFree_v2(p.ptr[1]);
    }
    unload(&k);
}

TEST(products_of_warpgroups)
{
    OPEN_OR_SKIP();
    check_group_product("tro_wgmma_begin()", 0, 0);
    check_group_product("tro_wgmma_begin()", 1, 0);
    check_group_product("", 0, 719);
    close_device();
}

/* Register i of ldmatrix4_trans: element (row 2 t + j, column g) of matrix i. */
TEST(ldmatrix_transposed)
{
    enum { N = 4 * 64 };
    struct kernel k;
    uint16_t a[N], c[N];
    OPEN_OR_SKIP();
    for (int i = 0; i < N; i++)
        a[i] = (uint16_t)i;
    if (load(&k, KERNEL "{ tro_wait(); TRO_SHARED(bytes); uint32_t d[4];\n"
                        "const int lane = threadIdx.x;\n"
                        "for (int i = lane; i < 128; i += 32)\n"
                        "    ((uint32_t *)bytes)[i] = ((const uint32_t *)p.ptr[0])[i];\n"
                        "__syncwarp();\n"
                        "tro_ldmatrix4_trans(d, bytes + lane * 16);\n"
                        "for (int i = 0; i < 4; i++)\n"
                        "    ((uint32_t *)p.ptr[1])[i * 32 + lane] = d[i]; }\n")) {
        struct params p = {{put(a, sizeof a), put(NULL, sizeof c)}, 0};
        CHECK_INT(launch(&k, 1, 32, 512, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(c, p.ptr[1], sizeof c), 0);
        for (int i = 0; i < N; i++)
            CHECK_INT(c[i], a[i / 64 * 64 + i % 8 * 8 + i / 8 % 8]);
        cu->cuMemFree_v2(p.ptr[0]);
        cu->cuMemFree_v2(p.ptr[1]);
    }
    unload(&k);
    close_device();
}

/* ---- copies under way --------------------------------------------------------------------- */

/* Three stages; WAIT groups may be under way when a stage is read. */
static const char pipeline[] = KERNEL
    "{ tro_wait();\n"
    "TRO_SHARED(bytes);\n"
    "uint32_t *const stages = (uint32_t *)bytes;\n"
    "const int i = threadIdx.x;\n"
    "const uint32_t *const from = (const uint32_t *)p.ptr[0];\n"
    "uint32_t sum = 0;\n"
    "for (int s = 0; s < 2; s++) {\n"
    "    tro_cp_async16(stages + (s * 32 + i) * 4, from + (s * 32 + i) * 4, true);\n"
    "    tro_cp_async_commit();\n"
    "}\n"
    "for (int s = 0; s < p.n; s++) {\n"
    "    tro_cp_async_wait<WAIT>();\n"
    "    __syncthreads();\n"
    "    const int next = s + 2;\n"
    "    if (next <= p.n) {\n"
    "        const bool is_valid = next < p.n;\n"
    "        tro_cp_async16(stages + (next % 3 * 32 + i) * 4,\n"
    "                       from + (is_valid ? (next * 32 + i) * 4 : 0), is_valid);\n"
    "    }\n"
    "    tro_cp_async_commit();\n"
    "    for (int j = 0; j < 4; j++) sum += stages[(s % 3 * 32 + (i + 1) % 32) * 4 + j];\n"
    "}\n"
    "((uint32_t *)p.ptr[1])[i] = sum; }\n";

static uint32_t pipeline_sum(int n_under_way)
{
    enum { STAGES = 7, WORDS = STAGES * 32 * 4 };
    char source[2048];
    uint32_t a[WORDS], c[32], all = 0;
    struct kernel k;
    for (int i = 0; i < WORDS; i++)
        a[i] = (uint32_t)i;
    snprintf(source, sizeof source, "#define WAIT %d\n%s", n_under_way, pipeline);
    if (load(&k, source)) {
        struct params p = {{put(a, sizeof a), put(NULL, sizeof c)}, STAGES};
        CHECK_INT(launch(&k, 1, 32, 3 * 512, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(c, p.ptr[1], sizeof c), 0);
        for (int i = 0; i < 32; i++)
            all += c[i];
        cu->cuMemFree_v2(p.ptr[0]);
        cu->cuMemFree_v2(p.ptr[1]);
    }
    unload(&k);
    return all;
}

TEST(copies_are_late)
{
    const uint32_t n = 7 * 32 * 4;
    OPEN_OR_SKIP();
    CHECK_INT(pipeline_sum(1), n * (n - 1) / 2);
    CHECK(pipeline_sum(2) != n * (n - 1) / 2);
    close_device();
}

/* ---- what goes wrong ---------------------------------------------------------------------- */

static void check_fails(const char *body, unsigned block, int rc)
{
    struct kernel k;
    if (load(&k, body)) {
        struct params p = {{put(NULL, 64)}, 0};
        size_t n_free, n_total;
        CHECK_INT(launch(&k, 1, block, 256, &p), 0);
        CHECK_INT(cu->cuCtxSynchronize(), rc);
        CHECK_INT(cu->cuMemGetInfo_v2(&n_free, &n_total), rc);
        CHECK_INT(cu->cuMemFree_v2(p.ptr[0]), rc);
    }
    unload(&k);
    cu->cuDevicePrimaryCtxRelease_v2(0);
    CHECK_INT(cu->cuDevicePrimaryCtxRetain(&context, 0), 0);
}

TEST(failures)
{
    OPEN_OR_SKIP();
    check_fails(KERNEL "{ tro_wait(); if (threadIdx.x < 40) __syncthreads();\n"
                       "else __syncwarp(); }\n",
                64, 719);
    check_fails(KERNEL "{ tro_wait(); if (threadIdx.x < 31) __syncwarp(); }\n", 32, 719);
    check_fails(KERNEL "{ tro_wait(); if (threadIdx.x == 0) __syncwarp(); else __ballot_sync(\n"
                       "0xffffffff, 1); }\n",
                32, 719);
    check_fails(KERNEL "{ tro_wait(); TRO_SHARED(b); b[256 + threadIdx.x] = 1; }\n", 1, 719);
    check_fails(KERNEL "{ tro_wait(); ((char *)p.ptr[0])[64] = 1; }\n", 1, 700);
    check_fails(KERNEL "{ tro_wait(); TRO_SHARED(b); uint4 x; tro_copy_bytes<16>(&x, b + 8);\n"
                       "if (x.x) tro_copy_bytes<4>(p.ptr[0], &x.y); }\n",
                1, 716);
    check_fails(KERNEL "{ tro_wait(); ((char *)p.ptr[0])[-1] = 1; }\n", 1, 700);
    check_fails(KERNEL "{ tro_wait(); *(char *)p.ptr[0] = ((char *)p.ptr[0])[256]; }\n", 1, 700);
    check_fails(KERNEL "{ tro_wait(); *(int *)p.ptr[0] = 100 / p.n; }\n", 1, 719);
    check_fails(
        "__device__ __noinline__ int deep(int n) { volatile char x[4096]; x[n % 4096] = 1;\n"
        "return n ? deep(n - 1) + x[0] : 0; }\n" KERNEL
        "{ tro_wait(); *(int *)p.ptr[0] = deep(1000); }\n",
        1, 719);
    check_fails(KERNEL "{ tro_wait(); tro_wait(); }\n", 1, 719);
    check_fails(KERNEL "{ if (threadIdx.x) tro_wait(); }\n", 32, 719);
    close_device();
}

TEST(out_of_memory)
{
    size_t before, after, n_total;
    tro_cu_ptr a = 0, b = 0;
    OPEN_OR_SKIP();
    setenv("TRO_EMU_MEMORY", "100000", 1);
    CHECK_INT(cu->cuMemGetInfo_v2(&before, &n_total), 0);
    CHECK_INT(before, 100000);
    CHECK_INT(cu->cuMemAlloc_v2(&a, 60000), 0);
    CHECK_INT(cu->cuMemAlloc_v2(&b, 60000), TRO_CU_OUT_OF_MEMORY);
    CHECK_INT(cu->cuMemFree_v2(a), 0);
    CHECK_INT(cu->cuMemGetInfo_v2(&after, &n_total), 0);
    CHECK_INT(after, before);
    setenv("TRO_EMU_FAULT", "cuMemAlloc_v2:2", 1);
    CHECK_INT(cu->cuMemAlloc_v2(&a, 10), 0);
    CHECK_INT(cu->cuMemAlloc_v2(&b, 10), TRO_CU_OUT_OF_MEMORY);
    CHECK_INT(cu->cuMemFree_v2(a), 0);
    close_device();
}

TEST(two_kernels)
{
    struct kernel a = {0}, b = {0};
    int x = 0;
    OPEN_OR_SKIP();
    const bool is_loaded = load(&a, KERNEL "{ tro_wait(); *(int *)p.ptr[0] = 1; }\n") &&
                           load(&b, KERNEL "{ tro_wait(); *(int *)p.ptr[0] += 2; }\n");
    if (CHECK(is_loaded)) {
        struct params p = {{put(NULL, sizeof x)}, 0};
        CHECK_INT(launch(&a, 1, 1, 0, &p), 0);
        CHECK_INT(launch(&b, 1, 1, 0, &p), 0);
        CHECK_INT(cu->cuMemcpyDtoH_v2(&x, p.ptr[0], sizeof x), 0);
        CHECK_INT(x, 3);
        cu->cuMemFree_v2(p.ptr[0]);
    }
    unload(&a);
    unload(&b);
    close_device();
}

TEST(launch_bounds)
{
    struct kernel k;
    struct params p = {{0}, 0};
    OPEN_OR_SKIP();
    if (load(&k,
             "#define N (2 * 32)\nextern \"C\" __global__ void __launch_bounds__(max(N, 1), 2)\n"
             "tro_kernel(const __grid_constant__ tro_params p) { tro_wait(); }\n")) {
        CHECK_INT(launch(&k, 1, 64, 0, &p), 0);
        CHECK_INT(launch(&k, 1, 96, 0, &p), 1);
        CHECK_INT(launch(&k, 1, 32, 50000, &p), 1);
        CHECK_INT(cu->cuFuncSetAttribute(k.function, TRO_CU_FUNC_MAX_SHARED, 50000), 0);
        CHECK_INT(launch(&k, 1, 32, 50000, &p), 0);
    }
    unload(&k);
    close_device();
}

TEST(no_context)
{
    tro_cu_ptr p;
    OPEN_OR_SKIP();
    cu->cuCtxSetCurrent(NULL);
    CHECK_INT(cu->cuMemAlloc_v2(&p, 10), 201);
    close_device();
}

TEST(fault_of_a_launch)
{
    struct kernel k;
    struct params p = {{0}, 0};
    OPEN_OR_SKIP();
    setenv("TRO_EMU_FAULT", "launch:2", 1);
    if (load(&k, KERNEL "{ tro_wait(); }\n")) {
        CHECK_INT(launch(&k, 1, 1, 0, &p), 0);
        CHECK_INT(cu->cuCtxSynchronize(), 0);
        CHECK_INT(launch(&k, 1, 1, 0, &p), 0);
        CHECK_INT(cu->cuCtxSynchronize(), 700);
        CHECK_INT(launch(&k, 1, 1, 0, &p), 700);
    }
    unload(&k);
    close_device();
}

TEST(code_for_another_chip)
{
    static const struct {
        int arch, rc;
        enum tro_code_kind kind;
    } cases[] = {{80, 0, TRO_CODE_PTX},    {80, 209, TRO_CODE_CUBIN}, {87, 0, TRO_CODE_PTX},
                 {90, 0, TRO_CODE_CUBIN},  {90, 0, TRO_CODE_PTX},     {89, 209, TRO_CODE_CUBIN},
                 {100, 209, TRO_CODE_PTX}, {100, 209, TRO_CODE_CUBIN}};
    struct tro_err err = {0};
    OPEN_OR_SKIP();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kernel k;
        if (CHECK(compile(&k, KERNEL "{ tro_wait(); }\n", cases[i].arch, cases[i].kind, &err)))
            CHECK_INT(cu->cuModuleLoadDataEx(&k.module, k.image, 0, NULL, NULL), cases[i].rc);
        unload(&k);
    }
    close_device();
}

TEST(log_of_the_compiler)
{
    struct tro_err err = {0};
    struct kernel k;
    OPEN_OR_SKIP();
    CHECK(!compile(&k, KERNEL "{ nonsense; }\n", 90, TRO_CODE_CUBIN, &err));
    CHECK_HAS(err.text, "nonsense");
    close_device();
}

/* ---- streams ------------------------------------------------------------------------------ */

/* What is read before it was waited for is old. */
TEST(streams_are_late)
{
    enum { N = 4 };
    tro_cu_stream stream = NULL;
    tro_cu_event begin = NULL, end = NULL;
    void *pinned = NULL;
    float ms = -1;
    OPEN_OR_SKIP();
    CHECK_INT(cu->cuMemHostAlloc(&pinned, N, 0), 0);
    const tro_cu_ptr at = put(NULL, N);
    CHECK_INT(cu->cuStreamCreateWithPriority(&stream, TRO_CU_STREAM_NON_BLOCKING, 0), 0);
    CHECK_INT(cu->cuEventCreate(&begin, 0), 0);
    CHECK_INT(cu->cuEventCreate(&end, 0), 0);
    unsigned char *const bytes = pinned;
    memset(bytes, 1, N);
    CHECK_INT(cu->cuEventRecord(begin, stream), 0);
    CHECK_INT(cu->cuMemsetD8Async(at, 7, N, stream), 0);
    CHECK_INT(cu->cuMemcpyDtoHAsync_v2(bytes, at, N, stream), 0);
    CHECK_INT(cu->cuEventRecord(end, stream), 0);
    CHECK_INT(bytes[0], 1);
    CHECK_INT(cu->cuEventElapsedTime_v2(&ms, begin, end), TRO_CU_NOT_READY);
    CHECK_INT(cu->cuEventQuery(end), TRO_CU_NOT_READY);
    CHECK_INT(bytes[0], 1);
    CHECK_INT(cu->cuEventQuery(end), 0);
    CHECK_INT(bytes[0], 7);
    CHECK_INT(cu->cuEventElapsedTime_v2(&ms, begin, end), 0);
    CHECK(ms >= 0);
    CHECK_INT(cu->cuMemsetD8Async(at, 8, N, stream), 0);
    CHECK_INT(cu->cuMemcpyDtoH_v2(bytes, at, N), 0);
    CHECK_INT(bytes[0], 7);
    CHECK_INT(cu->cuStreamSynchronize(stream), 0);
    CHECK_INT(cu->cuMemcpyDtoH_v2(bytes, at, N), 0);
    CHECK_INT(bytes[0], 8);
    cu->cuEventDestroy_v2(begin);
    cu->cuEventDestroy_v2(end);
    CHECK_INT(cu->cuStreamDestroy_v2(stream), 0);
    CHECK_INT(cu->cuStreamSynchronize(stream), 400);
    CHECK_INT(cu->cuMemFree_v2(at), 0);
    CHECK_INT(cu->cuMemFreeHost(pinned), 0);
    close_device();
}

/* ---- graphs ------------------------------------------------------------------------------- */

static tro_cu_node add(tro_cu_graph g, const struct kernel *k, int op, tro_cu_ptr at,
                       const tro_cu_node *deps, size_t n_deps)
{
    struct params p = {{at}, op};
    void *params[] = {&p};
    struct tro_cu_node_params node = {0};
    tro_cu_node made = NULL;
    node.u.kernel = (struct tro_cu_kernel_node){
        .function = k->function, .grid = {1, 1, 1}, .block = {1, 1, 1}, .params = params};
    CHECK_INT(cu->cuGraphAddNode_v2(&made, g, deps, NULL, n_deps, &node), 0);
    return made;
}

/* x = 1; then x = 2 x and x = x + 10 as branches; then x = -x. */
static int run_branches(const struct kernel *k, tro_cu_ptr at)
{
    int x = 0;
    tro_cu_graph g = NULL;
    tro_cu_graph_exec exec = NULL;
    cu->cuGraphCreate(&g, 0);
    const tro_cu_node first = add(g, k, 0, at, NULL, 0);
    const tro_cu_node branches[] = {add(g, k, 1, at, &first, 1), add(g, k, 2, at, &first, 1)};
    add(g, k, 3, at, branches, 2);
    CHECK_INT(cu->cuGraphInstantiateWithFlags(&exec, g, 0), 0);
    CHECK_INT(cu->cuGraphDestroy(g), 0);
    CHECK_INT(cu->cuGraphLaunch(exec, NULL), 0);
    CHECK_INT(cu->cuGraphLaunch(exec, NULL), 0);
    CHECK_INT(cu->cuMemcpyDtoH_v2(&x, at, sizeof x), 0);
    CHECK_INT(cu->cuGraphExecDestroy(exec), 0);
    return x;
}

TEST(graph_orders)
{
    struct kernel k;
    OPEN_OR_SKIP();
    if (load(&k, KERNEL "{ tro_wait(); int &x = *(int *)p.ptr[0];\n"
                        "x = p.n == 0 ? 1 : p.n == 1 ? 2 * x : p.n == 2 ? x + 10 : -x; }\n")) {
        const tro_cu_ptr at = put(NULL, sizeof(int));
        CHECK_INT(run_branches(&k, at), -12);
        setenv("TRO_EMU_ORDER", "reverse", 1);
        CHECK_INT(run_branches(&k, at), -22);
        CHECK_INT(cu->cuMemFree_v2(at), 0);
    }
    unload(&k);
    close_device();
}
