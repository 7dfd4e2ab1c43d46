/* SPDX-License-Identifier: Apache-2.0 */
/* The importer's frame: names and scopes, functions, branches and bodies, declarations, and what a
 * small file may not make of it. Operators one by one are the conformance tests' matter. */
#include "edit_kit.h"

#include "graph/text.h"

static struct tro_err err;

/* Imports, verifies, prints: the graph's text, or the message. Ends the model. */
static const char *imported_model(struct tro_onnx_model *m)
{
    static char result[32768];
    struct tro_graph *g = NULL;
    struct tro_buf out = {0};
    err = (struct tro_err){0};
    if (tro_onnx_import(m, &g, &err) < 0) {
        CHECK(g == NULL && err.text[0]);
        snprintf(result, sizeof result, "%s", err.text);
    } else {
        CHECK_INT(tro_graph_verify(g, &err), 0);
        CHECK_STR(err.text, "");
        tro_graph_print(g, 16, &out);
        snprintf(result, sizeof result, "%.*s", (int)out.n, (const char *)out.p);
    }
    tro_buf_finish(&out);
    tro_graph_destroy(g);
    tro_onnx_free(m);
    return result;
}

static const char *imported(const char *text)
{
    return imported_model(onnx_text_read(text, 13));
}

/* Outputs of a run as text, or the message. Ends the model. */
static const char *run_model(struct tro_onnx_model *m)
{
    static char result[8192];
    struct tro_tensor out[EDIT_MAX] = {0};
    struct tro_buf text = {0};
    err = (struct tro_err){0};
    if (edit_run(m, out, &err) < 0)
        tro_buf_str(&text, err.text);
    else
        ref_kit_print_all(out, (int)m->graph.n_outputs, &text);
    snprintf(result, sizeof result, "%.*s", (int)text.n, (const char *)text.p);
    tro_buf_finish(&text);
    for (int i = 0; i < EDIT_MAX; i++)
        tro_free(out[i].data);
    tro_onnx_free(m);
    return result;
}

static const char *ran(const char *text)
{
    return run_model(onnx_text_read(text, 13));
}

/* ---- names ----------------------------------------------------------------------------- */

TEST(tensors_are_made_once_and_before_their_use)
{
    CHECK_HAS(imported("in x f32[2]; y = Add(x, z); z = Neg(y); out z"),
              "node 'y' (Add): expected tensor 'z' to be made by an earlier node, an input or an "
              "initializer, found none");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); y = Abs(x); out y"),
              "node 'y' (Abs): expected each tensor to be made once, found 'y' twice");
    CHECK_HAS(imported("in x f32[2]; w x2 f32[] 1; w x2 f32[] 1; y = Neg(x); out y"),
              "expected each initializer once, found 'x2' twice");
    CHECK_HAS(imported("in x f32[2]; in x f32[2]; y = Neg(x); out y"), "found 'x' twice");
    CHECK_HAS(imported("in x f32[2]; w k f32[2] 1 2; k = Neg(x); out k"), "found 'k' twice");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out z"), "output 'z': expected tensor 'z'");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x)"), "expected a graph with outputs, found none");
}

TEST(inputs_with_initializers_are_constants)
{
    CHECK_STR(ran("in x f32[2]; in k f32[2]; w k f32[2] 1 2; y = Sub(x, k); out y"),
              "f32[2] -2 -1.25");
}

TEST(inputs_may_be_absent)
{
    CHECK_STR(ran("in x f32[2]; w k f32[] -.9; y = Clip(x, -, k); out y"), "f32[2] -1 -0.9");
    CHECK_HAS(imported("in x f32[2]; y = Add(x, -); out y"),
              "node 'y' (Add): expected input 1 to be present, found none");
    CHECK_HAS(imported("in x f32[2]; y = Concat(-, x) axis=0; out y"), "node 'y' (Concat)");
    CHECK_HAS(imported("in x f32[2]; y = Sum(-); out y"), "node 'y' (Sum)");
}

