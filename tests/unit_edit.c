/* SPDX-License-Identifier: Apache-2.0 */
/* Simplifying: each step where it acts and where it must not. Before and after give the same. */
#include "edit_kit.h"

/* ---- nodes that pass their input on ---------------------------------------------------- */

TEST(identity_goes)
{
    CHECK_STR(simplified("in x f32[2]; a = Identity(x); y = Relu(a); out y f32[2]"), "y = Relu(x)");
    CHECK_INT(report.n_identity, 1);
    CHECK_INT(report.n_nodes_before, 2);
    CHECK_INT(report.n_nodes_after, 1);
    CHECK_STR(simplified("in x f32[2]; a = Identity(x); b = Identity(a); y = Add(a, b); out y"),
              "y = Add(x, x)");
}

TEST(identity_in_front_of_an_output_goes)
{
    CHECK_STR(simplified("in x f32[2]; a = Relu(x); b = Neg(a); c = Identity(a); y = Identity(c);"
                         "z = Add(a, b); out y f32[2]; out z f32[2]"),
              "y = Relu(x); b = Neg(y); z = Add(y, b)");
}

TEST(identity_between_input_and_output_stays)
{
    CHECK_STR(simplified("in x f32[2]; y = Identity(x); out y f32[2]"), "y = Identity(x)");
    CHECK_STR(simplified("w k f32[2] 1 2; y = Identity(k); out y f32[2]"),
              "y = Identity(k); w k f32[2] 1 2");
}

TEST(identity_of_an_output_stays)
{
    CHECK_STR(simplified("in x f32[2]; y = Relu(x); z = Identity(y); out y f32[2]; out z f32[2]"),
              "y = Relu(x); z = Identity(y)");
    CHECK_STR(simplified("in x f32[2]; a = Relu(x); y = Identity(a); z = Identity(a);"
                         "out y f32[2]; out z f32[2]"),
              "y = Relu(x); z = Identity(y)");
}

TEST(identity_without_a_name_leaves_absent_inputs_absent)
{
    CHECK_STR(simplified("in x f32[2]; w k f32[] 1; - = Identity(x); y = Clip(x, -, k); out y"),
              "y = Clip(x, -, k); w k f32[] 1");
}

TEST(identity_is_followed_into_branches)
{
    CHECK_STR(
        simplified("in x f32[2]; in c bool[]; a = Relu(x); b = Identity(a);"
                   "y = If(c) then_branch={ t = Neg(b); out t } else_branch={ out b }; out y"),
        "a = Relu(x); y = If(c) then_branch={t = Neg(a); out t} else_branch={out a}");
    CHECK_STR(simplified("in x f32[2]; in c bool[]; a = Relu(x);"
                         "y = If(c) then_branch={ t = Neg(a); out t } else_branch={ out a };"
                         "z = Identity(a); out y; out z f32[2]"),
              "z = Relu(x); y = If(c) then_branch={t = Neg(z); out t} else_branch={out z}");
}

TEST(what_keeps_the_form_goes)
{
    CHECK_STR(simplified("in x f32[2,N]; w s i64[2] 0 -1; a = Cast(x) to=1; b = Reshape(a, s);"
                         "c = Flatten(b); d = Squeeze(c); y = Relu(d); out y"),
              "d = Squeeze(x); y = Relu(d)"); /* N may be 1 */
    CHECK_STR(simplified("in x f32[2,3]; w s i64[2] 2 3; w r i64[2] 1 1; a = Squeeze(x);"
                         "b = Expand(a, s); c = Tile(b, r); d = Concat(c) axis=1; e = Max(d);"
                         "y = Relu(e); out y"),
              "y = Relu(x)");
    CHECK_STR(simplified("in x f32[2,3]; w p i64[4] 0 0 0 0; w s i64[1] 0; w e i64[1] 99;"
                         "a = Pad(x, p); b = Slice(a, s, e); c = Transpose(b) perm=[0,1];"
                         "d, - = Dropout(c); y = Relu(d); out y"),
              "y = Relu(x)");
}

TEST(what_changes_the_form_stays)
{
    CHECK_STR(simplified("in x f32[2,3]; a = Cast(x) to=11; y = Cast(a) to=1; out y"),
              "a = Cast(x) to=11; y = Cast(a) to=1");
    CHECK_STR(simplified("in x f32[2,3]; w p i64[4] 0 1 0 -1; y = Pad(x, p); z = Relu(y); out z"),
              "y = Pad(x, p); z = Relu(y); w p i64[4] 0 1 0 -1");
    CHECK_STR(simplified("in x f32[2,2]; a = Transpose(x) perm=[1,0]; y = Relu(a); out y"),
              "a = Transpose(x) perm=[1,0]; y = Relu(a)");
    CHECK_STR(simplified("in x f32[1]; in s i64[1]; a = Expand(x, s); y = Relu(a); out y"),
              "a = Expand(x, s); y = Relu(a)");
}

