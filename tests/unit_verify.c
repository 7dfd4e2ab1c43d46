/* SPDX-License-Identifier: Apache-2.0 */
/* Plans show that they do what their networks did, and are found out when they do not. */
#include "builder_kit.h"

#include "base/alloc.h"

#include <math.h>

static struct tro_plan *build(const char *text, const char *state_in, const char *state_out)
{
    struct tro_err err = {0};
    struct tro_model *const m = kit_model(text);
    struct tro_builder *const b = m ? tro_builder_create(m, &err) : NULL;
    struct tro_plan *p = NULL;
    if (b && (!state_in || tro_builder_add_state(b, state_in, state_out, &err) == 0))
        p = tro_builder_plan(b, &(struct tro_build_opts){.n_golden = 3}, &err);
    test_check(p != NULL, __FILE__, __LINE__, "%s", err.text);
    tro_builder_destroy(b);
    tro_model_close(m);
    return p;
}

/* The plan with element i of an output of sample s replaced. */
static struct tro_plan *forge(const struct tro_plan *p, int s, int output, int i, float v)
{
    struct tro_err err = {0};
    struct tro_buf b;
    struct tro_plan_parts parts = *tro_plan_contents(p);
    float *const data = parts.samples[s].out[output].data;
    const float before = data[i];
    data[i] = v;
    CHECK_INT(tro_plan_write(&parts, &b, &err), 0);
    data[i] = before;
    struct tro_plan *const forged = tro_plan_open_owned(b.p, b.n, "forged", &err);
    CHECK(forged != NULL);
    return forged;
}

static const char *const devices[] = {"cpu", "ref"};

TEST(verify_right)
{
    struct tro_plan *const p = build("in x f32[2,3]; w m f32[3,2] 1 2 3 4 5 6; a = MatMul(x, m); b "
                                     "= Tanh(a); c = ArgMax(b) axis=1; out b f32[2,2]; out c "
                                     "i64[2,1]",
                                     NULL, NULL);
    for (int i = 0; p && i < 2; i++) {
        struct tro_err err = {0};
        struct tro_verify_report r;
        const struct tro_session_opts o = {.device = devices[i], .n_threads = 2, .blocks = 1};
        test_check(tro_plan_verify(p, &o, &r, &err) == 0, __FILE__, __LINE__, "%s", err.text);
        CHECK_INT(r.n_samples, 3);
        CHECK_INT(r.n_outputs, 6);
        CHECK_INT(r.n_different, 0);
        CHECK(r.worst <= 1);
    }
    tro_plan_close(p);
}

TEST(verify_wrong)
{
    struct tro_plan *const p = build("in x f32[2,3]; a = Neg(x); b = Abs(x); out a f32[2,3]; out b "
                                     "f32[2,3]",
                                     NULL, NULL);
    if (!p)
        return;
    const float *const want = tro_plan_contents(p)->samples[1].out[1].data;
    const struct {
        float value;
        int n_different;
    } cases[] = {{want[2] + 0.5f, 1}, {want[2] * 1.00001f, 0}, {NAN, 1}, {INFINITY, 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tro_err err = {0};
        struct tro_verify_report r;
        struct tro_plan *const forged = forge(p, 1, 1, 2, cases[i].value);
        CHECK_INT(tro_plan_verify(forged, NULL, &r, &err), cases[i].n_different);
        CHECK_INT(r.n_different, cases[i].n_different);
        if (cases[i].n_different) {
            CHECK_STR(r.worst_output, "b");
            CHECK_INT(r.worst_sample, 1);
            CHECK(r.worst > 1);
        }
        tro_plan_close(forged);
    }
    tro_plan_close(p);
}

/* How many outputs differ when an element of the first sample's, not the greatest, is off by a part
 * of the greatest. */
static int n_different_when_off(const struct tro_plan *p, float part)
{
    struct tro_err err = {0};
    const float *const want = tro_plan_contents(p)->samples[0].out[0].data;
    const int at = fabsf(want[0]) < fabsf(want[1]) ? 0 : 1;
    float greatest = 0;
    for (int i = 0; i < 8; i++)
        greatest = fmaxf(greatest, fabsf(want[i]));
    const float off = want[at] + (want[at] > 0 ? -part : part) * greatest;
    struct tro_plan *const forged = forge(p, 0, 0, at, off);
    const int n = tro_plan_verify(forged, NULL, NULL, &err);
    tro_plan_close(forged);
    return n;
}

/* Behind floats that are quantized as a plan runs some quanta are forgiven, no more; where only
 * inputs are quantized, none. */
TEST(verify_quanta)
{
    static const struct {
        const char *text;
        int n_different; /* a part of 0.055 off */
    } cases[] = {{"in x f32[8]; t = Tanh(x); q = QuantizeLinear(t, s, z); d = DequantizeLinear(q, "
                  "s, z); w s f32[] 0.01; w z i8[] 0; out d f32[8]",
                  0},
                 {"in x f32[8]; q = QuantizeLinear(x, s, z); d = DequantizeLinear(q, s, z); w s "
                  "f32[] 0.01; w z i8[] 0; out d f32[8]",
                  1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tro_plan *const p = build(cases[i].text, NULL, NULL);
        if (!p)
            continue;
        CHECK_INT(n_different_when_off(p, 0), 0);
        CHECK_INT(n_different_when_off(p, 0.055f), cases[i].n_different);
        CHECK_INT(n_different_when_off(p, 0.065f), 1);
        tro_plan_close(p);
    }
}

/* Samples are consecutive runs, and a second verification begins anew. */
TEST(verify_states)
{
    struct tro_plan *const p = build("in x f32[1,4]; in h f32[1,4]; n = Add(x, h); y = Relu(n); "
                                     "out y f32[1,4]; out n f32[1,4]",
                                     "h", "n");
    if (!p)
        return;
    for (int i = 0; i < 2; i++) {
        struct tro_err err = {0};
        struct tro_verify_report r;
        test_check(tro_plan_verify(p, NULL, &r, &err) == 0, __FILE__, __LINE__, "%s", err.text);
        CHECK_INT(r.n_outputs, 3);
    }
    tro_plan_close(p);
}

TEST(verify_without_samples)
{
    struct tro_err err = {0};
    struct tro_verify_report r;
    struct tro_model *const m = kit_model("in x f32[2]; y = Neg(x); out y f32[2]");
    struct tro_builder *const b = tro_builder_create(m, &err);
    struct tro_plan *const p = tro_builder_plan(b, &(struct tro_build_opts){.n_golden = -1}, &err);
    CHECK(p != NULL);
    if (p) {
        CHECK_INT(tro_plan_verify(p, NULL, &r, &err), 0);
        CHECK_INT(r.n_samples, 0);
        CHECK_INT(tro_plan_verify(p, &(struct tro_session_opts){.device = "none"}, &r, &err),
                  TRO_E_INPUT);
        CHECK_INT(tro_plan_verify(p, NULL, NULL, NULL), 0);
    }
    tro_plan_close(p);
    tro_builder_destroy(b);
    tro_model_close(m);
}
