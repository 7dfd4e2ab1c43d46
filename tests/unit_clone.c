/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of graphs, as they are and for other sizes of the inputs. */
#include "base/alloc.h"
#include "graph/graph.h"
#include "test.h"

static struct tro_graph *parse(const char *text)
{
    struct tro_err err = {0};
    struct tro_graph *const g = tro_graph_parse((struct tro_str){text, strlen(text)}, "test", &err);
    test_check(g != NULL, __FILE__, __LINE__, "%s", err.text);
    return g;
}

static void check_text(const struct tro_graph *g, const char *want)
{
    struct tro_buf text = {0};
    struct tro_err err = {0};
    CHECK_OR_RETURN(g != NULL);
    tro_graph_print(g, -1, &text);
    tro_buf_u8(&text, 0);
    CHECK_STR((const char *)text.p, want);
    tro_buf_finish(&text);
    test_check(tro_graph_verify(g, &err) == 0, __FILE__, __LINE__, "%s", err.text);
}

static const char *const with_blocks = "graph \"g\"\n"
                                       "symbol N 1..8\n"
                                       "symbol u0 0..100\n"
                                       "input %x : f32[N,3]\n"
                                       "input %c : bool[]\n"
                                       "const %w : f32[3] = 1 2 3\n"
                                       "%y, _ = split(%x) {axis = 1} : f32[N,2], f32[N,1]\n"
                                       "%s = dims() {values = [N,-1]} : i64[2]\n"
                                       "%r = reshape(%x, %s) : f32[N,3]\n"
                                       "%i = if(%c, %r) {\n"
                                       "    input %a : f32[N,3]\n"
                                       "    %t = add(%a, %w) : f32[N,3]\n"
                                       "    output %t\n"
                                       "} {\n"
                                       "    input %b : f32[N,3]\n"
                                       "    output %b\n"
                                       "} : f32[N,3] \"choose\"\n"
                                       "%z = nonzero(%i) : i64[2,u0]\n"
                                       "%k = cast(%z) {to = f32} : f32[2,u0]\n"
                                       "output %y, %i, %k\n";

TEST(clone_exact)
{
    struct tro_graph *const g = parse(with_blocks);
    struct tro_buf text = {0};
    struct tro_err err = {0};
    CHECK_OR_RETURN(g != NULL);
    tro_graph_print(g, -1, &text);
    tro_buf_u8(&text, 0);
    struct tro_graph *const copy = tro_graph_clone(g, NULL, &err);
    test_check(copy != NULL, __FILE__, __LINE__, "%s", err.text);
    check_text(copy, (const char *)text.p);
    tro_buf_finish(&text);
    tro_graph_destroy(copy);
    tro_graph_destroy(g);
}

/* What a pass made known of one value reaches the next ones; constants keep their data. */
TEST(infer_again)
{
    struct tro_graph *const g = parse("graph \"g\"\n"
                                      "symbol u0 0..\n"
                                      "input %x : f32[1,4]\n"
                                      "input %c : bool[]\n"
                                      "const %w : f32[3] = 1 2 3\n"
                                      "const %k : i64[1] = 0\n"
                                      "%i = if(%c, %x) {\n"
                                      "    input %a : f32[1,4]\n"
                                      "    output %a\n"
                                      "} {\n"
                                      "    input %b : f32[1,4]\n"
                                      "    %q = squeeze(%b, %k)\n"
                                      "    output %q\n"
                                      "} : f32[*]\n"
                                      "%n = neg(%i) : f32[*]\n"
                                      "%s = shape_of(%n) : i64[u0]\n"
                                      "%d = dims() {values = [u0]} : i64[1]\n"
                                      "%y = neg(%w) : f32[3]\n"
                                      "output %s, %d, %y\n");
    struct tro_err err = {0};
    CHECK_OR_RETURN(g != NULL);
    const struct tro_block *const b = tro_block_get(g, TRO_MAIN_BLOCK);
    tro_graph_set_input(g, b->nodes[1], 0, b->inputs[0]);
    test_check(tro_graph_infer_again(g, &err) == 0, __FILE__, __LINE__, "%s", err.text);
    check_text(g, "graph \"g\"\n"
                  "input %x : f32[1,4]\n"
                  "input %c : bool[]\n"
                  "const %k : i64[1] = 0\n"
                  "const %w : f32[3] = 1 2 3\n"
                  "%i = if(%c, %x) {\n"
                  "  input %a : f32[1,4]\n"
                  "  output %a\n"
                  "} {\n"
                  "  input %b : f32[1,4]\n"
                  "  %q = squeeze(%b, %k) : f32[4]\n"
                  "  output %q\n"
                  "} : f32[*]\n"
                  "%n = neg(%x) : f32[1,4]\n"
                  "%s = shape_of(%n) : i64[2]\n"
                  "%d = dims() {values = [2]} : i64[1]\n"
                  "%y = neg(%w) : f32[3]\n"
                  "output %s, %d, %y\n");
    tro_graph_destroy(g);
}