TEST(slice_that_reverses_stays)
{
    CHECK_STR(simplified("in x f32[3]; w s i64[1] -1; w e i64[1] -9; w a i64[1] 0; w t i64[1] -1;"
                         "b = Slice(x, s, e, a, t); y = Relu(b); out y"),
              "b = Slice(x, s, e, a, s); y = Relu(b); w s i64[1] -1; w e i64[1] -9; w a i64[1] 0");
}

TEST(dropout_whose_mask_is_used_stays)
{
    CHECK_STR(simplified("in x f32[2]; a, m = Dropout(x); y = Relu(a); out y; out m"),
              "a, m = Dropout(x); y = Relu(a)");
}

/* ---- branches of If -------------------------------------------------------------------- */

TEST(known_branch_is_put_in_place)
{
    CHECK_STR(simplified("in x f32[2]; w c bool[] 1; y = If(c) then_branch={ t = Neg(x); out t }"
                         "else_branch={ t = Relu(x); out t }; out y f32[2]"),
              "y = Neg(x)");
    CHECK_INT(report.n_branch, 1);
    CHECK_STR(simplified("in x f32[2]; w c bool[1] 0; y = If(c) then_branch={ t = Neg(x); out t }"
                         "else_branch={ w k f32[2] 1 2; t = Add(x, k); out t }; out y f32[2]"),
              "y = Add(x, k); w k f32[2] 1 2");
}

TEST(branches_in_branches_are_put_in_place)
{
    CHECK_STR(simplified("in x f32[2]; w c bool[] 1; y = If(c) then_branch={ t = If(c)"
                         "then_branch={ u = Neg(x); out u } else_branch={ out x }; out t }"
                         "else_branch={ out x }; out y f32[2]"),
              "y = Neg(x)");
    CHECK_STR(simplified("in x f32[2]; in d bool[]; w c bool[] 1; y = If(d) then_branch={ t = If(c)"
                         "then_branch={ u = Neg(x); out u } else_branch={ out x }; out t }"
                         "else_branch={ out x }; out y f32[2]"),
              "y = If(d) then_branch={t = Neg(x); out t} else_branch={out x}");
}

TEST(names_of_branches_stay_apart)
{
    CHECK_STR(
        simplified("in x f32[2]; w c bool[] 1;"
                   "p = If(c) then_branch={ t = Neg(x); t_1 = Abs(t); u = Add(t, t_1); out u }"
                   "else_branch={ out x };"
                   "q = If(c) then_branch={ t = Exp(x); t_1 = Sin(t); u = Sub(t, t_1); out u }"
                   "else_branch={ out x };"
                   "y = Mul(p, q); out y f32[2]"),
        "t_2 = Neg(x); t_1_1 = Abs(t_2); u_1 = Add(t_2, t_1_1); t = Exp(x); t_1 = Sin(t);"
        " u = Sub(t, t_1); y = Mul(u_1, u)");
}

TEST(unknown_branch_stays)
{
    CHECK_STR(simplified("in x f32[2]; in c bool[]; y = If(c) then_branch={ t = Neg(x); out t }"
                         "else_branch={ t = Relu(x); out t }; out y f32[2]"),
              "y = If(c) then_branch={t = Neg(x); out t} else_branch={t = Relu(x); out t}");
}

TEST(inner_names_that_hide_outer_ones_are_told_apart)
{
    CHECK_STR(simplified("in x f32[2]; in c bool[]; a = Relu(x); b = Identity(a);"
                         "y = If(c) then_branch={ a = Neg(b); d = Add(a, b); out d }"
                         "else_branch={ out b }; out y"),
              "a = Relu(x); y = If(c) then_branch={a_1 = Neg(a); d = Add(a_1, a); out d}"
              " else_branch={out a}");
}

/* ---- shapes ---------------------------------------------------------------------------- */

TEST(sizes_become_constants)
{
    CHECK_STR(simplified("in x f32[N,4]; w one i64[] 1; s = Shape(x); n = Gather(s, one) axis=0;"
                         "m = Add(n, one); r = Range(one, m, one); f = Cast(r) to=1; y = Add(x, f);"
                         "z = ReduceSum(y); out z"),
              "y = Add(x, f); z = ReduceSum(y); w f f32[4] 1 2 3 4");
    CHECK(report.n_shape > 0);
}

