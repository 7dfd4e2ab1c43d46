/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes for tests/test_wire.py:
 *     tool_onnx_copy model|tensor|decode [IN OUT]...
 * model: .onnx to .onnx; tensor: TensorProto to TensorProto; decode: any tensor file to .npy or
 * .pb. A failure is one line on standard output that begins with the name of the file; the other
 * pairs are still done, and the exit code is 1.
 */
#include "base/err.h"
#include "io/tensor_file.h"
#include "onnx/proto.h"

#include <stdio.h>
#include <string.h>

static int copy_model(const char *in, const char *out, struct tro_err *err)
{
    struct tro_onnx_model *const m = tro_onnx_read(in, err);
    if (!m)
        return err->status;
    struct tro_buf buf = {0};
    int rc = tro_err_prefix(err, tro_onnx_write(m, &buf, err), "%s: ", in);
    if (rc >= 0)
        rc = tro_file_write(out, buf.p, buf.n, err);
    tro_buf_finish(&buf);
    tro_onnx_free(m);
    return rc;
}

static int copy_tensor(const char *in, const char *out, struct tro_err *err)
{
    struct tro_file file;
    TRO_TRY(tro_file_read(&file, in, 0, err));
    struct tro_arena arena = {0};
    struct tro_buf buf = {0};
    struct tro_onnx_tensor t;
    const struct tro_str bytes = {file.data, file.n_bytes};
    int rc = tro_err_prefix(err, tro_onnx_read_tensor(&arena, bytes, &t, err), "%s: ", in);
    if (rc >= 0) {
        tro_onnx_write_tensor(&t, &buf);
        rc = buf.failed ? tro_fail_nomem(err) : tro_file_write(out, buf.p, buf.n, err);
    }
    tro_buf_finish(&buf);
    tro_arena_finish(&arena);
    tro_file_finish(&file);
    return rc;
}

static int decode_tensor(const char *in, const char *out, struct tro_err *err)
{
    struct tro_arena arena = {0};
    struct tro_tensor t;
    int rc = tro_tensor_file_read(in, &arena, NULL, &t, err);
    if (rc >= 0)
        rc = tro_tensor_file_write(out, &t, err);
    tro_arena_finish(&arena);
    return rc;
}

int main(int argc, char **argv)
{
    const char *const mode = argc > 1 ? argv[1] : "";
    int (*const copy)(const char *, const char *,
                      struct tro_err *) = strcmp(mode, "model") == 0    ? copy_model
                                          : strcmp(mode, "tensor") == 0 ? copy_tensor
                                          : strcmp(mode, "decode") == 0 ? decode_tensor
                                                                        : NULL;
    if (!copy || argc % 2 != 0) {
        fprintf(stderr, "usage: tool_onnx_copy model|tensor|decode [IN OUT]...\n");
        return 2;
    }
    int n_failed = 0;
    for (int i = 2; i < argc; i += 2) {
        struct tro_err err = {0};
        if (copy(argv[i], argv[i + 1], &err) >= 0)
            continue;
        printf("%s\n", err.text);
        n_failed++;
    }
    return n_failed > 0;
}
