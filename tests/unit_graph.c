/* SPDX-License-Identifier: Apache-2.0 */
/* Building graphs, changing them, the verifier, and what inference shares. */
#include "base/alloc.h"
#include "graph/graph.h"
#include "graph/graph_build.h"
#include "graph/infer.h"
#include "test.h"

#include <stdio.h>

static struct tro_shape shape_of(int rank, int64_t a, int64_t b, int64_t c)
{
    return (struct tro_shape){rank, {tro_dim_const(a), tro_dim_const(b), tro_dim_const(c)}};
}

static tro_value_id add_input(struct tro_graph *g, tro_block_id b, const char *name)
{
    struct tro_err err = {0};
    const struct tro_shape s = shape_of(2, 2, 3, 0);
    tro_value_id v = TRO_VALUE_NONE;
    test_check(tro_graph_add_input(g, b, name, TRO_F32, &s, &v, &err) == 0, __FILE__, __LINE__,
               "%s", err.text);
    return v;
}

static tro_value_id add_unary(struct tro_graph *g, tro_block_id b, enum tro_op op, tro_value_id x,
                              const char *name)
{
    struct tro_err err = {0};
    tro_value_id out = TRO_VALUE_NONE;
    const struct tro_node_spec spec = {
        .op = op, .n_in = 1, .n_out = 1, .in = &x, .out_names = &name};
    test_check(tro_graph_add_node(g, b, &spec, &out, &err) == 0, __FILE__, __LINE__, "%s",
               err.text);
    return out;
}

/* x -> y = neg(x) -> z = exp(y), z is the output. */
struct chain {
    struct tro_graph *g;
    tro_value_id x, y, z;
};

static struct chain make_chain(void)
{
    struct chain c = {.g = tro_graph_create("chain", NULL)};
    c.x = add_input(c.g, TRO_MAIN_BLOCK, "x");
    c.y = add_unary(c.g, TRO_MAIN_BLOCK, TRO_OP_NEG, c.x, "y");
    c.z = add_unary(c.g, TRO_MAIN_BLOCK, TRO_OP_EXP, c.y, "z");
    CHECK(tro_block_add_output(c.g, TRO_MAIN_BLOCK, c.z, NULL) == 0);
    return c;
}

/* ---- the lists -------------------------------------------------------------------------- */

TEST(graph_ops)
{
    for (int i = 0; i < TRO_N_OPS; i++) {
        const struct tro_op_info *const info = tro_op_info((enum tro_op)i);
        enum tro_op op = TRO_N_OPS;
        CHECK(tro_op_from_text((struct tro_str){info->text, strlen(info->text)}, &op));
        CHECK_INT(op, i); /* so no two have one name */
        CHECK(info->in_min <= info->in_max && info->out_min <= info->out_max && *info->doc);
        size_t end = 0;
        for (const struct tro_attr_field *f = info->fields(); f->name; f++) {
            CHECK(f->offset > end && f->offset < info->attrs_size);
            CHECK((f->type == TRO_ATTR_ENUM) == (f->enum_names != NULL));
            end = f->offset;
        }
    }
    enum tro_op op;
    CHECK(!tro_op_from_text(TRO_STR("ad"), &op) && !tro_op_from_text(TRO_STR(""), &op));
    const struct tro_op_info *const conv = tro_op_info(TRO_OP_CONV);
    CHECK_STR(conv->text, "conv");
    CHECK_STR(conv->kind_name, "ANCHOR");
    CHECK_STR(conv->fields()[0].name, "strides");
    CHECK_INT(conv->fields()[0].offset, offsetof(struct tro_attrs_conv, strides));
    CHECK_STR(tro_op_info(TRO_OP_REDUCE)->fields()[0].enum_names[2], "max");
    CHECK(tro_op_info(TRO_OP_REDUCE)->fields()[0].enum_names[5] == NULL);
}

/* ---- building --------------------------------------------------------------------------- */

TEST(graph_chain)
{
    const struct chain c = make_chain();
    struct tro_err err = {0};
    const struct tro_value *const z = tro_value_get(c.g, c.z);
    CHECK_STR(z->name, "z");
    CHECK_INT(z->dtype, TRO_F32);
    CHECK_INT(z->shape.rank, 2);
    CHECK(tro_dim_is(z->shape.dim[1], 3));
    CHECK_INT(tro_node_get(c.g, z->def)->op, TRO_OP_EXP);
    CHECK_INT(tro_value_max_elems(c.g, c.z), 6);
    CHECK(!tro_is_const(c.g, c.z));
    CHECK(!tro_is_const(c.g, TRO_VALUE_NONE));
    test_check(tro_graph_verify(c.g, &err) == 0, __FILE__, __LINE__, "%s", err.text);
    tro_graph_destroy(c.g);
    tro_graph_destroy(NULL);
}