TEST(clone_pinned)
{
    struct tro_graph *const g = parse(with_blocks);
    struct tro_err err = {0};
    CHECK_OR_RETURN(g != NULL);
    const struct tro_clone_shape shapes[2] = {{.rank = 2, .lo = {4, 3}, .hi = {4, 3}}, {.rank = 0}};
    struct tro_graph *const copy = tro_graph_clone(g, shapes, &err);
    test_check(copy != NULL, __FILE__, __LINE__, "%s", err.text);
    check_text(copy, "graph \"g\"\n"
                     "symbol u2 0..12\n"
                     "input %x : f32[4,3]\n"
                     "input %c : bool[]\n"
                     "const %w : f32[3] = 1 2 3\n"
                     "%y, _ = split(%x) {axis = 1} : f32[4,2], _\n"
                     "%s = dims() {values = [4,-1]} : i64[2]\n"
                     "%r = reshape(%x, %s) : f32[4,3]\n"
                     "%i = if(%c, %r) {\n"
                     "  input %a : f32[4,3]\n"
                     "  %t = add(%a, %w) : f32[4,3]\n"
                     "  output %t\n"
                     "} {\n"
                     "  input %b : f32[4,3]\n"
                     "  output %b\n"
                     "} : f32[4,3] \"choose\"\n"
                     "%z = nonzero(%i) : i64[2,u2]\n"
                     "%k = cast(%z) {to = f32} : f32[2,u2]\n"
                     "output %y, %i, %k\n");
    tro_graph_destroy(copy);
    tro_graph_destroy(g);
}

TEST(clone_bounds)
{
    struct tro_graph *const g = parse("graph \"g\"\n"
                                      "input %x : f32[N,H]\n"
                                      "input %y : f32[N,H*2]\n"
                                      "%z = concat(%x, %y) {axis = 1}\n"
                                      "output %z\n");
    struct tro_err err = {0};
    CHECK_OR_RETURN(g != NULL);
    const struct tro_clone_shape shapes[2] = {{.rank = 2, .lo = {1, 5}, .hi = {8, 9}},
                                              {.rank = 2, .lo = {2, 12}, .hi = {9, 12}}};
    struct tro_graph *const copy = tro_graph_clone(g, shapes, &err);
    check_text(copy, "graph \"g\"\n"
                     "symbol N 2..8\n"
                     "input %x : f32[N,6]\n"
                     "input %y : f32[N,12]\n"
                     "%z = concat(%x, %y) {axis = 1} : f32[N,18]\n"
                     "output %z\n");
    tro_graph_destroy(copy);
    tro_graph_destroy(g);
}

static void check_refused(struct tro_graph *g, const struct tro_clone_shape *shapes,
                          const char *message)
{
    struct tro_err err = {0};
    struct tro_graph *const copy = tro_graph_clone(g, shapes, &err);
    CHECK(!copy);
    CHECK_INT(err.status, TRO_E_INPUT);
    CHECK_HAS(err.text, message);
    tro_graph_destroy(copy);
}

TEST(clone_contradictions)
{
    struct tro_graph *const g = parse(with_blocks);
    CHECK_OR_RETURN(g != NULL);
    const struct tro_clone_shape size[2] = {{.rank = 2, .lo = {4, 4}, .hi = {4, 4}}, {.rank = -1}};
    const struct tro_clone_shape range[2] = {{.rank = 2, .lo = {9, 3}, .hi = {12, 3}},
                                             {.rank = -1}};
    const struct tro_clone_shape rank[2] = {{.rank = 1, .lo = {4}, .hi = {4}}, {.rank = -1}};
    check_refused(g, size,
                  "input 'x': expected sizes that fit f32[N,3], found 4 to 4 along axis 1");
    check_refused(g, range, "found 9 to 12 along axis 0");
    check_refused(g, rank, "expected rank 2, found 1");
    tro_graph_destroy(g);
}

TEST(clone_without_memory)
{
    struct tro_graph *const g = parse(with_blocks);
    CHECK_OR_RETURN(g != NULL);
    struct tro_graph *copy = NULL;
    for (int n = 0; n < 4000 && !copy; n++) {
        struct tro_err err = {0};
        tro_alloc_fail_after(n);
        copy = tro_graph_clone(g, NULL, &err);
        tro_alloc_fail_after(-1);
        if (!copy)
            CHECK_INT(err.status, TRO_E_NOMEM);
    }
    CHECK(copy != NULL);
    tro_graph_destroy(copy);
    tro_graph_destroy(g);
}
