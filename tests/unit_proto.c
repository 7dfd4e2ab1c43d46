/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing of ONNX models. */
#include "base/err.h"
#include "proto_build.h"
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- messages -------------------------------------------------------------------------- */

static void check_node(const struct tro_onnx_node *n)
{
    CHECK_INT(n->n_inputs, 2);
    CHECK(tro_str_eqz(n->inputs[0], "x") && n->inputs[1].n == 0);
    CHECK(tro_str_eqz(n->op_type, "LeakyRelu") && tro_str_eqz(n->name, "first"));
    CHECK_INT(n->n_attrs, 3);
    CHECK(tro_onnx_find_attr(n, "alpha")->f == 1.5f);
    CHECK(tro_onnx_find_attr(n, "nothing") == NULL);
    const struct tro_onnx_attr *const axes = tro_onnx_find_attr(n, "axes");
    CHECK(axes->type == TRO_ONNX_ATTR_INTS && axes->n_ints == 2 && axes->ints[1] == -1);
    const struct tro_onnx_attr *const value = tro_onnx_find_attr(n, "value");
    CHECK_OR_RETURN(value->t != NULL);
    CHECK(value->t->has_raw && tro_str_eqz(value->t->raw, "AB") && value->t->dims[0] == 2);
    CHECK(n->domain.p != NULL && n->overload.p == NULL);
}

static void check_value(const struct tro_onnx_value_info *v)
{
    CHECK(v->has_type && v->is_tensor && v->has_shape && v->elem_type == TRO_ONNX_FLOAT);
    CHECK_STR(v->kind, "tensor");
    CHECK_INT(v->n_dims, 3);
    CHECK(v->dims[0].has_value && v->dims[0].value == 3);
    CHECK(!v->dims[1].has_value && tro_str_eqz(v->dims[1].param, "N"));
    CHECK(!v->dims[2].has_value && v->dims[2].param.n == 0);
}

