/* SPDX-License-Identifier: Apache-2.0 */
/* Products by cuDNN and cuBLASLt against the reference, on a GPU (TROCAR_TEST_GPU). Where cuDNN is
 * installed its engines are found without one, for a GPU that is described. */
#include "cuda/cudnn.h"
#include "cuda/library.h"
#include "gemm_kit.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

/* ---- engines for a GPU that is not here --------------------------------------------------- */

static const char hopper[] =
    "{\"deviceVer\":900,\"driverVer\":13000,\"cudaDeviceId\":0,\"deviceName\":\"NVIDIA H200\","
    "\"multiProcessorCount\":132,\"maxGridSize\":[2147483647,65535,65535],"
    "\"maxBlockSize\":[1024,1024,64],\"smClockRateKHz\":1980000,\"memClockRateKHz\":3201000,"
    "\"l2CacheSize\":62914560,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
    "\"maxSharedMemoryPerBlockOptin\":232448,\"reservedSharedMemoryPerBlock\":1024,"
    "\"maxRegistersPerSM\":65536,\"regsPerBlock\":65536,\"pciDeviceId\":0,\"maxCtasPerSM\":32,"
    "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"isTccDriver\":0,"
    "\"supportCoopLaunch\":1,\"totalGlobalMem\":150000000000}";

static struct tro_arg channels_last(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return (struct tro_arg){
        .dtype = TRO_F16, .rank = 4, .shape = {n, c, h, w}, .stride = {h * w * c, 1, w * c, c}};
}

/* 3 x 3 at the same size. */
static struct tro_library_product product(int64_t channels, int64_t size, int64_t dilation)
{
    const struct tro_arg x = channels_last(1, channels, size, size);
    return (struct tro_library_product){.math = TRO_GEMM_F16,
                                        .has_bias = true,
                                        .has_relu = true,
                                        .is_conv = true,
                                        .x = x,
                                        .y = x,
                                        .z = x,
                                        .w = {channels, channels, 3, 3},
                                        .pad = {dilation, dilation},
                                        .pad_end = {dilation, dilation},
                                        .stride = {1, 1},
                                        .dilation = {dilation, dilation}};
}

/* Every name that is listed makes its plan again. */
static void check_names(void *cudnn, const struct tro_library_product *q)
{
    struct tro_library_names names;
    struct tro_err err = {0};
    if (!CHECK(tro_cudnn_ops.list(cudnn, q, &names, &err) >= 0 && names.n > 0))
        printf("%s\n", err.text);
    for (int i = 0; i < names.n; i++) {
        struct tro_library_plan plan = {.ops = &tro_cudnn_ops, .library = cudnn};
        if (!CHECK(tro_cudnn_ops.make(cudnn, q, names.text[i], &plan, &err) >= 0)) {
            printf("%s\n", err.text);
            continue;
        }
        CHECK(plan.n_bytes <= TRO_LIBRARY_MAX_BYTES);
        tro_cudnn_ops.destroy(&plan);
    }
}

static void check_refused(void *cudnn, const char *name, const char *why)
{
    const struct tro_library_product q = product(64, 32, 1);
    struct tro_library_plan plan = {.ops = &tro_cudnn_ops, .library = cudnn};
    struct tro_err err = {0};
    CHECK(tro_cudnn_ops.make(cudnn, &q, name, &plan, &err) < 0);
    CHECK_HAS(err.text, why);
}

TEST(engines_of_a_described_gpu)
{
    struct tro_err err = {0};
    if (IS_SANITIZED)
        SKIP("a sanitizer would report what cuDNN does");
    if (!getenv("TROCAR_TEST_GPU"))
        unsetenv("TROCAR_CUDNN");
    void *const cudnn = tro_cudnn_open_for(hopper, &err);
    if (!cudnn && strstr(err.text, "was not found"))
        SKIP("cuDNN 9 is not installed");
    if (!CHECK(cudnn != NULL)) {
        printf("%s\n", err.text);
        return;
    }
    struct tro_library_product q = product(64, 512, 1);
    check_names(cudnn, &q);
    q = product(256, 28, 12);
    check_names(cudnn, &q);
    q = product(64, 56, 1);
    q.has_z = true;
    check_names(cudnn, &q);
    q.math = TRO_GEMM_BF16;
    check_names(cudnn, &q);
    check_refused(cudnn, "cudnn 1 engine 10 k2=4", "has no");
    check_refused(cudnn, "cudnn", "has no");
    check_refused(cudnn, "cudnn 91900 engine 10 k2=4 and more", "has no");
    tro_cudnn_ops.close(cudnn);
}

