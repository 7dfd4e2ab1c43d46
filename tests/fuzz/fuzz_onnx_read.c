/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a model, decodes its initializers, writes it, and reads that again: the second copy must be
 * the first. Then once more with an allocation that fails somewhere. */
#include "base/alloc.h"
#include "onnx/proto.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_initializers(struct tro_onnx_model *m)
{
    struct tro_arena arena = {0};
    for (size_t i = 0; i < m->graph.n_initializers; i++) {
        struct tro_tensor t;
        if (tro_onnx_tensor_decode(m, &arena, &m->graph.initializers[i], &t, NULL) == 0 &&
            tro_tensor_n_bytes(&t) && ((const volatile char *)t.data)[tro_tensor_n_bytes(&t) - 1])
            continue;
    }
    tro_arena_finish(&arena);
}

static void copy(const struct tro_onnx_model *m, struct tro_buf *out)
{
    struct tro_err err;
    if (tro_onnx_write(m, out, &err) < 0)
        abort();
}

static void fail_somewhere(const uint8_t *data, size_t size)
{
    struct tro_buf out = {0};
    tro_alloc_fail_after((int64_t)(size * 7 % 23));
    struct tro_onnx_model *const m = tro_onnx_read_memory(data, size, "fuzz", NULL);
    if (m) {
        decode_initializers(m);
        (void)tro_onnx_write(m, &out, NULL);
    }
    tro_alloc_fail_after(-1);
    tro_buf_finish(&out);
    tro_onnx_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tro_err err;
    struct tro_onnx_model *const m = tro_onnx_read_memory(data, size, "fuzz", &err);
    if (m) {
        struct tro_buf first = {0}, second = {0};
        decode_initializers(m);
        copy(m, &first);
        struct tro_onnx_model *const again = tro_onnx_read_memory(first.p, first.n, "copy", &err);
        if (!again)
            abort();
        copy(again, &second);
        if (first.n != second.n || memcmp(first.p, second.p, first.n) != 0)
            abort();
        tro_onnx_free(again);
        tro_buf_finish(&first);
        tro_buf_finish(&second);
    }
    tro_onnx_free(m);
    fail_somewhere(data, size);
    return 0;
}
