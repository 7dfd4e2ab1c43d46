/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

bool tro_file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

bool tro_dir_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *tro_path_base(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool tro_path_has_ext(const char *path, const char *ext)
{
    const char *const base = tro_path_base(path);
    const size_t n = strlen(base), n_ext = strlen(ext);
    return n >= n_ext && strcasecmp(base + n - n_ext, ext) == 0;
}

/* Each folder of the path in turn, by cutting it at the slashes and mending it again. */
static int create_all(char *path, struct tro_err *err)
{
    for (char *p = path + 1;; p++) {
        const char c = *p;
        if (c != '/' && c != 0)
            continue;
        *p = 0;
        const int failed = mkdir(path, 0777) == 0 ? 0 : errno;
        if (failed && !tro_dir_exists(path))
            return tro_fail(err, TRO_E_IO, "%s: cannot create the folder: %s", path,
                            strerror(failed));
        *p = c;
        if (c == 0)
            return 0;
    }
}

int tro_dir_create(const char *path, struct tro_err *err)
{
    if (!*path)
        return tro_fail(err, TRO_E_INPUT, "expected the name of a folder to create, found none");
    struct tro_arena a = {0};
    char *const copy = tro_arena_strdup(&a, path);
    const int rc = copy ? create_all(copy, err) : tro_fail_nomem(err);
    tro_arena_finish(&a);
    return rc;
}

struct names {
    struct tro_arena arena;
    char **items;
    size_t n, cap;
};

static int read_names(struct names *v, const char *path, DIR *dir, struct tro_err *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *const e = readdir(dir);
        if (!e && errno)
            return tro_fail(err, TRO_E_IO, "%s: cannot list: %s", path, strerror(errno));
        if (!e)
            return 0;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *const name = tro_arena_strdup(&v->arena, e->d_name);
        if (!name || TRO_GROW(&v->items, v->n, &v->cap) < 0)
            return tro_fail_nomem(err);
        v->items[v->n++] = name;
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int tro_dir_list(const char *path, int (*fn)(void *ctx, const char *name, struct tro_err *err),
                 void *ctx, struct tro_err *err)
{
    DIR *const dir = opendir(path);
    if (!dir)
        return tro_fail(err, TRO_E_IO, "%s: cannot list: %s", path, strerror(errno));
    struct names v = {0};
    int rc = read_names(&v, path, dir, err);
    closedir(dir);
    if (rc == 0 && v.n > 1)
        qsort(v.items, v.n, sizeof(*v.items), compare_names);
    for (size_t i = 0; rc >= 0 && i < v.n; i++)
        rc = fn(ctx, v.items[i], err);
    tro_free(v.items);
    tro_arena_finish(&v.arena);
    return rc < 0 ? rc : 0;
}
