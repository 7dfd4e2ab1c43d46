/* SPDX-License-Identifier: Apache-2.0 */
/* The executor on graphs in text form. */
#include "ref_kit.h"

struct tap_log {
    struct tro_buf text;
    int n_left; /* calls until it ends the run; negative = never */
};

static int log_node(void *ctx, const struct tro_graph *g, tro_node_id node,
                    const struct tro_tensor *out, struct tro_err *err)
{
    struct tap_log *const log = ctx;
    const struct tro_node *const n = tro_node_get(g, node);
    (void)err;
    tro_buf_printf(&log->text, "%s(", tro_op_info(n->op)->text);
    for (uint32_t i = 0; i < n->n_out; i++)
        ref_kit_print(&out[i], &log->text);
    tro_buf_str(&log->text, ") ");
    return log->n_left >= 0 && log->n_left-- == 0 ? TRO_E_IO : 0;
}

/* Runs a graph; the result in text, or "STATUS: message" of its failure. Caller frees. */
static char *run(const char *graph, const char *in_text, tro_ref_tap *tap, void *tap_ctx)
{
    struct tro_err err = {0};
    struct tro_tensor in[REF_KIT_MAX] = {{0}}, out[REF_KIT_MAX] = {{0}};
    struct tro_buf text = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){graph, strlen(graph)}, "test",
                                                &err);
    if (!g) {
        tro_buf_printf(&text, "no graph: %s", err.text);
        tro_buf_u8(&text, 0);
        return (char *)text.p;
    }
    const int n_in = ref_kit_read_all(in_text, in);
    const int n_out = (int)tro_block_get(g, TRO_MAIN_BLOCK)->n_outputs;
    const int rc = tro_ref_run(g, in, out, tap, tap_ctx, &err);
    if (rc < 0) {
        tro_buf_printf(&text, "%d: %s", rc, err.text);
        tro_buf_u8(&text, 0);
    } else {
        ref_kit_print_all(out, n_out, &text);
    }
    for (int i = 0; i < n_out; i++) {
        CHECK(rc >= 0 || !out[i].data);
        tro_free(out[i].data);
    }
    for (int i = 0; i < n_in; i++)
        free(in[i].data);
    tro_graph_destroy(g);
    return (char *)text.p;
}

static void check_run(const char *file, int line, const char *graph, const char *in,
                      const char *expected)
{
    char *const found = run(graph, in, NULL, NULL);
    test_check(strcmp(found, expected) == 0, file, line, "expected %s, found %s", expected, found);
    tro_free(found);
}

#define RUN(graph, in, expected) check_run(__FILE__, __LINE__, "graph \"g\"\n" graph, in, expected)

/* ---- straight graphs ------------------------------------------------------------------- */

TEST(exec_chain)
{
    RUN("input %x : f32[N,2]\n"
        "const %one : f32[] = 1\n"
        "%a = add(%x, %one)\n"
        "%b = mul(%a, %a)\n"
        "%c = sub(%b, %x)\n"
        "output %c, %b\n",
        "f32[2,2] 0 1 2 3", "f32[2,2] 1 3 7 13; f32[2,2] 1 4 9 16");
    /* Nothing to do: inputs and constants as outputs, also twice. */
    RUN("input %x : i8[2]\nconst %c : i64[1] = 7\noutput %x, %c, %x\n", "i8[2] 1 2",
        "i8[2] 1 2; i64[1] 7; i8[2] 1 2");
    RUN("input %x : f32[N]\n%a = neg(%x)\noutput %a, %a\n", "f32[1] 1", "f32[1] -1; f32[1] -1");
    RUN("input %x : f32[N]\n%unused = neg(%x)\n%y = abs(%x)\noutput %y\n", "f32[0]", "f32[0]");
}

