/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tensor_file.h"

#include "base/err.h"
#include "base/file.h"
#include "io/npy.h"
#include "onnx/tensor.h"

#include <string.h>

/* ---- reading --------------------------------------------------------------------------- */

static int copy_data(struct tro_arena *arena, const void *from, struct tro_tensor *t,
                     struct tro_err *err)
{
    const size_t n_bytes = tro_tensor_n_bytes(t);
    t->data = tro_arena_alloc64(arena, n_bytes);
    if (!t->data)
        return tro_fail_nomem(err);
    if (n_bytes)
        memcpy(t->data, from, n_bytes);
    if (t->dtype == TRO_BOOL)
        tro_bool_normalize(t->data, n_bytes);
    return 0;
}

static int parse_pb(struct tro_str bytes, struct tro_arena *arena, struct tro_tensor *out,
                    struct tro_err *err)
{
    struct tro_onnx_tensor t;
    TRO_TRY(tro_onnx_read_tensor(arena, bytes, &t, err));
    TRO_TRY(tro_onnx_tensor_decode(NULL, arena, &t, out, err));
    /* What is decoded may view the bytes, which go. */
    return copy_data(arena, out->data, out, err);
}

static int read_pb(const char *path, struct tro_arena *arena, struct tro_tensor *out,
                   struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, 0, err));
    const struct tro_str bytes = {file.data, file.n_bytes};
    const int rc = tro_err_prefix(err, parse_pb(bytes, arena, out, err), "%s: ", path);
    tro_file_finish(&file);
    return rc;
}

static int read_raw(const char *path, struct tro_arena *arena, const struct tro_tensor *raw_as,
                    struct tro_tensor *out, struct tro_err *err)
{
    char text[TRO_TENSOR_TEXT];
    TRO_TRY(tro_err_prefix(
        err, tro_tensor_set_shape(out, raw_as->dtype, raw_as->shape, (size_t)raw_as->rank, err),
        "%s: ", path));
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, path, 0, err));
    int rc;
    if (file.n_bytes == tro_tensor_n_bytes(out))
        rc = copy_data(arena, file.data, out, err);
    else
        rc = tro_fail(err, TRO_E_INPUT, "%s: expected %zu bytes for %s, found %zu", path,
                      tro_tensor_n_bytes(out), tro_tensor_text(out, text), file.n_bytes);
    tro_file_finish(&file);
    return rc;
}

int tro_tensor_file_read(const char *path, struct tro_arena *arena, const struct tro_tensor *raw_as,
                         struct tro_tensor *out, struct tro_err *err)
{
    if (tro_path_has_ext(path, ".npy"))
        return tro_npy_read(path, arena, out, err);
    if (tro_path_has_ext(path, ".pb"))
        return read_pb(path, arena, out, err);
    if (raw_as)
        return read_raw(path, arena, raw_as, out, err);
    return tro_fail(
        err, TRO_E_INPUT,
        "%s: expected a .npy or .pb file, found another: the type and shape of a raw file "
        "are not known here",
        path);
}

/* ---- writing --------------------------------------------------------------------------- */

static int write_pb(const char *path, const struct tro_tensor *t, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_buf buf = {0};
    struct tro_onnx_tensor message;
    int rc = tro_onnx_tensor_encode(&arena, (struct tro_str){0}, t, &message, err);
    if (rc >= 0)
        tro_onnx_write_tensor(&message, &buf);
    if (buf.failed)
        rc = tro_fail_nomem(err);
    if (rc >= 0)
        rc = tro_file_write(path, buf.p, buf.n, err);
    tro_buf_finish(&buf);
    tro_arena_finish(&arena);
    return rc;
}

int tro_tensor_file_write(const char *path, const struct tro_tensor *t, struct tro_err *err)
{
    if (tro_path_has_ext(path, ".npy"))
        return tro_npy_write(path, t, err);
    if (tro_path_has_ext(path, ".pb"))
        return write_pb(path, t, err);
    return tro_fail(err, TRO_E_INPUT, "%s: expected a name that ends in .npy or .pb, found another",
                    path);
}
