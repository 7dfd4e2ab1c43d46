/* SPDX-License-Identifier: Apache-2.0 */
/* Models that are refused, and the memory that reading takes. */
#include "base/alloc.h"
#include "base/err.h"
#include "proto_build.h"
#include "test.h"

/* ---- what is refused ------------------------------------------------------------------- */

/* A graph with one message in the field. */
static const char *reading_in_graph(uint32_t number, struct tro_buf *content)
{
    struct tro_buf b = {0}, g = {0};
    put_message(&g, number, content);
    put_message(&b, 7, &g);
    return reading(&b);
}

static const char *reading_attr(struct tro_buf *attr)
{
    struct tro_buf b = {0};
    put_attr_model(&b, attr);
    return reading(&b);
}

TEST(empty_messages_are_refused_by_name)
{
    struct tro_buf b = {0}, c = {0};
    CHECK_STR(reading(&b), "test.onnx: expected an ONNX model, found an empty file");
    put_int(&b, 1, 8);
    CHECK_STR(reading(&b), "test.onnx: expected a model with a graph, found none");
    put_text(&b, 7, "");
    CHECK_STR(reading(&b), "test.onnx: graph: has no content, at byte 2");
    put_text(&c, 1, "x");
    CHECK_STR(reading_in_graph(1, &c), "test.onnx: graph: node 0: has no op_type, at byte 4");
    put_text(&c, 2, "x");
    CHECK_HAS(reading_in_graph(5, &c), "graph: initializer 0: has no name");
    put_text(&c, 1, "");
    CHECK_HAS(reading_in_graph(11, &c), "graph: input 0: has no name");
    CHECK_HAS(reading_in_graph(12, &c), "graph: output 0: has no name");
    CHECK_HAS(reading_in_graph(13, &c), "graph: value_info 0: has no name");
    put_text(&c, 4, "Op");
    put_text(&c, 4, "");
    CHECK_HAS(reading_in_graph(1, &c), "node 0: has no op_type");
    put_int(&c, 3, 1);
    CHECK_HAS(reading_attr(&c), "graph: node 0: attribute 0: has no name");
    put_text(&c, 1, "a");
    put_text(&c, 5, "");
    CHECK_HAS(reading_attr(&c), "graph: node 0: attribute 0: t: has no data_type");
    put_text(&c, 1, "a");
    put_text(&c, 11, "\x12\x01g");
    put_text(&c, 11, "");
    CHECK_HAS(reading_attr(&c), "attribute 0: graphs 1: has no content");
    put_text(&b, 25, "");
    CHECK_HAS(reading(&b), "functions 0: has no name");
}

TEST(second_messages_are_refused)
{
    struct tro_buf b = {0}, c = {0}, type = {0};
    put_text(&b, 7, "\x12\x01g");
    put_text(&b, 7, "\x12\x01g");
    CHECK_STR(reading(&b), "test.onnx: expected one graph, found a second one at byte 5");
    put_text(&c, 1, "a");
    put_text(&c, 5, "\x10\x01");
    put_text(&c, 5, "\x10\x01");
    CHECK_HAS(reading_attr(&c), "expected one t, found a second one");
    put_text(&c, 1, "v");
    put_text(&c, 2, "");
    put_text(&c, 2, "");
    CHECK_HAS(reading_in_graph(11, &c), "input 0: expected one type, found a second one");
    put_text(&c, 1, "v");
    put_text(&type, 1, "");
    put_text(&type, 4, "");
    put_message(&c, 2, &type);
    CHECK_HAS(reading_in_graph(11, &c), "input 0: expected one type, found tensor and sequence");
}

TEST(wrong_encodings_are_refused)
{
    struct tro_buf b = {0}, c = {0};
    put_text(&b, 1, "text");
    CHECK_STR(reading(&b),
              "test.onnx: ir_version: expected a field of type varint, found bytes at byte 0");
    put_int(&b, 7, 1);
    CHECK_HAS(reading(&b), "graph: expected a field of type bytes, found varint");
    put_text(&c, 1, "a");
    put_text(&c, 7, "12345");
    CHECK_HAS(reading_attr(&c),
              "floats: expected packed fixed32 numbers, found 5 bytes that are not");
    put_text(&c, 1, "a");
    put_text(&c, 8, "\x01\x80");
    CHECK_HAS(reading_attr(&c), "ints: expected packed varint numbers, found 2 bytes that are not");
    put_text(&c, 8, "w");
    put_int(&c, 14, 2);
    CHECK_HAS(reading_in_graph(5, &c), "data_location: expected 0 or 1, found 2");
    put_text(&c, 8, "w");
    put_text(&c, 4, "1234");
    put_text(&c, 5, "1");
    CHECK_HAS(reading_in_graph(5, &c),
              "expected data in one field, found float_data and int32_data");
    put_text(&c, 4, "Op");
    tro_buf_put(&c, "\x0a\x7f", 2);
    CHECK_HAS(reading_in_graph(1, &c), "node 0: field 1 at byte 8: expected 127 bytes, found 0");
}

TEST(names_are_utf8_without_nul)
{
    struct tro_buf c = {0};
    put_text(&c, 4,
             "Gr\xc3\xb6\xc3\x9f"
             "e");
    CHECK_STR(reading_in_graph(1, &c), "");
    put_text(&c, 4, "a\xff");
    CHECK_HAS(reading_in_graph(1, &c),
              "node 0: op_type: expected UTF-8 text without NUL, found 0xff");
    put_text(&c, 4, "Op");
    tro_wire_put_bytes(&c, 1, (struct tro_str){"a\0b", 3});
    CHECK_HAS(reading_in_graph(1, &c),
              "node 0: input: expected UTF-8 text without NUL, found 0x00");
    put_text(&c, 4, "Op");
    tro_wire_put_bytes(&c, 6, (struct tro_str){"a\0\xff", 3});
    CHECK_STR(reading_in_graph(1, &c), "");
}