TEST(free_sizes_stay)
{
    CHECK_STR(simplified("in x f32[N,6]; w zero i64[] 0; s = Shape(x); n = Gather(s, zero) axis=0;"
                         "y = Identity(n); out y"),
              "s = Shape(x); y = Gather(s, zero) axis=0; w zero i64[] 0");
    CHECK_INT(report.n_shape, 0);
}

TEST(sizes_that_are_outputs_stay)
{
    CHECK_STR(simplified("in x f32[2,6]; s = Shape(x); out s"), "s = Shape(x)");
}

/* The importer knows what comes out of DequantizeLinear here, but the weights are to stay
 * integers. */
TEST(quantized_weights_stay)
{
    CHECK_STR(simplified("in x f32[2,2]; w q i8[2,2] 1 2 3 4; w s f32[] .5; w z i8[] 0;"
                         "d = DequantizeLinear(q, s, z); t = Transpose(d) perm=[1,0];"
                         "y = MatMul(x, t); out y f32[2,2]"),
              "d = DequantizeLinear(q, s, z); t = Transpose(d) perm=[1,0]; y = MatMul(x, t);"
              " w q i8[2,2] 1 2 3 4; w s f32[] 0.5; w z i8[] 0");
    CHECK_STR(simplified("in x f32[2]; w k f32[2] 1 2; w s f32[] .5; w z i8[] 0;"
                         "q = QuantizeLinear(k, s, z); d = DequantizeLinear(q, s, z);"
                         "y = Add(x, d); out y f32[2]"),
              "q = QuantizeLinear(k, s, z); d = DequantizeLinear(q, s, z); y = Add(x, d);"
              " w k f32[2] 1 2; w s f32[] 0.5; w z i8[] 0");
}

/* The function F of one input and one output, whose body is the main graph of `body`. */
static struct tro_onnx_function function_of(struct tro_onnx_model *body, const char *domain,
                                            const char *name)
{
    const struct tro_onnx_graph *g = &body->graph;
    return (struct tro_onnx_function){.name = {name, strlen(name)},
                                      .domain = {domain, strlen(domain)},
                                      .inputs = &g->inputs[0].name,
                                      .n_inputs = 1,
                                      .outputs = &g->outputs[0].name,
                                      .n_outputs = 1,
                                      .nodes = g->nodes,
                                      .n_nodes = g->n_nodes,
                                      .opsets = body->opsets,
                                      .n_opsets = body->n_opsets};
}

static const char *simplified_with(const char *text, const char *body_text, const char *domain,
                                   const char *name)
{
    struct tro_onnx_model *m = onnx_text_read(text, 13), *body = onnx_text_read(body_text, 13);
    struct tro_onnx_function f = function_of(body, domain, name);
    m->functions = &f;
    m->n_functions = 1;
    if (*domain)
        onnx_text_opset(m, domain, 1);
    const char *result = simplified_model(m, text);
    tro_onnx_free(body);
    return result;
}

/* A function's inner tensor has the name of one of the main graph. */
TEST(names_inside_functions_are_no_tensors_of_the_graph)
{
    CHECK_STR(simplified_with("in x f32[2,3]; b = local::F(x); s = Neg(b); out s i64[2]",
                              "in v f32[2,3]; k = Constant() value={i64[2] 0 0}; s = Shape(v);"
                              "r = Add(s, k); out r",
                              "local", "F"),
              "s = Neg(b); w b i64[2] 2 3");
}

TEST(functions_of_constants_are_computed)
{
    CHECK_STR(simplified_with("in x f32[2]; w a f32[2] 1 2; b = local::F(a); y = Add(x, b); out y",
                              "in v; s = Neg(v); r = Add(s, s); out r", "local", "F"),
              "y = Add(x, b); w b f32[2] -2 -4");
}

/* Whether and when a loop ends is not known before it is run. */
TEST(functions_with_loops_stay)
{
    is_endless = true;
    CHECK_STR(simplified_with("in x f32[2]; w a f32[2] 1 2; b = local::F(a); y = Add(x, b); out y",
                              "in v; n = Constant() value_int=9000000000000000000;"
                              "c = Constant() value={bool[] 1}; r = Loop(n, c, v)"
                              "body={ in i i64[]; in k bool[]; in u f32[2]; m = Neg(u);"
                              "j = Identity(k); out j; out m }; out r",
                              "local", "F"),
              "b = local::F(a); y = Add(x, b); w a f32[2] 1 2");
    is_endless = false;
}