TEST(graph_names_are_unique)
{
    struct tro_graph *const g = tro_graph_create("", NULL);
    static const char *const names[] = {"a", "a", "a_1", "a", "", "", "v1", NULL, "v"};
    static const char *const got[] = {"a", "a_1", "a_1_1", "a_2", "v1", "v2", "v1_1", "v3", "v"};
    tro_value_id v[9];
    for (int i = 0; i < 9; i++) {
        v[i] = add_input(g, TRO_MAIN_BLOCK, names[i]);
        CHECK_STR(tro_value_get(g, v[i])->name, got[i]);
    }
    CHECK(tro_graph_rename(g, v[0], TRO_STR("other"), NULL) == 0);
    CHECK_STR(tro_value_get(g, v[0])->name, "a"); /* it has a name of its own */
    CHECK(tro_graph_rename(g, v[4], TRO_STR("a"), NULL) == 0);
    CHECK_STR(tro_value_get(g, v[4])->name, "a_3");
    CHECK(tro_graph_rename(g, v[4], TRO_STR("again"), NULL) == 0);
    CHECK_STR(tro_value_get(g, v[4])->name, "a_3");
    CHECK(tro_graph_rename(g, v[5], TRO_STR(""), NULL) == 0);
    CHECK_STR(tro_value_get(g, v[5])->name, "v2");
    CHECK_STR(tro_value_get(g, add_input(g, TRO_MAIN_BLOCK, "v1"))->name, "v1"); /* free again */
    CHECK(tro_graph_verify(g, NULL) == 0);
    tro_graph_destroy(g);
}

TEST(graph_replacing)
{
    const struct chain c = make_chain();
    const tro_value_id w = add_unary(c.g, TRO_MAIN_BLOCK, TRO_OP_ABS, c.x, NULL);
    const struct tro_shape scalar = {.rank = 0};
    CHECK(tro_graph_take_name(c.g, w, c.z, NULL) == 0);
    CHECK_STR(tro_value_get(c.g, w)->name, "z");
    CHECK(!tro_value_get(c.g, w)->is_name_made_up);
    CHECK(tro_value_get(c.g, c.z)->is_name_made_up);
    CHECK(strcmp(tro_value_get(c.g, c.z)->name, "z") != 0);
    tro_graph_replace_uses(c.g, c.z, w);
    tro_graph_remove_node(c.g, tro_value_get(c.g, c.z)->def);
    tro_graph_set_input(c.g, tro_value_get(c.g, c.y)->def, 0, c.x);
    CHECK(tro_graph_verify(c.g, NULL) == 0);
    tro_graph_set_input(c.g, tro_value_get(c.g, c.y)->def, 0, w); /* made after it */
    CHECK(tro_graph_verify(c.g, NULL) == TRO_E_INTERNAL);
    tro_graph_set_input(c.g, tro_value_get(c.g, c.y)->def, 0, c.x);
    tro_graph_refine(c.g, w, &scalar);
    CHECK(tro_graph_verify(c.g, NULL) == TRO_E_INTERNAL); /* not true of it */
    tro_graph_destroy(c.g);
}

/* A suffix must not be searched from the start each time. */
TEST(graph_many_equal_names)
{
    struct tro_graph *const g = tro_graph_create("", NULL);
    for (int i = 0; i < 50000; i++)
        add_input(g, TRO_MAIN_BLOCK, "x");
    CHECK_STR(tro_value_get(g, (tro_value_id){50000})->name, "x_49999");
    tro_graph_destroy(g);
}

TEST(graph_constants)
{
    struct tro_graph *const g = tro_graph_create("", NULL);
    struct tro_err err = {0};
    int64_t data[2] = {-7, 5};
    static const float f[2] = {1, 2};
    struct tro_tensor t = {.dtype = TRO_I64, .rank = 1, .shape = {2}, .data = data};
    tro_value_id a, b, c, none;
    CHECK(tro_graph_add_const(g, "a", &t, &a, &err) == 0);
    CHECK(tro_graph_add_const_copy(g, "b", &t, &b, &err) == 0);
    CHECK(tro_const_tensor(g, a).data == data);
    CHECK(tro_const_tensor(g, b).data != data);
    data[0] = 1;
    CHECK_INT(((const int64_t *)tro_const_tensor(g, b).data)[0], -7);
    CHECK(tro_dim_is(tro_value_get(g, b)->elems[0], -7));
    CHECK(tro_dim_is(tro_value_get(g, b)->elems[1], 5));

    t.dtype = TRO_F32;
    t.data = (void *)(uintptr_t)f;
    CHECK(tro_graph_add_const(g, "c", &t, &c, &err) == 0);
    CHECK(tro_value_get(g, c)->elems == NULL);
    t.shape[0] = 0;
    t.data = NULL;
    CHECK(tro_graph_add_const(g, "none", &t, &none, &err) == 0);
    CHECK(tro_is_const(g, none));

    t.shape[0] = 2;
    CHECK_INT(tro_graph_add_const(g, "d", &t, &none, &err), TRO_E_INPUT);
    CHECK_INT(tro_graph_add_const_copy(g, "d", &t, &none, &err), TRO_E_INPUT);
    t.data = data;
    t.shape[0] = -1;
    CHECK_INT(tro_graph_add_const(g, "d", &t, &none, &err), TRO_E_INPUT);
    t = (struct tro_tensor){.dtype = TRO_F64,
                            .rank = 3,
                            .shape = {INT64_C(1) << 31, INT64_C(1) << 31, 0},
                            .data = data};
    CHECK_INT(tro_graph_add_const(g, "d", &t, &none, &err), TRO_E_INPUT);
    CHECK_HAS(err.text, "more bytes than memory has addresses");
    CHECK(tro_graph_verify(g, &err) == 0);
    tro_graph_destroy(g);
}