TEST(model_is_read_and_written)
{
    struct tro_buf b = {0};
    put_model(&b);
    struct tro_err err = {0};
    struct tro_onnx_model *const m = read_buf(&b, &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(m != NULL);
    CHECK_INT(m->ir_version, 9);
    CHECK(m->has_model_version && m->dir == NULL);
    CHECK_INT(tro_onnx_opset_version(m, TRO_STR("")), 17);
    CHECK_INT(tro_onnx_opset_version(m, TRO_STR("ai.onnx")), 17);
    CHECK_INT(tro_onnx_opset_version(m, TRO_STR("com.microsoft")), 1);
    CHECK_INT(tro_onnx_opset_version(m, TRO_STR("other")), 0);
    CHECK(m->opsets[0].domain.n == 0);
    CHECK(tro_str_eqz(tro_onnx_metadata(m, "author"), "nobody"));
    CHECK_INT(tro_onnx_metadata(m, "none").n, 0);
    check_node(&m->graph.nodes[0]);
    check_value(&m->graph.inputs[0]);
    check_value(&m->graph.outputs[0]);
    CHECK_INT(m->graph.n_value_infos, 1);
    CHECK_INT(m->graph.n_sparse_initializers, 1);
    CHECK_INT(m->n_functions, 1);
    CHECK(tro_str_eqz(m->functions[0].attrs[0], "factor"));
    CHECK(writes_as(m, &b));
    tro_onnx_free(m);
    tro_buf_finish(&b);
}

/* Fields turned around and packed, and what comes twice. */
TEST(order_packing_and_repetition_do_not_matter)
{
    struct tro_buf b = {0}, plain = {0}, g = {0}, node = {0}, a = {0};
    put_text(&g, 2, "last counts");
    put_text(&a, 8, "\x05\x06");
    put_int(&a, 8, 7);
    put_text(&a, 8, "");
    put_text(&a, 7, "abcdefgh");
    tro_wire_put_fixed32(&a, 7, 0);
    put_int(&a, 20, TRO_ONNX_ATTR_FLOATS);
    put_text(&a, 1, "n");
    put_int(&a, 20, TRO_ONNX_ATTR_INTS);
    put_message(&node, 5, &a);
    put_text(&node, 4, "Op");
    put_message(&g, 1, &node);
    put_text(&g, 2, "main");
    put_message(&b, 7, &g);
    put_int(&b, 1, 3);
    put_int(&b, 1, 4);
    struct tro_onnx_model *const m = read_buf(&b, NULL);
    CHECK_OR_RETURN(m != NULL);
    CHECK_INT(m->ir_version, 4);
    CHECK(tro_str_eqz(m->graph.name, "main"));
    const struct tro_onnx_attr *const n = &m->graph.nodes[0].attrs[0];
    CHECK_INT(n->type, TRO_ONNX_ATTR_INTS);
    CHECK(n->n_ints == 3 && n->ints[0] == 5 && n->ints[1] == 6 && n->ints[2] == 7);
    CHECK(n->n_floats == 3 && memcmp(n->floats, "abcdefgh\0\0\0", 12) == 0);
    put_int(&plain, 1, 4);
    put_text(&a, 1, "n");
    tro_wire_put_fixed32(&a, 7, 0x64636261);
    tro_wire_put_fixed32(&a, 7, 0x68676665);
    tro_wire_put_fixed32(&a, 7, 0);
    put_int(&a, 8, 5);
    put_int(&a, 8, 6);
    put_int(&a, 8, 7);
    put_int(&a, 20, TRO_ONNX_ATTR_INTS);
    put_text(&node, 4, "Op");
    put_message(&node, 5, &a);
    put_message(&g, 1, &node);
    put_text(&g, 2, "main");
    put_message(&plain, 7, &g);
    CHECK(writes_as(m, &plain));
    tro_onnx_free(m);
    tro_buf_finish(&b);
    tro_buf_finish(&plain);
}

TEST(unknown_fields_are_kept_in_order)
{
    struct tro_buf b = {0}, expected = {0}, g = {0};
    put_text(&b, 99, "one");
    put_int(&b, 98, 2);
    put_int(&b, 1, 7);
    put_text(&b, 99, "three");
    put_text(&g, 2, "g");
    put_message(&b, 7, &g);
    struct tro_onnx_model *const m = read_buf(&b, NULL);
    CHECK_OR_RETURN(m != NULL);
    put_int(&expected, 1, 7);
    put_text(&g, 2, "g");
    put_message(&expected, 7, &g);
    put_text(&expected, 99, "one");
    put_int(&expected, 98, 2);
    put_text(&expected, 99, "three");
    CHECK(writes_as(m, &expected));
    tro_onnx_free(m);
    tro_buf_finish(&b);
    tro_buf_finish(&expected);
}

TEST(attribute_type_is_guessed_and_not_written)
{
    for (int i = 0; i < 3; i++) {
        struct tro_buf b = {0}, a = {0}, t = {0};
        put_text(&a, 1, "old");
        if (i == 0)
            put_int(&a, 3, 0);
        else if (i == 1)
            put_text(&a, 4, "");
        put_int(&t, 2, TRO_ONNX_FLOAT);
        if (i == 2)
            put_message(&a, 10, &t);
        put_attr_model(&b, &a);
        struct tro_onnx_model *const m = read_buf(&b, NULL);
        CHECK_OR_RETURN(m != NULL);
        const struct tro_onnx_attr *const attr = &m->graph.nodes[0].attrs[0];
        static const int types[] = {TRO_ONNX_ATTR_INT, TRO_ONNX_ATTR_STRING, TRO_ONNX_ATTR_TENSORS};
        CHECK_INT(attr->type, types[i]);
        CHECK(attr->omits_type);
        CHECK(writes_as(m, &b));
        tro_onnx_free(m);
        tro_buf_finish(&b);
        tro_buf_finish(&t);
    }
}

TEST(made_by_hand_needs_no_flags)
{
    struct tro_onnx_attr attrs[] = {{.name = TRO_STR("k"), .type = TRO_ONNX_ATTR_INT, .i = 3},
                                    {.name = TRO_STR("z"), .type = TRO_ONNX_ATTR_INT}};
    struct tro_onnx_node node = {.op_type = TRO_STR("Op"), .attrs = attrs, .n_attrs = 2};
    struct tro_onnx_dim dim = {.has_value = true, .value = 5, .param = TRO_STR("N")};
    struct tro_onnx_value_info v = {.name = TRO_STR("v"),
                                    .has_type = true,
                                    .is_tensor = true,
                                    .elem_type = 1,
                                    .has_shape = true,
                                    .dims = &dim,
                                    .n_dims = 1};
    struct tro_onnx_model m = {
        .ir_version = 8, .graph = {.nodes = &node, .n_nodes = 1, .inputs = &v, .n_inputs = 1}};
    struct tro_buf b = {0};
    CHECK_INT(tro_onnx_write(&m, &b, NULL), 0);
    struct tro_onnx_model *const back = read_buf(&b, NULL);
    CHECK_OR_RETURN(back != NULL);
    CHECK_INT(back->ir_version, 8);
    CHECK_INT(back->graph.nodes[0].attrs[0].i, 3);
    CHECK_INT(back->graph.nodes[0].attrs[1].type, TRO_ONNX_ATTR_INT);
    CHECK_INT(back->graph.inputs[0].dims[0].value, 5);
    CHECK(back->graph.inputs[0].dims[0].param.p == NULL);
    tro_onnx_free(back);
    tro_buf_finish(&b);
}

TEST(kinds_of_values)
{
    static const struct {
        uint32_t number;
        const char *kind;
    } kinds[] = {{4, "sequence"}, {5, "map"},  {9, "optional"}, {8, "sparse tensor"},
                 {7, "opaque"},   {6, "none"}, {50, "none"}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        struct tro_buf b = {0}, g = {0}, v = {0}, type = {0};
        put_text(&v, 1, "v");
        put_text(&type, kinds[i].number, "");
        put_message(&v, 2, &type);
        put_message(&g, 11, &v);
        put_message(&b, 7, &g);
        struct tro_onnx_model *const m = read_buf(&b, NULL);
        CHECK_OR_RETURN(m != NULL);
        CHECK_STR(m->graph.inputs[0].kind, kinds[i].kind);
        CHECK(!m->graph.inputs[0].is_tensor && m->graph.inputs[0].has_type);
        CHECK_INT(m->graph.inputs[0].type_bytes.n, kinds[i].number > 15 ? 3 : 2);
        CHECK(writes_as(m, &b));
        tro_onnx_free(m);
        tro_buf_finish(&b);
    }
}

TEST(last_dimension_of_a_oneof_counts)
{
    struct tro_buf b = {0}, g = {0}, v = {0}, type = {0}, tensor = {0}, shape = {0}, dim = {0};
    put_int(&dim, 1, 3);
    put_text(&dim, 2, "N");
    put_message(&shape, 1, &dim);
    put_text(&dim, 2, "N");
    put_int(&dim, 1, 0);
    put_message(&shape, 1, &dim);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&v, 1, "v");
    put_message(&v, 2, &type);
    put_message(&g, 11, &v);
    put_message(&b, 7, &g);
    struct tro_onnx_model *const m = read_buf(&b, NULL);
    CHECK_OR_RETURN(m != NULL);
    const struct tro_onnx_dim *const dims = m->graph.inputs[0].dims;
    CHECK(!dims[0].has_value && tro_str_eqz(dims[0].param, "N"));
    CHECK(dims[1].has_value && dims[1].value == 0);
    tro_onnx_free(m);
    tro_buf_finish(&b);
}