TEST(exec_inputs)
{
#define SAME "input %x : f32[1,3,H,W]\ninput %y : f32[H]\noutput %x\n"
    RUN(SAME, "f32[1,4,2,2] 16*0; f32[2] 0 0",
        "-1: input 'x': expected f32[1,3,H,W], found f32[1,4,2,2]");
    RUN(SAME, "f32[1,3,2] 6*0; f32[2] 0 0",
        "-1: input 'x': expected f32[1,3,H,W], found f32[1,3,2]");
    RUN(SAME, "f16[1,3,1,1] 0 0 0; f32[1] 0",
        "-1: input 'x': expected f32[1,3,H,W], found f16[1,3,1,1]");
    RUN(SAME, "f32[1,3,1,1] 0 0 0; f32[2] 0 0", "-1: input 'y': expected f32[H], found f32[2]");
    RUN("input %x : f32[N*2]\ninput %y : f32[N]\noutput %y\n", "f32[4] 4*0; f32[3] 3*0",
        "-1: input 'y': expected f32[N], found f32[3]");
    RUN("input %x : f32[N+M]\ninput %y : f32[N]\ninput %z : f32[M]\noutput %y\n",
        "f32[4] 4*0; f32[3] 3*0; f32[2] 0 0", "-1: input 'x': expected f32[M+N], found f32[4]");
    RUN("input %x : f32[N+M]\ninput %y : f32[N]\ninput %z : f32[M]\noutput %y\n",
        "f32[4] 4*0; f32[3] 1 2 3; f32[1] 0", "f32[3] 1 2 3");
    RUN("input %x : f32[*]\n%y = neg(%x)\noutput %y\n", "f32[1,1,2] 1 2", "f32[1,1,2] -1 -2");
}

TEST(exec_symbols)
{
    RUN("input %x : f32[N,M]\n"
        "%n = dims() {values = [N, M+1]}\n"
        "output %n\n",
        "f32[2,3] 6*0", "i64[2] 2 4");
    /* The extent of a result becomes the value of its symbol. */
    RUN("input %x : f32[N]\n"
        "%i = nonzero(%x) : i64[1,K]\n"
        "%k = dims() {values = [K*2], is_scalar = 1}\n"
        "output %i, %k\n",
        "f32[4] 0 3 0 4", "i64[1,2] 1 3; i64[] 4");
    RUN("input %x : f32[N]\n%y = neg(%x) : f32[5]\noutput %y\n", "f32[4] 4*0",
        "-1: node 'y' (neg): result 'y': expected f32[5], found f32[4]");
}

TEST(exec_failures)
{
    RUN("input %x : f32[N]\ninput %i : i64[K]\n"
        "%y = gather(%x, %i) \"lookup\"\noutput %y\n",
        "f32[2] 1 2; i64[1] 5",
        "-1: node 'lookup' (gather): index 5 (element 0 of the indices): expected one of an axis "
        "of "
        "size 2");
    RUN("input %x : f32[N]\ninput %y : f32[M]\n%a = neg(%x)\n%z = add(%a, %y)\noutput %z\n",
        "f32[2] 1 2; f32[3] 1 2 3",
        "-1: node 'z' (add): broadcasting: expected equal sizes, found: 2 and 3");
}

TEST(exec_tap)
{
    struct tap_log log = {.n_left = -1};
    const char *const graph = "graph \"g\"\ninput %x : f32[2]\n"
                              "%a = neg(%x)\n%v, _ = topk(%a, %k) {axis = 0}\noutput %v\n";
    const char *const with_k = "graph \"g\"\ninput %x : f32[2]\nconst %k : i64[1] = 1\n"
                               "%a = neg(%x)\n%v, _ = topk(%a, %k) {axis = 0}\noutput %v\n";
    char *found = run(graph, "f32[2] 1 2", NULL, NULL);
    CHECK_HAS(found, "no graph");
    tro_free(found);
    found = run(with_k, "f32[2] 1 2", log_node, &log);
    CHECK_STR(found, "f32[1] -1");
    tro_buf_u8(&log.text, 0);
    CHECK_STR((char *)log.text.p, "neg(f32[2] -1 -2) topk(f32[1] -1-) ");
    tro_free(found);
    tro_buf_finish(&log.text);
    log = (struct tap_log){.n_left = 0};
    found = run(with_k, "f32[2] 1 2", log_node, &log);
    CHECK_STR(found, "-3: ");
    tro_free(found);
    tro_buf_finish(&log.text);
}

/* ---- if -------------------------------------------------------------------------------- */

#define IF_GRAPH               \
    "input %c : bool[]\n"      \
    "input %x : f32[N]\n"      \
    "const %two : f32[] = 2\n" \
    "%y, %z = if(%c, %x) {\n"  \
    "  input %a : f32[N]\n"    \
    "  %b = mul(%a, %two)\n"   \
    "  output %b, %a\n"        \
    "} {\n"                    \
    "  input %d : f32[N]\n"    \
    "  %e = reduce(%d)\n"      \
    "  output %e, %two1\n"     \
    "}\n"                      \
    "%w = add(%y, %x)\n"       \
    "output %w, %z, %y\n"