/* Values inside take the names of tensors outside: the map tells them apart. */
TEST(tensors_of_the_main_graph_by_name)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[2]; w k f32[2] 1 2; w unused f32[] 1; in c bool[];"
        "y = If(c) then_branch={ t = Neg(x); out t } else_branch={ t = Abs(x); out t };"
        "i = Identity(y); t = Add(i, k); out t",
        13);
    struct tro_graph *g;
    struct tro_map names = {0};
    uint32_t y, i, t;
    CHECK_INT(tro_onnx_import_named(m, &g, &names, NULL), 0);
    CHECK(tro_map_get(&names, TRO_STR("y"), &y) && tro_map_get(&names, TRO_STR("i"), &i) && y == i);
    CHECK(tro_map_get(&names, TRO_STR("t"), &t));
    CHECK_INT(t, tro_block_get(g, TRO_MAIN_BLOCK)->outputs[0].i);
    CHECK(tro_map_get(&names, TRO_STR("k"), NULL) && tro_map_get(&names, TRO_STR("x"), NULL));
    CHECK(!tro_map_get(&names, TRO_STR("unused"), NULL));
    tro_map_finish(&names);
    tro_graph_destroy(g);
    tro_onnx_free(m);
}

/* ---- declarations ---------------------------------------------------------------------- */

TEST(declarations_must_not_contradict)
{
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out y i64[2]"),
              "output 'y': expected i64 as the model declares, found f32");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out y f32[2,2]"), "expected rank 2");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out y f32[3]"),
              "expected size 3 on axis 0 as the model declares, found 2");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out y f32[N]"), "output %y");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x); out y"), "output %y");
    CHECK_HAS(imported("in x f32[1,1,1,1,1,1,1,1,1]; y = Neg(x); out y"),
              "input 'x': expected rank 8 or lower, found 9");
    CHECK_HAS(imported("in x f32[4294967296]; y = Neg(x); out y"), "expected sizes in [0, 2^31)");
    CHECK_HAS(imported("in x; y = Neg(x); out y"), "input 'x': expected a tensor, found type none");
}

TEST(types_and_shapes_must_fit)
{
    CHECK_HAS(imported("in x f32[2]; in k i64[2]; y = Add(x, k); out y"), "node 'y' (Add)");
    CHECK_HAS(imported("in x f32[2]; in k f32[3]; y = Add(x, k); out y"), "node 'y' (Add)");
    CHECK_HAS(imported("in x f32[2,3]; in k f32[4,2]; y = MatMul(x, k); out y"),
              "node 'y' (MatMul)");
    CHECK_HAS(imported("in x f32[1,3,4,4]; in w1 f32[2,4,1,1]; y = Conv(x, w1); out y"),
              "node 'y' (Conv)");
}

TEST(operators_and_attributes_must_be_known)
{
    CHECK_HAS(
        imported("in x f32[2]; y = Nonsense(x); out y"),
        "node 'y' (Nonsense): expected an operator that is supported, found Nonsense of domain "
        "ai.onnx, version 13");
    CHECK_HAS(imported("in x f32[2]; y = other::Neg(x); out y"),
              "expected an opset import for domain other of Neg, found none");
    CHECK_HAS(imported("in x f32[2]; y = Gelu(x); out y"), "export the model with a newer opset");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x) axis=1; out y"),
              "expected only attributes of version 13, found 'axis'");
    CHECK_HAS(imported("in x f32[2]; y = LeakyRelu(x) alpha=1; out y"),
              "attribute 'alpha': expected float, found int");
    CHECK_HAS(imported("in x f32[2]; y, z = Neg(x); out y"), "expected 1 to 1 outputs, found 2");
    CHECK_HAS(imported("in x f32[2]; y = Neg(x, x); out y"), "expected 1 to 1 inputs, found 2");
    CHECK_HAS(imported("in x f32[2,2]; y = Transpose(x) perm=[4294967296,1]; out y"),
              "attribute 'perm': expected axes of 0 to 1, found 4294967296");
    CHECK_HAS(imported("in x f32[2,2]; y = Transpose(x) perm=[0,0]; out y"),
              "node 'y' (Transpose)");
    CHECK_HAS(imported_model(onnx_text_read("in x f32[2]; y = Neg(x); out y", 25)),
              "expected opset 24 or lower, found 25");
}

TEST(opset_imports_are_few)
{
    struct tro_onnx_model *m = onnx_text_read("in x f32[2]; y = Neg(x); out y", 13);
    m->opsets = TRO_NEW_N(&m->arena, struct tro_onnx_opset, 2000);
    m->n_opsets = 2000;
    m->opsets[0].version = 13;
    CHECK_HAS(imported_model(m), "expected at most 1000 opset imports, found 2000");
}

