/* SPDX-License-Identifier: Apache-2.0 */
/* Inference of if, loop and scan, on graphs as text. */
#include "graph/graph.h"
#include "infer_kit.h"

/* Types of the main block's outputs as INFER has them, or "!words" of a message. */
static void check_graph(int line, const char *text, const char *expected)
{
    static struct kit k;
    k = (struct kit){0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "t", &k.err);
    if (!g) {
        test_check(expected[0] == '!' && k.err.status == TRO_E_INPUT &&
                       strstr(k.err.text, expected + 1),
                   __FILE__, line, "expected %s, found %s", expected, k.err.text);
        return;
    }
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    k.n_out = (int)b->n_outputs;
    for (size_t i = 0; i < b->n_outputs; i++) {
        const struct tro_value *const v = tro_value_get(g, b->outputs[i]);
        k.out[i] = (struct tro_operand){.dtype = v->dtype, .shape = v->shape};
    }
    k.dims = g->dims;
    kit_print(&k);
    test_check(kit_count(expected) == k.n_out && kit_are_outputs(&k, expected), __FILE__, line,
               "expected %s, found %s", expected, k.text);
    g->dims = k.dims;
    test_check(tro_graph_verify(g, &k.err) == 0, __FILE__, line, "%s", k.err.text);
    tro_graph_destroy(g);
}
#define GRAPH(text, expected) check_graph(__LINE__, "graph \"\"\n" text, expected)

/* ---- if -------------------------------------------------------------------------------- */

TEST(infer_if)
{
    GRAPH("input %c : bool[]\n"
          "input %x : f32[N,3]\n"
          "%y = if(%c, %x) {\n"
          "  input %a : f32[N,3]\n"
          "  %b = neg(%a)\n"
          "  output %b\n"
          "} {\n"
          "  input %d : f32[N,3]\n"
          "  output %d\n"
          "}\n"
          "output %y",
          "f32[N,3]");
}

/* Sizes inside that stand for the same operand are the operand's, others only bounds. */
TEST(infer_if_merges)
{
    GRAPH("symbol N 0..9\n"
          "input %c : bool[1]\n"
          "input %x : f32[N,3]\n"
          "%y, %z = if(%c, %x) {\n"
          "  input %a : f32[A,B]\n"
          "  %a2 = concat(%a, %a) {axis = 1}\n"
          "  output %a, %a2\n"
          "} {\n"
          "  input %d : f32[D,3]\n"
          "  %e = concat(%d, %d, %d) {axis = 1}\n"
          "  output %d, %e\n"
          "}\n"
          "output %y, %z",
          "f32[N,3]; f32[N,?]");
    GRAPH("input %c : bool[]\n"
          "const %k : f32[2] = 1 2\n"
          "const %l : f32[5] = 1 2 3 4 5\n"
          "const %m : f32[1,1] = 1\n"
          "%y, %z = if(%c) {\n"
          "  output %k, %k\n"
          "} {\n"
          "  output %l, %m\n"
          "}\n"
          "output %y, %z",
          "f32[?2..5]; f32[*]");
}

/* Sizes made in both branches are equal only when they come from outside. */
TEST(infer_if_with_extents)
{
    GRAPH("symbol N 0..9\n"
          "input %c : bool[]\n"
          "input %x : f32[N]\n"
          "%y, %z = if(%c, %x) {\n"
          "  input %a : f32[N]\n"
          "  %i = nonzero(%a)\n"
          "  %n = dims() {values = [N*2]}\n"
          "  const %one : f32[] = 1\n"
          "  %o = expand(%one, %n)\n"
          "  output %i, %o\n"
          "} {\n"
          "  input %d : f32[N]\n"
          "  %j = nonzero(%d)\n"
          "  %m = dims() {values = [N*2]}\n"
          "  const %two : f32[] = 2\n"
          "  %p = expand(%two, %m)\n"
          "  output %j, %p\n"
          "}\n"
          "output %y, %z",
          "i64[1,?0..9]; f32[N*2]");
}

#define IF_OF(c_type, x_type, a_type, out_a, out_b)                                             \
    "input %c : " c_type "\ninput %x : " x_type "\nconst %k : f32[] = 1\n"                      \
    "const %i : i32[] = 1\n"                                                                    \
    "%y = if(%c, %x) {\n  input %a : " a_type "\n  output " out_a "\n} {\n  input %b : " x_type \
    "\n  output " out_b "\n}\noutput %y"

TEST(infer_if_refuses)
{
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[3]", "%k", "%k"), "f32[]");
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[3]", "%k", "%i"), "!expected one type");
    GRAPH(IF_OF("f32[]", "f32[3]", "f32[3]", "%k", "%k"), "!expected type bool");
    GRAPH(IF_OF("bool[2]", "f32[3]", "f32[3]", "%k", "%k"), "!condition has 2 elements");
    GRAPH(IF_OF("bool[]", "f32[3]", "f16[3]", "%k", "%k"), "!input 1 has type f32: expected f16");
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[4]", "%k", "%k"), "!input 1 enters the block with size 3");
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[1,3]", "%k", "%k"), "!expected rank 2");
    GRAPH(IF_OF("bool[]", "f32[*]", "f32[1,3]", "%k", "%k"), "f32[]");
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[3]", "%k, %k", "%k"),
          "!block 0 has 2 outputs: expected 1");
    GRAPH(IF_OF("bool[]", "f32[3]", "f32[3]\n  input %z : f32[]", "%k", "%k"),
          "!block 0 has 2 inputs: expected 1");
}

