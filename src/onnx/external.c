/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "onnx/tensor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char path[1024]; /* relative to the model's folder */
    uint64_t offset, n_bytes;
};

/* ---- what the model asks for ----------------------------------------------------------- */

static int parse_number(struct tro_str s, const char *key, uint64_t *out, struct tro_err *err)
{
    uint64_t v = 0;
    bool is_number = s.n > 0;
    for (size_t i = 0; i < s.n && is_number; i++)
        is_number = s.p[i] >= '0' && s.p[i] <= '9' && !__builtin_mul_overflow(v, 10, &v) &&
                    !__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
    if (!is_number || v > INT64_MAX)
        return tro_fail(err, TRO_E_INPUT, "external_data: expected a number as %s, found '%.*s'",
                        key, (int)(s.n < 100 ? s.n : 100), s.n ? s.p : "");
    *out = v;
    return 0;
}

static bool has_parent_step(const char *path)
{
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0))
            return true;
    }
    return false;
}

static int set_path(struct place *place, struct tro_str location, struct tro_err *err)
{
    if (location.n == 0)
        return tro_fail(err, TRO_E_INPUT, "external_data: expected a location, found none");
    if (location.n >= sizeof(place->path) || memchr(location.p, 0, location.n))
        return tro_fail(
            err, TRO_E_INPUT,
            "external_data: expected a location of at most %zu bytes without NUL, found "
            "another",
            sizeof(place->path) - 1);
    memcpy(place->path, location.p, location.n);
    place->path[location.n] = 0;
    if (place->path[0] == '/' || has_parent_step(place->path))
        return tro_fail(err, TRO_E_INPUT,
                        "external_data: expected a path within the model's folder, found '%s'",
                        place->path);
    return 0;
}

static int parse_place(const struct tro_onnx_tensor *t, size_t n_bytes, struct place *place,
                       struct tro_err *err)
{
    struct tro_str location = {0};
    *place = (struct place){.n_bytes = n_bytes};
    for (size_t i = 0; i < t->n_external; i++) {
        const struct tro_onnx_pair *const e = &t->external[i];
        if (tro_str_eqz(e->key, "location"))
            location = e->value;
        else if (tro_str_eqz(e->key, "offset"))
            TRO_TRY(parse_number(e->value, "offset", &place->offset, err));
        else if (tro_str_eqz(e->key, "length"))
            TRO_TRY(parse_number(e->value, "length", &place->n_bytes, err));
    }
    if (place->n_bytes != n_bytes)
        return tro_fail(err, TRO_E_INPUT,
                        "external_data: expected a length of %zu bytes, found %llu", n_bytes,
                        (unsigned long long)place->n_bytes);
    return set_path(place, location, err);
}

/* ---- opening without leaving the folder ------------------------------------------------ */

static int fail_open(const char *path, int error, struct tro_err *err)
{
    if (error == ELOOP || error == ENOTDIR)
        return tro_fail(
            err, TRO_E_INPUT,
            "%s: expected a file within the model's folder, found a symbolic link or no "
            "folder on the way: put the file itself beside the model",
            path);
    return tro_fail(err, TRO_E_IO, "%s: cannot open: %s", path, strerror(error));
}

/* Opens a part of the path relative to *fd, which it replaces. 0 or errno. */
static int step(int *fd, const char *part, bool is_last)
{
    /* Not blocking, for a pipe in the file's place. */
    const int flags = is_last ? O_RDONLY | O_NONBLOCK : O_RDONLY | O_DIRECTORY;
    const int next = openat(*fd, part, flags | O_NOFOLLOW | O_CLOEXEC);
    const int error = next < 0 ? errno : 0;
    close(*fd);
    *fd = next;
    return error;
}

/* path is cut at its slashes on the way. Returns a descriptor. */
static int open_inside(const char *dir, const char *path, struct tro_err *err)
{
    char parts[sizeof(((struct place *)0)->path)];
    memcpy(parts, path, strlen(path) + 1);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_open(dir, errno, err);
    char *rest;
    for (char *part = strtok_r(parts, "/", &rest); part;) {
        char *const next = strtok_r(NULL, "/", &rest);
        const int error = step(&fd, part, next == NULL);
        if (error)
            return fail_open(path, error, err);
        part = next;
    }
    return fd;
}

/* ---- reading --------------------------------------------------------------------------- */

static int read_range(int fd, const struct place *place, uint8_t *to, struct tro_err *err)
{
    uint64_t n = 0;
    while (n < place->n_bytes) {
        const ssize_t k = pread(fd, to + n, (size_t)(place->n_bytes - n),
                                (off_t)(place->offset + n));
        if (k < 0 && errno != EINTR)
            return tro_fail(err, TRO_E_IO, "%s: cannot read: %s", place->path, strerror(errno));
        if (k == 0)
            return tro_fail(err, TRO_E_IO, "%s: expected %llu bytes, found %llu: the file was cut",
                            place->path, (unsigned long long)place->n_bytes, (unsigned long long)n);
        if (k > 0)
            n += (uint64_t)k;
    }
    return 0;
}

static int check_range(int fd, const struct place *place, struct tro_err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return tro_fail(err, TRO_E_IO, "%s: cannot read: %s", place->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tro_fail(err, TRO_E_INPUT, "%s: expected a regular file, found another kind",
                        place->path);
    const uint64_t size = (uint64_t)st.st_size;
    if (place->offset > size || place->n_bytes > size - place->offset)
        return tro_fail(err, TRO_E_INPUT,
                        "%s: expected %llu bytes from byte %llu on, found a file of %llu bytes",
                        place->path, (unsigned long long)place->n_bytes,
                        (unsigned long long)place->offset, (unsigned long long)size);
    return 0;
}

int tro_onnx_external_read(const char *dir, const struct tro_onnx_tensor *t, size_t n_bytes,
                           struct tro_arena *arena, struct tro_str *out, struct tro_err *err)
{
    struct place place;
    TRO_TRY(parse_place(t, n_bytes, &place, err));
    const int fd = open_inside(dir, place.path, err);
    TRO_TRY(fd);
    int rc = check_range(fd, &place, err);
    uint8_t *to = NULL;
    if (rc >= 0 && !(to = tro_arena_alloc64(arena, n_bytes)))
        rc = tro_fail_nomem(err);
    if (rc >= 0)
        rc = read_range(fd, &place, to, err);
    close(fd);
    *out = (struct tro_str){(const char *)to, n_bytes};
    return rc;
}
