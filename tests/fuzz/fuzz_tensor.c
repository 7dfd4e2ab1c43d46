/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor file, .npy or TensorProto by its first byte: what is read is written as both and read
 * back, and must be the same where the format has the type. */
#include "io/npy.h"
#include "onnx/proto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct tro_tensor *a, const struct tro_tensor *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank ||
        memcmp(a->shape, b->shape, (size_t)a->rank * sizeof(*a->shape)) != 0 ||
        memcmp(a->data, b->data, tro_tensor_n_bytes(a)) != 0)
        abort();
}

static void through_pb(const struct tro_tensor *t, struct tro_arena *arena)
{
    struct tro_onnx_tensor message, read;
    struct tro_buf buf = {0};
    struct tro_tensor back;
    if (tro_onnx_tensor_encode(arena, TRO_STR("t"), t, &message, NULL) < 0)
        abort();
    tro_onnx_write_tensor(&message, &buf);
    const struct tro_str bytes = {(const char *)buf.p, buf.n};
    if (tro_onnx_read_tensor(arena, bytes, &read, NULL) < 0 ||
        tro_onnx_tensor_decode(NULL, arena, &read, &back, NULL) < 0)
        abort();
    check_same(t, &back);
    tro_buf_finish(&buf);
}

static void through_npy(const struct tro_tensor *t, struct tro_arena *arena)
{
    struct tro_buf buf = {0};
    struct tro_tensor back;
    tro_npy_format(t, &buf);
    if (tro_npy_parse((struct tro_str){(const char *)buf.p, buf.n}, arena, &back, NULL) < 0)
        abort();
    back.dtype = t->dtype;
    check_same(t, &back);
    tro_buf_finish(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_arena arena = {0};
    struct tro_onnx_tensor message;
    struct tro_tensor t;
    struct tro_err err;
    const struct tro_str bytes = {(const char *)data, size};
    int rc;
    if (size && data[0] == 0x93)
        rc = tro_npy_parse(bytes, &arena, &t, &err);
    else if ((rc = tro_onnx_read_tensor(&arena, bytes, &message, &err)) >= 0)
        rc = tro_onnx_tensor_decode(NULL, &arena, &message, &t, &err);
    if (rc >= 0) {
        through_pb(&t, &arena);
        through_npy(&t, &arena);
    }
    tro_arena_finish(&arena);
    return 0;
}