/* ---- constants ------------------------------------------------------------------------- */

TEST(nodes_of_constants_are_computed)
{
    CHECK_STR(simplified("in x f32[2]; w a f32[2] 1 2; w b f32[2] 3 5; s = Add(a, b);"
                         "p, q = Split(s) axis=0; r = Sub(q, p); y = Mul(x, r); out y f32[2]"),
              "y = Mul(x, r); w r f32[1] 3");
    CHECK_INT(report.n_constant, 3);
}

TEST(nodes_of_constants_that_are_outputs_stay)
{
    CHECK_STR(simplified("in x f32[2]; w a f32[2] 1 2; y = Neg(a); z = Add(x, a); out y; out z"),
              "y = Neg(a); z = Add(x, a); w a f32[2] 1 2");
}

TEST(random_numbers_stay)
{
    CHECK_STR(simplified("in x f32[2]; w a f32[2] 1 2; r = RandomNormalLike(a);"
                         "q = RandomNormalLike(a); y = Add(r, q); z = Add(y, x); out z"),
              "r = RandomNormalLike(a); q = RandomNormalLike(a); y = Add(r, q); z = Add(y, x);"
              " w a f32[2] 1 2");
}

TEST(unknown_operators_stay)
{
    const char *text = "in x f32[2]; w a f32[2] 1 2; b = Neg(a); c = my.own::Op(b, x) k=1;"
                       "d = Identity(c); e = my.own::Op(a); y, - = my.own::Two(d, e); out y";
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    onnx_text_opset(m, "my.own", 1);
    CHECK_STR(simplified_model(m, text),
              "c = my.own::Op(b, x) k=1; e = my.own::Op(a); y, - = my.own::Two(c, e);"
              " w a f32[2] 1 2; w b f32[2] -1 -2");
}

/* The model says itself what Identity of the default domain is. */
TEST(operators_that_the_model_defines_stay)
{
    CHECK_STR(simplified_with("in x f32[2]; a = Identity(x); b = Identity(x); y = Add(a, b); out y",
                              "in v; r = Neg(v); out r", "", "Identity"),
              "a = Identity(x); b = Identity(x); y = Add(a, b)");
}

TEST(constants_are_seen_inside)
{
    CHECK_STR(simplified("in x f32[2]; in c bool[]; w a f32[2] 1 2;"
                         "y = If(c) then_branch={ w b f32[2] 3 5; s = Add(a, b); t = Mul(x, s);"
                         "out t } else_branch={ out x }; out y f32[2]"),
              "y = If(c) then_branch={t = Mul(x, s); w s f32[2] 4 7; out t}"
              " else_branch={out x}");
}

/* A body's input that an initializer stands for in the body is still its input. */
TEST(inputs_of_bodies_are_no_constants)
{
    CHECK_STR(simplified("in x f32[2]; w n i64[] 2; w c bool[] 1; y = Loop(n, c, x)"
                         "body={ in i i64[]; in k bool[]; in v f32[2]; w v f32[2] 5 6;"
                         "m = Neg(v); j = Identity(k); out j; out m }; out y f32[2]"),
              "y = Loop(n, c, x) body={m = Neg(v); j = Identity(k); w v f32[2] 5 6; out j; out m};"
              " w n i64[] 2; w c bool[] 1");
}

TEST(large_results_stay)
{
    CHECK_STR(simplified("in x f32[]; w n i64[1] 100000; a = ConstantOfShape(n); y = Add(x, a);"
                         "out y"),
              "a = ConstantOfShape(n); y = Add(x, a); w n i64[1] 100000");
    is_endless = true;
    CHECK_HAS(simplified("in x f32[]; w n i64[2] 1000000 1000000; a = ConstantOfShape(n);"
                         "b = ReduceMax(a); y = Add(x, b); out y"),
              "a = ConstantOfShape(n); b = ReduceMax(a); y = Add(x, b); w n");
    is_endless = false;
    CHECK_STR(simplified("in x f32[]; w n i64[1] 2; a = ConstantOfShape(n); y = Add(x, a); out y"),
              "y = Add(x, a); w a f32[2] 0 0");
}

/* Small operands, small result, 10^12 steps. */
TEST(what_takes_long_stays)
{
    is_endless = true;
    CHECK_HAS(simplified("in x f32[]; w n i64[1] 10000; a = ConstantOfShape(n);"
                         "b = Einsum(a, a, a) equation='i,j,k->'; y = Add(x, b); out y"),
              "b = Einsum(a, a, a) equation='i,j,k->'; y = Add(x, b); w a f32[10000] 0");
    is_endless = false;
}

