/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as ONNX models: forms that differ from ours, names, sizes, blocks, and what has no form.
 * Operators one by one are tests/test_export.py's matter. */
#include "onnx_text.h"

#include "onnx/export.h"
#include "onnx/import.h"

static struct tro_err err;

static struct tro_graph *parsed(const char *text)
{
    err = (struct tro_err){0};
    struct tro_graph *g = tro_graph_parse((struct tro_str){text, strlen(text)}, "graph", &err);
    CHECK_STR(err.text, "");
    return g;
}

/* Nodes and weights of what the graph becomes, or the message. */
static const char *exported_as(const char *text, const struct tro_onnx_export_opts *opts,
                               const char **ends)
{
    static char result[16384], line[4096];
    struct tro_onnx_model *m = NULL;
    struct tro_graph *g = parsed(text);
    if (!g)
        return "";
    if (tro_onnx_export(g, opts, &m, &err) < 0) {
        CHECK(!m && err.status == TRO_E_UNSUPPORTED);
        snprintf(result, sizeof result, "%s", err.text);
    } else {
        snprintf(result, sizeof result, "%s", onnx_text_of(m));
        snprintf(line, sizeof line, "%s", onnx_text_ends(m));
    }
    if (ends)
        *ends = line;
    tro_onnx_free(m);
    tro_graph_destroy(g);
    return result;
}

static const char *exported(const char *text)
{
    return exported_as(text, NULL, NULL);
}

static const char *ends(const char *text)
{
    const char *line = "";
    exported_as(text, NULL, &line);
    return line;
}

static struct tro_str bytes_of(const struct tro_buf *b)
{
    return (struct tro_str){(const char *)b->p, b->n};
}

/* ---- rows ------------------------------------------------------------------------------ */

/* An operator that is written as it is has a row for each of its attributes. */
TEST(attributes_of_direct_operators_have_rows)
{
    static const char *const functions[TRO_N_OPS] = {
#define EXPORT(id, onnx, since, bf16, types, fn) [TRO_OP_##id] = #fn,
#define ATTR(id, set, field, onnx, how)
#include "onnx/export.def"
#undef EXPORT
#undef ATTR
    };
    int n_rows[TRO_N_OPS] = {0}, n_direct = 0;
#define EXPORT(id, onnx, since, bf16, types, fn)
#define ATTR(id, set, field, onnx, how) n_rows[TRO_OP_##id]++;
#include "onnx/export.def"
#undef EXPORT
#undef ATTR
    for (int op = 0; op < TRO_N_OPS; op++) {
        int n_fields = 0;
        for (const struct tro_attr_field *f = tro_op_info(op)->fields(); f->name; f++)
            n_fields++;
        const bool is_direct = functions[op] && strcmp(functions[op], "direct") == 0;
        n_direct += is_direct;
        if (is_direct && n_rows[op] != n_fields)
            CHECK_STR(tro_op_info(op)->text, "an operator with a row for each attribute");
    }
    CHECK(n_direct > 60);
}

TEST(attributes_are_written_as_their_rows_say)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[2,3] const %k : i64[1] = 2 "
                       "%v, %i = topk(%x, %k) {axis = 1, is_smallest = 1} output %v, %i"),
              "v, i = TopK(x, k) axis=1 largest=0 sorted=1; w k i64[1] 2");
    CHECK_STR(exported("graph \"g\" input %x : f32[2,3] %y = reduce(%x) {kind = max} output %y"),
              "y = ReduceMax(x) keepdims=1");
    CHECK_STR(exported("graph \"g\" input %x : f32[2,3] %y = cast(%x) {to = i8} output %y"),
              "y = Cast(x) to=3");
    CHECK_STR(exported("graph \"g\" input %x : i32[2] input %y : i32[2] %z = and(%x, %y) "
                       "%f = fmod(%z, %y) output %f"),
              "z = BitwiseAnd(x, y); f = Mod(z, y) fmod=1");
    CHECK_STR(exported("graph \"g\" input %x : f32[1,2,8] %y = pool(%x) {kind = avg, kernel = [3], "
                       "strides = [2], dilations = [1], pads = [1,1]} output %y"),
              "y = AveragePool(x) kernel_shape=[3] strides=[2] pads=[1,1]");
}

