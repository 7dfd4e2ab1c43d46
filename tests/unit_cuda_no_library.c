/* SPDX-License-Identifier: Apache-2.0 */
/* A machine without cuDNN and cuBLASLt: an emulated one, where they are never found. */
#include "cuda/library.h"
#include "gemm_kit.h"

/* A convolution whose result stays in the type of the precision. */
static void begin_conv(void)
{
    begin();
    put("input %%x : f32[1,16,9,11]\n");
    put_const("w", "24,16,3,3", (int64_t)24 * 16 * 9);
    put_const("b", "24", 24);
    put("%%c = conv(%%x, %%w, %%b) {strides = [1,1], dilations = [1,1], "
        "pads = [1,1,1,1], group = 1}\n%%y = neg(%%c)\n"
        "output %%y\n");
}

static struct tro_program *lower_at(struct tro_graph *g, struct tro_dim_env *env,
                                    struct tro_packs *packs, struct tro_libraries *libraries,
                                    const struct tro_choices *choices)
{
    struct tro_err err = {0};
    const struct tro_lower_opts opts = {.backend = &tro_cuda_backend,
                                        .precision = TRO_PRECISION_FP16,
                                        .arch = 90,
                                        .n_sms = 132,
                                        .n_threads = 1,
                                        .choices = choices,
                                        .libraries = libraries,
                                        .is_tuning = libraries && !choices,
                                        .packs = packs};
    return tro_lower(g, env, &opts, &err);
}

static const struct tro_step *step_with_problem(const struct tro_program *p)
{
    for (int32_t i = 0; p && i < p->n_steps; i++)
        if (p->steps[i].problem)
            return &p->steps[i];
    return NULL;
}

/* A choice that this machine does not have gives way to the best of our own. */
TEST(choice_of_a_missing_library)
{
    struct tro_err err = {0};
    struct tro_dim_env env;
    struct tro_choices choices = {0};
    char own[600];
    struct tro_cuda_device *const d = cuda_kit_device();
    if (!d)
        return;
    if (getenv("TROCAR_TEST_GPU"))
        SKIP("for the emulated GPU");
    setenv("TROCAR_CUDNN", "/nowhere/libcudnn.so.9", 1);
    setenv("TROCAR_CUBLASLT", "/nowhere/libcublasLt.so.13", 1);
    begin_conv();
    struct tro_graph *const g = tro_graph_parse((struct tro_str){gemm_text, strlen(gemm_text)},
                                                "test", &err);
    struct tro_packs *const packs = tro_packs_create(&err);
    struct tro_libraries *const libraries = tro_libraries_create(d, &err);
    if (!g)
        printf("%s\n", err.text);
    CHECK_OR_RETURN(g && packs && libraries && tro_dim_env_init(&env, &g->dims) >= 0);

    struct tro_program *p = lower_at(g, &env, packs, libraries, NULL);
    const struct tro_step *s = step_with_problem(p);
    CHECK_OR_RETURN(s && s->candidates[0] && s->candidates[1]);
    for (int i = 0; s->candidates[i]; i++)
        CHECK(!tro_choice_is_library(s->candidates[i]));
    CHECK_INT(p->n_replaced, 0);
    snprintf(own, sizeof own, "%s%s", TRO_CHOICE_OWN, s->problem);
    CHECK(tro_choices_set(&choices, s->problem, "cudnn 91900 engine 10 k2=4") >= 0);
    CHECK(tro_choices_set(&choices, own, s->candidates[1]) >= 0);
    const char *const second = tro_arena_strdup(&choices.arena, s->candidates[1]);
    tro_program_destroy(p);

    p = lower_at(g, &env, packs, libraries, &choices);
    s = step_with_problem(p);
    CHECK_OR_RETURN(s != NULL);
    CHECK_HAS(s->kernel, second);
    CHECK_INT(p->n_replaced, 1);
    CHECK_HAS(tro_libraries_missing(libraries, p->replaced), "cuDNN was not found");
    tro_program_destroy(p);
    tro_choices_finish(&choices);
    tro_libraries_destroy(libraries);
    tro_packs_destroy(packs);
    tro_dim_env_finish(&env);
    tro_graph_destroy(g);
}
