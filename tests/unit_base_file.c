/* SPDX-License-Identifier: Apache-2.0 */
/* Files and paths. Each test works in a folder of its own under TMPDIR. */
#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[200];

static bool folder_create(void)
{
    const char *const tmp = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/tro_unit_XXXXXX", tmp && strlen(tmp) < 150 ? tmp : "/tmp");
    return CHECK(mkdtemp(folder) != NULL);
}

static const char *in_folder(const char *name)
{
    static char paths[4][300];
    static int next;
    char *const path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static int remove_entry(void *ctx, const char *name, struct tro_err *err)
{
    (void)ctx;
    (void)err;
    (void)remove(in_folder(name));
    return 0;
}

static void folder_remove(void)
{
    CHECK_INT(tro_dir_list(folder, remove_entry, NULL, NULL), 0);
    CHECK_INT(rmdir(folder), 0);
}

static int count_entry(void *ctx, const char *name, struct tro_err *err)
{
    (void)name;
    (void)err;
    ++*(int *)ctx;
    return 0;
}

static int n_entries(void)
{
    int n = 0;
    CHECK_INT(tro_dir_list(folder, count_entry, &n, NULL), 0);
    return n;
}

static bool holds(const char *path, const void *data, size_t n)
{
    struct tro_file f;
    struct tro_err err = {0};
    if (tro_file_read(&f, path, 0, &err) < 0)
        return false;
    const bool same = f.n_bytes == n && memcmp(f.data, data, n) == 0;
    tro_file_finish(&f);
    return same;
}

TEST(file_round_trip)
{
    if (!folder_create())
        return;
    static uint8_t data[200001];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    struct tro_err err = {0};
    const size_t sizes[] = {0, 1, 63, 64, 65536, 65537, sizeof(data)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        CHECK_INT(tro_file_write(in_folder("a"), data, sizes[i], &err), 0);
        CHECK(holds(in_folder("a"), data, sizes[i]));
    }
    struct tro_file f;
    CHECK_INT(tro_file_read(&f, in_folder("a"), sizeof(data), &err), 0);
    CHECK_INT((uintptr_t)f.data % 64, 0);
    tro_file_finish(&f);
    CHECK(f.data == NULL && f.n_bytes == 0);
    CHECK_INT(tro_file_write(in_folder("empty"), NULL, 0, &err), 0);
    CHECK_INT(tro_file_read(&f, in_folder("empty"), 0, &err), 0);
    CHECK(f.data != NULL && f.n_bytes == 0);
    tro_file_finish(&f);
    CHECK_INT(n_entries(), 2);
    folder_remove();
}

TEST(file_read_errors)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    struct tro_file f;
    CHECK_INT(tro_file_read(&f, in_folder("none"), 0, &err), TRO_E_IO);
    CHECK_HAS(err.text, "/none: cannot read: No such file or directory");
    CHECK(memcmp(err.text, folder, strlen(folder)) == 0);
    CHECK(f.data == NULL);
    CHECK_INT(tro_file_read(&f, folder, 0, &err), TRO_E_IO);
    CHECK_HAS(err.text, "cannot read: Is a directory");
    CHECK_INT(tro_file_write(in_folder("a"), "12345", 5, &err), 0);
    CHECK_INT(tro_file_read(&f, in_folder("a"), 4, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "/a: expected at most 4 bytes, found more");
    CHECK(f.data == NULL);
    CHECK_INT(tro_file_read(&f, in_folder("a"), 5, &err), 0);
    tro_file_finish(&f);
    tro_alloc_fail_after(0);
    CHECK_INT(tro_file_read(&f, in_folder("a"), 0, &err), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
    folder_remove();
}

/* 300 kB: more than the first buffer, and more than a pipe holds. */
static void *feed(void *arg)
{
    const int fd = *(int *)arg;
    static char block[1000];
    memset(block, 'p', sizeof(block));
    for (int i = 0; i < 300; i++)
        if (write(fd, block, sizeof(block)) != sizeof(block))
            break;
    close(fd);
    return NULL;
}

static int read_pipe(struct tro_file *f, size_t max_bytes, struct tro_err *err)
{
    int fds[2];
    char path[40];
    pthread_t thread;
    if (pipe(fds) != 0 || pthread_create(&thread, NULL, feed, &fds[1]) != 0)
        return 1;
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
    const int rc = tro_file_read(f, path, max_bytes, err);
    close(fds[0]);
    pthread_join(thread, NULL);
    return rc;
}

TEST(file_read_from_a_pipe)
{
    signal(SIGPIPE, SIG_IGN);
    struct tro_file f;
    struct tro_err err = {0};
    CHECK_INT(read_pipe(&f, 0, &err), 0);
    CHECK_INT(f.n_bytes, 300000);
    CHECK(f.data && ((char *)f.data)[299999] == 'p');
    tro_file_finish(&f);
    CHECK_INT(read_pipe(&f, 100000, &err), TRO_E_INPUT);
    CHECK(f.data == NULL);
    tro_alloc_fail_after(1);
    CHECK_INT(read_pipe(&f, 0, &err), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
    signal(SIGPIPE, SIG_DFL);
}

/* The file from before stays whole, and nothing is left beside it. */
TEST(file_write_keeps_old_on_failure)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    const char *const path = in_folder("net.plan");
    CHECK_INT(tro_file_write(path, "old", 3, &err), 0);

    static char data[100000];
    struct rlimit before, small;
    CHECK_INT(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 5000; /* the disk is full after 5000 bytes */
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), 0);
    const int rc = tro_file_write(path, data, sizeof(data), &err);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    CHECK_INT(rc, TRO_E_IO);
    CHECK_HAS(err.text, "/net.plan: cannot write: File too large");
    CHECK(holds(path, "old", 3));
    CHECK_INT(n_entries(), 1);

    tro_alloc_fail_after(0);
    CHECK_INT(tro_file_write(path, "new", 3, &err), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
    CHECK(holds(path, "old", 3));
    CHECK_INT(n_entries(), 1);
    folder_remove();
}

TEST(file_write_errors)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    CHECK_INT(tro_file_write(in_folder("no/a"), "x", 1, &err), TRO_E_IO);
    CHECK_HAS(err.text, "/no/a: cannot write: No such file or directory");
    CHECK_INT(tro_file_write(folder, "x", 1, &err), TRO_E_IO);
    CHECK_HAS(err.text, "cannot write: Is a directory");
    CHECK_INT(n_entries(), 0);
    CHECK_INT(tro_file_write("", "x", 1, &err), TRO_E_IO);
    folder_remove();
}

TEST(file_write_keeps_mode_and_links)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    struct stat st;
    const mode_t mask = umask(027);
    CHECK_INT(tro_file_write(in_folder("a"), "1", 1, &err), 0);
    umask(mask);
    CHECK(stat(in_folder("a"), &st) == 0 && (st.st_mode & 0777) == 0640);
    CHECK_INT(chmod(in_folder("a"), 0604), 0);
    CHECK_INT(symlink("a", in_folder("link")), 0);
    CHECK_INT(tro_file_write(in_folder("link"), "22", 2, &err), 0);
    CHECK(lstat(in_folder("link"), &st) == 0 && S_ISLNK(st.st_mode));
    CHECK(lstat(in_folder("a"), &st) == 0 && (st.st_mode & 0777) == 0604);
    CHECK(holds(in_folder("a"), "22", 2));
    CHECK_INT(n_entries(), 2);
    folder_remove();
}