TEST(graph_attrs_are_copied)
{
    struct tro_graph *const g = tro_graph_create("", NULL);
    char equation[] = "ij->ji";
    struct tro_attrs_einsum attrs = {.equation = equation};
    const tro_value_id x = add_input(g, TRO_MAIN_BLOCK, "x");
    tro_value_id out;
    struct tro_err err = {0};
    const struct tro_node_spec spec = {
        .op = TRO_OP_EINSUM, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = &x};
    test_check(tro_graph_add_node(g, TRO_MAIN_BLOCK, &spec, &out, &err) == 0, __FILE__, __LINE__,
               "%s", err.text);
    equation[0] = '?';
    const struct tro_attrs_einsum *const kept = tro_node_get(g, tro_value_get(g, out)->def)->attrs;
    CHECK_STR(kept->equation, "ij->ji");
    tro_graph_destroy(g);
}

TEST(graph_refuses)
{
    struct chain c = make_chain();
    struct tro_err err = {0};
    tro_value_id out;
    tro_block_id inner;
    const size_t n_values = c.g->n_values;
    CHECK(tro_graph_add_block(c.g, &inner, NULL) == 0);
    struct tro_node_spec spec = {.op = TRO_OP_NEG, .name = "n", .n_in = 1, .n_out = 1, .in = &c.x};
    CHECK_INT(tro_graph_add_node(c.g, inner, &spec, &out, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "neg: input 0: value 'x' belongs to another block");
    spec.in = &(tro_value_id){1000};
    CHECK_INT(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &out, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "neg: input 0 is no value of the graph");
    spec.in = &c.x;
    spec.n_out = 2;
    CHECK_INT(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &out, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "neg: expected 1 output, found 2");
    spec.n_out = 1;
    spec.blocks[0] = inner;
    CHECK_INT(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &out, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "neg: expected 0 blocks");
    spec.blocks[0] = TRO_BLOCK_NONE;
    spec.before = (tro_node_id){77};
    CHECK_INT(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &out, &err), TRO_E_INPUT);
    CHECK_INT(tro_block_add_output(c.g, inner, c.x, &err), TRO_E_INPUT);
    const struct tro_shape s = shape_of(2, 2, -1, 0);
    CHECK_INT(tro_graph_add_input(c.g, TRO_MAIN_BLOCK, "i", TRO_F32, &s, &out, &err), TRO_E_INPUT);
    CHECK_STR(err.text, "input 'i': expected sizes of 0 and more, found -1");
    CHECK_INT(c.g->n_values, n_values);
    CHECK(tro_graph_verify(c.g, &err) == 0);
    tro_graph_destroy(c.g);
}

/* ---- changing --------------------------------------------------------------------------- */

TEST(graph_insert_before)
{
    const struct chain c = make_chain();
    const tro_node_id exp = tro_value_get(c.g, c.z)->def;
    const char *const name = "w";
    tro_value_id w;
    const struct tro_node_spec spec = {
        .op = TRO_OP_ABS, .n_in = 1, .n_out = 1, .in = &c.y, .out_names = &name, .before = exp};
    CHECK(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &w, NULL) == 0);
    tro_node_get(c.g, exp)->in[0] = w;
    const struct tro_block *const b = tro_block_get(c.g, TRO_MAIN_BLOCK);
    CHECK_INT(b->n_nodes, 3);
    CHECK_INT(tro_node_get(c.g, b->nodes[0])->op, TRO_OP_NEG);
    CHECK_INT(tro_node_get(c.g, b->nodes[1])->op, TRO_OP_ABS);
    CHECK_INT(tro_node_get(c.g, b->nodes[2])->op, TRO_OP_EXP);
    CHECK(tro_graph_verify(c.g, NULL) == 0);
    tro_graph_destroy(c.g);
}

