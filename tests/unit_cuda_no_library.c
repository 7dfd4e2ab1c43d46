/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries that are not there, are of another version or fail, on an emulated GPU: there is no
 * cuDNN, and a cuBLASLt (fake/cublaslt.c) whose products all fail. */
#include "cuda/library.h"
#include "gemm_kit.h"

struct fixture {
    struct tro_graph *g;
    struct tro_dim_env env;
    struct tro_packs *packs;
    struct tro_cuda_store *store;
    struct tro_libraries *libraries;
};

static bool start(struct fixture *f, const char *what)
{
    struct tro_err err = {0};
    *f = (struct fixture){.g = NULL};
    if (!cuda_kit_device())
        return false;
    if (getenv("TROCAR_TEST_GPU")) {
        test_skip("for the emulated GPU");
        return false;
    }
    setenv("TROCAR_CUDNN", "/nowhere/libcudnn.so.9", 1);
    setenv("TROCAR_CUBLASLT", TRO_FAKE_CUBLASLT, 1);
    begin();
    put_const("w", what, (int64_t)24 * 16);
    put_const("b", "24", 24);
    if (strlen(what) > 5)
        put("input %%x : f32[1,16,9,11]\n%%c = conv(%%x, %%w, %%b) {strides = [1,1], "
            "dilations = [1,1], pads = [1,1,1,1], group = 2}\n");
    else
        put("input %%x : f32[19,16]\n%%c = matmul(%%x, %%w)\n");
    put("%%y = neg(%%c)\noutput %%y\n");
    f->g = tro_graph_parse((struct tro_str){gemm_text, strlen(gemm_text)}, "test", &err);
    f->packs = tro_packs_create(&err);
    f->store = tro_cuda_store_create(tro_cuda_device_open("cuda", &err), NULL, NULL, &err);
    if (!CHECK(f->g && f->packs && f->store && tro_dim_env_init(&f->env, &f->g->dims) >= 0)) {
        printf("%s\n", err.text);
        return false;
    }
    f->libraries = tro_cuda_store_libraries(f->store);
    return true;
}

static void finish(struct fixture *f)
{
    tro_cuda_store_destroy(f->store);
    tro_packs_destroy(f->packs);
    tro_dim_env_finish(&f->env);
    tro_graph_destroy(f->g);
}

/* choices NULL: as the tuner does at first. */
static struct tro_program *lower(struct fixture *f, const struct tro_choices *choices)
{
    struct tro_err err = {0};
    const struct tro_lower_opts opts = {.backend = &tro_cuda_backend,
                                        .precision = TRO_PRECISION_FP16,
                                        .arch = cuda_kit_device()->arch,
                                        .n_sms = cuda_kit_device()->n_sms,
                                        .n_threads = 1,
                                        .choices = choices,
                                        .libraries = f->libraries,
                                        .is_tuning = !choices,
                                        .packs = f->packs};
    return tro_lower(f->g, &f->env, &opts, &err);
}

static const struct tro_step *step_with_problem(const struct tro_program *p)
{
    for (int32_t i = 0; p && i < p->n_steps; i++)
        if (p->steps[i].problem)
            return &p->steps[i];
    return NULL;
}

/* The problem's choice is `name`, and of our own kernels the second one; *own: its name. */
static void choose(struct fixture *f, const char *name, struct tro_choices *choices,
                   const char **own)
{
    char text[600];
    *choices = (struct tro_choices){.n = 0};
    *own = "";
    struct tro_program *const p = lower(f, NULL);
    const struct tro_step *const s = step_with_problem(p);
    if (CHECK(s && s->candidates[0] && s->candidates[1] &&
              !tro_choice_is_library(s->candidates[1]))) {
        snprintf(text, sizeof text, "%s%s", TRO_CHOICE_OWN, s->problem);
        *own = tro_arena_strdup(&choices->arena, s->candidates[1]);
        CHECK(tro_choices_set(choices, s->problem, name) >= 0 &&
              tro_choices_set(choices, text, *own) >= 0);
    }
    tro_program_destroy(p);
}

static void check_replaced(struct fixture *f, const struct tro_choices *choices, const char *own)
{
    struct tro_program *const p = lower(f, choices);
    const struct tro_step *const s = step_with_problem(p);
    if (CHECK(s != NULL)) {
        CHECK_HAS(s->kernel, own);
        CHECK_INT(p->n_replaced, 1);
    }
    tro_program_destroy(p);
}

/* A choice that this machine does not have gives way to the best of our own. */
TEST(missing)
{
    struct fixture f;
    struct tro_choices choices;
    const char *own;
    static const char name[] = "cudnn 91900 engine 10 k2=4";
    if (!start(&f, "24,8,1,2"))
        return;
    choose(&f, name, &choices, &own);
    check_replaced(&f, &choices, own);
    CHECK_HAS(tro_libraries_missing(f.libraries, name), "cuDNN was not found");
    tro_choices_finish(&choices);
    finish(&f);
}

TEST(other_version)
{
    struct fixture f;
    struct tro_choices choices;
    const char *own;
    if (!start(&f, "16,24"))
        return;
    choose(&f, "cublaslt 120000 algo 5", &choices, &own);
    check_replaced(&f, &choices, own);
    CHECK_STR(tro_libraries_missing(f.libraries, "cublaslt 120000 algo 5"), "");
    tro_choices_finish(&choices);
    finish(&f);
}

/* Its call fails when the exec is made; it is not chosen any more. */
TEST(failing_call)
{
    struct fixture f;
    struct tro_choices choices;
    struct tro_err err = {0};
    const char *own;
    if (!start(&f, "16,24"))
        return;
    choose(&f, "cublaslt 130000 algo 5", &choices, &own);
    struct tro_program *const p = lower(&f, &choices);
    const struct tro_step *const s = step_with_problem(p);
    if (CHECK(s != NULL)) {
        const struct tro_cuda_exec_opts opts = {.program = p, .store = f.store};
        CHECK_STR(s->kernel, "cublaslt 130000 algo 5");
        CHECK_INT(p->n_replaced, 0);
        CHECK_INT(s->n_out, 2);
        CHECK(tro_cuda_exec_create(&opts, &err) == NULL);
        CHECK_HAS(err.text, "node 'c': cuBLASLt: cublasLtMatmul: this library computes nothing");
        CHECK_INT(err.status, TRO_E_DEVICE);
    }
    CHECK_INT(tro_libraries_n_failed(f.libraries), 1);
    tro_program_destroy(p);
    check_replaced(&f, &choices, own);
    tro_choices_finish(&choices);
    finish(&f);
}

/* The tuner is offered them behind the first three of our own. */
TEST(candidates)
{
    struct fixture f;
    int n = 0, n_own = 0;
    if (!start(&f, "16,24"))
        return;
    struct tro_program *const p = lower(&f, NULL);
    const struct tro_step *const s = step_with_problem(p);
    for (int i = 0; s && s->candidates[i]; i++) {
        const bool is_library = tro_choice_is_library(s->candidates[i]);
        n += is_library;
        n_own += !is_library;
        CHECK_INT(is_library, i == 3 || i == 4);
    }
    CHECK_INT(n, 2);
    CHECK(n_own > 3);
    tro_program_destroy(p);
    finish(&f);
}