/* Each result is small enough, all of them together are not: 1000 times 64 kB. */
TEST(much_that_is_small_stays)
{
    char text[60000];
    int n = snprintf(text, sizeof text, "in x f32[16384]; w s i64[1] 16384;");
    for (int i = 0; i < 1000; i++)
        n += snprintf(text + n, sizeof text - (size_t)n,
                      "a%d = ConstantOfShape(s) value={f32[1] %d};", i, i);
    n += snprintf(text + n, sizeof text - (size_t)n, "y = Sum(x");
    for (int i = 0; i < 1000; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, ", a%d", i);
    snprintf(text + n, sizeof text - (size_t)n, "); out y");
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    CHECK_INT(tro_edit_simplify(m, &report, NULL), 0);
    CHECK(report.n_constant > 100 && report.n_constant < 200);
    tro_onnx_free(m);
}

/* ---- Constant nodes -------------------------------------------------------------------- */

TEST(constant_nodes_become_initializers)
{
    CHECK_STR(simplified("in x f32[2]; a = Constant() value={f32[2] 1 2};"
                         "b = Constant() value_float=.5; c = Constant() value_floats=[1.5,2];"
                         "p = Add(x, a); q = Add(p, b); y = Add(q, c); out y"),
              "p = Add(x, a); q = Add(p, b); y = Add(q, c); w a f32[2] 1 2; w b f32[] 0.5;"
              " w c f32[2] 1.5 2");
    CHECK_INT(report.n_constant_node, 3);
    CHECK_STR(simplified("in x f32[4]; a = Constant() value_ints=[2,2]; b = Reshape(x, a);"
                         "c = Constant() value_int=1; y = Gather(b, c); out y"),
              "b = Reshape(x, a); y = Gather(b, c); w a i64[2] 2 2; w c i64[] 1");
}

TEST(constant_nodes_that_are_outputs_stay)
{
    CHECK_STR(simplified("a = Constant() value={f32[2] 1 2}; out a"),
              "a = Constant() value=f32[2] 1 2");
}

TEST(constants_of_strings_stay)
{
    CHECK_STR(simplified("in x f32[2]; a = Constant() value_string='no'; y = Relu(x); z = Size(a);"
                         "out y; out z"),
              "a = Constant() value_string='no'; y = Relu(x); z = Size(a)");
}

/* ---- chains ---------------------------------------------------------------------------- */

TEST(transposes_are_joined)
{
    CHECK_STR(simplified("in x f32[2,3,4]; a = Transpose(x) perm=[1,2,0];"
                         "b = Transpose(a) perm=[1,0,2]; y = Relu(b); out y f32[4,3,2]"),
              "b = Transpose(x) perm=[2,1,0]; y = Relu(b)");
    CHECK_STR(simplified("in x f32[2,3,4]; a = Transpose(x) perm=[1,2,0];"
                         "b = Transpose(a) perm=[2,0,1]; y = Relu(b); out y f32[2,3,4]"),
              "y = Relu(x)");
}

TEST(transposes_used_twice_stay)
{
    CHECK_STR(simplified("in x f32[2,3,4]; a = Transpose(x) perm=[1,2,0];"
                         "y = Transpose(a) perm=[1,0,2]; out y; out a"),
              "a = Transpose(x) perm=[1,2,0]; y = Transpose(a) perm=[1,0,2]");
    CHECK_STR(simplified("in x f32[2,3,4]; a = Transpose(x) perm=[1,2,0];"
                         "b = Transpose(a) perm=[1,0,2]; y = Relu(b); z = Relu(a); out y; out z"),
              "a = Transpose(x) perm=[1,2,0]; b = Transpose(a) perm=[1,0,2]; y = Relu(b);"
              " z = Relu(a)");
}

TEST(reshapes_are_joined)
{
    CHECK_STR(simplified("in x f32[2,3,1]; w s i64[2] 3 2; w t i64[2] -1 3; a = Squeeze(x);"
                         "b = Reshape(a, s); c = Reshape(b, t); d = Relu(c); y = Add(d, d); out y"),
              "c = Reshape(x, t); d = Relu(c); y = Add(d, d); w t i64[2] -1 3");
    CHECK_INT(report.n_chain, 2);
}

