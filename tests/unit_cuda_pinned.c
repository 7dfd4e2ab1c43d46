/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the host that a GPU reads by itself: ours, and what was there before, also where it can
 * only be read. On the emulated device, or on a GPU where TROCAR_TEST_GPU is set. */
#include "emu/emu.h"
#include "session_kit.h"

#include <sys/mman.h>
#include <unistd.h>

static const char graph[] = "graph \"g\"\n"
                            "input %x : f32[1024]\n"
                            "%y = neg(%x)\n"
                            "output %y\n";

enum { N = 1024 };

static bool has_device(void)
{
    return getenv("TROCAR_TEST_GPU") || emu_use();
}

/* The same pages twice: to write, and to read alone. */
static float *map_twice(const float **reader)
{
    const int fd = memfd_create("pages", MFD_CLOEXEC);
    const size_t n = N * sizeof(float);
    if (fd < 0 || ftruncate(fd, (off_t)n) < 0)
        return NULL;
    float *const to = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    *reader = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return to == MAP_FAILED || (const void *)*reader == MAP_FAILED ? NULL : to;
}

static void check_run(struct tro_session *s, const float *from, float sign)
{
    const struct tro_tensor in = {.dtype = TRO_F32, .rank = 1, .shape = {N}, .data = (void *)from};
    struct tro_tensor out;
    struct tro_err err = {0};
    CHECK_INT(tro_session_bind(s, "x", &in, &err), 0);
    CHECK_INT(tro_session_run(s, &err), 0);
    CHECK_INT(tro_session_output(s, 0, &out, &err), 0);
    CHECK_STR(err.text, "");
    int n_wrong = 0;
    for (int i = 0; i < N; i++)
        n_wrong += ((const float *)out.data)[i] != -sign * (float)i;
    CHECK_INT(n_wrong, 0);
}

TEST(pinned_frames)
{
    struct tro_err err = {0};
    const float *reader = NULL;
    if (!has_device()) {
        SKIP("the emulated GPU needs g++ and no cross build");
        return;
    }
    const struct tro_plan_parts parts = {0};
    float *const writer = map_twice(&reader);
    struct tro_plan *const p = kit_plan(graph, &parts, &err);
    CHECK_OR_RETURN(writer && p);
    struct tro_pinned *const ours = tro_pinned_create("cuda", N * sizeof(float), &err);
    struct tro_pinned *const theirs = tro_pinned_register("cuda", reader, N * sizeof(float), &err);
    CHECK_STR(err.text, "");
    struct tro_session *const s = tro_session_create(
        p, &(struct tro_session_opts){.device = "cuda", .n_threads = 1}, &err);
    CHECK_OR_RETURN(ours && theirs && s);
    CHECK(tro_pinned_data(theirs) == reader);
    for (int i = 0; i < N; i++) {
        writer[i] = (float)i;
        ((float *)tro_pinned_data(ours))[i] = (float)-i;
    }
    check_run(s, reader, 1);
    check_run(s, tro_pinned_data(ours), -1);
    tro_session_destroy(s);
    tro_pinned_destroy(theirs);
    tro_pinned_destroy(ours);
    CHECK_NEAR(reader[N - 1], N - 1, 0);
    tro_plan_close(p);
    munmap(writer, N * sizeof(float));
    munmap((void *)reader, N * sizeof(float));
}

TEST(pinned_twice_is_refused)
{
    struct tro_err err = {0};
    static float memory[N];
    if (!has_device()) {
        SKIP("the emulated GPU needs g++ and no cross build");
        return;
    }
    struct tro_pinned *const first = tro_pinned_register("cuda", memory, sizeof memory, &err);
    CHECK_OR_RETURN(first);
    CHECK(!tro_pinned_register("cuda", memory, sizeof memory, &err));
    CHECK_HAS(err.text, "cuMemHostRegister");
    tro_pinned_destroy(first);
    struct tro_pinned *const again = tro_pinned_register("cuda", memory, sizeof memory, &err);
    CHECK(again);
    tro_pinned_destroy(again);
}