/* ---- what is computed at once ---------------------------------------------------------- */

TEST(sizes_are_constants)
{
    const char *text = imported("in x f32[N,6]; w one i64[1] 1; w m i64[1] -1; s = Shape(x);"
                                "n = Gather(s, one); d = Concat(m, n) axis=0; y = Reshape(x, d);"
                                "out y");
    CHECK_HAS(text, "= reshape(%x, ");
    CHECK(!strstr(text, "gather") && !strstr(text, "concat"));
    CHECK_HAS(imported("in x f32[N,6]; w one i64[] 0; s = Shape(x); n = Gather(s, one); out n"),
              "= dims() {values = [N], is_scalar = 1}");
}

/* Imports; memory of the graph, -1 after a failure. Ends the model. */
static int64_t graph_bytes(struct tro_onnx_model *m)
{
    struct tro_graph *g = NULL;
    int64_t n = -1;
    err = (struct tro_err){0};
    if (tro_onnx_import(m, &g, &err) >= 0)
        n = (int64_t)g->arena.n_bytes;
    CHECK_STR(err.text, "");
    tro_graph_destroy(g);
    tro_onnx_free(m);
    return n;
}

/* Small operands whose result would take gigabytes, or hours. */
TEST(large_results_are_left_for_the_run)
{
    static const char *const texts[] = {
        "w a f32[4096] 4096*0; r = Unsqueeze(a, z); c = Unsqueeze(a, o); y = Add(r, c); out y;"
        "w z i64[1] 0; w o i64[1] 1",
        "w a f32[64,64] 4096*1; y = Einsum(a, a, a) equation='ij,kl,mn->'; out y",
        "w a f32[1,1,1] 1; w k f32[1,1,1] 1; y = Conv(a, k) pads=[1000000000,1000000000]; out y",
        "w a f32[1,1,1] 1; y = AveragePool(a) kernel_shape=[1000000000]"
        " pads=[999999999,999999999]; out y",
        "w n i64[2] 100000 100000; y = ConstantOfShape(n); out y",
        "w a f32[1] 1; w n i64[1] 4000000000; y = Tile(a, n); out y",
        "w a i64[] 0; w n i64[] 4000000000; w s i64[] 1; y = Range(a, n, s); out y",
        "w a f32[1] 1; w n i64[2] 0 4000000000; y = Pad(a, n); out y",
        "w a i64[1] 1; w n i64[] 4000000000; w v f32[2] 0 1; y = OneHot(a, n, v); out y",
        "w a f32[1,1,1,1] 1; w s f32[4] 1 1 60000 60000; y = Resize(a, -, s); out y"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const int64_t n = graph_bytes(onnx_text_read(texts[i], 13));
        test_check(n > 0 && n < 1000000, __FILE__, __LINE__, "%s: %lld bytes", texts[i],
                   (long long)n);
    }
    CHECK(graph_bytes(onnx_text_read("in x f32[2147483647]; w s f32[1] 1; w z u8[1] 0;"
                                     "y = QuantizeLinear(x, s, z) axis=0 block_size=2147483647;"
                                     "out y",
                                     21)) < 1000000);
}

/* Each of them is small. */
TEST(computed_results_are_bounded_in_all)
{
    static char text[300000];
    int n = snprintf(text, sizeof text, "w a f32[4096] 4096*1;");
    for (int i = 0; i < 4000; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "a%d = Neg(a); out a%d;", i, i);
    const int64_t bytes = graph_bytes(onnx_text_read(text, 13));
    CHECK(bytes > 1000000 && bytes < 12000000);
}

TEST(work_is_estimated_from_sizes)
{
    const struct tro_tensor row = {.dtype = TRO_F32, .rank = 2, .shape = {1, 100}};
    const struct tro_tensor square = {.dtype = TRO_F32, .rank = 2, .shape = {100, 100}};
    const struct tro_tensor one = {.dtype = TRO_F32};
    const struct tro_tensor squares[3] = {square, square, square};
    const struct tro_attrs_pool pool = {.kernel = {.n = 2, .v = {1000, 1000}}};
    CHECK_NEAR(tro_import_work(TRO_OP_NEG, NULL, 1, &square, 1, &square), 20001, 0);
    CHECK_NEAR(tro_import_work(TRO_OP_MATMUL, NULL, 2, squares, 1, &square), 1030001, 0);
    CHECK_NEAR(tro_import_work(TRO_OP_EINSUM, NULL, 3, squares, 1, &one), 1e12 + 30002, 1);
    CHECK_NEAR(tro_import_work(TRO_OP_POOL, &pool, 1, &row, 1, &row), 1e8 + 201, 0);
    CHECK(tro_import_work(TRO_OP_ROI_ALIGN, NULL, 1, &row, 1, &row) == INFINITY);
    CHECK(tro_import_work(TRO_OP_LOOP, NULL, 1, &row, 1, &row) == INFINITY);
    CHECK_NEAR(tro_import_work(TRO_OP_DFT, NULL, 1, &row, 1, &row), 201. * 201, 0);
}