TEST(reshape_that_copies_a_size_stays)
{
    CHECK_STR(
        simplified("in x f32[2,3]; w s i64[2] 3 2; w t i64[3] 0 1 2; a = Reshape(x, s);"
                   "b = Reshape(a, t); y = Relu(b); out y"),
        "a = Reshape(x, s); b = Reshape(a, t); y = Relu(b); w s i64[2] 3 2; w t i64[3] 0 1 2");
    CHECK_STR(simplified("in x f32[2,3]; in t i64[2]; w s i64[2] 3 2; a = Reshape(x, s);"
                         "b = Reshape(a, t); y = Relu(b); out y"),
              "a = Reshape(x, s); b = Reshape(a, t); y = Relu(b); w s i64[2] 3 2");
}

/* ---- BatchNormalization ---------------------------------------------------------------- */

#define NORM "w g f32[2] 2 3; w h f32[2] 1 -1; w m f32[2] .5 .25; w v f32[2] .25 4;"

TEST(normalization_is_folded_into_the_convolution)
{
    CHECK_STR(simplified("in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4;" NORM
                         "a = Conv(x, k); b = BatchNormalization(a, g, h, m, v) epsilon=0.0;"
                         "y = Relu(b); out y"),
              "b = Conv(x, k_folded, h_folded); y = Relu(b); w k_folded f32[2,2,1,1] 4 8 4.5 6;"
              " w h_folded f32[2] -1 -1.375");
    CHECK_INT(report.n_normalization, 1);
    CHECK_STR(simplified("in x f32[1,2,3,3]; w k f32[2,1,1,1] 1 2; w c f32[2] 1 1;" NORM
                         "a = Conv(x, k, c) group=2;"
                         "y = BatchNormalization(a, g, h, m, v) epsilon=0.0; out y"),
              "y = Conv(x, k_folded, h_folded) group=2; w k_folded f32[2,1,1,1] 4 3;"
              " w h_folded f32[2] 3 0.125");
}

TEST(weights_used_elsewhere_stay_as_they_are)
{
    CHECK_HAS(simplified("in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4;" NORM
                         "a = Conv(x, k); b = BatchNormalization(a, g, h, m, v) epsilon=0.0;"
                         "c = Conv(x, k); d = Relu(c); y = Add(b, d); out y"),
              "w k f32[2,2,1,1] 1 2 3 4");
}

TEST(convolution_used_twice_keeps_its_normalization)
{
    const char *shared[] = {
        "in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4;" NORM "a = Conv(x, k);"
        "b = BatchNormalization(a, g, h, m, v) epsilon=0.0; y = Add(a, b); out y",
        "in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4;" NORM "a = Conv(x, k);"
        "y = BatchNormalization(a, g, h, m, v) epsilon=0.0; out a; out y"};
    for (int i = 0; i < 2; i++) {
        CHECK_HAS(simplified(shared[i]), "BatchNormalization(a, g, h, m, v)");
        CHECK_INT(report.n_normalization, 0);
    }
}

TEST(normalization_that_is_not_constant_stays)
{
    CHECK_HAS(simplified("in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4; in g f32[2];"
                         "w m f32[2] 1 2; a = Conv(x, k);"
                         "y = BatchNormalization(a, g, m, m, m); out y"),
              "y = BatchNormalization(a, g, m, m, m)");
    CHECK_HAS(simplified("in x f32[1,2,3,3]; in k f32[2,2,1,1];" NORM
                         "a = Conv(x, k); y = BatchNormalization(a, g, h, m, v); out y"),
              "y = BatchNormalization(a, g, h, m, v)");
    CHECK_HAS(simplified("in x f16[1,2,3,3]; w k f16[2,2,1,1] 1 2 3 4;" NORM
                         "a = Conv(x, k); y = BatchNormalization(a, g, h, m, v); out y"),
              "y = BatchNormalization(a, g, h, m, v)");
}

/* ---- duplicates ------------------------------------------------------------------------ */

TEST(duplicates_go)
{
    CHECK_STR(simplified("in x f32[2]; a = LeakyRelu(x) alpha=.5; b = LeakyRelu(x) alpha=.5;"
                         "c = Neg(a); d = Neg(b); y = Add(c, d); out y"),
              "a = LeakyRelu(x) alpha=0.5; c = Neg(a); y = Add(c, c)");
    CHECK_INT(report.n_duplicate, 2);
}

TEST(what_differs_stays)
{
    CHECK_STR(simplified("in x f32[2]; a = LeakyRelu(x) alpha=.5; b = LeakyRelu(x) alpha=.25;"
                         "y = Add(a, b); out y"),
              "a = LeakyRelu(x) alpha=0.5; b = LeakyRelu(x) alpha=0.25; y = Add(a, b)");
    CHECK_STR(simplified("in x f32[2]; in z f32[2]; a = Sub(x, z); b = Sub(z, x); y = Mul(a, b);"
                         "out y"),
              "a = Sub(x, z); b = Sub(z, x); y = Mul(a, b)");
}