TEST(graph_uses)
{
    const struct chain c = make_chain();
    uint32_t uses[8];
    CHECK(tro_block_add_output(c.g, TRO_MAIN_BLOCK, c.y, NULL) == 0);
    tro_graph_count_uses(c.g, uses);
    CHECK_INT(uses[c.x.i], 1);
    CHECK_INT(uses[c.y.i], 2);
    CHECK_INT(uses[c.z.i], 1);
    tro_graph_replace_uses(c.g, c.y, c.x);
    tro_graph_count_uses(c.g, uses);
    CHECK_INT(uses[c.x.i], 3);
    CHECK_INT(uses[c.y.i], 0);
    tro_graph_remove_node(c.g, tro_value_get(c.g, c.y)->def);
    CHECK_INT(tro_block_get(c.g, TRO_MAIN_BLOCK)->n_nodes, 1);
    tro_graph_count_uses(c.g, uses);
    CHECK_INT(uses[c.x.i], 2);
    CHECK(tro_graph_verify(c.g, NULL) == 0);
    tro_graph_destroy(c.g);
}

static const char branches[] = "graph \"\"\n"
                               "input %c : bool[]\n"
                               "const %k : f32[] = 2\n"
                               "%y = if(%c) {\n"
                               "  %a = neg(%k) : f32[]\n"
                               "  output %a\n"
                               "} {\n"
                               "  output %k\n"
                               "} : f32[]\n"
                               "output %y, %k\n";

static struct tro_graph *parse(const char *text)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", &err);
    test_check(g != NULL, __FILE__, __LINE__, "%s", err.text);
    return g;
}

/* What stands in the blocks of a removed node uses nothing any more. */
TEST(graph_remove_with_blocks)
{
    struct tro_graph *const g = parse(branches);
    CHECK_OR_RETURN(g != NULL);
    struct tro_block *const main_block = tro_block_get(g, TRO_MAIN_BLOCK);
    const tro_value_id y = main_block->outputs[0], k = main_block->outputs[1];
    uint32_t uses[16];
    tro_graph_count_uses(g, uses);
    CHECK_INT(uses[k.i], 3);
    tro_graph_replace_uses(g, y, k);
    tro_graph_remove_node(g, tro_value_get(g, y)->def);
    tro_graph_count_uses(g, uses);
    CHECK_INT(uses[k.i], 2);
    CHECK(tro_graph_verify(g, NULL) == 0);
    tro_graph_destroy(g);
}

/* ---- the verifier ----------------------------------------------------------------------- */

static void check_broken(struct tro_graph *g, const char *message)
{
    struct tro_err err = {0};
    CHECK_INT(tro_graph_verify(g, &err), TRO_E_INTERNAL);
    CHECK_INT(err.status, TRO_E_INTERNAL);
    CHECK_HAS(err.text, message);
    CHECK_HAS(err.text, "graph '");
}

TEST(verify_order)
{
    const struct chain c = make_chain();
    struct tro_block *const b = tro_block_get(c.g, TRO_MAIN_BLOCK);
    const tro_node_id first = b->nodes[0];
    b->nodes[0] = b->nodes[1];
    b->nodes[1] = first;
    check_broken(c.g, "node '' (exp): value 'y' is used before it is made");
    b->nodes[0] = first;
    check_broken(c.g, "does not exist or stands twice");
    tro_graph_destroy(c.g);
}

TEST(verify_types)
{
    const struct chain c = make_chain();
    struct tro_value *const y = tro_value_get(c.g, c.y);
    y->dtype = TRO_F16;
    check_broken(c.g, "output 'y' does not have the type and shape of inference");
    y->dtype = TRO_F32;
    y->shape.dim[0] = tro_dim_const(4);
    check_broken(c.g, "output 'y' does not have the type and shape of inference");
    y->shape.rank = 99;
    check_broken(c.g, "value 'y': expected a type and a rank");
    y->shape.rank = 2;
    y->shape.dim[0] = (tro_dim){2001};
    check_broken(c.g, "value 'y': size 0 is not in the table");
    y->shape.dim[0] = tro_dim_symbol(&c.g->dims, TRO_STR("N"), 0, 9); /* more general is fine */
    tro_value_get(c.g, c.z)->shape.dim[0] = y->shape.dim[0];
    CHECK(tro_graph_verify(c.g, NULL) == 0);
    tro_graph_destroy(c.g);
}