/* ---- loop ------------------------------------------------------------------------------ */

#define LOOP_HEAD                 \
    "symbol N 0..9\n"             \
    "const %true : bool[] = 1\n"  \
    "const %false : bool[] = 0\n" \
    "const %five : i64[] = 5\n"   \
    "input %x : f32[N,3]\n"       \
    "input %n : i64[]\n"          \
    "input %open : bool[]\n"

/* Carries x, which keeps its shape, and stacks its double. */
#define LOOP_OF(trip, first, next)                                               \
    LOOP_HEAD "%y, %s = loop(" trip ", " first ", %x) {n_carried = 1} {\n"       \
              "  input %i : i64[]\n  input %c : bool[]\n  input %a : f32[A,3]\n" \
              "  %b = neg(%a)\n  %d = concat(%a, %a) {axis = 1}\n"               \
              "  %m = max(%i, %i)\n  %stop = lt(%m, %i)\n"                       \
              "  output " next ", %b, %d\n}\noutput %y, %s"

TEST(infer_loop)
{
    GRAPH(LOOP_OF("%five", "%true", "%c"), "f32[N,3]; f32[5,N,6]");
    GRAPH(LOOP_OF("%five", "%true", "%true"), "f32[N,3]; f32[5,N,6]");
    GRAPH(LOOP_OF("%five", "%true", "%stop"), "f32[N,3]; f32[?0..5,N,6]");
    GRAPH(LOOP_OF("%five", "%open", "%c"), "f32[N,3]; f32[?0..5,N,6]");
    GRAPH(LOOP_OF("%five", "%false", "%c"), "f32[N,3]; f32[0,N,6]");
    GRAPH(LOOP_OF("%n", "%true", "%c"), "f32[N,3]; f32[?,N,6]");
    GRAPH(LOOP_OF("%n", "%true", "%a"), "!returns f32 first");
    GRAPH(LOOP_OF("%true", "%true", "%c"), "!expected type i64");
    GRAPH(LOOP_OF("%five", "%five", "%c"), "!expected type bool");
}

/* Endless: the greatest trip count is none. */
TEST(infer_loop_without_end)
{
    GRAPH("const %true : bool[] = 1\n"
          "const %most : i64[] = 9223372036854775807\n"
          "%s = loop(%most, %true) {\n"
          "  input %i : i64[]\n"
          "  input %c : bool[]\n"
          "  %stop = lt(%i, %i)\n"
          "  output %stop, %i\n"
          "}\n"
          "output %s",
          "i64[?]");
}

/* A value that grows has a free size at the entry, inside as outside. */
TEST(infer_loop_that_grows)
{
    GRAPH(LOOP_HEAD "%y, %s = loop(%five, %true, %x) {n_carried = 1} {\n"
                    "  input %i : i64[]\n"
                    "  input %c : bool[]\n"
                    "  input %a : f32[A,3]\n"
                    "  %b = concat(%a, %a) {axis = 0}\n"
                    "  output %c, %b, %a\n"
                    "}\n"
                    "output %y, %s",
          "f32[?,3]; f32[5,?,3]");
    GRAPH(LOOP_HEAD "%y = loop(%five, %true, %x) {n_carried = 1} {\n"
                    "  input %i : i64[]\n"
                    "  input %c : bool[]\n"
                    "  input %a : f32[*]\n"
                    "  output %c, %a\n"
                    "}\n"
                    "output %y",
          "f32[*]");
}

#define LOOP_ENTRY(entry, op, capture)                                              \
    LOOP_HEAD "%y = loop(%five, %true, %x, %n) {n_carried = 1, n_captures = 1} {\n" \
              "  input %i : i64[]\n  input %c : bool[]\n  input %a : " entry        \
              "\n  input %k : " capture "\n  %b = " op "\n  output %c, %b\n}\noutput %y"