TEST(duplicates_that_are_outputs_stay)
{
    CHECK_STR(simplified("in x f32[2]; y = Neg(x); z = Neg(x); out y; out z"),
              "y = Neg(x); z = Neg(x)");
}

/* The first of the two does not name what the second one does. */
TEST(duplicates_that_give_more_stay)
{
    CHECK_STR(simplified("in x f32[1,1,4]; a, - = MaxPool(x) kernel_shape=[2];"
                         "b, i = MaxPool(x) kernel_shape=[2]; y = Add(a, b); out y; out i"),
              "a, - = MaxPool(x) kernel_shape=[2]; b, i = MaxPool(x) kernel_shape=[2];"
              " y = Add(a, b)");
}

TEST(equal_weights_become_one)
{
    CHECK_STR(simplified("in x f32[2]; w a f32[2] 1 2; w b f32[2] 1 2; w c f32[2] 1 3;"
                         "p = Add(x, a); q = Add(p, b); y = Add(q, c); out y"),
              "p = Add(x, a); q = Add(p, a); y = Add(q, c); w a f32[2] 1 2; w c f32[2] 1 3");
    CHECK_INT(report.n_same_weight, 1);
}

TEST(weights_of_other_form_stay)
{
    CHECK_STR(simplified("in x f32[1,2]; w a f32[2] 1 2; w b f32[1,2] 1 2; w c i32[2] 0 0;"
                         "w d f32[2] 0 0; w e u32[2] 0 0; p = Add(x, a); q = Add(p, b);"
                         "r = Add(q, d); y = GatherElements(r, f); w f i32[1,2] 0 0;"
                         "g = Cast(e) to=1; out y"),
              "p = Add(x, a); q = Add(p, b); r = Add(q, d); y = GatherElements(r, f);"
              " w a f32[2] 1 2; w b f32[1,2] 1 2; w d f32[2] 0 0; w f i32[1,2] 0 0");
}

TEST(weights_that_are_outputs_stay)
{
    CHECK_STR(
        simplified("in x f32[2]; w a f32[2] 1 2; w b f32[2] 1 2; y = Add(x, b); out a; out y"),
        "y = Add(x, b); w a f32[2] 1 2; w b f32[2] 1 2");
}

/* ---- dead ------------------------------------------------------------------------------ */

TEST(dead_nodes_go)
{
    CHECK_STR(
        simplified("in x f32[2]; w k f32[2] 1 2; a = Add(x, k); b = Neg(a); y = Relu(x); out y"),
        "y = Relu(x)");
    CHECK_INT(report.n_dead, 2);
    CHECK_INT(report.n_unused_weight, 1);
    CHECK_STR(simplified("in x f32[2]; in c bool[]; a = Neg(x); d = If(c)"
                         "then_branch={ t = Abs(a); out t } else_branch={ out a };"
                         "e = If(c) then_branch={ t = Abs(d); out t } else_branch={ out d };"
                         "y = Relu(x); out y"),
              "y = Relu(x)");
    CHECK_INT(report.n_dead, 3);
}

TEST(what_branches_use_stays)
{
    CHECK_STR(simplified("in x f32[2]; in c bool[]; w k f32[2] 1 2; a = Neg(x);"
                         "y = If(c) then_branch={ t = Add(a, k); u = Exp(a); out t }"
                         "else_branch={ out a }; out y"),
              "a = Neg(x); y = If(c) then_branch={t = Add(a, k); out t} else_branch={out a};"
              " w k f32[2] 1 2");
}

TEST(unknown_operators_that_are_used_by_nobody_go)
{
    const char *text = "in x f32[2]; a = my.own::Op(x); y = Relu(x); out y";
    struct tro_onnx_model *m = onnx_text_read(text, 13);
    onnx_text_opset(m, "my.own", 1);
    CHECK_STR(simplified_model(m, text), "y = Relu(x)");
}

TEST(unknown_operators_without_results_stay)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[2]; a = my.own::Print(x); y = Relu(x); out y", 13);
    m->graph.nodes[0].n_outputs = 0;
    onnx_text_opset(m, "my.own", 1);
    CHECK_STR(simplified_model(m, "a node without outputs"), " = my.own::Print(x); y = Relu(x)");
}