TEST(verify_links)
{
    const struct chain c = make_chain();
    struct tro_value *const y = tro_value_get(c.g, c.y);
    struct tro_node *const neg = tro_node_get(c.g, y->def);
    const char *const name = y->name;
    y->name = "x";
    check_broken(c.g, "value 'x': another value has this name");
    y->name = name;
    y->def = tro_value_get(c.g, c.z)->def;
    check_broken(c.g, "value 'y' says it is made elsewhere");
    y->def = (tro_node_id){1};
    neg->in[0] = c.y;
    check_broken(c.g, "value 'y' is used before it is made");
    neg->in[0] = (tro_value_id){99};
    check_broken(c.g, "value 99 ('') cannot be used in this block");
    neg->in[0] = c.x;
    neg->n_in = 0;
    check_broken(c.g, "node '' (neg): expected 1 input, found 0");
    neg->n_in = 1;
    tro_block_get(c.g, TRO_MAIN_BLOCK)->n_nodes = 1;
    check_broken(c.g, "output 0: value 'z' is used before it is made");
    tro_block_get(c.g, TRO_MAIN_BLOCK)->n_outputs = 0;
    check_broken(c.g, "is in no block's list");
    tro_graph_destroy(c.g);
}

TEST(verify_constants_and_contents)
{
    struct chain c = make_chain();
    struct tro_value *const y = tro_value_get(c.g, c.y);
    const tro_dim big[20] = {{0}};
    y->elems = big;
    CHECK(tro_graph_verify(c.g, NULL) == 0);
    y->shape.dim[0] = tro_dim_symbol(&c.g->dims, TRO_STR("N"), 0, 9);
    check_broken(c.g, "contents are known of small integer values only");
    y->elems = NULL;
    y->shape.dim[0] = tro_dim_const(2);
    y->data = big;
    check_broken(c.g, "a constant belongs to no block and no node");
    tro_graph_destroy(c.g);
}

TEST(verify_attrs_and_blocks)
{
    struct tro_graph *const g = parse(branches);
    CHECK_OR_RETURN(g != NULL);
    struct tro_node *const node = tro_node_get(
        g, tro_value_get(g, tro_block_get(g, TRO_MAIN_BLOCK)->outputs[0])->def);
    CHECK(tro_graph_verify(g, NULL) == 0);
    node->blocks[0] = node->blocks[1];
    check_broken(g, "block 3 has another owner or stands twice");
    node->blocks[0] = (tro_block_id){99};
    check_broken(g, "block 99 has another owner");
    tro_graph_destroy(g);

    const struct chain c = make_chain();
    const struct tro_attrs_reduce attrs = {.kind = tro_reduction_sum};
    const struct tro_node_spec spec = {
        .op = TRO_OP_REDUCE, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = &c.x};
    tro_value_id out;
    CHECK(tro_graph_add_node(c.g, TRO_MAIN_BLOCK, &spec, &out, NULL) == 0);
    struct tro_attrs_reduce *const kept =
        (void *)(uintptr_t)tro_node_get(c.g, tro_value_get(c.g, out)->def)->attrs;
    *(int *)(void *)&kept->kind = 77;
    check_broken(c.g, "attribute kind is out of its range");
    tro_graph_destroy(c.g);
}

/* ---- what inference shares -------------------------------------------------------------- */

struct bench {
    struct tro_graph *g;
    struct tro_err err;
    struct tro_infer_call call;
    struct tro_operand in[4];
};

static void begin(struct bench *x)
{
    *x = (struct bench){.g = tro_graph_create("", NULL)};
    x->call = (struct tro_infer_call){.dims = &x->g->dims, .n_in = 4, .in = x->in, .err = &x->err};
}

static tro_dim dim(struct bench *x, const char *text)
{
    size_t pos = 0;
    tro_dim d = {0};
    CHECK(tro_dim_parse(&x->g->dims, (struct tro_str){text, strlen(text)}, &pos, &d));
    return d;
}

static void check_broadcast(struct bench *x, const char *a, const char *b, const char *expected)
{
    const struct tro_shape p = {1, {dim(x, a)}}, q = {2, {tro_dim_const(7), dim(x, b)}};
    struct tro_shape r;
    const int rc = tro_broadcast(&x->call, &p, &q, &r);
    if (!expected) {
        test_check(rc == TRO_E_INPUT, __FILE__, __LINE__, "%s with %s passed", a, b);
        return;
    }
    test_check(rc == 0 && r.rank == 2 && tro_dim_is(r.dim[0], 7) &&
                   tro_dim_eq(r.dim[1], dim(x, expected)),
               __FILE__, __LINE__, "%s with %s is not %s: %s", a, b, expected, x->err.text);
}