TEST(infer_loop_refuses)
{
    GRAPH(LOOP_ENTRY("f32[N,3]", "neg(%a)", "i64[]"), "f32[N,3]");
    GRAPH(LOOP_ENTRY("f32[N,3]", "concat(%a, %a) {axis = 1}", "i64[]"),
          "!size 3 in axis 1 and leaves it with 6");
    GRAPH(LOOP_ENTRY("f32[N,3]", "shape_of(%a)", "i64[]"), "!as f32 and leaves it as i64");
    GRAPH(LOOP_ENTRY("f32[N,3]", "arg_reduce(%a) {drop_dims = 1}", "i64[]"), "!leaves it as i64");
    GRAPH(LOOP_ENTRY("f32[N,3]", "reduce(%a) {drop_dims = 1}", "i64[]"), "!leaves it with rank 0");
    GRAPH(LOOP_ENTRY("f32[N,4]", "neg(%a)", "i64[]"), "!input 2 enters the block with size 3");
    GRAPH(LOOP_ENTRY("f16[N,3]", "neg(%a)", "i64[]"), "!input 2 has type f32: expected f16");
    GRAPH(LOOP_ENTRY("f32[N,3]", "neg(%a)", "i32[]"), "!input 3 has type i64: expected i32");
    GRAPH(LOOP_ENTRY("f32[N,3]", "neg(%a)", "i64[1]"), "!input 3 enters the block with rank 0");
    GRAPH(LOOP_HEAD "%y = loop(%five, %true, %x) {n_carried = 2} {\n  output %true, %five\n}\n",
          "!n_carried is 2");
    GRAPH(LOOP_HEAD "%y = loop(%five, %true, %x) {n_carried = -1} {\n  output %true\n}\n",
          "!n_carried is -1");
    GRAPH(LOOP_HEAD "%y = loop(%five, %true, %x) {\n  output %true, %five\n}\n",
          "!expected 2 inputs: trip count");
    GRAPH(LOOP_HEAD "%y = loop(%five, %true) {\n  output %true, %five\n}\n",
          "!block 0 has 0 inputs: expected 2");
}

/* ---- scan ------------------------------------------------------------------------------ */

#define SCAN_OF(attrs, slice, state_op)                                                      \
    "symbol T 0..9\n"                                                                        \
    "input %h : f32[N]\ninput %x : f32[N,T,4]\n"                                             \
    "%y, %s = scan(%h, %x) {n_scan_inputs = 1, n_scan_outputs = 1, " attrs "} {\n"           \
    "  input %a : f32[N]\n  input %b : " slice "\n  %c = " state_op "\n  output %c, %b\n}\n" \
    "output %y, %s"

TEST(infer_scan)
{
    GRAPH(SCAN_OF("input_axes = [1]", "f32[N,4]", "neg(%a)"), "f32[N]; f32[T,N,4]");
    GRAPH(SCAN_OF("input_axes = [-2], output_axes = [-1]", "f32[B,C]", "neg(%a)"),
          "f32[N]; f32[N,4,T]");
    GRAPH(SCAN_OF("input_axes = [1], output_axes = [1], input_reversed = [1]", "f32[*]", "neg(%a)"),
          "f32[N]; f32[*]");
    GRAPH(SCAN_OF("n_captures = 0", "f32[T,4]", "neg(%a)"), "f32[N]; f32[N,T,4]");
    GRAPH(SCAN_OF("input_axes = [3]", "f32[N,4]", "neg(%a)"), "!axis 3");
    GRAPH(SCAN_OF("output_axes = [3]", "f32[T,4]", "neg(%a)"), "!axis 3");
    GRAPH(SCAN_OF("input_axes = [0, 1]", "f32[T,4]", "neg(%a)"), "!input_axes has 2 entries");
    GRAPH(SCAN_OF("output_reversed = [0, 1]", "f32[T,4]", "neg(%a)"), "!output_reversed has 2");
    GRAPH(SCAN_OF("input_axes = [1]", "f32[N,5]", "neg(%a)"), "!with size 4 in axis 1");
    GRAPH(SCAN_OF("input_axes = [1]", "f32[N,T,4]", "neg(%a)"), "!with rank 2: expected rank 3");
    GRAPH(SCAN_OF("input_axes = [1]", "f32[N,4]", "cast(%a) {to = f16}"), "!leaves it as f16");
    GRAPH(SCAN_OF("n_captures = 1", "f32[T,4]", "neg(%a)"), "!outputs are left for state");
    GRAPH(SCAN_OF("n_captures = 2", "f32[T,4]", "neg(%a)"), "!n_captures is 2");
}

TEST(infer_scan_lengths)
{
    GRAPH("input %x : f32[T,4]\n"
          "input %y : f32[7,4]\n"
          "%s = scan(%x, %y) {n_scan_inputs = 2, n_scan_outputs = 1} {\n"
          "  input %a : f32[4]\n  input %b : f32[4]\n  %c = add(%a, %b)\n  output %c\n}\n"
          "output %s",
          "f32[7,4]");
    GRAPH("input %x : f32[6,4]\n"
          "input %y : f32[7,4]\n"
          "%s = scan(%x, %y) {n_scan_inputs = 2, n_scan_outputs = 1} {\n"
          "  input %a : f32[4]\n  input %b : f32[4]\n  %c = add(%a, %b)\n  output %c\n}\n"
          "output %s",
          "!scanned axes");
    GRAPH("input %x : f32[6,4]\n"
          "%s = scan(%x) {n_scan_outputs = 1} {\n"
          "  input %a : f32[4]\n  output %a\n}\n",
          "!n_scan_inputs is 0");
}