TEST(relu_and_clip_are_recognized)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[2] const %z : f32[] = 0 %y = max(%x, %z) "
                       "output %y"),
              "y = Relu(x)");
    CHECK_STR(exported("graph \"g\" input %x : f32[2] const %l : f32[1] = -1 const %h : f32[] = 6 "
                       "%m = max(%x, %l) %y = min(%h, %m) output %y"),
              "y = Clip(x, y_least, h); w y_least f32[] -1; w h f32[] 6");
    /* What is needed besides stays. */
    CHECK_STR(exported("graph \"g\" input %x : f32[2] const %l : f32[] = 0 const %h : f32[] = 6 "
                       "%m = max(%x, %l) %y = min(%m, %h) output %y, %m"),
              "m = Relu(x); y = Min(m, h); w h f32[] 6");
    /* Broadcasting the number, or to more elements than x has. */
    CHECK_STR(exported("graph \"g\" input %x : f32[2] const %z : f32[1,1] = 0 %y = max(%x, %z) "
                       "output %y"),
              "y = Max(x, z); w z f32[1,1] 0");
    CHECK_STR(exported("graph \"g\" input %x : u8[2] const %z : u8[] = 0 %y = max(%x, %z) "
                       "output %y"),
              "y = Max(x, z); w z u8[] 0");
}

/* ---- quantization ---------------------------------------------------------------------- */

TEST(scales_are_scalars_or_vectors_with_an_axis)
{
    CHECK_STR(exported("graph \"g\" const %w : i8[2,1,1,1] = 3 -4 const %s : f32[2,1,1,1] = 0.5 2 "
                       "%y = dequantize(%w, %s) output %y"),
              "y = DequantizeLinear(w, y_scale, y_zero) axis=0; w w i8[2,1,1,1] 3 -4; "
              "w y_scale f32[2] 0.5 2; w y_zero i8[2] 0 0");
    /* A place in the last axis is a vector already. */
    CHECK_STR(exported("graph \"g\" input %x : f32[3,2] const %s : f32[2] = 0.5 2 const %z : i8[2] "
                       "= 1 2 %q = quantize(%x, %s, %z) {to = i8} output %q"),
              "q = QuantizeLinear(x, s, z) axis=1; w s f32[2] 0.5 2; w z i8[2] 1 2");
    /* Of the tensor, with whatever ones around; a zero of it is repeated. */
    CHECK_STR(exported("graph \"g\" input %x : f32[3,2] const %s : f32[1,1] = 0.5 "
                       "%q = quantize(%x, %s) {to = u8} output %q"),
              "q = QuantizeLinear(x, q_scale, q_zero); w q_scale f32[] 0.5; w q_zero u8[] 0");
    CHECK_STR(exported("graph \"g\" input %x : i8[3,2] const %s : f32[3,1] = 1 2 3 const %z : i8[] "
                       "= 7 %y = dequantize(%x, %s, %z) output %y"),
              "y = DequantizeLinear(x, y_scale, y_zero) axis=0; w y_scale f32[3] 1 2 3; "
              "w y_zero i8[3] 7 7 7");
}

TEST(zero_points_tell_the_type)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[2] const %s : f32[] = 0.5 "
                       "%q = quantize(%x, %s) {to = i8} output %q"),
              "q = QuantizeLinear(x, s, q_zero); w s f32[] 0.5; w q_zero i8[] 0");
    /* There are none of 32 bits. */
    CHECK_STR(
        exported("graph \"g\" const %b : i32[2] = 5 6 const %s : f32[] = 0.5 const %z : i32[] "
                 "= 0 %y = dequantize(%b, %s, %z) output %y"),
        "y = DequantizeLinear(b, s); w b i32[2] 5 6; w s f32[] 0.5");
    CHECK_HAS(
        exported("graph \"g\" const %b : i32[2] = 5 6 const %s : f32[] = 0.5 const %z : i32[] "
                 "= 4 %y = dequantize(%b, %s, %z) output %y"),
        "y = Mul(y_centered, s)");
}