TEST(infer_broadcast)
{
    struct bench x;
    begin(&x);
    tro_dim_symbol(&x.g->dims, TRO_STR("M"), 2, 9); /* more than 1 */
    tro_dim_symbol(&x.g->dims, TRO_STR("P"), 1, 9);
    tro_dim_symbol(&x.g->dims, TRO_STR("Q"), 1, 9);
    check_broadcast(&x, "3", "3", "3");
    check_broadcast(&x, "1", "3", "3");
    check_broadcast(&x, "3", "1", "3");
    check_broadcast(&x, "3", "2", NULL);
    check_broadcast(&x, "0", "1", "0");
    check_broadcast(&x, "0", "3", NULL);
    check_broadcast(&x, "N", "N", "N");
    check_broadcast(&x, "N", "1", "N");
    check_broadcast(&x, "N", "5", "5");
    check_broadcast(&x, "N", "0", "0");
    check_broadcast(&x, "M", "N", "M");
    check_broadcast(&x, "N", "M", "M");
    check_broadcast(&x, "M", "10", NULL);
    check_broadcast(&x, "P", "Q", "max(P,Q)");
    /* One of them may be 0, then the other is 1 or 0: only bounds are known. */
    const struct tro_shape n = {1, {dim(&x, "N")}}, p = {1, {dim(&x, "P")}};
    struct tro_shape r;
    const char *name;
    CHECK(tro_broadcast(&x.call, &n, &p, &r) == 0);
    CHECK(tro_dim_is_symbol(&x.g->dims, r.dim[0], &name));
    CHECK(!tro_dim_eq(r.dim[0], n.dim[0]) && !tro_dim_eq(r.dim[0], p.dim[0]));
    tro_graph_destroy(x.g);
}

TEST(infer_same_dim)
{
    struct bench x;
    begin(&x);
    tro_dim out;
    const tro_dim n = dim(&x, "N"), four = tro_dim_const(4);
    const tro_dim few = tro_dim_symbol(&x.g->dims, TRO_STR("F"), 0, 3);
    CHECK(tro_same_dim(&x.call, n, four, "a", &out) == 0 && tro_dim_eq(out, four));
    CHECK(tro_same_dim(&x.call, four, n, "a", &out) == 0 && tro_dim_eq(out, four));
    CHECK(tro_same_dim(&x.call, n, few, "a", &out) == 0 && tro_dim_eq(out, few));
    CHECK(tro_same_dim(&x.call, few, n, "a", &out) == 0 && tro_dim_eq(out, few));
    CHECK_INT(tro_same_dim(&x.call, few, four, "channels of w", &out), TRO_E_INPUT);
    CHECK_STR(x.err.text, "channels of w: expected equal sizes, found: F and 4");
    CHECK_INT(tro_same_dim(&x.call, tro_dim_const(5), four, "a", &out), TRO_E_INPUT);
    tro_graph_destroy(x.g);
}

TEST(infer_axes)
{
    struct bench x;
    begin(&x);
    int axis, axes[4];
    CHECK(tro_norm_axis(&x.call, -1, 3, &axis) == 0 && axis == 2);
    CHECK(tro_norm_axis(&x.call, 0, 3, &axis) == 0 && axis == 0);
    CHECK_INT(tro_norm_axis(&x.call, 3, 3, &axis), TRO_E_INPUT);
    CHECK_STR(x.err.text, "axis 3 is outside [-3, 3) of rank 3");
    CHECK_INT(tro_norm_axis(&x.call, -4, 3, &axis), TRO_E_INPUT);
    CHECK_INT(tro_norm_axis(&x.call, 0, 0, &axis), TRO_E_INPUT);
    CHECK(tro_norm_axes(&x.call, &(struct tro_ints){2, {-1, 0}}, 3, axes) == 0);
    CHECK(axes[0] == 2 && axes[1] == 0);
    CHECK_INT(tro_norm_axes(&x.call, &(struct tro_ints){2, {-1, 2}}, 3, axes), TRO_E_INPUT);
    CHECK_STR(x.err.text, "axis 2 is named twice");
    tro_graph_destroy(x.g);
}

TEST(infer_wants)
{
    struct bench x;
    begin(&x);
    x.in[0] = (struct tro_operand){.dtype = TRO_I8, .shape = shape_of(2, 1, 2, 0)};
    x.in[1] = (struct tro_operand){.dtype = TRO_F32, .shape = shape_of(0, 0, 0, 0)};
    CHECK(tro_want_type(&x.call, 0, TRO_T_8BIT) == 0);
    CHECK_INT(tro_want_type(&x.call, 0, TRO_T_FLOAT), TRO_E_INPUT);
    CHECK_STR(x.err.text, "input 0: expected type f32, f16, bf16, f64, found i8");
    CHECK_INT(tro_want_same_type(&x.call, 1, 0), TRO_E_INPUT);
    CHECK_STR(x.err.text, "input 1: expected type i8 as input 0, found f32");
    CHECK(tro_want_rank(&x.call, 0, 1, 2) == 0);
    CHECK_INT(tro_want_rank(&x.call, 0, 3, 3), TRO_E_INPUT);
    CHECK_STR(x.err.text, "input 0: expected rank 3, found 2");
    CHECK_INT(tro_want_rank(&x.call, 1, 1, 2), TRO_E_INPUT);
    CHECK_STR(x.err.text, "input 1: expected rank 1 to 2, found 0");
    CHECK(tro_has(&x.call, 1) && !tro_has(&x.call, 2) && !tro_has(&x.call, 99) &&
          !tro_has(&x.call, -1));
    CHECK(tro_ranks_known(&x.call));
    x.in[3] = (struct tro_operand){.dtype = TRO_F32, .shape.rank = -1};
    CHECK(!tro_ranks_known(&x.call));
    for (int d = 1; d < TRO_N_DTYPES; d++)
        CHECK(TRO_T_ANY & TRO_T(d));
    CHECK(!(TRO_T_ANY & TRO_T(TRO_DTYPE_NONE)));
    tro_graph_destroy(x.g);
}