/* ---- on a GPU ----------------------------------------------------------------------------- */

static int n_candidates; /* of libraries, run so far */

static bool check_choice(struct tro_graph *g, enum tro_precision precision, double tolerance,
                         const char *problem, const char *name)
{
    struct tro_choices choices = {0};
    const bool ok = tro_choices_set(&choices, problem, name) >= 0 &&
                    cuda_check_graph(g, tolerance, precision, &choices) && cuda_has(name);
    if (!ok)
        printf("candidate '%s'\n", name);
    tro_choices_finish(&choices);
    n_candidates++;
    return ok;
}

/* Every candidate of a library for the one problem of the text; their number. */
static int check_libraries_at(enum tro_precision precision, double tolerance)
{
    struct tro_err err = {0};
    struct tro_arena arena = {0};
    const char *problem = NULL;
    int n = 0;
    struct tro_graph *const g = tro_graph_parse((struct tro_str){gemm_text, strlen(gemm_text)},
                                                "test", &err);
    struct tro_libraries *const libraries = tro_libraries_create(cuda_kit_device(), &err);
    cuda_kit_n_sms = cuda_kit_device()->n_sms;
    cuda_kit_libraries = true;
    const char *const *const names = list_candidates(g, &arena, precision, libraries, &problem);
    CHECK(names != NULL);
    for (int i = 0; names && names[i]; i++) {
        if (!tro_choice_is_library(names[i]))
            continue;
        CHECK(check_choice(g, precision, tolerance, problem, names[i]));
        n++;
    }
    cuda_kit_n_sms = 0;
    cuda_kit_libraries = false;
    tro_libraries_destroy(libraries);
    tro_arena_finish(&arena);
    tro_graph_destroy(g);
    return n;
}

static void check_libraries(const char *what)
{
    const int n_half = check_libraries_at(TRO_PRECISION_FP16, 4e-3);
    const int n_wide = check_libraries_at(TRO_PRECISION_BF16, 3e-2);
    if (!CHECK(n_half > 0 && n_wide > 0))
        printf("no candidates at fp16 or bf16 for: %.200s\n", what);
    check_libraries_at(TRO_PRECISION_TF32, 3e-3);
    check_libraries_at(TRO_PRECISION_FP32, 1e-5);
}

static bool has_gpu(void)
{
    struct tro_err err = {0};
    if (!getenv("TROCAR_TEST_GPU")) {
        test_skip("needs a GPU: TROCAR_TEST_GPU is not set");
        return false;
    }
    if (!cuda_kit_device())
        return false;
    void *const cudnn = tro_cudnn_open_for(hopper, &err);
    if (!cudnn)
        test_skip(err.text);
    else
        tro_cudnn_ops.close(cudnn);
    return cudnn != NULL;
}

#define ATTRS(s, d, p, g) "strides = [" s "], dilations = [" d "], pads = [" p "], group = " g

struct conv_case {
    const char *x, *w, *y, *attrs;
    int channels; /* of x */
    int64_t n_w;
    int k;
    bool has_z, has_relu;
};