TEST(file_write_to_devices_and_pipes)
{
    struct tro_err err = {0};
    struct stat st;
    CHECK_INT(tro_file_write("/dev/null", "x", 1, &err), 0);
    CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode));
    CHECK_INT(tro_file_write("/dev/full", "x", 1, &err), TRO_E_IO);
    CHECK_STR(err.text, "/dev/full: cannot write: No space left on device");
    int fds[2];
    char path[40], got[4] = "";
    CHECK_OR_RETURN(pipe(fds) == 0);
    snprintf(path, sizeof(path), "/dev/fd/%d", fds[1]);
    CHECK_INT(tro_file_write(path, "abc", 3, &err), 0);
    CHECK_INT(read(fds[0], got, 3), 3);
    CHECK_STR(got, "abc");
    close(fds[0]);
    close(fds[1]);
}

/* What a process of the same number left behind does not stand in the way. */
TEST(file_write_passes_leftovers)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    for (int i = 0; i < 60; i++) {
        char name[64];
        snprintf(name, sizeof(name), ".trocar-%ld-%d.tmp", (long)getpid(), i);
        const int fd = open(in_folder(name), O_WRONLY | O_CREAT, 0600);
        CHECK_OR_RETURN(fd >= 0 && close(fd) == 0);
    }
    CHECK_INT(tro_file_write(in_folder("a"), "1", 1, &err), 0);
    CHECK(holds(in_folder("a"), "1", 1));
    CHECK_INT(n_entries(), 61);
    folder_remove();
}