/* Level 1 is the model, below it graph, node, attribute, graph, node ... */
static bool is_graph(int level)
{
    return level % 3 == 2;
}

static bool is_node(int level)
{
    return level % 3 == 0;
}

static void put_nested(struct tro_buf *model, int levels)
{
    struct tro_buf content = {0};
    for (int level = levels; level > 1; level--) {
        struct tro_buf parent = {0};
        if (is_node(level))
            put_text(&content, 4, "If");
        else
            put_text(&content, is_graph(level) ? 2 : 1, "name");
        put_message(&parent,
                    is_graph(level)  ? (level == 2 ? 7 : 6)
                    : is_node(level) ? 1
                                     : 5,
                    &content);
        content = parent;
    }
    *model = content;
}

TEST(nesting_is_bounded)
{
    for (int level = TRO_ONNX_MAX_DEPTH - 3; level <= TRO_ONNX_MAX_DEPTH; level++) {
        struct tro_buf b = {0}, out = {0};
        put_nested(&b, level);
        struct tro_onnx_model *const m = read_buf(&b, NULL);
        CHECK_OR_RETURN(m != NULL);
        CHECK_INT(tro_onnx_write(m, &out, NULL), 0);
        CHECK_INT(out.n, b.n);
        tro_onnx_free(m);
        tro_buf_finish(&out);
        tro_buf_finish(&b);
    }
    struct tro_buf b = {0};
    put_nested(&b, TRO_ONNX_MAX_DEPTH + 1);
    CHECK_HAS(reading(&b), "graph: node 0: attribute 0: g: node 0: ");
    put_nested(&b, TRO_ONNX_MAX_DEPTH + 1);
    CHECK_HAS(reading(&b), "expected messages nested at most 100 deep, found more at byte ");
}

/* ---- memory ---------------------------------------------------------------------------- */

enum place { IN_GRAPH, IN_NODE, IN_ATTR };

/* A model with n times the same field in its graph, in a node of it, or in an attribute of that. */
static void put_repeated(struct tro_buf *b, enum place place, uint32_t number,
                         struct tro_str content, int n)
{
    struct tro_buf parts[3] = {{0}};
    for (int i = 0; i < n; i++)
        tro_wire_put_bytes(&parts[place], number, content);
    put_text(&parts[IN_NODE], 4, "o");
    put_text(&parts[IN_ATTR], 1, "a");
    put_message(&parts[IN_NODE], 5, &parts[IN_ATTR]);
    put_message(&parts[IN_GRAPH], 1, &parts[IN_NODE]);
    put_message(b, 7, &parts[IN_GRAPH]);
}

/* The smallest messages that are let through. */
TEST(memory_is_bounded_by_the_file)
{
    static const struct {
        const char *name;
        enum place place;
        uint32_t number;
        struct tro_str content;
    } cases[] = {
        {"node", IN_GRAPH, 1, {"\x22\x01o", 3}},
        {"initializer", IN_GRAPH, 5, {"\x42\x01w", 3}},
        {"input", IN_GRAPH, 11, {"\x0a\x01v", 3}},
        {"output", IN_GRAPH, 12, {"\x0a\x01v", 3}},
        {"value_info", IN_GRAPH, 13, {"\x0a\x01v", 3}},
        {"attribute", IN_NODE, 5, {"\x0a\x01\x61", 3}},
        {"attribute with a tensor", IN_NODE, 5, {"\x0a\x01\x61\x2a\x02\x10\x01", 7}},
        {"attribute with a graph", IN_NODE, 5, {"\x0a\x01\x61\x32\x02\x12\x00", 7}},
        {"input of a node", IN_NODE, 1, {"", 0}},
        {"tensors", IN_ATTR, 10, {"\x10\x01", 2}},
        {"graphs", IN_ATTR, 11, {"\x12\x00", 2}},
        {"ints", IN_ATTR, 8, {"\x01", 1}},
        {"packed ints", IN_ATTR, 8, {"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 12}},
        {"strings", IN_ATTR, 9, {"", 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct tro_buf b = {0};
        put_repeated(&b, cases[i].place, cases[i].number, cases[i].content, 20000);
        struct tro_onnx_model *const m = read_buf(&b, NULL);
        CHECK_OR_RETURN(m != NULL);
        test_check(m->arena.n_bytes <= 42 * b.n, __FILE__, __LINE__,
                   "%s: at most 42 times %zu bytes expected, found %zu", cases[i].name, b.n,
                   m->arena.n_bytes);
        tro_onnx_free(m);
        tro_buf_finish(&b);
    }
}

/* Every allocation fails once: an error and nothing left behind, until there are no more. */
TEST(failing_allocations_of_reading_and_writing)
{
    struct tro_buf b = {0};
    put_model(&b);
    /* A second run of unknown fields, so that they are gathered. */
    put_int(&b, 1, 9);
    put_text(&b, 1000, "from the future");
    bool is_done = false;
    int n = 0;
    for (; n < 200 && !is_done; n++) {
        struct tro_err err = {0};
        struct tro_buf out = {0};
        tro_alloc_fail_after(n);
        struct tro_onnx_model *const m = read_buf(&b, &err);
        is_done = m && tro_onnx_write(m, &out, &err) == 0;
        tro_alloc_fail_after(-1);
        if (!is_done)
            CHECK_HAS(err.text, "out of memory");
        tro_buf_finish(&out);
        tro_onnx_free(m);
    }
    CHECK(is_done && n > 5);
    tro_buf_finish(&b);
}