/* The sum is with the result of another convolution, which lies as the sum does. */
static void check_conv(const struct conv_case *c)
{
    char k[16], w2[64];
    snprintf(k, sizeof k, "%d", c->k);
    snprintf(w2, sizeof w2, "%d,8,1,1", c->k);
    begin();
    put("input %%x : f32[%s]\ninput %%q : f32[1,8,%s]\n", c->x,
        strchr(strchr(c->y, ',') + 1, ',') + 1);
    put_const("w2", w2, (int64_t)c->k * 8);
    put_const("w", c->w, c->n_w);
    put_const("b", k, c->k);
    put("const %%zero : f32[] = 0\n%%r = conv(%%q, %%w2) {%s}\n"
        "%%y = fused(%%x, %%w, %%b, %%r, %%zero) {\n  input %%x0 : f32[%s]\n"
        "  input %%w0 : f32[%s]\n  input %%b0 : f32[%d]\n  input %%r0 : f32[%s]\n"
        "  input %%zero0 : f32[]\n  %%c = conv(%%x0, %%w0, %%b0) {%s}\n",
        ATTRS("1,1", "1,1", "0,0,0,0", "1"), c->x, c->w, c->k, c->y, c->attrs);
    if (c->has_z)
        put("  %%s = add(%%c, %%r0)\n");
    if (c->has_relu)
        put("  %%m = max(%s, %%zero0)\n", c->has_z ? "%s" : "%c");
    put("  output %s\n}\n%%o = neg(%%y)\noutput %%o\n", c->has_relu ? "%m"
                                                        : c->has_z  ? "%s"
                                                                    : "%c");
    check_libraries(c->w);
}

TEST(convolutions)
{
    static const struct conv_case cases[] = {
        {"1,64,56,56", "64,64,3,3", "1,64,56,56", ATTRS("1,1", "1,1", "1,1,1,1", "1"), 64, 36864,
         64, false, true},
        {"1,32,57,57", "48,32,3,3", "1,48,29,29", ATTRS("2,2", "1,1", "1,1,1,1", "1"), 32, 13824,
         48, false, true},
        {"1,256,28,28", "64,256,1,1", "1,64,28,28", ATTRS("1,1", "1,1", "0,0,0,0", "1"), 256, 16384,
         64, false, true},
        {"1,64,28,28", "128,64,1,1", "1,128,28,28", ATTRS("1,1", "1,1", "0,0,0,0", "1"), 64, 8192,
         128, true, true},
        {"1,64,14,14", "64,64,3,3", "1,64,14,14", ATTRS("1,1", "1,1", "1,1,1,1", "1"), 64, 36864,
         64, true, false},
        {"1,64,28,28", "64,64,3,3", "1,64,28,28", ATTRS("1,1", "4,4", "4,4,4,4", "1"), 64, 36864,
         64, false, false},
        {"1,64,20,24", "64,16,3,3", "1,64,20,24", ATTRS("1,1", "1,1", "1,1,1,1", "4"), 64, 9216, 64,
         false, true},
        {"1,16,40,40", "32,16,5,5", "1,32,20,20", ATTRS("2,2", "1,1", "2,2,2,2", "1"), 16, 12800,
         32, false, true},
    };
    if (!has_gpu())
        return;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_conv(&cases[i]);
    printf("%d candidates\n", n_candidates);
}

TEST(matrices)
{
    if (!has_gpu())
        return;
    begin();
    put("input %%a : f32[197,256]\n");
    put_const("w", "256,192", (int64_t)256 * 192);
    put("%%y = matmul(%%a, %%w)\n%%o = neg(%%y)\noutput %%o\n");
    check_libraries("a product");

    begin();
    put("input %%a : f32[2,49,128]\nconst %%zero : f32[] = 0\n");
    put_const("w", "128,384", (int64_t)128 * 384);
    put_const("c", "384", 384);
    put("%%y = fused(%%a, %%w, %%c, %%zero) {\n  input %%a0 : f32[2,49,128]\n"
        "  input %%w0 : f32[128,384]\n  input %%c0 : f32[384]\n  input %%zero0 : f32[]\n"
        "  %%m = matmul(%%a0, %%w0)\n  %%p = add(%%m, %%c0)\n  %%z = max(%%p, %%zero0)\n"
        "  output %%z\n}\n%%o = neg(%%y)\noutput %%o\n");
    check_libraries("a product");

    begin();
    put("input %%a : f32[64,96]\ninput %%b : f32[96,80]\n%%p = neg(%%a)\n%%q = neg(%%b)\n"
        "%%y = matmul(%%p, %%q)\n%%o = neg(%%y)\noutput %%o\n");
    check_libraries("a product");
    printf("%d candidates\n", n_candidates);
}