TEST(scales_that_are_computed_are_reshaped)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[2,3] input %s : f32[2,1] "
                       "%q = quantize(%x, %s) {to = u8} output %q"),
              "q_scale = Reshape(s, q_shape); q = QuantizeLinear(x, q_scale, q_zero) axis=0; "
              "w q_shape i64[1] -1; w q_zero u8[2] 0 0");
}

TEST(scales_of_blocks)
{
    CHECK_STR(exported("graph \"g\" input %x : i8[2,4] const %s : f32[2,4] = 1 1 2 2 3 3 4 4 "
                       "%y = dequantize(%x, %s) output %y"),
              "y = DequantizeLinear(x, y_scale) axis=1 block_size=2; w y_scale f32[2,2] 1 2 3 4");
    /* Neither blocks nor an axis: in parts. */
    CHECK_HAS(exported("graph \"g\" input %x : i8[2,2,2] const %s : f32[2,1,2] = 1 2 3 4 "
                       "%y = dequantize(%x, %s) output %y"),
              "y_f32 = Cast(x) to=1; y = Mul(y_f32, s)");
}

TEST(sums_are_requantized_by_a_product_and_quantize)
{
    CHECK_STR(exported("graph \"g\" input %a : i32[2] const %s : f32[] = 0.25 const %z : u8[] = 3 "
                       "%q = requantize(%a, %s, %z) output %q"),
              "q_f32 = Cast(a) to=1; q_scaled = Mul(q_f32, s); q = QuantizeLinear(q_scaled, q_one, "
              "z); w s f32[] 0.25; w q_one f32[] 1; w z u8[] 3");
}

TEST(sums_and_tables_of_bytes)
{
    CHECK_STR(exported("graph \"g\" input %x : i8[2,3] %y = reduce(%x) {widens = 1} output %y"),
              "y_i32 = Cast(x) to=6; y = ReduceSum(y_i32) keepdims=1");
    CHECK_HAS(exported("graph \"g\" input %x : i8[2,3] %y = reduce(%x) output %y"),
              "ONNX has no ReduceSum of i8: put a cast in front of it");
    CHECK_HAS(exported("graph \"g\" input %x : i8[2] const %t : u8[256] = splat 7 "
                       "%y = table(%x, %t) output %y"),
              "y_i32 = Cast(x) to=6; y_byte = Mod(y_i32, y_bytes); y = Gather(t, y_byte); "
              "w y_bytes i32[] 256");
    CHECK_HAS(exported("graph \"g\" input %x : i16[2] const %t : i32[513] = splat 7 "
                       "%y = table(%x, %t) {to = i8} output %y"),
              "operator `table`: ONNX has no such operator on i16");
}

/* ---- windows --------------------------------------------------------------------------- */

TEST(convolutions)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[1,1,4,4] input %w : f32[1,1,3,3] "
                       "%y = conv(%x, %w) {strides = [1,1], dilations = [1,1], pads = [1,1,1,1], "
                       "group = 1} output %y"),
              "y = Conv(x, w) strides=[1,1] dilations=[1,1] group=1 kernel_shape=[3,3] "
              "pads=[1,1,1,1]");
    CHECK_HAS(
        exported("graph \"g\" input %x : f32[1,1,4] input %w : f32[1,1,3] "
                 "%y = conv(%x, %w) {strides = [1], dilations = [1], pads = [0,0], group = 1, "
                 "auto_pad = same_lower} output %y"),
        "auto_pad='SAME_LOWER'");
    /* Pads that crop come before. */
    CHECK_STR(exported("graph \"g\" input %x : f32[1,1,9] input %w : f32[1,1,3] "
                       "%y = conv(%x, %w) {strides = [1], dilations = [1], pads = [-1,2], "
                       "group = 1} output %y"),
              "y_padded = Pad(x, y_pads); y = Conv(y_padded, w) strides=[1] dilations=[1] group=1 "
              "kernel_shape=[3] pads=[0,0]; w y_pads i64[6] 0 0 -1 0 0 2");
}

/* ---- sizes ----------------------------------------------------------------------------- */