/* ---- the model ------------------------------------------------------------------------- */

TEST(inputs_with_initializers_become_constants)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[2]; in k f32[2]; w k f32[2] 1 2; j = Neg(k); y = Add(x, j); out y f32[2]", 13);
    m->ir_version = 3;
    CHECK_INT(tro_edit_simplify(m, &report, NULL), 0);
    CHECK_STR(onnx_text_ends(m), "x float[2] -> y float[2]");
    CHECK_STR(onnx_text_of(m), "y = Add(x, j); w j f32[2] -1 -2");
    CHECK_INT(m->ir_version, 4);
    tro_onnx_free(m);
}

TEST(declarations_follow)
{
    struct tro_onnx_model *m = onnx_text_read(
        "in x f32[N,2]; info a f32[9]; info gone f32[1]; a = Neg(x); b = Identity(a);"
        "y = MatMul(b, w2); w w2 f32[2,1] 1 1; out y f32[?,?]; out a",
        13);
    CHECK_INT(tro_edit_simplify(m, &report, NULL), 0);
    CHECK_STR(onnx_text_ends(m), "x float[N,2] -> y float[N,1], a float[N,2]");
    CHECK_INT(m->graph.n_value_infos, 0);
    tro_onnx_free(m);
}

TEST(what_contradicts_itself_is_refused)
{
    CHECK_HAS(simplify_error("in x f32[2]; y = Add(x, z); z = Neg(y); out z"),
              "node 'y' (Add): expected tensor 'z' to be made by an earlier node");
    CHECK_HAS(simplify_error("in x f32[2]; y = Neg(y); out y"),
              "'y' to be made by an earlier node");
    CHECK_HAS(simplify_error("in x f32[2]; y = Neg(x); y = Abs(x); out y"),
              "node 'y' (Abs): expected each tensor to be made once, found 'y' twice");
    CHECK_HAS(simplify_error("in x f32[2]; in x f32[2]; y = Abs(x); out y"), "found 'x' twice");
    CHECK_HAS(simplify_error("in x f32[2]; w k f32[] 1; w k f32[] 1; y = Add(x, k); out y"),
              "found 'k' twice");
    CHECK_HAS(simplify_error("in x f32[2]; y = Abs(x); out z"),
              "output 'z': expected tensor 'z' to be made");
    CHECK_HAS(simplify_error("in x f32[2]; in c bool[]; y = If(c) then_branch={ t = Neg(u); out t }"
                             "else_branch={ u = Abs(x); out u }; out y"),
              "node 'y' (If): node 't' (Neg): expected tensor 'u' to be made");
    CHECK_HAS(simplify_error("in x f32[2]; in k i64[2]; y = Add(x, k); out y"), "node 'y' (Add)");
    CHECK_HAS(simplify_error("in x f32[2]; in k f32[3]; y = Add(x, k); out y"), "node 'y' (Add)");
}

/* ---- when memory runs out -------------------------------------------------------------- */

TEST(memory_may_run_out_at_any_place)
{
    static const char text[] =
        "in x f32[1,2,3,3]; w k f32[2,2,1,1] 1 2 3 4; w k2 f32[2,2,1,1] 1 2 3 4; w c bool[] 1;" NORM
        "s = Shape(x); s1 = Neg(s); s2 = Neg(s1); a = Conv(x, k); a1 = Identity(a);"
        "b = BatchNormalization(a1, g, h, m, v); q = Conv(b, k2); q2 = Conv(b, k);"
        "r = If(c) then_branch={ w u f32[] 2; s = Neg(q); t = Mul(s, u); out t }"
        "else_branch={ out b }; e = Constant() value_int=1; e1 = Neg(e);"
        "t1 = Transpose(q2) perm=[0,1,3,2]; t2 = Transpose(t1) perm=[0,1,3,2];"
        "z = Reshape(r, s2); y = Add(z, t2); dead = Exp(y); out y; out e1";
    int n_failed = 0;
    for (int64_t n = 0; n < 3000; n++) {
        struct tro_err err = {0};
        struct tro_onnx_model *m = onnx_text_read(text, 13);
        tro_alloc_fail_after(n);
        const int rc = tro_edit_simplify(m, &report, &err);
        tro_alloc_fail_after(-1);
        if (!CHECK(rc == 0 || rc == TRO_E_NOMEM))
            test_check(false, __FILE__, __LINE__, "after %d allocations: %s", (int)n, err.text);
        tro_onnx_free(m);
        n_failed += rc < 0;
    }
    CHECK(n_failed > 100 && n_failed < 3000);
}