/* ---- functions ------------------------------------------------------------------------- */

struct functions {
    struct tro_onnx_model *m, *bodies[8];
    struct tro_onnx_function f[8];
};

/* A function of domain "f" whose body is the main graph of a text. */
static struct tro_onnx_function *add_function(struct functions *fs, const char *name,
                                              const char *text)
{
    const size_t i = fs->m->n_functions++;
    struct tro_onnx_model *body = fs->bodies[i] = onnx_text_read(text, 13);
    struct tro_onnx_graph *g = &body->graph;
    onnx_text_opset(body, "f", 1);
    fs->f[i] = (struct tro_onnx_function){
        .name = {name, strlen(name)},
        .domain = TRO_STR("f"),
        .inputs = TRO_NEW_N(&body->arena, struct tro_str, g->n_inputs),
        .n_inputs = g->n_inputs,
        .outputs = TRO_NEW_N(&body->arena, struct tro_str, g->n_outputs),
        .n_outputs = g->n_outputs,
        .nodes = g->nodes,
        .n_nodes = g->n_nodes,
        .opsets = body->opsets,
        .n_opsets = body->n_opsets};
    for (size_t k = 0; k < g->n_inputs; k++)
        fs->f[i].inputs[k] = g->inputs[k].name;
    for (size_t k = 0; k < g->n_outputs; k++)
        fs->f[i].outputs[k] = g->outputs[k].name;
    fs->m->functions = fs->f;
    return &fs->f[i];
}

static void begin_functions(struct functions *fs, const char *text)
{
    *fs = (struct functions){.m = onnx_text_read(text, 13)};
    onnx_text_opset(fs->m, "f", 1);
}

static void end_functions(struct functions *fs)
{
    for (int i = 0; i < 8; i++)
        tro_onnx_free(fs->bodies[i]);
}

TEST(functions_are_put_in_place)
{
    struct functions fs;
    begin_functions(
        &fs, "in x f32[2]; a = Neg(x); b, c = f::Two(a, x); d, - = f::Two(c, c); out b; out d");
    add_function(&fs, "Two", "in a; in b; t = Add(a, b); x = f::Half(t); out x; out t");
    add_function(&fs, "Half", "in x; k = Constant() value_float=0.5; t = Mul(x, k); out t");
    CHECK_STR(run_model(fs.m), "f32[2] 0 0; f32[2] 0 0");
    end_functions(&fs);
}

TEST(attributes_of_functions_are_passed_on)
{
    struct functions fs;
    begin_functions(&fs, "in x f32[2]; a = f::Outer(x) slope=0.25; b = f::Outer(x); out a; out b");
    struct tro_onnx_function *f = add_function(&fs, "Outer",
                                               "in x; y = f::Inner(x) alpha=9.5; out y");
    f->nodes[0].attrs[0].ref_attr_name = TRO_STR("slope");
    f = add_function(&fs, "Inner", "in x; y = LeakyRelu(x) alpha=9.5; out y");
    f->nodes[0].attrs[0].ref_attr_name = TRO_STR("alpha");
    struct tro_onnx_attr otherwise = {
        .name = TRO_STR("alpha"), .type = TRO_ONNX_ATTR_FLOAT, .f = 0.5F, .has_f = true};
    f->attr_protos = &otherwise;
    f->n_attr_protos = 1;
    CHECK_STR(run_model(fs.m), "f32[2] -0.25 0.75; f32[2] -0.01 0.75");
    end_functions(&fs);
}

