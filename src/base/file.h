/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files. */
#ifndef TRO_BASE_FILE_H
#define TRO_BASE_FILE_H

#include <stdbool.h>
#include <trocar/trocar.h>

struct tro_file {
    void *data; /* own copy, 64-byte aligned */
    size_t n_bytes;
};

/* Reads a regular file (or a pipe) whole. Messages begin with the path: "net.onnx: cannot read:
 * No such file or directory". max_bytes 0 = no limit. */
int tro_file_read(struct tro_file *f, const char *path, size_t max_bytes, struct tro_err *err);
void tro_file_finish(struct tro_file *f);

/* Writes beside the target, flushes to disk, renames over it: the file from before stays whole
 * until the new one is complete. */
int tro_file_write(const char *path, const void *data, size_t n_bytes, struct tro_err *err);

/* mkdir -p. */
int tro_dir_create(const char *path, struct tro_err *err);
bool tro_file_exists(const char *path);
bool tro_dir_exists(const char *path);

/* Last component; extension with its dot in lower case compared, e.g. tro_path_has_ext(p,
 * ".onnx"). */
const char *tro_path_base(const char *path);
bool tro_path_has_ext(const char *path, const char *ext);

/* Calls fn for each name in the folder in strcmp order, without "." and ".."; stops at rc < 0. */
int tro_dir_list(const char *path, int (*fn)(void *ctx, const char *name, struct tro_err *err),
                 void *ctx, struct tro_err *err);

#endif