TEST(infer_known)
{
    struct bench x;
    begin(&x);
    static const int32_t ints[3] = {5, -6, 7};
    static const uint64_t huge[1] = {UINT64_MAX};
    static const int64_t end[1] = {INT64_MAX};
    static const float f[1] = {0.5f};
    const tro_dim sizes[2] = {dim(&x, "N"), tro_dim_const(3)};
    struct tro_dim_list dims;
    struct tro_ints list;
    double v = 0;
    x.in[0] = (struct tro_operand){TRO_I32, shape_of(1, 3, 0, 0), ints, NULL};
    CHECK(tro_known_ints(&x.call, 0, &list) && list.n == 3 && list.v[1] == -6);
    CHECK(!tro_known_f64(&x.call, 0, &v));
    x.in[1] = (struct tro_operand){TRO_I64, shape_of(1, 2, 0, 0), NULL, sizes};
    CHECK(tro_known_dims(&x.call, 1, &dims) && dims.n == 2 && tro_dim_eq(dims.v[0], sizes[0]));
    CHECK(!tro_known_ints(&x.call, 1, &list));
    x.in[2] = (struct tro_operand){TRO_F32, shape_of(1, 1, 0, 0), f, NULL};
    CHECK(tro_known_f64(&x.call, 2, &v) && v == 0.5);
    CHECK(!tro_known_ints(&x.call, 2, &list));
    CHECK(!tro_known_ints(&x.call, 3, &list));
    x.in[3] = (struct tro_operand){TRO_U64, shape_of(0, 0, 0, 0), huge, NULL};
    CHECK(!tro_known_ints(&x.call, 3, &list));
    x.in[3] = (struct tro_operand){TRO_I64, shape_of(0, 0, 0, 0), end, NULL};
    CHECK(tro_known_ints(&x.call, 3, &list) && list.v[0] == TRO_DIM_MAX);
    x.in[3] = (struct tro_operand){TRO_I32, shape_of(1, 17, 0, 0), ints, NULL};
    CHECK(!tro_known_ints(&x.call, 3, &list));
    tro_graph_destroy(x.g);
}

/* Windows counted one by one. */
static int64_t count_windows(int64_t in, const struct tro_window *w)
{
    const int64_t extent = (w->kernel - 1) * w->dilation + 1;
    int64_t n = 0;
    for (int64_t start = -w->pad_begin;; start += w->stride, n++) {
        const bool is_whole = start + extent <= in + w->pad_end;
        const bool begins_inside = start < in;
        /* With ceil_mode the last window may stand over the end when it begins before the padding
         * does, and something was left over by the windows before. */
        const bool has_rest = start - w->stride + extent < in + w->pad_end;
        if (w->ceil_mode ? !(begins_inside && (is_whole || has_rest)) : !is_whole)
            return n;
    }
}

TEST(infer_windows)
{
    struct bench x;
    begin(&x);
    const tro_dim h = tro_dim_symbol(&x.g->dims, TRO_STR("H"), 1, TRO_DIM_MAX);
    int n_checked = 0;
    for (int i = 0; i < 4 * 3 * 2 * 3 * 3 * 2; i++) {
        struct tro_window w = {.kernel = 1 + i % 4,
                               .stride = 1 + i / 4 % 3,
                               .dilation = 1 + i / 12 % 2,
                               .pad_begin = i / 24 % 3,
                               .pad_end = i / 72 % 3,
                               .ceil_mode = i / 216 % 2};
        const int64_t extent = (w.kernel - 1) * w.dilation + 1;
        if (w.pad_begin >= extent || w.pad_end >= extent)
            continue;
        const tro_dim symbolic = tro_window_out(&x.g->dims, h, &w);
        struct tro_dim_env env;
        CHECK_OR_RETURN(tro_dim_env_init(&env, &x.g->dims) == 0);
        for (int64_t in = extent; in < 20; in++) {
            const tro_dim out = tro_window_out(&x.g->dims, tro_dim_const(in), &w);
            const int64_t expected = count_windows(in, &w);
            int64_t v = -1;
            env.known[h.bits >> 1] = true;
            env.values[h.bits >> 1] = in;
            CHECK(tro_dim_eval(&x.g->dims, &env, symbolic, &v));
            test_check(tro_dim_is(out, expected) && v == expected, __FILE__, __LINE__,
                       "in %d kernel %d stride %d dilation %d pads %d %d ceil %d: %lld, %lld, "
                       "expected %lld",
                       (int)in, (int)w.kernel, (int)w.stride, (int)w.dilation, (int)w.pad_begin,
                       (int)w.pad_end, w.ceil_mode, (long long)tro_dim_value(out), (long long)v,
                       (long long)expected);
            n_checked++;
        }
        tro_dim_env_finish(&env);
    }
    CHECK(n_checked > 2000);
    tro_graph_destroy(x.g);
}