TEST(functions_that_call_themselves)
{
    struct functions fs;
    begin_functions(&fs, "in x f32[2]; y = f::F(x); out y");
    add_function(&fs, "F", "in x; y = f::F(x); out y");
    CHECK_HAS(imported_model(fs.m), "node 'y' (F): node 'y' (F)");
    CHECK_HAS(err.text, "they call each other in a circle");
    end_functions(&fs);
    begin_functions(&fs, "in x f32[2]; y = f::F(x); out y");
    add_function(&fs, "F",
                 "in x; in c; y = If(c) then_branch={ t = f::G(x, c); out t }"
                 "else_branch={ out x }; out y");
    add_function(&fs, "G", "in x; in c; y = f::F(x, c); out y");
    CHECK(strstr(imported_model(fs.m), "node 'y' (F)"));
    end_functions(&fs);
}

/* 2^40 nodes from six lines; and a few that are long lists. */
TEST(functions_that_multiply)
{
    struct functions fs;
    begin_functions(&fs, "in x f32[2]; y = f::A(x); out y");
    static const char *const names[] = {"A", "B", "C", "D", "E"};
    for (int i = 0; i < 5; i++) {
        char text[2000] = "in t0;";
        for (int k = 0; k < 30; k++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "t%d = f::%s(t%d);", k + 1,
                     i < 4 ? names[i + 1] : "Id", k);
        strcat(text, "out t30");
        add_function(&fs, names[i], text);
    }
    add_function(&fs, "Id", "in x; y = Neg(x); out y");
    CHECK_HAS(imported_model(fs.m), "the model multiplies itself");
    end_functions(&fs);
}

TEST(functions_that_do_not_fit)
{
    struct functions fs;
    begin_functions(&fs, "in x f32[2]; y = f::F(x, x, x); out y");
    add_function(&fs, "F", "in x; y = Neg(x); out y");
    CHECK_HAS(imported_model(fs.m), "node 'y' (F): expected 0 to 1 inputs, found 3");
    end_functions(&fs);
    begin_functions(&fs, "in x f32[2]; y, z = f::F(x); out y");
    add_function(&fs, "F", "in x; y = Neg(x); out y");
    CHECK_HAS(imported_model(fs.m), "expected 0 to 1 outputs, found 2");
    end_functions(&fs);
    begin_functions(&fs, "in x f32[2]; y = f::F(x); out y");
    add_function(&fs, "F", "in x; y = Neg(outer); out y");
    CHECK_HAS(imported_model(fs.m), "node 'y' (F): node 'y' (Neg): expected tensor 'outer'");
    end_functions(&fs);
    begin_functions(&fs, "in x f32[2]; y = f::F(x); out y");
    add_function(&fs, "F", "in x; y = Neg(x); out y");
    add_function(&fs, "F", "in x; y = Abs(x); out y");
    CHECK_HAS(imported_model(fs.m), "expected each function once, found 'F' twice");
    end_functions(&fs);
    begin_functions(&fs, "in x f32[2]; y = f::F(x); out y");
    add_function(&fs, "F", "in x; y = Neg(x); out y")->opsets[0].version = 99;
    CHECK_HAS(imported_model(fs.m), "node 'y' (F): expected opset 24 or lower, found 99");
    end_functions(&fs);
}

/* ---- branches and bodies --------------------------------------------------------------- */

/* Each branch takes other values of the graph around it, in another order. */
#define BRANCHES                                                    \
    "a = Neg(x); b = Neg(z); w k f32[2] 1 2;"                       \
    "y = If(c) then_branch={ t = Sub(b, a); u = Add(t, k); out u }" \
    "else_branch={ t = Sub(a, x); u = Div(t, b); out u }; out y"

TEST(branches_take_what_they_need)
{
    CHECK_STR(ran("in x f32[2]; in z f32[2]; in c bool[];" BRANCHES), "f32[2] 8 1");
    CHECK_STR(ran("in x f32[2]; in z f32[2]; in d bool[]; c = Not(d);" BRANCHES),
              "f32[2] 0.25 1.25");
    CHECK_STR(ran("w one bool[] 1; p = If(one) then_branch={ w q f32[] 5; out q }"
                  "else_branch={ w q f32[2] 6 7; out q }; out p"),
              "f32[] 5");
    CHECK_HAS(imported("in c bool[]; in x f32[2]; y = If(c) then_branch={ out x }"
                       "else_branch={ out x; out x }; out y"),
              "node 'y' (If): expected branches without inputs and with 1 outputs");
    CHECK_HAS(imported("in c bool[]; in x f32[2]; y = If(c) then_branch={ out x }; out y"),
              "attribute 'else_branch': expected a graph, found none");
}