TEST(file_long_name)
{
    if (!folder_create())
        return;
    char name[256];
    memset(name, 'n', 255);
    name[255] = 0;
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct tro_err err = {0};
    CHECK_INT(tro_file_write(path, "1", 1, &err), 0);
    CHECK(holds(path, "1", 1));
    CHECK_INT(unlink(path), 0);
    folder_remove();
}

TEST(dir_create_all)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    CHECK_INT(tro_dir_create(in_folder("a/b//c/"), &err), 0);
    CHECK(tro_dir_exists(in_folder("a/b/c")));
    CHECK_INT(tro_dir_create(in_folder("a/b/c"), &err), 0);
    CHECK_INT(tro_dir_create(folder, &err), 0);
    CHECK_INT(tro_dir_create("/", &err), 0);
    CHECK_INT(tro_dir_create("", &err), TRO_E_INPUT);
    CHECK_INT(tro_file_write(in_folder("f"), "", 0, &err), 0);
    CHECK_INT(tro_dir_create(in_folder("f"), &err), TRO_E_IO);
    CHECK_INT(tro_dir_create(in_folder("f/g"), &err), TRO_E_IO);
    CHECK_HAS(err.text, "/f: cannot create the folder: File exists");
    CHECK(tro_file_exists(in_folder("f")) && !tro_dir_exists(in_folder("f")));
    CHECK(!tro_file_exists(in_folder("a")) && !tro_file_exists(in_folder("none")));
    tro_alloc_fail_after(0);
    CHECK_INT(tro_dir_create(in_folder("x"), &err), TRO_E_NOMEM);
    tro_alloc_fail_after(-1);
    CHECK_INT(rmdir(in_folder("a/b/c")) + rmdir(in_folder("a/b")), 0);
    folder_remove();
}

struct listing {
    char text[100];
    int n, stop_at;
};

static int add_name(void *ctx, const char *name, struct tro_err *err)
{
    struct listing *const l = ctx;
    if (++l->n == l->stop_at)
        return tro_fail(err, TRO_E_UNSUPPORTED, "stopped at %s", name);
    strcat(strcat(l->text, name), " ");
    return 0;
}

TEST(dir_list_in_order)
{
    if (!folder_create())
        return;
    struct tro_err err = {0};
    static const char *const names[] = {"b", "a10", "a2", ".hidden", "B", "a", "z1", "z2", "z3"};
    for (size_t i = 0; i < 9; i++)
        CHECK_INT(tro_file_write(in_folder(names[i]), "", 0, &err), 0);
    struct listing all = {0}, some = {.stop_at = 3};
    CHECK_INT(tro_dir_list(folder, add_name, &all, &err), 0);
    CHECK_STR(all.text, ".hidden B a a10 a2 b z1 z2 z3 ");
    CHECK_INT(tro_dir_list(folder, add_name, &some, &err), TRO_E_UNSUPPORTED);
    CHECK_STR(some.text, ".hidden B ");
    CHECK_STR(err.text, "stopped at a");
    CHECK_INT(tro_dir_list(in_folder("none"), add_name, &some, &err), TRO_E_IO);
    CHECK_HAS(err.text, "/none: cannot list: No such file or directory");
    int n_failures = 0;
    for (struct listing l = {0}; n_failures < 20; n_failures++, l = (struct listing){0}) {
        tro_alloc_fail_after(n_failures);
        const int rc = tro_dir_list(folder, add_name, &l, &err);
        tro_alloc_fail_after(-1);
        if (rc == 0)
            break;
        CHECK_INT(rc, TRO_E_NOMEM);
        CHECK_INT(l.n, 0);
    }
    CHECK_INT(n_failures, 3); /* the arena's chunk, the array, the array again */
    folder_remove();
}

TEST(paths)
{
    CHECK_STR(tro_path_base("a/b/net.onnx"), "net.onnx");
    CHECK_STR(tro_path_base("net"), "net");
    CHECK_STR(tro_path_base("a/"), "");
    CHECK(tro_path_has_ext("a/net.onnx", ".onnx"));
    CHECK(tro_path_has_ext("a/NET.Onnx", ".onnx"));
    CHECK(!tro_path_has_ext("a/net.onnx.bak", ".onnx"));
    CHECK(!tro_path_has_ext("a/netonnx", ".onnx"));
    CHECK(!tro_path_has_ext("a.onnx/x", ".onnx"));
    CHECK(!tro_path_has_ext("nnx", ".onnx"));
}