TEST(exec_if)
{
    RUN("const %two1 : f32[1] = 2\n" IF_GRAPH, "bool[] 1; f32[3] 1 2 3",
        "f32[3] 3 6 9; f32[3] 1 2 3; f32[3] 2 4 6");
    RUN("const %two1 : f32[1] = 2\n" IF_GRAPH, "bool[] 0; f32[3] 1 2 3",
        "f32[3] 7 8 9; f32[1] 2; f32[1] 6");
    RUN("input %c : bool[K]\ninput %x : f32[N]\n"
        "%y = if(%c, %x) {\n  input %a : f32[N]\n  output %a\n} {\n  input %b : f32[N]\n"
        "  output %b\n}\noutput %y\n",
        "bool[2] 1 1; f32[1] 4", "-1: node 'y' (if): condition: expected one element, found 2");
}

/* ---- loop ------------------------------------------------------------------------------ */

/* carried: sum += x; stacked: the sum, the iteration. Ends when the sum reaches 10. */
#define LOOP_GRAPH(trip, cond)                                                                \
    "input %n : i64[]\n"                                                                      \
    "input %go : bool[]\n"                                                                    \
    "input %s : f32[]\n"                                                                      \
    "input %x : f32[]\n"                                                                      \
    "const %ten : f32[] = 10\n"                                                               \
    "%sum, %sums, %is = loop(" trip ", " cond ", %s, %x) {n_carried = 1, n_captures = 1} {\n" \
    "  input %i : i64[]\n"                                                                    \
    "  input %c : bool[]\n"                                                                   \
    "  input %a : f32[]\n"                                                                    \
    "  input %b : f32[]\n"                                                                    \
    "  %t = add(%a, %b)\n"                                                                    \
    "  %more = lt(%t, %ten)\n"                                                                \
    "  output %more, %t, %t, %i\n"                                                            \
    "}\n"                                                                                     \
    "output %sum, %sums, %is\n"

TEST(exec_loop)
{
    RUN(LOOP_GRAPH("%n", "%go"), "i64[] 3; bool[] 1; f32[] 0; f32[] 1.5",
        "f32[] 4.5; f32[3] 1.5 3 4.5; i64[3] 0 1 2");
    RUN(LOOP_GRAPH("%n", "%go"), "i64[] 9223372036854775807; bool[] 1; f32[] 0; f32[] 4",
        "f32[] 12; f32[3] 4 8 12; i64[3] 0 1 2");
    RUN(LOOP_GRAPH("_", "%go"), "i64[] 0; bool[] 1; f32[] 0; f32[] 5",
        "f32[] 10; f32[2] 5 10; i64[2] 0 1");
    RUN(LOOP_GRAPH("%n", "_"), "i64[] 1; bool[] 0; f32[] 1; f32[] 1",
        "f32[] 2; f32[1] 2; i64[1] 0");
    RUN(LOOP_GRAPH("_", "_"), "i64[] 0; bool[] 0; f32[] 1; f32[] 3",
        "f32[] 10; f32[3] 4 7 10; i64[3] 0 1 2");
    RUN(LOOP_GRAPH("%n", "%go"), "i64[] 5; bool[] 0; f32[] 1; f32[] 1", "f32[] 1; f32[0]; i64[0]");
    RUN(LOOP_GRAPH("%n", "%go"), "i64[] -5; bool[] 1; f32[] 1; f32[] 1", "f32[] 1; f32[0]; i64[0]");
}

/* The carried value grows in each iteration: its size is another one each time. */
#define GROW_GRAPH                                  \
    "symbol K 0..1000\n"                            \
    "input %n : i64[]\n"                            \
    "input %x : f32[N]\n"                           \
    "%y, %ks = loop(%n, _, %x) {n_carried = 1} {\n" \
    "  input %i : i64[]\n"                          \
    "  input %c : bool[]\n"                         \
    "  input %a : f32[K]\n"                         \
    "  %b = concat(%a, %a) {axis = 0}\n"            \
    "  %k = dims() {values = [K]}\n"                \
    "  output %c, %b, %k\n"                         \
    "}\n"                                           \
    "output %y, %ks\n"

TEST(exec_loop_with_growing_value)
{
    RUN(GROW_GRAPH, "i64[] 3; f32[1] 5", "f32[8] 5 5 5 5 5 5 5 5; i64[3,1] 1 2 4");
}

