/* SPDX-License-Identifier: Apache-2.0 */
/* Messages made by hand, byte by byte, for tests of the ONNX reader. */
#ifndef TRO_TESTS_PROTO_BUILD_H
#define TRO_TESTS_PROTO_BUILD_H

#include "onnx/proto.h"
#include "onnx/wire.h"

#include <string.h>

static inline void put_text(struct tro_buf *b, uint32_t number, const char *text)
{
    tro_wire_put_bytes(b, number, (struct tro_str){text, strlen(text)});
}

static inline void put_int(struct tro_buf *b, uint32_t number, int64_t v)
{
    tro_wire_put_varint(b, number, (uint64_t)v);
}

/* The content of one buffer as a message in another; the content's buffer is emptied. */
static inline void put_message(struct tro_buf *b, uint32_t number, struct tro_buf *content)
{
    tro_wire_put_bytes(b, number, (struct tro_str){(const char *)content->p, content->n});
    tro_buf_finish(content);
}

static inline struct tro_str str_of(const struct tro_buf *b)
{
    return (struct tro_str){(const char *)b->p, b->n};
}

/* ---- a whole model --------------------------------------------------------------------- */

static inline void put_attrs(struct tro_buf *node)
{
    struct tro_buf a = {0}, t = {0};
    put_text(&a, 1, "alpha");
    tro_wire_put_fixed32(&a, 2, 0x3fc00000);
    put_int(&a, 20, TRO_ONNX_ATTR_FLOAT);
    put_message(node, 5, &a);
    put_text(&a, 1, "axes");
    put_int(&a, 8, 2);
    put_int(&a, 8, -1);
    put_int(&a, 20, TRO_ONNX_ATTR_INTS);
    put_message(node, 5, &a);
    put_text(&a, 1, "value");
    put_int(&t, 1, 2);
    put_int(&t, 2, TRO_ONNX_UINT8);
    put_text(&t, 9, "AB");
    put_message(&a, 5, &t);
    put_int(&a, 20, TRO_ONNX_ATTR_TENSOR);
    put_message(node, 5, &a);
}

static inline void put_value(struct tro_buf *graph, uint32_t number, const char *name)
{
    struct tro_buf v = {0}, type = {0}, tensor = {0}, shape = {0}, dim = {0};
    put_int(&dim, 1, 3);
    put_message(&shape, 1, &dim);
    put_text(&dim, 2, "N");
    put_text(&dim, 3, "DATA_BATCH");
    put_message(&shape, 1, &dim);
    put_message(&shape, 1, &dim);
    put_int(&tensor, 1, TRO_ONNX_FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&type, 6, "IMAGE");
    put_text(&v, 1, name);
    put_message(&v, 2, &type);
    put_message(graph, number, &v);
}

static inline void put_graph(struct tro_buf *model)
{
    struct tro_buf g = {0}, node = {0}, t = {0};
    put_text(&node, 1, "x");
    put_text(&node, 1, "");
    put_text(&node, 2, "y");
    put_text(&node, 3, "first");
    put_text(&node, 4, "LeakyRelu");
    put_attrs(&node);
    put_text(&node, 7, "");
    put_text(&node, 9, "metadata, undecoded");
    put_message(&g, 1, &node);
    put_text(&g, 2, "main");
    put_int(&t, 1, 1);
    put_int(&t, 2, TRO_ONNX_FLOAT);
    put_text(&t, 4, "\x01\x01\x80\x3f");
    put_text(&t, 8, "w");
    put_message(&g, 5, &t);
    put_value(&g, 11, "x");
    put_value(&g, 12, "y");
    put_value(&g, 13, "z");
    put_text(&g, 15, "");
    put_message(model, 7, &g);
}

/* A model with all there is, its fields by number: what we write is what we read. */
static inline void put_model(struct tro_buf *m)
{
    struct tro_buf s = {0}, node = {0};
    put_int(m, 1, 9);
    put_text(m, 2, "unit_proto");
    put_int(m, 5, 0);
    put_text(m, 6, "");
    put_graph(m);
    put_text(&s, 1, "ai.onnx");
    put_int(&s, 2, 17);
    put_message(m, 8, &s);
    put_text(&s, 1, "com.microsoft");
    put_int(&s, 2, 1);
    put_message(m, 8, &s);
    put_text(&s, 1, "author");
    put_text(&s, 2, "nobody");
    put_message(m, 14, &s);
    put_text(&s, 1, "Twice");
    put_text(&s, 4, "a");
    put_text(&s, 5, "b");
    put_text(&s, 6, "factor");
    put_text(&node, 4, "Mul");
    put_message(&s, 7, &node);
    put_text(&s, 10, "local");
    put_message(m, 25, &s);
    put_text(m, 1000, "from the future");
}

/* An attribute of an operator in a graph: content is taken over. */
static inline void put_attr_model(struct tro_buf *b, struct tro_buf *attr)
{
    struct tro_buf node = {0}, g = {0};
    put_text(&node, 4, "Op");
    put_message(&node, 5, attr);
    put_message(&g, 1, &node);
    put_message(b, 7, &g);
}

/* ---- through the reader ---------------------------------------------------------------- */

static inline struct tro_onnx_model *read_buf(const struct tro_buf *b, struct tro_err *err)
{
    return tro_onnx_read_memory(b->p, b->n, "test.onnx", err);
}

/* Reads, frees: the message, "" when it was read. */
static inline const char *reading(struct tro_buf *b)
{
    static struct tro_err err;
    err = (struct tro_err){0};
    tro_onnx_free(read_buf(b, &err));
    tro_buf_finish(b);
    return err.text;
}

static inline bool writes_as(const struct tro_onnx_model *m, const struct tro_buf *expected)
{
    struct tro_buf out = {0};
    const bool is_same = tro_onnx_write(m, &out, NULL) == 0 && out.n == expected->n &&
                         memcmp(out.p, expected->p, out.n) == 0;
    tro_buf_finish(&out);
    return is_same;
}

#endif