TEST(inputs_and_outputs_keep_names_order_and_sizes)
{
    CHECK_STR(ends("graph \"g\" input %x : f32[N,3,H] input %\"a b\" : i8[*] %y = neg(%x) "
                   "%z = transpose(%x) {perm = [2,0,1]} output %z, %y"),
              "x float[N,3,H], a b int8 -> z float[H,N,3], y float[N,3,H]");
    /* Sizes that depend on data have no name in the model. */
    CHECK_STR(ends("graph \"g\" input %x : f32[N] %y = nonzero(%x) %t = concat(%x, %x) {axis = 0} "
                   "output %y, %t"),
              "x float[N] -> y int64[1,?], t float[N*2]");
}

TEST(shapes_are_constants_where_one_size_follows)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[N,3,H,W] %s = dims() {values = [N,3,H*W]} "
                       "%y = reshape(%x, %s) output %y"),
              "y = Reshape(x, y_shape); w y_shape i64[3] 0 3 -1");
}

TEST(zeros_in_shapes_are_sizes_where_they_were)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[N,0] const %s : i64[2] = 0 5 "
                       "%y = reshape(%x, %s) {allow_zero = 1} output %y"),
              "y = Reshape(x, s) allowzero=1; w s i64[2] 0 5");
}

TEST(sizes_are_computed_where_they_are_needed)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[N,H] %s = dims() {values = [H*2,N,2]} "
                       "%z = dims() {values = [7]} %y = expand(%x, %s) output %y"),
              "s_size = Shape(x) start=1 end=2; s_size_2 = Mul(s_size, s_size_1); s_size_3 = "
              "Shape(x) start=0 end=1; s = Concat(s_size_2, s_size_3, s_size_1) axis=0; "
              "y = Expand(x, s); w s_size_1 i64[1] 2");
    CHECK_STR(exported("graph \"g\" input %x : f32[N] %s = dims() {values = [N/2], is_scalar = 1} "
                       "output %s"),
              "s_size = Shape(x) start=0 end=1; s_size_2 = Div(s_size, s_size_1); "
              "s = Squeeze(s_size_2); w s_size_1 i64[1] 2");
    CHECK_STR(exported("graph \"g\" input %x : f32[N] %s = dims() {values = [4,5]} output %s, %x"),
              "s = Constant() value=i64[2] 4 5");
}

/* ---- outputs, blocks ------------------------------------------------------------------- */

TEST(outputs_that_no_node_makes)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[1] const %c : f32[2] = 1 2 output %c, %x"),
              "c = Constant() value=f32[2] 1 2");
    CHECK_STR(exported("graph \"g\" input %x : f32[1] const %e : i64[0] = %y = expand(%x, %e) "
                       "output %y"),
              "y = Identity(x)");
}

TEST(captures_have_the_names_they_have_outside)
{
    CHECK_STR(exported("graph \"g\" input %c : bool[] input %x : f32[2] const %k : f32[2] = 1 2 "
                       "%y = if(%c, %x) { input %a : f32[2] %n = neg(%a) output %n } "
                       "{ input %b : f32[2] output %b } %z = add(%y, %k) output %z"),
              "y = If(c) then_branch={n = Neg(x); out n} else_branch={y_result = Identity(x); out "
              "y_result}; z = Add(y, k); w k f32[2] 1 2");
    CHECK_STR(
        exported("graph \"g\" input %n : i64[] input %c : bool[] input %x : f32[2] "
                 "%y = loop(%n, %c, %x, %x) {n_carried = 1, n_captures = 1} "
                 "{ input %i : i64[] input %d : bool[] input %v : f32[2] input %u : f32[2] "
                 "%t = add(%v, %u) output %d, %t } output %y"),
        "y = Loop(n, c, x) body={t = Add(v, x); y_result = Identity(d); out y_result; out t}");
}

TEST(fused_nodes_stand_for_themselves)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[2] %y, %z = fused(%x) { input %a : f32[2] "
                       "%n = neg(%a) %e = exp(%n) output %e, %n } output %y, %z"),
              "z = Neg(x); y = Exp(z)");
}

/* ---- names of nodes, the model --------------------------------------------------------- */