TEST(exec_loop_with_other_slices)
{
    RUN("symbol K 0..1000\ninput %n : i64[]\ninput %x : f32[N]\n"
        "%y, %ys = loop(%n, _, %x) {n_carried = 1} {\n"
        "  input %i : i64[]\n  input %c : bool[]\n  input %a : f32[K]\n"
        "  %b = concat(%a, %a) {axis = 0}\n"
        "  output %c, %b, %a\n}\noutput %y, %ys\n",
        "i64[] 3; f32[1] 5",
        "-1: node 'y' (loop): stacked output 0: expected one shape in all iterations, found "
        "another "
        "in iteration 1");
    RUN("input %n : i64[]\ninput %x : f32[3,N]\n"
        "%ys = loop(%n, _, %x) {n_captures = 1} {\n"
        "  input %i : i64[]\n  input %c : bool[]\n  input %a : f32[3,N]\n"
        "  output %c, %a\n}\noutput %ys\n",
        "i64[] 0; f32[3,2] 6*0", "f32[0,3,2]");
}

TEST(exec_loop_failure)
{
    RUN("input %n : i64[]\ninput %x : f32[N]\n"
        "%ys = loop(%n, _, %x) {n_captures = 1} {\n"
        "  input %i : i64[]\n  input %c : bool[]\n  input %a : f32[N]\n"
        "  %v = gather(%a, %i) \"pick\"\n"
        "  output %c, %v\n} \"outer\"\noutput %ys\n",
        "i64[] 3; f32[2] 7 8",
        "-1: node 'outer' (loop): node 'pick' (gather): index 2 (element 0 of the indices): "
        "expected "
        "one of an axis of size 2");
}

/* ---- scan ------------------------------------------------------------------------------ */

#define SCAN_GRAPH                                                           \
    "input %s : f32[2]\ninput %x : f32[T,2]\n"                               \
    "%last, %all = scan(%s, %x) {n_scan_inputs = 1, n_scan_outputs = 1} {\n" \
    "  input %a : f32[2]\n  input %b : f32[2]\n"                             \
    "  %c = add(%a, %b)\n  output %c, %c\n}\noutput %last, %all\n"

TEST(exec_scan)
{
    RUN(SCAN_GRAPH, "f32[2] 0 0; f32[3,2] 1 2 3 4 5 6", "f32[2] 9 12; f32[3,2] 1 2 4 6 9 12");
    /* Axes, directions and captures. */
    RUN("input %x : i8[2,T]\ninput %y : i8[T]\ninput %k : i8[]\n"
        "%p, %q = scan(%x, %y, %k) {n_scan_inputs = 2, n_scan_outputs = 2, n_captures = 1,\n"
        "    input_axes = [1, -1], input_reversed = [1, 0], output_axes = [-1, 0],\n"
        "    output_reversed = [0, 1]} {\n"
        "  input %a : i8[2]\n  input %b : i8[]\n  input %c : i8[]\n"
        "  %d = add(%a, %b)\n  %e = mul(%d, %c)\n  output %e, %b\n}\noutput %p, %q\n",
        "i8[2,3] 1 2 3 4 5 6; i8[3] 10 20 30; i8[] 2", "i8[2,3] 26 44 62 32 50 68; i8[3] 30 20 10");
    RUN("input %s : f32[]\ninput %x : f32[T,2]\n"
        "%last, %all = scan(%s, %x) {n_scan_inputs = 1, n_scan_outputs = 1, output_axes = [1]} {\n"
        "  input %a : f32[]\n  input %b : f32[2]\n  output %a, %b\n}\noutput %last, %all\n",
        "f32[] 3; f32[0,2]", "f32[] 3; f32[2,0]");
    RUN("input %x : f32[T]\ninput %y : f32[S]\n"
        "%p = scan(%x, %y) {n_scan_inputs = 2, n_scan_outputs = 1} {\n"
        "  input %a : f32[]\n  input %b : f32[]\n  output %a\n}\noutput %p\n",
        "f32[1] 1; f32[2] 1 2",
        "-1: node 'p' (scan): scanned input 1: expected 1 slices as input 0, found 2");
}

TEST(exec_nested_blocks)
{
    /* for i < 3: for j < 2: if j == 1: s += x else s *= 2 */
    RUN("input %x : f32[]\nconst %three : i64[] = 3\nconst %two : i64[] = 2\n"
        "const %one : i64[] = 1\nconst %f2 : f32[] = 2\n"
        "%y = loop(%three, _, %x, %x) {n_carried = 1, n_captures = 1} {\n"
        "  input %i : i64[]\n  input %c : bool[]\n  input %s : f32[]\n  input %v : f32[]\n"
        "  %t = loop(%two, _, %s, %v) {n_carried = 1, n_captures = 1} {\n"
        "    input %j : i64[]\n    input %d : bool[]\n    input %u : f32[]\n    input %w : f32[]\n"
        "    %is = eq(%j, %one)\n"
        "    %r = if(%is, %u, %w) {\n"
        "      input %p : f32[]\n      input %q : f32[]\n"
        "      %sum = add(%p, %q)\n      output %sum\n"
        "    } {\n"
        "      input %m : f32[]\n      input %n : f32[]\n"
        "      %double = mul(%m, %f2)\n      output %double\n"
        "    }\n"
        "    output %d, %r\n  }\n"
        "  output %c, %t\n}\noutput %y\n",
        "f32[] 3", "f32[] 45");
}

