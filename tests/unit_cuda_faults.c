/* SPDX-License-Identifier: Apache-2.0 */
/* Every call of the driver that fails, on the emulated device: a clear status, nothing left behind,
 * and the process goes on. */
#include "cuda/device.h"
#include "emu/emu.h"
#include "session_kit.h"

static const char graph[] =
    "graph \"g\"\n"
    "input %x : f32[1,3,9,9]\n"
    "const %w : f32[4,3,3,3] = splat 0.1\n"
    "%c = conv(%x, %w) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], group = 1}\n"
    "%r = tanh(%c)\n"
    "%s = softmax(%r) {axis = 1}\n"
    "%p = pool(%s) {kernel = [2,2], strides = [2,2], dilations = [1,1], pads = [0,0,0,0]}\n"
    "output %p\n"
    "output %s\n";

static const struct tro_session_opts on_gpu = {.device = "cuda", .n_threads = 1};
static const struct tro_session_opts on_cpu = {.n_threads = 1};

enum { MOST_CALLS = 200 };

/* The driver is opened once for the process, before anything fails. */
static bool has_device(void)
{
    struct tro_err err = {0};
    return emu_use() && CHECK(tro_cu_open(&err));
}

static struct tro_tensor make_input(void)
{
    struct tro_tensor in = {.dtype = TRO_F32, .rank = 4, .shape = {1, 3, 9, 9}};
    kit_noise(&in, 1);
    return in;
}

/* A session from its creation through two runs to its end. */
static int whole_life(struct tro_plan *p, const struct tro_session_opts *opts,
                      const struct tro_tensor *in, struct tro_err *err)
{
    struct tro_session *const s = tro_session_create(p, opts, err);
    int rc = s ? tro_session_bind(s, "x", in, err) : err->status;
    for (int i = 0; i < 2 && rc >= 0; i++)
        rc = tro_session_run(s, err);
    tro_session_destroy(s);
    return rc;
}

/* All memory of the device is free when nobody has it open. */
static bool is_all_free(void)
{
    struct tro_err err = {0};
    size_t n_free = 0, n_total = 1;
    struct tro_cuda_device *const d = tro_cuda_device_open("cuda", &err);
    if (d && tro_cuda_device_enter(d, &err) >= 0)
        d->cu->cuMemGetInfo_v2(&n_free, &n_total);
    tro_cuda_device_close(d);
    if (n_free != n_total)
        printf("%zu of %zu bytes are free %s\n", n_free, n_total, err.text);
    return n_free == n_total;
}

static bool is_clear(int rc, const struct tro_err *err)
{
    return (rc == TRO_E_NOMEM || rc == TRO_E_DEVICE || rc == TRO_E_FAULT) && rc == err->status &&
           (strstr(err->text, "CUDA") || strstr(err->text, "memory"));
}

/* The life with call n of a function failing; afterwards the same plan on the CPU. */
static int live_with_fault(const char *function, int n, const struct tro_tensor *in)
{
    char text[64];
    struct tro_err err = {0};
    snprintf(text, sizeof text, "%s:%d", function, n);
    struct tro_plan *const p = kit_plan(graph, NULL, &err);
    if (!CHECK(p)) {
        printf("%s\n", err.text);
        return 0;
    }
    setenv("TRO_EMU_FAULT", text, 1);
    const int rc = whole_life(p, &on_gpu, in, &err);
    unsetenv("TRO_EMU_FAULT");
    if (rc < 0 && !CHECK(is_clear(rc, &err)))
        printf("%s: status %d: %s\n", text, rc, err.text);
    err = (struct tro_err){0};
    if (!CHECK_INT(whole_life(p, &on_cpu, in, &err), 0))
        printf("%s: on the CPU: %s\n", text, err.text);
    tro_plan_close(p);
    if (!CHECK(is_all_free()))
        printf("%s: memory is left behind\n", text);
    return rc;
}

/* Each of its calls in turn, until there are no more; the number of those that made a life fail. */
static int fail_each_call(const char *function, const struct tro_tensor *in)
{
    int n = 0;
    while (n < MOST_CALLS && live_with_fault(function, n + 1, in) < 0)
        n++;
    if (!CHECK(n < MOST_CALLS))
        printf("%s fails without end\n", function);
    return n;
}

TEST(calls)
{
    static const char *const functions[] = {
#define FN(name, args) #name,
#include "cuda/driver.def"
#undef FN
    };
    struct tro_tensor in = make_input();
    int n_failed = 0;
    if (!has_device()) {
        tro_free(in.data);
        SKIP("no emulated GPU");
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        n_failed += fail_each_call(functions[i], &in);
    CHECK(n_failed > 20);
    tro_free(in.data);
}

/* The session is at its end, the process is not. */
TEST(kernel)
{
    struct tro_tensor in = make_input();
    struct tro_err err = {0};
    if (!has_device()) {
        tro_free(in.data);
        SKIP("no emulated GPU");
    }
    struct tro_plan *const p = kit_plan(graph, NULL, &err);
    struct tro_session *const s = p ? tro_session_create(p, &on_gpu, &err) : NULL;
    CHECK_STR(err.text, "");
    if (!CHECK(s)) {
        tro_plan_close(p);
        tro_free(in.data);
        return;
    }
    CHECK_INT(tro_session_bind(s, "x", &in, &err), 0);
    CHECK_INT(tro_session_run(s, &err), 0);
    setenv("TRO_EMU_FAULT", "launch:1", 1);
    CHECK_INT(tro_session_run(s, &err), TRO_E_FAULT);
    CHECK(strstr(err.text, "CUDA_ERROR_ILLEGAL_ADDRESS") || strstr(err.text, "CUDA_ERROR_LAUNCH"));
    unsetenv("TRO_EMU_FAULT");
    CHECK_INT(tro_session_run(s, &err), TRO_E_FAULT);
    CHECK(strstr(err.text, "close the session"));
    CHECK_INT(whole_life(p, &on_cpu, &in, &err), 0);
    tro_session_destroy(s);
    tro_plan_close(p);
    CHECK(is_all_free());
    CHECK(live_with_fault("none", 1, &in) >= 0);
    tro_free(in.data);
}

/* Every amount up to what is enough. */
TEST(memory)
{
    struct tro_tensor in = make_input();
    int rc = -1, n = 0;
    if (!has_device()) {
        tro_free(in.data);
        SKIP("no emulated GPU");
    }
    for (size_t n_bytes = 1 << 16; rc < 0 && n_bytes <= (size_t)1 << 28; n_bytes *= 2, n++) {
        char text[32];
        struct tro_err err = {0};
        snprintf(text, sizeof text, "%zu", n_bytes);
        struct tro_plan *const p = kit_plan(graph, NULL, &err);
        if (!CHECK(p))
            break;
        setenv("TRO_EMU_MEMORY", text, 1);
        rc = whole_life(p, &on_gpu, &in, &err);
        CHECK_INT(rc < 0 ? rc : TRO_E_NOMEM, TRO_E_NOMEM);
        if (rc < 0 && !CHECK(strstr(err.text, "free memory")))
            printf("%s\n", err.text);
        tro_plan_close(p);
        CHECK(is_all_free());
    }
    CHECK(n > 1);
    CHECK_INT(rc, 0);
    unsetenv("TRO_EMU_MEMORY");
    tro_free(in.data);
}