TEST(nodes_have_names_of_their_own)
{
    struct tro_onnx_model *m = NULL;
    struct tro_graph *g = parsed("graph \"g\" input %x : f32[2] %y = neg(%x) \"a\" %z = exp(%y) "
                                 "\"a\" %v = log(%z) output %v");
    CHECK_INT(tro_onnx_export(g, NULL, &m, &err), 0);
    CHECK_OR_RETURN(m && m->graph.n_nodes == 3);
    CHECK(tro_str_eqz(m->graph.nodes[0].name, "a"));
    CHECK(tro_str_eqz(m->graph.nodes[1].name, "a_1"));
    CHECK(tro_str_eqz(m->graph.nodes[2].name, "v"));
    CHECK(tro_str_eqz(m->graph.name, "g"));
    CHECK_INT(tro_onnx_opset_version(m, TRO_STR("")), TRO_ONNX_EXPORT_OPSET);
    tro_onnx_free(m);
    tro_graph_destroy(g);
}

TEST(versions_follow_from_operators_and_types)
{
    static const struct {
        const char *text;
        int64_t asked, opset, ir;
        int64_t microsoft; /* version of com.microsoft; 0: it is not used */
    } rows[] = {
        {"graph \"g\" input %x : f32[2] %y = sin(%x) output %y", 0, 19, 10, 0},
        {"graph \"g\" input %x : f32[2] const %s : f32[] = 2 %q = quantize(%x, %s) {to = i8} "
         "output %q",
         0, 19, 10, 0},
        {"graph \"g\" input %x : f32[2] const %s : f32[] = 2 %q = quantize(%x, %s) {to = i16} "
         "output %q",
         0, 19, 10, 1},
        {"graph \"g\" input %x : f32[2] const %s : f32[] = 2 %q = quantize(%x, %s) {to = i16} "
         "output %q",
         21, 21, 10, 0},
        {"graph \"g\" input %x : f32[2] const %s : f32[] = 2 %q = quantize(%x, %s) {to = i4} "
         "output %q",
         0, 21, 10, 0},
        {"graph \"g\" input %x : f32[2] %y = sin(%x) output %y", 22, 22, 10, 0},
        {"graph \"g\" input %x : bf16[2] %y = sin(%x) output %y", 0, 22, 10, 0},
        {"graph \"g\" input %q : f32[1,1,2,2] %y = attention(%q, %q, %q) output %y", 0, 23, 11, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tro_onnx_model *m = NULL;
        struct tro_graph *g = parsed(rows[i].text);
        const struct tro_onnx_export_opts opts = {.opset = rows[i].asked};
        CHECK_INT(tro_onnx_export(g, &opts, &m, &err), 0);
        CHECK_OR_RETURN(m);
        CHECK_INT(tro_onnx_opset_version(m, TRO_STR("")), rows[i].opset);
        CHECK_INT(m->ir_version, rows[i].ir);
        CHECK_INT(tro_onnx_opset_version(m, TRO_STR("com.microsoft")), rows[i].microsoft);
        tro_onnx_free(m);
        tro_graph_destroy(g);
    }
}

TEST(metadata_is_handed_over)
{
    const struct tro_onnx_pair pairs[] = {
        {.key = TRO_STR("trocar.input.colour"), .value = TRO_STR("bgr")},
        {.key = TRO_STR("a"), .value = TRO_STR("")}};
    const struct tro_onnx_export_opts opts = {.metadata = pairs, .n_metadata = 2};
    struct tro_onnx_model *m = NULL;
    struct tro_graph *g = parsed("graph \"g\" input %x : f32[2] %y = neg(%x) output %y");
    CHECK_INT(tro_onnx_export(g, &opts, &m, &err), 0);
    CHECK_OR_RETURN(m && m->n_metadata == 2);
    CHECK(tro_str_eqz(tro_onnx_metadata(m, "trocar.input.colour"), "bgr"));
    CHECK(tro_str_eqz(m->metadata[1].key, "a"));
    tro_onnx_free(m);
    tro_graph_destroy(g);
}

TEST(what_has_no_form_is_named)
{
    CHECK_STR(exported("graph \"g\" input %x : f32[1,2,4,4] %n = neg(%x) "
                       "%y = peaks(%n) {n_peaks = 1, radius = 1} \"heat\" output %y"),
              "node 'heat': operator `peaks`: it has no form in ONNX: export the network as it was "
              "before a record, a plugin or the pass qdq put it there");
    CHECK_STR(exported("graph \"g\" input %x : i8[2] input %y : i8[2] %z = pow(%x, %y) output %z"),
              "node 'z': operator `pow`: ONNX has no such operator on i8: put a cast in front of "
              "it");
    CHECK_HAS(exported("graph \"g\" input %c : bool[] input %x : f32[1,2,4,4] "
                       "%y = if(%c, %x) { input %a : f32[1,2,4,4] %p = peaks(%a) {n_peaks = 1, "
                       "radius = 1} output %p } { input %b : f32[1,2,4,4] %q = peaks(%b) "
                       "{n_peaks = 1, radius = 1} output %q } output %y"),
              "node 'y': operator `if`: node 'p': operator `peaks`: ");
}

/* ---- there and back -------------------------------------------------------------------- */

#define THERE_AND_BACK                                                                         \
    "graph \"g\" input %x : f32[N,4,H,W] const %w : i8[8,4,3,3] = splat 5 "                    \
    "const %s : f32[8,1,1,1] = splat 0.25 const %t : f32[] = 0.5 const %z : u8[] = 3 "         \
    "%q = quantize(%x, %t, %z) {to = u8} %d = dequantize(%q, %t, %z) %e = dequantize(%w, %s) " \
    "%c = conv(%d, %e) {strides = [2,2], dilations = [1,1], pads = [1,1,1,1], group = 1} "     \
    "%f = dims() {values = [N,8,H/2,W*W]} %r = sigmoid(%c) %m = nonzero(%r) output %r, %m, %f"

/* Operators of the model's nodes, in order. */
static void list_ops(const struct tro_graph *g, struct tro_buf *out)
{
    struct tro_onnx_model *m = NULL;
    CHECK_INT(tro_onnx_export(g, NULL, &m, &err), 0);
    for (size_t i = 0; m && i < m->graph.n_nodes; i++)
        tro_buf_printf(out, "%.*s ", (int)m->graph.nodes[i].op_type.n, m->graph.nodes[i].op_type.p);
    tro_onnx_free(m);
}

TEST(what_is_imported_again_is_written_the_same)
{
    struct tro_graph *g = parsed(THERE_AND_BACK), *again = NULL;
    struct tro_buf bytes = {0}, ops = {0}, ops_again = {0};
    CHECK_INT(tro_onnx_export_bytes(g, NULL, &bytes, &err), 0);
    struct tro_onnx_model *m = tro_onnx_read_memory(bytes.p, bytes.n, "m", &err);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(m);
    CHECK_INT(tro_onnx_import(m, &again, &err), 0);
    CHECK_STR(err.text, "");
    CHECK_OR_RETURN(again);
    list_ops(g, &ops);
    list_ops(again, &ops_again);
    CHECK(ops.n > 60 && tro_str_eq(bytes_of(&ops), bytes_of(&ops_again)));
    tro_graph_destroy(again);
    tro_onnx_free(m);
    tro_graph_destroy(g);
    tro_buf_finish(&bytes);
    tro_buf_finish(&ops);
    tro_buf_finish(&ops_again);
}

TEST(equal_graphs_are_equal_bytes)
{
    struct tro_buf out[2] = {{0}};
    for (int i = 0; i < 2; i++) {
        struct tro_graph *g = parsed(THERE_AND_BACK);
        CHECK_INT(tro_onnx_export_bytes(g, NULL, &out[i], &err), 0);
        tro_graph_destroy(g);
    }
    CHECK(out[0].n > 500 && tro_str_eq(bytes_of(&out[0]), bytes_of(&out[1])));
    tro_buf_finish(&out[0]);
    tro_buf_finish(&out[1]);
}

TEST(memory_may_run_out_at_any_place)
{
    struct tro_graph *g = parsed(THERE_AND_BACK);
    int n_failed = 0, rc = TRO_E_NOMEM;
    for (int64_t n = 0; n < 3000 && rc < 0; n++) {
        struct tro_buf out = {0};
        tro_alloc_fail_after(n);
        rc = tro_onnx_export_bytes(g, NULL, &out, NULL);
        tro_alloc_fail_after(-1);
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        n_failed += rc < 0;
        tro_buf_finish(&out);
    }
    CHECK(rc == 0 && n_failed > 10);
    tro_graph_destroy(g);
}