/* ---- memory ---------------------------------------------------------------------------- */

/* Each allocation in turn fails: the run ends in that error or succeeds, and leaks nothing. */
static void run_without_memory(const char *graph, const char *in_text)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){graph, strlen(graph)}, "t", &err);
    CHECK_OR_RETURN(g != NULL);
    struct tro_tensor in[REF_KIT_MAX], out[REF_KIT_MAX];
    const int n_in = ref_kit_read_all(in_text, in);
    const int n_out = (int)tro_block_get(g, TRO_MAIN_BLOCK)->n_outputs;
    int n_failed = 0, rc = -1;
    for (int n = 0; rc < 0 && n < 5000; n++) {
        tro_alloc_fail_after(n);
        rc = tro_ref_run(g, in, out, NULL, NULL, &err);
        tro_alloc_fail_after(-1);
        n_failed += rc < 0;
        CHECK(rc == 0 || rc == TRO_E_NOMEM);
        for (int i = 0; i < n_out; i++)
            tro_free(out[i].data);
    }
    CHECK_INT(rc, 0);
    CHECK(n_failed > 20);
    for (int i = 0; i < n_in; i++)
        free(in[i].data);
    tro_graph_destroy(g);
}

TEST(exec_out_of_memory)
{
    run_without_memory("graph \"g\"\n" LOOP_GRAPH("%n", "%go"),
                       "i64[] 5; bool[] 1; f32[] 0; f32[] 1");
    run_without_memory("graph \"g\"\nconst %two1 : f32[1] = 2\n" IF_GRAPH, "bool[] 1; f32[2] 1 2");
    run_without_memory("graph \"g\"\n" SCAN_GRAPH, "f32[2] 0 0; f32[3,2] 1 2 3 4 5 6");
    run_without_memory("graph \"g\"\ninput %x : f32[N]\nconst %k : i64[1] = 2\n"
                       "const %z : i64[] = 0\n"
                       "%v, %i = topk(%x, %k) {axis = 0}\n"
                       "%u, _, %j = unique(%x) {is_flat = 1, is_unsorted = 1}\n"
                       "%s = softmax(%x)\n%p = pad(%x, %i)\n"
                       "%n = normalize(%x) {axes = [0]}\n%r = reduce(%x)\n"
                       "%g = gather(%x, %i)\n%c = cumsum(%x, %z)\n"
                       "output %v, %u, %j, %s, %p, %n, %r, %g, %c\n",
                       "f32[4] 3 1 1 2");
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#define HAS_ASAN __has_feature(address_sanitizer)
#else
#define HAS_ASAN 0
#endif

/* Places of memory that outputs of nodes came to lie in. */
struct places {
    const void *at[64];
    int n;
};

static int note_place(void *ctx, const struct tro_graph *g, tro_node_id node,
                      const struct tro_tensor *out, struct tro_err *err)
{
    (void)g, (void)node, (void)err;
    struct places *const p = ctx;
    for (int i = 0; i < p->n; i++)
        if (p->at[i] == out[0].data)
            return 0;
    p->at[p->n++] = out[0].data;
    return 0;
}

/* Intermediate tensors go after their last use: many in a row take the memory of few. */
TEST(exec_frees_after_last_use)
{
    struct tro_buf text = {0};
    struct places places = {.n = 0};
    tro_buf_str(&text, "graph \"g\"\ninput %v0 : f32[4096]\n");
    for (int i = 0; i < 40; i++)
        tro_buf_printf(&text, "%%v%d = neg(%%v%d)\n", i + 1, i);
    tro_buf_str(&text, "output %v40\n");
    tro_buf_u8(&text, 0);
    char *const found = run((char *)text.p, "f32[4096] 4096*1", note_place, &places);
    CHECK(strncmp(found, "f32[4096] 1 1", 13) == 0);
    CHECK(places.n < (HAS_ASAN ? 41 : 10)); /* a sanitizer keeps freed memory out of use */
    tro_free(found);
    tro_buf_finish(&text);
}