TEST(loops_carry_what_grows)
{
    CHECK_STR(ran("in x f32[1]; w n i64[] 3; w c bool[] 1; v, s = Loop(n, c, x)"
                  "body={ in i i64[]; in k bool[]; in u f32[1]; v = Concat(u, u) axis=0;"
                  "f = Cast(i) to=1; j = Identity(k); out j; out v; out f }; out v; out s"),
              "f32[8] -1 -1 -1 -1 -1 -1 -1 -1; f32[3] 0 1 2");
    CHECK_HAS(imported("in x f32[1]; w n i64[] 3; w c bool[] 1; v = Loop(n, c, x)"
                       "body={ in i i64[]; in k bool[]; out k }; out v"),
              "node 'v' (Loop): body: expected 3 inputs and 2 outputs, found 2 and 1");
}

TEST(scans_of_as_many_inputs_as_there_are)
{
    static const char *const counts[] = {"0", "-2147483646", "-9223372036854775808",
                                         "3", "4294967297",  "9223372036854775807"};
    for (int i = 0; i < 6; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "in x f32[3]; in z f32[3,2]; y, s = Scan(x, z) num_scan_inputs=%s"
                 " body={ in a; in b; out a; out b }; out y",
                 counts[i]);
        CHECK_HAS(imported(text), "node 'y' (Scan): expected 1 to 16 scanned inputs");
    }
}

/* Each of the loops is imported until the sizes of what it carries fit: 2^20 times in all. */
TEST(loops_in_loops_are_bounded)
{
    char text[4000] = "in u0 f32[1]; w n i64[] 3; w c bool[] 1;";
    const int depth = 20;
    for (int i = 0; i < depth; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "v%d = Loop(n, c, u%d) body={ in i%d i64[]; in k%d bool[]; in u%d f32[1];", i, i,
                 i, i, i + 1);
    snprintf(text + strlen(text), sizeof text - strlen(text), "v%d = Concat(u%d, u%d) axis=0;",
             depth, depth, depth);
    for (int i = depth - 1; i >= 0; i--)
        snprintf(text + strlen(text), sizeof text - strlen(text), "out k%d; out v%d };", i, i + 1);
    strcat(text, "out v0");
    CHECK_HAS(imported(text), "the model multiplies itself");
}

TEST(graphs_nested_too_deep)
{
    char text[8000] = "in x f32[2]; in c bool[];";
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "y%d = If(c) else_branch={ out x } then_branch={", i);
    strcat(text, "z = Neg(x); out z");
    for (int i = 39; i >= 0; i--)
        snprintf(text + strlen(text), sizeof text - strlen(text), "}; out y%d", i);
    CHECK_HAS(imported(text), "expected graphs nested at most 32 deep");
}

/* Everything is in a body: the file is large itself, it does not multiply. */
TEST(large_bodies_are_imported)
{
    static char text[600000];
    int n = snprintf(text, sizeof text,
                     "in x f32[2]; in c bool[]; y = If(c) else_branch={ out x }"
                     "then_branch={ t0 = Neg(x);");
    for (int i = 0; i < 20000; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "t%d = Neg(t%d);", i + 1, i);
    snprintf(text + n, sizeof text - (size_t)n, "out t20000 }; out y");
    CHECK(graph_bytes(onnx_text_read(text, 13)) > 0);
}

/* ---- quantization in blocks ------------------------------------------------------------ */

TEST(blocks_are_spread)
{
    CHECK_STR(
        run_model(onnx_text_read(
            "w q i8[2,5] 1 2 3 4 5 6 7 8 9 10; w s f32[2,3] 1 2 4 .5 .25 .125;"
            "w z i8[2,3] 0 1 2 0 1 2; y = DequantizeLinear(q, s, z) axis=1 block_size=2; out y",
            21)),
        "f32[2,5] 1 2 4 6 12 3 3.5 1.75 2 1");
    CHECK_HAS(imported_model(onnx_text_read("in q i8[2,5]; in s f32[3];"
                                            "y = DequantizeLinear(q, s) axis=1 block_size=2; out y",
                                            21)),
              "node 'y' (DequantizeLinear): expected scales of rank 2");
}