TEST(infer_same_padding)
{
    struct bench x;
    begin(&x);
    for (int upper = 0; upper < 2; upper++)
        for (int64_t in = 1; in < 12; in++)
            for (int64_t kernel = 1; kernel < 6; kernel++)
                for (int64_t stride = 1; stride < 4; stride++) {
                    struct tro_window w = {.kernel = kernel,
                                           .stride = stride,
                                           .dilation = 1,
                                           .auto_pad = upper ? tro_auto_pad_same_upper
                                                             : tro_auto_pad_same_lower};
                    const tro_dim n = tro_window_out(&x.g->dims, tro_dim_const(in), &w);
                    CHECK(tro_dim_is(n, (in + stride - 1) / stride));
                    tro_window_resolve(&w, in);
                    CHECK_INT(w.auto_pad, tro_auto_pad_explicit);
                    const int64_t odd = upper ? w.pad_end - w.pad_begin : w.pad_begin - w.pad_end;
                    CHECK(w.pad_begin >= 0 && w.pad_end >= 0 && (odd == 0 || odd == 1));
                    CHECK(tro_dim_eq(tro_window_out(&x.g->dims, tro_dim_const(in), &w), n));
                }
    tro_graph_destroy(x.g);
}

TEST(infer_hostile_windows)
{
    struct bench x;
    begin(&x);
    struct tro_window w = {.kernel = INT64_MIN,
                           .stride = 0,
                           .dilation = INT64_MAX,
                           .pad_begin = INT64_MIN,
                           .pad_end = INT64_MAX,
                           .auto_pad = tro_auto_pad_same_upper};
    tro_window_resolve(&w, INT64_MAX);
    w.stride = INT64_MAX;
    tro_window_resolve(&w, INT64_MAX);
    w.kernel = INT64_MAX;
    w.auto_pad = tro_auto_pad_same_lower;
    tro_window_resolve(&w, INT64_MAX);
    CHECK_INT(w.auto_pad, tro_auto_pad_explicit);
    tro_window_out(&x.g->dims, tro_dim_const(INT64_MIN), &w);
    w.stride = -1;
    tro_window_out(&x.g->dims, dim(&x, "N"), &w);
    CHECK(!x.g->dims.failed);
    tro_graph_destroy(x.g);
}

TEST(infer_run_time)
{
    struct bench x;
    begin(&x);
    const tro_dim n = dim(&x, "N*2");
    struct tro_dim_env env;
    const char *name;
    CHECK(tro_dim_eq(tro_attr_dim(&x.call, n), n));
    CHECK(tro_dim_is_symbol(&x.g->dims, tro_unknown_dim(&x.call, n), &name));
    CHECK(tro_dim_is_symbol(&x.g->dims, tro_free_dim(&x.call), &name));
    CHECK_OR_RETURN(tro_dim_env_init(&env, &x.g->dims) == 0);
    CHECK(tro_dim_bind(&x.g->dims, &env, n, 8));
    x.call.env = &env;
    const size_t n_entries = x.g->dims.n;
    CHECK(tro_dim_is(tro_attr_dim(&x.call, n), 8));
    CHECK(tro_dim_is(tro_unknown_dim(&x.call, tro_dim_const(5)), 5));
    tro_free_dim(&x.call);
    CHECK_INT(x.g->dims.n, n_entries);

    /* A size that is still open is a defect of ours, said as one. */
    struct tro_operand out;
    const struct tro_attrs_dims attrs = {0};
    x.in[0] = (struct tro_operand){.dtype = TRO_F32, .shape = {1, {n}}};
    x.call.op = TRO_OP_NEG;
    x.call.attrs = &attrs;
    x.call.n_in = x.call.n_out = 1;
    x.call.out = &out;
    CHECK_INT(tro_infer(&x.call), TRO_E_INTERNAL);
    CHECK_HAS(x.err.text, "size 0 of output 0 is open at run time");
    tro_dim_env_finish(&env);
    tro_graph_destroy(x.g);
}
