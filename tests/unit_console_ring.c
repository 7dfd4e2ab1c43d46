/* SPDX-License-Identifier: Apache-2.0 */
/* console/core/ring.h: who may hold what, and what a reader that dies or lies can do. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "console/core/ring.h"
#include "test.h"

#define SECOND INT64_C(1000000000)

static const struct tro_frame_form small = {.format = TRO_FRAME_NV12, .width = 64, .height = 32};

static struct tro_ring *make(int n_readers)
{
    struct tro_err err = {0};
    struct tro_ring *const r = tro_ring_create(&small, n_readers, &err);
    CHECK_STR(err.text, "");
    return r;
}

static struct tro_ring *reader_of(const struct tro_ring *r, int reader)
{
    struct tro_err err = {0};
    struct tro_ring *const out = tro_ring_open(tro_ring_control_fd(r), tro_ring_pixels_fd(r),
                                               reader, &err);
    CHECK_STR(err.text, "");
    return out;
}

/* All bytes are made of the id, so that a frame written over is seen. */
static uint64_t put(struct tro_ring *r, uint64_t id)
{
    memset(tro_ring_begin(r), (int)(id % 251), tro_frame_n_bytes(&small));
    return tro_ring_publish(r, (int64_t)id * 10);
}

static bool is_whole(const struct tro_frame *f)
{
    for (size_t i = 0; i < tro_frame_n_bytes(&f->form); i++)
        if (f->bytes[i] != f->id % 251)
            return false;
    return f->captured_ns == (int64_t)f->id * 10;
}

TEST(newest_wins)
{
    struct tro_ring *const p = make(1), *const r = reader_of(p, 0);
    struct tro_frame f;
    CHECK_OR_RETURN(p && r);
    CHECK(!tro_ring_take(r, 0, 1000, &f));
    for (uint64_t i = 1; i <= 7; i++)
        CHECK_INT(put(p, i), i);
    CHECK_OR_RETURN(tro_ring_take(r, 0, 0, &f));
    CHECK_INT(f.id, 7);
    CHECK_INT(f.form.width, 64);
    CHECK_INT(f.form.format, TRO_FRAME_NV12);
    CHECK(is_whole(&f));
    CHECK(!tro_ring_take(r, 7, 1000, &f));
    tro_ring_destroy(r);
    tro_ring_destroy(p);
}

TEST(a_held_frame_stays)
{
    struct tro_ring *const p = make(1), *const r = reader_of(p, 0);
    struct tro_frame f, g;
    CHECK_OR_RETURN(p && r);
    put(p, 1);
    CHECK_OR_RETURN(tro_ring_take(r, 0, 0, &f));
    for (uint64_t i = 2; i < 20; i++)
        put(p, i);
    CHECK(is_whole(&f));
    CHECK_INT(tro_ring_n_unseen(p), 0);
    tro_ring_release(r, &f);
    CHECK_OR_RETURN(tro_ring_take(r, f.id, 0, &g));
    CHECK_INT(g.id, 19);
    tro_ring_release(r, &g);
    tro_ring_destroy(r);
    tro_ring_destroy(p);
}

/* Two threads of one reader: the slot is free when both have let go. */
TEST(bits_are_counted_in_a_process)
{
    struct tro_ring *const p = make(1), *const r = reader_of(p, 0);
    struct tro_frame f, g;
    CHECK_OR_RETURN(p && r);
    put(p, 1);
    CHECK_OR_RETURN(tro_ring_take(r, 0, 0, &f) && tro_ring_take(r, 0, 0, &g));
    tro_ring_release(r, &g);
    for (uint64_t i = 2; i < 9; i++)
        put(p, i);
    CHECK(is_whole(&f));
    tro_ring_release(r, &f);
    for (uint64_t i = 9; i < 12; i++)
        put(p, i);
    CHECK(!is_whole(&f));
    tro_ring_destroy(r);
    tro_ring_destroy(p);
}