/* ---- when memory runs out -------------------------------------------------------------- */

TEST(memory_may_run_out_at_any_place)
{
    struct functions fs;
    begin_functions(&fs, "in x f32[2]; in z f32[2]; in c bool[];" BRANCHES
                         "; g = f::F(y); w r i64[] 2; v = Loop(r, c, g) body={ in i i64[];"
                         "in j bool[]; in u f32[2]; o = Concat(u, u) axis=0; out j; out o };"
                         "s = Shape(v); p = Neg(s); e = Add(p, p); out v; out e");
    add_function(&fs, "F", "in x; t = Exp(x); out t");
    int n_failed = 0;
    for (int64_t n = 0; n < 3000; n++) {
        struct tro_graph *g = NULL;
        tro_alloc_fail_after(n);
        const int rc = tro_onnx_import(fs.m, &g, NULL);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 ? g != NULL : rc == TRO_E_NOMEM && !g);
        tro_graph_destroy(g);
        n_failed += rc < 0;
    }
    CHECK(n_failed > 30 && n_failed < 3000);
    tro_onnx_free(fs.m);
    end_functions(&fs);
}

/* ---- plugins of TensorRT ---------------------------------------------------------------- */

#define NMS_INPUTS                                                                           \
    "w b f32[1,3,4] 0 0 2 2 0 0 2 4 4 4 5 5; w s f32[1,3,2] 0.5 0.1 0.4 0.4 0.2 0.25; in x " \
    "f32[1];"
#define NMS_OUTPUTS "t = Identity(x); out n; out y; out v; out k; out t"

TEST(efficient_nms)
{
    CHECK_STR(ran(NMS_INPUTS "n, y, v, k = EfficientNMS_TRT(b, s) score_threshold=.25 "
                             "iou_threshold=.5 max_output_boxes=3 background_class=-1 box_coding=0 "
                             "score_activation=0 class_agnostic=0 plugin_version='1';" NMS_OUTPUTS),
              "i32[1,1] 3; f32[1,3,4] 0 0 2 2 0 0 2 4 4 4 5 5; f32[1,3] 0.5 0.4 0.25; "
              "i32[1,3] 0 1 1; f32[1] -1");
    CHECK_STR(ran(NMS_INPUTS "n, y, v, k = EfficientNMS_TRT(b, s) score_threshold=.25 "
                             "max_output_boxes=3 background_class=1 class_agnostic=1;" NMS_OUTPUTS),
              "i32[1,1] 1; f32[1,3,4] 0 0 2 2 0 0 0 0 0 0 0 0; f32[1,3] 0.5 0 0; i32[1,3] 0 -1 -1; "
              "f32[1] -1");
    /* Anchors: x * width + x, width * e^width. */
    CHECK_STR(ran("w b f32[1,1,4] 0.5 0 0 0; w s f32[1,1,1] 0; w a f32[1,1,4] 3 4 2 6;"
                  "in x f32[1]; n, y, v, k = EfficientNMS_TRT(b, s, a) score_threshold=.1 "
                  "max_output_boxes=1 box_coding=1 score_activation=1;" NMS_OUTPUTS),
              "i32[1,1] 1; f32[1,1,4] 3 1 5 7; f32[1,1] 0.5; i32[1,1] 0; f32[1] -1");
    CHECK_HAS(ran(NMS_INPUTS "n, y, v, k = EfficientNMS_TRT(b, s, b);" NMS_OUTPUTS),
              "expected box_coding 1 where anchors are given");
    CHECK_HAS(ran(NMS_INPUTS "n, y, v, k = EfficientNMS_TRT(b, s) box_coding=2;" NMS_OUTPUTS),
              "attribute 'box_coding': expected 0 or 1, found 2");
    CHECK_HAS(ran(NMS_INPUTS "n, y, v, k = EfficientNMS_TRT(b, s) max_output_boxes=0;" NMS_OUTPUTS),
              "max_output is 0");
    struct tro_onnx_model *m = onnx_text_read(
        "in b f16[1,N,4]; in s f16[1,N,2]; n, y, v, k = TRT::EfficientNMS_TRT(b, s);"
        "out n; out y; out v; out k",
        13);
    onnx_text_opset(m, "TRT", 1);
    CHECK_HAS(imported_model(m), "f16[1,100,4]");
}