/* ---- files ----------------------------------------------------------------------------- */

static const char *reading_file(const char *path, const void *content, size_t n)
{
    static struct tro_err err;
    err = (struct tro_err){0};
    CHECK_INT(tro_file_write(path, content, n, &err), 0);
    tro_onnx_free(tro_onnx_read(path, &err));
    return err.text;
}

TEST(files)
{
    static const char lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
    char path[] = "/tmp/tro_unit_proto_XXXXXX";
    struct tro_err err = {0};
    struct tro_buf b = {0};
    put_model(&b);
    const int fd = mkstemp(path);
    CHECK_OR_RETURN(fd >= 0);
    close(fd);
    CHECK_STR(reading_file(path, b.p, b.n), "");
    CHECK_HAS(reading_file(path, lfs, sizeof(lfs) - 1), "found a Git LFS pointer");
    CHECK_HAS(reading_file(path, "", 0), ": expected an ONNX model, found an empty file");
    CHECK_INT(tro_file_write(path, b.p, b.n, NULL), 0);
    struct tro_onnx_model *const m = tro_onnx_read(path, &err);
    CHECK_OR_RETURN(m != NULL);
    CHECK_STR(m->dir, "/tmp/");
    tro_onnx_free(m);
    tro_buf_finish(&b);
    CHECK_INT(unlink(path), 0);
    CHECK(tro_onnx_read(path, &err) == NULL);
    CHECK_INT(err.status, TRO_E_IO);
    CHECK_HAS(err.text, "cannot read");
    tro_onnx_free(NULL);
}
