/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/alloc.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading --------------------------------------------------------------------------- */

void tro_file_finish(struct tro_file *f)
{
    tro_free(f->data);
    *f = (struct tro_file){0};
}

static int fail_read(struct tro_err *err, const char *path)
{
    return tro_fail(err, TRO_E_IO, "%s: cannot read: %s", path, strerror(errno));
}

static int fail_size(struct tro_err *err, const char *path, size_t max_bytes)
{
    return tro_fail(err, TRO_E_INPUT, "%s: expected at most %zu bytes, found more", path,
                    max_bytes);
}

static int grow_file(struct tro_file *f, size_t *cap)
{
    void *const p = *cap > SIZE_MAX / 2 ? NULL : tro_malloc_aligned(*cap * 2);
    if (!p)
        return TRO_E_NOMEM;
    memcpy(p, f->data, f->n_bytes);
    tro_free(f->data);
    f->data = p;
    *cap *= 2;
    return 0;
}

static int read_all(struct tro_file *f, int fd, const char *path, size_t max_bytes,
                    struct tro_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail_read(err, path);
    const bool has_size = S_ISREG(st.st_mode) && st.st_size > 0;
    if (has_size && max_bytes && (uint64_t)st.st_size > max_bytes)
        return fail_size(err, path, max_bytes);
    /* One byte more than the size, so that the end is seen without growing. */
    size_t cap = has_size ? (size_t)st.st_size + 1 : 65536;
    f->data = tro_malloc_aligned(cap);
    if (!f->data)
        return tro_fail_nomem(err);
    for (;;) {
        if (f->n_bytes == cap && grow_file(f, &cap) < 0)
            return tro_fail_nomem(err);
        const ssize_t n = read(fd, (char *)f->data + f->n_bytes, cap - f->n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_read(err, path);
        if (n == 0)
            return 0;
        f->n_bytes += (size_t)n;
        if (max_bytes && f->n_bytes > max_bytes)
            return fail_size(err, path, max_bytes);
    }
}

int tro_file_read(struct tro_file *f, const char *path, size_t max_bytes, struct tro_err *err)
{
    *f = (struct tro_file){0};
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_read(err, path);
    const int rc = read_all(f, fd, path, max_bytes, err);
    close(fd);
    if (rc < 0)
        tro_file_finish(f);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------- */

static int fail_write(struct tro_err *err, const char *path, int error)
{
    return tro_fail(err, TRO_E_IO, "%s: cannot write: %s", path, strerror(error));
}

/* 0 or errno. */
static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        const ssize_t k = write(fd, p, n);
        if (k < 0 && errno != EINTR)
            return errno;
        if (k > 0) {
            p += k;
            n -= (size_t)k;
        }
    }
    return 0;
}

/* A device or a pipe is written to, not replaced. */
static int write_in_place(const char *path, const void *data, size_t n_bytes)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write_all(fd, data, n_bytes);
    if (close(fd) < 0 && !error)
        error = errno;
    return error;
}

/* Without this the rename itself may be lost with the power. A folder that cannot be opened or
 * synced (some network file systems) is no reason to call a complete file failed. */
static void sync_folder(char *path)
{
    char *const slash = strrchr(path, '/');
    if (slash)
        slash[slash == path] = 0;
    const int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

/* A new file in the target's folder, its path put into temp. The counter is for threads and for
 * what an earlier process of the same number left behind. Returns the descriptor, or -1. */
static int open_temp(char *temp, size_t size, const char *path, mode_t mode)
{
    static atomic_uint counter;
    const int n_folder = (int)(tro_path_base(path) - path);
    int fd = -1;
    for (int i = 0; i < 1000 && fd < 0 && (i == 0 || errno == EEXIST); i++) {
        snprintf(temp, size, "%.*s.trocar-%ld-%u.tmp", n_folder, path, (long)getpid(),
                 atomic_fetch_add(&counter, 1));
        fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    }
    return fd;
}

static int fill_temp(int fd, const struct stat *old, const void *data, size_t n_bytes)
{
    int error = write_all(fd, data, n_bytes);
    if (!error && old && fchmod(fd, old->st_mode & 0777) < 0)
        error = errno;
    if (!error && fsync(fd) < 0)
        error = errno;
    if (close(fd) < 0 && !error)
        error = errno;
    return error;
}

/* old is the target as it was, NULL where there was none. */
static int replace(const char *path, const struct stat *old, const void *data, size_t n_bytes,
                   struct tro_err *err)
{
    const size_t size = strlen(path) + 64;
    char *const temp = tro_malloc(size);
    if (!temp)
        return tro_fail_nomem(err);
    int error = 0;
    const int fd = open_temp(temp, size, path, old ? old->st_mode & 0777 : 0666);
    if (fd < 0) {
        error = errno;
        goto out;
    }
    error = fill_temp(fd, old, data, n_bytes);
    if (!error && rename(temp, path) < 0)
        error = errno;
    if (error)
        (void)unlink(temp);
    else
        sync_folder(temp);
out:
    tro_free(temp);
    return error ? fail_write(err, path, error) : 0;
}

int tro_file_write(const char *path, const void *data, size_t n_bytes, struct tro_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return replace(path, NULL, data, n_bytes, err);
    if (!S_ISREG(st.st_mode)) {
        const int error = write_in_place(path, data, n_bytes);
        return error ? fail_write(err, path, error) : 0;
    }
    /* Through a symbolic link, so that the file it names is replaced and not the link. */
    char *const target = realpath(path, NULL);
    const int rc = replace(target ? target : path, &st, data, n_bytes, err);
    free(target);
    return rc;
}