/* A reader that holds more than it may costs the others frames; the producer goes on. */
TEST(all_slots_held)
{
    struct tro_ring *const p = make(1), *const r = reader_of(p, 0);
    struct tro_frame f[3];
    CHECK_OR_RETURN(p && r);
    for (uint64_t i = 0; i < 3; i++) {
        put(p, i + 1);
        CHECK_OR_RETURN(tro_ring_take(r, i, 0, &f[i]));
    }
    CHECK_INT(put(p, 4), 4);
    CHECK_INT(put(p, 5), 5);
    CHECK_INT(tro_ring_n_unseen(p), 2);
    for (int i = 0; i < 3; i++)
        CHECK(is_whole(&f[i]));
    tro_ring_release(r, &f[0]);
    put(p, 6);
    CHECK_INT(tro_ring_n_unseen(p), 2);
    CHECK_OR_RETURN(tro_ring_take(r, 3, 0, &f[0]));
    CHECK_INT(f[0].id, 6);
    tro_ring_destroy(r);
    tro_ring_destroy(p);
}

static void hold_and_hang(const struct tro_ring *p, int tell)
{
    struct tro_frame f;
    struct tro_ring *const r = tro_ring_open(tro_ring_control_fd(p), tro_ring_pixels_fd(p), 1,
                                             NULL);
    if (!r || !tro_ring_take(r, 0, SECOND, &f) || write(tell, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

TEST(a_killed_reader_is_forgotten)
{
    struct tro_ring *const p = make(2);
    struct tro_frame f;
    int pipes[2];
    char byte;
    CHECK_OR_RETURN(p && pipe(pipes) == 0);
    put(p, 1);
    const pid_t pid = fork();
    if (pid == 0)
        hold_and_hang(p, pipes[1]);
    CHECK_OR_RETURN(pid > 0 && read(pipes[0], &byte, 1) == 1);
    kill(pid, SIGKILL);
    CHECK_INT(waitpid(pid, NULL, 0), pid);
    /* Its frame is still held: with three others the producer gets by. */
    for (uint64_t i = 2; i < 12; i++)
        put(p, i);
    size_t n_bytes;
    int n_first = 0;
    const uint8_t *const pixels = tro_ring_pixels(p, &n_bytes);
    for (size_t at = 0; at < n_bytes; at += n_bytes / 4)
        n_first += pixels[at] == 1;
    CHECK_INT(n_first, 1);
    tro_ring_forget(p, 1);
    for (uint64_t i = 12; i < 20; i++)
        put(p, i);
    for (size_t at = 0; at < n_bytes; at += n_bytes / 4)
        n_first += pixels[at] == 1;
    CHECK_INT(n_first, 1);
    CHECK_INT(tro_ring_n_unseen(p), 0);
    struct tro_ring *const r = reader_of(p, 1);
    CHECK_OR_RETURN(r && tro_ring_take(r, 0, 0, &f));
    CHECK_INT(f.id, 19);
    tro_ring_destroy(r);
    tro_ring_destroy(p);
    close(pipes[0]);
    close(pipes[1]);
}

/* ---- threads -------------------------------------------------------------------------------- */

struct reading {
    struct tro_ring *r;
    atomic_int n_taken, n_torn, n_back;
    uint64_t last;
};

static void *read_all(void *ctx)
{
    struct reading *const t = ctx;
    struct tro_frame f;
    uint64_t after = 0;
    while (after < t->last && tro_ring_take(t->r, after, 20 * SECOND, &f)) {
        atomic_fetch_add(&t->n_torn, !is_whole(&f));
        atomic_fetch_add(&t->n_back, f.id <= after);
        after = f.id;
        tro_ring_release(t->r, &f);
        atomic_fetch_add(&t->n_taken, 1);
    }
    return NULL;
}

TEST(threads_see_whole_frames_in_order)
{
    struct tro_ring *const p = make(4);
    struct reading a = {.r = reader_of(p, 0), .last = 3000};
    struct reading b = {.r = reader_of(p, 2), .last = 3000};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, read_all, i < 2 ? &a : &b);
    for (uint64_t i = 1; i <= 3000; i++) {
        put(p, i);
        if (i % 16 == 0)
            usleep(50);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(a.n_torn + b.n_torn, 0);
    CHECK_INT(a.n_back + b.n_back, 0);
    CHECK(a.n_taken >= 2 && b.n_taken >= 2);
    CHECK_INT(tro_ring_n_unseen(p), 0);
    tro_ring_destroy(a.r);
    tro_ring_destroy(b.r);
    tro_ring_destroy(p);
}

static void *put_later(void *ctx)
{
    usleep(30000);
    put(ctx, 1);
    return NULL;
}

TEST(a_waiting_reader_is_woken)
{
    struct tro_ring *const p = make(1), *const r = reader_of(p, 0);
    struct tro_frame f;
    pthread_t thread;
    CHECK_OR_RETURN(p && r);
    const int64_t begin_ns = tro_clock_ns();
    CHECK(!tro_ring_take(r, 0, SECOND / 50, &f));
    CHECK(tro_clock_ns() - begin_ns >= SECOND / 50);
    pthread_create(&thread, NULL, put_later, p);
    CHECK(tro_ring_take(r, 0, 30 * SECOND, &f));
    CHECK(tro_clock_ns() - begin_ns < 10 * SECOND);
    pthread_join(thread, NULL);
    tro_ring_destroy(r);
    tro_ring_destroy(p);
}

/* ---- what is refused ------------------------------------------------------------------------ */

TEST(only_the_producer_writes_pixels)
{
    struct tro_ring *const p = make(1);
    CHECK_OR_RETURN(p);
    const int fd = tro_ring_pixels_fd(p), control = tro_ring_control_fd(p);
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    CHECK_INT(pwrite(fd, "x", 1, 0), -1);
    CHECK_INT(ftruncate(fd, 0), -1);
    CHECK_INT(ftruncate(control, 0), -1);
    CHECK_INT(ftruncate(control, 1 << 20), -1);
    CHECK_INT(fcntl(control, F_ADD_SEALS, F_SEAL_WRITE), -1);
    tro_ring_destroy(p);
}

static void expect_refused(int control, int pixels, int reader, const char *why)
{
    struct tro_err err = {0};
    struct tro_ring *const r = tro_ring_open(control, pixels, reader, &err);
    CHECK(!r);
    CHECK_HAS(err.text, why);
    tro_ring_destroy(r);
}

TEST(what_is_no_ring_is_refused)
{
    struct tro_ring *const p = make(2);
    struct tro_err err = {0};
    CHECK_OR_RETURN(p);
    const int control = tro_ring_control_fd(p), pixels = tro_ring_pixels_fd(p);
    expect_refused(pixels, control, 0, "expected");
    expect_refused(control, control, 0, "seals");
    expect_refused(control, 0, 0, "pixels");
    expect_refused(control, pixels, 2, "damaged");
    expect_refused(control, pixels, 16, "0 to 15");
    CHECK(!tro_ring_create(&(struct tro_frame_form){.width = 63, .height = 32}, 1, &err));
    CHECK_HAS(err.text, "63 x 32");
    CHECK(!tro_ring_create(&small, 17, &err));
    tro_ring_destroy(p);
}

/* Each word of the control block in turn: opened or refused, and no access goes astray. */
TEST(a_damaged_control_block)
{
    struct tro_ring *const p = make(1);
    CHECK_OR_RETURN(p);
    put(p, 1);
    put(p, 2);
    uint32_t *const words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
                                 tro_ring_control_fd(p), 0);
    CHECK_OR_RETURN(words != MAP_FAILED);
    uint32_t before[64];
    memcpy(before, words, sizeof before);
    static const uint32_t values[] = {0, 1, 0xff, 0x7fffffff, 0xffffffff};
    for (int i = 0; i < 64; i++)
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            struct tro_frame f;
            words[i] = values[k];
            struct tro_ring *const r = tro_ring_open(tro_ring_control_fd(p), tro_ring_pixels_fd(p),
                                                     0, NULL);
            if (r && tro_ring_take(r, 0, 1000, &f)) {
                volatile uint8_t sum = 0;
                for (size_t n = 0; n < tro_frame_n_bytes(&f.form); n++)
                    sum = (uint8_t)(sum + f.bytes[n]);
                tro_ring_release(r, &f);
            }
            memset(tro_ring_begin(p), 0, tro_frame_n_bytes(&small));
            tro_ring_publish(p, 0);
            tro_ring_destroy(r);
            memcpy(words, before, sizeof before);
        }
    memset(words, 0xff, 256);
    tro_ring_forget(p, 0);
    struct tro_ring *const r = reader_of(p, 0);
    CHECK(r);
    tro_ring_destroy(r);
    munmap(words, 4096);
    tro_ring_destroy(p);
}
